# SPDX-License-Identifier: Apache-2.0
"""The command line, as a user types it."""
import json
import re

import pydicom
import pytest

from conftest import ROOT, SAMPLES, Database, client, find_json, run_dppr
from dicomwire import APPROVAL, wait_for
from wirescp import WireScp


def value(ds, tag):
    return ds.get(tag, {}).get("Value", [None])[0]


def test_find_lists_the_samples(sample_server):
    rows = find_json(sample_server)
    assert len(rows) == 60
    samples = [json.loads(p.read_text()) for p in SAMPLES.glob("*.json")]
    expected = {value(s, "00181030") for s in samples if value(s, "00080016") != APPROVAL}
    assert {value(r, "00181030") for r in rows} == expected


def test_find_prints_a_table(sample_server):
    done = client(sample_server, "find", "-k", "ProtocolName=*Head*", check=True)
    assert "ProtocolName" in done.stdout and "Head" in done.stdout
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    assert len(lines) >= 3


def test_find_with_nested_keys_and_character_sets(sample_server):
    rows = find_json(sample_server, "-k", "ModelSpecificationSequence.Manufacturer=Scantech",
                     "-k", "SOPInstanceUID", "-k", "ProtocolName")
    assert len(rows) == 1
    rows = find_json(sample_server, "-k", "ProtocolName=胸部単純*", "-k", "ContentCreatorName")
    assert [value(r, "00700084") for r in rows] == [
        {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}]
    rows = find_json(sample_server, "-k", "ContentCreatorName=洪*", "-k", "ProtocolName")
    assert len(rows) == 1
    rows = find_json(sample_server, "-k", "CustodialOrganizationSequence.InstitutionName=Szpital*",
                     "-k", "ProtocolName")
    assert len(rows) == 1


def test_get_writes_files_equal_to_what_is_stored(sample_server, tmp_path):
    done = client(sample_server, "get", "-k", "ProtocolName=*", "--output", tmp_path, check=True)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 60, done.stderr
    stored = dict(sample_server.database.query(
        "select o.sop_instance_uid, i.dataset from dpp.objects o join dpp.instances i on i.object_id = o.id"))
    for path in files:
        raw = path.read_bytes()
        uid = str(pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)
        assert raw.endswith(bytes(stored[uid]))


def test_exit_status_when_less_comes_than_asked(sample_server, tmp_path):
    rows = find_json(sample_server)
    uid = value(rows[0], "00080018")
    assert client(sample_server, "get", uid, "--output", tmp_path).returncode == 0
    done = client(sample_server, "get", uid, "1.2.3.4.5", "--output", tmp_path / "b")
    assert done.returncode != 0 and done.stderr


def test_move_to_storescp(sample_server, storescp):
    run_dppr("ae", "add", "STORESCP", "127.0.0.1", storescp.port, database=sample_server.database.uri,
             check=True)
    rows = find_json(sample_server)
    uids = [value(r, "00080018") for r in rows]
    client(sample_server, "move", "--to", "STORESCP", *uids, check=True)
    assert len(wait_for(lambda: len(storescp.files()) == 60 and storescp.files())) == 60
    listed = run_dppr("ae", "list", database=sample_server.database.uri, check=True).stdout
    assert "STORESCP" in listed
    run_dppr("ae", "remove", "STORESCP", database=sample_server.database.uri, check=True)
    done = client(sample_server, "move", "--to", "STORESCP", uids[0])
    assert done.returncode != 0 and "STORESCP" in done.stderr


