/* SPDX-License-Identifier: Apache-2.0 */
#include "core/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdatomic.h>
#include <string.h>

#include "core/limits.h"

static _Atomic int64_t values[METRIC_COUNT];

enum kind { COUNTER, GAUGE };

static const struct {
    const char *name, *help;
    enum kind kind;
} metrics[METRIC_COUNT] = {
#define X(name, kind, help) [METRIC_##name] = {#name, help, kind},
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

/* Some names end in _total already. */
static const char *ending(enum metric m)
{
    const char *name = metrics[m].name;
    size_t len = strlen(name);

    if (metrics[m].kind == GAUGE || (len > 6 && strcmp(name + len - 6, "_total") == 0))
        return "";
    return "_total";
}

static _Atomic int64_t talks[TALK_COUNT];

static const struct {
    const char *name, *words;
} talk_rows[TALK_COUNT] = {
#define X(id, name, words) [TALK_##id] = {name, words},
    TALK_LIST(X)
#undef X
};

const char *talk_name(enum talk t)
{
    assert(t > TALK_NONE && t < TALK_COUNT);
    return talk_rows[t].name;
}

const char *talk_words(enum talk t)
{
    assert(t > TALK_NONE && t < TALK_COUNT);
    return talk_rows[t].words;
}

void talk_add(enum talk t)
{
    assert(t > TALK_NONE && t < TALK_COUNT);
    atomic_fetch_add_explicit(&talks[t], 1, memory_order_relaxed);
}

int64_t talk_count(enum talk t)
{
    assert(t > TALK_NONE && t < TALK_COUNT);
    return atomic_load_explicit(&talks[t], memory_order_relaxed);
}

static void print_head(struct buf *out, const char *name, const char *help)
{
    buf_printf(out, "# HELP dppr_%s %s\n# TYPE dppr_%s counter\n", name, help, name);
}

static void print_talks(struct buf *out)
{
    print_head(out, "wrong_talk_total",
               "connections that did not ask for an association, by what they said");
    for (enum talk t = TALK_NONE + 1; t < TALK_COUNT; t++)
        buf_printf(out, "dppr_wrong_talk_total{talk=\"%s\"} %" PRId64 "\n", talk_name(t),
                   talk_count(t));
}

/* One family, a label for each of its limits. */
static void print_limits(struct buf *out, enum limit_kind kind, const char *name, const char *help)
{
    print_head(out, name, help);
    for (enum limit l = LIMIT_NONE + 1; l < LIMIT_COUNT; l++) {
        if (limit_of(l)->kind == kind)
            buf_printf(out, "dppr_%s{%s=\"%s\"} %" PRId64 "\n", name, limit_kind_name(kind),
                       limit_of(l)->name, limit_count(l));
    }
}

static void print_gauge(struct buf *out, const char *name, const char *help, size_t value)
{
    buf_printf(out, "# HELP dppr_%s %s\n# TYPE dppr_%s gauge\ndppr_%s %zu\n", name, help, name,
               name, value);
}

/* What is in use tells of leaks; what malloc keeps beside it, of fragmentation and of past peaks. */
static void print_heap(struct buf *out)
{
    struct mallinfo2 m = mallinfo2();
    print_gauge(out, "heap_used_bytes", "octets of the heap in use", m.uordblks + m.hblkhd);
    print_gauge(out, "heap_large_bytes", "of these, in pieces so large that they are mapped",
                m.hblkhd);
    print_gauge(out, "heap_kept_bytes", "octets of the heap kept for later use", m.fordblks);
}

void metrics_print(struct buf *out)
{
    for (enum metric m = 0; m < METRIC_COUNT; m++) {
        const char *name = metrics[m].name, *end = ending(m);

        buf_printf(out, "# HELP dppr_%s%s %s\n# TYPE dppr_%s%s %s\ndppr_%s%s %" PRId64 "\n", name,
                   end, metrics[m].help, name, end, metrics[m].kind == GAUGE ? "gauge" : "counter",
                   name, end, metric_get(m));
    }
    print_talks(out);
    print_limits(out, LIMIT_KIND_LIMIT, "limits_hit_total",
                 "times a limit was reached, by setting");
    print_limits(out, LIMIT_KIND_DEADLINE, "timeouts_total", "times a deadline passed, by setting");
    print_heap(out);
}
