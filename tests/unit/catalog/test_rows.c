/* SPDX-License-Identifier: Apache-2.0
 *
 * Data sets as rows: what becomes of each kind of value, what stays in other_attributes, what is reported.
 * That nothing is lost is test_lossless.c, with a database.
 */
#include "catalog_test.h"

#include "dcm/charset.h"
#include "dcm/dict.h"
#include "rows.h"

static struct arena *arena;

static void write_rows_of(const struct model *model, struct rows *rows, struct span octets)
{
    struct dcm_item *item = NULL;
    struct err err = {0};
    arena_reset(arena);
    assert_int_equal(dcm_read(octets, dcm_ts_find(UID_EXPLICIT_LE), NULL, arena, &item, &err),
                     RC_OK);
    assert_int_equal(dcm_tree_to_utf8(item, NULL, arena, NULL, &err), RC_OK);
    rows_init(rows, 1 << 20);
    assert_int_equal(rows_write(model, item, 64, arena, rows, &err), RC_OK);
    assert_int_equal(rows_finish(rows, &err), RC_OK);
}

static void write_rows(struct rows *rows, struct span octets)
{
    write_rows_of(&model_protocol, rows, octets);
}

static void check_literal(const char *object, const struct rows *rows, enum rows_table table,
                          const char *expected)
{
    struct span literal = buf_span(&rows->literals[table]);
    if (!span_equal_str(literal, expected))
        fail_msg("%s:\n%.*s instead of\n%s", object, (int)literal.len, (const char *)literal.data,
                 expected);
}

static void check_of(const struct model *model, const char *object, enum rows_table table,
                     const char *expected)
{
    static struct octets o;
    struct rows rows;
    write_rows_of(model, &rows, spec(&o, object));
    check_literal(object, &rows, table, expected);
    assert_false(rows.is_lossy);
    rows_fini(&rows);
}

static void check(const char *object, enum rows_table table, const char *expected)
{
    check_of(&model_protocol, object, table, expected);
}

static void check_approval(const char *object, enum rows_table table, const char *expected)
{
    check_of(&model_approval, object, table, expected);
}

static void columns_stand_where_the_database_expects_them(void **state)
{
    (void)state;
    check(
        "00080012 DA 20240102; 00080013 TM 1030; 00080016 UI 1.2; 00080018 UI 1.3; 00080070 LO m; "
        "00080201 SH +0100; 00080221 CS CT; 00081090 LO mm; 00120010 LO s; 00120020 LO i; 00120021 "
        "LO n; 00181000 LO d; 00181020 LO 1\\2 b; 00181030 LO Head; 00189908 UC r; 0018990A UC t; "
        "0018990F UT p; 00189910 UT q; 00189947 CS HFS; 00700084 PN A^B",
        ROWS_PROTOCOL,
        "{{Head,CT,A^B,20240102,1030,s,i,n,\"{r}\",\"{t}\",p,q,HFS,m,mm,d,\"{1,\\\"2 b\\\"}\","
        "NULL}}");
    check("", ROWS_PROTOCOL,
          "{{NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,"
          "NULL}}");
    check("0040A07C SQ {[][00080080 LO b]}", ROWS_CUSTODIANS, "{{1,NULL,NULL},{2,b,NULL}}");
    check(
        "00189912 SQ {[00080070 LO a; 00080222 LO b; 00081090 LO c; 00181000 LO e; 00181020 LO d]}",
        ROWS_MODELS, "{{1,a,b,c,\"{d}\",e,NULL}}");
    check("0018990E SQ {[00081150 UI 1.2; 00081155 UI 1.3]}", ROWS_PREDECESSORS,
          "{{1,1.2,1.3,NULL}}");
    check("00189914 SQ {[00189915 US \x07; 00189916 LO a; 00189917 UT b]}; 0018991B SQ {[]}",
          ROWS_INSTRUCTIONS, "{{instruction,1,8199,a,b,NULL},{positioning,1,NULL,NULL,NULL,NULL}}");
    check("0018991F SQ {[00189922 LO a][]}; 00189933 SQ {[00189924 UT b]}; 00189935 SQ {[]}",
          ROWS_ELEMENTS,
          "{{acquisition,1,NULL,a,NULL,NULL},{acquisition,2,NULL,NULL,NULL,NULL},"
          "{reconstruction,1,NULL,NULL,b,NULL},{storage,1,NULL,NULL,NULL,NULL}}");
}

