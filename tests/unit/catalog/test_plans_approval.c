/* SPDX-License-Identifier: Apache-2.0
 *
 * What a C-FIND of Protocol Approvals reads, as test_plans.c has it for protocols: see catalog_plans.h.
 */
#include "catalog_plans.h"
#include "testdb.h"

#include "dcm/dict.h"

/* Around the keys of an assertion, and of an asserter. */
#define ASSERTION(keys) "00440100 SQ {[" keys "]}"
#define ASSERTER(keys)  ASSERTION("00440103 SQ {[" keys "]}")

static void the_first_response_comes_at_once_for_every_key(void **state)
{
    static const char *const identifiers[] = {
        "00080018 UI",
        "00080016 UI 1.2.840.10008.5.1.4.1.1.200.3",
        "00080018 UI 2.25.1977",
        "00080012 DA 20150601",
        "00080012 DA 20000101-",
        "00080013 TM 0900-",
        "00080012 DA 20000101-; 00080013 TM 00-",
        "00440109 SQ {[00081155 UI 2.25.1077]}",
        "00440109 SQ {[00081150 UI 1.2.840.10008.5.1.4.1.1.200.1]}",
        ASSERTION("00440101 SQ {[00080100 SH 128603]}"),
        ASSERTION("00440101 SQ {[00080100 SH 128603; 00080102 SH DCM]}"),
        ASSERTION("00440101 SQ {[00080100 SH 128611; 00080102 SH DCM]}"),
        ASSERTION("00440101 SQ {[00080102 SH DCM]}"),
        ASSERTION("00440101 SQ {[00080100 SH 1286*]}"),
        ASSERTION("00440104 DT 20150601"),
        ASSERTION("00440104 DT 2015-"),
        ASSERTION("00440104 DT -2015"),
        ASSERTION("00440104 DT 20150601000000+0100-20150602000000+0100"),
        ASSERTION("00440105 DT 2012-"),
        ASSERTION("00440105 DT 20120601"),
        ASSERTION("00440107 SQ {[00440108 UI 2.25.199.1]}"),
        ASSERTER("0040A123 PN APPROVER077^Ana"),
        ASSERTER("0040A123 PN *VER077*"),
        ASSERTER("0040A123 PN approver*"),
        ASSERTER("00080080 LO Hospital 07"),
        ASSERTER("00080080 LO H*"),
        ASSERTER("00080080 LO *spital*"),
        ASSERTER("00081040 LO Department 07"),
        ASSERTER("00081040 LO *ment 07"),
        ASSERTER("00401101 SQ {[00080100 SH P077]}"),
        ASSERTER("00401101 SQ {[00080100 SH P*]}"),
        ASSERTER("0044010A SQ {[00080100 SH 128670]}"),
        ASSERTER("0044010A SQ {[00080102 SH DCM]}"),
        ASSERTER("00080082 SQ {[00080100 SH H07]}"),
        ASSERTER("00080082 SQ {[00080102 SH 99TEST]}"),
        ASSERTER("00081041 SQ {[00080100 SH D07]}"),
        /* several at once */
        ASSERTION("00440101 SQ {[00080100 SH 128603]}; 00440103 SQ {[0044010A SQ {[00080100 SH "
                  "128670]}]}; 00440104 DT 2010-"),
        ASSERTION("00440101 SQ {[00080100 SH 128603]}; 00440103 SQ {[00080080 LO Hospital 07]}"),
        ASSERTER("00080080 LO H*; 00080082 SQ {[00080102 SH 99TEST]}; 0044010A SQ {[00080102 SH "
                 "DCM]}"),
        ASSERTION("00440101 SQ {[00080102 SH DCM]}; 00440103 SQ {[00080080 LO H*; 00080082 SQ "
                  "{[00080102 SH "
                  "99TEST]}; 00081041 SQ {[00080102 SH 99TEST]}; 00401101 SQ {[00080100 SH P*]}; "
                  "0044010A SQ "
                  "{[00080102 SH DCM]}]}"),
        ASSERTION("00440101 SQ {[00080100 SH 128603]}; 00440103 SQ {[00080080 LO H*; 00080082 SQ "
                  "{[00080102 SH "
                  "99TEST]}; 00401101 SQ {[00080100 SH P07*]}; 0040A123 PN APP*; 0044010A SQ "
                  "{[00080102 SH "
                  "DCM]}]}; 00440104 DT 2007-") "; 00080012 DA 20000101-",
        "00440109 SQ {[00081155 UI 2.25.1077]}; " ASSERTION("00440101 SQ {[00080102 SH DCM]}"),
    };
    (void)state;
    for (size_t i = 0; i < COUNT(identifiers); i++)
        expect_soon(&model_approval, identifiers[i], &plain);
}

