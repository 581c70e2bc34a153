-- What dpp.ingest says of a SOP Instance UID that is known, also when two servers store the same one at once. The second
-- server is another session (dblink): it is seen to wait before the first one ends its transaction, so nothing
-- here depends on time. This file commits; its database is its own.
set client_min_messages = warning;
create extension dblink;
select plan(28);

select is(dpp_test.store('1.1', 'a'), 'stored', 'unknown: stored');
select is(dpp_test.store('1.1', 'a'), 'same', 'known, same content: same');
select is(dpp_test.store('1.1', 'b', 'x'), 'different',
    'known, other content: different');
select results_eq(
    $$select * from dpp_test.rows_of('
        select o.sop_instance_uid, convert_from(i.digest, ''UTF8'')
        from dpp.objects as o
        join dpp.instances as i on i.object_id = o.id')$$,
    array['(1.1,a)'], 'the first content is kept');

insert into dpp.objects (sop_instance_uid, sop_class_uid) values ('1.2', '1.2.840.10008.5.1.4.1.1.200.1');
select is(dpp_test.store('1.2', 'a'), 'draft', 'known as a draft: draft');
select is(dpp_test.store('1.3', 'a'), 'stored', 'to be retired');
select is(dpp.retire('1.3', 'test'), '1.3', 'retired');
select is(dpp_test.store('1.3', 'a'), 'retired', 'retired with the same content: retired');
select is(dpp_test.store('1.3', 'b'), 'retired', 'retired with other content: retired');
set dpp.maintenance = on;
insert into dpp.objects (sop_instance_uid, sop_class_uid, state) values ('1.4', '1.2', 'published');
reset dpp.maintenance;
select is(dpp_test.store('1.4', 'a'), 'different', 'published and not rendered yet: different');

insert into dpp.tombstones (sop_instance_uid, digest, reason) values ('1.5', 'a', 'test');
select is(dpp_test.store('1.5', 'a'), 'purged', 'tombstone: purged');
select is(dpp_test.store('1.5', 'b'), 'purged', 'tombstone, other content: purged');
select is_empty($$select from dpp.objects where sop_instance_uid = '1.5'$$, 'a purged object does not come back');

-- Refused for good: nothing that could be named
select throws_ok(
    format('select dpp_test.store(%L, p_class => %L)', d.uid, d.class), d.code, null,
    format('no object: %s, %s', d.uid, d.class))
from (
    values
        (null, '1.6', '23502'), ('1.6', null, '23502'), ('1.6*', '1.6', '23514'), ('1.6', 'x', '23514'), ('', '1.6', '23514')
) as d (uid, class, code);
select is_empty($$select from dpp.objects where sop_instance_uid like '1.6%'$$, 'nothing of them is left');

-- Two at once
create function dpp_test.connect(name text)
returns text language sql as $$
    select dblink_connect(name, format(
        'dbname=%s user=%s port=%s host=%s', current_database(), current_user, current_setting('port'),
        coalesce(host(inet_server_addr()), split_part(current_setting('unix_socket_directories'), ',', 1))))
$$;
create function dpp_test.send_store(name text, uid text, digest text)
returns int language sql as $$
    select dblink_send_query(name, format('select dpp_test.store(%L, %L)', uid, digest))
$$;
create function dpp_test.is_waiting(name text, pid int)
returns boolean language plpgsql as $$
begin
    -- Comes true, or the test runner's time limit ends the wait.
    while not exists (select from pg_stat_activity as a where a.pid = is_waiting.pid and a.wait_event_type = 'Lock') loop
        if dblink_is_busy(name) = 0 then
            return false;
        end if;
        perform pg_sleep(0.005);
        perform pg_stat_clear_snapshot();
    end loop;
    return true;
end
$$;
select is(dpp_test.connect(c), 'OK', 'connect ' || c) from unnest(array['first', 'second']) as c;
select pid as second_pid from dblink('second', 'select pg_backend_pid()') as t (pid int) \gset

create function dpp_test.race(uid text, digest text, pid int, ending text)
returns text[] language plpgsql as $$
declare
    first text;
    second text;
    waited boolean;
begin
    perform dblink_exec('first', 'begin');
    select r.outcome into first
    from dblink('first', format('select dpp_test.store(%L, %L)', uid, 'a')) as r (outcome text);
    perform dpp_test.send_store('second', uid, digest);
    waited := dpp_test.is_waiting('second', pid);
    perform dblink_exec('first', ending);
    select r.outcome into second from dblink_get_result('second') as r (outcome text);
    perform from dblink_get_result('second') as r (outcome text);
    return array[first, waited::text, second];
end
$$;
select is(
    dpp_test.race(r.uid, r.digest, :second_pid, r.ending), array['stored', 'true', r.expected],
    format('first ends with %s, second brings %s', r.ending, r.digest))
from (
    values
        ('2.1', 'a', 'commit', 'same'),
        ('2.2', 'b', 'commit', 'different'),
        ('2.3', 'a', 'rollback', 'stored'),
        ('2.4', 'b', 'rollback', 'stored')
) as r (uid, digest, ending, expected);
select results_eq(
    $$select * from dpp_test.rows_of('
        select o.sop_instance_uid, convert_from(i.digest, ''UTF8'')
        from dpp.objects as o
        join dpp.instances as i on i.object_id = o.id
        join dpp.protocols as p on p.object_id = o.id
        where o.sop_instance_uid like ''2.%''
        order by 1')$$,
    array['(2.1,a)', '(2.2,a)', '(2.3,a)', '(2.4,b)'],
    'each is there once');

-- A purge that commits while the store waits for it
select is(dpp_test.store('2.5', 'a'), 'stored', 'to be purged');
create function dpp_test.purge_race(pid int)
returns text[] language plpgsql as $$
declare
    outcome text;
    waited boolean;
begin
    perform dblink_exec('first', 'begin');
    perform from dblink('first', $q$select dpp.purge('2.5', 'test')$q$) as p (uid text);
    perform dpp_test.send_store('second', '2.5', 'a');
    waited := dpp_test.is_waiting('second', pid);
    perform dblink_exec('first', 'commit');
    select r.outcome into outcome from dblink_get_result('second') as r (outcome text);
    perform from dblink_get_result('second') as r (outcome text);
    return array[waited::text, outcome];
end
$$;
select is(dpp_test.purge_race(:second_pid), array['true', 'purged'], 'a store that waited for a purge is refused');

select * from finish();
