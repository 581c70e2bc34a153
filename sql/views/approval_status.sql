-- What approvals are worth, in four steps, each a view upon the one before:
--
--   assertions           what is asserted of which protocol, by whom and in what role; looked at on its own
--   approval_status      with a judgement: in force, or why not
--   approvals_in_force   only those in force
--   requirements_met     the same as the entries that dpp.application_entities.required_assertions can have
--
-- The server asks the last for one protocol at a time, for each that a query of a restricted peer comes to. So they begin
-- at the subject and go on by primary keys; "offset 0" keeps the planner from weighing all orders of all tables, which
-- would take longer than most queries.
--
-- Times. An assertion counts from its Assertion DateTime on, one without a readable one from when it became visible here,
-- and until its Assertion Expiration DateTime, at which it is over; one that cannot be read is over at once. What is not
-- given of a date-time counts as zero (dpp.parse_dt): 20270101 is over when that day begins. Without an offset of its own
-- or of the object (0008,0201) a date-time is one of the zone in dpp.repository.time_zone, or UTC. The clock is the
-- database's, at the start of the transaction.

create or replace view dpp.assertions as
select
    s.referenced_sop_instance_uid as sop_instance_uid,
    c.assertion_code,
    c.assertion,
    coalesce(k.is_positive, true) as is_positive,
    coalesce(k.withdraws, '{}') as withdraws,
    w.role_code,
    w.role,
    coalesce(w.person_name, w.station_name, w.station_ae_title, w.manufacturer_model_name) as asserter,
    w.institution_name,
    coalesce(
        a.assertion_datetime_instant,
        a.assertion_datetime_local at time zone (select coalesce(h.time_zone, 'UTC') from dpp.repository as h),
        o.published_at
    ) as since,
    case
        when a.expiration_datetime is not null
        then coalesce(
            a.expiration_datetime_instant,
            a.expiration_datetime_local at time zone (select coalesce(h.time_zone, 'UTC') from dpp.repository as h),
            '-infinity')
        when a.other_attributes #> '{00440105,Value}' is not null then '-infinity'
    end as until,
    o.state = 'retired' as is_retired,
    (
        o.source in ('sql', 'import')
        or exists (
            select
            from dpp.trusted_approvers as t
            where t.sender_aet = o.sender_aet
                and (
                    t.asserter is null
                    or t.asserter in (w.station_name, w.station_ae_title)
                    or dpp.fold_name(t.asserter) = any (w.person_name_folded))
                and (t.role is null or t.role = w.role_code))
    ) as is_trusted,
    o.sop_instance_uid as approval_uid,
    a.assertion_uid,
    a.assertion_comments,
    a.clinical_trial_protocol_id,
    o.sender_aet,
    a.object_id,
    a.ordinal as assertion_ordinal
from dpp.approval_subjects as s
join dpp.objects as o on o.id = s.object_id and o.state <> 'draft'
join dpp.approval_assertions as a on a.object_id = s.object_id
cross join lateral (
    select
        dpp.code_spelled(coalesce(x.code_value, x.long_code_value, x.urn_code_value), x.coding_scheme_designator)
            as assertion_code,
        x.code_meaning as assertion
    from dpp.approval_codes as x
    where x.object_id = a.object_id
        and x.role = 'assertion'
        and x.assertion_ordinal = a.ordinal
        and x.asserter_ordinal = 0
        and x.ordinal = 1
        and x.equivalent = 0
    offset 0
) as c
left join lateral (
    select x.is_positive, x.withdraws from dpp.assertion_codes as x where x.code = c.assertion_code offset 0
) as k on true
left join lateral (
    select
        x.person_name, x.person_name_folded, x.station_name, x.station_ae_title, x.manufacturer_model_name,
        x.institution_name,
        dpp.code_spelled(coalesce(r.code_value, r.long_code_value, r.urn_code_value), r.coding_scheme_designator)
            as role_code,
        r.code_meaning as role
    from dpp.approval_asserters as x
    left join dpp.approval_codes as r
        on r.object_id = x.object_id and r.role = 'organizational_role' and r.assertion_ordinal = x.assertion_ordinal
            and r.asserter_ordinal = x.ordinal and r.equivalent = 0
    where x.object_id = a.object_id and x.assertion_ordinal = a.ordinal
    offset 0
) as w on true;

