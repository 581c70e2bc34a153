-- What peers asked for need not be kept for ever: queries are many. Rows of what changed the repository stay, because
-- dpp.history and dpp.protocols_at tell from them how it came to be what it is.

create or replace function dpp.forget_audit(p_before timestamptz, p_reason text)
returns bigint language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    reason constant text := dpp.check_reason(p_reason);
    door text;
    forgotten bigint;
begin
    if p_before is null or p_before > now() then
        raise exception 'audit rows are forgotten up to a time in the past, not %', coalesce(p_before::text, 'null')
            using errcode = 'invalid_parameter_value';
    end if;
    door := dpp.open_door();
    delete from dpp.audit_events as e
    where e.occurred_at < p_before
        and (e.operation in ('find', 'get', 'move') or e.operation = 'store' and e.status is distinct from 0);
    get diagnostics forgotten = row_count;
    insert into dpp.audit_events (operation, reason, details)
    values ('forget', reason, jsonb_build_object('before', p_before, 'rows', forgotten));
    perform dpp.close_door(door);
    return forgotten;
end
$$;
comment on function dpp.forget_audit(timestamptz, text) is
    'Deletes audit rows of queries, retrievals and refused stores that are older than a time, for a reason, and leaves a row that says so. Rows of what changed the repository stay. Returns how many';
