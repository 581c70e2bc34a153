/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/loop.h"

enum { PATIENCE = 20000 };

static struct loop *loop;
static char trace[64];

static int make_loop(void **state)
{
    (void)state;
    loop = loop_new();
    trace[0] = '\0';
    return 0;
}

static int drop_loop(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

static void note(void *arg)
{
    strncat(trace, arg, sizeof(trace) - strlen(trace) - 1);
}

static bool trace_is(void *arg)
{
    return strcmp(trace, arg) == 0;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static void stop(void *arg)
{
    loop_stop(arg);
}

static void defer_more(void *arg)
{
    note("1");
    loop_defer(loop, note, "4");
    (void)arg;
}

static void deferred_work_runs_in_order_and_a_round_later(void **state)
{
    (void)state;
    loop_defer(loop, defer_more, NULL);
    loop_defer(loop, note, "2");
    loop_defer(loop, note, "3");
    assert_string_equal(trace, "");
    assert_true(loop_run_until(loop, trace_is, "1234", PATIENCE));
}

static void many_deferrals_all_run(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++)
        loop_defer(loop, note, "x");
    assert_true(loop_run_until(loop, trace_is, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                               PATIENCE));
}

static void stop_before_run_is_not_lost_and_deferred_work_is_done(void **state)
{
    (void)state;
    loop_defer(loop, defer_more, NULL);
    loop_stop(loop);
    loop_run(loop);
    assert_string_equal(trace, "14");
    loop_defer(loop, stop, loop); /* and the loop can run again */
    loop_run(loop);
}

static void free_runs_what_is_deferred(void **state)
{
    struct loop *other = loop_new();

    (void)state;
    loop_defer(other, note, "a");
    loop_free(other);
    assert_string_equal(trace, "a");
    loop_free(NULL);
}

static void *stop_from_thread(void *arg)
{
    loop_stop(arg);
    return NULL;
}

static void another_thread_can_stop_it(void **state)
{
    pthread_t thread;

    (void)state;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(pthread_create(&thread, NULL, stop_from_thread, loop), 0);
        loop_run(loop);
        pthread_join(thread, NULL);
    }
}

static void run_until_gives_up_at_its_deadline_not_before(void **state)
{
    int64_t before = clock_now_ms();

    (void)state;
    assert_false(loop_run_until(loop, never, NULL, 30));
    assert_true(clock_now_ms() - before >= 30);
    assert_false(loop_run_until(loop, never, NULL, 0));
    loop_stop(loop);
    assert_false(loop_run_until(loop, never, NULL, PATIENCE * 100)); /* ends by the stop */
}

static void timers_fire_once_in_order_and_not_early(void **state)
{
    struct loop_timer *late = loop_timer_new(loop, note, "b");
    struct loop_timer *soon = loop_timer_new(loop, note, "a");
    int64_t before = clock_now_us();

    (void)state;
    loop_timer_set(late, 40);
    loop_timer_set(soon, 5);
    assert_true(loop_timer_is_set(soon));
    assert_true(loop_run_until(loop, trace_is, "ab", PATIENCE));
    assert_true(clock_now_us() - before >= 40000);
    assert_false(loop_timer_is_set(soon));
    assert_false(loop_run_until(loop, trace_is, "abab", 60));
    loop_timer_set(soon, -5);
    assert_true(loop_run_until(loop, trace_is, "aba", PATIENCE));
    loop_timer_free(late);
    loop_timer_free(soon);
}

static void a_timer_can_be_moved_and_cleared(void **state)
{
    struct loop_timer *moved = loop_timer_new(loop, note, "m");
    struct loop_timer *cleared = loop_timer_new(loop, note, "c");
    struct loop_timer *end = loop_timer_new(loop, note, "e");

    (void)state;
    loop_timer_set(moved, 1);
    loop_timer_set(cleared, 1);
    loop_timer_set(end, 30);
    loop_timer_set(moved, 60);
    loop_timer_clear(cleared);
    assert_false(loop_timer_is_set(cleared));
    assert_true(loop_run_until(loop, trace_is, "em", PATIENCE));
    loop_timer_free(moved);
    loop_timer_free(cleared);
    loop_timer_free(end);
    loop_timer_free(NULL);
}

