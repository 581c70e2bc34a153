/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>

#include <cmocka.h>

#include "core/limits.h"
#include "core/metrics.h"

enum { THREADS = 4, ROUNDS = 10000 };

static void *count(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++)
        metric_add(METRIC_echo_total, 1);
    return NULL;
}

static void adding_from_many_threads_loses_nothing(void **state)
{
    pthread_t threads[THREADS];
    int64_t before = metric_get(METRIC_echo_total);

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(metric_get(METRIC_echo_total) - before, THREADS * ROUNDS);
}

static void gauges_go_down_again(void **state)
{
    (void)state;
    metric_add(METRIC_associations_open, 2);
    metric_add(METRIC_associations_open, -3);
    assert_int_equal(metric_get(METRIC_associations_open), -1);
    assert_int_equal(metric_get(METRIC_store_ok), 0);
}

static void metrics_are_printed_as_prometheus_reads_them(void **state)
{
    struct buf out;
    unsigned lines = 0;

    (void)state;
    metric_add(METRIC_find_ok, 7 - metric_get(METRIC_find_ok));
    metric_add(METRIC_database_waiting, -2 - metric_get(METRIC_database_waiting));
    metric_add(METRIC_get_total, 5 - metric_get(METRIC_get_total));
    buf_init(&out, 0);
    metrics_print(&out);
    buf_add_u8(&out, '\0');
    assert_int_equal(buf_status(&out), RC_OK);
    const char *text = (const char *)out.data;
    assert_non_null(strstr(text,
                           "# HELP dppr_find_ok_total C-FIND operations that ended with success\n"
                           "# TYPE dppr_find_ok_total counter\n"
                           "dppr_find_ok_total 7\n"));
    assert_non_null(strstr(text, "# TYPE dppr_database_waiting gauge\ndppr_database_waiting -2\n"));
    assert_non_null(strstr(text, "\ndppr_get_total 5\n")); /* not total twice */
    assert_non_null(strstr(text, "# TYPE dppr_limits_hit_total counter\n"
                                 "dppr_limits_hit_total{limit=\"max-connections\"} 0\n"));
    assert_non_null(strstr(text, "\ndppr_wrong_talk_total{talk=\"http\"} 0\n"));
    assert_non_null(strstr(text, "\ndppr_timeouts_total{deadline=\"idle-timeout\"} 0\n"));
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 3 * METRIC_COUNT + 3 * 2 + TALK_COUNT - 1 + LIMIT_COUNT - 1 + 3 * 3);
    buf_fini(&out);
}

static int64_t heap_used(void)
{
    struct buf out;
    buf_init(&out, 0);
    metrics_print(&out);
    buf_add_u8(&out, '\0');
    const char *at = strstr((const char *)out.data, "\ndppr_heap_used_bytes ");
    assert_non_null(at);
    int64_t n = strtoll(strchr(at, ' '), NULL, 10);
    buf_fini(&out);
    return n;
}

static void heap_in_use_follows_what_is_allocated(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* malloc is theirs */
#endif
    enum { SMALL = 1000, SMALL_COUNT = 1000, LARGE = 8 << 20 };
    void *small[SMALL_COUNT];
    int64_t before = heap_used();
    for (unsigned i = 0; i < SMALL_COUNT; i++)
        assert_non_null(small[i] = malloc(SMALL));
    void *large = malloc(LARGE);
    assert_non_null(large);
    int64_t during = heap_used();
    free(large);
    for (unsigned i = 0; i < SMALL_COUNT; i++)
        free(small[i]);
    assert_in_range(during - before, LARGE + SMALL * SMALL_COUNT,
                    2 * (LARGE + SMALL * SMALL_COUNT));
    assert_in_range(heap_used() - before + LARGE / 8, 0, LARGE / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adding_from_many_threads_loses_nothing),
        cmocka_unit_test(gauges_go_down_again),
        cmocka_unit_test(metrics_are_printed_as_prometheus_reads_them),
        cmocka_unit_test(heap_in_use_follows_what_is_allocated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
