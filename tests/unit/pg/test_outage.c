/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/pool when the database refuses, dies, stops, comes back, or does not answer; and TLS, which needs
 * a server set up for it. Has a cluster of its own (DPPR_TEST_DATABASE is the one it must not stop).
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "core/metrics.h"
#include "pg_internal.h"
#include "rig.h"

static char dir[] = "/tmp/dppr-outage.XXXXXX";
static char uri[256];
static unsigned port;

/* Shell command with the cluster's folder as $d; its exit status. */
static int shell(const char *command)
{
    char line[1024];
    snprintf(line, sizeof line, "d=%s; pgcluster=%s/tests/support/pgcluster; %s", dir, SOURCE_DIR,
             command);
    return system(line);
}

static void read_uri(void)
{
    char line[512];
    snprintf(line, sizeof line, "%s/tests/support/pgcluster uri %s", SOURCE_DIR, dir);
    FILE *out = popen(line, "r");
    assert_non_null(out);
    assert_non_null(fgets(uri, sizeof uri, out));
    pclose(out);
    uri[strcspn(uri, "\n")] = '\0';
    assert_int_equal(sscanf(uri, "postgresql://postgres@127.0.0.1:%u/", &port), 1);
}

/* Stops the cluster when this process is gone without having done so. */
static int start_watchdog(void)
{
    char line[256];
    snprintf(line, sizeof line,
             "(while kill -0 %d; do sleep 1; done; $pgcluster stop $d; rm -rf $d) </dev/null "
             ">/dev/null 2>&1 &",
             (int)getpid());
    return shell(line);
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(dir) || start_watchdog() != 0 ||
        shell("chmod 755 $d && openssl req -new -x509 -days 2 -nodes -subj /CN=localhost -keyout "
              "$d/key "
              "-out $d/crt 2>/dev/null && chmod 600 $d/key && "
              "{ [ $(id -u) -ne 0 ] || chown postgres $d/key; } && "
              "$pgcluster start $d ssl=on ssl_cert_file=$d/crt ssl_key_file=$d/key >/dev/null") !=
            0) {
        return -1;
    }
    read_uri();
    return testdb_run(uri, "create role password_test login password 'right'") ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(metric_get(METRIC_database_connections), 0);
    assert_int_equal(metric_get(METRIC_database_connections_in_use), 0);
    assert_int_equal(metric_get(METRIC_database_waiting), 0);
    assert_int_equal(metric_get(METRIC_database_away), 0);
    return shell("$pgcluster stop $d && rm -rf $d");
}

static struct rig open_rig(const char *conninfo, unsigned size)
{
    struct rig r;
    struct pg_options o = rig_options(conninfo);
    o.size = size;
    o.connect_ms = 2000;
    rig_open(&r, &o);
    return r;
}

static void assert_works(struct rig *r)
{
    struct pg_conn *c = rig_lease(r);
    assert_int_equal(rig_value(r, c, "select 4"), 4);
    pg_release(c);
    assert_true(pg_pool_is_healthy(r->pool));
}

/* ---- refused ---- */

static void bad_string_refuses_leases_with_the_reason(void **state)
{
    (void)state;
    struct rig r = open_rig("postgresql://me:s3cret@host:x/y", 1);
    struct grant g = rig_try_lease(&r, RIG_WAIT_MS);
    assert_null(g.conn);
    assert_int_equal(g.why.code, RC_DB);
    assert_null(strstr(g.why.text, "s3cret"));
    assert_false(pg_pool_is_healthy(r.pool));
    rig_close(&r);
}

