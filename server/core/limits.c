/* SPDX-License-Identifier: Apache-2.0 */
#include "core/limits.h"

#include <assert.h>
#include <stdatomic.h>

static _Atomic int64_t counts[LIMIT_COUNT];

enum { LIMIT, FIXED_LIMIT, DEADLINE, FIXED_DEADLINE };

static const struct limit_row rows[LIMIT_COUNT] = {
#define X(id, kind, name, strikes, seen)                                               \
    [LIMIT_##id] = {name, (kind) >= DEADLINE ? LIMIT_KIND_DEADLINE : LIMIT_KIND_LIMIT, \
                    (kind) == FIXED_LIMIT || (kind) == FIXED_DEADLINE, strikes, seen},
    LIMITS_LIST(X)
#undef X
};

const struct limit_row *limit_of(enum limit l)
{
    assert(l > LIMIT_NONE && l < LIMIT_COUNT);
    return &rows[l];
}

const char *limit_kind_name(enum limit_kind kind)
{
    return kind == LIMIT_KIND_LIMIT ? "limit" : "deadline";
}

void limit_struck(enum limit l)
{
    assert((unsigned)l < LIMIT_COUNT);
    if (l != LIMIT_NONE)
        atomic_fetch_add_explicit(&counts[l], 1, memory_order_relaxed);
}

int64_t limit_count(enum limit l)
{
    assert((unsigned)l < LIMIT_COUNT);
    return atomic_load_explicit(&counts[l], memory_order_relaxed);
}
