# SPDX-License-Identifier: Apache-2.0
"""A storage SCP spoken by hand, for destinations that do what no proper one does."""
import socket
import struct
import threading

import dicomwire
from dicomwire import Wire


class WireScp:
    """Answers A-ASSOCIATE with the results asked for, C-STOREs with a status. hang="associate" or "store": does not
    answer before go_on(), or for 20 s."""

    def __init__(self, accept=lambda abstract: True, status=0, hang=None, abort_after=None):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.accept, self.status, self.hang, self.abort_after = accept, status, hang, abort_after
        self.commands, self.associations, self.open, self.most_open = [], 0, 0, 0
        self.lock, self.may_go = threading.Lock(), threading.Event()
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
            self.converse(sock)
        finally:
            with self.lock:
                self.open -= 1
            sock.close()

    def converse(self, sock):
        wire = Wire.__new__(Wire)
        wire.sock, wire.pending, wire.peer_max, wire.timeout = sock, [], 16384, 30
        sock.settimeout(30)
        try:
            _, body = wire.read_pdu()
            if self.hang == "associate":
                self.may_go.wait(20)
            answer, at = body[:68], 68
            answer += dicomwire.uid_item(0x10, dicomwire.APPLICATION_CONTEXT)
            while at < len(body):
                kind, _, length = struct.unpack_from(">BBH", body, at)
                value = body[at + 4:at + 4 + length]
                at += 4 + length
                if kind == 0x20:
                    n = struct.unpack_from(">H", value, 6)[0]
                    abstract = value[8:8 + n].decode()
                    result = 0 if self.accept(abstract) else 3
                    rest = value[8 + n:]
                    m = struct.unpack_from(">H", rest, 2)[0]
                    answer += dicomwire.item(0x21, bytes([value[0], 0, result, 0]) + rest[:4 + m])
            answer += dicomwire.item(0x50, dicomwire.item(0x51, struct.pack(">I", 16384))
                                     + dicomwire.uid_item(0x52, "1.2.3"))
            wire.send(dicomwire.pdu(2, answer))
            while True:
                try:
                    message = wire.read_message()
                except AssertionError:  # a release request
                    wire.send(dicomwire.pdu(6, bytes(4)))
                    return
                self.commands.append(message.command)
                if self.abort_after is not None and len(self.commands) > self.abort_after:
                    wire.abort()
                    return
                if self.hang == "store":
                    self.may_go.wait(20)
                wire.answer_store(message, self.status)
        except (dicomwire.Closed, dicomwire.Aborted, OSError):
            pass

    def go_on(self):
        self.may_go.set()

    def close(self):
        self.may_go.set()
        self.listener.close()
