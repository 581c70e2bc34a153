-- What a row of dpp.parameter_constraints need not say (see complete_rows.sql).

-- PS3.3 C.34.9, C.34.11, C.34.13: where the selectors of a kind of element begin.
create or replace function dpp.performed_sequence(kind text)
returns text language sql immutable parallel safe as $$
    select case kind
        when 'acquisition' then '00189920'
        when 'reconstruction' then '00189934'
        when 'storage' then '00189936'
    end
$$;
comment on function dpp.performed_sequence(text) is
    'Tag of the sequence of a performed protocol whose items the elements of a kind are about, with which Selector Sequence Pointers begin; null for patient';

-- PS3.3 C.34.10: what a performed CT acquisition has for each beam, in CT X-Ray Details Sequence (0018,9325).
create or replace function dpp.default_path(kind text, sop_class_uid text, tag text)
returns text[] language sql immutable parallel safe as $$
    select case
        when kind = 'acquisition' and sop_class_uid = '1.2.840.10008.5.1.4.1.1.200.1' and tag in (
            '00180060', -- KVP
            '00180090', -- Data Collection Diameter
            '00189323', -- Exposure Modulation Type
            '00189328', -- Exposure Time in ms
            '00189330', -- X-Ray Tube Current in mA
            '00189332', -- Exposure in mAs
            '00189944', -- Auto KVP Selection Type
            '00189945', -- Auto KVP Upper Bound
            '00189946', -- Auto KVP Lower Bound
            '300A00C0') -- Beam Number
        then array['00189325']
        else '{}'
    end
$$;
comment on function dpp.default_path(text, text, text) is
    'Tags of the sequences between an element of a kind and an attribute, for a selector that says no path: those of each beam of a CT acquisition are in CT X-Ray Details Sequence';

create or replace function dpp.is_numeric_vr(vr text)
returns boolean language sql immutable parallel safe as $$
    select vr in ('DS', 'IS', 'FD', 'FL', 'UL', 'US', 'SL', 'SS', 'SV', 'UV')
$$;
comment on function dpp.is_numeric_vr(text) is 'Whether values of a VR are kept as numbers too';

-- The numbers that the program takes for such (server/catalog/rows_values.c): those that double precision surely holds.
create or replace function dpp.numbers_of(texts text[])
returns double precision[] language plpgsql immutable parallel safe as $$
declare
    numbers double precision[] := '{}';
    value text;
begin
    foreach value in array coalesce(texts, '{}') loop
        numbers := numbers || case
            when value ~ '^[+-]?([0-9]{1,9}(\.[0-9]{0,20})?|\.[0-9]{1,20})([eE][+-]?([0-9]{1,2}|[12][0-9]{2}))?$'
                or (length(value) <= 300 and value ~ '^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)$')
            then value::double precision
        end;
    end loop;
    return numbers;
end
$$;
comment on function dpp.numbers_of(text[]) is 'Texts of DICOM numbers as numbers; null for one that is none';

-- As short as they are exact, without exponent; a Decimal String has 16 characters (PS3.5 6.2) and is rounded to them.
create or replace function dpp.texts_of(numbers double precision[], vr text)
returns text[] language sql immutable parallel safe as $$
    select coalesce(
        array_agg(
            case
                when vr is distinct from 'DS' or length(p.plain) <= 16 then p.plain
                when abs(t.value) between 0.001 and 1e14
                then trim_scale(
                    round(p.plain::numeric, greatest(0, 15 - length(split_part(p.plain, '.', 1)))))::text
                else trim(to_char(t.value, '9.99999999EEEE'))
            end
            order by t.n),
        '{}')
    from unnest(numbers) with ordinality as t (value, n)
    cross join lateral (select t.value::text::numeric::text as plain) as p
$$;
comment on function dpp.texts_of(double precision[], text) is 'Numbers as DICOM texts of a VR';

create or replace function dpp.complete_constraint()
returns trigger language plpgsql as $$
declare
    known dpp.attributes;
    outer_sequence text := dpp.performed_sequence(new.kind);
    is_update boolean := tg_op = 'UPDATE';
    -- Whether the texts are to be made from the numbers
    are_numbers_given boolean := new.constraint_values = '{}';
    are_default_numbers_given boolean := new.default_values = '{}';
