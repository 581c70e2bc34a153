# SPDX-License-Identifier: Apache-2.0
"""What the conformance statement promises, asked of the server; and decisions that have no other home."""
import re

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from conftest import Server, run_dppr
from dicomwire import APPROVAL, APPROVAL_FIND, CT_PROTOCOL, EXPLICIT, FIND, GET, MOVE, Rejected, Wire, encode, extended_item
from protocols import code, keys, new_uid, protocol, reference
from wirescp import WireScp


@pytest.fixture(scope="module")
def statement():
    return run_dppr("conformance", check=True).stdout


def table(statement, caption):
    """The rows of the table with this caption, cell by cell."""
    lines = re.search(rf"^Table [\d-]+\. {re.escape(caption)}.*\n\n((?:\|.*\n)+)", statement, re.M)[1].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def stored(server, *datasets):
    wire = Wire(server.port).associate([(1 + 2 * n, ds.SOPClassUID, [EXPLICIT]) for n, ds in enumerate(datasets)])
    for n, ds in enumerate(datasets):
        assert wire.store(1 + 2 * n, encode(ds, EXPLICIT), ds.SOPClassUID, ds.SOPInstanceUID).status == 0
    wire.release()


def found(server, **attributes):
    wire = Wire(server.port).associate([(1, FIND, [EXPLICIT])])
    matches, final = wire.find(1, keys(**{"SOPInstanceUID": "", **attributes}))
    wire.release()
    assert final.status == 0
    return matches


def got(server, uids):
    """([UID], final Message) of a C-GET of protocols."""
    wire = Wire(server.port).associate([(1, GET, [EXPLICIT]), (3, CT_PROTOCOL, [EXPLICIT])],
                                       roles=[(CT_PROTOCOL, 0, 1)])
    instances, _, final = wire.get(1, uids)
    wire.release()
    return [m.command[0x1000] for m in instances], final


# ---- negotiation ---------------------------------------------------------------------------------
def test_implementation_is_identified(server, statement):
    """PS3.7 D.3.3.2"""
    wire = Wire(server.port).associate([(1, FIND, [EXPLICIT])])
    wire.release()
    assert re.fullmatch(r"2\.25\.[1-9]\d{0,38}", wire.user[0x52][0].decode())  # decision 9
    assert f"| Implementation Class UID | {wire.user[0x52][0].decode()} |" in statement
    assert f"| Implementation Version Name | {wire.user[0x55][0].decode()} |" in statement


def test_every_context_of_the_statement_is_accepted(server, statement):
    """Each class with each transfer syntax alone, and with all of them in reverse: ours goes first."""
    preference = [row[2] for row in table(statement, "Transfer syntaxes")]
    offers = [[syntax] for syntax in preference] + [preference[::-1]]
    classes = [row[1] for row in table(statement, "Accepted presentation contexts")]
    assert len(preference) == 4 and len(classes) >= 9
    contexts = [(1 + 2 * n, abstract, offer)
                for n, (abstract, offer) in enumerate((c, o) for c in classes for o in offers)]
    wire = Wire(server.port).associate(contexts)
    wire.release()
    for number, abstract, offer in contexts:
        assert wire.results[number] == 0, abstract
        assert wire.transfer[number] == (offer[0] if len(offer) == 1 else preference[0])


def test_an_association_without_an_accepted_context_is_accepted(server):
    """PS3.8 9.3.3.2: result 3 for what is not served, and 4 for transfer syntaxes that are not."""
    wire = Wire(server.port).associate([(1, "1.2.840.10008.5.1.4.1.1.2", [EXPLICIT]),
                                        (3, "1.2.840.10008.5.1.4.1.1.200.2", [EXPLICIT]), (5, FIND, ["1.2.3"])])
    wire.release()
    assert wire.results == {1: 3, 3: 3, 5: 4}


def test_extended_negotiation_is_as_stated(server, statement):
    """PS3.4 K.5.1: as many octets as offered, an offered 0 stays 0."""
    granted = bytes(int(row[2]) for row in table(statement, "SOP class extended negotiation"))
    for offer in (b"\1\1\1", b"\1\1\1\1", b"\1\1\0\0"):
        wire = Wire(server.port).associate([(1, FIND, [EXPLICIT])], extra=extended_item(FIND, offer))
        wire.release()
        length = int.from_bytes(wire.user[0x56][0][:2], "big")
        assert wire.user[0x56][0][2 + length:] == bytes(o & g for o, g in zip(offer, granted))
    wire = Wire(server.port).associate([(1, FIND, [EXPLICIT])])
    wire.release()
    assert 0x56 not in wire.user


