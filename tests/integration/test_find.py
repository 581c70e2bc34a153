# SPDX-License-Identifier: Apache-2.0
"""C-FIND against the sample library and against objects made for the rule under test."""
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicomwire import CT_PROTOCOL, EXPLICIT, FIND, IMPLICIT, BIG_ENDIAN, XA_PROTOCOL, Wire, encode
from protocols import code, keys, model, protocol, reference


@pytest.fixture(scope="module")
def library(server):
    """Stored once; the tests below say which of these a key finds."""
    objects = {
        "head": protocol(
            ProtocolName="Head Routine 100%", EquipmentModality="CT", InstanceCreationDate="20240105",
            InstanceCreationTime="1000", ContentCreatorName="Müller^Jörg",
            SpecificCharacterSet="ISO_IR 100",
            ModelSpecificationSequence=[model("ACME", "Alpha", "Scanomatic", ["V1", "V2"], "77"),
                                        model("Other", "Beta")],
            AnatomicRegionSequence=[code("69536005", "SCT", "Head")]),
        "chest": protocol(
            ProtocolName="Chest_Routine", InstanceCreationDate="20240106", InstanceCreationTime="0900",
            ModelSpecificationSequence=[model("ACME", "Beta")],
            ClinicalTrialSponsorName="Sponsor", ClinicalTrialProtocolID="T1"),
        "xa": protocol(
            SOPClassUID=XA_PROTOCOL, EquipmentModality="XA", ProtocolName="Cerebral 3D",
            InstanceCreationDate="20240107", InstanceCreationTime="180000.5",
            PotentialScheduledProtocolCodeSequence=[code("A", "99X", "one"), code("B", "99Y", "two")],
            PotentialReasonsForProcedure=["first", "second"]),
        "bare": protocol(ProtocolName="", InstanceCreationDate="", InstanceCreationTime="",
                         ContentCreatorName="", EquipmentModality="CT"),
    }
    objects["chest"].PredecessorProtocolSequence = Sequence([reference(objects["head"].SOPInstanceUID)])
    institution = Dataset()
    institution.InstitutionName = "Mercy Hospital"
    institution.InstitutionCodeSequence = Sequence([code("MH", "99L", "Mercy")])
    objects["head"].CustodialOrganizationSequence = Sequence([institution])
    wire = Wire(server.port).associate([(1, CT_PROTOCOL, [EXPLICIT]), (3, XA_PROTOCOL, [EXPLICIT])])
    for ds in objects.values():
        context = 1 if ds.SOPClassUID == CT_PROTOCOL else 3
        answer = wire.store(context, encode(ds, EXPLICIT), ds.SOPClassUID, ds.SOPInstanceUID)
        assert answer.status == 0, answer.command
    wire.release()
    return objects


def found(server, library, transfer=EXPLICIT, status=0xFF00, **attributes):
    """Names of the library's objects that the keys find."""
    identifier = keys(**attributes)
    identifier.SOPInstanceUID = identifier.get("SOPInstanceUID", "")
    wire = Wire(server.port).associate([(1, FIND, [transfer])])
    matches, final = wire.find(1, identifier)
    wire.release()
    assert final.status == 0, f"{final.status:04X} {final.command.get(0x0902)}"
    assert final.data is None
    assert all(m.pending_status == status for m in matches)
    by_uid = {ds.SOPInstanceUID: name for name, ds in library.items()}
    assert len({m.SOPInstanceUID for m in matches}) == len(matches), "one response a match"
    return {by_uid[m.SOPInstanceUID] for m in matches}


def one(**attributes):
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


