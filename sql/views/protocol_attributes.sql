create or replace view dpp.protocol_attributes as
select c.relation, c.column_name, c.ordinal, c.keyword, c.tag, c.aspect
from (
    values
        ('objects', 'sop_class_uid', 1, 'SOPClassUID', '00080016', null),
        ('objects', 'timezone_offset', 2, 'TimezoneOffsetFromUTC', '00080201', null),
        ('protocols', 'protocol_name', 3, 'ProtocolName', '00181030', null),
        ('protocols', 'equipment_modality', 4, 'EquipmentModality', '00080221', null),
        ('protocols', 'content_creator_name', 5, 'ContentCreatorName', '00700084', null),
        ('protocols', 'instance_creation_date', 6, 'InstanceCreationDate', '00080012', null),
        ('protocols', 'instance_creation_time', 7, 'InstanceCreationTime', '00080013', null),
        ('protocols', 'clinical_trial_sponsor_name', 8, 'ClinicalTrialSponsorName', '00120010', null),
        ('protocols', 'clinical_trial_protocol_id', 9, 'ClinicalTrialProtocolID', '00120020', null),
        ('protocols', 'clinical_trial_protocol_name', 10, 'ClinicalTrialProtocolName', '00120021', null),
        ('protocols', 'potential_reasons', 11, 'PotentialReasonsForProcedure', '00189908', null),
        ('protocols', 'potential_diagnostic_tasks', 12, 'PotentialDiagnosticTasks', '0018990A', null),
        ('protocols', 'planning_information', 13, 'ProtocolPlanningInformation', '0018990F', null),
        ('protocols', 'design_rationale', 14, 'ProtocolDesignRationale', '00189910', null),
        ('protocols', 'patient_position', 15, 'ProtocolDefinedPatientPosition', '00189947', null),
        ('protocols', 'manufacturer', 16, 'Manufacturer', '00080070', null),
        ('protocols', 'manufacturer_model_name', 17, 'ManufacturerModelName', '00081090', null),
        ('protocols', 'device_serial_number', 18, 'DeviceSerialNumber', '00181000', null),
        ('protocols', 'software_versions', 19, 'SoftwareVersions', '00181020', null),
        ('protocol_custodians', 'institution_name', 1, 'InstitutionName', '00080080', null),
        ('protocol_codes', 'code_value', 1, 'CodeValue', '00080100', null),
        ('protocol_codes', 'coding_scheme_designator', 2, 'CodingSchemeDesignator', '00080102', null),
        ('protocol_codes', 'coding_scheme_version', 3, 'CodingSchemeVersion', '00080103', null),
        ('protocol_codes', 'code_meaning', 4, 'CodeMeaning', '00080104', null),
        ('protocol_codes', 'long_code_value', 5, 'LongCodeValue', '00080119', null),
        ('protocol_codes', 'urn_code_value', 6, 'URNCodeValue', '00080120', null),
        ('protocol_models', 'manufacturer', 1, 'Manufacturer', '00080070', null),
        ('protocol_models', 'manufacturer_related_model_group', 2, 'ManufacturerRelatedModelGroup', '00080222', null),
        ('protocol_models', 'manufacturer_model_name', 3, 'ManufacturerModelName', '00081090', null),
        ('protocol_models', 'software_versions', 4, 'SoftwareVersions', '00181020', null),
        ('protocol_models', 'device_serial_number', 5, 'DeviceSerialNumber', '00181000', null),
        ('protocol_predecessors', 'referenced_sop_class_uid', 1, 'ReferencedSOPClassUID', '00081150', null),
        ('protocol_predecessors', 'referenced_sop_instance_uid', 2, 'ReferencedSOPInstanceUID', '00081155', null),
        ('instructions', 'instruction_index', 1, 'InstructionIndex', '00189915', null),
        ('instructions', 'instruction_text', 2, 'InstructionText', '00189916', null),
        ('instructions', 'instruction_description', 3, 'InstructionDescription', '00189917', null),
        ('protocol_elements', 'element_number', 1, 'ProtocolElementNumber', '00189921', null),
        ('protocol_elements', 'element_name', 2, 'ProtocolElementName', '00189922', null),
        ('protocol_elements', 'element_purpose', 3, 'ProtocolElementPurpose', '00189924', null),
        ('parameter_constraints', 'constraint_values', 1, 'ConstraintValueSequence', '00820034', 'value'),
        ('parameter_constraints', 'constraint_type', 2, 'ConstraintType', '00820032', 'type'),
        ('parameter_constraints', 'default_values', 3, 'RecommendedDefaultValueSequence', '00820035', 'default'),
        ('parameter_constraints', 'unit_code', 4, 'MeasurementUnitsCodeSequence', '004008EA', 'unit'),
        ('parameter_constraints', 'significance', 5, 'ConstraintViolationSignificance', '00820036', 'significance'),
        ('parameter_constraints', 'violation_condition', 6, 'ConstraintViolationCondition', '00820037', 'condition'),
        ('parameter_constraints', 'selection_guidance', 7, 'SpecificationSelectionGuidance', '00820033', 'guidance'),
        ('parameter_constraints', 'is_modifiable', 8, 'ModifiableConstraintFlag', '00820038', 'modifiable'),
        ('parameter_constraints', 'selector_keyword', 9, 'SelectorAttributeKeyword', '00820019', 'keyword'),
        ('parameter_constraints', 'selector_name', 10, 'SelectorAttributeName', '00820018', 'name'),
        ('parameter_constraints', 'selector_vr', 11, 'SelectorAttributeVR', '00720050', 'vr')
) as c (relation, column_name, ordinal, keyword, tag, aspect);

comment on view dpp.protocol_attributes is
    'Which column of a protocol''s tables is which DICOM attribute, as dpp.diff tells of it; without the columns that a constraint is told from others by, and derived ones';
comment on column dpp.protocol_attributes.relation is 'The table, in schema dpp';
comment on column dpp.protocol_attributes.column_name is 'Its column';
comment on column dpp.protocol_attributes.ordinal is 'Place among the columns of an item, from 1';
comment on column dpp.protocol_attributes.keyword is 'Keyword of the attribute';
comment on column dpp.protocol_attributes.tag is 'Its tag, eight hexadecimal digits';
comment on column dpp.protocol_attributes.aspect is 'For a constraint, what of it the column says; null for other tables';
