# SPDX-License-Identifier: Apache-2.0
"""What a run was like: rates, failures, interruptions; and what is not explained.

Three stretches of time: before the mark `fault`, during (until the mark `recovered`), after. A failed attempt must be
explained: by a rule of the case, and by its time, as nothing is to fail before the fault or once the load has been steady again."""
import collections
import re

from clients import HUNG_KIND, TITLE
from record import KINDS, OK, read_journal, read_marks

SLACK_S = 0.5  # of the marks, which a script sets just before it strikes
DATABASE_STATUSES = {"store": "A700", "find": "A700", "get": "A701|A702|B000", "move": "A701|A702|B000"}


def stretches(attempts, marks):
    """{name: (from, to)}; what ends after `load stop` is in none."""
    first, last = min(a.at - a.ms / 1000 for a in attempts), max(a.at for a in attempts if a.kind in KINDS)
    last = marks.get("stop", last)
    fault = marks.get("fault", last)
    recovered = marks.get("recovered", last)
    return {"before": (first, fault), "during": (fault, recovered), "after": (recovered, last)}


def successes(attempts, kind):
    return [a for a in attempts if a.kind == kind and a.outcome == OK]


def rates(attempts, spans):
    """{kind: {stretch: a second}}; None for a stretch too short to say."""
    out = {}
    for kind in KINDS:
        times = [a.at for a in successes(attempts, kind)]
        out[kind] = {name: round(sum(start <= t < end for t in times) / (end - start), 1) if end - start >= 1 else None
                     for name, (start, end) in spans.items()}
    return out


def longest_gap(attempts, kinds, start, end):
    """The longest time without a success of these kinds, by anybody."""
    times = sorted(a.at for a in attempts if a.kind in kinds and a.outcome == OK and start <= a.at <= end)
    edges = [start, *times, end]
    return round(max(b - a for a, b in zip(edges, edges[1:])), 2) if end > start else 0


def operations(attempts):
    """{operation: its attempts}"""
    by = collections.defaultdict(list)
    for a in attempts:
        if a.kind in KINDS:
            by[a.operation].append(a)
    return by


def longest_operation(attempts, start, end):
    """(seconds, kind) of the operation that took longest with all its attempts, of those that ended in this time."""
    took = [(round(tries[-1].at - (tries[0].at - tries[0].ms / 1000), 2), tries[0].kind)
            for tries in operations(attempts).values() if start <= tries[-1].at <= end]
    return max(took, default=(0, ""))


def is_explained(attempt, rules, spans):
    """rules: regular expressions for "KIND OUTCOME (PHASE) COMMENT"."""
    text = f"{attempt.kind} {attempt.outcome} ({attempt.phase}) {attempt.comment}"
    if attempt.kind == HUNG_KIND:  # whenever: they begin with the fault and end with the load
        return any(re.match(rule, text) for rule in rules)
    in_time = spans["during"][0] - SLACK_S <= attempt.at and attempt.at - attempt.ms / 1000 <= spans["during"][1]
    return in_time and any(re.match(rule, text) for rule in rules)


def said_nothing(attempt):
    """A status that is no success says why; what is left of a retrieve (B000) has its counters."""
    return re.fullmatch("[0-9A-F]{4}", attempt.outcome) and attempt.outcome not in (OK, "B000") and not attempt.comment


def expand(rules):
    """The rule `database` is the statuses that stand for it."""
    return [f"{kind} ({statuses}) " for kind, statuses in DATABASE_STATUSES.items()] * ("database" in rules) + [
        rule for rule in rules if rule != "database"]


