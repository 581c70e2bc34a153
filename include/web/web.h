/* SPDX-License-Identifier: Apache-2.0
 *
 * web: the HTTP listener. Health and metrics: /livez, /readyz, /metrics.
 *
 * Runs on the main loop and answers from atomics, so that a busy worker cannot make a server look dead.
 */
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/err.h"
#include "core/loop.h"

/* Written by the main thread and its probes, read by handlers. */
struct web_health {
    atomic_bool database_ok;
    atomic_bool schema_ok;
    atomic_bool read_only; /* still ready: queries and retrievals work */
    atomic_bool draining;
    atomic_bool queue_full;   /* more wait for the database than will be served soon */
    atomic_bool worker_stuck; /* a thread that serves associations does not turn */
    atomic_bool worker_dead;  /* and has not for so long that it never will: /livez fails */
};

struct web;
MUST_CHECK enum rc web_new(struct loop *l, const char *address, uint16_t port,
                           struct web_health *health, struct web **out, struct err *err);
void web_free(struct web *w); /* NULL is legal */
uint16_t web_port(const struct web *w);

#endif
