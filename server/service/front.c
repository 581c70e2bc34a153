/* SPDX-License-Identifier: Apache-2.0
 *
 * service/front: the associations of one worker and the operations that run on them.
 *
 * struct service lives on its worker's thread and owns a list of struct front, one per accepted association; a
 * front owns its running operations. Nothing here is shared with another thread: a C-MOVE's work is done by a
 * retrieve worker and comes back as mail (move_mail.c).
 *
 *   accept -> front -> admission -> established --- message ---> dispatch
 *                                        |                          |
 *                                        |      response <-- operation_finish <-- find, get, move, store, echo
 *                                        +-- release asked: operations stopped, release answered
 *                                        +-- lost or aborted: operations stopped
 *
 * Dispatch is a table, command x service class (PS3.7 9.3, PS3.4). An operation is a struct that begins with
 * struct operation and a const operation_kind with what can happen to it: start, C-CANCEL, output drained, stop.
 * It ends exactly once, through operation_finish (with a response) or operation_end (without). kind->stop must
 * let go of whatever the operation holds at that moment, and is the only cleanup there is.
 *
 * Operations on one association run concurrently up to max_operations_per_assoc, whatever was negotiated: a
 * peer that sends more than its window is served rather than cut off, and refused above the cap. Reading goes on
 * during operations, because C-CANCEL must be seen (PS3.7 9.3.2.3); the cap and max_dataset_bytes bound what a
 * flood can make us keep.
 *
 * A whole operation has a deadline (operation_ms), which nothing a peer does moves: a C-FIND whose reader takes an
 * octet now and then would keep a database connection and its snapshot for ever. All have the same time, that of the
 * service's settings of the moment, so they stand in a list by age and one timer waits for the oldest.
 *
 * Memory: an operation costs one small struct; its arena, row scratch and response buffer come from a list of
 * spare ones of this service, so that a cheap C-FIND allocates next to nothing.
 */
#include "service_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"

enum {
    SPARE_MEMORIES = 32,
    ARENA_BYTES = 64 * 1024 * 1024,
    SCRATCH_BYTES = 16 * 1024 * 1024,
    KEPT_BUFFER_BYTES = 256 * 1024,
    PRIORITY_LOW = 2, /* the highest value that is defined (PS3.7 table E.1-1) */
};

/* ---- memory ---- */

struct op_memory *memory_take(struct service *s)
{
    struct op_memory *m = s->spare;
    if (m) {
        s->spare = m->next;
        s->spare_count--;
        return m;
    }
    m = xcalloc(1, sizeof *m);
    m->arena = arena_new(ARENA_BYTES);
    m->scratch = arena_new(SCRATCH_BYTES);
    buf_init(&m->out, ARENA_BYTES);
    return m;
}

static void memory_free(struct op_memory *m)
{
    arena_free(m->arena);
    arena_free(m->scratch);
    buf_fini(&m->out);
    free(m);
}

void memory_give(struct service *s, struct op_memory *m)
{
    if (!m)
        return;
    if (s->spare_count >= SPARE_MEMORIES) {
        memory_free(m);
        return;
    }
    arena_reset(m->arena);
    arena_reset(m->scratch);
    if (m->out.cap > KEPT_BUFFER_BYTES) {
        buf_fini(&m->out);
        buf_init(&m->out, ARENA_BYTES);
    }
    buf_clear(&m->out);
    m->next = s->spare;
    s->spare = m;
    s->spare_count++;
}

/* ---- operations ---- */

static void operation_untime(struct operation *op)
{
    if (op->is_timed)
        TAILQ_REMOVE(&op->front->service->timed, op, by_age);
    op->is_timed = false;
}

/* End without a response. */
static void operation_end(struct operation *op)
{
    struct front *f = op->front;
    if (op->authorizing)
        peer_cancel(op->authorizing);
    op->authorizing = NULL;
    op->kind->stop(op);
    operation_untime(op);
    LIST_REMOVE(op, link);
    metric_add_at(METRIC_operations_running, (struct metric_at){.a = op->kind->service}, -1);
    f->operation_count--;
    if (op->is_counted)
        caller_end(f->caller);
    dimse_message_free(op->request);
    free(op);
    assoc_set_busy(f->assoc, -1);
}

