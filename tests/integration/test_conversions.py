# SPDX-License-Identifier: Apache-2.0
"""Implicit VR Little Endian, Explicit VR Little and Big Endian, and Deflated: each as what an instance was stored in, each as what
it is retrieved in, by C-GET and by C-MOVE; and each as what is queried in.

The table has a row for each value representation and for each kind of element; a row is compared in all 32 cells, value by
value, with what pydicom had encoded. In the transfer syntax that it was stored in an instance has the same octets. A second
table says what a conversion may change (decision 3), octet for octet.
"""
import io
import itertools
import struct

import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_sequence
from pydicom.sequence import Sequence

from dicomwire import (BIG_ENDIAN, CT_PROTOCOL, DEFLATED, EXPLICIT, FIND, GET, IMPLICIT, MOVE, SYNTAXES, Wire, decode,
                       deflate, encode, inflate)
from protocols import code, keys, model, new_uid, protocol
from wirescp import WireScp

pytestmark = pytest.mark.filterwarnings("ignore")  # pydicom's, of what is rare on purpose
LONG = 70000  # octets: more than 16 bits can say
ODD = "odd"  # becomes even by padding

# VR: tag, one value, several or a longer one
VALUES = {
    "AE": (0x0072005E, "ONE AE", ["FIRST", "SECOND"]),
    "AS": (0x0072005F, "045Y", ["001D", "099Y"]),
    "AT": (0x00720060, 0x00181030, [0x00080070, 0x7FE00010, 0x00990102]),
    "DA": (0x00720061, "20240102", ["20240102", "20231231"]),
    "CS": (0x00720062, ODD.upper(), ["ONE", "TWO"]),
    "DT": (0x00720063, "20240102101500.5+0100", ["2024", "20240102"]),
    "IS": (0x00720064, "-17", ["1", "22", "333"]),
    "OB": (0x00720065, b"\x01\x02\x03", bytes(range(256))),
    "LO": (0x00720066, ODD, ["one", "two", ""]),
    "OF": (0x00720067, struct.pack("<f", 1.5), struct.pack("<3f", 0.1, -2e30, 0.0)),
    "LT": (0x00720068, ODD, "two\r\nlines, one \\ backslash"),
    "OW": (0x00720069, b"\x01\x02", bytes(range(254))),
    "PN": (0x0072006A, "Doe^Jane", ["A^B=C^D", "E"]),
    "TM": (0x0072006B, "101500", ["10", "235959.999999"]),
    "SH": (0x0072006C, ODD, ["a", "b"]),
    "UN": (0x0072006D, b"\x01\x02\x03\x04", bytes(range(100))),
    "ST": (0x0072006E, ODD, "one \\ backslash"),
    "UC": (0x0072006F, ODD, ["unlimited, " * 50 + "end", "b"]),
    "UT": (0x00720070, ODD, "unlimited \\ text, " * 50 + "end"),
    "UR": (0x00720071, "http://example.com/x", "urn:uuid:00000000-0000-0000-0000-000000000001"),
    "DS": (0x00720072, "0.10", ["1.50", "-2e10"]),
    "OD": (0x00720073, struct.pack("<d", 0.1), struct.pack("<3d", 0.1, -2e300, 0.0)),
    "FD": (0x00720074, 0.1, [0.1, -2e300, 0.0]),
    "OL": (0x00720075, struct.pack("<I", 0x01020304), struct.pack("<3I", 1, 2, 0xFFFFFFFE)),
    "FL": (0x00720076, 1.5, [0.5, -0.25]),
    "UL": (0x00720078, 0x01020304, [1, 0xFFFFFFFF]),
    "US": (0x0072007A, 0x0102, [1, 0xFFFF]),
    "SL": (0x0072007C, -2, [1, -0x7FFFFFFF]),
    "SS": (0x0072007E, -2, [1, -0x7FFF]),
    "UI": (0x0072007F, "1.2.3", ["1.2.34", "1.2"]),
    "OV": (0x00720081, struct.pack("<Q", 0x0102030405060708), struct.pack("<2Q", 1, 2)),
    "SV": (0x00720082, -2, [1, -0x0102030405060708]),
    "UV": (0x00720083, 0x0102030405060708, [1, 2]),
}
FORMS = ("one", "several", "none")
UNIT = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}  # octets that pydicom leaves as they are