static void refused_connection_fails_leases_at_once(void **state)
{
    (void)state;
    /* Bound, not listening: nobody else gets the port. */
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    char conninfo[128];
    snprintf(conninfo, sizeof conninfo, "postgresql://me:s3cret@127.0.0.1:%u/x",
             ntohs(addr.sin_port));
    struct rig r = open_rig(conninfo, 2);
    for (int i = 0; i < 5; i++) {
        struct grant g = rig_try_lease(&r, 10 * RIG_WAIT_MS); /* longer than rig_try_lease waits */
        assert_null(g.conn);
        assert_int_equal(g.why.code, RC_DB);
        /* The reason first, and where it happened. */
        assert_memory_equal(g.why.text, "Connection refused (server at ", 30);
        assert_null(strstr(g.why.text, "s3cret"));
        assert_false(pg_pool_is_healthy(r.pool));
    }
    struct answer a = {0};
    struct pg_query q = {.sql = "select 1", .on_done = on_answer_done, .arg = &a};
    pg_once_start(r.pool, 10 * RIG_WAIT_MS, &q);
    assert_true(rig_wait(&r, &a.is_done));
    assert_int_equal(a.result.code, RC_DB);
    rig_close(&r);
    close(fd);
}

static void wrong_password_is_reported_without_it(void **state)
{
    (void)state;
    char conninfo[128];
    snprintf(conninfo, sizeof conninfo, "postgresql://password_test:wr0ng@127.0.0.1:%u/postgres",
             port);
    struct rig r = open_rig(conninfo, 1);
    struct grant g = rig_try_lease(&r, RIG_WAIT_MS);
    assert_null(g.conn);
    assert_memory_equal(g.why.text, "password authentication failed", 30);
    assert_null(strstr(g.why.text, "wr0ng"));
    rig_close(&r);
    snprintf(conninfo, sizeof conninfo, "postgresql://password_test:right@127.0.0.1:%u/postgres",
             port);
    r = open_rig(conninfo, 1);
    assert_works(&r);
    rig_close(&r);
}

static void unknown_host_and_unknown_database_are_reported(void **state)
{
    (void)state;
    /* A label of more than 63 characters is no name, so nobody is asked. */
    struct rig r = open_rig(
        "postgresql://"
        "me@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid/"
        "x",
        1);
    struct grant g = rig_try_lease(&r, RIG_WAIT_MS);
    assert_null(g.conn);
    assert_int_equal(g.why.code, RC_DB);
    assert_true(strlen(g.why.text) > 5);
    rig_close(&r);
    char conninfo[128];
    snprintf(conninfo, sizeof conninfo, "postgresql://postgres@127.0.0.1:%u/no_such_database",
             port);
    r = open_rig(conninfo, 1);
    g = rig_try_lease(&r, RIG_WAIT_MS);
    assert_null(g.conn);
    assert_non_null(strstr(g.why.text, "no_such_database"));
    rig_close(&r);
}

/* ---- ways to the server ---- */

static void names_and_sockets_lead_to_the_server(void **state)
{
    (void)state;
    char conninfo[256], sockets[128];
    snprintf(conninfo, sizeof conninfo, "postgresql://postgres@localhost:%u/postgres", port);
    struct rig r = open_rig(conninfo, 1);
    assert_works(&r);
    rig_close(&r);
    char path[64];
    snprintf(path, sizeof path, "%s/sockets", dir);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    assert_non_null(fgets(sockets, sizeof sockets, in));
    fclose(in);
    sockets[strcspn(sockets, "\n")] = '\0';
    snprintf(conninfo, sizeof conninfo, "host=%s port=%u user=postgres dbname=postgres", sockets,
             port);
    r = open_rig(conninfo, 1);
    assert_works(&r);
    rig_close(&r);
    snprintf(conninfo, sizeof conninfo,
             "host=/nowhere,%s,localhost port=%u user=postgres dbname=postgres", sockets, port);
    r = open_rig(conninfo, 1);
    assert_works(&r);
    rig_close(&r);
}

/* Accepts (in the kernel's queue) and says nothing. */
static int open_silent(unsigned *silent_port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    *silent_port = ntohs(addr.sin_port);
    return fd;
}

