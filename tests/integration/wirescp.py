# SPDX-License-Identifier: Apache-2.0
"""A storage SCP spoken by hand, for destinations that do what no proper one does."""
import socket
import struct
import threading
import time

import dicomwire
from dicomwire import PATIENCE_S, Wire

PATIENCE_S = 60  # nothing hangs longer than this


def associate_ac(body, result_of):
    """The A-ASSOCIATE-AC to the body of a request, and {context: transfer syntax}. result_of(abstract syntax, first transfer
    syntax) says what becomes of a context."""
    answer, transfer, at = body[:68] + dicomwire.uid_item(0x10, dicomwire.APPLICATION_CONTEXT), {}, 68
    while at < len(body):
        kind, _, length = struct.unpack_from(">BBH", body, at)
        value = body[at + 4:at + 4 + length]
        at += 4 + length
        if kind == 0x20:
            n = struct.unpack_from(">H", value, 6)[0]
            abstract, rest = value[8:8 + n].decode(), value[8 + n:]
            m = struct.unpack_from(">H", rest, 2)[0]
            transfer[value[0]] = rest[4:4 + m].decode()
            result = result_of(abstract, transfer[value[0]])
            answer += dicomwire.item(0x21, bytes([value[0], 0, result, 0]) + rest[:4 + m])
    answer += dicomwire.item(0x50, dicomwire.item(0x51, struct.pack(">I", 16384)) + dicomwire.uid_item(0x52, "1.2.3"))
    return dicomwire.pdu(2, answer), transfer


class WireScp:
    """Answers A-ASSOCIATE with the results asked for, C-STOREs with a status, C-ECHOs with success. Otherwise by option:

    accept   says of an abstract syntax whether it is taken
    syntax   the only transfer syntax that is taken
    hang     "connect": reads nothing; "associate", "store" or "release": does not answer it before go_on()
    reject   (result, source, reason): rejects associations
    single   rejects associations while it has one
    abort_after  aborts at the C-STORE after so many
    wrong_id answers C-STOREs with another Message ID
    trickle  answers octet by octet, so many seconds between two
    tls      a server's context of module ssl
    """

    def __init__(self, accept=lambda abstract: True, status=0, hang=None, abort_after=None, reject=None, single=False,
                 wrong_id=False, trickle=None, syntax=None, tls=None):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.accept, self.status, self.hang, self.abort_after = accept, status, hang, abort_after
        self.syntax, self.tls = syntax, tls
        self.reject, self.single, self.wrong_id, self.trickle = reject, single, wrong_id, trickle
        self.callers = []  # calling AE titles
        self.received = []  # (transfer syntax, message) of each C-STORE
        self.commands, self.answered, self.associations, self.open, self.most_open = [], 0, 0, 0, 0
        self.lock, self.changed = threading.Lock(), threading.Condition()
        self.held_at, self.may_go = None, False
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.associations += 1
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        with self.lock:
            self.open += 1
            self.most_open = max(self.most_open, self.open)
        try:
            if self.tls:
                sock.settimeout(PATIENCE_S)
                sock = self.tls.wrap_socket(sock, server_side=True)
            self.converse(sock)
        except (dicomwire.Closed, dicomwire.Aborted, OSError):
            pass
        finally:
            with self.lock:
                self.open -= 1
            sock.close()

    def wait(self, where):
        def is_held():
            is_full = where == "store" and self.held_at is not None and len(self.commands) > self.held_at
            return not self.may_go and (self.hang == where or is_full)
        with self.changed:
            self.changed.wait_for(lambda: not is_held(), PATIENCE_S)

    def converse(self, sock):
        wire = Wire.__new__(Wire)
        wire.sock, wire.pending, wire.peer_max, wire.timeout = sock, [], 16384, PATIENCE_S
        sock.settimeout(PATIENCE_S)
        if self.trickle:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire.send = lambda octets: self.send_slowly(sock, octets)
        self.wait("connect")
        _, body = wire.read_pdu()
        self.callers.append(body[20:36].decode().strip())
        self.wait("associate")
        reject = (2, 3, 2) if self.single and self.open > 1 else self.reject
        if reject:
            wire.send(dicomwire.pdu(3, bytes([0, *reject])))
            wire.read_pdu()  # to its end
        octets, wire.transfer = associate_ac(body, self.result_of)
        wire.send(octets)
        while True:
            try:
                message = wire.read_message()
            except dicomwire.UnexpectedPdu as other:
                assert other.kind == 5, "not a release request"
                self.wait("release")
                wire.send(dicomwire.pdu(6, bytes(4)))
                return
            if message.command[0x0100] == dicomwire.C_ECHO:
                wire.send_message(message.context, {
                    0x0002: dicomwire.VERIFICATION, 0x0100: dicomwire.C_ECHO | dicomwire.RESPONSE,
                    0x0120: message.command[0x0110], 0x0800: dicomwire.NO_DATASET, 0x0900: 0})
                continue
            self.commands.append(message.command)
            self.received.append((wire.transfer[message.context], message))
            if self.abort_after is not None and len(self.commands) > self.abort_after:
                wire.abort()
                return
            self.wait("store")
            if self.wrong_id:
                message.command[0x0110] = (message.command[0x0110] + 1000) % 65536
            self.answered += 1  # first: who has the answer may look
            wire.answer_store(message, self.status)

    def result_of(self, abstract, syntax):
        """PS3.8 table 9-18"""
        return 3 if not self.accept(abstract) else 0 if self.syntax in (None, syntax) else 4

    def send_slowly(self, sock, octets):
        for octet in octets:
            sock.sendall(bytes([octet]))
            time.sleep(self.trickle)

    def hold_at(self, count):
        """Answers so many C-STOREs, and what comes then not before go_on()."""
        with self.changed:
            self.held_at = count
            self.changed.notify_all()

    def go_on(self):
        with self.changed:
            self.may_go = True
            self.changed.notify_all()

    def close(self):
        self.go_on()
        self.listener.close()
