# SPDX-License-Identifier: Apache-2.0
"""The database breaks under load: connections killed, the server stopped, killed and started, slow to recover."""
import threading
import time

import pytest

from clusters import own_cluster
from conftest import Server
from dicomwire import PATIENCE_S, Rejected, wait_for
from faultload import QUICK, Load, associate, comment, is_ready, served, store_one, verify_recovered
from metrics import totals as metrics
from protocols import keys, protocol

CONNECTIONS = 2 * 4 + 2 * 2 + 2  # two workers, two retrieve workers, the probe and its check


@pytest.fixture(scope="module")
def cluster():
    with own_cluster("wal_level=replica") as own:
        yield own


def run(cluster, during, **settings):
    """A server under load, `during` with both, and everything is in order afterwards."""
    server = Server(cluster.database, **{**QUICK, **settings})
    try:
        load = Load(server, cluster.execute).start()
        load.wait_for_success()
        during(server, load)
        load.stop()
        verify_recovered(server, cluster.execute, CONNECTIONS)
        return load
    finally:
        assert server.stop() == 0
        assert "Sanitizer" not in server.log, server.log[-8000:]


def test_connections_killed_one_by_one(cluster):
    def during(server, load):
        failures = metrics(server)["database_errors_total"]
        killed, end = 0, time.monotonic() + 4
        while time.monotonic() < end or killed < 40:
            # busy ones first, so that statements are struck and not only idle connections
            killed += len(cluster.execute("""
                select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'dppr%'
                order by state = 'active' desc, random() limit 1"""))
            time.sleep(0.02)
        load.wait_for_success()
        assert metrics(server)["database_errors_total"] > failures
    run(cluster, during)


@pytest.mark.parametrize("mode", ("fast", "immediate"))
def test_stopped_and_started(cluster, mode):
    def during(server, load):
        cluster.stop(mode)
        load.wait_for_failure(("store", "find", "get", "move"))
        wait_for(lambda: not is_ready(server))
        server.wait_log("event=database.away")
        server.wait_log("event=db.unreachable")
        cluster.start()
        load.wait_for_success()
        server.wait_log("event=database.up")
    load = run(cluster, during)
    assert any("refused" in why for why in load.comments("store")), load.comments("store")


def test_slow_recovery(cluster):
    """After a crash PostgreSQL takes connections and refuses them until it has recovered."""
    go = cluster.folder / "go"
    cluster.execute(f"alter system set restore_command = 'while ! test -e {go}; do sleep 0.1; done; false'")

    def during(server, load):
        cluster.stop("immediate")
        (cluster.folder / "data/recovery.signal").touch()
        starting = threading.Thread(target=cluster.start)
        starting.start()
        wait_for(lambda: any("starting up" in why for why in load.comments("store")))
        load.wait_for_failure(("store", "find", "get", "move"))
        wait_for(lambda: not is_ready(server))
        server.wait_log("event=(db.unreachable|database.away) .*(starting up|refused)")
        go.touch()
        starting.join(PATIENCE_S)
        load.wait_for_success()
    run(cluster, during)


def test_who_is_not_let_in_while_nobody_can_be_asked(cluster):
    """Without a policy that takes unknown AE titles anyway: transient reject, and let in when the database is back."""
    cluster.execute("insert into dpp.application_entities (ae_title) values ('KNOWN')")
    server = Server(cluster.database, unknown_ae="refuse", **QUICK)

    def let_in():
        try:
            return associate(server.port, calling="KNOWN")
        except Rejected as e:
            assert (e.result, e.source, e.reason) == (2, 3, 1)
            return None
    try:
        wire = wait_for(let_in)
        before = protocol()
        served(store_one, wire, before)
        cluster.stop("fast")
        wait_for(lambda: not is_ready(server))
        rejected = metrics(server)["associations_rejected_total"]
        for title in ("KNOWN", "UNKNOWN"):
            with pytest.raises(Rejected) as refusal:
                associate(server.port, calling=title)
            assert (refusal.value.result, refusal.value.source, refusal.value.reason) == (2, 3, 1)
        assert metrics(server)["associations_rejected_total"] == rejected + 2
        server.wait_log("the database cannot be asked for the AE title")
        answer = store_one(wire, protocol())
        assert answer.status == 0xA700 and "refused" in comment(answer)
        cluster.start()
        wait_for(let_in).release()
        wait_for(lambda: wire.find(3, keys(SOPInstanceUID=before.SOPInstanceUID))[1].status == 0)
        served(store_one, wire, before)
        wire.release()
        verify_recovered(server, cluster.execute, CONNECTIONS)
    finally:
        assert server.stop() == 0
