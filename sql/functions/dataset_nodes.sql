-- All attributes of an object: those of its columns, and what other_attributes has beside or instead of them.
--
-- Two rules say which counts where both know an attribute (see migration 0001): one that has a value in other_attributes is as
-- received; one without a value (an attribute of type 2, say) has its value from the column. Items that are rows
-- are always those of the rows.

create or replace function dpp.is_of_dataset(tag text)
returns boolean language sql immutable parallel safe as $$
    select tag <> '00080005' and tag !~ '0000$' and tag !~ '^0002'
$$;
comment on function dpp.is_of_dataset(text) is
    'Whether an attribute in other_attributes is rendered: not Specific Character Set, which rendering chooses, group lengths, which say nothing (PS3.5 7.2), and File Meta Information';

create or replace function dpp.tag_fault(tag text)
returns text language sql immutable parallel safe as $$
    select case
        when tag !~ '^[0-9A-F]{8}$' then 'is no tag of eight hexadecimal digits in capitals'
        when tag ~ '^(0000|FFFE)' then 'is no attribute of a data set'
    end
$$;
comment on function dpp.tag_fault(text) is 'Why no data set has an attribute of this tag; null when it may have';

create or replace function dpp.other_attributes_of(p_place text, p_attributes jsonb)
returns table (kind text, place text, tag text, vr text, node jsonb)
language plpgsql stable rows 10 as $$
begin
    return query
    with recursive nodes as (
        select 'element' as kind, p_place as place, a.key as tag, coalesce(a.value ->> 'vr', dpp.vr_of_tag(a.key)) as vr,
            a.value as node
        from jsonb_each(p_attributes) as a
        where dpp.is_of_dataset(a.key)
        union all
        select b.kind, b.place, b.tag, b.vr, b.node
        from nodes as n
        cross join lateral (
            select 'item' as kind, n.place || n.tag || dpp.item_number(i.n) as place, null as tag, null as vr, i.item as node
            from jsonb_array_elements(case jsonb_typeof(n.node -> 'Value') when 'array' then n.node -> 'Value' end)
                with ordinality as i (item, n)
            where n.kind = 'element' and n.vr = 'SQ' and dpp.tag_fault(n.tag) is null
            union all
            select 'element', n.place, a.key, coalesce(a.value ->> 'vr', dpp.vr_of_tag(a.key)), a.value
            from jsonb_each(case jsonb_typeof(n.node) when 'object' then n.node end) as a
            where n.kind = 'item' and dpp.is_of_dataset(a.key)
        ) as b
    )
    select n.kind, n.place, n.tag, n.vr, n.node from nodes as n;
end
$$;
comment on function dpp.other_attributes_of(text, jsonb) is
    'Attributes in DICOM JSON at a place, with the items of sequences among them and the attributes of those';

create or replace function dpp.dataset_nodes(p_object_id bigint)
returns table (
    kind text, key text, tag text, vr text, value text, value_count int, fault text, is_empty boolean, item_place text,
    column_name text)
language sql stable as $$
    with items as materialized (
        select i.place, i.other_attributes from dpp.items_of_protocol(p_object_id) as i
        union all
        select i.place, i.other_attributes from dpp.items_of_approval(p_object_id) as i
    ),
    own as materialized (
        select a.item_place, a.item_tag, a.place, a.tag, a.vr, a.value, a.value_count, a.column_name
        from dpp.attributes_of_protocol(p_object_id) as a
        union all
        select a.item_place, a.item_tag, a.place, a.tag, a.vr, a.value, a.value_count, a.column_name
        from dpp.attributes_of_approval(p_object_id) as a
    ),
    others as materialized (
        select o.place, o.tag, o.attribute
        from (
            select i.place, a.key as tag, a.value as attribute,
                coalesce(a.value -> 'Value', a.value -> 'InlineBinary', '[]') <> '[]' as has_value
            from items as i
            cross join lateral jsonb_each(i.other_attributes) as a
            where i.other_attributes <> '{}'
        ) as o
        where not exists (
                select
                from items as r
                where left(r.place, -10) = o.place || o.tag)
            and (
                o.has_value
                or not exists (select from own as c where c.item_place = o.place and c.item_tag = o.tag))
    ),
    visible as materialized (
        select 'element' as kind, c.item_place, c.place, c.tag, c.vr, c.value, c.value_count, null as fault, c.column_name
        from own as c
        where not exists (select from others as o where o.place = c.item_place and o.tag = c.item_tag)
        union all
        select
            case when n.vr = 'SQ' and dpp.tag_fault(n.tag) is null then 'sequence' else n.kind end, o.place, n.place, n.tag,
            n.vr, v.value, v.value_count, coalesce(dpp.tag_fault(n.tag), v.fault), 'other_attributes'
        from others as o
        cross join lateral dpp.other_attributes_of(o.place, jsonb_build_object(o.tag, o.attribute)) as n
        left join lateral dpp.json_values(n.vr, n.node) as v on n.kind = 'element'
    ),
    -- Items, and those around them
    places as materialized (
        select distinct left(p.place, g.length) collate "C" as place
        from (
            select i.place from items as i
            union
            select v.place from visible as v
        ) as p
        cross join lateral generate_series(18, length(p.place), 18) as g (length)
    )
    select 'element', (v.place || v.tag) collate "C", v.tag, v.vr, v.value, v.value_count, v.fault, null::boolean, v.item_place,
        v.column_name
    from visible as v
    where v.kind = 'element'
    union all
    select 'item', p.place, null, null, null, null::int, null, null::boolean, null, null
    from places as p
    union all
    select 'sequence', s.key collate "C", right(s.key, 8), 'SQ', null, null::int, min(s.fault), not bool_or(s.has_item),
        min(s.item_place), 'other_attributes'
    from (
        select left(p.place, -10) as key, true as has_item, null as fault, null as item_place
        from places as p
        union all
        select v.place || v.tag, false, v.fault, v.item_place
        from visible as v
        where v.kind = 'sequence'
    ) as s
    group by s.key
$$;
comment on function dpp.dataset_nodes(bigint) is
    'An object''s data set as elements, sequences and items, each with a key that sorts as the data set does: VR, values parted by backslashes and their number, what is wrong with them, whether a sequence has no items, and the row (by its place) and column it comes from';
