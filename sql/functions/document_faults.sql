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

create or replace function dpp.json_list(value jsonb)
returns jsonb language sql immutable parallel safe as $$
    select case
        when value is null or jsonb_typeof(value) = 'null' then '[]'
        when jsonb_typeof(value) = 'array' then value
        else jsonb_build_array(value)
    end
$$;
comment on function dpp.json_list(jsonb) is 'A list as it is, one value as a list of it, nothing as an empty list';

create or replace function dpp.document_faults(p_document jsonb, p_level text, p_path text)
returns table (path text, fault text)
language plpgsql stable as $$
begin
    if jsonb_typeof(p_document) is distinct from 'object' then
        return query select coalesce(nullif(p_path, ''), '(document)'), 'must be an object';
        return;
    end if;
    return query
        with members as (
            select m.key, m.value, concat_ws('.', nullif(p_path, ''), m.key) as path
            from jsonb_each(p_document) as m
        ),
        -- A member that is described more than once has the same kind each time.
        known as (
            select distinct on (m.key) m.key, m.value, m.path, f.kind, f.target
            from members as m
            join dpp.document_fields as f on f.field = m.key and (f.level = p_level or f.level is null)
            order by m.key, f.level nulls last
        ),
        nested as (
            select k.path || case when jsonb_typeof(k.value) = 'array' then format('[%s]', i.n - 1) else '' end as path, i.value,
                case k.kind when 'codes' then 'code' else k.target end as level
            from known as k
            cross join lateral jsonb_array_elements(dpp.json_list(k.value)) with ordinality as i (value, n)
            where k.kind in ('items', 'codes', 'object') and dpp.json_kind_fault(k.kind, k.value) is null
        )
        select m.path,
            format('is no member of %s', p_level) || coalesce('; do you mean ' || n.field || '?', '')
        from members as m
        left join lateral (
            select f.field
            from dpp.document_fields as f
            where f.level = p_level and f.kind <> 'ignored' and dpp.edit_distance(m.key, f.field) <= 1 + length(m.key) / 4
            order by dpp.edit_distance(m.key, f.field), f.field
            limit 1
        ) as n on true
        where not exists (select from known as k where k.key = m.key)
        union all
        select k.path, dpp.json_kind_fault(k.kind, k.value)
        from known as k
        where dpp.json_kind_fault(k.kind, k.value) is not null
        union all
        select f.path, f.fault
        from nested as n
        cross join lateral dpp.document_faults(n.value, n.level, n.path) as f
        union all
        -- Values: each is a number, a text or a code
        select k.path || case when jsonb_typeof(k.value) = 'array' then format('[%s]', v.n - 1) else '' end,
            'must be a number, a text, or a code'
        from known as k
        cross join lateral jsonb_array_elements(dpp.json_list(k.value)) with ordinality as v (value, n)
        where k.kind = 'values' and jsonb_typeof(v.value) in ('array', 'boolean')
        union all
        select f.path, f.fault
        from known as k
        cross join lateral jsonb_array_elements(dpp.json_list(k.value)) with ordinality as v (value, n)
        cross join lateral dpp.document_faults(
            v.value, 'code', k.path || case when jsonb_typeof(k.value) = 'array' then format('[%s]', v.n - 1) else '' end) as f
        where k.kind in ('values', 'unit') and jsonb_typeof(v.value) = 'object'
        union all
        -- Which attribute a parameter is about
        select concat_ws('.', p_path, 'keyword'), 'is missing: a parameter has keyword, or attribute with name and vr'
        where p_level = 'parameter' and coalesce(p_document ->> 'keyword', p_document ->> 'attribute') is null
        union all
        select concat_ws('.', p_path, 'keyword'),
            format('%L is no keyword of the data dictionary', k.keyword)
                || coalesce('; do you mean ' || dpp.nearest_keyword(k.keyword) || '?', '')
        from (select p_document ->> 'keyword') as k (keyword)
        where p_level = 'parameter' and k.keyword is not null and p_document ->> 'attribute' is null
            and (dpp.attribute_of(k.keyword)).tag is null
        union all
        select concat_ws('.', p_path, 'name'), 'is missing: a parameter without attribute of the standard needs a name'
        where p_level = 'private_parameter' and coalesce(p_document ->> 'name', '') = ''
        union all
        select k.path || format('[%s]', p.n - 1), format('%L is no sequence of the data dictionary', p.value)
        from known as k
        cross join lateral jsonb_array_elements_text(dpp.json_list(k.value)) with ordinality as p (value, n)
        where k.kind = 'path' and dpp.json_kind_fault(k.kind, k.value) is null and dpp.parse_tag(p.value) is null
            and (dpp.attribute_of(p.value)).vr is distinct from 'SQ';
end
$$;
comment on function dpp.document_faults(jsonb, text, text) is
    'What is wrong with an authoring document, or with an object of a level in it: path and reason, everything at once';
