/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <limits.h>
#include <stdlib.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/jobpool.h"

enum { PATIENCE = 60000 };

static struct loop *loop;
static struct mailbox *box;
static pthread_t loop_thread;
static atomic_uint worked, done, dropped;
static sem_t gate;    /* jobs wait here */
static sem_t arrived; /* and say so here */

static int set_up(void **state)
{
    (void)state;
    loop = loop_new();
    box = mailbox_new(loop);
    loop_thread = pthread_self();
    worked = done = dropped = 0;
    sem_init(&gate, 0, 0);
    sem_init(&arrived, 0, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mailbox_free(box);
    loop_free(loop);
    sem_destroy(&gate);
    sem_destroy(&arrived);
    return 0;
}

static void work(void *arg)
{
    (void)arg;
    if (!pthread_equal(pthread_self(), loop_thread))
        worked++;
}

static void work_at_gate(void *arg)
{
    sem_post(&arrived);
    sem_wait(&gate);
    work(arg);
}

static void on_done(void *arg)
{
    (void)arg;
    if (pthread_equal(pthread_self(), loop_thread))
        done++;
}

static void on_drop(void *arg)
{
    (void)arg;
    dropped++;
}

static bool done_are(void *arg)
{
    return done == *(unsigned *)arg;
}

static const struct job quick = {work, on_done, on_drop, NULL};
static const struct job gated = {work_at_gate, on_done, on_drop, NULL};

static void jobs_run_on_the_pool_and_end_on_the_loop(void **state)
{
    struct jobpool *p = jobpool_new("jobs", 3, 200);
    unsigned all = 100;

    (void)state;
    for (unsigned i = 0; i < all; i++)
        assert_int_equal(jobpool_submit(p, box, &quick), RC_OK);
    assert_true(loop_run_until(loop, done_are, &all, PATIENCE));
    assert_int_equal(worked, all);
    assert_int_equal(dropped, 0);
    jobpool_free(p);
    jobpool_free(NULL);
}

static void threads_are_started_when_none_is_free(void **state)
{
    struct jobpool *p = jobpool_new("jobs", 3, 10);
    unsigned four = 4;

    (void)state;
    for (unsigned running = 1; running <= 3; running++) {
        assert_int_equal(jobpool_submit(p, box, &gated), RC_OK);
        sem_wait(&arrived); /* beside those that run already */
    }
    assert_int_equal(jobpool_submit(p, box, &gated), RC_OK);
    usleep(20000);
    assert_int_equal(sem_trywait(&arrived), -1); /* no more than three */
    for (unsigned i = 0; i < four; i++)
        sem_post(&gate);
    assert_true(loop_run_until(loop, done_are, &four, PATIENCE));
    jobpool_free(p);
}

static void a_full_pool_refuses(void **state)
{
    struct jobpool *p = jobpool_new("jobs", 1, 2);
    unsigned three = 3;

    (void)state;
    assert_int_equal(jobpool_submit(p, box, &gated), RC_OK);
    sem_wait(&arrived); /* it runs and no longer waits */
    assert_int_equal(jobpool_submit(p, box, &quick), RC_OK);
    assert_int_equal(jobpool_submit(p, box, &quick), RC_OK);
    assert_int_equal(jobpool_submit(p, box, &quick), RC_LIMIT);
    assert_int_equal(worked, 0);
    sem_post(&gate);
    assert_true(loop_run_until(loop, done_are, &three, PATIENCE));
    assert_int_equal(jobpool_submit(p, box, &quick), RC_OK); /* there is room again */
    jobpool_free(p);
    assert_int_equal(worked + dropped, 4);
}

static void *free_pool(void *arg)
{
    jobpool_free(arg);
    return NULL;
}

static void free_waits_for_running_jobs_and_drops_queued_ones(void **state)
{
    struct jobpool *p = jobpool_new("jobs", 1, UINT_MAX);
    unsigned queued = 0, one = 1;
    pthread_t thread;

    (void)state;
    assert_int_equal(jobpool_submit(p, box, &gated), RC_OK);
    sem_wait(&arrived);
    assert_int_equal(pthread_create(&thread, NULL, free_pool, p), 0);
    while (jobpool_submit(p, box, &quick) == RC_OK) { /* refused as soon as the pool is ending */
        queued++;
        usleep(100);
    }
    sem_post(&gate);
    pthread_join(thread, NULL);
    assert_int_equal(worked, 1);
    assert_int_equal(dropped, queued);
    assert_true(loop_run_until(loop, done_are, &one, PATIENCE));
}

static void a_job_whose_submitter_has_gone_is_dropped(void **state)
{
    struct jobpool *p = jobpool_new("jobs", 1, 10);
    struct mailbox *other = mailbox_new(loop);

    (void)state;
    assert_int_equal(jobpool_submit(p, other, &gated), RC_OK);
    sem_wait(&arrived);
    mailbox_free(other);
    assert_int_equal(dropped, 0);
    sem_post(&gate);
    jobpool_free(p);
    assert_int_equal(worked, 1);
    assert_int_equal(done, 0);
    assert_int_equal(dropped, 1);
}

struct racer {
    struct jobpool *pool;
    atomic_uint taken;
    atomic_uint refused;
};

static void *race(void *arg)
{
    struct racer *r = arg;

    for (int i = 0; i < 500; i++) {
        if (jobpool_submit(r->pool, box, &quick) == RC_OK)
            r->taken++;
        else
            r->refused++;
    }
    return NULL;
}

static void many_submitters_see_each_job_end_once(void **state)
{
    struct racer r = {.pool = jobpool_new("jobs", 2, 8)};
    pthread_t threads[3];
    unsigned taken;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race, &r), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    taken = r.taken;
    assert_int_equal(taken + r.refused, 1500);
    assert_true(loop_run_until(loop, done_are, &taken, PATIENCE));
    jobpool_free(r.pool);
    assert_int_equal(worked, taken);
    assert_int_equal(dropped, 0);
}

#define pool_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        pool_test(jobs_run_on_the_pool_and_end_on_the_loop),
        pool_test(threads_are_started_when_none_is_free),
        pool_test(a_full_pool_refuses),
        pool_test(free_waits_for_running_jobs_and_drops_queued_ones),
        pool_test(a_job_whose_submitter_has_gone_is_dropped),
        pool_test(many_submitters_see_each_job_end_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
