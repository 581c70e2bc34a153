# SPDX-License-Identifier: Apache-2.0
"""What an AE sees when its row limits it to protocols with assertions in force, or to current versions: each kind of row
with each service, for protocols in every state that matters (decisions 12 to 14)."""
import time

import pytest

from conftest import Server
from dicomwire import (APPROVAL, APPROVAL_FIND, APPROVAL_GET, CT_PROTOCOL, EXPLICIT, FIND, GET, IMPLICIT, MOVE, VERIFICATION,
                       Rejected, Wire, encode)
from protocols import code, keys, new_uid, protocol, reference
from wirescp import WireScp

CONTEXTS = [(1, FIND, [EXPLICIT]), (3, GET, [EXPLICIT]), (5, MOVE, [EXPLICIT]), (7, CT_PROTOCOL, [EXPLICIT]),
            (9, APPROVAL, [EXPLICIT]), (11, APPROVAL_FIND, [EXPLICIT]), (13, APPROVAL_GET, [EXPLICIT]),
            (15, VERIFICATION, [IMPLICIT])]

# An approval written as rows, published as it is.
RECORD = """
    set dpp.maintenance = 'on';
    with o as (
        insert into dpp.objects (sop_instance_uid, sop_class_uid, state, query_record, published_at)
        values (%(uid)s, '1.2.840.10008.5.1.4.1.1.200.3', 'published', '', now())
        returning id),
    a as (insert into dpp.approvals (object_id) select id from o returning object_id),
    s as (
        insert into dpp.approval_subjects (object_id, ordinal, referenced_sop_instance_uid)
        select object_id, 1, %(protocol)s from a),
    w as (
        insert into dpp.approval_asserters (object_id, assertion_ordinal, ordinal, observer_type, person_name)
        select object_id, 1, 1, 'PSN', 'Doe^Jane' from a),
    c as (
        insert into dpp.approval_codes (
            object_id, role, assertion_ordinal, asserter_ordinal, ordinal, code_value, coding_scheme_designator)
        select object_id, 'assertion', 1, 0, 1, %(code)s, 'DCM' from a
        union all
        select object_id, 'organizational_role', 1, 1, 1, %(role)s, 'DCM' from a)
    insert into dpp.approval_assertions (object_id, ordinal, assertion_uid, assertion_datetime, expiration_datetime)
    select
        object_id, 1, %(uid)s || '.1', to_char(now() + %(at)s::interval, 'YYYYMMDDHH24MISSTZHTZM'),
        to_char(now() + %(until)s::interval, 'YYYYMMDDHH24MISSTZHTZM')
    from a"""


def record(database, subject, assertion="128603", role="128670", at="-1h", until=None):
    uid = new_uid()
    database.query(RECORD, {"uid": uid, "protocol": subject, "code": assertion, "role": role, "at": at, "until": until})
    return uid


def approval(subject, assertion="128603", role="128670"):
    asserter = keys(ObserverType="PSN", PersonName="Doe^Jane", InstitutionName="Mercy",
                    OrganizationalRoleCodeSequence=[code(role, "DCM")])
    return keys(SOPClassUID=APPROVAL, SOPInstanceUID=new_uid(), Manufacturer="Tester",
                ApprovalSubjectSequence=[reference(subject)],
                ApprovalSequence=[keys(AssertionCodeSequence=[code(assertion, "DCM")], AssertionUID=new_uid(),
                                       AsserterIdentificationSequence=[asserter],
                                       AssertionDateTime="20240102101500+0100")])


def calling(server, title, **options):
    return Wire(server.port).associate(CONTEXTS, calling=title, roles=[(CT_PROTOCOL, 1, 1), (APPROVAL, 1, 1)],
                                                   **options)


def store(server, title, *objects):
    wire = calling(server, title)
    for ds in objects:
        context = 9 if ds.SOPClassUID == APPROVAL else 7
        assert wire.store(context, encode(ds, EXPLICIT), ds.SOPClassUID, ds.SOPInstanceUID).status == 0
    wire.release()


