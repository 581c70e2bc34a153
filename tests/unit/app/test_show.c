/* SPDX-License-Identifier: Apache-2.0
 *
 * What is shown of a peer's data: bounded, and JSON that is JSON. More of it is in test_table.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "app_internal.h"
#include "core/arena.h"
#include "dcm/dict.h"

static int load_dictionary(void **state)
{
    struct err err;

    (void)state;
    return dcm_init(&err) == RC_OK ? 0 : -1;
}

static void json_strings_are_json(void **state)
{
    static const char *const cases[][2] = {
        {"plain", "\"plain\""},
        {"a\"b\\c\n\x7F", "\"a\\\"b\\\\c\\u000a\\u007f\""},
        {"Sch\xC3\xA4"
         "del",
         "\"Sch\xC3\xA4"
         "del\""},
        {"\xE4.dcm", "\"\xEF\xBF\xBD.dcm\""}, /* a name in Latin-1 */
        {"cut \xE9\xA0", "\"cut \xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"", "\"\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf out = {0};
        show_json_string(&out, cases[i][0]);
        assert_string_equal(buf_cstr(&out), cases[i][1]);
        buf_fini(&out);
    }
}

static void a_hundred_values_are_shown(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    struct dcm_item *item = dcm_item_new(arena);
    struct key_path path = {.tags = {TAG_SoftwareVersions}, .depth = 1};
    char text[400];
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i + 2 < sizeof(text); i += 2)
        memcpy(text + i, "v\\", 3);
    assert_non_null(dcm_put_text(arena, item, TAG_SoftwareVersions, "LO", text));
    show_path(&out, item, &path);
    assert_int_equal(out.len, strlen("v; ") * 100 + strlen("..."));
    assert_string_equal(buf_cstr(&out) + out.len - 9, "v; v; ...");
    buf_fini(&out);
    arena_free(arena);
}

static void numbers_are_shown_as_numbers(void **state)
{
    static const struct {
        char vr[3];
        const char *octets;
        size_t len;
        const char *shown;
    } rows[] = {
        {"US", "\x01\0\xFF\xFF", 4, "1; 65535"},  {"SS", "\xFF\xFF", 2, "-1"},
        {"FD", "\0\0\0\0\0\0\xE0\x3F", 8, "0.5"}, {"FL", "\0\0\xC0\x7F", 4, "not a number"},
        {"AT", "\x18\0\x30\x10", 4, "00181030"},  {"US", "\x01", 1, ""}, /* half a number */
        {"OW", "\x01\0", 2, "2 octets"},          {"UN", "abc", 3, "3 octets"},
    };
    struct key_path path = {.tags = {0x00189921}, .depth = 1};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena *arena = arena_new(1 << 20);
        struct dcm_item *item = dcm_item_new(arena);
        struct buf out = {0};
        assert_non_null(
            dcm_put(arena, item, 0x00189921, rows[i].vr, span_of(rows[i].octets, rows[i].len)));
        show_path(&out, item, &path);
        assert_string_equal(buf_cstr(&out), rows[i].shown);
        buf_fini(&out);
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_strings_are_json),
        cmocka_unit_test(a_hundred_values_are_shown),
        cmocka_unit_test(numbers_are_shown_as_numbers),
    };
    return cmocka_run_group_tests(tests, load_dictionary, NULL);
}