def test_peers_are_checked_before_they_are_added(database):
    for wrong in (["--charset", "NONSENSE"], ["--called-as", "SEVENTEEN_LETTERS"], ["--rights", "fly"],
                  ["--source", "192.0.2.0/33"], ["--source", "ct1.example"], ["--max-calling", "0"],
                  ["--require-assertion", "128603/"], ["--require-assertion", "1^2^3"]):
        done = run_dppr("ae", "add", "CT1", "127.0.0.1", "104", *wrong, database=database.uri)
        assert done.returncode == 2 and wrong[1] in done.stderr
    done = run_dppr("ae", "add", "CT1", "--require-assertion", "128603", "--require-assertion", "", database=database.uri)
    assert done.returncode == 2 and "--require-assertion: '' is no requirement" in done.stderr
    assert run_dppr("ae", "list", database=database.uri, check=True).stdout == ""
    run_dppr("ae", "add", "CT1", "127.0.0.1", "104", "--charset", "\\ISO 2022 IR 87", "--called-as", "DPPR2",
             database=database.uri, check=True)
    assert "\\ISO 2022 IR 87" in run_dppr("ae", "list", database=database.uri, check=True).stdout
    run_dppr("ae", "add", "CT2", "--charset", "ISO-IR 100", database=database.uri, check=True)
    assert database.query("select preferred_character_set from dpp.application_entities"
                          " where ae_title = 'CT2'") == [("ISO_IR 100",)]  # the standard's spelling


def test_a_peer_may_be_a_scanner_of_a_model(database):
    run_dppr("ae", "add", "CT7", "--manufacturer", "ACME", "--model", "Alpha \"2\"", "--serial", "007",
             database=database.uri, check=True)
    run_dppr("ae", "add", "VIEWER", database=database.uri, check=True)
    rows = {row["ae_title"]: [row[key] for key in ("manufacturer", "manufacturer_model_name", "device_serial_number")]
            for row in json.loads(run_dppr("ae", "list", "--json", database=database.uri, check=True).stdout)}
    assert (rows["CT7"], rows["VIEWER"]) == (["ACME", "Alpha \"2\"", "007"], ["", "", ""])
    listed = run_dppr("ae", "list", database=database.uri, check=True).stdout
    assert re.search(r"^CT7 .* ACME +Alpha \"2\" +007", listed, re.M)
    assert database.query("select ae_title, manufacturer from dpp.application_entities where manufacturer_model_name is null"
                          " and ae_title in ('CT7', 'VIEWER')") == [("VIEWER", None)]


def test_a_destination_is_tested_with_an_echo(database, storescp):
    run_dppr("ae", "add", "STORESCP", "127.0.0.1", storescp.port, database=database.uri, check=True)
    run_dppr("ae", "test", "STORESCP", database=database.uri, check=True)


def listed(database):
    return {row["ae_title"]: row for row in json.loads(run_dppr("ae", "list", "--json", database=database.uri, check=True).stdout)}


