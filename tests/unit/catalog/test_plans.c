/* SPDX-License-Identifier: Apache-2.0
 *
 * What a C-FIND reads: every matching key, with a value that selects few protocols and with one that selects many, in the
 * statement that the server makes of it, on many generated protocols (DPPR_TEST_PROTOCOLS, default 10000): see
 * catalog_plans.h.
 */
#include "catalog_plans.h"
#include "testdb.h"

#include "dcm/dict.h"

#define CT "1.2.840.10008.5.1.4.1.1.200.1"
#define XA "1.2.840.10008.5.1.4.1.1.200.7"

static void the_first_response_comes_at_once_for_every_key(void **state)
{
    static const char *const identifiers[] = {
        "00181030 LO",
        "00080016 UI " CT,
        "00080016 UI " XA,
        "00080018 UI 2.25.1077",
        "00181030 LO Head*",
        "00181030 LO *0000077",
        "00181030 LO *Head*",
        "00181030 LO *e*",
        "00181030 LO ?*",
        "00080221 CS CT",
        "00080221 CS XA",
        "00080221 CS C*",
        "00700084 PN CREATOR077^Ana",
        "00700084 PN *TOR077*",
        "00700084 PN creat*",
        "00080012 DA 20150601",
        "00080012 DA 20150601-20150603",
        "00080012 DA 20000101-",
        "00080012 DA -20300101",
        "00080013 TM 0900-",
        "00080012 DA 20000101-; 00080013 TM 00-",
        "00120010 LO *onsor*",
        "00120020 LO TRIAL-100",
        "00120020 LO T*",
        "0040A07C SQ {[00080080 LO Hospital 07]}",
        "0040A07C SQ {[00080080 LO H*]}",
        "0040A07C SQ {[00080080 LO *spital*]}",
        "0040A07C SQ {[00080082 SQ {[00080100 SH H07]}]}",
        "00189912 SQ {[00080070 LO Maker C]}",
        "00189912 SQ {[00080070 LO Maker C; 00081090 LO Model C07]}",
        "00189912 SQ {[00080070 LO M*]}",
        "00189912 SQ {[00081090 LO *odel*]}",
        "00189912 SQ {[00080222 LO Family C*]}",
        "00189912 SQ {[00181020 LO V7]}",
        "00189912 SQ {[00181020 LO V*]}",
        "00082218 SQ {[00080100 SH 69536005; 00080102 SH SCT]}",
        "00082218 SQ {[00080102 SH SCT]}",
        "00082218 SQ {[00080100 SH 69*]}",
        "00189906 SQ {[00080100 SH *P0*]}",
        "00189907 SQ {[00080100 SH RP00077]}",
        "00189907 SQ {[00080100 SH RP*]}",
        "00189907 SQ {[00080102 SH 99TEST]}",
        "0018990E SQ {[00081155 UI 2.25.1079]}",
        "0018990E SQ {[00081150 UI " CT "]}",
        /* several at once */
        "00082218 SQ {[00080100 SH 69536005]}; 00189912 SQ {[00080070 LO Maker C]}",
        "00082218 SQ {[00080100 SH 69536005]}; 00080221 CS CT; 00080012 DA 20100101-",
        "00082218 SQ {[00080102 SH SCT]}; 00189907 SQ {[00080102 SH 99TEST]}; 00080221 CS CT",
        /* with attributes outside the model, for which octets are read */
        "00181030 LO; 00200013 IS",
        "00080221 CS CT; 00189920 SQ {}",
        "00181030 LO *e*; 00200013 IS",
        "00189912 SQ {[00080070 LO M*]}; 00200013 IS",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(identifiers); i++)
        expect_soon(&model_protocol, identifiers[i], &plain);
}

