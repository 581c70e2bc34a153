-- What keeps a draft from being published: one row per rule. Each case changes the maximal draft and is undone; the
-- column that is named, and nothing else, must be found wrong, for the reason that is expected.
begin;
\ir ../support/maximal.sql
select no_plan();

select dpp_test.maximal_protocol() as protocol \gset
select dpp_test.maximal_approval(:'protocol') as approval \gset
create temporary table drafts (name text, uid text, id bigint);
insert into drafts
select d.name, d.uid, o.id
from (values ('protocol', :'protocol'), ('approval', :'approval')) as d (name, uid)
join dpp.objects as o on o.sop_instance_uid = d.uid;

select is_empty(format('select * from dpp.problems(%L)', d.uid), 'a complete ' || d.name || ' has no problems')
from drafts as d;

-- The columns that are found wrong after the change, each once, and whether a reason is as expected
create function pg_temp.found(p_draft text, p_change text, p_reason text)
returns text language plpgsql as $$
declare
    found text;
    is_said boolean;
    draft drafts;
begin
    select * into draft from drafts as d where d.name = p_draft;
    begin
        execute replace(replace(p_change, ':id', draft.id::text), ':uid', quote_literal(draft.uid));
        select string_agg(distinct concat_ws('.', p.relation, p.column_name) || coalesce(' (' || p.item || ')', ''), ', '),
            bool_or(p.rule like '%' || p_reason || '%')
        into found, is_said
        from dpp.problems(draft.uid) as p;
        -- What has no problems must be fit to be rendered.
        if found is null and exists (select from dpp.encoding_problems(draft.id)) then
            found := 'nothing, but it cannot be encoded';
            is_said := true;
        end if;
        raise exception 'undo' using errcode = 'DPU01';
    exception
        when sqlstate 'DPU01' then null;
    end;
    return coalesce(found || case when is_said then '' else ', for another reason than ' || p_reason end, 'nothing');
end
$$;

-- Each column by itself. lack: it is required; bad: a value that is none of its VR, or not allowed.
create temporary table columns (draft text, relation text, column_name text, lack boolean, bad text, reason text);
insert into columns
values
    ('protocol', 'objects', 'timezone_offset', false, '+1500', 'no offset'),
    ('protocol', 'protocols', 'protocol_name', true, repeat('x', 65), 'VR LO'),
    ('protocol', 'protocols', 'equipment_modality', true, 'MR', 'not one of CT, XA'),
    ('protocol', 'protocols', 'content_creator_name', false, 'a^b^c^d^e^f', 'VR PN'),
    ('protocol', 'protocols', 'instance_creation_date', false, '20230229', 'VR DA'),
    ('protocol', 'protocols', 'instance_creation_time', false, '2400', 'VR TM'),
    ('protocol', 'protocols', 'clinical_trial_sponsor_name', true, repeat('x', 65), 'VR LO'),
    ('protocol', 'protocols', 'clinical_trial_protocol_id', true, 'a\b', 'VR LO'),
    ('protocol', 'protocols', 'clinical_trial_protocol_name', false, E'a\nb', 'VR LO'),
    ('protocol', 'protocols', 'potential_reasons', false, '{"a\\b"}', 'VR UC'),
    ('protocol', 'protocols', 'potential_diagnostic_tasks', false, E'{"a\x07"}', 'VR UC'),
    ('protocol', 'protocols', 'planning_information', false, E'a\x07', 'VR UT'),
    ('protocol', 'protocols', 'design_rationale', false, E'a\x1B', 'VR UT'),
    ('protocol', 'protocols', 'patient_position', true, 'hfs', 'VR CS'),
    ('protocol', 'protocols', 'manufacturer', false, repeat('x', 65), 'VR LO'),
    ('protocol', 'protocols', 'manufacturer_model_name', false, repeat('x', 65), 'VR LO'),
    ('protocol', 'protocols', 'device_serial_number', false, repeat('x', 65), 'VR LO'),
    ('protocol', 'protocols', 'software_versions', false, '{"a\\b"}', 'VR LO'),
    ('protocol', 'protocol_custodians', 'institution_name', false, repeat('x', 65), 'VR LO'),
    ('protocol', 'protocol_models', 'manufacturer', true, repeat('x', 65), 'VR LO'),
    ('protocol', 'protocol_models', 'manufacturer_related_model_group', true, repeat('x', 65), 'VR LO'),
    ('protocol', 'protocol_models', 'manufacturer_model_name', false, repeat('x', 65), 'VR LO'),
    ('protocol', 'protocol_models', 'software_versions', false, '{"a\\b"}', 'VR LO'),
    ('protocol', 'protocol_models', 'device_serial_number', false, repeat('x', 65), 'VR LO'),
    ('protocol', 'protocol_predecessors', 'referenced_sop_class_uid', false, '1.02', 'VR UI'),
    ('protocol', 'protocol_predecessors', 'referenced_sop_instance_uid', true, '1.', 'VR UI'),
    ('protocol', 'instructions', 'instruction_index', true, '70000', 'VR US'),
    ('protocol', 'instructions', 'instruction_text', true, repeat('x', 65), 'VR LO'),
    ('protocol', 'instructions', 'instruction_description', false, E'a\x07', 'VR UT'),
    ('protocol', 'protocol_elements', 'element_number', true, '70000', 'VR US'),
    ('protocol', 'protocol_elements', 'element_name', false, repeat('x', 65), 'VR LO'),
    ('protocol', 'protocol_elements', 'element_purpose', false, E'a\x07', 'VR UT'),
    ('protocol', 'parameter_constraints', 'violation_condition', false, E'a\x07', 'VR UT'),
    ('protocol', 'parameter_constraints', 'selection_guidance', false, E'a\x07', 'VR UT'),
    ('protocol', 'parameter_constraints', 'significance', false, 'SEVERE', 'not one of FAILURE'),
    ('protocol', 'parameter_constraints', 'selector_value_number', false, '-1', 'VR US'),
    ('approval', 'approvals', 'instance_creation_date', false, '2026', 'VR DA'),
    ('approval', 'approvals', 'instance_creation_time', false, '8', 'VR TM'),
    ('approval', 'approvals', 'manufacturer', false, repeat('x', 65), 'VR LO'),
    ('approval', 'approvals', 'manufacturer_model_name', false, repeat('x', 65), 'VR LO'),
    ('approval', 'approvals', 'device_serial_number', false, repeat('x', 65), 'VR LO'),
    ('approval', 'approvals', 'software_versions', false, '{"a\\b"}', 'VR LO'),
    ('approval', 'approval_subjects', 'referenced_sop_class_uid', false, '1.02', 'VR UI'),
    ('approval', 'approval_subjects', 'referenced_sop_instance_uid', true, 'x', 'VR UI'),
    ('approval', 'approval_assertions', 'assertion_uid', false, '01.2', 'VR UI'),
    ('approval', 'approval_assertions', 'assertion_datetime', false, '202613', 'VR DT'),
    ('approval', 'approval_assertions', 'expiration_datetime', false, 'soon', 'VR DT'),
    ('approval', 'approval_assertions', 'assertion_comments', false, E'a\x07', 'VR UT'),
    ('approval', 'approval_assertions', 'clinical_trial_protocol_id', false, repeat('x', 65), 'VR LO'),
    ('approval', 'approval_asserters', 'observer_type', true, 'CAT', 'not one of PSN, DEV'),
    ('approval', 'approval_asserters', 'person_name', true, repeat('x', 65), 'VR PN'),
    ('approval', 'approval_asserters', 'station_name', false, repeat('x', 17), 'VR SH'),
    ('approval', 'approval_asserters', 'manufacturer', false, repeat('x', 65), 'VR LO'),
    ('approval', 'approval_asserters', 'manufacturer_model_name', false, repeat('x', 65), 'VR LO'),
    ('approval', 'approval_asserters', 'institution_name', false, repeat('x', 65), 'VR LO'),
    ('approval', 'approval_asserters', 'institutional_department_name', false, repeat('x', 65), 'VR LO'),
    ('approval', 'approval_related_assertions', 'referenced_assertion_uid', true, '1..2', 'VR UI');

