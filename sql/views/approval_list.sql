create or replace view dpp.approval_list as
select
    o.sop_instance_uid,
    s.referenced_sop_instance_uid as subject_sop_instance_uid,
    p.protocol_name,
    c.code_meaning as assertion,
    c.code_value as assertion_code,
    coalesce(w.person_name, w.station_name, w.manufacturer_model_name) as asserter,
    (
        select string_agg(coalesce(r.code_meaning, r.code_value), ', ' order by r.ordinal)
        from dpp.approval_codes as r
        where r.object_id = a.object_id
            and r.role = 'organizational_role'
            and r.assertion_ordinal = a.ordinal
            and r.asserter_ordinal = w.ordinal
            and r.equivalent = 0
    ) as role,
    w.institution_name,
    a.assertion_datetime_local as asserted_at,
    a.expiration_datetime_local as expires_at,
    a.assertion_comments,
    o.published_at as received_at,
    o.sender_aet,
    a.object_id,
    a.ordinal as assertion_ordinal
from dpp.approval_assertions as a
join dpp.objects as o on o.id = a.object_id
left join dpp.approval_subjects as s on s.object_id = a.object_id
left join dpp.objects as subject on subject.sop_instance_uid = s.referenced_sop_instance_uid
left join dpp.protocols as p on p.object_id = subject.id
left join dpp.approval_asserters as w
    on w.object_id = a.object_id and w.assertion_ordinal = a.ordinal and w.ordinal = 1
left join dpp.approval_codes as c
    on c.object_id = a.object_id and c.role = 'assertion' and c.assertion_ordinal = a.ordinal and c.ordinal = 1
        and c.equivalent = 0
where o.state = 'published';

comment on view dpp.approval_list is
    'One row per assertion of a published approval and protocol it is about: who says what of which protocol. Nothing is judged: neither expiry nor what was taken back by a later assertion';
comment on column dpp.approval_list.sop_instance_uid is 'SOP Instance UID of the approval';
comment on column dpp.approval_list.subject_sop_instance_uid is 'SOP Instance UID of the protocol it is about';
comment on column dpp.approval_list.protocol_name is 'Name of that protocol; null when it is not in the repository';
comment on column dpp.approval_list.assertion is 'What is asserted, in words, such as Approved for use at the institution';
comment on column dpp.approval_list.assertion_code is 'The same as a code, such as 128603';
comment on column dpp.approval_list.asserter is 'Who asserts it: a DICOM person name, or station or model of a device';
comment on column dpp.approval_list.role is 'In what role, in words, such as Head of Radiology';
comment on column dpp.approval_list.institution_name is 'For which institution the asserter speaks';
comment on column dpp.approval_list.asserted_at is
    'When, without the offset that the value may have (dpp.approval_assertions.assertion_datetime); null when missing or invalid';
comment on column dpp.approval_list.expires_at is 'Until when, likewise; null: does not expire by itself';
comment on column dpp.approval_list.assertion_comments is 'Comments on the assertion';
comment on column dpp.approval_list.received_at is 'When the approval became visible here';
comment on column dpp.approval_list.sender_aet is 'AE title of the sender; null when not received over DICOM';
comment on column dpp.approval_list.object_id is 'The approval''s key in the tables';
comment on column dpp.approval_list.assertion_ordinal is 'Which assertion of the approval, from 1';
