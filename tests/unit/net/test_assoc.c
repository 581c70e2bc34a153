/* SPDX-License-Identifier: Apache-2.0
 *
 * net/assoc: two associations of ours on one loop, acceptor and requestor: establishment, messages of
 * all sizes in both directions, release, collision, rejection, abort, and the end of either side.
 */
#include "assoc_test.h"

#include <malloc.h>

static void association_is_established_used_and_released(void **fixture)
{
    (void)fixture;
    struct pair p = {0};
    struct assoc_options o = test_options();
    struct pdu_associate rq = test_request();
    struct pdu_role role = {STORE_CLASS, 0, 1};
    struct pdu_extended extended = {FIND_CLASS, {(const uint8_t *)"\1\1\1\1", 4}};
    int64_t open_before = metric_get(METRIC_associations_open);
    rq.roles = &role;
    rq.role_count = 1;
    rq.extended = &extended;
    rq.extended_count = 1;
    rq.has_async_window = true;
    rq.max_ops_invoked = 100;
    rq.max_ops_performed = 1;
    pair_begin(&p, &rq, &o, &o);
    wait_for(p.loop, is_established, &p.requestor);
    assert_int_equal(p.acceptor.requests, 1);
    assert_int_equal(metric_get(METRIC_associations_open), open_before + 1);

    const struct assoc_context *c[4];
    for (unsigned i = 0; i < 4; i++) {
        c[i] = assoc_context_by_id(p.requestor.a, (uint8_t)(2 * i + 1));
        assert_non_null(c[i]);
        assert_int_equal(c[i]->id, 2 * i + 1);
        assert_int_equal(c[i]->accepted, i < 3);
    }
    assert_null(assoc_context_by_id(p.requestor.a, 9));
    assert_string_equal(c[3]->transfer_syntax, "");
    assert_string_equal(c[0]->transfer_syntax, ELE);
    assert_true(c[0]->local_scu && !c[0]->local_scp);
    assert_true(!c[2]->local_scu && c[2]->local_scp); /* role selection: C-GET */
    assert_null(assoc_context_by_id(p.requestor.a, 2));
    assert_null(assoc_context_by_id(p.requestor.a, 255));
    assert_ptr_equal(assoc_find_context(p.requestor.a, FIND_CLASS, NULL), c[1]);
    assert_ptr_equal(assoc_find_context(p.requestor.a, FIND_CLASS, ELE), c[1]);
    assert_null(assoc_find_context(p.requestor.a, FIND_CLASS, ILE));
    assert_null(assoc_find_context(p.requestor.a, STORE_CLASS, NULL));
    assert_null(assoc_find_context(p.requestor.a, "1.2.3.4", NULL));
    assert_non_null(assoc_find_context(p.acceptor.a, STORE_CLASS, NULL));
    assert_null(assoc_find_context(p.acceptor.a, ECHO_CLASS, NULL));

    struct span info;
    assert_true(assoc_peer_extended(p.acceptor.a, FIND_CLASS, &info));
    assert_true(span_equal(info, span_of("\1\1\1\1", 4)));
    assert_true(assoc_peer_extended(p.requestor.a, FIND_CLASS, &info));
    assert_true(span_equal(info, span_of("\1\0\1\0", 4)));
    assert_false(assoc_peer_extended(p.requestor.a, ECHO_CLASS, &info));

    uint16_t we, peer;
    assoc_async_window(p.requestor.a, &we, &peer);
    assert_int_equal(we, 8);
    assert_int_equal(peer, 1);
    assoc_async_window(p.acceptor.a, &we, &peer);
    assert_int_equal(we, 1);
    assert_int_equal(peer, 8);
    assert_string_equal(assoc_calling_aet(p.acceptor.a), "SCU");
    assert_string_equal(assoc_peer_address(p.acceptor.a), "127.0.0.1");
    assert_int_not_equal(assoc_number(p.acceptor.a), assoc_number(p.requestor.a));
    assert_string_equal(assoc_log(p.acceptor.a)->aet, "SCU");
    assert_string_equal(assoc_log(p.requestor.a)->aet, "DPPR");
    assert_ptr_equal(assoc_loop(p.acceptor.a), p.loop);

    struct dimse_command cmd = test_command(DIMSE_C_ECHO_RQ, ECHO_CLASS, 77);
    assert_int_equal(assoc_send(p.requestor.a, c[3], &cmd, NULL), RC_INVALID);
    assert_int_equal(assoc_send(p.requestor.a, NULL, &cmd, NULL), RC_INVALID);
    assert_int_equal(assoc_send(p.requestor.a, c[0], &cmd, NULL), RC_OK);
    wait_count(p.loop, &p.requestor.messages, 1);
    assert_int_equal(p.requestor.last->command.field, DIMSE_C_ECHO_RSP);
    assert_int_equal(p.requestor.last->command.responded_id, 77);
    assert_ptr_equal(p.requestor.last->context, c[0]);

    assoc_release(p.requestor.a);
    assert_int_equal(p.requestor.closed, 0);
    wait_for(p.loop, has_closed, &p.requestor);
    wait_for(p.loop, has_closed, &p.acceptor);
    assert_int_equal(p.acceptor.released, 1);
    assert_int_equal(p.acceptor.why.code, RC_OK);
    assert_int_equal(p.requestor.why.code, RC_OK);
    assert_int_equal(metric_get(METRIC_associations_open), open_before);
    pair_end(&p);
}

