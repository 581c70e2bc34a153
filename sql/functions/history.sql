-- Who did what to a protocol, when and why: all versions of it together, oldest first. dpp.audit_events tells of stores and
-- of the functions of the life cycle, dpp.changes of rows of drafts; what is from before those were kept, dpp.objects.

-- The row that was changed, as dpp.problems names it
create or replace function dpp.item_of(p_row jsonb)
returns text language sql immutable parallel safe as $$
    select nullif(
        concat_ws(' ',
            p_row ->> 'kind', p_row ->> 'role', nullif(p_row ->> 'assertion_ordinal', '0'), nullif(p_row ->> 'asserter_ordinal', '0'),
            nullif(p_row ->> 'element_ordinal', '0'), nullif(p_row ->> 'parent_ordinal', '0'), p_row ->> 'ordinal',
            nullif(p_row ->> 'equivalent', '0'), p_row ->> 'selector_keyword'),
        '')
$$;
comment on function dpp.item_of(jsonb) is
    'Which row of its table a row is within its object: kind or role, ordinals from the outside in, the attribute that is constrained; null where there is one only';

-- Others than before are returned.
drop function if exists dpp.history(text, boolean);
create or replace function dpp.history(p_uid text, p_retrievals boolean default false)
returns table (
    happened_at timestamptz,
    sop_instance_uid text,
    version int,
    action text,
    who text,
    reason text,
    relation text,
    item text,
    details jsonb
)
language sql stable as $$
    with family as materialized (
        select f.uid, o.id, nullif(dpp.version_of(f.uid), 0) as version
        from dpp.family_of(p_uid) as f (uid)
        left join dpp.objects as o on o.sop_instance_uid = f.uid
    ),
    events as (
        select
            e.occurred_at as happened_at, f.uid, f.version, e.operation as action,
            coalesce(e.ae_title, e.db_user) as who, e.reason, null as relation, null as item,
            jsonb_strip_nulls(
                coalesce(e.details, '{}')
                || jsonb_build_object('status', e.status, 'address', host(e.peer_address), 'destination', e.destination))
                as details,
            e.id
        from family as f
        join dpp.audit_events as e on e.sop_instance_uid = f.uid
        where p_retrievals or e.operation not in ('find', 'get', 'move')
    )
    select e.happened_at, e.uid, e.version, e.action, e.who, e.reason, e.relation, e.item, nullif(e.details, '{}')
    from (
        select e.*, 2 as place from events as e
        union all
        select
            c.changed_at, f.uid, f.version, c.operation, c.db_user, null, c.relation, dpp.item_of(coalesce(c.old_row, c.new_row)),
            case c.operation
                when 'insert' then c.new_row
                when 'delete' then c.old_row
                else (
                    select jsonb_object_agg(k.key, jsonb_build_array(c.old_row -> k.key, c.new_row -> k.key))
                    from jsonb_object_keys(c.old_row || c.new_row) as k (key)
                    where c.old_row -> k.key is distinct from c.new_row -> k.key)
            end,
            c.id, 1
        from family as f
        join dpp.changes as c on c.sop_instance_uid = f.uid
        union all
        select o.created_at, f.uid, f.version, 'receive', coalesce(o.sender_aet, o.published_by), null, null, null,
            jsonb_build_object('source', o.source), o.id, 0
        from family as f
        join dpp.objects as o on o.id = f.id
        where o.source <> 'sql'
            and not exists (
                select
                from events as e
                where e.uid = f.uid and e.action in ('store', 'import')
                    and coalesce(e.details ->> 'status', '0') = '0')
        union all
        select o.published_at, f.uid, f.version, 'publish', o.published_by, null, null, null, null, o.id, 2
        from family as f
        join dpp.objects as o on o.id = f.id
        where o.source = 'sql' and o.published_at is not null
            and not exists (select from events as e where e.uid = f.uid and e.action = 'publish')
        union all
        select o.retired_at, f.uid, f.version, 'retire', o.retired_by, o.retired_reason, null, null, null, o.id, 2
        from family as f
        join dpp.objects as o on o.id = f.id
        where o.state = 'retired'
            and not exists (select from events as e where e.uid = f.uid and e.action = 'retire')
    ) as e (happened_at, uid, version, action, who, reason, relation, item, details, id, place)
    order by e.happened_at, e.place, e.id
$$;
comment on function dpp.history(text, boolean) is
    'All versions of a protocol and what happened to them, oldest first: when, to which SOP Instance UID and version (null: not here), what, by which database user or AE, why, in which table and row (as dpp.problems names it), and with which values (of an update: before and after). p_retrievals: also what was fetched';
