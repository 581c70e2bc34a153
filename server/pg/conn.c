/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/conn: one connection, from names to a session, and its end.
 *
 *   conn_start -> RESOLVING -> CONNECTING -> IDLE <-> LEASED -> CLEANING -> IDLE     (pool.c, statement.c)
 *                     |            |          |         |            |
 *                     +---failure--+----------+--loss---+------------+--> DEAD
 *
 * Resolving: each host of the connection string in turn on the jobpool; a name that does not resolve is
 * skipped as long as another one does. Connecting: PQconnectPoll with the addresses in order. libpq goes
 * to the next address when one refuses, but waits for ever for one that does not answer; so after
 * connect_ms the attempt begins again one address further, and the pool remembers to begin there.
 *
 * The socket may change with every PQconnectPoll, so the watch is made anew each time. From then on
 * interest in reading stays set unless a statement is paused: an idle connection that the server closes is
 * noticed at once. There is one timer per connection, moved lazily: a deadline that is put off again and
 * again (each read is progress) costs a comparison, not a timer operation.
 *
 * A connection may be lost while its owner's callback is on the stack, so the struct is freed by the
 * last conn_leave. A leased one stays, without session, until it is given back.
 */
#include "pg_internal.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/metrics.h"

static void connect_next(struct pg_conn *c);
static void resolve_next(struct pg_conn *c);

void conn_enter(struct pg_conn *c)
{
    c->on_stack++;
}

void conn_leave(struct pg_conn *c)
{
    if (--c->on_stack == 0 && c->state == PG_CONN_DEAD) {
        free(c);
    }
}

void conn_set_deadline(struct pg_conn *c, int64_t after_ms)
{
    if (after_ms <= 0) {
        c->deadline_ms = 0;
        return;
    }
    c->deadline_ms = clock_now_ms() + after_ms;
    if (c->timer_ms == 0 || c->timer_ms > c->deadline_ms) {
        c->timer_ms = c->deadline_ms;
        loop_timer_set(c->timer, after_ms);
    }
}

void conn_set_interest(struct pg_conn *c, unsigned interest)
{
    if (c->watch && interest != c->interest) {
        c->interest = interest;
        loop_watch_set(c->watch, interest);
    }
}

void conn_kick(struct pg_conn *c)
{
    if (!loop_timer_is_set(c->kick)) {
        loop_timer_set(c->kick, 0);
    }
}

/* libpq reads into a buffer that may be smaller than a TLS record; what is left lies in OpenSSL where
 * epoll does not see it. libpq's own blocking calls look there, its nonblocking interface does not say.
 * OpenSSL is loaded by libpq, if at all, so it is asked for by name and not linked. */
typedef int (*tls_pending_fn)(const void *ssl);

static tls_pending_fn tls_pending(void)
{
    union {
        void *symbol;
        tls_pending_fn fn;
    } found = {.symbol = dlsym(RTLD_DEFAULT, "SSL_pending")};
    return found.fn;
}

bool conn_has_unread(const struct pg_conn *c)
{
    if (!c->tls) {
        return false;
    }
    tls_pending_fn pending = tls_pending();
    return pending && pending(c->tls) > 0;
}

static void on_ready(int fd, unsigned ready, void *arg);

/* libpq closes its descriptor whenever a connection breaks, long before it returns to us, and another thread may
 * be given the same number at once. So what is watched is a duplicate, which is closed by nobody else. */
static void watch_socket(struct pg_conn *c, unsigned interest)
{
    c->watched_fd = fcntl(PQsocket(c->pg), F_DUPFD_CLOEXEC, 0);
    c->watch = loop_watch_new(c->pool->loop, c->watched_fd >= 0 ? c->watched_fd : PQsocket(c->pg),
                              on_ready, c); /* with no descriptor left the original has to do */
    c->interest = 0;
    conn_set_interest(c, interest);
}

static void unwatch_socket(struct pg_conn *c)
{
    if (!c->watch) {
        return;
    }
    loop_watch_free(c->watch);
    c->watch = NULL;
    c->interest = 0;
    if (c->watched_fd >= 0) {
        close(c->watched_fd);
    }
}

void conn_disconnect(struct pg_conn *c)
{
    if (c->cancel) {
        pg_cancel_abandon(c->cancel);
        c->cancel = NULL;
    }
    if (c->resolve) {
        resolve_cancel(c->resolve);
        c->resolve = NULL;
    }
    unwatch_socket(c);
    PQfinish(c->pg);
    c->pg = NULL;
    c->tls = NULL;
    conn_set_deadline(c, 0);
    if (c->is_counted) {
        metric_add(METRIC_database_connections, -1);
        c->is_counted = false;
    }
}

