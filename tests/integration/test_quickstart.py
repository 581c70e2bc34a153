# SPDX-License-Identifier: Apache-2.0
"""./quickstart as the README tells it: ready line, samples, database for the caller, clean stop, second
start, and the database it is given."""
import os
import re
import signal
import socket
import subprocess
import time

import psycopg2
import pytest

from conftest import ROOT, SAMPLES, Database, run_dppr
from dicomwire import PATIENCE_S


def heed_sigint():
    """What a shell starts in the background ignores SIGINT, and so would every child."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Quickstart:
    def __init__(self, *arguments, **env):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DPPR_")}
        environment.update(env)
        self.started = time.monotonic()
        self.errors = open("/dev/null", "w")
        self.process = subprocess.Popen([ROOT / "quickstart", "--dicom-port", "0", "--http-port", "0",
                                         *map(str, arguments)], env=environment, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        preexec_fn=heed_sigint)
        self.line = self.process.stdout.readline()
        match = re.fullmatch(r"ready dicom=([\d.]+):(\d+) aet=(\S+) http=(\S+) database=(\S+)\n", self.line)
        assert match, f"ready line: {self.line!r}"
        self.host, self.port, self.aet, self.http, self.database = match.groups()
        self.seconds = time.monotonic() - self.started

    def stop(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        rest = self.process.stdout.read()
        assert rest == "", "one line on standard output and no more"
        return self.process.wait(PATIENCE_S)


def listed(q, *options):
    return run_dppr("find", "--port", q.port, "--json", *options, check=True).stdout.count('"00080018"')


def test_first_and_second_start(reachable):
    q = Quickstart("--data", reachable / "var")
    try:
        assert q.aet == "DPPR"
        uri = reachable / "var" / "database"
        assert uri.read_text() == q.database + "\n" and uri.stat().st_mode & 0o777 == 0o600
        assert listed(q) == 60
        assert listed(q, "--model", "approval") == 8
        admin = psycopg2.connect(q.database)
        admin.autocommit = True
        cursor = admin.cursor()
        cursor.execute("insert into dpp.application_entities (ae_title, host, port) values ('X', 'h', 104)")
        cursor.execute("create role some_user")
        cursor.execute("drop role some_user")
        cursor.execute("show fsync")
        assert cursor.fetchone() == ("on",)
        cursor.execute("show synchronous_commit")
        assert cursor.fetchone() == ("on",)
        cursor.execute("show unix_socket_directories")
        socket_folder = cursor.fetchone()[0]
        admin.close()
        match = re.search(r"//([^:]+):([^@]+)@[^:]+:(\d+)/(\w+)", q.database)
        local = psycopg2.connect(host=socket_folder, user=match[1], password=match[2], port=match[3],
                                 dbname=match[4])
        local.close()
    finally:
        assert q.stop() == 0
    assert not os.path.exists(socket_folder)
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(q.database, connect_timeout=3)
    again = Quickstart("--data", reachable / "var")
    try:
        assert listed(again) == 60
        assert again.database == q.database or again.database.split("@")[0] == q.database.split("@")[0]
    finally:
        assert again.stop(signal.SIGINT) == 0


def test_empty(reachable):
    q = Quickstart("--data", reachable / "var", "--empty")
    try:
        assert listed(q) == 0
    finally:
        assert q.stop() == 0


def test_given_database(reachable):
    db = Database(migrate=False)
    try:
        q = Quickstart("--data", reachable / "var", DPPR_DATABASE=db.uri)
        assert q.database == db.uri and listed(q) == 60
        assert q.stop() == 0
        assert not (reachable / "var" / "postgresql").exists()
    finally:
        db.drop()


def test_given_database_in_use_gets_no_samples(reachable):
    db = Database()
    try:
        run_dppr("import", SAMPLES / "ct-abd-acr.json", database=db.uri, check=True)
        q = Quickstart("--data", reachable / "var", DPPR_DATABASE=db.uri)
        assert listed(q) == 1
        assert q.stop() == 0
    finally:
        db.drop()


def test_second_with_the_same_data_is_refused(reachable):
    q = Quickstart("--data", reachable / "var", "--empty")
    try:
        second = subprocess.run([ROOT / "quickstart", "--dicom-port", "0", "--http-port", "0", "--data",
                                 reachable / "var"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert second.returncode == 1 and second.stdout == "" and "is running" in second.stderr
        psycopg2.connect(q.database).close()
        assert listed(q) == 0
    finally:
        assert q.stop() == 0


def test_start_after_a_kill(reachable):
    q = Quickstart("--data", reachable / "my var", "--empty")
    q.process.kill()
    q.process.wait(PATIENCE_S)
    again = Quickstart("--data", reachable / "my var", "--empty")
    try:
        assert again.database == q.database, "the database that was left running"
        assert listed(again) == 0
    finally:
        assert again.stop() == 0
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(q.database, connect_timeout=3)


def test_port_in_use(reachable):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for ports in (["--dicom-port", str(port)], ["--dicom-port", "0", "--http-port", str(port)]):
            done = subprocess.run([ROOT / "quickstart", *ports, "--data", reachable / "var"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            assert done.returncode == 1 and done.stdout == ""
            assert f"port {port} is in use" in done.stderr
    assert not (reachable / "var").exists()


def test_bad_arguments():
    for arguments in (["--nonsense"], ["--dicom-port", "x"], ["--dicom-port", "65536"], ["--data"]):
        done = subprocess.run([ROOT / "quickstart", *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        assert done.returncode == 2 and done.stderr and done.stdout == ""
