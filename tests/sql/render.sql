-- Rendering: which of columns and other_attributes counts, what dpp.render writes, that copied rows are the same content, and what
-- cannot be encoded, by table, row and column. Octets, digest and query record are held against the program in
-- tests/unit/catalog/test_render.c and test_lossless.c, values against pydicom in tests/integration/test_render.py.
\! "$DPPR_BINARY" import samples/dicom >/dev/null
begin;
select plan(71);
set local dpp.maintenance = on; -- rows as they are, without completion

create function pg_temp.protocol(p_uid text, p_others jsonb default '{}', p_name text default null)
returns bigint language sql as $$
    with o as (
        insert into dpp.objects (sop_instance_uid, sop_class_uid)
        values (p_uid, '1.2.840.10008.5.1.4.1.1.200.1')
        returning id
    )
    insert into dpp.protocols (object_id, protocol_name, other_attributes)
    select o.id, p_name, p_others from o
    returning object_id
$$;
create function pg_temp.attribute(p_id bigint, p_tag text)
returns jsonb language sql as $$
    select dpp.dataset_of(p_id) -> p_tag
$$;

-- Columns and other_attributes
select pg_temp.protocol('2.25.1', '{"00181030": {"vr": "LO", "Value": ["Other", "Two"]}}', 'Column') as both \gset
select pg_temp.protocol('2.25.2', '{"00181030": {"vr": "LO"}, "00180015": {"vr": "CS"}}', 'Column') as empty \gset
select pg_temp.protocol('2.25.3', '{"00181030": {"vr": "LO", "Value": []}}', 'Column') as none \gset
select pg_temp.protocol('2.25.4', '{"00181030": {"vr": "UN", "InlineBinary": "QQ=="}}', 'Column') as binary \gset
select pg_temp.protocol('2.25.5', '{"00189914": {"vr": "LO", "Value": ["no sequence"]}, "00189912": {"vr": "SQ"}}', '') as items \gset
insert into dpp.instructions (object_id, kind, ordinal, instruction_text, other_attributes)
values
    (:items, 'instruction', 7, 'First', '{"00189916": {"vr": "LO", "Value": ["Second"]}, "00091001": {"vr": "OB", "InlineBinary": "AQ=="}}'),
    (:items, 'instruction', 30, 'Last', '{}');
select is(pg_temp.attribute(:both, '00181030'), '{"vr": "LO", "Value": ["Other", "Two"]}', 'what other_attributes has is as received');
select is(pg_temp.attribute(:empty, '00181030'), '{"vr": "LO", "Value": ["Column"]}', 'unless it has no value and the column has one');
select is(pg_temp.attribute(:empty, '00180015'), '{"vr": "CS"}', 'an attribute without value is there');
select is(pg_temp.attribute(:none, '00181030'), '{"vr": "LO", "Value": ["Column"]}', 'an empty list is no value');
select is(pg_temp.attribute(:binary, '00181030'), '{"vr": "UN", "InlineBinary": "QQ=="}', 'octets are a value');
select is(pg_temp.attribute(:items, '00181030'), null, 'an empty text is no attribute');
select is(
    pg_temp.attribute(:items, '00189914'),
    '{"vr": "SQ", "Value": [
        {"00091001": {"vr": "OB", "InlineBinary": "AQ=="}, "00189916": {"vr": "LO", "Value": ["Second"]}},
        {"00189916": {"vr": "LO", "Value": ["Last"]}}]}',
    'items that are rows are those of the rows, in the order of their ordinals');
select is(position('\x180014994c4f' in e.dataset), 0, 'and nothing stands beside them') from dpp.encode(:items, false) as e;
select is(pg_temp.attribute(:items, '00189912'), '{"vr": "SQ"}', 'a sequence without items is there');
select is(dpp.dataset_of(-1), null, 'an object that is not there has no data set');