static struct log_ctx operation_log(const struct operation *op)
{
    struct log_ctx ctx = *assoc_log(op->front->assoc);
    ctx.msg = op->request->command.message_id;
    ctx.has_msg = true;
    return ctx;
}

static struct log_pair operation_ms(const struct operation *op)
{
    return (struct log_pair){
        .key = "ms", .number = (clock_now_us() - op->started_us) / 100, .decimals = 1};
}

/* Without a response, so there is no status to log. */
static void stop_operations(struct front *f)
{
    while (!LIST_EMPTY(&f->operations)) {
        struct operation *op = LIST_FIRST(&f->operations);
        struct log_ctx ctx = operation_log(op);
        struct log_pair pairs[] = {operation_ms(op),
                                   {.key = "why", .text = "the association has ended"}};
        log_pairs(LOG_INFO, &ctx, op->kind->stopped, pairs, 2);
        outcome_count_stopped(op->kind->service, f->ae_class);
        struct err why;
        err_set(&why, RC_CANCELED, "the association has ended");
        audit_operation(op, AUDIT_NO_STATUS, &why, NULL);
        operation_end(op);
    }
}

struct dimse_command operation_response(const struct operation *op, uint16_t status,
                                        const struct err *err)
{
    struct dimse_command rsp = command_response(&op->request->command, status);
    status_set(&rsp, status, err);
    return rsp;
}

void operation_send(struct operation *op, const struct dimse_command *rsp, const struct span *data)
{
    if (assoc_send(op->front->assoc, op->request->context, rsp, data) != RC_OK)
        log_debug(assoc_log(op->front->assoc), "response.dropped", "the association is ending");
}

/* One line per operation. */
static void log_outcome(const struct operation *op, uint16_t status, const struct err *why,
                        const struct details *details)
{
    bool refused = status_is_refusal(status);
    enum log_level level = refused ? LOG_WARN : LOG_INFO;
    if (!log_enabled(level))
        return;
    struct log_ctx ctx = operation_log(op);
    ctx.limit = why ? why->limit : LIMIT_NONE;
    static const char hex[] = "0123456789ABCDEF";
    char code[] = {
        '0', 'x', hex[status >> 12], hex[status >> 8 & 15], hex[status >> 4 & 15], hex[status & 15],
        '\0'};
    struct log_pair pairs[4 + DETAILS_MAX] = {
        {.key = "status", .text = code},
        {.key = "status_text", .text = status_text(status)},
        operation_ms(op),
    };
    unsigned count = 3;
    for (unsigned i = 0; details && i < details->count; i++)
        pairs[count++] = details->pairs[i];
    if (why && why->text[0])
        pairs[count++] = (struct log_pair){.key = "why", .text = why->text};
    log_pairs(level, &ctx, refused ? op->kind->refused : op->kind->event, pairs, count);
}

void operation_finish(struct operation *op, const struct dimse_command *rsp,
                      const struct span *data, const struct err *why, const struct details *details)
{
    struct front *f = op->front;
    assert(status_is_used(op->kind->service, rsp->status));
    operation_send(op, rsp, data);
    outcome_count(op->kind->service, f->ae_class, rsp->status, clock_now_us() - op->started_us);
    log_outcome(op, rsp->status, why, details);
    audit_operation(op, rsp->status, why, details);
    operation_end(op);
    drain_operation_ended(f);
}

void operation_fail(struct operation *op, uint16_t status, const struct err *why)
{
    struct dimse_command rsp = operation_response(op, status, why);
    operation_finish(op, &rsp, NULL, why, NULL);
}

void operation_fail_rc(struct operation *op, const struct err *why)
{
    operation_fail(op, status_of(op->kind->service, why->code), why);
}

static int64_t time_left(const struct operation *op)
{
    return op->front->service->config->operation_ms - (clock_now_us() - op->started_us) / 1000;
}

