# SPDX-License-Identifier: Apache-2.0
"""Statements that wait for a lock of somebody else's: each request ends at its deadline, and the server goes on."""
import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest

from conftest import Server
from dicomwire import CT_PROTOCOL, EXPLICIT, Rejected, encode, wait_for
from faultload import QUICK, associate, comment, find_one, get_one, is_ready, move_one, store_one, verify
from metrics import failed, totals as metrics
from protocols import keys, protocol


@contextlib.contextmanager
def serving(database, uri=None, **settings):
    server = Server(uri or database.uri, **{**QUICK, "workers": 1, "database_connections": 2,
                                            "database_statement_timeout": "1s", **settings})
    try:
        yield server
    finally:
        code = server.stop()
    assert code == 0
    assert "Sanitizer" not in server.log, server.log[-8000:]


@contextlib.contextmanager
def session(database, sql):
    """Another client's transaction, left open."""
    connection = psycopg2.connect(database.uri)
    try:
        connection.cursor().execute(sql)
        yield
    finally:
        connection.close()


def backends(database):
    return {pid for pid, in database.query(
        "select pid from pg_stat_activity where application_name = 'dppr' and datname = current_database()")}


def active(database):
    return database.query("select count(*) from pg_stat_activity where application_name = 'dppr'"
                          " and datname = current_database() and state <> 'idle'")[0][0]


@pytest.fixture(scope="module")
def stored(database):
    """An object that is there before anything is locked."""
    with serving(database) as server:
        wire = associate(server.port)
        ds = protocol()
        assert store_one(wire, ds).status == 0
        wire.release()
    wait_for(lambda: not backends(database))
    return ds


def test_locked_objects_end_in_a_time_out(database, stored):
    """A lock by somebody else: each request ends at its deadline, and the connection is used again."""
    with serving(database) as server:
        wire = associate(server.port)
        assert find_one(wire, stored).status == 0
        wait_for(lambda: len(backends(database)) == 1)  # the check of the schema has ended
        before, errors = backends(database), metrics(server)["database_errors_total"]
        with session(database, "lock table dpp.objects in access exclusive mode"):
            refused = protocol()
            for answer, status in ((store_one(wire, refused), 0xA700), (find_one(wire, stored), 0xA700),
                                   (get_one(wire, stored), 0xA701)):
                assert answer.status == status and "no progress" in comment(answer), comment(answer)
            assert active(database) == 0, "cancelled there too"
            assert is_ready(server), "a lock is no outage"
        server.wait_log("event=store.refused .*no progress")
        assert metrics(server)["database_errors_total"] >= errors + 3
        assert failed(server, "store") == 1 and failed(server, "find") == 1
        assert find_one(wire, stored).status == 0 and get_one(wire, stored).status == 0
        assert store_one(wire, refused).status == 0
        assert before <= backends(database), "no connection was given up"
        wire.release()


def test_locks_are_not_waited_for_longer_than_lock_timeout(database, stored):
    """The session's own limit, here set shorter, ends it with PostgreSQL's reason."""
    uri = database.uri + "?options=-c%20lock_timeout%3D300ms"
    with serving(database, uri=uri, database_statement_timeout="1min") as server:
        wire = associate(server.port)
        with session(database, "lock table dpp.objects in access exclusive mode"):
            answer = store_one(wire, protocol())
            assert answer.status == 0xA700 and "lock timeout" in comment(answer)
            answer = find_one(wire, stored)
            assert answer.status == 0xA700 and "lock timeout" in comment(answer)
        assert find_one(wire, stored).status == 0
        wire.release()


def test_queue_behind_a_lock_is_bounded(database, stored):
    """All connections of a worker wait for the lock, further requests for a connection, until that has a deadline."""
    with serving(database, database_statement_timeout="30s", database_wait="500ms") as server:
        wires = [associate(server.port) for _ in range(5)]
        with session(database, "lock table dpp.objects in access exclusive mode"):
            for n, wire in enumerate(wires, 1):
                wire.send_find(3, keys(SOPInstanceUID=stored.SOPInstanceUID))
                wait_for(lambda: active(database) == min(n, 2))
            for wire in wires[2:]:
                answer = wire.read_message()
                assert answer.status == 0xA700 and "no connection became free" in comment(answer)
        for wire in wires[:2]:
            assert wire.read_message().status == 0xFF00
            assert wire.read_message().status == 0
        for wire in wires:
            wire.release()


