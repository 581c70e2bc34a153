# SPDX-License-Identifier: Apache-2.0
"""Every limit of docs/operations.md, one after the other: small settings, one step too far, and then: what the peer gets, the
line in the log, its own counter and no other, and a server that serves as before."""
import pathlib
import resource
import socket
import struct
import time
import zlib

import pytest

import dicomwire
from conftest import Server
from dicomwire import (C_ECHO, CT_PROTOCOL, DEFLATED, EXPLICIT, FIND, GET, IMPLICIT, MOVE, VERIFICATION, PATIENCE_S,
                       Aborted, Rejected, Wire, associate_rq, command_bytes, encode, pdu, pdv, wait_for)
from metrics import metrics
from protocols import code, keys, new_uid, protocol
from strikes import final_of, send_get, still_serves, strikes, struck, untested, waiting_statements
from watch import locked
from wirescp import WireScp

CONTEXTS = [(1, VERIFICATION, [IMPLICIT]), (3, FIND, [EXPLICIT]), (5, CT_PROTOCOL, [EXPLICIT]), (7, GET, [EXPLICIT]),
            (9, MOVE, [EXPLICIT]), (11, FIND, [DEFLATED])]
NARROW = dict(max_contexts=8, max_associate="4KiB", max_pdu="4KiB", max_command="1KiB", max_dataset="16KiB", max_depth=4,
              max_elements=200, max_operations=2, max_operations_per_ae=3, max_identifier="2KiB", max_query_keys=16,
              max_query_uids=10, max_retrieve_uids=6, max_suboperations=4, max_matches=3, max_associations_per_ae=40,
              workers=1, log_repeat=0)


@pytest.fixture(scope="module")
def stored(database):
    """Five protocols."""
    server = Server(database.uri)
    wire = Wire(server.port).associate(CONTEXTS)
    uids = []
    for _ in range(5):
        ds = protocol()
        assert wire.store(5, encode(ds, EXPLICIT), CT_PROTOCOL, ds.SOPInstanceUID).status == 0
        uids.append(ds.SOPInstanceUID)
    wire.release()
    assert server.stop() == 0
    return uids


@pytest.fixture(scope="module")
def narrow(database, stored):
    server = Server(database.uri, **NARROW)
    yield server
    assert server.stop() == 0, server.log[-6000:]
    assert "Sanitizer" not in server.log, server.log[-8000:]


@pytest.fixture
def serve(database, stored):
    """serve(setting=value ...): a server for this test alone."""
    servers = []

    def start(**settings):
        servers.append(Server(database.uri, log_repeat=0, **settings))
        return servers[-1]
    yield start
    for server in servers:
        assert server.stop() == 0, server.log[-6000:]
        assert "Sanitizer" not in server.log, server.log[-8000:]


@pytest.fixture
def peers(database):
    def add(title, **columns):
        columns["ae_title"] = title
        database.query(f"insert into dpp.application_entities ({', '.join(columns)})"
                       f" values ({', '.join(['%s'] * len(columns))})", tuple(columns.values()))
    yield add
    database.query("delete from dpp.application_entities")


def opened(server, contexts=CONTEXTS, **options):
    return Wire(server.port).associate(contexts, **{"calling": "LIMITED", **options})


def refused(message, status, name):
    """A status, and a comment that begins with the limit."""
    assert message.status == status, f"{message.status:04X} {message.command.get(0x0902)}"
    assert message.command[0x0902].startswith(f"{name}: "), message.command[0x0902]
    assert len(message.command[0x0902]) <= 64


# ---- what a single message or PDU may be -------------------------------------------------------------
def element(group, number, vr, value):
    return struct.pack("<HH2sH", group, number, vr, len(value)) + value


def nested(depth):
    begin = struct.pack("<HH2sHI", 0x0018, 0x990C, b"SQ", 0, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    return begin * depth + struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0) * depth


