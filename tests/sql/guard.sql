-- The rules about published content, and attempts to get around them: as each role, logged in as a member of it (dblink), and
-- as the owner of the tables, who is a superuser here. + may; else the SQLSTATE that it ends in: 42501 no right, 55000 the guard.
-- At the end everything is as it was. This file commits; its database is its own.
set client_min_messages = warning;
create extension dblink;
select no_plan();

-- A published protocol and approval with a row in every table, a retired protocol, a draft with an element.
set dpp.maintenance = on;
insert into dpp.objects (sop_instance_uid, sop_class_uid, state, published_at, query_record)
select '2.25.' || u.n, '1.2.840.10008.5.1.4.1.1.200.' || u.class, u.state, now(), 'x'
from (values (1, 1, 'published'), (2, 1, 'draft'), (3, 1, 'retired'), (4, 3, 'published')) as u (n, class, state);
insert into dpp.protocols (object_id, protocol_name) select id, 'Head' from dpp.objects where sop_class_uid like '%1';
insert into dpp.protocol_elements (object_id, kind, ordinal) select object_id, 'acquisition', 1 from dpp.protocols;
insert into dpp.instances select id, '1.2', 'x', 1, 'x' from dpp.objects where state <> 'draft';
create view dpp_test.published as select id from dpp.objects where sop_instance_uid = '2.25.1';
insert into dpp.dataset_warnings select id, 1, null, 'x' from dpp_test.published;
insert into dpp.protocol_custodians select id, 1, 'x' from dpp_test.published;
insert into dpp.protocol_codes (object_id, role, ordinal) select id, 'reason', 1 from dpp_test.published;
insert into dpp.protocol_models (object_id, ordinal) select id, 1 from dpp_test.published;
insert into dpp.protocol_predecessors (object_id, ordinal) select id, 1 from dpp_test.published;
insert into dpp.parameter_constraints (object_id, kind, ordinal) select id, 'patient', 1 from dpp_test.published;
insert into dpp.instructions (object_id, kind, ordinal) select id, 'instruction', 1 from dpp_test.published;
insert into dpp.approvals (object_id) select id from dpp.objects where sop_instance_uid = '2.25.4';
insert into dpp.approval_subjects (object_id, ordinal) select object_id, 1 from dpp.approvals;
insert into dpp.approval_assertions (object_id, ordinal) select object_id, 1 from dpp.approvals;
insert into dpp.approval_asserters (object_id, assertion_ordinal, ordinal) select object_id, 1, 1 from dpp.approvals;
insert into dpp.approval_codes (object_id, role, assertion_ordinal, ordinal) select object_id, 'assertion', 1, 1 from dpp.approvals;
insert into dpp.approval_related_assertions (object_id, assertion_ordinal, ordinal) select object_id, 1, 1 from dpp.approvals;
insert into dpp.authored_documents select id, null, sha256('x') from dpp_test.published;
insert into dpp.tombstones (sop_instance_uid, reason) values ('2.25.9', 'test');
insert into dpp.supersessions (object_id, superseded_uid) select id, '2.25.3' from dpp_test.published;
insert into dpp.audit_events (operation) values ('store');
reset dpp.maintenance;

create function dpp_test.content()
returns text language plpgsql as $$
declare
    relation text;
    part text;
    whole text := '';
begin
    foreach relation in array array[
        'objects', 'instances', 'dataset_warnings', 'protocols', 'protocol_custodians', 'protocol_codes',
        'protocol_models', 'protocol_predecessors', 'protocol_elements', 'parameter_constraints', 'instructions',
        'approvals', 'approval_subjects', 'approval_assertions', 'approval_asserters', 'approval_codes',
        'approval_related_assertions', 'authored_documents', 'tombstones', 'supersessions', 'changes', 'audit_events']
    loop
        execute format('select string_agg(t::text, E''\n'' order by t::text) from dpp.%I as t', relation) into part;
        whole := whole || relation || E'\n' || coalesce(part, '') || E'\n';
    end loop;
    return whole;
end
$$;
create table dpp_test.before as select dpp_test.content() as content;

