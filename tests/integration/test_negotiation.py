# SPDX-License-Identifier: Apache-2.0
"""What an A-ASSOCIATE-AC answers to each offer (PS3.8 9.3, PS3.7 D.3.3), and that the association then does what was
answered: presentation contexts, roles, asynchronous operations, user identity. One row per cell."""
import contextlib
import itertools
import random
import struct

import pytest

import dicomwire
from conftest import Server
from dicomwire import (BIG_ENDIAN, CT_PROTOCOL, C_ECHO, C_FIND, C_GET, C_MOVE, C_STORE, DEFLATED, EXPLICIT, FIND, GET,
                       IMPLICIT, MOVE, RESPONSE, VERIFICATION, XA_PROTOCOL, Aborted, Rejected, Wire, associate_rq, encode)
from protocols import keys, protocol
from watch import locked
from wirescp import WireScp

PERFORMED = "1.2.840.10008.5.1.4.1.1.200.2"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"


@pytest.fixture(autouse=True)
def still_serving(server):
    yield
    wire = Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT])])
    assert wire.echo() == 0
    wire.release()
    assert server.process.poll() is None


@pytest.fixture(scope="module")
def stored(server):
    """Two UIDs of each of the two storage classes."""
    wire = Wire(server.port).associate([(1, CT_PROTOCOL, [EXPLICIT]), (3, XA_PROTOCOL, [EXPLICIT])])
    uids = {}
    for context, sop_class in ((1, CT_PROTOCOL), (3, XA_PROTOCOL)):
        for _ in range(6):
            ds = protocol(SOPClassUID=sop_class, ProtocolName="Negotiated")
            assert wire.store(context, encode(ds, EXPLICIT), sop_class, ds.SOPInstanceUID).status == 0
            uids.setdefault(sop_class, []).append(ds.SOPInstanceUID)
    wire.release()
    return uids


@pytest.fixture(scope="module")
def titles(database):
    """Rights -> AE title"""
    rows = {(True, True): "BOTH", (True, False): "STORES", (False, True): "GETS", (False, False): "NEITHER"}
    for (may_store, may_get), title in rows.items():
        database.query("insert into dpp.application_entities (ae_title, may_store, may_get) values (%s, %s, %s)",
                       (title, may_store, may_get))
    return rows


# ---- the answer as a whole -------------------------------------------------------------------------
def test_contexts_are_answered_one_by_one(server):
    wire = Wire(server.port).associate([
        (1, VERIFICATION, [IMPLICIT]), (3, FIND, ["1.2.840.10008.1.2.4.50"]), (5, "1.2.3.4", [IMPLICIT]),
        (7, CT_PROTOCOL, [IMPLICIT, EXPLICIT]), (9, "1.2.840.10008.5.1.4.1.1.200.2", [IMPLICIT]),
        (11, MOVE, [IMPLICIT]), (13, GET, [IMPLICIT])])
    assert wire.results == {1: 0, 3: 4, 5: 3, 7: 0, 9: 3, 11: 0, 13: 0}
    assert wire.transfer[7] == EXPLICIT
    assert 0x52 in wire.user and 0x51 in wire.user
    wire.release()


def test_answer_echoes_the_titles_and_reserved_octets(server):
    wire = Wire(server.port)
    reserved = bytes(range(32))
    rq = bytearray(associate_rq([(1, VERIFICATION, [IMPLICIT])]))
    rq[6 + 4 + 32:6 + 4 + 64] = reserved
    wire.send(bytes(rq))
    kind, body = wire.read_pdu()
    assert kind == 2 and body[4:68] == bytes(rq[10:74])
    wire.abort()


def test_unknown_items_are_skipped(server):
    wire = Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT])], extra=dicomwire.item(0x7F, b"whatever"))
    assert wire.echo() == 0
    wire.release()


@pytest.mark.parametrize("options, expected", [
    ({"called": "SOMEONE"}, (1, 1, 7)),
    ({"application": "1.2.840.10008.3.1.1.2"}, (1, 1, 2)),
    ({"version": 2}, (1, 2, 2)),
    ({"calling_raw": b" " * 16}, (1, 1, 3)),
])
def test_rejections(server, options, expected):
    wire = Wire(server.port)
    with pytest.raises(Rejected) as caught:
        wire.associate([(1, VERIFICATION, [IMPLICIT])], **options)
    assert (caught.value.result, caught.value.source, caught.value.reason) == expected
    wire.expect_closed()


