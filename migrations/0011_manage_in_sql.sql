-- compatible
-- What managing protocols through SQL needs beside the content itself: who did what, what supersedes what, what a peer
-- may see, and what the repository says of itself. Functions, triggers and rights are in sql/.

alter table dpp.objects
    add column created_by text collate "C",
    add column published_by text collate "C",
    add column retired_by text collate "C",
    add column revises_uid text collate "C",
    add constraint objects_revises_uid_check
        check (revises_uid ~ '^[0-9]+(\.[0-9]+)*$' and length(revises_uid) <= 64);
comment on column dpp.objects.created_by is
    'Database user who made it, by insert or dpp.revise; null for what was there before this was kept';
comment on column dpp.objects.published_by is
    'Database user who published it; of a received object the user of the server or of dppr import';
comment on column dpp.objects.retired_by is 'Database user who retired it; null unless retired';
comment on column dpp.objects.revises_uid is
    'SOP Instance UID of the version that dpp.revise made it from, which it supersedes when it is published; null when made otherwise';

-- Lineage is in dpp.protocol_predecessors, for whatever a sender claims. That a version takes the place of another is
-- a decision of this repository, and only that is here.
create table dpp.supersessions (
    object_id bigint not null,
    superseded_uid text collate "C" not null,
    since timestamptz not null default now(),
    constraint supersessions_pkey primary key (object_id, superseded_uid),
    constraint supersessions_object_id_fkey
        foreign key (object_id) references dpp.objects (id) on delete cascade,
    constraint supersessions_superseded_uid_check
        check (superseded_uid ~ '^[0-9]+(\.[0-9]+)*$' and length(superseded_uid) <= 64)
);
create index supersessions_superseded_uid_idx on dpp.supersessions (superseded_uid);
comment on table dpp.supersessions is
    'One version takes the place of another. A version is current while it is published and no published version has its place';
comment on column dpp.supersessions.object_id is 'The later version';
comment on column dpp.supersessions.superseded_uid is
    'SOP Instance UID of the version whose place it takes. It need not be in the repository';
comment on column dpp.supersessions.since is 'When that was decided';

create table dpp.changes (
    id bigint generated always as identity,
    changed_at timestamptz not null default clock_timestamp(),
    sop_instance_uid text collate "C" not null,
    relation text collate "C" not null,
    operation text collate "C" not null,
    old_row jsonb,
    new_row jsonb,
    db_user text collate "C" not null default session_user,
    constraint changes_pkey primary key (id),
    constraint changes_operation_check check (operation in ('insert', 'update', 'delete')),
    constraint changes_rows_check
        check ((old_row is null) = (operation = 'insert') and (new_row is null) = (operation = 'delete'))
);
create index changes_sop_instance_uid_idx on dpp.changes (sop_instance_uid);
comment on table dpp.changes is
    'One changed row of a draft: who changed what. Published content does not change, and what is received has no drafts';
comment on column dpp.changes.id is 'Surrogate key, in the order of the changes';
comment on column dpp.changes.changed_at is 'When';
comment on column dpp.changes.sop_instance_uid is 'SOP Instance UID of the draft; it may be gone meanwhile';
comment on column dpp.changes.relation is 'The table, in schema dpp';
comment on column dpp.changes.operation is 'insert, update or delete';
comment on column dpp.changes.old_row is 'The row as it was; null for an insert';
comment on column dpp.changes.new_row is 'The row as it is; null for a delete';
comment on column dpp.changes.db_user is 'Database user who logged in to do it';

create table dpp.audit_events (
    id bigint generated always as identity,
    occurred_at timestamptz not null default clock_timestamp(),
    operation text collate "C" not null,
    sop_instance_uid text collate "C",
    status int,
    ae_title text collate "C",
    peer_address inet,
    destination text collate "C",
    db_user text collate "C" default session_user,
    reason text,
    details jsonb,
    server_id uuid,
    association text collate "C",
    constraint audit_events_pkey primary key (id),
    constraint audit_events_operation_check check (operation ~ '^[a-z][a-z_]*$'),
    constraint audit_events_status_check check (status between 0 and 65535)
);
comment on table dpp.audit_events is
    'Who did what to which protocol, and when: operations of DICOM peers and life cycle functions. Rows are only added';
comment on column dpp.audit_events.id is 'Surrogate key';
comment on column dpp.audit_events.occurred_at is 'When it happened';
comment on column dpp.audit_events.operation is
    'What: find, get, move, store of a peer; import, publish, revise, retire, purge and others of a database user';
comment on column dpp.audit_events.sop_instance_uid is
    'SOP Instance UID of the object that it was done to; null for a query and for a retrieval as a whole';
