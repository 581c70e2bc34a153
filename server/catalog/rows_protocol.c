/* SPDX-License-Identifier: Apache-2.0
 *
 * The mapping of Defined Procedure Protocols (PS3.3 A.82): per kind of item its table, and per column the attribute,
 * its VR and how the value becomes the column. Columns stand in the order in which dpp.write_rows takes them, behind
 * those that say which row it is (kind or role, ordinals) and before other_attributes.
 */
#include "rows_levels.h"

/* clang-format off */

static const char *const constraint_types[] = {
    "RANGE_INCL", "RANGE_EXCL", "GREATER_OR_EQUAL", "LESS_OR_EQUAL", "GREATER_THAN", "LESS_THAN", "EQUAL",
    "MEMBER_OF", "NOT_MEMBER_OF", "MEMBER_OF_CID", "UNCONSTRAINED", NULL};

/* PS3.3 10.25; kind, element_ordinal, ordinal */
static const struct column constraint_columns[] = {
    {0x00720026, "AT", .how = ONE},       /* selector_attribute */
    {0x00820019, "LO", .how = ONE},       /* selector_keyword */
    {0x00820018, "LO", .how = ONE},       /* selector_name */
    {SELECTOR_VR, "CS", .how = ONE},      /* selector_vr */
    {0x00720028, "US", .how = ONE},       /* selector_value_number */
    {0x00720056, "LO", .how = ONE},       /* selector_private_creator */
    {0x00720052, "AT", .how = MANY},      /* selector_path */
    {0x00741057, "IS", .how = INTEGERS},  /* selector_path_items */
    {CONSTRAINT_TYPE, "CS", ONE, .allowed = constraint_types}, /* constraint_type */
    {0x00820034, "SQ", .how = VALUES},    /* constraint_values, constraint_numbers */
    {0x00820035, "SQ", .how = DEFAULTS},  /* default_values, default_numbers */
    {0x004008EA, "SQ", .how = UNIT},      /* unit_code, unit_scheme, unit_meaning */
    {0x00820036, "CS", .how = ONE},       /* significance */
    {0x00820037, "UT", .how = ONE},       /* violation_condition */
    {0x00820033, "UT", .how = ONE},       /* selection_guidance */
    {0x00820038, "CS", .how = FLAG},      /* is_modifiable */
};
static const struct level constraint_level = LEVEL(ROWS_CONSTRAINTS, constraint, true, 2);

static const struct column element_columns[] = {
    {0x00189921, "US", .how = ONE}, /* element_number */
    {0x00189922, "LO", .how = ONE}, /* element_name */
    {0x00189924, "UT", .how = ONE}, /* element_purpose */
    {0x00189913, "SQ", ITEMS, .items = &constraint_level, .key = {1, 2}},
};
static const struct level element_level = LEVEL(ROWS_ELEMENTS, element, true, 1); /* kind, ordinal */

static const struct column instruction_columns[] = {
    {0x00189915, "US", .how = ONE}, /* instruction_index */
    {0x00189916, "LO", .how = ONE}, /* instruction_text */
    {0x00189917, "UT", .how = ONE}, /* instruction_description */
};
static const struct level instruction_level = LEVEL(ROWS_INSTRUCTIONS, instruction, true, 1); /* kind, ordinal */

/* role, parent_ordinal, ordinal, equivalent */
static const struct column equivalent_columns[] = {CODE_COLUMNS};
static const struct level equivalent_level = LEVEL(ROWS_CODES, equivalent, true, 3);
static const struct column code_columns[] = {
    CODE_COLUMNS,
    {TAG_EquivalentCodeSequence, "SQ", ITEMS, .items = &equivalent_level, .key = {0, 1, 2}},
};
static const struct level code_level = LEVEL(ROWS_CODES, code, true, 3);
static const struct column institution_columns[] = {
    CODE_COLUMNS,
    {TAG_EquivalentCodeSequence, "SQ", ITEMS, .items = &equivalent_level, .key = {1, 2, 3}},
};
static const struct level institution_level = LEVEL(ROWS_CODES, institution, true, 3);

static const struct column custodian_columns[] = {
    {TAG_InstitutionName, "LO", .how = ONE}, /* institution_name */
    {TAG_InstitutionCodeSequence, "SQ", ITEMS, .items = &institution_level,
     .label = "custodian_institution", .key = {1, 2, 0}},
};
static const struct level custodian_level = LEVEL(ROWS_CUSTODIANS, custodian, false, 1); /* ordinal */

