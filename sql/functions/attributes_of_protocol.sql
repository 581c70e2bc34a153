-- The attributes that the columns of a protocol's tables say, a row for each attribute that has a value. Which attribute is
-- which column is said here and, the other way, in server/catalog/rows_protocol.c; tests/unit/catalog/test_lossless.c
-- holds the two together. Places are those of attribute_places.sql.

create or replace function dpp.items_of_protocol(p_object_id bigint)
returns table (place text, relation text, item text, other_attributes jsonb)
language sql stable as $$
    select '', 'protocols', null, p.other_attributes
    from dpp.protocols as p
    where p.object_id = p_object_id
    union all
    select dpp.code_place(c.role, c.parent_ordinal, c.ordinal, c.equivalent), 'protocol_codes',
        concat_ws(' ', c.role, nullif(c.parent_ordinal, 0), c.ordinal, nullif(c.equivalent, 0)), c.other_attributes
    from dpp.protocol_codes as c
    where c.object_id = p_object_id
    union all
    select '0040A07C' || dpp.item_number(c.ordinal), 'protocol_custodians', c.ordinal::text, c.other_attributes
    from dpp.protocol_custodians as c
    where c.object_id = p_object_id
    union all
    select '00189912' || dpp.item_number(m.ordinal), 'protocol_models', m.ordinal::text, m.other_attributes
    from dpp.protocol_models as m
    where m.object_id = p_object_id
    union all
    select '0018990E' || dpp.item_number(p.ordinal), 'protocol_predecessors', p.ordinal::text, p.other_attributes
    from dpp.protocol_predecessors as p
    where p.object_id = p_object_id
    union all
    select dpp.instruction_place(i.kind, i.ordinal), 'instructions', concat_ws(' ', i.kind, i.ordinal), i.other_attributes
    from dpp.instructions as i
    where i.object_id = p_object_id
    union all
    select dpp.element_sequence(e.kind) || dpp.item_number(e.ordinal), 'protocol_elements', concat_ws(' ', e.kind, e.ordinal),
        e.other_attributes
    from dpp.protocol_elements as e
    where e.object_id = p_object_id
    union all
    select dpp.constraint_place(c.kind, c.element_ordinal, c.ordinal), 'parameter_constraints',
        concat_ws(' ', c.kind, nullif(c.element_ordinal, 0), c.ordinal), c.other_attributes
    from dpp.parameter_constraints as c
    where c.object_id = p_object_id
$$;
comment on function dpp.items_of_protocol(bigint) is
    'The rows of a protocol as items of its data set: place, table and key of the row, and its other_attributes';

create or replace function dpp.attributes_of_protocol(p_object_id bigint)
returns table (
    item_place text, item_tag text, place text, tag text, vr text, value text, value_count int, column_name text)
