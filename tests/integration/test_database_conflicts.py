# SPDX-License-Identifier: Apache-2.0
"""Two servers store at once: the loser reads again and compares, whatever PostgreSQL makes of the race."""
import threading

import psycopg2
import pytest

from conftest import Database, Server
from dicomwire import CT_PROTOCOL, EXPLICIT, PATIENCE_S, encode, wait_for
from faultload import associate, comment, verify
from metrics import totals as metrics
from protocols import new_uid, protocol, reference

ROUNDS = 12


@pytest.fixture(scope="module", params=("read committed", "repeatable read", "serializable"))
def pair(request):
    """Two servers on one database, where transactions overlap for certain: an insert takes its time."""
    db = Database()
    db.query(f"alter database {db.name} set default_transaction_isolation = '{request.param}'")
    db.query("""
        create function take_time() returns trigger language plpgsql as $$ begin perform pg_sleep(0.03); return null; end $$;
        create trigger take_time after insert on dpp.objects for each row execute function take_time()""")
    servers = [Server(db.uri, workers=1) for _ in range(2)]
    yield db, servers
    for server in servers:
        assert server.stop() == 0
        assert "Sanitizer" not in server.log, server.log[-8000:]
    db.drop()


def store_at_once(servers, datasets):
    """Each data set by an association of its own, at the same moment; the answers in order."""
    wires = [associate(servers[i % 2].port) for i in range(len(datasets))]
    for wire, ds in zip(wires, datasets):
        octets = encode(ds, EXPLICIT)
        command = wire.request(0x0001, CT_PROTOCOL, octets)
        command[0x1000] = ds.SOPInstanceUID
        wire.send_message(1, command, octets)
    answers = [wire.read_message() for wire in wires]
    for wire in wires:
        wire.release()
    return answers


def test_same_content_is_a_success_for_all(pair):
    db, servers = pair
    for _ in range(ROUNDS):
        ds = protocol()
        answers = store_at_once(servers, [ds] * 4)
        assert [a.status for a in answers] == [0] * 4, [comment(a) for a in answers]
        assert db.query("select count(*) from dpp.objects where sop_instance_uid = %s", (ds.SOPInstanceUID,)) == [(1,)]
        verify(servers[0], {ds.SOPInstanceUID: encode(ds, EXPLICIT)})


def test_of_different_contents_one_wins(pair):
    _, servers = pair
    for _ in range(ROUNDS):
        first = protocol()
        others = [protocol(SOPInstanceUID=first.SOPInstanceUID, ProtocolName=f"Rival {n}") for n in range(3)]
        datasets = [first, *others]
        answers = store_at_once(servers, datasets)
        assert sorted(a.status for a in answers) == [0, 0xC000, 0xC000, 0xC000], [comment(a) for a in answers]
        winner = next(ds for ds, a in zip(datasets, answers) if a.status == 0)
        for server in servers:
            verify(server, {first.SOPInstanceUID: encode(winner, EXPLICIT)})


def test_different_objects_do_not_disturb_each_other(pair):
    _, servers = pair
    for _ in range(ROUNDS // 3):
        datasets = [protocol() for _ in range(4)]
        answers = store_at_once(servers, datasets)
        assert [a.status for a in answers] == [0] * 4, [comment(a) for a in answers]
        verify(servers[0], {ds.SOPInstanceUID: encode(ds, EXPLICIT) for ds in datasets})


def test_versions_that_name_each_other_do_not_hide_each_other(database):
    """Decision 11, where the circle comes about at the same moment: one has the place of the other, and not both."""
    database.query("""
        create function take_time() returns trigger language plpgsql as $$ begin perform pg_sleep(0.03); return null; end $$;
        create trigger take_time after insert on dpp.supersessions for each row execute function take_time()""")
    database.query("insert into dpp.application_entities (ae_title, may_supersede) values ('WIRE', true)")
    server = Server(database.uri, workers=1)
    try:
        for _ in range(ROUNDS // 3):
            uids = [new_uid(), new_uid()]
            answers = store_at_once([server, server], [
                protocol(SOPInstanceUID=uid, PredecessorProtocolSequence=[reference(other)])
                for uid, other in (uids, uids[::-1])])
            assert [a.status for a in answers] == [0] * 2, [comment(a) for a in answers]
            assert database.query("select count(*) from dpp.current_protocols where sop_instance_uid = any (%s)",
                                  (uids,)) == [(1,)]
    finally:
        assert server.stop() == 0
        database.query("delete from dpp.application_entities where ae_title = 'WIRE'")
        database.query("drop trigger take_time on dpp.supersessions; drop function take_time")


def test_victim_of_a_deadlock_does_it_again(database):
    """The store takes lock 2 and wants 1; a session that has 1 wants 2 and lets the store find out."""
    database.query("""
        create function cross() returns trigger language plpgsql as $$
        begin perform pg_advisory_xact_lock(2), pg_advisory_xact_lock(1); return null; end $$;
        create trigger cross_locks after insert on dpp.objects for each row execute function cross()""")
    server = Server(database.uri, workers=1)
    other = psycopg2.connect(database.uri)
    try:
        cursor = other.cursor()
        cursor.execute("set deadlock_timeout = '1h'; select pg_advisory_xact_lock(1)")
        wire = associate(server.port)
        ds = protocol()
        octets = encode(ds, EXPLICIT)
        command = wire.request(0x0001, CT_PROTOCOL, octets)
        command[0x1000] = ds.SOPInstanceUID
        wire.send_message(1, command, octets)
        wait_for(lambda: database.query("select 1 from pg_locks where locktype = 'advisory' and not granted"))
        errors = metrics(server)["database_errors_total"]
        waiting = threading.Thread(target=cursor.execute, args=("select pg_advisory_xact_lock(2)",))
        waiting.start()
        waiting.join(PATIENCE_S)
        assert not waiting.is_alive()
        wait_for(lambda: metrics(server)["database_errors_total"] == errors + 1)  # the store was the victim
        other.rollback()
        answer = wire.read_message()
        assert answer.status == 0, comment(answer)
        verify(server, {ds.SOPInstanceUID: octets})
        wire.release()
    finally:
        other.close()
        assert server.stop() == 0
        database.query("drop trigger cross_locks on dpp.objects; drop function cross")
