# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL's disk is full: the data, then the write-ahead log. Small disks are tmpfs in a mount namespace of their own."""
import contextlib
import pathlib
import subprocess

import psycopg2
import pytest

from clusters import own_cluster
from conftest import Server
from dicomwire import wait_for
from faultload import QUICK, Load, is_ready, verify_recovered
from metrics import failed

CONNECTIONS = 2 * 4 + 2 * 2 + 2
DISKS = {"data": "48m", "wal": "96m"}


@pytest.fixture(scope="module")
def cluster():
    """Its database and its log are on a disk each, which only processes in its namespace see."""
    with contextlib.ExitStack() as stack:
        own = stack.enter_context(own_cluster(migrate=False))
        folder = own.folder.parent
        holder = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c",
                                   "echo $$; exec sleep 3600"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        stack.callback(holder.wait)
        stack.callback(holder.kill)
        pid = holder.stdout.readline().strip()
        if not pid:
            pytest.skip(f"no mount namespace: {holder.stderr.read().strip()}")
        own.pgcluster("stop", own.folder)
        own.prefix = ["nsenter", "--target", pid, "--mount"]
        for name, size in DISKS.items():
            (folder / name).mkdir()
            mounted = subprocess.run([*own.prefix, "mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder / name],
                                     stderr=subprocess.PIPE, text=True)
            if mounted.returncode:
                pytest.skip(f"cannot mount: {mounted.stderr.strip()}")
        own.disks = pathlib.Path(f"/proc/{pid}/root") / folder.relative_to("/")
        log = own.folder / "data/pg_wal"
        subprocess.run([*own.prefix, "sh", "-ec", f"mv {log} {folder}/wal/log; ln -s {folder}/wal/log {log};"
                        f" mkdir {folder}/data/files; chown -R --reference={own.folder}/data {folder}/data {folder}/wal;"
                        f" chown -h --reference={own.folder}/data {log}"], check=True)
        own.start()
        own.make_database()
        own.execute(f"create tablespace small location '{folder}/data/files'", own.uri)
        own.execute("alter database faults set tablespace small", own.uri)
        yield own
        own.pgcluster("stop", own.folder)


@contextlib.contextmanager
def full(cluster, name):
    filler = cluster.disks / name / "filler"
    with open(filler, "wb", buffering=0) as out, contextlib.suppress(OSError):
        while True:
            out.write(bytes(4096))
    try:
        yield
    finally:
        filler.unlink()


@contextlib.contextmanager
def loaded(cluster):
    server = Server(cluster.database, **QUICK)
    try:
        load = Load(server, cluster.execute).start()
        load.wait_for_success()
        yield server, load
        load.wait_for_success()
        load.stop()
        verify_recovered(server, cluster.execute, CONNECTIONS)
    finally:
        assert server.stop() == 0
        assert "Sanitizer" not in server.log, server.log[-8000:]


def test_no_room_for_data(cluster):
    with loaded(cluster) as (server, load):
        before = failed(server, "store")
        with full(cluster, "data"):
            load.wait_for_failure(("store",))
            load.wait_for_success(("find", "get"))
            assert is_ready(server)
        assert failed(server, "store") > before
        why = load.comments("store")
        assert all(text.startswith("the database's disk is full: ") for text in why) and why, why
        server.wait_log("event=store.refused .*the database's disk is full: could not extend file .*No space left")


def test_no_room_for_the_log(cluster):
    """PostgreSQL panics, and may not come up again before there is room."""
    with loaded(cluster) as (server, load):
        cluster.execute("checkpoint")
        with full(cluster, "wal"):
            def has_panicked():
                with contextlib.suppress(psycopg2.Error):
                    cluster.execute("select pg_switch_wal()")
                return "PANIC:  could not write to file" in cluster.log()
            wait_for(has_panicked)
            load.wait_for_failure(("store", "find", "get", "move"))
            wait_for(lambda: not is_ready(server))
            server.wait_log("event=database.away")

        def is_up():  # by itself, or because it is started
            try:
                return cluster.execute("select 1")
            except psycopg2.Error:
                with contextlib.suppress(subprocess.CalledProcessError):
                    cluster.start()
        wait_for(is_up)