static void codes_know_their_place(void **state)
{
    (void)state;
    check(
        "00082218 SQ {[00080100 SH 1; 00080102 SH SCT; 00080103 SH v; 00080104 LO m; 00080119 UC "
        "l; "
        "00080120 UR u; 00080121 SQ {[00080100 SH 2][00080100 SH 3]}][]}",
        ROWS_CODES,
        "{{anatomic_region,0,1,0,1,SCT,v,m,l,u,NULL},{anatomic_region,0,1,1,2,NULL,NULL,NULL,NULL,"
        "NULL,NULL},{anatomic_region,0,1,2,3,NULL,NULL,NULL,NULL,NULL,NULL},{anatomic_region,0,2,0,"
        "NULL,NULL,NULL,NULL,NULL,NULL,NULL}}");
    check(
        "0040A07C SQ {[][00080082 SQ {[00080100 SH 1; 00080121 SQ {[00080100 SH 2]}]}]}",
        ROWS_CODES,
        "{{custodian_institution,2,1,0,1,NULL,NULL,NULL,NULL,NULL,NULL},{custodian_institution,2,1,"
        "1,2,NULL,NULL,NULL,NULL,NULL,NULL}}");

    static const struct {
        const char *tag, *role;
    } roles[] = {
        {"00080220", "responsible_group"},   {"00189906", "scheduled_protocol"},
        {"00189907", "requested_procedure"}, {"00189909", "reason"},
        {"0018990B", "contraindication"},    {"0018991C", "positioning_method"},
        {"00082218", "anatomic_region"},     {"00082228", "primary_structure"},
    };
    for (size_t i = 0; i < COUNT(roles); i++) {
        char object[64], row[128];
        snprintf(object, sizeof(object), "%s SQ {[]}", roles[i].tag);
        snprintf(row, sizeof(row), "{{%s,0,1,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL}}",
                 roles[i].role);
        check(object, ROWS_CODES, row);
    }
}

static void columns_of_approvals_stand_where_the_database_expects_them(void **state)
{
    (void)state;
    check_approval("00080012 DA 20240102; 00080013 TM 1030; 00080016 UI 1.2; 00080018 UI 1.3; "
                   "00080070 LO m; 00080201 SH +0100; 00081090 LO mm; 00091001 LO x; 00181000 LO "
                   "d; 00181020 LO 1\\2 b",
                   ROWS_APPROVAL,
                   "{{20240102,1030,m,mm,d,\"{1,\\\"2 b\\\"}\",\"{\\\"00091001\\\":{\\\"vr\\\":"
                   "\\\"LO\\\",\\\"Value\\\":[\\\"x\\\"]}}\"}}");
    check_approval("", ROWS_APPROVAL, "{{NULL,NULL,NULL,NULL,NULL,NULL,NULL}}");
    check_approval("00440109 SQ {[00081150 UI 1.2; 00081155 UI 1.3][]}", ROWS_SUBJECTS,
                   "{{1,1.2,1.3,NULL},{2,NULL,NULL,NULL}}");
    check_approval("00440100 SQ {[00120020 LO t; 00440102 UI 1.4; 00440104 DT 2024; 00440105 DT "
                   "2025; 00440106 UT c][00380100 SQ {[]}]}",
                   ROWS_ASSERTIONS,
                   "{{1,1.4,2024,2025,c,t,NULL},{2,NULL,NULL,NULL,NULL,NULL,"
                   "\"{\\\"00380100\\\":{\\\"vr\\\":\\\"SQ\\\",\\\"Value\\\":[{}]}}\"}}");
    check_approval(
        "00440100 SQ {[][00440103 SQ {[][00080055 AE a; 00080070 LO m; 00080080 LO i; 00081010 SH "
        "s; 00081040 LO p; 00081090 LO n; 00181002 UI 1.5; 0040A084 CS PSN; 0040A123 PN A^B]}]}",
        ROWS_ASSERTERS,
        "{{2,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL},"
        "{2,2,PSN,A^B,s,1.5,m,n,a,i,p,NULL}}");
    check_approval("00440100 SQ {[][00440107 SQ {[00440108 UI 1.6][]}]}", ROWS_RELATED,
                   "{{2,1,1.6,NULL},{2,2,NULL,NULL}}");
}

