-- A Defined Procedure Protocol in DICOM JSON becomes rows.
--
-- One statement per table, each over all items at once; a table whose sequences are absent costs a key lookup.
-- Each row keeps in other_attributes what its columns do not say: the item minus the tags of the columns that are
-- filled, which works because a column is filled only when it says the attribute completely (sql/functions/attributes.sql).

create or replace function dpp.normalize_protocol(p_object_id bigint, p_dataset jsonb)
returns void
language plpgsql
set plan_cache_mode = force_generic_plan
as $$
declare
    -- the large ones, taken out of the data set once
    acquisitions jsonb := dpp.attribute_items(p_dataset -> '0018991F');
    reconstructions jsonb := dpp.attribute_items(p_dataset -> '00189933');
    storages jsonb := dpp.attribute_items(p_dataset -> '00189935');
begin
    insert into dpp.protocols (
        object_id, protocol_name, equipment_modality, content_creator_name, instance_creation_date,
        instance_creation_time, clinical_trial_sponsor_name, clinical_trial_protocol_id,
        clinical_trial_protocol_name, potential_reasons, potential_diagnostic_tasks, planning_information,
        design_rationale, patient_position, manufacturer, manufacturer_model_name, device_serial_number,
        software_versions, other_attributes)
    select
        p_object_id, c.protocol_name, c.equipment_modality, c.content_creator_name, c.instance_creation_date,
        c.instance_creation_time, c.clinical_trial_sponsor_name, c.clinical_trial_protocol_id,
        c.clinical_trial_protocol_name, c.potential_reasons, c.potential_diagnostic_tasks, c.planning_information,
        c.design_rationale, c.patient_position, c.manufacturer, c.manufacturer_model_name, c.device_serial_number,
        c.software_versions,
        p_dataset - (array[
            case when c.sop_class_uid is not null then '00080016' end,
            case when c.sop_instance_uid is not null then '00080018' end,
            case when c.timezone_offset is not null then '00080201' end,
            case when c.protocol_name is not null then '00181030' end,
            case when c.equipment_modality is not null then '00080221' end,
            case when c.content_creator_name is not null then '00700084' end,
            case when c.instance_creation_date is not null then '00080012' end,
            case when c.instance_creation_time is not null then '00080013' end,
            case when c.clinical_trial_sponsor_name is not null then '00120010' end,
            case when c.clinical_trial_protocol_id is not null then '00120020' end,
            case when c.clinical_trial_protocol_name is not null then '00120021' end,
            case when c.potential_reasons <> '{}' then '00189908' end,
            case when c.potential_diagnostic_tasks <> '{}' then '0018990A' end,
            case when c.planning_information is not null then '0018990F' end,
            case when c.design_rationale is not null then '00189910' end,
            case when c.patient_position is not null then '00189947' end,
            case when c.manufacturer is not null then '00080070' end,
            case when c.manufacturer_model_name is not null then '00081090' end,
            case when c.device_serial_number is not null then '00181000' end,
            case when c.software_versions <> '{}' then '00181020' end,
            -- sequences whose items are rows of their own
            case when acquisitions <> '[]' then '0018991F' end,
            case when reconstructions <> '[]' then '00189933' end,
            case when storages <> '[]' then '00189935' end
        ] || array(
            select s.tag
            from unnest(array[
                '0040A07C', '00080220', '00189906', '00189907', '00189909', '0018990B', '0018990E', '00189911',
                '00189912', '00189914', '0018991B', '0018991C', '00082218', '00082228']) as s (tag)
            where p_dataset ? s.tag and dpp.attribute_items(p_dataset -> s.tag) <> '[]'))
    from (
        select
            dpp.attribute_text(p_dataset -> '00080016', 'UI') as sop_class_uid,
            dpp.attribute_text(p_dataset -> '00080018', 'UI') as sop_instance_uid,
            dpp.attribute_text(p_dataset -> '00080201', 'SH') as timezone_offset,
            dpp.attribute_text(p_dataset -> '00181030', 'LO') as protocol_name,
            dpp.attribute_text(p_dataset -> '00080221', 'CS') as equipment_modality,
            dpp.attribute_name(p_dataset -> '00700084') as content_creator_name,
            dpp.attribute_text(p_dataset -> '00080012', 'DA') as instance_creation_date,
            dpp.attribute_text(p_dataset -> '00080013', 'TM') as instance_creation_time,
            dpp.attribute_text(p_dataset -> '00120010', 'LO') as clinical_trial_sponsor_name,
            dpp.attribute_text(p_dataset -> '00120020', 'LO') as clinical_trial_protocol_id,
            dpp.attribute_text(p_dataset -> '00120021', 'LO') as clinical_trial_protocol_name,
            dpp.attribute_texts(p_dataset -> '00189908', 'UC') as potential_reasons,
            dpp.attribute_texts(p_dataset -> '0018990A', 'UC') as potential_diagnostic_tasks,
            dpp.attribute_text(p_dataset -> '0018990F', 'UT') as planning_information,
            dpp.attribute_text(p_dataset -> '00189910', 'UT') as design_rationale,
            dpp.attribute_text(p_dataset -> '00189947', 'CS') as patient_position,
            dpp.attribute_text(p_dataset -> '00080070', 'LO') as manufacturer,
            dpp.attribute_text(p_dataset -> '00081090', 'LO') as manufacturer_model_name,
            dpp.attribute_text(p_dataset -> '00181000', 'LO') as device_serial_number,
            dpp.attribute_texts(p_dataset -> '00181020', 'LO') as software_versions
        offset 0
    ) as c;

    if p_dataset ? '0040A07C' then
        insert into dpp.protocol_custodians (object_id, ordinal, institution_name, other_attributes)
        select
            p_object_id, i.ordinal, c.institution_name,
            i.item - array[
                case when c.institution_name is not null then '00080080' end,
                case when dpp.attribute_items(i.item -> '00080082') <> '[]' then '00080082' end]
        from jsonb_array_elements(dpp.attribute_items(p_dataset -> '0040A07C')) with ordinality as i (item, ordinal)
        cross join lateral (
            select dpp.attribute_text(i.item -> '00080080', 'LO') as institution_name
            offset 0
        ) as c;
    end if;

    insert into dpp.protocol_codes (
        object_id, role, parent_ordinal, ordinal, equivalent, code_value, coding_scheme_designator,
        coding_scheme_version, code_meaning, long_code_value, urn_code_value, other_attributes)
    with sequences as (
        select r.role, 0::bigint as parent_ordinal, dpp.attribute_items(p_dataset -> r.tag) as items
        from (
            values
                ('responsible_group', '00080220'),
                ('scheduled_protocol', '00189906'),
                ('requested_procedure', '00189907'),
                ('reason', '00189909'),
                ('contraindication', '0018990B'),
                ('positioning_method', '0018991C'),
                ('anatomic_region', '00082218'),
                ('primary_structure', '00082228')
        ) as r (role, tag)
        where p_dataset ? r.tag
        union all
        select 'custodian_institution', i.ordinal, dpp.attribute_items(i.item -> '00080082')
        from jsonb_array_elements(dpp.attribute_items(p_dataset -> '0040A07C')) with ordinality as i (item, ordinal)
    ),
    concepts as (
        select s.role, s.parent_ordinal, i.ordinal, i.item
        from sequences as s
        cross join lateral jsonb_array_elements(s.items) with ordinality as i (item, ordinal)
    ),
    codes as (
        select c.role, c.parent_ordinal, c.ordinal, 0::bigint as equivalent, c.item
        from concepts as c
        union all
        select c.role, c.parent_ordinal, c.ordinal, e.ordinal, e.item
        from concepts as c
        cross join lateral jsonb_array_elements(dpp.attribute_items(c.item -> '00080121'))
            with ordinality as e (item, ordinal)
        where c.item ? '00080121'
    )
    select
        p_object_id, i.role, i.parent_ordinal, i.ordinal, i.equivalent, c.code_value, c.coding_scheme_designator,
        c.coding_scheme_version, c.code_meaning, c.long_code_value, c.urn_code_value,
        i.item - array[
            case when c.code_value is not null then '00080100' end,
            case when c.coding_scheme_designator is not null then '00080102' end,
            case when c.coding_scheme_version is not null then '00080103' end,
            case when c.code_meaning is not null then '00080104' end,
            case when c.long_code_value is not null then '00080119' end,
            case when c.urn_code_value is not null then '00080120' end,
            case when i.equivalent = 0 and dpp.attribute_items(i.item -> '00080121') <> '[]' then '00080121' end]
    from codes as i
    cross join lateral (
        select
            dpp.attribute_text(i.item -> '00080100', 'SH') as code_value,
            dpp.attribute_text(i.item -> '00080102', 'SH') as coding_scheme_designator,
            dpp.attribute_text(i.item -> '00080103', 'SH') as coding_scheme_version,
            dpp.attribute_text(i.item -> '00080104', 'LO') as code_meaning,
            dpp.attribute_text(i.item -> '00080119', 'UC') as long_code_value,
            dpp.attribute_text(i.item -> '00080120', 'UR') as urn_code_value
        offset 0
    ) as c;

    if p_dataset ? '00189912' then
        insert into dpp.protocol_models (
            object_id, ordinal, manufacturer, manufacturer_related_model_group, manufacturer_model_name,
            software_versions, device_serial_number, other_attributes)
        select
            p_object_id, i.ordinal, c.manufacturer, c.manufacturer_related_model_group, c.manufacturer_model_name,
            c.software_versions, c.device_serial_number,
            i.item - array[
                case when c.manufacturer is not null then '00080070' end,
                case when c.manufacturer_related_model_group is not null then '00080222' end,
                case when c.manufacturer_model_name is not null then '00081090' end,
                case when c.software_versions <> '{}' then '00181020' end,
                case when c.device_serial_number is not null then '00181000' end]
        from jsonb_array_elements(dpp.attribute_items(p_dataset -> '00189912')) with ordinality as i (item, ordinal)
        cross join lateral (
            select
                dpp.attribute_text(i.item -> '00080070', 'LO') as manufacturer,
                dpp.attribute_text(i.item -> '00080222', 'LO') as manufacturer_related_model_group,
                dpp.attribute_text(i.item -> '00081090', 'LO') as manufacturer_model_name,
                case
                    when i.item ? '00181020' then dpp.attribute_texts(i.item -> '00181020', 'LO')
                    else '{}'
                end as software_versions,
                dpp.attribute_text(i.item -> '00181000', 'LO') as device_serial_number
            offset 0
        ) as c;
    end if;

    if p_dataset ? '0018990E' then
        insert into dpp.protocol_predecessors (
            object_id, ordinal, referenced_sop_class_uid, referenced_sop_instance_uid, other_attributes)
        select
            p_object_id, i.ordinal, c.referenced_sop_class_uid, c.referenced_sop_instance_uid,
            i.item - array[
                case when c.referenced_sop_class_uid is not null then '00081150' end,
                case when c.referenced_sop_instance_uid is not null then '00081155' end]
        from jsonb_array_elements(dpp.attribute_items(p_dataset -> '0018990E')) with ordinality as i (item, ordinal)
        cross join lateral (
            select
                dpp.attribute_text(i.item -> '00081150', 'UI') as referenced_sop_class_uid,
                dpp.attribute_text(i.item -> '00081155', 'UI') as referenced_sop_instance_uid
            offset 0
        ) as c;
    end if;

    if p_dataset ?| array['00189914', '0018991B'] then
        insert into dpp.instructions (
            object_id, kind, ordinal, instruction_index, instruction_text, instruction_description, other_attributes)
        select
            p_object_id, k.kind, i.ordinal, c.instruction_index, c.instruction_text, c.instruction_description,
            i.item - array[
                case when c.instruction_index is not null then '00189915' end,
                case when c.instruction_text is not null then '00189916' end,
                case when c.instruction_description is not null then '00189917' end]
        from (values ('instruction', '00189914'), ('positioning', '0018991B')) as k (kind, tag)
        cross join lateral jsonb_array_elements(dpp.attribute_items(p_dataset -> k.tag))
            with ordinality as i (item, ordinal)
        cross join lateral (
            select
                dpp.attribute_int(i.item -> '00189915', 'US') as instruction_index,
                dpp.attribute_text(i.item -> '00189916', 'LO') as instruction_text,
                dpp.attribute_text(i.item -> '00189917', 'UT') as instruction_description
            offset 0
        ) as c;
    end if;

    if acquisitions <> '[]' or reconstructions <> '[]' or storages <> '[]' then
        insert into dpp.protocol_elements (
            object_id, kind, ordinal, element_number, element_name, element_purpose, other_attributes)
        select
            p_object_id, k.kind, i.ordinal, c.element_number, c.element_name, c.element_purpose,
            i.item - array[
                case when c.element_number is not null then '00189921' end,
                case when c.element_name is not null then '00189922' end,
                case when c.element_purpose is not null then '00189924' end,
                case when dpp.attribute_items(i.item -> '00189913') <> '[]' then '00189913' end]
        from (
            values ('acquisition', acquisitions), ('reconstruction', reconstructions), ('storage', storages)
        ) as k (kind, items)
        cross join lateral jsonb_array_elements(k.items) with ordinality as i (item, ordinal)
        cross join lateral (
            select
                dpp.attribute_int(i.item -> '00189921', 'US') as element_number,
                dpp.attribute_text(i.item -> '00189922', 'LO') as element_name,
                dpp.attribute_text(i.item -> '00189924', 'UT') as element_purpose
            offset 0
        ) as c;
    end if;

    perform dpp.normalize_constraints(
        p_object_id, dpp.attribute_items(p_dataset -> '00189911'), acquisitions, reconstructions, storages);
end
$$;
comment on function dpp.normalize_protocol(bigint, jsonb) is
    'Write the rows of a Defined Procedure Protocol given as DICOM JSON, under an object that has none yet';
