-- An authoring document (docs/authoring.md) becomes a draft. What is simple is read by dpp.document_fields; here is what
-- becomes rows of which table. The rows are completed like any that are inserted (complete_rows.sql).

-- Evaluated in line: members are many.
create or replace function dpp.document_column(p_kind text, p_member jsonb)
returns jsonb language sql stable as $$
    select case
        when p_kind in ('text', 'integer') then to_jsonb(nullif(p_member #>> '{}', ''))
        when p_kind in ('texts', 'path', 'integers') then dpp.json_list(p_member)
        when p_kind = 'dicom' then coalesce(nullif(p_member, 'null'), '{}')
        when p_kind = 'boolean' then to_jsonb(upper(p_member #>> '{}') in ('TRUE', 'YES'))
    end
$$;
comment on function dpp.document_column(text, jsonb) is
    'A member of an authoring document, of a kind of dpp.document_fields that is a column, as the value of the column; null: the column is not given';

-- The columns that the members of one object of a document say.
create or replace function dpp.document_row(p_document jsonb, p_level text)
returns jsonb language plpgsql stable as $$
begin
    return (
        select coalesce(jsonb_object_agg(f.target, v.value), '{}')
        from dpp.document_fields as f
        cross join lateral (select dpp.document_column(f.kind, p_document -> f.field)) as v (value)
        where f.level = p_level and f.target is not null and f.kind in ('text', 'texts', 'integer', 'integers', 'boolean', 'dicom', 'path')
            and v.value is not null
    );
end
$$;
comment on function dpp.document_row(jsonb, text) is
    'An object of an authoring document as columns of its row, as far as they are its members as they are';

-- The values of a parameter: numbers as DICOM writes them, codes as value^scheme^meaning.
create or replace function dpp.document_value(p_value jsonb, p_vr text)
returns text language sql stable as $$
    select case jsonb_typeof(p_value)
        when 'object' then concat_ws('^', p_value ->> 'value', coalesce(p_value ->> 'scheme', ''), left(coalesce(p_value ->> 'meaning', ''), 64))
        when 'number' then case
            when p_vr = 'DS' and length(p_value::text) > 16
            then (dpp.texts_of(array[p_value::text::double precision], 'DS'))[1]
            else trim_scale(p_value::text::numeric)::text
        end
        else coalesce(p_value #>> '{}', '')
    end
$$;
comment on function dpp.document_value(jsonb, text) is 'A value of a parameter of an authoring document as one of constraint_values';

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

-- The parameters of all elements and of the patient in one statement: a statement for each element, or a look at
-- dpp.document_fields for each parameter, takes several times as long. Those of which nothing is known (a value that is null) are
-- left out. "offset 0" keeps PostgreSQL from evaluating an expression as often as it is mentioned.
create or replace function dpp.load_parameters(p_object_id bigint, p_document jsonb)
returns void language plpgsql as $$
begin
    insert into dpp.parameter_constraints (
        object_id, kind, element_ordinal, ordinal, selector_attribute, selector_keyword, selector_name, selector_vr,
        selector_value_number, selector_private_creator, selector_path, selector_path_items, constraint_type,
        constraint_values, default_values, unit_code, unit_scheme, unit_meaning, significance, violation_condition,
        selection_guidance, is_modifiable, other_attributes)
    with fields as materialized (
        select f.level, f.field, f.kind, f.target
        from dpp.document_fields as f
        where f.level in ('parameter', 'private_parameter') and f.target is not null
            and f.kind in ('text', 'texts', 'integer', 'integers', 'boolean', 'dicom', 'path')
    ),
    elements as materialized (
        select k.kind, e.n::int as element, e.item
        from (values ('acquisition'), ('reconstruction'), ('storage')) as k (kind)
        cross join lateral jsonb_array_elements(dpp.json_list(p_document -> k.kind)) with ordinality as e (item, n)
    ),
    lists as (
        select 'patient' as kind, 0 as element, dpp.json_list(p_document -> 'patient_constraints') as parameters
        union all
        select e.kind, e.element, dpp.json_list(e.item -> 'parameters')
        from elements as e
    ),
    parameters as materialized (
        select l.kind, l.element, p.n, p.item, a.tag as known_tag, a.vr as known_vr
        from lists as l
        cross join lateral jsonb_array_elements(l.parameters) with ordinality as p (item, n)
        cross join lateral dpp.attribute_of(coalesce(nullif(p.item ->> 'attribute', ''), nullif(p.item ->> 'keyword', ''))) as a
    ),
    items as (
        -- A parameter that says no path is completed as a row is (dpp.default_path); an empty one is the element itself.
        select p.kind, p.element, false as is_private, p.n, p.item, 'parameter' as level, p.known_vr,
            coalesce(p.item -> 'path', 'null') = 'null' and coalesce(p.item -> 'path_items', 'null') = 'null' as has_default_path
        from parameters as p
        where not (p.item ? 'value' and p.item -> 'value' = 'null' and p.item -> 'default' is null)
        union all
        -- Defined protocols name an element by a constraint on its Protocol Element Name (0018,9922).
        select e.kind, e.element, false, 0, jsonb_build_object('keyword', 'ProtocolElementName', 'value', e.item -> 'name'),
            'parameter', 'LO', true
        from elements as e
        where e.item ->> 'name' <> ''
            and not exists (
                select
                from parameters as p
                where p.kind = e.kind and p.element = e.element and p.known_tag = '00189922' and p.item -> 'value' <> 'null')
        union all
        select e.kind, e.element, true, row_number() over (partition by e.kind, e.element order by p.n), p.item,
            'private_parameter', null, false
        from elements as e
        cross join lateral jsonb_array_elements(dpp.json_list(e.item -> 'non_dicom_parameters')) with ordinality as p (item, n)
        where p.item -> 'value' <> 'null' or p.item -> 'default' <> 'null'
    )
    select
        p_object_id, i.kind, i.element,
        row_number() over (partition by i.kind, i.element order by i.is_private, i.n), t.tag, r.selector_keyword,
        case when i.is_private then left(r.selector_name, 64) else r.selector_name end, t.vr, r.selector_value_number, t.creator,
        t.outer_path || r.selector_path, t.outer_items || t.items, r.constraint_type,
        array(
            select dpp.document_value(v.value, t.vr)
            from jsonb_array_elements(dpp.json_list(i.item -> 'value')) as v (value)),
        array(
            select dpp.document_value(v.value, t.vr)
            from jsonb_array_elements(dpp.json_list(i.item -> 'default')) as v (value)),
        coalesce(i.item -> 'unit' ->> 'value', case when jsonb_typeof(i.item -> 'unit') = 'string' then i.item ->> 'unit' end),
        i.item -> 'unit' ->> 'scheme', i.item -> 'unit' ->> 'meaning', r.significance, r.violation_condition,
        r.selection_guidance, r.is_modifiable, r.other_attributes
    from items as i
    cross join lateral (
        select jsonb '{"selector_path": [], "selector_path_items": [], "other_attributes": {}}'
            || coalesce(jsonb_object_agg(f.target, v.value), '{}')
        from fields as f
        cross join lateral (select dpp.document_column(f.kind, i.item -> f.field) offset 0) as v (value)
        where f.level = i.level and i.item ? f.field and v.value is not null
    ) as c (content)
    cross join lateral jsonb_populate_record(null::dpp.parameter_constraints, c.content) as r
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
                else coalesce(r.selector_vr, i.known_vr)
            end,
            case
                when i.is_private then coalesce(r.selector_private_creator, p_document ->> 'private_creator', 'DPPR')
                else r.selector_private_creator
            end,
            -- One item number more than sequences: the first is the element's.
            case
                when i.kind = 'patient' or i.has_default_path then '{}'
                else array[dpp.performed_sequence(i.kind)]
            end,
            case
                when i.kind = 'patient' or i.has_default_path or cardinality(r.selector_path_items) > cardinality(r.selector_path)
                then '{}'
                else array[i.element]
            end,
            case
                when r.selector_path_items = '{}' and cardinality(r.selector_path) > 0
                then array_fill(coalesce((i.item ->> 'path_item')::int, 1), array[cardinality(r.selector_path)])
                else r.selector_path_items
            end
        offset 0
    ) as t (tag, vr, creator, outer_path, outer_items, items);
end
$$;
comment on function dpp.load_parameters(bigint, jsonb) is
    'The constraints of a draft, on all its elements and on the patient, from an authoring document';

create or replace function dpp.load_elements(p_object_id bigint, p_document jsonb)
returns void language plpgsql as $$
begin
    insert into dpp.protocol_elements (
        object_id, kind, ordinal, element_number, element_name, element_purpose, other_attributes)
    select
        p_object_id, k.kind, e.n, (r.content ->> 'element_number')::int, r.content ->> 'element_name',
        r.content ->> 'element_purpose', r.content -> 'other_attributes'
    from (values ('acquisition'), ('reconstruction'), ('storage')) as k (kind)
    cross join lateral jsonb_array_elements(dpp.json_list(p_document -> k.kind)) with ordinality as e (item, n)
    cross join lateral (select dpp.document_row(e.item, 'element') offset 0) as r (content)
    order by k.kind, e.n;
    perform dpp.load_parameters(p_object_id, p_document);
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