def uids_of(count):
    return "\\".join(f"1.2.{n}" for n in range(count))


def rejected(result, source, reason):
    def check(server, stored, name, options):
        with pytest.raises(Rejected) as caught:
            Wire(server.port).associate(**options)
        assert (caught.value.result, caught.value.source, caught.value.reason) == (result, source, reason)
    return check


def aborted(source, reason, established=True):
    def check(server, stored, name, octets):
        wire = opened(server) if established else Wire(server.port)
        wire.send(octets)
        with pytest.raises(Aborted) as caught:
            wire.read_pdu()
        assert (caught.value.source, caught.value.reason) == (source, reason)
        wire.close()
    return check


def find_refused(server, stored, name, identifier, context=3):
    wire = opened(server)
    matches, final = wire.find(context, identifier)
    refused(final, 0xA700, name)
    assert wire.echo() == 0, "the association goes on"
    wire.release()
    return matches


def store_refused(server, stored, name, dataset):
    wire = opened(server)
    refused(wire.store(5, encode(dataset, EXPLICIT), CT_PROTOCOL, dataset.SOPInstanceUID), 0xA700, name)
    assert wire.echo() == 0
    wire.release()


def get_refused(status):
    def check(server, stored, name, uids):
        wire = opened(server)
        send_get(wire, 7, uids(stored) if callable(uids) else uids)
        refused(final_of(wire), status, name)
        assert wire.echo() == 0
        wire.release()
    return check


def move_refused(server, stored, name, uids):
    wire = opened(server)
    wire.send_move(9, uids(stored), "ANYBODY")
    refused(final_of(wire), 0xC513, name)
    wire.release()


def deflated(octets):
    z = zlib.compressobj(wbits=-15)
    octets = z.compress(octets) + z.flush()
    return octets + b"\0" * (len(octets) % 2)


LONG_NAME = keys(ProtocolName="A" * 3000)
MESSAGES = [
    ("max-contexts", rejected(1, 3, 2), dict(contexts=[(2 * n + 1, VERIFICATION, [IMPLICIT]) for n in range(9)])),
    ("max-associate", aborted(0, 0, established=False), struct.pack(">BBI", 1, 0, 4097)),
    ("max-pdu", aborted(2, 6), struct.pack(">BBI", 4, 0, 4097)),
    ("max-command", aborted(2, 6), pdu(4, pdv(1, True, True, command_bytes(
        {2: VERIFICATION, 0x100: 0x30, 0x110: 1, 0x800: 0x101, 0x902: "x" * 1024})))),
    ("max-dataset", store_refused, protocol(ProtocolDesignRationale="x" * 17000)),
    ("max-depth", find_refused, nested(5)),
    ("max-elements", store_refused, protocol(PotentialScheduledProtocolCodeSequence=[code(f"C{n}", "99X") for n in range(70)])),
    ("max-identifier", find_refused, LONG_NAME),
    ("max-identifier", lambda *a: find_refused(*a, context=11), deflated(encode(LONG_NAME, EXPLICIT))),
    ("max-identifier", get_refused(0xA701), ["1.2." + "9" * 55 + str(n) for n in range(50)]),
    ("max-query-keys", find_refused, b"".join(element(9, 0x1000 + n, b"LO", b"") for n in range(17))),
    ("query-values", find_refused, keys(ProtocolName=["A"] * 65)),
    ("max-query-uids", find_refused, keys(SOPInstanceUID=uids_of(11))),
    ("max-retrieve-uids", get_refused(0xA701), uids_of(7)),
    ("max-suboperations", get_refused(0xC413), lambda stored: stored),
    ("max-suboperations", move_refused, lambda stored: stored),
]


@pytest.mark.parametrize("name, check, what", MESSAGES, ids=[f"{n}-{m[0]}" for n, m in enumerate(MESSAGES)])
def test_message_beyond_a_limit(narrow, stored, peers, name, check, what):
    peers("ANYBODY", host="127.0.0.1", port=1)
    with strikes(narrow, "limit", name):
        check(narrow, stored, name, what)
    still_serves(narrow)


