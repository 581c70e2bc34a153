/* SPDX-License-Identifier: Apache-2.0
 *
 * service/scu: the client of the command line: one association on a private loop, calls that block.
 *
 * It drives the server's own Upper Layer as requestor. A call sends its request and runs the loop until the
 * final response, the end of the association or timeout_ms without progress; any message is progress. One
 * operation at a time; C-STORE requests of a C-GET are answered as they come, C-CANCEL is sent between two
 * pending responses when a callback asks for it.
 *
 * Each (SOP class, transfer syntax) is a presentation context of its own, so that the peer accepts every syntax
 * it knows and not just the one it likes best; there can be 128 (PS3.8 9.3.2.2).
 *
 * After a time-out the association is aborted: an answer that came later would be taken for that of the next call.
 */
#include "service/scu.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/model.h"
#include "core/clock.h"
#include "core/loop.h"
#include "dcm/charset.h"
#include "net/assoc.h"
#include "service/status.h"

enum {
    DEFAULT_TIMEOUT_MS = 30000,
    CLOSE_MS = 5000,
    ARTIM_MS = 1000, /* for a peer to close after an abort */
    PLAN_BYTES = 1024 * 1024,
    CALL_BYTES = 64 * 1024 * 1024,
};

struct scu {
    struct loop *loop;
    struct assoc *assoc; /* NULL once it has ended */
    struct arena *arena; /* of one call */
    int64_t timeout_ms;
    bool established;
    bool released; /* the peer has asked for release */
    struct err why;
    uint64_t progress;                /* counts messages */
    bool fuzzy_names, adjusted_times; /* offered, see scu_options */

    /* The call in progress. */
    uint16_t message_id;
    uint16_t expected; /* the response's command field; 0 = none */
    const struct assoc_context *context;
    const struct scu_callbacks *callbacks;
    struct dimse_command *final;
    struct buf *failed_list;
    bool is_cancelled;
    bool is_final;
};

/* ---- messages ---- */

static void answer_store(struct scu *s, const struct dimse_message *m)
{
    const struct dcm_ts *ts = dcm_ts_find(m->context->transfer_syntax);
    uint16_t status = STATUS_SOP_CLASS_NOT_SUPPORTED;
    if (m->command_rc != RC_OK)
        status = STATUS_MISTYPED_ARGUMENT;
    else if (m->dataset_too_big)
        status = STATUS_OUT_OF_RESOURCES;
    else if (ts && s->callbacks && s->callbacks->on_store)
        status = s->callbacks->on_store(&m->command, buf_span(&m->dataset), ts, s->callbacks->arg);
    struct dimse_command rsp = command_response(&m->command, status);
    if (assoc_send(s->assoc, m->context, &rsp, NULL) != RC_OK)
        log_debug(assoc_log(s->assoc), "scu.response_dropped", "the association is ending");
}

static void send_cancel(struct scu *s)
{
    struct dimse_command rq = {
        .field = DIMSE_C_CANCEL_RQ, .has = CMD_HAS_RESPONDED_ID, .responded_id = s->message_id};
    s->is_cancelled = true;
    if (assoc_send(s->assoc, s->context, &rq, NULL) != RC_OK)
        log_debug(assoc_log(s->assoc), "scu.cancel_dropped", "the association is ending");
}

static void take_response(struct scu *s, struct dimse_message *m)
{
    const struct dimse_command *rsp = &m->command;
    if (m->command_rc != RC_OK || !(rsp->has & CMD_HAS_STATUS)) {
        err_set(&s->why, RC_INVALID, "the peer sent a malformed response: %s",
                m->command_rc != RC_OK ? m->command_err.text : "no status");
        assoc_abort(s->assoc, ABORT_SOURCE_USER, ABORT_NOT_SPECIFIED, "malformed response");
        return;
    }
    if (rsp->status == STATUS_PENDING || rsp->status == STATUS_PENDING_OPTIONAL) {
        const struct scu_callbacks *cb = s->callbacks;
        if (cb && cb->on_pending && !s->is_cancelled &&
            !cb->on_pending(rsp, buf_span(&m->dataset), dcm_ts_find(m->context->transfer_syntax),
                            cb->arg))
            send_cancel(s);
        return;
    }
    *s->final = *rsp;
    if (s->failed_list)
        buf_add_span(s->failed_list, buf_span(&m->dataset));
    s->is_final = true;
    s->expected = 0;
}

