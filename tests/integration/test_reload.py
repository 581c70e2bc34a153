# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: what a running server takes from its file, from when on and for whom; and that a wrong file changes nothing."""
import functools
import json
import re
import signal
import socket
import time

import psycopg2
import pytest

from conftest import Server, run_dppr
from dicomwire import (CT_PROTOCOL, EXPLICIT, FIND, GET, IMPLICIT, MOVE, VERIFICATION, Aborted, Closed, Rejected, Wire,
                       encode, wait_for)
from metrics import metrics
from protocols import keys
from wirescp import WireScp

BASE = {"dicom-address": "127.0.0.1", "dicom-port": "0", "http-address": "127.0.0.1", "http-port": "0",
        "unknown-ae": "loopback", "workers": "2"}


class ReloadServer(Server):
    """Has its settings from a file, which reload() writes anew."""

    def __init__(self, folder, uri, **settings):
        more = {k.replace("_", "-"): v for k, v in settings.items()}
        self.file, self.base = folder / "dppr.conf", {**BASE, "database": uri, **more}
        self.write({})
        super().__init__(uri, config=self.file)

    def write(self, settings):
        self.file.write_text("".join(f"{k} = {v}\n" for k, v in {**self.base, **settings}.items()))

    def hang_up(self):
        """(changed, needs_restart) or the reason of the refusal."""
        before = len(self.log_lines)
        self.process.send_signal(signal.SIGHUP)
        wait_for(lambda: any("event=config.re" in line for line in self.log_lines[before:]))
        line, = [line for line in self.log_lines[before:] if "event=config.re" in line]
        if "config.rejected" in line:
            return re.search(r'why="(.*)"', line)[1]
        found = re.search(r'changed="?([^" ]*)"? needs_restart="?([^" ]*)"?', line)
        return [set(filter(None, part.split(","))) for part in found.groups()]

    def reload(self, **settings):
        settings = {k.replace("_", "-"): v for k, v in settings.items()}
        self.write(settings)
        return self.hang_up()


@pytest.fixture
def server(sample_database, tmp_path):
    server = ReloadServer(tmp_path, sample_database.uri)
    yield server
    assert server.stop() == 0
    assert "Sanitizer" not in server.log


def another(key, kind, default):
    """A value that the setting may have and has not."""
    words = {"unknown-ae": "any", "log-level": "debug", "log-format": "logfmt", "tls-client-certificate": "ask"}
    special = {"time-zone": "Europe/Berlin", "dicom-address": "localhost", "http-address": "localhost", "dicom-tls-port": "2762",
               "max-contexts": "100", "max-suboperations": "65000", "workers": "3", "unknown-ae-row": "GUEST"}
    return special.get(key) or {
        "yes or no": "no" if default == "yes" else "yes", "NUMBER": f"{int(default or 0) + 1}" if kind == "NUMBER" else "",
        "TIME": "7s", "SIZE": "70KiB", "TITLE": "OTHER", "TITLES": "A,B", "NETWORKS": "192.0.2.0/24", "PORT": "17",
        "URI": "postgresql://nobody@127.0.0.1:1/nothing", "WORD": words.get(key), "TEXT": "other"}[kind]


@functools.cache
def table():
    rows = re.findall(r"^\| `([a-z-]+)` \| `\w+` \| ([^|]+) \| `?([^|`]*)`? \| (read|restart) \|",
                      run_dppr("config", "--markdown", check=True).stdout, re.M)
    return {key: (kind, default.strip(), when) for key, kind, default, when in rows}


# They name files, which must fit together: see below and tests/integration/test_tls.py.
FILES = {"tls-certificate", "tls-key", "tls-trust"}


def test_each_setting_is_as_the_table_says(server):
    settings = {key: another(key, kind, BASE.get(key, default)) for key, (kind, default, _) in table().items()
                if key not in FILES}
    assert len(settings) > 60 and all(settings.values())
    server.write(settings)
    changed, needs_restart = server.hang_up()
    assert changed == {key for key in settings if table()[key][2] == "read"} - {"log-format"}
    assert needs_restart == {key for key in settings if table()[key][2] == "restart"}
    server.write({"log-format": "json"})
    server.process.send_signal(signal.SIGHUP)
    assert "log-format" in json.loads(server.wait_log('^{.*"event":"config.reloaded"'))["changed"]
    text = run_dppr("serve", "--help", check=True).stdout
    assert set(re.findall(r"--([a-z-]+) .*\n.*\[restart\]\n", text)) == needs_restart
    assert server.http("/readyz")[0] == 200  # the database in the file is none


