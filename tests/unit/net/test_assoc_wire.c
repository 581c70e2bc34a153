/* SPDX-License-Identifier: Apache-2.0
 *
 * net/assoc against a raw socket: which octets are sent, and what each right, wrong, early, late or
 * garbled PDU leads to in each state.
 */
#include "assoc_test.h"
#include "net/reject.h"

/* ---- establishment ---- */

static void answer_echoes_octets_11_to_74_of_the_request(void **fixture)
{
    (void)fixture;
    struct duel d;
    struct assoc_options o = test_options();
    struct pdu_associate rq = test_request();
    struct buf b;
    uint8_t sent[64];
    o.max_pdu_bytes = 12345;
    duel_begin(&d, &o);
    buf_init(&b, 0);
    pdu_encode_associate(&b, PDU_ASSOCIATE_RQ, &rq);
    b.data[7] |= 0x02; /* further versions: only bit 0 is tested */
    memcpy(b.data + 10, "  DPPR          SCU\0            ", 32);
    for (int i = 42; i < 74; i++) {
        b.data[i] = (uint8_t)i; /* reserved */
    }
    memcpy(sent, b.data + 10, 64);
    raw_send_buf(&d.r, &b);
    struct span ac = raw_pdu(&d.r);
    assert_int_equal(ac.data[0], PDU_ASSOCIATE_AC);
    assert_memory_equal(ac.data + 10, sent, 64);
    assert_string_equal(assoc_calling_aet(d.s.a), "SCU");

    struct pdu_associate got;
    struct err err;
    struct arena *arena = arena_new(1 << 16);
    assert_int_equal(
        pdu_decode_associate(span_of(ac.data + 6, ac.len - 6), PDU_ASSOCIATE_AC, arena, &got, &err),
        RC_OK);
    assert_int_equal(got.protocol_version, 1);
    assert_string_equal(got.application_context, APP_CONTEXT);
    assert_int_equal(got.max_length, 12345);
    assert_memory_equal(got.implementation_class_uid, "2.25.", 5);
    assert_memory_equal(got.implementation_version, "DPPR_", 5);
    assert_int_equal(got.context_count, 4);
    assert_int_equal(got.contexts[3].result, PC_ABSTRACT_SYNTAX_NOT_SUPPORTED);
    arena_free(arena);
    duel_end(&d);
}

