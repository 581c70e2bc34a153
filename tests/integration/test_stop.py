# SPDX-License-Identifier: Apache-2.0
"""The end of a server: idle and silent peers do not hold it up, running operations finish."""
import signal
import socket
import time

import pytest

import dicomwire
from conftest import Server
from dicomwire import CT_PROTOCOL, EXPLICIT, GET, IMPLICIT, MOVE, VERIFICATION, Wire, encode
from protocols import keys
from wirescp import WireScp

PROMPT_S = 3


@pytest.fixture
def uids(sample_database):
    rows = sample_database.query("select sop_instance_uid from dpp.objects where sop_class_uid = %s limit 8",
                                 (CT_PROTOCOL,))
    return [uid for uid, in rows]


def silent_peers(port):
    """Peers that are there and say nothing: no association yet, half a request, an association."""
    mute = socket.create_connection(("127.0.0.1", port))
    half = socket.create_connection(("127.0.0.1", port))
    half.sendall(dicomwire.associate_rq([(1, VERIFICATION, [IMPLICIT])])[:50])
    idle = [Wire(port).associate([(1, VERIFICATION, [IMPLICIT])]) for _ in range(3)]
    assert idle[0].echo() == 0
    return [mute, half] + idle


def test_silent_peers_do_not_hold_up_the_end(sample_database):
    server = Server(sample_database.uri)
    peers = silent_peers(server.port)
    begin = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - begin < PROMPT_S
    assert "serve.drained" in server.log and "serve.grace_over" not in server.log
    # an association was asked to release before it was aborted
    kind, _ = peers[2].read_pdu()
    assert kind == 0x05
    with pytest.raises((dicomwire.Aborted, dicomwire.Closed, ConnectionError)):
        peers[2].read_pdu()
    [p.close() for p in peers]


def test_peer_that_answers_is_released(sample_database):
    server = Server(sample_database.uri)
    wire = Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT])])
    server.process.send_signal(signal.SIGTERM)
    kind, _ = wire.read_pdu()
    assert kind == 0x05
    wire.send(dicomwire.pdu(0x06, bytes(4)))
    wire.expect_closed()
    wire.close()
    assert server.stop() == 0


def test_running_move_and_get_finish_within_the_grace(sample_database, uids):
    server = Server(sample_database.uri)
    scp = WireScp(hang="store")
    sample_database.query("insert into dpp.application_entities (ae_title, host, port)"
                          " values ('LASTONE', '127.0.0.1', %s)", (scp.port,))
    try:
        idle = silent_peers(server.port)
        mover = Wire(server.port, timeout=30).associate([(1, MOVE, [EXPLICIT])], calling="MOVER")
        octets = encode(keys(SOPInstanceUID=uids), EXPLICIT)
        command = mover.request(dicomwire.C_MOVE, MOVE, octets)
        command[0x0600] = "LASTONE"
        mover.send_message(1, command, octets)
        dicomwire.wait_for(lambda: scp.commands)
        getter = Wire(server.port, timeout=30).associate([(1, GET, [EXPLICIT]), (3, CT_PROTOCOL, [EXPLICIT])],
                                                         roles=[(CT_PROTOCOL, 0, 1)])
        stops = []

        def on_store(message):
            if not stops:
                stops.append(server.process.send_signal(signal.SIGTERM))
                server.wait_log("event=serve.draining")
                time.sleep(2)  # the idle ones are long gone
                assert server.process.poll() is None
            return 0
        received, _, final = getter.get(1, uids, on_store=on_store)
        assert final.status == 0 and len(received) == len(uids)
        scp.go_on()
        while (message := mover.read_message()).status == 0xFF00:
            pass
        assert message.status == 0 and message.command[0x1021] == len(uids)
        [p.close() for p in idle + [mover, getter]]
        assert server.stop() == 0
        assert "serve.grace_over" not in server.log
    finally:
        scp.close()
        server.stop()
        sample_database.query("delete from dpp.application_entities where ae_title = 'LASTONE'")