language sql stable as $$
    select '', a.tag, '', a.tag, a.vr, a.value, a.value_count, a.column_name
    from dpp.protocols as p
    join dpp.objects as o on o.id = p.object_id
    cross join lateral (
        values
            ('00080012', 'DA', p.instance_creation_date, 1, 'instance_creation_date'),
            ('00080013', 'TM', p.instance_creation_time, 1, 'instance_creation_time'),
            ('00080016', 'UI', o.sop_class_uid, 1, 'sop_class_uid'),
            ('00080018', 'UI', o.sop_instance_uid, 1, 'sop_instance_uid'),
            ('00080070', 'LO', p.manufacturer, 1, 'manufacturer'),
            ('00080201', 'SH', o.timezone_offset, 1, 'timezone_offset'),
            ('00080221', 'CS', p.equipment_modality, 1, 'equipment_modality'),
            ('00081090', 'LO', p.manufacturer_model_name, 1, 'manufacturer_model_name'),
            ('00120010', 'LO', p.clinical_trial_sponsor_name, 1, 'clinical_trial_sponsor_name'),
            ('00120020', 'LO', p.clinical_trial_protocol_id, 1, 'clinical_trial_protocol_id'),
            ('00120021', 'LO', p.clinical_trial_protocol_name, 1, 'clinical_trial_protocol_name'),
            ('00181000', 'LO', p.device_serial_number, 1, 'device_serial_number'),
            ('00181020', 'LO', array_to_string(p.software_versions, '\', ''), cardinality(p.software_versions),
                'software_versions'),
            ('00181030', 'LO', p.protocol_name, 1, 'protocol_name'),
            ('00189908', 'UC', array_to_string(p.potential_reasons, '\', ''), cardinality(p.potential_reasons),
                'potential_reasons'),
            ('0018990A', 'UC', array_to_string(p.potential_diagnostic_tasks, '\', ''),
                cardinality(p.potential_diagnostic_tasks), 'potential_diagnostic_tasks'),
            ('0018990F', 'UT', p.planning_information, 1, 'planning_information'),
            ('00189910', 'UT', p.design_rationale, 1, 'design_rationale'),
            ('00189947', 'CS', p.patient_position, 1, 'patient_position'),
            ('00700084', 'PN', p.content_creator_name, 1, 'content_creator_name')
    ) as a (tag, vr, value, value_count, column_name)
    where p.object_id = p_object_id and a.value <> ''
    union all
    select i.place, a.tag, i.place, a.tag, a.vr, a.value, 1, a.column_name
    from dpp.protocol_codes as c
    cross join lateral (select dpp.code_place(c.role, c.parent_ordinal, c.ordinal, c.equivalent)) as i (place)
    cross join lateral (
        values
            ('00080100', 'SH', c.code_value, 'code_value'),
            ('00080102', 'SH', c.coding_scheme_designator, 'coding_scheme_designator'),
            ('00080103', 'SH', c.coding_scheme_version, 'coding_scheme_version'),
            ('00080104', 'LO', c.code_meaning, 'code_meaning'),
            ('00080119', 'UC', c.long_code_value, 'long_code_value'),
            ('00080120', 'UR', c.urn_code_value, 'urn_code_value')
    ) as a (tag, vr, value, column_name)
    where c.object_id = p_object_id and a.value <> ''
    union all
    select i.place, '00080080', i.place, '00080080', 'LO', c.institution_name, 1, 'institution_name'
    from dpp.protocol_custodians as c
    cross join lateral (select '0040A07C' || dpp.item_number(c.ordinal)) as i (place)
    where c.object_id = p_object_id and c.institution_name <> ''
    union all
    select i.place, a.tag, i.place, a.tag, 'LO', a.value, a.value_count, a.column_name
    from dpp.protocol_models as m
    cross join lateral (select '00189912' || dpp.item_number(m.ordinal)) as i (place)
    cross join lateral (
        values
            ('00080070', m.manufacturer, 1, 'manufacturer'),
            ('00080222', m.manufacturer_related_model_group, 1, 'manufacturer_related_model_group'),
            ('00081090', m.manufacturer_model_name, 1, 'manufacturer_model_name'),
            ('00181000', m.device_serial_number, 1, 'device_serial_number'),
            ('00181020', array_to_string(m.software_versions, '\', ''), cardinality(m.software_versions),
                'software_versions')
    ) as a (tag, value, value_count, column_name)
    where m.object_id = p_object_id and a.value <> ''
    union all
    select i.place, a.tag, i.place, a.tag, 'UI', a.value, 1, a.column_name
    from dpp.protocol_predecessors as p
    cross join lateral (select '0018990E' || dpp.item_number(p.ordinal)) as i (place)
    cross join lateral (
        values
            ('00081150', p.referenced_sop_class_uid, 'referenced_sop_class_uid'),
            ('00081155', p.referenced_sop_instance_uid, 'referenced_sop_instance_uid')
    ) as a (tag, value, column_name)
    where p.object_id = p_object_id and a.value <> ''
    union all
    select i.place, a.tag, i.place, a.tag, a.vr, a.value, 1, a.column_name
    from dpp.instructions as s
    cross join lateral (select dpp.instruction_place(s.kind, s.ordinal)) as i (place)
    cross join lateral (
        values
            ('00189915', 'US', s.instruction_index::text, 'instruction_index'),
            ('00189916', 'LO', s.instruction_text, 'instruction_text'),
            ('00189917', 'UT', s.instruction_description, 'instruction_description')
    ) as a (tag, vr, value, column_name)
    where s.object_id = p_object_id and a.value <> ''
    union all
    select i.place, a.tag, i.place, a.tag, a.vr, a.value, 1, a.column_name
    from dpp.protocol_elements as e
    cross join lateral (select dpp.element_sequence(e.kind) || dpp.item_number(e.ordinal)) as i (place)
    cross join lateral (
        values
            ('00189921', 'US', e.element_number::text, 'element_number'),
            ('00189922', 'LO', e.element_name, 'element_name'),
            ('00189924', 'UT', e.element_purpose, 'element_purpose')
    ) as a (tag, vr, value, column_name)
    where e.object_id = p_object_id and a.value <> ''
    union all
    select a.item_place, a.item_tag, a.place, a.tag, a.vr, a.value, a.value_count, a.column_name
    from dpp.attributes_of_constraints(p_object_id) as a
$$;
comment on function dpp.attributes_of_protocol(bigint) is
    'The attributes that the columns of a protocol say: item and attribute of the row, place, tag, VR, values joined by a backslash, their number, and the column';
