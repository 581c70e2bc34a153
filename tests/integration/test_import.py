# SPDX-License-Identifier: Apache-2.0
"""dppr import of many documents: good ones and bad ones, interrupted runs, a database that goes away."""
import io
import json
import random
import signal
import subprocess
import time

import psycopg2
import pytest

from clusters import own_cluster
from conftest import DPPR, ROOT, SAMPLES, Database, run_dppr
from dicomwire import PATIENCE_S
from protocols import protocol


MODEL = protocol().to_json_dict()  # once: to make one takes as long as to import it


def data_set(n):
    return MODEL | {"00181030": {"vr": "LO", "Value": [f"Bulk {n}"]}, "00080018": {"vr": "UI", "Value": [f"2.25.{n + 1}"]}}


def document(n, **members):
    """A small protocol of the authoring format that can be published."""
    return {
        "id": f"bulk-{n}", "name": f"Bulk {n}", "modality": "CT",
        "procedure_codes": [{"value": "24725-4", "scheme": "LN", "meaning": "CT HEAD"}],
        "acquisition": [{"name": "Helical", "parameters": [
            {"keyword": "AcquisitionType", "value": "SPIRAL"},
            {"keyword": "CTDIvol", "constraint": "LESS_OR_EQUAL", "value": 10 + n % 7, "unit": "mGy"}]}],
        **members}


def table(folder, documents):
    """The same as CSV, with the separator and the byte order mark of a spreadsheet."""
    rows = ["id;name;modality;procedure_codes;part;element;element.name;keyword;constraint;value;unit"]
    for d in documents:
        codes = json.dumps(d["procedure_codes"]).replace('"', '""')
        head = f'{d["id"]};{d["name"]};{d["modality"]};"{codes}"'
        for p in d["acquisition"][0]["parameters"]:
            rows.append(f'{head};acquisition;1;Helical;{p["keyword"]};{p.get("constraint", "")};{p["value"]};{p.get("unit", "")}')
            head = f'{d["id"]};;;'
    path = folder / "many.csv"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(rows).encode())
    return path


def array(folder, kind, count):
    if kind == "csv":
        return table(folder, [document(n) for n in range(count)])
    make = {"dicom": data_set, "authoring": document}[kind]
    path = folder / "many.json"
    path.write_text("[" + ",\n".join(json.dumps(make(n)) for n in range(count)) + "]")
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


def wait_for_objects(process, count_objects, wanted, deadline=60, may_end=False):
    until = time.monotonic() + deadline
    while count_objects() < wanted:
        if may_end and process.poll() == 0:  # between two looks it did all the rest
            return
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
    first, folder = tmp_path / "first.json", tmp_path / "folder"  # d.json has to come after it, and jobs have no order
    folder.mkdir()
    first.write_text(good[0])
    run_dppr("import", first, database=db.uri, check=True)
    (folder / "a.json").write_text(f'[{good[0]}, {{"00080018": 1}}, {good[1]}, {{"00181030": {{"vr": "XX"}}}}]')
    (folder / "b.json").write_text(f"[{good[2]}, {good[3]}")
    (folder / "c.dcm").write_bytes(b"nothing of the kind")
    (folder / "d.json").write_text("[" + good[0].replace("Bulk 0", "Bulk ?") + "]")
    (folder / "e.txt").write_text("passed over")
    done = run_dppr("import", "--json", "--jobs", 3, folder, database=db.uri)
    summary = json.loads(done.stdout)
    assert done.returncode == 1
    assert {k: summary[k] for k in ("files", "stored", "same", "failed", "skipped", "whole")} == \
        {"files": 4, "stored": 3, "same": 1, "failed": 5, "skipped": 1, "whole": True}
    wanted = {("a.json", 1): "", ("a.json", 3): "", ("b.json", None): "a comma or ] is missing",
              ("c.dcm", None): "", ("d.json", 0): "known with other content"}
    found = {(f["file"].rpartition("/")[2], f.get("index")): f["reason"] for f in summary["failures"]}
    assert found.keys() == wanted.keys()
    assert all(found[place] and wanted[place] in found[place] for place in wanted), found
    for place in ("a.json[1]: ", "a.json[3]: ", "b.json: ", "c.dcm: ", "d.json[0]: "):
        assert done.stderr.count(place) == 1, done.stderr
    assert counts(db) == (4, 4)


