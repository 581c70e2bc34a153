# SPDX-License-Identifier: Apache-2.0
"""Move destinations that behave badly cost nobody else anything. The server has one retrieve worker with one database
connection, so whatever a bad destination holds would be missed at once: the others' moves end while it still hangs."""
import contextlib
import itertools
import os
import select
import socket

import pytest

from conftest import Server
from dicomwire import (C_CANCEL, C_MOVE, CT_PROTOCOL, EXPLICIT, MOVE, NO_DATASET, Wire, decode, encode, wait_for)
from metrics import metrics
from protocols import keys
from watch import threads
from wirescp import WireScp

MAX_WAITING = 8
QUEUE_LIMIT = 'dppr_limits_hit_total{limit="destination-max-waiting"}'
_serial = itertools.count(1)


@pytest.fixture(scope="module")
def uids(sample_database):
    rows = sample_database.query("select sop_instance_uid from dpp.objects where sop_class_uid = %s limit 5",
                                 (CT_PROTOCOL,))
    return [uid for uid, in rows]


@pytest.fixture(scope="module")
def server(sample_database):
    """Patient: what hangs does so until the test has seen enough."""
    server = Server(sample_database.uri, workers=1, database_connections=2, retrieve_workers=1, retrieve_connections=1,
                    destination_max_waiting=MAX_WAITING, connect_timeout="60s", negotiation_timeout="60s",
                    suboperation_timeout="60s")
    yield server
    assert server.stop() == 0, server.log[-6000:]
    assert "Sanitizer" not in server.log, server.log[-8000:]


class Moves:
    """The moves of one requester, several at a time on one association."""

    def __init__(self, server, uids):
        self.wire = Wire(server.port).associate([(1, MOVE, [EXPLICIT])], calling="MOVER")
        self.uids, self.finals, self.begun = uids, {}, set()

    def send(self, title):
        """Until it is in the queue of its destination: the first pending response, or the end."""
        octets = encode(keys(SOPInstanceUID=self.uids), EXPLICIT)
        command = self.wire.request(C_MOVE, MOVE, octets)
        command[0x0600] = title
        self.wire.send_message(1, command, octets)
        while command[0x0110] not in self.begun:
            self.take()
        return command[0x0110]

    def cancel(self, number):
        self.wire.send_message(1, {0x0100: C_CANCEL, 0x0120: number, 0x0800: NO_DATASET})

    def take(self):
        message = self.wire.read_message()
        self.begun.add(message.command[0x0120])
        if message.status != 0xFF00:
            assert message.command[0x0120] not in self.finals
            self.finals[message.command[0x0120]] = message

    def final(self, number):
        while number not in self.finals:
            self.take()
        return self.finals[number]

    def ended(self):
        """What has ended so far."""
        while select.select([self.wire.sock], [], [], 0)[0]:
            self.take()
        return set(self.finals)


class Place:
    """Destinations of one test: registered, and gone when it ends."""

    def __init__(self, database):
        self.database, self.closing, self.titles = database, contextlib.ExitStack(), []

    def register(self, port, limit=1, host="127.0.0.1"):
        self.titles.append(f"PLACE{next(_serial)}")
        self.database.query("insert into dpp.application_entities (ae_title, host, port, max_associations)"
                            " values (%s, %s, %s, %s)", (self.titles[-1], host, port, limit))
        return self.titles[-1]

    def scp(self, **options):
        scp = WireScp(**options)
        self.closing.callback(scp.close)
        return scp

    def good(self):
        scp = self.scp()
        return scp, self.register(scp.port)

    def slots(self):
        return {title for title, in self.database.query(
            "select ae_title from dpp.destination_slots where expires_at > now()")}

    def close(self):
        self.closing.close()
        self.database.query("delete from dpp.application_entities where ae_title = any(%s)", (self.titles,))


@pytest.fixture
def place(sample_database):
    place = Place(sample_database)
    yield place
    place.close()
    wait_for(lambda: not place.slots() & set(place.titles))


@pytest.fixture
def requester(server, uids):
    made = []

    def make():
        made.append(Moves(server, uids))
        return made[-1]
    yield make
    for moves in made:
        moves.wire.close()


# ---- destinations that hang --------------------------------------------------------------------------------------
def nobody_accepts(place):
    """The host drops what is sent to it."""
    full = place.closing.enter_context(socket.socket())
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    for _ in range(4):
        s = place.closing.enter_context(socket.socket())
        s.setblocking(False)
        s.connect_ex(full.getsockname())
    return full.getsockname()[1], lambda: True