-- Each table is somewhere: what has lost the item around it too
insert into dpp.parameter_constraints (object_id, kind, element_ordinal, ordinal, constraint_type)
values (:items, 'storage', 4, 2, 'UNCONSTRAINED');
select is(
    pg_temp.attribute(:items, '00189935'),
    '{"vr": "SQ", "Value": [{"00189913": {"vr": "SQ", "Value": [{"00820032": {"vr": "CS", "Value": ["UNCONSTRAINED"]}}]}}]}',
    'a constraint without its element makes one');

-- The form of constraint_values
create function pg_temp.values_of(p_id bigint, p_vr text, p_type text, p_values text[])
returns jsonb language plpgsql as $$
begin
    delete from dpp.parameter_constraints where object_id = p_id;
    insert into dpp.parameter_constraints (object_id, kind, element_ordinal, ordinal, selector_vr, constraint_type, constraint_values)
    values (p_id, 'patient', 0, 1, p_vr, p_type, p_values);
    return dpp.dataset_of(p_id) #> '{00189911,Value,0,00820034,Value}';
end
$$;
select is(
    pg_temp.values_of(:items, 'DS', 'RANGE_INCL', '{1,2.50}'),
    '[{"00720072": {"vr": "DS", "Value": ["1"]}}, {"00720072": {"vr": "DS", "Value": ["2.50"]}}]', 'a range has two items');
select is(
    pg_temp.values_of(:items, 'CS', 'EQUAL', '{A,B}'), '[{"00720062": {"vr": "CS", "Value": ["A", "B"]}}]',
    'other types one with all values');
select is(
    pg_temp.values_of(:items, 'FD', 'MEMBER_OF', '{0.1,NULL}'),
    '[{"00720074": {"vr": "FD", "Value": [0.1]}}, {"00720074": {"vr": "FD", "Value": [null]}}]', 'numbers are numbers');
select is(
    pg_temp.values_of(:items, 'SQ', 'NOT_MEMBER_OF', '{1^SCT^One^more,2^DCM}'),
    '[{"00720080": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["1"]}, "00080102": {"vr": "SH", "Value": ["SCT"]},
        "00080104": {"vr": "LO", "Value": ["One^more"]}}]}},
      {"00720080": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["2"]}, "00080102": {"vr": "SH", "Value": ["DCM"]}}]}}]',
    'codes are value, scheme and meaning');
select is(
    pg_temp.values_of(:items, 'PN', 'EQUAL', '{A^B=C}'),
    '[{"0072006A": {"vr": "PN", "Value": [{"Alphabetic": "A^B", "Ideographic": "C"}]}}]', 'names have groups');
select is(pg_temp.values_of(:items, 'CS', 'EQUAL', '{}'), null, 'no values, no sequence');

-- dpp.render
select pg_temp.protocol('2.25.10', '{"00091001": {"vr": "LO", "Value": ["ä"]}}', 'Kopf') as id \gset
select lives_ok(format('select dpp.render(%s)', :id), 'rendered');
select is(
    concat_ws(
        ' ', i.transfer_syntax_uid, i.size, length(i.dataset), length(i.digest), o.specific_character_set,
        position('\x4b6f7066' in i.dataset) > 0, position('\xe4' in i.dataset) > 0, position('\xe4' in o.query_record) > 0),
    '1.2.840.10008.1.2.1 94 94 32 ISO_IR 100 t t f', 'its encoded form, digest, character set and query record are there')
from dpp.instances as i
join dpp.objects as o on o.id = i.object_id
where o.id = :id;
select i.dataset as former, i.digest as former_digest from dpp.instances as i where i.object_id = :id \gset
select lives_ok(format('select dpp.render(%s)', :id), 'rendered again');
select is(i.dataset, :'former', 'equal rows give equal octets') from dpp.instances as i where i.object_id = :id;
update dpp.protocols set protocol_name = 'Head', other_attributes = '{}' where object_id = :id;
select dpp.render(:id) \g /dev/null
select isnt(i.digest, :'former_digest', 'other rows another digest') from dpp.instances as i where i.object_id = :id;
select is(o.specific_character_set, null, 'and another character set') from dpp.objects as o where o.id = :id;
select throws_ok('select dpp.render(-1)', 'P0002', 'object -1 has no rows to render', 'what has no rows cannot be rendered');
update dpp.protocols set other_attributes = '{"00091001": {"vr": "US", "Value": [-1]}, "00091002": {"vr": "OB", "InlineBinary": "?"}}'
where object_id = :id;
select throws_ok(
    format('select dpp.render(%s)', :id), '22000', format('object %s cannot be encoded: attribute 00091001', :id),
    'nor what has no encoding');