static void unacceptable_requests_are_rejected_with_their_reason(void **fixture)
{
    (void)fixture;
    static const struct {
        uint16_t version;
        const char *app;
        const char *called;
        const char *calling;
        uint32_t max;
        struct pdu_reject want;
    } cases[] = {
        {0, APP_CONTEXT, "DPPR", "SCU", 0, {1, 2, 2}},
        {2, APP_CONTEXT, "DPPR", "SCU", 0, {1, 2, 2}},
        {1, "1.2.840.10008.3.1.1.2", "DPPR", "SCU", 0, {1, 1, 2}},
        {1, NULL, "DPPR", "SCU", 0, {1, 1, 2}},
        {1, APP_CONTEXT, "", "SCU", 0, {1, 1, 7}},
        {1, APP_CONTEXT, "DPPR", "", 0, {1, 1, 3}},
        {1, APP_CONTEXT, "A\\B", "SCU", 0, {1, 1, 7}},
        {1, APP_CONTEXT, "DPPR", "A\nB", 0, {1, 1, 3}},
        {1, APP_CONTEXT, "DPPR", "\xC4", 0, {1, 1, 3}},
        {1, APP_CONTEXT, "DPPR", "SCU", 63, {1, 2, 1}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct duel d;
        struct assoc_options o = test_options();
        struct pdu_associate rq = test_request();
        struct metric_at reason = {.a = reject_find(&cases[i].want)};
        int64_t all = metric_get(METRIC_associations_rejected),
                before = metric_get_at(METRIC_associations_rejected, reason);
        rq.protocol_version = cases[i].version;
        rq.application_context = cases[i].app;
        strcpy(rq.called_aet, cases[i].called);
        strcpy(rq.calling_aet, cases[i].calling);
        rq.max_length = cases[i].max;
        duel_begin(&d, &o);
        raw_request_as(&d.r, &rq);
        struct span pdu = raw_pdu(&d.r);
        assert_int_equal(pdu.len, 10);
        assert_int_equal(pdu.data[0], PDU_ASSOCIATE_RJ);
        assert_memory_equal(pdu.data + 7, &cases[i].want, 3);
        assert_int_equal(d.s.requests, 0);
        assert_int_equal(d.s.closed, 0); /* Sta13: the peer closes */
        duel_hang_up(&d);
        assert_int_equal(d.s.why.code, RC_OK);
        assert_int_equal(metric_get_at(METRIC_associations_rejected, reason), before + 1);
        assert_int_equal(metric_get(METRIC_associations_rejected), all + 1);
        const struct pdu_reject *code = &reject_of((enum reject)reason.a)->code;
        assert_memory_equal(code, &cases[i].want, sizeof(*code));
        duel_end(&d);
    }
}

static void even_context_ids_abort_the_association(void **fixture)
{
    (void)fixture;
    struct duel d;
    struct assoc_options o = test_options();
    struct pdu_associate rq = test_request();
    rq.contexts[1].id = 2;
    duel_begin(&d, &o);
    raw_request_as(&d.r, &rq);
    raw_expect_abort(&d.r, ABORT_SOURCE_PROVIDER, ABORT_INVALID_PARAMETER);
    duel_end(&d);
}

static void a_dialog_in_single_octets_is_the_same_dialog(void **fixture)
{
    (void)fixture;
    struct duel d;
    struct assoc_options o = test_options();
    struct pdu_associate rq = test_request();
    struct dimse_command cmd = test_command(DIMSE_C_FIND_RQ, FIND_CLASS, 9);
    struct buf b;
    duel_begin(&d, &o);
    buf_init(&b, 0);
    pdu_encode_associate(&b, PDU_ASSOCIATE_RQ, &rq);
    cmd.has_dataset = true;
    add_command_pdu(&b, 3, &cmd);
    add_pdata(&b, 3, false, false, span_str("abcd"));
    add_pdata(&b, 3, false, true, span_str("ef"));
    pdu_encode_release(&b, PDU_RELEASE_RQ);
    for (size_t i = 0; i < b.len; i++) {
        raw_send(&d.r, b.data + i, 1);
        run_for(d.loop, 1);
    }
    buf_fini(&b);
    assert_int_equal(raw_pdu(&d.r).data[0], PDU_ASSOCIATE_AC);
    assert_int_equal(raw_pdu(&d.r).data[0], PDU_P_DATA_TF);
    assert_int_equal(raw_pdu(&d.r).data[0], PDU_RELEASE_RP);
    assert_true(span_equal_str(buf_span(&d.s.data), "abcdef"));
    duel_hang_up(&d);
    assert_int_equal(d.s.why.code, RC_OK);
    duel_end(&d);
}

/* ---- sending ---- */

static void small_message_is_one_pdu_with_two_pdvs(void **fixture)
{
    (void)fixture;
    struct duel d;
    struct assoc_options o = test_options();
    struct pdu_pdv pdv;
    struct err err;
    struct dimse_command rq = test_command(DIMSE_C_FIND_RQ, FIND_CLASS, 3), got;
    struct dimse_command rsp = command_response(&rq, 0xFF00);
    struct span data = span_str("12345678");
    duel_open(&d, &o);
    assert_int_equal(assoc_send(d.s.a, assoc_context_by_id(d.s.a, 3), &rsp, &data), RC_OK);
    struct span pdu = raw_pdu(&d.r);
    assert_int_equal(pdu.data[0], PDU_P_DATA_TF);
    struct span rest = span_of(pdu.data + 6, pdu.len - 6);
    ssize_t n = next_pdv(rest, &pdv, &err);
    assert_true(n > 0 && pdv.is_command && pdv.is_last && pdv.context_id == 3);
    assert_int_equal(command_decode(pdv.fragment, &got, &err), RC_OK);
    assert_true(got.has_dataset);
    assert_int_equal(got.status, 0xFF00);
    rest = span_of(rest.data + n, rest.len - (size_t)n);
    n = next_pdv(rest, &pdv, &err);
    assert_int_equal(n, rest.len);
    assert_true(!pdv.is_command && pdv.is_last && pdv.context_id == 3);
    assert_true(span_equal_str(pdv.fragment, "12345678"));
    run_for(d.loop, 5);
    assert_int_equal(d.r.in.len, 0);
    duel_end(&d);
}

/* Whole messages again from PDUs, checking the maximum and the even length of each fragment. */
static void fragments_respect_the_peers_maximum(void **fixture)
{
    (void)fixture;
    static const uint32_t maxima[] = {64, 65, 101, 255, 1000, 4097, 16383};
    static uint8_t data[30000];
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 7);
    }
    for (size_t m = 0; m < sizeof(maxima) / sizeof(maxima[0]); m++) {
        /* around the size at which all fits one PDU, and far from it */
        for (size_t len = 0; len < sizeof(data); len += len < 1200 ? 46 : 9600) {
            struct duel d;
            struct assoc_options o = test_options();
            struct pdu_associate rq = test_request();
            struct dimse_command cmd = test_command(DIMSE_C_FIND_RQ, FIND_CLASS, 3);
            struct dimse_command rsp = command_response(&cmd, 0xFF00);
            struct span span = span_of(data, len);
            struct buf command, content;
            bool is_done = false;
            buf_init(&command, 0);
            buf_init(&content, 0);
            rq.max_length = maxima[m];
            duel_begin(&d, &o);
            raw_request_as(&d.r, &rq);
            assert_int_equal(raw_pdu(&d.r).data[0], PDU_ASSOCIATE_AC);
            assert_int_equal(assoc_send(d.s.a, assoc_context_by_id(d.s.a, 3), &rsp, &span), RC_OK);
            while (!is_done) {
                struct span pdu = raw_pdu(&d.r);
                struct pdu_pdv pdv;
                struct err err;
                assert_true(pdu.len - 6 <= maxima[m]);
                for (struct span rest = span_of(pdu.data + 6, pdu.len - 6); rest.len > 0;) {
                    ssize_t n = next_pdv(rest, &pdv, &err);
                    assert_true(n > 0);
                    assert_int_equal(pdv.fragment.len % 2, 0);
                    assert_false(is_done);
                    buf_add_span(pdv.is_command ? &command : &content, pdv.fragment);
                    is_done = pdv.is_last && !pdv.is_command;
                    rest = span_of(rest.data + n, rest.len - (size_t)n);
                }
            }
            struct dimse_command got;
            struct err err;
            assert_int_equal(command_decode(buf_span(&command), &got, &err), RC_OK);
            assert_true(span_equal(buf_span(&content), span));
            buf_fini(&command);
            buf_fini(&content);
            duel_end(&d);
        }
    }
}

