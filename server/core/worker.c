/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker's life on its own thread:
 *
 *   loop_new, mailbox_new -> start hook -> (starter goes on) -> loop_run -> mail dropped -> stop hook
 *   -> mailbox and loop freed
 *
 * The mailbox is closed before the stop hook, which therefore finds nothing running besides itself, but
 * stays valid through it, so that what the hook frees may still refer to it. Memory of the worker is
 * freed by the thread that joins it.
 *
 * While its loop runs a worker stands in a list with a count of its pulses, a timer of a second, for worker_look. How
 * late the timer comes is how long an event has to wait for the loop: dppr_loop_lag_seconds.
 */
#include "core/worker.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/queue.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core_internal.h"

enum { NAME = 16, PULSE_MS = 1000 };

struct worker {
    pthread_t thread;
    char name[NAME];
    struct worker_hooks hooks;
    void *arg;
    struct loop *loop;
    struct mailbox *mailbox;
    void *state;
    sem_t started; /* the outcome below is known */
    enum rc outcome;
    struct err *err; /* the starter's, until started */

    struct loop_timer *pulse;
    int64_t pulse_due_us;
    atomic_uint pulses;
    unsigned pulses_seen, quiet_looks; /* worker_look's; under the lock */
    LIST_ENTRY(worker) link;           /* likewise */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the list */
static LIST_HEAD(, worker) turning = LIST_HEAD_INITIALIZER(turning);

int core_thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *arg)
{
    sigset_t all, before;
    char short_name[NAME];
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0) {
        strncpy(short_name, name, NAME - 1);
        short_name[NAME - 1] = '\0';
        pthread_setname_np(*thread, short_name);
    }
    return rc;
}

static void plan_pulse(struct worker *w)
{
    w->pulse_due_us = clock_now_us() + PULSE_MS * 1000;
    loop_timer_set(w->pulse, PULSE_MS);
}

static void on_pulse(void *arg)
{
    struct worker *w = arg;

    atomic_fetch_add_explicit(&w->pulses, 1, memory_order_relaxed);
    metric_observe(METRIC_loop_lag_seconds, 0, clock_now_us() - w->pulse_due_us);
    plan_pulse(w);
}

static void enlist(struct worker *w)
{
    w->pulse = loop_timer_new(w->loop, on_pulse, w);
    plan_pulse(w);
    pthread_mutex_lock(&lock);
    LIST_INSERT_HEAD(&turning, w, link);
    pthread_mutex_unlock(&lock);
}

static void unlist(struct worker *w)
{
    pthread_mutex_lock(&lock);
    LIST_REMOVE(w, link);
    pthread_mutex_unlock(&lock);
    loop_timer_free(w->pulse);
}

void worker_look(unsigned quiet_looks, struct worker_watch *out)
{
    struct worker *w;

    memset(out, 0, sizeof(*out));
    pthread_mutex_lock(&lock);
    LIST_FOREACH (w, &turning, link) {
        unsigned pulses = atomic_load_explicit(&w->pulses, memory_order_relaxed);
        w->quiet_looks = pulses == w->pulses_seen ? w->quiet_looks + 1 : 0;
        w->pulses_seen = pulses;
        out->count++;
        out->quiet_count += w->quiet_looks >= quiet_looks;
        if (w->quiet_looks > out->most_looks) {
            out->most_looks = w->quiet_looks;
            memcpy(out->name, w->name, sizeof(out->name));
        }
    }
    pthread_mutex_unlock(&lock);
}

static void *run(void *arg)
{
    struct worker *w = arg;
    bool is_up;

    w->loop = loop_new();
    w->mailbox = mailbox_new(w->loop);
    mailbox_ref(w->mailbox); /* for those who post, until worker_stop */
    w->outcome = w->hooks.start ? w->hooks.start(w, w->arg, &w->state, w->err) : RC_OK;
    is_up = w->outcome == RC_OK;
    w->err = NULL;
    if (is_up)
        enlist(w);
    sem_post(&w->started);
    if (is_up) {
        loop_run(w->loop);
        unlist(w);
    }
    mailbox_close(w->mailbox);
    if (is_up && w->hooks.stop)
        w->hooks.stop(w->state);
    mailbox_free(w->mailbox);
    loop_free(w->loop);
    return NULL;
}

enum rc worker_start(const char *name, const struct worker_hooks *hooks, void *arg,
                     struct worker **out, struct err *err)
{
    struct worker *w = xcalloc(1, sizeof(*w));
    enum rc rc;
    int e;

    *out = NULL;
    strncpy(w->name, name, NAME - 1);
    w->hooks = *hooks;
    w->arg = arg;
    w->err = err;
    sem_init(&w->started, 0, 0);
    e = core_thread_start(&w->thread, w->name, run, w);
    if (e != 0) {
        rc = err_set(err, RC_LIMIT, "cannot start thread %s: %s", w->name, strerror(e));
        goto out;
    }
    while (sem_wait(&w->started) != 0)
        ; /* EINTR */
    rc = w->outcome;
    if (rc == RC_OK) {
        *out = w;
        return RC_OK;
    }
    pthread_join(w->thread, NULL);
    mailbox_unref(w->mailbox);
out:
    sem_destroy(&w->started);
    free(w);
    return rc;
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

/* The stop is a message: it comes behind what was posted before, and the loop cannot be freed while we
 * are still at it. */
void worker_stop(struct worker *w)
{
    if (!w)
        return;
    mailbox_post(w->mailbox, stop_loop, NULL, w->loop);
    pthread_join(w->thread, NULL);
    mailbox_unref(w->mailbox);
    sem_destroy(&w->started);
    free(w);
}

void worker_post(struct worker *w, mail_cb deliver, mail_cb drop, void *arg)
{
    mailbox_post(w->mailbox, deliver, drop, arg);
}

struct loop *worker_loop(struct worker *w)
{
    return w->loop;
}

struct mailbox *worker_mailbox(struct worker *w)
{
    return w->mailbox;
}

void *worker_state(struct worker *w)
{
    return w->state;
}
