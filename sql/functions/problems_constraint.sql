-- What is wrong with the constraints of a draft protocol: PS3.3 10.25 (Attribute Value Constraint), 10.26 (values), C.34.5
-- (patient), C.34.9, C.34.11 and C.34.13 (elements).

-- How many values a constraint type takes, and whether it needs an order (PS3.3 10.25).
create or replace function dpp.constraint_type_rules()
returns table (constraint_type text, fewest int, most int, is_ordered boolean, rule text)
language sql immutable parallel safe as $$
    values
        ('RANGE_INCL', 2, 2, true, 'two values, low and high'),
        ('RANGE_EXCL', 2, 2, true, 'two values, low and high'),
        ('GREATER_OR_EQUAL', 1, 1, true, 'one value'),
        ('LESS_OR_EQUAL', 1, 1, true, 'one value'),
        ('GREATER_THAN', 1, 1, true, 'one value'),
        ('LESS_THAN', 1, 1, true, 'one value'),
        ('EQUAL', 1, null, false, 'a value'),
        ('MEMBER_OF', 1, null, false, 'a value for each member'),
        ('NOT_MEMBER_OF', 1, null, false, 'a value for each member'),
        ('MEMBER_OF_CID', 1, 1, false, 'one value, the UID of a context group'),
        ('UNCONSTRAINED', 0, 0, false, 'no values')
$$;
comment on function dpp.constraint_type_rules() is
    'The constraint types (PS3.3 10.25): how few and how many values one takes (null: any), whether the VR must have an order, and that in words';

create or replace function dpp.days_of_age(value text)
returns numeric language sql immutable parallel safe as $$
    select left(value, 3)::numeric * case right(value, 1)
        when 'D' then 1 when 'W' then 7 when 'M' then 30.4375 when 'Y' then 365.25
    end
    where value ~ '^[0-9]{3}[DWMY]$'
$$;
comment on function dpp.days_of_age(text) is 'An age (VR AS, PS3.5 6.2) in days; null when it is none';

create or replace function dpp.is_ascending(vr text, low text, high text)
returns boolean language sql immutable as $$
    select case vr
        when 'DA' then dpp.parse_da(low) <= dpp.parse_da(high)
        when 'TM' then dpp.parse_tm(low) <= dpp.parse_tm(high)
        when 'DT' then dpp.parse_dt(low) <= dpp.parse_dt(high)
        when 'AS' then dpp.days_of_age(low) <= dpp.days_of_age(high)
        else (dpp.numbers_of(array[low]))[1] <= (dpp.numbers_of(array[high]))[1]
    end
$$;
comment on function dpp.is_ascending(text, text, text) is
    'Whether one value of a VR with an order is not above another; null when one is no value';

-- PS3.3 C.34.5: attributes of the Patient (C.7.1.1) and Patient Study (C.7.2.2) modules. Group 0010 is theirs; of
-- other groups they have these.
create or replace function dpp.is_patient_attribute(tag text)
returns boolean language sql immutable parallel safe as $$
    select tag like '0010%' or tag in (
        '00081120', '00120062', '00120063', '00120064', '00081080', '00081084', '00321066', '00321067', '00380010',
        '00380014', '00380060', '00380062', '00380064', '00380500')
$$;
comment on function dpp.is_patient_attribute(text) is
    'Whether an attribute belongs to the Patient or Patient Study module, as those of the patient specification have to';

