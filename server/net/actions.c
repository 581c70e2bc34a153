/* SPDX-License-Identifier: Apache-2.0
 *
 * net/assoc: the actions of PS3.8 tables 9-6 to 9-9, one function each, and the owner's answers.
 *
 * An action sends and sets ARTIM; it never calls the owner. What the standard calls an indication or a
 * confirmation is the second column, `tell`, which runs when the new state is set.
 *
 * After A-ABORT, A-ASSOCIATE-RJ and A-RELEASE-RP the standard leaves closing to the peer and waits in
 * Sta13 under ARTIM; that also keeps a reset from destroying the last PDU. One A-ABORT is sent per
 * association: AA-7, which would answer every further fault with another one, is silent after the
 * first, so that a peer cannot make us write without end.
 *
 * A release collision (both sides have asked) needs nothing from the owner, who has asked for release
 * and so has finished: AR-8 and AR-10 give the local response at once.
 */
#include "net_internal.h"

#include <stdio.h>

#include "core/metrics.h"
#include "net/reject.h"

enum { USER_NAME_LOGGED = 64 };

typedef enum ul_state (*act_fn)(struct assoc *a, const struct ul_step *step);
typedef void (*tell_fn)(struct assoc *a);

static void send_buf(struct assoc *a, struct buf *pdu)
{
    stream_write(a->stream, buf_span(pdu));
    buf_fini(pdu);
}

static void send_release(struct assoc *a, enum pdu_type type)
{
    struct buf pdu;
    buf_init(&pdu, 0);
    pdu_encode_release(&pdu, type);
    send_buf(a, &pdu);
}

static void send_abort(struct assoc *a)
{
    struct buf pdu;
    if (a->has_sent_abort) {
        return;
    }
    a->has_sent_abort = true;
    if (a->state != UL_STA2) {
        metric_add_at(METRIC_associations_aborted, (struct metric_at){.a = SIDE_us}, 1);
    }
    buf_init(&pdu, 0);
    pdu_encode_abort(&pdu, &a->abort);
    send_buf(a, &pdu);
}

/* Who asked is in the context of the line. */
static void log_rejected(const struct assoc *a)
{
    struct log_ctx ctx = a->log;
    char subject[64];
    ctx.limit = a->reject_why->limit;
    snprintf(subject, sizeof(subject), "%s to %s %u/%u/%u", a->calling_aet, a->called_aet,
             a->reject.result, a->reject.source, a->reject.reason);
    if (!log_enabled(a->reject_level) ||
        !log_is_due("assoc.rejected", subject, stream_peer_address(a->stream))) {
        return;
    }
    log_event(a->reject_level, &ctx, "assoc.rejected",
              "role=acceptor called=\"%s\" code=%u/%u/%u reason=\"%s\" why=\"%s\"", a->called_aet,
              a->reject.result, a->reject.source, a->reject.reason, pdu_reject_text(&a->reject),
              a->reject_why->text);
}

static void send_reject(struct assoc *a)
{
    struct buf pdu;
    a->is_rejected = true;
    metric_add_at(METRIC_associations_rejected, (struct metric_at){.a = reject_find(&a->reject)},
                  1);
    log_rejected(a);
    assoc_set_why(a, RC_OK, "%s", pdu_reject_text(&a->reject));
    buf_init(&pdu, 0);
    pdu_encode_reject(&pdu, &a->reject);
    send_buf(a, &pdu);
    assoc_start_artim(a);
}

/* ---- table 9-6: association establishment ---- */

static enum ul_state act_ae_2(struct assoc *a, const struct ul_step *step)
{
    send_buf(a, &a->negotiation->body);
    return step->next;
}

static enum ul_state act_ae_5(struct assoc *a, const struct ul_step *step)
{
    assoc_start_artim(a);
    return step->next;
}

/* PS3.5 6.2, VR AE: the default repertoire without control characters and backslash; PS3.8 9.3.2: not
 * 16 spaces. */
static bool is_title(const char *title)
{
    for (const char *c = title; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~' || *c == '\\') {
            return false;
        }
    }
    return title[0] != '\0';
}

