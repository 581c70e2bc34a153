/* SPDX-License-Identifier: Apache-2.0
 *
 * net/assoc and its deadlines, back-pressure, floods and noise. Deadlines are set to a few dozen
 * milliseconds and waited for as long as it takes; that something does *not* happen is watched for
 * several times the deadline.
 */
#include "assoc_test.h"

enum { SHORT_MS = 40, LONG_MS = 200 };

/* ---- deadlines ---- */

static void artim_ends_a_silent_connection(void **fixture)
{
    (void)fixture;
    for (int k = 0; k < 2; k++) {
        struct duel d;
        struct assoc_options o = test_options();
        int64_t before = limit_count(LIMIT_artim_timeout);
        o.artim_ms = SHORT_MS;
        duel_begin(&d, &o);
        if (k == 1) {
            raw_send(&d.r, "\1\0\0\0\1\0half", 10); /* a request that does not go on */
        }
        wait_for(d.loop, has_closed, &d.s);
        wait_for(d.loop, raw_is_closed, &d.r);
        assert_int_equal(d.s.why.code, RC_TIMEOUT);
        assert_int_equal(d.r.in.len, 0); /* AA-2: closed without a word */
        assert_int_equal(limit_count(LIMIT_artim_timeout), before + 1);
        duel_end(&d);
    }
}

static void artim_ends_a_peer_that_does_not_close(void **fixture)
{
    (void)fixture;
    for (int k = 0; k < 3; k++) {
        struct duel d;
        struct assoc_options o = test_options();
        struct pdu_associate rq = test_request();
        o.artim_ms = SHORT_MS;
        duel_begin(&d, &o);
        d.s.mode = k == 0 ? ANSWER_REJECT : ANSWER_ACCEPT;
        raw_request_as(&d.r, &rq);
        (void)raw_pdu(&d.r);
        if (k == 1) {
            raw_release(&d.r, PDU_RELEASE_RQ);
            assert_int_equal(raw_pdu(&d.r).data[0], PDU_RELEASE_RP);
        } else if (k == 2) {
            assoc_abort(d.s.a, ABORT_SOURCE_USER, 0, "test");
        }
        wait_for(d.loop, has_closed, &d.s);
        wait_for(d.loop, raw_is_closed, &d.r);
        assert_int_equal(d.s.why.code, k == 2 ? RC_CANCELED : RC_OK);
        duel_end(&d);
    }
}

static void artim_does_not_run_in_other_states(void **fixture)
{
    (void)fixture;
    for (int k = 0; k < 3; k++) {
        struct duel d;
        struct assoc_options o = test_options();
        struct pdu_associate rq = test_request();
        o.artim_ms = SHORT_MS;
        duel_begin(&d, &o);
        d.s.mode = k == 0 ? ANSWER_LATER : ANSWER_ACCEPT;
        d.s.holds_release = true;
        raw_request_as(&d.r, &rq);
        wait_count(d.loop, &d.s.requests, 1);
        if (k == 2) {
            raw_release(&d.r, PDU_RELEASE_RQ);
        }
        run_for(d.loop, LONG_MS);
        assert_int_equal(d.s.closed, 0);
        duel_end(&d);
    }
}

static void owner_must_answer_a_request_in_time(void **fixture)
{
    (void)fixture;
    struct duel d;
    struct assoc_options o = test_options();
    struct pdu_associate rq = test_request();
    o.negotiation_ms = SHORT_MS;
    duel_begin(&d, &o);
    d.s.mode = ANSWER_LATER;
    raw_request_as(&d.r, &rq);
    raw_expect_abort(&d.r, ABORT_SOURCE_USER, 0);
    duel_hang_up(&d);
    assert_int_equal(d.s.why.code, RC_TIMEOUT);
    duel_end(&d);
}

