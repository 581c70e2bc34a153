/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/pool with a database that works: leases, statements, values, back-pressure, cancel, prepared
 * statements. What happens when it does not work is in test_outage.c.
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/metrics.h"
#include "rig.h"

static struct testdb db;

static int set_up(void **state)
{
    (void)state;
    return testdb_create(&db, "pool") ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    testdb_drop(&db);
    assert_int_equal(metric_get(METRIC_database_connections), 0);
    assert_int_equal(metric_get(METRIC_database_connections_in_use), 0);
    assert_int_equal(metric_get(METRIC_database_connections_max), 0);
    assert_int_equal(metric_get(METRIC_database_waiting), 0);
    assert_int_equal(metric_get(METRIC_database_waiting_max), 0);
    return 0;
}

static struct rig open_rig(unsigned size)
{
    struct rig r;
    struct pg_options o = rig_options(db.uri);
    o.size = size;
    rig_open(&r, &o);
    return r;
}

/* ---- leases ---- */

static void lease_is_granted_from_the_loop(void **state)
{
    (void)state;
    struct rig r = open_rig(1);
    assert_true(pg_pool_is_healthy(r.pool));
    struct pg_conn *c = rig_lease(&r); /* checks that the callback is not called inside */
    assert_int_equal(metric_get(METRIC_database_connections), 1);
    pg_release(c);
    struct pg_conn *again = rig_lease(&r);
    assert_ptr_equal(again, c);
    pg_release(again);
    rig_close(&r);
}

static void leases_wait_in_order_for_a_bounded_number_of_connections(void **state)
{
    (void)state;
    struct rig r = open_rig(2);
    struct grant g[5] = {0};
    int64_t waits = metric_get(METRIC_database_wait_seconds);
    for (int i = 0; i < 5; i++) {
        pg_lease_start(r.pool, RIG_WAIT_MS, on_grant, &g[i]);
    }
    assert_int_equal(metric_get(METRIC_database_waiting), 5);
    assert_int_equal(metric_get(METRIC_database_waiting_max), 256);
    assert_int_equal(metric_get(METRIC_database_connections_max), 2);
    assert_true(rig_wait(&r, &g[1].is_done));
    rig_run(&r, 50);
    assert_true(g[0].is_done && g[1].is_done);
    assert_false(g[2].is_done || g[3].is_done || g[4].is_done);
    assert_int_equal(metric_get(METRIC_database_waiting), 3);
    assert_int_equal(metric_get(METRIC_database_connections), 2);
    assert_int_equal(metric_get(METRIC_database_connections_in_use), 2);
    assert_int_equal(metric_get(METRIC_database_wait_seconds), waits + 2);
    pg_release(g[0].conn);
    assert_false(g[2].is_done);
    assert_true(rig_wait(&r, &g[2].is_done));
    pg_release(g[1].conn);
    pg_release(g[2].conn);
    assert_true(rig_wait(&r, &g[4].is_done));
    assert_true(g[0].order < g[2].order && g[2].order < g[3].order && g[3].order < g[4].order);
    pg_release(g[3].conn);
    pg_release(g[4].conn);
    rig_close(&r);
}

static void lease_ends_at_its_deadline(void **state)
{
    (void)state;
    struct rig r = open_rig(1);
    struct pg_conn *c = rig_lease(&r);
    struct grant slow = {0};
    pg_lease_start(r.pool, RIG_WAIT_MS, on_grant, &slow);
    struct grant g = rig_try_lease(&r, 30);
    assert_null(g.conn);
    assert_int_equal(g.why.code, RC_TIMEOUT);
    assert_false(slow.is_done);
    pg_release(c);
    assert_true(rig_wait(&r, &slow.is_done));
    pg_release(slow.conn);
    rig_close(&r);
}

static void full_queue_refuses_at_once(void **state)
{
    (void)state;
    struct rig r;
    struct pg_options o = rig_options(db.uri);
    o.size = 1;
    o.max_waiting = 2;
    rig_open(&r, &o);
    struct pg_conn *c = rig_lease(&r);
    struct grant waiting[2] = {0};
    struct pg_lease *leases[2];
    for (int i = 0; i < 2; i++) {
        leases[i] = pg_lease_start(r.pool, RIG_WAIT_MS, on_grant, &waiting[i]);
    }
    struct grant g = rig_try_lease(&r, RIG_WAIT_MS);
    assert_null(g.conn);
    assert_int_equal(g.why.code, RC_LIMIT);
    for (int i = 0; i < 2; i++) {
        assert_false(waiting[i].is_done);
        pg_lease_cancel(leases[i]);
    }
    pg_release(c);
    rig_run(&r, 20);
    assert_false(waiting[0].is_done || waiting[1].is_done);
    assert_int_equal(metric_get(METRIC_database_waiting), 0);
    rig_close(&r);
}

struct chain {
    struct rig *r;
    struct pg_lease *victim;
    struct grant victims_grant;
    bool is_done;
};

static void on_chain(struct pg_conn *conn, const struct err *why, void *arg)
{
    struct chain *ch = arg;
    (void)why;
    assert_null(conn);
    pg_lease_cancel(ch->victim); /* another lease, from inside a refusal */
    ch->is_done = true;
}

static void lease_may_be_cancelled_from_the_callback_of_another(void **state)
{
    (void)state;
    struct rig r = open_rig(1);
    struct pg_conn *c = rig_lease(&r);
    struct chain ch = {.r = &r};
    pg_lease_start(r.pool, 10, on_chain, &ch);
    ch.victim = pg_lease_start(r.pool, 10, on_grant, &ch.victims_grant);
    assert_true(rig_wait(&r, &ch.is_done));
    rig_run(&r, 30);
    assert_false(ch.victims_grant.is_done);
    pg_release(c);
    rig_close(&r);
}

/* ---- values ---- */

