# SPDX-License-Identifier: Apache-2.0
"""C-CANCEL as one table: C-FIND, C-GET and C-MOVE x the moments at which a cancel can come (PS3.7 9.3.2.3, PS3.4 C.4.1,
C.4.2, C.4.3, HH.6).

Whatever the moment: one final response and nothing after it, FE00 with counters that are true, no statement left in
PostgreSQL, no further sub-operation, and the database connection gives the next query the right answer. For that the
server of most cells has a single connection: the next query runs on the very one whose statement was cancelled.
"""
import itertools
import random
import socket
import time

import pytest

import dicomwire
from conftest import Server
from dicomwire import (C_CANCEL, C_FIND, C_GET, C_MOVE, C_STORE, CT_PROTOCOL, EXPLICIT, FIND, GET, IMPLICIT, MOVE,
                       NO_DATASET, RESPONSE, VERIFICATION, Wire, decode, encode, wait_for)
from metrics import metrics
from protocols import keys, multiply, protocol
from watch import active_statements, locked, statements_on_locks
from wirescp import WireScp

SERVICE, ECHO, QUERY, STORAGE = 1, 3, 5, 7  # presentation contexts
MATCHES = 10000  # of a match-all; their responses are more than all buffers between us hold
DONE = 3  # sub-operations before the one that is held
REGISTERED = "REGISTERED"  # a calling title with a row: its rights are read before operations,
STALE_S = 0.1  # when they are older than this
_serial = itertools.count(1)


def counts(message):
    """Remaining, completed, failed, warning; None = absent."""
    return tuple(message.command.get(0x1020 + n) for n in range(4))


def cancel_octets(wire, message_id):
    command = {0x0100: C_CANCEL, 0x0120: message_id, 0x0800: NO_DATASET}
    return wire.message_octets(SERVICE, command)


# ---- the three services, driven alike ----------------------------------------------------------------------------
class Operation:
    """One request and what comes for it. "In the middle" it stands still until go_on(): of a C-FIND much more is to
    come than we read, a sub-operation of a C-GET waits for our answer, one of a C-MOVE for the destination's."""

    def __init__(self, case, wire=None, message_id=None, uids=None):
        self.case, self.wire = case, wire or case.connect(self.sop_class)
        self.uids = uids or case.uids
        self.message_id = self.wire.next_id() if message_id is None else message_id
        self.pending, self.final = [], None

    def more(self):
        return {}

    def octets(self):
        identifier = encode(self.identifier(), EXPLICIT)
        command = self.wire.request(self.field, self.sop_class, identifier, self.message_id)
        command.update(self.more())
        command[0x0110] = self.message_id
        return self.wire.message_octets(SERVICE, command, identifier)

    def send(self):
        self.wire.send(self.octets())
        return self

    def cancel(self):
        self.wire.send(cancel_octets(self.wire, self.message_id))
        self.was_cancelled()

    def was_cancelled(self):
        """The cancel is on its way; what happens now happens after it."""

    def owns(self, message):
        return message.command.get(0x0120) == self.message_id

    def read(self):
        """The next message of the association, for whichever operation it is."""
        message = self.wire.read_message()
        owners = [op for op in self.case.operations if op.wire is self.wire and op.owns(message)]
        assert owners, "a message that belongs to nothing"
        owners[-1].take(message)

    def take(self, message):
        assert message.command[0x0100] == self.field | RESPONSE
        assert not self.final, "something after the final response"
        if message.status in (0xFF00, 0xFF01):
            self.pending.append(message)
        else:
            self.final = message

    def until_final(self):
        while not self.final:
            self.read()
        return self.final

    def go_on(self):
        pass

    def expect_stopped(self):
        """What was begun outside of the association has ended."""

    def close(self):
        pass


