-- What the DICOM services need of an object that was made in SQL, made of its rows: the encoded form (dpp.instances), the
-- query record and Specific Character Set. dpp.publish calls it in its transaction, so that whatever is published can
-- be found and retrieved. Equal rows give equal octets.

create or replace function dpp.encoding_fault(p_tag text, p_vr text, p_value text, p_value_count int)
returns text language plpgsql stable as $$
declare
    known record;
begin
    select v.* into known from dpp.encoded_vrs() as v where v.vr = p_vr;
    if p_vr is null then
        return 'says no VR, and the data dictionary does not know it';
    elsif not found then
        return format('has the unknown VR %s', p_vr);
    elsif known.is_split and p_value_count <> 1 + length(p_value) - length(replace(p_value, '\', '')) then
        return 'has a backslash within a value, where it would part two values';
    elsif not known.is_string and dpp.binary_octets(p_vr, p_value) is null then
        return format('has a value that is none of VR %s: %s', p_vr, left(p_value, 64));
    elsif p_vr = 'UN' and dpp.is_unknown_text(dpp.vr_of_tag(p_tag), dpp.binary_octets(p_vr, p_value)) then
        return 'has VR UN, though the data dictionary knows it as text, and octets beyond ASCII';
    end if;
    return null;
end
$$;
comment on function dpp.encoding_fault(text, text, text, int) is
    'Why an attribute cannot be encoded, given its tag, VR, values parted by backslashes and their number; null when it can be';

-- Tags and item numbers from the outside in, as dpp.dataset_warnings has them
create or replace function dpp.place_text(key text)
returns text language sql immutable parallel safe as $$
    select concat(
        (
            select string_agg(format('%s[%s].', substr(key, n, 8), ltrim(substr(key, n + 8, 10), '0')), '' order by n)
            from generate_series(1, length(key) - 18, 18) as n
        ),
        substr(key, 1 + 18 * ((length(key) - 1) / 18)))
$$;
comment on function dpp.place_text(text) is
    'A key of dpp.dataset_nodes as people read it: 0018991F[2].00189913[7].00820034';

create or replace function dpp.encoding_problems(p_object_id bigint)
returns table (relation text, item text, column_name text, rule text)
language plpgsql stable
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
begin
    return query
        select
            case when n.column_name in ('sop_class_uid', 'sop_instance_uid', 'timezone_offset') then 'objects' else i.relation end,
            i.item,
            n.column_name,
            case when n.column_name = 'other_attributes' then dpp.place_text(substr(n.key, length(n.item_place) + 1)) || ' ' else '' end
                || f.fault
        from dpp.dataset_nodes(p_object_id) as n
        cross join lateral (
            select coalesce(
                n.fault,
                case
                    when n.kind <> 'element'
                        -- What most are, one plain text, needs no closer look.
                        or n.value_count = 1 and strpos(n.value, '\') = 0
                        and n.vr in ('CS', 'DA', 'DS', 'IS', 'LO', 'LT', 'SH', 'TM', 'UI', 'UT')
                    then null
                    else dpp.encoding_fault(n.tag, n.vr, n.value, n.value_count)
                end)
        ) as f (fault)
        left join (
            select p.place, p.relation, p.item from dpp.items_of_protocol(p_object_id) as p
            union all
            select a.place, a.relation, a.item from dpp.items_of_approval(p_object_id) as a
        ) as i on i.place = n.item_place
        where f.fault is not null
        order by n.key;
end
$$;
comment on function dpp.encoding_problems(bigint) is
    'What keeps an object from being rendered: attributes that have no encoding. Table, row, column and what is wrong, as dpp.problems has them';

create or replace function dpp.render(p_object_id bigint)
returns void language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    door text;
    encoded record;
    problems text[];
begin
    encoded := dpp.encode(p_object_id, false);
    if encoded.dataset is null then
        raise exception 'object % has no rows to render', p_object_id using errcode = 'no_data_found';
    elsif encoded.fault_key is not null then
        problems := array(
            select concat_ws(' ', 'dpp.' || concat_ws('.', p.relation, p.column_name), '(' || p.item || ')') || ': ' || p.rule
            from dpp.encoding_problems(p_object_id) as p);
        raise exception 'object % cannot be encoded: attribute %', p_object_id, dpp.place_text(encoded.fault_key)
            using errcode = 'data_exception', detail = array_to_string(problems, E'\n');
    end if;
    -- See dpp.problems_of_size. An element or item has eight octets at least.
    if length(encoded.dataset) > 67108864
        or length(encoded.dataset) > 8000000 and (select count(*) from dpp.dataset_nodes(p_object_id)) > 1000000
    then
        raise exception '% cannot be published: it is a data set of % with % items and attributes',
            (select o.sop_instance_uid from dpp.objects as o where o.id = p_object_id),
            pg_size_pretty(length(encoded.dataset)::bigint), (select count(*) from dpp.dataset_nodes(p_object_id))
            using errcode = 'check_violation', detail = 'Data sets of 64 MiB are read, and of 1000000 items and attributes.';
    end if;
    door := dpp.open_door();
    insert into dpp.instances as i (object_id, transfer_syntax_uid, dataset, size, digest)
    values (p_object_id, '1.2.840.10008.1.2.1', encoded.dataset, length(encoded.dataset), encoded.digest)
    on conflict (object_id) do update
    set transfer_syntax_uid = excluded.transfer_syntax_uid, dataset = excluded.dataset, size = excluded.size,
        digest = excluded.digest;
    update dpp.objects as o
    set query_record = encoded.query_record, specific_character_set = encoded.character_set
    where o.id = p_object_id;
    perform dpp.close_door(door);
end
$$;
comment on function dpp.render(bigint) is
    'Makes the encoded form of an object (Explicit VR Little Endian), its query record and Specific Character Set of its rows. For dpp.publish';
