/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzy semantic matching of person names from end to end (PS3.4 K.5.1 byte 3, C.2.2.2.1): one letter for each stored
 * Content Creator's Name, and for each key the letters that match, written down by hand, with and without it.
 */
#include "catalog_db.h"
#include "testdb.h"

#include "catalog/query.h"
#include "dcm/dict.h"
#include "dcm/uids.h"

/* From "a" on. */
static const char *const stored[] = {
    "Smith^John",
    "Schmidt^Jon",
    "Smyth^Jane^Anne",
    "M\u00FCller^J\u00FCrgen",
    "Mueller^Juergen",
    "Yamada^Tarou=\u5C71\u7530^\u592A\u90CE=\u3084\u307E\u3060^\u305F\u308D\u3046", /* f */
    NULL,
    "de la Cruz^Maria-Jos\u00E9",
    "O''Brien^Patrick",
    "Doe^J",
    "=\u5C71\u7530^\u82B1\u5B50", /* k */
    "Lee^Kim^^Dr^PhD",
};

/* Names of the asserters of each approval, from "A" on. */
static const char *const asserters[] = {
    "{Smith^John,Roe^Ann}",
    "{Schmidt^Jon}",
    "{Rowe^Jane,Doe^J}",
};

#define ALL_WITH_A_NAME "abcdefhijkl"

static const struct query_view literal = {.aet = "CT1"};
static const struct query_view fuzzy = {.aet = "CT1", .fuzzy_names = true};

static int by_letter(const void *a, const void *b)
{
    return *(const char *)a - *(const char *)b;
}

static const struct model *asked = &model_protocol;

static void answer(struct span identifier, const struct query_view *view, char letters[64])
{
    struct arena *arena = arena_new(1 << 20);
    struct pg_table *t = NULL;
    struct query q;
    struct err err = {0};
    if (query_build(asked, identifier, dcm_ts_find(UID_EXPLICIT_LE), view, NULL, arena, &q, &err) !=
        RC_OK)
        fail_msg("%s", err.text);
    if (pg_sync_query(database.sync, q.sql, q.params, q.param_count, &t, &err) != RC_OK)
        fail_msg("%s\n%s", err.text, q.sql);
    unsigned count = pg_table_rows(t);
    assert_true(count < 64);
    for (unsigned i = 0; i < count; i++) /* "\x61" */
        letters[i] = (char)strtol(pg_table_get(t, i, 0) + 2, NULL, 16);
    letters[count] = '\0';
    qsort(letters, count, 1, by_letter);
    pg_table_free(t);
    arena_free(arena);
}

static const struct match {
    const char *key, *literal, *fuzzy;
} cases[] = {
    /* C.2.2.2.3, and the lone asterisk */
    {"", "abcdefghijkl", "abcdefghijkl"},
    {"*", "abcdefghijkl", "abcdefghijkl"},
    {"^^=", "abcdefghijkl", "abcdefghijkl"},
    /* by sound: SM0 or XMT, and JN or AN */
    {"Smith^John", "a", "abc"},
    {"SMYTH^Jane^Anne", "c", "abc"},
    {"Schmidt^Jon", "b", "abc"},
    {"Smith^Peter", "", ""},
    {"Muller^Jurgen", "d", "de"},
    {"M\u00FCller", "", "de"},
    {"Mueller", "", "de"},
    {"Obrien", "", "i"},
    {"O'Brian", "", "i"},
    {"Li^Kym", "", "l"},
    /* in any order, in any component; the entity may have more */
    {"John^Smith", "", "abc"},
    {"John Smith", "", "abc"},
    {"Smith, John", "", "abc"},
    {"Smith", "", "abc"},
    {"^John", "", "abc"},
    {"Jose^Cruz", "", "h"},
    {"Maria Jose de la Cruz", "", "h"},
    {"Dr.Kim-Lee", "", "l"},
    {"Doe^J", "j", "j"},
    {"Doe^J^X", "", ""},
    /* each component group; names that are not Latin have no sound here and are compared folded */
    {"Tarou^Yamada", "", "f"},
    {"\u5C71\u7530^\u592A\u90CE", "f", "f"},
    {"\u592A\u90CE^\u5C71\u7530", "", "f"},
    {"\u592A\u90CE\u3000\u5C71\u7530", "", "f"},
    {"\u5C71\u7530", "", "fk"},
    {"\u5C71", "", ""},
    {"\u3084\u307E\u3060", "", "f"},
    {"Yamada^\u592A\u90CE", "", ""}, /* not across groups */
    /* group by group */
    {"=\u5C71\u7530", "", "fk"},
    {"Tarou=\u5C71\u7530", "", "f"},
    {"Tarou=\u82B1\u5B50", "", ""},
    {"\u5C71\u7530=Yamada", "", ""},
    {"Yamada=*", "", "f"},
    {"=*", "fk", "fk"},
    {"*=*", "f", "f"},
    {"==\u305F\u308D\u3046", "", "f"},
    {"Smith^J*=", "a", "abc"},
    {"Yam*=\u592A*", "", "f"},
    /* wild cards: within a word, or over several as in literal matching */
    {"Smith^*", "a", "abc"},
    {"Smith^J*", "a", "abc"},
    {"j* Smith", "", "abc"},
    {"j?n", "", "b"},
    {"*ith", "", "a"},
    {"sm*john", "a", "a"},
    {"*^*", ALL_WITH_A_NAME, ALL_WITH_A_NAME},
    {"?*", ALL_WITH_A_NAME, ALL_WITH_A_NAME},
    {"pat*^obrien", "", "i"},
    {"o'b*", "i", "i"},
    {"\u5C71*", "fk", "fk"},
    {"\u592A*", "", "f"},
    /* several values; what is no name; what means something elsewhere */
    {"Smith^John\\Tarou^Yamada", "a", "abcf"},
    {"-", "", ""},
    {"...", "", ""},
    {"%", "", ""},
    {"S_ith", "", ""},
    {"S_i*", "", ""},
    {"2nd", "", ""},
};

