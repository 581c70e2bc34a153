-- The life of protocols and approvals that are made in SQL, in one session. What two do at once is in
-- tests/integration/test_lifecycle.py.
begin;
select no_plan();

create role lc_karl in role dppr_author;
create role lc_anna in role dppr_author;
create role lc_otto in role dppr_admin;

-- A statement as a user who has logged in; its one value
create function pg_temp.as_user(login text, statement text)
returns text language plpgsql as $$
declare
    answer text;
begin
    execute format('set local session authorization %I', login);
    execute statement into answer;
    reset session authorization;
    return answer;
end
$$;
-- The error that a statement ends in: SQLSTATE, message, detail, hint; null when it does not
create function pg_temp.error_of(login text, statement text)
returns text language plpgsql as $$
declare
    message text;
    detail text;
    hint text;
begin
    execute format('set local session authorization %I', login);
    execute statement;
    reset session authorization;
    return null;
exception
    when others then
        get stacked diagnostics message = message_text, detail = pg_exception_detail, hint = pg_exception_hint;
        return concat_ws(E'\n', sqlstate, message, nullif(detail, ''), nullif(hint, ''));
end
$$;
-- A draft that can be published; given to lc_karl
create function pg_temp.draft(uid text)
returns text language sql as $$
    select pg_temp.as_user('lc_karl', format(
        $q$
            with o as (
                insert into dpp.objects (sop_instance_uid, sop_class_uid)
                values (%1$L, '1.2.840.10008.5.1.4.1.1.200.1')
                returning id
            ), p as (
                insert into dpp.protocols (object_id, protocol_name, equipment_modality, content_creator_name)
                select id, 'Head ' || %1$L, 'CT', 'Doe^Jane' from o
            ), c as (
                insert into dpp.protocol_codes (
                    object_id, role, ordinal, code_value, coding_scheme_designator, code_meaning)
                select id, r, 1, 'CTHEAD', '99TEST', 'Head'
                from o
                cross join unnest(array['scheduled_protocol', 'requested_procedure']) as r
            ), e as (
                insert into dpp.protocol_elements (object_id, kind, ordinal, element_name)
                select id, 'acquisition', 1, 'Helical' from o
            ), k as (
                insert into dpp.parameter_constraints (
                    object_id, kind, element_ordinal, ordinal, selector_keyword, constraint_type, constraint_values)
                select id, 'acquisition', 1, 1, 'KVP', 'EQUAL', '{120}' from o
            )
            select %1$L
        $q$,
        uid))
$$;
create function pg_temp.publish(login text, uid text, supersedes text default 'null')
returns text language sql as $$
    select pg_temp.as_user(login, format('select dpp.publish(%L, %s)', uid, supersedes))
$$;
create function pg_temp.revise(login text, uid text, more text default '')
returns text language sql as $$
    select pg_temp.as_user(login, format('select dpp.revise(%L%s)', uid, more))
$$;
create function pg_temp.retire(uid text)
returns text language sql as $$
    select pg_temp.as_user('lc_otto', format('select dpp.retire(%L, %L)', uid, 'test'))
$$;
create function pg_temp.states(variadic uids text[])
returns text language sql as $$
    select string_agg(coalesce(v.state, '-'), ' ' order by u.n)
    from unnest(uids) with ordinality as u (uid, n)
    left join dpp.protocol_versions as v on v.sop_instance_uid = u.uid
$$;

-- ---- publish ----
select is(pg_temp.draft('2.25.10'), '2.25.10', 'a draft');
select results_eq(
    $$select state, source, created_by, published_at, query_record from dpp.objects where sop_instance_uid = '2.25.10'$$,
    $$values ('draft' collate "C", 'sql' collate "C", 'lc_karl' collate "C", null::timestamptz, null::bytea)$$,
    'it is a draft by who made it');
select is(pg_temp.publish('lc_anna', '2.25.10'), '2.25.10', 'publish returns the UID');
select results_eq(
    $$
        select o.state, o.created_by, o.published_by, o.published_at > now(), length(o.query_record) > 100,
            i.transfer_syntax_uid, i.size > 100
        from dpp.objects as o
        join dpp.instances as i on i.object_id = o.id
        where o.sop_instance_uid = '2.25.10'
    $$,
    $$
        values (
            'published' collate "C", 'lc_karl' collate "C", 'lc_anna' collate "C", true, true,
            '1.2.840.10008.1.2.1' collate "C", true)
    $$,
    'it is published by who did it, rendered and with a query record');
select results_eq(
    $$select operation, db_user, reason, details from dpp.audit_events where sop_instance_uid = '2.25.10'$$,
    $$values ('publish' collate "C", 'lc_anna' collate "C", null, null::jsonb)$$, 'which is on record');
select is(pg_temp.draft('2.25.11'), '2.25.11', 'another draft');
select is(
    pg_temp.as_user('lc_karl', $$select dpp.publish('2.25.11', p_reason => 'asked for by radiology')$$), '2.25.11',
    'published with a reason');
