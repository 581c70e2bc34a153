create or replace function dpp.attribute_json(p_vr text, p_value text, p_value_count int)
returns text language plpgsql immutable as $$
begin
    if p_value = '' and p_value_count <= 1 then
        return format('{"vr":"%s"}', p_vr);
    elsif p_vr like 'O_' or p_vr = 'UN' then
        return format('{"vr":"%s","InlineBinary":%s}', p_vr, to_json(p_value));
    elsif p_value_count = 1 or p_vr in ('ST', 'LT', 'UT', 'UR') then
        return format('{"vr":"%s","Value":[%s]}', p_vr, dpp.value_json(p_vr, p_value));
    end if;
    return format(
        '{"vr":"%s","Value":[%s]}', p_vr,
        (
            select string_agg(dpp.value_json(p_vr, v.value), ',' order by v.n)
            from string_to_table(p_value, '\') with ordinality as v (value, n)
        ));
end
$$;
comment on function dpp.attribute_json(text, text, int) is
    'An attribute in DICOM JSON, given its VR, its values parted by backslashes, and their number';

create or replace function dpp.value_json(p_vr text, p_value text)
returns text language plpgsql immutable as $$
begin
    if p_value = '' or p_value = 'NaN' and p_vr in ('FD', 'FL') then
        return 'null';
    elsif p_vr = 'PN' then
        return jsonb_strip_nulls(jsonb_build_object(
            'Alphabetic', nullif(split_part(p_value, '=', 1), ''),
            'Ideographic', nullif(split_part(p_value, '=', 2), ''),
            'Phonetic', nullif(split_part(p_value, '=', 3), '')));
    elsif p_vr in ('FD', 'FL', 'SL', 'SS', 'UL', 'US', 'SV', 'UV') and p_value ~ '^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$'
        and (p_vr <> 'UV' or p_value::numeric < 9223372036854775808)
    then
        return p_value;
    end if;
    return to_json(p_value);
end
$$;
comment on function dpp.value_json(text, text) is
    'One value in DICOM JSON; UV beyond what a signed number holds is a string (PS3.18 F.2.3 allows both)';

create or replace function dpp.dataset_of(p_object_id bigint)
returns jsonb
language plpgsql
stable
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
begin
    return (
        with nodes as materialized (
            select n.kind, n.key, n.tag, n.vr, n.value, n.value_count, n.is_empty
            from dpp.dataset_nodes(p_object_id) as n
        ),
        pieces as (
            select
                n.key,
                n.kind = 'item' or n.kind = 'sequence' and not n.is_empty as is_open,
                false as is_end,
                case
                    when n.kind = 'item' then '{'
                    when n.kind = 'sequence'
                    then format('"%s":{"vr":"SQ"%s', n.tag, case when not n.is_empty then ',"Value":[' end)
                    else format('"%s":%s', n.tag, dpp.attribute_json(n.vr, n.value, n.value_count))
                end as text
            from nodes as n
            union all
            select n.key || '~', false, true, case when n.kind = 'item' or n.is_empty then '}' else ']}' end
            from nodes as n
            where n.kind in ('sequence', 'item')
        )
        select ('{' || coalesce(string_agg(t.comma || t.text, '' order by t.key), '') || '}')::jsonb
        from (
            select
                p.key,
                p.text,
                case
                    when p.is_end or lag(p.is_open, 1, true) over (order by p.key) then ''
                    else ','
                end as comma
            from pieces as p
        ) as t
        having count(*) > 0);
end
$$;
comment on function dpp.dataset_of(bigint) is
    'The data set that the rows of a protocol or Protocol Approval stand for, in DICOM JSON (PS3.18 F.2), without Specific Character Set; null when it has no rows';
