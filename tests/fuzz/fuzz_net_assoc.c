/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole dialogs with an association, acceptor or requestor, over net_fake.
 *
 * Input: the role, a choice of limits, then a script of what the peer, the clock and the owner do:
 *
 *     0 len(2) octets   the peer sends            5 octet   how the owner will answer (enum manner)
 *     1                 the owner sends           6         the owner asks for release
 *     2 octet           half seconds pass         7         the peer closes
 *     3                 the peer reads            8         the connection is made (requestor)
 *     4                 the owner accepts         9, 10, 11 the owner answers a release, aborts, lets go
 *
 * Each script is played twice, once with the octets as they come and once octet by octet (large pieces in 500). Both times the owner must hear
 * the same and the peer must get the same; what the peer gets must be PDUs in an order that PS3.8 knows.
 */
#include "fuzz.h"
#include "net/assoc.h"
#include "net/negotiate.h"
#include "net_fake.h"

#define ECHO "1.2.840.10008.1.1"
#define FIND "1.2.840.10008.5.1.4.20.1"
#define CT   "1.2.840.10008.5.1.4.1.1.200.1"
#define ILE  "1.2.840.10008.1.2"
#define ELE  "1.2.840.10008.1.2.1"

enum manner {
    ANSWER_ACCEPT = 0,
    ANSWER_LATER = 1,
    ANSWER_REJECT = 2,
    ABORTS_ON_MESSAGE = 4,
    FREES_ON_MESSAGE = 8,
    HOLDS_RELEASE = 16,
    RELEASES_ON_MESSAGE = 32,
    REPLIES = 64,
};

struct dialog {
    struct loop *loop;
    struct assoc *a; /* NULL: closed or let go */
    struct assoc_options options;
    bool is_requestor;
    unsigned manner;
    const struct pdu_associate *rq; /* of on_request, until it is answered */
    unsigned in_call;               /* calls of the owner on the stack */
    bool has_closed, has_let_go, has_opened;
    struct dimse_command last;
    uint8_t last_context;
    uint32_t peer_max; /* length of a P-DATA-TF that the peer takes at most */
    struct buf heard;  /* what the owner was told, in words */
};

#define OWNER(call)   \
    do {              \
        d->in_call++; \
        call;         \
        d->in_call--; \
    } while (0)

static void hear(struct dialog *d, const char *what, unsigned number)
{
    CHECK(d->in_call == 0 && !d->has_closed && !d->has_let_go);
    buf_printf(&d->heard, "%s %u\n", what, number);
}

/* ---- the owner ---- */

static const char *const syntaxes[] = {ELE, ILE, NULL};
static const uint8_t mask[] = {1, 0, 1};
static const struct negotiate_rule rules[] = {
    {ECHO, true, false, false, syntaxes, NULL, 0},
    {FIND, true, false, false, syntaxes, mask, 3},
    {CT, true, true, false, syntaxes, NULL, 0},
};
static const struct negotiate_policy policy = {rules, 3, 8, 2};

static void accept_request(struct dialog *d)
{
    struct arena *arena = arena_new((size_t)1 << 20);
    struct pdu_associate ac;
    struct err err;
    if (negotiate_answer(d->rq, &policy, arena, &ac, &err) == RC_OK)
        OWNER(assoc_answer_accept(d->a, &ac));
    else
        OWNER(assoc_abort(d->a, ABORT_SOURCE_PROVIDER, ABORT_INVALID_PARAMETER, err.text));
    d->rq = NULL;
    arena_free(arena);
}

static void on_request(struct assoc *a, const struct pdu_associate *rq, void *arg)
{
    struct dialog *d = arg;
    hear(d, "request", rq->context_count);
    CHECK(a == d->a && !d->rq && (rq->protocol_version & 1) && rq->application_context);
    d->rq = rq;
    if (rq->has_max_length && rq->max_length > 0)
        d->peer_max = rq->max_length;
    if (d->manner & ANSWER_REJECT) {
        d->rq = NULL;
        struct err why = {.code = RC_LIMIT, .text = "fuzz"};
        OWNER(assoc_answer_reject(a, &(struct pdu_reject){2, 3, 2}, LOG_INFO, &why));
    } else if (!(d->manner & ANSWER_LATER)) {
        accept_request(d);
    }
}

