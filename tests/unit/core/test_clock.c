/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/clock.h"

static void monotonic_time_does_not_go_back(void **state)
{
    int64_t last = clock_now_us();

    (void)state;
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_now_us();

        assert_true(now >= last);
        last = now;
    }
    assert_true(clock_now_ms() >= last / 1000);
}

static int64_t wall_ms(void)
{
    return clock_wall_us() / 1000;
}

/* Past the end of this second, since a part of the text is kept for a second. */
static void utc_is_formatted_as_rfc3339(void **state)
{
    int64_t end = wall_ms() / 1000 * 1000 + 1010;

    (void)state;
    for (int64_t before = wall_ms(); before < end; before = wall_ms()) {
        char text[32];
        struct tm tm = {0};

        clock_format_utc(text);
        int64_t after = wall_ms();
        assert_int_equal(strlen(text), 24);
        assert_int_equal(text[19], '.');
        assert_string_equal(strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) + 4, "Z");
        int64_t at = (int64_t)timegm(&tm) * 1000 + strtol(text + 20, NULL, 10);
        assert_true(at >= before && at <= after);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(monotonic_time_does_not_go_back),
        cmocka_unit_test(utc_is_formatted_as_rfc3339),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
