-- Which scanner lacks which version. A scanner is a row of dpp.application_entities that says a manufacturer, model or serial
-- number. A protocol is for it when one of its models has nothing but what the row says, or when it has no models. A
-- model that is known by its group only is no scanner's, as a row has none.
--
-- What counts as current is what the scanner itself can see (dpp.is_superseded with its required_assertions): a version
-- that nobody has approved yet makes no scanner outdated. What it has stored here it has. What a peer has made of a protocol of
-- this repository and stored (dpp.drift) is for no other scanner, unless it has taken that one's place. Most protocols have no
-- successor, and are not walked for.

create or replace view dpp.outdated_scanners as
with scanners as (
    select
        min(e.id) as id, e.ae_title, e.manufacturer, e.manufacturer_model_name, e.device_serial_number, e.required_assertions
    from dpp.application_entities as e
    where coalesce(e.manufacturer, e.manufacturer_model_name, e.device_serial_number) is not null
    group by e.ae_title, e.manufacturer, e.manufacturer_model_name, e.device_serial_number, e.required_assertions
),
fitting as (
    select s.id, m.object_id
    from scanners as s
    join dpp.protocol_models as m on m.manufacturer_model_name = s.manufacturer_model_name
    where (m.manufacturer is null or m.manufacturer = s.manufacturer)
        and (m.device_serial_number is null or m.device_serial_number = s.device_serial_number)
    union
    select s.id, m.object_id
    from scanners as s
    cross join dpp.protocol_models as m
    where m.manufacturer_model_name is null and m.manufacturer_related_model_group is null
        and (m.manufacturer is null or m.manufacturer = s.manufacturer)
        and (m.device_serial_number is null or m.device_serial_number = s.device_serial_number)
    union
    select s.id, p.object_id
    from scanners as s
    cross join dpp.protocols as p
    where not exists (select from dpp.protocol_models as m where m.object_id = p.object_id)
)
select
    s.ae_title,
    s.manufacturer,
    s.manufacturer_model_name,
    s.device_serial_number,
    p.protocol_name,
    p.equipment_modality,
    o.sop_instance_uid,
    o.published_at,
    case when l.is_linked then (
        select e.sop_instance_uid
        from dpp.ancestors(o.sop_instance_uid) as a (object_id)
        join dpp.objects as v on v.id = a.object_id
        join dpp.audit_events as e on e.sop_instance_uid = v.sop_instance_uid
        where coalesce(e.destination, e.ae_title) = s.ae_title
            and e.operation in ('get', 'move') and dpp.is_taken(e.status)
        order by e.occurred_at desc
        limit 1)
    end as last_fetched_uid,
    case when l.is_linked then (
        select max(e.occurred_at)
        from dpp.ancestors(o.sop_instance_uid) as a (object_id)
        join dpp.objects as v on v.id = a.object_id
        join dpp.audit_events as e on e.sop_instance_uid = v.sop_instance_uid
        where coalesce(e.destination, e.ae_title) = s.ae_title
            and e.operation in ('get', 'move') and dpp.is_taken(e.status))
    end as last_fetched_at,
    p.object_id
from fitting as f
join scanners as s on s.id = f.id
join dpp.objects as o on o.id = f.object_id
join dpp.protocols as p on p.object_id = o.id
cross join lateral (
    select
        o.revises_uid is not null
        or exists (select from dpp.protocol_predecessors as r where r.object_id = o.id)
        or exists (select from dpp.supersessions as x where x.object_id = o.id) as is_linked
) as l
where o.state = 'published'
    and o.sender_aet is distinct from s.ae_title
    and not (
        o.source = 'store'
        and exists (
            select
            from dpp.protocol_predecessors as r
            join dpp.objects as b on b.sop_instance_uid = r.referenced_sop_instance_uid
            where r.object_id = o.id and b.id <> o.id and b.state <> 'draft')
        and not exists (select from dpp.supersessions as x where x.object_id = o.id))
    and not exists (
        select
        from dpp.audit_events as e
        where coalesce(e.destination, e.ae_title) = s.ae_title and e.sop_instance_uid = o.sop_instance_uid
            and e.operation in ('get', 'move') and dpp.is_taken(e.status))
    and (
        not exists (select from dpp.supersessions as x where x.superseded_uid = o.sop_instance_uid)
        or not dpp.is_superseded(o.sop_instance_uid, s.required_assertions))
    and (
        s.required_assertions = '{}'
        or s.required_assertions <@ array(
            select r.requirement from dpp.requirements_met as r where r.sop_instance_uid = o.sop_instance_uid));

comment on view dpp.outdated_scanners is
    'A scanner and a current protocol for it that it has neither fetched nor stored here, with the version of it that it fetched last';
comment on column dpp.outdated_scanners.ae_title is 'The scanner: AE title of dpp.application_entities';
comment on column dpp.outdated_scanners.manufacturer is 'Its manufacturer, as its row says';
comment on column dpp.outdated_scanners.manufacturer_model_name is 'Its model';
comment on column dpp.outdated_scanners.device_serial_number is 'Its serial number';
comment on column dpp.outdated_scanners.protocol_name is 'Name of the protocol';
comment on column dpp.outdated_scanners.equipment_modality is 'CT or XA';
comment on column dpp.outdated_scanners.sop_instance_uid is 'SOP Instance UID of the current version, which it has not fetched';
comment on column dpp.outdated_scanners.published_at is 'Since when it could';
comment on column dpp.outdated_scanners.last_fetched_uid is
    'SOP Instance UID of the version of this protocol that it fetched last; null: none';
comment on column dpp.outdated_scanners.last_fetched_at is 'When that was';
comment on column dpp.outdated_scanners.object_id is 'The protocol''s key in the tables';
