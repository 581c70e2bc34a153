# SPDX-License-Identifier: Apache-2.0
"""The move destinations of the load: one port for all titles. Keeps what comes by called title, and hangs where the title
says so: HANG_CONNECT takes connections and never answers; HANG_STORE takes a C-STORE and never answers;
HANG_READ stops reading in the middle of a C-STORE."""
import hashlib
import socket
import threading

import dicomwire
from dicomwire import Aborted, Closed, Wire
from wirescp import associate_ac

HANG_CONNECT, HANG_STORE, HANG_READ = "HANG_CONNECT", "HANG_STORE", "HANG_READ"
HANGING = (HANG_CONNECT, HANG_STORE, HANG_READ)
PATIENCE_S = 600
SMALL_BUFFER = 4096  # so that what is not read stays with the sender


class Destination:
    def __init__(self, address, port, syntax):
        self.listener = socket.create_server((address, port), backlog=128)
        self.syntax = syntax
        self.port = self.listener.getsockname()[1]
        self.boxes, self.lock = {}, threading.Lock()
        self.closing = threading.Event()
        threading.Thread(target=self.run, daemon=True).start()

    def open_box(self, title):
        """From now on, what comes for the title: {UID: {SHA-256 of what came}}."""
        with self.lock:
            self.boxes[title] = {}

    def box(self, title):
        with self.lock:
            return {uid: set(digests) for uid, digests in self.boxes.get(title, {}).items()}

    def close(self):
        self.closing.set()
        self.listener.close()

    def run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        try:
            self.converse(sock)
        except (Closed, Aborted, OSError):
            pass  # whoever asked for the move learns of it
        finally:
            sock.close()

    def converse(self, sock):
        wire = Wire.__new__(Wire)
        wire.sock, wire.pending, wire.peer_max, wire.timeout = sock, [], 16384, PATIENCE_S
        sock.settimeout(PATIENCE_S)
        _, body = wire.read_pdu()
        title = body[4:20].decode().strip()
        if title == HANG_CONNECT:
            self.closing.wait()
        if title == HANG_READ:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        octets, wire.transfer = associate_ac(body, lambda _, syntax: 0 if syntax == self.syntax else 4)
        wire.send(octets)
        if title == HANG_READ:
            sock.recv(SMALL_BUFFER)
            self.closing.wait()
        while True:
            try:
                message = wire.read_message()
            except dicomwire.UnexpectedPdu as other:
                assert other.kind == 5, "not a release request"
                wire.send(dicomwire.pdu(6, bytes(4)))
                return
            if title == HANG_STORE:
                self.closing.wait()
            digest = hashlib.sha256(message.data).hexdigest()
            with self.lock:
                self.boxes.setdefault(title, {}).setdefault(message.command[0x1000], set()).add(digest)
            wire.answer_store(message)
