/* SPDX-License-Identifier: Apache-2.0
 *
 * What a C-FIND reads: every matching key, with a value that selects few protocols and with one that selects many, in the
 * statement that the server makes of it, on many generated protocols (DPPR_TEST_PROTOCOLS, default 10000).
 *
 * Counted are the rows and index entries that PostgreSQL visits, so nothing depends on the speed of a machine:
 *   - before the first response: few, whatever is asked for, so that it comes at once;
 *   - in all, where few match: few for each match, so that the time does not grow with the repository.
 */
#include "catalog_db.h"
#include "testdb.h"

#include "catalog/query.h"
#include "dcm/dict.h"

enum { PROTOCOLS = 10000 };

static unsigned protocols(void)
{
    const char *text = getenv("DPPR_TEST_PROTOCOLS");
    return text ? (unsigned)strtoul(text, NULL, 10) : PROTOCOLS;
}

static int plans_open(void **state)
{
    char sql[1024];
    if (database_open(state) != 0)
        return -1;
    snprintf(sql, sizeof(sql), "psql -Xq -v ON_ERROR_STOP=1 '%s' -f %s/tests/support/%s",
             database.db.uri, SOURCE_DIR, "generate_protocols.sql");
    if (system(sql) != 0)
        return -1;
    snprintf(sql, sizeof(sql), "select dpp_test.generate_protocols(%u)", protocols());
    run_sql(sql);
    run_sql("update dpp.objects set timezone_offset = '-0330' where id % 3 = 0");
    run_sql("vacuum analyze");
    /* As the server's sessions have it (pg/conninfo.c); a cursor is to be planned as the statement is. */
    run_sql(
        "set jit = off; set max_parallel_workers_per_gather = 0; set enable_hashjoin = off;"
        "set enable_mergejoin = off; set random_page_cost = 1.1; set cursor_tuple_fraction = 1");
    return 0;
}

/* Since the session began, as far as it has not been told to the statistics collector. */
static int64_t visits(void)
{
    return strtoll(ask_sql("select sum(pg_stat_get_xact_tuples_returned(c.oid) +"
                           " coalesce(pg_stat_get_xact_tuples_fetched(c.oid), 0))"
                           " from pg_class c where c.relnamespace = 'dpp'::regnamespace"),
                   NULL, 10);
}

struct reading {
    int64_t first, all;
    unsigned matches;
};

static const struct query_view plain = {.aet = "CT1"};
/* Everything negotiated (K.5.1). */
static const struct query_view negotiated = {
    .aet = "CT1", .fuzzy_names = true, .adjusts_times = true, .site_zone = "Europe/Berlin"};

static struct reading read_all(const char *identifier, const struct query_view *view)
{
    struct octets o;
    struct query q;
    struct err err = {0};
    struct buf sql = {0};
    struct reading r = {0};
    struct pg_table *t = NULL;
    struct arena *arena = arena_new(1 << 20);
    if (query_build(&model_protocol, spec(&o, identifier), dcm_ts_find(UID_EXPLICIT_LE), view, NULL,
                    arena, &q, &err) != RC_OK)
        fail_msg("%s: %s", identifier, err.text);

    run_sql("begin");
    int64_t before = visits();
    buf_printf(&sql, "declare c no scroll cursor for %s", q.sql);
    if (pg_sync_query(database.sync, buf_cstr(&sql), q.params, q.param_count, NULL, &err) != RC_OK)
        fail_msg("%s: %s", q.sql, err.text);
    run_sql("fetch 1 from c");
    r.first = visits() - before;
    if (pg_sync_query(database.sync, "fetch all from c", NULL, 0, &t, &err) != RC_OK)
        fail_msg("%s: %s", identifier, err.text);
    r.all = visits() - before;
    r.matches = pg_table_rows(t) + 1;
    pg_table_free(t);
    run_sql("rollback");
    buf_fini(&sql);
    arena_free(arena);
    return r;
}

/* So few that it takes no time: a share where protocols are many, a number where each plan is cheap. */
static int64_t most_before_first(void)
{
    int64_t share = protocols() / 100;
    return share > 2500 ? share : 2500;
}

