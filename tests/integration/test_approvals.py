# SPDX-License-Identifier: Apache-2.0
"""Protocol Approvals (PS3.4 Annex II): stored, queried by each key, retrieved, and kept apart from protocols."""
import os
import subprocess

import pydicom
import pytest
from pydicom.dataset import Dataset

from conftest import StoreScp, client, find_json, run_dppr
from dicomwire import (APPROVAL, APPROVAL_FIND, APPROVAL_GET, APPROVAL_MOVE, BIG_ENDIAN, CT_PROTOCOL, DEFLATED, EXPLICIT,
                       FIND, GET, IMPLICIT, MOVE, XA_PROTOCOL, Wire, encode, wait_for)
from protocols import code, keys, new_uid, protocol, reference

SCU = os.environ.get("DCMTK_SCU", "")
SUBJECT = new_uid()


def item(**attributes):
    return keys(**attributes)


def person(name, role, institution="Mercy", **more):
    return item(ObserverType="PSN", PersonName=name, InstitutionName=institution,
                OrganizationalRoleCodeSequence=[code(role, "DCM")],
                PersonIdentificationCodeSequence=[code(name[:2].upper(), "99P")],
                InstitutionCodeSequence=[code(institution.upper(), "99I")], **more)


def assertion(value, asserter, when, **more):
    return item(AssertionCodeSequence=[code(value, "DCM", "says")], AssertionUID=new_uid(),
                AsserterIdentificationSequence=[asserter], AssertionDateTime=when, **more)


def approval(subjects, assertions, **more):
    return keys(SOPClassUID=APPROVAL, SOPInstanceUID=new_uid(), Manufacturer="Tester", ManufacturerModelName="Bench",
                DeviceSerialNumber="1", SoftwareVersions=["1", "2"], ApprovalSubjectSequence=subjects,
                ApprovalSequence=assertions, **{"InstanceCreationDate": "20240102", "InstanceCreationTime": "101500", **more})


@pytest.fixture(scope="module")
def library(server):
    """Stored once; the tests below say which of these a key finds. With a protocol, which no key of approvals finds."""
    first = assertion("128603", person("Smith^John", "128670", InstitutionalDepartmentName="Radiology",
                                       InstitutionalDepartmentTypeCodeSequence=[code("D1", "99D")]),
                      "20240102101500+0100", AssertionExpirationDateTime="20270102", AssertionComments="fine")
    objects = {
        "one": approval([reference(SUBJECT), reference("1.2.9", XA_PROTOCOL)],
                        [first, assertion("128605", person("Doe^Jane", "128671", "General"), "20240103")]),
        "two": approval([reference("1.2.9", XA_PROTOCOL)], [
            assertion("128603", person("Doe^Jane", "128671", "General"), "20240105", AssertionExpirationDateTime="2025",
                      RelatedAssertionSequence=[item(ReferencedAssertionUID=first.AssertionUID)]),
            assertion("128605", person("Müller^Jörg", "128670"), "20240106")],
            InstanceCreationDate="20240106", InstanceCreationTime="0900", SpecificCharacterSet="ISO_IR 192"),
        "device": approval([reference(SUBJECT)], [assertion(
            "128606", item(ObserverType="DEV", StationName="GATE", InstitutionName="North"), "20231231235959")],
            InstanceCreationDate="20231231", TimezoneOffsetFromUTC="-0500"),
        "protocol": protocol(SOPInstanceUID=SUBJECT),
    }
    wire = Wire(server.port).associate([(1, APPROVAL, [EXPLICIT]), (3, CT_PROTOCOL, [EXPLICIT])])
    for ds in objects.values():
        context = 1 if ds.SOPClassUID == APPROVAL else 3
        assert wire.store(context, encode(ds, EXPLICIT), ds.SOPClassUID, ds.SOPInstanceUID).status == 0
    wire.release()
    return objects


