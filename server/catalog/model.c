/* SPDX-License-Identifier: Apache-2.0
 *
 * The information models Defined Procedure Protocol and Protocol Approval as data: PS3.4 tables HH.6-1 and II.6-1
 * row by row, with the coded entry macros of PS3.4 tables 8-1a and 8-1b.
 *
 * All coded concepts of a model live in one table, dpp.protocol_codes or dpp.approval_codes, told apart by
 * `role`; a row with `equivalent` 0 is the concept itself, one with n is item n of its Equivalent Code
 * Sequence. So the keys of a code item differ from sequence to sequence only in where the equivalents are
 * found, and a macro writes the two arrays for each role.
 *
 * Adding a key is adding a row here, and its column to the schema, to rows_protocol.c or rows_approval.c, and to
 * dpp.write_rows or dpp.write_approval_rows.
 */
#include "catalog/model.h"

#include <stddef.h>
#include <string.h>

#include "dcm/tags.h"
#include "dcm/uids.h"

#define COUNT(a)    ((unsigned)(sizeof(a) / sizeof(a)[0]))
#define OPTIONAL    .is_optional = true
#define NAMES_FEW   .names_few = true
#define CHILDREN(a) .children = (a), .child_count = COUNT(a)

/* clang-format off */

/* PS3.4 table 8-1b: what an item of a code sequence and of Equivalent Code Sequence share. Code Meaning
 * is a return key only: it is never matched. */
#define CODE_VALUE_KEYS                                                                              \
    {TAG_CodeValue, "SH", MATCH_TEXT, .return_type = 1, .column = "code_value"},                     \
    {TAG_CodingSchemeDesignator, "SH", MATCH_SCHEME, .return_type = 1,                               \
     .column = "coding_scheme_designator"},                                                          \
    {TAG_CodingSchemeVersion, "SH", MATCH_TEXT, .return_type = 1,                                    \
     .column = "coding_scheme_version"},                                                             \
    {TAG_CodeMeaning, "LO", MATCH_NONE, .return_type = 1},                                           \
    {TAG_MappingResource, "CS", MATCH_NONE, .return_type = 3},                                       \
    {TAG_ContextGroupVersion, "DT", MATCH_NONE, .return_type = 3},                                   \
    {TAG_ContextGroupLocalVersion, "DT", MATCH_NONE, .return_type = 3},                              \
    {TAG_ContextGroupExtensionFlag, "CS", MATCH_NONE, .return_type = 3},                             \
    {TAG_ContextGroupExtensionCreatorUID, "UI", MATCH_NONE, .return_type = 3},                       \
    {TAG_MappingResourceUID, "UI", MATCH_NONE, .return_type = 3},                                    \
    {TAG_LongCodeValue, "UC", MATCH_TEXT, .return_type = 1, .column = "long_code_value"},            \
    {TAG_URNCodeValue, "UR", MATCH_TEXT, .return_type = 1, .column = "urn_code_value"}

static const struct model_key equivalent_code_keys[] = {CODE_VALUE_KEYS};

/* PS3.4 table 8-1a for the codes of one role; the variable arguments are the path of an equivalent. */
#define CODE_KEYS(name, table, role_text, ...)                                                       \
    static const struct model_key name##_keys[] = {                                                  \
        CODE_VALUE_KEYS,                                                                             \
        {TAG_EquivalentCodeSequence, "SQ", MATCH_SEQUENCE, OPTIONAL, .return_type = 3,               \
         .item_table = table, .item_filter = "role = '" role_text "' and equivalent > 0",            \
         CHILDREN(equivalent_code_keys), .path = {__VA_ARGS__}},                                     \
    }

