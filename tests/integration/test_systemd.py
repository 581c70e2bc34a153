# SPDX-License-Identifier: Apache-2.0
"""The units that `cmake --install` installs, and what the server tells systemd."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import pytest

from conftest import DPPR, ROOT, Server
from dicomwire import IMPLICIT, VERIFICATION, Wire, wait_for

BUILD = pathlib.Path(os.environ.get("DPPR_BUILD", ROOT / "build/release"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A tree as the install makes it, whose units name the program where it is in it."""
    root = tmp_path_factory.mktemp("root")
    subprocess.run(["cmake", "--install", BUILD, "--prefix", root / "usr/local"], check=True, stdout=subprocess.DEVNULL)
    units = root / "usr/local/lib/systemd/system"
    for unit in units.iterdir():
        unit.write_text(unit.read_text().replace("=/usr/local/bin/dppr ", f"={root}/usr/local/bin/dppr ")
                        .replace("file:/usr/local/", f"file:{root}/usr/local/"))
    return root, units


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", *map(str, arguments)], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_units_are_well_formed(installed):
    root, units = installed
    names = {"dppr.service", "dppr-migrate.service"}
    assert {unit.name for unit in units.iterdir()} == names
    for name in names:
        # `verify` looks for what a unit names: programs and manuals. It must be silent about ours.
        done = analyze("verify", units / name)
        assert done.returncode == 0 and not [line for line in done.stdout.splitlines() if "dppr" in line], done.stdout
    for line in re.findall(r"^Documentation=file:(\S+)", (units / "dppr.service").read_text(), re.M):
        assert pathlib.Path(line).is_file()


@pytest.mark.parametrize("name, most", [("dppr.service", 20), ("dppr-migrate.service", 15)])
def test_sandbox_is_tight(installed, name, most):
    """Exposure of 10 is 1.0 of 10; a service without any sandboxing has 9.6."""
    done = analyze("security", "--offline=true", f"--threshold={most}", "--no-pager", installed[1] / name)
    assert done.returncode == 0, done.stdout[-400:]


def test_time_to_stop_is_enough(installed):
    """TimeoutStopSec is drain-delay + shutdown-grace + 30 s by default; with longer settings the server asks for more."""
    unit = (installed[1] / "dppr.service").read_text()
    seconds = int(re.search(r"TimeoutStopSec=(\d+)s", unit)[1])
    values = dict(re.findall(r"^([a-z-]+) = (\S+)$", subprocess.run([DPPR, "config"], stdout=subprocess.PIPE, text=True,
                                                                   env={"PATH": os.environ["PATH"]}).stdout, re.M))
    assert (values["drain-delay"], values["shutdown-grace"]) == ("0", "30s") and seconds >= 0 + 30 + 30


class Manager:
    """systemd's end of NOTIFY_SOCKET."""

    def __init__(self, name):
        self.name, self.messages = name, []
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind("\0" + name[1:] if name.startswith("@") else name)

    def read(self):
        self.sock.setblocking(False)
        try:
            while True:
                self.messages.append(dict(line.split("=", 1) for line in self.sock.recv(4096).decode().splitlines()))
        except BlockingIOError:
            return self.messages

    def wait(self, **expected):
        wait_for(lambda: any(expected.items() <= m.items() for m in self.read()))
        return next(m for m in self.messages if expected.items() <= m.items())


@pytest.mark.parametrize("is_abstract", [False, True])
def test_what_the_server_tells(sample_database, tmp_path, is_abstract):
    manager = Manager(f"@dppr-test-{os.getpid()}" if is_abstract else str(tmp_path / "notify"))
    server = Server(sample_database.uri, shutdown_grace="7s", drain_delay="2s",
                    more_environment={"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "200000"})
    manager.wait(READY="1")
    manager.wait(STATUS="serving")
    wait_for(lambda: sum("WATCHDOG" in m for m in manager.read()) >= 3)
    manager.messages.clear()
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    server.process.send_signal(signal.SIGHUP)
    reloading = manager.wait(RELOADING="1")
    assert before <= int(reloading["MONOTONIC_USEC"]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    manager.wait(READY="1", STATUS="serving")
    assert manager.messages.index(reloading) < manager.messages.index(manager.wait(READY="1"))
    server.process.send_signal(signal.SIGTERM)
    assert manager.wait(STOPPING="1")["EXTEND_TIMEOUT_USEC"] == str((2 + 7 + 30) * 1000000)
    assert server.stop() == 0


def test_watchdog_of_another_process_is_not_ours(sample_database, tmp_path):
    manager = Manager(str(tmp_path / "notify"))
    server = Server(sample_database.uri, more_environment={"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "200000",
                                                           "WATCHDOG_PID": str(os.getpid())})
    manager.wait(STATUS="serving")  # behind the first one, if there were any
    assert not any("WATCHDOG" in m for m in manager.read())
    assert server.stop() == 0


def test_ready_does_not_wait_for_the_database(tmp_path):
    manager = Manager(str(tmp_path / "notify"))
    server = Server("postgresql://nobody@127.0.0.1:1/none", more_environment={"NOTIFY_SOCKET": manager.name})
    manager.wait(READY="1", STATUS="waiting for the database")
    assert not any("WATCHDOG" in m for m in manager.read())
    assert server.stop() == 0


@pytest.mark.parametrize("name", ["", "/nonexistent/socket", "relative", "/" + "x" * 200])
def test_socket_that_is_none_is_no_fault(sample_database, name):
    server = Server(sample_database.uri, more_environment={"NOTIFY_SOCKET": name})
    with Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT])]) as wire:
        assert wire.echo() == 0
    assert server.stop() == 0