ALL = {"head", "chest", "xa", "bare"}
CASES = [
    # universal matching: PS3.4 C.2.2.2.3
    ({"ProtocolName": ""}, ALL),
    ({"ProtocolName": "*"}, ALL),
    # single value, case sensitive: C.2.2.2.1
    ({"ProtocolName": "Chest_Routine"}, {"chest"}),
    ({"ProtocolName": "chest_routine"}, set()),
    ({"ProtocolName": "Chest_Routine  "}, {"chest"}),
    ({"EquipmentModality": "XA"}, {"xa"}),
    # wild card: C.2.2.2.4, and no meaning for SQL's own
    ({"ProtocolName": "Head*"}, {"head"}),
    ({"ProtocolName": "*Routine*"}, {"head", "chest"}),
    ({"ProtocolName": "Chest?Routine"}, {"chest"}),
    ({"ProtocolName": "Chest?outine"}, set()),
    ({"ProtocolName": "%"}, set()),
    ({"ProtocolName": "*100%"}, {"head"}),
    ({"ProtocolName": "?hest_*"}, {"chest"}),
    ({"ProtocolName": "*_Routine"}, {"chest"}),
    ({"ProtocolName": "?*"}, {"head", "chest", "xa"}),
    # list of UID: C.2.2.2.2
    ({"SOPClassUID": XA_PROTOCOL}, {"xa"}),
    ({"SOPClassUID": [CT_PROTOCOL, XA_PROTOCOL]}, ALL),
    ({"SOPClassUID": "1.2.3"}, set()),
    # person names: folded, groups
    ({"ContentCreatorName": "müller^jörg", "SpecificCharacterSet": "ISO_IR 192"}, {"head"}),
    ({"ContentCreatorName": "MULLER^JORG"}, {"head"}),
    ({"ContentCreatorName": "Mull*"}, {"head"}),
    ({"ContentCreatorName": "Tester^Terry^^"}, {"chest", "xa"}),
    # date, time, combined range: C.2.2.2.5
    ({"InstanceCreationDate": "20240105"}, {"head"}),
    ({"InstanceCreationDate": "20240105-20240106"}, {"head", "chest"}),
    ({"InstanceCreationDate": "-20240105"}, {"head"}),
    ({"InstanceCreationDate": "20240106-"}, {"chest", "xa"}),
    ({"InstanceCreationTime": "100000"}, {"head"}),
    ({"InstanceCreationTime": "09-10"}, {"head", "chest"}),
    ({"InstanceCreationTime": "180000-"}, {"xa"}),
    ({"InstanceCreationDate": "20240105-20240106", "InstanceCreationTime": "0930-0930"}, {"head", "chest"}),
    ({"InstanceCreationDate": "20240105-20240106", "InstanceCreationTime": "1030-0930"}, {"chest"}),
    ({"InstanceCreationDate": "20240105", "InstanceCreationTime": "0930-1030"}, {"head"}),
    # clinical trial
    ({"ClinicalTrialSponsorName": "Spons*", "ClinicalTrialProtocolID": "T1"}, {"chest"}),
    ({"ClinicalTrialSponsorName": "*"}, ALL),
    # sequences: C.2.2.2.6; all item keys in the same item
    ({"ModelSpecificationSequence": one(Manufacturer="ACME")}, {"head", "chest"}),
    ({"ModelSpecificationSequence": one(Manufacturer="ACME", ManufacturerModelName="Beta")}, {"chest"}),
    ({"ModelSpecificationSequence": one(ManufacturerModelName="*eta")}, {"head", "chest"}),
    ({"ModelSpecificationSequence": one(SoftwareVersions="V2")}, {"head"}),
    ({"ModelSpecificationSequence": one(SoftwareVersions="V?")}, {"head"}),
    ({"ModelSpecificationSequence": one(ManufacturerRelatedModelGroup="Scan*")}, {"head"}),
    ({"ModelSpecificationSequence": one(DeviceSerialNumber="nope")}, ALL),  # return only
    ({"ModelSpecificationSequence": Dataset()}, ALL),
    ({"ModelSpecificationSequence": []}, ALL),
    ({"AnatomicRegionSequence": one(CodeValue="69536005", CodingSchemeDesignator="SCT")}, {"head"}),
    ({"AnatomicRegionSequence": one(CodeValue="69536005", CodingSchemeDesignator="LN")}, set()),
    ({"AnatomicRegionSequence": one(CodeValue="69536005", CodeMeaning="Wrong")}, {"head"}),
    ({"PotentialScheduledProtocolCodeSequence": one(CodeValue="A", CodingSchemeDesignator="99Y")}, set()),
    ({"PotentialScheduledProtocolCodeSequence": one(CodeValue="B", CodingSchemeDesignator="99Y")}, {"xa"}),
    ({"PotentialReasonsForProcedure": "first"}, ALL),  # return only
]


