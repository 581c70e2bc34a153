-- Instance Creation Date and Time as an instant: the derived column follows whoever writes the protocol or its object.
begin;
set dpp.maintenance = on; -- published rows are made by hand
select plan(12);

insert into dpp.objects (sop_instance_uid, sop_class_uid, timezone_offset)
values ('2.25.1', '1.2.840.10008.5.1.4.1.1.200.1', '+0100'), ('2.25.2', '1.2.840.10008.5.1.4.1.1.200.1', null);
insert into dpp.protocols (object_id, instance_creation_date, instance_creation_time)
select o.id, '20150601', '0042' from dpp.objects as o;

create function pg_temp.instant_of(uid text)
returns timestamptz language sql as $$
    select p.creation_instant
    from dpp.protocols as p
    join dpp.objects as o on o.id = p.object_id
    where o.sop_instance_uid = uid
$$;
select is(pg_temp.instant_of('2.25.1'), '2015-05-31 23:42+00', 'by the object''s zone, which moves it to the day before');
select is(pg_temp.instant_of('2.25.2'), null, 'without a zone there is none');
select is(
    (select array_agg(distinct p.creation_datetime) from dpp.protocols as p), '{2015-06-01 00:42}',
    'the date and time stay as written');

update dpp.protocols set instance_creation_time = '12';
select is(pg_temp.instant_of('2.25.1'), '2015-06-01 11:00+00', 'derived again when the time changes');
update dpp.objects set timezone_offset = '-0330' where sop_instance_uid = '2.25.2';
select is(pg_temp.instant_of('2.25.2'), '2015-06-01 15:30+00', 'derived again when the object gets a zone');
update dpp.objects set timezone_offset = '+1200' where sop_instance_uid = '2.25.1';
select is(pg_temp.instant_of('2.25.1'), '2015-06-01 00:00+00', 'derived again when the object''s zone changes');
select is(pg_temp.instant_of('2.25.2'), '2015-06-01 15:30+00', 'other objects are left alone');
update dpp.objects set timezone_offset = 'UTC' where sop_instance_uid = '2.25.1';
select is(pg_temp.instant_of('2.25.1'), null, 'a zone that is none gives none');
update dpp.objects set timezone_offset = '+0100';
update dpp.protocols set instance_creation_date = '20159999';
select is(pg_temp.instant_of('2.25.1'), null, 'no instant without a valid date');
update dpp.protocols set instance_creation_date = '20150601', instance_creation_time = null;
select is(pg_temp.instant_of('2.25.1'), null, 'no instant without a time');

-- The ends of what a date can be.
update dpp.protocols set instance_creation_date = '00010101', instance_creation_time = '0000';
select is(pg_temp.instant_of('2.25.1'), '0001-12-31 23:00+00 BC', 'the first day east of Greenwich');
update dpp.objects set timezone_offset = '-1200';
update dpp.protocols set instance_creation_date = '99991231', instance_creation_time = '235960';
select is(pg_temp.instant_of('2.25.1'), '10000-01-01 11:59:59.999999+00', 'the last day west of it');

select * from finish();
rollback;
