create or replace view dpp.current_protocols as
select
    o.sop_instance_uid,
    p.protocol_name,
    p.equipment_modality,
    p.content_creator_name,
    o.published_at,
    o.published_by,
    o.id as object_id
from dpp.objects as o
join dpp.protocols as p on p.object_id = o.id
where o.state = 'published'
    and not exists (
        select
        from dpp.supersessions as s
        join dpp.objects as n on n.id = s.object_id
        where s.superseded_uid = o.sop_instance_uid and n.state = 'published');

comment on view dpp.current_protocols is
    'The published protocols whose place no other published one has taken (dpp.supersessions)';
comment on column dpp.current_protocols.sop_instance_uid is 'SOP Instance UID';
comment on column dpp.current_protocols.protocol_name is 'Name of the protocol';
comment on column dpp.current_protocols.equipment_modality is 'CT or XA';
comment on column dpp.current_protocols.content_creator_name is 'Who made it, as a DICOM person name';
comment on column dpp.current_protocols.published_at is 'When it became visible';
comment on column dpp.current_protocols.published_by is 'Database user who published it, or whom it was received by';
comment on column dpp.current_protocols.object_id is 'The protocol''s key in the tables';