struct values {
    bool is_done;
    bool was_called;
};

static void check_values(const struct pg_row *row, void *arg)
{
    struct values *v = arg;
    int32_t numbers[3] = {7, 7, 7};
    v->was_called = true;
    assert_int_equal(pg_int(row, 0), -2);
    assert_int_equal(pg_int(row, 1), INT32_MIN);
    assert_true(pg_int(row, 2) == INT64_MIN);
    assert_true(pg_bool(row, 3));
    assert_false(pg_bool(row, 4));
    assert_true(span_equal_str(pg_octets(row, 5), "grün"));
    assert_int_equal(pg_octets(row, 6).len, 3);
    assert_memory_equal(pg_octets(row, 6).data, "\x00\x01\xff", 3);
    assert_true(pg_is_null(row, 7));
    assert_int_equal(pg_octets(row, 7).len, 0);
    assert_int_equal(pg_int(row, 7), 0);
    assert_false(pg_bool(row, 7));
    assert_true(span_equal_str(pg_octets(row, 8), "{\"a\": 1}"));
    assert_int_equal(pg_int_array(row, 9, numbers, 3), 5); /* more than fit */
    assert_int_equal(numbers[0], 1);
    assert_int_equal(numbers[1], -2);
    assert_int_equal(numbers[2], 0); /* a null */
    assert_int_equal(pg_int_array(row, 10, numbers, 3), 2);
    assert_int_equal(numbers[0], 9);
    assert_int_equal(numbers[1], INT32_MAX);                /* does not fit: the nearest */
    assert_int_equal(pg_int_array(row, 11, numbers, 3), 0); /* empty */
    assert_int_equal(pg_int_array(row, 12, numbers, 3), 0); /* two dimensions */
    assert_int_equal(pg_int_array(row, 13, numbers, 3), 0); /* text[] */
    assert_int_equal(pg_int_array(row, 5, numbers, 3), 0);  /* no array */
    assert_int_equal(pg_int(row, 5), 0);
    assert_false(pg_is_null(row, 5));
    assert_true(pg_is_null(row, 14)); /* no such column */
    assert_int_equal(pg_octets(row, 14).len, 0);
}

static void on_values_done(const struct err *result, int64_t rows, void *arg)
{
    struct values *v = arg;
    assert_string_equal(result->code == RC_OK ? "" : result->text, "");
    assert_int_equal(rows, 1);
    v->is_done = true;
}

static void values_of_a_row_are_read_by_type(void **state)
{
    (void)state;
    struct rig r = open_rig(1);
    struct pg_conn *c = rig_lease(&r);
    struct values v = {0};
    struct pg_param params[] = {pg_text("grün"), pg_bytea(span_of("\x00\x01\xff", 3)),
                                pg_text(NULL)};
    struct pg_query q = {
        .sql =
            "select (-2)::int2, (-2147483648)::int4, (-9223372036854775808)::int8, true, false,\n"
            "    $1::text, $2, $3::text, '{\"a\": 1}'::jsonb, array[1, -2, null, 4, 5],\n"
            "    array[9, 9223372036854775807], '{}'::int4[], array[[1, 2], [3, 4]], array['x']",
        .params = params,
        .param_count = 3,
        .on_row = check_values,
        .on_done = on_values_done,
        .arg = &v,
    };
    for (int i = 0; i < 2; i++) { /* the second time prepared */
        v = (struct values){0};
        pg_query_start(c, &q);
        assert_true(rig_wait(&r, &v.is_done));
        assert_true(v.was_called);
    }
    pg_release(c);
    rig_close(&r);
}

static void binary_parameters_arrive_unchanged(void **state)
{
    (void)state;
    struct rig r = open_rig(1);
    struct pg_conn *c = rig_lease(&r);
    uint8_t number[8] = {0, 0, 0, 0, 0, 0, 1, 2};
    static const uint8_t array[] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 2, 0, 0,
                                    0, 1, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0,  0, 4, 0, 0, 0, 6};
    struct pg_param params[] = {
        {.data = number, .len = 8, .is_binary = true, .type = PG_OID_INT8},
        {.data = array, .len = sizeof array, .is_binary = true, .type = 1007},
    };
    struct answer a = {0};
    answer_start(&a, c, "select $1 + ($2::int4[])[2]", params, 2);
    assert_true(rig_wait(&r, &a.is_done));
    assert_int_equal(a.value, 258 + 6);
    pg_release(c);
    rig_close(&r);
}

static void large_values_go_both_ways(void **state)
{
    (void)state;
    enum { SIZE = 20 * 1024 * 1024 };
    struct rig r = open_rig(1);
    struct pg_conn *c = rig_lease(&r);
    uint8_t *octets = malloc(SIZE);
    memset(octets, 'x', SIZE);
    struct pg_param param = pg_bytea(span_of(octets, SIZE));
    for (int i = 0; i < 3; i++) { /* first use, then prepared, then in a transaction */
        if (i == 2) {
            rig_execute(&r, c, "begin");
        }
        struct answer a = {0};
        answer_start(&a, c, "select $1 from generate_series(1, 2)", &param, 1);
        assert_true(rig_wait(&r, &a.is_done));
        assert_int_equal(a.result.code, RC_OK);
        assert_int_equal(a.rows, 2);
        assert_true(a.octets == 2ull * SIZE);
    }
    free(octets);
    pg_release(c);
    rig_close(&r);
}

