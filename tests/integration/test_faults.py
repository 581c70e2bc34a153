# SPDX-License-Identifier: Apache-2.0
"""The database goes away and comes back; the server is killed outright; slow and vanished readers."""
import contextlib
import ctypes
import os
import pathlib
import signal
import threading
import time

import pytest

from clusters import own_cluster
from conftest import Server
from dicomwire import C_ECHO, CT_PROTOCOL, EXPLICIT, FIND, GET, IMPLICIT, MOVE, VERIFICATION, Wire, encode, wait_for
from metrics import metrics
from protocols import keys, new_uid, protocol
from watch import active_statements, resident_kib


@pytest.fixture(scope="module")
def cluster():
    with own_cluster() as own:
        yield own


def test_database_down_and_up_again(cluster):
    server = Server(cluster.database)
    try:
        wire = Wire(server.port).associate(
            [(1, FIND, [EXPLICIT]), (3, CT_PROTOCOL, [EXPLICIT]), (5, GET, [EXPLICIT]),
             (7, MOVE, [EXPLICIT]), (9, VERIFICATION, [IMPLICIT])])
        before = protocol()
        assert wire.store(3, encode(before, EXPLICIT), CT_PROTOCOL, before.SOPInstanceUID).status == 0
        wait_for(lambda: server.http("/readyz")[0] == 200)
        cluster.stop()
        wait_for(lambda: server.http("/readyz")[0] == 503)
        assert server.http("/livez")[0] == 200
        lost = protocol()
        answer = wire.store(3, encode(lost, EXPLICIT), CT_PROTOCOL, lost.SOPInstanceUID)
        assert answer.status == 0xA700 and answer.command.get(0x0902)
        _, final = wire.find(1, keys(SOPInstanceUID=before.SOPInstanceUID))
        assert final.status == 0xA700 and final.command.get(0x0902)
        _, _, final = wire.get(5, [before.SOPInstanceUID])
        assert final.status == 0xA701 and final.command.get(0x0902)
        _, final = wire.move(7, [before.SOPInstanceUID], "ANYONE")
        assert final.status == 0xA701 and final.command.get(0x0902)
        assert wire.echo(9) == 0
        # a new association from this machine is still taken, as the quickstart's policy says
        other = Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT])])
        assert other.echo() == 0
        other.release()
        cluster.start()
        wait_for(lambda: server.http("/readyz")[0] == 200)
        # each worker notices by itself, within about a second
        wait_for(lambda: wire.find(1, keys(SOPInstanceUID=new_uid()))[1].status == 0)
        matches, final = wire.find(1, keys(SOPInstanceUID=before.SOPInstanceUID))
        assert final.status == 0 and len(matches) == 1
        matches, final = wire.find(1, keys(SOPInstanceUID=lost.SOPInstanceUID))
        assert final.status == 0 and matches == [], "nothing half-written"
        assert wire.store(3, encode(lost, EXPLICIT), CT_PROTOCOL, lost.SOPInstanceUID).status == 0
        wire.release()
    finally:
        assert server.stop() == 0


def test_server_started_before_its_database(cluster):
    cluster.stop()
    server = Server(cluster.database)
    try:
        assert server.http("/readyz")[0] == 503
        cluster.start()
        wait_for(lambda: server.http("/readyz")[0] == 200)
        wire = Wire(server.port).associate([(1, FIND, [EXPLICIT])])
        assert wire.find(1, keys(SOPInstanceUID=new_uid()))[1].status == 0
        wire.release()
    finally:
        assert server.stop() == 0


def test_rights_count_again_when_the_database_is_back(cluster):
    """Let in by policy while nobody could be asked; a row that says otherwise rules afterwards."""
    cluster.execute("insert into dpp.application_entities (ae_title, may_store) values ('LIMITED', false)")
    cluster.execute("insert into dpp.application_entities (ae_title, source_addresses)"
                    " values ('ELSEWHERE', '{192.0.2.1}')")
    server = Server(cluster.database)
    try:
        cluster.stop()
        wait_for(lambda: server.http("/readyz")[0] == 503)
        wires = {title: Wire(server.port).associate(
            [(1, CT_PROTOCOL, [EXPLICIT]), (3, VERIFICATION, [IMPLICIT])], calling=title)
            for title in ("LIMITED", "ELSEWHERE", "UNKNOWN")}
        assert all(wire.echo(3) == 0 for wire in wires.values())
        cluster.start()
        wait_for(lambda: server.http("/readyz")[0] == 200)

        def answer(title):
            ds = protocol()
            return wires[title].store(1, encode(ds, EXPLICIT), CT_PROTOCOL, ds.SOPInstanceUID).status
        wait_for(lambda: answer("UNKNOWN") == 0)
        for title, status in (("LIMITED", 0x0124), ("ELSEWHERE", 0x0124), ("UNKNOWN", 0)):
            wait_for(lambda: answer(title) != 0xA700)
            assert answer(title) == status, title
            wires[title].release()
    finally:
        assert server.stop() == 0


