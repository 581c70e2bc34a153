# SPDX-License-Identifier: Apache-2.0
"""What is written in SQL only is found and retrieved: an author inserts a protocol that uses every table and nearly every
column, and an approval of it, and publishes both. pydicom reads what C-GET and C-MOVE give in each transfer syntax, and
each value of each row has to be where its column's attribute is, and nothing else anywhere.
"""
import base64
import struct

import psycopg2
import pydicom
import pytest

from dicomwire import (APPROVAL, APPROVAL_FIND, APPROVAL_GET, APPROVAL_MOVE, CT_PROTOCOL, EXPLICIT, FIND, GET, MOVE, SYNTAXES,
                       Wire, decode)
from protocols import keys
from wirescp import WireScp

# An author's statements; %(o)s is the key of the object.
PROTOCOL = [
    """insert into dpp.protocols (object_id, protocol_name, equipment_modality, content_creator_name, clinical_trial_sponsor_name,
           clinical_trial_protocol_id, clinical_trial_protocol_name, potential_reasons, potential_diagnostic_tasks,
           planning_information, design_rationale, patient_position, software_versions, other_attributes)
       values (%(o)s, 'Kopf (Sch\u00e4del) \u2265 16 J.', 'CT', 'M\u00fcller^J\u00f6rg=\u5c71\u7530=\u3084\u307e\u3060', 'Sponsor', 'TRIAL-7',
           'Trial seven', '{Trauma,"Headache, sudden"}', '{"Rule out bleeding"}', E'First line\\r\\nsecond \\\\ line', 'Because', 'HFS',
           '{1.0,2.0}', '{
               "0018991D": {"vr": "SQ", "Value": [{
                   "00189900": {"vr": "LO", "Value": ["Vertex"]},
                   "00189902": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["81015003"]},
                       "00080102": {"vr": "SH", "Value": ["SCT"]}, "00080104": {"vr": "LO", "Value": ["Vertex"]}}]},
                   "00189903": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["128120"]},
                       "00080102": {"vr": "SH", "Value": ["DCM"]}, "00080104": {"vr": "LO", "Value": ["Plane"]}}]},
                   "00189904": {"vr": "DS", "Value": [12.5]}}]},
               "00120082": {"vr": "LO", "Value": ["EC-12"]}, "00120081": {"vr": "LO", "Value": ["Committee"]},
               "00990010": {"vr": "LO", "Value": ["DPPR TEST"]},
               "00991001": {"vr": "OB", "InlineBinary": "AQID"},
               "00991002": {"vr": "SQ", "Value": [{"00990010": {"vr": "LO", "Value": ["DPPR TEST"]},
                   "00991003": {"vr": "FD", "Value": [0.1, -2.5]}}, {}]}}')""",
    "insert into dpp.protocol_custodians (object_id, institution_name) values (%(o)s, 'Universit\u00e4tsklinikum')",
    """insert into dpp.protocol_codes (object_id, role, parent_ordinal, code_value, coding_scheme_designator,
           coding_scheme_version, code_meaning)
       select %(o)s, r, (r = 'custodian_institution')::int, 'C' || n, '99TEST', '1', 'Code for ' || r
       from unnest(array['custodian_institution', 'responsible_group', 'scheduled_protocol', 'requested_procedure', 'reason',
           'contraindication', 'anatomic_region', 'primary_structure', 'positioning_method']) with ordinality as x (r, n)""",
    """insert into dpp.protocol_codes (object_id, role, ordinal, equivalent, long_code_value, coding_scheme_designator, code_meaning)
       values (%(o)s, 'anatomic_region', 1, 1, 'a code that is longer than sixteen characters', '99TEST', 'Skull')""",
    """insert into dpp.protocol_codes (object_id, role, ordinal, equivalent, urn_code_value, code_meaning)
       values (%(o)s, 'anatomic_region', 1, 2, 'urn:oid:1.2.3', 'Skull')""",
    """insert into dpp.protocol_models (object_id, manufacturer, manufacturer_related_model_group, manufacturer_model_name,
           software_versions, device_serial_number, other_attributes)
       values (%(o)s, 'ACME', 'Family', 'Alpha', '{V1.63,V1.70}', '4711', '{
           "300A0420": {"vr": "SQ", "Value": [{"300A00F9": {"vr": "LO", "Value": ["Head holder"]}}]},
           "00181008": {"vr": "LO", "Value": ["G1"]}}'),
           (%(o)s, 'Scantech', 'Scanomatic', null, '{}', null, '{}')""",
    "insert into dpp.protocol_predecessors (object_id, referenced_sop_instance_uid) values (%(o)s, '1.2.3')",
    """insert into dpp.instructions (object_id, kind, instruction_text, instruction_description)
       values (%(o)s, 'instruction', 'Remove earrings', 'And glasses'), (%(o)s, 'instruction', 'Explain', null),
           (%(o)s, 'positioning', 'Chin down', null)""",
    """insert into dpp.protocol_elements (object_id, kind, element_name, element_purpose, other_attributes)
       values (%(o)s, 'acquisition', 'Localizer', 'Plan', '{}'),
           (%(o)s, 'acquisition', 'Helical', null, '{"00189923": {"vr": "UT", "Value": ["120 kV, 250 mAs"]}}'),
           (%(o)s, 'reconstruction', 'Soft', null, '{}'), (%(o)s, 'storage', 'PACS', null, '{}')""",
    """insert into dpp.parameter_constraints (object_id, kind, element_ordinal, selector_attribute, selector_name, selector_vr,
           selector_private_creator, constraint_type, constraint_values)
       values (%(o)s, 'acquisition', 2, '00211001', 'Quality', 'DS', 'SCANT', 'LESS_THAN', '{390}')""",
    """insert into dpp.parameter_constraints (object_id, kind, element_ordinal, selector_keyword, constraint_type,
           constraint_values, default_values, unit_code, unit_scheme, unit_meaning, significance, violation_condition,
           selection_guidance, is_modifiable)
       values
           (%(o)s, 'patient', 0, 'PatientAge', 'GREATER_OR_EQUAL', '{016Y}', '{}', null, null, null, null, null, null, null),
           (%(o)s, 'acquisition', 2, 'AcquisitionType', 'EQUAL', '{SPIRAL}', '{}', null, null, null, null, null, null, false),
           (%(o)s, 'acquisition', 2, 'KVP', 'MEMBER_OF', '{100,120}', '{120}', 'kV', 'UCUM', 'kV', 'WARNING',
               'Unless obese', '100 for slim ones', true),
           (%(o)s, 'acquisition', 2, 'ExposureInmAs', 'RANGE_INCL', '{200.5,300}', '{250}', 'mA.s', 'UCUM', 'mAs', 'FAILURE',
               null, null, null),
           (%(o)s, 'acquisition', 2, 'CTDIPhantomTypeCodeSequence', 'EQUAL', '{113690^DCM^IEC Head Dosimetry Phantom}', '{}',
               null, null, null, null, null, null, null),
           (%(o)s, 'reconstruction', 1, 'SourceAcquisitionProtocolElementNumber', 'EQUAL', '{2}', '{}', null, null, null, null,
               null, null, null),
           (%(o)s, 'reconstruction', 1, 'ConvolutionKernel', 'NOT_MEMBER_OF', '{B70,B80}', '{}', null, null, null, 'INFORMATIVE',
               null, null, null),
           (%(o)s, 'storage', 1, 'SourceReconstructionProtocolElementNumber', 'EQUAL', '{1}', '{}', null, null, null, null, null,
               null, null)""",
]
APPROVING = [
    "insert into dpp.approvals (object_id) values (%(o)s)",
    "insert into dpp.approval_subjects (object_id, referenced_sop_instance_uid) values (%(o)s, '2.25.11')",
    """insert into dpp.approval_assertions (object_id, expiration_datetime, assertion_comments, clinical_trial_protocol_id,
           other_attributes)
       values (%(o)s, '20991231000000+0100', 'Gepr\u00fcft', 'TRIAL-7', '{"00380100": {"vr": "SQ", "Value": [{
           "0040E001": {"vr": "ST", "Value": ["doc-1"]}, "0040E010": {"vr": "UR", "Value": ["http://example.com/doc"]}}]}}'),
           (%(o)s, null, null, null, '{}')""",
    """insert into dpp.approval_asserters (object_id, assertion_ordinal, observer_type, person_name, institution_name,
           institutional_department_name)
       values (%(o)s, 1, 'PSN', 'M\u00fcller^J\u00f6rg', 'Universit\u00e4tsklinikum', 'Radiologie')""",
    """insert into dpp.approval_asserters (object_id, assertion_ordinal, observer_type, station_name, device_uid, manufacturer,
           manufacturer_model_name, station_ae_title, institution_name)
       values (%(o)s, 2, 'DEV', 'CT1', '1.2.3.4', 'ACME', 'Alpha', 'CT1', 'Universit\u00e4tsklinikum')""",
    """insert into dpp.approval_codes (object_id, role, assertion_ordinal, asserter_ordinal, code_value,
           coding_scheme_designator, code_meaning)
       values (%(o)s, 'assertion', 1, 0, '128604', 'DCM', 'Approved for use in the clinical trial'),
           (%(o)s, 'assertion', 2, 0, '128603', 'DCM', 'Approved for use at the institution'),
           (%(o)s, 'institution', 2, 0, 'H1', '99TEST', 'Klinikum'), (%(o)s, 'person', 1, 1, 'P1', '99TEST', 'J\u00f6rg'),
           (%(o)s, 'organizational_role', 1, 1, '128670', 'DCM', 'Head of Radiology'),
           (%(o)s, 'asserter_institution', 1, 1, 'H1', '99TEST', 'Klinikum'),
           (%(o)s, 'department_type', 1, 1, 'D1', '99TEST', 'Radiologie')""",
    """insert into dpp.approval_codes (object_id, role, assertion_ordinal, asserter_ordinal, ordinal, equivalent, long_code_value,
           urn_code_value, coding_scheme_designator, coding_scheme_version, code_meaning)
       values (%(o)s, 'department_type', 1, 1, 1, 1, 'a code that is longer than sixteen characters', null, '99TEST', '2', 'Abteilung'),
           (%(o)s, 'department_type', 1, 1, 1, 2, null, 'urn:oid:1.2.3', null, null, 'Abteilung')""",
    """insert into dpp.approval_related_assertions (object_id, assertion_ordinal, referenced_assertion_uid)
       values (%(o)s, 1, '1.2.3.5')""",
]

