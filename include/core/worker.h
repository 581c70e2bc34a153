/* SPDX-License-Identifier: Apache-2.0
 *
 * core/worker: a named thread with a loop and a mailbox.
 *
 * The upper layers hang their per-thread state on it through start and stop functions, which run on the
 * new thread. worker_start returns when start has run (a barrier), so a server listens only when all
 * its workers are up.
 */
#ifndef CORE_WORKER_H
#define CORE_WORKER_H

#include "core/err.h"
#include "core/loop.h"
#include "core/mailbox.h"

struct worker;

struct worker_hooks {
    /* Build the thread's state; what it stores in *state is given to stop and to worker_state. */
    enum rc (*start)(struct worker *w, void *arg, void **state, struct err *err);
    /* Free the state; the loop no longer runs, pending mail has been dropped or delivered and what is
     * still posted is dropped. Deferred work runs after it. */
    void (*stop)(void *state);
};

/* name: at most 15 characters, shown by ps -L. Fails with what start says. */
MUST_CHECK enum rc worker_start(const char *name, const struct worker_hooks *hooks, void *arg,
                                struct worker **out, struct err *err);
/* Any thread but the worker's own: deliver what was posted before, end the loop, run stop, join, free.
 * NULL is legal. */
void worker_stop(struct worker *w);
/* Any thread, before worker_stop. See mailbox_post. */
void worker_post(struct worker *w, mail_cb deliver, mail_cb drop, void *arg);

/* Whether the loops of all workers turn. Each has a timer of a second; a look counts for those whose timer has not
 * come since the look before. Seconds of the caller's own, so that a process that stood still as a whole does not look
 * as if its workers had. One thread, once a second. */
struct worker_watch {
    unsigned count;       /* of workers */
    unsigned quiet_count; /* of those that have been quiet for so many looks */
    unsigned most_looks;  /* of the one that has been quiet longest */
    char name[16];        /* that one's */
};
void worker_look(unsigned quiet_looks, struct worker_watch *out);

struct loop *worker_loop(struct worker *w);       /* on the worker's thread */
struct mailbox *worker_mailbox(struct worker *w); /* to post to; any thread */
void *worker_state(struct worker *w);             /* on the worker's thread */

#endif
