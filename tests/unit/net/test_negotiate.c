/* SPDX-License-Identifier: Apache-2.0
 *
 * net/negotiate: the answer to each kind of presentation context, role, extended item and window.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/negotiate.h"

#define FIND    "1.2.840.10008.5.1.4.20.1"
#define STORE   "1.2.840.10008.5.1.4.1.1.200.1"
#define SECRET  "1.2.840.10008.5.1.4.1.1.200.3"
#define SENDER  "1.2.840.10008.5.1.4.1.1.200.7"
#define FOREIGN "1.2.840.10008.5.1.4.1.1.7"
#define ILE     "1.2.840.10008.1.2"
#define ELE     "1.2.840.10008.1.2.1"
#define JPEG    "1.2.840.10008.1.2.4.50"

static const char *const ours[] = {ELE, ILE, NULL};
static const uint8_t mask[] = {1, 0, 1};
static const struct negotiate_rule rules[] = {
    {FIND, true, false, false, ours, mask, 3},
    {STORE, true, true, false, ours, NULL, 0},
    {SECRET, true, true, true, ours, mask, 3},
    {SENDER, false, true, false, ours, NULL, 0},
};
static const struct negotiate_policy policy = {rules, 4, 8, 1};

static const char *both[] = {ILE, ELE};
static const char *jpeg[] = {JPEG};

static struct pdu_context context(uint8_t id, const char *uid)
{
    return (struct pdu_context){id, 0, uid, both, 2};
}

struct answer {
    struct arena *arena;
    struct pdu_associate ac;
    struct err err;
    enum rc rc;
};

static struct answer ask_with(struct pdu_associate rq, const struct negotiate_policy *p)
{
    struct answer a = {.arena = arena_new(1 << 20)};
    a.rc = negotiate_answer(&rq, p, a.arena, &a.ac, &a.err);
    return a;
}

static struct answer ask(struct pdu_associate rq)
{
    return ask_with(rq, &policy);
}

static void contexts_get_the_result_of_their_rule(void **fixture)
{
    (void)fixture;
    struct pdu_context contexts[] = {
        context(1, FIND),       context(3, FOREIGN), context(5, SECRET),  {7, 0, STORE, jpeg, 1},
        {9, 0, STORE, NULL, 0}, context(11, SENDER), context(255, STORE),
    };
    static const uint8_t want[] = {PC_ACCEPTED,
                                   PC_ABSTRACT_SYNTAX_NOT_SUPPORTED,
                                   PC_USER_REJECTION,
                                   PC_TRANSFER_SYNTAXES_NOT_SUPPORTED,
                                   PC_TRANSFER_SYNTAXES_NOT_SUPPORTED,
                                   PC_USER_REJECTION,
                                   PC_ACCEPTED};
    struct answer a = ask((struct pdu_associate){.contexts = contexts, .context_count = 7});
    assert_int_equal(a.rc, RC_OK);
    assert_int_equal(a.ac.context_count, 7);
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(a.ac.contexts[i].id, contexts[i].id);
        assert_int_equal(a.ac.contexts[i].result, want[i]);
        assert_int_equal(a.ac.contexts[i].transfer_syntax_count, 1);
        assert_string_equal(a.ac.contexts[i].transfer_syntaxes[0],
                            want[i] == PC_ACCEPTED ? ELE : ILE); /* our order, not the peer's */
    }
    assert_int_equal(a.ac.protocol_version, 1);
    assert_string_equal(a.ac.application_context, "1.2.840.10008.3.1.1.1");
    assert_int_equal(a.ac.role_count, 0);
    assert_false(a.ac.has_async_window);
    arena_free(a.arena);
}

static void a_request_without_contexts_gets_an_answer_without(void **fixture)
{
    (void)fixture;
    struct pdu_role role = {STORE, 1, 1};
    struct pdu_extended extended = {FIND, {mask, 3}};
    struct answer a = ask((struct pdu_associate){
        .roles = &role, .role_count = 1, .extended = &extended, .extended_count = 1});
    assert_int_equal(a.rc, RC_OK);
    assert_int_equal(a.ac.context_count + a.ac.role_count + a.ac.extended_count, 0);
    arena_free(a.arena);
}

static void even_and_repeated_context_ids_are_invalid(void **fixture)
{
    (void)fixture;
    struct pdu_context contexts[] = {context(1, FIND), context(2, FIND)};
    struct answer a = ask((struct pdu_associate){.contexts = contexts, .context_count = 2});
    assert_int_equal(a.rc, RC_INVALID);
    arena_free(a.arena);
    contexts[1].id = 0;
    a = ask((struct pdu_associate){.contexts = contexts, .context_count = 2});
    assert_int_equal(a.rc, RC_INVALID);
    arena_free(a.arena);
    contexts[1].id = 1;
    a = ask((struct pdu_associate){.contexts = contexts, .context_count = 2});
    assert_int_equal(a.rc, RC_INVALID);
    arena_free(a.arena);
    contexts[1].id = 3;
    a = ask((struct pdu_associate){.contexts = contexts, .context_count = 2});
    assert_int_equal(a.rc, RC_OK);
    arena_free(a.arena);
}