static void on_established(struct assoc *a, void *arg)
{
    struct dialog *d = arg;
    hear(d, "established", 0);
    d->has_opened = true;
    const struct assoc_context *c = assoc_find_context(a, ECHO, NULL);
    CHECK(!c || (c->accepted && c->transfer_syntax[0]));
}

static void on_rejected(struct assoc *a, const struct pdu_reject *rj, void *arg)
{
    (void)a;
    hear(arg, "rejected", rj->reason);
}

static void let_go(struct dialog *d)
{
    if (d->a) {
        OWNER(assoc_free(d->a));
        d->a = NULL;
        d->has_let_go = true;
    }
}

static void send_something(struct dialog *d)
{
    static const uint8_t data[301] = {1};
    struct dimse_command c = {
        .field = DIMSE_C_ECHO_RQ, .has = CMD_HAS_SOP_CLASS | CMD_HAS_MESSAGE_ID, .sop_class = ECHO};
    struct span span = span_of(data, sizeof(data));
    if (!d->a)
        return;
    if (d->last.field && !(d->last.field & DIMSE_RESPONSE_BIT))
        c = command_response(&d->last, 0xFF00);
    else
        c.message_id = assoc_next_message_id(d->a);
    const struct assoc_context *ctx = d->last.field ? assoc_context_by_id(d->a, d->last_context)
                                                    : assoc_find_context(d->a, ECHO, NULL);
    enum rc rc;
    OWNER(rc = assoc_send(d->a, ctx, &c, d->last.has_dataset ? &span : NULL));
    CHECK(rc == RC_OK || rc == RC_INVALID);
}

static void on_message(struct assoc *a, struct dimse_message *m, void *arg)
{
    struct dialog *d = arg;
    hear(d, dimse_field_name(m->command.field), m->command.message_id);
    buf_printf(&d->heard, "rc %d has %x octets %zu big %d on %u\n", m->command_rc, m->command.has,
               m->dataset.len, m->dataset_too_big, m->context->id);
    buf_add_span(&d->heard, buf_span(&m->dataset));
    CHECK(m->context == assoc_context_by_id(a, m->context->id) && m->context->accepted);
    CHECK(m->dataset.len <= d->options.max_dataset_bytes);
    CHECK(!m->dataset_too_big || m->dataset.len == 0);
    CHECK(m->command.has_dataset || m->dataset.len == 0);
    CHECK(m->command_rc == RC_OK || m->command_err.text[0]);
    d->last = m->command;
    d->last_context = m->context->id;
    dimse_message_free(m);
    if (d->manner & REPLIES)
        send_something(d);
    if (d->manner & RELEASES_ON_MESSAGE)
        OWNER(assoc_release(a));
    if (d->manner & ABORTS_ON_MESSAGE)
        OWNER(assoc_abort(a, ABORT_SOURCE_USER, 0, "fuzz"));
    if (d->manner & FREES_ON_MESSAGE)
        let_go(d);
}

static void on_drained(struct assoc *a, void *arg)
{
    CHECK(!assoc_is_full(a));
    hear(arg, "drained", 0);
}

static void on_release(struct assoc *a, void *arg)
{
    struct dialog *d = arg;
    hear(d, "release", 0);
    if (!(d->manner & HOLDS_RELEASE))
        OWNER(assoc_answer_release(a));
}

static void on_abort(struct assoc *a, void *arg)
{
    (void)a;
    hear(arg, "abort", 0);
}

static void on_closed(struct assoc *a, const struct err *why, void *arg)
{
    struct dialog *d = arg;
    hear(d, why->text, 0);
    CHECK(a == d->a && why->text[0]);
    d->has_closed = true;
    d->a = NULL;
    d->rq = NULL;
}

