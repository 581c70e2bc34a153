/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/pool: nonblocking PostgreSQL connections of one loop: lease, run statements, give back.
 *
 * One pool per worker, loop thread only. A connection is leased by one running operation at a time and
 * runs one statement at a time. Connections are made when first needed, kept, health-checked by use, and
 * re-made with back-off and jitter after a failure. The wait queue is bounded and every waiter has a
 * deadline. Nothing here blocks: names are resolved on the jobpool, PQcancel runs on a thread of its own.
 *
 * Statements are prepared once per connection and kept in a bounded cache keyed by the SQL text, so
 * callers must never paste values into it. With options.prepare off (PgBouncer before 1.21 in
 * transaction mode) unnamed statements are used. Results come in binary format and single-row mode.
 *
 * Completion: every pg_query_start ends with exactly one on_done, never from inside it; pg_release ends it
 * without one.
 */
#ifndef PG_POOL_H
#define PG_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/jobpool.h"
#include "core/loop.h"
#include "core/mailbox.h"

struct pg_pool;
struct pg_conn;
struct pg_lease; /* a waiting request for a connection */
struct pg_row;

struct pg_options {
    const char *conninfo; /* URI or key=value; copied */
    unsigned size;        /* connections at most; default 5, of which stores may have 4 */
    unsigned max_waiting; /* leases waiting at most; default 256 */
    int64_t connect_ms;   /* default 5 s */
    int64_t
        statement_ms; /* one statement without any progress; default 60 s; then it is cancelled */
    bool prepare;     /* named prepared statements; default true */
    unsigned max_prepared;        /* per connection; default 128; the least recently used goes */
    const char *application_name; /* copied */
    /* Settings of every session as "-c name=value ..." (the startup parameter `options`); copied. NULL =
     * the table in pg/conninfo.c (no JIT, no parallel gather, no hash or merge join: what the first row
     * of an unselective query needs). "" = none, as PgBouncer wants it unless told otherwise. */
    const char *session_options;
    /* Of databases that others can stand in for: that none answers is no outage, and waiting in vain strikes no limit. */
    bool is_standby;
};
struct pg_options pg_options_default(void);

/* returned. resolve_pool: for host names; mailbox: of the loop. Does not connect yet. */
struct pg_pool *pg_pool_new(struct loop *l, struct mailbox *mailbox, struct jobpool *resolve_pool,
                            const struct pg_options *options);
/* Takes size, max_waiting, connect_ms and statement_ms of these, from now on; connections above the size are closed
 * when they are free. */
void pg_pool_configure(struct pg_pool *p, const struct pg_options *options);
/* Closes all connections. Leases must have been given back; those that wait are dropped without a
 * callback. Does not wait: what is still being cancelled is abandoned to the cancel thread. NULL is legal. */
void pg_pool_free(struct pg_pool *p);
/* Whether the last attempt to use the database succeeded; true before the first. */
bool pg_pool_is_healthy(const struct pg_pool *p);

/* Whether who asks now would have to wait: every connection there may be is in use, or others wait already. */
bool pg_pool_is_short(const struct pg_pool *p);

/* Bulkheads: what may stand still for long does not take all connections and all places of the queue. */
enum pg_lane {
    PG_LANE_READS,  /* and whatever else does not wait for others */
    PG_LANE_STORES, /* at their COMMIT synchronous replication may let them wait for a standby */
    PG_LANES,
};

/* conn NULL: no connection could be had in time, why says so (RC_LIMIT queue full, RC_TIMEOUT, RC_DB). */
typedef void (*pg_lease_cb)(struct pg_conn *conn, const struct err *why, void *arg);
/* Ask for a connection, in the lane of reads; the callback never comes from inside. The returned handle is valid until the
 * callback. */
struct pg_lease *pg_lease_start(struct pg_pool *p, int64_t timeout_ms, pg_lease_cb cb, void *arg);
void pg_lease_cancel(struct pg_lease *lease); /* before its callback; none comes then */
/* Give back. A statement still running is cancelled first, in the background; no callback comes any
 * more. The connection returns to the pool only when its results are drained (decision: a late cancel
 * must never hit the next statement). An open transaction is rolled back. */
void pg_release(struct pg_conn *c);

/* One parameter. type 0 = let the server infer. data NULL = SQL null. */
struct pg_param {
    const void *data;
    int len;        /* octets; for text format too, no NUL needed */
    bool is_binary; /* bytea, or network-order integers */
    unsigned type;  /* PG_OID_* or 0 */
};
enum {
    PG_OID_BYTEA = 17,
    PG_OID_INT8 = 20,
    PG_OID_INT4 = 23,
    PG_OID_TEXT = 25,
    PG_OID_TEXT_ARRAY = 1009,
    PG_OID_INT8_ARRAY = 1016,
    PG_OID_JSONB = 3802,
};
struct pg_param pg_text(const char *text); /* borrowed until pg_query returns; NULL = null */
struct pg_param pg_text_span(struct span text);
struct pg_param pg_bytea(struct span octets);