/* What every acceptor must refuse, whatever it serves. */
static enum rc check_request(const struct assoc *a, const struct pdu_associate *rq,
                             struct pdu_reject *rj, struct err *err)
{
    if ((rq->protocol_version & 1) == 0) {
        *rj = reject_of(REJECT_VERSION)->code;
        return err_set(err, RC_UNSUPPORTED, "another version of the protocol");
    }
    if (rq->application_context == NULL ||
        strcmp(rq->application_context, NET_APPLICATION_CONTEXT) != 0) {
        *rj = reject_of(REJECT_CONTEXT_NAME)->code;
        return err_set(err, RC_UNSUPPORTED, "another application context than DICOM's");
    }
    if (!is_title(rq->called_aet)) {
        *rj = reject_of(REJECT_CALLED)->code;
        return err_set(err, RC_INVALID, "the called AE title is malformed");
    }
    if (!is_title(rq->calling_aet)) {
        *rj = reject_of(REJECT_CALLING)->code;
        return err_set(err, RC_INVALID, "the calling AE title is malformed");
    }
    if (!assoc_peer_max_is_usable(rq)) {
        *rj = reject_of(REJECT_MAX_LENGTH)->code;
        return err_set(err, RC_INVALID, "the maximum length is less than %d", PEER_MAX_MIN);
    }
    if (rq->context_count > a->options.max_contexts) {
        *rj = reject_of(REJECT_CONTEXTS)->code;
        return err_set_limit(err, LIMIT_max_contexts, 0, "%u presentation contexts, more than %u",
                             rq->context_count, a->options.max_contexts);
    }
    return RC_OK;
}

static enum ul_state act_ae_6(struct assoc *a, const struct ul_step *step)
{
    const struct pdu_associate *rq = &a->negotiation->rq;
    loop_timer_clear(a->artim);
    memcpy(a->called_aet, rq->called_aet, sizeof(a->called_aet));
    memcpy(a->calling_aet, rq->calling_aet, sizeof(a->calling_aet));
    a->log.aet = a->calling_aet;
    struct err why;
    if (check_request(a, rq, &a->reject, &why) == RC_OK) {
        return step->next;
    }
    a->reject_why = &why;
    a->reject_level = LOG_WARN;
    send_reject(a);
    return step->other;
}

/* PS3.7 table D.3-14, user identity types. What else the item holds (passcode, ticket, assertion, token) is a secret:
 * it is neither verified nor logged, and there is no answer (D.3.3.7.2 wants one where it was verified only). */
static const char *identity_name(uint8_t type)
{
    static const char *const names[] = {NULL,       "username", "username-passcode",
                                        "kerberos", "saml",     "jwt"};
    return type < sizeof(names) / sizeof(names[0]) && names[type] != NULL ? names[type] : "unknown";
}

static unsigned identity_pairs(const struct pdu_associate *rq, char user[USER_NAME_LOGGED + 1],
                               struct log_pair pairs[2])
{
    if (rq == NULL || !rq->has_user_identity) {
        return 0;
    }
    const struct pdu_user_identity *u = &rq->user_identity;
    pairs[0] = (struct log_pair){.key = "identity", .text = identity_name(u->type)};
    if (u->type != 1 && u->type != 2) {
        return 1;
    }
    size_t len = u->primary.len < USER_NAME_LOGGED ? u->primary.len : USER_NAME_LOGGED;
    if (len > 0) {
        memcpy(user, u->primary.data, len);
    }
    user[len] = '\0';
    pairs[1] = (struct log_pair){.key = "user", .text = user};
    return 2;
}

static unsigned tls_pairs(const struct assoc *a, struct stream_tls *tls, struct log_pair pairs[3])
{
    if (stream_security(a->stream) != STREAM_SECURED) {
        return 0;
    }
    stream_describe_tls(a->stream, tls);
    pairs[0] = (struct log_pair){.key = "tls", .text = tls->version};
    pairs[1] = (struct log_pair){.key = "suite", .text = tls->suite};
    pairs[2] = (struct log_pair){.key = "certificate", .text = tls->subject};
    return tls->subject[0] != '\0' ? 3 : 2;
}

