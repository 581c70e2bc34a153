# SPDX-License-Identifier: Apache-2.0
"""C-GET and C-MOVE as one table: what can become of the sub-operations x the two services (PS3.4 C.4.2, C.4.3, HH.6).

Each cell says the whole final response: status, the four counters (None = the element is absent), which instances are in
Failed SOP Instance UID List and in which order (None = there is no data set), what Error Comment says. Whatever the cell,
each pending response has all four counters, which add up to the number of sub-operations, and no data set; and afterwards
counters, log and server agree with what the peers saw.

One thread plays requester and destination. The association to the destination has no asynchronous operations window, so
sub-operations come one by one and in the order of the request, and so do failures.
"""
import contextlib
import itertools
import re
import socket
import struct
import time
from dataclasses import dataclass, field

import pytest

import dicomwire
from conftest import DPPR_FAULTS, Server
from dicomwire import (BIG_ENDIAN, C_CANCEL, C_ECHO, C_GET, C_MOVE, C_STORE, CT_PROTOCOL, DEFLATED, EXPLICIT, GET, IMPLICIT,
                       MOVE, NO_DATASET, RESPONSE, SYNTAXES, VERIFICATION, XA_PROTOCOL, Wire, decode, encode, wait_for)
from metrics import metrics, total
from protocols import keys, new_uid, protocol
from watch import active_statements
from wirescp import WireScp, associate_ac

SERVICE, ECHO, CT, XA = 1, 3, 5, 7  # presentation contexts
OK, WARNS, FAILS, MALFORMED = 0x0000, 0xB006, 0xA700, "without a status"  # answers to a C-STORE
REFUSED = "C-STORE was answered with A700 refused: out of resources"
COUNT = 5  # stored: three CT, then two XA
RETIRED, STUBBORN = COUNT, COUNT + 1  # one that is not shown, and one that cannot be converted
LARGE = tuple(range(COUNT + 2, COUNT + 6))  # so much that each is fetched alone
FRESH_S = 0.15  # so long rights are believed (service/admission)
_serial = itertools.count(1)


# ---- the stage ------------------------------------------------------------------------------------------------------
class Stage:
    """A server and what it has stored."""

    def __init__(self, database, server, uids):
        self.database, self.server, self.uids = database, server, uids

    def register(self, title, **columns):
        columns["ae_title"] = title
        self.database.query(f"insert into dpp.application_entities ({', '.join(columns)})"
                            f" values ({', '.join(['%s'] * len(columns))})", tuple(columns.values()))

    def forget(self, title):
        self.database.query("delete from dpp.application_entities where ae_title = %s", (title,))

    def operations(self):
        """{(service, outcome): sub-operations}"""
        found = metrics(self.server)
        return {(service, outcome): total(found, "dppr_suboperations_total", service=service, outcome=outcome)
                for service in ("get", "move") for outcome in ("completed", "failed", "warning")}

    def check_health(self):
        wire = Wire(self.server.port).associate([(1, VERIFICATION, [IMPLICIT])])
        assert wire.echo() == 0
        wire.release()
        wait_for(lambda: metrics(self.server)["dppr_associations_open"] == 0, interval=0.01)
        wait_for(lambda: metrics(self.server)["dppr_database_waiting"] == 0)  # the heartbeat takes one too
        wait_for(lambda: self.database.query("select count(*) from dpp.destination_slots"
                                             " where expires_at > now()") == [(0,)], interval=0.01)
        wait_for(lambda: active_statements(self.database) == 0, interval=0.01)


def stubborn(uid):
    """A sequence where the dictionary has text, which Implicit VR cannot tell (decision: sent as it is or not at all)."""
    octets = encode(protocol(SOPInstanceUID=uid, Manufacturer="ACME"), EXPLICIT)
    text = struct.pack("<HH2sH", 0x0008, 0x0070, b"LO", 4) + b"ACME"
    assert octets.count(text) == 1
    return octets.replace(text, struct.pack("<HH2sHI", 0x0008, 0x0070, b"SQ", 0, 8) + struct.pack("<HHI", 0xFFFE, 0xE000, 0))


@pytest.fixture(scope="module")
def stored(database):
    server = Server(database.uri)
    wire = Wire(server.port).associate([(1, CT_PROTOCOL, [EXPLICIT]), (3, XA_PROTOCOL, [EXPLICIT])])
    uids = []
    for n in range(LARGE[-1] + 1):
        sop_class, context = (XA_PROTOCOL, 3) if n in (3, 4) else (CT_PROTOCOL, 1)
        ds = protocol(SOPClassUID=sop_class, ProtocolDesignRationale="x" * 40000 * (n in LARGE))
        octets = stubborn(ds.SOPInstanceUID) if n == STUBBORN else encode(ds, EXPLICIT)
        assert wire.store(context, octets, sop_class, ds.SOPInstanceUID).status == 0
        uids.append(ds.SOPInstanceUID)
    wire.release()
    assert server.stop() == 0
    database.amend("update dpp.objects set state = 'retired', retired_at = now(), retired_reason = 'test'"
                   " where sop_instance_uid = %s", (uids[RETIRED],))
    return uids


def running(database, stored, **settings):
    server = Server(database.uri, log_repeat=0, **settings)
    yield Stage(database, server, stored)
    assert server.stop() == 0, server.log[-6000:]
    assert "Sanitizer" not in server.log, server.log[-8000:]


