-- The data set that the rows of a protocol or an approval stand for, for the proof that ingest loses nothing: what the columns say is
-- written out again and put under other_attributes, and the result must be the data set that went in.

create schema if not exists dpp_test;

-- Without the attributes that are null; unlike jsonb_strip_nulls only those of the object itself.
create or replace function dpp_test.present(object jsonb)
returns jsonb language sql immutable as $$
    select coalesce(jsonb_object_agg(a.key, a.value), '{}') from jsonb_each(object) as a where a.value <> 'null'
$$;

create or replace function dpp_test.texts(vr text, texts text[])
returns jsonb language sql immutable as $$
    select case
        when texts <> '{}' then jsonb_build_object('vr', vr, 'Value', (
            select jsonb_agg(nullif(t.value, '') order by t.n)
            from unnest(texts) with ordinality as t (value, n)))
    end
$$;

create or replace function dpp_test.one(vr text, value anyelement)
returns jsonb language sql immutable as $$
    select case when value is not null then jsonb_build_object('vr', vr, 'Value', jsonb_build_array(value)) end
$$;

create or replace function dpp_test.name(value text)
returns jsonb language sql immutable as $$
    select case
        when value is not null then jsonb_build_object('vr', 'PN', 'Value', jsonb_build_array(jsonb_strip_nulls(
            jsonb_build_object(
                'Alphabetic', nullif(split_part(value, '=', 1), ''),
                'Ideographic', nullif(split_part(value, '=', 2), ''),
                'Phonetic', nullif(split_part(value, '=', 3), '')))))
    end
$$;

create or replace function dpp_test.items(items jsonb)
returns jsonb language sql immutable as $$
    select case when items is not null then jsonb_build_object('vr', 'SQ', 'Value', items) end
$$;

-- One code of any table that has the columns of codes.
create or replace function dpp_test.code(code jsonb, equivalents jsonb default null)
returns jsonb language sql immutable as $$
    select dpp_test.present(jsonb_build_object(
            '00080100', dpp_test.one('SH', code ->> 'code_value'),
            '00080102', dpp_test.one('SH', code ->> 'coding_scheme_designator'),
            '00080103', dpp_test.one('SH', code ->> 'coding_scheme_version'),
            '00080104', dpp_test.one('LO', code ->> 'code_meaning'),
            '00080119', dpp_test.one('UC', code ->> 'long_code_value'),
            '00080120', dpp_test.one('UR', code ->> 'urn_code_value'),
            '00080121', dpp_test.items(equivalents)))
        || (code -> 'other_attributes')
$$;

create or replace function dpp_test.codes_of(p_id bigint, p_role text, p_parent int default 0)
returns jsonb language sql stable as $$
    select dpp_test.items(jsonb_agg(
        dpp_test.code(to_jsonb(c), (
            select jsonb_agg(dpp_test.code(to_jsonb(e)) order by e.equivalent)
            from dpp.protocol_codes as e
            where (e.object_id, e.role, e.parent_ordinal, e.ordinal)
                    = (c.object_id, c.role, c.parent_ordinal, c.ordinal)
                and e.equivalent > 0))
        order by c.ordinal))
    from dpp.protocol_codes as c
    where c.object_id = p_id and c.role = p_role and c.parent_ordinal = p_parent and c.equivalent = 0
$$;

create or replace function dpp_test.approval_codes_of(p_id bigint, p_role text, p_assertion int, p_asserter int default 0)
returns jsonb language sql stable as $$
    select dpp_test.items(jsonb_agg(
        dpp_test.code(to_jsonb(c), (
            select jsonb_agg(dpp_test.code(to_jsonb(e)) order by e.equivalent)
            from dpp.approval_codes as e
            where (e.object_id, e.role, e.assertion_ordinal, e.asserter_ordinal, e.ordinal)
                    = (c.object_id, c.role, c.assertion_ordinal, c.asserter_ordinal, c.ordinal)
                and e.equivalent > 0))
        order by c.ordinal))
    from dpp.approval_codes as c
    where c.object_id = p_id and c.role = p_role and c.equivalent = 0
        and (c.assertion_ordinal, c.asserter_ordinal) = (p_assertion, p_asserter)
$$;