-- Of each table the first row; of those that hang on something as well
create function pg_temp.first_row(p_relation text)
returns text language sql as $$
    select coalesce(
        (
            select w.condition
            from (
                values
                    ('objects', 'id = :id'),
                    ('protocols', 'object_id = :id'),
                    ('approvals', 'object_id = :id'),
                    ('instructions', 'object_id = :id and kind = ''instruction'' and ordinal = 1'),
                    ('protocol_elements', 'object_id = :id and kind = ''acquisition'' and ordinal = 1'),
                    ('parameter_constraints', 'object_id = :id and kind = ''patient'' and ordinal = 1'),
                    ('approval_asserters', 'object_id = :id and assertion_ordinal = 1'),
                    ('approval_related_assertions', 'object_id = :id and assertion_ordinal = 2')
            ) as w (relation, condition)
            where w.relation = p_relation
        ),
        'object_id = :id and ordinal = 1')
$$;
create function pg_temp.first_item(p_relation text)
returns text language sql as $$
    select case
        when p_relation in ('objects', 'protocols', 'approvals') then ''
        else ' (' || coalesce(
            (
                select i.item
                from (
                    values
                        ('instructions', 'instruction 1'), ('protocol_elements', 'acquisition 1'),
                        ('parameter_constraints', 'patient 1 PatientAge'), ('approval_asserters', '1 1'),
                        ('approval_related_assertions', '2 1')
                ) as i (relation, item)
                where i.relation = p_relation
            ),
            '1') || ')'
    end
$$;

select is(
    pg_temp.found(
        c.draft,
        format(
            'update dpp.%I set %I = %s where %s', c.relation, c.column_name,
            case when c.column_name = 'software_versions' then quote_literal('{}') when w.written = 'spaces' and c.bad !~ '^[0-9-]*$' then quote_literal('  ') else 'null' end, pg_temp.first_row(c.relation)),
        'is missing'),
    -- A model without group must have a name.
    c.relation || '.' || case c.column_name when 'manufacturer_related_model_group' then 'manufacturer_model_name' else c.column_name end
        || pg_temp.first_item(c.relation),
    format('%s.%s missing: %s', c.relation, c.column_name, w.written))
from columns as c
cross join (values ('nothing'), ('spaces')) as w (written)
where c.lack;
select is(
    pg_temp.found(
        c.draft,
        format('update dpp.%I set %I = %L where %s', c.relation, c.column_name, c.bad, pg_temp.first_row(c.relation)),
        c.reason),
    c.relation || '.' || c.column_name || pg_temp.first_item(c.relation), format('%s.%s bad', c.relation, c.column_name))
from columns as c;

