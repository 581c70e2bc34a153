/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"

static void names_are_unique_and_plain(void **state)
{
    (void)state;
    for (enum limit a = LIMIT_NONE + 1; a < LIMIT_COUNT; a++) {
        const struct limit_row *row = limit_of(a);
        assert_int_equal(strspn(row->name, "abcdefghijklmnopqrstuvwxyz-"), strlen(row->name));
        assert_true(row->strikes[0] && row->seen[0]);
        for (enum limit b = a + 1; b < LIMIT_COUNT; b++)
            assert_string_not_equal(row->name, limit_of(b)->name);
    }
}

static void striking_counts_and_says_which(void **state)
{
    struct err err = {.sqlstate = "00000"};
    int64_t depth = limit_count(LIMIT_max_depth), idle = limit_count(LIMIT_idle_timeout);

    (void)state;
    assert_int_equal(err_set_limit(&err, LIMIT_max_depth, 7, "deeper than %d", 3), RC_LIMIT);
    assert_int_equal(err.code, RC_LIMIT);
    assert_int_equal(err.limit, LIMIT_max_depth);
    assert_int_equal(err.tag, 7);
    assert_string_equal(err.text, "deeper than 3");
    assert_string_equal(err.sqlstate, "");
    assert_int_equal(err_set_limit(NULL, LIMIT_idle_timeout, 0, "idle"), RC_TIMEOUT);
    assert_int_equal(limit_count(LIMIT_max_depth), depth + 1);
    assert_int_equal(limit_count(LIMIT_idle_timeout), idle + 1);
    limit_struck(LIMIT_NONE);
}

static void other_words_keep_what_struck_and_do_not_count(void **state)
{
    struct err err;

    (void)state;
    err_set_limit(&err, LIMIT_max_depth, 7, "deeper than 3");
    int64_t before = limit_count(LIMIT_max_depth);
    err_reword(&err, "CT1: %s", err.text);
    assert_string_equal(err.text, "CT1: deeper than 3");
    assert_int_equal(err.limit, LIMIT_max_depth);
    assert_int_equal(err.code, RC_LIMIT);
    assert_int_equal(err.tag, 7);
    assert_int_equal(limit_count(LIMIT_max_depth), before);
    err_set(&err, RC_IO, "gone");
    assert_int_equal(err.limit, LIMIT_NONE);
    err_reword(NULL, "nobody");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_unique_and_plain),
        cmocka_unit_test(striking_counts_and_says_which),
        cmocka_unit_test(other_words_keep_what_struck_and_do_not_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
