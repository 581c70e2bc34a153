-- Retrieval by UID does not read a table, planned without knowing the UIDs and with the settings of the server's role. What
-- queries read is counted in tests/unit/catalog/test_plans.c.
set client_min_messages = warning;
\ir ../support/generate_protocols.sql
select dpp_test.generate_protocols(1000);
vacuum analyze;

begin;
set dpp.maintenance = on; -- published rows are made by hand
select plan(1);
-- as sql/roles.sql has it
set local jit = off;
set local max_parallel_workers_per_gather = 0;
set local enable_hashjoin = off;
set local enable_mergejoin = off;
set local random_page_cost = 1.1;
set local plan_cache_mode = force_generic_plan;

create function pg_temp.explain(query text)
returns text language plpgsql as $$
declare
    line text;
    lines text := '';
begin
    for line in execute 'explain (costs off) ' || query loop
        lines := lines || E'\n' || line;
    end loop;
    return lines;
end
$$;
prepare refs as
    select o.id, i.size
    from unnest($1::text[]) with ordinality as u (uid, n)
    join dpp.objects as o on o.sop_instance_uid = u.uid collate "C"
    join dpp.instances as i on i.object_id = o.id
    where o.state = 'published';
select doesnt_match(
    pg_temp.explain('execute refs(''{2.25.101,2.25.102}'')'), 'Seq Scan on',
    'instances by UID');
select * from finish();
rollback;
