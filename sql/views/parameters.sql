create or replace view dpp.parameters as
select
    o.sop_instance_uid,
    p.protocol_name,
    p.equipment_modality,
    o.state,
    c.kind,
    c.element_ordinal,
    coalesce(
        e.element_name,
        (
            -- Defined protocols name an element by a constraint on its Protocol Element Name (0018,9922).
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
    coalesce(c.is_modifiable, true) as is_modifiable,
    c.object_id
from dpp.parameter_constraints as c
join dpp.protocols as p on p.object_id = c.object_id
join dpp.objects as o on o.id = c.object_id
left join dpp.protocol_elements as e
    on e.object_id = c.object_id and e.kind = c.kind and e.ordinal = c.element_ordinal;

comment on view dpp.parameters is
    'One flat row per constraint on a parameter or on the patient, with its protocol and element: for questions such as which head protocols go above 120 kV';
comment on column dpp.parameters.sop_instance_uid is 'SOP Instance UID of the protocol';
comment on column dpp.parameters.protocol_name is 'Name of the protocol';
comment on column dpp.parameters.equipment_modality is 'CT or XA';
comment on column dpp.parameters.state is 'State of the protocol: draft, published or retired';
comment on column dpp.parameters.kind is 'patient, acquisition, reconstruction or storage';
comment on column dpp.parameters.element_ordinal is 'Which element of that kind, from 1; 0 for patient';
comment on column dpp.parameters.element_name is 'Name of the element, from its row or from its constraint on Protocol Element Name';
comment on column dpp.parameters.ordinal is 'Which constraint of the element, from 1';
comment on column dpp.parameters.selector_attribute is 'Tag of the constrained attribute, such as 00180060';
comment on column dpp.parameters.selector_keyword is 'Its keyword, such as KVP';
comment on column dpp.parameters.selector_name is 'Its name';
comment on column dpp.parameters.constraint_type is 'Constraint Type (0082,0032), such as EQUAL or RANGE_INCL';
comment on column dpp.parameters.constraint_values is 'Values as text, see dpp.parameter_constraints';
comment on column dpp.parameters.constraint_numbers is 'Values as numbers, in unit_code';
comment on column dpp.parameters.default_values is 'Recommended default as text';
comment on column dpp.parameters.default_numbers is 'Recommended default as number, in unit_code';
comment on column dpp.parameters.unit_code is 'Unit of the numbers, normally UCUM';
comment on column dpp.parameters.significance is 'What a violation means: FAILURE, WARNING or INFORMATIVE';
comment on column dpp.parameters.is_modifiable is 'Whether the scanner''s user may change the constraint';
comment on column dpp.parameters.object_id is 'The protocol''s key in the tables';