static void a_connection_that_sent_much_is_not_kept(void **state)
{
    (void)state;
    enum { SMALL = 1024 * 1024, LARGE = SMALL + 1 };
    struct rig r = open_rig(1);
    uint8_t *octets = malloc(LARGE);
    memset(octets, 'x', LARGE);
    struct pg_conn *c = rig_lease(&r);
    int64_t backend = rig_value(&r, c, "select pg_backend_pid()");
    for (unsigned size = SMALL; size <= LARGE; size++) {
        struct pg_param param = pg_bytea(span_of(octets, size));
        struct answer a = {0};
        answer_start(&a, c, "select length($1)", &param, 1);
        assert_true(rig_wait(&r, &a.is_done));
        assert_int_equal(a.value, size);
        assert_int_equal(rig_value(&r, c, "select pg_backend_pid()"),
                         backend); /* until given back */
        struct grant g = {0};
        pg_lease_start(r.pool, RIG_WAIT_MS, on_grant, &g); /* waits already */
        pg_release(c);
        assert_true(rig_wait(&r, &g.is_done));
        assert_non_null(g.conn);
        c = g.conn;
        bool is_same = rig_value(&r, c, "select pg_backend_pid()") == backend;
        assert_int_equal(is_same, size == SMALL);
    }
    assert_int_equal(metric_get(METRIC_database_connections), 1);
    free(octets);
    pg_release(c);
    rig_close(&r);
}

static void bad_parameters_fail_through_on_done(void **state)
{
    (void)state;
    struct rig r = open_rig(1);
    struct pg_conn *c = rig_lease(&r);
    struct pg_param nul = pg_text_span(span_of("a\0b", 3));
    struct pg_param negative = {.data = "", .len = -1};
    struct answer a = {0}, b = {0};
    answer_start(&a, c, "select $1::text", &nul, 1);
    assert_true(rig_wait(&r, &a.is_done));
    assert_int_equal(a.result.code, RC_INVALID);
    answer_start(&b, c, "select $1::text", &negative, 1);
    assert_true(rig_wait(&r, &b.is_done));
    assert_int_equal(b.result.code, RC_LIMIT);
    assert_int_equal(rig_value(&r, c, "select 1"), 1);
    pg_release(c);
    rig_close(&r);
}

/* ---- statements ---- */

static void errors_carry_sqlstate_and_leave_the_connection_usable(void **state)
{
    (void)state;
    struct rig r = open_rig(1);
    struct pg_conn *c = rig_lease(&r);
    for (int i = 0; i < 2; i++) {
        struct answer a = rig_query(&r, c, "select 1 / (2 - g) from generate_series(1, 3) g");
        assert_int_equal(a.result.code, RC_DB);
        assert_string_equal(a.result.sqlstate, "22012");
        a = rig_query(&r, c, "select nonsense");
        assert_string_equal(a.result.sqlstate, "42703");
        a = rig_query(&r, c, "");
        assert_int_equal(a.result.code, RC_OK);
        assert_int_equal(a.rows, 0);
    }
    assert_true(pg_pool_is_healthy(r.pool));
    pg_release(c);
    rig_close(&r);
}

static void on_done_counts_rows_and_affected_rows(void **state)
{
    (void)state;
    struct rig r = open_rig(1);
    struct pg_conn *c = rig_lease(&r);
    rig_execute(&r, c, "create temp table t (a int)");
    assert_int_equal(rig_query(&r, c, "insert into t select generate_series(1, 7)").rows, 7);
    assert_int_equal(rig_query(&r, c, "select a from t").rows, 7);
    assert_int_equal(rig_query(&r, c, "update t set a = a + 1 where a > 4 returning a").rows, 3);
    assert_int_equal(rig_query(&r, c, "delete from t").rows, 7);
    assert_int_equal(rig_query(&r, c, "select a from t").rows, 0);
    pg_release(c);
    rig_close(&r);
}

static void session_has_the_settings_of_the_table(void **state)
{
    (void)state;
    struct rig r = open_rig(1);
    struct pg_conn *c = rig_lease(&r);
    assert_string_equal(rig_query(&r, c, "show jit").text, "off");
    assert_string_equal(rig_query(&r, c, "show enable_hashjoin").text, "off");
    assert_string_equal(rig_query(&r, c, "show client_encoding").text, "UTF8");
    assert_string_equal(rig_query(&r, c, "show timezone").text, "UTC");
    assert_string_equal(rig_query(&r, c, "show application_name").text, "dppr");
    pg_release(c);
    rig_close(&r);
    struct pg_options o = rig_options(db.uri);
    o.session_options = "";
    rig_open(&r, &o);
    c = rig_lease(&r);
    assert_string_equal(rig_query(&r, c, "show enable_hashjoin").text, "on");
    pg_release(c);
    rig_close(&r);
}

static void copy_is_refused_and_costs_only_the_connection(void **state)
{
    (void)state;
    struct rig r = open_rig(1);
    struct pg_conn *c = rig_lease(&r);
    struct answer a = rig_query(&r, c, "copy (select 1) to stdout");
    assert_int_equal(a.result.code, RC_UNSUPPORTED);
    pg_release(c);
    c = rig_lease(&r);
    assert_int_equal(rig_value(&r, c, "select 3"), 3);
    pg_release(c);
    rig_close(&r);
}

/* ---- prepared statements ---- */

static void statements_are_prepared_once_and_the_oldest_go(void **state)
{
    (void)state;
    struct rig r;
    struct pg_options o = rig_options(db.uri);
    o.size = 1;
    o.max_prepared = 4;
    rig_open(&r, &o);
    struct pg_conn *c = rig_lease(&r);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 10; i++) {
            char sql[64];
            snprintf(sql, sizeof sql, "select %d", i);
            assert_int_equal(rig_value(&r, c, sql), i);
            assert_int_equal(rig_value(&r, c, sql), i);
        }
    }
    assert_true(rig_value(&r, c, "select count(*) from pg_prepared_statements") <= 4);
    /* The most recent three are there: used without preparing, they are not evicted. */
    assert_int_equal(rig_value(&r, c,
                               "select count(*) from pg_prepared_statements\n"
                               "where statement in ('select 9', 'select 8', 'select 7')"),
                     2);
    pg_release(c);
    rig_close(&r);
}

