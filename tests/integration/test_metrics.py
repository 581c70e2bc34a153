# SPDX-License-Identifier: Apache-2.0
"""/metrics: Prometheus text that counts what the server did, exactly."""
import re
import socket

import pytest

from conftest import ROOT, Database, Server
from dicomwire import (CT_PROTOCOL, EXPLICIT, FIND, GET, IMPLICIT, MOVE, VERIFICATION, Rejected, Wire, encode, wait_for)
from metrics import metrics, scrape, table
from protocols import keys, new_uid, protocol
from strikes import waiting_statements
from watch import locked
from wirescp import WireScp

CONTEXTS = [(1, FIND, [EXPLICIT]), (3, CT_PROTOCOL, [EXPLICIT]), (5, GET, [EXPLICIT]), (7, MOVE, [EXPLICIT]),
            (9, VERIFICATION, [IMPLICIT])]
# What is counted for each thing done; whatever else of these names moves fails the test.
COUNTED = re.compile(r"dppr_(operations_total|suboperations_total|operation_duration_seconds_count|dataset_bytes_total"
                     r"|find_first_response_seconds_count|find_matches_total|associations_(accepted|rejected|aborted)_total"
                     r"|connections_(accepted|refused)_total|limits_hit_total|timeouts_total|wrong_talk_total|protocol_errors_total"
                     r"|contexts_denied_total)(\{.*)?")
STORED = 3


class World:
    def __init__(self):
        self.database = Database()
        self.scp = WireScp()
        self.database.query("insert into dpp.application_entities (ae_title, ae_class) values ('CT1', 'scanner'), ('VIEWER', default)")
        self.database.query("insert into dpp.application_entities (ae_title, host, port, ae_class) values ('DEST', '127.0.0.1', %s, 'store')",
                            (self.scp.port,))
        self.server = Server(self.database.uri, workers=1)
        self.sets = [protocol(ProtocolName="METRICS") for _ in range(STORED)]
        self.octets = [encode(ds, EXPLICIT) for ds in self.sets]
        self.uids = [ds.SOPInstanceUID for ds in self.sets]
        self.wires = {title: self.call(title) for title in ("CT1", "VIEWER", "STRANGER")}
        for ds, octets in zip(self.sets, self.octets):
            assert self.wires["CT1"].store(3, octets, CT_PROTOCOL, ds.SOPInstanceUID).status == 0

    def call(self, title, **options):
        return Wire(self.server.port).associate(CONTEXTS, calling=title, roles=[(CT_PROTOCOL, 1, 1)], **options)

    def counted(self):
        return {name: value for name, value in metrics(self.server).items() if COUNTED.fullmatch(name)}


@pytest.fixture(scope="module")
def world():
    w = World()
    yield w
    for wire in w.wires.values():
        wire.close()
    w.scp.close()
    assert w.server.stop() == 0
    w.database.drop()


def ended(service, status, ae_class, count=1):
    """Operations with a response: by status, and in the histogram of durations."""
    return {f'dppr_operations_total{{service="{service}",status="{status}",class="{ae_class}"}}': count,
            f'dppr_operation_duration_seconds_count{{service="{service}"}}': count}


def subs(service, **outcomes):
    return {f'dppr_suboperations_total{{service="{service}",outcome="{outcome}"}}': n for outcome, n in outcomes.items()}


def echo(w):
    assert w.wires["VIEWER"].echo(9) == 0
    return ended("echo", "0000", "known")


def store_new(w):
    ds = protocol()
    octets = encode(ds, EXPLICIT)
    assert w.wires["CT1"].store(3, octets, CT_PROTOCOL, ds.SOPInstanceUID).status == 0
    return {**ended("store", "0000", "scanner"), 'dppr_dataset_bytes_total{way="stored"}': len(octets)}


def store_again(w):
    """Known already: success, and nothing is written."""
    assert w.wires["CT1"].store(3, w.octets[0], CT_PROTOCOL, w.uids[0]).status == 0
    return ended("store", "0000", "scanner")


def store_refused(w):
    assert w.wires["CT1"].store(3, w.octets[0], CT_PROTOCOL, new_uid()).status == 0xA900
    return ended("store", "A900", "scanner")


def find_some(w):
    matches, final = w.wires["STRANGER"].find(1, keys(ProtocolName="METRICS"))
    assert (len(matches), final.status) == (STORED, 0)
    return {**ended("find", "0000", "unknown"), "dppr_find_matches_total": STORED, "dppr_find_first_response_seconds_count": 1}


def find_nothing(w):
    assert w.wires["STRANGER"].find(1, keys(SOPInstanceUID=new_uid()))[1].status == 0
    return ended("find", "0000", "unknown")