def hangs(where, reached):
    def make(place):
        scp = place.scp(hang=where)
        return scp.port, lambda: reached(scp)
    make.__name__ = f"hangs_at_{where}"
    return make


def trickles(place):
    """Answers, but an octet at a time: an A-ASSOCIATE-AC alone takes a minute and more."""
    scp = place.scp(trickle=0.5)
    return scp.port, lambda: scp.associations


def answers_something_else(place):
    """C-STORE responses to Message IDs that were never sent."""
    scp = place.scp(wrong_id=True)
    return scp.port, lambda: scp.answered


HANGING = [nobody_accepts, hangs("connect", lambda scp: scp.associations), hangs("associate", lambda scp: scp.associations),
           hangs("store", lambda scp: scp.commands), trickles, answers_something_else]


@pytest.mark.parametrize("bad", HANGING, ids=lambda bad: bad.__name__)
def test_others_do_not_wait_for_one_that_hangs(server, place, requester, bad):
    port, is_reached = bad(place)
    title = place.register(port)
    unlucky, others = requester(), [requester() for _ in range(2)]
    stuck = [unlucky.send(title) for _ in range(2)]
    wait_for(is_reached)
    before = threads(server.process.pid)
    goods = [place.good() for _ in range(3)]
    sent = [(moves, moves.send(good)) for moves in others for _, good in goods for _ in range(2)]
    # one of the same requester too
    sent.append((unlucky, unlucky.send(goods[0][1])))
    for moves, number in sent:
        assert moves.final(number).status == 0
    assert not unlucky.ended() & set(stuck), "it still hangs"
    assert threads(server.process.pid) == before
    # the one at work and the one in its queue go at once when they are cancelled
    for number in reversed(stuck):
        unlucky.cancel(number)
        assert unlucky.final(number).status == 0xFE00


def test_next_move_waits_for_a_destination_that_does_not_release(server, place, requester):
    scp = place.scp(hang="release")
    title, (_, good) = place.register(scp.port), place.good()
    moves = requester()
    first, second = moves.send(title), moves.send(title)
    assert moves.final(first).status == 0, "the result does not wait"
    assert moves.final(moves.send(good)).status == 0
    assert second not in moves.ended() and scp.associations == 1
    scp.go_on()
    assert moves.final(second).status == 0 and scp.associations == 2


def test_names_that_hang(sample_database, place, uids, reachable):
    """Looking up a name holds a thread that cannot be interrupted; other names need threads too."""
    answer = reachable / "answer"
    preload = {"LD_PRELOAD": os.environ["SLOW_NAMES"], "SLOW_NAMES_UNTIL": str(answer),
               "ASAN_OPTIONS": "verify_asan_link_order=0"}
    server = Server(sample_database.uri, connect_timeout="60s", max_operations=100, more_environment=preload)
    try:
        unlucky, other = Moves(server, uids), Moves(server, uids)
        stuck = [unlucky.send(place.register(104, host=f"n{n}.hanging.test")) for n in range(40)]
        scp = place.scp()
        by_name, by_address = place.register(scp.port, host="localhost"), place.register(scp.port)
        assert other.final(other.send(by_address)).status == 0
        assert other.final(other.send(by_name)).status == 0
        assert not unlucky.ended(), "they still hang"
        for number in stuck:
            unlucky.cancel(number)
            assert unlucky.final(number).status == 0xFE00
        unlucky.wire.close()
        other.wire.close()
    finally:
        answer.touch()
        assert server.stop() == 0


# ---- destinations that refuse ------------------------------------------------------------------------------------
def nobody_listens(place):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def rejects(place):
    return place.scp(reject=(1, 1, 7)).port


def aborts(place):
    return place.scp(abort_after=2).port


def refuses_to_store(place):
    return place.scp(status=0xA700).port


@pytest.mark.parametrize("bad, status, counters", [
    (nobody_listens, 0xA702, (None, 0, 5, 0)), (rejects, 0xA702, (None, 0, 5, 0)), (aborts, 0xB000, (None, 2, 3, 0)),
    (refuses_to_store, 0xA702, (None, 0, 5, 0))], ids=lambda v: getattr(v, "__name__", None))
