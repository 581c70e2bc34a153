# SPDX-License-Identifier: Apache-2.0
"""SOP class extended negotiation of the FIND classes (PS3.4 K.5.1) over the wire: what is answered, and that it is done
where it was negotiated and nowhere else."""
import pytest

from conftest import Server, run_dppr
from dicomwire import APPROVAL_FIND, CT_PROTOCOL, EXPLICIT, FIND, MOVE, Wire, encode, extended_item
from protocols import keys, protocol
from wirescp import WireScp

ZONE = 0x00080201


@pytest.fixture(scope="module")
def berlin(database):
    server = Server(database.uri, time_zone="Europe/Berlin")
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def library(berlin):
    """Names of the objects by their UIDs."""
    objects = {
        # 09:15 UTC; the others are in the site's zone
        "own": protocol(InstanceCreationDate="20240105", InstanceCreationTime="101500", TimezoneOffsetFromUTC="+0100",
                        ContentCreatorName="Smith^John"),
        # 22:30 UTC
        "site": protocol(InstanceCreationDate="20240105", InstanceCreationTime="2330", ContentCreatorName="Schmidt^Jon"),
        # 23:30 UTC of the day before
        "early": protocol(InstanceCreationDate="20240105", InstanceCreationTime="003000",
                          ContentCreatorName="Doe^Jane"),
    }
    wire = Wire(berlin.port).associate([(1, CT_PROTOCOL, [EXPLICIT])])
    for ds in objects.values():
        assert wire.store(1, encode(ds, EXPLICIT), CT_PROTOCOL, ds.SOPInstanceUID).status == 0
    wire.release()
    return {ds.SOPInstanceUID: name for name, ds in objects.items()}


def answers(wire):
    """SOP class -> answered octets"""
    out = {}
    for raw in wire.user.get(0x56, []):
        length = int.from_bytes(raw[:2], "big")
        out[raw[2:2 + length].decode()] = raw[2 + length:]
    return out


@pytest.mark.parametrize("offer, answer", [
    ([1, 1, 1, 1], [1, 1, 1, 1]),
    ([1, 1, 0, 1], [1, 1, 0, 1]),
    ([1, 1, 1, 0], [1, 1, 1, 0]),
    ([1, 1, 0, 0], [1, 1, 0, 0]),
    ([1, 1, 1], [1, 1, 1]),  # the fourth octet is optional
    ([1, 1, 0], [1, 1, 0]),
    ([1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]),  # of C.5 only
    (None, None),
])
@pytest.mark.parametrize("sop_class", [FIND, APPROVAL_FIND])
def test_answer_is_what_was_offered(berlin, sop_class, offer, answer):
    extra = b"" if offer is None else extended_item(sop_class, offer)
    wire = Wire(berlin.port).associate([(1, sop_class, [EXPLICIT])], extra=extra)
    assert answers(wire) == ({} if answer is None else {sop_class: bytes(answer)})
    wire.release()


def test_each_class_has_its_own_answer(berlin):
    extra = (extended_item(FIND, [1, 1, 1]) + extended_item(APPROVAL_FIND, [1, 1, 0, 1])
             + extended_item(MOVE, [1, 1, 1, 1]))
    wire = Wire(berlin.port).associate([(1, FIND, [EXPLICIT]), (3, APPROVAL_FIND, [EXPLICIT]), (5, MOVE, [EXPLICIT])],
                                       extra=extra)
    assert answers(wire) == {FIND: bytes([1, 1, 1]), APPROVAL_FIND: bytes([1, 1, 0, 1])}
    wire.release()


def found(server, library, offers, **attributes):
    """offers: SOP class -> octets. The names found, and the responses by name."""
    extra = b"".join(extended_item(uid, octets) for uid, octets in offers.items())
    wire = Wire(server.port).associate([(1, FIND, [EXPLICIT]), (3, APPROVAL_FIND, [EXPLICIT])], extra=extra)
    matches, final = wire.find(1, keys(SOPInstanceUID="", **attributes))
    wire.release()
    assert final.status == 0, f"{final.status:04X} {final.command.get(0x0902)}"
    return {library[m.SOPInstanceUID]: m for m in matches}


@pytest.mark.parametrize("offers, names", [
    ({FIND: [1, 1, 1, 0]}, {"own", "site"}),
    ({FIND: [1, 1, 1]}, {"own", "site"}),
    ({FIND: [1, 1, 0, 1]}, set()),
    ({APPROVAL_FIND: [1, 1, 1, 1]}, set()),  # the other class
    ({}, set()),
])
def test_names_are_fuzzy_only_where_negotiated(berlin, library, offers, names):
    assert set(found(berlin, library, offers, ContentCreatorName="jon smyth")) == names


@pytest.mark.parametrize("offers, names", [
    ({FIND: [1, 1, 0, 1]}, {"early"}),
    ({FIND: [1, 1, 1, 1]}, {"early"}),
    ({FIND: [1, 1, 1, 0]}, set()),
    ({FIND: [1, 1, 1]}, set()),
    ({APPROVAL_FIND: [1, 1, 1, 1]}, set()),
    ({}, set()),
])
def test_times_are_adjusted_only_where_negotiated(berlin, library, offers, names):
    assert set(found(berlin, library, offers, TimezoneOffsetFromUTC="+0000", InstanceCreationDate="20240104")) == names