def test_peers_are_added_with_all_that_a_row_says(database):
    run_dppr("ae", "add", "VIEWER", "--rights", "find,get", "--source", "192.0.2.0/24", "--source", "2001:db8::7",
             "--max-associations", "3", "--max-calling", "5", "--max-operations", "7", database=database.uri, check=True)
    row = listed(database)["VIEWER"]
    assert (row["rights"], row["source_addresses"]) == ("find,get", "192.0.2.0/24,2001:db8::7")
    assert (row["max_associations"], row["max_calling_associations"], row["max_operations"]) == (3, 5, 7)
    done = run_dppr("ae", "add", "PLAIN", "--json", database=database.uri, check=True)
    assert json.loads(done.stdout) == {"added": "PLAIN"}
    row = listed(database)["PLAIN"]
    assert row["host"] == "" and row["port"] is None
    assert (row["max_associations"], row["max_calling_associations"], row["max_operations"]) == (1, None, None)
    assert (row["required_assertions"], row["sees_current_only"], row["may_supersede"]) == ("", False, False)
    assert row["ae_class"] == "known"
    done = run_dppr("ae", "add", "PLAIN", database=database.uri)
    assert done.returncode == 1 and "already" in done.stderr
    done = run_dppr("ae", "remove", "PLAIN", "--json", database=database.uri, check=True)
    assert json.loads(done.stdout) == {"removed": "PLAIN", "rows": 1}
    done = run_dppr("ae", "remove", "PLAIN", database=database.uri)
    assert done.returncode == 1 and "PLAIN" in done.stderr
    run_dppr("ae", "remove", "VIEWER", database=database.uri, check=True)
    run_dppr("ae", "add", "SCANNER", "--require-assertion", "128603^DCM/128670^DCM", "--require-assertion", "OK^99SITE",
             "--current-only", "--may-supersede", "--class", "mr-scanner_3", database=database.uri, check=True)
    assert database.query("select required_assertions, sees_current_only, may_supersede from dpp.application_entities"
                          " where ae_title = 'SCANNER'") == [(["128603/128670", "OK^99SITE"], True, True)]
    row = listed(database)["SCANNER"]
    assert (row["required_assertions"], row["sees_current_only"], row["may_supersede"]) == ("128603/128670,OK^99SITE", True, True)
    assert row["ae_class"] == "mr-scanner_3"
    for word in ("", "Scanner", "3d", "two words", "a" * 17):
        done = run_dppr("ae", "add", "OTHER", "--class", word, database=database.uri)
        assert done.returncode == 2 and f"--class: '{word}' is no class" in done.stderr
    run_dppr("ae", "remove", "SCANNER", database=database.uri, check=True)
    done = run_dppr("ae", "add", "SCANNER", "--require-assertion", "128630/128670", "--require-assertion", "128603/PHYS^99SITE",
                    "--require-assertion", "128603/C1708969^UMLS", database=database.uri, check=True)
    assert done.stdout == "added SCANNER\n" and [line.split(":")[1] for line in done.stderr.splitlines()] == [
        " dpp.asserter_roles has no PHYS^99SITE", " dpp.assertion_codes has no 128630"]
    run_dppr("ae", "remove", "SCANNER", database=database.uri, check=True)


def test_what_is_wrong_with_a_destination_is_said_in_words(database, server):
    """Refused, rejected, silent, without an address, without a row; every address of a title is tried."""
    silent = WireScp(hang="associate")
    for title, port, words in (("NOBODY", 1, "refused"), ("MISNAMED", server.port, "called AE title not recognised"),
                               ("SILENT", silent.port, "no association within 1000 ms|does not answer")):
        run_dppr("ae", "add", title, "127.0.0.1", port, database=database.uri, check=True)
        done = run_dppr("ae", "test", title, "--timeout", "1", database=database.uri)
        assert done.returncode == 1 and done.stdout == ""
        assert re.search(words, done.stderr) and f"127.0.0.1:{port}" in done.stderr, done.stderr
        run_dppr("ae", "remove", title, database=database.uri, check=True)
    silent.close()
    run_dppr("ae", "add", "DPPR", "127.0.0.1", 1, "--source", "192.0.2.1", database=database.uri, check=True)
    run_dppr("ae", "add", "DPPR", "127.0.0.1", server.port, database=database.uri, check=True)
    done = run_dppr("ae", "test", "DPPR", "--json", database=database.uri)
    assert done.returncode == 1
    first, second = json.loads(done.stdout)
    assert (first["answers"], second["answers"]) == (False, True) and "refused" in first["why"] and "why" not in second
    run_dppr("ae", "remove", "DPPR", database=database.uri, check=True)
    run_dppr("ae", "add", "VIEWER", database=database.uri, check=True)
    for title in ("VIEWER", "STRANGER"):
        done = run_dppr("ae", "test", title, database=database.uri)
        assert done.returncode == 1 and title in done.stderr
    run_dppr("ae", "remove", "VIEWER", database=database.uri, check=True)


def test_echo_and_store(sample_server, tmp_path):
    assert client(sample_server, "echo").returncode == 0
    client(sample_server, "get", "-k", "ProtocolName=*Head*", "--output", tmp_path, check=True)
    done = client(sample_server, "store", tmp_path, check=True)
    assert done.returncode == 0


