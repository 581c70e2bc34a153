/* SPDX-License-Identifier: Apache-2.0 */
#include "dcm_test.h"

#include <dirent.h>
#include <stdio.h>

#include "dcm/json.h"

static struct dcm_item *must_parse(struct fixture *f, const char *json)
{
    struct dcm_item *item = NULL;
    enum rc rc = dcm_json_read(span_str(json), NULL, f->arena, &item, &f->err);
    if (rc != RC_OK)
        fail_msg("%s: %s", json, f->err.text);
    return item;
}

static void assert_json(struct fixture *f, const struct dcm_item *item, size_t inline_limit,
                        const char *expected, bool is_lossy)
{
    struct buf out;
    bool lossy = !is_lossy;
    buf_init(&out, 0);
    assert_int_equal(dcm_json_write(item, inline_limit, &out, &lossy, &f->err), RC_OK);
    assert_string_equal(buf_cstr(&out), expected);
    assert_int_equal(lossy, is_lossy);
    buf_fini(&out);
}

/* One element written as JSON; the text between {"vr":"XX" and }. */
static void assert_value(struct fixture *f, const char *vr, struct span value, const char *rest,
                         bool is_lossy)
{
    struct dcm_item *item = dcm_item_new(f->arena);
    assert_non_null(dcm_put(f->arena, item, TAG(0x0009, 0x1001), vr, value));
    assert_json(f, item, 0, arena_printf(f->arena, "{\"00091001\":{\"vr\":\"%s\"%s}}", vr, rest),
                is_lossy);
}

