# SPDX-License-Identifier: Apache-2.0
"""C-GET and C-MOVE: octets, counters, lists of failures, dead and picky destinations."""
import socket
import time

import pydicom
import pytest
from pydicom.dataset import Dataset

import dicomwire
from conftest import Server, StoreScp
from dicomwire import (BIG_ENDIAN, C_STORE, CT_PROTOCOL, EXPLICIT, FIND, GET, IMPLICIT, MOVE,
                       XA_PROTOCOL, Wire, decode, encode, wait_for)
from protocols import keys, new_uid, protocol
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


def of_class(stored, sop_class):
    return [uid for uid, (c, _) in stored.items() if c == sop_class]


def getting(server, syntax=EXPLICIT, classes=(CT_PROTOCOL, XA_PROTOCOL), roles=None):
    contexts = [(1, GET, [EXPLICIT])]
    contexts += [(3 + 2 * n, c, [syntax]) for n, c in enumerate(classes)]
    return Wire(server.port).associate(contexts, roles=[(c, 0, 1) for c in classes]
                                       if roles is None else roles)


def counts(message):
    return tuple(message.command.get(0x1020 + n) for n in range(4))


def failed_list(message, syntax=EXPLICIT):
    if message.data is None:
        return None
    value = decode(message.data, syntax).FailedSOPInstanceUIDList
    return {value} if isinstance(value, str) else set(value)


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


@pytest.mark.parametrize("syntax", [IMPLICIT, BIG_ENDIAN])
def test_get_converts_where_the_requester_takes_another_syntax(server, stored, syntax):
    wire = getting(server, syntax)
    received, _, final = wire.get(1, list(stored))
    wire.release()
    assert final.status == 0 and len(received) == 12
    for message in received:
        original = decode(stored[message.command[0x1000]][1], EXPLICIT)
        assert decode(message.data, syntax) == original


def test_get_of_unknown_uids_is_success_without_suboperations(server):
    wire = getting(server)
    received, pendings, final = wire.get(1, [new_uid(), new_uid()])
    wire.release()
    assert (received, final.status, counts(final)) == ([], 0, (None, 0, 0, 0))


def test_get_some_unknown_and_duplicates(server, stored):
    uid = next(iter(stored))
    wire = getting(server)
    received, _, final = wire.get(1, [uid, new_uid(), uid])
    wire.release()
    assert len(received) == 1 and final.status == 0 and counts(final) == (None, 1, 0, 0)


def test_get_without_context_or_role_fails_those_instances(server, stored):
    wire = getting(server, classes=[CT_PROTOCOL])
    received, _, final = wire.get(1, list(stored))
    wire.release()
    assert len(received) == 10
    assert final.status == 0xB000 and counts(final) == (None, 10, 2, 0)
    assert failed_list(final) == set(of_class(stored, XA_PROTOCOL))
    wire = getting(server, roles=[])
    received, _, final = wire.get(1, list(stored))
    wire.release()
    assert received == [] and final.status == 0xA702 and counts(final) == (None, 0, 12, 0)
    assert failed_list(final) == set(stored) and final.command.get(0x0902)


def test_get_outcomes_follow_the_answers(server, stored):
    ct = of_class(stored, CT_PROTOCOL)
    cases = [
        (lambda m: 0xA700, 0xA702, (None, 0, 10, 0), set(ct)),
        (lambda m: 0xB000, 0xB000, (None, 0, 0, 10), None),
        (lambda m: 0xC000 if m.command[0x1000] == ct[0] else 0, 0xB000, (None, 9, 1, 0), {ct[0]}),
    ]
    for answer, status, numbers, failures in cases:
        wire = getting(server)
        _, _, final = wire.get(1, ct, on_store=answer)
        wire.release()
        assert (final.status, counts(final)) == (status, numbers)
        if failures is not None:
            assert failed_list(final) == failures


def send_get(wire, uids):
    octets = encode(keys(SOPInstanceUID=uids), EXPLICIT)
    command = wire.request(dicomwire.C_GET, GET, octets)
    wire.send_message(1, command, octets)
    return command[0x0110]


@pytest.mark.parametrize("leave", ["close", "abort", "release"])
def test_get_ends_with_its_requester(server, stored, leave):
    wire = getting(server)
    number = send_get(wire, list(stored))
    while wire.read_message().command[0x0100] != C_STORE:
        pass
    getattr(wire, leave)()
    line = server.wait_log(rf"event=get.stopped .*msg_id={number} ")
    association = line.split("assoc=")[1].split()[0]
    server.wait_log(rf"event=assoc.closed assoc={association} ")
    follow = getting(server)
    assert follow.get(1, list(stored)[:1])[2].status == 0
    follow.release()


@pytest.mark.parametrize("answers, status", [(0, 0xA702), (3, 0xB000)])
def test_get_whose_requester_stops_answering(server, stored, database, answers, status):
    impatient = Server(database.uri, suboperation_timeout="700ms")
    try:
        wire = getting(impatient)
        seen = []
        _, pendings, final = wire.get(1, list(stored),
                                      on_store=lambda m: 0 if seen.append(m) or len(seen) <= answers else None)
        assert final.status == status and counts(final) == (None, answers, 12 - answers, 0)
        answered = {m.command[0x1000] for m in seen[:answers]}
        assert failed_list(final) == set(stored) - answered
        assert "no answer" in final.command[0x0902]
        wire.answer_store(seen[-1])  # too late: ignored
        assert wire.get(1, list(stored)[:1])[2].status == 0
        wire.release()
    finally:
        assert impatient.stop() == 0


