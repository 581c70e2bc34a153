/* SPDX-License-Identifier: Apache-2.0
 *
 * Data sets for the catalog tests, written down as text and encoded here, in Explicit VR Little Endian,
 * without the code under test:
 *
 *     "00181030 LO Head*; 00189912 SQ {[00080070 LO ACME; 00081090 LO]}"
 *
 * Elements are separated by ';', items are in brackets; a value ends at ';' or ']' and is padded.
 */
#ifndef CATALOG_TEST_H
#define CATALOG_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"
#include "dcm/dataset.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct octets {
    uint8_t data[16384];
    size_t len;
};

static inline void octets_add(struct octets *o, const void *data, size_t len)
{
    assert_true(o->len + len <= sizeof(o->data));
    memcpy(o->data + o->len, data, len);
    o->len += len;
}

static inline void octets_le32(struct octets *o, uint32_t v)
{
    uint8_t p[4];
    put_le32(p, v);
    octets_add(o, p, 4);
}

static inline const char *spec_elements(struct octets *o, const char *s);

static inline const char *spec_items(struct octets *o, const char *s)
{
    size_t start = o->len;
    octets_le32(o, 0);
    while (*s == ' ' || *s == '{')
        s++;
    while (*s == '[') {
        size_t item = o->len;
        octets_add(o, "\xFE\xFF\x00\xE0\0\0\0\0", 8);
        s = spec_elements(o, s + 1);
        assert_int_equal(*s, ']');
        s++;
        put_le32(o->data + item + 4, (uint32_t)(o->len - item - 8));
        while (*s == ' ')
            s++;
    }
    assert_int_equal(*s, '}');
    put_le32(o->data + start, (uint32_t)(o->len - start - 4));
    return s + 1;
}

static inline const char *spec_value(struct octets *o, const char *vr, const char *s)
{
    size_t len = strcspn(s, ";]"), even = len + (len & 1);
    if (strstr("UC UR UT UN OB", vr))
        octets_le32(o, (uint32_t)even);
    else
        octets_add(o, (uint8_t[]){(uint8_t)even, (uint8_t)(even >> 8)}, 2);
    octets_add(o, s, len);
    if (even > len)
        octets_add(o, strcmp(vr, "UI") == 0 ? "\0" : " ", 1);
    return s + len;
}

static inline const char *spec_elements(struct octets *o, const char *s)
{
    for (;;) {
        while (*s == ' ' || *s == ';')
            s++;
        if (!*s || *s == ']')
            return s;
        unsigned tag = 0;
        int used = 0;
        char vr[3] = "";
        assert_int_equal(sscanf(s, "%8x %2s%n", &tag, vr, &used), 2);
        s += used;
        if (*s == ' ')
            s++;
        octets_add(o,
                   (uint8_t[]){(uint8_t)(tag >> 16), (uint8_t)(tag >> 24), (uint8_t)tag,
                               (uint8_t)(tag >> 8)},
                   4);
        octets_add(o, vr, 2);
        bool is_long = strstr("SQ UC UR UT UN OB", vr) != NULL;
        if (is_long)
            octets_add(o, "\0\0", 2);
        s = strcmp(vr, "SQ") == 0 ? spec_items(o, s) : spec_value(o, vr, s);
    }
}

static inline struct span spec(struct octets *o, const char *text)
{
    o->len = 0;
    const char *end = spec_elements(o, text);
    assert_int_equal(*end, '\0');
    return span_of(o->data, o->len);
}

/* Where and how they differ. */
static inline void print_octets(struct span actual, struct span expected)
{
    for (size_t i = 0; i < actual.len; i++)
        print_message("%c", actual.data[i] >= 0x20 && actual.data[i] < 0x7F ? actual.data[i] : '.');
    print_message("\n");
    for (size_t i = 0; i < actual.len || i < expected.len; i++) {
        int a = i < actual.len ? actual.data[i] : -1, b = i < expected.len ? expected.data[i] : -1;
        if (a != b) {
            print_message("octet %zu is %02x instead of %02x (lengths %zu, %zu)\n", i, a, b,
                          actual.len, expected.len);
            break;
        }
    }
}

static inline void assert_octets(struct span actual, struct span expected)
{
    if (!span_equal(actual, expected))
        print_octets(actual, expected);
    assert_true(span_equal(actual, expected));
}

/* A fixed sequence of numbers, so that a failure can be repeated. */
static inline uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* A few octets of o changed, cut off, repeated or inserted. */
static inline void mutate(struct octets *o, uint32_t *random)
{
    unsigned changes = 1 + next_random(random) % 4;
    for (unsigned i = 0; i < changes && o->len > 0; i++) {
        size_t at = next_random(random) % o->len;
        switch (next_random(random) % 5) {
        case 0:
            o->data[at] = (uint8_t)next_random(random);
            break;
        case 1:
            o->data[at] ^= (uint8_t)(1u << next_random(random) % 8);
            break;
        case 2:
            o->len = at;
            break;
        case 3:
            o->data[at] = "\\*?-=%_\0\xFF\xC3"[next_random(random) % 10];
            break;
        default:
            if (o->len < sizeof(o->data) / 2) {
                memmove(o->data + at + 1, o->data + at, o->len - at);
                o->len++;
            }
            break;
        }
    }
}

#endif