create function dpp_test.connect(name text, login text)
returns text language sql as $$
    select dblink_connect(name, format(
        'dbname=%s user=%s port=%s host=%s', current_database(), login, current_setting('port'),
        coalesce(host(inet_server_addr()), split_part(current_setting('unix_socket_directories'), ',', 1))))
$$;
-- Roles belong to the whole cluster: names of this test's own
create table dpp_test.logins as
select r as role, format('guard_%s_%s', r, pg_backend_pid()) as login
from unnest(array['author', 'admin', 'server', 'reader']) as r;
select format('create role %I login in role %I', l.login, 'dppr_' || l.role) from dpp_test.logins as l \gexec
insert into dpp_test.logins values ('owner', current_user);
select is(dpp_test.connect(l.role, l.login), 'OK', l.role) from dpp_test.logins as l;

create function dpp_test.outcome(name text, statement text)
returns text language plpgsql as $$
declare
    outcome text := '+';
begin
    perform dblink_exec(name, 'begin');
    begin
        perform dblink_exec(name, format('do $do$ begin execute %L; end $do$', statement));
    exception
        when others then outcome := sqlstate;
    end;
    perform dblink_exec(name, 'rollback');
    return outcome;
end
$$;

create table dpp_test.attempts (
    n int generated always as identity, statement text, owner text, author text, admin text, server text, reader text);

-- Rows of every table that belong to what is published
insert into dpp_test.attempts (statement, owner, author, admin, server, reader)
select format(s.statement, t.relation), '55000', t.expected, t.expected, '42501', '42501'
from (
    values
        ('protocols', '55000'), ('protocol_custodians', '55000'), ('protocol_codes', '55000'), ('protocol_models', '55000'),
        ('protocol_predecessors', '55000'), ('protocol_elements', '55000'), ('parameter_constraints', '55000'),
        ('instructions', '55000'), ('approvals', '55000'), ('approval_subjects', '55000'),
        ('approval_assertions', '55000'), ('approval_asserters', '55000'), ('approval_codes', '55000'),
        ('approval_related_assertions', '55000'), ('instances', '42501'), ('dataset_warnings', '42501'),
        ('authored_documents', '42501')
) as t (relation, expected)
cross join (
    values
        ('update dpp.%I set object_id = object_id where object_id <> (select id from dpp.objects where state = ''draft'')'),
        ('delete from dpp.%I where object_id <> (select id from dpp.objects where state = ''draft'')')
) as s (statement);
insert into dpp_test.attempts (statement, owner, author, admin, server, reader)
select
    format(
        'insert into dpp.%1$I select (jsonb_populate_record(t, ''{"ordinal": 99}'')).* from dpp.%1$I as t'
            ' where object_id <> (select id from dpp.objects where state = ''draft'')',
        t.relation),
    '55000', t.expected, t.expected, '42501', '42501'
from (
    values
        ('protocol_custodians', '55000'), ('protocol_codes', '55000'), ('protocol_models', '55000'),
        ('protocol_predecessors', '55000'), ('protocol_elements', '55000'), ('parameter_constraints', '55000'),
        ('instructions', '55000'), ('approval_subjects', '55000'), ('approval_assertions', '55000'),
        ('approval_asserters', '55000'), ('approval_codes', '55000'), ('approval_related_assertions', '55000'),
        ('dataset_warnings', '42501')
) as t (relation, expected);
insert into dpp_test.attempts (statement, owner, author, admin, server, reader)
select format('truncate dpp.%I cascade', c.relname), '55000', '42501', '42501', '42501', '42501'
from pg_class as c
where c.relnamespace = 'dpp'::regnamespace and c.relkind = 'r'
    and c.relname in (
        'objects', 'instances', 'dataset_warnings', 'protocols', 'protocol_custodians', 'protocol_codes',
        'protocol_models', 'protocol_predecessors', 'protocol_elements', 'parameter_constraints', 'instructions',
        'approvals', 'approval_subjects', 'approval_assertions', 'approval_asserters', 'approval_codes',
        'approval_related_assertions', 'authored_documents', 'tombstones', 'supersessions', 'changes', 'audit_events')