@pytest.mark.parametrize("kind, jobs, total", [("dicom", 1, 60), ("dicom", 4, 60), ("authoring", 2, 20), ("csv", 4, 20)])
def test_a_killed_run_goes_on_where_it_was(db, tmp_path, kind, jobs, total):
    before = 0
    path = array(tmp_path, kind, total)
    for _ in range(2):
        process = start("--jobs", jobs, path, database=db.uri)
        wait_for_objects(process, lambda: counts(db)[0], before + random.randint(1, total // 4), may_end=True)
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
    path = array(tmp_path, "dicom", 2000)
    process = start(path, database=db.uri)
    wait_for_objects(process, lambda: counts(db)[0], 5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_S)
    summary = json.loads(out)
    assert process.returncode == 1 and summary["whole"] is False and summary["failed"] == 0
    assert "interrupted" in err and "the same command goes on from here" in err
    assert counts(db) == (summary["stored"],) * 2 and summary["stored"] < 2000


@pytest.mark.parametrize("kind, total", [("dicom", 150), ("authoring", 20)])
def test_a_database_that_comes_back_is_waited_for(tmp_path, kind, total):
    path = array(tmp_path, kind, total)
    with own_cluster() as own:
        process = start("--jobs", 2, path, database=own.database)
        wait_for_objects(process, lambda: own.execute("select count(*) from dpp.objects")[0][0], 10)
        own.stop()
        own.start()
        out, err = process.communicate(timeout=PATIENCE_S)
        summary = json.loads(out)
        assert process.returncode == 0, err
        assert summary["stored"] + summary["same"] == total and summary["failed"] == 0
        assert own.execute("select count(*) from dpp.instances") == [(total,)]


def test_a_database_that_stays_away_ends_the_run(tmp_path):
    path = array(tmp_path, "dicom", 1000)
    with own_cluster() as own:
        process = start("--jobs", 2, path, "--wait", "1", database=own.database)
        wait_for_objects(process, lambda: own.execute("select count(*) from dpp.objects")[0][0], 20)
        own.stop()
        out, err = process.communicate(timeout=PATIENCE_S)
        summary = json.loads(out)
        assert process.returncode == 1 and summary["whole"] is False
        assert summary["failed"] == 0 and summary["failures"] == []  # the documents are not to blame
        assert err.count("connection lost") + err.count("cannot use the database") == 1, err
        own.start()
        done = run_dppr("import", "--json", path, database=own.database, check=True)
        again = json.loads(done.stdout)
        assert again["stored"] + again["same"] == 1000 and again["same"] >= summary["stored"]


@pytest.fixture
def login(db):
    """A URI for a login of a group role."""
    made = []

    def make(group):
        name = f"{group}_{db.name}"
        db.query(f"create role {name} login in role {group}")
        made.append(name)
        return db.uri.replace("//postgres@", f"//{name}@")
    yield make
    for name in made:
        db.query(f"drop role {name}")


@pytest.mark.parametrize("kind", ["dicom", "authoring"])
def test_what_the_database_forbids_is_said_once(db, tmp_path, kind, login):
    done = run_dppr("import", array(tmp_path, kind, 50), database=login("dppr_reader"))
    assert done.returncode == 1 and counts(db) == (0, 0)
    assert done.stderr.count("permission denied for ") == 1, done.stderr
    assert "stopped after 0 of 1 files" in done.stderr or "stopped after 1 of 1 files" in done.stderr


def test_an_author_imports_and_is_remembered(db, tmp_path, login):
    author = login("dppr_author")
    assert "3 stored" in run_dppr("import", array(tmp_path, "authoring", 3), database=author, check=True).stdout
    name = author.partition("//")[2].partition("@")[0]
    assert db.query("select distinct created_by, published_by, state from dpp.objects") == [(name, name, "published")]
    assert db.query("select distinct db_user from dpp.changes") == [(name,)]
    done = run_dppr("import", array(tmp_path, "dicom", 3), database=author)
    assert done.returncode == 1 and "permission denied" in done.stderr


def test_the_samples_are_stored_by_any_number_of_jobs(db):
    for jobs, wanted in ((7, "68 stored, 0 same, 0 failed"), (1, "0 stored, 68 same, 0 failed")):
        assert wanted in run_dppr("import", "--jobs", jobs, SAMPLES, database=db.uri, check=True).stdout


# ---- authoring files ---------------------------------------------------------------------------------

AUTHORING = ROOT / "samples/protocols.json"
# What makes a protocol: all its rows, under its UID.
CONTENT = """
    select o.sop_instance_uid, o.state, to_jsonb(p) - 'object_id', (
        select jsonb_agg(to_jsonb(c) - 'object_id' order by c.kind, c.element_ordinal, c.ordinal)
        from dpp.parameter_constraints as c where c.object_id = o.id), (
        select jsonb_agg(to_jsonb(c) - 'object_id' order by c.role, c.parent_ordinal, c.ordinal, c.equivalent)
        from dpp.protocol_codes as c where c.object_id = o.id), (
        select jsonb_agg(to_jsonb(e) - 'object_id' order by e.kind, e.ordinal)
        from dpp.protocol_elements as e where e.object_id = o.id), (
        select jsonb_agg(to_jsonb(m) - 'object_id' order by m.ordinal)
        from dpp.protocol_models as m where m.object_id = o.id), (
        select jsonb_agg(to_jsonb(r) - 'object_id' order by r.ordinal)
        from dpp.protocol_predecessors as r where r.object_id = o.id), (
        select jsonb_agg(to_jsonb(u) - 'object_id' order by u.ordinal)
        from dpp.protocol_custodians as u where u.object_id = o.id), (
        select jsonb_agg(to_jsonb(n) - 'object_id' order by n.kind, n.ordinal)
        from dpp.instructions as n where n.object_id = o.id), encode(i.digest, 'hex')
    from dpp.objects as o
    join dpp.protocols as p on p.object_id = o.id
    left join dpp.instances as i on i.object_id = o.id
    order by 1"""


def come_back_the_same(db, folder, form, *arguments, compare=lambda row: row):
    """What is exported in this form makes the same protocols in an empty repository."""
    wanted = [compare(row) for row in db.query(CONTENT)]
    state = ["--state", "draft"] if db.query("select 1 from dpp.objects where state = 'draft' limit 1") else []
    done = run_dppr("export", folder, "--authoring", form, *state, database=db.uri, check=True)
    assert done.stdout == f"{len(wanted)} written, 0 there already, 0 failed\n"
    suffix = {"json": ".authoring.json", "csv": ".csv"}[form]
    assert sorted(p.name for p in folder.iterdir()) == sorted(row[0] + suffix for row in wanted)
    again = run_dppr("export", folder, "--authoring", form, *state, database=db.uri, check=True)
    assert again.stdout == f"0 written, {len(wanted)} there already, 0 failed\n"
    other = Database()
    try:
        done = run_dppr("import", *arguments, folder, database=other.uri)
        assert done.stdout == f"{len(wanted)} stored, 0 same, 0 failed\n", done.stderr
        for mine, its in zip(wanted, map(compare, other.query(CONTENT)), strict=True):
            assert mine == its
    finally:
        other.drop()


def test_authoring_files_are_published_and_come_back_the_same(db, tmp_path):
    assert run_dppr("import", AUTHORING, database=db.uri, check=True).stdout == "60 stored, 0 same, 0 failed\n"
    assert counts(db) == (60, 60)
    come_back_the_same(db, tmp_path / "out", "csv")


def test_received_samples_come_back_as_authoring_files(db, tmp_path):
    """What was received has been made by others and is taken as it is: its document makes the same rows."""
    run_dppr("import", SAMPLES, database=db.uri, check=True)
    come_back_the_same(db, tmp_path / "out", "json", "--draft", compare=lambda row: row[:1] + row[2:-1])


TEXTS = ["plain", "a,b;c", 'a "quoted" word', "[x]", "{", '"', "back\\slash", "two\nlines", "tab\there", "\u00dcbergr\u00f6\u00dfe",
         "\u80f8\u90e8", "0.10", "007", "true", "null", "-", "'", "=1+1", "\u200b", "1e5"]


def random_document(chance, n):
    """Any draft that can be loaded, with texts that files and spreadsheets stumble over."""
    def text():
        return chance.choice(TEXTS) + chance.choice(["", " x", chance.choice(TEXTS)])

    def several(make, least=0):
        return [make() for _ in range(chance.randint(least, 3))]

    def code():
        return {"value": f"{chance.randint(1, 10**9)}-{n}", "scheme": "LN", "meaning": text()[:64]}

    def parameter():
        keyword, value = chance.choice([
            ("KVP", lambda: chance.choice([120, 0.1, 80.55, "100"])), ("AcquisitionType", text), ("ProtocolName", text),
            ("CTDIvol", lambda: chance.random()), ("CTDIPhantomTypeCodeSequence", code)])
        made = {"keyword": keyword, "constraint": chance.choice(["EQUAL", "MEMBER_OF", "RANGE_INCL"]),
                "value": several(value, 1), "guidance": text()}
        if keyword in ("KVP", "CTDIvol"):
            made.update(unit=chance.choice(["kV", {"value": text(), "scheme": "99X", "meaning": text()[:60]}]))
        if chance.random() < 0.3:
            made.update(path=several(lambda: "CTXRayDetailsSequence", 1), modifiable=chance.choice([True, False]))
        if chance.random() < 0.3:
            made.update(default=value(), significance="WARNING")
        return made

    def element():
        return {"element_name": text(), "purpose": text(), "number": chance.randint(1, 9),
                "parameters": several(parameter)}

    return {
        "sop_instance_uid": f"2.25.99{n}", "name": text(), "modality": chance.choice(["CT", "XA"]), "notes": text(),
        "indications": several(text), "contraindications": several(code), "reason_codes": several(code),
        "equipment": several(lambda: {"manufacturer": text(), "software_versions": several(text)}),
        "instructions": several(lambda: {"text": text(), "description": text()}),
        "clinical_trial": {"sponsor": text(), "protocol_id": text()},
        "other_attributes": {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "X^Y"}]}},
        "patient_constraints": several(parameter), "acquisition": several(element), "storage": several(element)}


