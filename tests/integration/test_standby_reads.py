# SPDX-License-Identifier: Apache-2.0
"""Reads on a standby: what any server acknowledged before is found, whatever the standby does; and the primary helps out."""
import contextlib
import os
import re
import threading
import time

import psycopg2
import pytest

from clusters import family, several
from conftest import Server, run_dppr
from dicomwire import EXPLICIT, PATIENCE_S, encode, wait_for
from faultload import DESTINATION, QUICK, associate, comment, find_one, get_one, is_ready, served, store_one, verify
from metrics import parse
from pgbouncer import SETTINGS, PgBouncer
from protocols import keys, protocol
from test_reload import ReloadServer
from wirescp import WireScp

HAMMERED = int(os.environ.get("HAMMERED", "250"))  # stores per thread; more on demand


@pytest.fixture(scope="module")
def clusters():
    with family() as own:
        own.add_standby()
        yield own


def samples(server, name):
    """{label's value: number}"""
    return {labels[0][1] if labels else "": value
            for (_, labels), value in parse(server.http("/metrics")[1])["dppr_" + name].samples.items()}


def reads(server):
    now = samples(server, "reads_total")
    return now["primary"], now["standby"]


def fallbacks(server):
    return samples(server, "standby_fallbacks_total")


@contextlib.contextmanager
def serving(clusters, *standbys, **settings):
    """Reads on these standbys; all of the family when none is named."""
    uri = several(*(standbys or clusters.members[1:]), kind=None)
    server = Server(several(*clusters.members), **{**QUICK, "database_statement_timeout": "20s",
                                                   "standby_database": uri, **settings})
    try:
        wait_for(lambda: is_ready(server))
        yield server
    finally:
        code = server.stop()
    assert code == 0
    assert "Sanitizer" not in server.log, server.log[-8000:]


def wait_for_standby(server, wire):
    """Its connections are there, and it is used."""
    def is_read():
        before = reads(server)[1]
        assert wire.find(3, keys(SOPInstanceUID="1.2.3"))[1].status == 0
        return reads(server)[1] > before
    wait_for(is_read)


def hammer(stores_on, asks, count, broken):
    """Each acknowledged object is at once asked for elsewhere, by UID, by name, and octet for octet."""
    store, ask = associate(stores_on.port), associate(asks.port)
    for n in range(count):
        ds = protocol()
        ds.ProtocolName = f"Fresh {ds.SOPInstanceUID[-20:]}"
        answer = store_one(store, ds)
        assert answer.status == 0, comment(answer)
        query = {"SOPInstanceUID": ds.SOPInstanceUID} if n % 3 else {"ProtocolName": ds.ProtocolName}
        matches, final = ask.find(3, keys(**query))
        if final.status != 0 or len(matches) != 1:
            broken.append(f"find {query}: {final.status:04X}, {len(matches)} matches")
        if n % 4 == 0:
            got, _, final = ask.get(5, [ds.SOPInstanceUID])
            if final.status != 0 or [m.data for m in got] != [encode(ds, EXPLICIT)]:
                broken.append(f"get: {final.status:04X}, {len(got)} instances")
    store.release()
    ask.release()


