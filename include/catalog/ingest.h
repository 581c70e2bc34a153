/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/ingest: one received instance into the database, in one transaction.
 *
 * Two halves. ingest_prepare is CPU work without database: scan, decode, derive rows, query record and
 * digest; it may run on a jobpool. ingest_start sends the one call, dpp.ingest(...) for a protocol and
 * dpp.ingest_approval(...) for an approval, and reports its outcome after COMMIT.
 */
#ifndef CATALOG_INGEST_H
#define CATALOG_INGEST_H

#include "catalog/audit.h"
#include "core/arena.h"
#include "dcm/convert.h"
#include "pg/pool.h"

/* The row of dpp.audit_events that is written with it, in the same transaction, whether it is stored or refused. */
struct ingest_audit {
    const char *operation;         /* "store" */
    const struct audit_peer *peer; /* NULL = a database user does it */
    const char *server_id;         /* NULL = none */
    const char *details;           /* a JSON object, to which the outcome is added */
    int accepted, refused;         /* status when it is stored or was already, and when not */
};

struct ingest_input {
    struct span octets; /* the data set as received; borrowed until ingest_prepared_free */
    const struct dcm_ts *ts;
    const char *sop_class;    /* of the command; NULL = take the data set's */
    const char *sop_instance; /* likewise */
    const char *sender_aet;   /* NULL = not over DICOM */
    const char *source;       /* "store", "import", "web" */
    bool supersedes; /* a protocol takes the place of the versions it names as predecessors */
    const struct ingest_audit
        *audit; /* NULL = no row; borrowed like the octets, with all it refers to */
};

struct ingest_prepared; /* owns the derived forms */

/* How the warning of an object begins whose rows cannot hold all that is in it. */
#define INGEST_LOSSY "some values are in the encoded form only"

/* RC_INVALID with the tag: data set and command disagree, a UID is missing or no UID, or the SOP class is
 * not kept (A900); RC_UNSUPPORTED: could not be decoded (C210); RC_LIMIT. limits NULL: the defaults. */
MUST_CHECK enum rc ingest_prepare(const struct ingest_input *input, const struct dcm_limits *limits,
                                  struct ingest_prepared **out, struct err *err);
void ingest_prepared_free(struct ingest_prepared *p); /* NULL is legal */

enum ingest_outcome {
    INGEST_STORED,
    INGEST_SAME,      /* known with the same content: success, the first octets are kept */
    INGEST_DIFFERENT, /* known with other content */
    INGEST_DRAFT,     /* known as a draft */
    INGEST_RETIRED,
    INGEST_PURGED, /* a tombstone refuses it */
};
const char *ingest_outcome_name(enum ingest_outcome o);

/* result RC_OK: outcome is valid and committed. RC_IO after the statement was sent means the outcome is
 * unknown; ingest then reads again by UID and digest on another connection before it answers. */
typedef void (*ingest_cb)(const struct err *result, enum ingest_outcome outcome, void *arg);
struct ingest_op;
/* p stays the caller's until the callback. One callback, never from inside. */
struct ingest_op *ingest_start(struct pg_pool *pool, int64_t timeout_ms, struct ingest_prepared *p,
                               ingest_cb cb, void *arg);
void ingest_cancel(struct ingest_op *op); /* no callback comes; the transaction may still commit */

/* For command-line tools: the statement and its parameters, of which there are at most so many, to be run by pg/sync. */
enum {
    INGEST_OWN_PARAMS = 19,
    INGEST_AUDIT_PARAMS = 8,
    INGEST_PARAMS = INGEST_OWN_PARAMS + INGEST_AUDIT_PARAMS
};
const char *ingest_sql(const struct ingest_prepared *p);
unsigned ingest_params(const struct ingest_prepared *p, struct pg_param out[INGEST_PARAMS]);
MUST_CHECK enum rc ingest_outcome_of(struct span text, enum ingest_outcome *out);
/* What is known of it already, without sending it: state and whether the digest is the same, of which ingest_known_outcome
 * makes what ingest would answer; no row: nothing is. */
enum { INGEST_KNOWN_PARAMS = 2 };
const char *ingest_known_sql(void);
unsigned ingest_known_params(const struct ingest_prepared *p,
                             struct pg_param out[INGEST_KNOWN_PARAMS]);
MUST_CHECK enum rc ingest_known_outcome(struct span state, bool is_same, enum ingest_outcome *out);
/* Likewise for an object whose octets are stored already and whose rows are to be made anew; true when done. */
enum { REBUILD_PARAMS = 13 };
const char *rebuild_sql(const struct ingest_prepared *p);
unsigned rebuild_params(const struct ingest_prepared *p, struct pg_param out[REBUILD_PARAMS]);

#endif