static void on_message(struct assoc *a, struct dimse_message *m, void *arg)
{
    struct scu *s = arg;
    const struct dimse_command *cmd = &m->command;
    s->progress++;
    if (s->expected && cmd->field == s->expected && (cmd->has & CMD_HAS_RESPONDED_ID) &&
        cmd->responded_id == s->message_id)
        take_response(s, m);
    else if (cmd->field == DIMSE_C_STORE_RQ && (cmd->has & CMD_HAS_MESSAGE_ID))
        answer_store(s, m);
    else
        log_debug(assoc_log(a), "scu.ignored", "command=\"%s\"", dimse_field_name(cmd->field));
    dimse_message_free(m);
}

/* ---- the association ---- */

static void on_established(struct assoc *a, void *arg)
{
    struct scu *s = arg;
    (void)a;
    s->established = true;
    s->progress++;
}

static void on_rejected(struct assoc *a, const struct pdu_reject *rj, void *arg)
{
    struct scu *s = arg;
    (void)a;
    err_set(&s->why, RC_DENIED, "association %s", pdu_reject_text(rj));
}

static void on_release(struct assoc *a, void *arg)
{
    struct scu *s = arg;
    s->released = true;
    assoc_answer_release(a);
}

static void on_drained(struct assoc *a, void *arg)
{
    struct scu *s = arg;
    (void)a;
    s->progress++;
}

static void on_closed(struct assoc *a, const struct err *why, void *arg)
{
    struct scu *s = arg;
    (void)a;
    s->assoc = NULL;
    if (s->why.code != RC_OK)
        return;
    if (s->released)
        err_set(&s->why, RC_IO, "the peer has released the association");
    else
        err_set(&s->why, why->code == RC_OK ? RC_IO : why->code, "%s", why->text);
}

static const struct assoc_callbacks scu_assoc_callbacks = {
    .on_established = on_established,
    .on_rejected = on_rejected,
    .on_message = on_message,
    .on_drained = on_drained,
    .on_release = on_release,
    .on_closed = on_closed,
};

/* ---- waiting ---- */

struct wait {
    struct scu *s;
    bool (*is_over)(const struct scu *s);
    uint64_t seen;
};

static bool wait_pred(void *arg)
{
    const struct wait *w = arg;
    return !w->s->assoc || w->is_over(w->s) || w->s->progress != w->seen;
}

/* Until is_over, or the association has ended, or nothing came for timeout_ms. False = the last. */
static bool wait_for(struct scu *s, bool (*is_over)(const struct scu *s))
{
    struct wait w = {s, is_over, 0};
    while (s->assoc && !is_over(s)) {
        w.seen = s->progress;
        if (!loop_run_until(s->loop, wait_pred, &w, s->timeout_ms))
            return false;
    }
    return true;
}

static bool is_established(const struct scu *s)
{
    return s->established;
}

static bool is_final(const struct scu *s)
{
    return s->is_final;
}

static bool is_never(const struct scu *s)
{
    (void)s;
    return false; /* until the association has ended */
}

/* ---- opening ---- */

struct proposal {
    struct pdu_associate rq;
    struct arena *arena;
    uint8_t find_extended[4];
};

static enum rc propose(struct proposal *p, const char *sop_class, const char *const *syntaxes,
                       struct err *err)
{
    for (const char *const *ts = syntaxes; *ts; ts++) {
        if (!dcm_ts_find(*ts))
            return err_set(err, RC_UNSUPPORTED, "transfer syntax %s is not supported", *ts);
        if (p->rq.context_count == PDU_MAX_CONTEXTS)
            return err_set(err, RC_LIMIT, "more than %d presentation contexts", PDU_MAX_CONTEXTS);
        const char **one = arena_array(p->arena, 1, sizeof *one);
        if (!one)
            return err_set(err, RC_NOMEM, "no memory for the association request");
        *one = *ts;
        p->rq.contexts[p->rq.context_count] = (struct pdu_context){
            .id = (uint8_t)(2 * p->rq.context_count + 1),
            .abstract_syntax = sop_class,
            .transfer_syntaxes = one,
            .transfer_syntax_count = 1,
        };
        p->rq.context_count++;
    }
    return RC_OK;
}

static bool is_storage(const char *sop_class)
{
    return strcmp(sop_class, UID_CT_DEFINED_PROTOCOL) == 0 ||
           strcmp(sop_class, UID_XA_DEFINED_PROTOCOL) == 0 ||
           strcmp(sop_class, UID_PROTOCOL_APPROVAL) == 0;
}

