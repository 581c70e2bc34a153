/* SPDX-License-Identifier: Apache-2.0
 *
 * How the end of a certificate is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "certificates.h"

enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR, NOW = 1800000000 };

static void the_end_is_told_in_whole_units_before_and_after(void **state)
{
    static const struct {
        int64_t distance;
        const char *span;
        int days;
    } rows[] = {
        {400 * DAY, "400 days", 400}, {2 * DAY, "2 days", 2},      {2 * DAY - 1, "1 day", 1},
        {DAY + HOUR, "1 day", 1},     {DAY, "1 day", 1},           {DAY - 1, "23 hours", 0},
        {HOUR, "1 hour", 0},          {HOUR - 1, "59 minutes", 0}, {MINUTE, "1 minute", 0},
        {59, "59 seconds", 0},        {1, "1 second", 0},          {0, "0 seconds", 0},
    };
    char text[CERTIFICATE_SPAN_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t d = rows[i].distance;
        assert_string_equal(certificate_span(NOW + d, NOW, text), rows[i].span);
        assert_string_equal(certificate_span(NOW - d, NOW, text), rows[i].span);
        assert_int_equal(certificate_days_left(NOW + d, NOW), rows[i].days);
        assert_int_equal(certificate_days_left(NOW - d, NOW), -rows[i].days);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_is_told_in_whole_units_before_and_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
