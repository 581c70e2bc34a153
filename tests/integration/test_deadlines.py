# SPDX-License-Identifier: Apache-2.0
"""Every deadline of docs/operations.md, one after the other: it is short, somebody keeps the server waiting, and then: what the
peer gets, the line in the log, its own counter and no other, and a server that serves as before. Nothing here fails because a
machine is slow: only that a wait ends is looked at, and that others, which are long, do not. Where something must go well before,
the deadline becomes short afterwards, by SIGHUP."""
import contextlib
import signal
import socket
import struct
import threading

import pytest

import dicomwire
from conftest import Server
from dicomwire import (C_STORE, CT_PROTOCOL, EXPLICIT, FIND, GET, IMPLICIT, MOVE, VERIFICATION, PATIENCE_S, Aborted,
                       Closed, Wire, associate_rq, encode, pdu, pdv, unless_too_slow, wait_for)
from protocols import keys, protocol
from strikes import final_of, send_get, still_serves, strikes, untested, waiting_statements
from test_limits import refused
from test_reload import ReloadServer
from watch import locked
from wirescp import WireScp

CONTEXTS = [(1, VERIFICATION, [IMPLICIT]), (3, FIND, [EXPLICIT]), (5, CT_PROTOCOL, [EXPLICIT]), (7, GET, [EXPLICIT]),
            (9, MOVE, [EXPLICIT])]
# A destination that hangs does not close after our A-ABORT either.
UNCLOSED = [("deadline", "artim-timeout")]
ROLES = [(CT_PROTOCOL, 1, 1)]


@pytest.fixture(scope="module")
def stored(database):
    server = Server(database.uri)
    wire = opened(server)
    uids = []
    for _ in range(4):
        ds = protocol()
        assert wire.store(5, encode(ds, EXPLICIT), CT_PROTOCOL, ds.SOPInstanceUID).status == 0
        uids.append(ds.SOPInstanceUID)
    wire.release()
    assert server.stop() == 0
    return uids


@pytest.fixture
def serve(database, stored, tmp_path):
    servers = []

    def start(**settings):
        folder = tmp_path / f"server{len(servers)}"
        folder.mkdir()
        servers.append(ReloadServer(folder, settings.pop("uri", database.uri), log_repeat=0, **settings))
        return servers[-1]
    yield start
    for server in servers:
        assert server.stop() == 0, server.log[-6000:]
        assert "Sanitizer" not in server.log, server.log[-8000:]


@pytest.fixture
def destination(database):
    """destination(title, port) makes a row; all are gone afterwards."""
    def add(title, port):
        database.query("insert into dpp.application_entities (ae_title, host, port) values (%s, '127.0.0.1', %s)", (title, port))
    yield add
    database.query("delete from dpp.application_entities")


def opened(server, **options):
    return unless_too_slow(0.1, lambda: Wire(server.port).associate(CONTEXTS, roles=ROLES, **options))


def is_aborted(wire):
    """A-ABORT of the service user: no reason is significant then."""
    with pytest.raises(Aborted) as caught:
        wire.read_message()
    assert caught.value.source == 0
    wire.close()


def next_store(wire):
    """The next C-STORE that the server asks for; responses are passed over."""
    while (message := wire.read_message()).command[0x0100] != C_STORE:
        pass
    return message


def counts(message):
    return tuple(message.command.get(0x1020 + n) for n in range(4))


# ---- associations and messages ---------------------------------------------------------------------------
def test_no_request_for_an_association(serve):
    server = serve(artim_timeout="100ms")
    for octets in (b"", associate_rq(CONTEXTS)[:20]):
        with strikes(server, "deadline", "artim-timeout"):
            with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as sock:
                sock.sendall(octets)
                assert sock.recv(1) == b"", "without a word (PS3.8 AA-2)"
    still_serves(server)


def test_peer_that_does_not_close(serve):
    server = serve(artim_timeout="100ms")
    wire = opened(server)
    with strikes(server, "deadline", "artim-timeout"):
        wire.send(pdu(5, bytes(4)))
        assert wire.read_pdu()[0] == 6
        assert wire.sock.recv(1) == b""
    wire.close()
    still_serves(server)


def test_request_for_an_association_that_the_database_does_not_judge(serve, database):
    server = serve(negotiation_timeout="200ms")
    wire = Wire(server.port)
    with locked(database, "dpp.application_entities"), strikes(server, "deadline", "negotiation-timeout"):
        wire.send(associate_rq(CONTEXTS))
        is_aborted(wire)
    still_serves(server)