-- Every column that has a rule is above or below.
create temporary table cases (draft text, change text, found text, reason text);
insert into cases
values
    ('approval', 'update dpp.approval_subjects set referenced_sop_class_uid = null, referenced_sop_instance_uid = ''1.2.3'' where object_id = :id', 'approval_subjects.referenced_sop_class_uid (1)', 'is not here to tell it'),
    ('approval', 'update dpp.approval_subjects set referenced_sop_class_uid = null where object_id = :id', 'nothing', ''),
    -- PS3.3 A.82
    ('protocol', 'update dpp.objects set sop_class_uid = ''1.2'' where id = :id', 'objects.sop_class_uid', 'none of CT Defined'),
    ('protocol', 'update dpp.objects set sop_class_uid = ''1.2.840.10008.5.1.4.1.1.200.7'' where id = :id', 'protocols.equipment_modality', 'does not fit'),
    ('protocol', 'update dpp.protocols set equipment_modality = ''XA'' where object_id = :id', 'protocols.equipment_modality', 'does not fit'),
    ('protocol', 'update dpp.objects set sop_class_uid = ''1.2.840.10008.5.1.4.1.1.200.3'' where id = :id', 'objects.sop_class_uid', 'is that of an approval'),
    ('approval', 'update dpp.objects set sop_class_uid = ''1.2.840.10008.5.1.4.1.1.200.1'' where id = :id', 'objects.sop_class_uid', 'is that of no approval'),
    ('protocol', 'delete from dpp.protocols where object_id = :id', 'protocols', 'header is missing'),
    ('approval', 'delete from dpp.approvals where object_id = :id', 'approvals', 'header is missing'),
    -- PS3.4 HH.6-1
    ('protocol', 'delete from dpp.protocol_codes where object_id = :id and role = ''scheduled_protocol''', 'protocol_codes (scheduled_protocol)', 'Type 1'),
    ('protocol', 'delete from dpp.protocol_codes where object_id = :id and role = ''requested_procedure''', 'protocol_codes (requested_procedure)', 'Type 1'),
    -- PS3.3 C.34.4: without its columns there is still the site
    ('protocol', 'update dpp.protocols set clinical_trial_sponsor_name = null, clinical_trial_protocol_id = null, clinical_trial_protocol_name = null where object_id = :id', 'protocols.clinical_trial_protocol_id, protocols.clinical_trial_sponsor_name', 'clinical trial'),
    ('protocol', 'update dpp.protocols set other_attributes = other_attributes || ''{"00120082": {"vr": "LO", "Value": ["1"]}}'' where object_id = :id', 'protocols.other_attributes', 'approval number'),
    -- PS3.3 C.34.8: each that needs the position
    ('protocol', 'delete from dpp.protocol_codes where object_id = :id and role = ''positioning_method''; update dpp.protocols set patient_position = '''', other_attributes = ''{}'' where object_id = :id', 'protocols.patient_position', 'C.34.8'),
    ('protocol', 'delete from dpp.instructions where object_id = :id and kind = ''positioning''; update dpp.protocols set patient_position = null, other_attributes = ''{}'' where object_id = :id', 'protocols.patient_position', 'C.34.8'),
    ('protocol', 'delete from dpp.instructions where object_id = :id and kind = ''positioning''; delete from dpp.protocol_codes where object_id = :id and role = ''positioning_method''; update dpp.protocols set patient_position = null where object_id = :id', 'protocols.patient_position', 'C.34.8'),
    ('protocol', 'delete from dpp.instructions where object_id = :id and kind = ''positioning''; delete from dpp.protocol_codes where object_id = :id and role = ''positioning_method''; update dpp.protocols set patient_position = null, other_attributes = ''{}'' where object_id = :id', 'nothing', ''),
    -- predecessors
    ('protocol', 'update dpp.protocol_predecessors set referenced_sop_instance_uid = :uid where object_id = :id', 'protocol_predecessors.referenced_sop_instance_uid (1)', 'itself'),
    ('protocol', 'insert into dpp.protocol_predecessors (object_id, referenced_sop_class_uid, referenced_sop_instance_uid) select object_id, referenced_sop_class_uid, referenced_sop_instance_uid from dpp.protocol_predecessors where object_id = :id', 'protocol_predecessors.referenced_sop_instance_uid (2)', 'more than once'),
    -- numbering
    ('protocol', 'delete from dpp.protocol_models where object_id = :id and ordinal = 1', 'protocol_models.ordinal (2)', '2 is after 0'),
    ('protocol', 'delete from dpp.instructions where object_id = :id and kind = ''instruction'' and ordinal = 1', 'instructions.ordinal (instruction 2)', '2 is after 0'),
    ('protocol', 'update dpp.parameter_constraints set ordinal = 9 where object_id = :id and kind = ''patient'' and ordinal = 3', 'parameter_constraints.ordinal (patient 9 PatientSex)', '9 is after 2'),
    ('protocol', 'update dpp.protocol_codes set equivalent = 2 where object_id = :id and equivalent = 1', 'protocol_codes.equivalent (scheduled_protocol 1 2)', '2 is after 0'),
    ('protocol', 'update dpp.protocol_codes set ordinal = 2 where object_id = :id and role = ''responsible_group''; update dpp.protocol_codes set ordinal = 3, equivalent = 1 where object_id = :id and role = ''reason''; ', 'protocol_codes.equivalent (reason 3 1), protocol_codes.ordinal (responsible_group 2)', 'after nothing'),
    ('protocol', 'update dpp.protocol_elements set element_number = 3 where object_id = :id and kind = ''acquisition'' and ordinal = 2', 'protocol_elements.element_number (acquisition 2)', '10.28'),
    ('protocol', 'update dpp.instructions set instruction_index = 1 where object_id = :id and kind = ''instruction''', 'instructions.instruction_index (instruction 2)', 'more than once'),
    -- PS3.3 8.8
    ('protocol', 'update dpp.protocol_codes set code_value = null where object_id = :id and role = ''reason''', 'protocol_codes.code_value (reason 1)', 'is missing'),
    ('protocol', 'update dpp.protocol_codes set urn_code_value = ''urn:x'' where object_id = :id and role = ''reason''', 'protocol_codes.code_value (reason 1)', 'not the only value'),
    ('protocol', 'update dpp.protocol_codes set coding_scheme_designator = null where object_id = :id and role = ''reason''', 'protocol_codes.coding_scheme_designator (reason 1)', 'is missing'),
    ('protocol', 'update dpp.protocol_codes set coding_scheme_version = ''1'' where object_id = :id and role = ''requested_procedure''', 'protocol_codes.coding_scheme_version (requested_procedure 1)', 'not named'),
    ('protocol', 'update dpp.protocol_codes set long_code_value = ''short'', code_value = null where object_id = :id and role = ''reason''', 'protocol_codes.long_code_value (reason 1)', 'belongs into code_value'),
    ('protocol', 'update dpp.protocol_codes set code_meaning = null where object_id = :id and role = ''reason''', 'protocol_codes.code_meaning (reason 1)', 'is missing'),
    ('protocol', 'update dpp.protocol_codes set code_meaning = repeat(''x'', 65) where object_id = :id and role = ''reason''', 'protocol_codes.code_meaning (reason 1)', 'VR LO'),
    ('protocol', 'update dpp.protocol_codes set code_value = ''a\b'' where object_id = :id and role = ''reason''', 'protocol_codes.code_value (reason 1)', 'VR SH'),
    ('protocol', 'update dpp.protocol_codes set coding_scheme_designator = repeat(''x'', 17) where object_id = :id and role = ''reason''', 'protocol_codes.coding_scheme_designator (reason 1)', 'VR SH'),
    ('protocol', 'update dpp.protocol_codes set coding_scheme_version = repeat(''x'', 17) where object_id = :id and role = ''reason''', 'protocol_codes.coding_scheme_version (reason 1)', 'VR SH'),
    ('protocol', 'update dpp.protocol_codes set code_value = ''a-code\of-more-than-16'' where object_id = :id and role = ''reason''', 'protocol_codes.long_code_value (reason 1)', 'VR UC'),
    ('protocol', 'update dpp.protocol_codes set urn_code_value = ''urn:a b'' where object_id = :id and role = ''requested_procedure''', 'protocol_codes.urn_code_value (requested_procedure 1)', 'VR UR'),
    ('approval', 'update dpp.approval_codes set code_meaning = null where object_id = :id and role = ''person''', 'approval_codes.code_meaning (person 1 1 1)', 'is missing'),
    ('approval', 'update dpp.approval_codes set code_meaning = repeat(''x'', 65) where object_id = :id and role = ''person''', 'approval_codes.code_meaning (person 1 1 1)', 'VR LO'),
    ('approval', 'update dpp.approval_codes set code_value = ''a\b'' where object_id = :id and role = ''person''', 'approval_codes.code_value (person 1 1 1)', 'VR SH'),
    ('approval', 'update dpp.approval_codes set coding_scheme_designator = repeat(''x'', 17) where object_id = :id and role = ''person''', 'approval_codes.coding_scheme_designator (person 1 1 1)', 'VR SH'),
    ('approval', 'update dpp.approval_codes set coding_scheme_version = repeat(''x'', 17) where object_id = :id and role = ''person''', 'approval_codes.coding_scheme_version (person 1 1 1)', 'VR SH'),
    ('approval', 'update dpp.approval_codes set code_value = ''a-code\of-more-than-16'' where object_id = :id and role = ''person''', 'approval_codes.long_code_value (person 1 1 1)', 'VR UC'),
    ('approval', 'update dpp.approval_codes set code_value = ''urn:a b'' where object_id = :id and role = ''person''', 'approval_codes.urn_code_value (person 1 1 1)', 'VR UR'),
    ('protocol', 'update dpp.protocol_codes set parent_ordinal = 3 where object_id = :id and parent_ordinal = 2', 'protocol_codes.parent_ordinal (custodian_institution 3 1)', 'no row 3 in dpp.protocol_custodians'),
    -- PS3.3 10.25: the selector
    ('protocol', 'update dpp.parameter_constraints set selector_keyword = ''PatientAgee'' where object_id = :id and selector_keyword = ''PatientAge''', 'parameter_constraints.selector_keyword (patient 1 PatientAgee)', 'do you mean PatientAge?'),
    ('protocol', 'update dpp.parameter_constraints set selector_attribute = '''', selector_keyword = '''' where object_id = :id and kind = ''patient'' and ordinal = 3', 'parameter_constraints.selector_attribute (patient 3 )', 'is missing'),
    ('protocol', 'update dpp.parameter_constraints set selector_attribute = ''00101020'', selector_keyword = ''PatientSize'', selector_vr = ''DS'', selector_name = ''x'' where object_id = :id and kind = ''patient'' and ordinal = 2; update dpp.parameter_constraints set selector_keyword = ''KVP'', selector_attribute = ''00101030'' where object_id = :id and kind = ''patient'' and ordinal = 2', 'parameter_constraints.selector_keyword (patient 2 KVP)', 'is not the keyword of 00101030, which is PatientWeight'),
    ('protocol', 'update dpp.parameter_constraints set selector_keyword = repeat(''x'', 65) where object_id = :id and selector_keyword = ''PatientSex''', 'parameter_constraints.selector_keyword (patient 3 ' || repeat('x', 65) || ')', 'VR LO'),
    ('protocol', 'update dpp.parameter_constraints set selector_vr = ''D-'' where object_id = :id and selector_attribute = ''00211099''', 'parameter_constraints.selector_vr (acquisition 2 9)', 'VR CS'),
    ('protocol', 'update dpp.parameter_constraints set selector_vr = ''SH'' where object_id = :id and kind = ''patient'' and ordinal = 3', 'parameter_constraints.selector_vr (patient 3 PatientSex)', 'is not the VR of PatientSex'),
    ('protocol', 'update dpp.parameter_constraints set selector_vr = ''XX'' where object_id = :id and kind = ''patient'' and ordinal = 3', 'parameter_constraints.selector_vr (patient 3 PatientSex)', 'no VR that selectors have'),
    ('protocol', 'update dpp.parameter_constraints set selector_name = '''' where object_id = :id and kind = ''patient'' and ordinal = 3', 'parameter_constraints.selector_name (patient 3 PatientSex)', 'is missing'),
    ('protocol', 'update dpp.parameter_constraints set selector_name = repeat(''x'', 65) where object_id = :id and kind = ''patient'' and ordinal = 3', 'parameter_constraints.selector_name (patient 3 PatientSex)', 'VR LO'),
    ('protocol', 'update dpp.parameter_constraints set selector_vr = '''' where object_id = :id and selector_attribute = ''00211099''', 'parameter_constraints.selector_vr (acquisition 2 9)', 'is missing'),
    ('protocol', 'update dpp.parameter_constraints set selector_private_creator = null where object_id = :id and selector_attribute = ''00211099''', 'parameter_constraints.selector_private_creator (acquisition 2 9)', 'is missing'),
    ('protocol', 'update dpp.parameter_constraints set selector_private_creator = repeat(''x'', 65) where object_id = :id and selector_attribute = ''00211099''', 'parameter_constraints.selector_private_creator (acquisition 2 9)', 'VR LO'),
    ('protocol', 'update dpp.parameter_constraints set selector_keyword = ''Quality'', selector_attribute = ''00211098'' where object_id = :id and selector_attribute = ''00211099''', 'parameter_constraints.selector_keyword (acquisition 2 9 Quality)', 'have no keyword'),
    ('protocol', 'update dpp.parameter_constraints set selector_private_creator = ''X'' where object_id = :id and selector_keyword = ''CTDIvol''', 'parameter_constraints.selector_private_creator (acquisition 2 3 CTDIvol)', 'is not private'),
    ('protocol', 'update dpp.parameter_constraints set selector_attribute = ''00020010'', selector_name = ''x'', selector_vr = ''LO'' where object_id = :id and kind = ''reconstruction'' and ordinal = 2', 'parameter_constraints.selector_attribute (reconstruction 1 2)', 'in no data set'),
    ('protocol', 'update dpp.parameter_constraints set selector_attribute = ''0018006'', selector_name = ''x'', selector_vr = ''LO'', selector_keyword = null where object_id = :id and kind = ''reconstruction'' and ordinal = 2', 'parameter_constraints.selector_attribute (reconstruction 1 2)', 'VR AT'),
    -- PS3.3 C.34.5, C.34.9, C.34.11, C.34.13: where it is
    ('protocol', 'update dpp.parameter_constraints set selector_path = ''{00189920}'' where object_id = :id and kind = ''patient'' and ordinal = 3', 'parameter_constraints.selector_path (patient 3 PatientSex)', 'must be empty'),
    ('protocol', 'set local dpp.maintenance = on; update dpp.parameter_constraints set selector_path = ''{00189934}'' where object_id = :id and selector_keyword = ''CTDIvol''; set local dpp.maintenance = ''''', 'parameter_constraints.selector_path (acquisition 2 3 CTDIvol)', 'must begin with 00189920'),
    ('protocol', 'update dpp.parameter_constraints set selector_path = ''{00189920,00180060}'' where object_id = :id and selector_keyword = ''CTDIvol''', 'parameter_constraints.selector_path (acquisition 2 3 CTDIvol)', 'is no sequence'),
    ('protocol', 'update dpp.parameter_constraints set selector_path = ''{NoSequence}'' where object_id = :id and selector_keyword = ''CTDIvol''', 'parameter_constraints.selector_path (acquisition 2 3 CTDIvol)', 'VR AT'),
    ('protocol', 'update dpp.parameter_constraints set selector_path_items = ''{2,1}'' where object_id = :id and selector_keyword = ''CTDIvol''', 'parameter_constraints.selector_path_items (acquisition 2 3 CTDIvol)', 'has 2 item numbers for the 1'),
    ('protocol', 'update dpp.parameter_constraints set selector_path_items = ''{1}'' where object_id = :id and selector_keyword = ''CTDIvol''', 'parameter_constraints.selector_path_items (acquisition 2 3 CTDIvol)', 'begins with 1'),
    ('protocol', 'update dpp.parameter_constraints set selector_path_items = ''{0}'' where object_id = :id and selector_keyword = ''CTDIvol''', 'nothing', ''),
    ('protocol', 'update dpp.parameter_constraints set selector_path_items = ''{2,70000}'' where object_id = :id and selector_keyword = ''KVP''', 'parameter_constraints.selector_path_items (acquisition 2 2 KVP)', 'VR US'),
    ('protocol', 'update dpp.parameter_constraints set selector_keyword = ''PatientAge'', constraint_values = ''{017Y,020Y}'', constraint_type = ''RANGE_INCL'' where object_id = :id and selector_keyword = ''PatientSex''', 'parameter_constraints.selector_attribute (patient 3 PatientAge)', 'more than once'),
    ('protocol', 'update dpp.parameter_constraints set selector_keyword = ''Modality'' where object_id = :id and selector_keyword = ''PatientSex''', 'parameter_constraints.selector_attribute (patient 3 Modality)', 'no attribute of the patient'),
    ('protocol', 'update dpp.parameter_constraints set selector_keyword = ''AdmittingDiagnosesDescription'' where object_id = :id and selector_keyword = ''PatientSex''', 'nothing', ''),
    ('protocol', 'update dpp.parameter_constraints set element_ordinal = 2 where object_id = :id and kind = ''storage''', 'parameter_constraints.element_ordinal (storage 2 1 DestinationAE)', 'there is no storage element 2'),
    -- PS3.3 10.25: type and values
    ('protocol', 'update dpp.parameter_constraints set constraint_type = ''NEAR'' where object_id = :id and selector_keyword = ''PatientSex''', 'parameter_constraints.constraint_type (patient 3 PatientSex)', 'not one of RANGE_INCL'),
    ('protocol', 'update dpp.parameter_constraints set constraint_type = null, constraint_values = ''{}'', default_values = ''{}'' where object_id = :id and selector_keyword = ''PatientSex''', 'parameter_constraints.constraint_type (patient 3 PatientSex)', 'is missing'),
    ('protocol', 'update dpp.parameter_constraints set selector_vr = ''SH'' where object_id = :id and selector_attribute = ''00211099''; update dpp.parameter_constraints set constraint_type = ''LESS_THAN'' where object_id = :id and selector_attribute = ''00211099''', 'parameter_constraints.constraint_type (acquisition 2 9)', 'needs a VR with an order, not SH'),
    ('protocol', 'update dpp.parameter_constraints set constraint_type = ''LESS_THAN'', constraint_values = ''{A}'' where object_id = :id and selector_keyword = ''PatientSex''', 'parameter_constraints.constraint_type (patient 3 PatientSex)', 'needs a VR with an order, not CS'),
    ('protocol', 'update dpp.parameter_constraints set constraint_type = ''EQUAL'', constraint_values = ''{7,5}'' where object_id = :id and selector_keyword = ''CTDIvol''', 'parameter_constraints.constraint_values (acquisition 2 3 CTDIvol)', 'has 2 values, but CTDIvol has 1 (VM 1): the decimal sign is a point'),
    ('protocol', 'update dpp.parameter_constraints set default_values = ''{7,5}'' where object_id = :id and selector_keyword = ''CTDIvol''', 'parameter_constraints.default_values (acquisition 2 3 CTDIvol)', 'has 2 values, but CTDIvol has 1 (VM 1)'),
    ('protocol', 'update dpp.parameter_constraints set selector_keyword = ''ObjectPixelSpacingInCenterOfBeam'', constraint_type = ''EQUAL'', constraint_values = ''{1,2}'' where object_id = :id and selector_keyword = ''CTDIvol''', 'nothing', ''),
    ('protocol', 'update dpp.parameter_constraints set selector_keyword = ''ObjectPixelSpacingInCenterOfBeam'', constraint_type = ''EQUAL'', constraint_values = ''{1,2,3}'' where object_id = :id and selector_keyword = ''CTDIvol''', 'parameter_constraints.constraint_values (acquisition 2 3 ObjectPixelSpacingInCenterOfBeam)', 'has 2 (VM 2)'),
    ('protocol', 'update dpp.parameter_constraints set constraint_type = ''MEMBER_OF'', constraint_values = ''{7,5}'' where object_id = :id and selector_keyword = ''CTDIvol''', 'nothing', ''),
    ('protocol', 'update dpp.parameter_constraints set selector_path[2] = ''CTXRayDetailSequence'' where object_id = :id and selector_keyword = ''KVP''', 'parameter_constraints.selector_path (acquisition 2 2 KVP)', 'do you mean CTXRayDetailsSequence?'),
    ('protocol', 'update dpp.parameter_constraints set unit_meaning = '''' where object_id = :id and selector_keyword = ''CTDIvol''', 'parameter_constraints.unit_meaning (acquisition 2 3 CTDIvol)', 'is missing'),
    ('protocol', 'update dpp.parameter_constraints set unit_scheme = '''' where object_id = :id and selector_keyword = ''CTDIvol''', 'parameter_constraints.unit_scheme (acquisition 2 3 CTDIvol)', 'is missing'),
    ('protocol', 'update dpp.parameter_constraints set unit_code = '''' where object_id = :id and selector_keyword = ''CTDIvol''', 'parameter_constraints.unit_code (acquisition 2 3 CTDIvol), parameter_constraints.unit_meaning (acquisition 2 3 CTDIvol)', 'is missing'),
    ('protocol', 'update dpp.parameter_constraints set unit_code = repeat(''m'', 17) where object_id = :id and selector_keyword = ''CTDIvol''', 'parameter_constraints.unit_code (acquisition 2 3 CTDIvol)', 'VR SH'),
    ('protocol', 'update dpp.parameter_constraints set unit_scheme = repeat(''m'', 17) where object_id = :id and selector_keyword = ''CTDIvol''', 'parameter_constraints.unit_scheme (acquisition 2 3 CTDIvol)', 'VR SH'),
    ('protocol', 'update dpp.parameter_constraints set unit_meaning = repeat(''m'', 65) where object_id = :id and selector_keyword = ''CTDIvol''', 'parameter_constraints.unit_meaning (acquisition 2 3 CTDIvol)', 'VR LO'),
    -- PS3.3 C.34.15
    ('approval', 'delete from dpp.approval_subjects where object_id = :id', 'approval_subjects', 'has a subject'),
    ('approval', 'insert into dpp.approval_subjects (object_id, referenced_sop_class_uid, referenced_sop_instance_uid) select object_id, referenced_sop_class_uid, referenced_sop_instance_uid from dpp.approval_subjects where object_id = :id', 'approval_subjects.referenced_sop_instance_uid (2)', 'more than once'),
    ('approval', 'delete from dpp.approval_codes where object_id = :id; delete from dpp.approval_asserters where object_id = :id; delete from dpp.approval_related_assertions where object_id = :id; delete from dpp.approval_assertions where object_id = :id', 'approval_assertions', 'has a assertion'),
    ('approval', 'delete from dpp.approval_codes where object_id = :id and role = ''assertion'' and assertion_ordinal = 2', 'approval_codes (assertion 2)', 'has 0 codes'),
    ('approval', 'insert into dpp.approval_codes (object_id, role, assertion_ordinal, code_value, coding_scheme_designator, code_meaning) values (:id, ''assertion'', 2, ''128601'', ''DCM'', ''x'')', 'approval_codes (assertion 2)', 'has 2 codes'),
    ('approval', 'delete from dpp.approval_asserters where object_id = :id and assertion_ordinal = 2', 'approval_asserters (2)', 'has 0 rows'),
    ('approval', 'insert into dpp.approval_asserters (object_id, assertion_ordinal, observer_type, person_name) values (:id, 2, ''PSN'', ''X'')', 'approval_asserters (2)', 'has 2 rows'),
    ('approval', 'update dpp.approval_assertions set assertion_uid = ''2.25.82'' where object_id = :id', 'approval_assertions.assertion_uid (2)', 'more than once'),
    ('approval', 'update dpp.approval_asserters set device_uid = null, station_name = null, station_ae_title = null where object_id = :id and assertion_ordinal = 2', 'approval_asserters.device_uid (2 1)', 'is missing'),
    ('approval', 'update dpp.approval_asserters set device_uid = ''1.'' where object_id = :id and assertion_ordinal = 2', 'approval_asserters.device_uid (2 1)', 'VR UI'),
    ('approval', 'update dpp.approval_asserters set station_ae_title = '' '' where object_id = :id and assertion_ordinal = 2', 'approval_asserters.station_ae_title (2 1)', 'VR AE'),
    ('approval', 'update dpp.approval_asserters set person_name = ''X'' where object_id = :id and assertion_ordinal = 2', 'approval_asserters.person_name (2 1)', 'other kind of asserter'),
    ('approval', 'update dpp.approval_asserters set device_uid = ''1.2'' where object_id = :id and assertion_ordinal = 1', 'approval_asserters.device_uid (1 1)', 'other kind of asserter'),
    ('approval', 'update dpp.approval_asserters set station_ae_title = ''X'' where object_id = :id and assertion_ordinal = 1', 'approval_asserters.station_ae_title (1 1)', 'other kind of asserter'),
    ('approval', 'update dpp.approval_asserters set ordinal = 2 where object_id = :id and assertion_ordinal = 2', 'approval_asserters.ordinal (2 2)', '2 is after 0'),
    ('approval', 'update dpp.approval_related_assertions set assertion_ordinal = 3 where object_id = :id', 'approval_related_assertions.assertion_ordinal (3 1)', 'no row 3 in dpp.approval_assertions'),
    ('approval', 'insert into dpp.approval_asserters (object_id, assertion_ordinal, observer_type, person_name) values (:id, 3, ''PSN'', ''X'')', 'approval_asserters.assertion_ordinal (3 1)', 'no row 3 in dpp.approval_assertions'),
    ('approval', 'update dpp.approval_codes set asserter_ordinal = 2 where object_id = :id and role = ''person''', 'approval_codes.asserter_ordinal (person 1 2 1)', 'no row 1 2 in dpp.approval_asserters'),
    ('approval', 'update dpp.approval_codes set assertion_ordinal = 3 where object_id = :id and role = ''institution''', 'approval_codes (institution 1), approval_codes.assertion_ordinal (institution 3 1)', 'no row 3 in dpp.approval_assertions'),
    ('approval', 'update dpp.approval_assertions set clinical_trial_protocol_id = null where object_id = :id', 'approval_assertions.clinical_trial_protocol_id (2)', '128604');