/* ---- receiving ---- */

static void odd_and_empty_fragments_are_tolerated(void **fixture)
{
    (void)fixture;
    struct duel d;
    struct assoc_options o = test_options();
    struct dimse_command cmd = test_command(DIMSE_C_FIND_RQ, FIND_CLASS, 9);
    struct buf b, set;
    buf_init(&set, 0);
    buf_init(&b, 0);
    cmd.has_dataset = true;
    encode_command(&set, &cmd);
    duel_open(&d, &o);
    add_pdata(&b, 3, true, false, span_of(set.data, 7));
    add_pdata(&b, 3, true, false, span_of(NULL, 0));
    add_pdata(&b, 3, true, false, span_of(set.data + 7, set.len - 7));
    add_pdata(&b, 3, true, true, span_of(NULL, 0)); /* the last one may be empty */
    buf_add(&b, "\4\0\0\0\0\0", 6);                 /* a P-DATA-TF without PDV */
    add_pdata(&b, 3, false, false, span_of(NULL, 0));
    add_pdata(&b, 3, false, false, span_str("abc"));
    add_pdata(&b, 3, false, false, span_str("d"));
    add_pdata(&b, 3, false, true, span_of(NULL, 0));
    raw_send_buf(&d.r, &b);
    wait_count(d.loop, &d.s.messages, 1);
    assert_true(span_equal_str(buf_span(&d.s.data), "abcd"));
    assert_int_equal(d.s.last->command.message_id, 9);
    buf_fini(&set);
    duel_end(&d);
}

static void several_messages_in_one_read_are_all_taken(void **fixture)
{
    (void)fixture;
    struct duel d;
    struct assoc_options o = test_options();
    struct buf b;
    duel_open(&d, &o);
    buf_init(&b, 0);
    for (uint16_t i = 1; i <= 20; i++) {
        struct dimse_command cmd = test_command(DIMSE_C_ECHO_RQ, ECHO_CLASS, i);
        add_command_pdu(&b, 1, &cmd);
    }
    raw_send_buf(&d.r, &b);
    for (uint16_t i = 1; i <= 20; i++) {
        struct dimse_command got;
        struct err err;
        struct span pdu = raw_pdu(&d.r);
        assert_int_equal(command_decode(span_of(pdu.data + 12, pdu.len - 12), &got, &err), RC_OK);
        assert_int_equal(got.responded_id, i);
    }
    duel_end(&d);
}

static void data_set_at_its_limit_passes_and_beyond_is_drained(void **fixture)
{
    (void)fixture;
    static uint8_t data[3000];
    for (int over = 0; over < 2; over++) {
        struct duel d;
        struct assoc_options o = test_options();
        struct dimse_command cmd = test_command(DIMSE_C_FIND_RQ, FIND_CLASS, 9);
        struct buf b;
        cmd.has_dataset = true;
        o.max_dataset_bytes = over ? 2999 : 3000;
        duel_open(&d, &o);
        d.s.replies = false;
        buf_init(&b, 0);
        add_command_pdu(&b, 3, &cmd);
        add_pdata(&b, 3, false, false, span_of(data, 1000));
        add_pdata(&b, 3, false, false, span_of(data, 1999));
        add_pdata(&b, 3, false, true, span_of(data, 1));
        raw_send_buf(&d.r, &b);
        wait_count(d.loop, &d.s.messages, 1);
        assert_int_equal(d.s.last->dataset_too_big, over);
        assert_int_equal(d.s.last->dataset.len, over ? 0 : 3000);
        assert_int_equal(d.s.last->command_rc, RC_OK);
        d.s.replies = true;
        raw_echo(&d.r, 5); /* life goes on */
        assert_int_equal(raw_pdu(&d.r).data[0], PDU_P_DATA_TF);
        duel_end(&d);
    }
}

static void faulty_command_with_an_id_is_delivered_and_without_aborts(void **fixture)
{
    (void)fixture;
    struct duel d;
    struct assoc_options o = test_options();
    struct dimse_command cmd = test_command(DIMSE_C_FIND_RQ, FIND_CLASS, 9);
    struct buf b;
    cmd.has &= ~(unsigned)CMD_HAS_SOP_CLASS; /* mandatory */
    duel_open(&d, &o);
    buf_init(&b, 0);
    add_command_pdu(&b, 3, &cmd);
    raw_send_buf(&d.r, &b);
    wait_count(d.loop, &d.s.messages, 1);
    assert_int_equal(d.s.last->command_rc, RC_INVALID);
    assert_int_equal(d.s.last->command_err.tag, 0x0002);
    assert_int_equal(d.s.last->command.message_id, 9);

    buf_init(&b, 0);
    add_pdata(&b, 3, true, true, span_str("no command set at all"));
    raw_send_buf(&d.r, &b);
    raw_expect_abort(&d.r, ABORT_SOURCE_PROVIDER, ABORT_INVALID_PARAMETER);
    assert_int_equal(d.s.messages, 1);
    duel_hang_up(&d);
    assert_int_equal(d.s.why.code, RC_INVALID);
    duel_end(&d);
}