def test_destination_that_does_not_answer_the_request(serve, destination, stored):
    server = serve(negotiation_timeout="200ms")
    scp = WireScp(hang="associate")
    destination("SILENT", scp.port)
    wire = opened(server)
    with strikes(server, "deadline", "negotiation-timeout", others=UNCLOSED):
        wire.send_move(9, stored, "SILENT")
        final = final_of(wire)
        refused(final, 0xA702, "negotiation-timeout")
        assert counts(final) == (None, 0, 4, 0)
    wire.release()
    scp.close()
    still_serves(server)


def test_idle(serve, database, stored):
    """No operation in progress: one that waits for the database is in progress."""
    server = serve(idle_timeout="1s")
    with strikes(server, "deadline", "idle-timeout", 2):
        with locked(database, "dpp.objects"):
            busy = opened(server)
            busy.send_find(3, keys(SOPInstanceUID=stored[0]))
            is_aborted(opened(server))  # which came later
        assert final_of(busy).status == 0
        is_aborted(busy)
    still_serves(server)


HALF = pdu(4, pdv(1, True, False, bytes(8)))


def test_message_that_stops(serve):
    server = serve(message_timeout="200ms", message_time_limit="1h")
    for part in (HALF[:3], HALF):
        wire = opened(server)
        with strikes(server, "deadline", "message-timeout"):
            wire.send(part)
            is_aborted(wire)
    still_serves(server)


def test_message_that_never_stops(serve):
    server = serve(message_timeout="1min", message_time_limit="400ms")
    wire = opened(server)
    with strikes(server, "deadline", "message-time-limit"):
        wire.sock.settimeout(0.02)
        octets = struct.pack(">BBI", 4, 0, 100006) + struct.pack(">IBB", 100002, 1, 1)
        for octet in octets + bytes(100000):
            wire.send(bytes([octet]))
            try:
                wire.read_pdu()
            except TimeoutError:
                continue
            except Aborted:
                break
        wire.close()
    still_serves(server)


def test_peer_that_reads_nothing(serve):
    server = serve(write_timeout="300ms")
    wire = Wire(server.port)
    wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    wire.associate([(1, VERIFICATION, [IMPLICIT])])
    echoes = wire.message_octets(1, wire.request(dicomwire.C_ECHO, VERIFICATION)) * 100
    with strikes(server, "deadline", "write-timeout"):
        with pytest.raises(OSError):
            while True:
                wire.send(echoes)
    wire.close()
    still_serves(server)


# ---- operations -------------------------------------------------------------------------------------------
def active_statements(database):
    return database.query("select count(*) from pg_stat_activity where datname = current_database()"
                          " and state <> 'idle' and pid <> pg_backend_pid()")[0][0]


def test_operations_that_take_too_long(serve, database, stored, destination):
    destination("ANYBODY", 1)
    server = serve()
    wire = opened(server)
    server.reload(operation_time_limit="500ms")
    ds = protocol()
    with locked(database, "dpp.objects"):
        for send, status in ((lambda: wire.send_find(3, keys(SOPInstanceUID=stored[0])), 0xA700),
                             (lambda: send_get(wire, 7, stored), 0xA701),
                             (lambda: wire.send_move(9, stored, "ANYBODY"), 0xA701)):
            with strikes(server, "deadline", "operation-time-limit"):
                send()
                refused(final_of(wire), status, "operation-time-limit")
        with strikes(server, "deadline", "operation-time-limit"):
            octets = encode(ds, EXPLICIT)
            refused(wire.store(5, octets, CT_PROTOCOL, ds.SOPInstanceUID), 0xA700, "operation-time-limit")
        wait_for(lambda: waiting_statements(database) == 0)
    server.reload()
    assert wire.find(3, keys(SOPInstanceUID=stored[0]))[1].status == 0
    wire.release()
    still_serves(server)


class Taster(Wire):
    """Can take one octet of what comes, without losing it."""
    ahead = b""

    def taste(self):
        self.ahead += self.sock.recv(1)
        return True

    def _read(self, count):
        head, self.ahead = self.ahead[:count], self.ahead[count:]
        return head + super()._read(count - len(head))


def test_reader_that_takes_an_octet_now_and_then(serve, database, stored):
    """It would keep a database connection for ever. The connection is free as soon as the time is over; the rest of what was
    sent, and the reason, come when it reads on."""
    database.amend("insert into dpp.objects (sop_instance_uid, sop_class_uid, state, query_record, source, published_at)"
                   " select '1.2.3.' || n, sop_class_uid, state, query_record, 'sql', published_at from dpp.objects,"
                   " generate_series(1, 60000) as n where sop_instance_uid = %s", (stored[0],))
    server = serve()
    wire = Taster(server.port)
    wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    wire.associate([(3, FIND, [EXPLICIT])])
    with strikes(server, "deadline", "operation-time-limit"):
        wire.send_find(3, keys(SOPInstanceUID="", ProtocolName="", ContentCreatorName=""))
        wait_for(lambda: active_statements(database) > 0)
        server.reload(operation_time_limit="100ms")
        wait_for(lambda: wire.taste() and active_statements(database) == 0)
    wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    refused(final_of(wire), 0xA700, "operation-time-limit")
    wire.release()
    database.amend("delete from dpp.objects where source = 'sql'")
    server.reload()
    still_serves(server)


