# SPDX-License-Identifier: Apache-2.0
"""The network between the server and PostgreSQL fails: frozen, reset, slow, or gone just when COMMIT is answered."""
import contextlib
import time

import pytest

from conftest import Server
from dbproxy import LAST_WORDS, LOST_ANSWER, LOST_REQUEST, DatabaseProxy
from dicomwire import CT_PROTOCOL, EXPLICIT, encode, wait_for
from faultload import QUICK, Load, associate, comment, is_ready, store_one, verify, verify_recovered
from metrics import failed
from protocols import keys, protocol
from wirescp import WireScp

CONNECTIONS = 2 * 4 + 2 * 2 + 2


@contextlib.contextmanager
def serving(database, **settings):
    """A server that reaches its database through a proxy. What succeeds must not do so in QUICK time unless it is told to."""
    proxy = DatabaseProxy(database.uri)
    server = Server(proxy.uri, **settings)
    try:
        yield server, proxy
    finally:
        proxy.heal()
        code = server.stop()
        proxy.close()
    assert code == 0
    assert "Sanitizer" not in server.log, server.log[-8000:]


# ---- nothing gets through --------------------------------------------------------------------------------

def test_frozen_network(database):
    with serving(database, **QUICK) as (server, proxy):
        load = Load(server, database.query).start()
        load.wait_for_success()
        proxy.freeze()
        load.wait_for_failure(("store", "find", "get", "move"))
        wait_for(lambda: not is_ready(server))
        proxy.heal()
        load.wait_for_success()
        load.stop()
        verify_recovered(server, database.query, CONNECTIONS)
        assert any("no progress" in why for why in load.comments("store")), load.comments("store")


def test_reset_connections(database):
    with serving(database, **QUICK) as (server, proxy):
        load = Load(server, database.query).start()
        load.wait_for_success()
        for _ in range(10):
            proxy.reset()
            time.sleep(0.1)
        load.wait_for_success()
        proxy.reset(refuse=True)
        load.wait_for_failure(("store", "find", "get", "move"))
        wait_for(lambda: not is_ready(server))
        proxy.heal()
        load.wait_for_success()
        load.stop()
        verify_recovered(server, database.query, CONNECTIONS)


def test_slow_network_is_no_failure(database):
    with serving(database, workers=1) as (server, proxy):
        load = Load(server, database.query, 1, 1, 1, 1).start()
        proxy.delay_s = 0.2
        load.wait_for_success()
        load.stop()
        assert {status for _, status, _, _ in load.outcomes} == {0}, load.comments("store")
        proxy.delay_s = 0


def test_one_lost_connection_is_no_outage(database):
    """The probe's own, in the middle of its question: readiness does not flap."""
    with serving(database, workers=1) as (server, proxy):
        wait_for(lambda: is_ready(server))
        proxy.arm("transaction_read_only", LOST_ANSWER)
        wait_for(lambda: proxy.strikes == 1)
        time.sleep(0.5)
        assert is_ready(server)
        assert "database.away" not in server.log


# ---- the outcome of a store is unknown -------------------------------------------------------------------

def is_stored(database, ds):
    return database.query("select count(*) from dpp.objects where sop_instance_uid = %s",
                          (ds.SOPInstanceUID,))[0][0] == 1


@pytest.fixture(scope="module")
def path(database):
    """A server with one worker, whose connections have the statement prepared."""
    with serving(database, workers=1, database_connections=2, database_wait="1min", database_connect_timeout="1min",
                 database_statement_timeout="1min") as (server, proxy):
        yield server, proxy
        verify_recovered(server, database.query, 2 + 2 * 2 + 2)


def test_answer_lost_after_commit_is_success(database, path):
    server, proxy = path
    wire = associate(server.port)
    ds = protocol()
    proxy.arm("dpp.ingest", LOST_ANSWER)
    assert store_one(wire, ds).status == 0
    assert proxy.strikes == 1
    assert is_stored(database, ds)
    verify(server, {ds.SOPInstanceUID: encode(ds, EXPLICIT)})
    wire.release()


def test_request_lost_before_commit_is_refused(database, path):
    server, proxy = path
    wire = associate(server.port)
    ds = protocol()
    before = failed(server, "store")
    proxy.arm("dpp.ingest", LOST_REQUEST)
    answer = store_one(wire, ds)
    assert proxy.strikes == 1
    assert answer.status == 0xA700 and "connection lost" in comment(answer)
    assert failed(server, "store") == before + 1
    assert not is_stored(database, ds)
    assert store_one(wire, ds).status == 0, "the peer's second try"
    verify(server, {ds.SOPInstanceUID: encode(ds, EXPLICIT)})
    wire.release()


