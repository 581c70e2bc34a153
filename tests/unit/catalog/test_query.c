/* SPDX-License-Identifier: Apache-2.0
 *
 * Identifier to SQL, without a database: the exact statement and parameters of every matching rule.
 * test_matching.c runs the same statements.
 */
#include "catalog_test.h"

#include "catalog/project.h"
#include "catalog/query.h"
#include "dcm/dict.h"
#include "project_plan.h"

#define VIEW                                                                                \
    " where o.state = 'published' and o.sop_class_uid in ('1.2.840.10008.5.1.4.1.1.200.1'," \
    " '1.2.840.10008.5.1.4.1.1.200.7')"

static struct arena *arena;

static enum rc build(struct span identifier, const struct query_view *view, struct query *q,
                     struct err *err)
{
    arena_reset(arena);
    memset(err, 0, sizeof(*err));
    return query_build(&model_protocol, identifier, dcm_ts_find(UID_EXPLICIT_LE), view, NULL, arena,
                       q, err);
}

static enum rc build_spec(const char *text, struct query *q, struct err *err)
{
    static struct octets o;
    struct query_view view = {.aet = "CT1"};
    return build(spec(&o, text), &view, q, err);
}

struct query_case {
    const char *identifier;
    const char
        *items; /* NULL, or what matches in the one top-level sequence: " from ... where ..." */
    bool is_joined;
    const char *where;  /* after the view */
    const char *params; /* joined by '|' */
};

/* The three places of a sequence's items, and the limit of a statement that is planned with its values. columns:
 * those before that of the items. joined: the items as they are joined, where sequences are within; NULL = as they are. */
static void expected_sql(const struct query_case *c, const char *columns, const char *joined,
                         bool plan_with_values, struct buf *sql)
{
    buf_printf(sql, "select o.query_record%s", columns);
    if (c->items)
        buf_printf(sql, ", array(select s1.ordinal%s and s1.object_id = o.id)", c->items);
    buf_printf(sql, " from dpp.objects o%s",
               c->is_joined ? " join dpp.protocols p on p.object_id = o.id" : "");
    if (c->items)
        buf_printf(
            sql,
            " join (select s1.object_id, s1.ordinal as n0%s) ms1 on ms1.object_id = o.id" VIEW
            " and not exists (select 1%s and s1.object_id = ms1.object_id and s1.ordinal <"
            " ms1.n0%s)",
            joined ? joined : c->items, c->items, joined ? " offset 0" : "");
    else
        buf_add_str(sql, VIEW);
    buf_add_str(sql, c->where);
    if (plan_with_values)
        buf_add_str(sql, " limit (select 9223372036854775807)");
}

static void check_case(const struct query_case *c, const char *columns, const char *joined)
{
    struct query q;
    struct err err;
    struct buf sql = {0};
    char params[2048] = "";
    if (build_spec(c->identifier, &q, &err) != RC_OK)
        fail_msg("%s: %s", c->identifier, err.text);
    expected_sql(c, columns, joined, q.plan_with_values, &sql);
    assert_string_equal(q.sql, buf_cstr(&sql));
    buf_fini(&sql);
    for (unsigned i = 0; i < q.param_count; i++) {
        size_t used = strlen(params);
        snprintf(params + used, sizeof(params) - used, "%s%.*s", i ? "|" : "", q.params[i].len,
                 (const char *)q.params[i].data);
        assert_false(q.params[i].is_binary);
    }
    assert_string_equal(params, c->params);
}

static void check_cases(const struct query_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_case(&cases[i], "", NULL);
}

static void universal_keys_restrict_nothing(void **state)
{
    static const struct query_case cases[] = {
        {"00181030 LO", NULL, false, "", ""},
        {"00080018 UI; 00181030 LO; 00700084 PN; 00080012 DA; 00080013 TM", NULL, false, "", ""},
        {"00181030 LO *", NULL, false, "", ""},
        {"00181030 LO ***", NULL, false, "", ""},
        {"00181030 LO   ", NULL, false, "", ""},
        {"00181030 LO *\\Head", NULL, false, "", ""},
        {"00181030 LO \\\\", NULL, false, "", ""},
        {"00700084 PN *", NULL, false, "", ""},
        {"00700084 PN ^^=", NULL, false, "", ""},
        {"00700084 PN A\\*\\B*", NULL, false, "", ""},
        {"00080018 UI *", NULL, false, "", ""},
        {"00080018 UI 1.2\\*", NULL, false, "", ""},
        {"00189912 SQ {}", NULL, false, "", ""},
        {"00189912 SQ {[]}", NULL, false, "", ""},
        {"00189912 SQ {[00080070 LO; 00081090 LO *]}", NULL, false, "", ""},
        {"0040A07C SQ {[00080082 SQ {[00080100 SH]}]}", NULL, false, "", ""},
        /* return only, with a value */
        {"00189908 UC cough", NULL, false, "", ""},
        {"00082218 SQ {[00080104 LO Head]}", NULL, false, "", ""},
        {"00189912 SQ {[00181000 LO 4711]}", NULL, false, "", ""},
    };
    (void)state;
    check_cases(cases, COUNT(cases));
}