def ask(server, transfer=EXPLICIT, sop_class=APPROVAL_FIND, **attributes):
    wire = Wire(server.port).associate([(1, sop_class, [transfer])])
    matches, final = wire.find(1, keys(**attributes), sop_class)
    wire.release()
    assert final.status == 0 and final.data is None
    assert all(m.pending_status == 0xFF00 for m in matches)
    return matches


def found(server, library, **attributes):
    names = {ds.SOPInstanceUID: name for name, ds in library.items()}
    uids = [m.SOPInstanceUID for m in ask(server, **{"SOPInstanceUID": "", **attributes})]
    assert len(set(uids)) == len(uids), "one response a match"
    return {names[u] for u in uids}


def said(**attributes):
    return {"ApprovalSequence": item(**attributes)}


def by(**attributes):
    return said(AsserterIdentificationSequence=item(**attributes))


ALL = {"one", "two", "device"}
CASES = [  # table II.6-1
    ({"SOPClassUID": APPROVAL}, ALL),
    ({"SOPClassUID": [CT_PROTOCOL, XA_PROTOCOL]}, set()),
    ({"InstanceCreationDate": "20240102-"}, {"one", "two"}),
    ({"InstanceCreationTime": "0900"}, {"two"}),
    ({"InstanceCreationDate": "20231231-20240106", "InstanceCreationTime": "1200-0930"}, {"one", "two"}),
    ({"ApprovalSubjectSequence": item(ReferencedSOPClassUID=XA_PROTOCOL)}, {"one", "two"}),
    ({"ApprovalSubjectSequence": item(ReferencedSOPInstanceUID=SUBJECT)}, {"one", "device"}),
    ({"ApprovalSubjectSequence": item(ReferencedSOPClassUID=XA_PROTOCOL, ReferencedSOPInstanceUID=SUBJECT)}, set()),
    (said(AssertionCodeSequence=item(CodeValue="128606", CodingSchemeDesignator="DCM")), {"device"}),
    (said(AssertionCodeSequence=item(CodeValue="12860?")), ALL),
    (by(PersonName="smith*"), {"one"}),
    (by(PersonName="muller^jorg"), {"two"}),
    (by(PersonIdentificationCodeSequence=item(CodeValue="SM", CodingSchemeDesignator="99P")), {"one"}),
    (by(OrganizationalRoleCodeSequence=item(CodeValue="128670")), {"one", "two"}),
    (by(InstitutionName="North"), {"device"}),
    (by(InstitutionCodeSequence=item(CodeValue="GENERAL")), {"one", "two"}),
    (by(InstitutionalDepartmentName="Radio*"), {"one"}),
    (by(InstitutionalDepartmentTypeCodeSequence=item(CodeValue="D1")), {"one"}),
    (said(AssertionDateTime="20240101-20240104"), {"one"}),
    (said(AssertionDateTime="20240102091500+0000"), {"one"}),
    (said(AssertionDateTime="-2023"), {"device"}),
    (said(AssertionExpirationDateTime="2026-"), {"one"}),
    # all keys of an item within one item, on each level (C.2.2.2.6)
    (said(AssertionCodeSequence=item(CodeValue="128603"), AsserterIdentificationSequence=item(PersonName="Doe*")), {"two"}),
    (by(PersonName="Doe*", OrganizationalRoleCodeSequence=item(CodeValue="128670")), set()),
    (said(AssertionDateTime="20240105", AssertionExpirationDateTime="2027-"), set()),
    # return keys that carry a value
    (said(AssertionComments="other", AssertionUID="1.2"), ALL),
    ({"Manufacturer": "other"}, ALL),
]


@pytest.mark.parametrize("attributes, expected", CASES)
def test_each_key_finds_what_it_names(server, library, attributes, expected):
    assert found(server, library, **attributes) == expected


def test_related_assertions_lead_to_what_refers_to_them(server, library):
    uid = library["one"].ApprovalSequence[0].AssertionUID
    related = item(ReferencedAssertionUID=uid)
    assert found(server, library, **said(RelatedAssertionSequence=related)) == {"two"}


