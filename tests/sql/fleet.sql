-- The fleet: who fetched what, who lacks what, what nobody uses, what scanners made of it.
begin;
set dpp.maintenance = on; -- published rows are made by hand
select plan(24);

-- Protocols: name, UID, state, models "manufacturer|group|model|serial", UID that it supersedes
create temporary table made (name text, uid text, state text, models text[], supersedes text);
insert into made
values
    ('any', '1.1', 'published', '{}', null),
    ('alpha old', '1.2', 'published', '{ACME||Alpha|}', null),
    ('alpha new', '1.3', 'published', '{ACME||Alpha|}', '1.2'),
    ('beta', '1.4', 'published', '{ACME||Beta|,Other||Gamma|}', null),
    ('of one scanner', '1.5', 'published', '{ACME||Alpha|7}', null),
    ('of a maker', '1.6', 'published', '{ACME|||}', null),
    ('of a group', '1.7', 'published', '{ACME|Greek||}', null),
    ('gone', '1.8', 'retired', '{}', null),
    ('draft', '1.9', 'draft', '{}', null),
    ('newer, but retired', '1.10', 'retired', '{}', '1.1');
insert into dpp.objects (sop_instance_uid, sop_class_uid, state, published_at, source, created_at)
select uid, '1.2.840.10008.5.1.4.1.1.200.1', state, case when state <> 'draft' then now() - interval '800 days' end, 'sql', now() - interval '800 days'
from made;
insert into dpp.protocols (object_id, protocol_name, equipment_modality)
select o.id, m.name, 'CT' from made as m join dpp.objects as o on o.sop_instance_uid = m.uid;
insert into dpp.protocol_models (
    object_id, ordinal, manufacturer, manufacturer_related_model_group, manufacturer_model_name, device_serial_number)
select
    o.id, x.n, split_part(x.model, '|', 1), nullif(split_part(x.model, '|', 2), ''), nullif(split_part(x.model, '|', 3), ''),
    nullif(split_part(x.model, '|', 4), '')
from made as m
join dpp.objects as o on o.sop_instance_uid = m.uid
cross join lateral unnest(m.models) with ordinality as x (model, n);
insert into dpp.supersessions (object_id, superseded_uid)
select o.id, m.supersedes from made as m join dpp.objects as o on o.sop_instance_uid = m.uid where m.supersedes is not null;

insert into dpp.application_entities (ae_title, manufacturer, manufacturer_model_name, device_serial_number, required_assertions)
values
    ('ALPHA7', 'ACME', 'Alpha', '7', '{}'), ('ALPHA', 'ACME', 'Alpha', null, '{}'), ('GAMMA', 'Other', 'Gamma', null, '{}'),
    ('VIEWER', null, null, null, '{}'), ('PICKY', 'ACME', 'Alpha', null, '{128603}');

-- title, what it asked for, of what, how it ended, whereto, days ago
create temporary table done (aet text, operation text, uid text, status int, destination text, days int);
insert into done
values
    ('ALPHA7', 'get', '1.2', 0, null, 400), ('ALPHA7', 'get', '1.2', 0, null, 300), ('ALPHA7', 'get', null, 0, null, 300),
    ('ALPHA7', 'get', '1.1', 45062, null, 20), -- with a warning
    ('ALPHA7', 'get', '1.3', 42752, null, 10), -- did not take it
    ('ALPHA7', 'get', '1.5', null, null, 10), -- said nothing
    ('VIEWER', 'move', '1.3', 0, 'ALPHA', 5), ('VIEWER', 'move', null, 0, 'ALPHA', 5),
    ('VIEWER', 'get', '1.8', 0, null, 500), ('VIEWER', 'get', '1.99', 0, null, 500),
    ('VIEWER', 'find', null, 0, null, 1), ('VIEWER', 'find', null, 43264, null, 1), ('VIEWER', 'find', null, 43264, null, 2),
    ('VIEWER', 'find', null, null, null, 1), ('VIEWER', 'find', null, 65024, null, 1),
    ('STORER', 'store', '1.20', 0, null, 1), ('STORER', 'store', '1.21', 49152, null, 1), ('STORER', 'move', null, 43009, 'NOBODY', 1);
