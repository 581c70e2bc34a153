-- compatible
-- The normalized home of Protocol Approvals (PS3.3 A.82, C.34.15), in the way of 0001, and the indexes of their matching
-- keys (PS3.4 Annex II), in the way of 0002. Approvals stored earlier have their rows, and are found by queries, after
-- `dppr rebuild`.
--
-- Items hang on items here: an asserter on its assertion, an institution's code on the asserter. So each table counts
-- the items around its own, outermost first (assertion_ordinal, asserter_ordinal), before its own ordinal.

create table dpp.approvals (
    object_id bigint not null,
    instance_creation_date text collate "C",
    instance_creation_time text collate "C",
    creation_date date,
    creation_time time,
    creation_datetime timestamp,
    creation_instant timestamptz,
    manufacturer text collate "C",
    manufacturer_model_name text collate "C",
    device_serial_number text collate "C",
    software_versions text[] collate "C" not null default '{}',
    other_attributes jsonb not null default '{}',
    constraint approvals_pkey primary key (object_id),
    constraint approvals_object_id_fkey
        foreign key (object_id) references dpp.objects (id) on delete cascade,
    constraint approvals_other_attributes_check check (jsonb_typeof(other_attributes) = 'object')
);
comment on table dpp.approvals is
    'The header of one Protocol Approval: somebody says something about protocols (dpp.approval_assertions about dpp.approval_subjects)';
comment on column dpp.approvals.object_id is 'The object';
comment on column dpp.approvals.instance_creation_date is 'Instance Creation Date (0008,0012) as written';
comment on column dpp.approvals.instance_creation_time is 'Instance Creation Time (0008,0013) as written';
comment on column dpp.approvals.creation_date is
    'Derived from instance_creation_date; null when missing or invalid';
comment on column dpp.approvals.creation_time is
    'Derived from instance_creation_time, in the object''s own time zone; null when missing or invalid';
comment on column dpp.approvals.creation_datetime is
    'Derived: creation_date and creation_time as one, for combined range matching (PS3.4 K.2.2.1); null when either is';
comment on column dpp.approvals.creation_instant is
    'Derived: creation_datetime as an instant by Timezone Offset From UTC (0008,0201) of the object; null when it has none';
comment on column dpp.approvals.manufacturer is
    'Manufacturer (0008,0070) of the equipment that created the object; that of a device that asserts something is in dpp.approval_asserters';
comment on column dpp.approvals.manufacturer_model_name is
    'Manufacturer''s Model Name (0008,1090) of the equipment that created the object';
comment on column dpp.approvals.device_serial_number is
    'Device Serial Number (0018,1000) of the equipment that created the object';
comment on column dpp.approvals.software_versions is
    'Software Versions (0018,1020) of the equipment that created the object';
comment on column dpp.approvals.other_attributes is
    'What the columns and the item tables do not say completely: DICOM JSON keyed by tag';

create table dpp.approval_subjects (
    object_id bigint not null,
    ordinal int not null,
    referenced_sop_class_uid text collate "C",
    referenced_sop_instance_uid text collate "C",
    other_attributes jsonb not null default '{}',
    constraint approval_subjects_pkey primary key (object_id, ordinal),
    constraint approval_subjects_object_id_fkey
        foreign key (object_id) references dpp.approvals (object_id) on delete cascade,
    constraint approval_subjects_ordinal_check check (ordinal > 0),
    constraint approval_subjects_other_attributes_check check (jsonb_typeof(other_attributes) = 'object')
);
comment on table dpp.approval_subjects is
    'One item of Approval Subject Sequence (0044,0109): a protocol that all assertions of the approval are about. It need not be in the repository';
comment on column dpp.approval_subjects.object_id is 'The approval';
comment on column dpp.approval_subjects.ordinal is 'Item number, from 1';
comment on column dpp.approval_subjects.referenced_sop_class_uid is 'Referenced SOP Class UID (0008,1150)';
comment on column dpp.approval_subjects.referenced_sop_instance_uid is
    'Referenced SOP Instance UID (0008,1155) of the protocol';
comment on column dpp.approval_subjects.other_attributes is
    'What the columns do not say completely: DICOM JSON keyed by tag';

