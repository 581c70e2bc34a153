-- Which row of dpp.application_entities speaks for a peer.

create or replace function dpp.peer_of(p_ae_title text, p_source inet)
returns setof dpp.application_entities language sql stable as $$
    select e.id, e.ae_title, e.host, e.port, e.may_echo, e.may_find, e.may_get, e.may_move, e.may_store,
        e.is_destination, e.source_addresses, e.preferred_character_set, e.max_associations, e.called_as,
        e.description, e.max_calling_associations, e.max_operations, e.required_assertions, e.sees_current_only,
        e.may_supersede, e.manufacturer, e.manufacturer_model_name, e.device_serial_number
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
comment on function dpp.peer_of(text, inet) is
    'Rows of this AE title that fit the source address, the narrowest network first; without an address (a move destination) all of the title, usable ones first. The first row counts';
