/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/connect: which of several hosts becomes the session (target_session_attrs), with a primary and a streaming standby
 * of its own, an address that refuses and one that is silent; and what a pool does when its server may not write any
 * more, or commits without its standby.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "core/metrics.h"
#include "pg_internal.h"
#include "rig.h"

enum {
    CONNECT_MS = 10 * RIG_WAIT_MS,
    STAGGER_MS = 1000
}; /* the first: no test waits for its end */

static char dir[] = "/tmp/dppr-hosts.XXXXXX";
static char primary_uri[256], standby_uri[256];
static unsigned primary, standby, dead, silent; /* ports */
static int dead_fd, silent_fd;

/* Shell command with the clusters' folders as $p and $s; its exit status. */
static int shell(const char *command)
{
    char line[1024];
    snprintf(line, sizeof line, "p=%s/p s=%s/s d=%s; pgcluster=%s/tests/support/pgcluster; %s", dir,
             dir, dir, SOURCE_DIR, command);
    return system(line);
}

static unsigned read_uri(const char *cluster, char uri[256])
{
    char line[512];
    unsigned port = 0;
    snprintf(line, sizeof line, "%s/tests/support/pgcluster uri %s/%s", SOURCE_DIR, dir, cluster);
    FILE *out = popen(line, "r");
    assert_non_null(out);
    assert_non_null(fgets(uri, 256, out));
    pclose(out);
    uri[strcspn(uri, "\n")] = '\0';
    assert_int_equal(sscanf(uri, "postgresql://postgres@127.0.0.1:%u/", &port), 1);
    return port;
}

