/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/sync and the row-independent parts of pg: scripts, queries, tables, errors, connection strings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "pg_internal.h"
#include "testdb.h"

static struct testdb db;

static int set_up(void **state)
{
    (void)state;
    return testdb_create(&db, "sync") ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    testdb_drop(&db);
    return 0;
}

static struct pg_sync *open_db(void)
{
    struct pg_sync *s = NULL;
    struct err err = {0};
    assert_int_equal(pg_sync_connect(db.uri, "dppr-test", &s, &err), RC_OK);
    return s;
}

static void query_returns_names_values_and_nulls(void **state)
{
    struct pg_sync *s = open_db();
    struct pg_table *t;
    struct err err;
    (void)state;
    struct pg_param params[] = {pg_text("grün"), pg_text(NULL), pg_text_span(span_of("", 0))};
    assert_int_equal(
        pg_sync_query(s, "select $1::text as a, $2::text as b, $3::text as c", params, 3, &t, &err),
        RC_OK);
    assert_int_equal(pg_table_rows(t), 1);
    assert_int_equal(pg_table_columns(t), 3);
    assert_string_equal(pg_table_get(t, 0, 0), "grün");
    assert_int_equal(pg_table_len(t, 0, 0), 5);
    assert_null(pg_table_get(t, 0, 1));
    assert_string_equal(pg_table_get(t, 0, 2), "");
    assert_null(pg_table_get(t, 1, 0));
    assert_null(pg_table_get(t, 0, 3));
    pg_table_free(t);
    pg_sync_free(s);
}

static void bytea_survives_both_ways(void **state)
{
    struct pg_sync *s = open_db();
    struct pg_table *t;
    struct err err;
    struct buf out;
    uint8_t octets[256];
    (void)state;
    for (int i = 0; i < 256; i++) {
        octets[i] = (uint8_t)i;
    }
    struct pg_param param = pg_bytea(span_of(octets, sizeof octets));
    assert_int_equal(pg_sync_query(s, "select $1, 'text', ''::bytea", &param, 1, &t, &err), RC_OK);
    buf_init(&out, 1024);
    assert_int_equal(pg_table_bytea(t, 0, 0, &out), RC_OK);
    assert_int_equal(out.len, sizeof octets);
    assert_memory_equal(out.data, octets, sizeof octets);
    buf_clear(&out);
    assert_int_equal(pg_table_bytea(t, 0, 1, &out), RC_INVALID);
    assert_int_equal(pg_table_bytea(t, 0, 2, &out), RC_OK);
    assert_int_equal(out.len, 0);
    buf_fini(&out);
    buf_init(&out, 100);
    assert_int_equal(pg_table_bytea(t, 0, 0, &out), RC_LIMIT);
    buf_fini(&out);
    pg_table_free(t);
    pg_sync_free(s);
}

static void errors_carry_sqlstate_and_one_line(void **state)
{
    struct pg_sync *s = open_db();
    struct pg_table *t;
    struct err err;
    (void)state;
    assert_int_equal(pg_sync_query(s, "select 1/0", NULL, 0, &t, &err), RC_DB);
    assert_null(t);
    assert_string_equal(err.sqlstate, "22012");
    assert_string_equal(err.text, "division by zero");
    assert_int_equal(
        pg_sync_script(
            s, "do $$ begin raise exception E'two\\nlines.' using detail = 'more'; end $$", &err),
        RC_DB);
    assert_string_equal(err.text, "two lines (more)");
    assert_string_equal(err.sqlstate, "P0001");
    /* and the connection is still good */
    assert_int_equal(pg_sync_script(s, "select 1", NULL), RC_OK);
    pg_sync_free(s);
}

static void script_fails_as_a_whole(void **state)
{
    struct pg_sync *s = open_db();
    struct pg_table *t;
    struct err err;
    (void)state;
    assert_int_equal(
        pg_sync_script(s, "create table whole (a int); insert into whole values ('x')", &err),
        RC_DB);
    assert_int_equal(pg_sync_query(s, "select to_regclass('whole')", NULL, 0, &t, &err), RC_OK);
    assert_null(pg_table_get(t, 0, 0));
    pg_table_free(t);
    pg_sync_free(s);
}

static void copy_is_refused_and_leaves_the_connection_usable(void **state)
{
    struct pg_sync *s = open_db();
    struct err err;
    (void)state;
    assert_int_equal(pg_sync_script(s, "create table c (a int)", &err), RC_OK);
    assert_int_equal(pg_sync_script(s, "copy c from stdin", &err), RC_DB);
    assert_int_equal(
        pg_sync_script(s, "insert into c select generate_series(1, 1000); copy c to stdout", &err),
        RC_OK); /* output of a script is dropped */
    assert_int_equal(pg_sync_query(s, "copy c from stdin", NULL, 0, NULL, &err), RC_UNSUPPORTED);
    assert_int_equal(pg_sync_script(s, "select 1", &err), RC_OK);
    pg_sync_free(s);
}

static void text_with_nul_is_refused(void **state)
{
    struct pg_sync *s = open_db();
    struct err err;
    (void)state;
    struct pg_param param = pg_text_span(span_of("a\0b", 3));
    assert_int_equal(pg_sync_query(s, "select $1::text", &param, 1, NULL, &err), RC_INVALID);
    struct pg_param huge = pg_text_span(span_of("x", (size_t)1 << 40));
    assert_int_equal(pg_sync_query(s, "select $1::text", &huge, 1, NULL, &err), RC_LIMIT);
    pg_sync_free(s);
}

