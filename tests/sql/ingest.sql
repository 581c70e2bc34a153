-- A realistic data set, after PS3.17 AAAA.2 (Routine Adult Head), table by table.
-- It comes in through the program, which makes the rows (dppr import). This file commits; its database is its own.
select plan(42);
set timezone = 'UTC';
\! "$DPPR_BINARY" import tests/sql/data/routine-adult-head.json >/dev/null

select results_eq(
    $$select * from dpp_test.rows_of('
        select sop_instance_uid, sop_class_uid, state, source, sender_aet, specific_character_set, timezone_offset,
            length(query_record) > 1000, published_at = created_at, retired_at
        from dpp.objects')$$,
    array['(2.25.1501,1.2.840.10008.5.1.4.1.1.200.1,published,import,,"ISO_IR 192",+0100,t,t,)'],
    'object');
select results_eq(
    $$select * from dpp_test.rows_of('
        select transfer_syntax_uid, size > 4000, size = length(dataset), length(digest) from dpp.instances')$$,
    array['(1.2.840.10008.1.2.1,t,t,32)'],
    'instance');

select is(p.value, v.expected, v.name)
from (
    values
        ('protocol_name', 'AAPM Routine Adult Head (Brain)'),
        ('equipment_modality', 'CT'),
        ('content_creator_name', 'Braindoc^Barry^^^MD=頭^先生'),
        ('content_creator_folded', '["braindoc^barry^^^md", "braindoc^barry^^^md=頭^先生", "頭^先生"]'),
        ('instance_creation_date', '20150601'),
        ('instance_creation_time', '124200'),
        ('creation_date', '2015-06-01'),
        ('creation_time', '12:42:00'),
        ('creation_datetime', '2015-06-01T12:42:00'),
        ('creation_instant', '2015-06-01T11:42:00+00:00'),
        ('clinical_trial_sponsor_name', 'Tyrell'),
        ('clinical_trial_protocol_id', 'TRIAL-7'),
        ('clinical_trial_protocol_name', null),
        ('potential_reasons', '["Acute head trauma", "Suspected intracranial haemorrhage"]'),
        ('potential_diagnostic_tasks', '["Detect bleeding"]'),
        ('planning_information', E'First line\r\nSecond "line" \\ with all'),
        ('design_rationale', 'Reference levels'),
        ('patient_position', 'HFS'),
        ('manufacturer', 'Acme Protocols'),
        ('manufacturer_model_name', 'Designer'),
        ('device_serial_number', '007'),
        ('software_versions', '["1.0", "2.0"]'),
        ('other_attributes',
         '{"00090010": {"vr": "LO", "Value": ["ACME"]}, "00091001": {"vr": "UN", "InlineBinary": "AAECAw=="}, "00120021": {"vr": "LO"}}')
) as v (name, expected)
cross join lateral (
    select to_jsonb(p) ->> v.name as value from dpp.protocols as p
) as p;

select results_eq(
    $$select * from dpp_test.rows_of('
        select ordinal, institution_name, other_attributes from dpp.protocol_custodians')$$,
    array['(1,"Mercy Hospital",{})'], 'custodians');
select results_eq(
    $$select * from dpp_test.rows_of('
        select role, parent_ordinal, ordinal, equivalent, code_value, coding_scheme_designator, coding_scheme_version,
            code_meaning, long_code_value, urn_code_value, other_attributes
        from dpp.protocol_codes
        order by 1, 2, 3, 4')$$,
    array[
        '(anatomic_region,0,1,0,69536005,SCT,,Head,,,"{""00082220"": {""vr"": ""SQ"", ""Value"": [{""00080100"": {""vr"": ""SH"", ""Value"": [""7771000""]}}]}}")',
        '(anatomic_region,0,1,1,T-D1100,SRT,,Head,,,{})',
        '(anatomic_region,0,1,2,HEAD,99A,,Head,,,{})',
        '(contraindication,0,1,0,,99A,,"Long one",A-CODE-OF-MORE-THAN-16,,{})',
        '(custodian_institution,1,1,0,MERCY,99A,,"Mercy Hospital",,,{})',
        '(positioning_method,0,1,0,,,,Laser,,urn:example:laser,{})',
        '(primary_structure,0,1,0,12738006,SCT,,Brain,,,{})',
        '(reason,0,1,0,82271004,SCT,20150101,"Head injury",,,{})',
        '(requested_procedure,0,1,0,24725-4,LN,,"CT HEAD",,,{})',
        '(responsible_group,0,1,0,C2183225,UMLS,,Neuroradiology,,,{})',
        '(scheduled_protocol,0,1,0,24725-4,LN,,"CT HEAD",,,{})',
        '(scheduled_protocol,0,2,0,24726-2,LN,,"CT HEAD W/WO",,,{})',
        '(scheduled_protocol,0,3,0,24727-0,LN,,"CT HEAD W",,,{})'],
    'codes in all roles, equivalents among them');
select results_eq(
    $$select * from dpp_test.rows_of('
        select ordinal, manufacturer, manufacturer_related_model_group, manufacturer_model_name, software_versions,
            device_serial_number, other_attributes
        from dpp.protocol_models order by 1')$$,
    array[
        '(1,ACME,,Alpha,"{V1.63,V1.70}",,{})',
        '(2,ACME,,"Alpha Plus",{V1.63},A-17,"{""300A0420"": {""vr"": ""SQ"", ""Value"": [{""300A00F9"": {""vr"": ""LO"", ""Value"": [""HEADREST""]}}]}}")',
        '(3,Scantech,Scanomatic,,{},,{})'],
    'models');
select results_eq(
    $$select * from dpp_test.rows_of('
        select ordinal, referenced_sop_class_uid, referenced_sop_instance_uid, other_attributes
        from dpp.protocol_predecessors')$$,
    array['(1,1.2.840.10008.5.1.4.1.1.200.1,9.8.7.6.5.12345.2,{})'], 'predecessors');
select results_eq(
    $$select * from dpp_test.rows_of('
        select kind, ordinal, instruction_index, instruction_text, instruction_description, other_attributes
        from dpp.instructions order by 1, 2')$$,
    array['(instruction,1,1,"Remove metal","Earrings, dentures",{})', '(instruction,2,2,"Close eyes",,{})',
          '(positioning,1,1,"Chin down",,{})'],
    'instructions');
select results_eq(
    $$select * from dpp_test.rows_of('
        select kind, ordinal, element_number, element_name, element_purpose, other_attributes
        from dpp.protocol_elements order by 1, 2')$$,
    array['(acquisition,1,1,Scout,"Find the head",{})', '(acquisition,2,2,,,{})', '(reconstruction,1,1,,,{})',
          '(storage,1,1,,,{})'],
    'elements');
select results_eq(
    $$select * from dpp_test.rows_of('
        select kind, element_ordinal, ordinal, selector_attribute, selector_keyword, selector_vr, selector_path,
            selector_path_items, constraint_type, constraint_values, constraint_numbers, default_values, default_numbers,
            unit_code
        from dpp.parameter_constraints order by 1, 2, 3')$$,
    array[
        '(acquisition,1,1,00189302,AcquisitionType,CS,{00189920},{1},EQUAL,{CONSTANT_ANGLE},{},{},{},)',
        '(acquisition,1,2,00180060,KVP,DS,"{00189920,00189325}","{1,1}",EQUAL,{120.0},{120},{},{},kV)',
        '(acquisition,2,1,00180060,KVP,DS,"{00189920,00189325}","{2,1}",MEMBER_OF,"{100,120,140}","{100,120,140}",{120},{120},kV)',
        '(acquisition,2,2,00189330,XRayTubeCurrentInmA,FD,"{00189920,00189325}","{2,1}",RANGE_INCL,"{200,350.5}","{200,350.5}",{300},{300},mA)',
        '(acquisition,2,3,00189345,CTDIvol,FD,{00189920},{2},LESS_OR_EQUAL,{75},{75},{},{},mGy)',
        '(acquisition,2,4,00189346,CTDIPhantomTypeCodeSequence,SQ,{00189920},{2},EQUAL,"{""113690^DCM^IEC Head Dosimetry Phantom""}",{},{},{},)',
        '(acquisition,2,5,00189323,ExposureModulationType,CS,"{00189920,00189325}","{2,0}",EQUAL,"{ANGULAR,LONGITUDINAL}",{},{},{},)',
        '(acquisition,2,6,00431027,,LO,{},{},UNCONSTRAINED,{},{},{},{},)',
        '(acquisition,2,7,00189310,TableFeedPerRotation,FD,{00189920},{2},MEMBER_OF,"{1,2,3}","{1,2,3}",{},{},mm)',
        '(patient,0,1,00101010,PatientAge,AS,{},{},GREATER_THAN,{016Y},{},{},{},)',
        '(patient,0,2,00101030,PatientWeight,DS,{},{},RANGE_INCL,"{40,120}","{40,120}",{},{},kg)',
        '(reconstruction,1,1,00181210,ConvolutionKernel,SH,{00189934},{1},EQUAL,{H30s},{},{},{},)',
        '(reconstruction,1,2,00280010,Rows,US,{00189934},{1},EQUAL,{512},{512},{},{},)',
        '(storage,1,1,00400275,,AT,"{00189936,00404033}","{1,10}",EQUAL,{00080060},{},{},{},)'],
    'constraints of elements and patient');
select results_eq(
    $$select * from dpp_test.rows_of('
        select selector_name, selector_value_number, selector_private_creator, unit_scheme, unit_meaning, significance,
            violation_condition, selection_guidance, is_modifiable
        from dpp.parameter_constraints
        where (kind, element_ordinal) = (''acquisition'', 2)
        order by ordinal')$$,
    array[
        '(KVP,1,,UCUM,kilovolt,FAILURE,"Adults only","By size",f)',
        '("X-Ray Tube Current in mA",1,,UCUM,milliampere,,,,t)',
        '(CTDIvol,1,,UCUM,mGy,,,,)',
        '("CTDI Phantom Type Code Sequence",1,,,,,,,)',
        '("Exposure Modulation Type",0,,,,,,,)',
        '("Private thing",1,ACME,,,,,,)',
        '("Table Feed per Rotation",1,,UCUM,mm,,,,)'],
    'the rest of the constraints of the scan');
select results_eq(
    $$select * from dpp_test.rows_of('
        select ordinal, other_attributes from dpp.parameter_constraints where other_attributes <> ''{}'' order by kind, ordinal')$$,
    array[
        '(6,"{""00720054"": {""vr"": ""LO"", ""Value"": [""ACME""]}}")',
        '(7,"{""004008EA"": {""vr"": ""SQ"", ""Value"": [{""00080100"": {""vr"": ""SH"", ""Value"": [""mm""]}, ""00080102"": {""vr"": ""SH"", ""Value"": [""UCUM""]}, ""00080103"": {""vr"": ""SH"", ""Value"": [""1.4""]}, ""00080104"": {""vr"": ""LO"", ""Value"": [""mm""]}}]}, ""00820034"": {""vr"": ""SQ"", ""Value"": [{""00720074"": {""vr"": ""FD"", ""Value"": [1, 2]}}, {""00720074"": {""vr"": ""FD"", ""Value"": [3]}}]}}")'],
    'what the columns of constraints do not say completely is kept');
select is_empty('select attribute, warning from dpp.dataset_warnings', 'no warnings');
\set dataset `cat tests/sql/data/routine-adult-head.json`
select is(dpp_test.dataset_of('2.25.1501'), :'dataset'::jsonb, 'nothing is lost');

-- The call itself: what stands where, what null means, in which order warnings are told
select is(
    dpp.ingest(
        '2.25.1502', '1.2.840.10008.5.1.4.1.1.200.7', '1.2.840.10008.1.2', '\x00010203', '\xd1', '\x0a0b', 'ISO_IR 100',
        '-0500', 'store', 'SCANNER_1',
        array[array[
            'name', null, null, '20150230', '2500', null, null, null, '{"a,b",c}', null, null, null, null, null, null,
            null, null, '{"00091001": {"vr": "LO"}}']],
        '{{1,"Mercy, \"the\" hospital",NULL}}', '{}', null, null, null, null, null,
        '{{00181030,first},{NULL,second},{0040A07C[1].00080080,third}}'),
    'stored', 'called by hand');
select results_eq(
    $$select * from dpp_test.rows_of('
        select sop_class_uid, specific_character_set, timezone_offset, source, sender_aet, query_record, published_at = created_at
        from dpp.objects where sop_instance_uid = ''2.25.1502'' ')$$,
    array['(1.2.840.10008.5.1.4.1.1.200.7,"ISO_IR 100",-0500,store,SCANNER_1,"\\x0a0b",t)'], 'object');
select results_eq(
    $$select * from dpp_test.rows_of('
        select i.transfer_syntax_uid, i.dataset, i.size, i.digest
        from dpp.instances as i
        join dpp.objects as o on o.id = i.object_id
        where o.sop_instance_uid = ''2.25.1502'' ')$$,
    array['(1.2.840.10008.1.2,"\\x00010203",4,"\\xd1")'], 'instance');
select results_eq(
    $$select * from dpp_test.rows_of('
        select p.protocol_name, p.instance_creation_date, p.creation_date, p.creation_datetime, p.potential_reasons,
            p.software_versions, p.other_attributes
        from dpp.protocols as p
        join dpp.objects as o on o.id = p.object_id
        where o.sop_instance_uid = ''2.25.1502'' ')$$,
    array['(name,20150230,,,"{""a,b"",c}",{},"{""00091001"": {""vr"": ""LO""}}")'],
    'a date that is none stays as written and is no date');
select results_eq(
    $$select * from dpp_test.rows_of('
        select c.ordinal, c.institution_name, c.other_attributes
        from dpp.protocol_custodians as c
        join dpp.objects as o on o.id = c.object_id
        where o.sop_instance_uid = ''2.25.1502'' ')$$,
    array['(1,"Mercy, ""the"" hospital",{})'], 'an item');
select results_eq(
    $$select * from dpp_test.rows_of('
        select w.ordinal, w.attribute, w.warning
        from dpp.dataset_warnings as w
        join dpp.objects as o on o.id = w.object_id
        where o.sop_instance_uid = ''2.25.1502''
        order by 1')$$,
    array[
        '(1,,second)', '(2,00080012,"has a value that is no date: 20150230")',
        '(3,00080013,"has a value that is no time: 2500")', '(4,00181030,first)', '(5,0040A07C[1].00080080,third)'],
    'what holds for the whole first, then dates and times, then the caller''s');

select * from finish();
