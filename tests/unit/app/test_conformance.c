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
        "{{charsets x}}",
        "{{services x}}",
        "{{contexts x}}",
        "{{extended x}}",
        "{{implementation}}",
        "{{transfer-syntaxes x}}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free(written(texts[i], RC_INVALID));
}

/* The first line that differs, for the message. */
static const char *first_difference(const char *a, const char *b)
{
    const char *line = a;
    for (; *a && *a == *b; a++, b++) {
        if (*a == '\n')
            line = a + 1;
    }
    return line;
}

static void document_is_what_the_command_prints(void **state)
{
    (void)state;
    struct buf document = {0};
    struct err err;
    char *out = written((const char *)conformance_text, RC_OK);

    assert_int_equal(files_read(SOURCE_DIR "/docs/conformance.md", 1 << 20, &document, &err),
                     RC_OK);
    const char *line = first_difference(out, buf_cstr(&document));
    if (strcmp(out, buf_cstr(&document)) != 0)
        fail_msg("docs/conformance.md is stale; make it anew with\n"
                 "    dppr conformance >docs/conformance.md\nwhich differs first in\n    %.*s",
                 (int)strcspn(line, "\n"), line);
    buf_fini(&document);
    free(out);
}

/* A table of the server that no marker shows would be missing from the statement without notice. */
static void every_table_is_in_the_text(void **state)
{
    (void)state;
    static const char *const needed[] = {
        "{{services}}",       "{{contexts}}",      "{{transfer-syntaxes}}", "{{extended}}",
        "{{keys protocol}}",  "{{keys approval}}", "{{keys code}}",         "{{statuses echo}}",
        "{{statuses store}}", "{{statuses find}}", "{{statuses get}}",      "{{statuses move}}",
        "{{charsets}}",       "{{limits limit}}",  "{{limits deadline}}",
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
        cmocka_unit_test(document_is_what_the_command_prints),
        cmocka_unit_test(every_table_is_in_the_text),
    };
    return cmocka_run_group_tests(tests, load_dictionary, NULL);
}
