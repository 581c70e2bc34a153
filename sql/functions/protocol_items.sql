-- A protocol as items of one form, for dpp.diff: the header, the items of its sequences, and theirs.
--
-- An item says in `keys` by what it is known, from the most to the least telling: dpp.align pairs two protocols' items
-- by the first that fits. Ordinals are in none of them, as an item that is put in moves all behind it.

create or replace function dpp.relative_path_items(
    kind text, path text[], items int[], element_ordinal int, element_number int)
returns int[] language sql immutable parallel safe as $$
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
comment on function dpp.relative_path_items(text, text[], int[], int, int) is
    'Selector Sequence Pointer Items with 0 for the item that is the constraint''s own element, which has another number where an element was put in before it';

create or replace function dpp.protocol_items(p_object_id bigint)
returns table (
    path text,
    parent text,
    part text,
    relation text,
    sort text,
    ordinal int,
    element text,
    attribute text,
    tag text,
    keys jsonb,
    content jsonb,
    other jsonb,
    summary text
)
language sql stable as $$
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
comment on function dpp.protocol_items(bigint) is
    'A protocol as items of one form (header, items of sequences, items of those): where each stands, by what it is known, and what is in it. For dpp.diff';
