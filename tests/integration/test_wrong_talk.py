# SPDX-License-Identifier: Apache-2.0
"""What is no DICOM on the DICOM port: named once in the log with its peer, counted, and not for ever; health probes that were
declared leave no line."""
import re
import signal
import socket
import struct
import time

import pytest

from conftest import Server, run_dppr
from dicomwire import IMPLICIT, VERIFICATION, PATIENCE_S, Rejected, Wire, associate_rq, wait_for
from metrics import metrics
from strikes import still_serves

REQUEST = associate_rq([(1, VERIFICATION, [IMPLICIT])])


@pytest.fixture(scope="module")
def server(database):
    server = Server(database.uri, log_repeat=0, log_level="debug", artim_timeout="5s")
    yield server
    assert server.stop() == 0, server.log[-6000:]
    assert "Sanitizer" not in server.log, server.log[-8000:]


def talks(server):
    family = re.compile(r'dppr_wrong_talk_total\{talk="([a-z0-9]+)"\}')
    return {match[1]: count for sample, count in metrics(server).items() if (match := family.fullmatch(sample))}


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def say(server, octets, end=socket.socket.close, address="127.0.0.1"):
    """The peer as the log names it."""
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S, source_address=(address, 0))
    name = "{}:{}".format(*sock.getsockname())
    if octets:
        sock.sendall(octets)
    if end:
        end(sock)
    return name


