-- Looking up the data dictionary by what people write.

create or replace function dpp.parse_tag(value text)
returns text language sql immutable parallel safe as $$
    select case
        when value ~ '^ *(\([0-9A-Fa-f]{4}, ?[0-9A-Fa-f]{4}\)|[0-9A-Fa-f]{4},?[0-9A-Fa-f]{4}) *$'
        then upper(translate(value, '(), ', ''))
    end
$$;
comment on function dpp.parse_tag(text) is
    'A tag as written by people, (0018,0060), 0018,0060 or 00180060, as eight hexadecimal digits; null when it is none';

create or replace function dpp.attribute_of(value text)
returns dpp.attributes language plpgsql stable as $$
declare
    known dpp.attributes;
    known_tag text := dpp.parse_tag(value);
begin
    if known_tag is not null then
        select * into known from dpp.attributes as a where a.tag = known_tag;
        return known;
    end if;
    select * into known from dpp.attributes as a where lower(a.keyword) = lower(trim(value) collate "C");
    if not found then
        select *
        into known
        from dpp.attributes as a
        where lower(a.name) = lower(trim(value) collate "C")
        order by a.is_retired, a.tag
        limit 1;
    end if;
    return known;
end
$$;
comment on function dpp.attribute_of(text) is
    'The attribute of the data dictionary that has this tag, keyword or name, in upper or lower case; null when there is none';

-- The extension may be in any schema (see dpp.word_codes).
do $$
begin
    execute format(
        $definition$
            create or replace function dpp.edit_distance(a text, b text)
            returns int language sql immutable parallel safe as $body$
                select %1$I.levenshtein(lower(left(a, 80) collate "C"), lower(left(b, 80) collate "C"))
            $body$
        $definition$,
        (
            select n.nspname
            from pg_catalog.pg_extension as e
            join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
            where e.extname = 'fuzzystrmatch'
        ));
end
$$;
comment on function dpp.edit_distance(text, text) is
    'How many letters have to be changed to make one word of another, without regard to case';

create or replace function dpp.nearest_keyword(value text)
returns text language sql stable as $$
    select n.keyword
    from (
        select a.keyword, dpp.edit_distance(value, a.keyword) as distance
        from dpp.attributes as a
        where not a.is_retired and abs(length(a.keyword) - length(value)) <= 2 + length(value) / 5
    ) as n
    where n.distance <= 2 + length(value) / 5
    order by n.distance, n.keyword
    limit 1
$$;
comment on function dpp.nearest_keyword(text) is
    'The keyword of the data dictionary that is written most alike, to suggest for one that is not there; null when none is';
