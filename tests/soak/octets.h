/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/soak/octets: what is put together and taken apart: numbers in both orders, a growing buffer, and random
 * numbers that come again with their seed.
 */
#ifndef SOAK_OCTETS_H
#define SOAK_OCTETS_H

#include <stddef.h>
#include <stdint.h>

struct octets {
    uint8_t *data;
    size_t len, room;
};
void put(struct octets *o, const void *data, size_t len);
void put_u8(struct octets *o, unsigned v);
void put_be16(struct octets *o, unsigned v);
void put_be32(struct octets *o, uint32_t v);
void put_le16(struct octets *o, unsigned v);
void put_le32(struct octets *o, uint32_t v);
void put_fill(struct octets *o, uint8_t v, size_t count);
void put_string(struct octets *o, const char *text);
/* A length that is known later: where it stands is remembered, and it is set when the rest is there. */
void set_be16(struct octets *o, size_t at);
void set_be32(struct octets *o, size_t at);
void set_le32(struct octets *o, size_t at);
void octets_free(struct octets *o);

uint16_t get_be16(const uint8_t *p);
uint32_t get_be32(const uint8_t *p);
uint16_t get_le16(const uint8_t *p);
uint32_t get_le32(const uint8_t *p);

struct rng {
    uint64_t state;
};
struct rng rng_of(uint64_t seed, uint64_t number);
uint64_t rng_next(struct rng *r);
/* From 0 on, below n; 0 for n = 0. */
uint32_t rng_below(struct rng *r, uint32_t n);
/* From low on, to high. */
uint32_t rng_between(struct rng *r, uint32_t low, uint32_t high);

#endif