static void text_is_matched_exactly_by_prefix_or_by_pattern(void **state)
{
    static const struct query_case cases[] = {
        {"00181030 LO Head", NULL, true, " and p.protocol_name = $1", "Head"},
        {"00181030 LO  Head ", NULL, true, " and p.protocol_name = $1", "Head"},
        {"00181030 LO Head*", NULL, true, " and (p.protocol_name >= $1 and p.protocol_name < $2)",
         "Head|Heae"},
        {"00181030 LO *Head", NULL, true, " and p.protocol_name like $1", "%Head"},
        {"00181030 LO He?d", NULL, true, " and p.protocol_name like $1", "He_d"},
        {"00181030 LO ?", NULL, true, " and p.protocol_name like $1", "_"},
        {"00181030 LO ?*", NULL, true, " and p.protocol_name like $1", "_%"},
        {"00181030 LO H**d", NULL, true, " and p.protocol_name like $1", "H%d"},
        {"00181030 LO H*d*", NULL, true, " and p.protocol_name like $1", "H%d%"},
        {"00181030 LO 50%_*x", NULL, true, " and p.protocol_name like $1", "50\\%\\_%x"},
        {"00181030 LO 100%", NULL, true, " and p.protocol_name = $1", "100%"},
        {"00181030 LO 100%*", NULL, true, " and (p.protocol_name >= $1 and p.protocol_name < $2)",
         "100%|100&"},
        {"00181030 LO A\\B", NULL, true, " and p.protocol_name = any($1::text[])", "{\"A\",\"B\"}"},
        {"00181030 LO A\\\\B\\", NULL, true, " and p.protocol_name = any($1::text[])",
         "{\"A\",\"B\"}"},
        {"00181030 LO A\"\\B{", NULL, true, " and p.protocol_name = any($1::text[])",
         "{\"A\\\"\",\"B{\"}"},
        {"00181030 LO A\\B*\\?C", NULL, true,
         " and (p.protocol_name = $1 or (p.protocol_name >= $2 and p.protocol_name < $3)"
         " or p.protocol_name like $4)",
         "A|B|C|_C"},
        {"00080221 CS CT", NULL, true, " and p.equipment_modality = $1", "CT"},
        {"00120010 LO S; 00120020 LO I", NULL, true,
         " and p.clinical_trial_sponsor_name = $1 and p.clinical_trial_protocol_id = $2", "S|I"},
        /* a wrong or unknown VR in the identifier does not matter */
        {"00181030 UN Head", NULL, true, " and p.protocol_name = $1", "Head"},
        {"00181030 SH Head", NULL, true, " and p.protocol_name = $1", "Head"},
    };
    (void)state;
    check_cases(cases, COUNT(cases));
}

static void prefixes_end_where_utf8_says(void **state)
{
    static const struct query_case cases[] = {
        {"00080005 CS ISO_IR 192; 00181030 LO Gr\xC3\xBC*", NULL, true,
         " and (p.protocol_name >= $1 and p.protocol_name < $2)", "Gr\xC3\xBC|Gr\xC3\xBD"},
        {"00080005 CS ISO_IR 192; 00181030 LO x\xDF\xBF*", NULL, true,
         " and (p.protocol_name >= $1 and p.protocol_name < $2)", "x\xDF\xBF|x\xE0\xA0\x80"},
        {"00080005 CS ISO_IR 192; 00181030 LO x\xED\x9F\xBF*", NULL, true,
         " and (p.protocol_name >= $1 and p.protocol_name < $2)", "x\xED\x9F\xBF|x\xEE\x80\x80"},
        {"00080005 CS ISO_IR 192; 00181030 LO x\xEF\xBF\xBF*", NULL, true,
         " and (p.protocol_name >= $1 and p.protocol_name < $2)",
         "x\xEF\xBF\xBF|x\xF0\x90\x80\x80"},
        {"00080005 CS ISO_IR 192; 00181030 LO x\xF4\x8F\xBF\xBF*", NULL, true,
         " and (p.protocol_name >= $1 and p.protocol_name < $2)", "x\xF4\x8F\xBF\xBF|y"},
        {"00080005 CS ISO_IR 192; 00181030 LO \xF4\x8F\xBF\xBF*", NULL, true,
         " and p.protocol_name >= $1", "\xF4\x8F\xBF\xBF"},
        {"00181030 LO x\x7F*", NULL, true, " and (p.protocol_name >= $1 and p.protocol_name < $2)",
         "x\x7F|x\xC2\x80"},
        {"00080005 CS ISO_IR 100; 00181030 LO Gr\xFCn", NULL, true, " and p.protocol_name = $1",
         "Gr\xC3\xBCn"},
    };
    (void)state;
    check_cases(cases, COUNT(cases));
}

static void names_are_folded_and_tried_on_each_group(void **state)
{
#define SEARCH(n)                                                                                \
    "(p.content_creator_search like E'%\\n' || dpp.fold_name($" n ") || E'\\n%' and exists"      \
    " (select 1 from unnest(p.content_creator_folded) as n (x) where n.x like dpp.fold_name($" n \
    ") and n.x not like '%=%'))"
    static const struct query_case cases[] = {
        {"00700084 PN Smith^John^^", NULL, true,
         " and p.content_creator_folded @> array[dpp.fold_name($1)]", "Smith^John"},
        {"00700084 PN Smith*", NULL, true, " and " SEARCH("1"), "Smith%"},
        {"00700084 PN S?i_h", NULL, true, " and " SEARCH("1"), "S_i\\_h"},
        {"00700084 PN A\\B*", NULL, true,
         " and (p.content_creator_folded @> array[dpp.fold_name($1)] or " SEARCH("2") ")", "A|B%"},
        {"00700084 PN Yamada=X^Y", NULL, true,
         " and (dpp.fold_name(split_part(p.content_creator_name, '=', 1)) = dpp.fold_name($1)"
         " and dpp.fold_name(split_part(p.content_creator_name, '=', 2)) = dpp.fold_name($2))",
         "Yamada|X^Y"},
        {"00700084 PN =X*", NULL, true,
         " and (dpp.fold_name(split_part(p.content_creator_name, '=', 2)) like dpp.fold_name($1))",
         "X%"},
        {"00700084 PN *=*", NULL, true,
         " and (split_part(p.content_creator_name, '=', 1) <> ''"
         " and split_part(p.content_creator_name, '=', 2) <> '')",
         ""},
    };
    (void)state;
    check_cases(cases, COUNT(cases));
}

