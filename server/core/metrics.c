/* SPDX-License-Identifier: Apache-2.0
 *
 * The samples of all metrics are cells of one array: those of a metric lie together, FIRST_<id> onwards, in the order
 * of its labels' values; one of SECONDS has a cell for each bucket and one for the sum in microseconds.
 *
 * Each thread that counts has such an array to itself, a block, and is the only one to write to it: so an addition
 * is a load and a store without a lock prefix, which threads on other processors do not slow down. With one array
 * for all, a C-FIND would touch a dozen cache lines that every other C-FIND writes to too. A thread that ends gives
 * its block to the next one, counts and all; there are as many as there were threads at once. What only one place
 * knows (metric_set) stands in a block of its own.
 *
 * Buckets: from 0.1 ms, which no query is faster than, to 60 s, which is database-statement-timeout and what a requester
 * waits at most; two or three in each power of ten, so that a quantile is known to within a factor of 2.5. A C-MOVE may
 * take an hour; how long exactly is for its log line.
 */
#include "core/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/limits.h"
#include "core/process.h"

/* ---- the tables ---- */

enum kind { COUNTER, GAUGE, SECONDS };

static const struct {
    int64_t us;
    const char *le;
} buckets[] = {
    {100, "0.0001"},  {250, "0.00025"}, {500, "0.0005"},  {1000, "0.001"},     {2500, "0.0025"},
    {5000, "0.005"},  {10000, "0.01"},  {25000, "0.025"}, {50000, "0.05"},     {100000, "0.1"},
    {250000, "0.25"}, {500000, "0.5"},  {1000000, "1"},   {2500000, "2.5"},    {5000000, "5"},
    {10000000, "10"}, {30000000, "30"}, {60000000, "60"}, {INT64_MAX, "+Inf"},
};
enum { BUCKETS = sizeof(buckets) / sizeof(buckets[0]), SUM = BUCKETS };

#define ONE_MORE(id, value) +1
enum {
#define X(id, key, values, room) SIZE_##id = (room)values(ONE_MORE),
    LABELS_LIST(X)
#undef X
};

enum { WIDTH_COUNTER = 1, WIDTH_GAUGE = 1, WIDTH_SECONDS = BUCKETS + 1 };

enum {
#define X(id, kind, a, b, c, help) \
    FIRST_##id, LAST_##id = FIRST_##id + WIDTH_##kind * SIZE_##a * SIZE_##b * SIZE_##c - 1,
    METRICS_LIST(X)
#undef X
        CELLS
};

enum { LABELS_MAX = 3, ROOM_MAX = 40, NAME_BYTES = 24 };

