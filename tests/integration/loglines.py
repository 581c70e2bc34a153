# SPDX-License-Identifier: Apache-2.0
"""A line of the log read strictly, in both formats."""
import json
import re

PAIR = re.compile(r'([a-z][a-z0-9_.]*)=("(?:[^"\\\x00-\x1f\x7f]|\\["\\n]|\\u[0-9a-f]{4})*"|[!-~]+)(?: |$)')
PLAIN = re.compile(r'[^\s"\\=]+')
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
EVENT = re.compile(r"[a-z]+(\.[a-z_0-9]+)?")
LEVELS = {"error", "warn", "info", "debug", "trace"}


def without_repeats(pairs):
    found = dict(pairs)
    assert len(found) == len(pairs), f"a key comes twice: {pairs}"
    return found


def logfmt(line):
    """{key: value}; fails where the line is not a list of pairs from end to end."""
    pairs, at = [], 0
    while at < len(line):
        match = PAIR.match(line, at)
        assert match, f"not a pair: {line[at:]!r} in {line!r}"
        value = match[2]
        assert value.startswith('"') or PLAIN.fullmatch(value), f"{value!r} without quotes in {line!r}"
        pairs.append((match[1], json.loads(value) if value.startswith('"') else value))
        at = match.end()
    return without_repeats(pairs)


def json_line(line):
    """Of an object whose values are text and numbers."""
    def refuse(word):
        raise AssertionError(f"{word} in {line!r}")
    found = json.loads(line, object_pairs_hook=without_repeats, parse_constant=refuse)
    assert isinstance(found, dict) and all(type(value) in (str, int, float) for value in found.values()), line
    return found


READERS = {"logfmt": logfmt, "json": json_line}


def check(lines, log_format=None):
    """Each is one event, well formed; they are returned as dictionaries. None: each in the format that it begins like."""
    found = [READERS[log_format or ("json" if line.startswith("{") else "logfmt")](line) for line in lines]
    for line in found:
        assert list(line)[:3] == ["time", "level", "event"], line
        assert TIME.fullmatch(line["time"]) and line["level"] in LEVELS and EVENT.fullmatch(line["event"]), line
        assert not ("limit" in line and "deadline" in line), line
    return found
