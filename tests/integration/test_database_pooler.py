# SPDX-License-Identifier: Apache-2.0
"""PgBouncer in transaction mode between the server and PostgreSQL, with the settings of docs/operations.md."""
import contextlib
import signal

import pytest

from clusters import own_cluster
from conftest import Server
from dicomwire import EXPLICIT, encode, wait_for
from faultload import (DESTINATION, QUICK, Load, associate, comment, find_one, get_one, is_ready, move_one, store_one,
                       verify, verify_recovered)
from metrics import totals as metrics
from pgbouncer import SETTINGS, PgBouncer
from protocols import keys, protocol
from watch import locked_at
from wirescp import WireScp

POOL = 4  # connections that the pooler has to PostgreSQL
CLIENTS = 2 * 4 + 2 * 2 + 2


@pytest.fixture(scope="module")
def cluster():
    with own_cluster() as own:
        yield own


@pytest.fixture(scope="module")
def pooler(cluster):
    bouncer = PgBouncer(cluster.folder.parent, cluster.database, POOL)
    yield bouncer
    bouncer.kill()


@contextlib.contextmanager
def serving(pooler, **settings):
    server = Server(pooler.uri, **{**SETTINGS, **settings})
    try:
        yield server
    finally:
        code = server.stop()
    assert code == 0
    assert "Sanitizer" not in server.log, server.log[-8000:]


def backends(cluster):
    return cluster.execute("select count(*) from pg_stat_activity where datname = 'faults' and pid <> pg_backend_pid()")[0][0]


def active(cluster):
    return cluster.execute("select count(*) from pg_stat_activity where datname = 'faults' and state <> 'idle'"
                           " and pid <> pg_backend_pid()")[0][0]


def on_locks(cluster):
    return cluster.execute("select count(*) from pg_stat_activity where datname = 'faults' and wait_event_type = 'Lock'")[0][0]


def test_whole_round(cluster, pooler):
    scp = WireScp()
    cluster.execute("insert into dpp.application_entities (ae_title, host, port, is_destination)"
                    f" values ('{DESTINATION}', '127.0.0.1', {scp.port}, true)")
    with serving(pooler) as server:
        wait_for(lambda: is_ready(server))
        wires = [associate(server.port) for _ in range(12)]
        stored = [protocol() for _ in wires]
        for wire, ds in zip(wires, stored):
            for work in (store_one, store_one, find_one, get_one):  # the second time the same content
                answer = work(wire, ds)
                assert answer.status == 0, comment(answer)
            answer = move_one(wire, ds)
            assert answer.status == 0, comment(answer)
        # more clients than connections behind the pooler, all at once
        with locked_at(cluster.database, "dpp.objects"):
            for wire in wires:
                wire.send_find(3, keys(SOPInstanceUID="", ProtocolName=""))
            wait_for(lambda: metrics(server)["database_connections"] > POOL == on_locks(cluster))
        for wire in wires:
            count = 0
            while (message := wire.read_message()).status == 0xFF00:
                count += 1
            assert message.status == 0 and count == len(stored)
        assert backends(cluster) <= POOL
        verify(server, {ds.SOPInstanceUID: encode(ds, EXPLICIT) for ds in stored})
        for wire in wires:
            wire.release()
    scp.close()


def test_cancel(cluster, pooler):
    """C-CANCEL ends the statement behind the pooler, and nobody else's."""
    with serving(pooler, workers=1) as server:
        wire, other = associate(server.port), associate(server.port)
        ds = protocol(PotentialReasonsForProcedure=["r" * 400])
        assert store_one(wire, ds).status == 0
        cluster.amend(f"""
            insert into dpp.objects (sop_instance_uid, sop_class_uid, state, query_record, source, published_at)
            select '2.25.9' || n, o.sop_class_uid, o.state, o.query_record, o.source, o.published_at
            from dpp.objects o, generate_series(1, 60000) n where o.sop_instance_uid = '{ds.SOPInstanceUID}'""")
        try:
            for _ in range(10):
                number = wire.send_find(3, keys(ProtocolName="", PotentialReasonsForProcedure=""))
                assert wire.read_message().status == 0xFF00
                wire.send_cancel(3, number)
                assert find_one(other, ds).status == 0
                count = 1
                while (message := wire.read_message()).status == 0xFF00:
                    count += 1
                assert message.status == 0xFE00 and count < 60000
                assert find_one(wire, ds).status == 0, "safe to use again"
                wait_for(lambda: active(cluster) == 0)
        finally:
            cluster.amend("delete from dpp.objects where sop_instance_uid like '2.25.9%'"
                          " and id not in (select object_id from dpp.instances)")
        wire.release()
        other.release()


def under_load(cluster, pooler, during):
    with serving(pooler, **QUICK) as server:
        load = Load(server, cluster.execute).start()
        load.wait_for_success()
        during(server, load)
        load.wait_for_success()
        load.stop()
        verify_recovered(server, cluster.execute, CLIENTS)
        assert metrics(server)["database_errors_total"] > 0


def test_killed_and_started(cluster, pooler):
    def during(server, load):
        pooler.kill()
        load.wait_for_failure(("store", "find", "get", "move"))
        wait_for(lambda: not is_ready(server))
        pooler.start()
    under_load(cluster, pooler, during)


def test_frozen(cluster, pooler):
    def during(server, load):
        pooler.process.send_signal(signal.SIGSTOP)
        load.wait_for_failure(("store", "find"))
        wait_for(lambda: not is_ready(server))
        pooler.process.send_signal(signal.SIGCONT)
    under_load(cluster, pooler, during)


def test_database_restarted_behind_it(cluster, pooler):
    def during(server, load):
        cluster.stop("fast")
        load.wait_for_failure(("store", "find", "get", "move"))
        wait_for(lambda: not is_ready(server))
        cluster.start()
    under_load(cluster, pooler, during)
