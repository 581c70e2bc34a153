-- Authoring documents: the samples, everything that tables can hold, what is refused, and docs/authoring.md.
begin;
set local client_min_messages = error; -- not what dpp.publish warns of
\ir ../support/maximal.sql
\set protocols `cat samples/protocols.json`
\set dicom `cd samples/dicom && { printf '{"": null'; for f in ct-*.json xa-*.json syn-*.json; do printf ', "%s": ' "${f%.json}"; cat "$f"; done; printf '}'; }`
\set text `cat docs/authoring.md`
select no_plan();

-- The samples become what tools/make_samples.py makes of them, but for what that makes up.
create temporary table samples as
select r.value ->> 'id' as id, r.value as document, :'dicom'::jsonb -> (r.value ->> 'id') as dataset, null::text as uid
from jsonb_array_elements(:'protocols'::jsonb) as r (value);
select is((select count(*) from samples as s where s.dataset is not null), 60::bigint, 'the samples are there');
select is_empty(
    $$select s.id, f.* from samples as s cross join lateral dpp.document_faults(s.document, 'protocol', '') as f$$, 'nothing is wrong with them');
update samples as s
set uid = dpp.load_protocol(
    s.document || jsonb_build_object('private_creator', 'DPPR SAMPLES 1.0', 'sop_instance_uid', dpp.uid_of_document(s.document)));
select is(dpp.publish(s.uid), s.uid, s.id || ' is published') from samples as s;
create function pg_temp.comparable(p_dataset jsonb, p_document jsonb)
returns jsonb language sql as $$
    select p_dataset - '{00080005,00080018,00080070,00080201,00081090,00181000,00181020,0018990E}'::text[]
        - case when p_document ? 'creator' then '' else '00700084' end
        - case when p_document ? 'creation_date' then '' else '00080012' end
        - case when p_document ? 'creation_time' then '' else '00080013' end
        - case when p_document -> 'context' ? 'patient_position' then '' else '00189947' end
$$;
select is(
    pg_temp.comparable(dpp.dataset_of(o.id), s.document), pg_temp.comparable(s.dataset, s.document), s.id || ' says what the sample says')
from samples as s
join dpp.objects as o on o.sop_instance_uid = s.uid;
select set_eq(
    $$
        select s.id, p.referenced_sop_instance_uid, p.referenced_sop_class_uid
        from samples as s
        join dpp.objects as o on o.sop_instance_uid = s.uid
        join dpp.protocol_predecessors as p on p.object_id = o.id
    $$,
    $$
        select s.id, b.uid collate "C", (s.dataset -> '00080016' -> 'Value' ->> 0) collate "C"
        from samples as s
        join samples as b on b.id = s.document ->> 'predecessor'
    $$,
    'predecessors are the samples that they name');

-- There and back again
create temporary table copies (name text, uid text, copy text);
insert into copies
select s.id, s.uid, dpp.load_protocol(dpp.document_of(s.uid) - 'sop_instance_uid')
from samples as s;
select dpp_test.maximal_protocol() as uid \gset
insert into copies values ('everything', :'uid', dpp.load_protocol(dpp.document_of(:'uid') - 'sop_instance_uid'));
select is(
    dpp.dataset_of(b.id) - '00080018', dpp.dataset_of(a.id) - '00080018', c.name || ' is the same again')
from copies as c
join dpp.objects as a on a.sop_instance_uid = c.uid
join dpp.objects as b on b.sop_instance_uid = c.copy;
select is(dpp.document_of(c.copy) - 'sop_instance_uid', dpp.document_of(c.uid) - 'sop_instance_uid', c.name || ' is written the same again')
from copies as c
where c.name in ('everything', 'ct-head-acme', 'xa-pedcath-v1');

-- PS3.3 10.25: MEMBER_OF_CID has a Selector UI Value, whatever the selector's VR.
select is(
    (
        select jsonb_path_query_first(
            dpp.dataset_of(o.id),
            '$."0018991F"."Value"[1]."00189913"."Value"[*] ? (@."00820032"."Value"[0] == "MEMBER_OF_CID")."00820034"')
        from dpp.objects as o
        where o.sop_instance_uid = :'uid'
    ),
    '{"vr": "SQ", "Value": [{"0072007F": {"vr": "UI", "Value": ["1.2.840.10008.6.1.2"]}}]}'::jsonb, 'a context group is a UID');

-- Members of documents, and the rows that they become
create function pg_temp.loaded(p_document jsonb, p_query text)
returns text language plpgsql as $$
declare
    uid text := dpp.load_protocol(p_document);
    made text;
begin
    execute 'select (' || p_query || ')::text'
        into made
        using (select o.id from dpp.objects as o where o.sop_instance_uid = uid);
    return made;
