/* SPDX-License-Identifier: Apache-2.0
 *
 * Every attribute of a stored data set is in a column or in other_attributes: writing the rows out again
 * (dpp.dataset_of) gives the data set that went in, in DICOM JSON. With a real database, which
 * thereby also shows that it takes whatever ingest makes of hostile octets.
 */
#include "catalog_render.h"
#include "testdb.h"

#include <dirent.h>

#include "dcm/dict.h"

enum {
    MUTATIONS = 600,
    ALL_RENDERED = 70, /* the samples; of damaged ones a quarter, as it takes as long as all else */
};

static struct arena *arena;

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 1 << 20);
    if (!file || !text)
        fail_msg("%s cannot be read", path);
    size_t len = fread(text, 1, (1 << 20) - 1, file);
    assert_true(len > 0 && len < (1 << 20) - 1);
    fclose(file);
    return text;
}

/* The value of a query with text parameters, NULL where it has no row; freed by the next call. */
static const char *ask(const char *sql, const char *first, const char *second)
{
    static struct pg_table *table;
    struct pg_param params[] = {pg_text(first), pg_text(second)};
    struct err err = {0};
    pg_table_free(table);
    table = NULL;
    if (pg_sync_query(database.sync, sql, params, second ? 2 : 1, &table, &err) != RC_OK)
        fail_msg("%s: %s", sql, err.text);
    return pg_table_rows(table) ? pg_table_get(table, 0, 0) : NULL;
}

/* The rows of this UID, written out, are the JSON. */
static void check_rows(const char *what, const char *uid, const char *json)
{
    static const char differing[] =
        "select format('%s: %s instead of %s', k, r -> k, g -> k)"
        " from coalesce(dpp_test.dataset_of($1), '{}') as r, cast($2 as jsonb) as g,"
        " jsonb_object_keys(r || g) as k where k <> '00080005' and r -> k is distinct from g -> k";
    const char *wrong = ask(differing, uid, json);
    if (wrong)
        fail_msg("%s: %s", what, wrong);
}

/* The octets as JSON, made without what makes the rows. NULL: not readable as ASCII, declared sets or UTF-8. */
static const char *json_of(struct span octets, struct buf *json)
{
    struct dcm_item *item = NULL;
    bool is_lossy;
    struct err err;
    arena_reset(arena);
    assert_int_equal(dcm_read(octets, dcm_ts_find(UID_EXPLICIT_LE), NULL, arena, &item, &err),
                     RC_OK);
    if (dcm_tree_to_utf8(item, NULL, arena, NULL, &err) != RC_OK) {
        arena_reset(arena);
        assert_int_equal(dcm_read(octets, dcm_ts_find(UID_EXPLICIT_LE), NULL, arena, &item, &err),
                         RC_OK);
        if (dcm_tree_to_utf8(item, "ISO_IR 192", arena, NULL, &err) != RC_OK)
            return NULL;
    }
    buf_clear(json);
    assert_int_equal(dcm_json_write(item, 65536, json, &is_lossy, &err), RC_OK);
    return buf_cstr(json);
}

static void store_and_compare(const char *what, struct span octets, const char *uid)
{
    static struct buf json;
    static unsigned count;
    static uint32_t random = 1;
    const char *expected = json_of(octets, &json);
    const char *outcome = store_octets(octets, UID_EXPLICIT_LE);
    if (expected && strcmp(outcome, "stored") == 0) {
        check_rows(what, uid, expected);
        if (count < ALL_RENDERED || next_random(&random) % 4 == 0)
            check_rendered(what, uid, arena);
        count++;
    }
}

/* ---- the sample library ---- */

static void store_json_file(const char *path)
{
    char *json = read_file(path), uid[65];
    struct dcm_item *item = NULL;
    struct buf octets;
    struct err err = {0};
    arena_reset(arena);
    if (dcm_json_read(span_str(json), NULL, arena, &item, &err) != RC_OK ||
        dcm_tree_from_utf8(item, "ISO_IR 192", arena, &err) != RC_OK)
        fail_msg("%s: %s", path, err.text);
    buf_init(&octets, 0);
    assert_int_equal(dcm_write(item, dcm_ts_find(UID_EXPLICIT_LE), &octets, &err), RC_OK);
    dcm_first_text(item, TAG_SOPInstanceUID, uid, sizeof(uid));
    store_and_compare(path, buf_span(&octets), uid);
    assert_string_equal(
        ask("select count(*) from dpp.objects where sop_instance_uid = $1", uid, NULL), "1");
    buf_fini(&octets);
    free(json);
}

