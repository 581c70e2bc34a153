-- dpp.approve and dpp.withdraw: what they write and publish, and what they refuse. Then the same with plain rows. What
-- an assertion does is tested in approval_rules.sql.
begin;
select no_plan();
set local timezone to 'UTC';
set local jit = off;

create function pg_temp.draft(p_uid text)
returns text language plpgsql as $$
declare
    key bigint;
begin
    insert into dpp.objects (sop_instance_uid, sop_class_uid)
    values (p_uid, '1.2.840.10008.5.1.4.1.1.200.1')
    returning id into key;
    insert into dpp.protocols (object_id, protocol_name, equipment_modality, content_creator_name, patient_position)
    values (key, 'Head', 'CT', 'Doe^Jane', 'HFS');
    insert into dpp.protocol_codes (object_id, role, ordinal, code_value, coding_scheme_designator, code_meaning)
    select key, r.role, 1, '24725-4', 'LN', 'CT HEAD'
    from unnest(array['scheduled_protocol', 'requested_procedure']) as r (role);
    return p_uid;
end
$$;
select dpp.publish(pg_temp.draft(u.uid)) from unnest(array['2.25.1', '2.25.2', '2.25.3']) as u (uid);
select pg_temp.draft('2.25.8');
select dpp.retire(dpp.publish(pg_temp.draft('2.25.9')), 'test');
update dpp.repository set time_zone = 'Etc/GMT-2', institution = 'MERCY^99M^Mercy Hospital';

-- All that can be said
select dpp.approve(
    '{2.25.2,2.25.1}', 'approved for use in the clinical trial', '128670', 'Müller^Jörg', 'Fine for "all"', timestamptz '2100-01-01',
    'NORTH^99N^North Clinic', 'M-7^99P^Müller, Jörg', 'Radiology', 'TRIAL-7', '{2.25.70,2.25.71}',
    p_asserted => timestamptz '2026-01-02 03:04:05.678901') as person,
    dpp.approve(
        '{2.25.3}', 'A-CODE-OF-MORE-THAN-16^99M^Checked', 'PHYS^99M^Physicist', null, null, null, null, null, null, null, '{}',
        'GATE', 'GATE7', '2.25.99', 'Acme', 'Gatekeeper') as device \gset
create function pg_temp.said(p_uid text)
returns setof text language sql as $$
    with o as (select o.* from dpp.objects as o where o.sop_instance_uid = p_uid)
    select concat_ws('|', o.sop_class_uid, o.state, o.source, o.timezone_offset, o.created_by, o.published_by)
    from o
    union all
    select concat_ws('|', 'subject', s.ordinal, s.referenced_sop_class_uid, s.referenced_sop_instance_uid)
    from o join dpp.approval_subjects as s on s.object_id = o.id
    union all
    select concat_ws(
        '|', 'assertion', a.ordinal, a.assertion_uid ~ '^2\.25\.', a.assertion_datetime, a.expiration_datetime,
        a.assertion_comments, a.clinical_trial_protocol_id)
    from o join dpp.approval_assertions as a on a.object_id = o.id
    union all
    select concat_ws(
        '|', 'asserter', w.assertion_ordinal, w.ordinal, w.observer_type, w.person_name, w.station_name, w.station_ae_title,
        w.device_uid, w.manufacturer, w.manufacturer_model_name, w.institution_name, w.institutional_department_name)
    from o join dpp.approval_asserters as w on w.object_id = o.id
    union all
    select concat_ws(
        '|', c.role, c.assertion_ordinal, c.asserter_ordinal, c.ordinal, c.equivalent, c.code_value, c.long_code_value,
        c.coding_scheme_designator, c.code_meaning)
    from o join dpp.approval_codes as c on c.object_id = o.id
    union all
    select concat_ws('|', 'related', r.assertion_ordinal, r.ordinal, r.referenced_assertion_uid)
    from o join dpp.approval_related_assertions as r on r.object_id = o.id
