-- What rows of drafts need not say: one row per rule of sql/functions/complete_rows.sql and complete_constraint.sql, what
-- dpp.complete fills in, UIDs and the data dictionary.
begin;
\ir ../support/maximal.sql
select no_plan();

-- UIDs
select matches(dpp.new_uid(), '^2\.25\.[1-9][0-9]{0,38}$', 'a UID under 2.25');
select is((select count(distinct dpp.new_uid()) from generate_series(1, 1000)), 1000::bigint, 'each is another');
select ok(
    (
        select bool_and(n < 340282366920938463463374607431768211456 and n > 0)
        from (select split_part(dpp.new_uid(), '.', 3)::numeric from generate_series(1, 1000)) as u (n)
    ),
    'a number of 128 bits');
update dpp.repository set uid_root = '1.2.826.0.1.3680043.99';
select matches(dpp.new_uid(), '^1\.2\.826\.0\.1\.3680043\.99\.[1-9][0-9]{0,38}$', 'a UID under the root of the repository');
update dpp.repository set uid_root = null;

-- The data dictionary
select cmp_ok((select count(*) from dpp.attributes), '>', 4500::bigint, 'the dictionary is there');
select results_eq(
    $$select a.keyword, a.name, a.vr, a.vm, a.is_retired from dpp.attributes as a where a.tag in ('00101010', '00189912', '00280106', '00080010') order by a.tag$$,
    $$
        values
            ('RecognitionCode' collate "C", 'Recognition Code' collate "C", 'SH' collate "C", '1' collate "C", true),
            ('PatientAge', 'Patient''s Age', 'AS', '1', false),
            ('ModelSpecificationSequence', 'Model Specification Sequence', 'SQ', '1', false),
            ('SmallestImagePixelValue', 'Smallest Image Pixel Value', 'US', '1', false)
    $$,
    'attributes as the program knows them');
select is((dpp.attribute_of(v.written)).tag, v.tag, format('%L is %s', v.written, v.tag))
from (
    values
        ('KVP', '00180060'), ('kvp', '00180060'), (' KVP ', '00180060'), ('0018,0060', '00180060'), ('(0018,0060)', '00180060'), ('(0018, 0060)', '00180060'),
        ('00180060', '00180060'), ('0018991f', '0018991F'), ('Patient''s Age', '00101010'), ('patient''s age', '00101010'), ('KPV', null), ('', null),
        ('00211099', null), (null, null)
) as v (written, tag);
select is(dpp.nearest_keyword(v.written), v.keyword, format('%L is like %s', v.written, v.keyword))
from (
    values ('KPV', 'KVP'), ('PatientAeg', 'PatientAge'), ('sliceThicknes', 'SliceThickness'), ('Completely something else', null), (repeat('x', 1000), null)
) as v (written, keyword);

-- Objects
create temporary table made (name text, id bigint, uid text, class text);
with o as (insert into dpp.objects (sop_class_uid) values ('CT') returning id, sop_instance_uid, sop_class_uid)
insert into made select 'ct', * from o;
with o as (insert into dpp.objects (sop_class_uid) values ('xa') returning id, sop_instance_uid, sop_class_uid)
insert into made select 'xa', * from o;
with o as (insert into dpp.objects (sop_class_uid) values ('Approval') returning id, sop_instance_uid, sop_class_uid)
insert into made select 'approval', * from o;
with o as (
    insert into dpp.objects (sop_instance_uid, sop_class_uid) values ('2.25.4711', '1.2.3') returning id, sop_instance_uid, sop_class_uid)
insert into made select 'other', * from o;
select is(m.class, c.uid, m.name || ': SOP class')
from made as m
join (
    values
        ('ct', '1.2.840.10008.5.1.4.1.1.200.1'), ('xa', '1.2.840.10008.5.1.4.1.1.200.7'),
        ('approval', '1.2.840.10008.5.1.4.1.1.200.3'), ('other', '1.2.3')
) as c (name, uid) on c.name = m.name;
select matches(m.uid, case m.name when 'other' then '^2\.25\.4711$' else '^2\.25\.[0-9]{10,39}$' end, m.name || ': UID') from made as m;

