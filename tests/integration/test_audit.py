# SPDX-License-Identifier: Apache-2.0
"""What operations leave in dpp.audit_events (decision 40): which rows, when they are there, and what happens when they cannot be
written. test_statuses.py has the row of every status of every service.
"""
import contextlib
import json
import re
import signal
import time

import pytest

from clusters import own_cluster
from conftest import SAMPLES, Server, run_dppr
from dicomwire import (C_FIND, C_STORE, CT_PROTOCOL, EXPLICIT, FIND, GET, MOVE, Wire, encode, wait_for)
from metrics import metrics, operations
from protocols import code, keys, multiply, new_uid, protocol
from watch import locked
from wirescp import WireScp

CONTEXTS = [(1, CT_PROTOCOL, [EXPLICIT]), (3, FIND, [EXPLICIT]), (5, GET, [EXPLICIT]), (7, MOVE, [EXPLICIT])]
COLUMNS = "operation, sop_instance_uid, status, ae_title, host(peer_address), destination, details"


def associate(server, title, **options):
    return Wire(server.port).associate(CONTEXTS, calling=title, roles=[(CT_PROTOCOL, 1, 1)], **options)


def store(wire, ds):
    return wire.store(1, encode(ds, EXPLICIT), CT_PROTOCOL, ds.SOPInstanceUID).status


def rows_of(database, title, columns=COLUMNS):
    return database.query(f"select {columns} from dpp.audit_events where ae_title = %s order by id", (title,))


def count_of(database, title):
    return database.query("select count(*) from dpp.audit_events where ae_title = %s", (title,))[0][0]


def wait_rows(database, title, count, columns=COLUMNS):
    """Exactly so many, once the queue is empty."""
    wait_for(lambda: count_of(database, title) >= count)
    return rows_of(database, title, columns)


def value(server, name):
    return metrics(server)[f"dppr_{name}"]


def drained(server):
    wait_for(lambda: value(server, "audit_waiting") == 0)


@pytest.fixture(scope="module")
def destinations(database):
    """Titles of move destinations by what they answer."""
    with contextlib.ExitStack() as stack:
        for title, status in (("TAKES", 0), ("REFUSES", 0xA700), ("WARNS", 0xB006)):
            scp = WireScp(status=status)
            stack.callback(scp.close)
            database.query("insert into dpp.application_entities (ae_title, host, port, is_destination)"
                           " values (%s, '127.0.0.1', %s, true)", (title, scp.port))
        yield


# ---- which rows -------------------------------------------------------------------------------------------------------
# What a row says in all: (operation, instance, status, destination, details). Details are a part of the whole: what is
# not compared is the time it took.
class Stage:
    def __init__(self, server, title):
        self.server, self.title = server, title
        self.wire = associate(server, title)
        self.known = [protocol(), protocol()]
        self.hidden = new_uid()
        other = associate(server, "PREPARES")
        for ds in self.known:
            assert store(other, ds) == 0
        other.release()
        self.uids = [ds.SOPInstanceUID for ds in self.known]

    def again(self, **changes):
        """The first one with other content."""
        ds = protocol(**changes)
        ds.SOPInstanceUID = self.uids[0]
        return ds


def stored(s):
    ds = protocol()
    octets = encode(ds, EXPLICIT)
    assert store(s.wire, ds) == 0
    return [("store", ds.SOPInstanceUID, 0, None,
             {"outcome": "stored", "octets": len(octets), "sop_class": CT_PROTOCOL, "message_id": 1})]


def stored_again(s):
    assert store(s.wire, s.known[0]) == 0
    return [("store", s.uids[0], 0, None, {"outcome": "same"})]


def stored_otherwise(s):
    assert store(s.wire, s.again()) == 0xC000
    return [("store", s.uids[0], 0xC000, None, {"outcome": "different"})]


def stored_malformed(s):
    uid = new_uid()
    assert s.wire.store(1, b"\xff" * 20, CT_PROTOCOL, uid).status == 0xC210
    return [("store", uid, 0xC210, None, {"why": ...})]


