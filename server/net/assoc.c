/* SPDX-License-Identifier: Apache-2.0
 *
 * net/assoc: life cycle, state changes and deadlines of one association.
 *
 *   stream ---> receive.c: octets -> PDUs -> messages ---> owner's on_message
 *                  | events                                     |
 *                  v                                            v
 *   fsm table <- assoc_event -> actions.c                   send.c: messages -> PDUs ---> stream
 *
 * assoc_event is the only place where the state changes: it asks the table, performs the action, sets
 * the state, and tells the owner last, so that the owner may call anything from its callback. An event
 * inside a callback is a complete event of its own.
 *
 * The end. Whoever knows the reason first leaves it with assoc_set_why. Entering Sta1 stops timers and
 * input and defers `finish`, which runs with nothing of the association on the stack: one log line,
 * on_closed, and everything is freed. So an association never disappears under a caller, and on_closed
 * never comes from inside a call of the owner.
 *
 * Deadlines. ARTIM runs in Sta2 and Sta13 and nowhere else (PS3.8 9.1.4). All other waits share one
 * lazy timer: deadline_of says what is due in the present state; the timer is moved only when something
 * becomes due earlier than it will fire, and when it fires too early it is set again. So a message costs
 * no timer operation.
 *
 * Rejected: one timer per deadline (eight per idle association), and freeing in the callback that ends
 * it (every caller up the stack would have to know).
 */
#include "net_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/metrics.h"

enum { ARENA_LIMIT = 1 << 20, INPUT_LIMIT = 128 << 10 };

static _Atomic uint64_t last_number;

static void on_watch(void *arg);

struct assoc_options assoc_options_default(void)
{
    return (struct assoc_options){
        .max_pdu_bytes = 131072,
        .max_associate_bytes = 1 << 20,
        .max_contexts = PDU_MAX_CONTEXTS,
        .max_command_bytes = 64 << 10,
        .max_dataset_bytes = 64 << 20,
        .high_water_bytes = 256 << 10,
        .artim_ms = 30000,
        .negotiation_ms = 30000,
        .connect_ms = 10000,
        .idle_ms = 0,
        .message_stall_ms = 60000,
        .message_ms = 600000,
        .write_stall_ms = 60000,
        .send_buffer_bytes = 0,
    };
}

/* ---- the end ---- */

void assoc_set_why(struct assoc *a, enum rc code, const char *fmt, ...)
{
    char text[sizeof(a->why.text)];
    va_list args;
    if (a->has_why) {
        return;
    }
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    a->has_why = true;
    (void)err_set(&a->why, code, "%s", text);
}

void assoc_set_why_rc(struct assoc *a, const struct err *why)
{
    if (!a->has_why) {
        a->has_why = true;
        a->why = *why;
    }
}

void assoc_set_why_limit(struct assoc *a, enum limit limit, const char *fmt, ...)
{
    char text[sizeof(a->why.text)];
    struct err why;
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    (void)err_set_limit(&why, limit, 0, "%s", text);
    assoc_set_why_rc(a, &why);
}

void assoc_forget_negotiation(struct assoc *a)
{
    if (a->negotiation != NULL) {
        arena_free(a->negotiation->arena);
        buf_fini(&a->negotiation->body);
        free(a->negotiation);
        a->negotiation = NULL;
    }
}

/* To be forgotten for a while is no fault; every other limit and deadline is, as is a broken protocol. */
static bool is_fault(const struct err *why)
{
    return why->code == RC_INVALID ||
           (why->limit != LIMIT_NONE && why->limit != LIMIT_idle_timeout);
}

static bool is_probe(const struct assoc *a)
{
    return networks_have(a->options.probes, a->options.probe_count, stream_peer_address(a->stream));
}

/* To say nothing is what health probes do, and port scanners. */
static enum log_level talk_level(enum talk talk)
{
    return talk == TALK_probe ? LOG_DEBUG : talk == TALK_silent ? LOG_INFO : LOG_WARN;
}

void assoc_wrong_talk(struct assoc *a, enum talk talk, const char *why)
{
    enum log_level level = talk_level(talk);
    const char *name = talk_name(talk);
    a->talk = talk;
    talk_add(talk);
    if (log_enabled(level) &&
        log_is_due("connection.wrong_talk", name, stream_peer_address(a->stream))) {
        log_event(level, &a->log, "connection.wrong_talk", "talk=%s why=\"%s\"", name, why);
    }
}

