-- Person names for fuzzy semantic matching (PS3.4 K.5.1): by words, and by how they sound.
--
-- Loops and plain expressions, no queries: this runs for each name that is stored, and to start a query takes longer
-- than all else here.

-- Double Metaphone is made by the extension fuzzystrmatch, in whichever schema that is; a definition that names it needs
-- no search path. It knows ASCII only.
do $$
begin
    execute format(
        $definition$
            create or replace function dpp.word_codes(word text)
            returns text[] language plpgsql immutable parallel safe as $body$
            declare
                code text collate "C";
                alternative text collate "C";
            begin
                if word is null or word collate "C" !~ '^[a-z]+$' then
                    return '{}';
                end if;
                code := %1$I.dmetaphone(word);
                alternative := %1$I.dmetaphone_alt(word);
                return array_remove(
                    case when code = alternative then array[code] else array[code, alternative] end, '');
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

create or replace function dpp.folded_word_sounds(folded text, name_group int)
returns text[] language plpgsql immutable parallel safe as $$
declare
    -- O'Brien is Obrien.
    codes text[] := dpp.word_codes(translate(folded, U&'''\2019\02BC', ''));
begin
    if codes = '{}' then
        return array[name_group || '=' || folded];
    end if;
    if cardinality(codes) = 1 then
        return array[name_group || '~' || codes[1]];
    end if;
    return array[name_group || '~' || codes[1], name_group || '~' || codes[2]];
end
$$;
comment on function dpp.folded_word_sounds(text, int) is 'dpp.word_sounds of a word that is folded already';

create or replace function dpp.word_sounds(word text, name_group int)
returns text[] language plpgsql immutable parallel safe as $$
declare
    folded text := dpp.fold_name(word);
begin
    return case when folded = '' then '{}' else dpp.folded_word_sounds(folded, name_group) end;
end
$$;
comment on function dpp.word_sounds(text, int) is
    'What a word, without wild cards, is looked for by in dpp.name_sounds, in that component group: its codes (1~SM0), or folded (1=smith) when it has none';

create or replace function dpp.folded_name_sounds(folded text)
returns text[] language plpgsql immutable parallel safe as $$
declare
    -- Far longer than names are: the time for more grows with the square. A word that is cut to this is too long.
    groups text[] := string_to_array(left(folded, 2001), '=');
    word text;
    sounds text[] collate "C" := '{}';
begin
    for n in 1..least(coalesce(cardinality(groups), 0), 3) loop
        continue when groups[n] = '';
        foreach word in array regexp_split_to_array(groups[n], U&'[ ,.\005E\3000-]+') loop
            -- An index entry has 2700 octets at most.
            if word <> '' and octet_length(word) <= 2000 then
                sounds := sounds || (n || '=' || word)
                    || array_remove(dpp.folded_word_sounds(word, n), n || '=' || word);
            end if;
        end loop;
    end loop;
    return sounds;
end
$$;
comment on function dpp.folded_name_sounds(text) is 'dpp.name_sounds of a name that is folded already';

create or replace function dpp.name_sounds(name text)
returns text[] language plpgsql immutable parallel safe as $$
begin
    return dpp.folded_name_sounds(dpp.fold_name(name));
end
$$;
comment on function dpp.name_sounds(text) is
    'What a person name is found by in fuzzy matching, with the number of the component group in front: its folded words (1=smith) and their Double Metaphone codes (1~SM0)';
