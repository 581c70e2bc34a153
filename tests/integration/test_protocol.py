# SPDX-License-Identifier: Apache-2.0
"""What a peer that breaks PS3.7 or PS3.8 gets: the abort or status named there, one log line with the reason, and a
server that goes on. Negotiation is in test_negotiation.py."""
import os
import random
import socket
import struct
import time

import pytest

import dicomwire
from dicomwire import (EXPLICIT, FIND, IMPLICIT, VERIFICATION, Aborted, Closed, Wire, associate_rq, command_bytes,
                       encode, pdu, pdv)
from protocols import keys


@pytest.fixture(autouse=True)
def still_serving(server):
    yield
    wire = Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT])])
    assert wire.echo() == 0
    wire.release()
    assert server.process.poll() is None


def verifying(server):
    return Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT])])


# ---- broken PDUs -----------------------------------------------------------------------------------
def test_requests_out_of_state_are_aborted(server):
    for octets in (pdu(0x04, pdv(1, True, True, b"")), pdu(0x05, bytes(4)), pdu(0x06, bytes(4)),
                   pdu(0x02, bytes(80)), pdu(0x03, bytes(4))):
        wire = Wire(server.port)
        wire.send(octets)
        with pytest.raises((Aborted, Closed)):
            wire.read_pdu()


def test_second_associate_request_is_aborted(server):
    wire = verifying(server)
    wire.send(associate_rq([(1, VERIFICATION, [IMPLICIT])]))
    with pytest.raises(Aborted) as caught:
        wire.read_pdu()
    assert caught.value.source == 2
    wire.expect_closed()


def test_unknown_pdu_type_is_aborted(server):
    wire = verifying(server)
    wire.send(pdu(0x42, b"abcd"))
    with pytest.raises(Aborted) as caught:
        wire.read_pdu()
    assert (caught.value.source, caught.value.reason) == (2, 1)


def test_oversized_pdus_are_refused_before_they_are_read(server):
    wire = Wire(server.port)
    wire.send(struct.pack(">BBI", 1, 0, 0xFFFFFFF0) + bytes(100))
    with pytest.raises((Aborted, Closed)):
        wire.read_pdu()
    wire = verifying(server)
    wire.send(struct.pack(">BBI", 4, 0, 0x7FFFFFFF))
    with pytest.raises(Aborted):
        wire.read_pdu()


@pytest.mark.parametrize("body", [
    struct.pack(">IBB", 1, 1, 3),                      # PDV length too small for its header
    struct.pack(">IBB", 100, 1, 3) + b"x",             # longer than the PDU
    b"\0\0\0",                                         # no room for a length
    struct.pack(">IBB", 2 + 4, 99, 3) + b"abcd",       # a context never negotiated
    pdv(1, False, True, b"abcd"),                      # data without a command
    pdv(1, True, True, b"\x00\x00\x00\x00\xff\xff\xff\xff"),  # command element length
])
def test_malformed_pdata_is_aborted(server, body):
    wire = verifying(server)
    wire.send(pdu(0x04, body))
    with pytest.raises((Aborted, Closed)):
        wire.read_pdu()


def test_random_octets_never_stop_the_server(server):
    seed = int(os.environ.get("DPPR_TEST_SEED", "20261123"))
    rng = random.Random(seed)
    good = associate_rq([(1, VERIFICATION, [IMPLICIT]), (3, FIND, [EXPLICIT])])
    find = Wire.__new__(Wire)
    find.peer_max, find.message_id = 16384, 0
    message = find.message_octets(3, find.request(dicomwire.C_FIND, FIND, b"x"),
                                  encode(keys(ProtocolName="A*"), EXPLICIT))
    for n in range(150):
        octets = bytearray(good + message if n % 2 else good)
        for _ in range(rng.randint(1, 6)):
            octets[rng.randrange(len(octets))] = rng.randrange(256)
        if n % 3 == 0:
            octets = octets[:rng.randrange(len(octets))]
        wire = Wire(server.port)
        try:
            wire.send(bytes(octets))
            wire.sock.shutdown(socket.SHUT_WR)
            while wire.sock.recv(65536):
                pass
        except OSError:
            pass
        wire.close()


# ---- broken messages -------------------------------------------------------------------------------
def test_unknown_command_field_gives_0211(server):
    """What is asked of the services that there are: test_statuses.py."""
    wire = verifying(server)
    wire.send_message(1, wire.request(0x0150, VERIFICATION))
    answer = wire.read_message()
    assert answer.status == 0x0211 and answer.command[0x0902] == "command 0x0150 is not known"
    server.wait_log('event=request.refused .*status=0x0211 .*command=N-DELETE-RQ')
    assert wire.echo() == 0
    wire.release()


def test_command_and_data_in_many_small_fragments(sample_server):
    wire = Wire(sample_server.port).associate([(1, FIND, [IMPLICIT])])
    octets = encode(keys(ProtocolName="", SOPInstanceUID=""), IMPLICIT)
    command = command_bytes(wire.request(dicomwire.C_FIND, FIND, octets))
    for raw, is_command in ((command, True), (octets, False)):
        for at in range(0, len(raw), 2):
            wire.send(pdu(4, pdv(1, is_command, at + 2 >= len(raw), raw[at:at + 2])))
    while (status := wire.read_message().status) == 0xFF00:
        pass
    assert status == 0
    wire.release()


def test_command_and_data_in_one_pdu(sample_server):
    wire = Wire(sample_server.port).associate([(1, FIND, [IMPLICIT])])
    octets = encode(keys(ProtocolName="", SOPInstanceUID=""), IMPLICIT)
    command = command_bytes(wire.request(dicomwire.C_FIND, FIND, octets))
    wire.send(pdu(4, pdv(1, True, True, command) + pdv(1, False, True, octets)))
    while (status := wire.read_message().status) == 0xFF00:
        pass
    assert status == 0
    wire.release()


def test_octets_one_by_one(server):
    wire = Wire(server.port)
    for octet in associate_rq([(1, VERIFICATION, [IMPLICIT])]):
        wire.send(bytes([octet]))
    wire.read_associate_answer()
    for octet in wire.message_octets(1, wire.request(dicomwire.C_ECHO, VERIFICATION)):
        wire.send(bytes([octet]))
    assert wire.read_message().status == 0
    wire.release()


def test_release_while_a_query_runs_is_answered(sample_server):
    wire = Wire(sample_server.port).associate([(1, FIND, [IMPLICIT])])
    octets = encode(keys(ProtocolName="", SOPInstanceUID=""), IMPLICIT)
    wire.send(wire.message_octets(1, wire.request(dicomwire.C_FIND, FIND, octets), octets)
              + pdu(5, bytes(4)))
    while True:
        kind, _ = wire.read_pdu()
        if kind == 6:
            break
    wire.expect_closed()


def test_a_message_sent_in_pieces_does_not_wait_for_delayed_acknowledgements(server):
    """A peer with Nagle's algorithm on that writes header and body apart gets on at once: DCMTK's habit."""
    wire = verifying(server)
    wire.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
    octets = wire.message_octets(1, wire.request(dicomwire.C_ECHO, VERIFICATION))
    times = []
    for _ in range(60):
        began = time.monotonic()
        wire.send(octets[:12])
        wire.send(octets[12:])
        assert wire.read_message().status == 0
        times.append(time.monotonic() - began)
    # Once a connection is warm the delay is 40 ms and hits every one, whatever the machine's load.
    assert min(times[40:]) < 0.030, times
    wire.release()