create function pg_temp.detail_of(statement text)
returns text language plpgsql as $$
declare
    detail text;
begin
    execute statement;
    return null;
exception
    when others then
        get stacked diagnostics detail = pg_exception_detail;
        return detail;
end
$$;
select is(
    pg_temp.detail_of(format('select dpp.render(%s)', :id)),
    E'dpp.protocols.other_attributes: 00091001 has a value that is none of VR US: -1\ndpp.protocols.other_attributes: 00091002 has a value that is none of VR OB: ?',
    'each is named');

-- Which row and column
select pg_temp.protocol('2.25.11', '{}', 'a\b') as bad \gset
update dpp.protocols set software_versions = E'{1,"2\\\\3"}', planning_information = 'a \ b' where object_id = :bad;
insert into dpp.protocol_codes (object_id, role, ordinal, equivalent, code_meaning)
values (:bad, 'reason', 2, 0, 'x'), (:bad, 'reason', 2, 1, 'x\y');
insert into dpp.protocol_elements (object_id, kind, ordinal, element_number, other_attributes)
values
    (:bad, 'acquisition', 3, 65536, '{}'),
    (:bad, 'storage', 1, 1, '{"0018991D": {"vr": "SQ", "Value": [{}, {"00189904": {"vr": "DS", "Value": [true]}}]}}');
insert into dpp.parameter_constraints (
    object_id, kind, element_ordinal, ordinal, selector_attribute, selector_vr, selector_path, constraint_type, constraint_values,
    default_values, unit_code)
values
    (:bad, 'acquisition', 3, 1, 'KVP', 'FD', '{00180060,0018}', 'RANGE_INCL', '{1,much}', '{x}', 'k\V'),
    (:bad, 'patient', 0, 1, '00101010', 'XX', '{}', 'EQUAL', '{1}', '{}', null),
    (:bad, 'patient', 0, 2, '00101010', null, '{}', 'MEMBER_OF', '{1}', '{}', null);
select results_eq(
    format('select * from dpp_test.rows_of(%L)', format('select * from dpp.encoding_problems(%s)', :bad)),
    $$
        values
            ('(protocols,,software_versions,"has a backslash within a value, where it would part two values")'),
            ('(protocols,,protocol_name,"has a backslash within a value, where it would part two values")'),
            ('(protocol_codes,"reason 2 1",code_meaning,"has a backslash within a value, where it would part two values")'),
            ('(parameter_constraints,"patient 1",constraint_values,"has the unknown VR XX")'),
            ('(parameter_constraints,"patient 2",constraint_values,"says no VR, and the data dictionary does not know it")'),
            ('(parameter_constraints,"acquisition 3 1",unit_code,"has a backslash within a value, where it would part two values")'),
            ('(parameter_constraints,"acquisition 3 1",selector_attribute,"has a value that is none of VR AT: KVP")'),
            ('(parameter_constraints,"acquisition 3 1",selector_path,"has a value that is none of VR AT: 00180060\\0018")'),
            ('(parameter_constraints,"acquisition 3 1",constraint_values,"has a value that is none of VR FD: much")'),
            ('(parameter_constraints,"acquisition 3 1",default_values,"has a value that is none of VR FD: x")'),
            ('(protocol_elements,"acquisition 3",element_number,"has a value that is none of VR US: 65536")'),
            ('(protocol_elements,"storage 1",other_attributes,"0018991D[2].00189904 has a value that is no string")')
    $$,
    'problems have table, row and column');

-- Copied rows are the same content: each sample, of either kind
create function pg_temp.copy(p_from bigint, p_uid text)
returns bigint language plpgsql as $$
declare
    new_id bigint;
    relation text;
