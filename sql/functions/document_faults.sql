-- What is wrong with an authoring document, before any row is written. Members are those of dpp.document_fields.

create or replace function dpp.json_kind_fault(p_kind text, p_value jsonb)
returns text language plpgsql immutable parallel safe as $$
declare
    type text := jsonb_typeof(p_value);
    -- A table of CSV has texts only.
    text_value text := case type when 'string' then p_value #>> '{}' else '' end;
begin
    if type = 'null' then
        return null;
    end if;
    return case
        when p_kind = 'text' and type not in ('string', 'number') then 'must be a text'
        when p_kind = 'integer' and not (type = 'number' and p_value::text ~ '^-?[0-9]{1,9}$' or text_value ~ '^ *-?[0-9]{1,9} *$')
        then 'must be a whole number'
        when p_kind = 'boolean' and not (type = 'boolean' or upper(text_value) in ('TRUE', 'FALSE', 'YES', 'NO'))
        then 'must be true or false'
        when p_kind in ('texts', 'path') and not (
            type in ('string', 'number')
            or type = 'array' and not exists (
                select from jsonb_array_elements(p_value) as e (value) where jsonb_typeof(e.value) not in ('string', 'number')))
        then 'must be a text, or a list of texts'
        when p_kind = 'integers' and not (
            text_value ~ '^ *[0-9]{1,9} *$' or type = 'number' and p_value::text ~ '^[0-9]{1,9}$'
            or type = 'array' and not exists (
                select
                from jsonb_array_elements(p_value) as e (value)
                where e.value #>> '{}' !~ '^ *[0-9]{1,9} *$' or jsonb_typeof(e.value) not in ('string', 'number')))
        then 'must be a whole number from 0, or a list of them'
        when p_kind in ('items', 'codes') and type not in ('array', 'object') then 'must be a list of objects, or one'
        when p_kind in ('object', 'dicom', 'contrast') and type <> 'object' then 'must be an object'
        when p_kind in ('attribute', 'predecessor') and type <> 'string' then 'must be a text'
        when p_kind = 'unit' and type not in ('string', 'object') then 'must be a text such as kV, or a code'
        when p_kind = 'values' and type = 'boolean' then 'must be a number, a text, a code, or a list of them'
    end;
end
$$;
comment on function dpp.json_kind_fault(text, jsonb) is
    'Why a value cannot be of a kind of dpp.document_fields; null when it can';

-- Evaluated in line, hence in terms that are immutable and name the value once.
create or replace function dpp.json_list(value jsonb)
returns jsonb language sql immutable parallel safe as $$
    select coalesce(jsonb '[]' || nullif(value, 'null'), '[]')
$$;
comment on function dpp.json_list(jsonb) is 'A list as it is, one value as a list of it, nothing as an empty list';

-- All objects of the document are looked at together: the table of members is gone through once.
create or replace function dpp.document_faults(p_document jsonb, p_level text, p_path text)
returns table (path text, fault text)
language plpgsql stable as $$
begin
    return query
        with recursive fields as materialized (
            -- A member that is described more than once has the same kind each time.
            select distinct on (f.level, f.field) f.level, f.field, f.kind, f.target
            from dpp.document_fields as f
            order by f.level, f.field
        ),
        objects as (
            select nullif(p_path, '') as path, p_level as level, p_document as value
            union all
            select
                n.path || case when jsonb_typeof(n.value) = 'array' then format('[%s]', i.n - 1) else '' end,
                case when n.kind in ('codes', 'values', 'unit') then 'code' else n.target end,
                i.value
            from (
                select concat_ws('.', o.path, m.key) as path, m.value, f.kind, f.target
                from objects as o
                cross join lateral jsonb_each(case jsonb_typeof(o.value) when 'object' then o.value else '{}' end) as m
                join fields as f on f.level = o.level and f.field = m.key
                where f.kind in ('items', 'codes', 'object', 'values', 'unit') and jsonb_typeof(m.value) in ('array', 'object')
                    and (f.kind <> 'object' or jsonb_typeof(m.value) = 'object')
            ) as n
            cross join lateral jsonb_array_elements(dpp.json_list(n.value)) with ordinality as i (value, n)
            -- Values and units may be something else than codes.
            where n.kind not in ('values', 'unit') or jsonb_typeof(i.value) = 'object'
        ),
        whole as materialized (
            select o.path, o.level, o.value from objects as o where jsonb_typeof(o.value) = 'object'
        ),
        members as materialized (
            select o.path as object_path, o.level, m.key, m.value, concat_ws('.', o.path, m.key) as path,
                coalesce(f.kind, g.kind) as kind
            from whole as o
            cross join lateral jsonb_each(o.value) as m
            left join fields as f on f.level = o.level and f.field = m.key
            left join fields as g on g.level is null and g.field = m.key
        ),
        judged as materialized (
            select m.path, m.kind, m.value,
                case
                    -- Most are; to ask for each takes time.
                    when m.kind in ('text', 'unit', 'values') and jsonb_typeof(m.value) = 'string'
                        or m.kind in ('text', 'values') and jsonb_typeof(m.value) = 'number'
                    then null
                    else dpp.json_kind_fault(m.kind, m.value)
                end as fault
            from members as m
            where m.kind <> 'ignored'
        ),
        parameters as materialized (
            select concat_ws('.', o.path, 'keyword') as path, o.value ->> 'keyword' as keyword, o.value ->> 'attribute' as attribute
            from whole as o
            where o.level = 'parameter'
        )
        select coalesce(o.path, '(document)'), 'must be an object'
        from objects as o
        where jsonb_typeof(o.value) is distinct from 'object'
        union all
        select m.path,
            format('is no member of %s', m.level) || coalesce('; do you mean ' || n.field || '?', '')
        from members as m
        left join lateral (
            select f.field
            from dpp.document_fields as f
            where f.level = m.level and f.kind <> 'ignored' and dpp.edit_distance(m.key, f.field) <= 1 + length(m.key) / 4
            order by dpp.edit_distance(m.key, f.field), f.field
            limit 1
        ) as n on true
        where m.kind is null
        union all
        select j.path, j.fault
        from judged as j
        where j.fault is not null
        union all
        -- Values: each is a number, a text or a code
        select j.path || case when jsonb_typeof(j.value) = 'array' then format('[%s]', v.n - 1) else '' end,
            'must be a number, a text, or a code'
        from judged as j
        cross join lateral jsonb_array_elements(dpp.json_list(j.value)) with ordinality as v (value, n)
        where j.kind = 'values' and jsonb_typeof(v.value) in ('array', 'boolean')
        union all
        -- Which attribute a parameter is about
        select p.path, 'is missing: a parameter has keyword, or attribute with name and vr'
        from parameters as p
        where coalesce(p.keyword, p.attribute) is null
        union all
        select p.path,
            format('%L is no keyword of the data dictionary', p.keyword)
                || coalesce('; do you mean ' || dpp.nearest_keyword(p.keyword) || '?', '')
        from parameters as p
        where p.keyword is not null and p.attribute is null and (dpp.attribute_of(p.keyword)).tag is null
        union all
        select concat_ws('.', o.path, 'name'), 'is missing: a parameter without attribute of the standard needs a name'
        from whole as o
        where o.level = 'private_parameter' and coalesce(o.value ->> 'name', '') = ''
        union all
        select j.path || format('[%s]', p.n - 1), format('%L is no sequence of the data dictionary', p.value)
        from judged as j
        cross join lateral jsonb_array_elements_text(dpp.json_list(j.value)) with ordinality as p (value, n)
        where j.kind = 'path' and j.fault is null and dpp.parse_tag(p.value) is null
            and (dpp.attribute_of(p.value)).vr is distinct from 'SQ';
end
$$;
comment on function dpp.document_faults(jsonb, text, text) is
    'What is wrong with an authoring document, or with an object of a level in it: path and reason, everything at once';