/* Broken P-DATA in Sta6: each must end in one A-ABORT by the provider. */
static void broken_messages_abort(void **fixture)
{
    (void)fixture;
    struct dimse_command cmd = test_command(DIMSE_C_FIND_RQ, FIND_CLASS, 9);
    struct assoc_options o = test_options();
    cmd.has_dataset = true;
    o.max_pdu_bytes = 4096;
    o.max_command_bytes = 600;
    static uint8_t zeros[700];
    for (int k = 0; k < 13; k++) {
        struct duel d;
        struct buf b;
        uint8_t want = ABORT_INVALID_PARAMETER;
        enum limit limit = LIMIT_NONE;
        buf_init(&b, 0);
        switch (k) {
        case 0: /* a context that was not accepted */
            add_command_pdu(&b, 7, &cmd);
            break;
        case 1: /* one that was never proposed */
            add_command_pdu(&b, 99, &cmd);
            break;
        case 2: /* an even one */
            add_command_pdu(&b, 2, &cmd);
            break;
        case 3: /* a data set without command */
            add_pdata(&b, 3, false, true, span_str("data"));
            want = ABORT_UNEXPECTED_PARAMETER;
            break;
        case 4: /* a command instead of the data set */
            add_command_pdu(&b, 3, &cmd);
            add_command_pdu(&b, 3, &cmd);
            want = ABORT_UNEXPECTED_PARAMETER;
            break;
        case 5: /* the data set on another context */
            add_command_pdu(&b, 3, &cmd);
            add_pdata(&b, 5, false, true, span_str("data"));
            want = ABORT_UNEXPECTED_PARAMETER;
            break;
        case 6: /* the command on two contexts */
            add_pdata(&b, 3, true, false, span_str("\0\0"));
            add_pdata(&b, 1, true, true, span_str("\0\0"));
            want = ABORT_UNEXPECTED_PARAMETER;
            break;
        case 7: /* a data set inside the command */
            add_pdata(&b, 3, true, false, span_str("\0\0"));
            add_pdata(&b, 3, false, true, span_str("\0\0"));
            want = ABORT_UNEXPECTED_PARAMETER;
            break;
        case 8: /* a PDU longer than we have offered */
            buf_add(&b, "\4\0\0\0\x10\1", 6);
            limit = LIMIT_max_pdu;
            break;
        case 9: /* a PDV longer than its PDU */
            buf_add(&b, "\4\0\0\0\0\7\0\0\0\4\3\1x", 13);
            break;
        case 10: /* octets behind the last PDV */
            buf_add(&b, "\4\0\0\0\0\x08\0\0\0\2\3\1xx", 14);
            break;
        case 11: /* a PDV without room for its header */
            buf_add(&b, "\4\0\0\0\0\6\0\0\0\1\3\1", 12);
            break;
        case 12: /* a command set beyond the limit, in two pieces */
            add_pdata(&b, 3, true, false, span_of(zeros, 500));
            add_pdata(&b, 3, true, false, span_of(zeros, 200));
            limit = LIMIT_max_command;
            break;
        }
        int64_t errors = metric_get(METRIC_protocol_errors), strikes = limit_count(limit);
        duel_open(&d, &o);
        raw_send_buf(&d.r, &b);
        raw_expect_abort(&d.r, ABORT_SOURCE_PROVIDER, want);
        assert_int_equal(d.s.messages, 0);
        assert_int_equal(metric_get(METRIC_protocol_errors), errors + !limit);
        assert_int_equal(limit_count(limit), strikes + !!limit);
        raw_echo(&d.r, 1); /* nobody listens */
        run_for(d.loop, 5);
        assert_int_equal(d.r.in.len, 0);
        duel_hang_up(&d);
        assert_int_equal(d.s.why.code, limit ? RC_LIMIT : RC_INVALID);
        assert_int_equal(d.s.messages, 0);
        duel_end(&d);
    }
}

static void command_set_in_one_piece_beyond_the_limit_aborts(void **fixture)
{
    (void)fixture;
    struct duel d;
    struct assoc_options o = test_options();
    struct buf b;
    static uint8_t zeros[700];
    o.max_command_bytes = 600;
    duel_open(&d, &o);
    buf_init(&b, 0);
    add_pdata(&b, 3, true, true, span_of(zeros, sizeof(zeros)));
    raw_send_buf(&d.r, &b);
    raw_expect_abort(&d.r, ABORT_SOURCE_PROVIDER, ABORT_INVALID_PARAMETER);
    duel_end(&d);
}

static void unlimited_pdus_are_taken_without_a_second_buffer(void **fixture)
{
    (void)fixture;
    struct duel d;
    struct assoc_options o = test_options();
    struct dimse_command cmd = test_command(DIMSE_C_FIND_RQ, FIND_CLASS, 9);
    struct buf b;
    size_t len = 3 << 20; /* one PDU, larger than the input the stream keeps */
    uint8_t *data = calloc(1, len);
    o.max_pdu_bytes = 0;
    cmd.has_dataset = true;
    duel_open(&d, &o);
    d.s.replies = false;
    data[len - 1] = 'z';
    buf_init(&b, 0);
    add_command_pdu(&b, 3, &cmd);
    add_pdata(&b, 3, false, true, span_of(data, len));
    raw_send_buf(&d.r, &b);
    wait_count(d.loop, &d.s.messages, 1);
    assert_int_equal(d.s.data.len, len);
    assert_memory_equal(d.s.data.data, data, len);
    free(data);
    duel_end(&d);
}

/* ---- every PDU in every state an acceptor can be brought to ---- */

