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

/* returned; fatal on exhaustion. Makes the process ignore SIGPIPE. */
struct loop *loop_new(void);
/* Runs deferred work. Timers and watches must have been freed; NULL is legal. */
void loop_free(struct loop *l);
void loop_run(struct loop *l); /* until loop_stop */
/* Any thread that knows the loop to outlive the call. Deferred work is run, then loop_run returns, or the
 * next one at once if none runs. */
void loop_stop(struct loop *l);
/* Run callbacks until pred returns true, the deadline passes or loop_stop is called; for command-line
 * clients and tests. Not from inside a callback. Returns pred's last answer. */
bool loop_run_until(struct loop *l, bool (*pred)(void *arg), void *arg, int64_t timeout_ms);

/* After the current iteration, in order of the calls. */
void loop_defer(struct loop *l, loop_cb cb, void *arg);

/* One-shot timer; set again to move it; clear and free are legal at any time, also in its callback. It never fires
 * early. Of no time: when the callbacks of this iteration have ended, before what is deferred. */
struct loop_timer *loop_timer_new(struct loop *l, loop_cb cb, void *arg); /* returned */
void loop_timer_free(struct loop_timer *t);
void loop_timer_set(struct loop_timer *t, int64_t after_ms);
void loop_timer_clear(struct loop_timer *t);
bool loop_timer_is_set(const struct loop_timer *t);

/* Persistent level-triggered interest in a descriptor that stays the caller's: free the watch before
 * closing it. The callback comes once per direction. Free and set are legal in it. */
struct loop_watch *loop_watch_new(struct loop *l, int fd, loop_watch_cb cb,
                                  void *arg); /* returned */
void loop_watch_free(struct loop_watch *w);
void loop_watch_set(struct loop_watch *w, unsigned interest); /* LOOP_READ | LOOP_WRITE, 0 = none */

/* For web only: the libevent base, as void so that this header needs no libevent. */
void *loop_event_base(struct loop *l);

#endif