static void samples_come_out_as_they_went_in(void **state)
{
    DIR *folder = opendir(SOURCE_DIR "/samples/dicom");
    unsigned count = 0;
    (void)state;
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[512];
        snprintf(path, sizeof(path), SOURCE_DIR "/samples/dicom/%s", entry->d_name);
        if (strstr(entry->d_name, ".json")) {
            store_json_file(path);
            count++;
        }
    }
    closedir(folder);
    assert_true(count > 50);
    assert_string_equal(ask_sql("select count(*) from dpp.dataset_warnings"), "0");
    /* else all could be in other_attributes */
    assert_string_equal(
        ask_sql("select count(*) from dpp.parameter_constraints where other_attributes <> '{}'"),
        "0");
    store_json_file(SOURCE_DIR "/tests/sql/data/routine-adult-head.json");
}

/* ---- damage ---- */

#define CT       "00080016 UI 1.2.840.10008.5.1.4.1.1.200.1; 00080018 UI "
#define APPROVAL "00080016 UI 1.2.840.10008.5.1.4.1.1.200.3; 00080018 UI "

/* Where an attribute can stand, with what stands around it; VR and value are filled in. */
struct place {
    const char *before, *after;
    struct {
        const char *tag, *vr;
    } attributes[24];
};

static const struct place protocol_places[] = {
    {"",
     "",
     {{"00080012", "DA"},
      {"00080013", "TM"},
      {"00080070", "LO"},
      {"00080201", "SH"},
      {"00080221", "CS"},
      {"00081090", "LO"},
      {"00120010", "LO"},
      {"00120020", "LO"},
      {"00120021", "LO"},
      {"00181000", "LO"},
      {"00181020", "LO"},
      {"00181030", "LO"},
      {"00189908", "UC"},
      {"0018990A", "UC"},
      {"0018990F", "UT"},
      {"00189910", "UT"},
      {"00189947", "CS"},
      {"00700084", "PN"},
      {"00091001", "UN"}}},
    {"",
     "",
     {{"00080220", "SQ"},
      {"00082218", "SQ"},
      {"00082228", "SQ"},
      {"00189906", "SQ"},
      {"00189907", "SQ"},
      {"00189909", "SQ"},
      {"0018990B", "SQ"},
      {"0018990E", "SQ"},
      {"00189911", "SQ"},
      {"00189912", "SQ"},
      {"00189914", "SQ"},
      {"0018991B", "SQ"},
      {"0018991C", "SQ"},
      {"0018991F", "SQ"},
      {"00189933", "SQ"},
      {"00189935", "SQ"},
      {"0040A07C", "SQ"}}},
    {"00082218 SQ {[00080101 LO x; ",
     "]}",
     {{"00080102", "SH"},
      {"00080103", "SH"},
      {"00080104", "LO"},
      {"00080119", "UC"},
      {"00080120", "UR"},
      {"00080121", "SQ"},
      {"00082220", "SQ"}}},
    {"0018990B SQ {[00080121 SQ {[00080101 LO x; ",
     "]}]}",
     {{"00080102", "SH"},
      {"00080104", "LO"},
      {"00080119", "UC"},
      {"00080120", "UR"},
      {"00080121", "SQ"}}},
    {"00189912 SQ {[00080060 LO x; ",
     "]}",
     {{"00080070", "LO"},
      {"00080222", "LO"},
      {"00081090", "LO"},
      {"00181020", "LO"},
      {"00181000", "LO"},
      {"300A0420", "SQ"}}},
    {"0040A07C SQ {[00080060 LO x; ", "]}", {{"00080080", "LO"}, {"00080082", "SQ"}}},
    {"0018990E SQ {[00080060 LO x; ", "]}", {{"00081150", "UI"}, {"00081155", "UI"}}},
    {"00189914 SQ {[00080060 LO x; ",
     "]}",
     {{"00189915", "US"}, {"00189916", "LO"}, {"00189917", "UT"}}},
    {"0018991F SQ {[00080060 LO x; ",
     "]}",
     {{"00189921", "US"}, {"00189922", "LO"}, {"00189924", "UT"}, {"00189913", "SQ"}}},
    {"00189911 SQ {[",
     "]}",
     {{"004008EA", "SQ"},
      {"00720026", "AT"},
      {"00720028", "US"},
      {"00720050", "CS"},
      {"00720052", "AT"},
      {"00720056", "LO"},
      {"00741057", "IS"},
      {"00820018", "LO"},
      {"00820019", "LO"},
      {"00820032", "CS"},
      {"00820033", "UT"},
      {"00820034", "SQ"},
      {"00820035", "SQ"},
      {"00820036", "CS"},
      {"00820037", "UT"},
      {"00820038", "CS"}}},
    {"0018991F SQ {[00189913 SQ {[00720050 CS DS; ",
     "]}]}",
     {{"00720056", "LO"},
      {"00741057", "IS"},
      {"00820032", "CS"},
      {"00820034", "SQ"},
      {"00820035", "SQ"}}},
};