struct pg_query {
    const char *sql; /* borrowed until pg_query_start returns; the key of the prepared statement */
    const struct pg_param *params; /* borrowed until pg_query_start returns */
    unsigned param_count;
    /* The best plan depends on the values (how many rows they select): the statement is planned for these
     * values and not kept, which costs some tenths of a millisecond. */
    bool plan_with_values;
    /* Each row as it arrives; the row is valid during the call. NULL = rows are ignored. */
    void (*on_row)(const struct pg_row *row, void *arg);
    /* The end: rc RC_OK; RC_AGAIN: the session cannot write, though target_session_attrs wants that, so nothing was
     * done, and another one may be had; RC_CANCELED after pg_query_cancel; RC_TIMEOUT; RC_DB with sqlstate and the
     * server's message; RC_IO connection lost (outcome of a write unknown). rows = tuples or affected. */
    void (*on_done)(const struct err *result, int64_t rows, void *arg);
    void *arg;
    /* For pg_once_start, may be NULL: whether a connection was had, from then to on_done. If not, nothing
     * can have been done, whatever the result is. */
    bool *was_sent;
    enum pg_lane lane; /* for pg_once_start */
    /* For pg_once_start: wait for a database that is away, too, as long as the time-out allows: who asks has nothing better
     * to say meanwhile. */
    bool is_patient;
};

/* A condition for the statement of an `insert`, `update` or `delete`, true: its commit waits for no standby. For what is
 * of use for as long as this primary is one: it must go on when the standby of synchronous replication is gone. In a
 * sub-select, so that it is asked once and not for each row. */
#define PG_WITHOUT_STANDBY \
    "(select pg_catalog.set_config('synchronous_commit', 'local', true)) is not null"

/* SQLSTATE of RC_DB for what is committed on the primary, but not confirmed by a standby that synchronous replication
 * wants to have it: the wait was cancelled, as a time-out does. Of our own; PostgreSQL only warns of it. */
#define PG_UNREPLICATED "DPUNR"

/* In the select list of a statement whose success is to mean that the standby has what it wrote, and what it has read. Where
 * commits wait for a standby a word goes into the log, so this one waits also when it has written nothing else; and
 * whatever the role says of client_min_messages, it is heard when the wait was cancelled. Both end with the
 * transaction, so no session is needed, and a pooler may be between. */
#define PG_CONFIRMED                                                           \
    "pg_catalog.set_config('client_min_messages', 'warning', true),"           \
    " case when pg_catalog.current_setting('synchronous_standby_names') <> ''" \
    " then pg_catalog.pg_logical_emit_message(true, 'dppr', 'confirm') end"

/* Starts; a failure to start comes through on_done too. One at a time per connection. */
void pg_query_start(struct pg_conn *c, const struct pg_query *q);
/* Back-pressure: after pause, at most the rows of one socket read are still delivered to nobody: they
 * wait inside libpq; nothing more is read. */
void pg_query_pause(struct pg_conn *c);
void pg_query_resume(struct pg_conn *c); /* rows come from the loop, not from inside */
/* Cancels the running statement (PQcancel on the cancel thread). on_done follows with RC_CANCELED, or
 * RC_OK if it had ended; rows that arrive in between are dropped. */
void pg_query_cancel(struct pg_conn *c);
bool pg_query_is_running(const struct pg_conn *c);

/* Values of a row, binary format. */
bool pg_is_null(const struct pg_row *r, unsigned col);
struct span pg_octets(const struct pg_row *r, unsigned col); /* bytea or text; empty for null */
int64_t pg_int(const struct pg_row *r, unsigned col); /* int2, int4, int8; 0 for null or others */
bool pg_bool(const struct pg_row *r, unsigned col);
/* One-dimensional int4[] or int8[]: number of elements, at most max are written. */
unsigned pg_int_array(const struct pg_row *r, unsigned col, int32_t *out, unsigned max);

/* Lease, run one statement, release: for one-row questions. Never called back from inside. The row
 * callback of q sees the rows; on_done comes after the connection has been given back. */
struct pg_once;
struct pg_once *pg_once_start(struct pg_pool *p, int64_t timeout_ms, const struct pg_query *q);
void pg_once_cancel(struct pg_once *o); /* before on_done; no callback comes then */

#endif