static const struct column model_columns[] = {
    {TAG_Manufacturer, "LO", .how = ONE},                  /* manufacturer */
    {TAG_ManufacturerRelatedModelGroup, "LO", .how = ONE}, /* manufacturer_related_model_group */
    {TAG_ManufacturerModelName, "LO", .how = ONE},         /* manufacturer_model_name */
    {TAG_SoftwareVersions, "LO", .how = MANY},             /* software_versions */
    {TAG_DeviceSerialNumber, "LO", .how = ONE},            /* device_serial_number */
};
static const struct level model_level = LEVEL(ROWS_MODELS, model, false, 1); /* ordinal */

static const struct column predecessor_columns[] = {
    {TAG_ReferencedSOPClassUID, "UI", .how = ONE},    /* referenced_sop_class_uid */
    {TAG_ReferencedSOPInstanceUID, "UI", .how = ONE}, /* referenced_sop_instance_uid */
};
static const struct level predecessor_level = LEVEL(ROWS_PREDECESSORS, predecessor, false, 1); /* ordinal */

#define CODES(tag, role) {tag, "SQ", ITEMS, .items = &code_level, .label = role, .key = {0, 1, 0}}

static const struct column protocol_columns[] = {
    {TAG_ProtocolName, "LO", .how = ONE},                 /* protocol_name */
    {TAG_EquipmentModality, "CS", .how = ONE},            /* equipment_modality */
    {TAG_ContentCreatorName, "PN", .how = ONE},           /* content_creator_name */
    {TAG_InstanceCreationDate, "DA", .how = ONE},         /* instance_creation_date */
    {TAG_InstanceCreationTime, "TM", .how = ONE},         /* instance_creation_time */
    {TAG_ClinicalTrialSponsorName, "LO", .how = ONE},     /* clinical_trial_sponsor_name */
    {TAG_ClinicalTrialProtocolID, "LO", .how = ONE},      /* clinical_trial_protocol_id */
    {0x00120021, "LO", .how = ONE},                       /* clinical_trial_protocol_name */
    {TAG_PotentialReasonsForProcedure, "UC", .how = MANY}, /* potential_reasons */
    {TAG_PotentialDiagnosticTasks, "UC", .how = MANY},    /* potential_diagnostic_tasks */
    {0x0018990F, "UT", .how = ONE},                       /* planning_information */
    {0x00189910, "UT", .how = ONE},                       /* design_rationale */
    {0x00189947, "CS", .how = ONE},                       /* patient_position */
    {TAG_Manufacturer, "LO", .how = ONE},                 /* manufacturer */
    {TAG_ManufacturerModelName, "LO", .how = ONE},        /* manufacturer_model_name */
    {TAG_DeviceSerialNumber, "LO", .how = ONE},           /* device_serial_number */
    {TAG_SoftwareVersions, "LO", .how = MANY},            /* software_versions */
    {TAG_SOPClassUID, "UI", .how = ELSEWHERE},
    {TAG_SOPInstanceUID, "UI", .how = ELSEWHERE},
    {TAG_TimezoneOffsetFromUTC, "SH", .how = ELSEWHERE},
    CODES(TAG_ResponsibleGroupCodeSequence, "responsible_group"),
    CODES(TAG_PotentialScheduledProtocolCodeSequence, "scheduled_protocol"),
    CODES(TAG_PotentialRequestedProcedureCodeSequence, "requested_procedure"),
    CODES(TAG_PotentialReasonsForProcedureCodeSequence, "reason"),
    CODES(0x0018990B, "contraindication"),
    CODES(0x0018991C, "positioning_method"),
    CODES(TAG_AnatomicRegionSequence, "anatomic_region"),
    CODES(TAG_PrimaryAnatomicStructureSequence, "primary_structure"),
    {TAG_CustodialOrganizationSequence, "SQ", ITEMS, .items = &custodian_level, .key = {1}},
    {TAG_PredecessorProtocolSequence, "SQ", ITEMS, .items = &predecessor_level, .key = {1}},
    {TAG_ModelSpecificationSequence, "SQ", ITEMS, .items = &model_level, .key = {1}},
    {0x00189914, "SQ", ITEMS, .items = &instruction_level, .label = "instruction", .key = {1}},
    {0x0018991B, "SQ", ITEMS, .items = &instruction_level, .label = "positioning", .key = {1}},
    {0x00189911, "SQ", ITEMS, .items = &constraint_level, .label = "patient", .key = {0, 1}},
    {0x0018991F, "SQ", ITEMS, .items = &element_level, .label = "acquisition", .key = {1}},
    {0x00189933, "SQ", ITEMS, .items = &element_level, .label = "reconstruction", .key = {1}},
    {0x00189935, "SQ", ITEMS, .items = &element_level, .label = "storage", .key = {1}},
};
const struct level rows_protocol_level = LEVEL(ROWS_PROTOCOL, protocol, false, 0);

/* clang-format on */
