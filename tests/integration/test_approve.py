# SPDX-License-Identifier: Apache-2.0
"""Assertions recorded in SQL (dpp.approve, dpp.withdraw, plain rows): at once they count, are found, and come as Protocol
Approval instances whose every value is what was said."""
import datetime

import psycopg2
import pytest

from dicomwire import (APPROVAL, APPROVAL_FIND, APPROVAL_GET, CT_PROTOCOL, DEFLATED, EXPLICIT, FIND, GET, IMPLICIT, Wire,
                       decode, encode)
from protocols import keys, new_uid, protocol

CONTEXTS = [(1, FIND, [EXPLICIT]), (3, GET, [EXPLICIT]), (5, CT_PROTOCOL, [EXPLICIT]), (7, APPROVAL_FIND, [EXPLICIT]),
            (9, APPROVAL_GET, [EXPLICIT])]


def calling(server, title="WIRE", transfer=EXPLICIT):
    return Wire(server.port).associate(CONTEXTS + [(11, APPROVAL, [transfer])], calling=title,
                                                   roles=[(CT_PROTOCOL, 1, 1), (APPROVAL, 1, 1)])


@pytest.fixture
def stored(server):
    """SOP Instance UIDs of two protocols."""
    objects = [protocol(), protocol()]
    wire = calling(server)
    for ds in objects:
        assert wire.store(5, encode(ds, EXPLICIT), CT_PROTOCOL, ds.SOPInstanceUID).status == 0
    wire.release()
    return [str(ds.SOPInstanceUID) for ds in objects]


def retrieve(server, uid, transfer=EXPLICIT):
    wire = calling(server, transfer=transfer)
    (message,), _, final = wire.get(9, uid, sop_class=APPROVAL_GET)
    assert final.status == 0
    ds = decode(message.data, transfer)
    wire.release()
    return ds


def code_of(item):
    return item.get("CodeValue") or item.LongCodeValue, item.CodingSchemeDesignator, item.CodeMeaning


@pytest.mark.parametrize("transfer", [EXPLICIT, IMPLICIT, DEFLATED])
def test_every_value_of_an_approval_is_what_was_said(database, server, stored, transfer):
    database.query("update dpp.repository set time_zone = 'Asia/Kolkata', manufacturer = 'Acme', manufacturer_model_name = 'Desk',"
                   " device_serial_number = '007', software_versions = '{1.0,2.0}'")
    (uid,), = database.query("""
        select dpp.approve(
            %s, '128604', 'medical physicist', 'Müller^Jörg^^Dr', 'First line, "quoted"', '2030-06-30 21:15:30.25+02',
            'NORTH^99N^Klinik Nord', 'M-7^99P^Müller, Jörg', 'Radiologie', 'TRIAL-7', '{2.25.70,2.25.71}',
            p_asserted => '2026-01-02 03:04:05.678901+00')""", (stored,))
    ds = retrieve(server, uid, transfer)
    (assertion_uid,), = database.query("select assertion_uid from dpp.assertions where approval_uid = %s limit 1", (uid,))
    assert ds.SOPClassUID == APPROVAL and ds.SOPInstanceUID == uid
    assert ds.SpecificCharacterSet == "ISO_IR 100" and ds.TimezoneOffsetFromUTC == "+0530"
    made = datetime.datetime.strptime(ds.InstanceCreationDate + ds.InstanceCreationTime[:6] + "+0530", "%Y%m%d%H%M%S%z")
    (since,), = database.query("select now() - %s", (made,))
    assert datetime.timedelta(0) <= since < datetime.timedelta(minutes=5)
    assert (ds.Manufacturer, ds.ManufacturerModelName, ds.DeviceSerialNumber, list(ds.SoftwareVersions)) == (
        "Acme", "Desk", "007", ["1.0", "2.0"])
    assert [(i.ReferencedSOPClassUID, i.ReferencedSOPInstanceUID) for i in ds.ApprovalSubjectSequence] == [
        (CT_PROTOCOL, u) for u in stored]
    (said,) = ds.ApprovalSequence
    assert [code_of(i) for i in said.AssertionCodeSequence] == [("128604", "DCM", "Approved for use in the clinical trial")]
    assert said.AssertionUID == assertion_uid
    assert str(said.AssertionDateTime) == "20260102083405.678901+0530"
    assert str(said.AssertionExpirationDateTime) == "20300701004530.250000+0530"
    assert said.AssertionComments == 'First line, "quoted"'
    assert said.ClinicalTrialProtocolID == "TRIAL-7"
    assert [code_of(i) for i in said.InstitutionCodeSequence] == [("NORTH", "99N", "Klinik Nord")]
    assert [i.ReferencedAssertionUID for i in said.RelatedAssertionSequence] == ["2.25.70", "2.25.71"]
    (who,) = said.AsserterIdentificationSequence
    assert (who.ObserverType, str(who.PersonName), who.InstitutionName, who.InstitutionalDepartmentName) == (
        "PSN", "Müller^Jörg^^Dr", "Klinik Nord", "Radiologie")
    assert [code_of(i) for i in who.PersonIdentificationCodeSequence] == [("M-7", "99P", "Müller, Jörg")]
    assert [code_of(i) for i in who.OrganizationalRoleCodeSequence] == [("C1708969", "UMLS", "Medical Physicist")]
    assert [code_of(i) for i in who.InstitutionCodeSequence] == [("NORTH", "99N", "Klinik Nord")]
    # and nothing else
    assert len(said) == 9 and len(who) == 7
    assert {e.keyword for e in ds} == {
        "SpecificCharacterSet", "InstanceCreationDate", "InstanceCreationTime", "SOPClassUID", "SOPInstanceUID", "Manufacturer",
        "ManufacturerModelName", "TimezoneOffsetFromUTC", "DeviceSerialNumber", "SoftwareVersions", "ApprovalSequence",
        "ApprovalSubjectSequence"}