# Restrictions by AE title
ROWS = {
    "PLAIN": {},
    "APPROVED": {"required_assertions": "{128603}"},
    "HEAD": {"required_assertions": "{128603/128670}"},
    "BOTH": {"required_assertions": "{128603/128670,128603/128674}"},
    "CURRENT": {"sees_current_only": True},
    "NEWEST": {"required_assertions": "{128603}", "sees_current_only": True},
    "NOTHING": {"required_assertions": "{NONE^99SITE}"},
}
# Protocols by name: who may retrieve them
RETRIEVES = {
    "none": {"PLAIN", "CURRENT"},
    "head": {"PLAIN", "CURRENT", "APPROVED", "NEWEST", "HEAD"},
    "technologist": {"PLAIN", "CURRENT", "APPROVED", "NEWEST"},
    "both": {"PLAIN", "CURRENT", "APPROVED", "NEWEST", "HEAD", "BOTH"},
    "other code": {"PLAIN", "CURRENT"},
    "expired": {"PLAIN", "CURRENT"},
    "not yet": {"PLAIN", "CURRENT"},
    "withdrawn": {"PLAIN", "CURRENT"},
    "approved again": {"PLAIN", "CURRENT", "APPROVED", "NEWEST", "HEAD"},
    "untrusted": {"PLAIN", "CURRENT"},
    "trusted": {"PLAIN", "CURRENT", "APPROVED", "NEWEST", "HEAD"},
    "retired": set(),
    "approval retired": {"PLAIN", "CURRENT"},
    "superseded": {"PLAIN", "CURRENT", "APPROVED", "NEWEST", "HEAD"},
    "successor": {"PLAIN", "CURRENT", "APPROVED", "NEWEST", "HEAD"},
    "superseded in vain": {"PLAIN", "CURRENT", "APPROVED", "NEWEST", "HEAD"},
    "not approved": {"PLAIN", "CURRENT"},
}
# Queries give the same, but not these
NOT_FOUND = {"superseded": {"CURRENT", "NEWEST"}, "superseded in vain": {"CURRENT"}}


@pytest.fixture(scope="module")
def strict(database):
    server = Server(database.uri, unknown_ae="refuse")
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def scp():
    return WireScp()


@pytest.fixture(scope="module")
def library(database, strict, scp):
    """{name: SOP Instance UID}, with destinations TO-PLAIN and so on."""
    for title, columns in {**ROWS, **{"TO-" + title: columns for title, columns in ROWS.items()}}.items():
        columns = {"ae_title": title, "host": "127.0.0.1", "port": scp.port, **columns}
        database.query(f"insert into dpp.application_entities ({', '.join(columns)})"
                       f" values ({', '.join(['%s'] * len(columns))})", tuple(columns.values()))
    for title in ("LOADER", "FRIEND"):
        database.query("insert into dpp.application_entities (ae_title) values (%s)", (title,))
    database.query("insert into dpp.trusted_approvers (sender_aet) values ('FRIEND')")
    objects = {name: protocol(ProtocolName=name) for name in RETRIEVES}
    uids = {name: str(ds.SOPInstanceUID) for name, ds in objects.items()}
    store(strict, "LOADER", *objects.values())

    for name in ("head", "both", "withdrawn", "retired", "superseded", "successor", "superseded in vain"):
        record(database, uids[name])
    record(database, uids["technologist"], role="128674")
    record(database, uids["both"], role="128674")
    record(database, uids["other code"], "128605")
    record(database, uids["expired"], until="-1s")
    record(database, uids["not yet"], at="1h")
    record(database, uids["withdrawn"], "128623", role="128671", at="-1m")
    record(database, uids["approved again"], at="-3h")
    record(database, uids["approved again"], "128609", at="-2h")
    record(database, uids["approved again"])
    store(strict, "LOADER", approval(uids["untrusted"]))
    store(strict, "FRIEND", approval(uids["trusted"]))
    gone = record(database, uids["approval retired"])
    database.query("set dpp.maintenance = 'on'; update dpp.objects set state = 'retired' where sop_instance_uid in (%s, %s)",
                   (gone, uids["retired"]))
    for later, earlier in (("successor", "superseded"), ("not approved", "superseded in vain")):
        database.query("insert into dpp.supersessions (object_id, superseded_uid)"
                       " select id, %s from dpp.objects where sop_instance_uid = %s", (uids[earlier], uids[later]))
    return uids


def names(library, uids):
    by_uid = {uid: name for name, uid in library.items()}
    return {by_uid[str(uid)] for uid in uids}


def retrieved_by(*titles):
    return {name for name, allowed in RETRIEVES.items() if allowed.issuperset(titles)}


