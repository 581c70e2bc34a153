/* SPDX-License-Identifier: Apache-2.0
 *
 * service/get: C-GET as SCP (PS3.4 HH.6.1.2.2, C.4.3): the instances go out as C-STORE requests on the same
 * association, in contexts where the peer took the SCP role; reading goes on, so that responses and C-CANCEL
 * interleave.
 */
#include "service_internal.h"

/* A requester that cancels may still store what it has got; one that does not even answer waits for itself. */
enum { CANCEL_GRACE_MS = 5000 };

struct get_op {
    struct retrieve base;
    struct subops *subops;
};

static void on_progress(void *arg)
{
    struct get_op *g = arg;
    retrieve_pending(&g->base, subops_counts(g->subops));
}

static void on_done(void *arg)
{
    struct get_op *g = arg;
    retrieve_finish(&g->base, subops_counts(g->subops), g->base.is_cancelled,
                    subops_failed_uids(g->subops), subops_error(g->subops));
}

static void on_list(struct retrieve *r, struct instance_list *list)
{
    struct get_op *g = (struct get_op *)r;
    struct front *f = r->base.front;
    struct service *s = f->service;
    struct subops_options o = {
        .channel = &f->channel,
        .reader = s->reader,
        .jobs = s->jobs,
        .mailbox = s->mailbox,
        .config = f->config,
        .list = list,
        .priority = r->base.request->command.priority,
        .audit = {.audit = audit_of(f),
                  .operation = r->base.kind->name,
                  .peer = audit_peer_of(f),
                  .message_id = r->base.request->command.message_id},
        .cancel_grace_ms = CANCEL_GRACE_MS,
        .grace_follows_output = true,
        .on_progress = on_progress,
        .on_done = on_done,
        .arg = g,
    };
    g->subops = subops_start(&o);
    retrieve_pending(r, subops_counts(g->subops));
}

static void get_start(struct operation *op)
{
    struct get_op *g = (struct get_op *)op;
    g->base.on_list = on_list;
    if (retrieve_read(&g->base))
        retrieve_find(&g->base);
}

static void get_cancel(struct operation *op)
{
    struct get_op *g = (struct get_op *)op;
    if (g->subops) {
        g->base.is_cancelled = true;
        subops_cancel(g->subops); /* on_done comes */
        return;
    }
    struct subop_counts none = {0};
    retrieve_finish(&g->base, &none, true, span_of(NULL, 0), NULL);
}

static void get_expire(struct operation *op, const struct err *why)
{
    struct get_op *g = (struct get_op *)op;
    if (!g->subops) {
        operation_fail_rc(op, why);
        return;
    }
    subops_abandon(g->subops, why);
    retrieve_finish(&g->base, subops_counts(g->subops), g->base.is_cancelled,
                    subops_failed_uids(g->subops), why);
}

static void get_stop(struct operation *op)
{
    struct get_op *g = (struct get_op *)op;
    subops_free(g->subops);
    g->subops = NULL;
    retrieve_stop(&g->base);
}

const struct operation_kind operation_get = {
    .name = "get",
    .event = "get.done",
    .refused = "get.refused",
    .stopped = "get.stopped",
    .service = STATUS_FOR_GET,
    .size = sizeof(struct get_op),
    .start = get_start,
    .cancel = get_cancel,
    .expire = get_expire,
    .stop = get_stop,
    .is_audited = true,
    .add_audit = retrieve_add_audit,
};
