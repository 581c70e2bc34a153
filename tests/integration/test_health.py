# SPDX-License-Identifier: Apache-2.0
"""/readyz when much waits: who should get the next association?"""
from conftest import Database
from dicomwire import EXPLICIT, FIND, Wire, encode, wait_for
from metrics import metrics
from protocols import keys
from strikes import waiting_statements
from test_reload import ReloadServer
from watch import locked

WAITING = 8


def test_a_full_queue_sends_others_elsewhere_unless_the_database_is_slow(tmp_path):
    """Decision 39. Statements wait for a lock: at first those of operations only, while the probe's question is answered
    as ever, so this server has a problem of its own; then those of the probe too, so every server has it."""
    database = Database()
    server = ReloadServer(tmp_path, database.uri, workers=1, database_connections=2, database_wait="10min", max_operations=32, audit="no")
    try:
        wait_for(lambda: server.http("/readyz") == (200, "ready\n"))
        server.reload(database_max_waiting=WAITING)  # the bound is the one in force
        wire = Wire(server.port).associate([(1, FIND, [EXPLICIT])])
        with locked(database, "dpp.objects"):
            octets = encode(keys(ProtocolName="x"), EXPLICIT)
            numbers = set()
            for number in range(2 + WAITING):
                if number == 2:
                    wait_for(lambda: waiting_statements(database) == 2)
                command = wire.request(0x0020, FIND, octets)
                wire.send_message(1, command, octets)
                numbers.add(command[0x0110])
            wait_for(lambda: metrics(server)["dppr_database_waiting"] == WAITING)
            assert metrics(server)["dppr_database_connections_in_use"] >= 2
            assert server.http("/readyz")[0] == 200, "it may be a peak"
            wait_for(lambda: server.http("/readyz") == (503, "queue: more operations wait than can be served soon\n"))
            assert metrics(server)['dppr_unready{reason="queue"}'] == 1
            server.wait_log(f"level=warn event=ready.queue_full waiting={WAITING} of={WAITING} ")
            with locked(database, "dpp.schema_migrations"):
                server.wait_log("level=warn event=database.slow ")
                wait_for(lambda: server.http("/readyz") == (200, "ready\n"))
                assert metrics(server)["dppr_database_waiting"] >= WAITING
                assert metrics(server)["dppr_database_up"] == 1
            server.wait_log("level=info event=database.quick ")
        while numbers:
            message = wire.read_message()
            assert message.status == 0
            numbers.remove(message.command[0x0120])
        wire.release()
        assert server.http("/readyz") == (200, "ready\n")
        assert "database.away" not in server.log
    finally:
        assert server.stop() == 0
        database.drop()