end
$$;
select is(pg_temp.loaded(d.document, d.query), d.result, d.document::text)
from (
    values
        ('{}'::jsonb, 'select o.sop_class_uid from dpp.objects as o where o.id = $1', '1.2.840.10008.5.1.4.1.1.200.1'),
        ('{"modality": "XA"}', 'select o.sop_class_uid from dpp.objects as o where o.id = $1', '1.2.840.10008.5.1.4.1.1.200.7'),
        ('{"sop_instance_uid": "2.25.4711", "timezone": "+0100"}', 'select o.sop_instance_uid || o.timezone_offset from dpp.objects as o where o.id = $1', '2.25.4711+0100'),
        ('{"name": ""}', 'select p.protocol_name is null from dpp.protocols as p where p.object_id = $1', 'true'),
        ('{"name": 5}', 'select p.protocol_name from dpp.protocols as p where p.object_id = $1', '5'),
        ('{"indications": "a"}', 'select p.potential_reasons from dpp.protocols as p where p.object_id = $1', '{a}'),
        ('{"institution": "A", "custodians": {"institution": "B", "institution_codes": {"value": "b"}}}',
            'select string_agg(concat_ws('' '', k.ordinal, k.institution_name, c.code_value), '', '' order by k.ordinal) from dpp.protocol_custodians as k left join dpp.protocol_codes as c on c.object_id = k.object_id and c.parent_ordinal = k.ordinal where k.object_id = $1', '1 A, 2 B b'),
        ('{"context": {"institution": "A", "patient_position": "FFS", "responsible_group": {"value": "g"}}}',
            'select concat_ws('' '', k.institution_name, p.patient_position, c.role, c.code_value) from dpp.protocols as p join dpp.protocol_custodians as k using (object_id) join dpp.protocol_codes as c using (object_id) where p.object_id = $1', 'A FFS responsible_group g'),
        ('{"procedure_codes": [{"value": "a", "equivalents": [{"value": "b"}]}], "scheduled_protocol_codes": {"value": "c"}, "body_region_code": {"value": "d"}, "anatomic_regions": [{"value": "e"}]}',
            'select string_agg(concat_ws('' '', c.role, c.ordinal, c.equivalent, c.code_value), '', '' order by c.role, c.ordinal, c.equivalent) from dpp.protocol_codes as c where c.object_id = $1',
            'anatomic_region 1 0 e, anatomic_region 2 0 d, requested_procedure 1 0 a, requested_procedure 1 1 b, scheduled_protocol 1 0 a, scheduled_protocol 1 1 b, scheduled_protocol 2 0 c'),
        ('{"predecessor": "1.2.3", "predecessors": [{"sop_instance_uid": "other", "sop_class_uid": "1.2"}]}',
            'select string_agg(concat_ws('' '', p.referenced_sop_instance_uid = any (array[''1.2.3'', dpp.uid_of_document(''{"id": "other"}'')]), p.referenced_sop_class_uid), '', '' order by p.ordinal) from dpp.protocol_predecessors as p where p.object_id = $1', 't, t 1.2'),
        ('{"contrast": {"volume_mL": [80, null], "agent": "X", "status": "s", "use": null}}', 'select p.planning_information from dpp.protocols as p where p.object_id = $1', 'Contrast medium. agent: X; volume_mL: 80 to ...'),
        ('{"contrast": {"agent": "X"}, "planning_information": "Y"}', 'select p.planning_information from dpp.protocols as p where p.object_id = $1', 'Y'),
        ('{"clinical_trial": {"sponsor": "S", "protocol_id": "P", "site_id": "I", "coordinating_center": "C"}}',
            'select concat_ws('' '', p.clinical_trial_sponsor_name, p.clinical_trial_protocol_id, p.other_attributes) from dpp.protocols as p where p.object_id = $1',
            'S P {"00120030": {"vr": "LO", "Value": ["I"]}, "00120060": {"vr": "LO", "Value": ["C"]}}'),
        ('{"equipment": {"manufacturer": "M", "software_versions": "1", "serial_number": 7}}', 'select concat_ws('' '', m.manufacturer, m.software_versions, m.device_serial_number) from dpp.protocol_models as m where m.object_id = $1', 'M {1} 7'),
        ('{"instructions": [{"text": "a"}, {"text": "b", "index": "5"}], "positioning_instructions": {"text": "c"}}',
            'select string_agg(concat_ws('' '', i.kind, i.ordinal, i.instruction_index, i.instruction_text), '', '' order by i.kind, i.ordinal) from dpp.instructions as i where i.object_id = $1', 'instruction 1 1 a, instruction 2 5 b, positioning 1 1 c'),
        ('{"acquisition": {"name": "N", "parameters": {"keyword": "KVP", "value": 1.50}}}',
            'select string_agg(concat_ws('' '', c.ordinal, c.selector_keyword, c.constraint_type, c.constraint_values), '', '' order by c.ordinal) from dpp.parameter_constraints as c where c.object_id = $1', '1 ProtocolElementName EQUAL {N}, 2 KVP EQUAL {1.5}'),
        ('{"acquisition": {"name": "N", "parameters": {"attribute": "0018,9922", "value": "M"}}}', 'select count(*) from dpp.parameter_constraints as c where c.object_id = $1', '1'),
        ('{"storage": {"element_name": "N", "purpose": "P", "number": 2}}', 'select concat_ws('' '', e.kind, e.ordinal, e.element_number, e.element_name, e.element_purpose) from dpp.protocol_elements as e where e.object_id = $1', 'storage 1 2 N P'),
        ('{"acquisition": {"parameters": [{"keyword": "KVP", "value": null}, {"keyword": "KVP", "value": null, "default": 1}, {"keyword": "CTDIvol", "constraint": "UNCONSTRAINED"}]}}',
            'select string_agg(concat_ws('' '', c.ordinal, c.selector_keyword, c.constraint_type), '', '' order by c.ordinal) from dpp.parameter_constraints as c where c.object_id = $1', '1 KVP UNCONSTRAINED, 2 CTDIvol UNCONSTRAINED'),
        ('{"acquisition": {"parameters": {"keyword": "KVP", "path": "CTXRayDetailsSequence", "path_item": 2, "value": 0.33333333333333333333}}}',
            'select concat_ws('' '', c.selector_path, c.selector_path_items, c.constraint_values) from dpp.parameter_constraints as c where c.object_id = $1', '{00189920,00189325} {1,2} {0.33333333333333}'),
        ('{"acquisition": {"parameters": [{"keyword": "KVP"}, {"keyword": "KVP", "path": []}, {"keyword": "CTDIvol"}]}}',
            'select string_agg(concat_ws('' '', c.selector_path, c.selector_path_items), '', '' order by c.ordinal) from dpp.parameter_constraints as c where c.object_id = $1', '{00189920,00189325} {1,1}, {00189920} {1}, {00189920} {1}'),
        ('{"acquisition": {"parameters": {"keyword": "KVP", "path": ["CTXRayDetailsSequence"], "path_items": [0, 3]}}}', 'select c.selector_path_items from dpp.parameter_constraints as c where c.object_id = $1', '{0,3}'),
        ('{"acquisition": {"parameters": {"keyword": "KVP", "path": ["CTXRayDetailsSequence"], "path_items": 3}}}', 'select c.selector_path_items from dpp.parameter_constraints as c where c.object_id = $1', '{1,3}'),
        ('{"acquisition": {"parameters": {"keyword": "ReferenceBasisCodeSequence", "constraint": "MEMBER_OF", "value": [{"value": "a", "scheme": "b", "meaning": "c"}, {"value": "d"}]}}}',
            'select c.constraint_values from dpp.parameter_constraints as c where c.object_id = $1', '{a^b^c,d^^}'),
        ('{"patient_constraints": {"keyword": "PatientAge", "value": "016Y", "modifiable": "NO", "guidance": "g", "condition": "c", "significance": "FAILURE", "unit": {"value": "u", "scheme": "s", "meaning": "m"}}}',
            'select concat_ws('' '', c.is_modifiable, c.selection_guidance, c.violation_condition, c.significance, c.unit_code, c.unit_scheme, c.unit_meaning) from dpp.parameter_constraints as c where c.object_id = $1', 'f g c FAILURE u s m'),
        ('{"private_creator": "X", "acquisition": {"non_dicom_parameters": [{"name": "a", "value": 1}, {"name": "b", "value": null}, {"name": "c", "value": "x", "note": "n"}, {"name": "d", "attribute": "00211001", "vr": "LO", "private_creator": "Y", "value": 2}]}}',
            'select string_agg(concat_ws('' '', c.selector_attribute, c.selector_vr, c.selector_private_creator, c.selector_name, c.selection_guidance), '', '' order by c.ordinal) from dpp.parameter_constraints as c where c.object_id = $1',
            '70010011 DS X a, 70010012 LO X c n, 00211001 LO Y d')
) as d (document, query, result);
select throws_ok(
    format('select dpp.load_protocol(%L)', jsonb_build_object('sop_instance_uid', :'uid')), '23505',
    format('sop_instance_uid: there is an object %s already, which is draft', :'uid'), 'a UID that is there');

