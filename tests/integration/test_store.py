# SPDX-License-Identifier: Apache-2.0
"""C-STORE: what is acknowledged is kept octet for octet; what is refused says why."""
import random
import string
import struct

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicomwire import (APPROVAL, CT_PROTOCOL, EXPLICIT, FIND, GET, IMPLICIT, SYNTAXES, XA_PROTOCOL, Wire, encode)
from protocols import code, keys, new_uid, protocol


def opened(server, sop_class=CT_PROTOCOL, syntax=EXPLICIT):
    return Wire(server.port).associate([(1, sop_class, [syntax])])


def stored_octets(server, uid, sop_class, syntax):
    wire = Wire(server.port).associate([(1, GET, [EXPLICIT]), (3, sop_class, [syntax])],
                                       roles=[(sop_class, 0, 1)])
    stored, _, final = wire.get(1, uid)
    wire.release()
    assert final.status == 0 and len(stored) == 1, f"{final.command} {len(stored)}"
    assert stored[0].command[0x1000] == uid
    return stored[0].data


def rich_protocol():
    """Private attributes, unknown VRs, nested sequences, long text, odd lengths, empty values."""
    ds = protocol(ProtocolDesignRationale="Because. " * 9000)
    ds.private_block(0x0099, "TESTER 1.0", create=True).add_new(0x01, "DS", ["1.50", "2.0"])
    block = ds.private_block(0x0099, "TESTER 1.0")
    block.add_new(0x02, "UN", b"\x01\x02\x03\x04")
    inner = Dataset()
    inner.add_new(0x00991010, "LO", "inner")
    inner.CodeValue = "X"
    block.add_new(0x03, "SQ", Sequence([inner, Dataset()]))
    item = Dataset()
    item.ProtocolElementNumber = 1
    item.ParametersSpecificationSequence = Sequence([Dataset(), code("1", "2")])
    ds.AcquisitionProtocolElementSpecificationSequence = Sequence([item])
    ds.ClinicalTrialSponsorName = ""
    return ds


@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES.keys())
def test_stored_octets_come_back_unchanged(server, syntax):
    ds = rich_protocol()
    octets = encode(ds, syntax)
    wire = opened(server, syntax=syntax)
    assert wire.transfer[1] == syntax
    assert wire.store(1, octets, CT_PROTOCOL, ds.SOPInstanceUID).status == 0
    wire.release()
    assert stored_octets(server, ds.SOPInstanceUID, CT_PROTOCOL, syntax) == octets


def test_undefined_lengths_and_group_lengths_are_kept_as_they_came(server):
    uid = new_uid()
    body = struct.pack("<HH2sHI", 8, 0, b"UL", 4, 0)[:8] + struct.pack("<I", 4242)
    for element, value in ((0x0016, CT_PROTOCOL), (0x0018, uid)):
        raw = value.encode() + b"\0" * (len(value) % 2)
        body += struct.pack("<HH2sH", 8, element, b"UI", len(raw)) + raw
    body += struct.pack("<HH2sHI", 0x18, 0x9912, b"SQ", 0, 0xFFFFFFFF)
    body += struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    body += struct.pack("<HH2sH", 8, 0x70, b"LO", 4) + b"ACME"
    body += struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    body += struct.pack("<HH2sHI", 0xFFFC, 0xFFFC, b"OB", 0, 6) + bytes(6)
    wire = opened(server)
    answer = wire.store(1, body, CT_PROTOCOL, uid)
    assert answer.status == 0, answer.command
    wire.release()
    assert stored_octets(server, uid, CT_PROTOCOL, EXPLICIT) == body


@pytest.mark.parametrize("sop_class", [CT_PROTOCOL, XA_PROTOCOL, APPROVAL])
def test_each_storage_class_is_taken(server, sop_class):
    ds = protocol(SOPClassUID=sop_class)
    wire = opened(server, sop_class)
    octets = encode(ds, EXPLICIT)
    answer = wire.store(1, octets, sop_class, ds.SOPInstanceUID)
    assert answer.status == 0
    assert answer.command[0x1000] == ds.SOPInstanceUID
    assert answer.command[0x0002] == sop_class
    wire.release()


