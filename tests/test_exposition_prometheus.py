"""The real Prometheus scrapes `kubevitals export` on the simulated cluster and is asked back by PromQL."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests import connected, prometheus

from simcluster import simulation as simulated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kubevitals import model

COMPAT = ("--compat", "metrics-server-prom", "--compat", "kube-state-metrics")


@pytest.fixture(scope="module")
def world() -> Iterator[simulated.SimulatedCluster]:
    """A cluster that stands still, so that two readings of it are the same."""
    with simulated.SimulatedCluster(nodes=4, pods=60, seed=3, speed=0.0) as running:
        yield running


@contextlib.contextmanager
def exporting(world: simulated.SimulatedCluster, directory: Path, *options: str) -> Iterator[str]:
    """`kubevitals export` as a process; its HOST:PORT."""
    kubeconfig = directory / "kubeconfig"
    kubeconfig.write_text(world.kubeconfig(), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "kubevitals", "export", "--port", "0", "--interval", "1s", *options],
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        found = re.search(r"http://([\d.]+:\d+)/metrics", line)
        assert found, line
        yield found[1]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait(10)
        process.stderr.close()


@pytest.fixture(scope="module")
def scraped(
    world: simulated.SimulatedCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[prometheus.Prometheus]:
    """Prometheus with at least one scrape of everything."""
    directory = tmp_path_factory.mktemp("prometheus")
    with (
        exporting(world, directory, "--labels", "workload", *COMPAT) as target,
        prometheus.running(target, directory) as server,
    ):
        server.wait_for("kubevitals_pod_phase and on() kube_pod_info and on() kubevitals_source_up == 1")
        yield server


@pytest.fixture(scope="module")
def snapshot(world: simulated.SimulatedCluster) -> Iterator[model.Snapshot]:
    """The same cluster as the library reads it."""
    with connected.connect(world) as cluster:
        yield cluster.snapshot()


def test_every_pod_asked_back_is_the_one_of_the_snapshot(
    scraped: prometheus.Prometheus, snapshot: model.Snapshot
) -> None:
    """Requests, limits, phase and restarts come back from PromQL as they are in the snapshot."""
    for name, field in (
        ("kubevitals_pod_cpu_request_cores", "cpu_request_cores"),
        ("kubevitals_pod_memory_limit_bytes", "memory_limit_bytes"),
    ):
        found = {(each["namespace"], each["pod"]): value for each, value in scraped.query(name)}
        expected = {
            (pod.namespace, pod.name): getattr(pod, field)
            for pod in snapshot.pods
            if not pod.terminated and getattr(pod, field) is not None
        }
        assert found == pytest.approx(expected)
    phases = {
        (each["namespace"], each["pod"]): each["phase"] for each, _ in scraped.query("kubevitals_pod_phase")
    }
    assert phases == {(pod.namespace, pod.name): pod.phase for pod in snapshot.pods}
    restarts = {
        (each["namespace"], each["pod"], each["container"]): value
        for each, value in scraped.query("kubevitals_container_restarts_total")
    }
    assert restarts == {
        (each.namespace, each.pod, each.name): each.restarts
        for each in snapshot.containers
        if each.restarts is not None
    }


def test_usage_asked_back_is_that_of_the_snapshot(
    scraped: prometheus.Prometheus, snapshot: model.Snapshot
) -> None:
    """Cores and bytes of nodes and containers come back from PromQL, and the ratio of two is a ratio."""
    nodes = {each["node"]: value for each, value in scraped.query("kubevitals_node_cpu_usage_cores")}
    assert nodes == pytest.approx(
        {node.name: node.cpu_usage_cores for node in snapshot.nodes if node.cpu_usage_cores is not None}
    )
    containers = {
        (each["namespace"], each["pod"], each["container"]): value
        for each, value in scraped.query("kubevitals_container_memory_usage_bytes")
    }
    assert containers == pytest.approx(
        {
            (each.namespace, each.pod, each.name): each.memory_usage_bytes
            for each in snapshot.containers
            if each.memory_usage_bytes is not None
        }
    )
    ratio = "kubevitals_pod_memory_usage_bytes / kubevitals_pod_memory_limit_bytes"
    ratios = {(each["namespace"], each["pod"]): value for each, value in scraped.query(ratio)}
    assert ratios == pytest.approx(
        {
            (pod.namespace, pod.name): pod.memory_of_limit
            for pod in snapshot.pods
            if pod.memory_of_limit is not None and not pod.terminated
        }
    )


def test_compatible_families_say_the_same(scraped: prometheus.Prometheus) -> None:
    """Under the other exporters' names there are the same numbers, pod by pod."""
    own = "kubevitals_container_cpu_usage_cores"
    same = f"count(kube_metrics_server_pod_cpu == on(namespace, pod, container) {own})"
    assert scraped.query(same) == scraped.query(f"count({own})")
    requested = 'sum(kube_pod_container_resource_requests{resource="memory"})'
    assert scraped.query(requested)[0][1] > 0
    joined = "count(kube_pod_info * on(namespace, pod) group_left(phase) kubevitals_pod_phase)"
    assert scraped.query(joined) == scraped.query("count(kube_pod_info)")


