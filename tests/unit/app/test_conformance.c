/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "app_internal.h"
#include "conformance.h"
#include "dcm/dict.h"

static int load_dictionary(void **state)
{
    struct err err = {0};
    (void)state;
    return dcm_init(&err) == RC_OK ? 0 : -1;
}

/* The statement made of `text`; free it. */
static char *written(const char *text, enum rc expected)
{
    struct err err = {0};
    char *out = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&out, &len);
    enum rc rc = conformance_write(text, f, &err);

    fclose(f);
    if (rc != expected)
        fail_msg("%d: %s", rc, err.text);
    return out;
}

static void assert_written(const char *text, const char *expected)
{
    char *out = written(text, RC_OK);
    assert_string_equal(out, expected);
    free(out);
}

static void markers_are_replaced(void **state)
{
    (void)state;
    assert_written("a {{version}} b {{version}}\n", "a " DPPR_VERSION " b " DPPR_VERSION "\n");
    assert_written("{{setting max-pdu}}", "`max-pdu` (128KiB)");
    assert_written("{{setting called-titles}}", "`called-titles` (none)");
    assert_written("{{ no end", "{{ no end");
}

static void a_marker_alone_on_its_line_stands_for_lines(void **state)
{
    (void)state;
    char *out = written("a\n\n{{transfer-syntaxes}}\n\nb\n", RC_OK);
    assert_memory_equal(out, "a\n\n| Preference", 14);
    assert_string_equal(out + strlen(out) - 5, "|\n\nb\n");
    free(out);
}

static void a_marker_that_stands_for_nothing_is_an_error(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{{nonsense}}",
        "{{setting no-such}}",
        "{{setting}}",
        "{{keys nonsense}}",
        "{{keys}}",
        "{{statuses}}",
        "{{statuses x}}",
        "{{limits x}}",
        "{{version x}}",
        "{{client x}}",
        "{{charsets x}}",
        "{{services x}}",
        "{{rejections x}}",
        "{{contexts x}}",
        "{{extended x}}",
        "{{implementation}}",
        "{{transfer-syntaxes x}}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free(written(texts[i], RC_INVALID));
}

static void every_marker_of_the_text_is_replaced(void **state)
{
    (void)state;
    char *out = written((const char *)conformance_text, RC_OK);
    assert_null(strstr(out, "{{"));
    free(out);
}

/* A table of the server that no marker shows would be missing from the statement without notice. */
static void every_table_is_in_the_text(void **state)
{
    (void)state;
    static const char *const needed[] = {
        "{{services}}",      "{{rejections}}",     "{{contexts}}",      "{{transfer-syntaxes}}",
        "{{extended}}",      "{{keys protocol}}",  "{{keys approval}}", "{{keys code}}",
        "{{statuses echo}}", "{{statuses store}}", "{{statuses find}}", "{{statuses get}}",
        "{{statuses move}}", "{{charsets}}",       "{{limits limit}}",  "{{limits deadline}}",
    };
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        assert_non_null(strstr((const char *)conformance_text, needed[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(markers_are_replaced),
        cmocka_unit_test(a_marker_alone_on_its_line_stands_for_lines),
        cmocka_unit_test(a_marker_that_stands_for_nothing_is_an_error),
        cmocka_unit_test(every_marker_of_the_text_is_replaced),
        cmocka_unit_test(every_table_is_in_the_text),
    };
    return cmocka_run_group_tests(tests, load_dictionary, NULL);
}