-- object_id: the object that was made last, of each table
select is(dpp.draft_in_progress(), (select m.id from made as m where m.name = 'other'), 'the last object is at work');
insert into dpp.approvals (manufacturer) values ('A');
insert into dpp.approval_subjects (referenced_sop_instance_uid) values ('1.2'), ('1.3');
insert into dpp.approval_assertions (assertion_comments) values ('first'), ('second');
insert into dpp.approval_asserters (assertion_ordinal, observer_type) values (1, 'PSN'), (2, 'DEV'), (1, 'DEV');
insert into dpp.approval_codes (role, assertion_ordinal, asserter_ordinal, code_value)
values ('assertion', 1, 0, '1'), ('assertion', 2, 0, '2'), ('person', 1, 1, '3'), ('person', 1, 1, '4'), ('person', 1, 2, '5');
insert into dpp.approval_related_assertions (assertion_ordinal, referenced_assertion_uid) values (1, '1.1'), (1, '1.2'), (2, '1.3');
select results_eq(
    $$
        select t.relation, t.item
        from dpp.rows_of_draft((select m.id from made as m where m.name = 'other')) as t
        where t.item is not null
        order by 1, 2
    $$,
    $$
        values
            ('approval_asserters', '1 1'), ('approval_asserters', '1 2'), ('approval_asserters', '2 1'),
            ('approval_assertions', '1'), ('approval_assertions', '2'), ('approval_codes', 'assertion 1 1'),
            ('approval_codes', 'assertion 2 1'), ('approval_codes', 'person 1 1 1'), ('approval_codes', 'person 1 1 2'),
            ('approval_codes', 'person 1 2 1'), ('approval_related_assertions', '1 1'), ('approval_related_assertions', '1 2'),
            ('approval_related_assertions', '2 1'), ('approval_subjects', '1'), ('approval_subjects', '2')
    $$,
    'items of an approval are numbered among their siblings');

insert into dpp.objects (sop_class_uid) values ('XA');
insert into dpp.protocols (protocol_name) values ('Heart');
insert into dpp.protocol_custodians (institution_name) values ('A'), ('B');
insert into dpp.protocol_codes (role, parent_ordinal, ordinal, equivalent, code_value)
values
    ('reason', 0, null, 0, 'a'), ('reason', 0, null, 0, 'b'), ('reason', 0, 1, 1, 'a1'), ('reason', 0, null, 0, 'c'),
    ('custodian_institution', 0, null, 0, 'x'), ('custodian_institution', 2, null, 0, 'y'), ('custodian_institution', 0, null, 0, 'z'),
    ('contraindication', 0, 7, 0, 'd'), ('contraindication', 0, null, 0, 'e');
insert into dpp.protocol_models (manufacturer) values ('A'), ('B'), ('C');
insert into dpp.protocol_predecessors (referenced_sop_instance_uid) values ('1.2'), ('1.3');
insert into dpp.instructions (kind, instruction_text, instruction_index)
values ('instruction', 'a', null), ('positioning', 'b', null), ('instruction', 'c', 9);
insert into dpp.protocol_elements (kind, element_number) values ('acquisition', null), ('storage', 4), ('acquisition', null), ('storage', null);
insert into dpp.parameter_constraints (kind, element_ordinal, selector_keyword)
values ('acquisition', 1, 'KVP'), ('acquisition', 2, 'KVP'), ('acquisition', 1, 'CTDIvol'), ('patient', 0, 'PatientAge'), ('patient', 0, 'PatientSex');
insert into dpp.parameter_constraints (kind, selector_keyword) values ('acquisition', 'TubeAngle'), ('storage', 'DestinationAE');
copy dpp.protocol_models (manufacturer) from stdin;
D
E
\.
copy dpp.parameter_constraints (kind, element_ordinal, selector_keyword, constraint_values) from stdin;
acquisition	2	SpiralPitchFactor	{0.9}
acquisition	2	TableSpeed	{10}
\.
select results_eq(
    $$
        select t.relation, string_agg(t.item, ', ' order by t.item collate "C")
        from dpp.rows_of_draft(dpp.draft_in_progress()) as t
        where t.item is not null
        group by t.relation
        order by t.relation
    $$,
    $$
        values
            ('instructions', 'instruction 1, instruction 2, positioning 1'),
            ('parameter_constraints',
                'acquisition 1 1 KVP, acquisition 1 2 CTDIvol, acquisition 2 1 KVP, acquisition 2 2 TubeAngle, acquisition 2 3 SpiralPitchFactor, acquisition 2 4 TableSpeed, patient 1 PatientAge, patient 2 PatientSex, storage 5 1 DestinationAE'),
            ('protocol_codes',
                'contraindication 7, contraindication 8, custodian_institution 1 1, custodian_institution 1 2, custodian_institution 2 1, reason 1, reason 1 1, reason 2, reason 3'),
            ('protocol_custodians', '1, 2'), ('protocol_elements', 'acquisition 1, acquisition 2, storage 4, storage 5'),
            ('protocol_models', '1, 2, 3, 4, 5'), ('protocol_predecessors', '1, 2')
    $$,
    'items of a protocol are numbered among their siblings, also with COPY');
select is((select p.equipment_modality from dpp.protocols as p where p.object_id = dpp.draft_in_progress()), 'XA', 'modality of the SOP class');
select results_eq(
    $$select i.kind, i.instruction_index from dpp.instructions as i where i.object_id = dpp.draft_in_progress() order by 1, i.ordinal$$,
    $$values ('instruction' collate "C", 1), ('instruction', 9), ('positioning', 1)$$, 'index of an instruction');
update dpp.instructions set ordinal = ordinal + 10 where object_id = dpp.draft_in_progress() and kind = 'instruction';
update dpp.protocol_elements set ordinal = 3 where object_id = dpp.draft_in_progress() and kind = 'acquisition' and ordinal = 2;
update dpp.parameter_constraints set element_ordinal = 3 where object_id = dpp.draft_in_progress() and kind = 'acquisition' and element_ordinal = 2;
select results_eq(
    $$select i.ordinal, i.instruction_index from dpp.instructions as i where i.object_id = dpp.draft_in_progress() and i.kind = 'instruction' order by 1$$,
    $$values (11, 11), (12, 9)$$, 'the index follows the ordinal, if it was that');
