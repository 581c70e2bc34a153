/* SPDX-License-Identifier: Apache-2.0
 *
 * Matching of names, dates and times from end to end, and whatever an identifier may say: objects are stored,
 * identifiers are run as the server runs them, and the set of answers is compared with what PS3.4 C.2.2.2
 * says, written down by hand: one letter for each object. The other rules are in test_rules.c.
 */
#include "catalog_find.h"
#include "testdb.h"

#include "dcm/dict.h"

#define CT     "00080016 UI 1.2.840.10008.5.1.4.1.1.200.1; "
#define XA     "00080016 UI 1.2.840.10008.5.1.4.1.1.200.7; "
#define UTF8   "00080005 CS ISO_IR 192; "
#define LATIN1 "00080005 CS ISO_IR 100; "

/* Letter n of the alphabet is SOP Instance UID 1.2.3.n. */
static const char *const objects[] = {
    /* a */
    "00080012 DA 20200105; 00080013 TM 101500; " CT "00080018 UI 1.2.3.1; 00080201 SH +0100; "
    "00080220 SQ {[00080100 SH G1; 00080102 SH 99X]}; 00080221 CS CT; "
    "00082218 SQ {[00080100 SH 69536005; 00080102 SH SCT; 00080104 LO Head; 00080121 SQ {[00080100 "
    "SH T-D1100; 00080102 SH SRT; 00080104 LO Head][00080100 SH OTHER; 00080102 SH 99X; 00080104 "
    "LO "
    "Head]}]}; 00120010 LO Sponsor A; 00120020 LO TRIAL-1; 00181030 LO Head Routine; "
    "00189912 SQ {[00080070 LO ACME; 00081090 LO One; 00181020 LO 1.0\\1.1][00080070 LO Beta; "
    "00081090 LO Two; 00080222 LO Line]}; "
    "0040A07C SQ {[00080080 LO Mercy; 00080082 SQ {[00080100 SH X; 00080102 SH L][00080100 SH Y; "
    "00080102 SH L]}][00080080 LO General]}; 00700084 PN Smith^John",
    /* b */
    LATIN1 "00080012 DA 20200106; 00080013 TM 09; " CT "00080018 UI 1.2.3.2; 00080221 CS CT; "
           "00181030 LO Head Contrast 50%; 0018990E SQ {[00081150 UI "
           "1.2.840.10008.5.1.4.1.1.200.1; 00081155 UI 1.2.3.1][00081155 UI 9.9]}; "
           "00189912 SQ {[00080070 LO ACME; 00081090 LO Two]}; 00700084 PN M\xFCller^J\xFCrgen",
    /* c: no time */
    UTF8 "00080012 DA 20200107; " XA "00080018 UI 1.2.3.3; 00080221 CS XA; 00181030 LO Abdomen_1; "
         "00700084 PN Yamada^Tarou=\xE5\xB1\xB1\xE7\x94\xB0^\xE5\xA4\xAA\xE9\x83\x8E="
         "\xE3\x82\x84\xE3\x81\xBE\xE3\x81\xA0^\xE3\x81\x9F\xE3\x82\x8D\xE3\x81\x86",
    /* d: nothing but its UIDs */
    CT "00080018 UI 1.2.3.4",
    /* e: values without length and values that are none */
    "00080012 DA 20209999; 00080013 TM 2359; " CT
    "00080018 UI 1.2.3.5; 00082218 SQ {}; 00181030 LO; 00189912 SQ {[00080070 LO]}; 00700084 PN",
    /* f: the codes under an old designator; a leap second */
    "00080012 DA 20200105; 00080013 TM 235960; " CT
    "00080018 UI 1.2.3.6; 00082218 SQ {[00080100 SH T-D1100; 00080102 SH SNM3]}; "
    "00181030 LO head routine; 0040A07C SQ {[00080080 LO General; 00080082 SQ {[00080100 SH Y; "
    "00080102 SH L]}][00080080 LO Mercy]}; 00700084 PN   SMITH^JANE^^^",
    /* g: long codes, several software versions */
    CT
    "00080018 UI 1.2.3.7; 00082218 SQ {[00080119 UC a-code-of-more-than-sixteen; 00080102 SH 99L]"
    "[00080120 UR urn:x:a%b]}; 00181030 LO Chest; 00189912 SQ {[00080070 LO Gamma; 00181020 LO "
    "VA10\\VB20]}; 00700084 PN de Gr\\dummy",
    /* h: characters beyond ASCII in a name of a protocol */
    LATIN1 "00080012 DA 20200105; 00080013 TM 101559.5; " CT
           "00080018 UI 1.2.3.8; 00181030 LO Gr\xF6\xDF"
           "e; 00700084 PN \xC5ngstr\xF6m^\xC9va",
    /* i and j become retired and draft: never found */
    CT "00080018 UI 1.2.3.9; 00181030 LO Head Routine",
    CT "00080018 UI 1.2.3.10; 00181030 LO Head Routine",
};

