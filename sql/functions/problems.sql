-- Everything that keeps a draft from being published, at once.
--
-- Every row of the draft is looked at as jsonb, so that the rules of a column (dpp.publication_rules, dpp.value_representations)
-- are rows of tables; rules about several columns or rows are in problems_protocol.sql, problems_constraint.sql and
-- problems_approval.sql, one select each with its clause. What received objects have is never judged: drafts only.
--
-- Where the types of a module could not be verified, the rule is the lenient one.

-- In SQL, so that it becomes a part of the query that asks: tables and columns that are not asked for are not read.
create or replace function dpp.rows_of_draft(p_object_id bigint)
returns table (relation text, item text, content jsonb, others jsonb)
language sql stable as $$
    select 'objects', null::text, to_jsonb(t) - array['query_record'], null::jsonb
    from dpp.objects as t
    where t.id = p_object_id
    union all
    select 'protocols', null, to_jsonb(t), t.other_attributes
    from dpp.protocols as t
    where t.object_id = p_object_id
    union all
    select 'protocol_custodians', t.ordinal::text, to_jsonb(t), t.other_attributes
    from dpp.protocol_custodians as t
    where t.object_id = p_object_id
    union all
    select 'protocol_codes', concat_ws(' ', t.role, nullif(t.parent_ordinal, 0), t.ordinal, nullif(t.equivalent, 0)),
        to_jsonb(t), t.other_attributes
    from dpp.protocol_codes as t
    where t.object_id = p_object_id
    union all
    select 'protocol_models', t.ordinal::text, to_jsonb(t), t.other_attributes
    from dpp.protocol_models as t
    where t.object_id = p_object_id
    union all
    select 'protocol_predecessors', t.ordinal::text, to_jsonb(t), t.other_attributes
    from dpp.protocol_predecessors as t
    where t.object_id = p_object_id
    union all
    select 'instructions', concat_ws(' ', t.kind, t.ordinal), to_jsonb(t), t.other_attributes
    from dpp.instructions as t
    where t.object_id = p_object_id
    union all
    select 'protocol_elements', concat_ws(' ', t.kind, t.ordinal), to_jsonb(t), t.other_attributes
    from dpp.protocol_elements as t
    where t.object_id = p_object_id
    union all
    select 'parameter_constraints',
        concat_ws(' ', t.kind, nullif(t.element_ordinal, 0), t.ordinal, t.selector_keyword), to_jsonb(t), t.other_attributes
    from dpp.parameter_constraints as t
    where t.object_id = p_object_id
    union all
    select 'approvals', null, to_jsonb(t), t.other_attributes
    from dpp.approvals as t
    where t.object_id = p_object_id
    union all
    select 'approval_subjects', t.ordinal::text, to_jsonb(t), t.other_attributes
    from dpp.approval_subjects as t
    where t.object_id = p_object_id
    union all
    select 'approval_assertions', t.ordinal::text, to_jsonb(t), t.other_attributes
    from dpp.approval_assertions as t
    where t.object_id = p_object_id
    union all
    select 'approval_asserters', concat_ws(' ', t.assertion_ordinal, t.ordinal), to_jsonb(t), t.other_attributes
    from dpp.approval_asserters as t
    where t.object_id = p_object_id
    union all
    select 'approval_codes',
        concat_ws(' ', t.role, t.assertion_ordinal, nullif(t.asserter_ordinal, 0), t.ordinal, nullif(t.equivalent, 0)),
        to_jsonb(t), t.other_attributes
    from dpp.approval_codes as t
    where t.object_id = p_object_id
    union all
    select 'approval_related_assertions', concat_ws(' ', t.assertion_ordinal, t.ordinal), to_jsonb(t), t.other_attributes
    from dpp.approval_related_assertions as t
    where t.object_id = p_object_id
$$;
comment on function dpp.rows_of_draft(bigint) is
    'All rows of a draft: table, key of the row among those of the draft (null for a header), the row, and its other_attributes';