static void peer_must_answer_request_and_release_in_time(void **fixture)
{
    (void)fixture;
    for (int k = 0; k < 2; k++) {
        struct pair p = {0};
        struct assoc_options acceptor = test_options();
        struct assoc_options requestor = test_options();
        struct pdu_associate rq = test_request();
        requestor.negotiation_ms = k == 0 ? SHORT_MS : LONG_MS;
        p.acceptor.mode = k == 0 ? ANSWER_LATER : ANSWER_ACCEPT;
        p.acceptor.holds_release = true;
        pair_begin(&p, &rq, &acceptor, &requestor);
        if (k == 1) {
            wait_for(p.loop, is_established, &p.requestor);
            assoc_release(p.requestor.a);
        }
        wait_for(p.loop, has_closed, &p.requestor);
        wait_for(p.loop, has_closed, &p.acceptor);
        assert_int_equal(p.requestor.why.code, RC_TIMEOUT);
        assert_int_equal(p.acceptor.why.code, RC_IO);
        pair_end(&p);
    }
}

static void idle_association_is_ended_but_not_a_busy_one(void **fixture)
{
    (void)fixture;
    struct duel d;
    struct assoc_options o = test_options();
    o.idle_ms = SHORT_MS;
    duel_open(&d, &o);
    assoc_set_busy(d.s.a, 1);
    assoc_set_busy(d.s.a, 1);
    run_for(d.loop, LONG_MS);
    assoc_set_busy(d.s.a, -1);
    run_for(d.loop, LONG_MS);
    assert_int_equal(d.s.closed, 0);
    int64_t since = clock_now_ms();
    assoc_set_busy(d.s.a, -1);
    raw_expect_abort(&d.r, ABORT_SOURCE_USER, 0);
    assert_true(clock_now_ms() - since >= SHORT_MS);
    duel_hang_up(&d);
    assert_int_equal(d.s.why.code, RC_TIMEOUT);
    duel_end(&d);
}

static void messages_put_idleness_off(void **fixture)
{
    (void)fixture;
    struct duel d;
    struct assoc_options o = test_options();
    int64_t last = 0;
    o.idle_ms = LONG_MS;
    duel_open(&d, &o);
    for (uint16_t i = 1; i <= 5; i++) {
        run_for(d.loop, LONG_MS / 4);
        last = clock_now_ms();
        raw_echo(&d.r, i);
        assert_int_equal(raw_pdu(&d.r).data[0], PDU_P_DATA_TF);
    }
    raw_expect_abort(&d.r, ABORT_SOURCE_USER, 0);
    assert_true(clock_now_ms() - last >= LONG_MS);
    duel_end(&d);
}

static void unfinished_message_must_go_on_even_when_busy(void **fixture)
{
    (void)fixture;
    for (int k = 0; k < 4; k++) {
        struct duel d;
        struct assoc_options o = test_options();
        struct dimse_command cmd = test_command(DIMSE_C_FIND_RQ, FIND_CLASS, 1);
        struct buf b;
        cmd.has_dataset = true;
        o.message_stall_ms = SHORT_MS;
        duel_open(&d, &o);
        assoc_set_busy(d.s.a, 1);
        run_for(d.loop, LONG_MS);
        assert_int_equal(d.s.closed, 0); /* nothing has begun */
        buf_init(&b, 0);
        add_command_pdu(&b, 3, &cmd);
        switch (k) {
        case 0: /* no data set follows */
            break;
        case 1: /* no end of it */
            add_pdata(&b, 3, false, false, span_str("data"));
            break;
        case 2: /* inside a PDU */
            add_pdata(&b, 3, false, true, span_str("data"));
            b.len -= 2;
            break;
        case 3: /* inside a header */
            b.len = 3;
            break;
        }
        raw_send_buf(&d.r, &b);
        raw_expect_abort(&d.r, ABORT_SOURCE_USER, 0);
        duel_hang_up(&d);
        assert_int_equal(d.s.why.code, RC_TIMEOUT);
        duel_end(&d);
    }
}

static void stalled_reader_is_cut_off(void **fixture)
{
    (void)fixture;
    struct duel d;
    struct assoc_options o = test_options();
    static uint8_t data[1 << 20];
    struct dimse_command rq = test_command(DIMSE_C_FIND_RQ, FIND_CLASS, 1);
    struct dimse_command rsp = command_response(&rq, 0xFF00);
    struct span span = span_of(data, sizeof(data));
    o.write_stall_ms = SHORT_MS;
    duel_open(&d, &o);
    raw_hold(&d.r, true);
    assert_int_equal(assoc_send(d.s.a, assoc_context_by_id(d.s.a, 3), &rsp, &span), RC_OK);
    wait_for(d.loop, has_closed, &d.s);
    assert_int_equal(d.s.why.code, RC_TIMEOUT);
    duel_end(&d);
}

