-- The way in for received Protocol Approvals, and their rows made anew: dpp.ingest and dpp.rebuild, which know the
-- object and its warnings, with the rows of an approval. The same holds for them: one call is one transaction, run with
-- the owner's rights.

create or replace function dpp.ingest_approval(
    p_sop_instance_uid text,
    p_sop_class_uid text,
    p_transfer_syntax text,
    p_encoded bytea,
    p_digest bytea,
    p_query_record bytea,
    p_character_set text,
    p_timezone_offset text,
    p_source text,
    p_sender text,
    p_approval text[],
    p_subjects text[],
    p_assertions text[],
    p_asserters text[],
    p_codes text[],
    p_related text[],
    p_warnings text[]
)
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
    outcome text := dpp.ingest(
        p_sop_instance_uid, p_sop_class_uid, p_transfer_syntax, p_encoded, p_digest, p_query_record,
        p_character_set, p_timezone_offset, p_source, p_sender, null, null, null, null, null, null, null, null,
        p_warnings);
    door text;
begin
    if outcome = 'stored' then
        door := dpp.open_door();
        perform dpp.write_approval_rows(
            o.id, p_approval, p_subjects, p_assertions, p_asserters, p_codes, p_related)
        from dpp.objects as o
        where o.sop_instance_uid = p_sop_instance_uid;
        perform dpp.close_door(door);
    end if;
    return outcome;
end
$$;
comment on function dpp.ingest_approval(
    text, text, text, bytea, bytea, bytea, text, text, text, text, text[], text[], text[], text[], text[], text[],
    text[]) is
    'Store a received Protocol Approval given encoded and as rows (dpp.write_approval_rows). Returns what dpp.ingest returns';

create or replace function dpp.rebuild_approval(
    p_sop_instance_uid text,
    p_query_record bytea,
    p_character_set text,
    p_timezone_offset text,
    p_approval text[],
    p_subjects text[],
    p_assertions text[],
    p_asserters text[],
    p_codes text[],
    p_related text[],
    p_warnings text[]
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
    door text;
    known_id bigint;
begin
    if not dpp.rebuild(
        p_sop_instance_uid, p_query_record, p_character_set, p_timezone_offset, null, null, null, null, null, null,
        null, null, p_warnings)
    then
        return false;
    end if;
    select o.id
    into known_id
    from dpp.objects as o
    where o.sop_instance_uid = p_sop_instance_uid;
    door := dpp.open_door();
    perform dpp.write_approval_rows(
        known_id, p_approval, p_subjects, p_assertions, p_asserters, p_codes, p_related);
    perform dpp.close_door(door);
    return true;
end
$$;
comment on function dpp.rebuild_approval(
    text, bytea, text, text, text[], text[], text[], text[], text[], text[], text[]) is
    'Replace the rows of a stored Protocol Approval (dpp.write_approval_rows) and its query record; false when there is none, or none with an encoded form, of this UID';