$$;
select set_eq(
    format('select pg_temp.said(%L)', :'person'),
    array[
        '1.2.840.10008.5.1.4.1.1.200.3|published|sql|+0200|' || session_user || '|' || session_user,
        'subject|1|1.2.840.10008.5.1.4.1.1.200.1|2.25.2',
        'subject|2|1.2.840.10008.5.1.4.1.1.200.1|2.25.1',
        'assertion|1|t|20260102050405.678901+0200|21000101020000.000000+0200|Fine for "all"|TRIAL-7',
        'asserter|1|1|PSN|Müller^Jörg|North Clinic|Radiology',
        'assertion|1|0|1|0|128604|DCM|Approved for use in the clinical trial',
        'institution|1|0|1|0|NORTH|99N|North Clinic',
        'asserter_institution|1|1|1|0|NORTH|99N|North Clinic',
        'person|1|1|1|0|M-7|99P|Müller, Jörg',
        'organizational_role|1|1|1|0|128670|DCM|Head of Radiology',
        'related|1|1|2.25.70', 'related|1|2|2.25.71'],
    'a person says all that can be said');
select set_eq(
    format('select pg_temp.said(%L)', :'device'),
    array[
        '1.2.840.10008.5.1.4.1.1.200.3|published|sql|+0200|' || session_user || '|' || session_user,
        'subject|1|1.2.840.10008.5.1.4.1.1.200.1|2.25.3',
        'assertion|1|t|' || to_char(now() + interval '2h', 'YYYYMMDDHH24MISS.US') || '+0200',
        'asserter|1|1|DEV|GATE|GATE7|2.25.99|Acme|Gatekeeper|Mercy Hospital',
        'assertion|1|0|1|0|A-CODE-OF-MORE-THAN-16|99M|Checked',
        'institution|1|0|1|0|MERCY|99M|Mercy Hospital',
        'asserter_institution|1|1|1|0|MERCY|99M|Mercy Hospital',
        'organizational_role|1|1|1|0|PHYS|99M|Physicist'],
    'a device, with codes of the site, for its institution');
select ok(
    exists (
        select
        from dpp.objects as o
        join dpp.instances as i on i.object_id = o.id
        where o.sop_instance_uid = :'person' and length(i.dataset) > 1000 and o.query_record is not null),
    'it can be found and retrieved');
select is(count(*), 1::bigint, 'on record')
from dpp.audit_events as e
where e.operation = 'publish' and e.sop_instance_uid = :'person' and e.reason = 'Fine for "all"';

-- Who is entitled consents, one after the other.
create function pg_temp.status(p_uid text)
returns setof text language sql as $$
    select concat_ws('|', s.assertion_code, s.role_code, s.asserter, s.status, s.withdrawn_by_asserter)
    from dpp.approval_status as s
    where s.sop_instance_uid = p_uid
    order by s.object_id
$$;
select dpp.approve('{2.25.3}', '128603', r.role, r.person)
from (
    values ('Head of Radiology', 'Roentgen^Wilma'), ('128674', 'Tech^Tim'), ('medical physicist', 'Gray^Ray')
) as r (role, person);
select set_has(
    $$select r.requirement from dpp.requirements_met as r where r.sop_instance_uid = '2.25.3'$$,
    $$values ('128603/128670' collate "C"), ('128603/128674'), ('128603/C1708969^UMLS')$$, 'consent of three roles');

-- Withdrawn by who gave it, with all that is known of them
select a.assertion_uid as first from dpp.approval_status as a where a.role_code = '128674' \gset
select dpp.withdraw(:'first', ' too much noise ') as withdrawal \gset
select set_eq(
    format('select pg_temp.said(%L)', :'withdrawal'),
    array[
        '1.2.840.10008.5.1.4.1.1.200.3|published|sql|+0200|' || session_user || '|' || session_user,
        'subject|1|1.2.840.10008.5.1.4.1.1.200.1|2.25.3',
        'assertion|1|t|' || to_char(now() + interval '2h', 'YYYYMMDDHH24MISS.US') || '+0200|too much noise',
        'asserter|1|1|PSN|Tech^Tim|Mercy Hospital',
        'assertion|1|0|1|0|128623|DCM|Disapproved for use at the institution',
        'institution|1|0|1|0|MERCY|99M|Mercy Hospital',
        'asserter_institution|1|1|1|0|MERCY|99M|Mercy Hospital',
        'organizational_role|1|1|1|0|128674|DCM|Lead Radiologic Technologist',
        'related|1|1|' || :'first'],
    'a withdrawal says who, why and what');
