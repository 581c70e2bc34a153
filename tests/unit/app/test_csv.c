/* SPDX-License-Identifier: Apache-2.0
 *
 * Records of CSV (RFC 4180), as spreadsheets write them and as nobody should.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "authoring.h"

#define TEXT(literal)                                   \
    {                                                   \
        (const uint8_t *)(literal), sizeof(literal) - 1 \
    }

/* Records as "field|field", or "! words of the error", one after another, joined by newlines. */
static void read_all(struct span text, struct buf *out)
{
    struct csv csv;
    struct err err = {0};
    enum rc rc = csv_init(&csv, text, &err);

    while (rc == RC_OK || rc == RC_INVALID) {
        if (rc == RC_INVALID)
            buf_printf(out, "! %s\n", err.text);
        if (rc == RC_INVALID && csv.pos == 0)
            break; /* refused as a whole */
        rc = csv_next(&csv, &err);
        for (unsigned i = 0; rc == RC_OK && i < csv.count; i++) {
            struct span f = csv_field(&csv, i);
            assert_int_equal(f.data[f.len], 0);
            buf_printf(out, "%s%.*s", i ? "|" : "", (int)f.len, (const char *)f.data);
        }
        if (rc == RC_OK)
            buf_add_str(out, "\n");
    }
    assert_int_equal(csv_field(&csv, CSV_FIELDS_MAX).len, 0);
    csv_fini(&csv);
}