@pytest.mark.parametrize("form", ["json", "csv"])
def test_random_drafts_come_back_the_same(db, tmp_path, form):
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    path = tmp_path / "random.json"
    path.write_text(json.dumps([random_document(chance, n) for n in range(12)]))
    done = run_dppr("import", "--draft", path, database=db.uri)
    assert done.stdout == "12 stored, 0 same, 0 failed\n", (seed, done.stderr)
    try:
        come_back_the_same(db, tmp_path / "out", form, "--draft")
    except AssertionError as error:
        raise AssertionError(f"seed {seed}") from error


def test_every_problem_of_a_document_is_told(db, tmp_path):
    documents = [
        document(1),
        document(2, modality="MR"),
        {"id": "nothing", "colour": "red", "acquisition": [{"parameters": [{"keyword": "KVPP", "value": 1}]}]},
        document(3),
    ]
    path = tmp_path / "some.json"
    path.write_text(json.dumps(documents))
    twice = tmp_path / "twice.json"
    twice.write_text('{"id": "x", "name": "a", "name": "b"}')
    done = run_dppr("import", "--json", path, twice, database=db.uri)
    summary = json.loads(done.stdout)
    assert done.returncode == 1 and (summary["stored"], summary["failed"]) == (2, 3)
    reasons = {(f["file"], f.get("index")): f["reason"] for f in summary["failures"]}
    assert "equipment_modality" in reasons[str(path), 1]
    faults = reasons[str(path), 2]
    assert "colour" in faults and "acquisition[0].parameters[0].keyword" in faults and "KVP" in faults
    assert "duplicate" in reasons[str(twice), None]
    assert counts(db) == (2, 2)