select results_eq(
    $$select e.ordinal, e.element_number from dpp.protocol_elements as e where e.object_id = dpp.draft_in_progress() and e.kind = 'acquisition' order by 1$$,
    $$values (1, 1), (3, 3)$$, 'so does the number of an element');
select is(
    (
        select array_agg(distinct c.selector_path_items)
        from dpp.parameter_constraints as c
        where c.object_id = dpp.draft_in_progress() and c.kind = 'acquisition' and c.element_ordinal = 3
    ),
    array[array[3]], 'and the item number in paths of its constraints');

-- Without an object
select set_config('dpp.draft', '', true);
select throws_ok(format('insert into dpp.%I default values', t.relation), '23502', null, t.relation || ' needs an object')
from unnest('{protocols,approvals,protocol_models,approval_subjects}'::text[]) as t (relation);

-- Codes: which of the three
insert into dpp.objects (sop_class_uid) values ('CT');
insert into dpp.protocols default values;
select is(
    (select p.equipment_modality from dpp.protocols as p where p.object_id = dpp.draft_in_progress()), 'CT', 'modality of the other SOP class');
insert into dpp.protocol_codes (role, code_value, long_code_value)
values
    ('reason', '1234567890123456', null), ('reason', '12345678901234567', null), ('reason', 'urn:oid:1.2', null), ('reason', 'http://a/b', null),
    ('reason', 'URN:x', null), ('reason', '12345678901234567', 'kept');
select results_eq(
    $$select c.code_value, c.long_code_value, c.urn_code_value from dpp.protocol_codes as c where c.object_id = dpp.draft_in_progress() order by c.ordinal$$,
    $$
        values
            ('1234567890123456' collate "C", null::text collate "C", null::text collate "C"), (null, '12345678901234567', null), (null, null, 'urn:oid:1.2'),
            (null, null, 'http://a/b'), (null, null, 'URN:x'), ('12345678901234567', 'kept', null)
    $$,
    'codes go where their length and form belong');

