# SPDX-License-Identifier: Apache-2.0
"""The end of a server: idle and silent peers do not hold it up, running operations finish."""
import datetime
import re
import signal
import socket
import time

import pytest

import dicomwire
from conftest import Server
from dicomwire import CT_PROTOCOL, EXPLICIT, GET, IMPLICIT, MOVE, VERIFICATION, Wire, encode
from loglines import logfmt
from protocols import keys, protocol
from wirescp import WireScp



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
    server = Server(sample_database.uri, shutdown_grace="1h")  # after half of which the server would hurry
    peers = silent_peers(server.port)
    assert server.stop() == 0
    assert "serve.drained" in server.log and "serve.grace_over" not in server.log
    # an association was asked to release before it was aborted
    kind, _ = peers[2].read_pdu()
    assert kind == 0x05
    with pytest.raises((dicomwire.Aborted, dicomwire.Closed, ConnectionError)):
        peers[2].read_pdu()
    [p.close() for p in peers]


def logged_at(line):
    return datetime.datetime.fromisoformat(logfmt(line)["time"].replace("Z", "+00:00"))


def is_refused(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return True
    return False


def test_balancer_has_time_to_notice(sample_database):
    """Not ready at once; new associations until drain-delay is over, then none."""
    server = Server(sample_database.uri, drain_delay="1h")
    dicomwire.wait_for(lambda: server.http("/readyz")[0] == 200)
    server.process.send_signal(signal.SIGTERM)
    server.wait_log("event=serve.draining signal=TERM delay_ms=3600000")
    assert server.http("/readyz") == (503, "draining: this server is stopping\n")
    with Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT])]) as late:
        assert late.echo() == 0
        late.release()
    assert "serve.closed" not in server.log
    assert server.stop() == 0  # the second signal
    assert "serve.closed" not in server.log


def test_nobody_new_after_the_delay(sample_database):
    server = Server(sample_database.uri, drain_delay="700ms")
    peer = Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT])])
    octets = peer.message_octets(1, peer.request(dicomwire.C_ECHO, VERIFICATION))
    peer.send(octets[:-1])  # so there is somebody to wait for
    server.process.send_signal(signal.SIGTERM)
    began, closed = (logged_at(server.wait_log(f"event=serve.{event}")) for event in ("draining", "closed"))
    assert (closed - began).total_seconds() >= 0.699
    assert is_refused(server.port)
    peer.send(octets[-1:])
    assert peer.read_message().status == 0
    peer.abort()
    assert server.stop() == 0


def test_interrupt_skips_the_delay(sample_database):
    server = Server(sample_database.uri, drain_delay="1h")
    assert server.stop(signal.SIGINT) == 0
    assert "event=serve.draining signal=INT delay_ms=0" in server.log


def test_second_signal_hurries(sample_database, uids):
    server = Server(sample_database.uri, drain_delay="1h", shutdown_grace="1h")
    getter = Wire(server.port).associate([(1, GET, [EXPLICIT]), (3, CT_PROTOCOL, [EXPLICIT])], roles=[(CT_PROTOCOL, 0, 1)])
    octets = encode(keys(SOPInstanceUID=uids), EXPLICIT)
    getter.send_message(1, getter.request(dicomwire.C_GET, GET, octets), octets)
    getter.read_message()
    server.process.send_signal(signal.SIGTERM)
    server.wait_log("event=serve.draining")
    assert server.stop() == 0
    assert "event=serve.hurried" in server.log and "event=get.stopped" in server.log
    with pytest.raises((dicomwire.Aborted, dicomwire.Closed, ConnectionError)):
        while True:
            getter.read_message()
    # rows that waited to be written are
    assert sample_database.query("select count(*) from dpp.audit_events where operation = 'get' and status is null"
                                 " and sop_instance_uid is null") == [(1,)]


def test_who_works_is_served_on(sample_database):
    """Operation after operation on one association, and a message that comes slowly; then a release in order."""
    server = Server(sample_database.uri)
    worker = Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT])])
    slow = Wire(server.port).associate([(1, CT_PROTOCOL, [EXPLICIT])])
    ds = protocol()
    octets = encode(ds, EXPLICIT)
    command = slow.request(dicomwire.C_STORE, CT_PROTOCOL, octets)
    command[0x1000] = ds.SOPInstanceUID
    message = slow.message_octets(1, command, octets)
    slow.send(message[:-100])
    server.process.send_signal(signal.SIGTERM)
    server.wait_log("event=serve.closed")
    begin = time.monotonic()
    while time.monotonic() < begin + 3:  # three times as long as a quiet association is left alone
        assert worker.echo() == 0
        time.sleep(0.05)
    slow.send(message[-100:])
    assert slow.read_message().status == 0
    for wire in (worker, slow):
        assert wire.read_pdu()[0] == 0x05
        wire.send(dicomwire.pdu(0x06, bytes(4)))
    assert server.stop() == 0
    assert "serve.grace_over" not in server.log
    assert re.search(r"event=serve.stopped .*released=2 aborted=0", server.log), server.log
    worker.close(), slow.close()


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
        mover = Wire(server.port).associate([(1, MOVE, [EXPLICIT])], calling="MOVER")
        octets = encode(keys(SOPInstanceUID=uids), EXPLICIT)
        command = mover.request(dicomwire.C_MOVE, MOVE, octets)
        command[0x0600] = "LASTONE"
        mover.send_message(1, command, octets)
        dicomwire.wait_for(lambda: scp.commands)
        getter = Wire(server.port).associate([(1, GET, [EXPLICIT]), (3, CT_PROTOCOL, [EXPLICIT])],
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
