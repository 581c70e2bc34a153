-- How dpp.diff compares and tells values.

create or replace function dpp.attribute_text(value jsonb)
returns text language sql immutable parallel safe as $$
    select case jsonb_typeof(value)
        when 'array' then (
            select string_agg(coalesce(e.value, ''), '\' order by e.n)
            from jsonb_array_elements_text(value) with ordinality as e (value, n))
        when 'boolean' then case value when 'true' then 'YES' else 'NO' end
        when 'null' then null
        else value #>> '{}'
    end
$$;
comment on function dpp.attribute_text(jsonb) is
    'A column of a protocol''s tables as one text: entries of an array joined by a backslash, YES or NO for a boolean; null for null and for an array without entries';

create or replace function dpp.constraint_text(content jsonb)
returns text language sql immutable parallel safe as $$
    select case
        when content is not null then concat_ws(
            ' ', content ->> 'constraint_type', nullif(dpp.attribute_text(content -> 'constraint_values'), ''),
            nullif(content ->> 'unit_code', '1'))
    end
$$;
comment on function dpp.constraint_text(jsonb) is
    'What a constraint (a row of dpp.parameter_constraints as jsonb) demands, such as RANGE_INCL 100\120 kV';

create or replace function dpp.default_text(content jsonb)
returns text language sql immutable parallel safe as $$
    select dpp.attribute_text(content -> 'default_values') || coalesce(' ' || nullif(content ->> 'unit_code', '1'), '')
$$;
comment on function dpp.default_text(jsonb) is
    'The default that a constraint recommends, such as 120 kV; null when it recommends none';

create or replace function dpp.parameter_text(content jsonb)
returns text language sql immutable parallel safe as $$
    select dpp.constraint_text(content) || coalesce('; default ' || dpp.default_text(content), '')
$$;
comment on function dpp.parameter_text(jsonb) is
    'A whole constraint (its row as jsonb) in short; null for null';

create or replace function dpp.unit_text(content jsonb)
returns text language sql immutable parallel safe as $$
    select nullif(
        concat_ws(
            ' ', content ->> 'unit_code',
            '(' || nullif(concat_ws(', ', content ->> 'unit_scheme', content ->> 'unit_meaning'), '') || ')'),
        '')
$$;
comment on function dpp.unit_text(jsonb) is 'The unit of a constraint with its scheme and meaning, such as kV (UCUM, kilovolt)';

create or replace function dpp.column_text(content jsonb, column_name text)
returns text language sql immutable parallel safe as $$
    select case column_name
        when 'constraint_values' then dpp.constraint_text(content)
        when 'default_values' then dpp.default_text(content)
        when 'unit_code' then dpp.unit_text(content)
        else dpp.attribute_text(content -> column_name)
    end
$$;
comment on function dpp.column_text(jsonb, text) is
    'What dpp.diff tells of a column of an item''s row (as jsonb); of a constraint''s values also type and unit, of a unit scheme and meaning';

create or replace function dpp.parameter_name(content jsonb)
returns text language sql immutable parallel safe as $$
    select coalesce(
            content ->> 'selector_keyword', content ->> 'selector_name', content ->> 'selector_attribute', '?')
        || coalesce(' (' || (content ->> 'selector_private_creator') || ')', '')
        || coalesce('[' || nullif(content ->> 'selector_value_number', '1') || ']', '')
$$;
comment on function dpp.parameter_name(jsonb) is
    'The attribute that a constraint (its row as jsonb) is on: keyword, else name, else tag; private creator in parentheses; number of the value in brackets unless it is the first';

create or replace function dpp.parameter_tag(content jsonb)
returns text language sql immutable parallel safe as $$
    select concat_ws(
        '.',
        (
            select string_agg(
                p.tag || coalesce('[' || nullif(content -> 'selector_path_items' ->> (p.n - 1)::int, '0') || ']', ''), '.'
                order by p.n)
            from jsonb_array_elements_text(content -> 'selector_path') with ordinality as p (tag, n)
        ),
        coalesce(content ->> 'selector_attribute', '?'))
$$;
comment on function dpp.parameter_tag(jsonb) is
    'Tag of the attribute that a constraint (its row as jsonb) is on, behind those of the sequences that lead to it and their item numbers, such as 00189920.00189325[2].00180060';

create or replace function dpp.json_attribute_text(attribute jsonb)
returns text language sql immutable parallel safe as $$
    select case
        when attribute is null then null
        when attribute ->> 'vr' = 'PN' and jsonb_typeof(attribute -> 'Value') = 'array' then (
            select string_agg(
                rtrim(
                    concat_ws(
                        '=', coalesce(v.value ->> 'Alphabetic', ''), coalesce(v.value ->> 'Ideographic', ''),
                        coalesce(v.value ->> 'Phonetic', '')),
                    '='),
                '\' order by v.n)
            from jsonb_array_elements(attribute -> 'Value') with ordinality as v (value, n))
        when jsonb_typeof(attribute -> 'Value') = 'array' and attribute ->> 'vr' <> 'SQ'
            then dpp.attribute_text(attribute -> 'Value')
        when attribute ? 'Value' then (attribute -> 'Value')::text
        else coalesce(attribute ->> 'InlineBinary', '')
    end
$$;
comment on function dpp.json_attribute_text(jsonb) is
    'An attribute in DICOM JSON as one text: values joined by a backslash, a sequence as JSON, octets in Base64; empty for one without a value';

create or replace function dpp.is_close(a numeric, b numeric, relative_tolerance numeric, absolute_tolerance numeric)
returns boolean language sql immutable parallel safe as $$
    select a = b
        or (
            abs(a) < 'Infinity' and abs(b) < 'Infinity'
            and abs(a - b) <= greatest(absolute_tolerance, relative_tolerance * greatest(abs(a), abs(b))))
$$;
comment on function dpp.is_close(numeric, numeric, numeric, numeric) is
    'Whether two numbers differ by no more than the absolute tolerance, or the relative one of the larger of them';

create or replace function dpp.numbers_of(content jsonb, name text, is_set boolean)
returns numeric[] language plpgsql immutable parallel safe as $$
declare
    result numeric[];
begin
    if content ->> 'selector_vr' not in ('DS', 'IS', 'FD', 'FL', 'UL', 'US', 'SL', 'SS', 'SV', 'UV') then
        return null;
    end if;
    -- As written they are exact; as double precision they may have lost digits.
    result := array(
        select case
            when t.value ~ '^ *[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})? *$' then t.value::numeric
            else t.number::double precision::numeric
        end as number
        from rows from (
            jsonb_array_elements_text(content -> (name || '_values')),
            jsonb_array_elements_text(content -> (name || '_numbers'))
        ) with ordinality as t (value, number, n)
        order by case when is_set then 0 else t.n end, 1);
    return case when array_position(result, null) is null then result end;
end
$$;
comment on function dpp.numbers_of(jsonb, text, boolean) is
    'constraint_values (name constraint) or default_values (default) of a constraint as numbers, in ascending order when they are a set; null when it has not numbers only';

create or replace function dpp.same_values(
    a jsonb, b jsonb, name text, relative_tolerance numeric, absolute_tolerance numeric)
returns boolean language plpgsql stable as $$
declare
    -- The order of members means nothing.
    is_set boolean := name = 'constraint' and a ->> 'constraint_type' in ('MEMBER_OF', 'NOT_MEMBER_OF');
    is_same_unit boolean := a -> 'unit_code' is not distinct from b -> 'unit_code';
    a_numbers numeric[];
    b_numbers numeric[];
    a_factor numeric := 1;
    b_factor numeric := 1;
begin
    if name = 'constraint' and a -> 'constraint_type' is distinct from b -> 'constraint_type' then
        return false;
    end if;
    if is_same_unit and a -> (name || '_values') = b -> (name || '_values')
        and a -> (name || '_numbers') = b -> (name || '_numbers')
    then
        return true;
    end if;
    if not is_same_unit then
        -- No unit is the unit 1.
        if dpp.attribute_text(a -> (name || '_values')) is null and dpp.attribute_text(b -> (name || '_values')) is null
            and name = 'default'
        then
            return true;
        end if;
        select x.factor, y.factor
        into a_factor, b_factor
        from dpp.units as x
        join dpp.units as y on y.dimension = x.dimension
        where x.unit_code = coalesce(a ->> 'unit_code', '1') and y.unit_code = coalesce(b ->> 'unit_code', '1')
            and coalesce(a ->> 'unit_scheme', 'UCUM') = 'UCUM' and coalesce(b ->> 'unit_scheme', 'UCUM') = 'UCUM';
        if not found then
            return false;
        end if;
    end if;
    a_numbers := dpp.numbers_of(a, name, is_set);
    b_numbers := dpp.numbers_of(b, name, is_set);
    if a_numbers is not null and b_numbers is not null then
        return cardinality(a_numbers) = cardinality(b_numbers) and not exists (
            select
            from unnest(a_numbers, b_numbers) as n (a, b)
            where not dpp.is_close(n.a * a_factor, n.b * b_factor, relative_tolerance, absolute_tolerance * a_factor));
    end if;
    return is_same_unit and (
        select array_agg(v.value order by case when is_set then 0 else v.n end, v.value)
        from jsonb_array_elements_text(a -> (name || '_values')) with ordinality as v (value, n)
    ) is not distinct from (
        select array_agg(v.value order by case when is_set then 0 else v.n end, v.value)
        from jsonb_array_elements_text(b -> (name || '_values')) with ordinality as v (value, n));
end
$$;
comment on function dpp.same_values(jsonb, jsonb, text, numeric, numeric) is
    'Whether two constraints demand the same (name constraint), or recommend the same default (name default): numbers in one unit and within the tolerance, the absolute one in the unit of a; everything else as written';

create or replace function dpp.same_attribute(a jsonb, b jsonb, relative_tolerance numeric, absolute_tolerance numeric)
returns boolean language plpgsql immutable parallel safe as $$
declare
    a_numbers numeric[];
    b_numbers numeric[];
begin
    if a is not distinct from b then
        return true;
    end if;
    if jsonb_typeof(a -> 'Value') is distinct from 'array' or jsonb_typeof(b -> 'Value') is distinct from 'array'
        or a -> 'vr' is distinct from b -> 'vr'
    then
        return false;
    end if;
    a_numbers := dpp.numbers_of(
        jsonb_build_object('selector_vr', a -> 'vr', 'value_values', a -> 'Value'), 'value', false);
    b_numbers := dpp.numbers_of(
        jsonb_build_object('selector_vr', b -> 'vr', 'value_values', b -> 'Value'), 'value', false);
    return coalesce(
        cardinality(a_numbers) > 0 and cardinality(a_numbers) = cardinality(b_numbers) and not exists (
            select
            from unnest(a_numbers, b_numbers) as n (a, b)
            where not dpp.is_close(n.a, n.b, relative_tolerance, absolute_tolerance)),
        false);
end
$$;
comment on function dpp.same_attribute(jsonb, jsonb, numeric, numeric) is
    'Whether two attributes in DICOM JSON are the same, numbers within the tolerance';