insert into dpp.audit_events (occurred_at, operation, sop_instance_uid, status, ae_title, peer_address, destination, details)
select now() - make_interval(days => days), operation, uid, status, aet, '192.0.2.1', destination,
    case when status >= 43000 then jsonb_build_object('why', 'status ' || status) else '{}' end
from done;

create function pg_temp.days(t timestamptz)
returns int language sql as $$
    select round(extract(epoch from now() - t) / 86400)::int
$$;

select set_eq(
    $$
        select receiver::text, requested_by::text, sop_instance_uid::text, protocol_name::text, version, lineage_uid::text,
            state::text, pg_temp.days(fetched_at)
        from dpp.fetches
    $$,
    $$
        values ('ALPHA7', 'ALPHA7', '1.2', 'alpha old', 1, '1.2', 'superseded', 400),
            ('ALPHA7', 'ALPHA7', '1.2', 'alpha old', 1, '1.2', 'superseded', 300),
            ('ALPHA7', 'ALPHA7', '1.1', 'any', 1, '1.1', 'current', 20),
            ('ALPHA', 'VIEWER', '1.3', 'alpha new', 2, '1.2', 'current', 5),
            ('VIEWER', 'VIEWER', '1.8', 'gone', 1, '1.8', 'retired', 500),
            ('VIEWER', 'VIEWER', '1.99', null, null, null, 'purged', 500)
    $$,
    'fetches: what was taken, by whom, and what it is now');

create temporary view lacks as
select ae_title::text, protocol_name::text, last_fetched_uid::text, pg_temp.days(last_fetched_at) as days from dpp.outdated_scanners;
select set_eq(
    $$select * from lacks where ae_title = 'ALPHA7'$$,
    $$values ('ALPHA7', 'alpha new', '1.2', 300), ('ALPHA7', 'of one scanner', null, null), ('ALPHA7', 'of a maker', null, null)$$,
    'a scanner that has the old version lacks the new one, and what did not arrive');
select set_eq(
    $$select * from lacks where ae_title = 'ALPHA'$$,
    $$values ('ALPHA', 'any', null::text, null::int), ('ALPHA', 'of a maker', null, null)$$,
    'a move counts for its destination; a serial number is not everybody''s');
select set_eq(
    $$select * from lacks where ae_title = 'GAMMA'$$,
    $$values ('GAMMA', 'any', null::text, null::int), ('GAMMA', 'beta', null, null)$$,
    'a protocol may have several models, or none');
select is((select count(*)::int from lacks where ae_title = 'VIEWER'), 0, 'who names no model is no scanner');
select is((select count(*)::int from lacks where ae_title = 'PICKY'), 0, 'nobody lacks what it may not see');
insert into dpp.application_entities (ae_title, manufacturer, manufacturer_model_name, source_addresses)
values ('ALPHA', 'ACME', 'Alpha', '{192.0.2.9}');
select is((select count(*)::int from lacks where ae_title = 'ALPHA'), 2, 'rows of one title are one scanner');

create temporary view usage as
select sop_instance_uid::text, fetches::int, receivers::int, pg_temp.days(last_fetched_at) as last, pg_temp.days(unused_since) as unused, is_current
from dpp.unused_protocols;
select set_eq(
    $$select * from usage where sop_instance_uid in ('1.1', '1.2', '1.3', '1.4')$$,
    $$values ('1.1', 1, 1, 20, 20, true), ('1.2', 2, 1, 300, 300, false), ('1.3', 1, 1, 5, 5, true), ('1.4', 0, 0, null, 800, true)$$,
    'how often, and since when not');