create or replace function dpp_test.constraints_of(p_id bigint, p_kind text, p_element int)
returns jsonb language sql stable as $$
    select dpp_test.items(jsonb_agg(
        dpp_test.present(jsonb_build_object(
            '00720026', dpp_test.one('AT', c.selector_attribute),
            '00820019', dpp_test.one('LO', c.selector_keyword),
            '00820018', dpp_test.one('LO', c.selector_name),
            '00720050', dpp_test.one('CS', c.selector_vr),
            '00720028', dpp_test.one('US', c.selector_value_number),
            '00720056', dpp_test.one('LO', c.selector_private_creator),
            '00720052', dpp_test.texts('AT', c.selector_path),
            '00741057', dpp_test.texts('IS', c.selector_path_items::text[]),
            '00820032', dpp_test.one('CS', c.constraint_type),
            '00820036', dpp_test.one('CS', c.significance),
            '00820037', dpp_test.one('UT', c.violation_condition),
            '00820033', dpp_test.one('UT', c.selection_guidance),
            '00820038', dpp_test.one('CS', case c.is_modifiable when true then 'YES' when false then 'NO' end),
            '004008EA', case
                when c.unit_code is not null then dpp_test.items(jsonb_build_array(dpp_test.present(
                    jsonb_build_object(
                        '00080100', dpp_test.one('SH', c.unit_code),
                        '00080102', dpp_test.one('SH', c.unit_scheme),
                        '00080104', dpp_test.one('LO', c.unit_meaning)))))
            end
        ))
        || case
            when c.other_attributes ? '00820034' or c.constraint_values = '{}' then '{}'
            else jsonb_build_object(
                '00820034', dpp.value_items(c.constraint_type, c.selector_vr, c.constraint_values))
        end
        || case
            when c.other_attributes ? '00820035' or c.default_values = '{}' then '{}'
            else jsonb_build_object('00820035', dpp.value_items(null, c.selector_vr, c.default_values))
        end
        || c.other_attributes
        order by c.ordinal))
    from dpp.parameter_constraints as c
    where c.object_id = p_id and c.kind = p_kind and c.element_ordinal = p_element
$$;

create or replace function dpp_test.elements_of(p_id bigint, p_kind text)
returns jsonb language sql stable as $$
    select dpp_test.items(jsonb_agg(
        dpp_test.present(jsonb_build_object(
            '00189921', dpp_test.one('US', e.element_number),
            '00189922', dpp_test.one('LO', e.element_name),
            '00189924', dpp_test.one('UT', e.element_purpose),
            '00189913', dpp_test.constraints_of(e.object_id, e.kind, e.ordinal)
        )) || e.other_attributes
        order by e.ordinal))
    from dpp.protocol_elements as e
    where e.object_id = p_id and e.kind = p_kind
$$;

create or replace function dpp_test.instructions_of(p_id bigint, p_kind text)
returns jsonb language sql stable as $$
    select dpp_test.items(jsonb_agg(
        dpp_test.present(jsonb_build_object(
            '00189915', dpp_test.one('US', i.instruction_index),
            '00189916', dpp_test.one('LO', i.instruction_text),
            '00189917', dpp_test.one('UT', i.instruction_description)
        )) || i.other_attributes
        order by i.ordinal))
    from dpp.instructions as i
    where i.object_id = p_id and i.kind = p_kind
$$;