comment on view dpp.assertions is
    'One row per protocol, assertion about it in a published or retired approval, and role in which it is asserted. Looked at on its own: what other assertions do to it is in dpp.approval_status';
comment on column dpp.assertions.sop_instance_uid is
    'SOP Instance UID of the protocol. It need not be in the repository';
comment on column dpp.assertions.assertion_code is 'What is asserted, as in dpp.assertion_codes';
comment on column dpp.assertions.assertion is 'The same in the words of the approval';
comment on column dpp.assertions.is_positive is
    'Whether it speaks for the protocol (dpp.assertion_codes); true for codes that are not there';
comment on column dpp.assertions.withdraws is 'What it withdraws (dpp.assertion_codes)';
comment on column dpp.assertions.role_code is
    'Code of the role in which it is asserted, as in dpp.asserter_roles; null when none is given';
comment on column dpp.assertions.role is 'The same in the words of the approval';
comment on column dpp.assertions.asserter is 'Who asserts it: a DICOM person name, or station or model of a device';
comment on column dpp.assertions.institution_name is 'For which institution the asserter speaks';
comment on column dpp.assertions.since is
    'When it was asserted; by the zone of dpp.repository where the approval says none, and when it became visible here where it cannot be read';
comment on column dpp.assertions.until is
    'When it expires, likewise; null: does not expire by itself; -infinity: it says something that cannot be read';
comment on column dpp.assertions.is_retired is 'Whether the approval has been retired';
comment on column dpp.assertions.is_trusted is
    'Whether it counts: recorded here, in SQL or by dppr import, or received from one of dpp.trusted_approvers';
comment on column dpp.assertions.approval_uid is 'SOP Instance UID of the approval';
comment on column dpp.assertions.assertion_uid is 'Assertion UID (0044,0102)';
comment on column dpp.assertions.assertion_comments is 'Comments on the assertion';
comment on column dpp.assertions.clinical_trial_protocol_id is 'The trial that it is for';
comment on column dpp.assertions.sender_aet is 'AE title of the sender; null when not received over DICOM';
comment on column dpp.assertions.object_id is 'The approval''s key in the tables';
comment on column dpp.assertions.assertion_ordinal is 'Which assertion of the approval, from 1';

create or replace view dpp.approval_status as
select
    f.sop_instance_uid,
    f.assertion_code,
    f.assertion,
    f.role_code,
    f.role,
    f.asserter,
    case
        when f.is_retired then 'retired'
        when not f.is_trusted then 'untrusted'
        when f.since > now() then 'not yet'
        when f.until <= now() then 'expired'
        when w.since is not null then 'withdrawn'
        else 'in force'
    end as status,
    f.since,
    f.until,
    w.since as withdrawn_at,
    w.assertion_uid as withdrawn_by,
    w.asserter as withdrawn_by_asserter,
    f.is_positive,
    f.institution_name,
    f.assertion_comments,
    f.clinical_trial_protocol_id,
    f.approval_uid,
    f.assertion_uid,
    f.sender_aet,
    f.object_id,
    f.assertion_ordinal
from dpp.assertions as f
left join lateral (
    select g.since, g.assertion_uid, g.asserter
    from dpp.assertions as g
    where f.is_positive
        and g.sop_instance_uid = f.sop_instance_uid
        and not g.is_positive
        and not g.is_retired
        and g.since between f.since and now()
        and (g.until is null or g.until > now())
        and (
            g.withdraws @> '{*}'
            or f.assertion_code = any (g.withdraws)
            or exists (
                select
                from dpp.approval_related_assertions as x
                where x.object_id = g.object_id
                    and x.assertion_ordinal = g.assertion_ordinal
                    and x.referenced_assertion_uid = f.assertion_uid))
        and g.is_trusted
    order by g.since, g.object_id, g.assertion_ordinal
    limit 1
) as w on true;

comment on view dpp.approval_status is
    'What has been asserted of a protocol, by whom and in what role, and what has become of it: one row per protocol, assertion and role';
comment on column dpp.approval_status.sop_instance_uid is
    'SOP Instance UID of the protocol. It need not be in the repository';
