-- What hinders nobody from publishing a draft, but is seldom what an author wants. dpp.publish tells it as a warning.

create or replace function dpp.warnings(p_uid text)
returns table (relation text, item text, column_name text, rule text)
language plpgsql stable
set jit = off
as $$
declare
    header dpp.protocols;
begin
    select p.*
    into header
    from dpp.protocols as p
    join dpp.objects as o on o.id = p.object_id
    where o.sop_instance_uid = p_uid;
    if not found then
        return;
    end if;
    return query
        -- PS3.4 K.2.2.1: what a query asks for must be there, so an empty sequence, any equipment, is found by none that asks
        select 'protocol_models', null::text, null::text,
            'has no row: the protocol is for any equipment, but a scanner that asks for its own model does not find it'
        where not exists (select from dpp.protocol_models as m where m.object_id = header.object_id)
        union all
        select 'protocol_elements', null, null, 'has no row: the protocol says nothing of acquisition, reconstruction and storage'
        where not exists (select from dpp.protocol_elements as e where e.object_id = header.object_id)
        union all
        -- PS3.3 C.34.8; see dpp.problems_of_protocol
        select 'protocols', null, 'patient_position', 'is missing, though the region is of the module that has it (PS3.3 C.34.8)'
        where coalesce(header.patient_position, '') = ''
            and exists (
                select
                from dpp.protocol_codes as c
                where c.object_id = header.object_id and c.role in ('anatomic_region', 'primary_structure'))
        union all
        select 'parameter_constraints', concat_ws(' ', c.kind, nullif(c.element_ordinal, 0), c.ordinal, c.selector_keyword), w.column_name, w.rule
        from dpp.parameter_constraints as c
        cross join lateral (
            select 'selector_keyword', format('%s is retired', a.keyword)
            from dpp.attributes as a
            where a.tag = c.selector_attribute and a.is_retired
            union all
            select 'unit_code', format('%s is no unit that dpp.diff and searches can convert (dpp.units)', c.unit_code)
                || coalesce((
                    select '; do you mean ' || string_agg(u.unit_code, ' or ' order by u.unit_code) || '?'
                    from dpp.units as u
                    where lower(u.unit_code) = lower(c.unit_code)), '')
            where c.unit_code <> '' and dpp.is_numeric_vr(c.selector_vr)
                and c.unit_code not in (select u.unit_code from dpp.units as u)
        ) as w (column_name, rule)
        where c.object_id = header.object_id;
end
$$;
comment on function dpp.warnings(text) is
    'What keeps no protocol from being published, but is seldom meant, as dpp.problems tells problems. dpp.publish raises it as a warning';

create or replace function dpp.tell_warnings(p_uid text)
returns void language plpgsql stable as $$
declare
    warnings text[] := array(
        select concat_ws(' ', 'dpp.' || concat_ws('.', w.relation, w.column_name), '(' || w.item || ')') || ': ' || w.rule
        from dpp.warnings(p_uid) as w);
begin
    if warnings <> '{}' then
        raise warning '% is published as it is, which may not be meant', p_uid
            using detail = array_to_string(warnings, E'\n'), hint = format('select * from dpp.warnings(%L) lists this.', p_uid);
    end if;
end
$$;
comment on function dpp.tell_warnings(text) is 'Raises one warning with all that dpp.warnings finds, if it finds anything';