static void operation_time(struct operation *op)
{
    struct service *s = op->front->service;
    op->is_timed = true;
    TAILQ_INSERT_TAIL(&s->timed, op, by_age);
    if (s->config->operation_ms > 0 && !loop_timer_is_set(s->age_timer))
        loop_timer_set(s->age_timer, s->config->operation_ms);
}

/* C-GET and C-MOVE may go on for a moment to end in order. */
static void operation_expire(struct operation *op)
{
    struct err why;
    operation_untime(op);
    err_set_limit(&why, LIMIT_operation_time_limit, 0, "not done within %lld ms",
                  (long long)op->front->service->config->operation_ms);
    if (op->kind->expire && !op->authorizing)
        op->kind->expire(op, &why);
    else
        operation_fail_rc(op, &why);
}

static void on_age_timer(void *arg)
{
    struct service *s = arg;
    struct operation *op;
    if (s->config->operation_ms == 0)
        return;
    while ((op = TAILQ_FIRST(&s->timed)) && time_left(op) <= 0)
        operation_expire(op);
    if (op)
        loop_timer_set(s->age_timer, time_left(op));
}

void operations_retime(struct service *s)
{
    if (TAILQ_EMPTY(&s->timed) || s->config->operation_ms == 0)
        loop_timer_clear(s->age_timer);
    else
        loop_timer_set(s->age_timer, 0);
}

/* The right is known: go. */
static void operation_run(struct operation *op)
{
    struct front *f = op->front;
    const struct sop_class *c = sop_class_find(op->request->context->abstract_syntax);
    struct err err = {0};
    if (!c || !(f->rights & c->right_as_scp)) {
        err_set(&err, RC_DENIED, "%s may not use this service", assoc_calling_aet(f->assoc));
        operation_fail_rc(op, &err);
    } else if (op->request->dataset_too_big) {
        err_set_limit(&err, LIMIT_max_dataset, 0, "data set of more than %zu octets",
                      f->config->assoc.max_dataset_bytes);
        operation_fail_rc(op, &err);
    } else {
        op->kind->start(op);
    }
}

/* What the row that speaks for the peer says now; NULL = it has gone. */
static void set_row(struct front *f, const struct peer *row)
{
    struct err why;
    if (row && admission_check_binding(f, row, &why) != RC_OK)
        row = NULL; /* bound to a certificate meanwhile, and to another than this one */
    f->rights = row ? row->rights : 0;
    admission_set_operations(f, row);
    if (row)
        admission_set_view(f, row);
    f->has_row = true;
    f->is_unchecked = false;
    f->rights_read_ms = clock_now_ms();
}

/* The database is away: what the operation needs it for will say so, and rights and view stay as they were. But of one
 * that was let in unchecked nothing is known yet, and the database may be back for the next statement: it gets
 * nothing but C-ECHO. */
static void run_without_answer(struct operation *op, const struct err *why)
{
    if (op->front->is_unchecked && op->kind != &operation_echo)
        operation_fail_rc(op, why);
    else
        operation_run(op);
}

static void on_guest(const struct err *result, bool found, const struct peer *peer, void *arg)
{
    struct operation *op = arg;
    struct front *f = op->front;
    op->authorizing = NULL;
    if (result->code != RC_OK) {
        run_without_answer(op, result);
        return;
    }
    f->is_guest = true;
    set_row(f, found ? peer : NULL);
    operation_run(op);
}

static void on_title(const struct err *result, bool found, const struct peer *peer, void *arg)
{
    struct operation *op = arg;
    struct front *f = op->front;
    const struct service_config *config = f->config;
    (void)peer;
    op->authorizing = NULL;
    if (result->code != RC_OK) {
        run_without_answer(op, result);
        return;
    }
    if (!found && config->unknown_ae_row[0] && admission_policy_rights(f) == PEER_MAY_ALL) {
        op->authorizing = peer_find(f->service->pool, config->lease_timeout_ms,
                                    config->unknown_ae_row, NULL, on_guest, op);
        return;
    }
    f->is_unchecked = false;
    /* A title that is registered for other source addresses has none here. */
    f->rights = found ? 0 : admission_policy_rights(f);
    operation_run(op);
}

