# SPDX-License-Identifier: Apache-2.0
"""Every status that the server's own table names, for every service, provoked on the wire: one row each.

What a response with a status carries is said by that table (server/service/status.c); here each row is compared with what
came: Error Comment (one LO value of the default repertoire, 64 characters at most, PS3.7 E.1), Offending Element where the
status has one, counters, data set; and each operation leaves one line in the log and one step in one counter.

The server is dppr-faults, which is dppr but for its fault points (core/fault.h): they alone bring internal errors about.
"""
import collections
import pathlib
import re
import socket
import struct
import subprocess
import time

import pytest
from pydicom.dataset import Dataset

import dicomwire
from conftest import DPPR, DPPR_FAULTS, ROOT, STATUSES, Server
from dicomwire import (C_ECHO, C_FIND, C_GET, C_MOVE, C_STORE, CT_PROTOCOL, EXPLICIT, FIND, GET, IMPLICIT, MOVE,
                       NO_DATASET, VERIFICATION, XA_PROTOCOL, Wire, command_bytes, encode, pdu, pdv)
from metrics import metrics, scrape
from protocols import code, keys, new_uid, protocol
from wirescp import WireScp

# service: command field, presentation context, SOP class, column of the right
SERVICES = {
    "ECHO": (C_ECHO, 1, VERIFICATION, "may_echo"),
    "FIND": (C_FIND, 3, FIND, "may_find"),
    "GET": (C_GET, 5, GET, "may_get"),
    "MOVE": (C_MOVE, 7, MOVE, "may_move"),
    "STORE": (C_STORE, 9, CT_PROTOCOL, "may_store"),
}
CONTEXTS = [(1, VERIFICATION, [IMPLICIT]), (3, FIND, [EXPLICIT]), (5, GET, [EXPLICIT]), (7, MOVE, [EXPLICIT]),
            (9, CT_PROTOCOL, [EXPLICIT]), (11, XA_PROTOCOL, [EXPLICIT])]
OUTCOMES = (0x0000, 0xB000, 0xFE00)  # the other final ones are refusals
PENDING = (0xFF00, 0xFF01)
COUNTERS = (0x1021, 0x1022, 0x1023)  # completed, failed, warning
REMAINING, OFFENDING, COMMENT = 0x1020, 0x0901, 0x0902
MOST = 2  # sub-operations and UIDs of an identifier
FRESH_S = 0.15  # so long rights are believed (service/admission)


def table():
    """{(status, service): [fields as the server's table has them]}"""
    rows = {}
    for line in subprocess.run([STATUSES], check=True, text=True, stdout=subprocess.PIPE).stdout.splitlines():
        status, service, fields = line.split(" ", 2)
        rows.setdefault((int(status, 16), service), []).append(fields)
    return rows


class World:
    """The server, what is stored in it and where it can move to."""

    def __init__(self, database, server, faults):
        self.database, self.server, self.faults = database, server, faults
        self.serial = 0
        self.audited = {}  # title: [(operation, final status)]
        self.good, self.picky, self.warner = WireScp(), WireScp(status=0xA700), WireScp(status=0xB006)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            dead = s.getsockname()[1]
        for title, host, port, is_destination in (
                ("GOOD", "127.0.0.1", self.good.port, True), ("PICKY", "127.0.0.1", self.picky.port, True),
                ("WARNER", "127.0.0.1", self.warner.port, True), ("DEAD", "127.0.0.1", dead, True), ("NOADDRESS", None, None, True), ("NOT", "127.0.0.1", 104, False)):
            database.query("insert into dpp.application_entities (ae_title, host, port, is_destination)"
                           " values (%s, %s, %s, %s)", (title, host, port, is_destination))
        self.objects = [protocol() for _ in range(MOST + 1)]
        wire = Wire(server.port).associate(CONTEXTS)
        for ds in self.objects:
            assert wire.store(9, encode(ds, EXPLICIT), CT_PROTOCOL, ds.SOPInstanceUID).status == 0
        wire.release()
        self.uids = [ds.SOPInstanceUID for ds in self.objects[:MOST]]

    def strike(self, point):
        """This fault point from now on; None = none."""
        self.faults.write_text(f"{point}\n" if point else "")

    def close(self):
        for scp in (self.good, self.picky, self.warner):
            scp.close()


