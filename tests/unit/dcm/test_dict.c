/* SPDX-License-Identifier: Apache-2.0 */
#include "dcm_test.h"

#include "vr.h"

static void assert_entry(const char *name, uint32_t tag, const char *vr, const char *keyword)
{
    struct dcm_dict_entry e = {0};
    if (!dcm_dict_by_name(name, &e))
        fail_msg("%s is not found", name);
    assert_int_equal(e.tag, tag);
    assert_string_equal(e.vr, vr);
    assert_string_equal(e.keyword, keyword);
}

static void attributes_are_found_by_keyword_and_number(void **state)
{
    (void)state;
    assert_entry("ProtocolName", TAG_ProtocolName, "LO", "ProtocolName");
    assert_entry("0018,1030", TAG_ProtocolName, "LO", "ProtocolName");
    assert_entry("(0018,1030)", TAG_ProtocolName, "LO", "ProtocolName");
    assert_entry("00181030", TAG_ProtocolName, "LO", "ProtocolName");
    assert_entry("(0018,990e)", TAG_PredecessorProtocolSequence, "SQ",
                 "PredecessorProtocolSequence");
    assert_entry("ModelSpecificationSequence", TAG_ModelSpecificationSequence, "SQ",
                 "ModelSpecificationSequence");
}

static void names_of_tags_agree_with_the_dictionary(void **state)
{
#define ROW(keyword)            \
    {                           \
#keyword, TAG_##keyword \
    }
    static const struct {
        const char *keyword;
        uint32_t tag;
    } rows[] = {
        ROW(SpecificCharacterSet),
        ROW(InstanceCreationDate),
        ROW(QueryRetrieveLevel),
        ROW(FailedSOPInstanceUIDList),
        ROW(ContextGroupExtensionCreatorUID),
        ROW(MappingResourceUID),
        ROW(URNCodeValue),
        ROW(ResponsibleGroupCodeSequence),
        ROW(EquipmentModality),
        ROW(ManufacturerRelatedModelGroup),
        ROW(PotentialScheduledProtocolCodeSequence),
        ROW(PotentialRequestedProcedureCodeSequence),
        ROW(PotentialReasonsForProcedure),
        ROW(PotentialReasonsForProcedureCodeSequence),
        ROW(PotentialDiagnosticTasks),
        ROW(CustodialOrganizationSequence),
        ROW(ContentCreatorName),
        ROW(DigitalSignaturesSequence),
        ROW(DataSetTrailingPadding),
    };
#undef ROW
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dcm_dict_entry e = {0};
        if (!dcm_dict_by_tag(rows[i].tag, &e) || strcmp(e.keyword, rows[i].keyword) != 0)
            fail_msg("%s is %s", rows[i].keyword, e.keyword ? e.keyword : "unknown");
    }
}

static void ambiguous_and_repeating_elements_have_one_vr(void **state)
{
    struct dcm_dict_entry e;
    (void)state;
    assert_true(dcm_dict_by_tag(TAG(0x0028, 0x0106), &e)); /* US or SS */
    assert_string_equal(e.vr, "US");
    assert_true(dcm_dict_by_tag(TAG(0x7FE0, 0x0010), &e)); /* OB or OW */
    assert_string_equal(e.vr, "OW");
    assert_true(dcm_dict_by_tag(TAG(0x6002, 0x0010), &e));
    assert_string_equal(e.keyword, "OverlayRows");
    assert_string_equal(e.vr, "US");
    assert_int_equal(e.tag, TAG(0x6002, 0x0010));
}

static void retired_keywords_have_no_prefix(void **state)
{
    struct dcm_dict_entry e;
    (void)state;
    assert_true(dcm_dict_by_tag(TAG(0x0008, 0x0001), &e));
    assert_string_equal(e.keyword, "LengthToEnd");
    assert_true(dcm_dict_by_name("LengthToEnd", &e));
}

static void everything_else_is_refused(void **state)
{
    static const char *const unknown[] = {
        "",           "protocolname", "ProtocolName ", "ProtocolNam",    "0018,103",  "0018,10300",
        "(0018,1030", "(001810300)",  "0018.1030",     "0018103g",       "0009,0010", "(0009,1001)",
        "00091001",   "FFFE,E000",    "Item",          "PrivateCreator", "-0181030",  "+0181030",
        "0x181030",   " 0181030",
    };
    struct dcm_dict_entry e;
    (void)state;
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        if (dcm_dict_by_name(unknown[i], &e))
            fail_msg("\"%s\" is found", unknown[i]);
    }
    assert_false(dcm_dict_by_name(NULL, &e));
    assert_false(dcm_dict_by_tag(TAG(0x0018, 0x0001), &e));
    assert_false(dcm_dict_by_tag(TAG(0x0009, 0x1001), &e));
}

static void vr_of_any_tag_follows_the_standard(void **state)
{
    char vr[3];
    (void)state;
    assert_true(vr_of_tag(TAG(0x0009, 0x0010), vr));
    assert_string_equal(vr, "LO");
    assert_true(vr_of_tag(TAG(0x0009, 0x00FF), vr));
    assert_string_equal(vr, "LO");
    assert_false(vr_of_tag(TAG(0x0009, 0x0100), vr));
    assert_string_equal(vr, "UN");
    assert_false(vr_of_tag(TAG(0x0009, 0x1001), vr));
    assert_string_equal(vr, "UN");
}

static void vr_table_is_complete_and_ordered(void **state)
{
    static const char all[] =
        "AEASATCSDADSDTFDFLISLOLTOBODOFOLOVOWPNSHSLSQSSSTSVTMUCUIULUNURUSUTUV";
    (void)state;
    for (const char *p = all; *p; p += 2) {
        const struct vr_info *vr = vr_find(p);
        assert_non_null(vr);
        assert_memory_equal(vr->name, p, 2);
    }
    assert_null(vr_find("XX"));
    assert_null(vr_find("UX"));
    assert_true(dcm_vr_is_text("PN") && dcm_vr_is_text("UC") && dcm_vr_is_text("UT"));
    assert_false(dcm_vr_is_text("UR") || dcm_vr_is_text("CS") || dcm_vr_is_text("OB"));
    assert_true(dcm_vr_is_string("UI") && dcm_vr_is_string("UR"));
    assert_false(dcm_vr_is_string("AT") || dcm_vr_is_string("SQ") || dcm_vr_is_string("??"));
    assert_true(dcm_vr_has_long_length("SQ") && dcm_vr_has_long_length("UT"));
    assert_false(dcm_vr_has_long_length("UI") || dcm_vr_has_long_length("??"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes_are_found_by_keyword_and_number),
        cmocka_unit_test(names_of_tags_agree_with_the_dictionary),
        cmocka_unit_test(ambiguous_and_repeating_elements_have_one_vr),
        cmocka_unit_test(retired_keywords_have_no_prefix),
        cmocka_unit_test(everything_else_is_refused),
        cmocka_unit_test(vr_of_any_tag_follows_the_standard),
        cmocka_unit_test(vr_table_is_complete_and_ordered),
    };
    return cmocka_run_group_tests(tests, dcm_setup_group, NULL);
}