def test_same_content_again_is_success_even_in_another_syntax(server):
    ds = rich_protocol()
    first = encode(ds, EXPLICIT)
    wire = opened(server)
    assert wire.store(1, first, CT_PROTOCOL, ds.SOPInstanceUID).status == 0
    assert wire.store(1, first, CT_PROTOCOL, ds.SOPInstanceUID).status == 0
    wire.release()
    wire = opened(server, syntax=IMPLICIT)
    assert wire.store(1, encode(ds, IMPLICIT), CT_PROTOCOL, ds.SOPInstanceUID).status == 0
    wire.release()
    assert stored_octets(server, ds.SOPInstanceUID, CT_PROTOCOL, EXPLICIT) == first


def test_known_uid_with_other_content_is_refused(server):
    ds = protocol()
    wire = opened(server)
    octets = encode(ds, EXPLICIT)
    assert wire.store(1, octets, CT_PROTOCOL, ds.SOPInstanceUID).status == 0
    ds.ProtocolName = "Something else"
    answer = wire.store(1, encode(ds, EXPLICIT), CT_PROTOCOL, ds.SOPInstanceUID)
    assert answer.status == 0xC000
    assert answer.command[0x0901] == 0x00080018
    assert 0 < len(answer.command[0x0902]) <= 64
    wire.release()
    assert stored_octets(server, ds.SOPInstanceUID, CT_PROTOCOL, EXPLICIT) == octets


def test_retired_uid_is_refused_with_its_state(server, database):
    ds = protocol()
    wire = opened(server)
    assert wire.store(1, encode(ds, EXPLICIT), CT_PROTOCOL, ds.SOPInstanceUID).status == 0
    database.amend("update dpp.objects set state = 'retired', retired_at = now(), retired_reason = 'test'"
                   " where sop_instance_uid = %s", (ds.SOPInstanceUID,))
    answer = wire.store(1, encode(ds, EXPLICIT), CT_PROTOCOL, ds.SOPInstanceUID)
    assert answer.status == 0xC000 and "retired" in answer.command[0x0902]
    wire.release()


def refused(server, octets, uid, status, tag=None, sop_class=CT_PROTOCOL):
    wire = opened(server)
    answer = wire.store(1, octets, sop_class, uid)
    assert answer.status == status, f"{answer.status:04X} {answer.command.get(0x0902)}"
    if tag:
        assert answer.command[0x0901] == tag
    assert answer.command.get(0x0902), "a refusal explains itself"
    assert wire.store(1, encode(good := protocol(), EXPLICIT), CT_PROTOCOL,
                      good.SOPInstanceUID).status == 0, "the association goes on"
    wire.release()


def test_data_set_and_command_must_agree(server):
    ds = protocol()
    refused(server, encode(ds, EXPLICIT), new_uid(), 0xA900, 0x00080018)
    other = protocol(SOPClassUID=XA_PROTOCOL)
    refused(server, encode(other, EXPLICIT), other.SOPInstanceUID, 0xA900, 0x00080016)
    none = protocol(SOPInstanceUID=None)
    refused(server, encode(none, EXPLICIT), new_uid(), 0xA900, 0x00080018)


def test_malformed_instance_uid_is_refused(server):
    ds = protocol()
    wire = opened(server)
    answer = wire.store(1, encode(ds, EXPLICIT), CT_PROTOCOL, "1.2.not.a.uid")
    assert answer.status == 0x0117
    wire.release()