-- PS3.3 10.30: which assertions need an institution, which a trial
insert into cases
select 'approval',
    format('delete from dpp.approval_codes where object_id = :id and role = ''institution''; update dpp.approval_codes set code_value = %L where object_id = :id and role = ''assertion'' and assertion_ordinal = 1', c.code),
    c.found, c.code
from (
    values
        ('128603', 'approval_codes (institution 1)'), ('128613', 'approval_codes (institution 1)'),
        ('128614', 'approval_codes (institution 1)'), ('128615', 'approval_codes (institution 1)'),
        ('128623', 'approval_codes (institution 1)'), ('128604', 'approval_assertions.clinical_trial_protocol_id (1)'),
        ('128611', 'approval_assertions.clinical_trial_protocol_id (1)'),
        ('128624', 'approval_assertions.clinical_trial_protocol_id (1)'), ('128601', 'nothing'), ('128605', 'nothing')
) as c (code, found);

-- PS3.3 10.25: how many values; the type, how many, and what is wrong
insert into cases
select 'protocol',
    format(
        'update dpp.parameter_constraints set constraint_type = %L, constraint_values = %L where object_id = :id and selector_keyword = ''PatientWeight''',
        c.type, c.list),
    case when c.is_good then 'nothing' else 'parameter_constraints.constraint_values (patient 2 PatientWeight)' end, c.reason
