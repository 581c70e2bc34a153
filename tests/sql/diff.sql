-- dpp.diff: each table, each kind of difference, alignment, units and tolerance. Each case changes a copy of one
-- protocol and compares the copy with it.
begin;
set dpp.maintenance = on; -- published rows are made by hand
select plan(178);

create temporary table uids (uid text, id bigint);
with o as (
    insert into dpp.objects (sop_instance_uid, sop_class_uid, state, timezone_offset)
    values ('2.25.1', '1.2.840.10008.5.1.4.1.1.200.1', 'published', '+0100')
    returning sop_instance_uid, id
)
insert into uids select sop_instance_uid, id from o;

insert into dpp.protocols (
    object_id, protocol_name, equipment_modality, content_creator_name, instance_creation_date,
    instance_creation_time, clinical_trial_sponsor_name, clinical_trial_protocol_id, clinical_trial_protocol_name,
    potential_reasons, potential_diagnostic_tasks, planning_information, design_rationale, patient_position,
    manufacturer, manufacturer_model_name, device_serial_number, software_versions)
select
    id, 'Head', 'CT', 'Braindoc^Barry', '20150601', '124200', 'Tyrell', 'TRIAL-7', 'Trial seven',
    '{Trauma,Bleeding}', '{Detect}', 'Plan', 'Why', 'HFS', 'Acme', 'Designer', '007', '{1.0,2.0}'
from uids;
insert into dpp.protocol_custodians (object_id, ordinal, institution_name)
select id, c.ordinal, c.name from uids, (values (1, 'Mercy Hospital'), (2, 'General Hospital')) as c (ordinal, name);
insert into dpp.protocol_codes (
    object_id, role, parent_ordinal, ordinal, equivalent, code_value, coding_scheme_designator,
    coding_scheme_version, code_meaning, long_code_value, urn_code_value)
select id, c.role, c.parent, c.ordinal, c.equivalent, c.code, c.scheme, c.version, c.meaning, c.long, c.urn
from uids, (
    values
        ('custodian_institution', 1, 1, 0, 'MERCY', '99A', null, 'Mercy Hospital', null, null),
        ('responsible_group', 0, 1, 0, 'C2183225', 'UMLS', null, 'Neuroradiology', null, null),
        ('scheduled_protocol', 0, 1, 0, '24725-4', 'LN', null, 'CT HEAD', null, null),
        ('scheduled_protocol', 0, 2, 0, '24726-2', 'LN', '2.70', 'CT HEAD W/WO', null, null),
        ('requested_procedure', 0, 1, 0, '24725-4', 'LN', null, 'CT HEAD', null, null),
        ('reason', 0, 1, 0, '82271004', 'SCT', null, 'Head injury', null, null),
        ('contraindication', 0, 1, 0, null, '99A', null, 'Long one', 'A-CODE-OF-MORE-THAN-16', null),
        ('anatomic_region', 0, 1, 0, '69536005', 'SCT', null, 'Head', null, null),
        ('anatomic_region', 0, 1, 1, 'T-D1100', 'SRT', null, 'Head', null, null),
        ('primary_structure', 0, 1, 0, '12738006', 'SCT', null, 'Brain', null, null),
        ('positioning_method', 0, 1, 0, null, null, null, 'Laser', null, 'urn:example:laser')
) as c (role, parent, ordinal, equivalent, code, scheme, version, meaning, long, urn);
insert into dpp.protocol_models (
    object_id, ordinal, manufacturer, manufacturer_related_model_group, manufacturer_model_name, software_versions,
    device_serial_number)
select id, m.ordinal, 'ACME', m.grp, m.model, '{V1,V2}', m.serial
from uids, (values (1, 'Alphas', 'Alpha', 'A-17'), (2, 'Alphas', 'Beta', null)) as m (ordinal, grp, model, serial);
insert into dpp.protocol_predecessors (object_id, ordinal, referenced_sop_class_uid, referenced_sop_instance_uid)
select id, 1, '1.2.840.10008.5.1.4.1.1.200.1', '9.8.7' from uids;
insert into dpp.instructions (object_id, kind, ordinal, instruction_index, instruction_text, instruction_description)
select id, i.kind, i.ordinal, i.ordinal, i.text, i.description
from uids, (
    values
        ('instruction', 1, 'Remove metal', 'Earrings'), ('instruction', 2, 'Close eyes', null),
        ('positioning', 1, 'Chin down', null)
) as i (kind, ordinal, text, description);
insert into dpp.protocol_elements (object_id, kind, ordinal, element_number, element_name, element_purpose)
select id, e.kind, e.ordinal, e.ordinal, e.name, e.purpose
from uids, (
    values
        ('acquisition', 1, 'Scout', 'Find the head'), ('acquisition', 2, null, null), ('reconstruction', 1, null, null),
        ('storage', 1, 'PACS', null)
) as e (kind, ordinal, name, purpose);
insert into dpp.parameter_constraints (
    object_id, kind, element_ordinal, ordinal, selector_attribute, selector_keyword, selector_name, selector_vr,
    selector_value_number, selector_private_creator, selector_path, selector_path_items, constraint_type,
    constraint_values, constraint_numbers, default_values, default_numbers, unit_code, unit_scheme, unit_meaning,
    significance, violation_condition, selection_guidance, is_modifiable)
select
    id, c.kind, c.element, c.ordinal, c.attribute, c.keyword, c.name, c.vr, 1, c.creator, c.path::text[],
    c.items::int[], c.type, c.vals::text[], c.nums::float8[], c.dvals::text[], c.dnums::float8[], c.unit,
    case when c.unit is not null then 'UCUM' end, c.unit, c.significance, c.condition, c.guidance, c.modifiable
