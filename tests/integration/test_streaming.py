# SPDX-License-Identifier: Apache-2.0
"""Fast, slow, stalled and vanished readers at the same time: the fast ones get all that is theirs, the server keeps
its size, and what a reader holds comes back when it is given up."""
import os
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest

from conftest import Server
from dicomwire import (C_GET, C_MOVE, C_STORE, CT_PROTOCOL, EXPLICIT, FIND, GET, MOVE, PATIENCE_S, Wire, decode,
                       encode, wait_for)
from metrics import metrics
from protocols import keys, multiply, protocol
from watch import active_statements, resident_kib
from wirescp import WireScp

MATCHES = 10000
LARGE = 1 << 19  # octets of an instance
GROWTH_KIB = 8 * 1024
WRITE_TIMEOUT = 'dppr_timeouts_total{deadline="write-timeout"}'


@pytest.fixture(scope="module")
def large(database):
    """Many to find, and some large ones to get: {uid: octets}"""
    server = Server(database.uri)
    wire = Wire(server.port).associate([(1, CT_PROTOCOL, [EXPLICIT])])
    made = [protocol(PotentialReasonsForProcedure="r" * 1000, ProtocolDesignRationale="d" * LARGE) for _ in range(3)]
    octets = {ds.SOPInstanceUID: encode(ds, EXPLICIT) for ds in made}
    for uid, data in octets.items():
        assert wire.store(1, data, CT_PROTOCOL, uid).status == 0
    wire.release()
    assert server.stop() == 0
    multiply(database, made[0].SOPInstanceUID, MATCHES)
    return octets


def growth_kib(server, base):
    """Resident memory since then; 0 under a sanitizer, which keeps more and more for its own ends."""
    if metrics(server)["dppr_heap_used_bytes"] == 0:  # not malloc's heap
        return 0
    return resident_kib(server.process.pid) - base


def everything():
    return keys(SOPInstanceUID="", ProtocolName="", PotentialReasonsForProcedure="")


def connect(server, receive_buffer=32768):
    wire = Wire(server.port, receive_buffer=receive_buffer)
    return wire.associate([(1, FIND, [EXPLICIT]), (3, GET, [EXPLICIT]), (5, CT_PROTOCOL, [EXPLICIT])],
                          roles=[(CT_PROTOCOL, 0, 1)])


def begin_find(server):
    wire = connect(server)
    wire.send_find(1, everything())
    assert wire.read_message().status == 0xFF00
    return wire


def begin_get(server, uids):
    wire = connect(server)
    octets = encode(keys(SOPInstanceUID=list(uids)), EXPLICIT)
    wire.send_message(3, wire.request(C_GET, GET, octets), octets)
    return wire


def find_all(wire):
    """The final status, and how many matches came, each of them whole."""
    count = 0
    wire.send_find(1, everything())
    while (message := wire.read_message()).status == 0xFF00:
        match = decode(message.data, EXPLICIT)
        assert match.PotentialReasonsForProcedure == "r" * 1000
        count += 1
    return message.status, count


def is_gone(wire):
    """Whether the server has ended the association; reads what had been sent."""
    try:
        while wire.sock.recv(1 << 16):
            pass
        return True
    except socket.timeout:
        return False
    except OSError:
        return True


KILLED = """
import sys
sys.path.insert(0, {folder!r})
from test_streaming import begin_find
class server: port = {port}
wire = begin_find(server)
print("begun", flush=True)
import time
time.sleep(600)
"""


def killed_reader(server):
    """A process that is killed in the midst of its stream."""
    code = KILLED.format(folder=os.path.dirname(os.path.abspath(__file__)), port=server.port)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"begun\n"
    process.kill()
    process.wait(PATIENCE_S)


def reset_reader(server):
    wire = begin_find(server)
    wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.close()


