-- Who uses a protocol, and since when nobody has.

create or replace view dpp.unused_protocols as
select
    o.sop_instance_uid,
    p.protocol_name,
    p.equipment_modality,
    o.published_at,
    coalesce(f.fetches, 0) as fetches,
    coalesce(f.receivers, 0) as receivers,
    f.last_fetched_at,
    coalesce(f.last_fetched_at, o.published_at) as unused_since,
    not exists (select from dpp.successors(o.sop_instance_uid)) as is_current,
    o.id as object_id
from dpp.objects as o
join dpp.protocols as p on p.object_id = o.id
left join (
    select
        e.sop_instance_uid, count(*) as fetches, count(distinct coalesce(e.destination, e.ae_title)) as receivers,
        max(e.occurred_at) as last_fetched_at
    from dpp.audit_events as e
    where e.operation in ('get', 'move') and e.sop_instance_uid is not null
        and dpp.is_taken(e.status)
    group by e.sop_instance_uid
) as f on f.sop_instance_uid = o.sop_instance_uid
where o.state = 'published';

comment on view dpp.unused_protocols is
    'A published protocol, how often it was fetched, and since when it was not: unused_since < now() - interval ''1 year'' finds what nobody uses';
comment on column dpp.unused_protocols.sop_instance_uid is 'SOP Instance UID';
comment on column dpp.unused_protocols.protocol_name is 'Name of the protocol';
comment on column dpp.unused_protocols.equipment_modality is 'CT or XA';
comment on column dpp.unused_protocols.published_at is 'When it became visible';
comment on column dpp.unused_protocols.fetches is 'How often it was fetched, as far as dpp.audit_events goes back';
comment on column dpp.unused_protocols.receivers is 'By how many AE titles';
comment on column dpp.unused_protocols.last_fetched_at is 'When last; null: never';
comment on column dpp.unused_protocols.unused_since is 'That time, or when it was published';
comment on column dpp.unused_protocols.is_current is 'Whether no published version has its place';
comment on column dpp.unused_protocols.object_id is 'The protocol''s key in the tables';
