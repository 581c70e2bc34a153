/* SPDX-License-Identifier: Apache-2.0
 *
 * net/assoc and peers that never stop and never finish: each octet puts the stall deadline off, none the
 * one of the message.
 */
#include "assoc_test.h"

enum { STEP_MS = 5, LIMIT_MS = 60 };

static void begin_find(struct buf *b)
{
    struct dimse_command cmd = test_command(DIMSE_C_FIND_RQ, FIND_CLASS, 1);
    cmd.has_dataset = true;
    buf_init(b, 0);
    add_command_pdu(b, 3, &cmd);
}

/* One octet at a time until the association ends; no test reaches the end of the fragment. */
static void dribble(struct duel *d)
{
    int64_t end = clock_now_ms() + WAIT_MS;
    while (d->s.a != NULL && d->r.in.len == 0 && clock_now_ms() < end) {
        raw_send(&d->r, "x", 1);
        run_for(d->loop, STEP_MS);
    }
}

static void a_message_has_a_bound_that_octets_do_not_move(void **fixture)
{
    (void)fixture;
    for (int k = 0; k < 2; k++) {
        struct duel d;
        struct assoc_options o = test_options();
        struct buf b;
        int64_t before = limit_count(LIMIT_message_time_limit);
        o.message_ms = LIMIT_MS; /* while a stall would take a minute */
        duel_open(&d, &o);
        assoc_set_busy(d.s.a, 1);
        begin_find(&b);
        if (k == 0) {
            buf_add(&b, "\4\0\0\1\0\0\0\0\xFF\xFC\3\2", 12); /* a fragment of 64 KiB in one PDU */
        } else {
            b.len = 0;
            buf_add(&b, "\4\0\0\1\0\0\0\0\xFF\xFC\3\1", 12); /* of a command set */
        }
        int64_t since = clock_now_ms();
        raw_send_buf(&d.r, &b);
        dribble(&d);
        assert_true(clock_now_ms() - since >= LIMIT_MS);
        raw_expect_abort(&d.r, ABORT_SOURCE_USER, 0);
        duel_hang_up(&d);
        assert_int_equal(d.s.why.code, RC_TIMEOUT);
        assert_string_equal(d.s.why.text, "the peer takes too long for a message");
        assert_int_equal(limit_count(LIMIT_message_time_limit), before + 1);
        duel_end(&d);
    }
}

/* Between two sends there is always a message half sent, but never the same for long. */
static void each_message_has_the_time_for_itself(void **fixture)
{
    enum { PATIENT_MS = 2000, ROUNDS = 60 };
    (void)fixture;
    struct duel d;
    struct assoc_options o = test_options();
    struct buf echo;
    o.message_ms = PATIENT_MS;
    duel_open(&d, &o);
    buf_init(&echo, 0);
    struct dimse_command cmd = test_command(DIMSE_C_ECHO_RQ, ECHO_CLASS, 1);
    add_command_pdu(&echo, 1, &cmd);
    raw_send(&d.r, echo.data, 20);
    for (unsigned i = 0; i < ROUNDS; i++) {
        run_for(d.loop, PATIENT_MS * 3 / 2 / ROUNDS);
        raw_send(&d.r, echo.data + 20, echo.len - 20);
        raw_send(&d.r, echo.data, 20);
        wait_count(d.loop, &d.s.messages, i + 1);
    }
    assert_int_equal(d.s.closed, 0);
    buf_fini(&echo);
    duel_end(&d);
}

static void a_release_is_answered_within_a_bound(void **fixture)
{
    (void)fixture;
    struct duel d;
    struct assoc_options o = test_options();
    o.message_ms = LIMIT_MS;
    duel_open(&d, &o);
    assoc_release(d.s.a);
    assert_int_equal(raw_pdu(&d.r).data[0], PDU_RELEASE_RQ);
    raw_send(&d.r, "\4\0\0\1\0\0\0\0\xFF\xFC\3\1", 12);
    dribble(&d);
    raw_expect_abort(&d.r, ABORT_SOURCE_USER, 0);
    duel_hang_up(&d);
    assert_int_equal(d.s.why.code, RC_TIMEOUT);
    duel_end(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_has_a_bound_that_octets_do_not_move),
        cmocka_unit_test(each_message_has_the_time_for_itself),
        cmocka_unit_test(a_release_is_answered_within_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
