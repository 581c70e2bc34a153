-- What scanners store back: protocols received by C-STORE that name one of this repository as predecessor. Each is a pair with
-- the version that it names; how they differ is asked of dpp.diff, for all pairs of a scanner of dpp.drift_of.

create or replace view dpp.drift as
select
    o.sender_aet as ae_title,
    o.sop_instance_uid as stored_uid,
    o.published_at as stored_at,
    p.protocol_name,
    b.sop_instance_uid as repository_uid,
    b.state as repository_state,
    case
        when b.state = 'published' and not exists (
            select from dpp.successors(b.sop_instance_uid) as n where n.id <> o.id)
        then b.sop_instance_uid
        else (
            with recursive newer (sop_instance_uid) as (
                select b.sop_instance_uid
                union
                select n.sop_instance_uid
                from newer as w
                join dpp.supersessions as x on x.superseded_uid = w.sop_instance_uid
                join dpp.objects as n on n.id = x.object_id
                where n.id <> o.id
            )
            select c.sop_instance_uid
            from newer as w
            join dpp.objects as c on c.sop_instance_uid = w.sop_instance_uid
            where c.state = 'published'
            order by c.published_at desc, c.id desc
            limit 1)
    end as current_uid,
    not exists (
        select
        from dpp.protocol_predecessors as lr
        join dpp.objects as l on l.id = lr.object_id
        where lr.referenced_sop_instance_uid = r.referenced_sop_instance_uid
            and l.source = 'store' and l.sender_aet = o.sender_aet and l.id > o.id
    ) as is_latest,
    o.id as stored_object_id,
    b.id as repository_object_id
from dpp.protocol_predecessors as r
join dpp.objects as o on o.id = r.object_id
join dpp.protocols as p on p.object_id = o.id
join dpp.objects as b on b.sop_instance_uid = r.referenced_sop_instance_uid
where o.source = 'store' and o.sender_aet is not null and o.state = 'published' and b.id <> o.id and b.state <> 'draft';

comment on view dpp.drift is
    'A protocol that a scanner stored back, and the one of this repository that it names as predecessor. dpp.drift_of says how much they differ, dpp.diff(repository_uid, stored_uid) in what';
comment on column dpp.drift.ae_title is 'AE title of the scanner';
comment on column dpp.drift.stored_uid is 'SOP Instance UID of what it stored';
comment on column dpp.drift.stored_at is 'When';
comment on column dpp.drift.protocol_name is 'Name of what it stored';
comment on column dpp.drift.repository_uid is 'SOP Instance UID of the version that it names as predecessor';
comment on column dpp.drift.repository_state is 'published or retired';
comment on column dpp.drift.current_uid is
    'SOP Instance UID of the version that has its place now, or of itself; null when there is none. What the scanner stored counts as none';
comment on column dpp.drift.is_latest is 'Whether the scanner has stored nothing later that names the same version';
comment on column dpp.drift.stored_object_id is 'Key in the tables of what it stored';
comment on column dpp.drift.repository_object_id is 'Key in the tables of the version that it names';
