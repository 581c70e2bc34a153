/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a server.
 *
 *   signal ---> TELLING --delay--> CLOSING --half of the grace--> HURRYING --the rest--> over
 *                                     |                              |
 *                                     +------ no association --------+----> LAST_MOVES ---> over
 *
 *   TELLING     /readyz says 503, all else is as ever: a balancer that asks it needs a moment to notice, and what it
 *               sends us until then is served. A server without a balancer gains nothing, so the default is 0.
 *   CLOSING     the listeners hand on what the kernel has accepted for them and close; associations go on as
 *               service/drain says. A connection that comes later is refused by the kernel. A balancer takes that as
 *               a reason to try another server, and nobody has sent anything yet. The alternative, to accept and to
 *               reject with 2/3/2, would reach the client through the balancer.
 *   HURRYING    associations are released as soon as nothing runs on them
 *   LAST_MOVES  every requester has its answer; the associations to destinations are being released, for a moment
 *   over        the caller stops the threads, front to back; what still runs is aborted
 *
 * So the end comes within delay, grace and LAST_MOVES_MS, and what stop_all of server.c allows itself.
 *
 * Workers answer by mail, which may come when it is over: drain_end makes it mean nothing, and drain_free comes
 * when the mailbox is gone.
 */
#include "drain.h"

#include <stdlib.h>

#include "core/arena.h"
#include "core/limits.h"
#include "core/log.h"

enum { LAST_MOVES_MS = 3000 };

enum stage { TELLING, CLOSING, HURRYING, LAST_MOVES, OVER };

struct drain {
    struct drain_parts parts;
    struct loop_timer *timer;
    enum stage stage;
    unsigned workers_done, retrievers_done;
};

/* Mail to a worker. */
struct order {
    struct drain *drain;
    struct worker *worker;
    enum stage stage;
};

static void on_retriever_drained(void *arg) /* main loop */
{
    struct drain *d = arg;

    if (d->stage == OVER || ++d->retrievers_done < retrieve_pool_threads(d->parts.retrieve))
        return;
    log_info(NULL, "serve.drained", "all operations have ended");
    d->parts.on_over(d->parts.arg);
}

static void on_worker_drained(void *arg) /* main loop */
{
    struct drain *d = arg;

    if (d->stage == OVER || ++d->workers_done < d->parts.worker_count)
        return;
    d->stage = LAST_MOVES;
    loop_timer_set(d->timer, LAST_MOVES_MS);
    retrieve_pool_drain(d->parts.retrieve, d->parts.mailbox, on_retriever_drained, d);
}

static void on_service_drained(void *arg) /* a worker's loop */
{
    struct drain *d = arg;

    mailbox_post(d->parts.mailbox, on_worker_drained, NULL, d);
}

static void deliver_order(void *arg) /* a worker's loop */
{
    struct order *o = arg;

    if (o->stage == CLOSING)
        service_drain(worker_state(o->worker), on_service_drained, o->drain);
    else
        service_hurry(worker_state(o->worker));
    free(o);
}

/* All workers, after whatever connections have been posted to them. */
static void give_orders(struct drain *d)
{
    for (unsigned i = 0; i < d->parts.worker_count; i++) {
        struct order *o = xcalloc(1, sizeof(*o));
        *o = (struct order){d, d->parts.workers[i], d->stage};
        worker_post(o->worker, deliver_order, free, o);
    }
}

static void enter(struct drain *d, enum stage stage)
{
    int64_t half = d->parts.grace_ms / 2;

    d->stage = stage;
    if (stage == CLOSING) {
        d->parts.close_listeners(d->parts.arg);
        log_info(NULL, "serve.closed", "note=\"no new associations\"");
    }
    give_orders(d);
    loop_timer_set(d->timer, stage == CLOSING ? half : d->parts.grace_ms - half);
}

static void on_timer(void *arg)
{
    struct drain *d = arg;
    struct log_ctx ctx = {.limit = LIMIT_shutdown_grace};

    switch (d->stage) {
    case TELLING:
        enter(d, CLOSING);
        return;
    case CLOSING:
        enter(d, HURRYING);
        return;
    case HURRYING:
        limit_struck(LIMIT_shutdown_grace);
        log_warn(&ctx, "serve.grace_over", "workers_busy=%u",
                 d->parts.worker_count - d->workers_done);
        break;
    case LAST_MOVES:
        log_warn(NULL, "serve.moves_cut", "why=\"a move destination does not release in time\"");
        break;
    case OVER:
        return;
    }
    d->parts.on_over(d->parts.arg);
}

struct drain *drain_begin(const struct drain_parts *parts, int signal)
{
    struct drain *d = xcalloc(1, sizeof(*d));
    int64_t delay = signal == SIGINT ? 0 : parts->delay_ms;

    d->parts = *parts;
    d->timer = loop_timer_new(parts->loop, on_timer, d);
    log_info(NULL, "serve.draining", "signal=%s delay_ms=%lld grace_ms=%lld",
             signal == SIGINT ? "INT" : "TERM", (long long)delay, (long long)parts->grace_ms);
    loop_timer_set(d->timer, delay);
    return d;
}

void drain_end(struct drain *d)
{
    if (!d)
        return;
    d->stage = OVER;
    loop_timer_free(d->timer);
    d->timer = NULL;
}

void drain_free(struct drain *d)
{
    if (!d)
        return;
    drain_end(d);
    free(d);
}
