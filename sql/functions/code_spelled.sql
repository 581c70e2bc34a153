create or replace function dpp.code_spelled(p_value text, p_scheme text)
returns text language sql immutable parallel safe as $$
    select p_value || case when p_scheme = 'DCM' then '' else '^' || coalesce(p_scheme, '') end
$$;
comment on function dpp.code_spelled(text, text) is
    'A code as rules of approval spell it (dpp.assertion_codes): VALUE of scheme DCM, VALUE^SCHEME of any other';
