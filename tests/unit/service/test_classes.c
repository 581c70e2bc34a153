/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "service_internal.h"

static struct pdu_context context(uint8_t id, const char *abstract_syntax, const char **syntaxes,
                                  unsigned count)
{
    return (struct pdu_context){.id = id,
                                .abstract_syntax = abstract_syntax,
                                .transfer_syntaxes = syntaxes,
                                .transfer_syntax_count = count};
}

static const char *both[] = {UID_IMPLICIT_LE, UID_EXPLICIT_LE};

/* One context of this class for a peer with these rights: its result. */
static unsigned result_of(unsigned rights, const char *abstract_syntax)
{
    struct arena *arena = arena_new(1024 * 1024);
    struct pdu_context c = context(1, abstract_syntax, both, 2);
    struct pdu_associate rq = {.contexts = &c, .context_count = 1}, ac = {0};
    struct negotiate_rule rules[SOP_CLASS_COUNT];
    struct negotiate_policy policy;
    struct err err = {0};
    classes_policy(rights, 8, rules, &policy);
    assert_int_equal(negotiate_answer(&rq, &policy, arena, &ac, &err), RC_OK);
    assert_int_equal(ac.context_count, 1);
    unsigned result = ac.contexts[0].result;
    arena_free(arena);
    return result;
}