static void the_first_response_comes_at_once_with_everything_negotiated(void **state)
{
    static const char *const identifiers[] = {
        "00181030 LO",
        "00080012 DA 20150601",
        "00080012 DA 20150601-20150603",
        "00080012 DA 20000101-",
        "00080201 SH +0900; 00080012 DA -20300101",
        "00080013 TM 0900-",
        "00080201 SH +0200; 00080013 TM 0900-1059",
        "00080012 DA 20000101-; 00080013 TM 00-",
        "00080201 SH -0500; 00080012 DA 20000101-; 00080013 TM 00-",
        "00700084 PN CREATOR077^Ana",
        "00700084 PN Ana",
        "00700084 PN anna*",
        "00700084 PN *TOR077*",
        "00700084 PN creat* an?",
        "00700084 PN Ana=",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(identifiers); i++)
        expect_soon(&model_protocol, identifiers[i], &negotiated);
}

static void few_matches_take_few_reads(void **state)
{
    static const char *const identifiers[] = {
        "00080018 UI 2.25.1077",
        "00080018 UI 2.25.1077\\2.25.1078\\2.25.1079",
        "00181030 LO *0000077",
        "00181030 LO *0000077*",
        "00700084 PN CREATOR077^Ana",
        "00700084 PN *TOR077*",
        "00080012 DA 20150601",
        "00080012 DA 20150601-20150603",
        "00080012 DA 20150601-20150602; 00080013 TM 10-11",
        "00120010 LO Sponsor 100",
        "00120010 LO *sor 100",
        "00120020 LO TRIAL-100",
        "00120020 LO TRIAL-10*",
        "00120020 LO *AL-100",
        "0040A07C SQ {[00080080 LO Hospital 07]}",
        "0040A07C SQ {[00080082 SQ {[00080100 SH H07; 00080102 SH 99TEST]}]}",
        "00189912 SQ {[00080070 LO Maker C; 00081090 LO Model C07]}",
        "00189912 SQ {[00081090 LO Model C07]}",
        "00189912 SQ {[00081090 LO Model C0*]}",
        "00189912 SQ {[00081090 LO *del C07]}",
        "00189912 SQ {[00080222 LO Family C70]}",
        "00189912 SQ {[00181020 LO V7]}",
        "00189906 SQ {[00080100 SH SP00077]}",
        "00189907 SQ {[00080100 SH RP00077; 00080102 SH 99TEST]}",
        "00189907 SQ {[00080100 SH RP0007*]}",
        "00189907 SQ {[00080119 UC LONG]}",
        "00189907 SQ {[00080120 UR urn:x]}",
        "0018990E SQ {[00081155 UI 2.25.1079]}",
        "00189907 SQ {[00080100 SH RP00077]}; 00080221 CS CT",
        "00189912 SQ {[00080070 LO M*]}; 00080012 DA 20150601",
        "00080018 UI 2.25.1077; 00200013 IS",
        "00189907 SQ {[00080100 SH RP00077]}; 00200013 IS",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(identifiers); i++)
        expect_few(&model_protocol, identifiers[i], &plain);
}

/* A time alone has no index: see docs/schema.md. */
static void few_matches_take_few_reads_with_everything_negotiated(void **state)
{
    static const char *const identifiers[] = {
        "00080012 DA 20150601",
        "00080201 SH +0900; 00080012 DA 20150601",
        "00080201 SH +0900; 00080012 DA 20150601-20150603",
        "00080012 DA 20150601-20150602; 00080013 TM 10-11",
        "00080201 SH +1400; 00080012 DA 20150601-20150602; 00080013 TM 10-11",
        "00080012 DA 20150601; 00080013 TM 10-11",
        "00700084 PN Ana^CREATOR077",
        "00700084 PN creator077",
        "00700084 PN *TOR077*",
        "00700084 PN an* *tor077",
        "00700084 PN =Ana=creator077",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(identifiers); i++)
        expect_few(&model_protocol, identifiers[i], &negotiated);
}

static int open_plans(void **state)
{
    return plans_open(state, "generate_protocols");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_response_comes_at_once_for_every_key),
        cmocka_unit_test(few_matches_take_few_reads),
        cmocka_unit_test(the_first_response_comes_at_once_with_everything_negotiated),
        cmocka_unit_test(few_matches_take_few_reads_with_everything_negotiated),
    };
    struct err err = {0};
    if (dcm_init(&err) != RC_OK)
        return 1;
    return cmocka_run_group_tests(tests, open_plans, database_close);
}
