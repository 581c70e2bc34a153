/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/audit: what peers do goes on record, as rows of dpp.audit_events.
 *
 * A store's row is written by the transaction of the store (catalog/ingest). All others, of queries, retrievals and
 * what is refused, are put into the queue of their thread here and written behind its back: an operation waits for
 * none of them, and what cannot be written is dropped and counted.
 *
 * One struct audit per loop; loop thread only.
 */
#ifndef CATALOG_AUDIT_H
#define CATALOG_AUDIT_H

#include "core/log.h"
#include "core/loop.h"
#include "dcm/dataset.h"
#include "pg/pool.h"

enum {
    AUDIT_NO_STATUS = -1,          /* it ended without one */
    AUDIT_IDENTIFIER_BYTES = 2048, /* of an identifier on record, about */
    AUDIT_VALUE_BYTES = 256,       /* of one value in it */
    AUDIT_UIDS = 32,               /* of a list of UIDs on record */
    AUDIT_FLUSH_MS = 250,          /* so long a row waits at most for others */
};

/* Whose operation it is. Borrowed. */
struct audit_peer {
    const char *ae_title;    /* that called */
    const char *address;     /* as assoc_peer_address gives it */
    const char *destination; /* of a C-MOVE; NULL = none */
    uint64_t association;
};

struct audit_event {
    const char *operation; /* "find" */
    const struct audit_peer *peer;
    const char *sop_instance; /* NULL = of none, or of several; what is no UID is left out */
    int status;               /* DIMSE, or AUDIT_NO_STATUS */
    struct span details;      /* a JSON object */
};

/* ---- details: a JSON object in the making ---- */

void audit_open(struct buf *json); /* clears */
void audit_text(struct buf *json, const char *key, struct span value);
void audit_number(struct buf *json, const char *key, int64_t value);
void audit_pair(struct buf *json, const struct log_pair *pair);
/* The keys of a query that have a value, by keyword, items nested. item: a UTF-8 tree. Values
 * are cut at AUDIT_VALUE_BYTES; keys past AUDIT_IDENTIFIER_BYTES are left out, which "cut" says. */
void audit_identifier(struct buf *json, const struct dcm_item *item);
/* As an array of the first AUDIT_UIDS. */
void audit_uids(struct buf *json, const char *key, const char *const *uids, unsigned count);
void audit_close(struct buf *json);

/* ---- the queue of one thread ---- */

struct audit;
struct audit_options {
    unsigned max_waiting;  /* rows */
    const char *server_id; /* of dpp.servers; NULL = none. Borrowed */
    int64_t lease_timeout_ms;
};
struct audit *audit_new(struct loop *l, struct pg_pool *pool, const struct audit_options *o);
/* Bounds and deadline of these, from now on. */
void audit_configure(struct audit *a, const struct audit_options *o);
/* Writes what waits, if that can be done within a second; the pool must still be there. NULL is legal. */
void audit_free(struct audit *a);
/* For details: opened, and in use until the next call. Not of NULL. */
struct buf *audit_details(struct audit *a);
/* Copies. */
void audit_add(struct audit *a, const struct audit_event *e);

#endif
