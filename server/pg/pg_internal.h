/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of pg share: the connection string, a connection and its statement, the pool.
 */
#ifndef PG_INTERNAL_H
#define PG_INTERNAL_H

#include <stdatomic.h>
#include <sys/queue.h>

#include <libpq-fe.h>

#include "core/resolve.h"
#include "pg/pool.h"
#include "pg/sync.h"

/* ---- conninfo.c: what to connect to ---- */

enum { MAX_TARGETS = 16, MAX_CANDIDATES = 32, MAX_ADDRESS = 64, MAX_CONNECT_PARAMS = 64 };

/* target_session_attrs: which kind of session is wanted. */
enum pg_kind {
    PG_KIND_ANY, /* and what libpq will not know */
    PG_KIND_READ_WRITE,
    PG_KIND_READ_ONLY,
    PG_KIND_PRIMARY,
    PG_KIND_STANDBY,
    PG_KIND_PREFER_STANDBY,
};

/* One host of the connection string. */
struct pg_target {
    char *host;     /* name, address or socket folder; NULL = libpq's default */
    char *hostaddr; /* given by the user, NULL = none */
    char port[8];
};

/* One address to try. */
struct pg_candidate {
    const char *host;          /* borrowed from the target; "" = none */
    char address[MAX_ADDRESS]; /* "" for a unix socket */
    char port[8];
};

struct pg_conninfo {
    PQconninfoOption *options; /* NULL after a parse error */
    struct err why;            /* set after a parse error; never holds a password */
    struct pg_target targets[MAX_TARGETS];
    unsigned target_count; /* 0: libpq finds the host itself (socket default, service file) */
    enum pg_kind kind;
    bool is_balanced; /* load_balance_hosts=random */
    char *application_name;
    char *session_options;
};

/* Keywords and values for PQconnectStartParams; lists holds what is not borrowed. */
struct pg_connect_params {
    const char *keywords[MAX_CONNECT_PARAMS];
    const char *values[MAX_CONNECT_PARAMS];
    unsigned count;
    struct buf options;
};

/* A bad string is remembered in why, so that a pool can be made and say so to who asks for a
 * connection. session_options NULL = the default table. */
void pg_conninfo_init(struct pg_conninfo *info, const char *conninfo, const char *application_name,
                      const char *session_options);
void pg_conninfo_fini(struct pg_conninfo *info);
int64_t pg_connect_ms(const struct pg_conninfo *info, int64_t otherwise_ms); /* connect_timeout */
bool pg_target_needs_resolving(const struct pg_target *t);
/* Whether the session is still of the kind that is wanted, as far as its server has said. */
bool pg_kind_fits(enum pg_kind wanted, const PGconn *pg);
/* candidate NULL: libpq finds the host itself; borrowed. kind: instead of target_session_attrs;
 * NULL = as the user wrote it. */
MUST_CHECK enum rc pg_connect_params_init(struct pg_connect_params *params,
                                          const struct pg_conninfo *info,
                                          const struct pg_candidate *candidate, const char *kind,
                                          struct err *err);
void pg_connect_params_fini(struct pg_connect_params *params);

/* ---- error.c: libpq's reports as struct err ---- */

/* From a failed result, or from the connection where libpq made the error up itself. */
enum rc pg_err_from_result(struct err *err, const PGresult *result, const PGconn *pg);
enum rc pg_err_from_conn(struct err *err, enum rc code, const PGconn *pg);
/* Whether a notice says that a transaction has committed without having been replicated as it should. */
bool pg_is_unreplicated(const PGresult *notice);
/* text on one line, white space folded. */
void pg_one_line(char *out, size_t size, const char *text);

/* ---- params.c: parameters as libpq takes them ---- */

struct pg_bound {
    int count;
    Oid *types;
    const char **values;
    int *lengths;
    int *formats;
    void *memory;
    size_t memory_size;
};

/* Arrays for PQsendQuery*. Text is always copied, because libpq wants it NUL-terminated; octets are
 * borrowed unless keep. The memory is reused from call to call. */
MUST_CHECK enum rc pg_bound_set(struct pg_bound *b, const struct pg_param *params, unsigned count,
                                bool keep, struct err *err);
size_t pg_bound_octets(const struct pg_bound *b); /* of all values */
void pg_bound_trim(struct pg_bound *b);           /* gives large memory back */
void pg_bound_fini(struct pg_bound *b);

/* ---- row.c ---- */

struct pg_row {
    const PGresult *result;
    int index;
};

/* ---- prepared.c: the statements a connection has prepared ---- */

struct pg_prepared {
    TAILQ_ENTRY(pg_prepared) lru; /* most recently used first */
    struct pg_prepared *chain;
    uint32_t hash;
    char name[16];
    char *sql;
    Oid *types;
    unsigned type_count;
    bool is_ready; /* the server knows it */
};

struct pg_cache {
    TAILQ_HEAD(pg_prepared_list, pg_prepared) entries;
    struct pg_prepared **buckets;
    unsigned bucket_count, count, max, serial;
};

