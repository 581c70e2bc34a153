/* SPDX-License-Identifier: Apache-2.0 */
#include "octets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t *grow(struct octets *o, size_t more)
{
    if (o->room - o->len < more) {
        o->room = (o->len + more) * 3 / 2 + 256;
        o->data = realloc(o->data, o->room);
        if (!o->data) {
            perror("realloc");
            exit(2);
        }
    }
    o->len += more;
    return o->data + o->len - more;
}

void put(struct octets *o, const void *data, size_t len)
{
    if (len > 0) {
        memcpy(grow(o, len), data, len);
    }
}

void put_u8(struct octets *o, unsigned v)
{
    *grow(o, 1) = (uint8_t)v;
}

static void big(uint8_t *p, uint32_t v, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        p[i] = (uint8_t)(v >> 8 * (len - 1 - i));
    }
}

static void little(uint8_t *p, uint32_t v, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        p[i] = (uint8_t)(v >> 8 * i);
    }
}

void put_be16(struct octets *o, unsigned v)
{
    big(grow(o, 2), v, 2);
}

void put_be32(struct octets *o, uint32_t v)
{
    big(grow(o, 4), v, 4);
}

void put_le16(struct octets *o, unsigned v)
{
    little(grow(o, 2), v, 2);
}

void put_le32(struct octets *o, uint32_t v)
{
    little(grow(o, 4), v, 4);
}

void put_fill(struct octets *o, uint8_t v, size_t count)
{
    memset(grow(o, count), v, count);
}

void put_string(struct octets *o, const char *text)
{
    put(o, text, strlen(text));
}

void set_be16(struct octets *o, size_t at)
{
    big(o->data + at, (uint32_t)(o->len - at - 2), 2);
}

void set_be32(struct octets *o, size_t at)
{
    big(o->data + at, (uint32_t)(o->len - at - 4), 4);
}

void set_le32(struct octets *o, size_t at)
{
    little(o->data + at, (uint32_t)(o->len - at - 4), 4);
}

void octets_free(struct octets *o)
{
    free(o->data);
    *o = (struct octets){0};
}

uint16_t get_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t get_be32(const uint8_t *p)
{
    return (uint32_t)get_be16(p) << 16 | get_be16(p + 2);
}

uint16_t get_le16(const uint8_t *p)
{
    return (uint16_t)(p[1] << 8 | p[0]);
}

uint32_t get_le32(const uint8_t *p)
{
    return (uint32_t)get_le16(p + 2) << 16 | get_le16(p);
}

/* splitmix64 */
uint64_t rng_next(struct rng *r)
{
    uint64_t z = r->state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

struct rng rng_of(uint64_t seed, uint64_t number)
{
    struct rng r = {seed};
    r.state = rng_next(&r) ^ number * 0xD6E8FEB86659FD93u;
    (void)rng_next(&r);
    return r;
}

uint32_t rng_below(struct rng *r, uint32_t n)
{
    return n ? (uint32_t)(rng_next(r) % n) : 0;
}

uint32_t rng_between(struct rng *r, uint32_t low, uint32_t high)
{
    return low + rng_below(r, high - low + 1);
}