@pytest.fixture(scope="module")
def patient(database, stored):
    yield from running(database, stored)


@pytest.fixture(scope="module")
def narrow(database, stored):
    """Fetches a large instance when the one before it has been sent, and no earlier."""
    yield from running(database, stored, fetch_batch="64KiB")


# Of whose deadlines a cell waits for one; what is answered before it has time enough on any machine.
@pytest.fixture(scope="module")
def hasty(database, stored):
    yield from running(database, stored, suboperation_timeout="500ms")


@pytest.fixture(scope="module")
def impatient(database, stored):
    yield from running(database, stored, suboperation_timeout="3s")


@pytest.fixture(scope="module")
def unwaiting(database, stored):
    yield from running(database, stored, destination_wait="500ms")


@pytest.fixture(scope="module")
def faulty(database, stored, tmp_path_factory):
    faults = tmp_path_factory.mktemp("faults") / "faults"
    faults.write_text("")
    for stage in running(database, stored, program=DPPR_FAULTS, more_environment={"FAULT_FILE": str(faults)}):
        stage.faults = faults
        yield stage


# ---- the two services, driven alike -----------------------------------------------------------------------------------
class Left(Exception):
    """Who was to answer is gone."""


class Operation:
    """One request. answers: {place in the request: status of its C-STORE response, or what a function of the operation
    returns}; None = no answer."""

    def __init__(self, stage, row, answers):
        self.stage, self.row, self.answers = stage, row, answers
        self.title = f"{self.name}{next(_serial)}"
        self.undo = []
        if row.revoked:
            stage.register(self.title)
        self.sent, self.unanswered = [], []  # places of the sub-operations that came; messages
        self.pending, self.final = [], None
        self.wire = self.connect()
        self.message_id = self.wire.next_id()
        if row.revoked:
            stage.database.query(f"update dpp.application_entities set may_{self.name} = false where ae_title = %s",
                                 (self.title,))
            time.sleep(FRESH_S)

    def request(self):
        asked = [self.uid(n) for n in self.row.asked]
        data = encode(keys(SOPInstanceUID=asked), EXPLICIT)
        command = {**self.wire.request(self.field, self.sop_class, data), 0x0110: self.message_id, **self.more()}
        self.wire.send_message(SERVICE, command, data)

    def uid(self, n):
        return new_uid() if n is None else self.stage.uids[n]

    def place(self, message):
        assert message.command[0x0100] == C_STORE and message.command[0x0700] == 0
        assert not self.final, "a sub-operation after the final response"
        uid = message.command[0x1000]
        assert decode(message.data, self.syntax_of(message)).SOPInstanceUID == uid
        self.sent.append(self.stage.uids.index(uid))
        return self.sent[-1]

    def answer_to(self, message):
        answer = self.answers.get(self.place(message), OK)
        return answer(self) if callable(answer) else answer

    def reply(self, wire, message, status):
        if status is None:
            self.unanswered.append((wire, message))
        elif status == MALFORMED:
            wire.send_message(message.context, {0x0002: message.command[0x0002], 0x0100: C_STORE | RESPONSE,
                                                0x0120: message.command[0x0110], 0x0800: NO_DATASET})
        else:
            wire.answer_store(message, status)

    def take(self, message):
        command = message.command
        assert (command[0x0100], command[0x0120]) == (self.field | RESPONSE, self.message_id)
        assert command[0x0002] == self.sop_class and 0x1000 not in command
        assert not self.final, "something after the final response"
        if message.status == 0xFF00:
            self.pending.append(message)
        else:
            self.final = message

    def cancel(self):
        self.wire.send_message(SERVICE, {0x0100: C_CANCEL, 0x0120: self.message_id, 0x0800: NO_DATASET})

    def expect_nothing_more(self):
        """But pending responses, where there is no final one yet."""
        for wire, message in self.unanswered:
            with contextlib.suppress(OSError):  # an association for sub-operations has been aborted
                wire.answer_store(message)  # too late: ignored
        number = self.wire.next_id()
        self.wire.send_message(ECHO, {0x0002: VERIFICATION, 0x0100: C_ECHO, 0x0110: number, 0x0800: NO_DATASET})
        while (echo := self.wire.read_message()).command[0x0120] == self.message_id and not self.final:
            self.take(echo)
        assert (echo.command[0x0100], echo.command[0x0120], echo.status) == (C_ECHO | RESPONSE, number, 0)

    def leave(self, how):
        """The requester, while a sub-operation is outstanding."""
        if how == "release":
            self.wire.send(dicomwire.pdu(5, bytes(4)))
            with pytest.raises(dicomwire.UnexpectedPdu) as end:
                while True:
                    self.take(self.wire.read_message())
            assert end.value.kind == 6, "the release is answered"
            self.wire.close()
        elif how == "reset":
            self.wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.wire.close()
        else:
            getattr(self.wire, how)()  # abort, close

    def finish(self):
        self.stage.forget(self.title)
        for sql, parameters in self.undo:
            self.stage.database.amend(sql, parameters)