-- Constraints: what is written, and what becomes of it
insert into dpp.protocol_elements (kind) values ('acquisition'), ('acquisition'), ('reconstruction');
create temporary table written (n int generated always as identity, columns text, "values" text, becomes jsonb);
insert into written (columns, "values", becomes)
values
    -- which attribute
    ('selector_keyword', '''KVP''', '{"selector_attribute": "00180060", "selector_keyword": "KVP", "selector_name": "KVP", "selector_vr": "DS"}'),
    ('selector_keyword', '''patientage''', '{"selector_attribute": "00101010", "selector_keyword": "PatientAge", "selector_name": "Patient''s Age", "selector_vr": "AS"}'),
    ('selector_attribute', '''(0018,9305)''', '{"selector_attribute": "00189305", "selector_keyword": "RevolutionTime", "selector_vr": "FD"}'),
    ('selector_attribute', '''RevolutionTime''', '{"selector_attribute": "00189305", "selector_keyword": "RevolutionTime", "selector_vr": "FD"}'),
    ('selector_name', '''Revolution Time''', '{"selector_attribute": "00189305", "selector_keyword": "RevolutionTime", "selector_vr": "FD"}'),
    ('selector_keyword, selector_name, selector_vr', '''KVP'', ''voltage'', ''fd''', '{"selector_attribute": "00180060", "selector_name": "voltage", "selector_vr": "FD"}'),
    ('selector_attribute, selector_keyword', '''00180060'', ''CTDIvol''', '{"selector_attribute": "00180060", "selector_keyword": "CTDIvol", "selector_name": "KVP"}'),
    ('selector_keyword', '''KPV''', '{"selector_attribute": null, "selector_keyword": "KPV", "selector_name": null, "selector_vr": null}'),
    ('selector_attribute, selector_name, selector_vr', '''0021,10fe'', ''x'', ''DS''', '{"selector_attribute": "002110FE", "selector_keyword": null, "selector_vr": "DS"}'),
    ('selector_attribute', '''00211099''', '{"selector_attribute": "00211099", "selector_name": null, "selector_vr": null}'),
    -- where
    ('selector_keyword', '''CTDIvol''', '{"selector_path": ["00189920"], "selector_path_items": [2], "selector_value_number": 1}'),
    ('selector_keyword', '''KVP''', '{"selector_path": ["00189920", "00189325"], "selector_path_items": [2, 1]}'),
    ('selector_keyword, selector_path', '''KVP'', ''{00189920}''', '{"selector_path": ["00189920"], "selector_path_items": [2]}'),
    ('selector_keyword, selector_path', '''KVP'', ''{CTXRayDetailsSequence}''', '{"selector_path": ["00189920", "00189325"], "selector_path_items": [2, 1]}'),
    ('selector_keyword, selector_path, selector_path_items', '''KVP'', array[''(0018,9325)''], ''{3}''', '{"selector_path": ["00189920", "00189325"], "selector_path_items": [2, 3]}'),
    ('selector_keyword, selector_path', '''KVP'', ''{00189920,00189325}''', '{"selector_path": ["00189920", "00189325"], "selector_path_items": [2, 1]}'),
    ('selector_keyword, selector_path, selector_path_items', '''KVP'', ''{00189920,00189325}'', ''{0,0}''', '{"selector_path": ["00189920", "00189325"], "selector_path_items": [0, 0]}'),
    ('selector_keyword, selector_path, selector_path_items', '''KVP'', ''{00189920,00189325}'', ''{0}''', '{"selector_path_items": [0, 1]}'),
    ('selector_keyword, selector_path, selector_path_items', '''KVP'', ''{CTXRayDetailsSequence}'', ''{2,3}''', '{"selector_path": ["00189920", "00189325"], "selector_path_items": [2, 3]}'),
    ('selector_keyword, selector_path_items', '''CTDIvol'', ''{0}''', '{"selector_path": ["00189920"], "selector_path_items": [0]}'),
    -- type
    ('selector_keyword, constraint_values', '''KVP'', ''{120}''', '{"constraint_type": "EQUAL", "selector_value_number": 1}'),
    ('selector_keyword, default_values', '''KVP'', ''{120}''', '{"constraint_type": "UNCONSTRAINED", "default_numbers": [120]}'),
    ('selector_keyword, constraint_type, constraint_values', '''KVP'', ''range_incl'', ''{1,2}''', '{"constraint_type": "RANGE_INCL", "selector_value_number": 1}'),
    ('selector_keyword, constraint_values', '''KVP'', ''{1,2}''', '{"constraint_type": "EQUAL", "selector_value_number": 0}'),
    ('selector_keyword, constraint_values, selector_value_number', '''KVP'', ''{1,2}'', 2', '{"selector_value_number": 2}'),
    ('selector_keyword, significance', '''KVP'', ''warning''', '{"significance": "WARNING", "constraint_type": null}'),
    -- numbers
    ('selector_keyword, constraint_values', '''KVP'', ''{120,+1.5,1e3,x}''', '{"constraint_numbers": [120, 1.5, 1000, null]}'),
    ('selector_keyword, constraint_numbers', '''KVP'', ''{120,0.1}''', '{"constraint_values": ["120", "0.1"], "constraint_numbers": [120, 0.1]}'),
    ('selector_keyword, constraint_numbers', '''KVP'', ''{0.30000000000000004}''', '{"constraint_values": ["0.3"], "constraint_numbers": [0.3]}'),
    ('selector_keyword, constraint_numbers', '''KVP'', ''{-123456789.123456789}''', '{"constraint_values": ["-123456789.12346"], "constraint_numbers": [-123456789.12346]}'),
    ('selector_keyword, constraint_numbers', '''KVP'', ''{1e20,1e-20}''', '{"constraint_values": ["1.00000000e+20", "1.00000000e-20"]}'),
    ('selector_keyword, constraint_numbers', '''CTDIvol'', ''{0.30000000000000004,1e-9}''', '{"constraint_values": ["0.30000000000000004", "0.000000001"]}'),
    ('selector_keyword, constraint_values, constraint_numbers', '''KVP'', ''{120}'', ''{140}''', '{"constraint_values": ["120"], "constraint_numbers": [120]}'),
    ('selector_keyword, constraint_values, constraint_numbers', '''AcquisitionType'', ''{SPIRAL}'', ''{1}''', '{"constraint_numbers": []}'),
    ('selector_keyword, default_numbers', '''KVP'', ''{120}''', '{"default_values": ["120"], "default_numbers": [120]}'),
    ('selector_keyword, constraint_numbers', '''KPV'', ''{120}''', '{"constraint_values": [], "constraint_numbers": [120], "constraint_type": "EQUAL"}'),
    -- unit
    ('selector_keyword, unit_code', '''KVP'', ''kV''', '{"unit_scheme": "UCUM", "unit_meaning": "kilovolt"}'),
    ('selector_keyword, unit_code', '''KVP'', ''images''', '{"unit_scheme": "UCUM", "unit_meaning": "images"}'),
    ('selector_keyword, unit_code, unit_scheme', '''KVP'', ''kV'', ''99X''', '{"unit_scheme": "99X", "unit_meaning": null}'),
    ('selector_keyword, unit_code, unit_meaning', '''KVP'', ''kV'', ''Kilo''', '{"unit_scheme": "UCUM", "unit_meaning": "Kilo"}'),
    ('selector_keyword', '''KVP''', '{"unit_scheme": null, "unit_meaning": null}');
create function pg_temp.written(p_columns text, p_values text, p_keys jsonb)
returns jsonb language plpgsql as $$
declare
    made jsonb;
begin
    execute format(
        'insert into dpp.parameter_constraints as c (kind, element_ordinal, %s) values (''acquisition'', 2, %s) returning to_jsonb(c)',
        p_columns, p_values) into made;
    return (select jsonb_object_agg(k.key, made -> k.key) from jsonb_object_keys(p_keys) as k (key));
end
$$;
insert into written (columns, "values", becomes)
select 'selector_keyword', quote_literal(k.keyword), '{"selector_path": ["00189920", "00189325"], "selector_path_items": [2, 1]}'
from unnest('{BeamNumber,XRayTubeCurrentInmA,ExposureTimeInms,ExposureInmAs,ExposureModulationType,DataCollectionDiameter,AutoKVPSelectionType,AutoKVPUpperBound,AutoKVPLowerBound}'::text[]) as k (keyword);
select is(dpp.default_path(p.kind, p.uid, '00180060'), '{}', format('nowhere else for %s of %s', p.kind, p.uid))
from (
    values ('acquisition', '1.2.840.10008.5.1.4.1.1.200.7'), ('reconstruction', '1.2.840.10008.5.1.4.1.1.200.1'), ('patient', '1.2.840.10008.5.1.4.1.1.200.1')
) as p (kind, uid);
select is(pg_temp.written(w.columns, w."values", w.becomes), w.becomes, format('(%s) = (%s)', w.columns, w."values")) from written as w order by w.n;
select is(
    (
        select array[to_jsonb(c.selector_path), to_jsonb(c.selector_path_items)]
        from dpp.parameter_constraints as c
        where c.object_id = (select x.object_id from dpp.protocols as x where x.protocol_name = 'Heart') and c.kind = 'patient' and c.ordinal = 1
    ),
    '{"[]","[]"}'::jsonb[], 'the patient''s have no path');

-- Changes: what follows
create temporary table changed (n int generated always as identity, change text, becomes jsonb);
insert into changed (change, becomes)
values
    ('selector_keyword = ''CTDIvol''', '{"selector_attribute": "00189345", "selector_name": "CTDIvol", "selector_vr": "FD", "constraint_numbers": [120]}'),
    ('selector_attribute = ''0018,9345''', '{"selector_attribute": "00189345", "selector_keyword": "CTDIvol", "selector_name": "CTDIvol", "selector_vr": "FD"}'),
    ('selector_keyword = null', '{"selector_attribute": "00180060", "selector_keyword": "KVP"}'),
    ('selector_attribute = ''00211099'', selector_keyword = null, selector_name = ''x'', selector_vr = ''LO''', '{"selector_attribute": "00211099", "selector_keyword": null, "selector_name": "x", "selector_vr": "LO", "constraint_numbers": []}'),
    ('selector_name = ''voltage''', '{"selector_attribute": "00180060", "selector_name": "voltage"}'),
    ('constraint_values = ''{140}''', '{"constraint_numbers": [140], "constraint_values": ["140"]}'),
    ('constraint_numbers = ''{140}''', '{"constraint_numbers": [140], "constraint_values": ["140"]}'),
    ('constraint_values = ''{140}'', constraint_numbers = ''{150}''', '{"constraint_numbers": [140], "constraint_values": ["140"]}'),
    ('constraint_numbers = ''{}''', '{"constraint_numbers": [], "constraint_values": []}'),
    ('default_values = ''{1}''', '{"default_numbers": [1], "default_values": ["1"]}'),
    ('default_numbers = ''{1}''', '{"default_numbers": [1], "default_values": ["1"]}'),
    ('selector_vr = ''LO''', '{"constraint_numbers": [], "constraint_values": ["120"]}'),
    ('unit_code = ''V''', '{"unit_scheme": "UCUM", "unit_meaning": "volt"}'),
    ('unit_code = ''V'', unit_meaning = ''Volts''', '{"unit_meaning": "Volts"}'),
    ('unit_code = null', '{"unit_scheme": null, "unit_meaning": null}'),
    ('element_ordinal = 1, ordinal = 99', '{"selector_path_items": [1, 1]}'),
    ('element_ordinal = 1, ordinal = 99, selector_path_items = ''{0,1}''', '{"selector_path_items": [0, 1]}'),
    -- what was received of a column goes when that is changed, and stays otherwise
    ('constraint_values = ''{140}''', '{"other_attributes": {"00204000": {"vr": "LT"}}}'),
    ('selection_guidance = ''x''', '{"other_attributes": {"00204000": {"vr": "LT"}, "00820034": {"vr": "SQ"}}}');