from (
    values
        ('RANGE_INCL', '{1}', false, 'takes two values'), ('RANGE_INCL', '{1,2}', true, ''), ('RANGE_INCL', '{1,2,3}', false, 'takes two values'),
        ('RANGE_EXCL', '{1}', false, 'takes two values'), ('RANGE_EXCL', '{1,2}', true, ''), ('RANGE_EXCL', '{2,1}', false, '2 is above 1'),
        ('RANGE_INCL', '{2,1}', false, '2 is above 1'), ('RANGE_INCL', '{1,1}', true, ''),
        ('GREATER_OR_EQUAL', '{1}', true, ''), ('GREATER_OR_EQUAL', '{1,2}', false, 'takes one value'),
        ('LESS_OR_EQUAL', '{1}', true, ''), ('LESS_OR_EQUAL', '{}', false, 'is missing'),
        ('GREATER_THAN', '{1}', true, ''), ('GREATER_THAN', '{1,2}', false, 'takes one value'),
        ('LESS_THAN', '{1}', true, ''), ('LESS_THAN', '{1,2}', false, 'takes one value'),
        ('EQUAL', '{1}', true, ''), ('EQUAL', '{1,2}', false, 'PatientWeight has 1 (VM 1)'), ('EQUAL', '{}', false, 'takes a value'),
        ('MEMBER_OF', '{1,2,3}', true, ''), ('MEMBER_OF', '{}', false, 'takes a value for each'),
        ('NOT_MEMBER_OF', '{1}', true, ''), ('NOT_MEMBER_OF', '{}', false, 'takes a value for each'),
        ('MEMBER_OF_CID', '{1.2.840.10008.6.1.2}', true, ''), ('MEMBER_OF_CID', '{1.2,1.3}', false, 'context group'),
        ('MEMBER_OF_CID', '{CID 2}', false, 'VR UI'),
        ('UNCONSTRAINED', '{}', true, ''), ('UNCONSTRAINED', '{1}', false, 'takes no values')
) as c (type, list, is_good, reason);