@pytest.fixture(scope="module")
def choosy(database):
    """A server that takes one association of titles that have a row."""
    database.query("insert into dpp.application_entities (ae_title, source_addresses) values"
                   " ('KNOWN', '{}'), ('ELSEWHERE', '{192.0.2.1}')")
    made = Server(database.uri, unknown_ae="refuse", echo_for_all="no", max_associations=1, max_contexts=2)
    yield made
    assert made.stop() == 0


@pytest.fixture(scope="module")
def forlorn():
    """A server without a database."""
    made = Server("postgresql://nobody@127.0.0.1:1/none", unknown_ae="refuse", echo_for_all="no")
    yield made
    assert made.stop() == 0


REJECTIONS = {
    "1/1/2": ("choosy", [{"application": "1.2.3"}]),
    "1/1/3": ("choosy", [{"calling": "STRANGER"}, {"calling": "ELSEWHERE"}, {"calling_raw": b"A\\B".ljust(16)}]),
    "1/1/7": ("choosy", [{"called": "SOMEONE"}, {"called_raw": b"A\\B".ljust(16)}]),
    "1/2/1": ("choosy", [{"max_length": 1}]),
    "1/2/2": ("choosy", [{"version": 2}]),
    "1/3/2": ("choosy", [{"contexts": 3}]),
    "2/3/1": ("forlorn", [{}]),
    "2/3/2": ("choosy", [{}]),
}


def test_every_rejection_is_provoked(statement):
    assert re.findall(r"^\| (\d/\d/\d) \|", statement, re.M) == list(REJECTIONS)


@pytest.mark.parametrize("code", REJECTIONS)
def test_rejections_are_as_stated(request, code):
    """PS3.8 table 9-21"""
    name, causes = REJECTIONS[code]
    server = request.getfixturevalue(name)
    first = code == "2/3/2" and Wire(server.port).associate([(1, FIND, [EXPLICIT])], calling="KNOWN")
    for cause in causes:
        options = {"calling": "KNOWN", **cause}
        contexts = [(1 + 2 * n, FIND, [EXPLICIT]) for n in range(options.pop("contexts", 1))]
        with pytest.raises(Rejected) as caught:
            Wire(server.port).associate(contexts, **options)
        assert f"{caught.value.result}/{caught.value.source}/{caught.value.reason}" == code
    if first:
        first.release()


# ---- keys ----------------------------------------------------------------------------------------
NO_SUCH = {"UI": "1.2.3.999", "DA": "19000101", "TM": "000001", "DT": "19000101", "UR": "urn:no:such"}  # else text


def paths_of(rows, codes, above=()):
    """[(path of (tag, VR), whether it is matched)] of a table of keys, with what is in the items of code sequences."""
    path, found = list(above), []
    for name, tag, vr, key_type, _, _, remark in rows:
        del path[len(above) + name.count("&gt;"):]
        path.append((int(tag[1:5] + tag[6:10], 16), vr))
        found.append((tuple(path), key_type != "-"))
        if "items: table" in remark:
            found += paths_of(codes, [], tuple(path))
    return found


def put(identifier, path, value):
    """The element at the end of the path, in the one item of each sequence before."""
    for tag, _ in path[:-1]:
        if tag not in identifier or not identifier[tag].value:
            identifier.add_new(tag, "SQ", [Dataset()])
        identifier = identifier[tag].value[0]
    if path[-1][0] not in identifier:
        identifier.add_new(*path[-1], value)


@pytest.fixture(scope="module")
def entity(server):
    """UIDs of one protocol and one approval."""
    approval = keys(SOPClassUID=APPROVAL, SOPInstanceUID=new_uid())
    made = {"Defined Procedure Protocol": (FIND, protocol()), "Protocol Approval": (APPROVAL_FIND, approval)}
    stored(server, *(ds for _, ds in made.values()))
    return made


@pytest.mark.parametrize("model", ["Defined Procedure Protocol", "Protocol Approval"])
def test_every_key_is_as_stated(server, statement, entity, model):
    """Each key of the table is returned; one that is matched restricts, a value of another changes nothing (K.2.2.1)."""
    find, ds = entity[model]
    paths = paths_of(table(statement, f"Keys of the {model}"), table(statement, "Keys in an item of a code sequence"))
    assert len(paths) > 90
    wire = Wire(server.port).associate([(1, find, [EXPLICIT])])

    def ask(path, value):
        identifier = Dataset()
        put(identifier, path, value)
        put(identifier, ((0x00080018, "UI"),), ds.SOPInstanceUID)
        matches, final = wire.find(1, identifier, find)
        assert final.status == 0, path
        assert all(m.pending_status == 0xFF00 for m in matches), path
        return matches
    for path, is_matched in paths:
        if path[-1] != (0x00080018, "UI"):
            match, = ask(path, [] if path[-1][1] == "SQ" else "")
            assert path[0][0] in match, path
        if path[-1][1] != "SQ":
            value = NO_SUCH.get(path[-1][1], "NO SUCH VALUE")
            assert len(ask(path, value)) == (0 if is_matched else 1), path
    wire.release()


