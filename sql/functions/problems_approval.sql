-- What is wrong with a draft Protocol Approval beyond its single columns: PS3.3 C.34.15 and 10.30.

create or replace function dpp.problems_of_approval(p_object_id bigint)
returns table (relation text, item text, column_name text, rule text)
language plpgsql stable as $$
begin
    return query
        -- C.34.15: Approval Subject and Approval Sequence are Type 1
        select r.relation, null::text, null::text, format('has no row: an approval has a %s (PS3.3 C.34.15, Type 1)', r.what)
        from (
            values
                ('approval_subjects', 'subject',
                    exists (select from dpp.approval_subjects as s where s.object_id = p_object_id)),
                ('approval_assertions', 'assertion',
                    exists (select from dpp.approval_assertions as a where a.object_id = p_object_id))
        ) as r (relation, what, is_there)
        where not r.is_there
        union all
        select 'approval_subjects', max(s.ordinal)::text, 'referenced_sop_instance_uid',
            format('%s is a subject more than once', s.referenced_sop_instance_uid)
        from dpp.approval_subjects as s
        where s.object_id = p_object_id and s.referenced_sop_instance_uid <> ''
        group by s.referenced_sop_instance_uid
        having count(*) > 1
        union all
        select 'approval_subjects', s.ordinal::text, 'referenced_sop_class_uid',
            'is missing, and the object is not here to tell it (PS3.3 C.34.15, Type 1)'
        from dpp.approval_subjects as s
        where s.object_id = p_object_id and coalesce(s.referenced_sop_class_uid, '') = ''
            and not exists (select from dpp.objects as k where k.sop_instance_uid = s.referenced_sop_instance_uid)
        union all
        -- 10.30: one code says what is asserted, one asserter asserts it
        select 'approval_codes', 'assertion ' || a.ordinal, null,
            format('has %s codes of role assertion for assertion %s, not one (PS3.3 10.30, Type 1)', c.count, a.ordinal)
        from dpp.approval_assertions as a
        cross join lateral (
            select count(*)
            from dpp.approval_codes as c
            where c.object_id = p_object_id and c.role = 'assertion' and c.assertion_ordinal = a.ordinal and c.equivalent = 0
        ) as c (count)
        where a.object_id = p_object_id and c.count <> 1
        union all
        select 'approval_asserters', a.ordinal::text, null,
            format('has %s rows for assertion %s, not one (PS3.3 10.30, Type 1)', c.count, a.ordinal)
        from dpp.approval_assertions as a
        cross join lateral (
            select count(*)
            from dpp.approval_asserters as s
            where s.object_id = p_object_id and s.assertion_ordinal = a.ordinal
        ) as c (count)
        where a.object_id = p_object_id and c.count <> 1
        union all
        select 'approval_assertions', max(a.ordinal)::text, 'assertion_uid', format('%s is there more than once', a.assertion_uid)
        from dpp.approval_assertions as a
        where a.object_id = p_object_id and a.assertion_uid <> ''
        group by a.assertion_uid
        having count(*) > 1
        union all
        -- 10.30: what is asserted for an institution names it, what is for a trial names that
        select r.relation, case r.relation when 'approval_codes' then 'institution ' || c.assertion_ordinal else c.assertion_ordinal::text end,
            r.column_name, format('is missing: assertion %s (%s) is for %s (PS3.3 10.30, Type 1C)', c.code_value, r.meaning, r.what)
        from dpp.approval_codes as c
        join dpp.approval_assertions as a on a.object_id = c.object_id and a.ordinal = c.assertion_ordinal
        join (
            values
                ('128603', 'approval_codes', null, 'an institution, a code of role institution', 'Approved for use at the institution'),
                ('128623', 'approval_codes', null, 'an institution, a code of role institution', 'Disapproved for use at the institution'),
                ('128613', 'approval_codes', null, 'an institution, a code of role institution', 'Eligible for reimbursement'),
                ('128614', 'approval_codes', null, 'an institution, a code of role institution', 'Eligible for reimbursement per patient'),
                ('128615', 'approval_codes', null, 'an institution, a code of role institution', 'Ineligible for reimbursement'),
                ('128604', 'approval_assertions', 'clinical_trial_protocol_id', 'a clinical trial', 'Approved for use in the clinical trial'),
                ('128624', 'approval_assertions', 'clinical_trial_protocol_id', 'a clinical trial', 'Disapproved for use in the clinical trial'),
                ('128611', 'approval_assertions', 'clinical_trial_protocol_id', 'a clinical trial', 'Approved for experimental use')
        ) as r (code, relation, column_name, what, meaning) on r.code = c.code_value
        where c.object_id = p_object_id and c.role = 'assertion' and c.equivalent = 0 and c.coding_scheme_designator = 'DCM'
            and case r.relation
                when 'approval_assertions' then coalesce(a.clinical_trial_protocol_id, '') = ''
                else not exists (
                    select
                    from dpp.approval_codes as i
                    where i.object_id = p_object_id and i.role = 'institution' and i.assertion_ordinal = c.assertion_ordinal)
            end
        union all
        -- Identified Person or Device: a person has a name; a device is known by something. What else the macro demands could
        -- not be verified.
        select 'approval_asserters', concat_ws(' ', s.assertion_ordinal, s.ordinal), 'person_name',
            'is missing: a person (observer type PSN) has a name (PS3.3 10.30, Type 1C)'
        from dpp.approval_asserters as s
        where s.object_id = p_object_id and s.observer_type = 'PSN' and coalesce(trim(s.person_name), '') = ''
        union all
        select 'approval_asserters', concat_ws(' ', s.assertion_ordinal, s.ordinal), 'device_uid',
            'is missing: a device (observer type DEV) has device_uid, station_name or station_ae_title (PS3.3 10.30, Type 1C)'
        from dpp.approval_asserters as s
        where s.object_id = p_object_id and s.observer_type = 'DEV'
            and coalesce(nullif(s.device_uid, ''), nullif(s.station_name, ''), nullif(s.station_ae_title, '')) is null
        union all
        select 'approval_asserters', concat_ws(' ', s.assertion_ordinal, s.ordinal), c.column_name,
            format('belongs to the other kind of asserter, this one is %s', s.observer_type)
        from dpp.approval_asserters as s
        cross join lateral (
            values
                ('DEV', 'person_name', s.person_name),
                ('PSN', 'device_uid', s.device_uid),
                ('PSN', 'station_ae_title', s.station_ae_title)
        ) as c (observer_type, column_name, value)
        where s.object_id = p_object_id and c.observer_type = s.observer_type and c.value <> ''
        union all
        -- Rows below rows that are not there
        select m.relation, m.item, m.column_name, format('there is no row %s in dpp.%s', m.parent, m.parent_relation)
        from (
            select 'approval_asserters' as relation, concat_ws(' ', s.assertion_ordinal, s.ordinal) as item,
                'assertion_ordinal' as column_name, s.assertion_ordinal::text as parent,
                'approval_assertions' as parent_relation, s.assertion_ordinal, null::int as asserter_ordinal
            from dpp.approval_asserters as s
            where s.object_id = p_object_id
            union all
            select 'approval_related_assertions', concat_ws(' ', r.assertion_ordinal, r.ordinal), 'assertion_ordinal',
                r.assertion_ordinal::text, 'approval_assertions', r.assertion_ordinal, null
            from dpp.approval_related_assertions as r
            where r.object_id = p_object_id
            union all
            select 'approval_codes', concat_ws(' ', c.role, c.assertion_ordinal, nullif(c.asserter_ordinal, 0), c.ordinal),
                case c.asserter_ordinal when 0 then 'assertion_ordinal' else 'asserter_ordinal' end,
                concat_ws(' ', c.assertion_ordinal, nullif(c.asserter_ordinal, 0)),
                case c.asserter_ordinal when 0 then 'approval_assertions' else 'approval_asserters' end,
                c.assertion_ordinal, nullif(c.asserter_ordinal, 0)
            from dpp.approval_codes as c
            where c.object_id = p_object_id
        ) as m
        where case m.parent_relation
            when 'approval_assertions' then not exists (
                select
                from dpp.approval_assertions as a
                where a.object_id = p_object_id and a.ordinal = m.assertion_ordinal)
            else not exists (
                select
                from dpp.approval_asserters as s
                where s.object_id = p_object_id and s.assertion_ordinal = m.assertion_ordinal and s.ordinal = m.asserter_ordinal)
        end;
end
$$;
comment on function dpp.problems_of_approval(bigint) is
    'What is wrong with a draft approval in rules about several columns or rows (PS3.3 C.34.15, 10.30)';