static void expect_soon(const char *identifier, const struct query_view *view)
{
    struct reading r = read_all(identifier, view);
    if (r.first > most_before_first())
        fail_msg("%s: %lld rows before the first of %u", identifier, (long long)r.first, r.matches);
}

#define CT "1.2.840.10008.5.1.4.1.1.200.1"
#define XA "1.2.840.10008.5.1.4.1.1.200.7"

static void the_first_response_comes_at_once_for_every_key(void **state)
{
    static const char *const identifiers[] = {
        "00181030 LO",
        "00080016 UI " CT,
        "00080016 UI " XA,
        "00080018 UI 2.25.1077",
        "00181030 LO Head*",
        "00181030 LO *0000077",
        "00181030 LO *Head*",
        "00181030 LO *e*",
        "00181030 LO ?*",
        "00080221 CS CT",
        "00080221 CS XA",
        "00080221 CS C*",
        "00700084 PN CREATOR077^Ana",
        "00700084 PN *TOR077*",
        "00700084 PN creat*",
        "00080012 DA 20150601",
        "00080012 DA 20150601-20150603",
        "00080012 DA 20000101-",
        "00080012 DA -20300101",
        "00080013 TM 0900-",
        "00080012 DA 20000101-; 00080013 TM 00-",
        "00120010 LO *onsor*",
        "00120020 LO TRIAL-100",
        "00120020 LO T*",
        "0040A07C SQ {[00080080 LO Hospital 07]}",
        "0040A07C SQ {[00080080 LO H*]}",
        "0040A07C SQ {[00080080 LO *spital*]}",
        "0040A07C SQ {[00080082 SQ {[00080100 SH H07]}]}",
        "00189912 SQ {[00080070 LO Maker C]}",
        "00189912 SQ {[00080070 LO Maker C; 00081090 LO Model C07]}",
        "00189912 SQ {[00080070 LO M*]}",
        "00189912 SQ {[00081090 LO *odel*]}",
        "00189912 SQ {[00080222 LO Family C*]}",
        "00189912 SQ {[00181020 LO V7]}",
        "00189912 SQ {[00181020 LO V*]}",
        "00082218 SQ {[00080100 SH 69536005; 00080102 SH SCT]}",
        "00082218 SQ {[00080102 SH SCT]}",
        "00082218 SQ {[00080100 SH 69*]}",
        "00189906 SQ {[00080100 SH *P0*]}",
        "00189907 SQ {[00080100 SH RP00077]}",
        "00189907 SQ {[00080100 SH RP*]}",
        "00189907 SQ {[00080102 SH 99TEST]}",
        "0018990E SQ {[00081155 UI 2.25.1079]}",
        "0018990E SQ {[00081150 UI " CT "]}",
        /* several at once */
        "00082218 SQ {[00080100 SH 69536005]}; 00189912 SQ {[00080070 LO Maker C]}",
        "00082218 SQ {[00080100 SH 69536005]}; 00080221 CS CT; 00080012 DA 20100101-",
        "00082218 SQ {[00080102 SH SCT]}; 00189907 SQ {[00080102 SH 99TEST]}; 00080221 CS CT",
        /* with attributes outside the model, for which octets are read */
        "00181030 LO; 00200013 IS",
        "00080221 CS CT; 00189920 SQ {}",
        "00181030 LO *e*; 00200013 IS",
        "00189912 SQ {[00080070 LO M*]}; 00200013 IS",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(identifiers); i++)
        expect_soon(identifiers[i], &plain);
}

static void the_first_response_comes_at_once_with_everything_negotiated(void **state)
{
    static const char *const identifiers[] = {
        "00181030 LO",
        "00080012 DA 20150601",
        "00080012 DA 20150601-20150603",
        "00080012 DA 20000101-",
        "00080201 SH +0900; 00080012 DA -20300101",
        "00080013 TM 0900-",
        "00080201 SH +0200; 00080013 TM 0900-1059",
        "00080012 DA 20000101-; 00080013 TM 00-",
        "00080201 SH -0500; 00080012 DA 20000101-; 00080013 TM 00-",
        "00700084 PN CREATOR077^Ana",
        "00700084 PN Ana",
        "00700084 PN anna*",
        "00700084 PN *TOR077*",
        "00700084 PN creat* an?",
        "00700084 PN Ana=",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(identifiers); i++)
        expect_soon(identifiers[i], &negotiated);
}

