-- What takes the place of what. Only here are rows of dpp.supersessions made, by dpp.publish and for what a peer that may do
-- so stores. A version that would take the place of one that, in the end, takes its own would leave neither current:
-- such a claim is left out, however the two came about.
--
-- Whether a version is current depends on those that have its place, and not on what is behind them. So that an old version does
-- not come back when one in the middle goes, places are inherited: of one that is not published, by what takes its
-- place (dpp.supersede), and of one that is retired or purged, by what has its place (dpp.bequeath).

create or replace function dpp.supersede(p_object_id bigint, p_superseded text[])
returns void language sql as $$
    with recursive above (sop_instance_uid) as (
        select o.sop_instance_uid
        from dpp.objects as o
        where o.id = p_object_id
        union
        select o.sop_instance_uid
        from above as a
        join dpp.supersessions as s on s.superseded_uid = a.sop_instance_uid
        join dpp.objects as o on o.id = s.object_id
    ),
    below (uid) as (
        select u.uid collate "C"
        from unnest(p_superseded) as u (uid)
        where u.uid is not null
        union
        select s.superseded_uid
        from below as b
        join dpp.objects as o on o.sop_instance_uid = b.uid and o.state <> 'published'
        join dpp.supersessions as s on s.object_id = o.id
    )
    insert into dpp.supersessions (object_id, superseded_uid, since)
    select p_object_id, b.uid, clock_timestamp()
    from below as b
    where b.uid not in (select a.sop_instance_uid from above as a)
    on conflict do nothing
$$;
comment on function dpp.supersede(bigint, text[]) is
    'Notes that an object takes the place of versions given by their SOP Instance UID, known here or not. Circles are left out';

create or replace function dpp.bequeath(p_object_id bigint)
returns void language sql as $$
    insert into dpp.supersessions (object_id, superseded_uid, since)
    select later.object_id, mine.superseded_uid, clock_timestamp()
    from dpp.objects as o
    join dpp.supersessions as mine on mine.object_id = o.id
    join dpp.supersessions as later on later.superseded_uid = o.sop_instance_uid
    where o.id = p_object_id
    on conflict do nothing
$$;
comment on function dpp.bequeath(bigint) is
    'Gives the places that an object has taken to those that have taken its own, when it goes';

-- The published versions that have a version's place: none when it is current.
create or replace function dpp.successors(p_uid text)
returns setof dpp.objects language sql stable as $$
    select o.*
    from dpp.supersessions as s
    join dpp.objects as o on o.id = s.object_id
    where s.superseded_uid = p_uid and o.state = 'published'
    order by o.published_at, o.id
$$;
comment on function dpp.successors(text) is
    'The published objects that have taken the place of the one with this SOP Instance UID. A published version without any is current';
