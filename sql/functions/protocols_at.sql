-- What was visible, and what was current, at a time. What has been purged since is told from the record that dpp.purge left.

create or replace function dpp.protocols_at(p_time timestamptz)
returns table (
    sop_instance_uid text,
    protocol_name text,
    equipment_modality text,
    is_current boolean,
    published_at timestamptz,
    published_by text
)
language sql stable as $$
    with visible as materialized (
        select o.id, o.sop_instance_uid, p.protocol_name, p.equipment_modality, o.published_at, o.published_by
        from dpp.objects as o
        join dpp.protocols as p on p.object_id = o.id
        where o.state in ('published', 'retired') and o.published_at <= p_time
            and (o.retired_at is null or o.retired_at > p_time)
        union all
        select
            -e.id, e.sop_instance_uid, e.details ->> 'protocol_name', e.details ->> 'equipment_modality',
            (e.details ->> 'published_at')::timestamptz, e.details ->> 'published_by'
        from dpp.audit_events as e
        where e.operation = 'purge' and e.occurred_at > p_time and e.details ? 'equipment_modality'
            and (e.details ->> 'published_at')::timestamptz <= p_time
            and coalesce((e.details ->> 'retired_at')::timestamptz > p_time, true)
    ),
    superseded as (
        select s.superseded_uid as uid
        from visible as v
        join dpp.supersessions as s on s.object_id = v.id
        where s.since <= p_time
        union
        select u.uid
        from visible as v
        join dpp.audit_events as e on e.id = -v.id
        cross join lateral jsonb_array_elements_text(e.details -> 'supersedes') as u (uid)
    )
    select
        v.sop_instance_uid, v.protocol_name, v.equipment_modality,
        not exists (select from superseded as s where s.uid = v.sop_instance_uid), v.published_at, v.published_by
    from visible as v
    order by v.protocol_name, v.published_at, v.sop_instance_uid
$$;
comment on function dpp.protocols_at(timestamptz) is
    'The protocols that were visible at a time, and whether each was current then';

create or replace function dpp.state_at(p_uid text, p_time timestamptz default now())
returns text language sql stable as $$
    select coalesce(
        (
            select case
                when k.purged_at <= p_time then 'purged'
                when k.created_at > p_time then 'unknown'
                when k.retired_at <= p_time then 'retired'
                when k.published_at is null or k.published_at > p_time then 'draft'
                when exists (
                    select
                    from dpp.supersessions as s
                    join dpp.objects as n on n.id = s.object_id
                    where s.superseded_uid = p_uid and s.since <= p_time and n.published_at <= p_time
                        and (n.retired_at is null or n.retired_at > p_time))
                    or exists (
                        select
                        from dpp.audit_events as e
                        where e.operation = 'purge' and e.occurred_at > p_time and e.details -> 'supersedes' ? p_uid
                            and (e.details ->> 'published_at')::timestamptz <= p_time
                            and coalesce((e.details ->> 'retired_at')::timestamptz > p_time, true))
                then 'superseded'
                else 'current'
            end
            from (
                select o.created_at, o.published_at, o.retired_at, null::timestamptz as purged_at, o.id
                from dpp.objects as o
                where o.sop_instance_uid = p_uid
                union all
                select
                    (e.details ->> 'created_at')::timestamptz, (e.details ->> 'published_at')::timestamptz,
                    (e.details ->> 'retired_at')::timestamptz, e.occurred_at, e.id
                from dpp.audit_events as e
                where e.operation = 'purge' and e.sop_instance_uid = p_uid
            ) as k
            order by k.id desc
            limit 1
        ),
        'unknown')
$$;
comment on function dpp.state_at(text, timestamptz) is
    'What an object was at a time: unknown (not here yet), draft, current, superseded, retired or purged';