static void a_right_that_is_missing_denies_its_contexts(void **state)
{
    (void)state;
    static const struct {
        unsigned right;
        const char *uid;
    } cases[] = {
        {PEER_MAY_ECHO, UID_VERIFICATION},         {PEER_MAY_FIND, UID_PROTOCOL_FIND},
        {PEER_MAY_MOVE, UID_PROTOCOL_MOVE},        {PEER_MAY_GET, UID_PROTOCOL_GET},
        {PEER_MAY_FIND, UID_APPROVAL_FIND},        {PEER_MAY_MOVE, UID_APPROVAL_MOVE},
        {PEER_MAY_GET, UID_APPROVAL_GET},          {PEER_MAY_STORE, UID_CT_DEFINED_PROTOCOL},
        {PEER_MAY_STORE, UID_XA_DEFINED_PROTOCOL}, {PEER_MAY_STORE, UID_PROTOCOL_APPROVAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(result_of(cases[i].right, cases[i].uid), PC_ACCEPTED);
        assert_int_equal(result_of(0, cases[i].uid), PC_USER_REJECTION);
    }
    assert_int_equal(result_of(PEER_MAY_ALL & ~PEER_MAY_FIND, UID_PROTOCOL_FIND),
                     PC_USER_REJECTION);
}

static void what_is_not_served_is_not_supported(void **state)
{
    (void)state;
    static const char *const others[] = {
        "1.2.840.10008.5.1.4.1.1.200.2", /* CT Performed Procedure Protocol Storage */
        "1.2.840.10008.5.1.4.1.1.200.8", /* XA Performed Procedure Protocol Storage */
        "1.2.840.10008.5.1.4.1.1.2",     /* CT Image Storage */
        "1.2.840.10008.5.1.4.1.2.2.1",   /* Study Root FIND */
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(result_of(PEER_MAY_ALL, others[i]), PC_ABSTRACT_SYNTAX_NOT_SUPPORTED);
}

/* Role selection for C-GET, PS3.4 C.5.3: the roles of one storage context. */
static struct pdu_role role_of(unsigned rights, uint8_t scu, uint8_t scp)
{
    struct arena *arena = arena_new(1024 * 1024);
    struct pdu_context c = context(1, UID_XA_DEFINED_PROTOCOL, both, 2);
    struct pdu_role role = {UID_XA_DEFINED_PROTOCOL, scu, scp}, answer;
    struct pdu_associate rq = {.contexts = &c, .context_count = 1, .roles = &role, .role_count = 1};
    struct pdu_associate ac = {0};
    struct negotiate_rule rules[SOP_CLASS_COUNT];
    struct negotiate_policy policy;
    struct err err = {0};
    classes_policy(rights, 8, rules, &policy);
    assert_int_equal(negotiate_answer(&rq, &policy, arena, &ac, &err), RC_OK);
    assert_int_equal(ac.role_count, 1);
    answer = ac.roles[0];
    arena_free(arena);
    return answer;
}

static void storage_roles_follow_the_two_rights(void **state)
{
    (void)state;
    static const struct {
        unsigned rights;
        uint8_t scu, scp, granted_scu, granted_scp;
    } cases[] = {
        {PEER_MAY_ALL, 1, 1, 1, 1}, {PEER_MAY_ALL, 0, 1, 0, 1}, {PEER_MAY_ALL, 1, 0, 1, 0},
        {PEER_MAY_GET, 1, 1, 0, 1}, {PEER_MAY_GET, 0, 1, 0, 1}, {PEER_MAY_STORE, 1, 1, 1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pdu_role got = role_of(cases[i].rights, cases[i].scu, cases[i].scp);
        assert_int_equal(got.scu, cases[i].granted_scu);
        assert_int_equal(got.scp, cases[i].granted_scp);
    }
}

/* PS3.4 K.5.1: as offered, in the length offered, and only where offered. */
static void extended_negotiation_of_find_answers_what_is_offered(void **state)
{
    static const struct {
        const char *sop_class;
        uint8_t offered[10];
        unsigned length;
        uint8_t answer[8];
        int answer_length; /* -1 = no item */
    } cases[] = {
        {UID_PROTOCOL_FIND, {1, 1, 1, 1}, 4, {1, 1, 1, 1}, 4},
        {UID_PROTOCOL_FIND, {1, 1, 0, 1}, 4, {1, 1, 0, 1}, 4},
        {UID_PROTOCOL_FIND, {1, 1, 1, 0}, 4, {1, 1, 1, 0}, 4},
        {UID_PROTOCOL_FIND, {1, 1, 0, 0}, 4, {1, 1, 0, 0}, 4},
        {UID_PROTOCOL_FIND, {1, 1, 1}, 3, {1, 1, 1}, 3},
        {UID_PROTOCOL_FIND, {1, 1, 0}, 3, {1, 1, 0}, 3},
        /* Octets 5 to 7 are of C.5 only, what is not 1 is no request. */
        {UID_PROTOCOL_FIND, {1, 1, 1, 1, 1, 1, 1}, 7, {1, 1, 1, 1, 0, 0, 0}, 7},
        {UID_PROTOCOL_FIND, {1, 1, 2, 0x80}, 4, {1, 1, 0, 0}, 4},
        {UID_PROTOCOL_FIND, {0}, 0, {0}, 0},
        {UID_PROTOCOL_MOVE, {1, 1, 1, 1}, 4, {0}, -1},
        {UID_CT_DEFINED_PROTOCOL, {2, 0, 3, 0}, 4, {0}, -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena *arena = arena_new(1024 * 1024);
        struct pdu_context c = context(1, cases[i].sop_class, both, 2);
        struct pdu_extended extended = {cases[i].sop_class, {cases[i].offered, cases[i].length}};
        struct pdu_associate rq = {
            .contexts = &c, .context_count = 1, .extended = &extended, .extended_count = 1};
        struct pdu_associate ac = {0};
        struct negotiate_rule rules[SOP_CLASS_COUNT];
        struct negotiate_policy policy;
        struct err err = {0};
        classes_policy(PEER_MAY_ALL, 8, rules, &policy);
        assert_int_equal(negotiate_answer(&rq, &policy, arena, &ac, &err), RC_OK);
        assert_int_equal(ac.extended_count, cases[i].answer_length >= 0);
        if (ac.extended_count > 0) {
            assert_int_equal(ac.extended[0].info.len, cases[i].answer_length);
            assert_memory_equal(ac.extended[0].info.data, cases[i].answer,
                                (size_t)cases[i].answer_length);
        }
        arena_free(arena);
    }
}

static void an_item_that_was_not_offered_is_not_answered(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1024 * 1024);
    struct pdu_context c = context(1, UID_PROTOCOL_FIND, both, 2);
    struct pdu_associate rq = {.contexts = &c, .context_count = 1};
    struct pdu_associate ac = {0};
    struct negotiate_rule rules[SOP_CLASS_COUNT];
    struct negotiate_policy policy;
    struct err err = {0};
    classes_policy(PEER_MAY_ALL, 8, rules, &policy);
    assert_int_equal(negotiate_answer(&rq, &policy, arena, &ac, &err), RC_OK);
    assert_int_equal(ac.extended_count, 0);
    arena_free(arena);
}

static void asynchronous_window_is_bounded(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1024 * 1024);
    struct pdu_context c = context(1, UID_PROTOCOL_FIND, both, 2);
    struct pdu_associate rq = {.contexts = &c,
                               .context_count = 1,
                               .has_async_window = true,
                               .max_ops_invoked = 100,
                               .max_ops_performed = 2};
    struct pdu_associate ac = {0};
    struct negotiate_rule rules[SOP_CLASS_COUNT];
    struct negotiate_policy policy;
    struct err err = {0};
    classes_policy(PEER_MAY_ALL, 8, rules, &policy);
    assert_int_equal(negotiate_answer(&rq, &policy, arena, &ac, &err), RC_OK);
    assert_true(ac.has_async_window);
    assert_int_equal(ac.max_ops_invoked, 8);   /* the requestor invokes, we perform */
    assert_int_equal(ac.max_ops_performed, 2); /* may only be lowered */
    arena_free(arena);
}

static void every_class_says_what_it_needs(void **state)
{
    (void)state;
    struct negotiate_rule rules[SOP_CLASS_COUNT];
    struct negotiate_policy policy;
    classes_policy(PEER_MAY_ALL, 70000, rules, &policy);
    assert_int_equal(policy.rule_count, SOP_CLASS_COUNT);
    assert_int_equal(policy.max_ops_performed, UINT16_MAX);
    for (unsigned i = 0; i < policy.rule_count; i++) {
        assert_false(rules[i].denied);
        assert_non_null(sop_class_find(rules[i].abstract_syntax));
        assert_ptr_equal(sop_class_find(rules[i].abstract_syntax), sop_class_at(i));
        assert_non_null(rules[i].transfer_syntaxes[0]);
    }
    assert_null(sop_class_find("1.2.3"));
    assert_null(sop_class_at(SOP_CLASS_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_right_that_is_missing_denies_its_contexts),
        cmocka_unit_test(what_is_not_served_is_not_supported),
        cmocka_unit_test(storage_roles_follow_the_two_rights),
        cmocka_unit_test(extended_negotiation_of_find_answers_what_is_offered),
        cmocka_unit_test(an_item_that_was_not_offered_is_not_answered),
        cmocka_unit_test(asynchronous_window_is_bounded),
        cmocka_unit_test(every_class_says_what_it_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
