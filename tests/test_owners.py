"""The upper end of the owner chain, looked up only where a pod does not tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests import connected, simulated

from kubevitals import model
from kubevitals.kube import inventory, owners
from simcluster import simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals import cluster as clusters

CLOCK = 1_785_400_000.0


@pytest.fixture(scope="module")
def running() -> Iterator[simulation.SimulatedCluster]:
    with simulation.SimulatedCluster(tls=False, clock=lambda: CLOCK) as made:
        yield made


@pytest.fixture
def world(running: simulation.SimulatedCluster) -> Iterator[simulation.SimulatedCluster]:
    yield running
    running.set_faults([])


@pytest.fixture
def cluster(world: simulation.SimulatedCluster) -> Iterator[clusters.Cluster]:
    with connected.connect(world, request_timeout=2.0) as made:
        yield made


def test_every_chain_ends_at_its_top(cluster: clusters.Cluster, world: simulation.SimulatedCluster) -> None:
    """Each workload that pods have is an object of the cluster that nothing else controls."""
    paths = {
        "Deployment": "/apis/apps/v1/deployments",
        "StatefulSet": "/apis/apps/v1/statefulsets",
        "DaemonSet": "/apis/apps/v1/daemonsets",
        "CronJob": "/apis/batch/v1/cronjobs",
        "Job": "/apis/batch/v1/jobs",
    }
    tops = {
        (kind, item["metadata"]["namespace"], item["metadata"]["name"])
        for kind, path in paths.items()
        for item in simulated.ask(world, path).json()["items"]
        if not item["metadata"].get("ownerReferences")
    }
    pods, problems = inventory.fetch_pods(cluster.client)
    found = {(pod.workload_kind, pod.namespace, pod.workload_name) for pod in pods if pod.workload_kind}
    assert problems == []
    assert found <= tops
    assert {kind for kind, _, _ in found} == set(paths)


def test_a_cronjob_is_above_its_job(cluster: clusters.Cluster) -> None:
    """A pod of a CronJob belongs to that, and so do its containers; without the look-up it is the Job's."""
    pods, _ = inventory.fetch_pods(cluster.client, namespace="batch")
    above = [pod for pod in pods if pod.workload_kind == "CronJob"]
    assert {pod.workload_name for pod in above} == {"invoice-export"}
    assert {each.workload_name for pod in above for each in pod.containers} == {"invoice-export"}
    below, _ = inventory.fetch_pods(cluster.client, namespace="batch", with_owners=False)
    assert {pod.workload_kind for pod in below} == {"Job"}


@pytest.mark.parametrize("fault", ["forbidden=jobs.batch", "forbidden=jobs"])
def test_jobs_may_not_be_read(
    cluster: clusters.Cluster, world: simulation.SimulatedCluster, fault: str
) -> None:
    """Without that right a pod keeps its Job, and a problem says what is unknown."""
    world.set_faults([fault])
    pods, problems = inventory.fetch_pods(cluster.client, namespace="batch")
    assert {pod.workload_kind for pod in pods} == {"Job"}
    (problem,) = problems
    assert problem.code == "owners_unknown"
    assert "what owns the Jobs is unknown" in problem.message
    assert problem.remedy


def test_a_failing_look_up_costs_no_pods(
    cluster: clusters.Cluster, world: simulation.SimulatedCluster
) -> None:
    """Whatever fails about owners, the pods are not lost for it."""
    bare = [model.Pod("batch", "p", workload_kind="Job", workload_name="j")]
    world.set_faults(["cut-off"])
    pods, problems = owners.resolve(cluster.client, bare, namespace="batch")
    assert pods == bare
    assert [problem.code for problem in problems] == ["owners_unknown"]


def test_nothing_is_asked_without_need(cluster: clusters.Cluster, world: simulation.SimulatedCluster) -> None:
    """Pods that tell their owner themselves cost no request and no right."""
    world.set_faults(["unauthorized"])
    told = [
        model.Pod("shop", "a", workload_kind="Deployment", workload_name="web"),
        model.Pod("shop", "b", workload_kind="StatefulSet", workload_name="db"),
        model.Pod("shop", "c"),
    ]
    assert owners.resolve(cluster.client, told, namespace=None) == (told, [])