/* There is a listener for each, so a client of the one may meet the other. */
static void on_unsecured(struct assoc *a, const struct err *why)
{
    struct span first = stream_foreign(a->stream);
    enum talk talk = TALK_handshake;
    if (first.len > 0) {
        talk = first.data[0] == PDU_ASSOCIATE_RQ ? TALK_plain : pdu_foreign_protocol(first);
        assoc_set_why(a, RC_INVALID, "%s on the TLS port", talk_words(talk));
    } else {
        assoc_set_why(a, RC_IO, "%s", why->text);
    }
    assoc_wrong_talk(a, talk, a->why.text);
}

/* One line for each association that was established or broken off. */
static void log_end(const struct assoc *a)
{
    long long ms = (long long)(clock_now_ms() - a->opened_ms);
    bool is_stranger = !a->is_requestor && !a->is_established;
    struct log_ctx ctx = a->log;
    enum log_level level = is_fault(&a->why) ? LOG_WARN : LOG_INFO;
    ctx.limit = a->why.limit;
    if (a->is_rejected || a->talk != TALK_NONE) {
        level = LOG_DEBUG; /* it has its line */
    }
    if (!log_enabled(level) ||
        (is_stranger && level != LOG_DEBUG &&
         !log_is_due("assoc.closed", rc_name(a->why.code), stream_peer_address(a->stream)))) {
        return;
    }
    log_event(level, &ctx, "assoc.closed",
              "reason=\"%s\" result=%s messages_in=%llu messages_out=%llu duration_ms=%lld",
              a->why.text, rc_name(a->why.code), (unsigned long long)a->messages_in,
              (unsigned long long)a->messages_out, ms);
}

static enum metric open_gauge(const struct assoc *a)
{
    return a->is_requestor ? METRIC_destination_associations_open : METRIC_associations_open;
}

static void finish(void *arg)
{
    struct assoc *a = arg;
    log_end(a);
    if (a->is_established) {
        metric_add(open_gauge(a), -1);
    }
    if (!a->is_dropped && a->callbacks.on_closed != NULL) {
        a->callbacks.on_closed(a, &a->why, a->arg);
    }
    stream_free(a->stream);
    loop_timer_free(a->artim);
    loop_timer_free(a->watch);
    assoc_forget_negotiation(a);
    assoc_forget_input(a);
    arena_free(a->arena);
    free(a);
}

/* ---- states ---- */

static void set_state(struct assoc *a, enum ul_state next, enum ul_event event)
{
    if (next == a->state) {
        return;
    }
    log_debug(&a->log, "assoc.state", "from=%s to=%s on=\"%s\"", ul_state_name(a->state),
              ul_state_name(next), ul_event_name(event));
    a->state = next;
    a->entered_ms = clock_now_ms();
    if (next == UL_STA6 && !a->is_established) {
        a->is_established = true;
        a->last_use_ms = a->entered_ms;
        metric_add(open_gauge(a), 1);
    }
    if (next == UL_STA1 || next == UL_STA13) {
        assoc_forget_input(a);
        if (a->negotiation != NULL && !a->negotiation->is_lent) {
            assoc_forget_negotiation(a);
        }
        loop_timer_clear(a->watch);
        a->watch_due_ms = 0;
        if (a->is_choked) {
            a->is_choked = false;
            stream_resume_reading(a->stream); /* to see the peer close */
        }
    }
    if (next == UL_STA1) {
        loop_timer_clear(a->artim);
        assoc_set_why(a, RC_IO, "closed"); /* every way here has said more */
        loop_defer(a->loop, finish, a);
    }
}

void assoc_event(struct assoc *a, enum ul_event event)
{
    struct ul_step step = fsm_step(a->state, event);
    if (step.action == UL_ACTION_INVALID) {
        /* Ours, not the peer's: every PDU has an action in every state that has a transport. */
        log_error(&a->log, "assoc.bug", "cannot_happen=\"%s\" in=%s", ul_event_name(event),
                  ul_state_name(a->state));
        return;
    }
    set_state(a, assoc_act(a, &step), event);
    assoc_tell(a, step.action);
    assoc_rearm(a);
}

