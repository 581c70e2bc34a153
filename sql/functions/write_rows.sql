-- The rows of a received object. Which attribute is which column is said by the program that reads the data set
-- (server/catalog/rows_protocol.c); here is only where they go. A table comes as text[][], one entry a row: what tells the row
-- (kind or role, ordinals), then the columns of the table in their order, other_attributes last. Null stands for
-- absent and for the column's default, an array is a literal of its own.
--
-- That is as fast as plain inserts of the same rows: a parameter is taken apart once, and no plan or expression is
-- made per row. A table without rows costs nothing.

create or replace function dpp.write_rows(
    p_object_id bigint,
    p_protocol text[],
    p_custodians text[],
    p_codes text[],
    p_models text[],
    p_predecessors text[],
    p_instructions text[],
    p_elements text[],
    p_constraints text[],
    p_warnings text[]
)
returns void
language plpgsql
as $$
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
comment on function dpp.write_rows(
    bigint, text[], text[], text[], text[], text[], text[], text[], text[], text[]) is
    'Write the rows of an object that has none yet: per table an array of rows; an object that is no protocol has null, or no, rows';
