#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Turn samples/protocols.json and samples/approvals.json into DICOM JSON data sets, one file per record.

samples/protocols.json holds facts from published protocols (samples/README.md names the documents),
samples/approvals.json who approved which of them. This program builds CT and XA Defined Procedure Protocol and
Protocol Approval instances from them (PS3.3 A.82): the same input gives the same output, UIDs included, so
the result can be kept in the tree and checked with --check.

    tools/make_samples.py            write samples/dicom/*.json
    tools/make_samples.py --check    exit 1 when a file there is not what would be written
"""
import json
import pathlib
import sys
import uuid

from pydicom.datadict import dictionary_description, dictionary_VR, tag_for_keyword

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROTOCOLS = ROOT / "samples" / "protocols.json"
APPROVALS = ROOT / "samples" / "approvals.json"
TARGET = ROOT / "samples" / "dicom"

SOP_CLASS = {"CT": "1.2.840.10008.5.1.4.1.1.200.1", "XA": "1.2.840.10008.5.1.4.1.1.200.7"}
APPROVAL_CLASS = "1.2.840.10008.5.1.4.1.1.200.3"
UID_NAMESPACE = uuid.UUID("5d1c3a0e-5f5e-5b55-9f0a-6d6f9a7e1c11")
PRIVATE_CREATOR = "DPPR SAMPLES 1.0"

# PS3.3 10.26: the attribute that holds a constraint's value, by the VR of the constrained attribute.
VALUE_KEYWORD = {
    "AE": "SelectorAEValue", "AS": "SelectorASValue", "AT": "SelectorATValue", "CS": "SelectorCSValue",
    "DA": "SelectorDAValue", "DS": "SelectorDSValue", "DT": "SelectorDTValue", "FD": "SelectorFDValue",
    "FL": "SelectorFLValue", "IS": "SelectorISValue", "LO": "SelectorLOValue", "LT": "SelectorLTValue",
    "PN": "SelectorPNValue", "SH": "SelectorSHValue", "SL": "SelectorSLValue", "SS": "SelectorSSValue",
    "ST": "SelectorSTValue", "TM": "SelectorTMValue", "UC": "SelectorUCValue", "UI": "SelectorUIValue",
    "UL": "SelectorULValue", "UR": "SelectorURValue", "US": "SelectorUSValue", "UT": "SelectorUTValue",
    "SQ": "SelectorCodeSequenceValue",
}
# UCUM codes whose meaning is worth spelling out (CID 82 style).
UNIT_MEANING = {
    "mm": "millimeter", "s": "second", "ms": "millisecond", "kV": "kilovolt", "mA": "milliampere",
    "mAs": "milliampere second", "mGy": "milligray", "mGy.cm": "milligray centimeter", "deg": "degree",
    "1": "no units", "kg": "kilogram", "cm": "centimeter", "mm/s": "millimeter per second",
}
# The sequences of C.34.9, C.34.11 and C.34.13, and where their selectors point (C.34.10, .12, .14).
ELEMENT_KINDS = {
    "acquisition": ("AcquisitionProtocolElementSpecificationSequence",
                    "AcquisitionProtocolElementSequence"),
    "reconstruction": ("ReconstructionProtocolElementSpecificationSequence",
                       "ReconstructionProtocolElementSequence"),
    "storage": ("StorageProtocolElementSpecificationSequence", "StorageProtocolElementSequence"),
}
NUMERIC = {"FD", "FL", "US", "UL", "SS", "SL"}


def tag(keyword):
    number = tag_for_keyword(keyword)
    if number is None:
        sys.exit(f"not in the data dictionary: {keyword}")
    return f"{number:08X}"


def uid_of(record_id):
    return f"2.25.{uuid.uuid5(UID_NAMESPACE, record_id).int}"


def element(vr, values):
    """One DICOM JSON attribute (PS3.18 F.2.2); no values = empty."""
    values = [v for v in (values if isinstance(values, list) else [values]) if v is not None]
    if not values:
        return {"vr": vr}
    if vr == "PN":
        groups = ("Alphabetic", "Ideographic", "Phonetic")
        values = [dict((g, t) for g, t in zip(groups, v.split("=")) if t) for v in values]
    elif vr in ("DS", "IS"):
        values = [decimal_string(v) for v in values]
    elif vr in NUMERIC:
        values = [number(v) for v in values]
    elif vr != "SQ":
        values = [str(v) for v in values]
    return {"vr": vr, "Value": values}


def number(value):
    value = float(value)
    return int(value) if value == int(value) else value


def decimal_string(value):
    if isinstance(value, str):
        return value
    return repr(number(value))[:16]


def put(item, keyword, values):
    item[tag(keyword)] = element(dictionary_VR(keyword), values)


def code(entry):
    item = {}
    value = str(entry["value"])
    put(item, "CodeValue" if len(value) <= 16 else "LongCodeValue", value)
    put(item, "CodingSchemeDesignator", entry["scheme"])
    put(item, "CodeMeaning", entry["meaning"][:64])
    return item


def value_items(vr, constraint, value):
    """ConstraintValueSequence items (PS3.3 10.25): a list is a range, a set of members, or one value with
    several parts, as the constraint type says."""
    if isinstance(value, list) and constraint not in ("RANGE_INCL", "RANGE_EXCL", "MEMBER_OF",
                                                      "NOT_MEMBER_OF"):
        values = [value]
    else:
        values = value if isinstance(value, list) else [value]
    items = []
    for one in values:
        item = {}
        if vr == "SQ":
            put(item, VALUE_KEYWORD[vr], [code(one)])
        else:
            put(item, VALUE_KEYWORD[vr], one)
        items.append(item)
    return items


def unit_item(unit):
    item = {}
    put(item, "CodeValue" if len(unit) <= 16 else "LongCodeValue", unit)
    put(item, "CodingSchemeDesignator", "UCUM")
    put(item, "CodeMeaning", UNIT_MEANING.get(unit, unit))
    return item


def value_number(parameter):
    """0: all values."""
    return 0 if isinstance(parameter["value"], list) and parameter["constraint"] == "EQUAL" else 1


def constraint(parameter, outer, position):
    """One item of the Attribute Value Constraint macro (PS3.3 10.25)."""
    keyword = parameter["keyword"]
    vr = dictionary_VR(keyword).split(" or ")[0]
    item = {}
    put(item, "SelectorAttributeName", dictionary_description(keyword)[:64])
    put(item, "SelectorAttributeKeyword", keyword)
    put(item, "SelectorAttributeVR", vr)
    put(item, "SelectorAttribute", tag(keyword))
    put(item, "SelectorValueNumber", value_number(parameter))
    if outer:
        path = parameter.get("path") or []
        put(item, "SelectorSequencePointer", [tag(outer)] + [tag(k) for k in path])
        put(item, "SelectorSequencePointerItems",
            [position] + [parameter.get("path_item") or 1 for _ in path])
    add_test(item, vr, parameter)
    return item


def private_constraint(parameter, index, outer, position):
    """Figures without a standard attribute stand as private attributes of the element."""
    is_number = all(isinstance(v, (int, float)) for v in
                    (parameter["value"] if isinstance(parameter["value"], list)
                     else [parameter["value"]]))
    vr = "DS" if is_number else "LO"
    item = {}
    put(item, "SelectorAttributeName", parameter["name"][:64])
    put(item, "SelectorAttributeVR", vr)
    put(item, "SelectorAttribute", f"7001{index:04X}")
    put(item, "SelectorAttributePrivateCreator", PRIVATE_CREATOR)
    put(item, "SelectorValueNumber", value_number(parameter))
    put(item, "SelectorSequencePointer", [tag(outer)])
    put(item, "SelectorSequencePointerItems", [position])
    add_test(item, vr, parameter)
    return item


def add_test(item, vr, parameter):
    put(item, "ConstraintType", parameter["constraint"])
    item[tag("ConstraintValueSequence")] = element(
        "SQ", value_items(vr, parameter["constraint"], parameter["value"]))
    if parameter.get("unit"):
        item[tag("MeasurementUnitsCodeSequence")] = element("SQ", [unit_item(parameter["unit"])])
    if parameter.get("note"):
        put(item, "SpecificationSelectionGuidance", parameter["note"])


def specification(record, kind):
    """The items of one of the three element specification sequences."""
    outer = ELEMENT_KINDS[kind][1]
    items = []
    for position, entry in enumerate(record.get(kind) or [], start=1):
        parameters = [p for p in entry["parameters"] if p["value"] is not None]
        named = {p["keyword"] for p in parameters}
        if entry.get("name") and "ProtocolElementName" not in named:
            parameters.insert(0, {"keyword": "ProtocolElementName", "value": entry["name"],
                                  "constraint": "EQUAL"})
        constraints = [constraint(p, outer, position) for p in parameters]
        private = [p for p in entry.get("non_dicom_parameters") or [] if p["value"] is not None]
        constraints += [private_constraint(p, 0x0010 + n, outer, position)
                        for n, p in enumerate(private, start=1)]
        item = {}
        put(item, "ProtocolElementNumber", position)
        item[tag("ParametersSpecificationSequence")] = element("SQ", constraints)
        items.append(item)
    return items


def models(record):
    items = []
    for entry in record["equipment"]:
        item = {}
        put(item, "Manufacturer", entry["manufacturer"])
        if entry.get("model_group"):
            put(item, "ManufacturerRelatedModelGroup", entry["model_group"])
        if entry.get("model"):
            put(item, "ManufacturerModelName", entry["model"])
        if entry.get("software_versions"):
            put(item, "SoftwareVersions", entry["software_versions"])
        items.append(item)
    return items


def put_character_set(ds, record):
    if record.get("specific_character_set"):
        put(ds, "SpecificCharacterSet", record["specific_character_set"].split("\\"))
        if record["specific_character_set"].startswith("\\"):
            ds[tag("SpecificCharacterSet")]["Value"][0] = None


def put_equipment(ds):
    """Enhanced General Equipment: what made the object."""
    put(ds, "Manufacturer", "dppr")
    put(ds, "ManufacturerModelName", "Sample library")
    put(ds, "DeviceSerialNumber", "1")
    put(ds, "SoftwareVersions", "1")


def reference(record):
    item = {}
    put(item, "ReferencedSOPClassUID", SOP_CLASS[record["modality"]])
    put(item, "ReferencedSOPInstanceUID", uid_of(record["id"]))
    return item


def asserter(entry):
    """Identified Person or Device macro (PS3.3 C.34.15)."""
    item = {}
    put(item, "ObserverType", entry["observer"])
    if entry["observer"] == "PSN":
        put(item, "PersonName", entry["person"])
        item[tag("PersonIdentificationCodeSequence")] = element("SQ", [code(entry["person_code"])])
        item[tag("OrganizationalRoleCodeSequence")] = element("SQ", [code(entry["role"])])
    else:
        put(item, "StationName", entry["station"])
        put(item, "DeviceUID", uid_of(entry["device_uid"]))
        put(item, "Manufacturer", entry["manufacturer"])
        put(item, "ManufacturerModelName", entry["model"])
        put(item, "StationAETitle", entry["ae_title"])
    put(item, "InstitutionName", entry["institution"])
    if entry.get("institution_code"):
        item[tag("InstitutionCodeSequence")] = element("SQ", [code(entry["institution_code"])])
    if entry.get("department"):
        put(item, "InstitutionalDepartmentName", entry["department"])
    return dict(sorted(item.items()))


def assertion(entry, uid, by_id):
    """Assertion macro (PS3.3 10.30)."""
    item = {}
    item[tag("AssertionCodeSequence")] = element("SQ", [code(entry["code"])])
    put(item, "AssertionUID", uid)
    item[tag("AsserterIdentificationSequence")] = element("SQ", [asserter(entry["asserter"])])
    put(item, "AssertionDateTime", entry["datetime"])
    if entry.get("expires"):
        put(item, "AssertionExpirationDateTime", entry["expires"])
    if entry.get("comments"):
        put(item, "AssertionComments", entry["comments"])
    if entry.get("institution"):
        item[tag("InstitutionCodeSequence")] = element("SQ", [code(entry["institution"])])
    if entry.get("trial_of"):
        put(item, "ClinicalTrialProtocolID", by_id[entry["trial_of"]]["clinical_trial"]["protocol_id"])
    related = []
    for other in entry.get("related") or []:
        related.append({})
        put(related[-1], "ReferencedAssertionUID", uid_of(other))
    if related:
        item[tag("RelatedAssertionSequence")] = element("SQ", related)
    return dict(sorted(item.items()))


def approval(record, by_id):
    ds = {}
    put_character_set(ds, record)
    put(ds, "InstanceCreationDate", record["creation_date"])
    put(ds, "InstanceCreationTime", record["creation_time"])
    put(ds, "SOPClassUID", APPROVAL_CLASS)
    put(ds, "SOPInstanceUID", uid_of(record["id"]))
    put_equipment(ds)
    if record.get("timezone"):
        put(ds, "TimezoneOffsetFromUTC", record["timezone"])
    ds[tag("ApprovalSubjectSequence")] = element("SQ", [reference(by_id[s]) for s in record["subjects"]])
    ds[tag("ApprovalSequence")] = element(
        "SQ", [assertion(a, uid_of(f"{record['id']}/{n}"), by_id)
               for n, a in enumerate(record["assertions"], start=1)])
    return dict(sorted(ds.items()))


def contrast_figure(value):
    """As dpp.contrast_text writes it: a two-item list is a range, null an open end."""
    if isinstance(value, list):
        return " to ".join("..." if v is None else str(v) for v in value)
    return value


def data_set(record, by_id):
    ds = {}
    context = record.get("context") or {}
    institution = record.get("institution") or context.get("institution")
    codes = [code(c) for c in record["procedure_codes"]]
    trial = record.get("clinical_trial")

    put_character_set(ds, record)
    put(ds, "InstanceCreationDate", record.get("creation_date") or "20240102")
    put(ds, "InstanceCreationTime",
        record.get("creation_time") or f"{8 + (record.get('version') or 1):02d}0000")
    put(ds, "SOPClassUID", SOP_CLASS[record["modality"]])
    put(ds, "SOPInstanceUID", uid_of(record["id"]))
    put_equipment(ds)
    # Protocol Context (PS3.3 C.34.2)
    if institution:
        item = {}
        put(item, "InstitutionName", institution)
        ds[tag("CustodialOrganizationSequence")] = element("SQ", [item])
    if context.get("responsible_group"):
        ds[tag("ResponsibleGroupCodeSequence")] = element("SQ", [code(context["responsible_group"])])
    put(ds, "ProtocolName", record["name"])
    if codes:
        ds[tag("PotentialScheduledProtocolCodeSequence")] = element("SQ", codes)
        ds[tag("PotentialRequestedProcedureCodeSequence")] = element("SQ", codes)
    if record["indications"]:
        put(ds, "PotentialReasonsForProcedure", record["indications"])
    if record.get("contraindications"):
        ds[tag("ContraindicationsCodeSequence")] = element(
            "SQ", [code(c) for c in record["contraindications"]])
    if record.get("predecessor"):
        ds[tag("PredecessorProtocolSequence")] = element("SQ", [reference(by_id[record["predecessor"]])])
    contrast = [f"{k}: {contrast_figure(v)}" for k, v in sorted((record.get("contrast") or {}).items())
                if v is not None and k not in ("source", "status")]
    if contrast:
        put(ds, "ProtocolPlanningInformation", "Contrast medium. " + "; ".join(contrast))
    if record.get("notes"):
        put(ds, "ProtocolDesignRationale", record["notes"])
    put(ds, "ContentCreatorName", record.get("creator") or "Samples^Dppr")
    if trial:
        put(ds, "ClinicalTrialSponsorName", trial["sponsor"])
        put(ds, "ClinicalTrialProtocolID", trial["protocol_id"])
        put(ds, "ClinicalTrialProtocolName", trial["protocol_name"])
        put(ds, "ClinicalTrialSiteID", [])
        put(ds, "ClinicalTrialSiteName", [])
        put(ds, "ClinicalTrialCoordinatingCenterName", trial.get("coordinating_center"))
    if record["patient_constraints"]:
        ds[tag("PatientSpecificationSequence")] = element(
            "SQ", [constraint(p, None, 0) for p in record["patient_constraints"]])
    put(ds, "EquipmentModality", record["modality"])
    ds[tag("ModelSpecificationSequence")] = element("SQ", models(record))
    # Patient Positioning (C.34.8)
    put(ds, "ProtocolDefinedPatientPosition", context.get("patient_position") or "HFS")
    if record.get("body_region_code"):
        ds[tag("AnatomicRegionSequence")] = element("SQ", [code(record["body_region_code"])])
    for kind, (keyword, _) in ELEMENT_KINDS.items():
        items = specification(record, kind)
        if items:
            ds[tag(keyword)] = element("SQ", items)
    return dict(sorted(ds.items()))


def as_text(ds):
    """One attribute a line, so that a difference between two versions is readable."""
    lines = [f'"{tag_}": {json.dumps(value, ensure_ascii=False)}' for tag_, value in ds.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main():
    records = json.loads(PROTOCOLS.read_text(encoding="utf-8"))
    by_id = {r["id"]: r for r in records}
    wanted = {}
    for record in records:
        wanted[record["id"] + ".json"] = as_text(data_set(record, by_id))
    for record in json.loads(APPROVALS.read_text(encoding="utf-8")):
        wanted[record["id"] + ".json"] = as_text(approval(record, by_id))
    if sys.argv[1:] == ["--check"]:
        present = {p.name: p.read_text(encoding="utf-8") for p in TARGET.glob("*.json")}
        wrong = sorted(n for n in wanted.keys() | present.keys() if wanted.get(n) != present.get(n))
        if wrong:
            sys.exit("samples/dicom is stale, run tools/make_samples.py: " + ", ".join(wrong))
        return
    TARGET.mkdir(exist_ok=True)
    for old in TARGET.glob("*.json"):
        old.unlink()
    for name, text in wanted.items():
        (TARGET / name).write_text(text, encoding="utf-8")
    print(f"{len(wanted)} data sets written to {TARGET.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
