/* SPDX-License-Identifier: Apache-2.0 */
#include "text_array.h"

#include <strings.h>

enum { QUOTED_FACTOR = 2, QUOTES = 2 }; /* every octet escaped, and around them */

static size_t quote(char *to, struct span value)
{
    size_t len = 0;
    to[len++] = '"';
    for (size_t i = 0; i < value.len; i++) {
        char c = (char)value.data[i];
        if (c == '"' || c == '\\')
            to[len++] = '\\';
        to[len++] = c;
    }
    to[len++] = '"';
    return len;
}

struct span text_array(struct arena *arena, const struct span *values, unsigned count)
{
    size_t size = 3; /* braces and NUL */
    for (unsigned i = 0; i < count; i++)
        size += QUOTED_FACTOR * values[i].len + QUOTES + 1;

    char *text = arena_alloc(arena, size);
    if (!text)
        return span_of(NULL, 0);

    size_t len = 0;
    text[len++] = '{';
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            text[len++] = ',';
        len += quote(text + len, values[i]);
    }
    text[len++] = '}';
    text[len] = '\0';
    return span_of(text, len);
}

/* What ends in a brace that opens is that brace: a value that holds one is in quotes. */
static void separate(struct buf *out)
{
    if (out->len > 0 && out->data[out->len - 1] != '{')
        buf_add_u8(out, ',');
}

static bool is_plain(uint8_t c)
{
    return c > ' ' && c != '"' && c != '\\' && c != ',' && c != '{' && c != '}';
}

/* Most values are words and numbers; without quotes they are not escaped again where the array stands in
 * another one. NULL would be read as null. */
static bool needs_quotes(struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (!is_plain(value.data[i]))
            return true;
    }
    return value.len == 0 ||
           (value.len == 4 && strncasecmp((const char *)value.data, "null", 4) == 0);
}

void text_array_open(struct buf *out)
{
    separate(out);
    buf_add_u8(out, '{');
}

void text_array_add(struct buf *out, struct span value)
{
    separate(out);
    if (!needs_quotes(value)) {
        buf_add_span(out, value);
        return;
    }
    uint8_t *to = buf_reserve(out, QUOTED_FACTOR * value.len + QUOTES);
    if (to)
        out->len += quote((char *)to, value);
}

void text_array_add_null(struct buf *out)
{
    separate(out);
    buf_add_str(out, "NULL");
}

void text_array_add_number(struct buf *out, unsigned value)
{
    separate(out);
    buf_printf(out, "%u", value);
}

void text_array_close(struct buf *out)
{
    buf_add_u8(out, '}');
}