static void on_rights(const struct err *result, bool found, const struct peer *peer, void *arg)
{
    struct operation *op = arg;
    struct front *f = op->front;
    op->authorizing = NULL;
    if (result->code != RC_OK) {
        run_without_answer(op, result);
        return;
    }
    /* No row where one was promised: revoked. No row for one that was let in unchecked: admission's second
     * question is still due. */
    if (!found && !f->has_row) {
        op->authorizing = peer_find(f->service->pool, f->config->lease_timeout_ms,
                                    assoc_calling_aet(f->assoc), NULL, on_title, op);
        return;
    }
    set_row(f, found ? peer : NULL);
    operation_run(op);
}

/* Takes m. is_counted: caller_begin was called for it. */
static void operation_begin(struct front *f, const struct operation_kind *kind,
                            struct dimse_message *m, bool is_counted)
{
    struct operation *op = xcalloc(1, kind->size);
    op->is_counted = is_counted;
    op->kind = kind;
    op->front = f;
    op->request = m;
    op->ts = dcm_ts_find(m->context->transfer_syntax);
    op->started_us = clock_now_us();
    LIST_INSERT_HEAD(&f->operations, op, link);
    metric_add_at(METRIC_operations_running, (struct metric_at){.a = kind->service}, 1);
    f->operation_count++;
    f->quiet_ticks = 0;
    operation_time(op);
    assoc_set_busy(f->assoc, 1);
    /* Above the cap comes only C-ECHO, which needs no database: a flood of it must not fill the queue for one, where
     * all of this worker wait. The questions that are on their way settle the rights for what comes after them. */
    if (admission_is_fresh(f) || f->operation_count > operations_cap(f->config))
        operation_run(op);
    else
        op->authorizing =
            peer_find(f->service->pool, f->config->lease_timeout_ms, admission_row_title(f),
                      admission_row_address(f), on_rights, op);
}

/* ---- dispatch ---- */

static const struct command_row {
    uint16_t field;
    enum sop_kind kind;
    bool needs_dataset;
    const struct operation_kind *operation;
} commands[] = {
    {DIMSE_C_FIND_RQ, SOP_FIND, true, &operation_find},
    {DIMSE_C_STORE_RQ, SOP_STORAGE, true, &operation_store},
    {DIMSE_C_GET_RQ, SOP_GET, true, &operation_get},
    {DIMSE_C_MOVE_RQ, SOP_MOVE, true, &operation_move},
    {DIMSE_C_ECHO_RQ, SOP_VERIFICATION, false, &operation_echo},
};

static const struct command_row *command_find(uint16_t field)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (commands[i].field == field)
            return &commands[i];
    }
    return NULL;
}

static struct operation *operation_of(const struct front *f, uint16_t message_id)
{
    struct operation *op;
    LIST_FOREACH (op, &f->operations, link) {
        if (op->request->command.message_id == message_id)
            return op;
    }
    return NULL;
}