static void silent_server_is_given_up(void **state)
{
    (void)state;
    unsigned silent;
    int fd = open_silent(&silent);
    char conninfo[128];
    snprintf(conninfo, sizeof conninfo, "postgresql://postgres@127.0.0.1:%u/postgres", silent);
    struct rig r;
    struct pg_options o = rig_options(conninfo);
    o.connect_ms = 200;
    rig_open(&r, &o);
    struct grant patient = rig_try_lease(&r, 10 * RIG_WAIT_MS);
    assert_null(patient.conn);
    assert_int_equal(patient.why.code, RC_DB);
    assert_non_null(strstr(patient.why.text, "no answer within 200 ms"));
    assert_false(pg_pool_is_healthy(r.pool));
    rig_close(&r);
    o.connect_ms = RIG_WAIT_MS;
    rig_open(&r, &o);
    struct grant hasty = rig_try_lease(&r, 50);
    assert_int_equal(hasty.why.code, RC_TIMEOUT);
    rig_close(&r);
    close(fd);
}

static void silent_first_host_does_not_hide_the_second(void **state)
{
    (void)state;
    unsigned silent;
    int fd = open_silent(&silent);
    char conninfo[256];
    snprintf(conninfo, sizeof conninfo, "postgresql://postgres@127.0.0.1:%u,127.0.0.1:%u/postgres",
             silent, port);
    struct rig r = open_rig(conninfo, 1);
    assert_works(&r);
    rig_close(&r);
    close(fd);
}

/* ---- lost ---- */

static void killed_backend_is_io_for_a_running_statement(void **state)
{
    (void)state;
    struct rig r = open_rig(uri, 2);
    struct pg_conn *c = rig_lease(&r), *killer = rig_lease(&r);
    char sql[96];
    snprintf(sql, sizeof sql, "select pg_terminate_backend(%lld)::int",
             (long long)rig_value(&r, c, "select pg_backend_pid()"));
    struct answer a = {0};
    answer_start(&a, c, "select pg_sleep(300)", NULL, 0);
    assert_int_equal(rig_value(&r, killer, sql), 1);
    assert_true(rig_wait(&r, &a.is_done));
    assert_int_equal(a.result.code, RC_IO);
    assert_string_equal(a.result.sqlstate, "");
    /* The lease is still there, its connection is not. */
    assert_int_equal(rig_query(&r, c, "select 1").result.code, RC_IO);
    pg_release(c);
    c = rig_lease(&r);
    assert_int_equal(rig_value(&r, c, "select 1"), 1);
    assert_int_equal(metric_get(METRIC_database_connections), 2);
    pg_release(c);
    pg_release(killer);
    rig_close(&r);
}

static void killed_while_streaming_paused_and_cancelled(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct rig r = open_rig(uri, 2);
        struct pg_conn *c = rig_lease(&r), *killer = rig_lease(&r);
        char sql[96];
        snprintf(sql, sizeof sql, "select pg_terminate_backend(%lld)::int",
                 (long long)rig_value(&r, c, "select pg_backend_pid()"));
        struct answer a = {.pause_at = i == 1 ? 5 : 0};
        answer_start(&a, c, "select repeat('x', 320), generate_series(1, 100000000)", NULL, 0);
        rig_run(&r, 20);
        if (i == 2) {
            pg_query_cancel(c);
        }
        assert_int_equal(rig_value(&r, killer, sql), 1);
        if (i == 1) {
            assert_false(a.is_done);
            pg_query_resume(c);
        }
        assert_true(rig_wait(&r, &a.is_done));
        assert_int_equal(a.result.code, i == 2 ? RC_CANCELED : RC_IO);
        pg_release(c);
        pg_release(killer);
        assert_works(&r);
        rig_close(&r);
    }
}

/* The sockets of both ends, as the defaults want them: a peer that vanished is noticed within half a minute. */
static void vanished_peers_are_looked_for(void **state)
{
    static const struct {
        int level, option, value;
    } wanted[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},          {IPPROTO_TCP, TCP_KEEPIDLE, 15},
        {IPPROTO_TCP, TCP_KEEPINTVL, 5},        {IPPROTO_TCP, TCP_KEEPCNT, 3},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, 30000},
    };
    (void)state;
    struct rig r = open_rig(uri, 1);
    struct pg_conn *c = rig_lease(&r);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        int value = -1;
        socklen_t len = sizeof value;
        assert_int_equal(
            getsockopt(PQsocket(c->pg), wanted[i].level, wanted[i].option, &value, &len), 0);
        assert_int_equal(value, wanted[i].value);
    }
    assert_int_equal(rig_value(&r, c,
                               "select current_setting('tcp_keepalives_idle')::int * 10000"
                               " + current_setting('tcp_keepalives_interval')::int * 100"
                               " + current_setting('tcp_keepalives_count')::int"),
                     150503);
    /* Would strike a stream that a slow reader holds back. */
    assert_int_equal(rig_value(&r, c, "select current_setting('tcp_user_timeout')::int"), 0);
    pg_release(c);
    rig_close(&r);
}