@pytest.mark.parametrize("title", ROWS)
def test_a_query_finds_what_the_ae_may_see(strict, library, title):
    expected = {name for name in retrieved_by(title) if title not in NOT_FOUND.get(name, ())}
    wire = calling(strict, title)
    for identifier in (keys(SOPInstanceUID=""), keys(SOPInstanceUID=list(library.values())),
                       keys(SOPInstanceUID="", EquipmentModality="CT"),
                       keys(SOPInstanceUID="", ProtocolName="*e*", InstanceNumber="")):
        matches, final = wire.find(1, identifier)
        assert final.status == 0
        wanted = {n for n in expected if "e" in n} if "ProtocolName" in identifier else expected
        assert names(library, (m.SOPInstanceUID for m in matches)) == wanted
    wire.release()


@pytest.mark.parametrize("title", ROWS)
def test_a_get_brings_what_the_ae_may_see(strict, library, title):
    """What is hidden is as unknown: no sub-operation, not counted (decision 27)."""
    expected = retrieved_by(title)
    wire = calling(strict, title)
    stored, _, final = wire.get(3, list(library.values()) + [new_uid()])
    assert names(library, (m.command[0x1000] for m in stored)) == expected
    assert final.status == 0 and final.command[0x1021] == len(expected) and final.command[0x1022] == 0
    assert final.data is None
    wire.release()


@pytest.mark.parametrize("destination", ROWS)
@pytest.mark.parametrize("title", ROWS)
def test_a_move_needs_requester_and_destination(strict, library, scp, title, destination):
    """The requester of a row that sees less gains nothing by a destination that sees more, nor the other way."""
    expected = retrieved_by(title, destination)
    del scp.received[:]
    wire = calling(strict, title)
    _, final = wire.move(5, list(library.values()), "TO-" + destination)
    wire.release()
    assert final.status == 0 and final.command[0x1021] == len(expected) and final.command[0x1022] == 0
    assert names(library, (m.command[0x1000] for _, m in scp.received)) == expected


def found(server, title, library):
    wire = calling(server, title)
    matches, final = wire.find(1, keys(SOPInstanceUID=list(library.values())))
    wire.release()
    assert final.status == 0
    return names(library, (m.SOPInstanceUID for m in matches))


def test_an_assertion_counts_from_the_next_operation_on(database, strict, library):
    """Recorded and expired while an association is open."""
    ds = protocol()
    store(strict, "LOADER", ds)
    wire = calling(strict, "HEAD")

    def seen():
        matches, _ = wire.find(1, keys(SOPInstanceUID=ds.SOPInstanceUID))
        stored, _, _ = wire.get(3, ds.SOPInstanceUID)
        assert len(matches) == len(stored)
        return len(matches)
    assert seen() == 0
    record(database, ds.SOPInstanceUID)
    assert seen() == 1
    record(database, ds.SOPInstanceUID, "128610", at="0")
    assert seen() == 0
    wire.release()


def test_a_change_of_the_row_counts_for_the_next_operation(database, strict, library):
    """Within the moment in which a row is not read again (service/admission)."""
    database.query("insert into dpp.application_entities (ae_title) values ('CHANGING')")
    wire = calling(strict, "CHANGING")

    def seen():
        time.sleep(0.1)
        matches, _ = wire.find(1, keys(SOPInstanceUID=library["none"]))
        stored, _, _ = wire.get(3, library["none"])
        assert len(matches) == len(stored)
        return len(matches)
    assert seen() == 1
    database.query("update dpp.application_entities set required_assertions = '{128603}' where ae_title = 'CHANGING'")
    assert seen() == 0
    database.query("update dpp.application_entities set required_assertions = '{}' where ae_title = 'CHANGING'")
    assert seen() == 1
    wire.release()


def test_trust_is_a_row(database, strict, library):
    assert "untrusted" not in found(strict, "APPROVED", library)
    database.query("insert into dpp.trusted_approvers (sender_aet, asserter, role) values ('LOADER', 'DOE^jane', '128670')")
    assert "untrusted" in found(strict, "APPROVED", library)
    database.query("delete from dpp.trusted_approvers where sender_aet = 'LOADER'")
    assert "untrusted" not in found(strict, "APPROVED", library)


def test_a_disapproval_from_nobody_known_hides_nothing(database, strict, library):
    ds = protocol()
    store(strict, "LOADER", ds, approval(ds.SOPInstanceUID, "128609"))
    record(database, ds.SOPInstanceUID, at="-10 years")
    wire = calling(strict, "APPROVED")
    matches, _ = wire.find(1, keys(SOPInstanceUID=ds.SOPInstanceUID))
    wire.release()
    assert len(matches) == 1