/* Why a request cannot become an operation; STATUS_SUCCESS = it can. */
static uint16_t check_request(const struct front *f, const struct dimse_message *m,
                              const struct command_row *row, struct err *err)
{
    const struct dimse_command *rq = &m->command;
    const struct sop_class *c = sop_class_find(m->context->abstract_syntax);
    const char *name = dimse_field_name(rq->field);

    if (m->command_rc != RC_OK) {
        *err = m->command_err;
        /* PS3.7 9.1.1.1.5: a C-STORE names a bad SOP Instance UID with a status of its own. */
        bool is_instance = rq->field == DIMSE_C_STORE_RQ && err->tag == TAG(0x0000, 0x1000);
        return is_instance ? STATUS_INVALID_INSTANCE : STATUS_MISTYPED_ARGUMENT;
    }
    if (operation_of(f, rq->message_id)) {
        err_set(err, RC_CONFLICT, "Message ID %u is in use", rq->message_id);
        return STATUS_DUPLICATE_INVOCATION;
    }
    if (!row) {
        err_set(err, RC_UNSUPPORTED, "command 0x%04X is not known", rq->field);
        return STATUS_UNRECOGNIZED_OPERATION;
    }
    if (!c || c->kind != row->kind) {
        err_set(err, RC_UNSUPPORTED, "%s does not belong to the context's SOP class", name);
        return STATUS_UNRECOGNIZED_OPERATION;
    }
    if (strcmp(rq->sop_class, c->uid) != 0) {
        err_set(err, RC_INVALID, "Affected SOP Class is not that of the presentation context");
        return STATUS_SOP_CLASS_NOT_SUPPORTED;
    }
    if (!m->context->local_scp) {
        err_set(err, RC_DENIED, "%s: the role was not granted in this context", name);
        return status_of(row->operation->service, RC_DENIED);
    }
    if (row->needs_dataset != rq->has_dataset) {
        err_set(err, RC_INVALID, "%s with%s data set", name, rq->has_dataset ? " a" : "out");
        return STATUS_MISTYPED_ARGUMENT;
    }
    if (row->needs_dataset && rq->priority > PRIORITY_LOW) {
        err_set(err, RC_INVALID, "%s with Priority %u", name, rq->priority);
        return STATUS_MISTYPED_ARGUMENT;
    }
    if (row->needs_dataset && f->operation_count >= operations_cap(f->config)) {
        err_set_limit(err, LIMIT_max_operations, 0, "more than %u operations at once",
                      operations_cap(f->config));
        return status_of(row->operation->service, RC_LIMIT);
    }
    return STATUS_SUCCESS;
}

/* One more of this AE title; STATUS_SUCCESS = it may. */
static uint16_t count_operation(struct front *f, const struct command_row *row, struct err *err)
{
    if (caller_begin(f->caller, f->max_operations))
        return STATUS_SUCCESS;
    err_set_limit(err, LIMIT_max_operations_per_ae, 0, "%s has %u already",
                  assoc_calling_aet(f->assoc), f->max_operations);
    return status_of(row->operation->service, RC_LIMIT);
}

static void refuse(struct front *f, struct dimse_message *m, const struct command_row *row,
                   uint16_t status, const struct err *why)
{
    struct dimse_command rsp = command_response(&m->command, status);
    struct log_ctx ctx = *assoc_log(f->assoc);
    ctx.msg = m->command.message_id;
    ctx.has_msg = true;
    ctx.limit = why->limit;
    status_set(&rsp, status, why);
    metric_add(METRIC_protocol_errors, why->limit == LIMIT_NONE);
    assert(!row || status_is_used(row->operation->service, status));
    if (row) /* answered at once, in no time worth measuring */
        outcome_count(row->operation->service, f->ae_class, status, 0);
    if (row)
        audit_request(f, row->operation, &m->command, status, why);
    log_warn(&ctx, row ? row->operation->refused : "request.refused",
             "status=0x%04X status_text=\"%s\" command=\"%s\" why=\"%s\"", status,
             status_text(status), dimse_field_name(m->command.field), why->text);
    if (assoc_send(f->assoc, m->context, &rsp, NULL) != RC_OK)
        log_debug(&ctx, "response.dropped", "the association is ending");
    dimse_message_free(m);
}

/* PS3.7 9.3.2.3: no response of its own; for an operation that is over or unknown it has no effect. */
static void cancel_operation(struct front *f, const struct dimse_command *rq)
{
    struct operation *op = operation_of(f, rq->responded_id);
    if (!(rq->has & CMD_HAS_RESPONDED_ID) || !op || !op->kind->cancel) {
        log_debug(assoc_log(f->assoc), "cancel.ignored", "responded_id=%u", rq->responded_id);
        return;
    }
    op->kind->cancel(op); /* also when it has not started, since the right is still being read */
}

void front_abort(struct front *f, const char *why)
{
    if (f->is_aborted)
        return;
    f->is_aborted = true;
    stop_operations(f);
    admission_cancel(f);
    assoc_abort(f->assoc, ABORT_SOURCE_USER, ABORT_NOT_SPECIFIED, why);
}