static void lost_connection_is_io(void **state)
{
    struct pg_sync *s = open_db();
    struct err err;
    (void)state;
    assert_int_equal(pg_sync_script(s, "select pg_terminate_backend(pg_backend_pid())", &err),
                     RC_IO);
    assert_int_not_equal(pg_sync_script(s, "select 1", &err), RC_OK);
    pg_sync_free(s);
}

static void bad_strings_are_refused_without_their_password(void **state)
{
    static const char *const bad[] = {
        "postgresql://me:s3cret@host:notaport/x",
        "postgresql://me:s3cret/s3cret@host/x",
        "postgresql://me:s3cret@host/x?nosuch=1",
        "postgresql://me:s3cret@[::1/x",
        "postgresql://me:s3cret%zz@host/x",
        "host=localhost password=s3cret nosuch=1",
        "s3cret",
        "password='s3cret",
        "host=a,b,c port=1,2 password=s3cret",
        "host=localhost port=70000 password=s3cret",
        "host=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q password=s3cret",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pg_sync *s;
        struct err err = {0};
        assert_int_not_equal(pg_sync_connect(bad[i], "dppr-test", &s, &err), RC_OK);
        assert_null(s);
        assert_true(strlen(err.text) > 10);
        assert_null(strstr(err.text, "s3cret"));
    }
}

/* A server with many peers, say. It says so, and goes on when there are descriptors again. */
static void without_descriptors_it_fails_and_does_not_end_the_program(void **state)
{
    struct rlimit before, none;
    struct pg_sync *s = open_db(); /* as a server has done before it listens */
    struct err err = {0};
    (void)state;
    pg_sync_free(s);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    enum rc rc = pg_sync_connect(db.uri, "dppr-test", &s, &err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(rc, RC_DB);
    assert_true(strlen(err.text) > 10);
    pg_sync_free(open_db());
}

static const char *value_of(const struct pg_connect_params *p, const char *keyword)
{
    const char *found = NULL;
    for (unsigned i = 0; i < p->count; i++) {
        if (strcmp(p->keywords[i], keyword) == 0) {
            assert_null(found); /* given once */
            found = p->values[i];
        }
    }
    return found;
}

static void connection_parameters_complete_what_the_user_wrote(void **state)
{
    struct pg_conninfo info;
    struct pg_connect_params p;
    struct err err;
    (void)state;
    pg_conninfo_init(&info,
                     "postgresql://me@one,two:6000/x?keepalives_idle=7&options=-c%20jit%3Don",
                     "app", NULL);
    assert_int_equal(info.target_count, 2);
    assert_string_equal(info.targets[1].host, "two");
    assert_string_equal(info.targets[1].port, "6000");
    struct pg_candidate candidate = {"two", "2001:db8::1", "6000"};
    assert_int_equal(pg_connect_params_init(&p, &info, &candidate, NULL, &err), RC_OK);
    assert_string_equal(value_of(&p, "host"), "two");
    assert_string_equal(value_of(&p, "hostaddr"), "2001:db8::1");
    assert_string_equal(value_of(&p, "port"), "6000");
    assert_string_equal(value_of(&p, "keepalives_idle"), "7");
    assert_non_null(value_of(&p, "tcp_user_timeout"));
    assert_string_equal(value_of(&p, "client_encoding"), "UTF8");
    assert_string_equal(value_of(&p, "application_name"), "app");
    const char *options = value_of(&p, "options");
    assert_non_null(strstr(options, "-c jit=off"));
    assert_true(strstr(options, "-c jit=on") >
                strstr(options, "-c jit=off")); /* the user's comes last */
    pg_connect_params_fini(&p);
    pg_conninfo_fini(&info);

    pg_conninfo_init(&info, "host=/run/postgresql application_name=mine client_encoding=LATIN1",
                     "app", "");
    assert_false(pg_target_needs_resolving(&info.targets[0]));
    assert_int_equal(pg_connect_params_init(&p, &info, NULL, NULL, &err), RC_OK);
    assert_string_equal(value_of(&p, "application_name"), "mine");
    assert_string_equal(value_of(&p, "client_encoding"), "UTF8");
    assert_null(value_of(&p, "options"));
    pg_connect_params_fini(&p);
    pg_conninfo_fini(&info);
}

static void one_line_never_cuts_a_character(void **state)
{
    char out[8];
    (void)state;
    pg_one_line(out, sizeof out, "  a\n\tb.\n");
    assert_string_equal(out, "a b");
    pg_one_line(out, sizeof out, "abcdeüü");
    assert_string_equal(out, "abcde");
    pg_one_line(out, sizeof out, "");
    assert_string_equal(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(query_returns_names_values_and_nulls),
        cmocka_unit_test(bytea_survives_both_ways),
        cmocka_unit_test(errors_carry_sqlstate_and_one_line),
        cmocka_unit_test(script_fails_as_a_whole),
        cmocka_unit_test(copy_is_refused_and_leaves_the_connection_usable),
        cmocka_unit_test(text_with_nul_is_refused),
        cmocka_unit_test(lost_connection_is_io),
        cmocka_unit_test(bad_strings_are_refused_without_their_password),
        cmocka_unit_test(without_descriptors_it_fails_and_does_not_end_the_program),
        cmocka_unit_test(connection_parameters_complete_what_the_user_wrote),
        cmocka_unit_test(one_line_never_cuts_a_character),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