create or replace function dpp_test.protocol_dataset_of(p_uid text)
returns jsonb language sql stable as $$
    select dpp_test.present(d.columns)
        || d.other_attributes
    from (
        select
            p.other_attributes,
            jsonb_build_object(
                '00080016', dpp_test.one('UI', o.sop_class_uid),
                '00080018', dpp_test.one('UI', o.sop_instance_uid),
                '00080201', dpp_test.one('SH', o.timezone_offset),
                '00181030', dpp_test.one('LO', p.protocol_name),
                '00080221', dpp_test.one('CS', p.equipment_modality),
                '00700084', dpp_test.name(p.content_creator_name),
                '00080012', dpp_test.one('DA', p.instance_creation_date),
                '00080013', dpp_test.one('TM', p.instance_creation_time),
                '00120010', dpp_test.one('LO', p.clinical_trial_sponsor_name),
                '00120020', dpp_test.one('LO', p.clinical_trial_protocol_id),
                '00120021', dpp_test.one('LO', p.clinical_trial_protocol_name),
                '00189908', dpp_test.texts('UC', p.potential_reasons),
                '0018990A', dpp_test.texts('UC', p.potential_diagnostic_tasks),
                '0018990F', dpp_test.one('UT', p.planning_information),
                '00189910', dpp_test.one('UT', p.design_rationale),
                '00189947', dpp_test.one('CS', p.patient_position),
                '00080070', dpp_test.one('LO', p.manufacturer),
                '00081090', dpp_test.one('LO', p.manufacturer_model_name),
                '00181000', dpp_test.one('LO', p.device_serial_number),
                '00181020', dpp_test.texts('LO', p.software_versions),
                '00080220', dpp_test.codes_of(o.id, 'responsible_group'),
                '00189906', dpp_test.codes_of(o.id, 'scheduled_protocol'),
                '00189907', dpp_test.codes_of(o.id, 'requested_procedure'),
                '00189909', dpp_test.codes_of(o.id, 'reason'))
            || jsonb_build_object(
                '0018990B', dpp_test.codes_of(o.id, 'contraindication'),
                '0018991C', dpp_test.codes_of(o.id, 'positioning_method'),
                '00082218', dpp_test.codes_of(o.id, 'anatomic_region'),
                '00082228', dpp_test.codes_of(o.id, 'primary_structure'),
                '0018991F', dpp_test.elements_of(o.id, 'acquisition'),
                '00189933', dpp_test.elements_of(o.id, 'reconstruction'),
                '00189935', dpp_test.elements_of(o.id, 'storage'),
                '00189911', dpp_test.constraints_of(o.id, 'patient', 0),
                '00189914', dpp_test.instructions_of(o.id, 'instruction'),
                '0018991B', dpp_test.instructions_of(o.id, 'positioning'),
                '0040A07C', (
                    select dpp_test.items(jsonb_agg(
                        dpp_test.present(jsonb_build_object(
                            '00080080', dpp_test.one('LO', c.institution_name),
                            '00080082', dpp_test.codes_of(o.id, 'custodian_institution', c.ordinal)
                        )) || c.other_attributes
                        order by c.ordinal))
                    from dpp.protocol_custodians as c
                    where c.object_id = o.id),
                '00189912', (
                    select dpp_test.items(jsonb_agg(
                        dpp_test.present(jsonb_build_object(
                            '00080070', dpp_test.one('LO', m.manufacturer),
                            '00080222', dpp_test.one('LO', m.manufacturer_related_model_group),
                            '00081090', dpp_test.one('LO', m.manufacturer_model_name),
                            '00181020', dpp_test.texts('LO', m.software_versions),
                            '00181000', dpp_test.one('LO', m.device_serial_number)
                        )) || m.other_attributes
                        order by m.ordinal))
                    from dpp.protocol_models as m
                    where m.object_id = o.id),
                '0018990E', (
                    select dpp_test.items(jsonb_agg(
                        dpp_test.present(jsonb_build_object(
                            '00081150', dpp_test.one('UI', r.referenced_sop_class_uid),
                            '00081155', dpp_test.one('UI', r.referenced_sop_instance_uid)
                        )) || r.other_attributes
                        order by r.ordinal))
                    from dpp.protocol_predecessors as r
                    where r.object_id = o.id)
            ) as columns
        from dpp.objects as o
        join dpp.protocols as p on p.object_id = o.id
        where o.sop_instance_uid = p_uid
    ) as d
$$;

create or replace function dpp_test.asserters_of(p_id bigint, p_assertion int)
returns jsonb language sql stable as $$
    select dpp_test.items(jsonb_agg(
        dpp_test.present(jsonb_build_object(
            '0040A084', dpp_test.one('CS', a.observer_type),
            '0040A123', dpp_test.name(a.person_name),
            '00081010', dpp_test.one('SH', a.station_name),
            '00181002', dpp_test.one('UI', a.device_uid),
            '00080070', dpp_test.one('LO', a.manufacturer),
            '00081090', dpp_test.one('LO', a.manufacturer_model_name),
            '00080055', dpp_test.one('AE', a.station_ae_title),
            '00080080', dpp_test.one('LO', a.institution_name),
            '00081040', dpp_test.one('LO', a.institutional_department_name),
            '00401101', dpp_test.approval_codes_of(p_id, 'person', p_assertion, a.ordinal),
            '0044010A', dpp_test.approval_codes_of(p_id, 'organizational_role', p_assertion, a.ordinal),
            '00080082', dpp_test.approval_codes_of(p_id, 'asserter_institution', p_assertion, a.ordinal),
            '00081041', dpp_test.approval_codes_of(p_id, 'department_type', p_assertion, a.ordinal)
        )) || a.other_attributes
        order by a.ordinal))
    from dpp.approval_asserters as a
    where a.object_id = p_id and a.assertion_ordinal = p_assertion
