/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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

static void utc_is_formatted_as_rfc3339(void **state)
{
    char text[32];
    struct tm tm = {0};
    time_t before = time(NULL), at;

    (void)state;
    clock_format_utc(text);
    assert_int_equal(strlen(text), 24);
    assert_int_equal(text[19], '.');
    assert_string_equal(strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) + 4, "Z");
    at = timegm(&tm);
    assert_true(at >= before - 1 && at <= time(NULL) + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(monotonic_time_does_not_go_back),
        cmocka_unit_test(utc_is_formatted_as_rfc3339),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
