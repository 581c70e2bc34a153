# SPDX-License-Identifier: Apache-2.0
"""PgBouncer in transaction mode, with the settings of docs/operations.md."""
import contextlib
import os
import shutil
import socket
import subprocess
from urllib.parse import urlsplit, urlunsplit

from dicomwire import wait_for

SETTINGS = {"database_prepare": "no", "database_session_options": "no"}  # of the server


class PgBouncer:
    """size: connections that it has to PostgreSQL, a user and database."""

    def __init__(self, folder, uri, size):
        parts = urlsplit(uri)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.uri = urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{self.port}"))
        self.config = folder / f"pgbouncer-{self.port}.ini"
        self.config.write_text(f"""
[databases]
* = host={parts.hostname} port={parts.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 200
server_login_retry = 1
query_wait_timeout = 30
{"user = postgres" if os.getuid() == 0 else ""}
""")
        (folder / "users").write_text('"postgres" ""\n')
        self.start()

    def start(self):
        program = shutil.which("pgbouncer", path=os.environ["PATH"] + ":/usr/sbin")
        self.process = subprocess.Popen([program, "-q", self.config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def listens():
            assert self.process.poll() is None, "pgbouncer does not run"
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return True
        wait_for(listens)

    def kill(self):
        self.process.kill()
        self.process.wait()
