# SPDX-License-Identifier: Apache-2.0
"""What can be seen of a server from outside: its statements in PostgreSQL and its process."""
import contextlib
import pathlib

import psycopg2

_STATEMENTS = ("select count(*) from pg_stat_activity where datname = current_database() and state = 'active'"
               " and pid <> pg_backend_pid()")


def active_statements(database):
    """How many other sessions are busy with a statement."""
    return database.query(_STATEMENTS)[0][0]


def statements_on_locks(database):
    """How many of them wait for a lock."""
    return database.query(_STATEMENTS + " and wait_event_type = 'Lock'")[0][0]


def locked(database, table):
    """Nobody reads the table, so whoever wants to does not get on."""
    return locked_at(database.uri, table)


@contextlib.contextmanager
def locked_at(uri, table):
    connection = psycopg2.connect(uri)
    try:
        connection.cursor().execute(f"lock table {table} in access exclusive mode")
        yield
    finally:
        connection.close()


def status_of(pid):
    """/proc/PID/status as a dictionary."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def resident_kib(pid):
    return int(status_of(pid)["VmRSS"].split()[0])


def threads(pid):
    return int(status_of(pid)["Threads"])


def descriptors(pid):
    return len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))


def connections(port):
    """How many connections to a port of this machine are there, accepted already or not, that its server has not closed."""
    is_open = {"01", "03", "08"}  # ESTABLISHED, SYN_RECV, CLOSE_WAIT
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] in is_open for row in rows)
