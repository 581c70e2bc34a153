-- Attributes in DICOM JSON (PS3.18 F.2) as values of the form that dpp.attributes_of_protocol has: as server/dcm/json_read.c
-- reads them.

create or replace function dpp.json_name(value jsonb)
returns text language sql immutable parallel safe as $$
    select rtrim(concat(value ->> 'Alphabetic', '=', value ->> 'Ideographic', '=', value ->> 'Phonetic'), '=')
$$;
comment on function dpp.json_name(jsonb) is 'A person name in DICOM JSON as it is in the data set';

-- DS has 16 characters (PS3.5 6.2): as many digits as fit.
create or replace function dpp.json_decimal(value jsonb)
returns text language plpgsql immutable parallel safe as $$
declare
    number constant numeric := value::text::numeric;
    result text := trim_scale(number)::text;
begin
    -- Beyond what double precision has, and so whoever reads it
    if number <> 0 and abs(number) not between 1e-307 and 1e307 then
        return null;
    end if;
    if length(result) > 16 then
        result := number::double precision::text;
    end if;
    for digits in reverse 16..1 loop
        exit when length(result) <= 16;
        result := round(number, digits - 1 - floor(log(abs(number)))::int)::double precision::text;
    end loop;
    return result;
end
$$;
comment on function dpp.json_decimal(jsonb) is 'A number in DICOM JSON as a decimal string of at most 16 characters; null when it is too large, or too small, for double precision';

create or replace function dpp.json_value(p_vr text, p_value jsonb, out value text, out fault text)
language plpgsql immutable parallel safe as $$
declare
    kind constant text := coalesce(jsonb_typeof(p_value), 'null');
begin
    if kind = 'null' then
        value := case when p_vr in ('FD', 'FL') then 'NaN' else '' end;
        if p_vr in ('SL', 'SS', 'SV', 'UL', 'US', 'UV', 'AT') then
            fault := 'has a value that is null';
        end if;
    elsif p_vr = 'PN' and kind = 'object' then
        value := dpp.json_name(p_value);
        if exists (
            select
            from jsonb_each(p_value) as g
            where g.key in ('Alphabetic', 'Ideographic', 'Phonetic')
                and (jsonb_typeof(g.value) not in ('string', 'null') or strpos(g.value #>> '{}', '=') > 0))
        then
            fault := 'has a component group that is no string, or has a = in it';
        end if;
    elsif p_vr in ('FD', 'FL', 'SL', 'SS', 'UL', 'US') then
        value := p_value #>> '{}';
        fault := case when kind <> 'number' then 'has a value that is no number' end;
    elsif p_vr in ('SV', 'UV') then
        value := p_value #>> '{}';
        fault := case when kind not in ('number', 'string') then 'has a value that is no number' end;
    elsif kind = 'number' and p_vr in ('DS', 'IS') then
        value := case p_vr when 'DS' then dpp.json_decimal(p_value) else trim_scale(p_value::text::numeric)::text end;
        fault := case
            when value is null then 'has a number that double precision cannot hold'
            when p_vr = 'IS' and value !~ '^-?[0-9]+$' then 'has a value that is no integer'
        end;
        value := coalesce(value, '');
    elsif kind = 'string' then
        value := p_value #>> '{}';
    else
        fault := 'has a value that is no string';
    end if;
end
$$;
comment on function dpp.json_value(text, jsonb) is
    'One value in DICOM JSON as text of the data set, and what is wrong with it';

create or replace function dpp.json_values(p_vr text, p_attribute jsonb, out value text, out value_count int, out fault text)
language plpgsql immutable parallel safe as $$
declare
    "values" constant jsonb := p_attribute -> 'Value';
    is_binary constant boolean := p_vr like 'O_' or p_vr = 'UN';
begin
    value := '';
    value_count := 1;
    if jsonb_typeof(p_attribute) <> 'object' then
        fault := 'is no attribute of DICOM JSON';
    elsif p_attribute ? 'BulkDataURI' then
        fault := 'has a BulkDataURI, which is not supported';
    elsif p_attribute ? 'InlineBinary' then
        value := p_attribute ->> 'InlineBinary';
        fault := case
            when not is_binary then 'has InlineBinary, which its VR has not'
            when "values" is not null then 'has both Value and InlineBinary'
            when value is null or jsonb_typeof(p_attribute -> 'InlineBinary') <> 'string' then 'has InlineBinary that is no base64'
        end;
    elsif "values" is null or "values" = '[]' then
        return;
    elsif jsonb_typeof("values") <> 'array' then
        fault := 'has a Value that is no array';
    elsif is_binary then
        fault := 'has a Value, where its VR has InlineBinary';
    elsif p_vr = 'SQ' then
        if jsonb_path_exists("values", '$[*] ? (@.type() != "object" && @.type() != "null")') then
            fault := 'has an item that is no object';
        end if;
    else
        select string_agg(v.value, '\' order by e.n), count(*), min(v.fault)
        into value, value_count, fault
        from jsonb_array_elements("values") with ordinality as e (value, n)
        cross join lateral dpp.json_value(p_vr, e.value) as v;
        if value_count > 1 and p_vr in ('ST', 'LT', 'UT', 'UR') then
            fault := 'has several values, where its VR has one';
        end if;
    end if;
end
$$;
comment on function dpp.json_values(text, jsonb) is
    'The values of an attribute in DICOM JSON as text of the data set, parted by backslashes, their number, and what is wrong with them';