void pg_cache_init(struct pg_cache *cache, unsigned max);
void pg_cache_fini(struct pg_cache *cache);
void pg_cache_clear(struct pg_cache *cache);
struct pg_prepared *pg_cache_find(struct pg_cache *cache, const struct pg_query *q);
struct pg_prepared *pg_cache_add(struct pg_cache *cache, const struct pg_query *q);
struct pg_prepared *pg_cache_oldest(struct pg_cache *cache); /* NULL unless full */
void pg_cache_remove(struct pg_cache *cache, struct pg_prepared *entry);
/* The same statement under a name the server has not seen. */
void pg_cache_rename(struct pg_cache *cache, struct pg_prepared *entry);

/* ---- cancel.c: PQcancel on the cancel thread ---- */

struct pg_cancel;
typedef void (*pg_cancel_cb)(bool was_sent, const char *why, void *arg);

/* returned; NULL when libpq cannot. The callback comes on the loop of reply_to, never from inside. */
struct pg_cancel *pg_cancel_start(PGconn *pg, struct mailbox *reply_to, pg_cancel_cb cb, void *arg);
/* After this the callback does not come and the thread does not post. Not legal after the callback. */
void pg_cancel_abandon(struct pg_cancel *cancel);

/* ---- connect.c: which host becomes the session ---- */

/* An address, or a name without one, that gave no answer lately. */
struct pg_silence {
    struct pg_candidate of;
    int64_t until_ms; /* 0 = none */
};
enum { MAX_SILENCES = MAX_CANDIDATES + MAX_TARGETS };

/* What connections of one kind share; outlives them. */
struct pg_connector {
    struct loop *loop;
    struct mailbox *mailbox;
    struct jobpool *resolve_pool;
    const struct pg_conninfo *info; /* without a parse error */
    int64_t connect_ms;
    unsigned *random;
    void (*on_notice)(void *arg, const PGresult *notice); /* with the callback's arg; may be NULL */
    struct pg_silence silences[MAX_SILENCES];
};

struct pg_connecting;
/* pg is the callee's; NULL: why tells of every host. */
typedef void (*pg_connected_cb)(PGconn *pg, const struct err *why, void *arg);
/* The callback never comes from inside, and the handle is valid until then. */
struct pg_connecting *pg_connecting_new(struct pg_connector *by, pg_connected_cb cb, void *arg);
void pg_connecting_free(struct pg_connecting *k); /* before the callback; NULL is legal */
unsigned pg_random(unsigned *state);              /* good enough for jitter and for taking turns */

/* ---- conn.c, statement.c, pool.c ---- */

enum pg_conn_state {
    PG_CONN_CONNECTING, /* connect.c */
    PG_CONN_IDLE,       /* in the pool's list */
    PG_CONN_LEASED,     /* an operation has it; pg is NULL once the connection is lost */
    PG_CONN_CLEANING,   /* given back: cancel, drain, roll back */
    PG_CONN_DEAD,       /* freed when no callback of it is on the stack */
};

/* What is on the wire. */
enum pg_step {
    PG_STEP_NONE,
    PG_STEP_DEALLOCATE, /* make room in the cache, or forget an outdated plan */
    PG_STEP_PREPARE,
    PG_STEP_EXECUTE,
    PG_STEP_ROLLBACK, /* after release */
};

enum pg_stop { PG_STOP_NONE, PG_STOP_CANCELED, PG_STOP_TIMEOUT };

/* The statement of a connection. */
struct pg_statement {
    enum pg_step step;
    bool is_running; /* pg_query_start .. on_done */
    bool is_ended;   /* result known; on_done comes from the kick or after PQcancel */
    bool is_paused;
    bool is_flushing; /* PQflush left octets */
    bool was_in_transaction;
    bool was_retried;
    bool was_rolled_back;
    bool has_dropped_rows;
    bool is_unreplicated; /* committed, but not where synchronous replication wants it to be */
    enum pg_stop stop;
    int64_t give_up_ms; /* when a cancelled statement has not ended by then the connection goes */
    const char *sql;    /* borrowed until pg_query_start returns; for unnamed statements */
    struct pg_prepared *prepared;
    struct pg_prepared *evicted; /* being deallocated */
    struct pg_bound bound;
    int64_t rows, started_us;
    int64_t taken; /* rows received that /metrics does not know of yet */
    struct err result;
    void (*on_row)(const struct pg_row *row, void *arg);
    void (*on_done)(const struct err *result, int64_t rows, void *arg);
    void *arg;
};

struct pg_conn {
    TAILQ_ENTRY(pg_conn) all;
    LIST_ENTRY(pg_conn) idle;
    struct pg_pool *pool;
    enum pg_conn_state state;
    enum pg_lane lane;
    bool is_in_lane; /* counts there */
    unsigned number; /* for the log */
    bool is_counted; /* in the gauge of open connections */
    PGconn *pg;
    struct loop_watch *watch;
    int watched_fd; /* ours, of the watch; -1 = libpq's own is watched */
    unsigned interest;
    struct loop_timer *timer; /* fires at or before deadline_ms */
    int64_t deadline_ms;      /* 0 = none */
    int64_t timer_ms;         /* when the timer is set to fire */
    struct loop_timer *kick;  /* work that must not be done from inside a call */
    unsigned on_stack;        /* callbacks of this connection being run */
    unsigned generation;      /* of the pool when it was made */
    void *tls;                /* for what TLS has read but libpq has not */

