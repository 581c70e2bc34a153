/* SPDX-License-Identifier: Apache-2.0
 *
 * Instants and time zones from end to end: keys of VR DT (PS3.4 C.2.2.2.1, C.2.2.2.5; PS3.5 6.2) against a model and
 * a table of their own, and Instance Creation Date and Time with time zone adjustment (K.5.1). One letter for each
 * stored value, and for each key the letters that match, written down by hand. Instance Creation Date and Time as
 * written are in test_matching.c.
 */
#include "catalog_db.h"
#include "testdb.h"

#include "catalog/query.h"
#include "dcm/dict.h"
#include "dcm/tags.h"
#include "dcm/uids.h"

enum { AT = TAG(0x0044, 0x0104) };

static const struct model_key keys[] = {
    {AT, "DT", MATCH_DATETIME, .return_type = 1, .column = "at"},
};
static const char *const classes[] = {UID_CT_DEFINED_PROTOCOL, NULL};
static const struct model model = {
    .name = "moments",
    .storage_classes = classes,
    .table = "dpp_test.moments",
    .keys = keys,
    .key_count = COUNT(keys),
};

/* Stored values, from "a" on, and the (0008,0201) of their objects. */
static const struct {
    const char *value, *zone;
} stored[] = {
    {"20240315103000", NULL},    /* a: in the site's zone */
    {"20240315103000", "+0100"}, /* b: in the object's */
    {"20240315103000+0200", NULL},
    {"20240315043000-0500", "+0100"}, /* d: its own counts */
    {"2024", NULL},
    {"20240315093000+0000", NULL},
    {NULL, "+0100"},        /* g: unknown */
    {"20249999", NULL},     /* h: no date-time */
    {"202403151030", NULL}, /* i: means the same as a */
    {"20240315235960", NULL},
    {"20240715103000", NULL}, /* k: summer time */
    {"20241027023000", NULL}, /* l: twice in Berlin; the second counts */
    {"20111230120000", NULL}, /* m: never in Apia, where clocks went from the 29th to the 31st */
};

/* Instance Creation Date and Time, and the (0008,0201) of their objects; from "A" on. */
static const struct {
    const char *date, *time, *zone;
} created[] = {
    {"20200105", "101500", "+0100"}, /* A: 09:15 UTC */
    {"20200106", "09", NULL},        /* B: 08:00 UTC in Berlin */
    {"20200107", NULL, NULL},        /* C */
    {NULL, "2359", NULL},            /* D */
    {"20200105", "235960", NULL},    /* E: 22:59:59.999999 UTC */
    {"20200105", "003000", "+0200"}, /* F: 22:30 UTC of the 4th */
    {"20200105", "20", "-0500"},     /* G: 01:00 UTC of the 6th */
    {"20209999", "1200", NULL},      /* H: no date */
    {"20200106", NULL, "+0900"},     /* I */
    {"20200705", "1200", NULL},      /* J: 10:00 UTC, being summer */
    {"20200105", "101500", "+9999"}, /* K: no zone, so 09:15 UTC in Berlin */
};

struct match {
    const char *identifier, *letters;
};

static int by_letter(const void *a, const void *b)
{
    return *(const char *)a - *(const char *)b;
}

static const struct model *asked = &model;

static enum rc build(const char *identifier, const struct query_view *view, struct arena *arena,
                     struct query *q, struct err *err)
{
    static struct octets o;
    memset(err, 0, sizeof(*err));
    return query_build(asked, spec(&o, identifier), dcm_ts_find(UID_EXPLICIT_LE), view, NULL, arena,
                       q, err);
}