static void fill(struct buf *b, size_t len)
{
    uint32_t seed = (uint32_t)len;
    buf_clear(b);
    uint8_t *p = buf_reserve(b, len + 1);
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525u + 1013904223u;
        p[i] = (uint8_t)(seed >> 24);
    }
    b->len = len;
}

static void messages_of_all_sizes_pass_both_ways_unchanged(void **fixture)
{
    (void)fixture;
    static const uint32_t maxima[] = {64, 127, 4096, 16383, 131072, 0};
    static const size_t sizes[] = {0, 2, 50, 52, 54, 100, 4000, 16382, 8192, 300002};
    for (size_t m = 0; m < sizeof(maxima) / sizeof(maxima[0]); m++) {
        struct pair p;
        struct assoc_options acceptor = test_options();
        struct assoc_options requestor = test_options();
        acceptor.max_pdu_bytes = maxima[m];
        requestor.max_pdu_bytes = maxima[(m + 1) % (sizeof(maxima) / sizeof(maxima[0]))];
        pair_open(&p, &acceptor, &requestor);
        const struct assoc_context *c = assoc_find_context(p.requestor.a, STORE_CLASS, NULL);
        struct buf data;
        buf_init(&data, 0);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            struct dimse_command cmd =
                test_command(DIMSE_C_STORE_RQ, STORE_CLASS, (uint16_t)(i + 1));
            fill(&data, sizes[i]);
            struct span span = buf_span(&data);
            assert_int_equal(assoc_send(p.requestor.a, c, &cmd, &span), RC_OK);
            wait_count(p.loop, &p.requestor.messages, (unsigned)i + 1);
            assert_int_equal(p.requestor.last->command.responded_id, i + 1);
            assert_true(span_equal(buf_span(&p.acceptor.data), span));
            assert_true(span_equal(buf_span(&p.requestor.data), span));
        }
        assert_int_equal(p.acceptor.send_failures, 0);
        buf_fini(&data);
        pair_end(&p);
    }
}

static void odd_data_set_is_padded(void **fixture)
{
    (void)fixture;
    static const size_t sizes[] = {1, 57, 58, 59, 8001, 20001};
    struct pair p;
    struct assoc_options small = test_options();
    struct assoc_options o = test_options();
    small.max_pdu_bytes = 64;
    for (int k = 0; k < 2; k++) {
        pair_open(&p, k == 0 ? &small : &o, &o);
        const struct assoc_context *c = assoc_find_context(p.requestor.a, STORE_CLASS, NULL);
        struct buf data;
        buf_init(&data, 0);
        for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            struct dimse_command cmd = test_command(DIMSE_C_STORE_RQ, STORE_CLASS, 1);
            fill(&data, sizes[i]);
            struct span span = buf_span(&data);
            assert_int_equal(assoc_send(p.requestor.a, c, &cmd, &span), RC_OK);
            wait_count(p.loop, &p.acceptor.messages, i + 1);
            buf_add_u8(&data, 0);
            data.len += data.len % 2;
            assert_int_equal(p.acceptor.data.len, sizes[i] + sizes[i] % 2);
            assert_memory_equal(p.acceptor.data.data, data.data, p.acceptor.data.len);
        }
        buf_fini(&data);
        pair_end(&p);
    }
}

static void requestor_learns_of_a_rejection(void **fixture)
{
    (void)fixture;
    struct pair p = {0};
    struct assoc_options o = test_options();
    struct pdu_associate rq = test_request();
    p.acceptor.mode = ANSWER_REJECT;
    pair_begin(&p, &rq, &o, &o);
    wait_for(p.loop, has_closed, &p.requestor);
    wait_for(p.loop, has_closed, &p.acceptor);
    assert_int_equal(p.requestor.rejected, 1);
    assert_memory_equal(&p.requestor.reject, "\2\3\2", 3);
    assert_int_equal(p.requestor.established, 0);
    assert_int_equal(p.requestor.why.code, RC_OK);
    assert_int_equal(p.acceptor.why.code, RC_OK);
    pair_end(&p);
}

