# SPDX-License-Identifier: Apache-2.0
"""The log of operations: one line each, every value under a key of its own, in both formats."""
import json
import re

import pytest

from conftest import Server
from dicomwire import CT_PROTOCOL, EXPLICIT, FIND, GET, IMPLICIT, MOVE, VERIFICATION, Rejected, Wire, encode
from protocols import keys, new_uid, protocol

PAIR = re.compile(r'([\w.-]+)=("(?:[^"\\]|\\.)*"|[^\s"=]+)(?: |$)')


def logfmt(line):
    """{key: value}; fails where the line is not a list of pairs from end to end."""
    pairs, at = {}, 0
    while at < len(line):
        match = PAIR.match(line, at)
        assert match, f"not a pair: {line[at:]!r} in {line!r}"
        assert match[1] not in pairs, f"{match[1]} twice in {line!r}"
        value = match[2]
        pairs[match[1]] = json.loads(value) if value.startswith('"') else value
        at = match.end()
    return pairs


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


@pytest.mark.parametrize("log_format, read", [("logfmt", logfmt), ("json", json.loads)])
def test_every_line_is_a_list_of_pairs(database, log_format, read):
    server = Server(database.uri, log_format=log_format, log_level="debug")
    try:
        use(server)
    finally:
        assert server.stop() == 0
    lines = [read(line) for line in server.log_lines]
    assert all({"time", "level", "event"} <= set(line) for line in lines)
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
