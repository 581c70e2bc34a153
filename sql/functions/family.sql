-- Which versions a protocol comes from, and which come from it. A link is what a data set says (Predecessor Protocol
-- Sequence), what dpp.revise noted, or what takes the place of what. Links may lead to UIDs that are not here, to the
-- object itself, or round in circles: each UID is visited once, and what is not here ends the way.
--
-- dpp.protocol_versions calls the first three for every protocol: PL/pgSQL, which keeps a plan for the session as SQL functions
-- do not; and the planner is told that there are few ancestors (rows), or it would read all objects for each.

create or replace function dpp.ancestors(p_uid text)
returns setof bigint language plpgsql stable rows 4 as $$
begin
    return query
        with recursive chain (object_id) as (
            select o.id
            from dpp.objects as o
            where o.sop_instance_uid = p_uid
            union
            select b.id
            from chain as c
            cross join lateral (
                select p.referenced_sop_instance_uid as uid from dpp.protocol_predecessors as p where p.object_id = c.object_id
                union all
                select s.superseded_uid from dpp.supersessions as s where s.object_id = c.object_id
                union all
                select o.revises_uid from dpp.objects as o where o.id = c.object_id
            ) as l
            join dpp.objects as b on b.sop_instance_uid = l.uid
        )
        select c.object_id from chain as c;
end
$$;
comment on function dpp.ancestors(text) is
    'Keys of the object with this SOP Instance UID and of all that it comes from, as far as they are here';

create or replace function dpp.version_of(p_uid text)
returns int language plpgsql stable as $$
begin
    return (select count(*) from dpp.ancestors(p_uid));
end
$$;
comment on function dpp.version_of(text) is
    'Number of a version in its lineage: 1 for one that comes from none here, else one more than it comes from';

create or replace function dpp.lineage_of(p_uid text)
returns text language plpgsql stable as $$
begin
    return (
        select o.sop_instance_uid
        from dpp.ancestors(p_uid) as a (object_id)
        join dpp.objects as o on o.id = a.object_id
        order by dpp.version_of(o.sop_instance_uid), o.id
        limit 1);
end
$$;
comment on function dpp.lineage_of(text) is
    'SOP Instance UID of the first version that a version comes from, or its own: the same for all versions of a protocol';

create or replace function dpp.family_of(p_uid text)
returns setof text language sql stable as $$
    with recursive family (uid) as (
        select p_uid collate "C"
        union
        select l.uid
        from family as f
        cross join lateral (
            -- back
            select p.referenced_sop_instance_uid as uid
            from dpp.objects as o
            join dpp.protocol_predecessors as p on p.object_id = o.id
            where o.sop_instance_uid = f.uid
            union all
            select s.superseded_uid
            from dpp.objects as o
            join dpp.supersessions as s on s.object_id = o.id
            where o.sop_instance_uid = f.uid
            union all
            select o.revises_uid from dpp.objects as o where o.sop_instance_uid = f.uid
            -- forth
            union all
            select o.sop_instance_uid
            from dpp.protocol_predecessors as p
            join dpp.objects as o on o.id = p.object_id
            where p.referenced_sop_instance_uid = f.uid
            union all
            select o.sop_instance_uid
            from dpp.supersessions as s
            join dpp.objects as o on o.id = s.object_id
            where s.superseded_uid = f.uid
            union all
            select o.sop_instance_uid from dpp.objects as o where o.revises_uid = f.uid
            -- a draft that was given another UID
            union all
            select (c.old_row ->> 'sop_instance_uid') collate "C"
            from dpp.changes as c
            where c.sop_instance_uid = f.uid and c.relation = 'objects' and c.operation = 'update'
        ) as l
        where l.uid is not null
    )
    select f.uid from family as f
$$;
comment on function dpp.family_of(text) is
    'SOP Instance UIDs of all versions that a protocol comes from or that come from it, here or not, its own among them';