    struct pg_connecting *connecting; /* while it is being made */
    struct pg_cache cache;
    struct pg_statement st;
    struct pg_cancel *cancel; /* running PQcancel */
    size_t most_sent;         /* octets of parameters with one statement */
};

struct pg_lease {
    TAILQ_ENTRY(pg_lease) queue;
    struct pg_pool *pool;
    enum pg_lane lane;
    uint64_t number; /* in the order of asking */
    int64_t asked_us, deadline_ms;
    bool is_counted; /* in the pool's number of waiting leases */
    bool is_patient; /* waits for a database that is away */
    struct err why;  /* refused from the start */
    pg_lease_cb cb;
    void *arg;
};

struct pg_pool {
    struct loop *loop;
    struct mailbox *mailbox;
    struct jobpool *resolve_pool;
    struct pg_options options;
    struct pg_conninfo info;
    TAILQ_HEAD(, pg_conn) conns;
    LIST_HEAD(, pg_conn) idle; /* most recently used first */
    struct {
        TAILQ_HEAD(, pg_lease) queue;
        unsigned waiting, in_use; /* leases; connections, until they are clean again */
    } lanes[PG_LANES];
    unsigned conn_count, waiting, serial;
    unsigned generation; /* connections of an older one are given up */
    uint64_t lease_serial;
    unsigned random;
    struct pg_connector connector;
    struct loop_timer *kick;     /* hand out connections */
    struct loop_timer *deadline; /* of the leases */
    struct loop_timer *retry;    /* next attempt to connect */
    int64_t deadline_at_ms;      /* what deadline is set to, 0 = not set */
    int64_t backoff_ms;
    bool is_failing; /* the last attempt to connect failed */
    bool is_away;    /* and no connection is left: counted in a gauge */
    bool is_backing_off;
    bool wants_probe; /* the last connection was lost: find out whether the database is there */
    struct err why;   /* of the last failure */
};

/* conn.c */
void conn_start(struct pg_pool *p);
void conn_enter(struct pg_conn *c);
void conn_leave(struct pg_conn *c); /* c may be gone afterwards */
void conn_set_deadline(struct pg_conn *c, int64_t after_ms);
void conn_set_interest(struct pg_conn *c, unsigned interest);
void conn_kick(struct pg_conn *c);
/* Close the session and take it out of the pool's account. The struct stays while it is leased. */
void conn_disconnect(struct pg_conn *c);
/* The connection is of no use any more; why is logged and, to a running statement, reported. */
void conn_lost(struct pg_conn *c, const struct err *why);
void conn_destroy(struct pg_conn *c);
void conn_on_notice(void *conn, const PGresult *result);
/* A watch on the session's socket, through a descriptor of its own. */
struct loop_watch *pg_watch(struct loop *l, PGconn *pg, unsigned interest, loop_watch_cb cb,
                            void *arg, int *own_fd);
void pg_unwatch(struct loop_watch *w, int own_fd); /* w NULL is legal */
bool conn_has_unread(const struct pg_conn *c); /* TLS holds octets that no event will announce */

/* statement.c */
void statement_on_ready(struct pg_conn *c, unsigned ready);
void statement_on_kick(struct pg_conn *c);
void statement_on_deadline(struct pg_conn *c);
void statement_on_lost(struct pg_conn *c, const struct err *why);
void statement_clean_up(struct pg_conn *c); /* after release: towards idle */
void statement_fini(struct pg_conn *c);

/* pool.c */
void pool_kick(struct pg_pool *p);
void pool_on_connected(struct pg_conn *c);
void pool_on_connect_failed(struct pg_pool *p, const struct err *why);
void pool_on_clean(struct pg_conn *c);
void pool_on_lost(struct pg_pool *p);
void pool_remove(struct pg_conn *c);
/* NULL unless a connection is idle, the lane may have it and nobody else is waiting for it. */
struct pg_conn *pool_take_at_once(struct pg_pool *p, enum pg_lane lane);
struct pg_lease *pool_lease(struct pg_pool *p, enum pg_lane lane, int64_t timeout_ms,
                            pg_lease_cb cb, void *arg);
/* A session turned out to be of the wrong kind; others that are as old may be so too. */
void pool_on_misplaced(struct pg_conn *c);
void pool_refuse_lease(struct pg_lease *lease, enum rc code, const char *text);

/* ---- sync.c: for migrate ---- */

struct pg_sync_position {
    unsigned offset;   /* characters from 1; 0 = unknown */
    char context[128]; /* first line of the server's context, "" = none */
};
const struct pg_sync_position *pg_sync_last_position(const struct pg_sync *s);
int pg_sync_server_version(const struct pg_sync *s); /* 150020 */

#endif
