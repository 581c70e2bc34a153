# SPDX-License-Identifier: Apache-2.0
"""Stores, finds, gets and moves on several associations at once, while the database breaks.

Whatever breaks, the same holds: every request is answered, or its association ended, within PATIENCE_S; a status
is one of those that stand for the database, and says why in an Error Comment; what was acknowledged is there
afterwards, octet for octet; and when the fault is over the same server serves again.
"""
import threading
import time
from collections import Counter

from dicomwire import (CT_PROTOCOL, EXPLICIT, FIND, GET, MOVE, PATIENCE_S, Aborted, Closed, Rejected, Wire, encode,
                       wait_for)
from metrics import failed, totals as metrics
from protocols import keys, protocol
from wirescp import WireScp

# So that faults end soon: settings of the server under test.
QUICK = {"database_wait": "2s", "database_connect_timeout": "1s", "database_statement_timeout": "2s",
         "destination_wait": "5s"}

ALLOWED = {
    "store": {0, 0xA700},
    "find": {0, 0xA700},
    "get": {0, 0xA701, 0xA702, 0xB000},
    "move": {0, 0xA701, 0xA702, 0xB000},
    "associate": {0, (2, 3, 1)},
}
CONTEXTS = [(1, CT_PROTOCOL, [EXPLICIT]), (3, FIND, [EXPLICIT]), (5, GET, [EXPLICIT]), (7, MOVE, [EXPLICIT])]
DESTINATION = "FAULTDEST"


def associate(port, timeout=PATIENCE_S, **options):
    """Contexts as in CONTEXTS, and C-GET is possible."""
    return Wire(port, timeout=timeout).associate(CONTEXTS, roles=[(CT_PROTOCOL, 1, 1)], **options)


def store_one(wire, dataset):
    return wire.store(1, encode(dataset, EXPLICIT), CT_PROTOCOL, dataset.SOPInstanceUID)


def find_one(wire, dataset):
    matches, final = wire.find(3, keys(SOPInstanceUID=dataset.SOPInstanceUID))
    assert final.status != 0 or len(matches) == 1
    return final


def get_one(wire, dataset):
    stored, _, final = wire.get(5, [dataset.SOPInstanceUID])
    assert final.status != 0 or [m.data for m in stored] == [encode(dataset, EXPLICIT)]
    return final


def get_into(stored, wire, uids):
    """The final answer; stored: what came."""
    stored[:], _, final = wire.get(5, uids)
    return final


def move_one(wire, dataset, destination=DESTINATION):
    return wire.move(7, [dataset.SOPInstanceUID], destination)[1]


def comment(message):
    return message.command.get(0x0902, "")


def served(work, *arguments):
    """work's answer of success. A deadline of QUICK may strike because the machine is slow; its name says so, and nothing else
    is excused."""
    def answer():
        found = work(*arguments)
        if found.status == 0:
            return found
        assert any(comment(found).startswith(name.replace("_", "-")) for name in QUICK), f"{found.status:04X} {comment(found)}"
    return wait_for(answer)


def is_ready(server):
    return server.http("/readyz")[0] == 200


