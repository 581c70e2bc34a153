/* SPDX-License-Identifier: Apache-2.0
 *
 * service/audit: which rows an operation leaves in dpp.audit_events (decision 40).
 *
 *   C-FIND           one, with its identifier
 *   C-GET, C-MOVE    one, with its counts and the UIDs that there is nothing to send for; and one for each instance
 *                    sent (subops.c), which names the instance
 *   C-STORE          one: by the store's own transaction where it has got so far (store.c), else like the others
 *
 * Whatever refuses, ends or interrupts the operation: operations end in front.c, and it calls audit_operation there;
 * what does not become an operation is audit_request. C-ECHO leaves none. A row is written when the operation has
 * ended, and says what the line in the log says.
 */
#include "service_internal.h"

#include "core/clock.h"
#include "dcm/uids.h"

struct audit_options audit_options_of(const struct service_config *config)
{
    return (struct audit_options){
        .max_waiting = config->audit_max_waiting,
        .server_id = config->server_id,
        .lease_timeout_ms = config->lease_timeout_ms,
    };
}

struct audit *audit_start(struct loop *l, struct pg_pool *pool, const struct service_config *config)
{
    struct audit_options o = audit_options_of(config);
    return audit_new(l, pool, &o);
}

struct audit *audit_of(const struct front *f)
{
    return f->config->audits ? f->service->audit : NULL;
}

struct audit_peer audit_peer_of(const struct front *f)
{
    return (struct audit_peer){
        .ae_title = assoc_calling_aet(f->assoc),
        .address = assoc_peer_address(f->assoc),
        .association = assoc_number(f->assoc),
    };
}

/* The class that goes without saying: most rows are of queries, and its UID is a fifth of such a row. */
static const char *usual_class(uint16_t field)
{
    return field == DIMSE_C_FIND_RQ   ? UID_PROTOCOL_FIND
           : field == DIMSE_C_GET_RQ  ? UID_PROTOCOL_GET
           : field == DIMSE_C_MOVE_RQ ? UID_PROTOCOL_MOVE
                                      : "";
}

void audit_open_request(struct buf *json, const struct dimse_command *rq)
{
    audit_number(json, "message_id", rq->message_id);
    if (rq->sop_class[0] && strcmp(rq->sop_class, usual_class(rq->field)) != 0)
        audit_text(json, "sop_class", span_str(rq->sop_class));
}

/* Takes the details as they are so far. */
static void add_request(struct front *f, const struct operation_kind *kind,
                        const struct dimse_command *rq, int status, const struct err *why,
                        struct buf *json)
{
    struct audit_peer peer = audit_peer_of(f);
    if (rq->has & CMD_HAS_DESTINATION)
        peer.destination = rq->destination;
    if (why && why->text[0])
        audit_text(json, "why", span_str(why->text));
    audit_close(json);
    struct audit_event e = {
        .operation = kind->name,
        .peer = &peer,
        .sop_instance = rq->has & CMD_HAS_SOP_INSTANCE ? rq->sop_instance : NULL,
        .status = status,
        .details = buf_span(json),
    };
    audit_add(audit_of(f), &e);
}

void audit_request(struct front *f, const struct operation_kind *kind,
                   const struct dimse_command *rq, uint16_t status, const struct err *why)
{
    struct audit *a = audit_of(f);
    if (!a || !kind->is_audited)
        return;
    struct buf *json = audit_details(a);
    audit_open_request(json, rq);
    add_request(f, kind, rq, status, why, json);
}

void audit_operation(struct operation *op, int status, const struct err *why,
                     const struct details *details)
{
    struct audit *a = audit_of(op->front);
    const struct dimse_command *rq = &op->request->command;
    if (!a || !op->kind->is_audited || op->has_audit_row)
        return;
    struct buf *json = audit_details(a);
    struct log_pair ms = {
        .key = "ms", .number = (clock_now_us() - op->started_us) / 100, .decimals = 1};
    audit_open_request(json, rq);
    audit_pair(json, &ms);
    for (unsigned i = 0; details && i < details->count; i++)
        audit_pair(json, &details->pairs[i]);
    if (op->kind->add_audit)
        op->kind->add_audit(op, json);
    add_request(op->front, op->kind, rq, status, why, json);
}

void audit_suboperation(const struct subops_audit *by, const char *sop_instance, int status,
                        const char *why)
{
    if (!by->audit)
        return;
    struct buf *json = audit_details(by->audit);
    audit_number(json, "message_id", by->message_id);
    if (why)
        audit_text(json, "why", span_str(why));
    audit_close(json);
    struct audit_event e = {
        .operation = by->operation,
        .peer = &by->peer,
        .sop_instance = sop_instance,
        .status = status,
        .details = buf_span(json),
    };
    audit_add(by->audit, &e);
}