static void uids_are_lists(void **state)
{
    static const struct query_case cases[] = {
        {"00080018 UI 1.2.3", NULL, false, " and o.sop_instance_uid = any($1::text[])",
         "{\"1.2.3\"}"},
        {"00080018 UI 1.2.3\\1.2.4", NULL, false, " and o.sop_instance_uid = any($1::text[])",
         "{\"1.2.3\",\"1.2.4\"}"},
        {"00080018 UI 1.2.3\\junk\\ 1.02\\1.2.4 ", NULL, false,
         " and o.sop_instance_uid = any($1::text[])", "{\"1.2.3\",\"1.2.4\"}"},
        {"00080016 UI 1.2.840.10008.5.1.4.1.1.200.1", NULL, false,
         " and o.sop_class_uid = any($1::text[])", "{\"1.2.840.10008.5.1.4.1.1.200.1\"}"},
        {"00080018 UI junk", NULL, false, " and false", ""},
    };
    (void)state;
    check_cases(cases, COUNT(cases));
}

static void dates_and_times_are_matched_by_meaning(void **state)
{
#define BOTH(column, type) " and (p." column " >= $1::" type " and p." column " <= $2::" type ")"
    static const struct query_case cases[] = {
        {"00080012 DA 20200229", NULL, true, " and p.creation_date = $1::date", "2020-02-29"},
        {"00080012 DA 2020.02.29", NULL, true, " and p.creation_date = $1::date", "2020-02-29"},
        {"00080012 DA 20200101-20201231", NULL, true, BOTH("creation_date", "date"),
         "2020-01-01|2020-12-31"},
        {"00080012 DA 20200101-", NULL, true, " and p.creation_date >= $1::date", "2020-01-01"},
        {"00080012 DA -20200101", NULL, true, " and p.creation_date <= $1::date", "2020-01-01"},
        {"00080012 DA 20200101 - 20200102 ", NULL, true, BOTH("creation_date", "date"),
         "2020-01-01|2020-01-02"},
        {"00080012 DA 20200101\\20210101-", NULL, true,
         " and (p.creation_date = $1::date or p.creation_date >= $2::date)",
         "2020-01-01|2021-01-01"},
        {"00080013 TM 2230", NULL, true, " and p.creation_time = $1::time", "22:30:00.000000"},
        {"00080013 TM 22:30:01", NULL, true, " and p.creation_time = $1::time", "22:30:01.000000"},
        {"00080013 TM 223001.5", NULL, true, " and p.creation_time = $1::time", "22:30:01.500000"},
        {"00080013 TM 10-12", NULL, true, BOTH("creation_time", "time"),
         "10:00:00.000000|12:59:59.999999"},
        {"00080013 TM -1030", NULL, true, " and p.creation_time <= $1::time", "10:30:59.999999"},
        {"00080013 TM -103010", NULL, true, " and p.creation_time <= $1::time", "10:30:10.999999"},
        {"00080013 TM -103010.25", NULL, true, " and p.creation_time <= $1::time",
         "10:30:10.259999"},
        {"00080013 TM -103010.123456", NULL, true, " and p.creation_time <= $1::time",
         "10:30:10.123456"},
        {"00080013 TM 235960", NULL, true, " and p.creation_time = $1::time", "23:59:59.999999"},
        {"00080013 TM -235960.7", NULL, true, " and p.creation_time <= $1::time",
         "23:59:59.999999"},
        /* ranges of the same form are one */
        {"00080012 DA 20060705-20060707; 00080013 TM 1000-1800", NULL, true,
         BOTH("creation_datetime", "timestamp"),
         "2006-07-05 10:00:00.000000|2006-07-07 18:00:59.999999"},
        {"00080012 DA 20060705-; 00080013 TM 1000-", NULL, true,
         " and p.creation_datetime >= $1::timestamp", "2006-07-05 10:00:00.000000"},
        {"00080012 DA -20060705; 00080013 TM -10", NULL, true,
         " and p.creation_datetime <= $1::timestamp", "2006-07-05 10:59:59.999999"},
        /* others are separate */
        {"00080012 DA 20060705; 00080013 TM 1000-1800", NULL, true,
         " and p.creation_date = $1::date and (p.creation_time >= $2::time and p.creation_time <="
         " $3::time)",
         "2006-07-05|10:00:00.000000|18:00:59.999999"},
        {"00080012 DA 20060705-; 00080013 TM -1800", NULL, true,
         " and p.creation_date >= $1::date and p.creation_time <= $2::time",
         "2006-07-05|18:00:59.999999"},
        {"00080012 DA 20060705-20060707; 00080013 TM", NULL, true, BOTH("creation_date", "date"),
         "2006-07-05|2006-07-07"},
    };
    (void)state;
    check_cases(cases, COUNT(cases));
}