def stored_under_no_uid(s):
    ds = protocol()
    assert s.wire.store(1, encode(ds, EXPLICIT), CT_PROTOCOL, "no uid").status == 0x0117
    return [("store", None, 0x0117, None, {"why": "(0000,1000) has a character that is not allowed in it"})]


def found(s):
    matches, final = s.wire.find(3, keys(
        ProtocolName=s.known[0].ProtocolName, SOPInstanceUID="", EquipmentModality="CT",
        PotentialScheduledProtocolCodeSequence=code("24725-4", "LN", "")))
    assert (len(matches), final.status) == (1, 0)
    return [("find", None, 0, None, lambda details: "sop_class" not in details and fits({
        "matches": 1, "identifier": {
            "ProtocolName": s.known[0].ProtocolName, "EquipmentModality": "CT",
            "PotentialScheduledProtocolCodeSequence": {"CodeValue": "24725-4", "CodingSchemeDesignator": "LN"}}}, details))]


def found_nothing(s):
    assert s.wire.find(3, keys(ProtocolName="nothing\\like*", SOPInstanceUID=""))[1].status == 0
    return [("find", None, 0, None, {"matches": 0, "identifier": {"ProtocolName": "nothing\\like*"}})]


def found_beyond_bounds(s):
    """Values and identifiers on record are bounded."""
    name = "é" * 200
    assert s.wire.find(3, keys(SpecificCharacterSet="ISO_IR 192", ProtocolName=name,
                               SOPInstanceUID=[new_uid() for _ in range(500)]))[1].status == 0
    return [("find", None, 0, None, {"cut": True, "identifier": {
        "ProtocolName": "é" * 128, "SOPInstanceUID": lambda v: len(v) == 256}})]


def found_many_keys(s):
    """The rest is left out, which the row says."""
    ds = keys(ProtocolName="x")
    for n in range(100):
        ds.add_new(0x00090000 + 0x1000 + n, "LO", "y" * 60)
    ds.add_new(0x00090010, "LO", "TEST")
    assert s.wire.find(3, ds)[1].status == 0
    return [("find", None, 0, None, {"cut": True, "identifier": lambda v: len(json.dumps(v)) < 2600 and v["00090010"] == "TEST"})]


def found_refused(s):
    matches, final = s.wire.find(3, keys(SpecificCharacterSet="no such set", ProtocolName="x"))
    assert final.status == 0xA900
    return [("find", None, 0xA900, None, {"why": ..., "message_id": 1})]


def found_not_understood(s):
    assert s.wire.find(3, b"\xff" * 20)[1].status == 0xC310
    return [("find", None, 0xC310, None, {"why": ...})]


def asked_without_identifier(s):
    s.wire.send_message(3, s.wire.request(C_FIND, FIND))
    assert s.wire.read_message().status == 0x0212
    return [("find", None, 0x0212, None, {"why": "C-FIND-RQ without data set"})]


def asked_with_hostile_text(s):
    """Nothing that a peer says keeps the rows beside it from being written."""
    wire = associate(s.server, "HO\"ST'{,%},NULL")
    assert store(wire, protocol()) == 0
    assert wire.find(3, keys(ProtocolName='"}\\{\'', ContentCreatorName="x\x1b[2J"))[1].status == 0xA900
    assert wire.find(3, keys(ProtocolName='"},{\'\\\\ NULL'))[1].status == 0
    wire.release()
    s.title = "HO\"ST'{,%},NULL"
    return [("store", ..., 0, None, {}), ("find", None, 0xA900, None, {}),
            ("find", None, 0, None, {"identifier": {"ProtocolName": '"},{\'\\\\ NULL'}})]


def got(s):
    _, _, final = s.wire.get(5, s.uids)
    assert final.status == 0
    return [*(("get", uid, 0, None, {"message_id": 1}) for uid in s.uids),
            ("get", None, 0, None, {"asked": 2, "completed": 2, "failed": 0, "message_id": 1})]


