-- The canonical form of a value, of which dpp.instances.digest is the SHA-256: as server/dcm/digest.c has it, where its reasons
-- are given. An unknown value that is an Implicit VR Little Endian sequence (PS3.5 6.2.2) counts as that sequence, and
-- so does one of an attribute that the dictionary knows as a sequence.
--
-- Octets that are no sequence end the reading with an exception, which dpp.canonical_sequence turns into null.

create or replace function dpp.trimmed_octets(vr text, octets bytea)
returns bytea language sql immutable parallel safe as $$
    select case
        when vr in ('AE', 'CS', 'DS', 'IS', 'LO', 'SH') then ltrim(rtrim(octets, '\x2000'), '\x20')
        when vr in ('AS', 'DA', 'DT', 'LT', 'PN', 'ST', 'TM', 'UC', 'UI', 'UR', 'UT') then rtrim(octets, '\x2000')
        else octets
    end
$$;
comment on function dpp.trimmed_octets(text, bytea) is 'A value without padding, which strings have (PS3.5 6.2)';

create or replace function dpp.padded_octets(vr text, octets bytea)
returns bytea language sql immutable parallel safe as $$
    select case
        when length(octets) % 2 = 0 then octets
        when vr in ('AE', 'AS', 'CS', 'DA', 'DS', 'DT', 'IS', 'LO', 'LT', 'PN', 'SH', 'ST', 'TM', 'UC', 'UR', 'UT')
        then octets || '\x20'
        else octets || '\x00'
    end
$$;
comment on function dpp.padded_octets(text, bytea) is
    'A value with an even number of octets: filled up by a space, NUL for UI and values that are no strings (PS3.5 6.2)';

create or replace function dpp.canonical_element(p_tag text, p_vr text, p_value bytea)
returns bytea language plpgsql stable as $$
declare
    items bytea;
    value bytea;
begin
    if p_tag = 'FFFCFFFC' then
        return '';
    elsif p_vr = 'SQ' and p_value = '' then
        items := '';
    elsif coalesce(p_vr, 'SQ') = 'SQ' and length(p_value) >= 8 and substr(p_value, 1, 4) = '\xfeff00e0' then
        items := dpp.canonical_sequence(p_value);
    end if;
    if items is not null then
        return '\x73' || decode(p_tag, 'hex') || '\x5b' || items || '\x5d';
    end if;
    value := dpp.padded_octets(p_vr, dpp.trimmed_octets(p_vr, p_value));
    return '\x65' || decode(p_tag, 'hex') || convert_to(coalesce(p_vr, 'UN'), 'UTF8')
        || decode(dpp.le_hex(length(value), 4), 'hex') || value;
end
$$;
comment on function dpp.canonical_element(text, text, bytea) is
    'An element in canonical form: tag, VR by the dictionary (null: none), value';

-- A data element of an Implicit VR Little Endian data set, or an item: octets from at (0 is the first) to before end.
create or replace function dpp.implicit_header(
    p_octets bytea, p_at int, p_end int, out tag text, out size bigint, out is_undefined boolean)
language plpgsql immutable as $$
begin
    if p_end - p_at < 8 then
        raise exception using errcode = 'invalid_binary_representation', message = 'element header is cut short';
    end if;
    tag := upper(encode(
        dpp.reversed(substr(p_octets, p_at + 1, 2)) || dpp.reversed(substr(p_octets, p_at + 3, 2)), 'hex'));
    size := get_byte(p_octets, p_at + 4) + 256 * get_byte(p_octets, p_at + 5) + 65536 * get_byte(p_octets, p_at + 6)
        + 16777216::bigint * get_byte(p_octets, p_at + 7);
    is_undefined := size = 4294967295;
    if not is_undefined and size > p_end - p_at - 8 then
        raise exception using errcode = 'invalid_binary_representation', message = 'value is longer than what holds it';
    end if;
end
$$;
comment on function dpp.implicit_header(bytea, int, int) is 'Tag and length of an element or item in Implicit VR Little Endian';

create or replace function dpp.canonical_items(
    p_octets bytea, p_end int, p_is_delimited boolean, p_depth int, inout at int, out canonical bytea)
language plpgsql stable as $$
declare
    items bytea[] := '{}';
    head record;
    inside record;
