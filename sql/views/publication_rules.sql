-- What dpp.problems asks of each column by itself. Rules that take more than one column are in
-- sql/functions/problems_*.sql.
--
-- is_required: Type 1 in its module or macro of PS3.3, or a return key of Type 1 in PS3.4 HH.6-1, of which a published
-- protocol must have a value. is_completed: what dpp.publish fills in, so that a draft need not have it. What only the conditions of several columns demand is not here.
create or replace view dpp.publication_rules as
select r.relation, r.column_name, r.vr, r.is_required, r.allowed, r.clause,
    (r.relation, r.column_name) in (
        ('protocols', 'content_creator_name'), ('protocols', 'instance_creation_date'),
        ('protocols', 'instance_creation_time'), ('protocols', 'manufacturer'), ('protocols', 'manufacturer_model_name'),
        ('protocols', 'device_serial_number'), ('protocols', 'software_versions'),
        ('protocol_predecessors', 'referenced_sop_class_uid'), ('approvals', 'manufacturer'),
        ('approvals', 'manufacturer_model_name'), ('approvals', 'device_serial_number'), ('approvals', 'software_versions'),
        ('approval_assertions', 'assertion_uid'), ('approval_assertions', 'assertion_datetime')
    ) as is_completed
from (
    values
        ('objects', 'sop_instance_uid', 'UI', true, null::text[], 'PS3.3 C.12.1'),
        ('objects', 'timezone_offset', 'SH', false, null, 'PS3.3 C.12.1'),
        ('protocols', 'protocol_name', 'LO', true, null, 'PS3.3 C.34.2'),
        ('protocols', 'equipment_modality', 'CS', true, '{CT,XA}', 'PS3.3 C.34.6'),
        ('protocols', 'content_creator_name', 'PN', true, null, 'PS3.4 HH.6-1'),
        ('protocols', 'instance_creation_date', 'DA', true, null, 'PS3.4 HH.6-1'),
        ('protocols', 'instance_creation_time', 'TM', true, null, 'PS3.4 HH.6-1'),
        ('protocols', 'clinical_trial_sponsor_name', 'LO', false, null, 'PS3.3 C.34.4'),
        ('protocols', 'clinical_trial_protocol_id', 'LO', false, null, 'PS3.3 C.34.4'),
        ('protocols', 'clinical_trial_protocol_name', 'LO', false, null, 'PS3.3 C.34.4'),
        ('protocols', 'potential_reasons', 'UC', false, null, 'PS3.3 C.34.2'),
        ('protocols', 'potential_diagnostic_tasks', 'UC', false, null, 'PS3.3 C.34.2'),
        ('protocols', 'planning_information', 'UT', false, null, 'PS3.3 C.34.2'),
        ('protocols', 'design_rationale', 'UT', false, null, 'PS3.3 C.34.2'),
        ('protocols', 'patient_position', 'CS', false, null, 'PS3.3 C.34.8'),
        ('protocols', 'manufacturer', 'LO', true, null, 'PS3.3 C.7.5.2'),
        ('protocols', 'manufacturer_model_name', 'LO', true, null, 'PS3.3 C.7.5.2'),
        ('protocols', 'device_serial_number', 'LO', true, null, 'PS3.3 C.7.5.2'),
        ('protocols', 'software_versions', 'LO', true, null, 'PS3.3 C.7.5.2'),
        ('protocol_custodians', 'institution_name', 'LO', false, null, 'PS3.3 C.34.2'),
        ('protocol_codes', 'code_value', 'SH', false, null, 'PS3.3 8.8'),
        ('protocol_codes', 'coding_scheme_designator', 'SH', false, null, 'PS3.3 8.8'),
        ('protocol_codes', 'coding_scheme_version', 'SH', false, null, 'PS3.3 8.8'),
        ('protocol_codes', 'code_meaning', 'LO', true, null, 'PS3.3 8.8'),
        ('protocol_codes', 'long_code_value', 'UC', false, null, 'PS3.3 8.8'),
        ('protocol_codes', 'urn_code_value', 'UR', false, null, 'PS3.3 8.8'),
        ('protocol_models', 'manufacturer', 'LO', true, null, 'PS3.3 C.34.6'),
        ('protocol_models', 'manufacturer_related_model_group', 'LO', false, null, 'PS3.3 C.34.6'),
        ('protocol_models', 'manufacturer_model_name', 'LO', false, null, 'PS3.3 C.34.6'),
        ('protocol_models', 'software_versions', 'LO', false, null, 'PS3.3 C.34.6'),
        ('protocol_models', 'device_serial_number', 'LO', false, null, 'PS3.3 C.34.6'),
        ('protocol_predecessors', 'referenced_sop_class_uid', 'UI', true, null, 'PS3.3 C.34.2'),
        ('protocol_predecessors', 'referenced_sop_instance_uid', 'UI', true, null, 'PS3.3 C.34.2'),
        ('instructions', 'instruction_index', 'US', true, null, 'PS3.3 C.34.7'),
        ('instructions', 'instruction_text', 'LO', true, null, 'PS3.3 C.34.7'),
        ('instructions', 'instruction_description', 'UT', false, null, 'PS3.3 C.34.7'),
        ('protocol_elements', 'element_number', 'US', true, null, 'PS3.3 C.34.9'),
        ('protocol_elements', 'element_name', 'LO', false, null, 'PS3.3 10.28'),
        ('protocol_elements', 'element_purpose', 'UT', false, null, 'PS3.3 10.28'),
        ('parameter_constraints', 'selector_name', 'LO', false, null, 'PS3.3 10.25'),
        ('parameter_constraints', 'selector_keyword', 'LO', false, null, 'PS3.3 10.25'),
        ('parameter_constraints', 'selector_vr', 'CS', false, null, 'PS3.3 10.25'),
        ('parameter_constraints', 'selector_attribute', 'AT', false, null, 'PS3.3 10.25'),
        ('parameter_constraints', 'selector_value_number', 'US', false, null, 'PS3.3 10.25'),
        ('parameter_constraints', 'selector_private_creator', 'LO', false, null, 'PS3.3 10.25'),
        ('parameter_constraints', 'selector_path', 'AT', false, null, 'PS3.3 10.25'),
        ('parameter_constraints', 'selector_path_items', 'US', false, null, 'PS3.3 10.25'),
        ('parameter_constraints', 'constraint_type', 'CS', true,
            '{RANGE_INCL,RANGE_EXCL,GREATER_OR_EQUAL,LESS_OR_EQUAL,GREATER_THAN,LESS_THAN,EQUAL,MEMBER_OF,NOT_MEMBER_OF,MEMBER_OF_CID,UNCONSTRAINED}',
            'PS3.3 10.25'),
        ('parameter_constraints', 'unit_code', 'SH', false, null, 'PS3.3 10.25'),
        ('parameter_constraints', 'unit_scheme', 'SH', false, null, 'PS3.3 10.25'),
        ('parameter_constraints', 'unit_meaning', 'LO', false, null, 'PS3.3 10.25'),
        ('parameter_constraints', 'significance', 'CS', false, '{FAILURE,WARNING,INFORMATIVE}', 'PS3.3 10.25'),
        ('parameter_constraints', 'violation_condition', 'UT', false, null, 'PS3.3 10.25'),
        ('parameter_constraints', 'selection_guidance', 'UT', false, null, 'PS3.3 10.25'),
        ('approvals', 'instance_creation_date', 'DA', false, null, 'PS3.3 C.12.1'),
        ('approvals', 'instance_creation_time', 'TM', false, null, 'PS3.3 C.12.1'),
        ('approvals', 'manufacturer', 'LO', true, null, 'PS3.3 C.7.5.2'),
        ('approvals', 'manufacturer_model_name', 'LO', true, null, 'PS3.3 C.7.5.2'),
        ('approvals', 'device_serial_number', 'LO', true, null, 'PS3.3 C.7.5.2'),
        ('approvals', 'software_versions', 'LO', true, null, 'PS3.3 C.7.5.2'),
        ('approval_subjects', 'referenced_sop_class_uid', 'UI', false, null, 'PS3.3 C.34.15'),
        ('approval_subjects', 'referenced_sop_instance_uid', 'UI', true, null, 'PS3.3 C.34.15'),
        ('approval_assertions', 'assertion_uid', 'UI', true, null, 'PS3.3 10.30'),
        ('approval_assertions', 'assertion_datetime', 'DT', true, null, 'PS3.3 10.30'),
        ('approval_assertions', 'expiration_datetime', 'DT', false, null, 'PS3.3 10.30'),
        ('approval_assertions', 'assertion_comments', 'UT', false, null, 'PS3.3 10.30'),
        ('approval_assertions', 'clinical_trial_protocol_id', 'LO', false, null, 'PS3.3 10.30'),
        ('approval_asserters', 'observer_type', 'CS', true, '{PSN,DEV}', 'PS3.3 10.30'),
        ('approval_asserters', 'person_name', 'PN', false, null, 'PS3.3 10.30'),
        ('approval_asserters', 'station_name', 'SH', false, null, 'PS3.3 10.30'),
        ('approval_asserters', 'device_uid', 'UI', false, null, 'PS3.3 10.30'),
        ('approval_asserters', 'manufacturer', 'LO', false, null, 'PS3.3 10.30'),
        ('approval_asserters', 'manufacturer_model_name', 'LO', false, null, 'PS3.3 10.30'),
        ('approval_asserters', 'station_ae_title', 'AE', false, null, 'PS3.3 10.30'),
        ('approval_asserters', 'institution_name', 'LO', false, null, 'PS3.3 10.30'),
        ('approval_asserters', 'institutional_department_name', 'LO', false, null, 'PS3.3 10.30'),
        ('approval_codes', 'code_value', 'SH', false, null, 'PS3.3 8.8'),
        ('approval_codes', 'coding_scheme_designator', 'SH', false, null, 'PS3.3 8.8'),
        ('approval_codes', 'coding_scheme_version', 'SH', false, null, 'PS3.3 8.8'),
        ('approval_codes', 'code_meaning', 'LO', true, null, 'PS3.3 8.8'),
        ('approval_codes', 'long_code_value', 'UC', false, null, 'PS3.3 8.8'),
        ('approval_codes', 'urn_code_value', 'UR', false, null, 'PS3.3 8.8'),
        ('approval_related_assertions', 'referenced_assertion_uid', 'UI', true, null, 'PS3.3 10.30')
) as r (relation, column_name, vr, is_required, allowed, clause);

comment on view dpp.publication_rules is
    'What a column must be like before a draft can be published, as dpp.problems asks it; rules about several columns or rows are in docs/schema.md';
comment on column dpp.publication_rules.relation is 'The table, in schema dpp';
comment on column dpp.publication_rules.column_name is 'Its column';
comment on column dpp.publication_rules.vr is 'VR by which each value is judged (dpp.value_representations)';
comment on column dpp.publication_rules.is_required is 'Whether there must be a value';
comment on column dpp.publication_rules.allowed is 'Enumerated values; null: any';
comment on column dpp.publication_rules.clause is 'Where the standard says so';
comment on column dpp.publication_rules.is_completed is 'Whether it is filled in when it is missing (dpp.complete), so that it may be left out';