def test_get_that_takes_too_long(serve, stored):
    """What was answered counts; what is left fails."""
    server = serve()
    wire = opened(server)
    with strikes(server, "deadline", "operation-time-limit"):
        send_get(wire, 7, stored)
        wire.answer_store(next_store(wire))
        next_store(wire)
        server.reload(operation_time_limit="100ms")
        final = final_of(wire)
    assert final.status == 0xB000 and counts(final) == (None, 1, 3, 0)
    assert final.command[0x0902].startswith("operation-time-limit: ")
    assert wire.echo() == 0
    wire.release()
    still_serves(server)


def test_cancelled_get_that_takes_too_long(serve, stored):
    """It ends as cancelled: what was not sent remains, what is not answered fails."""
    server = serve()
    wire = opened(server)
    with strikes(server, "deadline", "operation-time-limit"):
        number = send_get(wire, 7, stored)
        next_store(wire)
        wire.send_cancel(7, number)
        assert wire.echo() == 0  # so the cancel has been read
        server.reload(operation_time_limit="100ms")
        final = final_of(wire)
    assert final.status == 0xFE00 and counts(final) == (3, 0, 1, 0)
    assert final.command[0x0902].startswith("operation-time-limit: ")
    assert wire.echo() == 0
    wire.release()
    still_serves(server)


def test_move_that_takes_too_long(serve, destination, stored):
    server = serve()
    scps = {"MUTE": WireScp(hang="store"), "DEAF": WireScp(hang="associate")}
    for title, scp in scps.items():
        destination(title, scp.port)
        wire = opened(server)
        with strikes(server, "deadline", "operation-time-limit", others=UNCLOSED):
            wire.send_move(9, stored, title)
            wait_for(lambda: scp.commands or scp.hang == "associate" and scp.callers)
            server.reload(operation_time_limit="100ms")
            final = final_of(wire)
            refused(final, 0xA702, "operation-time-limit")
            assert counts(final) == (None, 0, 4, 0)
        server.reload()
        wire.release()
        scp.close()
    still_serves(server)


