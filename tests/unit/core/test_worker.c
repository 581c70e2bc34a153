/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/metrics.h"
#include "core/worker.h"

struct world {
    atomic_uint delivered;
    atomic_uint dropped;
    atomic_uint deferred;
    pthread_t thread;
    struct worker *worker;
    struct loop_timer *timer;
    unsigned stopped;
    unsigned delivered_at_stop;
    char name[16];
};

static void count_delivered(void *arg)
{
    struct world *world = arg;

    if (pthread_equal(pthread_self(), world->thread))
        world->delivered++;
}

static void count_dropped(void *arg)
{
    ((struct world *)arg)->dropped++;
}

static void count_deferred(void *arg)
{
    ((struct world *)arg)->deferred++;
}

static enum rc start(struct worker *w, void *arg, void **state, struct err *err)
{
    struct world *world = arg;

    (void)err;
    world->thread = pthread_self();
    world->worker = w;
    world->timer = loop_timer_new(worker_loop(w), count_delivered, world);
    pthread_getname_np(pthread_self(), world->name, sizeof(world->name));
    *state = world;
    return RC_OK;
}

static void stop(void *state)
{
    struct world *world = state;

    world->stopped++;
    world->delivered_at_stop = world->delivered;
    mailbox_post(worker_mailbox(world->worker), count_delivered, count_dropped, world);
    loop_defer(worker_loop(world->worker), count_deferred, world);
    loop_timer_free(world->timer);
}

static const struct worker_hooks hooks = {start, stop};

static void state_exists_when_start_returns(void **state)
{
    struct world world = {0};
    struct worker *w = NULL;
    struct err err;
    char name[16];

    (void)state;
    assert_int_equal(worker_start("a-name-longer-than-15", &hooks, &world, &w, &err), RC_OK);
    assert_false(pthread_equal(pthread_self(), world.thread));
    assert_ptr_equal(worker_state(w), &world);
    assert_ptr_equal(world.worker, w);
    assert_int_equal(pthread_getname_np(world.thread, name, sizeof(name)), 0);
    assert_string_equal(name, "a-name-longer-t");
    worker_stop(w);
    assert_int_equal(world.stopped, 1);
}

static void what_was_posted_before_stop_is_delivered(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        struct world world = {0};
        struct worker *w = NULL;

        assert_int_equal(worker_start("w", &hooks, &world, &w, NULL), RC_OK);
        for (int i = 0; i < 20; i++)
            worker_post(w, count_delivered, count_dropped, &world);
        worker_stop(w);
        assert_int_equal(world.delivered_at_stop, 20);
        assert_int_equal(world.delivered, 20);
        assert_int_equal(world.dropped, 1); /* what stop itself posted */
        assert_int_equal(world.deferred, 1);
    }
}

static enum rc refuse(struct worker *w, void *arg, void **state, struct err *err)
{
    (void)state;
    worker_post(w, count_delivered, count_dropped, arg);
    return err_set(err, RC_DB, "no database");
}

static void a_failing_start_is_reported_and_leaves_nothing(void **state)
{
    const struct worker_hooks failing = {refuse, stop};
    struct world world = {0};
    struct worker *w = (struct worker *)&world;
    struct err err;

    (void)state;
    assert_int_equal(worker_start("w", &failing, &world, &w, &err), RC_DB);
    assert_string_equal(err.text, "no database");
    assert_null(w);
    assert_int_equal(world.stopped, 0);
    assert_int_equal(world.delivered, 0);
    assert_int_equal(world.dropped, 1);
    worker_stop(NULL);
}

struct pair {
    struct worker *ping;
    struct worker *pong;
    atomic_uint hits;
    pthread_mutex_t lock;
    pthread_cond_t done;
};

enum { RALLY = 2000 };

static void hit(void *arg)
{
    struct pair *p = arg;
    unsigned n = ++p->hits;

    if (n < RALLY) {
        worker_post(n % 2 ? p->pong : p->ping, hit, NULL, p);
        return;
    }
    pthread_mutex_lock(&p->lock);
    pthread_cond_signal(&p->done);
    pthread_mutex_unlock(&p->lock);
}

static void two_workers_play_ping_pong(void **state)
{
    const struct worker_hooks none = {0};
    struct pair p = {.lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};

    (void)state;
    assert_int_equal(worker_start("ping", &none, NULL, &p.ping, NULL), RC_OK);
    assert_int_equal(worker_start("pong", &none, NULL, &p.pong, NULL), RC_OK);
    pthread_mutex_lock(&p.lock);
    worker_post(p.ping, hit, NULL, &p);
    while (p.hits < RALLY)
        pthread_cond_wait(&p.done, &p.lock);
    pthread_mutex_unlock(&p.lock);
    worker_stop(p.ping);
    worker_stop(p.pong);
    assert_int_equal(p.hits, RALLY);
}

static void leave(void *arg)
{
    loop_stop(worker_loop(arg));
}

static void a_worker_whose_loop_ended_by_itself_can_still_be_posted_to(void **state)
{
    struct world world = {0};
    struct worker *w = NULL;

    (void)state;
    assert_int_equal(worker_start("w", &hooks, &world, &w, NULL), RC_OK);
    worker_post(w, leave, NULL, w);
    for (int i = 0; i < 2000; i++)
        worker_post(w, count_delivered, count_dropped, &world);
    worker_stop(w);
    assert_int_equal(world.delivered + world.dropped, 2001);
    assert_int_equal(world.stopped, 1);
}

static void stand_still(void *arg)
{
    sem_wait(arg);
}

/* One of two stands still; looks are the caller's, as many as it likes. */
static void a_loop_that_does_not_turn_is_seen(void **state)
{
    struct world worlds[2] = {0};
    struct worker *w[2];
    struct worker_watch seen;
    sem_t go_on;

    (void)state;
    sem_init(&go_on, 0, 0);
    assert_int_equal(worker_start("turns", &hooks, &worlds[0], &w[0], NULL), RC_OK);
    assert_int_equal(worker_start("stuck", &hooks, &worlds[1], &w[1], NULL), RC_OK);
    int64_t lags = metric_get(METRIC_loop_lag_seconds);
    worker_post(w[1], stand_still, NULL, &go_on);
    do { /* until the pulse of the one that turns is between two looks */
        usleep(10000);
        worker_look(3, &seen);
        assert_int_equal(seen.count, 2);
    } while (metric_get(METRIC_loop_lag_seconds) == lags || seen.quiet_count != 1);
    assert_string_equal(seen.name, "stuck");
    unsigned looks = seen.most_looks;
    assert_true(looks > 3);
    worker_look(3, &seen);
    assert_int_equal(seen.most_looks, looks + 1);
    assert_string_equal(seen.name, "stuck");
    sem_post(&go_on);
    do
        worker_look(looks, &seen);
    while (usleep(10000) == 0 && seen.most_looks > looks); /* it turns */
    assert_int_equal(seen.quiet_count, 0);
    worker_stop(w[0]);
    worker_look(1, &seen);
    assert_int_equal(seen.count, 1);
    worker_stop(w[1]);
    worker_look(1, &seen);
    assert_int_equal(seen.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state_exists_when_start_returns),
        cmocka_unit_test(what_was_posted_before_stop_is_delivered),
        cmocka_unit_test(a_failing_start_is_reported_and_leaves_nothing),
        cmocka_unit_test(two_workers_play_ping_pong),
        cmocka_unit_test(a_worker_whose_loop_ended_by_itself_can_still_be_posted_to),
        cmocka_unit_test(a_loop_that_does_not_turn_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