def test_rows_of_a_table_are_named(db, tmp_path):
    path = table(tmp_path, [document(n) for n in range(3)])
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    assert lines[3].startswith("bulk-1;Bulk 1;CT;")
    lines[3] = lines[3].replace("acquisition;", "acquisitions;")
    path.write_text("\n".join(lines))
    (tmp_path / "latin.csv").write_bytes("id;name\na;Sch\u00e4del\n".encode("latin-1"))
    (tmp_path / "wrong.csv").write_text("keyword;value\nKVP;120\n")
    done = run_dppr("import", "--json", tmp_path, database=db.uri)
    summary = json.loads(done.stdout)
    assert (summary["stored"], summary["failed"]) == (2, 3)
    reasons = {(f["file"].rpartition("/")[2], f.get("line")): f["reason"] for f in summary["failures"]}
    assert reasons.keys() == {("many.csv", 4), ("latin.csv", 2), ("wrong.csv", None)}
    assert reasons["many.csv", 4].startswith("line 4: part 'acquisitions' is none of")
    assert "not UTF-8" in reasons["latin.csv", 2] and "sop_instance_uid, id or name" in reasons["wrong.csv", None]


def test_drafts_and_changed_documents(db, tmp_path):
    """What is known of a document is told apart: itself, a draft of it, another content."""
    def run(change=None, *arguments):
        path = tmp_path / "one.json"
        path.write_text(json.dumps(document(1, **(change or {}))))
        done = run_dppr("import", *arguments, path, database=db.uri)
        return done.stdout.strip(), done.stderr
    assert run(None, "--draft") == ("1 stored, 0 same, 0 failed", "")
    assert db.query("select state from dpp.objects") == [("draft",)]
    assert run(None, "--draft") == ("0 stored, 1 same, 0 failed", "")
    out, err = run()
    assert out.endswith("1 failed") and "known as a draft" in err
    uid = db.query("select sop_instance_uid from dpp.objects")[0][0]
    assert run_dppr("export", tmp_path / "drafts", "--state", "draft", "--authoring", "csv", database=db.uri,
                    check=True).stdout == "1 written, 0 there already, 0 failed\n"
    db.query("select dpp.publish(%s)", (uid,))
    assert run() == ("0 stored, 1 same, 0 failed", "")
    out, err = run({"name": "another"})
    assert out.endswith("1 failed") and "known with other content" in err
    db.query("select dpp.retire(%s, 'test')", (uid,))
    out, err = run()
    assert out.endswith("1 failed") and "retired" in err
    done = run_dppr("export", tmp_path / "retired", "--state", "retired", database=db.uri, check=True)
    assert done.stdout == "1 written, 0 there already, 0 failed\n"


