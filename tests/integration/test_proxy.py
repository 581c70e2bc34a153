# SPDX-License-Identifier: Apache-2.0
"""Behind a balancer that speaks the PROXY protocol, version 2: its clients' addresses count, everywhere, and nobody else's
header does. The balancer of these tests is 127.0.0.2 (127.0.3.0/24); HAProxy itself has the last word."""
import re
import socket
import struct
import subprocess
import time

import pytest

from conftest import Server, rows_of_peers, run_dppr
from dicomwire import EXPLICIT, FIND, IMPLICIT, VERIFICATION, PATIENCE_S, Closed, Rejected, Wire, associate_rq, wait_for
from metrics import metrics
from protocols import keys
from strikes import still_serves, strikes

BALANCER = "127.0.0.2"
SIGNATURE = bytes.fromhex("0D0A0D0A000D0A515549540A")
ECHO = [(1, VERIFICATION, [IMPLICIT])]
LOCAL = SIGNATURE + bytes([0x20, 0, 0, 0])


def header(source, port=49208, tlvs=b"", command=0x21):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    octets = socket.inet_pton(family, source)
    body = octets + octets + struct.pack(">HH", port, 104) + tlvs
    return SIGNATURE + struct.pack(">BBH", command, 0x11 if len(octets) == 4 else 0x21, len(body)) + body


@pytest.fixture(scope="module")
def server(database):
    server = Server(database.uri, proxy_from=f"{BALANCER}, 127.0.3.0/24", log_repeat=0, log_level="debug",
                    artim_timeout="5s", probe_addresses="192.0.2.200")
    yield server
    assert server.stop() == 0, server.log[-6000:]
    assert "Sanitizer" not in server.log, server.log[-8000:]


@pytest.fixture
def peers(database):
    yield from rows_of_peers(database)


def relayed(server, octets, source=BALANCER):
    wire = Wire(server.port, source=source)
    wire.send(octets)
    return wire


def talk(server, name):
    return metrics(server)[f'dppr_wrong_talk_total{{talk="{name}"}}']


def lines_about(server, address):
    return [line for line in server.log_lines if f"peer={address}:" in line and " level=debug " not in line]


# ---- whose connection it is ---------------------------------------------------------------------------------
@pytest.mark.parametrize("source", ["192.0.2.7", "2001:db8::7"])
def test_client_is_who_the_header_names(server, peers, source):
    peers("CLIENT")
    before = metrics(server)["dppr_connections_proxied_total"]
    wire = relayed(server, header(source, 4711, tlvs=b"\x02\x00\x04dppr\x04\x00\x00")).associate(ECHO, calling="CLIENT")
    assert wire.echo() == 0
    wire.release()
    name = f"[{source}]:4711" if ":" in source else f"{source}:4711"
    server.wait_log(f"event=assoc.accepted .*peer={re.escape(name)} aet=CLIENT")
    server.wait_log(f"event=assoc.closed .*peer={re.escape(name)} aet=CLIENT .*result=ok")
    assert metrics(server)["dppr_connections_proxied_total"] == before + 1


def test_audit_has_the_client(server, database, peers):
    peers("CLIENT")
    wire = relayed(server, header("192.0.2.7")).associate([(1, FIND, [EXPLICIT])], calling="CLIENT")
    assert wire.find(1, keys(SOPInstanceUID="1.2.3"))[1].status == 0
    wire.release()
    wait_for(lambda: database.query("select host(peer_address) from dpp.audit_events where ae_title = 'CLIENT'") == [("192.0.2.7",)])


@pytest.mark.parametrize("source, may", [("192.0.2.7", True), ("192.0.3.7", False), ("127.0.0.2", False)])
def test_sources_of_a_row_are_clients(server, peers, source, may):
    """The balancer's own address, in the row of nobody, opens nothing."""
    peers("BOUND", "--source", "192.0.2.0/24")
    wire = relayed(server, header(source))
    if may:
        assert wire.associate(ECHO + [(3, FIND, [EXPLICIT])], calling="BOUND").results == {1: 0, 3: 0}
        wire.release()
    else:
        with pytest.raises(Rejected):
            wire.associate([(3, FIND, [EXPLICIT])], calling="BOUND")


def test_row_bound_to_the_balancer_is_for_nobody_behind_it(server, peers):
    peers("BOUND", "--source", BALANCER)
    with pytest.raises(Rejected):
        relayed(server, header("192.0.2.7")).associate([(3, FIND, [EXPLICIT])], calling="BOUND")