/* ---- back-pressure ---- */

static void full_output_is_reported_and_its_end_too(void **fixture)
{
    (void)fixture;
    struct duel d;
    struct assoc_options o = test_options();
    struct dimse_command rq = test_command(DIMSE_C_FIND_RQ, FIND_CLASS, 1);
    struct dimse_command rsp = command_response(&rq, 0xFF00);
    static uint8_t data[512];
    struct span span = span_of(data, sizeof(data));
    unsigned sent = 0, received = 0;
    o.high_water_bytes = 64 << 10;
    duel_open(&d, &o);
    raw_hold(&d.r, true);
    while (!assoc_is_full(d.s.a)) {
        assert_int_equal(assoc_send(d.s.a, assoc_context_by_id(d.s.a, 3), &rsp, &span), RC_OK);
        sent++;
        if (sent % 50 == 0) {
            run_for(d.loop, 1); /* fill the kernel's buffers as well */
        }
        assert_true(sent < 100000);
    }
    assert_int_equal(d.s.drained, 0);
    raw_hold(&d.r, false);
    wait_count(d.loop, &d.s.drained, 1);
    assert_false(assoc_is_full(d.s.a));
    while (received < sent) {
        assert_int_equal(raw_pdu(&d.r).data[0], PDU_P_DATA_TF);
        received++;
    }
    assert_int_equal(d.s.drained, 1);
    duel_end(&d);
}