-- What is refused: everything at once, with its path
create function pg_temp.faults(p_document jsonb)
returns text language sql as $$
    select string_agg(f.path || ': ' || f.fault, '; ' order by f.path collate "C")
    from dpp.document_faults(p_document, 'protocol', '') as f
$$;
select alike(pg_temp.faults(d.document), d.faults, d.document::text)
from (
    values
        ('[]'::jsonb, '(document): must be an object'),
        ('{"nmae": "x"}', 'nmae: is no member of protocol; do you mean name?'),
        ('{"completely_else": "x"}', 'completely_else: is no member of protocol'),
        ('{"name": []}', 'name: must be a text'),
        ('{"indications": {"a": 1}}', 'indications: must be a text, or a list of texts'),
        ('{"indications": ["a", null]}', 'indications: must be a text, or a list of texts'),
        ('{"equipment": "x"}', 'equipment: must be a list of objects, or one'),
        ('{"equipment": ["x"]}', 'equipment[0]: must be an object'),
        ('{"context": []}', 'context: must be an object'),
        ('{"other_attributes": "x"}', 'other_attributes: must be an object'),
        ('{"predecessor": 5}', 'predecessor: must be a text'),
        ('{"clinical_trial": {"site_id": 5}}', 'clinical_trial.site_id: must be a text'),
        ('{"contrast": "x"}', 'contrast: must be an object'),
        ('{"instructions": {"index": "x"}}', 'instructions.index: must be a whole number'),
        ('{"instructions": {"index": 1.5}}', 'instructions.index: must be a whole number'),
        ('{"procedure_codes": [{"code": "x"}]}', 'procedure_codes[0].code: is no member of code'),
        ('{"acquisition": [{}, {"parameters": [{"value": 1}]}]}', 'acquisition[1].parameters[0].keyword: is missing: a parameter has keyword, or attribute with name and vr'),
        ('{"acquisition": [{"parameters": [{"keyword": "KPV"}]}]}', 'acquisition[0].parameters[0].keyword: ''KPV'' is no keyword of the data dictionary; do you mean KVP?'),
        ('{"patient_constraints": {"keyword": "PatientAge", "modifiable": 1}}', 'patient_constraints.modifiable: must be true or false'),
        ('{"patient_constraints": {"keyword": "PatientAge", "value": true}}', '%patient_constraints.value: must be a number, a text, a code, or a list of them%'),
        ('{"patient_constraints": {"keyword": "PatientAge", "value": [[1]]}}', 'patient_constraints.value[0]: must be a number, a text, or a code'),
        ('{"patient_constraints": {"keyword": "PatientAge", "value": {"valeu": 1}}}', 'patient_constraints.value.valeu: is no member of code; do you mean value?'),
        ('{"patient_constraints": {"keyword": "PatientAge", "unit": 1}}', 'patient_constraints.unit: must be a text such as kV, or a code'),
        ('{"acquisition": {"parameters": {"keyword": "KVP", "path": ["KVP", "NoSequence"]}}}', 'acquisition.parameters.path[0]: ''KVP'' is no sequence of the data dictionary; acquisition.parameters.path[1]: ''NoSequence'' is no sequence of the data dictionary'),
        ('{"acquisition": {"parameters": {"keyword": "KVP", "path_items": [-1]}}}', 'acquisition.parameters.path_items: must be a whole number from 0, or a list of them'),
        ('{"storage": {"non_dicom_parameters": {"value": 1}}}', 'storage.non_dicom_parameters.name: is missing%')
) as d (document, faults);
select throws_ok(
    $$select dpp.load_protocol('{"nmae": "x", "indications": 5, "equipment": [{"modle": "x"}]}')$$, '22023',
    'the authoring document has 2 faults', 'all faults are one error');
