# SPDX-License-Identifier: Apache-2.0
"""Several hosts in the connection string: a primary and its standby, and what is left when the primary dies."""
import contextlib
import json
import os
import re
import socket
import subprocess
import threading
import time

import pytest

from clusters import family, several
from conftest import DPPR, SAMPLES, Server, run_dppr
from dbproxy import LAST_WORDS, LOST_REQUEST, DatabaseProxy
from dicomwire import EXPLICIT, PATIENCE_S, encode, wait_for
from faultload import QUICK, Load, associate, comment, find_one, is_ready, served, store_one, verify, verify_recovered
from pgbouncer import SETTINGS, PgBouncer
from protocols import protocol

CONNECTIONS = 2 * 4 + 2 * 2 + 2


@pytest.fixture(scope="module")
def clusters():
    with family() as own:
        own.add_standby()
        yield own


@pytest.fixture(scope="module")
def dead():
    with socket.socket() as s:  # bound, not listening
        s.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{s.getsockname()[1]}"


@pytest.fixture(scope="module")
def silent():
    with socket.create_server(("127.0.0.1", 0), backlog=512) as s:
        yield f"127.0.0.1:{s.getsockname()[1]}"


@contextlib.contextmanager
def serving(uri, **settings):
    server = Server(uri, **{**QUICK, **settings})
    try:
        yield server
    finally:
        code = server.stop()
    assert code == 0
    assert "Sanitizer" not in server.log, server.log[-8000:]


# ---- nothing has happened yet ------------------------------------------------------------------------------

def test_serves_whatever_the_order(clusters, dead, silent):
    primary, standby = clusters.members
    never = clusters.folder / "never"
    hanging = f"name.hanging.test:{primary.host.split(':')[1]}"
    preload = {"LD_PRELOAD": os.environ["SLOW_NAMES"], "SLOW_NAMES_UNTIL": str(never),
               "ASAN_OPTIONS": "verify_asan_link_order=0"}
    wires, servers = [], []
    with contextlib.ExitStack() as stack:
        for hosts in ((primary, standby), (standby, primary), (dead, standby, primary), (silent, standby, primary),
                      (standby, silent, primary), (standby, "nosuchname.invalid", primary)):
            servers.append(stack.enter_context(serving(several(*hosts), database_connect_timeout="4s",
                                                       database_wait="20s", workers=1)))
        for server in servers:
            wait_for(lambda: is_ready(server))
            wire = associate(server.port)
            ds = protocol()
            served(store_one, wire, ds)
            served(find_one, wire, ds)
            wires.append(wire)
        for wire in wires:
            wire.release()
    # a name service that does not answer for one of them
    try:
        server = Server(several(hanging, standby, primary), more_environment=preload, database_wait="20s", workers=1)
        wait_for(lambda: is_ready(server))
    finally:
        never.touch()
    assert server.stop() == 0


def test_commands(clusters, dead, silent):
    primary, standby = clusters.members
    for hosts in ((standby, primary), (dead, silent, standby, primary)):
        uri = several(*hosts)
        run_dppr("migrate", database=uri, check=True)
        run_dppr("import", SAMPLES, database=uri, check=True)
        said = run_dppr("doctor", database=uri).stdout
        assert re.search(r"^ok +database +PostgreSQL", said, re.M), said
    # without target_session_attrs the first that answers is taken, and says what is wrong with it
    done = run_dppr("ae", "add", "NEW", database=several(standby, primary, kind=None))
    assert done.returncode == 1 and "read-only" in done.stderr, done.stderr


# ---- commits that wait for a standby -------------------------------------------------------------------------

@contextlib.contextmanager
def warnings_hidden(cluster):
    """The role is told of errors only, and PostgreSQL tells of a commit that is on one machine by a warning."""
    cluster.execute("alter role postgres set client_min_messages = error")
    try:
        yield
    finally:
        cluster.execute("alter role postgres reset client_min_messages")


@pytest.mark.parametrize("way", ("direct", "pooler"))
def test_no_success_before_the_standby_has_it(clusters, tmp_path, way):
    """The wait for a standby is cancelled, and the primary has it all the same: no success, however often it is sent."""
    primary, standby = clusters.members
    with contextlib.ExitStack() as stack:
        stack.callback(clusters.synchronize, "")
        stack.enter_context(warnings_hidden(primary))
        uri, settings = several(primary, standby), {}
        if way == "pooler":
            pooler = PgBouncer(clusters.folder, primary.database, 4)
            stack.callback(pooler.kill)
            uri, settings = pooler.uri, SETTINGS
        for audit in ("yes", "no"):
            clusters.synchronize("nobody")
            with serving(uri, audit=audit, database_statement_timeout="300ms", workers=1, **settings) as server:
                wire = associate(server.port)
                ds = protocol()
                answer = store_one(wire, ds)
                assert answer.status == 0xA700 and "standby has not confirmed it" in comment(answer)
                answer = store_one(wire, ds)
                assert answer.status == 0xA700, "sent again it is the same content, and still on one machine only"
                assert primary.execute("select count(*) from dpp.objects where sop_instance_uid = "
                                       f"'{ds.SOPInstanceUID}'")[0][0] == 1
                clusters.synchronize("")
                wait_for(lambda: store_one(wire, ds).status == 0)
                wire.release()