/* PS3.4 K.5.1: octets 1 and 2 are always 1. */
static void offer_extended(struct proposal *p, const struct scu_options *o, const char *sop_class)
{
    const struct model *m = model_of(sop_class);
    if (!m || strcmp(m->find_uid, sop_class) != 0 || !(o->fuzzy_names || o->adjusted_times))
        return;
    memcpy(p->find_extended, (uint8_t[]){1, 1, o->fuzzy_names, o->adjusted_times},
           sizeof p->find_extended);
    p->rq.extended[p->rq.extended_count++] =
        (struct pdu_extended){sop_class, span_of(p->find_extended, sizeof p->find_extended)};
}

static enum rc build_request(struct proposal *p, const struct scu_options *o,
                             const char *const *sop_classes, struct err *err)
{
    const char *const *syntaxes = o->transfer_syntaxes ? o->transfer_syntaxes : dcm_ts_uids;
    const char *calling = o->calling_aet ? o->calling_aet : "DPPR_SCU";
    const char *called = o->called_aet ? o->called_aet : "DPPR";
    unsigned classes = 0;
    while (sop_classes[classes])
        classes++;
    if (strlen(calling) > AET_MAX || strlen(called) > AET_MAX || !calling[0] || !called[0])
        return err_set(err, RC_INVALID, "an AE title has 1 to %d characters", AET_MAX);
    p->rq = (struct pdu_associate){
        .protocol_version = 1,
        .application_context = UID_APPLICATION_CONTEXT,
        .has_max_length = true,
        .max_length = o->max_pdu_bytes ? o->max_pdu_bytes : assoc_options_default().max_pdu_bytes,
        .implementation_class_uid = UID_DPPR_IMPLEMENTATION,
        .implementation_version = DPPR_IMPLEMENTATION_VERSION,
    };
    snprintf(p->rq.calling_aet, sizeof p->rq.calling_aet, "%s", calling);
    snprintf(p->rq.called_aet, sizeof p->rq.called_aet, "%s", called);
    p->rq.contexts = arena_array(p->arena, PDU_MAX_CONTEXTS, sizeof *p->rq.contexts);
    p->rq.roles = arena_array(p->arena, classes, sizeof *p->rq.roles);
    p->rq.extended = arena_array(p->arena, classes, sizeof *p->rq.extended);
    if (!p->rq.contexts || (classes && (!p->rq.roles || !p->rq.extended)))
        return err_set(err, RC_NOMEM, "no memory for the association request");
    for (unsigned i = 0; i < classes; i++) {
        enum rc rc = propose(p, sop_classes[i], syntaxes, err);
        if (rc != RC_OK)
            return rc;
        if (o->as_storage_scp && is_storage(sop_classes[i]))
            p->rq.roles[p->rq.role_count++] = (struct pdu_role){sop_classes[i], 1, 1};
        offer_extended(p, o, sop_classes[i]);
    }
    return RC_OK;
}

static enum rc connect_to(struct scu *s, const struct scu_options *o, const struct proposal *p,
                          struct err *err)
{
    struct assoc_options options = assoc_options_default();
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", o->port);
    int failure = getaddrinfo(o->host, port, &hints, &addresses);
    if (failure)
        return err_set(err, RC_NOTFOUND, "%s: %s", o->host, gai_strerror(failure));
    options.max_pdu_bytes = p->rq.max_length;
    options.connect_ms = s->timeout_ms;
    options.negotiation_ms = s->timeout_ms;
    options.idle_ms = 0;
    options.artim_ms = ARTIM_MS;
    options.tls = o->tls;
    options.tls_name = o->tls_name && *o->tls_name ? o->tls_name : o->host;
    for (const struct addrinfo *a = addresses; a && !s->established; a = a->ai_next) {
        s->why = (struct err){0};
        s->assoc = assoc_request(s->loop, a->ai_addr, a->ai_addrlen, &p->rq, &options,
                                 &scu_assoc_callbacks, s);
        (void)wait_for(s, is_established); /* the association has its own deadlines */
        if (s->assoc && !s->established) {
            assoc_free(s->assoc);
            s->assoc = NULL;
            err_set(&s->why, RC_TIMEOUT, "no association within %lld ms", (long long)s->timeout_ms);
        }
        if (s->why.code == RC_DENIED || s->assoc)
            break;
    }
    freeaddrinfo(addresses);
    if (s->established && s->assoc)
        return RC_OK;
    return err_set(err, s->why.code, "%s:%u: %s", o->host, o->port, s->why.text);
}

