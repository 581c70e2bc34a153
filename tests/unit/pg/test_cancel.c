/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a worker while PQcancel runs for one of its connections. The mailbox is closed before the pool
 * is freed, so the answer finds nobody, and the connection still points to the request. And a database that
 * does not answer PQcancel at all.
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
#include "testdb.h"

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

/* The thread sits in the first request for ever; those that come and are abandoned meanwhile do not pile up. */
static void abandoned_requests_leave_the_queue(void **state)
{
    enum { REQUESTS = 2000 };
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char conninfo[128];
    pthread_t thread;
    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    assert_int_equal(pthread_create(&thread, NULL, play_database, &fd), 0);
    snprintf(conninfo, sizeof conninfo,
             "host=127.0.0.1 port=%u user=x dbname=x sslmode=disable gssencmode=disable",
             ntohs(addr.sin_port));
    PGconn *pg = PQconnectdb(conninfo);
    assert_int_equal(PQstatus(pg), CONNECTION_OK);
    pthread_join(thread, NULL);

    struct loop *loop = loop_new();
    struct mailbox *mailbox = mailbox_new(loop);
    struct pg_cancel *stuck = pg_cancel_start(pg, mailbox, on_cancelled, NULL);
    size_t before = 0;
    for (int i = 0; i < REQUESTS; i++) {
        struct pg_cancel *k = pg_cancel_start(pg, mailbox, on_cancelled, NULL);
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
    close(fd); /* a reset, which the thread gets */
    PQfinish(pg);
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
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
