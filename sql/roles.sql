-- Roles and what they may do. They are group roles without login: a site makes login roles as members
-- (`create role karl login in role dppr_admin`) or lets a group role itself log in
-- (`alter role dppr_server login password '...'`), which this file leaves as it is.
--
-- Authors write the tables of protocols and approvals, and the guard of those (functions/guard.sql) lets them write drafts
-- only. All else that changes them are functions that run with their owner's rights: dpp.ingest for what is received, so that a
-- server can add and change nothing, and those of the life cycle.

do $$
declare
    role_name text;
begin
    foreach role_name in array array['dppr_server', 'dppr_admin', 'dppr_author', 'dppr_reader'] loop
        if not exists (select from pg_catalog.pg_roles as r where r.rolname = role_name) then
            begin
                execute format('create role %I nologin', role_name);
            exception
                -- Roles belong to the whole cluster: the migration of another database may make them meanwhile.
                when duplicate_object or unique_violation then null;
            end;
        end if;
    end loop;
end
$$;

-- Settings hold for sessions that log in as the role itself. Queries shall give their first row at once and stream
-- the rest: compiling a plan, starting parallel workers or building a hash table first takes longer than most queries
-- altogether.
do $$
declare
    setting text;
begin
    foreach setting in array array[
        'jit=off', 'max_parallel_workers_per_gather=0', 'enable_hashjoin=off', 'enable_mergejoin=off',
        'random_page_cost=1.1']
    loop
        if not exists (
            select
            from pg_catalog.pg_db_role_setting as s
            join pg_catalog.pg_roles as r on r.oid = s.setrole
            where r.rolname = 'dppr_server' and s.setdatabase = 0 and setting = any (s.setconfig))
        then
            begin
                execute format(
                    'alter role dppr_server set %I = %L', split_part(setting, '=', 1), split_part(setting, '=', 2));
            exception
                when insufficient_privilege then
                    raise warning 'no right to set % for role dppr_server', setting;
                -- "tuple concurrently updated": the migration of another database sets the same
                when internal_error then null;
            end;
        end if;
    end loop;
end
$$;

revoke all on schema dpp from public;
revoke all on all tables in schema dpp from public;
revoke all on function
    dpp.ingest(
        text, text, text, bytea, bytea, bytea, text, text, text, text, text[], text[], text[], text[], text[],
        text[], text[], text[], text[]),
    dpp.ingest_successor(
        text, text, text, bytea, bytea, bytea, text, text, text, text, text[], text[], text[], text[], text[],
        text[], text[], text[], text[]),
    dpp.rebuild(text, bytea, text, text, text[], text[], text[], text[], text[], text[], text[], text[], text[]),
    dpp.write_rows(bigint, text[], text[], text[], text[], text[], text[], text[], text[], text[]),
    dpp.ingest_approval(
        text, text, text, bytea, bytea, bytea, text, text, text, text, text[], text[], text[], text[], text[],
        text[], text[]),
    dpp.rebuild_approval(text, bytea, text, text, text[], text[], text[], text[], text[], text[], text[]),
    dpp.write_approval_rows(bigint, text[], text[], text[], text[], text[], text[]),
    dpp.render(bigint),
    dpp.import_protocol(jsonb, boolean),
    dpp.publish(text, text[], text),
    dpp.revise(text, text, text, boolean, boolean),
    dpp.retire(text, text),
    dpp.purge(text, text),
    dpp.forget_audit(timestamptz, text),
    dpp.open_door(),
    dpp.close_door(text),
    dpp.refuse_closed_door(),
    dpp.guard_item(),
    dpp.guard_object(),
    dpp.refuse_change(text, text, text, oid, text),
    dpp.guard_header(),
    dpp.note_object(),
    dpp.note_change(text, text, text, jsonb, jsonb),
    dpp.refuse_truncate(),
    dpp.refuse_rewrite(),
    dpp.refuse_event(),
    dpp.supersede(bigint, text[]),
    dpp.bequeath(bigint),
    dpp.require_read_committed(text),
    dpp.lock_draft(text, text[]),
    dpp.lock_rows(bigint),
    dpp.lock_object(text, text[]),
    dpp.check_supersedes(dpp.objects, text[], boolean),
    dpp.refuse_problems(text),
    dpp.check_reason(text),
    dpp.check_revisable(text, dpp.objects, boolean, boolean),
    dpp.copy_protocol(bigint, bigint),
    dpp.reset_origin(bigint, text),
    dpp.approve(
        text[], text, text, text, text, timestamptz, text, text, text, text, text[], text, text, text, text, text,
        timestamptz),
    dpp.withdraw(text, text, text, text, text, text[], text, text),
    dpp.insert_approval_code(bigint, text, int, text[])
from public;

-- A running server.
grant usage on schema dpp to dppr_server;
grant execute on function dpp.ingest(
    text, text, text, bytea, bytea, bytea, text, text, text, text, text[], text[], text[], text[], text[], text[],
    text[], text[], text[])
to dppr_server;
grant execute on function dpp.ingest_successor(
    text, text, text, bytea, bytea, bytea, text, text, text, text, text[], text[], text[], text[], text[], text[],
    text[], text[], text[])