static bool no_connections(void *arg)
{
    (void)arg;
    return metric_get(METRIC_database_connections) == 0;
}

static bool one_connection(void *arg)
{
    (void)arg;
    return metric_get(METRIC_database_connections) == 1;
}

static void killed_idle_connection_is_noticed_and_replaced(void **state)
{
    (void)state;
    struct rig r = open_rig(uri, 1);
    struct pg_conn *c = rig_lease(&r);
    char sql[96];
    snprintf(sql, sizeof sql, "select pg_terminate_backend(%lld)",
             (long long)rig_value(&r, c, "select pg_backend_pid()"));
    pg_release(c);
    assert_true(testdb_run(uri, sql));
    assert_true(loop_run_until(r.loop, no_connections, NULL, RIG_WAIT_MS));
    /* Without being asked for: it was the last one. */
    assert_true(loop_run_until(r.loop, one_connection, NULL, RIG_WAIT_MS));
    assert_works(&r);
    rig_close(&r);
}

static bool is_healthy(void *arg)
{
    return pg_pool_is_healthy(arg);
}

static bool is_unhealthy(void *arg)
{
    return !pg_pool_is_healthy(arg);
}

static void server_that_stops_and_comes_back_is_noticed(void **state)
{
    (void)state;
    struct rig r = open_rig(uri, 2);
    assert_works(&r);
    struct pg_conn *c = rig_lease(&r);
    struct answer a = {0};
    answer_start(&a, c, "select pg_sleep(300)", NULL, 0);
    rig_run(&r, 20);
    assert_int_equal(shell("$pgcluster stop $d fast"), 0);
    assert_true(rig_wait(&r, &a.is_done));
    assert_int_equal(a.result.code, RC_IO);
    pg_release(c);
    /* Noticed without traffic. */
    assert_true(loop_run_until(r.loop, is_unhealthy, r.pool, RIG_WAIT_MS));
    struct grant g = rig_try_lease(&r, 10 * RIG_WAIT_MS);
    assert_null(g.conn);
    assert_int_equal(g.why.code, RC_DB);
    rig_run(&r, 1500); /* long enough for the back-off to reach its end */
    assert_false(pg_pool_is_healthy(r.pool));
    assert_int_equal(metric_get(METRIC_database_away), 1);
    assert_int_equal(shell("$pgcluster start $d >/dev/null"), 0);
    int64_t begin = clock_now_ms();
    assert_true(loop_run_until(r.loop, is_healthy, r.pool, RIG_WAIT_MS));
    assert_true(clock_now_ms() - begin < 10000); /* one second, and a slow machine */
    assert_int_equal(metric_get(METRIC_database_away), 0);
    assert_works(&r);
    rig_close(&r);
}

static void too_many_clients_leave_the_others_working(void **state)
{
    (void)state;
    assert_true(testdb_run(uri, "create role limited login connection limit 1"));
    char conninfo[128];
    snprintf(conninfo, sizeof conninfo, "postgresql://limited@127.0.0.1:%u/postgres", port);
    struct rig r = open_rig(conninfo, 4);
    struct pg_conn *c = rig_lease(&r);
    struct grant g = {0};
    pg_lease_start(r.pool, RIG_WAIT_MS, on_grant, &g);
    rig_run(&r, 500);
    assert_false(g.is_done); /* waits for the one there is */
    assert_int_equal(metric_get(METRIC_database_away), 0);
    pg_release(c);
    assert_true(rig_wait(&r, &g.is_done));
    assert_non_null(g.conn);
    assert_int_equal(rig_value(&r, g.conn, "select 8"), 8);
    pg_release(g.conn);
    assert_true(loop_run_until(r.loop, is_healthy, r.pool, RIG_WAIT_MS));
    rig_close(&r);
}

