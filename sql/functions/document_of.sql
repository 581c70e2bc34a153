-- A protocol as an authoring document: the reverse of dpp.load_protocol. What loading fills in again is left out.

create or replace function dpp.others_document(p_others jsonb)
returns jsonb language sql immutable parallel safe as $$
    select case when p_others <> '{}' then jsonb_build_object('other_attributes', p_others) else '{}' end
$$;
comment on function dpp.others_document(jsonb) is 'other_attributes as a member of an authoring document, if there are any';

create or replace function dpp.code_document(p_code jsonb)
returns jsonb language sql immutable parallel safe as $$
    select jsonb_strip_nulls(
            jsonb_build_object(
                -- A single value goes where it belongs by itself (dpp.complete_code).
                'value', case when v.is_plain then coalesce(v.value, v.long, v.urn) else v.value end,
                'long_value', case when not v.is_plain then v.long end,
                'urn_value', case when not v.is_plain then v.urn end,
                'scheme', p_code ->> 'coding_scheme_designator',
                'version', p_code ->> 'coding_scheme_version',
                'meaning', p_code ->> 'code_meaning'))
        || dpp.others_document(p_code -> 'other_attributes')
    from (
        select c.value, c.long, c.urn,
            num_nonnulls(c.value, c.long, c.urn) = 1
            and dpp.code_column(coalesce(c.value, c.long, c.urn)) = case
                when c.value is not null then 'code_value'
                when c.long is not null then 'long_code_value'
                else 'urn_code_value'
            end
        from (
            values (p_code ->> 'code_value', p_code ->> 'long_code_value', p_code ->> 'urn_code_value')
        ) as c (value, long, urn)
    ) as v (value, long, urn, is_plain)
$$;
comment on function dpp.code_document(jsonb) is 'A row of codes as a member of an authoring document';

create or replace function dpp.codes_document(p_object_id bigint, p_role text, p_parent int default 0)
returns jsonb language sql stable as $$
    select jsonb_agg(
        dpp.code_document(to_jsonb(c)) || coalesce(
            (
                select jsonb_build_object('equivalents', jsonb_agg(dpp.code_document(to_jsonb(e)) order by e.equivalent))
                from dpp.protocol_codes as e
                where (e.object_id, e.role, e.parent_ordinal, e.ordinal) = (c.object_id, c.role, c.parent_ordinal, c.ordinal)
                    and e.equivalent > 0
                having count(*) > 0
            ),
            '{}')
        order by c.ordinal)
    from dpp.protocol_codes as c
    where c.object_id = p_object_id and c.role = p_role and c.parent_ordinal = p_parent and c.equivalent = 0
$$;
comment on function dpp.codes_document(bigint, text, int) is 'The codes of a role of a protocol as a member of an authoring document; null when there are none';

-- One value as itself, several as a list. Numbers only where a number is written again as the same text.
create or replace function dpp.values_document(p_values text[], p_vr text, p_is_list boolean)
returns jsonb language sql immutable parallel safe as $$
    select case
        when p_values = '{}' then null
        when cardinality(p_values) = 1 and not p_is_list then (jsonb_agg(v.value)) -> 0
        else jsonb_agg(v.value order by v.n)
    end
    from (
        select t.n, case
            when p_vr = 'SQ' and t.value ~ '^[^^]*\^[^^]*\^' then jsonb_strip_nulls(jsonb_build_object(
                'value', split_part(t.value, '^', 1), 'scheme', nullif(split_part(t.value, '^', 2), ''),
                'meaning', nullif(substr(t.value, 3 + length(split_part(t.value, '^', 1)) + length(split_part(t.value, '^', 2))), '')))
            when dpp.is_numeric_vr(p_vr) and t.value ~ '^(0|-?[1-9][0-9]*|-?(0|[1-9][0-9]*)\.[0-9]*[0-9])$' and length(t.value) <= 16
            then to_jsonb(t.value::numeric)
            else to_jsonb(t.value)
        end
        from unnest(p_values) with ordinality as t (value, n)
    ) as v (n, value)
$$;
comment on function dpp.values_document(text[], text, boolean) is 'constraint_values as a member of an authoring document';

