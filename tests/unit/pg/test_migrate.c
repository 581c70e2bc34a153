/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/migrate: with the files of this build, and with files made for the case. Each case has a database
 * of its own.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "migrate_set.h"
#include "testdb.h"

#define FIRST                                                                            \
    "-- compatible\ncreate schema dpp;\n"                                                \
    "create table dpp.schema_migrations (version int primary key, name text not null,\n" \
    "    is_breaking boolean not null, applied_at timestamptz not null default now());\n"
#define FILE_OF(name, text)                        \
    {                                              \
        "migrations/" name, text, sizeof(text) - 1 \
    }

struct fixture {
    struct testdb db;
    struct pg_sync *s;
    struct err err;
    struct migrate_report report;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    return testdb_create(&f->db, "migrate") &&
                   pg_sync_connect(f->db.uri, "dppr-test", &f->s, &f->err) == RC_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    pg_sync_free(f->s);
    testdb_drop(&f->db);
    free(f);
    return 0;
}

static void assert_value(struct fixture *f, const char *sql, const char *expected)
{
    struct pg_table *t;
    assert_int_equal(pg_sync_query(f->s, sql, NULL, 0, &t, &f->err), RC_OK);
    if (expected) {
        assert_non_null(pg_table_get(t, 0, 0));
        assert_string_equal(pg_table_get(t, 0, 0), expected);
    } else {
        assert_null(pg_table_get(t, 0, 0));
    }
    pg_table_free(t);
}

static enum rc run(struct fixture *f, const struct embedded_file *files, unsigned count)
{
    struct migrate_set set = {
        .migrations = files, .migration_count = count, .definitions_hash = "none"};
    return migrate_run_set(f->s, &set, 5000, &f->report, &f->err);
}

static void embedded_migrations_apply_from_empty_and_then_do_nothing(void **state)
{
    struct fixture *f = *state;
    assert_true(embedded_migrations_count >= 1);
    assert_int_equal(migrate_check(f->s, &f->err), RC_CONFLICT);
    assert_non_null(strstr(f->err.text, "dppr migrate"));
    assert_int_equal(migrate_run(f->s, 5000, &f->report, &f->err), RC_OK);
    assert_int_equal(f->report.applied, embedded_migrations_count);
    assert_int_equal(f->report.version, migrate_latest());
    assert_int_equal(migrate_check(f->s, &f->err), RC_OK);
    assert_int_equal(migrate_run(f->s, 5000, &f->report, &f->err), RC_OK);
    assert_int_equal(f->report.applied, 0);
    assert_int_equal(f->report.version, migrate_latest());
}

static void embedded_texts_are_those_of_the_files(void **state)
{
    (void)state;
    for (unsigned i = 0; i < embedded_migrations_count; i++) {
        const struct embedded_file *e = &embedded_migrations[i];
        char path[512];
        snprintf(path, sizeof path, "%s/%s", SOURCE_DIR, e->path);
        FILE *in = fopen(path, "rb");
        assert_non_null(in);
        char *text = malloc(e->len + 2);
        size_t len = fread(text, 1, e->len + 2, in);
        fclose(in);
        assert_int_equal(len, e->len);
        assert_memory_equal(text, e->text, len);
        assert_int_equal(e->text[len], '\0');
        free(text);
    }
    assert_int_equal(strlen(embedded_definitions_hash), 64);
}

static void migrations_run_in_order_of_their_numbers(void **state)
{
    struct fixture *f = *state;
    const struct embedded_file files[] = {
        FILE_OF("0010_fill.sql", "-- breaking\ninsert into dpp.t values (2);\n"),
        FILE_OF("0002_table.sql",
                "-- compatible\ncreate table dpp.t (a int);\ninsert into dpp.t values (1);\n"),
        FILE_OF("0001_first.sql", FIRST),
    };
    assert_int_equal(run(f, files, 3), RC_OK);
    assert_int_equal(f->report.applied, 3);
    assert_int_equal(f->report.version, 10);
    assert_value(f, "select string_agg(a::text, ',' order by a) from dpp.t", "1,2");
    assert_value(f,
                 "select string_agg(version || name || is_breaking, ' ' order by version) from "
                 "dpp.schema_migrations",
                 "1firstfalse 2tablefalse 10filltrue");
}

