/* SPDX-License-Identifier: Apache-2.0
 *
 * net/assoc: octets to PDUs to messages.
 *
 * The stream offers what has come; a small machine takes it piece by piece and keeps nothing back but
 * headers that are not whole (6 octets at most):
 *
 *   HEADER -+-> SMALL -----------------------------> HEADER      RJ, RELEASE-RQ, RELEASE-RP, ABORT
 *           +-> ASSOCIATE -------------------------> HEADER      RQ in Sta2, AC in Sta5
 *           +-> PDV_HEADER <-> FRAGMENT -----------> HEADER      P-DATA-TF in Sta6 and Sta7
 *           '-> SKIP ------------------------------> HEADER      a PDU that only its type matters of
 *
 * A P-DATA-TF is not kept as a PDU: its fragments are copied once, from the stream's input into the
 * message. So the memory does not depend on the size of PDUs, and a maximum of 0 (unlimited) needs no
 * further thought; what bounds memory is max_command_bytes and max_dataset_bytes. A data set that is
 * too large is read to its end and dropped, so that the request can be refused by a status. Associate
 * PDUs are collected, bounded by max_associate_bytes, growing with what really comes.
 *
 * The event of a PDU is given to the state machine as early as it is known: for P-DATA-TF at its
 * header, because in most states the body is of no interest.
 *
 * After an owner's callback nothing is taken for granted: it may have aborted, paused, or dropped the
 * association, which the loop in assoc_on_data finds out before the next step.
 */
#include "net_internal.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/metrics.h"

enum { NEED_MORE = -1, SMALL_BODY = 4 };

/* ---- messages ---- */

void dimse_message_free(struct dimse_message *m)
{
    if (m != NULL) {
        buf_fini(&m->dataset);
        free(m);
    }
}

void assoc_forget_input(struct assoc *a)
{
    buf_fini(&a->rx.command);
    dimse_message_free(a->rx.message);
    a->rx.message = NULL;
    a->rx.has_begun = false;
    a->rx.is_partial = false;
    a->rx.begun_ms = 0;
}

static void deliver(struct assoc *a, struct dimse_message *m)
{
    a->rx.message = NULL;
    a->rx.has_begun = false;
    a->rx.begun_ms = 0; /* what follows is another message */
    a->messages_in++;
    a->last_use_ms = a->last_input_ms;
    if (stream_is_full(a->stream) && ++a->taken_while_full >= MESSAGES_WHILE_FULL) {
        a->is_choked = true;
        stream_pause_reading(a->stream);
    }
    if (a->callbacks.on_message != NULL && !a->is_dropped) {
        a->callbacks.on_message(a, m, a->arg);
    } else {
        dimse_message_free(m);
    }
}

static void take_command(struct assoc *a, struct span octets)
{
    struct dimse_message *m = xcalloc(1, sizeof(*m));
    m->command_rc = command_decode(octets, &m->command, &m->command_err);
    m->context = assoc_context_by_id(a, a->rx.context_id);
    buf_init(&m->dataset, a->options.max_dataset_bytes);
    buf_fini(&a->rx.command);
    if (m->command_rc != RC_OK &&
        (m->command.field == 0 ||
         !(m->command.has & (CMD_HAS_MESSAGE_ID | CMD_HAS_RESPONDED_ID)))) {
        struct err err = m->command_err; /* nobody could be answered */
        dimse_message_free(m);
        assoc_invalid_pdu(a, ABORT_INVALID_PARAMETER, &err);
        return;
    }
    if (m->command_rc != RC_OK) {
        metric_add(METRIC_protocol_errors, 1);
    }
    if (m->command.has_dataset) {
        a->rx.message = m;
    } else {
        deliver(a, m);
    }
}

/* ---- P-DATA-TF ---- */

/* PS3.8 Annex E.1, E.2: whole messages, never interleaved, on a context that was accepted. */
static bool check_pdv(struct assoc *a)
{
    struct receiver *rx = &a->rx;
    const struct assoc_context *c = assoc_context_by_id(a, rx->pdv.context_id);
    bool awaits_data = rx->message != NULL;
    struct err err;
    if (c == NULL || !c->accepted) {
        (void)err_set(&err, RC_INVALID, "PDV on presentation context %u, which is not accepted",
                      rx->pdv.context_id);
        assoc_invalid_pdu(a, ABORT_INVALID_PARAMETER, &err);
        return false;
    }
    if (rx->has_begun && rx->context_id != c->id) {
        (void)err_set(&err, RC_INVALID, "PDV on context %u inside a message on context %u", c->id,
                      rx->context_id);
        assoc_invalid_pdu(a, ABORT_UNEXPECTED_PARAMETER, &err);
        return false;
    }
    if (rx->pdv.is_command == awaits_data) {
        (void)err_set(&err, RC_INVALID, "%s PDV where a %s PDV is due",
                      rx->pdv.is_command ? "command" : "data set",
                      rx->pdv.is_command ? "data set" : "command");
        assoc_invalid_pdu(a, ABORT_UNEXPECTED_PARAMETER, &err);
        return false;
    }
    rx->has_begun = true;
    rx->context_id = c->id;
    return true;
}