enum place_in_life { IN_STA2, IN_STA3, IN_STA6, IN_STA7, IN_STA8, IN_STA13, PLACES };

static void bring_to(struct duel *d, enum place_in_life place, const struct assoc_options *o)
{
    struct pdu_associate rq = test_request();
    duel_begin(d, o);
    d->s.mode = place == IN_STA3 ? ANSWER_LATER : ANSWER_ACCEPT;
    d->s.holds_release = true;
    if (place == IN_STA2) {
        return;
    }
    raw_request_as(&d->r, &rq);
    wait_count(d->loop, &d->s.requests, 1);
    if (place == IN_STA3) {
        return;
    }
    assert_int_equal(raw_pdu(&d->r).data[0], PDU_ASSOCIATE_AC);
    if (place == IN_STA7) {
        assoc_release(d->s.a);
        assert_int_equal(raw_pdu(&d->r).data[0], PDU_RELEASE_RQ);
    } else if (place == IN_STA8) {
        raw_release(&d->r, PDU_RELEASE_RQ);
        wait_count(d->loop, &d->s.released, 1);
    } else if (place == IN_STA13) {
        assoc_abort(d->s.a, ABORT_SOURCE_USER, 0, "test");
        raw_expect_abort(&d->r, ABORT_SOURCE_USER, 0);
    }
}

enum outcome {
    FINE,      /* goes on */
    USER,      /* AA-1: A-ABORT by the user */
    PROVIDER2, /* AA-8: unexpected PDU */
    PROVIDER1, /* AA-8: unrecognised PDU */
    PROVIDER6, /* AA-8: invalid parameter */
    CLOSES,    /* the transport is closed */
    SILENT,    /* ignored */
};

static void each_pdu_in_each_state_does_what_the_table_says(void **fixture)
{
    (void)fixture;
    struct pdu_associate rq = test_request();
    struct dimse_command cmd = test_command(DIMSE_C_ECHO_RQ, ECHO_CLASS, 1);
    enum {
        RQ,
        AC,
        RJ,
        PDATA,
        RELEASE_RQ,
        RELEASE_RP,
        ABORT,
        UNKNOWN,
        SHORT_ABORT,
        LONG_RQ,
        BAD_RQ,
        KINDS
    };
    static const enum outcome want[PLACES][KINDS] = {
        /*            RQ         AC         RJ         P-DATA     REL-RQ     REL-RP     ABORT   unknown    ABORT/3    RQ/2^32    RQ/bad */
        [IN_STA2] = {FINE, USER, USER, USER, USER, USER, CLOSES, USER, USER, USER, USER},
        [IN_STA3] = {PROVIDER2, PROVIDER2, PROVIDER2, PROVIDER2, PROVIDER2, PROVIDER2, CLOSES,
                     PROVIDER1, PROVIDER6, PROVIDER6, PROVIDER2},
        [IN_STA6] = {PROVIDER2, PROVIDER2, PROVIDER2, FINE, FINE, PROVIDER2, CLOSES, PROVIDER1,
                     PROVIDER6, PROVIDER6, PROVIDER2},
        [IN_STA7] = {PROVIDER2, PROVIDER2, PROVIDER2, FINE, FINE, CLOSES, CLOSES, PROVIDER1,
                     PROVIDER6, PROVIDER6, PROVIDER2},
        [IN_STA8] = {PROVIDER2, PROVIDER2, PROVIDER2, PROVIDER2, PROVIDER2, PROVIDER2, CLOSES,
                     PROVIDER1, PROVIDER6, PROVIDER6, PROVIDER2},
        [IN_STA13] = {SILENT, SILENT, SILENT, SILENT, SILENT, SILENT, CLOSES, SILENT, SILENT,
                      SILENT, SILENT},
    };
    for (int place = 0; place < PLACES; place++) {
        for (int kind = 0; kind < KINDS; kind++) {
            struct duel d;
            struct assoc_options o = test_options();
            struct buf b;
            buf_init(&b, 0);
            switch (kind) {
            case RQ:
                pdu_encode_associate(&b, PDU_ASSOCIATE_RQ, &rq);
                break;
            case AC:
                pdu_encode_associate(&b, PDU_ASSOCIATE_AC, &rq);
                break;
            case RJ:
                pdu_encode_reject(&b, &(struct pdu_reject){1, 1, 1});
                break;
            case PDATA:
                add_command_pdu(&b, 1, &cmd);
                break;
            case RELEASE_RQ:
            case RELEASE_RP:
                pdu_encode_release(&b, kind == RELEASE_RQ ? PDU_RELEASE_RQ : PDU_RELEASE_RP);
                break;
            case ABORT:
                pdu_encode_abort(&b, &(struct pdu_abort){2, 1});
                break;
            case UNKNOWN:
                buf_add(&b, "\x0A\0\0\0\0\0", 6);
                break;
            case SHORT_ABORT:
                buf_add(&b, "\7\0\0\0\0\3\0\0\0", 9);
                break;
            case LONG_RQ:
                buf_add(&b, "\1\0\xFF\xFF\xFF\xFF", 6);
                break;
            case BAD_RQ:
                buf_add(&b, "\1\0\0\0\0\4abcd", 10);
                break;
            }
            bring_to(&d, (enum place_in_life)place, &o);
            raw_send_buf(&d.r, &b);
            switch (want[place][kind]) {
            case FINE:
                run_for(d.loop, 3);
                assert_int_equal(d.s.closed, 0);
                assert_true(d.r.in.len == 0 || d.r.in.data[0] != PDU_ABORT);
                break;
            case USER:
                raw_expect_abort(&d.r, ABORT_SOURCE_USER, 0);
                break;
            case PROVIDER1:
            case PROVIDER2:
                raw_expect_abort(&d.r, ABORT_SOURCE_PROVIDER,
                                 want[place][kind] == PROVIDER1 ? 1 : 2);
                break;
            case PROVIDER6:
                raw_expect_abort(&d.r, ABORT_SOURCE_PROVIDER, ABORT_INVALID_PARAMETER);
                break;
            case CLOSES:
                wait_for(d.loop, has_closed, &d.s);
                wait_for(d.loop, raw_is_closed, &d.r);
                assert_int_equal(d.r.in.len, 0);
                break;
            case SILENT:
                run_for(d.loop, 3);
                assert_int_equal(d.r.in.len, 0); /* one A-ABORT is enough */
                assert_int_equal(d.s.closed, 0);
                break;
            }
            if (d.s.closed == 0) {
                duel_hang_up(&d);
            }
            assert_int_equal(d.s.closed, 1);
            duel_end(&d);
        }
    }
}