def test_loopback_is_trusted_by_the_clients_address(server):
    """unknown-ae = loopback: a balancer on this machine, and its clients from elsewhere."""
    with pytest.raises(Rejected):
        relayed(server, header("192.0.2.7")).associate([(1, FIND, [EXPLICIT])], calling="STRANGER")
    relayed(server, header("127.0.0.1")).associate([(1, FIND, [EXPLICIT])], calling="STRANGER").release()
    Wire(server.port).associate([(1, FIND, [EXPLICIT])], calling="STRANGER").release()


def test_header_and_request_in_pieces(server, peers):
    peers("CLIENT")
    octets = header("192.0.2.7") + associate_rq(ECHO, calling="CLIENT")
    for wire, piece in ((Wire(server.port, source=BALANCER), 1), (Wire(server.port, source="127.0.3.9"), 27)):
        for at in range(0, len(octets), piece):
            wire.send(octets[at:at + piece])
        wire.read_associate_answer()
        assert wire.echo() == 0
        wire.release()


def test_balancer_speaks_for_itself(server, peers):
    """LOCAL, with whatever in it: the address is its own."""
    peers("BALANCER", "--source", BALANCER)
    for octets in (LOCAL, header("192.0.2.7", command=0x20), SIGNATURE + bytes([0x20, 0xFF, 0, 3, 1, 2, 3]),
                   SIGNATURE + bytes([0x21, 0x00, 0, 0]), SIGNATURE + bytes([0x21, 0x31, 0, 216]) + bytes(216)):
        wire = relayed(server, octets).associate([(1, FIND, [EXPLICIT])], calling="BALANCER")
        wire.release()
    assert len(re.findall(rf"event=assoc.accepted .*peer={BALANCER}:\d+ aet=BALANCER", server.log)) == 5


# ---- what is no header ----------------------------------------------------------------------------------------
REQUEST = associate_rq(ECHO)
FAULTS = [
    (REQUEST, "no PROXY header"),
    (b"GET / HTTP/1.1\r\n\r\n", "no PROXY header"),
    (b"PROXY TCP4 192.0.2.7 198.51.100.1 49208 104\r\n" + REQUEST, "version 1"),
    (SIGNATURE + bytes([0x11, 0x11, 0, 12]) + bytes(12) + REQUEST, "of version 1"),
    (SIGNATURE + bytes([0x22, 0x11, 0, 12]) + bytes(12) + REQUEST, "with command 2"),
    (SIGNATURE + bytes([0x21, 0x12, 0, 12]) + bytes(12) + REQUEST, "of family 0x12"),
    (SIGNATURE + bytes([0x21, 0x21, 0, 12]) + bytes(12) + REQUEST, "of family 0x21 with 12 octets"),
    (header("192.0.2.7", tlvs=b"\x04\xFF\xFF") + REQUEST, "TLVs do not fit"),
    (SIGNATURE[:7], "in the middle of a PROXY header"),
    (header("192.0.2.7")[:-1], "in the middle of a PROXY header"),
]


@pytest.mark.parametrize("octets, words", FAULTS, ids=[f"{n}-{f[1].split()[0]}" for n, f in enumerate(FAULTS)])
def test_balancer_without_a_header_is_not_served(server, octets, words):
    before, accepted = talk(server, "unproxied"), metrics(server)["dppr_associations_accepted_total"]
    wire = relayed(server, octets)
    name = "{}:{}".format(*wire.sock.getsockname())
    wire.sock.shutdown(socket.SHUT_WR)
    assert wire.sock.recv(1) == b""
    server.wait_log(f"event=connection.wrong_talk .*peer={name} talk=unproxied why=.*{words}")
    assert len([line for line in server.log_lines if f"peer={name} " in line and " level=debug " not in line]) == 1
    assert talk(server, "unproxied") == before + 1
    assert metrics(server)["dppr_associations_accepted_total"] == accepted


def test_header_of_somebody_else_counts_for_nothing(server, peers):
    peers("CLIENT")
    before = talk(server, "proxy")
    wire = Wire(server.port)
    wire.send(header("192.0.2.7") + associate_rq(ECHO, calling="CLIENT"))
    with pytest.raises(Closed):
        wire.read_pdu()
    assert talk(server, "proxy") == before + 1
    assert not any("192.0.2.7" in line and "talk=proxy" in line for line in server.log_lines)


def test_second_header_is_wrong_talk(server):
    """A client of the balancer cannot name another client."""
    wire = relayed(server, header("192.0.2.99") + header("192.0.2.7") + REQUEST)
    with pytest.raises(Closed):
        wire.read_pdu()
    server.wait_log("event=connection.wrong_talk .*peer=192.0.2.99:49208 talk=proxy")