static void values_are_written_by_the_rules_of_annex_f(void **state)
{
    const struct {
        const char *vr;
        struct span value;
        const char *rest;
        bool is_lossy;
    } rows[] = {
        {"LO", OCTETS(""), "", false},
        {"LO", OCTETS("  "), "", false},
        {"LO", OCTETS(" Head "), ",\"Value\":[\"Head\"]", false},
        {"LO", OCTETS("a\\\\b\\"), ",\"Value\":[\"a\",null,\"b\",null]", false},
        {"UT", OCTETS("a\\b\r\n\t\"q\" "), ",\"Value\":[\"a\\\\b\\u000d\\u000a\\u0009\\\"q\\\"\"]",
         false},
        {"LO", OCTETS("\xC3\xA9\xF0\xA0\x80\x80"), ",\"Value\":[\"é𠀀\"]", false},
        {"LO", OCTETS("a\0b"), ",\"Value\":[\"ab\"]", true},
        {"LO", OCTETS("ab\0"), ",\"Value\":[\"ab\"]", false},
        {"CS",
         OCTETS("a\xFC"
                "b"),
         ",\"Value\":[\"a\xEF\xBF\xBD"
         "b\"]",
         true},
        {"DS", OCTETS(" 0.10 \\1e3"), ",\"Value\":[\"0.10\",\"1e3\"]", false},
        {"IS", OCTETS("007 "), ",\"Value\":[\"007\"]", false},
        {"UI", OCTETS("1.2.3\0"), ",\"Value\":[\"1.2.3\"]", false},
        {"AT", OCTETS("\x18\x00\x0E\x99\xFE\xFF\x00\xE0"), ",\"Value\":[\"0018990E\",\"FFFEE000\"]",
         false},
        {"US", OCTETS("\x01\x00\xFF\xFF"), ",\"Value\":[1,65535]", false},
        {"SS", OCTETS("\x01\x00\xFF\xFF"), ",\"Value\":[1,-1]", false},
        {"UL", OCTETS("\xFF\xFF\xFF\xFF"), ",\"Value\":[4294967295]", false},
        {"SL", OCTETS("\x00\x00\x00\x80"), ",\"Value\":[-2147483648]", false},
        {"SV", OCTETS("\0\0\0\0\0\0\0\x80"), ",\"Value\":[-9223372036854775808]", false},
        {"UV", OCTETS("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F"), ",\"Value\":[9223372036854775807]",
         false},
        {"UV", OCTETS("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), ",\"Value\":[\"18446744073709551615\"]",
         false},
        {"US", OCTETS("\x01\x00\x02"), ",\"Value\":[1]", true},
        {"US", OCTETS("\x01"), "", true},
        {"FD", OCTETS("\x9A\x99\x99\x99\x99\x99\xB9\x3F"), ",\"Value\":[0.1]", false},
        {"FD", OCTETS("\x33\x33\x33\x33\x33\x33\xD3\x3F"), ",\"Value\":[0.3]", false},
        {"FD", OCTETS("\x34\x33\x33\x33\x33\x33\xD3\x3F"), ",\"Value\":[0.30000000000000004]",
         false},
        {"FD", OCTETS("\0\0\0\0\0\0\0\x80"), ",\"Value\":[-0.0]", false},
        {"FD", OCTETS("\0\0\0\0\0\0\xF8\x7F\0\0\0\0\0\0\xF0\x3F"), ",\"Value\":[null,1]", true},
        {"FL", OCTETS("\xCD\xCC\xCC\x3D\0\0\x80\xFF"), ",\"Value\":[0.1,null]", true},
        {"OB", OCTETS("\x00\x01\x02\x03"), ",\"InlineBinary\":\"AAECAw==\"", false},
        {"OW", OCTETS("\xFF\xFE\xFD"), ",\"InlineBinary\":\"//79\"", false},
        {"UN", OCTETS("ab"), ",\"InlineBinary\":\"YWI=\"", false},
        {"UN", OCTETS(""), "", false},
        {"SQ", OCTETS(""), "", false},
        {"PN", OCTETS("Yamada^Tarou=\xE5\xB1\xB1=\xE3\x82\x84"),
         ",\"Value\":[{\"Alphabetic\":\"Yamada^Tarou\",\"Ideographic\":\"山\",\"Phonetic\":\"や\"}"
         "]",
         false},
        {"PN", OCTETS("=\xE5\xB1\xB1"), ",\"Value\":[{\"Ideographic\":\"山\"}]", false},
        {"PN", OCTETS("a\\\\b "), ",\"Value\":[{\"Alphabetic\":\"a\"},null,{\"Alphabetic\":\"b\"}]",
         false},
        {"PN", OCTETS("=="), ",\"Value\":[null]", false},
        {"PN", OCTETS("a=b=c=d"),
         ",\"Value\":[{\"Alphabetic\":\"a\",\"Ideographic\":\"b\",\"Phonetic\":\"c\"}]", true},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_value(f, rows[i].vr, rows[i].value, rows[i].rest, rows[i].is_lossy);
}

static void binary_values_over_the_limit_are_left_out(void **state)
{
    struct fixture *f = *state;
    struct dcm_item *item = dcm_item_new(f->arena);
    dcm_put(f->arena, item, TAG(0x0009, 0x1001), "OB", OCTETS("abcd"));
    assert_json(f, item, 4, "{\"00091001\":{\"vr\":\"OB\",\"InlineBinary\":\"YWJjZA==\"}}", false);
    assert_json(f, item, 3, "{\"00091001\":{\"vr\":\"OB\"}}", true);
}

static void sequences_nest(void **state)
{
    static const char json[] =
        "{\"00080060\":{\"vr\":\"CS\",\"Value\":[\"CT\"]},"
        "\"00189912\":{\"vr\":\"SQ\",\"Value\":[{\"00080070\":{\"vr\":\"LO\",\"Value\":[\"ACME\"]},"
        "\"300A0420\":{\"vr\":\"SQ\",\"Value\":[{}]}},{}]}}";
    struct fixture *f = *state;
    struct dcm_item *item = must_parse(f, json);
    struct dcm_element *sq = dcm_find(item, TAG_ModelSpecificationSequence);
    assert_int_equal(sq->item_count, 2);
    assert_int_equal(dcm_find(sq->items, TAG(0x300A, 0x0420))->item_count, 1);
    assert_json(f, item, 0, json, false);
}

/* What the writer writes, the reader reads as the same tree. */
static void everything_round_trips(void **state)
{
    static const struct {
        const char *vr;
        const char *octets;
        size_t len;
    } rows[] = {
#define ROW(vr, octets) {vr, octets, sizeof(octets) - 1}
        ROW("AE", "DPPR"),
        ROW("AS", "016Y"),
        ROW("AT", "\x18\x00\x0E\x99\xFE\xFF\x00\xE0"),
        ROW("CS", "A\\\\B"),
        ROW("DA", "20240607"),
        ROW("DS", "0.10\\-1E5"),
        ROW("DT", "2024"),
        ROW("FD", "\x34\x33\x33\x33\x33\x33\xD3\x3F\0\0\0\0\0\0\0\x80\x01\0\0\0\0\0\0\0\xFF\xFF\xFF"
                  "\xFF\xFF\xFF\xEF\x7F"),
        ROW("FL", "\xCD\xCC\xCC\x3D\x01\0\0\0\xFF\xFF\x7F\x7F\0\0\0\x80"),
        ROW("IS", "007"),
        ROW("LO", "caf\xC3\xA9\\b"),
        ROW("LT", "a\\b\r\n"),
        ROW("OB", "\0\x01\x02"),
        ROW("OD", "12345678"),
        ROW("OF", "1234"),
        ROW("OL", "1234"),
        ROW("OV", "12345678"),
        ROW("OW", "12"),
        ROW("PN", "Yamada^Tarou=\xE5\xB1\xB1=\xE3\x82\x84\\a\\=b"),
        ROW("SH", "x"),
        ROW("SL", "\x00\x00\x00\x80\xFF\xFF\xFF\x7F"),
        ROW("SS", "\x00\x80\xFF\x7F"),
        ROW("ST", "a"),
        ROW("SV", "\0\0\0\0\0\0\0\x80\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F"),
        ROW("TM", "1010"),
        ROW("UC", "u\\v"),
        ROW("UI", "1.2.3"),
        ROW("UL", "\xFF\xFF\xFF\xFF"),
        ROW("UN", "abc"),
        ROW("UR", "urn:a"),
        ROW("US", "\xFF\xFF\x00\x00"),
        ROW("UT", "\"\x01\x1F/"),
        ROW("UV", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\0\0\0\0\0\0\0"),
        ROW("LO", ""),
        ROW("US", ""),
#undef ROW
    };
    struct fixture *f = *state;
    struct dcm_item *item = dcm_item_new(f->arena);
    struct buf out;
    bool lossy = true;
    for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++)
        dcm_put(f->arena, item, TAG(0x0009, 0x1001 + i), rows[i].vr,
                span_of(rows[i].octets, rows[i].len));
    buf_init(&out, 0);
    assert_int_equal(dcm_json_write(item, 0, &out, &lossy, &f->err), RC_OK);
    assert_false(lossy);
    assert_items_equal(item, must_parse(f, buf_cstr(&out)));
    buf_fini(&out);
}

static void random_doubles_keep_their_bits(void **state)
{
    struct fixture *f = *state;
    uint32_t seed = 5;
    uint8_t octets[8 * 500];
    size_t len = 0;
    while (len < sizeof octets) {
        uint32_t high = noise(&seed);
        if ((high >> 20 & 0x7FF) == 0x7FF)
            continue; /* NaN and infinity */
        put_le32(octets + len, noise(&seed));
        put_le32(octets + len + 4, high);
        len += 8;
    }
    struct dcm_item *item = dcm_item_new(f->arena);
    dcm_put(f->arena, item, TAG(0x0009, 0x1001), "FD", span_of(octets, len));
    struct buf out;
    buf_init(&out, 0);
    assert_int_equal(dcm_json_write(item, 0, &out, NULL, &f->err), RC_OK);
    assert_items_equal(item, must_parse(f, buf_cstr(&out)));
    buf_fini(&out);
}

static void reader_takes_what_annex_f_allows(void **state)
{
    static const struct {
        const char *json, *vr;
        const char *value;
    } rows[] = {
        {"{\"00180050\":{\"vr\":\"DS\",\"Value\":[1.5,\"0.10\",3,null]}}", "DS", "1.5\\0.10\\3\\"},
        {"{\"00180050\":{\"vr\":\"DS\",\"Value\":[0.30000000000000004]}}", "DS", "0.3"},
        {"{\"00180050\":{\"vr\":\"DS\",\"Value\":[-1.2345678901234567e-100]}}", "DS",
         "-1.23456789e-100"},
        {"{\"00280008\":{\"vr\":\"IS\",\"Value\":[7,\"08\"]}}", "IS", "7\\08"},
        {"{\"0018990e\":{}}", "SQ", ""},
        {"{\"00181030\":{\"Value\":[\"Head\"]}}", "LO", "Head"},
        {"{\"00181030\":{\"vr\":\"LO\",\"Value\":[]}}", "LO", ""},
        {"{\"00700084\":{\"vr\":\"PN\",\"Value\":[\"Doe^John\"]}}", "PN", "Doe^John"},
        {"{\"00700084\":{\"vr\":\"PN\",\"Value\":[{\"Phonetic\":\"x\"}]}}", "PN", "==x"},
        {"{\"00700084\":{\"vr\":\"PN\",\"Value\":[{}, null]}}", "PN", "\\"},
        {"{\"00091001\":{\"InlineBinary\":\"YQ==\"}}", "UN", "a"},
        {"{\"00091001\":{\"vr\":\"OB\",\"InlineBinary\":\"\"}}", "OB", ""},
        {"{\"00280010\":{\"vr\":\"US\",\"Value\":[25185.0]}}", "US", "ab"},
        {"{\"00091001\":{\"vr\":\"UV\",\"Value\":[\"7523094288207667809\"]}}", "UV", "abcdefgh"},
        {"{\"00080005\":{\"vr\":\"CS\",\"Value\":[\"ISO_IR 192\"]},\"00020010\":{\"vr\":\"UI\"},"
         "\"00080000\":{\"vr\":\"UL\",\"Value\":[4]},\"00181030\":{\"vr\":\"LO\"}}",
         "LO", ""},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dcm_item *item = must_parse(f, rows[i].json);
        assert_non_null(item->first);
        assert_null(item->first->next);
        assert_string_equal(item->first->vr, rows[i].vr);
        assert_span_str(item->first->value, rows[i].value);
    }
    struct dcm_item *item = must_parse(f, "{\"00189912\":{\"vr\":\"SQ\",\"Value\":[null,{}]}}");
    assert_int_equal(item->first->item_count, 2);
}

static void keys_come_in_any_order(void **state)
{
    struct fixture *f = *state;
    struct dcm_item *item = must_parse(f, "{\"00181030\":{},\"00080070\":{},\"00081090\":{}}");
    assert_int_equal(item->first->tag, TAG_Manufacturer);
    assert_int_equal(item->last->tag, TAG_ProtocolName);
}

static void wrong_json_is_refused_with_the_place(void **state)
{
    static const struct {
        const char *json;
        enum rc rc;
        uint32_t tag;
        const char *text;
    } rows[] = {
        {"", RC_INVALID, 0, "line"},
        {"[]", RC_INVALID, 0, "no object"},
        {"{\n\n  \"00181030\": {,}}", RC_INVALID, 0, "line 3"},
        {"{\"ProtocolName\":{}}", RC_INVALID, 0, "ProtocolName"},
        {"{\"0018103\":{}}", RC_INVALID, 0, "0018103"},
        {"{\"0018,1030\":{}}", RC_INVALID, 0, ""},
        {"{\"00181030\":{},\"00181030\":{}}", RC_INVALID, 0, "line"},
        {"{\"0018990E\":{},\"0018990e\":{}}", RC_INVALID, TAG_PredecessorProtocolSequence, "twice"},
        {"{\"00181030\":[]}", RC_INVALID, TAG_ProtocolName, ""},
        {"{\"00181030\":{\"vr\":\"XX\"}}", RC_INVALID, TAG_ProtocolName, ""},
        {"{\"00181030\":{\"vr\":5}}", RC_INVALID, TAG_ProtocolName, ""},
        {"{\"00181030\":{\"vr\":\"LO\",\"Value\":\"a\"}}", RC_INVALID, TAG_ProtocolName, ""},
        {"{\"00181030\":{\"vr\":\"LO\",\"Value\":[5]}}", RC_INVALID, TAG_ProtocolName, ""},
        {"{\"00181030\":{\"vr\":\"LO\",\"Value\":[{}]}}", RC_INVALID, TAG_ProtocolName, ""},
        {"{\"00181030\":{\"vr\":\"LO\",\"Value\":[\"a\\\\b\"]}}", RC_INVALID, TAG_ProtocolName,
         "backslash"},
        {"{\"00181030\":{\"vr\":\"LO\",\"Value\":[\"a\\u0000b\"]}}", RC_INVALID, 0, "line"},
        {"{\"00181030\":{\"vr\":\"LO\",\"Value\":[\"\xFF\"]}}", RC_INVALID, 0, "line"},
        {"{\"00181030\":{\"vr\":\"UT\",\"Value\":[\"a\",\"b\"]}}", RC_INVALID, TAG_ProtocolName,
         "several"},
        {"{\"00181030\":{\"vr\":\"LO\",\"InlineBinary\":\"YQ==\"}}", RC_INVALID, TAG_ProtocolName,
         ""},
        {"{\"00091001\":{\"vr\":\"OB\",\"Value\":[1]}}", RC_INVALID, TAG(0x0009, 0x1001), ""},
        {"{\"00091001\":{\"vr\":\"OB\",\"InlineBinary\":\"YQ=\"}}", RC_INVALID, TAG(0x0009, 0x1001),
         ""},
        {"{\"00091001\":{\"vr\":\"OB\",\"InlineBinary\":\"Y===\"}}", RC_INVALID,
         TAG(0x0009, 0x1001), ""},
        {"{\"00091001\":{\"vr\":\"OB\",\"InlineBinary\":\"Y Q=\"}}", RC_INVALID,
         TAG(0x0009, 0x1001), ""},
        {"{\"00091001\":{\"vr\":\"OB\",\"BulkDataURI\":\"http://x\"}}", RC_UNSUPPORTED,
         TAG(0x0009, 0x1001), ""},
        {"{\"00280010\":{\"vr\":\"US\",\"Value\":[65536]}}", RC_INVALID, TAG(0x0028, 0x0010), ""},
        {"{\"00280010\":{\"vr\":\"US\",\"Value\":[-1]}}", RC_INVALID, TAG(0x0028, 0x0010), ""},
        {"{\"00280010\":{\"vr\":\"US\",\"Value\":[1.5]}}", RC_INVALID, TAG(0x0028, 0x0010), ""},
        {"{\"00280010\":{\"vr\":\"US\",\"Value\":[\"1\"]}}", RC_INVALID, TAG(0x0028, 0x0010), ""},
        {"{\"00280010\":{\"vr\":\"UV\",\"Value\":[\"-1\"]}}", RC_INVALID, TAG(0x0028, 0x0010), ""},
        {"{\"00280010\":{\"vr\":\"UV\",\"Value\":[\"18446744073709551616\"]}}", RC_INVALID,
         TAG(0x0028, 0x0010), ""},
        {"{\"00280010\":{\"vr\":\"SV\",\"Value\":[\"\"]}}", RC_INVALID, TAG(0x0028, 0x0010), ""},
        {"{\"00280010\":{\"vr\":\"FL\",\"Value\":[1e39]}}", RC_INVALID, TAG(0x0028, 0x0010), ""},
        {"{\"00720026\":{\"vr\":\"AT\",\"Value\":[\"0018,1030\"]}}", RC_INVALID,
         TAG(0x0072, 0x0026), ""},
        {"{\"00700084\":{\"vr\":\"PN\",\"Value\":[5]}}", RC_INVALID, TAG_ContentCreatorName, ""},
        {"{\"00700084\":{\"vr\":\"PN\",\"Value\":[{\"Alphabetic\":\"a=b\"}]}}", RC_INVALID,
         TAG_ContentCreatorName, ""},
        {"{\"00189912\":{\"vr\":\"SQ\",\"Value\":[\"x\"]}}", RC_INVALID,
         TAG_ModelSpecificationSequence, ""},
        {"{\"00189912\":{\"vr\":\"SQ\",\"Value\":[{\"FFFEE000\":{}}]}}", RC_INVALID,
         TAG(0xFFFE, 0xE000), ""},
        {"{\"00000100\":{\"vr\":\"US\"}}", RC_INVALID, TAG(0x0000, 0x0100), ""},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dcm_item *item = (struct dcm_item *)f;
        f->err = (struct err){0};
        enum rc rc = dcm_json_read(span_str(rows[i].json), NULL, f->arena, &item, &f->err);
        if (rc != rows[i].rc || f->err.tag != rows[i].tag || !strstr(f->err.text, rows[i].text) ||
            item)
            fail_msg("%s: %s, tag %08X, \"%s\"", rows[i].json, rc_name(rc), f->err.tag,
                     f->err.text);
    }
}

static void limits_hold_for_json(void **state)
{
    struct fixture *f = *state;
    struct dcm_item *item;
    struct buf deep;
    static const char two[] = "{\"00181030\":{},\"00189912\":{\"vr\":\"SQ\",\"Value\":[{}]}}";
    struct dcm_limits limits = {.max_elements = 3};
    assert_int_equal(dcm_json_read(OCTETS(two), &limits, f->arena, &item, &f->err), RC_OK);
    limits.max_elements = 2;
    assert_int_equal(dcm_json_read(OCTETS(two), &limits, f->arena, &item, &f->err), RC_LIMIT);
    limits = (struct dcm_limits){.max_bytes = sizeof two - 2};
    assert_int_equal(dcm_json_read(OCTETS(two), &limits, f->arena, &item, &f->err), RC_LIMIT);
    for (unsigned depth = 32; depth <= 40; depth += 8) {
        buf_init(&deep, 0);
        for (unsigned i = 0; i < depth; i++)
            buf_add_str(&deep, "{\"00189912\":{\"vr\":\"SQ\",\"Value\":[");
        buf_add_str(&deep, "{}");
        for (unsigned i = 0; i < depth; i++)
            buf_add_str(&deep, "]}}");
        assert_int_equal(dcm_json_read(buf_span(&deep), NULL, f->arena, &item, &f->err),
                         depth == 32 ? RC_OK : RC_LIMIT);
        buf_fini(&deep);
    }
    buf_init(&deep, 0);
    for (unsigned i = 0; i < 100000; i++)
        buf_add_str(&deep, "[");
    assert_int_equal(dcm_json_read(buf_span(&deep), NULL, f->arena, &item, &f->err), RC_INVALID);
    buf_fini(&deep);
    struct arena *small = arena_new(100);
    assert_int_equal(dcm_json_read(OCTETS(two), NULL, small, &item, &f->err), RC_LIMIT);
    arena_free(small);
}

static void writer_reports_a_full_buffer(void **state)
{
    struct fixture *f = *state;
    struct dcm_item *item = must_parse(f, "{\"00181030\":{\"vr\":\"LO\",\"Value\":[\"Head\"]}}");
    for (size_t limit = 1; limit < 40; limit++) {
        struct buf out;
        buf_init(&out, limit);
        assert_int_equal(dcm_json_write(item, 0, &out, NULL, &f->err), RC_LIMIT);
        buf_fini(&out);
    }
}

static void mutated_json_never_breaks_the_reader(void **state)
{
    static const char json[] =
        "{\"00080060\":{\"vr\":\"CS\",\"Value\":[\"CT\",null]},\"00280010\":{\"vr\":\"US\","
        "\"Value\":[1,2]},"
        "\"00700084\":{\"vr\":\"PN\",\"Value\":[{\"Alphabetic\":\"a\",\"Phonetic\":\"\\u00e9\"}]},"
        "\"00091001\":{\"vr\":\"OB\",\"InlineBinary\":\"YWJj\"},\"00091002\":{\"vr\":\"FD\","
        "\"Value\":[1.5e3]},"
        "\"00189912\":{\"vr\":\"SQ\",\"Value\":[{\"00080070\":{\"vr\":\"LO\",\"Value\":[\"ACME\"]}}"
        ",{}]}}";
    struct fixture *f = *state;
    uint32_t seed = 31337;
    unsigned accepted = 0, refused = 0;
    for (unsigned i = 0; i < 20000; i++) {
        struct span octets = mutate(OCTETS(json), &seed);
        struct dcm_item *item;
        arena_reset(f->arena);
        if (dcm_json_read(octets, NULL, f->arena, &item, &f->err) == RC_OK) {
            struct buf out;
            buf_init(&out, 0);
            accepted++;
            assert_int_equal(dcm_json_write(item, 0, &out, NULL, &f->err), RC_OK);
            (void)must_parse(f, buf_cstr(&out));
            buf_fini(&out);
        } else {
            refused++;
            assert_null(item);
        }
        octets_free(octets);
    }
    assert_true(accepted > 100 && refused > 100);
}

/* The sample library: JSON to octets of every transfer syntax and back to the same JSON. */
static void sample_protocols_survive_json_and_every_syntax(void **state)
{
    struct fixture *f = *state;
    static const char folder[] = SOURCE_DIR "/samples/dicom";
    unsigned count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!strstr(entry->d_name, ".json"))
            continue;
        char path[600];
        struct buf json, first, again, octets;
        buf_init(&json, 0);
        buf_init(&first, 0);
        buf_init(&again, 0);
        buf_init(&octets, 0);
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        for (size_t got = 1; got > 0;) {
            uint8_t *to = buf_reserve(&json, 65536);
            assert_non_null(to);
            got = fread(to, 1, 65536, file);
            json.len += got;
        }
        (void)fclose(file);
        arena_reset(f->arena);
        struct dcm_item *item = must_parse(f, buf_cstr(&json));
        bool lossy = true;
        assert_int_equal(dcm_json_write(item, 0, &first, &lossy, &f->err), RC_OK);
        assert_false(lossy);
        const struct dcm_ts *ts = dcm_ts_find(dcm_ts_uids[count % 4]);
        assert_int_equal(dcm_write(item, ts, &octets, &f->err), RC_OK);
        assert_int_equal(
            dcm_json_write(must_read(f, buf_span(&octets), ts->uid), 0, &again, NULL, &f->err),
            RC_OK);
        if (ts->is_explicit)
            assert_span_equal(buf_span(&again), buf_span(&first));
        buf_fini(&json);
        buf_fini(&first);
        buf_fini(&again);
        buf_fini(&octets);
        count++;
    }
    (void)closedir(dir);
    assert_true(count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DCM_TEST(values_are_written_by_the_rules_of_annex_f),
        DCM_TEST(binary_values_over_the_limit_are_left_out),
        DCM_TEST(sequences_nest),
        DCM_TEST(everything_round_trips),
        DCM_TEST(random_doubles_keep_their_bits),
        DCM_TEST(reader_takes_what_annex_f_allows),
        DCM_TEST(keys_come_in_any_order),
        DCM_TEST(wrong_json_is_refused_with_the_place),
        DCM_TEST(limits_hold_for_json),
        DCM_TEST(writer_reports_a_full_buffer),
        DCM_TEST(mutated_json_never_breaks_the_reader),
        DCM_TEST(sample_protocols_survive_json_and_every_syntax),
    };
    return cmocka_run_group_tests(tests, dcm_setup_group, NULL);
}
