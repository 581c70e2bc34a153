-- Values of DICOM VRs as SQL values. All take hostile text: what is not valid becomes null, never an error.
--
-- A dot is [.] in patterns. A backslash would be lost for whoever sets standard_conforming_strings off before a function is
-- first called in a session, and dpp.publish, in that session, would take other characters for a dot.

create or replace function dpp.parse_da(value text)
returns date language plpgsql immutable strict parallel safe as $$
declare
    year int;
    month int;
    day int;
    last int;
begin
    -- YYYYMMDD; YYYY.MM.DD is the retired form of ACR-NEMA that PS3.5 6.2 recommends to accept.
    if value !~ '^ *([0-9]{8}|[0-9]{4}[.][0-9]{2}[.][0-9]{2}) *$' then
        return null;
    end if;
    value := translate(value, ' .', '');
    year := substr(value, 1, 4);
    month := substr(value, 5, 2);
    day := substr(value, 7, 2);
    if year < 1 or month not between 1 and 12 or day < 1 then
        return null;
    end if;
    last := case
        when month in (4, 6, 9, 11) then 30
        when month <> 2 then 31
        when year % 4 = 0 and (year % 100 <> 0 or year % 400 = 0) then 29
        else 28
    end;
    if day > last then
        return null;
    end if;
    return make_date(year, month, day);
end
$$;
comment on function dpp.parse_da(text) is 'A DICOM date (VR DA, PS3.5 6.2) as date; null when it is none';

create or replace function dpp.parse_tm(value text)
returns time language plpgsql immutable strict parallel safe as $$
declare
    hour int;
    minute int;
    second int;
begin
    -- HH, HHMM, HHMMSS, HHMMSS.F to .FFFFFF; with colons in the retired ACR-NEMA form.
    if value !~ '^ *([01][0-9]|2[0-3])([0-5][0-9]((60|[0-5][0-9])([.][0-9]{1,6})?)?)? *$'
        and value !~ '^ *([01][0-9]|2[0-3]):[0-5][0-9](:(60|[0-5][0-9])([.][0-9]{1,6})?)? *$'
    then
        return null;
    end if;
    value := rpad(split_part(translate(value, ' :', ''), '.', 1), 6, '0') || '.'
        || rpad(split_part(trim(value), '.', 2), 6, '0');
    hour := substr(value, 1, 2);
    minute := substr(value, 3, 2);
    second := substr(value, 5, 2);
    -- A leap second has no place of its own in SQL: it counts as the last microsecond before it would be over.
    if second = 60 then
        return make_time(hour, minute, 59.999999);
    end if;
    return make_time(hour, minute, second + ('0.' || substr(value, 8))::double precision);
end
$$;
comment on function dpp.parse_tm(text) is
    'A DICOM time (VR TM, PS3.5 6.2) of any precision as time: what is not given counts as zero, second 60 as 59.999999; null when it is none';

create or replace function dpp.fold_name(name text)
returns text language sql immutable parallel safe as $$
    -- From the inside out: decompose, drop the combining marks (not those of kana, which make other letters), letters
    -- that have no decomposition, lower case (ASCII first, so that the "I" of a Turkish database does not differ),
    -- sigma at the end of a word as any other (ICU makes it of a capital, C.UTF-8 does not),
    -- spaces at the start of a component group, spaces and empty components at its end, empty groups at the end, compose.
    select normalize(
        rtrim(
            regexp_replace(
                replace(
                    lower(
                        lower(
                            translate(
                                replace(replace(replace(replace(replace(replace(
                                    regexp_replace(
                                        normalize(name, nfd),
                                        U&'[\0300-\036F\1AB0-\1AFF\1DC0-\1DFF\20D0-\20FF]', '', 'g'),
                                    U&'\00DF', 'ss'), U&'\1E9E', 'ss'),
                                    U&'\00E6', 'ae'), U&'\00C6', 'ae'),
                                    U&'\0153', 'oe'), U&'\0152', 'oe'),
                                U&'\00D8\00F8\0110\0111\00D0\00F0\0141\0142\0131\0126\0127\0166\0167',
                                U&'ooddddllihhtt'
                            ) collate "C"
                        ) collate "default"
                    ),
                    U&'\03C2', U&'\03C3'
                ),
                '(?<=^|=) +|[ ^]+(?==|$)', '', 'g'
            ),
            '= '
        ),
        nfc
    )
