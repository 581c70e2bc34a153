-- For questions about parameters, of which "every adult head protocol on any Siemens scanner with more than 120 kV or CTDIvol
-- above 60 mGy" is one where clause. Codes and models are joined, not collected, so that the planner can begin with
-- whichever condition leaves least: region, model, or keyword and highest (parameter_constraints_search_idx).
create or replace view dpp.parameter_search as
select
    o.sop_instance_uid,
    p.protocol_name,
    p.equipment_modality,
    o.state,
    o.state = 'published' and not exists (
        select
        from dpp.supersessions as s
        join dpp.objects as later on later.id = s.object_id
        where s.superseded_uid = o.sop_instance_uid and later.state = 'published'
    ) as is_current,
    p.creation_date,
    r.code_value as region_code,
    r.code_meaning as region,
    m.manufacturer,
    m.manufacturer_related_model_group as model_group,
    m.manufacturer_model_name as model,
    -- A patient has to be allowed by each constraint on the age.
    (
        select max(
            dpp.lowest_allowed(
                a.selector_attribute, a.selector_vr, a.constraint_type, a.constraint_values, a.constraint_numbers,
                a.unit_code))
        from dpp.parameter_constraints as a
        where a.object_id = c.object_id and a.kind = 'patient' and a.selector_attribute = '00101010'
    ) as lowest_age,
    (
        select min(
            dpp.highest_allowed(
                a.selector_attribute, a.selector_vr, a.constraint_type, a.constraint_values, a.constraint_numbers,
                a.unit_code))
        from dpp.parameter_constraints as a
        where a.object_id = c.object_id and a.kind = 'patient' and a.selector_attribute = '00101010'
    ) as highest_age,
    not exists (
        select
        from dpp.parameter_constraints as a
        where a.object_id = c.object_id and a.kind = 'patient' and a.selector_attribute = '00101010'
            and dpp.highest_allowed(
                a.selector_attribute, a.selector_vr, a.constraint_type, a.constraint_values, a.constraint_numbers,
                a.unit_code) < 18
    ) as is_for_adults,
    not exists (
        select
        from dpp.parameter_constraints as a
        where a.object_id = c.object_id and a.kind = 'patient' and a.selector_attribute = '00101010'
            and dpp.lowest_allowed(
                a.selector_attribute, a.selector_vr, a.constraint_type, a.constraint_values, a.constraint_numbers,
                a.unit_code) >= 18
    ) as is_for_children,
    c.kind,
    c.element_ordinal,
    coalesce(
        e.element_name,
        (
            select n.constraint_values[1]
            from dpp.parameter_constraints as n
            where n.object_id = c.object_id
                and n.kind = c.kind
                and n.element_ordinal = c.element_ordinal
                and n.selector_attribute = '00189922'
                and n.constraint_type = 'EQUAL'
            order by n.ordinal
            limit 1
        )
    ) as element_name,
    c.ordinal,
    dpp.parameter_keyword(c.selector_attribute, c.selector_keyword) as keyword,
    c.selector_attribute,
    c.constraint_type,
    dpp.lowest_allowed(
        c.selector_attribute, c.selector_vr, c.constraint_type, c.constraint_values, c.constraint_numbers,
        c.unit_code) as lowest,
    dpp.highest_allowed(
        c.selector_attribute, c.selector_vr, c.constraint_type, c.constraint_values, c.constraint_numbers,
        c.unit_code) as highest,
    dpp.convert_unit(
        c.default_numbers[1], c.unit_code, dpp.attribute_unit(c.selector_attribute)) as default_number,
    coalesce(dpp.attribute_unit(c.selector_attribute), c.unit_code) as unit,
    case when c.selector_vr <> 'SQ' then c.constraint_values[1] end as text_value,
    case when c.selector_vr = 'SQ' then split_part(c.constraint_values[1], '^', 1) end as code_value,
    case when c.selector_vr = 'SQ' then split_part(c.constraint_values[1], '^', 2) end as code_scheme,
    case
        when c.selector_vr = 'SQ' then regexp_replace(c.constraint_values[1], '^[^^]*\^[^^]*\^?', '')
    end as code_meaning,
    case when c.selector_vr = 'DA' then dpp.parse_da(c.constraint_values[1]) end as date_value,
    c.constraint_values,
    c.significance,
    coalesce(c.is_modifiable, true) as is_modifiable,
    c.object_id
