-- Constraint Value Sequence (0082,0034) and Recommended Default Value Sequence (0082,0035) from text[].
--
-- The values of an item are in the attribute that belongs to the selector's VR (PS3.3 10.26). As text[] the
-- sequence is flat: one entry per item for the constraint types that take several items, else the values of the only
-- item. dpp.value_items is the definition of that form; a received sequence that it would not give back stays in
-- other_attributes beside the columns (server/catalog/rows_values.c).

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

create or replace function dpp.value_items(constraint_type text, vr text, texts text[])
returns jsonb language plpgsql immutable parallel safe as $$
declare
    tag text := dpp.value_tag(vr);
    elements jsonb[];
begin
    if tag is null or coalesce(cardinality(texts), 0) = 0 then
        return null;
    end if;
    elements := array(
        select case
            when t.value is null then 'null'
            when vr in ('FD', 'FL', 'UL', 'US', 'SL', 'SS', 'SV', 'UV') and t.value ~ '^-?[0-9]+(\.[0-9]+)?$'
            then to_jsonb(t.value::numeric)
            when vr = 'PN' then jsonb_strip_nulls(jsonb_build_object(
                'Alphabetic', nullif(split_part(t.value, '=', 1), ''),
                'Ideographic', nullif(split_part(t.value, '=', 2), ''),
                'Phonetic', nullif(split_part(t.value, '=', 3), '')))
            when vr = 'SQ' then jsonb_strip_nulls(jsonb_build_object(
                '00080100', dpp.text_attribute('SH', split_part(t.value, '^', 1)),
                '00080102', dpp.text_attribute('SH', split_part(t.value, '^', 2)),
                '00080104', dpp.text_attribute('LO', substr(t.value, 3 + length(split_part(t.value, '^', 1))
                    + length(split_part(t.value, '^', 2))))))
            else to_jsonb(t.value)
        end
        from unnest(texts) with ordinality as t (value, n)
        order by t.n);
    if constraint_type in ('RANGE_INCL', 'RANGE_EXCL', 'MEMBER_OF', 'NOT_MEMBER_OF') then
        return jsonb_build_object('vr', 'SQ', 'Value', (
            select jsonb_agg(
                jsonb_build_object(tag, jsonb_build_object('vr', vr, 'Value', jsonb_build_array(e.value)))
                order by e.n)
            from unnest(elements) with ordinality as e (value, n)));
    end if;
    return jsonb_build_object('vr', 'SQ', 'Value', jsonb_build_array(
        jsonb_build_object(tag, jsonb_build_object('vr', vr, 'Value', to_jsonb(elements)))));
end
$$;
comment on function dpp.value_items(text, text, text[]) is
    'The sequence of selector values, in DICOM JSON, that constraint_values or default_values (constraint_type null) stand for; null when there are none';

create or replace function dpp.text_attribute(vr text, value text)
returns jsonb language sql immutable parallel safe as $$
    select case when value <> '' then jsonb_build_object('vr', vr, 'Value', jsonb_build_array(value)) end
$$;
comment on function dpp.text_attribute(text, text) is 'A DICOM JSON attribute of one text value; null when the value is empty';
