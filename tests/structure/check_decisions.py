#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/decisions.md: every decision names tests that exist and its place in the conformance statement.

    check_decisions.py SOURCE_DIR

A test is `file::function` or `file::"text"`, where the file is one of tests/, by its name or the end of its path. A place is a link to
an anchor of docs/conformance.md. Each anchor there belongs to a decision, each table that it refers to is there, and each decision that a comment
refers to exists.
"""
import pathlib
import re
import sys

FIELDS = {"Clause", "Tests", "Statement"}
problems = []


def test_files(root):
    return [p for p in (root / "tests").rglob("*") if p.suffix in (".c", ".py", ".sql") and p.is_file()]


def has_test(text, suffix, what):
    """Whether a file has this function (or, in SQL, this word), or this text of a row."""
    if what.startswith('"'):
        return what[1:-1].replace('\\"', '"') in text
    if suffix == ".py":
        return re.search(rf"^def {re.escape(what)}\(", text, re.M) or re.search(rf'"{re.escape(what)}"', text)
    if suffix == ".c":
        return re.search(rf"^static void {re.escape(what)}\(void \*\*", text, re.M)
    return re.search(rf"\b{re.escape(what)}\b", text)


def check_test(where, reference, files):
    name, _, what = reference.partition("::")
    named = [p for p in files if str(p).endswith("/" + name)]
    if len(named) != 1:
        problems.append(f"{where}: {name} is {len(named)} files of tests/")
    elif not has_test(named[0].read_text(), named[0].suffix, what):
        problems.append(f"{where}: {name} has no {what}")


def split_decisions(text):
    """[(number, title, body)]"""
    parts = re.split(r"^### (\d+)\. (.+)$", text, flags=re.M)
    return [(int(parts[i]), parts[i + 1], re.split(r"^## ", parts[i + 2], flags=re.M)[0]) for i in range(1, len(parts), 3)]


def check_decision(where, body, files, anchors):
    """The anchors it refers to."""
    if "- Not in the product yet" in body:
        return set()
    fields = dict(re.findall(r"^- (\w+): (.+)$", body, re.M))
    for unknown in fields.keys() - FIELDS:
        problems.append(f"{where}: what is {unknown}?")
    for missing in {"Tests", "Statement"} - fields.keys():
        problems.append(f"{where}: {missing} is missing")
    tests = re.findall(r"`([^`]+::[^`]+)`", fields.get("Tests", ""))
    if not tests:
        problems.append(f"{where}: no test")
    for reference in tests:
        check_test(where, reference, files)
    places = set(re.findall(r"\(conformance\.md#([\w-]+)\)", fields.get("Statement", "")))
    for place in places - anchors:
        problems.append(f"{where}: docs/conformance.md has no {place}")
    if not places and not fields.get("Statement", "").startswith(("none", "table")):
        problems.append(f"{where}: no place in the statement")
    return places


def check_tables(statement):
    captions = re.findall(r"^Table (\d+-\d+)\. ", statement, re.M)
    for caption in {c for c in captions if captions.count(c) > 1}:
        problems.append(f"docs/conformance.md: table {caption} comes twice")
    referred = set()
    for mention in re.findall(r"(?<!PS3\.\d )\btables?\s+((?:\d+-\d+(?:,\s+| and )?)+)", statement):
        referred |= set(re.findall(r"\d+-\d+", mention))
    for missing in referred - set(captions):
        problems.append(f"docs/conformance.md: there is no table {missing}")


def check_mentions(root, count):
    """A comment that refers to a decision refers to one that there is."""
    for folder in ("server", "include", "sql", "migrations", "tests", "docs"):
        for path in (root / folder).rglob("*"):
            if path.suffix in (".c", ".cc", ".h", ".py", ".sql", ".md") and path.is_file():
                for number in re.findall(r"\b[Dd]ecision (\d+)", path.read_text()):
                    if not 1 <= int(number) <= count:
                        problems.append(f"{path.relative_to(root)}: there is no decision {number}")


def main(root):
    statement = (root / "docs/conformance.md").read_text()
    anchors = re.findall(r'<a id="([\w-]+)"></a>', statement)
    decisions = split_decisions((root / "docs/decisions.md").read_text())
    files = test_files(root)
    told = set()
    if [number for number, _, _ in decisions] != list(range(1, len(decisions) + 1)):
        problems.append("docs/decisions.md: decisions are not numbered one after the other")
    for number, title, body in decisions:
        told |= check_decision(f"decision {number} ({title})", body, files, set(anchors))
    for anchor in {a for a in anchors if anchors.count(a) > 1}:
        problems.append(f"docs/conformance.md: {anchor} comes twice")
    for anchor in set(anchors) - told:
        problems.append(f"docs/conformance.md: no decision leads to {anchor}")
    check_tables(statement)
    check_mentions(root, len(decisions))
    print("\n".join(sorted(problems)) or f"{len(decisions)} decisions")
    return 1 if problems or not decisions else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
