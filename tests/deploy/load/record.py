# SPDX-License-Identifier: Apache-2.0
"""What a run of the load leaves in its folder, one JSON object a line:

    ledger    an acknowledged store: UID, SHA-256 of its octets; written before its client goes on
    journal   an attempt that has ended: operation, outcome, how long; and every violation of a promise
    marks     what the case did, and when

Lines are whole when they are there: each is one write. Times are those of the wall clock, in seconds."""
import collections
import json
import os
import pathlib
import threading
import time

LEDGER, JOURNAL, MARKS = "ledger.jsonl", "journal.jsonl", "marks.jsonl"
KINDS = ("store", "find", "get", "move")
OK = "0000"

Acknowledged = collections.namedtuple("Acknowledged", "uid sha256 at client")
Attempt = collections.namedtuple("Attempt", "at ms client kind operation attempt phase outcome comment")
Violation = collections.namedtuple("Violation", "at client what")
Mark = collections.namedtuple("Mark", "at name")


class Lines:
    """A file that several threads add rows to."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.lock = threading.Lock()

    def add(self, row):
        line = json.dumps(row._asdict(), ensure_ascii=False).encode() + b"\n"
        with self.lock:
            assert os.write(self.fd, line) == len(line), "a short write to the record"


def rows(folder, name):
    path = pathlib.Path(folder) / name
    if not path.exists():
        return []
    whole = path.read_bytes().rpartition(b"\n")[0]  # the last may be on its way
    return [json.loads(line) for line in whole.splitlines()]


class Follower:
    """The rows that are added to a journal after this has been made."""

    def __init__(self, folder):
        self.path = pathlib.Path(folder) / JOURNAL
        self.at = self.path.stat().st_size if self.path.exists() else 0

    def read(self):
        """([Attempt], [Violation]) since the last time"""
        if not self.path.exists():
            return [], []
        with open(self.path, "rb") as file:
            file.seek(self.at)
            lines = file.read()
        whole = lines[:lines.rfind(b"\n") + 1]
        self.at += len(whole)
        return sorted_out(json.loads(line) for line in whole.splitlines())


def read_ledger(folder):
    """In the order of acknowledgement. A UID that is acknowledged twice is no matter: a store may be sent again."""
    return [Acknowledged(**row) for row in rows(folder, LEDGER)]


def read_journal(folder):
    """([Attempt], [Violation])"""
    return sorted_out(rows(folder, JOURNAL))


def sorted_out(all_rows):
    attempts, violations = [], []
    for row in all_rows:
        if "what" in row:
            violations.append(Violation(**row))
        else:
            attempts.append(Attempt(**row))
    return attempts, violations


def read_marks(folder):
    """{name: time}; of marks of one name the first."""
    marks = {}
    for row in rows(folder, MARKS):
        marks.setdefault(row["name"], row["at"])
    return marks


def mark(folder, name):
    Lines(pathlib.Path(folder) / MARKS).add(Mark(time.time(), name))