void conn_destroy(struct pg_conn *c)
{
    conn_enter(c);
    pool_remove(c);
    conn_disconnect(c);
    statement_fini(c);
    pg_cache_fini(&c->cache);
    loop_timer_free(c->timer);
    loop_timer_free(c->kick);
    c->timer = c->kick = NULL;
    c->state = PG_CONN_DEAD;
    conn_leave(c);
}

void conn_lost(struct pg_conn *c, const struct err *why)
{
    struct pg_pool *p = c->pool;
    log_debug(NULL, "db.connection_lost", "connection=%u reason=\"%s\"", c->number, why->text);
    if (c->state == PG_CONN_LEASED) {
        conn_disconnect(c);
        pg_cache_clear(&c->cache);
        statement_on_lost(c, why);
    } else {
        metric_add(METRIC_database_errors, 1);
        conn_destroy(c);
    }
    pool_on_lost(p);
}

static void connect_failed(struct pg_conn *c, const struct err *why)
{
    struct pg_pool *p = c->pool;
    conn_destroy(c);
    pool_on_connect_failed(p, why);
}

static void on_notice(void *arg, const PGresult *result)
{
    struct pg_conn *c = arg;
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    char line[256];
    if (severity && strcmp(severity, "WARNING") == 0 && c->state == PG_CONN_LEASED &&
        c->st.is_running && c->st.was_warned) {
        *c->st.was_warned = true;
    }
    pg_one_line(line, sizeof line, message ? message : PQresultErrorMessage(result));
    log_debug(NULL, "db.notice", "connection=%u text=\"%s\"", c->number, line);
}

/* ---- connecting ---- */

static void connected(struct pg_conn *c)
{
    struct err why;
    if (PQsetnonblocking(c->pg, 1) != 0) {
        pg_err_from_conn(&why, RC_DB, c->pg);
        connect_failed(c, &why);
        return;
    }
    c->tls = PQsslInUse(c->pg) ? PQsslStruct(c->pg, "OpenSSL") : NULL;
    c->is_counted = true;
    metric_add(METRIC_database_connections, 1);
    conn_set_deadline(c, 0);
    watch_socket(c, LOOP_READ);
    log_debug(NULL, "db.connected", "connection=%u backend=%d", c->number, PQbackendPID(c->pg));
    pool_on_connected(c);
}

static void poll_connection(struct pg_conn *c)
{
    struct err why;
    unwatch_socket(c);
    switch (PQconnectPoll(c->pg)) {
    case PGRES_POLLING_READING:
        watch_socket(c, LOOP_READ);
        break;
    case PGRES_POLLING_WRITING:
        watch_socket(c, LOOP_WRITE);
        break;
    case PGRES_POLLING_OK:
        connected(c);
        break;
    default:
        pg_err_from_conn(&why, RC_DB, c->pg);
        connect_failed(c, &why);
    }
}

/* The candidates, beginning where the last attempt stalled. */
static enum rc start_session(struct pg_conn *c, struct err *why)
{
    struct pg_candidate ordered[MAX_CANDIDATES];
    struct pg_connect_params params;
    for (unsigned i = 0; i < c->candidate_count; i++) {
        ordered[i] = c->candidates[(c->pool->first_candidate + i) % c->candidate_count];
    }
    enum rc rc = pg_connect_params_init(&params, &c->pool->info, ordered, c->candidate_count, why);
    if (rc != RC_OK) {
        return rc;
    }
    c->pg = PQconnectStartParams(params.keywords, params.values, 0);
    pg_connect_params_fini(&params);
    if (!c->pg || PQstatus(c->pg) == CONNECTION_BAD) {
        return pg_err_from_conn(why, RC_DB, c->pg);
    }
    PQsetNoticeReceiver(c->pg, on_notice, c);
    return RC_OK;
}

static void connect_next(struct pg_conn *c)
{
    struct err why;
    c->state = PG_CONN_CONNECTING;
    conn_set_deadline(c, c->pool->options.connect_ms);
    if (start_session(c, &why) != RC_OK) {
        connect_failed(c, &why);
        return;
    }
    watch_socket(c, LOOP_WRITE); /* as if PQconnectPoll had asked to write */
}

