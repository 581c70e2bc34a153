/* SPDX-License-Identifier: Apache-2.0
 *
 * service/retrieve: what C-GET and C-MOVE have in common (PS3.4 HH.6.1.2, C.4.2, C.4.3): the identifier, the
 * instances it means, the pending responses and the final one.
 *
 * UIDs that are unknown, hidden or retired get no sub-operation and are not counted; with none left the answer is
 * 0000 with all counters zero. How many were asked for is in the log line.
 *
 * Pending responses: the first as soon as the number of sub-operations is known, then one per progress_interval_ms
 * whether a sub-operation has ended or not. So a requester with a short DIMSE time-out does not give up while its
 * move waits in a queue, or while a destination is connected or thinks.
 */
#include "service_internal.h"

#include <string.h>

#include "core/clock.h"
#include "core/fault.h"

enum { LIFE_MS = 100 }; /* least time between pending responses that say only that we live */

bool retrieve_read(struct retrieve *r)
{
    struct operation *op = &r->base;
    struct service *s = op->front->service;
    struct query_limits limits = op->front->config->query_limits;
    struct err err = {0};
    limits.max_uids = op->front->config->max_retrieve_uids;
    r->memory = memory_take(s);
    r->model = model_of(op->request->context->abstract_syntax);
    enum rc rc = RC_INTERNAL;
    if (r->model)
        rc = retrieve_identifier(buf_span(&op->request->dataset), op->ts,
                                 op->front->config->strict_retrieve_level, &limits,
                                 r->memory->arena, &r->uids, &r->uid_count, &err);
    else
        err_set(&err, RC_INTERNAL, "no information model for this SOP class");
    rc = FAULT(retrieve_read, rc, &err);
    if (rc == RC_OK)
        return true;
    err.code = rc;
    operation_fail_rc(op, &err);
    return false;
}

/* Decision 27. The list has the instances in the order of the UIDs. */
static void note_unknown(struct retrieve *r, const struct instance_list *list)
{
    unsigned found = 0;
    if (!audit_of(r->base.front) || list->count >= r->uid_count)
        return;
    r->unknown = arena_array(r->memory->arena, AUDIT_UIDS, sizeof *r->unknown);
    for (unsigned i = 0; r->unknown && i < r->uid_count && r->unknown_count < AUDIT_UIDS; i++) {
        if (found < list->count && strcmp(r->uids[i], list->refs[found].sop_instance) == 0)
            found++;
        else
            r->unknown[r->unknown_count++] = r->uids[i];
    }
}

void retrieve_add_audit(const struct operation *op, struct buf *json)
{
    const struct retrieve *r = (const struct retrieve *)op;
    if (r->unknown_count)
        audit_uids(json, "unknown", r->unknown, r->unknown_count);
}

static void on_found(const struct err *result, struct instance_list *list, void *arg)
{
    struct retrieve *r = arg;
    r->finding = NULL;
    if (result->code != RC_OK) {
        instance_list_free(list);
        operation_fail_rc(&r->base, result);
        return;
    }
    r->asked = list->asked;
    note_unknown(r, list);
    if (list->count == 0) {
        struct subop_counts none = {0};
        instance_list_free(list);
        retrieve_finish(r, &none, false, span_of(NULL, 0), NULL);
        return;
    }
    unsigned most = r->base.front->config->max_suboperations;
    if (list->count > most) {
        struct err err = {0};
        err_set_limit(&err, LIMIT_max_suboperations, 0, "%u instances, at most %u are sent",
                      list->count, most);
        instance_list_free(list);
        operation_fail(&r->base,
                       r->base.kind->service == STATUS_FOR_GET ? STATUS_GET_TOO_MANY
                                                               : STATUS_MOVE_TOO_MANY,
                       &err);
        return;
    }
    r->on_list(r, list);
}

void retrieve_find(struct retrieve *r)
{
    struct front *f = r->base.front;
    struct instances_view view = {f->required, r->destination_required};
    struct err err = {0};
    if (instances_find(f->service->reader, f->config->lease_timeout_ms, r->model, &view, r->uids,
                       r->uid_count, on_found, r, &r->finding, &err) != RC_OK)
        operation_fail_rc(&r->base, &err);
}

static void send_pending(struct retrieve *r)
{
    struct dimse_command rsp = operation_response(&r->base, STATUS_PENDING, NULL);
    retrieve_set_counts(&rsp, &r->latest);
    operation_send(&r->base, &rsp, NULL);
    r->progress_ms = clock_now_ms();
}

static void set_life(struct retrieve *r)
{
    int64_t interval = r->base.front->config->progress_interval_ms;
    loop_timer_set(r->life, interval > LIFE_MS ? interval : LIFE_MS);
}

/* Nothing has happened since the last pending response. A requester that does not read gets no heap of them. */
static void on_life(void *arg)
{
    struct retrieve *r = arg;
    if (!assoc_is_full(r->base.front->assoc))
        send_pending(r);
    set_life(r);
}

void retrieve_pending(struct retrieve *r, const struct subop_counts *counts)
{
    struct service *s = r->base.front->service;
    r->latest = *counts;
    if (!r->life)
        r->life = loop_timer_new(s->loop, on_life, r);
    if (counts_remaining(counts) == 0) {
        loop_timer_clear(r->life);
        return;
    }
    if (r->progress_ms &&
        clock_now_ms() - r->progress_ms < r->base.front->config->progress_interval_ms)
        return;
    send_pending(r);
    set_life(r);
}

void retrieve_finish(struct retrieve *r, const struct subop_counts *counts, bool cancelled,
                     struct span failed_uids, const struct err *why)
{
    struct operation *op = &r->base;
    if (why && why->code == RC_OK)
        why = NULL;
    struct dimse_command rsp =
        operation_response(op, retrieve_final_status(counts, cancelled), why);
    retrieve_set_counts(&rsp, counts);
    struct span data = {NULL, 0};
    if (counts->failed) {
        struct err err = {0};
        buf_clear(&r->memory->out);
        enum rc rc =
            retrieve_failed_list(failed_uids, op->ts, r->memory->scratch, &r->memory->out, &err);
        if (FAULT(failed_list, rc, &err) == RC_OK)
            data = buf_span(&r->memory->out);
        else
            log_warn(assoc_log(op->front->assoc), "retrieve.list_dropped", "why=\"%s\"", err.text);
    }
    struct details details = {{{.key = "asked", .number = r->asked},
                               {.key = "completed", .number = counts->completed},
                               {.key = "failed", .number = counts->failed},
                               {.key = "warning", .number = counts->warning},
                               {.key = "remaining", .number = counts_remaining(counts)}},
                              5};
    operation_finish(op, &rsp, data.len ? &data : NULL, why, &details);
}

void retrieve_stop(struct retrieve *r)
{
    if (r->finding)
        instances_cancel(r->finding);
    r->finding = NULL;
    loop_timer_free(r->life);
    r->life = NULL;
    memory_give(r->base.front->service, r->memory);
    r->memory = NULL;
}
