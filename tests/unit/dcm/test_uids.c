/* SPDX-License-Identifier: Apache-2.0 */
#include "dcm_test.h"

#include "dcm/uids.h"

static void uid_is_judged_by_the_rules_of_ps35_9_1(void **state)
{
    static const struct {
        const char *uid;
        bool is_valid;
    } cases[] = {
        {"1.2.840.10008.1.1", true},
        {"2.25.0", true},
        {"0.0.0", true},
        {"1234567890123456789012345678901234567890123456789012345678901.34", true},
        {"1234567890123456789012345678901234567890123456789012345678901.345", false},
        {"", false},
        {".", false},
        {"1.", false},
        {".1", false},
        {"1..2", false},
        {"1.02", false},
        {"00.1", false},
        {"1.2.a", false},
        {"1.2 ", false},
        {"1.2\n", false},
        {"-1.2", false},
        {"*", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (dcm_uid_is_valid(cases[i].uid) != cases[i].is_valid)
            fail_msg("\"%s\" is judged wrongly", cases[i].uid);
    }
    assert_false(dcm_uid_is_valid(NULL));
}

static void every_transfer_syntax_listed_is_found(void **state)
{
    (void)state;
    size_t count = 0;
    for (; dcm_ts_uids[count]; count++) {
        const struct dcm_ts *ts = dcm_ts_find(dcm_ts_uids[count]);
        assert_non_null(ts);
        assert_string_equal(ts->uid, dcm_ts_uids[count]);
        assert_string_equal(dcm_uid_name(ts->uid), ts->name);
    }
    assert_int_equal(count, 4);
    assert_string_equal(dcm_ts_uids[0], UID_EXPLICIT_LE);
    assert_false(dcm_ts_find(UID_IMPLICIT_LE)->is_explicit);
    assert_true(dcm_ts_find(UID_EXPLICIT_BE)->is_big_endian);
    assert_true(dcm_ts_find(UID_DEFLATED_LE)->is_deflated);
    assert_null(dcm_ts_find("1.2.840.10008.1.2.4.50"));
    assert_null(dcm_ts_find(""));
    assert_null(dcm_ts_find(NULL));
}

static void names_are_known_or_the_uid_itself(void **state)
{
    (void)state;
    assert_string_equal(dcm_uid_name(UID_CT_DEFINED_PROTOCOL),
                        "CT Defined Procedure Protocol Storage");
    assert_string_equal(dcm_uid_name("1.2.3"), "1.2.3");
    assert_string_equal(dcm_uid_name(NULL), "");
    assert_true(dcm_uid_is_valid(UID_DPPR_IMPLEMENTATION));
    assert_true(strlen(DPPR_IMPLEMENTATION_VERSION) <= 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uid_is_judged_by_the_rules_of_ps35_9_1),
        cmocka_unit_test(every_transfer_syntax_listed_is_found),
        cmocka_unit_test(names_are_known_or_the_uid_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