create or replace function dpp.parameters_document(p_object_id bigint, p_kind text, p_element int)
returns jsonb language plpgsql stable as $$
begin
    return (
        select jsonb_agg(
            jsonb_strip_nulls(
                jsonb_build_object(
                    'keyword', c.selector_keyword,
                    'attribute', case when c.selector_keyword is null or c.selector_keyword is distinct from a.keyword then c.selector_attribute end,
                    'name', nullif(c.selector_name, left(a.name, 64)),
                    'vr', nullif(c.selector_vr, a.vr),
                    'private_creator', c.selector_private_creator,
                    'value_number', nullif(
                        c.selector_value_number,
                        case when c.constraint_type = 'EQUAL' and cardinality(c.constraint_values) > 1 then 0 else 1 end),
                    'path', to_jsonb(case
                    when p.tags is distinct from dpp.default_path(c.kind, o.sop_class_uid, c.selector_attribute)
                        or c.selector_path_items[1] is distinct from c.element_ordinal
                        or p.items <> array_fill(1, array[cardinality(p.tags)])
                    then p.path
                end),
                    'path_items', case
                        when c.kind <> 'patient' and c.selector_path_items[1] is distinct from c.element_ordinal then to_jsonb(c.selector_path_items)
                        when p.items <> array_fill(1, array[cardinality(p.path)]) then to_jsonb(p.items)
                    end,
                    'constraint', c.constraint_type,
                    'value', dpp.values_document(c.constraint_values, c.selector_vr, false),
                    'default', dpp.values_document(c.default_values, c.selector_vr, false),
                    'significance', c.significance,
                    'condition', c.violation_condition,
                    'guidance', c.selection_guidance,
                    'modifiable', c.is_modifiable,
                    'unit', case
                        when c.unit_scheme = 'UCUM'
                            and c.unit_meaning = coalesce((select u.meaning from dpp.units as u where u.unit_code = c.unit_code), left(c.unit_code, 64))
                        then to_jsonb(c.unit_code)
                        when c.unit_code is not null
                        then jsonb_build_object('value', c.unit_code, 'scheme', c.unit_scheme, 'meaning', c.unit_meaning)
                    end))
                || dpp.others_document(c.other_attributes)
            order by c.ordinal)
        from dpp.parameter_constraints as c
        join dpp.objects as o on o.id = c.object_id
        left join dpp.attributes as a on a.tag = c.selector_attribute
        cross join lateral (
            select
                case when c.selector_path[1] = dpp.performed_sequence(c.kind) then c.selector_path[2:] else c.selector_path end,
                case when c.selector_path[1] = dpp.performed_sequence(c.kind) then c.selector_path_items[2:] else c.selector_path_items end
        ) as s (tags, items)
        cross join lateral (
            select
                array(
                    select coalesce(k.keyword, t.tag)
                    from unnest(s.tags) with ordinality as t (tag, n)
                    left join dpp.attributes as k on k.tag = t.tag
                    order by t.n),
                s.items,
            s.tags
    ) as p (path, items, tags)
        where c.object_id = p_object_id and c.kind = p_kind and c.element_ordinal = p_element
    );
end
$$;
comment on function dpp.parameters_document(bigint, text, int) is
    'The constraints of an element, or on the patient, as a member of an authoring document; null when there are none';