static void failing_migration_leaves_nothing_and_names_the_line(void **state)
{
    struct fixture *f = *state;
    const struct embedded_file files[] = {
        FILE_OF("0001_first.sql", FIRST),
        FILE_OF("0002_bad.sql", "-- compatible\n-- größer\ncreate table dpp.gone (a "
                                "int);\n\nselect nosuch\nfrom dpp.gone;\n"),
        FILE_OF("0003_never.sql", "-- compatible\ncreate table dpp.never (a int);\n"),
    };
    assert_int_equal(run(f, files, 3), RC_DB);
    assert_string_equal(f->err.sqlstate, "42703");
    assert_non_null(strstr(f->err.text, "migrations/0002_bad.sql:5: "));
    assert_non_null(strstr(f->err.text, "(42703)"));
    assert_int_equal(f->report.applied, 1);
    assert_int_equal(f->report.version, 1);
    assert_value(f, "select to_regclass('dpp.gone')", NULL);
    assert_value(f, "select to_regclass('dpp.never')", NULL);
    assert_value(f, "select max(version) from dpp.schema_migrations", "1");
    /* The lock is free again: mended, it goes on from there. */
    const struct embedded_file mended[] = {
        files[0], FILE_OF("0002_bad.sql", "-- compatible\ncreate table dpp.gone (a int);\n"),
        files[2]};
    assert_int_equal(run(f, mended, 3), RC_OK);
    assert_int_equal(f->report.applied, 2);
}

static void error_without_position_names_the_context(void **state)
{
    struct fixture *f = *state;
    const struct embedded_file files[] = {
        FILE_OF("0001_first.sql",
                "-- compatible\ndo $$\nbegin\n    raise exception 'no';\nend $$;\n"),
    };
    assert_int_equal(run(f, files, 1), RC_DB);
    assert_non_null(strstr(f->err.text, "migrations/0001_first.sql: no (P0001) ["));
    assert_non_null(strstr(f->err.text, "line 3"));
}

static void file_names_and_first_lines_are_checked(void **state)
{
    struct fixture *f = *state;
    const struct embedded_file unmarked[] = {FILE_OF("0001_x.sql", "select 1;\n")};
    const struct embedded_file unnumbered[] = {FILE_OF("first.sql", FIRST)};
    const struct embedded_file twice[] = {FILE_OF("0001_x.sql", FIRST),
                                          FILE_OF("0001_y.sql", FIRST)};
    const struct embedded_file unguarded[] = {
        FILE_OF("0001_x.sql", "-- breaking\n-- no-transaction\nselect 1;\n")};
    assert_int_equal(run(f, unguarded, 1), RC_INTERNAL);
    assert_int_equal(run(f, unmarked, 1), RC_INTERNAL);
    assert_int_equal(run(f, unnumbered, 1), RC_INTERNAL);
    assert_int_equal(run(f, twice, 2), RC_INTERNAL);
    assert_value(f, "select to_regclass('dpp.schema_migrations')", NULL);
}

static void unknown_compatible_migration_is_accepted(void **state)
{
    struct fixture *f = *state;
    const struct embedded_file newer[] = {FILE_OF("0001_first.sql", FIRST),
                                          FILE_OF("0002_more.sql", "-- compatible\n")};
    const struct embedded_file definition[] = {
        {"sql/functions/f.sql", "create table dpp.older ();", 26}};
    struct migrate_set older = {.migrations = newer,
                                .migration_count = 1,
                                .definitions = definition,
                                .definition_count = 1,
                                .definitions_hash = "older"};
    assert_int_equal(run(f, newer, 2), RC_OK);
    assert_int_equal(migrate_check_set(f->s, &older, &f->err), RC_OK);
    assert_int_equal(migrate_run_set(f->s, &older, 1000, &f->report, &f->err), RC_OK);
    assert_int_equal(f->report.applied, 0);
    assert_int_equal(f->report.version, 2);
    /* The definitions of a newer build are not replaced by older ones. */
    assert_value(f, "select to_regclass('dpp.older')", NULL);
}

