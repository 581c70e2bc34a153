-- Places for associations to move destinations: one holder each, and only servers write them.
begin;
select plan(16);

select has_table('dpp', 'destination_slots', 'there is the table');
select col_is_pk('dpp', 'destination_slots', array['ae_title', 'slot'], 'a place is had once');

select lives_ok(
    $$insert into dpp.destination_slots (ae_title, slot, holder, expires_at) values ('CT1', 1, 'a', now())$$,
    'the first has it');
select throws_ok(
    $$insert into dpp.destination_slots (ae_title, slot, holder, expires_at) values ('CT1', 1, 'b', now())$$,
    '23505', null, 'the second has not');
select lives_ok(
    $$insert into dpp.destination_slots (ae_title, slot, holder, expires_at) values ('CT1', 2, 'b', now()), ('CT2', 1, 'b', now())$$,
    'other places are free');
select throws_ok(
    $$insert into dpp.destination_slots (ae_title, slot, holder, expires_at) values ('CT1', 0, 'b', now())$$,
    '23514', null, 'places count from 1');
select throws_ok(
    $$insert into dpp.destination_slots (ae_title, slot, holder) values ('CT3', 1, 'b')$$,
    '23502', null, 'no place is for ever');
select isnt(
    (select s.taken_at from dpp.destination_slots as s where s.ae_title = 'CT1' and s.slot = 1), null,
    'it says since when');

select table_privs_are(
    'dpp', 'destination_slots', r.name, r.privileges::name[], r.name || ' has no other right than needed')
from (
    values
        ('dppr_server', array['SELECT', 'INSERT', 'UPDATE', 'DELETE']),
        ('dppr_admin', array['SELECT']),
        ('dppr_reader', array['SELECT'])
) as r (name, privileges);

set local role dppr_server;
select lives_ok(
    $$insert into dpp.destination_slots as d (ae_title, slot, holder, expires_at) values ('CT1', 1, 'c', now() + interval '1 minute')
        on conflict (ae_title, slot) do update set holder = excluded.holder, expires_at = excluded.expires_at
        where d.expires_at <= now()$$,
    'a server takes what has expired');
select is((select d.holder from dpp.destination_slots as d where d.ae_title = 'CT1' and d.slot = 1), 'c', 'and has it');
select lives_ok(
    $$insert into dpp.destination_slots as d (ae_title, slot, holder, expires_at) values ('CT1', 1, 'd', now() + interval '1 minute')
        on conflict (ae_title, slot) do update set holder = excluded.holder, expires_at = excluded.expires_at
        where d.expires_at <= now()$$,
    'a server asks for what has not expired');
select is((select d.holder from dpp.destination_slots as d where d.ae_title = 'CT1' and d.slot = 1), 'c', 'and does not get it');
select lives_ok($$delete from dpp.destination_slots where holder = 'c'$$, 'a server gives back');
reset role;

select * from finish();
rollback;