static void answer_may_come_later(void **fixture)
{
    (void)fixture;
    struct pair p = {0};
    struct assoc_options o = test_options();
    struct pdu_associate rq = test_request();
    struct pdu_associate ac;
    struct arena *arena = arena_new(1 << 16);
    struct err err;
    p.acceptor.mode = ANSWER_LATER;
    pair_begin(&p, &rq, &o, &o);
    wait_count(p.loop, &p.acceptor.requests, 1);
    run_for(p.loop, 20);
    assert_int_equal(p.requestor.established, 0);
    assert_int_equal(negotiate_answer(&rq, &test_policy, arena, &ac, &err), RC_OK);
    assoc_answer_accept(p.acceptor.a, &ac);
    assoc_answer_accept(p.acceptor.a, &ac); /* too late: of no consequence */
    assoc_answer_reject(p.acceptor.a, &(struct pdu_reject){1, 1, 1}, LOG_INFO,
                        &(struct err){.text = "test"});
    wait_for(p.loop, is_established, &p.requestor);
    arena_free(arena);
    pair_end(&p);
}

static void abort_of_one_side_reaches_the_other(void **fixture)
{
    (void)fixture;
    for (int by_requestor = 0; by_requestor < 2; by_requestor++) {
        struct pair p;
        struct assoc_options o = test_options();
        pair_open(&p, &o, &o);
        struct side *us = by_requestor ? &p.requestor : &p.acceptor;
        struct side *peer = by_requestor ? &p.acceptor : &p.requestor;
        const struct assoc_context *c = assoc_context_by_id(us->a, 1);
        struct dimse_command cmd = test_command(DIMSE_C_ECHO_RQ, ECHO_CLASS, 1);
        assoc_abort(us->a, ABORT_SOURCE_USER, 0, "test");
        assoc_abort(us->a, ABORT_SOURCE_USER, 0, "again");
        assoc_release(us->a);
        assert_int_equal(assoc_send(us->a, c, &cmd, NULL), RC_INVALID);
        assert_int_equal(us->closed, 0);
        wait_for(p.loop, has_closed, us);
        wait_for(p.loop, has_closed, peer);
        assert_int_equal(us->why.code, RC_CANCELED);
        assert_string_equal(us->why.text, "aborted by us: test");
        assert_int_equal(peer->why.code, RC_IO);
        assert_string_equal(peer->why.text, "aborted by the service user");
        pair_end(&p);
    }
}

static void release_collision_ends_in_order_on_both_sides(void **fixture)
{
    (void)fixture;
    struct pair p;
    struct assoc_options o = test_options();
    pair_open(&p, &o, &o);
    assoc_release(p.requestor.a);
    assoc_release(p.acceptor.a);
    wait_for(p.loop, has_closed, &p.requestor);
    wait_for(p.loop, has_closed, &p.acceptor);
    assert_int_equal(p.requestor.released + p.acceptor.released, 0);
    assert_int_equal(p.requestor.why.code, RC_OK);
    assert_int_equal(p.acceptor.why.code, RC_OK);
    pair_end(&p);
}

static void acceptor_may_release_too(void **fixture)
{
    (void)fixture;
    struct pair p;
    struct assoc_options o = test_options();
    pair_open(&p, &o, &o);
    assoc_release(p.acceptor.a);
    wait_for(p.loop, has_closed, &p.requestor);
    wait_for(p.loop, has_closed, &p.acceptor);
    assert_int_equal(p.requestor.released, 1);
    assert_int_equal(p.requestor.why.code, RC_OK);
    assert_int_equal(p.acceptor.why.code, RC_OK);
    pair_end(&p);
}

static void what_is_queued_still_leaves_before_the_release_response(void **fixture)
{
    (void)fixture;
    struct pair p;
    struct assoc_options o = test_options();
    pair_open(&p, &o, &o);
    p.acceptor.holds_release = true;
    const struct assoc_context *c = assoc_context_by_id(p.acceptor.a, 1);
    struct dimse_command rq = test_command(DIMSE_C_ECHO_RQ, ECHO_CLASS, 5);
    struct dimse_command rsp = command_response(&rq, 0);
    assoc_release(p.requestor.a);
    wait_count(p.loop, &p.acceptor.released, 1);
    assert_int_equal(assoc_send(p.acceptor.a, c, &rsp, NULL), RC_OK); /* AR-7 */
    assoc_answer_release(p.acceptor.a);
    assert_int_equal(assoc_send(p.acceptor.a, c, &rsp, NULL), RC_INVALID);
    wait_for(p.loop, has_closed, &p.requestor);
    assert_int_equal(p.requestor.messages, 1); /* AR-6 */
    assert_int_equal(p.requestor.why.code, RC_OK);
    pair_end(&p);
}