class Find(Operation):
    name, field, sop_class, table = "find", C_FIND, FIND, "dpp.objects"

    def identifier(self):
        return keys(SOPInstanceUID="", ProtocolName="", PotentialReasonsForProcedure="")

    def begin(self):
        """Into the middle."""
        self.send()
        while len(self.pending) < DONE:
            self.read()
        return self

    def check_whole(self):
        final = self.until_final()
        assert final.status == 0 and counts(final) == (None,) * 4 and final.data is None
        assert len(self.pending) == self.case.matches

    def check_cancelled(self, begun=True, is_known=True):
        final = self.until_final()
        assert final.status == 0xFE00 and counts(final) == (None,) * 4 and final.data is None
        assert DONE <= len(self.pending) < self.case.matches if begun else self.pending == []


class Retrieve(Operation):
    table = "dpp.instances"

    def take(self, message):
        super().take(message)
        assert len(self.pending) < 100, "no end in sight: they come twice a second"

    def identifier(self):
        return keys(SOPInstanceUID=self.uids)

    def check_whole(self):
        final = self.until_final()
        assert final.status == 0 and counts(final) == (None, len(self.uids), 0, 0) and final.data is None
        assert self.delivered == len(self.uids)

    def check_cancelled(self, begun=True, is_known=True):
        """begun: it was in the middle. is_known: the number of sub-operations was known when it was cancelled."""
        final = self.until_final()
        total, failed = len(self.uids) if is_known else 0, self.failed if begun else 0
        assert final.status == 0xFE00
        assert counts(final) == (total - self.delivered - failed, self.delivered, failed, 0)
        assert (self.delivered >= DONE and counts(final)[0] > 0) if begun else self.delivered == 0
        if failed:
            assert decode(final.data, EXPLICIT).FailedSOPInstanceUIDList == self.held_instance
        else:
            assert final.data is None
        assert all(sum(counts(p)) == len(self.uids) for p in self.pending)


class Get(Retrieve):
    name, field, sop_class = "get", C_GET, GET
    failed = 0  # what is outstanding is answered after the cancel, so it counts as completed

    def __init__(self, case, wire=None, message_id=None, uids=None):
        super().__init__(case, wire, message_id, uids)
        self.delivered, self.outstanding, self.held_at = 0, None, None

    def owns(self, message):
        if message.command[0x0100] == C_STORE:
            return message.command[0x1000] in self.uids
        return super().owns(message)

    def take(self, message):
        if message.command[0x0100] != C_STORE:
            super().take(message)
            return
        assert not self.final, "a sub-operation after the final response"
        assert not self.outstanding, "a second sub-operation before the first is answered"
        self.outstanding = message
        if self.delivered != self.held_at:
            self.answer()

    def answer(self):
        if self.outstanding:
            self.wire.answer_store(self.outstanding)
            self.outstanding = None
            self.delivered += 1

    def begin(self):
        self.send()
        self.hold_at(DONE)
        return self

    def hold_at(self, count):
        self.held_at = count
        self.answer()
        while not self.outstanding:
            self.read()

    def go_on(self):
        self.held_at = None
        self.answer()

    def was_cancelled(self):
        self.go_on()


class Move(Retrieve):
    name, field, sop_class = "move", C_MOVE, MOVE
    failed = 1  # what is outstanding: the destination holds on, and is given up

    def __init__(self, case, wire=None, message_id=None, uids=None, title=None, **destination):
        super().__init__(case, wire, message_id, uids)
        self.scp = None if title else WireScp(**destination)
        self.title = title or case.register(self.scp.port)

    def more(self):
        return {0x0600: self.title}

    @property
    def delivered(self):
        return self.scp.answered if self.scp else 0

    @property
    def held_instance(self):
        return self.scp.commands[-1][0x1000]

    def begin(self):
        self.scp.hold_at(DONE)
        self.send()
        self.hold_at(DONE)
        return self

    def hold_at(self, count):
        self.scp.hold_at(count)
        wait_for(lambda: len(self.scp.commands) > count)

    def go_on(self):
        self.scp.go_on()

    def expect_stopped(self):
        if self.scp:
            before = len(self.scp.commands)
            self.scp.go_on()  # and finds its association gone
            wait_for(lambda: self.scp.open == 0)
            assert len(self.scp.commands) == before

    def close(self):
        if self.scp:
            self.scp.close()


