/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "service/status.h"

static void every_code_has_a_status_of_its_service(void **state)
{
    (void)state;
    static const struct {
        enum rc code;
        uint16_t store, find, get, move;
    } expected[] = {
        {RC_OK, 0x0000, 0x0000, 0x0000, 0x0000},
        {RC_INVALID, 0xA900, 0xA900, 0xA900, 0xA900},
        {RC_UNSUPPORTED, 0xC210, 0xC310, 0xC410, 0xC510},
        {RC_DENIED, 0x0124, 0x0124, 0x0124, 0x0124},
        {RC_LIMIT, 0xA700, 0xA700, 0xA701, 0xA701},
        {RC_NOMEM, 0xA700, 0xA700, 0xA701, 0xA701},
        {RC_DB, 0xA700, 0xA700, 0xA701, 0xA701},
        {RC_IO, 0xA700, 0xA700, 0xA701, 0xA701},
        {RC_TIMEOUT, 0xA700, 0xA700, 0xA701, 0xA701},
        {RC_AGAIN, 0xA700, 0xA700, 0xA701, 0xA701},
        {RC_CONFLICT, 0xC000, 0xC311, 0xC411, 0xC511},
        {RC_NOTFOUND, 0xC211, 0xC311, 0xC411, 0xA801},
        {RC_CANCELED, 0xC211, 0xFE00, 0xFE00, 0xFE00},
        {RC_INTERNAL, 0xC211, 0xC311, 0xC411, 0xC511},
        {(enum rc) - 99, 0xC211, 0xC311, 0xC411, 0xC511},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_int_equal(status_of(STATUS_FOR_STORE, expected[i].code), expected[i].store);
        assert_int_equal(status_of(STATUS_FOR_FIND, expected[i].code), expected[i].find);
        assert_int_equal(status_of(STATUS_FOR_GET, expected[i].code), expected[i].get);
        assert_int_equal(status_of(STATUS_FOR_MOVE, expected[i].code), expected[i].move);
        assert_int_equal(status_of(STATUS_FOR_ECHO, expected[i].code),
                         expected[i].code == RC_OK ? 0x0000 : 0x0122);
    }
}

static void comment_is_cut_at_64_characters(void **state)
{
    (void)state;
    struct dimse_command rsp = {0};
    struct err err = {0};
    char text[200];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    err_set(&err, RC_LIMIT, "%s", text);
    status_set(&rsp, STATUS_OUT_OF_RESOURCES, &err);
    assert_int_equal(strlen(rsp.comment), 64);
    assert_true(rsp.has & CMD_HAS_COMMENT);
    assert_false(rsp.has & CMD_HAS_OFFENDING);
}

static void comment_has_only_the_default_repertoire(void **state)
{
    (void)state;
    struct dimse_command rsp = {0};
    struct err err = {0};
    err_set(&err, RC_INVALID, "bad \\ value\n\xC3\xA9t\xC3\xA9  ");
    status_set(&rsp, STATUS_DATASET_MISMATCH, &err);
    assert_string_equal(rsp.comment, "bad / value ?t?");
}

static void offending_element_follows_the_tag(void **state)
{
    (void)state;
    struct dimse_command rsp = {0};
    struct err err = {0};
    err_set_tag(&err, RC_INVALID, 0x00080018, "wrong");
    status_set(&rsp, STATUS_DATASET_MISMATCH, &err);
    assert_true(rsp.has & CMD_HAS_OFFENDING);
    assert_int_equal(rsp.offending, 0x00080018);
    assert_int_equal(rsp.status, 0xA900);
}

