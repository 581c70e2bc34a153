/* SPDX-License-Identifier: Apache-2.0
 *
 * What people see: aligned columns in terminal cells, values made harmless.
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
#include "core/arena.h"
#include "dcm/dict.h"

static const char *const two_titles[] = {"A", "NAME"};

struct output {
    char *text;
    size_t len;
    FILE *file;
};

static void output_open(struct output *o)
{
    memset(o, 0, sizeof(*o));
    o->file = open_memstream(&o->text, &o->len);
    assert_non_null(o->file);
}

static void output_check(struct output *o, const char *expected)
{
    fclose(o->file);
    assert_string_equal(o->text, expected);
    free(o->text);
}

static void row(struct table *t, const char *a, const char *b)
{
    const char *cells[] = {a, b};

    table_row(t, cells);
}

static void columns_are_aligned(void **state)
{
    struct output o;

    (void)state;
    output_open(&o);
    struct table *t = table_new(o.file, two_titles, 2, 0);
    row(t, "1.2.3", "Head");
    row(t, "1", NULL);
    table_end(t);
    output_check(&o, "A      NAME\n1.2.3  Head\n1      \n");
}

static void colored_rows_are_aligned_too(void **state)
{
    const char *cells[] = {"1", "Head"};
    struct output o;

    (void)state;
    output_open(&o);
    struct table *t = table_new(o.file, two_titles, 2, 0);
    table_row_colored(t, cells, "\033[31m");
    row(t, "1.2", "Neck");
    table_end(t);
    output_check(&o, "A    NAME\n\033[31m1    Head\033[0m\n1.2  Neck\n");
}

/* Rows of which a terminal sees the first before the last is known. */
static void rows_of_a_long_table_keep_their_colors(void **state)
{
    const char *cells[] = {"1", "Head"};
    struct output o;
    unsigned colored = 0;

    (void)state;
    output_open(&o);
    struct table *t = table_new(o.file, two_titles, 2, 0);
    for (unsigned i = 0; i < 1200; i++)
        table_row_colored(t, cells, i % 2 ? "\033[32m" : NULL);
    table_end(t);
    fclose(o.file);
    for (const char *at = o.text; (at = strstr(at, "\n\033[32m1  Head\033[0m\n")) != NULL; at++)
        colored++;
    assert_int_equal(colored, 600);
    free(o.text);
}

static void width_is_counted_in_cells(void **state)
{
    struct output o;

    (void)state;
    assert_int_equal(text_width("Schädel"), 7);
    assert_int_equal(text_width("胸部"), 4);
    assert_int_equal(text_width("e\xCC\x81"), 1); /* a combining accent */
    assert_int_equal(text_width("\xFF\xFE"), 2);  /* no UTF-8: an octet, a cell */
    output_open(&o);
    struct table *t = table_new(o.file, two_titles, 2, 0);
    row(t, "胸部", "x");
    row(t, "Schädel", "y");
    table_end(t);
    output_check(&o, "A        NAME\n胸部     x\nSchädel  y\n");
}

static void long_cells_end_in_an_ellipsis(void **state)
{
    struct output o;

    (void)state;
    output_open(&o);
    struct table *t = table_new(o.file, two_titles, 2, 5);
    row(t, "123456", "胸部胸部");
    row(t, "12345", "x");
    table_end(t);
    output_check(&o, "A      NAME\n1234…  胸部…\n12345  x\n");
}

static void table_without_rows_has_its_titles(void **state)
{
    struct output o;

    (void)state;
    output_open(&o);
    table_end(table_new(o.file, two_titles, 2, 0));
    output_check(&o, "A  NAME\n");
    output_open(&o);
    struct table *t = table_new(o.file, two_titles, 2, 0);
    row(t, "x", "y");
    table_discard(t);
    output_check(&o, "");
}

static void large_tables_are_printed_as_they_come(void **state)
{
    struct output o;
    unsigned lines = 0;

    (void)state;
    output_open(&o);
    struct table *t = table_new(o.file, two_titles, 2, 0);
    for (int i = 0; i < 2000; i++)
        row(t, "abc", "d");
    fflush(o.file);
    assert_true(o.len > 1000); /* some are out before the end */
    table_end(t);
    fclose(o.file);
    for (size_t i = 0; i < o.len; i++)
        lines += o.text[i] == '\n';
    assert_int_equal(lines, 2001);
    free(o.text);
}