static const struct place approval_places[] = {
    {"",
     "",
     {{"00080012", "DA"},
      {"00080013", "TM"},
      {"00080070", "LO"},
      {"00080201", "SH"},
      {"00081090", "LO"},
      {"00091001", "UN"},
      {"00181000", "LO"},
      {"00181020", "LO"},
      {"00440100", "SQ"},
      {"00440109", "SQ"}}},
    {"00440109 SQ {[00080060 LO x; ", "]}", {{"00081150", "UI"}, {"00081155", "UI"}}},
    {"00440100 SQ {[00080060 LO x; ",
     "]}",
     {{"00080082", "SQ"},
      {"00120020", "LO"},
      {"00380100", "SQ"},
      {"00440101", "SQ"},
      {"00440102", "UI"},
      {"00440103", "SQ"},
      {"00440104", "DT"},
      {"00440105", "DT"},
      {"00440106", "UT"},
      {"00440107", "SQ"}}},
    {"00440100 SQ {[][00440107 SQ {[][00080060 LO x; ", "]}]}", {{"00440108", "UI"}}},
    {"00440100 SQ {[][00440103 SQ {[][00080050 SH x; ",
     "]}]}",
     {{"00080055", "AE"},
      {"00080070", "LO"},
      {"00080080", "LO"},
      {"00080082", "SQ"},
      {"00081010", "SH"},
      {"00081040", "LO"},
      {"00081041", "SQ"},
      {"00081090", "LO"},
      {"00181002", "UI"},
      {"00401101", "SQ"},
      {"0040A084", "CS"},
      {"0040A123", "PN"},
      {"0044010A", "SQ"}}},
    {"00440100 SQ {[00440101 SQ {[][00080101 LO x; ",
     "]}]}",
     {{"00080102", "SH"}, {"00080104", "LO"}, {"00080119", "UC"}, {"00080121", "SQ"}}},
    {"00440100 SQ {[][00440103 SQ {[][00080082 SQ {[][00080121 SQ {[][00080101 LO x; ",
     "]}]}]}]}",
     {{"00080102", "SH"}, {"00080103", "SH"}, {"00080120", "UR"}, {"00080121", "SQ"}}},
};

/* In place of VR and value; $ is the right VR. */
static const char *const damages[] = {
    "$ ",
    "$ a",
    "$ ab\\c",
    "$ ab\\",
    "$ \\ab",
    "$ abcdefgh",
    "$ \"{,}\\NULL",
    "$ 1",
    "$ 01",
    "$ -0",
    "LO a",
    "SH a\\b",
    "UT a",
    "US ab",
    "US abc",
    "OB abcd",
    "FD abcdefgh",
    "AT abcd",
    "PN a^b= =c",
    "SQ {}",
    "SQ {[]}",
    "SQ {[][00080100 SH 1]}",
    "SQ {[00080100 SH 1; 00080104 LO x]}",
    "SQ {[00720072 DS 1]}",
    "SQ {[00720072 DS 1][00720072 DS 2]}",
    "SQ {[00720072 DS 1\\2]}",
    "SQ {[00720072 DS x][00720062 CS A; 00720066 LO B]}",
    "SQ {[00720080 SQ {[00080100 SH 1^2]}]}",
};

/* The attributes of a place from one to the last before `end`, damaged in the same way. */
static void make_damaged(struct octets *o, struct buf *object, const char *uid,
                         const struct place *place, size_t first, size_t end, const char *damage)
{
    buf_printf(object, "%s; %s", uid, place->before);
    for (size_t i = first; i < end; i++) {
        const char *vr = place->attributes[i].vr;
        if (*damage != '$')
            buf_printf(object, "%s %s; ", place->attributes[i].tag, damage);
        else if (strcmp(vr, "SQ") != 0)
            buf_printf(object, "%s %s%s; ", place->attributes[i].tag, vr, damage + 1);
    }
    buf_add_str(object, place->after);
    spec(o, buf_cstr(object));
}

static void damage_place(const char *object_class, const struct place *place, size_t first,
                         size_t end, const char *damage)
{
    static unsigned number;
    static struct octets o;
    static struct buf object;
    char uid[32];
    snprintf(uid, sizeof(uid), "1.6.%u", ++number);
    buf_clear(&object);
    buf_add_str(&object, object_class);
    make_damaged(&o, &object, uid, place, first, end, damage);
    store_and_compare(buf_cstr(&object), span_of(o.data, o.len), uid);
}

