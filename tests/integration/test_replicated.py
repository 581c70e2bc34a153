# SPDX-License-Identifier: Apache-2.0
"""Synchronous replication: a store is acknowledged when the standby has it, whatever happens to the COMMIT that waits for it.

PostgreSQL commits here first and waits then. When the wait is cancelled or its session ends, the object is there and everybody
sees it, and a primary that is lost at this moment takes it along."""
import threading
import time

import pytest

from clusters import own_cluster
from conftest import Server
from dicomwire import PATIENCE_S, wait_for
from faultload import associate, comment, store_one
from protocols import protocol

# Audit rows of a store that was refused wait as well; they are nobody's business here.
WAITING = ("from pg_stat_activity where wait_event = 'SyncRep' and application_name like 'dppr%'"
           " and query not like 'insert into dpp.audit_events%'")
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
        wait_for(lambda: primary.execute(f"select count(*) {WAITING}") == [(1,)])
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
