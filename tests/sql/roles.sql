-- What the roles may do, tried with their own rights.
begin;
select plan(90);

select has_role(r) from unnest(array['dppr_server', 'dppr_admin', 'dppr_reader']) as r;
select ok(
    (
        select s.setconfig @> array[
            'jit=off', 'max_parallel_workers_per_gather=0', 'enable_hashjoin=off', 'enable_mergejoin=off']
        from pg_db_role_setting as s
        join pg_roles as r on r.oid = s.setrole
        where r.rolname = 'dppr_server' and s.setdatabase = 0
    ),
    'planner options of a server');

insert into dpp.objects (sop_instance_uid, sop_class_uid, state) values ('2.25.1', '1.2', 'published');
insert into dpp.application_entities (ae_title) values ('PEER');

-- tried as each role; the expected outcome is t (may) or f (may not)
create temporary table attempts (statement text, server boolean, admin boolean, reader boolean);
insert into attempts
values
    ('select count(*) from dpp.objects', true, true, true),
    ('select count(*) from dpp.instances', true, true, true),
    ('select count(*) from dpp.protocols', true, true, true),
    ('select count(*) from dpp.parameter_constraints', false, true, true),
    ('select count(*) from dpp.protocol_list', false, true, true),
    ('select count(*) from dpp.peer_of(''PEER'', null)', true, true, true),
    ('select dpp.fold_name(''a'')', true, true, true),
    ('select dpp.ingest(''2.25.10'', ''1.2'', ''1.2'', '''', '''', '''', null, null, ''store'', null, null, null, null, null, null,
        null, null, null, null)', true, true, false),
    ('insert into dpp.objects (sop_instance_uid, sop_class_uid) values (''2.25.2'', ''1.2'')', false, false, false),
    ('update dpp.objects set state = ''retired''', false, false, false),
    ('delete from dpp.objects', false, false, false),
    ('truncate dpp.objects cascade', false, false, false),
    ('delete from dpp.tombstones', false, false, false),
    ('insert into dpp.application_entities (ae_title) values (''NEW'')', false, true, false),
    ('insert into dpp.servers (id, version, schema_version) values (gen_random_uuid(), ''1'', 1)', true, false, false),
    ('delete from dpp.servers', true, false, false),
    ('select dpp.rebuild(''2.25.10'', null, null, null, null, null, null, null, null, null, null, null, null)', false, true, false),
    ('select dpp.write_rows(1, null, null, null, null, null, null, null, null, null)', false, false, false),
    ('select dpp.ingest_approval(''2.25.11'', ''1.2'', ''1.2'', '''', '''', '''', null, null, ''store'', null, null, null, null,
        null, null, null, null)', true, true, false),
    ('select dpp.rebuild_approval(''2.25.11'', null, null, null, null, null, null, null, null, null, null)', false, true, false),
    ('select dpp.write_approval_rows(1, null, null, null, null, null, null)', false, false, false),
    ('select count(*) from dpp.approvals join dpp.approval_subjects using (object_id)', true, true, true),
    ('select count(*) from dpp.approval_assertions join dpp.approval_asserters using (object_id)', true, true, true),
    ('select count(*) from dpp.approval_codes join dpp.approval_related_assertions using (object_id)', true, true, true),
    ('delete from dpp.approvals', false, false, false),
    ('update dpp.schema_migrations set is_breaking = true', false, false, false);

create function pg_temp.may(statement text, role_name text)
returns text language plpgsql as $$
begin
    begin
        execute format('set local role %I', role_name);
        execute statement;
        reset role;
        raise exception 'undo' using errcode = 'DPU01';
    exception
        when sqlstate 'DPU01' then return 'may';
        when insufficient_privilege then return 'may not';
    end;
end
$$;
select is(pg_temp.may(a.statement, 'dppr_server'), case when a.server then 'may' else 'may not' end, 'server: ' || a.statement)
from attempts as a;
select is(pg_temp.may(a.statement, 'dppr_admin'), case when a.admin then 'may' else 'may not' end, 'admin: ' || a.statement)
from attempts as a;
select is(pg_temp.may(a.statement, 'dppr_reader'), case when a.reader then 'may' else 'may not' end, 'reader: ' || a.statement)
from attempts as a;

-- These run with their owner's rights, so nobody must be able to slip them other functions.
select is(
    (
        select p.prosecdef and p.proconfig @> array['search_path=pg_catalog, pg_temp']
        from pg_proc as p
        where p.oid = f.name::regproc
    ),
    true, f.name || ' has a search path of its own')
from (values ('dpp.ingest'), ('dpp.rebuild'), ('dpp.ingest_approval'), ('dpp.rebuild_approval')) as f (name);
select is_empty(
    $$
        select p.oid::regprocedure
        from pg_proc as p
        where p.pronamespace = 'dpp'::regnamespace and p.prosecdef
            and p.proname not in ('ingest', 'rebuild', 'ingest_approval', 'rebuild_approval')
    $$,
    'no other function runs with its owner''s rights');
select ok(
    has_function_privilege('dppr_admin', p.oid, 'execute') and not has_function_privilege('dppr_server', p.oid, 'execute'),
    'only an admin may have rows made anew')
from pg_proc as p
where p.oid in ('dpp.rebuild'::regproc, 'dpp.rebuild_approval'::regproc);

-- Definitions can be applied again and again.
\i sql/roles.sql
select pass('roles.sql can be repeated');
select * from finish();
rollback;
