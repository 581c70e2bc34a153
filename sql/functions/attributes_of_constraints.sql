-- The attributes that the columns of parameter_constraints say, in the way of dpp.attributes_of_protocol.
--
-- Constraint Value Sequence (0082,0034) and Recommended Default Value Sequence (0082,0035): the values of an item are in
-- the attribute that belongs to the selector's VR (PS3.3 10.26). As text[] the sequence is flat: one entry per item
-- for the constraint types that take several items, else the values of the only item. Codes (selector VR SQ) are
-- value^scheme^meaning. A received sequence that is not of this form stays in other_attributes beside the columns
-- (server/catalog/rows_values.c).

create or replace function dpp.value_tag(vr text)
returns text language sql immutable parallel safe as $$
    select jsonb '{
        "AE": "0072005E", "AS": "0072005F", "AT": "00720060", "DA": "00720061", "CS": "00720062",
        "DT": "00720063", "IS": "00720064", "OB": "00720065", "LO": "00720066", "OF": "00720067",
        "LT": "00720068", "OW": "00720069", "PN": "0072006A", "TM": "0072006B", "SH": "0072006C",
        "UN": "0072006D", "ST": "0072006E", "UC": "0072006F", "UT": "00720070", "UR": "00720071",
        "DS": "00720072", "OD": "00720073", "FD": "00720074", "OL": "00720075", "FL": "00720076",
        "UL": "00720078", "US": "0072007A", "SL": "0072007C", "SS": "0072007E", "UI": "0072007F",
        "SQ": "00720080", "OV": "00720081", "SV": "00720082", "UV": "00720083"
    }' ->> vr
$$;
comment on function dpp.value_tag(text) is
    'Tag of the attribute that holds selector values of a VR (PS3.3 10.26), such as 00720072 for DS; null for an unknown VR';

create or replace function dpp.attributes_of_constraints(p_object_id bigint)
returns table (
    item_place text, item_tag text, place text, tag text, vr text, value text, value_count int, column_name text)
