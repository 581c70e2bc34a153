# SPDX-License-Identifier: Apache-2.0
"""A repository of before migration 0011 (protocols managed through SQL), with data in it, becomes what a new one is."""
import pathlib
import subprocess

import pytest

from conftest import Database, ROOT, SAMPLES, Server, run_dppr

OLD = pathlib.Path(__file__).parent / "data" / "schema-0010.sql"

# One row for each thing there is in schema dpp, with all that is said of it.
CATALOGUE = """
    select 'column', a.attrelid::regclass || '.' || a.attname,
        concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnum, l.collname, a.attnotnull, a.attidentity, a.attstorage,
            pg_get_expr(d.adbin, d.adrelid), col_description(a.attrelid, a.attnum))
    from pg_attribute as a
    join pg_class as t on t.oid = a.attrelid and t.relkind in ('r', 'v') and t.relnamespace = 'dpp'::regnamespace
    left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
    left join pg_collation as l on l.oid = a.attcollation
    where a.attnum > 0 and not a.attisdropped
    union all
    select 'table', oid::regclass::text, concat_ws(' ', relkind, reloptions, obj_description(oid, 'pg_class'),
        case when relkind = 'v' then pg_get_viewdef(oid) end,
        (select string_agg(concat_ws('/', x.grantee::regrole, x.privilege_type), ' ' order by x.grantee::regrole::text, x.privilege_type)
            from aclexplode(relacl) as x))
    from pg_class where relnamespace = 'dpp'::regnamespace and relkind in ('r', 'v')
    union all
    -- A dump puts parentheses otherwise.
    select 'constraint', conrelid::regclass || '.' || conname, translate(pg_get_constraintdef(oid), '()', '')
    from pg_constraint where connamespace = 'dpp'::regnamespace
    union all
    select 'index', indexrelid::regclass::text, pg_get_indexdef(indexrelid)
    from pg_index where indrelid in (select oid from pg_class where relnamespace = 'dpp'::regnamespace)
    union all
    select 'trigger', tgrelid::regclass || '.' || tgname, pg_get_triggerdef(oid) || coalesce(obj_description(oid, 'pg_trigger'), '')
    from pg_trigger where not tgisinternal and tgrelid in (select oid from pg_class where relnamespace = 'dpp'::regnamespace)
    union all
    select 'function', oid::regprocedure::text, concat_ws(' ', pg_get_functiondef(oid), obj_description(oid, 'pg_proc'),
        (select string_agg(concat_ws('/', x.grantee::regrole, x.privilege_type), ' ' order by x.grantee::regrole::text, x.privilege_type)
            from aclexplode(proacl) as x))
    from pg_proc where pronamespace = 'dpp'::regnamespace
"""


# What of before is no longer in sql/ stays, for servers that still call it.
LEFT_OVER = {("function", f"dpp.{name}") for name in ["text_attribute(text,text)", "value_items(text,text,text[])"]}


def catalogue(db):
    return {(kind, name): told for kind, name, told in db.query(CATALOGUE)}


@pytest.fixture(scope="module")
def upgraded():
    db = Database(migrate=False)
    subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", db.uri, "-f", OLD], check=True,
                   stdout=subprocess.DEVNULL)
    db.before = db.query("select o.sop_instance_uid, i.dataset, i.digest, o.query_record from dpp.objects o"
                         " join dpp.instances i on i.object_id = o.id order by 1")
    assert db.query("select max(version) from dpp.schema_migrations") == [(10,)] and len(db.before) == 5
    run_dppr("migrate", database=db.uri, check=True)
    yield db
    db.drop()


def test_schema_is_that_of_a_new_repository(upgraded):
    new = Database()
    try:
        fresh, here = catalogue(new), catalogue(upgraded)
    finally:
        new.drop()
    assert {k: v for k, v in fresh.items() if here.get(k) != v} == {}
    assert {k for k in here if k not in fresh} == LEFT_OVER


def test_data_stays_and_answers(upgraded):
    assert upgraded.query("select o.sop_instance_uid, i.dataset, i.digest, o.query_record from dpp.objects o"
                          " join dpp.instances i on i.object_id = o.id order by 1") == upgraded.before
    assert upgraded.query("select distinct protocol_name, highest from dpp.parameter_search"
                          " where keyword = 'KVP' and highest > 110 and region = 'Chest' order by 1") == [
                              ("CTPA 120 kV", 120.0), ("Thorax nativ - Lungenrundherd-Abklärung, Größe M", 120.0)]
    assert upgraded.query("select ae_title, required_assertions, sees_current_only, may_supersede, ae_class"
                          " from dpp.application_entities") == [("CT1", [], False, False, "known")]
    done = run_dppr("import", SAMPLES / "ct-ctpa-v1.json", database=upgraded.uri, check=True)
    assert "1 same" in done.stdout + done.stderr


def test_what_was_there_is_revised_and_published(upgraded, tmp_path):
    (old,), = upgraded.query("select o.sop_instance_uid from dpp.objects o join dpp.protocols p on p.object_id = o.id"
                             " where p.protocol_name = 'CTPA 120 kV'")
    (draft,), = upgraded.query("select dpp.revise(%s)", (old,))
    upgraded.query("update dpp.protocols set protocol_name = 'CTPA 110 kV' where object_id ="
                   " (select id from dpp.objects where sop_instance_uid = %s)", (draft,))
    assert upgraded.query("select dpp.publish(%s)", (draft,)) == [(draft,)]
    server = Server(upgraded.uri)
    try:
        found = run_dppr("find", "--port", server.port, "-k", "ProtocolName=CTPA 1*", "-k", "SOPInstanceUID", check=True)
        assert draft in found.stdout and old in found.stdout
        got = run_dppr("get", "--port", server.port, draft, old, "--json", "--output", tmp_path)
        assert '"received":2' in got.stdout
    finally:
        assert server.stop() == 0