def answer_of(server, octets):
    """All that comes back before the server closes, or before its A-ABORT."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as sock:
        sock.sendall(octets)
        try:
            return sock.recv(4096)
        except ConnectionResetError:
            return b""


def lines_about(server, peer):
    """Above debug: a debug line is protocol steps."""
    return [line for line in server.log_lines if f"peer={peer}" in line and " level=debug " not in line]


CLIENT_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(200)
TALKS = [
    ("http", b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP is on port {http}"),
    ("http", b"OPTIONS * HTTP/1.1\r\n\r\n", "HTTP is on port {http}"),
    ("http2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2"),
    ("tls", CLIENT_HELLO, "TLS"),
    ("ssh", b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "SSH"),
    ("proxy", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 104\r\n", "PROXY"),
    ("smtp", b"EHLO scanner.example\r\n", "SMTP"),
    ("hl7", b"\x0bMSH|^~\\&|A|B\r\x1c\r", "HL7"),
    ("noise", bytes([0xDE, 0xAD, 0xBE, 0xEF]) * 50, "DE AD BE EF"),
    ("noise", b"\r\n\r\n\r\n\r\n", "0D 0A"),
    ("half", REQUEST[:3], "in the middle"),
    ("half", REQUEST[:-1], "in the middle"),
    ("silent", b"", "without a word"),
]


@pytest.mark.parametrize("name, octets, words", TALKS, ids=[f"{n}-{t[0]}" for n, t in enumerate(TALKS)])
def test_what_it_looked_like_is_named_once(server, name, octets, words):
    before = talks(server)
    peer = say(server, octets)
    server.wait_log(f"event=connection.wrong_talk .*peer={peer} talk={name} ")
    wait_for(lambda: talks(server)[name] == before[name] + 1)
    wait_for(lambda: re.search(f"event=assoc.closed .*peer={peer} ", server.log))
    line, = lines_about(server, peer)
    assert words.format(http=server.http_port) in line
    assert f" level={'info' if name == 'silent' else 'warn'} " in line
    after = talks(server)
    assert {key for key in after if after[key] != before[key]} == {name}


@pytest.mark.parametrize("octets", [b"", REQUEST[:20]], ids=["silent", "half"])
def test_reset_has_an_address_too(server, octets):
    """Even when the peer is gone before the connection is looked at."""
    name = "half" if octets else "silent"
    peer = say(server, octets, end=reset)
    server.process.send_signal(signal.SIGSTOP)
    try:
        peers = [peer] + [say(server, octets, end=reset) for _ in range(5)]
    finally:
        server.process.send_signal(signal.SIGCONT)
    for peer in peers:
        # what it said before the reset is not looked at, so a half may look silent
        server.wait_log(f"event=connection.wrong_talk .*peer={peer} talk=({name}|silent) ")
        assert len(lines_about(server, peer)) == 1
    assert "peer=unknown" not in server.log
    still_serves(server)


def test_nothing_is_answered_but_an_abort(server):
    """AA-2 for what would not understand one."""
    assert answer_of(server, b"GET / HTTP/1.1\r\n\r\n") == b""
    assert answer_of(server, CLIENT_HELLO) == b""
    assert answer_of(server, bytes([0xDE] * 50))[:1] == b"\x07"


def test_port_scan(server):
    """Whole ranges are scanned in a moment, and the server goes on."""
    before = talks(server)["silent"]
    for n in range(300):
        say(server, b"", end=reset if n % 2 else socket.socket.close)
    wait_for(lambda: talks(server)["silent"] == before + 300)
    still_serves(server)


# ---- declared probes --------------------------------------------------------------------------------------
def test_declared_probes_leave_no_line(database):
    server = Server(database.uri, log_repeat=0, probe_addresses="127.0.0.2,127.0.3.0/24, 2001:db8::/32")
    try:
        for address in ("127.0.0.2", "127.0.3.77"):
            for end in (socket.socket.close, reset):
                peer = say(server, b"", end, address)
                wait_for(lambda: talks(server)["silent"] == 0)
        wait_for(lambda: talks(server)["probe"] == 4)
        assert [line for line in server.log_lines if re.search(r"peer=127\.0\.[03]\.(2|77):", line)] == []
        # others are named, and a probe that says something is no probe
        for octets, address, name in ((b"", "127.0.0.4", "silent"), (b"GET / HTTP/1.1\r\n\r\n", "127.0.0.2", "http")):
            peer = say(server, octets, address=address)
            server.wait_log(f"event=connection.wrong_talk .*peer={peer} talk={name}")
        still_serves(server)
    finally:
        assert server.stop() == 0
    done = run_dppr("serve", "--check", "--probe-addresses", "10.0.0.0/33", database=database.uri)
    assert done.returncode == 2 and "probe-addresses" in done.stderr and "10.0.0.0/33" in done.stderr


# ---- floods -------------------------------------------------------------------------------------------------
def test_flood_does_not_flood_the_log(database):
    """The first of each kind has its line, the rest is one line with their number; the counters count all."""
    server = Server(database.uri, log_repeat="1h", unknown_ae="refuse", echo_for_all="no")
    for _ in range(100):
        say(server, b"")
        say(server, b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(Rejected):
            Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT])], calling="STRANGER")
    wait_for(lambda: talks(server)["silent"] == talks(server)["http"] == 100)
    for n in range(300):  # from everywhere
        say(server, bytes(20), address=f"127.1.{n // 200}.{n % 200 + 1}")
    wait_for(lambda: talks(server)["noise"] == 300)
    assert metrics(server)['dppr_associations_rejected_total{reason="calling-title"}'] == 100
    assert server.stop() == 0
    log = server.log
    assert len(re.findall("talk=silent ", log)) == len(re.findall("talk=http ", log)) == 1
    assert len(re.findall("event=assoc.rejected ", log)) == 1
    assert re.search('event=log.suppressed of=connection.wrong_talk subject=http address=127.0.0.1 lines=99', log)
    assert re.search('event=log.suppressed of=connection.wrong_talk subject=silent address=127.0.0.1 lines=99', log)
    assert re.search('event=log.suppressed of=assoc.rejected subject="STRANGER to DPPR 1/1/3" address=127.0.0.1 lines=99', log)
    noise = len(re.findall("talk=noise ", log))
    assert 100 < noise < 250, "all together have a bound as well"
    told = sum(int(n) for n in re.findall("subject=noise .*lines=([0-9]+)", log))
    assert int(re.search("of=all lines=([0-9]+)", log)[1]) + told + noise == 300


def test_line_comes_again_after_a_while(database):
    server = Server(database.uri, log_repeat="300ms")
    try:
        def is_told(what, count):
            say(server, b"")
            return len(re.findall(what, server.log)) >= count
        wait_for(lambda: is_told("event=log.suppressed .*subject=silent address=127.0.0.1 lines=[1-9]", 1))
        wait_for(lambda: is_told("talk=silent ", 2))
    finally:
        assert server.stop() == 0