# ---- destinations -----------------------------------------------------------------------------------------
@contextlib.contextmanager
def full_backlog():
    """A port whose queue of connections is full: further ones get no answer at all."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers = []
    for _ in range(3):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        fillers.append(filler)
    yield listener.getsockname()[1]
    [s.close() for s in (*fillers, listener)]


def test_destination_that_cannot_be_connected_to(serve, destination, stored):
    server = serve(connect_timeout="200ms")
    with full_backlog() as port:
        destination("BLACKHOLE", port)
        wire = opened(server)
        with strikes(server, "deadline", "connect-timeout"):
            wire.send_move(9, stored, "BLACKHOLE")
            refused(final_of(wire), 0xA702, "connect-timeout")
        wire.release()
    still_serves(server)


def test_suboperation_that_is_not_answered(serve, destination, stored):
    server = serve(suboperation_timeout="300ms")
    scp = WireScp(hang="store")
    destination("MUTE", scp.port)
    wire = opened(server)
    for send in (lambda: wire.send_move(9, stored, "MUTE"), lambda: send_get(wire, 7, stored)):
        with strikes(server, "deadline", "suboperation-timeout", others=UNCLOSED):
            send()
            final = final_of(wire)
            refused(final, 0xA702, "suboperation-timeout")
            assert counts(final) == (None, 0, 4, 0)
    wire.release()
    scp.close()
    still_serves(server)


def test_cancel_that_a_destination_does_not_let_end(serve, destination, stored):
    server = serve()
    scp = WireScp(hang="store")
    destination("MUTE", scp.port)
    wire = opened(server)
    with strikes(server, "deadline", "cancel-grace", others=UNCLOSED):
        number = wire.send_move(9, stored, "MUTE")
        wait_for(lambda: scp.commands)
        wire.send_cancel(9, number)
        final = final_of(wire)
    assert final.status == 0xFE00 and counts(final) == (3, 0, 1, 0)
    assert final.command[0x0902].startswith("cancel-grace: ")
    wire.release()
    scp.close()
    still_serves(server)


def test_move_that_waits_for_its_turn(serve, destination, stored):
    server = serve()
    scp = WireScp(hang="store")
    destination("BUSY", scp.port)
    first, second = opened(server), opened(server)
    first.send_move(9, stored, "BUSY")
    wait_for(lambda: scp.commands)
    server.reload(destination_wait="300ms")
    with strikes(server, "deadline", "destination-wait"):
        second.send_move(9, stored, "BUSY")
        refused(final_of(second), 0xA702, "destination-wait")
    scp.go_on()
    assert final_of(first).status == 0
    [w.release() for w in (first, second)]
    scp.close()
    still_serves(server)


# ---- the database -----------------------------------------------------------------------------------------
def test_operation_that_waits_for_a_connection(serve, database, stored):
    server = serve(workers=1, database_connections=1)
    wire = opened(server)
    with locked(database, "dpp.objects"):
        wire.send_find(3, keys(SOPInstanceUID=stored[0]))
        wait_for(lambda: waiting_statements(database) == 1)
        server.reload(database_wait="300ms")
        with strikes(server, "deadline", "database-wait"):
            send_get(wire, 7, stored)
            refused(wire.read_message(), 0xA701, "database-wait")
    assert final_of(wire).status == 0
    wire.release()
    still_serves(server)


def test_statement_without_progress(serve, database, stored):
    server = serve()
    wire = opened(server)
    server.reload(database_statement_timeout="300ms")
    with locked(database, "dpp.objects"):
        for send, status in ((lambda: wire.send_find(3, keys(SOPInstanceUID=stored[0])), 0xA700),
                             (lambda: send_get(wire, 7, stored), 0xA701)):
            with strikes(server, "deadline", "database-statement-timeout"):
                send()
                refused(final_of(wire), status, "database-statement-timeout")
    server.reload()
    assert wire.find(3, keys(SOPInstanceUID=stored[0]))[1].status == 0
    wire.release()
    still_serves(server)


class Relay:
    """A relay to PostgreSQL that can stop answering: what is connected is cut, and what comes is taken and left alone."""

    def __init__(self, uri):
        import psycopg2.extensions
        known = psycopg2.extensions.parse_dsn(uri)
        self.target = (known.get("host", "127.0.0.1"), int(known.get("port", 5432)))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.uri = uri.replace(f":{self.target[1]}", f":{self.listener.getsockname()[1]}", 1)
        self.is_silent, self.socks = False, []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.socks.append(sock)
            if not self.is_silent:
                far = socket.create_connection(self.target)
                self.socks.append(far)
                for pair in ((sock, far), (far, sock)):
                    threading.Thread(target=self.pump, args=pair, daemon=True).start()

    @staticmethod
    def pump(a, b):
        with contextlib.suppress(OSError):
            while octets := a.recv(65536):
                b.sendall(octets)
        with contextlib.suppress(OSError):
            b.shutdown(socket.SHUT_RDWR)

    def cut(self):
        for sock in list(self.socks):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.close()
        self.cut()


def test_database_that_does_not_answer(serve, database, stored):
    relay = Relay(database.uri)
    server = serve(uri=relay.uri, workers=1, database_connections=1)
    wire = opened(server)
    assert wire.find(3, keys(SOPInstanceUID=stored[0]))[1].status == 0
    server.reload(database_connect_timeout="300ms")
    with strikes(server, "deadline", "database-connect-timeout", lambda n: n >= 1):
        relay.is_silent = True
        relay.cut()
        refused(wire.find(3, keys(SOPInstanceUID=stored[0]))[1], 0xA700, "database-connect-timeout")
    relay.is_silent = False
    server.reload()
    wait_for(lambda: wire.find(3, keys(SOPInstanceUID=stored[0]))[1].status == 0)
    wire.release()
    still_serves(server)
    relay.close()


# ---- HTTP ---------------------------------------------------------------------------------------------------
def test_request_that_trickles(serve):
    server = serve(workers=1)
    with strikes(server, "deadline", "http-request"), \
            socket.create_connection(("127.0.0.1", server.http_port), timeout=1) as slow:
        slow.sendall(b"GET /livez HTTP/1.1\r\nHost: h")
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            for _ in range(60):
                slow.sendall(b"h")
                with contextlib.suppress(TimeoutError):
                    if slow.recv(1) == b"":
                        raise ConnectionResetError
    assert server.http("/livez")[0] == 200


# ---- the end ------------------------------------------------------------------------------------------------
def test_operations_that_do_not_end_in_time(database, stored):
    """The counter cannot be read any more; the log tells."""
    server = Server(database.uri, shutdown_grace="500ms")
    wire = opened(server)
    with locked(database, "dpp.objects"):
        wire.send_find(3, keys(SOPInstanceUID=stored[0]))
        wait_for(lambda: waiting_statements(database) == 1)
        assert server.stop(signal.SIGTERM) == 0
    server.wait_log('level=warn event=serve.grace_over deadline="?shutdown-grace')
    with pytest.raises((Aborted, Closed, ConnectionResetError)):
        final_of(wire)


def test_every_deadline_has_its_test(serve):
    assert untested(serve(), "deadline", __file__) in ([], ["shutdown-grace"])
