-- What is wrong with other_attributes of a draft: it has to be DICOM JSON (PS3.18 F.2) of attributes that may be in a
-- data set, and must not say something else than the columns and tables do.

create or replace function dpp.json_texts(attribute jsonb)
returns text[] language sql immutable parallel safe as $$
    select coalesce(
        array_agg(
            case jsonb_typeof(v.value)
                when 'object' then rtrim(
                    concat_ws(
                        '=', coalesce(v.value ->> 'Alphabetic', ''), coalesce(v.value ->> 'Ideographic', ''),
                        coalesce(v.value ->> 'Phonetic', '')),
                    '=')
                else v.value #>> '{}'
            end
            order by v.n),
        '{}')
    from jsonb_array_elements(
        case jsonb_typeof(attribute -> 'Value') when 'array' then attribute -> 'Value' else '[]' end
    ) with ordinality as v (value, n)
$$;
comment on function dpp.json_texts(jsonb) is
    'The values of a DICOM JSON attribute, as texts; person names as groups divided by =';

create or replace function dpp.problems_of_others(p_object_id bigint)
returns table (relation text, item text, column_name text, rule text)
language plpgsql stable as $$
begin
    return query
        with recursive rows as materialized (
            select t.relation, t.item, t.content, t.others
            from dpp.rows_of_draft(p_object_id) as t
            where t.others <> '{}'
        ),
        -- All attributes at all depths, each with the place of the item that it is in
        attributes as (
            select r.relation, r.item, 1 as depth, '' as around, a.key as place, a.key as tag, a.value as attribute
            from rows as r
            cross join lateral jsonb_each(r.others) as a
            union all
            select p.relation, p.item, p.depth + 1, p.place || '[' || i.n || '].', p.place || '[' || i.n || '].' || a.key, a.key,
                a.value
            from attributes as p
            cross join lateral jsonb_array_elements(
                case when p.attribute ->> 'vr' = 'SQ' and jsonb_typeof(p.attribute -> 'Value') = 'array' then p.attribute -> 'Value' else '[]' end
            ) with ordinality as i (value, n)
            cross join lateral jsonb_each(case jsonb_typeof(i.value) when 'object' then i.value else '{}' end) as a
        ),
        judged as (
            select a.*,
                a.attribute ->> 'vr' as vr,
                jsonb_typeof(a.attribute) = 'object' and dpp.value_tag(a.attribute ->> 'vr') is not null as has_vr,
                a.tag ~ '^[0-9A-F]{8}$' as is_tag,
                a.tag ~ '^[0-9A-F]{3}[13579BDF][0-9A-F]{4}$' as is_private,
                k.keyword, k.vr as known_vr
            from attributes as a
            left join dpp.attributes as k on k.tag = a.tag
        ),
        creators as materialized (
            select j.relation, j.item, j.around, j.tag
            from judged as j
            where j.is_private and j.tag ~ '00..$' and dpp.json_texts(j.attribute) not in ('{}', '{NULL}')
        ),
        problems as (
            select j.relation, j.item, j.place, 'is no tag of eight hexadecimal digits in capitals' as rule
            from judged as j
            where not j.is_tag
            union all
            select j.relation, j.item, j.place, 'has no VR: an attribute is {"vr": ..., "Value": [...]} (PS3.18 F.2)'
            from judged as j
            where not j.has_vr
            union all
            select j.relation, j.item, j.place, format('has %s: an attribute has vr and Value, or vr and InlineBinary', quote_literal(k.key))
            from judged as j
            cross join lateral jsonb_object_keys(j.attribute) as k (key)
            where j.has_vr and k.key not in ('vr', 'Value', 'InlineBinary')
            union all
            -- PS3.5 6.2.2: in Implicit VR it has no VR, and is read as what the dictionary knows.
            select j.relation, j.item, j.place, 'has VR UN and octets that are no sequence, as which it is read in Implicit VR'
            from judged as j
            cross join lateral (select dpp.binary_octets('UN', j.attribute ->> 'InlineBinary')) as b (octets)
            where j.has_vr and j.vr = 'UN' and j.known_vr = 'SQ' and b.octets <> '' and dpp.canonical_sequence(b.octets) is null
                and dpp.sequence_fault(b.octets, j.depth + 4) is null
            union all
            -- PS3.5 A.6: pixels are elsewhere. In no other transfer syntax it can be sent.
            select j.relation, j.item, j.place, 'belongs to the JPIP transfer syntaxes, in which no protocol is'
            from judged as j
            where j.tag = '00287FE0'
            union all
            -- Rows of a table are in four sequences at most.
            select j.relation, j.item, j.place, s.fault
            from judged as j
            cross join lateral dpp.sequence_fault(dpp.binary_octets('UN', j.attribute ->> 'InlineBinary'), j.depth + 4) as s (fault)
            where j.has_vr and j.vr = 'UN' and coalesce(j.known_vr, 'SQ') = 'SQ' and s.fault is not null
            union all
            -- What the rendering cannot read
            select j.relation, j.item, j.place, v.fault
            from judged as j
            cross join lateral dpp.json_values(j.vr, j.attribute) as v
            where j.has_vr and v.fault is not null and (j.vr <> 'SQ' or jsonb_typeof(j.attribute -> 'Value') <> 'array')
                and not j.attribute ? 'BulkDataURI'
            union all
            select j.relation, j.item, j.place, 'has an item that is no object'
            from judged as j
            cross join unnest(array(select v.value from jsonb_array_elements(
                case when j.vr = 'SQ' and jsonb_typeof(j.attribute -> 'Value') = 'array' then j.attribute -> 'Value' else '[]' end) as v (value))) as v (value)
            where jsonb_typeof(v.value) <> 'object'
            union all
            -- PS3.5 7.1, PS3.10 7.1
            select j.relation, j.item, j.place, format('is of group %s, which is in no data set', left(j.tag, 4))
            from judged as j
            where j.is_tag and left(j.tag, 4) in ('0000', '0002', '0004', '0006', 'FFFE')
            union all
            -- What the rendering decides, and what has its place in dpp.objects
            select j.relation, j.item, j.place, d.rule
            from judged as j
            join (
                values
                    ('00080005', 'is made when the protocol is published'),
                    ('00080016', 'is dpp.objects.sop_class_uid'),
                    ('00080018', 'is dpp.objects.sop_instance_uid'),
                    ('00080201', 'is dpp.objects.timezone_offset')
            ) as d (tag, rule) on d.tag = j.tag
            where j.depth = 1 and j.relation in ('protocols', 'approvals')
            union all
            -- A VR of several, such as US or SS, and unknown ones may be written
            select j.relation, j.item, j.place, format('has VR %s, but %s has %s', j.vr, j.keyword, j.known_vr)
            from judged as j
            where j.has_vr and j.vr <> j.known_vr and j.vr <> 'UN'
                and not (j.known_vr in ('US', 'OW') and j.vr in ('US', 'SS', 'OW', 'OB'))
            union all
            -- PS3.5 7.8.1: (gggg,xxee) is reserved by the creator in (gggg,00xx)
            select j.relation, j.item, j.place, format('is private, and its creator %s00%s is missing', left(j.tag, 4), substr(j.tag, 5, 2))
            from judged as j
            where j.is_private and substr(j.tag, 5, 2) >= '10'
                and (j.relation, coalesce(j.item, ''), j.around, left(j.tag, 4) || '00' || substr(j.tag, 5, 2)) not in (
                    select c.relation, coalesce(c.item, ''), c.around, c.tag from creators as c)
            union all
            select j.relation, j.item, j.place, f.fault
            from judged as j
            cross join unnest(dpp.json_texts(j.attribute)) as v (value)
            cross join lateral (select dpp.value_fault(j.vr, v.value) offset 0) as f (fault)
            where j.has_vr and j.vr not in ('SQ', 'UN', 'OB', 'OD', 'OF', 'OL', 'OV', 'OW') and v.value <> '' and f.fault is not null
            union all
            -- Columns say it, and otherwise
            select r.relation, r.item, a.tag, format('says %s, but the column %s says %s',
                array_to_string(dpp.json_texts(r.others -> a.tag), '\'), a.column_name, r.content ->> a.column_name)
            from rows as r
            join dpp.protocol_attributes as a on a.relation = r.relation and r.others ? a.tag
            where r.others -> a.tag ->> 'vr' <> 'SQ'
                and r.content ->> a.column_name not in ('', '{}', '[]')
                and dpp.json_texts(r.others -> a.tag) <> case jsonb_typeof(r.content -> a.column_name)
                    when 'array' then array(select jsonb_array_elements_text(r.content -> a.column_name))
                    else array[r.content ->> a.column_name]
                end
            union all
            -- Rows of a table say it
            select r.relation, r.item, s.tag, format('is what the rows of dpp.%s are', s.item_table)
            from rows as r
            join (
                values
                    ('protocols', '0040A07C', 'protocol_custodians', null, null),
                    ('protocols', '00080220', 'protocol_codes', 'role', 'responsible_group'),
                    ('protocols', '00189906', 'protocol_codes', 'role', 'scheduled_protocol'),
                    ('protocols', '00189907', 'protocol_codes', 'role', 'requested_procedure'),
                    ('protocols', '00189909', 'protocol_codes', 'role', 'reason'),
                    ('protocols', '0018990B', 'protocol_codes', 'role', 'contraindication'),
                    ('protocols', '00082218', 'protocol_codes', 'role', 'anatomic_region'),
                    ('protocols', '00082228', 'protocol_codes', 'role', 'primary_structure'),
                    ('protocols', '0018991C', 'protocol_codes', 'role', 'positioning_method'),
                    ('protocols', '00189912', 'protocol_models', null, null),
                    ('protocols', '0018990E', 'protocol_predecessors', null, null),
                    ('protocols', '00189914', 'instructions', 'kind', 'instruction'),
                    ('protocols', '0018991B', 'instructions', 'kind', 'positioning'),
                    ('protocols', '0018991F', 'protocol_elements', 'kind', 'acquisition'),
                    ('protocols', '00189933', 'protocol_elements', 'kind', 'reconstruction'),
                    ('protocols', '00189935', 'protocol_elements', 'kind', 'storage'),
                    ('protocols', '00189911', 'parameter_constraints', 'kind', 'patient'),
                    ('approvals', '00440109', 'approval_subjects', null, null),
                    ('approvals', '00440100', 'approval_assertions', null, null)
            ) as s (relation, tag, item_table, key_column, key) on s.relation = r.relation and r.others ? s.tag
            where exists (
                select
                from dpp.rows_of_draft(p_object_id) as t
                where t.relation = s.item_table and (s.key_column is null or t.content ->> s.key_column = s.key))
        )
        select p.relation, p.item, 'other_attributes', p.place || ' ' || p.rule
        from problems as p;
end
$$;
comment on function dpp.problems_of_others(bigint) is
    'What is wrong with other_attributes of a draft: not DICOM JSON (PS3.18 F.2), not of a data set, or against the columns';