@pytest.fixture(scope="module")
def world(database, tmp_path_factory):
    faults = tmp_path_factory.mktemp("faults") / "faults"
    faults.write_text("")
    server = Server(database.uri, program=DPPR_FAULTS, more_environment={"FAULT_FILE": str(faults)}, workers=1,
                    max_suboperations=MOST, max_retrieve_uids=MOST + 1, max_query_uids=MOST + 1, log_repeat=0)
    made = World(database, server, faults)
    yield made
    made.close()
    assert server.stop() == 0, server.log[-6000:]
    assert "Sanitizer" not in server.log, server.log[-8000:]


class Case:
    """One request of one service on an association of its own, with a calling title of its own."""

    def __init__(self, world, service):
        self.world, self.service = world, service
        self.field, self.context, self.sop_class, self.right = SERVICES[service]
        world.serial += 1
        self.title = f"CASE{world.serial}"
        self.message_id = 1000 + world.serial
        self.answer = 0  # to the sub-operations of a C-GET
        self.others = []  # (service, final status) of further operations
        self._wire = None

    @property
    def wire(self):
        if not self._wire:
            self.connect()
        return self._wire

    def connect(self, roles=((CT_PROTOCOL, 1, 1),)):
        self._wire = Wire(self.world.server.port).associate(
            CONTEXTS, calling=self.title, roles=roles, extra=dicomwire.async_item(8, 8))

    def good(self):
        """(command, data set) of a request that succeeds."""
        uids = keys(SOPInstanceUID=self.world.uids)
        ds = {"STORE": protocol(), "FIND": keys(SOPInstanceUID=self.world.uids[0]), "GET": uids, "MOVE": uids,
              "ECHO": None}[self.service]
        data = None if ds is None else encode(ds, EXPLICIT)
        command = {**self.wire.request(self.field, self.sop_class, data), 0x0110: self.message_id}
        if self.service == "STORE":
            command[0x1000] = ds.SOPInstanceUID
        if self.service == "MOVE":
            command[0x0600] = "GOOD"
        return command, data

    def octets(self, data=..., context=None, without=(), **changes):
        """The good request with another data set, other values of elements (_0110=7) or without some."""
        command, good = self.good()
        data = good if data is ... else encode(data, EXPLICIT) if isinstance(data, Dataset) else data
        if data is None:
            command[0x0800] = NO_DATASET
        else:
            command[0x0800] = 1
        command.update({int(k[1:], 16): v for k, v in changes.items()})
        for element in without:
            del command[element]
        return self.wire.message_octets(context or self.context, command, data)

    def responses(self):
        """The responses to the request; sub-operations and what else runs are looked after."""
        messages = []
        while not messages or messages[-1].status in PENDING:
            message = self.wire.read_message()
            command = message.command
            if command[0x0100] == C_STORE:
                self.wire.answer_store(message, self.answer)
            elif command[0x0100] == self.field | 0x8000 and command[0x0120] == self.message_id:
                messages.append(message)
        return messages

    def ask(self, data=..., **changes):
        self.wire.send(self.octets(data, **changes))
        return self.responses()


# ---- how each is provoked: functions of a case that give its responses -----------------------------------------------
def well(case):
    return case.ask()


def of_another_class(case):
    return case.ask(_0002="1.2.840.10008.5.1.4.31")


def in_another_context(case):
    return case.ask(context=3 if case.service == "ECHO" else 1)


def message_id_in_use(case):
    """A C-GET with the same one waits for an answer to its sub-operation."""
    other = Case(case.world, "GET")
    other._wire, other.message_id = case.wire, case.message_id
    case.wire.send(other.octets())
    held, answer = [], None
    while len(held) < MOST or not answer:  # the C-GET's own pending responses come all the while
        message = case.wire.read_message()
        if message.command[0x0100] == C_STORE:
            held.append(message)
            if len(held) == 1:
                case.wire.send(case.octets())
        elif message.status not in PENDING:
            answer = message
    for message in held:
        case.wire.answer_store(message)
    case.others.append(("GET", other.responses()[-1].status))
    return [answer]


def without_class(case):
    return case.ask(without=[0x0002])


def without_data_set(case):
    return case.ask(data=None)


def with_a_data_set(case):
    return case.ask(data=keys(ProtocolName=""))


def with_undefined_priority(case):
    return case.ask(_0700=3)