create table dpp.approval_assertions (
    object_id bigint not null,
    ordinal int not null,
    assertion_uid text collate "C",
    assertion_datetime text collate "C",
    assertion_datetime_local timestamp,
    assertion_datetime_instant timestamptz,
    assertion_datetime_has_offset boolean not null default false,
    expiration_datetime text collate "C",
    expiration_datetime_local timestamp,
    expiration_datetime_instant timestamptz,
    expiration_datetime_has_offset boolean not null default false,
    assertion_comments text collate "C",
    clinical_trial_protocol_id text collate "C",
    other_attributes jsonb not null default '{}',
    constraint approval_assertions_pkey primary key (object_id, ordinal),
    constraint approval_assertions_object_id_fkey
        foreign key (object_id) references dpp.approvals (object_id) on delete cascade,
    constraint approval_assertions_ordinal_check check (ordinal > 0),
    constraint approval_assertions_other_attributes_check check (jsonb_typeof(other_attributes) = 'object')
);
comment on table dpp.approval_assertions is
    'One item of Approval Sequence (0044,0100): an assertion. What is asserted is in dpp.approval_codes, role assertion; who asserts it in dpp.approval_asserters';
comment on column dpp.approval_assertions.object_id is 'The approval';
comment on column dpp.approval_assertions.ordinal is 'Item number, from 1';
comment on column dpp.approval_assertions.assertion_uid is
    'Assertion UID (0044,0102): other assertions refer to it (dpp.approval_related_assertions)';
comment on column dpp.approval_assertions.assertion_datetime is 'Assertion DateTime (0044,0104) as written';
comment on column dpp.approval_assertions.assertion_datetime_local is
    'Derived from assertion_datetime, read without its offset; null when missing or invalid';
comment on column dpp.approval_assertions.assertion_datetime_instant is
    'Derived from assertion_datetime as an instant; null unless the value has an offset of its own or the object Timezone Offset From UTC (0008,0201)';
comment on column dpp.approval_assertions.assertion_datetime_has_offset is
    'Derived: whether assertion_datetime has an offset of its own';
comment on column dpp.approval_assertions.expiration_datetime is
    'Assertion Expiration DateTime (0044,0105) as written; null: does not expire by itself';
comment on column dpp.approval_assertions.expiration_datetime_local is
    'Derived from expiration_datetime, read without its offset; null when missing or invalid';
comment on column dpp.approval_assertions.expiration_datetime_instant is
    'Derived from expiration_datetime as an instant; null unless the value has an offset of its own or the object Timezone Offset From UTC (0008,0201)';
comment on column dpp.approval_assertions.expiration_datetime_has_offset is
    'Derived: whether expiration_datetime has an offset of its own';
comment on column dpp.approval_assertions.assertion_comments is 'Assertion Comments (0044,0106)';
comment on column dpp.approval_assertions.clinical_trial_protocol_id is
    'Clinical Trial Protocol ID (0012,0020): the trial that the assertion is for';
comment on column dpp.approval_assertions.other_attributes is
    'What the columns do not say completely: DICOM JSON keyed by tag';

create table dpp.approval_asserters (
    object_id bigint not null,
    assertion_ordinal int not null,
    ordinal int not null,
    observer_type text collate "C",
    person_name text collate "C",
    person_name_folded text[] collate "C" not null default '{}',
    person_name_search text collate "C",
    station_name text collate "C",
    device_uid text collate "C",
    manufacturer text collate "C",
    manufacturer_model_name text collate "C",
    station_ae_title text collate "C",
    institution_name text collate "C",
    institutional_department_name text collate "C",
    other_attributes jsonb not null default '{}',
    constraint approval_asserters_pkey primary key (object_id, assertion_ordinal, ordinal),
    constraint approval_asserters_object_id_fkey
        foreign key (object_id) references dpp.approvals (object_id) on delete cascade,
    constraint approval_asserters_assertion_ordinal_check check (assertion_ordinal > 0),
    constraint approval_asserters_ordinal_check check (ordinal > 0),
    constraint approval_asserters_other_attributes_check check (jsonb_typeof(other_attributes) = 'object')
);
comment on table dpp.approval_asserters is
    'One item of Asserter Identification Sequence (0044,0103): the person or device that asserts. Its codes are in dpp.approval_codes, roles person, organizational_role, asserter_institution and department_type';
comment on column dpp.approval_asserters.object_id is 'The approval';
comment on column dpp.approval_asserters.assertion_ordinal is 'Ordinal of the assertion in dpp.approval_assertions';
comment on column dpp.approval_asserters.ordinal is 'Item number in that sequence, from 1; normally there is one';
comment on column dpp.approval_asserters.observer_type is
    'Observer Type (0040,A084): PSN for a person, DEV for a device';
