# SPDX-License-Identifier: Apache-2.0
"""What the parts of tests/bench/run stand on: the data, the server that is measured, the programs that measure."""
import contextlib
import hashlib
import json
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "release"
DPPR = BUILD / "dppr"
LOAD = BUILD / "tests" / "bench" / "dimse_load"
PG_LOAD = BUILD / "tests" / "bench" / "pg_load"
GENERATE_ROWS = BUILD / "tests" / "bench" / "generate_rows"


def note(text):
    print(text, file=sys.stderr, flush=True)


def sql(uri, statement):
    """Rows as lists of texts."""
    out = subprocess.run(["psql", "--no-psqlrc", "-qAt", "-F", "\x1f", "-R", "\x1e", "-v", "ON_ERROR_STOP=1", "-d", uri, "-c", statement],
                         check=True, capture_output=True, text=True).stdout
    return [row.split("\x1f") for row in out.rstrip("\n").split("\x1e")] if out else []


def as_postgres(command):
    """PostgreSQL's programs do not run as root."""
    if os.getuid():
        return command
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] + command


class Data:
    """A durable cluster in a folder, with a database for each set of generated protocols. It stays for the next run."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.server = None
        self.stamp = hashlib.sha256(b"".join(
            (HERE / name).read_bytes() for name in ("generate", "generate_rows.c", "made.c", "made.h"))).hexdigest()[:12]

    def start(self):
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
        settings = {  # what an administrator would set on such a machine; durable, unlike the tests' clusters
            "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
            "shared_buffers": f"{memory // 4}MB", "effective_cache_size": f"{memory // 2}MB", "max_wal_size": "8GB",
            "checkpoint_timeout": "30min", "track_activity_query_size": "16kB",
        }
        self.server = subprocess.run(
            [ROOT / "tests/support/pgcluster", "start", self.folder] + [f"{k}={v}" for k, v in settings.items()],
            check=True, capture_output=True, text=True).stdout.strip().rsplit("/", 1)[0]

    def stop(self):
        subprocess.run([ROOT / "tests/support/pgcluster", "stop", self.folder, "fast"], check=True)

    def uri(self, name):
        return f"{self.server}/{name}"

    def admin(self, statement):
        return sql(self.uri("postgres"), statement)

    def database(self, count, constraints=0, variant=""):
        """The URI of a database with so many protocols, made when it is not there or another generator made it."""
        name = f"protocols_{count}_{constraints}{variant}"
        found = self.admin("select shobj_description(oid, 'pg_database') from pg_database "
                           f"where datname = '{name}'")
        uri = self.uri(name)
        if found != [[self.stamp]]:
            note(f"making {count} protocols with {constraints} constraints each")
            self.admin(f"drop database if exists {name} with (force)")
            self.admin(f"create database {name} template template0 encoding 'UTF8'")
            self.migrate(uri)
            subprocess.run([HERE / "generate", "--count", str(count), "--constraints", str(constraints), uri], check=True,
                           env=os.environ | {"GENERATE_ROWS": str(GENERATE_ROWS)})
            self.admin(f"comment on database {name} is '{self.stamp}'")
        self.migrate(uri)
        return uri

    def migrate(self, uri):
        subprocess.run([DPPR, "migrate", "--database", uri], check=True, capture_output=True)


class Server:
    """dppr serve on a database, with free ports."""

    def __init__(self, uri, **settings):
        self.uri = uri
        self.log = tempfile.NamedTemporaryFile("r", prefix="dppr-bench-", suffix=".log")
        settings = {"dicom_port": 0, "http_port": 0, "unknown_ae": "loopback", "database": uri} | settings
        env = os.environ | {f"DPPR_{k.upper()}": str(v) for k, v in settings.items()}
        ready, told = os.pipe()
        self.process = subprocess.Popen([DPPR, "serve", "--ready-fd", str(told)], env=env, pass_fds=[told],
                                        stderr=open(self.log.name, "w"), preexec_fn=many_files)
        os.close(told)
        with os.fdopen(ready) as lines:
            line = lines.readline()
        if not line:
            raise RuntimeError("the server does not start: " + self.log.read())
        self.port = int(line.split()[0].split("=")[1])
        self.tls_port = int(settings.get("dicom_tls_port", 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)

    def status(self, field):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
        raise KeyError(field)

    def processor_s(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self):
        return self.status("VmRSS")

    @contextlib.contextmanager
    def growth(self):
        """KiB by which resident memory exceeded what it was at the start, at the highest."""
        result = {}
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")  # the peak begins anew
        before = self.resident()
        yield result
        result["before_kib"] = before
        result["growth_kib"] = max(0, self.status("VmHWM") - before)

    def statement(self, pattern):
        """The last statement of the server's connections that is like the pattern: a client can prepare the same."""
        rows = sql(self.uri, "select query from pg_stat_activity where application_name = 'dppr' and datname = "
                             f"current_database() and query like '{pattern}' order by query_start desc limit 1")
        return rows[0][0]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


def wait_for_port(port):
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise RuntimeError(f"nobody listens on port {port}")


def many_files():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))


def load(*args):
    """dimse_load's figures."""
    done = subprocess.run([str(a) for a in (LOAD,) + args], capture_output=True, text=True, preexec_fn=many_files)
    if done.returncode:
        raise RuntimeError(f"dimse_load {args}: {done.stderr or done.stdout}")
    return json.loads(done.stdout)


def pg_load(uri, seconds, statement, *file):
    """What libpq takes of a statement, over one connection."""
    return json.loads(subprocess.run([PG_LOAD, uri, str(seconds), statement, *file], check=True, capture_output=True,
                                     text=True).stdout)


def pgbench(uri, script, clients, seconds, *more):
    """Transactions a second of a script with prepared statements."""
    out = subprocess.run(["pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(seconds),
                          "-f", script, *more, uri], capture_output=True, text=True)
    for line in out.stdout.splitlines():
        if line.startswith("tps = "):
            return float(line.split()[2])
    raise RuntimeError("pgbench: " + out.stderr[:500])


@contextlib.contextmanager
def pgbouncer(uri):
    """A PgBouncer that does nothing but relay: session pooling, one server connection for each client."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dppr-bench-"))
    folder.chmod(0o755)
    host, port = uri.split("@")[1].split("/")[0].split(":")
    listen = free_port()
    (folder / "users").write_text('"postgres" ""\n')
    (folder / "pgbouncer.ini").write_text(f"""[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = session
default_pool_size = 32
""")
    process = subprocess.Popen(as_postgres(["pgbouncer", "-q", str(folder / "pgbouncer.ini")]))
    relayed = f"postgresql://postgres@127.0.0.1:{listen}/{uri.rsplit('/', 1)[1]}"
    try:
        wait_for_port(listen)
        yield relayed
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder)
