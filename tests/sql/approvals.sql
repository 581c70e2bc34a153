-- A realistic Protocol Approval, after PS3.17 HHHH, table by table; its rows made anew; what constraints refuse.
-- It comes in through the program, which makes the rows (dppr import). This file commits; its database is its own.
set dpp.maintenance = on; -- published rows are made by hand
select plan(49);
\! "$DPPR_BINARY" import tests/sql/data/protocol-approval.json >/dev/null

select results_eq(
    $$select * from dpp_test.rows_of('
        select sop_instance_uid, sop_class_uid, state, source, timezone_offset, length(query_record) > 1000
        from dpp.objects')$$,
    array['(2.25.1601,1.2.840.10008.5.1.4.1.1.200.3,published,import,+0100,t)'], 'object');
select results_eq(
    $$select * from dpp_test.rows_of('
        select instance_creation_date, instance_creation_time, creation_date, creation_time, creation_datetime,
            creation_instant at time zone ''UTC'', manufacturer, manufacturer_model_name, device_serial_number, software_versions, other_attributes
        from dpp.approvals')$$,
    array['(20150701,0930,2015-07-01,09:30:00,"2015-07-01 09:30:00","2015-07-01 08:30:00","Acme Protocols",Approver,008,"{1.0,2.0}","{""00090010"": {""vr"": ""LO"", ""Value"": [""ACME""]}, ""00091001"": {""vr"": ""LO"", ""Value"": [""private""]}}")'],
    'header');
select results_eq(
    $$select * from dpp_test.rows_of('
        select ordinal, referenced_sop_class_uid, referenced_sop_instance_uid, other_attributes
        from dpp.approval_subjects order by 1')$$,
    array['(1,1.2.840.10008.5.1.4.1.1.200.1,2.25.1501,{})', '(2,1.2.840.10008.5.1.4.1.1.200.7,2.25.1502,{})'],
    'subjects');
select results_eq(
    $$select * from dpp_test.rows_of('
        select ordinal, assertion_uid, assertion_datetime, expiration_datetime, assertion_comments,
            clinical_trial_protocol_id, other_attributes
        from dpp.approval_assertions order by 1')$$,
    array[
        E'(1,2.25.16011,20150701093000+0200,2017,"First line\r\nSecond ""line"" \\\\ with all",,"{""00380100"": {""vr"": ""SQ"", ""Value"": [{""0040E010"": {""vr"": ""UR"", ""Value"": [""https://example.org/minutes""]}}]}}")',
        '(2,2.25.16012,20150702,,,TRIAL-7,{})'],
    'assertions');
create function pg_temp.moments()
returns setof text language sql as $$
    select concat_ws(
        '|', ordinal, assertion_datetime_local, assertion_datetime_instant at time zone 'UTC',
        assertion_datetime_has_offset, coalesce(expiration_datetime_local::text, '-'),
        coalesce((expiration_datetime_instant at time zone 'UTC')::text, '-'), expiration_datetime_has_offset)
    from dpp.approval_assertions
    order by ordinal
$$;
select results_eq(
    'select * from pg_temp.moments()',
    array[
        '1|2015-07-01 09:30:00|2015-07-01 07:30:00|t|2017-01-01 00:00:00|2016-12-31 23:00:00|f',
        '2|2015-07-02 00:00:00|2015-07-01 23:00:00|f|-|-|f'],
    'date-times by their own offset, else the object''s');
select results_eq(
    $$select * from dpp_test.rows_of('
        select assertion_ordinal, ordinal, observer_type, person_name, person_name_folded, station_name, device_uid,
            manufacturer, manufacturer_model_name, station_ae_title, institution_name, institutional_department_name,
            other_attributes
        from dpp.approval_asserters order by 1')$$,
    array[
        '(1,1,PSN,Müller^Jane^^Dr=頭^先生,"{muller^jane^^dr,muller^jane^^dr=頭^先生,頭^先生}",,,,,,"Mercy Hospital",Radiology,{})',
        '(2,1,DEV,,{},Gate,2.25.16090,Acme,Gatekeeper,APPROVER,"Mercy Hospital",,{})'],
    'asserters');
select results_eq(
    $$select * from dpp_test.rows_of('
        select role, assertion_ordinal, asserter_ordinal, ordinal, equivalent, code_value, coding_scheme_designator,
            coding_scheme_version, code_meaning, long_code_value, urn_code_value, other_attributes
        from dpp.approval_codes
        order by 1, 2, 3, 4, 5')$$,
    array[
        '(asserter_institution,1,1,1,0,MERCY,99A,,"Mercy Hospital",,,{})',
        '(asserter_institution,1,1,1,1,,,,"By name",,urn:example:mercy,{})',
        '(assertion,1,0,1,0,128603,DCM,,"Approved for use at the institution",,,{})',
        '(assertion,1,0,1,1,OK,99A,,"Ours to use",,,{})',
        '(assertion,2,0,1,0,128604,DCM,,"Approved for use in the clinical trial",,,{})',
        '(department_type,1,1,1,0,225728007,SCT,20150101,Department,,,{})',
        '(institution,1,0,1,0,MERCY,99A,,"Mercy Hospital",,,{})',
        '(organizational_role,1,1,1,0,128670,DCM,,"Head of Radiology",,,{})',
        '(person,1,1,1,0,,99A,,"Her number",A-NUMBER-OF-MORE-THAN-16,,{})'],
    'codes in all roles, equivalents among them');
select results_eq(
    $$select * from dpp_test.rows_of('
        select assertion_ordinal, ordinal, referenced_assertion_uid, other_attributes
        from dpp.approval_related_assertions order by 1, 2')$$,
    array['(1,1,2.25.16000,{})', '(1,2,2.25.16001,{})'], 'related assertions');
select is_empty('select from dpp.protocols', 'no protocol');
select is_empty('select attribute, warning from dpp.dataset_warnings', 'no warnings');
\set dataset `cat tests/sql/data/protocol-approval.json`
select is(dpp_test.dataset_of('2.25.1601'), :'dataset'::jsonb - '00080005', 'nothing is lost');

-- Derived columns follow whoever writes the row.
begin;
update dpp.approvals set instance_creation_date = '20200230', instance_creation_time = '10';
select results_eq(
    $$select * from dpp_test.rows_of('
        select creation_date, creation_time, creation_datetime, creation_instant from dpp.approvals')$$,
    array['(,10:00:00,,)'], 'creation is derived on update');
update dpp.objects set timezone_offset = '-0100';
select results_eq(
    'select * from pg_temp.moments()',
    array[
        '1|2015-07-01 09:30:00|2015-07-01 07:30:00|t|2017-01-01 00:00:00|2017-01-01 01:00:00|f',
        '2|2015-07-02 00:00:00|2015-07-02 01:00:00|f|-|-|f'],
    'date-times are derived again when the object''s zone changes');
select results_eq(
    $$select creation_instant from dpp.approvals$$, array[null::timestamptz], 'a date that is none gives no instant');
update dpp.approvals set instance_creation_date = '20150701', instance_creation_time = '0930';
update dpp.objects set timezone_offset = '+0200';
select results_eq(
    $$select creation_instant at time zone 'UTC' from dpp.approvals$$, array['2015-07-01 07:30'::timestamp],
    'nor is the creation left behind');
update dpp.objects set timezone_offset = null;
update dpp.approval_assertions
set assertion_datetime = '20240101120000-0500', expiration_datetime = '2024010112'
where ordinal = 1;
update dpp.approval_assertions set assertion_datetime = '20240230', expiration_datetime = null where ordinal = 2;
select results_eq(
    'select * from pg_temp.moments()',
    array['1|2024-01-01 12:00:00|2024-01-01 17:00:00|t|2024-01-01 12:00:00|-|f', '2|f|-|-|f'],
    'date-times are derived on update; without any offset they are no instants');
update dpp.approval_asserters set person_name = 'Ångström^Éva^^' where assertion_ordinal = 2;
select results_eq(
    $$select * from dpp_test.rows_of('
        select person_name_folded, person_name_search from dpp.approval_asserters where assertion_ordinal = 2')$$,
    array[E'({angstrom^eva},"\nangstrom^eva\n")'], 'names are derived on update');
update dpp.approval_asserters set person_name = null where assertion_ordinal = 2;
select results_eq(
    $$select * from dpp_test.rows_of('
        select person_name_folded, person_name_search from dpp.approval_asserters where assertion_ordinal = 2')$$,
    array['({},)'], 'no name, nothing derived');
rollback;

-- The calls themselves: what stands where, what null means, in which order warnings are told
select is(
    dpp.ingest_approval(
        '2.25.1602', '1.2.840.10008.5.1.4.1.1.200.3', '1.2.840.10008.1.2', '\x00010203', '\xd1', '\x0a0b', 'ISO_IR 100',
        '-0500', 'store', 'SCANNER_1', array[array['20150230', '2500', null, null, null, '{"a,b",c}', null]],
        '{{1,NULL,1.2,NULL}}', '{{1,NULL,noon,2024,NULL,NULL,NULL},{2,NULL,2024,20240230,NULL,NULL,NULL}}', '{}', null, null, '{{00440100[1].00440102,first},{NULL,second}}'),
    'stored', 'called by hand');
select results_eq(
    $$select * from dpp_test.rows_of('
        select o.sop_class_uid, o.specific_character_set, o.timezone_offset, o.source, o.sender_aet, o.query_record,
            i.transfer_syntax_uid, i.dataset, i.digest
        from dpp.objects as o
        join dpp.instances as i on i.object_id = o.id
        where o.sop_instance_uid = ''2.25.1602'' ')$$,
    array['(1.2.840.10008.5.1.4.1.1.200.3,"ISO_IR 100",-0500,store,SCANNER_1,"\\x0a0b",1.2.840.10008.1.2,"\\x00010203","\\xd1")'],
    'object and instance');
select results_eq(
    $$select * from dpp_test.rows_of('
        select a.instance_creation_date, a.creation_date, a.software_versions, a.other_attributes,
            s.referenced_sop_instance_uid
        from dpp.approvals as a
        join dpp.approval_subjects as s using (object_id)
        join dpp.objects as o on o.id = a.object_id
        where o.sop_instance_uid = ''2.25.1602'' ')$$,
    array['(20150230,,"{""a,b"",c}",{},1.2)'], 'a date that is none stays as written and is no date');
create function pg_temp.warnings(uid text)
returns setof text language sql as $$
    select w.ordinal || ' ' || coalesce(w.attribute, '-') || ' ' || w.warning
    from dpp.dataset_warnings as w
    join dpp.objects as o on o.id = w.object_id
    where o.sop_instance_uid = uid
    order by w.ordinal
$$;
select results_eq(
    $$select * from pg_temp.warnings('2.25.1602')$$,
    array[
        '1 - second', '2 00440100[1].00440102 first', '3 00080012 has a value that is no date: 20150230',
        '4 00080013 has a value that is no time: 2500',
        '5 00440100[1].00440104 has a value that is no date-time: noon',
        '6 00440100[2].00440105 has a value that is no date-time: 20240230'],
    'what holds for the whole first, then the caller''s, then dates and times');
select is(
    dpp.ingest_approval(
        '2.25.1602', '1.2.840.10008.5.1.4.1.1.200.3', '1.2.840.10008.1.2', '\x00010203', v.digest::bytea, null, null, null,
        'store', null, array[array['20160101', null, null, null, null, null, null]], null, null, null, null, null, null),
    v.outcome, 'known: ' || v.outcome)
from (values ('\xd1', 'same'), ('\xd2', 'different')) as v (digest, outcome);
insert into dpp.tombstones (sop_instance_uid, reason) values ('2.25.1603', 'test');
select is(dpp_test.store('2.25.1603', p_class => '1.2.840.10008.5.1.4.1.1.200.3'), 'purged', 'a tombstone refuses an approval');
select results_eq(
    $$select count(*) from dpp.approvals$$, array[2::bigint], 'only what is stored has rows');

-- An approval that was stored before there were these tables: as dpp.ingest leaves it
select is(
    dpp.ingest(
        '2.25.1604', '1.2.840.10008.5.1.4.1.1.200.3', '1.2.840.10008.1.2.1', i.dataset, '\xd4', '', null, null, 'store',
        null, null, null, null, null, null, null, null, null, null),
    'stored', 'stored without rows')
from dpp.instances as i
join dpp.objects as o on o.id = i.object_id
where o.sop_instance_uid = '2.25.1601';
update dpp.instances as i
set dataset = overlay(i.dataset placing '2.25.1604'::bytea from position('2.25.1601'::bytea in i.dataset))
from dpp.objects as o
where o.id = i.object_id and o.sop_instance_uid = '2.25.1604';
select is(dpp_test.dataset_of('2.25.1604'), null, 'it has none');
\! "$DPPR_BINARY" rebuild --uid 2.25.1604 >/dev/null
select is(
    dpp_test.dataset_of('2.25.1604') - '00080018', :'dataset'::jsonb - '00080005' - '00080018',
    'dppr rebuild gives it its rows');
select cmp_ok(length(o.query_record), '>', 1000, 'and its query record')
from dpp.objects as o
where o.sop_instance_uid = '2.25.1604';
\! "$DPPR_BINARY" rebuild --uid 2.25.1604 >/dev/null
select is(
    dpp_test.dataset_of('2.25.1604') - '00080018', :'dataset'::jsonb - '00080005' - '00080018',
    'again, its rows are replaced');
select is(
    dpp.rebuild_approval(
        '2.25.1602', '\x0c', 'ISO_IR 101', null, array[array['20150102', null, null, null, null, null, null]], null,
        null, null, null, null, '{{NULL,new}}'),
    true, 'rebuilt by hand');
select results_eq(
    $$select * from dpp_test.rows_of('
        select a.creation_date, o.query_record, o.specific_character_set, o.timezone_offset,
            (select count(*) from dpp.approval_subjects as s where s.object_id = o.id)
        from dpp.approvals as a
        join dpp.objects as o on o.id = a.object_id
        where o.sop_instance_uid = ''2.25.1602'' ')$$,
    array['(2015-01-02,"\\x0c","ISO_IR 101",,0)'], 'nothing of the former rows is left');
select results_eq($$select * from pg_temp.warnings('2.25.1602')$$, array['1 - new'], 'nor of the former warnings');
select is(
    dpp.rebuild_approval('2.25.1699', null, null, null, null, null, null, null, null, null, null), false,
    'nothing is made of what is not there');

-- Constraints refuse
create function pg_temp.an_approval()
returns bigint language sql as $$ select min(object_id) from dpp.approvals $$;
select throws_ok(
    format('insert into dpp.%s', v.row), v.code, null, v.row)
from (
    values
        ('approvals (object_id) values (-1)', '23503'),
        ('approvals (object_id, other_attributes) values (pg_temp.an_approval(), ''[]'')', '23514'),
        ('approval_subjects (object_id, ordinal) values (-1, 1)', '23503'),
        ('approval_subjects (object_id, ordinal) values (pg_temp.an_approval(), 0)', '23514'),
        ('approval_subjects (object_id, ordinal) values (pg_temp.an_approval(), 1)', '23505'),
        ('approval_assertions (object_id, ordinal) values (pg_temp.an_approval(), 0)', '23514'),
        ('approval_asserters (object_id, assertion_ordinal, ordinal) values (pg_temp.an_approval(), 0, 1)', '23514'),
        ('approval_asserters (object_id, assertion_ordinal, ordinal) values (pg_temp.an_approval(), 1, 0)', '23514'),
        ('approval_related_assertions (object_id, assertion_ordinal, ordinal) values (pg_temp.an_approval(), 0, 1)', '23514'),
        ('approval_codes (object_id, role, assertion_ordinal, ordinal) values (pg_temp.an_approval(), ''reason'', 1, 1)', '23514'),
        ('approval_codes (object_id, role, assertion_ordinal, ordinal) values (pg_temp.an_approval(), ''person'', 1, 9)', '23514'),
        ('approval_codes (object_id, role, assertion_ordinal, asserter_ordinal, ordinal) values (pg_temp.an_approval(), ''assertion'', 1, 1, 9)', '23514'),
        ('approval_codes (object_id, role, assertion_ordinal, ordinal, equivalent) values (pg_temp.an_approval(), ''assertion'', 1, 1, -1)', '23514')
) as v (row, code);
delete from dpp.objects;
select results_eq(
    $$
        select (select count(*) from dpp.approvals) + (select count(*) from dpp.approval_subjects)
            + (select count(*) from dpp.approval_assertions) + (select count(*) from dpp.approval_asserters)
            + (select count(*) from dpp.approval_codes) + (select count(*) from dpp.approval_related_assertions)
    $$,
    array[0::bigint], 'what belongs to an approval goes with it');

select * from finish();
