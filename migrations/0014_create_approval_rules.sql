-- compatible
-- What counts as an approval: which assertions there are and what they undo, in which roles people assert, and whose
-- received approvals are believed. The judgement itself is in views (sql/views/approval_status.sql and beside it).
--
-- Codes are spelled in one way everywhere here: VALUE for a code of scheme DCM, VALUE^SCHEME for any other.

create table dpp.assertion_codes (
    code text collate "C" not null,
    code_meaning text collate "C" not null,
    is_positive boolean not null default true,
    withdraws text[] collate "C" not null default '{}',
    needs_institution boolean not null default false,
    needs_trial boolean not null default false,
    constraint assertion_codes_pkey primary key (code),
    constraint assertion_codes_code_check check (code ~ '^[^/^\\[:cntrl:]]+(\^[^/^\\[:cntrl:]]+)?$' and code !~ '\^DCM$'),
    constraint assertion_codes_code_meaning_check check (length(code_meaning) between 1 and 64),
    constraint assertion_codes_withdraws_check
        check (
            array_position(withdraws, null) is null and coalesce(array_ndims(withdraws), 1) = 1
            and (not is_positive or withdraws = '{}'))
);
comment on table dpp.assertion_codes is
    'One thing that can be asserted of a protocol: PS3.16 CID 800, and whatever codes a site adds. A code that is not here counts as a positive one that withdraws nothing';
comment on column dpp.assertion_codes.code is 'VALUE of a code of scheme DCM, VALUE^SCHEME of any other';
comment on column dpp.assertion_codes.code_meaning is 'In words';
comment on column dpp.assertion_codes.is_positive is 'Whether it speaks for the protocol; false: against it';
comment on column dpp.assertion_codes.withdraws is
    'Codes of earlier assertions about the same protocol that are no longer in force once this is asserted; * is every positive one';
comment on column dpp.assertion_codes.needs_institution is
    'Whether Institution Code Sequence (0008,0082) has to say what institution it holds for (PS3.3 10.30)';
comment on column dpp.assertion_codes.needs_trial is
    'Whether Clinical Trial Protocol ID (0012,0020) has to say what trial it holds for (PS3.3 10.30)';

insert into dpp.assertion_codes (code, code_meaning, is_positive, withdraws, needs_institution, needs_trial)
values
    ('128601', 'Appropriate for the indications', true, '{}', false, false),
    ('128602', 'Consistent with labeling of the device', true, '{}', false, false),
    ('128603', 'Approved for use at the institution', true, '{}', true, false),
    ('128604', 'Approved for use in the clinical trial', true, '{}', false, true),
    ('128605', 'Approved for use on pregnant patients', true, '{}', false, false),
    ('128606', 'Appropriate for the device', true, '{}', false, false),
    ('128607', 'Inside operational limits of the device', true, '{}', false, false),
    ('128608', 'Optimized for the device instance', true, '{}', false, false),
    ('128609', 'Disapproved for any use', false, '{*}', false, false),
    ('128610', 'Deprecated protocol', false, '{*}', false, false),
    ('128611', 'Approved for experimental use', true, '{}', false, true),
    ('128612', 'Disapproved for experimental use', false, '{128611}', false, true),
    ('128613', 'Eligible for reimbursement', true, '{}', true, false),
    ('128614', 'Eligible for reimbursement on per patient basis', true, '{}', true, false),
    ('128615', 'Ineligible for reimbursement', false, '{128613,128614}', true, false),
    ('128617', 'Disapproved for use on pregnant patients', false, '{128605}', false, false),
    ('128618', 'Inappropriate for the device', false, '{128606}', false, false),
    ('128619', 'Outside operational limits of the device', false, '{128607}', false, false),
    ('128620', 'Not optimized for the device instance', false, '{128608}', false, false),
    ('128621', 'Inappropriate for the indications', false, '{128601}', false, false),
    ('128622', 'Inconsistent with labeling of the device', false, '{128602}', false, false),
    ('128623', 'Disapproved for use at the institution', false, '{*}', true, false),
    ('128624', 'Disapproved for use in the clinical trial', false, '{128604}', false, true);

create table dpp.asserter_roles (
    code text collate "C" not null,
    code_meaning text collate "C" not null,
    constraint asserter_roles_pkey primary key (code),
    constraint asserter_roles_code_check check (code ~ '^[^/^\\[:cntrl:]]+(\^[^/^\\[:cntrl:]]+)?$' and code !~ '\^DCM$'),
    constraint asserter_roles_code_meaning_check check (length(code_meaning) between 1 and 64)
);
comment on table dpp.asserter_roles is
    'One role in which somebody asserts something: PS3.16 CID 7452, and whatever codes a site adds. Approvals may name others';