from dpp.parameter_constraints as c
join dpp.protocols as p on p.object_id = c.object_id
join dpp.objects as o on o.id = c.object_id
left join dpp.protocol_models as m on m.object_id = c.object_id
left join dpp.protocol_codes as r
    on r.object_id = c.object_id and r.role = 'anatomic_region' and r.equivalent = 0
left join dpp.protocol_elements as e
    on e.object_id = c.object_id and e.kind = c.kind and e.ordinal = c.element_ordinal;

comment on view dpp.parameter_search is
    'For questions about parameters: a row per constraint, model and anatomic region of a protocol (select distinct makes protocols of them), with what the constraint allows as numbers in the unit that the attribute has in DICOM';
comment on column dpp.parameter_search.sop_instance_uid is 'SOP Instance UID of the protocol';
comment on column dpp.parameter_search.protocol_name is 'Name of the protocol';
comment on column dpp.parameter_search.equipment_modality is 'CT or XA';
comment on column dpp.parameter_search.state is 'State of the protocol: draft, published or retired';
comment on column dpp.parameter_search.is_current is 'Whether it is published and no published version has taken its place';
comment on column dpp.parameter_search.creation_date is 'Instance Creation Date of the protocol';
comment on column dpp.parameter_search.region_code is 'Code of an anatomic region, such as 69536005; null: none given';
comment on column dpp.parameter_search.region is 'The same in words, such as Head';
comment on column dpp.parameter_search.manufacturer is 'Manufacturer of the scanner it is meant for; null: any';
comment on column dpp.parameter_search.model_group is 'Group of models it is meant for';
comment on column dpp.parameter_search.model is 'Model it is meant for';
comment on column dpp.parameter_search.lowest_age is
    'Lowest age of patients that it is meant for, in years; -Infinity when there is none, null when it does not constrain the age';
comment on column dpp.parameter_search.highest_age is
    'Highest age, likewise; Infinity when there is none, null when it does not constrain the age';
comment on column dpp.parameter_search.is_for_adults is
    'Whether patients of 18 years or more may be among those that it is meant for; true when it does not constrain the age';
comment on column dpp.parameter_search.is_for_children is 'Whether patients below 18 years may, likewise';
comment on column dpp.parameter_search.kind is 'patient, acquisition, reconstruction or storage';
comment on column dpp.parameter_search.element_ordinal is 'Which element of that kind, from 1; 0 for patient';
comment on column dpp.parameter_search.element_name is 'Name of the element, as in dpp.parameters';
comment on column dpp.parameter_search.ordinal is 'Which constraint of the element, from 1';
comment on column dpp.parameter_search.keyword is
    'The constrained attribute: the keyword that the constraint gives, such as KVP, else the attribute''s, else its tag';
comment on column dpp.parameter_search.selector_attribute is 'Its tag, such as 00180060';
comment on column dpp.parameter_search.constraint_type is 'Constraint Type (0082,0032), such as EQUAL or RANGE_INCL';
comment on column dpp.parameter_search.lowest is
    'Lower end of what the constraint allows, in unit; -Infinity when there is none, null when it is not about numbers. Of RANGE_EXCL and GREATER_THAN the end itself is not allowed';
comment on column dpp.parameter_search.highest is
    'Upper end, likewise; Infinity when there is none. Of RANGE_EXCL and LESS_THAN the end itself is not allowed';
comment on column dpp.parameter_search.default_number is 'Recommended default, in unit';
comment on column dpp.parameter_search.unit is
    'Unit of lowest, highest and default_number: the attribute''s own (kV for KVP, whatever the constraint is written in), else the one that the constraint gives';
comment on column dpp.parameter_search.text_value is 'First value as text; null for a code';
comment on column dpp.parameter_search.code_value is 'Code of the first value, when it is a code';
comment on column dpp.parameter_search.code_scheme is 'Its coding scheme';
comment on column dpp.parameter_search.code_meaning is 'Its meaning';
comment on column dpp.parameter_search.date_value is 'First value as date; null when it is none';
comment on column dpp.parameter_search.constraint_values is 'All values as text, see dpp.parameter_constraints';
comment on column dpp.parameter_search.significance is 'What a violation means: FAILURE, WARNING or INFORMATIVE';
comment on column dpp.parameter_search.is_modifiable is 'Whether the scanner''s user may change the constraint';
comment on column dpp.parameter_search.object_id is 'The protocol''s key in the tables';