$$;
comment on function dpp.fold_name(text) is
    'A person name, component group or wild card pattern for matching: without regard to case, accents, Unicode form and trailing ^ and =';

create or replace function dpp.folded_name_entries(folded text)
returns text[] language plpgsql immutable parallel safe as $$
begin
    -- Most names have one group, and to start a query takes longer than all else here.
    if folded is null or folded = '' then
        return '{}';
    end if;
    if strpos(folded, '=') = 0 then
        return array[folded];
    end if;
    return array(
        select distinct g.part collate "C"
        from unnest(array[folded] || string_to_array(folded, '=')) as g (part)
        where g.part <> ''
        order by 1);
end
$$;
comment on function dpp.folded_name_entries(text) is 'dpp.fold_name_entries of a name that is folded already';

create or replace function dpp.fold_name_entries(name text)
returns text[] language plpgsql immutable parallel safe as $$
begin
    return dpp.folded_name_entries(dpp.fold_name(name));
end
$$;
comment on function dpp.fold_name_entries(text) is
    'What a person name is matched by: dpp.fold_name of the whole and of each component group, without empty ones';

create or replace function dpp.name_search(entries text[])
returns text language plpgsql immutable parallel safe as $$
begin
    return case when entries <> '{}' then E'\n' || array_to_string(entries, E'\n') || E'\n' end;
end
$$;
comment on function dpp.name_search(text[]) is
    'The entries of dpp.fold_name_entries, each between line feeds: what wild cards in person names are looked for in; null when there are none';

create or replace function dpp.parse_offset(value text)
returns interval language plpgsql immutable strict parallel safe as $$
declare
    minutes int;
begin
    if value !~ '^ *[+-][0-9]{2}[0-5][0-9] *$' then
        return null;
    end if;
    value := trim(value);
    minutes := (substr(value, 1, 1) || '1')::int * (substr(value, 2, 2)::int * 60 + substr(value, 4, 2)::int);
    if minutes not between -12 * 60 and 14 * 60 then
        return null;
    end if;
    return make_interval(mins => minutes);
end
$$;
comment on function dpp.parse_offset(text) is
    'An offset from UTC as in Timezone Offset From UTC (0008,0201), -1200 to +1400, as interval; null when it is none';

create or replace function dpp.parse_dt(value text)
returns timestamp language plpgsql immutable strict parallel safe as $$
declare
    -- Date, time, offset: each component may be left out when those after it are.
    parts text[] := regexp_match(
        value, '^ *([0-9]{4}(?:[0-9]{2}){0,2})((?:[01][0-9]|2[0-3])(?:[0-5][0-9](?:(?:60|[0-5][0-9])(?:[.][0-9]{1,6})?)?)?)?([+-][0-9]{4})? *$');
begin
    if parts is null
        or (parts[2] is not null and length(parts[1]) <> 8)
        or (parts[3] is not null and dpp.parse_offset(parts[3]) is null)
    then
        return null;
    end if;
    return dpp.parse_da(rpad(parts[1], 8, '0101')) + coalesce(dpp.parse_tm(parts[2]), time '00:00');
end
$$;
comment on function dpp.parse_dt(text) is
    'A DICOM date-time (VR DT, PS3.5 6.2) of any precision as timestamp, read without its offset: what is not given counts as zero (month and day as 1), second 60 as 59.999999; null when it is none';

create or replace function dpp.parse_dt_offset(value text)
returns interval language sql immutable strict parallel safe as $$
    select case when dpp.parse_dt(value) is not null then dpp.parse_offset(substring(value from '[+-][0-9]{4} *$')) end
$$;
comment on function dpp.parse_dt_offset(text) is
    'The offset from UTC that a DICOM date-time (VR DT) says itself; null when it says none, or is no date-time';

create or replace function dpp.instant_of(local timestamp, utc_offset interval)
returns timestamptz language sql immutable strict parallel safe as $$
    select (local - utc_offset) at time zone 'UTC'
$$;
comment on function dpp.instant_of(timestamp, interval) is 'A local time at an offset from UTC as an instant';
