# SPDX-License-Identifier: Apache-2.0
"""DICOM over TLS (PS3.15 B.12) with DCMTK, openssl s_client and Python's ssl as peers: what is spoken, who is refused, to
whom moves go, and certificates that change while the server runs."""
import ctypes
import json
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import time

import pytest

from certificates import Authority, client_context, server_context
from conftest import SAMPLES, SCP_PROFILE, Server, StoreScp, rows_of_peers, run_dppr
from dicomwire import (CT_PROTOCOL, EXPLICIT, FIND, GET, IMPLICIT, MOVE, VERIFICATION, PATIENCE_S, Closed, Rejected,
                       Wire, associate_rq, encode, wait_for)
from metrics import metrics
from protocols import keys, protocol
from strikes import strikes
from wirescp import WireScp

ECHO = [(1, VERIFICATION, [IMPLICIT])]
ALL = [(1, VERIFICATION, [IMPLICIT]), (3, FIND, [EXPLICIT]), (5, GET, [EXPLICIT]), (7, MOVE, [EXPLICIT]),
       (9, CT_PROTOCOL, [EXPLICIT])]


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """Two authorities, and certificates of all kinds."""
    class Pki:
        pass
    folder, p = tmp_path_factory.mktemp("pki"), Pki()
    p.folder, p.ca, p.stranger = folder, Authority(folder, "ca"), Authority(folder, "stranger")
    p.server = p.ca.issue("server", rsa=True)
    p.ct1 = p.ca.issue("ct1", "/O=Example/CN=CT1", "DNS:ct1.example")
    p.ct1_renewed = p.ca.issue("ct1", "/O=Example/CN=CT1", "DNS:ct1.example", file="ct1-renewed")
    p.ct2 = p.ca.issue("ct2", "/O=Example/CN=CT2", "DNS:ct2.example")
    p.expired = p.ca.issue("expired", "/CN=expired", expired=True)
    p.foreign = p.stranger.issue("foreign", "/CN=foreign")
    p.elsewhere = p.ca.issue("elsewhere", "/CN=elsewhere", "DNS:elsewhere.example")
    p.server_only = p.ca.issue("server-only", purpose="serverAuth")
    return p


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class TlsServer(Server):
    def __init__(self, database_uri, pki, certificate=None, **settings):
        self.tls_port = free_port()
        certificate = certificate or pki.server
        settings = dict(dict(tls_certificate=certificate.certificate, tls_key=certificate.key,
                             tls_trust=pki.ca.certificate, tls_client_certificate="ask", log_repeat=0), **settings)
        super().__init__(database_uri, dicom_tls_port=self.tls_port, **settings)


@pytest.fixture(scope="module")
def secured(sample_database, pki):
    server = TlsServer(sample_database.uri, pki)
    yield server
    assert server.stop() == 0, server.log[-6000:]
    assert "Sanitizer" not in server.log, server.log[-8000:]


@pytest.fixture
def peers(sample_database):
    yield from rows_of_peers(sample_database)


def wire(server, pki, shown=None, contexts=ECHO, calling="WIRE", tls=None, **options):
    return Wire(server.tls_port, tls=tls or client_context(pki.ca, shown), **options).associate(
        contexts, calling=calling)


def dcmtk(tool, *arguments):
    return subprocess.run([shutil.which(tool), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)


def talk(server, name):
    return metrics(server)[f'dppr_wrong_talk_total{{talk="{name}"}}']


# ---- what is spoken ----

@pytest.mark.parametrize("profile, is_good", [
    ("+py", True),   # non-downgrading BCP 195, PS3.15 B.10
    ("+px", True),   # BCP 195, B.9
    ("+pz", True),   # extended BCP 195, B.11
    ("+pa", False),  # AES of PS3.15 before 2018: TLS 1.0 and CBC
    ("+pn", False),  # no encryption
])
def test_dcmtk_profiles(secured, pki, profile, is_good):
    # DCMTK lets the retired profiles speak newer versions too; by their suites they have nothing in common with us.
    done = dcmtk("echoscu", "+tls", pki.ct1.key, pki.ct1.certificate, "+cf", pki.ca.certificate, profile, "-aec", "DPPR",
                 "127.0.0.1", secured.tls_port)
    assert (done.returncode == 0) == is_good, done.stdout


SUITES_12 = ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305",
             "DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES256-GCM-SHA384"]