def test_prometheus_finds_no_fault(scraped: prometheus.Prometheus) -> None:
    """The target is up, without an error, and no sample was dropped as a duplicate."""
    target = scraped.target()
    assert (target["health"], target["lastError"]) == ("up", "")
    scraped_samples = scraped.wait_for("scrape_samples_scraped")
    kept = scraped.query("scrape_samples_post_metric_relabeling")
    assert [value for _, value in scraped_samples] == [value for _, value in kept]
    types = {name: facts[0]["type"] for name, facts in scraped.ask("metadata", limit="1000").items()}
    assert types["kubevitals_container_restarts"] == "counter"  # OpenMetrics was understood
    assert types["kubevitals_build"] == "info"


@pytest.mark.parametrize("options", [(), COMPAT, ("--compat-only", *COMPAT)])
def test_promtool_has_nothing_to_say(
    world: simulated.SimulatedCluster, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """`promtool check metrics` finds the text clean, with and without the compatible families."""
    path = tmp_path / "kubevitals.prom"
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(world.kubeconfig(), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "kubevitals", "export", "--once", "--textfile", str(path), *options],
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        check=False,
        timeout=60,
    )
    assert done.returncode == 0
    prometheus.check_metrics(path.read_bytes())


def test_series_of_pods_that_go_end(tmp_path: Path) -> None:
    """After half an hour of the cluster's life Prometheus has the pods that there are, and no other."""
    moment = [1_790_000_000.0]

    def shown(server: prometheus.Prometheus, name: str) -> set[tuple[str, str]]:
        return {(labels["namespace"], labels["pod"]) for labels, _ in server.query(name)}

    with (
        simulated.SimulatedCluster(nodes=4, pods=60, seed=3, clock=lambda: moment[0]) as world,
        exporting(world, tmp_path, *COMPAT) as target,
        prometheus.running(target, tmp_path) as server,
    ):
        server.wait_for("kubevitals_pod_phase and on() kube_pod_info")
        before = shown(server, "kubevitals_pod_phase")
        moment[0] += 1800
        with connected.connect(world) as cluster:
            for name in ("kubevitals_pod_phase", "kube_pod_info"):
                server.wait_until(
                    lambda name=name: (
                        shown(server, name)
                        == {(pod.namespace, pod.name) for pod in cluster.pods() if pod.phase}
                        != before
                    ),
                    what=f"the pods of {name}",
                )
            gone = before - {(pod.namespace, pod.name) for pod in cluster.pods() if pod.phase}
        assert gone
        assert not gone & shown(server, "kubevitals_container_ready")