struct match {
    const char *identifier, *letters;
};

static void check(const struct match *cases, size_t count)
{
    unsigned failed = 0;
    for (size_t i = 0; i < count; i++) {
        struct answers a;
        find_spec(cases[i].identifier, &a);
        if (strcmp(a.letters, cases[i].letters) != 0) {
            print_message("%s: [%s] instead of [%s]\n", cases[i].identifier, a.letters,
                          cases[i].letters);
            failed++;
        }
        find_fini(&a);
    }
    assert_int_equal(failed, 0);
}

#define UID "00080018 UI; "

static void name_matching(void **state)
{
    static const struct match cases[] = {
        {UID "00700084 PN Smith^John", "a"},
        {UID "00700084 PN SMITH^john^^", "a"},
        {UID "00700084 PN smith^*", "af"},
        {UID "00700084 PN smith^jane", "f"}, /* spaces at the start are padding */
        {UID "00700084 PN smith", ""},
        {UTF8 UID "00700084 PN M\xC3\xBCller^J\xC3\xBCrgen", "b"},
        {UID "00700084 PN Muller^Jurgen", "b"},
        {UTF8 UID "00700084 PN Mu\xCC\x88ller^J*", "b"}, /* decomposed */
        {UID "00700084 PN angstrom^eva", "h"},
        {UID "00700084 PN Yamada^Tarou", "c"},
        {UID "00700084 PN YAMADA*", "c"},
        {UTF8 UID "00700084 PN \xE5\xB1\xB1\xE7\x94\xB0^\xE5\xA4\xAA\xE9\x83\x8E", "c"},
        {UTF8 UID "00700084 PN \xE5\xB1\xB1\xE7\x94\xB0*", "c"},
        {UTF8 UID "00700084 PN =\xE5\xB1\xB1\xE7\x94\xB0*", "c"},
        {UTF8 UID "00700084 PN yamada*=\xE5\xB1\xB1\xE7\x94\xB0*", "c"},
        {UTF8 UID "00700084 PN \xE5\xB1\xB1\xE7\x94\xB0*=yamada*", ""}, /* order of groups */
        {UID "00700084 PN Yamada^Tarou=", "c"},
        {UID "00700084 PN *=*", "c"},
        {UID "00700084 PN =*", "c"},
        {UTF8 UID "00700084 PN Yamada*\xE9\x83\x8E", ""}, /* not across groups */
        {UID "00700084 PN ?*", "abcfh"},
        {UID "00700084 PN Smith^John\\Yamada*", "ac"},
        {UID "00700084 PN %", ""},
    };
    (void)state;
    check(cases, COUNT(cases));
}

static void date_and_time_matching(void **state)
{
    static const struct match cases[] = {
        {UID "00080012 DA 20200105", "afh"},
        {UID "00080201 SH +0500; 00080012 DA 20200106", "b"}, /* as written */
        {UID "00080012 DA 2020.01.06", "b"},
        {UID "00080012 DA 20200106-", "bc"},
        {UID "00080012 DA -20200105", "afh"},
        {UID "00080012 DA 20200105-20200106", "abfh"},
        {UID "00080012 DA 20200106-20200105", ""},
        {UID "00080012 DA 20200105\\20200107", "acfh"},
        {UID "00080013 TM 1015", "a"}, /* by meaning: 10:15:00 */
        {UID "00080013 TM 101559.500", "h"},
        {UID "00080013 TM 09", "b"},
        {UID "00080013 TM 1015-1015", "ah"}, /* the whole minute */
        {UID "00080013 TM -1014", "b"},
        {UID "00080013 TM 101500-101559.49", "a"},
        {UID "00080013 TM 10-", "aefh"},
        {UID "00080013 TM 235960", "f"},
        {UID "00080013 TM 235959-", "f"},
        /* combined: from the 5th 10:15:30 to the 6th 09:30 */
        {UID "00080012 DA 20200105-20200106; 00080013 TM 101530-0930", "bfh"},
        {UID "00080012 DA 20200105-; 00080013 TM 1016-", "bf"},
        {UID "00080012 DA -20200106; 00080013 TM -0900", "abfh"},
        /* an unknown or invalid part is no date-time: c has no time, e no date */
        {UID "00080012 DA 19000101-; 00080013 TM 00-", "abfh"},
        /* separate */
        {UID "00080012 DA 20200105; 00080013 TM 1000-1100", "ah"},
        {UID "00080012 DA 20200105-20200107; 00080013 TM 09", "b"},
        {UID "00080012 DA 20200105-; 00080013 TM -1100", "abh"},
    };
    (void)state;
    check(cases, COUNT(cases));
}

