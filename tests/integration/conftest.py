# SPDX-License-Identifier: Apache-2.0
"""The real server on a real PostgreSQL: one cluster per run, a database and a server per test module.

DPPR_TEST_DATABASE is the cluster's URI (tests/support/with-postgres sets it), DPPR_BINARY the program.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import uuid

import psycopg2
import pytest

import loglines
from dicomwire import PATIENCE_S

ROOT = pathlib.Path(__file__).resolve().parents[2]
DPPR = os.environ.get("DPPR_BINARY", str(ROOT / "build/release/dppr"))
DPPR_FAULTS = os.environ.get("DPPR_FAULTS", str(ROOT / "build/release/tests/integration/dppr-faults"))
STATUSES = os.environ.get("STATUSES", str(ROOT / "build/release/tests/integration/statuses"))
SAMPLES = ROOT / "samples" / "dicom"
SCP_PROFILE = ROOT / "tests" / "integration" / "peer" / "storescp.cfg"


def cluster_uri():
    uri = os.environ.get("DPPR_TEST_DATABASE")
    if not uri:
        pytest.exit("DPPR_TEST_DATABASE is not set; run through tests/support/with-postgres", 2)
    return uri


def with_database(uri, name):
    """The cluster's URI with another database in its path."""
    return re.sub(r"^(postgres(?:ql)?://[^/?]*)(/[^?]*)?", rf"\1/{name}", uri)


class Database:
    """A database of its own with the current schema."""

    def __init__(self, migrate=True):
        self.name = "it_" + uuid.uuid4().hex[:12]
        self.cluster = cluster_uri()
        self.uri = with_database(self.cluster, self.name)
        self._admin(f"create database {self.name} template template0 encoding 'UTF8'")
        if migrate:
            run_dppr("migrate", database=self.uri, check=True)

    def _admin(self, sql):
        connection = psycopg2.connect(self.cluster)
        connection.autocommit = True
        try:
            connection.cursor().execute(sql)
        finally:
            connection.close()

    def query(self, sql, parameters=None, options=None):
        connection = psycopg2.connect(self.uri, options=options)
        connection.autocommit = True
        try:
            cursor = connection.cursor()
            cursor.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def amend(self, sql, parameters=None):
        """As the owner by hand, past the guard of what is published."""
        return self.query(sql, parameters, "-c dpp.maintenance=on")

    def drop(self):
        self._admin(f"drop database if exists {self.name} with (force)")


def run_dppr(*arguments, database=None, check=False, env=None, timeout=PATIENCE_S, **options):
    environment = dict(os.environ, **(env or {}))
    for key in [k for k in environment if k.startswith("DPPR_") and k != "DPPR_TEST_DATABASE"]:
        if not env or key not in env:
            del environment[key]
    if database:
        environment["DPPR_DATABASE"] = database
    done = subprocess.run([DPPR, *map(str, arguments)], env=environment, timeout=timeout, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"dppr {' '.join(map(str, arguments))}: {done.returncode}\n{done.stderr}")
    return done


def rows_of_peers(database):
    """For a fixture: what it yields makes a row, peers(title, *arguments of dppr ae add); all rows go at the end."""
    def add(title, *more):
        run_dppr("ae", "add", title, *more, database=database.uri, check=True)
    yield add
    database.query("delete from dpp.application_entities")


