-- Audit rows: what may be forgotten.
begin;
select plan(10);

set local dpp.maintenance = on;
insert into dpp.audit_events (occurred_at, operation, sop_instance_uid, status, ae_title)
select t.at, r.operation, r.uid, r.status, 'CT1'
from (values (now() - interval '2 years'), (now() - interval '1 month')) as t (at)
cross join (
    values ('find', null, 0), ('get', '1.2', 0), ('get', null, 0), ('move', null, 42753), ('store', '1.2', 0),
        ('store', '1.3', 49152), ('import', '1.4', null), ('publish', '1.2', null), ('find', null, null)
) as r (operation, uid, status);
reset dpp.maintenance;

select throws_ok(
    $$select dpp.forget_audit(now() - interval '1 year', ' ')$$, null, null, 'not without a reason');
select throws_ok(
    $$select dpp.forget_audit(now() + interval '1 hour', 'test')$$, '22023', null, 'nothing that is to come');
select throws_ok($$select dpp.forget_audit(null, 'test')$$, '22023', null, 'nor up to no time');
select is(dpp.forget_audit(now() - interval '1 year', ' too old '), 6::bigint, 'how many');
select results_eq(
    $$
        select operation, status, count(*)::int
        from dpp.audit_events
        where occurred_at < now() - interval '1 year'
        group by 1, 2
        order by 1, 2
    $$,
    $$values ('import'::text collate "C", null::int, 1), ('publish', null, 1), ('store', 0, 1)$$,
    'what changed the repository stays');
select is((select count(*)::int from dpp.audit_events where ae_title = 'CT1' and occurred_at > now() - interval '1 year'), 9,
    'and what is younger');
select results_eq(
    $$select reason, db_user, details ->> 'rows', ae_title::text from dpp.audit_events where operation = 'forget'$$,
    $$values ('too old'::text, session_user::text collate "C", '6'::text, null::text)$$,
    'which is on record');
select is(dpp.forget_audit(now() - interval '1 year', 'again'), 0::bigint, 'all are gone already');
select throws_ok($$delete from dpp.audit_events$$, '55000', null, 'there is no other way');

-- Who replaces what queries find
select dpp.ingest('2.25.1', '1.2', '1.2', '', '', '', null, null, 'store', null, null, null, null, null, null, null, null, null, null);
select dpp.rebuild('2.25.1', null, null, null, null, null, null, null, null, null, null, null, null);
select results_eq(
    $$select sop_instance_uid, db_user from dpp.audit_events where operation = 'rebuild'$$,
    $$values ('2.25.1'::text collate "C", session_user::text collate "C")$$,
    'rows made anew are on record');

select * from finish();
rollback;