def find_refused(w):
    assert w.wires["VIEWER"].find(1, keys(SpecificCharacterSet="ISO_IR 999", ProtocolName="x"))[1].status == 0xA900
    return ended("find", "A900", "known")


def find_cancelled(w):
    wire = w.wires["VIEWER"]
    with locked(w.database, "dpp.objects"):
        number = wire.send_find(1, keys(ProtocolName="METRICS"))
        wait_for(lambda: waiting_statements(w.database) == 1)
        assert metrics(w.server)['dppr_operations_running{service="find"}'] == 1
        wire.send_cancel(1, number)
        assert wire.read_message().status == 0xFE00
    return ended("find", "FE00", "known")


def find_left(w):
    """Its association is aborted: no response, so no duration."""
    wire = w.call("VIEWER")
    with locked(w.database, "dpp.objects"):
        wire.send_find(1, keys(ProtocolName="METRICS"))
        wait_for(lambda: waiting_statements(w.database) == 1)
        wire.abort()
        wait_for(lambda: metrics(w.server)['dppr_operations_running{service="find"}'] == 0)
    return {'dppr_operations_total{service="find",status="none",class="known"}': 1,
            "dppr_connections_accepted_total": 1, "dppr_associations_accepted_total": 1,
            'dppr_associations_aborted_total{by="peer"}': 1}


def get_all(w):
    assert w.wires["VIEWER"].get(5, w.uids)[2].status == 0
    return {**ended("get", "0000", "known"), **subs("get", completed=STORED),
            'dppr_dataset_bytes_total{way="sent"}': sum(map(len, w.octets))}


def get_some(w):
    """One is warned of, one refused."""
    answers = dict(zip(w.uids, (0, 0xB000, 0xA700)))
    assert w.wires["VIEWER"].get(5, w.uids, on_store=lambda m: answers[m.command[0x1000]])[2].status == 0xB000
    return {**ended("get", "B000", "known"), **subs("get", completed=1, warning=1, failed=1),
            'dppr_dataset_bytes_total{way="sent"}': sum(map(len, w.octets))}


def get_refused(w):
    ds = keys(SOPInstanceUID=w.uids[0], ProtocolName="x")
    wire = w.wires["VIEWER"]
    octets = encode(ds, EXPLICIT)
    wire.send_message(5, wire.request(0x0010, GET, octets), octets)
    assert wire.read_message().status == 0xA900
    return ended("get", "A900", "known")


def move_all(w):
    w.scp.status = 0
    assert w.wires["VIEWER"].move(7, w.uids, "DEST")[1].status == 0
    wait_for(lambda: metrics(w.server)["dppr_destination_associations_open"] == 0)
    return {**ended("move", "0000", "known"), **subs("move", completed=STORED),
            'dppr_dataset_bytes_total{way="sent"}': sum(map(len, w.octets))}


def move_failed(w):
    w.scp.status = 0xA700
    assert w.wires["VIEWER"].move(7, w.uids, "DEST")[1].status == 0xA702
    return {**ended("move", "A702", "known"), **subs("move", failed=STORED),
            'dppr_dataset_bytes_total{way="sent"}': sum(map(len, w.octets))}


def move_nowhere(w):
    """Nobody listens: no association, so nothing is sent."""
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    w.database.query("insert into dpp.application_entities (ae_title, host, port) values ('NOBODY', '127.0.0.1', %s)", (port,))
    assert w.wires["VIEWER"].move(7, w.uids, "NOBODY")[1].status == 0xA702
    return {**ended("move", "A702", "known"), **subs("move", failed=STORED)}


def move_refused(w):
    assert w.wires["CT1"].move(7, w.uids, "UNKNOWN")[1].status == 0xA801
    return ended("move", "A801", "scanner")


def refused_at_once(w):
    """A request that never becomes an operation."""
    wire = w.wires["VIEWER"]
    wire.send_message(9, wire.request(0x0020, FIND))
    assert wire.read_message().status == 0x0211
    return {**ended("find", "0211", "known"), "dppr_protocol_errors_total": 1}


def rejected(w):
    with pytest.raises(Rejected):
        w.call("VIEWER", called="OTHER")
    return {"dppr_connections_accepted_total": 1, 'dppr_associations_rejected_total{reason="called-title"}': 1}


def row_changes_class(w):
    """In force at once, also for associations that are open."""
    w.database.query("update dpp.application_entities set ae_class = 'workstation' where ae_title = 'VIEWER'")
    wait_for(lambda: w.wires["VIEWER"].find(1, keys(SOPInstanceUID=new_uid()))[1].status == 0)
    w.database.query("update dpp.application_entities set ae_class = 'known' where ae_title = 'VIEWER'")
    return ended("find", "0000", "workstation")


