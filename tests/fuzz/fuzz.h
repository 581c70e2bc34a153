/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fuzz targets share: the entry point, a check that no build option removes, and a reader that takes
 * the input apart.
 *
 * A target takes what decides (a transfer syntax, a policy) from the first octets and gives the rest, whole, to the
 * decoder, so that a mutation of one does not move the other and the end of the input is the end of what is decoded:
 * AddressSanitizer sees every octet read beyond it.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAYBE_UNUSED __attribute__((unused))

/* assert() goes away with NDEBUG; what a target promises must not. */
#define CHECK(condition)                                                              \
    do {                                                                              \
        if (!(condition)) {                                                           \
            fprintf(stderr, "%s:%d: %s is not so\n", __FILE__, __LINE__, #condition); \
            abort();                                                                  \
        }                                                                             \
    } while (0)
/* The same for a call that must succeed; says why it did not. */
#define CHECK_OK(call, err)                                                                    \
    do {                                                                                       \
        if ((call) != RC_OK) {                                                                 \
            fprintf(stderr, "%s:%d: %s failed: %s\n", __FILE__, __LINE__, #call, (err)->text); \
            abort();                                                                           \
        }                                                                                      \
    } while (0)

/* A refusal says why, and which limit has struck if it was one. */
static MAYBE_UNUSED void check_refusal(enum rc rc, const struct err *err)
{
    CHECK(rc != RC_OK && err->code == rc && err->text[0]);
    CHECK((rc == RC_LIMIT) == (err->limit != LIMIT_NONE));
}

/* ---- the input ---- */

struct feed {
    struct span rest;
};

static MAYBE_UNUSED struct span feed_take(struct feed *f, size_t n)
{
    struct span taken = span_of(f->rest.data, n < f->rest.len ? n : f->rest.len);
    if (taken.len > 0)
        f->rest = span_of(f->rest.data + taken.len, f->rest.len - taken.len);
    return taken;
}

static MAYBE_UNUSED uint8_t feed_u8(struct feed *f) /* 0 at the end, as below */
{
    struct span s = feed_take(f, 1);
    return s.len == 1 ? s.data[0] : 0;
}

static MAYBE_UNUSED uint16_t feed_u16(struct feed *f)
{
    struct span s = feed_take(f, 2);
    return s.len == 2 ? get_be16(s.data) : 0;
}

/* A piece with its length in two octets before it. */
static MAYBE_UNUSED struct span feed_counted(struct feed *f)
{
    return feed_take(f, feed_u16(f));
}

/* A piece of the middle of the input, alone on the heap, so that its end is the end of memory. */
static MAYBE_UNUSED struct span heap_copy(struct span s)
{
    uint8_t *copy = malloc(s.len ? s.len : 1);
    CHECK(copy != NULL);
    if (s.len > 0)
        memcpy(copy, s.data, s.len);
    return span_of(copy, s.len);
}

static MAYBE_UNUSED void heap_free(struct span s)
{
    free((void *)(uintptr_t)s.data);
}

/* A NUL-terminated copy; what follows a NUL of the input is lost. */
static MAYBE_UNUSED char *heap_text(struct span s)
{
    char *copy = malloc(s.len + 1);
    CHECK(copy != NULL);
    if (s.len > 0)
        memcpy(copy, s.data, s.len);
    copy[s.len] = '\0';
    return copy;
}

static MAYBE_UNUSED bool is_within(struct span outer, struct span inner)
{
    return inner.len == 0 ||
           (inner.data >= outer.data && inner.data + inner.len <= outer.data + outer.len);
}

#endif
