/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/conninfo: what is said of a connection string that cannot be parsed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pg_internal.h"

static void parse_errors_never_quote_the_string(void **state)
{
    static const char *const cases[] = {
        "s3cret",
        "host=h s3cret",
        "postgresql://u:%zzs3cret@h/d",
        "postgresql://h/d?s3cret",
        /* longer than the message: its last quote is one of the string's */
        "postgresql://"
        "u:%zz\"s3cretxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxx@h/d",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pg_conninfo info;
        pg_conninfo_init(&info, cases[i], "test", NULL);
        assert_null(info.options);
        assert_int_equal(info.why.code, RC_INVALID);
        assert_null(strstr(info.why.text, "s3cret"));
        assert_non_null(strstr(info.why.text, "cannot be parsed: "));
        assert_non_null(strstr(info.why.text, "\"...\""));
        pg_conninfo_fini(&info);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_errors_never_quote_the_string),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
