# SPDX-License-Identifier: Apache-2.0
"""The load of tests/deploy keeps a true ledger, and fails when anything in it is lost, changed, stale or not explained."""
import json
import shutil
import socket
import subprocess
import sys

import pytest

from conftest import ROOT, Server
from dicomwire import PATIENCE_S, wait_for

LOAD = ROOT / "tests/deploy/load/load"
sys.path.append(str(LOAD.parent))

from clients import HUNG_KIND  # noqa: E402
from record import Attempt, Lines, Mark, Violation, mark, read_journal, read_ledger  # noqa: E402
import report  # noqa: E402


def load(*arguments, **options):
    return subprocess.run([LOAD, *map(str, arguments)], text=True, capture_output=True, timeout=120, check=False, **options)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Run:
    def __init__(self, folder, database, server, *more):
        self.folder, destination = folder, f"127.0.0.1:{free_port()}"
        database.query(load("peers", "--clients", 4, "--destination", destination).stdout)
        self.process = subprocess.Popen([LOAD, "run", folder, "--address", f"127.0.0.1:{server.port}", "--clients", "4",
                                         "--destination", destination, *more])

    def wait(self):
        return load("wait", self.folder, "--seconds", 60)

    def stop(self):
        done = load("stop", self.folder)
        assert (done.returncode, self.process.wait(PATIENCE_S)) == (0, 0), done.stderr


@pytest.fixture(scope="module")
def second(database):
    server = Server(database.uri)
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, database, server):
    """The folder of a run with nothing wrong."""
    folder = tmp_path_factory.mktemp("load") / "run"
    run = Run(folder, database, server)
    wait_for(lambda: {a.kind for a in read_journal(folder)[0]} >= set(report.KINDS) and len(read_ledger(folder)) > 10)
    mark(folder, "fault")
    mark(folder, "recovered")
    assert run.wait().returncode == 0
    run.stop()
    return folder


@pytest.fixture
def copy(recorded, tmp_path):
    return shutil.copytree(recorded, tmp_path / "run")


@pytest.fixture
def judge(database, server, second):
    def judged(folder, *more):
        done = load("judge", folder, "--server", f"127.0.0.1:{server.port}", "--server", f"127.0.0.1:{second.port}",
                    "--sql", f"psql -XAtq '{database.uri}'", *more)
        assert done.stderr == "", done.stderr
        return done.returncode, json.loads((folder / "report.json").read_text())
    return judged


def problems_of(judged):
    code, made = judged
    assert code == 1
    return "\n".join(made["problems"])


def test_a_run_without_faults_has_nothing_to_report(recorded, judge):
    code, made = judge(recorded)
    assert (code, made["problems"], made["lost"], made["failed_attempts"]) == (0, [], 0, [])
    assert made["acknowledged"] == len(read_ledger(recorded)) > 10
    assert all(made["operations"].values()) and len(made["verified_through"]) == 3  # two servers, the tables
    assert made["never_acknowledged"] == 0


def test_an_entry_that_is_not_there_is_lost(copy, judge):
    entry = read_ledger(copy)[0]
    Lines(copy / "ledger.jsonl").add(entry._replace(uid=entry.uid[:-3] + "999"))
    judged = judge(copy)
    told = problems_of(judged)
    assert judged[1]["lost"] == 1
    for what in ("is not found", "is not fetched", "is not in dpp.objects"):
        assert f"{entry.uid[:-3]}999 {what}" in told
    assert told.count("is not found") == 2  # through each server


def test_a_changed_octet_is_told_of(copy, judge, database):
    uid = read_ledger(copy)[1].uid
    flip = """update dpp.instances set dataset = set_byte(dataset, size::integer - 1, get_byte(dataset, size::integer - 1) # 1)
              where object_id = (select id from dpp.objects where sop_instance_uid = %s)"""
    database.amend(flip, (uid,))
    told = problems_of(judge(copy))
    database.amend(flip, (uid,))
    assert told.count(f"{uid} is fetched with other octets") == 2 and f"{uid} has other octets in dpp.instances" in told


def test_a_store_that_nobody_tried_is_told_of(copy, judge):
    kept = (copy / "ledger.jsonl").read_text().splitlines(keepends=True)
    journal = (copy / "journal.jsonl").read_text().splitlines(keepends=True)
    (copy / "ledger.jsonl").write_text("".join(kept[:-1]))
    stores = [line for line in journal if '"store"' in line]
    (copy / "journal.jsonl").write_text("".join(line for line in journal if line != stores[-1]))
    assert "1 objects were never acknowledged, but only 0 stores" in problems_of(judge(copy))