ADJUSTED = {FIND: [1, 1, 0, 1]}


@pytest.mark.parametrize("attributes, names", [
    # the site's zone stands in for the request's
    (dict(InstanceCreationDate="20240105"), {"own", "site", "early"}),
    (dict(InstanceCreationTime="101500"), {"own"}),
    (dict(InstanceCreationTime="0915", TimezoneOffsetFromUTC="+0000"), {"own"}),
    (dict(InstanceCreationTime="2330", TimezoneOffsetFromUTC="+0000"), {"early"}),
    (dict(InstanceCreationTime="2330"), {"site"}),
    (dict(InstanceCreationDate="20240104-20240105", InstanceCreationTime="2330-0915", TimezoneOffsetFromUTC="+0000"),
     {"own", "early"}),
    (dict(InstanceCreationDate="20240106", TimezoneOffsetFromUTC="+0900"), {"site"}),
    (dict(InstanceCreationDate="20240105", TimezoneOffsetFromUTC="-1200"), {"site"}),
    (dict(InstanceCreationDate="20240105", TimezoneOffsetFromUTC="+1400"), {"own", "early"}),
])
def test_adjusted_keys(berlin, library, attributes, names):
    assert set(found(berlin, library, ADJUSTED, **attributes)) == names


def test_responses_hold_what_is_stored(berlin, library):
    """Times are not converted; (0008,0201) is the stored one, where there is one."""
    matches = found(berlin, library, ADJUSTED, TimezoneOffsetFromUTC="+0900", InstanceCreationDate="20240104-",
                    InstanceCreationTime="")
    assert {name: (m.InstanceCreationDate, m.InstanceCreationTime, m.get("TimezoneOffsetFromUTC"))
            for name, m in matches.items()} == {
        "own": ("20240105", "101500", "+0100"),
        "site": ("20240105", "2330", None),
        "early": ("20240105", "003000", None)}


@pytest.mark.parametrize("zone, is_valid", [
    ("+0000", True), ("-0000", True), ("-1200", True), ("+1400", True), ("+0545", True), ("", True),
    ("-1201", False), ("+1401", False), ("+0160", False), ("0100", False), ("+01", False), ("+01:00", False),
    ("UTC", False), ("+0100\\+0200", False),
])
@pytest.mark.parametrize("offers", [{}, ADJUSTED])
def test_zone_of_a_request_is_checked(berlin, library, offers, zone, is_valid):
    extra = b"".join(extended_item(uid, octets) for uid, octets in offers.items())
    wire = Wire(berlin.port).associate([(1, FIND, [EXPLICIT])], extra=extra)
    _, final = wire.find(1, keys(SOPInstanceUID="", TimezoneOffsetFromUTC=zone))
    if is_valid:
        assert final.status == 0x0000
    else:
        assert final.status == 0xA900
        assert final.command[0x0901] == ZONE
        assert 0 < len(final.command[0x0902]) <= 64
    wire.release()


def test_command_offers_it(berlin, library):
    def uids(*options):
        done = run_dppr("find", "-p", berlin.port, "--json", "-k", "ContentCreatorName=smyth^jon",
                        "-k", "SOPInstanceUID", *options, check=True)
        assert done.stderr == ""
        return {name for uid, name in library.items() if uid in done.stdout}

    assert uids() == set()
    assert uids("--fuzzy-names") == {"own", "site"}
    zone = ["-k", "TimezoneOffsetFromUTC=+0900", "-k", "InstanceCreationDate=20240106"]
    assert uids("--fuzzy-names", *zone) == set()
    assert uids("--fuzzy-names", "--adjust-times", *zone) == {"site"}


@pytest.mark.parametrize("options, note", [
    (["--fuzzy-names"], "note: the peer does not grant all of what was offered: --fuzzy-names\n"),
    (["--fuzzy-names", "--adjust-times"],
     "note: the peer does not grant all of what was offered: --fuzzy-names, --adjust-times\n"),
    ([], None),
])
def test_command_says_when_the_peer_grants_less(options, note):
    """This one answers no extended negotiation, and hangs up at the query."""
    scp = WireScp(abort_after=0)
    done = run_dppr("find", "-p", scp.port, *options)
    scp.close()
    assert done.returncode == 1
    assert note in done.stderr if note else "note" not in done.stderr


def test_unknown_zone_of_the_site_is_refused(database):
    for command in ("serve", "doctor"):
        done = run_dppr(command, "--time-zone", "Europe/Berlim", database=database.uri)
        assert done.returncode == 1
        assert "PostgreSQL knows no time zone 'Europe/Berlim'" in done.stdout + done.stderr
    assert run_dppr("serve", "--check", "--time-zone", "UTC+1", database=database.uri).returncode == 1
    assert run_dppr("serve", "--check", "--time-zone", "america/new_york", database=database.uri).returncode == 0