def test_one_that_refuses_fails_its_own_moves(place, requester, bad, status, counters):
    title, (_, good) = place.register(bad(place)), place.good()
    unlucky, other = requester(), requester()
    failing = [unlucky.send(title) for _ in range(3)]
    fine = [other.send(good) for _ in range(3)]
    for number in fine:
        assert other.final(number).status == 0
    for n, number in enumerate(failing):
        final = unlucky.final(number)
        if n and bad is aborts:
            status, counters = 0xA702, (None, 0, 5, 0)  # it aborts at each C-STORE from now on
        assert final.status == status and final.command.get(0x0902)
        assert tuple(final.command.get(0x1020 + i) for i in range(4)) == counters
        assert len(decode(final.data, EXPLICIT).FailedSOPInstanceUIDList) == counters[2]


@pytest.mark.parametrize("limit", [1, 2])
def test_one_that_takes_a_single_association(place, requester, limit):
    """Also where its row promises more: it rejects for now, and is asked again."""
    scp = place.scp(single=True)
    title, (_, good) = place.register(scp.port, limit), place.good()
    moves, other = requester(), requester()
    numbers = [moves.send(title) for _ in range(4)]
    assert other.final(other.send(good)).status == 0
    for number in numbers:
        final = moves.final(number)
        assert final.status == 0, final.command.get(0x0902)
    assert scp.answered == 4 * len(moves.uids)


def test_one_that_is_busy_for_too_long(sample_database, place, uids):
    impatient = Server(sample_database.uri, destination_wait="700ms")
    try:
        scp = place.scp(reject=(2, 3, 2))
        title = place.register(scp.port)
        moves = Moves(impatient, uids)
        final = moves.final(moves.send(title))
        assert final.status == 0xA702 and final.command[0x0902].startswith(f"destination-wait: {title} rejected for now")
        assert scp.associations > 1, "it was asked again"
        moves.wire.close()
    finally:
        assert impatient.stop() == 0


# ---- limits ------------------------------------------------------------------------------------------------------
def test_queue_of_a_destination_is_bounded(server, place, requester):
    scp = place.scp(hang="store")
    title, (_, good) = place.register(scp.port), place.good()
    many, moves, other = requester(), requester(), requester()
    struck = metrics(server)[QUEUE_LIMIT]
    running = moves.send(title)
    wait_for(lambda: scp.commands)
    waiting = [many.send(title) for _ in range(MAX_WAITING)]
    refused = moves.final(moves.send(title))
    assert refused.status == 0xA702 and refused.command[0x0902].startswith("destination-max-waiting")
    assert tuple(refused.command.get(0x1020 + i) for i in range(4)) == (None, 0, len(moves.uids), 0)
    assert metrics(server)[QUEUE_LIMIT] == struck + 1
    server.wait_log(rf"event=move\.destination_failed .*limit=destination-max-waiting .*{title}")
    # whoever goes to another destination notices nothing
    assert other.final(other.send(good)).status == 0
    assert moves.ended() == {refused.command[0x0120]} and not many.ended()
    # a place in the queue that is given up is free again
    many.cancel(waiting[1])
    assert many.final(waiting.pop(1)).status == 0xFE00
    late = moves.send(title)
    scp.go_on()
    assert [moves.final(number).status for number in (running, late)] == [0, 0]
    assert all(many.final(number).status == 0 for number in waiting)
    assert metrics(server)[QUEUE_LIMIT] == struck + 1


def test_queue_of_a_requester_that_leaves(place, requester):
    """What it had in the queue is not begun."""
    scp = place.scp(hang="store")
    title = place.register(scp.port)
    leaving, staying = requester(), requester()
    for _ in range(3):
        leaving.send(title)
    wait_for(lambda: scp.commands)
    number = staying.send(title)
    leaving.wire.abort()
    scp.go_on()
    assert staying.final(number).status == 0
    assert scp.associations == 2


def test_fifty_dead_destinations(server, place, requester):
    """Of every kind, at the same time: a living one is served as if they were not there."""
    kinds = [bad(place)[0] for bad in (nobody_accepts, hangs("connect", None), hangs("associate", None),
                                       hangs("store", None))]
    dead = [place.register(kinds[n % len(kinds)]) for n in range(50)]
    unlucky = [requester() for _ in range(10)]
    stuck = [(moves, moves.send(title)) for n, title in enumerate(dead) for moves in (unlucky[n % 10],)]
    wait_for(lambda: place.slots() >= set(dead))
    _, good = place.good()
    before = threads(server.process.pid)
    other = requester()
    for _ in range(10):
        assert other.final(other.send(good)).status == 0
    assert not any(moves.ended() for moves in unlucky), "they still hang"
    assert threads(server.process.pid) == before
    for moves, number in stuck:
        moves.cancel(number)
    for moves, number in stuck:
        assert moves.final(number).status == 0xFE00