language sql stable as $$
    select i.place, a.tag, i.place, a.tag, a.vr, a.value, a.value_count, a.column_name
    from dpp.parameter_constraints as c
    cross join lateral (select dpp.constraint_place(c.kind, c.element_ordinal, c.ordinal)) as i (place)
    cross join lateral (
        values
            ('00720026', 'AT', c.selector_attribute, 1, 'selector_attribute'),
            ('00720028', 'US', c.selector_value_number::text, 1, 'selector_value_number'),
            ('00720050', 'CS', c.selector_vr, 1, 'selector_vr'),
            ('00720052', 'AT', array_to_string(c.selector_path, '\', ''), cardinality(c.selector_path),
                'selector_path'),
            ('00720056', 'LO', c.selector_private_creator, 1, 'selector_private_creator'),
            ('00741057', 'IS', array_to_string(c.selector_path_items, '\', ''), cardinality(c.selector_path_items),
                'selector_path_items'),
            ('00820018', 'LO', c.selector_name, 1, 'selector_name'),
            ('00820019', 'LO', c.selector_keyword, 1, 'selector_keyword'),
            ('00820032', 'CS', c.constraint_type, 1, 'constraint_type'),
            ('00820033', 'UT', c.selection_guidance, 1, 'selection_guidance'),
            ('00820036', 'CS', c.significance, 1, 'significance'),
            ('00820037', 'UT', c.violation_condition, 1, 'violation_condition'),
            ('00820038', 'CS', case c.is_modifiable when true then 'YES' when false then 'NO' end, 1, 'is_modifiable')
    ) as a (tag, vr, value, value_count, column_name)
    where c.object_id = p_object_id and a.value <> ''
    union all
    select i.place, '004008EA', i.place || '004008EA0000000001', a.tag, a.vr, a.value, 1, a.column_name
    from dpp.parameter_constraints as c
    cross join lateral (select dpp.constraint_place(c.kind, c.element_ordinal, c.ordinal)) as i (place)
    cross join lateral (
        values
            ('00080100', 'SH', c.unit_code, 'unit_code'),
            ('00080102', 'SH', c.unit_scheme, 'unit_scheme'),
            ('00080104', 'LO', c.unit_meaning, 'unit_meaning')
    ) as a (tag, vr, value, column_name)
    where c.object_id = p_object_id and a.value <> ''
    union all
    -- One item with all values
    select i.place, s.tag, i.place || s.tag || '0000000001', coalesce(dpp.value_tag(s.vr), ''), s.vr,
        array_to_string(s.list, '\', case when s.vr in ('FD', 'FL') then 'NaN' else '' end), cardinality(s.list), s.column_name
    from dpp.parameter_constraints as c
    cross join lateral (select dpp.constraint_place(c.kind, c.element_ordinal, c.ordinal)) as i (place)
    cross join lateral (
        values
            -- The UID of a context group stands for codes.
            ('00820034', c.constraint_values, 'constraint_values',
                coalesce(c.constraint_type in ('RANGE_INCL', 'RANGE_EXCL', 'MEMBER_OF', 'NOT_MEMBER_OF'), false),
                case when c.constraint_type = 'MEMBER_OF_CID' then 'UI' else c.selector_vr end),
            ('00820035', c.default_values, 'default_values', false, c.selector_vr)
    ) as s (tag, list, column_name, has_items, vr)
    where c.object_id = p_object_id and s.list <> '{}' and s.vr is distinct from 'SQ' and not s.has_items
    union all
    -- An item for each value
    select i.place, '00820034', i.place || '00820034' || dpp.item_number(v.n), coalesce(dpp.value_tag(c.selector_vr), ''),
        c.selector_vr, coalesce(v.value, case when c.selector_vr in ('FD', 'FL') then 'NaN' else '' end), 1, 'constraint_values'
    from dpp.parameter_constraints as c
    cross join lateral (select dpp.constraint_place(c.kind, c.element_ordinal, c.ordinal)) as i (place)
    cross join lateral unnest(c.constraint_values) with ordinality as v (value, n)
    where c.object_id = p_object_id and c.selector_vr is distinct from 'SQ'
        and c.constraint_type in ('RANGE_INCL', 'RANGE_EXCL', 'MEMBER_OF', 'NOT_MEMBER_OF')
    union all
    -- Codes: one in each item, or all in one
    select i.place, s.tag,
        i.place || s.tag || dpp.item_number(case when s.has_items then v.n else 1 end)
            || '00720080' || dpp.item_number(case when s.has_items then 1 else v.n end),
        a.tag, a.vr, a.value, 1, s.column_name
    from dpp.parameter_constraints as c
    cross join lateral (select dpp.constraint_place(c.kind, c.element_ordinal, c.ordinal)) as i (place)
    cross join lateral (
        values
            -- The UID of a context group stands for codes.
            ('00820034', c.constraint_values, 'constraint_values',
                coalesce(c.constraint_type in ('RANGE_INCL', 'RANGE_EXCL', 'MEMBER_OF', 'NOT_MEMBER_OF'), false),
                case when c.constraint_type = 'MEMBER_OF_CID' then 'UI' else c.selector_vr end),
            ('00820035', c.default_values, 'default_values', false, c.selector_vr)
    ) as s (tag, list, column_name, has_items, vr)
    cross join lateral unnest(s.list) with ordinality as v (value, n)
    cross join lateral (
        values
            ('00080100', 'SH', split_part(v.value, '^', 1)),
            ('00080102', 'SH', split_part(v.value, '^', 2)),
            ('00080104', 'LO', substr(v.value, 3 + length(split_part(v.value, '^', 1))
                + length(split_part(v.value, '^', 2))))
    ) as a (tag, vr, value)
    where c.object_id = p_object_id and s.vr = 'SQ' and a.value <> ''
$$;
comment on function dpp.attributes_of_constraints(bigint) is
    'The attributes that the columns of a protocol''s constraints say, as dpp.attributes_of_protocol has them';