# ---- which column is where: PS3.3, by keyword ---------------------------------------------------------------------------
CODE = {"code_value": "CodeValue", "coding_scheme_designator": "CodingSchemeDesignator",
        "coding_scheme_version": "CodingSchemeVersion", "code_meaning": "CodeMeaning", "long_code_value": "LongCodeValue",
        "urn_code_value": "URNCodeValue"}
ROLES = {"custodian_institution": "InstitutionCodeSequence", "responsible_group": "ResponsibleGroupCodeSequence",
         "scheduled_protocol": "PotentialScheduledProtocolCodeSequence",
         "requested_procedure": "PotentialRequestedProcedureCodeSequence", "reason": "PotentialReasonsForProcedureCodeSequence",
         "contraindication": "ContraindicationsCodeSequence", "anatomic_region": "AnatomicRegionSequence",
         "primary_structure": "PrimaryAnatomicStructureSequence", "positioning_method": "PositioningMethodCodeSequence",
         "assertion": "AssertionCodeSequence", "institution": "InstitutionCodeSequence",
         "person": "PersonIdentificationCodeSequence", "organizational_role": "OrganizationalRoleCodeSequence",
         "asserter_institution": "InstitutionCodeSequence", "department_type": "InstitutionalDepartmentTypeCodeSequence"}
