-- The one way in for received objects. One call is one transaction and leaves all or nothing behind.
--
-- Security definer: a server may add objects through this function, and only through it; it has no right to change
-- or delete what is published. The guard of the tables (guard.sql) lets it pass by dpp.open_door.
--
-- Plans are made once per session and kept. One made while the tables are empty, as for the first of many objects that
-- are imported, would read them whole ever after, hence enable_seqscan.

create or replace function dpp.ingest(
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
    p_protocol text[],
    p_custodians text[],
    p_codes text[],
    p_models text[],
    p_predecessors text[],
    p_instructions text[],
    p_elements text[],
    p_constraints text[],
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
    door text;
    new_id bigint;
    known record;
begin
    door := dpp.open_door();
    loop
        -- If another transaction is storing the same UID this waits for its end.
        insert into dpp.objects (
            sop_instance_uid, sop_class_uid, state, query_record, specific_character_set, timezone_offset, source,
            sender_aet, published_at, published_by)
        values (
            p_sop_instance_uid, p_sop_class_uid, 'published', p_query_record, p_character_set, p_timezone_offset,
            p_source, p_sender, now(), session_user)
        on conflict (sop_instance_uid) do nothing
        returning id into new_id;
        exit when new_id is not null;

        -- A statement of its own, so that it sees what the other transaction has committed.
        select o.state, i.digest
        into known
        from dpp.objects as o
        left join dpp.instances as i on i.object_id = o.id
        where o.sop_instance_uid = p_sop_instance_uid;
        if found then
            perform dpp.close_door(door);
            return case
                when known.state in ('draft', 'retired') then known.state
                when known.digest = p_digest then 'same'
                else 'different'
            end;
        end if;
        -- Deleted in between: try again.
    end loop;

    -- After the insert, not before: it may have waited for the transaction that purged the object.
    if exists (select from dpp.tombstones as t where t.sop_instance_uid = p_sop_instance_uid) then
        delete from dpp.objects as o where o.id = new_id;
        perform dpp.close_door(door);
        return 'purged';
    end if;

    insert into dpp.instances (object_id, transfer_syntax_uid, dataset, size, digest)
    values (new_id, p_transfer_syntax, p_encoded, length(p_encoded), p_digest);

    perform dpp.write_rows(
        new_id, p_protocol, p_custodians, p_codes, p_models, p_predecessors, p_instructions, p_elements,
        p_constraints, p_warnings);
    perform dpp.close_door(door);
    return 'stored';
end
$$;
comment on function dpp.ingest(
    text, text, text, bytea, bytea, bytea, text, text, text, text, text[], text[], text[], text[], text[], text[],
    text[], text[], text[]) is
    'Store a received object given encoded and as rows (dpp.write_rows). Returns stored, or what is known of its SOP Instance UID: same or different content, draft, retired, purged';