$$;

create or replace function dpp_test.approval_dataset_of(p_uid text)
returns jsonb language sql stable as $$
    select dpp_test.present(jsonb_build_object(
            '00080016', dpp_test.one('UI', o.sop_class_uid),
            '00080018', dpp_test.one('UI', o.sop_instance_uid),
            '00080201', dpp_test.one('SH', o.timezone_offset),
            '00080012', dpp_test.one('DA', p.instance_creation_date),
            '00080013', dpp_test.one('TM', p.instance_creation_time),
            '00080070', dpp_test.one('LO', p.manufacturer),
            '00081090', dpp_test.one('LO', p.manufacturer_model_name),
            '00181000', dpp_test.one('LO', p.device_serial_number),
            '00181020', dpp_test.texts('LO', p.software_versions),
            '00440109', (
                select dpp_test.items(jsonb_agg(
                    dpp_test.present(jsonb_build_object(
                        '00081150', dpp_test.one('UI', s.referenced_sop_class_uid),
                        '00081155', dpp_test.one('UI', s.referenced_sop_instance_uid)
                    )) || s.other_attributes
                    order by s.ordinal))
                from dpp.approval_subjects as s
                where s.object_id = o.id),
            '00440100', (
                select dpp_test.items(jsonb_agg(
                    dpp_test.present(jsonb_build_object(
                        '00440102', dpp_test.one('UI', a.assertion_uid),
                        '00440104', dpp_test.one('DT', a.assertion_datetime),
                        '00440105', dpp_test.one('DT', a.expiration_datetime),
                        '00440106', dpp_test.one('UT', a.assertion_comments),
                        '00120020', dpp_test.one('LO', a.clinical_trial_protocol_id),
                        '00440101', dpp_test.approval_codes_of(o.id, 'assertion', a.ordinal),
                        '00080082', dpp_test.approval_codes_of(o.id, 'institution', a.ordinal),
                        '00440103', dpp_test.asserters_of(o.id, a.ordinal),
                        '00440107', (
                            select dpp_test.items(jsonb_agg(
                                dpp_test.present(jsonb_build_object(
                                    '00440108', dpp_test.one('UI', r.referenced_assertion_uid)
                                )) || r.other_attributes
                                order by r.ordinal))
                            from dpp.approval_related_assertions as r
                            where r.object_id = o.id and r.assertion_ordinal = a.ordinal)
                    )) || a.other_attributes
                    order by a.ordinal))
                from dpp.approval_assertions as a
                where a.object_id = o.id)
        ))
        || p.other_attributes
    from dpp.objects as o
    join dpp.approvals as p on p.object_id = o.id
    where o.sop_instance_uid = p_uid
$$;

create or replace function dpp_test.dataset_of(p_uid text)
returns jsonb language sql stable as $$
    select coalesce(dpp_test.protocol_dataset_of(p_uid), dpp_test.approval_dataset_of(p_uid))
$$;

-- dpp.ingest with what the tests do not care about filled in: a protocol of this name, or an approval.
create or replace function dpp_test.store(
    p_uid text,
    p_digest text default 'digest',
    p_name text default null,
    p_class text default '1.2.840.10008.5.1.4.1.1.200.1'
)
returns text language sql as $$
    select case p_class
        when '1.2.840.10008.5.1.4.1.1.200.3' then dpp.ingest_approval(
            p_uid, p_class, '1.2.840.10008.1.2.1', '\x0102', p_digest::bytea, '\x03', null, null, 'store', 'SCANNER',
            array[array_fill(null::text, array[7])], null, null, null, null, null, null)
        else dpp.ingest(
            p_uid, p_class, '1.2.840.10008.1.2.1', '\x0102', p_digest::bytea, '\x03', null, null, 'store', 'SCANNER',
            array[array[p_name] || array_fill(null::text, array[17])], null, null, null, null, null, null, null, null)
    end
$$;

-- The rows of a query, each as text: rows with columns of different collations do not compare otherwise.
create or replace function dpp_test.rows_of(query text)
returns setof text language plpgsql as $$
begin
    return query execute format('select q::text from (%s) as q', query);
end
$$;