def test_locked_application_entities_end_in_a_time_out(database, stored):
    database.query("delete from dpp.application_entities; insert into dpp.application_entities (ae_title)"
                    " values ('KNOWN')")
    with serving(database, unknown_ae="refuse") as strict, serving(database) as lenient:
        known = associate(strict.port, calling="KNOWN")
        with session(database, "lock table dpp.application_entities in access exclusive mode"):
            with pytest.raises(Rejected) as refusal:
                associate(strict.port, calling="KNOWN")
            assert (refusal.value.result, refusal.value.source, refusal.value.reason) == (2, 3, 1)
            strict.wait_log("event=assoc.rejected .*the database cannot be asked")
            wire = associate(lenient.port)  # by policy, unchecked
            lenient.wait_log("event=association.unchecked .*no progress")
            answer = move_one(wire, stored)
            assert answer.status == 0xA701 and "no progress" in comment(answer)
            assert find_one(known, stored).status == 0, "the rights stay as they were"
        associate(strict.port, calling="KNOWN").release()
        assert move_one(wire, stored).status == 0xA801
        known.release()
        wire.release()


def test_nothing_is_shown_before_the_row_is_known(database, stored):
    """Let in unchecked, and the objects could be read: but what the peer may see of them is not known yet."""
    database.query("delete from dpp.application_entities; insert into dpp.application_entities (ae_title, required_assertions)"
                    " values ('LIMITED', '{NONE^99SITE}'), ('GUEST', '{NONE^99SITE}'), ('ELSEWHERE', '{}');"
                    " update dpp.application_entities set source_addresses = '{192.0.2.1}' where ae_title = 'ELSEWHERE'")
    with serving(database) as lenient, serving(database, unknown_ae_row="GUEST") as guests:
        servers = {"LIMITED": lenient, "STRANGER": lenient, "ELSEWHERE": lenient, "GUEST": guests}
        with session(database, "lock table dpp.application_entities in access exclusive mode"), ThreadPoolExecutor() as pool:
            opened = {title: pool.submit(associate, server.port, calling=title if server is lenient else "STRANGER")
                      for title, server in servers.items()}
            wires = {title: future.result() for title, future in opened.items()}
            finals = {title: pool.submit(find_one, wire, stored) for title, wire in wires.items()}
            assert {title: future.result().status for title, future in finals.items()} == dict.fromkeys(servers, 0xA700)
        for _ in range(2):
            found = {title: wire.find(3, keys(SOPInstanceUID=stored.SOPInstanceUID)) for title, wire in wires.items()}
            assert {title: (len(matches), final.status) for title, (matches, final) in found.items()} == {
                "LIMITED": (0, 0), "STRANGER": (1, 0), "ELSEWHERE": (0, 0x0124), "GUEST": (0, 0)}
            time.sleep(0.1)  # after which rows are read again
        for wire in wires.values():
            wire.release()
    database.query("delete from dpp.application_entities")


def test_statement_cancelled_by_an_administrator(database, stored):
    with serving(database, database_statement_timeout="1min") as server:
        wire = associate(server.port)
        with session(database, "lock table dpp.objects in access exclusive mode"):
            ds = protocol()
            octets = encode(ds, EXPLICIT)
            command = wire.request(0x0001, CT_PROTOCOL, octets)
            command[0x1000] = ds.SOPInstanceUID
            wire.send_message(1, command, octets)
            wait_for(lambda: database.query("select pg_cancel_backend(pid) from pg_stat_activity"
                                             " where application_name = 'dppr' and wait_event_type = 'Lock'"))
            answer = wire.read_message()
            assert answer.status == 0xA700 and "user request" in comment(answer)
        assert store_one(wire, ds).status == 0
        verify(server, {ds.SOPInstanceUID: octets})
        wire.release()