def test_matches(narrow, stored):
    with strikes(narrow, "limit", "max-matches"):
        matches = find_refused(narrow, stored, "max-matches", keys(SOPInstanceUID="", ProtocolName="Protocol*"))
    assert len(matches) == 3
    wire = opened(narrow)
    assert len(wire.find(3, keys(SOPInstanceUID=stored[:3]))[0]) == 3, "so many are no more than allowed"
    wire.release()
    still_serves(narrow)


def test_memory(serve):
    """UIDs so short and many that what is made of them outgrows the octets many times."""
    server = serve(max_query_uids=16000000)
    value = b"1.2\\" * 3500000
    wire = Wire(server.port).associate([(1, FIND, [IMPLICIT])])
    with strikes(server, "limit", "memory"):
        wire.send_find(1, struct.pack("<HHI", 8, 0x18, len(value)) + value)
        refused(wire.read_message(), 0xA700, "memory")
    wire.release()
    still_serves(server)


# ---- how many at once -----------------------------------------------------------------------------------
def test_connections(serve):
    server = serve(max_connections=3)
    silent = [socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) for _ in range(3)]
    wait_for(lambda: metrics(server)["dppr_connections_accepted_total"] == 3)
    with strikes(server, "limit", "max-connections"):
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as sock:
            assert sock.recv(1) == b""
    assert metrics(server)["dppr_connections_refused_total"] == 1
    [s.close() for s in silent]
    still_serves(server)


def test_associations(serve):
    server = serve(max_associations=2)
    wires = [opened(server, calling=f"AE{n}") for n in range(2)]
    with strikes(server, "limit", "max-associations"):
        rejected(2, 3, 2)(server, None, None, dict(contexts=CONTEXTS, calling="AE2"))
    [w.release() for w in wires]
    still_serves(server)


def test_associations_of_one_title(serve, peers):
    server = serve(max_associations_per_ae=2)
    peers("WIDE", max_calling_associations=3)
    wires = [opened(server, calling="PLAIN") for _ in range(2)] + [opened(server, calling="WIDE") for _ in range(3)]
    for title in ("PLAIN", "WIDE"):
        with strikes(server, "limit", "max-associations-per-ae"):
            rejected(2, 3, 2)(server, None, None, dict(contexts=CONTEXTS, calling=title))
    wires.append(opened(server, calling="ANOTHER"))
    wires[0].send(pdu(0x05, bytes(4)))
    assert wires[0].read_pdu()[0] == 0x06
    wires.append(opened(server, calling="PLAIN"))  # though the first has not closed its connection yet
    wires.pop(0).close()
    [w.release() for w in wires]
    still_serves(server)


def test_rejected_peers_take_no_place(serve, peers):
    """Not even when they leave the connection open."""
    server = serve(max_associations=1, unknown_ae="refuse")
    peers("KNOWN", may_find=True)
    strangers = [Wire(server.port) for _ in range(2)]
    for wire in strangers:
        with pytest.raises(Rejected) as caught:
            wire.associate([(3, FIND, [EXPLICIT])], calling="STRANGER")
        assert caught.value.result == 1
    opened(server, calling="KNOWN").release()
    [w.close() for w in strangers]


def test_operations_of_one_association(narrow, database, stored):
    wire = opened(narrow)
    with locked(database, "dpp.objects"), strikes(narrow, "limit", "max-operations"):
        for _ in range(2):
            wire.send_find(3, keys(SOPInstanceUID=stored[0]))
        send_get(wire, 7, stored[:1])
        refused(wire.read_message(), 0xA701, "max-operations")
    assert [final_of(wire).status for _ in range(2)] == [0, 0]
    wire.release()
    still_serves(narrow)


