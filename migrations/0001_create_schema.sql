-- compatible
-- The normalized home of protocols. DRAFT OF NAMES: tables and columns below are relied on by
-- server/catalog; constraints, comments, indexes and functions are completed in this and following files.
create schema if not exists dpp;

-- One SOP Instance of any kind we keep; the hot table of C-FIND.
create table dpp.objects (
    id bigint generated always as identity primary key,
    sop_instance_uid text collate "C" not null unique,
    sop_class_uid text collate "C" not null,
    state text collate "C" not null default 'draft' check (state in ('draft', 'published', 'retired')),
    query_record bytea,             -- catalog/record; null until ingested or rendered
    specific_character_set text collate "C",
    timezone_offset text collate "C",
    source text collate "C" not null default 'sql',  -- store, import, web, sql
    sender_aet text collate "C",
    created_at timestamptz not null default now(),
    published_at timestamptz,
    retired_at timestamptz,
    retired_reason text
);

create table dpp.instances (
    object_id bigint primary key references dpp.objects (id) on delete cascade,
    transfer_syntax_uid text collate "C" not null,
    dataset bytea not null,         -- the octets as received; storage external
    size bigint not null,
    digest bytea not null           -- SHA-256 of the canonical form
);
alter table dpp.instances alter column dataset set storage external;

create table dpp.protocols (
    object_id bigint primary key references dpp.objects (id) on delete cascade,
    protocol_name text collate "C",
    equipment_modality text collate "C",
    content_creator_name text collate "C",          -- UTF-8, component groups separated by '='
    content_creator_folded text[] ,                 -- one per component group and the whole, see dpp.fold_name
    instance_creation_date text collate "C",        -- as written
    instance_creation_time text collate "C",        -- as written
    creation_date date,                             -- null when missing or invalid
    creation_time time,
    creation_datetime timestamp,                    -- null when either is missing or invalid
    clinical_trial_sponsor_name text collate "C",
    clinical_trial_protocol_id text collate "C",
    clinical_trial_protocol_name text collate "C",
    potential_reasons text[] not null default '{}',
    potential_diagnostic_tasks text[] not null default '{}',
    planning_information text,
    design_rationale text,
    patient_position text collate "C",
    manufacturer text collate "C",                  -- equipment that created the object
    manufacturer_model_name text collate "C",
    device_serial_number text collate "C",
    software_versions text[] not null default '{}',
    other_attributes jsonb not null default '{}'
);

create table dpp.protocol_custodians (
    object_id bigint not null references dpp.protocols (object_id) on delete cascade,
    ordinal int not null,
    institution_name text collate "C",
    other_attributes jsonb not null default '{}',
    primary key (object_id, ordinal)
);

-- One coded concept in one role. role: custodian_institution (parent_ordinal = the custodian's),
-- responsible_group, scheduled_protocol, requested_procedure, reason, anatomic_region, primary_structure,
-- contraindication, positioning_method. equivalent 0 = the code itself, n = item n of its EquivalentCodeSequence.
create table dpp.protocol_codes (
    object_id bigint not null references dpp.protocols (object_id) on delete cascade,
    role text collate "C" not null,
    parent_ordinal int not null default 0,
    ordinal int not null,
    equivalent int not null default 0,
    code_value text collate "C",
    coding_scheme_designator text collate "C",
    coding_scheme_version text collate "C",
    code_meaning text collate "C",
    long_code_value text collate "C",
    urn_code_value text collate "C",
    other_attributes jsonb not null default '{}',
    primary key (object_id, role, parent_ordinal, ordinal, equivalent)
);

create table dpp.protocol_models (
    object_id bigint not null references dpp.protocols (object_id) on delete cascade,
    ordinal int not null,
    manufacturer text collate "C",
    manufacturer_related_model_group text collate "C",
    manufacturer_model_name text collate "C",
    software_versions text[] not null default '{}',
    device_serial_number text collate "C",
    other_attributes jsonb not null default '{}',
    primary key (object_id, ordinal)
);

create table dpp.protocol_predecessors (
    object_id bigint not null references dpp.protocols (object_id) on delete cascade,
    ordinal int not null,
    referenced_sop_class_uid text collate "C",
    referenced_sop_instance_uid text collate "C",
    other_attributes jsonb not null default '{}',
    primary key (object_id, ordinal)
);

create table dpp.protocol_elements (
    object_id bigint not null references dpp.protocols (object_id) on delete cascade,
    kind text collate "C" not null check (kind in ('acquisition', 'reconstruction', 'storage')),
    ordinal int not null,
    element_number int,
    element_name text collate "C",
    element_purpose text,
    other_attributes jsonb not null default '{}',
    primary key (object_id, kind, ordinal)
);

-- kind 'patient' has element_ordinal 0.
create table dpp.parameter_constraints (
    object_id bigint not null references dpp.protocols (object_id) on delete cascade,
    kind text collate "C" not null check (kind in ('patient', 'acquisition', 'reconstruction', 'storage')),
    element_ordinal int not null default 0,
    ordinal int not null,
    selector_attribute text collate "C",            -- 'GGGGEEEE'
    selector_keyword text collate "C",
    selector_name text,
    selector_vr text collate "C",
    selector_value_number int,
    selector_private_creator text collate "C",
    selector_path text[] not null default '{}',     -- sequence tags, outermost first
    selector_path_items int[] not null default '{}',
    constraint_type text collate "C",
    constraint_values text[] not null default '{}',
    constraint_numbers double precision[] not null default '{}',
    default_values text[] not null default '{}',
    default_numbers double precision[] not null default '{}',
    unit_code text collate "C",
    unit_scheme text collate "C",
    unit_meaning text,
    significance text collate "C",
    violation_condition text,
    selection_guidance text,
    is_modifiable boolean,
    other_attributes jsonb not null default '{}',   -- what the columns above cannot say, lossless
    primary key (object_id, kind, element_ordinal, ordinal)
);

create table dpp.instructions (
    object_id bigint not null references dpp.protocols (object_id) on delete cascade,
    kind text collate "C" not null check (kind in ('instruction', 'positioning')),
    ordinal int not null,
    instruction_index int,
    instruction_text text,
    instruction_description text,
    other_attributes jsonb not null default '{}',
    primary key (object_id, kind, ordinal)
);

create table dpp.dataset_warnings (
    object_id bigint not null references dpp.objects (id) on delete cascade,
    ordinal int not null,
    attribute text collate "C",
    warning text not null,
    primary key (object_id, ordinal)
);

create table dpp.application_entities (
    id bigint generated always as identity primary key,
    ae_title text collate "C" not null,
    host text collate "C",
    port int check (port between 1 and 65535),
    may_echo boolean not null default true,
    may_find boolean not null default true,
    may_get boolean not null default true,
    may_move boolean not null default true,
    may_store boolean not null default true,
    is_destination boolean not null default true,
    source_addresses inet[] not null default '{}',  -- empty = any
    preferred_character_set text collate "C",
    max_associations int not null default 1 check (max_associations > 0),
    keep_open boolean not null default false,
    called_as text collate "C",
    description text
);

create table dpp.schema_migrations (
    version int primary key,
    name text not null,
    is_breaking boolean not null,
    applied_at timestamptz not null default now()
);

create table dpp.servers (
    id uuid primary key,
    version text not null,
    schema_version int not null,
    started_at timestamptz not null default now(),
    heartbeat_at timestamptz not null default now()
);
