/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON whose numbers keep their digits.
 *
 * jansson keeps numbers as doubles and writes 0.1 as 0.10000000000000001; what is a decimal string in DICOM would come
 * back as another text. So numbers are read as texts behind a mark, and the mark is taken off when they are written. The
 * mark is a control character that no text of ours may hold; JSON with it is refused.
 */
#include "authoring.h"

#include <ctype.h>
#include <stdlib.h>

#define MARK         '\x01'
#define ESCAPED_MARK "\\u0001"

/* One past the text that begins at pos; *has_mark when an escape in it is the mark. */
static size_t string_end(struct span json, size_t pos, bool *has_mark)
{
    static const char escaped[] = ESCAPED_MARK;

    for (pos++; pos < json.len && json.data[pos] != '"'; pos++) {
        if (json.data[pos] != '\\')
            continue;
        *has_mark |= json.len - pos >= strlen(escaped) &&
                     memcmp(json.data + pos, escaped, strlen(escaped)) == 0;
        pos++;
    }
    return pos < json.len ? pos + 1 : json.len;
}

static size_t number_end(struct span json, size_t pos)
{
    while (pos < json.len && (isalnum(json.data[pos]) || strchr("+-.", json.data[pos])) &&
           json.data[pos])
        pos++;
    return pos;
}

/* Whether the token is a number of RFC 8259; jansson, which would say so, sees a text instead. */
static bool is_number(struct span t)
{
    size_t i = t.len > 0 && t.data[0] == '-';
    size_t digits = i;

    while (i < t.len && isdigit(t.data[i]))
        i++;
    if (i == digits || (t.data[digits] == '0' && i > digits + 1))
        return false;
    if (i < t.len && t.data[i] == '.') {
        digits = ++i;
        while (i < t.len && isdigit(t.data[i]))
            i++;
        if (i == digits)
            return false;
    }
    if (i < t.len && (t.data[i] == 'e' || t.data[i] == 'E')) {
        i++;
        i += i < t.len && (t.data[i] == '+' || t.data[i] == '-');
        digits = i;
        while (i < t.len && isdigit(t.data[i]))
            i++;
        if (i == digits)
            return false;
    }
    return i == t.len;
}

/* Whether what ends here is the name of a member. */
static bool is_name(struct span json, size_t pos)
{
    while (pos < json.len && memchr(" \t\r\n", json.data[pos], 4))
        pos++;
    return pos < json.len && json.data[pos] == ':';
}

static bool mark_numbers(struct span json, struct buf *out)
{
    for (size_t pos = 0, end; pos < json.len; pos = end) {
        uint8_t ch = json.data[pos];
        bool has_mark = false;
        struct span token;
        if (ch == '"') {
            end = string_end(json, pos, &has_mark);
        } else if (ch == '-' || isdigit(ch)) {
            end = number_end(json, pos);
        } else {
            buf_add_u8(out, ch);
            end = pos + 1;
            continue;
        }
        token = span_of(json.data + pos, end - pos);
        if (ch == '"') {
            if (has_mark)
                return false;
            buf_add_span(out, token);
        } else {
            if (!is_number(token) || is_name(json, end))
                return false;
            buf_add_str(out, "\"" ESCAPED_MARK);
            buf_add_span(out, token);
            buf_add_u8(out, '"');
        }
    }
    return buf_status(out) == RC_OK;
}

json_t *json_exact_load(struct span json)
{
    struct buf marked = {0};
    json_t *value = NULL;

    if (mark_numbers(json, &marked))
        value = json_loadb((const char *)marked.data, marked.len,
                           JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    buf_fini(&marked);
    return value;
}

bool json_exact_number(const json_t *value, struct span *digits)
{
    const char *text = json_string_value(value);

    if (!text || text[0] != MARK)
        return false;
    *digits = span_str(text + 1);
    return true;
}

void json_exact_dump(const json_t *value, size_t flags, struct buf *out)
{
    char *text = json_dumps(value, flags | JSON_ENCODE_ANY);
    const char *from = text, *at;

    if (!text) {
        out->failed = RC_NOMEM;
        return;
    }
    while ((at = strstr(from, "\"" ESCAPED_MARK)) != NULL) {
        buf_add(out, from, (size_t)(at - from));
        at += strlen("\"" ESCAPED_MARK);
        from = strchr(at, '"');
        buf_add(out, at, (size_t)(from - at));
        from++;
    }
    buf_add_str(out, from);
    free(text);
}
