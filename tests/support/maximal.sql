-- A draft protocol and a draft approval that have a row in every table and a value in every column, for tests of what is
-- completed, checked, rendered and written as documents. Written as an author would, with what need not be said left out.

create or replace function dpp_test.maximal_protocol()
returns text language plpgsql as $$
declare
    draft dpp.objects;
begin
    insert into dpp.objects (sop_class_uid, timezone_offset) values ('CT', '+0100') returning * into draft;
    insert into dpp.protocols (
        protocol_name, content_creator_name, instance_creation_date, instance_creation_time, clinical_trial_sponsor_name,
        clinical_trial_protocol_id, clinical_trial_protocol_name, potential_reasons, potential_diagnostic_tasks,
        planning_information, design_rationale, patient_position, manufacturer, manufacturer_model_name,
        device_serial_number, software_versions, other_attributes)
    values (
        'Head', 'Müller^Jörg=山田^太郎=やまだ^たろう', '20261126', '081500.5', 'Sponsor', 'TRIAL-1', 'A trial',
        '{Headache,Trauma}', '{Bleeding}', E'Plan\nof two lines', 'Why', 'HFS', 'Mercy', 'Desk', 'S-1', '{1,2}',
        '{"00120030": {"vr": "LO", "Value": ["site"]}, "00090010": {"vr": "LO", "Value": ["ACME"]},
          "00091001": {"vr": "DS", "Value": ["1.5"]}, "00200200": {"vr": "UI", "Value": ["1.2.3"]},
          "0018991D": {"vr": "SQ", "Value": [{"00189900": {"vr": "LO", "Value": ["OM line"]}}]}}');
    insert into dpp.protocol_custodians (institution_name, other_attributes)
    values ('Mercy Hospital', '{"00081040": {"vr": "LO", "Value": ["Radiology"]}}'), ('Other', '{}');
    insert into dpp.protocol_codes (
        role, parent_ordinal, ordinal, equivalent, code_value, coding_scheme_designator, coding_scheme_version, code_meaning,
        other_attributes)
    values
        ('custodian_institution', 0, null, 0, 'M1', '99MERCY', null, 'Mercy Hospital', '{}'),
        ('custodian_institution', 2, null, 0, 'O1', '99MERCY', null, 'Other', '{}'),
        ('responsible_group', 0, null, 0, 'C2183225', 'UMLS', '2026', 'Neuroradiology', '{}'),
        ('scheduled_protocol', 0, null, 0, '24725-4', 'LN', null, 'CT HEAD', '{}'),
        ('scheduled_protocol', 0, null, 0, '24725-4-and-longer-than-16', 'LN', null, 'CT HEAD', '{}'),
        ('scheduled_protocol', 0, 1, 1, 'CTHEAD', '99MERCY', null, 'Head',
            '{"00080118": {"vr": "UI", "Value": ["1.2.840.10008.8.1.1"]}}'),
        ('requested_procedure', 0, null, 0, 'urn:oid:1.2.3', null, null, 'CT', '{}'),
        ('reason', 0, null, 0, '25064002', 'SCT', null, 'Headache', '{}'),
        ('contraindication', 0, null, 0, '77386006', 'SCT', null, 'Pregnancy', '{}'),
        ('anatomic_region', 0, null, 0, '69536005', 'SCT', null, 'Head', '{}'),
        ('primary_structure', 0, null, 0, '12738006', 'SCT', null, 'Brain', '{}'),
        ('positioning_method', 0, null, 0, '1', '99MERCY', null, 'Laser', '{}');
    insert into dpp.protocol_models (
        manufacturer, manufacturer_related_model_group, manufacturer_model_name, software_versions, device_serial_number,
        other_attributes)
    values
        ('Scantech', 'Scanomatic', null, '{VCT34,VCT35}', null, '{}'),
        ('ACME', null, 'Alpha', '{}', '007', '{"00181204": {"vr": "DA", "Value": ["20200101"]}}');
    insert into dpp.protocol_predecessors (referenced_sop_class_uid, referenced_sop_instance_uid)
    values ('1.2.840.10008.5.1.4.1.1.200.1', '9.8.7.6.5.12345.2');
    insert into dpp.instructions (kind, instruction_text, instruction_description)
    values ('instruction', 'Remove metal', 'Also hearing aids'), ('instruction', 'Explain', null), ('positioning', 'Supine', null);
    insert into dpp.protocol_elements (kind, element_name, element_purpose, other_attributes)
    values
        ('acquisition', 'Localizer', 'To plan', '{}'),
        ('acquisition', 'Helical', null, '{"00189923": {"vr": "UT", "Value": ["summary"]}}'),
        ('reconstruction', 'Brain', null, '{}'),
        ('storage', 'PACS', null, '{}');
    insert into dpp.parameter_constraints (
        kind, element_ordinal, selector_keyword, selector_path, constraint_type, constraint_values, constraint_numbers,
        default_values, unit_code, significance, violation_condition, selection_guidance, is_modifiable, other_attributes)
    values
        ('patient', 0, 'PatientAge', '{}', 'RANGE_INCL', '{016Y,099Y}', '{}', '{}', null, 'WARNING', 'too young', 'adults', null, '{}'),
        ('patient', 0, 'PatientWeight', '{}', 'LESS_THAN', '{}', '{150}', '{}', 'kg', 'FAILURE', null, null, null, '{}'),
        ('patient', 0, 'PatientSex', '{}', 'MEMBER_OF', '{M,F,O}', '{}', '{}', null, 'INFORMATIVE', null, null, null, '{}'),
        ('acquisition', 1, 'AcquisitionType', '{}', null, '{CONSTANT_ANGLE}', '{}', '{}', null, null, null, null, false, '{}'),
        ('acquisition', 2, 'AcquisitionType', '{}', 'NOT_MEMBER_OF', '{FREE,STATIONARY}', '{}', '{}', null, null, null, null, null, '{}'),
        ('acquisition', 2, 'KVP', '{CTXRayDetailsSequence}', 'RANGE_INCL', '{}', '{100,140}', '{120}', 'kV', null, null, null, true, '{}'),
        ('acquisition', 2, 'CTDIvol', '{}', 'LESS_OR_EQUAL', '{60}', '{}', '{}', 'mGy', null, null, null, null, '{}'),
        ('acquisition', 2, 'CTDIPhantomTypeCodeSequence', '{}', 'EQUAL', '{113690^DCM^IEC Head Dosimetry Phantom}', '{}', '{}', null, null, null, null, null, '{}'),
        ('acquisition', 2, 'RevolutionTime', '{}', 'UNCONSTRAINED', '{}', '{}', '{0.5}', 's', null, null, null, null, '{}'),
        ('acquisition', 2, 'ReferenceBasisCodeSequence', '{AcquisitionStartLocationSequence}', 'MEMBER_OF_CID', '{1.2.840.10008.6.1.2}', '{}', '{}', null, null, null, null, null, '{}'),
        ('acquisition', 2, 'StartAcquisitionDateTime', '{}', 'GREATER_OR_EQUAL', '{20260101}', '{}', '{}', null, null, null, null, null, '{}'),
        ('acquisition', 2, 'AcquisitionTime', '{}', 'RANGE_EXCL', '{08,17}', '{}', '{}', null, null, null, null, null, '{}'),
        ('reconstruction', 1, 'SourceAcquisitionProtocolElementNumber', '{}', 'EQUAL', '{}', '{1,2}', '{}', null, null, null, null, null, '{}'),
        ('reconstruction', 1, 'ConvolutionKernel', '{}', 'EQUAL', '{H31s}', '{}', '{}', null, null, null, null, null, '{"00204000": {"vr": "LT", "Value": ["a remark"]}}'),
        ('reconstruction', 1, 'ReconstructionPixelSpacing', '{}', 'GREATER_THAN', '{0.1}', '{}', '{}', 'mm', null, null, null, null, '{}'),
        ('storage', 1, 'DestinationAE', '{OutputInformationSequence,DICOMStorageSequence}', 'EQUAL', '{PACS}', '{}', '{}', null, null, null, null, null, '{}');
    insert into dpp.parameter_constraints (
        kind, element_ordinal, selector_attribute, selector_name, selector_vr, selector_private_creator, constraint_values,
        unit_code, unit_scheme, unit_meaning)
    values ('acquisition', 2, '00211099', 'Quality', 'DS', 'SCANTECH', '{7.5}', '1', '99MERCY', 'quality');
    return draft.sop_instance_uid;
