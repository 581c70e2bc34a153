/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/reading: a connection to read with: of a standby, if that has everything that was acknowledged before, else of
 * the primary.
 */
#ifndef CATALOG_READING_H
#define CATALOG_READING_H

#include "pg/pool.h"

struct reader; /* one per loop */
/* returned; pools are borrowed. standby NULL: there is none, and everything is read on the primary. wait_ms: so long a
 * read waits for the standby. */
struct reader *reader_new(struct loop *l, struct pg_pool *primary, struct pg_pool *standby,
                          int64_t wait_ms);
void reader_free(struct reader *r); /* readings must have ended; NULL is legal */
void reader_configure(struct reader *r, int64_t wait_ms);
struct pg_pool *reader_primary(const struct reader *r);
bool reader_has_standby(const struct reader *r);

/* conn is the callee's until pg_release; NULL: why, as of pg_lease_cb. on_standby: what fails there before it has had an
 * effect may be read once more by reading_start_over. */
typedef void (*reading_cb)(struct pg_conn *conn, bool on_standby, const struct err *why, void *arg);

/* A connection that is asked for: the caller's memory, so that without standbys a read costs no more than its lease. The
 * members are reading.c's; all zero when idle, which it is at first and from the callback on. */
struct reading {
    struct reader *reader;
    reading_cb cb;
    void *arg;
    struct pg_lease *lease;  /* of the primary */
    struct attempt *attempt; /* to read on the standby */
};
/* The callback never comes from inside. timeout_ms: of the wait for a connection of the primary. */
void reading_start(struct reading *g, struct reader *r, int64_t timeout_ms, reading_cb cb,
                   void *arg);
/* On the primary, after this failure on a standby. */
void reading_start_over(struct reading *g, struct reader *r, int64_t timeout_ms,
                        const struct err *failure, reading_cb cb, void *arg);
void reading_cancel(struct reading *g); /* no callback comes any more; legal when idle */

#endif