static ssize_t step_pdv_header(struct assoc *a, struct span in)
{
    struct receiver *rx = &a->rx;
    struct err err;
    if (rx->pdu_left == 0) {
        rx->mode = RX_HEADER;
        return 0;
    }
    ssize_t n = pdu_decode_pdv_header(in, rx->pdu_left, &rx->pdv, &rx->pdv_left, &err);
    if (n < 0) {
        assoc_invalid_pdu(a, ABORT_INVALID_PARAMETER, &err);
        return 0;
    }
    if (n == 0) {
        return NEED_MORE;
    }
    rx->pdu_left -= (uint32_t)n;
    rx->mode = RX_FRAGMENT;
    (void)check_pdv(a);
    return n;
}

static void add_command(struct assoc *a, struct span piece)
{
    struct receiver *rx = &a->rx;
    bool is_end = rx->pdv_left == 0 && rx->pdv.is_last;
    if (is_end && rx->command.len == 0 && piece.len <= a->options.max_command_bytes) {
        take_command(a, piece); /* the usual case: all in one piece, decoded where it lies */
        return;
    }
    buf_add_span(&rx->command, piece);
    if (buf_status(&rx->command) != RC_OK) {
        struct err err;
        (void)err_set_limit(&err, LIMIT_max_command, 0, "command set of more than %zu octets",
                            a->options.max_command_bytes);
        assoc_invalid_pdu(a, ABORT_INVALID_PARAMETER, &err);
        return;
    }
    if (is_end) {
        struct buf whole = rx->command; /* ours now: the message may end the association */
        buf_init(&rx->command, a->options.max_command_bytes);
        take_command(a, buf_span(&whole));
        buf_fini(&whole);
    }
}

static void add_data(struct assoc *a, struct span piece)
{
    struct dimse_message *m = a->rx.message;
    if (!m->dataset_too_big) {
        buf_add_span(&m->dataset, piece);
        if (buf_status(&m->dataset) != RC_OK) {
            buf_fini(&m->dataset);
            m->dataset_too_big = true;
        }
    }
    if (a->rx.pdv_left == 0 && a->rx.pdv.is_last) {
        deliver(a, m);
    }
}

static ssize_t step_fragment(struct assoc *a, struct span in)
{
    struct receiver *rx = &a->rx;
    uint32_t n = in.len < rx->pdv_left ? (uint32_t)in.len : rx->pdv_left;
    if (n == 0 && rx->pdv_left > 0) {
        return NEED_MORE;
    }
    rx->pdv_left -= n;
    rx->pdu_left -= n;
    if (rx->pdv_left == 0) {
        rx->mode = RX_PDV_HEADER;
    }
    (rx->pdv.is_command ? add_command : add_data)(a, span_of(in.data, n));
    return n;
}

/* ---- PDUs ---- */

/* A PDU that the table answers with AA-1 or AA-8: say why in the log and in the A-ABORT. AA-1 aborts as
 * service user, whose reason is not significant (PS3.8 table 9-9). */
static void give_event(struct assoc *a, enum ul_event event)
{
    enum ul_action action = fsm_step(a->state, event).action;
    if (action == UL_AA_1 || action == UL_AA_8) {
        metric_add(METRIC_protocol_errors, 1);
        assoc_set_why(a, RC_INVALID, "protocol error: unexpected %s in %s",
                      pdu_type_name(a->rx.type), ul_state_name(a->state));
        a->abort = action == UL_AA_1
                       ? (struct pdu_abort){ABORT_SOURCE_USER, 0}
                       : (struct pdu_abort){ABORT_SOURCE_PROVIDER, ABORT_UNEXPECTED_PDU};
    } else if (action == UL_AA_7) {
        a->abort = (struct pdu_abort){ABORT_SOURCE_PROVIDER, ABORT_UNEXPECTED_PDU};
    }
    assoc_event(a, event);
}

static const struct {
    enum ul_event event;
    enum rx_mode mode;       /* how the body is read ... */
    enum ul_state in, or_in; /* ... in these states, 0 = any; skipped in others */
} pdus[] = {
    [PDU_ASSOCIATE_RQ] = {UL_EV_RQ_RECEIVED, RX_ASSOCIATE, UL_STA2, UL_STA2},
    [PDU_ASSOCIATE_AC] = {UL_EV_AC_RECEIVED, RX_ASSOCIATE, UL_STA5, UL_STA5},
    [PDU_ASSOCIATE_RJ] = {UL_EV_RJ_RECEIVED, RX_SMALL, 0, 0},
    [PDU_P_DATA_TF] = {UL_EV_PDATA_RECEIVED, RX_PDV_HEADER, UL_STA6, UL_STA7},
    [PDU_RELEASE_RQ] = {UL_EV_RELEASE_RQ_RECEIVED, RX_SMALL, 0, 0},
    [PDU_RELEASE_RP] = {UL_EV_RELEASE_RP_RECEIVED, RX_SMALL, 0, 0},
    [PDU_ABORT] = {UL_EV_ABORT_RECEIVED, RX_SMALL, 0, 0},
};

