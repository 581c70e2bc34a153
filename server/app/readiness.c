/* SPDX-License-Identifier: Apache-2.0
 *
 * Once a second the main loop looks at what makes this server a bad place for a new association, while another might
 * be a good one:
 *
 *   queue    operations wait for the database up to 7/8 of what may wait (database-max-waiting x workers) for
 *            5 s, or large data sets do (max-waiting-jobs). Over when half of it is free for 10 s.
 *   worker   the loop of a thread has not turned for 5 s (core/worker): each connection that is dealt to it would
 *            hang, without any deadline, because deadlines are timers of that loop.
 *
 * Nothing is lost by it: when the queue is full the row of a calling AE cannot be read, so this server would reject new
 * associations with 2/3/1 in any case. What it has goes on.
 *
 * One slow database must not take all servers out: then a balancer has nowhere to send anybody, and slow answers
 * become none. Queues fill up on all servers when the database is slow, but the probe, which has a connection of
 * its own, sees that too (probe_is_slow): a queue that is full while the probe's question takes more than a second is
 * excused, here and everywhere. A full queue before a quick database is this server's own: peers with many operations,
 * readers who are slow to take their answers.
 *
 * Two thresholds and two times keep it from flapping: a change takes 5 s of one opinion, the way back 10.
 *
 * /livez fails only when a loop has stood still for two minutes. Who asks it restarts the server, and that breaks the
 * associations of all other workers too; so it must be certain that the thread will not come back. No piece of work
 * on a loop takes seconds. Before that, after 5 s, no new associations come, so most that are left belong to the
 * dead thread.
 */
#include "readiness.h"

#include <stdlib.h>

#include "app_internal.h"
#include "core/arena.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/worker.h"

enum { TICK_MS = 1000, FULL_TICKS = 5, FREE_TICKS = 10, STUCK_TICKS = 5, DEAD_TICKS = 120 };

struct readiness {
    struct loop_timer *timer;
    struct web_health *health;
    const struct probe *probe;
    int64_t queue_bound, job_bound;
    unsigned jobs; /* label of their pool */
    struct queue_gate queue, waiting_jobs;
    int64_t due_us;
};

bool queue_gate_step(struct queue_gate *g, int64_t waiting, int64_t bound, bool is_excused)
{
    bool wants = !is_excused && (g->is_full ? waiting > bound / 2 : waiting >= bound - bound / 8);

    if (wants == g->is_full)
        g->ticks = 0;
    else if (++g->ticks >= (g->is_full ? FREE_TICKS : FULL_TICKS))
        *g = (struct queue_gate){.is_full = wants};
    return g->is_full;
}

static void look_at_queues(struct readiness *r)
{
    int64_t waiting = metric_get(METRIC_database_waiting),
            jobs = metric_get_at(METRIC_jobs_waiting, (struct metric_at){.a = r->jobs});
    bool was_full = atomic_load(&r->health->queue_full);
    /* Both take their step, whatever the other says. */
    bool has_queue = queue_gate_step(&r->queue, waiting, r->queue_bound, probe_is_slow(r->probe));
    bool has_jobs = queue_gate_step(&r->waiting_jobs, jobs, r->job_bound, false);
    bool is_full = has_queue || has_jobs;

    atomic_store(&r->health->queue_full, is_full);
    if (is_full && !was_full)
        log_warn(NULL, "ready.queue_full",
                 "waiting=%lld of=%lld jobs=%lld jobs_of=%lld note=\"/readyz says 503\"",
                 (long long)waiting, (long long)r->queue_bound, (long long)jobs,
                 (long long)r->job_bound);
    else if (was_full && !is_full)
        log_info(NULL, "ready.queue_free", "waiting=%lld jobs=%lld", (long long)waiting,
                 (long long)jobs);
}

static void look_at_workers(struct readiness *r)
{
    struct worker_watch w;
    bool was_stuck = atomic_load(&r->health->worker_stuck);

    worker_look(STUCK_TICKS, &w);
    metric_set(METRIC_loops, w.count + 1); /* and this one */
    metric_set(METRIC_loops_stuck, w.quiet_count);
    atomic_store(&r->health->worker_stuck, w.quiet_count > 0);
    atomic_store(&r->health->worker_dead, w.most_looks >= DEAD_TICKS);
    if (w.quiet_count && (!was_stuck || w.most_looks == DEAD_TICKS))
        log_error(NULL, "worker.stuck", "thread=%s seconds=%u threads=%u note=\"%s\"", w.name,
                  w.most_looks, w.quiet_count,
                  w.most_looks >= DEAD_TICKS ? "/livez and /readyz say 503" : "/readyz says 503");
    else if (was_stuck && !w.quiet_count)
        log_warn(NULL, "worker.turns", "every thread turns again");
}

static void on_tick(void *arg)
{
    struct readiness *r = arg;
    int64_t now = clock_now_us();

    metric_observe(METRIC_loop_lag_seconds, 0, now - r->due_us);
    look_at_queues(r);
    look_at_workers(r);
    r->due_us = now + TICK_MS * 1000;
    loop_timer_set(r->timer, TICK_MS);
}

struct readiness *readiness_new(struct loop *l, struct web_health *health,
                                const struct probe *probe, int64_t queue_bound, int64_t job_bound)
{
    struct readiness *r = xcalloc(1, sizeof(*r));

    r->timer = loop_timer_new(l, on_tick, r);
    r->health = health;
    r->probe = probe;
    r->queue_bound = queue_bound;
    r->job_bound = job_bound;
    r->jobs = metric_label_of(LABEL_pool, "jobs");
    r->due_us = clock_now_us() + TICK_MS * 1000;
    loop_timer_set(r->timer, TICK_MS);
    look_at_workers(r);
    return r;
}

void readiness_set_bounds(struct readiness *r, int64_t queue_bound, int64_t job_bound)
{
    r->queue_bound = queue_bound;
    r->job_bound = job_bound;
}

void readiness_free(struct readiness *r)
{
    if (!r)
        return;
    loop_timer_free(r->timer);
    free(r);
}