insert into dpp.parameter_constraints (
    kind, element_ordinal, ordinal, selector_keyword, selector_path, constraint_values, unit_code, other_attributes)
values ('acquisition', 2, 1000, 'KVP', '{CTXRayDetailsSequence}', '{120}', 'kV', '{"00204000": {"vr": "LT"}, "00820034": {"vr": "SQ"}}');
create function pg_temp.changed(p_change text, p_keys jsonb)
returns jsonb language plpgsql as $$
declare
    made jsonb;
begin
    begin
        execute format(
            'update dpp.parameter_constraints as c set %s where c.object_id = dpp.draft_in_progress() and c.kind = ''acquisition'' and c.element_ordinal = 2 and c.ordinal = 1000 returning to_jsonb(c)',
            p_change) into made;
        raise exception 'undo' using errcode = 'DPU01';
    exception
        when sqlstate 'DPU01' then null;
    end;
    return (select jsonb_object_agg(k.key, made -> k.key) from jsonb_object_keys(p_keys) as k (key));
end
$$;
select is(pg_temp.changed(c.change, c.becomes), c.becomes, c.change) from changed as c order by c.n;

-- The same in other tables
insert into dpp.protocol_models (manufacturer, other_attributes) values ('A', '{"00080070": {"vr": "LO", "Value": ["A", "B"]}, "00181204": {"vr": "DA"}}');
update dpp.protocol_models set manufacturer = 'C' where object_id = dpp.draft_in_progress();
select is(
    (select m.other_attributes from dpp.protocol_models as m where m.object_id = dpp.draft_in_progress()), '{"00181204": {"vr": "DA"}}',
    'a changed model is what the column says');