comment on column dpp.audit_events.status is 'DIMSE status (PS3.7 annex C) that ended it; null for what was done in SQL';
comment on column dpp.audit_events.ae_title is 'Calling AE title of the peer; null for what was done in SQL';
comment on column dpp.audit_events.peer_address is 'Address the peer called from';
comment on column dpp.audit_events.destination is 'AE title that instances were sent to by a move';
comment on column dpp.audit_events.db_user is 'Database user: of who did it in SQL, else of the server';
comment on column dpp.audit_events.reason is 'Why, in the words of who did it';
comment on column dpp.audit_events.details is 'What else there is to say: the identifier of a query, numbers of matches and sub-operations';
comment on column dpp.audit_events.server_id is 'The server (dpp.servers.id); null for what was done in SQL';
comment on column dpp.audit_events.association is 'The association, as the log of that server names it';

alter table dpp.application_entities
    add column required_assertions text[] collate "C" not null default '{}',
    add column sees_current_only boolean not null default false,
    add column may_supersede boolean not null default false,
    add column manufacturer text collate "C",
    add column manufacturer_model_name text collate "C",
    add column device_serial_number text collate "C",
    add constraint application_entities_required_assertions_check
        check (array_position(required_assertions, null) is null and coalesce(array_ndims(required_assertions), 1) = 1);
comment on column dpp.application_entities.required_assertions is
    'Codes of assertions that must be in force for a protocol to be visible to it; empty: it sees every published protocol';
comment on column dpp.application_entities.sees_current_only is
    'Whether queries give it only current versions. Others stay retrievable by UID, as performed protocols refer to them';
comment on column dpp.application_entities.may_supersede is
    'Whether what it stores takes the place of the version that it names as predecessor';
comment on column dpp.application_entities.manufacturer is
    'Manufacturer of the scanner, as in dpp.protocol_models; null when it is none, or not known';
comment on column dpp.application_entities.manufacturer_model_name is 'Its model, as in dpp.protocol_models';
comment on column dpp.application_entities.device_serial_number is 'Its serial number, as in dpp.protocol_models';

-- The function's rows are those of the table, so it has to change with it (as in 0004).
create or replace function dpp.peer_of(p_ae_title text, p_source inet)
returns setof dpp.application_entities language sql stable as $$
    select e.id, e.ae_title, e.host, e.port, e.may_echo, e.may_find, e.may_get, e.may_move, e.may_store,
        e.is_destination, e.source_addresses, e.preferred_character_set, e.max_associations, e.called_as,
        e.description, e.max_calling_associations, e.max_operations, e.required_assertions, e.sees_current_only,
        e.may_supersede, e.manufacturer, e.manufacturer_model_name, e.device_serial_number
    from dpp.application_entities as e
    cross join lateral (
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

create table dpp.repository (
    is_only boolean not null default true,
    uid_root text collate "C",
    manufacturer text collate "C" not null default 'dppr',
    manufacturer_model_name text collate "C" not null default 'dppr',
    device_serial_number text collate "C" not null default gen_random_uuid()::text,
    software_versions text[] collate "C" not null default '{}',
    time_zone text collate "C",
    constraint repository_pkey primary key (is_only),
    constraint repository_is_only_check check (is_only),
    constraint repository_uid_root_check
        check (uid_root ~ '^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+$' and length(uid_root) <= 24),
    constraint repository_manufacturer_check check (length(manufacturer) between 1 and 64),
    constraint repository_manufacturer_model_name_check check (length(manufacturer_model_name) between 1 and 64),
    constraint repository_device_serial_number_check check (length(device_serial_number) between 1 and 64)
);
insert into dpp.repository default values;
comment on table dpp.repository is
    'What the repository says of itself in what it makes, in one row; change it with update';
comment on column dpp.repository.is_only is 'Always true: there is one row';
comment on column dpp.repository.uid_root is
    'Root under which UIDs are made, at most 24 characters; null: 2.25, the root for UUIDs (PS3.5 B.2)';
comment on column dpp.repository.manufacturer is
    'Manufacturer (0008,0070) of the equipment that makes an object, for objects made here that name none';
comment on column dpp.repository.manufacturer_model_name is 'Manufacturer''s Model Name (0008,1090), likewise';
comment on column dpp.repository.device_serial_number is 'Device Serial Number (0018,1000), likewise; made up when the schema was made';
comment on column dpp.repository.software_versions is
    'Software Versions (0018,1020), likewise; empty: the version of the schema';
comment on column dpp.repository.time_zone is
    'IANA time zone, such as Europe/Berlin, of dates and times of approvals that say none; null: UTC';