from uids, (
    values
        ('patient', 0, 1, '00101010', 'PatientAge', 'Age', 'AS', null, '{}', '{}', 'GREATER_THAN', '{016Y}', '{}', '{}',
         '{}', null, 'FAILURE', 'if younger', 'adults', false),
        ('acquisition', 1, 1, '00180060', 'KVP', 'KVP', 'DS', null, '{00189920}', '{1}', 'EQUAL', '{120}', '{120}', '{}',
         '{}', 'kV', null, null, null, null),
        ('acquisition', 2, 1, '00189922', 'ProtocolElementName', 'Name', 'LO', null, '{00189920}', '{2}', 'EQUAL',
         '{Helical}', '{}', '{}', '{}', null, null, null, null, null),
        ('acquisition', 2, 2, '00180060', 'KVP', 'KVP', 'DS', null, '{00189920}', '{2}', 'MEMBER_OF',
         '{100,120,140}', '{100,120,140}', '{120}', '{120}', 'kV', null, null, null, null),
        ('acquisition', 2, 3, '00189330', 'XRayTubeCurrentInmA', 'Current', 'FD', null, '{00189920,00189325}', '{2,1}',
         'RANGE_INCL', '{100,400}', '{100,400}', '{250}', '{250}', 'mA', null, null, null, null),
        ('acquisition', 2, 4, '00189305', 'RevolutionTime', 'Time', 'FD', null, '{00189920}', '{2}', 'EQUAL', '{0.5}',
         '{0.5}', '{}', '{}', 's', null, null, null, null),
        ('acquisition', 2, 5, '00091001', null, null, 'LO', 'ACME', '{}', '{}', 'EQUAL', '{007}', '{}', '{}', '{}', null,
         null, null, null, null),
        ('reconstruction', 1, 1, '00181210', 'ConvolutionKernel', 'Kernel', 'SH', null, '{00189934}', '{1}', 'EQUAL',
         '{H31}', '{}', '{}', '{}', null, null, null, null, null),
        ('storage', 1, 1, '00080055', 'StationAETitle', 'AE', 'AE', null, '{00189936}', '{1}', 'EQUAL', '{PACS}', '{}', '{}',
         '{}', null, null, null, null, null)
) as c (kind, element, ordinal, attribute, keyword, name, vr, creator, path, items, type, vals, nums, dvals, dnums,
        unit, significance, condition, guidance, modifiable);

-- A copy of all rows under another UID.
create function pg_temp.copy(p_uid text)
returns bigint language plpgsql as $$
declare
    new_id bigint;
    table_name text;
