#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every log call has an event and a format that core/log reads as it was meant: a list of pairs from its first word to its
last, or a sentence without any. What stands between is lost inside another value."""
import pathlib
import re
import sys

CALL = re.compile(r"\blog_(error|warn|info|debug|event)\(")
EVENT = re.compile(r"[a-z]+(\.[a-z_0-9]+)?")
KEY = re.compile(r"(?:^| )([a-z][a-z0-9_.]*)=")
RESERVED = {"time", "level", "event", "msg"}
OF_CONTEXT = {"assoc", "msg_id", "peer", "aet", "limit", "deadline"}
OWN = {"server/core/log.c", "include/core/log.h"}  # the mechanism itself


def arguments(text, at):
    """The arguments of the call whose first one begins there, as they are written."""
    found, depth, start = [], 0, at
    while depth >= 0:
        c = text[at]
        if c == '"':
            at = re.compile(r'"(?:[^"\\]|\\.)*"').match(text, at).end()
            continue
        depth += (c in "({[") - (c in ")}]")
        if (c == "," and depth == 0) or depth < 0:
            found.append(text[start:at].strip())
            start = at + 1
        at += 1
    return found


def literal(argument):
    """The text of string literals side by side; what else stands there (DPPR_VERSION) is a word. None: no literal."""
    if '"' not in argument:
        return None
    pieces = re.findall(r'"((?:[^"\\]|\\.)*)"|([A-Za-z_]\w*)', argument)
    return "".join(a.replace('\\"', '"') if not b else "x" for a, b in pieces)


def outside_quotes(form):
    return re.sub(r'"[^"]*"', lambda m: '"' + "_" * (len(m[0]) - 2) + '"', form)


def faults(form, has_context):
    bare = outside_quotes(form)
    keys = KEY.findall(bare)
    if not re.match(r"[a-z][a-z0-9_.]*=", form):
        return [f"a sentence with the pair {keys[0]}="] if keys else []
    found = []
    if bare.count('"') % 2:
        found.append("a quote is not closed")
    for word in re.sub(r'"_*"', "x", bare).split(" "):
        if not re.fullmatch(r"[a-z][a-z0-9_.]*=\S+", word):
            found.append(f"{word!r} is no pair")
    found += [f"{k} comes twice" for k in sorted(set(keys)) if keys.count(k) > 1]
    found += [f"{k} is core/log's own" for k in keys if k in RESERVED | (OF_CONTEXT if has_context else set())]
    return found


def check(root):
    count, wrong = 0, []
    for path in sorted([*root.glob("server/**/*.c"), *root.glob("server/**/*.cc"), *root.glob("include/**/*.h")]):
        name = str(path.relative_to(root))
        if name in OWN:
            continue
        text = path.read_text()
        for call in CALL.finditer(text):
            rest = arguments(text, call.end())
            rest = rest[1:] if call[1] == "event" else rest
            where = f"{name}:{text.count(chr(10), 0, call.start()) + 1}"
            event, form = literal(rest[1]), literal(rest[2])
            count += 1
            if event is not None and not EVENT.fullmatch(event):
                wrong.append(f"{where}: {event!r} is no event")
            if form is None:
                wrong.append(f"{where}: the format is no literal")
            else:
                wrong += [f"{where}: {fault}: {form}" for fault in faults(form, rest[0] != "NULL")]
    assert count > 50, "where are the log calls?"
    return wrong


def test_itself():
    good = ['why="%s" n=%d', "a=%s", "the server is stopping", 'role=acceptor called="%s" code=%u/%u/%u', 'v=x dicom=%u name="%s"']
    bad = ["goodbye released=%lld aborted=%lld", 'why="%s', "a=%s b", "a=%d a=%d", 'level=%s', 'why="%s" and more', "a= b=%d"]
    assert not [f for f in good if faults(f, True)], [f for f in good if faults(f, True)]
    assert not [f for f in bad if not faults(f, True)], [f for f in bad if not faults(f, True)]
    assert faults("peer=%s", True) and not faults("peer=%s", False)


if __name__ == "__main__":
    test_itself()
    problems = check(pathlib.Path(sys.argv[1]))
    print("\n".join(problems))
    sys.exit(bool(problems))