-- PS3.5 6.2: a good and a bad value of each VR
create temporary table vrs (vr text, good text, bad text);
insert into vrs
values
    ('AE', 'A B', 'A\B'), ('AE', 'A', '   '), ('AE', 'A', repeat('A', 17)), ('AE', 'A', 'Ä'), ('AS', '016Y', '16Y'), ('AS', '000D', '001y'),
    ('AT', '00180060', '0018,0060'), ('CS', 'A_1 B', 'a'), ('CS', 'A', repeat('A', 17)), ('DA', '20240229', '20230229'),
    ('DA', '20240229', '2024.02.29'), ('DS', '-1.5E+3', '1,5'), ('DS', '.5', '12345678901234567'), ('DS', '1', 'NaN'), ('DT', '2026', '202613'),
    ('DT', '20261126081500.123456+0100', '20261126T08'), ('FD', '1e200', 'x'), ('FD', '-0.5', 'Infinity'), ('FL', '3.4e38', '1e39'), ('FL', '0', ''''),
    ('IS', '-2147483648', '2147483648'), ('IS', '+1', '1.0'), ('LO', repeat('ä', 64), repeat('ä', 65)), ('LO', 'a', 'a\b'), ('LO', 'a', E'a\tb'),
    ('LT', E'a\tb\r\nc', E'a\x07'), ('LT', 'a\b', repeat('x', 10241)), ('PN', 'A^B^C^D^E=F=G', 'A=B=C=D'), ('PN', repeat('x', 64), repeat('x', 65)),
    ('PN', 'A', 'A\B'), ('SH', repeat('x', 16), repeat('x', 17)), ('SL', '-2147483648', '-2147483649'),
    ('SQ', '1^SCT^x', '1^SCT'), ('SQ', '1^S^a^b', '12345678901234567^S^x'), ('SS', '-32768', '32768'), ('ST', 'a', repeat('x', 1025)),
    ('SV', '9223372036854775807', '9223372036854775808'), ('TM', '235960.5', '235961'), ('TM', '08', '8'), ('UC', repeat('x', 20000), 'a\b'),
    ('UI', '1.2.0', '1.2.01'), ('UI', repeat('1', 64), repeat('1', 65)), ('UL', '4294967295', '-1'), ('UR', 'http://a/b?c', 'a b'), ('US', '65535', '65536'),
    ('UT', 'a\b', E'a\x01'), ('UV', '18446744073709551615', '18446744073709551616');
select is(dpp.value_fault(v.vr, v.good), null, format('%s may be %L', v.vr, left(v.good, 70))) from vrs as v;
select alike(dpp.value_fault(v.vr, v.bad), '%(VR ' || v.vr || ')', format('%s may not be %L', v.vr, left(v.bad, 70))) from vrs as v;
select alike(
    dpp.value_fault(v.vr, 'x'), '%are no text%{"' || dpp.value_tag(v.vr) || '": {"vr": "' || v.vr || '", "InlineBinary"%',
    v.vr || ' has no text, and where it belongs')
from unnest('{OB,OD,OF,OL,OV,OW,UN}'::text[]) as v (vr);
select set_eq(
    $$select r.vr from dpp.value_representations as r$$, $$select v.vr from vrs as v$$, 'each VR that has texts is tried');
insert into cases
values
    ('protocol', 'update dpp.parameter_constraints set constraint_values = ''{x}'' where object_id = :id and selector_attribute = ''00211099''', 'parameter_constraints.constraint_values (acquisition 2 9)', 'VR DS'),
    ('protocol', 'update dpp.parameter_constraints set constraint_values = array[''''] where object_id = :id and selector_attribute = ''00211099''', 'parameter_constraints.constraint_values (acquisition 2 9)', 'empty value'),
    ('protocol', 'update dpp.parameter_constraints set selector_keyword = ''FluoroscopyFlag'', constraint_type = ''EQUAL'', constraint_values = ''{"  "}'' where object_id = :id and selector_keyword = ''CTDIvol''', 'parameter_constraints.constraint_values (acquisition 2 3 FluoroscopyFlag)', 'empty value'),
    ('protocol', 'update dpp.parameter_constraints set default_values = ''{x}'' where object_id = :id and selector_attribute = ''00211099''', 'parameter_constraints.default_values (acquisition 2 9)', 'VR DS'),
    ('protocol', 'update dpp.parameter_constraints set selector_vr = ''OB'' where object_id = :id and selector_attribute = ''00211099''', 'parameter_constraints.constraint_values (acquisition 2 9)', 'are no text');
-- Ranges of each VR with an order
create temporary table ranges (vr text, low text, high text);
insert into ranges
values
    ('AS', '052W', '002Y'), ('DA', '20251231', '20260101'), ('DS', '9', '10'), ('DT', '20251231235959', '2026'), ('FD', '9', '10'),
    ('FL', '9', '10'), ('IS', '9', '10'), ('SL', '-10', '9'), ('SS', '-10', '9'), ('TM', '0959', '10'), ('UL', '9', '10'), ('US', '9', '10'),
    ('SV', '-10', '9'), ('UV', '9', '10');
select is(dpp.is_ascending(v.vr, v.low, v.high), true, format('%s: %s is below %s', v.vr, v.low, v.high)) from ranges as v;
select is(dpp.is_ascending(v.vr, v.high, v.low), false, format('%s: %s is above %s', v.vr, v.high, v.low)) from ranges as v;
select set_eq(
    $$select r.vr from dpp.value_representations as r where r.is_ordered$$, $$select v.vr from ranges as v$$, 'these VRs have an order');

-- PS3.18 F.2: other_attributes
insert into cases
select 'protocol',
    format('update dpp.protocols set other_attributes = %L where object_id = :id', o.others),
    case when o.reason = '' then 'nothing' else 'protocols.other_attributes' end, o.reason