class Load:
    """Runs from start() to stop(). `execute` runs one SQL statement on the database, for the destination's row."""

    def __init__(self, server, execute, storers=3, finders=2, getters=2, movers=1):
        self.server = server
        self.outcomes = []  # (kind, status, comment, time of the answer)
        self.acknowledged = {}
        self.broken = []  # what no fault excuses
        self.stopping = threading.Event()
        self.destination = WireScp()
        execute(f"delete from dpp.application_entities where ae_title = '{DESTINATION}'")
        execute(f"""insert into dpp.application_entities (ae_title, host, port, is_destination, max_associations)
                    values ('{DESTINATION}', '127.0.0.1', {self.destination.port}, true, 4)""")
        self.seeds = [protocol() for _ in range(20)]
        wire = associate(server.port)
        for seed in self.seeds:
            served(store_one, wire, seed)
            self.acknowledged[seed.SOPInstanceUID] = encode(seed, EXPLICIT)
        wire.release()
        kinds = [self.store] * storers + [self.find] * finders + [self.get] * getters + [self.move] * movers
        self.threads = [threading.Thread(target=self.run, args=(work,), daemon=True) for work in kinds]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    # ---- the requests
    def record(self, kind, status, why=""):
        self.outcomes.append((kind, status, why, time.monotonic()))
        if status not in ALLOWED[kind]:
            self.broken.append(f"{kind}: status {status} {why}")
        elif status not in (0, 0xB000) and kind != "associate" and not why:
            self.broken.append(f"{kind}: {status:04X} without Error Comment")
        if status != 0:
            self.stopping.wait(0.03)

    def run(self, work):
        wire = None
        while not self.stopping.is_set():
            try:
                if not wire:
                    wire = associate(self.server.port)
                work(wire)
            except Rejected as e:
                wire = None
                self.record("associate", (e.result, e.source, e.reason))
            except TimeoutError:
                self.broken.append(f"{work.__name__}: no answer within {PATIENCE_S} s")
                return
            except (Aborted, Closed, OSError) as e:
                wire = None
                self.broken.append(f"{work.__name__}: the association ended: {e}")
                self.stopping.wait(0.1)
            except Exception as e:  # an assertion of the wire, say
                self.broken.append(f"{work.__name__}: {e!r}")
                return
        if wire:
            wire.release()

    def store(self, wire):
        ds = protocol(ProtocolDesignRationale="x" * 3000)
        answer = store_one(wire, ds)
        if answer.status == 0:
            self.acknowledged[ds.SOPInstanceUID] = encode(ds, EXPLICIT)
        self.record("store", answer.status, comment(answer))

    def find(self, wire):
        matches, final = wire.find(3, keys(SOPInstanceUID=self.seeds[0].SOPInstanceUID, ProtocolName=""))
        if final.status == 0 and len(matches) != 1:
            self.broken.append(f"find: success with {len(matches)} matches instead of 1")
        self.record("find", final.status, comment(final))

    def get(self, wire):
        uids = [seed.SOPInstanceUID for seed in self.seeds]
        stored, _, final = wire.get(5, uids)
        if any(m.data != self.acknowledged[m.command[0x1000]] for m in stored):
            self.broken.append("get: other octets than were stored")
        if final.status == 0 and len(stored) != len(uids):
            self.broken.append(f"get: success with {len(stored)} instances of {len(uids)}")
        self.record("get", final.status, comment(final))

    def move(self, wire):
        _, final = wire.move(7, [seed.SOPInstanceUID for seed in self.seeds[:4]], DESTINATION)
        self.record("move", final.status, comment(final))

    # ---- what is asked meanwhile
    def count(self, kind, status):
        return sum(1 for k, s, _, _ in list(self.outcomes) if k == kind and s == status)

    def comments(self, kind):
        return Counter(why for k, s, why, _ in list(self.outcomes) if k == kind and s != 0)

    def wait_until_each(self, holds, kinds, timeout):
        """So many answers of each kind, counted from now, have a status for which it holds."""
        now = time.monotonic()

        def recent():
            return [outcome for outcome in list(self.outcomes) if outcome[3] >= now]

        def is_seen():
            seen = Counter(kind for kind, status, _, _ in recent() if holds(status))
            return self.broken or all(seen[kind] >= 2 for kind in kinds)
        try:
            wait_for(is_seen, timeout)
        except AssertionError:
            raise AssertionError(Counter((kind, status, why) for kind, status, why, _ in recent())) from None
        self.check()

    def wait_for_success(self, kinds=("store", "find", "get", "move"), timeout=PATIENCE_S):
        self.wait_until_each(lambda status: status == 0, kinds, timeout)

    def wait_for_failure(self, kinds=("store", "find"), timeout=PATIENCE_S):
        self.wait_until_each(lambda status: status != 0, kinds, timeout)

    def check(self):
        assert not self.broken, Counter(self.broken)

    # ---- the end
    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(PATIENCE_S + 10)
            assert not thread.is_alive(), "a request hangs"
        self.destination.close()
        self.check()
        verify(self.server, self.acknowledged)
        self.verify_log()

    def verify_log(self):
        """One line and one count for each refusal."""
        for kind in ("store", "find"):
            told = self.count(kind, 0xA700)
            lines = sum(1 for line in self.server.log_lines if f"event={kind}.refused" in line)
            assert lines >= told, f"{told} {kind}s were refused, {lines} lines"
            assert failed(self.server, kind) >= told


def verify(server, acknowledged):
    """Everything is there, octet for octet."""
    wait_for(lambda: metrics(server)["database_away"] == 0)
    wire = associate(server.port)
    uids = list(acknowledged)
    for at in range(0, len(uids), 500):
        some = uids[at:at + 500]
        stored = []
        served(lambda: get_into(stored, wire, some))
        assert {m.command[0x1000]: m.data for m in stored} == {uid: acknowledged[uid] for uid in some}
    wire.release()


def verify_recovered(server, execute, connections):
    """Ready, nothing waits, and no more connections than there may be. `connections`: of the server's pools."""
    wait_for(lambda: is_ready(server))

    def is_calm():
        now = metrics(server)
        return (now["database_waiting"] == 0 and now["database_connections"] <= connections
                and now["associations_open"] == 0)
    wait_for(is_calm)
    wait_for(lambda: execute("select count(*) from pg_stat_activity where application_name like 'dppr%'")[0][0]
             <= connections)