static void on_message(struct assoc *a, struct dimse_message *m, void *arg)
{
    struct front *f = arg;
    const struct dimse_command *cmd = &m->command;
    if (f->releasing) {
        dimse_message_free(
            m); /* crossed our release request; we may not send any more (PS3.8 Sta7) */
        return;
    }
    if (cmd->field == DIMSE_C_CANCEL_RQ) {
        cancel_operation(f, cmd);
        dimse_message_free(m);
        return;
    }
    if (cmd->field & DIMSE_RESPONSE_BIT) {
        if (!channel_on_response(&f->channel, m))
            log_debug(assoc_log(a), "response.ignored", "command=\"%s\" responded_id=%u",
                      dimse_field_name(cmd->field), cmd->responded_id);
        dimse_message_free(m);
        return;
    }
    if (!(cmd->has & CMD_HAS_MESSAGE_ID)) {
        metric_add(METRIC_protocol_errors, 1);
        front_abort(f, "a request without Message ID");
        dimse_message_free(m);
        return;
    }
    const struct command_row *row = command_find(cmd->field);
    struct err err = {0};
    front_renew(f);
    uint16_t status = check_request(f, m, row, &err);
    if (status == STATUS_SUCCESS && row->needs_dataset)
        status = count_operation(f, row, &err);
    if (status == STATUS_SUCCESS)
        operation_begin(f, row->operation, m, row->needs_dataset);
    else
        refuse(f, m, row, status, &err);
}

/* ---- associations ---- */

static void on_request(struct assoc *a, const struct pdu_associate *rq, void *arg)
{
    (void)a;
    admission_start(arg, rq);
}

static void on_drained(struct assoc *a, void *arg)
{
    struct front *f = arg;
    (void)a;
    struct operation *op = LIST_FIRST(&f->operations);
    while (op) {
        struct operation *next = LIST_NEXT(op, link);
        if (op->kind->drained && !op->authorizing)
            op->kind->drained(op);
        op = next;
    }
    channel_on_drained(&f->channel);
}

/* Work that nobody waits for any more is given up (decision: a release during an operation stops it). */
static void on_release(struct assoc *a, void *arg)
{
    struct front *f = arg;
    stop_operations(f);
    admission_cancel(f); /* who has the answer may ask for the next association at once */
    assoc_answer_release(a);
}

static void front_free(struct front *f)
{
    LIST_REMOVE(f, link);
    f->service->front_count--;
    admission_count_connection(-1);
    service_config_drop(f->config);
    free(f);
}

/* The peer may stay connected until ARTIM expires; its statements and sub-operations shall not. */
static void on_abort(struct assoc *a, void *arg)
{
    struct front *f = arg;
    (void)a;
    stop_operations(f);
    admission_cancel(f);
}

static void on_closed(struct assoc *a, const struct err *why, void *arg)
{
    struct front *f = arg;
    struct service *s = f->service;
    (void)a;
    (void)why; /* net/assoc has logged and counted it */
    stop_operations(f);
    admission_cancel(f);
    front_free(f);
    drain_check(s);
}

static const struct assoc_callbacks front_callbacks = {
    .on_request = on_request,
    .on_message = on_message,
    .on_drained = on_drained,
    .on_release = on_release,
    .on_abort = on_abort,
    .on_closed = on_closed,
};

static void refuse_connection(const struct sockaddr_storage *peer)
{
    char address[ADDRESS_TEXT], name[ADDRESS_TEXT];
    struct log_ctx ctx = {.limit = LIMIT_max_connections, .peer = name};
    limit_struck(LIMIT_max_connections);
    metric_add(METRIC_connections_refused, 1);
    address_format((const struct sockaddr *)peer, address, name);
    if (log_enabled(LOG_WARN) && log_is_due("connection.refused", "max-connections", address))
        log_warn(&ctx, "connection.refused", "why=\"too many connections\"");
}