begin
    if not is_update then
        new.object_id := coalesce(new.object_id, dpp.draft_in_progress());
        if new.kind <> 'patient' and coalesce(new.element_ordinal, 0) = 0 then
            new.element_ordinal := (
                select max(e.ordinal)
                from dpp.protocol_elements as e
                where e.object_id = new.object_id and e.kind = new.kind);
            if new.element_ordinal is null then
                if outer_sequence is null then
                    perform dpp.refuse_word(tg_table_name, 'kind', new.kind);
                end if;
                raise exception 'dpp.parameter_constraints.element_ordinal: the draft has no % element that % could belong to',
                    new.kind, coalesce(new.selector_keyword, new.selector_attribute, 'the parameter')
                    using errcode = 'not_null_violation', schema = 'dpp', table = tg_table_name, column = 'element_ordinal',
                        hint = format('Insert one into dpp.protocol_elements (kind, element_name) values (%L, ...) first.', new.kind);
            end if;
        end if;
        new.ordinal := coalesce(
            new.ordinal,
            (
                select coalesce(max(c.ordinal), 0) + 1
                from dpp.parameter_constraints as c
                where c.object_id = new.object_id and c.kind = new.kind and c.element_ordinal = new.element_ordinal
            ));
    else
        -- Of what says which attribute it is, what was not changed follows what was.
        if new.selector_attribute <> coalesce(old.selector_attribute, '') then
            new.selector_keyword := nullif(new.selector_keyword, old.selector_keyword);
            new.selector_name := nullif(new.selector_name, old.selector_name);
            new.selector_vr := nullif(new.selector_vr, old.selector_vr);
        elsif new.selector_keyword <> coalesce(old.selector_keyword, '') then
            new.selector_attribute := null;
            new.selector_name := nullif(new.selector_name, old.selector_name);
            new.selector_vr := nullif(new.selector_vr, old.selector_vr);
        end if;
        if new.unit_code is distinct from old.unit_code then
            new.unit_meaning := nullif(new.unit_meaning, old.unit_meaning);
            if new.unit_code is null then
                new.unit_scheme := nullif(new.unit_scheme, old.unit_scheme);
            end if;
        end if;
        if new.element_ordinal <> old.element_ordinal
            and new.selector_path = old.selector_path and new.selector_path_items = old.selector_path_items
            and new.selector_path[1] = outer_sequence and new.selector_path_items[1] = old.element_ordinal
        then
            new.selector_path_items[1] := new.element_ordinal;
        end if;
        are_numbers_given := new.constraint_values = old.constraint_values
            and new.constraint_numbers is distinct from old.constraint_numbers;
        are_default_numbers_given := new.default_values = old.default_values
            and new.default_numbers is distinct from old.default_numbers;
        if new.other_attributes <> '{}' then
            new.other_attributes := dpp.other_attributes_after(tg_table_name, to_jsonb(old), to_jsonb(new));
        end if;
    end if;

    known := dpp.attribute_of(coalesce(new.selector_attribute, new.selector_keyword, new.selector_name));
    new.selector_attribute := coalesce(known.tag, dpp.parse_tag(new.selector_attribute), new.selector_attribute);
    if new.selector_keyword is null or lower(new.selector_keyword) = lower(known.keyword) then
        new.selector_keyword := known.keyword;
    end if;
    new.selector_name := coalesce(new.selector_name, left(known.name, 64));
    new.selector_vr := coalesce(upper(new.selector_vr), known.vr);
    -- One that the dictionary does not know after another: nothing else says what they are.
    if is_update and known.tag is null and old.selector_keyword is null then
        new.selector_name := coalesce(new.selector_name, old.selector_name);
        new.selector_vr := coalesce(new.selector_vr, old.selector_vr);
    end if;

    if not is_update and new.selector_path = '{}' and new.selector_path_items = '{}' then
        new.selector_path := dpp.default_path(
            new.kind, (select o.sop_class_uid from dpp.objects as o where o.id = new.object_id), new.selector_attribute);
    elsif new.selector_path <> '{}' then
        new.selector_path := array(
            select coalesce(dpp.parse_tag(p.value), (dpp.attribute_of(p.value)).tag, p.value)
            from unnest(new.selector_path) with ordinality as p (value, n)
            order by p.n);
    end if;
    if outer_sequence is not null and new.selector_path[1] is distinct from outer_sequence then
        -- One number more than sequences: the first is the element's.
        if cardinality(new.selector_path_items) <= cardinality(new.selector_path) then
            new.selector_path_items := new.element_ordinal || new.selector_path_items;
        end if;
        new.selector_path := outer_sequence || new.selector_path;
    end if;
    if cardinality(new.selector_path_items) < cardinality(new.selector_path) then
        if new.selector_path_items = '{}' and outer_sequence is not null then
            new.selector_path_items := array[new.element_ordinal];
        end if;
        new.selector_path_items := new.selector_path_items
            || array_fill(1, array[cardinality(new.selector_path) - cardinality(new.selector_path_items)]);
    end if;

    -- Without VR nobody knows what the values are.
    if new.selector_vr is not null then
        if are_numbers_given then
            new.constraint_values := case
                when new.constraint_numbers = '{}' then '{}'
                else dpp.texts_of(new.constraint_numbers, new.selector_vr)
            end;
        end if;
        if are_default_numbers_given then
            new.default_values := case
                when new.default_numbers = '{}' then '{}'
                else dpp.texts_of(new.default_numbers, new.selector_vr)
            end;
        end if;
        if dpp.is_numeric_vr(new.selector_vr) then
            new.constraint_numbers := case new.constraint_values when '{}' then '{}' else dpp.numbers_of(new.constraint_values) end;
            new.default_numbers := case new.default_values when '{}' then '{}' else dpp.numbers_of(new.default_values) end;
        else
            new.constraint_numbers := '{}';
            new.default_numbers := '{}';
        end if;
    end if;

    new.constraint_type := coalesce(
        upper(new.constraint_type),
        case
            when new.constraint_values <> '{}' or new.constraint_numbers <> '{}' then 'EQUAL'
            when new.default_values <> '{}' or new.default_numbers <> '{}' then 'UNCONSTRAINED'
        end);
    new.significance := upper(new.significance);
    new.selector_value_number := coalesce(
        new.selector_value_number,
        case when new.constraint_type = 'EQUAL' and cardinality(new.constraint_values) > 1 then 0 else 1 end);

    if new.unit_code is not null then
        new.unit_scheme := coalesce(new.unit_scheme, 'UCUM');
        if new.unit_meaning is null and new.unit_scheme = 'UCUM' then
            new.unit_meaning := coalesce(
                (select u.meaning from dpp.units as u where u.unit_code = new.unit_code), left(new.unit_code, 64));
        end if;
    end if;
    return new;
end
$$;
comment on function dpp.complete_constraint() is
    'Trigger: place, selector, path, values and numbers, unit of a constraint, each from what is there';