static void the_peer_may_vanish_in_every_state(void **fixture)
{
    (void)fixture;
    for (int place = 0; place < PLACES; place++) {
        for (int half = 0; half < 2; half++) {
            struct duel d;
            struct assoc_options o = test_options();
            bring_to(&d, (enum place_in_life)place, &o);
            if (half) {
                raw_send(&d.r, "\4\0\0", 3); /* inside a header */
                run_for(d.loop, 2);
            }
            duel_hang_up(&d);
            assert_int_equal(d.s.why.code, place == IN_STA13 ? RC_CANCELED : RC_IO);
            duel_end(&d);
        }
    }
}

/* ---- release collision, octet by octet ---- */

/* The owner may be in the middle of reading the request when the peer breaks off. */
static void request_lives_until_its_late_answer_or_the_end(void **fixture)
{
    (void)fixture;
    for (int k = 0; k < 4; k++) {
        struct duel d;
        struct assoc_options o = test_options();
        struct pdu_associate rq = test_request();
        duel_begin(&d, &o);
        d.s.mode = ANSWER_LATER;
        raw_request_as(&d.r, &rq);
        wait_count(d.loop, &d.s.requests, 1);
        assert_non_null(d.s.rq);
        if (k < 2) {
            raw_release(&d.r, PDU_RELEASE_RQ); /* out of turn: Sta13 */
            raw_expect_abort(&d.r, ABORT_SOURCE_PROVIDER, ABORT_UNEXPECTED_PDU);
        }
        if (k > 0) {
            assert_string_equal(d.s.rq->calling_aet, "SCU");
            assert_string_equal(d.s.rq->contexts[1].abstract_syntax, FIND_CLASS);
        }
        if (k == 1) {
            answer(&d.s, d.s.a, d.s.rq); /* too late, and harmless */
        } else if (k == 2) {
            assoc_answer_reject(d.s.a, &(struct pdu_reject){1, 1, 3}, LOG_INFO,
                                &(struct err){.text = "test"});
            assert_int_equal(raw_pdu(&d.r).data[0], PDU_ASSOCIATE_RJ);
        }
        duel_hang_up(&d);
        duel_end(&d);
    }
}

static void collision_of_an_acceptor_waits_for_the_peers_response_first(void **fixture)
{
    (void)fixture;
    struct duel d;
    struct assoc_options o = test_options();
    bring_to(&d, IN_STA7, &o);
    raw_release(&d.r, PDU_RELEASE_RQ); /* AR-8: Sta10 */
    run_for(d.loop, 5);
    assert_int_equal(d.r.in.len, 0);
    assert_int_equal(d.s.released, 0);
    raw_release(&d.r, PDU_RELEASE_RP); /* AR-10: Sta12, then AR-4 */
    assert_int_equal(raw_pdu(&d.r).data[0], PDU_RELEASE_RP);
    duel_hang_up(&d);
    assert_int_equal(d.s.why.code, RC_OK);
    duel_end(&d);
}

/* ---- the requestor against a raw acceptor ---- */

struct hunt {
    struct loop *loop;
    struct place place;
    struct side s;
    struct raw r;
};

static void hunt_begin(struct hunt *h, const struct pdu_associate *rq,
                       const struct assoc_options *o)
{
    memset(h, 0, sizeof(*h));
    h->loop = loop_new();
    h->place = place_open();
    h->s.loop = h->loop;
    h->s.a = assoc_request(h->loop, (struct sockaddr *)&h->place.addr, sizeof(h->place.addr), rq, o,
                           &side_callbacks, &h->s);
    raw_init(&h->r, h->loop, accept(h->place.fd, NULL, NULL));
    assert_int_equal(raw_pdu(&h->r).data[0], PDU_ASSOCIATE_RQ);
}

static void hunt_answer(struct hunt *h, const struct pdu_associate *ac)
{
    struct buf b;
    buf_init(&b, 0);
    pdu_encode_associate(&b, PDU_ASSOCIATE_AC, ac);
    raw_send_buf(&h->r, &b);
}

static void hunt_end(struct hunt *h)
{
    side_fini(&h->s);
    raw_fini(&h->r);
    close(h->place.fd);
    loop_free(h->loop);
}