def test_undecodable_data_sets_are_refused(server, database):
    ds = protocol()
    good = encode(ds, EXPLICIT)
    before = database.query("select count(*) from dpp.objects where sop_instance_uid = %s",
                            (ds.SOPInstanceUID,))
    refused(server, good[:-3], ds.SOPInstanceUID, 0xC210)
    refused(server, b"GET / HTTP/1.0\r\n", ds.SOPInstanceUID, 0xC210)
    bomb = b""
    for _ in range(200):
        bomb += struct.pack("<HH2sHI", 0x18, 0x9912, b"SQ", 0, 0xFFFFFFFF)
        bomb += struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    refused(server, bomb, ds.SOPInstanceUID, 0xA700)  # the limit on depth
    assert database.query("select count(*) from dpp.objects where sop_instance_uid = %s",
                          (ds.SOPInstanceUID,)) == before == [(0,)]


def test_imperfect_objects_are_kept_with_warnings(server, database):
    ds = protocol(InstanceCreationTime="101500")
    raw = encode(ds, EXPLICIT).replace(b"20240102", b"2024-1-2").replace(b"101500", b"10:15x")
    wire = opened(server)
    assert wire.store(1, raw, CT_PROTOCOL, ds.SOPInstanceUID).status == 0
    wire.release()
    rows = database.query(
        "select w.warning from dpp.dataset_warnings w join dpp.objects o on o.id = w.object_id"
        " where o.sop_instance_uid = %s", (ds.SOPInstanceUID,))
    assert rows, "what was wrong is written down"
    assert stored_octets(server, ds.SOPInstanceUID, CT_PROTOCOL, EXPLICIT) == raw


# ---- what no index could hold --------------------------------------------------------------------------
def noise(length):
    """Which nothing can compress."""
    return "".join(random.Random(length).choices(string.ascii_letters + string.digits, k=length))


def long_code(size):
    item = keys(CodeValue=noise(size["SH"]), CodingSchemeDesignator=noise(size["SH"]))
    item.LongCodeValue, item.URNCodeValue = noise(size["UC"]), noise(size["UC"])
    return item


def long_protocol(size):
    lo = noise(size["LO"])
    return protocol(
        ProtocolName=lo, EquipmentModality=noise(size["SH"]), ContentCreatorName=noise(size["PN"]),
        ClinicalTrialSponsorName=lo, ClinicalTrialProtocolID=lo,
        ModelSpecificationSequence=[keys(Manufacturer=lo, ManufacturerModelName=lo, ManufacturerRelatedModelGroup=lo,
                                         SoftwareVersions=["1", lo])],
        CustodialOrganizationSequence=[keys(InstitutionName=lo, InstitutionCodeSequence=[long_code(size)])],
        PredecessorProtocolSequence=[keys(ReferencedSOPClassUID=CT_PROTOCOL, ReferencedSOPInstanceUID=noise(size["UI"]))])


def long_approval(size):
    lo = noise(size["LO"])
    asserter = keys(PersonName=noise(size["PN"]), InstitutionName=lo, InstitutionalDepartmentName=lo,
                    OrganizationalRoleCodeSequence=[long_code(size)])
    subject = keys(ReferencedSOPClassUID=CT_PROTOCOL, ReferencedSOPInstanceUID=noise(size["UI"]))
    assertion = keys(AssertionCodeSequence=[long_code(size)], AssertionUID=noise(size["UI"]),
                     AsserterIdentificationSequence=[asserter],
                     RelatedAssertionSequence=[keys(ReferencedAssertionUID=noise(size["UI"]))])
    return keys(SOPClassUID=APPROVAL, SOPInstanceUID=new_uid(), ApprovalSubjectSequence=[subject],
                ApprovalSequence=[assertion])


MOST = {"LO": 1024, "SH": 1024, "UI": 1024, "PN": 800, "UC": 1600}
WORST_NAME = "".join(random.Random(1).choices([chr(c) for c in range(0x1D15E, 0x1D165)], k=200))  # 12 octets each, composed


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make, sop_class, indexed", [(long_protocol, CT_PROTOCOL, 15), (long_approval, APPROVAL, 14)])
@pytest.mark.parametrize("more", [0, 1, 5000, 300000])
def test_no_value_is_too_long_to_be_stored(server, database, make, sop_class, indexed, more):
    ds = make({vr: most + more for vr, most in MOST.items()})
    wire = opened(server, sop_class, IMPLICIT)
    assert wire.store(1, encode(ds, IMPLICIT), sop_class, ds.SOPInstanceUID).status == 0
    wire.release()
    warnings = database.query("select warning from dpp.dataset_warnings where object_id ="
                              " (select id from dpp.objects where sop_instance_uid = %s)", (ds.SOPInstanceUID,))
    assert [w for w, in warnings if not w.startswith("is too long to be matched")] == []
    assert len(warnings) == (indexed if more else 0)


