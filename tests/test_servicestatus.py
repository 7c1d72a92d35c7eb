"""The status document of the service: which rights are told as granted, forbidden or unknown."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests import kubelets

from kubevitals import cluster as clusters
from kubevitals import collector, model
from kubevitals.kube import resourceattributes
from kubevitals.sources import factory
from kubevitals.surfaces.web import servicestatus
from simcluster import simulation as simulated

NOW = datetime(2026, 7, 30, 10, tzinfo=UTC)
LIST_NODES = resourceattributes.ResourceAttributes("list", "nodes")
NODE_USAGE = resourceattributes.ResourceAttributes("list", "nodes", group="metrics.k8s.io")
POD_USAGE = resourceattributes.ResourceAttributes("list", "pods", group="metrics.k8s.io")
KUBELETS = resourceattributes.ResourceAttributes("get", "nodes/metrics")


def status_of(fault: str, *, source: str, user: str = "admin") -> dict[str, Any]:
    """The status of a cluster after a tick under this fault."""
    with simulated.SimulatedCluster(nodes=2, pods=8, kubelets=True, speed=0) as world:
        client = kubelets.of_simulation(world, user)
        opened = factory.open_source(client, source)
        with clusters.Cluster(client, source=opened, clock=world.now) as cluster:
            world.set_faults([fault])
            made = collector.Collector(cluster)
            made.inventory.start()
            try:
                made.tick()
                document = json.loads(servicestatus.make_status({"one": made}))
            finally:
                made.stop()
    told: dict[str, Any] = document["clusters"][0]
    return told


def test_kubelets_that_refuse_the_account() -> None:
    """Where the kubelets answer 403, usage is forbidden, and the lists are granted."""
    told = status_of("kubelet-forbidden", source="kubelet")
    assert [each["code"] for each in told["problems"]] == ["usage_forbidden"]
    assert told["rights"] == {
        "nodes": "granted", "pods": "granted", "node_usage": "forbidden", "pod_usage": "forbidden",
    }  # fmt: skip


def test_one_resource_of_the_metrics_api() -> None:
    """A right that is missing on the usage of pods says nothing about that of nodes."""
    told = status_of("forbidden=pods.metrics.k8s.io", source="metrics-server")
    assert (told["rights"]["node_usage"], told["rights"]["pod_usage"]) == ("granted", "forbidden")


def test_no_source_in_use() -> None:
    """Where no source answers, a right that one of them lacks is told."""
    told = status_of("metrics-absent", user="viewer-shop", source="auto")
    assert {each["name"]: bool(each["problem"]) for each in told["sources"]}["kubelet"]
    assert told["rights"]["pod_usage"] == "forbidden"


@pytest.mark.parametrize(
    ("problems", "measured", "usage"),
    [
        ([], True, "granted"),
        ([], False, "unknown"),
        ([("metrics_absent", None)], False, "unknown"),
        ([("usage_forbidden", NODE_USAGE)], True, "forbidden"),  # the numbers shown are of the past
        ([("usage_forbidden", POD_USAGE)], True, "granted"),
        ([("usage_forbidden", LIST_NODES)], False, "forbidden"),  # a source needs a list to find kubelets
        ([("nodes_forbidden", LIST_NODES)], True, "granted"),
        ([("kubelet_forbidden", KUBELETS)], True, "granted"),  # one kubelet of several
        ([("kubelet_forbidden", KUBELETS)], False, "forbidden"),
    ],
)
def test_usage_of_nodes(
    problems: list[tuple[str, resourceattributes.ResourceAttributes | None]], measured: bool, usage: str
) -> None:
    """Usage is granted where a row has some, and forbidden where a right for it is missing."""
    node = model.Node("a", status="Ready", timestamp=NOW if measured else None)
    held = model.Snapshot("c", "s", NOW, nodes=model.Records([node]))
    found = [model.Problem(code, "no", right=right) for code, right in problems]
    assert servicestatus.describe_rights(found, held)["node_usage"] == usage