static void answer(const char *identifier, const struct query_view *view, char letters[64])
{
    struct arena *arena = arena_new(1 << 20);
    struct pg_table *t = NULL;
    struct query q;
    struct err err;
    if (build(identifier, view, arena, &q, &err) != RC_OK)
        fail_msg("%s: %s", identifier, err.text);
    if (pg_sync_query(database.sync, q.sql, q.params, q.param_count, &t, &err) != RC_OK)
        fail_msg("%s: %s\n%s", identifier, err.text, q.sql);
    unsigned count = pg_table_rows(t);
    assert_true(count < 64);
    for (unsigned i = 0; i < count; i++) /* "\x61" */
        letters[i] = (char)strtol(pg_table_get(t, i, 0) + 2, NULL, 16);
    letters[count] = '\0';
    qsort(letters, count, 1, by_letter);
    pg_table_free(t);
    arena_free(arena);
}

static void check(const struct match *cases, size_t count, const struct query_view *view)
{
    unsigned failed = 0;
    for (size_t i = 0; i < count; i++) {
        char letters[64];
        answer(cases[i].identifier, view, letters);
        if (strcmp(letters, cases[i].letters) != 0) {
            print_message("%s: [%s] instead of [%s]\n", cases[i].identifier, letters,
                          cases[i].letters);
            failed++;
        }
    }
    assert_int_equal(failed, 0);
}

#define KEY(value)       "00440104 DT " value
#define IN(zone, value)  "00080201 SH " zone "; 00440104 DT " value
#define ALL_WITH_A_VALUE "abcdefijklm"

/* Nothing negotiated: as written, unless either side says its offset. */
static void values_are_compared_as_written_or_as_instants(void **state)
{
    static const struct match cases[] = {
        {KEY(""), "abcdefghijklm"}, /* universal, C.2.2.2.3 */
        /* Single value, C.2.2.2.1: by meaning. a, b, i as written; d and f at 09:30 UTC, which is 10:30 here. */
        {KEY("20240315103000"), "abdfi"},
        {KEY("202403151030"), "abdfi"},
        {KEY("20240315103000.000"), "abdfi"},
        {KEY(" 202403151030 "), "abdfi"},
        {KEY("2024"), "e"},
        {KEY("20240101"), "e"},
        {KEY("202403"), ""},
        {KEY("20240315235960"), "j"},
        {KEY("20240315103000\\2024"), "abdefi"},
        /* The key has its own offset: instants; a and i are in the site's zone, b in its object's. */
        {KEY("20240315093000+0000"), "abdfi"},
        {KEY("20240315103000+0200"), "c"},
        {KEY("20240315043000-0500"), "abdfi"}, /* cannot be a range: see query_instant.c */
        {KEY("2024+0100"), "e"},
        {KEY("2024-1200"), ""},
        {KEY("20240715083000+0000"), "k"},
        {KEY("20241027013000+0000"), "l"},
        {KEY("20241027003000+0000"), ""},
        /* The request's zone is that of the key: 08:30 UTC for those with an offset. */
        {IN("+0200", "20240315103000"), "abci"},
        {IN("-0500", "20240315043000"), "df"},
        {IN("+0200", "20240315103000+0100"), "abdfi"}, /* the key's own counts */
        /* Range, C.2.2.2.5.3: both ends included, to the last microsecond of their precision */
        {KEY("20240315-20240315"), "abcdfij"},
        {KEY("2024-2024"), "abcdefijkl"},
        {KEY("202403-202403"), "abcdfij"},
        {KEY("-202402"), "em"},
        {KEY("2024031510-2024031510"), "abdfi"},
        {KEY("2011-2024"), ALL_WITH_A_VALUE},
        {KEY("-2024"), ALL_WITH_A_VALUE},
        {KEY("2011-"), ALL_WITH_A_VALUE},
        {KEY("20240315103000-"), "abdfijkl"},
        {KEY("-20240315102959"), "cem"},
        {KEY("202403151030-202403151030"), "abdfi"},
        {KEY("20240101 - 20240315100000"), "ce"},
        {KEY("20240315235959-20240315235959"), "j"},
        {KEY("2025-2024"), ""},
        {KEY("20240315-20240314"), ""},
        /* Offsets in ranges */
        {KEY("20240315083000+0000-20240315090000+0000"), "c"},
        {KEY("20240315033000-0500-20240315040000-0500"), "c"},
        {KEY("20240315033000-0500-202403151000"), "c"}, /* the second in the site's zone */
        {KEY("20240315093000-202403151000+0100"), "c"},
        {KEY("20240315093000+0000-"), "abdfijkl"},
        {KEY("-20240315092959+0000"), "cem"},
        {KEY("-20240315042959-0500"), "cem"},
        {KEY("20240315043000-0500-"), "abdfijkl"},
        {KEY("20240315043000-0500-2025"), "abdfijkl"},
    };
    struct query_view view = {.aet = "CT1", .site_zone = "Europe/Berlin"};
    (void)state;
    check(cases, COUNT(cases), &view);
}

