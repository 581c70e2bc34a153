-- What the roles may do, tried with their own rights. How the rules could be got around is in guard.sql.
begin;
select no_plan();
set local jit = off;

select has_role(r) from unnest(array['dppr_server', 'dppr_author', 'dppr_admin', 'dppr_reader']) as r;
select ok(
    (
        select s.setconfig @> array[
            'jit=off', 'max_parallel_workers_per_gather=0', 'enable_hashjoin=off', 'enable_mergejoin=off']
        from pg_db_role_setting as s
        join pg_roles as r on r.oid = s.setrole
        where r.rolname = 'dppr_server' and s.setdatabase = 0
    ),
    'planner options of a server');
select is(
    (
        select array_agg(r.rolname order by r.rolname)
        from pg_roles as r
        where r.rolname like 'dppr%' and (r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolbypassrls or r.rolreplication)
    ),
    null, 'none of them is more than a role');
select is_empty(
    $$
        select r.rolname
        from pg_auth_members as m
        join pg_roles as r on r.oid = m.member
        where r.rolname in ('dppr_server', 'dppr_author', 'dppr_admin', 'dppr_reader')
    $$,
    'none has the rights of another');

-- One published protocol, one draft, one retired
set dpp.maintenance = on;
insert into dpp.objects (sop_instance_uid, sop_class_uid, state, published_at)
select u.uid, '1.2.840.10008.5.1.4.1.1.200.1', u.state, now()
from (values ('2.25.1', 'published'), ('2.25.2', 'draft'), ('2.25.3', 'retired')) as u (uid, state);
insert into dpp.protocols (object_id, protocol_name) select id, 'Head' from dpp.objects;
insert into dpp.protocol_elements (object_id, kind, ordinal) select id, 'acquisition', 1 from dpp.objects;
insert into dpp.application_entities (ae_title) values ('PEER');
insert into dpp.tombstones (sop_instance_uid, reason) values ('2.25.9', 'test');
reset dpp.maintenance;

