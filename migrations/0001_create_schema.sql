-- compatible
-- The normalized home of protocols.
--
-- Three layers hang on one another: an object (what is stored and retrieved, of any kind), the protocol (its
-- header, one row per CT or XA Defined Procedure Protocol) and the items of the protocol's sequences (one row per
-- item, numbered from 1 by `ordinal` as the sequence orders them).
--
-- Two rules hold for every table that mirrors a data set or an item of one:
--   - a column is null (an array empty) when the data set does not have the attribute, or has it without a value;
--   - what the columns do not say completely (unknown and private attributes, attributes without a value, several
--     values where one is expected, another VR than the dictionary's) stays in `other_attributes`, as DICOM JSON
--     (PS3.18 F.2) keyed by tag. Columns and other_attributes together lose nothing. Where both know an attribute,
--     other_attributes has it as received and the column is the best that could be made of it.
--
-- Indexes for matching are in 0002, functions and views in sql/.

create schema if not exists dpp;
comment on schema dpp is
    'Defined Procedure Protocols: what the DICOM services store and query, and the supported interface for SQL users';

create table dpp.objects (
    id bigint generated always as identity,
    sop_instance_uid text collate "C" not null,
    sop_class_uid text collate "C" not null,
    state text collate "C" not null default 'draft',
    query_record bytea,
    specific_character_set text collate "C",
    timezone_offset text collate "C",
    source text collate "C" not null default 'sql',
    sender_aet text collate "C",
    created_at timestamptz not null default now(),
    published_at timestamptz,
    retired_at timestamptz,
    retired_reason text,
    constraint objects_pkey primary key (id),
    constraint objects_sop_instance_uid_key unique (sop_instance_uid),
    constraint objects_sop_instance_uid_check
        check (sop_instance_uid ~ '^[0-9]+(\.[0-9]+)*$' and length(sop_instance_uid) <= 64),
    constraint objects_sop_class_uid_check
        check (sop_class_uid ~ '^[0-9]+(\.[0-9]+)*$' and length(sop_class_uid) <= 64),
    constraint objects_state_check check (state in ('draft', 'published', 'retired')),
    constraint objects_source_check check (source in ('store', 'import', 'web', 'sql'))
);
comment on table dpp.objects is
    'One SOP Instance of any kind that is kept (protocol, protocol approval): what store, query and retrieve hang on';
comment on column dpp.objects.id is 'Surrogate key; every other table refers to it as object_id';
comment on column dpp.objects.sop_instance_uid is 'SOP Instance UID (0008,0018)';
comment on column dpp.objects.sop_class_uid is 'SOP Class UID (0008,0016)';
comment on column dpp.objects.state is
    'draft: made in SQL, invisible to DICOM; published: visible and unchangeable; retired: hidden again, history stays';
comment on column dpp.objects.query_record is
    'The attributes that queries return, encoded (Explicit VR Little Endian, UTF-8); written by the server, null until then';
comment on column dpp.objects.specific_character_set is
    'Specific Character Set (0008,0005) of the encoded form, values joined by a backslash; null: default repertoire. Columns are UTF-8';
comment on column dpp.objects.timezone_offset is
    'Timezone Offset From UTC (0008,0201) of the object, such as +0100: how its dates and times are to be read';
comment on column dpp.objects.source is 'How it came in: store (C-STORE), import, web or sql';
comment on column dpp.objects.sender_aet is 'Calling AE title of the sender; null when not received over DICOM';
comment on column dpp.objects.created_at is 'When the row was made; for a received object when it was received';
comment on column dpp.objects.published_at is 'When it became visible; null for a draft';
comment on column dpp.objects.retired_at is 'When it was hidden again; null unless retired';
comment on column dpp.objects.retired_reason is 'Why it was retired, in the words of who did it';

create table dpp.instances (
    object_id bigint not null,
    transfer_syntax_uid text collate "C" not null,
    dataset bytea not null,
    size bigint not null,
    digest bytea not null,
    constraint instances_pkey primary key (object_id),
    constraint instances_object_id_fkey
        foreign key (object_id) references dpp.objects (id) on delete cascade,
    constraint instances_size_check check (size >= 0)
);
alter table dpp.instances alter column dataset set storage external;
comment on table dpp.instances is 'The encoded form of an object: what is sent on retrieval, octet for octet';
comment on column dpp.instances.object_id is 'The object';
comment on column dpp.instances.transfer_syntax_uid is 'Transfer syntax of dataset (PS3.5 section 10)';
comment on column dpp.instances.dataset is 'The data set as received or rendered, without File Meta Information; stored uncompressed, so that parts can be read';
comment on column dpp.instances.size is 'Length of dataset in octets';
comment on column dpp.instances.digest is
    'SHA-256 of the canonical form: equal for equal content whatever the transfer syntax it came in';

create table dpp.tombstones (
    sop_instance_uid text collate "C" not null,
    digest bytea,
    reason text not null,
    purged_at timestamptz not null default now(),
    constraint tombstones_pkey primary key (sop_instance_uid)
);
comment on table dpp.tombstones is 'SOP Instance UIDs that were deleted for good; the UID is refused when it is sent again';
comment on column dpp.tombstones.sop_instance_uid is 'SOP Instance UID (0008,0018) of what was deleted';
comment on column dpp.tombstones.digest is 'Digest of the deleted content, as in dpp.instances; null when there was none';
comment on column dpp.tombstones.reason is 'Why it was deleted, in the words of who did it';
comment on column dpp.tombstones.purged_at is 'When it was deleted';

create table dpp.dataset_warnings (
    object_id bigint not null,
    ordinal int not null,
    attribute text collate "C",
    warning text not null,
    constraint dataset_warnings_pkey primary key (object_id, ordinal),
    constraint dataset_warnings_object_id_fkey
        foreign key (object_id) references dpp.objects (id) on delete cascade,
    constraint dataset_warnings_ordinal_check check (ordinal > 0)
);
comment on table dpp.dataset_warnings is
    'What was found wrong with a received object. Nothing here keeps it from being stored, queried or retrieved';
comment on column dpp.dataset_warnings.object_id is 'The object';
comment on column dpp.dataset_warnings.ordinal is 'Number of the warning of this object, from 1';
comment on column dpp.dataset_warnings.attribute is
    'Where: tags and item numbers from the outside in, such as 0018991F[1].00189921; null: the data set, or see the text';
comment on column dpp.dataset_warnings.warning is 'What, as a sentence';

create table dpp.protocols (
    object_id bigint not null,
    protocol_name text collate "C",
    equipment_modality text collate "C",
    content_creator_name text collate "C",
    content_creator_folded text[] collate "C" not null default '{}',
    content_creator_search text collate "C",
    instance_creation_date text collate "C",
    instance_creation_time text collate "C",
    creation_date date,
    creation_time time,
    creation_datetime timestamp,
    clinical_trial_sponsor_name text collate "C",
    clinical_trial_protocol_id text collate "C",
    clinical_trial_protocol_name text collate "C",
    potential_reasons text[] collate "C" not null default '{}',
    potential_diagnostic_tasks text[] collate "C" not null default '{}',
    planning_information text collate "C",
    design_rationale text collate "C",
    patient_position text collate "C",
    manufacturer text collate "C",
    manufacturer_model_name text collate "C",
    device_serial_number text collate "C",
    software_versions text[] collate "C" not null default '{}',
    other_attributes jsonb not null default '{}',
    constraint protocols_pkey primary key (object_id),
    constraint protocols_object_id_fkey
        foreign key (object_id) references dpp.objects (id) on delete cascade,
    constraint protocols_other_attributes_check check (jsonb_typeof(other_attributes) = 'object')
);
comment on table dpp.protocols is 'The header of one version of a CT or XA Defined Procedure Protocol (PS3.3 A.82)';
comment on column dpp.protocols.object_id is 'The object';
comment on column dpp.protocols.protocol_name is 'Protocol Name (0018,1030)';
comment on column dpp.protocols.equipment_modality is 'Equipment Modality (0008,0221): CT or XA';
comment on column dpp.protocols.content_creator_name is
    'Content Creator''s Name (0070,0084): component groups (alphabetic, ideographic, phonetic) separated by =, components by ^';
comment on column dpp.protocols.content_creator_folded is
    'Derived: dpp.fold_name of the whole name and of each component group, for matching without regard to case and accents';
comment on column dpp.protocols.content_creator_search is
    'Derived: the entries of content_creator_folded, each between line feeds; serves the trigram index for wild cards in names';
comment on column dpp.protocols.instance_creation_date is 'Instance Creation Date (0008,0012) as written';
comment on column dpp.protocols.instance_creation_time is 'Instance Creation Time (0008,0013) as written';
comment on column dpp.protocols.creation_date is 'Derived from instance_creation_date; null when missing or invalid';
comment on column dpp.protocols.creation_time is 'Derived from instance_creation_time, in the object''s own time zone; null when missing or invalid';
comment on column dpp.protocols.creation_datetime is
    'Derived: creation_date and creation_time as one, for combined range matching (PS3.4 K.2.2.1); null when either is';
comment on column dpp.protocols.clinical_trial_sponsor_name is 'Clinical Trial Sponsor Name (0012,0010)';
comment on column dpp.protocols.clinical_trial_protocol_id is 'Clinical Trial Protocol ID (0012,0020)';
comment on column dpp.protocols.clinical_trial_protocol_name is 'Clinical Trial Protocol Name (0012,0021)';
comment on column dpp.protocols.potential_reasons is 'Potential Reasons for Procedure (0018,9908), one entry per value';
comment on column dpp.protocols.potential_diagnostic_tasks is 'Potential Diagnostic Tasks (0018,990A), one entry per value';
comment on column dpp.protocols.planning_information is 'Protocol Planning Information (0018,990F)';
comment on column dpp.protocols.design_rationale is 'Protocol Design Rationale (0018,9910)';
comment on column dpp.protocols.patient_position is 'Protocol Defined Patient Position (0018,9947), such as HFS';
comment on column dpp.protocols.manufacturer is
    'Manufacturer (0008,0070) of the equipment that created the object, not of the scanner it is meant for (dpp.protocol_models)';
comment on column dpp.protocols.manufacturer_model_name is 'Manufacturer''s Model Name (0008,1090) of the equipment that created the object';
comment on column dpp.protocols.device_serial_number is 'Device Serial Number (0018,1000) of the equipment that created the object';
comment on column dpp.protocols.software_versions is 'Software Versions (0018,1020) of the equipment that created the object';
comment on column dpp.protocols.other_attributes is 'What the columns and the item tables do not say completely: DICOM JSON keyed by tag';

create table dpp.protocol_custodians (
    object_id bigint not null,
    ordinal int not null,
    institution_name text collate "C",
    other_attributes jsonb not null default '{}',
    constraint protocol_custodians_pkey primary key (object_id, ordinal),
    constraint protocol_custodians_object_id_fkey
        foreign key (object_id) references dpp.protocols (object_id) on delete cascade,
    constraint protocol_custodians_ordinal_check check (ordinal > 0),
    constraint protocol_custodians_other_attributes_check check (jsonb_typeof(other_attributes) = 'object')
);
comment on table dpp.protocol_custodians is
    'One item of Custodial Organization Sequence (0040,A07C): who is in charge of the protocol. Its codes are in dpp.protocol_codes, role custodian_institution';
comment on column dpp.protocol_custodians.object_id is 'The protocol';
comment on column dpp.protocol_custodians.ordinal is 'Item number, from 1';
comment on column dpp.protocol_custodians.institution_name is 'Institution Name (0008,0080)';
comment on column dpp.protocol_custodians.other_attributes is 'What the columns do not say completely: DICOM JSON keyed by tag';

create table dpp.protocol_codes (
    object_id bigint not null,
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
    constraint protocol_codes_pkey primary key (object_id, role, parent_ordinal, ordinal, equivalent),
    constraint protocol_codes_object_id_fkey
        foreign key (object_id) references dpp.protocols (object_id) on delete cascade,
    constraint protocol_codes_role_check
        check (role in ('custodian_institution', 'responsible_group', 'scheduled_protocol', 'requested_procedure',
                        'reason', 'contraindication', 'anatomic_region', 'primary_structure', 'positioning_method')),
    constraint protocol_codes_parent_ordinal_check
        check ((role = 'custodian_institution') = (parent_ordinal > 0) and parent_ordinal >= 0),
    constraint protocol_codes_ordinal_check check (ordinal > 0),
    constraint protocol_codes_equivalent_check check (equivalent >= 0),
    constraint protocol_codes_other_attributes_check check (jsonb_typeof(other_attributes) = 'object')
);
comment on table dpp.protocol_codes is 'One coded concept in one role of a protocol (PS3.3 table 8.8-1)';
comment on column dpp.protocol_codes.object_id is 'The protocol';
comment on column dpp.protocol_codes.role is
    'custodian_institution (0008,0082), responsible_group (0008,0220), scheduled_protocol (0018,9906), requested_procedure (0018,9907), reason (0018,9909), contraindication (0018,990B), anatomic_region (0008,2218), primary_structure (0008,2228) or positioning_method (0018,991C)';
comment on column dpp.protocol_codes.parent_ordinal is
    'custodian_institution: ordinal of the custodian in dpp.protocol_custodians; 0 for the other roles';
comment on column dpp.protocol_codes.ordinal is 'Item number in the code sequence, from 1';
comment on column dpp.protocol_codes.equivalent is
    '0: the concept itself; n: item n of its Equivalent Code Sequence (0008,0121)';
comment on column dpp.protocol_codes.code_value is 'Code Value (0008,0100)';
comment on column dpp.protocol_codes.coding_scheme_designator is 'Coding Scheme Designator (0008,0102), such as SCT or LN';
comment on column dpp.protocol_codes.coding_scheme_version is 'Coding Scheme Version (0008,0103)';
comment on column dpp.protocol_codes.code_meaning is 'Code Meaning (0008,0104): for people, never matched';
comment on column dpp.protocol_codes.long_code_value is 'Long Code Value (0008,0119): codes of more than 16 characters';
comment on column dpp.protocol_codes.urn_code_value is 'URN Code Value (0008,0120): codes that are a URN or URL';
comment on column dpp.protocol_codes.other_attributes is 'What the columns do not say completely: DICOM JSON keyed by tag';

create table dpp.protocol_models (
    object_id bigint not null,
    ordinal int not null,
    manufacturer text collate "C",
    manufacturer_related_model_group text collate "C",
    manufacturer_model_name text collate "C",
    software_versions text[] collate "C" not null default '{}',
    device_serial_number text collate "C",
    other_attributes jsonb not null default '{}',
    constraint protocol_models_pkey primary key (object_id, ordinal),
    constraint protocol_models_object_id_fkey
        foreign key (object_id) references dpp.protocols (object_id) on delete cascade,
    constraint protocol_models_ordinal_check check (ordinal > 0),
    constraint protocol_models_other_attributes_check check (jsonb_typeof(other_attributes) = 'object')
);
comment on table dpp.protocol_models is
    'One item of Model Specification Sequence (0018,9912): equipment that the protocol is meant for. None: any equipment';
comment on column dpp.protocol_models.object_id is 'The protocol';
comment on column dpp.protocol_models.ordinal is 'Item number, from 1';
comment on column dpp.protocol_models.manufacturer is 'Manufacturer (0008,0070)';
comment on column dpp.protocol_models.manufacturer_related_model_group is 'Manufacturer''s Related Model Group (0008,0222)';
comment on column dpp.protocol_models.manufacturer_model_name is 'Manufacturer''s Model Name (0008,1090)';
comment on column dpp.protocol_models.software_versions is 'Software Versions (0018,1020), one entry per value';
comment on column dpp.protocol_models.device_serial_number is 'Device Serial Number (0018,1000)';
comment on column dpp.protocol_models.other_attributes is 'What the columns do not say completely: DICOM JSON keyed by tag';

create table dpp.protocol_predecessors (
    object_id bigint not null,
    ordinal int not null,
    referenced_sop_class_uid text collate "C",
    referenced_sop_instance_uid text collate "C",
    other_attributes jsonb not null default '{}',
    constraint protocol_predecessors_pkey primary key (object_id, ordinal),
    constraint protocol_predecessors_object_id_fkey
        foreign key (object_id) references dpp.protocols (object_id) on delete cascade,
    constraint protocol_predecessors_ordinal_check check (ordinal > 0),
    constraint protocol_predecessors_other_attributes_check check (jsonb_typeof(other_attributes) = 'object')
);
comment on table dpp.protocol_predecessors is
    'One item of Predecessor Protocol Sequence (0018,990E): a version this one was made from. It need not be in the repository';
comment on column dpp.protocol_predecessors.object_id is 'The protocol';
comment on column dpp.protocol_predecessors.ordinal is 'Item number, from 1';
comment on column dpp.protocol_predecessors.referenced_sop_class_uid is 'Referenced SOP Class UID (0008,1150)';
comment on column dpp.protocol_predecessors.referenced_sop_instance_uid is 'Referenced SOP Instance UID (0008,1155) of the predecessor';
comment on column dpp.protocol_predecessors.other_attributes is 'What the columns do not say completely: DICOM JSON keyed by tag';

create table dpp.protocol_elements (
    object_id bigint not null,
    kind text collate "C" not null,
    ordinal int not null,
    element_number int,
    element_name text collate "C",
    element_purpose text collate "C",
    other_attributes jsonb not null default '{}',
    constraint protocol_elements_pkey primary key (object_id, kind, ordinal),
    constraint protocol_elements_object_id_fkey
        foreign key (object_id) references dpp.protocols (object_id) on delete cascade,
    constraint protocol_elements_kind_check check (kind in ('acquisition', 'reconstruction', 'storage')),
    constraint protocol_elements_ordinal_check check (ordinal > 0),
    constraint protocol_elements_other_attributes_check check (jsonb_typeof(other_attributes) = 'object')
);
comment on table dpp.protocol_elements is
    'One acquisition, reconstruction or storage element of a protocol (PS3.3 C.34.9, C.34.11, C.34.13)';
comment on column dpp.protocol_elements.object_id is 'The protocol';
comment on column dpp.protocol_elements.kind is
    'acquisition (0018,991F), reconstruction (0018,9933) or storage (0018,9935): the sequence the element is an item of';
comment on column dpp.protocol_elements.ordinal is 'Item number in that sequence, from 1';
comment on column dpp.protocol_elements.element_number is 'Protocol Element Number (0018,9921); normally the same as ordinal';
comment on column dpp.protocol_elements.element_name is
    'Protocol Element Name (0018,9922); most senders give it as a constraint of the element instead';
comment on column dpp.protocol_elements.element_purpose is 'Protocol Element Purpose (0018,9924)';
comment on column dpp.protocol_elements.other_attributes is 'What the columns do not say completely: DICOM JSON keyed by tag';

create table dpp.parameter_constraints (
    object_id bigint not null,
    kind text collate "C" not null,
    element_ordinal int not null default 0,
    ordinal int not null,
    selector_attribute text collate "C",
    selector_keyword text collate "C",
    selector_name text collate "C",
    selector_vr text collate "C",
    selector_value_number int,
    selector_private_creator text collate "C",
    selector_path text[] collate "C" not null default '{}',
    selector_path_items int[] not null default '{}',
    constraint_type text collate "C",
    constraint_values text[] collate "C" not null default '{}',
    constraint_numbers double precision[] not null default '{}',
    default_values text[] collate "C" not null default '{}',
    default_numbers double precision[] not null default '{}',
    unit_code text collate "C",
    unit_scheme text collate "C",
    unit_meaning text collate "C",
    significance text collate "C",
    violation_condition text collate "C",
    selection_guidance text collate "C",
    is_modifiable boolean,
    other_attributes jsonb not null default '{}',
    constraint parameter_constraints_pkey primary key (object_id, kind, element_ordinal, ordinal),
    constraint parameter_constraints_object_id_fkey
        foreign key (object_id) references dpp.protocols (object_id) on delete cascade,
    constraint parameter_constraints_kind_check
        check (kind in ('patient', 'acquisition', 'reconstruction', 'storage')),
    constraint parameter_constraints_element_ordinal_check
        check ((kind = 'patient') = (element_ordinal = 0) and element_ordinal >= 0),
    constraint parameter_constraints_ordinal_check check (ordinal > 0),
    constraint parameter_constraints_other_attributes_check check (jsonb_typeof(other_attributes) = 'object')
);
comment on table dpp.parameter_constraints is
    'One Attribute Value Constraint (PS3.3 10.25) on a parameter of an element, or on the patient the protocol is meant for';
comment on column dpp.parameter_constraints.object_id is 'The protocol';
comment on column dpp.parameter_constraints.kind is
    'acquisition, reconstruction or storage: a parameter (0018,9913) of that element; patient: an item of Patient Specification Sequence (0018,9911)';
comment on column dpp.parameter_constraints.element_ordinal is
    'Ordinal of the element in dpp.protocol_elements of the same kind; 0 for kind patient';
comment on column dpp.parameter_constraints.ordinal is 'Item number, from 1';
comment on column dpp.parameter_constraints.selector_attribute is
    'Selector Attribute (0072,0026): the tag of the constrained attribute as eight hexadecimal digits, such as 00180060';
comment on column dpp.parameter_constraints.selector_keyword is 'Selector Attribute Keyword (0082,0019), such as KVP';
comment on column dpp.parameter_constraints.selector_name is 'Selector Attribute Name (0082,0018)';
comment on column dpp.parameter_constraints.selector_vr is 'Selector Attribute VR (0072,0050)';
comment on column dpp.parameter_constraints.selector_value_number is
    'Selector Value Number (0072,0028): which value of the attribute, from 1; 0: all values';
comment on column dpp.parameter_constraints.selector_private_creator is 'Selector Attribute Private Creator (0072,0056)';
comment on column dpp.parameter_constraints.selector_path is
    'Selector Sequence Pointer (0072,0052): tags of the sequences that lead to the attribute, outermost first';
comment on column dpp.parameter_constraints.selector_path_items is
    'Selector Sequence Pointer Items (0074,1057): item number in each sequence of selector_path; 0: all items';
comment on column dpp.parameter_constraints.constraint_type is
    'Constraint Type (0082,0032): RANGE_INCL, RANGE_EXCL, GREATER_OR_EQUAL, LESS_OR_EQUAL, GREATER_THAN, LESS_THAN, EQUAL, MEMBER_OF, NOT_MEMBER_OF, MEMBER_OF_CID or UNCONSTRAINED';
comment on column dpp.parameter_constraints.constraint_values is
    'Values of Constraint Value Sequence (0082,0034) as text. RANGE_*, MEMBER_OF, NOT_MEMBER_OF: one per item (low and high; each member); else the values of the only item. Codes: value^scheme^meaning';
comment on column dpp.parameter_constraints.constraint_numbers is
    'constraint_values as numbers where selector_vr is numeric, in the unit of unit_code; null for one that is no number';
comment on column dpp.parameter_constraints.default_values is
    'Values of Recommended Default Value Sequence (0082,0035) as text, in the form of constraint_values';
comment on column dpp.parameter_constraints.default_numbers is 'default_values as numbers where selector_vr is numeric';
comment on column dpp.parameter_constraints.unit_code is
    'Code Value of Measurement Units Code Sequence (0040,08EA), such as kV, mA or mGy; unit of the numbers';
comment on column dpp.parameter_constraints.unit_scheme is 'Coding Scheme Designator of the unit, normally UCUM';
comment on column dpp.parameter_constraints.unit_meaning is 'Code Meaning of the unit';
comment on column dpp.parameter_constraints.significance is
    'Constraint Violation Significance (0082,0036): FAILURE, WARNING or INFORMATIVE';
comment on column dpp.parameter_constraints.violation_condition is 'Constraint Violation Condition (0082,0037)';
comment on column dpp.parameter_constraints.selection_guidance is 'Specification Selection Guidance (0082,0033)';
comment on column dpp.parameter_constraints.is_modifiable is
    'Modifiable Constraint Flag (0082,0038): false for NO, true for YES, null when absent (may be modified)';
comment on column dpp.parameter_constraints.other_attributes is
    'What the columns do not say completely, such as binary values or items of several values: DICOM JSON keyed by tag';

create table dpp.instructions (
    object_id bigint not null,
    kind text collate "C" not null,
    ordinal int not null,
    instruction_index int,
    instruction_text text collate "C",
    instruction_description text collate "C",
    other_attributes jsonb not null default '{}',
    constraint instructions_pkey primary key (object_id, kind, ordinal),
    constraint instructions_object_id_fkey
        foreign key (object_id) references dpp.protocols (object_id) on delete cascade,
    constraint instructions_kind_check check (kind in ('instruction', 'positioning')),
    constraint instructions_ordinal_check check (ordinal > 0),
    constraint instructions_other_attributes_check check (jsonb_typeof(other_attributes) = 'object')
);
comment on table dpp.instructions is 'One instruction to the staff who perform the protocol (PS3.3 C.34.7, C.34.8)';
comment on column dpp.instructions.object_id is 'The protocol';
comment on column dpp.instructions.kind is
    'instruction: item of Instruction Sequence (0018,9914); positioning: item of Patient Positioning Instruction Sequence (0018,991B)';
comment on column dpp.instructions.ordinal is 'Item number in that sequence, from 1';
comment on column dpp.instructions.instruction_index is 'Instruction Index (0018,9915): the order of execution';
comment on column dpp.instructions.instruction_text is 'Instruction Text (0018,9916)';
comment on column dpp.instructions.instruction_description is 'Instruction Description (0018,9917)';
comment on column dpp.instructions.other_attributes is 'What the columns do not say completely: DICOM JSON keyed by tag';

create table dpp.application_entities (
    id bigint generated always as identity,
    ae_title text collate "C" not null,
    host text collate "C",
    port int,
    may_echo boolean not null default true,
    may_find boolean not null default true,
    may_get boolean not null default true,
    may_move boolean not null default true,
    may_store boolean not null default true,
    is_destination boolean not null default true,
    source_addresses inet[] not null default '{}',
    preferred_character_set text collate "C",
    max_associations int not null default 1,
    called_as text collate "C",
    description text,
    constraint application_entities_pkey primary key (id),
    constraint application_entities_ae_title_key unique (ae_title, source_addresses),
    constraint application_entities_ae_title_check
        check (length(ae_title) between 1 and 16 and ae_title ~ '^[!-~]([ -~]*[!-~])?$' and strpos(ae_title, '\') = 0),
    constraint application_entities_called_as_check
        check (length(called_as) between 1 and 16 and called_as ~ '^[!-~]([ -~]*[!-~])?$' and strpos(called_as, '\') = 0),
    constraint application_entities_host_check
        check (length(host) between 1 and 255 and host !~ '[[:space:][:cntrl:]]'),
    constraint application_entities_port_check check (port between 1 and 65535),
    constraint application_entities_address_check check ((host is null) = (port is null)),
    constraint application_entities_source_addresses_check
        check (array_position(source_addresses, null) is null and coalesce(array_ndims(source_addresses), 1) = 1),
    constraint application_entities_preferred_character_set_check
        check (length(preferred_character_set) between 1 and 127),
    constraint application_entities_max_associations_check check (max_associations > 0)
);
comment on table dpp.application_entities is
    'One peer (DICOM application entity) and what it may do. A change is in force at once on every server. Several rows may share a title when their source addresses differ';
comment on column dpp.application_entities.id is 'Surrogate key';
comment on column dpp.application_entities.ae_title is
    'AE title of the peer: 1 to 16 ASCII characters, no backslash, no space at either end (PS3.5 6.2)';
comment on column dpp.application_entities.host is
    'Host name or address to send to; null (with port): the peer is known but cannot be a move destination';
comment on column dpp.application_entities.port is 'TCP port to send to, 1 to 65535';
comment on column dpp.application_entities.may_echo is 'Whether it may verify the connection (C-ECHO)';
comment on column dpp.application_entities.may_find is 'Whether it may query (C-FIND)';
comment on column dpp.application_entities.may_get is 'Whether it may retrieve on its own association (C-GET)';
comment on column dpp.application_entities.may_move is 'Whether it may have protocols sent to a destination (C-MOVE)';
comment on column dpp.application_entities.may_store is 'Whether it may store (C-STORE)';
comment on column dpp.application_entities.is_destination is 'Whether protocols may be sent to it (C-MOVE destination)';
comment on column dpp.application_entities.source_addresses is
    'Addresses or networks (CIDR) it may call from; empty: any. The row with the narrowest network that fits the caller counts';
comment on column dpp.application_entities.preferred_character_set is
    'Specific Character Set (0008,0005) for responses when the one of the request cannot hold them; null: none';
comment on column dpp.application_entities.max_associations is 'Associations open at once to this destination, over all servers';
comment on column dpp.application_entities.called_as is 'Our own AE title when calling it; null: the server''s';
comment on column dpp.application_entities.description is 'For people';

create table dpp.schema_migrations (
    version int not null,
    name text not null,
    is_breaking boolean not null,
    applied_at timestamptz not null default now(),
    constraint schema_migrations_pkey primary key (version)
);
comment on table dpp.schema_migrations is 'One applied migration; written by dppr migrate';
comment on column dpp.schema_migrations.version is 'Number of the migration file';
comment on column dpp.schema_migrations.name is 'Name of the migration file without number';
comment on column dpp.schema_migrations.is_breaking is 'Whether servers that do not know it must not use the schema';
comment on column dpp.schema_migrations.applied_at is 'When it was applied';

create table dpp.schema_definitions (
    is_only boolean not null default true,
    hash text not null,
    schema_version int not null,
    applied_at timestamptz not null default now(),
    constraint schema_definitions_pkey primary key (is_only),
    constraint schema_definitions_is_only_check check (is_only)
);
comment on table dpp.schema_definitions is
    'The functions, views and grants (sql/) that are in force, in one row; written by dppr migrate';
comment on column dpp.schema_definitions.is_only is 'Always true: there is one row';
comment on column dpp.schema_definitions.hash is 'Digest of the definitions';
comment on column dpp.schema_definitions.schema_version is 'Highest migration when they were applied';
comment on column dpp.schema_definitions.applied_at is 'When they were applied';

create table dpp.servers (
    id uuid not null,
    version text not null,
    schema_version int not null,
    started_at timestamptz not null default now(),
    heartbeat_at timestamptz not null default now(),
    constraint servers_pkey primary key (id)
);
comment on table dpp.servers is 'One running dppr server; written by the servers themselves';
comment on column dpp.servers.id is 'Made up by the server when it starts';
comment on column dpp.servers.version is 'Version of the program';
comment on column dpp.servers.schema_version is 'Highest migration the program knows';
comment on column dpp.servers.started_at is 'When it started';
comment on column dpp.servers.heartbeat_at is 'When it last said that it runs';
