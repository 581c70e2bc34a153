# SPDX-License-Identifier: Apache-2.0
"""Protocol objects made with pydicom, for storing and for saying what must come back."""
import itertools
import uuid

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicomwire import CT_PROTOCOL

_serial = itertools.count(1)


def new_uid():
    return f"2.25.{uuid.uuid4().int}"


def code(value, scheme, meaning="meaning"):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def model(manufacturer, name=None, group=None, versions=None, serial=None):
    item = Dataset()
    item.Manufacturer = manufacturer
    if group:
        item.ManufacturerRelatedModelGroup = group
    if name:
        item.ManufacturerModelName = name
    if versions:
        item.SoftwareVersions = versions
    if serial:
        item.DeviceSerialNumber = serial
    return item


def reference(uid, sop_class=CT_PROTOCOL):
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
    return item


def protocol(**attributes):
    """A small CT Defined Procedure Protocol; keyword arguments set or (with None) remove attributes."""
    ds = Dataset()
    ds.SOPClassUID = CT_PROTOCOL
    ds.SOPInstanceUID = new_uid()
    ds.InstanceCreationDate = "20240102"
    ds.InstanceCreationTime = "101500"
    ds.Manufacturer = "Tester"
    ds.ManufacturerModelName = "Bench"
    ds.DeviceSerialNumber = "1"
    ds.SoftwareVersions = "1"
    ds.ProtocolName = f"Protocol {next(_serial)}"
    ds.ContentCreatorName = "Tester^Terry"
    ds.EquipmentModality = "CT"
    ds.ModelSpecificationSequence = Sequence([])
    ds.PotentialScheduledProtocolCodeSequence = Sequence([code("24725-4", "LN", "CT HEAD")])
    ds.PotentialRequestedProcedureCodeSequence = Sequence([code("24725-4", "LN", "CT HEAD")])
    ds.ProtocolDefinedPatientPosition = "HFS"
    for keyword, value in attributes.items():
        if value is None:
            if keyword in ds:
                delattr(ds, keyword)
        else:
            setattr(ds, keyword, Sequence(value) if keyword.endswith("Sequence") else value)
    return ds


def keys(**attributes):
    """A C-FIND identifier: keyword=value; "" is a return key, a Dataset is a sequence key."""
    ds = Dataset()
    for keyword, value in attributes.items():
        if isinstance(value, Dataset):
            value = [value]
        setattr(ds, keyword, Sequence(value) if keyword.endswith("Sequence") else value)
    return ds


def multiply(database, uid, count):
    """The stored protocol `uid` so many times more, for queries: made in SQL, without an instance to fetch."""
    database.amend("""
        insert into dpp.objects (sop_instance_uid, sop_class_uid, state, query_record, source, published_at)
        select '2.25.9' || n, o.sop_class_uid, o.state, o.query_record, o.source, o.published_at
        from dpp.objects as o, generate_series(1, %s) as n where o.sop_instance_uid = %s""", (count, uid))
    database.query("analyze dpp.objects")
