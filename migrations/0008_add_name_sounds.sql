-- compatible
-- Person names for fuzzy semantic matching (PS3.4 K.5.1). The extension comes with PostgreSQL and is a trusted one: the
-- owner of the database may create it. Rows that are there are filled by 0009.

create extension if not exists fuzzystrmatch;

alter table dpp.protocols add column content_creator_sounds text[] collate "C" not null default '{}';
comment on column dpp.protocols.content_creator_sounds is
    'What fuzzy matching finds Content Creator''s Name by: dpp.name_sounds. Derived, do not write';
alter table dpp.approval_asserters add column person_name_sounds text[] collate "C" not null default '{}';
comment on column dpp.approval_asserters.person_name_sounds is
    'What fuzzy matching finds the name by: dpp.name_sounds. Derived, do not write';

-- What fills them, as in sql/functions, so that rows stored between this migration and the definitions have them too.

-- Double Metaphone is made by the extension fuzzystrmatch, in whichever schema that is; a definition that names it needs
-- no search path. It knows ASCII only.
do $$
begin
    execute format(
        $definition$
            create or replace function dpp.word_codes(word text)
            returns text[] language sql immutable parallel safe as $body$
                select case
                    when word collate "C" ~ '^[a-z]+$'
                    then array(
                        select distinct c.code collate "C"
                        from unnest(array[%1$I.dmetaphone(word), %1$I.dmetaphone_alt(word)]) as c (code)
                        where c.code <> ''
                        order by 1)
                    else '{}'
                end
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
comment on function dpp.word_codes(text) is
    'The Double Metaphone codes, one or two, of a word of the letters a to z; none of other words';

create or replace function dpp.word_sounds(word text, name_group int)
returns text[] language plpgsql immutable parallel safe as $$
declare
    folded text := dpp.fold_name(word);
    -- O'Brien is Obrien.
    codes text[] := dpp.word_codes(translate(folded, U&'''\2019\02BC', ''));
begin
    if folded = '' then
        return '{}';
    end if;
    if codes = '{}' then
        return array[name_group || '=' || folded];
    end if;
    return array(select name_group || '~' || c.code from unnest(codes) as c (code));
end
$$;

create or replace function dpp.name_sounds(name text)
returns text[] language plpgsql immutable parallel safe as $$
begin
    return array(
        select distinct s.sound collate "C"
        from unnest(string_to_array(name, '=')) with ordinality as g (part, n)
        cross join lateral regexp_split_to_table(dpp.fold_name(g.part), U&'[ ,.\005E\3000-]+') as w (word)
        cross join lateral unnest(g.n || '=' || w.word || dpp.word_sounds(w.word, g.n::int)) as s (sound)
        -- An index entry has 2700 octets at most.
        where g.n <= 3 and w.word <> '' and octet_length(w.word) <= 2000
        order by 1);
end
$$;

create or replace function dpp.derive_protocol()
returns trigger language plpgsql as $$
begin
    new.creation_date := dpp.parse_da(new.instance_creation_date);
    new.creation_time := dpp.parse_tm(new.instance_creation_time);
    new.creation_datetime := new.creation_date + new.creation_time;
    new.creation_instant := null;
    if new.creation_datetime is not null then
        new.creation_instant := (
            select dpp.instant_of(new.creation_datetime, dpp.parse_offset(o.timezone_offset))
            from dpp.objects as o
            where o.id = new.object_id);
    end if;
    new.content_creator_folded := dpp.fold_name_entries(new.content_creator_name);
    new.content_creator_search := case
        when new.content_creator_folded <> '{}'
        then E'\n' || array_to_string(new.content_creator_folded, E'\n') || E'\n'
    end;
    new.content_creator_sounds := dpp.name_sounds(new.content_creator_name);
    return new;
end
$$;
create or replace function dpp.derive_approval_asserter()
returns trigger language plpgsql as $$
begin
    new.person_name_folded := dpp.fold_name_entries(new.person_name);
    new.person_name_search := case
        when new.person_name_folded <> '{}'
        then E'\n' || array_to_string(new.person_name_folded, E'\n') || E'\n'
    end;
    new.person_name_sounds := dpp.name_sounds(new.person_name);
    return new;
end
$$;
