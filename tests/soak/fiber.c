/* SPDX-License-Identifier: Apache-2.0
 *
 * Fibers by ucontext, woken by one epoll.
 *
 *   ready --run--> running --fiber_wait--> waiting (epoll, or the time) --> ready
 *                     '--- fn returns: its stack is kept for the next fiber
 *
 * A descriptor is armed for one event at a time (EPOLLONESHOT), so nothing is left to disarm when a wait ends,
 * and closing it takes it out of epoll. Waits that ended by time stay armed; their event, if it comes, is told by
 * the serial number of the wait and dropped.
 *
 * Times are looked through one by one: there are hundreds of fibers, not millions.
 */
#include "fiber.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <time.h>
#include <ucontext.h>

enum { STACK_BYTES = 128 * 1024, GUARD_BYTES = 4096, MAX_EVENTS = 256 };

struct fiber {
    ucontext_t context;
    void (*fn)(void *arg);
    void *arg;
    unsigned index;  /* in all */
    uint32_t serial; /* of the present wait */
    unsigned ready;
    int64_t due_ms; /* 0 = never */
    bool is_waiting;
    STAILQ_ENTRY(fiber) link; /* of runnable or spare */
};
STAILQ_HEAD(fiber_list, fiber);

static struct fiber_list runnable = STAILQ_HEAD_INITIALIZER(runnable);
static struct fiber_list spare = STAILQ_HEAD_INITIALIZER(spare);
static struct fiber **all;
static unsigned all_count, live_count;
static struct fiber *current;
static ucontext_t scheduler;
static int epoll_fd = -1;

int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static void entry(void)
{
    struct fiber *f = current;
    for (;;) { /* a spare fiber begins again here */
        f->fn(f->arg);
        live_count--;
        STAILQ_INSERT_HEAD(&spare, f, link);
        swapcontext(&f->context, &scheduler);
    }
}

static struct fiber *make(void)
{
    struct fiber *f = calloc(1, sizeof *f);
    char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    all = realloc(all, (all_count + 1) * sizeof *all);
    if (!f || !all || stack == MAP_FAILED || mprotect(stack, GUARD_BYTES, PROT_NONE) != 0) {
        die("no memory for a fiber");
    }
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = stack;
    f->context.uc_stack.ss_size = STACK_BYTES;
    makecontext(&f->context, entry, 0);
    f->index = all_count;
    all[all_count++] = f;
    return f;
}

void fiber_start(void (*fn)(void *arg), void *arg)
{
    struct fiber *f = STAILQ_FIRST(&spare);
    if (f) {
        STAILQ_REMOVE_HEAD(&spare, link);
    } else {
        f = make();
    }
    f->fn = fn;
    f->arg = arg;
    live_count++;
    STAILQ_INSERT_TAIL(&runnable, f, link);
}

static void arm(const struct fiber *f, int fd, unsigned events)
{
    struct epoll_event event = {.events = events | EPOLLONESHOT,
                                .data.u64 = (uint64_t)f->index << 32 | f->serial};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event) != 0 &&
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        die("epoll_ctl");
    }
}

unsigned fiber_wait(int fd, unsigned events, int64_t timeout_ms)
{
    struct fiber *f = current;
    f->serial++;
    f->ready = 0;
    f->due_ms = timeout_ms < 0 ? 0 : now_ms() + timeout_ms;
    f->is_waiting = true;
    if (fd >= 0) {
        arm(f, fd, events);
    }
    swapcontext(&f->context, &scheduler);
    return f->ready;
}

void fiber_sleep(int64_t ms)
{
    (void)fiber_wait(-1, 0, ms);
}

static void wake(struct fiber *f, unsigned ready)
{
    f->is_waiting = false;
    f->ready = ready;
    STAILQ_INSERT_TAIL(&runnable, f, link);
}

/* Wakes whose time has come; when the next one is due, -1 = never. */
static int wake_due(void)
{
    int64_t now = now_ms(), next = INT64_MAX;
    for (unsigned i = 0; i < all_count; i++) {
        struct fiber *f = all[i];
        if (!f->is_waiting || !f->due_ms) {
            continue;
        }
        if (f->due_ms <= now) {
            wake(f, 0);
        } else if (f->due_ms < next) {
            next = f->due_ms;
        }
    }
    return next == INT64_MAX ? -1 : (int)(next - now);
}

static void wait_for_events(void)
{
    struct epoll_event events[MAX_EVENTS];
    int timeout = wake_due();
    int count = epoll_wait(epoll_fd, events, MAX_EVENTS, STAILQ_EMPTY(&runnable) ? timeout : 0);
    for (int i = 0; i < count; i++) {
        struct fiber *f = all[events[i].data.u64 >> 32];
        if (f->is_waiting && f->serial == (uint32_t)events[i].data.u64) {
            wake(f, events[i].events);
        }
    }
}

void fiber_run(void)
{
    if (epoll_fd < 0 && (epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0) {
        die("epoll_create1");
    }
    while (live_count > 0) {
        struct fiber *f;
        wait_for_events();
        struct fiber_list turn = STAILQ_HEAD_INITIALIZER(turn);
        STAILQ_CONCAT(&turn, &runnable); /* who becomes ready meanwhile comes in the next turn */
        while ((f = STAILQ_FIRST(&turn))) {
            STAILQ_REMOVE_HEAD(&turn, link);
            current = f;
            swapcontext(&scheduler, &f->context);
        }
    }
}
