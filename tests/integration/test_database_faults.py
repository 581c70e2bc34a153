# SPDX-License-Identifier: Apache-2.0
"""The database breaks under load: connections killed, the server stopped, killed and started, slow to recover."""
import subprocess
import threading
import time

import pytest

from clusters import OwnCluster
from conftest import Server
from dicomwire import Rejected, wait_for
from faultload import (QUICK, Load, associate, comment, is_ready, metrics, store_one, verify, verify_recovered)
from protocols import keys, protocol

CONNECTIONS = 2 * 4 + 2 * 2 + 2  # two workers, two retrieve workers, the probe and its check


@pytest.fixture
def cluster(reachable):
    own = OwnCluster(reachable / "pg")
    yield own
    own.close()


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
        wait_for(lambda: not is_ready(server), timeout=20)
        server.wait_log("event=database.away")
        server.wait_log("event=db.unreachable")
        cluster.start()
        load.wait_for_success()
        server.wait_log("event=database.up")
    load = run(cluster, during)
    assert any("refused" in why for why in load.comments("store")), load.comments("store")