/* Whatever an identifier says, a statement made of it is one that PostgreSQL can run. */
static void no_identifier_makes_the_statement_fail(void **state)
{
    static const struct {
        const struct model *model;
        const char *identifier;
    } seeds[] = {
        {&model_protocol,
         UTF8 UID "00080012 DA 20200101-20201231; 00080013 TM 10-12; 00080221 CS C?; 00181030 LO "
                  "He?d*\\A\\B; 00200013 IS; 00700084 PN A^B=C*"},
        {&model_protocol, UID
         "00082218 SQ {[00080100 SH 1; 00080102 SH SRT; 00080121 SQ {[00080100 SH X*]}]}; 00189912 "
         "SQ {[00080070 LO A; 00181020 LO 1.*]}; 0040A07C SQ {[00080080 LO M; 00080082 SQ "
         "{[00080100 SH Y]}]}"},
        {&model_protocol,
         UID "00080012 DA -20200101; 00080013 TM -235960.5; 0018990E SQ {[00081155 UI 1.2\\1.3]}"},
        {&model_approval,
         UID "00440100 SQ {[00440101 SQ {[00080100 SH 1; 00080121 SQ {[00080102 SH SRT]}]}; "
             "00440103 SQ {[00080080 LO M*; 00080082 SQ {[00080100 SH X*; 00080121 SQ {[00080120 "
             "UR u]}]}; "
             "0040A123 PN A^B=C*]}; 00440104 DT 2020-20210101+0100; 00440107 SQ {[00440108 UI "
             "1.2\\1.3]}]}; "
             "00440109 SQ {[00081155 UI 1.2]}"},
    };
    struct query_view view = {.aet = "CT1", .max_matches = 5, .default_charset = "ISO_IR 100"};
    struct arena *arena = arena_new(1 << 20);
    unsigned ran = 0;
    (void)state;

    for (uint32_t i = 0; i < 8000; i++) {
        static struct octets o;
        uint32_t random = i * 2654435761u + 11;
        struct query q;
        struct err err;
        struct answers a = {0};
        spec(&o, seeds[i % COUNT(seeds)].identifier);
        mutate(&o, &random);
        arena_reset(arena);
        if (query_build(seeds[i % COUNT(seeds)].model, span_of(o.data, o.len),
                        dcm_ts_find(UID_EXPLICIT_LE), &view, NULL, arena, &q, &err) != RC_OK)
            continue;
        struct pg_query pq = {.sql = q.sql,
                              .params = q.params,
                              .param_count = q.param_count,
                              .on_done = find_on_done,
                              .arg = &a};
        pg_once_start(database.pool, WAIT_MS, &pq);
        wait_until(&a.is_done);
        if (a.result.code != RC_OK)
            fail_msg("%u: %s %s\n%s", i, a.result.sqlstate, a.result.text, q.sql);
        ran++;
    }
    arena_free(arena);
    if (ran <= 500)
        fail_msg("only %u identifiers could be run", ran);
}

static int fill(void **state)
{
    if (database_open(state) != 0)
        return -1;
    for (size_t i = 0; i < COUNT(objects); i++) {
        const char *outcome = store_spec(objects[i]);
        if (strcmp(outcome, "stored") != 0) {
            print_message("object %zu: %s\n", i, outcome);
            return -1;
        }
    }
    run_sql("update dpp.objects set state = 'retired', retired_at = now() where sop_instance_uid = "
            "'1.2.3.9'");
    run_sql("update dpp.objects set state = 'draft', published_at = null where sop_instance_uid = "
            "'1.2.3.10'");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name_matching),
        cmocka_unit_test(date_and_time_matching),
        cmocka_unit_test(no_identifier_makes_the_statement_fail),
    };
    struct err err;
    if (dcm_init(&err) != RC_OK)
        return 1;
    return cmocka_run_group_tests(tests, fill, database_close);
}