@pytest.mark.parametrize("transfer", [IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN])
def test_a_response_has_matching_items_and_asked_attributes(server, library, transfer):
    wanted = library["one"].ApprovalSequence[1]
    match, = ask(server, transfer, SOPInstanceUID=library["one"].SOPInstanceUID, **said(
        AssertionCodeSequence=item(CodeValue="128605", CodeMeaning=""), AssertionExpirationDateTime="",
        AsserterIdentificationSequence=item(PersonName="", OrganizationalRoleCodeSequence=[])))
    del match.pending_status
    assert match == keys(SOPInstanceUID=library["one"].SOPInstanceUID, ApprovalSequence=[item(
        AssertionCodeSequence=[item(CodeValue="128605", CodeMeaning="says")], AssertionExpirationDateTime="",
        AsserterIdentificationSequence=[item(
            PersonName="Doe^Jane",
            OrganizationalRoleCodeSequence=wanted.AsserterIdentificationSequence[0].OrganizationalRoleCodeSequence)])])


def test_an_empty_sequence_key_returns_it_whole(server, library):
    match, = ask(server, SOPInstanceUID=library["two"].SOPInstanceUID, ApprovalSequence=[], ApprovalSubjectSequence=[Dataset()],
                 SpecificCharacterSet="ISO_IR 192")
    assert match.ApprovalSequence == library["two"].ApprovalSequence
    assert match.ApprovalSubjectSequence == library["two"].ApprovalSubjectSequence
    assert "Manufacturer" not in match


def test_date_times_come_with_the_zone_they_are_in(server, library):
    match, = ask(server, SOPInstanceUID=library["device"].SOPInstanceUID, **said(AssertionDateTime=""))
    assert match.TimezoneOffsetFromUTC == "-0500"


def test_the_class_of_the_context_decides_the_model(server, library):
    """A protocol is no approval, and the other way round, whichever UID is asked for."""
    uids = [ds.SOPInstanceUID for ds in library.values()]
    assert found(server, library, SOPInstanceUID=uids) == ALL
    assert found(server, library, sop_class=FIND, SOPInstanceUID=uids) == {"protocol"}
    wire = Wire(server.port).associate(
        [(1, APPROVAL_FIND, [EXPLICIT]), (3, FIND, [EXPLICIT])])
    approvals, _ = wire.find(1, keys(SOPInstanceUID=uids), APPROVAL_FIND)
    protocols, _ = wire.find(3, keys(SOPInstanceUID=uids), FIND)
    wire.release()
    assert len(approvals) == 3 and len(protocols) == 1


@pytest.mark.parametrize("service, storage, names", [
    (APPROVAL_GET, APPROVAL, ALL), (GET, CT_PROTOCOL, {"protocol"})])
def test_get_delivers_objects_of_its_model_only(server, library, service, storage, names):
    contexts = [(1, service, [EXPLICIT]), (3, APPROVAL, [EXPLICIT]), (5, CT_PROTOCOL, [EXPLICIT])]
    wire = Wire(server.port).associate(contexts, roles=[(APPROVAL, 0, 1), (CT_PROTOCOL, 0, 1)])
    received, _, final = wire.get(1, [ds.SOPInstanceUID for ds in library.values()], sop_class=service)
    wire.release()
    assert {m.command[0x1000]: m.data for m in received} == {
        library[n].SOPInstanceUID: encode(library[n], EXPLICIT) for n in names}
    assert {m.command[0x0002] for m in received} == {storage}
    assert final.status == 0 and final.data is None
    assert [final.command.get(0x1020 + n) for n in range(4)] == [None, len(names), 0, 0]