ELEMENTS = {"acquisition": "AcquisitionProtocolElementSpecificationSequence",
            "reconstruction": "ReconstructionProtocolElementSpecificationSequence",
            "storage": "StorageProtocolElementSpecificationSequence"}
EQUIPMENT = {"manufacturer": "Manufacturer", "manufacturer_model_name": "ManufacturerModelName",
             "device_serial_number": "DeviceSerialNumber", "software_versions": "SoftwareVersions"}
REFERENCE = {"referenced_sop_class_uid": "ReferencedSOPClassUID", "referenced_sop_instance_uid": "ReferencedSOPInstanceUID"}
LISTS = ("RANGE_INCL", "RANGE_EXCL", "MEMBER_OF", "NOT_MEMBER_OF")


def constraint_path(row):
    if row["kind"] == "patient":
        return [("PatientSpecificationSequence", row["ordinal"])]
    return [(ELEMENTS[row["kind"]], row["element_ordinal"]), ("ParametersSpecificationSequence", row["ordinal"])]


def code_path(row):
    around = [("CustodialOrganizationSequence", row["parent_ordinal"])] if row["role"] == "custodian_institution" else []
    return around + [(ROLES[row["role"]], row["ordinal"])] + equivalent(row)


def approval_code_path(row):
    asserter = [("AsserterIdentificationSequence", row["asserter_ordinal"])] if row["asserter_ordinal"] else []
    return [("ApprovalSequence", row["assertion_ordinal"])] + asserter + [(ROLES[row["role"]], row["ordinal"])] + equivalent(row)