static void connect_timed_out(struct pg_conn *c)
{
    struct err why;
    if (c->state == PG_CONN_CONNECTING && ++c->rounds < c->candidate_count) {
        c->pool->first_candidate = (c->pool->first_candidate + 1) % c->candidate_count;
        conn_disconnect(c);
        connect_next(c);
        return;
    }
    err_set_limit(&why, LIMIT_database_connect_timeout, 0,
                  c->state == PG_CONN_RESOLVING ? "no address within %lld ms"
                                                : "no answer within %lld ms",
                  (long long)c->pool->options.connect_ms);
    why.code = RC_DB;
    connect_failed(c, &why);
}

/* ---- resolving ---- */

static void add_candidate(struct pg_conn *c, const struct pg_target *t, const char *address)
{
    if (c->candidate_count == MAX_CANDIDATES) {
        return;
    }
    struct pg_candidate *k = &c->candidates[c->candidate_count++];
    k->host = t->host ? t->host : "";
    snprintf(k->address, sizeof k->address, "%s", address ? address : "");
    snprintf(k->port, sizeof k->port, "%s", t->port);
}

static void on_resolved(const struct resolved *addresses, unsigned count, const struct err *why,
                        void *arg)
{
    struct pg_conn *c = arg;
    conn_enter(c);
    c->resolve = NULL;
    for (unsigned i = 0; i < count; i++) {
        char text[MAX_ADDRESS];
        if (getnameinfo((const struct sockaddr *)&addresses[i].addr, addresses[i].len, text,
                        sizeof text, NULL, 0, NI_NUMERICHOST) == 0) {
            add_candidate(c, &c->pool->info.targets[c->target], text);
        }
    }
    if (count == 0 && why) {
        c->resolve_why = *why;
    }
    c->target++;
    resolve_next(c);
    conn_leave(c);
}

static void resolve_next(struct pg_conn *c)
{
    const struct pg_conninfo *info = &c->pool->info;
    for (; c->target < info->target_count; c->target++) {
        const struct pg_target *t = &info->targets[c->target];
        if (!pg_target_needs_resolving(t)) {
            add_candidate(c, t, t->hostaddr);
        } else if (resolve_start(c->pool->resolve_pool, c->pool->mailbox, t->host,
                                 (uint16_t)atoi(t->port), on_resolved, c, &c->resolve,
                                 &c->resolve_why) == RC_OK) {
            return;
        }
    }
    if (info->target_count > 0 && c->candidate_count == 0) {
        struct err why;
        err_set(&why, RC_DB, "%s", c->resolve_why.text);
        connect_failed(c, &why);
        return;
    }
    connect_next(c);
}

/* ---- events ---- */

static void on_ready(int fd, unsigned ready, void *arg)
{
    struct pg_conn *c = arg;
    (void)fd;
    conn_enter(c);
    if (c->state == PG_CONN_CONNECTING) {
        poll_connection(c);
    } else {
        statement_on_ready(c, ready);
    }
    conn_leave(c);
}

static void on_timer(void *arg)
{
    struct pg_conn *c = arg;
    conn_enter(c);
    c->timer_ms = 0;
    int64_t left = c->deadline_ms - clock_now_ms();
    if (c->deadline_ms == 0) {
        /* Nothing is due; the next deadline sets the timer again. */
    } else if (left > 0) {
        c->timer_ms = c->deadline_ms;
        loop_timer_set(c->timer, left);
    } else {
        c->deadline_ms = 0;
        if (c->state == PG_CONN_RESOLVING || c->state == PG_CONN_CONNECTING) {
            connect_timed_out(c);
        } else {
            statement_on_deadline(c);
        }
    }
    conn_leave(c);
}

static void on_kick(void *arg)
{
    struct pg_conn *c = arg;
    conn_enter(c);
    statement_on_kick(c);
    conn_leave(c);
}

void conn_start(struct pg_pool *p)
{
    struct pg_conn *c = xcalloc(1, sizeof *c);
    c->pool = p;
    c->number = ++p->serial;
    c->state = PG_CONN_RESOLVING;
    c->timer = loop_timer_new(p->loop, on_timer, c);
    c->kick = loop_timer_new(p->loop, on_kick, c);
    pg_cache_init(&c->cache, p->options.max_prepared);
    TAILQ_INSERT_TAIL(&p->conns, c, all);
    p->conn_count++;
    conn_enter(c);
    conn_set_deadline(c, p->options.connect_ms);
    resolve_next(c);
    conn_leave(c);
}
