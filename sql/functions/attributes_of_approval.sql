-- The attributes that the columns of a Protocol Approval's tables say, in the way of dpp.attributes_of_protocol; the other way
-- is server/catalog/rows_approval.c.

create or replace function dpp.asserter_place(assertion_ordinal int, ordinal int)
returns text language sql immutable parallel safe as $$
    select '00440100' || dpp.item_number(assertion_ordinal) || '00440103' || dpp.item_number(ordinal)
$$;
comment on function dpp.asserter_place(int, int) is 'Place of a row of dpp.approval_asserters';

create or replace function dpp.approval_code_place(
    role text, assertion_ordinal int, asserter_ordinal int, ordinal int, equivalent int)
returns text language sql immutable parallel safe as $$
    select '00440100' || dpp.item_number(assertion_ordinal)
        || case role
            when 'assertion' then '00440101'
            when 'institution' then '00080082'
            else '00440103' || dpp.item_number(asserter_ordinal) || case role
                when 'person' then '00401101'
                when 'organizational_role' then '0044010A'
                when 'asserter_institution' then '00080082'
                when 'department_type' then '00081041'
            end
        end
        || dpp.item_number(ordinal) || case when equivalent > 0 then '00080121' || dpp.item_number(equivalent) else '' end
$$;
comment on function dpp.approval_code_place(text, int, int, int, int) is 'Place of a row of dpp.approval_codes';

create or replace function dpp.items_of_approval(p_object_id bigint)
returns table (place text, relation text, item text, other_attributes jsonb)
language sql stable as $$
    select '', 'approvals', null, a.other_attributes
    from dpp.approvals as a
    where a.object_id = p_object_id
    union all
    select '00440109' || dpp.item_number(s.ordinal), 'approval_subjects', s.ordinal::text, s.other_attributes
    from dpp.approval_subjects as s
    where s.object_id = p_object_id
    union all
    select '00440100' || dpp.item_number(a.ordinal), 'approval_assertions', a.ordinal::text, a.other_attributes
    from dpp.approval_assertions as a
    where a.object_id = p_object_id
    union all
    select dpp.asserter_place(a.assertion_ordinal, a.ordinal), 'approval_asserters',
        concat_ws(' ', a.assertion_ordinal, a.ordinal), a.other_attributes
    from dpp.approval_asserters as a
    where a.object_id = p_object_id
    union all
    select dpp.approval_code_place(c.role, c.assertion_ordinal, c.asserter_ordinal, c.ordinal, c.equivalent),
        'approval_codes',
        concat_ws(' ', c.role, c.assertion_ordinal, nullif(c.asserter_ordinal, 0), c.ordinal, nullif(c.equivalent, 0)),
        c.other_attributes
    from dpp.approval_codes as c
    where c.object_id = p_object_id
    union all
    select '00440100' || dpp.item_number(r.assertion_ordinal) || '00440107' || dpp.item_number(r.ordinal),
        'approval_related_assertions', concat_ws(' ', r.assertion_ordinal, r.ordinal), r.other_attributes
    from dpp.approval_related_assertions as r
    where r.object_id = p_object_id
$$;
comment on function dpp.items_of_approval(bigint) is
    'The rows of a Protocol Approval as items of its data set, as dpp.items_of_protocol has them';

create or replace function dpp.attributes_of_approval(p_object_id bigint)
returns table (
    item_place text, item_tag text, place text, tag text, vr text, value text, value_count int, column_name text)
