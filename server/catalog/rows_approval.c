/* SPDX-License-Identifier: Apache-2.0
 *
 * The mapping of Protocol Approvals (PS3.3 A.82, C.34.15), in the way of rows_protocol.c and in the order of
 * dpp.write_approval_rows. Pertinent Documents Sequence (0038,0100) has no table: it stays in other_attributes of the
 * assertion.
 */
#include "rows_levels.h"

/* clang-format off */

/* Of an assertion, and of an asserter: role, assertion_ordinal, asserter_ordinal, ordinal, equivalent. */
static const struct column equivalent_columns[] = {CODE_COLUMNS};
static const struct level equivalent_level = LEVEL(ROWS_APPROVAL_CODES, equivalent, true, 4);
static const struct column assertion_code_columns[] = {
    CODE_COLUMNS,
    {TAG_EquivalentCodeSequence, "SQ", ITEMS, .items = &equivalent_level, .key = {1, 0, 2, 3}},
};
static const struct level assertion_code_level = LEVEL(ROWS_APPROVAL_CODES, assertion_code, true, 4);
static const struct column asserter_code_columns[] = {
    CODE_COLUMNS,
    {TAG_EquivalentCodeSequence, "SQ", ITEMS, .items = &equivalent_level, .key = {1, 2, 3, 4}},
};
static const struct level asserter_code_level = LEVEL(ROWS_APPROVAL_CODES, asserter_code, true, 4);

#define ASSERTION_CODES(tag, role) \
    {tag, "SQ", ITEMS, .items = &assertion_code_level, .label = role, .key = {1, 0, 2, 0}}
#define ASSERTER_CODES(tag, role) \
    {tag, "SQ", ITEMS, .items = &asserter_code_level, .label = role, .key = {1, 2, 3, 0}}

static const char *const observer_types[] = {"PSN", "DEV", NULL};

/* PS3.3 C.34.15, Identified Person or Device Macro; assertion_ordinal, ordinal */
static const struct column asserter_columns[] = {
    {TAG_ObserverType, "CS", ONE, .allowed = observer_types}, /* observer_type */
    {TAG_PersonName, "PN", .how = ONE},                  /* person_name */
    {TAG_StationName, "SH", .how = ONE},                 /* station_name */
    {TAG_DeviceUID, "UI", .how = ONE},                   /* device_uid */
    {TAG_Manufacturer, "LO", .how = ONE},                /* manufacturer */
    {TAG_ManufacturerModelName, "LO", .how = ONE},       /* manufacturer_model_name */
    {TAG_StationAETitle, "AE", .how = ONE},              /* station_ae_title */
    {TAG_InstitutionName, "LO", .how = ONE},             /* institution_name */
    {TAG_InstitutionalDepartmentName, "LO", .how = ONE}, /* institutional_department_name */
    ASSERTER_CODES(TAG_PersonIdentificationCodeSequence, "person"),
    ASSERTER_CODES(TAG_OrganizationalRoleCodeSequence, "organizational_role"),
    ASSERTER_CODES(TAG_InstitutionCodeSequence, "asserter_institution"),
    ASSERTER_CODES(TAG_InstitutionalDepartmentTypeCodeSequence, "department_type"),
};
static const struct level asserter_level = LEVEL(ROWS_ASSERTERS, asserter, false, 2);

/* assertion_ordinal, ordinal */
static const struct column related_columns[] = {
    {TAG_ReferencedAssertionUID, "UI", .how = ONE}, /* referenced_assertion_uid */
};
static const struct level related_level = LEVEL(ROWS_RELATED, related, false, 2);

/* Assertion Macro (PS3.3 10.30) */
static const struct column assertion_columns[] = {
    {TAG_AssertionUID, "UI", .how = ONE},                /* assertion_uid */
    {TAG_AssertionDateTime, "DT", .how = ONE},           /* assertion_datetime */
    {TAG_AssertionExpirationDateTime, "DT", .how = ONE}, /* expiration_datetime */
    {TAG_AssertionComments, "UT", .how = ONE},           /* assertion_comments */
    {TAG_ClinicalTrialProtocolID, "LO", .how = ONE},     /* clinical_trial_protocol_id */
    ASSERTION_CODES(TAG_AssertionCodeSequence, "assertion"),
    ASSERTION_CODES(TAG_InstitutionCodeSequence, "institution"),
    {TAG_AsserterIdentificationSequence, "SQ", ITEMS, .items = &asserter_level, .key = {1, 2}},
    {TAG_RelatedAssertionSequence, "SQ", ITEMS, .items = &related_level, .key = {1, 2}},
};
static const struct level assertion_level = LEVEL(ROWS_ASSERTIONS, assertion, false, 1); /* ordinal */

static const struct column subject_columns[] = {
    {TAG_ReferencedSOPClassUID, "UI", .how = ONE},    /* referenced_sop_class_uid */
    {TAG_ReferencedSOPInstanceUID, "UI", .how = ONE}, /* referenced_sop_instance_uid */
};
static const struct level subject_level = LEVEL(ROWS_SUBJECTS, subject, false, 1); /* ordinal */

static const struct column approval_columns[] = {
    {TAG_InstanceCreationDate, "DA", .how = ONE},  /* instance_creation_date */
    {TAG_InstanceCreationTime, "TM", .how = ONE},  /* instance_creation_time */
    {TAG_Manufacturer, "LO", .how = ONE},          /* manufacturer */
    {TAG_ManufacturerModelName, "LO", .how = ONE}, /* manufacturer_model_name */
    {TAG_DeviceSerialNumber, "LO", .how = ONE},    /* device_serial_number */
    {TAG_SoftwareVersions, "LO", .how = MANY},     /* software_versions */
    {TAG_SOPClassUID, "UI", .how = ELSEWHERE},
    {TAG_SOPInstanceUID, "UI", .how = ELSEWHERE},
    {TAG_TimezoneOffsetFromUTC, "SH", .how = ELSEWHERE},
    {TAG_ApprovalSubjectSequence, "SQ", ITEMS, .items = &subject_level, .key = {1}},
    {TAG_ApprovalSequence, "SQ", ITEMS, .items = &assertion_level, .key = {1}},
};
const struct level rows_approval_level = LEVEL(ROWS_APPROVAL, approval, false, 0);

/* clang-format on */