-- Rules of single columns.
create or replace function dpp.problems_of_columns(p_object_id bigint)
returns table (relation text, item text, column_name text, rule text)
language plpgsql stable as $$
begin
    return query
        with columns as (
            select t.relation, t.item, r.column_name, r.vr, r.is_required and not r.is_completed as is_due, r.allowed, r.clause,
                case jsonb_typeof(t.content -> r.column_name)
                    when 'array' then array(select jsonb_array_elements_text(t.content -> r.column_name))
                    when 'null' then '{}'
                    else array[t.content ->> r.column_name]
                end as texts
            from dpp.rows_of_draft(p_object_id) as t
            join dpp.publication_rules as r on r.relation = t.relation
            where (r.is_required and not r.is_completed) or coalesce(t.content ->> r.column_name, '') not in ('', '[]')
        ),
        -- Rows say the same again and again, and to look at a text takes longer than to sort it out.
        texts as materialized (
            select distinct c.vr, v.text
            from columns as c
            cross join unnest(c.texts) as v (text)
            where v.text <> '' and c.allowed is null
        ),
        faults as materialized (
            select t.vr, t.text, dpp.value_fault(t.vr, t.text) as fault
            from texts as t
            left join dpp.value_representations as r on r.vr = t.vr
            where dpp.is_plainly_good(t.vr, t.text, r.pattern, r.max_length, r.low, r.high) is not true
        )
        select c.relation, c.item, c.column_name, format('is missing (%s, Type 1)', c.clause)
        from columns as c
        -- Spaces are padding in all of these VRs (PS3.5 6.2).
        where c.is_due and array_to_string(c.texts, '') ~ '^ *$'
        union all
        select c.relation, c.item, c.column_name, f.fault
        from columns as c
        cross join unnest(c.texts) as v (text)
        cross join lateral (
            select f.fault from faults as f where f.vr = c.vr and f.text = v.text and f.fault is not null offset 0
        ) as f
        where c.allowed is null
        union all
        select c.relation, c.item, c.column_name,
            format('%L is not one of %s (%s)', v.text, array_to_string(c.allowed, ', '), c.clause)
        from columns as c
        cross join unnest(c.texts) as v (text)
        where v.text <> '' and v.text <> all (c.allowed);
end
$$;
comment on function dpp.problems_of_columns(bigint) is 'What is wrong with single columns of a draft: dpp.publication_rules';

-- Items are numbered from 1 without gaps, in every table and below every row that has items.
create or replace function dpp.problems_of_ordinals(p_object_id bigint)
returns table (relation text, item text, column_name text, rule text)
language plpgsql stable as $$
begin
    return query
        with rows as materialized (
            select t.relation, t.item, t.content from dpp.rows_of_draft(p_object_id) as t
        )
        select g.relation, g.item, 'ordinal',
            format('%s is after %s: items are numbered from 1 without gaps', g.ordinal, coalesce(g.before, 0))
        from (
            select t.relation, t.item, (t.content ->> 'ordinal')::int as ordinal,
                lag((t.content ->> 'ordinal')::int) over (
                    partition by t.relation, t.content ->> 'kind', t.content ->> 'role', t.content ->> 'element_ordinal',
                        t.content ->> 'parent_ordinal', t.content ->> 'assertion_ordinal', t.content ->> 'asserter_ordinal'
                    order by (t.content ->> 'ordinal')::int
                ) as before
            from rows as t
            where t.content ? 'ordinal' and coalesce(t.content ->> 'equivalent', '0') = '0'
        ) as g
        where g.ordinal <> coalesce(g.before, 0) + 1
        union all
        select c.relation, c.item, 'equivalent',
            format('%s is after %s: equivalents are numbered from 1 without gaps, beside the code itself with 0', c.equivalent,
                coalesce(c.before::text, 'nothing'))
        from (
            select t.relation, t.item, (t.content ->> 'equivalent')::int as equivalent,
                lag((t.content ->> 'equivalent')::int) over (
                    partition by t.relation, t.content ->> 'role', t.content ->> 'parent_ordinal',
                        t.content ->> 'assertion_ordinal', t.content ->> 'asserter_ordinal', t.content ->> 'ordinal'
                    order by (t.content ->> 'equivalent')::int
                ) as before
            from rows as t
            where t.content ? 'equivalent'
        ) as c
        where c.equivalent <> coalesce(c.before, -1) + 1;
end
$$;
comment on function dpp.problems_of_ordinals(bigint) is 'Items of a draft that are not numbered from 1 without gaps';