static struct pdu_associate plain_answer(void)
{
    static const char *ele[] = {ELE};
    static struct pdu_context contexts[1];
    contexts[0] = (struct pdu_context){1, PC_ACCEPTED, NULL, ele, 1};
    return (struct pdu_associate){.protocol_version = 1,
                                  .application_context = APP_CONTEXT,
                                  .contexts = contexts,
                                  .context_count = 1};
}

static void collision_of_a_requestor_answers_first(void **fixture)
{
    (void)fixture;
    struct hunt h;
    struct assoc_options o = test_options();
    struct pdu_associate rq = test_request(), ac = plain_answer();
    hunt_begin(&h, &rq, &o);
    hunt_answer(&h, &ac);
    wait_for(h.loop, is_established, &h.s);
    assoc_release(h.s.a);
    assert_int_equal(raw_pdu(&h.r).data[0], PDU_RELEASE_RQ);
    raw_release(&h.r, PDU_RELEASE_RQ); /* AR-8: Sta9, AR-9: Sta11 */
    assert_int_equal(raw_pdu(&h.r).data[0], PDU_RELEASE_RP);
    assert_int_equal(h.s.closed, 0);
    raw_release(&h.r, PDU_RELEASE_RP); /* AR-3 */
    wait_for(h.loop, has_closed, &h.s);
    assert_int_equal(h.s.why.code, RC_OK);
    hunt_end(&h);
}

static void request_carries_what_is_filled_in(void **fixture)
{
    (void)fixture;
    struct loop *l = loop_new();
    struct place place = place_open();
    struct side s = {.loop = l};
    struct raw r;
    struct assoc_options o = test_options();
    struct pdu_associate rq = test_request(), got;
    struct err err;
    struct arena *arena = arena_new(1 << 16);
    o.max_pdu_bytes = 54321;
    rq.protocol_version = 0;
    rq.application_context = NULL;
    rq.has_max_length = false;
    rq.implementation_class_uid = NULL;
    s.a = assoc_request(l, (struct sockaddr *)&place.addr, sizeof(place.addr), &rq, &o,
                        &side_callbacks, &s);
    raw_init(&r, l, accept(place.fd, NULL, NULL));
    struct span pdu = raw_pdu(&r);
    assert_int_equal(pdu_decode_associate(span_of(pdu.data + 6, pdu.len - 6), PDU_ASSOCIATE_RQ,
                                          arena, &got, &err),
                     RC_OK);
    assert_int_equal(got.protocol_version, 1);
    assert_string_equal(got.application_context, APP_CONTEXT);
    assert_int_equal(got.max_length, 54321);
    assert_non_null(got.implementation_class_uid);
    assert_string_equal(got.called_aet, "DPPR");
    assert_int_equal(got.context_count, 4);
    arena_free(arena);
    side_fini(&s);
    raw_fini(&r);
    close(place.fd);
    loop_free(l);
}

static void acceptor_grants_no_more_than_was_asked(void **fixture)
{
    (void)fixture;
    static const char *jpeg[] = {"1.2.840.10008.1.2.4.50"};
    static const char *ile[] = {ILE};
    struct pdu_context contexts[] = {
        {1, PC_ACCEPTED, NULL, jpeg, 1}, /* a transfer syntax that was not offered */
        {3, PC_ACCEPTED, NULL, ile, 1},  {3, PC_NO_REASON, NULL, ile, 1}, /* the first counts */
        {99, PC_ACCEPTED, NULL, ile, 1},                                  /* never proposed */
        {4, PC_ACCEPTED, NULL, ile, 1},
    };
    struct pdu_role role = {FIND_CLASS, 0, 1}; /* not proposed */
    struct pdu_extended extended = {"1.2.3.4", {(const uint8_t *)"x", 1}};
    struct hunt h;
    struct assoc_options o = test_options();
    struct pdu_associate rq = test_request(), ac = plain_answer();
    ac.contexts = contexts;
    ac.context_count = 5;
    ac.roles = &role;
    ac.role_count = 1;
    ac.extended = &extended;
    ac.extended_count = 1;
    ac.has_async_window = true;
    ac.max_ops_invoked = 9;
    hunt_begin(&h, &rq, &o);
    hunt_answer(&h, &ac);
    wait_for(h.loop, is_established, &h.s);
    assert_false(assoc_context_by_id(h.s.a, 1)->accepted);
    assert_true(assoc_context_by_id(h.s.a, 3)->accepted);
    assert_true(assoc_context_by_id(h.s.a, 3)->local_scu);
    assert_false(assoc_context_by_id(h.s.a, 3)->local_scp);
    assert_false(assoc_context_by_id(h.s.a, 5)->accepted);
    assert_null(assoc_context_by_id(h.s.a, 99));
    struct span info;
    assert_false(assoc_peer_extended(h.s.a, "1.2.3.4", &info));
    uint16_t we, peer;
    assoc_async_window(h.s.a, &we, &peer);
    assert_int_equal(we, 1);
    assert_int_equal(peer, 1);
    hunt_end(&h);
}

