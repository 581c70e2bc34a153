-- The VR of a tag by the data dictionary, as vr_of_tag of server/dcm/vr.c says it.

-- Curves, overlays and variable pixel data are in any even group of a range; (0020,31xx) is Source Image IDs.
create or replace function dpp.vr_of_repeated(tag text)
returns text language sql immutable parallel safe as $$
    select case
        when tag ~ '^002031' then 'CS'
        else jsonb '{
        "50000005": "US", "50000010": "US", "50000020": "CS", "50000022": "LO", "50000030": "SH", "50000040": "SH",
        "50000103": "US", "50000104": "US", "50000105": "US", "50000106": "SH", "50000110": "US", "50000112": "US",
        "50000114": "US", "50001001": "CS", "50002000": "US", "50002002": "US", "50002004": "US", "50002006": "UL",
        "50002008": "UL", "5000200A": "UL", "5000200C": "OW", "5000200E": "LT", "50002500": "LO", "50002600": "SQ",
        "50002610": "US", "50003000": "OW", "60000010": "US", "60000011": "US", "60000012": "US", "60000015": "IS",
        "60000022": "LO", "60000040": "CS", "60000045": "LO", "60000050": "SS", "60000051": "US", "60000052": "US",
        "60000060": "CS", "60000061": "SH", "60000062": "SH", "60000063": "CS", "60000066": "AT", "60000068": "US",
        "60000069": "US", "60000100": "US", "60000102": "US", "60000110": "CS", "60000200": "US", "60000800": "CS",
        "60000802": "US", "60000803": "AT", "60000804": "US", "60001001": "CS", "60001100": "US", "60001101": "US",
        "60001102": "US", "60001103": "US", "60001200": "US", "60001201": "US", "60001202": "US", "60001203": "US",
        "60001301": "IS", "60001302": "DS", "60001303": "DS", "60001500": "LO", "60003000": "OW", "60004000": "LT",
        "7F000010": "OW", "7F000011": "US", "7F000020": "OW", "7F000030": "OW", "7F000040": "OW"
        }' ->> (substr(tag, 1, 2) || '00' || substr(tag, 5))
    end
    where tag ~ '^(50|60|7F|0020)'
$$;
comment on function dpp.vr_of_repeated(text) is
    'The VR of an element of a repeating group (PS3.6 7), which dpp.attributes does not have; null when it is none';

create or replace function dpp.vr_of_tag(p_tag text)
returns text language plpgsql stable as $$
begin
    -- Private creators (PS3.5 7.8.1)
    if p_tag ~ '^...[13579BDF]' then
        return case when p_tag ~ '00[1-9A-F].$' then 'LO' end;
    end if;
    return coalesce(
        (select a.vr from dpp.attributes as a where a.tag = p_tag),
        dpp.vr_of_repeated(p_tag));
end
$$;
comment on function dpp.vr_of_tag(text) is
    'The VR that the standard gives to a tag (eight hexadecimal digits), LO for private creators; null for an unknown one';