comment on column dpp.approval_asserters.person_name is
    'Person Name (0040,A123): component groups (alphabetic, ideographic, phonetic) separated by =, components by ^';
comment on column dpp.approval_asserters.person_name_folded is
    'Derived: dpp.fold_name of the whole name and of each component group, for matching without regard to case and accents';
comment on column dpp.approval_asserters.person_name_search is
    'Derived: the entries of person_name_folded, each between line feeds; serves the trigram index for wild cards in names';
comment on column dpp.approval_asserters.station_name is 'Station Name (0008,1010)';
comment on column dpp.approval_asserters.device_uid is 'Device UID (0018,1002)';
comment on column dpp.approval_asserters.manufacturer is 'Manufacturer (0008,0070) of the device';
comment on column dpp.approval_asserters.manufacturer_model_name is
    'Manufacturer''s Model Name (0008,1090) of the device';
comment on column dpp.approval_asserters.station_ae_title is 'Station AE Title (0008,0055)';
comment on column dpp.approval_asserters.institution_name is 'Institution Name (0008,0080)';
comment on column dpp.approval_asserters.institutional_department_name is
    'Institutional Department Name (0008,1040)';
comment on column dpp.approval_asserters.other_attributes is
    'What the columns do not say completely: DICOM JSON keyed by tag';

create table dpp.approval_codes (
    object_id bigint not null,
    role text collate "C" not null,
    assertion_ordinal int not null,
    asserter_ordinal int not null default 0,
    ordinal int not null,
    equivalent int not null default 0,
    code_value text collate "C",
    coding_scheme_designator text collate "C",
    coding_scheme_version text collate "C",
    code_meaning text collate "C",
    long_code_value text collate "C",
    urn_code_value text collate "C",
    other_attributes jsonb not null default '{}',
    constraint approval_codes_pkey primary key (object_id, role, assertion_ordinal, asserter_ordinal, ordinal, equivalent),
    constraint approval_codes_object_id_fkey
        foreign key (object_id) references dpp.approvals (object_id) on delete cascade,
    constraint approval_codes_role_check
        check (role in ('assertion', 'institution', 'person', 'organizational_role', 'asserter_institution', 'department_type')),
    constraint approval_codes_assertion_ordinal_check check (assertion_ordinal > 0),
    constraint approval_codes_asserter_ordinal_check
        check ((role in ('assertion', 'institution')) = (asserter_ordinal = 0) and asserter_ordinal >= 0),
    constraint approval_codes_ordinal_check check (ordinal > 0),
    constraint approval_codes_equivalent_check check (equivalent >= 0),
    constraint approval_codes_other_attributes_check check (jsonb_typeof(other_attributes) = 'object')
);
comment on table dpp.approval_codes is
    'One coded concept in one role of an assertion or of its asserter (PS3.3 table 8.8-1)';
comment on column dpp.approval_codes.object_id is 'The approval';
comment on column dpp.approval_codes.role is
    'assertion (0044,0101) and institution (0008,0082), which the assertion is for, are codes of the assertion; person (0040,1101), organizational_role (0044,010A), asserter_institution (0008,0082) and department_type (0008,1041) are codes of its asserter';
comment on column dpp.approval_codes.assertion_ordinal is 'Ordinal of the assertion in dpp.approval_assertions';
comment on column dpp.approval_codes.asserter_ordinal is
    'Ordinal of the asserter in dpp.approval_asserters; 0 for codes of the assertion itself';
comment on column dpp.approval_codes.ordinal is 'Item number in the code sequence, from 1';
comment on column dpp.approval_codes.equivalent is
    '0: the concept itself; n: item n of its Equivalent Code Sequence (0008,0121)';
comment on column dpp.approval_codes.code_value is 'Code Value (0008,0100)';
comment on column dpp.approval_codes.coding_scheme_designator is
    'Coding Scheme Designator (0008,0102), such as DCM';
comment on column dpp.approval_codes.coding_scheme_version is 'Coding Scheme Version (0008,0103)';
comment on column dpp.approval_codes.code_meaning is 'Code Meaning (0008,0104): for people, never matched';
comment on column dpp.approval_codes.long_code_value is
    'Long Code Value (0008,0119): codes of more than 16 characters';
