/* SPDX-License-Identifier: Apache-2.0
 *
 * What a C-FIND reads, counted: the rows and index entries that PostgreSQL visits, so nothing depends on the speed of a
 * machine:
 *   - before the first response: few, whatever is asked for, so that it comes at once;
 *   - in all, where few match: few for each match, so that the time does not grow with the repository.
 */
#ifndef CATALOG_PLANS_H
#define CATALOG_PLANS_H

#include "catalog_db.h"

#include "catalog/query.h"

#ifndef PLANS_OBJECTS
#define PLANS_OBJECTS 10000
#endif

static inline unsigned plans_objects(void)
{
    const char *text = getenv("DPPR_TEST_PROTOCOLS");
    return text ? (unsigned)strtoul(text, NULL, 10) : PLANS_OBJECTS;
}

/* A database with what `generator`, an SQL function, makes of the number of objects. */
static inline int plans_open(void **state, const char *generator)
{
    static const char *const scripts[] = {"generate_protocols.sql", "generate_approvals.sql"};
    char text[1024];
    if (database_open(state) != 0)
        return -1;
    for (size_t i = 0; i < COUNT(scripts); i++) {
        snprintf(text, sizeof(text), "psql -Xq -v ON_ERROR_STOP=1 '%s' -f %s/tests/support/%s",
                 database.db.uri, SOURCE_DIR, scripts[i]);
        if (system(text) != 0)
            return -1;
    }
    snprintf(text, sizeof(text), "select dpp_test.%s(%u)", generator, plans_objects());
    run_sql(text);
    run_sql("update dpp.objects set timezone_offset = '-0330' where id % 3 = 0");
    run_sql("vacuum analyze");
    /* As the server's sessions have it (pg/conninfo.c); a cursor is to be planned as the statement is. */
    run_sql(
        "set jit = off; set max_parallel_workers_per_gather = 0; set enable_hashjoin = off;"
        "set enable_mergejoin = off; set random_page_cost = 1.1; set cursor_tuple_fraction = 1");
    return 0;
}

/* Since the session began, as far as it has not been told to the statistics collector. */
static inline int64_t visits(void)
{
    return strtoll(ask_sql("select sum(pg_stat_get_xact_tuples_returned(c.oid) +"
                           " coalesce(pg_stat_get_xact_tuples_fetched(c.oid), 0))"
                           " from pg_class c where c.relnamespace = 'dpp'::regnamespace"),
                   NULL, 10);
}

struct rows_read {
    int64_t first, all;
    unsigned matches;
};

static const struct query_view plain = {.aet = "CT1"};
/* Everything negotiated (K.5.1). */
static const struct query_view negotiated = {
    .aet = "CT1", .fuzzy_names = true, .adjusts_times = true, .site_zone = "Europe/Berlin"};

/* matches: of what was read. */
static inline struct rows_read read_rows(const struct model *model, const char *identifier,
                                         const struct query_view *view, const char *rest)
{
    struct octets o;
    struct query q;
    struct err err = {0};
    struct buf sql = {0};
    struct rows_read r = {0};
    struct pg_table *t = NULL;
    struct arena *arena = arena_new(1 << 20);
    if (query_build(model, spec(&o, identifier), dcm_ts_find(UID_EXPLICIT_LE), view, NULL, arena,
                    &q, &err) != RC_OK)
        fail_msg("%s: %s", identifier, err.text);

    run_sql("begin");
    int64_t before = visits();
    buf_printf(&sql, "declare c no scroll cursor for %s", q.sql);
    if (pg_sync_query(database.sync, buf_cstr(&sql), q.params, q.param_count, NULL, &err) != RC_OK)
        fail_msg("%s: %s", q.sql, err.text);
    if (pg_sync_query(database.sync, "fetch 1 from c", NULL, 0, &t, &err) != RC_OK)
        fail_msg("%s: %s", identifier, err.text);
    r.first = visits() - before;
    r.matches = pg_table_rows(t);
    pg_table_free(t);
    if (pg_sync_query(database.sync, rest, NULL, 0, &t, &err) != RC_OK)
        fail_msg("%s: %s", identifier, err.text);
    r.all = visits() - before;
    r.matches += pg_table_rows(t);
    pg_table_free(t);
    run_sql("rollback");
    buf_fini(&sql);
    arena_free(arena);
    return r;
}

static inline struct rows_read read_all(const struct model *model, const char *identifier,
                                        const struct query_view *view)
{
    return read_rows(model, identifier, view, "fetch all from c");
}

static inline struct rows_read read_first(const struct model *model, const char *identifier,
                                          const struct query_view *view)
{
    return read_rows(model, identifier, view, "select where false");
}

/* So few that it takes no time: a share where protocols are many, a number where each plan is cheap. */
static inline int64_t most_before_first(void)
{
    int64_t share = plans_objects() / 100;
    return share > 2500 ? share : 2500;
}

static inline void expect_soon(const struct model *model, const char *identifier,
                               const struct query_view *view)
{
    struct rows_read r = read_all(model, identifier, view);
    if (r.first > most_before_first())
        fail_msg("%s: %lld rows before the first of %u", identifier, (long long)r.first, r.matches);
}

/* Items, their objects, and the look for an item before them, once for each sequence around; of a trigram index what it
 * finds by mistake. */
enum { VISITS_AT_LEAST = 400, VISITS_A_MATCH = 12 };

static inline void expect_few(const struct model *model, const char *identifier,
                              const struct query_view *view)
{
    struct rows_read r = read_all(model, identifier, view);
    unsigned sequences = 0;
    for (const char *at = identifier; (at = strstr(at, " SQ ")); at++)
        sequences++;
    int64_t a_match = VISITS_A_MATCH * (sequences ? sequences : 1);
    if (r.all > VISITS_AT_LEAST + a_match * r.matches)
        fail_msg("%s: %lld rows for %u matches", identifier, (long long)r.all, r.matches);
}

#endif