static void codes_of_approvals_know_their_place(void **state)
{
    static const struct {
        const char *tag, *role;
        bool is_of_asserter;
    } roles[] = {
        {"00440101", "assertion", false},
        {"00080082", "institution", false},
        {"00401101", "person", true},
        {"0044010A", "organizational_role", true},
        {"00080082", "asserter_institution", true},
        {"00081041", "department_type", true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(roles); i++) {
        const struct {
            const char *before, *after;
            int asserter;
        } place = {"00440103 SQ {[][][", "]}", 3}, none = {"", "", 0},
          at = roles[i].is_of_asserter ? place : none;
        char object[256], rows[256];
        snprintf(
            object, sizeof(object),
            "00440100 SQ {[][%s%s SQ {[][00080100 SH 1; 00080102 SH S; 00080103 SH v; 00080104 "
            "LO m; 00080119 UC l; 00080120 UR u; 00080121 SQ {[][00080100 SH 2]}]}%s]}",
            at.before, roles[i].tag, at.after);
#define AT   "{%s,2,%d,"
#define NONE "NULL,NULL,NULL,NULL,NULL,NULL"
        snprintf(rows, sizeof(rows),
                 "{" AT "1,0," NONE ",NULL}," AT "2,0,1,S,v,m,l,u,NULL}," AT "2,1," NONE
                 ",NULL}," AT "2,2,2,NULL,NULL,NULL,NULL,NULL,NULL}}",
                 roles[i].role, at.asserter, roles[i].role, at.asserter, roles[i].role, at.asserter,
                 roles[i].role, at.asserter);
        check_approval(object, ROWS_APPROVAL_CODES, rows);
    }
}

static void constraints_of_elements_and_patient(void **state)
{
    (void)state;
    check(
        "00189911 SQ {[00820019 LO PatientAge]}; 0018991F SQ {[][00189913 SQ {[][00820019 LO "
        "KVP]}]}",
        ROWS_CONSTRAINTS,
        "{{patient,0,1,NULL,PatientAge,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,"
        "NULL,NULL,NULL,NULL,NULL,NULL,NULL},{acquisition,2,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,"
        "NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL},{acquisition,2,2,"
        "NULL,KVP,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,"
        "NULL,NULL,NULL}}");
    check("00189911 SQ {[004008EA SQ {[00080100 SH kV; 00080102 SH UCUM; 00080104 LO kilo volt]}; "
          "00720026 AT \x18\x20\x60\x21; 00720028 US \x01!; 00720050 CS DS; 00720052 AT "
          "\x18\x20\x20\x21\x18\x20\x25\x23; 00720056 LO p; 00741057 IS 1\\10; 00820018 LO n; "
          "00820019 "
          "LO k; 00820032 CS RANGE_INCL; 00820033 UT g; 00820034 SQ {[00720072 DS 70][00720072 DS "
          "140.0]}; 00820035 SQ {[00720072 DS 120\\130]}; 00820036 CS FAILURE; 00820037 UT c; "
          "00820038 "
          "CS NO]}",
          ROWS_CONSTRAINTS,
          "{{patient,0,1,20182160,k,n,DS,8449,p,\"{20182120,20182325}\",\"{1,10}\",RANGE_INCL,"
          "\"{70,140.0}\",\"{70,140.0}\",\"{120,130}\",\"{120,130}\",kV,UCUM,\"kilo "
          "volt\",FAILURE,c,g,"
          "NO,NULL}}");
}

static void constraint_values_are_flat(void **state)
{
    static const struct {
        const char *type, *vr, *sequence;
        const char *columns; /* constraint_values and constraint_numbers */
        bool is_said;        /* by them; else the sequence stays in other_attributes too */
    } cases[] = {
        {"EQUAL", "CS", "{[00720062 CS A]}", "\"{A}\",NULL", true},
        {"EQUAL", "CS", "{[00720062 CS A\\B C]}", "\"{A,\\\"B C\\\"}\",NULL", true},
        {"EQUAL", "CS", "{[00720062 CS A\\\\C]}", "\"{A,NULL,C}\",NULL", true},
        {"EQUAL", "LO", "{[00720066 LO null]}", "\"{\\\"null\\\"}\",NULL", true},
        {"EQUAL", "LO", "{[00720066 LO \"{,\\]}", "\"{\\\"\\\\\\\"{,\\\",NULL}\",NULL", true},
        {"MEMBER_OF", "DS", "{[00720072 DS 1][00720072 DS -2.5e1]}",
         "\"{1,-2.5e1}\",\"{1,-2.5e1}\"", true},
        {"RANGE_INCL", "IS", "{[00720064 IS 1][00720064 IS x]}", "\"{1,x}\",\"{1,NULL}\"", true},
        {"EQUAL", "PN", "{[0072006A PN A^B=C= ]}", "\"{A^B=C}\",NULL", true},
        {"EQUAL", "SQ",
         "{[00720080 SQ {[00080100 SH 1; 00080102 SH DCM; 00080104 LO One][00080100 SH 2]}]}",
         "\"{1^DCM^One,2^^}\",NULL", true},
        {"MEMBER_OF", "SQ", "{[00720080 SQ {[00080100 SH 1]}][00720080 SQ {[00080100 SH 2]}]}",
         "\"{1^^,2^^}\",NULL", true},
        /* not quite */
        {"EQUAL", "CS", "{[00720062 CS A][00720062 CS B]}", "\"{A,B}\",NULL", false},
        {"MEMBER_OF", "CS", "{[00720062 CS A\\B]}", "\"{A,B}\",NULL", false},
        {"MEMBER_OF", "CS", "{[00720062 CS A][]}", "\"{A}\",NULL", false},
        {"EQUAL", "CS", "{[00720062 CS A; 00091001 LO x]}", "\"{A}\",NULL", false},
        {"EQUAL", "CS", "{[00720062 LO A]}", "\"{A}\",NULL", false},
        {"EQUAL", "CS", "{[00720066 LO A]}", "\"{A}\",NULL", false},
        {"EQUAL", "XX", "{[00720066 LO A]}", "\"{A}\",NULL", false},
        {"EQUAL", "OB", "{[00720065 OB AB]}", "NULL,NULL", false},
        {"EQUAL", "CS", "{[]}", "NULL,NULL", false},
        {"EQUAL", "CS", "{}", "NULL,NULL", false},
        {"EQUAL", "SQ", "{[00720080 SQ {[00080100 SH 1^2]}]}", "\"{1^2^^}\",NULL", false},
        {"EQUAL", "SQ", "{[00720080 SQ {[00080100 SH 1; 00080103 SH v]}]}", "\"{1^^}\",NULL",
         false},
        {"EQUAL", "SQ", "{[00720080 SQ {[00080119 UC long; 00080104 LO]}]}", "\"{long^^}\",NULL",
         false},
        {"EQUAL", "SQ", "{[00720080 SQ {[00080100 LO 1]}]}", "\"{^^}\",NULL", false},
    };
    static struct octets o;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char object[512], columns[512];
        struct rows rows;
        snprintf(object, sizeof(object),
                 "00189911 SQ {[00720050 CS %s; 00820032 CS %s; 00820034 SQ %s]}", cases[i].vr,
                 cases[i].type, cases[i].sequence);
        write_rows(&rows, spec(&o, object));
        struct span row = buf_span(&rows.literals[ROWS_CONSTRAINTS]);
        snprintf(columns, sizeof(columns), "%s,%s,NULL,NULL", cases[i].type, cases[i].columns);
        if (!memmem(row.data, row.len, columns, strlen(columns)) ||
            !memmem(row.data, row.len, "00820034", 8) != cases[i].is_said)
            fail_msg("%s: %.*s instead of %s", object, (int)row.len, (const char *)row.data,
                     columns);
        rows_fini(&rows);
    }
}

