/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog_test.h"

#include "catalog/record.h"
#include "dcm/charset.h"
#include "dcm/dict.h"

static struct arena *arena;

static void check_charset(const char *object, const char *charset, const char *expected)
{
    static struct octets in, want;
    struct dcm_item *item = NULL;
    struct buf out;
    struct err err = {0};

    arena_reset(arena);
    assert_int_equal(
        dcm_read(spec(&in, object), dcm_ts_find(UID_EXPLICIT_LE), NULL, arena, &item, &err), RC_OK);
    assert_int_equal(dcm_tree_to_utf8(item, NULL, arena, NULL, &err), RC_OK);
    buf_init(&out, 0);
    assert_int_equal(record_write(&model_protocol, item, span_str(charset), &out, &err), RC_OK);
    assert_octets(buf_span(&out), spec(&want, expected));
    buf_fini(&out);
}

static void only_the_models_attributes_are_kept(void **state)
{
    (void)state;
    check_charset("00080016 UI 1.2; 00080018 UI 1.2.3; 00080070 LO ACME; 00080201 SH +0100; "
                  "00091001 LO private; 00181030 LO Head; 0018991F SQ {[00189920 LO x]}",
                  "", "00080016 UI 1.2; 00080018 UI 1.2.3; 00080201 SH +0100; 00181030 LO Head");
    check_charset("00100010 PN Doe", "", "");
    check_charset("", "", "");
}

static void sequences_are_kept_whole(void **state)
{
    (void)state;
    check_charset("00189912 SQ {[00080070 LO ACME; 00091001 LO private; 00181000 LO 1][]}", "",
                  "00189912 SQ {[00080070 LO ACME; 00091001 LO private; 00181000 LO 1][]}");
}

static void text_is_utf8_and_the_objects_set_is_noted(void **state)
{
    (void)state;
    check_charset("00080005 CS ISO_IR 100; 00080016 UI 1.2; 00181030 LO Gr\xFCn", "ISO_IR 100",
                  "00080005 CS ISO_IR 100; 00080016 UI 1.2; 00181030 LO Gr\xC3\xBCn");
    check_charset("00080005 CS ISO_IR 100", "ISO_IR 100", "00080005 CS ISO_IR 100");
    check_charset("00080005 CS \\ISO 2022 IR 87; 00181030 LO x", "\\ISO 2022 IR 87",
                  "00080005 CS \\ISO 2022 IR 87; 00181030 LO x");
}

static void values_without_length_stay(void **state)
{
    (void)state;
    check_charset("00080012 DA; 00189912 SQ {}", "", "00080012 DA; 00189912 SQ {}");
}

static void a_record_beyond_the_buffers_limit_is_refused(void **state)
{
    static struct octets in;
    struct dcm_item *item = NULL;
    struct buf out;
    struct err err = {0};
    (void)state;
    arena_reset(arena);
    assert_int_equal(dcm_read(spec(&in, "00181030 LO Head"), dcm_ts_find(UID_EXPLICIT_LE), NULL,
                              arena, &item, &err),
                     RC_OK);
    buf_init(&out, 4);
    assert_int_equal(record_write(&model_protocol, item, span_str(""), &out, &err), RC_LIMIT);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_models_attributes_are_kept),
        cmocka_unit_test(sequences_are_kept_whole),
        cmocka_unit_test(text_is_utf8_and_the_objects_set_is_noted),
        cmocka_unit_test(values_without_length_stay),
        cmocka_unit_test(a_record_beyond_the_buffers_limit_is_refused),
    };
    struct err err;
    if (dcm_init(&err) != RC_OK)
        return 1;
    arena = arena_new(1 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
