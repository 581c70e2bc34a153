# SPDX-License-Identifier: Apache-2.0
"""A second, deliberately plain implementation of the DICOM Upper Layer and DIMSE (PS3.7, PS3.8).

Nothing here is shared with dppr: PDUs are put together octet by octet, so a test can say exactly what
goes over the wire, right or wrong. Data sets are pydicom's. Blocking sockets, one association per object,
every wait has a deadline.
"""
import io
import socket
import struct
import time
import zlib

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pydicom.filebase import DicomBytesIO

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
VERIFICATION = "1.2.840.10008.1.1"
CT_PROTOCOL = "1.2.840.10008.5.1.4.1.1.200.1"
XA_PROTOCOL = "1.2.840.10008.5.1.4.1.1.200.7"
APPROVAL = "1.2.840.10008.5.1.4.1.1.200.3"
APPROVAL_FIND = "1.2.840.10008.5.1.4.1.1.200.4"
APPROVAL_MOVE = "1.2.840.10008.5.1.4.1.1.200.5"
APPROVAL_GET = "1.2.840.10008.5.1.4.1.1.200.6"
FIND = "1.2.840.10008.5.1.4.20.1"
MOVE = "1.2.840.10008.5.1.4.20.2"
GET = "1.2.840.10008.5.1.4.20.3"
SYNTAXES = {"implicit": IMPLICIT, "explicit": EXPLICIT, "big": BIG_ENDIAN, "deflated": DEFLATED}
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"

# Nothing that works takes so long, however loaded the machine is; only what hangs does. A shorter deadline is for what is to
# fail, and belongs to the server.
PATIENCE_S = 120

C_STORE, C_GET, C_FIND, C_MOVE, C_ECHO, C_CANCEL = 0x0001, 0x0010, 0x0020, 0x0021, 0x0030, 0x0FFF
RESPONSE = 0x8000
NO_DATASET = 0x0101

# (0000,eeee) -> VR of the command elements used here (PS3.7 E.1)
COMMAND_VR = {
    0x0000: "UL", 0x0002: "UI", 0x0100: "US", 0x0110: "US", 0x0120: "US", 0x0600: "AE", 0x0700: "US",
    0x0800: "US", 0x0900: "US", 0x0901: "AT", 0x0902: "LO", 0x1000: "UI", 0x1020: "US", 0x1021: "US",
    0x1022: "US", 0x1023: "US", 0x1030: "AE", 0x1031: "US",
}


class Closed(Exception):
    """The peer closed the connection."""


class Aborted(Exception):
    """An A-ABORT came."""

    def __init__(self, source, reason):
        super().__init__(f"A-ABORT source {source} reason {reason}")
        self.source, self.reason = source, reason


class Rejected(Exception):
    """An A-ASSOCIATE-RJ came."""

    def __init__(self, result, source, reason):
        super().__init__(f"A-ASSOCIATE-RJ {result}/{source}/{reason}")
        self.result, self.source, self.reason = result, source, reason


class UnexpectedPdu(AssertionError):
    """Another PDU than P-DATA-TF came where a message was due."""

    def __init__(self, kind):
        super().__init__(f"PDU type {kind} instead of P-DATA-TF")
        self.kind = kind


def item(kind, body):
    return struct.pack(">BBH", kind, 0, len(body)) + body


def uid_item(kind, uid):
    return item(kind, uid.encode())


def pdu(kind, body):
    return struct.pack(">BBI", kind, 0, len(body)) + body


def context_item(number, abstract, transfers):
    body = struct.pack(">BBBB", number, 0, 0, 0) + uid_item(0x30, abstract)
    return item(0x20, body + b"".join(uid_item(0x40, t) for t in transfers))


def role_item(uid, scu, scp):
    return item(0x54, struct.pack(">H", len(uid)) + uid.encode() + bytes([scu, scp]))


def extended_item(uid, info):
    return item(0x56, struct.pack(">H", len(uid)) + uid.encode() + bytes(info))