def test_store_says_where_json_goes(tmp_path):
    (tmp_path / "sample.json").write_text(sorted(SAMPLES.glob("*.json"))[0].read_text())
    done = run_dppr("store", tmp_path / "sample.json")
    assert done.returncode == 1 and "dppr import" in done.stderr


def test_export_and_import_round_trip(sample_server, tmp_path):
    uri = sample_server.database.uri
    run_dppr("export", tmp_path / "out", database=uri, check=True)
    exported = sorted((tmp_path / "out").iterdir())
    assert len(exported) == 68
    other = Database()
    try:
        run_dppr("import", tmp_path / "out", database=other.uri, check=True)
        digest = "select sop_instance_uid, encode(sha256(dataset), 'hex') from dpp.objects o" \
                 " join dpp.instances i on i.object_id = o.id order by 1"
        assert other.query(digest) == sample_server.database.query(digest)
        again = run_dppr("import", tmp_path / "out", database=other.uri, check=True)
        assert "0 stored, 68 same" in again.stdout
    finally:
        other.drop()


ROWS = ["protocols", "protocol_custodians", "protocol_codes", "protocol_models", "protocol_predecessors", "instructions",
        "protocol_elements", "parameter_constraints", "approvals", "approval_subjects", "approval_assertions",
        "approval_asserters", "approval_codes", "approval_related_assertions", "dataset_warnings"]


def contents(db):
    """All rows, and what they hang on."""
    found = {"objects": db.query("select sop_instance_uid, state, encode(query_record, 'hex'), specific_character_set,"
                                 " timezone_offset from dpp.objects order by 1")}
    for table in ROWS:
        found[table] = db.query(f"select to_jsonb(t)::text from dpp.{table} as t order by 1")
    return found


def test_rebuild_makes_the_rows_anew():
    db = Database()
    try:
        run_dppr("import", SAMPLES, ROOT / "tests/sql/data", database=db.uri, check=True)
        retired, vandalised = (uid for uid, in db.query(
            "select sop_instance_uid from dpp.objects where sop_class_uid <> %s order by id limit 2", (APPROVAL,)))
        db.amend(f"update dpp.objects set state = 'retired' where sop_instance_uid = '{retired}'")
        good = contents(db)
        assert all(good[table] for table in ROWS[:-1])
        db.amend("update dpp.objects set query_record = '', timezone_offset = '+1111'")
        for table in ROWS[1:-1]:
            db.amend(f"delete from dpp.{table}" if table != "approvals" else "update dpp.approvals set manufacturer = 'x'")
        db.amend("update dpp.protocols set protocol_name = 'x', other_attributes = '{\"00100010\": {}}'")
        db.amend("insert into dpp.dataset_warnings (object_id, ordinal, warning) select id, 1, 'old' from dpp.objects")
        done = run_dppr("rebuild", database=db.uri, check=True)
        assert f"{len(good['objects'])} rebuilt, 0 failed" in done.stdout
        assert contents(db) == good

        db.amend("update dpp.protocols set protocol_name = 'x'")
        done = run_dppr("rebuild", "--uid", vandalised, "--uid", "1.2.3", database=db.uri)
        assert done.returncode == 1 and "1 rebuilt, 1 failed" in done.stdout and "1.2.3: no stored object" in done.stderr
        assert db.query("select count(*) from dpp.protocols where protocol_name <> 'x'") == [(1,)]
    finally:
        db.drop()


def test_import_goes_on_after_a_bad_file(tmp_path):
    db = Database()
    try:
        good = sorted(SAMPLES.glob("*.json"))[0]
        (tmp_path / "a-bad.dcm").write_bytes(b"DICM is not enough")
        (tmp_path / "b-bad.json").write_text('{"00080018": ')
        (tmp_path / "c-good.json").write_text(good.read_text())
        done = run_dppr("import", tmp_path, database=db.uri)
        assert done.returncode == 1
        assert "a-bad.dcm" in done.stderr and "b-bad.json" in done.stderr
        assert db.query("select count(*) from dpp.objects") == [(1,)]
    finally:
        db.drop()