def equivalent(row):
    return [("EquivalentCodeSequence", row["equivalent"])] if row["equivalent"] else []


# table: where the item of a row is, {column: keyword}
TABLES = {
    "objects": (lambda r: [], {"sop_class_uid": "SOPClassUID", "sop_instance_uid": "SOPInstanceUID",
                               "timezone_offset": "TimezoneOffsetFromUTC", "specific_character_set": "SpecificCharacterSet"}),
    "protocols": (lambda r: [], {
        "protocol_name": "ProtocolName", "equipment_modality": "EquipmentModality", "content_creator_name": "ContentCreatorName",
        "instance_creation_date": "InstanceCreationDate", "instance_creation_time": "InstanceCreationTime",
        "clinical_trial_sponsor_name": "ClinicalTrialSponsorName", "clinical_trial_protocol_id": "ClinicalTrialProtocolID",
        "clinical_trial_protocol_name": "ClinicalTrialProtocolName", "potential_reasons": "PotentialReasonsForProcedure",
        "potential_diagnostic_tasks": "PotentialDiagnosticTasks", "planning_information": "ProtocolPlanningInformation",
        "design_rationale": "ProtocolDesignRationale", "patient_position": "ProtocolDefinedPatientPosition", **EQUIPMENT}),
    "protocol_custodians": (lambda r: [("CustodialOrganizationSequence", r["ordinal"])], {"institution_name": "InstitutionName"}),
    "protocol_codes": (code_path, CODE),
    "protocol_models": (lambda r: [("ModelSpecificationSequence", r["ordinal"])],
                        {"manufacturer_related_model_group": "ManufacturerRelatedModelGroup", **EQUIPMENT}),
    "protocol_predecessors": (lambda r: [("PredecessorProtocolSequence", r["ordinal"])], REFERENCE),
    "instructions": (
        lambda r: [("InstructionSequence" if r["kind"] == "instruction" else "PatientPositioningInstructionSequence", r["ordinal"])],
        {"instruction_index": "InstructionIndex", "instruction_text": "InstructionText",
         "instruction_description": "InstructionDescription"}),
    "protocol_elements": (lambda r: [(ELEMENTS[r["kind"]], r["ordinal"])],
                          {"element_number": "ProtocolElementNumber", "element_name": "ProtocolElementName",
                           "element_purpose": "ProtocolElementPurpose"}),
    "parameter_constraints": (constraint_path, {
        "selector_attribute": "SelectorAttribute", "selector_keyword": "SelectorAttributeKeyword",
        "selector_name": "SelectorAttributeName", "selector_vr": "SelectorAttributeVR",
        "selector_value_number": "SelectorValueNumber", "selector_private_creator": "SelectorAttributePrivateCreator",
        "selector_path": "SelectorSequencePointer", "selector_path_items": "SelectorSequencePointerItems",
        "constraint_type": "ConstraintType", "significance": "ConstraintViolationSignificance",
        "violation_condition": "ConstraintViolationCondition", "selection_guidance": "SpecificationSelectionGuidance",
        "is_modifiable": "ModifiableConstraintFlag"}),
    "approvals": (lambda r: [], {"instance_creation_date": "InstanceCreationDate",
                                 "instance_creation_time": "InstanceCreationTime", **EQUIPMENT}),
    "approval_subjects": (lambda r: [("ApprovalSubjectSequence", r["ordinal"])], REFERENCE),
    "approval_assertions": (lambda r: [("ApprovalSequence", r["ordinal"])], {
        "assertion_uid": "AssertionUID", "assertion_datetime": "AssertionDateTime",
        "expiration_datetime": "AssertionExpirationDateTime", "assertion_comments": "AssertionComments",
        "clinical_trial_protocol_id": "ClinicalTrialProtocolID"}),
    "approval_asserters": (
        lambda r: [("ApprovalSequence", r["assertion_ordinal"]), ("AsserterIdentificationSequence", r["ordinal"])],
        {"observer_type": "ObserverType", "person_name": "PersonName", "station_name": "StationName", "device_uid": "DeviceUID",
         "manufacturer": "Manufacturer", "manufacturer_model_name": "ManufacturerModelName",
         "station_ae_title": "StationAETitle", "institution_name": "InstitutionName",
         "institutional_department_name": "InstitutionalDepartmentName"}),
    "approval_codes": (approval_code_path, CODE),
    "approval_related_assertions": (
        lambda r: [("ApprovalSequence", r["assertion_ordinal"]), ("RelatedAssertionSequence", r["ordinal"])],
        {"referenced_assertion_uid": "ReferencedAssertionUID"}),
}


