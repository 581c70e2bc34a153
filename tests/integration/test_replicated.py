# SPDX-License-Identifier: Apache-2.0
"""Synchronous replication: a store is acknowledged when the standby has it, whatever happens to the COMMIT that waits for it.

PostgreSQL commits here first and waits then. When the wait is cancelled or its session ends, the object is there and everybody
sees it, and a primary that is lost at this moment takes it along.

Without the standby stores wait, and nobody else does: they have connections and places in the queue of their own."""
import contextlib
import threading
import time

import pytest

from clusters import own_cluster
from conftest import Server
from dicomwire import PATIENCE_S, wait_for
from faultload import DESTINATION, associate, comment, find_one, get_one, is_ready, move_one, store_one
from metrics import metrics
from protocols import protocol
from wirescp import WireScp

WAITING = "from pg_stat_activity where wait_event = 'SyncRep' and application_name like 'dppr%'"
SETTINGS = dict(workers=1, database_wait="20s", database_statement_timeout="1s")


@pytest.fixture(scope="module")
def primary():
    with own_cluster("wal_level=replica", "max_wal_senders=2") as own:
        yield own


def standby(own, is_there):
    """A standby that is not there keeps every COMMIT waiting."""
    own.execute(f"alter system set synchronous_standby_names = '{'' if is_there else 'nobody'}'")
    own.execute("select pg_reload_conf()")
    wait_for(lambda: own.execute("show synchronous_standby_names") == [("" if is_there else "nobody",)])


@pytest.fixture
def server(primary, request):
    standby(primary, True)
    server = Server(primary.database, **{**SETTINGS, **getattr(request, "param", {})})
    yield server
    standby(primary, True)
    assert server.stop() == 0


def count(own, ds):
    return own.execute(f"select count(*) from dpp.objects where sop_instance_uid = '{ds.SOPInstanceUID}'")[0][0]


def test_a_store_is_refused_while_the_standby_lacks_it(primary, server):
    """Its time-out cancels the wait; the object is there, and that is not enough. Nor is it when it is sent again."""
    wire, ds = associate(server.port), protocol()
    standby(primary, False)
    for _ in range(2):
        answer = store_one(wire, ds)
        assert answer.status == 0xA700 and "database-statement-timeout" in comment(answer)
        assert count(primary, ds) == 1
    standby(primary, True)
    assert store_one(wire, ds).status == 0
    wire.release()


def stores_waiting(own):
    return own.execute(f"select count(*) {WAITING}")[0][0]


class Storing(threading.Thread):
    def __init__(self, server, ds):
        super().__init__(daemon=True)
        self.server, self.ds, self.answer = server, ds, None
        self.start()

    def run(self):
        wire = associate(self.server.port)
        self.answer = store_one(wire, self.ds)
        wire.release()


ENDS = {"cancelled": "pg_cancel_backend", "ended": "pg_terminate_backend"}


@pytest.mark.parametrize("server", [{"database_statement_timeout": "20s"}], indirect=True)
@pytest.mark.parametrize("how", ENDS.values(), ids=ENDS.keys())
def test_a_wait_that_somebody_ends_is_waited_for_again(primary, server, how):
    """By hand, or with the session: the answer is a success only when the standby has it."""
    ds = protocol()
    standby(primary, False)
    storing = Storing(server, ds)
    for _ in range(2):  # the store's own statement, and the one that looks for it
        wait_for(lambda: stores_waiting(primary) == 1)
        primary.execute(f"select {how}(pid) {WAITING}")
        time.sleep(0.2)
    if how == "pg_cancel_backend":
        storing.join(PATIENCE_S)
        assert storing.answer.status == 0xA700 and comment(storing.answer)
    else:
        assert storing.is_alive(), "still asks"
    assert count(primary, ds) == 1
    standby(primary, True)
    storing.join(PATIENCE_S)
    assert storing.answer.status == (0xA700 if how == "pg_cancel_backend" else 0)


# ---- what only reads -----------------------------------------------------------------------------------------------
@contextlib.contextmanager
def destination(own):
    scp = WireScp()
    own.execute("insert into dpp.application_entities (ae_title, host, port, is_destination)"
                f" values ('{DESTINATION}', '127.0.0.1', {scp.port}, true)")
    try:
        yield
    finally:
        standby(own, True)  # or this waits for it too
        own.execute(f"delete from dpp.application_entities where ae_title = '{DESTINATION}'")
        scp.close()


def stored_before(server):
    wire, ds = associate(server.port), protocol()
    assert store_one(wire, ds).status == 0
    return wire, ds


@pytest.mark.parametrize("server", [{"database_connections": 4, "database_wait": "3s", "database_statement_timeout": "10min"}],
                         indirect=True)
def test_reads_go_on_while_stores_wait(primary, server):
    """Of four connections stores have three, and neither audit rows nor places at a destination wait for a standby."""
    with destination(primary):
        wire, ds = stored_before(server)
        standby(primary, False)
        first = [Storing(server, protocol()) for _ in range(3)]
        wait_for(lambda: stores_waiting(primary) == 3)
        rows = metrics(server)["dppr_audit_rows_total"]
        late = [Storing(server, protocol()) for _ in range(2)]
        for read in (find_one, get_one, move_one):
            answer = read(wire, ds)
            assert answer.status == 0, comment(answer)
        for storing in late:
            storing.join(PATIENCE_S)
            assert storing.answer.status == 0xA700
            assert comment(storing.answer) == "database-wait: the 3 stores before it have not ended"
        # A find, a get and a move with the instance of each, and the stores that were refused.
        wait_for(lambda: metrics(server)["dppr_audit_rows_total"] == rows + 7)
        assert stores_waiting(primary) == 3 and all(storing.is_alive() for storing in first)
        assert is_ready(server)
        standby(primary, True)
    for storing in first:
        storing.join(PATIENCE_S)
        assert storing.answer.status == 0
    wire.release()


@pytest.mark.parametrize("server", [{"database_connections": 4, "database_max_waiting": 32, "database_wait": "10min",
                                     "database_statement_timeout": "10min"}], indirect=True)
def test_stores_that_wait_make_no_server_unready(primary, server):
    """All servers of a site see the same, and would be out at once. A full queue is a reason after 5 s."""
    wire, ds = stored_before(server)
    standby(primary, False)
    storing = []
    for count in (20, 40):  # not all at once, as who comes needs a place for the row of its title
        storing += [Storing(server, protocol()) for _ in range(20)]
        wait_for(lambda: sum(not s.is_alive() for s in storing) == count - 3 - 12)
    assert {comment(s.answer) for s in storing if not s.is_alive()} == {"database-max-waiting: 12 stores wait already"}
    assert {s.answer.status for s in storing if not s.is_alive()} == {0xA700}
    until = time.monotonic() + 7
    while time.monotonic() < until:
        assert is_ready(server)
        assert find_one(wire, ds).status == 0
        time.sleep(0.2)
    assert stores_waiting(primary) == 3 and metrics(server)["dppr_database_waiting"] == 12
    standby(primary, True)
    for s in storing:
        s.join(PATIENCE_S)
        assert s.answer.status in (0, 0xA700)
    assert sum(s.answer.status == 0 for s in storing) == 15
    assert "ready.queue_full" not in server.log
    wire.release()
