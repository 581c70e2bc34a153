/* SPDX-License-Identifier: Apache-2.0
 *
 * A loop with a pool on it, and asynchronous calls waited for, for the tests of pg/pool.
 */
#ifndef TESTS_PG_RIG_H
#define TESTS_PG_RIG_H

#include "core/jobpool.h"
#include "pg/pool.h"
#include "testdb.h"

enum { RIG_WAIT_MS = 60000 }; /* generous: only a hang takes so long */

struct rig {
    struct loop *loop;
    struct mailbox *mailbox;
    struct jobpool *jobs;
    struct pg_pool *pool;
};

static inline struct pg_options rig_options(const char *uri)
{
    struct pg_options o = pg_options_default();
    o.conninfo = uri;
    return o;
}

static inline void rig_open(struct rig *r, const struct pg_options *options)
{
    r->loop = loop_new();
    r->mailbox = mailbox_new(r->loop);
    r->jobs = jobpool_new("test", 1, 16);
    r->pool = pg_pool_new(r->loop, r->mailbox, r->jobs, options);
}

static inline void rig_close(struct rig *r)
{
    pg_pool_free(r->pool);
    jobpool_free(r->jobs);
    mailbox_free(r->mailbox);
    loop_free(r->loop);
}

static inline bool rig_never(void *arg)
{
    (void)arg;
    return false;
}

static inline void rig_run(struct rig *r, int64_t ms)
{
    loop_run_until(r->loop, rig_never, NULL, ms);
}

static inline bool rig_flag(void *arg)
{
    return *(bool *)arg;
}

static inline bool rig_wait(struct rig *r, bool *flag)
{
    return loop_run_until(r->loop, rig_flag, flag, RIG_WAIT_MS);
}

/* ---- leases ---- */

struct grant {
    bool is_done;
    unsigned order; /* from 1, in the order of the callbacks */
    struct pg_conn *conn;
    struct err why;
};

static unsigned grant_serial;

static inline void on_grant(struct pg_conn *conn, const struct err *why, void *arg)
{
    struct grant *g = arg;
    assert_false(g->is_done);
    g->is_done = true;
    g->order = ++grant_serial;
    g->conn = conn;
    if (!conn) {
        g->why = *why;
    }
}

static inline struct grant rig_try_lease(struct rig *r, int64_t timeout_ms)
{
    struct grant g = {0};
    pg_lease_start(r->pool, timeout_ms, on_grant, &g);
    assert_false(g.is_done);
    assert_true(rig_wait(r, &g.is_done));
    return g;
}

static inline struct pg_conn *rig_lease(struct rig *r)
{
    struct grant g = rig_try_lease(r, RIG_WAIT_MS);
    if (!g.conn) {
        fprintf(stderr, "lease: %s\n", g.why.text);
    }
    assert_non_null(g.conn);
    return g.conn;
}

/* ---- statements ---- */

struct answer {
    bool is_done;
    struct err result;
    int64_t rows;      /* as on_done says */
    int64_t seen;      /* calls of on_row */
    int64_t value;     /* first column of the last row, if an integer */
    uint64_t octets;   /* of the first column, all rows */
    char text[128];    /* first column of the last row */
    int64_t pause_at;  /* pause when so many rows have come */
    int64_t cancel_at; /* cancel */
    int64_t release_at;
    struct pg_conn *conn;
};

static inline void on_answer_row(const struct pg_row *row, void *arg)
{
    struct answer *a = arg;
    struct span s = pg_octets(row, 0);
    assert_false(a->is_done);
    a->seen++;
    a->value = pg_int(row, 0);
    a->octets += s.len;
    snprintf(a->text, sizeof a->text, "%.*s", (int)(s.len < 100 ? s.len : 100),
             (const char *)s.data);
    if (a->seen == a->pause_at) {
        pg_query_pause(a->conn);
    }
    if (a->seen == a->cancel_at) {
        pg_query_cancel(a->conn);
    }
    if (a->seen == a->release_at) {
        pg_release(a->conn);
    }
}

static inline void on_answer_done(const struct err *result, int64_t rows, void *arg)
{
    struct answer *a = arg;
    assert_false(a->is_done);
    a->is_done = true;
    a->result = *result;
    a->rows = rows;
}

static inline void answer_start(struct answer *a, struct pg_conn *c, const char *sql,
                                const struct pg_param *params, unsigned count)
{
    struct pg_query q = {.sql = sql,
                         .params = params,
                         .param_count = count,
                         .on_row = on_answer_row,
                         .on_done = on_answer_done,
                         .arg = a};
    a->conn = c;
    pg_query_start(c, &q);
    assert_false(a->is_done);
}

static inline struct answer rig_query(struct rig *r, struct pg_conn *c, const char *sql)
{
    struct answer a = {0};
    answer_start(&a, c, sql, NULL, 0);
    assert_true(rig_wait(r, &a.is_done));
    return a;
}

static inline int64_t rig_value(struct rig *r, struct pg_conn *c, const char *sql)
{
    struct answer a = rig_query(r, c, sql);
    if (a.result.code != RC_OK) {
        fprintf(stderr, "%s: %s\n", sql, a.result.text);
    }
    assert_int_equal(a.result.code, RC_OK);
    assert_int_equal(a.rows, 1);
    return a.value;
}

static inline void rig_execute(struct rig *r, struct pg_conn *c, const char *sql)
{
    struct answer a = rig_query(r, c, sql);
    if (a.result.code != RC_OK) {
        fprintf(stderr, "%s: %s\n", sql, a.result.text);
    }
    assert_int_equal(a.result.code, RC_OK);
}

#endif