static void full_cache_does_not_disturb_a_transaction(void **state)
{
    (void)state;
    struct rig r;
    struct pg_options o = rig_options(db.uri);
    o.size = 1;
    o.max_prepared = 2;
    rig_open(&r, &o);
    struct pg_conn *c = rig_lease(&r);
    rig_execute(&r, c, "begin");
    for (int i = 0; i < 6; i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "select %d", i);
        assert_int_equal(rig_value(&r, c, sql), i);
    }
    rig_execute(&r, c, "commit");
    pg_release(c);
    rig_close(&r);
}

static void same_text_with_other_parameter_types_is_another_statement(void **state)
{
    (void)state;
    struct rig r = open_rig(1);
    struct pg_conn *c = rig_lease(&r);
    const unsigned types[] = {PG_OID_INT4, PG_OID_TEXT, PG_OID_INT4};
    const char *const names[] = {"integer", "text", "integer"};
    for (int i = 0; i < 3; i++) {
        struct pg_param param = pg_text("12");
        struct answer a = {0};
        param.type = types[i];
        answer_start(&a, c, "select pg_typeof($1)::text", &param, 1);
        assert_true(rig_wait(&r, &a.is_done));
        assert_string_equal(a.text, names[i]);
    }
    pg_release(c);
    rig_close(&r);
}

static void without_prepare_nothing_is_prepared(void **state)
{
    (void)state;
    struct rig r;
    struct pg_options o = rig_options(db.uri);
    o.prepare = false;
    rig_open(&r, &o);
    struct pg_conn *c = rig_lease(&r);
    for (int i = 0; i < 3; i++) {
        struct pg_param param = pg_text("41");
        struct answer a = {0};
        answer_start(&a, c, "select $1::int + 1", &param, 1);
        assert_true(rig_wait(&r, &a.is_done));
        assert_int_equal(a.value, 42);
    }
    assert_int_equal(rig_value(&r, c, "select count(*) from pg_prepared_statements"), 0);
    pg_release(c);
    rig_close(&r);
}

static void a_statement_planned_with_its_values_is_not_kept(void **state)
{
    (void)state;
    struct rig r = open_rig(1);
    struct pg_conn *c = rig_lease(&r);
    struct pg_param param = pg_text("41");
    struct answer a = {0};
    struct pg_query q = {.sql = "select $1::int + 1",
                         .params = &param,
                         .param_count = 1,
                         .plan_with_values = true,
                         .on_row = on_answer_row,
                         .on_done = on_answer_done,
                         .arg = &a};
    pg_query_start(c, &q);
    assert_true(rig_wait(&r, &a.is_done));
    assert_int_equal(a.value, 42);
    assert_int_equal(
        rig_value(
            &r, c,
            "select count(*) from pg_prepared_statements where statement = 'select $1::int + 1'"),
        0);
    pg_release(c);
    rig_close(&r);
}

static void forgotten_and_outdated_statements_are_prepared_again(void **state)
{
    (void)state;
    struct rig r = open_rig(1);
    struct pg_conn *c = rig_lease(&r);
    struct pg_param param = pg_text("5");
    rig_execute(&r, c, "create table outdated (a int)");
    rig_execute(&r, c, "insert into outdated values (5)");
    for (int i = 0; i < 4; i++) {
        struct answer a = {0};
        answer_start(&a, c, "select * from outdated where a = $1::int", &param, 1);
        assert_true(rig_wait(&r, &a.is_done));
        assert_string_equal(a.result.code == RC_OK ? "" : a.result.text, "");
        assert_int_equal(a.rows, 1);
        assert_int_equal(a.value, 5);
        rig_execute(&r, c, i % 2 ? "deallocate all" : "alter table outdated alter a type bigint");
        if (i == 2) {
            rig_execute(&r, c, "alter table outdated add b int");
        }
    }
    /* In a transaction there is no second try, but the next one outside works. */
    rig_execute(&r, c, "deallocate all");
    rig_execute(&r, c, "begin");
    struct answer a = {0}, b = {0};
    answer_start(&a, c, "select * from outdated where a = $1::int", &param, 1);
    assert_true(rig_wait(&r, &a.is_done));
    assert_string_equal(a.result.sqlstate, "26000");
    rig_execute(&r, c, "rollback");
    answer_start(&b, c, "select * from outdated where a = $1::int", &param, 1);
    assert_true(rig_wait(&r, &b.is_done));
    assert_int_equal(b.result.code, RC_OK);
    rig_execute(&r, c, "drop table outdated");
    pg_release(c);
    rig_close(&r);
}