void assoc_hang_up(struct assoc *a)
{
    a->is_deaf = true;
    set_state(a, UL_STA1, UL_EV_INVALID_PDU);
}

void assoc_invalid_pdu(struct assoc *a, enum abort_reason reason, const struct err *why)
{
    if (why->limit != LIMIT_NONE) {
        assoc_set_why_rc(a, why);
    } else {
        metric_add(METRIC_protocol_errors, a->state != UL_STA13);
        assoc_set_why(a, RC_INVALID, "protocol error: %s", why->text);
    }
    /* AA-1 aborts as service user, whose reason is not significant (PS3.8 table 9-9). */
    a->abort = a->state == UL_STA2 ? (struct pdu_abort){ABORT_SOURCE_USER, 0}
                                   : (struct pdu_abort){ABORT_SOURCE_PROVIDER, (uint8_t)reason};
    a->is_deaf = true; /* where the next PDU would begin is not known any more */
    assoc_event(a, UL_EV_INVALID_PDU);
}

/* ---- deadlines ---- */

void assoc_start_artim(struct assoc *a)
{
    loop_timer_set(a->artim, a->options.artim_ms);
}

/* What a peer that has connected owes us. */
static const char *due_first(const struct assoc *a)
{
    return stream_origin(a->stream) == STREAM_AWAITED      ? "PROXY header"
           : stream_security(a->stream) == STREAM_SECURING ? "TLS handshake"
                                                           : "A-ASSOCIATE-RQ";
}

static void on_artim(void *arg)
{
    struct assoc *a = arg;
    if (a->state == UL_STA13) {
        struct log_ctx ctx = a->log;
        ctx.limit = LIMIT_artim_timeout;
        if (log_enabled(LOG_INFO) &&
            log_is_due("assoc.unclosed", "", stream_peer_address(a->stream))) {
            log_info(&ctx, "assoc.unclosed", "the peer does not close the connection");
        }
    }
    assoc_set_why_limit(a, LIMIT_artim_timeout, "no %s within %lld ms", due_first(a),
                        (long long)a->options.artim_ms);
    assoc_event(a, UL_EV_ARTIM_EXPIRED);
}

struct deadline {
    int64_t due_ms; /* 0 = none */
    enum limit limit;
    const char *what;
};

static struct deadline after(int64_t begin_ms, int64_t delay_ms, enum limit limit, const char *what)
{
    return (struct deadline){delay_ms > 0 ? begin_ms + delay_ms : 0, limit, what};
}

static int64_t later_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static struct deadline sooner_of(struct deadline a, struct deadline b)
{
    return b.due_ms == 0 || (a.due_ms != 0 && a.due_ms <= b.due_ms) ? a : b;
}

/* A peer that goes on octet by octet is in no hurry to end, so progress alone does not do: both waits for
 * octets have a bound that no octet moves. */
static struct deadline deadline_of(const struct assoc *a)
{
    switch (a->state) {
    case UL_STA3:
        return after(a->entered_ms, a->options.negotiation_ms, LIMIT_negotiation_timeout,
                     "association request not answered");
    case UL_STA5:
        return after(a->entered_ms, a->options.negotiation_ms, LIMIT_negotiation_timeout,
                     "no answer to our request");
    case UL_STA7:
    case UL_STA10:
    case UL_STA11:
        /* The peer may still have responses for us. */
        return sooner_of(after(later_of(a->entered_ms, a->last_input_ms), a->options.negotiation_ms,
                               LIMIT_negotiation_timeout,
                               "the peer does not answer the release request"),
                         after(a->entered_ms, a->options.message_ms, LIMIT_message_time_limit,
                               "the peer sends for too long after the release request"));
    case UL_STA6:
        if (a->rx.is_partial && !a->is_choked) {
            return sooner_of(after(a->last_input_ms, a->options.message_stall_ms,
                                   LIMIT_message_timeout,
                                   "the peer has stopped in the middle of a message"),
                             after(a->rx.begun_ms, a->options.message_ms, LIMIT_message_time_limit,
                                   "the peer takes too long for a message"));
        }
        if (a->busy == 0) {
            return after(a->last_use_ms, a->options.idle_ms, LIMIT_idle_timeout,
                         "idle for too long");
        }
        return (struct deadline){0, LIMIT_NONE, NULL};
    default:
        /* Sta2 and Sta13 have ARTIM, Sta4 the stream's deadline; in Sta8 the owner's operations have
         * theirs; Sta9 and Sta12 are left at once. */
        return (struct deadline){0, LIMIT_NONE, NULL};
    }
}