-- tried as each role; + may, else the condition (SQLSTATE) that it ends in: 42501 no right, 55000 the guard
create temporary table attempts (n int generated always as identity, statement text, server text, author text, admin text, reader text);
insert into attempts (statement, server, author, admin, reader)
values
    -- reading
    ('select count(*) from dpp.objects', '+', '+', '+', '+'),
    ('select count(*) from dpp.instances', '+', '+', '+', '+'),
    ('select count(*) from dpp.protocols', '+', '+', '+', '+'),
    ('select count(*) from dpp.parameter_constraints', '42501', '+', '+', '+'),
    ('select count(*) from dpp.protocol_elements', '42501', '+', '+', '+'),
    ('select count(*) from dpp.instructions', '42501', '+', '+', '+'),
    ('select count(*) from dpp.protocol_list', '42501', '+', '+', '+'),
    ('select count(*) from dpp.current_protocols', '42501', '+', '+', '+'),
    ('select count(*) from dpp.protocol_versions', '42501', '+', '+', '+'),
    ('select count(*) from dpp.changes', '42501', '+', '+', '+'),
    ('select count(*) from dpp.audit_events', '42501', '+', '+', '+'),
    ('select count(*) from dpp.supersessions', '+', '+', '+', '+'),
    ('select count(*) from dpp.approvals join dpp.approval_subjects using (object_id)', '+', '+', '+', '+'),
    ('select count(*) from dpp.approval_assertions join dpp.approval_asserters using (object_id)', '+', '+', '+', '+'),
    ('select count(*) from dpp.approval_codes join dpp.approval_related_assertions using (object_id)', '+', '+', '+', '+'),
    ('select count(*) from dpp.application_entities', '+', '42501', '+', '+'),
    ('select count(*) from dpp.peer_of(''PEER'', null)', '+', '42501', '+', '+'),
    ('select count(*) from dpp.servers', '+', '42501', '+', '+'),
    ('select dpp.fold_name(''a'')', '+', '+', '+', '+'),
    ('select count(*) from dpp.history(''2.25.1'')', '42501', '+', '+', '+'),
    ('select count(*) from dpp.protocols_at(now())', '42501', '+', '+', '+'),
    -- receiving
    ('select dpp.ingest(''2.25.10'', ''1.2'', ''1.2'', '''', '''', '''', null, null, ''store'', null, null, null, null, null, null,
        null, null, null, null)', '+', '42501', '+', '42501'),
    ('select dpp.ingest_approval(''2.25.11'', ''1.2'', ''1.2'', '''', '''', '''', null, null, ''store'', null, null, null, null,
        null, null, null, null)', '+', '42501', '+', '42501'),
    ('select dpp.ingest_successor(''2.25.12'', ''1.2'', ''1.2'', '''', '''', '''', null, null, ''store'', null, null, null, null, null,
        null, null, null, null, null)', '+', '42501', '42501', '42501'),
    ('select dpp.rebuild(''2.25.10'', null, null, null, null, null, null, null, null, null, null, null, null)', '42501', '42501', '+', '42501'),
    ('select dpp.rebuild_approval(''2.25.11'', null, null, null, null, null, null, null, null, null, null)', '42501', '42501', '+', '42501'),
    ('select dpp.write_rows(1, null, null, null, null, null, null, null, null, null)', '42501', '42501', '42501', '42501'),
    ('select dpp.write_approval_rows(1, null, null, null, null, null, null)', '42501', '42501', '42501', '42501'),
    -- approving, and what approvals are worth
    ('select dpp.approve(''{2.25.1}'', ''128601'', null, ''Doe^Jane'')', '42501', '+', '+', '42501'),
    ('select dpp.withdraw(''2.25.1'', ''x'')', '42501', 'P0002', 'P0002', '42501'),
    ('select count(*) from dpp.requirements_met', '+', '+', '+', '+'),
    ('select time_zone from dpp.repository', '+', '+', '+', '+'),
    ('select dpp.is_superseded(''2.25.1'', ''{128603}'')', '+', '+', '+', '+'),
    ('select count(*) from dpp.approval_status', '42501', '+', '+', '+'),
    ('insert into dpp.trusted_approvers (sender_aet) values (''X'')', '42501', '42501', '+', '42501'),
    ('delete from dpp.assertion_codes', '42501', '42501', '+', '42501'),
    ('delete from dpp.asserter_roles', '42501', '42501', '+', '42501'),
    ('update dpp.application_entities set required_assertions = ''{128603}''', '42501', '42501', '+', '42501'),
    -- drafts
    ('insert into dpp.objects (sop_instance_uid, sop_class_uid) values (''2.25.4'', ''1.2'')', '42501', '+', '+', '42501'),
    ('update dpp.objects set timezone_offset = ''+0100'' where sop_instance_uid = ''2.25.2''', '42501', '+', '+', '42501'),
    ('update dpp.protocols set protocol_name = ''x'' where object_id = (select id from dpp.objects where state = ''draft'')', '42501', '+', '+', '42501'),
    ('insert into dpp.instructions (object_id, kind, ordinal) select id, ''instruction'', 1 from dpp.objects where state = ''draft''', '42501', '+', '+', '42501'),
    ('delete from dpp.objects where sop_instance_uid = ''2.25.2''', '42501', '+', '+', '42501'),
    ('insert into dpp.instances select id, ''1.2'', '''', 0, '''' from dpp.objects where state = ''draft''', '42501', '42501', '42501', '42501'),
    ('insert into dpp.dataset_warnings select id, 1, null, ''x'' from dpp.objects where state = ''draft''', '42501', '42501', '42501', '42501'),
    ('select dpp.load_protocol(''{"name": "Head", "acquisition": {"parameters": {"keyword": "KVP", "value": 120}}}'')',
        '42501', '+', '+', '42501'),
    ('select dpp.document_of(''2.25.1'')', '42501', '+', '+', '+'),
    -- what is published or retired
    ('update dpp.protocols set protocol_name = ''x''', '42501', '55000', '55000', '42501'),
    ('delete from dpp.protocol_elements', '42501', '55000', '55000', '42501'),
    ('insert into dpp.instructions (object_id, kind, ordinal) select id, ''instruction'', 1 from dpp.objects', '42501', '55000', '55000', '42501'),
    ('delete from dpp.objects where sop_instance_uid = ''2.25.3''', '42501', '55000', '55000', '42501'),
    ('truncate dpp.objects cascade', '42501', '42501', '42501', '42501'),
    ('update dpp.objects set state = ''published''', '42501', '42501', '42501', '42501'),
    ('update dpp.instances set dataset = ''''', '42501', '42501', '42501', '42501'),
    ('delete from dpp.tombstones', '42501', '42501', '42501', '42501'),
    ('insert into dpp.supersessions (object_id, superseded_uid) select id, ''2.25.1'' from dpp.objects', '42501', '42501', '42501', '42501'),
    ('delete from dpp.changes', '42501', '42501', '42501', '42501'),
    ('insert into dpp.changes (sop_instance_uid, relation, operation, new_row) values (''1.2'', ''x'', ''insert'', ''{}'')', '42501', '42501', '42501', '42501'),
    ('insert into dpp.authored_documents (object_id, digest) select id, sha256('''') from dpp.objects where state = ''draft''', '42501', '+', '+', '42501'),
    ('update dpp.authored_documents set digest = sha256(''x'')', '42501', '42501', '42501', '42501'),
    ('delete from dpp.authored_documents', '42501', '42501', '42501', '42501'),
    ('select dpp.import_protocol(''[]'')', '42501', '22023', '22023', '42501'),
    ('delete from dpp.audit_events', '42501', '42501', '42501', '42501'),
    ('update dpp.audit_events set status = 0', '42501', '42501', '42501', '42501'),
    ('truncate dpp.audit_events', '42501', '42501', '42501', '42501'),
    ('insert into dpp.audit_events (operation) values (''find'')', '+', '42501', '+', '42501'),
    ('insert into dpp.audit_events (operation, occurred_at) values (''find'', now())', '+', '42501', '42501', '42501'),
    ('insert into dpp.audit_events (operation, db_user) values (''find'', ''somebody'')', '42501', '42501', '42501', '42501'),
    ('insert into dpp.audit_events (operation, reason) values (''find'', ''because'')', '42501', '42501', '42501', '42501'),
    -- life cycle
    ('select dpp.retire(''2.25.1'', ''test'')', '42501', '+', '+', '42501'),
    ('select dpp.publish(''2.25.3'')', '42501', '55000', '55000', '42501'),
    ('select dpp.revise(''2.25.2'')', '42501', '55000', '55000', '42501'),
    ('select dpp.purge(''2.25.1'', ''test'')', '42501', '42501', '+', '42501'),
    ('select dpp.forget_audit(''2020-01-01'', ''test'')', '42501', '42501', '+', '42501'),
    -- running it
    ('insert into dpp.application_entities (ae_title) values (''NEW'')', '42501', '42501', '+', '42501'),
    ('update dpp.repository set manufacturer = ''x''', '42501', '42501', '+', '42501'),
    ('delete from dpp.repository', '42501', '42501', '42501', '42501'),
    ('insert into dpp.servers (id, version, schema_version) values (gen_random_uuid(), ''1'', 1)', '+', '42501', '42501', '42501'),
    ('delete from dpp.servers', '+', '42501', '42501', '42501'),
    ('update dpp.schema_migrations set is_breaking = true', '42501', '42501', '42501', '42501');

