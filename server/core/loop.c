/* SPDX-License-Identifier: Apache-2.0
 *
 * One libevent base per thread, made without locks, and what the base does not have: deferred work and
 * a stop from other threads.
 *
 * An iteration is: wait for events, run their callbacks, then the timers of no time that they set ("not from
 * inside, but at once"), then what was deferred when those had ended. What these set or defer themselves
 * belongs to the next iteration, which then does not wait. So an object that dies inside a callback of its
 * own is freed with nothing of its own on the stack, and all that was written to a stream in one
 * iteration leaves together.
 *
 *   callbacks -> due timers -> deferred -> callbacks -> ...      loop_stop: deferred until none is left
 *
 * A timer of no time is not libevent's: that would take another round of the system's event queue, and a
 * C-FIND has one on its way.
 *
 * A watch holds one event for reading and one for writing, because changing one of them is one system
 * call and leaves the other alone; so its callback comes once per direction. Freeing a timer or watch in
 * a callback is safe: libevent does not look at an event again after it has called out, and event_del
 * takes back one that is already active.
 *
 * The base asks the clock anew for every timer and does not take the start of the iteration, else
 * timers set late in a long iteration would fire early. It asks the coarse clock, whose lag is added to each timer:
 * with the precise one libevent sets a timerfd in every iteration, a system call that a C-FIND makes three times.
 */
#include "core/loop.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/log.h"
#include "core_internal.h"

/* Work that defers itself again and again must not keep a stopping loop from ending. */
enum { STOP_ROUNDS = 1000 };

struct deferred {
    loop_cb cb;
    void *arg;
};

struct queue {
    struct deferred *items;
    size_t len;
    size_t cap;
};

struct loop {
    struct event_base *base;
    struct event wake;
    struct event deadline; /* of loop_run_until */
    int wake_fd;
    _Atomic bool stop;
    bool running;
    unsigned objects;       /* timers and watches that are alive */
    struct queue queues[2]; /* one is filled while the other runs */
    unsigned filling;
    int64_t coarse_us; /* what the base's clock may lag behind */
    TAILQ_HEAD(timer_list, loop_timer) due;
};

struct loop_timer {
    struct event event;
    bool is_due; /* in a list of due timers */
    TAILQ_ENTRY(loop_timer) link;
    struct timer_list *list; /* which */
    struct loop *loop;
    loop_cb cb;
    void *arg;
};

struct loop_watch {
    struct event read;
    struct event write;
    struct loop *loop;
    unsigned interest;
    loop_watch_cb cb;
    void *arg;
};

static void must(int failed, const char *what)
{
    if (failed)
        core_fatal(what);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    eventfd_t count;

    (void)what;
    (void)arg;
    (void)eventfd_read(fd, &count); /* EAGAIN is as good: we are awake */
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg; /* to end the wait is all */
}

/* What libevent has to say is a line like any other: by itself it would write to standard error. */
static void on_libevent(int severity, const char *message)
{
    enum log_level level = severity == EVENT_LOG_ERR     ? LOG_ERROR
                           : severity == EVENT_LOG_WARN  ? LOG_WARN
                           : severity == EVENT_LOG_DEBUG ? LOG_DEBUG
                                                         : LOG_INFO;
    log_event(level, NULL, "libevent", "%s", message);
}

static void on_libevent_fatal(int error)
{
    (void)error;
    core_fatal("libevent cannot go on");
}

/* A peer that closes while we write is an error of that write and no reason to die. */
static void prepare_process(void)
{
    signal(SIGPIPE, SIG_IGN);
    event_set_log_callback(on_libevent);
    event_set_fatal_callback(on_libevent_fatal);
}

static int64_t coarse_clock_us(void)
{
    struct timespec ts;

    must(clock_getres(CLOCK_MONOTONIC_COARSE, &ts) != 0, "no coarse clock");
    return ts.tv_sec * 1000000 + ts.tv_nsec / 1000 + 1;
}

struct loop *loop_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct event_config *config = event_config_new();
    struct loop *l = xcalloc(1, sizeof(*l));

    pthread_once(&once, prepare_process);
    must(!config, "out of memory for an event loop");
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_NO_CACHE_TIME);
    l->base = event_base_new_with_config(config);
    event_config_free(config);
    must(!l->base, "cannot make an event loop");
    l->coarse_us = coarse_clock_us();
    TAILQ_INIT(&l->due);
    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    must(l->wake_fd < 0, "cannot make an event descriptor");
    must(event_assign(&l->wake, l->base, l->wake_fd, EV_READ | EV_PERSIST, on_wake, l) != 0 ||
             event_add(&l->wake, NULL) != 0 ||
             event_assign(&l->deadline, l->base, -1, 0, on_deadline, l) != 0,
         "cannot watch an event descriptor");
    return l;
}

static void run_deferred(struct loop *l)
{
    struct queue *q = &l->queues[l->filling];

    l->filling ^= 1;
    for (size_t i = 0; i < q->len; i++)
        q->items[i].cb(q->items[i].arg);
    q->len = 0;
}

static void unlist(struct loop_timer *t)
{
    if (t->is_due)
        TAILQ_REMOVE(t->list, t, link);
    t->is_due = false;
}

static void enlist(struct loop_timer *t, struct timer_list *list)
{
    t->list = list;
    t->is_due = true;
    TAILQ_INSERT_TAIL(list, t, link);
}

/* Those that are due now; what they set anew is for the next iteration. Each may clear or free any. */
static void run_due(struct loop *l)
{
    struct timer_list now = TAILQ_HEAD_INITIALIZER(now);
    struct loop_timer *t;

    while ((t = TAILQ_FIRST(&l->due))) {
        unlist(t);
        enlist(t, &now);
    }
    while ((t = TAILQ_FIRST(&now))) {
        unlist(t);
        t->cb(t->arg);
    }
}