static void damage_places(const char *object_class, const struct place *places, size_t count)
{
    for (size_t d = 0; d < COUNT(damages); d++) {
        for (size_t p = 0; p < count; p++) {
            size_t end = 0;
            for (; places[p].attributes[end].tag; end++) {
                if (p + 1 == count) /* each alone, where they say how others are to be read */
                    damage_place(object_class, &places[p], end, end + 1, damages[d]);
            }
            damage_place(object_class, &places[p], 0, end, damages[d]);
        }
    }
}

static void damaged_data_sets_come_out_as_they_went_in(void **state)
{
    (void)state;
    damage_places(CT, protocol_places, COUNT(protocol_places));
    damage_places(APPROVAL, approval_places, COUNT(approval_places));
}

/* Data sets that fill many tables; the UID is in the middle. */
static const struct {
    const char *before, *after;
} victims[] = {
    {CT, "; 00080201 SH +0100; 00082218 SQ {[00080100 SH 1; 00080121 SQ {[00080104 LO x]}]}; "
         "00181020 LO 1\\2; 00181030 LO Head; 0018991F SQ {[00189913 SQ {[004008EA SQ "
         "{[00080100 SH kV]}; 00720026 AT abcd; 00720028 US ab; 00720050 CS DS; 00720052 AT "
         "abcdefgh; 00741057 IS 1\\2; 00820032 CS RANGE_INCL; 00820034 SQ {[00720072 DS "
         "1.5][00720072 DS 2e3]}; 00820035 SQ {[00720074 FD abcdefgh]}; 00820038 CS NO]}]}; "
         "00700084 PN A^B=C"},
    {APPROVAL,
     "; 00080201 SH +0100; 00181020 LO 1\\2; 00440100 SQ {[00080082 SQ {[00080100 SH 1]}; "
     "00120020 LO T; 00440101 SQ {[00080100 SH 128603; 00080121 SQ {[00080104 LO x]}]}; "
     "00440102 UI 1.4; 00440103 SQ {[00080080 LO i; 00080082 SQ {[00080100 SH 2]}; 00401101 "
     "SQ {[00080100 SH 3]}; 0040A084 CS PSN; 0040A123 PN A^B=C]}; 00440104 DT "
     "20240101120000+0100; 00440105 DT 2025; 00440107 SQ {[00440108 UI 1.5]}]}; 00440109 SQ "
     "{[00081150 UI 1.2; 00081155 UI 1.3]}"},
};

static void hostile_octets_are_stored_too(void **state)
{
    static struct octets o;
    (void)state;
    for (size_t v = 0; v < COUNT(victims); v++) {
        unsigned stored = 0;
        for (uint32_t i = 0; i < MUTATIONS; i++) {
            struct ingest_prepared *p = NULL;
            struct err err;
            struct buf object = {0};
            char uid[32];
            uint32_t random = i * 2654435761u + 3;
            snprintf(uid, sizeof(uid), "1.8.%zu.%u", v, (unsigned)i);
            buf_printf(&object, "%s%s%s", victims[v].before, uid, victims[v].after);
            spec(&o, buf_cstr(&object));
            buf_fini(&object);
            mutate(&o, &random);
            struct span octets = span_of(o.data, o.len);
            struct ingest_input input = {.octets = octets,
                                         .ts = dcm_ts_find(UID_EXPLICIT_LE),
                                         .sop_instance = uid,
                                         .source = "store"};
            if (ingest_prepare(&input, NULL, &p, &err) != RC_OK)
                continue;
            ingest_prepared_free(p);
            store_and_compare(uid, octets, uid);
            stored++;
        }
        assert_true(stored > MUTATIONS / 20);
    }
}

static int open_database(void **state)
{
    char *helpers = read_file(SOURCE_DIR "/tests/support/dataset_of.sql");
    int rc = database_open(state);
    if (rc == 0) {
        run_sql("set client_min_messages = warning");
        run_sql(helpers);
    }
    free(helpers);
    return rc;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_come_out_as_they_went_in),
        cmocka_unit_test(damaged_data_sets_come_out_as_they_went_in),
        cmocka_unit_test(hostile_octets_are_stored_too),
    };
    struct err err;
    if (dcm_init(&err) != RC_OK)
        return 1;
    arena = arena_new(16 << 20);
    int failed = cmocka_run_group_tests(tests, open_database, database_close);
    arena_free(arena);
    return failed;
}
