# SPDX-License-Identifier: Apache-2.0
"""A peer that is hostile or clumsy: mutated dialogs from a seed, answers nobody asked for, peers that vanish, drip or
stall, floods, bombs, and move destinations that misbehave. The server has to go on, to give everything back
(descriptors, statements) and to end with nothing left behind (LeakSanitizer, where the binary has it).

DPPR_TEST_SEED gives another sequence, DPPR_TEST_CASES more of them."""
import os
import random
import signal
import socket
import struct
import threading
import time
import zlib

import pytest

import dicomwire
from conftest import Server
from dicomwire import (C_ECHO, C_FIND, C_GET, C_MOVE, C_STORE, CT_PROTOCOL, DEFLATED, EXPLICIT, FIND, GET, IMPLICIT,
                       MOVE, NO_DATASET, VERIFICATION, PATIENCE_S, Aborted, Closed, Rejected, Wire, associate_rq,
                       command_bytes, encode, item, pdu, pdv, uid_item, unless_too_slow, wait_for)
from protocols import keys, new_uid, protocol
from watch import connections

SEED = int(os.environ.get("DPPR_TEST_SEED", "20261123"))
CASES = int(os.environ.get("DPPR_TEST_CASES", "250"))
CONTEXTS = [(1, VERIFICATION, [IMPLICIT]), (3, FIND, [EXPLICIT]), (5, CT_PROTOCOL, [EXPLICIT]),
            (7, GET, [EXPLICIT]), (9, MOVE, [EXPLICIT]), (11, FIND, [DEFLATED]), (13, CT_PROTOCOL, [DEFLATED])]
ROLES = [(CT_PROTOCOL, 1, 1)]
STORE_RSP = C_STORE | dicomwire.RESPONSE


DEADLINE_S = 1  # of everything, so that waiting for it is cheap


@pytest.fixture(scope="module")
def server(database):
    deadlines = {name: f"{DEADLINE_S}s" for name in ("artim_timeout", "message_timeout", "write_timeout", "suboperation_timeout",
                                                     "negotiation_timeout", "connect_timeout")}
    server = Server(database.uri, max_associations=150, **deadlines)
    yield server
    code = server.stop()
    assert code == 0, f"the server ended with {code}:\n{server.log[-8000:]}"
    assert "Sanitizer" not in server.log and "assoc.bug" not in server.log, server.log[-8000:]


@pytest.fixture(scope="module")
def stored(server):
    wire = opened(server)
    uids = []
    for n in range(20):
        ds = protocol(ProtocolDesignRationale="text " * 50 * n)
        assert wire.store(5, encode(ds, EXPLICIT), CT_PROTOCOL, ds.SOPInstanceUID).status == 0
        uids.append(ds.SOPInstanceUID)
    wire.release()
    return uids


def opened(server, **options):
    return unless_too_slow(DEADLINE_S, lambda: Wire(server.port).associate(CONTEXTS, roles=ROLES, calling="HOSTILE", **options))


