-- Values as octets (Explicit VR Little Endian, PS3.5 6.2 and 7.1.2). A value that is none of its VR is null, never an error:
-- who asks says which attribute it was.

-- As server/dcm/vr.c has them, in rows.
create or replace function dpp.encoded_vrs()
returns table (vr text, octets bytea, has_long_length boolean, is_string boolean, is_text boolean, is_split boolean, trims_front boolean)
language sql immutable parallel safe as $$
    values
        ('AE', '\x4145'::bytea, false, true, false, true, true),
        ('AS', '\x4153', false, true, false, true, false),
        ('AT', '\x4154', false, false, false, true, false),
        ('CS', '\x4353', false, true, false, true, true),
        ('DA', '\x4441', false, true, false, true, false),
        ('DS', '\x4453', false, true, false, true, true),
        ('DT', '\x4454', false, true, false, true, false),
        ('FD', '\x4644', false, false, false, true, false),
        ('FL', '\x464c', false, false, false, true, false),
        ('IS', '\x4953', false, true, false, true, true),
        ('LO', '\x4c4f', false, true, true, true, true),
        ('LT', '\x4c54', false, true, true, false, false),
        ('OB', '\x4f42', true, false, false, false, false),
        ('OD', '\x4f44', true, false, false, false, false),
        ('OF', '\x4f46', true, false, false, false, false),
        ('OL', '\x4f4c', true, false, false, false, false),
        ('OV', '\x4f56', true, false, false, false, false),
        ('OW', '\x4f57', true, false, false, false, false),
        ('PN', '\x504e', false, true, true, true, false),
        ('SH', '\x5348', false, true, true, true, true),
        ('SL', '\x534c', false, false, false, true, false),
        ('SS', '\x5353', false, false, false, true, false),
        ('ST', '\x5354', false, true, true, false, false),
        ('SV', '\x5356', true, false, false, true, false),
        ('TM', '\x544d', false, true, false, true, false),
        ('UC', '\x5543', true, true, true, true, false),
        ('UI', '\x5549', false, true, false, true, false),
        ('UL', '\x554c', false, false, false, true, false),
        ('UN', '\x554e', true, false, false, false, false),
        ('UR', '\x5552', true, true, false, false, false),
        ('US', '\x5553', false, false, false, true, false),
        ('UT', '\x5554', true, true, true, false, false),
        ('UV', '\x5556', true, false, false, true, false)
$$;
comment on function dpp.encoded_vrs() is
    'The value representations of PS3.5 6.2 but SQ: letters as octets; whether the length has 32 bits, values are strings, text in the character set, parted by backslashes, without regard to leading spaces';

create or replace function dpp.le_hex(number bigint, octets int)
returns text language sql immutable parallel safe as $$
    select case octets
        when 2 then lpad(to_hex(((number & 255) << 8) | (number >> 8)), 4, '0')
        else lpad(
            to_hex(
                ((number & 255) << 24) | ((number & 65280) << 8) | ((number >> 8) & 65280) | ((number >> 24) & 255)),
            8, '0')
    end
$$;
comment on function dpp.le_hex(bigint, int) is
    'A number of two or four octets, little endian, as hexadecimal digits';

create or replace function dpp.tag_octets(tag text)
returns bytea language sql immutable parallel safe as $$
    select decode(substr(tag, 3, 2) || substr(tag, 1, 2) || substr(tag, 7, 2) || substr(tag, 5, 2), 'hex')
$$;
comment on function dpp.tag_octets(text) is 'A tag of eight hexadecimal digits as in the data set: group and element, each little endian';

create or replace function dpp.reversed(octets bytea)
returns bytea language plpgsql immutable strict parallel safe as $$
declare
    result bytea := '';
begin
    for i in reverse length(octets)..1 loop
        result := result || substr(octets, i, 1);
    end loop;
    return result;