update dpp.protocols set other_attributes = '{"00181030": {"vr": "LO", "Value": ["A", "B"]}}' where object_id = dpp.draft_in_progress();
update dpp.protocols set protocol_name = 'C' where object_id = dpp.draft_in_progress();
select is(
    (select p.other_attributes from dpp.protocols as p where p.object_id = dpp.draft_in_progress()), '{}', 'so is a changed header');
delete from dpp.protocol_models where object_id = dpp.draft_in_progress();

-- Not of what is received
create temporary table received (id bigint);
select dpp.draft_in_progress() as draft \gset
set local dpp.maintenance = on;
with o as (insert into dpp.objects (sop_instance_uid, sop_class_uid) values ('2.25.77', '1.2.840.10008.5.1.4.1.1.200.1') returning id)
insert into received select * from o;
insert into dpp.protocols (object_id) select id from received;
insert into dpp.parameter_constraints (object_id, kind, element_ordinal, ordinal, selector_keyword, constraint_values)
select id, 'acquisition', 1, 1, 'KVP', '{120}' from received;
reset dpp.maintenance;
select is(
    (
        select array[p.equipment_modality, c.selector_attribute, c.constraint_type, c.constraint_numbers::text]
        from dpp.protocols as p
        join dpp.parameter_constraints as c using (object_id)
        where p.object_id = (select id from received)
    ),
    array[null, null, null, '{}'] collate "C", 'rows of received objects stay as they are');
select is(dpp.draft_in_progress(), :draft::bigint, 'and are at work for nobody');

-- dpp.complete
update dpp.repository set manufacturer = 'Maker', manufacturer_model_name = 'Model', device_serial_number = 'Serial', software_versions = '{9.9}';
select sop_instance_uid as uid from dpp.objects where id = :draft \gset
select dpp.complete(:draft);
select results_eq(
    format('select p.content_creator_name, p.manufacturer, p.manufacturer_model_name, p.device_serial_number, p.software_versions from dpp.protocols as p where p.object_id = %s', :draft),
    $$values (session_user::text collate "C", 'Maker' collate "C", 'Model' collate "C", 'Serial' collate "C", '{9.9}'::text[] collate "C")$$, 'creator and equipment');
select is(
    (select p.creation_instant from dpp.protocols as p where p.object_id = :draft), date_trunc('second', now()), 'creation is now');
select is((select o.timezone_offset from dpp.objects as o where o.id = :draft), '+0000', 'in UTC');
update dpp.repository set software_versions = '{}';
insert into dpp.objects (sop_class_uid, timezone_offset) values ('CT', '-0330') returning id as draft \gset
insert into dpp.protocols (protocol_name, content_creator_name, manufacturer, instance_creation_time, clinical_trial_protocol_id)
values ('A', 'B', 'C', '0815', 'T');
insert into dpp.protocol_predecessors (referenced_sop_instance_uid) values (:'uid'), ('1.2.3');
select dpp.complete(:draft);
select results_eq(
    format('select p.content_creator_name, p.manufacturer, p.manufacturer_model_name, p.software_versions, p.instance_creation_time, p.instance_creation_date from dpp.protocols as p where p.object_id = %s', :draft),
    $$
        select 'B' collate "C", 'C' collate "C", 'Model' collate "C", array[max(m.version)::text] collate "C", '0815' collate "C",
            to_char((now() at time zone 'UTC') - interval '3 hours 30 minutes', 'YYYYMMDD') collate "C"
        from dpp.schema_migrations as m
    $$,
    'what is there stays; the date is that of the zone; the version is that of the schema');
select is((select o.timezone_offset from dpp.objects as o where o.id = :draft), '-0330', 'the zone stays');
select is(
    (select p.other_attributes from dpp.protocols as p where p.object_id = :draft),
    '{"00120021": {"vr": "LO"}, "00120030": {"vr": "LO"}, "00120031": {"vr": "LO"}, "00120060": {"vr": "LO"}, "00189912": {"vr": "SQ"}}'::jsonb,
    'attributes of Type 2');
select is(
    (select array_agg(p.referenced_sop_class_uid) from dpp.protocol_predecessors as p where p.object_id = :draft),
    array['1.2.840.10008.5.1.4.1.1.200.1', '1.2.840.10008.5.1.4.1.1.200.1'] collate "C", 'SOP classes of predecessors');