def text(value):
    if isinstance(value, bool):
        return "YES" if value else "NO"
    if isinstance(value, pydicom.tag.BaseTag):
        return f"{value:08X}"
    if type(value) is float:  # and no decimal string, which is as it was written
        return f"{value:g}"
    return str(value)


def values_of(value):
    return [text(v) for v in value] if isinstance(value, (list, pydicom.multival.MultiValue)) else [text(value)]


def code_item(value):
    parts = value.split("^")
    return {f"Code{k}" if k != "Scheme" else "CodingSchemeDesignator": [p]
            for k, p in zip(("Value", "Scheme", "Meaning"), parts) if p}


def sequence_values(path, sequence, values, vr, has_items):
    """Constraint Value Sequence or Recommended Default Value Sequence (docs/schema.md, Constraints)."""
    items = [[v] for v in values] if has_items else [values]
    for n, held in enumerate(items if values else [], 1):
        place = path + [(sequence, n)]
        if vr != "SQ":
            yield place, f"Selector{vr}Value", held
            continue
        for c, value in enumerate(held, 1):
            for keyword, parts in code_item(value).items():
                yield place + [("SelectorCodeSequenceValue", c)], keyword, parts


def rows_of(database, uid):
    """(table, row) of all rows of an object."""
    (key, row), = database.query("select id, to_jsonb(o) from dpp.objects as o where sop_instance_uid = %s", (uid,))
    yield "objects", row
    for table in list(TABLES)[1:]:
        for (row,) in database.query(f"select to_jsonb(t) from dpp.{table} as t where object_id = %s", (key,)):
            yield table, row


