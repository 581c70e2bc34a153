-- A draft becomes visible. All or nothing: it is completed, checked, rendered and noted in one transaction, so that whatever
-- is published can be found and retrieved, and what is rolled back has never been.
--
-- The draft and what it supersedes are locked in the order of their keys (lock_object.sql). Writers of the draft are waited for, so
-- their rows are in what is rendered; those that come later find it published. Two drafts that take the place of the
-- same version come one after the other, and the second is told of the first. That needs to see what was committed
-- while it waited, hence read committed.

create or replace function dpp.publish(p_uid text, p_supersedes text[] default null, p_reason text default null)
returns text language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    door text;
    draft dpp.objects;
    superseded text[];
begin
    perform dpp.require_read_committed('dpp.publish');
    draft := dpp.lock_draft(p_uid, p_supersedes);
    superseded := coalesce(p_supersedes, array_remove(array[draft.revises_uid], null));
    perform dpp.check_supersedes(draft, superseded, p_supersedes is not null);

    door := dpp.open_door();
    perform dpp.complete(draft.id);
    perform dpp.refuse_problems(p_uid);
    update dpp.objects as o
    set state = 'published', published_at = clock_timestamp(), published_by = session_user
    where o.id = draft.id;
    perform dpp.render(draft.id);
    perform dpp.supersede(draft.id, superseded);
    insert into dpp.audit_events (operation, sop_instance_uid, reason, details)
    values (
        'publish', p_uid, p_reason,
        case when superseded <> '{}' then jsonb_build_object('supersedes', superseded) end);
    perform dpp.close_door(door);
    perform dpp.tell_warnings(p_uid);
    return p_uid;
end
$$;
comment on function dpp.publish(text, text[], text) is
    'Publishes a draft, a protocol or an approval: completes, checks and renders it; from then on it is found and retrieved, and stays as it is. p_supersedes: SOP Instance UIDs of the versions whose place it takes; null: the one that dpp.revise made it from; an empty array: none. Returns its SOP Instance UID';

create or replace function dpp.require_read_committed(p_function text)
returns void language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        raise exception '% does not see in isolation level % what others have just committed', p_function,
            current_setting('transaction_isolation')
            using
                errcode = 'invalid_transaction_state',
                hint = 'Begin the transaction with isolation level read committed.';
    end if;
end
$$;
comment on function dpp.require_read_committed(text) is
    'Refuses a transaction whose snapshot is older than the locks that the calling function takes';

-- The draft with the versions that it takes the place of, if they are here, locked.
create or replace function dpp.lock_draft(p_uid text, p_supersedes text[])
returns dpp.objects language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    draft dpp.objects;
    revises text;
begin
    loop
        select o.revises_uid into revises from dpp.objects as o where o.sop_instance_uid = p_uid;
        begin
            draft := dpp.lock_object(p_uid, coalesce(p_supersedes, array[revises]));
        exception
            when deadlock_detected then
                raise exception '% is being changed in another transaction that waits for this one', p_uid
                    using errcode = 'deadlock_detected', hint = 'Commit what was changed, then publish.';
        end;
        exit when draft.revises_uid is not distinct from revises;
        -- Changed before it was locked: once more, for the other version.
    end loop;
    if draft.id is null then
        raise exception 'there is no draft %', p_uid using errcode = 'no_data_found';
    end if;
    if draft.state <> 'draft' then
        raise exception '% is no draft: it was % by % on %', p_uid, draft.state,
            coalesce(case draft.state when 'retired' then draft.retired_by else draft.published_by end, 'nobody known'),
            case draft.state when 'retired' then draft.retired_at else draft.published_at end
            using
                errcode = 'object_not_in_prerequisite_state',
                hint = format('Make a new version: select dpp.revise(%L).', p_uid);
    end if;
    return draft;
end
$$;
comment on function dpp.lock_draft(text, text[]) is
    'The draft of a SOP Instance UID, locked together with the versions that it is to take the place of';

create or replace function dpp.check_supersedes(p_draft dpp.objects, p_superseded text[], p_is_explicit boolean)
returns void language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    other record;
begin
    if p_draft.sop_instance_uid = any (p_superseded) then
        raise exception '% cannot take its own place', p_draft.sop_instance_uid
            using errcode = 'invalid_parameter_value';
    end if;
    if p_superseded <> '{}' and exists (select from dpp.approvals as a where a.object_id = p_draft.id) then
        raise exception '% is an approval, which takes the place of nothing', p_draft.sop_instance_uid
            using errcode = 'invalid_parameter_value', hint = 'dpp.withdraw takes an assertion back.';
    end if;
    if p_is_explicit then
        return;
    end if;
    select u.uid, s.*
    into other
    from unnest(p_superseded) as u (uid)
    cross join dpp.successors(u.uid) as s
    limit 1;
    if found then
        raise exception '% has been superseded already by %, published by % on %', other.uid, other.sop_instance_uid,
            coalesce(other.published_by, 'nobody known'), other.published_at
            using
                errcode = 'object_not_in_prerequisite_state',
                detail = format('%s was made from %s, as that was.', p_draft.sop_instance_uid, other.uid),
                hint = format(
                    'Compare: select * from dpp.diff(%L, %L). Then say what it takes the place of: '
                        'select dpp.publish(%2$L, array[%1$L]), or array[]::text[] to publish it beside that.',
                    other.sop_instance_uid, p_draft.sop_instance_uid);
    end if;
end
$$;
comment on function dpp.check_supersedes(dpp.objects, text[], boolean) is
    'Refuses what a draft cannot take the place of, and by default what another version has taken the place of meanwhile';

-- One error for all problems: what is to be mended is seen at once.
create or replace function dpp.refuse_problems(p_uid text)
returns void language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    problems text[] := array(
        select concat_ws(' ', 'dpp.' || concat_ws('.', p.relation, p.column_name), '(' || p.item || ')') || ': ' || p.rule
        from dpp.problems(p_uid) as p);
begin
    if problems <> '{}' then
        raise exception '% cannot be published: %', p_uid,
            cardinality(problems) || case cardinality(problems) when 1 then ' problem' else ' problems' end
            using
                errcode = 'check_violation',
                detail = array_to_string(problems, E'\n'),
                hint = format('select * from dpp.problems(%L) lists them.', p_uid);
    end if;
end
$$;
comment on function dpp.refuse_problems(text) is 'Raises one error with all that dpp.problems finds, if it finds anything';
