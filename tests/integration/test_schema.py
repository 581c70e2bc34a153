# SPDX-License-Identifier: Apache-2.0
"""Migrations as deployments meet them: twice, two at once, a newer schema."""
import random
import subprocess

import pytest

from conftest import Database, DPPR, Server, run_dppr


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
        _, errors = process.communicate(timeout=120)
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
