# SPDX-License-Identifier: Apache-2.0
"""Servers are replaced one by one, under load, and nobody's operation fails.

Of the program that replaces the old one there is a build with a compatible migration more (data/next), which is applied while
the old servers run: a rolling upgrade."""
import os
import subprocess

import pytest

from conftest import DPPR, ROOT, Database, Server
from dicomwire import CT_PROTOCOL, EXPLICIT, VERIFICATION, IMPLICIT, Wire, wait_for
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
        assert not any("schema.refused" in s.log for s in servers)
    finally:
        balancer.stop()
        if load:
            load.stopping.set()
        [s.stop() for s in servers]
        db.drop()
