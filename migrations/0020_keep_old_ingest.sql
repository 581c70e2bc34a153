-- compatible
-- Servers from before 0005 call dpp.ingest(jsonb, ...), which databases of that time still have. It goes past the guard of
-- published content (sql/functions/guard.sql) as its successor does; what it is made of stays as it is, under another name.

do $$
begin
    if to_regprocedure('dpp.ingest(jsonb, bytea, text, bytea, bytea, text, text, text, text[])') is null
        or to_regprocedure('dpp.ingest_json(jsonb, bytea, text, bytea, bytea, text, text, text, text[])') is not null
    then
        return;
    end if;
    alter function dpp.ingest(jsonb, bytea, text, bytea, bytea, text, text, text, text[]) rename to ingest_json;
    revoke all on function dpp.ingest_json(jsonb, bytea, text, bytea, bytea, text, text, text, text[])
    from public, dppr_server, dppr_admin;

    create function dpp.ingest(
        p_dataset jsonb, p_encoded bytea, p_transfer_syntax text, p_query_record bytea, p_digest bytea, p_sender text,
        p_source text, p_character_set text, p_warnings text[])
    returns text
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
    as $ingest$
    declare
        before constant text := current_setting('dpp.maintenance', true);
        outcome text;
    begin
        perform set_config('dpp.maintenance', 'on', true);
        outcome := dpp.ingest_json(
            p_dataset, p_encoded, p_transfer_syntax, p_query_record, p_digest, p_sender, p_source, p_character_set,
            p_warnings);
        perform set_config('dpp.maintenance', coalesce(before, ''), true);
        return outcome;
    end
    $ingest$;
    comment on function dpp.ingest(jsonb, bytea, text, bytea, bytea, text, text, text, text[]) is
        'For servers from before migration 0005: store a received object given as DICOM JSON and encoded';
    revoke all on function dpp.ingest(jsonb, bytea, text, bytea, bytea, text, text, text, text[]) from public;
    grant execute on function dpp.ingest(jsonb, bytea, text, bytea, bytea, text, text, text, text[])
    to dppr_server, dppr_admin;
end
$$;
