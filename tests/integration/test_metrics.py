# SPDX-License-Identifier: Apache-2.0
"""/metrics: Prometheus text that counts what the server did."""
from dicomwire import EXPLICIT, FIND, IMPLICIT, VERIFICATION, Wire
from metrics import metrics
from protocols import keys, new_uid


def test_metrics_count_operations(server):
    before = metrics(server)
    wire = Wire(server.port).associate([(1, VERIFICATION, [IMPLICIT]), (3, FIND, [EXPLICIT])])
    for _ in range(3):
        assert wire.echo() == 0
    assert wire.find(3, keys(SOPInstanceUID=new_uid()))[0] == []
    during = metrics(server)
    for service, count in (("echo", 3), ("find", 1)):
        name = f'dppr_operations_total{{service="{service}",status="0000",class="unknown"}}'
        assert during[name] == before[name] + count
    assert during["dppr_associations_accepted_total"] == before["dppr_associations_accepted_total"] + 1
    assert during["dppr_associations_open"] >= 1
    wire.release()


def test_each_limit_and_deadline_has_a_sample_from_the_beginning(server):
    """So that a first strike is an increase, which is what alerts look for."""
    found = metrics(server)
    for sample in ('dppr_limits_hit_total{limit="max-associations"}', 'dppr_limits_hit_total{limit="open-files"}',
                   'dppr_timeouts_total{deadline="idle-timeout"}'):
        assert found[sample] == 0
    assert "dppr_limits_hit_total" not in found and "dppr_timeouts_total" not in found
