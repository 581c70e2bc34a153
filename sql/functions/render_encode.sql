-- An object's rows as octets.
--
--     rows -> attributes, each at its place -> octets of each -> put together in the order of the places
--
-- A place (attribute_places.sql) sorts as the data set does, so the data set is one sorted list of elements and of where
-- each sequence and item begins and ends. Running totals of the lengths give sequences and items theirs. The canonical form,
-- which the digest is of, and the query record are put together from the same list.
--
-- One statement for all: a function called for each attribute, or DICOM JSON in between, took three times as long. What
-- JIT gains is less than it takes to compile this.

create or replace function dpp.encode(
    p_object_id bigint,
    p_record_only boolean,
    out dataset bytea,
    out digest bytea,
    out query_record bytea,
    out character_set text,
    out fault_key text)
language plpgsql
stable
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_mergejoin = off
set jit = off
as $$
declare
    differs boolean; -- the query record from the elements of the data set
begin
    with given as materialized (
        select n.kind, n.key, n.tag, n.vr, n.value, n.value_count, n.fault, n.is_empty
        from dpp.dataset_nodes(p_object_id) as n
    ),
    -- PS3.3 C.12.1.1.2: none for ASCII, else Latin-1 if it has all characters, else UTF-8
    chosen as materialized (
        select
            case max(
                case
                    when octet_length(a.value) = length(a.value) then 0
                    when a.value ~ '^[\u0001-\u007f\u00a0-\u00ff]*$' then 1
                    else 2
                end)
                filter (where a.vr in ('LO', 'LT', 'PN', 'SH', 'ST', 'UC', 'UT'))
                when 1 then 'ISO_IR 100'
                when 2 then 'ISO_IR 192'
            end as term,
            (select dpp.query_tags(o.sop_class_uid) from dpp.objects as o where o.id = p_object_id)
                || array['00080005', '00080201'] as query_tags
        from given as a
    ),
    queried as materialized (
        select t.tag from chosen as c cross join unnest(c.query_tags) as t (tag)
    ),
    wanted as materialized (
        select g.kind, g.key, g.tag, coalesce(g.vr, '') as vr, g.value, g.value_count, g.fault, g.is_empty
        from given as g
        where not p_record_only or left(g.key, 8) in (select q.tag from queried as q)
        union all
        select 'element', '00080005', '00080005', 'CS', c.term, 1, null, null
        from chosen as c
        where c.term is not null
    ),
    -- What elements of one tag and VR have in common
    heads as materialized (
        select
            t.tag,
            t.vr,
            case
                when dpp.tag_fault(t.tag) is null
                then dpp.tag_octets(t.tag) || case when p_record_only and r.is_reread then x.octets else v.octets end
            end as octets,
            v.is_string,
            v.is_split,
            case when p_record_only and r.is_reread then x.has_long_length else v.has_long_length end as has_long_length,
            r.is_reread,
            v.is_text and c.term = 'ISO_IR 100' as is_latin,
            case when v.is_string and t.vr <> 'UI' then '\x20'::bytea else '\x00' end as padding,
            k.vr as known_vr,
            coalesce(k.vr, 'SQ') <> 'SQ' and t.tag <> 'FFFCFFFC' as has_plain_form,
            case when k.vr is not null then '\x65'::bytea || decode(t.tag, 'hex') || convert_to(k.vr, 'UTF8') end as canonical,
            x.is_string as known_is_string,
            x.trims_front as known_trims_front,
            case when x.is_string and x.vr <> 'UI' then '\x20'::bytea else '\x00' end as known_padding
        from (
            select distinct w.tag, w.vr from wanted as w where w.kind = 'element'
        ) as t
        cross join chosen as c
        left join dpp.attributes as d on d.tag = t.tag
        cross join lateral (select coalesce(d.vr, dpp.vr_of_tag(t.tag)) as vr) as k
        left join dpp.encoded_vrs() as v on v.vr = t.vr
        left join dpp.encoded_vrs() as x on x.vr = k.vr
        -- UN of a known attribute is read as the VR that is known (PS3.5 6.2.2 note 2)
        cross join lateral (select t.vr = 'UN' and x.vr is not null as is_reread) as r
    ),
    -- Step by step, from the inside out: octets of the value, padding, and the forms they are in. "offset 0" keeps
    -- PostgreSQL from evaluating a step as often as the next one mentions it.
    elements as materialized (
        select
            p.key,
            case
                when p.has_long_length then p.head || '\x0000' || decode(dpp.le_hex(length(p.octets), 4), 'hex')
                when length(p.octets) <= 65534 then p.head || decode(dpp.le_hex(length(p.octets), 2), 'hex')
                -- PS3.5 6.2.2 note 6: UN, as it is too long for its VR
                else substr(p.head, 1, 4) || '\x554e0000' || decode(dpp.le_hex(length(p.octets), 4), 'hex')
            end
            || p.octets as octets,
            case
                when p.has_plain_form
                then p.canonical || decode(dpp.le_hex(length(p.bare), 4), 'hex') || p.bare
                when p.head is not null
                then dpp.canonical_element(p.tag, p.known_vr, p.octets)
            end as canonical,
            p.is_good and p.octets is not null and p.head is not null
                and not (p.is_reread and dpp.is_unknown_text(p.known_vr, p.octets)) as is_good
        from (
            select
                e.key,
                e.tag,
                e.head,
                e.has_long_length,
                e.has_plain_form,
                e.canonical,
                e.known_vr,
                e.is_reread,
                e.is_good,
                case
                    when length(e.octets) % 2 = 0 then e.octets
                    else e.octets || case when p_record_only and e.is_reread then e.known_padding else e.padding end
                end as octets,
                case
                    when length(e.bare) % 2 = 0 then e.bare
                    else e.bare || e.known_padding
                end as bare
            from (
                select
                    r.*,
                    case
                        when r.known_trims_front then ltrim(rtrim(r.octets, '\x2000'), '\x20')
                        when r.known_is_string then rtrim(r.octets, '\x2000')
                        when length(r.octets) % 2 = 0 then r.octets
                        else r.octets || r.padding
                    end as bare
                from (
                    select
                        a.key,
                        a.tag,
                        h.octets as head,
                        h.padding,
                        h.has_long_length,
                        h.has_plain_form,
                        h.canonical,
                        h.known_vr,
                        h.is_reread,
                        h.known_is_string,
                        h.known_trims_front,
                        h.known_padding,
                        case
                            when h.is_latin and not p_record_only then convert_to(a.value, 'LATIN1')
                            -- In the record its padding in Latin-1 is a part of it, as the server reads it
                            when h.is_latin then convert_to(a.value || repeat(' ', length(a.value) % 2), 'UTF8')
                            when a.vr = 'UI' and h.known_vr = 'UI' then convert_to(rtrim(a.value, ' '), 'UTF8')
                            when h.is_string then convert_to(a.value, 'UTF8')
                            -- As the server reads it: without the NULs that fill up UN (and no UID ends in a space)
                            when p_record_only and h.is_reread and h.known_is_string
                            then rtrim(dpp.binary_octets(a.vr, a.value), case h.known_vr when 'UI' then '\x2000' else '\x00' end::bytea)
                            else dpp.binary_octets(a.vr, a.value)
                        end as octets,
                        a.fault is null
                            and (
                                not h.is_split
                                or a.value_count = 1 and strpos(a.value, '\') = 0
                                or a.value_count = 1 + length(a.value) - length(replace(a.value, '\', ''))
                            ) as is_good
                    from wanted as a
                    join heads as h on h.tag = a.tag and h.vr = a.vr
                    where a.kind = 'element'
                    offset 0
                ) as r
                offset 0
            ) as e
            offset 0
        ) as p
    ),
    nodes as materialized (
        select e.key, 'element' as kind, length(e.octets) as own, e.octets, e.canonical
        from elements as e
        union all
        select
            w.key,
            'sequence',
            12,
            dpp.tag_octets(w.tag) || '\x53510000',
            case
                when not w.is_empty or dpp.vr_of_tag(w.tag) is not null then '\x73' || decode(w.tag, 'hex') || '\x5b'
                -- An empty sequence that the dictionary does not know is an empty value
                else dpp.canonical_element(w.tag, null, '')
            end
        from wanted as w
        where w.kind = 'sequence'
        union all
        select w.key, 'item', 8, '\xfeff00e0', '\x7b'
        from wanted as w
        where w.kind = 'item'
        union all
        select
            w.key || '~',
            'end',
            0,
            '',
            case
                when w.kind = 'item' then '\x7d'::bytea
                when not w.is_empty or dpp.vr_of_tag(w.tag) is not null then '\x5d'
                else ''
            end
        from wanted as w
        where w.kind in ('sequence', 'item')
    ),
    measured as materialized (
        select n.key, n.kind, n.octets, n.canonical, row_number() over w as place, sum(n.own) over w as total
        from nodes as n
        window w as (order by n.key)
    ),
    whole as (
        select
            case
                when e.total is null then m.octets
                else m.octets || decode(dpp.le_hex((e.total - m.total)::bigint, 4), 'hex')
            end as octets,
            m.canonical,
            q.tag is not null as is_queried
        from measured as m
        left join queried as q on q.tag = left(m.key, 8)
        left join measured as e on e.key = m.key || '~'
        order by m.place
    )
    select
        string_agg(w.octets, ''),
        sha256('\x7b'::bytea || string_agg(w.canonical, '') || '\x7d'),
        string_agg(w.octets, '') filter (where w.is_queried),
        (select c.term from chosen as c),
        least(
            (select min(e.key) from elements as e where e.is_good is not true),
            (select min(w.key) from wanted as w where w.kind = 'sequence' and w.fault is not null)),
        exists (select from heads as h where h.is_latin or h.is_reread)
    into dataset, digest, query_record, character_set, fault_key, differs
    from whole as w;
    if differs and not p_record_only then
        query_record := (dpp.encode(p_object_id, true)).query_record;
    end if;
end
$$;
comment on function dpp.encode(bigint, boolean) is
    'An object''s rows as data set (Explicit VR Little Endian), its digest, query record and Specific Character Set; and the key of an attribute that cannot be encoded. With p_record_only only the query record counts';
