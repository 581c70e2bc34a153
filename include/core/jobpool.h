/* SPDX-License-Identifier: Apache-2.0
 *
 * core/jobpool: threads for what must not run on a loop (name resolution, work on large data sets).
 *
 * The queue is bounded: a full pool answers RC_LIMIT and the caller refuses its request. A job's work
 * runs on a pool thread and must touch nothing but its argument; its done runs on the submitter's loop
 * through the mailbox given. Exactly one of done and drop is called.
 */
#ifndef CORE_JOBPOOL_H
#define CORE_JOBPOOL_H

#include "core/err.h"
#include "core/mailbox.h"

struct jobpool;

struct job {
    void (*work)(void *arg); /* pool thread */
    mail_cb done;            /* submitter's loop */
    mail_cb drop; /* instead of done when the submitter's mailbox or the pool is gone; any thread */
    void *arg;    /* owned by the job until done or drop */
};

/* returned. At most so many threads, started as they are needed, and places; at least one of each. name: at most 10
 * characters are shown by ps -L. */
struct jobpool *jobpool_new(const char *name, unsigned threads, unsigned max_queued);
/* Waits for running jobs; queued ones are dropped on the calling thread. NULL is legal. */
void jobpool_free(struct jobpool *p);
/* Takes so many from now on; what waits stays. Any thread. */
void jobpool_set_max(struct jobpool *p, unsigned max_queued);
/* Any thread. On RC_LIMIT nothing is called and arg stays the caller's. */
MUST_CHECK enum rc jobpool_submit(struct jobpool *p, struct mailbox *reply_to,
                                  const struct job *job);

#endif