static void peer_that_asks_and_never_reads_is_not_heard_for_long(void **fixture)
{
    (void)fixture;
    enum { ASKED = 3000 };
    struct duel d;
    struct assoc_options o = test_options();
    struct buf b;
    o.high_water_bytes = 64 << 10;
    o.send_buffer_bytes = 16 << 10;
    duel_open(&d, &o);
    d.s.reply_bytes = 8192;
    raw_hold(&d.r, true);
    buf_init(&b, 0);
    for (uint16_t i = 1; i <= ASKED; i++) {
        struct dimse_command cmd = test_command(DIMSE_C_FIND_RQ, FIND_CLASS, i);
        add_command_pdu(&b, 3, &cmd);
    }
    size_t at = 0;
    for (int quiet = 0; at < b.len && quiet < 20;) {
        ssize_t n = send(d.r.fd, b.data + at, b.len - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        at += n > 0 ? (size_t)n : 0;
        quiet = n > 0 ? 0 : quiet + 1;
        run_for(d.loop, 2);
    }
    run_for(d.loop, 50);
    unsigned heard = d.s.messages;
    assert_true(heard >= 64);
    assert_true(heard < 400); /* what fills the output, the kernel, and 64 more */
    run_for(d.loop, 50);
    assert_int_equal(d.s.messages, heard);
    assert_int_equal(d.s.closed, 0);

    raw_hold(&d.r, false); /* it reads after all: everything is answered */
    for (unsigned got = 0; got < ASKED; got++) {
        if (at < b.len) {
            ssize_t n = send(d.r.fd, b.data + at, b.len - at, MSG_DONTWAIT | MSG_NOSIGNAL);
            at += n > 0 ? (size_t)n : 0;
        }
        assert_int_equal(raw_pdu(&d.r).data[0], PDU_P_DATA_TF);
    }
    assert_int_equal(d.s.messages, ASKED);
    assert_int_equal(d.s.send_failures, 0);
    buf_fini(&b);
    duel_end(&d);
}

/* ---- noise ---- */

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* A whole dialog with a few octets changed, cut or doubled, sent in random pieces. Whatever comes of
 * it, there is one end, and the sanitizers have nothing to say. */
static void garbled_dialogs_end_once(void **fixture)
{
    (void)fixture;
    struct pdu_associate rq = test_request();
    struct dimse_command echo = test_command(DIMSE_C_ECHO_RQ, ECHO_CLASS, 1);
    struct dimse_command find = test_command(DIMSE_C_FIND_RQ, FIND_CLASS, 2);
    struct buf dialog;
    uint32_t seed = 4711;
    unsigned messages = 0, aborted = 0;
    buf_init(&dialog, 0);
    pdu_encode_associate(&dialog, PDU_ASSOCIATE_RQ, &rq);
    size_t opening = dialog.len;
    add_command_pdu(&dialog, 1, &echo);
    find.has_dataset = true;
    add_command_pdu(&dialog, 3, &find);
    add_pdata(&dialog, 3, false, false, span_str("abcdefgh"));
    add_pdata(&dialog, 3, false, true, span_str("ijkl"));
    pdu_encode_release(&dialog, PDU_RELEASE_RQ);
    for (int round = 0; round < 1500; round++) {
        struct duel d;
        struct assoc_options o = test_options();
        struct buf b;
        o.artim_ms = 5000;
        o.max_dataset_bytes = 10 + next_random(&seed) % 10;
        buf_init(&b, 0);
        buf_add_span(&b, buf_span(&dialog));
        for (uint32_t k = next_random(&seed) % 3 + 1; k > 0; k--) {
            /* mostly behind the request, else little would be established */
            size_t from = next_random(&seed) % 4 ? opening : 0;
            b.data[from + next_random(&seed) % (b.len - from)] = (uint8_t)next_random(&seed);
        }
        if (next_random(&seed) % 8 == 0) {
            b.len -= next_random(&seed) % b.len;
        }
        duel_begin(&d, &o);
        for (size_t at = 0; at < b.len;) {
            size_t n = 1 + next_random(&seed) % 200;
            n = n < b.len - at ? n : b.len - at;
            raw_send(&d.r, b.data + at, n);
            at += n;
            if (next_random(&seed) % 3 == 0) {
                run_for(d.loop, 1);
            }
        }
        shutdown(d.r.fd, SHUT_WR);
        wait_for(d.loop, has_closed, &d.s);
        assert_int_equal(d.s.closed, 1);
        messages += d.s.messages;
        aborted += d.s.why.code == RC_INVALID;
        buf_fini(&b);
        duel_end(&d);
    }
    buf_fini(&dialog);
    assert_true(messages > 300);
    assert_true(aborted > 100);
}

static void floods_in_sta13_are_dropped_without_an_answer(void **fixture)
{
    (void)fixture;
    struct duel d;
    struct assoc_options o = test_options();
    struct buf b;
    duel_open(&d, &o);
    assoc_abort(d.s.a, ABORT_SOURCE_PROVIDER, ABORT_NOT_SPECIFIED, "test");
    for (int i = 0; i < 50; i++) {
        buf_init(&b, 0);
        for (int k = 0; k < 500; k++) {
            pdu_encode_release(&b, PDU_RELEASE_RQ);
        }
        raw_send_buf(&d.r, &b);
    }
    raw_send(&d.r, "\xFF\xFF\xFF\xFF\xFF\xFF", 6);
    run_for(d.loop, 10);
    raw_expect_abort(&d.r, ABORT_SOURCE_PROVIDER,
                     ABORT_NOT_SPECIFIED); /* no reset has destroyed it */
    assert_int_equal(d.r.in.len, 0);
    assert_int_equal(d.s.closed, 0);
    duel_hang_up(&d);
    assert_int_equal(d.s.why.code, RC_CANCELED);
    duel_end(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(artim_ends_a_silent_connection),
        cmocka_unit_test(artim_ends_a_peer_that_does_not_close),
        cmocka_unit_test(artim_does_not_run_in_other_states),
        cmocka_unit_test(owner_must_answer_a_request_in_time),
        cmocka_unit_test(peer_must_answer_request_and_release_in_time),
        cmocka_unit_test(idle_association_is_ended_but_not_a_busy_one),
        cmocka_unit_test(messages_put_idleness_off),
        cmocka_unit_test(unfinished_message_must_go_on_even_when_busy),
        cmocka_unit_test(stalled_reader_is_cut_off),
        cmocka_unit_test(full_output_is_reported_and_its_end_too),
        cmocka_unit_test(peer_that_asks_and_never_reads_is_not_heard_for_long),
        cmocka_unit_test(garbled_dialogs_end_once),
        cmocka_unit_test(floods_in_sta13_are_dropped_without_an_answer),
    };
    log_configure(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
