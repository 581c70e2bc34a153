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