def hammer_all(one, other, count=HAMMERED):
    broken, threads = [], []
    for pair in ((one, other), (other, one)):
        threads.append(threading.Thread(target=hammer, args=(*pair, count, broken)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert not broken, f"{len(broken)} missed, the first: {broken[0]}"


def set_standby(standby, name, value):
    standby.execute(f"alter system set {name} = {value}")
    standby.execute("select pg_reload_conf()")


# ---- nothing acknowledged is missed --------------------------------------------------------------------------

def test_what_was_acknowledged_is_found_through_every_server(clusters):
    with serving(clusters, standby_wait="10s") as one, serving(clusters, workers=1, standby_wait="10s") as other:
        before = reads(one)[1] + reads(other)[1]
        hammer_all(one, other)
        assert reads(one)[1] + reads(other)[1] > before + HAMMERED, "the standby has answered most"


def test_nor_when_the_standby_lags(clusters):
    """Later than standby-wait, then shorter: it is waited for."""
    standby = clusters.members[1]
    with serving(clusters, workers=1) as one, serving(clusters, standby_wait="30s") as other:
        wire = associate(other.port)
        wait_for_standby(other, wire)
        set_standby(standby, "recovery_min_apply_delay", "'300ms'")
        try:
            hammer_all(one, other, 8)
            assert fallbacks(one)["stale"] > 0
            one.wait_log("event=standby.left .*behind")
            left, used = (sum(f"event=standby.{what}" in line for line in one.log_lines) for what in ("left", "used"))
            assert left <= used + 1, "told once, however many reads"
            assert fallbacks(other)["stale"] == 0, "it waits longer than the standby lags"
        finally:
            set_standby(standby, "recovery_min_apply_delay", "0")
        idle = associate(one.port)
        wait_for_standby(one, idle)
        one.wait_log("event=standby.used")
        idle.release()
        wire.release()


def test_wait_is_taken_from_the_file(clusters, tmp_path):
    standby = clusters.members[1]
    server = ReloadServer(tmp_path, several(*clusters.members), workers="1", standby_wait="1ms",
                          standby_database=several(standby, kind=None))
    try:
        wait_for(lambda: is_ready(server))
        wire = associate(server.port)
        wait_for_standby(server, wire)
        standby.execute("select pg_wal_replay_pause()")
        assert server.reload(standby_wait="1500ms") == [{"standby-wait"}, set()]
        ds = protocol()
        served(store_one, wire, ds)
        begun = time.monotonic()
        served(find_one, wire, ds)
        assert time.monotonic() - begun > 1.4
        wire.release()
    finally:
        standby.execute("select pg_wal_replay_resume()")
        assert server.stop() == 0


def test_nor_when_replay_is_paused(clusters):
    standby = clusters.members[1]
    with serving(clusters, workers=1) as server:
        wire = associate(server.port)
        wait_for_standby(server, wire)
        standby.execute("select pg_wal_replay_pause()")
        try:
            for _ in range(10):
                ds = protocol()
                served(store_one, wire, ds)
                served(find_one, wire, ds)
                verify(server, {ds.SOPInstanceUID: encode(ds, EXPLICIT)})
            left = fallbacks(server)["stale"]
            assert 0 < left < 10, "it rests, and is tried now and then"
            assert is_ready(server), "a standby that lags is no outage"
        finally:
            standby.execute("select pg_wal_replay_resume()")
        wait_for_standby(server, wire)
        wire.release()


def test_moves_read_there_too(clusters):
    standby, scp = clusters.members[1], WireScp()
    clusters.primary.execute("insert into dpp.application_entities (ae_title, host, port, is_destination)"
                             f" values ('{DESTINATION}', '127.0.0.1', {scp.port}, true)")
    try:
        with serving(clusters, workers=1, retrieve_workers=1) as server:
            wire = associate(server.port)
            stored = [protocol(ProtocolDesignRationale="x" * size) for size in (10, 3000, 2_500_000)]
            for ds in stored:
                served(store_one, wire, ds)
            wait_for_standby(server, wire)

            def is_moved_there():  # ids by one pool, octets by the mover's
                before = reads(server)
                _, final = wire.move(7, [ds.SOPInstanceUID for ds in stored], DESTINATION)
                assert final.status == 0, comment(final)
                return reads(server)[0] == before[0]
            wait_for(is_moved_there)
            verify(server, {ds.SOPInstanceUID: encode(ds, EXPLICIT) for ds in stored})
            wire.release()
    finally:
        scp.close()
        clusters.primary.execute("delete from dpp.application_entities")
    assert standby.execute("select pg_is_in_recovery()") == [(True,)]


def test_nothing_depends_on_sessions(clusters):
    """PgBouncer in transaction mode before both databases, with fewer connections than the server wants."""
    poolers = [PgBouncer(clusters.folder, member.database, 3) for member in clusters.members]
    uris = [pooler.uri for pooler in poolers]
    try:
        with contextlib.ExitStack() as stack:
            servers = []
            for _ in range(2):
                servers.append(Server(uris[0] + "?target_session_attrs=read-write", standby_database=uris[1], standby_wait="10s",
                                      **{**QUICK, **SETTINGS, "database_statement_timeout": "20s"}))
                stack.callback(servers[-1].stop)
            for server in servers:
                wait_for(lambda: is_ready(server))
            before = sum(reads(server)[1] for server in servers)
            hammer_all(*servers, HAMMERED // 4)
            assert sum(reads(server)[1] for server in servers) > before + HAMMERED // 4
    finally:
        for pooler in poolers:
            pooler.kill()


def doctor(clusters, uri):
    said = run_dppr("doctor", database=clusters.primary.database, env={"DPPR_STANDBY_DATABASE": uri}).stdout
    return re.search(r"^(ok|warn|FAIL|fail) +standby +(.*)$", said, re.M).groups()


def test_doctor_looks_at_it(clusters, database):
    standby = clusters.members[1]
    verdict, words = doctor(clusters, standby.database)
    assert verdict == "ok" and re.match(r"replays, \d+ octets behind; hot_standby_feedback off", words), words
    assert doctor(clusters, clusters.primary.database)[1].startswith("this is the primary")
    verdict, words = doctor(clusters, database.uri)
    assert verdict.lower() == "fail" and words.startswith("it is no copy"), words
    verdict, words = doctor(clusters, "postgresql://postgres@127.0.0.1:1/faults")
    assert verdict == "warn" and "refused" in words, words
    assert "standby" not in run_dppr("doctor", database=clusters.primary.database).stdout.replace("standby connection", "")


# ---- the standby fails ------------------------------------------------------------------------------------------

def test_what_fails_before_the_first_row_is_asked_of_the_primary(clusters):
    """A lock of the primary's is on the standby too: queries wait there, and one is cancelled as recovery cancels them."""
    primary, standby = clusters.members
    with serving(clusters, workers=1) as server:
        wire = associate(server.port)
        ds = protocol()
        served(store_one, wire, ds)
        wait_for_standby(server, wire)
        for work in (find_one, get_one):
            answers = []
            asking = threading.Thread(target=lambda: answers.append(work(wire, ds)))
            before = fallbacks(server)["conflict"]
            with contextlib.closing(psycopg2.connect(primary.database)) as locker:
                locker.cursor().execute("lock table dpp.objects in access exclusive mode")
                primary.execute("select pg_logical_emit_message(true, 'test', 'flushes')")
                wait_for(lambda: standby.execute("select count(*) from pg_locks where mode = 'AccessExclusiveLock'"
                                                 " and relation = 'dpp.objects'::regclass") == [(1,)])
                asking.start()
                wait_for(lambda: standby.execute("select pg_cancel_backend(pid) from pg_stat_activity where"
                                                 " application_name like 'dppr%' and wait_event_type = 'Lock'"))
                wait_for(lambda: fallbacks(server)["conflict"] == before + 1)
            asking.join(PATIENCE_S)
            assert answers[0].status == 0, comment(answers[0])
            wait_for_standby(server, wire)
        wire.release()


def test_conflict_after_rows_were_sent_is_a700(clusters):
    """The standby must clean up what a query still sees, and does not wait for ever."""
    primary, standby = clusters.members
    set_standby(standby, "max_standby_streaming_delay", "'2s'")
    with serving(clusters, workers=1) as server:
        wire = associate(server.port)
        ds = protocol(PotentialReasonsForProcedure=["r" * 400])
        served(store_one, wire, ds)
        primary.amend(f"""
            insert into dpp.objects (sop_instance_uid, sop_class_uid, state, query_record, source, published_at)
            select '2.25.9' || n, o.sop_class_uid, o.state, o.query_record, o.source, o.published_at
            from dpp.objects o, generate_series(1, 40000) n where o.sop_instance_uid = '{ds.SOPInstanceUID}'""")
        wait_for_standby(server, wire)
        wire.send_find(3, keys(ProtocolName="", PotentialReasonsForProcedure=""))
        assert wire.read_message().status == 0xFF00  # and the rest is left to wait
        primary.amend("delete from dpp.objects where sop_instance_uid like '2.25.9%'"
                      " and id not in (select object_id from dpp.instances)")
        primary.execute("vacuum dpp.objects")
        for is_waiting in (1, 0):  # until the delay is over, and it cancels
            wait_for(lambda: standby.execute("select count(*) from pg_stat_activity where backend_type = 'startup'"
                                             " and wait_event like 'RecoveryConflict%'") == [(is_waiting,)])
        while (message := wire.read_message()).status == 0xFF00:
            pass
        assert message.status == 0xA700 and "conflict with recovery" in comment(message), comment(message)
        served(find_one, wire, ds)
        wire.release()
    set_standby(standby, "max_standby_streaming_delay", "'30s'")


def test_standby_goes_and_comes(clusters):
    standby = clusters.members[1]
    with serving(clusters, workers=1) as server:
        wire = associate(server.port)
        wait_for_standby(server, wire)
        standby.stop("immediate")
        for _ in range(5):
            ds = protocol()
            served(store_one, wire, ds)
            served(find_one, wire, ds)
        assert is_ready(server)
        assert fallbacks(server)["away"] + fallbacks(server)["conflict"] > 0
        standby.start()
        wait_for_standby(server, wire)
        wire.release()


# ---- failover ------------------------------------------------------------------------------------------------------

def test_a_standby_left_behind_is_not_believed(clusters):
    """Two standbys. One has replayed more of the old timeline than the other, which becomes the primary: what that stores from
    then on the first one never gets, however far in its log it is."""
    primary, heir = clusters.members
    left = clusters.add_standby()
    with serving(clusters, left, workers=1) as server:
        wire = associate(server.port)
        wait_for_standby(server, wire)
        # the heir stops receiving, the other goes on
        heir.execute("alter system set primary_conninfo = ''")
        heir.execute("select pg_reload_conf()")
        wait_for(lambda: heir.execute("select count(*) from pg_stat_wal_receiver") == [(0,)])
        for _ in range(20):
            served(store_one, wire, protocol(ProtocolDesignRationale="x" * 20000))
        wait_for_standby(server, wire)
        ahead = left.execute("select pg_last_wal_replay_lsn()::text")[0][0]
        primary.stop("immediate")
        clusters.promote(heir)
        wait_for(lambda: is_ready(server))
        assert heir.execute(f"select pg_current_wal_flush_lsn() < '{ahead}'") == [(True,)]
        before = reads(server)[1]
        for _ in range(20):
            ds = protocol()
            wait_for(lambda: store_one(wire, ds).status == 0)
            served(find_one, wire, ds)
            assert wire.get(5, [ds.SOPInstanceUID])[2].command[0x1021] == 1
        assert reads(server)[1] == before and fallbacks(server)["stale"] > 0
        server.wait_log("does not follow this primary")
        assert doctor(clusters, left.database)[1].startswith("it does not follow the present primary")
        # promoted as well, it has a timeline of the same number
        left.promote()
        for _ in range(5):
            ds = protocol()
            served(store_one, wire, ds)
            served(find_one, wire, ds)
            time.sleep(0.3)
        assert reads(server)[1] == before
        wire.release()
    left.stop("immediate")


def test_a_standby_that_became_the_primary_is_right(clusters):
    standby = clusters.add_standby()
    with serving(clusters, standby, workers=1) as server:
        wire = associate(server.port)
        wait_for_standby(server, wire)
        clusters.primary.stop("immediate")
        clusters.promote(standby)
        wait_for(lambda: is_ready(server))
        ds = protocol()
        wait_for(lambda: store_one(wire, ds).status == 0)
        wait_for_standby(server, wire)
        served(find_one, wire, ds)
        wire.release()
    rows = standby.execute("select timeline from dpp.timelines order by n")
    assert [timeline for (timeline,) in rows] == sorted({timeline for (timeline,) in rows}), rows