def test_answer_lost_and_the_content_is_another(database, path):
    """What is there under this UID is not what was sent: no success."""
    server, proxy = path
    wire = associate(server.port)
    ds = protocol()
    assert store_one(wire, ds).status == 0
    other = protocol(SOPInstanceUID=ds.SOPInstanceUID, ProtocolName="Another")
    proxy.arm("dpp.ingest", LOST_ANSWER)
    answer = store_one(wire, other)
    assert proxy.strikes == 1
    assert answer.status == 0xC000 and answer.command[0x0901] == 0x00080018
    proxy.arm("dpp.ingest", LOST_ANSWER)
    assert store_one(wire, ds).status == 0, "the same content"
    verify(server, {ds.SOPInstanceUID: encode(ds, EXPLICIT)})
    wire.release()


def test_answer_lost_and_the_database_too(database, path):
    server, proxy = path
    wire = associate(server.port)
    ds = protocol()
    proxy.arm("dpp.ingest", LAST_WORDS)
    answer = store_one(wire, ds)
    assert proxy.strikes == 1
    assert answer.status == 0xA700 and comment(answer)
    assert is_stored(database, ds), "committed, but nobody could know"
    wait_for(lambda: not is_ready(server))
    proxy.heal()
    wait_for(lambda: is_ready(server))
    wait_for(lambda: wire.find(3, keys(SOPInstanceUID=ds.SOPInstanceUID))[1].status == 0)
    assert store_one(wire, ds).status == 0, "the same content again"
    verify(server, {ds.SOPInstanceUID: encode(ds, EXPLICIT)})
    wire.release()


def test_answer_lost_with_every_connection(database, path):
    """What breaks one connection breaks the idle ones too; the outcome is still read."""
    server, proxy = path
    wires = [associate(server.port) for _ in range(2)]
    for _ in range(10):
        for wire in wires:  # both connections are open
            wire.send_find(3, keys(SOPInstanceUID=""))
        for wire in wires:
            while wire.read_message().status == 0xFF00:
                pass
        ds = protocol()
        proxy.arm("dpp.ingest", LOST_ANSWER)
        proxy.resets_all = True
        answer = store_one(wires[0], ds)
        assert answer.status == 0, comment(answer)
        proxy.resets_all = False
        assert proxy.strikes == 1
        assert is_stored(database, ds)
    for wire in wires:
        wire.release()


def test_commit_that_comes_after_the_refusal(database, path):
    """The connection is lost while the statement still runs. Nothing is acknowledged; the next try finds it stored."""
    server, proxy = path
    wire = associate(server.port)
    ds = protocol(ProtocolName="Slow to commit")
    database.query("""
        create function slow_commit() returns trigger language plpgsql as $$ begin perform pg_sleep(2); return null; end $$;
        create constraint trigger slow after insert on dpp.objects deferrable initially deferred
        for each row execute function slow_commit()""")
    try:
        command = wire.request(0x0001, CT_PROTOCOL, b"")
        command[0x1000] = ds.SOPInstanceUID
        wire.send_message(1, command, encode(ds, EXPLICIT))
        wait_for(lambda: database.query("select 1 from pg_stat_activity where datname = current_database()"
                                        " and wait_event = 'PgSleep'"))
        proxy.reset()
        answer = wire.read_message()
        assert answer.status == 0xA700 and comment(answer)
        assert not is_stored(database, ds)
        wait_for(lambda: is_stored(database, ds))
    finally:
        database.query("drop trigger slow on dpp.objects; drop function slow_commit")
    assert store_one(wire, ds).status == 0
    verify(server, {ds.SOPInstanceUID: encode(ds, EXPLICIT)})
    wire.release()


def test_commit_that_fails_is_no_success(database, path):
    """The statement has given its row already when COMMIT fails."""
    server, _ = path
    wire = associate(server.port)
    ds = protocol()
    database.query("""
        create function no_commit() returns trigger language plpgsql as $$ begin raise 'not today'; end $$;
        create constraint trigger no after insert on dpp.objects deferrable initially deferred
        for each row execute function no_commit()""")
    try:
        answer = store_one(wire, ds)
        assert answer.status == 0xA700 and comment(answer) == "not today"
        assert not is_stored(database, ds)
    finally:
        database.query("drop trigger no on dpp.objects; drop function no_commit")
    assert store_one(wire, ds).status == 0
    wire.release()


# ---- a place at a destination is given back ---------------------------------------------------------------

def test_place_is_given_back_in_spite_of_a_lost_connection(database):
    """The destination takes one association. Its place must not stay taken until it expires, in half a minute."""
    with serving(database, destination_wait="20s") as (server, proxy):
        ds = protocol()
        scp = WireScp()
        database.query("insert into dpp.application_entities (ae_title, host, port, is_destination)"
                       " values ('NARROW', '127.0.0.1', %s, true)", (scp.port,))
        wire = associate(server.port)
        assert store_one(wire, ds).status == 0
        proxy.arm("delete from dpp.destination_slots", LOST_REQUEST)
        for _ in range(2):
            _, final = wire.move(7, [ds.SOPInstanceUID], "NARROW")
            assert final.status == 0, comment(final)
        assert proxy.strikes == 1
        wire.release()
        scp.close()