/* A constraint of this VR with the number in these octets. */
static struct span number_constraint(struct octets *o, const char *vr, uint32_t tag,
                                     const void *number, uint8_t size)
{
    char object[128];
    bool is_long = size == 8 && vr[0] != 'F';
    snprintf(object, sizeof(object), "00189911 SQ {[00720050 CS %s; 00820034 SQ {[%08X %s %.*s]}]}",
             vr, (unsigned)tag, is_long ? "UN" : vr, size, "########");
    spec(o, object);
    uint8_t *at = memmem(o->data, o->len, "########" + 8 - size, size);
    assert_non_null(at);
    memcpy(at, number, size);
    if (is_long)
        memcpy(at - 8, vr, 2);
    return span_of(o->data, o->len);
}

static void numbers_are_written_out(void **state)
{
    static const struct {
        const char *vr;
        uint32_t tag;
        double value;
        const char *text; /* in both columns */
    } cases[] = {
        {"FD", 0x00720074, 120, "120"},
        {"FD", 0x00720074, 0.1, "0.1"},
        {"FD", 0x00720074, -350.5, "-350.5"},
        {"FD", 0x00720074, 1e-7, "0.0000001"},
        {"FD", 0x00720074, -1.25e-5, "-0.0000125"},
        {"FD", 0x00720074, 1e20, "100000000000000000000"},
        {"FD", 0x00720074, 1.5e17, "150000000000000000"},
        {"FD", 0x00720074, 123456789012345678.0, "123456789012345680"},
        {"FL", 0x00720076, 0.1, "0.1"},
        {"FL", 0x00720076, 1234567, "1234567"},
        {"FL", 0x00720076, 1e10, "10000000000"},
    };
    static struct octets o;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char columns[128];
        struct rows rows;
        float single = (float)cases[i].value;
        bool is_single = cases[i].vr[1] == 'L';
        write_rows(&rows, number_constraint(&o, cases[i].vr, cases[i].tag,
                                            is_single ? (const void *)&single : &cases[i].value,
                                            is_single ? 4 : 8));
        snprintf(columns, sizeof(columns),
                 "\"{%s}\",\"{%s}\",NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL}}",
                 cases[i].text, cases[i].text);
        struct span row = buf_span(&rows.literals[ROWS_CONSTRAINTS]);
        if (!memmem(row.data, row.len, columns, strlen(columns)))
            fail_msg("%.*s instead of %s", (int)row.len, (const char *)row.data, columns);
        assert_false(rows.is_lossy);
        rows_fini(&rows);
    }
}