comment on column dpp.approval_codes.urn_code_value is 'URN Code Value (0008,0120): codes that are a URN or URL';
comment on column dpp.approval_codes.other_attributes is
    'What the columns do not say completely: DICOM JSON keyed by tag';

create table dpp.approval_related_assertions (
    object_id bigint not null,
    assertion_ordinal int not null,
    ordinal int not null,
    referenced_assertion_uid text collate "C",
    other_attributes jsonb not null default '{}',
    constraint approval_related_assertions_pkey primary key (object_id, assertion_ordinal, ordinal),
    constraint approval_related_assertions_object_id_fkey
        foreign key (object_id) references dpp.approvals (object_id) on delete cascade,
    constraint approval_related_assertions_assertion_ordinal_check check (assertion_ordinal > 0),
    constraint approval_related_assertions_ordinal_check check (ordinal > 0),
    constraint approval_related_assertions_other_attributes_check check (jsonb_typeof(other_attributes) = 'object')
);
comment on table dpp.approval_related_assertions is
    'One item of Related Assertion Sequence (0044,0107): an assertion that this one has to do with, such as one that it overrides. It need not be in the repository';
comment on column dpp.approval_related_assertions.object_id is 'The approval';
comment on column dpp.approval_related_assertions.assertion_ordinal is
    'Ordinal of the assertion in dpp.approval_assertions';
comment on column dpp.approval_related_assertions.ordinal is 'Item number in that sequence, from 1';
comment on column dpp.approval_related_assertions.referenced_assertion_uid is
    'Referenced Assertion UID (0044,0108)';
comment on column dpp.approval_related_assertions.other_attributes is
    'What the columns do not say completely: DICOM JSON keyed by tag';

-- Instance Creation Date and Time
create index approvals_creation_date_idx on dpp.approvals (creation_date);
create index approvals_creation_time_idx on dpp.approvals (creation_time);
create index approvals_creation_datetime_idx on dpp.approvals (creation_datetime);
create index approvals_creation_instant_idx on dpp.approvals (creation_instant) where creation_instant is not null;

-- Approval Subject: which approvals there are of a protocol
create index approval_subjects_referenced_sop_instance_uid_idx on dpp.approval_subjects (referenced_sop_instance_uid);

-- Assertion: date-times, and what other assertions refer to
create index approval_assertions_assertion_datetime_local_idx on dpp.approval_assertions (assertion_datetime_local);
create index approval_assertions_assertion_datetime_instant_idx on dpp.approval_assertions (assertion_datetime_instant)
    where assertion_datetime_instant is not null;
create index approval_assertions_expiration_datetime_local_idx on dpp.approval_assertions (expiration_datetime_local)
    where expiration_datetime_local is not null;
create index approval_assertions_expiration_datetime_instant_idx on dpp.approval_assertions
    (expiration_datetime_instant) where expiration_datetime_instant is not null;
create index approval_assertions_assertion_uid_idx on dpp.approval_assertions (assertion_uid);
create index approval_related_assertions_referenced_assertion_uid_idx on dpp.approval_related_assertions
    (referenced_assertion_uid);

-- Asserter: Person Name (see dpp.fold_name), Institution Name, Institutional Department Name
create index approval_asserters_person_name_folded_idx on dpp.approval_asserters using gin (person_name_folded)
    with (fastupdate = off);
create index approval_asserters_person_name_search_idx on dpp.approval_asserters
    using gin (person_name_search gin_trgm_ops) with (fastupdate = off);
create index approval_asserters_institution_name_idx on dpp.approval_asserters (institution_name);
create index approval_asserters_institution_name_trgm_idx on dpp.approval_asserters
    using gin (institution_name gin_trgm_ops) with (fastupdate = off);
create index approval_asserters_institutional_department_name_idx on dpp.approval_asserters
    (institutional_department_name) where institutional_department_name is not null;
create index approval_asserters_institutional_department_name_trgm_idx on dpp.approval_asserters
    using gin (institutional_department_name gin_trgm_ops) with (fastupdate = off)
    where institutional_department_name is not null;

-- Codes, of every role and of equivalents
create index approval_codes_code_value_idx on dpp.approval_codes (role, code_value, coding_scheme_designator);
create index approval_codes_long_code_value_idx on dpp.approval_codes (role, long_code_value, coding_scheme_designator)
    where long_code_value is not null;
create index approval_codes_urn_code_value_idx on dpp.approval_codes (role, urn_code_value)
    where urn_code_value is not null;
