/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/bytes.h"

static void spans_compare_by_content(void **state)
{
    (void)state;
    assert_true(span_equal(span_str("abc"), span_of("abcd", 3)));
    assert_false(span_equal(span_str("abc"), span_str("abd")));
    assert_false(span_equal(span_str("abc"), span_str("abcd")));
    assert_true(span_equal(span_of(NULL, 0), span_str("")));
    assert_true(span_equal_str(span_of(NULL, 0), NULL));
    assert_true(span_equal_str(span_str("x"), "x"));
}

/* The published values of FNV-1a, 32 bits. */
static void a_hash_depends_on_each_octet(void **state)
{
    (void)state;
    assert_int_equal(text_hash(""), 0x811C9DC5);
    assert_int_equal(text_hash("a"), 0xE40C292C);
    assert_int_equal(text_hash("foobar"), 0xBF9CF968);
}

static void integers_keep_their_order_of_octets(void **state)
{
    uint8_t p[4];

    (void)state;
    put_be32(p, 0xFEDCBA98);
    assert_memory_equal(p, "\xFE\xDC\xBA\x98", 4);
    assert_int_equal(get_be32(p), 0xFEDCBA98);
    assert_int_equal(get_le32(p), 0x98BADCFE);
    assert_int_equal(get_be16(p), 0xFEDC);
    assert_int_equal(get_le16(p), 0xDCFE);
    put_le32(p, 0x12345678);
    assert_memory_equal(p, "\x78\x56\x34\x12", 4);
    put_le16(p, 0xABCD);
    assert_memory_equal(p, "\xCD\xAB", 2);
    put_be16(p, 0xABCD);
    assert_memory_equal(p, "\xAB\xCD", 2);
}

static void numbers_are_written_in_full(void **state)
{
    static const struct {
        int64_t value;
        unsigned decimals;
        const char *text;
    } rows[] = {
        {0, 0, "0"},
        {7, 0, "7"},
        {-10, 0, "-10"},
        {INT64_MAX, 0, "9223372036854775807"},
        {INT64_MIN, 0, "-9223372036854775808"},
        {0, 1, "0.0"},
        {123, 1, "12.3"},
        {100, 2, "1.00"},
        {7, 2, "0.07"},
        {-5, 1, "-0.5"},
        {INT64_MIN, DECIMALS_MAX, "-9.223372036854775808"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[NUMBER_TEXT];
        assert_string_equal(number_text(rows[i].value, rows[i].decimals, text), rows[i].text);
    }
}

static void buf_appends_in_order(void **state)
{
    struct buf b = {0};

    (void)state;
    buf_add_u8(&b, 1);
    buf_add_be16(&b, 0x0203);
    buf_add_be32(&b, 0x04050607);
    buf_add_le16(&b, 0x0908);
    buf_add_le32(&b, 0x0D0C0B0A);
    buf_add_str(&b, "x");
    buf_add_span(&b, span_str("y"));
    buf_add(&b, NULL, 0);
    buf_printf(&b, "%s%d", "z", 7);
    assert_int_equal(buf_status(&b), RC_OK);
    assert_int_equal(b.len, 17);
    assert_memory_equal(b.data, "\1\2\3\4\5\6\7\x8\x9\xA\xB\xC\xDxyz7", 17);
    assert_int_equal(strlen(buf_cstr(&b)), 17);
    assert_int_equal(b.len, 17);
    buf_fini(&b);
    assert_int_equal(b.len, 0);
    assert_string_equal(buf_cstr(&b), "");
    buf_fini(&b);
}

static void buf_refuses_what_exceeds_its_limit_and_latches(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 5);
    buf_add_str(&b, "abcde");
    assert_int_equal(buf_status(&b), RC_OK);
    assert_string_equal(buf_cstr(&b), "abcde"); /* the NUL does not count */
    buf_add_u8(&b, 'f');
    assert_int_equal(buf_status(&b), RC_LIMIT);
    assert_int_equal(b.len, 5);
    assert_memory_equal(b.data, "abcde", 5);
    b.len = 1;
    buf_add_u8(&b, 'g'); /* would fit, but there would be a hole */
    assert_int_equal(b.len, 1);
    assert_null(buf_reserve(&b, 1));
    assert_string_equal(buf_cstr(&b), "");
    buf_clear(&b);
    assert_int_equal(buf_status(&b), RC_OK);
    buf_add_str(&b, "ok");
    assert_string_equal(buf_cstr(&b), "ok");
    assert_true(b.cap <= 6);
    buf_fini(&b);
}

