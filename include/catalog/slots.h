/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/slots: places for associations to move destinations, rows of dpp.destination_slots, so that a destination's
 * max_associations holds over all servers. A place is a lease that is moved on while it is held; no connection is
 * kept between the statements, and what a server that died had is free again after SLOT_LEASE_MS.
 */
#ifndef CATALOG_SLOTS_H
#define CATALOG_SLOTS_H

#include "pg/pool.h"

enum { SLOT_LEASE_MS = 30000 };

/* Those of one loop. */
struct slots;
struct slots *slots_new(struct loop *l, struct pg_pool *pool,
                        int64_t lease_timeout_ms); /* returned */
void slots_configure(struct slots *s, int64_t lease_timeout_ms);
/* Gives back what is held, for which the loop runs for up to a second; not from a callback. NULL is legal. */
void slots_free(struct slots *s);

struct slot;
/* Wait for a place, as long as it takes. on_taken comes once, never from inside; none after slot_give_back. A
 * database that cannot be written (a standby) gives the place without a row: better no limit than no service. */
struct slot *slot_wait(struct slots *s, const char *ae_title, unsigned limit,
                       void (*on_taken)(void *arg), void *arg);
/* In any state; the row goes in the background. NULL is legal. */
void slot_give_back(struct slot *slot);
/* Why the place was not had last time: RC_OK = all are taken. */
const struct err *slot_why(const struct slot *slot);

#endif
