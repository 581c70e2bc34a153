# SPDX-License-Identifier: Apache-2.0
"""Clients of another make: DCMTK's echoscu, storescu -R and the DcmSCU class."""
import os
import subprocess

import pydicom
import pytest

from conftest import find_json
from dicomwire import wait_for

SCU = os.environ.get("DCMTK_SCU", "")


def run(*arguments, check=True):
    done = subprocess.run([str(a) for a in arguments], text=True, errors="replace", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=120)
    assert not check or done.returncode == 0, done.stdout
    return done.stdout


def uids(server, **_):
    return [r["00080018"]["Value"][0] for r in find_json(server)]


def test_echoscu(server):
    run("echoscu", "-aec", "DPPR", "127.0.0.1", server.port)
    run("echoscu", "-aec", "DPPR", "--repeat", 50, "127.0.0.1", server.port)


def test_echoscu_with_the_wrong_title_is_rejected(server):
    done = subprocess.run(["echoscu", "-aec", "OTHER", "127.0.0.1", str(server.port)],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode != 0 and "Called AE Title Not Recognized" in done.stdout


@pytest.fixture(scope="module")
def files(sample_server, tmp_path_factory):
    """The samples as Part 10 files, written by DCMTK's client."""
    folder = tmp_path_factory.mktemp("files")
    out = run(SCU, "get", sample_server.port, folder, *uids(sample_server))
    assert "status 0000 completed 60 failed 0 warning 0" in out
    return sorted(folder.iterdir())


def test_dcmscu_find(sample_server):
    out = run(SCU, "find", sample_server.port, "ProtocolName=*Head*")
    assert out.count("FF00 2.25.") >= 3 and "status 0000" in out
    assert run(SCU, "find", sample_server.port).count("FF00 ") == 60


def test_dcmscu_get_receives_the_stored_octets(sample_server, files):
    stored = {u: bytes(d) for u, d in sample_server.database.query(
        "select o.sop_instance_uid, i.dataset from dpp.objects o join dpp.instances i on i.object_id = o.id")}
    assert len(files) == 60
    for path in files:
        uid = str(pydicom.dcmread(path).SOPInstanceUID)
        assert path.read_bytes().endswith(stored[uid])


def test_dcmscu_move(sample_server, storescp):
    sample_server.database.query(
        "insert into dpp.application_entities (ae_title, host, port) values ('PEERSCP', '127.0.0.1', %s)",
        (storescp.port,))
    out = run(SCU, "move", sample_server.port, "PEERSCP", *uids(sample_server))
    assert "status 0000 completed 60 failed 0 warning 0" in out
    wait_for(lambda: len(storescp.files()) == 60)
    out = run(SCU, "move", sample_server.port, "NOSUCHAE", uids(sample_server)[0])
    assert "status A801" in out


def test_storescu(server, files):
    run("storescu", "-R", "-aec", "DPPR", "127.0.0.1", server.port, *files)
    assert len(find_json(server)) >= 60
    run("storescu", "-R", "-xi", "-aec", "DPPR", "127.0.0.1", server.port, *files)


def test_dcmtk_reads_what_is_delivered(files):
    for path in files:
        run("dcmdump", "-q", path)