/* ---- back-pressure ---- */

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t memory_in_use(void)
{
    if (__sanitizer_get_current_allocated_bytes) {
        return __sanitizer_get_current_allocated_bytes();
    }
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

#define MANY_ROWS "select repeat('x', 320), generate_series(1, 200000)"

static void rows_stream_in_bounded_memory_and_wait_while_paused(void **state)
{
    (void)state;
    struct rig r = open_rig(2);
    struct pg_conn *c = rig_lease(&r), *observer = rig_lease(&r);
    rig_value(&r, observer, "select 1");
    size_t before = memory_in_use();
    size_t most = 0;
    struct answer a = {.pause_at = 1};
    answer_start(&a, c, MANY_ROWS, NULL, 0);
    for (int pauses = 0; !a.is_done; pauses++) {
        int64_t seen = a.seen;
        rig_run(&r, pauses < 4 ? 100 : 1);
        size_t now = memory_in_use();
        most = now > most ? now : most;
        if (a.seen == a.pause_at && !a.is_done) {
            if (pauses < 3 && seen == a.seen) {
                rig_run(&r, 50);
                assert_int_equal(a.seen, a.pause_at); /* nothing comes while paused */
            }
            a.pause_at += 20000;
            pg_query_resume(c);
            assert_true(a.seen < a.pause_at); /* nor from inside resume */
        }
    }
    assert_int_equal(a.result.code, RC_OK);
    assert_int_equal(a.rows, 200000);
    assert_int_equal(a.seen, 200000);
    assert_true(a.octets == 200000ull * 320);
    assert_true(most < before + 1024 * 1024);
    pg_release(c);
    pg_release(observer);
    rig_close(&r);
}

static void paused_statement_holds_the_server_back(void **state)
{
    (void)state;
    struct rig r = open_rig(2);
    struct pg_conn *c = rig_lease(&r), *observer = rig_lease(&r);
    int64_t backend = rig_value(&r, c, "select pg_backend_pid()");
    struct answer a = {.pause_at = 1};
    answer_start(&a, c, "select repeat('x', 1000000), generate_series(1, 100)", NULL, 0);
    /* 100 MB do not fit into any socket buffer, so the server must come to wait for us. */
    char sql[160];
    snprintf(
        sql, sizeof sql,
        "select count(*) from pg_stat_activity where pid = %lld and wait_event = 'ClientWrite'",
        (long long)backend);
    int64_t until = clock_now_ms() + RIG_WAIT_MS;
    while (rig_value(&r, observer, sql) == 0) {
        assert_true(clock_now_ms() < until);
        rig_run(&r, 10);
    }
    assert_int_equal(a.seen, 1);
    pg_query_resume(c);
    assert_true(rig_wait(&r, &a.is_done));
    assert_int_equal(a.rows, 100);
    pg_release(c);
    pg_release(observer);
    rig_close(&r);
}

static void pause_before_the_first_row_and_pause_twice(void **state)
{
    (void)state;
    struct rig r = open_rig(1);
    struct pg_conn *c = rig_lease(&r);
    struct answer a = {0};
    answer_start(&a, c, "select generate_series(1, 10)", NULL, 0);
    pg_query_pause(c);
    pg_query_pause(c);
    rig_run(&r, 100);
    assert_int_equal(a.seen, 0);
    assert_false(a.is_done);
    pg_query_resume(c);
    pg_query_resume(c);
    assert_int_equal(a.seen, 0);
    assert_true(rig_wait(&r, &a.is_done));
    assert_int_equal(a.rows, 10);
    pg_release(c);
    rig_close(&r);
}

/* ---- cancel ---- */

static void cancel_ends_a_statement_in_every_phase(void **state)
{
    (void)state;
    struct rig r = open_rig(1);
    struct pg_conn *c = rig_lease(&r);
    for (int round = 0; round < 2; round++) { /* first while it is being prepared */
        struct answer at_once = {0}, asleep = {0}, streaming = {.cancel_at = 1000},
                      paused = {.pause_at = 10};
        answer_start(&at_once, c, "select pg_sleep(300)", NULL, 0);
        pg_query_cancel(c);
        pg_query_cancel(c);
        assert_true(rig_wait(&r, &at_once.is_done));
        assert_int_equal(at_once.result.code, RC_CANCELED);

        answer_start(&asleep, c, "select pg_sleep(301)", NULL, 0);
        rig_run(&r, 30);
        pg_query_cancel(c);
        assert_false(asleep.is_done);
        assert_true(rig_wait(&r, &asleep.is_done));
        assert_int_equal(asleep.result.code, RC_CANCELED);

        answer_start(&streaming, c, "select repeat('x', 320), generate_series(1, 100000000)", NULL,
                     0);
        assert_true(rig_wait(&r, &streaming.is_done));
        assert_int_equal(streaming.result.code, RC_CANCELED);
        assert_int_equal(streaming.seen, 1000); /* later ones are dropped */

        answer_start(&paused, c, "select repeat('x', 320), generate_series(1, 100000001)", NULL, 0);
        rig_run(&r, 30);
        pg_query_cancel(c);
        assert_true(rig_wait(&r, &paused.is_done));
        assert_int_equal(paused.result.code, RC_CANCELED);
        assert_true(paused.seen <= 10);

        assert_int_equal(rig_value(&r, c, "select 5"), 5);
        pg_query_cancel(c); /* nothing runs: nothing happens */
        assert_int_equal(rig_value(&r, c, "select 6"), 6);
    }
    assert_false(pg_query_is_running(c));
    pg_release(c);
    rig_close(&r);
}

static void cancel_never_hits_the_next_statement(void **state)
{
    (void)state;
    struct rig r = open_rig(1);
    struct pg_conn *c = rig_lease(&r);
    int canceled = 0;
    for (int i = 0; i < 200; i++) {
        struct answer a = {0};
        answer_start(&a, c, "select pg_sleep(0.001), g from generate_series(1, 2) g", NULL, 0);
        rig_run(&r, i % 4); /* sometimes too early, sometimes too late */
        if (!a.is_done) {
            pg_query_cancel(c);
            assert_true(rig_wait(&r, &a.is_done));
        }
        assert_true(a.result.code == RC_OK || a.result.code == RC_CANCELED);
        assert_true(a.result.code != RC_OK || a.rows == 2);
        canceled += a.result.code == RC_CANCELED;
        struct answer next = rig_query(&r, c, "select 9");
        assert_string_equal(next.result.code == RC_OK ? "" : next.result.text, "");
    }
    assert_true(canceled > 0);
    pg_release(c);
    rig_close(&r);
}

static void statement_without_progress_is_a_timeout(void **state)
{
    (void)state;
    struct rig r;
    struct pg_options o = rig_options(db.uri);
    o.size = 1;
    o.statement_ms = 2000;
    rig_open(&r, &o);
    struct pg_conn *c = rig_lease(&r);
    struct answer a = rig_query(&r, c, "select pg_sleep(300)");
    assert_int_equal(a.result.code, RC_TIMEOUT);
    /* Longer than that in all, but with progress. */
    a = rig_query(&r, c, "select repeat('x', 20000), pg_sleep(0.25), generate_series(1, 12)");
    assert_int_equal(a.result.code, RC_OK);
    /* The owner's own pause does not count. */
    struct answer b = {.pause_at = 5};
    answer_start(&b, c, "select generate_series(1, 10)", NULL, 0);
    rig_run(&r, 3000);
    assert_int_equal(b.seen, 5);
    pg_query_resume(c);
    assert_true(rig_wait(&r, &b.is_done));
    assert_int_equal(b.result.code, RC_OK);
    pg_release(c);
    rig_close(&r);
}

/* ---- release ---- */

static bool has_three(void *arg)
{
    return ((struct answer *)arg)->seen == 3;
}

static void release_ends_what_runs_and_calls_nobody(void **state)
{
    (void)state;
    struct rig r = open_rig(1);
    for (int i = 0; i < 40; i++) {
        struct pg_conn *c = rig_lease(&r);
        struct answer a = {0};
        if (i % 4 == 0) {
            a.release_at = 3; /* from inside a row */
        }
        answer_start(&a, c,
                     i % 2 ? "select pg_sleep(300)"
                           : "select repeat('x', 320), generate_series(1, 100000000)",
                     NULL, 0);
        if (i % 4) {
            rig_run(&r, i % 3);
            pg_release(c);
        } else {
            assert_true(loop_run_until(r.loop, has_three, &a, RIG_WAIT_MS));
        }
        int64_t seen = a.seen;
        c = rig_lease(&r);
        assert_int_equal(rig_value(&r, c, "select 1"), 1);
        assert_false(a.is_done);
        assert_int_equal(a.seen, seen);
        pg_release(c);
    }
    rig_close(&r);
}

static void release_rolls_back_an_open_transaction(void **state)
{
    (void)state;
    struct rig r = open_rig(1);
    struct pg_conn *c = rig_lease(&r);
    rig_execute(&r, c, "create table kept (a int)");
    rig_execute(&r, c, "begin");
    rig_execute(&r, c, "insert into kept values (1)");
    pg_release(c);
    c = rig_lease(&r);
    assert_int_equal(rig_value(&r, c, "select count(*) from kept"), 0);
    rig_execute(&r, c, "begin");
    assert_int_equal(rig_query(&r, c, "select 1/0").result.code, RC_DB);
    pg_release(c); /* in a failed transaction */
    c = rig_lease(&r);
    rig_execute(&r, c, "begin");
    rig_execute(&r, c, "insert into kept values (1)");
    struct answer a = {0};
    answer_start(&a, c, "select pg_sleep(300)", NULL, 0);
    pg_release(c); /* in a transaction, running */
    c = rig_lease(&r);
    assert_int_equal(rig_value(&r, c, "select count(*) from kept"), 0);
    rig_execute(&r, c, "drop table kept");
    pg_release(c);
    rig_close(&r);
}

static void pool_can_be_freed_while_connections_are_being_cleaned(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct rig r = open_rig(4);
        struct answer a = {0};
        struct grant g = {0};
        struct pg_conn *c = rig_lease(&r);
        answer_start(&a, c, "select pg_sleep(300)", NULL, 0);
        rig_run(&r, i % 5);
        pg_release(c);
        rig_run(&r, i % 3);
        pg_lease_start(r.pool, RIG_WAIT_MS, on_grant, &g); /* being connected */
        if (i % 2) {
            rig_run(&r, 0);
        }
        pg_pool_free(r.pool);
        r.pool = NULL;
        bool was_granted = g.is_done;
        rig_run(&r, 5);
        assert_false(a.is_done);
        assert_int_equal(g.is_done, was_granted);
        rig_close(&r);
    }
}