create or replace function dpp.problems_of_constraints(p_object_id bigint)
returns table (relation text, item text, column_name text, rule text)
language plpgsql stable as $$
begin
    return query
        with constraints as (
            select
                c.*,
                concat_ws(' ', c.kind, nullif(c.element_ordinal, 0), c.ordinal, c.selector_keyword) as item,
                a.keyword as known_keyword,
                a.vr as known_vr,
                a.vm as known_vm,
                dpp.performed_sequence(c.kind) as outer_sequence,
                -- Odd groups are private (PS3.5 7.8).
                coalesce(c.selector_attribute ~ '^[0-9A-F]{3}[13579BDF][0-9A-F]{4}$', false) as is_private,
                -- The UID of a context group stands for codes.
                case when c.constraint_type = 'MEMBER_OF_CID' then 'UI' else c.selector_vr end as value_vr,
                r.fewest, r.most, r.is_ordered, r.rule as count_rule,
                -- What the columns do not say completely is in other_attributes as a whole.
                c.other_attributes ? '00820034' as has_other_values
            from dpp.parameter_constraints as c
            left join dpp.attributes as a on a.tag = c.selector_attribute
            left join dpp.constraint_type_rules() as r on r.constraint_type = c.constraint_type
            where c.object_id = p_object_id
        ),
        given_values as materialized (
            select c.item, v.column_name, v.vr, coalesce(v.value, '') as value
            from constraints as c
            cross join lateral (
                select 'constraint_values', c.value_vr, t.value
                from unnest(c.constraint_values) as t (value)
                where not c.has_other_values
                union all
                select 'default_values', c.selector_vr, t.value
                from unnest(c.default_values) as t (value)
                where not c.other_attributes ? '00820035'
            ) as v (column_name, vr, value)
            where dpp.value_tag(v.vr) is not null
        ),
        faults as materialized (
            select v.vr, v.value, dpp.value_fault(v.vr, v.value) as fault
            from (select distinct g.vr, g.value from given_values as g where trim(g.value) <> '') as v
            left join dpp.value_representations as r on r.vr = v.vr
            where dpp.is_plainly_good(v.vr, v.value, r.pattern, r.max_length, r.low, r.high) is not true
        ),
        problems as (
            -- 10.25: which attribute
            select c.item, 'selector_keyword' as column_name,
                format('%L is no keyword of the data dictionary', c.selector_keyword)
                    || coalesce('; do you mean ' || dpp.nearest_keyword(c.selector_keyword) || '?', '') as rule
            from constraints as c
            where c.selector_attribute is null and c.selector_keyword <> ''
            union all
            select c.item, 'selector_attribute', 'is missing: give selector_keyword, or selector_attribute (PS3.3 10.25, Type 1C)'
            from constraints as c
            where coalesce(c.selector_attribute, '') = '' and coalesce(c.selector_keyword, '') = ''
            union all
            -- What no dictionary can fill in: private attributes, and those of another edition
            select c.item, s.column_name, 'is missing, and the data dictionary does not know the attribute (PS3.3 10.25, Type 1)'
            from constraints as c
            cross join lateral (
                values ('selector_name', c.selector_name), ('selector_vr', c.selector_vr)
            ) as s (column_name, value)
            where c.selector_attribute <> '' and coalesce(s.value, '') = ''
            union all
            select c.item, 'selector_keyword',
                format('%L is not the keyword of %s, which is %s', c.selector_keyword, c.selector_attribute, c.known_keyword)
            from constraints as c
            where c.selector_keyword <> '' and c.known_keyword <> c.selector_keyword
            union all
            select c.item, 'selector_keyword', format('private attributes have no keyword, %s is private', c.selector_attribute)
            from constraints as c
            where c.is_private and c.selector_keyword <> ''
            union all
            -- The dictionary has one VR of several: US or SS, OB or OW.
            select c.item, 'selector_vr',
                format('%s is not the VR of %s (%s), which is %s', c.selector_vr, c.known_keyword, c.selector_attribute, c.known_vr)
            from constraints as c
            where c.selector_vr <> c.known_vr
                and not (c.known_vr in ('US', 'OW') and c.selector_vr in ('US', 'SS', 'OW', 'OB'))
            union all
            select c.item, 'selector_vr', format('%L is no VR that selectors have (PS3.3 10.26)', c.selector_vr)
            from constraints as c
            where c.selector_vr <> '' and dpp.value_tag(c.selector_vr) is null
            union all
            -- PS3.5 7.1, PS3.10 7.1: command elements and File Meta Information are in no data set
            select c.item, 'selector_attribute', format('group %s is in no data set', left(c.selector_attribute, 4))
            from constraints as c
            where left(c.selector_attribute, 4) in ('0000', '0002', 'FFFE')
            union all
            select c.item, 'selector_private_creator',
                format('is missing: %s is private (PS3.3 10.25, Type 1C)', c.selector_attribute)
            from constraints as c
            where c.is_private and coalesce(c.selector_private_creator, '') = ''
            union all
            select c.item, 'selector_private_creator', format('%s is not private', c.selector_attribute)
            from constraints as c
            where not c.is_private and c.selector_attribute ~ '^[0-9A-F]{8}$' and c.selector_private_creator <> ''
            union all
            -- C.34.9, C.34.11, C.34.13, C.34.5: where it is
            select c.item, 'selector_path',
                case
                    when c.kind = 'patient' then 'must be empty: patient attributes are in no sequence (PS3.3 C.34.5)'
                    else format('must begin with %s, the sequence of %s elements (PS3.3 %s)', c.outer_sequence, c.kind, k.clause)
                end
            from constraints as c
            left join (
                values ('acquisition', 'C.34.9'), ('reconstruction', 'C.34.11'), ('storage', 'C.34.13')
            ) as k (kind, clause) on k.kind = c.kind
            where c.selector_path[1] is distinct from c.outer_sequence
            union all
            select c.item, 'selector_path', format('%s (%s) is no sequence', a.tag, a.keyword)
            from constraints as c
            cross join unnest(c.selector_path) as p (tag)
            join dpp.attributes as a on a.tag = p.tag
            where a.vr <> 'SQ'
            union all
            select c.item, 'selector_path_items',
                format('has %s item numbers for the %s sequences of selector_path (PS3.3 10.25, Type 1C)',
                    cardinality(c.selector_path_items), cardinality(c.selector_path))
            from constraints as c
            where cardinality(c.selector_path_items) <> cardinality(c.selector_path)
            union all
            select c.item, 'selector_path_items',
                format('begins with %s, but the element is number %s', c.selector_path_items[1], c.element_ordinal)
            from constraints as c
            where c.selector_path[1] = c.outer_sequence and c.selector_path_items[1] not in (0, c.element_ordinal)
            union all
            -- C.34.5, C.34.9: an attribute at one place is constrained once
            select max(c.item), 'selector_attribute',
                format('%s is constrained more than once in the same place (PS3.3 %s)',
                    coalesce(max(c.selector_keyword), c.selector_attribute), case c.kind when 'patient' then 'C.34.5' else 'C.34.9' end)
            from constraints as c
            where c.selector_attribute is not null
            group by c.kind, c.element_ordinal, c.selector_attribute, c.selector_private_creator, c.selector_path,
                c.selector_path_items, coalesce(nullif(c.selector_value_number, 0), 1)
            having count(*) > 1
            union all
            select c.item, 'selector_attribute',
                format('%s is no attribute of the patient (PS3.3 C.34.5: Patient and Patient Study modules)',
                    coalesce(c.selector_keyword, c.selector_attribute))
            from constraints as c
            where c.kind = 'patient' and c.selector_attribute is not null and not dpp.is_patient_attribute(c.selector_attribute)
            union all
            select c.item, 'element_ordinal', format('there is no %s element %s in dpp.protocol_elements', c.kind, c.element_ordinal)
            from constraints as c
            where c.kind <> 'patient'
                and not exists (
                    select
                    from dpp.protocol_elements as e
                    where e.object_id = p_object_id and e.kind = c.kind and e.ordinal = c.element_ordinal)
            union all
            -- 10.25: how many values
            select c.item, 'constraint_values',
                format('%s: %s takes %s (PS3.3 10.25)',
                    case cardinality(c.constraint_values) when 0 then 'is missing' else 'has ' || cardinality(c.constraint_values) end,
                    c.constraint_type, c.count_rule)
            from constraints as c
            where not c.has_other_values and c.selector_vr <> ''
                and (cardinality(c.constraint_values) < c.fewest or cardinality(c.constraint_values) > c.most)
            union all
            -- Two values where the attribute has one: {7,5} is mostly meant as 7.5
            select c.item, v.column_name,
                format('has %s values, but %s has %s (VM %s)%s', v.count, coalesce(c.selector_keyword, c.selector_attribute), m.most, c.known_vm,
                    case when dpp.is_numeric_vr(c.selector_vr) then ': the decimal sign is a point, the comma parts values' end)
            from constraints as c
            cross join lateral (
                values ('constraint_values', cardinality(c.constraint_values)), ('default_values', cardinality(c.default_values))
            ) as v (column_name, count)
            cross join lateral (select substring(c.known_vm from '^(?:[0-9]+-)?([0-9]+)$')::int as most) as m
            where v.count > m.most and c.selector_vr <> 'SQ' and (v.column_name = 'default_values' or c.constraint_type = 'EQUAL')
            union all
            select c.item, 'constraint_type',
                format('%s needs a VR with an order, not %s (PS3.3 10.25)', c.constraint_type, c.selector_vr)
            from constraints as c
            where c.is_ordered and dpp.value_tag(c.selector_vr) is not null
                and not coalesce((select v.is_ordered from dpp.value_representations as v where v.vr = c.selector_vr), false)
            union all
            select c.item, 'constraint_values', format('%s is above %s', c.constraint_values[1], c.constraint_values[2])
            from constraints as c
            where c.constraint_type in ('RANGE_INCL', 'RANGE_EXCL') and cardinality(c.constraint_values) = 2
                and not dpp.is_ascending(c.selector_vr, c.constraint_values[1], c.constraint_values[2])
            union all
            -- 10.26: what they look like
            select g.item, g.column_name, 'has an empty value'
            from given_values as g
            where trim(g.value) = ''
            union all
            select g.item, g.column_name, f.fault
            from given_values as g
            cross join lateral (
                select f.fault from faults as f where f.vr = g.vr and f.value = g.value and f.fault is not null offset 0
            ) as f
            union all
            -- 10.25: the unit is a code (8.8)
            select c.item, u.column_name, 'is missing: a unit has code, scheme and meaning (PS3.3 8.8)'
            from constraints as c
            cross join lateral (
                values
                    ('unit_code', c.unit_code),
                    ('unit_scheme', c.unit_scheme),
                    ('unit_meaning', c.unit_meaning)
            ) as u (column_name, value)
            where not c.other_attributes ? '004008EA'
                and coalesce(trim(u.value), '') = '' and concat(c.unit_code, c.unit_scheme, c.unit_meaning) <> ''
        )
        select 'parameter_constraints', p.item, p.column_name, p.rule
        from problems as p;
end
$$;
comment on function dpp.problems_of_constraints(bigint) is 'What is wrong with the constraints of a draft protocol (PS3.3 10.25)';