@pytest.mark.filterwarnings("ignore")
def test_a_value_as_long_as_an_index_holds_is_found(server):
    ds = protocol(ContentCreatorName=WORST_NAME, SpecificCharacterSet="ISO_IR 192", ProtocolName=noise(1023))
    wire = Wire(server.port).associate([(1, CT_PROTOCOL, [IMPLICIT]), (3, FIND, [IMPLICIT])])
    assert wire.store(1, encode(ds, IMPLICIT), CT_PROTOCOL, ds.SOPInstanceUID).status == 0
    for attributes in ({"ContentCreatorName": WORST_NAME}, {"ProtocolName": noise(1023)}):
        identifier = keys(SpecificCharacterSet="ISO_IR 192", SOPInstanceUID="", **attributes)
        assert len(wire.find(3, encode(identifier, IMPLICIT))[0]) == 1, list(attributes)
    wire.release()


@pytest.mark.filterwarnings("ignore")
def test_a_value_that_no_index_holds_is_returned(server):
    ds = protocol(ProtocolName=noise(9000))
    wire = Wire(server.port).associate([(1, CT_PROTOCOL, [IMPLICIT]), (3, FIND, [IMPLICIT])])
    assert wire.store(1, encode(ds, IMPLICIT), CT_PROTOCOL, ds.SOPInstanceUID).status == 0
    pending, _ = wire.find(3, encode(keys(SOPInstanceUID=ds.SOPInstanceUID, ProtocolName=""), IMPLICIT))
    assert pending[0].ProtocolName == noise(9000)
    assert wire.find(3, encode(keys(SOPInstanceUID="", ProtocolName=noise(9000)), IMPLICIT))[0] == []
    wire.release()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("length", [64, 65, 100000])
def test_a_time_zone_of_any_length_is_stored(server, database, length):
    ds = protocol(TimezoneOffsetFromUTC="1" * length)
    wire = opened(server, syntax=IMPLICIT)
    assert wire.store(1, encode(ds, IMPLICIT), CT_PROTOCOL, ds.SOPInstanceUID).status == 0
    wire.release()
    (zone, warning), = database.query(
        "select o.timezone_offset, w.warning from dpp.objects as o join dpp.dataset_warnings as w on w.object_id = o.id"
        " where o.sop_instance_uid = %s and w.attribute = '00080201'", (ds.SOPInstanceUID,))
    assert zone == ("1" * 64 if length == 64 else None)
    assert warning == ("has a value that is no offset from UTC: " if length == 64 else "has an unknown value: ") + "1" * 64


def test_large_instance(server):
    ds = protocol(ProtocolDesignRationale="x" * 3_000_001)
    octets = encode(ds, EXPLICIT)
    wire = opened(server)
    assert wire.store(1, octets, CT_PROTOCOL, ds.SOPInstanceUID).status == 0
    wire.release()
    assert stored_octets(server, ds.SOPInstanceUID, CT_PROTOCOL, EXPLICIT) == octets


def test_many_associations_store_the_same_instance_at_once(server, database):
    import threading
    ds = protocol()
    octets = encode(ds, EXPLICIT)
    results = []

    def run():
        wire = opened(server)
        results.append(wire.store(1, octets, CT_PROTOCOL, ds.SOPInstanceUID).status)
        wire.release()
    threads = [threading.Thread(target=run) for _ in range(12)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert results == [0] * 12
    assert database.query("select count(*) from dpp.objects where sop_instance_uid = %s",
                          (ds.SOPInstanceUID,)) == [(1,)]
