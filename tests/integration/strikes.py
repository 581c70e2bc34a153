# SPDX-License-Identifier: Apache-2.0
"""What tests of limits and deadlines share: did this one strike, and no other; and what is waited for."""
import contextlib
import pathlib
import re

import dicomwire
from dicomwire import C_GET, EXPLICIT, FIND, GET, IMPLICIT, VERIFICATION, Wire, encode, wait_for
from metrics import metrics
from protocols import keys, new_uid

KINDS = {"limit": "dppr_limits_hit_total", "deadline": "dppr_timeouts_total"}


def struck(server):
    """{(kind, name): how often} of those that have."""
    found = {}
    for sample, count in metrics(server).items():
        for kind, family in KINDS.items():
            match = re.fullmatch(rf'{family}\{{{kind}="([a-z-]+)"\}}', sample)
            if match and count:
                found[kind, match[1]] = count
    return found


@contextlib.contextmanager
def strikes(server, kind, name, times=1, others=()):
    """In this block it strikes so often (a function: is that enough?), the log names it, and no other but `others` strikes."""
    before, lines = struck(server), len(server.log_lines)
    enough = times if callable(times) else lambda n: n == times

    def count():
        return struck(server).get((kind, name), 0) - before.get((kind, name), 0)
    yield
    wait_for(lambda: enough(count()) or count() > 1000)
    assert enough(count()), f"{name} struck {count()} times"
    pattern = re.compile(rf' level=(info|warn|error) event=\S+ (.* )?{kind}={name}( |$)')
    wait_for(lambda: any(pattern.search(line) for line in server.log_lines[lines:]))
    after = struck(server)
    strange = {key for key in after if after[key] != before.get(key, 0)} - {(kind, name)} - set(others)
    assert not strange, strange


def still_serves(server):
    """Verification and a query, as soon as places are free again."""
    def answer():
        try:
            wire = Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT]), (3, FIND, [EXPLICIT])],
                                                           calling="AFTERWARDS")
        except (dicomwire.Rejected, dicomwire.Aborted, dicomwire.Closed, ConnectionError):
            return False
        assert wire.echo() == 0
        assert wire.find(3, keys(SOPInstanceUID=new_uid()))[1].status == 0
        wire.release()
        return True
    wait_for(answer)


def waiting_statements(database):
    return database.query("select count(*) from pg_stat_activity where datname = current_database()"
                          " and wait_event_type = 'Lock'")[0][0]


def send_get(wire, context, uids):
    octets = encode(keys(SOPInstanceUID=uids), wire.transfer[context])
    command = wire.request(C_GET, GET, octets)
    wire.send_message(context, command, octets)
    return command[0x0110]


def final_of(wire):
    """The next response that is not pending; requests of the server are passed over."""
    while True:
        message = wire.read_message()
        if message.command[0x0100] & dicomwire.RESPONSE and message.status not in (0xFF00, 0xFF01):
            return message


def untested(server, kind, *paths):
    """Names of the server's own list that no test file mentions."""
    names = re.findall(rf'{KINDS[kind]}\{{{kind}="([a-z-]+)"\}}', "\n".join(metrics(server)))
    assert names
    text = "".join(pathlib.Path(path).read_text() for path in paths)
    return [name for name in names if f'"{name}"' not in text]