SERVICES = {"find": Find, "get": Get, "move": Move}


# ---- the server and what is in it --------------------------------------------------------------------------------
class Case:
    """What the cells need of one server."""

    def __init__(self, database, server, stored):
        self.database, self.server = database, server
        self.names = {uid: name for uid, name in stored}
        self.uids = list(self.names)
        self.matches = MATCHES + len(stored)
        self.wires, self.titles, self.operations = [], [], []

    def connect(self, sop_class, calling="CANCELLER", **options):
        wire = Wire(self.server.port, receive_buffer=32768)
        wire.associate([(SERVICE, sop_class, [EXPLICIT]), (ECHO, VERIFICATION, [IMPLICIT]), (QUERY, FIND, [EXPLICIT]),
                        (STORAGE, CT_PROTOCOL, [EXPLICIT])], roles=[(CT_PROTOCOL, 0, 1)], calling=calling,
                       extra=dicomwire.async_item(4, 1), **options)
        self.wires.append(wire)
        return wire

    def make(self, kind, *arguments, **options):
        self.operations.append(kind(self, *arguments, **options))
        return self.operations[-1]

    def register(self, port):
        """A move destination; its title."""
        title = f"DEST{next(_serial)}"
        self.titles.append(title)
        self.database.query("insert into dpp.application_entities (ae_title, host, port) values (%s, '127.0.0.1', %s)",
                            (title, port))
        return title

    def probe(self, wire=None):
        """A query for something else gets its own answer and nothing else comes; then a C-ECHO."""
        wire = wire or self.connect(FIND)
        uid = random.choice(self.uids)
        number = wire.send_find(QUERY, keys(SOPInstanceUID=uid, ProtocolName=""))
        answers = []
        while not answers or answers[-1].status == 0xFF00:
            answers.append(wire.read_message())
            assert answers[-1].command[0x0120] == number, "something else came"
        assert [m.status for m in answers] == [0xFF00, 0]
        assert decode(answers[0].data, EXPLICIT).ProtocolName == self.names[uid]
        number = wire.next_id()
        wire.send_message(ECHO, {0x0002: VERIFICATION, 0x0100: 0x0030, 0x0110: number, 0x0800: NO_DATASET})
        echo = wire.read_message()
        assert (echo.command[0x0120], echo.status) == (number, 0), "something else came"

    def expect_no_statement(self):
        wait_for(lambda: active_statements(self.database) == 0)

    def check_aftermath(self, op, wire=None):
        self.probe(wire or op.wire)
        op.expect_stopped()
        self.expect_no_statement()
        self.probe(wire or op.wire)

    def check_cancelled(self, op, **expected):
        op.check_cancelled(**expected)
        self.check_aftermath(op)

    def close(self):
        for op in self.operations:
            op.close()
        for wire in self.wires:
            wire.close()
        if self.titles:
            self.database.query("delete from dpp.application_entities where ae_title = any(%s)", (self.titles,))


@pytest.fixture(scope="module")
def stored(database):
    """Instances to retrieve, among many that are there to be found: [(uid, protocol name)]"""
    server = Server(database.uri)
    wire = Wire(server.port).associate([(1, CT_PROTOCOL, [EXPLICIT])])
    made = [protocol(PotentialReasonsForProcedure="r" * 1000, ProtocolDesignRationale="d" * 20000) for _ in range(12)]
    for ds in made:
        assert wire.store(1, encode(ds, EXPLICIT), CT_PROTOCOL, ds.SOPInstanceUID).status == 0
    wire.release()
    assert server.stop() == 0
    multiply(database, made[0].SOPInstanceUID, MATCHES)
    database.query("insert into dpp.application_entities (ae_title) values (%s)", (REGISTERED,))
    return [(ds.SOPInstanceUID, ds.ProtocolName) for ds in made]


