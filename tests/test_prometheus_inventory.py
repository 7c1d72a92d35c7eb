"""Usage of a simulated cluster in the real VictoriaMetrics, whatever the series call its nodes."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from tests import connected, scraped, victoria

from kubevitals import reader
from kubevitals.promql import config
from kubevitals.sources.prometheus import source
from simcluster import simulation as simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kubevitals import cluster as clusters
    from kubevitals import model

NUMBERS = itertools.count()
CPU, MEMORY = "container_cpu_usage_seconds_total", "container_memory_working_set_bytes"
NAMINGS: dict[str, Callable[[model.Node], dict[str, str]]] = {
    "node": lambda node: {"node": node.name.upper(), "instance": "kubernetes.default.svc:443"},
    "address": lambda node: {"instance": f"{node.ip}:10250"},
    "hostname": lambda node: {"kubernetes_io_hostname": node.labels["kubernetes.io/hostname"]},
    "machine": lambda node: {
        "node": str(node.provider_id).rpartition("/")[2],
        "instance": f"{node.ip}:10250",
    },
    "wrong label": lambda node: {"node": f"target of {node.name}", "instance": f"{node.ip}:10250"},
}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[victoria.Victoria]:
    """One for all tests: each has a label of its own in it."""
    with victoria.running(tmp_path_factory.mktemp("inventory")) as running:
        yield running


@pytest.fixture(scope="module")
def cluster() -> Iterator[clusters.Cluster]:
    """A cluster that stands still."""
    with (
        simulated.SimulatedCluster(nodes=3, pods=12, clock=lambda: scraped.NOW) as world,
        connected.connect(world) as made,
    ):
        yield made


def series_of(
    nodes: list[model.Node], pods: list[model.Pod], labels: Callable[[model.Node], dict[str, str]]
) -> list[scraped.Series]:
    """A core and 1 MiB of each container, four cores and 1 GiB of each node."""
    moments = scraped.times()
    found = []
    for node in nodes:
        own = {"job": "kubelet", **labels(node)}
        root = {**own, "id": "/"}
        found.append(scraped.Series(CPU, root, scraped.counter(4.0, moments)))
        found.append(scraped.Series(MEMORY, root, [(at, float(1 << 30)) for at in moments]))
        for pod in (each for each in pods if each.node == node.name):
            for container in pod.containers:
                found += scraped.container(
                    pod.namespace,
                    pod.name,
                    container.name,
                    cores=1.0,
                    size=1 << 20,
                    moments=moments,
                    labels=own,
                )
    return found


@pytest.fixture
def reading(
    database: victoria.Victoria, cluster: clusters.Cluster
) -> Iterator[Callable[..., model.Snapshot]]:
    """Reads a snapshot with usage from series that are given to the database first."""
    with config.open_prometheus(config.ServerOptions(database.url)) as opened:

        def read(series: list[scraped.Series], **request: object) -> model.Snapshot:
            name = f"c{next(NUMBERS)}"
            labelled = [each._replace(labels={"own": name, **each.labels}) for each in series]
            database.give(scraped.text(labelled))
            asked = source.PrometheusSource(
                lambda: opened,
                cluster=name,
                cluster_label="own",
                client=cluster.client,
                at=lambda: scraped.NOW,
            )
            return reader.read(
                cluster.client,
                asked,
                reader.Request(**request),  # type: ignore[arg-type]  # whatever a test asks for
                now=cluster.now,
            )

        yield read


def inventory_of(cluster: clusters.Cluster) -> tuple[list[model.Node], list[model.Pod]]:
    """Nodes, and pods that run."""
    taken = cluster.snapshot()
    return list(taken.nodes), [pod for pod in taken.pods if pod.node and pod.status == "Running"]


@pytest.mark.parametrize("naming", NAMINGS)
def test_nodes_and_pods_are_those_of_the_inventory(
    reading: Callable[..., model.Snapshot], cluster: clusters.Cluster, naming: str
) -> None:
    """By any of its names each node has its usage, all nodes at once and each on its own."""
    nodes, pods = inventory_of(cluster)
    series = series_of(nodes, pods, NAMINGS[naming])
    taken = reading(series)
    assert {node.name: node.memory_usage_bytes for node in taken.nodes} == {
        node.name: 1 << 30 for node in nodes
    }
    running = {(pod.namespace, pod.name) for pod in pods}
    assert {(pod.namespace, pod.name) for pod in taken.pods if pod.memory_usage_bytes} == running
    assert [each for each in taken.problems if each.code.startswith("prometheus")] == []
    one = reading(series, pods=False, name=nodes[0].name)
    assert [(node.name, node.memory_usage_bytes) for node in one.nodes] == [(nodes[0].name, 1 << 30)]


def test_another_cluster_in_the_database_is_left_out_and_told(
    reading: Callable[..., model.Snapshot], cluster: clusters.Cluster
) -> None:
    """Its pods and nodes are no rows, its namesakes count for nobody; the label that splits them is named."""
    nodes, pods = inventory_of(cluster)
    others = [node._replace(name=f"other-{node.name}", ip=f"10.99.0.{at}") for at, node in enumerate(nodes)]
    theirs = [pod._replace(name=f"x-{pod.name}", node=f"other-{pod.node}") for pod in pods]
    theirs.append(pods[0]._replace(node=f"other-{pods[0].node}"))  # of the same name
    series = series_of(nodes, pods[1:], lambda node: {"node": node.name, "env": "prod"})
    series += series_of(others, theirs, lambda node: {"node": node.name, "env": "stage"})
    taken = reading(series)
    assert {node.name for node in taken.nodes} == {node.name for node in nodes}
    measured = {(pod.namespace, pod.name) for pod in taken.pods if pod.memory_usage_bytes}
    assert measured == {(pod.namespace, pod.name) for pod in pods[1:]}
    assert not any(pod.problem == "gone" for pod in taken.pods)
    told = [each for each in taken.problems if each.code == "prometheus_clusters"]
    assert len(told) == 2
    assert any("env is prod" in str(each.remedy) and "stage" in str(each.remedy) for each in told)
    assert all("--prometheus-cluster NAME=LABEL" in str(each.remedy) for each in told)