static void numbers_that_are_none_are_null_and_reported(void **state)
{
    /* the grammar of DS and IS, and what double precision holds */
    static const char *const good[] = {"0",
                                       "-1.5",
                                       "+3",
                                       ".5",
                                       "5.",
                                       "1e3",
                                       "1E-2",
                                       "0.30000000000000004",
                                       "1e200",
                                       "123456789012345678901234567890",
                                       "999999999e299"};
    static const char *const bad[] = {
        "-",        ".",     "e3",     "1e",    "1 2",          "0x10",   "NaN",
        "Infinity", "1e999", "1e-999", "1e300", "1234567890e1", "1e0299", "1,5"};
    static struct octets o;
    (void)state;
    for (size_t i = 0; i < COUNT(good) + COUNT(bad); i++) {
        bool is_good = i < COUNT(good);
        const char *text = is_good ? good[i] : bad[i - COUNT(good)];
        char object[256], warning[256];
        struct rows rows;
        snprintf(object, sizeof(object),
                 "00189911 SQ {[00720050 CS DS; 00820035 SQ {[00720072 DS %s]}]}", text);
        snprintf(warning, sizeof(warning),
                 "{{00189911[1].00820035,\"has a value that is no number: %s\"}}", text);
        write_rows(&rows, spec(&o, object));
        check_literal(object, &rows, ROWS_WARNINGS, is_good ? "{}" : warning);
        struct span row = buf_span(&rows.literals[ROWS_CONSTRAINTS]);
        assert_int_equal(memmem(row.data, row.len, ",\"{NULL}\",", 10) != NULL, !is_good);
        rows_fini(&rows);
    }
    double nothing = 0;
    uint64_t large = UINT64_MAX;
    struct rows rows;
    put_le32((uint8_t *)&nothing + 4, 0x7FF80000);
    write_rows(&rows, number_constraint(&o, "FD", 0x00720074, &nothing, 8));
    check_literal("NaN", &rows, ROWS_WARNINGS,
                  "{{00189911[1].00820034,\"has a value that is no number: \"}}");
    assert_true(rows.is_lossy);
    rows_fini(&rows);
    write_rows(&rows, number_constraint(&o, "UV", 0x00720083, &large, 8));
    struct span row = buf_span(&rows.literals[ROWS_CONSTRAINTS]);
    assert_non_null(memmem(row.data, row.len, "18446744073709551615", 20));
    assert_non_null(memmem(row.data, row.len, "00820034", 8)); /* JSON has it as a string */
    assert_false(rows.is_lossy);
    rows_fini(&rows);
}

