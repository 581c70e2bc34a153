-- Attribute Value Constraints (PS3.3 10.25) become rows of dpp.parameter_constraints, all of a protocol at once.
--
-- A protocol has a hundred of them, so this is where ingest spends its time. Each item is taken apart in one
-- go (jsonb_to_recordset); the usual shapes of the value sequences, one item with one value and two items with one
-- each, are recognised by comparing their text with what they must look like; only others go through functions.

create or replace function dpp.normalize_constraints(p_object_id bigint, p_dataset jsonb)
returns void
language plpgsql
set plan_cache_mode = force_generic_plan
as $$
begin
    if not p_dataset ?| array['00189911', '0018991F', '00189933', '00189935'] then
        return;
    end if;
    insert into dpp.parameter_constraints (
        object_id, kind, element_ordinal, ordinal, selector_attribute, selector_keyword, selector_name, selector_vr,
        selector_value_number, selector_private_creator, selector_path, selector_path_items, constraint_type,
        constraint_values, constraint_numbers, default_values, default_numbers, unit_code, unit_scheme, unit_meaning,
        significance, violation_condition, selection_guidance, is_modifiable, other_attributes)
    with lists as (
        select 'patient' as kind, 0::bigint as element_ordinal, dpp.attribute_items(p_dataset -> '00189911') as items
        where p_dataset ? '00189911'
        union all
        select k.kind, e.ordinal, dpp.attribute_items(e.item -> '00189913')
        from (
            values ('acquisition', '0018991F'), ('reconstruction', '00189933'), ('storage', '00189935')
        ) as k (kind, tag)
        cross join lateral jsonb_array_elements(dpp.attribute_items(p_dataset -> k.tag))
            with ordinality as e (item, ordinal)
        where p_dataset ? k.tag
    )
    select
        p_object_id, l.kind, l.element_ordinal, i.ordinal, a.selector_attribute, a.selector_keyword, a.selector_name,
        a.selector_vr, a.selector_value_number, a.selector_private_creator, p.path, p.path_items, a.constraint_type,
        v.constraint_values,
        case
            when not t.is_numeric or v.constraint_values = '{}' then '{}'
            when s.is_one then array[dpp.parse_number(v.constraint_values[1])]
            else dpp.parse_numbers(v.constraint_values)
        end,
        v.default_values,
        case
            when not t.is_numeric or v.default_values = '{}' then '{}'
            when s.is_one_default then array[dpp.parse_number(v.default_values[1])]
            else dpp.parse_numbers(v.default_values)
        end,
        u.code, u.scheme, u.meaning, a.significance, a.violation_condition, a.selection_guidance, a.is_modifiable,
        i.item - array[
            case when a.selector_attribute is not null then '00720026' end,
            case when a.selector_keyword is not null then '00820019' end,
            case when a.selector_name is not null then '00820018' end,
            case when a.selector_vr is not null then '00720050' end,
            case when a.selector_value_number is not null then '00720028' end,
            case when a.selector_private_creator is not null then '00720056' end,
            case when p.path <> '{}' then '00720052' end,
            case when p.path_items <> '{}' then '00741057' end,
            case when a.constraint_type is not null then '00820032' end,
            case
                when s.is_one or s.is_two then '00820034'
                when v.constraint_values <> '{}'
                    and i.value_sequence = dpp.value_items(a.constraint_type, a.selector_vr, v.constraint_values)
                then '00820034'
            end,
            case
                when s.is_one_default then '00820035'
                when v.default_values <> '{}'
                    and i.default_sequence = dpp.value_items(null, a.selector_vr, v.default_values)
                then '00820035'
            end,
            case when u.is_complete then '004008EA' end,
            case when a.significance is not null then '00820036' end,
            case when a.violation_condition is not null then '00820037' end,
            case when a.selection_guidance is not null then '00820033' end,
            case when a.is_modifiable is not null then '00820038' end]
    from lists as l
    cross join lateral rows from (
        jsonb_array_elements(l.items),
        jsonb_to_recordset(l.items) as (
            "00720026" jsonb, "00820019" jsonb, "00820018" jsonb, "00720050" jsonb, "00720028" jsonb,
            "00720056" jsonb, "00720052" jsonb, "00741057" jsonb, "00820032" jsonb, "00820034" jsonb,
            "00820035" jsonb, "004008EA" jsonb, "00820036" jsonb, "00820037" jsonb, "00820033" jsonb,
            "00820038" jsonb)
    ) with ordinality as i (
        item, attribute, keyword, name, vr, value_number, private_creator, path, path_items, constraint_type,
        value_sequence, default_sequence, unit_sequence, significance, violation_condition, selection_guidance,
        modifiable, ordinal)
    cross join lateral (
        select
            dpp.attribute_text(i.attribute, 'AT') as selector_attribute,
            dpp.attribute_text(i.keyword, 'LO') as selector_keyword,
            dpp.attribute_text(i.name, 'LO') as selector_name,
            dpp.attribute_text(i.vr, 'CS') as selector_vr,
            dpp.attribute_int(i.value_number, 'US') as selector_value_number,
            dpp.attribute_text(i.private_creator, 'LO') as selector_private_creator,
            dpp.attribute_text(i.constraint_type, 'CS') as constraint_type,
            dpp.attribute_text(i.significance, 'CS') as significance,
            dpp.attribute_text(i.violation_condition, 'UT') as violation_condition,
            dpp.attribute_text(i.selection_guidance, 'UT') as selection_guidance,
            case dpp.attribute_text(i.modifiable, 'CS') when 'YES' then true when 'NO' then false end as is_modifiable
        offset 0
    ) as a
    cross join lateral (
        select
            case
                when i.path::text ~ '^{"vr": "AT", "Value": \["[0-9A-F]{8}"(, "[0-9A-F]{8}")*\]}$'
                then translate((i.path -> 'Value')::text, '[]" ', '{}')::text[]
                else '{}'
            end as path,
            case
                when i.path_items::text
                    ~ '^{"vr": "IS", "Value": \["(0|[1-9][0-9]{0,8})"(, "(0|[1-9][0-9]{0,8})")*\]}$'
                then translate((i.path_items -> 'Value')::text, '[]" ', '{}')::int[]
                else '{}'
            end as path_items
        offset 0
    ) as p
    cross join lateral (
        select
            a.selector_vr in ('DS', 'IS', 'FD', 'FL', 'UL', 'US', 'SL', 'SS', 'SV', 'UV') as is_numeric,
            case
                when a.selector_vr in ('FD', 'FL', 'UL', 'US', 'SL', 'SS', 'SV', 'UV') then 'number' else 'string'
            end as type,
            '{"' || dpp.value_tag(a.selector_vr) || '": {"vr": "' || a.selector_vr || '", "Value": [' as head,
            i.value_sequence -> 'Value' -> 0 -> dpp.value_tag(a.selector_vr) -> 'Value' -> 0 as low,
            i.value_sequence -> 'Value' -> 1 -> dpp.value_tag(a.selector_vr) -> 'Value' -> 0 as high,
            i.default_sequence -> 'Value' -> 0 -> dpp.value_tag(a.selector_vr) -> 'Value' -> 0 as recommended
        offset 0
    ) as t
    cross join lateral (
        select
            jsonb_typeof(t.low) = t.type
                and i.value_sequence::text = '{"vr": "SQ", "Value": [' || t.head || t.low::text || ']}}]}' as is_one,
            jsonb_typeof(t.low) = t.type and jsonb_typeof(t.high) = t.type
                and a.constraint_type in ('RANGE_INCL', 'RANGE_EXCL', 'MEMBER_OF', 'NOT_MEMBER_OF')
                and i.value_sequence::text = '{"vr": "SQ", "Value": [' || t.head || t.low::text || ']}}, '
                    || t.head || t.high::text || ']}}]}' as is_two,
            jsonb_typeof(t.recommended) = t.type
                and i.default_sequence::text = '{"vr": "SQ", "Value": [' || t.head || t.recommended::text || ']}}]}'
                as is_one_default
        offset 0
    ) as s
    cross join lateral (
        select
            case
                when i.value_sequence is null then '{}'
                when s.is_one then array[t.low #>> '{}']
                when s.is_two then array[t.low #>> '{}', t.high #>> '{}']
                else dpp.item_values(i.value_sequence)
            end as constraint_values,
            case
                when i.default_sequence is null then '{}'
                when s.is_one_default then array[t.recommended #>> '{}']
                else dpp.item_values(i.default_sequence)
            end as default_values
        offset 0
    ) as v
    cross join lateral (
        select
            c.code, c.scheme, c.meaning,
            case
                when c.code is not null
                    and i.unit_sequence ->> 'vr' = 'SQ'
                    and i.unit_sequence -> 'Value' -> 1 is null
                then (i.unit_sequence -> 'Value' -> 0) - array[
                    '00080100',
                    case when c.scheme is not null then '00080102' end,
                    case when c.meaning is not null then '00080104' end] = '{}'
            end as is_complete
        from (
            select
                dpp.attribute_text(i.unit_sequence -> 'Value' -> 0 -> '00080100', 'SH') as code,
                dpp.attribute_text(i.unit_sequence -> 'Value' -> 0 -> '00080102', 'SH') as scheme,
                dpp.attribute_text(i.unit_sequence -> 'Value' -> 0 -> '00080104', 'LO') as meaning
            offset 0
        ) as c
    ) as u;
end
$$;
comment on function dpp.normalize_constraints(bigint, jsonb) is
    'Write the rows of dpp.parameter_constraints of a protocol given as DICOM JSON';
