# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL is there and refuses: no connection left, read-only, no rights, no database, another schema."""
import contextlib
import re
import signal

import psycopg2
import pytest

from clusters import own_cluster
from conftest import Server, run_dppr, with_database
from dicomwire import EXPLICIT, Closed, encode, wait_for
from faultload import (DESTINATION, QUICK, Load, associate, comment, find_one, get_one, is_ready, move_one, served,
                       store_one, verify, verify_recovered)
from metrics import totals as metrics
from protocols import protocol
from wirescp import WireScp

ROLE = "password_test"  # of the cluster's pg_hba.conf: must show its password
MAX_CONNECTIONS = 30
POOLS = 2 + 2 + 1 * 2 + 2  # connections of a server as serving() starts it


@pytest.fixture(scope="module")
def cluster():
    with own_cluster(f"max_connections={MAX_CONNECTIONS}", "superuser_reserved_connections=5") as own:
        own.execute(f"create role {ROLE} login password 'first' in role dppr_server")
        yield own


@contextlib.contextmanager
def serving(cluster, password="first", database=None, **settings):
    """A server with the rights of dppr_server; its storing, finding, getting and moving has been seen to work."""
    uri = (database or cluster.database).replace("postgres@", f"{ROLE}:{password}@")
    small = {"workers": 2, "database_connections": 2, "retrieve_workers": 1, "retrieve_connections": 2}
    server = Server(uri, **{**QUICK, **small, **settings})
    try:
        yield server
    finally:
        code = server.stop()
    assert code == 0
    assert "Sanitizer" not in server.log, server.log[-8000:]
    assert password not in server.log


def backends(cluster):
    return {pid for pid, in cluster.execute(
        "select pid from pg_stat_activity where application_name = 'dppr' and datname = current_database()")}


@pytest.fixture(scope="module")
def stored(cluster):
    """An object that is there before anything breaks."""
    with serving(cluster) as server:
        wire = associate(server.port)
        ds = protocol()
        served(store_one, wire, ds)
        wire.release()
    return ds


# ---- max_connections --------------------------------------------------------------------------------------

def test_no_connection_left(cluster, stored):
    with serving(cluster) as server:
        load = Load(server, cluster.execute).start()
        load.wait_for_success()
        others = []
        try:
            # while the server holds its breath its connections are taken by other clients
            server.process.send_signal(signal.SIGSTOP)
            # (all but the probe's, which must not be all that readiness goes by)
            cluster.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'dppr'")
            with contextlib.suppress(psycopg2.OperationalError):
                while True:
                    others.append(psycopg2.connect(cluster.database.replace("postgres@", f"{ROLE}:first@")))
            server.process.send_signal(signal.SIGCONT)
            load.wait_for_failure(("store", "find", "get", "move"))
            wait_for(lambda: not is_ready(server))
            server.wait_log("event=db.unreachable .*(too many clients|remaining connection slots)")
            server.wait_log("event=database.away .*threads get no connection")
            assert metrics(server)["database_away"] > 0
            wait_for(lambda: any(re.search("too many clients|remaining connection slots", why)
                                 for why in load.comments("store")))
        finally:
            for other in others:
                other.close()
        load.wait_for_success()
        load.stop()
        verify_recovered(server, cluster.execute, POOLS)


def test_too_few_connections_are_said_at_the_start(cluster, stored):
    uri = cluster.database
    cluster.execute("delete from dpp.servers")  # who could not say goodbye in time counts for three heartbeats
    done = run_dppr("serve", "--check", "--workers", 2, "--database-connections", 2, database=uri)
    assert done.returncode == 0 and "warning" not in done.stderr, done.stderr
    done = run_dppr("serve", "--check", "--workers", 4, "--database-connections", 16, database=uri)
    assert done.returncode == 0
    assert re.search(r"warning: 1 server\(s\) with up to 70 database connections each, but max_connections .*leave 25:"
                     " lower database-connections or workers, or raise the limit", done.stderr), done.stderr
    with serving(cluster, workers=4, database_connections=16) as server:
        server.wait_log(r"level=warn event=database.max_connections why=\"1 server\(s\) with up to 68 .* leave 25:")
        wire = associate(server.port)
        served(find_one, wire, stored)
        wire.release()


def test_limits_of_role_and_database_count_too(cluster):
    uri = cluster.database.replace("postgres@", f"{ROLE}:first@")
    for change, back in ((f"alter role {ROLE} connection limit 7", f"alter role {ROLE} connection limit -1"),
                         ("alter database faults connection limit 7", "alter database faults connection limit -1")):
        cluster.execute(change)
        try:
            done = run_dppr("serve", "--check", "--workers", 2, "--database-connections", 4, database=uri)
            assert done.returncode == 0 and "leave 7:" in done.stderr, done.stderr
        finally:
            cluster.execute(back)


# ---- read-only --------------------------------------------------------------------------------------------