class Server:
    """`dppr serve` on free ports; its log is kept in memory, or goes to a file where it would be too much."""

    def __init__(self, database_uri, log_to=None, more_environment=None, program=None, config=None, **settings):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DPPR_")}
        if config:  # the file has it all
            environment["DPPR_CONFIG"] = str(config)
        else:
            environment.update(DPPR_DATABASE=database_uri, DPPR_DICOM_PORT="0", DPPR_HTTP_PORT="0",
                               DPPR_DICOM_ADDRESS="127.0.0.1", DPPR_HTTP_ADDRESS="127.0.0.1",
                               DPPR_UNKNOWN_AE="loopback", DPPR_WORKERS="2")
        environment.update({f"DPPR_{k.upper()}": str(v) for k, v in settings.items()})
        # Freed memory that AddressSanitizer holds back is not the server's growth.
        environment.setdefault("ASAN_OPTIONS", "quarantine_size_mb=8")
        environment.update(more_environment or {})
        read_fd, write_fd = os.pipe()
        self.process = subprocess.Popen([program or DPPR, "serve", "--ready-fd", str(write_fd)],
                                        env=environment, pass_fds=[write_fd],
                                        stderr=log_to or subprocess.PIPE, stdout=subprocess.DEVNULL)
        os.close(write_fd)
        self.log_lines = []
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        line = b""
        with os.fdopen(read_fd, "rb") as ready:
            line = ready.readline()
        match = re.match(rb"dicom=(\d+) http=(\d+)", line)
        if not match:
            self.process.wait(PATIENCE_S)
            self._reader.join(PATIENCE_S)
            raise AssertionError("the server did not start:\n" + self.log)
        self.port, self.http_port = int(match[1]), int(match[2])

    def _read_log(self):
        for raw in self.process.stderr or ():
            self.log_lines.append(raw.decode("utf-8", "replace").rstrip("\n"))

    @property
    def log(self):
        return "\n".join(self.log_lines)

    def wait_log(self, pattern, timeout=PATIENCE_S):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for line in list(self.log_lines):
                if re.search(pattern, line):
                    return line
            time.sleep(0.02)
        raise AssertionError(f"no log line matches {pattern!r}; the log:\n{self.log[-6000:]}")

    def stop(self, sig=signal.SIGTERM, timeout=PATIENCE_S):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        code = self.process.wait(timeout)
        self._reader.join(PATIENCE_S)
        if "Sanitizer" not in self.log:
            loglines.check(self.log_lines)  # whatever the test was about
        return code

    def http(self, path, timeout=PATIENCE_S):
        """(status, body)"""
        with socket.create_connection(("127.0.0.1", self.http_port), timeout=timeout) as s:
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            raw = b""
            while chunk := s.recv(65536):
                raw += chunk
        head, _, body = raw.partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode()


def client(server, command, *arguments, **options):
    return run_dppr(command, "--port", server.port, *arguments, **options)


def find_json(server, *arguments):
    done = client(server, "find", "--json", *arguments, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def database():
    db = Database()
    yield db
    db.drop()


@pytest.fixture(scope="module")
def sample_database():
    db = Database()
    run_dppr("import", SAMPLES, database=db.uri, check=True)
    yield db
    db.drop()


def _running(db, **settings):
    server = Server(db.uri, **settings)
    yield server
    code = server.stop()
    assert code == 0, f"the server ended with {code}:\n{server.log[-6000:]}"
    assert "Sanitizer" not in server.log, server.log[-8000:]


@pytest.fixture(scope="module")
def server(database):
    yield from _running(database)


@pytest.fixture(scope="module")
def sample_server(sample_database):
    server = next(running := _running(sample_database))
    server.database = sample_database
    yield server
    next(running, None)


class StoreScp:
    """DCMTK's storescp as a move destination, bit-preserving. Its promiscuous mode takes only SOP classes that its
    dictionary does not name, so a profile lists ours."""

    def __init__(self, folder, profile="Protocols", aet="STORESCP", more=()):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.folder = pathlib.Path(folder)
        self.process = subprocess.Popen(
            [shutil.which("storescp"), "-xf", str(SCP_PROFILE), profile, "+B", "-aet", aet, "-od", str(folder),
             *map(str, more), str(self.port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("storescp did not start")

    def files(self):
        return sorted(p for p in self.folder.iterdir() if p.is_file())

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE_S)


@pytest.fixture
def storescp(tmp_path):
    folder = tmp_path / "received"
    folder.mkdir()
    scp = StoreScp(folder)
    yield scp
    scp.stop()


@pytest.fixture
def reachable():
    """A folder that the user PostgreSQL runs as can reach, unlike pytest's own."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dppr-it-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
