"""Series with the labels of odd configurations, in the real Prometheus and VictoriaMetrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests import databases, scraped

from kubevitals import sources
from kubevitals.promql import config
from kubevitals.sources.prometheus import source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kubevitals.promql import client as promql_client

CPU, MEMORY = "container_cpu_usage_seconds_total", "container_memory_working_set_bytes"
PODS, NODES = sources.Scope(pods=True), sources.Scope(nodes=True)
MI = 1 << 20


def about(number: float) -> Any:
    """That number, but for how floats are rounded."""
    return pytest.approx(number, rel=1e-6)


def of_pod(namespace: str, pod: str, container: str) -> dict[str, str]:
    """The labels of a container as cAdvisor writes them."""
    return {"namespace": namespace, "pod": pod, "container": container}


def cores(
    labels: dict[str, str], each: dict[str, float], *, size: float = 0.0, moments: list[float] | None = None
) -> list[scraped.Series]:
    """A counter for each value of the label `cpu`, and memory where there is a size."""
    moments = moments or scraped.times()
    found = [
        scraped.Series(CPU, {**labels, "cpu": core}, scraped.counter(rate, moments, start=50))
        for core, rate in each.items()
    ]
    return found + ([scraped.Series(MEMORY, labels, [(at, size) for at in moments])] if size else [])


def by_core() -> list[scraped.Series]:
    """Kubelets that count each core on its own, in each of the ways that are seen."""
    target = {"cluster": "cores", "node": "n1", "instance": "n1:10250", "job": "kubelet"}
    found = []
    for replica, shift in (("a", 0.0), ("b", -7.0)):
        labels = {**target, "replica": replica}
        moments = scraped.times(shift=shift)
        found += cores(
            {**labels, **of_pod("shop", "four", "c")},
            {"cpu00": 0.25, "cpu01": 0.5, "cpu02": 0.125, "cpu03": 0.125},
            size=MI,
            moments=moments,
        )
        found += cores({**labels, "id": "/"}, {"cpu00": 1.0, "cpu01": 0.75}, size=9 * MI, moments=moments)
    labels = {**target, "replica": "a"}
    found += cores(
        {**labels, **of_pod("shop", "both", "c")}, {"total": 0.5, "cpu00": 0.25, "cpu01": 0.25}, size=MI
    )
    found += cores({**labels, **of_pod("shop", "plain", "c")}, {"": 0.5, "0": 0.25, "1": 0.25}, size=MI)
    # Two exporters write the same core in two ways.
    found += cores({**labels, **of_pod("shop", "written", "c")}, {"cpu00": 0.25, "cpu01": 0.5}, size=MI)
    found += cores({**labels, "job": "cadvisor", **of_pod("shop", "written", "c")}, {"0": 0.25, "1": 0.5})
    # The container before it ran on more cores, and has ended.
    found += cores(
        {**labels, "id": "/old", **of_pod("shop", "again", "c")},
        {"cpu00": 1.0, "cpu01": 1.0, "cpu02": 1.0},
        moments=scraped.times(until=60),
    )
    found += cores(
        {**labels, "id": "/new", **of_pod("shop", "again", "c")},
        {"cpu00": 0.5, "cpu01": 0.25},
        size=MI,
        moments=scraped.times(since=45),
    )
    # cAdvisor tells of a core from its first use on: a moment ago, here.
    found += cores({**labels, **of_pod("shop", "first", "c")}, {"cpu00": 0.5}, size=MI)
    found += cores({**labels, **of_pod("shop", "first", "c")}, {"cpu01": 1.0}, moments=scraped.times(since=0))
    return found


def renamed() -> list[scraped.Series]:
    """Targets without honor_labels, each with other labels of its own; all are called by one cluster."""
    found = []
    moments = scraped.times()

    def add(cluster: str, target: dict[str, str], own: dict[str, str], rate: float, size: float) -> None:
        clash = {(f"exported_{key}" if key in target else key): value for key, value in own.items() if value}
        labels = {
            "cluster": cluster,
            "node": "n1",
            "instance": "n1:10250",
            "job": "kubelet",
            **target,
            **clash,
        }
        found.append(scraped.Series(CPU, labels, scraped.counter(rate, moments)))
        found.append(scraped.Series(MEMORY, labels, [(at, size) for at in moments]))

    targets: dict[str, dict[str, str]] = {
        "service": {"namespace": "kube-system"},
        "daemon": {"namespace": "monitoring", "pod": "cadvisor-x", "container": "cadvisor"},
        "podonly": {"pod": "cadvisor-x"},
        "honoured": {},
    }
    for cluster, target in targets.items():
        for namespace, pod, rate in (
            ("shop", "web-1", 0.125),
            ("kube-system", "dns-1", 0.0625),
            ("shop", "web-2", 0.0625),
        ):
            add(cluster, target, of_pod(namespace, pod, "c"), rate, 100 * MI)
            add(cluster, target, {**of_pod(namespace, pod, "POD"), "id": "/p"}, 1.0, MI)
            add(cluster, target, {**of_pod(namespace, pod, ""), "id": "/g"}, 1.0, MI)
        for group in ("/", "/kubepods", "/system.slice"):
            add(cluster, target, {"id": group}, 2.0, 4096 * MI)
    return found


@pytest.fixture(scope="module", params=databases.NAMES)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[promql_client.Prometheus]:
    """A real server that holds all of it."""
    held = [*by_core(), *renamed()]
    directory = tmp_path_factory.mktemp("labels")
    with (
        databases.holding(request.param, scraped.openmetrics(held), scraped.text(held), directory) as url,
        config.open_prometheus(config.ServerOptions(url)) as opened,
    ):
        yield opened


@pytest.fixture
def asking(server: promql_client.Prometheus) -> Callable[[str], source.PrometheusSource]:
    """Makes a source of one of the clusters."""

    def make(cluster: str) -> source.PrometheusSource:
        return source.PrometheusSource(lambda: server, cluster=cluster, at=lambda: scraped.NOW)

    return make


@pytest.mark.parametrize(
    ("pod", "used"),
    [("four", 1.0), ("both", 0.5), ("plain", 0.5), ("written", 0.75), ("again", 0.75), ("first", 0.5)],
)
def test_cores_are_summed_and_replicas_are_not(
    asking: Callable[[str], source.PrometheusSource], pod: str, used: float
) -> None:
    """Cores that are counted one by one add up to the container, beside a total they do not."""
    usage = asking("cores").fetch_usage(PODS)
    assert usage.pods["shop", pod][2] == [("c", about(used), MI)]
    assert (usage.pod_reasons, usage.problems) == ({}, [])


def test_the_cores_of_a_node_are_summed(asking: Callable[[str], source.PrometheusSource]) -> None:
    """So are those of a node."""
    assert asking("cores").fetch_usage(NODES).nodes == {"n1": (scraped.NOW, 60, about(1.75), 9 * MI)}


@pytest.mark.parametrize("cluster", ["service", "daemon", "podonly", "honoured"])
def test_a_series_own_labels_win(asking: Callable[[str], source.PrometheusSource], cluster: str) -> None:
    """Without honor_labels the names of a container are exported_...: the target's are not its names."""
    usage = asking(cluster).fetch_usage(PODS)
    assert {pod: [(name, cpu) for name, cpu, _ in sample[2]] for pod, sample in usage.pods.items()} == {
        ("shop", "web-1"): [("c", about(0.125))],
        ("kube-system", "dns-1"): [("c", about(0.0625))],
        ("shop", "web-2"): [("c", about(0.0625))],
    }
    assert usage.problems == []
    assert asking(cluster).fetch_usage(NODES).nodes == {"n1": (scraped.NOW, 60, about(2.0), 4096 * MI)}


@pytest.mark.parametrize("cluster", ["service", "daemon", "podonly", "honoured"])
@pytest.mark.parametrize("learned", [False, True])
def test_one_namespace_and_one_pod_are_found(
    asking: Callable[[str], source.PrometheusSource], cluster: str, learned: bool
) -> None:
    """Under their own names, whether such series were seen before or not; the target's names find nothing."""
    one = asking(cluster)
    if learned:
        one.fetch_usage(PODS)

    def pods(namespace: str, name: str | None = None) -> set[str]:
        usage = one.fetch_usage(sources.Scope(pods=True, namespace=namespace, name=name))
        return {pod for found, pod in usage.pods if found == namespace}

    assert pods("shop") == {"web-1", "web-2"}
    assert pods("shop", "web-2") == {"web-2"}
    assert pods("kube-system") == {"dns-1"}
    assert pods("kube-system", "dns-1") == {"dns-1"}
    assert pods("monitoring") == set()
    assert pods("monitoring", "cadvisor-x") == set()