/* What arrives where an A-ASSOCIATE-RQ is due and is no PDU at all. */
static void on_noise(struct assoc *a, struct span in)
{
    struct err err;
    if (a->state != UL_STA2) {
        (void)err_set(&err, RC_INVALID, "PDU of unknown type %02XH", in.data[0]);
        assoc_invalid_pdu(a, ABORT_UNRECOGNIZED_PDU, &err);
        return;
    }
    enum talk talk = pdu_foreign_protocol(in);
    if (talk == TALK_noise) {
        (void)err_set(&err, RC_INVALID, "no DICOM: first octets %02X %02X %02X %02X", in.data[0],
                      in.data[1], in.data[2], in.data[3]);
        assoc_wrong_talk(a, talk, err.text);
        assoc_invalid_pdu(a, ABORT_UNRECOGNIZED_PDU, &err);
        return;
    }
    if (talk == TALK_http && a->options.http_port != 0) {
        assoc_set_why(a, RC_INVALID, "%s on the DICOM port; HTTP is on port %u", talk_words(talk),
                      a->options.http_port);
    } else if (talk == TALK_tls && a->options.tls_port != 0) {
        assoc_set_why(a, RC_INVALID, "%s on the DICOM port; TLS is on port %u", talk_words(talk),
                      a->options.tls_port);
    } else {
        assoc_set_why(a, RC_INVALID, "%s on the DICOM port", talk_words(talk));
    }
    assoc_wrong_talk(a, talk, a->why.text);
    assoc_hang_up(a); /* it would not understand an A-ABORT */
}

/* Before anything is kept of the body. */
static enum rc check_length(const struct assoc *a, struct err *err)
{
    const struct receiver *rx = &a->rx;
    bool is_data = rx->type == PDU_P_DATA_TF;
    uint32_t most = is_data ? a->options.max_pdu_bytes : a->options.max_associate_bytes;
    if (pdus[rx->type].mode == RX_SMALL) {
        return rx->pdu_left == SMALL_BODY
                   ? RC_OK
                   : err_set(err, RC_INVALID, "%s of length %u, not %u", pdu_type_name(rx->type),
                             rx->pdu_left, (unsigned)SMALL_BODY);
    }
    if (most == 0 || rx->pdu_left <= most) {
        return RC_OK;
    }
    return err_set_limit(err, is_data ? LIMIT_max_pdu : LIMIT_max_associate, 0,
                         "%s of length %u, more than %u", pdu_type_name(rx->type), rx->pdu_left,
                         most);
}

static ssize_t step_header(struct assoc *a, struct span in)
{
    struct receiver *rx = &a->rx;
    ssize_t n = pdu_decode_header(in, &rx->type, &rx->pdu_left);
    if (n < 0) {
        on_noise(a, in);
        return 0;
    }
    if (n == 0) {
        return NEED_MORE;
    }
    struct err err;
    if (check_length(a, &err) != RC_OK) {
        assoc_invalid_pdu(a, ABORT_INVALID_PARAMETER, &err);
        return 0;
    }
    rx->mode = pdus[rx->type].mode;
    if (rx->mode == RX_SMALL) {
        return n;
    }
    bool is_wanted = a->state == pdus[rx->type].in || a->state == pdus[rx->type].or_in;
    if (!is_wanted) {
        rx->mode = RX_SKIP;
    }
    if (rx->mode != RX_ASSOCIATE) {
        give_event(a, pdus[rx->type].event);
    }
    return n;
}

static ssize_t step_small(struct assoc *a, struct span in)
{
    struct receiver *rx = &a->rx;
    struct err err;
    enum rc rc = RC_OK;
    if (in.len < SMALL_BODY) {
        return NEED_MORE;
    }
    struct span body = span_of(in.data, SMALL_BODY);
    rx->mode = RX_HEADER;
    if (rx->type == PDU_ASSOCIATE_RJ) {
        rc = pdu_decode_reject(body, &a->reject, &err);
    } else if (rx->type == PDU_ABORT) {
        rc = pdu_decode_abort(body, &a->abort, &err);
    } else {
        rc = pdu_decode_release(body, &err);
    }
    if (rc != RC_OK) {
        assoc_invalid_pdu(a, ABORT_INVALID_PARAMETER, &err);
    } else {
        give_event(a, pdus[rx->type].event);
    }
    return SMALL_BODY;
}

