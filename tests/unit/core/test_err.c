/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"

static void set_returns_the_code_and_fills_the_detail(void **state)
{
    struct err err = {.tag = 7, .sqlstate = "23505"};

    (void)state;
    assert_int_equal(err_set(&err, RC_LIMIT, "%d of %d", 5, 4), RC_LIMIT);
    assert_int_equal(err.code, RC_LIMIT);
    assert_string_equal(err.text, "5 of 4");
    assert_int_equal(err.tag, 0);
    assert_string_equal(err.sqlstate, "");
    assert_int_equal(err_set_tag(&err, RC_INVALID, 0x00080018, "bad"), RC_INVALID);
    assert_int_equal(err.tag, 0x00080018);
    assert_int_equal(err_set(NULL, RC_IO, "nobody asks"), RC_IO);
}

static void text_is_one_line_without_trailing_period(void **state)
{
    struct err err;

    (void)state;
    err_set(&err, RC_DB, "ERROR:  first\nsecond\x1b[31m.\n");
    assert_string_equal(err.text, "ERROR:  first second [31m");
    err_set(&err, RC_DB, " . ");
    assert_string_equal(err.text, "");
}

static void text_is_cut_at_a_whole_character(void **state)
{
    struct err err;
    char text[400];

    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text + 253, "\xE2\x82\xAC", 3); /* octets 253 to 255; only 255 octets fit */
    text[300] = '\0';
    err_set(&err, RC_IO, "%s", text);
    assert_int_equal(strlen(err.text), 253);
    memcpy(text + 252, "\xE2\x82\xAC", 3);
    err_set(&err, RC_IO, "%s", text);
    assert_int_equal(strlen(err.text), 255);
    memset(text, 0x80, 300); /* not UTF-8 at all */
    err_set(&err, RC_IO, "%s", text);
    assert_int_equal(strlen(err.text), 255);
}

static void text_may_quote_itself(void **state)
{
    struct err err;

    (void)state;
    err_set(&err, RC_IO, "inner");
    err_set(&err, RC_IO, "outer: %s", err.text);
    assert_string_equal(err.text, "outer: inner");
}

static void every_code_has_a_name(void **state)
{
    (void)state;
    for (int code = RC_OK; code >= RC_INTERNAL; code--) {
        assert_non_null(rc_name((enum rc)code));
        assert_string_not_equal(rc_name((enum rc)code), "unknown");
        for (int other = code - 1; other >= RC_INTERNAL; other--)
            assert_string_not_equal(rc_name((enum rc)code), rc_name((enum rc)other));
    }
    assert_string_equal(rc_name((enum rc)1), "unknown");
    assert_string_equal(rc_name((enum rc)(RC_INTERNAL - 1)), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_returns_the_code_and_fills_the_detail),
        cmocka_unit_test(text_is_one_line_without_trailing_period),
        cmocka_unit_test(text_is_cut_at_a_whole_character),
        cmocka_unit_test(text_may_quote_itself),
        cmocka_unit_test(every_code_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