/* rq: the other side's, NULL = there is none. */
static void log_accepted(const struct assoc *a, const struct pdu_associate *rq)
{
    unsigned accepted = 0;
    char user[USER_NAME_LOGGED + 1];
    struct stream_tls tls;
    if (!log_enabled(LOG_INFO)) {
        return;
    }
    for (unsigned i = 0; i < a->context_count; i++) {
        accepted += a->contexts[i].accepted;
    }
    struct log_pair pairs[11] = {
        {.key = "role", .text = a->is_requestor ? "requestor" : "acceptor"},
        {.key = "called", .text = a->called_aet},
        {.key = "calling", .text = a->calling_aet},
        {.key = "contexts", .number = a->context_count},
        {.key = "accepted", .number = accepted},
        {.key = "send_max", .number = a->send_max},
    };
    unsigned count = 6 + identity_pairs(rq, user, pairs + 6);
    count += tls_pairs(a, &tls, pairs + count);
    log_pairs(LOG_INFO, &a->log, "assoc.accepted", pairs, count);
}

static enum ul_state act_ae_3(struct assoc *a, const struct ul_step *step)
{
    assoc_forget_negotiation(a); /* settled when it was decoded */
    log_accepted(a, NULL);
    return step->next;
}

static enum ul_state act_ae_4(struct assoc *a, const struct ul_step *step)
{
    a->is_rejected = true;
    log_info(&a->log, "assoc.rejected", "role=requestor reason=\"%s\" code=%u/%u/%u",
             pdu_reject_text(&a->reject), a->reject.result, a->reject.source, a->reject.reason);
    assoc_set_why(a, RC_OK, "%s", pdu_reject_text(&a->reject));
    return step->next;
}

static enum ul_state act_ae_7(struct assoc *a, const struct ul_step *step)
{
    metric_add(METRIC_associations_accepted, 1);
    send_buf(a, &a->negotiation->body);
    log_accepted(a, &a->negotiation->rq);
    assoc_forget_negotiation(a);
    return step->next;
}

static enum ul_state act_ae_8(struct assoc *a, const struct ul_step *step)
{
    send_reject(a);
    return step->next;
}

/* ---- table 9-8: release ---- */

static enum ul_state act_ar_1(struct assoc *a, const struct ul_step *step)
{
    send_release(a, PDU_RELEASE_RQ);
    return step->next;
}

static enum ul_state act_ar_3(struct assoc *a, const struct ul_step *step)
{
    assoc_set_why(a, RC_OK, "released by us");
    return step->next;
}

static enum ul_state act_ar_4(struct assoc *a, const struct ul_step *step)
{
    assoc_set_why(a, RC_OK, "released by the peer");
    send_release(a, PDU_RELEASE_RP);
    assoc_start_artim(a);
    return step->next;
}

static enum ul_state act_ar_8(struct assoc *a, const struct ul_step *step)
{
    return a->is_requestor ? step->next : step->other;
}

static enum ul_state act_ar_9(struct assoc *a, const struct ul_step *step)
{
    send_release(a, PDU_RELEASE_RP);
    return step->next;
}

/* ---- table 9-9: abort ---- */

static enum ul_state act_aa_1(struct assoc *a, const struct ul_step *step)
{
    send_abort(a);
    assoc_start_artim(a);
    return step->next;
}

static enum ul_state act_aa_3(struct assoc *a, const struct ul_step *step)
{
    metric_add_at(METRIC_associations_aborted, (struct metric_at){.a = SIDE_peer}, 1);
    assoc_set_why(a, RC_IO, "%s", pdu_abort_text(&a->abort));
    return step->next;
}

static enum ul_state act_aa_7(struct assoc *a, const struct ul_step *step)
{
    send_abort(a);
    return step->next;
}

/* ---- indications and confirmations ---- */

static void tell_request(struct assoc *a)
{
    if (a->state == UL_STA3 && a->callbacks.on_request != NULL) {
        a->negotiation->is_lent = true;
        a->callbacks.on_request(a, &a->negotiation->rq, a->arg);
    }
}

static void tell_established(struct assoc *a)
{
    if (a->callbacks.on_established != NULL) {
        a->callbacks.on_established(a, a->arg);
    }
}

static void tell_rejected(struct assoc *a)
{
    if (a->callbacks.on_rejected != NULL) {
        a->callbacks.on_rejected(a, &a->reject, a->arg);
    }
}

static void tell_abort(struct assoc *a)
{
    if (a->callbacks.on_abort != NULL) {
        a->callbacks.on_abort(a, a->arg);
    }
}

