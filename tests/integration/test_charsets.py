# SPDX-License-Identifier: Apache-2.0
"""Character sets (PS3.3 C.12.1.1.2, PS3.5 6.1 and annexes H to K) over the wire: every set is stored as it came, found
by keys in every other set that has the text, and answered in the set of the request. The octets are made by Python's
codecs (charset_codec) and read by pydicom and DCMTK."""
import itertools
import json
import os
import random
import struct
import subprocess
import time

import pydicom
import pytest
from pydicom.charset import decode_bytes, convert_encodings

from charset_codec import DOUBLE, SINGLE, encode_text, encoded, fits
from conftest import run_dppr
from dicomwire import BIG_ENDIAN, CT_PROTOCOL, EXPLICIT, FIND, GET, IMPLICIT, Wire
from protocols import keys, new_uid

CHARSET, INSTANCE, NAME, CREATOR = 0x00080005, 0x00080018, 0x00181030, 0x00700084
MODELS, MANUFACTURER, MODEL_NAME, VERSIONS = 0x00189912, 0x00080070, 0x00081090, 0x00181020
CUSTODIANS, INSTITUTION = 0x0040A07C, 0x00080080
LONG = ("SQ", "UT", "UC", "UN")


# ---- octets ----------------------------------------------------------------------------------------
def element(tag, vr, value):
    """One element in Explicit VR Little Endian; a list is a sequence of items, each {tag: (vr, value)}."""
    if isinstance(value, list):
        items = [data_set(i) for i in value]
        value = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(i)) + i for i in items)
    if isinstance(value, str):
        value = value.encode("ascii")
    value += (b"\0" if vr == "UI" else b" ") * (len(value) % 2)
    length = struct.pack("<HI", 0, len(value)) if vr in LONG else struct.pack("<H", len(value))
    return struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode()) + length + value


def data_set(elements):
    return b"".join(element(tag, *elements[tag]) for tag in sorted(elements))


def stored_protocol(terms, uid=None, **more):
    """A CT protocol of these elements; keywords are like x00181030=("LO", octets)."""
    elements = {0x00080016: ("UI", CT_PROTOCOL), INSTANCE: ("UI", uid or new_uid())}
    if terms:
        elements[CHARSET] = ("CS", terms)
    elements.update({int(k[1:], 16): v for k, v in more.items()})
    return elements


def store(wire, elements):
    octets = data_set(elements)
    answer = wire.store(3, octets, CT_PROTOCOL, elements[INSTANCE][1])
    assert answer.status == 0, answer.command
    return octets


def parse(octets):
    """{tag: octets without padding, or a list of such items}"""
    out, at = {}, 0
    while at < len(octets):
        group, number, vr = struct.unpack_from("<HH2s", octets, at)
        if vr.decode() in LONG:
            length, header = struct.unpack_from("<I", octets, at + 8)[0], 12
        else:
            length, header = struct.unpack_from("<H", octets, at + 6)[0], 8
        value = octets[at + header:at + header + length]
        at += header + length
        if vr == b"SQ":
            items, inner = [], 0
            while inner < len(value):
                size = struct.unpack_from("<I", value, inner + 4)[0]
                items.append(parse(value[inner + 8:inner + 8 + size]))
                inner += 8 + size
            out[group << 16 | number] = items
        else:
            out[group << 16 | number] = value.rstrip(b" \0")
    return out


def ask(wire, elements, status=0):
    """The answers to an identifier, parsed; `status` is the final one."""
    wire.send_find(1, data_set(elements))
    answers = []
    while (message := wire.read_message()).status in (0xFF00, 0xFF01):
        answers.append(message.data)
    assert message.status == status, message.command
    if status:
        return message
    return [parse(a) for a in answers]


def identifier(terms, **more):
    elements = {INSTANCE: ("UI", "")}
    if terms:
        elements[CHARSET] = ("CS", terms)
    elements.update({int(k[1:], 16): v for k, v in more.items()})
    return elements


def connect(server, **options):
    return Wire(server.port).associate(
        [(1, FIND, [EXPLICIT]), (3, CT_PROTOCOL, [EXPLICIT]), (5, GET, [EXPLICIT])],
        roles=[(CT_PROTOCOL, 1, 1)], **options)


@pytest.fixture
def wire(server):
    w = connect(server)
    yield w
    w.release()


def pydicom_text(octets, terms, vr="LO"):
    """As pydicom reads it: an independent opinion on what was sent."""
    delimiters = {0x0D, 0x0A, 0x09, 0x0C} | ({0x5E, 0x3D} if vr == "PN" else set())
    text = decode_bytes(octets, convert_encodings(terms.split("\\")), delimiters)
    return text.replace("\x1b$)A", "")  # pydicom 2.3 leaves the escape sequence of ISO-IR 58 in the text