create function pg_temp.outcome(statement text, role_name text)
returns text language plpgsql as $$
begin
    begin
        execute format('set local role %I', role_name);
        execute statement;
        reset role;
        raise exception 'undo' using errcode = 'DPU01';
    exception
        when sqlstate 'DPU01' then return '+';
        when others then return sqlstate;
    end;
end
$$;
select is(pg_temp.outcome(a.statement, 'dppr_' || r.role_name), r.expected, r.role_name || ': ' || a.statement)
from attempts as a
cross join lateral (
    values ('server', a.server), ('author', a.author), ('admin', a.admin), ('reader', a.reader)
) as r (role_name, expected)
order by r.role_name, a.n;

-- These run with their owner's rights, so nobody must be able to slip them other functions.
select is(
    (
        select bool_and(p.proconfig @> array['search_path=pg_catalog, pg_temp'])
        from pg_proc as p
        where p.pronamespace = 'dpp'::regnamespace and p.prosecdef
    ),
    true, 'what runs with its owner''s rights has a search path of its own');
select set_eq(
    $$select p.proname from pg_proc as p where p.pronamespace = 'dpp'::regnamespace and p.prosecdef$$,
    array[
        'ingest', 'rebuild', 'ingest_approval', 'rebuild_approval', 'ingest_successor', 'publish', 'revise', 'retire', 'purge', 'forget_audit',
        'guard_item', 'guard_object', 'guard_header', 'note_object']::name[],
    'these functions run with their owner''s rights, and no others');
select ok(
    not has_function_privilege('public', p.oid, 'execute'), p.oid::regprocedure || ' is not for everybody')
from pg_proc as p
where p.pronamespace = 'dpp'::regnamespace and p.prosecdef;

-- Definitions can be applied again and again.
\i sql/roles.sql
select pass('roles.sql can be repeated');
select * from finish();
rollback;
