/* SPDX-License-Identifier: Apache-2.0
 *
 * core/bytes: spans (borrowed octets), buffers (owned, bounded octets), integers and UTF-8 in octets.
 */
#ifndef CORE_BYTES_H
#define CORE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/err.h"

/* Borrowed octets; valid as long as what they were taken from. data may be NULL when len is 0. */
struct span {
    const uint8_t *data;
    size_t len;
};

static inline struct span span_of(const void *data, size_t len)
{
    return (struct span){(const uint8_t *)data, len};
}
static inline struct span span_str(const char *text)
{
    return span_of(text, text ? strlen(text) : 0);
}
bool span_equal(struct span a, struct span b);
bool span_equal_str(struct span a, const char *text);
/* For tables in memory (FNV-1a). Whoever chooses the text can choose the place: bound what can be in one. */
uint32_t text_hash(const char *text);

/* Digits without printf, which would be most of what a log line or an audit row costs: value / 10^decimals, in full.
 * The text is in `out`, not at its beginning. */
enum { NUMBER_TEXT = 48, DECIMALS_MAX = 18 };
char *number_text(int64_t value, unsigned decimals, char out[NUMBER_TEXT]);

static inline uint16_t get_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t get_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint16_t get_le16(const uint8_t *p)
{
    return (uint16_t)(p[1] << 8 | p[0]);
}
static inline uint32_t get_le32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}
static inline void put_be16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void put_be32(uint8_t *p, uint32_t v)
{
    put_be16(p, (uint16_t)(v >> 16));
    put_be16(p + 2, (uint16_t)v);
}
static inline void put_le16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}
static inline void put_le32(uint8_t *p, uint32_t v)
{
    put_le16(p, (uint16_t)v);
    put_le16(p + 2, (uint16_t)(v >> 16));
}

/* Growing octets with a ceiling. A failed append latches `failed` and leaves the content as it was, so
 * that a writer may append freely and check once at its end with buf_status. Zero-initialised with a
 * limit of 0 means "no ceiling but SIZE_MAX / 2". Not thread-safe. */
struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t limit;
    enum rc failed; /* RC_OK, RC_LIMIT or RC_NOMEM */
};

void buf_init(struct buf *b, size_t limit);
void buf_fini(struct buf *b);  /* frees; b is empty and usable afterwards */
void buf_clear(struct buf *b); /* len = 0, failed = RC_OK, memory kept */
/* Make room for n more octets and return where they start, or NULL (failed is set). The caller writes
 * and then adds to len. */
uint8_t *buf_reserve(struct buf *b, size_t n);
void buf_add(struct buf *b, const void *data, size_t n);
void buf_add_span(struct buf *b, struct span s);
void buf_add_str(struct buf *b, const char *text);
void buf_add_u8(struct buf *b, uint8_t v);
void buf_add_be16(struct buf *b, uint16_t v);
void buf_add_be32(struct buf *b, uint32_t v);
void buf_add_le16(struct buf *b, uint16_t v);
void buf_add_le32(struct buf *b, uint32_t v);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* NUL-terminate without counting the NUL; returns the text, or "" after a failure. */
const char *buf_cstr(struct buf *b);
static inline struct span buf_span(const struct buf *b)
{
    return span_of(b->data, b->len);
}
static inline enum rc buf_status(const struct buf *b)
{
    return b->failed;
}

/* One character of UTF-8, strictly (RFC 3629: shortest forms, no surrogates). decode: octets taken, 0 = none;
 * encode: octets written, 0 = the code is no character. */
size_t utf8_decode(const uint8_t *p, size_t left, uint32_t *code);
size_t utf8_encode(uint32_t code, uint8_t out[4]);
bool utf8_is_valid(struct span text);
/* What a terminal would obey, or what lets text pretend to be other text: C0, DEL, C1, line and paragraph separators,
 * and the overrides of writing direction (Unicode TR 36, TR 9). */
bool utf8_is_harmful(uint32_t code);

#endif