to dppr_server;
grant execute on function dpp.ingest_approval(
    text, text, text, bytea, bytea, bytea, text, text, text, text, text[], text[], text[], text[], text[], text[],
    text[])
to dppr_server;
grant select on
    dpp.objects, dpp.instances, dpp.protocols, dpp.protocol_custodians, dpp.protocol_codes, dpp.protocol_models,
    dpp.protocol_predecessors, dpp.approvals, dpp.approval_subjects, dpp.approval_assertions,
    dpp.approval_asserters, dpp.approval_codes, dpp.approval_related_assertions, dpp.application_entities,
    dpp.supersessions, dpp.requirements_met, dpp.repository, dpp.schema_migrations, dpp.schema_definitions
to dppr_server;
grant select, insert, update, delete on dpp.servers, dpp.destination_slots to dppr_server;
grant select, insert (system_identifier, timeline) on dpp.timelines to dppr_server;
-- Who and when are said by the table's defaults.
grant insert (
    occurred_at, operation, sop_instance_uid, status, ae_title, peer_address, destination, details, server_id,
    association) on dpp.audit_events
to dppr_server;

-- People who write protocols and approvals, and admins as well. Of dpp.objects they write the columns that are theirs; the
-- key and what the life cycle keeps are not.
grant usage on schema dpp to dppr_author;
grant select on
    dpp.objects, dpp.instances, dpp.dataset_warnings, dpp.protocols, dpp.protocol_custodians, dpp.protocol_codes,
    dpp.protocol_models, dpp.protocol_predecessors, dpp.protocol_elements, dpp.parameter_constraints, dpp.instructions,
    dpp.approvals, dpp.approval_subjects, dpp.approval_assertions, dpp.approval_asserters, dpp.approval_codes,
    dpp.approval_related_assertions, dpp.tombstones, dpp.supersessions, dpp.authored_documents, dpp.changes,
    dpp.audit_events, dpp.repository,
    dpp.attributes, dpp.protocol_list, dpp.parameters, dpp.parameter_search, dpp.protocol_attributes, dpp.units, dpp.approval_list,
    dpp.current_protocols, dpp.protocol_versions, dpp.publication_rules, dpp.value_representations, dpp.document_fields,
    dpp.assertion_codes, dpp.asserter_roles, dpp.trusted_approvers, dpp.assertions, dpp.approval_status,
    dpp.approvals_in_force, dpp.requirements_met, dpp.fetches, dpp.unused_protocols,
    dpp.drift
to dppr_author;
grant insert (sop_instance_uid, sop_class_uid, state, timezone_offset, revises_uid),
    update (sop_instance_uid, sop_class_uid, timezone_offset, revises_uid),
    delete on dpp.objects
to dppr_author, dppr_admin;
grant insert, update, delete on
    dpp.protocols, dpp.protocol_custodians, dpp.protocol_codes, dpp.protocol_models, dpp.protocol_predecessors,
    dpp.protocol_elements, dpp.parameter_constraints, dpp.instructions, dpp.approvals, dpp.approval_subjects,
    dpp.approval_assertions, dpp.approval_asserters, dpp.approval_codes, dpp.approval_related_assertions
to dppr_author, dppr_admin;
grant insert on dpp.authored_documents to dppr_author, dppr_admin;
grant execute on function
    dpp.publish(text, text[], text), dpp.revise(text, text, text, boolean, boolean), dpp.retire(text, text),
    dpp.import_protocol(jsonb, boolean),
    dpp.approve(
        text[], text, text, text, text, timestamptz, text, text, text, text, text[], text, text, text, text, text,
        timestamptz),
    dpp.withdraw(text, text, text, text, text, text[], text, text),
    dpp.insert_approval_code(bigint, text, int, text[])
to dppr_author, dppr_admin;

-- People who look.
grant usage on schema dpp to dppr_reader;
grant select on all tables in schema dpp to dppr_reader;

-- People who run it: peers, what the repository says of itself, import, rebuild, purge.
grant usage on schema dpp to dppr_admin;
grant select on all tables in schema dpp to dppr_admin;
grant insert, update, delete on
    dpp.application_entities, dpp.assertion_codes, dpp.asserter_roles, dpp.trusted_approvers
to dppr_admin;
grant update on dpp.repository to dppr_admin;
grant execute on function dpp.purge(text, text), dpp.forget_audit(timestamptz, text) to dppr_admin;
grant insert (operation, sop_instance_uid, status, ae_title, peer_address, details, server_id, association)
    on dpp.audit_events
to dppr_admin;
grant execute on function dpp.ingest(
    text, text, text, bytea, bytea, bytea, text, text, text, text, text[], text[], text[], text[], text[], text[],
    text[], text[], text[])
to dppr_admin;
grant execute on function dpp.rebuild(
    text, bytea, text, text, text[], text[], text[], text[], text[], text[], text[], text[], text[])
to dppr_admin;
grant execute on function dpp.ingest_approval(
    text, text, text, bytea, bytea, bytea, text, text, text, text, text[], text[], text[], text[], text[], text[],
    text[])
to dppr_admin;
grant execute on function dpp.rebuild_approval(
    text, bytea, text, text, text[], text[], text[], text[], text[], text[], text[])
to dppr_admin;