static const struct {
    const char *name, *help;
    enum kind kind;
    unsigned first, width;
    enum metric_label labels[LABELS_MAX];
} metrics[METRIC_COUNT] = {
#define X(id, kind, a, b, c, help) \
    [METRIC_##id] = {#id, help, kind, FIRST_##id, WIDTH_##kind, {LABEL_##a, LABEL_##b, LABEL_##c}},
    METRICS_LIST(X)
#undef X
};

#define NAME_OF(id, value)       value,
#define X(id, key, values, room) static const char *const values_of_##id[] = {values(NAME_OF) NULL};
LABELS_LIST(X)
#undef X

static const struct {
    const char *key;
    const char *const *values;
    unsigned size, room;
} labels[LABEL_COUNT] = {
#define X(id, key, values, room) [LABEL_##id] = {key, values_of_##id, SIZE_##id, room},
    LABELS_LIST(X)
#undef X
};

/* ---- values that are named at run time ---- */

static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;
static char names[LABEL_COUNT][ROOM_MAX][NAME_BYTES];
static atomic_uint name_counts[LABEL_COUNT]; /* a name is written before it is counted */

#define X(id, key, values, room) \
    _Static_assert((room) <= ROOM_MAX, "no place for the names of " key);
LABELS_LIST(X)
#undef X

static unsigned find_name(enum metric_label l, const char *name)
{
    unsigned count = atomic_load_explicit(&name_counts[l], memory_order_acquire), i = 0;
    while (i < count && strcmp(names[l][i], name) != 0)
        i++;
    return i;
}

unsigned metric_label_of(enum metric_label l, const char *name)
{
    unsigned other = labels[l].room - 1, i = find_name(l, name);

    assert(labels[l].room > 1);
    if (i < atomic_load_explicit(&name_counts[l], memory_order_acquire))
        return i;
    if (strlen(name) >= NAME_BYTES || strcmp(name, "other") == 0)
        return other;
    pthread_mutex_lock(&names_lock);
    i = find_name(l, name);
    if (i < other && i == atomic_load_explicit(&name_counts[l], memory_order_relaxed)) {
        strcpy(names[l][i], name);
        atomic_store_explicit(&name_counts[l], i + 1, memory_order_release);
    }
    pthread_mutex_unlock(&names_lock);
    return i < other ? i : other;
}

static const char *value_name(enum metric_label l, unsigned i)
{
    if (!labels[l].room)
        return labels[l].values[i];
    return i + 1 == labels[l].room ? "other" : names[l][i];
}

/* ---- cells ---- */

struct block {
    struct block *next;
    bool is_taken; /* a thread writes to it */
    _Atomic int64_t cells[CELLS];
};

static pthread_mutex_t blocks_lock = PTHREAD_MUTEX_INITIALIZER;
static struct block *blocks;  /* grows only */
static struct block settings; /* of metric_set */
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static _Thread_local struct block *mine;
static _Atomic bool shown[CELLS];

static void give_back(void *arg)
{
    struct block *b = arg;

    pthread_mutex_lock(&blocks_lock);
    b->is_taken = false;
    pthread_mutex_unlock(&blocks_lock);
}

static void make_key(void)
{
    (void)pthread_key_create(&key, give_back); /* else the block stays the thread's for ever */
}

static struct block *take_block(void)
{
    struct block *b;

    pthread_once(&key_once, make_key);
    pthread_mutex_lock(&blocks_lock);
    for (b = blocks; b && b->is_taken; b = b->next)
        ;
    if (!b) {
        b = xcalloc(1, sizeof(*b));
        b->next = blocks;
        blocks = b;
    }
    b->is_taken = true;
    pthread_mutex_unlock(&blocks_lock);
    (void)pthread_setspecific(key, b);
    return mine = b;
}

static void add_to(unsigned cell, int64_t n)
{
    struct block *b = mine ? mine : take_block();
    int64_t before = atomic_load_explicit(&b->cells[cell], memory_order_relaxed);

    atomic_store_explicit(&b->cells[cell], before + n, memory_order_relaxed);
}

static unsigned cell_of(enum metric m, struct metric_at at)
{
    const enum metric_label *l = metrics[m].labels;

    assert((unsigned)m < METRIC_COUNT);
    assert(at.a < labels[l[0]].size && at.b < labels[l[1]].size && at.c < labels[l[2]].size);
    return metrics[m].first +
           metrics[m].width * ((at.a * labels[l[1]].size + at.b) * labels[l[2]].size + at.c);
}

void metric_add(enum metric m, int64_t n)
{
    assert((unsigned)m < METRIC_COUNT && metrics[m].labels[0] == LABEL_none);
    add_to(metrics[m].first, n);
}

void metric_add_at(enum metric m, struct metric_at at, int64_t n)
{
    add_to(cell_of(m, at), n);
}

void metric_observe(enum metric m, unsigned a, int64_t us)
{
    unsigned first = cell_of(m, (struct metric_at){a, 0, 0}), i = 0;

    assert(metrics[m].kind == SECONDS);
    while (us > buckets[i].us)
        i++;
    add_to(first + i, 1);
    add_to(first + SUM, us > 0 ? us : 0);
}

void metric_set_at(enum metric m, struct metric_at at, int64_t value)
{
    atomic_store_explicit(&settings.cells[cell_of(m, at)], value, memory_order_relaxed);
}

void metric_set(enum metric m, int64_t value)
{
    metric_set_at(m, (struct metric_at){0}, value);
}

void metric_show(enum metric m, struct metric_at at)
{
    atomic_store_explicit(&shown[cell_of(m, at)], true, memory_order_relaxed);
}

/* Of all threads; sums has `count` elements. */
static void add_up(unsigned first, unsigned count, int64_t *sums)
{
    for (unsigned i = 0; i < count; i++)
        sums[i] = atomic_load_explicit(&settings.cells[first + i], memory_order_relaxed);
    pthread_mutex_lock(&blocks_lock);
    for (struct block *b = blocks; b; b = b->next) {
        for (unsigned i = 0; i < count; i++)
            sums[i] += atomic_load_explicit(&b->cells[first + i], memory_order_relaxed);
    }
    pthread_mutex_unlock(&blocks_lock);
}

static int64_t whole(enum metric m, const int64_t *sums)
{
    int64_t all = 0;

    for (unsigned i = 0; i < metrics[m].width; i++)
        all += metrics[m].kind == SECONDS && i == SUM ? 0 : sums[i];
    return all;
}

int64_t metric_get_at(enum metric m, struct metric_at at)
{
    int64_t sums[BUCKETS + 1];

    add_up(cell_of(m, at), metrics[m].width, sums);
    return whole(m, sums);
}

int64_t metric_get(enum metric m)
{
    int64_t all = 0;
    struct metric_at at;

    for (at.a = 0; at.a < labels[metrics[m].labels[0]].size; at.a++)
        for (at.b = 0; at.b < labels[metrics[m].labels[1]].size; at.b++)
            for (at.c = 0; at.c < labels[metrics[m].labels[2]].size; at.c++)
                all += metric_get_at(m, at);
    return all;
}

/* ---- wrong talk ---- */

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

/* ---- printing ---- */

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

static _Atomic int schema_version;

void metrics_set_schema(int version)
{
    atomic_store_explicit(&schema_version, version, memory_order_relaxed);
}

static void print_build(struct buf *out)
{
    buf_printf(out,
               "# HELP dppr_build_info 1; version of this program, and the schema it is made for\n"
               "# TYPE dppr_build_info gauge\n"
               "dppr_build_info{version=\"%s\",schema=\"%d\"} 1\n",
               DPPR_VERSION, atomic_load_explicit(&schema_version, memory_order_relaxed));
}

/* class="scanner",status="A700": without the braces, and with what else belongs into them. */
static void put_labels(struct buf *out, enum metric m, const unsigned values[], const char *le)
{
    unsigned count = 0;

    for (unsigned i = 0; i < LABELS_MAX; i++) {
        enum metric_label l = metrics[m].labels[i];
        if (l != LABEL_none)
            buf_printf(out, "%s%s=\"%s\"", count++ ? "," : "{", labels[l].key,
                       value_name(l, values[i]));
    }
    if (le)
        buf_printf(out, "%sle=\"%s\"", count++ ? "," : "{", le);
    if (count)
        buf_add_u8(out, '}');
}

static void print_seconds(struct buf *out, enum metric m, const unsigned values[],
                          const int64_t *sums)
{
    const char *name = metrics[m].name;
    int64_t so_far = 0;

    for (unsigned i = 0; i < BUCKETS; i++) {
        so_far += sums[i];
        buf_printf(out, "dppr_%s_bucket", name);
        put_labels(out, m, values, buckets[i].le);
        buf_printf(out, " %" PRId64 "\n", so_far);
    }
    buf_printf(out, "dppr_%s_sum", name);
    put_labels(out, m, values, NULL);
    buf_printf(out, " %" PRId64 ".%06d\n", sums[SUM] / 1000000, (int)(sums[SUM] % 1000000));
    buf_printf(out, "dppr_%s_count", name);
    put_labels(out, m, values, NULL);
    buf_printf(out, " %" PRId64 "\n", so_far);
}

static bool has_named_label(enum metric m)
{
    for (unsigned i = 0; i < LABELS_MAX; i++) {
        if (metrics[m].labels[i] != LABEL_none && labels[metrics[m].labels[i]].room)
            return true;
    }
    return false;
}

static void print_sample(struct buf *out, enum metric m, struct metric_at at)
{
    const unsigned values[LABELS_MAX] = {at.a, at.b, at.c};
    unsigned cell = cell_of(m, at);
    int64_t sums[BUCKETS + 1];

    add_up(cell, metrics[m].width, sums);
    if (has_named_label(m) && sums[0] == 0 &&
        !atomic_load_explicit(&shown[cell], memory_order_relaxed))
        return;
    if (metrics[m].kind == SECONDS) {
        print_seconds(out, m, values, sums);
        return;
    }
    buf_printf(out, "dppr_%s%s", metrics[m].name, metrics[m].kind == COUNTER ? "_total" : "");
    put_labels(out, m, values, NULL);
    buf_printf(out, " %" PRId64 "\n", sums[0]);
}

static void print_metric(struct buf *out, enum metric m)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    const char *end = metrics[m].kind == COUNTER ? "_total" : "";
    struct metric_at at;

    buf_printf(out, "# HELP dppr_%s%s %s\n# TYPE dppr_%s%s %s\n", metrics[m].name, end,
               metrics[m].help, metrics[m].name, end, types[metrics[m].kind]);
    for (at.a = 0; at.a < labels[metrics[m].labels[0]].size; at.a++)
        for (at.b = 0; at.b < labels[metrics[m].labels[1]].size; at.b++)
            for (at.c = 0; at.c < labels[metrics[m].labels[2]].size; at.c++)
                print_sample(out, m, at);
}

void metrics_print(struct buf *out)
{
    print_build(out);
    for (enum metric m = 0; m < METRIC_COUNT; m++)
        print_metric(out, m);
    print_talks(out);
    print_limits(out, LIMIT_KIND_LIMIT, "limits_hit_total",
                 "times a limit was reached, by setting");
    print_limits(out, LIMIT_KIND_DEADLINE, "timeouts_total", "times a deadline passed, by setting");
    process_print(out);
}
