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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_strings_are_json),
        cmocka_unit_test(a_hundred_values_are_shown),
    };
    return cmocka_run_group_tests(tests, load_dictionary, NULL);
}
