/* SPDX-License-Identifier: Apache-2.0
 *
 * A request's body to an answer: nothing is granted that was not asked for, every context is answered once, and the
 * answer can be sent and read.
 */
#include "fuzz.h"
#include "net/negotiate.h"

#define STORE "1.2.840.10008.5.1.4.1.1.200.1"
#define FIND  "1.2.840.10008.5.1.4.20.1"
#define ECHO  "1.2.840.10008.1.1"
#define GET   "1.2.840.10008.5.1.4.20.3"

static const char *const syntaxes[] = {"1.2.840.10008.1.2.1", "1.2.840.10008.1.2",
                                       "1.2.840.10008.1.2.2", NULL};
static const uint8_t mask[] = {1, 1, 0, 0};
static const struct negotiate_rule rules[] = {
    {ECHO, true, false, false, syntaxes, NULL, 0},
    {STORE, true, true, false, syntaxes, NULL, 0},
    {FIND, true, false, false, syntaxes, mask, 4},
    {GET, true, false, true, syntaxes, NULL, 0}, /* denied */
};
static const struct negotiate_policy policy = {rules, 4, 8, 1};

static const struct negotiate_rule *rule_of(const char *uid)
{
    for (unsigned i = 0; i < policy.rule_count; i++) {
        if (strcmp(rules[i].abstract_syntax, uid) == 0)
            return &rules[i];
    }
    return NULL;
}

static bool is_offered(const struct pdu_context *offer, const char *uid)
{
    for (unsigned i = 0; i < offer->transfer_syntax_count; i++) {
        if (strcmp(offer->transfer_syntaxes[i], uid) == 0)
            return true;
    }
    return false;
}

static void check_contexts(const struct pdu_associate *rq, const struct pdu_associate *ac)
{
    bool seen[256] = {false};
    CHECK(rq->context_count == ac->context_count);
    for (unsigned i = 0; i < ac->context_count; i++) {
        const struct pdu_context *offer = &rq->contexts[i], *answer = &ac->contexts[i];
        const struct negotiate_rule *rule = rule_of(offer->abstract_syntax);
        CHECK(answer->id == offer->id && answer->id % 2 == 1 && !seen[answer->id]);
        CHECK(answer->transfer_syntax_count == 1 && answer->result <= 4);
        seen[answer->id] = true;
        CHECK((rule == NULL) == (answer->result == PC_ABSTRACT_SYNTAX_NOT_SUPPORTED));
        if (answer->result == PC_ACCEPTED)
            CHECK(!rule->denied && is_offered(offer, answer->transfer_syntaxes[0]));
    }
}

static const struct pdu_role *role_of(const struct pdu_associate *a, const char *uid)
{
    for (unsigned i = 0; i < a->role_count; i++) {
        if (strcmp(a->roles[i].sop_class, uid) == 0)
            return &a->roles[i];
    }
    return NULL;
}

static void check_items(const struct pdu_associate *rq, const struct pdu_associate *ac)
{
    for (unsigned i = 0; i < ac->role_count; i++) {
        const struct pdu_role *r = &ac->roles[i];
        const struct pdu_role *proposed = role_of(rq, r->sop_class);
        const struct negotiate_rule *rule = rule_of(r->sop_class);
        CHECK(proposed && rule && role_of(ac, r->sop_class) == r); /* once */
        CHECK(!r->scu || (proposed->scu == 1 && rule->as_scp));
        CHECK(!r->scp || (proposed->scp == 1 && rule->as_scu));
    }
    for (unsigned i = 0; i < ac->extended_count; i++) {
        const struct pdu_extended *e = &ac->extended[i];
        CHECK(strcmp(e->sop_class, FIND) == 0 && e->info.len <= 8 && i == 0);
        for (size_t k = 0; k < e->info.len; k++)
            CHECK((e->info.data[k] & ~(k < sizeof(mask) ? mask[k] : 0)) == 0);
    }
    CHECK(ac->has_async_window == rq->has_async_window);
    CHECK(ac->max_ops_invoked >= 1 && ac->max_ops_invoked <= policy.max_ops_performed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new((size_t)4 << 20);
    struct pdu_associate rq, ac, read;
    struct err err = {0};
    struct buf out;
    buf_init(&out, 0);
    if (pdu_decode_associate(span_of(data, size), PDU_ASSOCIATE_RQ, arena, &rq, &err) == RC_OK) {
        enum rc rc = negotiate_answer(&rq, &policy, arena, &ac, &err);
        CHECK(rc == RC_OK || rc == RC_INVALID || rc == RC_NOMEM);
        if (rc == RC_OK) {
            check_contexts(&rq, &ac);
            check_items(&rq, &ac);
            pdu_encode_associate(&out, PDU_ASSOCIATE_AC, &ac);
            CHECK(buf_status(&out) == RC_OK);
            CHECK_OK(pdu_decode_associate(
                         span_of(out.data + PDU_HEADER_BYTES, out.len - PDU_HEADER_BYTES),
                         PDU_ASSOCIATE_AC, arena, &read, &err),
                     &err);
            CHECK(memcmp(read.echoed, rq.echoed, sizeof(rq.echoed)) == 0);
            CHECK(read.context_count == rq.context_count && read.role_count == ac.role_count);
        }
    }
    buf_fini(&out);
    arena_free(arena);
    return 0;
}