def async_item(invoked, performed):
    return item(0x53, struct.pack(">HH", invoked, performed))


def associate_rq(contexts, called="DPPR", calling="WIRE", roles=(), extra=b"", max_length=16384,
                 application=APPLICATION_CONTEXT, version=1, called_raw=None, calling_raw=None):
    """contexts: [(id, abstract syntax, [transfer syntaxes])]"""
    user = item(0x51, struct.pack(">I", max_length)) + uid_item(0x52, "1.2.3.4.5.6.7")
    user += b"".join(role_item(*r) for r in roles) + item(0x55, b"WIRE_1") + extra
    body = struct.pack(">HH", version, 0)
    body += called_raw or called.ljust(16).encode()
    body += calling_raw or calling.ljust(16).encode()
    body += bytes(32) + uid_item(0x10, application)
    body += b"".join(context_item(*c) for c in contexts) + item(0x50, user)
    return pdu(0x01, body)


def command_bytes(values):
    """{element: value} as an Implicit VR Little Endian command set."""
    body = b""
    for element in sorted(values):
        value = values[element]
        vr = COMMAND_VR[element]
        if vr == "US":
            raw = struct.pack("<H", value)
        elif vr == "AT":
            raw = struct.pack("<HH", value >> 16, value & 0xFFFF)
        else:
            raw = value.encode() if isinstance(value, str) else value
            raw += (b"\0" if vr == "UI" else b" ") * (len(raw) % 2)
        body += struct.pack("<HHI", 0, element, len(raw)) + raw
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


def parse_command(raw):
    values, at = {}, 0
    while at < len(raw):
        group, element, length = struct.unpack_from("<HHI", raw, at)
        assert group == 0, "a command set holds group 0000 only"
        value = raw[at + 8:at + 8 + length]
        assert len(value) == length, "truncated command element"
        at += 8 + length
        vr = COMMAND_VR[element]
        if vr == "US":
            values[element] = struct.unpack("<H", value)[0]
        elif vr == "UL":
            values[element] = struct.unpack("<I", value)[0]
            assert values[element] == len(raw) - 12, "wrong command group length"
        elif vr == "AT":
            g, e = struct.unpack("<HH", value[:4])
            values[element] = g << 16 | e
        else:
            values[element] = value.decode("ascii").rstrip("\0 ")
    return values


def pdv(context, is_command, is_last, fragment):
    header = (1 if is_command else 0) | (2 if is_last else 0)
    return struct.pack(">IBB", len(fragment) + 2, context, header) + fragment


def deflate(octets):
    """PS3.5 A.5"""
    packer = zlib.compressobj(wbits=-15)
    raw = packer.compress(octets) + packer.flush()
    return raw + b"\0" * (len(raw) % 2)


def inflate(octets):
    return zlib.decompressobj(wbits=-15).decompress(octets)


def encode(dataset, transfer=IMPLICIT):
    """A pydicom Dataset as octets."""
    if transfer == DEFLATED:
        return deflate(encode(dataset, EXPLICIT))
    out = DicomBytesIO()
    out.is_implicit_VR = transfer == IMPLICIT
    out.is_little_endian = transfer != BIG_ENDIAN
    write_dataset(out, dataset)
    return out.getvalue()


def decode(octets, transfer=IMPLICIT):
    if transfer == DEFLATED:
        octets = inflate(octets)
    return read_dataset(io.BytesIO(octets), transfer == IMPLICIT, transfer != BIG_ENDIAN)


class Message:
    def __init__(self, context, command, data):
        self.context, self.command, self.data = context, command, data

    @property
    def status(self):
        return self.command[0x0900]