static void records_are_read(void **state)
{
    static const struct {
        const char *what;
        struct span text;
        const char *records;
    } cases[] = {
        {"nothing", TEXT(""), ""},
        {"2.1: a record a line", TEXT("a,b\r\nc,d\r\n"), "a|b\nc|d\n"},
        {"2.2: no line end at the end", TEXT("a,b\r\nc,d"), "a|b\nc|d\n"},
        {"2.4: blanks belong to the field", TEXT(" a , b\n"), " a | b\n"},
        {"2.5: quotes", TEXT("\"a\",b\n"), "a|b\n"},
        {"2.6: separator in quotes", TEXT("a,\"b,;c\"\n"), "a|b,;c\n"},
        {"2.6: line end in quotes", TEXT("a,\"b\r\nc\"\r\nd,e"), "a|b\r\nc\nd|e\n"},
        {"2.7: a quote in quotes", TEXT("a,\"b\"\"c\"\n"), "a|b\"c\n"},
        {"nothing but a quote in quotes", TEXT("\"\"\"\"\n"), "\"\n"},
        {"LF", TEXT("a,b\nc,d\n"), "a|b\nc|d\n"},
        {"CR", TEXT("a,b\rc,d\r"), "a|b\nc|d\n"},
        {"empty fields", TEXT(",a,,b,\n"), "|a||b|\n"},
        {"empty quotes", TEXT("a,\"\"\n"), "a|\n"},
        {"blank lines", TEXT("\n\na,b\n\r\n,,\n\"\",\nc,d\n\n"), "a|b\nc|d\n"},
        {"byte order mark",
         TEXT("\xEF\xBB\xBF"
              "a,b\n"),
         "a|b\n"},
        {"byte order mark alone", TEXT("\xEF\xBB\xBF"), ""},
        {"semicolons", TEXT("a;b,c;d\n1,5;2;3\n"), "a|b,c|d\n1,5|2|3\n"},
        {"tabs", TEXT("a\tb,c\td\n"), "a|b,c|d\n"},
        {"comma where it is even", TEXT("a,b;c\n"), "a|b;c\n"},
        {"separators in quotes do not count", TEXT("\"a;b;c\",d\n"), "a;b;c|d\n"},
        {"only the first line counts", TEXT("a,b\n1;2;3;4,5\n"), "a|b\n1;2;3;4|5\n"},
        {"UTF-8", TEXT("Kopf \xC3\x9C,\xE9\xA0\xAD\n"), "Kopf \xC3\x9C|\xE9\xA0\xAD\n"},
        {"rows of other lengths", TEXT("a,b\nc\nd,e,f\n"), "a|b\nc\nd|e|f\n"},
        {"quote inside a field", TEXT("a,b\"c\nd,e\n"),
         "! line 1, column 2: a quote in a field that is not quoted\nd|e\n"},
        {"text behind quotes", TEXT("a,\"b\" c\nd,e\n"),
         "! line 1, column 2: text after the closing quote\nd|e\n"},
        {"quote never closed", TEXT("a,b\nc,\"d\ne,f\ng,h\n"),
         "a|b\n! line 2, column 2: the quote is not closed\n"},
        {"quote at the very end", TEXT("a,\""), "! line 1, column 2: the quote is not closed\n"},
        {"lines go on behind a field of two", TEXT("a,\"b\nc\"\nd,e\"\n"),
         "a|b\nc\n! line 3, column 2: a quote in a field that is not quoted\n"},
        {"NUL", TEXT("a,b\0c\nd,e\n"), "! line 1, column 2: a control character\nd|e\n"},
        {"NUL in quotes", TEXT("a,\"\0\"\nd,e\n"),
         "! line 1, column 2: a control character\nd|e\n"},
        {"a bell", TEXT("a,\a\nd,e\n"), "! line 1, column 2: a control character\nd|e\n"},
        {"white space", TEXT("a,\"\t\f\"\n"), "a|\t\f\n"},
        {"ISO 8859-1", TEXT("a,b\nKopf \xDC,x\nd,e\n"),
         "a|b\n! line 2, column 1: not UTF-8\nd|e\n"},
        {"overlong", TEXT("\xC0\xAF,b\nd,e\n"), "! line 1, column 1: not UTF-8\nd|e\n"},
        {"surrogate", TEXT("\xED\xA0\x80\nd\n"), "! line 1, column 1: not UTF-8\nd\n"},
        {"cut off character", TEXT("a,\xE9\xA0"), "! line 1, column 2: not UTF-8\n"},
        {"UTF-16 LE",
         TEXT("\xFF\xFE"
              "a\0,\0b\0"),
         "! the text is UTF-16; save it as UTF-8\n"},
        {"UTF-16 BE", TEXT("\xFE\xFF\0a\0,\0b"), "! the text is UTF-16; save it as UTF-8\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf got = {0};
        /* A copy whose end is the end of memory, for AddressSanitizer. */
        uint8_t *copy = malloc(cases[i].text.len ? cases[i].text.len : 1);
        memcpy(copy, cases[i].text.data, cases[i].text.len);
        read_all(span_of(copy, cases[i].text.len), &got);
        if (strcmp(buf_cstr(&got), cases[i].records) != 0)
            fail_msg("%s: got\n%s\nwanted\n%s", cases[i].what, buf_cstr(&got), cases[i].records);
        free(copy);
        buf_fini(&got);
    }
}

/* before, middle so often that it is too much, after. */
static struct span many(const char *before, const char *middle, size_t times, const char *after)
{
    static struct buf text;

    buf_clear(&text);
    buf_add_str(&text, before);
    for (size_t i = 0; i < times; i++)
        buf_add_str(&text, middle);
    buf_add_str(&text, after);
    return buf_span(&text);
}

static void what_is_too_much_is_refused(void **state)
{
    static const struct {
        const char *what, *before, *middle, *after;
        size_t times;
        const char *records;
    } cases[] = {
        {"a million columns", "a,", ",", "\nb,c\n", 1000000,
         "! line 1: more than 1024 columns\nb|c\n"},
        {"a field of five million octets", "a,", "x", "\nb,c\n", 5000000,
         "! line 1: a row of more than 4194304 octets\nb|c\n"},
        {"a quote that is open for five million lines", "a,b\n\"", "x\n", "\"\nb,c\n", 5000000,
         "a|b\n! line 2, column 1: the quote is not closed for too long\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf got = {0};
        read_all(many(cases[i].before, cases[i].middle, cases[i].times, cases[i].after), &got);
        if (strcmp(buf_cstr(&got), cases[i].records) != 0)
            fail_msg("%s: got %.200s", cases[i].what, buf_cstr(&got));
        buf_fini(&got);
    }
}

static void memory_follows_the_record_and_not_the_file(void **state)
{
    struct span text = many("a,b\n", "1,2\n", 1000000, "");
    struct csv csv;
    struct err err;
    unsigned long count = 0;

    (void)state;
    assert_int_equal(csv_init(&csv, text, &err), RC_OK);
    while (csv_next(&csv, &err) == RC_OK)
        count++;
    assert_int_equal(count, 1000001);
    assert_true(csv.octets.cap <= 4096);
    assert_int_equal(csv.line, 1000001);
    csv_fini(&csv);
}

static void what_is_written_is_read_the_same(void **state)
{
    static const struct {
        const char *field, *written;
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"a,b", "\"a,b\""},
        {"a;b", "\"a;b\""},
        {"a\tb", "\"a\tb\""},
        {"a\"b", "\"a\"\"b\""},
        {"\"", "\"\"\"\""},
        {"a\nb", "\"a\nb\""},
        {"a\rb", "\"a\rb\""},
        {" a", "\" a\""},
        {"a ", "\"a \""},
        {"80\\120", "80\\120"},
        {"\xC3\x9C", "\xC3\x9C"},
    };
    struct buf line = {0}, got = {0}, wanted = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf one = {0};
        csv_write_field(&one, span_str(cases[i].field));
        assert_string_equal(buf_cstr(&one), cases[i].written);
        buf_printf(&line, "%s%s", i ? "," : "", buf_cstr(&one));
        buf_printf(&wanted, "%s%s", i ? "|" : "", cases[i].field);
        buf_fini(&one);
    }
    buf_add_str(&line, "\r\n");
    buf_add_str(&wanted, "\n");
    read_all(buf_span(&line), &got);
    assert_string_equal(buf_cstr(&got), buf_cstr(&wanted));
    buf_fini(&line);
    buf_fini(&got);
    buf_fini(&wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_read),
        cmocka_unit_test(what_is_too_much_is_refused),
        cmocka_unit_test(memory_follows_the_record_and_not_the_file),
        cmocka_unit_test(what_is_written_is_read_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