select set_eq(
    $$select sop_instance_uid::text from dpp.unused_protocols where unused_since < now() - interval '1 year'$$,
    $$values ('1.4'), ('1.5'), ('1.6'), ('1.7')$$, 'what nobody uses');
select is((select count(*)::int from usage where sop_instance_uid in ('1.8', '1.9', '1.10')), 0, 'of published ones');

-- Drift: ALPHA stores what it made of 'alpha old' twice, and of 'any' once.
create function pg_temp.store(uid text, predecessor text, sender text, kvp text)
returns void language sql as $$
    with o as (
        insert into dpp.objects (sop_instance_uid, sop_class_uid, state, published_at, source, sender_aet)
        values (uid, '1.2.840.10008.5.1.4.1.1.200.1', 'published', now(), 'store', sender)
        returning id
    ),
    p as (
        insert into dpp.protocols (object_id, protocol_name, equipment_modality, manufacturer, instance_creation_date)
        select id, 'stored', 'CT', 'ACME', '20260101' from o
        returning object_id
    ),
    r as (
        insert into dpp.protocol_predecessors (object_id, ordinal, referenced_sop_instance_uid)
        select object_id, 1, predecessor from p
    ),
    e as (
        insert into dpp.protocol_elements (object_id, kind, ordinal, element_number) select object_id, 'acquisition', 1, 1 from p
    )
    insert into dpp.parameter_constraints (
        object_id, kind, element_ordinal, ordinal, selector_attribute, selector_keyword, selector_vr, constraint_type,
        constraint_values, constraint_numbers, unit_code)
    select object_id, 'acquisition', 1, 1, '00180060', 'KVP', 'DS', 'EQUAL', array[kvp], array[kvp::numeric], 'kV' from p
    where kvp is not null
$$;
insert into dpp.protocol_elements (object_id, kind, ordinal, element_number)
select id, 'acquisition', 1, 1 from dpp.objects where sop_instance_uid in ('1.1', '1.2', '1.3');
insert into dpp.parameter_constraints (
    object_id, kind, element_ordinal, ordinal, selector_attribute, selector_keyword, selector_vr, constraint_type,
    constraint_values, constraint_numbers, unit_code)
select id, 'acquisition', 1, 1, '00180060', 'KVP', 'DS', 'EQUAL', '{120}', '{120}', 'kV'
from dpp.objects
where sop_instance_uid in ('1.1', '1.2', '1.3');
select pg_temp.store('2.1', '1.2', 'ALPHA', '100');
select pg_temp.store('2.2', '1.2', 'ALPHA', '121');
select pg_temp.store('2.3', '1.1', 'ALPHA', '120');
select pg_temp.store('2.4', '1.8', 'GAMMA', '120');
select pg_temp.store('2.5', '9.9', 'GAMMA', '120'); -- of nobody here
select pg_temp.store('2.6', '2.6', 'GAMMA', '120'); -- of itself
select pg_temp.store('2.7', '1.9', 'GAMMA', '120'); -- of a draft

select set_eq(
    $$select ae_title::text, stored_uid::text, repository_uid::text, repository_state::text, current_uid::text, is_latest from dpp.drift$$,
    $$
        values ('ALPHA', '2.1', '1.2', 'published', '1.3', false), ('ALPHA', '2.2', '1.2', 'published', '1.3', true),
            ('ALPHA', '2.3', '1.1', 'published', '1.1', true), ('GAMMA', '2.4', '1.8', 'retired', null, true)
    $$,
    'drift: what is stored with a predecessor that is here');
select set_eq(
    $$
        select s.ae_title, array_agg(x.uid order by x.uid)
        from (values ('ALPHA'), ('GAMMA'), ('ALPHA7')) as s (ae_title)
        cross join (values ('2.1'), ('2.2'), ('2.3'), ('2.4'), ('2.5'), ('2.7')) as x (uid)
        where exists (select from dpp.outdated_scanners as o where o.ae_title = s.ae_title and o.sop_instance_uid = x.uid)
        group by s.ae_title
    $$,
    $$values ('ALPHA', '{2.5,2.7}'::text[]), ('ALPHA7', '{2.5,2.7}')$$,
    'a scanner does not lack what it has stored itself, nor what others have made of a protocol that is here');