order by c.relname;

insert into dpp_test.attempts (statement, owner, author, admin, server, reader)
values
    ('insert into dpp.authored_documents select id, ''x'', sha256(''x'') from dpp.objects where state = ''retired''', '55000', '55000', '55000', '42501', '42501'),
    -- the objects themselves
    ('update dpp.objects set timezone_offset = ''+0100'' where sop_instance_uid = ''2.25.1''', '55000', '55000', '55000', '42501', '42501'),
    ('update dpp.objects set sop_instance_uid = ''2.25.5'' where sop_instance_uid = ''2.25.3''', '55000', '55000', '55000', '42501', '42501'),
    ('delete from dpp.objects where sop_instance_uid = ''2.25.1''', '55000', '55000', '55000', '42501', '42501'),
    ('delete from dpp.objects', '55000', '55000', '55000', '42501', '42501'),
    -- what only functions write, in a draft
    ('update dpp.objects set state = ''published'' where state = ''draft''', '55000', '42501', '42501', '42501', '42501'),
    ('update dpp.objects set query_record = '''' where state = ''draft''', '55000', '42501', '42501', '42501', '42501'),
    ('update dpp.objects set source = ''store'' where state = ''draft''', '55000', '42501', '42501', '42501', '42501'),
    ('update dpp.objects set sender_aet = ''X'' where state = ''draft''', '55000', '42501', '42501', '42501', '42501'),
    ('update dpp.objects set created_at = ''-infinity'' where state = ''draft''', '55000', '42501', '42501', '42501', '42501'),
    ('update dpp.objects set created_by = ''x'' where state = ''draft''', '55000', '42501', '42501', '42501', '42501'),
    ('update dpp.objects set published_at = ''-infinity'' where state = ''draft''', '55000', '42501', '42501', '42501', '42501'),
    ('update dpp.objects set published_by = ''x'' where state = ''draft''', '55000', '42501', '42501', '42501', '42501'),
    ('update dpp.objects set retired_at = ''-infinity'' where state = ''draft''', '55000', '42501', '42501', '42501', '42501'),
    ('update dpp.objects set retired_by = ''x'' where state = ''draft''', '55000', '42501', '42501', '42501', '42501'),
    ('update dpp.objects set retired_reason = ''x'' where state = ''draft''', '55000', '42501', '42501', '42501', '42501'),
    ('update dpp.objects set id = default where state = ''draft''', '55000', '42501', '42501', '42501', '42501'),
    ('insert into dpp.objects (sop_instance_uid, sop_class_uid, state) values (''2.25.6'', ''1.2'', ''published'')', '55000', '55000', '55000', '42501', '42501'),
    ('insert into dpp.objects (sop_instance_uid, sop_class_uid, state) values (''2.25.6'', ''1.2'', ''retired'')', '55000', '55000', '55000', '42501', '42501'),
    ('insert into dpp.objects (sop_instance_uid, sop_class_uid, source) values (''2.25.6'', ''1.2'', ''store'')', '55000', '42501', '42501', '42501', '42501'),
    ('insert into dpp.objects (sop_instance_uid, sop_class_uid, published_at) values (''2.25.6'', ''1.2'', now())', '55000', '42501', '42501', '42501', '42501'),
    ('insert into dpp.objects (sop_instance_uid, sop_class_uid, query_record) values (''2.25.6'', ''1.2'', '''')', '55000', '42501', '42501', '42501', '42501'),
    ('insert into dpp.objects (id, sop_instance_uid, sop_class_uid) overriding system value values (1000000, ''2.25.6'', ''1.2'')', '+', '42501', '42501', '42501', '42501'),
    ('select nextval(''dpp.objects_id_seq'')', '+', '42501', '42501', '42501', '42501'),
    -- a UID that was purged
    ('insert into dpp.objects (sop_instance_uid, sop_class_uid) values (''2.25.9'', ''1.2'')', '55000', '55000', '55000', '42501', '42501'),
    ('update dpp.objects set sop_instance_uid = ''2.25.9'' where state = ''draft''', '55000', '55000', '55000', '42501', '42501'),
    -- from a draft into what is published, and the other way
    ('update dpp.protocol_elements set object_id = (select id from dpp.objects where sop_instance_uid = ''2.25.1''), ordinal = 9'
        ' where object_id = (select id from dpp.objects where state = ''draft'')', '55000', '55000', '55000', '42501', '42501'),
    ('update dpp.protocol_elements set object_id = (select id from dpp.objects where state = ''draft''), ordinal = 9'
        ' where object_id = (select id from dpp.objects where sop_instance_uid = ''2.25.1'')', '55000', '55000', '55000', '42501', '42501'),
    -- other ways to write
    ('insert into dpp.protocols (object_id, protocol_name) select id, ''x'' from dpp.objects where sop_instance_uid = ''2.25.1'''
        ' on conflict (object_id) do update set protocol_name = ''x''', '55000', '55000', '55000', '42501', '42501'),
    ('merge into dpp.protocols as p using dpp.objects as o on p.object_id = o.id and o.state = ''published'''
        ' when matched then update set protocol_name = ''x''', '55000', '55000', '55000', '42501', '42501'),
    ('with w as (update dpp.protocols set protocol_name = ''x'' where object_id = (select id from dpp.objects where sop_instance_uid = ''2.25.1'')'
        ' returning 1) select from w', '55000', '55000', '55000', '42501', '42501'),
    ('create temporary view v as select * from dpp.protocols; update v set protocol_name = ''x''', '55000', '55000', '55000', '42501', '42501'),
    ('copy dpp.protocol_elements (object_id, kind, ordinal) from program ''echo 1''', '22P04', '42501', '42501', '42501', '42501'),
    -- the door
    ('set dpp.maintenance = on; update dpp.protocols set protocol_name = ''x''', '+', '42501', '42501', '42501', '42501'),
    ('set dpp.maintenance = on; delete from dpp.objects where state = ''draft''', '+', '42501', '42501', '42501', '42501'),
    ('set dpp.maintenance = on; delete from dpp.objects where sop_instance_uid = ''2.25.1''', '+', '42501', '42501', '42501', '42501'),
    ('set dpp.maintenance = on; insert into dpp.objects (sop_instance_uid, sop_class_uid, state) values (''2.25.6'', ''1.2'', ''published'')', '+', '42501', '42501', '42501', '42501'),
    ('set dpp.maintenance = on; truncate dpp.objects cascade', '+', '42501', '42501', '42501', '42501'),
    ('update dpp.protocols set protocol_name = set_config(''dpp.maintenance'', ''on'', true)', '+', '42501', '42501', '42501', '42501'),
    ('delete from dpp.protocols where object_id = (select id from dpp.objects where state = ''draft'')'
        ' returning set_config(''dpp.maintenance'', ''on'', true)', '42501', '42501', '42501', '42501', '42501'),
    ('select dpp.open_door()', '+', '42501', '42501', '42501', '42501'),
    ('create function pg_temp.f() returns void language sql set dpp.maintenance = ''on'' as ''update dpp.protocols set protocol_name = protocol_name'';'
        ' select pg_temp.f()', '+', '42501', '42501', '42501', '42501'),
    ('create function pg_temp.f() returns void language sql security definer as ''update dpp.protocols set protocol_name = ''''x'''''';'
        ' select pg_temp.f()', '55000', '55000', '55000', '42501', '42501'),
    ('alter role dppr_author set dpp.maintenance = ''on''', '+', '42501', '42501', '42501', '42501'),
    ('set session_replication_role = replica; update dpp.protocols set protocol_name = ''x''', '+', '42501', '42501', '42501', '42501'),
    -- other people's rights
    ('set role ' || quote_ident(current_user), '+', '42501', '42501', '42501', '42501'),
    ('set session authorization ' || quote_ident(current_user), '+', '42501', '42501', '42501', '42501'),
    ('set role dppr_admin; select dpp.purge(''2.25.1'', ''x'')', '+', '42501', '+', '42501', '42501'),
    ('grant dppr_admin to dppr_author', '+', '42501', '42501', '42501', '42501'),
    ('grant delete on dpp.instances to public; delete from dpp.instances', '55000', '42501', '42501', '42501', '42501'),
    -- the triggers, functions and tables
    ('alter table dpp.protocols disable trigger protocols_guard', '+', '42501', '42501', '42501', '42501'),
    ('alter table dpp.protocols disable trigger user', '+', '42501', '42501', '42501', '42501'),
    ('drop trigger protocols_guard on dpp.protocols', '+', '42501', '42501', '42501', '42501'),
    ('create trigger x before update on dpp.protocols for each row execute function suppress_redundant_updates_trigger()', '+', '42501', '42501', '42501', '42501'),
    ('create rule x as on update to dpp.protocols do instead nothing', '+', '42501', '42501', '42501', '42501'),
    ('create or replace function dpp.guard_item() returns trigger language plpgsql as ''begin return null; end''', '+', '42501', '42501', '42501', '42501'),
    ('alter function dpp.guard_item() owner to current_user', '+', '42501', '42501', '42501', '42501'),
    ('create table dpp.mine ()', '+', '42501', '42501', '42501', '42501'),
    ('create function dpp.render(int) returns void language sql as ''''', '+', '42501', '42501', '42501', '42501'),
    ('alter table dpp.protocols drop column protocol_name', '2BP01', '42501', '42501', '42501', '42501'),
    ('alter table dpp.instances alter column size type text', '0A000', '42501', '42501', '42501', '42501'),
    ('drop table dpp.instances cascade', '+', '42501', '42501', '42501', '42501'),
    -- functions that are for other functions
    ('select dpp.write_rows(id, null, null, null, null, null, null, null, null, null) from dpp.objects', '+', '42501', '42501', '42501', '42501'),
    ('select dpp.note_change(''2.25.1'', ''x'', ''insert'', null, ''{}'')', '+', '42501', '42501', '42501', '42501'),
    ('select dpp.render(id) from dpp.objects where state = ''published'' limit 1', '+', '42501', '42501', '42501', '42501'),
    ('select dpp.supersede(id, array[''2.25.3'']) from dpp.objects', '+', '42501', '42501', '42501', '42501'),
    -- tables, functions and operators of one's own in the way of those that functions mean: no effect
    ('create temporary table objects (like dpp.objects); create temporary table tombstones (sop_instance_uid text);'
        ' create function pg_temp.now() returns timestamptz language sql as ''select null::timestamptz'';'
        ' create function pg_temp.lower(text) returns text language plpgsql as ''begin raise exception division_by_zero; end'';'
        ' set local search_path = pg_temp, pg_catalog; delete from dpp.protocols', '55000', '55000', '55000', '42501', '42501'),
    ('create temporary table objects (like dpp.objects); create domain pg_temp.text as pg_catalog.text check (value is null);'
        ' set local search_path = pg_temp, pg_catalog; select dpp.retire(''2.25.1'', ''x'')', '+', '+', '+', '42501', '42501'),
    -- what happened
    ('update dpp.changes set db_user = ''x''', '55000', '42501', '42501', '42501', '42501'),
    ('delete from dpp.changes', '55000', '42501', '42501', '42501', '42501'),
    ('insert into dpp.audit_events (operation) select ''publish''', '55000', '42501', '55000', '55000', '42501'),
    ('insert into dpp.audit_events (operation) select ''revise''', '55000', '42501', '55000', '55000', '42501'),
    ('insert into dpp.audit_events (operation) select ''retire''', '55000', '42501', '55000', '55000', '42501'),
    ('insert into dpp.audit_events (operation) select ''purge''', '55000', '42501', '55000', '55000', '42501'),
    ('insert into dpp.audit_events (operation) select ''rebuild''', '55000', '42501', '55000', '55000', '42501'),
    ('insert into dpp.audit_events (operation) select ''forget''', '55000', '42501', '55000', '55000', '42501'),
    ('set dpp.maintenance = on; insert into dpp.audit_events (operation) values (''purge'')', '+', '42501', '55000', '55000', '42501'),
    ('update dpp.audit_events set db_user = ''x''', '55000', '42501', '42501', '42501', '42501'),
    ('delete from dpp.audit_events', '55000', '42501', '42501', '42501', '42501'),
    ('update dpp.tombstones set reason = ''x''', '55000', '42501', '42501', '42501', '42501'),
    ('delete from dpp.tombstones', '55000', '42501', '42501', '42501', '42501'),
    ('update dpp.supersessions set since = now()', '55000', '42501', '42501', '42501', '42501'),
    ('delete from dpp.supersessions', '55000', '42501', '42501', '42501', '42501');

