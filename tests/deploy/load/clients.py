# SPDX-License-Identifier: Apache-2.0
"""Clients as scanners and workstations are: each has its own calling AE title and one association at a time, does some
operations on it, releases it, comes again. What fails is tried again with back-off until it succeeds. A store is in the
ledger before its client goes on; who asks for what is in the ledger must get it, through whichever server answers."""
import errno
import hashlib
import random
import select
import threading
import time

from dicomwire import (CT_PROTOCOL, EXPLICIT, FIND, GET, MOVE, Aborted, Closed, Rejected, UnexpectedPdu, Wire, encode, pdu)
from protocols import keys, protocol
from record import OK, Acknowledged, Attempt, Lines, Violation, LEDGER, JOURNAL

CONTEXTS = [(1, CT_PROTOCOL, [EXPLICIT]), (3, FIND, [EXPLICIT]), (5, GET, [EXPLICIT]), (7, MOVE, [EXPLICIT])]
A_RELEASE_RQ, A_RELEASE_RP = 0x05, 0x06
ANSWER_S = 150  # for one message; the server's own deadlines are shorter, so only a hang takes so long
CONNECT_S = 10
PATIENCE_S = 300  # for one operation with all its attempts
BACK_OFF_S, MOST_BACK_OFF_S = 0.1, 2.0
PER_ASSOCIATION = 12  # operations at most
LATEST = 30  # acknowledged last: most reads ask for these, as they are the hardest to have everywhere
LARGE = 6 << 20  # octets, more than sockets buffer: for a destination that stops reading
WEIGHTS = dict(store=4, find=4, get=2, move=1)
READING = dict(find=2, get=1)
TITLE = "LOAD{:02}"
HUNG_KIND = "move-to-hung"  # the mix does not hold these against the server


class Shared:
    """What all clients of a run know."""

    def __init__(self, folder, address, destination, seed, pause):
        self.address, self.destination, self.pause = address, destination, pause
        self.run = f"2.25.{random.SystemRandom().randrange(10 ** 9, 10 ** 10)}"  # what the UIDs of a run begin with
        self.random_seed = seed
        self.ledger_file, self.journal = Lines(folder / LEDGER), Lines(folder / JOURNAL)
        self.lock = threading.Lock()
        self.acknowledged, self.digests = [], {}
        self.operations = 0
        self.stopping = threading.Event()

    def acknowledge(self, uid, octets, client):
        digest = hashlib.sha256(octets).hexdigest()
        self.ledger_file.add(Acknowledged(uid, digest, time.time(), client))
        with self.lock:
            self.acknowledged.append(uid)
            self.digests[uid] = digest

    def some(self, chance, count):
        """UIDs of the ledger, most of them of the latest; the very last among them."""
        with self.lock:
            known = self.acknowledged
            pool = known[-LATEST:] if chance.random() < 0.8 else known
            return list(dict.fromkeys([known[-1], *chance.choices(pool, k=count - 1)]))

    def next_operation(self):
        with self.lock:
            self.operations += 1
            return self.operations

    def violate(self, client, what):
        self.journal.add(Violation(time.time(), client, what))


class Broken(Exception):
    """No status came: what came instead."""

    def __init__(self, outcome):
        super().__init__(outcome)
        self.outcome = outcome


def outcome_of(error):
    if isinstance(error, Rejected):
        return f"rejected {error.result}/{error.source}/{error.reason}"
    if isinstance(error, Aborted):
        return f"aborted {error.source}/{error.reason}"
    if isinstance(error, Closed):
        return "closed"
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return "reset"
    return errno.errorcode.get(error.errno, "error").lower()


