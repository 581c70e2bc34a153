# SPDX-License-Identifier: Apache-2.0
"""A TCP relay between a server and PostgreSQL that can fail as networks do.

    freeze()            nothing is passed on, in either direction, and nobody is told; heal() ends it
    reset()             every connection ends with a reset; new ones are taken, or refused with refuse=True
    arm(word, fate)     one statement whose text has `word` is struck, and its connection reset:
        LOST_REQUEST    the statement never arrives
        LOST_ANSWER     it is executed and committed; the answer never arrives
        LAST_WORDS      as LOST_ANSWER, and from then on nobody is taken any more
    resets_all          a strike resets all the other connections too
    delay_s             how long each piece of the answers waits

The protocol is read only as far as needed for `arm`: messages from the client, and ReadyForQuery from the server.
Without TLS.
"""
import socket
import struct
import threading
import time
from urllib.parse import urlsplit, urlunsplit

LOST_REQUEST, LOST_ANSWER, LAST_WORDS = "lost request", "lost answer", "last words"
SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102


def close_with_reset(sock):
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    # shutdown wakes the thread that reads from it, and with SO_LINGER set close sends a reset
    try:
        sock.shutdown(socket.SHUT_RD)
    except OSError:
        pass
    sock.close()


class Relay:
    """One client's connection."""

    def __init__(self, proxy, client):
        self.proxy, self.client = proxy, client
        self.server = socket.create_connection(proxy.target)
        for sock in (self.client, self.server):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.statements = {}  # text by name
        self.fate = None
        for work in (self.from_client, self.from_server):
            threading.Thread(target=self.run, args=(work,), daemon=True).start()

    def run(self, work):
        try:
            work()
        except (OSError, EOFError, ValueError):
            pass
        self.end()

    def end(self):
        with self.proxy.lock:
            self.proxy.relays.discard(self)
        close_with_reset(self.client)
        close_with_reset(self.server)

    # ---- client to server: whole messages
    def read_exactly(self, count):
        out = b""
        while len(out) < count:
            chunk = self.client.recv(min(count - len(out), 1 << 20))
            if not chunk:
                raise EOFError
            out += chunk
        return out

    def from_client(self):
        while True:  # before the session starts there is no type octet
            head = self.read_exactly(8)
            length, code = struct.unpack(">II", head)
            self.pass_on(self.server, head + self.read_exactly(length - 8))
            if code not in (SSL_REQUEST, GSS_REQUEST):
                break
        while True:
            head = self.read_exactly(5)
            body = self.read_exactly(struct.unpack(">I", head[1:])[0] - 4)
            self.look_at(head[:1], body)
            if self.fate == LOST_REQUEST:
                self.struck()
                raise EOFError
            self.pass_on(self.server, head + body)

    def look_at(self, kind, body):
        if kind == b"P":  # Parse: name, text
            name, text = body.split(b"\0", 2)[:2]
            self.statements[name] = text
        elif kind == b"B":  # Bind: portal, name
            self.fate = self.proxy.fate_of(self.statements.get(body.split(b"\0", 2)[1], b""))

    # ---- server to client
    def from_server(self):
        tail = b""
        while True:
            chunk = self.server.recv(1 << 16)
            if not chunk:
                raise EOFError
            if self.fate in (LOST_ANSWER, LAST_WORDS):
                tail = (tail + chunk)[-6:]
                if tail[:5] == b"Z\0\0\0\5":  # ReadyForQuery: it is committed
                    self.struck()
                    raise EOFError
                continue
            if self.proxy.delay_s:
                time.sleep(self.proxy.delay_s)
            self.pass_on(self.client, chunk)

    def struck(self):
        self.proxy.strikes += 1
        if self.fate == LAST_WORDS:
            self.proxy.reset(refuse=True)
        elif self.proxy.resets_all:
            self.proxy.reset()

    def pass_on(self, to, octets):
        self.proxy.open.wait()
        to.sendall(octets)


class DatabaseProxy:
    def __init__(self, uri):
        parts = urlsplit(uri)
        self.target = (parts.hostname, parts.port)
        self.lock = threading.Lock()
        self.open = threading.Event()
        self.open.set()
        self.refuses = False
        self.relays = set()
        self.word, self.fate, self.strikes = b"", None, 0
        self.delay_s, self.resets_all = 0, False
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.uri = urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{self.port}"))
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.open.wait()
            with self.lock:
                if self.refuses:
                    close_with_reset(client)
                    continue
            try:
                relay = Relay(self, client)
            except OSError:
                close_with_reset(client)  # the database is away
                continue
            with self.lock:
                self.relays.add(relay)

    def arm(self, word, fate):
        with self.lock:
            self.word, self.fate, self.strikes = word.encode(), fate, 0

    def fate_of(self, text):
        with self.lock:
            if not self.fate or self.word not in text:
                return None
            fate, self.fate = self.fate, None
            return fate

    def freeze(self):
        self.open.clear()

    def heal(self):
        self.refuses = False
        self.open.set()

    def reset(self, refuse=False):
        with self.lock:
            self.refuses = refuse
            relays = list(self.relays)
        for relay in relays:
            relay.end()

    def close(self):
        self.listener.close()
        self.heal()
        self.reset()