def got_what_is_not_there(s):
    """Decision 27: without sub-operation, but named."""
    _, _, final = s.wire.get(5, [s.hidden, s.uids[0], "2.25.1"])
    assert final.status == 0
    return [("get", s.uids[0], 0, None, {}),
            ("get", None, 0, None, {"asked": 3, "completed": 1, "unknown": [s.hidden, "2.25.1"]})]


def got_nothing(s):
    unknown = [new_uid() for _ in range(40)]
    assert s.wire.get(5, unknown)[2].status == 0
    return [("get", None, 0, None, {"asked": 40, "completed": 0, "unknown": unknown[:32]})]


def got_and_refused(s):
    _, _, final = s.wire.get(5, s.uids, on_store=lambda m: 0xA700 if m.command[0x1000] == s.uids[0] else 0)
    assert final.status == 0xB000
    return [("get", s.uids[0], 0xA700, None, {"why": ...}), ("get", s.uids[1], 0, None, {}),
            ("get", None, 0xB000, None, {"completed": 1, "failed": 1})]


def moved(s):
    _, final = s.wire.move(7, s.uids, "TAKES")
    assert final.status == 0
    return [*(("move", uid, 0, "TAKES", {"message_id": 1}) for uid in s.uids),
            ("move", None, 0, "TAKES", {"asked": 2, "completed": 2})]


def moved_and_refused(s):
    _, final = s.wire.move(7, [s.uids[1], s.hidden], "REFUSES")
    assert final.status == 0xA702
    return [("move", s.uids[1], 0xA700, "REFUSES", {}),
            ("move", None, 0xA702, "REFUSES", {"asked": 2, "failed": 1, "unknown": [s.hidden], "why": ...})]


def moved_with_warning(s):
    assert s.wire.move(7, [s.uids[0]], "WARNS")[1].status == 0xB000
    return [("move", s.uids[0], 0xB006, "WARNS", {}), ("move", None, 0xB000, "WARNS", {"warning": 1})]


def moved_to_a_stranger(s):
    assert s.wire.move(7, s.uids, "NOBODY")[1].status == 0xA801
    return [("move", None, 0xA801, "NOBODY", {"why": "move destination NOBODY is not known"})]


def interrupted(s):
    """The association ends while an instance is out: both rows are without status."""
    s.wire.send_message(5, s.wire.request(0x0010, GET, data := encode(keys(SOPInstanceUID=s.uids[0]), EXPLICIT)), data)
    while s.wire.read_message().command[0x0100] != C_STORE:
        pass
    s.wire.abort()
    return [("get", None, None, None, {"why": "the association has ended"}),
            ("get", s.uids[0], None, None, {"why": "the retrieve has ended"})]


def verified(s):
    """C-ECHO leaves nothing."""
    wire = Wire(s.server.port).associate([(1, "1.2.840.10008.1.1", ["1.2.840.10008.1.2"])], calling=s.title)
    assert wire.echo() == 0
    wire.release()
    return []


CASES = [stored, stored_again, stored_otherwise, stored_malformed, stored_under_no_uid, found, found_nothing, found_beyond_bounds,
         found_many_keys, found_refused, found_not_understood, asked_without_identifier, asked_with_hostile_text, got,
         got_what_is_not_there, got_nothing, got_and_refused, moved, moved_and_refused, moved_with_warning, moved_to_a_stranger,
         interrupted, verified]


def fits(expected, got):
    """`...` is anything but null, a function judges, a dictionary is a part."""
    if expected is ...:
        return got is not None
    if callable(expected):
        return expected(got)
    if isinstance(expected, dict):
        return isinstance(got, dict) and all(key in got and fits(v, got[key]) for key, v in expected.items())
    return expected == got