class Client(threading.Thread):
    def __init__(self, shared, number, title=None, weights=None):
        self.title, self.weights = title or TITLE.format(number), weights or WEIGHTS
        super().__init__(name=self.title, daemon=True)
        self.shared = shared
        self.chance = random.Random(f"{shared.random_seed} {self.title}")
        self.serial, self.number = 0, number
        self.wire, self.left = None, 0

    # ---- associations
    def associate(self):
        self.phase = "connect"
        host, port = self.shared.address
        wire = Wire(port, host, timeout=CONNECT_S)
        self.phase = "associate"
        wire.sock.settimeout(ANSWER_S)
        wire.timeout = ANSWER_S
        try:
            wire.associate(CONTEXTS, roles=[(CT_PROTOCOL, 1, 1)], calling=self.title)
        except BaseException:
            wire.close()
            raise
        self.wire, self.left = wire, self.chance.randint(1, PER_ASSOCIATION)

    def drop(self):
        if self.wire:
            self.wire.close()
        self.wire = None

    def look(self):
        """An association that has ended since the last answer is no failed operation, and one that the server asks to
        release (PS3.8 7.2) is released."""
        self.phase = "between"
        if self.wire and select.select([self.wire.sock], [], [], 0)[0]:
            kind, _ = self.wire.read_pdu()
            self.answer_release(kind)

    def answer_release(self, kind):
        assert kind == A_RELEASE_RQ, f"PDU of type {kind}"
        self.wire.send(pdu(A_RELEASE_RP, bytes(4)))
        self.drop()

    def release(self):
        """Both may ask at once: then both answer (PS3.8 9.2.3, Sta9 and Sta11)."""
        self.phase = "release"
        try:
            self.wire.send(pdu(A_RELEASE_RQ, bytes(4)))
            while (kind := self.wire.read_pdu()[0]) != A_RELEASE_RP:
                assert kind == A_RELEASE_RQ, f"PDU of type {kind}"
                self.wire.send(pdu(A_RELEASE_RP, bytes(4)))
        finally:
            self.drop()

    # ---- operations
    def run(self):
        try:
            while not self.shared.stopping.is_set():
                kind = self.chance.choices(list(self.weights), self.weights.values())[0]
                self.operate(kind, getattr(self, kind)())
                self.shared.stopping.wait(self.chance.uniform(0, 2 * self.shared.pause))
        except Exception as e:  # a wrong octet from the server, or a mistake here: neither is let pass
            self.shared.violate(self.title, f"{type(e).__name__}: {e}")
        finally:
            self.drop()

    def operate(self, kind, once):
        """The whole operation: `once` until it says success. once() gives (status, comment)."""
        operation, began, attempt, pause = self.shared.next_operation(), time.monotonic(), 0, BACK_OFF_S
        while True:
            attempt += 1
            outcome = self.try_once(kind, operation, attempt, once)
            if outcome == OK:
                return
            if time.monotonic() - began > PATIENCE_S:
                self.shared.violate(self.title, f"{kind} {operation}: no success in {PATIENCE_S} s, last {outcome}")
                return
            time.sleep(pause * self.chance.uniform(0.5, 1.5))
            pause = min(2 * pause, MOST_BACK_OFF_S)

    def try_once(self, kind, operation, attempt, once):
        began, comment = time.monotonic(), ""
        try:
            self.look()
            if not self.wire:
                self.associate()
            self.phase = "answer"
            status, comment = once()
            outcome = f"{status:04X}"
            if status == 0:
                self.left -= 1
        except (Rejected, Aborted, Closed, OSError) as e:
            outcome = outcome_of(e)
            self.drop()
        except UnexpectedPdu as e:  # the server's request to release has crossed ours for an operation, which it may not answer
            outcome = "released"
            self.answer_release(e.kind)
        ms = round((time.monotonic() - began) * 1000, 1)
        self.shared.journal.add(Attempt(time.time(), ms, self.title, kind, operation, attempt, self.phase, outcome, comment))
        if self.wire and (self.left <= 0 or outcome != OK):
            self.end_association(operation)
        return outcome

    def end_association(self, operation):
        try:
            self.release()
        except (Aborted, Closed, OSError) as e:
            self.shared.journal.add(Attempt(time.time(), 0, self.title, "release", operation, 1, "release", outcome_of(e), ""))

    # Each returns the function that tries it once, with what is asked chosen beforehand: another attempt asks the same.
    def store(self, large=False):
        self.serial += 1
        uid = f"{self.shared.run}{self.number:03}{self.serial:07}"
        text = "".join(self.chance.choices("abcdefgh ", k=self.chance.randint(100, 6000))).strip()
        ds = protocol(SOPInstanceUID=uid, ProtocolName=f"Load {self.title} {self.serial}", ProtocolDesignRationale=text)
        if large:
            ds.private_block(0x0099, "LOAD 1.0", create=True).add_new(0x01, "OB", self.chance.randbytes(LARGE))
        octets = encode(ds, EXPLICIT)

        def once():
            answer = self.wire.store(1, octets, CT_PROTOCOL, uid)
            if answer.status == 0:
                self.shared.acknowledge(uid, octets, self.title)
            return said(answer)
        return once

    def find(self):
        uids = self.shared.some(self.chance, self.chance.choice((1, 1, 5, 20)))

        def once():
            matches, final = self.wire.find(3, keys(SOPInstanceUID=uids, ProtocolName=""))
            if final.status == 0:
                self.compare("find", uids, [m.SOPInstanceUID for m in matches])
            return said(final)
        return once

    def get(self):
        uids = self.shared.some(self.chance, self.chance.choice((1, 2, 5)))

        def once():
            stored, _, final = self.wire.get(5, uids)
            for message in stored:
                self.check_octets("get", message.command[0x1000], hashlib.sha256(message.data).hexdigest())
            if final.status == 0:
                self.compare("get", uids, [m.command[0x1000] for m in stored])
            return said(final)
        return once

    def move(self):
        uids = self.shared.some(self.chance, self.chance.choice((1, 2, 5)))

        def once():
            self.shared.destination.open_box(self.title)
            _, final = self.wire.move(7, uids, self.title)
            came = self.shared.destination.box(self.title)
            for uid, digests in came.items():
                for digest in digests:
                    self.check_octets("move", uid, digest)
            if final.status == 0 and not set(uids) <= came.keys():
                self.shared.violate(self.title, f"move: success, and {sorted(set(uids) - came.keys())} did not come")
            return said(final)
        return once

    # ---- promises
    def compare(self, kind, asked, came):
        if sorted(asked) != sorted(came):
            missing, extra = set(asked) - set(came), len(came) - len(set(came) & set(asked))
            self.shared.violate(self.title, f"{kind}: success with {len(came)} of {len(asked)} that were acknowledged before; "
                                            f"missing {sorted(missing)}, {extra} too many")

    def check_octets(self, kind, uid, digest):
        if self.shared.digests.get(uid) != digest:
            self.shared.violate(self.title, f"{kind}: {uid} came with other octets than were stored")


class HungMover(Client):
    """Moves to a destination that hangs, over and over. Success would be a wonder; anything else is for the report to judge."""

    def __init__(self, shared, number, uids, destination):
        super().__init__(shared, number, f"TO_{destination}")
        self.uids, self.destination_title = uids, destination

    def run(self):
        try:
            while not self.shared.stopping.is_set():
                self.try_once(HUNG_KIND, self.shared.next_operation(), 1, self.move_there)
                self.shared.stopping.wait(0.5)
        except Exception as e:
            self.shared.violate(self.title, f"{type(e).__name__}: {e}")
        finally:
            self.drop()

    def move_there(self):
        return said(self.wire.move(7, self.uids, self.destination_title)[1])


def said(message):
    """(status, Error Comment)"""
    return message.status, message.command.get(0x0902, "")
