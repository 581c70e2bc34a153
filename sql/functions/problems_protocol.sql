-- What is wrong with a draft protocol beyond its single columns: rules about several columns, and about rows together.

create or replace function dpp.problems_of_protocol(p_object_id bigint)
returns table (relation text, item text, column_name text, rule text)
language plpgsql stable as $$
declare
    draft dpp.objects;
    header dpp.protocols;
begin
    select o.* into draft from dpp.objects as o where o.id = p_object_id;
    select p.* into header from dpp.protocols as p where p.object_id = p_object_id;

    return query
        -- PS3.3 A.82: Equipment Modality shall be CT in the CT Defined Procedure Protocol, XA in the other
        select 'protocols', null::text, 'equipment_modality',
            format('%s does not fit the SOP class, which is that of %s protocols (PS3.3 A.82)', header.equipment_modality, c.modality)
        from (
            values ('1.2.840.10008.5.1.4.1.1.200.1', 'CT'), ('1.2.840.10008.5.1.4.1.1.200.7', 'XA')
        ) as c (uid, modality)
        where c.uid = draft.sop_class_uid and header.equipment_modality in ('CT', 'XA') and header.equipment_modality <> c.modality
        union all
        -- PS3.4 HH.6-1: return keys of Type 1 that are sequences
        select 'protocol_codes', r.role, null,
            format('has no row of role %s: %s is Type 1 (PS3.4 HH.6-1)', r.role, r.attribute)
        from (
            values
                ('scheduled_protocol', 'Potential Scheduled Protocol Code Sequence'),
                ('requested_procedure', 'Potential Requested Procedure Code Sequence')
        ) as r (role, attribute)
        where not exists (
            select from dpp.protocol_codes as c where c.object_id = p_object_id and c.role = r.role and c.equivalent = 0)
        union all
        -- PS3.3 C.34.4: the module is there when one of its attributes is; sponsor and protocol ID are Type 1 of it
        select 'protocols', null, r.column_name, 'is missing: a clinical trial has sponsor and protocol ID (PS3.3 C.34.4, Type 1)'
        from (
            values
                ('clinical_trial_sponsor_name', header.clinical_trial_sponsor_name),
                ('clinical_trial_protocol_id', header.clinical_trial_protocol_id)
        ) as r (column_name, value)
        where coalesce(trim(r.value), '') = ''
            and (
                coalesce(
                    nullif(header.clinical_trial_sponsor_name, ''), nullif(header.clinical_trial_protocol_id, ''),
                    nullif(header.clinical_trial_protocol_name, '')) is not null
                or header.other_attributes ?| array[
                    '00120030', '00120031', '00120081', '00120082', '00120086', '00120087', '00120060'])
        union all
        -- PS3.3 C.34.4: the committee is required with its approval number
        select 'protocols', null, 'other_attributes',
            '00120081 (Clinical Trial Protocol Ethics Committee Name) is missing beside its approval number (PS3.3 C.34.4, Type 1C)'
        where header.other_attributes ? '00120082' and not header.other_attributes ? '00120081'
        union all
        -- PS3.3 C.34.8: the position is Type 1 of the module. Anatomy alone is no reason: its types could not be verified.
        select 'protocols', null, 'patient_position',
            'is missing: positioning instructions and methods need the position (PS3.3 C.34.8, Type 1)'
        where coalesce(trim(header.patient_position), '') = ''
            and (
                exists (
                    select from dpp.instructions as i where i.object_id = p_object_id and i.kind = 'positioning')
                or exists (
                    select from dpp.protocol_codes as c where c.object_id = p_object_id and c.role = 'positioning_method')
                or header.other_attributes ?| array['0018991D', '0018991E'])
        union all
        -- PS3.3 C.34.6: the model is required when there is no group of models
        select 'protocol_models', m.ordinal::text, 'manufacturer_model_name',
            'is missing: equipment needs a model or a group of models (PS3.3 C.34.6, Type 1C)'
        from dpp.protocol_models as m
        where m.object_id = p_object_id
            and coalesce(trim(m.manufacturer_model_name), '') = '' and coalesce(trim(m.manufacturer_related_model_group), '') = ''
        union all
        -- PS3.3 C.34.2: a version was not made from itself
        select 'protocol_predecessors', p.ordinal::text, 'referenced_sop_instance_uid', 'is the protocol itself'
        from dpp.protocol_predecessors as p
        where p.object_id = p_object_id and p.referenced_sop_instance_uid = draft.sop_instance_uid
        union all
        select 'protocol_predecessors', max(p.ordinal)::text, 'referenced_sop_instance_uid',
            format('%s is a predecessor more than once', p.referenced_sop_instance_uid)
        from dpp.protocol_predecessors as p
        where p.object_id = p_object_id and p.referenced_sop_instance_uid <> ''
        group by p.referenced_sop_instance_uid
        having count(*) > 1
        union all
        -- A custodian's code without the custodian
        select 'protocol_codes', concat_ws(' ', c.role, c.parent_ordinal, c.ordinal, nullif(c.equivalent, 0)), 'parent_ordinal',
            format('there is no row %s in dpp.protocol_custodians', c.parent_ordinal)
        from dpp.protocol_codes as c
        where c.object_id = p_object_id and c.role = 'custodian_institution'
            and not exists (
                select
                from dpp.protocol_custodians as k
                where k.object_id = p_object_id and k.ordinal = c.parent_ordinal)
        union all
        -- PS3.3 10.28: numbered from 1, in steps of 1. Ordinals are contiguous by another rule.
        select 'protocol_elements', concat_ws(' ', e.kind, e.ordinal), 'element_number',
            format('%s is not the place of the element, %s: elements are numbered from 1 in steps of 1 (PS3.3 10.28)',
                e.element_number, e.ordinal)
        from dpp.protocol_elements as e
        where e.object_id = p_object_id and e.element_number <> e.ordinal
        union all
        -- PS3.3 C.34.7: 1, 2, 3
        select 'instructions', concat_ws(' ', i.kind, max(i.ordinal)), 'instruction_index',
            format('%s is there more than once (PS3.3 C.34.7)', i.instruction_index)
        from dpp.instructions as i
        where i.object_id = p_object_id and i.instruction_index is not null
        group by i.kind, i.instruction_index
        having count(*) > 1;
end
$$;
comment on function dpp.problems_of_protocol(bigint) is
    'What is wrong with a draft protocol in rules about several columns or rows, without those of its constraints';
