# SPDX-License-Identifier: Apache-2.0
"""What /metrics says, read strictly (Prometheus exposition format 0.0.4). As a program: the table of docs/metrics.md."""
import math
import re

NAME = r"(?:dppr|process)_[a-z0-9_]+"
HELP = re.compile(rf"# HELP ({NAME}) (\S[^\\]*)")
TYPE = re.compile(rf"# TYPE ({NAME}) (counter|gauge|histogram)")
PAIR = r'([a-z]+)="([A-Za-z0-9_.+-]+)"'
SAMPLE = re.compile(rf'({NAME})(?:\{{({PAIR}(?:,{PAIR})*)\}})? (-?[0-9]+(?:\.[0-9]+)?)')


class Family:
    """One metric: what HELP and TYPE say of it, and its samples, {(name's ending, ((label, value), ...)): value}."""

    def __init__(self, name, kind, text):
        self.name, self.kind, self.help, self.samples = name, kind, text, {}

    def labels(self):
        """Names of its labels, in their order."""
        kinds = {tuple(k for k, _ in labels if k != "le") for _, labels in self.samples}
        assert len(kinds) == 1, f"{self.name} has samples with other labels than others: {kinds}"
        return kinds.pop()


def number(text):
    return float(text) if "." in text else int(text)


def check_histogram(family):
    """Buckets go up in le and in count, end with +Inf, which is _count; the sum fits them."""
    series = {}
    for (ending, labels), value in family.samples.items():
        key = tuple(pair for pair in labels if pair[0] != "le")
        one = series.setdefault(key, {"buckets": []})
        if ending == "_bucket":
            one["buckets"].append((math.inf if labels[-1][1] == "+Inf" else float(labels[-1][1]), value))
        else:
            assert ending in ("_sum", "_count") and ending not in one
            one[ending] = value
    for key, one in series.items():
        bounds, counts = zip(*one["buckets"])
        assert list(bounds) == sorted(set(bounds)) and bounds[-1] == math.inf, (family.name, key)
        assert list(counts) == sorted(counts) and counts[-1] == one["_count"], (family.name, key, counts)
        each = [b - a for a, b in zip((0,) + counts, counts)]
        least = sum(n * low for n, low in zip(each, (0,) + bounds))
        assert one["_sum"] >= least * 0.999, (family.name, key, one)
        if not each[-1]:
            assert one["_sum"] <= sum(n * high for n, high in zip(each, bounds) if n) * 1.001, (family.name, key, one)


def parse(text):
    """{name: Family}. Fails where the text is not HELP, TYPE and samples, metric by metric."""
    assert text.endswith("\n")
    lines, families, family = text.splitlines(), {}, None
    while lines:
        line = lines.pop(0)
        if help_line := HELP.fullmatch(line):
            kind = TYPE.fullmatch(lines.pop(0))
            assert kind and kind[1] == help_line[1], line
            assert kind[1] not in families, f"{kind[1]} comes twice"
            family = families[kind[1]] = Family(kind[1], kind[2], help_line[2])
            assert (kind[2] == "counter") == kind[1].endswith("_total"), line
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample and family and sample[1].startswith(family.name), line
        ending = sample[1][len(family.name):]
        assert ending in (("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",)), line
        labels = tuple(re.findall(PAIR, sample[2] or ""))
        assert len({k for k, _ in labels}) == len(labels), line
        assert (ending, labels) not in family.samples, line
        family.samples[ending, labels] = number(sample[sample.lastindex])
    for family in families.values():
        assert family.samples, f"{family.name} has no sample"
        family.labels()
        if family.kind == "histogram":
            check_histogram(family)
        if family.kind != "gauge":
            assert all(value >= 0 for value in family.samples.values()), family.name
    assert families
    return families


def scrape(server):
    status, text = server.http("/metrics")
    assert status == 200
    return parse(text)


def key_of(name, labels):
    return name + ("{" + ",".join(f'{k}="{v}"' for k, v in labels) + "}" if labels else "")


def metrics(server):
    """{'name' or 'name{label="value"}': value} of all samples."""
    return {key_of(f.name + ending, labels): value
            for f in scrape(server).values() for (ending, labels), value in f.samples.items()}


def total(found, name, **wanted):
    """All samples of a name together that have these labels, of what metrics() returned; 0 = there is none."""
    pairs = [f'{k}="{v}"' for k, v in wanted.items()]
    return sum(value for key, value in found.items()
               if key.split("{")[0] == name and all(p in re.split("[{},]", key) for p in pairs))


def totals(server):
    """{name without dppr_: all its samples together}, of counters and gauges."""
    return {f.name.removeprefix("dppr_"): sum(f.samples.values()) for f in scrape(server).values() if f.kind != "histogram"}


def operations(server, service, **labels):
    """How many of this service have ended, with these labels."""
    return total(metrics(server), "dppr_operations_total", service=service, **labels)


def failed(server, service):
    """How many of this service were refused or failed: neither an outcome nor ended without a response."""
    return operations(server, service) - sum(operations(server, service, status=s) for s in ("0000", "B000", "FE00", "none"))


def table(families):
    """The rows of docs/metrics.md."""
    return [f"| `{f.name}` | {f.kind} | {' '.join(f'`{label}`' for label in f.labels())} | {f.help} |" for f in families.values()]


if __name__ == "__main__":  # metrics.py http://host:port/metrics
    import sys
    import urllib.request
    with urllib.request.urlopen(sys.argv[1]) as answer:
        print("\n".join(table(parse(answer.read().decode()))))
