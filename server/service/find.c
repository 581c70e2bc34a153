/* SPDX-License-Identifier: Apache-2.0
 *
 * service/find: C-FIND as SCP (PS3.4 HH.6, K.4.1.3).
 *
 *   identifier -> query_build -> a connection to read with -> rows, each projected and sent as it comes -> 0000
 *
 * Nothing is collected: a row is projected into one reused buffer and queued as a pending response. When the
 * association's output is full the query is paused, which stops the reading of the database socket; it goes on
 * when the output has drained. So neither a large result nor a slow reader makes the server grow.
 *
 * C-CANCEL gives the connection back at once: pg_release cancels the statement in the background and no row
 * comes any more, so FE00 need not wait for the database. A failure inside on_row must not give the connection
 * back from its own callback; there the statement is cancelled, the reason is kept, and on_done ends the
 * operation.
 *
 * The memory in use (arena, scratch, buffer) comes from the service and returns to it, and the pending response's
 * command is filled once.
 */
#include "service_internal.h"

#include "catalog/project.h"
#include "core/clock.h"
#include "core/fault.h"

struct find_op {
    struct operation base;
    struct op_memory *memory;
    struct query query;
    struct project_target target;
    struct dimse_command pending;
    struct buf parts; /* of an object that comes in several rows */
    struct reading reading;
    struct pg_conn *conn;
    bool on_standby;
    bool is_paused;
    bool is_over; /* failed or limited: further rows are ignored */
    uint16_t failure;
    struct err why;
    uint64_t matches;
};

static void find_done(struct find_op *f, uint16_t status, const struct err *why)
{
    struct dimse_command rsp = operation_response(&f->base, status, why);
    struct details details = {{{.key = "matches", .number = (int64_t)f->matches}}, 1};
    if (f->matches)
        metric_add(METRIC_find_matches, (int64_t)f->matches);
    operation_finish(&f->base, &rsp, NULL, why, &details);
}

/* From on_row: the statement is told to end, on_done does the rest. */
static void find_give_up(struct find_op *f, uint16_t status)
{
    f->is_over = true;
    f->failure = status;
    pg_query_cancel(f->conn);
}

static void on_row(const struct pg_row *row, void *arg)
{
    struct find_op *f = arg;
    struct front *front = f->base.front;
    int64_t max = front->config->max_matches;
    if (f->is_over)
        return;
    if (max && f->matches >= (uint64_t)max) {
        /* The statement had LIMIT max + 1, so there is more than may be sent (decision 25). */
        err_set_limit(&f->why, LIMIT_max_matches, 0, "more than %lld, please narrow the query",
                      (long long)max);
        find_give_up(f, STATUS_OUT_OF_RESOURCES);
        return;
    }
    buf_clear(&f->memory->out);
    enum rc rc = project_row(f->query.plan, &f->target, row, &f->parts, f->memory->scratch,
                             &f->memory->out, &f->why);
    if (rc == RC_OK)
        rc = buf_status(&f->memory->out);
    arena_reset(f->memory->scratch);
    if (rc != RC_OK) {
        if (!f->why.text[0])
            err_set(&f->why, rc, "a response could not be encoded");
        find_give_up(f, STATUS_FIND_UNENCODABLE);
        return;
    }
    if (f->parts.len > 0)
        return;
    struct span data = buf_span(&f->memory->out);
    if (assoc_send(front->assoc, f->base.request->context, &f->pending, &data) != RC_OK) {
        f->is_over = true; /* the association is ending; on_closed stops this operation */
        return;
    }
    if (f->matches++ == 0)
        metric_observe(METRIC_find_first_response_seconds, 0, clock_now_us() - f->base.started_us);
    if (!f->is_paused && assoc_is_full(front->assoc)) {
        f->is_paused = true;
        pg_query_pause(f->conn);
    }
}

static void run(struct pg_conn *conn, bool on_standby, const struct err *why, void *arg);

/* A standby that fails before the first response has done no harm: the primary answers. After it nothing can be made
 * good, as responses come in no order: the operation has failed. */
static bool may_start_over(const struct find_op *f, const struct err *result)
{
    return f->on_standby && !f->is_over && f->matches == 0 && result->code != RC_OK &&
           result->code != RC_CANCELED;
}

static void on_done(const struct err *result, int64_t rows, void *arg)
{
    struct find_op *f = arg;
    const struct service *s = f->base.front->service;
    (void)rows;
    pg_release(f->conn);
    f->conn = NULL;
    if (may_start_over(f, result)) {
        buf_clear(&f->parts);
        reading_start_over(&f->reading, s->reader, f->base.front->config->lease_timeout_ms, result,
                           run, f);
        return;
    }
    if (f->failure)
        find_done(f, f->failure, &f->why);
    else if (result->code == RC_OK)
        find_done(f, STATUS_SUCCESS, NULL);
    else
        find_done(f, status_of(STATUS_FOR_FIND, result->code), result);
}

