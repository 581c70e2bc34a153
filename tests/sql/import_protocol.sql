-- Authoring documents of files: each becomes one protocol, however often it comes.
begin;
select no_plan();

-- What a document is known by. The UIDs must never change: they tell what has been imported (worked
-- out elsewhere: the first 16 octets of SHA-256 with version 8 and variant put in).
select is(dpp.uid_of_document(d.document), d.uid, d.what)
from (
    values
        ('{"sop_instance_uid": "1.2.3", "id": "x"}'::jsonb, '1.2.3', 'the UID that a document gives'),
        ('{"id": "ct-head", "name": "a"}', dpp.uid_of_document('{"name": "b", "id": "ct-head"}'), 'an id tells more than the rest'),
        ('{"name": "a", "version": 1}', dpp.uid_of_document('{"version": 1,   "name": "a"}'), 'order and white space do not count'),
        ('{"id": "ct-head"}', '2.25.251074243045461412661581245580213252941', 'the UID of an id stays'),
        ('{"name": "a"}', '2.25.52571536643960891631833746776405678775', 'the UID of a content stays')
) as d (document, uid, what);
select isnt(dpp.uid_of_document(d.one), dpp.uid_of_document(d.other), d.what)
from (
    values
        ('{"id": "a"}'::jsonb, '{"id": "b"}'::jsonb, 'another id'),
        ('{"name": "a"}', '{"name": "b"}', 'another content'),
        ('{"name": "id"}', '{"id": "name"}', 'an id is not a name')
) as d (one, other, what);
-- RFC 9562 5.8: version and variant; PS3.5 B.2 and 9.1: an integer under 2.25, 64 characters at most.
select is(
    dpp.uid_of_digest(d.digest), d.uid, encode(d.digest, 'hex'))
from (
    values
        ('\x00000000000000000000000000000000'::bytea, '2.25.' || (x'8000'::int::numeric * 256::numeric ^ 8 + x'80'::int * 256::numeric ^ 7)::numeric(39)),
        ('\xffffffffffffffffffffffffffffffffff', '2.25.' || (256::numeric ^ 16 - 1 - x'70'::int * 256::numeric ^ 9 - x'40'::int * 256::numeric ^ 7)::numeric(39))
) as d (digest, uid);
select ok(bool_and(length(u.uid) <= 64 and u.uid ~ '^2\.25\.[1-9][0-9]*$'), 'they are UIDs')
from (
    select dpp.uid_of_digest(sha256(n::text::bytea)) as uid
    from generate_series(1, 1000) as n
) as u;
select is(count(distinct dpp.uid_of_digest(sha256(n::text::bytea))), 1000::bigint, 'no two are the same')
from generate_series(1, 1000) as n;
select is(length(dpp.document_digest('{}')), 32, 'a digest');

-- Outcomes. A document of a known UID makes nothing.
create function pg_temp.document(name text)
returns jsonb language sql as $$
    select jsonb_build_object(
        'sop_instance_uid', '2.25.77', 'id', 'x', 'name', name, 'modality', 'CT', 'creator', 'Curie^Marie',
        'procedure_codes', '{"value": "24725-4", "scheme": "LN", "meaning": "CT HEAD"}'::jsonb,
        'acquisition', '{"parameters": {"keyword": "AcquisitionType", "value": "SPIRAL"}}'::jsonb)
$$;
create function pg_temp.import(name text, as_draft boolean)
returns text language plpgsql as $$
declare
    outcome constant text := dpp.import_protocol(pg_temp.document(name), as_draft);
begin
    return outcome || ' ' || coalesce((select o.state from dpp.objects as o where o.sop_instance_uid = '2.25.77'), 'nothing');
end
$$;
select is(pg_temp.import('a', true), 'stored draft', 'a draft');
select is(pg_temp.import('a', true), 'same draft', 'the draft once more');
select is(pg_temp.import('a', false), 'draft draft', 'a draft is not published by the way');
select is(pg_temp.import('b', true), 'draft draft', 'a draft is not changed by the way');
update dpp.protocols set protocol_name = 'changed by hand';
select is(pg_temp.import('a', true), 'same draft', 'what an author has changed since stays');
select is((select d.document_id from dpp.authored_documents as d), 'x', 'the document''s id is kept');
select is(dpp.publish('2.25.77'), '2.25.77', 'published');
select is(pg_temp.import('a', false), 'same published', 'the same once it is published');
select is(pg_temp.import('a', true), 'same published', 'the same as a draft');
select is(pg_temp.import('b', false), 'different published', 'another content');
select lives_ok($$select dpp.retire('2.25.77', 'test')$$, 'retired');
select is(pg_temp.import('a', false), 'retired retired', 'the same once it is retired');
select lives_ok($$select dpp.purge('2.25.77', 'test')$$, 'purged');
select is(pg_temp.import('a', false), 'purged nothing', 'the same once it is purged');
select is_empty('select from dpp.authored_documents', 'what is purged is not remembered as a document');
select is(dpp.import_protocol(pg_temp.document('a') - 'sop_instance_uid'), 'stored', 'a document without UID');
select is(
    (select o.sop_instance_uid from dpp.objects as o where o.state = 'published'), dpp.uid_of_document('{"id": "x"}'),
    'gets the one that follows from its id');
select throws_ok(
    $$select dpp.import_protocol('{"id": "y", "colour": 1}')$$, '22023', 'the authoring document has 1 fault',
    'a document with a fault');
select throws_ok(
    format('select dpp.import_protocol(%L)', t.document), '22023', 'an authoring document is a JSON object, not ' || t.kind, t.kind)
from (values ('[]', 'array'), ('1', 'number'), ('null', 'null')) as t (document, kind);
select is((select count(*) from dpp.objects), 1::bigint, 'what is refused leaves nothing');

select * from finish();
rollback;