/* What a watch sets comes in its iteration, in order, and before what was deferred. */
static void set_both(int fd, unsigned ready, void *arg)
{
    struct loop_timer **timers = arg;

    (void)fd;
    (void)ready;
    note("w");
    loop_defer(loop, note, "d");
    loop_timer_set(timers[0], 0);
    loop_timer_set(timers[1], 0);
}

static void a_timer_of_no_time_is_due_in_its_iteration(void **state)
{
    struct loop_timer *timers[] = {loop_timer_new(loop, note, "a"),
                                   loop_timer_new(loop, note, "b")};
    struct loop_watch *watch;
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    watch = loop_watch_new(loop, fds[1], set_both, timers);
    loop_watch_set(watch, LOOP_WRITE); /* is ready in each iteration */
    assert_true(loop_run_until(loop, trace_is, "wabd", PATIENCE));
    assert_true(loop_run_until(loop, trace_is, "wabdwabd", PATIENCE));
    loop_watch_free(watch);
    loop_timer_set(timers[0], 0);
    assert_true(loop_timer_is_set(timers[0]));
    loop_timer_clear(timers[0]);
    assert_false(loop_timer_is_set(timers[0]));
    loop_timer_set(timers[0], 0);
    loop_timer_set(timers[0], 10); /* moved */
    loop_timer_set(timers[1], 0);
    assert_true(loop_run_until(loop, trace_is, "wabdwabdb", PATIENCE));
    assert_true(loop_run_until(loop, trace_is, "wabdwabdba", PATIENCE));
    loop_timer_free(timers[0]);
    loop_timer_free(timers[1]);
    close(fds[0]);
    close(fds[1]);
}

static void set_again(void *arg)
{
    loop_timer_set(*(struct loop_timer **)arg, 0);
}

static void a_timer_that_is_always_due_leaves_room_for_others(void **state)
{
    struct loop_timer *restless = loop_timer_new(loop, set_again, &restless);
    struct loop_timer *other = loop_timer_new(loop, note, "o");

    (void)state;
    loop_timer_set(restless, 0);
    loop_timer_set(other, 5);
    assert_true(loop_run_until(loop, trace_is, "o", PATIENCE));
    loop_timer_free(restless);
    loop_timer_free(other);
}

static struct loop_timer *victim;

static void free_victim(void *arg)
{
    note(arg);
    loop_timer_free(victim);
    victim = NULL;
}

static void a_timer_can_free_itself_or_one_that_is_due(void **state)
{
    struct loop_timer *killer;

    (void)state;
    victim = loop_timer_new(loop, free_victim, "s");
    loop_timer_set(victim, 0);
    assert_true(loop_run_until(loop, trace_is, "s", PATIENCE));
    killer = loop_timer_new(loop, free_victim, "k");
    victim = loop_timer_new(loop, note, "never");
    loop_timer_set(killer, 1);
    loop_timer_set(victim, 2);
    usleep(20000); /* both are due when the loop looks */
    assert_true(loop_run_until(loop, trace_is, "sk", PATIENCE));
    victim = loop_timer_new(loop, note, "never");
    loop_timer_set(killer, 0);
    loop_timer_set(victim, 0);
    assert_true(loop_run_until(loop, trace_is, "skk", PATIENCE));
    assert_false(loop_run_until(loop, never, NULL, 5));
    assert_string_equal(trace, "skk");
    loop_timer_free(killer);
}

struct seen {
    struct loop_watch *watch;
    unsigned ready;
    unsigned calls;
    bool free_itself;
};

static void on_ready(int fd, unsigned ready, void *arg)
{
    struct seen *seen = arg;

    (void)fd;
    seen->ready |= ready;
    seen->calls++;
    if (seen->free_itself) {
        loop_watch_free(seen->watch);
        seen->watch = NULL;
    }
}

static bool has_calls(void *arg)
{
    return ((struct seen *)arg)->calls >= 3;
}

static bool has_both(void *arg)
{
    return ((struct seen *)arg)->ready == (LOOP_READ | LOOP_WRITE);
}

