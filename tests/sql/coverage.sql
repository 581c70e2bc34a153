-- Every table, view, function and trigger function is named in a test of this folder (other than those that only list), or used
-- by what is: what nothing tests and nothing uses fails. That every constraint is tried and every grant written down is
-- the matter of constraints.sql and grants.sql.
\set tests `cat $(ls tests/sql/*.sql | grep -vE "(coverage|schema|grants|constraints).sql$")`
create temporary table tests (text text);
insert into tests values (:'tests');

begin;
select plan(6);

-- Tested elsewhere, or by the name of what uses them
create temporary table listed (name text, tested_by text);
insert into listed
values
    ('schema_definitions', 'tests/unit/pg/test_migrate.c'),
    ('publication_rules', 'dpp.problems'),
    ('value_representations', 'dpp.problems'),
    ('document_fields', 'dpp.load_protocol'),
    ('timelines', 'tests/integration/test_standby_reads.py'),
    ('insert_approval_code', 'dpp.approve');

-- What a function, view or trigger is made of, and what calls it by name
create temporary table parts as
select 'function' as kind, f.proname::text as name, string_agg(pg_get_functiondef(f.oid), E'\n') as body
from pg_proc as f
where f.pronamespace = 'dpp'::regnamespace and f.prokind = 'f'
group by f.proname
union all
select case t.relkind when 'v' then 'view' else 'table' end, t.relname, case t.relkind when 'v' then pg_get_viewdef(t.oid) else '' end
from pg_class as t
where t.relnamespace = 'dpp'::regnamespace and t.relkind in ('r', 'v');
-- A table's triggers run when its rows are written, and the functions of its indexes and defaults with them.
update parts as p
set body = p.body || concat_ws(
    E'\n',
    (select string_agg(pg_get_triggerdef(g.oid), E'\n') from pg_trigger as g where g.tgrelid = ('dpp.' || p.name)::regclass and not g.tgisinternal),
    (select string_agg(pg_get_indexdef(x.indexrelid), E'\n') from pg_index as x where x.indrelid = ('dpp.' || p.name)::regclass),
    (select string_agg(pg_get_expr(d.adbin, d.adrelid), E'\n') from pg_attrdef as d where d.adrelid = ('dpp.' || p.name)::regclass))
where p.kind = 'table';

create temporary table uses as
select distinct u.kind, u.name, m[1] as used
from parts as u
cross join lateral regexp_matches(u.body, '\mdpp\.([a-z_0-9]+)', 'g') as m;
create temporary table covered as
with recursive reached (name) as (
    select p.name from parts as p, tests as t where t.text ~ ('\m' || p.name || '\M')
    union
    select u.used from reached as r join uses as u on u.name = r.name
)
select r.name from reached as r;

select is_empty($$select p.name from parts as p where p.kind = 'table' and p.name not in (select name from covered union select name from listed)$$, 'every table is tested');
select is_empty($$select p.name from parts as p where p.kind = 'view' and p.name not in (select name from covered)$$, 'every view is tested');
select is_empty($$select p.name from parts as p where p.kind = 'function' and p.name not in (select name from covered)$$, 'every function is tested, or used by what is');
select is_empty(
    $$
        select p.name
        from parts as p
        join tests as t on t.text !~ ('\m' || p.name || '\M')
        where p.kind = 'view' and p.name not in (select l.name from listed as l)
    $$,
    'a view is named itself');
select is_empty(
    $$
        select f.proname
        from pg_proc as f
        cross join tests as t
        where f.pronamespace = 'dpp'::regnamespace and f.proacl is not null
            and exists (select from aclexplode(f.proacl) as a where a.grantee <> f.proowner and a.grantee <> 0)
            and t.text !~ ('\m' || f.proname || '\M') and f.proname not in (select l.name from listed as l)
    $$,
    'so is a function that is granted to somebody');
select is_empty(
    $$select l.name from listed as l where l.name not in (select p.name from parts as p)$$, 'what is listed is there');
select * from finish();
rollback;