void assoc_rearm(struct assoc *a)
{
    int64_t due = deadline_of(a).due_ms;
    if (due != 0 && (a->watch_due_ms == 0 || due < a->watch_due_ms)) {
        a->watch_due_ms = due;
        loop_timer_set(a->watch, later_of(due - clock_now_ms(), 0));
    }
}

static void on_watch(void *arg)
{
    struct assoc *a = arg;
    struct deadline d = deadline_of(a);
    a->watch_due_ms = 0;
    if (d.due_ms == 0) {
        return;
    }
    if (clock_now_ms() < d.due_ms) {
        assoc_rearm(a);
        return;
    }
    if (stream_queued(a->stream) > 0 && !a->rx.is_partial) {
        /* The peer is not idle and has no question to answer while it still reads; output that
         * stalls ends by itself. */
        a->entered_ms = a->last_use_ms = clock_now_ms();
        assoc_rearm(a);
        return;
    }
    assoc_set_why_limit(a, d.limit, "%s", d.what);
    a->abort = (struct pdu_abort){ABORT_SOURCE_USER, 0};
    assoc_event(a, UL_EV_LOCAL_ABORT);
}

/* ---- the stream's callbacks; on_data is in receive.c ---- */

static void on_connected(void *arg)
{
    struct assoc *a = arg;
    if (a->state == UL_STA4) {
        assoc_event(a, UL_EV_TRANSPORT_CONFIRM);
    }
}

static void on_stream_drained(void *arg)
{
    struct assoc *a = arg;
    a->taken_while_full = 0;
    if (a->is_choked) {
        a->is_choked = false;
        /* The time was ours. Only whole messages choke us, so one message is not given more over and over. */
        a->last_input_ms = clock_now_ms();
        a->rx.begun_ms = a->rx.begun_ms != 0 ? a->last_input_ms : 0;
        stream_resume_reading(a->stream);
        assoc_rearm(a);
    }
    if (fsm_step(a->state, UL_EV_LOCAL_PDATA).action != UL_ACTION_INVALID && !a->is_dropped &&
        a->callbacks.on_drained != NULL) {
        a->callbacks.on_drained(a, a->arg);
    }
}

/* Before any request. */
static void on_unasked_end(struct assoc *a, const struct err *why)
{
    enum stream_origin origin = stream_origin(a->stream);
    bool is_balancer = origin == STREAM_AWAITED || origin == STREAM_LOCAL;
    enum talk talk = a->has_spoken                ? TALK_half
                     : is_balancer || is_probe(a) ? TALK_probe
                                                  : TALK_silent;
    if (origin == STREAM_AWAITED && why->code == RC_INVALID) {
        talk = TALK_unproxied;
        assoc_set_why_rc(a, why);
    }
    assoc_set_why(a, RC_IO, "%s%s", talk_words(talk),
                  talk == TALK_silent ? "; probe-addresses would keep it out of the log" : "");
    assoc_wrong_talk(a, talk, a->why.text);
}

static void on_stream_closed(const struct err *why, void *arg)
{
    struct assoc *a = arg;
    if (a->state == UL_STA1) {
        return;
    }
    if (a->state == UL_STA2 && stream_security(a->stream) == STREAM_SECURING &&
        stream_has_spoken(a->stream)) {
        on_unsecured(a, why);
    } else if (a->state == UL_STA2 && why->limit == LIMIT_NONE) {
        on_unasked_end(a, why);
    } else if (why->code == RC_OK) {
        assoc_set_why(a, RC_IO, "the peer closed the connection without release or abort");
    } else {
        struct err full = *why;
        full.code = why->code == RC_TIMEOUT || why->code == RC_DENIED ? why->code : RC_IO;
        err_reword(&full, "%s: %s", a->state == UL_STA4 ? "cannot connect" : "connection lost",
                   why->text);
        assoc_set_why_rc(a, &full);
    }
    assoc_event(a, UL_EV_TRANSPORT_CLOSED);
}