# ---- what is seen --------------------------------------------------------------------------------
def test_a_successor_hides_nothing(server):
    first = protocol()
    second = protocol(PredecessorProtocolSequence=[reference(first.SOPInstanceUID)])
    stored(server, first, second)
    for ds in (first, second):
        assert len(found(server, SOPInstanceUID=ds.SOPInstanceUID)) == 1
    assert got(server, [first.SOPInstanceUID])[0] == [first.SOPInstanceUID]


@pytest.mark.parametrize("state", ["retired", "draft"])
def test_retired_instances_are_not_retrieved(server, database, state):
    hidden, other = protocol(), protocol()
    stored(server, hidden, other)
    uids = [hidden.SOPInstanceUID, other.SOPInstanceUID]
    assert got(server, uids)[0] == uids
    database.amend(f"update dpp.objects set state = '{state}', published_at = case '{state}' when 'draft' then null"
                   " else published_at end, retired_at = case '{0}' when 'retired' then now() end"
                   " where sop_instance_uid = %s".format(state), (hidden.SOPInstanceUID,))
    assert not found(server, SOPInstanceUID=hidden.SOPInstanceUID)
    instances, final = got(server, uids)
    assert instances == uids[1:]
    assert final.status == 0 and final.command[0x1021] == 1 and final.data is None


def test_an_approval_changes_nothing_else(server):
    subject, other = protocol(), protocol()
    stored(server, subject, other)
    approval = keys(SOPClassUID=APPROVAL, SOPInstanceUID=new_uid())
    approval.ApprovalSubjectSequence = Sequence([reference(subject.SOPInstanceUID)])
    stored(server, approval)
    uids = [subject.SOPInstanceUID, other.SOPInstanceUID]
    assert len(found(server, SOPInstanceUID=uids)) == 2
    assert got(server, uids)[0] == uids


def test_expired_and_withdrawn_assertions_are_shown(server):
    """Annex II: whoever hides some has to say so; nothing does."""
    subject = new_uid()
    approved, withdrawn = keys(AssertionUID=new_uid(), AssertionDateTime="20000101"), keys(AssertionUID=new_uid())
    approved.AssertionExpirationDateTime = "20000102"
    approved.AssertionCodeSequence = Sequence([code("128603", "DCM", "Approved for use")])
    withdrawn.AssertionCodeSequence = Sequence([code("128609", "DCM", "Withdrawn")])
    withdrawn.RelatedAssertionSequence = Sequence([keys(ReferencedAssertionUID=approved.AssertionUID)])
    approvals = [keys(SOPClassUID=APPROVAL, SOPInstanceUID=new_uid(), ApprovalSubjectSequence=[reference(subject)],
                      ApprovalSequence=[assertion]) for assertion in (approved, withdrawn)]
    stored(server, *approvals)
    wire = Wire(server.port).associate([(1, APPROVAL_FIND, [EXPLICIT])])
    identifier = keys(SOPInstanceUID="", ApprovalSubjectSequence=[keys(ReferencedSOPInstanceUID=subject)])
    matches, final = wire.find(1, identifier, APPROVAL_FIND)
    wire.release()
    assert final.status == 0
    assert {m.SOPInstanceUID for m in matches} == {a.SOPInstanceUID for a in approvals}


# ---- requests ------------------------------------------------------------------------------------
def test_level_in_a_query_is_ignored(server):
    """Neither matched nor returned, and no reason for FF01."""
    ds = protocol()
    stored(server, ds)
    match, = found(server, SOPInstanceUID=ds.SOPInstanceUID, QueryRetrieveLevel="STUDY")
    assert match.pending_status == 0xFF00 and "QueryRetrieveLevel" not in match


@pytest.mark.parametrize("priority", [0, 1, 2])
def test_priority_goes_with_the_suboperations(server, database, priority):
    ds = protocol()
    stored(server, ds)
    scp = WireScp()
    database.query("insert into dpp.application_entities (ae_title, host, port) values ('PRIORITY', '127.0.0.1', %s)",
                   (scp.port,))
    octets = encode(keys(SOPInstanceUID=ds.SOPInstanceUID), EXPLICIT)
    try:
        wire = Wire(server.port).associate([(1, MOVE, [EXPLICIT])])
        wire.send_message(1, wire.request(0x0021, MOVE, octets, x0600="PRIORITY", x0700=priority), octets)
        while (message := wire.read_message()).status == 0xFF00:
            pass
        wire.release()
        assert message.status == 0 and [c[0x0700] for c in scp.commands] == [priority]
    finally:
        scp.close()
        database.query("delete from dpp.application_entities where ae_title = 'PRIORITY'")
