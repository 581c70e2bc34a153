# SPDX-License-Identifier: Apache-2.0
"""dppr diff: stored protocols, files, and one of each; dpp.diff itself is in tests/sql/diff.sql."""
import base64
import json
import os
import pty
import re
import subprocess

import psycopg2
import pydicom
import pytest

from conftest import DPPR, SAMPLES, run_dppr

V1, V2 = "2.25.285535048063767431738193796090565735664", "2.25.63803527654432305556270820533692081871"
FILE1, FILE2 = SAMPLES / "ct-ctpa-v1.json", SAMPLES / "ct-ctpa-v2.json"
PREDECESSOR = ("predecessor", V1, "PredecessorProtocolSequence", None, None, V1, "added")
EXPECTED = [
    ("protocol", None, "ProtocolName", None, "CTPA 120 kV", "CTPA 100 kV", "changed"),
    ("protocol", None, "InstanceCreationTime", None, "090000", "100000", "changed"),
    ("protocol", None, "ProtocolDesignRationale", None,
     "Study group B, 6.8 mSv. Order of versions is synthetic: the study ran the two arms in parallel.",
     "Study group A, 3.2 mSv. Version link synthetic.", "changed"),
    PREDECESSOR,
    ("acquisition", "1 Pulmonary arteries", "KVP", "value", "EQUAL 120 kV", "EQUAL 100 kV", "changed"),
    ("acquisition", "1 Pulmonary arteries", "ExposureInmAs", "value", "EQUAL 90 mAs", "EQUAL 115 mAs", "changed"),
]


def diff(database, *arguments, **options):
    return run_dppr("diff", *arguments, database=database.uri, **options)


def differences(database, *arguments):
    done = diff(database, "--json", *arguments)
    found = json.loads(done.stdout)["differences"]
    assert done.returncode == (1 if found else 0) and done.stderr == ""
    return [(d["part"], d["element"], d["attribute"], d["aspect"], d["left"], d["right"], d["difference"])
            for d in found]


def contents(database):
    return database.query("select (select count(*) from dpp.objects), (select count(*) from dpp.parameter_constraints),"
                          " (select count(*) from dpp.dataset_warnings)")


@pytest.fixture(scope="module")
def files(sample_database, tmp_path_factory):
    """The second version as Part 10 in two transfer syntaxes, and as a bare data set."""
    folder = tmp_path_factory.mktemp("diff")
    run_dppr("export", folder, "--uid", V2, database=sample_database.uri, check=True)
    part10 = folder / f"{V2}.dcm"
    instance = pydicom.dcmread(part10)
    instance.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    instance.is_implicit_VR = True
    instance.save_as(folder / "implicit.dcm", write_like_original=False)
    (octets,), = sample_database.query("select i.dataset from dpp.objects o join dpp.instances i on i.object_id = o.id"
                                       f" where o.sop_instance_uid = '{V2}'")
    (folder / "bare").write_bytes(bytes(octets))
    return {"part10": part10, "implicit": folder / "implicit.dcm", "bare": folder / "bare", "json": FILE2}


@pytest.mark.parametrize("kind", ["part10", "implicit", "bare", "json"])
def test_a_file_is_compared_as_if_it_were_stored_and_is_not(sample_database, files, kind):
    before = contents(sample_database)
    assert differences(sample_database, V1, files[kind]) == EXPECTED
    assert differences(sample_database, V2, files[kind]) == []
    assert contents(sample_database) == before


def test_stored_protocols_and_files_give_the_same(sample_database):
    assert differences(sample_database, V1, V2) == EXPECTED
    assert differences(sample_database, FILE1, FILE2) == EXPECTED
    assert differences(sample_database, FILE1, V2) == EXPECTED
    assert len(differences(sample_database, FILE2, V1)) == len(EXPECTED)
    assert PREDECESSOR[:4] + (V1, None, "removed") in differences(sample_database, FILE2, V1)


