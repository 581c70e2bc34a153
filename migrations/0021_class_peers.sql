-- compatible
-- The class of an AE, which is how its operations are told apart in the metrics of the servers.

alter table dpp.application_entities
    add column ae_class text collate "C" not null default 'known',
    add constraint application_entities_ae_class_check check (ae_class ~ '^[a-z][a-z0-9_-]{0,15}$');
comment on column dpp.application_entities.ae_class is
    'What kind of peer it is, in the metrics of the servers: a word such as scanner, manager or workstation. A server tells 18 apart';

-- The function's rows are those of the table; one from before names its columns and would fail until the definitions
-- (sql/functions) are applied.
create or replace function dpp.peer_of(p_ae_title text, p_source inet)
returns setof dpp.application_entities language sql stable as $$
    -- All columns, so that the function stays right when a later version adds one while this version's servers run.
    select e.*
    from dpp.application_entities as e
    cross join lateral (
        -- An IPv4 caller on an IPv6 socket comes as ::ffff:a.b.c.d; rows are written with a.b.c.d.
        select case
            when p_source <<= inet '::ffff:0.0.0.0/96' then inet '0.0.0.0' + (host(p_source)::inet - inet '::ffff:0.0.0.0')
            else p_source
        end as address
        offset 0
    ) as s
    cross join lateral (
        select max(masklen(a.network) + case family(a.network) when 4 then 96 else 0 end) as narrowness
        from unnest(e.source_addresses) as a (network)
        where s.address <<= a.network
    ) as m
    where e.ae_title = p_ae_title
        and (p_source is null or e.source_addresses = '{}' or m.narrowness is not null)
    order by
        m.narrowness desc nulls last,
        p_source is null and e.is_destination desc,
        p_source is null and e.host is not null desc,
        e.id
$$;