@pytest.mark.parametrize("given, expected", CASES, ids=lambda v: str(v)[:60].replace("\n", " "))
def test_matching(server, library, given, expected):
    assert found(server, library, **given) == expected


@pytest.mark.parametrize("transfer", [IMPLICIT, EXPLICIT, BIG_ENDIAN])
def test_every_transfer_syntax_of_the_query(server, library, transfer):
    assert found(server, library, transfer=transfer, ProtocolName="Head*") == {"head"}


def test_predecessor_and_custodian(server, library):
    uid = library["head"].SOPInstanceUID
    assert found(server, library, PredecessorProtocolSequence=one(ReferencedSOPInstanceUID=uid)) == {"chest"}
    assert found(server, library, CustodialOrganizationSequence=one(InstitutionName="Mercy*")) == {"head"}
    nested = one(InstitutionCodeSequence=Sequence([one(CodeValue="MH", CodingSchemeDesignator="99L")]))
    assert found(server, library, CustodialOrganizationSequence=nested) == {"head"}
    nested = one(InstitutionCodeSequence=Sequence([one(CodeValue="MX", CodingSchemeDesignator="99L")]))
    assert found(server, library, CustodialOrganizationSequence=nested) == set()


def test_uid_list(server, library):
    uids = [library["head"].SOPInstanceUID, library["xa"].SOPInstanceUID, "1.2.3.4"]
    assert found(server, library, SOPInstanceUID=uids) == {"head", "xa"}


def only(server, library, name, **attributes):
    identifier = keys(**attributes)
    if "SOPInstanceUID" not in identifier:
        identifier.SOPInstanceUID = library[name].SOPInstanceUID
    wire = Wire(server.port).associate([(1, FIND, [EXPLICIT])])
    matches, final = wire.find(1, identifier)
    wire.release()
    assert final.status == 0 and len(matches) == 1
    return matches[0]


def test_response_holds_what_was_asked_and_nothing_else(server, library):
    match = only(server, library, "chest", ProtocolName="", ClinicalTrialSponsorName="",
                 ResponsibleGroupCodeSequence=[])
    assert {e.keyword for e in match} == {
        "SOPInstanceUID", "ProtocolName", "ClinicalTrialSponsorName", "ResponsibleGroupCodeSequence"}
    assert match.ProtocolName == "Chest_Routine"
    assert len(match.ResponsibleGroupCodeSequence) == 0


def test_sop_instance_uid_only_when_asked(server, library):
    wire = Wire(server.port).associate([(1, FIND, [EXPLICIT])])
    matches, _ = wire.find(1, keys(ProtocolName="Chest_Routine"))
    wire.release()
    assert [{e.keyword for e in m} for m in matches] == [{"ProtocolName"}]


def test_only_matching_items_with_only_requested_attributes(server, library):
    match = only(server, library, "head", ModelSpecificationSequence=one(Manufacturer="Other"))
    assert [[e.keyword for e in i] for i in match.ModelSpecificationSequence] == [["Manufacturer"]]
    assert match.ModelSpecificationSequence[0].Manufacturer == "Other"


def test_whole_sequence_for_universal_sequence_keys(server, library):
    for key in ([], Dataset()):
        match = only(server, library, "head", ModelSpecificationSequence=key)
        assert len(match.ModelSpecificationSequence) == 2
        assert match.ModelSpecificationSequence[0].DeviceSerialNumber == "77"
        assert list(match.ModelSpecificationSequence[0].SoftwareVersions) == ["V1", "V2"]


def test_multi_valued_attribute_returns_all_values(server, library):
    match = only(server, library, "xa", PotentialReasonsForProcedure="")
    assert list(match.PotentialReasonsForProcedure) == ["first", "second"]


def test_character_set_of_the_response(server, library):
    match = only(server, library, "head", ContentCreatorName="")
    assert match.SpecificCharacterSet == "ISO_IR 100"
    assert str(match.ContentCreatorName) == "Müller^Jörg"
    match = only(server, library, "head", ContentCreatorName="", SpecificCharacterSet="ISO_IR 192")
    assert match.SpecificCharacterSet == "ISO_IR 192"
    assert str(match.ContentCreatorName) == "Müller^Jörg"
    match = only(server, library, "head", ProtocolName="", SpecificCharacterSet="ISO_IR 192")
    assert "SpecificCharacterSet" not in match, "not needed for ASCII"


