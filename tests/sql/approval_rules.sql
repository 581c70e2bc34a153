-- Which assertion is in force: dpp.assertions, dpp.approval_status, dpp.approvals_in_force, dpp.requirements_met, and the tables
-- of rules that they go by. Everything is in one transaction, so now() stands still and "at this very moment" can be tested.
begin;
select no_plan();
set local timezone to 'UTC';
set local jit = off;
select set_config('dpp.maintenance', 'on', true); -- approvals are written here as they are, published or not

-- An approval with one assertion, as a test says it:
--   code, role    as the rules spell them (dpp.assertion_codes); role may be left out
--   at, until     intervals from now, written with an offset; with local: true without one, in UTC
--   at_as, until_as   the text instead
--   sender        received by C-STORE from this AE title; left out: recorded in SQL
--   source, state, by (person name), station, comments, refers (UIDs of other assertions), uid (of the assertion)
create function pg_temp.approve(p_protocols text[], p jsonb)
returns text language plpgsql as $$
declare
    approval bigint;
    suffix constant text := case when p ? 'local' then '' else '+0000' end;
    uid constant text := coalesce(p ->> 'uid', '2.25.' || (select count(*) + 1000 from dpp.objects) || '.1');
begin
    insert into dpp.objects (sop_instance_uid, sop_class_uid, state, source, sender_aet, published_at)
    values (
        uid || '.0', '1.2.840.10008.5.1.4.1.1.200.3', coalesce(p ->> 'state', 'published'),
        coalesce(p ->> 'source', case when p ? 'sender' then 'store' else 'sql' end), p ->> 'sender',
        case when p ->> 'state' = 'draft' then null else now() + coalesce(p ->> 'received', '0')::interval end)
    returning id into approval;
    insert into dpp.approvals (object_id) values (approval);
    insert into dpp.approval_subjects (object_id, ordinal, referenced_sop_class_uid, referenced_sop_instance_uid)
    select approval, s.n, '1.2.840.10008.5.1.4.1.1.200.1', s.uid
    from unnest(p_protocols) with ordinality as s (uid, n);
    insert into dpp.approval_assertions (
        object_id, ordinal, assertion_uid, assertion_datetime, expiration_datetime, assertion_comments, other_attributes)
    values (
        approval, 1, uid,
        coalesce(p ->> 'at_as', to_char(now() + coalesce(p ->> 'at', '-1h')::interval, 'YYYYMMDDHH24MISS.US') || suffix),
        coalesce(p ->> 'until_as', to_char(now() + (p ->> 'until')::interval, 'YYYYMMDDHH24MISS.US') || suffix),
        p ->> 'comments', coalesce(p -> 'other', '{}'));
    insert into dpp.approval_asserters (object_id, assertion_ordinal, ordinal, observer_type, person_name, station_name)
    values (
        approval, 1, 1, case when p ? 'station' then 'DEV' else 'PSN' end,
        coalesce(p ->> 'by', case when p ? 'station' then null else 'Doe^Jane' end), p ->> 'station');
    insert into dpp.approval_codes (
        object_id, role, assertion_ordinal, asserter_ordinal, ordinal, code_value, coding_scheme_designator, code_meaning)
    select
        approval, c.role, 1, c.asserter, 1, split_part(c.code, '^', 1),
        coalesce(nullif(split_part(c.code, '^', 2), ''), 'DCM'), 'in words'
    from (
        values ('assertion', 0, coalesce(p ->> 'code', '128603')), ('organizational_role', 1, p ->> 'role')
    ) as c (role, asserter, code)
    where c.code is not null;
    insert into dpp.approval_related_assertions (object_id, assertion_ordinal, ordinal, referenced_assertion_uid)
    select approval, 1, r.n, r.uid
    from jsonb_array_elements_text(coalesce(p -> 'refers', '[]')) with ordinality as r (uid, n);
    return uid;
end
$$;

-- What becomes of assertions about one protocol, each in an approval of its own, in their order.
create function pg_temp.judged(p jsonb)
returns text language plpgsql as $$
declare
    protocol constant text := '2.25.' || (select count(*) + 1000 from dpp.objects) || '.9';
    said jsonb;