def test_what_is_deleted_meanwhile_is_missed_at_once(tmp_path, database, server):
    """Read your writes: a find that does not find what was acknowledged before it was asked."""
    run = Run(tmp_path, database, server)
    wait_for(lambda: len(read_ledger(tmp_path)) > 20)
    database.amend("delete from dpp.objects where sop_instance_uid = any(%s)", ([e.uid for e in read_ledger(tmp_path)],))
    wait_for(lambda: {v.what.split(":")[0] for v in read_journal(tmp_path)[1]} >= {"find", "get"})
    assert run.wait().returncode == 1
    run.stop()
    assert any("acknowledged before" in v.what for v in read_journal(tmp_path)[1])


# ---- the judgement, on records made by hand ----------------------------------------------------------------

FINE = {"acknowledged": 1, "never_acknowledged": 0, "wrong": {"ledger": []}}


def written(folder, *attempts, marks=(("fault", 10), ("recovered", 20))):
    """Successes of each kind before and after, and what the test adds: (second, kind, outcome, comment, phase)."""
    journal = Lines(folder / "journal.jsonl")
    every = [(at, kind, "0000", "", "answer") for at in range(1, 30, 2) if not 10 <= at <= 20 for kind in report.KINDS]
    for n, (at, kind, outcome, comment, phase) in enumerate([*every, *attempts]):
        journal.add(Attempt(at, 100.0, "LOAD01", kind, n, 1, phase, outcome, comment))
        if outcome != "0000" and phase != "between":
            journal.add(Attempt(29, 100.0, "LOAD01", kind, n, 2, "answer", "0000", ""))
    marking = Lines(folder / "marks.jsonl")
    for name, at in marks:
        marking.add(Mark(at, name))
    return folder


ATTEMPTS = {
    "explained": ((12, "store", "A700", "no database", "answer"), ["database"], None),
    "no rule": ((12, "store", "A700", "no database", "answer"), [], "store A700 (answer): 1 not explained: no database"),
    "other status": ((12, "store", "C000", "what", "answer"), ["database"], "store C000 (answer): 1 not explained"),
    "too early": ((8, "find", "A700", "no database", "answer"), ["database"], "find A700 (answer): 1 not explained"),
    "too late": ((25, "find", "A700", "no database", "answer"), ["database"], "find A700 (answer): 1 not explained"),
    "no comment": ((12, "get", "A701", "", "answer"), ["database"], "get A701 without an Error Comment"),
    "closed": ((12, "move", "closed", "", "answer"), ["database"], "move closed (answer): 1 not explained"),
    "closed, as it may be": ((12, "move", "closed", "", "answer"), [r"\w+ (closed|reset)"], None),
    "hung": ((25, HUNG_KIND, "A702", "TO: no answer", "answer"), [HUNG_KIND + " A702"], None),
    "hung otherwise": ((25, HUNG_KIND, "0000", "", "answer"), [], None),
}


@pytest.mark.parametrize("case", ATTEMPTS.values(), ids=ATTEMPTS.keys())
def test_what_failed_has_to_be_explained(tmp_path, case):
    attempt, rules, problem = case
    made = report.make(written(tmp_path, attempt), rules, FINE)
    assert made["problems"] == [] if problem is None else any(p.startswith(problem) for p in made["problems"]), made["problems"]


def test_the_figures_are_those_of_the_record(tmp_path):
    made = report.make(written(tmp_path, (12, "store", "A700", "away", "answer"), (15.5, "find", "A700", "away", "answer")),
                       ["database"], FINE)
    assert made["time_to_recover_s"] == 5.5
    assert made["longest_without_success_s"]["during"] == 10
    assert made["operations_tried_again"] == {"store": 1, "find": 1, "get": 0, "move": 0}
    assert [(f["kind"], f["first_s"], f["count"]) for f in made["failed_attempts"]] == [("find", 5.5, 1), ("store", 2, 1)]
    assert made["slowest_operation_s"]["after"] == [17.1, "store"]


def test_what_ends_after_the_load_is_stopped_is_no_interruption(tmp_path):
    written(tmp_path, (60, HUNG_KIND, "A702", "no answer", "answer"), marks=[("fault", 10), ("recovered", 20), ("stop", 29.5)])
    made = report.make(tmp_path, [HUNG_KIND], FINE)
    assert made["longest_without_success_s"]["after"] == 2 and made["rates"]["store"]["after"] == 0.5


def test_a_fault_without_end_and_a_kind_without_success_are_problems(tmp_path):
    made = report.make(written(tmp_path, marks=[("fault", 30)]), [], FINE)
    assert "it has not recovered" in made["problems"]
    assert "no store has succeeded after the fault" in made["problems"]


def test_an_operation_that_never_ends_well_and_a_violation_are_problems(tmp_path):
    journal = Lines(written(tmp_path) / "journal.jsonl")
    journal.add(Attempt(15, 1, "LOAD01", "move", 1000, 1, "answer", "A702", "why"))
    journal.add(Violation(16, "LOAD01", "find: too few"))
    told = report.make(tmp_path, ["database"], FINE)["problems"]
    assert "find: too few" in told and "1 attempts of move 1000 and no success" in told