# Elements of other kinds, at the top: name: tag, VR, value, VR where it has to change (PS3.5 6.2.2)
LONG_TEXT, LONG_NUMBERS = "x" * LONG, [float(n) for n in range(LONG // 8)]
OTHERS = {
    "long LT": (0x00720068, "LT", LONG_TEXT, "UN"),
    "long FD": (0x00720074, "FD", LONG_NUMBERS, "UN"),
    "long UC": (0x0072006F, "UC", LONG_TEXT, None),
    "long OB": (0x00720065, "OB", b"\x07" * LONG, None),
    "long UT": (0x00720070, "UT", LONG_TEXT, None),
    "private LO": (0x00991001, "LO", ODD, None),
    "private FD": (0x00991002, "FD", [0.1, 0.2], None),
    "private UN": (0x00991003, "UN", b"\x01\x02\x03\x04", None),
    "private AT": (0x00991004, "AT", 0x00181030, None),
    "private OW": (0x00991005, "OW", b"\x01\x02\x03\x04", None),
    "private without a value": (0x00991006, "SL", "", None),
    "unknown in a known group": (0x00180FFE, "UN", b"what is it?!", None),
}
PRIVATE_SEQUENCES = {"private sequence": (0x00991010, False), "private sequence of undefined length": (0x00991011, True)}


def swapped(octets, unit):
    return b"".join(octets[n:n + unit][::-1] for n in range(0, len(octets), unit))


def element(tag, vr, value, syntax):
    """O* values are octets to pydicom, which writes them in whatever order it is given them."""
    if syntax == BIG_ENDIAN and vr in UNIT and value:
        value = swapped(value, UNIT[vr])
    return DataElement(tag, vr, value)


def forms(syntax):
    """An item for each form, with an element for each VR."""
    items = []
    for n in range(len(FORMS)):
        item = Dataset()
        for vr, (tag, one, several) in VALUES.items():
            item[tag] = element(tag, vr, (one, several, b"" if isinstance(one, bytes) else "")[n], syntax)
        items.append(item)
    return Sequence(items)


def nested(depth):
    """Items with and without content, to this depth."""
    item = code("1", "TEST", ODD)
    if depth:
        item.EquivalentCodeSequence = Sequence([nested(depth - 1), Dataset(), code("2", "TEST")])
    return item


def undefined_lengths(ds):
    for e in ds:
        if e.VR == "SQ":
            e.is_undefined_length = True
            for item in e.value:
                item.is_undefined_length_sequence_item = True
                undefined_lengths(item)


def whole(syntax):
    """The instance with everything, to be encoded in this syntax."""
    ds = protocol(SpecificCharacterSet="ISO_IR 100", ProtocolName="Gr\xf6\xdfe")
    ds.AcquisitionProtocolElementSpecificationSequence = forms(syntax)
    ds.PotentialScheduledProtocolCodeSequence = Sequence([nested(3), nested(0)])
    ds.PotentialRequestedProcedureCodeSequence = Sequence([nested(2)])
    undefined_lengths(Dataset({t: ds[t] for t in (ds.data_element("PotentialRequestedProcedureCodeSequence").tag,)}))
    ds.ResponsibleGroupCodeSequence = Sequence([])
    ds.ModelSpecificationSequence = Sequence([Dataset(), Dataset()])
    ds.private_block(0x0099, "TESTER 1.0", create=True)
    for tag, vr, value, long_vr in OTHERS.values():
        if long_vr and syntax == BIG_ENDIAN and vr == "FD":  # pydicom would make it UN and big endian
            vr, value = "UN", struct.pack(f"<{len(value)}d", *value)
        ds[tag] = element(tag, vr, value, syntax)
    for tag, is_undefined in PRIVATE_SEQUENCES.values():
        inner = Dataset()
        inner.private_block(0x0099, "TESTER 1.0", create=True).add_new(0x01, "LO", "deep")
        inner.CodeValue = "X"
        ds.add_new(tag, "SQ", Sequence([inner, Dataset()]))
        if is_undefined:
            undefined_lengths(Dataset({tag: ds[tag]}))
    return ds


# ---- what was stored and what came ------------------------------------------------------------------------------------
class Transfers:
    """{(stored in, retrieved in, service): octets}, and what was stored."""

    def __init__(self, database, server):
        self.server, self.originals, self.octets, self.uids = server, {}, {}, {}
        for name, syntax in SYNTAXES.items():
            ds = whole(syntax)
            self.originals[name], self.octets[name] = ds, encode(ds, syntax)
            self.uids[ds.SOPInstanceUID] = name
            store(server, syntax, ds.SOPInstanceUID, self.octets[name])
        self.came = {}
        for name, syntax in SYNTAXES.items():
            for service, octets in itertools.chain(self.get(syntax), self.move(database, syntax)):
                self.came[service[0], name, service[1]] = octets
        self.decoded = {cell: decode(octets, SYNTAXES[cell[1]]) for cell, octets in self.came.items()}

    def get(self, syntax):
        for uid, octets in got(self.server, list(self.uids), syntax).items():
            yield (self.uids[uid], "get"), octets

    def move(self, database, syntax):
        """All four at once: each transfer syntax that an instance has is proposed, and the destination takes one."""
        for uid, octets in moved(database, self.server, list(self.uids), syntax).items():
            yield (self.uids[uid], "move"), octets


def store(server, syntax, uid, octets):
    wire = Wire(server.port).associate([(1, CT_PROTOCOL, [syntax])])
    answer = wire.store(1, octets, CT_PROTOCOL, uid)
    assert answer.status == 0, answer.command
    wire.release()


def got(server, uids, syntax):
    """{UID: octets}"""
    wire = Wire(server.port).associate([(1, GET, [EXPLICIT]), (3, CT_PROTOCOL, [syntax])], roles=[(CT_PROTOCOL, 0, 1)])
    stored, _, final = wire.get(1, uids)
    wire.release()
    assert final.status == 0, final.command
    assert all(wire.transfer[m.context] == syntax for m in stored)
    return {m.command[0x1000]: m.data for m in stored}


def moved(database, server, uids, syntax):
    scp = WireScp(syntax=syntax)
    try:
        database.query("insert into dpp.application_entities (ae_title, host, port) values ('THERE', '127.0.0.1', %s)",
                       (scp.port,))
        wire = Wire(server.port).associate([(1, MOVE, [EXPLICIT])])
        _, final = wire.move(1, uids, "THERE")
        wire.release()
        assert final.status == 0, final.command
        assert all(used == syntax for used, _ in scp.received)
        return {m.command[0x1000]: m.data for _, m in scp.received}
    finally:
        scp.close()
        database.query("delete from dpp.application_entities where ae_title = 'THERE'")


@pytest.fixture(scope="module")
def transfers(database, server):
    return Transfers(database, server)


CELLS = [(a, b, service) for a in SYNTAXES for b in SYNTAXES for service in ("get", "move")]


# ---- comparing --------------------------------------------------------------------------------------------------------
def octets_of(e, syntax):
    """A value as octets, little endian, without its padding."""
    if e.VR == "UN" or e.VR in UNIT or e.VR == "OB":
        value = e.value or b""
        value = swapped(value, UNIT[e.VR]) if syntax == BIG_ENDIAN and e.VR in UNIT else value
    else:
        value = encode(Dataset({e.tag: e}), IMPLICIT)[8:]
    return value.rstrip(b"\0 ")


def items_of(e):
    """Of a sequence, which as UN is Implicit VR (PS3.5 6.2.2 note 4)."""
    if e.VR == "SQ":
        return list(e.value)
    return list(read_sequence(io.BytesIO(e.value), True, True, len(e.value), "iso8859"))


def differences(a, b, a_syntax, b_syntax):
    """The tags of elements that two data sets do not have alike, those of items after their sequence's."""
    for tag in sorted({*a.keys(), *b.keys()}):
        if tag not in a or tag not in b:
            yield [tag]
            continue
        x, y = a[tag], b[tag]
        if "SQ" not in (x.VR, y.VR):
            if octets_of(x, a_syntax) != octets_of(y, b_syntax):
                yield [tag]
            continue
        x, y = items_of(x), items_of(y)
        if len(x) != len(y):
            yield [tag]
        for inner in itertools.chain(*(differences(*pair, a_syntax, b_syntax) for pair in zip(x, y))):
            yield [tag, *inner]


def in_cells(transfers):
    """The name of each cell, the original, what came and the transfer syntaxes of both."""
    for a, b, service in CELLS:
        yield (f"{a} to {b} by {service}", transfers.originals[a], transfers.decoded[a, b, service], SYNTAXES[a],
               SYNTAXES[b])


# ---- the table --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", SYNTAXES)
@pytest.mark.parametrize("service", ["get", "move"])
def test_same_transfer_syntax_has_the_same_octets(transfers, name, service):
    """Decision 2: a deflate stream too."""
    assert transfers.came[name, name, service] == transfers.octets[name]


PREFERENCE = ["explicit", "implicit", "deflated", "big"]


@pytest.mark.parametrize("refused", [None, *SYNTAXES])
def test_choice_of_transfer_syntax(server, transfers, refused):
    """Where several are accepted, an instance goes out in its own, else in the first of our preference (table 4-1 of the
    conformance statement)."""
    taken = [name for name in SYNTAXES if name != refused]
    contexts = [(3 + 2 * n, CT_PROTOCOL, [SYNTAXES[name]]) for n, name in enumerate(taken)]
    wire = Wire(server.port).associate([(1, GET, [EXPLICIT]), *contexts], roles=[(CT_PROTOCOL, 0, 1)])
    stored, _, final = wire.get(1, list(transfers.uids))
    wire.release()
    assert final.status == 0 and len(stored) == len(transfers.uids)
    for message in stored:
        own = transfers.uids[message.command[0x1000]]
        used = own if own != refused else next(name for name in PREFERENCE if name != refused)
        assert wire.transfer[message.context] == SYNTAXES[used]
        assert message.data == transfers.came[own, used, "get"]


def test_every_element_is_there_and_no_other(transfers):
    for cell, original, came, a, b in in_cells(transfers):
        assert list(came.keys()) == sorted(original.keys()), cell
        assert list(differences(original, came, a, b)) == [], cell


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("vr", VALUES)
def test_value_representation(transfers, vr, form):
    """PS3.5 6.2, 7.3: its value in either octet order, and its VR where that is said."""
    tag, n = VALUES[vr][0], FORMS.index(form)
    for cell, original, came, a, b in in_cells(transfers):
        wanted, found = (ds.AcquisitionProtocolElementSpecificationSequence[n][tag] for ds in (original, came))
        assert found.VR == vr, cell
        assert octets_of(found, b) == octets_of(wanted, a), cell
        if vr not in (*UNIT, "OB", "UN"):
            assert found.value == wanted.value or not (found.value or wanted.value), cell
        elif form == "one" and vr in UNIT:  # the same numbers
            assert octets_of(found, b) == VALUES[vr][1].rstrip(b"\0 "), cell


@pytest.mark.parametrize("name", OTHERS)
def test_other_element(transfers, name):
    """Private ones, unknown ones, long ones: where Explicit VR cannot say the VR, or the length, it is UN (PS3.5 6.2.2), whose
    value is little endian even in Big Endian."""
    tag, vr, value, long_vr = OTHERS[name]
    is_known = tag >> 16 == 0x0072
    for cell, original, came, a, b in in_cells(transfers):
        found = came[tag]
        if b == IMPLICIT:
            expected = vr if is_known else "UN"
        else:
            expected = long_vr or (vr if is_known or a != IMPLICIT else "UN")
        assert found.VR == expected, cell
        assert octets_of(found, b) == octets_of(element(tag, vr, value, EXPLICIT), EXPLICIT), cell


@pytest.mark.parametrize("name", PRIVATE_SEQUENCES)
def test_private_sequence(transfers, name):
    """Stays one wherever that can be told: as the SQ of Explicit VR, or by its undefined length."""
    tag, is_undefined = PRIVATE_SEQUENCES[name]
    for cell, original, came, a, b in in_cells(transfers):
        assert came[tag].VR == ("UN" if a == IMPLICIT and not is_undefined else "SQ"), cell
        only = [Dataset({tag: ds[tag]}) for ds in (original, came)]
        assert list(differences(*only, a, b)) == [], cell


@pytest.mark.parametrize("keyword", [
    "PotentialScheduledProtocolCodeSequence", "PotentialRequestedProcedureCodeSequence", "ResponsibleGroupCodeSequence",
    "ModelSpecificationSequence"])
def test_sequence(transfers, keyword):
    """Nested, of defined and of undefined length, without items, with empty items."""
    for cell, original, came, a, b in in_cells(transfers):
        wanted, found = original.data_element(keyword), came.data_element(keyword)
        assert found.VR == "SQ" and len(found.value) == len(wanted.value), cell
        assert found.value == wanted.value, cell


def test_text_keeps_its_character_set(transfers):
    """Decision 8"""
    for cell, original, came, a, b in in_cells(transfers):
        assert came.SpecificCharacterSet == "ISO_IR 100" and came.ProtocolName == "Gr\xf6\xdfe", cell
    for (a, b, service), octets in transfers.came.items():
        assert b"Gr\xf6\xdfe" in (inflate(octets) if b == "deflated" else octets)


# ---- what may differ ----------------------------------------------------------------------------------------------------
def u16(n, big=False):
    return struct.pack(">H" if big else "<H", n)


def u32(n, big=False):
    return struct.pack(">I" if big else "<I", n)


def part(tag, vr, value, syntax):
    """An element, octet by octet; value is octets, vr None an item or delimiter, whose length may be None: undefined."""
    big = syntax == BIG_ENDIAN
    head = u16(tag >> 16, big) + u16(tag & 0xFFFF, big)
    if vr is None:
        return head + (b"\xff" * 4 if value is None else u32(len(value), big) + value)
    if syntax == IMPLICIT:
        return head + u32(len(value)) + value
    if vr in ("OB", "UN", "SQ"):
        return head + vr.encode() + b"\0\0" + u32(len(value), big) + value
    return head + vr.encode() + u16(len(value), big) + value


def sequence(tag, content, syntax, is_undefined):
    """With one item of this content."""
    if not is_undefined:
        return part(tag, "SQ", part(0xFFFEE000, None, content, syntax), syntax)
    big = syntax == BIG_ENDIAN
    head = u16(tag >> 16, big) + u16(tag & 0xFFFF, big) + (b"" if syntax == IMPLICIT else b"SQ\0\0") + b"\xff" * 4
    return (head + part(0xFFFEE000, None, None, syntax) + content + part(0xFFFEE00D, None, b"", syntax)
            + part(0xFFFEE0DD, None, b"", syntax))


ACME = (0x00080070, "LO", b"ACME")


def group_length(syntax, value):
    return part(0x00080000, "UL", u32(value, syntax == BIG_ENDIAN), syntax)


# what, from, to, what is stored before, after the UIDs, what comes of it before, after
DIFFERENCES = [
    ("group lengths go", EXPLICIT, IMPLICIT, group_length(EXPLICIT, 4242), part(*ACME, EXPLICIT), b"", part(*ACME, IMPLICIT)),
    ("group lengths go", IMPLICIT, BIG_ENDIAN, group_length(IMPLICIT, 4242), part(*ACME, IMPLICIT), b"",
     part(*ACME, BIG_ENDIAN)),
    ("trailing padding goes", EXPLICIT, IMPLICIT, b"", part(*ACME, EXPLICIT) + part(0xFFFCFFFC, "OB", bytes(8), EXPLICIT),
     b"", part(*ACME, IMPLICIT)),
    ("explicit lengths become undefined ones", EXPLICIT, IMPLICIT, b"",
     sequence(0x00189912, part(*ACME, EXPLICIT), EXPLICIT, False), b"",
     sequence(0x00189912, part(*ACME, IMPLICIT), IMPLICIT, True)),
    ("undefined lengths become explicit ones", EXPLICIT, BIG_ENDIAN, b"",
     sequence(0x00189912, part(*ACME, EXPLICIT), EXPLICIT, True), b"",
     sequence(0x00189912, part(*ACME, BIG_ENDIAN), BIG_ENDIAN, False)),
    ("undefined lengths become explicit ones", IMPLICIT, EXPLICIT, b"",
     sequence(0x00189912, part(*ACME, IMPLICIT), IMPLICIT, True), b"",
     sequence(0x00189912, part(*ACME, EXPLICIT), EXPLICIT, False)),
    ("what is private is UN when Implicit VR was in between", IMPLICIT, EXPLICIT, b"",
     part(0x00990010, "LO", b"TESTER", IMPLICIT) + part(0x00991001, "LO", b"ab", IMPLICIT), b"",
     part(0x00990010, "LO", b"TESTER", EXPLICIT) + part(0x00991001, "UN", b"ab", EXPLICIT)),
    ("UN is little endian in Big Endian", IMPLICIT, BIG_ENDIAN, b"",
     part(0x00990010, "LO", b"TESTER", IMPLICIT) + part(0x00991001, "US", b"\x01\x02", IMPLICIT), b"",
     part(0x00990010, "LO", b"TESTER", BIG_ENDIAN) + part(0x00991001, "UN", b"\x01\x02", BIG_ENDIAN)),
    ("what is too long for its VR is UN", IMPLICIT, EXPLICIT, b"",
     part(0x00181030, "LO", b"x" * LONG, IMPLICIT), b"", part(0x00181030, "UN", b"x" * LONG, EXPLICIT)),
    ("the longest that is not", IMPLICIT, EXPLICIT, b"",
     part(0x00181030, "LO", b"x" * 0xFFFE, IMPLICIT), b"", part(0x00181030, "LO", b"x" * 0xFFFE, EXPLICIT)),
]


def instance(syntax, uid, before, after):
    uid = uid.encode() + b"\0" * (len(uid) % 2)
    sop_class = CT_PROTOCOL.encode() + b"\0" * (len(CT_PROTOCOL) % 2)
    return before + part(0x00080016, "UI", sop_class, syntax) + part(0x00080018, "UI", uid, syntax) + after


@pytest.mark.parametrize("what, a, b, before, after, new_before, new_after", DIFFERENCES, ids=[d[0] for d in DIFFERENCES])
@pytest.mark.parametrize("service", ["get", "move"])
def test_difference(database, server, service, what, a, b, before, after, new_before, new_after):
    """And nothing else: the rest has the octets that the other transfer syntax asks for."""
    uid = new_uid()
    octets, expected = instance(a, uid, before, after), instance(b, uid, new_before, new_after)
    store(server, a, uid, octets)
    if service == "get":
        assert got(server, [uid], a)[uid] == octets
        assert got(server, [uid], b)[uid] == expected
    elif b in (IMPLICIT, EXPLICIT):  # Big Endian is proposed only where something is stored in it
        assert moved(database, server, [uid], b)[uid] == expected
    else:
        other = new_uid()
        store(server, b, other, instance(b, other, b"", b""))
        assert moved(database, server, [uid, other], b)[uid] == expected


@pytest.mark.parametrize("padding", [b" ", b"\0"])
@pytest.mark.parametrize("a, b", [(EXPLICIT, IMPLICIT), (IMPLICIT, EXPLICIT), (EXPLICIT, BIG_ENDIAN)])
def test_padding_may_differ(server, a, b, padding):
    """A wrong padding octet is put right or left; the value is the same."""
    uid = new_uid()
    octets = instance(a, uid, b"", part(0x00080070, "LO", b"ODD" + padding, a)).replace(b"200.1\0", b"200.1" + padding)
    store(server, a, uid, octets)
    assert got(server, [uid], a)[uid] == octets
    assert decode(got(server, [uid], b)[uid], b) == Dataset({
        e.tag: e for e in keys(SOPClassUID=CT_PROTOCOL, SOPInstanceUID=uid, Manufacturer="ODD")})


# ---- queries -----------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def asked(server):
    """{name: what the object says} of one object, in ISO 8859-1."""
    ds = protocol(SpecificCharacterSet="ISO_IR 100", ProtocolName="Stra\xdfe 7", PotentialReasonsForProcedure=["one", "zw\xf6lf"],
                  ModelSpecificationSequence=[model("ACME", "M1", versions=["1", "2"]), model("OTHER", "M2")],
                  PotentialDiagnosticTasks="y" * LONG, ResponsibleGroupCodeSequence=[],
                  SelectorFDValue=LONG_NUMBERS)
    store(server, EXPLICIT, ds.SOPInstanceUID, encode(ds, EXPLICIT))
    return ds


def identifier(asked):
    """Keys of every kind: a list, text, a sequence with a key and return keys, an empty sequence, an empty value."""
    wanted = model("ACME")
    wanted.ManufacturerModelName = wanted.SoftwareVersions = ""
    return keys(SpecificCharacterSet="ISO_IR 100", SOPInstanceUID=[new_uid(), asked.SOPInstanceUID], SOPClassUID="",
                ProtocolName="Stra\xdfe*", PotentialReasonsForProcedure="", ModelSpecificationSequence=wanted,
                ResponsibleGroupCodeSequence=[], PotentialDiagnosticTasks="", InstanceCreationDate="20240101-20240103",
                SelectorFDValue="")


@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES)
def test_query(server, asked, syntax):
    wire = Wire(server.port).associate([(1, FIND, [syntax])])
    wire.send_find(1, encode(identifier(asked), syntax))
    message = wire.read_message()
    assert message.status == 0xFF00 and wire.read_message().status == 0
    wire.release()
    item = model("ACME", versions=["1", "2"])
    item.ManufacturerModelName = "M1"
    expected = keys(SpecificCharacterSet="ISO_IR 100", SOPInstanceUID=asked.SOPInstanceUID, SOPClassUID=CT_PROTOCOL,
                    ProtocolName="Stra\xdfe 7", PotentialReasonsForProcedure=["one", "zw\xf6lf"],
                    ModelSpecificationSequence=item, ResponsibleGroupCodeSequence=[], PotentialDiagnosticTasks="y" * LONG,
                    InstanceCreationDate="20240102")
    numbers = struct.pack(f"<{len(LONG_NUMBERS)}d", *LONG_NUMBERS)
    expected[0x00720074] = DataElement(0x00720074, *(("FD", LONG_NUMBERS) if syntax == IMPLICIT else ("UN", numbers)))
    found = decode(message.data, syntax)
    assert list(found.keys()) == sorted(expected.keys())
    assert list(differences(found, expected, syntax, EXPLICIT)) == []
    assert found == expected


@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES)
def test_query_for_nothing(server, syntax):
    wire = Wire(server.port).associate([(1, FIND, [syntax])])
    matches, final = wire.find(1, encode(keys(SOPInstanceUID=new_uid(), ProtocolName=""), syntax))
    wire.release()
    assert matches == [] and final.status == 0 and final.data is None


@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES)
def test_list_longer_than_16_bits_can_say(server, asked, syntax):
    """2,000 UIDs: UN in Explicit VR (PS3.5 6.2.2)."""
    value = "\\".join([new_uid() for _ in range(2000)] + [asked.SOPInstanceUID]).encode()
    value += b"\0" * (len(value) % 2)
    plain = EXPLICIT if syntax == DEFLATED else syntax
    octets = part(0x00080018, "UN", value, plain) + part(0x00181030, "LO", b"", plain)
    wire = Wire(server.port).associate([(1, FIND, [syntax])])
    wire.send_find(1, deflate(octets) if syntax == DEFLATED else octets)
    message = wire.read_message()
    assert message.status == 0xFF00 and decode(message.data, syntax).SOPInstanceUID == asked.SOPInstanceUID
    assert wire.read_message().status == 0
    wire.release()
