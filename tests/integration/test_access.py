# SPDX-License-Identifier: Apache-2.0
"""Who may do what: rows of dpp.application_entities with unknown-ae=refuse, read anew for every association, before
operations, and for every move."""
import pytest

from conftest import Server, run_dppr
from dicomwire import (CT_PROTOCOL, EXPLICIT, FIND, GET, IMPLICIT, MOVE, VERIFICATION, Rejected, Wire, encode,
                       wait_for)
from metrics import metrics
from protocols import keys, new_uid, protocol
from wirescp import WireScp

CONTEXTS = [(1, VERIFICATION, [IMPLICIT]), (3, FIND, [EXPLICIT]), (5, GET, [EXPLICIT]), (7, MOVE, [EXPLICIT]),
            (9, CT_PROTOCOL, [EXPLICIT])]
ALL = {1: 0, 3: 0, 5: 0, 7: 0, 9: 0}


@pytest.fixture(scope="module")
def strict(database):
    server = Server(database.uri, unknown_ae="refuse")
    yield server
    assert server.stop() == 0


@pytest.fixture
def peers(database):
    """peers(title, column=value ...) makes a row; all are gone afterwards."""
    def add(title, **columns):
        columns["ae_title"] = title
        database.query(f"insert into dpp.application_entities ({', '.join(columns)})"
                       f" values ({', '.join(['%s'] * len(columns))})", tuple(columns.values()))
    yield add
    database.query("delete from dpp.application_entities")


def calling(server, title, contexts=CONTEXTS, **options):
    return Wire(server.port).associate(contexts, calling=title, **options)


def rejection(server, title, contexts=CONTEXTS):
    with pytest.raises(Rejected) as caught:
        calling(server, title, contexts)
    return caught.value.result, caught.value.source, caught.value.reason


def test_unknown_titles_may_verify_at_most(strict, database, peers):
    assert rejection(strict, "STRANGER", [(1, FIND, [EXPLICIT])]) == (1, 1, 3)
    wire = calling(strict, "STRANGER")
    assert wire.results == {1: 0, 3: 1, 5: 1, 7: 1, 9: 1}
    assert wire.echo() == 0
    wire.release()
    silent = Server(database.uri, unknown_ae="refuse", echo_for_all="no")
    try:
        assert rejection(silent, "STRANGER") == (1, 1, 3)
        peers("FRIEND")
        wire = calling(silent, "FRIEND")
        assert wire.results == ALL and wire.echo() == 0
        wire.release()
    finally:
        assert silent.stop() == 0


@pytest.mark.parametrize("right, context", [("may_echo", 1), ("may_find", 3), ("may_get", 5), ("may_move", 7),
                                            ("may_store", 9)])
def test_each_right_has_its_context(strict, peers, right, context):
    peers("LIMITED", **{right: False})
    wire = calling(strict, "LIMITED")
    assert wire.results == {**ALL, context: 1}
    wire.release()


def test_what_was_refused_at_negotiation_is_named(strict, peers):
    """Each class once, in the log; in the counter each context."""
    peers("MODEST", may_get=False, may_move=False)
    before = metrics(strict)["dppr_contexts_denied_total"]
    contexts = CONTEXTS + [(11, GET, [IMPLICIT])]
    wire = calling(strict, "MODEST", contexts)
    assert [n for n, result in wire.results.items() if result == 1] == [5, 7, 11]
    line = strict.wait_log("event=assoc.restricted .*aet=MODEST")
    assert line.count("- GET") == line.count("- MOVE") == 1 and "FIND" not in line
    assert metrics(strict)["dppr_contexts_denied_total"] == before + 3
    wire.release()


@pytest.mark.parametrize("settings, accepted, rejected", [
    ({}, ["DPPR"], ["OTHER", "dppr", "DPPR2"]),
    ({"ae_title": "MAIN"}, ["MAIN"], ["DPPR"]),
    ({"called_titles": "OLD NAME, OTHER"}, ["DPPR", "OLD NAME", "OTHER"], ["OLD", "THIRD"]),
    ({"any_called_title": "yes"}, ["DPPR", "WHATEVER"], []),
])
def test_called_titles(database, settings, accepted, rejected):
    server = Server(database.uri, **settings)
    try:
        for title in accepted:
            wire = Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT])], called=title)
            assert wire.echo() == 0
            wire.release()
        for title in rejected:
            with pytest.raises(Rejected) as caught:
                Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT])], called=title)
            assert (caught.value.result, caught.value.source, caught.value.reason) == (1, 1, 7)
            server.wait_log(f'event=assoc.rejected .*called="?{title}"? code=1/1/7')
    finally:
        assert server.stop() == 0