DONE = [echo, store_new, store_again, store_refused, find_some, find_nothing, find_refused, find_cancelled, find_left, get_all,
        get_some, get_refused, move_all, move_failed, move_nowhere, move_refused, refused_at_once, rejected, row_changes_class]


@pytest.mark.parametrize("act", DONE, ids=[act.__name__ for act in DONE])
def test_each_thing_done_is_counted_once(world, act):
    before = world.counted()
    expected = act(world)
    after = world.counted()
    assert {name: n - before.get(name, 0) for name, n in after.items() if n != before.get(name, 0)} == expected
    now = metrics(world.server)
    assert sum(now[f'dppr_operations_running{{service="{s}"}}'] for s in ("store", "find", "get", "move", "echo")) == 0
    assert now["dppr_associations_open"] == len(world.wires)


def test_each_status_of_a_class_has_a_sample_from_the_beginning(world):
    """A first failure is an increase."""
    found = metrics(world.server)
    for ae_class in ("scanner", "known", "unknown"):
        assert found[f'dppr_operations_total{{service="store",status="C211",class="{ae_class}"}}'] == 0
    assert not any('class="store"' in name for name in found), "of one that has not called"


def test_times_are_those_of_the_operations(world):
    """A statement that waits for a lock for half a second is in the buckets above, and its sum."""
    before = metrics(world.server)
    wire = world.wires["STRANGER"]
    with locked(world.database, "dpp.objects"):
        wire.send_find(1, keys(ProtocolName="METRICS"))
        wait_for(lambda: waiting_statements(world.database) == 1)
        world.database.query("select pg_sleep(0.6)")
    assert [wire.read_message().status for _ in range(STORED + 1)] == [0xFF00] * STORED + [0]
    after = metrics(world.server)
    for family, labels in (("operation_duration_seconds", 'service="find",'), ("find_first_response_seconds", ""),
                           ("database_statement_seconds", "")):
        slow = f'dppr_{family}_bucket{{{labels}le="0.5"}}'
        count = f"dppr_{family}_count" + ("{" + labels.rstrip(",") + "}" if labels else "")
        total = count.replace("_count", "_sum")
        assert (after[count] - after[slow]) - (before[count] - before[slow]) == 1
        assert 0.6 <= after[total] - before[total] < 60


def test_octets_on_the_wire_are_counted(world):
    """Of an echo: request and response are a P-DATA-TF each, whose lengths are known."""
    wire = world.wires["STRANGER"]
    before = metrics(world.server)
    request = wire.message_octets(9, wire.request(0x0030, VERIFICATION))
    wire.send(request)
    kind, body = wire.read_pdu()
    now = metrics(world.server)
    directions = [f'dppr_dicom_bytes_total{{direction="{d}"}}' for d in ("in", "out")]
    assert kind == 4 and [now[d] - before[d] for d in directions] == [len(request), 6 + len(body)]


def test_room_is_told_beside_what_is_used(world):
    now = metrics(world.server)
    # one worker of 5 connections, two retrieve workers of 2, the probe
    assert now["dppr_database_connections_max"] == 5 + 2 * 2 + 1
    assert 0 < now["dppr_database_connections"] <= now["dppr_database_connections_max"]
    assert now["dppr_database_waiting_max"] == 3 * 256 + 4
    assert now["dppr_audit_waiting_max"] == 3 * 4096
    assert now['dppr_jobs_waiting_max{pool="jobs"}'] == 4096
    assert now["dppr_loops"] == 4 and now["dppr_loops_stuck"] == 0
    assert now["dppr_database_up"] == now["dppr_ready"] == 1
    (version,), = world.database.query("select max(version) from dpp.schema_migrations")
    build, = [name for name in now if name.startswith("dppr_build_info")]
    assert now["dppr_schema_version"] == version and f'schema="{version}"' in build


def test_each_limit_and_deadline_has_a_sample_from_the_beginning(server):
    """So that a first strike is an increase, which is what alerts look for."""
    found = metrics(server)
    for sample in ('dppr_limits_hit_total{limit="max-associations"}', 'dppr_limits_hit_total{limit="open-files"}',
                   'dppr_timeouts_total{deadline="idle-timeout"}'):
        assert found[sample] == 0
    assert "dppr_limits_hit_total" not in found and "dppr_timeouts_total" not in found


def test_the_documentation_has_the_same_table(server):
    """docs/metrics.md: `tests/integration/metrics.py http://host:port/metrics` prints it."""
    documented = [line for line in (ROOT / "docs/metrics.md").read_text().splitlines() if re.match(r"\| `(dppr|process)_", line)]
    assert documented == table(scrape(server))