def test_rows_of_each_outcome(database, server, destinations):
    """All cases, and then one look at all rows: they are written behind the operations."""
    expected = []
    for case in CASES:
        s = Stage(server, "A" + case.__name__.replace("_", "")[:15].upper())
        rows = case(s)
        expected.append((case.__name__, s.title, rows))
        with contextlib.suppress(OSError):
            s.wire.release()
    wait_for(lambda: metrics(server)["dppr_associations_open"] == 0)
    drained(server)
    wrong = []
    (server_id,), = wait_for(lambda: database.query("select id from dpp.servers"))
    for name, title, rows in expected:
        got = rows_of(database, title)
        # Sub-operations of a move are of another thread: their order among the rows is none.
        key = lambda row: (row[1] is None, str(row[1]))
        if name.startswith("moved") or name == "interrupted":
            got, rows = sorted(got, key=key), sorted(rows, key=key)
        said = [(*row[:3], *row[5:]) for row in got if row[4] == "127.0.0.1"]
        if len(said) != len(rows) or not all(fits(a, b) for r, g in zip(rows, said) for a, b in zip(r, g)):
            wrong.append((name, rows, got))
        origins = database.query("select distinct server_id, association ~ '^[0-9]+$', db_user = session_user, reason"
                                 " from dpp.audit_events where ae_title = %s", (title,))
        assert origins in ([(server_id, True, True, None)], []), (name, origins)
    assert not wrong, json.dumps(wrong, indent=1, default=str)
    assert value(server, "audit_dropped_total") == 0


def test_rows_of_an_association_are_told_from_others(database, server):
    for _ in range(2):
        wire = associate(server, "TWICE")
        for _ in range(2):
            wire.find(3, keys(ProtocolName="x"))
        wire.release()
    rows = wait_rows(database, "TWICE", 4, "association, details -> 'message_id'")
    assert [r[1] for r in rows] == [1, 2, 1, 2]
    assert len({r[0] for r in rows}) == 2
    assert all(f"assoc={number} " in server.log for number, _ in rows)


def test_time_is_that_of_the_end(database, server):
    before = database.query("select clock_timestamp()")[0][0]
    wire = associate(server, "CLOCK")
    wire.find(3, keys(ProtocolName="x"))
    after = database.query("select clock_timestamp()")[0][0]
    wire.release()
    (at,), = wait_rows(database, "CLOCK", 1, "occurred_at")
    assert before <= at <= after


# ---- stores: with the object or not at all ----------------------------------------------------------------------------
def test_row_of_a_store_is_there_with_the_answer(database, server):
    wire = associate(server, "PROMPT")
    for n in range(20):
        assert store(wire, protocol()) == 0
        assert count_of(database, "PROMPT") == n + 1
    wire.release()


def test_store_and_its_row_are_one_transaction(database, server):
    """What rolls back the one rolls back the other; the refusal is on record all the same."""
    wire, ds = associate(server, "ONE"), protocol()
    database.query("alter table dpp.audit_events add constraint no_stores check (operation <> 'store' or status <> 0) not valid")
    try:
        refused = store(wire, ds)
    finally:
        database.query("alter table dpp.audit_events drop constraint no_stores")
    assert refused == 0xA700
    assert database.query("select count(*) from dpp.objects where sop_instance_uid = %s", (ds.SOPInstanceUID,)) == [(0,)]
    assert [r[2] for r in wait_rows(database, "ONE", 1)] == [0xA700]
    assert store(wire, ds) == 0
    assert [r[2] for r in rows_of(database, "ONE")] == [0xA700, 0]
    wire.release()


def test_killed_server_loses_no_row_of_a_store_nor_an_older_one(database):
    server = Server(database.uri)
    wire = associate(server, "KILLED")
    wire.find(3, keys(ProtocolName="x"))
    wait_rows(database, "KILLED", 1)
    wire.find(3, keys(ProtocolName="lost, perhaps"))
    for _ in range(10):
        assert store(wire, protocol()) == 0
    server.stop(signal.SIGKILL)
    rows = rows_of(database, "KILLED")
    assert [r[0] for r in rows].count("store") == 10
    assert [r[6]["identifier"]["ProtocolName"] for r in rows if r[0] == "find"][0] == "x"


