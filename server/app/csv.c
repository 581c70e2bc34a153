/* SPDX-License-Identifier: Apache-2.0
 *
 * Records of comma-separated values, RFC 4180.
 *
 * Spreadsheets write commas or, where the comma is in numbers, semicolons; both are taken, and tabs. A record may go over
 * several lines, inside quotes. What RFC 4180 forbids is refused and not guessed at: a quote in the middle of a field is
 * more often a slip than a character that is meant. Memory is bounded by the longest record, and that by
 * CSV_RECORD_MAX, so a quote that is never closed does not read the file into memory.
 *
 * A reader of our own: libcsv, the one in Debian, has no bound on a field, does not tell lines and has not been touched since 2013.
 */
#include "authoring.h"

#include <stdlib.h>

enum { BOM = 3 };

static bool is_at(const struct csv *c, char ch)
{
    return c->pos < c->text.len && c->text.data[c->pos] == (uint8_t)ch;
}

static bool is_line_end(const struct csv *c)
{
    return c->pos >= c->text.len || is_at(c, '\n') || is_at(c, '\r');
}

/* The separator that the first line has most of, quoted text aside. */
static char guess_separator(struct span text)
{
    static const char separators[] = ",;\t";
    size_t seen[sizeof(separators)] = {0};
    unsigned best = 0;
    bool in_quotes = false;

    for (size_t i = 0; i < text.len && i < CSV_RECORD_MAX; i++) {
        char ch = (char)text.data[i];
        const char *at = ch ? strchr(separators, ch) : NULL;
        if (ch == '"')
            in_quotes = !in_quotes;
        else if (!in_quotes && (ch == '\n' || ch == '\r'))
            break;
        else if (!in_quotes && at)
            seen[at - separators]++;
    }
    for (unsigned i = 1; separators[i]; i++) {
        if (seen[i] > seen[best])
            best = i;
    }
    return separators[best];
}

enum rc csv_init(struct csv *c, struct span text, struct err *err)
{
    memset(c, 0, sizeof(*c));
    buf_init(&c->octets, CSV_RECORD_MAX);
    c->text = text;
    c->next_line = 1;
    if (text.len >= 2 &&
        (memcmp(text.data, "\xFF\xFE", 2) == 0 || memcmp(text.data, "\xFE\xFF", 2) == 0))
        return err_set(err, RC_INVALID, "the text is UTF-16; save it as UTF-8");
    if (text.len >= BOM && memcmp(text.data, "\xEF\xBB\xBF", BOM) == 0)
        c->pos = BOM;
    c->separator = guess_separator(span_of(text.data + c->pos, text.len - c->pos));
    return RC_OK;
}

void csv_fini(struct csv *c)
{
    buf_fini(&c->octets);
}

struct span csv_field(const struct csv *c, unsigned i)
{
    if (i >= c->count)
        return span_of("", 0);
    return span_of(c->octets.data + c->starts[i], c->starts[i + 1] - c->starts[i] - 1);
}

/* CR LF, LF or CR. */
static void pass_line_end(struct csv *c)
{
    bool is_cr = is_at(c, '\r');

    if (c->pos >= c->text.len)
        return;
    c->pos++;
    if (is_cr && is_at(c, '\n'))
        c->pos++;
    c->next_line++;
}

static void pass_line(struct csv *c)
{
    while (!is_line_end(c))
        c->pos++;
    pass_line_end(c);
}

/* One character. What is no UTF-8 is refused, and control characters but white space, which no attribute may hold. */
static enum rc take_character(struct csv *c, struct err *err)
{
    const uint8_t *at = c->text.data + c->pos;
    uint32_t code;
    size_t n = utf8_decode(at, c->text.len - c->pos, &code);

    if (n == 0 || (code < 0x20 && !strchr("\t\n\f\r", (int)code)) || code == 0)
        return err_set(err, RC_INVALID, "line %lu, column %u: %s", c->next_line, c->count + 1,
                       n == 0 ? "not UTF-8" : "a control character");
    buf_add(&c->octets, at, n);
    c->pos += n;
    return RC_OK;
}