insert into dpp.objects (sop_instance_uid, sop_class_uid) values ('2.25.7', '1.2');
delete from dpp.objects where sop_instance_uid = '2.25.7';
update dpp_test.before set content = dpp_test.content();
select isnt(
    (select count(*) from dpp.changes), 0::bigint, 'there are rows of dpp.changes that could be changed');

select is(dpp_test.outcome(r.role, a.statement), r.expected, r.role || ': ' || a.statement)
from dpp_test.attempts as a
cross join lateral (
    values
        ('owner', a.owner), ('author', a.author), ('admin', a.admin), ('server', a.server), ('reader', a.reader)
) as r (role, expected)
order by r.role, a.n;

select ok(b.content = dpp_test.content(), 'after all attempts everything is as it was') from dpp_test.before as b;

-- Every table that hangs on an object is guarded, and every trigger has the same condition.
select set_eq(
    $$
        select t.tgrelid::regclass::text
        from pg_trigger as t
        where t.tgfoid in ('dpp.guard_item'::regproc, 'dpp.guard_object'::regproc)
    $$,
    $$
        with recursive hanging (relation) as (
            select 'dpp.objects'::regclass
            union
            select c.conrelid::regclass
            from hanging as h
            join pg_constraint as c on c.confrelid = h.relation and c.contype = 'f'
        )
        select h.relation::text from hanging as h where h.relation <> 'dpp.supersessions'::regclass
    $$,
    'all that hangs on an object is guarded');