begin
    insert into dpp.objects (sop_instance_uid, sop_class_uid, state, timezone_offset)
    select p_uid, o.sop_class_uid, o.state, o.timezone_offset from dpp.objects as o where o.sop_instance_uid = '2.25.1'
    returning id into new_id;
    foreach table_name in array array[
        'protocols', 'protocol_custodians', 'protocol_codes', 'protocol_models', 'protocol_predecessors',
        'instructions', 'protocol_elements', 'parameter_constraints']
    loop
        execute format(
            'insert into dpp.%1$I select (jsonb_populate_record(x, jsonb_build_object(''object_id'', %2$s))).*
             from dpp.%1$I as x where x.object_id = (select id from uids)', table_name, new_id);
    end loop;
    return new_id;
end
$$;
-- What differs after the statement on the copy, in which ID stands for its key; nothing of it stays.
create function pg_temp.after(statement text, relative numeric default 1e-12, absolute numeric default 0)
returns text[] language plpgsql as $$
declare
    result text[];
begin
    begin
        execute replace(statement, 'ID', pg_temp.copy('2.25.2')::text);
        result := array(select d::text from dpp.diff('2.25.1', '2.25.2', relative, absolute) as d);
        raise exception 'undo' using errcode = 'DPU01';
    exception
        when sqlstate 'DPU01' then return result;
    end;
end
$$;

select is(pg_temp.after('select 1'), '{}', 'a copy is the same');
select is_empty('select * from dpp.diff(''2.25.1'', ''2.25.1'')', 'a protocol is the same as itself');

-- What differs is told, and nothing else.
select is(pg_temp.after(c.statement), c.expected::text[], c.name)
from (
    values
        -- header
        ('protocol: changed', 'update dpp.protocols set protocol_name = ''Skull'' where object_id = ID',
         array['(protocol,,ProtocolName,00181030,,Head,Skull,changed)']),
        ('protocol: removed and added',
         'update dpp.protocols set patient_position = null, other_attributes = ''{"00204000": {"vr": "LT", "Value": ["x"]}}'' where object_id = ID',
         array['(protocol,,ProtocolDefinedPatientPosition,00189947,,HFS,,removed)', '(protocol,,00204000,00204000,,,x,added)']),
        ('protocol: several values', 'update dpp.protocols set potential_reasons = ''{Trauma}'', software_versions = ''{}'' where object_id = ID',
         array['(protocol,,PotentialReasonsForProcedure,00189908,,"Trauma\\Bleeding",Trauma,changed)',
               '(protocol,,SoftwareVersions,00181020,,"1.0\\2.0",,removed)']),
        ('protocol: what is the same as text is told exactly',
         $$update dpp.protocols set potential_reasons = '{"Trauma\\Bleeding"}' where object_id = ID$$,
         array[$$(protocol,,PotentialReasonsForProcedure,00189908,,"[""Trauma"", ""Bleeding""]","[""Trauma\\\\Bleeding""]",changed)$$]),
        ('protocol: derived columns are not told', 'update dpp.protocols set content_creator_name = ''Braindoc^BARRY'' where object_id = ID',
         array['(protocol,,ContentCreatorName,00700084,,Braindoc^Barry,Braindoc^BARRY,changed)']),
        ('object: class and zone',
         'update dpp.objects set sop_class_uid = ''1.2.840.10008.5.1.4.1.1.200.7'', timezone_offset = null where id = ID',
         array['(protocol,,SOPClassUID,00080016,,1.2.840.10008.5.1.4.1.1.200.1,1.2.840.10008.5.1.4.1.1.200.7,changed)',
               '(protocol,,TimezoneOffsetFromUTC,00080201,,+0100,,removed)']),
        ('other attributes: changed, without a value, sequence, name, octets',
         'update dpp.protocols set other_attributes = ''{"00204000": {"vr": "LT"}, "00091010": {"vr": "SQ", "Value": [{"00091011": {"vr": "LO", "Value": ["x"]}}]},
            "00091012": {"vr": "PN", "Value": [{"Alphabetic": "A^B", "Phonetic": "C"}]}, "00091013": {"vr": "OB", "InlineBinary": "AAEC"}}'' where object_id = ID',
         array['(protocol,,00091010,00091010,,,"[{""00091011"": {""vr"": ""LO"", ""Value"": [""x""]}}]",added)',
               '(protocol,,00091012,00091012,,,A^B==C,added)', '(protocol,,00091013,00091013,,,AAEC,added)',
               '(protocol,,00204000,00204000,,,"",added)']),
        ('other attributes that are no DICOM JSON',
         'update dpp.protocols set other_attributes = ''{"00091001": "x", "00091002": {"vr": "PN", "Value": "y"}, "00091003": {"vr": "DS", "Value": 5}}'' where object_id = ID;
          update dpp.protocols set other_attributes = ''{"00091001": "y", "00091002": {"vr": "PN", "Value": "z"}, "00091003": {"vr": "DS", "Value": [5]}}'' where object_id = (select id from uids)',
         array['(protocol,,00091001,00091001,,"""y""","""x""",changed)', '(protocol,,00091002,00091002,,"""z""","""y""",changed)',
               '(protocol,,00091003,00091003,,"{""vr"": ""DS"", ""Value"": [5]}","{""vr"": ""DS"", ""Value"": 5}",changed)']),
        ('an attribute that is column here and other_attributes there is told once',
         'update dpp.protocols set protocol_name = null, other_attributes = ''{"00181030": {"vr": "LO", "Value": ["Head", "Neck"]}}'' where object_id = ID',
         array['(protocol,,ProtocolName,00181030,,Head,"Head\\Neck",changed)']),
        ('what was received is compared where the column is the same',
         'update dpp.protocols set other_attributes = ''{"00181030": {"vr": "LO", "Value": ["Head", "Neck"]}}'' where object_id = ID',
         array['(protocol,,ProtocolName,00181030,,,"Head\\Neck",added)']),
        -- custodians
        ('custodian: removed with all below it, once', 'delete from dpp.protocol_custodians where object_id = ID and ordinal = 1',
         array['(custodian,"Mercy Hospital",CustodialOrganizationSequence,0040A07C,,"Mercy Hospital",,removed)',
               '(custodian_institution,MERCY,InstitutionCodeSequence,00080082,,,"MERCY (99A, Mercy Hospital)",added)']),
        ('custodians: order is no difference',
         'update dpp.protocol_custodians set ordinal = 3 where object_id = ID and ordinal = 1;
          update dpp.protocol_codes set parent_ordinal = 3 where object_id = ID and role = ''custodian_institution''', '{}'),
        ('custodian: code', 'update dpp.protocol_codes set code_meaning = ''Mercy'' where object_id = ID and role = ''custodian_institution''',
         array['(custodian_institution,MERCY,CodeMeaning,00080104,,"Mercy Hospital",Mercy,changed)']),
        -- codes
        ('code: another value is another code', 'update dpp.protocol_codes set code_value = ''82271005'' where object_id = ID and role = ''reason''',
         array['(reason,82271004,PotentialReasonsForProcedureCodeSequence,00189909,,"82271004 (SCT, Head injury)",,removed)',
               '(reason,82271005,PotentialReasonsForProcedureCodeSequence,00189909,,,"82271005 (SCT, Head injury)",added)']),
        ('code: version', 'update dpp.protocol_codes set coding_scheme_version = ''2.71'' where object_id = ID and code_value = ''24726-2''',
         array['(scheduled_protocol,24726-2,CodingSchemeVersion,00080103,,2.70,2.71,changed)']),
        ('code: first of two removed', 'delete from dpp.protocol_codes where object_id = ID and role = ''scheduled_protocol'' and ordinal = 1',
         array['(scheduled_protocol,24725-4,PotentialScheduledProtocolCodeSequence,00189906,,"24725-4 (LN, CT HEAD)",,removed)']),
        ('codes: order is no difference',
         'update dpp.protocol_codes set ordinal = 5 where object_id = ID and role = ''scheduled_protocol'' and ordinal = 1', '{}'),
        ('code: long one', 'update dpp.protocol_codes set code_meaning = null where object_id = ID and role = ''contraindication''',
         array['(contraindication,A-CODE-OF-MORE-THAN-16,CodeMeaning,00080104,,"Long one",,removed)']),
        ('code: equivalent', 'update dpp.protocol_codes set code_meaning = ''Kopf'' where object_id = ID and equivalent = 1',
         array['(anatomic_region,"69536005 = T-D1100",CodeMeaning,00080104,,Head,Kopf,changed)']),
        ('code: equivalent removed', 'delete from dpp.protocol_codes where object_id = ID and equivalent = 1',
         array['(anatomic_region,"69536005 = T-D1100",EquivalentCodeSequence,00080121,,"T-D1100 (SRT, Head)",,removed)']),
        ('code: removed with its equivalents, once', 'delete from dpp.protocol_codes where object_id = ID and role = ''anatomic_region''',
         array['(anatomic_region,69536005,AnatomicRegionSequence,00082218,,"69536005 (SCT, Head)",,removed)']),
        -- models
        ('model: software', 'update dpp.protocol_models set software_versions = ''{V2}'' where object_id = ID and ordinal = 2',
         array['(model,"ACME Alphas Beta",SoftwareVersions,00181020,,"V1\\V2",V2,changed)']),
        ('model: removed', 'delete from dpp.protocol_models where object_id = ID and ordinal = 1',
         array['(model,"ACME Alphas Alpha",ModelSpecificationSequence,00189912,,"ACME Alphas Alpha V1\\V2 A-17",,removed)']),
        ('model: serial number', 'update dpp.protocol_models set device_serial_number = ''A-18'' where object_id = ID and ordinal = 1',
         array['(model,"ACME Alphas Alpha",DeviceSerialNumber,00181000,,A-17,A-18,changed)']),
        -- predecessors
        ('predecessor: class', 'update dpp.protocol_predecessors set referenced_sop_class_uid = ''1.2'' where object_id = ID',
         array['(predecessor,9.8.7,ReferencedSOPClassUID,00081150,,1.2.840.10008.5.1.4.1.1.200.1,1.2,changed)']),
        ('predecessor: added', 'insert into dpp.protocol_predecessors (object_id, ordinal, referenced_sop_instance_uid) values (ID, 2, ''9.8.6'')',
         array['(predecessor,9.8.6,PredecessorProtocolSequence,0018990E,,,9.8.6,added)']),
        -- instructions
        ('instruction: put in first, those behind it are the same',
         'update dpp.instructions set ordinal = ordinal + 10, instruction_index = instruction_index + 1 where object_id = ID and kind = ''instruction'';
          update dpp.instructions set ordinal = ordinal - 9 where object_id = ID and kind = ''instruction'';
          insert into dpp.instructions (object_id, kind, ordinal, instruction_index, instruction_text) values (ID, ''instruction'', 1, 1, ''Lie down'')',
         array['(instruction,1,InstructionSequence,00189914,,,"Lie down",added)']),
        ('instruction: another text', 'update dpp.instructions set instruction_text = ''Open eyes'' where object_id = ID and ordinal = 2',
         array['(instruction,2,InstructionText,00189916,,"Close eyes","Open eyes",changed)']),
        ('instruction: another place',
         'update dpp.instructions set instruction_index = 3 - instruction_index where object_id = ID and kind = ''instruction''',
         array['(instruction,2,InstructionIndex,00189915,,1,2,changed)', '(instruction,1,InstructionIndex,00189915,,2,1,changed)']),
        ('positioning: removed', 'delete from dpp.instructions where object_id = ID and kind = ''positioning''',
         array['(positioning,1,PatientPositioningInstructionSequence,0018991B,,"Chin down",,removed)']),
        -- elements
        ('element: purpose', 'update dpp.protocol_elements set element_purpose = null where object_id = ID',
         array['(acquisition,"1 Scout",ProtocolElementPurpose,00189924,,"Find the head",,removed)']),
        ('element: removed with its parameters, once, and the one behind it is the same',
         'delete from dpp.parameter_constraints where object_id = ID and kind = ''acquisition'' and element_ordinal = 1;
          delete from dpp.protocol_elements where object_id = ID and kind = ''acquisition'' and ordinal = 1;
          update dpp.protocol_elements set ordinal = 1, element_number = 1 where object_id = ID and kind = ''acquisition'';
          update dpp.parameter_constraints set element_ordinal = 1, selector_path_items[1] = 1
          where object_id = ID and kind = ''acquisition'' and selector_path <> ''{}'';
          update dpp.parameter_constraints set element_ordinal = 1 where object_id = ID and kind = ''acquisition''',
         array['(acquisition,"1 Scout",AcquisitionProtocolElementSpecificationSequence,0018991F,,"1 parameter",,removed)']),
        ('element: number out of order',
         'update dpp.protocol_elements set element_number = 7 where object_id = ID and element_name = ''Scout''',
         array['(acquisition,"7 Scout",ProtocolElementNumber,00189921,,1,7,changed)']),
        ('elements: exchanged, and one of them changed',
         'update dpp.protocol_elements set ordinal = ordinal + 10 where object_id = ID and kind = ''acquisition'';
          update dpp.protocol_elements set ordinal = 13 - ordinal, element_number = 13 - ordinal where object_id = ID and kind = ''acquisition'';
          update dpp.parameter_constraints set element_ordinal = 3 - element_ordinal, ordinal = ordinal + 100 where object_id = ID and kind = ''acquisition'';
          update dpp.parameter_constraints set selector_path_items[1] = element_ordinal where object_id = ID and kind = ''acquisition'' and selector_path <> ''{}'';
          update dpp.parameter_constraints set constraint_values = ''{0.6}'', constraint_numbers = ''{0.6}'' where object_id = ID and selector_keyword = ''RevolutionTime''',
         array['(acquisition,"1 Helical",ProtocolElementNumber,00189921,,2,1,changed)',
               '(acquisition,"1 Helical",RevolutionTime,00189920.00189305,value,"EQUAL 0.5 s","EQUAL 0.6 s",changed)',
               '(acquisition,"2 Scout",ProtocolElementNumber,00189921,,1,2,changed)']),
        ('element: another name, known by its content',
         'update dpp.parameter_constraints set constraint_values = ''{Spiral}'' where object_id = ID and selector_keyword = ''ProtocolElementName''',
         array['(acquisition,"2 Spiral",ProtocolElementName,00189920.00189922,value,"EQUAL Helical","EQUAL Spiral",changed)']),
        ('element: without a name, known by its content',
         'update dpp.protocol_elements set ordinal = 2, element_number = 2 where object_id = ID and kind = ''reconstruction'';
          update dpp.parameter_constraints set element_ordinal = 2, selector_path_items = ''{2}'' where object_id = ID and kind = ''reconstruction'';
          insert into dpp.protocol_elements (object_id, kind, ordinal, element_number) values (ID, ''reconstruction'', 1, 1);
          insert into dpp.parameter_constraints (object_id, kind, element_ordinal, ordinal, selector_attribute, constraint_type, constraint_values)
          values (ID, ''reconstruction'', 1, 1, ''00181210'', ''EQUAL'', ''{B70}'')',
         array['(reconstruction,1,ReconstructionProtocolElementSpecificationSequence,00189933,,,"1 parameter",added)']),
        ('element without a row: its parameters are told all the same',
         'delete from dpp.protocol_elements where object_id = ID and kind = ''reconstruction'';
          update dpp.parameter_constraints set constraint_values = ''{H41}'' where object_id = ID and kind = ''reconstruction''',
         array['(reconstruction,1,ProtocolElementNumber,00189921,,1,,removed)',
               '(reconstruction,1,ConvolutionKernel,00189934.00181210,value,"EQUAL H31","EQUAL H41",changed)']),
        ('storage: parameter',
         'update dpp.parameter_constraints set constraint_values = ''{ARCHIVE}'' where object_id = ID and kind = ''storage''',
         array['(storage,"1 PACS",StationAETitle,00189936.00080055,value,"EQUAL PACS","EQUAL ARCHIVE",changed)']),
        -- parameters
        ('patient', 'update dpp.parameter_constraints set constraint_values = ''{018Y}'' where object_id = ID and kind = ''patient''',
         array['(patient,,PatientAge,00101010,value,"GREATER_THAN 016Y","GREATER_THAN 018Y",changed)']),
        ('parameters: place is no difference',
         'update dpp.parameter_constraints set ordinal = 100 - ordinal where object_id = ID and element_ordinal = 2', '{}'),
        ('parameter: removed', 'delete from dpp.parameter_constraints where object_id = ID and selector_keyword = ''XRayTubeCurrentInmA''',
         array['(acquisition,"2 Helical",XRayTubeCurrentInmA,00189920.00189325[1].00189330,,"RANGE_INCL 100\\400 mA; default 250 mA",,removed)']),
        ('parameter: added',
         'insert into dpp.parameter_constraints (object_id, kind, element_ordinal, ordinal, selector_attribute, selector_vr, constraint_type, constraint_values)
          values (ID, ''storage'', 1, 9, ''00080054'', ''AE'', ''EQUAL'', ''{A}'')',
         array['(storage,"1 PACS",00080054,00080054,,,"EQUAL A",added)']),
        ('parameter: another type of constraint is the same parameter',
         'update dpp.parameter_constraints set constraint_type = ''LESS_OR_EQUAL'' where object_id = ID and selector_keyword = ''RevolutionTime''',
         array['(acquisition,"2 Helical",RevolutionTime,00189920.00189305,value,"EQUAL 0.5 s","LESS_OR_EQUAL 0.5 s",changed)']),
        ('parameter: of two constraints the one of its type',
         'insert into dpp.parameter_constraints (object_id, kind, element_ordinal, ordinal, selector_attribute, selector_keyword, selector_name, selector_vr, selector_value_number,
            selector_path, selector_path_items, constraint_type, constraint_values, constraint_numbers, unit_code, unit_scheme)
          values (ID, ''acquisition'', 2, 10, ''00189305'', ''RevolutionTime'', ''Time'', ''FD'', 1, ''{00189920}'', ''{2}'', ''LESS_THAN'', ''{1}'', ''{1}'', ''s'', ''UCUM'');
          update dpp.parameter_constraints set constraint_values = ''{0.6}'', constraint_numbers = ''{0.6}'', ordinal = 50 where object_id = ID and selector_keyword = ''RevolutionTime'' and ordinal = 4',
         array['(acquisition,"2 Helical",RevolutionTime,00189920.00189305,,,"LESS_THAN 1 s",added)',
               '(acquisition,"2 Helical",RevolutionTime,00189920.00189305,value,"EQUAL 0.5 s","EQUAL 0.6 s",changed)']),
        ('parameter: another creator, path or value number is another parameter',
         'update dpp.parameter_constraints set selector_private_creator = ''OTHER'' where object_id = ID and selector_private_creator is not null;
          update dpp.parameter_constraints set selector_value_number = 2 where object_id = ID and selector_keyword = ''RevolutionTime'';
          update dpp.parameter_constraints set selector_path_items[2] = 2 where object_id = ID and selector_keyword = ''XRayTubeCurrentInmA''',
         array['(acquisition,"2 Helical",XRayTubeCurrentInmA,00189920.00189325[1].00189330,,"RANGE_INCL 100\\400 mA; default 250 mA",,removed)',
               '(acquisition,"2 Helical",XRayTubeCurrentInmA,00189920.00189325[2].00189330,,,"RANGE_INCL 100\\400 mA; default 250 mA",added)',
               '(acquisition,"2 Helical",RevolutionTime,00189920.00189305,,"EQUAL 0.5 s",,removed)',
               '(acquisition,"2 Helical",RevolutionTime[2],00189920.00189305,,,"EQUAL 0.5 s",added)',
               '(acquisition,"2 Helical","00091001 (ACME)",00091001,,"EQUAL 007",,removed)',
               '(acquisition,"2 Helical","00091001 (OTHER)",00091001,,,"EQUAL 007",added)']),
        ('parameter: default',
         'update dpp.parameter_constraints set default_values = ''{100}'', default_numbers = ''{100}'' where object_id = ID and constraint_type = ''MEMBER_OF''',
         array['(acquisition,"2 Helical",KVP,00189920.00180060,default,"120 kV","100 kV",changed)']),
        ('parameter: default removed',
         'update dpp.parameter_constraints set default_values = ''{}'', default_numbers = ''{}'' where object_id = ID and constraint_type = ''MEMBER_OF''',
         array['(acquisition,"2 Helical",KVP,00189920.00180060,default,"120 kV",,removed)']),
        ('parameter: all else that a constraint says',
         'update dpp.parameter_constraints set significance = ''WARNING'', violation_condition = null, selection_guidance = ''all'', is_modifiable = true,
            selector_keyword = null, selector_name = ''Years'', selector_vr = ''LO'', other_attributes = ''{"00204000": {"vr": "LT", "Value": ["x"]}}''
          where object_id = ID and kind = ''patient''',
         array['(patient,,Years,00101010,significance,FAILURE,WARNING,changed)', '(patient,,Years,00101010,condition,"if younger",,removed)',
               '(patient,,Years,00101010,guidance,adults,all,changed)', '(patient,,Years,00101010,modifiable,NO,YES,changed)',
               '(patient,,Years,00101010,keyword,PatientAge,,removed)', '(patient,,Years,00101010,name,Age,Years,changed)',
               '(patient,,Years,00101010,vr,AS,LO,changed)', '(patient,,Years,00101010,00204000,,x,added)']),
        ('parameter: type as it was received', 'update dpp.parameter_constraints set other_attributes = ''{"00820032": {"vr": "LO", "Value": ["GREATER_THAN"]}}'' where object_id = ID and kind = ''patient''',
         array['(patient,,PatientAge,00101010,type,,GREATER_THAN,added)']),
        ('members in another order are the same',
         'update dpp.parameter_constraints set constraint_values = ''{140,100,120}'', constraint_numbers = ''{140,100,120}'' where object_id = ID and constraint_type = ''MEMBER_OF''', '{}'),
        ('the ends of a range are not',
         'update dpp.parameter_constraints set constraint_values = ''{400,100}'', constraint_numbers = ''{400,100}'' where object_id = ID and constraint_type = ''RANGE_INCL''',
         array['(acquisition,"2 Helical",XRayTubeCurrentInmA,00189920.00189325[1].00189330,value,"RANGE_INCL 100\\400 mA","RANGE_INCL 400\\100 mA",changed)']),
        ('a member more',
         'update dpp.parameter_constraints set constraint_values = ''{100,120,140,80}'', constraint_numbers = ''{100,120,140,80}'' where object_id = ID and constraint_type = ''MEMBER_OF''',
         array['(acquisition,"2 Helical",KVP,00189920.00180060,value,"MEMBER_OF 100\\120\\140 kV","MEMBER_OF 100\\120\\140\\80 kV",changed)']),
        -- units
        ('A for mA, of values and default',
         'update dpp.parameter_constraints set constraint_values = ''{0.1,0.4}'', constraint_numbers = ''{0.1,0.4}'', default_values = ''{.25}'', default_numbers = ''{0.25}'',
            unit_code = ''A'', unit_meaning = ''ampere'' where object_id = ID and unit_code = ''mA''', '{}'),
        ('A for mA, another value',
         'update dpp.parameter_constraints set constraint_values = ''{0.1,0.5}'', constraint_numbers = ''{0.1,0.5}'', default_values = ''{0.25}'', default_numbers = ''{0.25}'',
            unit_code = ''A'', unit_meaning = ''ampere'' where object_id = ID and unit_code = ''mA''',
         array['(acquisition,"2 Helical",XRayTubeCurrentInmA,00189920.00189325[1].00189330,value,"RANGE_INCL 100\\400 mA","RANGE_INCL 0.1\\0.5 A",changed)']),
        ('the same number in another unit differs',
         'update dpp.parameter_constraints set unit_code = ''ms'' where object_id = ID and unit_code = ''s''',
         array['(acquisition,"2 Helical",RevolutionTime,00189920.00189305,value,"EQUAL 0.5 s","EQUAL 0.5 ms",changed)']),
        ('another dimension differs',
         'update dpp.parameter_constraints set unit_code = ''mm'' where object_id = ID and unit_code = ''s''',
         array['(acquisition,"2 Helical",RevolutionTime,00189920.00189305,value,"EQUAL 0.5 s","EQUAL 0.5 mm",changed)']),
        ('an unknown unit is the same as itself only',
         'update dpp.parameter_constraints set unit_code = ''sec'' where object_id = ID and unit_code = ''s''',
         array['(acquisition,"2 Helical",RevolutionTime,00189920.00189305,value,"EQUAL 0.5 s","EQUAL 0.5 sec",changed)']),
        ('no unit differs from one',
         'update dpp.parameter_constraints set unit_code = null where object_id = ID and unit_code = ''s''',
         array['(acquisition,"2 Helical",RevolutionTime,00189920.00189305,value,"EQUAL 0.5 s","EQUAL 0.5",changed)']),
        ('a unit of another scheme is not converted',
         'update dpp.parameter_constraints set unit_code = ''ms'', unit_scheme = ''99A'', constraint_values = ''{500}'', constraint_numbers = ''{500}'' where object_id = ID and unit_code = ''s''',
         array['(acquisition,"2 Helical",RevolutionTime,00189920.00189305,value,"EQUAL 0.5 s","EQUAL 500 ms",changed)']),
        ('what is no number is not converted',
         'update dpp.parameter_constraints set constraint_values = ''{O.5}'', constraint_numbers = ''{null}'' where unit_code = ''s'';
          update dpp.parameter_constraints set unit_code = ''ms'' where object_id = ID and unit_code = ''s''',
         array['(acquisition,"2 Helical",RevolutionTime,00189920.00189305,value,"EQUAL O.5 s","EQUAL O.5 ms",changed)']),
        ('scheme and meaning of a unit',
         'update dpp.parameter_constraints set unit_meaning = ''second'' where object_id = ID and unit_code = ''s''',
         array['(acquisition,"2 Helical",RevolutionTime,00189920.00189305,unit,"s (UCUM, s)","s (UCUM, second)",changed)']),
        -- numbers
        ('a number written otherwise is the same',
         'update dpp.parameter_constraints set constraint_values = ''{ 5.0E-1}'' where object_id = ID and unit_code = ''s''', '{}'),
        ('numbers that are written only',
         'update dpp.parameter_constraints set constraint_values = ''{0.50}'', constraint_numbers = ''{}'' where object_id = ID and unit_code = ''s''', '{}'),
        ('no number at all is compared as text',
         'update dpp.parameter_constraints set constraint_values = ''{O.5}'', constraint_numbers = ''{null}'' where object_id = ID and unit_code = ''s''',
         array['(acquisition,"2 Helical",RevolutionTime,00189920.00189305,value,"EQUAL 0.5 s","EQUAL O.5 s",changed)']),
        ('digits of a text are text',
         'update dpp.parameter_constraints set constraint_values = ''{7}'' where object_id = ID and selector_private_creator is not null',
         array['(acquisition,"2 Helical","00091001 (ACME)",00091001,value,"EQUAL 007","EQUAL 7",changed)']),
        ('the last digit that a 64-bit number has',
         'update dpp.parameter_constraints set constraint_values = ''{0.50000000001}'', constraint_numbers = ''{0.50000000001}'' where object_id = ID and unit_code = ''s''',
         array['(acquisition,"2 Helical",RevolutionTime,00189920.00189305,value,"EQUAL 0.5 s","EQUAL 0.50000000001 s",changed)']),
        ('rounding of floating point arithmetic is forgiven',
         'update dpp.parameter_constraints set constraint_values = ''{0.50000000000000011}'', constraint_numbers = ''{0.50000000000000011}'' where object_id = ID and unit_code = ''s''', '{}')
) as c (name, statement, expected);