REFUSED_12 = ["ECDHE-RSA-AES128-SHA256", "ECDHE-RSA-AES256-SHA", "DHE-RSA-AES128-SHA256", "AES128-GCM-SHA256",
              "AES256-SHA256", "ECDHE-RSA-NULL-SHA", "AECDH-AES128-SHA", "DHE-RSA-CHACHA20-POLY1305"]


def s_client(server, pki, *arguments):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.tls_port}", "-CAfile",
                           str(pki.ca.certificate), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    version = re.search(r"^New, (\S+), Cipher is (\S+)$", done.stdout, re.M)
    return (None, done.stdout) if not version or version[1] == "(NONE)" else ((version[1], version[2]), done.stdout)


@pytest.mark.parametrize("suite", SUITES_12)
def test_suite_of_12_is_spoken(secured, pki, suite):
    agreed, text = s_client(secured, pki, "-tls1_2", "-cipher", suite)
    assert agreed == ("TLSv1.2", suite), text
    assert "Verify return code: 0 (ok)" in text and "Compression: NONE" in text
    assert "Session-ID: \n" in text and "TLS session ticket" not in text, "nothing can be resumed"
    if suite.startswith("DHE"):
        assert int(re.search(r"(?:Server|Peer) Temp Key: DH, (\d+) bits", text)[1]) >= 2048
    elif suite.startswith("ECDHE"):
        assert re.search(r"(?:Server|Peer) Temp Key: (X25519|ECDH, prime256v1)", text)


@pytest.mark.parametrize("suite", REFUSED_12)
def test_suite_of_12_is_refused(secured, pki, suite):
    before = talk(secured, "handshake")
    agreed, text = s_client(secured, pki, "-tls1_2", "-cipher", suite + ":@SECLEVEL=0")
    assert agreed is None and "handshake failure" in text, text
    wait_for(lambda: talk(secured, "handshake") == before + 1)


def test_versions(secured, pki):
    for suite in ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"):
        assert s_client(secured, pki, "-tls1_3", "-ciphersuites", suite)[0] == ("TLSv1.3", suite)
    assert s_client(secured, pki)[0][0] == "TLSv1.3", "preferred where both can"
    for version in ("-tls1", "-tls1_1"):
        before = len(secured.log_lines)
        agreed, text = s_client(secured, pki, version, "-cipher", "ALL:@SECLEVEL=0")
        assert agreed is None and "protocol version" in text, text
        wait_for(lambda: any('talk=handshake why="TLS: unsupported protocol"' in line for line in secured.log_lines[before:]))


def test_renegotiation_is_declined(secured, pki):
    client = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{secured.tls_port}", "-tls1_2", "-CAfile",
                               str(pki.ca.certificate)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    seen = ""
    while "Extended master secret" not in seen:
        seen += client.stdout.readline()
    client.stdin.write("R\n")
    client.stdin.flush()
    rest = client.communicate(timeout=PATIENCE_S)[0]
    assert "no renegotiation" in rest, rest


# ---- whole services ----

def test_services_over_tls(secured, pki):
    ds = protocol(ProtocolName="Sent by TLS")
    w = wire(secured, pki, contexts=ALL, calling="SERVICES")
    octets = encode(ds, EXPLICIT)
    assert w.store(9, octets, CT_PROTOCOL, ds.SOPInstanceUID).status == 0
    matches, final = w.find(3, keys(SOPInstanceUID=ds.SOPInstanceUID, ProtocolName=None))
    assert final.status == 0 and matches[0].ProtocolName == "Sent by TLS"
    w.release()
    w = Wire(secured.tls_port, tls=client_context(pki.ca)).associate(
        [(5, GET, [EXPLICIT]), (9, CT_PROTOCOL, [EXPLICIT])], roles=[(CT_PROTOCOL, 0, 1)])
    stored, _, final = w.get(5, ds.SOPInstanceUID)
    assert final.status == 0 and stored[0].data == octets
    w.release()
    line = secured.wait_log(r"event=assoc.accepted .*aet=SERVICES .*tls=TLSv1.3 suite=TLS_AES_\d+_GCM_SHA\d+")
    assert "certificate=" not in line


def test_much_and_slowly(secured, pki):
    """Large data sets both ways, and a reader who takes little at a time: nothing is lost."""
    ds = protocol(ProtocolName="Large")
    ds.add_new(0x00090010, "LO", "TEST")
    ds.add_new(0x00091001, "OB", bytes(range(256)) * (24 << 10))  # 6 MiB
    octets = encode(ds, EXPLICIT)
    contexts = [(5, GET, [EXPLICIT]), (9, CT_PROTOCOL, [EXPLICIT])]
    w = Wire(secured.tls_port, tls=client_context(pki.ca), receive_buffer=8192).associate(
        contexts, roles=[(CT_PROTOCOL, 1, 1)])
    assert w.store(9, octets, CT_PROTOCOL, ds.SOPInstanceUID).status == 0
    for _ in range(2):
        stored, _, final = w.get(5, ds.SOPInstanceUID)
        assert final.status == 0 and stored[0].data == octets
    w.release()


