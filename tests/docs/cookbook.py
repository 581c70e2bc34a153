#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a cookbook (docs/sql.md) top to bottom on a fresh ./quickstart and compares what comes out with what it prints.

  tests/docs/cookbook.py [--update] [FILE]      --update writes the real output into the file

A fenced block of `sql` is given to psql, one of `sh` to bash (in a folder that is removed afterwards, with `samples` of the
clone in it; dppr in the PATH and told the port of the quickstart, DPPR_DATABASE set). Both go on from block to block, as the
reader's do. What comes, errors too, has to be exactly the block without a language that follows; with none, nothing
may come.
What is different each time is named by comments before the output, whose regular expressions count as equal wherever they
match in both:

  <!-- varies: [0-9]+ ms -->

What comes with a delay has `<!-- delayed -->` there: the block is given again until its output is right, for half a minute.
An output is better made stable: UIDs given, columns chosen, rows ordered.
"""
import argparse
import difflib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\S*)$")
DELAYED = "<!-- delayed -->"
VARIES = re.compile(r"^<!-- varies: (.*) -->$")
BLOCK_TIMEOUT_S = 120
DELAY_S = 30
SPEAKS_DICOM = ("echo", "find", "get", "move", "store")


class Quickstart:
    def __init__(self, folder):
        self.data = folder / "var"
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("DPPR_", "PG"))}
        self.process = subprocess.Popen(
            [ROOT / "quickstart", "--dicom-port", "0", "--http-port", "0", "--data", self.data], env=environment,
            stdout=subprocess.PIPE, stderr=open(folder / "quickstart.log", "w"), text=True, start_new_session=True)
        line = self.process.stdout.readline()
        match = re.match(r"ready dicom=[\d.]+:(\d+) .* database=(\S+)", line)
        if not match:
            sys.exit("quickstart did not start:\n" + (folder / "quickstart.log").read_text()[-4000:])
        self.port, self.database = match.groups()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


class Process:
    """A program that is given blocks and echoes a mark after each."""

    def __init__(self, command, mark, **options):
        self.mark = mark
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, start_new_session=True, **options)

    def run(self, text):
        end = uuid.uuid4().hex
        watch = threading.Timer(BLOCK_TIMEOUT_S, self.stop)
        watch.start()
        self.process.stdin.write(text + self.mark.format(end))
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if end in line:
                watch.cancel()
                if line.startswith(end):
                    break
                lines.append(line[:line.index(end)])
                break
            lines.append(line.rstrip("\n"))
        else:
            lines.append("(ended, or took too long)")
        while lines and not lines[-1].strip():
            lines.pop()
        return lines

    def stop(self):
        self.process.kill()
        self.process.wait(10)


class Session:
    """What the reader has: psql, and a shell in an empty folder."""

    def __init__(self, quickstart, folder):
        work = folder / "work"
        work.mkdir()
        (work / "samples").symlink_to(ROOT / "samples")
        tools = folder / "bin"
        tools.mkdir()
        program = tools / "dppr"
        program.write_text(f"""#!/bin/sh
case $1 in {'|'.join(SPEAKS_DICOM)}) command=$1; shift; exec '{ROOT}/build/release/dppr' "$command" --port {quickstart.port} "$@" ;; esac
exec '{ROOT}/build/release/dppr' "$@"
""")
        program.chmod(0o755)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("DPPR_", "PG"))}
        environment.update(DPPR_DATABASE=quickstart.database, PATH=f"{tools}:{os.environ['PATH']}", LC_ALL="C.UTF-8",
                           TZ="UTC", DPPR_LOG_LEVEL="error")
        # By lines, so that errors come where they belong.
        self.programs = {
            "sql": Process(["stdbuf", "-oL", "psql", "-X", quickstart.database], "\n\\echo {}\n", cwd=work,
                           env=environment),
            "sh": Process(["bash"], "\necho {}\n", cwd=work, env=environment)}

    def run(self, language, text):
        return self.programs[language].run(text)

    def stop(self):
        for program in self.programs.values():
            program.stop()


class Block:
    """Of the lines of the file: input from start to end, output (with its fences) from there to after."""

    def __init__(self, lines, start):
        self.language = FENCE.match(lines[start])[1]
        self.start = start + 1
        self.end = self.start
        while lines[self.end] != "```":
            self.end += 1
        self.varies, self.expected, self.is_delayed = [], [], False
        self.output_start = self.after = self.end + 1
        at = self.after
        while at < len(lines) and (not lines[at] or lines[at] == DELAYED or VARIES.match(lines[at])):
            if lines[at] == DELAYED:
                self.is_delayed = True
            elif lines[at]:
                self.varies.append(re.compile(VARIES.match(lines[at])[1]))
            at += 1
            if lines[at - 1]:
                self.output_start = self.after = at # where an output would be
        if at < len(lines) and lines[at] == "```":
            self.output_start = at
            self.after = at + 1
            while lines[self.after] != "```":
                self.after += 1
            self.expected = lines[at + 1:self.after]
            self.after += 1

    def plain(self, lines):
        text = "\n".join(lines)
        for pattern in self.varies:
            text = pattern.sub("…", text)
        return text.split("\n")

    def is_same(self, actual):
        return self.plain(actual) == self.plain(self.expected)

    def run(self, session, text, update):
        if self.is_delayed and update:
            time.sleep(2)
        end = time.monotonic() + (DELAY_S if self.is_delayed and not update else 0)
        while True:
            actual = session.run(self.language, text)
            if self.is_same(actual) or time.monotonic() >= end:
                return actual
            time.sleep(0.2)


def blocks_of(lines):
    at = 0
    while at < len(lines):
        fence = FENCE.match(lines[at])
        if not fence:
            at += 1
            continue
        if fence[1] in ("sql", "sh"):
            block = Block(lines, at)
            yield block
            at = block.after
        else:
            at += 1
            while lines[at] != "```":
                at += 1
            at += 1


def run(path, update):
    lines = path.read_text().split("\n")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dppr-docs."))
    folder.chmod(0o755)
    quickstart = session = None
    result, copied, failures, count = [], 0, 0, 0
    try:
        quickstart = Quickstart(folder)
        session = Session(quickstart, folder)
        for block in blocks_of(lines):
            count += 1
            actual = block.run(session, "\n".join(lines[block.start:block.end]) + "\n", update)
            same = block.is_same(actual)
            if update:
                result += lines[copied:block.output_start]
                copied = block.after
                shown = block.expected if same else actual
                if shown:
                    result += ([] if result[-1].startswith("<!--") or not result[-1] else [""]) + ["```", *shown, "```"]
            elif not same:
                failures += 1
                print(f"{path.name}:{block.start}: this block")
                print("\n".join(lines[block.start:block.end]))
                print("\n".join(difflib.unified_diff(block.expected, actual, "printed", "real", lineterm="")))
                print()
        secret = re.search(r"//[^:/]+:([^@]+)@", quickstart.database)[1]
    finally:
        if session:
            session.stop()
        if quickstart:
            quickstart.stop()
        shutil.rmtree(folder, ignore_errors=True)
    if update:
        text = "\n".join(result + lines[copied:])
        if secret in text:
            sys.exit("the password would be in the file; choose other output")
        path.write_text(text)
    if count == 0:
        sys.exit(f"{path} has no blocks to run")
    print(f"{count} blocks, {failures} differ" + (", written" if update else ""))
    return 1 if failures else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="write the real output into the file")
    parser.add_argument("file", nargs="?", default=ROOT / "docs" / "sql.md", type=pathlib.Path)
    arguments = parser.parse_args()
    sys.exit(run(arguments.file, arguments.update))