static const struct stream_callbacks stream_callbacks = {
    .on_connected = on_connected,
    .on_data = assoc_on_data,
    .on_drained = on_stream_drained,
    .on_closed = on_stream_closed,
};

/* ---- birth ---- */

static struct assoc *make(struct loop *l, const struct assoc_options *options,
                          const struct assoc_callbacks *callbacks, void *arg)
{
    struct assoc *a = xcalloc(1, sizeof(*a));
    a->loop = l;
    a->options = *options;
    if (a->options.max_associate_bytes == 0) {
        a->options.max_associate_bytes = assoc_options_default().max_associate_bytes;
    }
    a->callbacks = *callbacks;
    a->arg = arg;
    a->number = atomic_fetch_add_explicit(&last_number, 1, memory_order_relaxed) + 1;
    a->log.assoc = a->number;
    a->arena = arena_new(ARENA_LIMIT);
    a->artim = loop_timer_new(l, on_artim, a);
    a->watch = loop_timer_new(l, on_watch, a);
    a->state = UL_STA1;
    a->opened_ms = a->entered_ms = a->last_input_ms = a->last_use_ms = clock_now_ms();
    a->we_invoke = a->peer_invokes = 1;
    a->send_max = UNLIMITED_PDU_BYTES;
    buf_init(&a->rx.command, options->max_command_bytes);
    return a;
}

static bool is_proxy(const struct assoc_options *options)
{
    char address[ADDRESS_TEXT], name[ADDRESS_TEXT];
    if (options->proxy_count == 0 || options->peer == NULL) {
        return false;
    }
    address_format(options->peer, address, name);
    return networks_have(options->proxies, options->proxy_count, address);
}

static struct stream_options stream_options_of(const struct assoc_options *options)
{
    return (struct stream_options){
        .max_input_bytes = INPUT_LIMIT,
        .high_water_bytes = options->high_water_bytes,
        .write_stall_ms = options->write_stall_ms,
        .send_buffer_bytes = options->send_buffer_bytes,
        .peer = options->peer,
        .tls = options->tls,
        .tls_name = options->tls_name,
    };
}

struct assoc *assoc_accept_fd(struct loop *l, int fd, const struct assoc_options *options,
                              const struct assoc_callbacks *callbacks, void *arg)
{
    struct assoc *a = make(l, options, callbacks, arg);
    struct stream_options so = stream_options_of(options);
    so.is_proxied = is_proxy(options);
    metric_add(METRIC_connections_accepted, 1);
    a->options.peer = NULL;
    a->options.tls = NULL;
    a->stream = stream_new(l, fd, &so, &stream_callbacks, a);
    a->log.peer = stream_peer(a->stream);
    assoc_event(a, UL_EV_TRANSPORT_INDICATION);
    return a;
}

/* Encode the request, and decode it again: that checks it as a peer would, and copies it whole. */
static enum rc prepare_request(struct assoc *a, const struct pdu_associate *rq, struct err *err)
{
    struct pdu_associate full = *rq;
    struct negotiation *n = xcalloc(1, sizeof(*n));
    a->negotiation = n;
    n->arena = arena_new(ARENA_LIMIT);
    buf_init(&n->body, 0);
    full.protocol_version |= 1;
    full.application_context = NET_APPLICATION_CONTEXT;
    full.has_max_length = true;
    full.max_length = a->options.max_pdu_bytes;
    if (full.implementation_class_uid == NULL) {
        full.implementation_class_uid = NET_IMPLEMENTATION_UID;
        full.implementation_version = NET_IMPLEMENTATION_VERSION;
    }
    pdu_encode_associate(&n->body, PDU_ASSOCIATE_RQ, &full);
    if (buf_status(&n->body) != RC_OK) {
        return err_set(err, buf_status(&n->body), "the association request is too large");
    }
    return pdu_decode_associate(
        span_of(n->body.data + PDU_HEADER_BYTES, n->body.len - PDU_HEADER_BYTES), PDU_ASSOCIATE_RQ,
        n->arena, &n->rq, err);
}