def make(folder, rules, verified):
    attempts, violations = read_journal(folder)
    marks = read_marks(folder)
    spans = stretches(attempts, marks)
    rules = expand(rules)
    failed = [a for a in attempts if a.outcome != OK]
    fault, recovered = spans["during"]
    rows = collections.OrderedDict()
    for a in sorted(failed, key=lambda a: (a.kind, a.outcome, a.phase)):
        key = a.kind, a.outcome, a.phase, is_explained(a, rules, spans)
        row = rows.setdefault(key, {"count": 0, "first_s": a.at - fault, "last_s": a.at - fault, "comments": collections.Counter()})
        row["count"] += 1
        row["first_s"], row["last_s"] = min(row["first_s"], a.at - fault), max(row["last_s"], a.at - fault)
        row["comments"][a.comment] += 1
    done = operations(attempts)
    never = [tries for tries in done.values() if tries[-1].outcome != OK]
    disturbing = [a for a in failed if a.kind in KINDS and a.phase != "between"]
    slowest = {name: longest_operation(attempts, *span) for name, span in spans.items()}
    problems = [v.what for v in violations]
    problems += [f"{len(tries)} attempts of {tries[0].kind} {tries[0].operation} and no success" for tries in never]
    problems += [f"{kind} {outcome} ({phase}): {row['count']} not explained: {next(iter(row['comments']))}"
                 for (kind, outcome, phase, explained), row in rows.items() if not explained]
    problems += [f"{a.kind} {a.outcome} without an Error Comment" for a in failed if said_nothing(a)]
    problems += [f"no {kind} has succeeded {name} the fault" for kind in KINDS for name in ("before", "after")
                 if "fault" in marks and not any(spans[name][0] < a.at <= spans[name][1] for a in successes(attempts, kind))]
    if "fault" in marks and "recovered" not in marks:
        problems.append("it has not recovered")
    for where, what in verified["wrong"].items():
        problems += [f"{where}: {w}" for w in what]
    return {
        "clients": len({a.client for a in attempts if a.kind in KINDS} - {TITLE.format(0)}),
        "seconds": round(spans["after"][1] - spans["before"][0], 1),
        "operations": {kind: sum(tries[0].kind == kind for tries in done.values()) for kind in KINDS},
        "failed_attempts": [
            {"kind": kind, "outcome": outcome, "phase": phase, "explained": explained, "count": row["count"],
             "first_s": round(row["first_s"], 1), "last_s": round(row["last_s"], 1),
             "comments": dict(row["comments"].most_common(5))}
            for (kind, outcome, phase, explained), row in rows.items()],
        "operations_tried_again": {kind: sum(len(tries) > 1 for tries in done.values() if tries[0].kind == kind) for kind in KINDS},
        "operations_never_done": len(never),
        "marks_s": {name: round(at - fault, 1) for name, at in marks.items()},
        "time_to_recover_s": round(max([a.at for a in disturbing if a.at >= fault - SLACK_S], default=fault) - fault, 1),
        "longest_without_success_s": {name: longest_gap(attempts, KINDS, *span) for name, span in spans.items()},
        "longest_without_a_store_s": {name: longest_gap(attempts, ["store"], *span) for name, span in spans.items()},
        "slowest_operation_s": {name: list(pair) for name, pair in slowest.items()},
        "rates": rates(attempts, spans),
        "acknowledged": verified["acknowledged"],
        "never_acknowledged": verified["never_acknowledged"],
        "verified_through": [where for where in verified["wrong"] if where != "ledger"],
        "lost": len({w.split()[0] for what in verified["wrong"].values() for w in what
                     if " is not " in w or "other octets" in w}),
        "problems": problems,
    }


def as_text(title, report):
    r = report
    lines = [f"{title}: {r['clients']} clients, {r['seconds']:.0f} s of load",
             f"acknowledged stores   {r['acknowledged']}, lost {r['lost']}; verified through {', '.join(r['verified_through'])}"]
    if r["never_acknowledged"]:
        lines.append(f"                      {r['never_acknowledged']} more are there whose answer was lost")
    lines.append("operations            " + ", ".join(f"{n} {kind}" for kind, n in r["operations"].items())
                 + f"; tried again: {sum(r['operations_tried_again'].values())}; never done: {r['operations_never_done']}")
    lines.append(f"time to recover       {r['time_to_recover_s']} s from the fault to the last failed attempt")
    if "fault" in r["marks_s"]:
        lines.append("marks                 " + ", ".join(f"{name} {at:+.1f} s" for name, at in r["marks_s"].items()))
    lines.append(f"{'':22}{'before':>10}{'during':>10}{'after':>10}")
    for kind, by in r["rates"].items():
        lines.append(f"{kind + 's a second':22}" + "".join(f"{'-' if v is None else v:>10}" for v in by.values()))
    for what, key in (("no success for, s", "longest_without_success_s"), ("no store for, s", "longest_without_a_store_s")):
        lines.append(f"{what:22}" + "".join(f"{v:>10}" for v in r[key].values()))
    lines.append(f"{'slowest operation, s':22}" + "".join(f"{v[0]:>10}" for v in r["slowest_operation_s"].values()))
    if r["failed_attempts"]:
        lines.append("failed attempts       count  first, last after the fault")
    for f in r["failed_attempts"]:
        lines.append(f"  {f['kind']:13} {f['count']:10}  {f['first_s']:+.1f} s, {f['last_s']:+.1f} s  {f['outcome']} ({f['phase']})"
                     + ("" if f["explained"] else "  NOT EXPLAINED"))
        lines += [f"{'':17}{count:7}  {comment}" for comment, count in f["comments"].items() if comment]
    lines += [f"PROBLEM {p}" for p in r["problems"][:40]]
    if len(r["problems"]) > 40:
        lines.append(f"PROBLEM and {len(r['problems']) - 40} more")
    return "\n".join(lines)
