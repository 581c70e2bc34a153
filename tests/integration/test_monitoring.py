# SPDX-License-Identifier: Apache-2.0
"""deploy/monitoring against a real server: every expression asks for metrics, labels and values that there are.

Whether Prometheus itself takes the files, and when the alerts fire, is tried by tests/deploy/cases/monitoring.
"""
import json
import re

import pytest
import yaml

from conftest import ROOT
from metrics import scrape

MONITORING = ROOT / "deploy" / "monitoring"
FUNCTIONS = {"absent", "changes", "count", "histogram_quantile", "increase", "label_values", "max", "min", "min_over_time",
             "predict_linear", "rate", "sum", "time", "vector"}
GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}
WORDS = {"and", "or", "unless", "bool", "offset"}
TARGET = {"job", "instance"}  # labels of Prometheus' own
TOKEN = re.compile(r'\s*(?:"(?P<string>[^"]*)"|(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)|(?P<range>\[[^\]]*\])|(?P<number>\d[\w.]*)'
                   r"|(?P<operator>=~|!~|!=|==|>=|<=|[-+*/%^<>=(){},]))")


def tokens(expression):
    found, at = [], 0
    expression = expression.strip()
    while at < len(expression):
        match = TOKEN.match(expression, at)
        assert match, f"cannot read {expression[at:]!r}"
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


def parse(expression):
    """([(metric, [(label, operator, value)])], [label of by, on ...]) of a PromQL expression."""
    selectors, grouped, rest = [], [], tokens(expression)
    while rest:
        kind, text = rest.pop(0)
        if kind != "name" or text in WORDS:
            continue
        following = rest[0][1] if rest else ""
        if text in GROUPING and following == "(":
            rest.pop(0)
            while (token := rest.pop(0)) != ("operator", ")"):
                grouped += [token[1]] if token[0] == "name" else []
        elif following == "(" or (text in FUNCTIONS and following in GROUPING):
            assert text in FUNCTIONS, f"{text} is no function that is known here"
        else:
            matchers = []
            if following == "{":
                rest.pop(0)
                while (token := rest.pop(0)) != ("operator", "}"):
                    if token[0] == "name":
                        matchers.append((token[1], rest.pop(0)[1], rest.pop(0)[1]))
            selectors.append((text, matchers))
    return selectors, grouped


def rules():
    return [rule for group in yaml.safe_load((MONITORING / "rules.yml").read_text())["groups"] for rule in group["rules"]]


def dashboard():
    return json.loads((MONITORING / "grafana" / "dppr.json").read_text())


def expressions():
    """[(where it stands, expression)]"""
    board = dashboard()
    found = [(rule["alert"], rule["expr"]) for rule in rules()]
    found += [(f"{panel['title']} {target['refId']}", target["expr"]) for panel in board["panels"] for target in panel.get("targets", ())]
    found += [(f"${v['name']}", v["query"]["query"].replace(", instance)", ")")) for v in board["templating"]["list"] if v["type"] == "query"]
    found += [(a["name"], a["expr"]) for a in board["annotations"]["list"]]
    return found


@pytest.fixture(scope="module")
def known(server):
    """{sample name: {label: values}}"""
    found = {"up": {}}
    for family in scrape(server).values():
        for (ending, labels), _ in family.samples.items():
            values = found.setdefault(family.name + ending, {})
            for label, value in labels:
                values.setdefault(label, set()).add(value)
    return found


@pytest.mark.parametrize("where, expression", expressions(), ids=lambda v: v if " " not in v else v[:40])
def test_expression_asks_for_what_there_is(known, where, expression):
    selectors, grouped = parse(expression)
    assert selectors, "it asks for nothing"
    labels = set(TARGET)
    for name, matchers in selectors:
        assert name in known, f"there is no metric {name}"
        labels |= known[name].keys()
        for label, operator, value in matchers:
            assert label in TARGET or label in known[name], f"{name} has no label {label}"
            if label in TARGET:
                assert (label, value) in {("job", "dppr"), ("instance", "$instance")}
                continue
            for one in value.split("|") if "~" in operator else [value]:
                assert one in known[name][label], f'{name} has no {label}="{one}"'
    assert set(grouped) <= labels, f"{set(grouped) - labels} is no label here"
    if "histogram_quantile" in expression:
        assert "le" in grouped and all(name.endswith("_bucket") for name, _ in selectors)


def test_expressions_that_would_not_do_are_found(known):
    """The reader of expressions is no decoration."""
    for wrong in ("rate(dppr_no_such_total[5m])", 'dppr_unready{reason="weather"}', 'dppr_ready{reason="queue"}',
                  "sum by (colour) (dppr_ready)", 'dppr_operations_total{status=~"0000|9999"}', "summ(dppr_ready)",
                  "histogram_quantile(0.5, sum by (instance) (rate(dppr_loop_lag_seconds_bucket[5m])))", "dppr_ready ? 1"):
        with pytest.raises(AssertionError):
            test_expression_asks_for_what_there_is(known, "here", wrong)


def test_each_alert_is_explained_and_tried():
    alerts = {rule["alert"]: rule["labels"]["severity"] for rule in rules()}
    assert len(alerts) == len(rules()) and set(alerts.values()) <= {"page", "ticket"}
    documented = dict(re.findall(r"^\| `(Dppr\w+)` \| (\w+) \| .+ \| .+ \|$", (ROOT / "docs/operations.md").read_text(), re.M))
    assert documented == alerts
    checks = [check for test in yaml.safe_load((MONITORING / "rules_test.yml").read_text())["tests"] for check in test["alert_rule_test"]]
    assert {check["alertname"] for check in checks if check["exp_alerts"]} == set(alerts), "each is seen to fire"
    assert {check["alertname"] for check in checks if not check["exp_alerts"]} == set(alerts), "and not to"


def test_each_metric_of_the_server_has_its_place(known):
    """What nobody looks at need not be counted: on the dashboard, in an alert, or a reason here."""
    asked = {re.sub("_(bucket|sum|count)$", "", name) for _, expression in expressions() for name, _ in parse(expression)[0]}
    elsewhere = {
        "dppr_connections_accepted_total": "of connections, those that become associations count",
        "dppr_connections_proxied_total": "likewise",
        "dppr_connections_refused_total": "dppr_limits_hit_total has max-connections",
        "dppr_config_reloads_total": "those that fail count", "dppr_contexts_denied_total": "a matter between a peer and its row",
        "dppr_protocol_errors_total": "a peer's fault; its log line says which",
        "dppr_drain_released_total": "of one drain; its log line says so", "dppr_drain_aborted_total": "likewise",
        "dppr_schema_version": "dppr_unready has schema", "dppr_audit_rows_total": "what is dropped counts",
        "dppr_audit_waiting_max": "dppr_limits_hit_total has audit-max-waiting",
        "dppr_jobs_waiting_max": "dppr_limits_hit_total has max-waiting-jobs", "dppr_loops": "does not change",
        "dppr_heap_large_bytes": "for the search for leaks", "dppr_heap_kept_bytes": "likewise",
        "process_virtual_memory_bytes": "says little",
    }
    families = {re.sub("_(bucket|sum|count)$", "", name) for name in known} - {"up"}
    assert families - asked == set(elsewhere), "put it on the dashboard, or give a reason above"