end
$$;

create or replace function dpp_test.maximal_approval(p_subject text)
returns text language plpgsql as $$
declare
    draft dpp.objects;
begin
    insert into dpp.objects (sop_class_uid, timezone_offset) values ('APPROVAL', '+0100') returning * into draft;
    insert into dpp.approvals (
        instance_creation_date, instance_creation_time, manufacturer, manufacturer_model_name, device_serial_number,
        software_versions)
    values ('20261126', '0815', 'Mercy', 'Desk', 'S-1', '{1}');
    insert into dpp.approval_subjects (referenced_sop_class_uid, referenced_sop_instance_uid)
    values ('1.2.840.10008.5.1.4.1.1.200.1', p_subject);
    insert into dpp.approval_assertions (
        assertion_uid, assertion_datetime, expiration_datetime, assertion_comments, clinical_trial_protocol_id)
    values ('2.25.81', '20261126081500+0100', '20271126', 'looks good', null), ('2.25.82', '2026', null, null, 'TRIAL-1');
    insert into dpp.approval_asserters (
        assertion_ordinal, observer_type, person_name, station_name, device_uid, manufacturer, manufacturer_model_name,
        station_ae_title, institution_name, institutional_department_name)
    values
        (1, 'PSN', 'Head^Of', null, null, null, null, null, 'Mercy Hospital', 'Radiology'),
        (2, 'DEV', null, 'ST1', '2.25.83', 'ACME', 'Checker', 'CHECKER', null, null);
    insert into dpp.approval_codes (
        role, assertion_ordinal, asserter_ordinal, code_value, coding_scheme_designator, code_meaning)
    values
        ('assertion', 1, 0, '128603', 'DCM', 'Approved for use at the institution'),
        ('institution', 1, 0, 'M1', '99MERCY', 'Mercy Hospital'),
        ('person', 1, 1, '1', '99MERCY', 'Head'),
        ('organizational_role', 1, 1, '128670', 'DCM', 'Head of Radiology'),
        ('asserter_institution', 1, 1, 'M1', '99MERCY', 'Mercy Hospital'),
        ('department_type', 1, 1, '225728007', 'SCT', 'Accident and Emergency department'),
        ('assertion', 2, 0, '128604', 'DCM', 'Approved for use in the clinical trial');
    insert into dpp.approval_related_assertions (assertion_ordinal, referenced_assertion_uid) values (2, '2.25.81');
    return draft.sop_instance_uid;
end
$$;
