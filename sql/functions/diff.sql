-- The difference of two protocols, attribute by attribute.
--
-- The items of both (dpp.protocol_items) are aligned level by level from the header down, siblings below the same pair
-- only, so that what belongs to an item that one side lacks is not told again. Within a pair every attribute that is a
-- column (dpp.protocol_attributes) and every one of other_attributes is compared: numbers as numbers, in one unit
-- (dpp.units), within the tolerance, and everything else as it is written.

create or replace function dpp.align(a_keys jsonb, b_keys jsonb)
returns table (a_n int, b_n int)
language plpgsql immutable as $$
declare
    a_rest int[] := array(select generate_series(1, jsonb_array_length(a_keys)));
    b_rest int[] := array(select generate_series(1, jsonb_array_length(b_keys)));
    a_found int[];
    b_found int[];
    most_keys int := (
        select coalesce(max(jsonb_array_length(k.value)), 0)
        from jsonb_array_elements(a_keys) as k);
begin
    for stage in 1 .. most_keys - 1 loop
        -- Several of the same key are paired in their order.
        select array_agg(x.n), array_agg(y.n)
        into a_found, b_found
        from (
            select r.n, k.scope, k.key, row_number() over (partition by k.scope, k.key order by r.n) as place
            from unnest(a_rest) as r (n)
            cross join lateral (
                select
                    (a_keys -> (r.n - 1) ->> 0) collate "C" as scope,
                    (a_keys -> (r.n - 1) ->> stage) collate "C" as key
            ) as k
            where k.key is not null
        ) as x
        join (
            select r.n, k.scope, k.key, row_number() over (partition by k.scope, k.key order by r.n) as place
            from unnest(b_rest) as r (n)
            cross join lateral (
                select
                    (b_keys -> (r.n - 1) ->> 0) collate "C" as scope,
                    (b_keys -> (r.n - 1) ->> stage) collate "C" as key
            ) as k
            where k.key is not null
        ) as y using (scope, key, place);
        return query select u.a, u.b from unnest(a_found, b_found) as u (a, b);
        a_rest := array(select r.n from unnest(a_rest) as r (n) except select f.n from unnest(a_found) as f (n) order by 1);
        b_rest := array(select r.n from unnest(b_rest) as r (n) except select f.n from unnest(b_found) as f (n) order by 1);
    end loop;
    return query
        select r.n, null::int from unnest(a_rest) as r (n)
        union all
        select null::int, r.n from unnest(b_rest) as r (n);
end
$$;
comment on function dpp.align(jsonb, jsonb) is
    'Pairs two lists of items, given as arrays of a scope and keys: each with the one of the same scope whose first key is the same, what is left by the second key, and so on. Numbers count from 1; what has no partner comes with null';

create or replace function dpp.protocol_of(uid text)
returns bigint language plpgsql stable as $$
declare
    known record;
begin
    select o.id, o.sop_class_uid, p.object_id
    into known
    from dpp.objects as o
    left join dpp.protocols as p on p.object_id = o.id
    where o.sop_instance_uid = uid;
    if not found then
        raise exception 'no object of SOP Instance UID % is here', coalesce(uid, '(null)')
            using errcode = 'no_data_found',
                hint = 'dpp.protocol_list has the UIDs of the published protocols; "dppr import" stores a file.';
    end if;
    if known.object_id is null then
        raise exception 'the object of SOP Instance UID % is no Defined Procedure Protocol (its SOP class is %)', uid,
            known.sop_class_uid
            using errcode = 'wrong_object_type',
                hint = 'dpp.protocol_list has the UIDs of the published protocols.';
    end if;
    return known.id;
end
$$;
comment on function dpp.protocol_of(text) is
    'The key of the protocol of this SOP Instance UID, whatever its state; an error that says what to do when there is none';

create or replace function dpp.diff(
    a text, b text, relative_tolerance numeric default 1e-12, absolute_tolerance numeric default 0)
returns table (
    part text,
    element text,
    attribute text,
    tag text,
    aspect text,
    left_value text,
    right_value text,
    difference text
)
language plpgsql stable
set jit = off
as $$
#variable_conflict use_column
declare
    a_id bigint := dpp.protocol_of(a);
    b_id bigint := dpp.protocol_of(b);
    a_items jsonb;
    b_items jsonb;
    -- Of the level at work: the items below pairs of the level above, by their numbers, and their keys
    a_numbers int[];
    b_numbers int[];
    a_keys jsonb;
    b_keys jsonb;
    -- The pairs of the level above that have both sides
    a_parents text[] := '{""}';
    b_parents text[] := '{""}';
    parent_sorts text[] := '{""}';
    parent_elements text[] := '{null}';
    -- All pairs
    pairs jsonb := '[]';
    level_pairs jsonb;