-- PS3.3 8.8, table 8.8-1: the macro of codes, in every table that has them.
create or replace function dpp.problems_of_codes(p_object_id bigint)
returns table (relation text, item text, column_name text, rule text)
language plpgsql stable as $$
begin
    return query
        with codes as (
            select t.relation, t.item,
                nullif(t.content ->> 'code_value', '') as code_value,
                nullif(t.content ->> 'long_code_value', '') as long_code_value,
                nullif(t.content ->> 'urn_code_value', '') as urn_code_value,
                nullif(t.content ->> 'coding_scheme_designator', '') as coding_scheme_designator,
                nullif(t.content ->> 'coding_scheme_version', '') as coding_scheme_version
            from dpp.rows_of_draft(p_object_id) as t
            where t.relation in ('protocol_codes', 'approval_codes')
        )
        select c.relation, c.item, 'code_value',
            case num_nonnulls(c.code_value, c.long_code_value, c.urn_code_value)
                when 0 then 'is missing: a code has code_value, long_code_value or urn_code_value (PS3.3 8.8, Type 1C)'
                else 'is not the only value: a code has one of code_value, long_code_value and urn_code_value (PS3.3 8.8)'
            end
        from codes as c
        where num_nonnulls(c.code_value, c.long_code_value, c.urn_code_value) <> 1
        union all
        select c.relation, c.item, 'coding_scheme_designator', 'is missing: a code value needs its scheme (PS3.3 8.8, Type 1C)'
        from codes as c
        where coalesce(c.code_value, c.long_code_value) is not null and c.coding_scheme_designator is null
        union all
        select c.relation, c.item, 'coding_scheme_version', 'is the version of a scheme that is not named (PS3.3 8.8)'
        from codes as c
        where c.coding_scheme_version is not null and c.coding_scheme_designator is null
        union all
        select c.relation, c.item, 'long_code_value', 'has up to 16 characters: it belongs into code_value (PS3.3 8.8)'
        from codes as c
        where length(c.long_code_value) <= 16;
end
$$;
comment on function dpp.problems_of_codes(bigint) is 'Codes of a draft that are not complete (PS3.3 8.8)';

-- Octets have no texts to be judged: whether they can be encoded is the renderer's to say. Columns have none, and to ask it takes
-- as long as all else here.
create or replace function dpp.problems_of_octets(p_object_id bigint)
returns table (relation text, item text, column_name text, rule text)
language plpgsql stable as $$
begin
    if not exists (
        select
        from dpp.rows_of_draft(p_object_id) as t
        where t.others <> '{}' and t.others::text ~ '"(InlineBinary|UN|OB|OD|OF|OL|OV|OW)"')
    then
        return;
    end if;
    return query
        select p.relation, p.item, p.column_name, p.rule
        from dpp.encoding_problems(p_object_id) as p
        where p.column_name = 'other_attributes'
            and not exists (
                select
                from dpp.problems_of_others(p_object_id) as o
                where o.relation = p.relation and coalesce(o.item || ' ', '') like coalesce(p.item || ' %', ''));
end
$$;
comment on function dpp.problems_of_octets(bigint) is
    'Octets in other_attributes of a draft that cannot be encoded, of rows that dpp.problems_of_others has nothing against';

-- What no server reads, unless it is told to (max-depth, max-elements and max-dataset of dppr serve): it could be sent, but not
-- in another transfer syntax, and not be imported elsewhere. How many octets it has is known when it is rendered, and
-- dpp.render asks then; here is asked what can be told in no time, before all else, which would take long.
create or replace function dpp.problems_of_size(p_object_id bigint)
returns table (relation text, item text, column_name text, rule text)
language plpgsql stable as $$
begin
    return query
        with items as materialized (
            select i.relation, i.item, i.place, i.other_attributes
            from dpp.items_of_protocol(p_object_id) as i
            union all
            select i.relation, i.item, i.place, i.other_attributes
            from dpp.items_of_approval(p_object_id) as i
        )
        select i.relation, i.item, 'other_attributes', 'has sequences nested deeper than 32'
        from items as i
        -- In DICOM JSON a sequence is in the attributes of an item of the Value of another: three steps
        cross join lateral (select 3 * (32 - length(i.place) / 18) + 1) as d (depth)
        where i.other_attributes <> '{}'
            and (
                jsonb_path_exists(i.other_attributes, format('$.**{%s}.vr ? (@ == "SQ")', d.depth)::jsonpath)
                or jsonb_path_exists(i.other_attributes, format('$.**{%s to last}', d.depth + 4)::jsonpath))
        union all
        select 'objects', null, null, format('has %s items and attributes or more, where 1000000 are read', c.count)
        from (
            select sum(
                1 + case
                    when i.other_attributes = '{}' then 0
                    else jsonb_array_length(jsonb_path_query_array(i.other_attributes, '$.**.vr'))
                end)
            from items as i
        ) as c (count)
        where c.count > 1000000
        union all
        select 'objects', null, null, format('has %s as JSON, where data sets of 64 MiB are read', pg_size_pretty(c.octets))
        from (
            select sum(octet_length(t.content::text)) from dpp.rows_of_draft(p_object_id) as t
        ) as c (octets)
        where c.octets > 2 * 67108864;
