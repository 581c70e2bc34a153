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