def running(database, **settings):
    server = Server(database.uri, workers=1, retrieve_workers=1, retrieve_connections=1, fetch_batch="64KiB",
                    **settings)
    yield server
    assert server.stop() == 0, server.log[-6000:]
    assert "Sanitizer" not in server.log, server.log[-8000:]


@pytest.fixture(scope="module")
def narrow_server(database, stored):
    yield from running(database, database_connections=1)


@pytest.fixture(scope="module")
def wide_server(database, stored):
    yield from running(database, database_connections=4)


def using(database, server, stored):
    case = Case(database, server, stored)
    yield case
    case.close()
    case.expect_no_statement()


@pytest.fixture
def narrow(database, narrow_server, stored):
    """One database connection for everything."""
    yield from using(database, narrow_server, stored)


@pytest.fixture
def wide(database, wide_server, stored):
    yield from using(database, wide_server, stored)


@pytest.fixture(params=SERVICES)
def kind(request):
    return SERVICES[request.param]


# ---- before it has begun ------------------------------------------------------------------------------------------
def test_in_the_segment_of_its_request(narrow, kind):
    op = narrow.make(kind)
    op.wire.send(op.octets() + cancel_octets(op.wire, op.message_id))
    narrow.check_cancelled(op, begun=False, is_known=False)


def test_before_the_first_response(narrow, kind):
    """Its statement is at work: the cancel ends it."""
    op = narrow.make(kind)
    with locked(narrow.database, op.table):
        op.send()
        wait_for(lambda: statements_on_locks(narrow.database) == 1)
        op.cancel()
        op.check_cancelled(begun=False, is_known=False)
        wait_for(lambda: statements_on_locks(narrow.database) == 0)
    narrow.check_aftermath(op)


def test_while_it_waits_for_a_database_connection(narrow, kind):
    hog = narrow.make(Find)
    op = narrow.make(kind)
    hog.begin()  # and nobody reads on
    op.send()
    wait_for(lambda: metrics(narrow.server)["dppr_database_waiting"] == 1)
    op.cancel()
    op.check_cancelled(begun=False, is_known=False)
    assert metrics(narrow.server)["dppr_database_waiting"] == 0
    hog.wire.abort()
    narrow.check_aftermath(op)


def test_while_rights_are_read(narrow, kind):
    op = narrow.make(kind, narrow.connect(kind.sop_class, calling=REGISTERED))
    time.sleep(STALE_S)
    with locked(narrow.database, "dpp.application_entities"):
        op.send()
        wait_for(lambda: statements_on_locks(narrow.database) == 1)
        op.cancel()
        op.check_cancelled(begun=False, is_known=False)
        wait_for(lambda: statements_on_locks(narrow.database) == 0)
    narrow.check_aftermath(op)


# ---- while it runs ------------------------------------------------------------------------------------------------
def test_in_the_middle(narrow, kind):
    op = narrow.make(kind).begin()
    op.cancel()
    narrow.check_cancelled(op)


def test_twice(narrow, kind):
    """And once more when it is over."""
    op = narrow.make(kind).begin()
    octets = cancel_octets(op.wire, op.message_id)
    op.wire.send(octets + octets)
    op.was_cancelled()
    op.until_final()
    op.wire.send(octets)
    narrow.check_cancelled(op)


def test_octet_by_octet(narrow, kind):
    op = narrow.make(kind).begin()
    for octet in cancel_octets(op.wire, op.message_id):
        op.wire.send(bytes([octet]))
        time.sleep(0.001)
    op.was_cancelled()
    narrow.check_cancelled(op)


