-- What is wrong with a value, judged by its VR (PS3.5 6.2).

-- Evaluated in line.
create or replace function dpp.is_plainly_good(
    p_vr text, p_value text, p_pattern text, p_max_length int, p_low numeric, p_high numeric)
returns boolean language sql immutable parallel safe as $$
    select case
        when p_vr in ('DA', 'DT', 'PN', 'TM') or length(p_value) > p_max_length or p_value !~ ('^(' || p_pattern || ')$') then false
        when p_vr in ('FD', 'FL') then p_value ~ '^[0-9]{1,9}(\.[0-9]{1,9})?$'
        when p_low is null then p_pattern is not null
        else trim(p_value)::numeric between p_low and p_high
    end
$$;
comment on function dpp.is_plainly_good(text, text, text, int, numeric, numeric) is
    'Whether a value is good as far as its row of dpp.value_representations can tell, as most are: to ask dpp.value_fault for each takes time. False or null: ask it';

create or replace function dpp.value_fault(p_vr text, p_value text)
returns text language plpgsql stable as $$
declare
    known record;
    is_good boolean;
begin
    if p_value is null then
        return null;
    end if;
    select r.max_length, r.pattern, r.low, r.high, r.rule into known from dpp.value_representations as r where r.vr = p_vr;
    if not found then
        return case
            when dpp.value_tag(p_vr) is null then format('%s is no VR', quote_literal(p_vr))
            else format(
                'values of VR %s are no text: leave it empty, and give other_attributes {"00820034": {"vr": "SQ", "Value": [{"%s": {"vr": "%s",'
                    ' "InlineBinary": "base64"}}]}}', p_vr, dpp.value_tag(p_vr), p_vr)
        end;
    end if;
    is_good := (p_value ~ ('^(' || known.pattern || ')$')) and (known.max_length is null or length(p_value) <= known.max_length);
    if is_good then
        is_good := case p_vr
            when 'DA' then dpp.parse_da(p_value) is not null
            when 'TM' then dpp.parse_tm(p_value) is not null
            when 'DT' then dpp.parse_dt(p_value) is not null
            when 'PN' then not exists (
                select
                from string_to_table(p_value, '=') with ordinality as g (part, n)
                where g.n > 3 or length(g.part) > 64 or g.part like '%^%^%^%^%^%')
            when 'FD' then dpp.numbers_of(array[p_value]) <> array[null::double precision]
            when 'FL' then coalesce((dpp.numbers_of(array[p_value]))[1] between known.low and known.high, false)
            -- As long as this is out of every range, and may be more than a numeric holds
            else known.low is null or length(p_value) <= 400 and trim(p_value)::numeric between known.low and known.high
        end;
    end if;
    if is_good then
        return null;
    end if;
    return format('%s is not %s%s (VR %s)',
        quote_literal(left(p_value, 64) || case when length(p_value) > 64 then '...' else '' end), known.rule,
        case when p_vr = 'AT' then '; do you mean ' || dpp.nearest_keyword(p_value) || '?' end, p_vr);
end
$$;
comment on function dpp.value_fault(text, text) is
    'What is wrong with a value of a VR (PS3.5 6.2), as a sentence; null when nothing is';