create or replace function dpp.items_document(p_object_id bigint)
returns jsonb language sql stable as $$
    select coalesce(jsonb_object_agg(m.member, m.items), '{}')
    from (
        select 'custodians', jsonb_agg(
            jsonb_strip_nulls(jsonb_build_object(
                'institution', c.institution_name,
                'institution_codes', dpp.codes_document(p_object_id, 'custodian_institution', c.ordinal)))
                || dpp.others_document(c.other_attributes)
            order by c.ordinal)
        from dpp.protocol_custodians as c
        where c.object_id = p_object_id
        union all
        select 'equipment', jsonb_agg(
            jsonb_strip_nulls(jsonb_build_object(
                'manufacturer', m.manufacturer,
                'model_group', m.manufacturer_related_model_group,
                'model', m.manufacturer_model_name,
                'software_versions', to_jsonb(nullif(m.software_versions, '{}')),
                'serial_number', m.device_serial_number))
                || dpp.others_document(m.other_attributes)
            order by m.ordinal)
        from dpp.protocol_models as m
        where m.object_id = p_object_id
        union all
        select 'predecessors', jsonb_agg(
            jsonb_strip_nulls(jsonb_build_object(
                'sop_instance_uid', p.referenced_sop_instance_uid,
                'sop_class_uid', p.referenced_sop_class_uid))
                || dpp.others_document(p.other_attributes)
            order by p.ordinal)
        from dpp.protocol_predecessors as p
        where p.object_id = p_object_id
        union all
        select case i.kind when 'instruction' then 'instructions' else 'positioning_instructions' end, jsonb_agg(
            jsonb_strip_nulls(jsonb_build_object(
                'index', nullif(i.instruction_index, i.ordinal),
                'text', i.instruction_text,
                'description', i.instruction_description))
                || dpp.others_document(i.other_attributes)
            order by i.ordinal)
        from dpp.instructions as i
        where i.object_id = p_object_id
        group by i.kind
        union all
        select 'patient_constraints', dpp.parameters_document(p_object_id, 'patient', 0)
        union all
        select e.kind, jsonb_agg(
            jsonb_strip_nulls(jsonb_build_object(
                'number', nullif(e.element_number, e.ordinal),
                'element_name', e.element_name,
                'purpose', e.element_purpose,
                'name', (
                    select n.constraint_values[1]
                    from dpp.parameter_constraints as n
                    where n.object_id = p_object_id and n.kind = e.kind and n.element_ordinal = e.ordinal
                        and n.selector_attribute = '00189922' and n.constraint_type = 'EQUAL'
                    order by n.ordinal
                    limit 1)))
                || dpp.others_document(e.other_attributes)
                || coalesce(
                    jsonb_build_object('parameters', nullif(dpp.parameters_document(p_object_id, e.kind, e.ordinal), 'null')), '{}')
            order by e.ordinal)
        from dpp.protocol_elements as e
        where e.object_id = p_object_id
        group by e.kind
    ) as m (member, items)
    where m.items is not null
$$;
comment on function dpp.items_document(bigint) is
    'What a protocol has several of (custodians, models, elements and so on) as members of an authoring document';

create or replace function dpp.document_of(p_uid text)
returns jsonb language plpgsql stable
set jit = off
as $$
declare
    protocol_id constant bigint := dpp.protocol_of(p_uid);
    header dpp.protocols;
    trial jsonb;
    document jsonb;
begin
    select p.* into header from dpp.protocols as p where p.object_id = protocol_id;
    trial := jsonb_strip_nulls(jsonb_build_object(
        'sponsor', header.clinical_trial_sponsor_name,
        'protocol_id', header.clinical_trial_protocol_id,
        'protocol_name', header.clinical_trial_protocol_name));
    select jsonb_strip_nulls(jsonb_build_object(
            'sop_instance_uid', o.sop_instance_uid,
            'name', header.protocol_name,
            'modality', coalesce(
                header.equipment_modality, case o.sop_class_uid when '1.2.840.10008.5.1.4.1.1.200.7' then 'XA' else 'CT' end),
            'creator', header.content_creator_name,
            'creation_date', header.instance_creation_date,
            'creation_time', header.instance_creation_time,
            'timezone', o.timezone_offset,
            'indications', to_jsonb(nullif(header.potential_reasons, '{}')),
            'diagnostic_tasks', to_jsonb(nullif(header.potential_diagnostic_tasks, '{}')),
            'planning_information', header.planning_information,
            'notes', header.design_rationale,
            'patient_position', header.patient_position,
            'clinical_trial', nullif(trial, '{}'),
            'manufacturer', header.manufacturer,
            'manufacturer_model_name', header.manufacturer_model_name,
            'device_serial_number', header.device_serial_number,
            'software_versions', to_jsonb(nullif(header.software_versions, '{}')),
            'responsible_group', dpp.codes_document(protocol_id, 'responsible_group'),
            'scheduled_protocol_codes', dpp.codes_document(protocol_id, 'scheduled_protocol'),
            'requested_procedure_codes', dpp.codes_document(protocol_id, 'requested_procedure'),
            'reason_codes', dpp.codes_document(protocol_id, 'reason'),
            'contraindications', dpp.codes_document(protocol_id, 'contraindication'),
            'anatomic_regions', dpp.codes_document(protocol_id, 'anatomic_region'),
            'primary_structures', dpp.codes_document(protocol_id, 'primary_structure'),
            'positioning_methods', dpp.codes_document(protocol_id, 'positioning_method')))
    into document
    from dpp.objects as o
    where o.id = header.object_id;
    -- DICOM JSON keeps its nulls.
    return document
        || dpp.others_document(header.other_attributes)
        || dpp.items_document(protocol_id);
end
$$;
comment on function dpp.document_of(text) is
    'A protocol as an authoring document (docs/authoring.md): dpp.load_protocol makes the same protocol of it';