static void items_are_matched_as_a_whole(void **state)
{
#define MODELS(preds) " from dpp.protocol_models s1 where true" preds
#define REGIONS(preds) \
    " from dpp.protocol_codes s1 where role = 'anatomic_region' and equivalent = 0" preds
#define PREDECESSORS(preds) " from dpp.protocol_predecessors s1 where true" preds
    static const struct query_case cases[] = {
        {"00189912 SQ {[00080070 LO ACME; 00081090 LO One*]}",
         MODELS(" and s1.manufacturer = $1 and (s1.manufacturer_model_name >= $2 and"
                " s1.manufacturer_model_name < $3)"),
         false, "", "ACME|One|Onf"},
        {"00189912 SQ {[00181020 LO 1.0]}", MODELS(" and s1.software_versions @> array[$1::text]"),
         false, "", "1.0"},
        {"00189912 SQ {[00181020 LO 1.*\\a\\b]}",
         MODELS(" and (s1.software_versions && $1::text[] or exists (select 1 from"
                " unnest(s1.software_versions) as v (x) where (v.x collate \"C\" >= $2 and v.x"
                " collate \"C\" < $3)))"),
         false, "", "{\"a\",\"b\"}|1.|1/"},
        {"00082218 SQ {[00080100 SH 69536005; 00080102 SH SCT; 00080104 LO ignored]}",
         REGIONS(" and s1.code_value = $1 and s1.coding_scheme_designator = $2"), false, "",
         "69536005|SCT"},
        {"00082218 SQ {[00080102 SH SRT]}",
         REGIONS(" and s1.coding_scheme_designator = any($1::text[])"), false, "",
         "{\"SRT\",\"SNM3\",\"99SDM\"}"},
        {"0018990E SQ {[00081155 UI 1.2.3]}",
         PREDECESSORS(" and s1.referenced_sop_instance_uid = any($1::text[])"), false, "",
         "{\"1.2.3\"}"},
        /* a code without and with a backslash: UR has one value */
        {"00082218 SQ {[00080120 UR urn:a\\b]}", REGIONS(" and s1.urn_code_value = $1"), false, "",
         "urn:a\\b"},
    };
    (void)state;
    check_cases(cases, COUNT(cases));
}

static void sequences_nest(void **state)
{
#define INSTITUTIONS(preds)                                                                   \
    " from dpp.protocol_codes s2 where role = 'custodian_institution' and equivalent = 0 and" \
    " s2.code_value = $2" preds
#define EQUIVALENTS(preds)                                                              \
    " from dpp.protocol_codes s2 where role = 'anatomic_region' and equivalent > 0 and" \
    " s2.code_value = $1" preds
    static const struct query_case custodian = {
        "0040A07C SQ {[00080080 LO Mercy; 00080082 SQ {[00080100 SH X]}]}",
        " from dpp.protocol_custodians s1 where true and s1.institution_name = $1 and exists"
        " (select 1" INSTITUTIONS(
            " and s2.object_id = s1.object_id and s2.parent_ordinal = s1.ordinal)"),
        false, "", "Mercy|X"};
    static const struct query_case region = {
        "00082218 SQ {[00080121 SQ {[00080100 SH T-A0100]}]}",
        REGIONS(" and exists (select 1" EQUIVALENTS(
            " and s2.object_id = s1.object_id and s2.ordinal = s1.ordinal)")),
        false, "", "T-A0100"};
    (void)state;
    check_case(
        &custodian,
        ", array(select unnest(array[s2.parent_ordinal, s2.ordinal])" INSTITUTIONS(
            " and s2.object_id = o.id)"),
        " from dpp.protocol_custodians s1 join (select s2.object_id, s2.parent_ordinal as n0,"
        " s2.ordinal as n1" INSTITUTIONS(
            ") ms2 on ms2.object_id = s1.object_id and ms2.n0 = s1.ordinal where true and"
            " s1.institution_name = $1 and not exists (select 1" INSTITUTIONS(
                " and s2.object_id = ms2.object_id and s2.parent_ordinal = ms2.n0 and s2.ordinal <"
                " ms2.n1 offset 0)")));
    check_case(
        &region,
        ", array(select unnest(array[s2.ordinal, s2.equivalent])" EQUIVALENTS(
            " and s2.object_id = o.id)"),
        " from dpp.protocol_codes s1 join (select s2.object_id, s2.ordinal as n0, s2.equivalent as"
        " n1" EQUIVALENTS(
            ") ms2 on ms2.object_id = s1.object_id and ms2.n0 = s1.ordinal where role ="
            " 'anatomic_region' and equivalent = 0 and not exists (select 1" EQUIVALENTS(
                " and s2.object_id = ms2.object_id and s2.ordinal = ms2.n0 and s2.equivalent <"
                " ms2.n1 offset 0)")));

    /* three deep */
    struct query q;
    struct err err;
    assert_int_equal(
        build_spec("0040A07C SQ {[00080082 SQ {[00080121 SQ {[00080100 SH X]}]}]}", &q, &err),
        RC_OK);
    assert_non_null(strstr(q.sql, "unnest(array[s3.parent_ordinal, s3.ordinal, s3.equivalent])"));
    assert_non_null(strstr(q.sql, "s3.parent_ordinal = s2.parent_ordinal and s3.ordinal ="
                                  " s2.ordinal"));
    assert_non_null(strstr(q.sql, "ms3.n0 = s2.parent_ordinal and ms3.n1 = s2.ordinal where"));
    assert_non_null(strstr(q.sql, "s3.parent_ordinal = ms3.n0 and s3.ordinal = ms3.n1 and"
                                  " s3.equivalent < ms3.n2 offset 0)"));
}

