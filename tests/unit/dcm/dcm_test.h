/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the dcm layer share: a context with arena and error, octets written by hand, and
 * reproducible mutations.
 */
#ifndef TESTS_DCM_TEST_H
#define TESTS_DCM_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"
#include "dcm/dataset.h"
#include "dcm/dict.h"

struct fixture {
    struct arena *arena;
    struct err err;
};

static inline int dcm_setup_group(void **state)
{
    struct err err = {0};
    (void)state;
    enum rc rc = dcm_init(&err);
    if (rc != RC_OK)
        print_error("%s\n", err.text);
    return rc == RC_OK ? 0 : -1;
}

static inline int dcm_setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    f->arena = arena_new((size_t)64 << 20);
    *state = f;
    return 0;
}

static inline int dcm_teardown(void **state)
{
    struct fixture *f = *state;
    arena_free(f->arena);
    free(f);
    return 0;
}

#define DCM_TEST(function) cmocka_unit_test_setup_teardown(function, dcm_setup, dcm_teardown)

/* A copy of exactly len octets on the heap, so that the sanitizer sees a read past their end. */
static inline struct span octets_on_heap(const void *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    if (len)
        memcpy(copy, data, len);
    return span_of(copy, len);
}
static inline void octets_free(struct span octets)
{
    free((void *)(uintptr_t)octets.data);
}

#define OCTETS(literal) span_of(literal, sizeof(literal) - 1)

static inline void assert_span_equal(struct span actual, struct span expected)
{
    assert_int_equal(actual.len, expected.len);
    if (expected.len)
        assert_memory_equal(actual.data, expected.data, expected.len);
}
#define assert_span_str(actual, text) assert_span_equal(actual, span_str(text))

/* Reproducible noise (xorshift), the same on every machine. */
static inline uint32_t noise(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* A damaged copy: octets changed, cut off, removed or doubled. */
static inline struct span mutate(struct span from, uint32_t *seed)
{
    static const uint8_t nasty[] = {0x00, 0xFF, 0xFE, 0x7F, 0x80, 0x01,
                                    0x1B, 0x5C, 'S',  'Q',  'U',  'N'};
    size_t len = from.len;
    uint8_t *copy = malloc(2 * len + 1);
    assert_non_null(copy);
    memcpy(copy, from.data, len);
    for (unsigned n = 1 + noise(seed) % 4; n > 0 && len > 1; n--) {
        size_t at = noise(seed) % len, run = 1 + noise(seed) % 8;
        if (run > len - at)
            run = len - at;
        switch (noise(seed) % 6) {
        case 0:
            copy[at] ^= (uint8_t)(1u << noise(seed) % 8);
            break;
        case 1:
            copy[at] = nasty[noise(seed) % sizeof nasty];
            break;
        case 2:
            memset(copy + at, nasty[noise(seed) % sizeof nasty], run);
            break;
        case 3:
            len = at;
            break;
        case 4:
            memmove(copy + at, copy + at + run, len - at - run);
            len -= run;
            break;
        default:
            if (len + run <= 2 * from.len) {
                memmove(copy + at + run, copy + at, len - at);
                len += run;
            }
            break;
        }
    }
    struct span out = octets_on_heap(copy, len);
    free(copy);
    return out;
}

/* Read octets that must be right. */
static inline struct dcm_item *must_read(struct fixture *f, struct span octets, const char *ts)
{
    struct dcm_item *item = NULL;
    enum rc rc = dcm_read(octets, dcm_ts_find(ts), NULL, f->arena, &item, &f->err);
    if (rc != RC_OK)
        print_error("%s\n", f->err.text);
    assert_int_equal(rc, RC_OK);
    assert_non_null(item);
    return item;
}

static inline void assert_items_equal(const struct dcm_item *a, const struct dcm_item *b);

static inline void assert_elements_equal(const struct dcm_element *a, const struct dcm_element *b)
{
    assert_int_equal(a->tag, b->tag);
    assert_string_equal(a->vr, b->vr);
    assert_span_equal(a->value, b->value);
    assert_int_equal(a->item_count, b->item_count);
    const struct dcm_item *x = a->items, *y = b->items;
    for (; x && y; x = x->next, y = y->next)
        assert_items_equal(x, y);
    assert_true(!x && !y);
}

static inline void assert_items_equal(const struct dcm_item *a, const struct dcm_item *b)
{
    const struct dcm_element *x = a->first, *y = b->first;
    for (; x && y; x = x->next, y = y->next)
        assert_elements_equal(x, y);
    assert_true(!x && !y);
}

#endif