comment on column dpp.asserter_roles.code is 'VALUE of a code of scheme DCM, VALUE^SCHEME of any other';
comment on column dpp.asserter_roles.code_meaning is 'In words';

insert into dpp.asserter_roles (code, code_meaning)
values
    ('128670', 'Head of Radiology'),
    ('128671', 'Chair of Protocol Committee'),
    ('128673', 'Administrator of Radiology Department'),
    ('128674', 'Lead Radiologic Technologist'),
    ('128675', 'Head of Cardiology'),
    ('128676', 'Representative of Protocol Committee'),
    ('128677', 'Representative of Ethics Committee'),
    ('128678', 'Physics Assistant'),
    ('121088', 'Fellow'),
    ('121092', 'Sonologist'),
    ('158965000^SCT', 'Medical Practitioner'),
    ('309343006^SCT', 'Physician'),
    ('106292003^SCT', 'Nurse'),
    ('159016003^SCT', 'Radiologic Technologist'),
    ('3430008^SCT', 'Radiation Therapist'),
    ('405277009^SCT', 'Resident'),
    ('158971006^SCT', 'Registrar'),
    ('405279007^SCT', 'Attending'),
    ('309390008^SCT', 'Consultant'),
    ('415506007^SCT', 'Scrub nurse'),
    ('304292004^SCT', 'Surgeon'),
    ('C1144859^UMLS', 'Intern'),
    ('C1441532^UMLS', 'Consulting Physician'),
    ('C1954848^UMLS', 'Sonographer'),
    ('C2985483^UMLS', 'Radiation Physicist'),
    ('C1708969^UMLS', 'Medical Physicist');

create table dpp.trusted_approvers (
    id bigint generated always as identity,
    sender_aet text collate "C" not null,
    asserter text collate "C",
    role text collate "C",
    description text collate "C",
    constraint trusted_approvers_pkey primary key (id),
    constraint trusted_approvers_sender_aet_key unique nulls not distinct (sender_aet, asserter, role),
    constraint trusted_approvers_sender_aet_check
        check (length(sender_aet) between 1 and 16 and sender_aet ~ '^[!-~]([ -~]*[!-~])?$' and strpos(sender_aet, '\') = 0),
    constraint trusted_approvers_asserter_check check (asserter <> ''),
    constraint trusted_approvers_role_check
        check (role ~ '^[^/^\\[:cntrl:]]+(\^[^/^\\[:cntrl:]]+)?$' and role !~ '\^DCM$')
);
comment on table dpp.trusted_approvers is
    'Whose received approvals count for what peers see: every one that a row allows. No rows: none that is received. Those recorded here, in SQL or by dppr import, always count';
comment on column dpp.trusted_approvers.id is 'Surrogate key';
comment on column dpp.trusted_approvers.sender_aet is
    'AE title that the approval came from. Whoever may call by that title is believed, so give its row in dpp.application_entities source addresses';
comment on column dpp.trusted_approvers.asserter is
    'Who asserts: a person name (compared without regard to case and accents), or station name or AE title of a device; null: anybody';
comment on column dpp.trusted_approvers.role is
    'Code of the organizational role in which it is asserted, as in dpp.asserter_roles; null: any, or none';
comment on column dpp.trusted_approvers.description is 'For people';

-- A requirement is CODE or CODE/ROLE. One that could never be met would hide everything without a word.
alter table dpp.application_entities
    add constraint application_entities_required_assertions_form_check
        check (
            '' <> all (required_assertions)
            and array_to_string(required_assertions, E'\n')
                ~ '^([^/^\\[:cntrl:]]+(\^[^/^\\[:cntrl:]]+)?(/[^/^\\[:cntrl:]]+(\^[^/^\\[:cntrl:]]+)?)?(\n|$))*$'
            and array_to_string(required_assertions, E'\n') !~ '\^DCM(/|\n|$)'
            and array_to_string(required_assertions, '') !~ '[[:cntrl:]]'
            and octet_length(array_to_string(required_assertions, E'\n')) <= 512);
comment on column dpp.application_entities.required_assertions is
    'Assertions that must all be in force (dpp.approvals_in_force) for a protocol to be visible to it: CODE, or CODE/ROLE where somebody in that role has to assert it, such as 128603/128670; codes as in dpp.assertion_codes and dpp.asserter_roles. Empty: it sees every published protocol';

alter table dpp.repository
    add constraint repository_time_zone_check check (timestamp '2000-01-01' at time zone time_zone is not null or time_zone is null);