def test_operations_of_one_title(narrow, database, stored, peers):
    """Whether they run or wait, and on whichever of its associations; others of the title, and other titles, are served."""
    peers("STRICT", max_operations=1)
    hold = [opened(narrow) for _ in range(2)]
    other, strict = opened(narrow, calling="OTHER"), opened(narrow, calling="STRICT")
    with locked(database, "dpp.objects"):
        with strikes(narrow, "limit", "max-operations-per-ae"):
            for wire in (hold[0], hold[0], hold[1]):
                wire.send_find(3, keys(SOPInstanceUID=stored[0]))
            hold[1].send_find(3, keys(SOPInstanceUID=stored[0]))
            refused(hold[1].read_message(), 0xA700, "max-operations-per-ae")
        other.send_find(3, keys(SOPInstanceUID=stored[0]))
        strict.send_find(3, keys(SOPInstanceUID=stored[0]))
        with strikes(narrow, "limit", "max-operations-per-ae"):
            send_get(strict, 7, stored[:1])
            refused(strict.read_message(), 0xA701, "max-operations-per-ae")
        assert hold[0].echo() == 0, "verification needs no place"
    for wire in (hold[0], hold[0], hold[1], other, strict):
        assert final_of(wire).status == 0
    assert hold[1].find(3, keys(SOPInstanceUID=stored[0]))[1].status == 0, "places are given back"
    [w.release() for w in (*hold, other, strict)]
    still_serves(narrow)


def test_operations_waiting_for_the_database(serve, database, stored):
    server = serve(workers=1, database_connections=1, database_max_waiting=1)
    wire = opened(server)
    with locked(database, "dpp.objects"):
        wire.send_find(3, keys(SOPInstanceUID=stored[0]))
        wait_for(lambda: waiting_statements(database) == 1)
        wire.send_find(3, keys(SOPInstanceUID=stored[0]))
        with strikes(server, "limit", "database-max-waiting"):
            send_get(wire, 7, stored[:1])
            refused(wire.read_message(), 0xA701, "database-max-waiting")
    assert [final_of(wire).status for _ in range(2)] == [0, 0]
    wire.release()
    still_serves(server)


def test_associations_waiting_for_the_database(serve, database, peers):
    server = serve(workers=1, database_connections=1, database_max_waiting=1, unknown_ae="refuse", echo_for_all="yes")
    peers("KNOWN")
    wires = [Wire(server.port) for _ in range(2)]
    with locked(database, "dpp.application_entities"):
        for n, wire in enumerate(wires):
            wire.send(associate_rq(CONTEXTS, calling="KNOWN"))
            wait_for(lambda: metrics(server)["dppr_database_waiting"] == n and waiting_statements(database) == 1)
        with strikes(server, "limit", "database-max-waiting"):
            rejected(2, 3, 1)(server, None, None, dict(contexts=CONTEXTS, calling="KNOWN"))
    for wire in wires:
        assert wire.read_associate_answer().echo() == 0
        wire.release()
    opened(server, calling="KNOWN").release()


def test_a_flood_of_echoes_leaves_the_queue_to_others(serve, database, peers):
    """A peer whose rights are to be read again asks for them a few times, not once an echo."""
    peers("FLOOD")
    server = serve(workers=1, max_operations=4, database_max_waiting=20)
    wire = Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT])], calling="FLOOD")
    time.sleep(0.1)  # what was read when it came is not fresh any more
    with locked(database, "dpp.application_entities"):
        wire.send(b"".join(wire.message_octets(1, wire.request(C_ECHO, VERIFICATION)) for _ in range(200)))
        assert [wire.read_message().status for _ in range(196)] == [0] * 196
    assert [wire.read_message().status for _ in range(4)] == [0] * 4
    assert struck(server) == {}
    wire.release()


