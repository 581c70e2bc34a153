# SPDX-License-Identifier: Apache-2.0
"""A breaking migration does not come under running servers that do not know it, whoever is first.

The migration is that of data/breaking, in a build of its own (DPPR_BREAKING)."""
import os
import re
import socket
import subprocess

import psycopg2
import pytest

from conftest import ROOT, Database, Server
from dicomwire import PATIENCE_S, wait_for

BREAKING = os.environ.get("DPPR_BREAKING", str(ROOT / "build/release/tests/integration/dppr-breaking"))
COMPATIBLE, AFTER = 9001, 9002
OLD = "insert into dpp.servers (id, version, schema_version, heartbeat_at)" \
      " values (gen_random_uuid(), '0', %s, now() - interval '%s seconds')"


@pytest.fixture
def db():
    db = Database()
    db.before = db.query("select max(version) from dpp.schema_migrations")[0][0]
    yield db
    db.drop()


def migrate(db, *arguments):
    return subprocess.Popen([BREAKING, "migrate", *arguments], env={**os.environ, "DPPR_DATABASE": db.uri},
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def outcome(process):
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out + err


def version(db):
    return db.query("select max(version) from dpp.schema_migrations")[0][0]


def waits_for_lock(db, text):
    return db.query("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
                    " and query like %s", (f"%{text}%",))[0][0] > 0


def test_running_server_keeps_it_away(db):
    server = Server(db.uri)
    try:
        code, text = outcome(migrate(db))
        assert code == 1
        host = socket.gethostname()
        assert f"migration 9002 is breaking, and 1 server of an older version runs: {host}; stop it" in text
        assert re.search(rf"event=migrate.server_runs host=\"?{re.escape(host)}\"? version=\S+ schema_version={db.before} ", text)
        assert version(db) == db.before  # nor the compatible one before it
        assert server.http("/readyz")[0] == 200
    finally:
        assert server.stop() == 0
    assert db.query("select count(*) from dpp.servers") == [(0,)]
    code, text = outcome(migrate(db))
    assert (code, version(db)) == (0, AFTER), text


def test_older_servers_do_not_start_afterwards(db):
    assert outcome(migrate(db))[0] == 0
    with pytest.raises(AssertionError, match="migration 9002 is breaking and unknown here"):
        Server(db.uri)
    assert db.query("select count(*) from dpp.servers") == [(0,)]  # who is refused does not run


@pytest.mark.parametrize("schema_version, age_s, is_minded", [
    (AFTER - 1, 25, True),
    (AFTER - 1, 35, False),  # it has not been heard of for three heartbeats, by the database's clock
    (AFTER, 0, False),       # it knows the migration
])
def test_who_counts(db, schema_version, age_s, is_minded):
    db.query(OLD, (schema_version, age_s))
    assert outcome(migrate(db))[0] == (1 if is_minded else 0)
    assert version(db) == (db.before if is_minded else AFTER)


def test_server_goes_on_saying_that_it_runs(db):
    """And takes out the rows of those that have ended without a word, a day later."""
    db.query(OLD, (1, 86401))
    db.query(OLD, (2, 86000))
    server = Server(db.uri)
    try:
        assert db.query("select schema_version from dpp.servers order by 1") == [(2,), (db.before,)]
        db.query("update dpp.servers set heartbeat_at = now() - interval '1 hour' where schema_version > 2")
        wait_for(lambda: db.query("select heartbeat_at > now() - interval '1 minute' from dpp.servers where schema_version > 2") == [(True,)])
    finally:
        assert server.stop() == 0


def test_despite_servers(db):
    server = Server(db.uri)
    try:
        code, text = outcome(migrate(db, "--despite-servers"))
        assert (code, version(db)) == (0, AFTER), text
        server.wait_log("event=schema.refused .*migration 9002 is breaking and unknown here")
        assert server.http("/readyz")[0] == 503
        with pytest.raises(ConnectionError):
            with socket.create_connection(("127.0.0.1", server.port)) as s:
                assert s.recv(1) == b""  # closed at once
                raise ConnectionError
        wait_for(lambda: db.query("select count(*) from dpp.servers") == [(0,)])
    finally:
        server.stop()


def test_server_that_has_just_come_is_seen(db):
    """Its row is not committed yet when the migration begins."""
    with psycopg2.connect(db.uri) as connection:
        connection.cursor().execute(OLD, (db.before, 0))
        running = migrate(db)
        wait_for(lambda: waits_for_lock(db, "lock table dpp.servers"))
        connection.commit()
        code, text = outcome(running)
    assert code == 1 and "runs: " in text, text
    assert db.query("select to_regclass('dpp.servers') is not null, count(*) from dpp.schema_migrations"
                    " where version = 9002") == [(True, 0)]


HOLD = """
    create table public.may_go (yes boolean);
    create function public.hold() returns event_trigger language plpgsql as $$
        begin
            while exists (select from dpp.schema_migrations where version = 9001) and not exists (select from public.may_go)
            loop perform pg_sleep(0.05); end loop;
        end $$;
    create event trigger hold on ddl_command_start when tag in ('ALTER TABLE') execute function public.hold()"""


def test_server_that_comes_meanwhile_waits_and_is_refused(db):
    """The migration has looked, and is not done."""
    db.query(HOLD)
    running = migrate(db)
    wait_for(lambda: db.query("select 1 from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"))
    late = subprocess.Popen(
        [os.environ.get("DPPR_BINARY", str(ROOT / "build/release/dppr")), "serve"], stderr=subprocess.PIPE, text=True,
        env={**os.environ, "DPPR_DATABASE": db.uri, "DPPR_DICOM_PORT": "0", "DPPR_HTTP_PORT": "0"})
    wait_for(lambda: waits_for_lock(db, "insert into dpp.servers"))
    db.query("insert into public.may_go values (true)")
    code, text = outcome(running)
    assert code == 0, text
    try:
        _, log = late.communicate(timeout=PATIENCE_S)
    finally:
        late.kill()
    assert late.returncode == 1 and "migration 9002 is breaking and unknown here" in log, log
    assert "serve.listening" not in log


def test_server_that_comes_while_the_migration_lets_others_by_is_seen(db):
    """It has looked, but waits for a lock, and whoever waits starts anew."""
    with psycopg2.connect(db.uri) as connection:
        connection.cursor().execute("lock table dpp.audit_events in access share mode")
        running = migrate(db)
        wait_for(lambda: waits_for_lock(db, "alter table dpp.audit_events"))
        server = Server(db.uri)
        try:
            connection.commit()
            code, text = outcome(running)
            assert code == 1 and "runs: " in text, text
            assert version(db) == COMPATIBLE
            server.wait_log("event=serve.ready")
        finally:
            assert server.stop() == 0


def test_database_that_takes_no_rows(db):
    """A server that cannot say that it runs serves, and finds out by itself."""
    db.query(f"alter database {db.name} set default_transaction_read_only = on")
    server = Server(db.uri)
    try:
        server.wait_log("event=serve.ready")
        assert db.query("select count(*) from dpp.servers") == [(0,)]
        code, text = outcome(migrate(db))
        assert code == 1 and "the database is read-only" in text, text
        db._admin(f"alter database {db.name} reset default_transaction_read_only")
        assert outcome(migrate(db, "--despite-servers"))[0] == 0
        server.wait_log("event=schema.refused")
    finally:
        server.stop()