insert into dpp.protocol_models (object_id, manufacturer) values (:draft, 'X');
update dpp.protocols set clinical_trial_protocol_name = 'N' where object_id = :draft;
select dpp.complete(:draft);
select is(
    (select p.other_attributes from dpp.protocols as p where p.object_id = :draft),
    '{"00120030": {"vr": "LO"}, "00120031": {"vr": "LO"}, "00120060": {"vr": "LO"}}'::jsonb, 'what has values by now is without value no more');
insert into dpp.objects (sop_class_uid) values ('APPROVAL') returning id as draft \gset
insert into dpp.approvals default values;
insert into dpp.approval_subjects (referenced_sop_instance_uid) values (:'uid'), ('1.2.3');
insert into dpp.approval_assertions (assertion_datetime) values (null), ('2026');
select dpp.complete(:draft);
select results_eq(
    format('select s.referenced_sop_class_uid from dpp.approval_subjects as s where s.object_id = %s order by s.ordinal', :draft),
    $$values ('1.2.840.10008.5.1.4.1.1.200.1' collate "C"), (null)$$, 'the SOP class of a subject that is here');
select results_eq(
    format('select a.assertion_uid ~ ''^2\.25\.'', a.assertion_datetime from dpp.approval_assertions as a where a.object_id = %s order by a.ordinal', :draft),
    $$values (true, (to_char(now() at time zone 'UTC', 'YYYYMMDDHH24MISS') || '+0000') collate "C"), (true, '2026')$$, 'UID and time of assertions');
select results_eq(
    format('select a.manufacturer, a.creation_instant, o.timezone_offset from dpp.approvals as a join dpp.objects as o on o.id = a.object_id where o.id = %s', :draft),
    $$values ('Maker' collate "C", date_trunc('second', now()), '+0000' collate "C")$$, 'equipment and creation of an approval');
select is(dpp.offset_text(o.value), o.text, o.text)
from (values (interval '0', '+0000'), (interval '90 minutes', '+0130'), (interval '-210 minutes', '-0330')) as o (value, text);

-- What is in an item goes and moves with it
insert into dpp.objects (sop_class_uid) values ('CT') returning id as draft \gset
insert into dpp.protocols (protocol_name) values ('Moved');
insert into dpp.protocol_elements (kind, element_name) values ('acquisition', 'a'), ('acquisition', 'b'), ('acquisition', 'c'), ('storage', 's');
insert into dpp.parameter_constraints (kind, element_ordinal, selector_keyword, constraint_values)
values ('patient', 0, 'PatientSex', '{F}'), ('acquisition', 1, 'CTDIvol', '{1}'), ('acquisition', 2, 'CTDIvol', '{2}'), ('acquisition', 3, 'CTDIvol', '{3}'),
    ('storage', 1, 'DestinationAE', '{S}');
insert into dpp.protocol_custodians (institution_name) values ('a'), ('b');
insert into dpp.protocol_codes (role, parent_ordinal, ordinal, equivalent, code_value)
values ('custodian_institution', 1, 1, 0, 'a'), ('custodian_institution', 2, 1, 0, 'b'), ('reason', 0, 1, 0, 'r'), ('reason', 0, 1, 1, 'r1'), ('reason', 0, 2, 0, 's'),
    ('reason', 0, 2, 1, 's1');
create function pg_temp.held(p_object_id bigint)
returns text language sql as $$
    select concat_ws('; ',
        (
            select string_agg(concat_ws(' ', c.kind, c.element_ordinal, c.selector_path_items, c.constraint_values), ', ' order by c.kind, c.element_ordinal)
            from dpp.parameter_constraints as c
            where c.object_id = p_object_id
        ),
        (
            select string_agg(concat_ws(' ', c.role, c.parent_ordinal, c.ordinal, c.equivalent, c.code_value), ', ' order by c.role, c.parent_ordinal, c.ordinal, c.equivalent)
            from dpp.protocol_codes as c
            where c.object_id = p_object_id
        ),
        (
            select string_agg(concat_ws(' ', c.role, c.assertion_ordinal, c.asserter_ordinal, c.ordinal, c.equivalent, c.code_value), ', ' order by c.code_value)
            from dpp.approval_codes as c
            where c.object_id = p_object_id
        ),
        (
            select string_agg(concat_ws(' ', c.assertion_ordinal, c.ordinal, c.person_name), ', ' order by c.assertion_ordinal, c.ordinal)
            from dpp.approval_asserters as c
            where c.object_id = p_object_id
        ),
        (
            select string_agg(concat_ws(' ', c.assertion_ordinal, c.referenced_assertion_uid), ', ' order by c.assertion_ordinal)
            from dpp.approval_related_assertions as c
            where c.object_id = p_object_id
        ))
