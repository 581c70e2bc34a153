#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when a file includes a layer it must not, or a library outside the layer that owns it.

The ranks are those of CONTRIBUTING.md: a file includes its own layer or lower ones, and neighbours on one
rank never include each other.
"""
import pathlib
import re
import sys

RANK = {"core": 0, "net": 1, "pg": 1, "dcm": 1, "catalog": 2, "service": 3, "web": 3, "app": 4}
# A library's headers and the layers that may see them.
LIBRARIES = [
    (r"event2/http|evhttp", {"core", "web"}),
    (r"event2/|event\.h|evutil", {"core", "web"}),
    (r"openssl/ssl", {"core"}),
    (r"libpq-fe|libpq/|postgres", {"pg"}),
    (r"dcmtk/", {"dcm"}),
    (r"jansson", {"dcm", "app"}),
]
# DCMTK parses octets in one file only, which lets our scanner see them first; elsewhere it is a dictionary.
DCMTK_PARSER = r"dcmtk/dcmdata/(dctk|dcdatset|dcfilefo|dcitem|dcsequen|dcistrm)"
DCMTK_PARSER_FILE = "server/dcm/convert.cc"
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def layer_of(path, root):
    parts = path.relative_to(root).parts
    return parts[1] if len(parts) > 2 else None


def check(path, root):
    layer = layer_of(path, root)
    if layer not in RANK:
        yield f"{path.relative_to(root)}: lies in no layer"
        return
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quote, name = match.groups()
        where = f"{path.relative_to(root)}:{number}"
        first = name.split("/")[0]
        if quote == '"' and first in RANK and first != layer and RANK[first] >= RANK[layer]:
            yield f"{where}: {layer} must not include {name}"
        if quote == '"' and name.endswith("_internal.h") and not name.startswith(layer):
            yield f"{where}: {name} is private to its layer"
        for pattern, owners in LIBRARIES:
            if quote == "<" or pattern == r"dcmtk/":
                if re.match(pattern, name):
                    if layer not in owners:
                        yield f"{where}: {name} belongs to {', '.join(sorted(owners))} only"
                    break
        if re.match(DCMTK_PARSER, name) and str(path.relative_to(root)) != DCMTK_PARSER_FILE:
            yield f"{where}: DCMTK's parser belongs in {DCMTK_PARSER_FILE} only"
        if path.suffix == ".h" and "dcmtk" in name:
            yield f"{where}: DCMTK must not appear in a header"


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    files = [p for top in ("include", "server") for ext in ("*.h", "*.c", "*.cc")
             for p in (root / top).rglob(ext)]
    if len(files) < 50:
        sys.exit(f"only {len(files)} files found under {root}: looking in the wrong place?")
    problems = [p for f in sorted(files) for p in check(f, root)]
    cc = [f for f in files if f.suffix == ".cc" and layer_of(f, root) != "dcm"]
    problems += [f"{f.relative_to(root)}: C++ belongs in server/dcm only" for f in cc]
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
