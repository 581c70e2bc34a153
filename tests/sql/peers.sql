-- Peers: what a row may say, and which row speaks for a caller or destination.
begin;
select plan(46);

select lives_ok(
    format('insert into dpp.application_entities (ae_title) values (%L)', v.title), format('title %L', v.title))
from (values ('A'), ('ABCDEFGHIJKLMNOP'), ('A B'), ('CT_1!~'), ('a')) as v (title);
select throws_ok(
    format('insert into dpp.application_entities (ae_title) values (%L)', v.title),
    '23514', null, format('no title %L', v.title))
from (values (''), ('ABCDEFGHIJKLMNOPQ'), (' A'), ('A '), ('A\B'), (E'A\tB'), (E'A\n'), ('Ä'), (' ')) as v (title);
select throws_ok(
    'insert into dpp.application_entities (ae_title, called_as) values (''X'', ''A\B'')', '23514', null,
    'our own title has the same form');
select throws_ok(
    format('insert into dpp.application_entities (ae_title, host, port) values (''X'', ''h'', %s)', v.port),
    '23514', null, format('no port %s', v.port))
from (values (0), (-1), (65536)) as v (port);
select throws_ok(
    'insert into dpp.application_entities (ae_title, host) values (''X'', ''h'')', '23514', null,
    'no host without port');
select throws_ok(
    'insert into dpp.application_entities (ae_title, port) values (''X'', 104)', '23514', null,
    'no port without host');
select throws_ok(
    format('insert into dpp.application_entities (ae_title, host, port) values (''X'', %L, 104)', v.host),
    '23514', null, format('no host %L', v.host))
from (values (''), ('a b'), (E'a\nb'), (repeat('a', 256))) as v (host);
select lives_ok(
    format('insert into dpp.application_entities (ae_title, certificates) values (%L, array[%L, ''dns:b''])', 'T' || v.n, v.entry),
    format('bound to %s', v.entry))
from (
    values
        (1, 'dns:ct1.example'), (2, 'subject:CN=CT1,O=Example'), (3, 'subject:CN=Müller \, Sohn'),
        (4, 'sha256:' || repeat('0f', 32)), (5, 'sha256:' || repeat('AB:', 31) || 'CD')
) as v (n, entry);
select throws_ok(
    'insert into dpp.application_entities (ae_title, certificates) values (''X'', array[''dns:'' || repeat(''a'', 253), ''dns:'' || repeat(''b'', 253), ''dns:'' || repeat(''c'', 253), ''dns:'' || repeat(''d'', 253)])',
    '23514', null, 'no more bindings than a server can keep');
select throws_ok(
    'insert into dpp.application_entities (ae_title, max_associations) values (''X'', 0)', '23514', null,
    'at least one association');
select throws_ok(
    'insert into dpp.application_entities (ae_title, max_calling_associations) values (''X'', 0)', '23514', null,
    'a caller that may call has at least one association');
select throws_ok(
    'insert into dpp.application_entities (ae_title, max_operations) values (''X'', 0)', '23514', null,
    'a caller that may call has at least one operation');
select throws_ok(
    'insert into dpp.application_entities (ae_title, source_addresses) values (''X'', array[null]::inet[])', '23514', null,
    'no empty source address');

delete from dpp.application_entities;
insert into dpp.application_entities (ae_title, host, port, source_addresses, is_destination, description)
values
    ('CT', null, null, '{}', true, 'anywhere'),
    ('CT', 'ct1', 104, '{10.1.0.0/16,192.168.7.0/24}', true, 'building'),
    ('CT', 'ct2', 104, '{10.1.2.3}', true, 'host'),
    ('CT', 'ct3', 104, '{10.0.0.0/8,fd00::/8}', false, 'site'),
    ('XA', 'xa', 104, '{172.16.0.0/12}', true, 'xa');
select throws_ok(
    'insert into dpp.application_entities (ae_title) values (''CT'')', '23505', null,
    'one row per title and source addresses');
select is(
    (select array_agg(p.description order by p.n) from (
        select description, row_number() over () as n from dpp.peer_of(v.title, v.source::inet)) as p),
    v.expected::text[], format('%s from %s', v.title, coalesce(v.source, 'nowhere')))
from (
    values
        ('CT', '10.1.2.3', '{host,building,site,anywhere}'),
        ('CT', '10.1.2.4', '{building,site,anywhere}'),
        ('CT', '::ffff:10.1.2.3', '{host,building,site,anywhere}'),
        ('CT', '192.168.7.200', '{building,anywhere}'),
        ('CT', 'fd00::1', '{site,anywhere}'),
        ('CT', '8.8.8.8', '{anywhere}'),
        ('CT', null, '{building,host,anywhere,site}'),
        ('XA', '172.20.0.1', '{xa}'),
        ('XA', '10.1.2.3', null),
        ('XA', null, '{xa}'),
        ('ct', '10.1.2.3', null)
) as v (title, source, expected);

select * from finish();
rollback;