create temporary view differing as
select
    ae_title::text, stored_uid::text, against::text, repository_uid::text, parameter_differences::int as parameters,
    administrative_differences::int as administrative
from dpp.drift_of();
select set_eq(
    'select * from differing',
    $$
        values ('ALPHA', '2.2', 'named', '1.2', 1, 3), ('ALPHA', '2.2', 'current', '1.3', 1, 3),
            ('ALPHA', '2.3', 'named', '1.1', 0, 3), ('GAMMA', '2.4', 'named', '1.8', 1, 3)
    $$,
    'the latest of each pair, against the named and the current version');
select is((select count(*)::int from dpp.drift_of('GAMMA')), 1, 'of one scanner');
select is(
    (select parameter_differences::int from dpp.drift_of('ALPHA', 0.01) where stored_uid = '2.2' and against = 'named'), 0,
    'within a tolerance');
select is(
    (select parameter_differences::int from dpp.drift_of('ALPHA', 0, 1) where stored_uid = '2.2' and against = 'named'), 0,
    'or another');
select is(
    (select differences::int from dpp.drift_of('ALPHA') where stored_uid = '2.3'), 1,
    'what is no parameter counts too: its name');
insert into dpp.supersessions (object_id, superseded_uid)
select id, '1.1' from dpp.objects where sop_instance_uid = '2.3';
select is(
    (select current_uid::text from dpp.drift where stored_uid = '2.3'), '1.1', 'what it stored is not what it is compared with');

select set_eq(
    $$
        select ae_title::text, queries::int, retrievals::int, instances_sent::int, stores::int, refused::int, interrupted::int
        from dpp.ae_usage
    $$,
    $$
        values ('ALPHA7', 0, 1, 3, 0, 0, 0), ('VIEWER', 5, 1, 3, 0, 2, 1), ('STORER', 0, 1, 0, 1, 2, 0)
    $$,
    'what peers do');
select is((select pg_temp.days(first_at) || ' ' || pg_temp.days(last_at) from dpp.ae_usage where ae_title = 'ALPHA7'), '400 10', 'from when until when');
select set_eq(
    $$select ae_title::text, host(peer_address), operation::text, destination::text, status_code, why, times::int, pg_temp.days(first_at) as first, pg_temp.days(last_at) as last from dpp.refusals$$,
    $$
        values ('VIEWER', '192.0.2.1', 'find', null, 'A900', 'status 43264', 2, 2, 1),
            ('STORER', '192.0.2.1', 'store', null, 'C000', 'status 49152', 1, 1, 1),
            ('STORER', '192.0.2.1', 'move', 'NOBODY', 'A801', 'status 43009', 1, 1, 1)
    $$,
    'what they are refused');

-- Each asks by an index that is there for it.
create function pg_temp.explain(query text)
returns text language plpgsql as $$
declare
    line text;
    lines text := '';
begin
    for line in execute 'explain (costs off) ' || query loop
        lines := lines || E'\n' || line;
    end loop;
    return lines;
end
$$;
set local enable_seqscan = off;
set local enable_bitmapscan = off;
select matches(
    pg_temp.explain($$select * from dpp.fetches where receiver = 'CT1' and sop_instance_uid = '1.1'$$),
    'audit_events_receiver_idx', 'what a scanner has fetched');
select matches(
    pg_temp.explain('select * from dpp.refusals'), 'audit_events_refused_idx', 'refusals');
select set_eq(
    $$select ae_title::text from dpp.outdated_scanners where sop_instance_uid = '2.3'$$,
    $$values ('ALPHA7'), ('GAMMA')$$,
    'what took the place of one is for all');

select * from finish();
rollback;