static void what_has_no_column_stays(void **state)
{
    static const struct {
        const char *object, *rest;
    } cases[] = {
        {"00091001 LO x", "{\"00091001\":{\"vr\":\"LO\",\"Value\":[\"x\"]}}"},
        {"00181030 LO", "{\"00181030\":{\"vr\":\"LO\"}}"},
        {"00181030 LO a\\b", "{\"00181030\":{\"vr\":\"LO\",\"Value\":[\"a\",\"b\"]}}"},
        {"00181030 SH a", "{\"00181030\":{\"vr\":\"SH\",\"Value\":[\"a\"]}}"},
        {"00189912 SQ {}", "{\"00189912\":{\"vr\":\"SQ\"}}"},
        {"00189912 LO a", "{\"00189912\":{\"vr\":\"LO\",\"Value\":[\"a\"]}}"},
        {"00181020 SH a", "{\"00181020\":{\"vr\":\"SH\",\"Value\":[\"a\"]}}"},
        {"00080201 SH a\\b", "{\"00080201\":{\"vr\":\"SH\",\"Value\":[\"a\",\"b\"]}}"},
        {"00080016 UI 1.2; 00091001 OB AB; 00181030 LO a; 00189920 SQ {[00181030 LO b]}",
         "{\"00091001\":{\"vr\":\"OB\",\"InlineBinary\":\"QUI=\"},"
         "\"00189920\":{\"vr\":\"SQ\",\"Value\":[{\"00181030\":{\"vr\":\"LO\",\"Value\":[\"b\"]}}]}"
         "}"},
    };
    static struct octets o;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char escaped[512];
        size_t len = 0;
        struct rows rows;
        for (const char *c = cases[i].rest; *c; c++) {
            if (*c == '"')
                escaped[len++] = '\\';
            escaped[len++] = *c;
        }
        len += (size_t)snprintf(escaped + len, sizeof(escaped) - len, "\"}}");
        write_rows(&rows, spec(&o, cases[i].object));
        struct span row = buf_span(&rows.literals[ROWS_PROTOCOL]);
        if (row.len < len || memcmp(row.data + row.len - len, escaped, len) != 0)
            fail_msg("%s: %.*s instead of %s", cases[i].object, (int)row.len,
                     (const char *)row.data, escaped);
        rows_fini(&rows);
    }
}