def test_in_two_pdus(narrow, kind):
    op = narrow.make(kind).begin()
    command = dicomwire.command_bytes({0x0100: C_CANCEL, 0x0120: op.message_id, 0x0800: NO_DATASET})
    for fragment, is_last in ((command[:30], False), (command[30:], True)):
        op.wire.send(dicomwire.pdu(4, dicomwire.pdv(SERVICE, True, is_last, fragment)))
        time.sleep(0.05)
    op.was_cancelled()
    narrow.check_cancelled(op)


def test_of_one_among_several(wide, kind):
    """The other operation of the same association gets all that is its own."""
    wire = wide.connect(kind.sop_class)
    one, other = wide.make(kind, wire, uids=wide.uids[:6]), wide.make(kind, wire, uids=wide.uids[6:])
    one.begin()
    other.send() if kind is Get else other.begin()  # the one has the only place for a sub-operation
    one.cancel()
    one.check_cancelled()
    assert not other.final
    other.go_on()
    other.check_whole()
    wide.check_aftermath(one)


def test_of_a_get_whose_turn_has_not_come(wide):
    wire = wide.connect(GET)
    one, other = wide.make(Get, wire, uids=wide.uids[:6]), wide.make(Get, wire, uids=wide.uids[6:])
    one.begin()
    other.send()
    while not other.pending:
        other.read()
    other.cancel()
    other.check_cancelled(begun=False)
    one.go_on()
    one.check_whole()
    wide.check_aftermath(other)


@pytest.mark.parametrize("kind", [Get, Move])
def test_while_octets_are_fetched(narrow, kind):
    """The next batch, while a sub-operation is outstanding."""
    op = narrow.make(kind).begin()
    with locked(narrow.database, op.table):
        op.hold_at(DONE + 1)
        wait_for(lambda: statements_on_locks(narrow.database) == 1)
        op.wire.send(cancel_octets(op.wire, op.message_id))
        wait_for(lambda: statements_on_locks(narrow.database) == 0)
        op.was_cancelled()
        op.check_cancelled()
    narrow.check_aftermath(op)


@pytest.mark.parametrize("kind", [Get])
def test_by_a_requester_that_answers_no_suboperation(narrow, kind):
    """It has time to answer, however often it cancels, but not for ever; and the association goes on."""
    op = narrow.make(kind).begin()
    op.wire.send(cancel_octets(op.wire, op.message_id))
    while not op.final:
        op.read()
        op.wire.send(cancel_octets(op.wire, op.message_id))
    assert op.final.status == 0xFE00 and counts(op.final) == (len(op.uids) - DONE - 1, DONE, 1, 0)
    assert decode(op.final.data, EXPLICIT).FailedSOPInstanceUIDList == op.outstanding.command[0x1000]
    op.wire.answer_store(op.outstanding)  # too late: finds nobody
    narrow.check_aftermath(op)


# ---- a move that has not reached its destination -------------------------------------------------------------------
def in_the_queue(case):
    busy = case.make(Move).begin()
    return case.make(Move, title=busy.title)


def without_a_place(case):
    """Another server has all there are."""
    op = case.make(Move)
    case.database.query("insert into dpp.destination_slots (ae_title, slot, holder, expires_at)"
                        " values (%s, 1, 'another', now() + interval '1 hour')", (op.title,))
    return op


def not_connected(case):
    """Nobody takes the connection."""
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    fill = [socket.socket() for _ in range(4)]
    for s in fill:
        s.setblocking(False)
        s.connect_ex(full.getsockname())
    case.wires += [full, *fill]  # to be closed
    return case.make(Move, title=case.register(full.getsockname()[1]))


def not_associated(case):
    return case.make(Move, hang="associate")


def put_off(case):
    """Rejected for now; it would be asked again."""
    return case.make(Move, reject=(2, 3, 2))


