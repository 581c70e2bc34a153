/* SPDX-License-Identifier: Apache-2.0
 *
 * No name server is asked: numeric addresses, "localhost" from /etc/hosts, and names that no server
 * could know or that a resolver refuses by itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>

#include <cmocka.h>

#include "core/resolve.h"

enum { PATIENCE = 60000 };

static struct loop *loop;
static struct mailbox *box;
static struct jobpool *pool;
static unsigned answers, last_count;
static struct resolved last[8];
static struct err last_why;
static pthread_t answer_thread;

static int set_up(void **state)
{
    (void)state;
    loop = loop_new();
    box = mailbox_new(loop);
    pool = jobpool_new("resolve", 1, 2);
    answers = last_count = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    jobpool_free(pool);
    mailbox_free(box);
    loop_free(loop);
    return 0;
}

static void on_resolved(const struct resolved *addresses, unsigned count, const struct err *why,
                        void *arg)
{
    (void)arg;
    answers++;
    last_count = count;
    memcpy(last, addresses, count * sizeof(last[0]));
    last_why = *why;
    answer_thread = pthread_self();
}

static bool has_answer(void *arg)
{
    (void)arg;
    return answers > 0;
}

static void numeric_addresses_need_no_job_but_never_answer_from_inside(void **state)
{
    struct resolve *r = NULL;

    (void)state;
    jobpool_free(pool);
    pool = NULL; /* nobody there to do a job */
    assert_int_equal(resolve_start(pool, box, "192.0.2.9", 104, on_resolved, NULL, &r, NULL),
                     RC_OK);
    assert_non_null(r);
    assert_int_equal(answers, 0);
    assert_true(loop_run_until(loop, has_answer, NULL, PATIENCE));
    assert_int_equal(last_count, 1);
    assert_int_equal(last[0].addr.ss_family, AF_INET);
    assert_int_equal(ntohs(((struct sockaddr_in *)&last[0].addr)->sin_port), 104);
    assert_int_equal(last_why.code, RC_OK);
    answers = 0;
    assert_int_equal(resolve_start(pool, box, "2001:db8::5", 11112, on_resolved, NULL, &r, NULL),
                     RC_OK);
    assert_true(loop_run_until(loop, has_answer, NULL, PATIENCE));
    assert_int_equal(last[0].addr.ss_family, AF_INET6);
    assert_int_equal(last[0].len, sizeof(struct sockaddr_in6));
}

static void a_name_is_resolved_on_the_pool_and_answered_on_the_loop(void **state)
{
    struct resolve *r = NULL;

    (void)state;
    assert_int_equal(resolve_start(pool, box, "localhost", 104, on_resolved, NULL, &r, NULL),
                     RC_OK);
    assert_true(loop_run_until(loop, has_answer, NULL, PATIENCE));
    assert_in_range(last_count, 1, 8);
    assert_true(pthread_equal(answer_thread, pthread_self()));
}

static void an_unknown_name_says_why(void **state)
{
    struct resolve *r = NULL;

    (void)state;
    /* A label of more than 63 octets is no name; no resolver sends it anywhere (RFC 1035, 2.3.4). */
    assert_int_equal(
        resolve_start(pool, box,
                      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                      "xxxxxxxxx.invalid",
                      104, on_resolved, NULL, &r, NULL),
        RC_OK);
    assert_true(loop_run_until(loop, has_answer, NULL, PATIENCE));
    assert_int_equal(last_count, 0);
    assert_int_not_equal(last_why.code, RC_OK);
    assert_non_null(strstr(last_why.text, "xxx.invalid: "));
}

static void bad_host_names_are_refused_at_once(void **state)
{
    struct resolve *r = NULL;
    struct err err;
    char host[400];

    (void)state;
    memset(host, 'a', sizeof(host) - 1);
    host[sizeof(host) - 1] = '\0';
    assert_int_equal(resolve_start(pool, box, host, 104, on_resolved, NULL, &r, &err), RC_INVALID);
    assert_int_equal(resolve_start(pool, box, "", 104, on_resolved, NULL, &r, &err), RC_INVALID);
    assert_null(r);
    loop_run_until(loop, has_answer, NULL, 5);
    assert_int_equal(answers, 0);
}

static void cancel_silences_a_numeric_answer_and_a_lookup(void **state)
{
    struct resolve *r = NULL;

    (void)state;
    assert_int_equal(resolve_start(pool, box, "192.0.2.9", 104, on_resolved, NULL, &r, NULL),
                     RC_OK);
    resolve_cancel(r);
    assert_int_equal(resolve_start(pool, box, "localhost", 104, on_resolved, NULL, &r, NULL),
                     RC_OK);
    resolve_cancel(r);
    assert_false(loop_run_until(loop, has_answer, NULL, 100));
}

struct gate {
    sem_t entered;
    sem_t open;
};

static void hold(void *arg)
{
    struct gate *gate = arg;

    sem_post(&gate->entered);
    sem_wait(&gate->open);
}

static void forget(void *arg)
{
    (void)arg;
}

static void a_full_pool_refuses(void **state)
{
    struct resolve *first = NULL, *second = NULL, *third = NULL;
    struct gate gate;
    struct job job = {hold, forget, forget, &gate};
    struct err err;

    (void)state;
    sem_init(&gate.entered, 0, 0);
    sem_init(&gate.open, 0, 0);
    assert_int_equal(jobpool_submit(pool, box, &job), RC_OK);
    sem_wait(&gate.entered); /* it runs and both places are free */
    assert_int_equal(resolve_start(pool, box, "localhost", 1, on_resolved, NULL, &first, &err),
                     RC_OK);
    assert_int_equal(resolve_start(pool, box, "localhost", 1, on_resolved, NULL, &second, &err),
                     RC_OK);
    assert_int_equal(resolve_start(pool, box, "localhost", 1, on_resolved, NULL, &third, &err),
                     RC_LIMIT);
    assert_null(third);
    resolve_cancel(first);
    resolve_cancel(second);
    sem_post(&gate.open);
    jobpool_free(pool);
    pool = NULL;
    sem_destroy(&gate.entered);
    sem_destroy(&gate.open);
}

static void the_owner_may_go_before_the_answer(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        struct mailbox *other = mailbox_new(loop);
        struct resolve *r = NULL;

        if (resolve_start(pool, other, "localhost", 104, on_resolved, NULL, &r, NULL) != RC_OK) {
            mailbox_free(other);
            continue;
        }
        if (i % 2) { /* in either order */
            resolve_cancel(r);
            mailbox_free(other);
        } else {
            mailbox_free(other);
            resolve_cancel(r);
        }
    }
    loop_run_until(loop, has_answer, NULL, 5);
    assert_int_equal(answers, 0);
}

#define resolve_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        resolve_test(numeric_addresses_need_no_job_but_never_answer_from_inside),
        resolve_test(a_name_is_resolved_on_the_pool_and_answered_on_the_loop),
        resolve_test(an_unknown_name_says_why),
        resolve_test(bad_host_names_are_refused_at_once),
        resolve_test(cancel_silences_a_numeric_answer_and_a_lookup),
        resolve_test(a_full_pool_refuses),
        resolve_test(the_owner_may_go_before_the_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