class Get(Operation):
    name, field, sop_class = "get", C_GET, GET

    def connect(self):
        contexts = [(SERVICE, GET, [EXPLICIT]), (ECHO, VERIFICATION, [IMPLICIT])]
        contexts += [(number, sop_class, [self.row.syntax]) for number, sop_class in ((CT, CT_PROTOCOL), (XA, XA_PROTOCOL))
                     if sop_class in self.row.classes]
        roles = [(c, *self.row.roles) for c in self.row.classes] if self.row.roles else []
        window = dicomwire.async_item(1, self.row.window) if self.row.window > 1 else b""
        return Wire(self.stage.server.port).associate(contexts, roles=roles, calling=self.title, extra=window)

    def more(self):
        return {}

    def syntax_of(self, message):
        return self.wire.transfer[message.context]

    def run(self):
        self.request()
        with contextlib.suppress(Left):
            while not self.final:
                message = self.wire.read_message()
                if message.command[0x0100] != C_STORE:
                    self.take(message)
                    continue
                assert 0x1030 not in message.command and 0x1031 not in message.command
                self.reply(self.wire, message, self.answer_to(message))


class Move(Operation):
    """The destination is a socket of ours, unless the row has another."""
    name, field, sop_class = "move", C_MOVE, MOVE

    def connect(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(30)
        self.peer, self.destination = None, None
        self.to = self.row.to(self) if self.row.to else self.register(self.listener.getsockname()[1])
        return Wire(self.stage.server.port).associate(
            [(SERVICE, MOVE, [EXPLICIT]), (ECHO, VERIFICATION, [IMPLICIT])], calling=self.title)

    def register(self, port, **columns):
        title = f"TO{next(_serial)}"
        self.stage.register(title, **{"host": "127.0.0.1", "port": port, **columns})
        return title

    def more(self):
        return {0x0600: self.to}

    def syntax_of(self, message):
        return self.peer.transfer[message.context]

    def run(self):
        self.request()
        if not self.row.to and self.row.associates:
            with contextlib.suppress(Left, dicomwire.Closed, dicomwire.Aborted, ConnectionError):
                self.serve()
        if self.row.gone:
            return
        while not self.final:
            self.take(self.wire.read_message())

    def serve(self):
        self.accept()
        while True:
            try:
                message = self.peer.read_message()
            except dicomwire.UnexpectedPdu as other:
                assert other.kind == 5
                self.peer.send(dicomwire.pdu(6, bytes(4)))
                return
            assert (message.command[0x1030], message.command[0x1031]) == (self.title, self.message_id)
            self.reply(self.peer, message, self.answer_to(message))

    def accept(self):
        """The destination's side of the association, context by context."""
        sock, _ = self.listener.accept()
        sock.settimeout(30)
        wire = self.peer = Wire.__new__(Wire)
        wire.sock, wire.pending, wire.peer_max = sock, [], 16384
        kind, body = wire.read_pdu()
        assert kind == 1
        octets, wire.transfer = associate_ac(body, lambda sop_class, syntax: 3 if sop_class not in self.row.classes
                                             else 0 if syntax == self.row.syntax else 4)
        wire.send(octets)

    def destination_leaves(self, how):
        if how == "release":
            self.peer.send(dicomwire.pdu(5, bytes(4)))
            while True:
                if self.peer.read_pdu()[0] == 6:
                    break
        elif how == "abort":
            self.peer.send(dicomwire.pdu(7, bytes(4)))
        self.peer.close()
        raise Left

    def finish(self):
        super().finish()
        if self.peer:
            self.peer.close()
        self.listener.setblocking(False)
        if not self.row.associates:
            with pytest.raises(BlockingIOError):
                self.listener.accept()
        self.listener.close()
        if self.destination:
            self.destination.close()
        self.stage.forget(self.to)


# ---- the table --------------------------------------------------------------------------------------------------------
ALL = (CT_PROTOCOL, XA_PROTOCOL)
UNSUPPORTED = "1.2.840.10008.1.2.4.50"


@dataclass
class Row:
    name: str
    clause: str
    asked: tuple = tuple(range(COUNT))  # places of stored; None = unknown
    answers: dict = field(default_factory=dict)
    get_answers: dict = None  # where the services differ
    move_answers: dict = None
    classes: tuple = ALL  # that the peer takes
    syntax: str = EXPLICIT  # in which it takes them
    window: int = 1  # C-GET: operations that the requester performs at once
    roles: tuple = (0, 1)  # C-GET: proposed for them; None = no role selection
    to: object = None  # C-MOVE: another destination, registered by a function of the operation
    associates: bool = True  # C-MOVE: the destination is called
    gone: bool = False  # the requester leaves
    revoked: bool = False  # its right, after negotiation
    stage: str = "patient"
    logs: object = None  # what the server writes meanwhile, by a function of the operation
    # status, (remaining, completed, failed, warning), places in the list or None, Error Comment or None
    both: tuple = None
    get: tuple = None
    move: tuple = None


def cancels(then):
    """At this sub-operation the requester cancels; it is answered so."""
    def act(op):
        op.cancel()
        return then
    return act


def leaves(how):
    def act(op):
        op.leave(how)
        raise Left
    return act


def destination_leaves(how):
    return lambda op: op.destination_leaves(how)


def destination_asks(op):
    """On the association for sub-operations, where it is SCP."""
    context = next(iter(op.peer.transfer))
    op.peer.send_message(context, op.peer.request(C_ECHO, VERIFICATION, message_id=1))
    with pytest.raises(dicomwire.Aborted) as end:
        op.peer.read_message()
    assert end.value.source == 0
    raise Left


def vanishes(n):
    """An instance that was found is not there any more when it is to be fetched."""
    def act(op):
        op.undo.append(("insert into dpp.instances select * from vanished", ()))
        op.undo.append(("drop table vanished", ()))
        op.stage.database.query("create table vanished as select i.* from dpp.instances i join dpp.objects o on o.id = object_id"
                                " where sop_instance_uid = %s", (op.uid(n),))
        op.stage.database.amend("delete from dpp.instances where object_id in (select object_id from vanished)")
        return OK
    return act


def becomes_another(n):
    """As after a failover that lost rows: when it is to be fetched its id is that of an object with other content."""
    def act(op):
        (kept,), = op.stage.database.query("select digest from dpp.instances join dpp.objects o on o.id = object_id"
                                           " where sop_instance_uid = %s", (op.uid(n),))
        write = "update dpp.instances set digest = %s from dpp.objects o where o.id = object_id and sop_instance_uid = %s"
        op.undo.append((write, (kept, op.uid(n))))
        op.stage.database.amend(write, (b"x" * 32, op.uid(n)))
        return OK
    return act


def forbidden(op):
    return op.register(104, is_destination=False)


def nobody_listens(op):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return op.register(s.getsockname()[1])


def no_such_host(op):
    return op.register(104, host="no-such-host.invalid")


def rejecting(*reason):
    def destination(op):
        op.destination = WireScp(reject=reason)
        return op.register(op.destination.port)
    return destination


def closing(op):
    """Takes the connection and closes it: nothing is said about an association."""
    op.destination = WireScp(hang="connect")
    op.destination.serve = lambda sock: sock.close()
    return op.register(op.destination.port)


UNCOUNTED = (None,) * 4
COMPLETE = (0x0000, (None, COUNT, 0, 0), None, None)
NOTHING = (0x0000, (None, 0, 0, 0), None, None)
EVERY = list(range(COUNT))
ALL_FAILED = (None, 0, COUNT, 0)

ROWS = [
    # the answers to the C-STOREs
    Row("all succeed", "C.4.2.3.1, C.4.3.3.1", both=COMPLETE),
    Row("some warn", "C.4.2.1.5: B000", answers={1: WARNS, 3: WARNS},
        both=(0xB000, (None, 3, 0, 2), None, None)),
    Row("all warn", "C.4.2.1.5: B000", answers=dict.fromkeys(EVERY, WARNS),
        both=(0xB000, (None, 0, 0, COUNT), None, None)),
    Row("some fail", "C.4.2.1.4.2: the list has them", answers={1: FAILS, 3: 0xC000},
        both=(0xB000, (None, 3, 2, 0), [1, 3], REFUSED)),
    Row("all but one fail", "C.4.2.1.5: B000", answers={n: FAILS for n in EVERY if n != 2},
        both=(0xB000, (None, 1, 4, 0), [0, 1, 3, 4], REFUSED)),
    Row("all fail", "C.4.2.1.5: A702", answers=dict.fromkeys(EVERY, FAILS),
        both=(0xA702, ALL_FAILED, EVERY, REFUSED)),
    Row("some fail and some warn", "C.4.2.1.5: B000", answers={0: WARNS, 1: FAILS, 4: FAILS},
        both=(0xB000, (None, 2, 2, 1), [1, 4], REFUSED)),
    Row("some fail and the others warn", "C.4.2.1.5: B000", answers={**dict.fromkeys(EVERY, WARNS), 2: 0x0110},
        both=(0xB000, (None, 0, 1, 4), [2], "C-STORE was answered with 0110")),
    Row("a status of no class fails", "PS3.7 Annex C", answers={2: 0xFF00},
        both=(0xB000, (None, 4, 1, 0), [2], "C-STORE was answered with FF00")),
    Row("a response without status", "PS3.7 table 9.3-2", answers={2: MALFORMED},
        both=(0xB000, (None, 4, 1, 0), [2], "C-STORE was answered with a malformed response")),
    Row("the order is that of the request", "decision 27", asked=(4, 1, 3), answers={3: FAILS, 4: FAILS},
        both=(0xB000, (None, 1, 2, 0), [4, 3], REFUSED)),

    # what is asked for
    Row("none found", "decision 27", asked=(None, None), associates=False, both=NOTHING),
    Row("some unknown", "decision 27", asked=(None, 0, None, 3), both=(0x0000, (None, 2, 0, 0), None, None)),
    Row("retired", "decision 27", asked=(RETIRED,), associates=False, both=NOTHING),
    Row("some retired", "decision 27", asked=(0, RETIRED, 1), both=(0x0000, (None, 2, 0, 0), None, None)),
    Row("duplicates", "decision 27", asked=(0, 1, 0, 0, 1), both=(0x0000, (None, 2, 0, 0), None, None)),
    Row("some unknown, some fail", "decision 27", asked=(None, 0, 1), answers={0: FAILS, 1: FAILS},
        both=(0xA702, (None, 0, 2, 0), [0, 1], REFUSED)),

    # C-CANCEL in the middle: a requester that answers first what is outstanding, and a destination that does not
    Row("cancelled in the middle", "C.4.2.3.1, C.4.3.3.1: FE00", get_answers={2: cancels(OK)},
        move_answers={2: cancels(None)},
        get=(0xFE00, (2, 3, 0, 0), None, None),
        move=(0xFE00, (2, 2, 1, 0), [2], "cancel-grace: no answer to C-STORE when cancelled")),
    Row("cancelled after failures and warnings", "C.4.2.1.4.2", get_answers={0: FAILS, 1: WARNS, 2: cancels(FAILS)},
        move_answers={0: FAILS, 1: WARNS, 2: cancels(None)},
        get=(0xFE00, (2, 0, 2, 1), [0, 2], REFUSED), move=(0xFE00, (2, 0, 2, 1), [0, 2], REFUSED)),
    Row("cancelled at the last", "C.4.2.3.1: all are done all the same", get_answers={4: cancels(OK)},
        move_answers={4: cancels(None)},
        get=(0xFE00, (0, COUNT, 0, 0), None, None),
        move=(0xFE00, (0, 4, 1, 0), [4], "cancel-grace: ")),

    # the requester leaves: no final response (decision: the rest is not sent)
    *[Row(f"requester gone: {how}", "C.4.2.3.1 leaves it open", answers={2: leaves(how)}, gone=True)
      for how in ("release", "abort", "close", "reset")],

    # the destination leaves; a requester that leaves is all there is of it in a C-GET
    Row("destination refuses connections", "decision 28: A702", to=nobody_listens,
        move=(0xA702, ALL_FAILED, EVERY, r"TO\d+: .*refused")),
    Row("destination has no address", "decision 28: A702", to=no_such_host,
        move=(0xA702, ALL_FAILED, EVERY, r"TO\d+: ")),
    Row("destination rejects for good", "PS3.8 9.3.4", to=rejecting(1, 1, 7),
        move=(0xA702, ALL_FAILED, EVERY, r"TO\d+ rejected permanently by the service user")),
    Row("destination rejects for now", "PS3.8 9.3.4", to=rejecting(2, 3, 2), stage="unwaiting",
        move=(0xA702, ALL_FAILED, EVERY, r"destination-wait: TO\d+ rejected for now by the service provider")),
    Row("destination closes at once", "PS3.8 9.3.4", to=closing,
        move=(0xA702, ALL_FAILED, EVERY, r"TO\d+: ")),
    Row("destination aborts in the middle", "C.4.2.3.1", move_answers={2: destination_leaves("abort")},
        move=(0xB000, (None, 2, 3, 0), [2, 3, 4], r"TO\d+: aborted by the service user")),
    Row("destination closes in the middle", "C.4.2.3.1", move_answers={2: destination_leaves("close")},
        move=(0xB000, (None, 2, 3, 0), [2, 3, 4], r"TO\d+: the peer closed the connection without release or abort")),
    Row("destination releases in the middle", "C.4.2.3.1", move_answers={2: destination_leaves("release")},
        move=(0xB000, (None, 2, 3, 0), [2, 3, 4], r"TO\d+ released the association too early")),
    Row("destination sends a request", "PS3.7 D.3.3.4", move_answers={2: destination_asks},
        move=(0xB000, (None, 2, 3, 0), [2, 3, 4], r"TO\d+: aborted by us: a request where only responses are due")),
    Row("destination aborts at the first", "C.4.2.3.1", move_answers={0: destination_leaves("abort")},
        move=(0xA702, ALL_FAILED, EVERY, r"TO\d+: aborted by the service user")),
    Row("no answer in the middle", "decision: not asked again", answers={2: None}, stage="impatient",
        both=(0xB000, (None, 2, 3, 0), [2, 3, 4], "suboperation-timeout: no answer to C-STORE within 3000 ms")),
    Row("no answer at the first", "decision: not asked again", answers={0: None}, stage="hasty",
        both=(0xA702, ALL_FAILED, EVERY, "suboperation-timeout: no answer to C-STORE within 500 ms")),

    # contexts
    Row("no context for a class", "C.4.2.3.1: such a sub-operation has failed", classes=(CT_PROTOCOL,),
        both=(0xB000, (None, 3, 2, 0), [3, 4], "no role/context for XA Defined Procedure Protocol")),
    Row("no context for any", "C.4.2.1.5: A702", classes=(),
        both=(0xA702, ALL_FAILED, EVERY, "no role/context for CT Defined Procedure Protocol")),
    Row("no common transfer syntax", "PS3.8 table 9-18: result 4", syntax=UNSUPPORTED,
        both=(0xA702, ALL_FAILED, EVERY, "no role/context for CT Defined Procedure Protocol")),
    Row("another transfer syntax", "decision 3: converted", syntax=IMPLICIT, both=COMPLETE),
    Row("one that cannot be converted", "decision 3: not sent changed", asked=(0, STUBBORN, 1), syntax=IMPLICIT,
        both=(0xB000, (None, 2, 1, 0), [STUBBORN], "data set would change when converted to Implicit VR")),
    Row("no role selection", "C.5.3: the requester is SCU only", roles=None,
        get=(0xA702, ALL_FAILED, EVERY, "no role/context for CT Defined Procedure Protocol")),
    Row("the SCU role only", "C.5.3", roles=(1, 0),
        get=(0xA702, ALL_FAILED, EVERY, "no role/context for CT Defined Procedure Protocol")),
    Row("both roles", "C.5.3", roles=(1, 1), get=COMPLETE),

    # what fails before the instances are known: none of the counters (all other such statuses: test_statuses.py)
    Row("the right was revoked", "C.4.2.1.5: 0124", revoked=True, associates=False,
        get=(0x0124, UNCOUNTED, None, r"get\d+ may not use this service"),
        move=(0x0124, UNCOUNTED, None, r"move\d+ may not use this service")),
    Row("the destination may not be one", "decision 28: 0124", to=forbidden,
        move=(0x0124, UNCOUNTED, None, r"TO\d+ may not be a move destination")),

    # the repository
    Row("an instance has vanished", "decision: failed", asked=LARGE, answers={LARGE[0]: vanishes(LARGE[3])}, stage="narrow",
        both=(0xB000, (None, 3, 1, 0), [LARGE[3]], "an instance is no longer available")),
    Row("an instance is another one", "decision: failed", asked=LARGE, answers={LARGE[0]: becomes_another(LARGE[3])}, stage="narrow",
        logs=lambda op: rf"level=warn event=retrieve\.instance_changed .*uid={op.uid(LARGE[3])} object=\d+ ",
        both=(0xB000, (None, 3, 1, 0), [LARGE[3]], "an instance is another one in this database")),
]
CELLS = [(row, kind, getattr(row, kind.name) or row.both) for row in ROWS for kind in (Get, Move)
         if row.gone or row.both or getattr(row, kind.name)]


# ---- what is checked ----------------------------------------------------------------------------------------------------
def counts(message):
    """Remaining, completed, failed, warning; None = absent."""
    return tuple(message.command.get(0x1020 + n) for n in range(4))


def check_pending(op):
    total = len({n for n in op.row.asked if n not in (None, RETIRED)})
    # without a context the end of a C-GET is known before anything begins
    is_begun = op.name == "move" or op.sent or "no role" not in op.final.command.get(0x0902, "")
    is_counted = counts(op.final) != UNCOUNTED and total > 0
    assert bool(op.pending) == bool(is_counted and is_begun), "the first comes at once"
    done = -1
    for message in op.pending:
        assert sum(counts(message)) == total and message.data is None
        assert not {0x0901, 0x0902} & set(message.command)
        assert sum(counts(message)[1:]) >= done
        done = sum(counts(message)[1:])


def check_list(op, places):
    """Only (0008,0058), no (0008,0005) (C.4.2.1.4.2), in the order of failing."""
    if places is None:
        assert op.final.data is None
        return
    ds = decode(op.final.data, EXPLICIT)
    assert list(ds.keys()) == [0x00080058]
    value = ds.FailedSOPInstanceUIDList
    assert [op.stage.uids.index(u) for u in ([value] if isinstance(value, str) else value)] == places


def check_comment(message, says):
    comment = message.command.get(0x0902)
    if says is None:
        assert comment is None
        return
    assert 0 < len(comment) <= 64 and all(" " <= c <= "~" and c != "\\" for c in comment)
    assert re.search(says, comment), comment


def check_log(op, status, numbers):
    """One line with the same numbers."""
    kind = "done" if status in (0x0000, 0xB000, 0xFE00) else "refused"
    line = op.stage.server.wait_log(rf"event={op.name}\.{kind} .*msg_id={op.message_id} .*aet={op.title} ")
    assert f" status=0x{status:04X} " in line
    if op.row.logs:
        op.stage.server.wait_log(op.row.logs(op))
    if numbers == UNCOUNTED:
        assert " completed=" not in line
        return
    asked = op.row.asked.count(None) + len(set(op.row.asked) - {None})
    remaining, completed, failed, warning = (n or 0 for n in numbers)
    assert f" asked={asked} completed={completed} failed={failed} warning={warning} remaining={remaining}" in line


def check_final(op, expected, before):
    status, numbers, places, says = expected
    assert op.final.status == status, f"{op.final.status:04X} {op.final.command.get(0x0902)}"
    assert counts(op.final) == numbers
    assert 0x0901 not in op.final.command
    check_list(op, places)
    check_comment(op.final, says)
    check_pending(op)
    check_log(op, status, numbers)
    after = op.stage.operations()
    counted = zip(("completed", "failed", "warning"), (n or 0 for n in numbers[1:]))
    assert after == {**before, **{(op.name, outcome): before[op.name, outcome] + n for outcome, n in counted}}
    op.expect_nothing_more()


def stop_is_told(op):
    op.stage.server.wait_log(rf"event={op.name}\.stopped .*msg_id={op.message_id} .*aet={op.title} ")
    assert op.final is None
    if op.name == "move":  # the destination's association ends, and nothing more is sent
        with pytest.raises((dicomwire.Aborted, dicomwire.Closed, dicomwire.UnexpectedPdu, ConnectionError)):
            op.peer.read_message()
    assert op.sent == [0, 1, 2]


def perform(stage, kind, row, answers, expected):
    before = stage.operations()
    op = kind(stage, row, answers)
    try:
        op.run()
        if row.gone:
            stop_is_told(op)
        else:
            check_final(op, expected, before)
            op.wire.release()
    finally:
        op.wire.close()
        op.finish()
    stage.check_health()


@pytest.mark.parametrize("row, kind, expected", CELLS, ids=[f"{row.name}-{kind.name}" for row, kind, _ in CELLS])
def test_cell(request, row, kind, expected):
    stage = request.getfixturevalue(row.stage)
    answers = row.get_answers if kind is Get else row.move_answers
    perform(stage, kind, row, row.answers if answers is None else answers, expected)


# ---- C-CANCEL before the first sub-operation, and after the last -------------------------------------------------------
def test_get_cancelled_before_its_first_suboperation(patient):
    """Another C-GET of the association has the only place for one: all remain (C.4.3.3.1)."""
    before = patient.operations()
    row = Row("", "")
    first = Get(patient, row, {})
    second = Get(patient, row, {})
    second.wire.close()
    second.wire, second.title, second.message_id = first.wire, first.title, first.message_id + 100
    first.request()
    while (held := first.wire.read_message()).command[0x0100] != C_STORE:
        first.take(held)
    second.request()
    while not second.final:
        message = first.wire.read_message()
        op = first if message.command[0x0120] == first.message_id else second
        op.take(message)
        if op is second and len(second.pending) == 1:
            second.cancel()
    assert second.final.status == 0xFE00 and counts(second.final) == (COUNT, 0, 0, 0)
    check_list(second, None)
    check_comment(second.final, None)
    first.place(held)
    first.wire.answer_store(held)
    while not first.final:
        message = first.wire.read_message()
        if message.command[0x0100] == C_STORE:
            first.place(message)
            first.wire.answer_store(message)
        else:
            first.take(message)
    assert first.sent == EVERY
    check_log(second, 0xFE00, (COUNT, 0, 0, 0))
    check_final(first, COMPLETE, before)
    first.wire.release()
    patient.check_health()


def test_move_cancelled_before_its_first_suboperation(patient):
    """The destination has not answered the association request: all remain (C.4.2.3.1)."""
    before = patient.operations()
    op = Move(patient, Row("", "", to=lambda op: op.register(op.listener.getsockname()[1])), {})
    op.request()
    sock, _ = op.listener.accept()
    while not op.pending:
        op.take(op.wire.read_message())
    op.cancel()
    while not op.final:
        op.take(op.wire.read_message())
    check_final(op, (0xFE00, (COUNT, 0, 0, 0), None, None), before)
    op.wire.release()
    sock.close()
    op.finish()
    patient.check_health()


@pytest.mark.parametrize("kind", [Get, Move])
def test_cancelled_after_the_last(patient, kind):
    """Without effect, and without an answer of its own (PS3.7 9.3.2.3)."""
    before = patient.operations()
    op = kind(patient, Row("", ""), {})
    op.run()
    op.cancel()
    check_final(op, COMPLETE, before)
    op.wire.release()
    op.finish()
    patient.check_health()


# ---- answers in another order -------------------------------------------------------------------------------------------
def test_get_answered_in_any_order(patient):
    """With a window for all of them (PS3.7 D.3.3.3). Counted as they come; one that answers nothing is ignored; the final
    response comes after the last."""
    before = patient.operations()
    op = Get(patient, Row("", "", window=COUNT), {})
    op.request()
    held = []
    while len(held) < COUNT:
        message = op.wire.read_message()
        if message.command[0x0100] == C_STORE:
            op.place(message)
            held.append(message)
        else:
            op.take(message)
    assert op.sent == EVERY and len({m.command[0x0110] for m in held}) == COUNT
    nobody = max(m.command[0x0110] for m in held) + 100
    op.wire.send_message(CT, {0x0002: CT_PROTOCOL, 0x0100: C_STORE | RESPONSE, 0x0120: nobody, 0x0800: NO_DATASET,
                              0x0900: FAILS})
    for n, status in ((3, FAILS), (4, OK), (0, WARNS), (2, OK)):
        op.wire.answer_store(held[n], status)
        op.wire.answer_store(held[n], FAILS)  # a second time: ignored
    op.expect_nothing_more()
    assert not op.final
    op.wire.answer_store(held[1], FAILS)
    while not op.final:
        op.take(op.wire.read_message())
    check_final(op, (0xB000, (None, 2, 2, 1), [3, 1], REFUSED), before)
    op.wire.release()
    patient.check_health()


# ---- more than can be counted ------------------------------------------------------------------------------------------
MOST = 65535  # (0000,1020) to (0000,1023) are US


@pytest.fixture(scope="module")
def crowd(database, stored):
    """One more than can be counted, made in the database: all have the same octets."""
    tiny = keys(SOPClassUID=CT_PROTOCOL)
    database.amend("""
        with added as (
            insert into dpp.objects (sop_instance_uid, sop_class_uid, state, query_record, source, published_at)
            select '2.25.7' || lpad(n::text, 6, '0'), o.sop_class_uid, o.state, o.query_record, o.source, o.published_at
            from dpp.objects as o, generate_series(0, %s) as n where o.sop_instance_uid = %s
            returning id)
        insert into dpp.instances (object_id, transfer_syntax_uid, dataset, size, digest)
        select id, %s, %s, %s, '' from added""",
                   (MOST, stored[0], EXPLICIT, encode(tiny, EXPLICIT), len(encode(tiny, EXPLICIT))))
    database.query("analyze dpp.objects")
    database.query("analyze dpp.instances")
    return [f"2.25.7{n:06d}" for n in range(MOST + 1)]


def list_of(uids, tag, syntax):
    """(gggg,eeee) with so many UIDs in a transfer syntax, octet by octet: where its length does not fit into 16 bits and the
    VR has to be said, that is UN (PS3.5 6.2.2)."""
    value = "\\".join(uids).encode()
    value += b"\0" * (len(value) % 2)
    order = ">" if syntax == BIG_ENDIAN else "<"
    head = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF)
    if syntax == IMPLICIT:
        head += struct.pack("<I", len(value))
    elif len(value) <= 0xFFFE:
        head += b"UI" + struct.pack(order + "H", len(value))
    else:
        head += b"UN\0\0" + struct.pack(order + "I", len(value))
    return head + value