def test_header_has_a_bound(server):
    with strikes(server, "limit", "proxy-header"):
        wire = relayed(server, SIGNATURE + bytes([0x21, 0x11, 0xFF, 0xFF]))
        assert wire.sock.recv(1) == b""


def test_header_has_a_deadline(database):
    server = Server(database.uri, proxy_from=BALANCER, artim_timeout="300ms", log_repeat=0)
    try:
        for octets in (b"", SIGNATURE, header("192.0.2.7")[:20]):
            with strikes(server, "deadline", "artim-timeout"):
                assert relayed(server, octets).sock.recv(1) == b""
        with strikes(server, "deadline", "artim-timeout"):
            assert relayed(server, header("192.0.2.7")).sock.recv(1) == b""
        server.wait_log(f'event=assoc.closed .*peer={BALANCER}:.*reason="no PROXY header within')
        server.wait_log('event=assoc.closed .*peer=192.0.2.7:49208 .*reason="no A-ASSOCIATE-RQ within')
    finally:
        assert server.stop() == 0


# ---- probes and scanners --------------------------------------------------------------------------------------
@pytest.mark.parametrize("octets", [b"", LOCAL, header("192.0.2.200")], ids=["connect", "local", "declared"])
def test_health_probes_leave_no_line(server, octets):
    before = talk(server, "probe")
    for reset in (False, True):
        wire = relayed(server, octets)
        name = "{}:{}".format(*wire.sock.getsockname())
        if reset:
            wait_for(lambda: f"peer={name}" in server.log or octets)  # it has been accepted
            time.sleep(0.05)
            wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wire.close()
        assert not [line for line in server.log_lines if f"peer={name} " in line and " level=debug " not in line]
    wait_for(lambda: talk(server, "probe") == before + 2)
    assert not lines_about(server, "192.0.2.200")


def test_silent_client_is_named(server):
    before = talk(server, "silent")
    relayed(server, header("192.0.2.201")).close()
    server.wait_log("event=connection.wrong_talk .*peer=192.0.2.201:49208 talk=silent")
    assert talk(server, "silent") == before + 1


def test_repetition_is_by_client(database):
    """One that floods does not hide another behind the same balancer."""
    server = Server(database.uri, proxy_from=BALANCER, log_repeat="1h")
    for source in ["192.0.2.1"] * 20 + ["192.0.2.2"]:
        relayed(server, header(source)).close()
    wait_for(lambda: talk(server, "silent") == 21)
    still_serves(server)
    assert server.stop() == 0
    assert len(re.findall("talk=silent", server.log)) == 2
    assert "subject=silent address=192.0.2.1 lines=19" in server.log


# ---- settings, and HAProxy itself -----------------------------------------------------------------------------
def test_setting_is_checked(database):
    done = run_dppr("serve", "--check", "--proxy-from", "10.0.0.0/33", database=database.uri)
    assert done.returncode == 2 and "proxy-from" in done.stderr and "10.0.0.0/33" in done.stderr


@pytest.fixture
def haproxy(server, tmp_path):
    """Its port; in TCP mode, its own address and that of its health checks is the balancer's."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = tmp_path / "haproxy.cfg"
    config.write_text(f"""
global
    log stderr format raw local0
defaults
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
frontend dicom
    bind 127.0.0.1:{port}
    default_backend dicom
backend dicom
    server one 127.0.0.1:{server.port} source {BALANCER} send-proxy-v2 check check-send-proxy inter 50ms
""")
    process = subprocess.Popen(["/usr/sbin/haproxy", "-db", "-f", str(config)])

    def listens():
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert process.poll() is None
            return False
        return True
    wait_for(listens)
    yield port
    process.terminate()
    process.wait(PATIENCE_S)


def test_haproxy_in_between(server, peers, haproxy):
    peers("CLIENT", "--source", "127.0.0.9")
    wire = Wire(haproxy, source="127.0.0.9")
    port = wire.sock.getsockname()[1]
    wire.associate(ECHO + [(3, FIND, [EXPLICIT])], calling="CLIENT")
    assert wire.echo() == 0 and wire.find(3, keys(SOPInstanceUID="1.2.3"))[1].status == 0
    wire.release()
    server.wait_log(f"event=assoc.accepted .*peer=127.0.0.9:{port} aet=CLIENT")
    with pytest.raises(Rejected):
        Wire(haproxy, source="127.0.0.8").associate([(1, FIND, [EXPLICIT])], calling="CLIENT")
    # Its checks go on meanwhile, and nobody hears of them.
    probes = talk(server, "probe")
    wait_for(lambda: talk(server, "probe") >= probes + 3)
    assert not [line for line in lines_about(server, BALANCER) if "talk=probe" in line]
