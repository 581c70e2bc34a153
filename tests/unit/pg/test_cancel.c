/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a worker while PQcancel runs for one of its connections. The mailbox is closed before the pool
 * is freed, so the answer finds nobody, and the connection still points to the request. And a database that
 * does not answer PQcancel at all, alone and beside one that does.
 */
#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/worker.h"
#include "pg_internal.h"
#include "rig.h"

enum { ROUNDS = 8, CANCEL_US = 100000 };

static struct testdb db;

struct side {
    struct worker *worker;
    struct jobpool *jobs;
    struct pg_pool *pool;
    struct pg_conn *conn;
    useconds_t wait_us;
    atomic_bool has_cancelled;
};

static void on_row(const struct pg_row *row, void *arg)
{
    struct side *s = arg;
    (void)row;
    if (s->has_cancelled) {
        return;
    }
    s->has_cancelled = true;
    pg_query_cancel(s->conn);
    usleep(s->wait_us); /* the cancel thread may answer now; the loop does not look any more */
    loop_stop(worker_loop(s->worker));
}

static void on_done(const struct err *result, int64_t rows, void *arg)
{
    (void)result;
    (void)rows;
    (void)arg;
    fail_msg("the statement ended although its loop had stopped");
}

static void on_leased(struct pg_conn *conn, const struct err *why, void *arg)
{
    struct side *s = arg;
    (void)why;
    s->conn = conn;
    if (!conn) {
        loop_stop(worker_loop(s->worker));
        return;
    }
    struct pg_query q = {.sql =
                             "select generate_series(1, 100000), repeat('x', 9000), pg_sleep(0.01)",
                         .on_row = on_row,
                         .on_done = on_done,
                         .arg = s};
    pg_query_start(conn, &q);
}

static enum rc start(struct worker *w, void *arg, void **state, struct err *err)
{
    struct side *s = arg;
    struct pg_options options = pg_options_default();
    (void)err;
    options.conninfo = db.uri;
    s->worker = w;
    s->pool = pg_pool_new(worker_loop(w), worker_mailbox(w), s->jobs, &options);
    (void)pg_lease_start(s->pool, 60000, on_leased, s);
    *state = s;
    return RC_OK;
}

static void stop(void *state)
{
    struct side *s = state;
    if (s->conn) {
        pg_release(s->conn);
    }
    pg_pool_free(s->pool);
}

/* With and without time for the answer to arrive: dropped by the mailbox, by the thread, or abandoned. */
static void a_worker_may_end_while_cancelling(void **state)
{
    static const struct worker_hooks hooks = {start, stop};
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct side s = {.jobs = jobpool_new("test", 1, 16), .wait_us = i % 2 ? CANCEL_US : i};
        struct worker *w = NULL;
        struct err err;
        assert_int_equal(worker_start("side", &hooks, &s, &w, &err), RC_OK);
        for (unsigned k = 0; k < 60000 && !atomic_load(&s.has_cancelled); k++) {
            usleep(1000);
        }
        worker_stop(w);
        jobpool_free(s.jobs);
        assert_true(s.has_cancelled);
    }
}

/* Opens one session, and says nothing to who comes next. */
static void *play_database(void *arg)
{
    static const uint8_t welcome[] = {
        'R', 0, 0, 0, 8,  0,   0, 0, 0,             /* AuthenticationOk */
        'K', 0, 0, 0, 12, 0,   0, 0, 1, 0, 0, 0, 2, /* BackendKeyData */
        'Z', 0, 0, 0, 5,  'I',                      /* ReadyForQuery */
    };
    uint8_t startup[4096];
    int fd = accept(*(int *)arg, NULL, NULL);
    if (fd >= 0 && read(fd, startup, sizeof startup) > 0 &&
        write(fd, welcome, sizeof welcome) != sizeof welcome) {
        close(fd);
    }
    return NULL;
}

static void on_cancelled(bool was_sent, const char *why, void *arg)
{
    (void)was_sent;
    (void)why;
    (void)arg;
    fail_msg("an abandoned request was answered");
}

/* A session with a database that takes requests to cancel and says nothing to them. */
struct mute {
    int fd; /* listens; closed it resets what waits there */
    PGconn *pg;
};

static void mute_open(struct mute *m)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    char conninfo[128];
    pthread_t thread;
    m->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(m->fd, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(listen(m->fd, 16), 0);
    assert_int_equal(getsockname(m->fd, (struct sockaddr *)&addr, &len), 0);
    assert_int_equal(pthread_create(&thread, NULL, play_database, &m->fd), 0);
    snprintf(conninfo, sizeof conninfo,
             "host=127.0.0.1 port=%u user=x dbname=x sslmode=disable gssencmode=disable",
             ntohs(addr.sin_port));
    m->pg = PQconnectdb(conninfo);
    assert_int_equal(PQstatus(m->pg), CONNECTION_OK);
    pthread_join(thread, NULL);
}

static void mute_close(struct mute *m)
{
    close(m->fd);
    PQfinish(m->pg);
}

/* The thread sits in the first request for ever; those that come and are abandoned meanwhile do not pile up. */
static void abandoned_requests_leave_the_queue(void **state)
{
    enum { REQUESTS = 2000 };
    struct mute m;
    (void)state;
    mute_open(&m);
    struct loop *loop = loop_new();
    struct mailbox *mailbox = mailbox_new(loop);
    struct pg_cancel *stuck = pg_cancel_start(m.pg, mailbox, on_cancelled, NULL);
    size_t before = 0;
    for (int i = 0; i < REQUESTS; i++) {
        struct pg_cancel *k = pg_cancel_start(m.pg, mailbox, on_cancelled, NULL);
        assert_non_null(k);
        pg_cancel_abandon(k);
        if (i == 0) {
            before = mallinfo2().uordblks;
        }
    }
    size_t after =
        mallinfo2().uordblks; /* 0 under a sanitizer, which has an allocator of its own */
    assert_true(after < before + REQUESTS * 16);
    pg_cancel_abandon(stuck);
    mailbox_free(mailbox);
    loop_free(loop);
    mute_close(&m);
}

/* A standby or a pooler that hangs; the primary is asked all the same, so its connection is kept. */
static void one_that_hangs_delays_no_other(void **state)
{
    struct mute m;
    struct rig r;
    struct pg_options o = rig_options(db.uri);
    (void)state;
    mute_open(&m);
    rig_open(&r, &o);
    struct pg_cancel *stuck = pg_cancel_start(m.pg, r.mailbox, on_cancelled, NULL);
    struct pg_conn *c = rig_lease(&r);
    int64_t backend = rig_value(&r, c, "select pg_backend_pid()");
    for (int i = 0; i < 3; i++) {
        struct answer a = {0};
        answer_start(&a, c, "select pg_sleep(3600)", NULL, 0);
        pg_query_cancel(c);
        assert_true(rig_wait(&r, &a.is_done));
        assert_int_equal(a.result.code, RC_CANCELED);
    }
    assert_int_equal(rig_value(&r, c, "select pg_backend_pid()"), backend);
    pg_release(c);
    pg_cancel_abandon(stuck);
    rig_close(&r);
    mute_close(&m);
}

static int setup(void **state)
{
    (void)state;
    return testdb_create(&db, "cancel") ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    testdb_drop(&db);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_may_end_while_cancelling),
        cmocka_unit_test(abandoned_requests_leave_the_queue),
        cmocka_unit_test(one_that_hangs_delays_no_other),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
