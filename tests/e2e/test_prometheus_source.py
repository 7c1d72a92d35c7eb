"""Usage by PromQL from the real Prometheus and VictoriaMetrics that watch kwok's kubelets.

The same load as metrics-server sees: what differs is when and over which window it was measured.
"""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests import prometheus, victoria, waiting
from tests.e2e import product

import kubevitals
from kubevitals import errors, sources
from kubevitals.promql import config
from kubevitals.sources.kubelet import targets
from kubevitals.sources.prometheus import factory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e import controlplane

BOTH = sources.Scope(nodes=True, pods=True)
_SECONDS = 90.0


@pytest.fixture(scope="module")
def admin(cluster: controlplane.ControlPlane) -> Iterator[kubevitals.Cluster]:
    with kubevitals.connect(kubeconfig=str(cluster.kubeconfig), source="metrics-server") as made:
        yield made


@pytest.fixture(scope="module")
def databases(
    admin: kubevitals.Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, prometheus.Prometheus]]:
    """A Prometheus that scrapes every kubelet each five seconds, and a VictoriaMetrics that it writes to."""
    kubelets = targets.TargetList(admin.client, port=None, clock=time.monotonic).fetch_kubelets()
    jobs: list[dict[str, Any]] = [
        {
            "job_name": f"kubelet {each.node}",
            "scheme": "https",
            "tls_config": {"insecure_skip_verify": True},
            "metrics_path": each.path,
            "static_configs": [{"targets": [each.address.authority], "labels": {"node": each.node}}],
        }
        for each in kubelets
        if each.address is not None
    ]
    assert len(jobs) == len(kubelets)
    with victoria.running(tmp_path_factory.mktemp("victoria")) as behind:
        configuration = {
            "global": {"scrape_interval": "5s", "scrape_timeout": "5s"},
            "scrape_configs": jobs,
            "remote_write": [{"url": f"{behind.url}/api/v1/write"}],
        }
        with prometheus.configured(json.dumps(configuration), tmp_path_factory.mktemp("prometheus")) as front:
            yield {"prometheus": front, "victoriametrics": behind}


@pytest.mark.parametrize("name", ["prometheus", "victoriametrics"])
def test_same_as_metrics_server(
    admin: kubevitals.Cluster, databases: dict[str, prometheus.Prometheus], name: str
) -> None:
    """Every node and pod that metrics-server knows has the same usage: CPU within 20 %, memory within 5 %.

    The windows differ, and on a busy machine the counters of one may come late: the numbers are near in
    one of the readings of a minute and a half.
    """
    with contextlib.closing(
        factory.open_source(admin.client, config.ServerOptions(databases[name].url))
    ) as read:
        wait_for_all(read, admin.source.fetch_usage(BOTH))
        found: list[str] = []

        def is_near() -> bool:
            found[:] = differences(admin.source.fetch_usage(BOTH), read.fetch_usage(BOTH))
            return not found

        waiting.until(is_near, what=lambda: found[:5], seconds=_SECONDS, pause=2)


def differences(truth: sources.Usage, usage: sources.Usage) -> list[str]:
    """What metrics-server and the database disagree about."""
    assert usage.nodes.keys() == truth.nodes.keys() != set()
    assert usage.pods.keys() == truth.pods.keys() != set()
    pairs = []
    for node, (_, window, cores, size) in usage.nodes.items():
        assert isinstance(window, float)
        assert window > 0
        pairs.append((node, (cores, size), truth.nodes[node][2:4]))
    for key, (_, _, containers) in usage.pods.items():
        told = {container: (cores, size) for container, cores, size in truth.pods[key][2]}
        assert told.keys() == {container for container, _, _ in containers}
        pairs += [(f"{key} {name}", (cores, size), told[name]) for name, cores, size in containers]
    return [
        f"{what}: {own}, not {theirs}"
        for what, own, theirs in pairs
        if own[0] != pytest.approx(theirs[0], rel=0.2, abs=0.002)
        or own[1] != pytest.approx(theirs[1], rel=0.05)
    ]


def test_from_the_command_line(
    cluster: controlplane.ControlPlane,
    admin: kubevitals.Cluster,
    databases: dict[str, prometheus.Prometheus],
    tmp_path: Path,
) -> None:
    """With an address Prometheus is what auto asks first, and every node shows its usage from there."""
    options = config.ServerOptions(databases["prometheus"].url)
    with contextlib.closing(factory.open_source(admin.client, options)) as read:
        wait_for_all(read, admin.source.fetch_usage(BOTH))
    environ = product.environ(home=tmp_path, kubeconfig=cluster.kubeconfig)
    ended = product.kubevitals(
        "top", "nodes", "--prometheus-url", databases["prometheus"].url, "-o", "json", environ=environ
    )
    assert ended.returncode == 0, ended.stderr
    document: dict[str, Any] = json.loads(ended.stdout)
    assert document["source"] == "prometheus"
    assert all(item["cpu_usage_cores"] and item["memory_usage_bytes"] for item in document["items"])


def wait_for_all(read: sources.Source, truth: sources.Usage) -> sources.Usage:
    """What it answers once it has a rate of everything that metrics-server knows."""
    until = time.monotonic() + _SECONDS
    while True:
        try:
            usage = read.fetch_usage(BOTH)
        except errors.MetricsError:
            usage = sources.Usage()
        known = {
            key
            for key, (_, _, containers) in usage.pods.items()
            if all(cores is not None for _, cores, _ in containers)
        }
        if known >= truth.pods.keys() and usage.nodes.keys() >= truth.nodes.keys():
            return usage
        assert time.monotonic() < until, (len(known), len(truth.pods), usage.problems)
        time.sleep(2)