static enum rc refuse_size(const struct csv *c, struct err *err)
{
    return err_set(err, RC_INVALID, "line %lu: a row of more than %d octets", c->line,
                   CSV_RECORD_MAX);
}

static enum rc take_quoted(struct csv *c, struct err *err)
{
    unsigned long opened = c->next_line;
    enum rc rc;

    for (c->pos++; c->pos < c->text.len;) {
        if (is_at(c, '"')) {
            c->pos++;
            if (!is_at(c, '"')) {
                if (is_line_end(c) || is_at(c, c->separator))
                    return RC_OK;
                return err_set(err, RC_INVALID, "line %lu, column %u: text after the closing quote",
                               c->next_line, c->count + 1);
            }
        } else if (is_at(c, '\n')) {
            c->next_line++;
        }
        rc = take_character(c, err);
        if (rc != RC_OK)
            return rc;
        if (buf_status(&c->octets) != RC_OK)
            break;
    }
    c->pos = c->text.len; /* where the text goes on cannot be known */
    return err_set(err, RC_INVALID, "line %lu, column %u: the quote is not closed%s", opened,
                   c->count + 1, buf_status(&c->octets) == RC_OK ? "" : " for too long");
}

static enum rc take_plain(struct csv *c, struct err *err)
{
    enum rc rc = RC_OK;

    while (rc == RC_OK && buf_status(&c->octets) == RC_OK && !is_line_end(c) &&
           !is_at(c, c->separator)) {
        if (is_at(c, '"'))
            return err_set(err, RC_INVALID,
                           "line %lu, column %u: a quote in a field that is not quoted",
                           c->next_line, c->count + 1);
        rc = take_character(c, err);
    }
    return rc;
}

static enum rc take_record(struct csv *c, struct err *err)
{
    for (;;) {
        if (c->count == CSV_FIELDS_MAX)
            return err_set(err, RC_INVALID, "line %lu: more than %d columns", c->line,
                           CSV_FIELDS_MAX);
        c->starts[c->count] = c->octets.len;
        enum rc rc = is_at(c, '"') ? take_quoted(c, err) : take_plain(c, err);
        if (rc != RC_OK)
            return rc;
        buf_add_u8(&c->octets, 0);
        c->count++;
        c->starts[c->count] = c->octets.len;
        if (buf_status(&c->octets) != RC_OK)
            return refuse_size(c, err);
        if (!is_at(c, c->separator))
            return RC_OK;
        c->pos++;
    }
}

/* Nothing but separators: what spreadsheets write for rows that are empty. */
static bool is_blank(const struct csv *c)
{
    return c->octets.len == c->count;
}

enum rc csv_next(struct csv *c, struct err *err)
{
    while (c->pos < c->text.len) {
        c->line = c->next_line;
        c->begin = c->pos;
        c->count = 0;
        buf_clear(&c->octets);
        enum rc rc = take_record(c, err);
        if (rc != RC_OK) {
            c->count = 0;
            pass_line(c);
            return rc;
        }
        pass_line_end(c);
        if (!is_blank(c))
            return RC_OK;
    }
    c->count = 0;
    return RC_NOTFOUND;
}

void csv_write_field(struct buf *out, struct span field)
{
    bool is_plain = true;

    for (size_t i = 0; i < field.len && is_plain; i++)
        is_plain = !strchr("\",;\t\r\n", field.data[i]) || field.data[i] == 0;
    /* Blanks at the ends, which some programs strip, are kept by quotes. */
    if (field.len > 0 && (field.data[0] == ' ' || field.data[field.len - 1] == ' '))
        is_plain = false;
    if (is_plain) {
        buf_add_span(out, field);
        return;
    }
    buf_add_u8(out, '"');
    for (size_t i = 0; i < field.len; i++) {
        if (field.data[i] == '"')
            buf_add_u8(out, '"');
        buf_add_u8(out, field.data[i]);
    }
    buf_add_u8(out, '"');
}