from (
    values
        ('{"0020": {"vr": "LO"}}', 'is no tag'), ('{"0018103f": {"vr": "LO"}}', 'is no tag'), ('{"00181030": 1}', 'has no VR'),
        ('{"00204000": {"Value": ["x"]}}', 'has no VR'), ('{"00204000": {"vr": "XX"}}', 'has no VR'),
        ('{"00204000": {"vr": "LT", "BulkDataURI": "http://x"}}', 'has ''BulkDataURI'''), ('{"00204000": {"vr": "LT", "Value": "x"}}', 'no array'),
        ('{"00421011": {"vr": "OB", "Value": ["x"], "InlineBinary": "AA=="}}', 'has both'), ('{"00421011": {"vr": "OB", "InlineBinary": "AA=="}}', ''),
        ('{"00020010": {"vr": "UI", "Value": ["1.2"]}}', 'in no data set'), ('{"00000002": {"vr": "UI", "Value": ["1.2"]}}', 'in no data set'),
        ('{"00041130": {"vr": "CS"}}', 'in no data set'),
        ('{"00080005": {"vr": "CS", "Value": ["ISO_IR 100"]}}', 'is made when'), ('{"00080016": {"vr": "UI", "Value": ["1.2"]}}', 'sop_class_uid'),
        ('{"00080018": {"vr": "UI", "Value": ["1.2"]}}', 'sop_instance_uid'), ('{"00080201": {"vr": "SH", "Value": ["+0100"]}}', 'timezone_offset'),
        ('{"00204000": {"vr": "LO", "Value": ["x"]}}', 'has VR LO, but ImageComments has LT'), ('{"00204000": {"vr": "UN", "InlineBinary": "AA=="}}', ''),
        ('{"00280106": {"vr": "SS", "Value": [-1]}}', ''), ('{"00280106": {"vr": "DS", "Value": ["1"]}}', 'has VR DS'),
        ('{"00091001": {"vr": "DS", "Value": ["1"]}}', 'creator 00090010 is missing'), ('{"00090010": {"vr": "LO"}, "00091001": {"vr": "DS"}}', 'is missing'),
        ('{"00090010": {"vr": "LO", "Value": ["A"]}, "00091001": {"vr": "DS"}}', ''),
        ('{"00200200": {"vr": "UI", "Value": ["x"]}}', 'VR UI'), ('{"00280010": {"vr": "US", "Value": [70000]}}', 'VR US'),
        ('{"00181030": {"vr": "LO", "Value": ["Foot"]}}', 'says Foot, but the column protocol_name says Head'), ('{"00181030": {"vr": "LO", "Value": ["Head"]}}', ''),
        ('{"00189908": {"vr": "UC", "Value": ["Headache"]}}', 'says Headache, but'), ('{"00189908": {"vr": "UC", "Value": ["Headache", "Trauma"]}}', ''),
        ('{"00700084": {"vr": "PN", "Value": [{"Alphabetic": "A"}]}}', 'says A, but'),
        ('{"00700084": {"vr": "PN", "Value": [{"Alphabetic": "Müller^Jörg", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}]}}', ''),
        ('{"00082218": {"vr": "SQ", "Value": [{"00082220": {"vr": "SQ", "Value": [1]}}]}}', 'has an item that is no object'),
        ('{"0040A07C": {"vr": "SQ"}}', 'dpp.protocol_custodians'), ('{"00080220": {"vr": "SQ"}}', 'dpp.protocol_codes'), ('{"00189906": {"vr": "SQ"}}', 'dpp.protocol_codes'),
        ('{"00189907": {"vr": "SQ"}}', 'dpp.protocol_codes'), ('{"00189909": {"vr": "SQ"}}', 'dpp.protocol_codes'), ('{"0018990B": {"vr": "SQ"}}', 'dpp.protocol_codes'),
        ('{"00082218": {"vr": "SQ"}}', 'dpp.protocol_codes'), ('{"00082228": {"vr": "SQ"}}', 'dpp.protocol_codes'), ('{"0018991C": {"vr": "SQ"}}', 'dpp.protocol_codes'),
        ('{"00189912": {"vr": "SQ"}}', 'dpp.protocol_models'), ('{"0018990E": {"vr": "SQ"}}', 'dpp.protocol_predecessors'), ('{"00189914": {"vr": "SQ"}}', 'dpp.instructions'),
        ('{"0018991B": {"vr": "SQ"}}', 'dpp.instructions'), ('{"0018991F": {"vr": "SQ"}}', 'dpp.protocol_elements'), ('{"00189933": {"vr": "SQ"}}', 'dpp.protocol_elements'),
        ('{"00189935": {"vr": "SQ"}}', 'dpp.protocol_elements'), ('{"00189911": {"vr": "SQ"}}', 'dpp.parameter_constraints'),
        ('{"00421011": {"vr": "OB", "InlineBinary": "A"}}', 'has'), ('{"00204000": {"vr": "UN", "InlineBinary": "8J8="}}', 'octets beyond ASCII'),
        -- At any depth
        ('{"00400555": {"vr": "SQ", "Value": [{"00400556": {"vr": "ST", "Value": ["a"]}, "0040A043": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["12345678901234567"]}}]}}]}}',
            '00400555[1].0040A043[1].00080100'),
        ('{"00400555": {"vr": "SQ", "Value": [{"00091001": {"vr": "DS"}}]}}', '00400555[1].00091001 is private'),
        ('{"00090010": {"vr": "LO", "Value": ["A"]}, "00400555": {"vr": "SQ", "Value": [{"00091001": {"vr": "DS"}}, {"00090010": {"vr": "LO", "Value": ["A"]}}]}}',
            '00400555[1].00091001 is private'),
        -- What cannot be encoded
        ('{"0040E010": {"vr": "UR", "Value": ["http://a", "http://b"]}}', 'has several values'), ('{"00081080": {"vr": "LO", "Value": [5]}}', 'no string'),
        ('{"00180060": {"vr": "DS", "Value": [1e400]}}', 'double precision'), ('{"00180060": {"vr": "DS", "Value": [1e-400]}}', 'double precision'),
        -- What can be sent in some transfer syntaxes only
        ('{"00287FE0": {"vr": "UR", "Value": ["http://a"]}}', 'JPIP'), ('{"00081115": {"vr": "UN", "InlineBinary": "AAEC"}}', 'no sequence'),
        ('{"00081115": {"vr": "UN", "InlineBinary": "/v8A4AAAAAA="}}', ''), ('{"00081115": {"vr": "UN"}}', ''),
        ('{"00287FE0": {"vr": "UR"}, "00081115": {"vr": "UN", "InlineBinary": "/v8A4A=="}}', 'no sequence'),
        -- As deep as is read, and deeper, also where octets say it
        (repeat('{"00081115": {"vr": "SQ", "Value": [', 32) || '{"00080054": {"vr": "AE"}}' || repeat(']}}', 32), ''),
        (repeat('{"00081115": {"vr": "SQ", "Value": [', 33) || '{}' || repeat(']}}', 33), 'deeper than 32'),
        (repeat('{"00081115": {"vr": "SQ", "Value": [', 1000) || '{}' || repeat(']}}', 1000), 'deeper than 32'),
        (format('{"00081115": {"vr": "UN", "InlineBinary": "%s"}}', replace(encode(decode(repeat('feff00e0ffffffff08001511ffffffff', 40), 'hex'), 'base64'), E'\n', '')),
            'deeper than 32')
) as o (others, reason);
insert into cases
values
    ('approval', 'update dpp.approvals set other_attributes = ''{"00440109": {"vr": "SQ"}}'' where object_id = :id', 'approvals.other_attributes', 'dpp.approval_subjects'),
    ('approval', 'update dpp.approvals set other_attributes = ''{"00440100": {"vr": "SQ"}}'' where object_id = :id', 'approvals.other_attributes', 'dpp.approval_assertions'),
    ('protocol', 'update dpp.protocol_models set other_attributes = ''{"00181204": {"vr": "DA", "Value": ["2020"]}}'' where object_id = :id and ordinal = 1', 'protocol_models.other_attributes (1)', 'VR DA'),
    -- What is in other_attributes as a whole need not be in the columns.
    ('protocol', 'update dpp.parameter_constraints set constraint_values = ''{}'' where object_id = :id and selector_keyword = ''PatientSex''; update dpp.parameter_constraints set other_attributes = ''{"00820034": {"vr": "SQ", "Value": [{"00720062": {"vr": "CS", "Value": ["M", "F"]}}]}}'' where object_id = :id and selector_keyword = ''PatientSex''', 'nothing', ''),
    ('protocol', 'update dpp.protocol_elements set other_attributes = (repeat(''{"00081115": {"vr": "SQ", "Value": ['', 32) || ''{}'' || repeat('']}}'', 32))::jsonb where object_id = :id and kind = ''acquisition'' and ordinal = 1', 'protocol_elements.other_attributes (acquisition 1)', 'deeper than 32'),
    ('protocol', 'update dpp.protocol_elements set other_attributes = (repeat(''{"00081115": {"vr": "SQ", "Value": ['', 31) || ''{}'' || repeat('']}}'', 31))::jsonb where object_id = :id and kind = ''acquisition'' and ordinal = 1', 'nothing', ''),
    ('protocol', 'set local dpp.maintenance = on; update dpp.protocols set other_attributes = jsonb_build_object(''00081115'', array_fill(''{"vr": "SQ"}''::jsonb, array[1000001])) where object_id = :id', 'objects', '1000000 are read'),
    ('protocol', 'set local dpp.maintenance = on; update dpp.protocols set planning_information = repeat(''x'', 140000000) where object_id = :id', 'objects', '64 MiB'),
    ('protocol', 'update dpp.parameter_constraints set unit_meaning = '''' where object_id = :id and selector_keyword = ''CTDIvol''; update dpp.parameter_constraints set other_attributes = ''{"004008EA": {"vr": "SQ"}}'' where object_id = :id and selector_keyword = ''CTDIvol''', 'nothing', '');