static void buf_survives_absurd_sizes(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 0);
    buf_add_str(&b, "abc");
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_int_equal(buf_status(&b), RC_LIMIT);
    assert_int_equal(b.len, 3);
    buf_clear(&b);
    assert_null(buf_reserve(&b, SIZE_MAX / 2 + 1));
    assert_int_equal(buf_status(&b), RC_LIMIT);
    buf_fini(&b);
}

static void buf_reserve_gives_room_without_counting_it(void **state)
{
    struct buf b;
    uint8_t *p;

    (void)state;
    buf_init(&b, 100000);
    assert_non_null(buf_reserve(&b, 0));
    p = buf_reserve(&b, 70000);
    assert_non_null(p);
    memset(p, 'q', 70000);
    assert_int_equal(b.len, 0);
    b.len += 70000;
    buf_add_u8(&b, 'r');
    assert_int_equal(b.data[69999], 'q');
    assert_int_equal(b.data[70000], 'r');
    buf_fini(&b);
}

static void buf_printf_handles_long_text_and_limits(void **state)
{
    struct buf b;
    char text[1000];

    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    text[999] = '\0';
    buf_init(&b, 1001);
    buf_printf(&b, "<%s>", text);
    assert_int_equal(buf_status(&b), RC_OK);
    assert_int_equal(b.len, 1001);
    assert_int_equal(b.data[0], '<');
    assert_int_equal(b.data[1000], '>');
    buf_clear(&b);
    buf_printf(&b, "<%s>>", text);
    assert_int_equal(buf_status(&b), RC_LIMIT);
    assert_int_equal(b.len, 0);
    buf_fini(&b);
}

static void utf8_is_taken_strictly(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        uint32_t code; /* 0 with len 0: not UTF-8 */
    } rows[] = {
        {"A", 1, 'A'},
        {"\xC2\x80", 2, 0x80},
        {"\xDF\xBF", 2, 0x7FF},
        {"\xE0\xA0\x80", 3, 0x800},
        {"\xED\x9F\xBF", 3, 0xD7FF},
        {"\xEE\x80\x80", 3, 0xE000},
        {"\xF0\x90\x80\x80", 4, 0x10000},
        {"\xF4\x8F\xBF\xBF", 4, 0x10FFFF},
        {"\x80", 0, 0},             /* no first octet */
        {"\xC1\xBF", 0, 0},         /* not the shortest form */
        {"\xE0\x9F\xBF", 0, 0},     /* likewise */
        {"\xF0\x8F\xBF\xBF", 0, 0}, /* likewise */
        {"\xED\xA0\x80", 0, 0},     /* a surrogate */
        {"\xF4\x90\x80\x80", 0, 0}, /* beyond U+10FFFF */
        {"\xE2\x82", 0, 0},         /* cut short */
        {"\xE2\x82\x41", 0, 0},     /* another character too early */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t octets[4];
        uint32_t code = 0;
        struct span s = span_str(rows[i].text);
        assert_int_equal(utf8_decode(s.data, s.len, &code), rows[i].len);
        assert_int_equal(utf8_is_valid(s), rows[i].len != 0);
        if (rows[i].len == 0)
            continue;
        assert_int_equal(code, rows[i].code);
        assert_int_equal(utf8_encode(code, octets), s.len);
        assert_memory_equal(octets, s.data, s.len);
    }
    assert_int_equal(utf8_decode(NULL, 0, &(uint32_t){0}), 0);
    assert_true(utf8_is_valid(span_of(NULL, 0)));
    assert_int_equal(utf8_encode(0xD800, (uint8_t[4]){0}), 0);
    assert_int_equal(utf8_encode(0x110000, (uint8_t[4]){0}), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_taken_strictly),
        cmocka_unit_test(spans_compare_by_content),
        cmocka_unit_test(a_hash_depends_on_each_octet),
        cmocka_unit_test(integers_keep_their_order_of_octets),
        cmocka_unit_test(numbers_are_written_in_full),
        cmocka_unit_test(buf_appends_in_order),
        cmocka_unit_test(buf_refuses_what_exceeds_its_limit_and_latches),
        cmocka_unit_test(buf_survives_absurd_sizes),
        cmocka_unit_test(buf_reserve_gives_room_without_counting_it),
        cmocka_unit_test(buf_printf_handles_long_text_and_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