/* Items, their objects, and the look for an item before them; of a trigram index what it finds by mistake. */
enum { VISITS_AT_LEAST = 400, VISITS_A_MATCH = 12 };

static void expect_few(const char *identifier, const struct query_view *view)
{
    struct reading r = read_all(identifier, view);
    if (r.all > VISITS_AT_LEAST + VISITS_A_MATCH * (int64_t)r.matches)
        fail_msg("%s: %lld rows for %u matches", identifier, (long long)r.all, r.matches);
}

static void few_matches_take_few_reads(void **state)
{
    static const char *const identifiers[] = {
        "00080018 UI 2.25.1077",
        "00080018 UI 2.25.1077\\2.25.1078\\2.25.1079",
        "00181030 LO *0000077",
        "00181030 LO *0000077*",
        "00700084 PN CREATOR077^Ana",
        "00700084 PN *TOR077*",
        "00080012 DA 20150601",
        "00080012 DA 20150601-20150603",
        "00080012 DA 20150601-20150602; 00080013 TM 10-11",
        "00120010 LO Sponsor 100",
        "00120010 LO *sor 100",
        "00120020 LO TRIAL-100",
        "00120020 LO TRIAL-10*",
        "00120020 LO *AL-100",
        "0040A07C SQ {[00080080 LO Hospital 07]}",
        "0040A07C SQ {[00080082 SQ {[00080100 SH H07; 00080102 SH 99TEST]}]}",
        "00189912 SQ {[00080070 LO Maker C; 00081090 LO Model C07]}",
        "00189912 SQ {[00081090 LO Model C07]}",
        "00189912 SQ {[00081090 LO Model C0*]}",
        "00189912 SQ {[00081090 LO *del C07]}",
        "00189912 SQ {[00080222 LO Family C70]}",
        "00189912 SQ {[00181020 LO V7]}",
        "00189906 SQ {[00080100 SH SP00077]}",
        "00189907 SQ {[00080100 SH RP00077; 00080102 SH 99TEST]}",
        "00189907 SQ {[00080100 SH RP0007*]}",
        "00189907 SQ {[00080119 UC LONG]}",
        "00189907 SQ {[00080120 UR urn:x]}",
        "0018990E SQ {[00081155 UI 2.25.1079]}",
        "00189907 SQ {[00080100 SH RP00077]}; 00080221 CS CT",
        "00189912 SQ {[00080070 LO M*]}; 00080012 DA 20150601",
        "00080018 UI 2.25.1077; 00200013 IS",
        "00189907 SQ {[00080100 SH RP00077]}; 00200013 IS",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(identifiers); i++)
        expect_few(identifiers[i], &plain);
}

/* A time alone has no index: see docs/schema.md. */
static void few_matches_take_few_reads_with_everything_negotiated(void **state)
{
    static const char *const identifiers[] = {
        "00080012 DA 20150601",
        "00080201 SH +0900; 00080012 DA 20150601",
        "00080201 SH +0900; 00080012 DA 20150601-20150603",
        "00080012 DA 20150601-20150602; 00080013 TM 10-11",
        "00080201 SH +1400; 00080012 DA 20150601-20150602; 00080013 TM 10-11",
        "00080012 DA 20150601; 00080013 TM 10-11",
        "00700084 PN Ana^CREATOR077",
        "00700084 PN creator077",
        "00700084 PN *TOR077*",
        "00700084 PN an* *tor077",
        "00700084 PN =Ana=creator077",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(identifiers); i++)
        expect_few(identifiers[i], &negotiated);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_response_comes_at_once_for_every_key),
        cmocka_unit_test(few_matches_take_few_reads),
        cmocka_unit_test(the_first_response_comes_at_once_with_everything_negotiated),
        cmocka_unit_test(few_matches_take_few_reads_with_everything_negotiated),
    };
    struct err err = {0};
    if (dcm_init(&err) != RC_OK)
        return 1;
    return cmocka_run_group_tests(tests, plans_open, database_close);
}
