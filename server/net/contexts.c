/* SPDX-License-Identifier: Apache-2.0
 *
 * net/assoc: what was negotiated, kept for the life of the association.
 *
 * Request and answer are put together once, in the association's arena; equal UIDs share their text, so
 * that an association with dozens of contexts stays within a few kilobytes. What the answer grants
 * beyond the request (a hostile or faulty acceptor) is not taken: an id, transfer syntax or role that
 * was not proposed is not accepted.
 */
#include "net_internal.h"

bool assoc_peer_max_is_usable(const struct pdu_associate *p)
{
    return !p->has_max_length || p->max_length == 0 || p->max_length >= PEER_MAX_MIN;
}

static const struct pdu_context *answer_for(const struct pdu_associate *ac, uint8_t id)
{
    for (unsigned i = 0; i < ac->context_count; i++) {
        if (ac->contexts[i].id == id) {
            return &ac->contexts[i];
        }
    }
    return NULL;
}

static bool was_offered(const struct pdu_context *offer, const char *transfer_syntax)
{
    for (unsigned i = 0; i < offer->transfer_syntax_count; i++) {
        if (strcmp(offer->transfer_syntaxes[i], transfer_syntax) == 0) {
            return true;
        }
    }
    return false;
}

static const struct pdu_role *role_of(const struct pdu_associate *p, const char *sop_class)
{
    for (unsigned i = 0; i < p->role_count; i++) {
        if (strcmp(p->roles[i].sop_class, sop_class) == 0) {
            return &p->roles[i];
        }
    }
    return NULL;
}

/* PS3.7 D.3.3.4: the requestor is SCU unless both sides have agreed otherwise. */
static void settle_roles(struct assoc_context *c, const struct pdu_associate *rq,
                         const struct pdu_associate *ac, bool is_requestor)
{
    const struct pdu_role *proposed = role_of(rq, c->abstract_syntax);
    const struct pdu_role *granted = role_of(ac, c->abstract_syntax);
    bool requestor_is_scu = true;
    bool requestor_is_scp = false;
    if (proposed != NULL && granted != NULL) {
        requestor_is_scu = proposed->scu == 1 && granted->scu == 1;
        requestor_is_scp = proposed->scp == 1 && granted->scp == 1;
    }
    c->local_scu = is_requestor ? requestor_is_scu : requestor_is_scp;
    c->local_scp = is_requestor ? requestor_is_scp : requestor_is_scu;
}

/* The text in the arena; NULL without memory. */
static const char *intern(struct assoc *a, const char *uid)
{
    for (unsigned i = 0; i < a->context_count; i++) {
        const struct assoc_context *c = &a->contexts[i];
        if (strcmp(c->abstract_syntax, uid) == 0) {
            return c->abstract_syntax;
        }
        if (strcmp(c->transfer_syntax, uid) == 0) {
            return c->transfer_syntax;
        }
    }
    return arena_strdup(a->arena, uid);
}

static enum rc settle_context(struct assoc *a, const struct pdu_context *offer,
                              const struct pdu_associate *rq, const struct pdu_associate *ac)
{
    const struct pdu_context *answer = answer_for(ac, offer->id);
    const char *abstract_syntax = intern(a, offer->abstract_syntax);
    const char *transfer_syntax = "";
    bool accepted = answer != NULL && answer->result == PC_ACCEPTED &&
                    answer->transfer_syntax_count == 1 &&
                    was_offered(offer, answer->transfer_syntaxes[0]);
    if (accepted) {
        transfer_syntax = intern(a, answer->transfer_syntaxes[0]);
    }
    if (abstract_syntax == NULL || transfer_syntax == NULL) {
        return RC_NOMEM;
    }
    struct assoc_context *c = &a->contexts[a->context_count++];
    *c = (struct assoc_context){
        .id = offer->id,
        .accepted = accepted,
        .abstract_syntax = abstract_syntax,
        .transfer_syntax = transfer_syntax,
    };
    if (accepted) {
        settle_roles(c, rq, ac, a->is_requestor);
    }
    a->slot_of_id[offer->id / 2] = (uint8_t)a->context_count;
    return RC_OK;
}

