/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/conn: one connection, from its making (connect.c) to its end.
 *
 *   conn_start -> CONNECTING -> IDLE <-> LEASED -> CLEANING -> IDLE     (pool.c, statement.c)
 *                     |          |         |            |
 *                     +-failure--+--loss---+------------+--> DEAD
 *
 * Interest in reading stays set unless a statement is paused: an idle connection that the server closes is
 * noticed at once. There is one timer per connection, moved lazily: a deadline that is put off again and
 * again (each read is progress) costs a comparison, not a timer operation.
 *
 * A connection may be lost while its owner's callback is on the stack, so the struct is freed by the
 * last conn_leave. A leased one stays, without session, until it is given back.
 */
#include "pg_internal.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/metrics.h"

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
struct loop_watch *pg_watch(struct loop *l, PGconn *pg, unsigned interest, loop_watch_cb cb,
                            void *arg, int *own_fd)
{
    *own_fd = fcntl(PQsocket(pg), F_DUPFD_CLOEXEC, 0);
    struct loop_watch *w = loop_watch_new(l, *own_fd >= 0 ? *own_fd : PQsocket(pg), cb,
                                          arg); /* with no descriptor left the original has to do */
    if (interest) {
        loop_watch_set(w, interest);
    }
    return w;
}

void pg_unwatch(struct loop_watch *w, int own_fd)
{
    if (!w) {
        return;
    }
    loop_watch_free(w);
    if (own_fd >= 0) {
        close(own_fd);
    }
}

void conn_disconnect(struct pg_conn *c)
{
    if (c->cancel) {
        pg_cancel_abandon(c->cancel);
        c->cancel = NULL;
    }
    pg_connecting_free(c->connecting);
    c->connecting = NULL;
    pg_unwatch(c->watch, c->watched_fd);
    c->watch = NULL;
    c->interest = 0;
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

static void conn_failed(struct pg_conn *c, const struct err *why)
{
    struct pg_pool *p = c->pool;
    conn_destroy(c);
    pool_on_connect_failed(p, why);
}

void conn_on_notice(void *arg, const PGresult *result)
{
    struct pg_conn *c = arg;
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    char line[256];
    c->st.is_unreplicated = c->st.is_unreplicated || pg_is_unreplicated(result);
    pg_one_line(line, sizeof line, message ? message : PQresultErrorMessage(result));
    log_debug(NULL, "db.notice", "connection=%u text=\"%s\"", c->number, line);
}

static void connected(struct pg_conn *c, PGconn *pg)
{
    struct err why;
    c->pg = pg;
    if (PQsetnonblocking(c->pg, 1) != 0) {
        pg_err_from_conn(&why, RC_DB, c->pg);
        conn_failed(c, &why);
        return;
    }
    c->tls = PQsslInUse(c->pg) ? PQsslStruct(c->pg, "OpenSSL") : NULL;
    c->is_counted = true;
    metric_add(METRIC_database_connections, 1);
    conn_set_deadline(c, 0);
    c->watch = pg_watch(c->pool->loop, c->pg, 0, on_ready, c, &c->watched_fd);
    c->interest = 0;
    conn_set_interest(c, LOOP_READ);
    log_debug(NULL, "db.connected", "connection=%u backend=%d host=%s port=%s", c->number,
              PQbackendPID(c->pg), PQhost(c->pg), PQport(c->pg));
    pool_on_connected(c);
}

/* ---- events ---- */

static void on_ready(int fd, unsigned ready, void *arg)
{
    struct pg_conn *c = arg;
    (void)fd;
    conn_enter(c);
    statement_on_ready(c, ready);
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
        statement_on_deadline(c);
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

static void on_connected(PGconn *pg, const struct err *why, void *arg)
{
    struct pg_conn *c = arg;
    conn_enter(c);
    c->connecting = NULL;
    if (pg) {
        connected(c, pg);
    } else {
        conn_failed(c, why);
    }
    conn_leave(c);
}

void conn_start(struct pg_pool *p)
{
    struct pg_conn *c = xcalloc(1, sizeof *c);
    c->pool = p;
    c->number = ++p->serial;
    c->generation = p->generation;
    c->state = PG_CONN_CONNECTING;
    c->timer = loop_timer_new(p->loop, on_timer, c);
    c->kick = loop_timer_new(p->loop, on_kick, c);
    pg_cache_init(&c->cache, p->options.max_prepared);
    TAILQ_INSERT_TAIL(&p->conns, c, all);
    p->conn_count++;
    c->connecting = pg_connecting_new(&p->connector, on_connected, c);
}