def test_export_of_current_versions(db, tmp_path):
    run_dppr("import", array(tmp_path, "authoring", 3), database=db.uri, check=True)
    old = db.query("select sop_instance_uid from dpp.objects order by id limit 1")[0][0]
    new = db.query("select dpp.revise(%s)", (old,))[0][0]
    db.query("select dpp.publish(%s)", (new,))
    for arguments, wanted in (([], 4), (["--current"], 3), (["--authoring", "json", "--current"], 3)):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        done = run_dppr("export", folder, *arguments, database=db.uri, check=True)
        assert done.stdout.startswith(f"{wanted} written"), done.stdout
        assert any(old in p.name for p in folder.iterdir()) == (wanted == 4)
    done = run_dppr("export", tmp_path / "none", "--current", "--uid", old, database=db.uri)
    assert done.returncode == 1 and f"{old}: no current published object has this UID" in done.stderr
    # A successor that is retired gives the place back (decision 11).
    db.query("select dpp.retire(%s, 'test')", (new,))
    run_dppr("export", tmp_path / "again", "--current", database=db.uri, check=True)
    assert (tmp_path / "again" / f"{old}.dcm").exists()


def test_more_than_a_page_is_exported(db, tmp_path):
    run_dppr("import", "--jobs", 4, array(tmp_path, "dicom", 1001), database=db.uri, check=True)
    done = run_dppr("export", tmp_path / "all", database=db.uri, check=True)
    assert done.stdout == "1001 written, 0 there already, 0 failed\n"


@pytest.mark.parametrize("arguments, words", [
    (["--state", "draft"], "no encoded form"), (["--state", "dead"], "none of draft"),
    (["--authoring", "xml"], "neither json nor csv"), (["--json", "--authoring", "csv"], "either it or"),
    (["--uid", "x"], "is no UID"), (["second"], "one folder"),
])
def test_export_usage(tmp_path, arguments, words):
    done = run_dppr("export", tmp_path / "out", *arguments)
    assert done.returncode == 2 and words in done.stderr and not (tmp_path / "out").exists()


def copy_in(cursor, table, columns, rows):
    """COPY as psql's \\copy does it, in text format."""
    text = "".join("\t".join("\\N" if v is None else str(v) for v in row) + "\n" for row in rows)
    cursor.copy_expert(f"copy dpp.{table} ({', '.join(columns)}) from stdin", io.StringIO(text))