class Many:
    """A request for many instances of the crowd, in a transfer syntax."""

    def __init__(self, stage, kind, uids, syntax=IMPLICIT, roles=((CT_PROTOCOL, 0, 1),)):
        self.kind, self.is_get = kind, kind is Get
        self.scp = None if self.is_get else WireScp()
        self.title = f"MANY{next(_serial)}"
        if self.scp:
            stage.register(self.title, host="127.0.0.1", port=self.scp.port)
        self.stage, self.syntax = stage, syntax
        self.wire = Wire(stage.server.port).associate(
            [(SERVICE, kind.sop_class, [syntax]), (CT, CT_PROTOCOL, [EXPLICIT])], roles=roles)
        octets = list_of(uids, 0x00080018, EXPLICIT if syntax == DEFLATED else syntax)
        octets = dicomwire.deflate(octets) if syntax == DEFLATED else octets
        command = self.wire.request(kind.field, kind.sop_class, octets)
        if self.scp:
            command[0x0600] = self.title
        self.message_id = command[0x0110]
        self.wire.send_message(SERVICE, command, octets)

    def until(self, stop):
        """The pending responses before, and the message for which stop is true."""
        pendings = []
        while not stop(message := self.wire.read_message()):
            if message.command[0x0100] == C_STORE:
                self.wire.answer_store(message)
            else:
                assert message.status == 0xFF00 and message.data is None
                pendings.append(message)
        return pendings, message

    def final(self):
        return self.until(lambda m: m.command[0x0100] != C_STORE and m.status != 0xFF00)

    def close(self):
        self.wire.release()
        if self.scp:
            self.scp.close()
        self.stage.forget(self.title)
        self.stage.check_health()


