/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers that a seed repeats (splitmix64).
 */
#include "compare.h"

static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

struct chance chance_of(uint64_t seed, unsigned kind, uint64_t n)
{
    return (struct chance){
        mix(mix(seed + 1) ^ mix((n << 4 | kind) + UINT64_C(0x9E3779B97F4A7C15)))};
}

uint32_t chance_below(struct chance *c, uint32_t n)
{
    c->state += UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)((mix(c->state) >> 32) * n >> 32);
}

bool chance_percent(struct chance *c, unsigned percent)
{
    return chance_below(c, 100) < percent;
}