def json_attributes(path, attributes):
    """Of other_attributes: (path, keyword or tag, values)."""
    for tag, attribute in attributes.items():
        name = pydicom.datadict.keyword_for_tag(tag) or tag
        if attribute["vr"] == "SQ":
            yield path, name, len(attribute.get("Value", []))
            for n, item in enumerate(attribute.get("Value", []), 1):
                yield from json_attributes(path + [(name, n)], item)
        elif "InlineBinary" in attribute:
            yield path, name, [attribute["InlineBinary"]]
        else:
            yield path, name, [text(v) for v in attribute.get("Value", [])]


def expected(database, uid):
    """{(path, keyword): values} that the rows say."""
    said = {}
    for table, row in rows_of(database, uid):
        path_of, columns = TABLES[table]
        path = path_of(row)
        for column, keyword in columns.items():
            if row[column] not in (None, []):
                said[tuple(path), keyword] = values_of(row[column])
        for place, name, values in json_attributes(path, row.get("other_attributes", {})):
            said[tuple(place), name] = values
        if table == "parameter_constraints":
            vr = row["selector_vr"]
            found = [*sequence_values(path, "ConstraintValueSequence", row["constraint_values"], vr, row["constraint_type"] in LISTS),
                     *sequence_values(path, "RecommendedDefaultValueSequence", row["default_values"], vr, False)]
            unit = path + [("MeasurementUnitsCodeSequence", 1)]
            found += [(unit, keyword, [row[column]]) for column, keyword in (
                ("unit_code", "CodeValue"), ("unit_scheme", "CodingSchemeDesignator"), ("unit_meaning", "CodeMeaning")) if row[column]]
            said.update({(tuple(place), name): values for place, name, values in found})
    for path, _ in list(said):
        for depth, (sequence, n) in enumerate(path):
            at = path[:depth], sequence
            said[at] = max(n, said.get(at, 0))
    return said


PRIVATE_NUMBERS = ["00991003"]


def present(ds, path=()):
    """The same of a data set; of sequences without a value of their own nothing but their items."""
    for e in ds:
        name = e.keyword or f"{e.tag:08X}"
        if e.VR == "SQ":
            yield (path, name), len(e.value)
            for n, item in enumerate(e.value, 1):
                yield from present(item, path + ((name, n),))
        elif name in PRIVATE_NUMBERS and isinstance(e.value, bytes):  # Implicit VR says no VR
            yield (path, name), values_of([v for (v,) in struct.iter_unpack("<d", e.value)])
        elif isinstance(e.value, bytes):
            yield (path, name), [base64.b64encode(e.value.rstrip(b"\0")).decode()]
        else:
            yield (path, name), [] if e.value in (None, "") else values_of(e.value)


# ---- publishing and retrieving ------------------------------------------------------------------------------------------
def made(database, uid, sop_class, statements):
    """By an author, in one transaction; published at its end."""
    connection = psycopg2.connect(database.uri)
    with connection, connection.cursor() as cursor:
        cursor.execute("set role dppr_author")
        cursor.execute("insert into dpp.objects (sop_instance_uid, sop_class_uid, timezone_offset) values (%s, %s, '+0100')"
                       " returning id", (uid, sop_class))
        (key,), = cursor.fetchall()
        for statement in statements:
            cursor.execute(statement, {"o": key})
        cursor.execute("select dpp.publish(%s)", (uid,))
    connection.close()


def got(server, service, storage, uid, syntax):
    wire = Wire(server.port).associate([(1, service, [EXPLICIT]), (3, storage, [syntax])], roles=[(storage, 0, 1)])
    stored, _, final = wire.get(1, [uid], sop_class=service)
    wire.release()
    assert final.status == 0 and len(stored) == 1, final.command.get(0x0902)
    return stored[0].data


def moved(database, server, service, uid, syntax):
    scp = WireScp(syntax=syntax)
    try:
        database.query("insert into dpp.application_entities (ae_title, host, port) values ('THERE', '127.0.0.1', %s)",
                       (scp.port,))
        wire = Wire(server.port).associate([(1, service, [EXPLICIT])])
        _, final = wire.move(1, [uid], "THERE", service)
        wire.release()
        assert final.status == 0, final.command.get(0x0902)
        (used, message), = scp.received
        assert used == syntax
        return message.data
    finally:
        scp.close()
        database.query("delete from dpp.application_entities where ae_title = 'THERE'")


