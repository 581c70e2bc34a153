# SPDX-License-Identifier: Apache-2.0
"""What /metrics says, read strictly (Prometheus exposition format 0.0.4)."""
import re

HELP = re.compile(r"# HELP (dppr_[a-z_]+) (\S.*)")
TYPE = re.compile(r"# TYPE (dppr_[a-z_]+) (counter|gauge)")
SAMPLE = re.compile(r'(dppr_[a-z_]+)((?:\{[a-z]+="[a-z0-9-]+"\})?) (-?[0-9]+)')


def metrics(server):
    """{'name' or 'name{label="value"}': value}. Fails where the text is not HELP, TYPE and samples, metric by metric."""
    status, text = server.http("/metrics")
    assert status == 200 and text.endswith("\n")
    lines = text.splitlines()
    found, names, name, wants_sample = {}, set(), None, False
    while lines:
        line = lines.pop(0)
        if help_line := HELP.fullmatch(line):
            assert not wants_sample, f"{name} has no sample"
            name = help_line[1]
            assert name not in names, f"{name} comes twice"
            names.add(name)
            kind = TYPE.fullmatch(lines.pop(0))
            assert kind and kind[1] == name
            assert kind[2] == ("counter" if name.endswith("_total") else "gauge")
            wants_sample = True
        else:
            sample = SAMPLE.fullmatch(line)
            assert sample and sample[1] == name, line
            key = name + sample[2]
            assert key not in found
            found[key] = int(sample[3])
            wants_sample = False
    assert found and not wants_sample
    return found