@pytest.mark.parametrize("service, names", [(APPROVAL_MOVE, ALL), (MOVE, {"protocol"})])
def test_move_delivers_objects_of_its_model_only(server, database, library, tmp_path, service, names):
    folder = tmp_path / "received"
    folder.mkdir()
    scp = StoreScp(folder)
    database.query("delete from dpp.application_entities where ae_title = 'APPROVED'")
    database.query("insert into dpp.application_entities (ae_title, host, port) values ('APPROVED', '127.0.0.1', %s)",
                   (scp.port,))
    try:
        wire = Wire(server.port).associate([(1, service, [EXPLICIT])])
        _, final = wire.move(1, [ds.SOPInstanceUID for ds in library.values()], "APPROVED", service)
        wire.release()
        assert final.status == 0 and final.data is None
        assert [final.command.get(0x1020 + n) for n in range(4)] == [None, len(names), 0, 0]
        assert {pydicom.dcmread(f).SOPInstanceUID for f in scp.files()} == {library[n].SOPInstanceUID for n in names}
    finally:
        scp.stop()


def scu(*arguments):
    done = subprocess.run([str(a) for a in (SCU, "--approval", *arguments)], text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_a_client_of_another_make(server, database, library, storescp, tmp_path):
    """DCMTK's DcmSCU."""
    uids = {name: ds.SOPInstanceUID for name, ds in library.items() if name != "protocol"}
    out = scu("find", server.port, "ApprovalSequence[0].AsserterIdentificationSequence[0].PersonName=Doe*",
              "ApprovalSequence[0].AssertionCodeSequence[0].CodeValue=128603")
    assert out.split()[:2] == ["FF00", uids["two"]] and out.count("FF00") == 1 and "status 0000" in out
    assert scu("find", server.port).count("FF00 ") == 3
    out = scu("get", server.port, tmp_path, *uids.values())
    assert "status 0000 completed 3 failed 0 warning 0" in out
    assert {pydicom.dcmread(f).SOPInstanceUID for f in tmp_path.iterdir() if f.is_file()} == set(uids.values())
    database.query("insert into dpp.application_entities (ae_title, host, port) values ('APEER', '127.0.0.1', %s)",
                   (storescp.port,))
    assert "status 0000 completed 3 failed 0 warning 0" in scu("move", server.port, "APEER", *uids.values())
    wait_for(lambda: len(storescp.files()) == 3)


# ---- dppr find, get, move ---------------------------------------------------------------------------
def test_find_shows_approvals(server, library):
    done = client(server, "find", "--model", "approval", "--wide", check=True)
    title, *rows = done.stdout.splitlines()
    assert title.split() == ["SOPInstanceUID", "ReferencedSOPInstanceUID", "AssertionCodeSequence", "PersonName",
                             "OrganizationalRoleCodeSequence", "AssertionDateTime", "AssertionExpirationDateTime"]
    assert {r.split()[0] for r in rows} == {library[n].SOPInstanceUID for n in ALL}
    row, = [r for r in rows if library["one"].SOPInstanceUID in r]
    assert "says (128603, DCM); says (128605, DCM)" in row and "Smith^John; Doe^Jane" in row
    assert f"{SUBJECT}; 1.2.9" in row
    assert "3 matches" in done.stderr


def test_find_matches_and_prints_json(server, library):
    rows = find_json(server, "--model", "approval", "-k", "ApprovalSequence.AssertionCodeSequence.CodeValue=128606",
                     "-k", "ApprovalSequence.AsserterIdentificationSequence.StationName", "-k", "SOPInstanceUID")
    assert rows == [{
        "00080018": {"vr": "UI", "Value": [library["device"].SOPInstanceUID]},
        "00440100": {"vr": "SQ", "Value": [{
            "00440101": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["128606"]}}]},
            "00440103": {"vr": "SQ", "Value": [{"00081010": {"vr": "SH", "Value": ["GATE"]}}]}}]}}]
    everything, = find_json(server, "--model", "approval", "--all", "-k", f"SOPInstanceUID={library['one'].SOPInstanceUID}")
    assert len(everything["00440100"]["Value"]) == 2 and everything["00181020"]["Value"] == ["1", "2"]


