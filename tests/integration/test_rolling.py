# SPDX-License-Identifier: Apache-2.0
"""Servers are replaced one by one, under load, and nobody's operation fails.

Of the program that replaces the old one there is a build with a compatible migration more (data/next), which is applied while
the old servers run: a rolling upgrade."""
import os
import subprocess
import threading

import psycopg2
import pytest

from conftest import DPPR, ROOT, Database, Server
from dicomwire import wait_for
from faultload import associate, find_one, get_one, store_one
from metrics import metrics
from protocols import protocol
from rolling import Balancer, RollingLoad, free_port

NEXT = os.environ.get("DPPR_NEXT", str(ROOT / "build/release/tests/integration/dppr-next"))
GRACE = {"shutdown_grace": "4s"}  # residents leave after half of it


def start(db, ports, program, **settings):
    dicom, http = ports
    return Server(db.uri, program=program, dicom_port=dicom, http_port=http, **GRACE, **settings)


def migrate(db, program):
    done = subprocess.run([program, "migrate"], env={**os.environ, "DPPR_DATABASE": db.uri}, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr


def test_upgrade_under_load(tmp_path):
    db = Database(migrate=False)
    migrate(db, DPPR)
    ports = [(free_port(), free_port()) for _ in range(2)]
    # One whose balancer notices in time, and one that closes its port while the balancer still sends.
    servers = [start(db, ports[0], DPPR, drain_delay="1s"), start(db, ports[1], DPPR, drain_delay="0")]
    balancer = Balancer(tmp_path, ports)
    load = None
    try:
        wait_for(lambda: balancer.up() == {"s0", "s1"})
        load = RollingLoad(balancer.port, db.query)
        load.wait_for_more()
        migrate(db, NEXT)
        (version,), = db.query("select max(version) from dpp.schema_migrations")
        assert version == 9001
        load.wait_for_more()
        assert not load.broken, load.broken
        for n in range(2):
            assert servers[n].stop() == 0
            assert "event=serve.drained" in servers[n].log and "grace_over" not in servers[n].log
            load.wait_for_more()  # the other one does it all
            servers[n] = start(db, ports[n], NEXT)
            wait_for(lambda: balancer.up() == {"s0", "s1"})
            load.wait_for_more()
        load.stop()
        assert not load.broken, load.broken
        print("operations:", dict(load.done), "noticed:", dict(load.noticed))
        assert load.noticed["released"] >= 2, load.noticed
        assert not any("schema.refused" in s.log or "audit.dropping" in s.log for s in servers)
    finally:
        balancer.stop()
        if load:
            load.stopping.set()
        [s.stop() for s in servers]
        db.drop()


class Migrating(threading.Thread):
    """Puts the definitions there anew, as any upgrade does."""

    def __init__(self, db):
        super().__init__(daemon=True)
        db.query("update dpp.schema_definitions set hash = 'older'")
        self.process = subprocess.Popen([DPPR, "migrate"], env={**os.environ, "DPPR_DATABASE": db.uri},
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.lines = []
        self.start()

    def run(self):
        for line in self.process.stderr:
            self.lines.append(line)

    def has_waited(self):
        assert self.process.poll() is None, self.lines
        return any("event=migrate.waits " in line for line in self.lines)

    def end(self):
        code = self.process.wait(60)
        self.join(10)
        return code


HELD = {"a report reads a view": "select from dpp.parameters limit 0",
        "a store waits at its commit": "lock table dpp.objects in row exclusive mode",
        "audit rows too": "lock table dpp.audit_events in row exclusive mode"}


@pytest.fixture(scope="module")
def served():
    db = Database()
    server = Server(db.uri, workers=1)
    yield db, server
    assert server.stop() == 0
    db.drop()


@pytest.mark.parametrize("held", HELD.values(), ids=HELD.keys())
def test_nobody_waits_for_a_migration_that_waits(served, held):
    """What keeps it waiting keeps nobody else: operations go on, and audit rows are written, before it ends."""
    db, server = served
    session = psycopg2.connect(db.uri)
    migrating = None
    try:
        wire = associate(server.port)
        session.cursor().execute(held)
        migrating = Migrating(db)
        wait_for(migrating.has_waited, 60)
        rows = metrics(server)["dppr_audit_rows_total"]
        for n in range(1, 4):
            ds = protocol()
            assert store_one(wire, ds).status == 0
            assert find_one(wire, ds).status == 0 and get_one(wire, ds).status == 0
            wait_for(lambda: metrics(server)["dppr_audit_rows_total"] == rows + 3 * n)
        assert migrating.process.poll() is None, migrating.lines
        session.close()
        assert migrating.end() == 0, migrating.lines
        assert db.query("select hash <> 'older' from dpp.schema_definitions") == [(True,)]
        wire.release()
    finally:
        session.close()
        if migrating:
            migrating.process.kill()
            migrating.process.wait()
