-- Functions that servers and commands call. Servers of several versions may run against one schema, so a function keeps
-- its arguments and its result; a changed one is another function, and the old one stays for those that call it.
begin;
select plan(8);

select is(pg_get_function_result(to_regprocedure(f.signature)), f.result, f.signature)
from (
    values
        -- 0.1.0
        ('dpp.peer_of(text, inet)', 'SETOF dpp.application_entities'),
        ('dpp.fold_name(text)', 'text'),
        ('dpp.word_sounds(text, integer)', 'text[]'),
        (
            'dpp.ingest(text, text, text, bytea, bytea, bytea, text, text, text, text, text[], text[], text[], text[],'
            ' text[], text[], text[], text[], text[])',
            'text'
        ),
        (
            'dpp.rebuild(text, bytea, text, text, text[], text[], text[], text[], text[], text[], text[], text[], text[])',
            'boolean'
        ),
        (
            'dpp.ingest_approval(text, text, text, bytea, bytea, bytea, text, text, text, text, text[], text[], text[],'
            ' text[], text[], text[], text[])',
            'text'
        ),
        (
            'dpp.rebuild_approval(text, bytea, text, text, text[], text[], text[], text[], text[], text[], text[])',
            'boolean'
        ),
        -- dppr diff
        (
            'dpp.diff(text, text, numeric, numeric)',
            'TABLE(part text, element text, attribute text, tag text, aspect text, left_value text, right_value text,'
            ' difference text)'
        )
) as f (signature, result);

select * from finish();
rollback;
