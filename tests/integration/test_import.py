# SPDX-License-Identifier: Apache-2.0
"""dppr import of many documents: good ones and bad ones, interrupted runs, a database that goes away."""
import json
import random
import signal
import subprocess
import time

import pytest

from clusters import own_cluster
from conftest import DPPR, SAMPLES, Database, run_dppr
from protocols import protocol

KINDS = ["dicom"]


def data_set(n):
    ds = protocol(ProtocolName=f"Bulk {n}")
    ds.SOPInstanceUID = f"2.25.{n + 1}"
    return ds.to_json_dict()


MAKE = {"dicom": data_set}


def array(folder, kind, count, name="many.json"):
    path = folder / name
    path.write_text("[" + ",\n".join(json.dumps(MAKE[kind](n)) for n in range(count)) + "]")
    return path


def counts(db):
    """Objects, and how many of them are published, whole and once."""
    return db.query("select count(*), count(*) filter (where o.state = 'published' and i.dataset is not null and"
                    " p.protocol_name is not null and o.query_record is not null)"
                    " from dpp.objects o left join dpp.instances i on i.object_id = o.id"
                    " left join dpp.protocols p on p.object_id = o.id")[0]


def start(*arguments, database):
    return subprocess.Popen([DPPR, "import", "--json", *map(str, arguments), "--database", database],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_objects(process, count_objects, wanted, deadline=60):
    until = time.monotonic() + deadline
    while count_objects() < wanted:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.002)


@pytest.fixture
def db():
    database = Database()
    yield database
    database.drop()


def test_each_bad_document_is_named_and_the_rest_goes_on(db, tmp_path):
    good = [json.dumps(data_set(n)) for n in range(4)]
    (tmp_path / "a.json").write_text(f'[{good[0]}, {{"00080018": 1}}, {good[1]}, {{"00181030": {{"vr": "XX"}}}}]')
    (tmp_path / "b.json").write_text(f"[{good[2]}, {good[3]}")
    (tmp_path / "c.dcm").write_bytes(b"nothing of the kind")
    (tmp_path / "d.json").write_text("[" + good[0].replace("Bulk 0", "Bulk ?") + "]")
    (tmp_path / "e.txt").write_text("passed over")
    done = run_dppr("import", "--json", "--jobs", 3, tmp_path, database=db.uri)
    summary = json.loads(done.stdout)
    assert done.returncode == 1
    assert {k: summary[k] for k in ("files", "stored", "same", "failed", "skipped", "whole")} == \
        {"files": 4, "stored": 4, "same": 0, "failed": 5, "skipped": 1, "whole": True}
    wanted = {("a.json", 1): "", ("a.json", 3): "", ("b.json", None): "a comma or ] is missing",
              ("c.dcm", None): "", ("d.json", 0): "known with other content"}
    found = {(f["file"].rpartition("/")[2], f.get("index")): f["reason"] for f in summary["failures"]}
    assert found.keys() == wanted.keys()
    assert all(found[place] and wanted[place] in found[place] for place in wanted), found
    for place in ("a.json[1]: ", "a.json[3]: ", "b.json: ", "c.dcm: ", "d.json[0]: "):
        assert done.stderr.count(place) == 1, done.stderr
    assert counts(db) == (4, 4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("jobs", [1, 4])
def test_a_killed_run_goes_on_where_it_was(db, tmp_path, kind, jobs):
    total, before = 120, 0
    path = array(tmp_path, kind, total)
    for _ in range(3):
        process = start("--jobs", jobs, path, database=db.uri)
        wait_for_objects(process, lambda: counts(db)[0], before + random.randint(1, 30))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.communicate()
        before, whole = counts(db)
        assert before == whole
    done = run_dppr("import", "--json", "--jobs", jobs, path, database=db.uri, check=True)
    summary = json.loads(done.stdout)
    assert summary["stored"] + summary["same"] == total and summary["same"] >= before
    assert counts(db) == (total, total)
    again = json.loads(run_dppr("import", "--json", path, database=db.uri, check=True).stdout)
    assert (again["stored"], again["same"]) == (0, total)


def test_ctrl_c_ends_with_what_is_whole(db, tmp_path):
    path = array(tmp_path, "dicom", 3000)
    process = start(path, database=db.uri)
    wait_for_objects(process, lambda: counts(db)[0], 5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    summary = json.loads(out)
    assert process.returncode == 1 and summary["whole"] is False and summary["failed"] == 0
    assert "interrupted" in err and "the same command goes on from here" in err
    assert counts(db) == (summary["stored"],) * 2 and summary["stored"] < 3000


@pytest.mark.parametrize("kind", KINDS)
def test_a_database_that_comes_back_is_waited_for(tmp_path, kind):
    total = 300
    path = array(tmp_path, kind, total)
    with own_cluster() as own:
        process = start("--jobs", 2, path, database=own.database)
        wait_for_objects(process, lambda: own.execute("select count(*) from dpp.objects")[0][0], 20)
        own.stop()
        own.start()
        out, err = process.communicate(timeout=60)
        summary = json.loads(out)
        assert process.returncode == 0, err
        assert summary["stored"] + summary["same"] == total and summary["failed"] == 0
        assert own.execute("select count(*) from dpp.instances") == [(total,)]


def test_a_database_that_stays_away_ends_the_run(tmp_path):
    path = array(tmp_path, "dicom", 3000)
    with own_cluster() as own:
        process = start("--jobs", 2, path, "--wait", "1", database=own.database)
        wait_for_objects(process, lambda: own.execute("select count(*) from dpp.objects")[0][0], 20)
        own.stop()
        out, err = process.communicate(timeout=60)
        summary = json.loads(out)
        assert process.returncode == 1 and summary["whole"] is False
        assert summary["failed"] == 0 and summary["failures"] == []  # the documents are not to blame
        assert err.count("connection lost") + err.count("cannot use the database") == 1, err
        own.start()
        done = run_dppr("import", "--json", path, database=own.database, check=True)
        again = json.loads(done.stdout)
        assert again["stored"] + again["same"] == 3000 and again["same"] >= summary["stored"]


def test_what_the_database_forbids_is_said_once(db, tmp_path):
    name = "r_" + db.name
    db.query(f"create role {name} login in role dppr_reader")
    try:
        path = array(tmp_path, "dicom", 50)
        done = run_dppr("import", path, database=db.uri.replace("//postgres@", f"//{name}@"))
        assert done.returncode == 1 and counts(db) == (0, 0)
        assert done.stderr.count("permission denied for function ingest") == 1, done.stderr
        assert "stopped after 0 of 1 files" in done.stderr
    finally:
        db.query(f"drop role {name}")


def test_the_samples_are_stored_by_any_number_of_jobs(db):
    for jobs, wanted in ((7, "68 stored, 0 same, 0 failed"), (1, "0 stored, 68 same, 0 failed")):
        assert wanted in run_dppr("import", "--jobs", jobs, SAMPLES, database=db.uri, check=True).stdout