language sql stable as $$
    select '', a.tag, '', a.tag, a.vr, a.value, a.value_count, a.column_name
    from dpp.approvals as p
    join dpp.objects as o on o.id = p.object_id
    cross join lateral (
        values
            ('00080012', 'DA', p.instance_creation_date, 1, 'instance_creation_date'),
            ('00080013', 'TM', p.instance_creation_time, 1, 'instance_creation_time'),
            ('00080016', 'UI', o.sop_class_uid, 1, 'sop_class_uid'),
            ('00080018', 'UI', o.sop_instance_uid, 1, 'sop_instance_uid'),
            ('00080070', 'LO', p.manufacturer, 1, 'manufacturer'),
            ('00080201', 'SH', o.timezone_offset, 1, 'timezone_offset'),
            ('00081090', 'LO', p.manufacturer_model_name, 1, 'manufacturer_model_name'),
            ('00181000', 'LO', p.device_serial_number, 1, 'device_serial_number'),
            ('00181020', 'LO', array_to_string(p.software_versions, '\', ''), cardinality(p.software_versions),
                'software_versions')
    ) as a (tag, vr, value, value_count, column_name)
    where p.object_id = p_object_id and a.value <> ''
    union all
    select i.place, a.tag, i.place, a.tag, 'UI', a.value, 1, a.column_name
    from dpp.approval_subjects as s
    cross join lateral (select '00440109' || dpp.item_number(s.ordinal)) as i (place)
    cross join lateral (
        values
            ('00081150', s.referenced_sop_class_uid, 'referenced_sop_class_uid'),
            ('00081155', s.referenced_sop_instance_uid, 'referenced_sop_instance_uid')
    ) as a (tag, value, column_name)
    where s.object_id = p_object_id and a.value <> ''
    union all
    select i.place, a.tag, i.place, a.tag, a.vr, a.value, 1, a.column_name
    from dpp.approval_assertions as s
    cross join lateral (select '00440100' || dpp.item_number(s.ordinal)) as i (place)
    cross join lateral (
        values
            ('00120020', 'LO', s.clinical_trial_protocol_id, 'clinical_trial_protocol_id'),
            ('00440102', 'UI', s.assertion_uid, 'assertion_uid'),
            ('00440104', 'DT', s.assertion_datetime, 'assertion_datetime'),
            ('00440105', 'DT', s.expiration_datetime, 'expiration_datetime'),
            ('00440106', 'UT', s.assertion_comments, 'assertion_comments')
    ) as a (tag, vr, value, column_name)
    where s.object_id = p_object_id and a.value <> ''
    union all
    select i.place, a.tag, i.place, a.tag, a.vr, a.value, 1, a.column_name
    from dpp.approval_asserters as s
    cross join lateral (select dpp.asserter_place(s.assertion_ordinal, s.ordinal)) as i (place)
    cross join lateral (
        values
            ('00080055', 'AE', s.station_ae_title, 'station_ae_title'),
            ('00080070', 'LO', s.manufacturer, 'manufacturer'),
            ('00080080', 'LO', s.institution_name, 'institution_name'),
            ('00081010', 'SH', s.station_name, 'station_name'),
            ('00081040', 'LO', s.institutional_department_name, 'institutional_department_name'),
            ('00081090', 'LO', s.manufacturer_model_name, 'manufacturer_model_name'),
            ('00181002', 'UI', s.device_uid, 'device_uid'),
            ('0040A084', 'CS', s.observer_type, 'observer_type'),
            ('0040A123', 'PN', s.person_name, 'person_name')
    ) as a (tag, vr, value, column_name)
    where s.object_id = p_object_id and a.value <> ''
    union all
    select i.place, a.tag, i.place, a.tag, a.vr, a.value, 1, a.column_name
    from dpp.approval_codes as c
    cross join lateral (
        select dpp.approval_code_place(c.role, c.assertion_ordinal, c.asserter_ordinal, c.ordinal, c.equivalent)
    ) as i (place)
    cross join lateral (
        values
            ('00080100', 'SH', c.code_value, 'code_value'),
            ('00080102', 'SH', c.coding_scheme_designator, 'coding_scheme_designator'),
            ('00080103', 'SH', c.coding_scheme_version, 'coding_scheme_version'),
            ('00080104', 'LO', c.code_meaning, 'code_meaning'),
            ('00080119', 'UC', c.long_code_value, 'long_code_value'),
            ('00080120', 'UR', c.urn_code_value, 'urn_code_value')
    ) as a (tag, vr, value, column_name)
    where c.object_id = p_object_id and a.value <> ''
    union all
    select i.place, '00440108', i.place, '00440108', 'UI', r.referenced_assertion_uid, 1, 'referenced_assertion_uid'
    from dpp.approval_related_assertions as r
    cross join lateral (
        select '00440100' || dpp.item_number(r.assertion_ordinal) || '00440107' || dpp.item_number(r.ordinal)
    ) as i (place)
    where r.object_id = p_object_id and r.referenced_assertion_uid <> ''
$$;
comment on function dpp.attributes_of_approval(bigint) is
    'The attributes that the columns of a Protocol Approval say, as dpp.attributes_of_protocol has them';