static bool has_deferred(const struct loop *l)
{
    return l->queues[l->filling].len > 0;
}

static void settle(struct loop *l)
{
    for (unsigned i = 0; i < STOP_ROUNDS && has_deferred(l); i++)
        run_deferred(l);
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    assert(!l->running);
    settle(l);
    assert(l->objects == 0 && "timers and watches are freed before their loop");
    event_del(&l->wake);
    event_del(&l->deadline);
    event_base_free(l->base);
    close(l->wake_fd);
    free(l->queues[0].items);
    free(l->queues[1].items);
    free(l);
}

static void iterate(struct loop *l)
{
    bool is_busy = has_deferred(l) || !TAILQ_EMPTY(&l->due);

    must(event_base_loop(l->base, EVLOOP_ONCE | (is_busy ? EVLOOP_NONBLOCK : 0)) < 0,
         "the event loop failed");
    run_due(l);
    run_deferred(l);
}

static bool is_stopped(struct loop *l)
{
    return atomic_load_explicit(&l->stop, memory_order_acquire);
}

/* A stop ends one run, also one that begins only after it. */
static void end_run(struct loop *l)
{
    settle(l);
    atomic_store_explicit(&l->stop, false, memory_order_release);
    l->running = false;
}

void loop_run(struct loop *l)
{
    assert(!l->running && "runs are not nested");
    l->running = true;
    while (!is_stopped(l))
        iterate(l);
    end_run(l);
}

bool loop_run_until(struct loop *l, bool (*pred)(void *arg), void *arg, int64_t timeout_ms)
{
    int64_t deadline = clock_now_ms() + timeout_ms;
    bool ok;

    assert(!l->running && "runs are not nested");
    l->running = true;
    while (!(ok = pred(arg)) && !is_stopped(l)) {
        int64_t left = deadline - clock_now_ms();
        struct timeval tv = {.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};

        if (left <= 0)
            break;
        must(event_add(&l->deadline, &tv) != 0, "cannot set a timer");
        iterate(l);
    }
    event_del(&l->deadline);
    if (is_stopped(l))
        end_run(l);
    l->running = false;
    return ok;
}

void loop_stop(struct loop *l)
{
    atomic_store_explicit(&l->stop, true, memory_order_release);
    (void)eventfd_write(l->wake_fd, 1); /* cannot fill up: it is read on each wake */
}

void loop_defer(struct loop *l, loop_cb cb, void *arg)
{
    struct queue *q = &l->queues[l->filling];

    if (q->len == q->cap) {
        size_t cap = q->cap ? q->cap * 2 : 32;
        struct deferred *items = reallocarray(q->items, cap, sizeof(*items));

        must(!items, "out of memory for deferred work");
        q->items = items;
        q->cap = cap;
    }
    q->items[q->len++] = (struct deferred){cb, arg};
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct loop_timer *t = arg;

    (void)fd;
    (void)what;
    t->cb(t->arg);
}

struct loop_timer *loop_timer_new(struct loop *l, loop_cb cb, void *arg)
{
    struct loop_timer *t = xcalloc(1, sizeof(*t));

    t->loop = l;
    t->cb = cb;
    t->arg = arg;
    must(event_assign(&t->event, l->base, -1, 0, on_timer, t) != 0, "cannot make a timer");
    l->objects++;
    return t;
}

void loop_timer_free(struct loop_timer *t)
{
    if (!t)
        return;
    loop_timer_clear(t);
    t->loop->objects--;
    free(t);
}

void loop_timer_set(struct loop_timer *t, int64_t after_ms)
{
    if (after_ms <= 0) {
        loop_timer_clear(t);
        enlist(t, &t->loop->due);
        return;
    }
    unlist(t);
    int64_t us = after_ms * 1000 + t->loop->coarse_us;
    struct timeval tv = {.tv_sec = us / 1000000, .tv_usec = us % 1000000};
    must(event_add(&t->event, &tv) != 0, "cannot set a timer");
}

void loop_timer_clear(struct loop_timer *t)
{
    unlist(t);
    event_del(&t->event);
}

bool loop_timer_is_set(const struct loop_timer *t)
{
    return t->is_due || event_pending(&t->event, EV_TIMEOUT, NULL) != 0;
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct loop_watch *w = arg;

    w->cb(fd, what & EV_READ ? LOOP_READ : LOOP_WRITE, w->arg);
}

struct loop_watch *loop_watch_new(struct loop *l, int fd, loop_watch_cb cb, void *arg)
{
    struct loop_watch *w = xcalloc(1, sizeof(*w));

    w->loop = l;
    w->cb = cb;
    w->arg = arg;
    must(event_assign(&w->read, l->base, fd, EV_READ | EV_PERSIST, on_ready, w) != 0 ||
             event_assign(&w->write, l->base, fd, EV_WRITE | EV_PERSIST, on_ready, w) != 0,
         "cannot watch a descriptor");
    l->objects++;
    return w;
}

void loop_watch_free(struct loop_watch *w)
{
    if (!w)
        return;
    loop_watch_set(w, 0);
    w->loop->objects--;
    free(w);
}

static void switch_event(struct event *e, bool was, bool is)
{
    if (is && !was)
        must(event_add(e, NULL) != 0, "cannot watch a descriptor");
    else if (was && !is)
        event_del(e);
}

void loop_watch_set(struct loop_watch *w, unsigned interest)
{
    switch_event(&w->read, w->interest & LOOP_READ, interest & LOOP_READ);
    switch_event(&w->write, w->interest & LOOP_WRITE, interest & LOOP_WRITE);
    w->interest = interest;
}

void *loop_event_base(struct loop *l)
{
    return l->base;
}