@pytest.mark.parametrize("kind", ("data set", "document"))
def test_import_knows_only_what_the_standby_has(clusters, tmp_path, kind):
    """What an import before left on the primary alone is not counted as there, until a standby has it."""
    primary = clusters.members[0]
    file = tmp_path / "one.json"
    file.write_text(json.dumps(protocol().to_json_dict() if kind == "data set" else {
        "id": f"waits-{tmp_path.name}", "name": "Waits", "modality": "CT",
        "procedure_codes": [{"value": "24725-4", "scheme": "LN", "meaning": "CT HEAD"}],
        "acquisition": [{"name": "Helical", "parameters": [{"keyword": "AcquisitionType", "value": "SPIRAL"}]}]}))

    def run():
        """Who grows tired of the wait cancels it."""
        with subprocess.Popen([DPPR, "import", "--json", file], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**os.environ, "DPPR_DATABASE": primary.database}) as importing:
            while importing.poll() is None:
                primary.execute("select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'")
                time.sleep(0.05)
            done = json.loads(importing.stdout.read())
            return (done["stored"], done["same"], done["failed"]), importing.stderr.read()
    with warnings_hidden(primary):
        clusters.synchronize("nobody")
        try:
            for _ in range(2):
                counts, said = run()
                assert counts == (0, 0, 1) and "the standby did not confirm" in said, said
        finally:
            clusters.synchronize("")
        assert run()[0] == (0, 1, 0)


# ---- the primary dies ------------------------------------------------------------------------------------------

def test_commit_whose_answer_died_with_the_primary(clusters):
    """Committed and replicated, the connection lost before the answer, the primary gone: the new primary is asked."""
    primary, standby = clusters.members
    clusters.synchronize("*")
    proxy = DatabaseProxy(primary.database)
    try:
        with serving(several(f"127.0.0.1:{proxy.port}", standby), workers=1, database_connections=2,
                     database_wait="30s") as server:
            wire = associate(server.port)
            before, kept, lost = protocol(), protocol(), protocol()
            served(store_one, wire, before)
            proxy.arm("dpp.ingest", LAST_WORDS)
            answers = []
            storing = threading.Thread(target=lambda: answers.append(store_one(wire, kept)))
            storing.start()
            wait_for(lambda: proxy.strikes == 1)
            primary.stop("immediate")
            time.sleep(0.3)
            assert not answers, "nothing is known yet, and there is time"
            clusters.promote(standby)
            storing.join(PATIENCE_S)
            assert answers and answers[0].status == 0, answers and comment(answers[0])
            verify(server, {ds.SOPInstanceUID: encode(ds, EXPLICIT) for ds in (before, kept)})
            served(store_one, wire, lost)
            wire.release()
    finally:
        proxy.close()


def test_killed_and_promoted_under_load(clusters, dead):
    """Two servers; every acknowledged object is there afterwards, and nobody restarts anything."""
    standby = clusters.add_standby()
    primary = clusters.primary
    clusters.synchronize("*")
    uri = several(primary, standby)
    with serving(uri) as server, serving(uri) as other:
        load = Load(server, primary.execute, storers=4).start()
        load.wait_for_success()
        primary.stop("immediate")
        load.wait_for_failure(("store", "find", "get", "move"))
        wait_for(lambda: not is_ready(server) and not is_ready(other))
        clusters.promote(standby)
        promoted = time.monotonic()
        load.wait_for_success()
        wait_for(lambda: is_ready(other))
        print("ready again after", time.monotonic() - promoted)
        load.stop()
        verify(other, load.acknowledged)
        verify_recovered(server, standby.execute, 2 * CONNECTIONS)
        wire = associate(other.port)
        served(store_one, wire, protocol())
        wire.release()


def test_primary_that_becomes_read_only_is_left(clusters):
    """A switchover by hand: the standby is promoted, then the old primary takes no more; no store fails for it."""
    standby = clusters.add_standby()
    primary = clusters.primary
    with serving(several(primary, standby)) as server:
        wires = [associate(server.port) for _ in range(3)]
        stored = []

        def store_all():
            for wire in wires:
                stored.append(protocol())
                answer = store_one(wire, stored[-1])
                assert answer.status == 0, comment(answer)
        store_all()
        clusters.promote(standby)
        primary.execute("alter system set default_transaction_read_only = on")
        primary.execute("select pg_reload_conf()")

        def has_moved():
            store_all()
            return standby.execute("select count(*) from dpp.objects where sop_instance_uid = "
                                   f"'{stored[-1].SOPInstanceUID}'")[0][0] == 1
        wait_for(has_moved)
        for _ in range(5):
            first = len(stored)
            store_all()
            verify(server, {ds.SOPInstanceUID: encode(ds, EXPLICIT) for ds in stored[first:]})
        assert is_ready(server)
        server.wait_log("event=db.misplaced")
        for wire in wires:
            wire.release()


def test_lost_request_and_the_standby_takes_over(clusters):
    """What never reached the database is refused, not guessed: the new primary does not have it."""
    standby = clusters.add_standby()
    primary = clusters.primary
    proxy = DatabaseProxy(primary.database)
    try:
        with serving(several(f"127.0.0.1:{proxy.port}", standby), workers=1, database_wait="30s") as server:
            wire = associate(server.port)
            served(store_one, wire, protocol())
            ds = protocol()
            proxy.arm("dpp.ingest", LOST_REQUEST)
            proxy.refuses = True
            answers = []
            storing = threading.Thread(target=lambda: answers.append(store_one(wire, ds)))
            storing.start()
            wait_for(lambda: proxy.strikes == 1)
            primary.stop("immediate")
            proxy.reset(refuse=True)
            clusters.promote(standby)
            storing.join(PATIENCE_S)
            assert answers[0].status == 0xA700 and "connection lost" in comment(answers[0])
            served(store_one, wire, ds)  # the peer's second try
            verify(server, {ds.SOPInstanceUID: encode(ds, EXPLICIT)})
            wire.release()
    finally:
        proxy.close()
