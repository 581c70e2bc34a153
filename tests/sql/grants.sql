-- Who may do what in schema dpp: exactly this. tests/sql/roles.sql tries the rights; here nothing is granted that is not
-- written down.
begin;
select plan(9);

create temporary table contents (name text, members text[]);
insert into contents
values
    ('content', '{protocols,protocol_custodians,protocol_codes,protocol_models,protocol_predecessors,protocol_elements,parameter_constraints,instructions,approvals,approval_subjects,approval_assertions,approval_asserters,approval_codes,approval_related_assertions}'),
    ('draft', '{objects.sop_instance_uid,objects.sop_class_uid,objects.timezone_offset,objects.revises_uid}'),
    ('rules', '{application_entities,assertion_codes,asserter_roles,trusted_approvers}'),
    ('servers', '{servers,destination_slots}'),
    ('life_cycle', '{publish,revise,retire,approve,withdraw,insert_approval_code,import_protocol}'),
    ('received', '{ingest,ingest_approval}'),
    ('operations', '{audit_events.operation,audit_events.sop_instance_uid,audit_events.status,audit_events.ae_title,audit_events.peer_address,audit_events.details,audit_events.server_id,audit_events.association}');
-- A name is a table, view, table.column, function, the schema or, with @, the members above; all: every table and view.
create temporary table expected (grantee text, privilege text, names text);
insert into expected
values
    ('dppr_server', 'USAGE', 'dpp'),
    ('dppr_server', 'EXECUTE', '@received ingest_successor'),
    ('dppr_server', 'SELECT',
     'objects instances protocols protocol_custodians protocol_codes protocol_models protocol_predecessors approvals approval_subjects approval_assertions approval_asserters approval_codes approval_related_assertions supersessions application_entities requirements_met repository schema_migrations schema_definitions timelines @servers'),
    ('dppr_server', 'INSERT', '@servers timelines.system_identifier timelines.timeline @operations audit_events.occurred_at audit_events.destination'),
    ('dppr_server', 'UPDATE', '@servers'),
    ('dppr_server', 'DELETE', '@servers'),
    ('dppr_reader', 'USAGE', 'dpp'),
    ('dppr_reader', 'SELECT', 'all'),
    ('dppr_author', 'USAGE', 'dpp'),
    ('dppr_author', 'EXECUTE', '@life_cycle'),
    ('dppr_author', 'SELECT',
     '@content objects instances dataset_warnings tombstones supersessions authored_documents changes audit_events repository attributes protocol_list parameters parameter_search protocol_attributes units approval_list current_protocols protocol_versions publication_rules value_representations document_fields assertion_codes asserter_roles trusted_approvers assertions approval_status approvals_in_force requirements_met fetches unused_protocols drift'),
    ('dppr_author', 'INSERT', '@content @draft objects.state authored_documents'),
    ('dppr_author', 'UPDATE', '@content @draft'),
    ('dppr_author', 'DELETE', '@content objects'),
    ('dppr_admin', 'USAGE', 'dpp'),
    ('dppr_admin', 'EXECUTE', '@life_cycle @received rebuild rebuild_approval purge forget_audit'),
    ('dppr_admin', 'SELECT', 'all'),
    ('dppr_admin', 'INSERT', '@content @draft objects.state authored_documents @rules @operations'),
    ('dppr_admin', 'UPDATE', '@content @draft @rules repository'),
    ('dppr_admin', 'DELETE', '@content objects @rules');