# ---- when they cannot be written --------------------------------------------------------------------------------------
def finds(wire, count):
    for _ in range(count):
        assert wire.find(3, keys(ProtocolName="x"))[1].status == 0


def test_operations_wait_for_no_row_and_the_queue_is_bounded(database):
    """The table cannot be written for a while: one connection waits for it, the operations go on with the others."""
    server = Server(database.uri, workers=1, audit_max_waiting=10, database_connections=2)
    wire = associate(server, "BOUNDED")
    finds(wire, 1)
    drained(server)
    with locked(database, "dpp.audit_events"):
        finds(wire, 50)
        assert value(server, "audit_waiting") == 10
        assert value(server, "audit_dropped_total") == 40
        assert metrics(server)['dppr_limits_hit_total{limit="audit-max-waiting"}'] == 40
        assert len(wait_for(lambda: [x for x in server.log_lines if "event=audit." in x])) == 1
    drained(server)
    assert count_of(database, "BOUNDED") == 11
    finds(wire, 1)
    drained(server)
    assert count_of(database, "BOUNDED") == 12
    wire.release()
    assert server.stop() == 0
    lines = [re.search(r"level=(\S+) event=(audit\.\S+) (.*)$", x).groups() for x in server.log_lines if "event=audit." in x]
    assert lines == [("warn", "audit.dropping", 'limit=audit-max-waiting why="10 audit rows wait already"'),
                     ("warn", "audit.resumed", "dropped=40")]


def test_database_that_is_away_and_comes_back():
    """What waits is written when it is back; operations are refused as ever, and those refusals are on record."""
    with own_cluster() as cluster:
        server = Server(cluster.database, workers=1, database_wait="1s", database_connect_timeout="1s")
        wire = associate(server, "AWAY")
        finds(wire, 1)
        drained(server)
        cluster.stop()
        wait_for(lambda: wire.find(3, keys(ProtocolName="x"))[1].status == 0xA700)
        dropped = value(server, "audit_dropped_total")  # what was on its way when it broke
        for _ in range(5):
            assert wire.find(3, keys(ProtocolName="x"))[1].status == 0xA700
        assert value(server, "audit_waiting") >= 5
        cluster.start()
        wait_for(lambda: wire.find(3, keys(ProtocolName="x"))[1].status == 0)
        drained(server)
        rows = cluster.execute("select status, count(*) from dpp.audit_events where ae_title = 'AWAY' group by 1 order by 1")
        assert [r[0] for r in rows] == [0, 0xA700]
        total = sum(r[1] for r in rows)
        assert value(server, "audit_dropped_total") == dropped
        assert total == operations(server, "find") - dropped
        wire.release()
        assert server.stop() == 0


def test_read_only_database_is_no_storm(database):
    """A standby: queries are answered; one statement in a while is tried; when it may be written the rows come again."""
    database._admin(f"alter database {database.name} set default_transaction_read_only = on")
    try:
        server = Server(database.uri, workers=1)
        wire = associate(server, "STANDBY")
        finds(wire, 30)
        wait_for(lambda: value(server, "audit_dropped_total") > 0)
        errors, begin = value(server, "database_errors_total"), time.monotonic()
        while time.monotonic() < begin + 1.5:
            finds(wire, 10)
        # one in two seconds, and the heartbeat's; each quarter of a second would be six
        assert value(server, "database_errors_total") <= errors + 2 + (time.monotonic() - begin) / 2
    finally:
        database._admin(f"alter database {database.name} reset default_transaction_read_only")
    database.query("select pg_terminate_backend(pid) from pg_stat_activity"
                   " where datname = current_database() and pid <> pg_backend_pid()")

    def is_back():
        wire.find(3, keys(ProtocolName="x"))
        return "event=audit.resumed" in server.log
    wait_for(is_back)
    drained(server)
    dropped = int(re.search(r"event=audit.resumed dropped=(\d+)", server.log)[1])
    assert dropped == value(server, "audit_dropped_total")
    assert server.log.count("event=audit.dropping") == 1
    assert count_of(database, "STANDBY") == operations(server, "find") - dropped
    wire.release()
    assert server.stop() == 0