@pytest.mark.parametrize("kind", [Get, Move])
def test_more_than_can_be_counted(patient, crowd, kind):
    """Decision 28: refused before the first sub-operation."""
    many = Many(patient, kind, crowd)
    pendings, final = many.final()
    assert pendings == [] and final.status == (0xC413 if kind is Get else 0xC513)
    assert counts(final) == UNCOUNTED and final.data is None and 0x0901 not in final.command
    check_comment(final, "^max-suboperations: 65536 instances, at most 65535 are sent$")
    assert kind is Get or many.scp.associations == 0
    many.close()


@pytest.mark.parametrize("kind", [Get, Move])
def test_as_many_as_can_be_counted(patient, crowd, kind):
    """All four counters are exact at their end; cancelled after a few."""
    many = Many(patient, kind, crowd[:MOST])
    if kind is Move:
        many.scp.hold_at(3)
    pendings, message = many.until(lambda m: m.command[0x0100] != C_STORE and m.status == 0xFF00)
    assert counts(message) == (MOST, 0, 0, 0)
    if kind is Get:
        for _ in range(3):
            _, store = many.until(lambda m: m.command[0x0100] == C_STORE)
            many.wire.answer_store(store)
    else:
        wait_for(lambda: len(many.scp.commands) > 3)
    many.wire.send_cancel(SERVICE, many.message_id)
    _, final = many.final()
    remaining, completed, failed, warning = counts(final)
    assert final.status == 0xFE00 and remaining + completed + failed == MOST and warning == 0
    assert (completed, failed) == ((3, 1) if kind is Move else (4, 0))  # the destination keeps the fourth waiting
    many.close()