def test_a_device_asserts(database, server, stored):
    (uid,), = database.query("""
        select dpp.approve(%s, 'inside operational limits of the device', p_station_name => 'GATE', p_station_ae_title => 'GATE7',
            p_device_uid => '2.25.99', p_manufacturer => 'Acme', p_model_name => 'Gatekeeper')""", (stored[:1],))
    (said,) = retrieve(server, uid).ApprovalSequence
    (who,) = said.AsserterIdentificationSequence
    assert {e.keyword: str(e.value) for e in who} == {
        "ObserverType": "DEV", "StationName": "GATE", "StationAETitle": "GATE7", "DeviceUID": "2.25.99", "Manufacturer": "Acme",
        "ManufacturerModelName": "Gatekeeper"}


def test_what_is_recorded_counts_for_the_next_query(database, server, stored):
    """Consent of two roles, taken back by one of them, given again."""
    database.query("insert into dpp.application_entities (ae_title, required_assertions)"
                   " values ('SCANNER', '{128603/128670,128603/128674}')")
    database.query("update dpp.repository set institution = 'MERCY^99M^Mercy Hospital'")
    scanner, others = calling(server, "SCANNER"), calling(server)

    def seen():
        matches, final = scanner.find(1, keys(SOPInstanceUID=stored))
        retrieved, _, _ = scanner.get(3, stored)
        assert final.status == 0 and len(retrieved) == len(matches)
        return {m.SOPInstanceUID for m in matches}

    def approve(role, person):
        (uid,), = database.query("select dpp.approve(%s, '128603', %s, %s)", (stored, role, person))
        matches, _ = others.find(7, keys(SOPInstanceUID=uid), APPROVAL_FIND)
        assert [m.SOPInstanceUID for m in matches] == [uid]
        return uid
    assert seen() == set()
    approve("Head of Radiology", "Roentgen^Wilma")
    assert seen() == set()
    technologist = approve("Lead Radiologic Technologist", "Tech^Tim")
    assert seen() == set(stored)
    (assertion,), = database.query("select assertion_uid from dpp.assertions where approval_uid = %s limit 1", (technologist,))
    (withdrawal,), = database.query("select dpp.withdraw(%s, 'dose', p_protocols => %s)", (assertion, stored[:1]))
    assert seen() == set(stored[1:])
    (said,) = retrieve(server, withdrawal).ApprovalSequence
    assert code_of(said.AssertionCodeSequence[0])[0] == "128623" and said.AssertionComments == "dose"
    assert said.RelatedAssertionSequence[0].ReferencedAssertionUID == assertion
    approve("128670", "Roentgen^Wilma")
    approve("128674", "Tech^Tim")
    assert seen() == set(stored)
    scanner.release()
    others.release()


def test_what_is_rolled_back_was_never_said(database, server, stored):
    connection = psycopg2.connect(database.uri)
    connection.cursor().execute("select dpp.approve(%s, '128601', null, 'Doe^Jane')", (stored,))
    connection.rollback()
    connection.close()
    wire = calling(server)
    subject = keys(SOPInstanceUID="", ApprovalSubjectSequence=keys(ReferencedSOPInstanceUID=stored[0]))
    assert wire.find(7, subject, APPROVAL_FIND)[0] == []
    wire.release()
