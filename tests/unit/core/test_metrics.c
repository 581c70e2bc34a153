/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <pthread.h>

#include <cmocka.h>

#include "core/limits.h"
#include "core/metrics.h"

enum { THREADS = 4, ROUNDS = 10000 };

/* All of /metrics; the caller frees. */
static char *printed(void)
{
    struct buf out;
    buf_init(&out, 0);
    metrics_print(&out);
    buf_add_u8(&out, '\0');
    assert_int_equal(buf_status(&out), RC_OK);
    char *text = strdup((const char *)out.data);
    buf_fini(&out);
    return text;
}

static void assert_printed(const char *lines)
{
    char *text = printed();
    if (!strstr(text, lines))
        fail_msg("not printed: %s", lines);
    free(text);
}

static void assert_not_printed(const char *lines)
{
    char *text = printed();
    assert_null(strstr(text, lines));
    free(text);
}

static void *count(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        metric_add(METRIC_find_matches, 1);
        metric_observe(METRIC_operation_duration_seconds, SERVICE_find, 1000);
    }
    return NULL;
}

static void adding_from_many_threads_loses_nothing(void **state)
{
    pthread_t threads[THREADS];
    struct metric_at find = {.a = SERVICE_find};
    int64_t before = metric_get(METRIC_find_matches),
            observed = metric_get_at(METRIC_operation_duration_seconds, find);

    (void)state;
    for (unsigned round = 1; round <= 3;
         round++) { /* later threads go on with the cells of others */
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, count, NULL), 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(metric_get(METRIC_find_matches) - before, round * THREADS * ROUNDS);
        assert_int_equal(metric_get_at(METRIC_operation_duration_seconds, find) - observed,
                         round * THREADS * ROUNDS);
    }
}

static void gauges_go_down_again(void **state)
{
    (void)state;
    metric_add(METRIC_associations_open, 2);
    metric_add(METRIC_associations_open, -3);
    assert_int_equal(metric_get(METRIC_associations_open), -1);
    metric_add(METRIC_associations_open, 1);
    assert_int_equal(metric_get(METRIC_destination_associations_open), 0);
}

static void *take_one_away(void *arg)
{
    (void)arg;
    metric_add(METRIC_audit_waiting, -1);
    return NULL;
}

static void a_gauge_may_go_up_in_one_thread_and_down_in_another(void **state)
{
    pthread_t thread;
    (void)state;
    metric_add(METRIC_audit_waiting, 1);
    assert_int_equal(pthread_create(&thread, NULL, take_one_away, NULL), 0);
    pthread_join(thread, NULL);
    assert_int_equal(metric_get(METRIC_audit_waiting), 0);
}

static void what_is_set_is_not_added(void **state)
{
    (void)state;
    metric_set(METRIC_schema_version, 7);
    metric_set(METRIC_schema_version, 21);
    assert_int_equal(metric_get(METRIC_schema_version), 21);
    metric_set_at(METRIC_unready, (struct metric_at){.a = UNREADY_queue}, 1);
    assert_printed("\ndppr_unready{reason=\"draining\"} 0\ndppr_unready{reason=\"queue\"} 1\n");
}

static void a_label_counts_by_itself(void **state)
{
    (void)state;
    struct metric_at warned = {.a = RETRIEVE_move, .b = OUTCOME_warning},
                     failed = {.a = RETRIEVE_move, .b = OUTCOME_failed};
    metric_add_at(METRIC_suboperations, warned, 2);
    metric_add_at(METRIC_suboperations, failed, 3);
    assert_int_equal(metric_get_at(METRIC_suboperations, warned), 2);
    assert_int_equal(metric_get_at(METRIC_suboperations, failed), 3);
    assert_int_equal(metric_get(METRIC_suboperations), 5);
    assert_printed("# HELP dppr_suboperations_total C-STORE sub-operations, by outcome\n"
                   "# TYPE dppr_suboperations_total counter\n"
                   "dppr_suboperations_total{service=\"get\",outcome=\"completed\"} 0\n"
                   "dppr_suboperations_total{service=\"get\",outcome=\"warning\"} 0\n"
                   "dppr_suboperations_total{service=\"get\",outcome=\"failed\"} 0\n"
                   "dppr_suboperations_total{service=\"move\",outcome=\"completed\"} 0\n"
                   "dppr_suboperations_total{service=\"move\",outcome=\"warning\"} 2\n"
                   "dppr_suboperations_total{service=\"move\",outcome=\"failed\"} 3\n");
}

/* A name that is made at run time: printed when it counts, or when that is asked for. */
static void named_values_are_shown_when_they_count(void **state)
{
    (void)state;
    unsigned status = metric_label_of(LABEL_status, "A700"),
             other = metric_label_of(LABEL_status, "0000"),
             scanner = metric_label_of(LABEL_class, "scanner");
    assert_int_not_equal(status, other);
    assert_int_equal(metric_label_of(LABEL_status, "A700"), status);
    assert_not_printed("service=\"store\",status=\"A700\"");
    metric_show(METRIC_operations, (struct metric_at){SERVICE_store, status, scanner});
    metric_add_at(METRIC_operations, (struct metric_at){SERVICE_move, other, scanner}, 4);
    assert_printed(
        "\ndppr_operations_total{service=\"store\",status=\"A700\",class=\"scanner\"} 0\n"
        "dppr_operations_total{service=\"move\",status=\"0000\",class=\"scanner\"} 4\n");
}

