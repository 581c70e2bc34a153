# SPDX-License-Identifier: Apache-2.0
"""Migrations as deployments meet them: twice, two at once, a newer schema."""
import random
import subprocess

import psycopg2
import pytest

from conftest import DPPR, ROOT, Database, Server, run_dppr
from dicomwire import PATIENCE_S


@pytest.fixture
def empty():
    db = Database(migrate=False)
    yield db
    db.drop()


def versions(db):
    return db.query("select version from dpp.schema_migrations order by 1")


def test_twice_over(empty):
    run_dppr("migrate", database=empty.uri, check=True)
    first = versions(empty)
    run_dppr("migrate", database=empty.uri, check=True)
    assert versions(empty) == first and first


def test_two_at_once(empty):
    env = {"DPPR_DATABASE": empty.uri, "PATH": "/usr/bin:/bin"}
    running = [subprocess.Popen([DPPR, "migrate"], env=env, stderr=subprocess.PIPE, text=True,
                                stdout=subprocess.PIPE) for _ in range(4)]
    for process in running:
        _, errors = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, errors
    assert len(versions(empty)) == len(set(versions(empty)))


def test_server_refuses_a_schema_it_does_not_know(empty):
    done = run_dppr("serve", "--check", database=empty.uri)
    assert done.returncode == 1 and "migrate" in done.stderr
    run_dppr("migrate", database=empty.uri, check=True)
    empty.query("insert into dpp.schema_migrations (version, name, is_breaking) values (9000, 'later', false)")
    assert run_dppr("serve", "--check", database=empty.uri).returncode == 0
    server = Server(empty.uri)
    assert server.stop() == 0
    empty.query("insert into dpp.schema_migrations (version, name, is_breaking) values (9001, 'later', true)")
    done = run_dppr("serve", "--check", database=empty.uri)
    assert done.returncode == 1 and "9001" in done.stderr


# As long as an index of 0002 holds: nothing can compress it, and what is derived from it must not be longer.
LONGEST_WORD = "".join(random.Random(1).choices("0123456789bcdfghjklm", k=2700))


def test_migration_fills_what_it_adds_for_rows_that_are_there(empty):
    """As an upgrade finds it: rows without the derived column, the migration not yet applied."""
    run_dppr("migrate", database=empty.uri, check=True)
    for n, zone in enumerate(["+0100", None, "nonsense"]):
        empty.amend("insert into dpp.objects (sop_instance_uid, sop_class_uid, timezone_offset) values (%s, '1.2', %s)",
                    (f"2.25.{n}", zone))
    empty.amend("insert into dpp.protocols (object_id, instance_creation_date, instance_creation_time,"
                " content_creator_name) select id, '20150601', '0030', case when timezone_offset is null then 'Smith'"
                " when timezone_offset = 'nonsense' then %s end from dpp.objects", (LONGEST_WORD,))
    empty.amend("insert into dpp.approvals (object_id) select id from dpp.objects")
    empty.amend("insert into dpp.approval_assertions (object_id, ordinal) select id, 1 from dpp.objects")
    empty.amend("insert into dpp.approval_asserters (object_id, assertion_ordinal, ordinal, person_name)"
                " select id, 1, 1, 'Roe' from dpp.objects")
    derived = ("select o.sop_instance_uid, p.creation_instant at time zone 'UTC', p.content_creator_sounds,"
               " a.person_name_sounds from dpp.protocols p join dpp.objects o on o.id = p.object_id"
               " join dpp.approval_asserters a on a.object_id = o.id order by 1")
    before = empty.query(derived)
    assert [str(row[1]) for row in before] == ["2015-05-31 23:30:00", "None", "None"]
    assert [row[2] for row in before] == [[], ["1=smith", "1~SM0", "1~XMT"], []]
    assert [row[3] for row in before] == [["1=roe", "1~R"]] * 3

    empty.query("alter table dpp.protocols drop column creation_instant, drop column content_creator_sounds")
    empty.query("alter table dpp.approval_asserters drop column person_name_sounds")
    empty.query("delete from dpp.schema_migrations where name in ('add_creation_instant', 'add_name_sounds',"
                " 'fill_derived_columns', 'index_derived_columns')")
    run_dppr("migrate", database=empty.uri, check=True)
    assert empty.query(derived) == before


# What servers from before migration 0005 call, as far as it matters here: it writes published rows with its owner's rights.
OLD_INGEST = """
    create function dpp.ingest(
        p_dataset jsonb, p_encoded bytea, p_transfer_syntax text, p_query_record bytea, p_digest bytea, p_sender text,
        p_source text, p_character_set text, p_warnings text[])
    returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
    declare
        new_id bigint;
    begin
        insert into dpp.objects (sop_instance_uid, sop_class_uid, state, query_record, source, sender_aet, published_at)
        values (
            p_dataset -> '00080018' -> 'Value' ->> 0, p_dataset -> '00080016' -> 'Value' ->> 0, 'published', p_query_record,
            p_source, p_sender, now())
        on conflict do nothing
        returning id into new_id;
        if new_id is null then
            return 'same';
        end if;
        insert into dpp.instances values (new_id, p_transfer_syntax, p_encoded, length(p_encoded), p_digest);
        insert into dpp.protocols (object_id, protocol_name) values (new_id, p_dataset -> '00181030' -> 'Value' ->> 0);
        insert into dpp.protocol_elements (object_id, kind, ordinal) values (new_id, 'acquisition', 1);
        return 'stored';
    end
    $$;
    revoke all on function dpp.ingest from public;
    grant usage on schema dpp to dppr_server;
    grant execute on function dpp.ingest to dppr_server"""
