-- Who has fetched what: rows of dpp.audit_events about an instance that was sent and taken. The receiver is who called, or
-- the destination of a move. Version and lineage are found by walking for each row that is shown: ask with a condition.

create or replace view dpp.fetches as
select
    e.occurred_at as fetched_at,
    coalesce(e.destination, e.ae_title) as receiver,
    e.operation,
    e.ae_title as requested_by,
    e.peer_address,
    e.sop_instance_uid,
    p.protocol_name,
    case when o.id is not null then dpp.version_of(o.sop_instance_uid) end as version,
    dpp.lineage_of(o.sop_instance_uid) as lineage_uid,
    case
        when o.id is null then 'purged'
        when o.state <> 'published' then o.state
        when exists (select from dpp.successors(o.sop_instance_uid)) then 'superseded'
        else 'current'
    end as state,
    e.status,
    e.id as audit_event_id
from dpp.audit_events as e
left join dpp.objects as o on o.sop_instance_uid = e.sop_instance_uid
left join dpp.protocols as p on p.object_id = o.id
where e.operation in ('get', 'move') and e.sop_instance_uid is not null and dpp.is_taken(e.status);

comment on view dpp.fetches is
    'An instance that somebody has fetched, one row each time: who, when, which version, and what that version is now';
comment on column dpp.fetches.fetched_at is 'When the receiver had taken it';
comment on column dpp.fetches.receiver is 'AE title that it went to: the caller of a C-GET, the destination of a C-MOVE';
comment on column dpp.fetches.operation is 'get or move';
comment on column dpp.fetches.requested_by is 'AE title that asked for it';
comment on column dpp.fetches.peer_address is 'Address that it asked from';
comment on column dpp.fetches.sop_instance_uid is 'SOP Instance UID';
comment on column dpp.fetches.protocol_name is 'Name of the protocol; null for an approval, and when it was purged';
comment on column dpp.fetches.version is 'Number of the version in its lineage, as in dpp.protocol_versions';
comment on column dpp.fetches.lineage_uid is 'SOP Instance UID of the first version, the same for all versions';
comment on column dpp.fetches.state is 'What it is now: current, superseded, retired or purged';
comment on column dpp.fetches.status is 'How the receiver answered: 0, or a warning';
comment on column dpp.fetches.audit_event_id is 'The row of dpp.audit_events';