/* Whoever names them, a set has an end. */
static void names_beyond_the_room_are_other(void **state)
{
    (void)state;
    unsigned other = metric_label_of(LABEL_class, "other"), distinct = 0;
    for (unsigned i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof(name), "class-%u", i);
        unsigned label = metric_label_of(LABEL_class, name);
        distinct += label != other;
        assert_int_equal(metric_label_of(LABEL_class, name), label);
        metric_add_at(
            METRIC_operations,
            (struct metric_at){SERVICE_echo, metric_label_of(LABEL_status, "0000"), label}, 1);
    }
    assert_in_range(distinct, 10, 19);
    assert_int_equal(metric_label_of(LABEL_class, "a-name-that-is-far-too-long"), other);
    char line[128];
    snprintf(line, sizeof(line),
             "\ndppr_operations_total{service=\"echo\",status=\"0000\",class=\"other\"} %u\n",
             100 - distinct);
    assert_printed(line);
}

/* What belongs to a bucket: up to and with its bound (le). */
static void histograms_have_buckets_sum_and_count(void **state)
{
    static const int64_t us[] = {0, 100, 101, 1000, 59999999, 60000000, 60000001, -5};
    (void)state;
    for (size_t i = 0; i < sizeof(us) / sizeof(us[0]); i++)
        metric_observe(METRIC_database_wait_seconds, 0, us[i]);
    assert_printed("# TYPE dppr_database_wait_seconds histogram\n"
                   "dppr_database_wait_seconds_bucket{le=\"0.0001\"} 3\n"
                   "dppr_database_wait_seconds_bucket{le=\"0.00025\"} 4\n"
                   "dppr_database_wait_seconds_bucket{le=\"0.0005\"} 4\n"
                   "dppr_database_wait_seconds_bucket{le=\"0.001\"} 5\n"
                   "dppr_database_wait_seconds_bucket{le=\"0.0025\"} 5\n");
    assert_printed("dppr_database_wait_seconds_bucket{le=\"30\"} 5\n"
                   "dppr_database_wait_seconds_bucket{le=\"60\"} 7\n"
                   "dppr_database_wait_seconds_bucket{le=\"+Inf\"} 8\n"
                   "dppr_database_wait_seconds_sum 180.001201\n"
                   "dppr_database_wait_seconds_count 8\n");
    assert_int_equal(metric_get(METRIC_database_wait_seconds), 8);
    assert_printed("\ndppr_operation_duration_seconds_bucket{service=\"move\",le=\"+Inf\"} 0\n"
                   "dppr_operation_duration_seconds_sum{service=\"move\"} 0.000000\n"
                   "dppr_operation_duration_seconds_count{service=\"move\"} 0\n");
}

static void metrics_are_printed_as_prometheus_reads_them(void **state)
{
    (void)state;
    metric_add(METRIC_protocol_errors, 7);
    metric_add(METRIC_database_waiting, -2);
    metrics_set_schema(21);
    assert_printed("# HELP dppr_protocol_errors_total PDUs or messages that broke PS3.7 or PS3.8\n"
                   "# TYPE dppr_protocol_errors_total counter\n"
                   "dppr_protocol_errors_total 7\n");
    assert_printed("# TYPE dppr_database_waiting gauge\ndppr_database_waiting -2\n");
    assert_printed("# TYPE dppr_limits_hit_total counter\n"
                   "dppr_limits_hit_total{limit=\"max-connections\"} 0\n");
    assert_printed("\ndppr_wrong_talk_total{talk=\"http\"} 0\n");
    assert_printed("\ndppr_timeouts_total{deadline=\"idle-timeout\"} 0\n");
    assert_printed("dppr_build_info{version=\"" DPPR_VERSION "\",schema=\"21\"} 1\n");
    metric_add(METRIC_database_waiting, 2);
}

static double value_of(const char *name)
{
    char line[64];
    char *text = printed();
    snprintf(line, sizeof(line), "\n%s ", name);
    const char *at = strstr(text, line);
    assert_non_null(at);
    double value = strtod(strchr(at + 1, ' '), NULL);
    free(text);
    return value;
}

static void the_process_is_measured(void **state)
{
    double cpu = value_of("process_cpu_seconds_total"), files = value_of("process_open_fds");
    volatile unsigned spent = 0;
    FILE *more = fopen("/dev/null", "r");

    (void)state;
    assert_non_null(more);
    assert_true(value_of("process_open_fds") == files + 1);
    fclose(more);
    assert_true(value_of("process_max_fds") > files);
    assert_true(value_of("process_virtual_memory_bytes") >
                value_of("process_resident_memory_bytes"));
    assert_true(value_of("process_resident_memory_bytes") > 100000);
    while (value_of("process_cpu_seconds_total") < cpu + 0.05)
        for (unsigned i = 0; i < 1000000; i++)
            spent += i;
    double started = value_of("process_start_time_seconds"), now = (double)time(NULL);
    assert_true(started > now - 3600 && started <= now + 1);
    assert_true(value_of("process_start_time_seconds") == started);
}

static int64_t heap_used(void)
{
    return (int64_t)value_of("dppr_heap_used_bytes");
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
        cmocka_unit_test(a_gauge_may_go_up_in_one_thread_and_down_in_another),
        cmocka_unit_test(what_is_set_is_not_added),
        cmocka_unit_test(a_label_counts_by_itself),
        cmocka_unit_test(named_values_are_shown_when_they_count),
        cmocka_unit_test(names_beyond_the_room_are_other),
        cmocka_unit_test(histograms_have_buckets_sum_and_count),
        cmocka_unit_test(metrics_are_printed_as_prometheus_reads_them),
        cmocka_unit_test(the_process_is_measured),
        cmocka_unit_test(heap_in_use_follows_what_is_allocated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
