/* SPDX-License-Identifier: Apache-2.0
 *
 * What the C-FIND of a restricted AE reads (see catalog_plans.h): little before its first response, and beyond what others
 * read only what judging each of the protocols that match takes. A third of the generated protocols have an
 * approval in force, every fifth is the successor of the one before it.
 */
#define PLANS_OBJECTS 3000
#include "catalog_plans.h"
#include "testdb.h"

#include "dcm/dict.h"

/* To judge a protocol: its assertions with their codes, once more for what withdraws them, and the codes there are. How
 * many must be judged until one is to be seen is a matter of luck and of how many are approved: here one in forty. */
enum { VISITS_TO_JUDGE = 400, JUDGED_BEFORE_FIRST = 200 };

static const struct query_view approved = {.aet = "CT1", .required = "{128603}"};
static const struct query_view consented = {.aet = "CT1", .required = "{128603/128670,128603}"};
static const struct query_view current = {.aet = "CT1", .current_only = true};
static const struct query_view approved_current = {
    .aet = "CT1", .required = "{128603}", .current_only = true};

static const struct query_view *const views[] = {&approved, &consented, &current,
                                                 &approved_current};

static void the_first_response_comes_at_once(void **state)
{
    static const char *const identifiers[] = {
        "00181030 LO",
        "00181030 LO *e*",
        "00080221 CS CT",
        "00700084 PN creat*",
        "00080012 DA 20000101-",
        "0040A07C SQ {[00080080 LO H*]}",
        "00189912 SQ {[00080070 LO Maker C]}",
        "00082218 SQ {[00080100 SH 69536005; 00080102 SH SCT]}",
        "00189907 SQ {[00080102 SH 99TEST]}",
        "00189912 SQ {[00080070 LO M*]}; 00200013 IS",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(identifiers) * COUNT(views); i++) {
        const char *identifier = identifiers[i / COUNT(views)];
        struct rows_read r = read_first(&model_protocol, identifier, views[i % COUNT(views)]);
        if (r.first > most_before_first() + VISITS_TO_JUDGE * JUDGED_BEFORE_FIRST)
            fail_msg("%s, view %zu: %lld rows before the first", identifier, i % COUNT(views),
                     (long long)r.first);
        assert_int_equal(r.matches, 1);
    }
}

static void few_matches_take_few_reads(void **state)
{
    static const char *const identifiers[] = {
        "00080018 UI 2.25.1077",
        "00080018 UI 2.25.1077\\2.25.1078\\2.25.1079",
        "00181030 LO *0000077",
        "00700084 PN CREATOR077^Ana",
        "00080012 DA 20150601-20150603",
        "00120020 LO TRIAL-10*",
        "0040A07C SQ {[00080080 LO Hospital 07]}",
        "00189912 SQ {[00080070 LO Maker C; 00081090 LO Model C07]}",
        "00189906 SQ {[00080100 SH SP00077]}",
        "00189907 SQ {[00080100 SH RP00077; 00080102 SH 99TEST]}",
        "0018990E SQ {[00081155 UI 2.25.1079]}",
        "00189907 SQ {[00080100 SH RP00077]}; 00200013 IS",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(identifiers) * COUNT(views); i++) {
        const char *identifier = identifiers[i / COUNT(views)];
        struct rows_read all = read_all(&model_protocol, identifier, &plain);
        struct rows_read seen = read_all(&model_protocol, identifier, views[i % COUNT(views)]);
        if (seen.all > all.all + VISITS_TO_JUDGE * (int64_t)all.matches)
            fail_msg("%s, view %zu: %lld rows where %lld would do without it, %u matches",
                     identifier, i % COUNT(views), (long long)seen.all, (long long)all.all,
                     all.matches);
        assert_true(seen.matches <= all.matches);
    }
}

static int open_plans(void **state)
{
    char text[128];
    if (plans_open(state, "generate_protocols") != 0)
        return -1;
    snprintf(text, sizeof(text), "select dpp_test.generate_approvals(%u)", plans_objects());
    run_sql(text);
    run_sql("insert into dpp.supersessions (object_id, superseded_uid)"
            " select object_id, referenced_sop_instance_uid from dpp.protocol_predecessors");
    run_sql("vacuum analyze");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_response_comes_at_once),
        cmocka_unit_test(few_matches_take_few_reads),
    };
    struct err err = {0};
    if (dcm_init(&err) != RC_OK)
        return 1;
    return cmocka_run_group_tests(tests, open_plans, database_close);
}