def with_a_long_data_set_type(case):
    """Four octets where US has two; the response names it as far as it can be known."""
    command, data = case.good()
    raw = command_bytes({**command, 0x0700: 0} if data else command)
    short = struct.pack("<HHIH", 0, 0x0800, 2, command[0x0800])
    assert raw.count(short) == 1
    raw = raw.replace(short, struct.pack("<HHIHH", 0, 0x0800, 4, command[0x0800], 0))
    raw = struct.pack("<HHII", 0, 0, 4, len(raw) - 12) + raw[12:]
    case.wire.send(pdu(4, pdv(case.context, True, True, raw)))
    return case.responses()


def destination_missing(case):
    return case.ask(without=[0x0600])


def destination_blank(case):
    return case.ask(_0600=b"    ")


def destination_too_long(case):
    return case.ask(_0600="SEVENTEEN LETTERS")


def destination_of_two(case):
    return case.ask(_0600="GOOD\\PICKY")


def right_revoked(case):
    database = case.world.database
    database.query("insert into dpp.application_entities (ae_title) values (%s)", (case.title,))
    try:
        case.connect()
        case.others.append((case.service, case.ask()[-1].status))
        database.query(f"update dpp.application_entities set {case.right} = false where ae_title = %s", (case.title,))
        time.sleep(FRESH_S)
        case.message_id += 1000  # its line in the log is its own
        return case.ask()
    finally:
        database.query("delete from dpp.application_entities where ae_title = %s", (case.title,))


def role_not_granted(case):
    case.connect(roles=[(CT_PROTOCOL, 0, 1)])
    return case.ask()


def moved(title, **changes):
    def to(case):
        return case.ask(_0600=title, **changes)
    to.__name__ = f"moved_to_{title.lower()}"
    return to


def instance_named(value):
    def named(case):
        return case.ask(_1000=value)
    named.__name__ = "instance_named_" + (value if len(value) < 20 else f"{len(value)}_digits")
    return named


def instance_not_named(case):
    return case.ask(without=[0x1000])


def data_of(*attributes, name=None, **values):
    """The data set of a request, protocol(values) or keys(values)."""
    def of(case):
        if case.service == "STORE":
            ds = protocol(**values)
            return case.ask(data=ds, _1000=str(ds.get("SOPInstanceUID", new_uid())))
        return case.ask(data=keys(**values))
    of.__name__ = name or "data_of_" + "_".join(values)
    return of


def data_of_another_instance(case):
    return case.ask(data=protocol())


def known_with_other_content(case):
    known = case.world.objects[0]
    return case.ask(data=protocol(SOPInstanceUID=known.SOPInstanceUID), _1000=known.SOPInstanceUID)


def known_already(case):
    known = case.world.objects[0]
    return case.ask(data=known, _1000=known.SOPInstanceUID)


def in_state(assignments):
    def in_it(case):
        ds = protocol()
        case.others.append((case.service, case.ask(data=ds, _1000=ds.SOPInstanceUID)[-1].status))
        case.world.database.amend(f"update dpp.objects set {assignments} where sop_instance_uid = %s",
                                  (ds.SOPInstanceUID,))
        case.message_id += 1000
        return case.ask(data=ds, _1000=ds.SOPInstanceUID)
    in_it.__name__ = "in_state_" + assignments.split("'")[1]
    return in_it


def undecodable(case):
    """The last element ends before its value."""
    return case.ask(data=case.good()[1][:-2])


