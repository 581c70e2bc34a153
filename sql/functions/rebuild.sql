-- The rows of a stored object made anew by the program (dppr rebuild), from the octets as it reads them now, after its
-- reading has been corrected. The octets, and so what is published, stay. One call is one transaction: a query sees
-- the former rows or the new ones.

create or replace function dpp.rebuild(
    p_sop_instance_uid text,
    p_query_record bytea,
    p_character_set text,
    p_timezone_offset text,
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
    door := dpp.open_door();
    update dpp.objects as o
    set query_record = p_query_record,
        specific_character_set = p_character_set,
        timezone_offset = p_timezone_offset
    where o.sop_instance_uid = p_sop_instance_uid
        and exists (select from dpp.instances as i where i.object_id = o.id)
    returning o.id into known_id;
    if known_id is null then
        perform dpp.close_door(door);
        return false;
    end if;
    delete from dpp.dataset_warnings as w where w.object_id = known_id;
    delete from dpp.protocols as p where p.object_id = known_id;
    -- A program that knows no rows of approvals has no query record of them either: they go together.
    delete from dpp.approvals as a where a.object_id = known_id;
    perform dpp.write_rows(
        known_id, p_protocol, p_custodians, p_codes, p_models, p_predecessors, p_instructions, p_elements,
        p_constraints, p_warnings);
    -- The rows are what queries find: who replaced them is on record, as who published them is.
    insert into dpp.audit_events (operation, sop_instance_uid) values ('rebuild', p_sop_instance_uid);
    perform dpp.close_door(door);
    return true;
end
$$;
comment on function dpp.rebuild(
    text, bytea, text, text, text[], text[], text[], text[], text[], text[], text[], text[], text[]) is
    'Replace the rows of a stored object (dpp.write_rows) and its query record; false when there is none, or none with an encoded form, of this UID';