static void run(struct pg_conn *conn, bool on_standby, const struct err *why, void *arg)
{
    struct find_op *f = arg;
    f->on_standby = on_standby;
    if (!conn) {
        operation_fail_rc(&f->base, why);
        return;
    }
    f->conn = conn;
    struct pg_query q = {
        .sql = f->query.sql,
        .params = f->query.params,
        .param_count = f->query.param_count,
        .plan_with_values = f->query.plan_with_values,
        .on_row = on_row,
        .on_done = on_done,
        .arg = f,
    };
    pg_query_start(conn, &q);
}

enum { EXTENDED_FUZZY = 2, EXTENDED_TIME_ZONE = 3 };

/* PS3.4 K.5.1: offered by the peer for this class and granted; what is beyond the length offered is 0. */
static bool is_negotiated(const struct front *f, const char *sop_class, unsigned octet)
{
    const struct sop_class *c = sop_class_find(sop_class);
    struct span offered;
    return c && octet < c->extended_bytes && assoc_peer_extended(f->assoc, sop_class, &offered) &&
           octet < offered.len && (offered.data[octet] & c->extended_mask[octet]);
}

static void find_start(struct operation *op)
{
    struct find_op *f = (struct find_op *)op;
    struct front *front = op->front;
    struct service *s = front->service;
    const char *charset = front->preferred_charset;
    const char *sop_class = op->request->context->abstract_syntax;
    struct query_view view = {
        .aet = assoc_calling_aet(front->assoc),
        .required = front->required,
        .current_only = front->sees_current_only,
        .max_matches = front->config->max_matches,
        .default_charset = charset,
        .fuzzy_names = is_negotiated(front, sop_class, EXTENDED_FUZZY),
        .adjusts_times = is_negotiated(front, sop_class, EXTENDED_TIME_ZONE),
        .site_zone = front->config->site_zone,
    };
    struct err err = {0};
    f->memory = memory_take(s);
    const struct model *model = model_of(sop_class);
    enum rc rc = RC_INTERNAL;
    if (model)
        rc = query_build(model, buf_span(&op->request->dataset), op->ts, &view,
                         &front->config->query_limits, f->memory->arena, &f->query, &err);
    else
        err_set(&err, RC_INTERNAL, "no information model for this SOP class");
    rc = FAULT(find_build, rc, &err);
    if (rc != RC_OK) {
        err.code = rc;
        operation_fail_rc(op, &err);
        return;
    }
    if (f->query.nothing_asked || f->query.matches_none) {
        find_done(f, STATUS_SUCCESS, NULL);
        return;
    }
    f->target = (struct project_target){
        .ts = op->ts,
        .request_charset = project_plan_request_charset(f->query.plan),
        .preferred_charset = charset,
    };
    f->pending = operation_response(
        op, f->query.optional_ignored ? STATUS_PENDING_OPTIONAL : STATUS_PENDING, NULL);
    reading_start(&f->reading, s->reader, front->config->lease_timeout_ms, run, f);
}

static void find_cancel(struct operation *op)
{
    /* operation_finish stops the operation, which gives the connection back. */
    find_done((struct find_op *)op, STATUS_CANCEL, NULL);
}

static void find_expire(struct operation *op, const struct err *why)
{
    find_done((struct find_op *)op, status_of(STATUS_FOR_FIND, why->code), why);
}

static void find_drained(struct operation *op)
{
    struct find_op *f = (struct find_op *)op;
    if (!f->is_paused || !f->conn)
        return;
    f->is_paused = false;
    pg_query_resume(f->conn);
}

static void find_stop(struct operation *op)
{
    struct find_op *f = (struct find_op *)op;
    reading_cancel(&f->reading);
    if (f->conn)
        pg_release(f->conn);
    f->conn = NULL;
    buf_fini(&f->parts);
    memory_give(op->front->service, f->memory);
    f->memory = NULL;
}

static void find_add_audit(const struct operation *op, struct buf *json)
{
    const struct find_op *f = (const struct find_op *)op;
    if (f->query.identifier)
        audit_identifier(json, f->query.identifier);
}

const struct operation_kind operation_find = {
    .name = "find",
    .event = "find.done",
    .refused = "find.refused",
    .stopped = "find.stopped",
    .service = STATUS_FOR_FIND,
    .size = sizeof(struct find_op),
    .start = find_start,
    .cancel = find_cancel,
    .drained = find_drained,
    .expire = find_expire,
    .stop = find_stop,
    .is_audited = true,
    .add_audit = find_add_audit,
};