/* PS3.4 tables C.4-1 to C.4-3, GG.4-1 */
static void only_some_failures_name_an_element(void **state)
{
    (void)state;
    static const uint16_t with[] = {0xA900, 0xC000, 0xC310},
                          without[] = {0x0117, 0x0122, 0x0212, 0xA700, 0xA701, 0xB000};
    struct err err = {0};
    err_set_tag(&err, RC_INVALID, 0x00080018, "wrong");
    for (size_t i = 0; i < sizeof with / sizeof *with; i++) {
        struct dimse_command rsp = {0};
        status_set(&rsp, with[i], &err);
        assert_int_equal(rsp.has, CMD_HAS_STATUS | CMD_HAS_COMMENT | CMD_HAS_OFFENDING);
    }
    for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
        struct dimse_command rsp = {0};
        status_set(&rsp, without[i], &err);
        assert_int_equal(rsp.has, CMD_HAS_STATUS | CMD_HAS_COMMENT);
    }
}

static void success_carries_nothing_from_before(void **state)
{
    (void)state;
    struct dimse_command rsp = {0};
    struct err err = {0};
    err_set_tag(&err, RC_INVALID, 0x00080018, "wrong");
    status_set(&rsp, STATUS_DATASET_MISMATCH, &err);
    status_set(&rsp, STATUS_SUCCESS, NULL);
    assert_int_equal(rsp.has & (CMD_HAS_COMMENT | CMD_HAS_OFFENDING), 0);
    assert_true(rsp.has & CMD_HAS_STATUS);
}

static void text_tells_statuses_apart(void **state)
{
    (void)state;
    assert_string_equal(status_text(0x0000), "success");
    assert_string_equal(status_text(0xA801), "refused: move destination unknown");
    assert_string_equal(status_text(0xB006), "warning");
    assert_string_equal(status_text(0x0107), "warning");
    assert_string_equal(status_text(0xC123), "failed");
}

static void warnings_are_those_of_the_standard(void **state)
{
    (void)state;
    static const uint16_t warnings[] = {0x0001, 0x0107, 0x0116, 0xB000, 0xB006, 0xBFFF};
    static const uint16_t others[] = {0x0000, 0x0117, 0xA700, 0xAFFF, 0xC000, 0xFE00, 0xFF01};
    for (size_t i = 0; i < sizeof warnings / sizeof *warnings; i++)
        assert_true(status_is_warning(warnings[i]));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(status_is_warning(others[i]));
}

/* What the conformance statement says is what status_of can say. A C-STORE ends by RC_CANCELED never. */
static void every_status_of_a_service_has_a_use(void **state)
{
    (void)state;
    static const enum rc codes[] = {RC_OK,      RC_INVALID, RC_UNSUPPORTED, RC_DENIED,
                                    RC_LIMIT,   RC_NOMEM,   RC_DB,          RC_IO,
                                    RC_TIMEOUT, RC_AGAIN,   RC_CANCELED,    RC_INTERNAL};
    for (unsigned service = STATUS_FOR_STORE; service <= STATUS_FOR_ECHO; service++) {
        for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
            assert_true(status_is_used(service, status_of(service, codes[i])));
    }
}

static void every_use_has_a_text_and_says_what_to_do(void **state)
{
    (void)state;
    const struct status_use *u;
    for (unsigned i = 0; (u = status_use_at(i)); i++) {
        assert_string_not_equal(status_text(u->status), "failed");
        assert_true(u->when[0] && u->services);
        bool is_fine = u->status == STATUS_SUCCESS || u->status == STATUS_CANCEL ||
                       u->status >> 8 == STATUS_PENDING >> 8;
        assert_int_equal(u->remedy[0] == '\0', is_fine);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_status_of_its_service),
        cmocka_unit_test(comment_is_cut_at_64_characters),
        cmocka_unit_test(comment_has_only_the_default_repertoire),
        cmocka_unit_test(offending_element_follows_the_tag),
        cmocka_unit_test(only_some_failures_name_an_element),
        cmocka_unit_test(success_carries_nothing_from_before),
        cmocka_unit_test(text_tells_statuses_apart),
        cmocka_unit_test(warnings_are_those_of_the_standard),
        cmocka_unit_test(every_status_of_a_service_has_a_use),
        cmocka_unit_test(every_use_has_a_text_and_says_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