class Wire:
    """A TCP connection that speaks PDUs; within TLS where a context of module ssl is given, which begins behind the octets
    `first`."""

    def __init__(self, port, host="127.0.0.1", timeout=PATIENCE_S, receive_buffer=None, source=None, tls=None, first=b""):
        self.sock = socket.socket()
        if source:
            self.sock.bind((source, 0))
        self.sock.settimeout(timeout)
        if receive_buffer:  # what is not read stays with the sender
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.connect((host, port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(first)
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname="localhost")
        self.timeout = timeout
        self.results = {}
        self.transfer = {}
        self.user = {}
        self.peer_max = 16384
        self.message_id = 0
        self.pending = []

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, octets):
        self.sock.sendall(octets)

    def _read(self, count):
        out = b""
        while len(out) < count:
            chunk = self.sock.recv(count - len(out))
            if not chunk:
                raise Closed(f"{len(out)} of {count} octets")
            out += chunk
        return out

    def read_pdu(self):
        kind, _, length = struct.unpack(">BBI", self._read(6))
        body = self._read(length)
        if kind == 0x07:
            raise Aborted(body[2], body[3])
        return kind, body

    def expect_closed(self):
        """Nothing more comes, and the connection ends when we close it (PS3.8 Sta13: the peer waits for that)."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
            rest = self.sock.recv(1)
        except ConnectionResetError:
            return
        assert rest == b"", f"expected the connection to close, got {rest!r}"

    # ---- association -----------------------------------------------------------------------------
    def associate(self, contexts, **options):
        self.send(associate_rq(contexts, **options))
        return self.read_associate_answer()

    def read_associate_answer(self):
        kind, body = self.read_pdu()
        if kind == 0x03:
            raise Rejected(body[1], body[2], body[3])
        assert kind == 0x02, f"PDU type {kind}"
        at = 68
        while at < len(body):
            kind, _, length = struct.unpack_from(">BBH", body, at)
            value = body[at + 4:at + 4 + length]
            at += 4 + length
            if kind == 0x21:
                self.results[value[0]] = value[2]
                sub, _, n = struct.unpack_from(">BBH", value, 4)
                assert sub == 0x40
                self.transfer[value[0]] = value[8:8 + n].decode().rstrip("\0")
            elif kind == 0x50:
                inner = 0
                while inner < len(value):
                    sub, _, n = struct.unpack_from(">BBH", value, inner)
                    self.user.setdefault(sub, []).append(value[inner + 4:inner + 4 + n])
                    inner += 4 + n
        if 0x51 in self.user:
            self.peer_max = struct.unpack(">I", self.user[0x51][0])[0] or 1 << 20
        return self

    def release(self):
        self.send(pdu(0x05, bytes(4)))
        while True:
            kind, _ = self.read_pdu()
            if kind == 0x06:
                break
        self.close()

    def abort(self):
        self.send(pdu(0x07, bytes(4)))
        self.close()

    # ---- messages --------------------------------------------------------------------------------
    def message_octets(self, context, command, data=None):
        raw = command_bytes(command)
        out = b""
        room = max(2, min(self.peer_max, 1 << 20) - 6) & ~1
        for octets, is_command in ((raw, True), (data, False)):
            if octets is None:
                continue
            pieces = [octets[i:i + room] for i in range(0, len(octets), room)] or [b""]
            for n, piece in enumerate(pieces):
                out += pdu(0x04, pdv(context, is_command, n == len(pieces) - 1, piece))
        return out

    def send_message(self, context, command, data=None):
        self.send(self.message_octets(context, command, data))

    def next_id(self):
        self.message_id += 1
        return self.message_id

    def request(self, field, sop_class, data=None, message_id=None, **more):
        command = {0x0002: sop_class, 0x0100: field, 0x0110: message_id or self.next_id(),
                   0x0800: NO_DATASET if data is None else 1}
        if field != C_ECHO:
            command[0x0700] = 0
        command.update({int(k[1:], 16): v for k, v in more.items()})
        return command

    def read_message(self):
        command, data, context = b"", b"", None
        command_done = data_done = False
        values = None
        while not (command_done and data_done):
            if not self.pending:
                kind, body = self.read_pdu()
                if kind != 0x04:
                    raise UnexpectedPdu(kind)
                at = 0
                while at < len(body):
                    length, number, header = struct.unpack_from(">IBB", body, at)
                    self.pending.append((number, header, body[at + 6:at + 4 + length]))
                    at += 4 + length
                assert at == len(body)
            number, header, fragment = self.pending.pop(0)
            assert context in (None, number), "fragments of two contexts mixed"
            context = number
            if header & 1:
                assert not command_done
                command += fragment
                if header & 2:
                    command_done = True
                    values = parse_command(command)
                    data_done = values[0x0800] == NO_DATASET
            else:
                assert command_done
                data += fragment
                data_done = bool(header & 2)
        return Message(context, values, data if values[0x0800] != NO_DATASET else None)

    # ---- services --------------------------------------------------------------------------------
    def echo(self, context=1):
        self.send_message(context, self.request(C_ECHO, VERIFICATION))
        return self.read_message().status

    def store(self, context, octets, sop_class, sop_instance, **more):
        command = self.request(C_STORE, sop_class, octets, **more)
        command[0x1000] = sop_instance
        self.send_message(context, command, octets)
        return self.read_message()

    def send_find(self, context, identifier, sop_class=FIND, message_id=None):
        octets = identifier if isinstance(identifier, bytes) else encode(
            identifier, self.transfer[context])
        command = self.request(C_FIND, sop_class, octets, message_id)
        self.send_message(context, command, octets)
        return command[0x0110]

    def find(self, context, identifier, sop_class=FIND):
        """([identifier Datasets], final Message)"""
        self.send_find(context, identifier, sop_class)
        matches = []
        while True:
            message = self.read_message()
            if message.status not in (0xFF00, 0xFF01):
                return matches, message
            ds = decode(message.data, self.transfer[context])
            ds.pending_status = message.status
            matches.append(ds)

    def send_cancel(self, context, message_id):
        self.send_message(context, {0x0100: C_CANCEL, 0x0120: message_id, 0x0800: NO_DATASET})

    def get(self, context, uids, on_store=None, sop_class=GET):
        """([(Message, octets)], [pending Messages], final Message)"""
        ds = Dataset()
        ds.SOPInstanceUID = uids
        octets = encode(ds, self.transfer[context])
        command = self.request(C_GET, sop_class, octets)
        self.send_message(context, command, octets)
        stored, pendings = [], []
        while True:
            message = self.read_message()
            if message.command[0x0100] == C_STORE:
                status = on_store(message) if on_store else 0
                if status is not None:
                    self.answer_store(message, status)
                stored.append(message)
            elif message.status == 0xFF00:
                pendings.append(message)
            else:
                return stored, pendings, message

    def answer_store(self, message, status=0):
        self.send_message(message.context, {
            0x0002: message.command[0x0002], 0x0100: C_STORE | RESPONSE,
            0x0120: message.command[0x0110], 0x0800: NO_DATASET, 0x0900: status,
            0x1000: message.command[0x1000]})

    def send_move(self, context, uids, destination, sop_class=MOVE):
        ds = Dataset()
        ds.SOPInstanceUID = uids
        octets = encode(ds, self.transfer[context])
        command = self.request(C_MOVE, sop_class, octets)
        command[0x0600] = destination
        self.send_message(context, command, octets)
        return command[0x0110]

    def move(self, context, uids, destination, sop_class=MOVE):
        """([pending Messages], final Message)"""
        self.send_move(context, uids, destination, sop_class)
        pendings = []
        while True:
            message = self.read_message()
            if message.status != 0xFF00:
                return pendings, message
            pendings.append(message)


def unless_too_slow(deadline_s, connect):
    """What connect() makes, of a server with a deadline as short as this. A client that the machine keeps waiting longer is
    given up, rightly, and comes again; one that is given up sooner has found a fault."""
    patience = time.monotonic() + PATIENCE_S
    while True:
        begun = time.monotonic()
        try:
            return connect()
        except (Aborted, Closed, ConnectionError):
            if begun > patience or time.monotonic() - begun < deadline_s:
                raise


def wait_for(condition, timeout=PATIENCE_S, interval=0.05):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(interval)
    raise AssertionError("timed out waiting")