/* ---- once ---- */

struct chained {
    struct rig *r;
    unsigned left;
    int64_t sum;
    bool is_done;
};

static void on_chained_row(const struct pg_row *row, void *arg)
{
    struct chained *ch = arg;
    ch->sum += pg_int(row, 0);
}

static void on_chained_done(const struct err *result, int64_t rows, void *arg);

static void chained_start(struct chained *ch)
{
    char number[16];
    snprintf(number, sizeof number, "%u", ch->left);
    struct pg_param param = pg_text(number);
    struct pg_query q = {.sql = "select $1::int",
                         .params = &param,
                         .param_count = 1,
                         .on_row = on_chained_row,
                         .on_done = on_chained_done,
                         .arg = ch};
    pg_once_start(ch->r->pool, RIG_WAIT_MS, &q);
}

static void on_chained_done(const struct err *result, int64_t rows, void *arg)
{
    struct chained *ch = arg;
    assert_int_equal(result->code, RC_OK);
    assert_int_equal(rows, 1);
    if (--ch->left > 0) {
        chained_start(ch);
    } else {
        ch->is_done = true;
    }
}

static void eight_operations_share_three_connections(void **state)
{
    (void)state;
    struct rig r = open_rig(3);
    struct chained chains[8];
    for (int i = 0; i < 8; i++) {
        chains[i] = (struct chained){.r = &r, .left = 300};
        chained_start(&chains[i]);
    }
    for (int i = 0; i < 8; i++) {
        assert_true(rig_wait(&r, &chains[i].is_done));
        assert_int_equal(chains[i].sum, 300 * 301 / 2);
    }
    assert_true(metric_get(METRIC_database_connections) <= 3);
    rig_close(&r);
}

