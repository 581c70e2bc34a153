-- compatible
-- Indexes for the matching keys of PS3.4 table HH.6-1.
--
-- Text columns have collation "C", so one btree serves a single value (`=`) and a prefix, which must be written as
-- a range (`name >= 'Head' and name < 'Heae'`): a prepared `like $1` is planned without knowing the pattern and
-- would read the whole index. Any other wild card needs the trigram index and at least three letters or digits in a row
-- between wild cards. Trigram indexes have fastupdate off: with a pending list the first query after many
-- stores would pay for it. Columns that few protocols fill have partial indexes; `column = $1` implies `is not null`.

create extension if not exists pg_trgm;

-- SOP Instance UID has its unique constraint. SOP Class UID has two values: no index would be faster than reading on.

-- Protocol Name, Equipment Modality
create index protocols_protocol_name_idx on dpp.protocols (protocol_name);
create index protocols_protocol_name_trgm_idx on dpp.protocols using gin (protocol_name gin_trgm_ops)
    with (fastupdate = off);
create index protocols_equipment_modality_idx on dpp.protocols (equipment_modality);

-- Content Creator's Name: see dpp.fold_name
create index protocols_content_creator_folded_idx on dpp.protocols using gin (content_creator_folded)
    with (fastupdate = off);
create index protocols_content_creator_search_idx on dpp.protocols using gin (content_creator_search gin_trgm_ops)
    with (fastupdate = off);

-- Instance Creation Date and Time
create index protocols_creation_date_idx on dpp.protocols (creation_date);
create index protocols_creation_time_idx on dpp.protocols (creation_time);
create index protocols_creation_datetime_idx on dpp.protocols (creation_datetime);

-- Clinical Trial Context
create index protocols_clinical_trial_sponsor_name_idx on dpp.protocols (clinical_trial_sponsor_name)
    where clinical_trial_sponsor_name is not null;
create index protocols_clinical_trial_sponsor_name_trgm_idx on dpp.protocols
    using gin (clinical_trial_sponsor_name gin_trgm_ops) with (fastupdate = off)
    where clinical_trial_sponsor_name is not null;
create index protocols_clinical_trial_protocol_id_idx on dpp.protocols (clinical_trial_protocol_id)
    where clinical_trial_protocol_id is not null;
create index protocols_clinical_trial_protocol_id_trgm_idx on dpp.protocols
    using gin (clinical_trial_protocol_id gin_trgm_ops) with (fastupdate = off)
    where clinical_trial_protocol_id is not null;

-- Custodial Organization
create index protocol_custodians_institution_name_idx on dpp.protocol_custodians (institution_name);
create index protocol_custodians_institution_name_trgm_idx on dpp.protocol_custodians
    using gin (institution_name gin_trgm_ops) with (fastupdate = off);

-- Codes, of every role and of equivalents
create index protocol_codes_code_value_idx on dpp.protocol_codes (role, code_value, coding_scheme_designator);
create index protocol_codes_long_code_value_idx on dpp.protocol_codes (role, long_code_value, coding_scheme_designator)
    where long_code_value is not null;
create index protocol_codes_urn_code_value_idx on dpp.protocol_codes (role, urn_code_value)
    where urn_code_value is not null;

-- Model Specification
create index protocol_models_manufacturer_idx on dpp.protocol_models (manufacturer, manufacturer_model_name);
create index protocol_models_manufacturer_model_name_idx on dpp.protocol_models (manufacturer_model_name);
create index protocol_models_manufacturer_related_model_group_idx on dpp.protocol_models
    (manufacturer_related_model_group) where manufacturer_related_model_group is not null;
create index protocol_models_trgm_idx on dpp.protocol_models
    using gin (manufacturer gin_trgm_ops, manufacturer_model_name gin_trgm_ops,
               manufacturer_related_model_group gin_trgm_ops) with (fastupdate = off);
create index protocol_models_software_versions_idx on dpp.protocol_models using gin (software_versions)
    with (fastupdate = off);

-- Predecessors by what they refer to
create index protocol_predecessors_referenced_sop_instance_uid_idx on dpp.protocol_predecessors
    (referenced_sop_instance_uid);
