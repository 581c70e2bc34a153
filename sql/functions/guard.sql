-- What is published stays as it is. Drafts may be written by whoever has the right to write the tables; an object that is
-- no draft, and what hangs on it, by nobody but the functions that are made for it: dpp.ingest and dpp.rebuild with
-- what they call, and those of the life cycle. That holds for the owner of the tables too.
--
-- Row triggers see to it. They do not fire, and so cost no more than their condition, when dpp.maintenance is on and the
-- statement runs with the owner's rights: that is how those functions write (dpp.open_door), how migrations do, and how
-- the owner mends something by hand: `set dpp.maintenance = on`.
--
-- The guard of an item locks its object until the end of the transaction, as readers of the object would. So a row that is
-- written while another session publishes is either in what is published, which has waited for it, or is refused.
-- Writers of one draft do not wait for each other. It comes after the row, whose change its error takes back, so that it
-- can note the change in dpp.changes as well: dpp.ingest asks one condition a row and not two.
--
-- What else could be thought of: row security, which the owner of a table does not have to mind; rights on columns, which
-- know no state; a trigger for each statement, which would have to keep all rows of it (and those of dpp.ingest too).

-- Called for every row, as is dpp.note_change: a search path of their own would cost more than what they do. They are for
-- the guard only, which has one.
create or replace function dpp.refuse_closed_door()
returns void language plpgsql as $$
begin
    if current_setting('dpp.maintenance', true) = 'on' then
        raise exception 'dpp.maintenance is for the owner of schema dpp'
            using errcode = 'insufficient_privilege', hint = 'reset dpp.maintenance';
    end if;
end
$$;
comment on function dpp.refuse_closed_door() is
    'Refuses a statement that has set dpp.maintenance without being the owner''s: nothing shall be left out of dpp.changes by it';

-- The guard of every table that hangs on dpp.objects.
create or replace function dpp.guard_item()
returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    affected record;
    uid text;
    ids bigint[];
begin
    perform dpp.refuse_closed_door();
    ids := case tg_op
        when 'INSERT' then array[new.object_id]
        when 'DELETE' then array[old.object_id]
        else array[old.object_id, new.object_id]
    end;
    -- None is found when the row has gone with its object, or has none, which its foreign key refuses.
    for affected in
        select o.id, o.sop_instance_uid, o.sop_class_uid, o.state
        from dpp.objects as o
        where o.id = any (ids)
        order by o.id
        for share
    loop
        if affected.state <> 'draft' then
            perform dpp.refuse_change(
                affected.sop_instance_uid, affected.sop_class_uid, affected.state, tg_relid, tg_op);
        end if;
        if affected.id = ids[cardinality(ids)] then
            uid := affected.sop_instance_uid;
        end if;
    end loop;
    if uid is not null then
        perform dpp.note_change(
            uid, tg_table_name, tg_op, case when tg_op <> 'INSERT' then to_jsonb(old) end,
            case when tg_op <> 'DELETE' then to_jsonb(new) end);
    end if;
    return null;
end
$$;
comment on function dpp.guard_item() is
    'Trigger: refuses to change what hangs on an object that is no draft, and keeps it a draft until the transaction ends. Notes the change';

-- By statements of their own, not by the foreign keys, which act when what they refer to is gone already, and act with the
-- owner's rights: dpp.changes tells of each row.
create or replace function dpp.guard_header()
returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform dpp.refuse_closed_door();
    if tg_relid = 'dpp.protocols'::regclass then
        delete from dpp.parameter_constraints as t where t.object_id = old.object_id;
        delete from dpp.protocol_elements as t where t.object_id = old.object_id;
        delete from dpp.instructions as t where t.object_id = old.object_id;
        delete from dpp.protocol_predecessors as t where t.object_id = old.object_id;
        delete from dpp.protocol_models as t where t.object_id = old.object_id;
        delete from dpp.protocol_codes as t where t.object_id = old.object_id;
        delete from dpp.protocol_custodians as t where t.object_id = old.object_id;
    else
        delete from dpp.approval_related_assertions as t where t.object_id = old.object_id;
        delete from dpp.approval_codes as t where t.object_id = old.object_id;
        delete from dpp.approval_asserters as t where t.object_id = old.object_id;
        delete from dpp.approval_assertions as t where t.object_id = old.object_id;
        delete from dpp.approval_subjects as t where t.object_id = old.object_id;
    end if;
    return old;
end
$$;
comment on function dpp.guard_header() is
    'Trigger: deletes the items of a draft''s sequences before what they belong to, so that dpp.changes tells of each';

create or replace function dpp.refuse_change(p_uid text, p_class text, p_state text, p_relation oid, p_operation text)
returns void language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception '% is %: % of %.% refused', p_uid, p_state, lower(p_operation), 'dpp',
        (select c.relname from pg_class as c where c.oid = p_relation)
        using
            errcode = 'object_not_in_prerequisite_state',
            detail = 'The content of an object does not change once it is published.',
            hint = case
                when p_class = '1.2.840.10008.5.1.4.1.1.200.3'
                then 'Make another approval: dpp.approve, dpp.withdraw.'
                else format('Make a new version: select dpp.revise(%L).', p_uid)
            end;
end
$$;
comment on function dpp.refuse_change(text, text, text, oid, text) is
    'The error of the guard: what was to be changed is no draft. Names the way out';

-- The guard of dpp.objects itself. Who made a draft and when is said by the database, whatever the statement says.
create or replace function dpp.guard_object()
returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    before dpp.objects;
    columns text;