/* PostgreSQL counts a session until its process has ended, a moment after the connection was closed. */
static void wait_for_the_limited_to_leave(void)
{
    assert_true(testdb_run(
        uri,
        "do $$ begin while exists (select from pg_stat_activity where usename = 'limited') loop"
        " perform pg_sleep(0.01); perform pg_stat_clear_snapshot(); end loop; end $$"));
}

/* A second connection was refused beside it, which does not mean that the database is away. */
static void last_connection_lost_beside_a_failure_is_replaced_at_once(void **state)
{
    (void)state;
    char conninfo[128];
    snprintf(conninfo, sizeof conninfo, "postgresql://limited@127.0.0.1:%u/postgres", port);
    wait_for_the_limited_to_leave();
    struct rig r = open_rig(conninfo, 4);
    struct pg_conn *c = rig_lease(&r);
    struct grant g = {0};
    pg_lease_start(r.pool, RIG_WAIT_MS, on_grant, &g);
    rig_run(&r, 500);
    assert_false(pg_pool_is_healthy(r.pool));
    assert_true(testdb_run(uri, "select pg_terminate_backend(pid) from pg_stat_activity"
                                " where usename = 'limited'"));
    assert_true(rig_wait(&r, &g.is_done));
    assert_non_null(g.conn);
    pg_release(c);
    pg_release(g.conn);
    rig_close(&r);
}

/* ---- TLS ---- */

static void rows_of_all_sizes_stream_through_tls(void **state)
{
    (void)state;
    char conninfo[sizeof uri + 32];
    snprintf(conninfo, sizeof conninfo, "%s?sslmode=require", uri);
    struct rig r = open_rig(conninfo, 1);
    struct pg_conn *c = rig_lease(&r);
    assert_int_equal(
        rig_value(&r, c, "select ssl::int from pg_stat_ssl where pid = pg_backend_pid()"), 1);
    struct answer a = {.pause_at = 1000}, b = {.cancel_at = 50};
    answer_start(&a, c, "select repeat('x', g), g from generate_series(1, 20000) g", NULL, 0);
    rig_run(&r, 50);
    while (!a.is_done) {
        if (a.seen == a.pause_at) {
            a.pause_at += 3000;
            pg_query_resume(c);
        }
        rig_run(&r, 1);
    }
    assert_int_equal(a.result.code, RC_OK);
    assert_true(a.octets == 20000ull * 20001 / 2);
    struct answer large = rig_query(&r, c, "select repeat('x', 3000000), generate_series(1, 5)");
    assert_true(large.octets == 15000000);
    answer_start(&b, c, "select repeat('x', 320), generate_series(1, 100000000)", NULL, 0);
    assert_true(rig_wait(&r, &b.is_done));
    assert_int_equal(b.result.code, RC_CANCELED);
    assert_int_equal(rig_value(&r, c, "select 1"), 1);
    pg_release(c);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_string_refuses_leases_with_the_reason),
        cmocka_unit_test(refused_connection_fails_leases_at_once),
        cmocka_unit_test(wrong_password_is_reported_without_it),
        cmocka_unit_test(unknown_host_and_unknown_database_are_reported),
        cmocka_unit_test(names_and_sockets_lead_to_the_server),
        cmocka_unit_test(silent_server_is_given_up),
        cmocka_unit_test(silent_first_host_does_not_hide_the_second),
        cmocka_unit_test(killed_backend_is_io_for_a_running_statement),
        cmocka_unit_test(killed_while_streaming_paused_and_cancelled),
        cmocka_unit_test(vanished_peers_are_looked_for),
        cmocka_unit_test(killed_idle_connection_is_noticed_and_replaced),
        cmocka_unit_test(server_that_stops_and_comes_back_is_noticed),
        cmocka_unit_test(too_many_clients_leave_the_others_working),
        cmocka_unit_test(last_connection_lost_beside_a_failure_is_replaced_at_once),
        cmocka_unit_test(rows_of_all_sizes_stream_through_tls),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
