-- What is wrong with a received protocol, found after it has been written: an attribute that has a column and yet is
-- in other_attributes with a value did not fit the column. Nothing is looked for in what did fit, so a good protocol
-- costs one look at its rows. This is no validation against the IOD: only values that could not be read
-- as what they should be, and so will not be found by queries or comparisons, are reported.

create or replace function dpp.attribute_problem(attribute jsonb, vr text, is_multiple boolean)
returns text language sql immutable parallel safe as $$
    select case
        when jsonb_typeof(attribute) <> 'object' then 'is no attribute in DICOM JSON'
        when attribute ? 'InlineBinary' or attribute ? 'BulkDataURI' then
            format('is binary with VR %s instead of %s', attribute ->> 'vr', vr)
        when not attribute ? 'Value' or attribute -> 'Value' in ('null', '[]', '[null]', '[""]') then null
        when jsonb_typeof(attribute -> 'Value') <> 'array' then 'is no attribute in DICOM JSON'
        when attribute ->> 'vr' is distinct from vr then
            format('has VR %s instead of %s', coalesce(attribute ->> 'vr', 'unknown'), vr)
        when not is_multiple and jsonb_array_length(attribute -> 'Value') > 1 then
            format('has %s values instead of one', jsonb_array_length(attribute -> 'Value'))
        when vr = 'SQ' and jsonb_path_exists(attribute, 'strict $.Value[*] ? (@.type() != "object")', '{}', true) then
            'has an item that is none'
        when vr = 'SQ' then null
        when vr = 'PN' then 'has a value that is no person name'
        when vr = 'US' then 'has a value that is no integer'
        when vr = 'IS' then 'has a value that is no integer in plain spelling'
        when jsonb_path_exists(attribute, 'strict $.Value[*] ? (@.type() != "string" && @.type() != "null")', '{}', true) then
            'has a value that is no text'
        else format('has an unknown value: %s', left(attribute -> 'Value' ->> 0, 64))
    end
$$;
comment on function dpp.attribute_problem(jsonb, text, boolean) is
    'Why a DICOM JSON attribute is not what it should be (VR, one or several values), as the rest of a sentence; null when it merely has no value or is a sequence kept as received';