static const struct assoc_callbacks callbacks = {on_request, on_established, on_rejected,
                                                 on_message, on_drained,     on_release,
                                                 on_abort,   on_closed};

/* ---- what the peer gets ---- */

/* A PDU is whole, its PDVs fill it, fragments are even. */
static void check_pdata(struct span body, uint32_t peer_max)
{
    CHECK(body.len <= 131072 && body.len <= peer_max);
    while (body.len > 0) {
        struct pdu_pdv pdv;
        uint32_t n;
        struct err err;
        CHECK(pdu_decode_pdv_header(body, (uint32_t)body.len, &pdv, &n, &err) == PDV_HEADER_BYTES);
        CHECK(n % 2 == 0 && pdv.context_id % 2 == 1);
        body = span_of(body.data + PDV_HEADER_BYTES + n, body.len - PDV_HEADER_BYTES - n);
    }
}

static void check_associate(struct span body, enum pdu_type type)
{
    struct arena *arena = arena_new((size_t)4 << 20);
    struct pdu_associate a;
    struct err err;
    CHECK_OK(pdu_decode_associate(body, type, arena, &a, &err), &err);
    arena_free(arena);
}

/* PS3.8 table 9-10, from outside: which PDU may follow which. */
static void check_order(enum pdu_type last, enum pdu_type type, bool is_requestor)
{
    static const uint8_t may_follow[8][8] = {
        /* first: nothing sent yet */
        [0] = {[PDU_ASSOCIATE_RQ] = 1,
               [PDU_ASSOCIATE_AC] = 1,
               [PDU_ASSOCIATE_RJ] = 1,
               [PDU_ABORT] = 1},
        [PDU_ASSOCIATE_RQ] =
            {[PDU_P_DATA_TF] = 1, [PDU_RELEASE_RQ] = 1, [PDU_RELEASE_RP] = 1, [PDU_ABORT] = 1},
        [PDU_ASSOCIATE_AC] =
            {[PDU_P_DATA_TF] = 1, [PDU_RELEASE_RQ] = 1, [PDU_RELEASE_RP] = 1, [PDU_ABORT] = 1},
        [PDU_P_DATA_TF] =
            {[PDU_P_DATA_TF] = 1, [PDU_RELEASE_RQ] = 1, [PDU_RELEASE_RP] = 1, [PDU_ABORT] = 1},
        [PDU_ASSOCIATE_RJ] = {[PDU_ABORT] = 1},
        [PDU_RELEASE_RQ] = {[PDU_RELEASE_RP] = 1, [PDU_ABORT] = 1},
        [PDU_RELEASE_RP] = {[PDU_ABORT] = 1},
    };
    CHECK(may_follow[last][type]);
    CHECK(type != (is_requestor ? PDU_ASSOCIATE_AC : PDU_ASSOCIATE_RQ));
    CHECK(!is_requestor || type != PDU_ASSOCIATE_RJ);
}

static void check_written(struct span out, bool is_requestor, uint32_t peer_max)
{
    enum pdu_type last = 0, type;
    uint32_t bytes;
    while (out.len > 0) {
        CHECK(pdu_decode_header(out, &type, &bytes) == PDU_HEADER_BYTES);
        CHECK(bytes <= out.len - PDU_HEADER_BYTES);
        struct span body = span_of(out.data + PDU_HEADER_BYTES, bytes);
        check_order(last, type, is_requestor);
        if (type == PDU_P_DATA_TF)
            check_pdata(body, peer_max);
        else if (type == PDU_ASSOCIATE_RQ || type == PDU_ASSOCIATE_AC)
            check_associate(body, type);
        else
            CHECK(bytes == 4);
        last = type;
        out = span_of(body.data + body.len, out.len - PDU_HEADER_BYTES - body.len);
    }
}

/* ---- the script ---- */