select results_eq(
    $$select pg_temp.status('2.25.3')$$,
    array[
        'A-CODE-OF-MORE-THAN-16^99M|PHYS^99M|GATE|withdrawn|Tech^Tim',
        '128603|128670|Roentgen^Wilma|withdrawn|Tech^Tim', '128603|128674|Tech^Tim|withdrawn|Tech^Tim',
        '128603|C1708969^UMLS|Gray^Ray|withdrawn|Tech^Tim', '128623|128674|Tech^Tim|in force'],
    'disapproved at the institution');

-- By somebody else, for one of two protocols, with the opposite of the code
select a.assertion_uid as second from dpp.approval_status as a where a.assertion_code = '128604' limit 1 \gset
select dpp.withdraw(:'second', 'wrong trial', 'Chair of Protocol Committee', 'Chair^Charlie', p_protocols => '{2.25.1}');
select results_eq(
    $$select pg_temp.status('2.25.1') union all select pg_temp.status('2.25.2')$$,
    array[
        '128604|128670|Müller^Jörg|withdrawn|Chair^Charlie', '128624|128671|Chair^Charlie|in force',
        '128604|128670|Müller^Jörg|in force'],
    'the opposite, by another, of one protocol');
-- A device's; a code that the site's rules do not know needs to be told by what.
select a.assertion_uid as third from dpp.approval_status as a where a.asserter = 'GATE' \gset
select throws_ok(
    format('select dpp.withdraw(%L, %L)', :'third', 'x'), '22023',
    'dpp.assertion_codes has no code that withdraws A-CODE-OF-MORE-THAN-16^99M');
select set_has(
    format('select pg_temp.said(%L)', dpp.withdraw(:'third', 'broken', p_assertion => 'Deprecated protocol')),
    $$
        values
            ('asserter|1|1|DEV|GATE|GATE7|2.25.99|Acme|Gatekeeper|Mercy Hospital'),
            ('assertion|1|0|1|0|128610|DCM|Deprecated protocol')
    $$,
    'a device takes back what it said');

-- Refused
select throws_ok(c.statement, c.code, c.message, c.statement)
from (
    values
        ($$select dpp.approve('{}', '128603')$$, '22023', 'p_protocols names no protocol'),
        ($$select dpp.approve(null, '128603')$$, '22023', 'p_protocols names no protocol'),
        ($$select dpp.approve('{2.25.1,2.25.7}', '128601')$$, 'P0002', '2.25.7 is no protocol of this repository'),
        ($$select dpp.approve('{2.25.8}', '128601')$$, '55000', '2.25.8 is a draft: what is approved must not change any more'),
        ($$select dpp.approve('{2.25.9}', '128601')$$, '55000', '2.25.9 is retired'),
        (format($$select dpp.approve('{%s}', '128601')$$, :'person'), 'P0002',
            format('%s is no protocol of this repository', :'person')),
        ($$select dpp.approve('{2.25.1}', 'Great')$$, '22023',
            'p_assertion: ''Great'' is neither a code nor a meaning of dpp.assertion_codes'),
        ($$select dpp.approve('{2.25.1}', '128601', 'Boss')$$, '22023',
            'p_role: ''Boss'' is neither a code nor a meaning of dpp.asserter_roles'),
        ($$select dpp.approve('{2.25.1}', '128601', p_institution => 'Mercy')$$, '22023', 'p_institution: ''Mercy'' is no code'),
        ($$select dpp.approve('{2.25.1}', '128601', p_person_code => '7^99P')$$, '22023', 'p_person_code: ''7^99P'' is no code'),
        ($$select dpp.approve('{2.25.1}', '128601', p_expires => now())$$, '22023',
            format('p_expires: %s is not after it is asserted, %1$s', now())),
        ($$select dpp.approve('{2.25.1,2.25.1}', '128601', null, 'Doe^Jane')$$, '23514', null),
        ($$select dpp.approve('{2.25.1}', null, null, 'Doe^Jane')$$, '22023', 'p_assertion is missing: what is asserted'),
        ($$select dpp.approve('{2.25.1}', '128601')$$, '23514', 'p_person is missing: who asserts it'),
        ($$select dpp.approve('{2.25.1}', '128601', null, '')$$, '23514', 'p_person is missing: who asserts it'),
        ($$select dpp.approve('{2.25.1}', '128604', null, 'Doe^Jane')$$, '23514',
            'p_trial is missing: 128604 (Approved for use in the clinical trial) is asserted for a clinical trial'),
        ($$select dpp.withdraw('2.25.5', 'x')$$, 'P0002', 'there is no published assertion 2.25.5'),
        (format('select dpp.withdraw(%L, %L)', :'second', ' '), '22023', format('p_reason: say why %s is withdrawn', :'second')),
        (format('select dpp.withdraw(%L, null)', :'second'), '22023', format('p_reason: say why %s is withdrawn', :'second')),
        (format('select dpp.withdraw(%L, %L, p_assertion => %L)', :'second', 'x', '128605'), '22023',
            'p_assertion: ''128605'' withdraws nothing'),
        (format('select dpp.withdraw(%L, %L, p_assertion => %L)', :'second', 'x', 'N^99M^No'), '22023',
            'p_assertion: ''N^99M^No'' withdraws nothing')
) as c (statement, code, message);
select a.assertion_uid as negative, a.approval_uid as negative_approval
from dpp.approval_status as a where a.assertion_code = '128624' \gset
select throws_ok(
    format('select dpp.withdraw(%L, %L)', :'negative', 'x'), '22023',
    :'negative' || ' speaks against the protocol: Disapproved for use in the clinical trial');