-- Tolerance: t for no difference
select is(
    pg_temp.after(
        format(
            'update dpp.parameter_constraints set constraint_values = %L, constraint_numbers = %1$L, unit_code = %L where object_id = ID and unit_code = ''mA''',
            c.vals, c.unit),
        c.relative, c.absolute) = '{}',
    c.is_same, format('100 to 400 mA and %s %s within %s or %s', c.vals, c.unit, c.relative, c.absolute))
from (
    values
        ('{101,400}', 'mA', 0.01, 0, true),
        ('{101.02,400}', 'mA', 0.01, 0, false),
        ('{99,400}', 'mA', 0.01, 0, true),
        ('{100,404.1}', 'mA', 0.01, 0, false),
        ('{101,400}', 'mA', 0, 1, true),
        ('{101,400}', 'mA', 0, 0.99, false),
        ('{101,405}', 'mA', 0, 1, false),
        ('{101,400}', 'mA', 0, 0, false)
) as c (vals, unit, relative, absolute, is_same);
select is(
    pg_temp.after(
        'update dpp.parameter_constraints set constraint_values = ''{0.101,0.4}'', constraint_numbers = ''{0.101,0.4}'',
            default_values = ''{0.25}'', default_numbers = ''{0.25}'', unit_code = ''A'' where object_id = ID and unit_code = ''mA''',
        0, c.absolute) = '{}',
    c.is_same, format('an absolute tolerance of %s is in the unit of the left value', c.absolute))
from (values (1, true), (0.9, false)) as c (absolute, is_same);
select is(
    pg_temp.after(
        'update dpp.protocols set other_attributes = ''{"00189345": {"vr": "FD", "Value": [10.05]}}'' where object_id = ID;
         update dpp.protocols set other_attributes = ''{"00189345": {"vr": "FD", "Value": [10]}}'' where object_id = (select id from uids)',
        c.relative) = '{}',
    c.is_same, format('other attributes within %s', c.relative))
from (values (0.01, true), (0.001, false)) as c (relative, is_same);
select ok(dpp.is_close('NaN', 'NaN', 0, 0) and dpp.is_close('Infinity', 'Infinity', 0.1, 1), 'what is no finite number is close to itself');
select ok(
    not dpp.is_close('Infinity', 1, 1, 1) and not dpp.is_close('NaN', 1, 1, 1) and not dpp.is_close('-Infinity', 'Infinity', 1, 1),
    'and to nothing else');
select throws_ok(
    format('select * from dpp.diff(''2.25.1'', ''2.25.1'', %s, %s)', t.relative, t.absolute), '22023', null,
    format('tolerances %s and %s are refused', t.relative, t.absolute))
from (values ('-0.1', '0'), ('''NaN''', '0'), ('0', '''Infinity'''), ('null', '0'), ('0', 'null')) as t (relative, absolute);

-- Whatever a column or other_attributes of a table says, it is not overlooked.
select isnt(
    pg_temp.after(
        format(
            'update dpp.%I set %I = %s where %I = ID', a.relation, a.column_name,
            case
                when c.attnotnull and c.atttypid = 'text[]'::regtype then '''{changed}'''
                when a.column_name = 'sop_class_uid' then '''1.2'''
                when c.atttypid = 'int'::regtype then '77'
                when c.atttypid = 'boolean'::regtype then a.column_name || ' is null'
                else '''changed'''
            end,
            case a.relation when 'objects' then 'id' else 'object_id' end)),
    '{}', format('%s.%s', a.relation, a.column_name))
from dpp.protocol_attributes as a
join pg_attribute as c on c.attrelid = ('dpp.' || a.relation)::regclass and c.attname = a.column_name
where a.column_name <> 'constraint_type';
select is(
    (
        select count(*)::int
        from unnest(pg_temp.after(
            format('update dpp.%I set other_attributes = ''{"00091001": {"vr": "LO", "Value": ["x"]}}'' where object_id = ID', t.name))) as d
        where d like '%00091001%,x,added)'
    ),
    t.items, format('other_attributes of %s', t.name))
from (
    values
        ('protocols', 1), ('protocol_custodians', 2), ('protocol_codes', 11), ('protocol_models', 2), ('protocol_predecessors', 1),
        ('instructions', 3), ('protocol_elements', 4), ('parameter_constraints', 9)
) as t (name, items);
select is_empty(
    $$
        select c.relname, a.attname
        from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relnamespace = 'dpp'::regnamespace
            and c.relname in (select relation from dpp.protocol_attributes where relation <> 'objects')
            and not exists (
                select from dpp.protocol_attributes as p where p.relation = c.relname and p.column_name = a.attname)
            -- keys, what tells an item from others, what is derived or told with another column
            and a.attname not in (
                'object_id', 'ordinal', 'kind', 'role', 'parent_ordinal', 'equivalent', 'element_ordinal',
                'other_attributes', 'selector_attribute', 'selector_value_number', 'selector_private_creator',
                'selector_path', 'selector_path_items', 'constraint_numbers', 'default_numbers', 'unit_scheme',
                'unit_meaning', 'content_creator_folded', 'content_creator_search', 'content_creator_sounds',
                'creation_date', 'creation_time', 'creation_datetime', 'creation_instant')
    $$,
    'every column is compared');
select is_empty(
    $$
        select p.relation, p.column_name, p.keyword, p.tag, m.parts
        from dpp.protocol_attributes as p
        join pg_attribute as a on a.attrelid = ('dpp.' || p.relation)::regclass and a.attname = p.column_name
        cross join lateral (
            select regexp_match(
                col_description(a.attrelid, a.attnum),
                '^(?:Values of |Code Value of )?([^(:]*) \(([0-9A-F]{4}),([0-9A-F]{4})\)') as parts
        ) as m
        where p.tag is distinct from m.parts[2] || m.parts[3]
            or lower(p.keyword) is distinct from lower(regexp_replace(m.parts[1], '''s|[ -]', '', 'g'))
    $$,
    'keywords and tags are those of the columns'' comments');

-- Deterministic
select is(
    pg_temp.after('update dpp.parameter_constraints set significance = ''WARNING'' where object_id = ID'),
    pg_temp.after('update dpp.parameter_constraints set ordinal = ordinal, significance = ''WARNING'' where object_id = ID'),
    'the order is always the same');

-- Units
select is_empty(
    $$select unit_code from dpp.units group by unit_code having count(*) > 1$$, 'a unit is there once');
select is_empty(
    $$select dimension from dpp.units group by dimension having count(*) filter (where factor = 1 and reason = 'base') <> 1$$,
    'a dimension has one base unit');
select ok(a.factor * c.a = b.factor * c.b, format('%s %s is %s %s', c.a, c.a_unit, c.b, c.b_unit))
from (
    values
        (100, 'mA', 0.1, 'A'), (500, 'ms', 0.5, 's'), (10, 'mm', 1, 'cm'), (80, 'kV', 80000, 'V'), (2, 'min', 120, 's'),
        (1, 'mA.s', 1, 'mAs'), (1, 'mA.s', 1, 'mC'), (1, 'Gy.cm2', 1000, 'mGy.cm2'), (1, 'cGy.cm2', 1, 'uGy.m2'), (1, 'dGy.cm2', 10, 'uGy.m2'),
        (1, 'mGy.cm', 0.01, 'mGy.m'), (1, 'L', 1000, 'mL'), (1, 'cm3', 1, 'mL'), (300, 'mg/mL', 300, 'g/L'), (1, 'Hz', 1, '/s'),
        (18, 'a', 216, 'mo'), (1, 'wk', 7, 'd'), (50, '%', 0.5, '1'), (1, 'm2', 10000, 'cm2'), (0.1, 'g/cm2', 1, 'kg/m2'), (1, 'cm/s', 10, 'mm/s')
) as c (a, a_unit, b, b_unit)
left join dpp.units as a on a.unit_code = c.a_unit
left join dpp.units as b on b.unit_code = c.b_unit and b.dimension = a.dimension;

-- What is not there
select throws_ok(
    'select * from dpp.diff(''1.2.3'', ''2.25.1'')', 'P0002', 'no object of SOP Instance UID 1.2.3 is here', 'an unknown left UID');
select throws_ok(
    'select * from dpp.diff(''2.25.1'', ''1.2.3'')', 'P0002', 'no object of SOP Instance UID 1.2.3 is here', 'an unknown right UID');
select throws_ok(
    'select * from dpp.diff(null, ''2.25.1'')', 'P0002', 'no object of SOP Instance UID (null) is here', 'no UID');
insert into dpp.objects (sop_instance_uid, sop_class_uid, state) values ('2.25.9', '1.2.840.10008.5.1.4.1.1.200.3', 'published');
select throws_ok(
    'select * from dpp.diff(''2.25.1'', ''2.25.9'')', '42809',
    'the object of SOP Instance UID 2.25.9 is no Defined Procedure Protocol (its SOP class is 1.2.840.10008.5.1.4.1.1.200.3)',
    'an object that is no protocol');
update dpp.objects set state = 'retired' where sop_instance_uid = '2.25.1';
select lives_ok('select * from dpp.diff(''2.25.1'', ''2.25.1'')', 'the state does not matter');

-- Rights
set local role dppr_reader;
select lives_ok('select * from dpp.diff(''2.25.1'', ''2.25.1'')', 'a reader may compare');
set local role dppr_server;
select throws_ok('select * from dpp.diff(''2.25.1'', ''2.25.1'')', '42501', null, 'a server has no need to');
reset role;

select * from finish();
rollback;
