/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/once: lease, one statement, release.
 *
 * With an idle connection at hand and nobody waiting the statement is sent at once: no copy of the
 * parameters, no turn of the loop. Otherwise text and parameters are copied, in one piece, until a
 * connection comes.
 */
#include "pg_internal.h"

#include <stdlib.h>

#include "core/arena.h"

struct pg_once {
    struct pg_lease *lease; /* while waiting */
    struct pg_conn *conn;   /* while running */
    struct pg_query query;  /* sql and params are ours while waiting */
    void *copy;
};

static void on_row(const struct pg_row *row, void *arg)
{
    struct pg_once *o = arg;
    o->query.on_row(row, o->query.arg);
}

static void once_end(struct pg_once *o, const struct err *result, int64_t rows)
{
    struct pg_query q = o->query;
    free(o->copy);
    free(o);
    q.on_done(result, rows, q.arg);
}

static void on_done(const struct err *result, int64_t rows, void *arg)
{
    struct pg_once *o = arg;
    pg_release(o->conn);
    once_end(o, result, rows);
}

static void run(struct pg_once *o, struct pg_conn *c)
{
    struct pg_query q = o->query;
    q.on_row = o->query.on_row ? on_row : NULL;
    q.on_done = on_done;
    q.arg = o;
    o->conn = c;
    if (q.was_sent) {
        *q.was_sent = true;
    }
    pg_query_start(c, &q);
    free(o->copy);
    o->copy = NULL;
    o->query.sql = NULL;
    o->query.params = NULL;
}

static void on_lease(struct pg_conn *c, const struct err *why, void *arg)
{
    struct pg_once *o = arg;
    o->lease = NULL;
    if (c) {
        run(o, c);
    } else {
        once_end(o, why, 0);
    }
}

/* Text and parameters in one allocation. */
static bool copy_query(struct pg_once *o, const struct pg_query *q)
{
    size_t sql_size = strlen(q->sql) + 1;
    size_t size = q->param_count * sizeof(struct pg_param) + sql_size;
    for (unsigned i = 0; i < q->param_count; i++) {
        size += q->params[i].data && q->params[i].len > 0 ? (size_t)q->params[i].len : 0;
    }
    o->copy = malloc(size);
    if (!o->copy) {
        return false;
    }
    struct pg_param *params = o->copy;
    char *at = (char *)(params + q->param_count);
    o->query.sql = memcpy(at, q->sql, sql_size);
    o->query.params = params;
    at += sql_size;
    for (unsigned i = 0; i < q->param_count; i++) {
        params[i] = q->params[i];
        if (params[i].data && params[i].len > 0) {
            params[i].data = memcpy(at, params[i].data, (size_t)params[i].len);
            at += params[i].len;
        } else if (params[i].data) {
            params[i].data = ""; /* empty, not null */
        }
    }
    return true;
}

struct pg_once *pg_once_start(struct pg_pool *p, int64_t timeout_ms, const struct pg_query *q)
{
    struct pg_once *o = xcalloc(1, sizeof *o);
    o->query = *q;
    if (q->was_sent) {
        *q->was_sent = false;
    }
    struct pg_conn *c = pool_take_at_once(p, q->lane);
    if (c) {
        run(o, c);
        return o;
    }
    if (!copy_query(o, q)) {
        /* As fatal as any other exhaustion of memory, but the peer may have chosen the size: refuse. */
        o->query.sql = NULL;
    }
    o->lease = pool_lease(p, q->lane, timeout_ms, on_lease, o);
    o->lease->is_patient = q->is_patient;
    if (!o->query.sql) {
        pool_refuse_lease(o->lease, RC_NOMEM, "no memory for the parameters of a statement");
    }
    return o;
}

void pg_once_cancel(struct pg_once *o)
{
    if (o->lease) {
        pg_lease_cancel(o->lease);
    }
    if (o->conn) {
        pg_release(o->conn);
    }
    free(o->copy);
    free(o);
}