end
$$;
comment on function dpp.reversed(bytea) is 'The octets in reverse order: a number of network byte order in little endian';

-- Of VRs whose values are numbers, the range, the octets.
create or replace function dpp.number_octets(vr text, value text)
returns bytea language plpgsql immutable strict parallel safe as $$
declare
    number numeric;
begin
    if vr in ('FD', 'FL') then
        if value = 'NaN' then
            return dpp.reversed(case vr when 'FD' then float8send('NaN') else float4send('NaN') end);
        end if;
        if value !~ '^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?$' then
            return null;
        end if;
        return dpp.reversed(case vr when 'FD' then float8send(value::float8) else float4send(value::float8::float4) end);
    end if;
    if length(value) > 40 or value !~ '^[-+]?[0-9]+(\.0*)?$' then
        return null;
    end if;
    number := trunc(value::numeric);
    return case
        when vr = 'US' and number between 0 and 65535 then decode(dpp.le_hex(number::bigint, 2), 'hex')
        when vr = 'SS' and number between -32768 and 32767
        then decode(dpp.le_hex(number::bigint & 65535, 2), 'hex')
        when vr = 'UL' and number between 0 and 4294967295 then decode(dpp.le_hex(number::bigint, 4), 'hex')
        when vr = 'SL' and number between -2147483648 and 2147483647
        then decode(dpp.le_hex(number::bigint & 4294967295, 4), 'hex')
        when vr = 'SV' and number between -9223372036854775808 and 9223372036854775807
        then dpp.reversed(int8send(number::bigint))
        when vr = 'UV' and number between 0 and 18446744073709551615
        then dpp.reversed(int8send((
            case when number > 9223372036854775807 then number - 18446744073709551616 else number end)::bigint))
    end;
exception
    when numeric_value_out_of_range then
        return null;
end
$$;
comment on function dpp.number_octets(text, text) is
    'One number of a binary VR (FD FL SL SS SV UL US UV) as octets, little endian; null when it is none, or out of range';

create or replace function dpp.binary_octets(vr text, value text)
returns bytea language plpgsql immutable strict parallel safe as $$
begin
    if vr = 'AT' then
        -- Group and element are two numbers.
        return case
            when value ~ '^([0-9A-Fa-f]{8}(\\(?=.)|$))*$'
            then decode(regexp_replace(value, '(..)(..)(..)(..)\\?', '\2\1\4\3', 'g'), 'hex')
        end;
    elsif vr = 'US' and value ~ '^[0-9]{1,4}$' then
        return decode(dpp.le_hex(value::bigint, 2), 'hex');
    elsif vr like 'O_' or vr = 'UN' then
        return case
            when value ~ '^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$' then decode(value, 'base64')
        end;
    elsif value = '' then
        return '';
    elsif strpos(value, '\') = 0 then
        return dpp.number_octets(vr, value);
    end if;
    return (
        select case when count(*) = count(n.octets) then string_agg(n.octets, '' order by v.n) end
        from string_to_table(value, '\') with ordinality as v (value, n)
        cross join lateral (select dpp.number_octets(vr, v.value)) as n (octets));
end
$$;
comment on function dpp.binary_octets(text, text) is
    'Values of a VR that has no strings (numbers parted by backslashes, tags, base64) as octets; null when one is none';

-- Who reads UN of a known attribute takes it for the VR that is known (PS3.5 6.2.2 note 2), and text beyond ASCII for what
-- the character set says.
create or replace function dpp.is_unknown_text(known_vr text, octets bytea)
returns boolean language sql immutable parallel safe as $$
    select known_vr in ('LO', 'LT', 'PN', 'SH', 'ST', 'UC', 'UT') and encode(octets, 'hex') ~ '^(..)*[89a-f]'
$$;
comment on function dpp.is_unknown_text(text, bytea) is
    'Whether a value of VR UN is text beyond ASCII, by the VR that the data dictionary has for its attribute';
