-- The ways out: retired is hidden and kept, purged is gone but for its UID. Both need a reason, which stays on record.

create or replace function dpp.check_reason(p_reason text)
returns text language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(trim(p_reason), '') = '' then
        raise exception 'a reason is needed'
            using errcode = 'invalid_parameter_value', hint = 'Say why, for who reads the history later.';
    end if;
    return trim(p_reason);
end
$$;
comment on function dpp.check_reason(text) is 'Refuses an empty reason; returns it without space around';

create or replace function dpp.retire(p_uid text, p_reason text)
returns text language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    reason constant text := dpp.check_reason(p_reason);
    door text;
    known dpp.objects;
begin
    select o.* into known from dpp.objects as o where o.sop_instance_uid = p_uid for no key update;
    if not found then
        raise exception 'there is no object %', p_uid using errcode = 'no_data_found';
    end if;
    if known.state = 'draft' then
        raise exception '% is a draft, which nobody sees', p_uid
            using
                errcode = 'object_not_in_prerequisite_state',
                hint = format('Delete it: delete from dpp.objects where sop_instance_uid = %L.', p_uid);
    end if;
    if known.state = 'retired' then
        raise exception '% was retired already by % on %: %', p_uid, coalesce(known.retired_by, 'nobody known'),
            known.retired_at, known.retired_reason
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    door := dpp.open_door();
    update dpp.objects as o
    set state = 'retired', retired_at = clock_timestamp(), retired_by = session_user, retired_reason = reason
    where o.id = known.id;
    perform dpp.bequeath(known.id);
    insert into dpp.audit_events (operation, sop_instance_uid, reason) values ('retire', p_uid, reason);
    perform dpp.close_door(door);
    return p_uid;
end
$$;
comment on function dpp.retire(text, text) is
    'Hides a published object from queries and retrievals, for a reason. It stays here, with its history; versions that it superseded are current again. Returns its SOP Instance UID';

create or replace function dpp.purge(p_uid text, p_reason text)
returns text language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    reason constant text := dpp.check_reason(p_reason);
    door text;
    known dpp.objects;
begin
    known := dpp.lock_object(p_uid);
    if known.id is null then
        raise exception 'there is no object %', p_uid using errcode = 'no_data_found';
    end if;
    door := dpp.open_door();
    insert into dpp.tombstones (sop_instance_uid, digest, reason)
    select p_uid, (select i.digest from dpp.instances as i where i.object_id = known.id), reason;
    -- With what dpp.protocols_at and dpp.history need when the rows are gone
    insert into dpp.audit_events (operation, sop_instance_uid, reason, details)
    select
        'purge', p_uid, reason,
        jsonb_strip_nulls(
            to_jsonb(known) - array['id', 'sop_instance_uid', 'query_record', 'specific_character_set']
            || jsonb_build_object(
                'protocol_name', p.protocol_name,
                'equipment_modality', p.equipment_modality,
                'supersedes', (
                    select jsonb_agg(s.superseded_uid order by s.superseded_uid)
                    from dpp.supersessions as s
                    where s.object_id = known.id),
                'predecessors', (
                    select jsonb_agg(r.referenced_sop_instance_uid order by r.ordinal)
                    from dpp.protocol_predecessors as r
                    where r.object_id = known.id)))
    from (select known.id) as k (id)
    left join dpp.protocols as p on p.object_id = k.id;
    perform dpp.bequeath(known.id);
    delete from dpp.objects as o where o.id = known.id;
    perform dpp.close_door(door);
    return p_uid;
end
$$;
comment on function dpp.purge(text, text) is
    'Deletes an object of any state for good, for a reason: nothing of it stays but a tombstone, which refuses its SOP Instance UID, and the record of what happened. Returns its SOP Instance UID';
