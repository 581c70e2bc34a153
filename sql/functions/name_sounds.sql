-- Person names for fuzzy semantic matching (PS3.4 K.5.1): by words, and by how they sound.

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
comment on function dpp.word_sounds(text, int) is
    'What a word, without wild cards, is looked for by in dpp.name_sounds, in that component group: its codes (1~SM0), or folded (1=smith) when it has none';

create or replace function dpp.name_sounds(name text)
returns text[] language plpgsql immutable parallel safe as $$
begin
    return array(
        select distinct s.sound collate "C"
        from unnest(string_to_array(name, '=')) with ordinality as g (part, n)
        cross join lateral regexp_split_to_table(dpp.fold_name(g.part), U&'[ ,.\005E\3000-]+') as w (word)
        cross join lateral unnest(g.n || '=' || w.word || dpp.word_sounds(w.word, g.n::int)) as s (sound)
        where g.n <= 3 and w.word <> ''
        order by 1);
end
$$;
comment on function dpp.name_sounds(text) is
    'What a person name is found by in fuzzy matching, with the number of the component group in front: its folded words (1=smith) and their Double Metaphone codes (1~SM0)';