@pytest.mark.parametrize("policy, is_welcome", [("refuse", False), ("loopback", True), ("any", True)])
def test_policy_for_unknown_titles(database, policy, is_welcome):
    server = Server(database.uri, unknown_ae=policy)
    try:
        if is_welcome:
            wire = calling(server, "STRANGER")
            assert wire.results == ALL
            wire.release()
        else:
            assert rejection(server, "STRANGER", [(1, FIND, [EXPLICIT])]) == (1, 1, 3)
            server.wait_log("event=assoc.rejected .*aet=STRANGER .*code=1/1/3")
    finally:
        assert server.stop() == 0


def test_default_is_to_refuse(database):
    """Nothing is set: a title without a row may verify and no more."""
    done = run_dppr("config")
    assert "unknown-ae = refuse\n" in done.stdout and "echo-for-all = yes\n" in done.stdout


def test_storage_role_follows_the_right_to_get(strict, peers):
    peers("GETTER", may_store=False)
    wire = calling(strict, "GETTER", roles=[(CT_PROTOCOL, 1, 1)])
    assert wire.results[9] == 0, "for the other direction"
    ds = protocol()
    answer = wire.store(9, encode(ds, EXPLICIT), CT_PROTOCOL, ds.SOPInstanceUID)
    assert answer.status == 0x0124
    wire.release()


def test_row_counts_for_its_source_addresses_only(strict, peers):
    peers("ELSEWHERE", source_addresses="{192.0.2.0/24}")
    assert rejection(strict, "ELSEWHERE", [(1, VERIFICATION, [IMPLICIT])]) == (1, 1, 3)
    peers("NEARBY", source_addresses="{192.0.2.7,127.0.0.0/8}")
    wire = calling(strict, "NEARBY")
    assert wire.results == ALL
    wire.release()
    peers("NEARBY", source_addresses="{127.0.0.1}", may_find=False)
    wire = calling(strict, "NEARBY")
    assert wire.results == {**ALL, 3: 1}, "the narrowest network counts"
    wire.release()


def test_right_revoked_and_given_back_in_mid_association(strict, database, peers):
    peers("WAVERER")
    wire = calling(strict, "WAVERER")

    def status():
        return wire.find(3, keys(SOPInstanceUID=new_uid()))[1].status
    assert status() == 0
    for column, other_column in (("may_find", "may_get"), ("may_get", "may_find")):
        database.query(f"update dpp.application_entities set {column} = false, {other_column} = true")
        expected = 0x0124 if column == "may_find" else 0
        wait_for(lambda: status() == expected)
        assert wire.get(5, [new_uid()])[2].status == (0 if column == "may_find" else 0x0124)
    database.query("delete from dpp.application_entities where ae_title = 'WAVERER'")
    wait_for(lambda: status() == 0x0124)
    ds = protocol()
    assert wire.store(9, encode(ds, EXPLICIT), CT_PROTOCOL, ds.SOPInstanceUID).status == 0x0124
    assert database.query("select count(*) from dpp.objects where sop_instance_uid = %s",
                          (ds.SOPInstanceUID,)) == [(0,)]
    wire.release()
    assert rejection(strict, "WAVERER", [(1, FIND, [EXPLICIT])]) == (1, 1, 3)


def test_destination_changes_between_moves(strict, database, peers):
    here, there = WireScp(), WireScp()
    try:
        peers("MOVER")
        peers("TARGET", host="127.0.0.1", port=here.port)
        wire = calling(strict, "MOVER")
        ds = protocol()
        assert wire.store(9, encode(ds, EXPLICIT), CT_PROTOCOL, ds.SOPInstanceUID).status == 0

        def move():
            return wire.move(7, [ds.SOPInstanceUID], "TARGET")[1].status
        assert move() == 0 and (len(here.commands), len(there.commands)) == (1, 0)
        database.query("update dpp.application_entities set port = %s where ae_title = 'TARGET'", (there.port,))
        assert move() == 0 and (len(here.commands), len(there.commands)) == (1, 1)
        database.query("update dpp.application_entities set is_destination = false where ae_title = 'TARGET'")
        assert move() == 0x0124
        database.query("update dpp.application_entities set is_destination = true, host = null, port = null"
                       " where ae_title = 'TARGET'")
        assert move() == 0xC515
        database.query("delete from dpp.application_entities where ae_title = 'TARGET'")
        assert move() == 0xA801
        assert (len(here.commands), len(there.commands)) == (1, 1)
        wire.release()
    finally:
        here.close()
        there.close()