static void unknown_breaking_migration_is_a_conflict(void **state)
{
    struct fixture *f = *state;
    const struct embedded_file newer[] = {FILE_OF("0001_first.sql", FIRST),
                                          FILE_OF("0002_break.sql", "-- breaking\n"),
                                          FILE_OF("0003_more.sql", "-- compatible\n")};
    struct migrate_set older = {.migrations = newer, .migration_count = 1, .definitions_hash = "x"};
    assert_int_equal(run(f, newer, 3), RC_OK);
    assert_int_equal(migrate_check_set(f->s, &older, &f->err), RC_CONFLICT);
    assert_non_null(strstr(f->err.text, "0002"));
    assert_int_equal(migrate_run_set(f->s, &older, 1000, &f->report, &f->err), RC_CONFLICT);
}

static void schema_that_lacks_migrations_is_a_conflict(void **state)
{
    struct fixture *f = *state;
    const struct embedded_file files[] = {FILE_OF("0001_first.sql", FIRST),
                                          FILE_OF("0002_more.sql", "-- compatible\n")};
    struct migrate_set set = {.migrations = files, .migration_count = 2, .definitions_hash = "x"};
    assert_int_equal(run(f, files, 1), RC_OK);
    assert_int_equal(migrate_check_set(f->s, &set, &f->err), RC_CONFLICT);
    assert_non_null(strstr(f->err.text, "dppr migrate"));
}

static void no_transaction_file_runs_statement_by_statement(void **state)
{
    struct fixture *f = *state;
    const struct embedded_file files[] = {
        FILE_OF("0001_first.sql", FIRST "create table dpp.t (a int, b text);\n"),
        FILE_OF("0002_index.sql",
                "-- compatible\n-- no-transaction\n"
                "drop index concurrently if exists dpp.t_a_idx;\n"
                "create index concurrently t_a_idx on dpp.t (a); /* ; */\n"
                "insert into dpp.t (b) values ('a;b'), ($x$c;d$x$), (E'e\\';f'); -- ;\n"),
        FILE_OF("0003_fails.sql", "-- compatible\n-- no-transaction\ncreate table dpp.stays (a "
                                  "int);\n\nselect 1,\n    nosuch;\n"),
    };
    assert_int_equal(run(f, files, 3), RC_DB);
    assert_non_null(strstr(f->err.text, "migrations/0003_fails.sql:6: "));
    assert_value(f, "select to_regclass('dpp.t_a_idx')", "dpp.t_a_idx");
    assert_value(f, "select string_agg(b, ' ' order by b) from dpp.t", "a;b c;d e';f");
    assert_value(f, "select to_regclass('dpp.stays')", "dpp.stays");
    assert_value(f, "select max(version) from dpp.schema_migrations", "2");
}