def nested_too_deeply(case):
    deep = b""
    for _ in range(200):
        deep += struct.pack("<HH2sHI", 0x18, 0x9912, b"SQ", 0, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    return case.ask(data=deep)


def too_many_uids(case):
    return case.ask(data=keys(SOPInstanceUID=[new_uid() for _ in range(MOST + 2)]))


def too_many_instances(case):
    return case.ask(data=keys(SOPInstanceUID=[ds.SOPInstanceUID for ds in case.world.objects]))


def nothing_found(case):
    return case.ask(data=keys(SOPInstanceUID=new_uid()))


def in_an_unknown_character_set(case):
    good = encode(keys(SpecificCharacterSet="ISO_IR 100", ProtocolName="x"), EXPLICIT)
    return case.ask(data=good.replace(b"ISO_IR 100", b"ISO_IR 999"))


def with_a_private_key(case):
    ds = keys(SOPInstanceUID=case.world.uids[0])
    block = ds.private_block(0x0099, "TESTER", create=True)
    block.add_new(0x01, "LO", "")
    return case.ask(data=ds)


def cancelled_at_once(case):
    cancel = case.wire.message_octets(case.context, {0x0100: 0x0FFF, 0x0120: case.message_id, 0x0800: NO_DATASET})
    case.wire.send(case.octets() + cancel)
    return case.responses()


def answered(status):
    """A C-GET whose sub-operations are answered so."""
    def with_status(case):
        case.answer = status
        return case.ask()
    with_status.__name__ = f"answered_{status:04X}"
    return with_status


def fault(point):
    def strikes(case):
        case.connect()
        case.world.strike(point)
        try:
            return case.ask()
        finally:
            case.world.strike(None)
    strikes.__name__ = f"fault_{point}"
    strikes.point = point
    return strikes


def record_damaged(case):
    """Of a stored object, in the database."""
    uid = new_uid()
    case.world.database.amend("""
        insert into dpp.objects (sop_instance_uid, sop_class_uid, state, query_record, source, published_at)
        select %s, sop_class_uid, state, '\\xDEADBEEF', source, published_at from dpp.objects
        where sop_instance_uid = %s""", (uid, case.world.uids[0]))
    return case.ask(data=keys(SOPInstanceUID=uid, ProtocolName=""))


# service, status, provoked by, what Error Comment says, Offending Element; the clause
ALL = list(SERVICES)
QUERIES = ["FIND", "GET", "MOVE"]
WITH_DATA = [*QUERIES, "STORE"]
ROWS = [
    # PS3.7 Annex C: the class of the command is not that of its context
    *[(s, 0x0122, of_another_class, "Affected SOP Class is not", None) for s in ALL],
    # PS3.7 9.1.5.1.4: C-ECHO knows no 0124
    ("ECHO", 0x0122, right_revoked, "may not use this service", None),
    # PS3.7 Annex C: not authorized
    *[(s, 0x0124, right_revoked, "may not use this service", None) for s in WITH_DATA],
    ("STORE", 0x0124, role_not_granted, "role was not granted", None),  # PS3.7 D.3.3.4
    ("MOVE", 0x0124, moved("NOT"), "NOT may not be a move destination", None),
    # PS3.7 9.1.1.1.1: Message IDs of outstanding operations are unique
    *[(s, 0x0210, message_id_in_use, r"Message ID \d+ is in use", None) for s in ALL],
    # PS3.7 Annex C: not one of the operations that were agreed
    *[(s, 0x0211, in_another_context, "does not belong to the context's SOP class", None) for s in ALL],
    # PS3.7 E.1: elements that are required, their lengths and values
    *[(s, 0x0212, without_class, r"C-\w+-RQ without \(0000,0002\)", None) for s in ALL],
    *[(s, 0x0212, with_a_long_data_set_type, r"\(0000,0800\) has 4 octets", None) for s in ALL],
    *[(s, 0x0212, without_data_set, r"C-\w+-RQ without data set", None) for s in WITH_DATA],
    ("ECHO", 0x0212, with_a_data_set, "C-ECHO-RQ with a data set", None),
    *[(s, 0x0212, with_undefined_priority, r"C-\w+-RQ with Priority 3", None) for s in WITH_DATA],
    ("MOVE", 0x0212, destination_missing, r"without \(0000,0600\)", None),
    ("MOVE", 0x0212, destination_blank, r"without \(0000,0600\)", None),
    ("MOVE", 0x0212, destination_too_long, r"\(0000,0600\) has 17 characters", None),
    ("MOVE", 0x0212, destination_of_two, r"\(0000,0600\) has a character that is not allowed", None),

    ("ECHO", 0x0000, well, None, None),

    # PS3.4 GG.4.1, PS3.7 9.1.1.1.9
    ("STORE", 0x0000, well, None, None),
    ("STORE", 0x0000, known_already, None, None),
    ("STORE", 0x0117, instance_named("1.2.x"), r"\(0000,1000\) has a character", None),
    ("STORE", 0x0117, instance_named("1.02.3"), "SOP Instance UID is not valid", None),
    ("STORE", 0x0117, instance_named("1." + 63 * "1"), r"\(0000,1000\) has 65 characters", None),
    ("STORE", 0x0117, instance_not_named, r"without \(0000,1000\)", None),
    ("STORE", 0xA700, nested_too_deeply, "^max-depth: ", None),
    ("STORE", 0xA900, data_of_another_instance, "data set and command differ", 0x00080018),
    ("STORE", 0xA900, data_of(SOPInstanceUID=None), "data set has no SOP Instance UID", 0x00080018),
    ("STORE", 0xA900, data_of(SOPClassUID=XA_PROTOCOL), "data set and command differ", 0x00080016),
    ("STORE", 0xA900, data_of(SOPClassUID=None), "data set has no SOP Class UID", 0x00080016),
    ("STORE", 0xC000, known_with_other_content, "exists with different content", 0x00080018),
    ("STORE", 0xC000, in_state("state = 'retired', retired_at = now(), retired_reason = 'test'"), "is retired",
     0x00080018),
    ("STORE", 0xC210, undecodable, "value", 0x00700084),
    ("STORE", 0xC211, fault("store_prepare"), "fault point", None),

    # PS3.4 K.4.1.1.4, table K.4-1
    ("FIND", 0x0000, well, None, None),
    ("FIND", 0x0000, nothing_found, None, None),
    ("FIND", 0xFF00, well, None, None),
    ("FIND", 0xFF01, with_a_private_key, None, None),
    ("FIND", 0xFE00, cancelled_at_once, None, None),
    ("FIND", 0xA700, too_many_uids, "^max-query-uids: ", None),
    ("FIND", 0xA700, nested_too_deeply, "^max-depth: ", None),
    ("FIND", 0xA900, data_of(PotentialScheduledProtocolCodeSequence=[code("1", "X"), code("2", "X")]),
     "2 items instead of one", 0x00189906),
    ("FIND", 0xA900, in_an_unknown_character_set, "character set", 0x00080005),
    ("FIND", 0xC310, undecodable, "value", 0x00080018),
    ("FIND", 0xC311, fault("find_build"), "fault point", None),
    ("FIND", 0xC312, record_damaged, "query record", None),

    # PS3.4 C.4.3.1.4, table C.4-3
    ("GET", 0x0000, well, None, None),
    ("GET", 0x0000, nothing_found, None, None),
    ("GET", 0xFF00, well, None, None),
    ("GET", 0xFE00, cancelled_at_once, None, None),
    ("GET", 0xB000, answered(0xB000), None, None),
    ("GET", 0xA701, too_many_uids, "^max-retrieve-uids: ", None),
    ("GET", 0xA702, answered(0xA700), "C-STORE was answered with A700", None),
    ("GET", 0xA900, data_of(SOPInstanceUID="1.2", ProtocolName="x"), "only SOP Instance UID", 0x00181030),
    ("GET", 0xA900, data_of(SOPInstanceUID=""), "has no value", 0x00080018),
    ("GET", 0xA900, data_of(SpecificCharacterSet="ISO_IR 100"), "SOP Instance UID is missing", 0x00080018),
    ("GET", 0xC410, undecodable, "value", 0x00080018),
    ("GET", 0xC411, fault("retrieve_read"), "fault point", None),
    ("GET", 0xC413, too_many_instances, "^max-suboperations: ", None),

    # PS3.4 C.4.2.1.5, table C.4-2
    ("MOVE", 0x0000, well, None, None),
    ("MOVE", 0x0000, nothing_found, None, None),
    ("MOVE", 0xFF00, well, None, None),
    ("MOVE", 0xFE00, cancelled_at_once, None, None),
    ("MOVE", 0xB000, moved("WARNER"), None, None),
    ("MOVE", 0xA701, too_many_uids, "^max-retrieve-uids: ", None),
    ("MOVE", 0xA702, moved("DEAD"), "DEAD", None),
    ("MOVE", 0xA702, moved("PICKY"), "C-STORE was answered with A700", None),
    ("MOVE", 0xA702, fault("move_propose"), "fault point", None),
    ("MOVE", 0xA801, moved("NOWHERE"), "NOWHERE is not known", None),
    ("MOVE", 0xA900, data_of(SOPInstanceUID="1.2", ProtocolName="x"), "only SOP Instance UID", 0x00181030),
    ("MOVE", 0xA900, data_of(SOPInstanceUID=""), "has no value", 0x00080018),
    ("MOVE", 0xC510, undecodable, "value", 0x00080018),
    ("MOVE", 0xC511, fault("retrieve_read"), "fault point", None),
    ("MOVE", 0xC513, too_many_instances, "^max-suboperations: ", None),
    ("MOVE", 0xC515, moved("NOADDRESS"), "NOADDRESS has no usable address", None),
]


# ---- what is checked --------------------------------------------------------------------------------------------------
def counters(server):
    """{(service, status): operations ended}; and as many in the histogram of durations."""
    found = collections.Counter()
    measured = collections.Counter()
    families = scrape(server)
    for (_, labels), value in families["dppr_operations_total"].samples.items():
        labels = dict(labels)
        found[labels["service"].upper(), labels["status"]] += value
    for (ending, labels), value in families["dppr_operation_duration_seconds"].samples.items():
        if ending == "_count":
            measured[dict(labels)["service"].upper()] += value
    for service, count in measured.items():
        assert count == sum(n for (s, status), n in found.items() if s == service and status != "none")
    return found


def check_fields(message, fields):
    """What the table says goes with the status, and nothing else."""
    command = message.command
    assert (REMAINING in command) == ("Remaining" in fields)
    assert all((element in command) == ("Completed" in fields) for element in COUNTERS)
    assert OFFENDING not in command or "Offending Element" in fields
    if fields.startswith("Identifier"):
        assert message.data
    elif "Failed SOP Instance UID List" in fields:
        assert (message.data is not None) == (command[0x1022] > 0)
    else:
        assert message.data is None
    known = {0, 2, 0x0100, 0x0120, 0x0800, 0x0900, OFFENDING, COMMENT, 0x1000, REMAINING, *COUNTERS}
    assert set(command) <= known


def check_comment(message, says):
    comment = message.command.get(COMMENT)
    if says is None:
        assert comment is None
        return
    assert 0 < len(comment) <= 64 and all(" " <= c <= "~" and c != "\\" for c in comment)
    assert re.search(says, comment), comment


def lines_of(server, case):
    """About operations."""
    return [line for line in list(server.log_lines)
            if re.search(rf" aet={case.title} .*status=0x", line)]


def check_log(server, case, final):
    kind = "done" if final.status in OUTCOMES else "refused"
    line = server.wait_log(rf"event={case.service.lower()}\.{kind} .*msg_id={case.message_id} .*aet={case.title} ")
    assert f"status=0x{final.status:04X} " in line
    comment = final.command.get(COMMENT)
    if comment:
        why = comment.split(": ", 1)[1] if " limit=" in line else comment
        assert 'why="' + why[:40].replace('"', '\\"') in line
    # the level that a refusal has
    assert ("level=warn " in line) == (kind == "refused")


@pytest.mark.parametrize("service, status, provoke, says, element", ROWS,
                         ids=[f"{s}-{status:04X}-{p.__name__}" for s, status, p, _, _ in ROWS])
def test_status(world, service, status, provoke, says, element):
    case = Case(world, service)
    case.wire
    before = counters(world.server)
    messages = provoke(case)
    message = next((m for m in messages if m.status == status), messages[-1])
    assert message.status == status, f"{message.status:04X} {message.command.get(COMMENT)}"
    fields = table()[status, service]
    check_fields(message, next((f for f in fields), ""))
    check_comment(message, says)
    assert message.command.get(OFFENDING) == element
    final = messages[-1]
    check_log(world.server, case, final)
    before.update((name, f"{code:04X}") for name, code in [(service, final.status), *case.others])
    assert counters(world.server) == before
    assert len(lines_of(world.server, case)) == 1 + len(case.others)
    if provoke is not right_revoked:  # its row is gone, and with it the right to C-ECHO
        case.wire.send_message(1, {**case.wire.request(C_ECHO, VERIFICATION), 0x0110: 7})
        echo = case.wire.read_message()
        assert (echo.command[0x0120], echo.status) == (7, 0), "something else came, or the association has suffered"
    case.wire.release()
    world.audited[case.title] = sorted(
        (name.lower(), code) for name, code in [(service, final.status), *case.others] if name != "ECHO")


def audit_rows(world, title):
    """[(operation, status)] of operations, without their sub-operations."""
    return sorted(world.database.query(
        "select operation, status from dpp.audit_events where ae_title = %s"
        " and (operation = 'store' or sop_instance_uid is null)", (title,)))


def test_every_status_is_on_record(world):
    """Of all that ran above; rows are written behind the operations."""
    dicomwire.wait_for(lambda: metrics(world.server)["dppr_audit_waiting"] == 0)
    assert {title: audit_rows(world, title) for title in world.audited} == world.audited


# ---- what is no fault ---------------------------------------------------------------------------------------------------
def with_message_id(number):
    def numbered(case):
        case.message_id = number
        return case.ask()
    numbered.__name__ = f"message_id_{number}"
    return numbered


def message_id_again(case):
    """Of an operation that is over."""
    assert case.ask()[-1].status == 0
    return case.ask()


def with_(label, without=(), **changes):
    def changed(case):
        return case.ask(without=without, **changes)
    changed.__name__ = label
    return changed


def class_padded_with(padding):
    def padded(case):
        return case.ask(_0002=case.sop_class.encode() + padding)
    padded.__name__ = f"class_padded_with_{padding.hex()}"
    return padded


def data_set_type(value):
    """Any but 0101H says that there is a data set (PS3.7 E.1)."""
    def typed(case):
        return case.ask(_0800=value)
    typed.__name__ = f"data_set_type_{value:04X}"
    return typed


def cancel_of(what, has_data=False):
    """PS3.7 9.3.2.3: without an answer of its own, and without effect on what it does not name."""
    def cancelled(case):
        number = {"nothing": case.message_id + 500, "what_is_over": case.message_id,
                  "what_cannot_be": case.message_id}[what]
        cancel = {0x0100: 0x0FFF, 0x0120: number, 0x0800: 1 if has_data else NO_DATASET}
        octets = case.wire.message_octets(case.context, cancel, encode(keys(ProtocolName="x")) if has_data else None)
        if what == "what_is_over":
            assert case.ask()[-1].status == 0
        if what == "what_cannot_be":
            case.wire.send(case.octets() + octets)
            return case.responses()
        case.wire.send(octets)
        return case.ask()
    cancelled.__name__ = f"cancel_of_{what}" + "_with_data" * has_data
    return cancelled


NO_FAULTS = [
    *[(s, with_message_id(n)) for s in ALL for n in (0, 1, 65535)],  # PS3.7 9.1: any that is not in use
    *[(s, message_id_again) for s in ALL],
    *[(s, with_(f"priority_{n}", _0700=n)) for s in WITH_DATA for n in (0, 1, 2)],
    *[(s, with_("no_priority", without=[0x0700])) for s in WITH_DATA],
    *[(s, class_padded_with(padding)) for s in ALL for padding in (b"", b"\0", b" ", b"\0\0", b"\0 ")],
    *[(s, data_set_type(value)) for s in WITH_DATA for value in (0x0000, 0x0102, 0xFFFF)],
    *[("MOVE", with_(label, _0600=title)) for label, title in (
        ("destination_with_spaces", b"  GOOD  "), ("destination_of_16", b"GOOD            "),
        ("destination_with_a_nul", b"GOOD\0\0"))],
    *[(s, cancel_of("nothing")) for s in ALL],
    *[(s, cancel_of("nothing", has_data=True)) for s in ALL],
    *[(s, cancel_of("what_is_over")) for s in ALL],
    *[(s, cancel_of("what_cannot_be")) for s in ("ECHO", "STORE")],
]


@pytest.mark.parametrize("service, ask", NO_FAULTS, ids=[f"{s}-{a.__name__}" for s, a in NO_FAULTS])
def test_no_fault(world, service, ask):
    case = Case(world, service)
    final = ask(case)[-1]
    assert final.status == 0, final.command.get(COMMENT)
    assert final.command[0x0002] == case.sop_class
    if service == "GET" or service == "MOVE":
        assert [final.command[c] for c in COUNTERS] == [MOST, 0, 0]
    case.wire.release()


# ---- that nothing is left out ------------------------------------------------------------------------------------------
def test_every_status_has_a_row():
    """Who adds a status to the server's table adds a row here, and the other way round."""
    assert {(status, service) for service, status, *_ in ROWS} == set(table())


def test_fault_points_are_in_no_program_that_is_used():
    """Each stands once in the code; the program that is installed has none of it."""
    header = (ROOT / "include/core/fault.h").read_text()
    points = re.findall(r"X\((\w+), RC_\w+\)", header)
    sources = "".join(p.read_text() for p in (ROOT / "server").rglob("*.c"))
    assert points and sorted(re.findall(r"FAULT\((\w+),", sources)) == sorted(points)
    mark = b"FAULT_FILE"
    assert mark in pathlib.Path(DPPR_FAULTS).read_bytes() and mark not in pathlib.Path(DPPR).read_bytes()