def test_key_in_another_character_set_than_stored(server, library):
    assert found(server, library, SpecificCharacterSet="ISO_IR 192", ContentCreatorName="Müller*") == {"head"}
    assert found(server, library, SpecificCharacterSet="ISO_IR 100", ContentCreatorName="Müller*") == {"head"}


def test_unknown_keys_give_ff01(server, library):
    assert found(server, library, status=0xFF01, ProtocolName="Head*", PatientName="X") == {"head"}


@pytest.mark.parametrize("transfer", [EXPLICIT, IMPLICIT, BIG_ENDIAN])
def test_attributes_outside_the_model_are_returned(server, transfer):
    """The large one comes out of the database in several parts, the small one of the same query in one."""
    large, small = protocol(InstanceNumber="41"), protocol(InstanceNumber="42")
    large.add_new(0x00190010, "LO", "ACME 1")
    large.add_new(0x00191001, "OB", bytes(range(256)) * 10000)
    wire = Wire(server.port).associate([(1, CT_PROTOCOL, [EXPLICIT]), (3, FIND, [transfer])])
    for ds in (large, small):
        assert wire.store(1, encode(ds, EXPLICIT), ds.SOPClassUID, ds.SOPInstanceUID).status == 0
    uids = [large.SOPInstanceUID, small.SOPInstanceUID]
    matches, final = wire.find(3, keys(SOPInstanceUID=uids, InstanceNumber="", ContentLabel=""))
    wire.release()
    assert final.status == 0
    assert {m.pending_status for m in matches} == {0xFF00}
    assert sorted((m.SOPInstanceUID, m.InstanceNumber, m.ContentLabel) for m in matches) == \
        sorted(zip(uids, ["41", "42"], ["", ""]))


def test_keyless_identifier_is_success_without_matches(server, library):
    wire = Wire(server.port).associate([(1, FIND, [EXPLICIT])])
    matches, final = wire.find(1, keys(SpecificCharacterSet="ISO_IR 100"))
    assert (matches, final.status) == ([], 0)
    wire.release()


def failing(server, identifier, status, tag=None):
    wire = Wire(server.port).associate([(1, FIND, [EXPLICIT])])
    matches, final = wire.find(1, identifier)
    assert matches == [] and final.status == status, f"{final.status:04X}"
    assert final.command.get(0x0902)
    if tag:
        assert final.command[0x0901] == tag
    assert wire.find(1, keys(SOPInstanceUID="1.2.3"))[1].status == 0, "the association goes on"
    wire.release()


def test_bad_identifiers_are_refused_with_the_attribute(server, library):
    failing(server, keys(InstanceCreationDate="2024x"), 0xA900, 0x00080012)
    failing(server, keys(InstanceCreationTime="99"), 0xA900, 0x00080013)
    failing(server, keys(ModelSpecificationSequence=[one(Manufacturer="A"), one(Manufacturer="B")]),
            0xA900, 0x00189912)
    failing(server, keys(SpecificCharacterSet="ISO_IR 999", ProtocolName="x"), 0xA900, 0x00080005)
    failing(server, b"\x08\x00\x18\x00UI\xff\x00abc", 0xC310)


def test_eight_bit_text_without_character_set_is_refused(server, library):
    raw = encode(keys(ProtocolName="Mxller"), EXPLICIT).replace(b"Mxller", b"M\xfcller")
    failing(server, raw, 0xA900)


def test_key_longer_than_its_vr_is_no_error(server, library):
    assert found(server, library, ProtocolName="x" * 300 + "*") == set()


def test_stored_protocol_is_found_at_once(server, library):
    wire = Wire(server.port).associate([(1, CT_PROTOCOL, [EXPLICIT]), (3, FIND, [EXPLICIT])])
    for _ in range(20):
        ds = protocol(ProtocolName="", EquipmentModality="US")
        assert wire.store(1, encode(ds, EXPLICIT), CT_PROTOCOL, ds.SOPInstanceUID).status == 0
        matches, final = wire.find(3, keys(SOPInstanceUID=ds.SOPInstanceUID))
        assert final.status == 0 and len(matches) == 1
    wire.release()
