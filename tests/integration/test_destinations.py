# SPDX-License-Identifier: Apache-2.0
"""How many associations a move destination gets, over all servers."""
import signal
import threading

import pytest

from conftest import Server
from dicomwire import CT_PROTOCOL, EXPLICIT, MOVE, Wire, wait_for
from wirescp import WireScp


@pytest.fixture(scope="module")
def uids(sample_database):
    rows = sample_database.query("select sop_instance_uid from dpp.objects where sop_class_uid = %s limit 5",
                                 (CT_PROTOCOL,))
    return [uid for uid, in rows]


@pytest.fixture
def two_servers(sample_database):
    servers = [Server(sample_database.uri) for _ in range(2)]
    yield servers
    for server in servers:
        assert server.stop() in (0, -signal.SIGKILL), server.log[-6000:]
        assert "Sanitizer" not in server.log, server.log[-8000:]


@pytest.fixture
def destination(sample_database):
    made = []

    def make(title, limit=1, **options):
        scp = WireScp(**options)
        made.append(scp)
        sample_database.query("insert into dpp.application_entities (ae_title, host, port, max_associations)"
                              " values (%s, '127.0.0.1', %s, %s)", (title, scp.port, limit))
        return scp
    yield make
    [scp.close() for scp in made]
    sample_database.query("delete from dpp.application_entities")


def slots(database):
    return database.query("select ae_title, slot from dpp.destination_slots where expires_at > now() order by 1, 2")


def mover(server):
    return Wire(server.port).associate([(1, MOVE, [EXPLICIT])], calling="MOVER")


def final_of(wire):
    while (message := wire.read_message()).status == 0xFF00:
        pass
    return message


@pytest.mark.parametrize("limit", [1, 2])
def test_limit_holds_over_all_servers(two_servers, sample_database, uids, destination, limit):
    scp = destination("NARROW", limit)
    finals = []

    def run(server):
        wire = mover(server)
        finals.append(wire.move(1, uids, "NARROW")[1].status)
        wire.release()
    threads = [threading.Thread(target=run, args=(two_servers[n % 2],)) for n in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert finals == [0] * 8
    assert scp.associations == 8 and 1 <= scp.most_open <= limit
    wait_for(lambda: slots(sample_database) == [])


def test_move_waits_for_another_server_and_goes_on(two_servers, sample_database, uids, destination):
    scp = destination("BUSY", hang="store")
    first, second = mover(two_servers[0]), mover(two_servers[1])
    first.send_move(1, uids, "BUSY")
    wait_for(lambda: scp.commands)
    assert slots(sample_database) == [("BUSY", 1)]
    second.send_move(1, uids, "BUSY")
    for _ in range(3):  # it is told that its move waits
        assert second.read_message().status == 0xFF00
    assert scp.associations == 1
    scp.go_on()
    assert final_of(first).status == 0 and final_of(second).status == 0
    assert scp.most_open == 1
    first.release()
    second.release()


def test_waiting_has_an_end(sample_database, two_servers, uids, destination):
    scp = destination("BUSY", hang="store")
    impatient = Server(sample_database.uri, destination_wait="700ms")
    try:
        first, second = mover(two_servers[0]), mover(impatient)
        first.send_move(1, uids, "BUSY")
        wait_for(lambda: scp.commands)
        second.send_move(1, uids, "BUSY")
        final = final_of(second)
        assert final.status == 0xA702 and "busy" in final.command[0x0902]
        assert final.command[0x1022] == len(uids) and final.data
        scp.go_on()
        assert final_of(first).status == 0
    finally:
        assert impatient.stop() == 0


def test_place_of_a_killed_server_expires(two_servers, sample_database, uids, destination):
    scp = destination("ORPHAN", hang="store")
    first, second = mover(two_servers[0]), mover(two_servers[1])
    first.send_move(1, uids, "ORPHAN")
    wait_for(lambda: scp.commands)
    two_servers[0].stop(signal.SIGKILL)
    scp.go_on()
    second.send_move(1, uids, "ORPHAN")
    assert second.read_message().status == 0xFF00
    assert slots(sample_database) == [("ORPHAN", 1)]
    # half a minute passes
    sample_database.query("update dpp.destination_slots set expires_at = now()")
    assert final_of(second).status == 0
    second.release()
    wait_for(lambda: slots(sample_database) == [])


def test_open_association_keeps_its_place(two_servers, sample_database, uids, destination):
    scp = destination("PATIENT", hang="store")
    wire = mover(two_servers[0])
    wire.send_move(1, uids, "PATIENT")
    wait_for(lambda: scp.commands)

    def expiry():
        return sample_database.query("select expires_at from dpp.destination_slots")[0][0]
    before = expiry()
    wait_for(lambda: expiry() > before)
    scp.go_on()
    assert final_of(wire).status == 0


def test_stopped_server_gives_its_places_back(two_servers, sample_database, uids, destination):
    scp = destination("LEFT", hang="store")
    wire = mover(two_servers[0])
    wire.send_move(1, uids, "LEFT")
    wait_for(lambda: scp.commands)
    two_servers[0].process.send_signal(signal.SIGTERM)
    two_servers[0].wait_log("event=serve.draining")
    assert two_servers[0].stop(signal.SIGTERM) == 0  # the second signal: at once
    assert slots(sample_database) == []