begin
    insert into dpp.objects (sop_instance_uid, sop_class_uid, timezone_offset)
    select p_uid, o.sop_class_uid, o.timezone_offset from dpp.objects as o where o.id = p_from
    returning id into new_id;
    foreach relation in array array[
        'protocols', 'protocol_custodians', 'protocol_codes', 'protocol_models', 'protocol_predecessors', 'instructions',
        'protocol_elements', 'parameter_constraints', 'approvals', 'approval_subjects', 'approval_assertions',
        'approval_asserters', 'approval_codes', 'approval_related_assertions']
    loop
        execute format(
            'insert into dpp.%I select (jsonb_populate_record(null::dpp.%1$I, to_jsonb(t) || jsonb_build_object(''object_id'', $2))).*'
                ' from dpp.%1$I as t where t.object_id = $1', relation)
        using p_from, new_id;
    end loop;
    perform dpp.render(new_id);
    return new_id;
end
$$;
create temporary table copies as
select o.id, o.sop_instance_uid, pg_temp.copy(o.id, overlay(o.sop_instance_uid placing '2.26.' from 1)) as copy
from dpp.objects as o
where o.source = 'import';
select cmp_ok(count(*), '>=', 68::bigint, 'copies of samples of both kinds') from copies;
select is_empty(
    $$
        select c.sop_instance_uid
        from copies as c
        where dpp.dataset_of(c.id) - '00080018' is distinct from dpp.dataset_of(c.copy) - '00080018'
    $$,
    'copied rows are the same data set');
create function pg_temp.with_uid(octets bytea, uid text)
returns text language sql as $$
    select replace(encode(octets, 'hex'), encode(uid::bytea, 'hex'), '')
$$;
select is_empty(
    $$
        select c.sop_instance_uid
        from copies as c
        join dpp.objects as o on o.id = c.id
        join dpp.instances as i on i.object_id = c.id
        join dpp.objects as p on p.id = c.copy
        join dpp.instances as j on j.object_id = c.copy
        where o.specific_character_set is not distinct from p.specific_character_set
            and (
                pg_temp.with_uid(i.dataset, o.sop_instance_uid) <> pg_temp.with_uid(j.dataset, p.sop_instance_uid)
                or coalesce(o.specific_character_set, '') = ''
                and pg_temp.with_uid(o.query_record, o.sop_instance_uid) <> pg_temp.with_uid(p.query_record, p.sop_instance_uid))
    $$,
    'and where the character set is the same, the same octets and query record as what was received');
select cmp_ok(
    count(*), '>', 55::bigint, 'which is so of most')
from copies as c
join dpp.objects as o on o.id = c.id
join dpp.objects as p on p.id = c.copy
where o.specific_character_set is not distinct from p.specific_character_set;