end
$$;
comment on function dpp.problems_of_size(bigint) is 'Whether a draft is too large, or nested too deep, to be read again';

create or replace function dpp.problems(p_uid text)
returns table (relation text, item text, column_name text, rule text)
language plpgsql stable
set jit = off
-- To plan for each draft takes longer than to look at it.
set plan_cache_mode = force_generic_plan
as $$
declare
    draft dpp.objects;
    has_protocol boolean;
    has_approval boolean;
begin
    select o.* into draft from dpp.objects as o where o.sop_instance_uid = p_uid;
    if not found then
        raise exception 'no object of SOP Instance UID % is here', coalesce(p_uid, '(null)')
            using errcode = 'no_data_found';
    end if;
    has_protocol := exists (select from dpp.protocols as p where p.object_id = draft.id);
    has_approval := exists (select from dpp.approvals as a where a.object_id = draft.id);

    return query
        select 'objects', null::text, 'sop_class_uid', r.rule
        from (
            values
                (draft.sop_class_uid not in (
                    '1.2.840.10008.5.1.4.1.1.200.1', '1.2.840.10008.5.1.4.1.1.200.7', '1.2.840.10008.5.1.4.1.1.200.3'),
                    format('%L is none of CT Defined Procedure Protocol (1.2.840.10008.5.1.4.1.1.200.1), XA Defined Procedure Protocol (1.2.840.10008.5.1.4.1.1.200.7) and Protocol Approval (1.2.840.10008.5.1.4.1.1.200.3)', draft.sop_class_uid)),
                (draft.sop_class_uid = '1.2.840.10008.5.1.4.1.1.200.3' and has_protocol,
                    'is that of an approval, but the object has a row in dpp.protocols'),
                (draft.sop_class_uid <> '1.2.840.10008.5.1.4.1.1.200.3' and has_approval,
                    'is that of no approval, but the object has a row in dpp.approvals')
        ) as r (is_broken, rule)
        where r.is_broken
        union all
        select 'objects', null, 'timezone_offset',
            format('%L is no offset from UTC from -1200 to +1400, such as +0100 (PS3.3 C.12.1)', draft.timezone_offset)
        where draft.timezone_offset is not null and dpp.parse_offset(draft.timezone_offset) is null
        union all
        select h.relation, null, null, 'has no row for the object: the header is missing'
        from (
            values
                ('protocols', has_protocol or has_approval or draft.sop_class_uid = '1.2.840.10008.5.1.4.1.1.200.3'),
                ('approvals', has_approval or has_protocol or draft.sop_class_uid <> '1.2.840.10008.5.1.4.1.1.200.3')
        ) as h (relation, is_there)
        where not h.is_there;
    if not has_protocol and not has_approval then
        return;
    end if;
    return query select * from dpp.problems_of_size(draft.id);
    if found then
        return;
    end if;
    return query
        select * from dpp.problems_of_columns(draft.id)
        union all
        select * from dpp.problems_of_ordinals(draft.id)
        union all
        select * from dpp.problems_of_codes(draft.id)
        union all
        select * from dpp.problems_of_others(draft.id)
        union all
        select * from dpp.problems_of_octets(draft.id);
    if has_protocol then
        return query
            select * from dpp.problems_of_protocol(draft.id)
            union all
            select * from dpp.problems_of_constraints(draft.id);
    else
        return query select * from dpp.problems_of_approval(draft.id);
    end if;
end
$$;
comment on function dpp.problems(text) is
    'Everything that keeps a draft, a protocol or an approval, from being published: table, key of the row among those of the draft (null: its header), column and rule. What dpp.publish fills in by itself (dpp.complete) is no problem when it is missing';