select is(
    (
        select count(distinct pg_get_expr(t.tgqual, t.tgrelid))
        from pg_trigger as t
        join pg_proc as p on p.oid = t.tgfoid
        where p.proname in ('guard_item', 'guard_object', 'guard_header', 'note_object', 'refuse_truncate', 'refuse_rewrite')
    ),
    1::bigint, 'all guards have the same condition');

-- The error tells what, where and the way out.
select throws_matching(
    $$update dpp.protocols set protocol_name = 'x' where object_id = (select id from dpp_test.published)$$,
    '^2\.25\.1 is published: update of dpp\.protocols refused$', 'the error names the object, its state and the table');

-- A session's setting must not change what functions take for valid, also not after it was taken back: they are compiled once.
select is(dpp_test.connect('primed', l.login), 'OK', 'a session that has called nothing') from dpp_test.logins as l where l.role = 'author';
select dblink_exec('primed', 'set standard_conforming_strings = off');
select * from dblink('primed', 'select dpp.parse_da(''20200101''), dpp.parse_tm(''12''), dpp.parse_dt(''2020'')') as t (da text, tm text, dt text);
select dblink_exec('primed', 'reset standard_conforming_strings');
select is(t.fault is not null, true, t.vr || ' is judged as ever')
from dblink(
    'primed',
    'select v.vr, dpp.value_fault(v.vr, v.value)
    from (values (''DA'', ''2020x01x02''), (''TM'', ''120000x5''), (''DT'', ''20200101120000x5'')) as v (vr, value)')
    as t (vr text, fault text);
select dblink_disconnect('primed');

select is(dblink_disconnect(l.role), 'OK', 'end') from dpp_test.logins as l;
select format('drop role %I', l.login) from dpp_test.logins as l where l.role <> 'owner' \gexec
select * from finish();
