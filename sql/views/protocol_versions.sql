create or replace view dpp.protocol_versions as
select
    -- Most come from nothing, which is told at a glance.
    case when l.has_origin then dpp.lineage_of(o.sop_instance_uid) else o.sop_instance_uid end as lineage_uid,
    case when l.has_origin then dpp.version_of(o.sop_instance_uid) else 1 end as version,
    o.sop_instance_uid,
    p.protocol_name,
    p.equipment_modality,
    case
        when o.state <> 'published' then o.state
        when exists (select from dpp.successors(o.sop_instance_uid)) then 'superseded'
        else 'current'
    end as state,
    array(
        select r.referenced_sop_instance_uid
        from dpp.protocol_predecessors as r
        where r.object_id = o.id
        order by r.ordinal) as predecessors,
    array(select s.sop_instance_uid from dpp.successors(o.sop_instance_uid) as s) as superseded_by,
    o.created_at,
    o.created_by,
    o.published_at,
    o.published_by,
    o.retired_at,
    o.retired_by,
    o.retired_reason,
    o.id as object_id
from dpp.objects as o
join dpp.protocols as p on p.object_id = o.id
cross join lateral (
    select
        o.revises_uid is not null
            or exists (select from dpp.protocol_predecessors as r where r.object_id = o.id)
            or exists (select from dpp.supersessions as s where s.object_id = o.id) as has_origin
) as l;

comment on view dpp.protocol_versions is
    'Every protocol as a version of its lineage: which one, what it is now, who made, published and retired it';
comment on column dpp.protocol_versions.lineage_uid is
    'SOP Instance UID of the first version here that it comes from; the same for all versions of a protocol';
comment on column dpp.protocol_versions.version is
    'Number in the lineage, from 1. Two have the same when both were made from the same one';
comment on column dpp.protocol_versions.sop_instance_uid is 'SOP Instance UID';
comment on column dpp.protocol_versions.protocol_name is 'Name of the protocol';
comment on column dpp.protocol_versions.equipment_modality is 'CT or XA';
comment on column dpp.protocol_versions.state is
    'draft, current, superseded (published, but a published version has its place) or retired';
comment on column dpp.protocol_versions.predecessors is
    'SOP Instance UIDs of what it says that it was made from; they need not be here';
comment on column dpp.protocol_versions.superseded_by is 'SOP Instance UIDs of the published versions that have its place';
comment on column dpp.protocol_versions.created_at is 'When it was received, or made as a draft';
comment on column dpp.protocol_versions.created_by is 'Database user who made it; null when received';
comment on column dpp.protocol_versions.published_at is 'When it became visible; null for a draft';
comment on column dpp.protocol_versions.published_by is 'Database user who published it, or whom it was received by';
comment on column dpp.protocol_versions.retired_at is 'When it was hidden again; null unless retired';
comment on column dpp.protocol_versions.retired_by is 'Database user who retired it';
comment on column dpp.protocol_versions.retired_reason is 'Why it was retired';
comment on column dpp.protocol_versions.object_id is 'The protocol''s key in the tables';