enum rc scu_open(const struct scu_options *options, const char *const *sop_classes,
                 struct scu **out, struct err *err)
{
    struct scu *s = xcalloc(1, sizeof *s);
    struct proposal p = {.arena = arena_new(PLAN_BYTES)};
    *out = NULL;
    s->loop = loop_new();
    s->arena = arena_new(CALL_BYTES);
    s->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : DEFAULT_TIMEOUT_MS;
    s->fuzzy_names = options->fuzzy_names;
    s->adjusted_times = options->adjusted_times;
    enum rc rc = build_request(&p, options, sop_classes, err);
    if (rc == RC_OK)
        rc = connect_to(s, options, &p, err);
    arena_free(p.arena);
    if (rc != RC_OK) {
        scu_close(s);
        return rc;
    }
    *out = s;
    return RC_OK;
}

void scu_close(struct scu *s)
{
    if (!s)
        return;
    if (s->timeout_ms > CLOSE_MS)
        s->timeout_ms = CLOSE_MS;
    if (s->assoc && s->established) {
        assoc_release(s->assoc);
        (void)wait_for(s, is_never);
    }
    assoc_free(s->assoc);
    loop_free(s->loop);
    arena_free(s->arena);
    free(s);
}

bool scu_accepts(const struct scu *s, const char *sop_class, const char *transfer_syntax)
{
    return s->assoc && assoc_find_context(s->assoc, sop_class, transfer_syntax);
}

bool scu_has_extended(const struct scu *s, const char *sop_class)
{
    struct span granted;
    if (!s->fuzzy_names && !s->adjusted_times)
        return true;
    if (!s->assoc || !assoc_peer_extended(s->assoc, sop_class, &granted))
        return false;
    return (!s->fuzzy_names || (granted.len > 2 && granted.data[2] == 1)) &&
           (!s->adjusted_times || (granted.len > 3 && granted.data[3] == 1));
}

/* ---- calls ---- */

struct call {
    const char *sop_class;
    const char *transfer_syntax; /* NULL = any */
    const struct span *data;
    const struct scu_callbacks *callbacks;
    struct dimse_command *final;
    struct buf *failed_list;
};

static enum rc find_context(struct scu *s, const struct call *c, struct err *err)
{
    if (!s->assoc)
        return err_set(err, RC_IO, "%s", s->why.text[0] ? s->why.text : "no association");
    s->context = assoc_find_context(s->assoc, c->sop_class, c->transfer_syntax);
    if (!s->context && c->transfer_syntax)
        return err_set(err, RC_UNSUPPORTED, "the peer does not take %s in %s",
                       dcm_uid_name(c->sop_class), dcm_uid_name(c->transfer_syntax));
    if (!s->context)
        return err_set(err, RC_UNSUPPORTED, "the peer does not take %s",
                       dcm_uid_name(c->sop_class));
    return RC_OK;
}

/* Send rq in s->context and wait for its final response. */
static enum rc call(struct scu *s, const struct call *c, struct dimse_command *rq, struct err *err)
{
    s->message_id = assoc_next_message_id(s->assoc);
    s->expected = (uint16_t)(rq->field | DIMSE_RESPONSE_BIT);
    s->callbacks = c->callbacks;
    s->final = c->final;
    s->failed_list = c->failed_list;
    s->is_cancelled = false;
    s->is_final = false;
    rq->has |= CMD_HAS_SOP_CLASS | CMD_HAS_MESSAGE_ID;
    rq->message_id = s->message_id;
    rq->has_dataset = c->data != NULL;
    snprintf(rq->sop_class, sizeof rq->sop_class, "%s", c->sop_class);
    enum rc rc = assoc_send(s->assoc, s->context, rq, c->data);
    if (rc != RC_OK) {
        err_set(err, rc, "the request could not be sent");
    } else if (!wait_for(s, is_final)) {
        rc = err_set(err, RC_TIMEOUT, "no answer within %lld ms", (long long)s->timeout_ms);
        err_set(&s->why, RC_TIMEOUT, "%s", err ? err->text : "no answer in time");
        assoc_abort(s->assoc, ABORT_SOURCE_USER, ABORT_NOT_SPECIFIED, "no answer in time");
    } else if (!s->is_final) {
        rc = err_set(err, s->why.code, "%s", s->why.text);
    }
    s->expected = 0;
    s->callbacks = NULL;
    return rc;
}

enum rc scu_echo(struct scu *s, struct dimse_command *rsp, struct err *err)
{
    struct call c = {.sop_class = UID_VERIFICATION, .final = rsp};
    struct dimse_command rq = {.field = DIMSE_C_ECHO_RQ};
    enum rc rc = find_context(s, &c, err);
    return rc == RC_OK ? call(s, &c, &rq, err) : rc;
}

