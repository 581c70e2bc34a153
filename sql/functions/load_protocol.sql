-- An authoring document (docs/authoring.md) becomes a draft. What is simple is read by dpp.document_fields; here is what
-- becomes rows of which table. The rows are completed like any that are inserted (complete_rows.sql).

-- The columns that the members of one object of a document say.
create or replace function dpp.document_row(p_document jsonb, p_level text)
returns jsonb language plpgsql stable as $$
begin
    return (
        select coalesce(jsonb_object_agg(f.target, v.value), '{}')
        from dpp.document_fields as f
        cross join lateral (select nullif(p_document -> f.field, 'null')) as m (member)
        cross join lateral (
            select case
                when f.kind in ('texts', 'path', 'integers') then dpp.json_list(m.member)
                when f.kind = 'dicom' then coalesce(m.member, '{}')
                when f.kind = 'boolean' then to_jsonb(upper(m.member #>> '{}') in ('TRUE', 'YES'))
                when f.kind in ('text', 'integer') then to_jsonb(nullif(m.member #>> '{}', ''))
            end
        ) as v (value)
        where f.level = p_level and f.target is not null and f.kind in ('text', 'texts', 'integer', 'integers', 'boolean', 'dicom', 'path')
            and v.value is not null and v.value <> 'null'
    );
end
$$;
comment on function dpp.document_row(jsonb, text) is
    'An object of an authoring document as columns of its row, as far as they are its members as they are';

-- The values of a parameter: numbers as DICOM writes them, codes as value^scheme^meaning.
create or replace function dpp.document_values(p_value jsonb, p_vr text)
returns text[] language sql stable as $$
    select coalesce(
        array_agg(
            case jsonb_typeof(v.value)
                when 'object' then concat_ws('^', v.value ->> 'value', coalesce(v.value ->> 'scheme', ''), left(coalesce(v.value ->> 'meaning', ''), 64))
                when 'number' then case
                    when p_vr = 'DS' and length(v.value::text) > 16
                    then (dpp.texts_of(array[v.value::text::double precision], 'DS'))[1]
                    else trim_scale(v.value::text::numeric)::text
                end
                else coalesce(v.value #>> '{}', '')
            end
            order by v.n),
        '{}')
    from jsonb_array_elements(dpp.json_list(p_value)) with ordinality as v (value, n)
$$;
comment on function dpp.document_values(jsonb, text) is 'The value or values of a parameter of an authoring document as constraint_values';

create or replace function dpp.document_codes(p_codes jsonb)
returns table (place int, equivalent int, content jsonb)
language sql stable as $$
    select c.n::int, e.n, dpp.document_row(e.code, 'code')
    from jsonb_array_elements(dpp.json_list(p_codes)) with ordinality as c (code, n)
    cross join lateral (
        select 0, c.code
        union all
        select q.n::int, q.code
        from jsonb_array_elements(dpp.json_list(c.code -> 'equivalents')) with ordinality as q (code, n)
    ) as e (n, code)
$$;
comment on function dpp.document_codes(jsonb) is
    'Codes of an authoring document and their equivalents: place, number of the equivalent (0: the code itself), columns';

create or replace function dpp.uid_of_predecessor(p_predecessor text)
returns text language plpgsql stable as $$
begin
    return case
        when p_predecessor ~ '^[0-9]+(\.[0-9]+)+$' then p_predecessor
        else dpp.uid_of_document(jsonb_build_object('id', p_predecessor))
    end;
end
$$;
comment on function dpp.uid_of_predecessor(text) is
    'The SOP Instance UID of what an authoring document calls its predecessor: a UID, or the id of another document';

-- A two-item list is a range, null an open end.
create or replace function dpp.contrast_text(p_contrast jsonb)
returns text language sql immutable parallel safe as $$
    select 'Contrast medium. ' || string_agg(
        c.key || ': ' || case jsonb_typeof(c.value)
            when 'array' then (
                select string_agg(coalesce(v.value #>> '{}', '...'), ' to ' order by v.n)
                from jsonb_array_elements(c.value) with ordinality as v (value, n))
            else c.value #>> '{}'
        end,
        '; ' order by c.key collate "C")
    from jsonb_each(p_contrast) as c
    where c.value <> 'null' and c.key not in ('source', 'status', 'note')
$$;
comment on function dpp.contrast_text(jsonb) is 'What an authoring document says of the contrast medium, as a sentence; null when nothing';

create or replace function dpp.refuse_document(p_document jsonb)
returns void language plpgsql stable as $$
declare
    faults text[] := array(
        select f.path || ': ' || f.fault
        from dpp.document_faults(p_document, 'protocol', '') as f
        order by f.path collate "C");
begin
    if faults <> '{}' then
        raise exception 'the authoring document has % %', cardinality(faults), case cardinality(faults) when 1 then 'fault' else 'faults' end
            using
                errcode = 'invalid_parameter_value',
                detail = array_to_string(faults, E'\n'),
                hint = 'docs/authoring.md and the view dpp.document_fields say what may stand in it.';
    end if;
end
$$;
comment on function dpp.refuse_document(jsonb) is 'Raises one error with all that is wrong with an authoring document, if anything is';

create or replace function dpp.load_header(p_document jsonb)
returns bigint language plpgsql as $$
declare
    new_id bigint;
    content jsonb;
    trial jsonb := p_document -> 'clinical_trial';
begin
    insert into dpp.objects (sop_instance_uid, sop_class_uid, timezone_offset)
    values (
        p_document ->> 'sop_instance_uid',
        case upper(p_document ->> 'modality') when 'XA' then 'XA' else 'CT' end,
        p_document ->> 'timezone')
    on conflict (sop_instance_uid) do nothing
    returning id into new_id;
    if new_id is null then
        raise exception 'sop_instance_uid: there is an object % already, which is %', p_document ->> 'sop_instance_uid',
            (select o.state from dpp.objects as o where o.sop_instance_uid = p_document ->> 'sop_instance_uid')
            using
                errcode = 'unique_violation',
                hint = 'Leave sop_instance_uid out and it becomes a new protocol; dpp.revise makes a draft of a version that is here.';
    end if;

    -- Defaults of columns that are not null come first.
    content := jsonb_build_object('object_id', new_id, 'content_creator_folded', '[]'::jsonb, 'content_creator_sounds', '[]'::jsonb)
        || dpp.document_row(coalesce(nullif(p_document -> 'context', 'null'), '{}'), 'context')
        || dpp.document_row(coalesce(nullif(trial, 'null'), '{}'), 'clinical_trial')
        || dpp.document_row(p_document, 'protocol');
    content := jsonb_build_object('planning_information', dpp.contrast_text(nullif(p_document -> 'contrast', 'null'))) || content;
    content := jsonb_set(content, '{other_attributes}', (
        select coalesce(
            jsonb_object_agg(f.target, jsonb_build_object('vr', a.vr, 'Value', jsonb_build_array(trial -> f.field))), '{}')
        from dpp.document_fields as f
        join dpp.attributes as a on a.tag = f.target
        where f.level = 'clinical_trial' and f.kind = 'attribute' and trial ->> f.field <> ''
    ) || (content -> 'other_attributes'));
    insert into dpp.protocols
    select r.*
    from jsonb_populate_record(null::dpp.protocols, content) as r;
    return new_id;
end
$$;
comment on function dpp.load_header(jsonb) is 'The object and the header of a draft from an authoring document';

create or replace function dpp.load_context(p_object_id bigint, p_document jsonb)
returns void language plpgsql as $$
declare
    context jsonb := coalesce(nullif(p_document -> 'context', 'null'), '{}');
    custodians jsonb := case
        when coalesce(p_document ->> 'institution', context ->> 'institution') is not null
        then jsonb_build_array(
            jsonb_build_object('institution', coalesce(p_document ->> 'institution', context ->> 'institution')))
        else '[]'
    end || dpp.json_list(p_document -> 'custodians');
begin
    insert into dpp.protocol_custodians (object_id, ordinal, institution_name, other_attributes)
    select p_object_id, c.n, r.content ->> 'institution_name', r.content -> 'other_attributes'
    from jsonb_array_elements(custodians) with ordinality as c (item, n)
    cross join lateral (select dpp.document_row(c.item, 'custodian')) as r (content);

    insert into dpp.protocol_codes (
        object_id, role, parent_ordinal, ordinal, equivalent, code_value, coding_scheme_designator, coding_scheme_version,
        code_meaning, long_code_value, urn_code_value, other_attributes)
    select
        p_object_id, l.role, l.parent, dense_rank() over (partition by l.role, l.parent order by l.place, c.place),
        c.equivalent, c.content ->> 'code_value', c.content ->> 'coding_scheme_designator',
        c.content ->> 'coding_scheme_version', left(c.content ->> 'code_meaning', 64), c.content ->> 'long_code_value',
        c.content ->> 'urn_code_value', c.content -> 'other_attributes'
    from (
        select f.target, 0, f.level || f.field, case f.level when 'context' then context -> f.field else p_document -> f.field end
        from dpp.document_fields as f
        where f.kind = 'codes' and f.level in ('protocol', 'context')
        union all
        select 'custodian_institution', k.n::int, '', k.item -> 'institution_codes'
        from jsonb_array_elements(custodians) with ordinality as k (item, n)
    ) as l (role, parent, place, codes)
    cross join lateral dpp.document_codes(l.codes) as c;

    insert into dpp.protocol_models (
        object_id, ordinal, manufacturer, manufacturer_related_model_group, manufacturer_model_name, software_versions,
        device_serial_number, other_attributes)
    select p_object_id, e.n, r.manufacturer, r.manufacturer_related_model_group, r.manufacturer_model_name, r.software_versions,
        r.device_serial_number, r.other_attributes
    from jsonb_array_elements(dpp.json_list(p_document -> 'equipment')) with ordinality as e (item, n)
    cross join lateral jsonb_populate_record(null::dpp.protocol_models, dpp.document_row(e.item, 'equipment')) as r;

    insert into dpp.protocol_predecessors (
        object_id, ordinal, referenced_sop_class_uid, referenced_sop_instance_uid, other_attributes)
    select p_object_id, p.n, p.item ->> 'sop_class_uid', dpp.uid_of_predecessor(p.item ->> 'sop_instance_uid'),
        coalesce(nullif(p.item -> 'other_attributes', 'null'), '{}')
    from jsonb_array_elements(
        case when p_document ->> 'predecessor' is null then '[]'
            else jsonb_build_array(jsonb_build_object('sop_instance_uid', p_document -> 'predecessor'))
        end || dpp.json_list(p_document -> 'predecessors')
    ) with ordinality as p (item, n);

    insert into dpp.instructions (
        object_id, kind, ordinal, instruction_index, instruction_text, instruction_description, other_attributes)
    select p_object_id, k.kind, i.n, r.instruction_index, r.instruction_text, r.instruction_description, r.other_attributes
    from (values ('instruction', 'instructions'), ('positioning', 'positioning_instructions')) as k (kind, field)
    cross join lateral jsonb_array_elements(dpp.json_list(p_document -> k.field)) with ordinality as i (item, n)
    cross join lateral jsonb_populate_record(null::dpp.instructions, dpp.document_row(i.item, 'instruction')) as r;
end
$$;
comment on function dpp.load_context(bigint, jsonb) is
    'Custodians, codes, models, predecessors and instructions of a draft from an authoring document';

-- The parameters of one element, or of the patient. Those of which nothing is known (a value that is null) are left out.
create or replace function dpp.load_parameters(
    p_object_id bigint, p_kind text, p_element int, p_parameters jsonb, p_private jsonb, p_private_creator text)
returns void language plpgsql as $$
begin
    insert into dpp.parameter_constraints (
        object_id, kind, element_ordinal, ordinal, selector_attribute, selector_keyword, selector_name, selector_vr,
        selector_value_number, selector_private_creator, selector_path, selector_path_items, constraint_type,
        constraint_values, default_values, unit_code, unit_scheme, unit_meaning, significance, violation_condition,
        selection_guidance, is_modifiable, other_attributes)
    select
        p_object_id, p_kind, p_element, row_number() over (order by i.is_private, i.n), t.tag, r.selector_keyword,
        case when i.is_private then left(r.selector_name, 64) else r.selector_name end, t.vr, r.selector_value_number, t.creator,
        t.outer_path || r.selector_path, t.outer_items || t.items, r.constraint_type,
        dpp.document_values(i.item -> 'value', t.vr), dpp.document_values(i.item -> 'default', t.vr),
        coalesce(i.item -> 'unit' ->> 'value', case when jsonb_typeof(i.item -> 'unit') = 'string' then i.item ->> 'unit' end),
        i.item -> 'unit' ->> 'scheme', i.item -> 'unit' ->> 'meaning', r.significance, r.violation_condition,
        r.selection_guidance, r.is_modifiable, r.other_attributes
    from (
        -- A parameter that says no path is completed as a row is (dpp.default_path); an empty one is the element itself.
        select false, p.n, p.item, 'parameter',
            coalesce(p.item -> 'path', 'null') = 'null' and coalesce(p.item -> 'path_items', 'null') = 'null'
        from jsonb_array_elements(p_parameters) with ordinality as p (item, n)
        where not (p.item ? 'value' and p.item -> 'value' = 'null' and p.item -> 'default' is null)
        union all
        select true, row_number() over (order by p.n), p.item, 'private_parameter', false
        from jsonb_array_elements(p_private) with ordinality as p (item, n)
        where p.item -> 'value' <> 'null' or p.item -> 'default' <> 'null'
    ) as i (is_private, n, item, level, has_default_path)
    cross join lateral jsonb_populate_record(
        null::dpp.parameter_constraints,
        jsonb_build_object('selector_path', '[]'::jsonb, 'selector_path_items', '[]'::jsonb, 'other_attributes', '{}'::jsonb)
            || dpp.document_row(i.item, i.level)) as r
    cross join lateral (
        select
            case when i.is_private then coalesce(r.selector_attribute, '7001' || upper(lpad(to_hex(16 + i.n), 4, '0'))) else r.selector_attribute end,
            case
                when i.is_private then coalesce(
                    r.selector_vr,
                    case
                        when exists (
                            select
                            from jsonb_array_elements(dpp.json_list(i.item -> 'value')) as v (value)
                            where jsonb_typeof(v.value) <> 'number')
                        then 'LO' else 'DS'
                    end)
                else coalesce(r.selector_vr, (dpp.attribute_of(coalesce(r.selector_attribute, r.selector_keyword))).vr)
            end,
            case when i.is_private then coalesce(r.selector_private_creator, p_private_creator) else r.selector_private_creator end,
            -- One item number more than sequences: the first is the element's.
            case
                when p_kind = 'patient' or i.has_default_path then '{}'
                else array[dpp.performed_sequence(p_kind)]
            end,
            case
                when p_kind = 'patient' or i.has_default_path or cardinality(r.selector_path_items) > cardinality(r.selector_path)
                then '{}'
                else array[p_element]
            end,
            case
                when r.selector_path_items = '{}' and cardinality(r.selector_path) > 0
                then array_fill(coalesce((i.item ->> 'path_item')::int, 1), array[cardinality(r.selector_path)])
                else r.selector_path_items
            end
    ) as t (tag, vr, creator, outer_path, outer_items, items);
end
$$;
comment on function dpp.load_parameters(bigint, text, int, jsonb, jsonb, text) is
    'The constraints of an element of a draft, or on the patient, from an authoring document';

create or replace function dpp.load_elements(p_object_id bigint, p_document jsonb)
returns void language plpgsql as $$
declare
    element record;
    parameters jsonb;
begin
    perform dpp.load_parameters(p_object_id, 'patient', 0, dpp.json_list(p_document -> 'patient_constraints'), '[]', null);
    for element in
        select k.kind, e.n::int as place, e.item, r.*
        from (values ('acquisition'), ('reconstruction'), ('storage')) as k (kind)
        cross join lateral jsonb_array_elements(dpp.json_list(p_document -> k.kind)) with ordinality as e (item, n)
        cross join lateral (select dpp.document_row(e.item, 'element')) as r (content)
        order by k.kind, e.n
    loop
        insert into dpp.protocol_elements (
            object_id, kind, ordinal, element_number, element_name, element_purpose, other_attributes)
        values (
            p_object_id, element.kind, element.place, (element.content ->> 'element_number')::int,
            element.content ->> 'element_name', element.content ->> 'element_purpose',
            element.content -> 'other_attributes');
        -- Defined protocols name an element by a constraint on its Protocol Element Name (0018,9922).
        parameters := dpp.json_list(element.item -> 'parameters');
        if element.item ->> 'name' <> '' and not exists (
            select
            from jsonb_array_elements(parameters) as p (item)
            where '00189922' = (dpp.attribute_of(coalesce(p.item ->> 'attribute', p.item ->> 'keyword'))).tag
                and p.item -> 'value' <> 'null')
        then
            parameters := jsonb_build_object('keyword', 'ProtocolElementName', 'value', element.item -> 'name') || parameters;
        end if;
        perform dpp.load_parameters(
            p_object_id, element.kind, element.place, parameters, dpp.json_list(element.item -> 'non_dicom_parameters'),
            coalesce(p_document ->> 'private_creator', 'DPPR'));
    end loop;
end
$$;
comment on function dpp.load_elements(bigint, jsonb) is 'Elements and constraints of a draft from an authoring document';

create or replace function dpp.load_protocol(p_document jsonb)
returns text language plpgsql
set jit = off
as $$
declare
    new_id bigint;
begin
    perform dpp.refuse_document(p_document);
    new_id := dpp.load_header(p_document);
    perform dpp.load_context(new_id, p_document);
    perform dpp.load_elements(new_id, p_document);
    return (select o.sop_instance_uid from dpp.objects as o where o.id = new_id);
end
$$;
comment on function dpp.load_protocol(jsonb) is
    'Makes a draft of an authoring document (docs/authoring.md, dpp.document_fields) and returns its SOP Instance UID. An error tells everything that is wrong with the document, each with its path in it';