def test_read_only_database(cluster, stored):
    scp = WireScp()
    cluster.execute("delete from dpp.application_entities")
    cluster.execute("insert into dpp.application_entities (ae_title, host, port, is_destination)"
                    f" values ('{DESTINATION}', '127.0.0.1', {scp.port}, true)")
    with serving(cluster, workers=1) as server:
        wire = associate(server.port)
        served(find_one, wire, stored)
        wait_for(lambda: server.http("/readyz") == (200, "ready\n"))
        cluster.execute("alter database faults set default_transaction_read_only = on")
        try:
            cluster.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'password_test'")
            wait_for(lambda: metrics(server)["database_connections"] > 0)
            wait_for(lambda: find_one(wire, stored).status == 0)
            refused = protocol()
            answer = store_one(wire, refused)
            assert answer.status == 0xA700 and comment(answer).startswith("the database is read-only: ")
            server.wait_log("event=store.refused .*the database is read-only: cannot execute SELECT")
            assert find_one(wire, stored).status == 0 and get_one(wire, stored).status == 0
            answer = move_one(wire, stored)
            assert answer.status == 0, comment(answer)
            server.wait_log("event=destination.unlimited")
            wait_for(lambda: server.http("/readyz") == (200, "ready\ndatabase: read-only, C-STORE is refused\n"))
            server.wait_log("level=warn event=database.read_only")
        finally:
            cluster.execute("begin; set transaction read write;"
                            " alter database faults reset default_transaction_read_only; commit")
        cluster.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'password_test'")
        wait_for(lambda: server.http("/readyz") == (200, "ready\n"))
        server.wait_log("event=database.writable")
        wait_for(lambda: store_one(wire, refused).status == 0)
        verify(server, {ds.SOPInstanceUID: encode(ds, EXPLICIT) for ds in (stored, refused)})
        wire.release()
    scp.close()


# ---- not let in, or not to the tables ---------------------------------------------------------------------

def test_password_changed(cluster, stored):
    with serving(cluster) as server:
        wire = associate(server.port)
        served(find_one, wire, stored)
        cluster.execute(f"alter role {ROLE} password 'second'")
        try:
            served(find_one, wire, stored)  # who is in stays in
            cluster.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'password_test'")
            wait_for(lambda: not is_ready(server))
            server.wait_log("event=db.unreachable .*password authentication failed for user")
            # in whichever way it is met first
            server.wait_log("event=database.away .*(password authentication failed for user|get no connection)")
            for answer, status in ((store_one(wire, protocol()), 0xA700), (find_one(wire, stored), 0xA700),
                                   (get_one(wire, stored), 0xA701), (move_one(wire, stored), 0xA701)):
                assert answer.status == status and "password authentication failed" in comment(answer)
        finally:
            cluster.execute(f"alter role {ROLE} password 'first'")
        wait_for(lambda: is_ready(server))
        served(find_one, wire, stored)
        wire.release()
        assert "second" not in server.log


def test_rights_taken_away(cluster, stored):
    with serving(cluster, workers=1) as server:
        wire = associate(server.port)
        served(find_one, wire, stored)
        wait_for(lambda: is_ready(server))
        for revoke, grant, why in (
                ("revoke select on dpp.objects from dppr_server", "grant select on dpp.objects to dppr_server",
                 "lacks rights that dppr migrate grants to dppr_server"),
                ("revoke usage on schema dpp from dppr_server", "grant usage on schema dpp to dppr_server",
                 "permission denied for schema dpp")):
            cluster.execute(revoke)
            try:
                wait_for(lambda: not is_ready(server))
                server.wait_log(f"level=warn event=database.away .*{why}")
                answer = find_one(wire, stored)
                assert answer.status == 0xA700 and "permission denied" in comment(answer)
                answer = get_one(wire, stored)
                assert answer.status == 0xA701 and "permission denied" in comment(answer)
                server.wait_log("event=find.refused .*permission denied")
            finally:
                cluster.execute(grant)
            wait_for(lambda: is_ready(server))
            served(find_one, wire, stored)
        wire.release()


def test_database_dropped_and_made_again(cluster):
    cluster.execute("create database shortlived template template0 encoding 'UTF8'", cluster.uri)
    uri = with_database(cluster.uri, "shortlived")
    run_dppr("migrate", database=uri, check=True)
    with serving(cluster, database=uri) as server:
        wire = associate(server.port)
        ds = protocol()
        served(store_one, wire, ds)
        wait_for(lambda: is_ready(server))
        cluster.execute("drop database shortlived with (force)", cluster.uri)
        wait_for(lambda: not is_ready(server))
        server.wait_log('event=database.away .*database \\\\"shortlived\\\\" does not exist')
        answer = find_one(wire, ds)
        assert answer.status == 0xA700 and 'database "shortlived" does not exist' in comment(answer)
        cluster.execute("create database shortlived template template0 encoding 'UTF8'", cluster.uri)
        server.wait_log("level=error event=schema.refused .*the database has no dppr schema; run: dppr migrate")
        assert server.http("/readyz")[1] == "schema: not verified or not the one this server needs\n"
        answer = store_one(wire, ds)
        assert answer.status == 0xA700 and comment(answer)
        run_dppr("migrate", database=uri, check=True)
        wait_for(lambda: is_ready(server))
        served(store_one, wire, ds)
        verify(server, {ds.SOPInstanceUID: encode(ds, EXPLICIT)})
        wire.release()
    cluster.execute("drop database shortlived with (force)", cluster.uri)


def test_schema_of_a_newer_version(cluster, stored):
    with serving(cluster) as server:
        wait_for(lambda: is_ready(server))
        wire = associate(server.port)
        cluster.execute("insert into dpp.schema_migrations (version, name, is_breaking) values (9001, 'later', true)")
        try:
            wait_for(lambda: not is_ready(server))
            server.wait_log("level=error event=schema.refused .*9001 is breaking and unknown here")
            with pytest.raises((Closed, ConnectionError)):
                associate(server.port)
            server.wait_log("event=connection.refused .*schema")
            assert metrics(server)["connections_refused_total"] == 1
        finally:
            cluster.execute("delete from dpp.schema_migrations where version = 9001")
        wait_for(lambda: is_ready(server))
        server.wait_log("event=schema.good")
        served(find_one, wire, stored)
        associate(server.port).release()
        wire.release()
