# SPDX-License-Identifier: Apache-2.0
"""The log of operations: one line each, every value under a key of its own, in both formats."""
import os
import subprocess

import pytest

import loglines
from conftest import DPPR, Server
from dicomwire import CT_PROTOCOL, EXPLICIT, FIND, GET, IMPLICIT, MOVE, VERIFICATION, PATIENCE_S, Rejected, Wire, encode
from protocols import keys, new_uid, protocol


def use(server):
    """One operation of each kind, and refusals."""
    wire = Wire(server.port).associate([
        (1, FIND, [EXPLICIT]), (3, CT_PROTOCOL, [EXPLICIT]), (5, GET, [EXPLICIT]), (7, MOVE, [EXPLICIT]),
        (9, VERIFICATION, [IMPLICIT])], roles=[(CT_PROTOCOL, 1, 1)])
    ds = protocol()
    octets = encode(ds, EXPLICIT)
    assert wire.store(3, octets, CT_PROTOCOL, ds.SOPInstanceUID).status == 0
    assert wire.store(3, octets, CT_PROTOCOL, new_uid()).status == 0xA900
    assert len(wire.find(1, keys(SOPInstanceUID=ds.SOPInstanceUID))[0]) == 1
    assert wire.get(5, [ds.SOPInstanceUID])[2].status == 0
    assert wire.get(5, [ds.SOPInstanceUID], on_store=lambda m: 0xA700)[2].status == 0xA702
    assert wire.move(7, [ds.SOPInstanceUID], 'NO "ONE"')[1].status == 0xA801
    assert wire.echo(9) == 0
    wire.send_message(9, wire.request(0x0020, FIND))  # a command that is not of this class
    assert wire.read_message().status == 0x0211
    wire.release()
    for called, options in (("NOT US", {}), ("DPPR", dict(application="1.2.3"))):
        with pytest.raises(Rejected):
            Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT])], called=called, **options)


@pytest.mark.parametrize("log_format", ["logfmt", "json"])
def test_every_line_is_a_list_of_pairs(database, log_format):
    server = Server(database.uri, log_format=log_format, log_level="debug")
    try:
        use(server)
    finally:
        assert server.stop() == 0
    lines = loglines.check(server.log_lines, log_format)
    by_event = {}
    for line in lines:
        by_event.setdefault(line["event"], []).append(line)
    number = (lambda v: v) if log_format == "json" else (lambda v: float(v) if "." in v else int(v))
    outcomes = {
        "store.done": dict(status="0x0000", outcome="stored"),
        "store.refused": dict(status="0xA900"),
        "find.done": dict(status="0x0000", status_text="success", matches=1),
        "get.done": dict(status="0x0000", asked=1, completed=1, failed=0, warning=0, remaining=0),
        "get.refused": dict(status="0xA702", completed=0, failed=1),
        "move.refused": dict(status="0xA801", why='move destination NO "ONE" is not known'),
        "echo.done": dict(status="0x0000"),
        "find.refused": dict(status="0x0211", command="C-FIND-RQ"),
    }
    for event, expected in outcomes.items():
        assert len(by_event[event]) == 1, event
        line = by_event[event][0]
        for key, value in expected.items():
            found = number(line[key]) if isinstance(value, int) else line[key]
            assert found == value, (event, key, line)
        assert line["status_text"] and line["msg_id"] and line["assoc"]
        if "command" not in expected:
            assert 0 <= number(line["ms"]) < 60000
        if event.endswith("refused"):
            assert line["why"] and line["level"] == "warn"
    rejected = by_event["assoc.rejected"]  # one line says it all, whoever refuses
    assert [(r["called"], r["code"], r["level"]) for r in rejected] == [("NOT US", "1/1/7", "warn"),
                                                                        ("DPPR", "1/1/2", "warn")]
    assert all(r["aet"] == "WIRE" and r["peer"] and r["reason"] and r["why"] for r in rejected)
    assert len({r["assoc"] for r in rejected}) == 2


# ---- who reads it ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("log_format", ["logfmt", "json"])
@pytest.mark.parametrize("setting, value", [("TIME_ZONE", "Mars/Olympus_Mons"), ("HTTP_ADDRESS", "192.0.2.1"),
                                            ("DICOM_ADDRESS", "192.0.2.1")])
def test_a_server_that_does_not_start_says_so_in_a_line(database, log_format, setting, value):
    """Not in words of a command: who reads its log reads this too."""
    done = subprocess.run([DPPR, "serve"], stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, env={
        **{k: v for k, v in os.environ.items() if not k.startswith("DPPR_")}, "DPPR_DATABASE": database.uri, "DPPR_DICOM_PORT": "0",
        "DPPR_HTTP_PORT": "0", "DPPR_LOG_FORMAT": log_format, f"DPPR_{setting}": value})
    assert done.returncode == 1
    last = loglines.check(done.stderr.splitlines(), log_format)[-1]
    assert (last["event"], last["level"]) == ("serve.failed", "error") and value in last["why"], last


def test_systemd_gets_the_priority(database, tmp_path):
    """Before the line where standard error is the stream that systemd names, and nowhere else (systemd.exec(5), sd-daemon(3))."""
    def lines(stream):
        with open(tmp_path / "log", "w+") as log:
            about = os.fstat(log.fileno())
            server = Server(database.uri, log_to=log, log_level="debug",
                            more_environment={"JOURNAL_STREAM": stream or f"{about.st_dev}:{about.st_ino}"})
            use(server)
            assert server.stop() == 0
            log.seek(0)
            return log.read().splitlines()
    priorities = {"error": "<3>", "warn": "<4>", "info": "<6>", "debug": "<7>"}
    found = set()
    for line in lines(None):
        event, = loglines.check([line[3:]])
        assert line[:3] == priorities[event["level"]], line
        found.add(event["level"])
    assert found >= {"warn", "info", "debug"}
    loglines.check(lines("1:2"))