static void names_match(bool is_fuzzy)
{
    unsigned failed = 0;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *want = is_fuzzy ? cases[i].fuzzy : cases[i].literal;
        struct octets o;
        char identifier[256], letters[64];
        snprintf(identifier, sizeof(identifier), "00080005 CS ISO_IR 192; 00700084 PN %s",
                 cases[i].key);
        answer(spec(&o, identifier), is_fuzzy ? &fuzzy : &literal, letters);
        if (strcmp(letters, want) != 0) {
            print_message("%s: [%s] instead of [%s]\n", cases[i].key, letters, want);
            failed++;
        }
    }
    assert_int_equal(failed, 0);
}

static void without_negotiation_names_match_literally(void **state)
{
    (void)state;
    names_match(false);
}

static void negotiated_names_match_by_word_and_sound(void **state)
{
    (void)state;
    names_match(true);
}

#define ASSERTER(key) "00440100 SQ {[00440103 SQ {[0040A123 PN " key "]}]}"

/* Person Name of an asserter, two sequences down: all words in one name, not one each in two. */
static void names_in_items_match_item_by_item(void **state)
{
    static const struct {
        const char *identifier, *literal, *fuzzy;
    } rows[] = {
        {ASSERTER("Smith^John"), "A", "AB"}, {ASSERTER("John Smyth"), "", "AB"},
        {ASSERTER("Roe"), "", "AC"},         {ASSERTER("Ann^Ro*"), "", "AC"},
        {ASSERTER("Smith^Ann"), "", "AB"}, /* Ann and John, both AN */
        {ASSERTER("Smith^Robert"), "", ""},  {ASSERTER("John^Roe"), "", "AC"},
        {ASSERTER("Smith^Roe"), "", ""}, /* two asserters of A */
    };
    (void)state;
    asked = &model_approval;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct octets o;
        char letters[64];
        answer(spec(&o, rows[i].identifier), &literal, letters);
        if (strcmp(letters, rows[i].literal) != 0)
            fail_msg("%s: [%s] instead of [%s]", rows[i].identifier, letters, rows[i].literal);
        answer(spec(&o, rows[i].identifier), &fuzzy, letters);
        if (strcmp(letters, rows[i].fuzzy) != 0)
            fail_msg("%s, fuzzily: [%s] instead of [%s]", rows[i].identifier, letters,
                     rows[i].fuzzy);
    }
    asked = &model_protocol;
}

/* Whoever asks for more shall not get less. */
static void what_matches_literally_matches_fuzzily(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (const char *p = cases[i].literal; *p; p++) {
            if (!strchr(cases[i].fuzzy, *p))
                fail_msg("%s: %c", cases[i].key, *p);
        }
    }
}