def test_get_identifier_rules(server):
    wire = getting(server)

    def final_of(ds):
        octets = encode(ds, EXPLICIT)
        wire.send_message(1, wire.request(dicomwire.C_GET, GET, octets), octets)
        return wire.read_message()
    assert final_of(keys(ProtocolName="x")).status == 0xA900
    answer = final_of(keys(SOPInstanceUID=new_uid(), ProtocolName="x"))
    assert answer.status == 0xA900 and answer.command[0x0901] == 0x00181030
    assert final_of(keys(SOPInstanceUID=new_uid(), QueryRetrieveLevel="IMAGE")).status == 0
    wire.release()


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
    return Wire(server.port, timeout=30).associate([(1, MOVE, [EXPLICIT])], calling="MOVER")


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


def test_move_to_a_destination_that_takes_one_of_two_classes(server, stored, destination, wire_scp):
    scp = wire_scp(accept=lambda abstract: abstract == CT_PROTOCOL)
    destination("CTONLY", scp.port)
    wire = moving(server)
    _, final = wire.move(1, list(stored), "CTONLY")
    wire.release()
    assert final.status == 0xB000 and counts(final) == (None, 10, 2, 0)
    assert failed_list(final) == set(of_class(stored, XA_PROTOCOL))


def test_move_where_all_fail(server, stored, destination, wire_scp):
    scp = wire_scp(status=0xA700)
    destination("REFUSER", scp.port)
    wire = moving(server)
    _, final = wire.move(1, list(stored), "REFUSER")
    wire.release()
    assert final.status == 0xA702 and counts(final) == (None, 0, 12, 0)
    assert failed_list(final) == set(stored)


def test_move_whose_destination_aborts_in_the_middle(server, stored, destination, wire_scp):
    scp = wire_scp(abort_after=4)
    destination("ABORTER", scp.port)
    wire = moving(server)
    _, final = wire.move(1, list(stored), "ABORTER")
    wire.release()
    assert final.status == 0xB000 and counts(final) == (None, 4, 8, 0)
    assert len(failed_list(final)) == 8


def refusal(server, uids, title, status):
    wire = moving(server)
    _, final = wire.move(1, uids, title)
    wire.release()
    assert final.status == status, f"{final.status:04X} {final.command.get(0x0902)}"
    assert final.command.get(0x0902)
    return final


def test_move_to_unknown_and_unusable_destinations(server, stored, destination, database):
    uids = list(stored)
    assert "NOWHERE" in refusal(server, uids, "NOWHERE", 0xA801).command[0x0902]
    destination("NOADDRESS", None, None)
    refusal(server, uids, "NOADDRESS", 0xC515)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        closed_port = s.getsockname()[1]
    destination("DEAD", closed_port)
    final = refusal(server, uids, "DEAD", 0xA702)
    assert counts(final) == (None, 0, 12, 0) and failed_list(final) == set(uids)
    destination("NONAME", 104, "no-such-host.invalid")
    refusal(server, uids, "NONAME", 0xA702)
    database.query("insert into dpp.application_entities (ae_title, host, port, is_destination)"
                   " values ('FORBIDDEN', '127.0.0.1', 104, false)")
    refusal(server, uids, "FORBIDDEN", 0x0124)


def test_move_of_nothing_makes_no_association(server, destination, wire_scp):
    scp = wire_scp()
    destination("IDLE", scp.port)
    wire = moving(server)
    _, final = wire.move(1, [new_uid()], "IDLE")
    wire.release()
    assert final.status == 0 and counts(final) == (None, 0, 0, 0) and scp.associations == 0


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


def send_move(wire, uids, title):
    octets = encode(keys(SOPInstanceUID=uids), EXPLICIT)
    command = wire.request(dicomwire.C_MOVE, MOVE, octets)
    command[0x0600] = title
    wire.send_message(1, command, octets)
    return command[0x0110]


@pytest.mark.parametrize("hang", ["associate", "store"])
def test_requester_sees_life_while_its_move_waits(server, stored, destination, wire_scp, hang):
    scp = wire_scp(hang=hang)
    destination("THINKER", scp.port)
    first, second = moving(server), moving(server)
    for wire in (first, second):  # the second waits in the queue of the destination
        send_move(wire, list(stored), "THINKER")
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


def test_requester_gone_stops_the_move(server, stored, destination, wire_scp):
    scp = wire_scp(hang="store")
    destination("SLOW", scp.port)
    wire = moving(server)
    octets = encode(keys(SOPInstanceUID=list(stored)), EXPLICIT)
    command = wire.request(dicomwire.C_MOVE, MOVE, octets)
    command[0x0600] = "SLOW"
    wire.send_message(1, command, octets)
    wait_for(lambda: scp.commands)
    wire.abort()
    time.sleep(0.5)
    assert len(scp.commands) == 1
    follow = Wire(server.port).associate([(1, FIND, [EXPLICIT])])
    assert follow.find(1, keys(SOPInstanceUID=new_uid()))[1].status == 0
    follow.release()