@pytest.fixture(scope="module")
def long_one(server):
    ds = protocol(ProtocolDesignRationale="x" * 20000)
    wire = Wire(server.port).associate([(1, CT_PROTOCOL, [EXPLICIT])])
    assert wire.store(1, encode(ds, EXPLICIT), CT_PROTOCOL, ds.SOPInstanceUID).status == 0
    wire.release()
    return ds


@pytest.mark.parametrize("maximum", [128, 200, 4096 + 1, 1 << 31, 0])
def test_no_pdu_exceeds_what_we_take(server, long_one, maximum):
    """PS3.8 D.1.1: those of C-FIND and C-GET are as long as the maximum, where that is less than what is sent; 0 is none."""
    wire = Wire(server.port).associate([(1, GET, [EXPLICIT]), (3, CT_PROTOCOL, [EXPLICIT]), (5, FIND, [EXPLICIT])],
                                       roles=[(CT_PROTOCOL, 0, 1)], max_length=maximum)
    lengths = []
    read = wire.read_pdu
    wire.read_pdu = lambda: (lambda r: lengths.append(len(r[1])) or r)(read())
    matches, final = wire.find(5, keys(SOPInstanceUID=long_one.SOPInstanceUID, ProtocolDesignRationale=""))
    assert final.status == 0 and [m.ProtocolDesignRationale for m in matches] == [long_one.ProtocolDesignRationale]
    of_find = max(lengths)
    stored, _, final = wire.get(1, [long_one.SOPInstanceUID])
    assert final.status == 0 and [m.data for m in stored] == [encode(long_one, EXPLICIT)]
    if 0 < maximum < 20000:
        even = maximum - maximum % 2  # as fragments are
        assert (of_find, max(lengths)) == (even, even)
    else:
        assert of_find > 20000 and max(lengths) > 20000
    wire.release()


# ---- presentation contexts -------------------------------------------------------------------------
PREFERENCE = [EXPLICIT, IMPLICIT, DEFLATED, BIG_ENDIAN]


def test_the_transfer_syntax_is_the_one_we_prefer(server):
    """In whichever order they are offered (PS3.8 9.3.3.2 leaves the choice to the acceptor): 64 offers at once."""
    offers = [o for size in range(1, 5) for o in itertools.permutations(PREFERENCE, size)]
    wire = Wire(server.port).associate([(2 * n + 1, FIND, offer) for n, offer in enumerate(offers)])
    assert len(offers) == 64 and set(wire.results.values()) == {0}
    assert list(wire.transfer.values()) == [min(offer, key=PREFERENCE.index) for offer in offers]
    wire.release()


@pytest.mark.parametrize("offered, result", [
    (["1.2.840.10008.1.2.4.50", IMPLICIT], 0), ([IMPLICIT, IMPLICIT], 0), (["1.2.840.10008.1.2.4.50"], 4),
    (["1.2.840.10008.1.2.5", "1.2.3"], 4), ([], 4)])
def test_a_context_needs_a_transfer_syntax_that_is_known(server, offered, result):
    wire = Wire(server.port).associate([(1, FIND, offered), (3, VERIFICATION, [IMPLICIT])])
    assert wire.results == {1: result, 3: 0} and wire.transfer[1] == IMPLICIT
    wire.release()


