-- Makes many Protocol Approvals quickly, for plans: rows are written straight into the tables, not by
-- dpp.ingest_approval. Uses what generate_protocols.sql defines.
--
--     psql -f tests/support/generate_protocols.sql -f tests/support/generate_approvals.sql
--     select dpp_test.generate_approvals(100000);    -- of the protocols 1 to 100000, which need not be there
--
-- Everything about approval n follows from n and the seed. One assertion each, two for every fourth; nine in ten say one
-- of three common things, the others one of twenty; 500 asserters with one of eight roles in 60 institutions with 60
-- departments; 20 years of date-times, a third of them with an offset; half of them expire; every tenth refers to the one
-- before it. Every tenth approval has two subjects.

create or replace function dpp_test.generate_approvals(p_count bigint, p_first bigint default 1, p_seed bigint default 1)
returns void
language plpgsql
as $$
begin
    perform set_config('dpp.maintenance', 'on', true); -- past the guard of what is published
    create temporary table generated (
        n bigint, uid text, object_id bigint, subject text, ordinal int, code text, person int, role text, hospital int,
        department int, asserted text, expires text, record bytea) on commit drop;
    insert into generated (n, uid, subject, ordinal, code, person, role, hospital, department, asserted, expires)
    select
        n, '2.25.' || p_seed || '9' || n, '2.25.' || p_seed || '0' || n, ordinal,
        case
            when dpp_test.pick(n, p_seed, 'common' || ordinal, 10) > 0
            then (array['128603', '128605', '128601'])[1 + dpp_test.pick(n, p_seed, 'code' || ordinal, 3)]
            else (128604 + dpp_test.pick(n, p_seed, 'code' || ordinal, 20))::text
        end,
        dpp_test.pick(n, p_seed, 'person' || ordinal, 500),
        (128670 + dpp_test.pick(n, p_seed, 'role' || ordinal, 8))::text,
        dpp_test.pick(n, p_seed, 'hospital' || ordinal, 60),
        dpp_test.pick(n, p_seed, 'department' || ordinal, 60),
        d.day || lpad(dpp_test.pick(n, p_seed, 'hour', 24)::text, 2, '0') || '0000'
            || (array['', '', '+0100'])[1 + dpp_test.pick(n, p_seed, 'offset', 3)],
        case when dpp_test.pick(n, p_seed, 'expires' || ordinal, 2) = 0 then to_char(d.day::date + 730, 'YYYYMMDD') end
    from generate_series(p_first, p_first + p_count - 1) as g (n)
    cross join lateral generate_series(1, case when n % 4 = 0 then 2 else 1 end) as a (ordinal)
    cross join lateral (
        select to_char(date '2006-01-01' + dpp_test.pick(n, p_seed, 'asserted' || ordinal, 7300), 'YYYYMMDD') as day
    ) as d;

    insert into dpp.objects (
        sop_instance_uid, sop_class_uid, state, query_record, timezone_offset, source, sender_aet, published_at)
    select
        g.uid, '1.2.840.10008.5.1.4.1.1.200.3', 'published',
        dpp_test.text_element('00080016', 'UI', '1.2.840.10008.5.1.4.1.1.200.3')
            || dpp_test.text_element('00080018', 'UI', g.uid)
            || dpp_test.element('00440109', 'SQ', dpp_test.item(dpp_test.text_element('00081155', 'UI', g.subject))),
        case when g.n % 2 = 0 then '+0200' end, 'import', 'GENERATOR', now()
    from generated as g
    where g.ordinal = 1
    order by g.n;
    update generated as g set object_id = o.id from dpp.objects as o where o.sop_instance_uid = g.uid;

    insert into dpp.instances (object_id, transfer_syntax_uid, dataset, size, digest)
    select o.id, '1.2.840.10008.1.2.1', o.query_record, length(o.query_record), sha256(o.query_record)
    from dpp.objects as o
    join generated as g on g.object_id = o.id and g.ordinal = 1
    order by g.n;

    insert into dpp.approvals (object_id, instance_creation_date, instance_creation_time, manufacturer)
    select g.object_id, substr(g.asserted, 1, 8), substr(g.asserted, 9, 6), 'Maker'
    from generated as g
    where g.ordinal = 1
    order by g.n;

    insert into dpp.approval_subjects (object_id, ordinal, referenced_sop_class_uid, referenced_sop_instance_uid)
    select g.object_id, s.ordinal, '1.2.840.10008.5.1.4.1.1.200.1', g.subject || repeat('0', s.ordinal - 1)
    from generated as g
    cross join generate_series(1, case when g.n % 10 = 0 then 2 else 1 end) as s (ordinal)
    where g.ordinal = 1
    order by g.n, s.ordinal;

    insert into dpp.approval_assertions (object_id, ordinal, assertion_uid, assertion_datetime, expiration_datetime)
    select g.object_id, g.ordinal, g.uid || '.' || g.ordinal, g.asserted, g.expires
    from generated as g
    order by g.n, g.ordinal;

    insert into dpp.approval_asserters (
        object_id, assertion_ordinal, ordinal, observer_type, person_name, institution_name,
        institutional_department_name)
    select
        g.object_id, g.ordinal, 1, 'PSN', 'Approver' || lpad(g.person::text, 3, '0') || '^Ana',
        'Hospital ' || lpad(g.hospital::text, 2, '0'),
        'Department ' || lpad(g.department::text, 2, '0')
    from generated as g
    order by g.n, g.ordinal;

    insert into dpp.approval_codes (
        object_id, role, assertion_ordinal, asserter_ordinal, ordinal, code_value, coding_scheme_designator, code_meaning)
    select g.object_id, c.role, g.ordinal, c.asserter, 1, c.value, c.scheme, 'Meaning'
    from generated as g
    cross join lateral (
        values
            ('assertion', 0, g.code, 'DCM'),
            ('person', 1, 'P' || lpad(g.person::text, 3, '0'), '99TEST'),
            ('organizational_role', 1, g.role, 'DCM'),
            ('asserter_institution', 1, 'H' || lpad(g.hospital::text, 2, '0'), '99TEST'),
            ('department_type', 1, 'D' || lpad(g.department::text, 2, '0'), '99TEST')
    ) as c (role, asserter, value, scheme)
    order by g.n, g.ordinal;

    insert into dpp.approval_related_assertions (object_id, assertion_ordinal, ordinal, referenced_assertion_uid)
    select g.object_id, g.ordinal, 1, '2.25.' || p_seed || '9' || g.n - 1 || '.1'
    from generated as g
    where g.n % 10 = 0
    order by g.n, g.ordinal;

    drop table generated;
end
$$;
comment on function dpp_test.generate_approvals(bigint, bigint, bigint) is
    'Make approvals numbered from p_first on; run analyze afterwards';