@pytest.mark.parametrize("waiting", [in_the_queue, without_a_place, not_connected, not_associated, put_off])
def test_of_a_move_that_waits_for_its_destination(narrow, waiting):
    op = waiting(narrow).send()
    while len(op.pending) < 2:  # the second says that it lives
        op.read()
    op.cancel()
    op.check_cancelled(begun=False)
    narrow.check_aftermath(op)
    # it has left its turn to whoever comes next
    narrow.database.query("delete from dpp.destination_slots where holder = 'another'")
    for busy in narrow.operations[:-1]:
        assert not busy.final
        busy.go_on()
        busy.check_whole()
    scp = narrow.operations[0].scp
    if scp:
        scp.reject = None
        before = scp.associations
        narrow.make(Move, title=op.title).send().until_final()
        assert scp.associations == before + 1 and scp.answered % len(op.uids) == 0


def test_while_the_destination_is_looked_up(narrow):
    op = narrow.make(Move)
    with locked(narrow.database, "dpp.application_entities"):
        op.send()
        wait_for(lambda: statements_on_locks(narrow.database) == 1)
        op.cancel()
        op.check_cancelled(begun=False, is_known=False)
        wait_for(lambda: statements_on_locks(narrow.database) == 0)
    narrow.check_aftermath(op)


# ---- cancels that have no effect -----------------------------------------------------------------------------------
def test_of_an_unknown_message_id(narrow, kind):
    op = narrow.make(kind).begin()
    op.wire.send(cancel_octets(op.wire, op.message_id + 1) + cancel_octets(op.wire, 0))
    op.go_on()
    op.check_whole()
    narrow.check_aftermath(op) if kind is not Move else narrow.probe(op.wire)


def test_without_message_id_being_responded_to(narrow, kind):
    """It must not be taken for 0, which is a Message ID like others."""
    op = narrow.make(kind, message_id=0).begin()
    op.wire.send(op.wire.message_octets(SERVICE, {0x0100: C_CANCEL, 0x0110: 0, 0x0800: NO_DATASET}))
    op.go_on()
    op.check_whole()
    narrow.probe(op.wire)


def test_after_the_last_response(narrow, kind):
    """It has no effect on the next operation either, though that has the same Message ID."""
    op = narrow.make(kind).send()
    op.check_whole()
    op.wire.send(cancel_octets(op.wire, op.message_id))
    again = narrow.make(kind, op.wire, op.message_id)
    narrow.operations.remove(op)
    again.send().check_whole()
    narrow.probe(op.wire)


# ---- and then the requester leaves ---------------------------------------------------------------------------------
def test_and_release(narrow, kind):
    op = narrow.make(kind).begin()
    op.wire.send(cancel_octets(op.wire, op.message_id) + dicomwire.pdu(5, bytes(4)))
    with pytest.raises(dicomwire.UnexpectedPdu) as end:
        while True:
            op.read()
    assert end.value.kind == 6, "the release is answered"
    # nobody need be told of what was still outstanding
    assert op.final.status == 0xFE00 if kind is Find else op.final is None
    narrow.check_aftermath(op, narrow.connect(FIND))


@pytest.mark.parametrize("leave", ["abort", "close"])
def test_and_leave(narrow, kind, leave):
    op = narrow.make(kind).begin()
    op.wire.send(cancel_octets(op.wire, op.message_id))
    getattr(op.wire, leave)()
    narrow.check_aftermath(op, narrow.connect(FIND))


# ---- again and again -----------------------------------------------------------------------------------------------
def test_at_any_moment(narrow, kind):
    """A late cancel request must not hit the statement after the one that it is meant for."""
    wire = narrow.connect(kind.sop_class)
    for _ in range(10 if kind is Move else 30):
        op = narrow.make(kind, wire).send()
        time.sleep(random.choice((0, random.uniform(0, 0.02))))
        op.cancel()
        final = op.until_final()
        narrow.probe(wire)
        op.expect_stopped()
        assert final.status in (0, 0xFE00)
        if kind is not Find:
            remaining, completed, failed, warning = (n or 0 for n in counts(final))
            assert remaining + completed in (0, len(op.uids)) and completed == op.delivered
            assert failed == warning == 0
    narrow.expect_no_statement()