OBJECTS = {"protocol": ("2.25.11", CT_PROTOCOL, GET, MOVE), "approval": ("2.25.12", APPROVAL, APPROVAL_GET, APPROVAL_MOVE)}


@pytest.fixture(scope="module")
def published(database, server):
    made(database, "2.25.11", "CT", PROTOCOL)
    made(database, "2.25.12", "APPROVAL", APPROVING)
    return {name: expected(database, uid) for name, (uid, *_) in OBJECTS.items()}


def test_every_column_is_used(published, database):
    """Else the comparison would not see it."""
    unused = {(table, column) for table, (_, columns) in TABLES.items() for column in columns}
    for uid, *_ in OBJECTS.values():
        for table, row in rows_of(database, uid):
            unused -= {(table, column) for column in TABLES[table][1] if row[column] not in (None, [])}
    assert unused == set()


# C-MOVE offers what an instance is stored in and the two that every destination knows.
CELLS = [("get", syntax) for syntax in SYNTAXES] + [("move", "explicit"), ("move", "implicit")]


@pytest.mark.parametrize("service, syntax", CELLS)
@pytest.mark.parametrize("name", OBJECTS)
def test_values_are_those_of_the_rows(published, database, server, name, service, syntax):
    uid, storage, get, move = OBJECTS[name]
    octets = (got(server, get, storage, uid, SYNTAXES[syntax]) if service == "get"
              else moved(database, server, move, uid, SYNTAXES[syntax]))
    found = dict(present(decode(octets, SYNTAXES[syntax])))
    assert len(found) > 50
    assert {k: (v, found.get(k)) for k, v in published[name].items() if found.get(k) != v} == {}
    assert set(found) - set(published[name]) == set()


def test_instance_is_plain_explicit_little_endian(published, database):
    """What other programs read from the table: no File Meta Information, no undefined length, tags in order."""
    for uid, *_ in OBJECTS.values():
        (octets, size), = database.query("select i.dataset, i.size from dpp.instances as i"
                                         " join dpp.objects as o on o.id = i.object_id where o.sop_instance_uid = %s", (uid,))
        octets = bytes(octets)
        ds = decode(octets, EXPLICIT)
        assert size == len(octets) and list(ds.keys()) == sorted(ds.keys())
        assert b"\xff\xff\xff\xff" not in octets


def test_published_protocol_is_found(published, server):
    wire = Wire(server.port).associate([(1, FIND, [EXPLICIT]), (3, APPROVAL_FIND, [EXPLICIT])])
    wanted = keys(SpecificCharacterSet="ISO_IR 192", SOPInstanceUID="", ProtocolName="Kopf*", ContentCreatorName="m\xfcller*")
    matches, _ = wire.find(1, wanted)
    assert [(m.SOPInstanceUID, m.ProtocolName) for m in matches] == [("2.25.11", "Kopf (Sch\xe4del) \u2265 16 J.")]
    subject = keys(ReferencedSOPInstanceUID="2.25.11")
    matches, _ = wire.find(3, keys(SOPInstanceUID="", ApprovalSubjectSequence=[subject]), APPROVAL_FIND)
    assert [m.SOPInstanceUID for m in matches] == ["2.25.12"]
    wire.release()


def test_stored_back_it_is_the_same(published, database, server):
    """The digest of what was rendered is that of the same content from outside."""
    for name, (uid, storage, get, _) in OBJECTS.items():
        for syntax in SYNTAXES.values():
            wire = Wire(server.port).associate([(1, storage, [syntax])])
            assert wire.store(1, got(server, get, storage, uid, syntax), storage, uid).status == 0, (name, syntax)
            wire.release()
    assert database.query("select count(*) from dpp.objects where source <> 'sql'") == [(0,)]
