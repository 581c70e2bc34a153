# SPDX-License-Identifier: Apache-2.0
"""Each check of `dppr doctor`: what makes it fail, and that it says what to mend. Certificates are in test_tls.py."""
import contextlib
import json
import resource
import socket
import time

import pytest

from conftest import Database, Server, run_dppr
from rolling import free_port
from wirescp import WireScp

NOWHERE = ["--dicom-port", "0", "--http-port", "0"]  # no server is looked for


def doctor(uri, *arguments, **options):
    done = run_dppr("doctor", "--json", *NOWHERE, *arguments, database=uri, **options)
    found = [(c["check"], c["result"], c["text"]) for c in json.loads(done.stdout)]
    assert done.returncode == (1 if any(result == "fail" for _, result, _ in found) else 0)
    return found


def results(found, check):
    return [(result, text) for name, result, text in found if name == check]


def expect(found, check, result, text):
    assert any(r == result and text in t for r, t in results(found, check)), results(found, check)


@pytest.fixture(scope="module")
def db():
    """Tests put back what they change."""
    db = Database()
    yield db
    db.drop()


@contextlib.contextmanager
def set_for_sessions(db, what):
    db._admin(f"alter database {db.name} set {what}")
    yield
    db._admin(f"alter database {db.name} reset {what.split('=')[0]}")


def faked(db, function, body):
    """Sessions find this function before PostgreSQL's own."""
    db.query(f"drop schema if exists fake cascade; create schema fake;"
             f" create function fake.{function} language sql as $${body}$$")
    return set_for_sessions(db, "search_path = fake, pg_catalog, public")


def faked_setting(db, name, value):
    """The clusters of tests are not to keep anything."""
    return faked(db, "current_setting(text) returns text",
                 f"select case when $1 = '{name}' then '{value}' when $1 in ('fsync', 'full_page_writes', 'synchronous_commit') then 'on'"
                 f" else pg_catalog.current_setting($1) end")


def test_nothing_is_wrong(sample_database):
    server = Server(sample_database.uri)
    try:
        done = run_dppr("doctor", "--dicom-port", server.port, "--http-port", server.http_port, database=sample_database.uri)
        assert done.returncode == 0
        lines = [line.split(None, 2) for line in done.stdout.splitlines()]
        assert [line[1] for line in lines] == ["config", "dictionary", "settings", "open-files", "database", "text", "durability",
                                               "replication", "clock", "time-zone", "schema", "connections", "rights",
                                               "servers", "dicom-port", "http-port", "destination"]
        # of clusters of tests: they are small, and not to keep anything
        assert {line[1] for line in lines if line[0] != "ok"} <= {"connections", "durability"}
    finally:
        server.stop()


# ---- settings -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("settings, result, text", [
    (["--unknown-ae=any"], "warn", "everybody in the network may read and store"),
    (["--unknown-ae-row=GUEST"], "warn", "unknown-ae-row has no effect"),
    (["--proxy-from=0.0.0.0/0"], "warn", "proxy-from trusts everybody"),
    (["--proxy-from=192.0.2.1,::/0"], "warn", "proxy-from trusts everybody"),
    (["--tls-certificate=/x.pem"], "warn", "as dicom-tls-port is 0"),
    (["--dicom-port=18", "--http-port=18"], "fail", "dicom-port is that of HTTP or TLS as well"),
    (["--dicom-port=18", "--dicom-tls-port=18"], "fail", "dicom-port is that of HTTP or TLS as well"),
    (["--max-connections=9999"], "warn", "max-connections is less than max-associations"),
    (["--max-associations=999"], "warn", "max-associations-per-ae is more than max-associations"),
    (["--max-operations-per-ae=7"], "warn", "max-operations-per-ae is less than max-operations"),
    (["--operation-time-limit=5min"], "warn", "destination-wait has no effect"),
    (["--operation-time-limit=1min"], "warn", "suboperation-timeout has no effect"),
    (["--operation-time-limit=10s"], "warn", "database-wait has no effect"),
    (["--max-dataset=1MiB"], "warn", "max-identifier has no effect"),
])
def test_settings_that_contradict(sample_database, settings, result, text):
    expect(doctor(sample_database.uri, *settings), "settings", result, text)
    assert results(doctor(sample_database.uri), "settings") == [("ok", "fit together")]