comment on column dpp.approval_status.assertion_code is 'What is asserted, as in dpp.assertion_codes';
comment on column dpp.approval_status.assertion is 'The same in the words of the approval';
comment on column dpp.approval_status.role_code is
    'Code of the role in which it is asserted, as in dpp.asserter_roles; null when none is given';
comment on column dpp.approval_status.role is 'The same in the words of the approval';
comment on column dpp.approval_status.asserter is
    'Who asserts it: a DICOM person name, or station or model of a device';
comment on column dpp.approval_status.status is
    'in force; else the first that holds of: retired (the approval), untrusted (dpp.trusted_approvers), not yet (asserted in the future), expired, withdrawn';
comment on column dpp.approval_status.since is 'When it was asserted';
comment on column dpp.approval_status.until is 'When it expires; null: does not expire by itself';
comment on column dpp.approval_status.withdrawn_at is
    'When it was withdrawn: the first later assertion against the protocol that does so, by its code (dpp.assertion_codes.withdraws) or because it refers to this one (Related Assertion); null: never';
comment on column dpp.approval_status.withdrawn_by is 'Assertion UID of what withdrew it';
comment on column dpp.approval_status.withdrawn_by_asserter is 'Who withdrew it';
comment on column dpp.approval_status.is_positive is 'Whether it speaks for the protocol';
comment on column dpp.approval_status.institution_name is 'For which institution the asserter speaks';
comment on column dpp.approval_status.assertion_comments is 'Comments on the assertion';
comment on column dpp.approval_status.clinical_trial_protocol_id is 'The trial that it is for';
comment on column dpp.approval_status.approval_uid is 'SOP Instance UID of the approval';
comment on column dpp.approval_status.assertion_uid is 'Assertion UID (0044,0102)';
comment on column dpp.approval_status.sender_aet is 'AE title of the sender; null when not received over DICOM';
comment on column dpp.approval_status.object_id is 'The approval''s key in the tables';
comment on column dpp.approval_status.assertion_ordinal is 'Which assertion of the approval, from 1';

create or replace view dpp.approvals_in_force as
select
    a.sop_instance_uid,
    a.assertion_code,
    a.assertion,
    a.role_code,
    a.role,
    a.asserter,
    a.since,
    a.until,
    a.is_positive,
    a.approval_uid,
    a.assertion_uid
from dpp.approval_status as a
where a.status = 'in force';

comment on view dpp.approvals_in_force is
    'What is asserted of which protocol, by whom and in what role, and holds now';
comment on column dpp.approvals_in_force.sop_instance_uid is 'SOP Instance UID of the protocol';
comment on column dpp.approvals_in_force.assertion_code is 'What is asserted, as in dpp.assertion_codes';
comment on column dpp.approvals_in_force.assertion is 'The same in the words of the approval';
comment on column dpp.approvals_in_force.role_code is
    'Code of the role in which it is asserted, as in dpp.asserter_roles; null when none is given';
comment on column dpp.approvals_in_force.role is 'The same in the words of the approval';
comment on column dpp.approvals_in_force.asserter is
    'Who asserts it: a DICOM person name, or station or model of a device';
comment on column dpp.approvals_in_force.since is 'When it was asserted';
comment on column dpp.approvals_in_force.until is 'When it expires; null: does not expire by itself';
comment on column dpp.approvals_in_force.is_positive is 'Whether it speaks for the protocol';
comment on column dpp.approvals_in_force.approval_uid is 'SOP Instance UID of the approval';
comment on column dpp.approvals_in_force.assertion_uid is 'Assertion UID (0044,0102)';

create or replace view dpp.requirements_met as
select
    f.sop_instance_uid,
    v.requirement
from dpp.approvals_in_force as f
cross join lateral (
    values
        (f.assertion_code),
        (f.assertion_code || '/' || f.role_code)
) as v (requirement);

comment on view dpp.requirements_met is
    'Which entries of dpp.application_entities.required_assertions a protocol meets now; a peer sees the protocol when all of its own are among them';
comment on column dpp.requirements_met.sop_instance_uid is 'SOP Instance UID of the protocol';
comment on column dpp.requirements_met.requirement is
    'CODE or CODE/ROLE; null for the latter when no role is given';