static void bad_answers_abort_the_requestor(void **fixture)
{
    (void)fixture;
    static const char *two[] = {ILE, ELE};
    for (int k = 0; k < 7; k++) {
        struct hunt h;
        struct assoc_options o = test_options();
        struct pdu_associate rq = test_request(), ac = plain_answer();
        uint8_t want = ABORT_INVALID_PARAMETER;
        hunt_begin(&h, &rq, &o);
        switch (k) {
        case 0: /* accepted with two transfer syntaxes */
            ac.contexts[0] = (struct pdu_context){1, PC_ACCEPTED, NULL, two, 2};
            hunt_answer(&h, &ac);
            break;
        case 1:
            ac.protocol_version = 2;
            hunt_answer(&h, &ac);
            break;
        case 2: /* no room for a fragment */
            ac.has_max_length = true;
            ac.max_length = 9;
            hunt_answer(&h, &ac);
            break;
        case 3:
            raw_send(&h.r, "\2\0\0\0\0\3abc", 9);
            break;
        case 4: /* longer than max_associate_bytes */
            raw_send(&h.r, "\2\0\x7F\0\0\0", 6);
            break;
        case 5:
            raw_request_as(&h.r, &rq);
            want = ABORT_UNEXPECTED_PDU;
            break;
        case 6:
            raw_send(&h.r, "HTTP/1.1 400 Bad Request\r\n", 26);
            want = ABORT_UNRECOGNIZED_PDU;
            break;
        }
        raw_expect_abort(&h.r, ABORT_SOURCE_PROVIDER, want);
        assert_int_equal(h.s.established, 0);
        loop_watch_free(h.r.watch);
        h.r.watch = NULL;
        close(h.r.fd);
        h.r.fd = -1;
        wait_for(h.loop, has_closed, &h.s);
        assert_int_equal(h.s.why.code, k == 4 ? RC_LIMIT : RC_INVALID);
        assert_int_equal(h.s.why.limit, k == 4 ? LIMIT_max_associate : LIMIT_NONE);
        hunt_end(&h);
    }
}

/* ---- not DICOM at all ---- */

static void other_protocols_are_named_and_closed(void **fixture)
{
    (void)fixture;
    static const struct {
        const char *octets;
        enum talk talk;
        const char *why;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", TALK_http,
         "an HTTP request on the DICOM port; HTTP is on port 8080"},
        {"POST / HTTP/1.1\r\n\r\n", TALK_http,
         "an HTTP request on the DICOM port; HTTP is on port 8080"},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", TALK_http2, "an HTTP/2 connection on the DICOM port"},
        {"\x16\x03\x01\x02\x01\x01\x01", TALK_tls, "a TLS hello on the DICOM port"},
        {"SSH-2.0-OpenSSH_9.2\r\n", TALK_ssh, "an SSH client on the DICOM port"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct duel d;
        struct assoc_options o = test_options();
        int64_t before = talk_count(cases[i].talk);
        o.http_port = 8080;
        duel_begin(&d, &o);
        raw_send(&d.r, cases[i].octets, strlen(cases[i].octets));
        wait_for(d.loop, has_closed, &d.s);
        wait_for(d.loop, raw_is_closed, &d.r);
        assert_int_equal(d.r.in.len, 0);
        assert_int_equal(d.s.why.code, RC_INVALID);
        assert_string_equal(d.s.why.text, cases[i].why);
        assert_int_equal(talk_count(cases[i].talk), before + 1);
        duel_end(&d);
    }
}

static void noise_is_counted_and_aborted(void **fixture)
{
    (void)fixture;
    struct duel d;
    struct assoc_options o = test_options();
    int64_t before = talk_count(TALK_noise);
    duel_begin(&d, &o);
    raw_send(&d.r, "\xDE\xAD\xBE\xEF..........", 14);
    raw_expect_abort(&d.r, ABORT_SOURCE_USER, 0);
    assert_int_equal(talk_count(TALK_noise), before + 1);
    duel_hang_up(&d);
    assert_int_equal(d.s.why.code, RC_INVALID);
    duel_end(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer_echoes_octets_11_to_74_of_the_request),
        cmocka_unit_test(unacceptable_requests_are_rejected_with_their_reason),
        cmocka_unit_test(even_context_ids_abort_the_association),
        cmocka_unit_test(a_dialog_in_single_octets_is_the_same_dialog),
        cmocka_unit_test(small_message_is_one_pdu_with_two_pdvs),
        cmocka_unit_test(fragments_respect_the_peers_maximum),
        cmocka_unit_test(odd_and_empty_fragments_are_tolerated),
        cmocka_unit_test(several_messages_in_one_read_are_all_taken),
        cmocka_unit_test(data_set_at_its_limit_passes_and_beyond_is_drained),
        cmocka_unit_test(faulty_command_with_an_id_is_delivered_and_without_aborts),
        cmocka_unit_test(broken_messages_abort),
        cmocka_unit_test(command_set_in_one_piece_beyond_the_limit_aborts),
        cmocka_unit_test(unlimited_pdus_are_taken_without_a_second_buffer),
        cmocka_unit_test(each_pdu_in_each_state_does_what_the_table_says),
        cmocka_unit_test(the_peer_may_vanish_in_every_state),
        cmocka_unit_test(request_lives_until_its_late_answer_or_the_end),
        cmocka_unit_test(collision_of_an_acceptor_waits_for_the_peers_response_first),
        cmocka_unit_test(collision_of_a_requestor_answers_first),
        cmocka_unit_test(request_carries_what_is_filled_in),
        cmocka_unit_test(acceptor_grants_no_more_than_was_asked),
        cmocka_unit_test(bad_answers_abort_the_requestor),
        cmocka_unit_test(other_protocols_are_named_and_closed),
        cmocka_unit_test(noise_is_counted_and_aborted),
    };
    log_configure(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
