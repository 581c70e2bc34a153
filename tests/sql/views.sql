-- The views, on the realistic data set and the sample library.
-- This file commits (dppr import); its database is its own.
set dpp.maintenance = on; -- published rows are made by hand
select plan(16);
\! "$DPPR_BINARY" import tests/sql/data/routine-adult-head.json >/dev/null

select results_eq(
    $$select * from dpp_test.rows_of('
        select sop_instance_uid, protocol_name, equipment_modality, models, creation_date, creation_time,
            content_creator_name, received_at > now() - interval ''1 hour'', sender_aet, size > 4000
        from dpp.protocol_list')$$,
    array['(2.25.1501,"AAPM Routine Adult Head (Brain)",CT,"ACME Alpha, ACME Alpha Plus, Scantech Scanomatic",2015-06-01,12:42:00,Braindoc^Barry^^^MD=頭^先生,t,,t)'],
    'protocol list');
select results_eq(
    $$select * from dpp_test.rows_of('
        select protocol_name, kind, element_ordinal, element_name, selector_keyword, constraint_type, constraint_numbers,
            unit_code, is_modifiable
        from dpp.parameters
        where selector_keyword = ''KVP''
        order by element_ordinal')$$,
    array[
        '("AAPM Routine Adult Head (Brain)",acquisition,1,Scout,KVP,EQUAL,{120},kV,t)',
        '("AAPM Routine Adult Head (Brain)",acquisition,2,,KVP,MEMBER_OF,"{100,120,140}",kV,f)'],
    'parameters');
select results_eq(
    'select count(*) from dpp.parameters', 'select count(*) from dpp.parameter_constraints',
    'one row per constraint, the patient''s included');

insert into dpp.parameter_constraints (
    object_id, kind, element_ordinal, ordinal, selector_attribute, selector_vr, constraint_type, constraint_values)
select p.object_id, 'acquisition', 2, 90, '00189922', 'LO', 'EQUAL', '{Head scan}'
from dpp.protocols as p;
select results_eq(
    $$select distinct element_name::text collate "default" from dpp.parameters where kind = 'acquisition' and element_ordinal = 2$$,
    array['Head scan'], 'an element is named by its constraint on Protocol Element Name');

insert into dpp.objects (sop_instance_uid, sop_class_uid, state)
values ('2.25.1', '1.2.840.10008.5.1.4.1.1.200.1', 'draft'), ('2.25.2', '1.2.840.10008.5.1.4.1.1.200.1', 'published');
insert into dpp.protocols (object_id, protocol_name)
select o.id, 'by hand ' || o.state from dpp.objects as o where o.sop_instance_uid in ('2.25.1', '2.25.2');
select results_eq(
    $$select * from dpp_test.rows_of('
        select sop_instance_uid, models, size from dpp.protocol_list where protocol_name like ''by hand%'' ')$$,
    array['(2.25.2,,)'],
    'drafts are not listed; what is not rendered and made for any equipment is');
update dpp.objects set state = 'retired' where sop_instance_uid = '2.25.2';
select is_empty(
    $$select from dpp.protocol_list where protocol_name like 'by hand%'$$, 'retired protocols are not listed');

-- Approvals
\! "$DPPR_BINARY" import tests/sql/data/protocol-approval.json >/dev/null
select results_eq(
    $$select * from dpp_test.rows_of('
        select subject_sop_instance_uid, protocol_name, assertion_code, assertion, asserter, role, institution_name,
            asserted_at, expires_at, sender_aet, assertion_ordinal
        from dpp.approval_list
        where sop_instance_uid = ''2.25.1601''
        order by 1, assertion_ordinal')$$,
    array[
        '(2.25.1501,"AAPM Routine Adult Head (Brain)",128603,"Approved for use at the institution",Müller^Jane^^Dr=頭^先生,"Head of Radiology","Mercy Hospital","2015-07-01 09:30:00","2017-01-01 00:00:00",,1)',
        '(2.25.1501,"AAPM Routine Adult Head (Brain)",128604,"Approved for use in the clinical trial",Gate,,"Mercy Hospital","2015-07-02 00:00:00",,,2)',
        '(2.25.1502,,128603,"Approved for use at the institution",Müller^Jane^^Dr=頭^先生,"Head of Radiology","Mercy Hospital","2015-07-01 09:30:00","2017-01-01 00:00:00",,1)',
        '(2.25.1502,,128604,"Approved for use in the clinical trial",Gate,,"Mercy Hospital","2015-07-02 00:00:00",,,2)'],
    'approvals: each assertion of each subject, known here or not');
insert into dpp.approval_codes (
    object_id, role, assertion_ordinal, asserter_ordinal, ordinal, equivalent, code_value, code_meaning)
select object_id, 'organizational_role', 1, 1, r.ordinal, r.equivalent, 'R2', r.meaning
from dpp.approvals
cross join (values (2, 0, 'Chair'), (1, 1, 'Boss')) as r (ordinal, equivalent, meaning);
select results_eq(
    $$select * from dpp_test.rows_of('select distinct role from dpp.approval_list where assertion_ordinal = 1')$$,
    array['("Head of Radiology, Chair")'], 'approvals: several roles, without equivalents');
delete from dpp.approval_subjects;
delete from dpp.approval_asserters;
delete from dpp.approval_codes;
select results_eq(
    $$select * from dpp_test.rows_of('
        select sop_instance_uid, subject_sop_instance_uid, assertion, asserter, role
        from dpp.approval_list
        order by assertion_ordinal')$$,
    array['(2.25.1601,,,,)', '(2.25.1601,,,,)'], 'approvals: what lacks everything is listed all the same');
update dpp.objects set state = 'retired' where sop_instance_uid = '2.25.1601';
select is_empty('select from dpp.approval_list', 'retired approvals are not listed');

\! "$DPPR_BINARY" import samples/dicom >/dev/null
select is_empty(
    'select from dpp.approval_list where protocol_name is null or assertion is null or asserter is null or asserted_at is null',
    'samples: all approvals are of protocols of the library, and complete');
select is(count(distinct sop_instance_uid), 8::bigint, 'samples: approvals') from dpp.approval_list;
-- The questions of the documentation
select results_eq(
    $$
        select distinct protocol_name::text collate "default"
        from dpp.approval_list
        where assertion_code = '128605' and (expires_at is null or expires_at > '2024-06-01')
    $$,
    array['Pulmonary CTA - pregnant patient'], 'approved for use on pregnant patients');
select results_eq(
    $$
        select count(*)
        from dpp.approval_related_assertions as r
        join dpp.approval_assertions as a on a.assertion_uid = r.referenced_assertion_uid
    $$,
    array[1::bigint], 'samples: the related assertion is there');
select cmp_ok((select count(*) from dpp.protocol_list), '>', 50::bigint, 'the sample library has been stored');
-- The question of the documentation
select cmp_ok(
    (
        select count(distinct p.sop_instance_uid)
        from dpp.parameters as p
        where p.selector_keyword = 'KVP' and p.unit_code = 'kV' and 120 < any (p.constraint_numbers)
    ),
    '>=', 2::bigint, 'protocols that go above 120 kV');

select * from finish();