CALL_OLD_INGEST = """
    set session authorization dppr_server;
    select dpp.ingest(
        '{"00080018": {"Value": ["2.25.6"]}, "00080016": {"Value": ["1.2"]}, "00181030": {"Value": ["Old"]}}', 'octets',
        '1.2.840.10008.1.2.1', '', '', 'OLD', 'store', null, null)"""
OLD_ROWS = """
    insert into dpp.objects (sop_instance_uid, sop_class_uid, state, query_record, source, published_at, retired_at, retired_reason)
    values
        ('2.25.1', '1.2.840.10008.5.1.4.1.1.200.1', 'published', 'x', 'store', '2020-01-01', null, null),
        ('2.25.2', '1.2.840.10008.5.1.4.1.1.200.1', 'retired', 'x', 'store', '2020-01-01', '2021-01-01', 'old'),
        ('2.25.3', '1.2.840.10008.5.1.4.1.1.200.1', 'draft', null, 'sql', null, null, null),
        ('2.25.4', '1.2.840.10008.5.1.4.1.1.200.3', 'published', 'x', 'import', '2020-01-01', null, null);
    insert into dpp.instances select id, '1.2.840.10008.1.2.1', 'x', 1, 'x' from dpp.objects where state <> 'draft';
    insert into dpp.dataset_warnings select id, 1, null, 'x' from dpp.objects where state <> 'draft';
    insert into dpp.protocols (object_id, protocol_name, equipment_modality, content_creator_name, instance_creation_date)
    select id, 'Head', 'CT', 'Doe^Jane', '20200101' from dpp.objects where sop_class_uid like '%.1';
    insert into dpp.protocol_codes (object_id, role, ordinal, code_value, coding_scheme_designator, code_meaning)
    select object_id, r, 1, 'CTHEAD', '99TEST', 'Head'
    from dpp.protocols, unnest(array['scheduled_protocol', 'requested_procedure']) as r;
    insert into dpp.protocol_elements (object_id, kind, ordinal, element_number) select object_id, 'acquisition', 1, 1 from dpp.protocols;
    insert into dpp.parameter_constraints (
        object_id, kind, element_ordinal, ordinal, selector_attribute, selector_keyword, selector_name, selector_vr,
        selector_path, selector_path_items, constraint_type, constraint_values, constraint_numbers)
    select object_id, 'acquisition', 1, 1, '00180060', 'KVP', 'KVP', 'DS', '{00189920}', '{1}', 'EQUAL', '{120}', '{120}'
    from dpp.protocols;
    insert into dpp.protocol_predecessors (object_id, ordinal, referenced_sop_instance_uid)
    select id, 1, '2.25.2' from dpp.objects where sop_instance_uid = '2.25.1';
    insert into dpp.approvals (object_id) select id from dpp.objects where sop_class_uid like '%.3';
    insert into dpp.approval_assertions (object_id, ordinal) select object_id, 1 from dpp.approvals;
    insert into dpp.tombstones (sop_instance_uid, reason) values ('2.25.9', 'x');
    insert into dpp.application_entities (ae_title) values ('PEER')"""


def test_from_the_schema_without_a_life_cycle(empty):
    """0010 with rows in it: they stay, and what was published is guarded, what was a draft can be published."""
    Database().drop()  # the roles are there
    for path in sorted((ROOT / "migrations").glob("*.sql"))[:10]:
        empty.query(path.read_text())
        empty.query("insert into dpp.schema_migrations (version, name, is_breaking) values (%s, %s, false)",
                    (int(path.name[:4]), path.stem[5:]))
    empty.query(OLD_INGEST)
    empty.query(OLD_ROWS)
    columns = empty.query("select table_name, string_agg(quote_ident(column_name), ', ' order by ordinal_position)"
                          " from information_schema.columns where table_schema = 'dpp' and table_name not like 'schema%'"
                          " group by 1 order by 1")
    content = "select " + ", ".join(
        f"(select array_agg(t::text order by t::text) from (select {names} from dpp.{table}) as t)" for table, names in columns)
    before = empty.query(content)

    run_dppr("migrate", database=empty.uri, check=True)
    assert empty.query(content) == before
    assert empty.query("select distinct created_by, published_by, retired_by from dpp.objects") == [(None, None, None)]
    with pytest.raises(psycopg2.Error) as refusal:
        empty.query("update dpp.protocols set protocol_name = 'x' where protocol_name = 'Head'")
    assert refusal.value.pgcode == "55000"
    assert empty.query("select dpp.publish('2.25.3')") == [("2.25.3",)]
    assert empty.query("select sop_instance_uid, version, state from dpp.protocol_versions order by 1") == [
        ("2.25.1", 2, "current"), ("2.25.2", 1, "retired"), ("2.25.3", 1, "current")]
    revision = empty.query("select dpp.revise('2.25.2')")[0][0]
    assert empty.query("select dpp.publish(%s)", (revision,)) == [(revision,)]
    assert empty.query("select action, who, reason from dpp.history('2.25.2') where sop_instance_uid = '2.25.2'"
                       " order by happened_at") == [("retire", None, "old"), ("receive", None, None)]
    assert empty.query("select dpp.purge('2.25.1', 'test'), dpp.retire('2.25.4', 'test')") == [("2.25.1", "2.25.4")]
    assert empty.query(CALL_OLD_INGEST) == [("stored",)]
    assert empty.query(CALL_OLD_INGEST) == [("same",)]
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        empty.query(CALL_OLD_INGEST.replace("dpp.ingest", "dpp.ingest_json"))
    run_dppr("migrate", database=empty.uri, check=True)