create or replace function dpp.protocol_warnings(p_object_id bigint)
returns table (attribute text, warning text)
language plpgsql stable
set plan_cache_mode = force_generic_plan
as $$
begin
    return query
    with kinds (kind, tag) as (
        values ('patient', '00189911'), ('acquisition', '0018991F'), ('reconstruction', '00189933'),
            ('storage', '00189935')
    ),
    roles (role, tag) as (
        values ('responsible_group', '00080220'), ('scheduled_protocol', '00189906'),
            ('requested_procedure', '00189907'), ('reason', '00189909'), ('contraindication', '0018990B'),
            ('positioning_method', '0018991C'), ('anatomic_region', '00082218'), ('primary_structure', '00082228')
    ),
    remains (context, path, other_attributes) as (
        select 'protocol', '', p.other_attributes
        from dpp.protocols as p
        where p.object_id = p_object_id and p.other_attributes <> '{}'
        union all
        select 'custodian', format('0040A07C[%s].', c.ordinal), c.other_attributes
        from dpp.protocol_custodians as c
        where c.object_id = p_object_id and c.other_attributes <> '{}'
        union all
        select
            'code',
            concat(
                coalesce(r.tag, format('0040A07C[%s].00080082', c.parent_ordinal)),
                format('[%s].', c.ordinal),
                case when c.equivalent > 0 then format('00080121[%s].', c.equivalent) end),
            c.other_attributes
        from dpp.protocol_codes as c
        left join roles as r on r.role = c.role
        where c.object_id = p_object_id and c.other_attributes <> '{}'
        union all
        select 'model', format('00189912[%s].', m.ordinal), m.other_attributes
        from dpp.protocol_models as m
        where m.object_id = p_object_id and m.other_attributes <> '{}'
        union all
        select 'predecessor', format('0018990E[%s].', p.ordinal), p.other_attributes
        from dpp.protocol_predecessors as p
        where p.object_id = p_object_id and p.other_attributes <> '{}'
        union all
        select
            'instruction',
            format('%s[%s].', case i.kind when 'positioning' then '0018991B' else '00189914' end, i.ordinal),
            i.other_attributes
        from dpp.instructions as i
        where i.object_id = p_object_id and i.other_attributes <> '{}'
        union all
        select 'element', format('%s[%s].', k.tag, e.ordinal), e.other_attributes
        from dpp.protocol_elements as e
        join kinds as k on k.kind = e.kind
        where e.object_id = p_object_id and e.other_attributes <> '{}'
        union all
        select
            'constraint',
            case
                when c.kind = 'patient' then format('%s[%s].', k.tag, c.ordinal)
                else format('%s[%s].00189913[%s].', k.tag, c.element_ordinal, c.ordinal)
            end,
            c.other_attributes
        from dpp.parameter_constraints as c
        join kinds as k on k.kind = c.kind
        where c.object_id = p_object_id and c.other_attributes <> '{}'
    ),
    rules (context, tag, vr, is_multiple) as (
        values
            ('protocol', '00080012', 'DA', false), ('protocol', '00080013', 'TM', false),
            ('protocol', '00080016', 'UI', false), ('protocol', '00080018', 'UI', false),
            ('protocol', '00080070', 'LO', false), ('protocol', '00080201', 'SH', false),
            ('protocol', '00080220', 'SQ', true), ('protocol', '00080221', 'CS', false),
            ('protocol', '00081090', 'LO', false), ('protocol', '00082218', 'SQ', true),
            ('protocol', '00082228', 'SQ', true), ('protocol', '00120010', 'LO', false),
            ('protocol', '00120020', 'LO', false), ('protocol', '00120021', 'LO', false),
            ('protocol', '00181000', 'LO', false), ('protocol', '00181020', 'LO', true),
            ('protocol', '00181030', 'LO', false), ('protocol', '00189906', 'SQ', true),
            ('protocol', '00189907', 'SQ', true), ('protocol', '00189908', 'UC', true),
            ('protocol', '00189909', 'SQ', true), ('protocol', '0018990A', 'UC', true),
            ('protocol', '0018990B', 'SQ', true), ('protocol', '0018990E', 'SQ', true),
            ('protocol', '0018990F', 'UT', false), ('protocol', '00189910', 'UT', false),
            ('protocol', '00189911', 'SQ', true), ('protocol', '00189912', 'SQ', true),
            ('protocol', '00189914', 'SQ', true), ('protocol', '0018991B', 'SQ', true),
            ('protocol', '0018991C', 'SQ', true), ('protocol', '0018991F', 'SQ', true),
            ('protocol', '00189933', 'SQ', true), ('protocol', '00189935', 'SQ', true),
            ('protocol', '00189947', 'CS', false), ('protocol', '0040A07C', 'SQ', true),
            ('protocol', '00700084', 'PN', false),
            ('custodian', '00080080', 'LO', false), ('custodian', '00080082', 'SQ', true),
            ('code', '00080100', 'SH', false), ('code', '00080102', 'SH', false),
            ('code', '00080103', 'SH', false), ('code', '00080104', 'LO', false),
            ('code', '00080119', 'UC', false), ('code', '00080120', 'UR', false),
            ('code', '00080121', 'SQ', true),
            ('model', '00080070', 'LO', false), ('model', '00080222', 'LO', false),
            ('model', '00081090', 'LO', false), ('model', '00181000', 'LO', false),
            ('model', '00181020', 'LO', true),
            ('predecessor', '00081150', 'UI', false), ('predecessor', '00081155', 'UI', false),
            ('instruction', '00189915', 'US', false), ('instruction', '00189916', 'LO', false),
            ('instruction', '00189917', 'UT', false),
            ('element', '00189913', 'SQ', true), ('element', '00189921', 'US', false),
            ('element', '00189922', 'LO', false), ('element', '00189924', 'UT', false),
            ('constraint', '004008EA', 'SQ', false), ('constraint', '00720026', 'AT', false),
            ('constraint', '00720028', 'US', false), ('constraint', '00720050', 'CS', false),
            ('constraint', '00720052', 'AT', true), ('constraint', '00720056', 'LO', false),
            ('constraint', '00741057', 'IS', true), ('constraint', '00820018', 'LO', false),
            ('constraint', '00820019', 'LO', false), ('constraint', '00820032', 'CS', false),
            ('constraint', '00820033', 'UT', false), ('constraint', '00820034', 'SQ', true),
            ('constraint', '00820035', 'SQ', true), ('constraint', '00820036', 'CS', false),
            ('constraint', '00820037', 'UT', false), ('constraint', '00820038', 'CS', false)
    ),
    problems (attribute, warning) as (
        select r.path || u.tag, dpp.attribute_problem(a.value, u.vr, u.is_multiple)
        from remains as r
        cross join lateral jsonb_each(r.other_attributes) as a (key, value)
        join rules as u on u.context = r.context and u.tag = a.key
        union all
        select '00080012', format('has a value that is no date: %s', left(p.instance_creation_date, 64))
        from dpp.protocols as p
        where p.object_id = p_object_id and p.instance_creation_date is not null and p.creation_date is null
        union all
        select '00080013', format('has a value that is no time: %s', left(p.instance_creation_time, 64))
        from dpp.protocols as p
        where p.object_id = p_object_id and p.instance_creation_time is not null and p.creation_time is null
        union all
        select
            case
                when c.kind = 'patient' then format('%s[%s].', k.tag, c.ordinal)
                else format('%s[%s].00189913[%s].', k.tag, c.element_ordinal, c.ordinal)
            end || w.tag,
            w.warning
        from dpp.parameter_constraints as c
        join kinds as k on k.kind = c.kind
        cross join lateral (
            values
                (
                    '00820034',
                    case
                        when array_position(c.constraint_numbers, null) is not null then format(
                            'has a value that is no number: %s',
                            left(c.constraint_values[array_position(c.constraint_numbers, null)], 64))
                    end
                ),
                (
                    '00820035',
                    case
                        when array_position(c.default_numbers, null) is not null then format(
                            'has a value that is no number: %s',
                            left(c.default_values[array_position(c.default_numbers, null)], 64))
                    end
                ),
                (
                    '00720050',
                    case
                        when c.selector_vr is not null and dpp.value_tag(c.selector_vr) is null then
                            format('has an unknown value: %s', left(c.selector_vr, 64))
                    end
                ),
                (
                    '00820032',
                    case
                        when c.constraint_type not in (
                            'RANGE_INCL', 'RANGE_EXCL', 'GREATER_OR_EQUAL', 'LESS_OR_EQUAL', 'GREATER_THAN',
                            'LESS_THAN', 'EQUAL', 'MEMBER_OF', 'NOT_MEMBER_OF', 'MEMBER_OF_CID', 'UNCONSTRAINED')
                        then format('has an unknown value: %s', left(c.constraint_type, 64))
                    end
                )
        ) as w (tag, warning)
        where c.object_id = p_object_id
            and (
                array_position(c.constraint_numbers, null) is not null
                or array_position(c.default_numbers, null) is not null
                or dpp.value_tag(c.selector_vr) is null
                or c.constraint_type not in (
                    'RANGE_INCL', 'RANGE_EXCL', 'GREATER_OR_EQUAL', 'LESS_OR_EQUAL', 'GREATER_THAN',
                    'LESS_THAN', 'EQUAL', 'MEMBER_OF', 'NOT_MEMBER_OF', 'MEMBER_OF_CID', 'UNCONSTRAINED'))
    )
    select p.attribute, p.warning
    from problems as p
    where p.warning is not null
    order by p.attribute;
end
$$;
comment on function dpp.protocol_warnings(bigint) is
    'What could not be read in the rows of a received protocol: attribute (tags and item numbers) and problem';
