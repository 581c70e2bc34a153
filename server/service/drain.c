/* SPDX-License-Identifier: Apache-2.0
 *
 * service/drain: the gentle end of one worker's associations.
 *
 *   service_drain   nobody new comes any more; who is connected is served on, new operations included. Asked to
 *                   release is an association that has been quiet for QUIET_TICKS. A connection that asks for an
 *                   association gets it, since it was accepted; one that does not is aborted when it has been
 *                   silent as long.
 *   service_hurry   an association is asked to release behind the last response it waits for, in the same write, so
 *                   that the peer has the request before it can send another one; requests for one are rejected, 2/3/2
 *   service_free    what is left is aborted
 *
 * Quiet is: no operation runs and no part of a message has come. The peer of such an association is pausing, not
 * between two requests: a request that crosses our A-RELEASE-RQ is lost, as we may not answer it any more (PS3.8
 * 9.2, Sta7), and to its sender that is a failed operation.
 *
 * A peer that works on and on would keep us for ever, hence service_hurry, which comes when half of the grace time
 * is over, and hence the end of the grace time.
 */
#include "service_internal.h"

#include "core/clock.h"

enum {
    TICK_MS = 250,
    QUIET_TICKS = 4,
    IDLE_RELEASE_MS = 1000, /* for a peer that is idle to answer our release request */
    LAST_RELEASE_MS = 3000, /* the same for one that may still be reading its last responses */
};

static void ask_to_release(struct front *f, int64_t patience_ms)
{
    f->releasing = true;
    f->patience_ms = clock_now_ms() + patience_ms;
    metric_add(METRIC_drain_released, 1);
    assoc_release(f->assoc);
}

/* Between two operations of an established association, as far as we can see. */
static bool is_idle(const struct front *f)
{
    return f->operation_count == 0 && !assoc_is_receiving(f->assoc);
}

void drain_operation_ended(struct front *f)
{
    if (f->service->drain == DRAIN_NOW && f->established && !f->releasing && !f->is_aborted &&
        is_idle(f))
        ask_to_release(f, LAST_RELEASE_MS);
}

void drain_check(struct service *s)
{
    if (s->drain == DRAIN_NOT || s->front_count || !s->on_drained)
        return;
    void (*done)(void *arg) = s->on_drained;
    s->on_drained = NULL;
    loop_timer_clear(s->drain_timer);
    done(s->drained_arg);
}

static bool is_quiet(struct front *f)
{
    bool is_asking = !f->established && f->rq; /* the database is asked who it is */
    if (is_asking || (f->established && !is_idle(f)))
        f->quiet_ticks = 0;
    else
        f->quiet_ticks++;
    return f->quiet_ticks >= QUIET_TICKS;
}

static void settle(struct front *f, int64_t now)
{
    if (f->is_aborted || (f->releasing && now >= f->patience_ms))
        front_cut_off(f);
    else if (f->releasing || !is_quiet(f))
        return;
    else if (f->established)
        ask_to_release(f, IDLE_RELEASE_MS);
    else
        front_abort(f, "the server is stopping");
}

void drain_tick(void *arg)
{
    struct service *s = arg;
    int64_t now = clock_now_ms();
    struct front *next;
    for (struct front *f = LIST_FIRST(&s->fronts); f; f = next) {
        next = LIST_NEXT(f, link);
        settle(f, now);
    }
    if (s->front_count)
        loop_timer_set(s->drain_timer, TICK_MS);
    drain_check(s);
}

void service_drain(struct service *s, void (*done)(void *arg), void *arg)
{
    s->drain = DRAIN_GENTLY;
    s->on_drained = done;
    s->drained_arg = arg;
    loop_timer_set(s->drain_timer, s->front_count ? TICK_MS : 0);
}

void service_hurry(struct service *s)
{
    if (s->drain == DRAIN_GENTLY)
        s->drain = DRAIN_NOW;
}