def test_killed_connections_are_replaced(server, database):
    wire = Wire(server.port).associate([(1, FIND, [EXPLICIT]), (3, CT_PROTOCOL, [EXPLICIT])])
    ds = protocol()
    assert wire.store(3, encode(ds, EXPLICIT), CT_PROTOCOL, ds.SOPInstanceUID).status == 0
    for _ in range(3):
        database.query("select pg_terminate_backend(pid) from pg_stat_activity"
                       " where datname = current_database() and pid <> pg_backend_pid()")
        statuses = []

        def works():
            statuses.append(wire.find(1, keys(SOPInstanceUID=ds.SOPInstanceUID))[1].status)
            return statuses[-1] == 0
        wait_for(works)
        assert set(statuses) <= {0, 0xA700}
    wire.release()


@contextlib.contextmanager
def stopped_thread(pid, name):
    """One thread of a child stands still, as ptrace(2) can have it."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.restype, libc.ptrace.argtypes = ctypes.c_long, [ctypes.c_long] * 4
    seize, interrupt, detach, all_children = 0x4206, 0x4207, 17, 0x40000000
    thread, = [int(t.name) for t in pathlib.Path(f"/proc/{pid}/task").iterdir() if (t / "comm").read_text() == f"{name}\n"]
    assert libc.ptrace(seize, thread, 0, 0) == 0, os.strerror(ctypes.get_errno())
    assert libc.ptrace(interrupt, thread, 0, 0) == 0
    assert os.waitpid(thread, all_children)[0] == thread
    try:
        yield
    finally:
        libc.ptrace(detach, thread, 0, 0)


def test_a_worker_that_stands_still_does_not_make_the_server_look_dead(database):
    """Decision 39: health is told by the main loop. After five seconds nobody new is sent here, but what the server has is
    not given up; and its associations go on when the thread does."""
    server = Server(database.uri, workers=1)
    try:
        wait_for(lambda: server.http("/readyz")[0] == 200)
        wire = Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT])])
        with stopped_thread(server.process.pid, "worker-0"):
            wire.send_message(1, wire.request(C_ECHO, VERIFICATION))
            wire.sock.settimeout(0.2)
            with pytest.raises(TimeoutError):
                wire.sock.recv(1)
            wire.sock.settimeout(30)
            assert server.http("/livez") == (200, "ok\n")
            assert server.http("/readyz")[0] == 200
            wait_for(lambda: server.http("/readyz") == (503, "worker: a thread has not turned for five seconds\n"))
            assert server.http("/livez") == (200, "ok\n")
            assert metrics(server)["dppr_loops_stuck"] == 1
            server.wait_log("level=error event=worker.stuck thread=worker-0 seconds=5 ")
        wait_for(lambda: server.http("/readyz") == (200, "ready\n"))
        assert metrics(server)["dppr_loops_stuck"] == 0
        assert wire.read_message().status == 0
        wire.release()
    finally:
        assert server.stop() == 0


@pytest.mark.parametrize("round_", range(3))
def test_sigkill_loses_nothing_acknowledged(database, round_):
    server = Server(database.uri)
    acknowledged, stop = [], threading.Event()

    def run():
        try:
            wire = Wire(server.port).associate([(1, CT_PROTOCOL, [EXPLICIT])])
            while not stop.is_set():
                ds = protocol(ProtocolDesignRationale="x" * 5000)
                octets = encode(ds, EXPLICIT)
                if wire.store(1, octets, CT_PROTOCOL, ds.SOPInstanceUID).status == 0:
                    acknowledged.append((ds.SOPInstanceUID, octets))
        except Exception:
            pass
    threads = [threading.Thread(target=run) for _ in range(6)]
    [t.start() for t in threads]
    wait_for(lambda: len(acknowledged) > 40 + 25 * round_)
    server.stop(signal.SIGKILL)
    stop.set()
    [t.join() for t in threads]
    again = Server(database.uri)
    try:
        wire = Wire(again.port).associate([(1, GET, [EXPLICIT]), (3, CT_PROTOCOL, [EXPLICIT])],
                                          roles=[(CT_PROTOCOL, 0, 1)])
        stored, _, final = wire.get(1, [uid for uid, _ in acknowledged])
        assert final.status == 0
        assert {m.command[0x1000]: m.data for m in stored} == dict(acknowledged)
        wire.release()
    finally:
        assert again.stop() == 0


def test_drain_finishes_running_work(sample_database):
    server = Server(sample_database.uri)
    wire = Wire(server.port).associate([(1, FIND, [EXPLICIT])])
    wire.send_find(1, keys(SOPInstanceUID="", ProtocolName=""))
    server.process.send_signal(signal.SIGTERM)
    count = 0
    while (message := wire.read_message()).status == 0xFF00:
        count += 1
    assert message.status == 0 and count == 60
    wire.sock.close()
    assert server.stop() == 0
    with pytest.raises(OSError):
        Wire(server.port)


@pytest.fixture(scope="module")
def many(database):
    """The library times a thousand, made in SQL from what was stored."""
    server = Server(database.uri)
    wire = Wire(server.port).associate([(1, CT_PROTOCOL, [EXPLICIT])])
    ds = protocol(ProtocolName="Many of a kind", PotentialReasonsForProcedure=["r" * 400])
    assert wire.store(1, encode(ds, EXPLICIT), CT_PROTOCOL, ds.SOPInstanceUID).status == 0
    wire.release()
    assert server.stop() == 0
    database.amend("""
        insert into dpp.objects (sop_instance_uid, sop_class_uid, state, query_record, source, published_at)
        select '2.25.9' || n, o.sop_class_uid, o.state, o.query_record, o.source, o.published_at
        from dpp.objects o, generate_series(1, 60000) n where o.sop_instance_uid = %s""",
                   (ds.SOPInstanceUID,))
    yield 60000
    database.amend("delete from dpp.objects where sop_instance_uid like '2.25.9%%'"
                   " and id not in (select object_id from dpp.protocols)")


def test_stream_with_flat_memory_and_a_reader_that_stops(database, many):
    server = Server(database.uri, workers=1)
    try:
        warm = Wire(server.port).associate([(1, FIND, [EXPLICIT])])
        warm.send_find(1, keys(ProtocolName="", PotentialReasonsForProcedure=""))
        count = 0
        while (message := warm.read_message()).status == 0xFF00:
            count += 1
        assert message.status == 0 and count >= many
        base = resident_kib(server.process.pid)
        stopped = [Wire(server.port).associate([(1, FIND, [EXPLICIT])]) for _ in range(3)]
        for wire in stopped:
            wire.send_find(1, keys(ProtocolName="", PotentialReasonsForProcedure=""))
        # others on the same worker are served meanwhile
        warm.send_find(1, keys(ProtocolName="Many*", PotentialReasonsForProcedure="",
                               SOPInstanceUID="1.2.3"))
        assert warm.read_message().status == 0
        time.sleep(1)
        assert resident_kib(server.process.pid) - base < 16 * 1024
        # the stopped reader goes on and gets everything
        count = 0
        while (message := stopped[0].read_message()).status == 0xFF00:
            count += 1
        assert message.status == 0 and count >= many
        [w.abort() for w in stopped[1:]]
        warm.release()
        stopped[0].release()
    finally:
        assert server.stop() == 0


def test_vanished_peer_frees_its_statement(server, database, many):
    wire = Wire(server.port).associate([(1, FIND, [EXPLICIT])])
    wire.send_find(1, keys(ProtocolName="", PotentialReasonsForProcedure=""))
    wire.read_message()
    wire.close()
    wait_for(lambda: active_statements(database) == 0)


def test_protocol_error_in_the_middle_of_a_stream_stops_the_work_at_once(server, database, many):
    """The aborted peer stays connected and reads nothing; only ARTIM would end it (PS3.8 Sta13)."""
    wire = Wire(server.port).associate([(1, FIND, [EXPLICIT])], calling="BREAKER")
    wire.send_find(1, keys(ProtocolName="", PotentialReasonsForProcedure=""))
    wire.read_message()
    wire.send(b"\x42\x00\x00\x00\x00\x04abcd")
    server.wait_log(r"event=find\.stopped .*aet=BREAKER")
    wait_for(lambda: active_statements(database) == 0)
    wire.close()
