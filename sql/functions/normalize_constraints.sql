-- Attribute Value Constraints (PS3.3 10.25) become rows of dpp.parameter_constraints, all of a protocol at once.
--
-- A protocol has a hundred of them, so this is where ingest spends its time. Each item is taken apart in one go
-- (jsonb_to_recordset). What nearly all items look like is recognised by comparing the text of an attribute with what
-- it must be (jsonb has one spelling for equal values): a path of up to four sequences, one item with one value, two
-- items with one value each. That is both the test that the columns say everything and several times as
-- fast as any other way; the rest goes through functions that take any shape.

create or replace function dpp.normalize_constraints(
    p_object_id bigint,
    p_patient jsonb,
    p_acquisition jsonb,
    p_reconstruction jsonb,
    p_storage jsonb
)
returns void
language plpgsql
set plan_cache_mode = force_generic_plan
as $$
begin
    insert into dpp.parameter_constraints (
        object_id, kind, element_ordinal, ordinal, selector_attribute, selector_keyword, selector_name, selector_vr,
        selector_value_number, selector_private_creator, selector_path, selector_path_items, constraint_type,
        constraint_values, constraint_numbers, default_values, default_numbers, unit_code, unit_scheme, unit_meaning,
        significance, violation_condition, selection_guidance, is_modifiable, other_attributes)
    with lists as (
        select 'patient' as kind, 0::bigint as element_ordinal, p_patient as items
        where p_patient <> '[]'
        union all
        select k.kind, e.ordinal, dpp.attribute_items(e.item -> '00189913')
        from (
            values
                ('acquisition', p_acquisition), ('reconstruction', p_reconstruction), ('storage', p_storage)
        ) as k (kind, items)
        cross join lateral jsonb_array_elements(k.items) with ordinality as e (item, ordinal)
    ),
    -- 1: the attributes of the macro
    attributes as (
        select l.kind, l.element_ordinal, i.ordinal, i.item, i.path, i.path_items, i.value_sequence, i.default_sequence,
            i.unit_sequence, i.unit_sequence -> 'Value' -> 0 as unit,
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
        offset 0
    ),
    -- 2: what is in the sequences, as far as it has the usual shape
    parts as (
        select a.*,
            case
                when a.path is not null then array_remove(array[
                    a.path -> 'Value' ->> 0, a.path -> 'Value' ->> 1, a.path -> 'Value' ->> 2, a.path -> 'Value' ->> 3
                ], null)
            end as tags,
            case
                when a.path_items is not null then array_remove(array[
                    a.path_items -> 'Value' ->> 0, a.path_items -> 'Value' ->> 1,
                    a.path_items -> 'Value' ->> 2, a.path_items -> 'Value' ->> 3
                ], null)
            end as numbers,
            a.value_sequence -> 'Value' -> 0 -> dpp.value_tag(a.selector_vr) -> 'Value' -> 0 as low,
            a.value_sequence -> 'Value' -> 1 -> dpp.value_tag(a.selector_vr) -> 'Value' -> 0 as high,
            a.default_sequence -> 'Value' -> 0 -> dpp.value_tag(a.selector_vr) -> 'Value' -> 0 as recommended,
            a.selector_vr in ('DS', 'IS', 'FD', 'FL', 'UL', 'US', 'SL', 'SS', 'SV', 'UV') as is_numeric,
            case
                when a.selector_vr in ('FD', 'FL', 'UL', 'US', 'SL', 'SS', 'SV', 'UV') then 'number'
                when a.selector_vr = 'SQ' then 'object'
                else 'string'
            end as type,
            '{"' || dpp.value_tag(a.selector_vr) || '": {"vr": "' || a.selector_vr || '", "Value": [' as head,
            dpp.attribute_text(a.unit -> '00080100', 'SH') as unit_code,
            dpp.attribute_text(a.unit -> '00080102', 'SH') as unit_scheme,
            dpp.attribute_text(a.unit -> '00080104', 'LO') as unit_meaning
        from attributes as a
        offset 0
    ),
    -- 3: whether it has
    shapes as (
        select p.*,
            p.path::text = '{"vr": "AT", "Value": ["' || array_to_string(p.tags, '", "') || '"]}'
                and '' <> all (p.tags) as is_path,
            p.path_items::text = '{"vr": "IS", "Value": ["' || array_to_string(p.numbers, '", "') || '"]}'
                and array_to_string(p.numbers, '') ~ '^[1-9]{1,9}$'
                and '' <> all (p.numbers) as is_path_items,
            jsonb_typeof(p.low) = p.type
                and p.value_sequence::text = '{"vr": "SQ", "Value": [' || p.head || p.low::text || ']}}]}'
                and (p.type <> 'object' or dpp.code_is_plain(p.low)) as is_one,
            p.high is not null
                and jsonb_typeof(p.low) = p.type
                and jsonb_typeof(p.high) = p.type
                and p.type <> 'object'
                and p.constraint_type in ('RANGE_INCL', 'RANGE_EXCL', 'MEMBER_OF', 'NOT_MEMBER_OF')
                and p.value_sequence::text = '{"vr": "SQ", "Value": [' || p.head || p.low::text || ']}}, '
                    || p.head || p.high::text || ']}}]}' as is_two,
            jsonb_typeof(p.recommended) = p.type
                and p.type <> 'object'
                and p.default_sequence::text = '{"vr": "SQ", "Value": [' || p.head || p.recommended::text || ']}}]}'
                as is_one_default
        from parts as p
        offset 0
    ),
    -- 4: the values
    rows as (
        select s.*,
            case
                when s.path is null then '{}'
                when s.is_path then s.tags
                else dpp.attribute_texts(s.path, 'AT')
            end as selector_path,
            case
                when s.path_items is null then '{}'
                when s.is_path_items then s.numbers::int[]
                else dpp.attribute_ints(s.path_items)
            end as selector_path_items,
            case
                when s.value_sequence is null then '{}'
                when s.is_one and s.type = 'object' then array[dpp.code_text(s.low)]
                when s.is_one then array[s.low #>> '{}']
                when s.is_two then array[s.low #>> '{}', s.high #>> '{}']
                else dpp.item_values(s.value_sequence)
            end as constraint_values,
            case
                when s.default_sequence is null then '{}'
                when s.is_one_default then array[s.recommended #>> '{}']
                else dpp.item_values(s.default_sequence)
            end as default_values
        from shapes as s
        offset 0
    )
    select
        p_object_id, r.kind, r.element_ordinal, r.ordinal, r.selector_attribute, r.selector_keyword, r.selector_name,
        r.selector_vr, r.selector_value_number, r.selector_private_creator, r.selector_path, r.selector_path_items,
        r.constraint_type, r.constraint_values,
        case
            when not r.is_numeric or r.constraint_values = '{}' then '{}'
            when r.is_one then array[dpp.parse_number(r.constraint_values[1])]
            else dpp.parse_numbers(r.constraint_values)
        end,
        r.default_values,
        case
            when not r.is_numeric or r.default_values = '{}' then '{}'
            else dpp.parse_numbers(r.default_values)
        end,
        r.unit_code, r.unit_scheme, r.unit_meaning, r.significance, r.violation_condition, r.selection_guidance,
        r.is_modifiable,
        r.item - array[
            case when r.selector_attribute is not null then '00720026' end,
            case when r.selector_keyword is not null then '00820019' end,
            case when r.selector_name is not null then '00820018' end,
            case when r.selector_vr is not null then '00720050' end,
            case when r.selector_value_number is not null then '00720028' end,
            case when r.selector_private_creator is not null then '00720056' end,
            case when r.selector_path <> '{}' then '00720052' end,
            case when r.selector_path_items <> '{}' then '00741057' end,
            case when r.constraint_type is not null then '00820032' end,
            case
                when r.is_one or r.is_two then '00820034'
                when r.constraint_values <> '{}'
                    and r.value_sequence = dpp.value_items(r.constraint_type, r.selector_vr, r.constraint_values)
                then '00820034'
            end,
            case
                when r.is_one_default then '00820035'
                when r.default_values <> '{}'
                    and r.default_sequence = dpp.value_items(null, r.selector_vr, r.default_values)
                then '00820035'
            end,
            case
                when r.unit_code is not null
                    and r.unit_sequence ->> 'vr' = 'SQ'
                    and r.unit_sequence -> 'Value' -> 1 is null
                    and case
                        when jsonb_typeof(r.unit) = 'object' then r.unit - array[
                            '00080100',
                            case when r.unit_scheme is not null then '00080102' end,
                            case when r.unit_meaning is not null then '00080104' end]
                    end = '{}'
                then '004008EA'
            end,
            case when r.significance is not null then '00820036' end,
            case when r.violation_condition is not null then '00820037' end,
            case when r.selection_guidance is not null then '00820033' end,
            case when r.is_modifiable is not null then '00820038' end]
    from rows as r;
end
$$;
comment on function dpp.normalize_constraints(bigint, jsonb, jsonb, jsonb, jsonb) is
    'Write the rows of dpp.parameter_constraints of a protocol, given the items of the patient specification and of the three element sequences as DICOM JSON arrays';
