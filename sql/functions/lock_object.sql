-- An object locked with all its rows, for who changes it as a whole.
--
-- A session that writes a row has the lock of the row before its guard (guard.sql) locks the object; whoever has the object
-- and waits for the row would wait for ever. So rows are not waited for: when one is taken, the object is let go, so that
-- the other session can go on, and all begins anew. That session has locked the object when it is done with the row, and
-- then the object is what is waited for.

create or replace function dpp.lock_rows(p_object_id bigint)
returns void language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from dpp.protocols as t where t.object_id = p_object_id for update nowait;
    perform from dpp.protocol_custodians as t where t.object_id = p_object_id for update nowait;
    perform from dpp.protocol_codes as t where t.object_id = p_object_id for update nowait;
    perform from dpp.protocol_models as t where t.object_id = p_object_id for update nowait;
    perform from dpp.protocol_predecessors as t where t.object_id = p_object_id for update nowait;
    perform from dpp.instructions as t where t.object_id = p_object_id for update nowait;
    perform from dpp.protocol_elements as t where t.object_id = p_object_id for update nowait;
    perform from dpp.parameter_constraints as t where t.object_id = p_object_id for update nowait;
    perform from dpp.approvals as t where t.object_id = p_object_id for update nowait;
    perform from dpp.approval_subjects as t where t.object_id = p_object_id for update nowait;
    perform from dpp.approval_assertions as t where t.object_id = p_object_id for update nowait;
    perform from dpp.approval_asserters as t where t.object_id = p_object_id for update nowait;
    perform from dpp.approval_codes as t where t.object_id = p_object_id for update nowait;
    perform from dpp.approval_related_assertions as t where t.object_id = p_object_id for update nowait;
end
$$;
comment on function dpp.lock_rows(bigint) is
    'Locks all rows that hang on an object; fails (lock_not_available) when another session has one';

create or replace function dpp.lock_object(p_uid text, p_others text[] default '{}')
returns dpp.objects language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    patience constant interval := coalesce(
        nullif(current_setting('lock_timeout')::interval, interval '0'), interval '10 seconds');
    begun constant timestamptz := clock_timestamp();
    is_locked boolean;
    object dpp.objects;
begin
    loop
        is_locked := false;
        begin
            perform
            from dpp.objects as o
            where o.sop_instance_uid = p_uid or o.sop_instance_uid = any (p_others)
            order by o.id
            for update;
            is_locked := true;
            select o.* into object from dpp.objects as o where o.sop_instance_uid = p_uid;
            perform dpp.lock_rows(object.id);
            return object;
        exception
            when lock_not_available then
                if not is_locked then
                    raise;
                end if;
                if clock_timestamp() > begun + patience then
                    raise exception '% is being changed in another session', p_uid
                        using errcode = 'lock_not_available', hint = 'Try again when that has ended.';
                end if;
        end;
        perform pg_sleep(0.005);
    end loop;
end
$$;
comment on function dpp.lock_object(text, text[]) is
    'The object of a SOP Instance UID, locked with all its rows and with other objects, if they are here; null when it is not';