begin
    if not coalesce(
        relative_tolerance >= 0 and relative_tolerance < 'Infinity' and absolute_tolerance >= 0
        and absolute_tolerance < 'Infinity', false)
    then
        raise exception 'a tolerance must be a number from 0, not % and %', coalesce(relative_tolerance::text, 'null'),
            coalesce(absolute_tolerance::text, 'null')
            using errcode = 'invalid_parameter_value',
                hint = 'A relative_tolerance of 0.01 allows one per cent; an absolute_tolerance is in the unit of the value.';
    end if;
    a_items := (select jsonb_agg(to_jsonb(i) order by i.sort collate "C") from dpp.protocol_items(a_id) as i);
    b_items := (select jsonb_agg(to_jsonb(i) order by i.sort collate "C") from dpp.protocol_items(b_id) as i);

    loop
        select jsonb_agg(jsonb_build_array(p.n) || (i.value -> 'keys') order by i.n), array_agg(i.n order by i.n)
        into a_keys, a_numbers
        from jsonb_array_elements(a_items) with ordinality as i (value, n)
        join unnest(a_parents) with ordinality as p (path, n) on p.path = coalesce(i.value ->> 'parent', '');
        select jsonb_agg(jsonb_build_array(p.n) || (i.value -> 'keys') order by i.n), array_agg(i.n order by i.n)
        into b_keys, b_numbers
        from jsonb_array_elements(b_items) with ordinality as i (value, n)
        join unnest(b_parents) with ordinality as p (path, n) on p.path = coalesce(i.value ->> 'parent', '');
        exit when a_keys is null and b_keys is null;

        -- Told in the order of b; what only a has is where it was.
        select
            jsonb_agg(
                jsonb_build_object(
                    'a', x.a, 'b', x.b, 'sort', x.sort, 'element', x.element)),
            array_agg(x.a ->> 'path') filter (where x.a is not null and x.b is not null),
            array_agg(x.b ->> 'path') filter (where x.a is not null and x.b is not null),
            array_agg(x.sort) filter (where x.a is not null and x.b is not null),
            array_agg(x.element) filter (where x.a is not null and x.b is not null)
        into level_pairs, a_parents, b_parents, parent_sorts, parent_elements
        from (
            select
                i.a, i.b, p.sort || coalesce(i.b ->> 'sort', i.a ->> 'sort') || '/' as sort,
                coalesce(i.b ->> 'element', i.a ->> 'element', p.element) as element
            from dpp.align(coalesce(a_keys, '[]'), coalesce(b_keys, '[]')) as m
            cross join lateral (
                select
                    a_items -> (a_numbers[m.a_n] - 1) as a,
                    b_items -> (b_numbers[m.b_n] - 1) as b,
                    coalesce(a_keys -> (m.a_n - 1) ->> 0, b_keys -> (m.b_n - 1) ->> 0)::bigint as scope
            ) as i
            join unnest(parent_sorts, parent_elements) with ordinality as p (sort, element, n) on p.n = i.scope
        ) as x;
        pairs := pairs || level_pairs;
        exit when a_parents is null;
    end loop;

    return query
        with pair as materialized (
            select
                p.sort, p.element, p.a, p.b, p.a -> 'content' as a_content, p.b -> 'content' as b_content,
                p.a -> 'other' as a_other, p.b -> 'other' as b_other, p.item ->> 'part' as part,
                p.item ->> 'relation' as relation, p.item ->> 'relation' = 'parameter_constraints' as is_parameter,
                p.item -> 'content' as content, p.item ->> 'attribute' as attribute, p.item ->> 'tag' as tag,
                p.a ->> 'summary' as a_summary, p.b ->> 'summary' as b_summary,
                -- An item that is put in or taken out gives those behind it other numbers: that is no change of theirs.
                coalesce(
                    p.a_place = p.b_place
                    and coalesce(p.a #>> '{content, element_number}', p.a #>> '{content, instruction_index}')
                        = p.a ->> 'ordinal'
                    and coalesce(p.b #>> '{content, element_number}', p.b #>> '{content, instruction_index}')
                        = p.b ->> 'ordinal',
                    false) as is_in_place
            from (
                select
                    x.sort, x.element, x.a, x.b, coalesce(x.b, x.a) as item,
                    row_number() over (
                        partition by x.a is null or x.b is null, x.a ->> 'part', x.a ->> 'relation'
                        order by (x.a ->> 'ordinal')::int) as a_place,
                    row_number() over (
                        partition by x.a is null or x.b is null, x.a ->> 'part', x.a ->> 'relation'
                        order by (x.b ->> 'ordinal')::int) as b_place
                from (
                    select
                        v.value ->> 'sort' as sort, v.value ->> 'element' as element,
                        nullif(v.value -> 'a', 'null') as a, nullif(v.value -> 'b', 'null') as b
                    from jsonb_array_elements(pairs) as v
                ) as x
            ) as p
            where p.a is null or p.b is null or p.a -> 'content' <> p.b -> 'content' or p.a -> 'other' <> p.b -> 'other'
        ),
        -- What differs, as text and exactly
        found as (
            -- Whole items
            select
                p.sort, 0 as place, p.part, p.element,
                case when p.is_parameter then dpp.parameter_name(p.content) else p.attribute end as attribute,
                case when p.is_parameter then dpp.parameter_tag(p.content) else p.tag end as tag, null as aspect,
                case when p.is_parameter then dpp.parameter_text(p.a_content) else p.a_summary end as a_text,
                case when p.is_parameter then dpp.parameter_text(p.b_content) else p.b_summary end as b_text,
                null::jsonb as a_exact, null::jsonb as b_exact
            from pair as p
            where p.a is null or p.b is null
            union all
            -- Attributes that are columns; where other_attributes has one as it was received, that is compared too
            select
                p.sort, m.ordinal, p.part, p.element, case when p.is_parameter then dpp.parameter_name(p.content) else m.keyword end,
                case when p.is_parameter then dpp.parameter_tag(p.content) else m.tag end, m.aspect,
                case when t.is_same then r.a else coalesce(dpp.column_text(p.a_content, m.column_name), r.a) end,
                case when t.is_same then r.b else coalesce(dpp.column_text(p.b_content, m.column_name), r.b) end,
                case when t.is_same then p.a_other -> m.tag else p.a_content -> m.column_name end,
                case when t.is_same then p.b_other -> m.tag else p.b_content -> m.column_name end
            from pair as p
            join dpp.protocol_attributes as m
                on m.relation = p.relation or (m.relation = 'objects' and p.relation = 'protocols')
            cross join lateral (
                select
                    case m.column_name
                        when 'constraint_values' then dpp.same_values(
                            p.a_content, p.b_content, 'constraint', relative_tolerance, absolute_tolerance)
                        when 'default_values' then dpp.same_values(
                            p.a_content, p.b_content, 'default', relative_tolerance, absolute_tolerance)
                        -- Type and unit are told with the values; of a unit its scheme and meaning are left.
                        when 'constraint_type' then true
                        when 'unit_code' then
                            p.a_content -> 'unit_code' is distinct from p.b_content -> 'unit_code'
                            or dpp.unit_text(p.a_content) is not distinct from dpp.unit_text(p.b_content)
                        else
                            (p.is_in_place and m.column_name in ('element_number', 'instruction_index'))
                            or p.a_content -> m.column_name is not distinct from p.b_content -> m.column_name
                    end as is_same
                offset 0 -- once a row, and not wherever it is named
            ) as t
            cross join lateral (
                select
                    dpp.json_attribute_text(p.a_other -> m.tag) as a, dpp.json_attribute_text(p.b_other -> m.tag) as b
            ) as r
            where p.a is not null and p.b is not null
                and not (
                    t.is_same
                    and dpp.same_attribute(
                        p.a_other -> m.tag, p.b_other -> m.tag, relative_tolerance, absolute_tolerance))
            union all
            -- Attributes that are none
            select
                p.sort, 1000, p.part, p.element, case when p.is_parameter then dpp.parameter_name(p.content) else k.tag end,
                case when p.is_parameter then dpp.parameter_tag(p.content) else k.tag end, case when p.is_parameter then k.tag end,
                dpp.json_attribute_text(p.a_other -> k.tag), dpp.json_attribute_text(p.b_other -> k.tag),
                p.a_other -> k.tag, p.b_other -> k.tag
            from pair as p
            cross join lateral jsonb_object_keys(p.a_other || p.b_other) as k (tag)
            where p.a is not null and p.b is not null
                and not dpp.same_attribute(
                    p.a_other -> k.tag, p.b_other -> k.tag, relative_tolerance, absolute_tolerance)
                and not exists (
                    select
                    from dpp.protocol_attributes as m
                    where m.tag = k.tag
                        and (m.relation = p.relation or (m.relation = 'objects' and p.relation = 'protocols')))
        )
        select
            f.part, f.element, f.attribute, f.tag, f.aspect,
            case when f.a_text = f.b_text then f.a_exact::text else f.a_text end,
            case when f.a_text = f.b_text then f.b_exact::text else f.b_text end,
            case when f.a_text is null then 'added' when f.b_text is null then 'removed' else 'changed' end
        from found as f
        order by
            f.sort collate "C", f.place, f.place = 0 and f.b_text is not null, f.tag collate "C", f.aspect collate "C",
            f.a_text collate "C", f.b_text collate "C";
end
$$;
comment on function dpp.diff(text, text, numeric, numeric) is
    'How protocol b differs from protocol a (SOP Instance UIDs): one row per attribute or parameter, items aligned by what they are and not by their place. Numbers are compared in one unit (dpp.units) and within the tolerances';