static void text_cannot_drive_the_terminal(void **state)
{
    static const char *const cases[][2] = {
        {"\x1b[2J", "\xEF\xBF\xBD[2J"},
        {"a\nb\tc\r", "a b c "},
        {"\x7F", "\xEF\xBF\xBD"},
        {"\xC2\x9B", "\xEF\xBF\xBD"},     /* C1 CSI */
        {"\xE2\x80\xAE", "\xEF\xBF\xBD"}, /* right-to-left override */
        {"ok \xFF\xE4", "ok \xEF\xBF\xBD\xEF\xBF\xBD"},
        {"山田^太郎", "山田^太郎"},
        {"\xF0\x9F\x98", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}, /* cut off */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf out = {0};
        show_text(&out, span_str(cases[i][0]));
        assert_string_equal(buf_cstr(&out), cases[i][1]);
        buf_fini(&out);
    }
    struct buf nul = {0};
    show_text(&nul, span_of("a\0b", 3));
    assert_string_equal(buf_cstr(&nul), "a\xEF\xBF\xBD"
                                        "b");
    buf_fini(&nul);
}

static void json_strings_are_quoted(void **state)
{
    struct buf out = {0};

    (void)state;
    show_json_string(&out, "a\"b\\c\n\x01 ä");
    assert_string_equal(buf_cstr(&out), "\"a\\\"b\\\\c\\u000a\\u0001 ä\"");
    buf_fini(&out);
}

static struct dcm_item *add_code(struct arena *a, struct dcm_element *sq, const char *value,
                                 const char *meaning)
{
    struct dcm_item *item = dcm_add_item(a, sq);

    dcm_put_text(a, item, TAG_CodeValue, "SH", value);
    dcm_put_text(a, item, TAG_CodingSchemeDesignator, "SH", "LN");
    dcm_put_text(a, item, TAG_CodeMeaning, "LO", meaning);
    return item;
}

static void assert_shown(const struct dcm_item *item, const struct key_path *path,
                         const char *expected)
{
    struct buf out = {0};

    show_path(&out, item, path);
    assert_string_equal(buf_cstr(&out), expected);
    buf_fini(&out);
}

static void nested_values_are_compact(void **state)
{
    struct arena *a = arena_new(1 << 20);
    struct dcm_item *item = dcm_item_new(a);
    struct err err;

    (void)state;
    assert_int_equal(dcm_init(&err), RC_OK);
    dcm_put_text(a, item, TAG_SoftwareVersions, "LO", "VA1 \\VB2");
    struct dcm_element *codes =
        dcm_put(a, item, TAG_PotentialRequestedProcedureCodeSequence, "SQ", span_of(NULL, 0));
    add_code(a, codes, "24725-4", "CT HEAD");
    add_code(a, codes, "24726-2", "");
    struct dcm_element *models =
        dcm_put(a, item, TAG_ModelSpecificationSequence, "SQ", span_of(NULL, 0));
    for (int i = 0; i < 3; i++) {
        struct dcm_item *model = dcm_add_item(a, models);
        dcm_put_text(a, model, TAG_Manufacturer, "LO", "ACME");
        dcm_put_text(a, model, TAG_ManufacturerModelName, "LO", i == 1 ? "" : i ? "Two" : "One");
    }
    assert_shown(item, &(struct key_path){.tags = {TAG_SoftwareVersions}, .depth = 1}, "VA1; VB2");
    assert_shown(
        item, &(struct key_path){.tags = {TAG_PotentialRequestedProcedureCodeSequence}, .depth = 1},
        "CT HEAD (24725-4, LN);  (24726-2, LN)");
    assert_shown(
        item,
        &(struct key_path){.tags = {TAG_ModelSpecificationSequence, TAG_ManufacturerModelName},
                           .depth = 2},
        "One; Two");
    assert_shown(item, &(struct key_path){.tags = {TAG_ModelSpecificationSequence}, .depth = 1},
                 "{Manufacturer=ACME, ManufacturerModelName=One}; {Manufacturer=ACME}; "
                 "{Manufacturer=ACME, ManufacturerModelName=Two}");
    assert_shown(item, &(struct key_path){.tags = {TAG_ProtocolName}, .depth = 1}, "");
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_aligned),
        cmocka_unit_test(colored_rows_are_aligned_too),
        cmocka_unit_test(rows_of_a_long_table_keep_their_colors),
        cmocka_unit_test(width_is_counted_in_cells),
        cmocka_unit_test(long_cells_end_in_an_ellipsis),
        cmocka_unit_test(table_without_rows_has_its_titles),
        cmocka_unit_test(large_tables_are_printed_as_they_come),
        cmocka_unit_test(text_cannot_drive_the_terminal),
        cmocka_unit_test(json_strings_are_quoted),
        cmocka_unit_test(nested_values_are_compact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
