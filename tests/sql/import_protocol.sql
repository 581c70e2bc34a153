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

select * from finish();
rollback;