def test_128_contexts_are_answered_in_their_order(server):
    classes = [FIND, CT_PROTOCOL, PERFORMED, GET, VERIFICATION, "1.2.3.4"]
    contexts = [(n, classes[n // 2 % 6], ["1.2.840.10008.1.2.4.50"] if n % 5 == 0 else [IMPLICIT, EXPLICIT])
                for n in range(1, 256, 2)]
    random.Random(4711).shuffle(contexts)
    wire = Wire(server.port).associate(contexts)
    assert list(wire.results) == [n for n, _, _ in contexts]
    assert wire.results == {n: 3 if abstract in (PERFORMED, "1.2.3.4") else 4 if n % 5 == 0 else 0
                            for n, abstract, _ in contexts}
    for n, abstract, _ in contexts:
        if abstract == VERIFICATION and wire.results[n] == 0:
            assert wire.echo(n) == 0
    wire.release()


def test_a_context_refused_for_want_of_a_right_is_rejected_by_the_user(server, titles):
    wire = Wire(server.port).associate([(1, CT_PROTOCOL, [IMPLICIT]), (3, CT_PROTOCOL, ["1.2.3"]), (5, GET, [IMPLICIT]),
                                        (7, PERFORMED, [IMPLICIT]), (9, FIND, [IMPLICIT])], calling="NEITHER")
    assert wire.results == {1: 1, 3: 1, 5: 1, 7: 3, 9: 0}
    wire.release()


@pytest.mark.parametrize("contexts", [
    [(2, FIND, [IMPLICIT])], [(0, FIND, [IMPLICIT])], [(1, FIND, [IMPLICIT]), (1, GET, [IMPLICIT])]],
    ids=["even", "zero", "twice"])
def test_context_ids_that_may_not_be_are_aborted(server, contexts):
    wire = Wire(server.port)
    with pytest.raises(Aborted) as caught:
        wire.associate(contexts)
    assert (caught.value.source, caught.value.reason) == (2, 6)


def test_extended_negotiation_is_answered_for_accepted_classes_only(server):
    """PS3.7 D.3.3.5: not for a class without context, a refused one, or one that has none; the first item counts."""
    items = b"".join(dicomwire.extended_item(uid, info) for uid, info in (
        (STUDY_ROOT_FIND, b"\1\1\1\1"), (GET, b"\1"), (CT_PROTOCOL, b"\2\0\0\0\0\0"), (PERFORMED, b"\1"),
        ("1.2.3.4.5", b"")))
    wire = Wire(server.port).associate([(1, GET, [IMPLICIT]), (3, CT_PROTOCOL, [IMPLICIT]), (5, PERFORMED, [IMPLICIT])],
                                       extra=items + dicomwire.extended_item(FIND, b"\1\1\1\1"))
    assert 0x56 not in wire.user
    wire.release()


@pytest.mark.parametrize("called, calling", [
    (b"DPPR            ", b"WIRE            "), (b"            DPPR", b"      WIRE      "),
    (b"  DPPR          ", b"            WIRE"), (b"DPPR\0\0\0\0\0\0\0\0\0\0\0\0", b"WIRE            ")])
def test_titles_are_taken_without_their_padding(server, called, calling):
    """PS3.8 table 9-11: leading and trailing spaces are not significant; the NUL of some peers neither."""
    wire = Wire(server.port)
    wire.associate([(1, VERIFICATION, [IMPLICIT])], called_raw=called, calling_raw=calling)
    assert wire.echo() == 0
    wire.release()


@pytest.mark.parametrize("version, is_taken", [(1, True), (3, True), (0xFFFF, True), (0, False), (0xFFFE, False)])
def test_only_bit_0_of_the_protocol_version_counts(server, version, is_taken):
    """PS3.8 9.3.2"""
    wire = Wire(server.port)
    with contextlib.nullcontext() if is_taken else pytest.raises(Rejected) as caught:
        wire.associate([(1, VERIFICATION, [IMPLICIT])], version=version)
    if is_taken:
        wire.release()
    else:
        assert (caught.value.result, caught.value.source, caught.value.reason) == (1, 2, 2)


# ---- roles -----------------------------------------------------------------------------------------
# (may store, may get), proposed (SCU, SCP) or None -> result, answered roles, the requester stores, we store
PROPOSALS = [None, (0, 0), (1, 0), (0, 1), (1, 1)]
ROLES = {
    (True, True): [(0, None, True, False), (1, None, False, False), (0, (1, 0), True, False),
                   (0, (0, 1), False, True), (0, (1, 1), True, True)],
    (True, False): [(0, None, True, False), (1, None, False, False), (0, (1, 0), True, False),
                    (1, None, False, False), (0, (1, 0), True, False)],
    (False, True): [(1, None, False, False), (1, None, False, False), (1, None, False, False),
                    (0, (0, 1), False, True), (0, (0, 1), False, True)],
    (False, False): [(1, None, False, False)] * 5,
}


def roles_of(wire):
    answers = []
    for raw in wire.user.get(0x54, []):
        n = struct.unpack_from(">H", raw)[0]
        answers.append((raw[2:2 + n].decode(), tuple(raw[2 + n:])))
    return answers


@pytest.mark.parametrize("rights, proposed", itertools.product(ROLES, range(len(PROPOSALS))))
def test_roles_of_a_storage_context(server, titles, stored, rights, proposed):
    """PS3.7 D.3.3.4: never 1 where 0 was proposed; without an item the requester is SCU. And what was answered is done:
    stores of the requester, and the sub-operations of its C-GETs, in every context of the class."""
    result, answered, it_stores, we_store = ROLES[rights][proposed]
    proposal = PROPOSALS[proposed]
    wire = Wire(server.port).associate(
        [(1, GET, [EXPLICIT]), (3, CT_PROTOCOL, [IMPLICIT]), (5, CT_PROTOCOL, [EXPLICIT]), (7, VERIFICATION, [IMPLICIT])],
        roles=[(CT_PROTOCOL, *proposal)] if proposal else [], calling=titles[rights])
    assert wire.results == {1: 0 if rights[1] else 1, 3: result, 5: result, 7: 0}
    assert roles_of(wire) == ([(CT_PROTOCOL, answered)] if answered else [])
    for context, transfer in ((3, IMPLICIT), (5, EXPLICIT)):
        if result == 0:
            ds = protocol()
            answer = wire.store(context, encode(ds, transfer), CT_PROTOCOL, ds.SOPInstanceUID)
            assert answer.status == (0 if it_stores else 0x0124), answer.command
    if rights[1]:
        got, _, final = wire.get(1, stored[CT_PROTOCOL][:2])
        counts = [final.command.get(n) for n in (0x1020, 0x1021, 0x1022, 0x1023)]
        if we_store:
            assert [m.context for m in got] == [5, 5], "in the transfer syntax they are stored in"
            assert final.status == 0 and counts == [None, 2, 0, 0]
        else:
            assert got == [] and final.status == 0xA702 and counts == [None, 0, 2, 0]
    assert wire.echo(7) == 0
    wire.release()


@pytest.mark.parametrize("roles, expected", [
    ([(CT_PROTOCOL, 0, 1), (XA_PROTOCOL, 1, 1)], [(CT_PROTOCOL, (0, 1)), (XA_PROTOCOL, (1, 1))]),
    ([(XA_PROTOCOL, 0, 1)], [(XA_PROTOCOL, (0, 1))]),  # one class with, one without
    ([(CT_PROTOCOL, 0, 1), (CT_PROTOCOL, 1, 0)], [(CT_PROTOCOL, (0, 1))]),  # twice: the first counts
    ([(PERFORMED, 0, 1), ("1.2.3", 1, 1), (STUDY_ROOT_FIND, 1, 1)], []),  # without context, or refused
    ([(GET, 1, 1), (VERIFICATION, 1, 1)], [(GET, (1, 0)), (VERIFICATION, (1, 0))]),  # classes of which we are SCP only
    ([(CT_PROTOCOL, 2, 255)], []),  # only 1 is a yes: no role is left
    ([], []),
])
def test_role_items_are_answered_class_by_class(server, roles, expected):
    wire = Wire(server.port).associate(
        [(1, GET, [EXPLICIT]), (3, CT_PROTOCOL, [EXPLICIT]), (5, XA_PROTOCOL, [EXPLICIT]), (7, PERFORMED, [EXPLICIT]),
         (9, XA_PROTOCOL, [IMPLICIT]), (11, VERIFICATION, [IMPLICIT])], roles=roles)
    assert roles_of(wire) == expected
    assert wire.results[3] == (1 if (CT_PROTOCOL, 2, 255) in roles else 0)
    wire.release()


def test_a_role_of_scp_only_takes_a_class_from_the_requester(server):
    for uid, context in ((GET, 1), (FIND, 3), (VERIFICATION, 5)):
        wire = Wire(server.port).associate([(1, GET, [EXPLICIT]), (3, FIND, [EXPLICIT]), (5, VERIFICATION, [EXPLICIT])],
                                           roles=[(uid, 0, 1)])
        assert wire.results == {n: 1 if n == context else 0 for n in (1, 3, 5)} and roles_of(wire) == []
        wire.release()


def test_one_association_stores_and_gets_in_the_same_context(server, stored):
    """In turns, and at once: a C-STORE while a sub-operation of our own is unanswered in the same context."""
    wire = Wire(server.port).associate([(1, GET, [EXPLICIT]), (3, CT_PROTOCOL, [EXPLICIT])],
                                       roles=[(CT_PROTOCOL, 1, 1)], extra=dicomwire.async_item(2, 1))
    mine = protocol()

    def store_between(message):
        octets = encode(mine, EXPLICIT)
        command = wire.request(C_STORE, CT_PROTOCOL, octets)
        command[0x1000] = mine.SOPInstanceUID
        wire.send_message(3, command, octets)
        answer = wire.read_message()
        while answer.command[0x0100] != C_STORE | RESPONSE:
            assert answer.status == 0xFF00
            answer = wire.read_message()
        assert (answer.status, answer.command[0x0120]) == (0, command[0x0110])
        return 0
    got, _, final = wire.get(1, stored[CT_PROTOCOL][:2], on_store=store_between)
    assert final.status == 0 and [m.context for m in got] == [3, 3]
    got, _, final = wire.get(1, [mine.SOPInstanceUID])
    assert final.status == 0 and got[0].data == encode(mine, EXPLICIT)
    wire.release()


# ---- asynchronous operations -----------------------------------------------------------------------
@pytest.mark.parametrize("setting", [8, 3])
def test_the_window_is_answered_as_offered_at_most(database, server, setting):
    """PS3.7 D.3.3.3: the lower of both, 0 is without limit; no answer where nothing is offered."""
    one = server if setting == 8 else Server(database.uri, max_operations=setting)
    for invoked, performed in itertools.product((0, 1, 2, 5, setting, setting + 1, 65535), repeat=2):
        wire = Wire(one.port).associate([(1, VERIFICATION, [IMPLICIT])], extra=dicomwire.async_item(invoked, performed))
        assert wire.user[0x53] == [struct.pack(">HH", min(invoked or 65536, setting), min(performed or 65536, setting))]
        wire.release()
    wire = Wire(one.port).associate([(1, VERIFICATION, [IMPLICIT])])
    assert 0x53 not in wire.user
    wire.release()
    if one is not server:
        assert one.stop() == 0


CONTEXTS = [(1, VERIFICATION, [IMPLICIT]), (3, FIND, [EXPLICIT]), (5, GET, [EXPLICIT]), (7, MOVE, [EXPLICIT]),
            (9, CT_PROTOCOL, [EXPLICIT])]


class Talk:
    """An association on which several operations run, each with its own Message ID."""

    def __init__(self, server, stored, destination=None, window=(8, 8)):
        extra = dicomwire.async_item(*window) if window else b""
        self.wire = Wire(server.port).associate(CONTEXTS, roles=[(CT_PROTOCOL, 1, 1)], extra=extra)
        self.uids, self.destination = stored[CT_PROTOCOL], destination
        self.finals, self.held, self.hold = {}, [], False

    def send(self, context, field, sop_class, octets=None, **more):
        command = self.wire.request(field, sop_class, octets, **more)
        self.wire.send_message(context, command, octets)
        return command[0x0110]

    def echo(self):
        return self.send(1, C_ECHO, VERIFICATION)

    def find(self, **attributes):
        return self.send(3, C_FIND, FIND, encode(keys(**(attributes or {"SOPInstanceUID": self.uids[0]})), EXPLICIT))

    def get(self, uids=None):
        return self.send(5, C_GET, GET, encode(keys(SOPInstanceUID=uids or self.uids[:2]), EXPLICIT))

    def move(self):
        return self.send(7, C_MOVE, MOVE, encode(keys(SOPInstanceUID=self.uids[:2]), EXPLICIT),
                         x0600=self.destination)

    def store(self):
        ds = protocol()
        return self.send(9, C_STORE, CT_PROTOCOL, encode(ds, EXPLICIT), x1000=ds.SOPInstanceUID)

    def read(self):
        """One message. Our C-STORE requests are answered, or kept where `hold` says so."""
        message = self.wire.read_message()
        if message.command[0x0100] == C_STORE:
            self.held.append(message)
            if not self.hold:
                self.answer_held()
        elif message.status not in (0xFF00, 0xFF01):
            assert message.command[0x0120] not in self.finals, "two final responses"
            self.finals[message.command[0x0120]] = message.status
        return message

    def answer_held(self, count=None):
        for message in self.held[:count]:
            self.wire.answer_store(message)
        del self.held[:count]

    def until(self, *numbers):
        while not set(numbers) <= set(self.finals):
            self.read()
        return [self.finals[n] for n in numbers]


@pytest.fixture
def destination(database):
    scp = WireScp()
    database.query("insert into dpp.application_entities (ae_title, host, port) values ('ASYNCDEST', '127.0.0.1', %s)",
                   (scp.port,))
    yield scp
    scp.close()
    database.query("delete from dpp.application_entities where ae_title = 'ASYNCDEST'")


@contextlib.contextmanager
def slow(kind, talk, database, destination):
    """An operation that cannot end before the block does."""
    if kind == "store":  # looks whether the UID was purged
        with locked(database, "dpp.tombstones"):
            yield talk.store()
    elif kind == "find":  # joins what no other operation here reads or writes
        with locked(database, "dpp.protocol_custodians"):
            yield talk.find(CustodialOrganizationSequence=keys(InstitutionName="None"))
    elif kind == "get":
        talk.hold = True
        yield talk.get()
        talk.hold = False
        talk.answer_held()
    elif kind == "move":
        destination.hang = "store"
        yield talk.move()
        destination.go_on()


@pytest.mark.parametrize("slow_kind, quick_kinds", [
    ("store", ("echo", "find", "get", "move", "find")),
    ("find", ("echo", "find", "get", "move")),
    ("get", ("echo", "find", "store", "move", "find")),  # a second GET is below
    ("move", ("echo", "find", "get", "store", "get"))])
def test_quick_operations_overtake_a_slow_one(server, database, stored, destination, slow_kind, quick_kinds):
    """PS3.7 D.3.3.3: in flight together on one association, ended in any order."""
    talk = Talk(server, stored, "ASYNCDEST")
    with slow(slow_kind, talk, database, destination) as number:
        for kind in quick_kinds:
            assert talk.until(getattr(talk, kind)()) == [0], kind
        assert number not in talk.finals, "it was to be slow"
    assert talk.until(number) == [0]
    talk.wire.release()


def test_operations_that_run_at_once_end_in_any_order(server, database, stored, destination):
    """Eight of all kinds, sent in one go."""
    talk = Talk(server, stored, "ASYNCDEST")
    with locked(database, "dpp.tombstones"):
        stores = [talk.store(), talk.store()]
        others = [talk.find(), talk.get(), talk.move(), talk.find(), talk.get(), talk.find()]
        assert talk.until(*others) == [0] * 6
        assert not set(stores) & set(talk.finals)
    assert talk.until(*stores) == [0, 0]
    talk.wire.release()


@pytest.mark.parametrize("window", [None, (1, 1), (2, 1), (8, 8)])
def test_what_exceeds_the_window_is_served_up_to_the_bound_of_an_association(server, database, stored, window):
    """A peer that sends more than was negotiated breaks PS3.7 D.3.3.3.3, but is not cut off: eight run (max-operations),
    what comes above is refused with the status of its service, and C-ECHO is answered in any case."""
    talk = Talk(server, stored, window=window)
    with locked(database, "dpp.tombstones"):
        running = [talk.store() for _ in range(8)]
        for refused, status in ((talk.find(), 0xA700), (talk.store(), 0xA700), (talk.get(), 0xA701), (talk.echo(), 0)):
            assert talk.until(refused) == [status]
        assert not set(running) & set(talk.finals)
    assert talk.until(*running) == [0] * 8
    assert talk.until(talk.find()) == [0], "the places are given back"
    talk.wire.release()


@pytest.mark.parametrize("offered, outstanding", [(None, 1), ((8, 1), 1), ((8, 2), 2), ((8, 3), 3), ((1, 0), 8), ((8, 9), 8)])
def test_suboperations_of_two_gets_share_the_window_of_the_peer(server, stored, offered, outstanding):
    """Decision: together they never have more C-STORE requests unanswered than the peer performs, in one space of
    Message IDs; both get on."""
    talk = Talk(server, stored, window=offered)
    talk.hold = True
    uids = talk.uids
    gets = [talk.get(uids), talk.get(list(reversed(uids)))]
    seen, sizes = [], []
    total = 2 * len(uids)
    while len(seen) < total:
        expected = min(outstanding, total - len(seen))
        while len(talk.held) < expected:
            talk.read()
        # what the server could still send it would have sent before it answers these
        for _ in range(2):
            talk.until(talk.find() if len(seen) % 3 == 0 else talk.echo())
        assert len(talk.held) == expected
        sizes.append(expected)
        ids = [m.command[0x0110] for m in talk.held]
        assert len(set(ids)) == len(ids)
        seen.append(talk.held[0].command[0x0110])
        talk.answer_held(1)
    assert len(set(seen)) == total and max(sizes) == outstanding
    assert talk.until(*gets) == [0, 0]
    talk.wire.release()


# ---- user identity ---------------------------------------------------------------------------------
SECRET = "5ecr3t-0f-the-peer"


def identity_item(kind, wants_answer, primary, secondary=b""):
    return dicomwire.item(0x58, bytes([kind, wants_answer]) + struct.pack(">H", len(primary)) + primary
                          + struct.pack(">H", len(secondary)) + secondary)


@pytest.mark.parametrize("wants_answer", [0, 1])
@pytest.mark.parametrize("kind, primary, secondary, logged", [
    (1, "dr.jones", "", 'identity=username user=dr.jones'),
    (2, "dr.jones", SECRET, 'identity=username-passcode user=dr.jones'),
    (3, SECRET, "", "identity=kerberos"), (4, SECRET, "", "identity=saml"), (5, SECRET, "", "identity=jwt"),
    (0, SECRET, SECRET, "identity=unknown"), (6, SECRET, SECRET, "identity=unknown"), (255, SECRET, "", "identity=unknown"),
    (2, "Jörg Müller", SECRET, 'identity=username-passcode user="Jörg Müller"'),
    (1, "", "", 'identity=username user=""'),
    (1, "a\nlevel=error event=forged", "", r'user="a\nlevel=error event=forged"'),
    (2, "u" * 65000, SECRET, "user=" + "u" * 64 + "$"),
])
def test_user_identity_is_read_logged_and_never_answered(server, kind, primary, secondary, logged, wants_answer):
    """PS3.7 D.3.3.7: an answer (59H) would say that the identity was verified. The secrets are not logged."""
    calling = f"ID{kind}{wants_answer}{len(primary)}"
    wire = Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT])], calling=calling,
                                       extra=identity_item(kind, wants_answer, primary.encode(), secondary.encode()))
    assert 0x59 not in wire.user and wire.echo() == 0
    wire.release()
    line = server.wait_log(rf"event=assoc.accepted .*aet={calling} ")
    assert line.endswith(logged.rstrip("$")) if logged.endswith("$") else line.endswith(logged), line
    server.wait_log(rf"event=assoc.closed .*aet={calling} ")
    assert SECRET not in server.log


def test_an_association_without_identity_has_none_in_its_line(server):
    Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT])], calling="NOBODY").release()
    assert "identity" not in server.wait_log("event=assoc.accepted .*aet=NOBODY ")


@pytest.mark.parametrize("item", [
    dicomwire.item(0x58, b""), dicomwire.item(0x58, b"\1"), dicomwire.item(0x58, b"\1\0\0"),
    dicomwire.item(0x58, b"\1\0\0\4user"), dicomwire.item(0x58, b"\2\1\xff\xffuser\0\0"),
    dicomwire.item(0x58, b"\2\1\0\4user\0\7" + SECRET.encode()[:6]),
    identity_item(2, 1, b"user", SECRET.encode()) * 2], ids=range(7))
def test_a_malformed_user_identity_is_aborted(server, item):
    wire = Wire(server.port)
    with pytest.raises(Aborted) as caught:
        wire.associate([(1, VERIFICATION, [IMPLICIT])], extra=item)
    assert (caught.value.source, caught.value.reason) == (0, 0), "PS3.8 AA-1"
    assert SECRET[:6] not in server.log