def test_json_says_what_was_compared_and_tags(sample_database):
    told = json.loads(diff(sample_database, V1, FILE2, "--json").stdout)
    assert told["left"] == {"uid": V1, "name": "CTPA 120 kV"}
    assert told["right"] == {"file": str(FILE2), "name": "CTPA 100 kV"}
    assert [d["tag"] for d in told["differences"]] == [
        "00181030", "00080013", "00189910", "0018990E", "00189920.00189325[1].00180060",
        "00189920.00189325[1].00189332"]


def test_it_is_printed_as_a_table(sample_database):
    done = diff(sample_database, V1, V2)
    lines = done.stdout.splitlines()
    assert done.returncode == 1 and done.stderr == "6 differences\n"
    assert lines[:2] == [f"--- {V1}  CTPA 120 kV", f"+++ {V2}  CTPA 100 kV"]
    assert [line[0] for line in lines[3:]] == ["~", "~", "~", "+", "~", "~"]
    assert re.split("  +", lines[7]) == ["~", "acquisition", "1 Pulmonary arteries", "KVP in CTXRayDetailsSequence[1]",
                                         "EQUAL 120 kV", "EQUAL 100 kV"]
    assert "\u2026" in lines[5] and "\u2026" not in diff(sample_database, V1, V2, "--wide").stdout
    same = diff(sample_database, V1, V1)
    assert (same.returncode, same.stdout, same.stderr) == (0, "", "0 differences\n")


def test_what_the_database_has_no_keyword_for_is_looked_up(sample_database, tmp_path):
    instance = json.loads(FILE1.read_text())
    instance["00204000"] = {"vr": "LT", "Value": ["x\u001by"]}
    instance["00091001"] = {"vr": "LO", "Value": ["private"]}
    (tmp_path / "a.json").write_text(json.dumps(instance))
    assert [d[2] for d in differences(sample_database, V1, tmp_path / "a.json")] == ["00091001", "ImageComments"]
    done = diff(sample_database, V1, tmp_path / "a.json")
    assert "ImageComments" in done.stdout and "\u001b" not in done.stdout  # it could drive a terminal


def test_what_rows_cannot_hold_is_not_passed_over_in_silence(sample_database, tmp_path):
    instance = json.loads(FILE1.read_text())
    instance["00420011"] = {"vr": "OB", "InlineBinary": base64.b64encode(bytes(70000)).decode()}
    (tmp_path / "large.json").write_text(json.dumps(instance))
    done = diff(sample_database, V1, tmp_path / "large.json")
    assert f"{tmp_path}/large.json: some values are in the encoded form only and are not compared" in done.stderr
    assert "not compared" not in diff(sample_database, V1, FILE2).stderr


def on_terminal(database, *arguments, **environment):
    primary, secondary = pty.openpty()
    done = subprocess.run([DPPR, "diff", V1, V2, *arguments], stdout=secondary, stderr=subprocess.DEVNULL,
                          env=dict(os.environ, DPPR_DATABASE=database.uri, **environment))
    os.close(secondary)
    output = b""
    try:
        while chunk := os.read(primary, 65536):
            output += chunk
    except OSError:
        pass  # its end, as Linux tells it
    os.close(primary)
    assert done.returncode == 1
    return output.decode()


def test_colours_are_for_terminals(sample_database):
    plain = diff(sample_database, V1, V2).stdout
    assert "\033" not in plain
    colored = on_terminal(sample_database)
    for color, sign in (("31", "---"), ("32", "+++"), ("33", "~"), ("32", "+")):
        assert f"\033[{color}m{sign} " in colored
    assert colored.count("\033[0m") == 8
    for output in (on_terminal(sample_database, "--no-color"), on_terminal(sample_database, NO_COLOR="1")):
        assert output.replace("\r\n", "\n") == plain
    assert on_terminal(sample_database, NO_COLOR="") == colored