static void too_many_words_are_a_limit(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    struct octets o;
    struct query q;
    struct err err = {0};
    char identifier[512] = "00700084 PN a";
    (void)state;
    for (unsigned i = 1; i < 64; i++)
        strcat(identifier, " a");
    assert_int_equal(query_build(&model_protocol, spec(&o, identifier),
                                 dcm_ts_find(UID_EXPLICIT_LE), &fuzzy, NULL, arena, &q, &err),
                     RC_OK);
    arena_reset(arena);
    strcat(identifier, " a");
    o.len = 0;
    assert_int_equal(query_build(&model_protocol, spec(&o, identifier),
                                 dcm_ts_find(UID_EXPLICIT_LE), &fuzzy, NULL, arena, &q, &err),
                     RC_LIMIT);
    assert_int_equal(err.tag, TAG(0x0070, 0x0084));
    assert_int_equal(err.limit, LIMIT_query_values);
    arena_free(arena);
}

/* Whatever an identifier says, with everything negotiated, a statement made of it is one that PostgreSQL can run. */
static void no_identifier_makes_the_statement_fail(void **state)
{
    static const char *const seeds[] = {
        "00080005 CS ISO_IR 192; 00700084 PN Smith^J*=\u5C71\u7530^*",
        "00700084 PN A^B C-D.E\\O'Br?en",
        "00080012 DA 20200101-20201231; 00080013 TM 10-12; 00080201 SH +0100; 00700084 PN A=*=C",
        "00080012 DA 20200101; 00080013 TM -235960; 00080201 SH -1200",
    };
    struct query_view view = {
        .aet = "CT1", .fuzzy_names = true, .adjusts_times = true, .default_charset = "ISO_IR 100"};
    struct arena *arena = arena_new(1 << 20);
    unsigned ran = 0;
    (void)state;
    for (uint32_t i = 0; i < 4000; i++) {
        static struct octets o;
        uint32_t random = i * 2654435761u + 11;
        struct pg_table *t = NULL;
        struct query q;
        struct err err;
        spec(&o, seeds[i % COUNT(seeds)]);
        mutate(&o, &random);
        arena_reset(arena);
        if (query_build(&model_protocol, span_of(o.data, o.len), dcm_ts_find(UID_EXPLICIT_LE),
                        &view, NULL, arena, &q, &err) != RC_OK)
            continue;
        if (pg_sync_query(database.sync, q.sql, q.params, q.param_count, &t, &err) != RC_OK)
            fail_msg("%u: %s\n%s", i, err.text, q.sql);
        pg_table_free(t);
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
    for (size_t i = 0; i < COUNT(stored); i++) {
        char sql[1024], name[256];
        snprintf(name, sizeof(name), stored[i] ? "'%s'" : "null", stored[i]);
        snprintf(sql, sizeof(sql),
                 "insert into dpp.objects (sop_instance_uid, sop_class_uid, state, query_record)"
                 " values ('1.2.3.%zu', '%s', 'published', '%c');"
                 " insert into dpp.protocols (object_id, content_creator_name)"
                 " select o.id, %s from dpp.objects as o where o.sop_instance_uid = '1.2.3.%zu'",
                 i, UID_CT_DEFINED_PROTOCOL, (char)('a' + i), name, i);
        run_sql(sql);
    }
    for (size_t i = 0; i < COUNT(asserters); i++) {
        char sql[2048];
        snprintf(sql, sizeof(sql),
                 "insert into dpp.objects (sop_instance_uid, sop_class_uid, state, query_record)"
                 " values ('1.2.4.%zu', '%s', 'published', '%c');"
                 " insert into dpp.approvals (object_id) select o.id from dpp.objects as o"
                 " where o.sop_instance_uid = '1.2.4.%zu';"
                 " insert into dpp.approval_assertions (object_id, ordinal)"
                 " select o.id, 1 from dpp.objects as o where o.sop_instance_uid = '1.2.4.%zu';"
                 " insert into dpp.approval_asserters (object_id, assertion_ordinal, ordinal,"
                 " person_name) select o.id, 1, n.n, n.name from dpp.objects as o,"
                 " unnest('%s'::text[]) with ordinality as n (name, n)"
                 " where o.sop_instance_uid = '1.2.4.%zu'",
                 i, UID_PROTOCOL_APPROVAL, (char)('A' + i), i, i, asserters[i], i);
        run_sql(sql);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_negotiation_names_match_literally),
        cmocka_unit_test(negotiated_names_match_by_word_and_sound),
        cmocka_unit_test(names_in_items_match_item_by_item),
        cmocka_unit_test(what_matches_literally_matches_fuzzily),
        cmocka_unit_test(too_many_words_are_a_limit),
        cmocka_unit_test(no_identifier_makes_the_statement_fail),
    };
    struct err err;
    if (dcm_init(&err) != RC_OK)
        return 1;
    return cmocka_run_group_tests(tests, fill, database_close);
}