select is(
    (select reason from dpp.audit_events where sop_instance_uid = '2.25.11'), 'asked for by radiology',
    'which is on record too');

-- All problems in one error, with table and column; and nothing has happened
insert into dpp.objects (sop_instance_uid, sop_class_uid) values ('2.25.12', '1.2.840.10008.5.1.4.1.1.200.1');
insert into dpp.protocols (object_id) select id from dpp.objects where sop_instance_uid = '2.25.12';
create temporary table problem as select pg_temp.error_of('lc_karl', $$select dpp.publish('2.25.12')$$) as text;
select matches(text, '^23514\n2\.25\.12 cannot be published: [0-9]+ problems\n', 'one error') from problem;
select matches(text, '\ndpp\.' || c || '[^\n]*: ', 'that names ' || c)
from problem
cross join unnest(array[
    'protocols\.protocol_name', 'protocol_codes \(scheduled_protocol\)',
    'protocol_codes \(requested_procedure\)']) as c;
select matches(text, 'dpp\.problems\(''2\.25\.12''\)', 'and says where they are listed') from problem;
select results_eq(
    $$
        select o.state, p.manufacturer, p.instance_creation_date, exists (select from dpp.instances as i where i.object_id = o.id)
        from dpp.objects as o
        join dpp.protocols as p on p.object_id = o.id
        where o.sop_instance_uid = '2.25.12'
    $$,
    $$values ('draft' collate "C", null collate "C", null collate "C", false)$$, 'what was filled in before is taken back');