select is(pg_temp.found(c.draft, c.change, c.reason), c.found, coalesce(nullif(c.reason, ''), 'good') || ': ' || left(c.change, 300))
from cases as c;

-- Many attributes in one item take no more room than they have.
set local temp_file_limit = '64MB';
select is(
    pg_temp.found(
        'protocol',
        $$
            update dpp.protocols
            set other_attributes = (
                select jsonb_object_agg('0009' || to_hex(n + 4096), '{"vr": "LO", "Value": ["x"]}'::jsonb)
                from generate_series(1, 4000) as n)
            where object_id = :id
        $$,
        'is private'),
    'protocols.other_attributes', 'thousands of private attributes');
reset temp_file_limit;

select alike(dpp.value_fault('US', repeat('9', 200000)), '%whole number%(VR US)', 'more digits than a number may have');

-- Every rule of a column is tried: missing, bad or not allowed.
select set_eq(
    $$
        select r.relation, r.column_name
        from dpp.publication_rules as r
        where r.is_required and not r.is_completed
    $$,
    $$
        select c.relation, c.column_name
        from columns as c
        where c.lack and (c.relation, c.column_name) not in (
            ('protocols', 'clinical_trial_sponsor_name'), ('protocols', 'clinical_trial_protocol_id'), ('protocols', 'patient_position'),
            ('protocol_models', 'manufacturer_related_model_group'), ('approval_asserters', 'person_name'))
        union all
        values
            ('objects', 'sop_instance_uid'), ('protocol_codes', 'code_meaning'), ('approval_codes', 'code_meaning'),
            ('parameter_constraints', 'constraint_type')
    $$,
    'each required column is left out once');
select is_empty(
    $$
        select r.relation, r.column_name
        from dpp.publication_rules as r
        where r.column_name <> 'sop_instance_uid'
            and not exists (select from columns as c where (c.relation, c.column_name) = (r.relation, r.column_name))
            and not exists (
                select
                from cases as c
                where c.found like r.relation || '.' || r.column_name || ' (%'
                    and (c.reason like 'VR%' or c.reason like 'not one of%'))
    $$,
    'each column has a bad value once');

-- What hinders nobody
create function pg_temp.warned(p_change text)
returns text language plpgsql as $$
declare
    found text;
    draft drafts;
begin
    select * into draft from drafts as d where d.name = 'protocol';
    begin
        execute replace(p_change, ':id', draft.id::text);
        select string_agg(concat_ws('.', w.relation, w.column_name) || coalesce(' (' || w.item || ')', '') || ': ' || w.rule, '; ' order by w.rule)
        into found
        from dpp.warnings(draft.uid) as w;
        raise exception 'undo' using errcode = 'DPU01';
    exception
        when sqlstate 'DPU01' then null;
    end;
    return coalesce(found, 'nothing');
end
$$;
select alike(pg_temp.warned(w.change), w.warning, w.change)
from (
    values
        ('select', 'nothing'),
        ('delete from dpp.protocol_models where object_id = :id', 'protocol_models: has no row: the protocol is for any equipment%'),
        ('delete from dpp.parameter_constraints where object_id = :id; delete from dpp.protocol_elements where object_id = :id', 'protocol_elements: has no row%'),
        ('update dpp.protocols set patient_position = null where object_id = :id', 'protocols.patient_position: is missing%'),
        ('update dpp.protocols set patient_position = null where object_id = :id; delete from dpp.protocol_codes where object_id = :id and role = ''anatomic_region''', 'protocols.patient_position: is missing%'),
        ('update dpp.protocols set patient_position = null where object_id = :id; delete from dpp.protocol_codes where object_id = :id and role in (''anatomic_region'', ''primary_structure'')', 'nothing'),
        ('update dpp.parameter_constraints set selector_keyword = ''PatientAddress'' where object_id = :id and selector_keyword = ''PatientSex''', 'nothing'),
        ('update dpp.parameter_constraints set selector_keyword = ''OtherPatientIDs'' where object_id = :id and selector_keyword = ''PatientSex''', 'parameter_constraints.selector_keyword (patient 3 OtherPatientIDs): OtherPatientIDs is retired'),
        ('update dpp.parameter_constraints set unit_code = ''images'' where object_id = :id and selector_keyword = ''CTDIvol''', 'parameter_constraints.unit_code (acquisition 2 3 CTDIvol): images is no unit%'),
        ('update dpp.parameter_constraints set unit_code = ''mgy'' where object_id = :id and selector_keyword = ''CTDIvol''', '%mgy is no unit that%; do you mean mGy?')
) as w (change, warning);

-- What publishing fills in may be missing, and is there afterwards.
create function pg_temp.completed(p_draft text, p_relation text, p_column text)
returns text language plpgsql as $$
declare
    outcome text;
    draft drafts;
begin
    select * into draft from drafts as d where d.name = p_draft;
    begin
        execute format(
            'update dpp.%I set %I = %s where object_id = %s', p_relation, p_column,
            case p_column when 'software_versions' then '''{}''' else 'null' end, draft.id);
        outcome := (select count(*) from dpp.problems(draft.uid)) || ' problems, ';
        perform dpp.complete(draft.id);
        outcome := outcome || (
            select count(*)
            from dpp.rows_of_draft(draft.id) as t
            where t.relation = p_relation and coalesce(t.content ->> p_column, '[]') = '[]') || ' left';
        raise exception 'undo' using errcode = 'DPU01';
    exception
        when sqlstate 'DPU01' then null;
    end;
    return outcome;
end
$$;
select is(
    pg_temp.completed(case when r.relation like 'approval%' then 'approval' else 'protocol' end, r.relation, r.column_name), '0 problems, 0 left',
    format('%s.%s is filled in', r.relation, r.column_name))
from dpp.publication_rules as r
where r.is_completed;
select is((select count(*) from dpp.publication_rules as r where r.is_completed), 14::bigint, 'so many are');

-- Everything at once, and in the error of dpp.publish
update dpp.protocols set protocol_name = null, equipment_modality = 'MR' where object_id = (select id from drafts where name = 'protocol');
update dpp.parameter_constraints set selector_keyword = 'KPV' where selector_keyword = 'KVP' and object_id = (select id from drafts where name = 'protocol');
select is((select count(*) from dpp.problems(:'protocol')), 3::bigint, 'all problems are told');
prepare publish as select dpp.publish(:'protocol');
select throws_like('execute publish', '%3 problems%', 'dpp.publish tells them');
select throws_ok($$select * from dpp.problems('1.2.3')$$, 'P0002', null, 'a UID that is not here');

select * from finish();
rollback;