/* K.5.1 byte 4. */
static void with_adjustment_all_are_instants(void **state)
{
    static const struct match cases[] = {
        {KEY(""), "abcdefghijklm"},
        {KEY("20240315103000"), "abdfi"},     /* 09:30 UTC */
        {IN("+0200", "20240315103000"), "c"}, /* 08:30 UTC */
        {IN("+0000", "20240315093000"), "abdfi"},
        {IN("+0200", "20240715103000"), "k"},
        {IN("+0100", "20240315103000-"), "abdfijkl"},
        {IN("+1400", "20240315-20240315"), "abcdfi"}, /* until 10:00 UTC */
        {IN("-1200", "20240315-20240315"), "j"},      /* begins at 12:00 UTC */
        {IN("+0100", "2024-2024"), "abcdefijkl"},
        {IN("+0000", "2024-2024"), "abcdfijkl"}, /* e is still 2023 there */
    };
    struct query_view view = {.aet = "CT1", .site_zone = "Europe/Berlin", .adjusts_times = true};
    (void)state;
    check(cases, COUNT(cases), &view);
}

static void the_site_stands_in(void **state)
{
    static const struct match utc[] = {
        {KEY("20240315103000+0000"), "ai"},
        {KEY("20240715103000+0000"), "k"},
        {KEY("20240315103000"), "abi"}, /* b as written */
    };
    static const struct match apia[] = {
        {KEY("20111230220000+0000"), "m"},
        {KEY("20111230-20111230"), "m"},
        {KEY("20111230215959+0000-20111230220000+0000"), "m"},
    };
    struct query_view view = {.aet = "CT1"};
    (void)state;
    check(utc, COUNT(utc), &view);
    view.site_zone = "Pacific/Apia";
    check(apia, COUNT(apia), &view);
}

#define ZONE(zone) "00080201 SH " zone "; "

/* C.2.2.2.5.2: "the specified time values and the definition of midnight are in the specified timezone". */
static void dates_and_times_are_adjusted(void **state)
{
    static const struct match cases[] = {
        /* A date alone is a day in the key's zone; without a time it is compared as written (C, I). */
        {"00080012 DA 20200105", "AEK"},
        {"00080012 DA 20200104", "F"},
        {"00080012 DA 20200106", "BGI"},
        {"00080012 DA 20200107", "C"},
        {"00080012 DA 20200104\\20200107", "CF"},
        {"00080012 DA 20200105-20200106", "ABEGIK"},
        {"00080012 DA 20200106-", "BCGIJ"},
        {"00080012 DA -20200104", "F"},
        {ZONE("+0000") "00080012 DA 20200105", "AEK"},
        {ZONE("-0800") "00080012 DA 20200105", "AEGK"},
        {ZONE("+1400") "00080012 DA 20200106", "BEGI"},
        /* A time alone is a time of day in the key's zone; without a date it is compared as written (D, H). */
        {"00080013 TM 101500", "AK"},
        {"00080013 TM 1200", "HJ"},
        {"00080013 TM 235960", "E"},
        {ZONE("+0000") "00080013 TM 0915", "AK"},
        {ZONE("+0000") "00080013 TM 1015", ""},
        {ZONE("+0000") "00080013 TM 08", "B"},
        {ZONE("+0000") "00080013 TM 1200", "H"},
        {ZONE("+0000") "00080013 TM 2359", "D"},
        {ZONE("+0000") "00080013 TM 22-23", "DEF"},
        {ZONE("+0000") "00080013 TM -02", "G"},
        {ZONE("+0200") "00080013 TM 12", "HJ"},
        {ZONE("-0330") "00080013 TM 0430", "B"},
        {ZONE("+0000") "00080013 TM 08\\22-2230", "BF"},
        /* Two ranges are one, HH.6.1.2.2: both date and time are needed. */
        {ZONE("+0000") "00080012 DA 20200104-20200105; 00080013 TM 22-0916", "AFK"},
        {ZONE("-0500") "00080012 DA 20200105-; 00080013 TM 2000-", "BGJ"},
        {ZONE("+0100") "00080012 DA -20200105; 00080013 TM -0030", "F"},
        {"00080012 DA 19000101-; 00080013 TM 00-", "ABEFGJK"},
        /* Other forms are separate, each in the key's zone. */
        {ZONE("+0000") "00080012 DA 20200106; 00080013 TM 00-02", "G"},
        {ZONE("+0000") "00080012 DA 20200105-; 00080013 TM -02", "G"},
        {ZONE("+0000") "00080012 DA 20200104-20200105; 00080013 TM 2230", "F"},
        {ZONE("+0000") "00080012 DA 20200104; 00080013 TM 2230", "F"},
    };
    struct query_view view = {.aet = "CT1", .site_zone = "Europe/Berlin", .adjusts_times = true};
    (void)state;
    asked = &model_protocol;
    check(cases, COUNT(cases), &view);
    asked = &model;
}