static void what_does_not_fit_its_column_is_reported(void **state)
{
    static const struct {
        const char *object, *warnings;
    } cases[] = {
        /* nothing wrong: absent, empty, private, unknown */
        {"", "{}"},
        {"00181030 LO; 00189908 UC; 00189912 SQ {}", "{}"},
        {"00091001 DS x\\y; 00100010 LO a", "{}"},
        {"0018990F UT a\\b; 00181020 LO 1\\\\2", "{}"},
        {"00181030 OB", "{}"},
        {"00700084 PN ==", "{}"},
        /* values */
        {"00181030 LO a\\b", "{{00181030,\"has 2 values instead of one\"}}"},
        {"00181030 SH a", "{{00181030,\"has VR SH instead of LO\"}}"},
        {"00181030 OB AB", "{{00181030,\"is binary with VR OB instead of LO\"}}"},
        {"00700084 PN a\\b", "{{00700084,\"has 2 values instead of one\"}}"},
        {"00080201 SH a\x7F", "{{00080201,\"has an unknown value: a\x7F\"}}"},
        /* sequences and what is in them */
        {"00189912 LO a", "{{00189912,\"has VR LO instead of SQ\"}}"},
        {"00189912 SQ {[][00081090 LO a\\b]}",
         "{{00189912[2].00081090,\"has 2 values instead of one\"}}"},
        {"0040A07C SQ {[00080082 SQ {[00080100 LO a]}]}",
         "{{0040A07C[1].00080082[1].00080100,\"has VR LO instead of SH\"}}"},
        {"00082218 SQ {[00080121 SQ {[][00080104 LO a\\b]}]}",
         "{{00082218[1].00080121[2].00080104,\"has 2 values instead of one\"}}"},
        {"0040A07C SQ {[][00080082 SQ {[][00080121 SQ {[00080104 SH a]}]}]}",
         "{{0040A07C[2].00080082[2].00080121[1].00080104,\"has VR SH instead of LO\"}}"},
        {"0018990E SQ {[00081155 UI 1\\2]}",
         "{{0018990E[1].00081155,\"has 2 values instead of one\"}}"},
        {"00189914 SQ {[00189915 IS 1]}", "{{00189914[1].00189915,\"has VR IS instead of US\"}}"},
        {"0018991F SQ {[00189913 LO a]}", "{{0018991F[1].00189913,\"has VR LO instead of SQ\"}}"},
        {"00080201 SH +1500", "{{00080201,\"has a value that is no offset from UTC: +1500\"}}"},
        {"00080201 SH +0100\\+0200", "{{00080201,\"has 2 values instead of one\"}}"},
        /* constraints */
        {"00189911 SQ {[00820032 CS ABOUT]}",
         "{{00189911[1].00820032,\"has an unknown value: ABOUT\"}}"},
        {"0018991F SQ {[00189913 SQ {[00820038 CS MAYBE]}]}",
         "{{0018991F[1].00189913[1].00820038,\"has an unknown value: MAYBE\"}}"},
        {"00189933 SQ {[][00189913 SQ {[00720050 CS QQ]}]}",
         "{{00189933[2].00189913[1].00720050,\"has an unknown value: QQ\"}}"},
        {"00189935 SQ {[00189913 SQ {[00741057 IS 01]}]}",
         "{{00189935[1].00189913[1].00741057,\"has a value that is no integer in plain "
         "spelling\"}}"},
        {"00189911 SQ {[004008EA SQ {[][]}]}",
         "{{00189911[1].004008EA,\"has 2 values instead of one\"}}"},
        {"00189911 SQ {[00720050 CS DS; 00820034 SQ {[00720072 DS 12O\\x]}]}",
         "{{00189911[1].00820034,\"has a value that is no number: 12O\"}}"},
        {"00189911 SQ {[00820034 LO a]}", "{{00189911[1].00820034,\"has VR LO instead of SQ\"}}"},
        /* several, in the order of the data set */
        {"00120010 LO a\\b; 00181030 SH a; 00189912 SQ {[00080070 LO a\\b][00080070 SH a]}; "
         "0040A07C LO "
         "a",
         "{{00120010,\"has 2 values instead of one\"},{00181030,\"has VR SH instead of LO\"},"
         "{00189912[1].00080070,\"has 2 values instead of one\"},{00189912[2].00080070,\"has VR SH "
         "instead of LO\"},{0040A07C,\"has VR LO instead of SQ\"}}"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check(cases[i].object, ROWS_WARNINGS, cases[i].warnings);
}

/* What a value says in a warning is cut to what a person reads, between characters. */
static void long_values_are_reported_in_part(void **state)
{
    static struct octets o;
    char object[512], expected[512];
    struct rows rows;
    (void)state;
    snprintf(object, sizeof(object), "00189911 SQ {[00820032 CS ");
    for (int i = 0; i < 70; i++)
        strcat(object, "\xC3\xBC");
    strcat(object, "]}");
    snprintf(expected, sizeof(expected), "{{00189911[1].00820032,\"has an unknown value: ");
    for (int i = 0; i < 64; i++)
        strcat(expected, "\xC3\xBC");
    strcat(expected, "\"}}");
    write_rows(&rows, spec(&o, object));
    check_literal(object, &rows, ROWS_WARNINGS, expected);
    rows_fini(&rows);
}

static void values_that_no_index_holds_have_no_column(void **state)
{
    static const struct {
        const char *before, *after; /* the value */
        enum rows_table table;
        const char *attribute;
        unsigned octets;
    } cases[] = {
        {"00181030 LO ", "", ROWS_PROTOCOL, "00181030", 1024},
        {"00080221 CS ", "", ROWS_PROTOCOL, "00080221", 1024},
        {"00700084 PN ", "", ROWS_PROTOCOL, "00700084", 800},
        {"00181020 LO 1\\", "", ROWS_PROTOCOL, "00181020", 1024},
        {"00189912 SQ {[00181020 LO 1\\", "\\2]}", ROWS_MODELS, "00189912[1].00181020", 1024},
        {"0018990E SQ {[00081155 UI ", "]}", ROWS_PREDECESSORS, "0018990E[1].00081155", 1024},
        {"0018990B SQ {[00080100 SH ", "]}", ROWS_CODES, "0018990B[1].00080100", 1024},
        {"0018990B SQ {[00080119 UC ", "]}", ROWS_CODES, "0018990B[1].00080119", 1600},
        {"0018990B SQ {[00080120 UR ", "]}", ROWS_CODES, "0018990B[1].00080120", 1600},
        /* in no index */
        {"00189910 UT ", "", ROWS_PROTOCOL, NULL, 1600},
        {"0018990A UC 1\\", "", ROWS_PROTOCOL, NULL, 1600},
    };
    (void)state;
    for (size_t i = 0; i < 2 * COUNT(cases); i++) {
        static struct octets o;
        unsigned n = i / 2, is_over = i % 2;
        char object[2048], value[1700], warnings[160] = "{}", expected[1800];
        struct rows rows;
        memset(value, 'a', sizeof(value));
        value[cases[n].octets + is_over] = '\0';
        snprintf(object, sizeof(object), "%s%s%s", cases[n].before, value, cases[n].after);
        if (is_over && cases[n].attribute)
            snprintf(warnings, sizeof(warnings),
                     "{{%s,\"is too long to be matched: more than %u octets\"}}",
                     cases[n].attribute, cases[n].octets);
        write_rows(&rows, spec(&o, object));
        check_literal(object, &rows, ROWS_WARNINGS, warnings);
        /* the whole value, in its column or in other_attributes, where JSON has it in quotes */
        bool is_json = is_over && cases[n].attribute;
        struct span row = buf_span(&rows.literals[cases[n].table]);
        snprintf(expected, sizeof(expected), "%s%s", value, is_json ? "\\\"" : "");
        assert_int_equal(memmem(row.data, row.len, "\\\"Value\\\"", 9) != NULL, is_json);
        assert_non_null(memmem(row.data, row.len, expected, strlen(expected)));
        rows_fini(&rows);
    }
}

static void warnings_are_bounded(void **state)
{
    struct rows rows;
    struct err err = {0};
    unsigned count = 0;
    (void)state;
    rows_init(&rows, 1 << 20);
    for (int i = 0; i < 5000; i++)
        rows_warn(&rows, "00181030", "is wrong");
    assert_int_equal(rows_finish(&rows, &err), RC_OK);
    struct span literal = buf_span(&rows.literals[ROWS_WARNINGS]);
    for (size_t i = 1; i < literal.len; i++)
        count += literal.data[i] == '{';
    assert_int_equal(count, 1001);
    assert_non_null(
        memmem(literal.data, literal.len, "{NULL,\"more is wrong than is listed here\"}}", 42));
    rows_fini(&rows);
}

static void text_that_a_column_cannot_hold_is_mended_and_told(void **state)
{
    static struct octets o;
    struct rows rows;
    (void)state;
    spec(&o, "00080221 CS aXb; 00181030 LO a#b; 00700084 PN a=b=c=d");
    *(uint8_t *)memchr(o.data, 'X', o.len) = 0xFF; /* CS is in no character set but the default */
    *(uint8_t *)memchr(o.data, '#', o.len) = 0;
    write_rows(&rows, span_of(o.data, o.len));
    struct span row = buf_span(&rows.literals[ROWS_PROTOCOL]);
    assert_non_null(memmem(row.data, row.len,
                           "{{ab,a\xEF\xBF\xBD"
                           "b,a=b=c,",
                           16));
    assert_true(rows.is_lossy);
    rows_fini(&rows);

    static const char *const lossy[] = {
        "00091001 OB 0123456789012345678901234567890123456789012345678901234567890123456789",
        "00700084 PN a=b=c=d",
    };
    for (size_t i = 0; i < COUNT(lossy); i++) {
        write_rows(&rows, spec(&o, lossy[i]));
        assert_true(rows.is_lossy);
        rows_fini(&rows);
    }
}

static void rows_beyond_their_room_are_refused(void **state)
{
    static struct octets o;
    struct dcm_item *item = NULL;
    struct rows rows;
    struct err err = {0};
    (void)state;
    arena_reset(arena);
    assert_int_equal(dcm_read(spec(&o, "00181030 LO Head"), dcm_ts_find(UID_EXPLICIT_LE), NULL,
                              arena, &item, &err),
                     RC_OK);
    rows_init(&rows, 16);
    assert_int_equal(rows_write(&model_protocol, item, 64, arena, &rows, &err), RC_LIMIT);
    rows_fini(&rows);
    rows_init(&rows, 16);
    for (int i = 0; i < 10; i++)
        rows_warn(&rows, NULL, "is wrong");
    assert_int_equal(rows_finish(&rows, &err), RC_LIMIT);
    rows_fini(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_stand_where_the_database_expects_them),
        cmocka_unit_test(codes_know_their_place),
        cmocka_unit_test(columns_of_approvals_stand_where_the_database_expects_them),
        cmocka_unit_test(codes_of_approvals_know_their_place),
        cmocka_unit_test(constraints_of_elements_and_patient),
        cmocka_unit_test(constraint_values_are_flat),
        cmocka_unit_test(numbers_are_written_out),
        cmocka_unit_test(numbers_that_are_none_are_null_and_reported),
        cmocka_unit_test(what_has_no_column_stays),
        cmocka_unit_test(what_does_not_fit_its_column_is_reported),
        cmocka_unit_test(long_values_are_reported_in_part),
        cmocka_unit_test(values_that_no_index_holds_have_no_column),
        cmocka_unit_test(warnings_are_bounded),
        cmocka_unit_test(text_that_a_column_cannot_hold_is_mended_and_told),
        cmocka_unit_test(rows_beyond_their_room_are_refused),
    };
    struct err err;
    if (dcm_init(&err) != RC_OK)
        return 1;
    arena = arena_new(1 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
