-- The schema as a supported interface: what is there, how it is named, that it is explained.
begin;
set dpp.maintenance = on; -- published rows are made by hand
select plan(27);

select has_schema('dpp');
select tables_are('dpp', array[
    'objects', 'instances', 'tombstones', 'dataset_warnings', 'protocols', 'protocol_custodians', 'protocol_codes',
    'protocol_models', 'protocol_predecessors', 'protocol_elements', 'parameter_constraints', 'instructions',
    'approvals', 'approval_subjects', 'approval_assertions', 'approval_asserters', 'approval_codes',
    'approval_related_assertions', 'application_entities', 'destination_slots', 'schema_migrations', 'schema_definitions', 'servers', 'supersessions',
    'changes', 'audit_events', 'repository', 'attributes', 'assertion_codes', 'asserter_roles', 'trusted_approvers',
    'authored_documents', 'timelines']);
select views_are('dpp', array[
    'approval_list', 'approval_status', 'approvals_in_force', 'assertions', 'current_protocols',
    'parameter_search', 'parameters',
    'protocol_attributes', 'protocol_list', 'protocol_versions', 'publication_rules', 'requirements_met', 'units',
    'ae_usage', 'drift', 'fetches', 'outdated_scanners', 'refusals', 'unused_protocols',
    'document_fields', 'value_representations']);
select has_extension('pg_trgm');
select has_extension('fuzzystrmatch');

-- Explained
select isnt(obj_description('dpp'::regnamespace, 'pg_namespace'), null, 'the schema has a comment');
select is_empty(
    $$
        select c.relname
        from pg_class as c
        where c.relnamespace = 'dpp'::regnamespace and c.relkind in ('r', 'p', 'f', 'v', 'm')
            and coalesce(obj_description(c.oid, 'pg_class'), '') = ''
    $$,
    'every table and view has a comment');
select is_empty(
    $$
        select c.relname, a.attname
        from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid
        where c.relnamespace = 'dpp'::regnamespace and c.relkind in ('r', 'p', 'f', 'v', 'm') and a.attnum > 0 and not a.attisdropped
            and coalesce(col_description(c.oid, a.attnum), '') = ''
    $$,
    'every column has a comment');
select is_empty(
    $$
        select p.oid::regprocedure
        from pg_proc as p
        where p.pronamespace = 'dpp'::regnamespace and coalesce(obj_description(p.oid, 'pg_proc'), '') = ''
    $$,
    'every function has a comment');
select is_empty(
    $$
        select t.tgname
        from pg_trigger as t
        join pg_class as c on c.oid = t.tgrelid
        where c.relnamespace = 'dpp'::regnamespace and not t.tgisinternal
            and coalesce(obj_description(t.oid, 'pg_trigger'), '') = ''
    $$,
    'every trigger has a comment');

-- Named
select is_empty(
    $$
        select c.conname
        from pg_constraint as c
        join pg_class as t on t.oid = c.conrelid
        where t.relnamespace = 'dpp'::regnamespace
            and c.conname !~ ('^' || t.relname || case c.contype
                when 'p' then '_pkey$'
                when 'u' then '_[a-z_]+_key$'
                when 'f' then '_[a-z_]+_fkey$'
                else '_[a-z_]+_check$'
            end)
    $$,
    'constraints are named <table>_<column>_<kind>');
select is_empty(
    $$
        select i.relname
        from pg_index as x
        join pg_class as i on i.oid = x.indexrelid
        join pg_class as t on t.oid = x.indrelid
        where t.relnamespace = 'dpp'::regnamespace
            and i.relname !~ ('^' || t.relname || '_([a-z_]+_idx|pkey|[a-z_]+_key)$')
    $$,
    'indexes are named <table>_<column>_idx');

-- Rules
select is_empty(
    $$
        select c.relname, a.attname
        from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid
        left join pg_collation as l on l.oid = a.attcollation
        where c.relnamespace = 'dpp'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
            and a.atttypid in ('text'::regtype, 'text[]'::regtype)
            and l.collname is distinct from 'C'
            and (c.relname, a.attname) not in (
                ('objects', 'retired_reason'), ('tombstones', 'reason'), ('dataset_warnings', 'warning'),
                ('application_entities', 'description'), ('schema_migrations', 'name'), ('servers', 'version'),
                ('schema_definitions', 'hash'), ('audit_events', 'reason'))
    $$,
    'text that is compared has collation C');
select is_empty(
    $$
        select i.relname
        from pg_class as i
        join pg_am as m on m.oid = i.relam
        where i.relnamespace = 'dpp'::regnamespace and m.amname = 'gin'
            and not coalesce(i.reloptions, '{}') @> array['fastupdate=off']
    $$,
    'GIN indexes have no pending list');
select is_empty(
    $$
        select t.relname
        from pg_class as t
        join pg_attribute as a on a.attrelid = t.oid and a.attname = 'object_id'
        where t.relnamespace = 'dpp'::regnamespace and t.relkind = 'r'
            and not exists (
                select
                from pg_constraint as c
                where c.conrelid = t.oid and c.contype = 'f' and c.confdeltype = 'c' and c.conkey = array[a.attnum])
    $$,
    'what belongs to an object goes with it');
select is(
    (
        select a.attstorage
        from pg_attribute as a
        where a.attrelid = 'dpp.instances'::regclass and a.attname = 'dataset'
    ),
    'e'::"char",
    'encoded data sets are stored so that parts can be read');

-- Constraints refuse
insert into dpp.objects (sop_instance_uid, sop_class_uid) values ('2.25.1', '1.2.840.10008.5.1.4.1.1.200.1');
select throws_ok(
    $$insert into dpp.objects (sop_instance_uid, sop_class_uid) values ('2.25.1', '1.2')$$,
    '23505', null, 'a SOP Instance UID is unique');
select throws_ok(
    format('insert into dpp.objects (sop_instance_uid, sop_class_uid) values (%L, %L)', v.uid, '1.2'),
    '23514', null, format('%L is no UID', v.uid))
from (values (''), ('1.'), ('.1'), ('1..2'), ('1.2.x'), ('1.2 '), (repeat('1.', 32) || '1')) as v (uid);
select throws_ok(
    $$insert into dpp.objects (sop_instance_uid, sop_class_uid, state) values ('1.3', '1.2', 'hidden')$$,
    '23514', null, 'no other state');
select throws_ok(
    $$insert into dpp.protocols (object_id) values (-1)$$, '23503', null, 'no protocol without object');
select throws_ok(
    $$
        insert into dpp.protocols (object_id, other_attributes)
        select o.id, '[]' from dpp.objects as o where o.sop_instance_uid = '2.25.1'
    $$,
    '23514', null, 'other_attributes is an object');

select * from finish();
rollback;