@pytest.mark.parametrize("settings", [["--unknown-ae=any", "--dicom-address=127.0.0.1"], ["--unknown-ae=any", "--unknown-ae-row=G"],
                                      ["--proxy-from=192.0.2.0/24"], ["--max-operations-per-ae=0"], ["--operation-time-limit=0"],
                                      ["--max-associations=999", "--max-associations-per-ae=999"], ["--max-connections=10000"]])
def test_settings_that_do_not(sample_database, settings):
    assert results(doctor(sample_database.uri, *settings), "settings") == [("ok", "fit together")]


def test_open_files(sample_database):
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (500, 500))
    expect(doctor(sample_database.uri, preexec_fn=few), "open-files", "warn", "ulimit -n is 500 here, but 12564 connections")
    expect(doctor(sample_database.uri, "--max-associations=100", preexec_fn=few), "open-files", "ok", "500, for up to 189")


# ---- database -------------------------------------------------------------------------------------------------------------

def test_database_away():
    expect(doctor("postgresql://nobody@127.0.0.1:1/none"), "database", "fail", "check the setting database, its password,")


def test_text_that_folds_ascii_only():
    db = Database(migrate=False)
    try:
        db.drop()
        db._admin(f"create database {db.name} template template0 encoding 'UTF8' lc_ctype 'C' lc_collate 'C'")
        expect(doctor(db.uri), "text", "fail", "folds ASCII only")
        expect(doctor(db.uri), "schema", "fail", "run: dppr migrate")
    finally:
        db.drop()


def test_database_is_read_only(db):
    with set_for_sessions(db, "default_transaction_read_only = on"):
        expect(doctor(db.uri), "replication", "warn", "the database is read-only: queries and retrievals work")


@pytest.mark.parametrize("name, value, check, result, text", [
    ("fsync", "on", "durability", "ok", "fsync on, synchronous_commit on"),
    ("fsync", "off", "durability", "warn", "fsync = off: a crash may destroy the whole database"),
    ("full_page_writes", "off", "durability", "warn", "full_page_writes = off"),
    ("synchronous_commit", "off", "durability", "warn", "loses the stores acknowledged last"),
    ("synchronous_standby_names", "b", "replication", "warn", "none is connected: stores wait"),
    ("synchronous_standby_names", "", "replication", "ok", "primary, 0 standby"),
])
def test_settings_of_the_cluster(db, name, value, check, result, text):
    with faked_setting(db, name, value):
        expect(doctor(db.uri), check, result, text)


def test_standby(db):
    with faked(db, "pg_is_in_recovery() returns bool", "select true"):
        expect(doctor(db.uri), "replication", "warn", "this is a standby")


def test_standby_for_reads(db): # a real one: test_standby_reads.py
    for uri, text in [("postgresql://nobody@127.0.0.1:1/none", "the primary answers meanwhile"), (db.uri, "this is the primary")]:
        found = doctor(db.uri, f"--standby-database={uri}")
        expect(found, "standby", "warn", text)
        assert len(results(found, "standby")) == 1
    assert results(doctor(db.uri), "standby") == []


@pytest.mark.parametrize("offset, text", [("1 hour", "3600.0 s ahead of this machine's"), ("-1 hour", "3600.0 s behind this machine's")])
def test_clock(db, offset, text):
    with faked(db, "clock_timestamp() returns timestamptz", f"select pg_catalog.clock_timestamp() + interval '{offset}'"):
        expect(doctor(db.uri), "clock", "warn", text)