static void connection_refused_closes_with_an_io_error(void **fixture)
{
    (void)fixture;
    struct loop *l = loop_new();
    struct side s = {.loop = l};
    struct place place = place_open();
    struct assoc_options o = test_options();
    struct pdu_associate rq = test_request();
    close(place.fd);
    s.a = assoc_request(l, (struct sockaddr *)&place.addr, sizeof(place.addr), &rq, &o,
                        &side_callbacks, &s);
    assert_int_equal(s.closed, 0);
    wait_for(l, has_closed, &s);
    assert_int_equal(s.why.code, RC_IO);
    assert_int_equal(s.established + s.rejected, 0);
    side_fini(&s);
    loop_free(l);
}

static void request_that_cannot_be_encoded_closes_and_says_so(void **fixture)
{
    (void)fixture;
    static uint8_t big[70000];
    struct loop *l = loop_new();
    struct side s = {.loop = l};
    struct place place = place_open();
    struct assoc_options o = test_options();
    struct pdu_associate rq = test_request();
    rq.has_user_identity = true;
    rq.user_identity.primary = span_of(big, sizeof(big));
    s.a = assoc_request(l, (struct sockaddr *)&place.addr, sizeof(place.addr), &rq, &o,
                        &side_callbacks, &s);
    wait_for(l, has_closed, &s);
    assert_int_equal(s.why.code, RC_LIMIT);
    close(place.fd);
    side_fini(&s);
    loop_free(l);
}

static void aborting_and_releasing_before_establishment_closes(void **fixture)
{
    (void)fixture;
    for (int k = 0; k < 2; k++) {
        struct pair p = {0};
        struct assoc_options o = test_options();
        struct pdu_associate rq = test_request();
        pair_begin(&p, &rq, &o, &o);
        if (k == 0) {
            assoc_release(p.requestor.a);                            /* Sta4 */
            assoc_abort(p.acceptor.a, ABORT_SOURCE_USER, 0, "test"); /* Sta2 */
        } else {
            p.acceptor.mode = ANSWER_LATER;
            wait_count(p.loop, &p.acceptor.requests, 1);
            assoc_abort(p.requestor.a, ABORT_SOURCE_USER, 0, "test"); /* Sta5 */
            assoc_abort(p.acceptor.a, ABORT_SOURCE_USER, 0, "test");  /* Sta3 */
        }
        wait_for(p.loop, has_closed, &p.requestor);
        wait_for(p.loop, has_closed, &p.acceptor);
        assert_int_equal(p.requestor.why.code, RC_CANCELED);
        assert_int_equal(p.acceptor.why.code, RC_CANCELED);
        pair_end(&p);
    }
}

static void message_ids_are_never_zero(void **fixture)
{
    (void)fixture;
    struct pair p;
    struct assoc_options o = test_options();
    pair_open(&p, &o, &o);
    for (unsigned i = 1; i <= 65535; i++) {
        assert_int_equal(assoc_next_message_id(p.requestor.a), i);
    }
    assert_int_equal(assoc_next_message_id(p.requestor.a), 1);
    pair_end(&p);
}

static void thousands_of_messages_pass_in_order(void **fixture)
{
    (void)fixture;
    enum { COUNT = 5000 };
    struct pair p;
    struct assoc_options o = test_options();
    pair_open(&p, &o, &o);
    const struct assoc_context *c = assoc_find_context(p.requestor.a, FIND_CLASS, NULL);
    for (unsigned i = 1; i <= COUNT; i++) {
        struct dimse_command cmd = test_command(DIMSE_C_FIND_RQ, FIND_CLASS, (uint16_t)i);
        struct span data = span_of(&i, sizeof(i));
        assert_int_equal(assoc_send(p.requestor.a, c, &cmd, &data), RC_OK);
        if (i % 500 == 0) {
            wait_count(p.loop, &p.requestor.messages, i);
            assert_int_equal(p.requestor.last->command.responded_id, i);
            assert_memory_equal(p.requestor.data.data, &i, sizeof(i));
        }
    }
    assert_int_equal(p.acceptor.messages, COUNT);
    pair_end(&p);
}

