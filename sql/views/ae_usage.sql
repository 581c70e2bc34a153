-- What each peer does, in numbers. It reads all of dpp.audit_events.

create or replace view dpp.ae_usage as
select
    e.ae_title,
    count(*) filter (where e.operation = 'find') as queries,
    count(*) filter (where e.operation in ('get', 'move') and e.sop_instance_uid is null) as retrievals,
    count(*) filter (
        where e.operation in ('get', 'move') and e.sop_instance_uid is not null
            and dpp.is_taken(e.status)) as instances_sent,
    count(*) filter (where e.operation = 'store' and e.status = 0) as stores,
    count(*) filter (
        where e.status not in (0, 45056, 65024)
            and (e.sop_instance_uid is null or e.operation not in ('get', 'move'))) as refused,
    count(*) filter (where e.status is null and (e.sop_instance_uid is null or e.operation not in ('get', 'move')))
        as interrupted,
    min(e.occurred_at) as first_at,
    max(e.occurred_at) as last_at
from dpp.audit_events as e
where e.ae_title is not null
group by e.ae_title;

comment on view dpp.ae_usage is 'A calling AE title and what it has done, as far as dpp.audit_events goes back';
comment on column dpp.ae_usage.ae_title is 'AE title that called';
comment on column dpp.ae_usage.queries is 'C-FIND operations';
comment on column dpp.ae_usage.retrievals is 'C-GET and C-MOVE operations';
comment on column dpp.ae_usage.instances_sent is 'Instances that these sent and that were taken';
comment on column dpp.ae_usage.stores is 'C-STORE operations that succeeded';
comment on column dpp.ae_usage.refused is 'Operations that were refused or failed (dpp.refusals)';
comment on column dpp.ae_usage.interrupted is 'Operations whose association ended before they did';
comment on column dpp.ae_usage.first_at is 'The first of all of these';
comment on column dpp.ae_usage.last_at is 'The last';
