/* SPDX-License-Identifier: Apache-2.0
 *
 * service/move: C-MOVE as SCP (PS3.4 HH.6.1.2.1, C.4.2), the side of the requester.
 *
 *   identifier -> destination's row -> instances -> job for a retrieve worker -> progress ... -> final response
 *
 * What is sent is what both the requester and the destination may see (decision 13), as their rows said when the
 * operation began.
 *
 * This side only decides and reports; connecting and sending is done on a retrieve worker's thread, so that a
 * slow destination costs this worker nothing. Progress and the result come as mail (move_mail.c).
 *
 * When the requester's association ends, by release or otherwise, the remaining sub-operations are stopped too:
 * nobody is left to be told how they went (PS3.4 C.4.2.3.1 leaves this to the implementation).
 */
#include "service_internal.h"

#include <stdio.h>

struct move_op {
    struct retrieve base;
    struct peer_op *lookup;
    struct peer destination;
    struct move_job *job;
};

static void on_progress(const struct subop_counts *counts, void *arg)
{
    struct move_op *m = arg;
    retrieve_pending(&m->base, counts);
}

static void on_done(struct move_result *result, void *arg)
{
    struct move_op *m = arg;
    retrieve_finish(&m->base, &result->counts, result->cancelled, buf_span(&result->failed_uids),
                    &result->why);
}

static void on_list(struct retrieve *r, struct instance_list *list)
{
    struct move_op *m = (struct move_op *)r;
    struct front *f = r->base.front;
    struct move_request rq = {
        .destination = m->destination,
        .list = list,
        .originator = audit_peer_of(f),
        .originator_id = r->base.request->command.message_id,
        .priority = r->base.request->command.priority,
    };
    struct move_listener listener = {on_progress, on_done, m};
    struct subop_counts counts = {.total = list->count};
    m->job = move_job_start(f->service->retrieve, f->service->mailbox, &rq, &listener);
    retrieve_pending(r, &counts);
}

/* Decision 28: which refusal applies when. */
static void on_destination(const struct err *result, bool found, const struct peer *peer, void *arg)
{
    struct move_op *m = arg;
    struct operation *op = &m->base.base;
    const char *title = op->request->command.destination;
    struct err err = {0};
    m->lookup = NULL;
    if (result->code != RC_OK) {
        operation_fail_rc(op, result);
    } else if (!found) {
        err_set(&err, RC_NOTFOUND, "move destination %s is not known", title);
        operation_fail(op, STATUS_DESTINATION_UNKNOWN, &err);
    } else if (!(peer->rights & PEER_IS_DESTINATION)) {
        err_set(&err, RC_DENIED, "%s may not be a move destination", title);
        operation_fail(op, STATUS_NOT_AUTHORIZED, &err);
    } else if (!peer->host[0] || !peer->port) {
        err_set(&err, RC_INVALID, "move destination %s has no usable address", title);
        operation_fail(op, STATUS_MOVE_BAD_DESTINATION, &err);
    } else {
        m->destination = *peer;
        if (m->destination.required[0])
            m->base.destination_required = m->destination.required;
        retrieve_find(&m->base);
    }
}

static void move_start(struct operation *op)
{
    struct move_op *m = (struct move_op *)op;
    struct service *s = op->front->service;
    const struct dimse_command *rq = &op->request->command;
    m->base.on_list = on_list;
    if (!retrieve_read(&m->base))
        return;
    m->lookup = peer_find(s->pool, op->front->config->lease_timeout_ms, rq->destination, NULL,
                          on_destination, m);
}

static void move_cancel(struct operation *op)
{
    struct move_op *m = (struct move_op *)op;
    if (m->job) {
        move_job_cancel(m->job); /* on_done comes */
        return;
    }
    struct subop_counts none = {0};
    retrieve_finish(&m->base, &none, true, span_of(NULL, 0), NULL);
}

static void move_expire(struct operation *op, const struct err *why)
{
    struct move_op *m = (struct move_op *)op;
    if (m->job)
        move_job_expire(m->job, why); /* on_done comes */
    else
        operation_fail_rc(op, why);
}

static void move_stop(struct operation *op)
{
    struct move_op *m = (struct move_op *)op;
    if (m->lookup)
        peer_cancel(m->lookup);
    m->lookup = NULL;
    if (m->job)
        move_job_abandon(m->job);
    m->job = NULL;
    retrieve_stop(&m->base);
}

const struct operation_kind operation_move = {
    .name = "move",
    .event = "move.done",
    .refused = "move.refused",
    .stopped = "move.stopped",
    .service = STATUS_FOR_MOVE,
    .size = sizeof(struct move_op),
    .start = move_start,
    .cancel = move_cancel,
    .expire = move_expire,
    .stop = move_stop,
    .is_audited = true,
    .add_audit = retrieve_add_audit,
};
