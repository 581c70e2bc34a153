# SPDX-License-Identifier: Apache-2.0
"""Servers behind HAProxy, and clients that must not notice when one is replaced by another.

Visitors make an association for each operation. Residents keep theirs, and do one operation after the other; when the server
asks them to release they do, and make another. Both repeat a request for an association that is rejected for now, refused
or reset before it is answered, and nothing else: an operation that gets no answer, or another status than success, has failed.
"""
import contextlib
import select
import socket
import subprocess
import threading
import time
from collections import Counter

import faultload
from dicomwire import CT_PROTOCOL, EXPLICIT, PATIENCE_S, Closed, Rejected, Wire, encode, pdu, wait_for
from protocols import keys, protocol
from wirescp import WireScp

DESTINATION = "ROLLINGDEST"
TRANSIENT = 2  # PS3.8 table 9-21


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Balancer:
    """HAProxy before servers on given ports, asking /readyz as deploy/ does, only more often."""

    def __init__(self, folder, ports):
        self.port, self.stats = free_port(), str(folder / "haproxy.sock")
        servers = "\n".join(f"    server s{n} 127.0.0.1:{dicom} check port {http}" for n, (dicom, http) in enumerate(ports))
        config = folder / "haproxy.cfg"
        config.write_text(f"""
global
    stats socket {self.stats}
defaults
    mode tcp
    timeout connect 2s
    timeout client 1h
    timeout server 1h
    retries 3
    option redispatch 1
listen dicom
    bind 127.0.0.1:{self.port}
    balance leastconn
    option httpchk GET /readyz
    default-server inter 200ms fastinter 100ms downinter 100ms fall 2 rise 1
{servers}
""")
        self.process = subprocess.Popen(["/usr/sbin/haproxy", "-db", "-f", config], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def up(self):
        """The servers that get connections."""
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(self.stats)
                s.sendall(b"show stat\n")
                text = b"".join(iter(lambda: s.recv(65536), b"")).decode()
        except OSError:
            return set()
        rows = [line.split(",") for line in text.splitlines() if line.startswith("dicom,s")]
        return {row[1] for row in rows if row[17] == "UP"}

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE_S)


class Lost(Exception):
    """An operation without an answer."""


class RollingLoad:
    def __init__(self, port, execute):
        self.port = port
        self.done, self.noticed = Counter(), Counter()  # operations with success; what clients had to cope with
        self.broken = []
        self.acknowledged = {}
        self.stopping = threading.Event()
        self.destination = WireScp()
        execute(f"insert into dpp.application_entities (ae_title, host, port, is_destination, max_associations)"
                f" values ('{DESTINATION}', '127.0.0.1', {self.destination.port}, true, 4)")
        self.seeds = [protocol() for _ in range(10)]
        wire = faultload.associate(port)
        for seed in self.seeds:
            assert faultload.store_one(wire, seed).status == 0
            self.acknowledged[seed.SOPInstanceUID] = encode(seed, EXPLICIT)
        wire.release()
        works = [self.store, self.find, self.get, self.move]
        self.threads = [threading.Thread(target=self.run, args=(client, work), daemon=True)
                        for work in works for client in (self.visit, self.reside)]
        for thread in self.threads:
            thread.start()

    # ---- operations; each raises what keeps it from ending with success
    def store(self, wire):
        ds = protocol(ProtocolDesignRationale="x" * 3000)
        answer = faultload.store_one(wire, ds)
        if answer.status == 0:
            self.acknowledged[ds.SOPInstanceUID] = encode(ds, EXPLICIT)
        return answer

    def find(self, wire):
        matches, final = wire.find(3, keys(SOPInstanceUID=self.seeds[0].SOPInstanceUID, ProtocolName=""))
        assert final.status != 0 or len(matches) == 1
        return final

    def get(self, wire):
        stored, _, final = wire.get(5, [seed.SOPInstanceUID for seed in self.seeds])
        assert all(m.data == self.acknowledged[m.command[0x1000]] for m in stored)
        assert final.status != 0 or len(stored) == len(self.seeds)
        return final

    def move(self, wire):
        return wire.move(7, [seed.SOPInstanceUID for seed in self.seeds[:4]], DESTINATION)[1]

    # ---- clients
    def associate(self):
        for _ in range(100):
            try:
                return faultload.associate(self.port)
            except Rejected as e:
                if e.result != TRANSIENT:
                    raise
                self.noticed["rejected"] += 1
            except (Closed, ConnectionError) as e:
                self.noticed[f"no answer to the request for an association: {type(e).__name__}"] += 1
            time.sleep(0.05)
        raise Lost("no association within 100 tries")

    def operate(self, wire, work):
        try:
            answer = work(wire)
        except Exception as e:
            raise Lost(f"{work.__name__}: {e!r}") from e
        if answer.status != 0:
            raise Lost(f"{work.__name__}: {answer.status:04X} {faultload.comment(answer)}")
        self.done[work.__name__] += 1

    def visit(self, work):
        wire = self.associate()
        self.operate(wire, work)
        wire.close() if self.is_asked_to_release(wire) else wire.release()

    def reside(self, work):
        wire = self.associate()
        while not self.stopping.is_set():
            self.operate(wire, work)
            if self.is_asked_to_release(wire):
                self.noticed["released"] += 1
                wire.close()
                return
        wire.release()

    def is_asked_to_release(self, wire):
        """As toolkits see it before they send the next request."""
        if not select.select([wire.sock], [], [], 0)[0]:
            return False
        kind, _ = wire.read_pdu()
        assert kind == 0x05, kind
        wire.send(pdu(0x06, bytes(4)))
        return True

    def run(self, client, work):
        while not self.stopping.is_set():
            try:
                client(work)
            except Exception as e:
                self.broken.append(f"{client.__name__}: {e!r}")
                self.stopping.wait(0.2)

    # ---- what is asked meanwhile
    def wait_for_more(self, count=3):
        """So many operations of each kind, from now on."""
        before = self.done.copy()
        wait_for(lambda: self.broken or all(self.done[kind] - before[kind] >= count
                                            for kind in ("store", "find", "get", "move")))

    def stop(self):
        """Everything that was acknowledged is there."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "an operation hangs"
        self.destination.close()
        with contextlib.closing(faultload.associate(self.port)) as wire:
            uids = list(self.acknowledged)
            for i in range(0, len(uids), 500):
                stored, _, final = wire.get(5, uids[i:i + 500])
                assert final.status == 0
                assert {m.command[0x1000]: m.data for m in stored} == {u: self.acknowledged[u] for u in uids[i:i + 500]}