-- Values as octets
select is(dpp.tag_octets('00181030'), '\x18003010', 'a tag');
select is(dpp.le_hex(258, 2), '0201', 'two octets');
select is(dpp.le_hex(4294967294, 4), 'feffffff', 'four octets');
select is(dpp.reversed('\x010203'), '\x030201', 'reversed');
select is(dpp.number_octets('UV', '18446744073709551615'), '\xffffffffffffffff', 'the largest number');
select is(dpp.number_octets('FD', '1e999'), null, 'no number of double precision');
select is(dpp.number_octets('SS', '1e2'), null, 'integers have no exponent');
select is(dpp.binary_octets('US', '1\2'), '\x01000200', 'several numbers');
select is(dpp.binary_octets('US', '1\'), null, 'the last of which is none');
select is(dpp.binary_octets('AT', ''), '', 'no tag');
select is(dpp.padded_octets('UI', '\x31'), '\x3100', 'a UID is padded by NUL');
select is(dpp.padded_octets('LO', '\x31'), '\x3120', 'text by a space');
select is(dpp.trimmed_octets('LO', '\x203120200000'), '\x31', 'padding of LO');
select is(dpp.trimmed_octets('LT', '\x203120'), '\x2031', 'of LT, whose first space counts');
select is(dpp.trimmed_octets('OB', '\x203120'), '\x203120', 'of octets, none of which is');
select is(dpp.canonical_sequence('\xfeff00e000000000'), '\x7b7d', 'an empty item');
select is(dpp.canonical_sequence('\xfeff00e001000000'), null, 'no item');

-- Values from DICOM JSON
select is(dpp.json_decimal('1.50'), '1.5', 'a decimal');
select is(dpp.json_decimal('-12345678901234567890'), '-1.23456789e+19', 'as many digits as fit into 16 characters');
select is(dpp.json_decimal('0.1234567890123456789'), '0.12345678901235', 'rounded');
select is(dpp.json_name('{"Ideographic": "B", "Phonetic": ""}'), '=B', 'a name without idle groups');
select is((dpp.json_values('LO', '{"vr": "LO"}')).value, '', 'without value');
select is((dpp.json_values('LO', '{"vr": "LO", "Value": ["a", null]}')).value, 'a\', 'the last of two is empty');
select is((dpp.json_values('LO', '{"vr": "LO", "Value": ["a", null]}')).value_count, 2, 'of two');
select is(dpp.value_json('UV', '9223372036854775807'), '9223372036854775807', 'a number that all readers hold');
select is(dpp.value_json('UV', '9223372036854775808'), '"9223372036854775808"', 'and one that not all do');
select is(dpp.attribute_json('LT', 'a\b', 1), '{"vr":"LT","Value":["a\\b"]}', 'text that backslashes do not part');

-- The dictionary
select is(dpp.vr_of_tag('00181030'), 'LO', 'a known attribute');
select is(dpp.vr_of_tag('00190010'), 'LO', 'a private creator');
select is(dpp.vr_of_tag('00191010'), null, 'a private attribute');
select is(dpp.vr_of_tag('60023000'), 'OW', 'an overlay');
select is(dpp.query_tags('1.2.840.10008.5.1.4.1.1.2'), null, 'there are no queries for CT images');
select is(dpp.place_text('0018991F0000000010x'), '0018991F[10].x', 'a place that is none is written too');
select is(dpp.place_text('0018991F000000000200189913000000001200820034'), '0018991F[2].00189913[12].00820034', 'a place');

-- Rights: whoever may look may see the data set; only the owner renders
create role render_reader in role dppr_reader;
create role render_author in role dppr_author;
set local role render_reader;
select is(dpp.dataset_of(:both) #>> '{00181030,Value,0}', 'Other', 'a reader sees the data set');
select is((select count(*) from dpp.encoding_problems(:bad)), 12::bigint, 'and what is wrong with it');
set local role render_author;
select throws_ok(format('select dpp.render(%s)', :both), '42501', null, 'an author does not render but by publishing');
reset role;

-- A value of VR UN of an attribute that the dictionary knows is in the query record as the server reads it: of that VR, without
-- the NULs that fill up UN.
insert into dpp.objects (sop_instance_uid, sop_class_uid) values ('2.25.880', '1.2.840.10008.5.1.4.1.1.200.1');
insert into dpp.protocols (object_id, protocol_name) select id, 'Octets' from dpp.objects where sop_instance_uid = '2.25.880';
insert into dpp.protocol_models (object_id, ordinal, manufacturer, other_attributes)
select o.id, u.n, 'A', format('{"%s": {"vr": "UN", "InlineBinary": "%s"}}', u.tag, encode(u.octets, 'base64'))::jsonb
from dpp.objects as o
cross join (values (1, '30040040', '\x41'::bytea), (2, '00180060', '\x412000'), (3, '00081150', '\x412000')) as u (n, tag, octets)
where o.sop_instance_uid = '2.25.880';
select is(
    position(u.expected in (dpp.encode(o.id, false)).query_record) > 0, true, 'UN in a query record: ' || encode(u.expected, 'hex'))
from dpp.objects as o
cross join (
    values ('\x04304000445302004120'::bytea), ('\x18006000445302004120'), ('\x08005011554902004100')
) as u (expected)
where o.sop_instance_uid = '2.25.880';

select * from finish();
rollback;
