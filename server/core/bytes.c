/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bytes.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_CAPACITY = 64 };

bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool span_equal_str(struct span a, const char *text)
{
    return span_equal(a, span_str(text));
}

uint32_t text_hash(const char *text)
{
    uint32_t hash = 2166136261u;
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 16777619u;
    return hash;
}

char *number_text(int64_t value, unsigned decimals, char out[NUMBER_TEXT])
{
    char *at = out + NUMBER_TEXT;
    uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;

    assert(decimals <= DECIMALS_MAX);
    *--at = '\0';
    for (unsigned digits = 0; left || digits <= decimals; digits++) {
        if (digits == decimals && decimals > 0)
            *--at = '.';
        *--at = (char)('0' + left % 10);
        left /= 10;
    }
    if (value < 0)
        *--at = '-';
    return at;
}

void buf_init(struct buf *b, size_t limit)
{
    *b = (struct buf){.limit = limit};
}

void buf_fini(struct buf *b)
{
    free(b->data);
    *b = (struct buf){.limit = b->limit};
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = RC_OK;
}

/* Capacity for `need` octets. It doubles, but not past the ceiling and the NUL that buf_cstr puts
 * behind, so that a limit is also a bound for memory. */
static bool grow(struct buf *b, size_t need, size_t ceiling)
{
    size_t cap = b->cap < FIRST_CAPACITY ? FIRST_CAPACITY : b->cap;
    uint8_t *data;

    if (need <= b->cap)
        return true;
    while (cap < need)
        cap *= 2; /* cannot overflow: need is at most SIZE_MAX / 2 + 1 */
    if (cap > ceiling + 1)
        cap = ceiling + 1;
    data = realloc(b->data, cap);
    if (!data) {
        b->failed = RC_NOMEM;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

static size_t ceiling_of(const struct buf *b)
{
    return b->limit > 0 && b->limit < SIZE_MAX / 2 ? b->limit : SIZE_MAX / 2;
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
    size_t ceiling = ceiling_of(b);

    if (b->failed != RC_OK)
        return NULL;
    if (b->len > ceiling || n > ceiling - b->len) {
        b->failed = RC_LIMIT;
        return NULL;
    }
    if (!grow(b, b->len + n > 0 ? b->len + n : 1, ceiling))
        return NULL;
    return b->data + b->len;
}

void buf_add(struct buf *b, const void *data, size_t n)
{
    uint8_t *to;

    if (n == 0)
        return;
    to = buf_reserve(b, n);
    if (!to)
        return;
    memcpy(to, data, n);
    b->len += n;
}

void buf_add_span(struct buf *b, struct span s)
{
    buf_add(b, s.data, s.len);
}

void buf_add_str(struct buf *b, const char *text)
{
    buf_add_span(b, span_str(text));
}

void buf_add_u8(struct buf *b, uint8_t v)
{
    buf_add(b, &v, 1);
}

void buf_add_be16(struct buf *b, uint16_t v)
{
    uint8_t octets[2];

    put_be16(octets, v);
    buf_add(b, octets, sizeof(octets));
}

void buf_add_be32(struct buf *b, uint32_t v)
{
    uint8_t octets[4];

    put_be32(octets, v);
    buf_add(b, octets, sizeof(octets));
}

void buf_add_le16(struct buf *b, uint16_t v)
{
    uint8_t octets[2];

    put_le16(octets, v);
    buf_add(b, octets, sizeof(octets));
}

void buf_add_le32(struct buf *b, uint32_t v)
{
    uint8_t octets[4];

    put_le32(octets, v);
    buf_add(b, octets, sizeof(octets));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args, again;
    char small[256];
    int n;

    va_start(args, fmt);
    va_copy(again, args);
    n = vsnprintf(small, sizeof(small), fmt, args);
    if (n < 0) {
        b->failed = b->failed != RC_OK ? b->failed : RC_LIMIT;
    } else if ((size_t)n < sizeof(small)) {
        buf_add(b, small, (size_t)n);
    } else if (buf_reserve(b, (size_t)n) && grow(b, b->len + (size_t)n + 1, ceiling_of(b))) {
        vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
    va_end(args);
}

const char *buf_cstr(struct buf *b)
{
    if (b->failed != RC_OK || !grow(b, b->len + 1, ceiling_of(b)))
        return "";
    b->data[b->len] = '\0';
    return (const char *)b->data;
}

size_t utf8_decode(const uint8_t *p, size_t left, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (left == 0)
        return 0;
    size_t len = p[0] < 0x80   ? 1
                 : p[0] < 0xC2 ? 0
                 : p[0] < 0xE0 ? 2
                 : p[0] < 0xF0 ? 3
                 : p[0] < 0xF5 ? 4
                               : 0;
    if (len == 0 || len > left)
        return 0;
    uint32_t value = len == 1 ? p[0] : p[0] & (0xFFu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        value = value << 6 | (p[i] & 0x3F);
    }
    if (value < least[len] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return 0;
    *code = value;
    return len;
}

size_t utf8_encode(uint32_t code, uint8_t out[4])
{
    static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return 0;
    for (size_t i = len; i-- > 1; code >>= 6)
        out[i] = (uint8_t)(0x80 | (code & 0x3F));
    out[0] = (uint8_t)(lead[len] | code);
    return len;
}

bool utf8_is_harmful(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029 ||
           (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

bool utf8_is_valid(struct span text)
{
    uint32_t code;
    size_t len;
    for (size_t i = 0; i < text.len; i += len) {
        len = utf8_decode(text.data + i, text.len - i, &code);
        if (len == 0)
            return false;
    }
    return true;
}