/* The request's zone says how to read it, but nothing is adjusted. */
static void without_negotiation_they_are_as_written(void **state)
{
    static const struct match cases[] = {
        {ZONE("+1400") "00080012 DA 20200106", "BI"},
        {ZONE("+0000") "00080013 TM 1015", "AK"},
        {ZONE("-0500") "00080012 DA 20200105-; 00080013 TM 2000-", "BEGJ"},
    };
    struct query_view view = {.aet = "CT1", .site_zone = "Europe/Berlin"};
    (void)state;
    asked = &model_protocol;
    check(cases, COUNT(cases), &view);
    asked = &model;
}

/* A900 names the element. */
static void malformed_values_are_refused(void **state)
{
    static const struct {
        const char *identifier;
        uint32_t tag;
    } cases[] = {
        {KEY("202"), AT},
        {KEY("20241"), AT},
        {KEY("202413"), AT},
        {KEY("20230229"), AT},
        {KEY("202403152"), AT},
        {KEY("2024031524"), AT},
        {KEY("2024031510:30"), AT},
        {KEY("2024.03.15"), AT},
        {KEY("20240315103000."), AT},
        {KEY("20240315103000.1234567"), AT},
        {KEY("2024031510.5"), AT},
        {KEY("20240315103000+1500"), AT},
        {KEY("20240315103000+0160"), AT},
        {KEY("20240315103000+01"), AT},
        {KEY("20240315103000-1201-"), AT},
        {KEY("2024-2025-2026"), AT},
        {KEY("-"), AT},
        {KEY("--"), AT},
        {KEY("today"), AT},
        {KEY("2024*"), AT},
        {KEY("2024\\x"), AT},
        {IN("+1401", "2024"), TAG_TimezoneOffsetFromUTC},
        {IN("-1201", "2024"), TAG_TimezoneOffsetFromUTC},
        {IN("+0160", "2024"), TAG_TimezoneOffsetFromUTC},
        {IN("0100", "2024"), TAG_TimezoneOffsetFromUTC},
        {IN("+01:00", "2024"), TAG_TimezoneOffsetFromUTC},
        {IN("Z", "2024"), TAG_TimezoneOffsetFromUTC},
        {IN("+0100\\+0200", "2024"), TAG_TimezoneOffsetFromUTC},
        {IN("Europe/Berlin", "2024"), TAG_TimezoneOffsetFromUTC},
        {"00080201 SH Z", TAG_TimezoneOffsetFromUTC},
        {"00080201 SQ {[00080100 SH X]}; 00440104 DT 2024", TAG_TimezoneOffsetFromUTC},
    };
    struct query_view view = {.aet = "CT1"};
    struct arena *arena = arena_new(1 << 20);
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct query q;
        struct err err;
        arena_reset(arena);
        enum rc rc = build(cases[i].identifier, &view, arena, &q, &err);
        if (rc != RC_INVALID || err.tag != cases[i].tag)
            fail_msg("%s: %s %08X", cases[i].identifier, rc_name(rc), err.tag);
    }
    arena_free(arena);
}