@pytest.mark.parametrize("count", [1, 5041, 5042, MOST])
@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES)
def test_list_of_the_failed_has_all(patient, crowd, syntax, count):
    """Also where it is longer than 65,534 octets, which 5,042 of these UIDs are: as UN in Explicit VR (PS3.5 6.2.2), octet for
    octet. The identifier, as long, comes in the same way."""
    many = Many(patient, Get, crowd[:count], syntax, roles=())
    pendings, final = many.final()
    assert final.status == 0xA702 and counts(final) == (None, 0, count, 0) and pendings == []
    expected = list_of(crowd[:count], 0x00080058, EXPLICIT if syntax == DEFLATED else syntax)
    data = dicomwire.inflate(final.data) if syntax == DEFLATED else final.data
    assert data == expected
    many.close()


# ---- failures that nobody outside brings about ---------------------------------------------------------------------------
FAULTS = [
    ("failed_list", Row("no memory for the list", "the counters come all the same", answers={1: FAILS},
                        both=(0xB000, (None, 4, 1, 0), None, REFUSED))),
    ("suboperation_convert", Row("no memory to convert", "decision: failed", syntax=IMPLICIT,
                                 both=(0xA702, ALL_FAILED, EVERY, "fault point suboperation_convert"))),
    ("move_propose", Row("no memory for the association", "decision 28: A702", associates=False,
                         move=(0xA702, ALL_FAILED, EVERY, "fault point move_propose"))),
]


@pytest.mark.parametrize("point, row, kind", [(p, r, k) for p, r in FAULTS for k in (Get, Move) if r.both or k is Move],
                         ids=lambda value: getattr(value, "name", None))
def test_fault(faulty, point, row, kind):
    faulty.faults.write_text(f"{point}\n")
    try:
        perform(faulty, kind, row, row.answers, row.both or row.move)
    finally:
        faulty.faults.write_text("")
    if point == "failed_list":
        faulty.server.wait_log("event=retrieve.list_dropped .*fault point failed_list")
