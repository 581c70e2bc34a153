# SPDX-License-Identifier: Apache-2.0
"""Text in the character sets of DICOM by Python's codecs: a second implementation of PS3.3 C.12.1.1.2 and PS3.5
6.1.2.5.3, for saying which octets a peer sends and which must come back."""

# ISO-IR number -> (Python codec, what follows ESC); one octet in G1
SINGLE = {
    100: ("iso8859-1", b"-A"), 101: ("iso8859-2", b"-B"), 109: ("iso8859-3", b"-C"), 110: ("iso8859-4", b"-D"),
    144: ("iso8859-5", b"-L"), 127: ("iso8859-6", b"-G"), 126: ("iso8859-7", b"-F"), 138: ("iso8859-8", b"-H"),
    148: ("iso8859-9", b"-M"), 203: ("iso8859-15", b"-b"), 166: ("tis-620", b"-T"), 13: ("shift_jis", b")I"),
}
# two octets: (Python codec, what follows ESC, whether in G0)
DOUBLE = {87: ("euc_jp", b"$B", True), 159: ("euc_jp", b"$(D", True),
          149: ("euc_kr", b"$)C", False), 58: ("gb2312", b"$)A", False)}
WHOLE = {"ISO_IR 192": "utf-8", "GB18030": "gb18030", "GBK": "gbk"}


class DoesNotFit(ValueError):
    pass


def encoded(number, char):
    """One character beyond ASCII in a set of ISO-IR, or None."""
    codec = (DOUBLE.get(number) or SINGLE[number])[0]
    if number == 58 and char in "·—\u30fb\u2015":  # as its successors have them, not as Python's gb2312
        codec = "gbk" if char in "·—" else "ascii"
    try:
        raw = char.encode(codec)
    except UnicodeEncodeError:
        return None
    if number == 159:
        return bytes(b & 0x7F for b in raw[1:]) if len(raw) == 3 and raw[0] == 0x8F else None
    if number == 87:
        return bytes(b & 0x7F for b in raw) if len(raw) == 2 and raw[0] >= 0xA1 else None
    if number in DOUBLE:
        return raw if len(raw) == 2 and min(raw) >= 0xA1 else None
    return raw if len(raw) == 1 and raw[0] >= 0xA0 else None


def _number(term):
    return int(term.split()[-1]) if term else 6


def encode_text(text, terms, vr="LO"):
    """The octets of a value in the sets of `terms`, as PS3.5 annexes H to K write them."""
    if terms in WHOLE:
        try:
            return text.encode(WHOLE[terms])
        except UnicodeEncodeError:
            raise DoesNotFit from None
    numbers = [_number(t) for t in terms.split("\\")]
    with_escapes = "2022" in terms
    first_g0 = b"(J" if numbers[0] == 13 else b"(B"
    first_g1 = numbers[0] if numbers[0] in SINGLE else None
    delimiters = {"LO": "\\", "PN": "\\^=", "UT": ""}[vr] + "\r\n\f\t"
    g0, g1, last, out = None, first_g1, first_g1, b""

    def put_back():
        nonlocal g0, g1, last, out
        if g0:
            out += b"\x1b" + first_g0
        if first_g1 and g1 != first_g1:
            out += b"\x1b" + SINGLE[first_g1][1]
        g0, g1, last = None, first_g1, first_g1

    for char in text:
        if ord(char) < 0x80:
            if char in delimiters:
                put_back()
            elif g0:
                out, g0, last = out + b"\x1b" + first_g0, None, None
            out += char.encode()
            continue
        for number in [last] * bool(last) + numbers:
            raw = None if number == 6 else encoded(number, char)
            if raw and (with_escapes or number == first_g1):
                break
        else:
            raise DoesNotFit(f"{char!r} in {terms!r}")
        if number != last:
            out += b"\x1b" + (DOUBLE.get(number) or SINGLE[number])[1]
        if number in DOUBLE and DOUBLE[number][2]:
            g0 = number
        else:
            g1 = number
        last = number
        out += raw
    put_back()
    return out


def fits(text, terms):
    try:
        encode_text(text, terms)
        return True
    except DoesNotFit:
        return False