class SlowReader(threading.Thread):
    """Takes 80 KB a second: too little for the kernel to say often that there is room."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.wire, self.octets, self.stopped, self.was_cut = begin_find(server), 0, False, False
        self.start()

    def run(self):
        try:
            while not self.stopped:
                chunk = self.wire.sock.recv(16384)
                self.was_cut = self.was_cut or not chunk
                self.octets += len(chunk)
                time.sleep(0.2)
        except OSError:
            self.was_cut = not self.stopped

    def stop(self):
        self.stopped = True
        self.join(PATIENCE_S)
        self.wire.close()


def test_readers_of_every_kind_at_once(database, large):
    server, slow = Server(database.uri, workers=2, database_connections=6, write_timeout="3s"), None
    try:
        fast = [connect(server, receive_buffer=None) for _ in range(2)]
        for wire in fast:  # what is made once is there afterwards
            assert find_all(wire) == (0, MATCHES + len(large))
            assert wire.get(3, list(large))[2].status == 0
        base, struck = resident_kib(server.process.pid), metrics(server)[WRITE_TIMEOUT]
        slow = SlowReader(server)
        stalled = [begin_find(server) for _ in range(2)] + [begin_get(server, large) for _ in range(2)]
        killed_reader(server)
        reset_reader(server)
        sizes = []
        for wire in fast:
            assert find_all(wire) == (0, MATCHES + len(large))
            stored, _, final = wire.get(3, list(large))
            assert final.status == 0 and {m.command[0x1000]: m.data for m in stored} == large
            sizes.append(growth_kib(server, base))
        assert max(sizes) <= GROWTH_KIB
        # the stalled ones are given up, and with them their statements; the slow one goes on
        wait_for(lambda: metrics(server)[WRITE_TIMEOUT] - struck == len(stalled))
        wait_for(lambda: active_statements(database) <= 1)
        assert all(is_gone(wire) for wire in stalled)
        before = slow.octets
        wait_for(lambda: slow.octets > before + 65536)
        assert not slow.was_cut
        assert find_all(fast[0]) == (0, MATCHES + len(large))
        slow.stop()
        wait_for(lambda: active_statements(database) == 0)
        assert growth_kib(server, base) <= GROWTH_KIB
    finally:
        if slow:
            slow.stop()
        assert server.stop() == 0


def test_more_stalled_readers_than_connections(database, large):
    """Others are refused with the reason, and served when the stalled ones are given up."""
    server = Server(database.uri, workers=1, database_connections=2, database_wait="500ms", write_timeout="4s")
    try:
        fast = connect(server)
        stalled = [begin_find(server) for _ in range(2)]
        fast.send_find(1, everything())
        refused = fast.read_message()
        assert refused.status == 0xA700 and refused.command[0x0902].startswith("database-wait")
        server.wait_log(r"event=find\.refused .*limit=database-wait|event=find\.refused .*database-wait")
        uid = next(iter(large))
        wait_for(lambda: fast.find(1, keys(SOPInstanceUID=uid))[1].status == 0)
        assert find_all(fast) == (0, MATCHES + len(large))
        assert all(is_gone(wire) for wire in stalled)
    finally:
        assert server.stop() == 0


@pytest.mark.parametrize("kind", ["get", "move"])
def test_a_retrieve_that_waits_for_its_peer_holds_no_connection(database, large, kind):
    """Decision 35: a query gets the only one that there is."""
    server, scp = Server(database.uri, workers=1, database_connections=1), WireScp(hang="store")
    database.query("insert into dpp.application_entities (ae_title, host, port) values ('THINKS', '127.0.0.1', %s)",
                   (scp.port,))
    try:
        if kind == "get":
            retrieving = begin_get(server, large)
            while retrieving.read_message().command[0x0100] != C_STORE:
                pass
        else:
            retrieving = Wire(server.port).associate([(1, MOVE, [EXPLICIT])])
            octets = encode(keys(SOPInstanceUID=list(large)), EXPLICIT)
            retrieving.send_message(1, retrieving.request(C_MOVE, MOVE, octets, x0600="THINKS"), octets)
            wait_for(lambda: scp.commands)
        other = connect(server)
        for uid in large:
            matches, final = other.find(1, keys(SOPInstanceUID=uid))
            assert final.status == 0 and len(matches) == 1
        other.release()
        retrieving.abort()
    finally:
        scp.close()
        assert server.stop() == 0
        database.query("delete from dpp.application_entities where ae_title = 'THINKS'")


def test_vanished_readers_free_their_statements(database, large):
    server = Server(database.uri)
    try:
        for vanish in (killed_reader, reset_reader, lambda s: begin_find(s).close(), lambda s: begin_find(s).abort()):
            vanish(server)
            wait_for(lambda: active_statements(database) == 0)
    finally:
        assert server.stop() == 0