void service_accept(struct service *s, int fd, const struct sockaddr_storage *peer, struct tls *tls)
{
    if (!admission_has_room(s->config)) {
        refuse_connection(peer);
        close(fd);
        return;
    }
    struct assoc_options options = s->config->assoc;
    struct front *f = xcalloc(1, sizeof *f);
    options.peer = (const struct sockaddr *)peer;
    options.tls = tls;
    f->service = s;
    f->config = service_config_hold(s->config);
    f->ae_class = outcome_class(NULL);
    LIST_INIT(&f->operations);
    TAILQ_INIT(&f->channel.list);
    LIST_INSERT_HEAD(&s->fronts, f, link);
    s->front_count++;
    admission_count_connection(1);
    f->assoc = assoc_accept_fd(s->loop, fd, &options, &front_callbacks, f);
}

/* ---- the service ---- */

/* At once, without a callback: the peer gets an A-ABORT if it takes one, and is not waited for. */
void front_cut_off(struct front *f)
{
    stop_operations(f);
    admission_cancel(f);
    assoc_free(f->assoc);
    front_free(f);
}

struct service *service_new(struct worker *w, const struct service_config *config,
                            const struct service_pools *pools, struct retrieve_pool *retrieve)
{
    struct service *s = xcalloc(1, sizeof *s);
    s->worker = w;
    s->loop = worker_loop(w);
    s->mailbox = worker_mailbox(w);
    s->config = service_config_hold(config);
    s->jobs = pools->work;
    s->retrieve = retrieve;
    s->pool = pg_pool_new(s->loop, s->mailbox, pools->database_names, &config->database);
    if (config->standby.conninfo)
        s->standby = pg_pool_new(s->loop, s->mailbox, pools->database_names, &config->standby);
    s->reader = reader_new(s->loop, s->pool, s->standby, config->standby_wait_ms);
    s->audit = audit_start(s->loop, s->pool, config);
    s->drain_timer = loop_timer_new(s->loop, drain_tick, s);
    s->age_timer = loop_timer_new(s->loop, on_age_timer, s);
    TAILQ_INIT(&s->timed);
    LIST_INIT(&s->fronts);
    (void)outcome_class(NULL); /* its samples are there from the beginning */
    return s;
}

void service_free(struct service *s)
{
    struct front *f;
    if (!s)
        return;
    while ((f = LIST_FIRST(&s->fronts))) {
        metric_add(METRIC_drain_aborted, f->established);
        front_cut_off(f);
    }
    loop_timer_free(s->drain_timer);
    loop_timer_free(s->age_timer);
    audit_free(s->audit);
    reader_free(s->reader);
    pg_pool_free(s->standby);
    pg_pool_free(s->pool);
    while (s->spare) {
        struct op_memory *m = s->spare;
        s->spare = m->next;
        memory_free(m);
    }
    service_config_drop(s->config);
    free(s);
}

struct service_config service_config_default(void)
{
    struct service_config c = {
        .ae_title = "DPPR",
        .unknown_ae = UNKNOWN_AE_REFUSE,
        .unknown_ae_row = "",
        .echo_for_all = true,
        .site_zone = "UTC",
        .assoc = assoc_options_default(),
        .dataset_limits = dcm_limits_default(),
        .query_limits = query_limits_default(),
        .max_retrieve_uids = 65536,
        .max_suboperations = SUBOPS_MAX,
        .max_associations = 10000,
        .max_operations_per_assoc = 8,
        .max_associations_per_ae = 1000,
        .max_operations_per_ae = 256,
        .operation_ms = 3600000,
        .lease_timeout_ms = 10000,
        .suboperation_ms = 60000,
        .destination_wait_ms = 5 * 60000,
        .destination_max_waiting = 64,
        .progress_interval_ms = 500,
        .inline_ingest_bytes = 64 * 1024,
        .fetch_batch_bytes = 4 * 1024 * 1024,
        .audits = true,
        .audit_max_waiting = 4096,
        .database = pg_options_default(),
        .standby = pg_options_default(),
        .standby_wait_ms = 100,
        .retrieve_workers = 2,
        .retrieve_connections = 2,
    };
    /* Long enough for whoever keeps an association between two patients, short enough that forgotten ones
     * do not pile up against the limit. */
    c.assoc.idle_ms = 30 * 60000;
    c.standby.conninfo = NULL;
    return c;
}