begin
    for said in select e.value from jsonb_array_elements(p) as e loop
        perform pg_temp.approve(array[protocol], said);
    end loop;
    return (
        select string_agg(s.status, ', ' order by s.object_id)
        from dpp.approval_status as s
        where s.sop_instance_uid = protocol);
end
$$;

insert into dpp.trusted_approvers (sender_aet, asserter, role)
values
    ('TRUSTED', null, null), ('BY_NAME', 'Müller^Jörg', null), ('BY_ROLE', null, '128670'),
    ('BY_BOTH', 'Smith^John', 'PHYS^99SITE'), ('GATE', 'GATE7', null);
insert into dpp.assertion_codes (code, code_meaning, is_positive, withdraws)
values ('NO^99SITE', 'Not ours', false, '{YES^99SITE,128603}'), ('YES^99SITE', 'Ours', true, '{}');

select is(pg_temp.judged(c.said::jsonb), c.expected, c.name)
from (
    values
        -- time
        ('recorded in the past', '[{}]', 'in force'),
        ('asserted at this very moment', '[{"at": "0"}]', 'in force'),
        ('asserted a microsecond from now', '[{"at": "1us"}]', 'not yet'),
        ('expires a microsecond from now', '[{"until": "1us"}]', 'in force'),
        ('expires at this very moment', '[{"until": "0"}]', 'expired'),
        ('expired', '[{"until": "-1us"}]', 'expired'),
        ('asserted in the future, expired before', '[{"at": "2h", "until": "1h"}]', 'not yet'),
        ('a time that cannot be read counts from its arrival', '[{"at_as": "soon", "received": "-1h"}]', 'in force'),
        ('and not before', '[{"at_as": "soon", "received": "1h"}]', 'not yet'),
        ('an expiry that cannot be read is over', '[{"until_as": "never"}]', 'expired'),
        ('several expiries are over', '[{"other": {"00440105": {"vr": "DT", "Value": ["2100", "2101"]}}}]', 'expired'),
        ('an empty expiry is none', '[{"other": {"00440105": {"vr": "DT"}}}]', 'in force'),
        ('a year expires when it begins', format('[{"until_as": "%s"}]', to_char(now(), 'YYYY')), 'expired'),
        ('next year expires later', format('[{"until_as": "%s"}]', to_char(now() + '1 year', 'YYYY')), 'in force'),
        ('an offset of its own counts',
            format('[{"until_as": "%s-0100"}]', to_char(now() - interval '30 min', 'YYYYMMDDHH24MISS')), 'in force'),
        -- state of the approval
        ('retired', '[{"state": "retired"}]', 'retired'),
        ('draft', '[{"state": "draft"}]', null),
        ('retired is told before all else', '[{"state": "retired", "sender": "X", "until": "-1h"}]', 'retired'),
        -- who says so
        ('imported', '[{"source": "import"}]', 'in force'),
        ('received from nobody known', '[{"sender": "OTHER"}]', 'untrusted'),
        ('stored over the web', '[{"source": "web"}]', 'untrusted'),
        ('received from a trusted AE', '[{"sender": "TRUSTED"}]', 'in force'),
        ('AE titles are compared as they are', '[{"sender": "trusted"}]', 'untrusted'),
        ('trusted by name, however written', '[{"sender": "BY_NAME", "by": "MULLER^jorg^^"}]', 'in force'),
        ('another name', '[{"sender": "BY_NAME", "by": "Muller^Jane"}]', 'untrusted'),
        ('no name', '[{"sender": "BY_NAME", "station": "X"}]', 'untrusted'),
        ('trusted by role', '[{"sender": "BY_ROLE", "role": "128670"}]', 'in force'),
        ('another role', '[{"sender": "BY_ROLE", "role": "128674"}]', 'untrusted'),
        ('the role of another scheme', '[{"sender": "BY_ROLE", "role": "128670^99SITE"}]', 'untrusted'),
        ('no role', '[{"sender": "BY_ROLE"}]', 'untrusted'),
        ('name and role', '[{"sender": "BY_BOTH", "by": "Smith^John", "role": "PHYS^99SITE"}]', 'in force'),
        ('name without role', '[{"sender": "BY_BOTH", "by": "Smith^John", "role": "128670"}]', 'untrusted'),
        ('role without name', '[{"sender": "BY_BOTH", "by": "Smith^Jane", "role": "PHYS^99SITE"}]', 'untrusted'),
        ('a device by its station', '[{"sender": "GATE", "station": "GATE7"}]', 'in force'),
        ('another device', '[{"sender": "GATE", "station": "GATE8"}]', 'untrusted'),
        -- withdrawn by code
        ('disapproved for any use', '[{}, {"code": "128609", "at": "-30m"}]', 'withdrawn, in force'),
        ('deprecated', '[{}, {"code": "128610", "at": "-30m"}]', 'withdrawn, in force'),
        ('disapproved at the institution', '[{}, {"code": "128623", "at": "-30m"}]', 'withdrawn, in force'),
        ('these take all back', '[{"code": "128601"}, {"code": "X^99SITE"}, {"code": "128623", "at": "-30m"}]',
            'withdrawn, withdrawn, in force'),
        ('in whatever role it was asserted', '[{"role": "128670"}, {"code": "128609", "role": "128674", "at": "-30m"}]',
            'withdrawn, in force'),
        ('other negative ones take back their opposite',
            '[{"code": "128605"}, {"code": "128603"}, {"code": "128617", "at": "-30m"}]',
            'withdrawn, in force, in force'),
        ('both kinds of eligibility', '[{"code": "128613"}, {"code": "128614"}, {"code": "128615", "at": "-30m"}]',
            'withdrawn, withdrawn, in force'),
        ('a code of the site', '[{"code": "YES^99SITE"}, {"code": "128603"}, {"code": "128604"}, {"code": "NO^99SITE", "at": "-30m"}]',
            'withdrawn, withdrawn, in force, in force'),
        ('the code of another scheme', '[{}, {"code": "128609^99SITE", "at": "-30m"}]', 'in force, in force'),
        -- order of times
        ('approved anew', '[{"code": "128623", "at": "-2h"}, {"at": "-1h"}]', 'in force, in force'),
        ('at the same time', '[{"code": "128623"}, {}]', 'in force, withdrawn'),
        ('a microsecond before', '[{"at": "-1h"}, {"code": "128623", "at": "-3600000001us"}]', 'in force, in force'),
        ('it comes in before what it withdraws', '[{"code": "128609", "at": "-30m"}, {"at": "-1h"}]',
            'in force, withdrawn'),
        ('withdrawn from now on', '[{}, {"code": "128609", "at": "0"}]', 'withdrawn, in force'),
        ('withdrawn later', '[{}, {"code": "128609", "at": "1us"}]', 'in force, not yet'),
        ('approved, withdrawn, approved', '[{"at": "-3h"}, {"code": "128609", "at": "-2h"}, {"at": "-1h"}]',
            'withdrawn, in force, in force'),
        -- what withdraws has to count itself
        ('a withdrawal that is retired', '[{}, {"code": "128609", "at": "-30m", "state": "retired"}]',
            'in force, retired'),
        ('a withdrawal that has expired', '[{}, {"code": "128609", "at": "-30m", "until": "0"}]', 'in force, expired'),
        ('a withdrawal that expires', '[{}, {"code": "128609", "at": "-30m", "until": "1us"}]', 'withdrawn, in force'),
        ('a withdrawal by nobody known', '[{}, {"code": "128609", "at": "-30m", "sender": "OTHER"}]',
            'in force, untrusted'),
        ('a trusted withdrawal', '[{}, {"code": "128609", "at": "-30m", "sender": "TRUSTED"}]', 'withdrawn, in force'),
        ('a withdrawal of a withdrawal', '[{}, {"code": "128623", "at": "-30m"}, {"code": "128609", "at": "-20m"}]',
            'withdrawn, in force, in force'),
        ('expired is told before withdrawn', '[{"until": "-40m"}, {"code": "128609", "at": "-30m"}]',
            'expired, in force'),
        -- by reference
        ('a negative one that refers to it', '[{"uid": "2.25.71"}, {"code": "128617", "at": "-30m", "refers": ["2.25.70", "2.25.71"]}]',
            'withdrawn, in force'),
        ('refers to another', '[{"uid": "2.25.72"}, {"code": "128617", "at": "-30m", "refers": ["2.25.71"]}]',
            'in force, in force'),
        ('a positive one that refers to it', '[{"uid": "2.25.73"}, {"code": "128605", "at": "-30m", "refers": ["2.25.73"]}]',
            'in force, in force'),
        ('refers to what comes later', '[{"uid": "2.25.74", "at": "-20m"}, {"code": "128617", "at": "-30m", "refers": ["2.25.74"]}]',
            'in force, in force')
) as c (name, said, expected);

