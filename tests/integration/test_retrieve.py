# SPDX-License-Identifier: Apache-2.0
"""C-GET and C-MOVE: octets, originators, signs of life, independent peers. Outcomes: test_outcomes.py; transfer syntaxes:
test_conversions.py; refusals: test_statuses.py."""
import time

import pydicom
import pytest
from pydicom.dataset import Dataset

import dicomwire
from conftest import Server, StoreScp
from dicomwire import (C_STORE, CT_PROTOCOL, EXPLICIT, GET, IMPLICIT, MOVE,
                       XA_PROTOCOL, Wire, decode, encode, wait_for)
from protocols import keys, protocol
from wirescp import WireScp


@pytest.fixture(scope="module")
def stored(server):
    """Ten CT and two XA protocols: {uid: (sop class, octets)}"""
    result = {}
    wire = Wire(server.port).associate([(1, CT_PROTOCOL, [EXPLICIT]), (3, XA_PROTOCOL, [EXPLICIT])])
    for n in range(12):
        sop_class = XA_PROTOCOL if n >= 10 else CT_PROTOCOL
        ds = protocol(SOPClassUID=sop_class, ProtocolDesignRationale="text " * 200 * n)
        octets = encode(ds, EXPLICIT)
        assert wire.store(3 if n >= 10 else 1, octets, sop_class, ds.SOPInstanceUID).status == 0
        result[ds.SOPInstanceUID] = (sop_class, octets)
    wire.release()
    return result


def getting(server):
    contexts = [(1, GET, [EXPLICIT]), (3, CT_PROTOCOL, [EXPLICIT]), (5, XA_PROTOCOL, [EXPLICIT])]
    return Wire(server.port).associate(contexts, roles=[(CT_PROTOCOL, 0, 1), (XA_PROTOCOL, 0, 1)])


def counts(message):
    return tuple(message.command.get(0x1020 + n) for n in range(4))


# ---- C-GET ---------------------------------------------------------------------------------------
def test_get_delivers_the_stored_octets(server, stored):
    wire = getting(server)
    received, pendings, final = wire.get(1, list(stored))
    wire.release()
    assert {m.command[0x1000]: m.data for m in received} == {u: o for u, (_, o) in stored.items()}
    assert final.status == 0 and final.data is None
    assert counts(final) == (None, 12, 0, 0)
    assert pendings and all(None not in counts(p) and sum(counts(p)) == 12 for p in pendings)
    assert all(p.data is None for p in pendings)


@pytest.mark.parametrize("is_strict", [False, True])
def test_query_retrieve_level(database, stored, is_strict):
    """HH.6.2.1.3 forbids it; many requesters send it all the same (decision 17)."""
    server = Server(database.uri, strict_retrieve_level="yes" if is_strict else "no")
    try:
        wire = getting(server)
        octets = encode(keys(SOPInstanceUID=list(stored)[0], QueryRetrieveLevel="IMAGE"), EXPLICIT)
        wire.send_message(1, wire.request(dicomwire.C_GET, GET, octets), octets)
        messages = [wire.read_message()]
        while not is_strict and messages[-1].command.get(0x0900) != 0:
            if messages[-1].command[0x0100] == C_STORE:
                wire.answer_store(messages[-1])
            messages.append(wire.read_message())
        final = messages[-1]
        if is_strict:
            assert final.status == 0xA900 and final.command[0x0901] == 0x00080052
        else:
            assert counts(final) == (None, 1, 0, 0)
        wire.release()
    finally:
        assert server.stop() == 0


# ---- C-MOVE --------------------------------------------------------------------------------------
@pytest.fixture
def destination(server, database):
    """Registers a destination; returns register(title, port)."""
    titles = []

    def register(title, port, host="127.0.0.1"):
        database.query("insert into dpp.application_entities (ae_title, host, port) values (%s, %s, %s)",
                       (title, host, port))
        titles.append(title)
    yield register
    database.query("delete from dpp.application_entities where ae_title = any(%s)", (titles,))


def moving(server):
    return Wire(server.port).associate([(1, MOVE, [EXPLICIT])], calling="MOVER")