static void few_matches_take_few_reads(void **state)
{
    static const char *const identifiers[] = {
        "00080018 UI 2.25.1977",
        "00080012 DA 20150601",
        "00440109 SQ {[00081155 UI 2.25.1077]}",
        "00440109 SQ {[00081155 UI 2.25.1077\\2.25.1078]}",
        ASSERTION("00440101 SQ {[00080100 SH 128611; 00080102 SH DCM]}"),
        ASSERTION("00440104 DT 20150601-20150602"),
        ASSERTION("00440104 DT 20150601000000+0100-20150602000000+0100"),
        ASSERTION("00440105 DT 20120601-20120602"),
        ASSERTION("00440107 SQ {[00440108 UI 2.25.199.1]}"),
        ASSERTER("0040A123 PN APPROVER077^Ana"),
        ASSERTER("0040A123 PN *VER077*"),
        ASSERTER("00080080 LO Hospital 07"),
        ASSERTER("00080080 LO *pital 07"),
        ASSERTER("00401101 SQ {[00080100 SH P077; 00080102 SH 99TEST]}"),
        ASSERTER("00401101 SQ {[00080100 SH P07*]}"),
        ASSERTER("00401101 SQ {[00080119 UC LONG]}"),
        ASSERTER("00401101 SQ {[00080120 UR urn:x]}"),
        ASSERTER("00080082 SQ {[00080100 SH H07]}"),
        "00440109 SQ {[00081155 UI 2.25.1077]}; " ASSERTION("00440101 SQ {[00080102 SH DCM]}"),
        "00440109 SQ {[00081155 UI 2.25.1077]}; " ASSERTION("00440104 DT 2000-"),
    };
    (void)state;
    for (size_t i = 0; i < COUNT(identifiers); i++)
        expect_few(&model_approval, identifiers[i], &plain);
}

static const char *const date_times[] = {
    ASSERTION("00440104 DT 20150601"),
    ASSERTION("00440104 DT 20150601-20150602"),
    ASSERTION("00440105 DT 20120601-20120602"),
    "00080201 SH +0900; " ASSERTION("00440104 DT 20150601-20150602"),
    "00080012 DA 20150601",
};

static const char *const names[] = {
    ASSERTER("0040A123 PN Ana^APPROVER077"),
    ASSERTER("0040A123 PN *VER077*"),
    ASSERTER("0040A123 PN an* *ver077"),
};

static void date_times_and_names_read_little_with_everything_negotiated(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(date_times); i++) {
        expect_soon(&model_approval, date_times[i], &negotiated);
        expect_few(&model_approval, date_times[i], &negotiated);
    }
    for (size_t i = 0; i < COUNT(names); i++) {
        expect_soon(&model_approval, names[i], &negotiated);
        expect_few(&model_approval, names[i], &negotiated);
    }
    expect_soon(&model_approval, ASSERTER("0040A123 PN Ana"), &negotiated);
    expect_soon(&model_approval, ASSERTION("00440104 DT 2000-"), &negotiated);
    expect_soon(&model_approval, "00080201 SH -0500; " ASSERTION("00440105 DT -2030"), &negotiated);
}

static int open_plans(void **state)
{
    return plans_open(state, "generate_approvals");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_response_comes_at_once_for_every_key),
        cmocka_unit_test(few_matches_take_few_reads),
        cmocka_unit_test(date_times_and_names_read_little_with_everything_negotiated),
    };
    struct err err = {0};
    if (dcm_init(&err) != RC_OK)
        return 1;
    return cmocka_run_group_tests(tests, open_plans, database_close);
}