def test_rights(db):
    role = f"poor_{db.name}"
    db.query(f"create role {role} login; grant usage on schema dpp to {role};"
             f" grant select on dpp.schema_migrations, dpp.servers, dpp.repository to {role}")
    uri = db.uri + ("&" if "?" in db.uri else "?") + f"user={role}"
    try:
        expect(doctor(uri), "rights", "fail", f"{role} lacks dpp.ingest (execute), dpp.ingest_approval (execute),")
        for table in ("objects", "instances", "protocols", "approvals", "application_entities"):
            db.query(f"grant dppr_server to {role}; revoke select on dpp.{table} from dppr_server")
            expect(doctor(uri), "rights", "fail", f"{role} lacks dpp.{table} (select): ")
            db.query(f"grant select on dpp.{table} to dppr_server")
        db.query("revoke insert on dpp.servers from dppr_server")
        expect(doctor(uri), "rights", "fail", "lacks dpp.servers (insert): ")
        db.query("grant insert on dpp.servers to dppr_server")
        expect(doctor(uri), "rights", "ok", f"{role} may do what a server does")
    finally:
        db.query(f"drop owned by {role}; drop role {role}")


def test_row_for_guests(db):
    arguments = ["--unknown-ae=any", "--unknown-ae-row=GUEST"]
    expect(doctor(db.uri, *arguments), "guest-row", "fail", "dppr ae add GUEST")
    run_dppr("ae", "add", "GUEST", "--rights", "echo,find", database=db.uri, check=True)
    expect(doctor(db.uri, *arguments), "guest-row", "ok", "GUEST")


def test_zone_and_schema(db):
    expect(doctor(db.uri, "--time-zone", "Mars/Olympus"), "time-zone", "fail", "knows no time zone 'Mars/Olympus'")
    expect(doctor(db.uri, "--time-zone", "Europe/Berlin"), "time-zone", "warn", "dpp.repository.time_zone")
    db.query("insert into dpp.schema_migrations (version, name, is_breaking) values (9999, 'later', true)")
    expect(doctor(db.uri), "schema", "fail", "migration 9999 is breaking and unknown here")
    db.query("delete from dpp.schema_migrations where version = 9999")


def test_connections(db):
    expect(doctor(db.uri, "--database-connections=1000"), "connections", "warn", "max_connections")


# ---- ports ------------------------------------------------------------------------------------------------------------------

def test_ports_that_another_has(sample_database):
    with socket.create_server(("127.0.0.1", 0)) as dicom, socket.create_server(("127.0.0.1", 0)) as http:
        found = doctor(sample_database.uri, "--dicom-port", dicom.getsockname()[1], "--http-port", http.getsockname()[1],
                       "--timeout", "1")
    expect(found, "dicom-port", "fail", "is taken, but does not answer a C-ECHO")
    expect(found, "dicom-port", "fail", "if that is no server of ours")
    expect(found, "http-port", "fail", "is taken, but does not answer /livez")


# ---- destinations -----------------------------------------------------------------------------------------------------------

def test_dead_destinations_cost_one_deadline(db):
    """Twelve that say nothing for two seconds each, one that refuses, one that is called with TLS, and one that answers."""
    silent = [WireScp(hang="associate") for _ in range(12)]
    good = WireScp()
    try:
        for n, scp in enumerate(silent):
            run_dppr("ae", "add", f"SILENT{n:02}", "127.0.0.1", scp.port, database=db.uri, check=True)
        run_dppr("ae", "add", "GOOD", "127.0.0.1", good.port, database=db.uri, check=True)
        run_dppr("ae", "add", "GONE", "127.0.0.1", free_port(), database=db.uri, check=True)
        db.query("insert into dpp.application_entities (ae_title, host, port, tls) values ('SECURE', '127.0.0.1', 2762, true)")
        begin = time.monotonic()
        found = doctor(db.uri, "--timeout", "2")
        assert time.monotonic() - begin < 12 * 2  # as long as one after the other takes at least
        said = results(found, "destination")
        assert [t.split()[0] for _, t in said] == ["GONE", "GOOD", "SECURE"] + [f"SILENT{n:02}" for n in range(12)]
        assert [r for r, _ in said] == ["warn", "ok", "fail"] + ["warn"] * 12
        expect(found, "destination", "fail", "SECURE is to be called with TLS, but tls-trust is not set")
    finally:
        [scp.close() for scp in silent + [good]]
        db.query("delete from dpp.application_entities")