begin
    if p_depth > 128 then
        raise exception using errcode = 'program_limit_exceeded', message = 'sequences are nested too deep';
    end if;
    while p_is_delimited or at < p_end loop
        head := dpp.implicit_header(p_octets, at, p_end);
        at := at + 8;
        exit when p_is_delimited and head.tag = 'FFFEE0DD' and head.size = 0;
        if head.tag <> 'FFFEE000' then
            raise exception using errcode = 'invalid_binary_representation', message = 'something else than an item in a sequence';
        end if;
        inside := dpp.canonical_elements(
            p_octets, case when head.is_undefined then p_end else (at + head.size)::int end, head.is_undefined, p_depth, at);
        at := inside.at;
        items := items || ('\x7b' || inside.canonical || '\x7d');
    end loop;
    -- Not item by item: what is written at the end of octets is written with all before it.
    canonical := coalesce((select string_agg(i.item, '' order by i.n) from unnest(items) with ordinality as i (item, n)), '');
end
$$;
comment on function dpp.canonical_items(bytea, int, boolean, int, int) is
    'The items of a sequence in Implicit VR Little Endian in canonical form, and where they end';

create or replace function dpp.canonical_elements(
    p_octets bytea, p_end int, p_is_delimited boolean, p_depth int, inout at int, out canonical bytea)
language plpgsql stable as $$
declare
    tags text[] := '{}';
    elements bytea[] := '{}';
    head record;
    vr text;
    inside record;
begin
    while p_is_delimited or at < p_end loop
        head := dpp.implicit_header(p_octets, at, p_end);
        at := at + 8;
        exit when p_is_delimited and head.tag = 'FFFEE00D' and head.size = 0;
        vr := dpp.vr_of_tag(head.tag);
        if head.tag ~ '^(FFFE|0000|0002)'
            or head.is_undefined and (head.tag ~ '0000$' or coalesce(vr, 'SQ') <> 'SQ')
        then
            raise exception using errcode = 'invalid_binary_representation', message = 'this is no element of an item';
        end if;
        if head.is_undefined or vr = 'SQ' then
            inside := dpp.canonical_items(
                p_octets, case when head.is_undefined then p_end else (at + head.size)::int end, head.is_undefined,
                p_depth + 1, at);
            at := inside.at;
            if vr is null and inside.canonical = '' then
                elements := elements || dpp.canonical_element(head.tag, null, '');
            else
                elements := elements || ('\x73' || decode(head.tag, 'hex') || '\x5b' || inside.canonical || '\x5d');
            end if;
            tags := tags || head.tag;
        else
            if head.tag !~ '0000$' and head.tag <> 'FFFCFFFC' then
                elements := elements || dpp.canonical_element(head.tag, vr, substr(p_octets, at + 1, head.size::int));
                tags := tags || head.tag;
            end if;
            at := at + head.size;
        end if;
    end loop;
    if (select count(distinct t.tag) from unnest(tags) as t (tag)) < cardinality(tags) then
        raise exception using errcode = 'invalid_binary_representation', message = 'an element is there twice';
    end if;
    canonical := coalesce(
        (
            select string_agg(e.element, '' order by e.tag)
            from unnest(tags, elements) as e (tag, element)
        ),
        '');
end
$$;
comment on function dpp.canonical_elements(bytea, int, boolean, int, int) is
    'The elements of an item in Implicit VR Little Endian in canonical form, and where they end';

create or replace function dpp.canonical_sequence(p_octets bytea)
returns bytea language plpgsql stable as $$
begin
    return (dpp.canonical_items(p_octets, length(p_octets), false, 1, 0)).canonical;
exception
    when invalid_binary_representation or program_limit_exceeded then
        return null;
end
$$;
comment on function dpp.canonical_sequence(bytea) is
    'The items of a sequence in Implicit VR Little Endian in canonical form; null when the octets are none';

-- A server reads the octets of an unknown value as the sequence that they are, as far as it reads sequences: 32 within
-- one another, 1000000 items and attributes of at least eight octets.
create or replace function dpp.sequence_fault(p_octets bytea, p_depth int)
returns text language plpgsql stable as $$
begin
    if substr(p_octets, 1, 4) <> '\xfeff00e0' then
        return null;
    elsif length(p_octets) > 8000000 then
        return 'has VR UN and is too large a sequence';
    end if;
    perform dpp.canonical_items(p_octets, length(p_octets), false, 128 - 32 + p_depth, 0);
    return null;
exception
    when invalid_binary_representation then
        return null;
    when program_limit_exceeded then
        return 'has VR UN and sequences nested deeper than 32';
end
$$;
comment on function dpp.sequence_fault(bytea, int) is
    'Why octets of VR UN, in so many sequences with their own, are no sequence that is read; null when they are, or are none';