@pytest.mark.parametrize("options, key, expected", [  # PS3.4 K.5.1
    ([], "AsserterIdentificationSequence.PersonName=Smyth^Jon", set()),
    (["--fuzzy-names"], "AsserterIdentificationSequence.PersonName=Smyth^Jon", {"one"}),
    ([], "AssertionDateTime=20240101045959", set()),
    (["--adjust-times", "-k", "TimezoneOffsetFromUTC=+0000"], "AssertionDateTime=20240101045959", {"device"}),
])
def test_extended_negotiation_is_done(server, library, options, key, expected):
    rows = find_json(server, "--model", "approval", *options, "-k", f"ApprovalSequence.{key}", "-k", "SOPInstanceUID")
    names = {ds.SOPInstanceUID: name for name, ds in library.items()}
    assert {names[r["00080018"]["Value"][0]] for r in rows} == expected


def test_get_and_move_select_approvals(server, database, library, storescp, tmp_path):
    subject = f"ApprovalSubjectSequence.ReferencedSOPInstanceUID={SUBJECT}"
    done = client(server, "get", "--model", "approval", "-k", subject, "-o", tmp_path, check=True)
    assert done.stdout == "2 of 2 received\n"
    assert {p.stem for p in tmp_path.iterdir() if p.suffix == ".dcm"} == {library[n].SOPInstanceUID for n in ("one", "device")}
    uid = library["one"].SOPInstanceUID
    assert client(server, "get", uid, "-o", tmp_path / "none").returncode == 1
    database.query("insert into dpp.application_entities (ae_title, host, port) values ('ASCP', '127.0.0.1', %s)",
                   (storescp.port,))
    done = client(server, "move", "--model", "approval", "--to", "ASCP", "-k", subject, check=True)
    assert done.stdout == "2 of 2 moved to ASCP\n"
    assert client(server, "move", "--to", "ASCP", uid).returncode == 1
    assert len(wait_for(lambda: len(storescp.files()) == 2 and storescp.files())) == 2


@pytest.mark.parametrize("command", [["find"], ["get", "1.2"], ["move", "--to", "X", "1.2"]])
def test_no_other_model(command):
    done = run_dppr(*command, "--model", "patient")
    assert done.returncode == 2 and "'patient' is neither protocol nor approval" in done.stderr


# ---- rows --------------------------------------------------------------------------------------------
def test_what_was_stored_before_there_were_tables_is_found_after_a_rebuild(server, database, library):
    """As a version left it that did not know them: without rows, and with an empty query record."""
    ds = approval([reference("1.2.77")], [assertion("128610", person("Roe^Ann", "128673"), "2024")])
    wire = Wire(server.port).associate([(1, APPROVAL, [EXPLICIT])])
    assert wire.store(1, encode(ds, EXPLICIT), APPROVAL, ds.SOPInstanceUID).status == 0
    wire.release()
    subject = {"ApprovalSubjectSequence": item(ReferencedSOPInstanceUID="1.2.77")}
    assert len(ask(server, SOPInstanceUID="", **subject)) == 1
    database.amend("delete from dpp.approvals where object_id = (select id from dpp.objects where sop_instance_uid = %s)",
                   (ds.SOPInstanceUID,))
    database.amend("update dpp.objects set query_record = '' where sop_instance_uid = %s", (ds.SOPInstanceUID,))
    assert not ask(server, SOPInstanceUID="", **subject)
    assert len(ask(server, SOPInstanceUID="")) == 3
    done = run_dppr("rebuild", database=database.uri, check=True)
    assert done.stdout == "5 rebuilt, 0 failed\n"
    match, = ask(server, SOPInstanceUID="", **subject)
    assert match.SOPInstanceUID == ds.SOPInstanceUID
    # and again, by such a version beside this one
    database.query("select dpp.rebuild(%s, '', null, null, null, null, null, null, null, null, null, null, null)",
                   (ds.SOPInstanceUID,))
    assert len(ask(server, SOPInstanceUID="")) == 3
    run_dppr("rebuild", database=database.uri, check=True)
    assert len(ask(server, SOPInstanceUID="")) == 4
    database.amend("delete from dpp.objects where sop_instance_uid = %s", (ds.SOPInstanceUID,))