static void freeing_needs_no_callback_in_any_state(void **fixture)
{
    (void)fixture;
    for (int state = 0; state < 5; state++) {
        struct pair p = {0};
        struct assoc_options o = test_options();
        struct pdu_associate rq = test_request();
        p.acceptor.mode = state == 1 ? ANSWER_LATER : ANSWER_ACCEPT;
        p.acceptor.holds_release = true;
        pair_begin(&p, &rq, &o, &o);
        if (state == 1) {
            wait_count(p.loop, &p.acceptor.requests, 1);
        } else if (state >= 2) {
            wait_for(p.loop, is_established, &p.requestor);
        }
        if (state == 3) {
            assoc_release(p.requestor.a);
            wait_count(p.loop, &p.acceptor.released, 1);
        } else if (state == 4) {
            assoc_abort(p.acceptor.a, ABORT_SOURCE_USER, 0, "test");
        }
        assoc_free(p.acceptor.a);
        p.acceptor.a = NULL;
        wait_for(p.loop, has_closed, &p.requestor); /* it notices */
        assert_int_equal(p.acceptor.closed, 0);
        pair_end(&p);
    }
    assoc_free(NULL);
}

static void owner_may_free_or_abort_in_its_callback(void **fixture)
{
    (void)fixture;
    for (int k = 0; k < 2; k++) {
        struct pair p;
        struct assoc_options o = test_options();
        pair_open(&p, &o, &o);
        p.acceptor.aborts_on_message = k == 0;
        p.acceptor.frees_on_message = k == 1;
        const struct assoc_context *c = assoc_find_context(p.requestor.a, ECHO_CLASS, NULL);
        struct dimse_command cmd = test_command(DIMSE_C_ECHO_RQ, ECHO_CLASS, 1);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(assoc_send(p.requestor.a, c, &cmd, NULL), RC_OK);
        }
        wait_for(p.loop, has_closed, &p.requestor);
        assert_int_equal(p.acceptor.messages, 1);
        assert_int_equal(p.requestor.why.code, RC_IO);
        pair_end(&p);
    }
}

/* The allocator's own figures; a sanitizer has another allocator. */
static void idle_association_is_small(void **fixture)
{
    (void)fixture;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip();
#else
    enum { COUNT = 50 };
    struct loop *l = loop_new();
    struct assoc_options o = test_options();
    struct pdu_associate rq = test_request();
    static struct side sides[COUNT];
    static struct raw raws[COUNT];
    size_t before = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        int fds[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        raw_init(&raws[i], l, fds[1]);
        buf_reserve(&raws[i].in, 1024);
        if (i == 1) {
            before = mallinfo2().uordblks; /* the first has paid for what all share */
        }
        sides[i] = (struct side){.loop = l};
        sides[i].a = assoc_accept_fd(l, fds[0], &o, &side_callbacks, &sides[i]);
        raw_request_as(&raws[i], &rq);
        assert_int_equal(raw_pdu(&raws[i]).data[0], PDU_ASSOCIATE_AC);
    }
    run_for(l, 5);
    size_t each = (mallinfo2().uordblks - before) / (COUNT - 1);
    print_message("an idle association takes %zu octets (with the test's own)\n", each);
    assert_true(each < (8 << 10) + 2048); /* the raw peer's watch and buffer are in it */
    for (unsigned i = 0; i < COUNT; i++) {
        side_fini(&sides[i]);
        raw_fini(&raws[i]);
    }
    loop_free(l);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(association_is_established_used_and_released),
        cmocka_unit_test(messages_of_all_sizes_pass_both_ways_unchanged),
        cmocka_unit_test(odd_data_set_is_padded),
        cmocka_unit_test(requestor_learns_of_a_rejection),
        cmocka_unit_test(answer_may_come_later),
        cmocka_unit_test(abort_of_one_side_reaches_the_other),
        cmocka_unit_test(release_collision_ends_in_order_on_both_sides),
        cmocka_unit_test(acceptor_may_release_too),
        cmocka_unit_test(what_is_queued_still_leaves_before_the_release_response),
        cmocka_unit_test(connection_refused_closes_with_an_io_error),
        cmocka_unit_test(request_that_cannot_be_encoded_closes_and_says_so),
        cmocka_unit_test(aborting_and_releasing_before_establishment_closes),
        cmocka_unit_test(message_ids_are_never_zero),
        cmocka_unit_test(thousands_of_messages_pass_in_order),
        cmocka_unit_test(freeing_needs_no_callback_in_any_state),
        cmocka_unit_test(owner_may_free_or_abort_in_its_callback),
        cmocka_unit_test(idle_association_is_small),
    };
    log_configure(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
