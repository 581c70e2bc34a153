-- The rows of a received Protocol Approval, in the way of dpp.write_rows: per table text[][], one entry a row. What is
-- wrong with dates and times follows the warnings that are there.

create or replace function dpp.write_approval_rows(
    p_object_id bigint,
    p_approval text[],
    p_subjects text[],
    p_assertions text[],
    p_asserters text[],
    p_codes text[],
    p_related text[]
)
returns void
language plpgsql
as $$
begin
    insert into dpp.approvals (
        object_id, instance_creation_date, instance_creation_time, manufacturer, manufacturer_model_name,
        device_serial_number, software_versions, other_attributes)
    values (
        p_object_id, p_approval[1][1], p_approval[1][2], p_approval[1][3], p_approval[1][4], p_approval[1][5],
        coalesce(p_approval[1][6]::text[], '{}'), coalesce(p_approval[1][7]::jsonb, '{}'));

    if array_length(p_subjects, 1) > 0 then
        insert into dpp.approval_subjects (
            object_id, ordinal, referenced_sop_class_uid, referenced_sop_instance_uid, other_attributes)
        select
            p_object_id, p_subjects[i][1]::int, p_subjects[i][2], p_subjects[i][3],
            coalesce(p_subjects[i][4]::jsonb, '{}')
        from generate_series(1, array_length(p_subjects, 1)) as i;
    end if;

    if array_length(p_assertions, 1) > 0 then
        insert into dpp.approval_assertions (
            object_id, ordinal, assertion_uid, assertion_datetime, expiration_datetime, assertion_comments,
            clinical_trial_protocol_id, other_attributes)
        select
            p_object_id, p_assertions[i][1]::int, p_assertions[i][2], p_assertions[i][3], p_assertions[i][4],
            p_assertions[i][5], p_assertions[i][6], coalesce(p_assertions[i][7]::jsonb, '{}')
        from generate_series(1, array_length(p_assertions, 1)) as i;
    end if;

    if array_length(p_asserters, 1) > 0 then
        insert into dpp.approval_asserters (
            object_id, assertion_ordinal, ordinal, observer_type, person_name, station_name, device_uid, manufacturer,
            manufacturer_model_name, station_ae_title, institution_name, institutional_department_name,
            other_attributes)
        select
            p_object_id, p_asserters[i][1]::int, p_asserters[i][2]::int, p_asserters[i][3], p_asserters[i][4],
            p_asserters[i][5], p_asserters[i][6], p_asserters[i][7], p_asserters[i][8], p_asserters[i][9],
            p_asserters[i][10], p_asserters[i][11], coalesce(p_asserters[i][12]::jsonb, '{}')
        from generate_series(1, array_length(p_asserters, 1)) as i;
    end if;

    if array_length(p_codes, 1) > 0 then
        insert into dpp.approval_codes (
            object_id, role, assertion_ordinal, asserter_ordinal, ordinal, equivalent, code_value,
            coding_scheme_designator, coding_scheme_version, code_meaning, long_code_value, urn_code_value,
            other_attributes)
        select
            p_object_id, p_codes[i][1], p_codes[i][2]::int, p_codes[i][3]::int, p_codes[i][4]::int,
            p_codes[i][5]::int, p_codes[i][6], p_codes[i][7], p_codes[i][8], p_codes[i][9], p_codes[i][10],
            p_codes[i][11], coalesce(p_codes[i][12]::jsonb, '{}')
        from generate_series(1, array_length(p_codes, 1)) as i;
    end if;

    if array_length(p_related, 1) > 0 then
        insert into dpp.approval_related_assertions (
            object_id, assertion_ordinal, ordinal, referenced_assertion_uid, other_attributes)
        select
            p_object_id, p_related[i][1]::int, p_related[i][2]::int, p_related[i][3],
            coalesce(p_related[i][4]::jsonb, '{}')
        from generate_series(1, array_length(p_related, 1)) as i;
    end if;

    insert into dpp.dataset_warnings (object_id, ordinal, attribute, warning)
    select
        p_object_id, m.most + row_number() over (order by b.attribute), b.attribute,
        format('has a value that is no %s: %s', b.kind, left(b.value, 64))
    from (
        select '00080012' as attribute, 'date' as kind, a.instance_creation_date as value
        from dpp.approvals as a
        where a.object_id = p_object_id and a.instance_creation_date is not null and a.creation_date is null
        union all
        select '00080013', 'time', a.instance_creation_time
        from dpp.approvals as a
        where a.object_id = p_object_id and a.instance_creation_time is not null and a.creation_time is null
        union all
        select format('00440100[%s].00440104', a.ordinal), 'date-time', a.assertion_datetime
        from dpp.approval_assertions as a
        where a.object_id = p_object_id and a.assertion_datetime is not null and a.assertion_datetime_local is null
        union all
        select format('00440100[%s].00440105', a.ordinal), 'date-time', a.expiration_datetime
        from dpp.approval_assertions as a
        where a.object_id = p_object_id and a.expiration_datetime is not null and a.expiration_datetime_local is null
    ) as b
    cross join lateral (
        select coalesce(max(w.ordinal), 0) as most from dpp.dataset_warnings as w where w.object_id = p_object_id
    ) as m;
end
$$;
comment on function dpp.write_approval_rows(bigint, text[], text[], text[], text[], text[], text[]) is
    'Write the rows of a Protocol Approval that has none yet: per table an array of rows';