begin
    perform dpp.refuse_closed_door();
    if tg_op <> 'INSERT' and old.state <> 'draft' then
        perform dpp.refuse_change(old.sop_instance_uid, old.sop_class_uid, old.state, tg_relid, tg_op);
    end if;
    if tg_op = 'DELETE' then
        -- The object is locked by now: a row that another session has must not be waited for (lock_object.sql).
        begin
            perform dpp.lock_rows(old.id);
        exception
            when lock_not_available then
                raise exception '% is being changed in another session', old.sop_instance_uid
                    using errcode = 'lock_not_available', hint = 'Delete it again when that has ended.';
        end;
        delete from dpp.protocols as t where t.object_id = old.id;
        delete from dpp.approvals as t where t.object_id = old.id;
        return old;
    end if;
    if tg_op = 'INSERT' then
        before.id := new.id;
        before.state := 'draft';
        before.source := case when new.source = 'store' then 'sql' else new.source end;
        new.created_at := clock_timestamp();
        new.created_by := session_user;
        before.created_at := new.created_at;
        before.created_by := new.created_by;
    else
        before := old;
    end if;
    select string_agg('dpp.objects.' || c.name, ', ')
    into columns
    from (
        values
            ('id', new.id is distinct from before.id),
            ('state', new.state is distinct from before.state),
            ('query_record', new.query_record is distinct from before.query_record),
            ('source', new.source is distinct from before.source),
            ('sender_aet', new.sender_aet is distinct from before.sender_aet),
            ('created_at', new.created_at is distinct from before.created_at),
            ('created_by', new.created_by is distinct from before.created_by),
            ('published_at', new.published_at is distinct from before.published_at),
            ('published_by', new.published_by is distinct from before.published_by),
            ('retired_at', new.retired_at is distinct from before.retired_at),
            ('retired_by', new.retired_by is distinct from before.retired_by),
            ('retired_reason', new.retired_reason is distinct from before.retired_reason)
    ) as c (name, is_changed)
    where c.is_changed;
    if columns is not null then
        raise exception '% of %: % written by functions only', lower(tg_op), new.sop_instance_uid,
            columns || case when columns like '%,%' then ' are' else ' is' end
            using
                errcode = 'object_not_in_prerequisite_state',
                hint = 'Insert a draft, then dpp.publish; dpp.retire; dpp.purge.';
    end if;
    return new;
end
$$;
comment on function dpp.guard_object() is
    'Trigger: refuses to change an object that is no draft, and columns that only the functions of the life cycle write';

-- A UID that was deleted for good does not come back. After the row, not before: its insert may have waited for the
-- transaction that purged the object.
create or replace function dpp.note_object()
returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    grave dpp.tombstones;
begin
    if tg_op = 'DELETE' then
        perform dpp.note_change(old.sop_instance_uid, tg_table_name, tg_op, to_jsonb(old), null);
        return null;
    end if;
    select t.* into grave from dpp.tombstones as t where t.sop_instance_uid = new.sop_instance_uid;
    if found then
        raise exception '% was deleted for good on %: %', new.sop_instance_uid, grave.purged_at, grave.reason
            using
                errcode = 'object_not_in_prerequisite_state',
                hint = 'Take another SOP Instance UID: dpp.new_uid().';
    end if;
    perform dpp.note_change(
        new.sop_instance_uid, tg_table_name, tg_op, case when tg_op <> 'INSERT' then to_jsonb(old) end, to_jsonb(new));
    return null;
end
$$;
comment on function dpp.note_object() is
    'Trigger: refuses a draft with a SOP Instance UID that was purged, and notes the change of a draft';

-- Columns that are null are left out.
create or replace function dpp.note_change(
    p_uid text, p_relation text, p_operation text, p_old_row jsonb, p_new_row jsonb)
returns void language plpgsql as $$
begin
    -- Derived columns are sometimes made anew by an update that changes nothing.
    if p_old_row = p_new_row then
        return;
    end if;
    insert into dpp.changes (sop_instance_uid, relation, operation, old_row, new_row)
    values (
        p_uid, p_relation, lower(p_operation), jsonb_strip_nulls(p_old_row), jsonb_strip_nulls(p_new_row));
end
$$;
comment on function dpp.note_change(text, text, text, jsonb, jsonb) is
    'A row of dpp.changes for a changed row of a draft. Of what the functions of the life cycle write dpp.audit_events tells';

create or replace function dpp.refuse_truncate()
returns trigger language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'truncate of %.% refused', tg_table_schema, tg_table_name
        using
            errcode = 'object_not_in_prerequisite_state',
            detail = 'What is published does not go, and what was done stays on record.',
            hint = 'Delete drafts; dpp.purge deletes for good. The owner''s way past this is dpp.maintenance (docs/schema.md).';
end
$$;
comment on function dpp.refuse_truncate() is 'Trigger: refuses truncate';

-- What has happened is added to and never rewritten.
create or replace function dpp.refuse_rewrite()
returns trigger language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception '% of %.% refused: rows are only added', lower(tg_op), tg_table_schema, tg_table_name
        using
            errcode = 'object_not_in_prerequisite_state',
            hint = 'The owner''s way past this, to shorten it, is dpp.maintenance (docs/schema.md).';
end
$$;
comment on function dpp.refuse_rewrite() is 'Trigger: refuses to change or delete a row of a record of what happened';

-- Servers and admins may add rows about what peers did. dpp.history and dpp.protocols_at believe what the others say.
create or replace function dpp.refuse_event()
returns trigger language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'a row of dpp.audit_events that says % is written by dpp.% only', new.operation, new.operation
        using errcode = 'object_not_in_prerequisite_state';
end
$$;
comment on function dpp.refuse_event() is 'Trigger: refuses an audit row that says what only a function does, and writes itself';