def test_approvals_are_hidden_from_nobody(strict, library):
    """Who has a copy must be able to learn that it was disapproved, whatever may be seen of the protocol."""
    answers = {}
    for title in ROWS:
        wire = calling(strict, title)
        subject = keys(SOPInstanceUID="", ApprovalSubjectSequence=keys(ReferencedSOPInstanceUID=library["untrusted"]))
        matches, final = wire.find(11, subject, APPROVAL_FIND)
        assert final.status == 0 and len(matches) == 1
        stored, _, final = wire.get(13, str(matches[0].SOPInstanceUID), sop_class=APPROVAL_GET)
        assert final.status == 0 and len(stored) == 1
        answers[title] = matches[0].SOPInstanceUID
        wire.release()
    assert len(set(answers.values())) == 1


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_a_predecessor_is_superseded_by_who_may(database, strict, library):
    """Decision 10: from others it is lineage only. Once stored, a retry changes nothing, whoever sends it."""
    database.query("insert into dpp.application_entities (ae_title, may_supersede) values ('MASTER', true)")
    first, other = protocol(), protocol()
    for_one = protocol(PredecessorProtocolSequence=[reference(first.SOPInstanceUID)])
    for_both = protocol(PredecessorProtocolSequence=[
        reference(first.SOPInstanceUID), reference(other.SOPInstanceUID), reference("9.9.9.404"), reference("no uid")])
    store(strict, "LOADER", first, other, for_one)

    def current():
        wire = calling(strict, "CURRENT")
        matches, _ = wire.find(1, keys(SOPInstanceUID=[first.SOPInstanceUID, other.SOPInstanceUID, for_one.SOPInstanceUID,
                                                       for_both.SOPInstanceUID]))
        stored, _, _ = wire.get(3, [first.SOPInstanceUID, other.SOPInstanceUID])
        assert len(stored) == 2, "they stay retrievable"
        wire.release()
        return {m.SOPInstanceUID for m in matches}
    assert current() == {first.SOPInstanceUID, other.SOPInstanceUID, for_one.SOPInstanceUID}
    store(strict, "MASTER", for_one)
    assert current() == {first.SOPInstanceUID, other.SOPInstanceUID, for_one.SOPInstanceUID}
    approved = approval(for_both.SOPInstanceUID)
    store(strict, "MASTER", for_both, approved)
    assert database.query("select count(*) from dpp.approval_list where sop_instance_uid = %s",
                          (approved.SOPInstanceUID,)) == [(1,)]
    assert current() == {for_one.SOPInstanceUID, for_both.SOPInstanceUID}
    rows = database.query("select s.superseded_uid from dpp.supersessions as s join dpp.objects as o on o.id = s.object_id"
                          " where o.sop_instance_uid = %s order by 1", (for_both.SOPInstanceUID,))
    assert [r[0] for r in rows] == sorted([first.SOPInstanceUID, other.SOPInstanceUID, "9.9.9.404"])
    # later-arriving: what is superseded already when it comes
    late = protocol(SOPInstanceUID="9.9.9.404")
    store(strict, "LOADER", late)
    wire = calling(strict, "CURRENT")
    assert wire.find(1, keys(SOPInstanceUID="9.9.9.404"))[0] == []
    wire.release()


def test_titles_without_a_row_can_be_given_one(database, library):
    """unknown-ae-row: what it may do and see holds for whoever is accepted without a row of its own, from any address. It is
    this row that is read again for later operations."""
    database.query("insert into dpp.application_entities (ae_title, may_store, required_assertions, source_addresses)"
                   " values ('GUESTS', false, '{128603/128670}', '{192.0.2.0/24}')")
    server = Server(database.uri, unknown_ae="loopback", unknown_ae_row="GUESTS")
    try:
        assert found(server, "STRANGER", library) == retrieved_by("HEAD")
        assert found(server, "PLAIN", library) == retrieved_by("PLAIN")
        wire = calling(server, "STRANGER")

        def seen():
            time.sleep(0.1)
            matches, final = wire.find(1, keys(SOPInstanceUID=list(library.values())))
            assert final.status == 0
            return names(library, (m.SOPInstanceUID for m in matches))
        assert seen() == retrieved_by("HEAD")
        database.query("update dpp.application_entities set required_assertions = '{NONE^99SITE}' where ae_title = 'GUESTS'")
        assert seen() == set()
        wire.release()
        database.query("delete from dpp.application_entities where ae_title = 'GUESTS'")
        with pytest.raises(Rejected) as caught:
            calling(server, "STRANGER")
        assert (caught.value.result, caught.value.source, caught.value.reason) == (1, 1, 3)
        server.wait_log("event=assoc.rejected .*unknown-ae-row")
    finally:
        assert server.stop() == 0
