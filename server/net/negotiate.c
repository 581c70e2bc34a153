/* SPDX-License-Identifier: Apache-2.0
 *
 * net/negotiate: the acceptor's side of PS3.8 9.3.3 and PS3.7 D.3.3, as one pass over the request.
 *
 * Roles belong to a SOP class, transfer syntaxes to a context, so a class is judged first: which roles
 * would the peer have? Without role selection it is SCU (PS3.7 D.3.3.4); with it, what it proposes and
 * the rule allows. A class in which no role is left is refused context by context.
 *
 *   no rule -> 3    denied, or no role left -> 1    no common transfer syntax -> 4    else -> 0
 *
 * Lookups are linear, once per association: everything hangs on the contexts, at most 128, so that
 * thousands of role items (they fit into 65535 octets) cost a moment and not the square of it. Items
 * beyond the first for a class are ignored.
 */
#include "net/negotiate.h"

enum { EXTENDED_MAX = 8 };

/* PS3.7 Annex A */
static const char application_context[] = "1.2.840.10008.3.1.1.1";

struct roles {
    uint8_t scu; /* of the peer */
    uint8_t scp;
};

static const struct negotiate_rule *find_rule(const struct negotiate_policy *policy,
                                              const char *uid)
{
    for (unsigned i = 0; i < policy->rule_count; i++) {
        if (strcmp(policy->rules[i].abstract_syntax, uid) == 0) {
            return &policy->rules[i];
        }
    }
    return NULL;
}

static const struct pdu_role *find_role(const struct pdu_associate *rq, const char *uid)
{
    for (unsigned i = 0; i < rq->role_count; i++) {
        if (strcmp(rq->roles[i].sop_class, uid) == 0) {
            return &rq->roles[i];
        }
    }
    return NULL;
}

/* Never 1 where 0 was proposed. */
static struct roles grant_roles(const struct negotiate_rule *rule, const struct pdu_role *proposed)
{
    if (proposed == NULL) {
        return (struct roles){rule->as_scp, 0};
    }
    return (struct roles){proposed->scu == 1 && rule->as_scp, proposed->scp == 1 && rule->as_scu};
}

static const char *choose_syntax(const struct negotiate_rule *rule, const struct pdu_context *offer)
{
    for (const char *const *ours = rule->transfer_syntaxes; *ours != NULL; ours++) {
        for (unsigned i = 0; i < offer->transfer_syntax_count; i++) {
            if (strcmp(*ours, offer->transfer_syntaxes[i]) == 0) {
                return *ours;
            }
        }
    }
    return NULL;
}

static enum pc_result judge(const struct pdu_associate *rq, const struct negotiate_policy *policy,
                            const struct pdu_context *offer, const char **transfer_syntax)
{
    const struct negotiate_rule *rule = find_rule(policy, offer->abstract_syntax);
    *transfer_syntax = NULL;
    if (rule == NULL) {
        return PC_ABSTRACT_SYNTAX_NOT_SUPPORTED;
    }
    struct roles roles = grant_roles(rule, find_role(rq, offer->abstract_syntax));
    if (rule->denied || (!roles.scu && !roles.scp)) {
        return PC_USER_REJECTION;
    }
    *transfer_syntax = choose_syntax(rule, offer);
    return *transfer_syntax != NULL ? PC_ACCEPTED : PC_TRANSFER_SYNTAXES_NOT_SUPPORTED;
}

static enum rc check_ids(const struct pdu_associate *rq, struct err *err)
{
    bool seen[256] = {false};
    for (unsigned i = 0; i < rq->context_count; i++) {
        uint8_t id = rq->contexts[i].id;
        if (id % 2 == 0) {
            return err_set(err, RC_INVALID, "presentation context id %u is even", id);
        }
        if (seen[id]) {
            return err_set(err, RC_INVALID, "presentation context id %u comes twice", id);
        }
        seen[id] = true;
    }
    return RC_OK;
}

/* The first accepted context of its SOP class: what is answered once per class hangs on it. */
static bool is_first_of_class(const struct pdu_associate *rq, const struct pdu_associate *ac,
                              unsigned index)
{
    if (ac->contexts[index].result != PC_ACCEPTED) {
        return false;
    }
    for (unsigned i = 0; i < index; i++) {
        if (ac->contexts[i].result == PC_ACCEPTED &&
            strcmp(rq->contexts[i].abstract_syntax, rq->contexts[index].abstract_syntax) == 0) {
            return false;
        }
    }
    return true;
}