def test_second_reading_finds_nothing_new(server):
    assert server.reload(max_matches=3, dicom_port=104) == [{"max-matches"}, {"dicom-port"}]
    assert server.hang_up() == [set(), {"dicom-port"}]
    assert server.reload() == [{"max-matches"}, set()]


@pytest.mark.parametrize("text, why", [
    ("max-matches = many\n", "dppr.conf:1: max-matches: 'many' is not a number"),
    ("max-matches = 1\nunknown = 1\n", "dppr.conf:2: unknown setting 'unknown'"),
    ("max-matches = 1\ntls-trust = /nonexistent\n", "the certificates cannot be used"),
    (None, "dppr.conf: No such file or directory"),
])
def test_wrong_file_changes_nothing(server, text, why):
    if text is None:
        server.file.unlink()
    else:
        server.file.write_text(text)
    before = metrics(server)
    with Wire(server.port).associate([(1, FIND, [IMPLICIT])]) as wire:
        assert why in server.hang_up()
        matches, final = wire.find(1, keys(ProtocolName=""))
        assert final.status == 0 and len(matches) > 1, final.command
    after = metrics(server)
    assert after["dppr_config_rejected_total"] == before["dppr_config_rejected_total"] + 1
    assert after["dppr_config_reloads_total"] == before["dppr_config_reloads_total"]


# ---- what comes into force, and for whom ------------------------------------------------------------------------------

def test_open_association_takes_limits_with_its_next_operation(server):
    with Wire(server.port).associate([(1, FIND, [IMPLICIT])]) as wire:
        everything = len(wire.find(1, keys(ProtocolName=""))[0])
        assert server.reload(max_matches=5)[0] == {"max-matches"}
        matches, final = wire.find(1, keys(ProtocolName=""))
        assert (len(matches), final.status) == (5, 0xA700)
        server.reload()
        assert len(wire.find(1, keys(ProtocolName=""))[0]) == everything


def test_running_operation_keeps_its_settings(server, sample_database):
    uids = [uid for uid, in sample_database.query("select sop_instance_uid from dpp.objects where sop_class_uid = %s",
                                                  (CT_PROTOCOL,))]
    wire = Wire(server.port).associate([(1, GET, [EXPLICIT]), (3, CT_PROTOCOL, [EXPLICIT])], roles=[(CT_PROTOCOL, 0, 1)])
    seen = []

    def on_store(_):
        if not seen:
            seen.append(server.reload(max_retrieve_uids=1, fetch_batch="64KiB", audit="no"))
        return 0
    received, _, final = wire.get(1, uids, on_store=on_store)
    assert final.status == 0 and len(received) == len(uids)
    assert wire.get(1, uids)[2].status == 0xA701  # the next one
    wire.release()
    count = "select count(*) from dpp.audit_events where operation = 'get' and sop_instance_uid is null and status = %s"
    wait_for(lambda: sample_database.query(count, (0,)) == [(1,)])
    assert sample_database.query(count, (0xA701,)) == [(0,)]
    server.reload()


def test_time_limit_holds_for_what_runs(server, sample_database):
    (uid,), = sample_database.query("select sop_instance_uid from dpp.objects where sop_class_uid = %s limit 1", (CT_PROTOCOL,))
    wire = Wire(server.port).associate([(1, GET, [EXPLICIT]), (3, CT_PROTOCOL, [EXPLICIT])], roles=[(CT_PROTOCOL, 0, 1)])

    def on_store(_):
        server.reload(operation_time_limit="100ms")  # and no answer
    _, _, final = wire.get(1, [uid], on_store=on_store)
    assert final.status == 0xA702 and "operation-time-limit" in final.command[0x0902]
    wire.release()
    server.reload()


def status_of_find(wire):
    return wire.find(1, keys(SOPInstanceUID=""))[1].status


