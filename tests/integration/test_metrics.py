# SPDX-License-Identifier: Apache-2.0
"""/metrics: Prometheus text that counts what the server did."""
import re

from dicomwire import EXPLICIT, FIND, IMPLICIT, VERIFICATION, Wire
from protocols import keys, new_uid

SAMPLE = re.compile(r"(dppr_[a-z_]+) (-?[0-9]+)")


def metrics(server):
    """{name: value}; fails where the text is not HELP, TYPE and sample of each metric."""
    status, text = server.http("/metrics")
    assert status == 200
    lines = text.splitlines()
    found = {}
    for help_line, type_line, sample in zip(lines[0::3], lines[1::3], lines[2::3], strict=True):
        name, value = SAMPLE.fullmatch(sample).groups()
        kind = type_line.removeprefix(f"# TYPE {name} ")
        assert help_line.startswith(f"# HELP {name} ") and len(help_line) > len(f"# HELP {name} ")
        assert kind == ("counter" if name.endswith("_total") else "gauge")
        assert name not in found
        found[name] = int(value)
    return found


def test_metrics_count_operations(server):
    before = metrics(server)
    wire = Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT]), (3, FIND, [EXPLICIT])])
    for _ in range(3):
        assert wire.echo() == 0
    assert wire.find(3, keys(SOPInstanceUID=new_uid()))[0] == []
    during = metrics(server)
    assert during["dppr_echo_total"] == before["dppr_echo_total"] + 3
    assert during["dppr_find_ok_total"] == before["dppr_find_ok_total"] + 1
    assert during["dppr_associations_accepted_total"] == before["dppr_associations_accepted_total"] + 1
    assert during["dppr_associations_open"] >= 1
    wire.release()