static void start(struct dialog *d)
{
    static const char *both[] = {ILE, ELE};
    static struct pdu_context contexts[] = {{1, 0, ECHO, both, 2},
                                            {3, 0, FIND, both, 2},
                                            {5, 0, CT, both, 2},
                                            {7, 0, "1.2.3.4", both, 1}};
    static struct pdu_role roles[] = {{CT, 1, 1}};
    const struct pdu_associate rq = {.called_aet = "PEER",
                                     .calling_aet = "FUZZ",
                                     .contexts = contexts,
                                     .context_count = 4,
                                     .roles = roles,
                                     .role_count = 1,
                                     .has_async_window = true,
                                     .max_ops_performed = 1};
    struct sockaddr nowhere = {0};
    d->a = d->is_requestor
               ? assoc_request(d->loop, &nowhere, sizeof(nowhere), &rq, &d->options, &callbacks, d)
               : assoc_accept_fd(d->loop, -1, &d->options, &callbacks, d);
}

static void offer(struct dialog *d, struct span octets, bool is_single)
{
    size_t step = is_single ? 1 + octets.len / 500 : octets.len, len;
    for (size_t at = 0; at < octets.len; at += len) {
        len = step < octets.len - at ? step : octets.len - at;
        fake_offer(d->loop, span_of(octets.data + at, len));
    }
}

static void play_step(struct dialog *d, struct feed *f, bool is_single)
{
    switch (feed_u8(f) % 12) {
    case 0:
        offer(d, feed_counted(f), is_single);
        break;
    case 1:
        send_something(d);
        break;
    case 2:
        fake_advance(d->loop, feed_u8(f) * 500);
        break;
    case 3:
        fake_read_all(d->loop);
        break;
    case 4:
        if (d->a && d->rq)
            accept_request(d);
        break;
    case 5:
        d->manner = feed_u8(f);
        break;
    case 6:
        if (d->a)
            OWNER(assoc_release(d->a));
        break;
    case 7:
        fake_peer_closes(d->loop);
        break;
    case 8:
        fake_connected(d->loop);
        break;
    case 9:
        if (d->a)
            OWNER(assoc_answer_release(d->a));
        break;
    case 10:
        if (d->a)
            OWNER(assoc_abort(d->a, ABORT_SOURCE_USER, 0, "fuzz"));
        break;
    default:
        let_go(d);
        break;
    }
    fake_run_deferred(d->loop);
}

/* The outcome: what was heard, and behind it what was written. */
static void play(struct span script, bool is_single, struct buf *outcome)
{
    struct feed f = {script};
    struct dialog dialog = {.options = assoc_options_default(), .peer_max = UINT32_MAX},
                  *d = &dialog;
    uint8_t role = feed_u8(&f), limits = feed_u8(&f);
    d->is_requestor = role & 1;
    if (limits & 1) {
        d->options.max_pdu_bytes = 4096;
        d->options.max_associate_bytes = 2048;
        d->options.max_command_bytes = 256;
        d->options.max_dataset_bytes = 1000;
        d->options.high_water_bytes = 500;
        d->options.idle_ms = 5000;
    }
    if (limits & 2)
        d->options.max_pdu_bytes = 0;
    buf_init(&d->heard, 0);
    d->loop = fake_loop_new();
    start(d);
    for (unsigned steps = 0; f.rest.len > 0 && steps < 500; steps++)
        play_step(d, &f, is_single);

    /* Whatever has happened: when the peer is gone and time has passed, it is over, and was said to be. */
    fake_peer_closes(d->loop);
    fake_advance(d->loop, 3600000);
    CHECK(d->has_closed || d->has_let_go);
    check_written(fake_written(d->loop), d->is_requestor, d->peer_max);
    buf_add_span(outcome, buf_span(&d->heard));
    buf_add_span(outcome, fake_written(d->loop));
    CHECK(buf_status(outcome) == RC_OK);
    buf_fini(&d->heard);
    fake_loop_free(d->loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole, single;
    buf_init(&whole, 0);
    buf_init(&single, 0);
    play(span_of(data, size), false, &whole);
    play(span_of(data, size), true, &single);
    CHECK(span_equal(buf_span(&whole), buf_span(&single)));
    buf_fini(&whole);
    buf_fini(&single);
    return 0;
}