static void eight_leases_run_in_parallel(void **state)
{
    (void)state;
    struct rig r = open_rig(9);
    struct pg_conn *gate = rig_lease(&r), *c[8];
    struct answer a[8];
    rig_execute(&r, gate, "select pg_advisory_lock(77)");
    for (int i = 0; i < 8; i++) {
        c[i] = rig_lease(&r);
        a[i] = (struct answer){0};
        answer_start(&a[i], c[i], "select pg_advisory_lock_shared(77), generate_series(1, 5000)",
                     NULL, 0);
    }
    int64_t until = clock_now_ms() + RIG_WAIT_MS;
    while (rig_value(&r, gate,
                     "select count(*) from pg_locks where locktype = 'advisory' and not granted") <
           8) {
        assert_true(clock_now_ms() < until); /* all eight wait at the gate at the same time */
    }
    assert_int_equal(metric_get(METRIC_database_connections), 9);
    rig_execute(&r, gate, "select pg_advisory_unlock(77)");
    for (int i = 0; i < 8; i++) {
        assert_true(rig_wait(&r, &a[i].is_done));
        assert_int_equal(a[i].rows, 5000);
        pg_release(c[i]);
    }
    pg_release(gate);
    rig_close(&r);
}

static void once_can_be_cancelled_waiting_and_running(void **state)
{
    (void)state;
    struct rig r = open_rig(1);
    struct answer a = {0}, b = {0}, d = {0};
    struct pg_query q = {.on_row = on_answer_row, .on_done = on_answer_done};
    q.sql = "select pg_sleep(300)";
    q.arg = &a;
    struct pg_once *waiting = pg_once_start(r.pool, RIG_WAIT_MS, &q);
    pg_once_cancel(waiting);
    pg_release(rig_lease(&r));
    struct pg_once *running = pg_once_start(r.pool, RIG_WAIT_MS, &q); /* at once */
    q.arg = &b;
    struct pg_once *queued = pg_once_start(r.pool, RIG_WAIT_MS, &q);
    rig_run(&r, 20);
    pg_once_cancel(queued);
    pg_once_cancel(running);
    q.sql = "select 11";
    q.arg = &d;
    pg_once_start(r.pool, RIG_WAIT_MS, &q);
    assert_true(rig_wait(&r, &d.is_done));
    assert_int_equal(d.value, 11);
    assert_false(a.is_done || b.is_done);
    rig_close(&r);
}

/* ---- lanes ---- */

enum { MANY_STORES = 16 };

/* Stores that stand still until they are cancelled. */
struct stores {
    struct rig rig;
    struct answer answers[MANY_STORES];
    struct pg_once *once[MANY_STORES];
    unsigned count;
};

static void stores_open(struct stores *s, unsigned size, unsigned max_waiting)
{
    struct pg_options o = rig_options(db.uri);
    memset(s, 0, sizeof *s);
    o.size = size;
    o.max_waiting = max_waiting;
    rig_open(&s->rig, &o);
}

static void stores_start(struct stores *s, unsigned count, int64_t timeout_ms)
{
    struct pg_query q = {.sql = "select pg_sleep(300)",
                         .on_row = on_answer_row,
                         .on_done = on_answer_done,
                         .lane = PG_LANE_STORES};
    for (; count > 0; count--, s->count++) {
        q.arg = &s->answers[s->count];
        s->once[s->count] = pg_once_start(s->rig.pool, timeout_ms, &q);
    }
}

static bool stores_have(void *arg)
{
    return metric_get(METRIC_database_connections_in_use) == *(int *)arg;
}

static void wait_in_use(struct stores *s, int count)
{
    assert_true(loop_run_until(s->rig.loop, stores_have, &count, RIG_WAIT_MS));
    rig_run(&s->rig, 50); /* and no more */
    assert_int_equal(metric_get(METRIC_database_connections_in_use), count);
}

static void stores_close(struct stores *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (!s->answers[i].is_done) {
            pg_once_cancel(s->once[i]);
        }
    }
    rig_close(&s->rig);
}

static void stores_leave_connections_to_reads(void **state)
{
    (void)state;
    static const struct {
        unsigned size, stores;
    } cases[] = {{1, 1}, {2, 1}, {4, 3}, {5, 4}, {8, 6}, {9, 7}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stores s;
        struct pg_conn *reads[2] = {0};
        unsigned left = cases[i].size - cases[i].stores;
        stores_open(&s, cases[i].size, 256);
        stores_start(&s, cases[i].size + 2, RIG_WAIT_MS);
        wait_in_use(&s, (int)cases[i].stores);
        assert_int_equal(metric_get(METRIC_database_connections), cases[i].stores);
        for (unsigned k = 0; k < left; k++) {
            reads[k] = rig_lease(&s.rig); /* past the stores that wait */
        }
        assert_null(rig_try_lease(&s.rig, 30).conn);
        for (unsigned k = 0; k < left; k++) {
            pg_release(reads[k]);
        }
        stores_close(&s);
    }
}

static void a_connection_belongs_to_the_store_until_it_is_clean(void **state)
{
    (void)state;
    struct stores s;
    stores_open(&s, 2, 256);
    stores_start(&s, 1, RIG_WAIT_MS);
    wait_in_use(&s, 1);
    pg_release(rig_lease(&s.rig)); /* an idle one beside the store's */
    pg_once_cancel(s.once[0]);     /* which takes its time */
    s.answers[0].is_done = true;
    stores_start(&s, 1, RIG_WAIT_MS);
    assert_int_equal(metric_get(METRIC_database_waiting), 1);
    wait_in_use(&s, 1);
    assert_int_equal(metric_get(METRIC_database_waiting), 0);
    stores_close(&s);
}