create temporary view expected_grants as
select e.grantee, e.privilege, x.name::text
from expected as e
cross join lateral regexp_split_to_table(e.names, ' ') as n (name)
cross join lateral (
    select unnest(c.members) as name from contents as c where n.name = '@' || c.name
    union all
    select n.name where n.name !~ '^@' and n.name <> 'all'
    union all
    select t.relname from pg_class as t where n.name = 'all' and t.relnamespace = 'dpp'::regnamespace and t.relkind in ('r', 'v')
) as x;
create temporary view grants as
select coalesce(r.rolname, 'public')::text as grantee, g.privilege_type::text as privilege, g.name::text, g.is_grantable
from (
    select t.relname as name, a.grantee, a.privilege_type, a.is_grantable, t.relowner as owner
    from pg_class as t
    cross join lateral aclexplode(t.relacl) as a
    where t.relnamespace = 'dpp'::regnamespace
    union all
    select t.relname || '.' || c.attname, a.grantee, a.privilege_type, a.is_grantable, t.relowner
    from pg_class as t
    join pg_attribute as c on c.attrelid = t.oid
    cross join lateral aclexplode(c.attacl) as a
    where t.relnamespace = 'dpp'::regnamespace
    union all
    select f.proname, a.grantee, a.privilege_type, a.is_grantable, f.proowner
    from pg_proc as f
    cross join lateral aclexplode(f.proacl) as a
    -- That everybody may call what is not revoked is the default; see below.
    where f.pronamespace = 'dpp'::regnamespace and a.grantee <> 0
    union all
    select s.nspname, a.grantee, a.privilege_type, a.is_grantable, s.nspowner
    from pg_namespace as s
    cross join lateral aclexplode(s.nspacl) as a
    where s.oid = 'dpp'::regnamespace
) as g
left join pg_roles as r on r.oid = g.grantee
where g.grantee <> g.owner;

select is_empty(
    'select g.grantee, g.privilege, g.name from grants as g except select * from expected_grants',
    'nothing is granted that is not written down');
select is_empty(
    'select * from expected_grants except select g.grantee, g.privilege, g.name from grants as g',
    'what is written down is granted');
select is_empty('select g.grantee, g.name from grants as g where g.is_grantable', 'nobody may grant on');
select is_empty(
    $$
        select r.rolname
        from pg_roles as r
        where r.rolname ~ '^dppr_' and (r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolbypassrls)
    $$,
    'the roles have no power beyond');
select is_empty(
    $$
        select m.roleid::regrole, m.member::regrole
        from pg_auth_members as m
        where m.member::regrole::text ~ '^dppr_(server|reader|author|admin)$'
    $$,
    'none of them is a member of another');
select is_empty(
    $$
        select f.oid::regprocedure
        from pg_proc as f
        where f.pronamespace = 'dpp'::regnamespace and f.prosecdef and has_function_privilege('public', f.oid, 'execute')
    $$,
    'what runs with the rights of the owner is not for everybody');
select set_eq(
    $$
        select f.proname::text
        from pg_proc as f
        where f.pronamespace = 'dpp'::regnamespace and not has_function_privilege('public', f.oid, 'execute')
    $$,
    string_to_array(
        'approve bequeath check_reason check_revisable check_supersedes close_door copy_protocol forget_audit guard_header guard_item guard_object '
        || 'import_protocol ingest ingest_approval ingest_successor insert_approval_code lock_draft lock_object lock_rows note_change note_object open_door publish purge rebuild '
        || 'rebuild_approval refuse_change refuse_closed_door refuse_event refuse_problems refuse_rewrite refuse_truncate render require_read_committed '
        || 'reset_origin retire revise supersede withdraw write_approval_rows write_rows',
        ' '),
    'nor are these');
select is_empty(
    $$
        select f.oid::regprocedure, f.proconfig
        from pg_proc as f
        where f.pronamespace = 'dpp'::regnamespace and f.prosecdef
            and not coalesce(f.proconfig, '{}') @> array['search_path=pg_catalog, pg_temp']
    $$,
    'and finds nothing in a schema of its caller''s');
select is_empty(
    $$
        select d.defaclobjtype, d.defaclacl
        from pg_default_acl as d
        where d.defaclnamespace in (0, 'dpp'::regnamespace)
    $$,
    'nothing that will be made is granted beforehand');
select * from finish();
rollback;