/* Those codes as a key; the variable arguments are the path of a code, and what else there is to say. */
#define CODE_SEQUENCE(tag, name, table, role_text, type, ...)                                        \
    {tag, "SQ", MATCH_SEQUENCE, .return_type = type, .item_table = table,                            \
     .item_filter = "role = '" role_text "' and equivalent = 0", CHILDREN(name##_keys),              \
     .path = __VA_ARGS__}

/* ---- Defined Procedure Protocol ---- */

#define PROTOCOL_CODE_KEYS(name, role_text, ...) \
    CODE_KEYS(name, "dpp.protocol_codes", role_text, __VA_ARGS__)
#define PROTOCOL_CODES(tag, name, role_text, type) \
    CODE_SEQUENCE(tag, name, "dpp.protocol_codes", role_text, type, {"ordinal"})

PROTOCOL_CODE_KEYS(responsible_group, "responsible_group", "ordinal", "equivalent");
PROTOCOL_CODE_KEYS(anatomic_region, "anatomic_region", "ordinal", "equivalent");
PROTOCOL_CODE_KEYS(primary_structure, "primary_structure", "ordinal", "equivalent");
PROTOCOL_CODE_KEYS(scheduled_protocol, "scheduled_protocol", "ordinal", "equivalent");
PROTOCOL_CODE_KEYS(requested_procedure, "requested_procedure", "ordinal", "equivalent");
PROTOCOL_CODE_KEYS(reason, "reason", "ordinal", "equivalent");
PROTOCOL_CODE_KEYS(custodian_institution, "custodian_institution", "parent_ordinal", "ordinal", "equivalent");

static const struct model_key predecessor_keys[] = {
    {TAG_ReferencedSOPClassUID, "UI", MATCH_UID, .return_type = 1,
     .column = "referenced_sop_class_uid"},
    {TAG_ReferencedSOPInstanceUID, "UI", MATCH_UID, NAMES_FEW, .return_type = 1,
     .column = "referenced_sop_instance_uid"},
};

static const struct model_key model_specification_keys[] = {
    {TAG_Manufacturer, "LO", MATCH_TEXT, .return_type = 1, .column = "manufacturer"},
    {TAG_ManufacturerRelatedModelGroup, "LO", MATCH_TEXT, .return_type = 2,
     .column = "manufacturer_related_model_group"},
    {TAG_ManufacturerModelName, "LO", MATCH_TEXT, .return_type = 2,
     .column = "manufacturer_model_name"},
    {TAG_DeviceSerialNumber, "LO", MATCH_NONE, .return_type = 2},
    {TAG_SoftwareVersions, "LO", MATCH_TEXT, .is_multi = true, .return_type = 2,
     .column = "software_versions"},
};

static const struct model_key custodian_keys[] = {
    {TAG_InstitutionName, "LO", MATCH_TEXT, .return_type = 2, .column = "institution_name"},
    CODE_SEQUENCE(TAG_InstitutionCodeSequence, custodian_institution, "dpp.protocol_codes",
                  "custodian_institution", 2, {"parent_ordinal", "ordinal"}),
};

/* PS3.4 table HH.6-1. Specific Character Set and Timezone Offset From UTC are no keys (K.2.2.2). */
static const struct model_key protocol_keys[] = {
    {TAG_InstanceCreationDate, "DA", MATCH_DATE, .return_type = 1, .column = "creation_date"},
    {TAG_InstanceCreationTime, "TM", MATCH_TIME, .return_type = 1, .column = "creation_time"},
    {TAG_SOPClassUID, "UI", MATCH_UID, .is_of_object = true, .return_type = 1,
     .column = "sop_class_uid"},
    {TAG_SOPInstanceUID, "UI", MATCH_UID, NAMES_FEW, .is_of_object = true, .return_type = 1,
     .column = "sop_instance_uid"},
    PROTOCOL_CODES(TAG_ResponsibleGroupCodeSequence, responsible_group, "responsible_group", 2),
    {TAG_EquipmentModality, "CS", MATCH_TEXT, .return_type = 1, .column = "equipment_modality"},
    PROTOCOL_CODES(TAG_AnatomicRegionSequence, anatomic_region, "anatomic_region", 2),
    PROTOCOL_CODES(TAG_PrimaryAnatomicStructureSequence, primary_structure, "primary_structure", 2),
    {TAG_ClinicalTrialSponsorName, "LO", MATCH_TEXT, .return_type = 1,
     .column = "clinical_trial_sponsor_name"},
    {TAG_ClinicalTrialProtocolID, "LO", MATCH_TEXT, .return_type = 1,
     .column = "clinical_trial_protocol_id"},
    {TAG_ProtocolName, "LO", MATCH_TEXT, NAMES_FEW, .return_type = 1, .column = "protocol_name"},
    PROTOCOL_CODES(TAG_PotentialScheduledProtocolCodeSequence, scheduled_protocol,
                   "scheduled_protocol", 1),
    PROTOCOL_CODES(TAG_PotentialRequestedProcedureCodeSequence, requested_procedure,
                   "requested_procedure", 1),
    {TAG_PotentialReasonsForProcedure, "UC", MATCH_NONE, .return_type = 2},
    PROTOCOL_CODES(TAG_PotentialReasonsForProcedureCodeSequence, reason, "reason", 2),
    {TAG_PotentialDiagnosticTasks, "UC", MATCH_NONE, .return_type = 2},
    {TAG_PredecessorProtocolSequence, "SQ", MATCH_SEQUENCE, .return_type = 2,
     .item_table = "dpp.protocol_predecessors", CHILDREN(predecessor_keys), .path = {"ordinal"}},
    {TAG_ModelSpecificationSequence, "SQ", MATCH_SEQUENCE, .return_type = 2,
     .item_table = "dpp.protocol_models", CHILDREN(model_specification_keys), .path = {"ordinal"}},
    {TAG_CustodialOrganizationSequence, "SQ", MATCH_SEQUENCE, .return_type = 2,
     .item_table = "dpp.protocol_custodians", CHILDREN(custodian_keys), .path = {"ordinal"}},
    {TAG_ContentCreatorName, "PN", MATCH_NAME, .return_type = 1,
     .column = "content_creator_name", .folded_column = "content_creator_folded",
     .search_column = "content_creator_search", .sounds_column = "content_creator_sounds"},
};

/* ---- Protocol Approval ---- */

#define APPROVAL_CODE_KEYS(name, ...) CODE_KEYS(name, "dpp.approval_codes", #name, __VA_ARGS__)
#define ASSERTER_CODE_KEYS(name) \
    APPROVAL_CODE_KEYS(name, "assertion_ordinal", "asserter_ordinal", "ordinal", "equivalent")
#define ASSERTER_CODES(tag, name, type, optional)                                                    \
    CODE_SEQUENCE(tag, name, "dpp.approval_codes", #name, type,                                      \
                  {"assertion_ordinal", "asserter_ordinal", "ordinal"}, .is_optional = optional)

APPROVAL_CODE_KEYS(assertion, "assertion_ordinal", "ordinal", "equivalent");
ASSERTER_CODE_KEYS(asserter_institution);
ASSERTER_CODE_KEYS(department_type);
ASSERTER_CODE_KEYS(person);
ASSERTER_CODE_KEYS(organizational_role);

static const struct model_key subject_keys[] = {
    {TAG_ReferencedSOPClassUID, "UI", MATCH_UID, .return_type = 1,
     .column = "referenced_sop_class_uid"},
    {TAG_ReferencedSOPInstanceUID, "UI", MATCH_UID, NAMES_FEW, .return_type = 1,
     .column = "referenced_sop_instance_uid"},
};

/* The table prints "U" for the keys of the department: unique keys they cannot be, so they are optional. */
static const struct model_key asserter_keys[] = {
    {TAG_StationAETitle, "AE", MATCH_NONE, .return_type = 3},
    {TAG_Manufacturer, "LO", MATCH_NONE, .return_type = 3},
    {TAG_InstitutionName, "LO", MATCH_TEXT, .return_type = 1, .column = "institution_name"},
    ASSERTER_CODES(TAG_InstitutionCodeSequence, asserter_institution, 1, false),
    {TAG_StationName, "SH", MATCH_NONE, .return_type = 3},
    {TAG_InstitutionalDepartmentName, "LO", MATCH_TEXT, OPTIONAL, .return_type = 2,
     .column = "institutional_department_name"},
    ASSERTER_CODES(TAG_InstitutionalDepartmentTypeCodeSequence, department_type, 3, true),
    {TAG_ManufacturerModelName, "LO", MATCH_NONE, .return_type = 3},
    {TAG_DeviceUID, "UI", MATCH_NONE, .return_type = 3},
    ASSERTER_CODES(TAG_PersonIdentificationCodeSequence, person, 1, false),
    {TAG_ObserverType, "CS", MATCH_NONE, .return_type = 1},
    {TAG_PersonName, "PN", MATCH_NAME, .return_type = 1, .column = "person_name",
     .folded_column = "person_name_folded", .search_column = "person_name_search",
     .sounds_column = "person_name_sounds"},
    ASSERTER_CODES(TAG_OrganizationalRoleCodeSequence, organizational_role, 2, false),
};

/* Printed as "U" as well. */
static const struct model_key related_assertion_keys[] = {
    {TAG_ReferencedAssertionUID, "UI", MATCH_UID, OPTIONAL, NAMES_FEW, .return_type = 1,
     .column = "referenced_assertion_uid"},
};

static const struct model_key approval_item_keys[] = {
    CODE_SEQUENCE(TAG_AssertionCodeSequence, assertion, "dpp.approval_codes", "assertion", 1,
                  {"assertion_ordinal", "ordinal"}),
    {TAG_AssertionUID, "UI", MATCH_NONE, .return_type = 1},
    {TAG_AsserterIdentificationSequence, "SQ", MATCH_SEQUENCE, .return_type = 1,
     .item_table = "dpp.approval_asserters", CHILDREN(asserter_keys),
     .path = {"assertion_ordinal", "ordinal"}},
    {TAG_AssertionDateTime, "DT", MATCH_DATETIME, .return_type = 1, .column = "assertion_datetime"},
    {TAG_AssertionExpirationDateTime, "DT", MATCH_DATETIME, .return_type = 2,
     .column = "expiration_datetime"},
    {TAG_AssertionComments, "UT", MATCH_NONE, .return_type = 2},
    {TAG_RelatedAssertionSequence, "SQ", MATCH_SEQUENCE, OPTIONAL, .return_type = 1,
     .item_table = "dpp.approval_related_assertions", CHILDREN(related_assertion_keys),
     .path = {"assertion_ordinal", "ordinal"}},
};

/* PS3.4 table II.6-1 */
static const struct model_key approval_keys[] = {
    {TAG_InstanceCreationDate, "DA", MATCH_DATE, .return_type = 1, .column = "creation_date"},
    {TAG_InstanceCreationTime, "TM", MATCH_TIME, .return_type = 1, .column = "creation_time"},
    {TAG_SOPClassUID, "UI", MATCH_UID, .is_of_object = true, .return_type = 1,
     .column = "sop_class_uid"},
    {TAG_SOPInstanceUID, "UI", MATCH_UID, NAMES_FEW, .is_of_object = true, .return_type = 1,
     .column = "sop_instance_uid"},
    {TAG_Manufacturer, "LO", MATCH_NONE, .return_type = 1},
    {TAG_ManufacturerModelName, "LO", MATCH_NONE, .return_type = 2},
    {TAG_SoftwareVersions, "LO", MATCH_NONE, .return_type = 2},
    {TAG_ApprovalSequence, "SQ", MATCH_SEQUENCE, .return_type = 1,
     .item_table = "dpp.approval_assertions", CHILDREN(approval_item_keys), .path = {"ordinal"}},
    {TAG_ApprovalSubjectSequence, "SQ", MATCH_SEQUENCE, .return_type = 1,
     .item_table = "dpp.approval_subjects", CHILDREN(subject_keys), .path = {"ordinal"}},
};

/* clang-format on */

static const char *const protocol_classes[] = {UID_CT_DEFINED_PROTOCOL, UID_XA_DEFINED_PROTOCOL,
                                               NULL};
static const char *const approval_classes[] = {UID_PROTOCOL_APPROVAL, NULL};

const struct model model_protocol = {
    .name = "Defined Procedure Protocol",
    .find_uid = UID_PROTOCOL_FIND,
    .move_uid = UID_PROTOCOL_MOVE,
    .get_uid = UID_PROTOCOL_GET,
    .storage_classes = protocol_classes,
    .table = "dpp.protocols",
    .is_subject = true,
    .keys = protocol_keys,
    .key_count = COUNT(protocol_keys),
    .date_tag = TAG_InstanceCreationDate,
    .time_tag = TAG_InstanceCreationTime,
    .datetime_column = "creation_datetime",
    .instant_column = "creation_instant",
};

const struct model model_approval = {
    .name = "Protocol Approval",
    .find_uid = UID_APPROVAL_FIND,
    .move_uid = UID_APPROVAL_MOVE,
    .get_uid = UID_APPROVAL_GET,
    .storage_classes = approval_classes,
    .table = "dpp.approvals",
    .needs_rows = true, /* those stored before migration 0007 have one after dppr rebuild only */
    .keys = approval_keys,
    .key_count = COUNT(approval_keys),
    .date_tag = TAG_InstanceCreationDate,
    .time_tag = TAG_InstanceCreationTime,
    .datetime_column = "creation_datetime",
    .instant_column = "creation_instant",
};

static const struct model *const models[] = {&model_protocol, &model_approval};

const struct model *model_of(const char *sop_class_uid)
{
    for (unsigned i = 0; i < COUNT(models); i++) {
        const struct model *m = models[i];
        if (strcmp(sop_class_uid, m->find_uid) == 0 || strcmp(sop_class_uid, m->move_uid) == 0 ||
            strcmp(sop_class_uid, m->get_uid) == 0)
            return m;
    }
    return NULL;
}

const struct model *model_of_storage(const char *sop_class_uid)
{
    for (unsigned i = 0; i < COUNT(models); i++) {
        for (const char *const *uid = models[i]->storage_classes; *uid; uid++) {
            if (strcmp(sop_class_uid, *uid) == 0)
                return models[i];
        }
    }
    return NULL;
}

const struct model_key *model_find_key(const struct model_key *keys, unsigned count, uint32_t tag)
{
    unsigned low = 0;
    while (low < count) {
        unsigned middle = low + (count - low) / 2;
        if (keys[middle].tag == tag)
            return &keys[middle];
        if (keys[middle].tag < tag)
            low = middle + 1;
        else
            count = middle;
    }
    return NULL;
}