static void watches_are_level_triggered_and_follow_their_interest(void **state)
{
    struct seen seen = {0};
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    seen.watch = loop_watch_new(loop, fds[0], on_ready, &seen);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_false(loop_run_until(loop, has_calls, &seen, 10)); /* no interest yet */
    assert_int_equal(seen.calls, 0);
    loop_watch_set(seen.watch, LOOP_READ);
    assert_true(loop_run_until(loop, has_calls, &seen, PATIENCE)); /* the octet stays unread */
    assert_int_equal(seen.ready, LOOP_READ);
    loop_watch_set(seen.watch, LOOP_READ | LOOP_WRITE);
    assert_true(loop_run_until(loop, has_both, &seen, PATIENCE));
    seen.ready = seen.calls = 0;
    loop_watch_set(seen.watch, LOOP_WRITE);
    assert_true(loop_run_until(loop, has_calls, &seen, PATIENCE));
    assert_int_equal(seen.ready, LOOP_WRITE);
    seen.calls = 0;
    loop_watch_set(seen.watch, 0);
    assert_false(loop_run_until(loop, has_calls, &seen, 10));
    assert_int_equal(seen.calls, 0);
    loop_watch_free(seen.watch);
    close(fds[0]);
    close(fds[1]);
}

static void a_watch_can_free_itself_while_ready_both_ways(void **state)
{
    struct seen seen = {.free_itself = true};
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    seen.watch = loop_watch_new(loop, fds[0], on_ready, &seen);
    loop_watch_set(seen.watch, LOOP_READ | LOOP_WRITE);
    assert_false(loop_run_until(loop, has_calls, &seen, 20));
    assert_int_equal(seen.calls, 1);
    close(fds[0]);
    close(fds[1]);
    loop_watch_free(NULL);
}

static void writing_to_a_closed_peer_does_not_kill(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    close(fds[0]);
    assert_int_equal(write(fds[1], "x", 1), -1);
    close(fds[1]);
}

static void turn_within_a_turn(void *arg)
{
    assert_int_equal(event_base_loop(arg, EVLOOP_NONBLOCK), -1); /* libevent warns of it */
}

static void what_libevent_says_is_a_line_of_the_log(void **state)
{
    char line[512];
    FILE *sink = tmpfile();
    int saved = dup(STDERR_FILENO);
    struct loop_timer *t = loop_timer_new(loop, turn_within_a_turn, loop_event_base(loop));

    (void)state;
    assert_non_null(sink);
    dup2(fileno(sink), STDERR_FILENO);
    loop_timer_set(t, 1); /* a timer of libevent's */
    loop_run_until(loop, never, NULL, 50);
    ssize_t n = pread(STDERR_FILENO, line, sizeof(line) - 1, 0);
    dup2(saved, STDERR_FILENO);
    close(saved);
    fclose(sink);
    loop_timer_free(t);
    assert_true(n > 0);
    line[n] = '\0';
    assert_memory_equal(line, "time=", 5);
    assert_non_null(strstr(line, "Z level=warn event=libevent msg=\"event_base_loop: reentrant "));
    assert_ptr_equal(strchr(line, '\n'), line + n - 1);
}

#define loop_test(f) cmocka_unit_test_setup_teardown(f, make_loop, drop_loop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        loop_test(deferred_work_runs_in_order_and_a_round_later),
        loop_test(many_deferrals_all_run),
        loop_test(stop_before_run_is_not_lost_and_deferred_work_is_done),
        loop_test(free_runs_what_is_deferred),
        loop_test(another_thread_can_stop_it),
        loop_test(run_until_gives_up_at_its_deadline_not_before),
        loop_test(timers_fire_once_in_order_and_not_early),
        loop_test(a_timer_can_be_moved_and_cleared),
        loop_test(a_timer_of_no_time_is_due_in_its_iteration),
        loop_test(a_timer_that_is_always_due_leaves_room_for_others),
        loop_test(a_timer_can_free_itself_or_one_that_is_due),
        loop_test(watches_are_level_triggered_and_follow_their_interest),
        loop_test(a_watch_can_free_itself_while_ready_both_ways),
        loop_test(writing_to_a_closed_peer_does_not_kill),
        loop_test(what_libevent_says_is_a_line_of_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
