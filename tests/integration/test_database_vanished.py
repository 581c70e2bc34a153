# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL's machine, or the server's, vanishes from the network: no reset comes, no packet is answered.

A relay cannot play this, because its kernel answers for the one behind it. So server and PostgreSQL run in a network
namespace each, with a cable between them that loses everything. Statements have no deadline here: it is TCP's keepalive
and user time-out (shorter here than the defaults, which tests/unit/pg sees to) that end them.
"""
import contextlib
import ctypes
import os
import subprocess
from urllib.parse import quote

import psycopg2
import pytest

import conftest
from clusters import own_cluster
from dicomwire import EXPLICIT, encode, wait_for
from faultload import associate, comment, find_one, get_one, is_ready, store_one, verify
from metrics import totals as metrics
from protocols import keys, protocol

SERVER, DATABASE = "192.0.2.1", "192.0.2.2"  # TEST-NET-1, in the namespaces only
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo $$; exec sleep 3600"],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.pid = self.holder.stdout.readline().strip()
        if not self.pid:
            pytest.skip(f"no network namespace: {self.holder.stderr.read().strip()}")
        self.prefix = ["nsenter", "--target", self.pid, "--net"]

    def ip(self, *arguments):
        done = subprocess.run([*self.prefix, "ip", *arguments], stderr=subprocess.PIPE, text=True)
        if done.returncode:
            pytest.skip(f"ip {' '.join(arguments)}: {done.stderr.strip()}")

    def enter(self, path):
        with open(path, "rb") as namespace:
            if libc.setns(namespace.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")

    @contextlib.contextmanager
    def inside(self):
        """Sockets made by this thread meanwhile are the namespace's, and stay it."""
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.enter(f"/proc/{self.pid}/ns/net")
        try:
            yield
        finally:
            self.enter(f"/proc/self/fd/{home}")
            os.close(home)

    def end(self):
        self.holder.kill()
        self.holder.wait()


@pytest.fixture(scope="module")
def sides():
    """(namespace of the server, of the database), with a cable between them."""
    with contextlib.ExitStack() as stack:
        server, database = Namespace(), Namespace()
        stack.callback(server.end)
        stack.callback(database.end)
        server.ip("link", "add", "to-db", "type", "veth", "peer", "name", "to-server", "netns", database.pid)
        for side, link, address in ((server, "to-db", SERVER), (database, "to-server", DATABASE)):
            side.ip("link", "set", "lo", "up")
            side.ip("address", "add", f"{address}/30", "dev", link)
            side.ip("link", "set", link, "up")
        # with a route that leads nowhere, what comes from there is dropped too
        subprocess.run([*database.prefix, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter"], check=True)
        yield server, database


@pytest.fixture(scope="module")
def cluster(sides):
    """Reached from here through its unix socket, as files know no network namespaces."""
    with own_cluster("listen_addresses=*", prefix=sides[1].prefix, migrate=False) as own:
        with open(own.folder / "data/pg_hba.conf", "a") as rules:
            rules.write(f"host all all {SERVER}/32 trust\n")
        own.port = (own.folder / "port").read_text().strip()
        socket = f"postgresql://postgres@/%s?host={quote((own.folder / 'sockets').read_text().strip())}&port={own.port}"
        own.uri, own.database = socket % "postgres", socket % "faults"
        own.execute("select pg_reload_conf()", own.uri)
        own.make_database()
        yield own


@contextlib.contextmanager
def serving(sides, cluster, folder, monkeypatch, **settings):
    program = folder / "dppr"
    program.write_text(f"#!/bin/sh\nexec {' '.join(sides[0].prefix)} {conftest.DPPR} \"$@\"\n")
    program.chmod(0o755)
    monkeypatch.setattr(conftest, "DPPR", str(program))
    probing = "keepalives_idle=1&keepalives_interval=1&keepalives_count=2&tcp_user_timeout=2000"
    theirs = "-c tcp_keepalives_idle=1 -c tcp_keepalives_interval=1 -c tcp_keepalives_count=2"
    server = conftest.Server(
        f"postgresql://postgres@{DATABASE}:{cluster.port}/faults?{probing}&options={quote(theirs)}",
        workers=1, database_connections=3, database_statement_timeout="10min", database_wait="5s",
        database_connect_timeout="1s", **settings)
    try:
        yield server
    finally:
        sides[1].ip("route", "flush", "type", "blackhole")
        code = server.stop()
    assert code == 0
    assert "Sanitizer" not in server.log, server.log[-8000:]


def of_server(cluster):
    return cluster.execute("select count(*) from pg_stat_activity where application_name like 'dppr%'"
                           " and client_addr is not null")[0][0]


def test_vanished_from_each_other(sides, cluster, tmp_path, monkeypatch):
    with serving(sides, cluster, tmp_path, monkeypatch) as server:
        def ask(question, *arguments):
            with sides[0].inside():
                return question(*arguments)
        wait_for(lambda: ask(is_ready, server))
        waiting, idle = (ask(associate, server.port) for _ in range(2))
        ds = protocol()
        assert store_one(idle, ds).status == 0
        blocker = psycopg2.connect(cluster.database)
        blocker.cursor().execute("lock table dpp.objects in access exclusive mode")
        waiting.send_find(3, keys(SOPInstanceUID=ds.SOPInstanceUID))
        wait_for(lambda: cluster.execute("select 1 from pg_stat_activity where wait_event_type = 'Lock'"))
        sides[1].ip("route", "add", "blackhole", f"{SERVER}/32")
        try:
            # one waits for an answer, which keepalive ends; others send, which the user time-out ends
            answers = [store_one(idle, protocol()), get_one(idle, ds), waiting.read_message()]
            assert [a.status for a in answers] == [0xA700, 0xA701, 0xA700]
            assert all(comment(a) for a in answers)
            assert "connection lost" in comment(answers[2]), comment(answers[2])
            wait_for(lambda: not ask(is_ready, server))
            server.wait_log("event=database.away")
            assert ask(metrics, server)["database_connections"] == 0
            # and PostgreSQL has not kept the connections of a server that is gone
            blocker.rollback()
            wait_for(lambda: of_server(cluster) == 0)
        finally:
            blocker.close()
            sides[1].ip("route", "del", "blackhole", f"{SERVER}/32")
        wait_for(lambda: ask(is_ready, server))
        for wire in (waiting, idle):
            assert find_one(wire, ds).status == 0
            assert store_one(wire, protocol()).status == 0
            wire.release()
        ask(verify, server, {ds.SOPInstanceUID: encode(ds, EXPLICIT)})
