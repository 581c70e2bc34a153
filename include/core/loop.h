/* SPDX-License-Identifier: Apache-2.0
 *
 * core/loop: one event loop per thread, with timers, descriptor watches and deferred work.
 *
 * libevent stays behind this header. Everything here must be called on the loop's own thread, except
 * loop_stop. Objects with pending callbacks die through loop_defer: it runs after the current
 * iteration, when no callback of theirs is on the stack.
 */
#ifndef CORE_LOOP_H
#define CORE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_timer;
struct loop_watch;

typedef void (*loop_cb)(void *arg);
typedef void (*loop_watch_cb)(int fd, unsigned ready, void *arg);

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

struct loop *loop_new(void); /* returned; fatal on exhaustion */
void loop_free(struct loop *l);
void loop_run(struct loop *l);  /* until loop_stop */
void loop_stop(struct loop *l); /* any thread; runs deferred work, then returns from loop_run */
/* Run callbacks until pred returns true or the deadline passes; for command-line clients and tests.
 * Returns pred's last answer. */
bool loop_run_until(struct loop *l, bool (*pred)(void *arg), void *arg, int64_t timeout_ms);

/* After the current iteration, in order of the calls. */
void loop_defer(struct loop *l, loop_cb cb, void *arg);

/* One-shot timer; set again to move it; clear and free are legal at any time, also in its callback. */
struct loop_timer *loop_timer_new(struct loop *l, loop_cb cb, void *arg); /* returned */
void loop_timer_free(struct loop_timer *t);
void loop_timer_set(struct loop_timer *t, int64_t after_ms);
void loop_timer_clear(struct loop_timer *t);
bool loop_timer_is_set(const struct loop_timer *t);

/* Persistent level-triggered interest in a descriptor that stays the caller's. */
struct loop_watch *loop_watch_new(struct loop *l, int fd, loop_watch_cb cb, void *arg); /* returned */
void loop_watch_free(struct loop_watch *w);
void loop_watch_set(struct loop_watch *w, unsigned interest); /* LOOP_READ | LOOP_WRITE, 0 = none */

/* For web only: the libevent base, as void so that this header needs no libevent. */
void *loop_event_base(struct loop *l);

#endif