def test_dcmtk_stores(secured, pki, sample_database, tmp_path):
    ds = protocol(ProtocolName="By storescu")
    path = tmp_path / "one.dcm"
    head = bytes(128) + b"DICM"
    meta = b"".join([
        struct.pack("<HH2sHH2s", 2, 1, b"OB", 0, 2, b"")[:8] + struct.pack("<I", 2) + b"\0\1",
        struct.pack("<HH2sH", 2, 2, b"UI", 30) + CT_PROTOCOL.encode().ljust(30, b"\0"),
        struct.pack("<HH2sH", 2, 3, b"UI", 64) + ds.SOPInstanceUID.encode().ljust(64, b"\0"),
        struct.pack("<HH2sH", 2, 16, b"UI", 20) + EXPLICIT.encode().ljust(20, b"\0"),
        struct.pack("<HH2sH", 2, 18, b"UI", 8) + b"1.2.3.4\0"])
    path.write_bytes(head + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta)) + meta + encode(ds, EXPLICIT))
    done = dcmtk("storescu", "-R", "+tls", pki.ct1.key, pki.ct1.certificate, "+cf", pki.ca.certificate, "-aec", "DPPR",
                 "-aet", "STORESCU", "127.0.0.1", secured.tls_port, path)
    assert done.returncode == 0, done.stdout
    assert sample_database.query("select 1 from dpp.objects where sop_instance_uid = %s", (ds.SOPInstanceUID,))
    assert 'certificate="CN=CT1,O=Example"' in secured.wait_log("event=assoc.accepted .*aet=STORESCU .*tls=")


# ---- the wrong port ----

def test_plain_request_on_the_tls_port_is_named(secured):
    before = talk(secured, "plain")
    with socket.create_connection(("127.0.0.1", secured.tls_port), timeout=PATIENCE_S) as s:
        s.sendall(associate_rq(ECHO))
        assert s.recv(100) == b"", "an alert would be no answer"
    secured.wait_log('event=connection.wrong_talk .*talk=plain why="an association request without TLS on the TLS port"')
    wait_for(lambda: talk(secured, "plain") == before + 1)
    with socket.create_connection(("127.0.0.1", secured.tls_port), timeout=PATIENCE_S) as s:
        s.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert s.recv(100) == b""
    secured.wait_log('talk=http why="an HTTP request on the TLS port"')


def test_tls_hello_on_the_plain_port_is_named(secured, pki):
    before = talk(secured, "tls")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Wire(secured.port, tls=client_context(pki.ca))
    secured.wait_log(f'talk=tls why="a TLS hello on the DICOM port; TLS is on port {secured.tls_port}"')
    wait_for(lambda: talk(secured, "tls") == before + 1)


def test_silence_has_its_deadline(sample_database, pki):
    server = TlsServer(sample_database.uri, pki, artim_timeout="400ms")
    try:
        for first, words in ((b"", "no TLS handshake within 400 ms"), (b"\x16\x03\x01\x02\x00\x01", "no TLS handshake"),
                             (None, "no A-ASSOCIATE-RQ within 400 ms")):
            lines, before = len(server.log_lines), metrics(server)['dppr_timeouts_total{deadline="artim-timeout"}']
            s = socket.create_connection(("127.0.0.1", server.tls_port), timeout=PATIENCE_S)
            if first is None:
                s = client_context(pki.ca).wrap_socket(s, server_hostname="localhost")
            else:
                s.sendall(first)
            assert s.recv(100) == b""
            s.close()
            wait_for(lambda: any(words in line for line in server.log_lines[lines:]))
            assert metrics(server)['dppr_timeouts_total{deadline="artim-timeout"}'] == before + 1
        w = wire(server, pki)
        time.sleep(0.6)  # the deadline is of the beginning
        assert w.echo() == 0
        w.release()
    finally:
        assert server.stop() == 0