/* Octets are read, a part a row, where an attribute outside the model is asked for; which it is says the plan. */
static void attributes_outside_the_model_are_read_from_octets(void **state)
{
#define PARTS(lists)                                                                       \
    "select q.record" lists                                                                \
    ", q.syntax, coalesce(octet_length(q.dataset), 0), substring(q.dataset"                \
    " from 1 + 1048576 * generate_series(0, (coalesce(octet_length(q.dataset), 0) - 1) / " \
    "1048576) for"                                                                         \
    " 1048576) from ("
#define FROM   "from dpp.objects o"
#define OCTETS " left join dpp.instances i on i.object_id = o.id"
    static const struct {
        const char *identifier, *sql, *wanted;
    } cases[] = {
        {"00200013 IS",
         PARTS("") "select o.query_record, i.transfer_syntax_uid, i.dataset " FROM OCTETS VIEW
                   ") as q (record, syntax, dataset)",
         "00200013 "},
        {"00080001 UL; 00091001 LO; 00181030 LO A",
         PARTS("") "select o.query_record, i.transfer_syntax_uid, i.dataset " FROM
                   " join dpp.protocols p on p.object_id = o.id" OCTETS VIEW
                   " and p.protocol_name = $1) as q (record, syntax, dataset)",
         "00080001 00091001 "},
        {"00080221 CS CT; 00189920 SQ {[00189922 LO]}",
         PARTS(
             "") "select o.query_record, i.transfer_syntax_uid, i.dataset " FROM
                 " join dpp.protocols p on p.object_id = o.id" OCTETS VIEW
                 " and p.equipment_modality = $1 limit (select 9223372036854775807)) as q (record,"
                 " syntax, dataset)",
         "00189920+ "},
        {"00181030 LO; 00189912 SQ {[00081010 SH]}", "select o.query_record " FROM VIEW, ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct query q;
        struct err err;
        char wanted[256] = "";
        assert_int_equal(build_spec(cases[i].identifier, &q, &err), RC_OK);
        assert_string_equal(q.sql, cases[i].sql);
        for (unsigned k = 0; k < q.plan->other_count; k++)
            snprintf(wanted + strlen(wanted), sizeof(wanted) - strlen(wanted), "%08X%s ",
                     q.plan->others[k].tag, q.plan->others[k].is_sequence ? "+" : "");
        assert_string_equal(wanted, cases[i].wanted);
    }
    struct query q;
    struct err err;
    assert_int_equal(
        build_spec("0040A07C SQ {[00080080 LO M; 00080082 SQ {[00080100 SH Y]}]}; 00200013 IS", &q,
                   &err),
        RC_OK);
    assert_int_equal(
        strncmp(q.sql, PARTS(", q.list1, q.list2"), strlen(PARTS(", q.list1, q.list2"))), 0);
    assert_non_null(strstr(q.sql, ") as q (record, list1, list2, syntax, dataset)"));
}

static void text_depends_on_the_shape_only(void **state)
{
    static const char *const pairs[][2] = {
        {"00181030 LO Head", "00181030 LO Abdomen'; drop table dpp.objects; --"},
        {"00181030 LO H*", "00181030 LO $1*"},
        {"00080018 UI 1.2", "00080018 UI 1.2\\1.3\\1.4"},
        {"00080013 TM 10-12", "00080013 TM 1030-120000.5"},
        {"00082218 SQ {[00080100 SH A]}", "00082218 SQ {[00080100 SH B'c]}"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        struct query q;
        struct err err;
        static struct octets o;
        struct query_view view = {.aet = "CT1"};
        assert_int_equal(build_spec(pairs[i][0], &q, &err), RC_OK);
        char *first = xstrdup(q.sql);
        /* the second may have a ';' in its value */
        const char *text = pairs[i][1];
        if (i == 0) {
            o.len = 0;
            octets_add(&o, "\x18\x00\x30\x10LO\x24\x00", 8);
            octets_add(&o, text + 12, 0x24);
            assert_int_equal(build(span_of(o.data, o.len), &view, &q, &err), RC_OK);
            assert_null(strstr(q.sql, "drop"));
        } else {
            assert_int_equal(build_spec(text, &q, &err), RC_OK);
        }
        assert_string_equal(q.sql, first);
        free(first);
    }
}

static void a_limit_is_one_more(void **state)
{
    struct octets o;
    struct query q;
    struct err err;
    struct query_view view = {.aet = "CT1", .max_matches = 100};
    (void)state;
    assert_int_equal(build(spec(&o, "00181030 LO"), &view, &q, &err), RC_OK);
    assert_string_equal(q.sql, "select o.query_record from dpp.objects o" VIEW " limit 101");
    assert_int_equal(build(spec(&o, "00181030 LO Head*"), &view, &q, &err), RC_OK);
    assert_non_null(strstr(q.sql, " limit (select 101)"));
}

#define MET(alias)                                                                             \
    "array(select r.requirement from dpp.requirements_met r where r.sop_instance_uid = " alias \
    ".sop_instance_uid)"
#define SUCCESSOR                                                                               \
    " and not exists (select from dpp.supersessions s join dpp.objects n on n.id = s.object_id" \
    " where s.superseded_uid = o.sop_instance_uid and n.state = 'published'"
#define NO_SUCCESSOR                                                              \
    ") and (not exists (select from dpp.supersessions s where s.superseded_uid =" \
    " o.sop_instance_uid) or not dpp.is_superseded(o.sop_instance_uid, "

/* Who is not restricted has the statements of before; what restricts others adds to them, by its kind only. */
static void views_add_to_the_statement_by_their_shape(void **state)
{
    static const struct {
        const char *identifier, *required;
        bool current_only;
        const char *from, *view, *where;
        unsigned param_count;
    } cases[] = {
        {"00181030 LO", NULL, false, "", "", "", 0},
        {"00181030 LO", "{128603}", false, "", " and $1::text[] <@ " MET("o"), "", 1},
        {"00181030 LO", "{a,b/c,d}", false, "", " and $1::text[] <@ " MET("o"), "", 1},
        {"00181030 LO", NULL, true, "", SUCCESSOR ")", "", 0},
        {"00181030 LO", "{128603}", true, "",
         " and $1::text[] <@ " MET("o") SUCCESSOR " and $1::text[] <@ " MET("n") NO_SUCCESSOR
         "$1::text[]))",
         "", 1},
        {"00181030 LO Head", "{128603}", false, " join dpp.protocols p on p.object_id = o.id",
         " and $2::text[] <@ " MET("o"), " and p.protocol_name = $1", 2},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct octets o;
        struct query q;
        struct err err;
        struct buf sql = {0};
        struct query_view view = {
            .aet = "CT1", .required = cases[i].required, .current_only = cases[i].current_only};
        assert_int_equal(build(spec(&o, cases[i].identifier), &view, &q, &err), RC_OK);
        buf_printf(&sql, "select o.query_record from dpp.objects o%s" VIEW "%s%s", cases[i].from,
                   cases[i].view, cases[i].where);
        assert_string_equal(q.sql, buf_cstr(&sql));
        assert_int_equal(q.param_count, cases[i].param_count);
        if (cases[i].required) {
            const struct pg_param *last = &q.params[q.param_count - 1];
            assert_int_equal(last->len, strlen(cases[i].required));
            assert_memory_equal(last->data, cases[i].required, (size_t)last->len);
        }
        buf_fini(&sql);
    }
}

/* test_plans.c shows why. */
static void values_matter_to_the_plan_unless_one_names_few(void **state)
{
    static const struct {
        const char *identifier;
        bool plan_with_values;
    } cases[] = {
        {"00181030 LO", false},
        {"00189912 SQ {}", false},
        {"00181030 LO Head", false},
        {"00181030 LO A\\B", false},
        {"00080018 UI 1.2.3\\1.2.4", false},
        {"0018990E SQ {[00081155 UI 1.2.3]}", false},
        {"00080221 CS CT; 00080018 UI 1.2.3", false},
        {"00181030 LO Head*", true},
        {"00181030 LO A\\B*", true},
        {"00080221 CS CT", true},
        {"00080016 UI 1.2.840.10008.5.1.4.1.1.200.1", true},
        {"0018990E SQ {[00081150 UI 1.2.840.10008.5.1.4.1.1.200.1]}", true},
        {"00080012 DA 20200101", true},
        {"00189912 SQ {[00080070 LO ACME]}", true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct query q;
        struct err err;
        assert_int_equal(build_spec(cases[i].identifier, &q, &err), RC_OK);
        if (q.plan_with_values != cases[i].plan_with_values ||
            (strstr(q.sql, " limit (") != NULL) != q.plan_with_values)
            fail_msg("%s: %s", cases[i].identifier, q.sql);
    }
}

static void flags_say_what_was_asked(void **state)
{
    static const struct {
        const char *identifier;
        bool nothing_asked, matches_none, optional_ignored;
    } cases[] = {
        {"", true, true, false},
        {"00080005 CS ISO_IR 100", true, true, false},
        {"00080201 SH +0100", true, true, false},
        {"00080052 CS STUDY", true, true, false},
        {"FFFCFFFC OB ab", true, true, false},
        {"00181030 LO", false, false, false},
        {"00080052 CS STUDY; 00181030 LO", false, false, false},
        {"00080018 UI junk", false, true, false},
        {"00082218 SQ {[00080104 LO Head]}", false, false, false},
        {"00082218 SQ {[00080121 SQ {[00080100 SH X]}]}", false, false, false},
        {"00100010 PN Doe", false, false, true},  /* of no key table */
        {"00080070 LO ACME", false, false, true}, /* a key of items only */
        {"00091001 LO private", false, false, true},
        {"00189912 SQ {[00100010 PN Doe]}", false, false, true},
        {"00400275 SQ {[00400007 LO x]}", false, false, true},
        {"00400275 SQ {[00400007 LO]}", false, false, false},
        {"00100010 PN", false, false, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct query q;
        struct err err;
        assert_int_equal(build_spec(cases[i].identifier, &q, &err), RC_OK);
        assert_int_equal(q.nothing_asked, cases[i].nothing_asked);
        assert_int_equal(q.matches_none, cases[i].matches_none);
        assert_int_equal(q.optional_ignored, cases[i].optional_ignored);
        assert_non_null(q.sql);
        assert_non_null(q.plan);
    }
}

static void faulty_identifiers_name_the_element(void **state)
{
    static const struct {
        const char *identifier;
        enum rc rc;
        uint32_t tag;
    } cases[] = {
        {"00080012 DA 2020", RC_INVALID, 0x00080012},
        {"00080012 DA 20201301", RC_INVALID, 0x00080012},
        {"00080012 DA 20210229", RC_INVALID, 0x00080012},
        {"00080012 DA 00000101", RC_INVALID, 0x00080012},
        {"00080012 DA -", RC_INVALID, 0x00080012},
        {"00080012 DA 20200101-20200102-", RC_INVALID, 0x00080012},
        {"00080012 DA *", RC_INVALID, 0x00080012},
        {"00080012 DA 2020010a", RC_INVALID, 0x00080012},
        {"00080013 TM 24", RC_INVALID, 0x00080013},
        {"00080013 TM 1060", RC_INVALID, 0x00080013},
        {"00080013 TM 101061", RC_INVALID, 0x00080013},
        {"00080013 TM 10:1530", RC_INVALID, 0x00080013}, /* colons throughout, or none */
        {"00080013 TM 1015:30", RC_INVALID, 0x00080013},
        {"00080013 TM 1", RC_INVALID, 0x00080013},
        {"00080013 TM 10.5", RC_INVALID, 0x00080013},
        {"00080013 TM 101010.", RC_INVALID, 0x00080013},
        {"00080013 TM 101010.1234567", RC_INVALID, 0x00080013},
        {"00080013 TM 10:", RC_INVALID, 0x00080013},
        {"00189912 SQ {[00080070 LO A][00080070 LO B]}", RC_INVALID, 0x00189912},
        {"00189912 SQ {[][]}", RC_INVALID, 0x00189912},
        {"00189912 LO x", RC_INVALID, 0x00189912},
        {"00181030 SQ {[00080070 LO A]}", RC_INVALID, 0x00181030},
        {"00181030 SQ {}", RC_INVALID, 0x00181030},
        {"0040A07C SQ {[00080082 SQ {[][]}]}", RC_INVALID, 0x00080082},
        {"00400275 SQ {[00400007 LO x][00400007 LO y]}", RC_INVALID, 0x00400275},
        {"00080005 CS ISO_IR 999; 00181030 LO Head", RC_INVALID, 0x00080005},
        {"00181030 LO Gr\xFCn", RC_INVALID, 0x00181030},
        {"00080221 CS \xFC", RC_INVALID, 0x00080221},
        {"00020010 UI 1.2; 00181030 LO Head", RC_UNSUPPORTED, 0x00020010},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct query q;
        struct err err;
        enum rc rc = build_spec(cases[i].identifier, &q, &err);
        if (rc != cases[i].rc || err.tag != cases[i].tag)
            print_message("%s: %s (%08x) %s\n", cases[i].identifier, rc_name(rc), err.tag,
                          err.text);
        assert_int_equal(rc, cases[i].rc);
        assert_int_equal(err.code, cases[i].rc);
        assert_int_equal(err.tag, cases[i].tag);
        assert_true(err.text[0] != '\0');
    }
}

static void octets_that_are_no_data_set_cannot_be_decoded(void **state)
{
    struct query q;
    struct err err;
    struct query_view view = {.aet = "CT1"};
    (void)state;
    assert_int_equal(build(span_str("GET / HTTP/1.1\r\n\r\n"), &view, &q, &err), RC_UNSUPPORTED);
    assert_int_equal(build(span_of("\x18\x00\x30\x10LO\xFF\x00x", 9), &view, &q, &err),
                     RC_UNSUPPORTED);
    assert_int_equal(err.code, RC_UNSUPPORTED);
}

static void the_default_charset_stands_in(void **state)
{
    struct octets o;
    struct query q;
    struct err err;
    struct query_view view = {.aet = "CT1", .default_charset = "ISO_IR 100"};
    (void)state;
    assert_int_equal(build(spec(&o, "00181030 LO Gr\xFCn"), &view, &q, &err), RC_OK);
    assert_int_equal(q.param_count, 1);
    assert_memory_equal(q.params[0].data, "Gr\xC3\xBCn", 5);
    assert_string_equal(project_plan_request_charset(q.plan), "");
    assert_int_equal(build(spec(&o, "00080005 CS ISO_IR 144; 00181030 LO"), &view, &q, &err),
                     RC_OK);
    assert_string_equal(project_plan_request_charset(q.plan), "ISO_IR 144");
}

static void limits_are_kept(void **state)
{
    static struct octets o;
    struct query q;
    struct err err;
    struct query_view view = {.aet = "CT1"};
    struct query_limits limits = {.max_keys = 3, .max_uids = 2};
    const struct dcm_ts *ts = dcm_ts_find(UID_EXPLICIT_LE);
    (void)state;

    arena_reset(arena);
    assert_int_equal(query_build(&model_protocol,
                                 spec(&o, "00181030 LO; 00189912 SQ {[00080070 LO]}"), ts, &view,
                                 &limits, arena, &q, &err),
                     RC_OK);
    assert_int_equal(query_build(&model_protocol,
                                 spec(&o, "00181030 LO; 00189912 SQ {[00080070 LO; 00081090 LO]}"),
                                 ts, &view, &limits, arena, &q, &err),
                     RC_LIMIT);
    assert_int_equal(query_build(&model_protocol, spec(&o, "00080018 UI 1.2\\1.3\\1.4"), ts, &view,
                                 &limits, arena, &q, &err),
                     RC_LIMIT);
    assert_int_equal(err.tag, 0x00080018);

    /* values of other keys */
    char text[512] = "00181030 LO a";
    for (int i = 0; i < 64; i++)
        strcat(text, "\\a");
    assert_int_equal(query_build(&model_protocol, spec(&o, text), ts, &view, NULL, arena, &q, &err),
                     RC_LIMIT);

    /* memory */
    struct arena *small = arena_new(512);
    assert_int_equal(query_build(&model_protocol, spec(&o, "00181030 LO a; 00120010 LO b"), ts,
                                 &view, NULL, small, &q, &err),
                     RC_LIMIT);
    arena_free(small);
}

static void nul_in_text_matches_nothing(void **state)
{
    struct query q;
    struct err err;
    struct query_view view = {.aet = "CT1"};
    (void)state;
    assert_int_equal(build(span_of("\x18\x00\x30\x10LO\x04\x00"
                                   "a\0bc",
                                   12),
                           &view, &q, &err),
                     RC_OK);
    assert_true(q.matches_none);
    assert_int_equal(q.param_count, 0);
    assert_int_equal(build(span_of("\x70\x00\x84\x00PN\x04\x00"
                                   "a\0bc",
                                   12),
                           &view, &q, &err),
                     RC_OK);
    assert_true(q.matches_none);
}

static void hostile_identifiers_do_no_harm(void **state)
{
    static const char *const seeds[] = {
        "00080005 CS ISO_IR 192; 00080012 DA 20200101-20201231; 00080013 TM 10-12; 00080018 UI "
        "1.2.3\\1.2.4; 00080221 CS CT; 00181030 LO He?d*\\A\\B; 00700084 PN A^B=C*",
        "00082218 SQ {[00080100 SH 1; 00080102 SH SRT; 00080121 SQ {[00080100 SH X]}]}; 00189912 "
        "SQ "
        "{[00080070 LO A; 00181020 LO 1.*]}; 0040A07C SQ {[00080080 LO M; 00080082 SQ {[00080100 "
        "SH "
        "Y; 00080104 LO Z]}]}",
        "00080018 UI; 00090010 LO ACME; 00091001 UN xx; 00181030 LO; 00189908 UC; 00189912 SQ {}",
    };
    struct query_view view = {.aet = "CT1", .default_charset = "ISO_IR 100"};
    unsigned accepted = 0;
    (void)state;

    for (uint32_t i = 0; i < 30000; i++) {
        static struct octets o;
        uint32_t random = i * 2654435761u + 1;
        struct query q;
        struct err err;
        spec(&o, seeds[i % COUNT(seeds)]);
        mutate(&o, &random);
        uint8_t *exact = malloc(o.len ? o.len : 1); /* so that reading past the end is seen */
        memcpy(exact, o.data, o.len);
        enum rc rc = build(span_of(exact, o.len), &view, &q, &err);
        assert_true(rc == RC_OK || rc == RC_INVALID || rc == RC_UNSUPPORTED || rc == RC_LIMIT);
        if (rc == RC_OK) {
            accepted++;
            char last[16];
            assert_non_null(q.plan);
            snprintf(last, sizeof(last), "$%u", q.param_count + 1);
            assert_null(strstr(q.sql, last));
            for (unsigned k = 1; k <= q.param_count; k++) { /* one that is not used has no type */
                snprintf(last, sizeof(last), "$%u", k);
                assert_non_null(strstr(q.sql, last));
            }
            for (unsigned k = 0; k < q.param_count; k++)
                assert_null(memchr(q.params[k].data, 0, (size_t)q.params[k].len));
        } else {
            assert_int_equal(err.code, rc);
        }
        free(exact);
    }
    assert_true(accepted > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(universal_keys_restrict_nothing),
        cmocka_unit_test(text_is_matched_exactly_by_prefix_or_by_pattern),
        cmocka_unit_test(prefixes_end_where_utf8_says),
        cmocka_unit_test(names_are_folded_and_tried_on_each_group),
        cmocka_unit_test(uids_are_lists),
        cmocka_unit_test(dates_and_times_are_matched_by_meaning),
        cmocka_unit_test(items_are_matched_as_a_whole),
        cmocka_unit_test(sequences_nest),
        cmocka_unit_test(attributes_outside_the_model_are_read_from_octets),
        cmocka_unit_test(text_depends_on_the_shape_only),
        cmocka_unit_test(a_limit_is_one_more),
        cmocka_unit_test(views_add_to_the_statement_by_their_shape),
        cmocka_unit_test(values_matter_to_the_plan_unless_one_names_few),
        cmocka_unit_test(flags_say_what_was_asked),
        cmocka_unit_test(faulty_identifiers_name_the_element),
        cmocka_unit_test(octets_that_are_no_data_set_cannot_be_decoded),
        cmocka_unit_test(the_default_charset_stands_in),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(nul_in_text_matches_nothing),
        cmocka_unit_test(hostile_identifiers_do_no_harm),
    };
    struct err err;
    if (dcm_init(&err) != RC_OK)
        return 1;
    arena = arena_new(4 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