/* PS3.7 D.3.3.4, each proposal to each kind of class: never 1 where 0 was proposed; without an item the requestor is
 * SCU and there is no answer item. */
static void roles_are_granted_where_proposed_and_allowed(void **fixture)
{
    (void)fixture;
    enum { NONE = 9 }; /* no item */
    static const struct {
        const char *uid;
        uint8_t scu, scp;           /* proposed */
        uint8_t want_scu, want_scp; /* answered */
        uint8_t result;
    } cases[] = {
        /* we may be both */
        {STORE, NONE, NONE, NONE, NONE, PC_ACCEPTED},
        {STORE, 0, 0, NONE, NONE, PC_USER_REJECTION},
        {STORE, 1, 0, 1, 0, PC_ACCEPTED},
        {STORE, 0, 1, 0, 1, PC_ACCEPTED},
        {STORE, 1, 1, 1, 1, PC_ACCEPTED},
        /* SCP only */
        {FIND, NONE, NONE, NONE, NONE, PC_ACCEPTED},
        {FIND, 0, 0, NONE, NONE, PC_USER_REJECTION},
        {FIND, 1, 0, 1, 0, PC_ACCEPTED},
        {FIND, 0, 1, NONE, NONE, PC_USER_REJECTION},
        {FIND, 1, 1, 1, 0, PC_ACCEPTED},
        /* SCU only */
        {SENDER, NONE, NONE, NONE, NONE, PC_USER_REJECTION},
        {SENDER, 0, 0, NONE, NONE, PC_USER_REJECTION},
        {SENDER, 1, 0, NONE, NONE, PC_USER_REJECTION},
        {SENDER, 0, 1, 0, 1, PC_ACCEPTED},
        {SENDER, 1, 1, 0, 1, PC_ACCEPTED},
        /* denied to this peer */
        {SECRET, NONE, NONE, NONE, NONE, PC_USER_REJECTION},
        {SECRET, 0, 0, NONE, NONE, PC_USER_REJECTION},
        {SECRET, 1, 0, NONE, NONE, PC_USER_REJECTION},
        {SECRET, 0, 1, NONE, NONE, PC_USER_REJECTION},
        {SECRET, 1, 1, NONE, NONE, PC_USER_REJECTION},
        /* not served at all */
        {FOREIGN, 1, 1, NONE, NONE, PC_ABSTRACT_SYNTAX_NOT_SUPPORTED},
        /* only 1 is a yes */
        {STORE, 7, 9, NONE, NONE, PC_USER_REJECTION},
        {STORE, 1, 255, 1, 0, PC_ACCEPTED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pdu_context contexts[] = {context(1, cases[i].uid), context(3, cases[i].uid)};
        bool has_item = cases[i].scu != NONE;
        /* The first item counts; one for a class without context is not answered. */
        struct pdu_role roles[] = {
            {"1.2.3", 1, 1}, {cases[i].uid, cases[i].scu, cases[i].scp}, {cases[i].uid, 1, 1}};
        struct answer a = ask((struct pdu_associate){.contexts = contexts,
                                                     .context_count = 2,
                                                     .roles = roles,
                                                     .role_count = has_item ? 3 : 1});
        assert_int_equal(a.rc, RC_OK);
        assert_int_equal(a.ac.contexts[0].result, cases[i].result);
        assert_int_equal(a.ac.contexts[1].result, cases[i].result);
        assert_int_equal(a.ac.role_count, cases[i].want_scu == NONE ? 0 : 1);
        if (a.ac.role_count == 1) {
            assert_string_equal(a.ac.roles[0].sop_class, cases[i].uid);
            assert_int_equal(a.ac.roles[0].scu, cases[i].want_scu);
            assert_int_equal(a.ac.roles[0].scp, cases[i].want_scp);
        }
        arena_free(a.arena);
    }
}

static void extended_negotiation_is_masked_in_the_length_offered(void **fixture)
{
    (void)fixture;
    static const uint8_t ones[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    for (size_t n = 0; n <= sizeof(ones); n++) {
        struct pdu_context contexts[] = {context(1, FIND), context(3, SECRET), context(5, STORE)};
        struct pdu_extended extended[] = {{STORE, {ones, n}},
                                          {SECRET, {ones, n}},
                                          {FIND, {ones, n}},
                                          {FIND, {ones, 1}},
                                          {FOREIGN, {ones, n}}};
        struct answer a = ask((struct pdu_associate){
            .contexts = contexts, .context_count = 3, .extended = extended, .extended_count = 5});
        assert_int_equal(a.rc, RC_OK);
        assert_int_equal(a.ac.extended_count, 1); /* STORE has no mask, SECRET is refused */
        assert_string_equal(a.ac.extended[0].sop_class, FIND);
        assert_int_equal(a.ac.extended[0].info.len, n < 8 ? n : 8);
        assert_memory_equal(a.ac.extended[0].info.data, "\1\0\1\0\0\0\0\0",
                            a.ac.extended[0].info.len);
        arena_free(a.arena);
    }
}

static void asynchronous_window_is_only_lowered(void **fixture)
{
    (void)fixture;
    static const struct {
        uint16_t invoked, performed;    /* the requestor's offer */
        uint16_t we_perform, we_invoke; /* the policy */
        uint16_t want_invoked, want_performed;
    } cases[] = {
        {16, 16, 8, 1, 8, 1}, {1, 1, 8, 8, 1, 1}, {0, 0, 8, 1, 8, 1},
        {5, 6, 0, 0, 5, 6},   {0, 0, 0, 0, 0, 0}, {65535, 0, 65535, 3, 65535, 3},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct negotiate_policy p = {rules, 4, cases[i].we_perform, cases[i].we_invoke};
        struct answer a = ask_with((struct pdu_associate){.has_async_window = true,
                                                          .max_ops_invoked = cases[i].invoked,
                                                          .max_ops_performed = cases[i].performed},
                                   &p);
        assert_true(a.ac.has_async_window);
        assert_int_equal(a.ac.max_ops_invoked, cases[i].want_invoked);
        assert_int_equal(a.ac.max_ops_performed, cases[i].want_performed);
        arena_free(a.arena);
    }
}

static void user_identity_and_common_extended_are_not_answered(void **fixture)
{
    (void)fixture;
    struct pdu_common_extended common = {FIND, "1.2", NULL, 0};
    struct answer a =
        ask((struct pdu_associate){.has_user_identity = true,
                                   .user_identity = {.type = 1, .response_requested = true},
                                   .common_extended = &common,
                                   .common_extended_count = 1});
    assert_int_equal(a.rc, RC_OK);
    assert_false(a.ac.has_user_identity || a.ac.has_user_identity_ac);
    assert_int_equal(a.ac.common_extended_count, 0);
    arena_free(a.arena);
}

static void too_small_an_arena_is_reported(void **fixture)
{
    (void)fixture;
    struct pdu_context contexts[] = {context(1, FIND), context(3, STORE)};
    struct pdu_role role = {STORE, 1, 1};
    struct pdu_extended extended = {FIND, {mask, 3}};
    struct pdu_associate rq = {.contexts = contexts,
                               .context_count = 2,
                               .roles = &role,
                               .role_count = 1,
                               .extended = &extended,
                               .extended_count = 1};
    unsigned failed = 0;
    for (size_t limit = 1; limit < 400; limit++) {
        struct arena *arena = arena_new(limit);
        struct pdu_associate ac;
        struct err err;
        enum rc rc = negotiate_answer(&rq, &policy, arena, &ac, &err);
        assert_true(rc == RC_OK || rc == RC_NOMEM);
        failed += rc != RC_OK;
        arena_free(arena);
    }
    assert_true(failed > 50 && failed < 399);
}

static void thousands_of_role_items_cost_little_and_answer_one(void **fixture)
{
    (void)fixture;
    enum { COUNT = 8000 };
    struct pdu_role *roles = calloc(COUNT, sizeof(*roles));
    char(*uids)[8] = calloc(COUNT, sizeof(*uids));
    struct pdu_context contexts[128];
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(uids[i], sizeof(uids[i]), "1.%u", i % 10000);
        roles[i] = (struct pdu_role){uids[i], 1, 1};
    }
    roles[COUNT - 1].sop_class = STORE;
    for (unsigned i = 0; i < 128; i++) {
        contexts[i] = context((uint8_t)(2 * i + 1), STORE);
    }
    struct answer a = ask((struct pdu_associate){
        .contexts = contexts, .context_count = 128, .roles = roles, .role_count = COUNT});
    assert_int_equal(a.rc, RC_OK);
    assert_int_equal(a.ac.role_count, 1);
    arena_free(a.arena);
    free(roles);
    free(uids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contexts_get_the_result_of_their_rule),
        cmocka_unit_test(a_request_without_contexts_gets_an_answer_without),
        cmocka_unit_test(even_and_repeated_context_ids_are_invalid),
        cmocka_unit_test(roles_are_granted_where_proposed_and_allowed),
        cmocka_unit_test(extended_negotiation_is_masked_in_the_length_offered),
        cmocka_unit_test(asynchronous_window_is_only_lowered),
        cmocka_unit_test(user_identity_and_common_extended_are_not_answered),
        cmocka_unit_test(too_small_an_arena_is_reported),
        cmocka_unit_test(thousands_of_role_items_cost_little_and_answer_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
