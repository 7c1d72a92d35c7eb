"""Nodes and pods of a cluster as records, fetched from the simulated one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests import connected, simulated

from kubevitals import errors
from kubevitals.kube import inventory, listpages
from simcluster import simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals import cluster as clusters

CLOCK = 1_785_400_000.0


@pytest.fixture(scope="module")
def world() -> Iterator[simulation.SimulatedCluster]:
    with simulation.SimulatedCluster(tls=False, clock=lambda: CLOCK) as made:
        yield made


@pytest.fixture(scope="module")
def cluster(world: simulation.SimulatedCluster) -> Iterator[clusters.Cluster]:
    with connected.connect(world) as made:
        yield made


def test_every_node(cluster: clusters.Cluster, world: simulation.SimulatedCluster) -> None:
    """All nodes are there with what they can give."""
    nodes, problems = inventory.fetch_nodes(cluster.client)
    listed = simulated.ask(world, "/api/v1/nodes").json()["items"]
    assert [node.name for node in nodes] == [each["metadata"]["name"] for each in listed]
    assert problems == []
    assert all(node.cpu_allocatable_cores and node.memory_capacity_bytes for node in nodes)
    assert {node.ready for node in nodes} == {True, False}


def test_one_node(cluster: clusters.Cluster) -> None:
    """A name or a selector chooses nodes on the server."""
    assert [node.name for node in inventory.fetch_nodes(cluster.client, name="gpu-1")[0]] == ["gpu-1"]
    selector = "kubernetes.io/hostname in (gpu-1)"
    assert len(inventory.fetch_nodes(cluster.client, label_selector=selector)[0]) == 1


def test_every_pod(cluster: clusters.Cluster) -> None:
    """All pods are there, and every STATUS is what the server's own table prints."""
    pods, problems = inventory.fetch_pods(cluster.client)
    assert (len(pods), problems) == (72, [])
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
    table = json.loads(cluster.client.fetch("/api/v1/pods", accept=accept))
    headings = [column["name"] for column in table["columnDefinitions"]]
    printed = {
        (row["object"]["metadata"]["namespace"], row["object"]["metadata"]["name"]): dict(
            zip(headings, row["cells"], strict=True)
        )
        for row in table["rows"]
    }
    for pod in pods:
        cells = printed[pod.namespace, pod.name]
        assert (pod.status, f"{pod.containers_ready}/{pod.containers_total}") == (
            cells["Status"],
            cells["Ready"],
        )
        assert pod.restarts == int(str(cells["Restarts"]).split()[0])


def test_a_namespace_and_selectors(cluster: clusters.Cluster) -> None:
    """A namespace, labels and fields choose pods on the server."""
    pods, _ = inventory.fetch_pods(cluster.client, namespace="shop")
    assert {pod.namespace for pod in pods} == {"shop"}
    chosen, _ = inventory.fetch_pods(cluster.client, label_selector="app=checkout-api")
    assert {pod.app for pod in chosen} == {"checkout-api"}
    on_node, _ = inventory.fetch_pods(cluster.client, field_selector="spec.nodeName=gpu-1")
    assert {pod.node for pod in on_node} == {"gpu-1"}


def test_pages(cluster: clusters.Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list in many pages is the same list."""
    whole, _ = inventory.fetch_pods(cluster.client)
    monkeypatch.setattr(listpages, "SIZE", 10)
    assert inventory.fetch_pods(cluster.client)[0] == whole


def test_a_bad_selector(cluster: clusters.Cluster) -> None:
    """A selector that the server refuses is its error."""
    with pytest.raises(errors.StatusError) as caught:
        inventory.fetch_pods(cluster.client, label_selector="a in (")
    assert caught.value.status == 400


def test_any_pod_runs(cluster: clusters.Cluster) -> None:
    """Whether a pod runs is asked by one request for one pod."""
    assert inventory.any_pod_runs(cluster.client)
    assert inventory.any_pod_runs(cluster.client, namespace="shop", label_selector="app=cart")
    assert not inventory.any_pod_runs(cluster.client, namespace="shop", label_selector="app=none")
    assert not inventory.any_pod_runs(cluster.client, namespace="none")
