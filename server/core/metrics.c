/* SPDX-License-Identifier: Apache-2.0 */
#include "core/metrics.h"

#include <assert.h>
#include <stdatomic.h>

static _Atomic int64_t values[METRIC_COUNT];

static const char *const names[METRIC_COUNT] = {
#define X(name, kind, help) [METRIC_##name] = #name,
    METRICS_LIST(X)
#undef X
};

void metric_add(enum metric m, int64_t n)
{
    assert((unsigned)m < METRIC_COUNT);
    atomic_fetch_add_explicit(&values[m], n, memory_order_relaxed);
}

int64_t metric_get(enum metric m)
{
    assert((unsigned)m < METRIC_COUNT);
    return atomic_load_explicit(&values[m], memory_order_relaxed);
}

const char *metric_name(enum metric m)
{
    assert((unsigned)m < METRIC_COUNT);
    return names[m];
}