$$;
delete from dpp.protocol_elements where object_id = :draft and element_name = 'a';
delete from dpp.protocol_custodians where object_id = :draft and institution_name = 'a';
delete from dpp.protocol_codes where object_id = :draft and code_value = 'r';
select is(
    pg_temp.held(:draft),
    'acquisition 2 {2} {2}, acquisition 3 {3} {3}, patient 0 {} {F}, storage 1 {1} {S}; custodian_institution 2 1 0 b, reason 0 2 0 s, reason 0 2 1 s1',
    'parameters go with their element, codes with their custodian, equivalents with their code');
update dpp.protocol_elements set ordinal = ordinal - 1 where object_id = :draft and kind = 'acquisition';
update dpp.protocol_custodians set ordinal = ordinal - 1 where object_id = :draft;
update dpp.protocol_codes set ordinal = ordinal - 1 where object_id = :draft and role = 'reason';
select is(
    pg_temp.held(:draft),
    'acquisition 1 {1} {2}, acquisition 2 {2} {3}, patient 0 {} {F}, storage 1 {1} {S}; custodian_institution 1 1 0 b, reason 0 1 0 s, reason 0 1 1 s1',
    'and move with them');
update dpp.protocol_elements set element_name = 'x', kind = kind where object_id = :draft;
select is(pg_temp.held(:draft), 'acquisition 1 {1} {2}, acquisition 2 {2} {3}, patient 0 {} {F}, storage 1 {1} {S}; custodian_institution 1 1 0 b, reason 0 1 0 s, reason 0 1 1 s1', 'only then');
insert into dpp.objects (sop_class_uid) values ('APPROVAL') returning id as draft \gset
insert into dpp.approvals default values;
insert into dpp.approval_assertions (assertion_uid) values ('1.1'), ('1.2');
insert into dpp.approval_asserters (assertion_ordinal, observer_type, person_name) values (1, 'PSN', 'a'), (2, 'PSN', 'b'), (2, 'PSN', 'c');
insert into dpp.approval_codes (role, assertion_ordinal, asserter_ordinal, ordinal, equivalent, code_value)
values ('assertion', 1, 0, 1, 0, 'a'), ('assertion', 2, 0, 1, 0, 'b'), ('assertion', 2, 0, 1, 1, 'b1'), ('person', 2, 1, 1, 0, 'p1'), ('person', 2, 2, 1, 0, 'p2'), ('person', 2, 2, 1, 1, 'p2e');
insert into dpp.approval_related_assertions (assertion_ordinal, referenced_assertion_uid) values (1, '2.1'), (2, '2.2');
delete from dpp.approval_asserters where object_id = :draft and person_name = 'b';
delete from dpp.approval_codes where object_id = :draft and code_value = 'p2';
delete from dpp.approval_assertions where object_id = :draft and ordinal = 1;
update dpp.approval_assertions set ordinal = 1 where object_id = :draft;
select is(
    pg_temp.held(:draft), 'assertion 1 0 1 0 b, assertion 1 0 1 1 b1; 1 2 c; 1 2.2', 'likewise in an assertion and in an asserter');
insert into dpp.approval_codes (role, assertion_ordinal, asserter_ordinal, code_value) values ('person', 1, 2, 'p');
update dpp.approval_asserters set ordinal = 1 where object_id = :draft;
select is(
    pg_temp.held(:draft), 'assertion 1 0 1 0 b, assertion 1 0 1 1 b1, person 1 1 1 0 p; 1 1 c; 1 2.2', 'codes of an asserter move with it');

-- What no row can have is told in words: kinds, roles, classes
insert into dpp.objects (sop_class_uid) values ('CT');
insert into dpp.protocols (protocol_name) values ('Refused');
select throws_ok(r.statement, r.state, r.message, r.statement)
from (
    values
        ('insert into dpp.objects (sop_class_uid) values (''MR'')', '23514', 'dpp.objects.sop_class_uid: ''MR'' is not one of CT, XA, APPROVAL, and no UID'),
        ('insert into dpp.objects (sop_class_uid, sop_instance_uid) values (''CT'', ''head'')', '23514', 'dpp.objects.sop_instance_uid: ''head'' is no UID'),
        ('insert into dpp.protocol_elements (kind) values (''scan'')', '23514', 'dpp.protocol_elements.kind: ''scan'' is not one of acquisition, reconstruction, storage'),
        ('insert into dpp.instructions (kind) values (''note'')', '23514', 'dpp.instructions.kind: ''note'' is not one of instruction, positioning'),
        ('insert into dpp.protocol_codes (role) values (''region'')', '23514',
            'dpp.protocol_codes.role: ''region'' is not one of custodian_institution, responsible_group, scheduled_protocol, requested_procedure, reason, contraindication, anatomic_region, primary_structure, positioning_method'),
        ('insert into dpp.parameter_constraints (kind, selector_keyword) values (''Storage'', ''KVP'')', '23514',
            'dpp.parameter_constraints.kind: ''Storage'' is not one of patient, acquisition, reconstruction, storage'),
        ('insert into dpp.parameter_constraints (kind, selector_keyword) values (''storage'', ''KVP'')', '23502',
            'dpp.parameter_constraints.element_ordinal: the draft has no storage element that KVP could belong to')
) as r (statement, state, message);

select * from finish();
rollback;