def test_import_keeps_the_character_set_of_the_sample(sample_server):
    rows = dict(sample_server.database.query(
        "select p.protocol_name, o.specific_character_set from dpp.protocols p"
        " join dpp.objects o on o.id = p.object_id where o.specific_character_set <> ''"))
    assert set(rows.values()) >= {"ISO_IR 100", "GB18030", "\\ISO 2022 IR 87", "\\ISO 2022 IR 149",
                                  "ISO_IR 126", "ISO_IR 144", "ISO_IR 101"}


@pytest.mark.parametrize("arguments, status", [
    ([], 2), (["nonsense"], 2), (["find", "--nonsense"], 2), (["find", "-k", "NoSuchKeyword=1"], 2),
    (["--help"], 0), (["find", "--help"], 0), (["--version"], 0), (["serve", "--dicom-port", "99999"], 2),
])
def test_usage(arguments, status):
    done = run_dppr(*arguments)
    assert done.returncode == status, done.stderr
    assert done.stdout if status == 0 else done.stderr


@pytest.mark.parametrize("command", ["serve", "migrate", "import", "export", "rebuild", "diff", "echo", "store",
                                     "find", "get", "move", "ae", "doctor", "health", "config", "conformance"])
def test_every_command_has_help(command):
    done = run_dppr(command, "--help", check=True)
    assert command in done.stdout and done.stderr == ""


def test_connection_refused_is_said_in_words():
    done = run_dppr("echo", "--port", "1")
    assert done.returncode == 1 and "refused" in done.stderr.lower()


def test_serve_check(database):
    assert run_dppr("serve", "--check", database=database.uri).returncode == 0
    done = run_dppr("serve", "--check", "--dicom-port", "x", database=database.uri)
    assert done.returncode == 2 and "dicom-port" in done.stderr


def test_health(sample_server):
    """The health check of a container: status 0 for 200 only."""
    port = str(sample_server.http_port)
    for path in [], ["/readyz"]:
        done = run_dppr("health", *path, "--http-port", port)
        assert (done.returncode, done.stdout) == (0, "HTTP/1.0 200 OK\n"), done.stderr
    done = run_dppr("health", "/nowhere", "--http-port", port)
    assert done.returncode == 1 and "/nowhere: HTTP/1.0 404" in done.stderr
    done = run_dppr("health", "--http-port", "1")
    assert (done.returncode, done.stderr) == (1, "dppr health: /livez: no answer\n")
    assert run_dppr("health", "/livez", "/readyz").returncode == 2


def test_doctor(sample_server):
    done = run_dppr("doctor", database=sample_server.database.uri,
                    env={"DPPR_DICOM_PORT": str(sample_server.port),
                         "DPPR_HTTP_PORT": str(sample_server.http_port)})
    assert done.returncode == 0, done.stdout + done.stderr
    done = run_dppr("doctor", "--time-zone", "Europe/Berlin", database=sample_server.database.uri)
    assert re.search(r"warn +time-zone +Europe/Berlin, but times of approvals are read in UTC \(dpp.repository.time_zone\)", done.stdout)
    sample_server.database.query("update dpp.repository set time_zone = 'Europe/Berlin'")
    done = run_dppr("doctor", "--time-zone", "Europe/Berlin", database=sample_server.database.uri)
    assert re.search(r"ok +time-zone +Europe/Berlin\n", done.stdout)
    sample_server.database.query("update dpp.repository set time_zone = null")
    done = run_dppr("doctor", database="postgresql://nobody@127.0.0.1:1/none")
    assert done.returncode == 1