def test_missing_right_is_named_and_queries_go_on(database):
    """Whoever has written the roles by hand may have forgotten it."""
    name = f"no_audit_{database.name}"
    database.query(f"create role {name} login in role dppr_reader")
    try:
        server = Server(re.sub(r"([?&])user=[^&]*", rf"\1user={name}", database.uri) if "user=" in database.uri
                        else f"{database.uri}{'&' if '?' in database.uri else '?'}user={name}", workers=1)
        wire = associate(server, "FORGOTTEN")
        finds(wire, 3)
        server.wait_log(r'event=audit.dropping why="permission denied for table audit_events')
        assert value(server, "audit_dropped_total") == 3
        wire.release()
        assert server.stop() == 0
    finally:
        database.query(f"drop role {name}")


def test_stop_writes_what_waits(database):
    server = Server(database.uri)
    wire = associate(server, "STOPS")
    finds(wire, 7)
    wire.release()
    assert server.stop() == 0
    assert count_of(database, "STOPS") == 7


def test_stop_waits_for_no_locked_table(database):
    """Not longer than a second a thread; what is lost is told."""
    server = Server(database.uri, workers=1)
    wire = associate(server, "STUCK")
    with locked(database, "dpp.audit_events"):
        finds(wire, 3)
        wire.release()
        assert server.stop() == 0
    assert re.search(r"event=audit.dropping why=.the server stops.*\n(.*\n)*.*event=audit.ended dropped=3", server.log + "\n")
    assert count_of(database, "STUCK") in (0, 3)


def test_rows_take_no_connection_from_operations(database):
    """The only connection is an operation's: rows wait for it, and then for their turn."""
    seed = protocol()
    server = Server(database.uri, workers=1, database_connections=1)
    wire = associate(server, "FIRST")
    assert store(wire, seed) == 0
    multiply(database, seed.SOPInstanceUID, 20000)
    slow = Wire(server.port, receive_buffer=4096).associate(CONTEXTS, calling="SLOW")
    slow.send_find(3, keys(SOPInstanceUID="", ProtocolName=""))
    slow.read_message()  # and no more: the statement stays
    wire.send_message(3, wire.request(C_FIND, FIND))
    assert wire.read_message().status == 0x0212
    assert value(server, "audit_waiting") == 1
    slow.abort()
    drained(server)
    assert [r[2] for r in rows_of(database, "FIRST")] == [0, 0x0212]
    finds(wire, 1)
    wire.release()
    assert server.stop() == 0


def test_without_audit(database):
    server = Server(database.uri, audit="off")
    wire, ds = associate(server, "UNSEEN"), protocol()
    assert store(wire, ds) == 0
    finds(wire, 2)
    assert wire.get(5, [ds.SOPInstanceUID])[2].status == 0
    wire.release()
    assert server.stop() == 0
    assert count_of(database, "UNSEEN") == 0


# ---- without a server -------------------------------------------------------------------------------------------------
def test_imports_have_rows(database, tmp_path):
    one, other = sorted(p for p in SAMPLES.rglob("*") if p.is_file())[:2]
    first = run_dppr("import", one, other, database=database.uri, check=True)
    assert "2 stored" in first.stdout
    again = run_dppr("import", one, database=database.uri, check=True)
    assert "1 same" in again.stdout  # looked up, and nothing done
    rows = database.query("select details ->> 'outcome', status, ae_title, peer_address, server_id, association,"
                          " db_user = session_user, sop_instance_uid is not null, details ->> 'file'"
                          " from dpp.audit_events where operation = 'import' order by id")
    assert [r[0] for r in rows] == ["stored", "stored"]
    assert {r[1:8] for r in rows} == {(None, None, None, None, None, True, True)}
    assert {r[8] for r in rows} == {str(one), str(other)}