def test_moves_waiting_for_a_destination(serve, peers, stored):
    server = serve(destination_max_waiting=1)
    scp = WireScp(hang="associate")
    peers("BUSY", host="127.0.0.1", port=scp.port)
    wires = [opened(server) for _ in range(3)]
    for wire in wires[:2]:
        wire.send_move(9, stored, "BUSY")
        assert wire.read_message().status == 0xFF00
    wait_for(lambda: scp.associations == 1)
    with strikes(server, "limit", "destination-max-waiting"):
        wires[2].send_move(9, stored, "BUSY")
        refused(final_of(wires[2]), 0xA702, "destination-max-waiting")
    scp.go_on()
    assert [final_of(w).status for w in wires[:2]] == [0, 0]
    [w.release() for w in wires]
    scp.close()
    still_serves(server)


def test_large_data_sets_waiting(serve):
    """Two threads take them apart, which lasts many times longer than to receive them."""
    server = serve(workers=2, inline_ingest=0, max_waiting_jobs=1, max_operations=100)
    ds = protocol(PotentialScheduledProtocolCodeSequence=[code(f"C{n}", "99X") for n in range(2000)])
    octets = encode(ds, EXPLICIT)
    wires, count, refusals = [opened(server) for _ in range(2)], 20, []
    with strikes(server, "limit", "max-waiting-jobs", lambda n: n == len(refusals) > 0):
        for wire in wires:
            commands = [wire.request(dicomwire.C_STORE, CT_PROTOCOL, octets, x1000=ds.SOPInstanceUID) for _ in range(count)]
            wire.send(b"".join(wire.message_octets(5, c, octets) for c in commands))
        for wire in wires:
            for answer in [wire.read_message() for _ in range(count)]:
                if answer.status != 0:
                    refused(answer, 0xA700, "max-waiting-jobs")
                    refusals.append(answer)
    assert len(refusals) < 2 * count
    [w.release() for w in wires]
    still_serves(server)


def test_open_files(serve, database):
    """Accepting pauses and goes on; what is open is served all the while."""
    server = serve(workers=1)
    wire = opened(server)
    assert wire.find(3, keys(SOPInstanceUID=new_uid()))[1].status == 0
    pid = server.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    with strikes(server, "limit", "open-files", lambda n: n >= 1):
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, hard))
        late = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)
        server.wait_log("limit=open-files")
        assert wire.echo() == 0
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
    late.close()
    wire.release()
    still_serves(server)


def test_http_waits_for_descriptors_too(serve):
    server = serve(workers=1)
    pid = server.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, hard))
    with socket.create_connection(("127.0.0.1", server.http_port), timeout=PATIENCE_S) as late:
        server.wait_log("event=web.paused limit=open-files")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        late.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        assert b" 200 " in late.recv(100)
    assert server.http("/livez")[0] == 200


def test_http_connections(serve):
    """Those who ask are served; of the others the eldest go."""
    server = serve(workers=1)
    crowd = []
    with strikes(server, "limit", "http-connections", lambda n: n >= 44):
        for _ in range(300):
            crowd.append(socket.create_connection(("127.0.0.1", server.http_port), timeout=10))
        assert [stranger.recv(1) for stranger in crowd[:44]] == [b""] * 44
        assert server.http("/livez")[0] == 200
    for stranger in crowd:
        stranger.close()
    still_serves(server)


def test_audit_rows_waiting(serve, database):
    """Nobody is refused: the rows are dropped. What they leave when it is over is in test_audit.py."""
    server = serve(workers=1, audit_max_waiting=2)
    wire = opened(server)
    with strikes(server, "limit", "audit-max-waiting", 3), locked(database, "dpp.audit_events"):
        for _ in range(5):
            assert wire.find(3, keys(SOPInstanceUID=new_uid()))[1].status == 0
    wire.release()
    still_serves(server)


def test_every_limit_has_its_test(narrow):
    folder = pathlib.Path(__file__).parent
    assert untested(narrow, "limit", __file__, folder / "test_proxy.py", folder / "test_tls.py") == []
