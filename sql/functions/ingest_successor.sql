-- A received protocol of a peer that may supersede (dpp.application_entities.may_supersede): it takes the place of the versions
-- that it names as its predecessors, in the transaction that stores it. From other peers a predecessor is lineage only, so
-- that a scanner's variant that is stored back does not hide the original.
--
-- Two that name each other and come at the same moment do not see each other's claim, and dpp.supersede, which leaves circles
-- out, would make one: so stores that have a UID in common come one after the other from here on, each to its end. A few
-- locks do for all UIDs: however many predecessors there are, they are no burden to the lock table.

create or replace function dpp.ingest_successor(
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
    outcome text := dpp.ingest(
        p_sop_instance_uid, p_sop_class_uid, p_transfer_syntax, p_encoded, p_digest, p_query_record,
        p_character_set, p_timezone_offset, p_source, p_sender, p_protocol, p_custodians, p_codes, p_models,
        p_predecessors, p_instructions, p_elements, p_constraints, p_warnings);
    door text;
    predecessors text[];
begin
    if outcome = 'stored' then
        -- What is no UID names nothing, and must not keep the object from being stored.
        predecessors := array(
            select p.referenced_sop_instance_uid
            from dpp.objects as o
            join dpp.protocol_predecessors as p on p.object_id = o.id
            where o.sop_instance_uid = p_sop_instance_uid
                and p.referenced_sop_instance_uid ~ '^[0-9]+(\.[0-9]+)*$'
                and length(p.referenced_sop_instance_uid) <= 64);
        perform pg_advisory_xact_lock('dpp.supersessions'::regclass::oid::int, k.key)
        from (
            select distinct hashtext(u.uid) & 63 as key
            from unnest(predecessors || p_sop_instance_uid) as u (uid)
            where predecessors <> '{}'
            order by 1
            offset 0
        ) as k;
        door := dpp.open_door();
        perform dpp.supersede(o.id, predecessors)
        from dpp.objects as o
        where o.sop_instance_uid = p_sop_instance_uid;
        perform dpp.close_door(door);
    end if;
    return outcome;
end
$$;
comment on function dpp.ingest_successor(
    text, text, text, bytea, bytea, bytea, text, text, text, text, text[], text[], text[], text[], text[], text[],
    text[], text[], text[]) is
    'dpp.ingest for a protocol that takes the place of the versions that it names as predecessors (dpp.supersessions)';
