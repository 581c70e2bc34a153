-- Assertions in SQL: dpp.approve records one, dpp.withdraw takes one back. Each makes a Protocol Approval as rows and publishes
-- it (dpp.publish), so it can be found and retrieved like any other, and counts at once (dpp.approvals_in_force). Who needs
-- more than these say, such as several assertions in one approval, inserts rows and publishes them.
--
-- Codes are given by what people know of them: a code as in dpp.assertion_codes and dpp.asserter_roles, its meaning, or
-- one that is in neither table, as VALUE^SCHEME^MEANING.

create or replace function dpp.code_parts(p_text text, p_parameter text)
returns text[] language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    parts constant text[] := regexp_match(p_text, '^([^^]+)\^([^^]+)\^(.+)$');
begin
    if p_text is not null and parts is null then
        raise exception '%: % is no code', p_parameter, quote_literal(p_text)
            using errcode = 'invalid_parameter_value', hint = 'Write VALUE^SCHEME^MEANING.';
    end if;
    return parts;
end
$$;
comment on function dpp.code_parts(text, text) is
    'Value, scheme and meaning of a code written VALUE^SCHEME^MEANING; the second argument is named in the error when it is not';

create or replace function dpp.known_code(p_text text, p_parameter text, p_table regclass)
returns text[] language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    code text;
    meaning text;
