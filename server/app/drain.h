/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a server, in order; main loop only. See drain.c.
 */
#ifndef APP_DRAIN_H
#define APP_DRAIN_H

#include <signal.h>

#include "core/loop.h"
#include "core/mailbox.h"
#include "core/worker.h"
#include "service/service.h"

struct drain;

/* What ends. Borrowed until drain_end. */
struct drain_parts {
    struct loop *loop;
    struct mailbox *mailbox;
    struct worker *const *workers; /* their state is a struct service */
    unsigned worker_count;
    struct retrieve_pool *retrieve;
    int64_t delay_ms; /* drain-delay */
    int64_t grace_ms; /* shutdown-grace */
    void (*close_listeners)(void *arg);
    void (*on_over)(void *arg); /* nothing is left, or the time is over; may come twice */
    void *arg;
};

/* signal: SIGINT, from a terminal, skips the delay. returned. */
struct drain *drain_begin(const struct drain_parts *parts, int signal);
void drain_end(struct drain *d);  /* before the threads are stopped; NULL is legal */
void drain_free(struct drain *d); /* after the mailbox; NULL is legal */

#endif