-- What cannot be published
select matches(pg_temp.error_of('lc_karl', format('select dpp.publish(%s)', a.arguments)), a.error, a.name)
from (
    values
        ('''2.25.10''', E'^55000\n2\\.25\\.10 is no draft: it was published by lc_anna on .*\n.*dpp\\.revise', 'published already'),
        ('''2.25.404''', E'^P0002\nthere is no draft 2\\.25\\.404$', 'not here'),
        ('null', '^P0002', 'nothing'),
        ('''2.25.12'', array[''2.25.12'']', E'^22023\n2\\.25\\.12 cannot take its own place', 'in its own place')
) as a (arguments, error, name);

-- ---- revise ----
-- Every table, every column, nested signatures
set dpp.maintenance = on;
update dpp.objects set timezone_offset = '+0100' where sop_instance_uid = '2.25.10';
update dpp.protocols as p
set content_creator_name = 'Roe^Richard', instance_creation_date = '20200101', instance_creation_time = '0900',
    clinical_trial_sponsor_name = 'x', clinical_trial_protocol_id = 'x', clinical_trial_protocol_name = 'x',
    potential_reasons = '{a,b}', potential_diagnostic_tasks = '{c}', planning_information = 'x', design_rationale = 'x',
    patient_position = 'HFS', manufacturer = 'M', manufacturer_model_name = 'N', device_serial_number = '1',
    software_versions = '{1}',
    other_attributes = '{
        "00080005": {"vr": "CS", "Value": ["ISO_IR 100"]}, "00080080": {"vr": "LO", "Value": ["Elsewhere"]},
        "00080070": {"vr": "LO", "Value": ["A", "B"]}, "00700086": {"vr": "SQ", "Value": [{}]},
        "FFFAFFFA": {"vr": "SQ", "Value": [{}]}, "4FFE0001": {"vr": "SQ"}, "04000561": {"vr": "SQ"},
        "00091001": {"vr": "LO", "Value": ["private"]},
        "00091002": {"vr": "SQ", "Value": [{"FFFAFFFA": {"vr": "SQ"}, "00091003": {"vr": "DS", "Value": [1.50, null]}}, {}]}}'
from dpp.objects as o
where o.id = p.object_id and o.sop_instance_uid = '2.25.10';
create temporary view version as select id from dpp.objects where sop_instance_uid = '2.25.10';
insert into dpp.protocol_custodians select id, 1, 'x', '{"00091001": {"vr": "LO"}}' from version;
insert into dpp.protocol_codes select id, 'custodian_institution', 1, 1, 1, 'a', 'b', 'c', 'd', 'e', 'f', '{}' from version;
insert into dpp.protocol_models select id, 1, 'a', 'b', 'c', '{d}', 'e', '{}' from version;
insert into dpp.protocol_predecessors select id, n, '1.2', '2.25.9' || n, '{}' from version, generate_series(1, 2) as n;
insert into dpp.instructions select id, k, 1, 7, 'a', 'b', '{}' from version, unnest(array['instruction', 'positioning']) as k;
insert into dpp.protocol_elements select id, 'storage', 1, 5, 'a', 'b', '{"FFFAFFFA": {"vr": "SQ"}}' from version;
insert into dpp.parameter_constraints
select id, 'storage', 1, 1, '00189999', null, 'b', 'DS', 2, 'c', '{00181234}', '{3}', 'MEMBER_OF', '{1,x}', '{1,NaN}', '{4}', '{0.1}',
    'mA', 'UCUM', 'd', 'WARNING', 'e', 'f', false, '{"00091001": {"vr": "LO"}}'
from version;
reset dpp.maintenance;

select pg_temp.revise('lc_karl', '2.25.10', ', ''Doe^John'', ''less dose''') as uid \gset revised_
create temporary view revision as select id from dpp.objects where sop_instance_uid = (
    select sop_instance_uid from dpp.objects where revises_uid = '2.25.10');
select results_eq(
    $$
        select state, source, sop_class_uid, timezone_offset, created_by, revises_uid, published_at, query_record
        from dpp.objects where id = (select id from revision)
    $$,
    $$
        values (
            'draft' collate "C", 'sql' collate "C", '1.2.840.10008.5.1.4.1.1.200.1' collate "C", '+0100' collate "C",
            'lc_karl' collate "C", '2.25.10' collate "C", null::timestamptz, null::bytea)
    $$,
    'a revision is a draft by who made it');
select alike(:'revised_uid'::text, '2.25.%', 'with a new UID');
create function pg_temp.rows_of(relation text, object_id bigint, without text[] default '{}')
returns jsonb language plpgsql as $$
declare
    rows jsonb;
begin
    execute format(
        'select jsonb_agg(to_jsonb(t) - ''object_id'' - $2 order by to_jsonb(t) - ''object_id'') from dpp.%I as t where t.object_id = $1',
        relation)
    into rows
    using object_id, without;
    return rows;
end
$$;
select isnt(pg_temp.rows_of(r, (select id from version)), null::jsonb, 'there are rows of ' || r)
from unnest(array[
    'protocol_custodians', 'protocol_codes', 'protocol_models', 'instructions', 'protocol_elements',
    'parameter_constraints']) as r;
select is(
    pg_temp.rows_of(r, (select id from revision)),
    dpp.without_signatures(jsonb_build_object('x', jsonb_build_object('vr', 'SQ', 'Value', pg_temp.rows_of(r, (select id from version))))) #> '{x,Value}',
    r || ' are copied')
from unnest(array['protocol_custodians', 'protocol_codes', 'protocol_models', 'instructions', 'parameter_constraints']) as r;
select is(
    pg_temp.rows_of('protocol_elements', (select id from revision), '{other_attributes}'),
    pg_temp.rows_of('protocol_elements', (select id from version), '{other_attributes}'), 'elements are copied');
select is(
    (select count(*) from dpp.protocol_elements as e where e.object_id = (select id from revision) and e.other_attributes <> '{}'),
    0::bigint, 'without signatures');
select is(
    pg_temp.rows_of('protocols', (select id from revision), array[
        'content_creator_name', 'content_creator_folded', 'content_creator_search', 'content_creator_sounds',
        'instance_creation_date', 'instance_creation_time', 'creation_date', 'creation_time', 'creation_datetime',
        'creation_instant', 'manufacturer', 'manufacturer_model_name', 'device_serial_number', 'software_versions',
        'other_attributes']),
    pg_temp.rows_of('protocols', (select id from version), array[
        'content_creator_name', 'content_creator_folded', 'content_creator_search', 'content_creator_sounds',
        'instance_creation_date', 'instance_creation_time', 'creation_date', 'creation_time', 'creation_datetime',
        'creation_instant', 'manufacturer', 'manufacturer_model_name', 'device_serial_number', 'software_versions',
        'other_attributes']),
    'the header is copied');
select results_eq(
    $$
        select content_creator_name, content_creator_folded, instance_creation_date, creation_datetime, manufacturer,
            manufacturer_model_name, device_serial_number, software_versions, other_attributes
        from dpp.protocols where object_id = (select id from revision)
    $$,
    $$
        values (
            'Doe^John' collate "C", array['doe^john' collate "C"], null collate "C", null::timestamp, null collate "C",
            null collate "C", null collate "C", '{}'::text[] collate "C",
            jsonb '{
                "00080005": {"vr": "CS", "Value": ["ISO_IR 100"]}, "00091001": {"vr": "LO", "Value": ["private"]},
                "00091002": {"vr": "SQ", "Value": [{"00091003": {"vr": "DS", "Value": [1.50, null]}}, {}]}}')
    $$,
    'but for creator, creation, equipment, signatures and original attributes');
select results_eq(
    $$
        select ordinal, referenced_sop_class_uid, referenced_sop_instance_uid, other_attributes
        from dpp.protocol_predecessors where object_id = (select id from revision)
    $$,
    $$values (1, '1.2.840.10008.5.1.4.1.1.200.1' collate "C", '2.25.10' collate "C", jsonb '{}')$$,
    'the version is its predecessor, and the only one');
select results_eq(
    $$select db_user, reason, details from dpp.audit_events where operation = 'revise'$$,
    $$values ('lc_karl' collate "C", 'less dose', jsonb '{"revises": "2.25.10"}')$$, 'a revision is on record');
select is(
    (select count(*) from dpp.dataset_warnings as w where w.object_id = (select id from revision)), 0::bigint,
    'warnings are of the version');
select pg_temp.revise('lc_anna', '2.25.10', ', p_alongside => true') as uid \gset beside_
select is(
    (select content_creator_name from dpp.protocols join dpp.objects on id = object_id where sop_instance_uid = :'beside_uid'),
    'lc_anna', 'the creator is the database user unless given');

-- A second author
select matches(
    pg_temp.error_of('lc_anna', $$select dpp.revise('2.25.10')$$),
    E'^55006\n2\\.25\\.10 is being revised already: draft ' || replace(:'revised_uid', '.', '\.')
        || E' by lc_karl since 20.*\n.*p_alongside => true',
    'a second author is told of the first, and what to do');
select matches(pg_temp.error_of('lc_karl', format('select dpp.revise(%s)', a.arguments)), a.error, a.name)
from (
    values
        ('''2.25.404''', E'^P0002\nthere is no protocol 2\\.25\\.404', 'not here'),
        ('''2.25.12''', E'^55000\n2\\.25\\.12 is a draft by .* since ', 'a draft is none to revise')
) as a (arguments, error, name);
delete from dpp.objects where revises_uid = '2.25.10';
select ok(pg_temp.revise('lc_anna', '2.25.10') is not null, 'a draft that was deleted is not in the way');
delete from dpp.objects where revises_uid = '2.25.10';

-- What the rows have not
set dpp.maintenance = on;
insert into dpp.dataset_warnings select id, 1, null, 'some values are in the encoded form only: JSON cannot hold them, or they are large' from version;
reset dpp.maintenance;
select matches(
    pg_temp.error_of('lc_karl', $$select dpp.revise('2.25.10')$$),
    E'^55000\n2\\.25\\.10 has values in the encoded form only.*\nsome values are .*\n.*p_accept_losses => true',
    'losses are refused');
select ok(pg_temp.revise('lc_karl', '2.25.10', ', p_accept_losses => true') is not null, 'unless accepted');
delete from dpp.objects where revises_uid = '2.25.10';

-- ---- which version is current ----
select is(pg_temp.publish('lc_karl', pg_temp.draft('2.25.20')), '2.25.20', 'version 1');
select is(pg_temp.states('2.25.20'), 'current', 'the only version is current');
select pg_temp.revise('lc_karl', '2.25.20') as a, pg_temp.revise('lc_anna', '2.25.20', ', p_alongside => true') as b \gset
select is(pg_temp.states('2.25.20', :'a', :'b'), 'current draft draft', 'drafts take no place');
select is(pg_temp.publish('lc_karl', :'a'), :'a', 'version 2');
select is(pg_temp.states('2.25.20', :'a', :'b'), 'superseded current draft', 'a revision takes the place of its version');
select results_eq(
    format('select superseded_uid, since > now() from dpp.supersessions as s join dpp.objects as o on o.id = s.object_id where o.sop_instance_uid = %L', :'a'),
    $$values ('2.25.20' collate "C", true)$$, 'which is noted');
select matches(
    pg_temp.error_of('lc_anna', format('select dpp.publish(%L)', :'b')),
    E'^55000\n2\\.25\\.20 has been superseded already by ' || replace(:'a', '.', '\.')
        || E', published by lc_karl on 20.*\n.*dpp\\.diff\\(.*array\\[\\]::text\\[\\]',
    'a second revision does not take it unasked');
select is(pg_temp.states('2.25.20', :'a', :'b'), 'superseded current draft', 'nothing has changed');
select is(pg_temp.publish('lc_anna', :'b', $$array['2.25.20']$$), :'b', 'but when told to');
select is(pg_temp.states('2.25.20', :'a', :'b'), 'superseded current current', 'two successors are both current');
select is(
    (select array_agg(sop_instance_uid order by object_id) from dpp.current_protocols where sop_instance_uid in ('2.25.20', :'a', :'b')),
    array[:'a', :'b'] collate "C", 'dpp.current_protocols says so too');
select is(pg_temp.retire(:'a'), :'a', 'one is retired');
select is(pg_temp.states('2.25.20', :'a', :'b'), 'superseded retired current', 'the other one still has the place');
select is(pg_temp.retire(:'b'), :'b', 'the other one too');
select is(pg_temp.states('2.25.20', :'a', :'b'), 'current retired retired', 'then the predecessor is current again');
select results_eq(
    $$
        select version, state, superseded_by, lineage_uid
        from dpp.protocol_versions where lineage_uid = '2.25.20' order by object_id
    $$,
    $$
        values
            (1, 'current' collate "C", '{}'::text[] collate "C", '2.25.20' collate "C"),
            (2, 'retired', '{}', '2.25.20'), (2, 'retired', '{}', '2.25.20')
    $$,
    'versions of a lineage');
select ok(pg_temp.revise('lc_karl', :'a') is not null, 'a retired version can be revised');
delete from dpp.objects where revises_uid = :'a';

-- Alongside: nothing is superseded
select pg_temp.revise('lc_karl', '2.25.20') as c \gset
select is(pg_temp.publish('lc_karl', :'c', 'array[]::text[]'), :'c', 'beside its version');
select is(pg_temp.states('2.25.20', :'c'), 'current current', 'both are current');
select is(pg_temp.draft('2.25.21'), '2.25.21', 'a draft that is no revision');
select is(pg_temp.publish('lc_karl', '2.25.21', format('array[%L, %L, %L]', '2.25.20', :'c', :'c')), '2.25.21', 'takes the place of two');
select is(pg_temp.states('2.25.20', :'c', '2.25.21'), 'superseded superseded current', 'of both');
select is(
    (select superseded_by from dpp.protocol_versions where sop_instance_uid = :'c'), array['2.25.21'] collate "C", 'which is said');
select is((select version from dpp.protocol_versions where sop_instance_uid = '2.25.21'), 3, 'it comes from both');

-- Circles: the later claim is left out
select is(pg_temp.draft('2.25.22'), '2.25.22', 'a draft');
select is(pg_temp.publish('lc_karl', pg_temp.draft('2.25.23'), $$array['2.25.22']$$), '2.25.23', 'superseded before it is published');
select is(pg_temp.publish('lc_karl', '2.25.22', $$array['2.25.23']$$), '2.25.22', 'claims the place of its successor');
select is(pg_temp.states('2.25.22', '2.25.23'), 'superseded current', 'the first claim counts');
select is(pg_temp.draft('2.25.24'), '2.25.24', 'a longer circle');
select is(pg_temp.publish('lc_karl', pg_temp.draft('2.25.25'), $$array['2.25.24']$$), '2.25.25', 'of three');
select is(pg_temp.publish('lc_karl', pg_temp.draft('2.25.26'), $$array['2.25.25']$$), '2.25.26', 'and');
select is(pg_temp.publish('lc_karl', '2.25.24', $$array['2.25.26', '2.25.22']$$), '2.25.24', 'closed');
select is(pg_temp.states('2.25.24', '2.25.25', '2.25.26', '2.25.22'), 'superseded superseded current superseded', 'is left open, what else was claimed is not');

-- One in the middle goes: its places are inherited
create function pg_temp.chain(variadic uids text[])
returns text language sql as $$
    select string_agg(pg_temp.publish('lc_karl', pg_temp.draft(u.uid), format('array[%L]', coalesce(uids[u.n - 1], '2.25.89'))), ' ')
    from unnest(uids) with ordinality as u (uid, n)
$$;
select is(pg_temp.chain('2.25.80', '2.25.81', '2.25.82', '2.25.83'), '2.25.80 2.25.81 2.25.82 2.25.83', 'each in place of the one before');
select is(pg_temp.retire('2.25.81'), '2.25.81', 'one in the middle is retired');
select is(pg_temp.states('2.25.80', '2.25.81', '2.25.82', '2.25.83'), 'superseded retired superseded current', 'no old version comes back');
select is(pg_temp.as_user('lc_otto', $$select dpp.purge('2.25.82', 'test')$$), '2.25.82', 'another is purged');
select is(pg_temp.states('2.25.80', '2.25.81', '2.25.83'), 'superseded retired current', 'nor then');
select is(pg_temp.retire('2.25.83'), '2.25.83', 'the last one is retired');
select is(pg_temp.states('2.25.80', '2.25.81', '2.25.83'), 'current retired retired', 'now the first one is current again');
select pg_temp.revise('lc_karl', '2.25.81') as uid \gset mended_
select is(pg_temp.publish('lc_karl', :'mended_uid'), :'mended_uid', 'what was retired is mended');
select is(pg_temp.states('2.25.80', :'mended_uid'), 'superseded current', 'and takes the place that the retired one had');

-- Unknown, and arriving late
select is(pg_temp.publish('lc_karl', pg_temp.draft('2.25.27'), $$array['2.25.28']$$), '2.25.27', 'in place of one that is not here');
select is(pg_temp.publish('lc_karl', pg_temp.draft('2.25.28')), '2.25.28', 'which comes later');
select is(pg_temp.states('2.25.27', '2.25.28'), 'current superseded', 'and is superseded');

-- Naming a predecessor hides nothing; links to nothing, to itself and in circles do no harm.
set dpp.maintenance = on;
insert into dpp.objects (sop_instance_uid, sop_class_uid, state, source, published_at)
select '2.25.3' || n, '1.2.840.10008.5.1.4.1.1.200.1', 'published', 'store', now() from generate_series(0, 5) as n;
insert into dpp.protocols (object_id) select id from dpp.objects where sop_instance_uid like '2.25.3_';
insert into dpp.protocol_predecessors (object_id, ordinal, referenced_sop_instance_uid)
select o.id, l.n, l.predecessor
from (
    values
        ('2.25.30', 1, '2.25.404'), ('2.25.30', 2, null), ('2.25.31', 1, '2.25.31'), ('2.25.31', 2, '2.25.30'),
        ('2.25.32', 1, '2.25.33'), ('2.25.33', 1, '2.25.34'), ('2.25.34', 1, '2.25.32'), ('2.25.35', 1, '2.25.34'),
        ('2.25.35', 2, '2.25.31')
) as l (uid, n, predecessor)
join dpp.objects as o on o.sop_instance_uid = l.uid;
reset dpp.maintenance;
select results_eq(
    $$select sop_instance_uid, state, version, lineage_uid from dpp.protocol_versions where sop_instance_uid like '2.25.3_' order by 1$$,
    $$
        values
            ('2.25.30' collate "C", 'current' collate "C", 1, '2.25.30' collate "C"),
            ('2.25.31', 'current', 2, '2.25.30'), ('2.25.32', 'current', 3, '2.25.32'), ('2.25.33', 'current', 3, '2.25.32'),
            ('2.25.34', 'current', 3, '2.25.32'), ('2.25.35', 'current', 6, '2.25.30')
    $$,
    'all are current, whatever they name');
select set_eq(
    $$select * from dpp.family_of('2.25.404')$$,
    array['2.25.404', '2.25.30', '2.25.31', '2.25.32', '2.25.33', '2.25.34', '2.25.35'] collate "C",
    'a family is the same from everywhere, also from what is not here');

-- ---- approvals ----
insert into dpp.objects (sop_instance_uid, sop_class_uid) values ('2.25.40', '1.2.840.10008.5.1.4.1.1.200.3');
insert into dpp.approvals (object_id) select id from dpp.objects where sop_instance_uid = '2.25.40';
insert into dpp.approval_subjects (object_id, ordinal, referenced_sop_instance_uid) select object_id, 1, '2.25.10' from dpp.approvals;
insert into dpp.approval_assertions (object_id, ordinal) select object_id, 1 from dpp.approvals;
insert into dpp.approval_asserters (object_id, assertion_ordinal, ordinal, observer_type, person_name, institution_name)
select object_id, 1, 1, 'PSN', 'Roe^Ann', 'Hospital' from dpp.approvals;
insert into dpp.approval_codes (object_id, role, assertion_ordinal, asserter_ordinal, ordinal, code_value, coding_scheme_designator, code_meaning)
select object_id, c.role, 1, c.asserter, 1, c.code, 'DCM', c.meaning
from dpp.approvals
cross join (
    values ('institution', 0, '1', 'x'), ('assertion', 0, '128603', 'Approved for use at the institution'), ('person', 1, '1', 'x'), ('organizational_role', 1, '128670', 'Head of Radiology')
) as c (role, asserter, code, meaning);
select matches(
    pg_temp.error_of('lc_karl', $$select dpp.publish('2.25.40', array['2.25.10'])$$), '^22023\n.*takes the place of nothing',
    'an approval takes the place of nothing');
select is(pg_temp.publish('lc_karl', '2.25.40'), '2.25.40', 'an approval is published');
select ok(
    exists (select from dpp.instances as i join dpp.objects as o on o.id = i.object_id where o.sop_instance_uid = '2.25.40'),
    'and rendered');
select matches(
    pg_temp.error_of('lc_karl', $$select dpp.revise('2.25.40')$$), '^42809\n2\.25\.40 is no protocol\n.*dpp\.withdraw',
    'approvals have no versions');
select matches(
    pg_temp.error_of('lc_karl', $$update dpp.approval_assertions set assertion_comments = 'x'$$), '^55000\n.*\n.*\n.*dpp\.withdraw',
    'nor do they change');
select is(pg_temp.retire('2.25.40'), '2.25.40', 'but they can be retired');

-- ---- retire ----
select matches(pg_temp.error_of('lc_karl', format('select dpp.retire(%s)', a.arguments)), a.error, a.name)
from (
    values
        ('''2.25.11'', null', '^22023\na reason is needed', 'no reason'),
        ('''2.25.11'', ''  ''', '^22023', 'an empty reason'),
        ('''2.25.404'', ''x''', '^P0002', 'not here'),
        ('''2.25.12'', ''x''', '^55000\n2\.25\.12 is a draft.*\n.*delete from dpp\.objects', 'a draft'),
        ('''2.25.40'', ''x''', '^55000\n2\.25\.40 was retired already by lc_otto on 20.*: test$', 'retired already')
) as a (arguments, error, name);
select is(pg_temp.as_user('lc_karl', $$select dpp.retire('2.25.11', ' wrong dose ')$$), '2.25.11', 'retire returns the UID');
select results_eq(
    $$select state, retired_by, retired_reason, retired_at > published_at from dpp.objects where sop_instance_uid = '2.25.11'$$,
    $$values ('retired' collate "C", 'lc_karl' collate "C", 'wrong dose', true)$$, 'it is retired by who did it, for the reason');
select results_eq(
    $$select db_user, reason from dpp.audit_events where operation = 'retire' and sop_instance_uid = '2.25.11'$$,
    $$values ('lc_karl' collate "C", 'wrong dose')$$, 'which is on record');
select matches(
    pg_temp.error_of('lc_karl', $$select dpp.publish('2.25.11')$$), '^55000\n2\.25\.11 is no draft: it was retired by lc_karl on ',
    'it does not come back');

-- ---- purge ----
select is(pg_temp.draft('2.25.50'), '2.25.50', 'a draft to be purged');
select is(pg_temp.publish('lc_karl', pg_temp.draft('2.25.51'), $$array['2.25.21']$$), '2.25.51', 'a published one');
select is(pg_temp.states('2.25.21'), 'superseded', 'that supersedes');
create temporary table digests as select o.sop_instance_uid, i.digest from dpp.objects as o left join dpp.instances as i on i.object_id = o.id;
select is(pg_temp.error_of('lc_otto', $$select dpp.purge('2.25.51', '')$$), E'22023\na reason is needed\nSay why, for who reads the history later.', 'not without a reason');
select is(pg_temp.as_user('lc_otto', format('select dpp.purge(%L, %L)', u, 'court order')), u, 'purge ' || u)
from unnest(array['2.25.11', '2.25.50', '2.25.51']) as u;
select is_empty($$select from dpp.objects where sop_instance_uid in ('2.25.11', '2.25.50', '2.25.51')$$, 'they are gone');
select is_empty($$select object_id from dpp.parameter_constraints except select id from dpp.objects$$, 'with what hung on them');
select results_eq(
    $$select t.sop_instance_uid, t.reason, t.digest is not distinct from d.digest, t.digest is null from dpp.tombstones as t join digests as d using (sop_instance_uid) order by 1$$,
    $$values ('2.25.11' collate "C", 'court order', true, false), ('2.25.50', 'court order', true, true), ('2.25.51', 'court order', true, false)$$,
    'a tombstone is left, with the digest');
select results_eq(
    $$
        select sop_instance_uid, db_user, reason, details ->> 'state', details ->> 'protocol_name', details -> 'supersedes'
        from dpp.audit_events where operation = 'purge' and reason = 'court order' order by 1
    $$,
    $$
        values
            ('2.25.11' collate "C", 'lc_otto' collate "C", 'court order', 'retired', 'Head 2.25.11', null::jsonb),
            ('2.25.50', 'lc_otto', 'court order', 'draft', 'Head 2.25.50', null),
            ('2.25.51', 'lc_otto', 'court order', 'published', 'Head 2.25.51', '["2.25.21"]')
    $$,
    'and a record of what it was');
select is(pg_temp.states('2.25.21'), 'current', 'what a purged one had superseded is current again');
select matches(
    pg_temp.error_of('lc_karl', $$insert into dpp.objects (sop_instance_uid, sop_class_uid) values ('2.25.51', '1.2')$$),
    E'^55000\n2\\.25\\.51 was deleted for good on 20.*: court order\n.*dpp\\.new_uid', 'its UID does not come back');
select is(pg_temp.error_of('lc_otto', $$select dpp.purge('2.25.51', 'x')$$), E'P0002\nthere is no object 2.25.51', 'nor twice');

-- ---- changes ----
select is(pg_temp.draft('2.25.60'), '2.25.60', 'a draft whose changes are looked at');
select results_eq(
    $$select relation, operation, db_user, old_row is null, new_row ? 'creation_date' from dpp.changes where sop_instance_uid = '2.25.60' order by relation$$,
    $$
        values
            ('objects' collate "C", 'insert' collate "C", 'lc_karl' collate "C", true, false), ('parameter_constraints', 'insert', 'lc_karl', true, false),
            ('protocol_codes', 'insert', 'lc_karl', true, false), ('protocol_codes', 'insert', 'lc_karl', true, false),
            ('protocol_elements', 'insert', 'lc_karl', true, false), ('protocols', 'insert', 'lc_karl', true, false)
    $$,
    'each row, by whom, without what is null');
create temporary table mark as select max(id) as id from dpp.changes;
select is(
    pg_temp.error_of('lc_anna', $$update dpp.protocols set protocol_name = 'x', planning_information = null where protocol_name = 'Head 2.25.60'$$),
    null, 'an update');
select is(pg_temp.error_of('lc_anna', $$update dpp.protocols set protocol_name = 'x' where protocol_name = 'x'$$), null::text, 'one that changes nothing');
select results_eq(
    $$select operation, db_user, old_row ->> 'protocol_name', new_row ->> 'protocol_name' from dpp.changes where id > (select id from mark)$$,
    $$values ('update' collate "C", 'lc_anna' collate "C", 'Head 2.25.60', 'x')$$, 'before and after; nothing when nothing changed');
select is(pg_temp.error_of('lc_anna', $$update dpp.objects set sop_instance_uid = '2.25.61' where sop_instance_uid = '2.25.60'$$), null::text, 'another UID');
select is((select count(*) from dpp.history('2.25.61')), 8::bigint, 'the history goes back beyond the UID');
select is(pg_temp.error_of('lc_anna', $$delete from dpp.objects where sop_instance_uid = '2.25.61'$$), null::text, 'deleted');
select results_eq(
    $$select relation, operation, db_user, new_row is null from dpp.changes where sop_instance_uid = '2.25.61' and operation = 'delete' order by id$$,
    $$
        values
            ('parameter_constraints' collate "C", 'delete' collate "C", 'lc_anna' collate "C", true), ('protocol_elements', 'delete', 'lc_anna', true),
            ('protocol_codes', 'delete', 'lc_anna', true), ('protocol_codes', 'delete', 'lc_anna', true),
            ('protocols', 'delete', 'lc_anna', true), ('objects', 'delete', 'lc_anna', true)
    $$,
    'each row that went, before what it belonged to');
select is(
    (select count(*) from dpp.changes as c where c.sop_instance_uid = '2.25.10' and c.operation <> 'insert'), 0::bigint,
    'what publish fills in is no change of an author');

-- ---- history, and state as of a time ----
create temporary table times (n int, at timestamptz);
insert into times values (0, clock_timestamp());
select is(pg_temp.draft('2.25.70'), '2.25.70', 'a life');
insert into times values (1, clock_timestamp());
select is(pg_temp.publish('lc_karl', '2.25.70'), '2.25.70', 'published');
insert into times values (2, clock_timestamp());
select pg_temp.revise('lc_anna', '2.25.70', ', p_reason => ''less dose''') as next \gset
insert into times values (3, clock_timestamp());
select is(pg_temp.publish('lc_anna', :'next'), :'next', 'superseded');
insert into times values (4, clock_timestamp());
select is(pg_temp.retire(:'next'), :'next', 'the successor retired');
insert into times values (5, clock_timestamp());
select is(pg_temp.as_user('lc_otto', format('select dpp.purge(%L, %L)', :'next', 'test')), :'next', 'and purged');
insert into times values (6, clock_timestamp());
select results_eq(
    format('select n, dpp.state_at(%L, at), dpp.state_at(%L, at) from times order by n', '2.25.70', :'next'),
    $$
        values
            (0, 'unknown', 'unknown'), (1, 'draft', 'unknown'), (2, 'current', 'unknown'), (3, 'current', 'draft'),
            (4, 'superseded', 'current'), (5, 'current', 'retired'), (6, 'current', 'purged')
    $$,
    'state as of a time');
select results_eq(
    format(
        'select t.n, p.sop_instance_uid = %L, p.is_current, p.published_by from times as t cross join lateral dpp.protocols_at(t.at) as p'
            ' where p.sop_instance_uid in (%L, %1$L) order by t.n, p.published_at', :'next', '2.25.70'),
    $$
        values
            (2, false, true, 'lc_karl'), (3, false, true, 'lc_karl'), (4, false, false, 'lc_karl'), (4, true, true, 'lc_anna'),
            (5, false, true, 'lc_karl'), (6, false, true, 'lc_karl')
    $$,
    'what was visible and current at a time, also what has been purged since');
select results_eq(
    $$select version, action, who, reason, relation, item from dpp.history('2.25.70') order by action, relation, item$$,
    $$
        values
            (1, 'insert', 'lc_karl', null, 'objects', null), (1, 'insert', 'lc_karl', null, 'parameter_constraints', 'acquisition 1 1 KVP'),
            (1, 'insert', 'lc_karl', null, 'protocol_codes', 'requested_procedure 1'), (1, 'insert', 'lc_karl', null, 'protocol_codes', 'scheduled_protocol 1'),
            (1, 'insert', 'lc_karl', null, 'protocol_elements', 'acquisition 1'), (1, 'insert', 'lc_karl', null, 'protocols', null),
            (1, 'publish', 'lc_karl', null, null, null)
    $$,
    'the history of what is left');
select results_eq(
    format('select version, action, who, reason, coalesce(details ? %L, false) from dpp.history(%L)', 'supersedes', :'next'),
    $$
        values
            (null::int, 'revise', 'lc_anna', 'less dose', false), (null, 'publish', 'lc_anna', null, true),
            (null, 'retire', 'lc_otto', 'test', false), (null, 'purge', 'lc_otto', 'test', true)
    $$,
    'and of what was purged');
select is_empty(
    $$
        select t.relation, t.item, dpp.item_of(t.content)
        from dpp.objects as o
        cross join lateral dpp.rows_of_draft(o.id) as t
        where dpp.item_of(t.content) is distinct from nullif(t.item, '')
    $$,
    'a row is called the same by dpp.history and dpp.problems');
select * from finish();
rollback;