static void statements_are_cut_at_the_right_semicolons(void **state)
{
    static const struct {
        const char *script;
        const char *statements[4];
    } cases[] = {
        {"", {0}},
        {" -- only; a comment\n/* and; another */", {0}},
        {"a;b", {"a", "b"}},
        {"a;;b;", {"a", "", "b"}},
        {"select ';' ; b", {"select ';' ", "b"}},
        {"select 'it''s;' ; b", {"select 'it''s;' ", "b"}},
        {"select \"a;b\"; c", {"select \"a;b\"", "c"}},
        {"do $$ a; $x$ b; $$; c", {"do $$ a; $x$ b; $$", "c"}},
        {"do $f$ a; $$ b; $f$; c", {"do $f$ a; $$ b; $f$", "c"}},
        {"select $1; a$b$c; d", {"select $1", "a$b$c", "d"}},
        {"/* a /* ; */ ; */ b; c", {"b", "c"}},
        {"e'\\';' ; c", {"e'\\';' ", "c"}},
        {"'\\' ; c", {"'\\' ", "c"}},
        {"'open; quote", {"'open; quote"}},
        {"$$ open; quote", {"$$ open; quote"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t pos = 0, n = 0;
        struct span part;
        while (sql_next_statement(cases[i].script, &pos, &part)) {
            assert_true(n < 4 && cases[i].statements[n]);
            assert_int_equal(part.len, strlen(cases[i].statements[n]));
            assert_memory_equal(part.data, cases[i].statements[n], part.len);
            n++;
        }
        assert_true(n == 4 || !cases[i].statements[n]);
    }
}

static void definitions_are_replaced_only_when_they_change(void **state)
{
    struct fixture *f = *state;
    const struct embedded_file files[] = {
        FILE_OF("0001_first.sql", FIRST "create table dpp.runs (a int);\n"),
        FILE_OF("0002_more.sql", "-- compatible\n")};
    const struct embedded_file counts[] = {
        {"sql/functions/f.sql", "insert into dpp.runs values (1);", 32},
    };
    const struct embedded_file fails[] = {
        {"sql/functions/f.sql", "insert into dpp.runs values (1);", 32},
        {"sql/views/v.sql", "create or replace view dpp.v as\nselect nosuch;", 46},
    };
    struct migrate_set set = {.migrations = files,
                              .migration_count = 1,
                              .definitions = counts,
                              .definition_count = 1,
                              .definitions_hash = "one"};
    assert_int_equal(migrate_run_set(f->s, &set, 1000, &f->report, &f->err), RC_OK);
    assert_int_equal(migrate_run_set(f->s, &set, 1000, &f->report, &f->err), RC_OK);
    assert_value(f, "select count(*) from dpp.runs", "1");
    set.definitions_hash = "two";
    assert_int_equal(migrate_run_set(f->s, &set, 1000, &f->report, &f->err), RC_OK);
    assert_value(f, "select count(*) from dpp.runs", "2");
    set.migration_count = 2; /* a migration may have dropped what a definition made */
    assert_int_equal(migrate_run_set(f->s, &set, 1000, &f->report, &f->err), RC_OK);
    assert_value(f, "select count(*) from dpp.runs", "3");
    set.definitions = fails;
    set.definition_count = 2;
    set.definitions_hash = "three";
    assert_int_equal(migrate_run_set(f->s, &set, 1000, &f->report, &f->err), RC_DB);
    assert_non_null(strstr(f->err.text, "sql/views/v.sql:2: "));
    assert_value(f, "select count(*) from dpp.runs", "3");
    assert_value(f, "select hash from dpp.schema_definitions", "two");
}

static void lock_that_is_held_is_waited_for_and_then_reported(void **state)
{
    struct fixture *f = *state;
    struct pg_sync *other;
    const struct embedded_file files[] = {FILE_OF("0001_first.sql", FIRST)};
    struct migrate_set set = {.migrations = files, .migration_count = 1, .definitions_hash = "x"};
    assert_int_equal(pg_sync_connect(f->db.uri, "dppr-test", &other, &f->err), RC_OK);
    assert_int_equal(pg_sync_script(other, "select pg_advisory_lock(7237408237948594034)", &f->err),
                     RC_OK);
    assert_int_equal(migrate_run_set(f->s, &set, 250, &f->report, &f->err), RC_TIMEOUT);
    assert_value(f, "select to_regclass('dpp.schema_migrations')", NULL);
    pg_sync_free(other);
    assert_int_equal(migrate_run_set(f->s, &set, 5000, &f->report, &f->err), RC_OK);
}

struct racer {
    const char *uri;
    const struct migrate_set *set;
    enum rc rc;
    struct err err;
    struct migrate_report report;
};

static void *race(void *arg)
{
    struct racer *r = arg;
    struct pg_sync *s = NULL;
    r->rc = pg_sync_connect(r->uri, "dppr-test", &s, &r->err);
    if (r->rc == RC_OK) {
        r->rc = migrate_run_set(s, r->set, 30000, &r->report, &r->err);
    }
    pg_sync_free(s);
    return NULL;
}

static void two_at_once_apply_each_migration_once(void **state)
{
    struct fixture *f = *state;
    const struct embedded_file files[] = {
        FILE_OF("0001_first.sql", FIRST "select pg_sleep(0.2);\n"),
        FILE_OF("0002_index.sql", "-- compatible\n-- no-transaction\ncreate table dpp.t (a int);\n"
                                  "create index concurrently on dpp.t (a);\n"),
        FILE_OF("0003_fill.sql", "-- compatible\ninsert into dpp.t values (1);\n"),
    };
    struct migrate_set set = {.migrations = files, .migration_count = 3, .definitions_hash = "x"};
    struct racer racers[3];
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        racers[i] = (struct racer){.uri = f->db.uri, .set = &set};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    unsigned applied = 0;
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        assert_string_equal(racers[i].rc == RC_OK ? "" : racers[i].err.text, "");
        assert_int_equal(racers[i].report.version, 3);
        applied += racers[i].report.applied;
    }
    assert_int_equal(applied, 3);
    assert_value(f, "select count(*) from dpp.t", "1");
}

static void two_databases_at_once_may_both_make_the_same_role(void **state)
{
    struct fixture *f = *state;
    struct testdb second;
    char roles[512];
    const struct embedded_file files[] = {FILE_OF("0001_first.sql", FIRST)};
    assert_true(testdb_create(&second, "migrate"));
    snprintf(roles, sizeof roles,
             "do $$ begin if not exists (select from pg_roles where rolname = '%s') then\n"
             "perform pg_sleep(0.3); create role %s; end if; end $$; select pg_sleep(0.2);\n",
             second.name, second.name);
    const struct embedded_file definitions[] = {{"sql/roles.sql", roles, strlen(roles)}};
    struct migrate_set set = {.migrations = files,
                              .migration_count = 1,
                              .definitions = definitions,
                              .definition_count = 1,
                              .definitions_hash = "x"};
    struct racer racers[2] = {{.uri = f->db.uri, .set = &set}, {.uri = second.uri, .set = &set}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_string_equal(racers[i].rc == RC_OK ? "" : racers[i].err.text, "");
    }
    char drop[128];
    snprintf(drop, sizeof drop, "drop role %s", second.name);
    assert_true(testdb_run(testdb_server(), drop));
    testdb_drop(&second);
}

static void unfit_databases_are_refused_with_the_remedy(void **state)
{
    static const char *const unfit[] = {
        "encoding 'UTF8' lc_collate 'C' lc_ctype 'C' template template0",
        "encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0",
        "encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0",
    };
    struct fixture *f = *state;
    const struct embedded_file files[] = {FILE_OF("0001_first.sql", FIRST)};
    struct migrate_set set = {.migrations = files, .migration_count = 1, .definitions_hash = "x"};
    for (size_t i = 0; i < sizeof unfit / sizeof *unfit; i++) {
        struct testdb db;
        struct pg_sync *s;
        assert_true(testdb_create_with(&db, "unfit", unfit[i]));
        assert_int_equal(pg_sync_connect(db.uri, "dppr-test", &s, &f->err), RC_OK);
        assert_int_equal(migrate_run_set(s, &set, 1000, &f->report, &f->err), RC_UNSUPPORTED);
        assert_non_null(strstr(f->err.text, "create database NAME encoding 'UTF8'"));
        assert_non_null(strstr(f->err.text, "template0"));
        pg_sync_free(s);
        testdb_drop(&db);
    }
}

static void icu_database_is_fit(void **state)
{
    struct fixture *f = *state;
    struct testdb db;
    struct pg_sync *s;
    const struct embedded_file files[] = {FILE_OF("0001_first.sql", FIRST)};
    struct migrate_set set = {.migrations = files, .migration_count = 1, .definitions_hash = "x"};
    assert_true(testdb_create_with(&db, "icu",
                                   "encoding 'UTF8' locale_provider icu icu_locale 'und' "
                                   "lc_collate 'C' lc_ctype 'C' template template0"));
    assert_int_equal(pg_sync_connect(db.uri, "dppr-test", &s, &f->err), RC_OK);
    assert_int_equal(migrate_run_set(s, &set, 1000, &f->report, &f->err), RC_OK);
    pg_sync_free(s);
    testdb_drop(&db);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(embedded_migrations_apply_from_empty_and_then_do_nothing),
        cmocka_unit_test(embedded_texts_are_those_of_the_files),
        CASE(migrations_run_in_order_of_their_numbers),
        CASE(failing_migration_leaves_nothing_and_names_the_line),
        CASE(error_without_position_names_the_context),
        CASE(file_names_and_first_lines_are_checked),
        CASE(unknown_compatible_migration_is_accepted),
        CASE(unknown_breaking_migration_is_a_conflict),
        CASE(schema_that_lacks_migrations_is_a_conflict),
        CASE(no_transaction_file_runs_statement_by_statement),
        cmocka_unit_test(statements_are_cut_at_the_right_semicolons),
        CASE(definitions_are_replaced_only_when_they_change),
        CASE(lock_that_is_held_is_waited_for_and_then_reported),
        CASE(two_at_once_apply_each_migration_once),
        CASE(two_databases_at_once_may_both_make_the_same_role),
        CASE(unfit_databases_are_refused_with_the_remedy),
        CASE(icu_database_is_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
