/* SPDX-License-Identifier: Apache-2.0
 *
 * service: the DICOM services on associations of one worker: admission, echo, store, find, get, move.
 *
 * One struct service per worker thread; it owns that worker's associations and uses its database pool.
 * Retrieve workers (struct retrieve_pool) are threads of their own with their own loops and database
 * connections; front and retrieve side exchange messages that carry ownership.
 */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include <stdatomic.h>
#include <stdint.h>

#include "catalog/query.h"
#include "core/jobpool.h"
#include "core/worker.h"
#include "dcm/dataset.h"
#include "net/assoc.h"
#include "pg/pool.h"

enum unknown_ae_policy { UNKNOWN_AE_REFUSE, UNKNOWN_AE_LOOPBACK, UNKNOWN_AE_ANY };

/* Who uses settings that may be replaced: release(arg) comes with the last holder, on whatever thread that is. */
struct service_keeper {
    atomic_uint holders; /* begins with 1, the maker */
    void (*release)(void *arg);
    void *arg;
};

/* One immutable snapshot, shared by all threads. A running server gets other settings by another snapshot
 * (service_reconfigure): a worker goes over to it by message, an association when no operation runs on it, a C-MOVE keeps
 * the one that it began with; and the old one goes with the last of them. */
struct service_config {
    struct service_keeper *keeper; /* NULL = it outlives all who use it */
    const char *ae_title;          /* ours */
    const char *const
        *called_titles; /* further titles we answer to, NULL-terminated; may be NULL */
    bool any_called_title;
    enum unknown_ae_policy unknown_ae;
    const char *unknown_ae_row; /* title whose row speaks for those accepted; "" = they may all */
    bool echo_for_all;
    struct assoc_options assoc;
    struct dcm_limits dataset_limits;
    struct query_limits query_limits;
    int64_t max_matches;        /* 0 = none */
    const char *site_zone;      /* see query_view; default UTC */
    unsigned max_retrieve_uids; /* as query_limits.max_uids, of C-GET and C-MOVE */
    unsigned max_suboperations; /* of one C-GET or C-MOVE; default and ceiling 65535 */
    unsigned max_associations;  /* per process */
    unsigned max_connections;   /* per process; 0 = a quarter more than associations, and 64 */
    unsigned max_associations_per_ae;  /* of one calling title, unless its row says; 0 = no limit */
    unsigned max_operations_per_assoc; /* asynchronous operations performed; default 8 */
    unsigned max_operations_per_ae;    /* the same, of operations that run or wait */
    bool strict_retrieve_level;
    int64_t operation_ms;        /* one whole operation; 0 = no limit; default 1 h */
    int64_t lease_timeout_ms;    /* waiting for a database connection; default 10 s */
    int64_t suboperation_ms;     /* a destination's answer to one C-STORE; default 60 s */
    int64_t destination_wait_ms; /* a move waits for its turn at the destination; default 5 min */
    unsigned destination_max_waiting; /* moves that wait for one destination; default 64 */
    int64_t progress_interval_ms;     /* pending responses of GET and MOVE; default 500 */
    unsigned inline_ingest_bytes; /* larger data sets are prepared on the jobpool; default 64 KiB */
    size_t fetch_batch_bytes;     /* octets a retrieve keeps in memory; default 4 MiB */
    bool audits;                  /* default true */
    unsigned audit_max_waiting; /* audit rows of one thread that wait to be written; default 4096 */
    const char *server_id;      /* of dpp.servers, for audit rows; NULL = none */
    struct tls_holder *destination_tls; /* for moves to destinations that want TLS; NULL = none */
    struct pg_options database;
    struct pg_options standby;     /* where to read, too; conninfo NULL = nowhere */
    int64_t standby_wait_ms;       /* a read waits so long for it; default 100 */
    unsigned retrieve_workers;     /* default 2 */
    unsigned retrieve_connections; /* database connections of one retrieve worker; default 2 */
};
struct service_config service_config_default(void);
/* One holder more, or less; NULL is legal. Any thread that has one. Returns c. */
const struct service_config *service_config_hold(const struct service_config *c);
void service_config_drop(const struct service_config *c);
/* Has apply run on the worker's loop, with the worker's state; c is held until it has. */
void service_config_post(struct worker *w, const struct service_config *c,
                         void (*apply)(void *state, const struct service_config *c));

/* Threads for what blocks. A lookup of a name cannot be interrupted, so what waits for a name server has
 * threads of its own and holds up nothing else. Borrowed until services and retrieve pool are freed. */
struct service_pools {
    struct jobpool *work;           /* large data sets, taken apart or converted */
    struct jobpool *names;          /* of move destinations */
    struct jobpool *database_names; /* of database hosts */
};

struct retrieve_pool;
MUST_CHECK enum rc retrieve_pool_new(const struct service_config *config,
                                     const struct service_pools *pools, struct retrieve_pool **out,
                                     struct err *err);
/* No more moves come: done(arg), through the mailbox, once for each of the pool's threads, when the associations to
 * destinations that it has have ended. */
void retrieve_pool_drain(struct retrieve_pool *p, struct mailbox *mailbox, void (*done)(void *arg),
                         void *arg);
unsigned retrieve_pool_threads(const struct retrieve_pool *p);
/* As service_reconfigure, for all the pool's threads; any thread. */
void retrieve_pool_reconfigure(struct retrieve_pool *p, const struct service_config *config);
void retrieve_pool_free(struct retrieve_pool *p); /* after all services are freed; NULL is legal */

struct service;
/* On the worker's thread. returned. */
struct service *service_new(struct worker *w, const struct service_config *config,
                            const struct service_pools *pools, struct retrieve_pool *retrieve);
void service_free(struct service *s); /* aborts what is left */
/* Takes the accepted descriptor (owned) of this peer. tls: of the listener, NULL = plain; borrowed for the call. On
 * the worker's thread. */
void service_accept(struct service *s, int fd, const struct sockaddr_storage *peer,
                    struct tls *tls);
/* Other settings from now on; what the threads and pools were made with (connection, numbers of threads) stays. On the
 * worker's thread. */
void service_reconfigure(struct service *s, const struct service_config *config);
/* Stop gently: quiet associations are released, running operations go on and so do associations that are used;
 * done(arg) once no association is left. On the worker's thread. */
void service_drain(struct service *s, void (*done)(void *arg), void *arg);
/* While draining: from now on associations are released as soon as nothing runs on them. On the worker's thread. */
void service_hurry(struct service *s);

#endif
