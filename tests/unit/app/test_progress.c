/* SPDX-License-Identifier: Apache-2.0
 *
 * What the progress bar says at a given time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "app_internal.h"

#define BAR_0    "[..............................]"
#define BAR_HALF "[###############...............]"
#define BAR_FULL "[##############################]"

static void check(const struct progress *p, int64_t now, const char *wanted)
{
    struct buf got = {0};

    progress_format(p, now, &got);
    assert_string_equal(buf_cstr(&got), wanted);
    buf_fini(&got);
}

static void items_are_counted(void **state)
{
    struct progress p = {.what = "exporting", .total = 200};

    (void)state;
    progress_step_of(&p, 0, 0, 1000);
    check(&p, 1000, "exporting " BAR_0 " 0/200   0%");
    progress_step_of(&p, 10, 10, 1500);
    check(&p, 1500, "exporting [#.............................] 10/200   5%"); /* no rate yet */
    progress_step_of(&p, 100, 100, 11000);
    check(&p, 11000, "exporting " BAR_HALF " 100/200  50%  10/s  0:10 left");
    progress_step_of(&p, 200, 200, 12000);
    check(&p, 12000, "exporting " BAR_FULL " 200/200 100%  18/s");
}

static void octets_measure_and_items_count(void **state)
{
    struct progress p = {.what = "importing", .total = 1000000, .counts_items = true};

    (void)state;
    progress_step_of(&p, 0, 0, 0);
    progress_step_of(&p, 500000, 250, 10000);
    check(&p, 10000, "importing " BAR_HALF "  50%  250  25/s  0:10 left");
}

/* What was passed over quickly says nothing about the rest. */
static void the_rate_is_that_of_the_last_moments(void **state)
{
    struct progress p = {.what = "importing", .total = 20000};

    (void)state;
    progress_step_of(&p, 0, 0, 0);
    progress_step_of(&p, 10000, 10000, 1000);
    for (int64_t s = 2; s <= 100; s++)
        progress_step_of(&p, 10000 + 10 * (unsigned long)s, 10000 + 10 * (unsigned long)s,
                         s * 1000);
    check(&p, 100000,
          "importing [################..............] 11000/20000  55%  10/s  15:00 left");
}

static void times_are_written_for_people(void **state)
{
    static const struct {
        unsigned long total;
        const char *left;
    } cases[] = {
        {11, "0:01 left"},
        {69, "0:59 left"},
        {70, "1:00 left"},
        {3610, "1:00:00 left"},
        {100000000, "99:59:59 left"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct progress p = {.what = "x", .total = cases[i].total};
        struct buf got = {0};
        progress_step_of(&p, 0, 0, 0);
        progress_step_of(&p, 10, 10, 10000);
        progress_format(&p, 10000, &got);
        assert_non_null(strstr(buf_cstr(&got), cases[i].left));
        buf_fini(&got);
    }
}

static void nothing_is_divided_by_nothing(void **state)
{
    struct progress p = {.what = "exporting"};

    (void)state;
    check(&p, 5000, "exporting " BAR_0 " 0/0   0%");
    progress_step_of(&p, 3, 3, 5000);
    check(&p, 5000, "exporting " BAR_FULL " 3/0 100%");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_counted),
        cmocka_unit_test(octets_measure_and_items_count),
        cmocka_unit_test(the_rate_is_that_of_the_last_moments),
        cmocka_unit_test(times_are_written_for_people),
        cmocka_unit_test(nothing_is_divided_by_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
