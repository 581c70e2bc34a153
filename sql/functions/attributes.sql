-- Reading attributes of a data set in DICOM JSON (PS3.18 F.2). The functions take the attribute, that is the object
-- {"vr": ..., "Value": [...]}, and return null when it is absent, without a value, or not exactly what was
-- expected; they never fail, whatever JSON they are given (`-> 0` of a text is that text, hence the look at the type of
-- Value; jsonpath looks into lists in lists unless it is strict). They are single expressions on purpose: the planner
-- puts them in place of the call, which makes dpp.ingest several times as fast.

create or replace function dpp.attribute_text(attribute jsonb, vr text)
returns text language sql immutable parallel safe as $$
    select case
        when attribute ->> 'vr' = vr
            and jsonb_typeof(attribute -> 'Value') = 'array'
            and jsonb_typeof(attribute -> 'Value' -> 0) = 'string'
            and attribute -> 'Value' -> 1 is null
        then nullif(attribute -> 'Value' ->> 0, '')
    end
$$;
comment on function dpp.attribute_text(jsonb, text) is
    'The value of a DICOM JSON attribute of this VR that has exactly one, a string; else null';

create or replace function dpp.attribute_int(attribute jsonb, vr text)
returns int language sql immutable parallel safe as $$
    select case
        when attribute ->> 'vr' = vr
            and jsonb_typeof(attribute -> 'Value') = 'array'
            and jsonb_typeof(attribute -> 'Value' -> 0) = 'number'
            and attribute -> 'Value' -> 1 is null
            and attribute -> 'Value' ->> 0 ~ '^-?[0-9]{1,9}$'
        then (attribute -> 'Value' ->> 0)::int
    end
$$;
comment on function dpp.attribute_int(jsonb, text) is
    'The value of a DICOM JSON attribute of this VR that has exactly one, an integer of up to nine digits; else null';

create or replace function dpp.attribute_items(attribute jsonb)
returns jsonb language sql immutable parallel safe as $$
    select case
        when attribute ->> 'vr' = 'SQ'
            and jsonb_typeof(attribute -> 'Value') = 'array'
            and not jsonb_path_exists(attribute, 'strict $.Value[*] ? (@.type() != "object")', '{}', true)
        then attribute -> 'Value'
        else '[]'
    end
$$;
comment on function dpp.attribute_items(jsonb) is
    'The items of a DICOM JSON sequence as an array of objects; an empty array when it is absent or no sequence of objects';

-- Not a single expression, hence PL/pgSQL: it keeps its plan for the session, SQL functions do not.
create or replace function dpp.attribute_texts(attribute jsonb, vr text)
returns text[] language plpgsql immutable parallel safe as $$
begin
    if attribute ->> 'vr' = vr
        and jsonb_typeof(attribute -> 'Value') = 'array'
        and not jsonb_path_exists(
            attribute, 'strict $.Value[*] ? (@.type() != "string" && @.type() != "null" || @ == "")', '{}', true)
    then
        return array(
            select coalesce(v.value, '')
            from jsonb_array_elements_text(attribute -> 'Value') with ordinality as v (value, n)
            order by v.n);
    end if;
    return '{}';
end
$$;
comment on function dpp.attribute_texts(jsonb, text) is
    'The values of a DICOM JSON attribute of this VR, all strings; null values become empty strings; an empty array when it is absent or has others';

create or replace function dpp.attribute_ints(attribute jsonb)
returns int[] language plpgsql immutable parallel safe as $$
declare
    texts text[] := dpp.attribute_texts(attribute, 'IS');
begin
    -- A spelling that the number would not have, such as 01, is better kept as it is.
    if exists (select from unnest(texts) as t (value) where t.value !~ '^(0|-?[1-9][0-9]{0,8})$') then
        return '{}';
    end if;
    return texts::int[];
end
$$;
comment on function dpp.attribute_ints(jsonb) is
    'The values of a DICOM JSON attribute of VR IS, all integers of up to nine digits in plain spelling; else an empty array';

create or replace function dpp.name_text(name jsonb)
returns text language sql immutable parallel safe as $$
    select case
        when jsonb_typeof(name) = 'object' and name - '{Alphabetic,Ideographic,Phonetic}'::text[] = '{}'
        then nullif(rtrim(concat(name ->> 'Alphabetic', '=', name ->> 'Ideographic', '=', name ->> 'Phonetic'), '='), '')
    end
$$;
comment on function dpp.name_text(jsonb) is
    'A person name of DICOM JSON as one text: component groups separated by =, without trailing ones; null when it is none';

create or replace function dpp.attribute_name(attribute jsonb)
returns text language sql immutable parallel safe as $$
    select case
        when attribute ->> 'vr' = 'PN' and jsonb_typeof(attribute -> 'Value') = 'array' and attribute -> 'Value' -> 1 is null
        then dpp.name_text(attribute -> 'Value' -> 0)
    end
$$;
comment on function dpp.attribute_name(jsonb) is
    'The value of a DICOM JSON attribute of VR PN that has exactly one, as dpp.name_text; else null';