/* Bound, so that nobody else gets the port; listening: accepts in the kernel's queue and says nothing. */
static int open_port(bool is_listening, unsigned *port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
    assert_true(!is_listening || listen(fd, 256) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    *port = ntohs(addr.sin_port);
    return fd;
}

static int set_up(void **state)
{
    (void)state;
    dead_fd = open_port(false, &dead);
    silent_fd = open_port(true, &silent);
    char watchdog[256];
    snprintf(
        watchdog, sizeof watchdog,
        "(while kill -0 %d; do sleep 1; done; $pgcluster stop $s; $pgcluster stop $p; rm -rf $d) "
        "</dev/null >/dev/null 2>&1 &",
        (int)getpid());
    if (!mkdtemp(dir) || shell(watchdog) != 0 ||
        shell("chmod 755 $d && $pgcluster start $p wal_level=replica max_wal_senders=8 "
              "synchronous_commit=on >/dev/null && $pgcluster standby $s $p >/dev/null") != 0) {
        return -1;
    }
    primary = read_uri("p", primary_uri);
    standby = read_uri("s", standby_uri);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(dead_fd);
    close(silent_fd);
    assert_int_equal(metric_get(METRIC_database_connections), 0);
    assert_int_equal(metric_get(METRIC_database_away), 0);
    return shell("$pgcluster stop $s; $pgcluster stop $p; rm -rf $d");
}

/* order: one letter per host: (p)rimary, (s)tandby, (d)ead, s(i)lent. */
static void write_conninfo(char *out, size_t size, const char *order, const char *kind)
{
    size_t n = (size_t)snprintf(out, size, "postgresql://postgres@");
    for (const char *h = order; *h; h++) {
        unsigned port = *h == 'p' ? primary : *h == 's' ? standby : *h == 'd' ? dead : silent;
        n += (size_t)snprintf(out + n, size - n, "%s127.0.0.1:%u", h > order ? "," : "", port);
    }
    snprintf(out + n, size - n, "/postgres%s%s", kind ? "?target_session_attrs=" : "",
             kind ? kind : "");
}

/* ---- every value ---- */

static const struct choice {
    const char *kind; /* NULL = not given */
    const char *order;
    char wanted; /* which it becomes; 0 = none */
    const char *why;
} choices[] = {
    /* libpq's target_session_attrs, with both orders of the hosts */
    {NULL, "ps", 'p', NULL},
    {NULL, "sp", 's', NULL},
    {"any", "ps", 'p', NULL},
    {"any", "sp", 's', NULL},
    {"read-write", "ps", 'p', NULL},
    {"read-write", "sp", 'p', NULL},
    {"read-only", "ps", 's', NULL},
    {"read-only", "sp", 's', NULL},
    {"primary", "ps", 'p', NULL},
    {"primary", "sp", 'p', NULL},
    {"standby", "ps", 's', NULL},
    {"standby", "sp", 's', NULL},
    {"prefer-standby", "ps", 's', NULL},
    {"prefer-standby", "sp", 's', NULL},
    {"prefer-standby", "p", 'p', NULL},
    /* one that refuses is passed by */
    {"any", "dsp", 's', NULL},
    {"read-write", "dsp", 'p', NULL},
    {"read-write", "sdp", 'p', NULL},
    {"standby", "pds", 's', NULL},
    {"prefer-standby", "dp", 'p', NULL},
    {"prefer-standby", "pd", 'p', NULL},
    /* so is one that is silent, wherever it stands */
    {"any", "ips", 'p', NULL},
    {"read-write", "isp", 'p', NULL},
    {"read-write", "sip", 'p', NULL},
    {"read-write", "psi", 'p', NULL},
    {"read-only", "pis", 's', NULL},
    {"primary", "sip", 'p', NULL},
    {"standby", "pis", 's', NULL},
    {"prefer-standby", "ips", 's', NULL},
    {"prefer-standby", "ip", 'p', NULL},
    {"prefer-standby", "pi", 'p', NULL},
    {"prefer-standby", "dpi", 'p', NULL},
    /* nobody is what is wanted */
    {"read-write", "s", 0, "read-only"},
    {"read-write", "sd", 0, "read-only"},
    {"primary", "ds", 0, "hot standby mode"},
    {"standby", "p", 0, "not in hot standby mode"},
    {"read-only", "p", 0, "not read-only"},
    {"prefer-standby", "dd", 0, "refused"},
    {"sometimes", "ps", 0, "invalid target_session_attrs value"},
};
enum { CHOICES = sizeof choices / sizeof *choices };

struct chosen {
    struct pg_pool *pool;
    struct answer answer;
};

static void every_value_finds_its_host(void **state)
{
    static struct chosen all[CHOICES];
    struct rig r;
    struct pg_options o = rig_options(primary_uri);
    (void)state;
    rig_open(&r, &o);
    /* All at once: the silent ones take a moment each. */
    for (unsigned i = 0; i < CHOICES; i++) {
        char conninfo[512];
        write_conninfo(conninfo, sizeof conninfo, choices[i].order, choices[i].kind);
        o = rig_options(conninfo);
        o.size = 1;
        o.connect_ms = CONNECT_MS;
        all[i].pool = pg_pool_new(r.loop, r.mailbox, r.jobs, &o);
        struct pg_query q = {.sql = "select pg_is_in_recovery()::int",
                             .on_row = on_answer_row,
                             .on_done = on_answer_done,
                             .arg = &all[i].answer};
        pg_once_start(all[i].pool, CONNECT_MS, &q);
    }
    for (unsigned i = 0; i < CHOICES; i++) {
        const struct choice *c = &choices[i];
        const struct answer *a = &all[i].answer;
        bool is_done = rig_wait(&r, &all[i].answer.is_done);
        char got = a->result.code != RC_OK ? 0 : a->value ? 's' : 'p';
        if (!is_done || got != c->wanted || (c->why && !strstr(a->result.text, c->why))) {
            fail_msg("%s %s: %c instead of %c: %s", c->kind ? c->kind : "-", c->order,
                     got ? got : '-', c->wanted ? c->wanted : '-', a->result.text);
        }
        pg_pool_free(all[i].pool);
    }
    rig_close(&r);
}

/* A pool that has met silence asks elsewhere first, and several connections made at once do not make it forget. */
static void silence_costs_a_pool_one_moment(void **state)
{
    char conninfo[512];
    (void)state;
    write_conninfo(conninfo, sizeof conninfo, "isp", "read-write");
    struct rig r;
    struct pg_options o = rig_options(conninfo);
    o.connect_ms = CONNECT_MS;
    o.size = 4;
    rig_open(&r, &o);
    struct pg_conn *c[4];
    struct grant g[3] = {{0}};
    for (unsigned i = 0; i < 3; i++) {
        pg_lease_start(r.pool, CONNECT_MS, on_grant, &g[i]);
    }
    for (unsigned i = 0; i < 3; i++) {
        assert_true(rig_wait(&r, &g[i].is_done));
        c[i] = g[i].conn;
        assert_non_null(c[i]);
    }
    int64_t began = clock_now_ms();
    c[3] = rig_lease(&r);
    assert_true(clock_now_ms() - began < STAGGER_MS);
    for (unsigned i = 0; i < 4; i++) {
        pg_release(c[i]);
    }
    rig_close(&r);
}

/* ---- a commit without the standby ---- */

static void *cancel_waits(void *arg)
{
    const bool *is_over = arg;
    while (!*(const volatile bool *)is_over) {
        (void)testdb_run(primary_uri, "select pg_cancel_backend(pid) from pg_stat_activity"
                                      " where wait_event = 'SyncRep'");
        usleep(50000);
    }
    return NULL;
}

static void set_synchronous(const char *names)
{
    char sql[128];
    snprintf(sql, sizeof sql, "alter system set synchronous_standby_names = '%s'", names);
    assert_true(testdb_run(primary_uri, sql));
    assert_true(testdb_run(primary_uri, "select pg_reload_conf()"));
    usleep(300000); /* until the backends have read it; nothing tells */
}

static void commit_that_no_standby_confirmed_is_no_success(void **state)
{
    (void)state;
    struct rig r;
    struct pg_options o = rig_options(primary_uri);
    o.statement_ms = 500;
    rig_open(&r, &o);
    assert_true(testdb_run(primary_uri, "create table kept (n int)"));
    struct pg_conn *c = rig_lease(&r);
    assert_int_equal(rig_value(&r, c, "select 1"),
                     1); /* no statement is old when the setting changes */
    set_synchronous("nobody");
    struct answer a = rig_query(&r, c, "insert into kept values (1)");
    assert_int_equal(a.result.code, RC_DB);
    assert_string_equal(a.result.sqlstate, PG_UNREPLICATED);
    assert_int_equal(rig_value(&r, c, "select count(*) from kept"), 1); /* and yet it is there */
    /* of what is only found, and where the role hides warnings */
    rig_execute(&r, c, "set client_min_messages = error");
    a = rig_query(&r, c, "select n, " PG_CONFIRMED " from kept");
    assert_string_equal(a.result.sqlstate, PG_UNREPLICATED);
    a = rig_query(&r, c, "insert into kept values (9) returning n, " PG_CONFIRMED);
    assert_string_equal(a.result.sqlstate, PG_UNREPLICATED);
    assert_int_equal(rig_value(&r, c, "select count(*) from kept"), 2);
    a = rig_query(&r, c, "show client_min_messages"); /* as it was: it ends with the transaction */
    assert_string_equal(a.text, "error");
    pg_release(c);

    struct pg_sync *s = NULL;
    struct err err = {0};
    bool is_over = false;
    pthread_t canceller;
    assert_int_equal(pg_sync_connect(primary_uri, "test", &s, &err), RC_OK);
    assert_int_equal(pthread_create(&canceller, NULL, cancel_waits, &is_over), 0);
    assert_int_equal(pg_sync_query(s, "insert into kept values (2)", NULL, 0, NULL, &err), RC_DB);
    assert_non_null(strstr(err.text, "did not confirm"));
    assert_int_equal(pg_sync_script(s, "insert into kept values (3)", &err), RC_DB);
    assert_int_equal(pg_sync_script(s, "select 1", &err), RC_OK);
    is_over = true;
    pthread_join(canceller, NULL);
    pg_sync_free(s);

    set_synchronous("");
    c = rig_lease(&r);
    assert_int_equal(rig_value(&r, c, "select count(*) from kept"), 4);
    rig_execute(&r, c, "insert into kept values (4)");
    rig_execute(&r, c, "select " PG_CONFIRMED); /* nobody is waited for */
    pg_release(c);
    rig_close(&r);
}

/* ---- promotion ---- */

/* One host is silent, the other a standby that becomes the primary while the silent one is still being waited for. */
static void promoted_standby_is_found_beside_a_silent_host(void **state)
{
    char conninfo[512];
    (void)state;
    write_conninfo(conninfo, sizeof conninfo, "is", "read-write");
    struct rig r;
    struct pg_options o = rig_options(conninfo);
    o.connect_ms = CONNECT_MS;
    rig_open(&r, &o);
    struct answer a = {0};
    struct pg_query q = {.sql = "select pg_is_in_recovery()::int",
                         .on_row = on_answer_row,
                         .on_done = on_answer_done,
                         .arg = &a,
                         .is_patient = true};
    pg_once_start(r.pool, CONNECT_MS, &q);
    rig_run(&r, 2 * STAGGER_MS);
    assert_false(a.is_done);
    assert_int_equal(shell("$pgcluster promote $s"), 0);
    assert_true(rig_wait(&r, &a.is_done));
    assert_int_equal(a.result.code, RC_OK);
    assert_int_equal(a.value, 0);
    rig_close(&r);
}

/* Both are primaries by now; the first is switched to read-only under open connections. */
static void read_only_server_is_left(void **state)
{
    char conninfo[512];
    (void)state;
    assert_true(testdb_run(standby_uri, "create table if not exists kept (n int)"));
    write_conninfo(conninfo, sizeof conninfo, "ps", "read-write");
    struct rig r;
    struct pg_options o = rig_options(conninfo);
    o.size = 2;
    rig_open(&r, &o);
    struct pg_conn *c = rig_lease(&r), *idle = rig_lease(&r);
    static const char port_sql[] = "select current_setting('port')::int";
    assert_int_equal(rig_value(&r, c, port_sql), primary);
    assert_int_equal(rig_value(&r, idle, port_sql), primary);
    pg_release(idle);
    assert_true(testdb_run(primary_uri, "alter system set default_transaction_read_only = on"));
    assert_true(testdb_run(primary_uri, "select pg_reload_conf()"));
    struct answer a;
    do { /* until its backend has read it */
        a = rig_query(&r, c, "insert into kept values (5)");
    } while (a.result.code == RC_OK);
    assert_int_equal(a.result.code, RC_AGAIN);
    pg_release(c);
    for (int i = 0; i < 3; i++) { /* neither it nor the idle one comes back */
        c = rig_lease(&r);
        idle = rig_lease(&r);
        assert_int_equal(rig_value(&r, c, port_sql), standby);
        assert_int_equal(rig_value(&r, idle, port_sql), standby);
        rig_execute(&r, c, "insert into kept values (6)");
        pg_release(c);
        pg_release(idle);
    }
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_finds_its_host),
        cmocka_unit_test(silence_costs_a_pool_one_moment),
        cmocka_unit_test(commit_that_no_standby_confirmed_is_no_success),
        cmocka_unit_test(promoted_standby_is_found_beside_a_silent_host),
        cmocka_unit_test(read_only_server_is_left),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
