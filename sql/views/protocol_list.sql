create or replace view dpp.protocol_list as
select
    o.sop_instance_uid,
    p.protocol_name,
    p.equipment_modality,
    (
        select string_agg(
            concat_ws(' ', m.manufacturer, coalesce(m.manufacturer_model_name, m.manufacturer_related_model_group)),
            ', ' order by m.ordinal)
        from dpp.protocol_models as m
        where m.object_id = o.id
    ) as models,
    p.creation_date,
    p.creation_time,
    p.content_creator_name,
    o.published_at as received_at,
    o.sender_aet,
    i.size,
    o.id as object_id
from dpp.objects as o
join dpp.protocols as p on p.object_id = o.id
left join dpp.instances as i on i.object_id = o.id
where o.state = 'published';

comment on view dpp.protocol_list is 'One row per published protocol: what there is, at a glance';
comment on column dpp.protocol_list.sop_instance_uid is 'SOP Instance UID';
comment on column dpp.protocol_list.protocol_name is 'Name of the protocol';
comment on column dpp.protocol_list.equipment_modality is 'CT or XA';
comment on column dpp.protocol_list.models is 'Equipment it is meant for, separated by commas; null: any';
comment on column dpp.protocol_list.creation_date is 'Instance Creation Date; null when missing or invalid';
comment on column dpp.protocol_list.creation_time is 'Instance Creation Time; null when missing or invalid';
comment on column dpp.protocol_list.content_creator_name is 'Who made it, as a DICOM person name';
comment on column dpp.protocol_list.received_at is 'When it became visible here';
comment on column dpp.protocol_list.sender_aet is 'AE title of the sender; null when not received over DICOM';
comment on column dpp.protocol_list.size is 'Octets of the encoded form';
comment on column dpp.protocol_list.object_id is 'The protocol''s key in the tables';