def test_answers_of_tls_have_a_bound(secured):
    """A peer that wants new keys again and again and never reads. Python's ssl cannot be that rude."""
    lib = ctypes.CDLL("libssl.so.3")
    for name in ("TLS_client_method", "SSL_CTX_new", "SSL_new"):
        getattr(lib, name).restype = ctypes.c_void_p
    context = ctypes.c_void_p(lib.SSL_CTX_new(ctypes.c_void_p(lib.TLS_client_method())))
    ssl_ = ctypes.c_void_p(lib.SSL_new(context))
    with socket.socket() as s, strikes(secured, "limit", "tls-answers"):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", secured.tls_port))
        lib.SSL_set_fd(ssl_, s.fileno())
        assert lib.SSL_connect(ssl_) == 1
        while lib.SSL_key_update(ssl_, 1) == 1 and lib.SSL_do_handshake(ssl_) == 1:
            pass
    lib.SSL_free(ssl_)
    lib.SSL_CTX_free(context)


def test_changed_octets_are_a_lost_connection(secured, pki):
    """PS3.15 B.1: an integrity check that fails drops the connection."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_context(pki.ca).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", secured.tls_port), timeout=PATIENCE_S) as s:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                s.sendall(outgoing.read())
                incoming.write(s.recv(65536))
        tls.write(associate_rq(ECHO, calling="CHANGED"))
        s.sendall(outgoing.read())
        secured.wait_log("event=assoc.accepted .*aet=CHANGED")
        tls.write(bytes(100))
        octets = bytearray(outgoing.read())
        octets[-5] ^= 1
        s.sendall(octets)
        while s.recv(65536):
            pass
    line = secured.wait_log("event=assoc.closed .*aet=CHANGED")
    assert 'reason="connection lost: TLS: decryption failed or bad record mac" result=io' in line


# ---- certificates of callers ----

@pytest.mark.parametrize("shown, words", [
    ("expired", "TLS: certificate has expired: CN=expired"),
    ("foreign", "TLS: unable to get local issuer certificate: CN=foreign"),
    ("server_only", "TLS: unsuitable certificate purpose: CN=server-only"),
])
def test_certificate_that_does_not_stand_up_is_refused(secured, pki, shown, words):
    lines, failed = len(secured.log_lines), metrics(secured)["dppr_tls_handshakes_failed_total"]
    with pytest.raises((ssl.SSLError, ConnectionError, Closed)):
        wire(secured, pki, getattr(pki, shown)).echo()
    wait_for(lambda: any(f'talk=handshake why="{words}"' in line for line in secured.log_lines[lines:]))
    assert metrics(secured)["dppr_tls_handshakes_failed_total"] == failed + 1


def test_whether_callers_show_a_certificate(sample_database, pki):
    for setting, without in (("none", True), ("require", False)):
        server = TlsServer(sample_database.uri, pki, tls_client_certificate=setting)
        try:
            w = wire(server, pki, pki.ct1)
            assert w.echo() == 0
            w.release()
            assert ("certificate=" in server.wait_log("event=assoc.accepted")) == (setting == "require")
            if without:
                w = wire(server, pki)
                assert w.echo() == 0
                w.release()
            else:
                with pytest.raises((ssl.SSLError, ConnectionError, Closed)):
                    wire(server, pki).echo()
                server.wait_log('talk=handshake why="TLS: peer did not return a certificate"')
        finally:
            assert server.stop() == 0


def test_revoked_certificate_is_refused(sample_database, pki):
    revoked = pki.ca.issue("revoked")
    server = TlsServer(sample_database.uri, pki, tls_trust=pki.ca.revoke(revoked))
    try:
        w = wire(server, pki, pki.ct1)
        assert w.echo() == 0
        w.release()
        with pytest.raises((ssl.SSLError, ConnectionError, Closed)):
            wire(server, pki, revoked).echo()
        server.wait_log('talk=handshake why="TLS: certificate revoked: CN=revoked"')
    finally:
        assert server.stop() == 0


def rejected(connect):
    with pytest.raises(Rejected) as caught:
        connect()
    return caught.value.result, caught.value.source, caught.value.reason


@pytest.mark.parametrize("kind", ["dns", "subject", "sha256"])
def test_bound_peer_is_served_with_its_certificate_only(secured, pki, peers, kind):
    entry = {"dns": "dns:ct1.example", "subject": "subject:CN=CT1,O=Example", "sha256": "sha256:" + pki.ct1.fingerprint()}[kind]
    title = "BOUND_" + kind.upper()
    peers(title, "--certificate", entry)
    w = wire(secured, pki, pki.ct1, ALL, title)
    assert w.results == {1: 0, 3: 0, 5: 0, 7: 0, 9: 0} and w.echo() == 0
    w.release()
    for connect, words in (
            (lambda: wire(secured, pki, pki.ct2, ALL, title), "the peer has shown another: CN=CT2,O=Example"),
            (lambda: wire(secured, pki, None, ALL, title), "the peer has shown no certificate"),
            (lambda: Wire(secured.port).associate(ALL, calling=title), "this connection is without TLS")):
        assert rejected(connect) == (1, 1, 3)
        secured.wait_log(f'event=assoc.rejected .*aet={title} .*code=1/1/3 .*why="{title} is bound to a certificate: {words}"')
    if kind == "sha256":  # of the one certificate; both are entered while it is renewed
        assert rejected(lambda: wire(secured, pki, pki.ct1_renewed, ALL, title)) == (1, 1, 3)
    else:
        wire(secured, pki, pki.ct1_renewed, ALL, title).release()


def test_one_of_several_certificates_is_enough(secured, pki, peers):
    peers("RENEWING", "--certificate", "sha256:" + pki.ct1.fingerprint(), "--certificate",
          "sha256:" + pki.ct1_renewed.fingerprint().replace(":", "").lower())
    for shown in (pki.ct1, pki.ct1_renewed):
        wire(secured, pki, shown, ECHO, "RENEWING").release()
    assert rejected(lambda: wire(secured, pki, pki.ct2, ECHO, "RENEWING")) == (1, 1, 3)


def test_binding_is_in_force_for_open_associations(secured, pki, peers, sample_database):
    peers("SOON_BOUND")
    w = Wire(secured.port).associate(ALL, calling="SOON_BOUND")
    assert w.find(3, keys(ProtocolName=None))[1].status == 0
    sample_database.query("update dpp.application_entities set certificates = '{dns:ct1.example}'")
    time.sleep(0.1)
    assert w.find(3, keys(ProtocolName=None))[1].status == 0x0124
    w.release()


# ---- destinations ----

def moved(server, uid, title):
    w = Wire(server.port).associate([(1, MOVE, [EXPLICIT])], calling="MOVER")
    _, final = w.move(1, [uid], title)
    w.release()
    return final


@pytest.fixture(scope="module")
def uid(sample_database):
    return sample_database.query("select sop_instance_uid from dpp.objects where sop_class_uid = %s order by 1 limit 1",
                                 (CT_PROTOCOL,))[0][0]


def test_move_to_dcmtk_with_tls(secured, pki, peers, uid, tmp_path):
    received = tmp_path / "received"
    received.mkdir()
    scp = StoreScp(received, more=["+tls", pki.server.key, pki.server.certificate, "+cf", pki.ca.certificate])
    try:
        peers("STORESCP", "localhost", scp.port, "--tls")
        final = moved(secured, uid, "STORESCP")
        assert final.status == 0 and len(scp.files()) == 1, final.command
        secured.wait_log("event=assoc.accepted .*aet=STORESCP role=requestor .*tls=TLSv1.[23] .*certificate=\"CN=server\"")
        peers("PLAINLY", "localhost", scp.port)
        assert moved(secured, uid, "PLAINLY").status == 0xA702
    finally:
        scp.stop()


@pytest.mark.parametrize("shown, more, words", [
    ("server", (), None),
    ("elsewhere", ("--tls-name", "elsewhere.example"), None),
    ("elsewhere", (), "TLS: the certificate is not for localhost"),
    ("server", ("--tls-name", "other.example"), "TLS: the certificate is not for other.example"),
    ("expired", (), "TLS: certificate has expired"),
    ("foreign", (), "TLS: unable to get local issuer certificate"),
    (None, (), "closed by peer in the middle of the TLS handshake"),
])
def test_certificate_of_a_destination_is_verified(secured, sample_database, pki, peers, uid, shown, more, words):
    scp = WireScp(tls=server_context(getattr(pki, shown)) if shown else None)
    try:
        peers("TO", "localhost", scp.port if shown else secured.port, "--tls", *more)
        final = moved(secured, uid, "TO")
        test = run_dppr("ae", "test", "TO", "--tls-trust", pki.ca.certificate, database=sample_database.uri)
        if words is None:
            assert final.status == 0 and len(scp.received) == 1
            assert test.returncode == 0, test.stderr
        else:
            assert final.status == 0xA702 and not scp.received
            assert final.command[0x0902].startswith(f"TO: cannot connect: {words}"[:64]), final.command[0x0902]
            secured.wait_log(f'event=move.destination_failed .*destination=TO why="TO: cannot connect: {words}')
            assert test.returncode == 1 and words in test.stderr, test.stderr
    finally:
        scp.close()


def test_destination_that_wants_our_certificate(secured, pki, peers, uid):
    scp = WireScp(tls=server_context(pki.server, pki.ca))
    try:
        peers("MUTUAL", "localhost", scp.port, "--tls")
        assert moved(secured, uid, "MUTUAL").status == 0
    finally:
        scp.close()


def test_without_trust_no_destination_with_tls(sample_database, peers, uid):
    server = Server(sample_database.uri)
    try:
        peers("UNTRUSTED", "localhost", 1, "--tls")
        final = moved(server, uid, "UNTRUSTED")
        assert final.status == 0xA702 and final.command[0x0902] == "UNTRUSTED: TLS: tls-trust is not set"
        done = run_dppr("ae", "test", "UNTRUSTED", database=sample_database.uri)
        assert done.returncode == 1 and "tls-trust is not set" in done.stderr
        done = run_dppr("doctor", database=sample_database.uri)
        assert re.search("FAIL +destination +UNTRUSTED is to be called with TLS, but tls-trust is not set", done.stdout)
    finally:
        assert server.stop() == 0


# ---- what is left behind ----

def good(server, pki):
    wire(server, pki, pki.ct1).release()


def dropped(server, pki):
    wire(server, pki, pki.ct1).close()


def half_a_hello(server, _):
    with socket.create_connection(("127.0.0.1", server.tls_port), timeout=PATIENCE_S) as s:
        s.sendall(b"\x16\x03\x01\x00\x80\x01")


def noise(server, _):
    with socket.create_connection(("127.0.0.1", server.tls_port), timeout=PATIENCE_S) as s:
        s.sendall(b"\x16\x03\x01\x00\x05abcde" * 40)
        while s.recv(4096):
            pass


def stranger(server, pki):
    with pytest.raises((ssl.SSLError, ConnectionError, Closed)):
        wire(server, pki, pki.foreign).echo()


def no_dicom(server, pki):
    with socket.create_connection(("127.0.0.1", server.tls_port), timeout=PATIENCE_S) as s:
        with client_context(pki.ca).wrap_socket(s, server_hostname="localhost") as t:
            t.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert t.recv(10) == b""


@pytest.mark.parametrize("peer", [good, dropped, half_a_hello, noise, stranger, no_dicom])
def test_nothing_is_left_of_a_connection(secured, pki, peer):
    def rounds(count):
        accepted = metrics(secured)["dppr_connections_accepted_total"]
        for _ in range(count):
            peer(secured, pki)
        wait_for(lambda: metrics(secured)["dppr_connections_accepted_total"] >= accepted + count)
        wait_for(lambda: metrics(secured)["dppr_associations_open"] == 0)
        return metrics(secured)["dppr_heap_used_bytes"]
    rounds(20)
    before = rounds(20)
    wait_for(lambda: rounds(20) - before < 20 * 1024)  # an OpenSSL connection alone has 15 KiB


# ---- certificates that change ----

def shown_serial(server, pki):
    with socket.create_connection(("127.0.0.1", server.tls_port), timeout=PATIENCE_S) as s:
        with client_context(pki.ca).wrap_socket(s, server_hostname="localhost") as t:
            return t.getpeercert()["serialNumber"]


def test_certificates_are_read_again(sample_database, pki, tmp_path):
    live = pki.ca.issue("live", rsa=True, file="live", days=40)
    server = TlsServer(sample_database.uri, pki, certificate=live)

    def put(certificate, key=None):
        shutil.copy(certificate.certificate, live.certificate)
        shutil.copy((key or certificate).key, live.key)

    def reload(event):
        lines = len(server.log_lines)
        server.process.send_signal(signal.SIGHUP)
        return wait_for(lambda: next((line for line in server.log_lines[lines:] if re.search(f"event={event}", line)), None))
    try:
        first, end = live.serial(), metrics(server)["dppr_tls_certificate_end_seconds"]
        assert abs(end - time.time() - 40 * 86400) < 600
        assert metrics(server)["dppr_tls_trust_end_seconds"] > end
        assert shown_serial(server, pki) == first
        held = wire(server, pki, contexts=ALL)

        fresh = pki.ca.issue("live", rsa=True, file="fresh", days=10)
        put(fresh)
        assert re.search('level=warn .*subject="CN=live" days_left=(9|10) ', reload("tls.expires file=tls-certificate"))
        assert shown_serial(server, pki) == fresh.serial() != first
        assert metrics(server)["dppr_tls_certificate_end_seconds"] < end
        assert held.echo() == 0, "what runs goes on"

        put(pki.server, key=pki.ct1)
        line = reload("tls.rejected")
        assert "level=error" in line and f"tls-key {live.key} does not fit the certificate of tls-certificate {live.certificate}" in line
        put(pki.expired)
        assert f"tls-certificate {live.certificate}: CN=expired has expired on 2020-02-01 00:00 UTC" in reload("tls.rejected")
        live.certificate.write_text("nothing")
        assert "holds no certificate in PEM" in reload("tls.rejected")
        live.certificate.unlink()
        assert "No such file" in reload("tls.rejected")
        assert shown_serial(server, pki) == fresh.serial(), "the last good one stays"
        assert held.find(3, keys(ProtocolName=None))[1].status == 0
        held.release()
    finally:
        assert server.stop() == 0


def test_start_with_wrong_files_fails_and_names_them(sample_database, pki):
    for change, words in (
            (dict(tls_key=pki.ct1.key), "does not fit the certificate of tls-certificate"),
            (dict(tls_certificate="/nowhere.pem"), "tls-certificate /nowhere.pem: No such file or directory"),
            (dict(tls_trust=""), "tls-client-certificate needs tls-trust"),
            (dict(tls_key=""), "tls-key is missing")):
        with pytest.raises(AssertionError) as caught:
            TlsServer(sample_database.uri, pki, **change)
        assert words in str(caught.value)
    done = run_dppr("serve", "--check", "--tls-trust", pki.server.key, database=sample_database.uri)
    assert done.returncode == 1 and "server.key: holds no certificate in PEM" in done.stderr


def test_start_with_an_expired_certificate_says_so_and_serves(sample_database, pki):
    server = TlsServer(sample_database.uri, pki, certificate=pki.expired)
    try:
        assert "level=error" in server.wait_log("event=tls.expires file=tls-certificate .*days_left=-")
        w = Wire(server.port).associate(ECHO)
        assert w.echo() == 0
        w.release()
        with pytest.raises(ssl.SSLCertVerificationError):
            wire(server, pki)
        server.wait_log("talk=handshake why=\"TLS: the peer refuses: .*alert certificate expired\"")
    finally:
        assert server.stop() == 0


# ---- behind a balancer ----

def test_tls_behind_a_proxy_header(sample_database, pki, peers):
    header = bytes.fromhex("0D0A0D0A000D0A515549540A") + struct.pack(">BBH", 0x21, 0x11, 12) + socket.inet_aton("192.0.2.77") + \
        socket.inet_aton("192.0.2.1") + struct.pack(">HH", 40000, 2762)
    server = TlsServer(sample_database.uri, pki, proxy_from="127.0.0.1")
    try:
        peers("RELAYED", "--certificate", "dns:ct1.example", "--source", "192.0.2.77")
        w = wire(server, pki, pki.ct1, ALL, "RELAYED", first=header)
        assert w.results[3] == 0 and w.echo() == 0
        w.release()
        server.wait_log("event=assoc.accepted .*peer=192.0.2.77:40000 aet=RELAYED .*tls=TLSv1.3")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            wire(server, pki, pki.ct1, ALL, "RELAYED")  # the header is due
        server.wait_log("talk=unproxied")
        with socket.create_connection(("127.0.0.1", server.tls_port), timeout=PATIENCE_S) as s:
            s.sendall(header + associate_rq(ECHO))
            assert s.recv(100) == b""
        server.wait_log("peer=192.0.2.77:40000 talk=plain")
    finally:
        assert server.stop() == 0


# ---- commands ----

def command(server, pki, name, *arguments, trust=True, port=None):
    options = ["--tls"] + (["--tls-trust", pki.ca.certificate] if trust else [])
    return run_dppr(name, "--port", port or server.tls_port, *options, *arguments)


def test_client_commands_over_tls(secured, pki, uid, tmp_path):
    done = command(secured, pki, "echo")
    assert done.returncode == 0 and "answers after" in done.stdout
    done = command(secured, pki, "echo", "--tls-certificate", pki.ct1.certificate, "--tls-key", pki.ct1.key, "--aet", "SHOWN")
    assert done.returncode == 0
    assert 'certificate="CN=CT1,O=Example"' in secured.wait_log("event=assoc.accepted .*aet=SHOWN")
    found = json.loads(command(secured, pki, "find", "--json", "-k", f"SOPInstanceUID={uid}").stdout)
    assert len(found) == 1
    done = command(secured, pki, "get", "-o", tmp_path, uid)
    assert done.returncode == 0, done.stderr
    done = command(secured, pki, "store", tmp_path)
    assert done.returncode == 0 and done.stdout.startswith("1 stored"), done.stdout + done.stderr
    done = command(secured, pki, "move", "--to", "NOWHERE", uid)
    assert done.returncode == 1 and "A801" in done.stderr + done.stdout


@pytest.mark.parametrize("arguments, code, words", [
    (["--tls"], 1, "--tls needs --tls-trust FILE"),
    (["--tls-trust", "CA"], 1, "options of TLS need --tls"),
    (["--tls-insecure"], 1, "options of TLS need --tls"),
    (["--tls", "--tls-trust", "CA", "--tls-insecure"], 1, "exclude each other"),
    (["--tls", "--tls-trust", "/nowhere"], 1, "tls-trust /nowhere: No such file"),
    (["--tls", "--tls-trust", "OTHER"], 1, "cannot connect: TLS: unable to get local issuer certificate: CN=server"),
    (["--tls", "--tls-trust", "CA", "--tls-name", "other.example"], 1, "the certificate is not for other.example: CN=server"),
    (["--tls", "--tls-trust", "CA", "--tls-name", "localhost"], 0, ""),
    (["--tls", "--tls-insecure"], 0, ""),
    (["--tls", "--tls-trust", "CA", "--tls-certificate", "CT1"], 1, "tls-key is missing"),
])
def test_client_options_of_tls(secured, pki, arguments, code, words):
    files = {"CA": pki.ca.certificate, "OTHER": pki.stranger.certificate, "CT1": pki.ct1.certificate}
    done = run_dppr("echo", "--port", secured.tls_port, *[files.get(a, a) for a in arguments])
    assert done.returncode == code and words in done.stderr, done.stderr


def test_ae_rows_have_tls(sample_database, peers):
    peers("LISTED", "h.example", 2762, "--tls", "--tls-name", "n.example", "--certificate", "dns:a.example", "--certificate",
          "subject:CN=A,O=B")
    row, = json.loads(run_dppr("ae", "list", "--json", database=sample_database.uri, check=True).stdout)
    assert (row["tls"], row["tls_name"], row["certificates"]) == (True, "n.example", "dns:a.example; subject:CN=A,O=B")
    done = run_dppr("ae", "add", "BAD", "--certificate", "ct1.example", database=sample_database.uri)
    assert done.returncode == 2 and "'ct1.example' names none: write dns:NAME" in done.stderr


def test_doctor_looks_at_certificates(secured, pki, sample_database, peers, tmp_path):
    def doctor(certificate=pki.server, **more):
        settings = dict(dict(dicom_tls_port=secured.tls_port, dicom_port=secured.port, http_port=secured.http_port,
                             tls_certificate=certificate.certificate, tls_key=certificate.key,
                             tls_trust=pki.ca.certificate), **more)
        return run_dppr("doctor", *[f"--{k.replace('_', '-')}={v}" for k, v in settings.items()],
                        database=sample_database.uri).stdout
    text = doctor()
    assert re.search(r"^ok +certificate +CN=server: 9\d days left$", text, re.M), text
    assert re.search(r"^ok +trust +the first of tls-trust to end: 39\d days left$", text, re.M), text
    assert re.search(rf"^ok +tls-port +{secured.tls_port} answers as DPPR$", text, re.M), text
    assert re.search(r"^FAIL +certificate +CN=expired has expired \d+ days ago", doctor(pki.expired), re.M)
    assert re.search(r"^warn +certificate +CN=soon: [67] days left", doctor(pki.ca.issue("soon", days=7)), re.M)
    peers("DPPR", "localhost", secured.tls_port, "--tls")  # itself
    text = doctor()
    assert re.search(rf"^ok +destination +DPPR at localhost:{secured.tls_port} answers over TLS$", text, re.M), text
    peers("CALLED", "localhost", 1, "--tls")
    text = doctor(tls_key=pki.ct1.key)
    assert re.search(r"^FAIL +tls +tls-key .*ct1.key does not fit", text, re.M)
    assert re.search(r"^FAIL +destination +CALLED is to be called with TLS, but that cannot be used \(see tls\)$", text, re.M)
    key = tmp_path / "open.key"
    shutil.copy(pki.server.key, key)
    key.chmod(0o644)
    assert re.search(r"^warn +tls-key +.*open.key may be read by everybody", doctor(tls_key=key), re.M)
    assert "certificate" not in run_dppr("doctor", database=sample_database.uri).stdout
