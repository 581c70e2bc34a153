-- compatible
-- TLS of peers: the certificates that a caller is bound to, and whether associations to a destination go through TLS.

alter table dpp.application_entities
    add column certificates text[] collate "C" not null default '{}',
    add column tls boolean not null default false,
    add column tls_name text collate "C",
    -- Entries hold no line feed, so the whole list is judged as lines. A fingerprint is written as one knows it, with or
    -- without colons.
    add constraint application_entities_certificates_check check (
        array_position(certificates, null) is null and coalesce(array_ndims(certificates), 1) = 1
        and array_position(certificates, '') is null
        and array_to_string(certificates, E'\n') !~ E'\n\n'
        and array_to_string(certificates, E'\n') ~
            '^((dns:[A-Za-z0-9._-]{1,253}|subject:[^\x01-\x1f]+|sha256:([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2})(\n|$))*$'
        and octet_length(array_to_string(certificates, E'\n')) <= 1024),
    add constraint application_entities_tls_name_check check (tls_name ~ '^[A-Za-z0-9._:-]{1,255}$');
comment on column dpp.application_entities.certificates is
    'Certificates of which it has to show one, over TLS, to be served at all: dns:NAME (subjectAltName), subject:DN (RFC 4514), sha256:FINGERPRINT; empty: it needs none';
comment on column dpp.application_entities.tls is 'Whether associations to it, as a destination of C-MOVE, go through TLS';
comment on column dpp.application_entities.tls_name is
    'Name (or address) that its certificate must have when it is called; null: that of host';

-- The function's rows are those of the table; one from before 0021 names its columns and would fail until the definitions
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