/* The AC is settled before its event, so that an unusable one is an invalid PDU. */
static enum rc take_answer(struct assoc *a, struct err *err)
{
    struct negotiation *n = a->negotiation;
    if ((n->ac.protocol_version & 1) == 0) {
        return err_set(err, RC_INVALID, "A-ASSOCIATE-AC of another protocol version");
    }
    if (!assoc_peer_max_is_usable(&n->ac)) {
        return err_set(err, RC_INVALID, "A-ASSOCIATE-AC with a maximum length of %u",
                       n->ac.max_length);
    }
    return assoc_settle(a, &n->rq, &n->ac, err);
}

static void take_associate(struct assoc *a)
{
    struct negotiation *n = a->negotiation;
    bool is_rq = a->rx.type == PDU_ASSOCIATE_RQ;
    struct err err;
    enum rc rc = pdu_decode_associate(buf_span(&n->body), a->rx.type, n->arena,
                                      is_rq ? &n->rq : &n->ac, &err);
    buf_fini(&n->body);
    if (rc == RC_OK && !is_rq) {
        rc = take_answer(a, &err);
    }
    if (rc != RC_OK) {
        assoc_invalid_pdu(a, ABORT_INVALID_PARAMETER, &err);
    } else {
        give_event(a, pdus[a->rx.type].event);
    }
}

static ssize_t step_associate(struct assoc *a, struct span in)
{
    struct receiver *rx = &a->rx;
    size_t n = in.len < rx->pdu_left ? in.len : rx->pdu_left;
    if (n == 0 && rx->pdu_left > 0) {
        return NEED_MORE;
    }
    if (a->negotiation == NULL) {
        a->negotiation = xcalloc(1, sizeof(*a->negotiation));
        /* Pointers and alignment make a decoded value larger than its octets. */
        a->negotiation->arena = arena_new(8 * (size_t)a->options.max_associate_bytes);
    }
    buf_add(&a->negotiation->body, in.data, n);
    rx->pdu_left -= (uint32_t)n;
    if (buf_status(&a->negotiation->body) != RC_OK) {
        struct err err;
        (void)err_set(&err, RC_NOMEM, "no memory for an associate PDU");
        assoc_invalid_pdu(a, ABORT_NOT_SPECIFIED, &err);
    } else if (rx->pdu_left == 0) {
        rx->mode = RX_HEADER;
        take_associate(a);
    }
    return (ssize_t)n;
}

static ssize_t step_skip(struct assoc *a, struct span in)
{
    struct receiver *rx = &a->rx;
    size_t n = in.len < rx->pdu_left ? in.len : rx->pdu_left;
    if (n == 0 && rx->pdu_left > 0) {
        return NEED_MORE;
    }
    rx->pdu_left -= (uint32_t)n;
    if (rx->pdu_left == 0) {
        rx->mode = RX_HEADER;
    }
    return (ssize_t)n;
}

static ssize_t (*const steps[RX_MODE_END])(struct assoc *a, struct span in) = {
    [RX_HEADER] = step_header,       [RX_SMALL] = step_small,
    [RX_ASSOCIATE] = step_associate, [RX_PDV_HEADER] = step_pdv_header,
    [RX_FRAGMENT] = step_fragment,   [RX_SKIP] = step_skip,
};

/* A PDU whose reading began in another state is of no interest in Sta13. */
static void leave_pdu(struct receiver *rx)
{
    if (rx->mode == RX_FRAGMENT || rx->mode == RX_PDV_HEADER || rx->mode == RX_ASSOCIATE) {
        rx->mode = RX_SKIP;
    }
}

ssize_t assoc_on_data(struct span input, void *arg)
{
    struct assoc *a = arg;
    size_t used = 0;
    a->has_spoken = true;
    a->last_input_ms = clock_now_ms();
    while (a->state != UL_STA1 && !a->is_deaf && !a->is_choked) {
        if (a->state == UL_STA13) {
            leave_pdu(&a->rx);
        }
        ssize_t n = steps[a->rx.mode](a, span_of(input.data + used, input.len - used));
        if (n == NEED_MORE) {
            break;
        }
        used += (size_t)n;
    }
    if (a->state == UL_STA1) {
        return -1;
    }
    if (a->is_deaf) {
        return (ssize_t)input.len;
    }
    a->rx.is_partial = used < input.len || a->rx.has_begun || a->rx.pdu_left > 0;
    if (!a->rx.is_partial) {
        a->rx.begun_ms = 0;
    } else {
        if (a->rx.begun_ms == 0) {
            a->rx.begun_ms = a->last_input_ms;
        }
        stream_ack_now(a->stream);
    }
    assoc_rearm(a);
    return (ssize_t)used;
}