def test_move_delivers_the_stored_octets(server, stored, destination, storescp):
    destination("STORESCP", storescp.port)
    wire = moving(server)
    pendings, final = wire.move(1, list(stored), "STORESCP")
    wire.release()
    assert final.status == 0 and counts(final) == (None, 12, 0, 0) and final.data is None
    assert pendings, "the first pending response comes at once"
    files = wait_for(lambda: len(storescp.files()) == 12 and storescp.files())
    for path in files:
        raw = path.read_bytes()
        uid = str(pydicom.dcmread(path).SOPInstanceUID)
        assert raw.endswith(stored[uid][1]), "octet for octet"


def test_move_to_a_destination_that_takes_implicit_only(server, stored, destination, tmp_path):
    scp = StoreScp(tmp_path, "ImplicitOnly")
    try:
        destination("IMPLICIT", scp.port)
        wire = moving(server)
        _, final = wire.move(1, list(stored), "IMPLICIT")
        wire.release()
        assert final.status == 0
        for path in scp.files():
            ds = pydicom.dcmread(path)
            assert ds.file_meta.TransferSyntaxUID == IMPLICIT
            got = Dataset({e.tag: e for e in ds})
            assert got == decode(stored[str(ds.SOPInstanceUID)][1], EXPLICIT)
    finally:
        scp.stop()


@pytest.fixture
def wire_scp():
    made = []

    def make(**options):
        made.append(WireScp(**options))
        return made[-1]
    yield make
    [scp.close() for scp in made]


def test_move_names_its_originator_in_every_suboperation(server, stored, destination, wire_scp):
    scp = wire_scp()
    destination("WIRESCP", scp.port)
    wire = moving(server)
    _, final = wire.move(1, list(stored), "WIRESCP")
    assert final.status == 0 and scp.associations == 1
    assert all(c[0x1030] == "MOVER" and c[0x1031] == wire.message_id for c in scp.commands)
    wire.release()


def test_dead_destination_does_not_hold_up_another(server, stored, destination, wire_scp):
    dead, alive = wire_scp(hang="associate"), wire_scp()
    destination("STUCK", dead.port)
    destination("ALIVE", alive.port)
    stuck = []
    for _ in range(6):
        wire = moving(server)
        octets = encode(keys(SOPInstanceUID=list(stored)), EXPLICIT)
        command = wire.request(dicomwire.C_MOVE, MOVE, octets)
        command[0x0600] = "STUCK"
        wire.send_message(1, command, octets)
        stuck.append(wire)
    wait_for(lambda: dead.associations)
    wire = moving(server)
    _, final = wire.move(1, list(stored), "ALIVE")
    assert final.status == 0
    wire.release()
    [w.abort() for w in stuck]


def test_pending_responses_come_once_in_the_interval(database, stored, destination, wire_scp):
    """Decision 31: the first at once, and no other before the interval is over, however many sub-operations end."""
    server = Server(database.uri, progress_interval="1h")
    try:
        wire = getting(server)
        received, pendings, final = wire.get(1, list(stored))
        assert len(received) == 12 and counts(final) == (None, 12, 0, 0)
        assert [counts(p) for p in pendings] == [(12, 0, 0, 0)]
        wire.release()
        destination("SELDOM", wire_scp().port)
        wire = moving(server)
        pendings, final = wire.move(1, list(stored), "SELDOM")
        assert counts(final) == (None, 12, 0, 0)
        assert [counts(p) for p in pendings] == [(12, 0, 0, 0)]
        wire.release()
    finally:
        assert server.stop() == 0


@pytest.mark.parametrize("hang", ["associate", "store"])
def test_requester_sees_life_while_its_move_waits(server, stored, destination, wire_scp, hang):
    scp = wire_scp(hang=hang)
    destination("THINKER", scp.port)
    first, second = moving(server), moving(server)
    for wire in (first, second):  # the second waits in the queue of the destination
        wire.send_move(1, list(stored), "THINKER")
        message = wire.read_message()
        assert message.status == 0xFF00 and counts(message) == (12, 0, 0, 0)
    begin = time.monotonic()
    for _ in range(4):
        for wire in (first, second):
            message = wire.read_message()
            assert message.status == 0xFF00 and counts(message) == (12, 0, 0, 0)
    assert time.monotonic() - begin > 1.5, "not more than one in progress-interval"
    scp.go_on()
    for wire in (first, second):
        while (message := wire.read_message()).status == 0xFF00:
            pass
        assert message.status == 0 and counts(message) == (None, 12, 0, 0)
        wire.release()
