# SPDX-License-Identifier: Apache-2.0
"""At the end: what was acknowledged is found and fetched octet for octet through each server, once; and the tables agree."""
import hashlib
import subprocess
import time

from clients import ANSWER_S, CONTEXTS
from dicomwire import CT_PROTOCOL, Aborted, Closed, Rejected, Wire
from protocols import keys
from record import read_journal, read_ledger

FIND_AT_ONCE, GET_AT_ONCE = 400, 200
SERVER_S = 60  # until a server takes an association


def associated(address, title):
    deadline = time.monotonic() + SERVER_S
    while True:
        try:
            return Wire(address[1], address[0], timeout=ANSWER_S).associate(CONTEXTS, roles=[(CT_PROTOCOL, 1, 1)], calling=title)
        except (Rejected, Aborted, Closed, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def through(address, title, digests):
    """What is wrong with the ledger ({UID: SHA-256}) as this server tells it."""
    wrong, uids = [], list(digests)
    wire = associated(address, title)
    for at in range(0, len(uids), FIND_AT_ONCE):
        some = uids[at:at + FIND_AT_ONCE]
        matches, final = wire.find(3, keys(SOPInstanceUID=some))
        if final.status != 0:
            wrong.append(f"C-FIND: status {final.status:04X} {final.command.get(0x0902, '')}")
        found = [m.SOPInstanceUID for m in matches]
        wrong += [f"{uid} is not found" for uid in some if uid not in set(found)]
        wrong += [f"{uid} is found twice" for uid in set(found) if found.count(uid) > 1]
        wrong += [f"{uid} is found and was not asked for" for uid in set(found) - set(some)]
    for at in range(0, len(uids), GET_AT_ONCE):
        some = uids[at:at + GET_AT_ONCE]
        stored, _, final = wire.get(5, some)
        came = {m.command[0x1000]: hashlib.sha256(m.data).hexdigest() for m in stored}
        if final.status != 0:
            wrong.append(f"C-GET: status {final.status:04X} {final.command.get(0x0902, '')}")
        wrong += [f"{uid} is not fetched" for uid in some if uid not in came]
        wrong += [f"{uid} is fetched with other octets" for uid in some if came.get(uid, digests[uid]) != digests[uid]]
        if len(stored) != len(came):
            wrong.append(f"{len(stored) - len(came)} were fetched twice")
    wire.release()
    return wrong


def sql(command, text):
    """Rows of what psql -XAtq prints."""
    done = subprocess.run(command, input=text, shell=True, text=True, capture_output=True, check=False, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"{command}: {done.stderr.strip()}")
    return [line.split("|") for line in done.stdout.splitlines()]


def in_tables(command, prefix, digests, attempted):
    """(what is wrong, how many rows were never acknowledged). Those are no fault when their store was tried: the answer was
    lost, or the client was stopped before it came."""
    got = sql(command, f"""
        select o.sop_instance_uid, o.state, encode(sha256(i.dataset), 'hex'), p.object_id is not null
        from dpp.objects as o
        left join dpp.instances as i on i.object_id = o.id
        left join dpp.protocols as p on p.object_id = o.id
        where o.sop_instance_uid like '{prefix}%';""")
    found = {row[0]: row[1:] for row in got}
    wrong = [f"{uid} is not in dpp.objects" for uid in digests if uid not in found]
    wrong += [f"{uid} is there twice" for uid in found if [r[0] for r in got].count(uid) > 1] if len(found) != len(got) else []
    for uid, (state, digest, has_protocol) in found.items():
        if digests.get(uid, digest) != digest:
            wrong.append(f"{uid} has other octets in dpp.instances")
        if state != "published" or not digest or has_protocol != "t":
            wrong.append(f"{uid} is {state}, octets {digest or 'none'}, row in dpp.protocols: {has_protocol}")
    more = len(found.keys() - digests.keys())
    if more > attempted:
        wrong.append(f"{more} objects were never acknowledged, but only {attempted} stores were left without an answer")
    return wrong, more


def prefix_of(ledger):
    """What the UIDs of a run begin with."""
    return ledger[0].uid[:len("2.25.") + 10]


def verify(folder, servers, command, title="LOAD00"):
    """{what: [what is wrong]} for each server and the tables, and the counts."""
    ledger = read_ledger(folder)
    if not ledger:
        raise RuntimeError("the ledger is empty")
    digests, wrong = {}, {"ledger": []}
    for entry in ledger:
        if digests.setdefault(entry.uid, entry.sha256) != entry.sha256:
            wrong["ledger"].append(f"{entry.uid} was acknowledged with two contents")
    for address in servers:
        wrong["{}:{}".format(*address)] = through(address, title, digests)
    more = None
    if command:
        attempts, _ = read_journal(folder)
        unanswered = len({a.operation for a in attempts if a.kind == "store"}) - len(digests)
        wrong["tables"], more = in_tables(command, prefix_of(ledger), digests, max(unanswered, 0))
    return {"acknowledged": len(digests), "never_acknowledged": more, "wrong": wrong}