# ---- every set -------------------------------------------------------------------------------------
# defined terms, person name, protocol name; the names of PS3.5 annexes H to K where it has them
SINGLE_ROWS = [
    (100, "Buc^Jérôme", "Thorax Größe M"),
    (101, "Wałęsa^Lech", "Tętnica wieńcowa"),
    (109, "Borġ^Ħal", "Ġenb żgħir"),
    (110, "Bērziņš^Jānis", "Krūškurvis šķērsām"),
    (144, "Люкceмбург", "КТ головного мозга"),
    (127, "قباني^لنزار", "صدر"),
    (126, "Διονυσιος", "ΑΤ θώρακος"),
    (138, "שרון^דבורה", "חזה"),
    (148, "Çavuşoğlu", "Göğüs ışını"),
    (203, "Œuvre^Cœur", "Coût 5€"),
    (166, "นามสกุล", "ทรวงอก"),
    (13, "ﾔﾏﾀﾞ^ﾀﾛｳ", "ｷｮｳﾌﾞ"),
]
ROWS = [
    (form.format(number), name, text) for number, name, text in SINGLE_ROWS
    for form in ("ISO_IR {}", "ISO 2022 IR {}", "\\ISO 2022 IR {}")
] + [
    ("\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎=やまだ^たろう", "胸部CT（成人）"),  # H.3.1
    ("ISO 2022 IR 13\\ISO 2022 IR 87", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう", "ｷｮｳﾌﾞ胸部CT"),  # H.3.2
    ("\\ISO 2022 IR 87\\ISO 2022 IR 159", "Yamada^Tarou=丂田^太郎", "胸丂部"),
    ("\\ISO 2022 IR 149", "Hong^Gildong=洪^吉洞=홍^길동", "복부 골반 CT"),  # I.2
    ("\\ISO 2022 IR 58", "Zhang^XiaoDong=张^小东", "胸部CT扫描"),  # K.2
    ("ISO_IR 192", "Wang^XiaoDong=王^小东", "ΑΤ 胸部 복부 мозга é 𠀀"),  # J.1
    ("GB18030", "Wang^XiaoDong=王^小东", "胸部CT 𠀀 한 ḉ"),  # J.3
    ("GBK", "Wang^XiaoDong=王^小东", "胸部CT 臺 α"),  # J.3
    ("ISO 2022 IR 100\\ISO 2022 IR 144", "Buc^Jérôme=Люк^é", "é Л é"),
    ("ISO 2022 IR 100\\ISO 2022 IR 149", "Jérôme^Hong=洪^吉洞=홍^길동", "é 홍 é"),  # a set for each group
    ("ISO 2022 IR 6\\ISO 2022 IR 126\\ISO 2022 IR 87", "Δ^e=山^Δ", "Δ山a Δ"),
    ("\\ISO 2022 IR 87\\ISO 2022 IR 149\\ISO 2022 IR 58", "Hong=張^홍=张^길", "山홍张a"),
    ("\\".join(["ISO 2022 IR 100"] + [f"ISO 2022 IR {n}" for n in (
        101, 109, 110, 144, 127, 126, 138, 148, 203, 166, 13, 87, 159, 149, 58)]),
     "é^ł=Ħ^ķ=Ж^ş", "éłĦķЖصΩשş€ทｱ山丂홍张"),
]
IDS = [terms for terms, _, _ in ROWS]


@pytest.fixture(scope="module")
def library(server):
    """Each row stored once: [(terms, name, text, uid, octets)]."""
    w = connect(server)
    rows = []
    for terms, name, text in ROWS:
        elements = stored_protocol(
            terms, x00181030=("LO", encode_text(text, terms)), x00700084=("PN", encode_text(name, terms, "PN")))
        rows.append((terms, name, text, elements[INSTANCE][1], store(w, elements)))
    w.release()
    return rows


def test_the_codec_says_what_the_standard_prints():
    """PS3.5 annexes H to K, octet by octet: or else the reference of all that follows is wrong."""
    for terms, name, octets in (
            ("\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎=やまだ^たろう",
             b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"),
            ("ISO 2022 IR 13\\ISO 2022 IR 87", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎",
             b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J"),
            ("\\ISO 2022 IR 149", "Hong^Gildong=洪^吉洞=홍^길동",
             b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf"),
            ("\\ISO 2022 IR 58", "Zhang^XiaoDong=张^小东",
             b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab"),
            ("GB18030", "王^小东", b"\xcd\xf5^\xd0\xa1\xb6\xab")):
        assert encode_text(name, terms, "PN") == octets


@pytest.mark.parametrize("row", range(len(ROWS)), ids=IDS)
def test_a_set_is_stored_found_and_answered(wire, library, row):
    terms, name, text, uid, octets = library[row]
    stored, _, final = wire.get(5, [uid])
    assert final.status == 0 and [m.data for m in stored] == [octets]
    raw_name, raw_text = encode_text(name, terms, "PN"), encode_text(text, terms)
    for more in ({"x00181030": ("LO", raw_text), "x00700084": ("PN", "")},
                 {"x00181030": ("LO", ""), "x00700084": ("PN", raw_name)},
                 {"x00181030": ("LO", encode_text(text[:2] + "*", terms)), "x00700084": ("PN", "")},
                 {"x00181030": ("LO", encode_text("*" + text[1:-1] + "?", terms)), "x00700084": ("PN", "")}):
        mine = [a for a in ask(wire, identifier(terms, **more)) if a[INSTANCE] == uid.encode()]
        assert mine == [{CHARSET: terms.encode(), INSTANCE: uid.encode(), NAME: raw_text, CREATOR: raw_name}]
    if "203" not in terms:  # which pydicom 2.3 does not know
        assert pydicom_text(mine[0][NAME], terms) == text
        assert pydicom_text(mine[0][CREATOR], terms, "PN") == name


@pytest.mark.parametrize("transfer", [IMPLICIT, BIG_ENDIAN])
def test_text_is_the_same_in_other_transfer_syntaxes(server, library, transfer):
    """Read and written by pydicom, for each set that it knows."""
    w = Wire(server.port).associate([(1, FIND, [transfer])])
    for terms, name, text, uid, _ in library:
        if "203" in terms:
            continue
        request = keys(SpecificCharacterSet=terms.split("\\"), SOPInstanceUID=uid, ContentCreatorName="")
        request.add_new(NAME, "LO", encode_text(text[:1] + "*", terms))
        answer, = w.find(1, request)[0]
        answer.decode()
        assert "\\".join([answer.SpecificCharacterSet] if isinstance(answer.SpecificCharacterSet, str)
                         else answer.SpecificCharacterSet) == terms
        assert (answer.ProtocolName.replace("\x1b$)A", ""), str(answer.ContentCreatorName).replace("\x1b$)A", "")) == (
            text, name)
    w.release()


def test_a_key_in_any_set_finds_an_object_in_any_other(wire, library):
    """All pairs of sets for which the text fits both, octets by octets; and the answer is in the key's set."""
    pairs = 0
    for (terms, name, text, uid, _), (key_terms, _, _) in itertools.product(library, ROWS):
        if not (fits(text, key_terms) and fits(name, key_terms)):
            continue
        raw = encode_text(text, key_terms)
        answers = ask(wire, identifier(key_terms, x00181030=("LO", raw), x00700084=("PN", "")))
        mine = [a for a in answers if a[INSTANCE] == uid.encode()]
        assert mine == [{CHARSET: key_terms.encode(), INSTANCE: uid.encode(), NAME: raw,
                         CREATOR: encode_text(name, key_terms, "PN")}], (terms, key_terms)
        pairs += 1
    assert pairs == 402, pairs


def dcmtk_knows(terms):
    """Debian 12's has no Japanese with code extensions, no ISO-IR 203, and no term for code extensions alone."""
    return not any(n in terms for n in ("87", "159", "203")) and ("2022" not in terms or "\\" in terms)


def as_dcmtk_knows(text, terms):
    """Debian 13's has tables of its own, in which GB18030 ends with the Basic Multilingual Plane."""
    version = subprocess.run(["dcmconv", "--version"], capture_output=True, text=True, check=True).stdout
    is_short = terms == "GB18030" and "v3.6.7" not in version
    return "".join(c for c in text if ord(c) <= 0xFFFF or not is_short)


@pytest.mark.parametrize("row", [n for n, t in enumerate(IDS) if dcmtk_knows(t)],
                         ids=[t for t in IDS if dcmtk_knows(t)])
def test_dcmtk_reads_the_answer(wire, library, tmp_path, row):
    terms, name, text, uid, _ = library[row]
    answer, = [a for a in ask(wire, identifier(
        terms, x00181030=("LO", encode_text(text, terms)), x00700084=("PN", ""))) if a[INSTANCE] == uid.encode()]
    assert answer[NAME] == encode_text(text, terms)
    text = as_dcmtk_knows(text, terms)
    octets = data_set({CHARSET: ("CS", answer[CHARSET]), INSTANCE: ("UI", answer[INSTANCE]),
                       NAME: ("LO", encode_text(text, terms)), CREATOR: ("PN", answer[CREATOR])})
    meta = element(0x00020010, "UI", EXPLICIT)
    path = tmp_path / "answer"
    path.write_bytes(bytes(128) + b"DICM" + element(0x00020000, "UL", struct.pack("<I", len(meta))) + meta + octets)
    done = subprocess.run(["dcmconv", "+U8", path, tmp_path / "utf8"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    read = pydicom.dcmread(tmp_path / "utf8")
    assert (read.ProtocolName, str(read.ContentCreatorName)) == (text, name)


def characters(number):
    """What a set has beyond ASCII, by Python's codec."""
    planes = [range(0xA0, 0x3400), range(0x4E00, 0xA000), range(0xAC00, 0xD7A4), range(0xFF00, 0x10000)]
    return [chr(n) for plane in planes for n in plane if encoded(number, chr(n))]


def test_random_texts_come_back_as_python_writes_them(wire):
    """Stored in UTF-8, asked for with one to five sets in any order: the octets of the answer are the reference's."""
    rng = random.Random(int(os.environ.get("DPPR_TEST_SEED", "20261125")))
    pools = {number: characters(number) for number in (*SINGLE, *DOUBLE)}
    for _ in range(300):
        numbers = rng.sample(list(pools), rng.randint(1, 5))
        if numbers[0] in DOUBLE or rng.random() < 0.3:
            numbers.insert(0, None)
        terms = "\\".join("" if n is None else f"ISO 2022 IR {n}" for n in numbers)
        pool = [rng.choice(pools[n]) for n in numbers if n for _ in range(4)] + list("ab 7^=~")
        name, text = ("".join(rng.choice(pool) for _ in range(rng.randint(1, 24))).strip(" ^=") or "a" for _ in range(2))
        elements = stored_protocol("ISO_IR 192", x00181030=("LO", text.encode()), x00700084=("PN", name.encode()))
        store(wire, elements)
        request = identifier(terms, x00181030=("LO", ""), x00700084=("PN", ""))
        request[INSTANCE] = elements[INSTANCE]
        answer, = ask(wire, request)
        assert answer.get(CHARSET, terms.encode()) == terms.encode(), (terms, text, name)
        assert (answer[NAME], answer[CREATOR]) == (encode_text(text, terms), encode_text(name, terms, "PN")), (text, name)


# ---- which set an answer has -----------------------------------------------------------------------
CYRILLIC, GREEK, FRENCH, KANJI = "Кт", "Δόση", "Größe", "胸部"
# (text as stored, its set, request's set, preferred set of the AE's row) -> set of the answer
ANSWERS = [
    # all ASCII: none, whatever is asked for
    ("ASCII", "ISO_IR 100", "ISO_IR 144", "ISO_IR 192", None),
    ("ASCII", "\\ISO 2022 IR 87", "\\ISO 2022 IR 87", None, None),
    # the request's, if every character fits
    (CYRILLIC, "ISO_IR 144", "ISO_IR 144", None, "ISO_IR 144"),
    (CYRILLIC, "ISO_IR 192", "ISO_IR 144", "ISO_IR 192", "ISO_IR 144"),
    (CYRILLIC, "ISO_IR 144", "ISO_IR 192", "ISO_IR 144", "ISO_IR 192"),
    (KANJI, "GB18030", "\\ISO 2022 IR 87", None, "\\ISO 2022 IR 87"),
    (FRENCH, "ISO_IR 192", "ISO 2022 IR 144\\ISO 2022 IR 100", None, "ISO 2022 IR 144\\ISO 2022 IR 100"),
    # in the standard's spelling, whatever the request's is
    (FRENCH, "ISO_IR 192", "ISO-IR 100", None, "ISO_IR 100"),
    (KANJI, "ISO_IR 192", "ISO 2022 IR 87", None, "\\ISO 2022 IR 87"),
    # else the preferred one
    (CYRILLIC, "ISO_IR 192", "ISO_IR 100", "ISO_IR 144", "ISO_IR 144"),
    (CYRILLIC, "ISO_IR 192", None, "ISO_IR 144", "ISO_IR 144"),
    (CYRILLIC, "ISO_IR 144", None, "ISO_IR 192", "ISO_IR 192"),
    # else the stored one
    (CYRILLIC, "ISO_IR 144", "ISO_IR 100", None, "ISO_IR 144"),
    (CYRILLIC, "ISO_IR 144", "ISO_IR 100", "ISO_IR 126", "ISO_IR 144"),
    (CYRILLIC, "ISO_IR 144", None, None, "ISO_IR 144"),
    (KANJI, "\\ISO 2022 IR 87", "ISO_IR 6", None, "\\ISO 2022 IR 87"),
    (FRENCH, "ISO-IR 100", None, None, "ISO_IR 100"),
    # else UTF-8: neither has it, or the stored set is none
    (FRENCH, "ISO-8859-1", "ISO_IR 144", "ISO_IR 126", "ISO_IR 192"),
    (FRENCH, None, "ISO_IR 144", None, "ISO_IR 192"),
    # a preferred set that is none, written by hand, counts for nothing
    (CYRILLIC, "ISO_IR 144", None, "ISO_IR 999", "ISO_IR 144"),
]


@pytest.fixture(scope="module")
def callers(database):
    """Preferred set -> AE title"""
    titles = {None: "WIRE"}
    for n, terms in enumerate(sorted({row[3] for row in ANSWERS if row[3]} | {"ISO_IR 100"})):
        titles[terms] = f"PREFERS{n}"
        database.query("insert into dpp.application_entities (ae_title, preferred_character_set, may_find, may_store,"
                       " may_get) values (%s, %s, true, true, true)", (titles[terms], terms))
    return titles


@pytest.mark.parametrize("text, terms, asked, preferred, expected", ANSWERS)
def test_the_set_of_an_answer(server, callers, text, terms, asked, preferred, expected):
    w = connect(server, calling=callers[preferred])
    known = {"ISO-IR 100": "ISO_IR 100", "ISO-8859-1": "ISO_IR 100", None: "ISO_IR 100"}
    elements = stored_protocol(terms, x00181030=("LO", encode_text(text, known.get(terms, terms))))
    uid = elements[INSTANCE][1]
    store(w, elements)
    request = identifier(asked, x00181030=("LO", ""))
    request[INSTANCE] = ("UI", uid)
    answer = {INSTANCE: uid.encode(), NAME: encode_text(text, expected or "ISO_IR 6")}
    if expected:
        answer[CHARSET] = expected.encode()
    assert ask(w, request) == [answer]
    w.release()
    if preferred == "ISO_IR 999":
        assert "aet=" + callers[preferred] in server.wait_log("event=ae.charset_ignored")


def test_a_change_of_the_row_is_in_force_with_the_next_query(server, database, callers):
    """As its rights are, without a new association; the row is read again when it is older than 20 ms."""
    database.query("insert into dpp.application_entities (ae_title, preferred_character_set) values ('FICKLE', 'ISO_IR 144')")
    w = connect(server, calling="FICKLE")
    elements = stored_protocol("ISO_IR 192", x00181030=("LO", CYRILLIC.encode()))
    store(w, elements)
    request = identifier(None, x00181030=("LO", ""))
    request[INSTANCE] = elements[INSTANCE]
    for preferred, expected in (("ISO_IR 144", b"ISO_IR 144"), ("GB18030", b"GB18030"), (None, b"ISO_IR 192"),
                                ("KOI8", b"ISO_IR 192"), ("ISO_IR 144", b"ISO_IR 144")):
        database.query("update dpp.application_entities set preferred_character_set = %s where ae_title = 'FICKLE'",
                       (preferred,))
        time.sleep(0.05)
        assert [a[CHARSET] for a in ask(w, request)] == [expected]
    w.release()


def test_one_value_that_does_not_fit_decides_for_all(wire):
    elements = stored_protocol("ISO_IR 192", x00181030=("LO", FRENCH.encode()), x00700084=("PN", KANJI.encode()))
    store(wire, elements)
    request = identifier("ISO_IR 100", x00181030=("LO", ""), x00700084=("PN", ""))
    request[INSTANCE] = elements[INSTANCE]
    assert ask(wire, request) == [{CHARSET: b"ISO_IR 192", INSTANCE: elements[INSTANCE][1].encode(),
                                   NAME: FRENCH.encode(), CREATOR: KANJI.encode()}]


# ---- what a request may not say --------------------------------------------------------------------
TEXT = "text is not in its character set"
REFUSED = [
    # (terms, octets of Protocol Name) -> Offending Element
    ("ISO_IR 99", b"a", CHARSET), ("ISO_IR 192\\ISO 2022 IR 87", b"a", CHARSET), ("\\GBK", b"a", CHARSET),
    ("UTF-8", b"a", CHARSET),
    (None, "é".encode(), NAME), ("ISO_IR 6", b"\xe9", NAME),  # 8-bit without a set
    ("ISO_IR 192", b"\xc0\xaf", NAME), ("ISO_IR 192", b"\xe0\x80\xaf", NAME),  # overlong
    ("ISO_IR 192", b"\xed\xa0\x80", NAME), ("ISO_IR 192", b"\xed\xa0\xbd\xed\xb8\x80", NAME),  # surrogates
    ("ISO_IR 192", b"\xf4\x90\x80\x80", NAME), ("ISO_IR 192", b"a\xe7\x8e", NAME), ("ISO_IR 192", b"\xfe", NAME),
    ("ISO_IR 100", b"a\x80", NAME),  # C1
    ("ISO_IR 127", b"\xa1", NAME), ("ISO_IR 166", b"\xdb", NAME), ("ISO_IR 13", b"\xe0", NAME),  # unassigned
    ("GB18030", b"\xcd", NAME), ("GB18030", b"\x81\x30\x81", NAME), ("GB18030", b"\xe3\x32\x9a\x36", NAME),
    ("GBK", b"\xcd\x20", NAME), ("GBK", b"\x81\x30\x81\x30", NAME),
    ("\\ISO 2022 IR 87", b"\x1b$B;", NAME), ("\\ISO 2022 IR 87", b"\x1b$Z", NAME), ("\\ISO 2022 IR 87", b"\x1b", NAME),
    ("\\ISO 2022 IR 87", b"\x1b$)C\xc8\xab", NAME),  # designates what is not listed
    ("\\ISO 2022 IR 149", b"\xc8\xab", NAME),  # designates nothing
    ("ISO_IR 100", b"\x1b$B;3\x1b(B", NAME),  # no code extensions
]


@pytest.mark.parametrize("terms, octets, offending", REFUSED)
def test_text_that_is_not_in_its_set_is_refused_in_a_request(wire, terms, octets, offending):
    message = ask(wire, identifier(terms, x00181030=("LO", octets)), status=0xA900)
    assert message.command[0x0901] == offending
    assert (TEXT if offending == NAME else "character set") in message.command[0x0902]


def test_text_of_an_item_is_refused_like_any_other(wire):
    item = {MANUFACTURER: ("LO", b"\xe9")}
    message = ask(wire, identifier("ISO_IR 192", x00189912=("SQ", [item])), status=0xA900)
    assert message.command[0x0901] == MANUFACTURER
    item[CHARSET] = ("CS", "ISO_IR 99")
    message = ask(wire, identifier("ISO_IR 100", x00189912=("SQ", [item])), status=0xA900)
    assert message.command[0x0901] == CHARSET


def test_the_set_of_the_row_stands_in_for_one_that_is_not_named(server, callers):
    w = connect(server, calling=callers["ISO_IR 100"])
    elements = stored_protocol("ISO_IR 192", x00181030=("LO", "Zürcher Norm".encode()))
    store(w, elements)
    for terms, octets in ((None, b"Z\xfcrcher*"), ("ISO_IR 6", b"Z\xfcrcher*"), ("ISO_IR 192", "Zürcher*".encode())):
        assert [a[INSTANCE] for a in ask(w, identifier(terms, x00181030=("LO", octets)))] == [
            elements[INSTANCE][1].encode()]
    message = ask(w, identifier(None, x00181030=("LO", b"a\x80")), status=0xA900)  # no more than that
    assert message.command[0x0901] == NAME
    w.release()


# ---- characters that are easily lost ---------------------------------------------------------------
@pytest.mark.parametrize("terms, octets, text", [
    ("ISO_IR 192", b"\xef\xbb\xbfBOM", "\ufeffBOM"),  # no signature: a character like any other
    ("ISO_IR 192", b"\xee\x80\x80 private", "\ue000 private"),
    ("ISO_IR 192", b"\xf0\xa0\x80\x80 astral", "\U00020000 astral"),
    ("ISO_IR 192", b"\xf4\x8f\xbf\xbd last", "\U0010fffd last"),
    ("ISO_IR 192", b"\xef\xbf\xbd replaced", "\ufffd replaced"),  # said by the sender, so it is text
    ("GB18030", b"\x95\x32\x82\x36 four", "\U00020000 four"),
    ("GB18030", b"\x81\x30\x81\x30 low", "\u0080 low"),
    ("GB18030", b"\x84\x31\xa4\x37 high", "\ufffd high"),
    ("GB18030", b"\xe3\x32\x9a\x35 end", "\U0010ffff end"),
    ("GBK", b"\x81\x5c second octet 5C", "乗 second octet 5C"),
    ("GB18030", b"\x81\x5c octet 5C", "乗 octet 5C"),
    ("\\ISO 2022 IR 87", b"\x1b$B\x24\x5c\x1b(B kana 5C", "ぼ kana 5C"),
    ("ISO_IR 13", b"\xb1~", "ｱ~"),  # an overline in JIS X 0201
])
def test_an_unusual_character_is_kept_found_and_returned(wire, terms, octets, text):
    elements = stored_protocol(terms, x00181030=("LO", octets))
    store(wire, elements)
    uid = elements[INSTANCE][1].encode()
    for request_terms, raw in ((terms, octets), ("ISO_IR 192", text.encode())):
        assert {CHARSET: request_terms.encode(), INSTANCE: uid, NAME: raw} in ask(
            wire, identifier(request_terms, x00181030=("LO", raw)))
    assert wire.get(5, [uid.decode()])[0][0].data == data_set(elements)


def test_a_foreign_name_in_one_chinese_set_is_found_in_the_others(wire):
    """The dot and the dash, which C libraries decode otherwise from GB 2312 than from its successors."""
    text = "约翰·史密斯—甲"
    raw = {"\\ISO 2022 IR 58": b"\x1b$)A" + text.encode("gbk"), "GBK": text.encode("gbk"),
           "GB18030": text.encode("gb18030"), "ISO_IR 192": text.encode()}
    for terms, octets in raw.items():
        elements = stored_protocol(terms, x00181030=("LO", octets))
        store(wire, elements)
        for key_terms, key in raw.items():
            assert {CHARSET: key_terms.encode(), INSTANCE: elements[INSTANCE][1].encode(), NAME: key} in ask(
                wire, identifier(key_terms, x00181030=("LO", key)))


@pytest.mark.parametrize("terms, octets", [
    ("GBK", b"\x81\x5c\\b"), ("GB18030", b"\x81\x5c\\b"), ("\\ISO 2022 IR 87", b"\x1b$B\x24\x5c\x1b(B\\b"),
    ("ISO_IR 13", b"\xb1\\b"), ("ISO 2022 IR 13\\ISO 2022 IR 87", b"\xb1\\b")])
def test_5c_separates_values_only_where_it_is_a_character(wire, terms, octets):
    """In JIS X 0201 it is a yen sign to look at, and the separator (PS3.5 6.1.2.5.3)."""
    serial = new_uid()
    elements = stored_protocol(terms, x00189912=("SQ", [{
        MANUFACTURER: ("LO", serial), VERSIONS: ("LO", octets)}]))
    store(wire, elements)
    for value in (octets.split(b"\\b")[0], b"b"):
        request = identifier(terms, x00189912=("SQ", [{MANUFACTURER: ("LO", serial), VERSIONS: ("LO", value)}]))
        answer, = ask(wire, request)
        assert answer[MODELS] == [{MANUFACTURER: serial.encode(), VERSIONS: octets}]


# ---- person names ----------------------------------------------------------------------------------
def test_component_groups_of_a_name_match_one_by_one(wire):
    terms = "\\ISO 2022 IR 87"
    name = "Kimura^Ken=木村^健=きむら^けん"
    elements = stored_protocol(terms, x00700084=("PN", encode_text(name, terms, "PN")))
    store(wire, elements)
    uid = elements[INSTANCE][1].encode()
    for key, key_terms, is_found in (
            (name, terms, True), (name, "ISO_IR 192", True), (name, "GB18030", True),
            ("kimura^ken", None, True), ("木村^健", "GBK", True), ("木村^健", "ISO_IR 192", True),
            ("きむら^けん", terms, True), ("=木村^健", terms, True), ("==きむら^けん", "ISO_IR 192", True),
            ("Kimura*=木村*=きむら*", terms, True), ("=木*", "ISO_IR 192", True), ("==き*", "ISO_IR 192", True),
            ("=きむら^けん", "ISO_IR 192", False), ("Kimura^Ken=鈴木^健", terms, False)):
        raw = encode_text(key, key_terms or "ISO_IR 6", "PN")
        answers = [a for a in ask(wire, identifier(key_terms, x00700084=("PN", raw))) if a[INSTANCE] == uid]
        assert len(answers) == is_found, key
        if is_found:
            answered = answers[0][CHARSET].decode()
            assert answers[0][CREATOR] == encode_text(name, answered, "PN")
            assert pydicom_text(answers[0][CREATOR], answered, "PN") == name


# ---- sets of items ---------------------------------------------------------------------------------
def test_an_item_is_read_by_its_own_set_and_answered_in_one(wire):
    """PS3.3 C.12.1.1.2: an item's (0008,0005) holds for it and what is within; the others have the data set's."""
    serial = new_uid()
    elements = stored_protocol("ISO_IR 144", x00181030=("LO", CYRILLIC.encode("iso8859-5")), x00189912=("SQ", [
        {MANUFACTURER: ("LO", serial), MODEL_NAME: ("LO", CYRILLIC.encode("iso8859-5"))},
        {CHARSET: ("CS", "ISO_IR 126"), MANUFACTURER: ("LO", serial), MODEL_NAME: ("LO", GREEK.encode("iso8859-7"))},
        {CHARSET: ("CS", ""), MANUFACTURER: ("LO", serial), MODEL_NAME: ("LO", b"ASCII")}]))
    octets = store(wire, elements)
    for name in (CYRILLIC, GREEK, "ASCII"):
        answer, = ask(wire, identifier("ISO_IR 192", x00181030=("LO", ""), x00189912=("SQ", [
            {MANUFACTURER: ("LO", serial), MODEL_NAME: ("LO", name.encode())}])))
        assert answer[CHARSET] == b"ISO_IR 192"
        assert answer[NAME] == CYRILLIC.encode()
        assert answer[MODELS] == [{MANUFACTURER: serial.encode(), MODEL_NAME: name.encode()}]
    # a key's item too
    answer, = ask(wire, identifier("ISO_IR 192", x00189912=("SQ", [
        {CHARSET: ("CS", "ISO_IR 126"), MANUFACTURER: ("LO", serial), MODEL_NAME: ("LO", GREEK.encode("iso8859-7"))}])))
    assert answer[MODELS] == [{MANUFACTURER: serial.encode(), MODEL_NAME: GREEK.encode()}]
    assert wire.get(5, [elements[INSTANCE][1]])[0][0].data == octets


STATION, OTHERS = 0x00081010, 0x00081250  # that no model has


@pytest.mark.parametrize("asked, answered", [("ISO_IR 192", "ISO_IR 192"), ("ISO_IR 144", "ISO_IR 192"), (None, "ISO_IR 192"),
                                             ("GB18030", "GB18030")])
def test_attributes_of_no_model_are_answered_in_the_same_set(wire, asked, answered):
    """They are read from the octets, by the set of their item."""
    elements = stored_protocol(
        "ISO_IR 144", x00181030=("LO", CYRILLIC.encode("iso8859-5")), x00081010=("SH", CYRILLIC.encode("iso8859-5")),
        x00081250=("SQ", [{CHARSET: ("CS", "ISO_IR 126"), INSTITUTION: ("LO", GREEK.encode("iso8859-7"))}]))
    store(wire, elements)
    request = identifier(asked, x00181030=("LO", ""), x00081010=("SH", ""), x00081250=("SQ", []))
    request[INSTANCE] = elements[INSTANCE]
    assert ask(wire, request) == [{
        CHARSET: answered.encode(), INSTANCE: elements[INSTANCE][1].encode(), NAME: encode_text(CYRILLIC, answered),
        STATION: encode_text(CYRILLIC, answered), OTHERS: [{INSTITUTION: encode_text(GREEK, answered)}]}]


# ---- text that is not in its set, stored -----------------------------------------------------------
DAMAGED = [
    # (terms, octets) -> what queries see, the set it is answered in, the words of the warning
    ("ISO_IR 192", b"a\xffz", "a\ufffdz", "ISO_IR 192", "are no characters"),
    ("ISO_IR 192", b"\xed\xa0\x80", "\ufffd\ufffd\ufffd", "ISO_IR 192", "are no characters"),
    ("ISO_IR 100", b"a\x80z", "a\ufffdz", "ISO_IR 192", "are no characters"),
    ("GB18030", b"a\xcd", "a\ufffd", "GB18030", "are no characters"),  # which has U+FFFD
    ("\\ISO 2022 IR 87", b"\x1b$Z", "\ufffd$Z", "ISO_IR 192", "are no characters"),
    ("\\ISO 2022 IR 87", b"\x1b$)C\xc8\xab", "홍", "ISO_IR 192", "escape sequence"),
    (None, "Größe".encode(), "Größe", "ISO_IR 192", "read as UTF-8"),
    (None, b"Gr\xf6\xdfe", "Größe", "ISO_IR 192", "read as Latin-1"),
    ("ISO_IR 999", b"Gr\xf6\xdfe", "Größe", "ISO_IR 192", "read as Latin-1"),
    ("ISO_IR 192", "a\0é".encode(), "a\0é", "ISO_IR 192", "U+0000"),
]


@pytest.mark.parametrize("terms, octets, text, answered, words", DAMAGED)
def test_damaged_text_is_kept_flagged_and_never_answered_in_silence(
        wire, database, terms, octets, text, answered, words):
    elements = stored_protocol(terms, x00181030=("LO", octets), x00700084=("PN", "Sound^Name"))
    stored = store(wire, elements)
    uid = elements[INSTANCE][1]
    assert wire.get(5, [uid])[0][0].data == stored
    warnings = database.query("select w.attribute, w.warning from dpp.dataset_warnings as w join dpp.objects as o"
                              " on o.id = w.object_id where o.sop_instance_uid = %s and w.attribute is not null"
                              " order by w.ordinal", (uid,))
    expected = [("00080005", "has a term that is not supported")] * (terms == "ISO_IR 999")
    assert warnings[:-1] == expected
    assert warnings[-1][0] == "00181030" and words in warnings[-1][1]
    request = identifier(None, x00181030=("LO", ""), x00700084=("PN", ""))
    request[INSTANCE] = ("UI", uid)
    assert ask(wire, request) == [{CHARSET: answered.encode(), INSTANCE: uid.encode(), NAME: text.encode(
        {"GB18030": "gb18030"}.get(answered, "utf-8")), CREATOR: b"Sound^Name"}]


def test_an_object_whose_set_is_not_supported_is_exported_with_a_note(wire, database, tmp_path):
    elements = stored_protocol("ISO_IR 999", x00181030=("LO", b"Gr\xf6\xdfe"))
    octets = store(wire, elements)
    uid = elements[INSTANCE][1]
    done = run_dppr("export", tmp_path, "--uid", uid, "--json", database=database.uri)
    assert done.returncode == 0 and f"note: {uid}: some values cannot be said exactly in JSON" in done.stderr
    assert json.loads((tmp_path / f"{uid}.json").read_text())["00181030"]["Value"] == ["Größe"]
    run_dppr("export", tmp_path, "--uid", uid, database=database.uri, check=True)
    assert (tmp_path / f"{uid}.dcm").read_bytes().endswith(octets)