select throws_ok('select dpp.load_protocol(null)', '22023', 'the authoring document has 1 fault', 'no document');
select throws_ok($$select dpp.document_of('1.2.3')$$, 'P0002', null, 'a UID that is not here');

-- docs/authoring.md has every member where it belongs, and only those.
create temporary table described as
select s.n as section, split_part(s.part, E'\n', 1) as title, m.match[1] as field, m.match[2] as description
from regexp_split_to_table(:'text', '\n### ') with ordinality as s (part, n)
cross join lateral regexp_matches(s.part, '\n\| `([a-z_]+)` \| [^|]* \| ([^\n]*) \|', 'g') as m (match)
where s.n > 1;
select set_eq(
    $$select d.section, d.field, d.description from described as d$$,
    $$
        select l.section, f.field, f.description
        from (
            select distinct on (d.level, d.field) d.level, d.field, d.description
            from dpp.document_fields as d
        ) as f
        join (
            select d.level, 1 + row_number() over (order by min(d.n)) as section
            from (select d.level, row_number() over () as n from dpp.document_fields as d) as d
            group by d.level
        ) as l on l.level is not distinct from f.level
    $$,
    'docs/authoring.md has the members of dpp.document_fields');
-- Its example
select is_empty(
    format('select * from dpp.problems(%L)', dpp.load_protocol(substring(:'text' from '```json\n(.*?)```')::jsonb)),
    'its example can be loaded and published');

select * from finish();
rollback;