/* Zero length is not allowed, and says nothing. */
static void an_empty_zone_is_none(void **state)
{
    static const struct match cases[] = {
        {IN("", "20240315103000"), "abdfi"},
        {IN("  ", "20240315103000"), "abdfi"},
        {IN("+1400", "20111230120000+1400"), "m"},
        {IN("-0000", "20240315093000"), "df"},
    };
    struct query_view view = {.aet = "CT1", .site_zone = "Europe/Berlin"};
    (void)state;
    check(cases, 2, &view);
    view.site_zone = "Etc/GMT-14";
    check(cases + 2, 1, &view);
    view.site_zone = "Europe/Berlin";
    check(cases + 3, 1, &view);
}

static void quote(const char *text, char out[64])
{
    snprintf(out, 64, text ? "'%s'" : "null", text);
}

static void add_created(size_t i)
{
    char sql[1024], date[64], time[64], zone[64];
    quote(created[i].date, date);
    quote(created[i].time, time);
    quote(created[i].zone, zone);
    /* Two statements, because the trigger of the second reads what the first has written. */
    snprintf(sql, sizeof(sql),
             "insert into dpp.objects (sop_instance_uid, sop_class_uid, state, query_record,"
             " timezone_offset) values ('1.2.4.%zu', '%s', 'published', '%c', %s);"
             " insert into dpp.protocols (object_id, instance_creation_date,"
             " instance_creation_time) select o.id, %s, %s from dpp.objects as o"
             " where o.sop_instance_uid = '1.2.4.%zu'",
             i, UID_XA_DEFINED_PROTOCOL, (char)('A' + i), zone, date, time, i);
    run_sql(sql);
}

static int fill(void **state)
{
    if (database_open(state) != 0)
        return -1;
    for (size_t i = 0; i < COUNT(created); i++)
        add_created(i);
    run_sql("create schema dpp_test; create table dpp_test.moments (object_id bigint, at text,"
            " at_local timestamp, at_instant timestamptz, at_has_offset boolean)");
    for (size_t i = 0; i < COUNT(stored); i++) {
        char sql[1024], value[64], zone[64];
        quote(stored[i].value, value);
        quote(stored[i].zone, zone);
        snprintf(
            sql, sizeof(sql),
            "with o as (insert into dpp.objects (sop_instance_uid, sop_class_uid, state,"
            " query_record, timezone_offset) values ('1.2.3.%zu', '%s', 'published', '%c', %s)"
            " returning id) insert into dpp_test.moments select o.id, v.at, dpp.parse_dt(v.at),"
            " dpp.instant_of(dpp.parse_dt(v.at), coalesce(dpp.parse_dt_offset(v.at),"
            " dpp.parse_offset(%s))), dpp.parse_dt_offset(v.at) is not null"
            " from o, (select %s::text) as v (at)",
            i, UID_CT_DEFINED_PROTOCOL, (char)('a' + i), zone, zone, value);
        run_sql(sql);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_compared_as_written_or_as_instants),
        cmocka_unit_test(with_adjustment_all_are_instants),
        cmocka_unit_test(the_site_stands_in),
        cmocka_unit_test(dates_and_times_are_adjusted),
        cmocka_unit_test(without_negotiation_they_are_as_written),
        cmocka_unit_test(malformed_values_are_refused),
        cmocka_unit_test(an_empty_zone_is_none),
    };
    struct err err;
    if (dcm_init(&err) != RC_OK)
        return 1;
    return cmocka_run_group_tests(tests, fill, database_close);
}