def test_policy_holds_for_who_was_let_in_by_it(server):
    wire = Wire(server.port).associate([(1, FIND, [IMPLICIT]), (3, VERIFICATION, [IMPLICIT])])
    assert status_of_find(wire) == 0
    server.reload(unknown_ae="refuse")
    assert status_of_find(wire) != 0 and wire.echo(3) == 0
    with pytest.raises(Rejected):
        Wire(server.port).associate([(1, FIND, [IMPLICIT])])
    server.reload(unknown_ae="any")
    assert status_of_find(wire) == 0
    server.reload(unknown_ae_row="NOBODY")  # that title has no row
    assert status_of_find(wire) != 0
    server.reload()
    assert status_of_find(wire) == 0
    wire.release()


def test_titles_are_those_of_the_file(server, sample_database):
    scp = WireScp()
    sample_database.query("insert into dpp.application_entities (ae_title, host, port) values ('RELOADDEST', '127.0.0.1', %s)",
                          (scp.port,))
    (uid,), = sample_database.query("select sop_instance_uid from dpp.objects where sop_class_uid = %s limit 1", (CT_PROTOCOL,))
    try:
        with pytest.raises(Rejected):
            Wire(server.port).associate([(1, MOVE, [IMPLICIT])], called="SECOND")
        server.reload(ae_title="FIRST", called_titles="SECOND")
        wire = Wire(server.port).associate([(1, MOVE, [IMPLICIT])], called="SECOND")
        assert wire.move(1, [uid], "RELOADDEST")[1].status == 0
        assert scp.callers == ["FIRST"]
        wire.release()
    finally:
        scp.close()
        sample_database.query("delete from dpp.application_entities where ae_title = 'RELOADDEST'")


def test_connections_and_pools_follow(server):
    before = metrics(server)
    server.reload(max_connections=1, database_connections=2, database_max_waiting=10, retrieve_connections=3,
                  max_waiting_jobs=11, audit_max_waiting=12)
    wait_for(lambda: metrics(server)["dppr_audit_waiting_max"] == 4 * 12)
    now = metrics(server)
    assert now["dppr_database_connections_max"] - before["dppr_database_connections_max"] == 2 * (2 - 5) + 2 * (3 - 2)
    assert now["dppr_database_waiting_max"] - before["dppr_database_waiting_max"] == 4 * (10 - 256)
    assert {pool: now[f'dppr_jobs_waiting_max{{pool="{pool}"}}'] for pool in ("jobs", "names", "db-names")} == {
        "jobs": 11, "names": 11, "db-names": 11}
    with Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT])]) as wire:
        with pytest.raises((Closed, ConnectionError)):
            Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT])])
        assert wire.echo() == 0


def test_networks_and_deadlines_are_of_new_connections(server):
    before = Wire(server.port)
    server.reload(probe_addresses="127.0.0.1", proxy_from="127.0.0.0/8", artim_timeout="300ms")
    with socket.create_connection(("127.0.0.1", server.port)):
        pass
    wait_for(lambda: metrics(server)['dppr_wrong_talk_total{talk="probe"}'] == 1)
    with pytest.raises((Closed, Aborted, ConnectionError)):  # it does not begin with a PROXY header
        Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT])])
    before.associate([(1, VERIFICATION, [IMPLICIT])])
    assert before.echo() == 0
    before.release()


def test_repetition_is_that_of_the_file(server):
    server.reload(log_repeat="0")
    for _ in range(3):
        socket.create_connection(("127.0.0.1", server.port)).close()
    wait_for(lambda: server.log.count(" talk=silent ") == 3)


def test_end_is_that_of_the_file(server):
    server.reload(drain_delay="1ms", shutdown_grace="17s")
    assert server.stop() == 0
    assert "event=serve.draining signal=TERM delay_ms=1 grace_ms=17000" in server.log


def test_no_reload_when_there_are_no_threads_any_more(server, sample_database):
    """The database keeps the server's farewell waiting, so that the signal comes behind the end of its workers."""
    server.wait_log("event=serve.ready")
    connection = psycopg2.connect(sample_database.uri)
    connection.cursor().execute("lock table dpp.servers in access exclusive mode")
    server.process.send_signal(signal.SIGTERM)
    server.wait_log("event=serve.drained")
    time.sleep(0.3)
    server.process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    connection.close()
    assert server.stop() == 0, server.log[-4000:]
    assert "event=serve.stopped" in server.log
