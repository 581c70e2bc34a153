/* SPDX-License-Identifier: Apache-2.0
 *
 * What /livez and /readyz say beside what the probe and the drain find: queues and threads; main loop only. See
 * readiness.c.
 */
#ifndef APP_READINESS_H
#define APP_READINESS_H

#include "core/loop.h"
#include "probe.h"
#include "web/web.h"

/* A queue that has been full for a while, and is until it has been half empty for a while. */
struct queue_gate {
    bool is_full;
    unsigned ticks; /* for so many has it looked like the other */
};

/* Once a second. is_excused: that it is full is no reason to send work elsewhere. */
bool queue_gate_step(struct queue_gate *g, int64_t waiting, int64_t bound, bool is_excused);

struct readiness;
/* queue_bound: operations that may wait for the database, of all workers together. Borrows the probe. returned. */
struct readiness *readiness_new(struct loop *l, struct web_health *health,
                                const struct probe *probe, int64_t queue_bound, int64_t job_bound);
/* Others from now on. */
void readiness_set_bounds(struct readiness *r, int64_t queue_bound, int64_t job_bound);
void readiness_free(struct readiness *r); /* NULL is legal */

#endif
