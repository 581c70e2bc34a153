# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL of the test's own, to be stopped, starved and started at will."""
import contextlib
import pathlib
import re
import shutil
import subprocess
import tempfile

import psycopg2

from conftest import ROOT, run_dppr, with_database
from dicomwire import wait_for

PGCLUSTER = ROOT / "tests/support/pgcluster"


class OwnCluster:
    """Has a database `faults` with the current schema. prefix: a command that runs the cluster's programs, in
    namespaces of their own, say."""

    def __init__(self, folder, *settings, prefix=(), migrate=True):
        self.folder, self.prefix = folder, list(prefix)
        self.settings = ["synchronous_commit=on", *settings]
        self.start()
        if migrate:
            self.make_database()

    def pgcluster(self, *arguments, **options):
        return subprocess.run([*self.prefix, PGCLUSTER, *arguments], text=True, stdout=subprocess.PIPE, **options)

    def start(self):
        """With settings only the first time; raises when the server does not come up."""
        done = self.pgcluster("start", self.folder, *self.settings, check=True)
        self.uri = done.stdout.strip().splitlines()[-1]
        self.database = with_database(self.uri, "faults")

    def stop(self, mode="immediate"):
        self.pgcluster("stop", self.folder, mode, check=True)

    def make_database(self):
        self.execute("create database faults template template0 encoding 'UTF8'", self.uri)
        run_dppr("migrate", database=self.database, check=True)

    def execute(self, sql, uri=None, options=None):
        """One statement as superuser, without a transaction around it; its rows."""
        connection = psycopg2.connect(uri or self.database, options=options)
        connection.autocommit = True
        try:
            cursor = connection.cursor()
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def amend(self, sql):
        """As the owner by hand, past the guard of what is published."""
        return self.execute(sql, options="-c dpp.maintenance=on")

    def log(self):
        return (self.folder / "server.log").read_text(errors="replace")


    @property
    def host(self):
        """As it stands in a list of hosts."""
        return re.match(r"\w+://[^@]*@([^/]+)/", self.uri)[1]


class Standby(OwnCluster):
    """A streaming standby of another cluster, which has REPLICATED among its settings."""

    def __init__(self, folder, primary, *settings):
        self.primary = primary
        super().__init__(folder, *settings, migrate=False)

    def start(self):
        done = self.pgcluster("standby", self.folder, self.primary.folder, *self.settings, check=True)
        self.uri = done.stdout.strip().splitlines()[-1]
        self.database = with_database(self.uri, "faults")

    def promote(self):
        self.pgcluster("promote", self.folder, check=True)


REPLICATED = ("wal_level=replica", "max_wal_senders=8", "wal_keep_size=256")


class Family:
    """A primary, and standbys made of whichever is the primary at the time."""

    def __init__(self, folder, *settings):
        self.folder, self.count = folder, 0
        self.primary = OwnCluster(folder / "0", *REPLICATED, *settings)
        self.members = [self.primary]

    def add_standby(self, *settings):
        self.count += 1
        standby = Standby(self.folder / str(self.count), self.primary, *settings)
        self.members.append(standby)
        return standby

    def synchronize(self, names="*"):
        """Commits of the primary wait for these standbys; "" = for none."""
        self.primary.execute(f"alter system set synchronous_standby_names = '{names}'")
        self.primary.execute("select pg_reload_conf()")
        if names == "*":
            wait_for(lambda: self.primary.execute(
                "select count(*) from pg_stat_replication where sync_state = 'sync'")[0][0] == 1)

    def promote(self, standby):
        standby.promote()
        self.primary = standby


def several(*members, kind="read-write"):
    """A connection string with these hosts: clusters, or "host:port"."""
    hosts = ",".join(m if isinstance(m, str) else m.host for m in members)
    return f"postgresql://postgres@{hosts}/faults" + (f"?target_session_attrs={kind}" if kind else "")


@contextlib.contextmanager
def family(*settings):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dppr-it-", dir="/tmp"))
    folder.chmod(0o755)
    own = Family(folder, *settings)
    try:
        yield own
    finally:
        for member in own.members:
            member.pgcluster("stop", member.folder)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def own_cluster(*settings, **options):
    # The user that PostgreSQL runs as cannot reach pytest's own folders.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dppr-it-", dir="/tmp"))
    folder.chmod(0o755)
    own = OwnCluster(folder / "pg", *settings, **options)
    try:
        yield own
    finally:
        own.pgcluster("stop", own.folder)
        shutil.rmtree(folder, ignore_errors=True)