def test_tolerances(sample_database):
    def left(*arguments):
        return [d[2] for d in differences(sample_database, V1, V2, *arguments) if d[3] == "value"]

    assert left("--relative", "0.17") == ["ExposureInmAs"]
    assert left("--absolute", "20") == ["ExposureInmAs"]
    assert left("--absolute", "19.9") == ["KVP", "ExposureInmAs"]
    assert left("-r", "0.25") == []


@pytest.mark.parametrize("arguments, words", [
    ((V1,), "two protocols"), ((V1, V2, V1), "two protocols"),
    ((V1, V2, "--relative", "-1"), "--relative: '-1' is no number from 0"),
    ((V1, V2, "--absolute", "nan"), "--absolute: 'nan' is no number from 0"),
    ((V1, V2, "--relative", "0x1"), "--relative"), ((V1, V2, "--relative", ""), "--relative"),
    ((V1, "1.2.3"), "1.2.3 is here; 'dppr find' lists"), (("1.2.3", V1), "1.2.3 is here; 'dppr find' lists"),
    ((V1, "no-such-file"), "no-such-file: No such file"),
    ((V1, "/dev/null"), "/dev/null: not a regular file"),
    ((V1, SAMPLES / "approval-head.json"), "approval-head.json: is no Defined Procedure Protocol"),
    ((V1, "2.25.13118449899149048043855190929673833589"), "is no Defined Procedure Protocol"),
])
def test_trouble_is_status_2_and_said_in_words(sample_database, arguments, words):
    done = diff(sample_database, *arguments)
    assert done.returncode == 2 and done.stdout == "" and words in done.stderr, done.stderr


def test_files_that_are_none(sample_database, tmp_path):
    two = tmp_path / "two.json"
    two.write_text(f"[{FILE1.read_text()},{FILE2.read_text()}]")
    for content, words in (("[]", "no data set"), ("{", "does not end"), ("{}", "no SOP Class UID"), ("hello", "bad:")):
        (tmp_path / "bad").write_text(content)
        done = diff(sample_database, V1, tmp_path / "bad")
        assert done.returncode == 2 and words in done.stderr and str(tmp_path / "bad") in done.stderr, done.stderr
    done = diff(sample_database, V1, two)
    assert done.returncode == 2 and "more than one data set" in done.stderr
    one = tmp_path / "1.2.3"  # named like a UID
    one.write_text(f"[{FILE1.read_text()}]")
    assert diff(sample_database, V1, one).returncode == 0


def test_no_database_and_no_room_are_trouble(sample_database):
    assert run_dppr("diff", V1, V2, database="postgresql://nobody@127.0.0.1:1/none").returncode == 2
    with open("/dev/full", "w") as full:
        done = subprocess.run([DPPR, "diff", V1, V2], stdout=full, stderr=subprocess.PIPE, text=True,
                              env=dict(os.environ, DPPR_DATABASE=sample_database.uri))
    assert done.returncode == 2 and "standard output" in done.stderr


def test_who_may(sample_database):
    """A reader compares what is stored, also where nothing can be written; a file takes an admin."""
    def uri_of(role):
        return psycopg2.extensions.make_dsn(sample_database.uri, options=f"-c role={role}")

    assert run_dppr("diff", V1, V2, database=uri_of("dppr_reader")).returncode == 1
    done = run_dppr("diff", V1, FILE2, database=uri_of("dppr_reader"))
    assert done.returncode == 2 and "dppr_admin" in done.stderr
    assert run_dppr("diff", V1, FILE2, database=uri_of("dppr_admin")).returncode == 1
    read_only = psycopg2.extensions.make_dsn(sample_database.uri, options="-c default_transaction_read_only=on")
    assert run_dppr("diff", V1, V2, database=read_only).returncode == 1
    assert run_dppr("diff", V1, FILE2, database=read_only).returncode == 1