def copy_out(cursor, table, columns, order):
    out = io.StringIO()
    cursor.copy_expert(f"copy (select {', '.join(columns)} from dpp.{table} order by {order}) to stdout", out)
    return [tuple(line.split("\t")) for line in out.getvalue().splitlines()]


def test_copy_in_publish_and_copy_out(db, login):
    """Drafts by COPY as an author, with guard and completion at work; one select publishes them; COPY gives the rows back."""
    connection = psycopg2.connect(login("dppr_author"))
    cursor = connection.cursor()
    uids = [f"2.25.{1000 + n}" for n in range(20)]
    copy_in(cursor, "objects", ["sop_instance_uid", "sop_class_uid"], [(uid, "CT") for uid in uids])
    cursor.execute("select id from dpp.objects order by sop_instance_uid")
    ids = [row[0] for row in cursor.fetchall()]
    tables = {
        "protocols": (["object_id", "protocol_name", "content_creator_name"], [(i, f"Copied {i}", "Curie^Marie") for i in ids]),
        "protocol_codes": (
            ["object_id", "role", "ordinal", "code_value", "coding_scheme_designator", "code_meaning"],
            [(i, role, 1, "24725-4", "LN", "CT HEAD") for i in ids for role in ("requested_procedure", "scheduled_protocol")]),
        "protocol_elements": (["object_id", "kind", "ordinal", "element_number"], [(i, "acquisition", 1, 1) for i in ids]),
        "parameter_constraints": (
            ["object_id", "kind", "element_ordinal", "ordinal", "selector_keyword", "constraint_type", "constraint_values",
             "unit_code"],
            [(i, "acquisition", 1, n, keyword, "EQUAL", "{%s}" % value, unit) for i in ids for n, (keyword, value, unit) in
             enumerate((("AcquisitionType", "SPIRAL", None), ("CTDIvol", 1 + i % 60, "mGy"), ("RevolutionTime", 0.5, "s")), 1)]),
    }
    for name, (columns, rows) in tables.items():
        copy_in(cursor, name, columns, rows)
    connection.commit()
    cursor.execute("select dpp.publish(sop_instance_uid) from dpp.objects where state = 'draft' order by id")
    assert [row[0] for row in cursor.fetchall()] == uids
    connection.commit()
    assert counts(db) == (20, 20)
    for name, (columns, rows) in tables.items():
        order = ", ".join(columns[:4])
        wanted = [tuple("\\N" if v is None else str(v) for v in row) for row in rows]
        assert copy_out(cursor, name, columns, order) == sorted(wanted, key=lambda r: (int(r[0]), r[1:4])), name
    # What was left out has been completed, and what is published takes no more rows.
    cursor.execute("select distinct selector_attribute, selector_vr, unit_scheme from dpp.parameter_constraints"
                   " where selector_keyword = 'CTDIvol'")
    assert cursor.fetchall() == [("00189345", "FD", "UCUM")]
    with pytest.raises(psycopg2.Error, match="is published"):
        copy_in(cursor, "protocol_elements", ["object_id", "kind", "ordinal"], [(ids[0], "storage", 1)])
    connection.close()


def test_the_authoring_samples(db):
    folder = ROOT / "samples/authoring"
    assert "3 stored, 0 same, 0 failed" in run_dppr("import", folder, database=db.uri, check=True).stdout
    names = dict(db.query("select d.document_id, p.protocol_name from dpp.authored_documents d"
                          " join dpp.protocols p using (object_id)"))
    assert set(names) == {"csv-ldct-visual", "csv-ldct-volumetry", "json-sinuses"}
    assert db.query("select v.referenced_sop_instance_uid = o.sop_instance_uid from dpp.protocol_predecessors v, dpp.objects o"
                    " join dpp.authored_documents d on d.object_id = o.id where d.document_id = 'csv-ldct-visual'") == [(True,)]
    assert db.query("select constraint_values, unit_code from dpp.parameter_constraints c join dpp.authored_documents d"
                    " using (object_id) where d.document_id = 'csv-ldct-visual' and selector_keyword = 'KVP'") == [
                        (["100", "140"], "kV")]