enum rc scu_store(struct scu *s, const char *sop_class, const char *sop_instance,
                  struct span dataset, const struct dcm_ts *ts, struct dimse_command *rsp,
                  struct err *err)
{
    struct call c = {
        .sop_class = sop_class, .transfer_syntax = ts->uid, .data = &dataset, .final = rsp};
    struct dimse_command rq = {.field = DIMSE_C_STORE_RQ,
                               .has = CMD_HAS_PRIORITY | CMD_HAS_SOP_INSTANCE};
    if (strlen(sop_instance) > UID_MAX)
        return err_set(err, RC_INVALID, "a UID has at most %d characters", UID_MAX);
    snprintf(rq.sop_instance, sizeof rq.sop_instance, "%s", sop_instance);
    enum rc rc = find_context(s, &c, err);
    return rc == RC_OK ? call(s, &c, &rq, err) : rc;
}

/* The identifier with (0008,0005) when it is needed. The caller's tree stays as it is: the elements are put into
 * an item of our own, sharing their values. */
static enum rc encode_identifier(struct scu *s, const struct dcm_item *identifier, struct buf *out,
                                 struct err *err)
{
    const struct dcm_ts *ts = dcm_ts_find(s->context->transfer_syntax);
    struct dcm_item *copy = dcm_item_new(s->arena);
    if (!ts)
        return err_set(err, RC_UNSUPPORTED,
                       "the peer chose a transfer syntax that was not offered");
    bool ok = copy != NULL;
    for (const struct dcm_element *e = identifier->first; ok && e; e = e->next) {
        struct dcm_element *to = dcm_put(s->arena, copy, e->tag, e->vr, e->value);
        ok = to != NULL;
        if (ok) {
            to->items = e->items;
            to->item_count = e->item_count;
        }
    }
    if (ok && !dcm_tree_is_ascii(identifier) && !dcm_find(identifier, TAG_SpecificCharacterSet))
        ok = dcm_put_text(s->arena, copy, TAG_SpecificCharacterSet, "CS", "ISO_IR 192") != NULL;
    if (!ok)
        return err_set(err, RC_NOMEM, "the identifier is too large");
    enum rc rc = dcm_write(copy, ts, out, err);
    if (rc != RC_OK)
        return rc;
    return buf_status(out) == RC_OK ? RC_OK
                                    : err_set(err, buf_status(out), "the identifier is too large");
}

/* FIND, GET and MOVE. */
static enum rc query(struct scu *s, struct call *c, struct dimse_command *rq,
                     const struct dcm_item *identifier, struct err *err)
{
    struct buf octets;
    struct span data;
    buf_init(&octets, CALL_BYTES);
    enum rc rc = find_context(s, c, err);
    if (rc == RC_OK)
        rc = encode_identifier(s, identifier, &octets, err);
    if (rc == RC_OK) {
        data = buf_span(&octets);
        c->data = &data;
        rq->has |= CMD_HAS_PRIORITY;
        rc = call(s, c, rq, err);
    }
    arena_reset(s->arena);
    buf_fini(&octets);
    return rc;
}

enum rc scu_find(struct scu *s, const char *model_uid, struct dcm_item *identifier,
                 const struct scu_callbacks *cb, struct dimse_command *final, struct err *err)
{
    struct call c = {.sop_class = model_uid, .callbacks = cb, .final = final};
    struct dimse_command rq = {.field = DIMSE_C_FIND_RQ};
    return query(s, &c, &rq, identifier, err);
}

enum rc scu_get(struct scu *s, const char *model_uid, struct dcm_item *identifier,
                const struct scu_callbacks *cb, struct dimse_command *final,
                struct buf *failed_list, struct err *err)
{
    struct call c = {
        .sop_class = model_uid, .callbacks = cb, .final = final, .failed_list = failed_list};
    struct dimse_command rq = {.field = DIMSE_C_GET_RQ};
    return query(s, &c, &rq, identifier, err);
}

enum rc scu_move(struct scu *s, const char *model_uid, const char *destination,
                 struct dcm_item *identifier, const struct scu_callbacks *cb,
                 struct dimse_command *final, struct buf *failed_list, struct err *err)
{
    struct call c = {
        .sop_class = model_uid, .callbacks = cb, .final = final, .failed_list = failed_list};
    struct dimse_command rq = {.field = DIMSE_C_MOVE_RQ, .has = CMD_HAS_DESTINATION};
    if (strlen(destination) > AET_MAX)
        return err_set(err, RC_INVALID, "an AE title has at most %d characters", AET_MAX);
    snprintf(rq.destination, sizeof rq.destination, "%s", destination);
    return query(s, &c, &rq, identifier, err);
}
