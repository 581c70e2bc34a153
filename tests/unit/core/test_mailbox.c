/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <pthread.h>
#include <stdatomic.h>

#include <cmocka.h>

#include "core/loop.h"
#include "core/mailbox.h"
#include "core_internal.h"

enum { PATIENCE = 60000, SENDERS = 4, LETTERS = 5000 };

static struct loop *loop;
static struct mailbox *box;
static atomic_uint delivered;
static atomic_uint dropped;

static int make_box(void **state)
{
    (void)state;
    loop = loop_new();
    box = mailbox_new(loop);
    delivered = dropped = 0;
    return 0;
}

static int drop_box(void **state)
{
    (void)state;
    mailbox_free(box);
    loop_free(loop);
    return 0;
}

static void deliver(void *arg)
{
    (void)arg;
    delivered++;
}

static void drop(void *arg)
{
    (void)arg;
    dropped++;
}

static bool delivered_are(void *arg)
{
    return delivered == *(unsigned *)arg;
}

static unsigned last_of[SENDERS];
static bool in_order = true;

struct letter {
    unsigned sender;
    unsigned number;
};

static void deliver_letter(void *arg)
{
    struct letter *letter = arg;

    in_order = in_order && letter->number == ++last_of[letter->sender];
    delivered++;
    free(letter);
}

static void *send_letters(void *arg)
{
    unsigned sender = (unsigned)(uintptr_t)arg;

    for (unsigned i = 1; i <= LETTERS; i++) {
        struct letter *letter = malloc(sizeof(*letter));

        *letter = (struct letter){sender, i};
        mailbox_post(box, deliver_letter, free, letter);
    }
    return NULL;
}

static void many_senders_lose_nothing_and_keep_their_order(void **state)
{
    pthread_t threads[SENDERS];
    unsigned all = SENDERS * LETTERS;

    (void)state;
    for (uintptr_t i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_letters, (void *)i), 0);
    assert_true(loop_run_until(loop, delivered_are, &all, PATIENCE));
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    assert_true(in_order);
}

static void post_again(void *arg)
{
    deliver(arg);
    mailbox_post(box, deliver, drop, arg);
}

static void a_message_may_post_the_next(void **state)
{
    unsigned two = 2;

    (void)state;
    mailbox_post(box, post_again, drop, NULL);
    assert_int_equal(delivered, 0); /* never from inside the post */
    assert_true(loop_run_until(loop, delivered_are, &two, PATIENCE));
    assert_int_equal(dropped, 0);
}

static void free_drops_what_was_not_delivered(void **state)
{
    struct mailbox *other = mailbox_new(loop);

    (void)state;
    mailbox_post(other, deliver, drop, NULL);
    mailbox_post(other, deliver, NULL, NULL);
    mailbox_post(other, deliver, drop, NULL);
    mailbox_free(other);
    assert_int_equal(delivered, 0);
    assert_int_equal(dropped, 2);
    mailbox_free(NULL);
}

static void free_box(void *arg)
{
    mailbox_free(arg);
    delivered++;
}

static void a_message_may_free_the_mailbox(void **state)
{
    struct mailbox *other = mailbox_new(loop);
    unsigned two = 2;

    (void)state;
    mailbox_post(other, deliver, drop, NULL);
    mailbox_post(other, free_box, drop, other);
    mailbox_post(other, deliver, drop, NULL);
    assert_true(loop_run_until(loop, delivered_are, &two, PATIENCE));
    assert_int_equal(dropped, 1);
}

static void a_closed_mailbox_drops_at_once(void **state)
{
    struct mailbox *other = mailbox_ref(mailbox_new(loop));

    (void)state;
    mailbox_free(other);
    mailbox_post(other, deliver, drop, NULL);
    assert_int_equal(dropped, 1);
    mailbox_unref(other);
    assert_int_equal(delivered, 0);
}

static void *post_the_free(void *arg)
{
    mailbox_post(arg, free_box, drop, arg);
    return NULL;
}

/* The loop may free the box while the poster is still inside the post. */
static void the_last_message_may_free_while_its_sender_returns(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 300; i++) {
        struct mailbox *other = mailbox_new(loop);
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, post_the_free, other), 0);
        assert_true(loop_run_until(loop, delivered_are, &i, PATIENCE));
        pthread_join(thread, NULL);
    }
}

#define box_test(f) cmocka_unit_test_setup_teardown(f, make_box, drop_box)

int main(void)
{
    const struct CMUnitTest tests[] = {
        box_test(many_senders_lose_nothing_and_keep_their_order),
        box_test(a_message_may_post_the_next),
        box_test(free_drops_what_was_not_delivered),
        box_test(a_message_may_free_the_mailbox),
        box_test(a_closed_mailbox_drops_at_once),
        box_test(the_last_message_may_free_while_its_sender_returns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