-- One approval of two protocols; a withdrawal of one of them.
select pg_temp.approve('{2.25.501,2.25.502}', '{"uid": "2.25.75"}');
select pg_temp.approve('{2.25.502}', '{"code": "128617", "at": "-30m", "refers": ["2.25.75"], "uid": "2.25.76", "by": "Roe^Sam"}');
select results_eq(
    $$select * from dpp_test.rows_of('
        select s.sop_instance_uid, s.assertion_code, s.status, s.withdrawn_by, s.withdrawn_by_asserter,
            now() - s.withdrawn_at
        from dpp.approval_status as s
        where s.sop_instance_uid in (''2.25.501'', ''2.25.502'')
        order by 1, 2')$$,
    array[
        '(2.25.501,128603,"in force",,,)', '(2.25.502,128603,withdrawn,2.25.76,Roe^Sam,00:30:00)',
        '(2.25.502,128617,"in force",,,)'],
    'a withdrawal holds for its own subjects');

-- The first that withdraws is named.
select pg_temp.approve('{2.25.503}', '{"uid": "2.25.77"}');
select pg_temp.approve('{2.25.503}', '{"code": "128610", "at": "-10m", "uid": "2.25.78"}');
select pg_temp.approve('{2.25.503}', '{"code": "128609", "at": "-20m", "uid": "2.25.79"}');
select is(s.withdrawn_by, '2.25.79', 'the first that withdraws it is named')
from dpp.approval_status as s
where s.assertion_uid = '2.25.77';

-- The zone of the site: for what says no offset itself.
create function pg_temp.in_zone(p_zone text, p jsonb)
returns text language plpgsql as $$
begin
    update dpp.repository set time_zone = p_zone;
    return pg_temp.judged(p);
end
$$;
select is(pg_temp.in_zone(c.zone, c.said::jsonb), c.expected, c.said || ' in ' || coalesce(c.zone, 'no zone'))
from (
    values
        (null, '[{"at": "0", "local": true}]', 'in force'),
        (null, '[{"at": "1us", "local": true}]', 'not yet'),
        ('Etc/GMT-1', '[{"at": "1h", "local": true}]', 'in force'),
        ('Etc/GMT-1', '[{"at": "3600000001us", "local": true}]', 'not yet'),
        ('Etc/GMT-1', '[{"at": "1us"}]', 'not yet'),
        ('Etc/GMT-1', '[{"until": "1h", "local": true}]', 'expired'),
        ('Etc/GMT-1', '[{"until": "3600000001us", "local": true}]', 'in force'),
        ('Etc/GMT+1', '[{"at": "-1h", "local": true}]', 'in force'),
        ('Etc/GMT+1', '[{"at": "-59m", "local": true}]', 'not yet'),
        ('Etc/GMT+1', '[{"at": "-2h", "until": "-59m", "local": true}]', 'in force'),
        ('Etc/GMT+1', '[{"at": "-2h", "until": "-59m"}]', 'expired')
) as c (zone, said, expected);
select throws_ok(
    $$update dpp.repository set time_zone = 'Mars/Olympus'$$, '22023', 'time zone "Mars/Olympus" not recognized');

-- What the server asks.
select pg_temp.approve('{2.25.504}', '{"code": "128603", "role": "128670"}');
select pg_temp.approve('{2.25.504}', '{"code": "128603", "role": "PHYS^99SITE"}');
select pg_temp.approve('{2.25.504}', '{"code": "OK^99SITE"}');
select pg_temp.approve('{2.25.504}', '{"code": "128601", "until": "-1us"}');
select pg_temp.approve('{2.25.505}', '{"code": "128605"}');
select set_eq(
    $$select r.requirement from dpp.requirements_met as r where r.sop_instance_uid = '2.25.504' and r.requirement is not null$$,
    array['128603', '128603/128670', '128603/PHYS^99SITE', 'OK^99SITE'], 'what a protocol meets');
select results_eq(
    $$select * from dpp_test.rows_of('
        select f.assertion_code, f.role_code, f.asserter, f.is_positive, f.until, now() - f.since
        from dpp.approvals_in_force as f
        where f.sop_instance_uid = ''2.25.504''
        order by 1, 2')$$,
    array[
        '(128603,128670,Doe^Jane,t,,01:00:00)', '(128603,PHYS^99SITE,Doe^Jane,t,,01:00:00)',
        '(OK^99SITE,,Doe^Jane,t,,01:00:00)'],
    'what is in force of a protocol');

-- Two roles of one asserter are two rows; trust in one of them is no trust in the other.
select pg_temp.approve('{2.25.506}', '{"role": "128670", "sender": "BY_ROLE", "uid": "2.25.80"}');
insert into dpp.approval_codes (object_id, role, assertion_ordinal, asserter_ordinal, ordinal, code_value, coding_scheme_designator)
select o.id, 'organizational_role', 1, 1, 2, '128674', 'DCM' from dpp.objects as o where o.sop_instance_uid = '2.25.80.0';
select results_eq(
    $$select * from dpp_test.rows_of('
        select s.role_code, s.status from dpp.approval_status as s where s.sop_instance_uid = ''2.25.506'' order by 1')$$,
    array['(128670,"in force")', '(128674,untrusted)'], 'one row per role');

-- Superseded, as far as one can see.
create function pg_temp.version(p_uid text, p_supersedes text[], p_state text default 'published')
returns void language sql as $$
    with o as (
        insert into dpp.objects (sop_instance_uid, sop_class_uid, state)
        values (p_uid, '1.2.840.10008.5.1.4.1.1.200.1', p_state)
        returning id)
    insert into dpp.supersessions (object_id, superseded_uid) select o.id, u.uid from o cross join unnest(p_supersedes) as u (uid)
$$;
select pg_temp.version('1.1', '{}');
select pg_temp.version('1.2', '{1.1}');
select pg_temp.version('1.3', '{1.2}');
select pg_temp.version('1.4', '{1.3}');
select pg_temp.version('5.1', '{}');
select pg_temp.version('5.2', '{5.1}', 'retired');
select pg_temp.version('5.3', '{5.2}');
select pg_temp.version('2.1', '{}');
select pg_temp.version('2.2', '{2.1}', 'retired');
select pg_temp.version('6.1', '{}');
select pg_temp.version('6.2', '{6.1}');
select pg_temp.version('6.3', '{6.2}', 'retired');
select pg_temp.version('3.1', '{3.1}');
select pg_temp.version('4.1', '{4.2}');
select pg_temp.version('4.2', '{4.1}', 'retired');
select pg_temp.approve('{1.1}', '{}');
select pg_temp.approve('{1.4}', '{"code": "128605"}');
select pg_temp.approve('{6.3}', '{"code": "128605"}');
select is(dpp.is_superseded(c.uid, c.required::text[]), c.expected, format('%s for who requires %s', c.uid, c.required))
from (
    values
        ('1.1', '{}', true), ('1.2', '{}', true), ('1.4', '{}', false), ('9.9', '{}', false),
        ('2.1', '{}', false), ('5.1', '{}', false), ('5.2', '{}', true), ('3.1', '{}', false), ('4.1', '{}', false),
        ('1.1', '{128603}', false), ('1.1', '{128605}', true), ('1.2', '{128605}', true),
        ('1.1', '{128605,128603}', false), ('6.1', '{128605}', false)
) as c (uid, required, expected);
select is(dpp.is_superseded('1.1'), true, 'nothing required');

-- Rules
select results_eq(
    $$select * from dpp_test.rows_of('
        select count(*), count(*) filter (where k.is_positive), count(*) filter (where ''*'' = any (k.withdraws)),
            string_agg(k.code, '' '' order by k.code) filter (where k.needs_institution),
            string_agg(k.code, '' '' order by k.code) filter (where k.needs_trial)
        from dpp.assertion_codes as k
        where k.code not like ''%^%''')$$,
    array['(23,11,3,"128603 128613 128614 128615 128623","128604 128611 128612 128624")'],
    'PS3.16 CID 800, and what PS3.3 10.30 wants with which');
select is_empty(
    $$
        select k.code, w.code
        from dpp.assertion_codes as k
        cross join unnest(k.withdraws) as w (code)
        where w.code <> '*' and not exists (select from dpp.assertion_codes as o where o.code = w.code and o.is_positive)
    $$,
    'what is withdrawn is positive');
select is(count(*), 26::bigint, 'PS3.16 CID 7452 and the physics assistant') from dpp.asserter_roles;
select throws_ok(
    format('insert into dpp.assertion_codes (code, code_meaning) values (%L, %L)', c.code, 'x'), '23514', null,
    format('%L is no code', c.code))
from (values (''), ('1/2'), ('1^'), ('^A'), ('1^2^3'), ('128603^DCM'), (E'1\n2'), ('1\2')) as c (code);
select throws_ok(
    $$insert into dpp.assertion_codes (code, code_meaning, withdraws) values ('1', 'x', '{*}')$$, '23514', null,
    'a positive one withdraws nothing');
select throws_ok(
    $$insert into dpp.asserter_roles (code, code_meaning) values ('1/2', 'x')$$, '23514', null, 'no code of a role');
select throws_ok(
    format('insert into dpp.asserter_roles (code, code_meaning) values (%L, %L)', '1', repeat('x', 65)), '23514', null,
    'Code Meaning has 64 characters at most');
select throws_ok(
    format('insert into dpp.trusted_approvers (sender_aet, asserter, role) values (%L, %L, %L)', c.aet, c.asserter, c.role),
    '23514', null, format('no source: %s', c))
from (
    values ('', null, null), ('A\B', null, null), (' A', null, null), ('12345678901234567', null, null), ('A', '', null),
        ('A', null, '1/2'), ('A', null, '1^DCM')
) as c (aet, asserter, role);
select throws_ok(
    $$insert into dpp.trusted_approvers (sender_aet) values ('TRUSTED')$$, '23505', null, 'a source is there once');
select throws_ok(
    format('insert into dpp.application_entities (ae_title, required_assertions) values (%L, %L)', 'X', c.required),
    '23514', null, format('nobody can require %s', c.required))
from (
    values
        ('{""}'), ('{128603,""}'), ('{128603/}'), ('{/128670}'), ('{128603^DCM}'), ('{128603/128670^DCM}'),
        ('{128603/128670/1}'), ('{1^2^3}'), ('{"1\\2"}'), (E'{"1\n2"}'), (array[repeat('1', 513)]::text),
        (array[repeat('ü', 300)]::text)
) as c (required);
select lives_ok(
    format('insert into dpp.application_entities (ae_title, required_assertions) values (%L, %L)', 'X' || c.n, c.required),
    'one can require ' || c.required)
from (
    values
        (1, '{}'), (2, '{128603}'), (3, '{128603/128670,128603/PHYS^99SITE}'), (4, '{OK^99SITE,"two words/128670"}'),
        (5, array[repeat('1', 512)]::text)
) as c (n, required);

select finish();
rollback;