static void tell_release(struct assoc *a)
{
    if (a->callbacks.on_release != NULL) {
        a->callbacks.on_release(a, a->arg);
    } else {
        assoc_answer_release(a);
    }
}

/* In Sta9 and Sta12 it is our turn; in Sta10 the peer's. */
static void tell_collision(struct assoc *a)
{
    if (a->state != UL_STA10) {
        assoc_event(a, UL_EV_LOCAL_RELEASE_RP);
    }
}

static const struct {
    act_fn act; /* NULL = nothing to do but to change the state */
    tell_fn tell;
} actions[UL_ACTION_END] = {
    [UL_AE_2] = {act_ae_2, NULL},
    [UL_AE_3] = {act_ae_3, tell_established},
    [UL_AE_4] = {act_ae_4, tell_rejected},
    [UL_AE_5] = {act_ae_5, NULL},
    [UL_AE_6] = {act_ae_6, tell_request},
    [UL_AE_7] = {act_ae_7, NULL},
    [UL_AE_8] = {act_ae_8, NULL},
    [UL_AR_1] = {act_ar_1, NULL},
    [UL_AR_2] = {NULL, tell_release},
    [UL_AR_3] = {act_ar_3, NULL},
    [UL_AR_4] = {act_ar_4, NULL},
    [UL_AR_8] = {act_ar_8, tell_collision},
    [UL_AR_9] = {act_ar_9, NULL},
    [UL_AR_10] = {NULL, tell_collision},
    [UL_AA_1] = {act_aa_1, NULL},
    [UL_AA_3] = {act_aa_3, NULL},
    [UL_AA_7] = {act_aa_7, NULL},
    [UL_AA_8] = {act_aa_1, tell_abort}, /* the source differs, and that is in a->abort */
    /* AE-1: assoc_request connects. DT-1, AR-7: send.c. DT-2, AR-6, AA-6: receive.c goes on to read.
     * AR-5, AA-2, AA-4, AA-5: entering Sta1 stops ARTIM, closes and tells the owner. */
};

enum ul_state assoc_act(struct assoc *a, const struct ul_step *step)
{
    act_fn act = actions[step->action].act;
    return act != NULL ? act(a, step) : step->next;
}

void assoc_tell(struct assoc *a, enum ul_action action)
{
    tell_fn tell = actions[action].tell;
    if (tell != NULL && !a->is_dropped) {
        tell(a);
    }
}

/* ---- the owner's answers ---- */

void assoc_answer_accept(struct assoc *a, const struct pdu_associate *ac)
{
    struct pdu_associate full = *ac;
    struct err err;
    if (a->state != UL_STA3) {
        return; /* the peer has gone in the meantime; on_closed is on its way */
    }
    struct negotiation *n = a->negotiation;
    full.protocol_version = 1;
    full.application_context = NET_APPLICATION_CONTEXT;
    full.has_max_length = true;
    full.max_length = a->options.max_pdu_bytes;
    memcpy(full.echoed, n->rq.echoed, sizeof(full.echoed));
    if (full.implementation_class_uid == NULL) {
        full.implementation_class_uid = NET_IMPLEMENTATION_UID;
        full.implementation_version = NET_IMPLEMENTATION_VERSION;
    }
    buf_init(&n->body, 0);
    pdu_encode_associate(&n->body, PDU_ASSOCIATE_AC, &full);
    if (buf_status(&n->body) != RC_OK) {
        assoc_abort(a, ABORT_SOURCE_PROVIDER, ABORT_NOT_SPECIFIED, "the answer is too large");
        return;
    }
    if (assoc_settle(a, &n->rq, &full, &err) != RC_OK) {
        assoc_abort(a, ABORT_SOURCE_PROVIDER, ABORT_NOT_SPECIFIED, err.text);
        return;
    }
    assoc_event(a, UL_EV_LOCAL_ACCEPT);
}

void assoc_answer_reject(struct assoc *a, const struct pdu_reject *rj, enum log_level level,
                         const struct err *why)
{
    if (a->state == UL_STA3) {
        a->negotiation->is_lent = false;
        a->reject = *rj;
        a->reject_level = level;
        a->reject_why = why;
        assoc_event(a, UL_EV_LOCAL_REJECT);
    }
}
