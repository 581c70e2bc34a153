-- A repository as the version before migration 0011 left it (schema version 10), with five samples and a peer: pg_dump
-- --no-owner --no-privileges of a database made by the program of then, without its comments. test_upgrade.py restores it.
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA dpp;
COMMENT ON SCHEMA dpp IS 'Defined Procedure Protocols: what the DICOM services store and query, and the supported interface for SQL users';
CREATE EXTENSION IF NOT EXISTS fuzzystrmatch WITH SCHEMA public;
COMMENT ON EXTENSION fuzzystrmatch IS 'determine similarities and distance between strings';
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
COMMENT ON EXTENSION pg_trgm IS 'text similarity measurement and index searching based on trigrams';
CREATE FUNCTION dpp.align(a_keys jsonb, b_keys jsonb) RETURNS TABLE(a_n integer, b_n integer)
    LANGUAGE plpgsql IMMUTABLE
    AS $$
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
COMMENT ON FUNCTION dpp.align(a_keys jsonb, b_keys jsonb) IS 'Pairs two lists of items, given as arrays of a scope and keys: each with the one of the same scope whose first key is the same, what is left by the second key, and so on. Numbers count from 1; what has no partner comes with null';
CREATE FUNCTION dpp.attribute_text(value jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select case jsonb_typeof(value)
        when 'array' then (
            select string_agg(coalesce(e.value, ''), '\' order by e.n)
            from jsonb_array_elements_text(value) with ordinality as e (value, n))
        when 'boolean' then case value when 'true' then 'YES' else 'NO' end
        when 'null' then null
        else value #>> '{}'
    end
$$;
COMMENT ON FUNCTION dpp.attribute_text(value jsonb) IS 'A column of a protocol''s tables as one text: entries of an array joined by a backslash, YES or NO for a boolean; null for null and for an array without entries';
CREATE FUNCTION dpp.column_text(content jsonb, column_name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select case column_name
        when 'constraint_values' then dpp.constraint_text(content)
        when 'default_values' then dpp.default_text(content)
        when 'unit_code' then dpp.unit_text(content)
        else dpp.attribute_text(content -> column_name)
    end
$$;
COMMENT ON FUNCTION dpp.column_text(content jsonb, column_name text) IS 'What dpp.diff tells of a column of an item''s row (as jsonb); of a constraint''s values also type and unit, of a unit scheme and meaning';
CREATE FUNCTION dpp.constraint_text(content jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select case
        when content is not null then concat_ws(
            ' ', content ->> 'constraint_type', nullif(dpp.attribute_text(content -> 'constraint_values'), ''),
            nullif(content ->> 'unit_code', '1'))
    end
$$;
COMMENT ON FUNCTION dpp.constraint_text(content jsonb) IS 'What a constraint (a row of dpp.parameter_constraints as jsonb) demands, such as RANGE_INCL 100\120 kV';
CREATE FUNCTION dpp.default_text(content jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select dpp.attribute_text(content -> 'default_values') || coalesce(' ' || nullif(content ->> 'unit_code', '1'), '')
$$;
COMMENT ON FUNCTION dpp.default_text(content jsonb) IS 'The default that a constraint recommends, such as 120 kV; null when it recommends none';
CREATE FUNCTION dpp.derive_approval() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    new.creation_date := dpp.parse_da(new.instance_creation_date);
    new.creation_time := dpp.parse_tm(new.instance_creation_time);
    new.creation_datetime := new.creation_date + new.creation_time;
    new.creation_instant := dpp.instant_of(new.creation_datetime, dpp.offset_of_object(new.object_id));
    return new;
end
$$;
COMMENT ON FUNCTION dpp.derive_approval() IS 'Trigger: fills the derived columns of dpp.approvals';
CREATE FUNCTION dpp.derive_approval_asserter() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare
    folded text := dpp.fold_name(new.person_name);
begin
    new.person_name_folded := dpp.folded_name_entries(folded);
    new.person_name_search := dpp.name_search(new.person_name_folded);
    new.person_name_sounds := dpp.folded_name_sounds(folded);
    return new;
end
$$;
COMMENT ON FUNCTION dpp.derive_approval_asserter() IS 'Trigger: fills the derived columns of dpp.approval_asserters';
CREATE FUNCTION dpp.derive_approval_assertion() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare
    object_offset interval := dpp.offset_of_object(new.object_id);
    own_offset interval := dpp.parse_dt_offset(new.assertion_datetime);
begin
    new.assertion_datetime_local := dpp.parse_dt(new.assertion_datetime);
    new.assertion_datetime_has_offset := own_offset is not null;
    new.assertion_datetime_instant := dpp.instant_of(
        new.assertion_datetime_local, coalesce(own_offset, object_offset));
    own_offset := dpp.parse_dt_offset(new.expiration_datetime);
    new.expiration_datetime_local := dpp.parse_dt(new.expiration_datetime);
    new.expiration_datetime_has_offset := own_offset is not null;
    new.expiration_datetime_instant := dpp.instant_of(
        new.expiration_datetime_local, coalesce(own_offset, object_offset));
    return new;
end
$$;
COMMENT ON FUNCTION dpp.derive_approval_assertion() IS 'Trigger: fills the derived columns of dpp.approval_assertions';
CREATE FUNCTION dpp.derive_from_object() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    update dpp.protocols set object_id = object_id where object_id = new.id;
    update dpp.approvals set object_id = object_id where object_id = new.id;
    update dpp.approval_assertions set object_id = object_id where object_id = new.id;
    return null;
end
$$;
COMMENT ON FUNCTION dpp.derive_from_object() IS 'Trigger: derives anew what depends on Timezone Offset From UTC of the object';
CREATE FUNCTION dpp.derive_protocol() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare
    folded text := dpp.fold_name(new.content_creator_name);
begin
    new.creation_date := dpp.parse_da(new.instance_creation_date);
    new.creation_time := dpp.parse_tm(new.instance_creation_time);
    new.creation_datetime := new.creation_date + new.creation_time;
    new.creation_instant := null;
    if new.creation_datetime is not null then
        new.creation_instant := dpp.instant_of(new.creation_datetime, dpp.offset_of_object(new.object_id));
    end if;
    new.content_creator_folded := dpp.folded_name_entries(folded);
    new.content_creator_search := dpp.name_search(new.content_creator_folded);
    new.content_creator_sounds := dpp.folded_name_sounds(folded);
    return new;
end
$$;
COMMENT ON FUNCTION dpp.derive_protocol() IS 'Trigger: fills the derived columns of dpp.protocols';
CREATE FUNCTION dpp.diff(a text, b text, relative_tolerance numeric DEFAULT 0.000000000001, absolute_tolerance numeric DEFAULT 0) RETURNS TABLE(part text, element text, attribute text, tag text, aspect text, left_value text, right_value text, difference text)
    LANGUAGE plpgsql STABLE
    SET jit TO 'off'
    AS $$
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
COMMENT ON FUNCTION dpp.diff(a text, b text, relative_tolerance numeric, absolute_tolerance numeric) IS 'How protocol b differs from protocol a (SOP Instance UIDs): one row per attribute or parameter, items aligned by what they are and not by their place. Numbers are compared in one unit (dpp.units) and within the tolerances';
CREATE FUNCTION dpp.fold_name(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $_$
    -- From the inside out: decompose, drop the combining marks (not those of kana, which make other letters), letters
    -- that have no decomposition, lower case (ASCII first, so that the "I" of a Turkish database does not differ),
    -- sigma at the end of a word as any other (ICU makes it of a capital, C.UTF-8 does not),
    -- spaces at the start of a component group, spaces and empty components at its end, empty groups at the end, compose.
    select normalize(
        rtrim(
            regexp_replace(
                replace(
                    lower(
                        lower(
                            translate(
                                replace(replace(replace(replace(replace(replace(
                                    regexp_replace(
                                        normalize(name, nfd),
                                        U&'[\0300-\036F\1AB0-\1AFF\1DC0-\1DFF\20D0-\20FF]', '', 'g'),
                                    U&'\00DF', 'ss'), U&'\1E9E', 'ss'),
                                    U&'\00E6', 'ae'), U&'\00C6', 'ae'),
                                    U&'\0153', 'oe'), U&'\0152', 'oe'),
                                U&'\00D8\00F8\0110\0111\00D0\00F0\0141\0142\0131\0126\0127\0166\0167',
                                U&'ooddddllihhtt'
                            ) collate "C"
                        ) collate "default"
                    ),
                    U&'\03C2', U&'\03C3'
                ),
                '(?<=^|=) +|[ ^]+(?==|$)', '', 'g'
            ),
            '= '
        ),
        nfc
    )
$_$;
COMMENT ON FUNCTION dpp.fold_name(name text) IS 'A person name, component group or wild card pattern for matching: without regard to case, accents, Unicode form and trailing ^ and =';
CREATE FUNCTION dpp.fold_name_entries(name text) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
begin
    return dpp.folded_name_entries(dpp.fold_name(name));
end
$$;
COMMENT ON FUNCTION dpp.fold_name_entries(name text) IS 'What a person name is matched by: dpp.fold_name of the whole and of each component group, without empty ones';
CREATE FUNCTION dpp.folded_name_entries(folded text) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
begin
    -- Most names have one group, and to start a query takes longer than all else here.
    if folded is null or folded = '' then
        return '{}';
    end if;
    if strpos(folded, '=') = 0 then
        return array[folded];
    end if;
    return array(
        select distinct g.part collate "C"
        from unnest(array[folded] || string_to_array(folded, '=')) as g (part)
        where g.part <> ''
        order by 1);
end
$$;
COMMENT ON FUNCTION dpp.folded_name_entries(folded text) IS 'dpp.fold_name_entries of a name that is folded already';
CREATE FUNCTION dpp.folded_name_sounds(folded text) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
declare
    -- Far longer than names are: the time for more grows with the square. A word that is cut to this is too long.
    groups text[] := string_to_array(left(folded, 2001), '=');
    word text;
    sounds text[] collate "C" := '{}';
begin
    for n in 1..least(coalesce(cardinality(groups), 0), 3) loop
        continue when groups[n] = '';
        foreach word in array regexp_split_to_array(groups[n], U&'[ ,.\005E\3000-]+') loop
            -- An index entry has 2700 octets at most.
            if word <> '' and octet_length(word) <= 2000 then
                sounds := sounds || (n || '=' || word)
                    || array_remove(dpp.folded_word_sounds(word, n), n || '=' || word);
            end if;
        end loop;
    end loop;
    return sounds;
end
$$;
COMMENT ON FUNCTION dpp.folded_name_sounds(folded text) IS 'dpp.name_sounds of a name that is folded already';
CREATE FUNCTION dpp.folded_word_sounds(folded text, name_group integer) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
declare
    -- O'Brien is Obrien.
    codes text[] := dpp.word_codes(translate(folded, U&'''\2019\02BC', ''));
begin
    if codes = '{}' then
        return array[name_group || '=' || folded];
    end if;
    if cardinality(codes) = 1 then
        return array[name_group || '~' || codes[1]];
    end if;
    return array[name_group || '~' || codes[1], name_group || '~' || codes[2]];
end
$$;
COMMENT ON FUNCTION dpp.folded_word_sounds(folded text, name_group integer) IS 'dpp.word_sounds of a word that is folded already';
CREATE FUNCTION dpp.ingest(p_sop_instance_uid text, p_sop_class_uid text, p_transfer_syntax text, p_encoded bytea, p_digest bytea, p_query_record bytea, p_character_set text, p_timezone_offset text, p_source text, p_sender text, p_protocol text[], p_custodians text[], p_codes text[], p_models text[], p_predecessors text[], p_instructions text[], p_elements text[], p_constraints text[], p_warnings text[]) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    AS $$
declare
    new_id bigint;
    known record;
begin
    loop
        -- If another transaction is storing the same UID this waits for its end.
        insert into dpp.objects (
            sop_instance_uid, sop_class_uid, state, query_record, specific_character_set, timezone_offset, source,
            sender_aet, published_at)
        values (
            p_sop_instance_uid, p_sop_class_uid, 'published', p_query_record, p_character_set, p_timezone_offset,
            p_source, p_sender, now())
        on conflict (sop_instance_uid) do nothing
        returning id into new_id;
        exit when new_id is not null;
        -- A statement of its own, so that it sees what the other transaction has committed.
        select o.state, i.digest
        into known
        from dpp.objects as o
        left join dpp.instances as i on i.object_id = o.id
        where o.sop_instance_uid = p_sop_instance_uid;
        if found then
            return case
                when known.state in ('draft', 'retired') then known.state
                when known.digest = p_digest then 'same'
                else 'different'
            end;
        end if;
        -- Deleted in between: try again.
    end loop;
    -- After the insert, not before: it may have waited for the transaction that purged the object.
    if exists (select from dpp.tombstones as t where t.sop_instance_uid = p_sop_instance_uid) then
        delete from dpp.objects as o where o.id = new_id;
        return 'purged';
    end if;
    insert into dpp.instances (object_id, transfer_syntax_uid, dataset, size, digest)
    values (new_id, p_transfer_syntax, p_encoded, length(p_encoded), p_digest);
    perform dpp.write_rows(
        new_id, p_protocol, p_custodians, p_codes, p_models, p_predecessors, p_instructions, p_elements,
        p_constraints, p_warnings);
    return 'stored';
end
$$;
COMMENT ON FUNCTION dpp.ingest(p_sop_instance_uid text, p_sop_class_uid text, p_transfer_syntax text, p_encoded bytea, p_digest bytea, p_query_record bytea, p_character_set text, p_timezone_offset text, p_source text, p_sender text, p_protocol text[], p_custodians text[], p_codes text[], p_models text[], p_predecessors text[], p_instructions text[], p_elements text[], p_constraints text[], p_warnings text[]) IS 'Store a received object given encoded and as rows (dpp.write_rows). Returns stored, or what is known of its SOP Instance UID: same or different content, draft, retired, purged';
CREATE FUNCTION dpp.ingest_approval(p_sop_instance_uid text, p_sop_class_uid text, p_transfer_syntax text, p_encoded bytea, p_digest bytea, p_query_record bytea, p_character_set text, p_timezone_offset text, p_source text, p_sender text, p_approval text[], p_subjects text[], p_assertions text[], p_asserters text[], p_codes text[], p_related text[], p_warnings text[]) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    AS $$
declare
    outcome text := dpp.ingest(
        p_sop_instance_uid, p_sop_class_uid, p_transfer_syntax, p_encoded, p_digest, p_query_record,
        p_character_set, p_timezone_offset, p_source, p_sender, null, null, null, null, null, null, null, null,
        p_warnings);
begin
    if outcome = 'stored' then
        perform dpp.write_approval_rows(
            o.id, p_approval, p_subjects, p_assertions, p_asserters, p_codes, p_related)
        from dpp.objects as o
        where o.sop_instance_uid = p_sop_instance_uid;
    end if;
    return outcome;
end
$$;
COMMENT ON FUNCTION dpp.ingest_approval(p_sop_instance_uid text, p_sop_class_uid text, p_transfer_syntax text, p_encoded bytea, p_digest bytea, p_query_record bytea, p_character_set text, p_timezone_offset text, p_source text, p_sender text, p_approval text[], p_subjects text[], p_assertions text[], p_asserters text[], p_codes text[], p_related text[], p_warnings text[]) IS 'Store a received Protocol Approval given encoded and as rows (dpp.write_approval_rows). Returns what dpp.ingest returns';
CREATE FUNCTION dpp.instant_of(local timestamp without time zone, utc_offset interval) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
    select (local - utc_offset) at time zone 'UTC'
$$;
COMMENT ON FUNCTION dpp.instant_of(local timestamp without time zone, utc_offset interval) IS 'A local time at an offset from UTC as an instant';
CREATE FUNCTION dpp.is_close(a numeric, b numeric, relative_tolerance numeric, absolute_tolerance numeric) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select a = b
        or (
            abs(a) < 'Infinity' and abs(b) < 'Infinity'
            and abs(a - b) <= greatest(absolute_tolerance, relative_tolerance * greatest(abs(a), abs(b))))
$$;
COMMENT ON FUNCTION dpp.is_close(a numeric, b numeric, relative_tolerance numeric, absolute_tolerance numeric) IS 'Whether two numbers differ by no more than the absolute tolerance, or the relative one of the larger of them';
CREATE FUNCTION dpp.json_attribute_text(attribute jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select case
        when attribute is null then null
        when attribute ->> 'vr' = 'PN' and jsonb_typeof(attribute -> 'Value') = 'array' then (
            select string_agg(
                rtrim(
                    concat_ws(
                        '=', coalesce(v.value ->> 'Alphabetic', ''), coalesce(v.value ->> 'Ideographic', ''),
                        coalesce(v.value ->> 'Phonetic', '')),
                    '='),
                '\' order by v.n)
            from jsonb_array_elements(attribute -> 'Value') with ordinality as v (value, n))
        when jsonb_typeof(attribute -> 'Value') = 'array' and attribute ->> 'vr' <> 'SQ'
            then dpp.attribute_text(attribute -> 'Value')
        when attribute ? 'Value' then (attribute -> 'Value')::text
        else coalesce(attribute ->> 'InlineBinary', '')
    end
$$;
COMMENT ON FUNCTION dpp.json_attribute_text(attribute jsonb) IS 'An attribute in DICOM JSON as one text: values joined by a backslash, a sequence as JSON, octets in Base64; empty for one without a value';
CREATE FUNCTION dpp.name_search(entries text[]) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
begin
    return case when entries <> '{}' then E'\n' || array_to_string(entries, E'\n') || E'\n' end;
end
$$;
COMMENT ON FUNCTION dpp.name_search(entries text[]) IS 'The entries of dpp.fold_name_entries, each between line feeds: what wild cards in person names are looked for in; null when there are none';
CREATE FUNCTION dpp.name_sounds(name text) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
begin
    return dpp.folded_name_sounds(dpp.fold_name(name));
end
$$;
COMMENT ON FUNCTION dpp.name_sounds(name text) IS 'What a person name is found by in fuzzy matching, with the number of the component group in front: its folded words (1=smith) and their Double Metaphone codes (1~SM0)';
CREATE FUNCTION dpp.numbers_of(content jsonb, name text, is_set boolean) RETURNS numeric[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $_$
declare
    result numeric[];
begin
    if content ->> 'selector_vr' not in ('DS', 'IS', 'FD', 'FL', 'UL', 'US', 'SL', 'SS', 'SV', 'UV') then
        return null;
    end if;
    -- As written they are exact; as double precision they may have lost digits.
    result := array(
        select case
            when t.value ~ '^ *[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})? *$' then t.value::numeric
            else t.number::double precision::numeric
        end as number
        from rows from (
            jsonb_array_elements_text(content -> (name || '_values')),
            jsonb_array_elements_text(content -> (name || '_numbers'))
        ) with ordinality as t (value, number, n)
        order by case when is_set then 0 else t.n end, 1);
    return case when array_position(result, null) is null then result end;
end
$_$;
COMMENT ON FUNCTION dpp.numbers_of(content jsonb, name text, is_set boolean) IS 'constraint_values (name constraint) or default_values (default) of a constraint as numbers, in ascending order when they are a set; null when it has not numbers only';
CREATE FUNCTION dpp.offset_of_object(object_id bigint) RETURNS interval
    LANGUAGE plpgsql STABLE
    AS $$
begin
    return (select dpp.parse_offset(o.timezone_offset) from dpp.objects as o where o.id = object_id);
end
$$;
COMMENT ON FUNCTION dpp.offset_of_object(object_id bigint) IS 'Timezone Offset From UTC (0008,0201) of an object; null when it has none';
CREATE FUNCTION dpp.parameter_name(content jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select coalesce(
            content ->> 'selector_keyword', content ->> 'selector_name', content ->> 'selector_attribute', '?')
        || coalesce(' (' || (content ->> 'selector_private_creator') || ')', '')
        || coalesce('[' || nullif(content ->> 'selector_value_number', '1') || ']', '')
$$;
COMMENT ON FUNCTION dpp.parameter_name(content jsonb) IS 'The attribute that a constraint (its row as jsonb) is on: keyword, else name, else tag; private creator in parentheses; number of the value in brackets unless it is the first';
CREATE FUNCTION dpp.parameter_tag(content jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select concat_ws(
        '.',
        (
            select string_agg(
                p.tag || coalesce('[' || nullif(content -> 'selector_path_items' ->> (p.n - 1)::int, '0') || ']', ''), '.'
                order by p.n)
            from jsonb_array_elements_text(content -> 'selector_path') with ordinality as p (tag, n)
        ),
        coalesce(content ->> 'selector_attribute', '?'))
$$;
COMMENT ON FUNCTION dpp.parameter_tag(content jsonb) IS 'Tag of the attribute that a constraint (its row as jsonb) is on, behind those of the sequences that lead to it and their item numbers, such as 00189920.00189325[2].00180060';
CREATE FUNCTION dpp.parameter_text(content jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select dpp.constraint_text(content) || coalesce('; default ' || dpp.default_text(content), '')
$$;
COMMENT ON FUNCTION dpp.parameter_text(content jsonb) IS 'A whole constraint (its row as jsonb) in short; null for null';
CREATE FUNCTION dpp.parse_da(value text) RETURNS date
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
declare
    year int;
    month int;
    day int;
    last int;
begin
    -- YYYYMMDD; YYYY.MM.DD is the retired form of ACR-NEMA that PS3.5 6.2 recommends to accept.
    if value !~ '^ *([0-9]{8}|[0-9]{4}\.[0-9]{2}\.[0-9]{2}) *$' then
        return null;
    end if;
    value := translate(value, ' .', '');
    year := substr(value, 1, 4);
    month := substr(value, 5, 2);
    day := substr(value, 7, 2);
    if year < 1 or month not between 1 and 12 or day < 1 then
        return null;
    end if;
    last := case
        when month in (4, 6, 9, 11) then 30
        when month <> 2 then 31
        when year % 4 = 0 and (year % 100 <> 0 or year % 400 = 0) then 29
        else 28
    end;
    if day > last then
        return null;
    end if;
    return make_date(year, month, day);
end
$_$;
COMMENT ON FUNCTION dpp.parse_da(value text) IS 'A DICOM date (VR DA, PS3.5 6.2) as date; null when it is none';
CREATE FUNCTION dpp.parse_dt(value text) RETURNS timestamp without time zone
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
declare
    -- Date, time, offset: each component may be left out when those after it are.
    parts text[] := regexp_match(
        value, '^ *([0-9]{4}(?:[0-9]{2}){0,2})((?:[01][0-9]|2[0-3])(?:[0-5][0-9](?:(?:60|[0-5][0-9])(?:\.[0-9]{1,6})?)?)?)?([+-][0-9]{4})? *$');
begin
    if parts is null
        or (parts[2] is not null and length(parts[1]) <> 8)
        or (parts[3] is not null and dpp.parse_offset(parts[3]) is null)
    then
        return null;
    end if;
    return dpp.parse_da(rpad(parts[1], 8, '0101')) + coalesce(dpp.parse_tm(parts[2]), time '00:00');
end
$_$;
COMMENT ON FUNCTION dpp.parse_dt(value text) IS 'A DICOM date-time (VR DT, PS3.5 6.2) of any precision as timestamp, read without its offset: what is not given counts as zero (month and day as 1), second 60 as 59.999999; null when it is none';
CREATE FUNCTION dpp.parse_dt_offset(value text) RETURNS interval
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
    select case when dpp.parse_dt(value) is not null then dpp.parse_offset(substring(value from '[+-][0-9]{4} *$')) end
$_$;
COMMENT ON FUNCTION dpp.parse_dt_offset(value text) IS 'The offset from UTC that a DICOM date-time (VR DT) says itself; null when it says none, or is no date-time';
CREATE FUNCTION dpp.parse_offset(value text) RETURNS interval
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
declare
    minutes int;
begin
    if value !~ '^ *[+-][0-9]{2}[0-5][0-9] *$' then
        return null;
    end if;
    value := trim(value);
    minutes := (substr(value, 1, 1) || '1')::int * (substr(value, 2, 2)::int * 60 + substr(value, 4, 2)::int);
    if minutes not between -12 * 60 and 14 * 60 then
        return null;
    end if;
    return make_interval(mins => minutes);
end
$_$;
COMMENT ON FUNCTION dpp.parse_offset(value text) IS 'An offset from UTC as in Timezone Offset From UTC (0008,0201), -1200 to +1400, as interval; null when it is none';
CREATE FUNCTION dpp.parse_tm(value text) RETURNS time without time zone
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
declare
    hour int;
    minute int;
    second int;
begin
    -- HH, HHMM, HHMMSS, HHMMSS.F to .FFFFFF; with colons in the retired ACR-NEMA form.
    if value !~ '^ *([01][0-9]|2[0-3])([0-5][0-9]((60|[0-5][0-9])(\.[0-9]{1,6})?)?)? *$'
        and value !~ '^ *([01][0-9]|2[0-3]):[0-5][0-9](:(60|[0-5][0-9])(\.[0-9]{1,6})?)? *$'
    then
        return null;
    end if;
    value := rpad(split_part(translate(value, ' :', ''), '.', 1), 6, '0') || '.'
        || rpad(split_part(trim(value), '.', 2), 6, '0');
    hour := substr(value, 1, 2);
    minute := substr(value, 3, 2);
    second := substr(value, 5, 2);
    -- A leap second has no place of its own in SQL: it counts as the last microsecond before it would be over.
    if second = 60 then
        return make_time(hour, minute, 59.999999);
    end if;
    return make_time(hour, minute, second + ('0.' || substr(value, 8))::double precision);
end
$_$;
COMMENT ON FUNCTION dpp.parse_tm(value text) IS 'A DICOM time (VR TM, PS3.5 6.2) of any precision as time: what is not given counts as zero, second 60 as 59.999999; null when it is none';
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE dpp.application_entities (
    id bigint NOT NULL,
    ae_title text NOT NULL COLLATE pg_catalog."C",
    host text COLLATE pg_catalog."C",
    port integer,
    may_echo boolean DEFAULT true NOT NULL,
    may_find boolean DEFAULT true NOT NULL,
    may_get boolean DEFAULT true NOT NULL,
    may_move boolean DEFAULT true NOT NULL,
    may_store boolean DEFAULT true NOT NULL,
    is_destination boolean DEFAULT true NOT NULL,
    source_addresses inet[] DEFAULT '{}'::inet[] NOT NULL,
    preferred_character_set text COLLATE pg_catalog."C",
    max_associations integer DEFAULT 1 NOT NULL,
    called_as text COLLATE pg_catalog."C",
    description text,
    max_calling_associations integer,
    max_operations integer,
    CONSTRAINT application_entities_address_check CHECK (((host IS NULL) = (port IS NULL))),
    CONSTRAINT application_entities_ae_title_check CHECK ((((length(ae_title) >= 1) AND (length(ae_title) <= 16)) AND (ae_title ~ '^[!-~]([ -~]*[!-~])?$'::text) AND (strpos(ae_title, '\'::text) = 0))),
    CONSTRAINT application_entities_called_as_check CHECK ((((length(called_as) >= 1) AND (length(called_as) <= 16)) AND (called_as ~ '^[!-~]([ -~]*[!-~])?$'::text) AND (strpos(called_as, '\'::text) = 0))),
    CONSTRAINT application_entities_host_check CHECK ((((length(host) >= 1) AND (length(host) <= 255)) AND (host !~ '[[:space:][:cntrl:]]'::text))),
    CONSTRAINT application_entities_max_associations_check CHECK ((max_associations > 0)),
    CONSTRAINT application_entities_max_calling_associations_check CHECK ((max_calling_associations > 0)),
    CONSTRAINT application_entities_max_operations_check CHECK ((max_operations > 0)),
    CONSTRAINT application_entities_port_check CHECK (((port >= 1) AND (port <= 65535))),
    CONSTRAINT application_entities_preferred_character_set_check CHECK (((length(preferred_character_set) >= 1) AND (length(preferred_character_set) <= 127))),
    CONSTRAINT application_entities_source_addresses_check CHECK (((array_position(source_addresses, NULL::inet) IS NULL) AND (COALESCE(array_ndims(source_addresses), 1) = 1)))
);
COMMENT ON TABLE dpp.application_entities IS 'One peer (DICOM application entity) and what it may do. A change is in force at once on every server. Several rows may share a title when their source addresses differ';
COMMENT ON COLUMN dpp.application_entities.id IS 'Surrogate key';
COMMENT ON COLUMN dpp.application_entities.ae_title IS 'AE title of the peer: 1 to 16 ASCII characters, no backslash, no space at either end (PS3.5 6.2)';
COMMENT ON COLUMN dpp.application_entities.host IS 'Host name or address to send to; null (with port): the peer is known but cannot be a move destination';
COMMENT ON COLUMN dpp.application_entities.port IS 'TCP port to send to, 1 to 65535';
COMMENT ON COLUMN dpp.application_entities.may_echo IS 'Whether it may verify the connection (C-ECHO)';
COMMENT ON COLUMN dpp.application_entities.may_find IS 'Whether it may query (C-FIND)';
COMMENT ON COLUMN dpp.application_entities.may_get IS 'Whether it may retrieve on its own association (C-GET)';
COMMENT ON COLUMN dpp.application_entities.may_move IS 'Whether it may have protocols sent to a destination (C-MOVE)';
COMMENT ON COLUMN dpp.application_entities.may_store IS 'Whether it may store (C-STORE)';
COMMENT ON COLUMN dpp.application_entities.is_destination IS 'Whether protocols may be sent to it (C-MOVE destination)';
COMMENT ON COLUMN dpp.application_entities.source_addresses IS 'Addresses or networks (CIDR) it may call from; empty: any. The row with the narrowest network that fits the caller counts';
COMMENT ON COLUMN dpp.application_entities.preferred_character_set IS 'Specific Character Set (0008,0005) for responses when the one of the request cannot hold them; null: none';
COMMENT ON COLUMN dpp.application_entities.max_associations IS 'Associations open at once to this destination, over all servers';
COMMENT ON COLUMN dpp.application_entities.called_as IS 'Our own AE title when calling it; null: the server''s';
COMMENT ON COLUMN dpp.application_entities.description IS 'For people';
COMMENT ON COLUMN dpp.application_entities.max_calling_associations IS 'Associations that it may have open at once with one server; null: the server''s max-associations-per-ae';
COMMENT ON COLUMN dpp.application_entities.max_operations IS 'Operations of it, running or waiting, at once on one server; null: the server''s max-operations-per-ae';
CREATE FUNCTION dpp.peer_of(p_ae_title text, p_source inet) RETURNS SETOF dpp.application_entities
    LANGUAGE sql STABLE
    AS $$
    select e.id, e.ae_title, e.host, e.port, e.may_echo, e.may_find, e.may_get, e.may_move, e.may_store,
        e.is_destination, e.source_addresses, e.preferred_character_set, e.max_associations, e.called_as,
        e.description, e.max_calling_associations, e.max_operations
    from dpp.application_entities as e
    cross join lateral (
        -- An IPv4 caller on an IPv6 socket comes as ::ffff:a.b.c.d; rows are written with a.b.c.d.
        select case
            when p_source <<= inet '::ffff:0.0.0.0/96' then inet '0.0.0.0' + (host(p_source)::inet - inet '::ffff:0.0.0.0')
            else p_source
        end as address
        offset 0
    ) as s
    cross join lateral (
        select max(masklen(a.network) + case family(a.network) when 4 then 96 else 0 end) as narrowness
        from unnest(e.source_addresses) as a (network)
        where s.address <<= a.network
    ) as m
    where e.ae_title = p_ae_title
        and (p_source is null or e.source_addresses = '{}' or m.narrowness is not null)
    order by
        m.narrowness desc nulls last,
        p_source is null and e.is_destination desc,
        p_source is null and e.host is not null desc,
        e.id
$$;
COMMENT ON FUNCTION dpp.peer_of(p_ae_title text, p_source inet) IS 'Rows of this AE title that fit the source address, the narrowest network first; without an address (a move destination) all of the title, usable ones first. The first row counts';
CREATE FUNCTION dpp.protocol_items(p_object_id bigint) RETURNS TABLE(path text, parent text, part text, relation text, sort text, ordinal integer, element text, attribute text, tag text, keys jsonb, content jsonb, other jsonb, summary text)
    LANGUAGE sql STABLE
    AS $$
    select
        'protocol', '', 'protocol', 'protocols', '0', 1, null, null, null, jsonb_build_array('protocol'),
        jsonb_strip_nulls(
            jsonb_build_object('sop_class_uid', o.sop_class_uid, 'timezone_offset', o.timezone_offset)
            || (
                to_jsonb(p) - array[
                    'object_id', 'other_attributes', 'content_creator_folded', 'content_creator_search',
                    'content_creator_sounds', 'creation_date', 'creation_time', 'creation_datetime', 'creation_instant'])),
        p.other_attributes, null
    from dpp.protocols as p
    join dpp.objects as o on o.id = p.object_id
    where p.object_id = p_object_id
    union all
    select
        'custodian/' || c.ordinal, '', 'custodian', 'protocol_custodians', '1/' || to_char(c.ordinal, 'FM0000000000'),
        c.ordinal, coalesce(c.institution_name, c.ordinal::text), 'CustodialOrganizationSequence', '0040A07C',
        jsonb_build_array('custodian ' || coalesce(c.institution_name, '')),
        jsonb_strip_nulls(to_jsonb(c) - array['object_id', 'ordinal', 'other_attributes']), c.other_attributes,
        coalesce(c.institution_name, '')
    from dpp.protocol_custodians as c
    where c.object_id = p_object_id
    union all
    -- Codes: the concept, then its equivalents below it
    select
        concat_ws('/', 'code', c.role, c.parent_ordinal, c.ordinal, nullif(c.equivalent, 0)),
        case
            when e.object_id is not null then concat_ws('/', 'code', c.role, c.parent_ordinal, c.ordinal)
            when c.equivalent = 0 and u.object_id is not null then 'custodian/' || c.parent_ordinal
        end,
        c.role, 'protocol_codes',
        '2/' || r.place || to_char(c.parent_ordinal, '/FM0000000000') || to_char(c.ordinal, '/FM0000000000')
            || to_char(c.equivalent, '/FM0000000000'),
        c.ordinal,
        concat_ws(
            ' = ',
            case when c.equivalent > 0 then coalesce(e.code_value, e.long_code_value, e.urn_code_value) end,
            coalesce(c.code_value, c.long_code_value, c.urn_code_value)),
        case when c.equivalent > 0 then 'EquivalentCodeSequence' else r.attribute end,
        case when c.equivalent > 0 then '00080121' else r.tag end,
        jsonb_build_array(
            (c.role, coalesce(c.code_value, c.long_code_value, c.urn_code_value), c.coding_scheme_designator)::text),
        jsonb_strip_nulls(
            to_jsonb(c) - array['object_id', 'role', 'parent_ordinal', 'ordinal', 'equivalent', 'other_attributes']),
        c.other_attributes,
        concat_ws(
            ' ', coalesce(c.code_value, c.long_code_value, c.urn_code_value),
            '(' || concat_ws(', ', c.coding_scheme_designator, c.code_meaning) || ')')
    from dpp.protocol_codes as c
    join (
        values
            ('custodian_institution', 0, 'InstitutionCodeSequence', '00080082'),
            ('responsible_group', 1, 'ResponsibleGroupCodeSequence', '00080220'),
            ('scheduled_protocol', 2, 'PotentialScheduledProtocolCodeSequence', '00189906'),
            ('requested_procedure', 3, 'PotentialRequestedProcedureCodeSequence', '00189907'),
            ('reason', 4, 'PotentialReasonsForProcedureCodeSequence', '00189909'),
            ('contraindication', 5, 'ContraindicationsCodeSequence', '0018990B'),
            ('anatomic_region', 6, 'AnatomicRegionSequence', '00082218'),
            ('primary_structure', 7, 'PrimaryAnatomicStructureSequence', '00082228'),
            ('positioning_method', 8, 'PositioningMethodCodeSequence', '0018991C')
    ) as r (role, place, attribute, tag) on r.role = c.role
    left join dpp.protocol_codes as e
        on c.equivalent > 0 and e.object_id = c.object_id and e.role = c.role and e.parent_ordinal = c.parent_ordinal
            and e.ordinal = c.ordinal and e.equivalent = 0
    left join dpp.protocol_custodians as u on u.object_id = c.object_id and u.ordinal = c.parent_ordinal
    where c.object_id = p_object_id
    union all
    select
        'model/' || m.ordinal, '', 'model', 'protocol_models', '3/' || to_char(m.ordinal, 'FM0000000000'), m.ordinal,
        coalesce(
            nullif(concat_ws(' ', m.manufacturer, m.manufacturer_related_model_group, m.manufacturer_model_name), ''),
            m.ordinal::text),
        'ModelSpecificationSequence', '00189912',
        jsonb_build_array(
            (
                'model', m.manufacturer, m.manufacturer_related_model_group, m.manufacturer_model_name,
                m.device_serial_number, m.software_versions
            )::text,
            (
                'model', m.manufacturer, m.manufacturer_related_model_group, m.manufacturer_model_name,
                m.device_serial_number
            )::text,
            ('model', m.manufacturer, m.manufacturer_related_model_group, m.manufacturer_model_name)::text),
        jsonb_strip_nulls(to_jsonb(m) - array['object_id', 'ordinal', 'other_attributes']), m.other_attributes,
        concat_ws(
            ' ', m.manufacturer, m.manufacturer_related_model_group, m.manufacturer_model_name,
            nullif(array_to_string(m.software_versions, '\'), ''), m.device_serial_number)
    from dpp.protocol_models as m
    where m.object_id = p_object_id
    union all
    select
        'predecessor/' || p.ordinal, '', 'predecessor', 'protocol_predecessors',
        '4/' || to_char(p.ordinal, 'FM0000000000'), p.ordinal, coalesce(p.referenced_sop_instance_uid, p.ordinal::text),
        'PredecessorProtocolSequence', '0018990E',
        jsonb_build_array('predecessor ' || coalesce(p.referenced_sop_instance_uid, '')),
        jsonb_strip_nulls(to_jsonb(p) - array['object_id', 'ordinal', 'other_attributes']), p.other_attributes,
        coalesce(p.referenced_sop_instance_uid, '')
    from dpp.protocol_predecessors as p
    where p.object_id = p_object_id
    union all
    select
        i.kind || '/' || i.ordinal, '', i.kind, 'instructions',
        case i.kind when 'instruction' then '5/' else '6/' end || to_char(i.ordinal, 'FM0000000000'), i.ordinal,
        coalesce(i.instruction_index, i.ordinal)::text,
        case i.kind when 'instruction' then 'InstructionSequence' else 'PatientPositioningInstructionSequence' end,
        case i.kind when 'instruction' then '00189914' else '0018991B' end,
        jsonb_build_array(
            (i.kind, 'text', i.instruction_text)::text,
            (i.kind, 'index', coalesce(i.instruction_index, i.ordinal))::text),
        jsonb_strip_nulls(to_jsonb(i) - array['object_id', 'kind', 'ordinal', 'other_attributes']), i.other_attributes,
        coalesce(i.instruction_text, '')
    from dpp.instructions as i
    where i.object_id = p_object_id
    union all
    -- What the parameters of the patient are below
    select
        'patient/0', '', 'patient', null, '7', 1, null, null, null, jsonb_build_array('patient'), '{}', '{}', null
    union all
    -- Elements, also those that only constraints tell of. Known by name, else by what they contain, else by number.
    select
        e.kind || '/' || e.ordinal, '', e.kind, 'protocol_elements',
        case e.kind when 'acquisition' then '8/1/' when 'reconstruction' then '8/2/' else '8/3/' end
            || to_char(e.ordinal, 'FM0000000000'),
        e.ordinal, concat_ws(' ', e.number, e.name),
        case e.kind
            when 'acquisition' then 'AcquisitionProtocolElementSpecificationSequence'
            when 'reconstruction' then 'ReconstructionProtocolElementSpecificationSequence'
            else 'StorageProtocolElementSpecificationSequence'
        end,
        case e.kind when 'acquisition' then '0018991F' when 'reconstruction' then '00189933' else '00189935' end,
        jsonb_build_array(
            case when e.name is not null then (e.kind, 'same', e.name, e.parameters)::text end,
            case when e.name is not null then (e.kind, 'name', e.name)::text end,
            (e.kind, 'content', e.parameters)::text,
            (e.kind, 'number', e.number)::text),
        coalesce(e.content, '{}'), coalesce(e.other_attributes, '{}'),
        e.parameter_count || case e.parameter_count when 1 then ' parameter' else ' parameters' end
    from (
        select
            kind,
            ordinal,
            coalesce(l.element_number, ordinal) as number,
            coalesce(l.element_name, c.name) as name,
            coalesce(c.parameters, '') as parameters,
            coalesce(c.parameter_count, 0) as parameter_count,
            jsonb_strip_nulls(to_jsonb(l) - array['object_id', 'kind', 'ordinal', 'other_attributes']) as content,
            l.other_attributes
        from (
            select x.object_id, x.kind, x.ordinal, x.element_number, x.element_name, x.element_purpose, x.other_attributes
            from dpp.protocol_elements as x
            where x.object_id = p_object_id
        ) as l
        full join (
            select
                p.kind,
                p.element_ordinal as ordinal,
                count(*) as parameter_count,
                -- Defined protocols name an element by a constraint on its Protocol Element Name (0018,9922).
                (
                    array_agg(p.constraint_values[1] order by p.ordinal)
                    filter (where p.selector_attribute = '00189922' and p.constraint_type = 'EQUAL')
                )[1] as name,
                md5(
                    string_agg(
                        (
                            p.selector_attribute, p.selector_private_creator, p.selector_path,
                            dpp.relative_path_items(
                                p.kind, p.selector_path, p.selector_path_items, p.element_ordinal, n.element_number),
                            p.selector_value_number, p.constraint_type, p.constraint_values, p.default_values,
                            p.unit_code
                        )::text,
                        E'\n' order by p.ordinal)
                    filter (where p.selector_attribute is distinct from '00189922')) as parameters
            from dpp.parameter_constraints as p
            left join dpp.protocol_elements as n
                on n.object_id = p.object_id and n.kind = p.kind and n.ordinal = p.element_ordinal
            where p.object_id = p_object_id and p.kind <> 'patient'
            group by p.kind, p.element_ordinal
        ) as c using (kind, ordinal)
    ) as e
    union all
    -- Of parameters, of which there are many, what is for people is made when it is told (dpp.diff).
    select
        concat_ws('/', 'parameter', c.kind, c.element_ordinal, c.ordinal), c.kind || '/' || c.element_ordinal, c.kind,
        'parameter_constraints', to_char(c.ordinal, 'FM0000000000'), c.ordinal, null, null, null,
        jsonb_build_array(
            (s.selector, c.constraint_type, c.constraint_values, c.unit_code)::text,
            (s.selector, c.constraint_type)::text,
            s.selector),
        jsonb_strip_nulls(
            to_jsonb(c) - array['object_id', 'kind', 'element_ordinal', 'ordinal', 'other_attributes']
            || jsonb_build_object('selector_path_items', i.items)),
        c.other_attributes, null
    from dpp.parameter_constraints as c
    left join dpp.protocol_elements as e
        on e.object_id = c.object_id and e.kind = c.kind and e.ordinal = c.element_ordinal
    cross join lateral (
        select
            dpp.relative_path_items(
                c.kind, c.selector_path, c.selector_path_items, c.element_ordinal, e.element_number) as items
    ) as i
    cross join lateral (
        select
            (
                'parameter', upper(c.selector_attribute), c.selector_private_creator, c.selector_path, i.items,
                c.selector_value_number
            )::text as selector
    ) as s
    where c.object_id = p_object_id
$$;
COMMENT ON FUNCTION dpp.protocol_items(p_object_id bigint) IS 'A protocol as items of one form (header, items of sequences, items of those): where each stands, by what it is known, and what is in it. For dpp.diff';
CREATE FUNCTION dpp.protocol_of(uid text) RETURNS bigint
    LANGUAGE plpgsql STABLE
    AS $$
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
COMMENT ON FUNCTION dpp.protocol_of(uid text) IS 'The key of the protocol of this SOP Instance UID, whatever its state; an error that says what to do when there is none';
CREATE FUNCTION dpp.rebuild(p_sop_instance_uid text, p_query_record bytea, p_character_set text, p_timezone_offset text, p_protocol text[], p_custodians text[], p_codes text[], p_models text[], p_predecessors text[], p_instructions text[], p_elements text[], p_constraints text[], p_warnings text[]) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    AS $$
declare
    known_id bigint;
begin
    update dpp.objects as o
    set query_record = p_query_record,
        specific_character_set = p_character_set,
        timezone_offset = p_timezone_offset
    where o.sop_instance_uid = p_sop_instance_uid
        and exists (select from dpp.instances as i where i.object_id = o.id)
    returning o.id into known_id;
    if known_id is null then
        return false;
    end if;
    delete from dpp.dataset_warnings as w where w.object_id = known_id;
    delete from dpp.protocols as p where p.object_id = known_id;
    -- A program that knows no rows of approvals has no query record of them either: they go together.
    delete from dpp.approvals as a where a.object_id = known_id;
    perform dpp.write_rows(
        known_id, p_protocol, p_custodians, p_codes, p_models, p_predecessors, p_instructions, p_elements,
        p_constraints, p_warnings);
    return true;
end
$$;
COMMENT ON FUNCTION dpp.rebuild(p_sop_instance_uid text, p_query_record bytea, p_character_set text, p_timezone_offset text, p_protocol text[], p_custodians text[], p_codes text[], p_models text[], p_predecessors text[], p_instructions text[], p_elements text[], p_constraints text[], p_warnings text[]) IS 'Replace the rows of a stored object (dpp.write_rows) and its query record; false when there is none, or none with an encoded form, of this UID';
CREATE FUNCTION dpp.rebuild_approval(p_sop_instance_uid text, p_query_record bytea, p_character_set text, p_timezone_offset text, p_approval text[], p_subjects text[], p_assertions text[], p_asserters text[], p_codes text[], p_related text[], p_warnings text[]) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    AS $$
declare
    known_id bigint;
begin
    if not dpp.rebuild(
        p_sop_instance_uid, p_query_record, p_character_set, p_timezone_offset, null, null, null, null, null, null,
        null, null, p_warnings)
    then
        return false;
    end if;
    select o.id
    into known_id
    from dpp.objects as o
    where o.sop_instance_uid = p_sop_instance_uid;
    perform dpp.write_approval_rows(
        known_id, p_approval, p_subjects, p_assertions, p_asserters, p_codes, p_related);
    return true;
end
$$;
COMMENT ON FUNCTION dpp.rebuild_approval(p_sop_instance_uid text, p_query_record bytea, p_character_set text, p_timezone_offset text, p_approval text[], p_subjects text[], p_assertions text[], p_asserters text[], p_codes text[], p_related text[], p_warnings text[]) IS 'Replace the rows of a stored Protocol Approval (dpp.write_approval_rows) and its query record; false when there is none, or none with an encoded form, of this UID';
CREATE FUNCTION dpp.relative_path_items(kind text, path text[], items integer[], element_ordinal integer, element_number integer) RETURNS integer[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select case
        when items[1] in (element_ordinal, element_number)
            and path[1] = case kind
                when 'acquisition' then '00189920'
                when 'reconstruction' then '00189934'
                when 'storage' then '00189936'
            end
        then array[0] || items[2:]
        else items
    end
$$;
COMMENT ON FUNCTION dpp.relative_path_items(kind text, path text[], items integer[], element_ordinal integer, element_number integer) IS 'Selector Sequence Pointer Items with 0 for the item that is the constraint''s own element, which has another number where an element was put in before it';
CREATE FUNCTION dpp.same_attribute(a jsonb, b jsonb, relative_tolerance numeric, absolute_tolerance numeric) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
declare
    a_numbers numeric[];
    b_numbers numeric[];
begin
    if a is not distinct from b then
        return true;
    end if;
    if jsonb_typeof(a -> 'Value') is distinct from 'array' or jsonb_typeof(b -> 'Value') is distinct from 'array'
        or a -> 'vr' is distinct from b -> 'vr'
    then
        return false;
    end if;
    a_numbers := dpp.numbers_of(
        jsonb_build_object('selector_vr', a -> 'vr', 'value_values', a -> 'Value'), 'value', false);
    b_numbers := dpp.numbers_of(
        jsonb_build_object('selector_vr', b -> 'vr', 'value_values', b -> 'Value'), 'value', false);
    return coalesce(
        cardinality(a_numbers) > 0 and cardinality(a_numbers) = cardinality(b_numbers) and not exists (
            select
            from unnest(a_numbers, b_numbers) as n (a, b)
            where not dpp.is_close(n.a, n.b, relative_tolerance, absolute_tolerance)),
        false);
end
$$;
COMMENT ON FUNCTION dpp.same_attribute(a jsonb, b jsonb, relative_tolerance numeric, absolute_tolerance numeric) IS 'Whether two attributes in DICOM JSON are the same, numbers within the tolerance';
CREATE FUNCTION dpp.same_values(a jsonb, b jsonb, name text, relative_tolerance numeric, absolute_tolerance numeric) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
declare
    -- The order of members means nothing.
    is_set boolean := name = 'constraint' and a ->> 'constraint_type' in ('MEMBER_OF', 'NOT_MEMBER_OF');
    is_same_unit boolean := a -> 'unit_code' is not distinct from b -> 'unit_code';
    a_numbers numeric[];
    b_numbers numeric[];
    a_factor numeric := 1;
    b_factor numeric := 1;
begin
    if name = 'constraint' and a -> 'constraint_type' is distinct from b -> 'constraint_type' then
        return false;
    end if;
    if is_same_unit and a -> (name || '_values') = b -> (name || '_values')
        and a -> (name || '_numbers') = b -> (name || '_numbers')
    then
        return true;
    end if;
    if not is_same_unit then
        -- No unit is the unit 1.
        if dpp.attribute_text(a -> (name || '_values')) is null and dpp.attribute_text(b -> (name || '_values')) is null
            and name = 'default'
        then
            return true;
        end if;
        select x.factor, y.factor
        into a_factor, b_factor
        from dpp.units as x
        join dpp.units as y on y.dimension = x.dimension
        where x.unit_code = coalesce(a ->> 'unit_code', '1') and y.unit_code = coalesce(b ->> 'unit_code', '1')
            and coalesce(a ->> 'unit_scheme', 'UCUM') = 'UCUM' and coalesce(b ->> 'unit_scheme', 'UCUM') = 'UCUM';
        if not found then
            return false;
        end if;
    end if;
    a_numbers := dpp.numbers_of(a, name, is_set);
    b_numbers := dpp.numbers_of(b, name, is_set);
    if a_numbers is not null and b_numbers is not null then
        return cardinality(a_numbers) = cardinality(b_numbers) and not exists (
            select
            from unnest(a_numbers, b_numbers) as n (a, b)
            where not dpp.is_close(n.a * a_factor, n.b * b_factor, relative_tolerance, absolute_tolerance * a_factor));
    end if;
    return is_same_unit and (
        select array_agg(v.value order by case when is_set then 0 else v.n end, v.value)
        from jsonb_array_elements_text(a -> (name || '_values')) with ordinality as v (value, n)
    ) is not distinct from (
        select array_agg(v.value order by case when is_set then 0 else v.n end, v.value)
        from jsonb_array_elements_text(b -> (name || '_values')) with ordinality as v (value, n));
end
$$;
COMMENT ON FUNCTION dpp.same_values(a jsonb, b jsonb, name text, relative_tolerance numeric, absolute_tolerance numeric) IS 'Whether two constraints demand the same (name constraint), or recommend the same default (name default): numbers in one unit and within the tolerance, the absolute one in the unit of a; everything else as written';
CREATE FUNCTION dpp.text_attribute(vr text, value text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select case when value <> '' then jsonb_build_object('vr', vr, 'Value', jsonb_build_array(value)) end
$$;
COMMENT ON FUNCTION dpp.text_attribute(vr text, value text) IS 'A DICOM JSON attribute of one text value; null when the value is empty';
CREATE FUNCTION dpp.unit_text(content jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select nullif(
        concat_ws(
            ' ', content ->> 'unit_code',
            '(' || nullif(concat_ws(', ', content ->> 'unit_scheme', content ->> 'unit_meaning'), '') || ')'),
        '')
$$;
COMMENT ON FUNCTION dpp.unit_text(content jsonb) IS 'The unit of a constraint with its scheme and meaning, such as kV (UCUM, kilovolt)';
CREATE FUNCTION dpp.value_items(constraint_type text, vr text, texts text[]) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $_$
declare
    tag text := dpp.value_tag(vr);
    elements jsonb[];
begin
    if tag is null or coalesce(cardinality(texts), 0) = 0 then
        return null;
    end if;
    elements := array(
        select case
            when t.value is null then 'null'
            when vr in ('FD', 'FL', 'UL', 'US', 'SL', 'SS', 'SV', 'UV') and t.value ~ '^-?[0-9]+(\.[0-9]+)?$'
            then to_jsonb(t.value::numeric)
            when vr = 'PN' then jsonb_strip_nulls(jsonb_build_object(
                'Alphabetic', nullif(split_part(t.value, '=', 1), ''),
                'Ideographic', nullif(split_part(t.value, '=', 2), ''),
                'Phonetic', nullif(split_part(t.value, '=', 3), '')))
            when vr = 'SQ' then jsonb_strip_nulls(jsonb_build_object(
                '00080100', dpp.text_attribute('SH', split_part(t.value, '^', 1)),
                '00080102', dpp.text_attribute('SH', split_part(t.value, '^', 2)),
                '00080104', dpp.text_attribute('LO', substr(t.value, 3 + length(split_part(t.value, '^', 1))
                    + length(split_part(t.value, '^', 2))))))
            else to_jsonb(t.value)
        end
        from unnest(texts) with ordinality as t (value, n)
        order by t.n);
    if constraint_type in ('RANGE_INCL', 'RANGE_EXCL', 'MEMBER_OF', 'NOT_MEMBER_OF') then
        return jsonb_build_object('vr', 'SQ', 'Value', (
            select jsonb_agg(
                jsonb_build_object(tag, jsonb_build_object('vr', vr, 'Value', jsonb_build_array(e.value)))
                order by e.n)
            from unnest(elements) with ordinality as e (value, n)));
    end if;
    return jsonb_build_object('vr', 'SQ', 'Value', jsonb_build_array(
        jsonb_build_object(tag, jsonb_build_object('vr', vr, 'Value', to_jsonb(elements)))));
end
$_$;
COMMENT ON FUNCTION dpp.value_items(constraint_type text, vr text, texts text[]) IS 'The sequence of selector values, in DICOM JSON, that constraint_values or default_values (constraint_type null) stand for; null when there are none';
CREATE FUNCTION dpp.value_tag(vr text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select jsonb '{
        "AE": "0072005E", "AS": "0072005F", "AT": "00720060", "DA": "00720061", "CS": "00720062",
        "DT": "00720063", "IS": "00720064", "OB": "00720065", "LO": "00720066", "OF": "00720067",
        "LT": "00720068", "OW": "00720069", "PN": "0072006A", "TM": "0072006B", "SH": "0072006C",
        "UN": "0072006D", "ST": "0072006E", "UC": "0072006F", "UT": "00720070", "UR": "00720071",
        "DS": "00720072", "OD": "00720073", "FD": "00720074", "OL": "00720075", "FL": "00720076",
        "UL": "00720078", "US": "0072007A", "SL": "0072007C", "SS": "0072007E", "UI": "0072007F",
        "SQ": "00720080", "OV": "00720081", "SV": "00720082", "UV": "00720083"
    }' ->> vr
$$;
COMMENT ON FUNCTION dpp.value_tag(vr text) IS 'Tag of the attribute that holds selector values of a VR (PS3.3 10.26), such as 00720072 for DS; null for an unknown VR';
CREATE FUNCTION dpp.word_codes(word text) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $_$
            declare
                code text collate "C";
                alternative text collate "C";
            begin
                if word is null or word collate "C" !~ '^[a-z]+$' then
                    return '{}';
                end if;
                code := public.dmetaphone(word);
                alternative := public.dmetaphone_alt(word);
                return array_remove(
                    case when code = alternative then array[code] else array[code, alternative] end, '');
            end
            $_$;
COMMENT ON FUNCTION dpp.word_codes(word text) IS 'The Double Metaphone codes, one or two, of a word of the letters a to z; none of other words';
CREATE FUNCTION dpp.word_sounds(word text, name_group integer) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
declare
    folded text := dpp.fold_name(word);
begin
    return case when folded = '' then '{}' else dpp.folded_word_sounds(folded, name_group) end;
end
$$;
COMMENT ON FUNCTION dpp.word_sounds(word text, name_group integer) IS 'What a word, without wild cards, is looked for by in dpp.name_sounds, in that component group: its codes (1~SM0), or folded (1=smith) when it has none';
CREATE FUNCTION dpp.write_approval_rows(p_object_id bigint, p_approval text[], p_subjects text[], p_assertions text[], p_asserters text[], p_codes text[], p_related text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    insert into dpp.approvals (
        object_id, instance_creation_date, instance_creation_time, manufacturer, manufacturer_model_name,
        device_serial_number, software_versions, other_attributes)
    values (
        p_object_id, p_approval[1][1], p_approval[1][2], p_approval[1][3], p_approval[1][4], p_approval[1][5],
        coalesce(p_approval[1][6]::text[], '{}'), coalesce(p_approval[1][7]::jsonb, '{}'));
    if array_length(p_subjects, 1) > 0 then
        insert into dpp.approval_subjects (
            object_id, ordinal, referenced_sop_class_uid, referenced_sop_instance_uid, other_attributes)
        select
            p_object_id, p_subjects[i][1]::int, p_subjects[i][2], p_subjects[i][3],
            coalesce(p_subjects[i][4]::jsonb, '{}')
        from generate_series(1, array_length(p_subjects, 1)) as i;
    end if;
    if array_length(p_assertions, 1) > 0 then
        insert into dpp.approval_assertions (
            object_id, ordinal, assertion_uid, assertion_datetime, expiration_datetime, assertion_comments,
            clinical_trial_protocol_id, other_attributes)
        select
            p_object_id, p_assertions[i][1]::int, p_assertions[i][2], p_assertions[i][3], p_assertions[i][4],
            p_assertions[i][5], p_assertions[i][6], coalesce(p_assertions[i][7]::jsonb, '{}')
        from generate_series(1, array_length(p_assertions, 1)) as i;
    end if;
    if array_length(p_asserters, 1) > 0 then
        insert into dpp.approval_asserters (
            object_id, assertion_ordinal, ordinal, observer_type, person_name, station_name, device_uid, manufacturer,
            manufacturer_model_name, station_ae_title, institution_name, institutional_department_name,
            other_attributes)
        select
            p_object_id, p_asserters[i][1]::int, p_asserters[i][2]::int, p_asserters[i][3], p_asserters[i][4],
            p_asserters[i][5], p_asserters[i][6], p_asserters[i][7], p_asserters[i][8], p_asserters[i][9],
            p_asserters[i][10], p_asserters[i][11], coalesce(p_asserters[i][12]::jsonb, '{}')
        from generate_series(1, array_length(p_asserters, 1)) as i;
    end if;
    if array_length(p_codes, 1) > 0 then
        insert into dpp.approval_codes (
            object_id, role, assertion_ordinal, asserter_ordinal, ordinal, equivalent, code_value,
            coding_scheme_designator, coding_scheme_version, code_meaning, long_code_value, urn_code_value,
            other_attributes)
        select
            p_object_id, p_codes[i][1], p_codes[i][2]::int, p_codes[i][3]::int, p_codes[i][4]::int,
            p_codes[i][5]::int, p_codes[i][6], p_codes[i][7], p_codes[i][8], p_codes[i][9], p_codes[i][10],
            p_codes[i][11], coalesce(p_codes[i][12]::jsonb, '{}')
        from generate_series(1, array_length(p_codes, 1)) as i;
    end if;
    if array_length(p_related, 1) > 0 then
        insert into dpp.approval_related_assertions (
            object_id, assertion_ordinal, ordinal, referenced_assertion_uid, other_attributes)
        select
            p_object_id, p_related[i][1]::int, p_related[i][2]::int, p_related[i][3],
            coalesce(p_related[i][4]::jsonb, '{}')
        from generate_series(1, array_length(p_related, 1)) as i;
    end if;
    insert into dpp.dataset_warnings (object_id, ordinal, attribute, warning)
    select
        p_object_id, m.most + row_number() over (order by b.attribute), b.attribute,
        format('has a value that is no %s: %s', b.kind, left(b.value, 64))
    from (
        select '00080012' as attribute, 'date' as kind, a.instance_creation_date as value
        from dpp.approvals as a
        where a.object_id = p_object_id and a.instance_creation_date is not null and a.creation_date is null
        union all
        select '00080013', 'time', a.instance_creation_time
        from dpp.approvals as a
        where a.object_id = p_object_id and a.instance_creation_time is not null and a.creation_time is null
        union all
        select format('00440100[%s].00440104', a.ordinal), 'date-time', a.assertion_datetime
        from dpp.approval_assertions as a
        where a.object_id = p_object_id and a.assertion_datetime is not null and a.assertion_datetime_local is null
        union all
        select format('00440100[%s].00440105', a.ordinal), 'date-time', a.expiration_datetime
        from dpp.approval_assertions as a
        where a.object_id = p_object_id and a.expiration_datetime is not null and a.expiration_datetime_local is null
    ) as b
    cross join lateral (
        select coalesce(max(w.ordinal), 0) as most from dpp.dataset_warnings as w where w.object_id = p_object_id
    ) as m;
end
$$;
COMMENT ON FUNCTION dpp.write_approval_rows(p_object_id bigint, p_approval text[], p_subjects text[], p_assertions text[], p_asserters text[], p_codes text[], p_related text[]) IS 'Write the rows of a Protocol Approval that has none yet: per table an array of rows';
CREATE FUNCTION dpp.write_rows(p_object_id bigint, p_protocol text[], p_custodians text[], p_codes text[], p_models text[], p_predecessors text[], p_instructions text[], p_elements text[], p_constraints text[], p_warnings text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    date_is_bad boolean := false;
    time_is_bad boolean := false;
begin
    if array_length(p_protocol, 1) > 0 then
        insert into dpp.protocols (
            object_id, protocol_name, equipment_modality, content_creator_name, instance_creation_date,
            instance_creation_time, clinical_trial_sponsor_name, clinical_trial_protocol_id,
            clinical_trial_protocol_name, potential_reasons, potential_diagnostic_tasks, planning_information,
            design_rationale, patient_position, manufacturer, manufacturer_model_name, device_serial_number,
            software_versions, other_attributes)
        values (
            p_object_id, p_protocol[1][1], p_protocol[1][2], p_protocol[1][3], p_protocol[1][4], p_protocol[1][5],
            p_protocol[1][6], p_protocol[1][7], p_protocol[1][8], coalesce(p_protocol[1][9]::text[], '{}'),
            coalesce(p_protocol[1][10]::text[], '{}'), p_protocol[1][11], p_protocol[1][12], p_protocol[1][13],
            p_protocol[1][14], p_protocol[1][15], p_protocol[1][16], coalesce(p_protocol[1][17]::text[], '{}'),
            coalesce(p_protocol[1][18]::jsonb, '{}'))
        returning
            instance_creation_date is not null and creation_date is null,
            instance_creation_time is not null and creation_time is null
        into date_is_bad, time_is_bad;
    end if;
    if array_length(p_custodians, 1) > 0 then
        insert into dpp.protocol_custodians (object_id, ordinal, institution_name, other_attributes)
        select p_object_id, p_custodians[i][1]::int, p_custodians[i][2], coalesce(p_custodians[i][3]::jsonb, '{}')
        from generate_series(1, array_length(p_custodians, 1)) as i;
    end if;
    if array_length(p_codes, 1) > 0 then
        insert into dpp.protocol_codes (
            object_id, role, parent_ordinal, ordinal, equivalent, code_value, coding_scheme_designator,
            coding_scheme_version, code_meaning, long_code_value, urn_code_value, other_attributes)
        select
            p_object_id, p_codes[i][1], p_codes[i][2]::int, p_codes[i][3]::int, p_codes[i][4]::int, p_codes[i][5],
            p_codes[i][6], p_codes[i][7], p_codes[i][8], p_codes[i][9], p_codes[i][10],
            coalesce(p_codes[i][11]::jsonb, '{}')
        from generate_series(1, array_length(p_codes, 1)) as i;
    end if;
    if array_length(p_models, 1) > 0 then
        insert into dpp.protocol_models (
            object_id, ordinal, manufacturer, manufacturer_related_model_group, manufacturer_model_name,
            software_versions, device_serial_number, other_attributes)
        select
            p_object_id, p_models[i][1]::int, p_models[i][2], p_models[i][3], p_models[i][4],
            coalesce(p_models[i][5]::text[], '{}'), p_models[i][6], coalesce(p_models[i][7]::jsonb, '{}')
        from generate_series(1, array_length(p_models, 1)) as i;
    end if;
    if array_length(p_predecessors, 1) > 0 then
        insert into dpp.protocol_predecessors (
            object_id, ordinal, referenced_sop_class_uid, referenced_sop_instance_uid, other_attributes)
        select
            p_object_id, p_predecessors[i][1]::int, p_predecessors[i][2], p_predecessors[i][3],
            coalesce(p_predecessors[i][4]::jsonb, '{}')
        from generate_series(1, array_length(p_predecessors, 1)) as i;
    end if;
    if array_length(p_instructions, 1) > 0 then
        insert into dpp.instructions (
            object_id, kind, ordinal, instruction_index, instruction_text, instruction_description, other_attributes)
        select
            p_object_id, p_instructions[i][1], p_instructions[i][2]::int, p_instructions[i][3]::int,
            p_instructions[i][4], p_instructions[i][5], coalesce(p_instructions[i][6]::jsonb, '{}')
        from generate_series(1, array_length(p_instructions, 1)) as i;
    end if;
    if array_length(p_elements, 1) > 0 then
        insert into dpp.protocol_elements (
            object_id, kind, ordinal, element_number, element_name, element_purpose, other_attributes)
        select
            p_object_id, p_elements[i][1], p_elements[i][2]::int, p_elements[i][3]::int, p_elements[i][4],
            p_elements[i][5], coalesce(p_elements[i][6]::jsonb, '{}')
        from generate_series(1, array_length(p_elements, 1)) as i;
    end if;
    if array_length(p_constraints, 1) > 0 then
        insert into dpp.parameter_constraints (
            object_id, kind, element_ordinal, ordinal, selector_attribute, selector_keyword, selector_name,
            selector_vr, selector_value_number, selector_private_creator, selector_path, selector_path_items,
            constraint_type, constraint_values, constraint_numbers, default_values, default_numbers, unit_code,
            unit_scheme, unit_meaning, significance, violation_condition, selection_guidance, is_modifiable,
            other_attributes)
        select
            p_object_id, p_constraints[i][1], p_constraints[i][2]::int, p_constraints[i][3]::int,
            p_constraints[i][4], p_constraints[i][5], p_constraints[i][6], p_constraints[i][7],
            p_constraints[i][8]::int, p_constraints[i][9], coalesce(p_constraints[i][10]::text[], '{}'),
            coalesce(p_constraints[i][11]::int[], '{}'), p_constraints[i][12],
            coalesce(p_constraints[i][13]::text[], '{}'), coalesce(p_constraints[i][14]::double precision[], '{}'),
            coalesce(p_constraints[i][15]::text[], '{}'), coalesce(p_constraints[i][16]::double precision[], '{}'),
            p_constraints[i][17], p_constraints[i][18], p_constraints[i][19], p_constraints[i][20],
            p_constraints[i][21], p_constraints[i][22], p_constraints[i][23]::boolean,
            coalesce(p_constraints[i][24]::jsonb, '{}')
        from generate_series(1, array_length(p_constraints, 1)) as i;
    end if;
    -- First what holds for the whole, then by attribute.
    if array_length(p_warnings, 1) > 0 or date_is_bad or time_is_bad then
        insert into dpp.dataset_warnings (object_id, ordinal, attribute, warning)
        select
            p_object_id, row_number() over (order by w.attribute is not null, w.n), w.attribute, w.warning
        from (
            select i as n, p_warnings[i][1] as attribute, p_warnings[i][2] as warning
            from generate_series(1, array_length(p_warnings, 1)) as i
            union all
            select -1, '00080012', 'has a value that is no date: ' || left(p_protocol[1][4], 64)
            where date_is_bad
            union all
            select 0, '00080013', 'has a value that is no time: ' || left(p_protocol[1][5], 64)
            where time_is_bad
        ) as w;
    end if;
end
$$;
COMMENT ON FUNCTION dpp.write_rows(p_object_id bigint, p_protocol text[], p_custodians text[], p_codes text[], p_models text[], p_predecessors text[], p_instructions text[], p_elements text[], p_constraints text[], p_warnings text[]) IS 'Write the rows of an object that has none yet: per table an array of rows; an object that is no protocol has null, or no, rows';
ALTER TABLE dpp.application_entities ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME dpp.application_entities_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE dpp.approval_asserters (
    object_id bigint NOT NULL,
    assertion_ordinal integer NOT NULL,
    ordinal integer NOT NULL,
    observer_type text COLLATE pg_catalog."C",
    person_name text COLLATE pg_catalog."C",
    person_name_folded text[] DEFAULT '{}'::text[] NOT NULL COLLATE pg_catalog."C",
    person_name_search text COLLATE pg_catalog."C",
    station_name text COLLATE pg_catalog."C",
    device_uid text COLLATE pg_catalog."C",
    manufacturer text COLLATE pg_catalog."C",
    manufacturer_model_name text COLLATE pg_catalog."C",
    station_ae_title text COLLATE pg_catalog."C",
    institution_name text COLLATE pg_catalog."C",
    institutional_department_name text COLLATE pg_catalog."C",
    other_attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    person_name_sounds text[] DEFAULT '{}'::text[] NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT approval_asserters_assertion_ordinal_check CHECK ((assertion_ordinal > 0)),
    CONSTRAINT approval_asserters_ordinal_check CHECK ((ordinal > 0)),
    CONSTRAINT approval_asserters_other_attributes_check CHECK ((jsonb_typeof(other_attributes) = 'object'::text))
);
COMMENT ON TABLE dpp.approval_asserters IS 'One item of Asserter Identification Sequence (0044,0103): the person or device that asserts. Its codes are in dpp.approval_codes, roles person, organizational_role, asserter_institution and department_type';
COMMENT ON COLUMN dpp.approval_asserters.object_id IS 'The approval';
COMMENT ON COLUMN dpp.approval_asserters.assertion_ordinal IS 'Ordinal of the assertion in dpp.approval_assertions';
COMMENT ON COLUMN dpp.approval_asserters.ordinal IS 'Item number in that sequence, from 1; normally there is one';
COMMENT ON COLUMN dpp.approval_asserters.observer_type IS 'Observer Type (0040,A084): PSN for a person, DEV for a device';
COMMENT ON COLUMN dpp.approval_asserters.person_name IS 'Person Name (0040,A123): component groups (alphabetic, ideographic, phonetic) separated by =, components by ^';
COMMENT ON COLUMN dpp.approval_asserters.person_name_folded IS 'Derived: dpp.fold_name of the whole name and of each component group, for matching without regard to case and accents';
COMMENT ON COLUMN dpp.approval_asserters.person_name_search IS 'Derived: the entries of person_name_folded, each between line feeds; serves the trigram index for wild cards in names';
COMMENT ON COLUMN dpp.approval_asserters.station_name IS 'Station Name (0008,1010)';
COMMENT ON COLUMN dpp.approval_asserters.device_uid IS 'Device UID (0018,1002)';
COMMENT ON COLUMN dpp.approval_asserters.manufacturer IS 'Manufacturer (0008,0070) of the device';
COMMENT ON COLUMN dpp.approval_asserters.manufacturer_model_name IS 'Manufacturer''s Model Name (0008,1090) of the device';
COMMENT ON COLUMN dpp.approval_asserters.station_ae_title IS 'Station AE Title (0008,0055)';
COMMENT ON COLUMN dpp.approval_asserters.institution_name IS 'Institution Name (0008,0080)';
COMMENT ON COLUMN dpp.approval_asserters.institutional_department_name IS 'Institutional Department Name (0008,1040)';
COMMENT ON COLUMN dpp.approval_asserters.other_attributes IS 'What the columns do not say completely: DICOM JSON keyed by tag';
COMMENT ON COLUMN dpp.approval_asserters.person_name_sounds IS 'What fuzzy matching finds the name by: dpp.name_sounds. Derived, do not write';
CREATE TABLE dpp.approval_assertions (
    object_id bigint NOT NULL,
    ordinal integer NOT NULL,
    assertion_uid text COLLATE pg_catalog."C",
    assertion_datetime text COLLATE pg_catalog."C",
    assertion_datetime_local timestamp without time zone,
    assertion_datetime_instant timestamp with time zone,
    assertion_datetime_has_offset boolean DEFAULT false NOT NULL,
    expiration_datetime text COLLATE pg_catalog."C",
    expiration_datetime_local timestamp without time zone,
    expiration_datetime_instant timestamp with time zone,
    expiration_datetime_has_offset boolean DEFAULT false NOT NULL,
    assertion_comments text COLLATE pg_catalog."C",
    clinical_trial_protocol_id text COLLATE pg_catalog."C",
    other_attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT approval_assertions_ordinal_check CHECK ((ordinal > 0)),
    CONSTRAINT approval_assertions_other_attributes_check CHECK ((jsonb_typeof(other_attributes) = 'object'::text))
);
COMMENT ON TABLE dpp.approval_assertions IS 'One item of Approval Sequence (0044,0100): an assertion. What is asserted is in dpp.approval_codes, role assertion; who asserts it in dpp.approval_asserters';
COMMENT ON COLUMN dpp.approval_assertions.object_id IS 'The approval';
COMMENT ON COLUMN dpp.approval_assertions.ordinal IS 'Item number, from 1';
COMMENT ON COLUMN dpp.approval_assertions.assertion_uid IS 'Assertion UID (0044,0102): other assertions refer to it (dpp.approval_related_assertions)';
COMMENT ON COLUMN dpp.approval_assertions.assertion_datetime IS 'Assertion DateTime (0044,0104) as written';
COMMENT ON COLUMN dpp.approval_assertions.assertion_datetime_local IS 'Derived from assertion_datetime, read without its offset; null when missing or invalid';
COMMENT ON COLUMN dpp.approval_assertions.assertion_datetime_instant IS 'Derived from assertion_datetime as an instant; null unless the value has an offset of its own or the object Timezone Offset From UTC (0008,0201)';
COMMENT ON COLUMN dpp.approval_assertions.assertion_datetime_has_offset IS 'Derived: whether assertion_datetime has an offset of its own';
COMMENT ON COLUMN dpp.approval_assertions.expiration_datetime IS 'Assertion Expiration DateTime (0044,0105) as written; null: does not expire by itself';
COMMENT ON COLUMN dpp.approval_assertions.expiration_datetime_local IS 'Derived from expiration_datetime, read without its offset; null when missing or invalid';
COMMENT ON COLUMN dpp.approval_assertions.expiration_datetime_instant IS 'Derived from expiration_datetime as an instant; null unless the value has an offset of its own or the object Timezone Offset From UTC (0008,0201)';
COMMENT ON COLUMN dpp.approval_assertions.expiration_datetime_has_offset IS 'Derived: whether expiration_datetime has an offset of its own';
COMMENT ON COLUMN dpp.approval_assertions.assertion_comments IS 'Assertion Comments (0044,0106)';
COMMENT ON COLUMN dpp.approval_assertions.clinical_trial_protocol_id IS 'Clinical Trial Protocol ID (0012,0020): the trial that the assertion is for';
COMMENT ON COLUMN dpp.approval_assertions.other_attributes IS 'What the columns do not say completely: DICOM JSON keyed by tag';
CREATE TABLE dpp.approval_codes (
    object_id bigint NOT NULL,
    role text NOT NULL COLLATE pg_catalog."C",
    assertion_ordinal integer NOT NULL,
    asserter_ordinal integer DEFAULT 0 NOT NULL,
    ordinal integer NOT NULL,
    equivalent integer DEFAULT 0 NOT NULL,
    code_value text COLLATE pg_catalog."C",
    coding_scheme_designator text COLLATE pg_catalog."C",
    coding_scheme_version text COLLATE pg_catalog."C",
    code_meaning text COLLATE pg_catalog."C",
    long_code_value text COLLATE pg_catalog."C",
    urn_code_value text COLLATE pg_catalog."C",
    other_attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT approval_codes_asserter_ordinal_check CHECK ((((role = ANY (ARRAY['assertion'::text, 'institution'::text])) = (asserter_ordinal = 0)) AND (asserter_ordinal >= 0))),
    CONSTRAINT approval_codes_assertion_ordinal_check CHECK ((assertion_ordinal > 0)),
    CONSTRAINT approval_codes_equivalent_check CHECK ((equivalent >= 0)),
    CONSTRAINT approval_codes_ordinal_check CHECK ((ordinal > 0)),
    CONSTRAINT approval_codes_other_attributes_check CHECK ((jsonb_typeof(other_attributes) = 'object'::text)),
    CONSTRAINT approval_codes_role_check CHECK ((role = ANY (ARRAY['assertion'::text, 'institution'::text, 'person'::text, 'organizational_role'::text, 'asserter_institution'::text, 'department_type'::text])))
);
COMMENT ON TABLE dpp.approval_codes IS 'One coded concept in one role of an assertion or of its asserter (PS3.3 table 8.8-1)';
COMMENT ON COLUMN dpp.approval_codes.object_id IS 'The approval';
COMMENT ON COLUMN dpp.approval_codes.role IS 'assertion (0044,0101) and institution (0008,0082), which the assertion is for, are codes of the assertion; person (0040,1101), organizational_role (0044,010A), asserter_institution (0008,0082) and department_type (0008,1041) are codes of its asserter';
COMMENT ON COLUMN dpp.approval_codes.assertion_ordinal IS 'Ordinal of the assertion in dpp.approval_assertions';
COMMENT ON COLUMN dpp.approval_codes.asserter_ordinal IS 'Ordinal of the asserter in dpp.approval_asserters; 0 for codes of the assertion itself';
COMMENT ON COLUMN dpp.approval_codes.ordinal IS 'Item number in the code sequence, from 1';
COMMENT ON COLUMN dpp.approval_codes.equivalent IS '0: the concept itself; n: item n of its Equivalent Code Sequence (0008,0121)';
COMMENT ON COLUMN dpp.approval_codes.code_value IS 'Code Value (0008,0100)';
COMMENT ON COLUMN dpp.approval_codes.coding_scheme_designator IS 'Coding Scheme Designator (0008,0102), such as DCM';
COMMENT ON COLUMN dpp.approval_codes.coding_scheme_version IS 'Coding Scheme Version (0008,0103)';
COMMENT ON COLUMN dpp.approval_codes.code_meaning IS 'Code Meaning (0008,0104): for people, never matched';
COMMENT ON COLUMN dpp.approval_codes.long_code_value IS 'Long Code Value (0008,0119): codes of more than 16 characters';
COMMENT ON COLUMN dpp.approval_codes.urn_code_value IS 'URN Code Value (0008,0120): codes that are a URN or URL';
COMMENT ON COLUMN dpp.approval_codes.other_attributes IS 'What the columns do not say completely: DICOM JSON keyed by tag';
CREATE TABLE dpp.approval_subjects (
    object_id bigint NOT NULL,
    ordinal integer NOT NULL,
    referenced_sop_class_uid text COLLATE pg_catalog."C",
    referenced_sop_instance_uid text COLLATE pg_catalog."C",
    other_attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT approval_subjects_ordinal_check CHECK ((ordinal > 0)),
    CONSTRAINT approval_subjects_other_attributes_check CHECK ((jsonb_typeof(other_attributes) = 'object'::text))
);
COMMENT ON TABLE dpp.approval_subjects IS 'One item of Approval Subject Sequence (0044,0109): a protocol that all assertions of the approval are about. It need not be in the repository';
COMMENT ON COLUMN dpp.approval_subjects.object_id IS 'The approval';
COMMENT ON COLUMN dpp.approval_subjects.ordinal IS 'Item number, from 1';
COMMENT ON COLUMN dpp.approval_subjects.referenced_sop_class_uid IS 'Referenced SOP Class UID (0008,1150)';
COMMENT ON COLUMN dpp.approval_subjects.referenced_sop_instance_uid IS 'Referenced SOP Instance UID (0008,1155) of the protocol';
COMMENT ON COLUMN dpp.approval_subjects.other_attributes IS 'What the columns do not say completely: DICOM JSON keyed by tag';
CREATE TABLE dpp.objects (
    id bigint NOT NULL,
    sop_instance_uid text NOT NULL COLLATE pg_catalog."C",
    sop_class_uid text NOT NULL COLLATE pg_catalog."C",
    state text DEFAULT 'draft'::text NOT NULL COLLATE pg_catalog."C",
    query_record bytea,
    specific_character_set text COLLATE pg_catalog."C",
    timezone_offset text COLLATE pg_catalog."C",
    source text DEFAULT 'sql'::text NOT NULL COLLATE pg_catalog."C",
    sender_aet text COLLATE pg_catalog."C",
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    published_at timestamp with time zone,
    retired_at timestamp with time zone,
    retired_reason text,
    CONSTRAINT objects_sop_class_uid_check CHECK (((sop_class_uid ~ '^[0-9]+(\.[0-9]+)*$'::text) AND (length(sop_class_uid) <= 64))),
    CONSTRAINT objects_sop_instance_uid_check CHECK (((sop_instance_uid ~ '^[0-9]+(\.[0-9]+)*$'::text) AND (length(sop_instance_uid) <= 64))),
    CONSTRAINT objects_source_check CHECK ((source = ANY (ARRAY['store'::text, 'import'::text, 'web'::text, 'sql'::text]))),
    CONSTRAINT objects_state_check CHECK ((state = ANY (ARRAY['draft'::text, 'published'::text, 'retired'::text])))
);
COMMENT ON TABLE dpp.objects IS 'One SOP Instance of any kind that is kept (protocol, protocol approval): what store, query and retrieve hang on';
COMMENT ON COLUMN dpp.objects.id IS 'Surrogate key; every other table refers to it as object_id';
COMMENT ON COLUMN dpp.objects.sop_instance_uid IS 'SOP Instance UID (0008,0018)';
COMMENT ON COLUMN dpp.objects.sop_class_uid IS 'SOP Class UID (0008,0016)';
COMMENT ON COLUMN dpp.objects.state IS 'draft: made in SQL, invisible to DICOM; published: visible and unchangeable; retired: hidden again, history stays';
COMMENT ON COLUMN dpp.objects.query_record IS 'The attributes that queries return, encoded (Explicit VR Little Endian, UTF-8); written by the server, null until then';
COMMENT ON COLUMN dpp.objects.specific_character_set IS 'Specific Character Set (0008,0005) of the encoded form, values joined by a backslash; null: default repertoire. Columns are UTF-8';
COMMENT ON COLUMN dpp.objects.timezone_offset IS 'Timezone Offset From UTC (0008,0201) of the object, such as +0100: how its dates and times are to be read';
COMMENT ON COLUMN dpp.objects.source IS 'How it came in: store (C-STORE), import, web or sql';
COMMENT ON COLUMN dpp.objects.sender_aet IS 'Calling AE title of the sender; null when not received over DICOM';
COMMENT ON COLUMN dpp.objects.created_at IS 'When the row was made; for a received object when it was received';
COMMENT ON COLUMN dpp.objects.published_at IS 'When it became visible; null for a draft';
COMMENT ON COLUMN dpp.objects.retired_at IS 'When it was hidden again; null unless retired';
COMMENT ON COLUMN dpp.objects.retired_reason IS 'Why it was retired, in the words of who did it';
CREATE TABLE dpp.protocols (
    object_id bigint NOT NULL,
    protocol_name text COLLATE pg_catalog."C",
    equipment_modality text COLLATE pg_catalog."C",
    content_creator_name text COLLATE pg_catalog."C",
    content_creator_folded text[] DEFAULT '{}'::text[] NOT NULL COLLATE pg_catalog."C",
    content_creator_search text COLLATE pg_catalog."C",
    instance_creation_date text COLLATE pg_catalog."C",
    instance_creation_time text COLLATE pg_catalog."C",
    creation_date date,
    creation_time time without time zone,
    creation_datetime timestamp without time zone,
    clinical_trial_sponsor_name text COLLATE pg_catalog."C",
    clinical_trial_protocol_id text COLLATE pg_catalog."C",
    clinical_trial_protocol_name text COLLATE pg_catalog."C",
    potential_reasons text[] DEFAULT '{}'::text[] NOT NULL COLLATE pg_catalog."C",
    potential_diagnostic_tasks text[] DEFAULT '{}'::text[] NOT NULL COLLATE pg_catalog."C",
    planning_information text COLLATE pg_catalog."C",
    design_rationale text COLLATE pg_catalog."C",
    patient_position text COLLATE pg_catalog."C",
    manufacturer text COLLATE pg_catalog."C",
    manufacturer_model_name text COLLATE pg_catalog."C",
    device_serial_number text COLLATE pg_catalog."C",
    software_versions text[] DEFAULT '{}'::text[] NOT NULL COLLATE pg_catalog."C",
    other_attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    creation_instant timestamp with time zone,
    content_creator_sounds text[] DEFAULT '{}'::text[] NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT protocols_other_attributes_check CHECK ((jsonb_typeof(other_attributes) = 'object'::text))
);
COMMENT ON TABLE dpp.protocols IS 'The header of one version of a CT or XA Defined Procedure Protocol (PS3.3 A.82)';
COMMENT ON COLUMN dpp.protocols.object_id IS 'The object';
COMMENT ON COLUMN dpp.protocols.protocol_name IS 'Protocol Name (0018,1030)';
COMMENT ON COLUMN dpp.protocols.equipment_modality IS 'Equipment Modality (0008,0221): CT or XA';
COMMENT ON COLUMN dpp.protocols.content_creator_name IS 'Content Creator''s Name (0070,0084): component groups (alphabetic, ideographic, phonetic) separated by =, components by ^';
COMMENT ON COLUMN dpp.protocols.content_creator_folded IS 'Derived: dpp.fold_name of the whole name and of each component group, for matching without regard to case and accents';
COMMENT ON COLUMN dpp.protocols.content_creator_search IS 'Derived: the entries of content_creator_folded, each between line feeds; serves the trigram index for wild cards in names';
COMMENT ON COLUMN dpp.protocols.instance_creation_date IS 'Instance Creation Date (0008,0012) as written';
COMMENT ON COLUMN dpp.protocols.instance_creation_time IS 'Instance Creation Time (0008,0013) as written';
COMMENT ON COLUMN dpp.protocols.creation_date IS 'Derived from instance_creation_date; null when missing or invalid';
COMMENT ON COLUMN dpp.protocols.creation_time IS 'Derived from instance_creation_time, in the object''s own time zone; null when missing or invalid';
COMMENT ON COLUMN dpp.protocols.creation_datetime IS 'Derived: creation_date and creation_time as one, for combined range matching (PS3.4 K.2.2.1); null when either is';
COMMENT ON COLUMN dpp.protocols.clinical_trial_sponsor_name IS 'Clinical Trial Sponsor Name (0012,0010)';
COMMENT ON COLUMN dpp.protocols.clinical_trial_protocol_id IS 'Clinical Trial Protocol ID (0012,0020)';
COMMENT ON COLUMN dpp.protocols.clinical_trial_protocol_name IS 'Clinical Trial Protocol Name (0012,0021)';
COMMENT ON COLUMN dpp.protocols.potential_reasons IS 'Potential Reasons for Procedure (0018,9908), one entry per value';
COMMENT ON COLUMN dpp.protocols.potential_diagnostic_tasks IS 'Potential Diagnostic Tasks (0018,990A), one entry per value';
COMMENT ON COLUMN dpp.protocols.planning_information IS 'Protocol Planning Information (0018,990F)';
COMMENT ON COLUMN dpp.protocols.design_rationale IS 'Protocol Design Rationale (0018,9910)';
COMMENT ON COLUMN dpp.protocols.patient_position IS 'Protocol Defined Patient Position (0018,9947), such as HFS';
COMMENT ON COLUMN dpp.protocols.manufacturer IS 'Manufacturer (0008,0070) of the equipment that created the object, not of the scanner it is meant for (dpp.protocol_models)';
COMMENT ON COLUMN dpp.protocols.manufacturer_model_name IS 'Manufacturer''s Model Name (0008,1090) of the equipment that created the object';
COMMENT ON COLUMN dpp.protocols.device_serial_number IS 'Device Serial Number (0018,1000) of the equipment that created the object';
COMMENT ON COLUMN dpp.protocols.software_versions IS 'Software Versions (0018,1020) of the equipment that created the object';
COMMENT ON COLUMN dpp.protocols.other_attributes IS 'What the columns and the item tables do not say completely: DICOM JSON keyed by tag';
COMMENT ON COLUMN dpp.protocols.creation_instant IS 'creation_datetime as an instant by Timezone Offset From UTC (0008,0201) of the object; null when it has none. Derived, do not write';
COMMENT ON COLUMN dpp.protocols.content_creator_sounds IS 'What fuzzy matching finds Content Creator''s Name by: dpp.name_sounds. Derived, do not write';
CREATE VIEW dpp.approval_list AS
 SELECT o.sop_instance_uid,
    s.referenced_sop_instance_uid AS subject_sop_instance_uid,
    p.protocol_name,
    c.code_meaning AS assertion,
    c.code_value AS assertion_code,
    COALESCE(w.person_name, w.station_name, w.manufacturer_model_name) AS asserter,
    ( SELECT string_agg(COALESCE(r.code_meaning, r.code_value), ', '::text ORDER BY r.ordinal) AS string_agg
           FROM dpp.approval_codes r
          WHERE ((r.object_id = a.object_id) AND (r.role = 'organizational_role'::text) AND (r.assertion_ordinal = a.ordinal) AND (r.asserter_ordinal = w.ordinal) AND (r.equivalent = 0))) AS role,
    w.institution_name,
    a.assertion_datetime_local AS asserted_at,
    a.expiration_datetime_local AS expires_at,
    a.assertion_comments,
    o.published_at AS received_at,
    o.sender_aet,
    a.object_id,
    a.ordinal AS assertion_ordinal
   FROM ((((((dpp.approval_assertions a
     JOIN dpp.objects o ON ((o.id = a.object_id)))
     LEFT JOIN dpp.approval_subjects s ON ((s.object_id = a.object_id)))
     LEFT JOIN dpp.objects subject ON ((subject.sop_instance_uid = s.referenced_sop_instance_uid)))
     LEFT JOIN dpp.protocols p ON ((p.object_id = subject.id)))
     LEFT JOIN dpp.approval_asserters w ON (((w.object_id = a.object_id) AND (w.assertion_ordinal = a.ordinal) AND (w.ordinal = 1))))
     LEFT JOIN dpp.approval_codes c ON (((c.object_id = a.object_id) AND (c.role = 'assertion'::text) AND (c.assertion_ordinal = a.ordinal) AND (c.ordinal = 1) AND (c.equivalent = 0))))
  WHERE (o.state = 'published'::text);
COMMENT ON VIEW dpp.approval_list IS 'One row per assertion of a published approval and protocol it is about: who says what of which protocol. Nothing is judged: neither expiry nor what was taken back by a later assertion';
COMMENT ON COLUMN dpp.approval_list.sop_instance_uid IS 'SOP Instance UID of the approval';
COMMENT ON COLUMN dpp.approval_list.subject_sop_instance_uid IS 'SOP Instance UID of the protocol it is about';
COMMENT ON COLUMN dpp.approval_list.protocol_name IS 'Name of that protocol; null when it is not in the repository';
COMMENT ON COLUMN dpp.approval_list.assertion IS 'What is asserted, in words, such as Approved for use at the institution';
COMMENT ON COLUMN dpp.approval_list.assertion_code IS 'The same as a code, such as 128603';
COMMENT ON COLUMN dpp.approval_list.asserter IS 'Who asserts it: a DICOM person name, or station or model of a device';
COMMENT ON COLUMN dpp.approval_list.role IS 'In what role, in words, such as Head of Radiology';
COMMENT ON COLUMN dpp.approval_list.institution_name IS 'For which institution the asserter speaks';
COMMENT ON COLUMN dpp.approval_list.asserted_at IS 'When, without the offset that the value may have (dpp.approval_assertions.assertion_datetime); null when missing or invalid';
COMMENT ON COLUMN dpp.approval_list.expires_at IS 'Until when, likewise; null: does not expire by itself';
COMMENT ON COLUMN dpp.approval_list.assertion_comments IS 'Comments on the assertion';
COMMENT ON COLUMN dpp.approval_list.received_at IS 'When the approval became visible here';
COMMENT ON COLUMN dpp.approval_list.sender_aet IS 'AE title of the sender; null when not received over DICOM';
COMMENT ON COLUMN dpp.approval_list.object_id IS 'The approval''s key in the tables';
COMMENT ON COLUMN dpp.approval_list.assertion_ordinal IS 'Which assertion of the approval, from 1';
CREATE TABLE dpp.approval_related_assertions (
    object_id bigint NOT NULL,
    assertion_ordinal integer NOT NULL,
    ordinal integer NOT NULL,
    referenced_assertion_uid text COLLATE pg_catalog."C",
    other_attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT approval_related_assertions_assertion_ordinal_check CHECK ((assertion_ordinal > 0)),
    CONSTRAINT approval_related_assertions_ordinal_check CHECK ((ordinal > 0)),
    CONSTRAINT approval_related_assertions_other_attributes_check CHECK ((jsonb_typeof(other_attributes) = 'object'::text))
);
COMMENT ON TABLE dpp.approval_related_assertions IS 'One item of Related Assertion Sequence (0044,0107): an assertion that this one has to do with, such as one that it overrides. It need not be in the repository';
COMMENT ON COLUMN dpp.approval_related_assertions.object_id IS 'The approval';
COMMENT ON COLUMN dpp.approval_related_assertions.assertion_ordinal IS 'Ordinal of the assertion in dpp.approval_assertions';
COMMENT ON COLUMN dpp.approval_related_assertions.ordinal IS 'Item number in that sequence, from 1';
COMMENT ON COLUMN dpp.approval_related_assertions.referenced_assertion_uid IS 'Referenced Assertion UID (0044,0108)';
COMMENT ON COLUMN dpp.approval_related_assertions.other_attributes IS 'What the columns do not say completely: DICOM JSON keyed by tag';
CREATE TABLE dpp.approvals (
    object_id bigint NOT NULL,
    instance_creation_date text COLLATE pg_catalog."C",
    instance_creation_time text COLLATE pg_catalog."C",
    creation_date date,
    creation_time time without time zone,
    creation_datetime timestamp without time zone,
    creation_instant timestamp with time zone,
    manufacturer text COLLATE pg_catalog."C",
    manufacturer_model_name text COLLATE pg_catalog."C",
    device_serial_number text COLLATE pg_catalog."C",
    software_versions text[] DEFAULT '{}'::text[] NOT NULL COLLATE pg_catalog."C",
    other_attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT approvals_other_attributes_check CHECK ((jsonb_typeof(other_attributes) = 'object'::text))
);
COMMENT ON TABLE dpp.approvals IS 'The header of one Protocol Approval: somebody says something about protocols (dpp.approval_assertions about dpp.approval_subjects)';
COMMENT ON COLUMN dpp.approvals.object_id IS 'The object';
COMMENT ON COLUMN dpp.approvals.instance_creation_date IS 'Instance Creation Date (0008,0012) as written';
COMMENT ON COLUMN dpp.approvals.instance_creation_time IS 'Instance Creation Time (0008,0013) as written';
COMMENT ON COLUMN dpp.approvals.creation_date IS 'Derived from instance_creation_date; null when missing or invalid';
COMMENT ON COLUMN dpp.approvals.creation_time IS 'Derived from instance_creation_time, in the object''s own time zone; null when missing or invalid';
COMMENT ON COLUMN dpp.approvals.creation_datetime IS 'Derived: creation_date and creation_time as one, for combined range matching (PS3.4 K.2.2.1); null when either is';
COMMENT ON COLUMN dpp.approvals.creation_instant IS 'Derived: creation_datetime as an instant by Timezone Offset From UTC (0008,0201) of the object; null when it has none';
COMMENT ON COLUMN dpp.approvals.manufacturer IS 'Manufacturer (0008,0070) of the equipment that created the object; that of a device that asserts something is in dpp.approval_asserters';
COMMENT ON COLUMN dpp.approvals.manufacturer_model_name IS 'Manufacturer''s Model Name (0008,1090) of the equipment that created the object';
COMMENT ON COLUMN dpp.approvals.device_serial_number IS 'Device Serial Number (0018,1000) of the equipment that created the object';
COMMENT ON COLUMN dpp.approvals.software_versions IS 'Software Versions (0018,1020) of the equipment that created the object';
COMMENT ON COLUMN dpp.approvals.other_attributes IS 'What the columns and the item tables do not say completely: DICOM JSON keyed by tag';
CREATE TABLE dpp.dataset_warnings (
    object_id bigint NOT NULL,
    ordinal integer NOT NULL,
    attribute text COLLATE pg_catalog."C",
    warning text NOT NULL,
    CONSTRAINT dataset_warnings_ordinal_check CHECK ((ordinal > 0))
);
COMMENT ON TABLE dpp.dataset_warnings IS 'What was found wrong with a received object, at most the first thousand things. Nothing here keeps it from being stored, queried or retrieved';
COMMENT ON COLUMN dpp.dataset_warnings.object_id IS 'The object';
COMMENT ON COLUMN dpp.dataset_warnings.ordinal IS 'Number of the warning of this object, from 1';
COMMENT ON COLUMN dpp.dataset_warnings.attribute IS 'Where: tags and item numbers from the outside in, such as 0018991F[1].00189921; null: the data set, or see the text';
COMMENT ON COLUMN dpp.dataset_warnings.warning IS 'What, as a sentence';
CREATE TABLE dpp.destination_slots (
    ae_title text NOT NULL COLLATE pg_catalog."C",
    slot integer NOT NULL,
    holder text NOT NULL COLLATE pg_catalog."C",
    taken_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT destination_slots_slot_check CHECK ((slot > 0))
);
COMMENT ON TABLE dpp.destination_slots IS 'One association that a server has, or is about to open, to a move destination; written by the servers themselves';
COMMENT ON COLUMN dpp.destination_slots.ae_title IS 'AE title of the destination';
COMMENT ON COLUMN dpp.destination_slots.slot IS 'Place, from 1 to max_associations of the destination';
COMMENT ON COLUMN dpp.destination_slots.holder IS 'Who has it: host, process and a random number, unique for each move';
COMMENT ON COLUMN dpp.destination_slots.taken_at IS 'When it was taken';
COMMENT ON COLUMN dpp.destination_slots.expires_at IS 'From then on the place is free again; moved on while the association is open';
CREATE TABLE dpp.instances (
    object_id bigint NOT NULL,
    transfer_syntax_uid text NOT NULL COLLATE pg_catalog."C",
    dataset bytea NOT NULL,
    size bigint NOT NULL,
    digest bytea NOT NULL,
    CONSTRAINT instances_size_check CHECK ((size >= 0))
);
ALTER TABLE ONLY dpp.instances ALTER COLUMN dataset SET STORAGE EXTERNAL;
COMMENT ON TABLE dpp.instances IS 'The encoded form of an object: what is sent on retrieval, octet for octet';
COMMENT ON COLUMN dpp.instances.object_id IS 'The object';
COMMENT ON COLUMN dpp.instances.transfer_syntax_uid IS 'Transfer syntax of dataset (PS3.5 section 10)';
COMMENT ON COLUMN dpp.instances.dataset IS 'The data set as received or rendered, without File Meta Information; stored uncompressed, so that parts can be read';
COMMENT ON COLUMN dpp.instances.size IS 'Length of dataset in octets';
COMMENT ON COLUMN dpp.instances.digest IS 'SHA-256 of the canonical form: equal for equal content whatever the transfer syntax it came in';
CREATE TABLE dpp.instructions (
    object_id bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    ordinal integer NOT NULL,
    instruction_index integer,
    instruction_text text COLLATE pg_catalog."C",
    instruction_description text COLLATE pg_catalog."C",
    other_attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT instructions_kind_check CHECK ((kind = ANY (ARRAY['instruction'::text, 'positioning'::text]))),
    CONSTRAINT instructions_ordinal_check CHECK ((ordinal > 0)),
    CONSTRAINT instructions_other_attributes_check CHECK ((jsonb_typeof(other_attributes) = 'object'::text))
);
COMMENT ON TABLE dpp.instructions IS 'One instruction to the staff who perform the protocol (PS3.3 C.34.7, C.34.8)';
COMMENT ON COLUMN dpp.instructions.object_id IS 'The protocol';
COMMENT ON COLUMN dpp.instructions.kind IS 'instruction: item of Instruction Sequence (0018,9914); positioning: item of Patient Positioning Instruction Sequence (0018,991B)';
COMMENT ON COLUMN dpp.instructions.ordinal IS 'Item number in that sequence, from 1';
COMMENT ON COLUMN dpp.instructions.instruction_index IS 'Instruction Index (0018,9915): the order of execution';
COMMENT ON COLUMN dpp.instructions.instruction_text IS 'Instruction Text (0018,9916)';
COMMENT ON COLUMN dpp.instructions.instruction_description IS 'Instruction Description (0018,9917)';
COMMENT ON COLUMN dpp.instructions.other_attributes IS 'What the columns do not say completely: DICOM JSON keyed by tag';
ALTER TABLE dpp.objects ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME dpp.objects_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE dpp.parameter_constraints (
    object_id bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    element_ordinal integer DEFAULT 0 NOT NULL,
    ordinal integer NOT NULL,
    selector_attribute text COLLATE pg_catalog."C",
    selector_keyword text COLLATE pg_catalog."C",
    selector_name text COLLATE pg_catalog."C",
    selector_vr text COLLATE pg_catalog."C",
    selector_value_number integer,
    selector_private_creator text COLLATE pg_catalog."C",
    selector_path text[] DEFAULT '{}'::text[] NOT NULL COLLATE pg_catalog."C",
    selector_path_items integer[] DEFAULT '{}'::integer[] NOT NULL,
    constraint_type text COLLATE pg_catalog."C",
    constraint_values text[] DEFAULT '{}'::text[] NOT NULL COLLATE pg_catalog."C",
    constraint_numbers double precision[] DEFAULT '{}'::double precision[] NOT NULL,
    default_values text[] DEFAULT '{}'::text[] NOT NULL COLLATE pg_catalog."C",
    default_numbers double precision[] DEFAULT '{}'::double precision[] NOT NULL,
    unit_code text COLLATE pg_catalog."C",
    unit_scheme text COLLATE pg_catalog."C",
    unit_meaning text COLLATE pg_catalog."C",
    significance text COLLATE pg_catalog."C",
    violation_condition text COLLATE pg_catalog."C",
    selection_guidance text COLLATE pg_catalog."C",
    is_modifiable boolean,
    other_attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT parameter_constraints_element_ordinal_check CHECK ((((kind = 'patient'::text) = (element_ordinal = 0)) AND (element_ordinal >= 0))),
    CONSTRAINT parameter_constraints_kind_check CHECK ((kind = ANY (ARRAY['patient'::text, 'acquisition'::text, 'reconstruction'::text, 'storage'::text]))),
    CONSTRAINT parameter_constraints_ordinal_check CHECK ((ordinal > 0)),
    CONSTRAINT parameter_constraints_other_attributes_check CHECK ((jsonb_typeof(other_attributes) = 'object'::text))
);
COMMENT ON TABLE dpp.parameter_constraints IS 'One Attribute Value Constraint (PS3.3 10.25) on a parameter of an element, or on the patient the protocol is meant for';
COMMENT ON COLUMN dpp.parameter_constraints.object_id IS 'The protocol';
COMMENT ON COLUMN dpp.parameter_constraints.kind IS 'acquisition, reconstruction or storage: a parameter (0018,9913) of that element; patient: an item of Patient Specification Sequence (0018,9911)';
COMMENT ON COLUMN dpp.parameter_constraints.element_ordinal IS 'Ordinal of the element in dpp.protocol_elements of the same kind; 0 for kind patient';
COMMENT ON COLUMN dpp.parameter_constraints.ordinal IS 'Item number, from 1';
COMMENT ON COLUMN dpp.parameter_constraints.selector_attribute IS 'Selector Attribute (0072,0026): the tag of the constrained attribute as eight hexadecimal digits, such as 00180060';
COMMENT ON COLUMN dpp.parameter_constraints.selector_keyword IS 'Selector Attribute Keyword (0082,0019), such as KVP';
COMMENT ON COLUMN dpp.parameter_constraints.selector_name IS 'Selector Attribute Name (0082,0018)';
COMMENT ON COLUMN dpp.parameter_constraints.selector_vr IS 'Selector Attribute VR (0072,0050)';
COMMENT ON COLUMN dpp.parameter_constraints.selector_value_number IS 'Selector Value Number (0072,0028): which value of the attribute, from 1; 0: all values';
COMMENT ON COLUMN dpp.parameter_constraints.selector_private_creator IS 'Selector Attribute Private Creator (0072,0056)';
COMMENT ON COLUMN dpp.parameter_constraints.selector_path IS 'Selector Sequence Pointer (0072,0052): tags of the sequences that lead to the attribute, outermost first';
COMMENT ON COLUMN dpp.parameter_constraints.selector_path_items IS 'Selector Sequence Pointer Items (0074,1057): item number in each sequence of selector_path; 0: all items';
COMMENT ON COLUMN dpp.parameter_constraints.constraint_type IS 'Constraint Type (0082,0032): RANGE_INCL, RANGE_EXCL, GREATER_OR_EQUAL, LESS_OR_EQUAL, GREATER_THAN, LESS_THAN, EQUAL, MEMBER_OF, NOT_MEMBER_OF, MEMBER_OF_CID or UNCONSTRAINED';
COMMENT ON COLUMN dpp.parameter_constraints.constraint_values IS 'Values of Constraint Value Sequence (0082,0034) as text. RANGE_*, MEMBER_OF, NOT_MEMBER_OF: one per item (low and high; each member); else the values of the only item. Codes: value^scheme^meaning';
COMMENT ON COLUMN dpp.parameter_constraints.constraint_numbers IS 'constraint_values as numbers where selector_vr is numeric, in the unit of unit_code; null for one that is no number';
COMMENT ON COLUMN dpp.parameter_constraints.default_values IS 'Values of Recommended Default Value Sequence (0082,0035) as text, in the form of constraint_values';
COMMENT ON COLUMN dpp.parameter_constraints.default_numbers IS 'default_values as numbers where selector_vr is numeric';
COMMENT ON COLUMN dpp.parameter_constraints.unit_code IS 'Code Value of Measurement Units Code Sequence (0040,08EA), such as kV, mA or mGy; unit of the numbers';
COMMENT ON COLUMN dpp.parameter_constraints.unit_scheme IS 'Coding Scheme Designator of the unit, normally UCUM';
COMMENT ON COLUMN dpp.parameter_constraints.unit_meaning IS 'Code Meaning of the unit';
COMMENT ON COLUMN dpp.parameter_constraints.significance IS 'Constraint Violation Significance (0082,0036): FAILURE, WARNING or INFORMATIVE';
COMMENT ON COLUMN dpp.parameter_constraints.violation_condition IS 'Constraint Violation Condition (0082,0037)';
COMMENT ON COLUMN dpp.parameter_constraints.selection_guidance IS 'Specification Selection Guidance (0082,0033)';
COMMENT ON COLUMN dpp.parameter_constraints.is_modifiable IS 'Modifiable Constraint Flag (0082,0038): false for NO, true for YES, null when absent (may be modified)';
COMMENT ON COLUMN dpp.parameter_constraints.other_attributes IS 'What the columns do not say completely, such as binary values or items of several values: DICOM JSON keyed by tag';
CREATE TABLE dpp.protocol_elements (
    object_id bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    ordinal integer NOT NULL,
    element_number integer,
    element_name text COLLATE pg_catalog."C",
    element_purpose text COLLATE pg_catalog."C",
    other_attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT protocol_elements_kind_check CHECK ((kind = ANY (ARRAY['acquisition'::text, 'reconstruction'::text, 'storage'::text]))),
    CONSTRAINT protocol_elements_ordinal_check CHECK ((ordinal > 0)),
    CONSTRAINT protocol_elements_other_attributes_check CHECK ((jsonb_typeof(other_attributes) = 'object'::text))
);
COMMENT ON TABLE dpp.protocol_elements IS 'One acquisition, reconstruction or storage element of a protocol (PS3.3 C.34.9, C.34.11, C.34.13)';
COMMENT ON COLUMN dpp.protocol_elements.object_id IS 'The protocol';
COMMENT ON COLUMN dpp.protocol_elements.kind IS 'acquisition (0018,991F), reconstruction (0018,9933) or storage (0018,9935): the sequence the element is an item of';
COMMENT ON COLUMN dpp.protocol_elements.ordinal IS 'Item number in that sequence, from 1';
COMMENT ON COLUMN dpp.protocol_elements.element_number IS 'Protocol Element Number (0018,9921); normally the same as ordinal';
COMMENT ON COLUMN dpp.protocol_elements.element_name IS 'Protocol Element Name (0018,9922); most senders give it as a constraint of the element instead';
COMMENT ON COLUMN dpp.protocol_elements.element_purpose IS 'Protocol Element Purpose (0018,9924)';
COMMENT ON COLUMN dpp.protocol_elements.other_attributes IS 'What the columns do not say completely: DICOM JSON keyed by tag';
CREATE VIEW dpp.parameters AS
 SELECT o.sop_instance_uid,
    p.protocol_name,
    p.equipment_modality,
    o.state,
    c.kind,
    c.element_ordinal,
    COALESCE(e.element_name, ( SELECT n.constraint_values[1] AS constraint_values
           FROM dpp.parameter_constraints n
          WHERE ((n.object_id = c.object_id) AND (n.kind = c.kind) AND (n.element_ordinal = c.element_ordinal) AND (n.selector_attribute = '00189922'::text) AND (n.constraint_type = 'EQUAL'::text))
          ORDER BY n.ordinal
         LIMIT 1)) AS element_name,
    c.ordinal,
    c.selector_attribute,
    c.selector_keyword,
    c.selector_name,
    c.constraint_type,
    c.constraint_values,
    c.constraint_numbers,
    c.default_values,
    c.default_numbers,
    c.unit_code,
    c.significance,
    COALESCE(c.is_modifiable, true) AS is_modifiable,
    c.object_id
   FROM (((dpp.parameter_constraints c
     JOIN dpp.protocols p ON ((p.object_id = c.object_id)))
     JOIN dpp.objects o ON ((o.id = c.object_id)))
     LEFT JOIN dpp.protocol_elements e ON (((e.object_id = c.object_id) AND (e.kind = c.kind) AND (e.ordinal = c.element_ordinal))));
COMMENT ON VIEW dpp.parameters IS 'One flat row per constraint on a parameter or on the patient, with its protocol and element: for questions such as which head protocols go above 120 kV';
COMMENT ON COLUMN dpp.parameters.sop_instance_uid IS 'SOP Instance UID of the protocol';
COMMENT ON COLUMN dpp.parameters.protocol_name IS 'Name of the protocol';
COMMENT ON COLUMN dpp.parameters.equipment_modality IS 'CT or XA';
COMMENT ON COLUMN dpp.parameters.state IS 'State of the protocol: draft, published or retired';
COMMENT ON COLUMN dpp.parameters.kind IS 'patient, acquisition, reconstruction or storage';
COMMENT ON COLUMN dpp.parameters.element_ordinal IS 'Which element of that kind, from 1; 0 for patient';
COMMENT ON COLUMN dpp.parameters.element_name IS 'Name of the element, from its row or from its constraint on Protocol Element Name';
COMMENT ON COLUMN dpp.parameters.ordinal IS 'Which constraint of the element, from 1';
COMMENT ON COLUMN dpp.parameters.selector_attribute IS 'Tag of the constrained attribute, such as 00180060';
COMMENT ON COLUMN dpp.parameters.selector_keyword IS 'Its keyword, such as KVP';
COMMENT ON COLUMN dpp.parameters.selector_name IS 'Its name';
COMMENT ON COLUMN dpp.parameters.constraint_type IS 'Constraint Type (0082,0032), such as EQUAL or RANGE_INCL';
COMMENT ON COLUMN dpp.parameters.constraint_values IS 'Values as text, see dpp.parameter_constraints';
COMMENT ON COLUMN dpp.parameters.constraint_numbers IS 'Values as numbers, in unit_code';
COMMENT ON COLUMN dpp.parameters.default_values IS 'Recommended default as text';
COMMENT ON COLUMN dpp.parameters.default_numbers IS 'Recommended default as number, in unit_code';
COMMENT ON COLUMN dpp.parameters.unit_code IS 'Unit of the numbers, normally UCUM';
COMMENT ON COLUMN dpp.parameters.significance IS 'What a violation means: FAILURE, WARNING or INFORMATIVE';
COMMENT ON COLUMN dpp.parameters.is_modifiable IS 'Whether the scanner''s user may change the constraint';
COMMENT ON COLUMN dpp.parameters.object_id IS 'The protocol''s key in the tables';
CREATE VIEW dpp.protocol_attributes AS
 SELECT c.relation,
    c.column_name,
    c.ordinal,
    c.keyword,
    c.tag,
    c.aspect
   FROM ( VALUES ('objects'::text,'sop_class_uid'::text,1,'SOPClassUID'::text,'00080016'::text,NULL::text), ('objects'::text,'timezone_offset'::text,2,'TimezoneOffsetFromUTC'::text,'00080201'::text,NULL::text), ('protocols'::text,'protocol_name'::text,3,'ProtocolName'::text,'00181030'::text,NULL::text), ('protocols'::text,'equipment_modality'::text,4,'EquipmentModality'::text,'00080221'::text,NULL::text), ('protocols'::text,'content_creator_name'::text,5,'ContentCreatorName'::text,'00700084'::text,NULL::text), ('protocols'::text,'instance_creation_date'::text,6,'InstanceCreationDate'::text,'00080012'::text,NULL::text), ('protocols'::text,'instance_creation_time'::text,7,'InstanceCreationTime'::text,'00080013'::text,NULL::text), ('protocols'::text,'clinical_trial_sponsor_name'::text,8,'ClinicalTrialSponsorName'::text,'00120010'::text,NULL::text), ('protocols'::text,'clinical_trial_protocol_id'::text,9,'ClinicalTrialProtocolID'::text,'00120020'::text,NULL::text), ('protocols'::text,'clinical_trial_protocol_name'::text,10,'ClinicalTrialProtocolName'::text,'00120021'::text,NULL::text), ('protocols'::text,'potential_reasons'::text,11,'PotentialReasonsForProcedure'::text,'00189908'::text,NULL::text), ('protocols'::text,'potential_diagnostic_tasks'::text,12,'PotentialDiagnosticTasks'::text,'0018990A'::text,NULL::text), ('protocols'::text,'planning_information'::text,13,'ProtocolPlanningInformation'::text,'0018990F'::text,NULL::text), ('protocols'::text,'design_rationale'::text,14,'ProtocolDesignRationale'::text,'00189910'::text,NULL::text), ('protocols'::text,'patient_position'::text,15,'ProtocolDefinedPatientPosition'::text,'00189947'::text,NULL::text), ('protocols'::text,'manufacturer'::text,16,'Manufacturer'::text,'00080070'::text,NULL::text), ('protocols'::text,'manufacturer_model_name'::text,17,'ManufacturerModelName'::text,'00081090'::text,NULL::text), ('protocols'::text,'device_serial_number'::text,18,'DeviceSerialNumber'::text,'00181000'::text,NULL::text), ('protocols'::text,'software_versions'::text,19,'SoftwareVersions'::text,'00181020'::text,NULL::text), ('protocol_custodians'::text,'institution_name'::text,1,'InstitutionName'::text,'00080080'::text,NULL::text), ('protocol_codes'::text,'code_value'::text,1,'CodeValue'::text,'00080100'::text,NULL::text), ('protocol_codes'::text,'coding_scheme_designator'::text,2,'CodingSchemeDesignator'::text,'00080102'::text,NULL::text), ('protocol_codes'::text,'coding_scheme_version'::text,3,'CodingSchemeVersion'::text,'00080103'::text,NULL::text), ('protocol_codes'::text,'code_meaning'::text,4,'CodeMeaning'::text,'00080104'::text,NULL::text), ('protocol_codes'::text,'long_code_value'::text,5,'LongCodeValue'::text,'00080119'::text,NULL::text), ('protocol_codes'::text,'urn_code_value'::text,6,'URNCodeValue'::text,'00080120'::text,NULL::text), ('protocol_models'::text,'manufacturer'::text,1,'Manufacturer'::text,'00080070'::text,NULL::text), ('protocol_models'::text,'manufacturer_related_model_group'::text,2,'ManufacturerRelatedModelGroup'::text,'00080222'::text,NULL::text), ('protocol_models'::text,'manufacturer_model_name'::text,3,'ManufacturerModelName'::text,'00081090'::text,NULL::text), ('protocol_models'::text,'software_versions'::text,4,'SoftwareVersions'::text,'00181020'::text,NULL::text), ('protocol_models'::text,'device_serial_number'::text,5,'DeviceSerialNumber'::text,'00181000'::text,NULL::text), ('protocol_predecessors'::text,'referenced_sop_class_uid'::text,1,'ReferencedSOPClassUID'::text,'00081150'::text,NULL::text), ('protocol_predecessors'::text,'referenced_sop_instance_uid'::text,2,'ReferencedSOPInstanceUID'::text,'00081155'::text,NULL::text), ('instructions'::text,'instruction_index'::text,1,'InstructionIndex'::text,'00189915'::text,NULL::text), ('instructions'::text,'instruction_text'::text,2,'InstructionText'::text,'00189916'::text,NULL::text), ('instructions'::text,'instruction_description'::text,3,'InstructionDescription'::text,'00189917'::text,NULL::text), ('protocol_elements'::text,'element_number'::text,1,'ProtocolElementNumber'::text,'00189921'::text,NULL::text), ('protocol_elements'::text,'element_name'::text,2,'ProtocolElementName'::text,'00189922'::text,NULL::text), ('protocol_elements'::text,'element_purpose'::text,3,'ProtocolElementPurpose'::text,'00189924'::text,NULL::text), ('parameter_constraints'::text,'constraint_values'::text,1,'ConstraintValueSequence'::text,'00820034'::text,'value'::text), ('parameter_constraints'::text,'constraint_type'::text,2,'ConstraintType'::text,'00820032'::text,'type'::text), ('parameter_constraints'::text,'default_values'::text,3,'RecommendedDefaultValueSequence'::text,'00820035'::text,'default'::text), ('parameter_constraints'::text,'unit_code'::text,4,'MeasurementUnitsCodeSequence'::text,'004008EA'::text,'unit'::text), ('parameter_constraints'::text,'significance'::text,5,'ConstraintViolationSignificance'::text,'00820036'::text,'significance'::text), ('parameter_constraints'::text,'violation_condition'::text,6,'ConstraintViolationCondition'::text,'00820037'::text,'condition'::text), ('parameter_constraints'::text,'selection_guidance'::text,7,'SpecificationSelectionGuidance'::text,'00820033'::text,'guidance'::text), ('parameter_constraints'::text,'is_modifiable'::text,8,'ModifiableConstraintFlag'::text,'00820038'::text,'modifiable'::text), ('parameter_constraints'::text,'selector_keyword'::text,9,'SelectorAttributeKeyword'::text,'00820019'::text,'keyword'::text), ('parameter_constraints'::text,'selector_name'::text,10,'SelectorAttributeName'::text,'00820018'::text,'name'::text), ('parameter_constraints'::text,'selector_vr'::text,11,'SelectorAttributeVR'::text,'00720050'::text,'vr'::text)) c(relation, column_name, ordinal, keyword, tag, aspect);
COMMENT ON VIEW dpp.protocol_attributes IS 'Which column of a protocol''s tables is which DICOM attribute, as dpp.diff tells of it; without the columns that a constraint is told from others by, and derived ones';
COMMENT ON COLUMN dpp.protocol_attributes.relation IS 'The table, in schema dpp';
COMMENT ON COLUMN dpp.protocol_attributes.column_name IS 'Its column';
COMMENT ON COLUMN dpp.protocol_attributes.ordinal IS 'Place among the columns of an item, from 1';
COMMENT ON COLUMN dpp.protocol_attributes.keyword IS 'Keyword of the attribute';
COMMENT ON COLUMN dpp.protocol_attributes.tag IS 'Its tag, eight hexadecimal digits';
COMMENT ON COLUMN dpp.protocol_attributes.aspect IS 'For a constraint, what of it the column says; null for other tables';
CREATE TABLE dpp.protocol_codes (
    object_id bigint NOT NULL,
    role text NOT NULL COLLATE pg_catalog."C",
    parent_ordinal integer DEFAULT 0 NOT NULL,
    ordinal integer NOT NULL,
    equivalent integer DEFAULT 0 NOT NULL,
    code_value text COLLATE pg_catalog."C",
    coding_scheme_designator text COLLATE pg_catalog."C",
    coding_scheme_version text COLLATE pg_catalog."C",
    code_meaning text COLLATE pg_catalog."C",
    long_code_value text COLLATE pg_catalog."C",
    urn_code_value text COLLATE pg_catalog."C",
    other_attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT protocol_codes_equivalent_check CHECK ((equivalent >= 0)),
    CONSTRAINT protocol_codes_ordinal_check CHECK ((ordinal > 0)),
    CONSTRAINT protocol_codes_other_attributes_check CHECK ((jsonb_typeof(other_attributes) = 'object'::text)),
    CONSTRAINT protocol_codes_parent_ordinal_check CHECK ((((role = 'custodian_institution'::text) = (parent_ordinal > 0)) AND (parent_ordinal >= 0))),
    CONSTRAINT protocol_codes_role_check CHECK ((role = ANY (ARRAY['custodian_institution'::text, 'responsible_group'::text, 'scheduled_protocol'::text, 'requested_procedure'::text, 'reason'::text, 'contraindication'::text, 'anatomic_region'::text, 'primary_structure'::text, 'positioning_method'::text])))
);
COMMENT ON TABLE dpp.protocol_codes IS 'One coded concept in one role of a protocol (PS3.3 table 8.8-1)';
COMMENT ON COLUMN dpp.protocol_codes.object_id IS 'The protocol';
COMMENT ON COLUMN dpp.protocol_codes.role IS 'custodian_institution (0008,0082), responsible_group (0008,0220), scheduled_protocol (0018,9906), requested_procedure (0018,9907), reason (0018,9909), contraindication (0018,990B), anatomic_region (0008,2218), primary_structure (0008,2228) or positioning_method (0018,991C)';
COMMENT ON COLUMN dpp.protocol_codes.parent_ordinal IS 'custodian_institution: ordinal of the custodian in dpp.protocol_custodians; 0 for the other roles';
COMMENT ON COLUMN dpp.protocol_codes.ordinal IS 'Item number in the code sequence, from 1';
COMMENT ON COLUMN dpp.protocol_codes.equivalent IS '0: the concept itself; n: item n of its Equivalent Code Sequence (0008,0121)';
COMMENT ON COLUMN dpp.protocol_codes.code_value IS 'Code Value (0008,0100)';
COMMENT ON COLUMN dpp.protocol_codes.coding_scheme_designator IS 'Coding Scheme Designator (0008,0102), such as SCT or LN';
COMMENT ON COLUMN dpp.protocol_codes.coding_scheme_version IS 'Coding Scheme Version (0008,0103)';
COMMENT ON COLUMN dpp.protocol_codes.code_meaning IS 'Code Meaning (0008,0104): for people, never matched';
COMMENT ON COLUMN dpp.protocol_codes.long_code_value IS 'Long Code Value (0008,0119): codes of more than 16 characters';
COMMENT ON COLUMN dpp.protocol_codes.urn_code_value IS 'URN Code Value (0008,0120): codes that are a URN or URL';
COMMENT ON COLUMN dpp.protocol_codes.other_attributes IS 'What the columns do not say completely: DICOM JSON keyed by tag';
CREATE TABLE dpp.protocol_custodians (
    object_id bigint NOT NULL,
    ordinal integer NOT NULL,
    institution_name text COLLATE pg_catalog."C",
    other_attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT protocol_custodians_ordinal_check CHECK ((ordinal > 0)),
    CONSTRAINT protocol_custodians_other_attributes_check CHECK ((jsonb_typeof(other_attributes) = 'object'::text))
);
COMMENT ON TABLE dpp.protocol_custodians IS 'One item of Custodial Organization Sequence (0040,A07C): who is in charge of the protocol. Its codes are in dpp.protocol_codes, role custodian_institution';
COMMENT ON COLUMN dpp.protocol_custodians.object_id IS 'The protocol';
COMMENT ON COLUMN dpp.protocol_custodians.ordinal IS 'Item number, from 1';
COMMENT ON COLUMN dpp.protocol_custodians.institution_name IS 'Institution Name (0008,0080)';
COMMENT ON COLUMN dpp.protocol_custodians.other_attributes IS 'What the columns do not say completely: DICOM JSON keyed by tag';
CREATE TABLE dpp.protocol_models (
    object_id bigint NOT NULL,
    ordinal integer NOT NULL,
    manufacturer text COLLATE pg_catalog."C",
    manufacturer_related_model_group text COLLATE pg_catalog."C",
    manufacturer_model_name text COLLATE pg_catalog."C",
    software_versions text[] DEFAULT '{}'::text[] NOT NULL COLLATE pg_catalog."C",
    device_serial_number text COLLATE pg_catalog."C",
    other_attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT protocol_models_ordinal_check CHECK ((ordinal > 0)),
    CONSTRAINT protocol_models_other_attributes_check CHECK ((jsonb_typeof(other_attributes) = 'object'::text))
);
COMMENT ON TABLE dpp.protocol_models IS 'One item of Model Specification Sequence (0018,9912): equipment that the protocol is meant for. None: any equipment';
COMMENT ON COLUMN dpp.protocol_models.object_id IS 'The protocol';
COMMENT ON COLUMN dpp.protocol_models.ordinal IS 'Item number, from 1';
COMMENT ON COLUMN dpp.protocol_models.manufacturer IS 'Manufacturer (0008,0070)';
COMMENT ON COLUMN dpp.protocol_models.manufacturer_related_model_group IS 'Manufacturer''s Related Model Group (0008,0222)';
COMMENT ON COLUMN dpp.protocol_models.manufacturer_model_name IS 'Manufacturer''s Model Name (0008,1090)';
COMMENT ON COLUMN dpp.protocol_models.software_versions IS 'Software Versions (0018,1020), one entry per value';
COMMENT ON COLUMN dpp.protocol_models.device_serial_number IS 'Device Serial Number (0018,1000)';
COMMENT ON COLUMN dpp.protocol_models.other_attributes IS 'What the columns do not say completely: DICOM JSON keyed by tag';
CREATE VIEW dpp.protocol_list AS
 SELECT o.sop_instance_uid,
    p.protocol_name,
    p.equipment_modality,
    ( SELECT string_agg(concat_ws(' '::text, m.manufacturer, COALESCE(m.manufacturer_model_name, m.manufacturer_related_model_group)), ', '::text ORDER BY m.ordinal) AS string_agg
           FROM dpp.protocol_models m
          WHERE (m.object_id = o.id)) AS models,
    p.creation_date,
    p.creation_time,
    p.content_creator_name,
    o.published_at AS received_at,
    o.sender_aet,
    i.size,
    o.id AS object_id
   FROM ((dpp.objects o
     JOIN dpp.protocols p ON ((p.object_id = o.id)))
     LEFT JOIN dpp.instances i ON ((i.object_id = o.id)))
  WHERE (o.state = 'published'::text);
COMMENT ON VIEW dpp.protocol_list IS 'One row per published protocol: what there is, at a glance';
COMMENT ON COLUMN dpp.protocol_list.sop_instance_uid IS 'SOP Instance UID';
COMMENT ON COLUMN dpp.protocol_list.protocol_name IS 'Name of the protocol';
COMMENT ON COLUMN dpp.protocol_list.equipment_modality IS 'CT or XA';
COMMENT ON COLUMN dpp.protocol_list.models IS 'Equipment it is meant for, separated by commas; null: any';
COMMENT ON COLUMN dpp.protocol_list.creation_date IS 'Instance Creation Date; null when missing or invalid';
COMMENT ON COLUMN dpp.protocol_list.creation_time IS 'Instance Creation Time; null when missing or invalid';
COMMENT ON COLUMN dpp.protocol_list.content_creator_name IS 'Who made it, as a DICOM person name';
COMMENT ON COLUMN dpp.protocol_list.received_at IS 'When it became visible here';
COMMENT ON COLUMN dpp.protocol_list.sender_aet IS 'AE title of the sender; null when not received over DICOM';
COMMENT ON COLUMN dpp.protocol_list.size IS 'Octets of the encoded form';
COMMENT ON COLUMN dpp.protocol_list.object_id IS 'The protocol''s key in the tables';
CREATE TABLE dpp.protocol_predecessors (
    object_id bigint NOT NULL,
    ordinal integer NOT NULL,
    referenced_sop_class_uid text COLLATE pg_catalog."C",
    referenced_sop_instance_uid text COLLATE pg_catalog."C",
    other_attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT protocol_predecessors_ordinal_check CHECK ((ordinal > 0)),
    CONSTRAINT protocol_predecessors_other_attributes_check CHECK ((jsonb_typeof(other_attributes) = 'object'::text))
);
COMMENT ON TABLE dpp.protocol_predecessors IS 'One item of Predecessor Protocol Sequence (0018,990E): a version this one was made from. It need not be in the repository';
COMMENT ON COLUMN dpp.protocol_predecessors.object_id IS 'The protocol';
COMMENT ON COLUMN dpp.protocol_predecessors.ordinal IS 'Item number, from 1';
COMMENT ON COLUMN dpp.protocol_predecessors.referenced_sop_class_uid IS 'Referenced SOP Class UID (0008,1150)';
COMMENT ON COLUMN dpp.protocol_predecessors.referenced_sop_instance_uid IS 'Referenced SOP Instance UID (0008,1155) of the predecessor';
COMMENT ON COLUMN dpp.protocol_predecessors.other_attributes IS 'What the columns do not say completely: DICOM JSON keyed by tag';
CREATE TABLE dpp.schema_definitions (
    is_only boolean DEFAULT true NOT NULL,
    hash text NOT NULL,
    schema_version integer NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT schema_definitions_is_only_check CHECK (is_only)
);
COMMENT ON TABLE dpp.schema_definitions IS 'which functions, views and grants (sql/) dppr migrate put here last';
COMMENT ON COLUMN dpp.schema_definitions.is_only IS 'Always true: there is one row';
COMMENT ON COLUMN dpp.schema_definitions.hash IS 'Digest of the definitions';
COMMENT ON COLUMN dpp.schema_definitions.schema_version IS 'Highest migration when they were applied';
COMMENT ON COLUMN dpp.schema_definitions.applied_at IS 'When they were applied';
CREATE TABLE dpp.schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    is_breaking boolean NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
COMMENT ON TABLE dpp.schema_migrations IS 'One applied migration; written by dppr migrate';
COMMENT ON COLUMN dpp.schema_migrations.version IS 'Number of the migration file';
COMMENT ON COLUMN dpp.schema_migrations.name IS 'Name of the migration file without number';
COMMENT ON COLUMN dpp.schema_migrations.is_breaking IS 'Whether servers that do not know it must not use the schema';
COMMENT ON COLUMN dpp.schema_migrations.applied_at IS 'When it was applied';
CREATE TABLE dpp.servers (
    id uuid NOT NULL,
    version text NOT NULL,
    schema_version integer NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    heartbeat_at timestamp with time zone DEFAULT now() NOT NULL
);
COMMENT ON TABLE dpp.servers IS 'One running dppr server; written by the servers themselves';
COMMENT ON COLUMN dpp.servers.id IS 'Made up by the server when it starts';
COMMENT ON COLUMN dpp.servers.version IS 'Version of the program';
COMMENT ON COLUMN dpp.servers.schema_version IS 'Highest migration the program knows';
COMMENT ON COLUMN dpp.servers.started_at IS 'When it started';
COMMENT ON COLUMN dpp.servers.heartbeat_at IS 'When it last said that it runs';
CREATE TABLE dpp.tombstones (
    sop_instance_uid text NOT NULL COLLATE pg_catalog."C",
    digest bytea,
    reason text NOT NULL,
    purged_at timestamp with time zone DEFAULT now() NOT NULL
);
COMMENT ON TABLE dpp.tombstones IS 'SOP Instance UIDs that were deleted for good; the UID is refused when it is sent again';
COMMENT ON COLUMN dpp.tombstones.sop_instance_uid IS 'SOP Instance UID (0008,0018) of what was deleted';
COMMENT ON COLUMN dpp.tombstones.digest IS 'Digest of the deleted content, as in dpp.instances; null when there was none';
COMMENT ON COLUMN dpp.tombstones.reason IS 'Why it was deleted, in the words of who did it';
COMMENT ON COLUMN dpp.tombstones.purged_at IS 'When it was deleted';
CREATE VIEW dpp.units AS
 SELECT u.unit_code,
    u.dimension,
    u.factor,
    u.reason
   FROM ( VALUES ('A'::text,'current'::text,(1)::numeric,'base'::text), ('mA'::text,'current'::text,0.001,'milli'::text), ('uA'::text,'current'::text,0.000001,'micro'::text), ('V'::text,'voltage'::text,1,'base'::text), ('mV'::text,'voltage'::text,0.001,'milli'::text), ('kV'::text,'voltage'::text,'1000'::numeric,'kilo'::text), ('MV'::text,'voltage'::text,'1000000'::numeric,'mega'::text), ('C'::text,'charge'::text,1,'base'::text), ('mC'::text,'charge'::text,0.001,'milli'::text), ('uC'::text,'charge'::text,0.000001,'micro'::text), ('A.s'::text,'charge'::text,1,'ampere times second'::text), ('mA.s'::text,'charge'::text,0.001,'milli'::text), ('uA.s'::text,'charge'::text,0.000001,'micro'::text), ('mAs'::text,'charge'::text,0.001,'no UCUM, but written for mA.s'::text), ('uAs'::text,'charge'::text,0.000001,'no UCUM, but written for uA.s'::text), ('s'::text,'time'::text,1,'base'::text), ('ms'::text,'time'::text,0.001,'milli'::text), ('us'::text,'time'::text,0.000001,'micro'::text), ('min'::text,'time'::text,60,'minute'::text), ('h'::text,'time'::text,3600,'hour, 60 min'::text), ('d'::text,'time'::text,86400,'day, 24 h'::text), ('wk'::text,'time'::text,604800,'week, 7 d'::text), ('mo'::text,'time'::text,2629800,'month, a twelfth of a'::text), ('a'::text,'time'::text,31557600,'year, 365.25 d'::text), ('m'::text,'length'::text,1,'base'::text), ('dm'::text,'length'::text,0.1,'deci'::text), ('cm'::text,'length'::text,0.01,'centi'::text), ('mm'::text,'length'::text,0.001,'milli'::text), ('um'::text,'length'::text,0.000001,'micro'::text), ('m2'::text,'area'::text,1,'base'::text), ('cm2'::text,'area'::text,0.0001,'centi, squared'::text), ('mm2'::text,'area'::text,0.000001,'milli, squared'::text), ('m3'::text,'volume'::text,1,'base'::text), ('L'::text,'volume'::text,0.001,'litre, dm3'::text), ('l'::text,'volume'::text,0.001,'litre, dm3'::text), ('dL'::text,'volume'::text,0.0001,'deci'::text), ('mL'::text,'volume'::text,0.000001,'milli'::text), ('ml'::text,'volume'::text,0.000001,'milli'::text), ('uL'::text,'volume'::text,0.000000001,'micro'::text), ('cm3'::text,'volume'::text,0.000001,'centi, cubed'::text), ('mm3'::text,'volume'::text,0.000000001,'milli, cubed'::text), ('g'::text,'mass'::text,1,'base'::text), ('kg'::text,'mass'::text,'1000'::numeric,'kilo'::text), ('mg'::text,'mass'::text,0.001,'milli'::text), ('ug'::text,'mass'::text,0.000001,'micro'::text), ('Gy'::text,'dose'::text,1,'base'::text), ('dGy'::text,'dose'::text,0.1,'deci'::text), ('cGy'::text,'dose'::text,0.01,'centi'::text), ('mGy'::text,'dose'::text,0.001,'milli'::text), ('uGy'::text,'dose'::text,0.000001,'micro'::text), ('Gy.m'::text,'dose length product'::text,1,'base'::text), ('Gy.cm'::text,'dose length product'::text,0.01,'centi'::text), ('mGy.m'::text,'dose length product'::text,0.001,'milli'::text), ('mGy.cm'::text,'dose length product'::text,0.00001,'milli, centi'::text), ('uGy.m'::text,'dose length product'::text,0.000001,'micro'::text), ('Gy.m2'::text,'dose area product'::text,1,'base'::text), ('Gy.cm2'::text,'dose area product'::text,0.0001,'centi, squared'::text), ('dGy.cm2'::text,'dose area product'::text,0.00001,'deci; centi, squared'::text), ('cGy.cm2'::text,'dose area product'::text,0.000001,'centi; centi, squared'::text), ('mGy.cm2'::text,'dose area product'::text,0.0000001,'milli; centi, squared'::text), ('mGy.m2'::text,'dose area product'::text,0.001,'milli'::text), ('uGy.m2'::text,'dose area product'::text,0.000001,'micro'::text), ('Gy/s'::text,'dose rate'::text,1,'base'::text), ('mGy/s'::text,'dose rate'::text,0.001,'milli'::text), ('uGy/s'::text,'dose rate'::text,0.000001,'micro'::text), ('Gy/min'::text,'dose rate'::text,((1)::numeric / (60)::numeric),'a minute is 60 s'::text), ('mGy/min'::text,'dose rate'::text,(0.001 / (60)::numeric),'milli; a minute is 60 s'::text), ('W'::text,'power'::text,1,'base'::text), ('kW'::text,'power'::text,'1000'::numeric,'kilo'::text), ('eV'::text,'energy'::text,1,'base'::text), ('keV'::text,'energy'::text,'1000'::numeric,'kilo'::text), ('MeV'::text,'energy'::text,'1000000'::numeric,'mega'::text), ('deg'::text,'angle'::text,1,'base'::text), ('rad'::text,'angle'::text,57.295779513082320876798,'radian, 180 deg divided by pi'::text), ('deg/s'::text,'angular velocity'::text,1,'base'::text), ('rad/s'::text,'angular velocity'::text,57.295779513082320876798,'radian, 180 deg divided by pi'::text), ('m/s'::text,'speed'::text,1,'base'::text), ('cm/s'::text,'speed'::text,0.01,'centi'::text), ('mm/s'::text,'speed'::text,0.001,'milli'::text), ('Hz'::text,'frequency'::text,1,'base'::text), ('/s'::text,'frequency'::text,1,'once a second'::text), ('1/s'::text,'frequency'::text,1,'once a second'::text), ('kHz'::text,'frequency'::text,'1000'::numeric,'kilo'::text), ('MHz'::text,'frequency'::text,'1000000'::numeric,'mega'::text), ('/min'::text,'frequency'::text,((1)::numeric / (60)::numeric),'a minute is 60 s'::text), ('1/min'::text,'frequency'::text,((1)::numeric / (60)::numeric),'a minute is 60 s'::text), ('1'::text,'number'::text,1,'base'::text), ('%'::text,'number'::text,0.01,'of a hundred'::text), ('mL/s'::text,'flow'::text,1,'base'::text), ('ml/s'::text,'flow'::text,1,'another spelling of mL/s'::text), ('cm3/s'::text,'flow'::text,1,'a millilitre is 1 cm3'::text), ('L/s'::text,'flow'::text,'1000'::numeric,'a litre is 1000 mL'::text), ('mL/min'::text,'flow'::text,((1)::numeric / (60)::numeric),'a minute is 60 s'::text), ('L/min'::text,'flow'::text,('1000'::numeric / (60)::numeric),'a litre is 1000 mL, a minute 60 s'::text), ('g/L'::text,'concentration'::text,1,'base'::text), ('mg/mL'::text,'concentration'::text,1,'milli, milli'::text), ('mg/cm3'::text,'concentration'::text,1,'milli; a millilitre is 1 cm3'::text), ('mg/dL'::text,'concentration'::text,0.01,'milli, deci'::text), ('g/mL'::text,'concentration'::text,'1000'::numeric,'milli'::text), ('kg/m2'::text,'mass per area'::text,1,'base'::text), ('g/cm2'::text,'mass per area'::text,10,'0.001 kg on 0.0001 m2'::text), ('[hnsf''U]'::text,'attenuation'::text,1,'base'::text), ('HU'::text,'attenuation'::text,1,'no UCUM, but written for [hnsf''U]'::text)) u(unit_code, dimension, factor, reason);
COMMENT ON VIEW dpp.units IS 'Units (UCUM) that dpp.diff can convert: a value times factor is the value in the base unit of its dimension. A unit that is not here is equal to itself only';
COMMENT ON COLUMN dpp.units.unit_code IS 'The unit, as in dpp.parameter_constraints.unit_code';
COMMENT ON COLUMN dpp.units.dimension IS 'What is measured; units of one dimension are compared';
COMMENT ON COLUMN dpp.units.factor IS 'How many base units of the dimension it is';
COMMENT ON COLUMN dpp.units.reason IS 'Why the factor is what it is';
COPY dpp.application_entities (id, ae_title, host, port, may_echo, may_find, may_get, may_move, may_store, is_destination, source_addresses, preferred_character_set, max_associations, called_as, description, max_calling_associations, max_operations) FROM stdin;
1	CT1	127.0.0.1	104	t	t	t	t	t	t	{}	\N	1	\N	\N	\N	\N
\.
COPY dpp.approval_asserters (object_id, assertion_ordinal, ordinal, observer_type, person_name, person_name_folded, person_name_search, station_name, device_uid, manufacturer, manufacturer_model_name, station_ae_title, institution_name, institutional_department_name, other_attributes, person_name_sounds) FROM stdin;
4	1	1	PSN	Suzuki^Hanako=鈴木^花子=すずき^はなこ	{suzuki^hanako,suzuki^hanako=鈴木^花子=すずき^はなこ,すずき^はなこ,鈴木^花子}	\nsuzuki^hanako\nsuzuki^hanako=鈴木^花子=すずき^はなこ\nすずき^はなこ\n鈴木^花子\n	\N	\N	\N	\N	\N	見本大学病院	放射線科	{}	{1=suzuki,1~SSK,1~STSK,1=hanako,1~HNK,2=鈴木,2=花子,3=すずき,3=はなこ}
\.
COPY dpp.approval_assertions (object_id, ordinal, assertion_uid, assertion_datetime, assertion_datetime_local, assertion_datetime_instant, assertion_datetime_has_offset, expiration_datetime, expiration_datetime_local, expiration_datetime_instant, expiration_datetime_has_offset, assertion_comments, clinical_trial_protocol_id, other_attributes) FROM stdin;
4	1	2.25.139025945629963723597921610699998424913	20240301093000	2024-03-01 09:30:00	2024-03-01 00:30:00+00	f	20270301	2027-03-01 00:00:00	2027-02-28 15:00:00+00	f	成人のみ	\N	{}
\.
COPY dpp.approval_codes (object_id, role, assertion_ordinal, asserter_ordinal, ordinal, equivalent, code_value, coding_scheme_designator, coding_scheme_version, code_meaning, long_code_value, urn_code_value, other_attributes) FROM stdin;
4	institution	1	0	1	0	MIHON	99MU	\N	見本大学病院	\N	\N	{}
4	assertion	1	0	1	0	128603	DCM	\N	Approved for use at the institution	\N	\N	{}
4	asserter_institution	1	1	1	0	MIHON	99MU	\N	見本大学病院	\N	\N	{}
4	person	1	1	1	0	MU-3	99MU	\N	鈴木花子	\N	\N	{}
4	organizational_role	1	1	1	0	128670	DCM	\N	Head of Radiology	\N	\N	{}
\.
COPY dpp.approval_related_assertions (object_id, assertion_ordinal, ordinal, referenced_assertion_uid, other_attributes) FROM stdin;
\.
COPY dpp.approval_subjects (object_id, ordinal, referenced_sop_class_uid, referenced_sop_instance_uid, other_attributes) FROM stdin;
4	1	1.2.840.10008.5.1.4.1.1.200.1	2.25.189953302242846714550133722707266183386	{}
\.
COPY dpp.approvals (object_id, instance_creation_date, instance_creation_time, creation_date, creation_time, creation_datetime, creation_instant, manufacturer, manufacturer_model_name, device_serial_number, software_versions, other_attributes) FROM stdin;
4	20240301	093000	2024-03-01	09:30:00	2024-03-01 09:30:00	2024-03-01 00:30:00+00	dppr	Sample library	1	{1}	{}
\.
COPY dpp.dataset_warnings (object_id, ordinal, attribute, warning) FROM stdin;
\.
COPY dpp.destination_slots (ae_title, slot, holder, taken_at, expires_at) FROM stdin;
\.
COPY dpp.instances (object_id, transfer_syntax_uid, dataset, size, digest) FROM stdin;
1	1.2.840.10008.1.2.1	\\x0800120044410800323032343031303208001300544d06003039303030300800160055491e00312e322e3834302e31303030382e352e312e342e312e312e3230302e31000800180055492c00322e32352e363639383532383138333331313134373732383434373331323032323833343034373039313700080070004c4f04006470707208002102435302004354080090104c4f0e0053616d706c65206c696272617279080018225351000030000000feff00e02800000008000001534808003639353336303035080002015348040053435420080004014c4f040048656164180000104c4f02003120180020104c4f02003120180030104c4f2800526f7574696e65204164756c742048656164202d207265666572656e63652070726f746f636f6c201800069953510000c4000000feff00e02a000000080000015348080032343732352d342008000201534802004c4e080004014c4f08004354204845414420feff00e048000000080000015348080032343732362d322008000201534802004c4e080004014c4f26004354204845414420574954484f5554205448454e205749544820495620434f4e545241535420feff00e03a000000080000015348080032343732372d302008000201534802004c4e080004014c4f180043542048454144205749544820495620434f4e54524153541800079953510000c4000000feff00e02a000000080000015348080032343732352d342008000201534802004c4e080004014c4f08004354204845414420feff00e048000000080000015348080032343732362d322008000201534802004c4e080004014c4f26004354204845414420574954484f5554205448454e205749544820495620434f4e545241535420feff00e03a000000080000015348080032343732372d302008000201534802004c4e080004014c4f180043542048454144205749544820495620434f4e54524153541800089955430000d40000004163757465206865616420747261756d615c53757370656374656420696e7472616372616e69616c206861656d6f7272686167655c506f73742d6f706572617469766520627261696e206576616c756174696f6e5c5368756e74206d616c66756e6374696f6e5c4d656e74616c20737461747573206368616e67655c48656164616368655c4163757465206e6575726f6c6f67696320646566696369745c53757370656374656420687964726f63657068616c75735c537573706563746564206d6173735c5365697a7572655c53796e636f706518000f995554000076000000436f6e7472617374206d656469756d2e20766f6c756d655f6d4c3a203130303b20636f6e63656e74726174696f6e5f6d675f7065725f6d4c3a203330303b20726174655f6d4c5f7065725f733a20313b2064656c61795f733a203234303b207573653a206f6e6c79207768656e20646972656374656418001099555400007600000054686520616e6e6578206e616d65732074686973207072656465636573736f72206f6e6c79206279205549443b2069747320636f6e74656e7420686572652069732061207374756220686f6c64696e67207468652074776f20646f7365206c6576656c732074686520616e6e65782071756f7465732e1800119953510000b6000000feff00e0ae0000007200260041540400100010107200280055530200010072005000435302004153820018004c4f0e0050617469656e7427732041676520820019004c4f0a0050617469656e744167658200320043530c00475245415445525f5448414e82003300555400002600000063617272696564206261636b2066726f6d2074686520646572697665642070726f746f636f6c820034005351000014000000feff00e00c00000072005f00415304003031365918001299535100000000000018001f9953510000ae040000feff00e0a6040000180013995351000090040000feff00e0a20000007200260041540400180022997200280055530200010072005000435302004c4f72005200415404001800209974005710495302003120820018004c4f160050726f746f636f6c20456c656d656e74204e616d6520820019004c4f140050726f746f636f6c456c656d656e744e616d65208200320043530600455155414c20820034005351000018000000feff00e010000000720066004c4f080048656c6963616c20feff00e096000000720026004154040018000293720028005553020001007200500043530200435372005200415404001800209974005710495302003120820018004c4f10004163717569736974696f6e2054797065820019004c4f10004163717569736974696f6e54797065208200320043530600455155414c20820034005351000016000000feff00e00e000000720062004353060053504952414cfeff00e01c0100004000ea085351000032000000feff00e02a00000008000001534804006d47792008000201534804005543554d080004014c4f0a006d696c6c696772617920720026004154040018004593720028005553020001007200500043530200464472005200415404001800209974005710495302003120820018004c4f080043544449766f6c20820019004c4f080043544449766f6c208200320043530e004c4553535f4f525f455155414c20820033005554000042000000646961676e6f73746963207265666572656e6365206c6576656c2071756f74656420696e2074686520726174696f6e616c652c20313620636d207068616e746f6d20820034005351000018000000feff00e01000000072007400464408000000000000c05240feff00e0200100004000ea085351000032000000feff00e02a00000008000001534804006d47792008000201534804005543554d080004014c4f0a006d696c6c696772617920720026004154040018004299720028005553020001007200500043530200464472005200415404001800209974005710495302003120820018004c4f1c0043544449766f6c204e6f74696669636174696f6e2054726967676572820019004c4f1a0043544449766f6c4e6f74696669636174696f6e547269676765728200320043530600455155414c20820033005554000028000000706173732f6661696c206c696d69742071756f74656420696e2074686520726174696f6e616c6520820034005351000018000000feff00e01000000072007400464408000000000000005440feff00e0f4000000720026004154040018004693720028005553020001007200500043530200535172005200415404001800209974005710495302003120820018004c4f200043544449205068616e746f6d205479706520436f64652053657175656e636520820019004c4f1c00435444495068616e746f6d54797065436f646553657175656e6365208200320043530600455155414c20820034005351000058000000feff00e050000000720080005351000044000000feff00e03c0000000800000153480600313133363930080002015348040044434d20080004014c4f1a00494543204865616420446f73696d65747279205068616e746f6d1800219955530200010018004799435304004846532070008400504e0c0053616d706c65735e44707072	2640	\\x5081b516fcaf6b379024842437ab802bb95bf870451621bea49c74722ee7a516
2	1.2.840.10008.1.2.1	\\x0800120044410800323032343031303208001300544d06003039303030300800160055491e00312e322e3834302e31303030382e352e312e342e312e312e3230302e31000800180055492c00322e32352e323835353335303438303633373637343331373338313933373936303930353635373335363634080070004c4f04006470707208002102435302004354080090104c4f0e0053616d706c65206c696272617279080018225351000032000000feff00e02a00000008000001534808003531313835303038080002015348040053435420080004014c4f0600436865737420180000104c4f02003120180020104c4f02003120180030104c4f0c004354504120313230206b5620180006995351000050000000feff00e048000000080000015348080033303830342d392008000201534802004c4e080004014c4f26004354412043686573742076657373656c7320574f20616e64205720636f6e7472617374204956180007995351000050000000feff00e048000000080000015348080033303830342d392008000201534802004c4e080004014c4f26004354412043686573742076657373656c7320574f20616e64205720636f6e747261737420495618000899554300001200000050756c6d6f6e61727920656d626f6c69736d18001099555400006000000053747564792067726f757020422c20362e38206d53762e204f72646572206f662076657273696f6e732069732073796e7468657469633a207468652073747564792072616e207468652074776f2061726d7320696e20706172616c6c656c2e2018001299535100000000000018001f99535100001e030000feff00e016030000180013995351000000030000feff00e0ac0000007200260041540400180022997200280055530200010072005000435302004c4f72005200415404001800209974005710495302003120820018004c4f160050726f746f636f6c20456c656d656e74204e616d6520820019004c4f140050726f746f636f6c456c656d656e744e616d65208200320043530600455155414c20820034005351000022000000feff00e01a000000720066004c4f120050756c6d6f6e617279206172746572696573feff00e096000000720026004154040018000293720028005553020001007200500043530200435372005200415404001800209974005710495302003120820018004c4f10004163717569736974696f6e2054797065820019004c4f10004163717569736974696f6e54797065208200320043530600455155414c20820034005351000016000000feff00e00e000000720062004353060053504952414cfeff00e0bc0000004000ea08535100002e000000feff00e02600000008000001534802006b5608000201534804005543554d080004014c4f08006b696c6f766f6c747200260041540400180060007200280055530200010072005000435302004453720052004154080018002099180025937400571049530400315c3120820018004c4f04004b565020820019004c4f04004b5650208200320043530600455155414c20820034005351000014000000feff00e00c000000720072004453040031323020feff00e0e20000004000ea08535100003a000000feff00e03200000008000001534804006d41732008000201534804005543554d080004014c4f12006d696c6c69616d70657265207365636f6e647200260041540400180032937200280055530200010072005000435302004644720052004154080018002099180025937400571049530400315c3120820018004c4f10004578706f7375726520696e206d417320820019004c4f0e004578706f73757265496e6d4173208200320043530600455155414c20820034005351000018000000feff00e010000000720074004644080000000000008056401800219955530200010018004799435304004846532070008400504e0c0053616d706c65735e44707072	1442	\\x6b2c1f98398edfe9fe1b7f4152a8cbb9b6bf8c1893c292530ca39ba6c363f99c
3	1.2.840.10008.1.2.1	\\x0800120044410800323032343031303208001300544d06003130303030300800160055491e00312e322e3834302e31303030382e352e312e342e312e312e3230302e31000800180055492c00322e32352e363338303335323736353434333233303535353632373038323035333336393230383138373100080070004c4f04006470707208002102435302004354080090104c4f0e0053616d706c65206c696272617279080018225351000032000000feff00e02a00000008000001534808003531313835303038080002015348040053435420080004014c4f0600436865737420180000104c4f02003120180020104c4f02003120180030104c4f0c004354504120313030206b5620180006995351000050000000feff00e048000000080000015348080033303830342d392008000201534802004c4e080004014c4f26004354412043686573742076657373656c7320574f20616e64205720636f6e7472617374204956180007995351000050000000feff00e048000000080000015348080033303830342d392008000201534802004c4e080004014c4f26004354412043686573742076657373656c7320574f20616e64205720636f6e747261737420495618000899554300001200000050756c6d6f6e61727920656d626f6c69736d18000e995351000062000000feff00e05a0000000800501155491e00312e322e3834302e31303030382e352e312e342e312e312e3230302e31000800551155492c00322e32352e32383535333530343830363337363734333137333831393337393630393035363537333536363418001099555400003000000053747564792067726f757020412c20332e32206d53762e2056657273696f6e206c696e6b2073796e7468657469632e2018001299535100000000000018001f99535100001e030000feff00e016030000180013995351000000030000feff00e0ac0000007200260041540400180022997200280055530200010072005000435302004c4f72005200415404001800209974005710495302003120820018004c4f160050726f746f636f6c20456c656d656e74204e616d6520820019004c4f140050726f746f636f6c456c656d656e744e616d65208200320043530600455155414c20820034005351000022000000feff00e01a000000720066004c4f120050756c6d6f6e617279206172746572696573feff00e096000000720026004154040018000293720028005553020001007200500043530200435372005200415404001800209974005710495302003120820018004c4f10004163717569736974696f6e2054797065820019004c4f10004163717569736974696f6e54797065208200320043530600455155414c20820034005351000016000000feff00e00e000000720062004353060053504952414cfeff00e0bc0000004000ea08535100002e000000feff00e02600000008000001534802006b5608000201534804005543554d080004014c4f08006b696c6f766f6c747200260041540400180060007200280055530200010072005000435302004453720052004154080018002099180025937400571049530400315c3120820018004c4f04004b565020820019004c4f04004b5650208200320043530600455155414c20820034005351000014000000feff00e00c000000720072004453040031303020feff00e0e20000004000ea08535100003a000000feff00e03200000008000001534804006d41732008000201534804005543554d080004014c4f12006d696c6c69616d70657265207365636f6e647200260041540400180032937200280055530200010072005000435302004644720052004154080018002099180025937400571049530400315c3120820018004c4f10004578706f7375726520696e206d417320820019004c4f0e004578706f73757265496e6d4173208200320043530600455155414c20820034005351000018000000feff00e01000000072007400464408000000000000c05c401800219955530200010018004799435304004846532070008400504e0c0053616d706c65735e44707072	1504	\\x5c01cb8b1bbe7bc5dd39dfa7d8a50a863c44926934b1ce21afea087f4ba8fe88
4	1.2.840.10008.1.2.1	\\x08000500435310005c49534f2032303232204952203837200800120044410800323032343033303108001300544d06003039333030300800160055491e00312e322e3834302e31303030382e352e312e342e312e312e3230302e33000800180055492c00322e32352e383334313230303637313736303537313032353731373031373037323235393936383730333500080070004c4f04006470707208000102534806002b3039303020080090104c4f0e0053616d706c65206c696272617279180000104c4f02003120180020104c4f02003120440000015351000086020000feff00e07e02000008008200535100003c000000feff00e03400000008000001534806004d49484f4e20080002015348040039394d55080004014c4f12001b2442382b4b5c42673358494231211b284244000101535100004e000000feff00e0460000000800000153480600313238363033080002015348040044434d20080004014c4f2400417070726f76656420666f72207573652061742074686520696e737469747574696f6e204400020155492c00322e32352e31333930323539343536323939363337323335393739323136313036393939393834323439313344000301535100005c010000feff00e054010000080080004c4f12001b2442382b4b5c42673358494231211b284208008200535100003c000000feff00e03400000008000001534806004d49484f4e20080002015348040039394d55080004014c4f12001b2442382b4b5c42673358494231211b2842080040104c4f0e001b24424a7c3c4d407e324a1b2842400001115351000036000000feff00e02e00000008000001534804004d552d33080002015348040039394d55080004014c4f0e001b24424e6b4c5a32563b521b2842400084a04353040050534e20400023a1504e3e0053757a756b695e48616e616b6f3d1b24424e6b4c5a1b28425e1b244232563b521b28423d1b24422439243a242d1b28425e1b2442244f244a24331b28422044000a01535100003c000000feff00e0340000000800000153480600313238363730080002015348040044434d20080004014c4f120048656164206f6620526164696f6c6f6779204400040144540e0032303234303330313039333030304400050144540800323032373033303144000601555400000e0000001b2442402e3f4d244e245f1b2842440009015351000062000000feff00e05a0000000800501155491e00312e322e3834302e31303030382e352e312e342e312e312e3230302e31000800551155492c00322e32352e313839393533333032323432383436373134353530313333373232373037323636313833333836	980	\\x54ee1b044f32f6d2a0065e99be8dbc397e48eae605003cc18dff22c2e5f8d0cf
5	1.2.840.10008.1.2.1	\\x0800050043530a0049534f5f4952203130300800120044410800323032343031303208001300544d06003039303030300800160055491e00312e322e3834302e31303030382e352e312e342e312e312e3230302e31000800180055492c00322e32352e353034393530383738383338313035313433303539343739393035303339333538313133373100080070004c4f04006470707208002102435302004354080090104c4f0e0053616d706c65206c696272617279080018225351000032000000feff00e02a00000008000001534808003531313835303038080002015348040053435420080004014c4f0600436865737420180000104c4f02003120180020104c4f02003120180030104c4f300054686f726178206e61746976202d204c756e67656e72756e64686572642d41626b6ce472756e672c204772f6df65204d18000699535100003e000000feff00e036000000080000015348080032393235322d342008000201534802004c4e080004014c4f1400435420436865737420574f20636f6e747261737418000799535100003e000000feff00e036000000080000015348080032393235322d342008000201534802004c4e080004014c4f1400435420436865737420574f20636f6e747261737418000899554300001200000052756e646865726461626b6ce472756e672018000f99555400001a000000436f6e7472617374206d656469756d2e207573653a206e6f6e6518001099555400005000000053796e74686574696320686f73706974616c20616e642070726f746f636f6c206e616d653b20746865206e756d62657273206172652074686f7365206f662063742d63686573742d6e6363742d6d2e2018001199535100000c010000feff00e0040100004000ea08535100002e000000feff00e02600000008000001534802006b6708000201534804005543554d080004014c4f08006b696c6f6772616d7200260041540400100030107200280055530200010072005000435302004453820018004c4f100050617469656e74277320576569676874820019004c4f0e0050617469656e74576569676874208200320043530a0052414e47455f494e434c82003300555400002c000000776569676874206c696d6974732061726520617070726f78696d61746520696e2074686520736f7572636520820034005351000026000000feff00e00a00000072007200445302003830feff00e00c00000072007200445304003131332018001299535100000000000018001f995351000004060000feff00e0fc0500001800139953510000e6050000feff00e0a00000007200260041540400180022997200280055530200010072005000435302004c4f72005200415404001800209974005710495302003120820018004c4f160050726f746f636f6c20456c656d656e74204e616d6520820019004c4f140050726f746f636f6c456c656d656e744e616d65208200320043530600455155414c20820034005351000016000000feff00e00e000000720066004c4f0600436865737420feff00e096000000720026004154040018000293720028005553020001007200500043530200435372005200415404001800209974005710495302003120820018004c4f10004163717569736974696f6e2054797065820019004c4f10004163717569736974696f6e54797065208200320043530600455155414c20820034005351000016000000feff00e00e000000720062004353060053504952414cfeff00e0bc0000004000ea08535100002e000000feff00e02600000008000001534802006b5608000201534804005543554d080004014c4f08006b696c6f766f6c747200260041540400180060007200280055530200010072005000435302004453720052004154080018002099180025937400571049530400315c3120820018004c4f04004b565020820019004c4f04004b5650208200320043530600455155414c20820034005351000014000000feff00e00c000000720072004453040031323020feff00e0fe0000004000ea08535100003a000000feff00e03200000008000001534804006d41732008000201534804005543554d080004014c4f12006d696c6c69616d70657265207365636f6e647200260041540400180032937200280055530200010072005000435302004644720052004154080018002099180025937400571049530400315c3120820018004c4f10004578706f7375726520696e206d417320820019004c4f0e004578706f73757265496e6d4173208200320043530a0052414e47455f494e434c820034005351000030000000feff00e01000000072007400464408000000000000406040feff00e01000000072007400464408000000000000006940feff00e0180100004000ea085351000030000000feff00e02800000008000001534802006d6d08000201534804005543554d080004014c4f0a006d696c6c696d65746572720026004154040018000693720028005553020001007200500043530200464472005200415404001800209974005710495302003120820018004c4f180053696e676c6520436f6c6c696d6174696f6e205769647468820019004c4f160053696e676c65436f6c6c696d6174696f6e57696474688200320043530600455155414c2082003300555400002a0000007468696e6e65737420746865207363616e6e6572206f66666572732c206578616d706c652076616c7565820034005351000018000000feff00e0100000007200740046440800333333333333e33ffeff00e0d80000004000ea08535100002e000000feff00e0260000000800000153480200312008000201534804005543554d080004014c4f08006e6f20756e697473720026004154040018001193720028005553020001007200500043530200464472005200415404001800209974005710495302003120820018004c4f140053706972616c20506974636820466163746f7220820019004c4f120053706972616c5069746368466163746f72208200320043530600455155414c20820034005351000018000000feff00e0100000007200740046440800333333333333f33ffeff00e0ce0000004000ea08535100002c000000feff00e0240000000800000153480200732008000201534804005543554d080004014c4f06007365636f6e64720026004154040018000593720028005553020001007200500043530200464472005200415404001800209974005710495302003120820018004c4f10005265766f6c7574696f6e2054696d6520820019004c4f0e005265766f6c7574696f6e54696d658200320043530600455155414c20820034005351000018000000feff00e0100000007200740046440800000000000000e03f180021995553020001001800339953510000c0020000feff00e0b80200001800139953510000a2020000feff00e0a00000007200260041540400180022997200280055530200010072005000435302004c4f72005200415404001800349974005710495302003120820018004c4f160050726f746f636f6c20456c656d656e74204e616d6520820019004c4f140050726f746f636f6c456c656d656e744e616d65208200320043530600455155414c20820034005351000016000000feff00e00e000000720066004c4f0600417869616c20feff00e0e60000004000ea085351000030000000feff00e02800000008000001534802006d6d08000201534804005543554d080004014c4f0a006d696c6c696d65746572720026004154040018005000720028005553020001007200500043530200445372005200415404001800349974005710495302003120820018004c4f1000536c69636520546869636b6e65737320820019004c4f0e00536c696365546869636b6e6573738200320043530a0052414e47455f494e434c820034005351000028000000feff00e00c0000007200720044530400312e3220feff00e00c0000007200720044530400312e3520feff00e07a000000720026004154040028001000720028005553020001007200500043530200555372005200415404001800349974005710495302003120820018004c4f0400526f7773820019004c4f0400526f77738200320043530600455155414c20820034005351000012000000feff00e00a00000072007a00555302000002feff00e082000000720026004154040028001100720028005553020001007200500043530200555372005200415404001800349974005710495302003120820018004c4f0800436f6c756d6e7320820019004c4f0800436f6c756d6e73208200320043530600455155414c20820034005351000012000000feff00e00a00000072007a005553020000021800219955530200010018004799435304004846532040007ca05351000032000000feff00e02a000000080080004c4f2200556e69766572736974e474736b6c696e696b756d20426569737069656c737461647470008400504e0c004dfc6c6c65725e4af6726720	3282	\\xfbe194ece8b1bc41bd93899ae312e92b101e897f08c22689bcceac3559b1bf5a
\.
COPY dpp.instructions (object_id, kind, ordinal, instruction_index, instruction_text, instruction_description, other_attributes) FROM stdin;
\.
COPY dpp.objects (id, sop_instance_uid, sop_class_uid, state, query_record, specific_character_set, timezone_offset, source, sender_aet, created_at, published_at, retired_at, retired_reason) FROM stdin;
1	2.25.66985281833111477284473120228340470917	1.2.840.10008.5.1.4.1.1.200.1	published	\\x0800120044410800323032343031303208001300544d06003039303030300800160055491e00312e322e3834302e31303030382e352e312e342e312e312e3230302e31000800180055492c00322e32352e36363938353238313833333131313437373238343437333132303232383334303437303931370008002102435302004354080018225351000030000000feff00e02800000008000001534808003639353336303035080002015348040053435420080004014c4f040048656164180030104c4f2800526f7574696e65204164756c742048656164202d207265666572656e63652070726f746f636f6c201800069953510000c4000000feff00e02a000000080000015348080032343732352d342008000201534802004c4e080004014c4f08004354204845414420feff00e048000000080000015348080032343732362d322008000201534802004c4e080004014c4f26004354204845414420574954484f5554205448454e205749544820495620434f4e545241535420feff00e03a000000080000015348080032343732372d302008000201534802004c4e080004014c4f180043542048454144205749544820495620434f4e54524153541800079953510000c4000000feff00e02a000000080000015348080032343732352d342008000201534802004c4e080004014c4f08004354204845414420feff00e048000000080000015348080032343732362d322008000201534802004c4e080004014c4f26004354204845414420574954484f5554205448454e205749544820495620434f4e545241535420feff00e03a000000080000015348080032343732372d302008000201534802004c4e080004014c4f180043542048454144205749544820495620434f4e54524153541800089955430000d40000004163757465206865616420747261756d615c53757370656374656420696e7472616372616e69616c206861656d6f7272686167655c506f73742d6f706572617469766520627261696e206576616c756174696f6e5c5368756e74206d616c66756e6374696f6e5c4d656e74616c20737461747573206368616e67655c48656164616368655c4163757465206e6575726f6c6f67696320646566696369745c53757370656374656420687964726f63657068616c75735c537573706563746564206d6173735c5365697a7572655c53796e636f706518001299535100000000000070008400504e0c0053616d706c65735e44707072	\N	\N	import	\N	2026-11-26 02:14:33.863406+00	2026-11-26 02:14:33.863406+00	\N	\N
2	2.25.285535048063767431738193796090565735664	1.2.840.10008.5.1.4.1.1.200.1	published	\\x0800120044410800323032343031303208001300544d06003039303030300800160055491e00312e322e3834302e31303030382e352e312e342e312e312e3230302e31000800180055492c00322e32352e32383535333530343830363337363734333137333831393337393630393035363537333536363408002102435302004354080018225351000032000000feff00e02a00000008000001534808003531313835303038080002015348040053435420080004014c4f0600436865737420180030104c4f0c004354504120313230206b5620180006995351000050000000feff00e048000000080000015348080033303830342d392008000201534802004c4e080004014c4f26004354412043686573742076657373656c7320574f20616e64205720636f6e7472617374204956180007995351000050000000feff00e048000000080000015348080033303830342d392008000201534802004c4e080004014c4f26004354412043686573742076657373656c7320574f20616e64205720636f6e747261737420495618000899554300001200000050756c6d6f6e61727920656d626f6c69736d18001299535100000000000070008400504e0c0053616d706c65735e44707072	\N	\N	import	\N	2026-11-26 02:14:33.898589+00	2026-11-26 02:14:33.898589+00	\N	\N
3	2.25.63803527654432305556270820533692081871	1.2.840.10008.5.1.4.1.1.200.1	published	\\x0800120044410800323032343031303208001300544d06003130303030300800160055491e00312e322e3834302e31303030382e352e312e342e312e312e3230302e31000800180055492c00322e32352e36333830333532373635343433323330353535363237303832303533333639323038313837310008002102435302004354080018225351000032000000feff00e02a00000008000001534808003531313835303038080002015348040053435420080004014c4f0600436865737420180030104c4f0c004354504120313030206b5620180006995351000050000000feff00e048000000080000015348080033303830342d392008000201534802004c4e080004014c4f26004354412043686573742076657373656c7320574f20616e64205720636f6e7472617374204956180007995351000050000000feff00e048000000080000015348080033303830342d392008000201534802004c4e080004014c4f26004354412043686573742076657373656c7320574f20616e64205720636f6e747261737420495618000899554300001200000050756c6d6f6e61727920656d626f6c69736d18000e995351000062000000feff00e05a0000000800501155491e00312e322e3834302e31303030382e352e312e342e312e312e3230302e31000800551155492c00322e32352e32383535333530343830363337363734333137333831393337393630393035363537333536363418001299535100000000000070008400504e0c0053616d706c65735e44707072	\N	\N	import	\N	2026-11-26 02:14:33.908766+00	2026-11-26 02:14:33.908766+00	\N	\N
4	2.25.83412006717605710257170170722599687035	1.2.840.10008.5.1.4.1.1.200.3	published	\\x08000500435310005c49534f2032303232204952203837200800120044410800323032343033303108001300544d06003039333030300800160055491e00312e322e3834302e31303030382e352e312e342e312e312e3230302e33000800180055492c00322e32352e383334313230303637313736303537313032353731373031373037323235393936383730333500080070004c4f04006470707208000102534806002b3039303020080090104c4f0e0053616d706c65206c696272617279180020104c4f02003120440000015351000072020000feff00e06a02000008008200535100003c000000feff00e03400000008000001534806004d49484f4e20080002015348040039394d55080004014c4f1200e8a68be69cace5a4a7e5ada6e79785e999a244000101535100004e000000feff00e0460000000800000153480600313238363033080002015348040044434d20080004014c4f2400417070726f76656420666f72207573652061742074686520696e737469747574696f6e204400020155492c00322e32352e31333930323539343536323939363337323335393739323136313036393939393834323439313344000301535100004a010000feff00e042010000080080004c4f1200e8a68be69cace5a4a7e5ada6e79785e999a208008200535100003c000000feff00e03400000008000001534806004d49484f4e20080002015348040039394d55080004014c4f1200e8a68be69cace5a4a7e5ada6e79785e999a2080040104c4f0c00e694bee5b084e7b79ae7a791400001115351000034000000feff00e02c00000008000001534804004d552d33080002015348040039394d55080004014c4f0c00e988b4e69ca8e88ab1e5ad90400084a04353040050534e20400023a1504e300053757a756b695e48616e616b6f3de988b4e69ca85ee88ab1e5ad903de38199e3819ae3818d5ee381afe381aae381932044000a01535100003c000000feff00e0340000000800000153480600313238363730080002015348040044434d20080004014c4f120048656164206f6620526164696f6c6f6779204400040144540e0032303234303330313039333030304400050144540800323032373033303144000601555400000c000000e68890e4babae381aee381bf440009015351000062000000feff00e05a0000000800501155491e00312e322e3834302e31303030382e352e312e342e312e312e3230302e31000800551155492c00322e32352e313839393533333032323432383436373134353530313333373232373037323636313833333836	\\ISO 2022 IR 87	+0900	import	\N	2026-11-26 02:14:33.910931+00	2026-11-26 02:14:33.910931+00	\N	\N
5	2.25.50495087883810514305947990503935811371	1.2.840.10008.5.1.4.1.1.200.1	published	\\x0800050043530a0049534f5f4952203130300800120044410800323032343031303208001300544d06003039303030300800160055491e00312e322e3834302e31303030382e352e312e342e312e312e3230302e31000800180055492c00322e32352e35303439353038373838333831303531343330353934373939303530333933353831313337310008002102435302004354080018225351000032000000feff00e02a00000008000001534808003531313835303038080002015348040053435420080004014c4f0600436865737420180030104c4f340054686f726178206e61746976202d204c756e67656e72756e64686572642d41626b6cc3a472756e672c204772c3b6c39f65204d2018000699535100003e000000feff00e036000000080000015348080032393235322d342008000201534802004c4e080004014c4f1400435420436865737420574f20636f6e747261737418000799535100003e000000feff00e036000000080000015348080032393235322d342008000201534802004c4e080004014c4f1400435420436865737420574f20636f6e747261737418000899554300001400000052756e646865726461626b6cc3a472756e67202018001299535100000000000040007ca05351000034000000feff00e02c000000080080004c4f2400556e69766572736974c3a474736b6c696e696b756d20426569737069656c73746164742070008400504e0e004dc3bc6c6c65725e4ac3b6726720	ISO_IR 100	\N	import	\N	2026-11-26 02:14:33.933793+00	2026-11-26 02:14:33.933793+00	\N	\N
\.
COPY dpp.parameter_constraints (object_id, kind, element_ordinal, ordinal, selector_attribute, selector_keyword, selector_name, selector_vr, selector_value_number, selector_private_creator, selector_path, selector_path_items, constraint_type, constraint_values, constraint_numbers, default_values, default_numbers, unit_code, unit_scheme, unit_meaning, significance, violation_condition, selection_guidance, is_modifiable, other_attributes) FROM stdin;
1	patient	0	1	00101010	PatientAge	Patient's Age	AS	1	\N	{}	{}	GREATER_THAN	{016Y}	{}	{}	{}	\N	\N	\N	\N	\N	carried back from the derived protocol	\N	{}
1	acquisition	1	1	00189922	ProtocolElementName	Protocol Element Name	LO	1	\N	{00189920}	{1}	EQUAL	{Helical}	{}	{}	{}	\N	\N	\N	\N	\N	\N	\N	{}
1	acquisition	1	2	00189302	AcquisitionType	Acquisition Type	CS	1	\N	{00189920}	{1}	EQUAL	{SPIRAL}	{}	{}	{}	\N	\N	\N	\N	\N	\N	\N	{}
1	acquisition	1	3	00189345	CTDIvol	CTDIvol	FD	1	\N	{00189920}	{1}	LESS_OR_EQUAL	{75}	{75}	{}	{}	mGy	UCUM	milligray	\N	\N	diagnostic reference level quoted in the rationale, 16 cm phantom	\N	{}
1	acquisition	1	4	00189942	CTDIvolNotificationTrigger	CTDIvol Notification Trigger	FD	1	\N	{00189920}	{1}	EQUAL	{80}	{80}	{}	{}	mGy	UCUM	milligray	\N	\N	pass/fail limit quoted in the rationale	\N	{}
1	acquisition	1	5	00189346	CTDIPhantomTypeCodeSequence	CTDI Phantom Type Code Sequence	SQ	1	\N	{00189920}	{1}	EQUAL	{"113690^DCM^IEC Head Dosimetry Phantom"}	{}	{}	{}	\N	\N	\N	\N	\N	\N	\N	{}
2	acquisition	1	1	00189922	ProtocolElementName	Protocol Element Name	LO	1	\N	{00189920}	{1}	EQUAL	{"Pulmonary arteries"}	{}	{}	{}	\N	\N	\N	\N	\N	\N	\N	{}
2	acquisition	1	2	00189302	AcquisitionType	Acquisition Type	CS	1	\N	{00189920}	{1}	EQUAL	{SPIRAL}	{}	{}	{}	\N	\N	\N	\N	\N	\N	\N	{}
2	acquisition	1	3	00180060	KVP	KVP	DS	1	\N	{00189920,00189325}	{1,1}	EQUAL	{120}	{120}	{}	{}	kV	UCUM	kilovolt	\N	\N	\N	\N	{}
2	acquisition	1	4	00189332	ExposureInmAs	Exposure in mAs	FD	1	\N	{00189920,00189325}	{1,1}	EQUAL	{90}	{90}	{}	{}	mAs	UCUM	milliampere second	\N	\N	\N	\N	{}
3	acquisition	1	1	00189922	ProtocolElementName	Protocol Element Name	LO	1	\N	{00189920}	{1}	EQUAL	{"Pulmonary arteries"}	{}	{}	{}	\N	\N	\N	\N	\N	\N	\N	{}
3	acquisition	1	2	00189302	AcquisitionType	Acquisition Type	CS	1	\N	{00189920}	{1}	EQUAL	{SPIRAL}	{}	{}	{}	\N	\N	\N	\N	\N	\N	\N	{}
3	acquisition	1	3	00180060	KVP	KVP	DS	1	\N	{00189920,00189325}	{1,1}	EQUAL	{100}	{100}	{}	{}	kV	UCUM	kilovolt	\N	\N	\N	\N	{}
3	acquisition	1	4	00189332	ExposureInmAs	Exposure in mAs	FD	1	\N	{00189920,00189325}	{1,1}	EQUAL	{115}	{115}	{}	{}	mAs	UCUM	milliampere second	\N	\N	\N	\N	{}
5	patient	0	1	00101030	PatientWeight	Patient's Weight	DS	1	\N	{}	{}	RANGE_INCL	{80,113}	{80,113}	{}	{}	kg	UCUM	kilogram	\N	\N	weight limits are approximate in the source	\N	{}
5	acquisition	1	1	00189922	ProtocolElementName	Protocol Element Name	LO	1	\N	{00189920}	{1}	EQUAL	{Chest}	{}	{}	{}	\N	\N	\N	\N	\N	\N	\N	{}
5	acquisition	1	2	00189302	AcquisitionType	Acquisition Type	CS	1	\N	{00189920}	{1}	EQUAL	{SPIRAL}	{}	{}	{}	\N	\N	\N	\N	\N	\N	\N	{}
5	acquisition	1	3	00180060	KVP	KVP	DS	1	\N	{00189920,00189325}	{1,1}	EQUAL	{120}	{120}	{}	{}	kV	UCUM	kilovolt	\N	\N	\N	\N	{}
5	acquisition	1	4	00189332	ExposureInmAs	Exposure in mAs	FD	1	\N	{00189920,00189325}	{1,1}	RANGE_INCL	{130,200}	{130,200}	{}	{}	mAs	UCUM	milliampere second	\N	\N	\N	\N	{}
5	acquisition	1	5	00189306	SingleCollimationWidth	Single Collimation Width	FD	1	\N	{00189920}	{1}	EQUAL	{0.6}	{0.6}	{}	{}	mm	UCUM	millimeter	\N	\N	thinnest the scanner offers, example value	\N	{}
5	acquisition	1	6	00189311	SpiralPitchFactor	Spiral Pitch Factor	FD	1	\N	{00189920}	{1}	EQUAL	{1.2}	{1.2}	{}	{}	1	UCUM	no units	\N	\N	\N	\N	{}
5	acquisition	1	7	00189305	RevolutionTime	Revolution Time	FD	1	\N	{00189920}	{1}	EQUAL	{0.5}	{0.5}	{}	{}	s	UCUM	second	\N	\N	\N	\N	{}
5	reconstruction	1	1	00189922	ProtocolElementName	Protocol Element Name	LO	1	\N	{00189934}	{1}	EQUAL	{Axial}	{}	{}	{}	\N	\N	\N	\N	\N	\N	\N	{}
5	reconstruction	1	2	00180050	SliceThickness	Slice Thickness	DS	1	\N	{00189934}	{1}	RANGE_INCL	{1.2,1.5}	{1.2,1.5}	{}	{}	mm	UCUM	millimeter	\N	\N	\N	\N	{}
5	reconstruction	1	3	00280010	Rows	Rows	US	1	\N	{00189934}	{1}	EQUAL	{512}	{512}	{}	{}	\N	\N	\N	\N	\N	\N	\N	{}
5	reconstruction	1	4	00280011	Columns	Columns	US	1	\N	{00189934}	{1}	EQUAL	{512}	{512}	{}	{}	\N	\N	\N	\N	\N	\N	\N	{}
\.
COPY dpp.protocol_codes (object_id, role, parent_ordinal, ordinal, equivalent, code_value, coding_scheme_designator, coding_scheme_version, code_meaning, long_code_value, urn_code_value, other_attributes) FROM stdin;
1	anatomic_region	0	1	0	69536005	SCT	\N	Head	\N	\N	{}
1	scheduled_protocol	0	1	0	24725-4	LN	\N	CT HEAD	\N	\N	{}
1	scheduled_protocol	0	2	0	24726-2	LN	\N	CT HEAD WITHOUT THEN WITH IV CONTRAST	\N	\N	{}
1	scheduled_protocol	0	3	0	24727-0	LN	\N	CT HEAD WITH IV CONTRAST	\N	\N	{}
1	requested_procedure	0	1	0	24725-4	LN	\N	CT HEAD	\N	\N	{}
1	requested_procedure	0	2	0	24726-2	LN	\N	CT HEAD WITHOUT THEN WITH IV CONTRAST	\N	\N	{}
1	requested_procedure	0	3	0	24727-0	LN	\N	CT HEAD WITH IV CONTRAST	\N	\N	{}
2	anatomic_region	0	1	0	51185008	SCT	\N	Chest	\N	\N	{}
2	scheduled_protocol	0	1	0	30804-9	LN	\N	CTA Chest vessels WO and W contrast IV	\N	\N	{}
2	requested_procedure	0	1	0	30804-9	LN	\N	CTA Chest vessels WO and W contrast IV	\N	\N	{}
3	anatomic_region	0	1	0	51185008	SCT	\N	Chest	\N	\N	{}
3	scheduled_protocol	0	1	0	30804-9	LN	\N	CTA Chest vessels WO and W contrast IV	\N	\N	{}
3	requested_procedure	0	1	0	30804-9	LN	\N	CTA Chest vessels WO and W contrast IV	\N	\N	{}
5	anatomic_region	0	1	0	51185008	SCT	\N	Chest	\N	\N	{}
5	scheduled_protocol	0	1	0	29252-4	LN	\N	CT Chest WO contrast	\N	\N	{}
5	requested_procedure	0	1	0	29252-4	LN	\N	CT Chest WO contrast	\N	\N	{}
\.
COPY dpp.protocol_custodians (object_id, ordinal, institution_name, other_attributes) FROM stdin;
5	1	Universitätsklinikum Beispielstadt	{}
\.
COPY dpp.protocol_elements (object_id, kind, ordinal, element_number, element_name, element_purpose, other_attributes) FROM stdin;
1	acquisition	1	1	\N	\N	{}
2	acquisition	1	1	\N	\N	{}
3	acquisition	1	1	\N	\N	{}
5	acquisition	1	1	\N	\N	{}
5	reconstruction	1	1	\N	\N	{}
\.
COPY dpp.protocol_models (object_id, ordinal, manufacturer, manufacturer_related_model_group, manufacturer_model_name, software_versions, device_serial_number, other_attributes) FROM stdin;
\.
COPY dpp.protocol_predecessors (object_id, ordinal, referenced_sop_class_uid, referenced_sop_instance_uid, other_attributes) FROM stdin;
3	1	1.2.840.10008.5.1.4.1.1.200.1	2.25.285535048063767431738193796090565735664	{}
\.
COPY dpp.protocols (object_id, protocol_name, equipment_modality, content_creator_name, content_creator_folded, content_creator_search, instance_creation_date, instance_creation_time, creation_date, creation_time, creation_datetime, clinical_trial_sponsor_name, clinical_trial_protocol_id, clinical_trial_protocol_name, potential_reasons, potential_diagnostic_tasks, planning_information, design_rationale, patient_position, manufacturer, manufacturer_model_name, device_serial_number, software_versions, other_attributes, creation_instant, content_creator_sounds) FROM stdin;
1	Routine Adult Head - reference protocol	CT	Samples^Dppr	{samples^dppr}	\nsamples^dppr\n	20240102	090000	2024-01-02	09:00:00	2024-01-02 09:00:00	\N	\N	\N	{"Acute head trauma","Suspected intracranial haemorrhage","Post-operative brain evaluation","Shunt malfunction","Mental status change",Headache,"Acute neurologic deficit","Suspected hydrocephalus","Suspected mass",Seizure,Syncope}	{}	Contrast medium. volume_mL: 100; concentration_mg_per_mL: 300; rate_mL_per_s: 1; delay_s: 240; use: only when directed	The annex names this predecessor only by UID; its content here is a stub holding the two dose levels the annex quotes.	HFS	dppr	Sample library	1	{1}	{"00189912": {"vr": "SQ"}}	\N	{1=samples,1~SMPL,1=dppr,1~TPR}
2	CTPA 120 kV	CT	Samples^Dppr	{samples^dppr}	\nsamples^dppr\n	20240102	090000	2024-01-02	09:00:00	2024-01-02 09:00:00	\N	\N	\N	{"Pulmonary embolism"}	{}	\N	Study group B, 6.8 mSv. Order of versions is synthetic: the study ran the two arms in parallel.	HFS	dppr	Sample library	1	{1}	{"00189912": {"vr": "SQ"}}	\N	{1=samples,1~SMPL,1=dppr,1~TPR}
3	CTPA 100 kV	CT	Samples^Dppr	{samples^dppr}	\nsamples^dppr\n	20240102	100000	2024-01-02	10:00:00	2024-01-02 10:00:00	\N	\N	\N	{"Pulmonary embolism"}	{}	\N	Study group A, 3.2 mSv. Version link synthetic.	HFS	dppr	Sample library	1	{1}	{"00189912": {"vr": "SQ"}}	\N	{1=samples,1~SMPL,1=dppr,1~TPR}
5	Thorax nativ - Lungenrundherd-Abklärung, Größe M	CT	Müller^Jörg	{muller^jorg}	\nmuller^jorg\n	20240102	090000	2024-01-02	09:00:00	2024-01-02 09:00:00	\N	\N	\N	{Rundherdabklärung}	{}	Contrast medium. use: none	Synthetic hospital and protocol name; the numbers are those of ct-chest-ncct-m.	HFS	dppr	Sample library	1	{1}	{"00189912": {"vr": "SQ"}}	\N	{1=muller,1~MLR,1=jorg,1~JRK,1~ARK}
\.
COPY dpp.schema_definitions (is_only, hash, schema_version, applied_at) FROM stdin;
t	599992212e872ffcc145fa62ad228097b6a391108ec69de8431d956666f4a18a	10	2026-11-26 02:14:33.661802+00
\.
COPY dpp.schema_migrations (version, name, is_breaking, applied_at) FROM stdin;
1	create_schema	f	2026-11-26 02:14:33.484659+00
2	create_matching_indexes	f	2026-11-26 02:14:33.558833+00
3	create_destination_slots	f	2026-11-26 02:14:33.59507+00
4	limit_callers	f	2026-11-26 02:14:33.596681+00
5	take_rows	f	2026-11-26 02:14:33.597906+00
6	add_creation_instant	f	2026-11-26 02:14:33.601927+00
7	create_approvals	f	2026-11-26 02:14:33.603335+00
8	add_name_sounds	f	2026-11-26 02:14:33.646024+00
9	fill_derived_columns	f	2026-11-26 02:14:33.656371+00
10	index_derived_columns	f	2026-11-26 02:14:33.65727+00
\.
COPY dpp.servers (id, version, schema_version, started_at, heartbeat_at) FROM stdin;
\.
COPY dpp.tombstones (sop_instance_uid, digest, reason, purged_at) FROM stdin;
\.
SELECT pg_catalog.setval('dpp.application_entities_id_seq', 1, true);
SELECT pg_catalog.setval('dpp.objects_id_seq', 5, true);
ALTER TABLE ONLY dpp.application_entities
    ADD CONSTRAINT application_entities_ae_title_key UNIQUE (ae_title, source_addresses);
ALTER TABLE ONLY dpp.application_entities
    ADD CONSTRAINT application_entities_pkey PRIMARY KEY (id);
ALTER TABLE ONLY dpp.approval_asserters
    ADD CONSTRAINT approval_asserters_pkey PRIMARY KEY (object_id, assertion_ordinal, ordinal);
ALTER TABLE ONLY dpp.approval_assertions
    ADD CONSTRAINT approval_assertions_pkey PRIMARY KEY (object_id, ordinal);
ALTER TABLE ONLY dpp.approval_codes
    ADD CONSTRAINT approval_codes_pkey PRIMARY KEY (object_id, role, assertion_ordinal, asserter_ordinal, ordinal, equivalent);
ALTER TABLE ONLY dpp.approval_related_assertions
    ADD CONSTRAINT approval_related_assertions_pkey PRIMARY KEY (object_id, assertion_ordinal, ordinal);
ALTER TABLE ONLY dpp.approval_subjects
    ADD CONSTRAINT approval_subjects_pkey PRIMARY KEY (object_id, ordinal);
ALTER TABLE ONLY dpp.approvals
    ADD CONSTRAINT approvals_pkey PRIMARY KEY (object_id);
ALTER TABLE ONLY dpp.dataset_warnings
    ADD CONSTRAINT dataset_warnings_pkey PRIMARY KEY (object_id, ordinal);
ALTER TABLE ONLY dpp.destination_slots
    ADD CONSTRAINT destination_slots_pkey PRIMARY KEY (ae_title, slot);
ALTER TABLE ONLY dpp.instances
    ADD CONSTRAINT instances_pkey PRIMARY KEY (object_id);
ALTER TABLE ONLY dpp.instructions
    ADD CONSTRAINT instructions_pkey PRIMARY KEY (object_id, kind, ordinal);
ALTER TABLE ONLY dpp.objects
    ADD CONSTRAINT objects_pkey PRIMARY KEY (id);
ALTER TABLE ONLY dpp.objects
    ADD CONSTRAINT objects_sop_instance_uid_key UNIQUE (sop_instance_uid);
ALTER TABLE ONLY dpp.parameter_constraints
    ADD CONSTRAINT parameter_constraints_pkey PRIMARY KEY (object_id, kind, element_ordinal, ordinal);
ALTER TABLE ONLY dpp.protocol_codes
    ADD CONSTRAINT protocol_codes_pkey PRIMARY KEY (object_id, role, parent_ordinal, ordinal, equivalent);
ALTER TABLE ONLY dpp.protocol_custodians
    ADD CONSTRAINT protocol_custodians_pkey PRIMARY KEY (object_id, ordinal);
ALTER TABLE ONLY dpp.protocol_elements
    ADD CONSTRAINT protocol_elements_pkey PRIMARY KEY (object_id, kind, ordinal);
ALTER TABLE ONLY dpp.protocol_models
    ADD CONSTRAINT protocol_models_pkey PRIMARY KEY (object_id, ordinal);
ALTER TABLE ONLY dpp.protocol_predecessors
    ADD CONSTRAINT protocol_predecessors_pkey PRIMARY KEY (object_id, ordinal);
ALTER TABLE ONLY dpp.protocols
    ADD CONSTRAINT protocols_pkey PRIMARY KEY (object_id);
ALTER TABLE ONLY dpp.schema_definitions
    ADD CONSTRAINT schema_definitions_pkey PRIMARY KEY (is_only);
ALTER TABLE ONLY dpp.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY dpp.servers
    ADD CONSTRAINT servers_pkey PRIMARY KEY (id);
ALTER TABLE ONLY dpp.tombstones
    ADD CONSTRAINT tombstones_pkey PRIMARY KEY (sop_instance_uid);
CREATE INDEX approval_asserters_institution_name_idx ON dpp.approval_asserters USING btree (institution_name);
CREATE INDEX approval_asserters_institution_name_trgm_idx ON dpp.approval_asserters USING gin (institution_name public.gin_trgm_ops) WITH (fastupdate=off);
CREATE INDEX approval_asserters_institutional_department_name_idx ON dpp.approval_asserters USING btree (institutional_department_name) WHERE (institutional_department_name IS NOT NULL);
CREATE INDEX approval_asserters_institutional_department_name_trgm_idx ON dpp.approval_asserters USING gin (institutional_department_name public.gin_trgm_ops) WITH (fastupdate=off) WHERE (institutional_department_name IS NOT NULL);
CREATE INDEX approval_asserters_person_name_folded_idx ON dpp.approval_asserters USING gin (person_name_folded) WITH (fastupdate=off);
CREATE INDEX approval_asserters_person_name_search_idx ON dpp.approval_asserters USING gin (person_name_search public.gin_trgm_ops) WITH (fastupdate=off);
CREATE INDEX approval_asserters_person_name_sounds_idx ON dpp.approval_asserters USING gin (person_name_sounds) WITH (fastupdate=off);
CREATE INDEX approval_assertions_assertion_datetime_instant_idx ON dpp.approval_assertions USING btree (assertion_datetime_instant) WHERE (assertion_datetime_instant IS NOT NULL);
CREATE INDEX approval_assertions_assertion_datetime_local_idx ON dpp.approval_assertions USING btree (assertion_datetime_local);
CREATE INDEX approval_assertions_assertion_uid_idx ON dpp.approval_assertions USING btree (assertion_uid);
CREATE INDEX approval_assertions_expiration_datetime_instant_idx ON dpp.approval_assertions USING btree (expiration_datetime_instant) WHERE (expiration_datetime_instant IS NOT NULL);
CREATE INDEX approval_assertions_expiration_datetime_local_idx ON dpp.approval_assertions USING btree (expiration_datetime_local) WHERE (expiration_datetime_local IS NOT NULL);
CREATE INDEX approval_codes_code_value_idx ON dpp.approval_codes USING btree (role, code_value, coding_scheme_designator);
CREATE INDEX approval_codes_long_code_value_idx ON dpp.approval_codes USING btree (role, long_code_value, coding_scheme_designator) WHERE (long_code_value IS NOT NULL);
CREATE INDEX approval_codes_urn_code_value_idx ON dpp.approval_codes USING btree (role, urn_code_value) WHERE (urn_code_value IS NOT NULL);
CREATE INDEX approval_related_assertions_referenced_assertion_uid_idx ON dpp.approval_related_assertions USING btree (referenced_assertion_uid);
CREATE INDEX approval_subjects_referenced_sop_instance_uid_idx ON dpp.approval_subjects USING btree (referenced_sop_instance_uid);
CREATE INDEX approvals_creation_date_idx ON dpp.approvals USING btree (creation_date);
CREATE INDEX approvals_creation_datetime_idx ON dpp.approvals USING btree (creation_datetime);
CREATE INDEX approvals_creation_instant_idx ON dpp.approvals USING btree (creation_instant) WHERE (creation_instant IS NOT NULL);
CREATE INDEX approvals_creation_time_idx ON dpp.approvals USING btree (creation_time);
CREATE INDEX protocol_codes_code_value_idx ON dpp.protocol_codes USING btree (role, code_value, coding_scheme_designator);
CREATE INDEX protocol_codes_long_code_value_idx ON dpp.protocol_codes USING btree (role, long_code_value, coding_scheme_designator) WHERE (long_code_value IS NOT NULL);
CREATE INDEX protocol_codes_urn_code_value_idx ON dpp.protocol_codes USING btree (role, urn_code_value) WHERE (urn_code_value IS NOT NULL);
CREATE INDEX protocol_custodians_institution_name_idx ON dpp.protocol_custodians USING btree (institution_name);
CREATE INDEX protocol_custodians_institution_name_trgm_idx ON dpp.protocol_custodians USING gin (institution_name public.gin_trgm_ops) WITH (fastupdate=off);
CREATE INDEX protocol_models_manufacturer_idx ON dpp.protocol_models USING btree (manufacturer, manufacturer_model_name);
CREATE INDEX protocol_models_manufacturer_model_name_idx ON dpp.protocol_models USING btree (manufacturer_model_name);
CREATE INDEX protocol_models_manufacturer_related_model_group_idx ON dpp.protocol_models USING btree (manufacturer_related_model_group) WHERE (manufacturer_related_model_group IS NOT NULL);
CREATE INDEX protocol_models_software_versions_idx ON dpp.protocol_models USING gin (software_versions) WITH (fastupdate=off);
CREATE INDEX protocol_models_trgm_idx ON dpp.protocol_models USING gin (manufacturer public.gin_trgm_ops, manufacturer_model_name public.gin_trgm_ops, manufacturer_related_model_group public.gin_trgm_ops) WITH (fastupdate=off);
CREATE INDEX protocol_predecessors_referenced_sop_instance_uid_idx ON dpp.protocol_predecessors USING btree (referenced_sop_instance_uid);
CREATE INDEX protocols_clinical_trial_protocol_id_idx ON dpp.protocols USING btree (clinical_trial_protocol_id) WHERE (clinical_trial_protocol_id IS NOT NULL);
CREATE INDEX protocols_clinical_trial_protocol_id_trgm_idx ON dpp.protocols USING gin (clinical_trial_protocol_id public.gin_trgm_ops) WITH (fastupdate=off) WHERE (clinical_trial_protocol_id IS NOT NULL);
CREATE INDEX protocols_clinical_trial_sponsor_name_idx ON dpp.protocols USING btree (clinical_trial_sponsor_name) WHERE (clinical_trial_sponsor_name IS NOT NULL);
CREATE INDEX protocols_clinical_trial_sponsor_name_trgm_idx ON dpp.protocols USING gin (clinical_trial_sponsor_name public.gin_trgm_ops) WITH (fastupdate=off) WHERE (clinical_trial_sponsor_name IS NOT NULL);
CREATE INDEX protocols_content_creator_folded_idx ON dpp.protocols USING gin (content_creator_folded) WITH (fastupdate=off);
CREATE INDEX protocols_content_creator_search_idx ON dpp.protocols USING gin (content_creator_search public.gin_trgm_ops) WITH (fastupdate=off);
CREATE INDEX protocols_content_creator_sounds_idx ON dpp.protocols USING gin (content_creator_sounds) WITH (fastupdate=off);
CREATE INDEX protocols_creation_date_idx ON dpp.protocols USING btree (creation_date);
CREATE INDEX protocols_creation_datetime_idx ON dpp.protocols USING btree (creation_datetime);
CREATE INDEX protocols_creation_instant_idx ON dpp.protocols USING btree (creation_instant) WHERE (creation_instant IS NOT NULL);
CREATE INDEX protocols_creation_time_idx ON dpp.protocols USING btree (creation_time);
CREATE INDEX protocols_equipment_modality_idx ON dpp.protocols USING btree (equipment_modality);
CREATE INDEX protocols_protocol_name_idx ON dpp.protocols USING btree (protocol_name);
CREATE INDEX protocols_protocol_name_trgm_idx ON dpp.protocols USING gin (protocol_name public.gin_trgm_ops) WITH (fastupdate=off);
CREATE TRIGGER approval_asserters_derive BEFORE INSERT OR UPDATE ON dpp.approval_asserters FOR EACH ROW EXECUTE FUNCTION dpp.derive_approval_asserter();
COMMENT ON TRIGGER approval_asserters_derive ON dpp.approval_asserters IS 'Keeps the derived columns true';
CREATE TRIGGER approval_assertions_derive BEFORE INSERT OR UPDATE ON dpp.approval_assertions FOR EACH ROW EXECUTE FUNCTION dpp.derive_approval_assertion();
COMMENT ON TRIGGER approval_assertions_derive ON dpp.approval_assertions IS 'Keeps the derived columns true';
CREATE TRIGGER approvals_derive BEFORE INSERT OR UPDATE ON dpp.approvals FOR EACH ROW EXECUTE FUNCTION dpp.derive_approval();
COMMENT ON TRIGGER approvals_derive ON dpp.approvals IS 'Keeps the derived columns true';
CREATE TRIGGER objects_derive AFTER UPDATE OF timezone_offset ON dpp.objects FOR EACH ROW WHEN ((old.timezone_offset IS DISTINCT FROM new.timezone_offset)) EXECUTE FUNCTION dpp.derive_from_object();
COMMENT ON TRIGGER objects_derive ON dpp.objects IS 'Keeps derived columns of other tables true';
CREATE TRIGGER protocols_derive BEFORE INSERT OR UPDATE ON dpp.protocols FOR EACH ROW EXECUTE FUNCTION dpp.derive_protocol();
COMMENT ON TRIGGER protocols_derive ON dpp.protocols IS 'Keeps the derived columns true';
ALTER TABLE ONLY dpp.approval_asserters
    ADD CONSTRAINT approval_asserters_object_id_fkey FOREIGN KEY (object_id) REFERENCES dpp.approvals(object_id) ON DELETE CASCADE;
ALTER TABLE ONLY dpp.approval_assertions
    ADD CONSTRAINT approval_assertions_object_id_fkey FOREIGN KEY (object_id) REFERENCES dpp.approvals(object_id) ON DELETE CASCADE;
ALTER TABLE ONLY dpp.approval_codes
    ADD CONSTRAINT approval_codes_object_id_fkey FOREIGN KEY (object_id) REFERENCES dpp.approvals(object_id) ON DELETE CASCADE;
ALTER TABLE ONLY dpp.approval_related_assertions
    ADD CONSTRAINT approval_related_assertions_object_id_fkey FOREIGN KEY (object_id) REFERENCES dpp.approvals(object_id) ON DELETE CASCADE;
ALTER TABLE ONLY dpp.approval_subjects
    ADD CONSTRAINT approval_subjects_object_id_fkey FOREIGN KEY (object_id) REFERENCES dpp.approvals(object_id) ON DELETE CASCADE;
ALTER TABLE ONLY dpp.approvals
    ADD CONSTRAINT approvals_object_id_fkey FOREIGN KEY (object_id) REFERENCES dpp.objects(id) ON DELETE CASCADE;
ALTER TABLE ONLY dpp.dataset_warnings
    ADD CONSTRAINT dataset_warnings_object_id_fkey FOREIGN KEY (object_id) REFERENCES dpp.objects(id) ON DELETE CASCADE;
ALTER TABLE ONLY dpp.instances
    ADD CONSTRAINT instances_object_id_fkey FOREIGN KEY (object_id) REFERENCES dpp.objects(id) ON DELETE CASCADE;
ALTER TABLE ONLY dpp.instructions
    ADD CONSTRAINT instructions_object_id_fkey FOREIGN KEY (object_id) REFERENCES dpp.protocols(object_id) ON DELETE CASCADE;
ALTER TABLE ONLY dpp.parameter_constraints
    ADD CONSTRAINT parameter_constraints_object_id_fkey FOREIGN KEY (object_id) REFERENCES dpp.protocols(object_id) ON DELETE CASCADE;
ALTER TABLE ONLY dpp.protocol_codes
    ADD CONSTRAINT protocol_codes_object_id_fkey FOREIGN KEY (object_id) REFERENCES dpp.protocols(object_id) ON DELETE CASCADE;
ALTER TABLE ONLY dpp.protocol_custodians
    ADD CONSTRAINT protocol_custodians_object_id_fkey FOREIGN KEY (object_id) REFERENCES dpp.protocols(object_id) ON DELETE CASCADE;
ALTER TABLE ONLY dpp.protocol_elements
    ADD CONSTRAINT protocol_elements_object_id_fkey FOREIGN KEY (object_id) REFERENCES dpp.protocols(object_id) ON DELETE CASCADE;
ALTER TABLE ONLY dpp.protocol_models
    ADD CONSTRAINT protocol_models_object_id_fkey FOREIGN KEY (object_id) REFERENCES dpp.protocols(object_id) ON DELETE CASCADE;
ALTER TABLE ONLY dpp.protocol_predecessors
    ADD CONSTRAINT protocol_predecessors_object_id_fkey FOREIGN KEY (object_id) REFERENCES dpp.protocols(object_id) ON DELETE CASCADE;
ALTER TABLE ONLY dpp.protocols
    ADD CONSTRAINT protocols_object_id_fkey FOREIGN KEY (object_id) REFERENCES dpp.objects(id) ON DELETE CASCADE;