static void stores_that_wait_are_few_and_told_why(void **state)
{
    (void)state;
    static const struct {
        unsigned max_waiting, stores;
    } cases[] = {{1, 1}, {3, 1}, {8, 3}, {16, 6}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stores s;
        char why[64];
        unsigned all = 3 + cases[i].stores + 1;
        stores_open(&s, 4, cases[i].max_waiting);
        stores_start(&s, 1, RIG_WAIT_MS);
        wait_in_use(&s, 1);
        for (int k = 2; k <= 3; k++) {
            stores_start(&s, 1, RIG_WAIT_MS);
            wait_in_use(&s, k);
        }
        stores_start(&s, cases[i].stores, 200);
        stores_start(&s, 1, RIG_WAIT_MS);
        assert_true(rig_wait(&s.rig, &s.answers[all - 1].is_done));
        snprintf(why, sizeof why, "%u stores wait already", cases[i].stores);
        if (cases[i].max_waiting > 1) { /* else the whole queue is full */
            assert_string_equal(s.answers[all - 1].result.text, why);
        }
        assert_int_equal(s.answers[all - 1].result.limit, LIMIT_database_max_waiting);
        assert_true(rig_wait(&s.rig, &s.answers[all - 2].is_done));
        assert_int_equal(s.answers[all - 2].result.limit, LIMIT_database_wait);
        assert_string_equal(s.answers[all - 2].result.text,
                            "the 3 stores before it have not ended");
        pg_release(rig_lease(&s.rig));
        stores_close(&s);
    }
}

static void once_keeps_its_parameters_while_it_waits(void **state)
{
    (void)state;
    struct rig r = open_rig(1);
    struct answer a = {0};
    char *sql = strdup("select $1 || coalesce($2, 'null') || $3");
    char *text = strdup("held");
    struct pg_param params[] = {pg_text(text), pg_text(NULL), pg_text("")};
    struct pg_query q = {.sql = sql,
                         .params = params,
                         .param_count = 3,
                         .on_row = on_answer_row,
                         .on_done = on_answer_done,
                         .arg = &a};
    pg_once_start(r.pool, RIG_WAIT_MS, &q);
    free(sql);
    memset(text, 'z', 4);
    free(text);
    params[0] = (struct pg_param){0};
    assert_true(rig_wait(&r, &a.is_done));
    assert_string_equal(a.text, "heldnull");
    rig_close(&r);
}

static void once_reports_a_refused_lease(void **state)
{
    (void)state;
    struct rig r = open_rig(1);
    struct pg_conn *c = rig_lease(&r);
    struct answer a = {0}, b = {0}, d = {0};
    bool was_sent = true;
    struct pg_query q = {
        .sql = "select 1", .on_done = on_answer_done, .arg = &a, .was_sent = &was_sent};
    pg_once_start(r.pool, 20, &q);
    assert_true(rig_wait(&r, &a.is_done));
    assert_int_equal(a.result.code, RC_TIMEOUT);
    assert_false(was_sent);
    q.arg = &b;
    pg_once_start(r.pool, RIG_WAIT_MS, &q);
    assert_false(was_sent);
    pg_release(c);
    assert_true(rig_wait(&r, &b.is_done)); /* after waiting */
    assert_true(was_sent);
    was_sent = false;
    q.arg = &d;
    pg_once_start(r.pool, RIG_WAIT_MS, &q); /* at once */
    assert_true(was_sent);
    assert_true(rig_wait(&r, &d.is_done));
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lease_is_granted_from_the_loop),
        cmocka_unit_test(leases_wait_in_order_for_a_bounded_number_of_connections),
        cmocka_unit_test(lease_ends_at_its_deadline),
        cmocka_unit_test(full_queue_refuses_at_once),
        cmocka_unit_test(lease_may_be_cancelled_from_the_callback_of_another),
        cmocka_unit_test(values_of_a_row_are_read_by_type),
        cmocka_unit_test(binary_parameters_arrive_unchanged),
        cmocka_unit_test(large_values_go_both_ways),
        cmocka_unit_test(a_connection_that_sent_much_is_not_kept),
        cmocka_unit_test(bad_parameters_fail_through_on_done),
        cmocka_unit_test(errors_carry_sqlstate_and_leave_the_connection_usable),
        cmocka_unit_test(on_done_counts_rows_and_affected_rows),
        cmocka_unit_test(session_has_the_settings_of_the_table),
        cmocka_unit_test(copy_is_refused_and_costs_only_the_connection),
        cmocka_unit_test(statements_are_prepared_once_and_the_oldest_go),
        cmocka_unit_test(full_cache_does_not_disturb_a_transaction),
        cmocka_unit_test(same_text_with_other_parameter_types_is_another_statement),
        cmocka_unit_test(without_prepare_nothing_is_prepared),
        cmocka_unit_test(a_statement_planned_with_its_values_is_not_kept),
        cmocka_unit_test(forgotten_and_outdated_statements_are_prepared_again),
        cmocka_unit_test(rows_stream_in_bounded_memory_and_wait_while_paused),
        cmocka_unit_test(paused_statement_holds_the_server_back),
        cmocka_unit_test(pause_before_the_first_row_and_pause_twice),
        cmocka_unit_test(cancel_ends_a_statement_in_every_phase),
        cmocka_unit_test(cancel_never_hits_the_next_statement),
        cmocka_unit_test(statement_without_progress_is_a_timeout),
        cmocka_unit_test(release_ends_what_runs_and_calls_nobody),
        cmocka_unit_test(release_rolls_back_an_open_transaction),
        cmocka_unit_test(pool_can_be_freed_while_connections_are_being_cleaned),
        cmocka_unit_test(eight_operations_share_three_connections),
        cmocka_unit_test(eight_leases_run_in_parallel),
        cmocka_unit_test(once_can_be_cancelled_waiting_and_running),
        cmocka_unit_test(stores_leave_connections_to_reads),
        cmocka_unit_test(a_connection_belongs_to_the_store_until_it_is_clean),
        cmocka_unit_test(stores_that_wait_are_few_and_told_why),
        cmocka_unit_test(once_keeps_its_parameters_while_it_waits),
        cmocka_unit_test(once_reports_a_refused_lease),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