/* Only for classes that were accepted: the rest is of no use to anyone. */
static enum rc settle_extended(struct assoc *a, const struct pdu_associate *peer)
{
    if (peer->extended_count == 0 || a->context_count == 0) {
        return RC_OK;
    }
    a->extended = arena_array(a->arena, a->context_count, sizeof(*a->extended));
    if (a->extended == NULL) {
        return RC_NOMEM;
    }
    for (unsigned i = 0; i < peer->extended_count && a->extended_count < a->context_count; i++) {
        const struct pdu_extended *e = &peer->extended[i];
        const struct assoc_context *c = NULL;
        struct span known;
        for (unsigned k = 0; k < a->context_count && c == NULL; k++) {
            if (a->contexts[k].accepted &&
                strcmp(a->contexts[k].abstract_syntax, e->sop_class) == 0) {
                c = &a->contexts[k];
            }
        }
        if (c == NULL || assoc_peer_extended(a, e->sop_class, &known)) {
            continue;
        }
        uint8_t *info = arena_alloc(a->arena, e->info.len);
        if (info == NULL) {
            return RC_NOMEM;
        }
        if (e->info.len > 0) {
            memcpy(info, e->info.data, e->info.len);
        }
        a->extended[a->extended_count++] =
            (struct pdu_extended){c->abstract_syntax, span_of(info, e->info.len)};
    }
    return RC_OK;
}

/* PS3.7 D.3.3.3: both numbers are the requestor's, the answer may only lower them; absent = 1/1. */
static uint16_t settle_window(const struct pdu_associate *rq, const struct pdu_associate *ac,
                              uint16_t asked, uint16_t granted)
{
    if (!rq->has_async_window || !ac->has_async_window) {
        return 1;
    }
    if (asked == 0) {
        return granted;
    }
    return granted == 0 || granted > asked ? asked : granted;
}

enum rc assoc_settle(struct assoc *a, const struct pdu_associate *rq,
                     const struct pdu_associate *ac, struct err *err)
{
    const struct pdu_associate *peer = a->is_requestor ? ac : rq;
    uint32_t max = peer->has_max_length ? peer->max_length : 0;
    enum rc rc = RC_OK;
    a->send_max = max == 0 || max > UNLIMITED_PDU_BYTES ? UNLIMITED_PDU_BYTES : max;
    uint16_t invoked = settle_window(rq, ac, rq->max_ops_invoked, ac->max_ops_invoked);
    uint16_t performed = settle_window(rq, ac, rq->max_ops_performed, ac->max_ops_performed);
    a->we_invoke = a->is_requestor ? invoked : performed;
    a->peer_invokes = a->is_requestor ? performed : invoked;
    if (rq->context_count > 0) {
        a->contexts = arena_array(a->arena, rq->context_count, sizeof(*a->contexts));
        if (a->contexts == NULL) {
            rc = RC_NOMEM;
        }
    }
    for (unsigned i = 0; i < rq->context_count && rc == RC_OK; i++) {
        const struct pdu_context *offer = &rq->contexts[i];
        /* An even or repeated id is a fault that net/negotiate reports; here it is merely not taken. */
        if (offer->id % 2 == 1 && a->slot_of_id[offer->id / 2] == 0) {
            rc = settle_context(a, offer, rq, ac);
        }
    }
    if (rc == RC_OK) {
        rc = settle_extended(a, peer);
    }
    return rc == RC_OK ? RC_OK : err_set(err, rc, "the contexts need too much memory");
}

const struct assoc_context *assoc_context_by_id(const struct assoc *a, uint8_t id)
{
    unsigned slot = id % 2 == 1 ? a->slot_of_id[id / 2] : 0;
    return slot != 0 ? &a->contexts[slot - 1] : NULL;
}

const struct assoc_context *assoc_find_context(const struct assoc *a, const char *abstract_syntax,
                                               const char *transfer_syntax)
{
    for (unsigned i = 0; i < a->context_count; i++) {
        const struct assoc_context *c = &a->contexts[i];
        if (c->accepted && c->local_scu && strcmp(c->abstract_syntax, abstract_syntax) == 0 &&
            (transfer_syntax == NULL || strcmp(c->transfer_syntax, transfer_syntax) == 0)) {
            return c;
        }
    }
    return NULL;
}

bool assoc_peer_extended(const struct assoc *a, const char *sop_class, struct span *info)
{
    for (unsigned i = 0; i < a->extended_count; i++) {
        if (strcmp(a->extended[i].sop_class, sop_class) == 0) {
            *info = a->extended[i].info;
            return true;
        }
    }
    return false;
}

void assoc_async_window(const struct assoc *a, uint16_t *we_invoke, uint16_t *peer_invokes)
{
    *we_invoke = a->we_invoke;
    *peer_invokes = a->peer_invokes;
}