select dpp.approve('{2.25.1}', '128601', null, 'Doe^Jane', p_asserted => now() + interval '1h') as future \gset
select throws_like(
    format('select dpp.withdraw(%L, %L)', a.assertion_uid, 'x'), '% is asserted in the future, on %')
from dpp.assertions as a
where a.approval_uid = :'future';
select a.assertion_uid as gone from dpp.assertions as a where a.approval_uid = :'future' \gset
select dpp.retire(:'future', 'test');
select throws_ok(
    format('select dpp.withdraw(%L, %L)', :'gone', 'x'), '55000',
    format('the approval %s with assertion %s is retired', :'future', :'gone'));
select r.institution from dpp.repository as r \gset
update dpp.repository set institution = null;
select throws_ok(
    $$select dpp.approve('{2.25.1}', 'Approved for use at the institution', null, 'Doe^Jane')$$, '23514',
    'p_institution is missing: 128603 (Approved for use at the institution) is asserted for an institution');
update dpp.repository set institution = :'institution';
-- A refusal leaves no draft behind
select is(count(*), 1::bigint, 'the one draft of this test') from dpp.objects as o where o.state = 'draft';
-- Retiring what withdraws brings back what was withdrawn.
select dpp.retire(:'negative_approval', 'an error');
select results_eq(
    $$select pg_temp.status('2.25.1') limit 1$$, array['128604|128670|Müller^Jörg|in force'],
    'the disapproval was an error');

-- Plain rows: two assertions in one approval
insert into dpp.objects (sop_instance_uid, sop_class_uid) values ('2.25.20', '1.2.840.10008.5.1.4.1.1.200.3');
insert into dpp.approvals (object_id) select o.id from dpp.objects as o where o.sop_instance_uid = '2.25.20';
insert into dpp.approval_subjects (object_id, ordinal, referenced_sop_instance_uid)
select o.id, 1, '2.25.2' from dpp.objects as o where o.sop_instance_uid = '2.25.20';
insert into dpp.approval_assertions (object_id, ordinal)
select o.id, n from dpp.objects as o cross join generate_series(1, 2) as n where o.sop_instance_uid = '2.25.20';
insert into dpp.approval_asserters (object_id, assertion_ordinal, ordinal, observer_type, person_name)
select o.id, n, 1, 'PSN', 'Doe^Jane' from dpp.objects as o cross join generate_series(1, 2) as n where o.sop_instance_uid = '2.25.20';
insert into dpp.approval_codes (object_id, role, assertion_ordinal, ordinal, code_value, coding_scheme_designator, code_meaning)
select o.id, 'assertion', c.n, 1, c.code, 'DCM', 'in words'
from dpp.objects as o
cross join (values (1, '128601'), (2, '128605')) as c (n, code)
where o.sop_instance_uid = '2.25.20';
select is_empty($$select from dpp.assertions as a where a.approval_uid = '2.25.20'$$, 'a draft asserts nothing');
select dpp.publish('2.25.20');
select set_has(
    $$select r.requirement from dpp.requirements_met as r where r.sop_instance_uid = '2.25.2'$$,
    $$values ('128601' collate "C"), ('128605')$$, 'two assertions of one approval');

select finish();
rollback;