begin
    if p_text is null then
        return null;
    end if;
    execute format(
        'select k.code, k.code_meaning from %s as k where k.code = $1 or lower(k.code_meaning) = lower($1)
        order by k.code = $1 desc, k.code limit 1', p_table)
    into code, meaning
    using p_text;
    if code is not null then
        return array[split_part(code, '^', 1), coalesce(nullif(split_part(code, '^', 2), ''), 'DCM'), meaning];
    end if;
    if p_text ~ '^[^^]+\^[^^]+\^.' then
        return dpp.code_parts(p_text, p_parameter);
    end if;
    raise exception '%: % is neither a code nor a meaning of %', p_parameter, quote_literal(p_text), p_table
        using
            errcode = 'invalid_parameter_value',
            hint = format('select code, code_meaning from %s. A code of your own: VALUE^SCHEME^MEANING.', p_table);
end
$$;
comment on function dpp.known_code(text, text, regclass) is
    'Value, scheme and meaning of a code given by its code or meaning in a table of codes, or as VALUE^SCHEME^MEANING';

create or replace function dpp.insert_approval_code(
    p_object_id bigint, p_role text, p_asserter_ordinal int, p_parts text[])
returns void language sql as $$
    insert into dpp.approval_codes (
        object_id, role, assertion_ordinal, asserter_ordinal, ordinal, code_value, long_code_value,
        coding_scheme_designator, code_meaning)
    select
        p_object_id, p_role, 1, p_asserter_ordinal, 1,
        case when length(p_parts[1]) <= 16 then p_parts[1] end,
        case when length(p_parts[1]) > 16 then p_parts[1] end,
        p_parts[2], p_parts[3]
    where p_parts is not null
$$;
comment on function dpp.insert_approval_code(bigint, text, int, text[]) is
    'Adds a code of value, scheme and meaning to the first assertion of an approval, or to its asserter; null adds none';

-- A moment as a DT value with the offset that the site's zone has then.
create or replace function dpp.datetime_of(p_at timestamptz)
returns text language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    zone constant text := coalesce((select r.time_zone from dpp.repository as r), 'UTC');
begin
    return to_char(p_at at time zone zone, 'YYYYMMDDHH24MISS.US')
        || dpp.offset_text((p_at at time zone zone) - (p_at at time zone 'UTC'));
end
$$;
comment on function dpp.datetime_of(timestamptz) is
    'A moment as a DICOM date-time (VR DT), in the time zone of dpp.repository and with its offset';

create or replace function dpp.check_subjects(p_protocols text[])
returns void language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    bad record;
begin
    if coalesce(cardinality(p_protocols), 0) = 0 then
        raise exception 'p_protocols names no protocol' using errcode = 'invalid_parameter_value';
    end if;
    select u.uid, o.state, o.id is not null as is_known
    into bad
    from unnest(p_protocols) with ordinality as u (uid, n)
    left join dpp.objects as o on o.sop_instance_uid = u.uid
    left join dpp.protocols as p on p.object_id = o.id
    where p.object_id is null or o.state <> 'published'
    order by u.n
    limit 1;
    if not found then
        return;
    end if;
    if bad.state = 'draft' then
        raise exception '% is a draft: what is approved must not change any more', bad.uid
            using
                errcode = 'object_not_in_prerequisite_state', hint = format('Publish it first: select dpp.publish(%L).', bad.uid);
    end if;
    if bad.state = 'retired' then
        raise exception '% is retired', bad.uid using errcode = 'object_not_in_prerequisite_state';
    end if;
    raise exception '% is no protocol of this repository', coalesce(bad.uid, 'null')
        using
            errcode = 'no_data_found',
            hint = 'An approval of a protocol that is not here: insert its rows (dpp.approvals, dpp.approval_subjects ...) and publish it.';
end
$$;
comment on function dpp.check_subjects(text[]) is
    'Refuses SOP Instance UIDs that are not those of published protocols here';

-- Before rows are written, of which dpp.publish would tell under names that are no parameters.
create or replace function dpp.check_asserted(p_assertion text[], p_institution text[], p_trial text, p_asserter text)
returns void language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    lacks text;
    needs dpp.assertion_codes;
begin
    if p_assertion is null then
        raise exception 'p_assertion is missing: what is asserted'
            using errcode = 'invalid_parameter_value', hint = 'select code, code_meaning from dpp.assertion_codes';
    end if;
    if coalesce(trim(p_asserter), '') = '' then
        raise exception 'p_person is missing: who asserts it'
            using errcode = 'check_violation', hint = 'Of a device give p_device_uid, p_station_name or p_station_ae_title.';
    end if;
    select k.*
    into needs
    from dpp.assertion_codes as k
    where k.code = p_assertion[1] || coalesce('^' || nullif(p_assertion[2], 'DCM'), '');
    if needs.needs_institution and p_institution is null then
        raise exception 'p_institution is missing: % (%) is asserted for an institution', needs.code, needs.code_meaning
            using
                errcode = 'check_violation',
                hint = 'Give p_institution => ''CODE^SCHEME^NAME'', or for all approvals: update dpp.repository set institution = ''CODE^SCHEME^NAME''.';
    end if;
    if needs.needs_trial and coalesce(trim(p_trial), '') = '' then
        raise exception 'p_trial is missing: % (%) is asserted for a clinical trial', needs.code, needs.code_meaning
            using errcode = 'check_violation', hint = 'Give p_trial => its Clinical Trial Protocol ID.';
    end if;
end
$$;
comment on function dpp.check_asserted(text[], text[], text, text) is
    'Refuses an assertion that lacks what its code needs (dpp.assertion_codes), or who asserts it, by the names of the parameters of dpp.approve';

create or replace function dpp.approve(
    p_protocols text[],
    p_assertion text,
    p_role text default null,
    p_person text default null,
    p_comments text default null,
    p_expires timestamptz default null,
    p_institution text default null,
    p_person_code text default null,
    p_department text default null,
    p_trial text default null,
    p_related text[] default '{}',
    p_station_name text default null,
    p_station_ae_title text default null,
    p_device_uid text default null,
    p_manufacturer text default null,
    p_model_name text default null,
    p_asserted timestamptz default now()
)
returns text language plpgsql
set search_path = pg_catalog, pg_temp
set jit = off -- of the many small statements of publishing; where statistics are missing it takes seconds
as $$
declare
    uid constant text := dpp.new_uid();
    asserted constant text := dpp.datetime_of(p_asserted);
    institution constant text[] := dpp.code_parts(
        coalesce(p_institution, (select r.institution from dpp.repository as r)), 'p_institution');
    assertion constant text[] := dpp.known_code(p_assertion, 'p_assertion', 'dpp.assertion_codes');
    role constant text[] := dpp.known_code(p_role, 'p_role', 'dpp.asserter_roles');
    person_code constant text[] := dpp.code_parts(p_person_code, 'p_person_code');
    approval_id bigint;
begin
    perform dpp.check_subjects(p_protocols);
    if p_expires <= p_asserted then
        raise exception 'p_expires: % is not after it is asserted, %', p_expires, p_asserted
            using errcode = 'invalid_parameter_value';
    end if;
    perform dpp.check_asserted(
        assertion, institution, p_trial, coalesce(p_person, p_device_uid, p_station_name, p_station_ae_title));

    insert into dpp.objects (sop_instance_uid, sop_class_uid, timezone_offset)
    values (uid, '1.2.840.10008.5.1.4.1.1.200.3', right(asserted, 5))
    returning id into approval_id;
    insert into dpp.approvals (object_id) values (approval_id);
    insert into dpp.approval_subjects (object_id, ordinal, referenced_sop_instance_uid)
    select approval_id, u.n, u.uid from unnest(p_protocols) with ordinality as u (uid, n);
    insert into dpp.approval_assertions (
        object_id, ordinal, assertion_datetime, expiration_datetime, assertion_comments, clinical_trial_protocol_id)
    values (approval_id, 1, asserted, dpp.datetime_of(p_expires), p_comments, p_trial);
    insert into dpp.approval_asserters (
        object_id, assertion_ordinal, ordinal, observer_type, person_name, station_name, station_ae_title, device_uid,
        manufacturer, manufacturer_model_name, institution_name, institutional_department_name)
    values (
        approval_id, 1, 1,
        case when p_person is null and coalesce(p_station_name, p_station_ae_title, p_device_uid) is not null then 'DEV' else 'PSN' end,
        p_person, p_station_name, p_station_ae_title, p_device_uid, p_manufacturer, p_model_name, institution[3],
        p_department);
    perform
        dpp.insert_approval_code(approval_id, 'assertion', 0, assertion),
        dpp.insert_approval_code(approval_id, 'institution', 0, institution),
        dpp.insert_approval_code(approval_id, 'asserter_institution', 1, institution),
        dpp.insert_approval_code(approval_id, 'person', 1, person_code),
        dpp.insert_approval_code(approval_id, 'organizational_role', 1, role);
    insert into dpp.approval_related_assertions (object_id, assertion_ordinal, ordinal, referenced_assertion_uid)
    select approval_id, 1, u.n, u.uid from unnest(p_related) with ordinality as u (uid, n);
    return dpp.publish(uid, p_reason => p_comments);
end
$$;
comment on function dpp.approve(
    text[], text, text, text, text, timestamptz, text, text, text, text, text[], text, text, text, text, text,
    timestamptz) is
    'Records that somebody asserts something of published protocols, for or against them: a Protocol Approval is made and published. p_assertion and p_role: code or meaning (dpp.assertion_codes, dpp.asserter_roles), or VALUE^SCHEME^MEANING; p_person: a DICOM person name, such as Doe^Jane, or for a device p_station_name and others; p_institution and p_person_code: VALUE^SCHEME^MEANING, the institution of dpp.repository by default. Returns the SOP Instance UID of the approval';

-- The assertion that is to be taken back.
create or replace function dpp.assertion_to_withdraw(p_assertion_uid text)
returns table (object_id bigint, assertion_ordinal int, assertion_code text, clinical_trial_protocol_id text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    known record;
begin
    select a.*
    into known
    from dpp.assertions as a
    where a.assertion_uid = p_assertion_uid
    order by a.is_retired, a.since desc, a.object_id
    limit 1;
    if not found then
        raise exception 'there is no published assertion %', p_assertion_uid
            using errcode = 'no_data_found', hint = 'select assertion_uid, assertion, asserter, status from dpp.approval_status';
    end if;
    if known.is_retired then
        raise exception 'the approval % with assertion % is retired', known.approval_uid, p_assertion_uid
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    if not known.is_positive then
        raise exception '% speaks against the protocol: %', p_assertion_uid, known.assertion
            using
                errcode = 'invalid_parameter_value',
                hint = 'Approve the protocol anew (dpp.approve), or retire the approval (dpp.retire).';
    end if;
    if known.since > now() then
        raise exception '% is asserted in the future, on %', p_assertion_uid, known.since
            using
                errcode = 'object_not_in_prerequisite_state',
                hint = format('Retire its approval: select dpp.retire(%L, ''...'').', known.approval_uid);
    end if;
    return query
        select known.object_id, known.assertion_ordinal, known.assertion_code, known.clinical_trial_protocol_id;
end
$$;
comment on function dpp.assertion_to_withdraw(text) is
    'An assertion that can be withdrawn, by its Assertion UID; refuses what cannot';

create or replace function dpp.approval_code_text(p_object_id bigint, p_assertion_ordinal int, p_role text)
returns text language sql stable as $$
    select concat_ws(
        '^', coalesce(c.code_value, c.long_code_value, c.urn_code_value), c.coding_scheme_designator,
        coalesce(c.code_meaning, c.code_value, c.long_code_value, c.urn_code_value))
    from dpp.approval_codes as c
    where c.object_id = p_object_id
        and c.assertion_ordinal = p_assertion_ordinal
        and c.role = p_role
        and c.equivalent = 0
        and c.coding_scheme_designator is not null
    order by c.asserter_ordinal, c.ordinal
    limit 1
$$;
comment on function dpp.approval_code_text(bigint, int, text) is
    'The first code of a role of an assertion, or of its asserter, as VALUE^SCHEME^MEANING; null when it has none';

-- By what an assertion is withdrawn: what was asked for, else its opposite.
create or replace function dpp.withdrawing_code(p_assertion text, p_withdrawn text)
returns text language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    code constant text := coalesce(p_assertion, (
        select k.code
        from dpp.assertion_codes as k
        where p_withdrawn = any (k.withdraws)
        order by k.code
        limit 1));
    parts constant text[] := dpp.known_code(code, 'p_assertion', 'dpp.assertion_codes');
begin
    if code is null then
        raise exception 'dpp.assertion_codes has no code that withdraws %', p_withdrawn
            using
                errcode = 'invalid_parameter_value',
                hint = 'Name one as p_assertion, such as 128609, or add one of your own to dpp.assertion_codes.';
    end if;
    if not exists (
        select
        from dpp.assertion_codes as k
        where k.code = dpp.code_spelled(parts[1], parts[2]) and not k.is_positive)
    then
        raise exception 'p_assertion: % withdraws nothing', quote_literal(code)
            using
                errcode = 'invalid_parameter_value',
                hint = 'select code, code_meaning from dpp.assertion_codes where not is_positive';
    end if;
    return code;
end
$$;
comment on function dpp.withdrawing_code(text, text) is
    'The code of the assertion that takes back one of another code: the first argument if it can, by default the opposite';

create or replace function dpp.withdraw(
    p_assertion_uid text,
    p_reason text,
    p_role text default null,
    p_person text default null,
    p_assertion text default null,
    p_protocols text[] default null,
    p_person_code text default null,
    p_institution text default null
)
returns text language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    reason constant text := trim(p_reason);
    known record;
    who dpp.approval_asserters;
begin
    if coalesce(reason, '') = '' then
        raise exception 'p_reason: say why % is withdrawn', p_assertion_uid using errcode = 'invalid_parameter_value';
    end if;
    select a.* into known from dpp.assertion_to_withdraw(p_assertion_uid) as a;
    -- By whoever asserted it, unless somebody else takes it back
    if p_person is null then
        select w.*
        into who
        from dpp.approval_asserters as w
        where w.object_id = known.object_id and w.assertion_ordinal = known.assertion_ordinal
        order by w.ordinal
        limit 1;
        p_person := who.person_name;
        p_role := coalesce(
            p_role, dpp.approval_code_text(known.object_id, known.assertion_ordinal, 'organizational_role'));
        p_person_code := coalesce(
            p_person_code, dpp.approval_code_text(known.object_id, known.assertion_ordinal, 'person'));
    end if;
    return dpp.approve(
        coalesce(p_protocols, array(
            select s.referenced_sop_instance_uid
            from dpp.approval_subjects as s
            join dpp.objects as o on o.sop_instance_uid = s.referenced_sop_instance_uid and o.state = 'published'
            where s.object_id = known.object_id
            order by s.ordinal)),
        dpp.withdrawing_code(p_assertion, known.assertion_code),
        p_role,
        p_person,
        reason,
        p_institution => coalesce(
            p_institution, dpp.approval_code_text(known.object_id, known.assertion_ordinal, 'institution')),
        p_person_code => p_person_code,
        p_department => who.institutional_department_name,
        p_trial => known.clinical_trial_protocol_id,
        p_related => array[p_assertion_uid],
        p_station_name => who.station_name,
        p_station_ae_title => who.station_ae_title,
        p_device_uid => who.device_uid,
        p_manufacturer => who.manufacturer,
        p_model_name => who.manufacturer_model_name);
end
$$;
comment on function dpp.withdraw(text, text, text, text, text, text[], text, text) is
    'Takes an assertion back, for a reason: a Protocol Approval is made and published that says the opposite (dpp.assertion_codes.withdraws, or p_assertion) and refers to it. By who asserted it, unless p_person names another; for all its protocols that are published here, unless p_protocols names some. Returns the SOP Instance UID of the new approval';