static enum rc answer_contexts(const struct pdu_associate *rq,
                               const struct negotiate_policy *policy, struct arena *arena,
                               struct pdu_associate *ac)
{
    /* PS3.8 9.3.3.2 wants one transfer syntax in refused contexts too, though it is not significant. */
    static const char implicit_le[] = "1.2.840.10008.1.2";
    if (rq->context_count == 0) {
        return RC_OK;
    }
    ac->contexts = arena_array(arena, rq->context_count, sizeof(*ac->contexts));
    const char **chosen = arena_array(arena, rq->context_count, sizeof(*chosen));
    if (ac->contexts == NULL || chosen == NULL) {
        return RC_NOMEM;
    }
    for (unsigned i = 0; i < rq->context_count; i++) {
        struct pdu_context *answer = &ac->contexts[i];
        answer->id = rq->contexts[i].id;
        answer->result = (uint8_t)judge(rq, policy, &rq->contexts[i], &chosen[i]);
        if (chosen[i] == NULL) {
            chosen[i] = implicit_le;
        }
        answer->transfer_syntaxes = &chosen[i];
        answer->transfer_syntax_count = 1;
    }
    ac->context_count = rq->context_count;
    return RC_OK;
}

static enum rc answer_roles(const struct pdu_associate *rq, const struct negotiate_policy *policy,
                            struct arena *arena, struct pdu_associate *ac)
{
    if (rq->role_count == 0 || rq->context_count == 0) {
        return RC_OK;
    }
    ac->roles = arena_array(arena, rq->context_count, sizeof(*ac->roles));
    if (ac->roles == NULL) {
        return RC_NOMEM;
    }
    for (unsigned i = 0; i < rq->context_count; i++) {
        const char *uid = rq->contexts[i].abstract_syntax;
        const struct pdu_role *proposed = find_role(rq, uid);
        if (proposed != NULL && is_first_of_class(rq, ac, i)) {
            struct roles granted = grant_roles(find_rule(policy, uid), proposed);
            ac->roles[ac->role_count++] = (struct pdu_role){uid, granted.scu, granted.scp};
        }
    }
    return RC_OK;
}

static const struct pdu_extended *find_extended(const struct pdu_associate *rq, const char *uid)
{
    for (unsigned i = 0; i < rq->extended_count; i++) {
        if (strcmp(rq->extended[i].sop_class, uid) == 0) {
            return &rq->extended[i];
        }
    }
    return NULL;
}

static enum rc answer_extended(const struct pdu_associate *rq,
                               const struct negotiate_policy *policy, struct arena *arena,
                               struct pdu_associate *ac)
{
    if (rq->extended_count == 0 || rq->context_count == 0) {
        return RC_OK;
    }
    ac->extended = arena_array(arena, rq->context_count, sizeof(*ac->extended));
    if (ac->extended == NULL) {
        return RC_NOMEM;
    }
    for (unsigned i = 0; i < rq->context_count; i++) {
        const char *uid = rq->contexts[i].abstract_syntax;
        const struct negotiate_rule *rule = find_rule(policy, uid);
        const struct pdu_extended *offer = find_extended(rq, uid);
        if (offer == NULL || rule == NULL || rule->extended_mask == NULL ||
            !is_first_of_class(rq, ac, i)) {
            continue;
        }
        size_t len = offer->info.len < EXTENDED_MAX ? offer->info.len : EXTENDED_MAX;
        uint8_t *info = arena_alloc(arena, EXTENDED_MAX);
        if (info == NULL) {
            return RC_NOMEM;
        }
        for (size_t k = 0; k < len && k < rule->extended_bytes; k++) {
            info[k] = offer->info.data[k] & rule->extended_mask[k];
        }
        ac->extended[ac->extended_count++] = (struct pdu_extended){uid, span_of(info, len)};
    }
    return RC_OK;
}

/* 0 is "unlimited" on either side. */
static uint16_t lower_of(uint16_t offered, uint16_t ours)
{
    if (offered == 0 || ours == 0) {
        return offered == 0 ? ours : offered;
    }
    return offered < ours ? offered : ours;
}

enum rc negotiate_answer(const struct pdu_associate *rq, const struct negotiate_policy *policy,
                         struct arena *arena, struct pdu_associate *ac, struct err *err)
{
    memset(ac, 0, sizeof(*ac));
    ac->protocol_version = 1;
    ac->application_context = application_context;
    memcpy(ac->echoed, rq->echoed, sizeof(ac->echoed));
    memcpy(ac->called_aet, rq->called_aet, sizeof(ac->called_aet));
    memcpy(ac->calling_aet, rq->calling_aet, sizeof(ac->calling_aet));
    /* PS3.7 D.3.3.3: both numbers are the requestor's: what it invokes and what it performs. */
    ac->has_async_window = rq->has_async_window;
    ac->max_ops_invoked = lower_of(rq->max_ops_invoked, policy->max_ops_performed);
    ac->max_ops_performed = lower_of(rq->max_ops_performed, policy->max_ops_invoked);

    enum rc rc = check_ids(rq, err);
    if (rc != RC_OK) {
        return rc;
    }
    rc = answer_contexts(rq, policy, arena, ac);
    if (rc == RC_OK) {
        rc = answer_roles(rq, policy, arena, ac);
    }
    if (rc == RC_OK) {
        rc = answer_extended(rq, policy, arena, ac);
    }
    return rc == RC_OK ? RC_OK
                       : err_set(err, rc, "the answer to the association needs too much memory");
}