def is_alone(server):
    """Everybody's leave has been taken; until then limits count them."""
    return connections(server.port) == 0


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def reset(sock):
    """Close so that the peer sees a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def busy_statements(database):
    return database.query("select count(*) from pg_stat_activity where datname = current_database()"
                          " and state <> 'idle' and pid <> pg_backend_pid()")[0][0]


@pytest.fixture(autouse=True)
def still_whole(server, database):
    before = descriptors(server)
    yield
    assert server.process.poll() is None, server.log[-8000:]
    wait_for(lambda: is_alone(server))
    wire = opened(server)
    assert wire.echo() == 0
    assert wire.find(3, keys(SOPInstanceUID=new_uid()))[1].status == 0
    wire.release()
    # what was opened is closed again, except for database connections, which are kept
    wait_for(lambda: is_alone(server) and descriptors(server) <= before + 24)
    wait_for(lambda: busy_statements(database) == 0)


# ---- mutated dialogs ---------------------------------------------------------------------------------
EDGES = [0, 1, 2, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFF]
NASTY = [b"'; drop table dpp.objects; --", b"%", b"\\", b"*?" * 40, b"\x1b$B\x33", b"\x1b", b"a\0b", b"\xff\xfe", b"\xed\xa0\x80",
         b"20240101-", b"-", b"01.002", b"1." + b"9" * 64, b" 1.2.3 ", b"x" * 70]


def mutate(rng, octets):
    octets = bytearray(octets)
    for _ in range(rng.choice([1, 1, 2, 4])):
        at = rng.randrange(len(octets) + 1)
        kind = rng.randrange(8)
        if kind == 0:
            octets[at:at + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            del octets[at:at + rng.choice([1, 2, 4, 50])]
        elif kind == 2:
            octets[at:at] = rng.randbytes(rng.choice([1, 2, 4, 50]))
        elif kind == 3:
            octets[at:at] = octets[at:at + rng.choice([2, 8, 200])] * rng.choice([1, 20])
        elif kind == 4:
            octets[at:at + 2] = struct.pack(rng.choice("<>") + "H", rng.choice(EDGES) & 0xFFFF)
        elif kind == 5:
            octets[at:at + 4] = struct.pack(rng.choice("<>") + "I", rng.choice(EDGES))
        elif kind == 6:
            octets[at:at] = rng.choice(NASTY)
        else:
            del octets[at:]
    return bytes(octets)


def deflate(octets):
    z = zlib.compressobj(wbits=-15)
    return z.compress(octets) + z.flush()


def mutated_message(rng, uids, number):
    """Of any service; each of its parts is mutated now and then."""
    context, abstract, (syntax,) = rng.choice(CONTEXTS)
    field = {VERIFICATION: C_ECHO, FIND: C_FIND, GET: C_GET, MOVE: C_MOVE, CT_PROTOCOL: C_STORE}[abstract]
    command = {0x0002: abstract, 0x0100: field, 0x0110: number, 0x0700: 0, 0x0800: 1}
    if field == C_ECHO:
        data, command[0x0800] = None, NO_DATASET
    elif field == C_STORE:
        ds = protocol()
        data, command[0x1000] = encode(ds, EXPLICIT), ds.SOPInstanceUID
    elif field == C_FIND:
        data = encode(keys(SOPInstanceUID="", ProtocolName=rng.choice(["", "*", "A*"]), SpecificCharacterSet=rng.choice(
            ["ISO_IR 100", "ISO_IR 192", "\\ISO 2022 IR 87", "GB18030", "BOGUS"]), InstanceCreationDate="20200101-",
            ModelSpecificationSequence=[keys(Manufacturer="x")]), EXPLICIT)
    else:
        data = encode(keys(SOPInstanceUID=rng.sample(uids, 3)), EXPLICIT)
        if field == C_MOVE:
            command[0x0600] = rng.choice(["NOWHERE", "' or '1'='1", "x" * 17])
    if rng.random() < 0.2:
        command[0x0100] = rng.choice([0x0150, 0x8001, 0x8020, 0x0FFF, 0])
        command[0x0120], command[0x0900] = rng.choice([number, 1, 999]), rng.choice([0, 0xA700, 0xFF00])
    if rng.random() < 0.2:
        command[0x0800] = NO_DATASET if command[0x0800] == 1 else 1
    if rng.random() < 0.1:
        command.pop(rng.choice(list(set(command) - {0x0800})))
    raw = command_bytes(command)
    if rng.random() < 0.3:
        raw = mutate(rng, raw)
    out = pdv(context, True, True, raw)
    if data is not None and rng.random() < 0.95:
        if rng.random() < 0.6:
            data = mutate(rng, data)
        if syntax == DEFLATED:
            data = deflate(data)
            if rng.random() < 0.3:
                data = mutate(rng, data)
        out += pdv(context, False, True, data)
    return pdu(4, out)


def dialog(rng, uids):
    """(request, [further octets])"""
    request = associate_rq(CONTEXTS, calling="HOSTILE", roles=ROLES, max_length=rng.choice([0, 64, 16384]))
    if rng.random() < 0.25:
        request = mutate(rng, request)
    rest = [mutated_message(rng, uids, n + 1) for n in range(rng.choice([1, 1, 3, 8]))]
    if rng.random() < 0.3:
        at = rng.randrange(len(rest))
        rest[at] = mutate(rng, rest[at])
    if rng.random() < 0.2:
        rest.insert(rng.randrange(len(rest) + 1), rng.choice(
            [pdu(5, bytes(4)), pdu(6, bytes(4)), pdu(7, bytes(4)), pdu(2, bytes(80)), pdu(0x99, b"?"), request]))
    return request, rest


def speak(rng, server, request, rest):
    wire = Wire(server.port)
    try:
        if rng.random() < 0.5:
            wire.send(request + b"".join(rest))
        else:
            wire.send(request)
            for octets in rest:
                wire.send(octets)
                time.sleep(rng.choice([0, 0, 0.002]))
        if rng.random() < 0.2:
            reset(wire.sock)
            return
        if rng.random() < 0.2:
            return
        wire.sock.shutdown(socket.SHUT_WR)
        while wire.sock.recv(65536):  # a time-out here is a server that hangs
            pass
    except (ConnectionResetError, BrokenPipeError, OSError) as e:
        assert not isinstance(e, TimeoutError), "the server does not close"
    finally:
        wire.close()


def test_mutated_dialogs(server, stored):
    for n in range(CASES):
        rng = random.Random(SEED + n)
        speak(rng, server, *dialog(rng, stored))
        assert server.process.poll() is None, f"case {n} of seed {SEED}:\n{server.log[-8000:]}"


# ---- the moment of admission -------------------------------------------------------------------------
@pytest.mark.parametrize("early", [pdu(4, pdv(1, True, True, b"")), pdu(5, bytes(4)), pdu(7, bytes(4)), pdu(0x42, b"?"),
                                   pdu(1, bytes(68)), b""], ids=["data", "release", "abort", "unknown", "second", "nothing"])
def test_breaking_off_while_the_title_is_looked_up(server, early):
    """The request belongs to the look-up until that is over."""
    for end in (reset, socket.socket.close, lambda s: s.shutdown(socket.SHUT_WR)):
        socks = [socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) for _ in range(10)]
        for sock in socks:
            sock.sendall(associate_rq(CONTEXTS, calling="HOSTILE") + early)
            end(sock)
        [s.close() for s in socks]


def test_peer_that_reset_before_it_was_seen_is_no_error_of_ours(server):
    server.process.send_signal(signal.SIGSTOP)  # so that it sees them after the reset
    for _ in range(50):
        sock = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)
        sock.sendall(associate_rq(CONTEXTS, calling="HOSTILE"))
        reset(sock)
    server.process.send_signal(signal.SIGCONT)
    opened(server).release()
    assert "cannot be asked" not in server.log


# ---- answers and requests out of place ---------------------------------------------------------------
def answer(message, **changes):
    command = {0x0002: message.command[0x0002], 0x0100: STORE_RSP, 0x0120: message.command[0x0110],
               0x0800: NO_DATASET, 0x0900: 0}
    command.update({int(k[1:], 16): v for k, v in changes.items()})
    return {k: v for k, v in command.items() if v is not None}


@pytest.mark.parametrize("wrong", [
    lambda w, m: w.send_message(m.context, answer(m, x0120=m.command[0x0110] ^ 0x55)),       # another Message ID
    lambda w, m: w.send_message(m.context, answer(m, x0900=None)),                            # no status
    lambda w, m: w.send_message(1, answer(m)),                                                # another context
    lambda w, m: w.send_message(m.context, answer(m, x0800=1, x0900=0xA700), b"\x08\0\x18\0UI\4\x001.2\0"),
    lambda w, m: [w.send_message(m.context, answer(m)) for _ in range(3)],                    # thrice
    lambda w, m: w.send_message(m.context, answer(m, x0100=0x8020)),                          # of another service
    lambda w, m: w.send_message(m.context, answer(m, x0900=0xFF00)),                          # pending
    lambda w, m: None,                                                                        # silence
], ids=["id", "status", "context", "data set", "thrice", "field", "pending", "silence"])
def test_wrong_answers_to_the_suboperations_of_a_get(server, stored, wrong):
    wire = opened(server)
    octets = encode(keys(SOPInstanceUID=stored), EXPLICIT)
    request = wire.request(C_GET, GET, octets)
    wire.send_message(7, request, octets)
    seen = 0
    while True:
        message = wire.read_message()
        if message.command[0x0100] == C_STORE:
            seen += 1
            wrong(wire, message) if seen == 3 else wire.answer_store(message)
        elif message.status != 0xFF00:
            break
    assert message.command[0x0120] == request[0x0110]
    counted = [message.command.get(0x1020 + n, 0) for n in range(4)]
    assert sum(counted) == len(stored) and counted[1] >= 2, counted
    assert wire.echo() == 0
    wire.release()


def test_answers_nobody_asked_for(server):
    wire = opened(server)
    for field in (STORE_RSP, 0x8010, 0x8020, 0x8021, 0x8030):
        for context, abstract, _ in CONTEXTS:
            wire.send_message(context, {0x0002: abstract, 0x0100: field, 0x0120: 1, 0x0800: NO_DATASET, 0x0900: 0})
    assert wire.echo() == 0
    wire.release()


def test_data_set_missing_or_too_much(server):
    wire = opened(server)
    for context, abstract, field in ((3, FIND, C_FIND), (7, GET, C_GET), (9, MOVE, C_MOVE), (5, CT_PROTOCOL, C_STORE)):
        more = {"x1000": new_uid()} if field == C_STORE else {}
        wire.send_message(context, wire.request(field, abstract, **more))
        assert wire.read_message().status == 0x0212
    wire.send_message(1, wire.request(C_ECHO, VERIFICATION, b"odd"), b"odd data set")
    assert wire.read_message().status == 0x0212
    wire.send_message(1, {0x0002: VERIFICATION, 0x0100: C_ECHO, 0x0800: NO_DATASET})
    with pytest.raises(Aborted):
        wire.read_message()


# ---- large and deep ----------------------------------------------------------------------------------
def element(group, number, vr, value, length=None):
    length = len(value) if length is None else length
    if vr == b"SQ":
        return struct.pack("<HH2sHI", group, number, vr, 0, length) + value
    return struct.pack("<HH2sH", group, number, vr, length) + value


def nested(depth):
    begin = element(0x0018, 0x990C, b"SQ", b"", 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    return begin * depth + struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0) * depth


@pytest.mark.parametrize("context, octets, status", [
    (3, nested(5000), 0xA700),
    (3, b"".join(element(9, 0x1000 + n, b"LO", b"") for n in range(10000)), 0xA700),
    (3, element(0x0008, 0x0018, b"UI", b"") * 3, 0xC310),
    (11, deflate(bytes(100_000_000)), 0xA700),
    (11, b"", 0xC310),
    (13, deflate(bytes(100_000_000)), 0xA700),
    (5, nested(5000), 0xA700),
], ids=["deep", "many", "repeated", "bomb", "empty", "stored bomb", "deep store"])
def test_identifiers_and_data_sets_beyond_every_limit(server, context, octets, status):
    wire = opened(server)
    if context in (5, 13):
        final = wire.store(context, octets, CT_PROTOCOL, new_uid())
    else:
        _, final = wire.find(context, octets)
    assert final.status == status, f"{final.status:04X} {final.command.get(0x0902)}"
    assert wire.echo() == 0
    wire.release()


def test_a_megabyte_of_uids(server):
    wire = Wire(server.port).associate([(1, FIND, [IMPLICIT]), (3, GET, [IMPLICIT])])
    value = b"\\".join(b"1.2.3.4.%d" % n for n in range(90000))
    octets = struct.pack("<HHI", 8, 0x18, len(value) + len(value) % 2) + value + b"\0" * (len(value) % 2)
    assert wire.find(1, octets)[1].status == 0xA700
    wire.send_message(3, wire.request(C_GET, GET, octets), octets)
    assert wire.read_message().status == 0xA701
    wire.release()


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_nasty_text_matches_nothing_and_harms_nothing(server, stored, text):
    wire = opened(server)
    for group, number, vr in ((0x0018, 0x1030, b"LO"), (0x0008, 0x0018, b"UI"), (0x0008, 0x0012, b"DA"),
                              (0x0070, 0x0084, b"PN"), (0x0008, 0x0005, b"CS")):
        value = text + b" " * (len(text) % 2)
        wire.send_find(3, element(group, number, vr, value))
        while (final := wire.read_message()).status in (0xFF00, 0xFF01):
            pass
        assert final.status == 0 or final.status >> 8 in (0xA7, 0xA9) or final.status >> 12 == 0xC, f"{final.status:04X}"
    assert len(wire.find(3, keys(SOPInstanceUID=stored[0]))[0]) == 1
    wire.release()


def test_requests_with_too_much_of_everything(server):
    wire = Wire(server.port)
    wire.associate([(2 * n + 1, FIND if n % 2 else f"1.2.{n}", [EXPLICIT] * 60) for n in range(128)],
                   roles=[(f"1.2.{n}", 1, 1) for n in range(500)])
    assert [wire.results[2 * n + 1] for n in range(128)] == [3, 0] * 64
    wire.release()
    for kind in range(7):
        for secret in (b"", b"s" * 60000):
            identity = bytes([kind, 1]) + struct.pack(">H", len(secret)) + secret + b"\0\0"
            wire = Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT])], extra=item(0x58, identity))
            assert wire.echo() == 0
            wire.release()
    wire = Wire(server.port).associate([(1, FIND, [EXPLICIT])], extra=dicomwire.extended_item(FIND, bytes(60000)))
    wire.release()


# ---- slow, silent and many ---------------------------------------------------------------------------
def test_slow_requests_end_with_artim(server):
    """One octet now and then does not put ARTIM off (PS3.8 9.1.4)."""
    request = associate_rq(CONTEXTS)
    socks = [socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) for _ in range(80)]
    open_ = set(socks)
    begun = time.monotonic()
    for octet in request:
        for sock in list(open_):
            try:
                sock.send(bytes([octet]))
                sock.setblocking(False)
                if sock.recv(1) == b"":
                    open_.discard(sock)
            except BlockingIOError:
                pass
            except OSError:
                open_.discard(sock)
        if not open_ or time.monotonic() - begun > PATIENCE_S:
            break
        time.sleep(0.1)
    [s.close() for s in socks]
    assert not open_


@pytest.mark.parametrize("part", [b"\x04", struct.pack(">BBIH", 4, 0, 100, 0), pdu(4, pdv(1, True, False, bytes(8))),
                                  pdu(4, pdv(3, True, True, command_bytes(
                                      {2: FIND, 0x100: C_FIND, 0x110: 1, 0x700: 0, 0x800: 1})))],
                         ids=["header", "fragment header", "command", "data set"])
def test_stalled_messages_are_ended(server, part):
    wires = [opened(server) for _ in range(15)]
    [w.send(part) for w in wires]
    for wire in wires:
        with pytest.raises((Aborted, Closed, ConnectionResetError)):
            wire.read_pdu()
        wire.close()


def test_peers_that_never_read_are_ended(server, stored):
    before = descriptors(server)
    wires = []
    for _ in range(4):
        wire = opened(server)
        wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wires.append(wire)
    request = wires[0].request(C_ECHO, VERIFICATION)
    wire_octets = wires[0].message_octets(1, request) * 100
    for wire in wires:
        try:
            for _ in range(2000):  # 16 MB, far more than both kernels hold
                wire.send(wire_octets)
        except OSError:
            pass
    wait_for(lambda: descriptors(server) <= before + 4)
    [w.close() for w in wires]


def test_thousands_of_connections(server):
    request = associate_rq(CONTEXTS)
    for n in range(2000):
        sock = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)
        if n % 3:
            sock.sendall(request[:n % len(request)])
        reset(sock) if n % 2 else sock.close()


def test_more_associations_than_allowed(server):
    wires, refused = [], 0
    for _ in range(190):
        try:
            wires.append(opened(server))
        except Rejected as e:
            assert (e.result, e.source, e.reason) == (2, 3, 2)
            refused += 1
    assert (len(wires), refused) == (150, 40)
    [w.abort() for w in wires]
    wait_for(lambda: is_alone(server))
    opened(server).release()


@pytest.mark.parametrize("end", [Wire.abort, lambda w: reset(w.sock), Wire.close], ids=["abort", "reset", "close"])
def test_peers_that_vanish_at_every_point(server, stored, end):
    octets = encode(keys(SOPInstanceUID=stored), EXPLICIT)
    ds = protocol(ProtocolDesignRationale="x" * 70000)
    for context, abstract, field, data in ((3, FIND, C_FIND, encode(keys(SOPInstanceUID="", ProtocolName=""), EXPLICIT)),
                                           (7, GET, C_GET, octets), (5, CT_PROTOCOL, C_STORE, encode(ds, EXPLICIT))):
        for point in range(6):
            wire = opened(server)
            command = wire.request(field, abstract, data)
            if field == C_STORE:
                command[0x1000] = ds.SOPInstanceUID
            message = wire.message_octets(context, command, data)
            wire.send(message[:len(message) * (point + 1) // 4])
            for _ in range(point - 3 if field != C_STORE else 0):
                wire.read_message()
            end(wire)


# ---- destinations ------------------------------------------------------------------------------------
class Destination:
    """Does one wrong thing, named by how."""

    def __init__(self, how):
        self.how = how
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.over = threading.Event()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        sock.settimeout(20)
        wire = Wire.__new__(Wire)
        wire.sock, wire.pending, wire.peer_max, wire.timeout = sock, [], 16384, 20
        try:
            self.talk(wire)
        except (Closed, Aborted, OSError, AssertionError):
            pass
        sock.close()

    def talk(self, wire):
        how = self.how
        if how == "silent":
            self.over.wait(20)
            return
        _, body = wire.read_pdu()
        early = {"garbage": bytes(range(200)), "garbage ac": pdu(2, bytes(range(200))), "short ac": pdu(2, body[:68])[:40],
                 "huge ac": struct.pack(">BBI", 2, 0, 0x7FFFFFFF), "reject": pdu(3, bytes([0, 1, 1, 7])),
                 "odd reject": pdu(3, bytes([0, 99, 99, 99])), "abort": pdu(7, bytes(4)), "release": pdu(6, bytes(4))}
        if how in early:
            wire.send(early[how])
            return
        wire.send(pdu(2, self.accept(body)))
        if how == "asks":
            wire.send_message(1, {2: VERIFICATION, 0x100: C_ECHO, 0x110: 1, 0x800: NO_DATASET})
        number = 0
        while True:
            try:
                message = wire.read_message()
            except AssertionError:
                if how == "no release":
                    self.over.wait(20)
                elif how == "collision":
                    wire.send(pdu(5, bytes(4)))
                wire.send(pdu(6, bytes(4)))
                return
            number += 1
            if number == 3 and not self.misbehave(wire, message):
                return
            if number != 3:
                wire.answer_store(message)

    def misbehave(self, wire, message):
        how = self.how
        if how == "mute":
            self.over.wait(20)
        elif how == "wrong id":
            wire.send_message(message.context, answer(message, x0120=message.command[0x0110] ^ 0x55))
        elif how == "garbled":
            wire.send(pdu(4, pdv(message.context, True, True, bytes(range(40)))))
        elif how == "early release":
            wire.send(pdu(5, bytes(4)))
        elif how == "cut":
            wire.send(wire.message_octets(message.context, answer(message))[:30])
            return False
        elif how == "reset":
            reset(wire.sock)
            return False
        else:
            wire.answer_store(message)
        return True

    def accept(self, body):
        out, at = body[:68] + uid_item(0x10, dicomwire.APPLICATION_CONTEXT), 68
        while at < len(body):
            kind, _, length = struct.unpack_from(">BBH", body, at)
            value = body[at + 4:at + 4 + length]
            at += 4 + length
            if kind != 0x20:
                continue
            n = struct.unpack_from(">H", value, 6)[0]
            m = struct.unpack_from(">H", value, 10 + n)[0]
            number, syntax = value[0], value[8 + n:12 + n + m]
            if self.how == "other contexts":
                number = (number + 100) & 0xFF | 1
            elif self.how == "other syntax":
                syntax = uid_item(0x40, "1.2.3.4")
            out += item(0x21, bytes([number, 0, 0, 0]) + syntax) * (150 if self.how == "many" else 1)
        limit = 7 if self.how == "tiny" else 16384
        return out + item(0x50, item(0x51, struct.pack(">I", limit)) + uid_item(0x52, "1.2.3"))

    def close(self):
        self.over.set()
        self.listener.close()


@pytest.mark.parametrize("how, statuses", [
    *[(how, {0xA702}) for how in (
        "silent", "garbage", "garbage ac", "short ac", "huge ac", "reject", "odd reject", "abort", "release",
        "other contexts", "other syntax", "many", "tiny")],
    *[(how, {0xB000}) for how in ("mute", "wrong id", "garbled", "early release", "cut", "reset")],
    ("asks", {0xA702, 0xB000}), ("no release", {0}), ("collision", {0}),
])
def test_move_to_a_destination_that_misbehaves(server, database, stored, how, statuses):
    destination = Destination(how)
    title = how.upper().replace(" ", "")
    database.query("insert into dpp.application_entities (ae_title, host, port) values (%s, '127.0.0.1', %s)",
                   (title, destination.port))
    wire = opened(server)
    pendings, final = wire.move(9, stored, title)
    assert final.status in statuses, f"{final.status:04X} {final.command.get(0x0902)}"
    counted = [final.command.get(0x1020 + n, 0) for n in range(4)]
    assert sum(counted) == len(stored), counted
    wire.release()
    destination.close()


# ---- the end -----------------------------------------------------------------------------------------
def test_stopping_among_unfinished_business(database, stored):
    server = Server(database.uri, shutdown_grace="2s", artim_timeout="1s")
    wires = [opened(server) for _ in range(30)]
    for n, wire in enumerate(wires):
        octets = encode(keys(SOPInstanceUID=stored), EXPLICIT)
        if n % 3 == 0:
            wire.send(b"\x04")
        elif n % 3 == 1:
            wire.send_message(7, wire.request(C_GET, GET, octets), octets)
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(10)]
    assert server.stop() == 0, server.log[-4000:]
    assert "Sanitizer" not in server.log, server.log[-8000:]
    [w.close() for w in wires]
    [s.close() for s in silent]
