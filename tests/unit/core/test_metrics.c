/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <pthread.h>

#include <cmocka.h>

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

static void every_metric_has_a_name(void **state)
{
    (void)state;
    for (int i = 0; i < METRIC_COUNT; i++)
        assert_true(strlen(metric_name((enum metric)i)) > 0);
    assert_string_equal(metric_name(METRIC_find_ok), "find_ok");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adding_from_many_threads_loses_nothing),
        cmocka_unit_test(gauges_go_down_again),
        cmocka_unit_test(every_metric_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