struct assoc *assoc_request(struct loop *l, const struct sockaddr *addr, socklen_t addr_len,
                            const struct pdu_associate *rq, const struct assoc_options *options,
                            const struct assoc_callbacks *callbacks, void *arg)
{
    struct assoc *a = make(l, options, callbacks, arg);
    struct stream_options so = stream_options_of(options);
    struct err err;
    a->is_requestor = true;
    a->options.tls = NULL;
    a->options.tls_name = NULL;
    so.handshake_ms = options->negotiation_ms;
    memcpy(a->called_aet, rq->called_aet, sizeof(a->called_aet));
    memcpy(a->calling_aet, rq->calling_aet, sizeof(a->calling_aet));
    a->log.aet = a->called_aet;
    /* AE-1: the connection is begun here, because the state table has no place for its arguments. */
    a->stream = stream_connect(l, addr, addr_len, options->connect_ms, &so, &stream_callbacks, a);
    a->log.peer = stream_peer(a->stream);
    assoc_event(a, UL_EV_LOCAL_ASSOCIATE_RQ);
    if (prepare_request(a, rq, &err) != RC_OK) {
        assoc_set_why_rc(a, &err);
        assoc_event(a, UL_EV_LOCAL_ABORT);
    }
    return a;
}

/* ---- what the owner asks for ---- */

void assoc_release(struct assoc *a)
{
    if (a->state == UL_STA6) {
        assoc_event(a, UL_EV_LOCAL_RELEASE_RQ);
    } else if (a->state > UL_STA1 && a->state < UL_STA6) {
        assoc_abort(a, ABORT_SOURCE_USER, 0, "given up before it was established");
    }
}

void assoc_answer_release(struct assoc *a)
{
    if (a->state == UL_STA8) {
        assoc_event(a, UL_EV_LOCAL_RELEASE_RP);
    }
}

void assoc_abort(struct assoc *a, uint8_t source, uint8_t reason, const char *why)
{
    if (a->state == UL_STA1 || a->state == UL_STA13) {
        return; /* it is ending already */
    }
    assoc_set_why(a, RC_CANCELED, "aborted by us: %s", why != NULL ? why : "no reason given");
    if (a->state == UL_STA2) {
        assoc_hang_up(a); /* there is nothing to abort yet */
        return;
    }
    a->abort = (struct pdu_abort){source, reason};
    assoc_event(a, UL_EV_LOCAL_ABORT);
}

void assoc_free(struct assoc *a)
{
    if (a == NULL || a->is_dropped) {
        return;
    }
    a->is_dropped = true;
    assoc_abort(a, ABORT_SOURCE_USER, 0, "dropped");
    if (a->state != UL_STA1) {
        assoc_hang_up(a); /* deferred behind the sending of the A-ABORT */
    }
}

bool assoc_is_receiving(const struct assoc *a)
{
    return a->rx.is_partial;
}

void assoc_set_busy(struct assoc *a, int delta)
{
    a->busy += delta;
    assert(a->busy >= 0);
    if (a->busy == 0) {
        a->last_use_ms = clock_now_ms();
        assoc_rearm(a);
    }
}

uint16_t assoc_next_message_id(struct assoc *a)
{
    if (++a->last_message_id == 0) {
        a->last_message_id = 1;
    }
    return a->last_message_id;
}

bool assoc_is_full(const struct assoc *a)
{
    return stream_is_full(a->stream);
}

const char *assoc_calling_aet(const struct assoc *a)
{
    return a->calling_aet;
}

const char *assoc_peer_address(const struct assoc *a)
{
    return stream_peer_address(a->stream);
}

enum rc assoc_check_binding(const struct assoc *a, const char *entries, struct err *err)
{
    return stream_check_binding(a->stream, entries, err);
}

uint64_t assoc_number(const struct assoc *a)
{
    return a->number;
}

const struct log_ctx *assoc_log(const struct assoc *a)
{
    return &a->log;
}

struct arena *assoc_arena(struct assoc *a)
{
    return a->arena;
}

struct loop *assoc_loop(const struct assoc *a)
{
    return a->loop;
}
