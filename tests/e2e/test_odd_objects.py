"""Pods and nodes in odd states on a real API server: what is said of each, beside what kubectl shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests import waiting
from tests.e2e import apiclient, controlplane, population, product

import kubevitals
from kubevitals.history import store

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

    from kubevitals import cluster as clusters
    from kubevitals import model

SPACE, NODE = "odd-states", "one"
container = population.container
LONG_AGO = "2026-01-01T00:00:00Z"


def running(name: str, **more: Any) -> dict[str, Any]:
    """The status of a container that runs."""
    now = {"running": {"startedAt": LONG_AGO}}
    return {"name": name, "image": "a", "imageID": "", "ready": True, "restartCount": 0, "state": now, **more}


def looping(name: str) -> dict[str, Any]:
    """The status of a container that ends again and again."""
    ended = {"exitCode": 1, "reason": "Error", "startedAt": LONG_AGO, "finishedAt": LONG_AGO}
    waits = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}}
    return running(name, ready=False, restartCount=57, state=waits, lastState={"terminated": ended})


def resized(reason: str) -> dict[str, Any]:
    """The status of a pod that was to get one CPU and has half of one."""
    held = {"requests": {"cpu": "500m"}, "limits": {"cpu": "500m"}}
    pending = {"type": "PodResizePending", "status": "True", "reason": reason, "message": "no room"}
    return {
        "conditions": [pending],
        "containerStatuses": [running("app", resources=held, allocatedResources={"cpu": "500m"})],
    }


ONE = [container("app", requests={"cpu": "1"}, limits={"cpu": "1"})]
ENDED = {"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": LONG_AGO}}
INITIALIZING = {"waiting": {"reason": "PodInitializing"}}
PODS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "deferred": ({"containers": ONE}, resized("Deferred")),
    "infeasible": ({"containers": ONE}, resized("Infeasible")),
    "zero": (
        {"containers": [container("app", limits={"cpu": "0", "memory": "0"})]},
        {"containerStatuses": [running("app")]},
    ),
    "hidden-loop": (
        {"containers": [container("done"), container("exporter")]},
        {"containerStatuses": [running("done", ready=False, state=ENDED), looping("exporter")]},
    ),
    "init-loop": (
        {"initContainers": [container("migrate")], "containers": [container("app")]},
        {
            "phase": "Pending",
            "initContainerStatuses": [looping("migrate")],
            "containerStatuses": [running("app", ready=False, state=INITIALIZING)],
        },
    ),
    "sidecar-loop": (
        {
            "initContainers": [container("mesh", restartPolicy="Always")],
            "containers": [container("app")],
        },
        {"initContainerStatuses": [looping("mesh")], "containerStatuses": [running("app")]},
    ),
    "no-image": (
        {"containers": [container("app")]},
        {
            "phase": "Pending",
            "containerStatuses": [
                running(
                    "app",
                    ready=False,
                    state={"waiting": {"reason": "ImagePullBackOff", "message": "registry: 404 for app:1"}},
                )
            ],
        },
    ),
}  # fmt: skip
CONDITIONS = {
    "CSIReady": "Unknown",
    "GPUProblem": "True",
    "DiskUnhealthy": "False",
    "ReadyForUpgrade": "False",
}


@pytest.fixture(scope="module")
def ground(bare_tools: None) -> Iterator[controlplane.ControlPlane]:
    with controlplane.ControlPlane() as made:
        made.add_namespace(SPACE)
        population.create(made.api, [population.node(NODE)])
        pods = [
            population.pod(
                name, namespace=SPACE, node_name=NODE, annotations={"stays.test/pending": ""}, **spec
            )
            for name, (spec, _) in PODS.items()
        ]
        population.create(made.api, pods)
        for name, (_, status) in PODS.items():
            path = f"/api/v1/namespaces/{SPACE}/pods/{name}/status"
            patch = {"status": {"phase": "Running", "startTime": LONG_AGO, **status}}
            made.api.json("PATCH", path, patch, content_type=apiclient.MERGE)
        given = [{"type": kind, "status": status} for kind, status in CONDITIONS.items()]
        made.api.json(
            "PATCH",
            f"/api/v1/nodes/{NODE}/status",
            {"status": {"conditions": given}},
            content_type="application/strategic-merge-patch+json",
        )
        yield made


@pytest.fixture(scope="module")
def found(ground: controlplane.ControlPlane) -> Iterator[clusters.Cluster]:
    with kubevitals.connect(kubeconfig=str(ground.kubeconfig), source="none") as connected:
        yield connected


def pod_of(found: clusters.Cluster, name: str) -> model.Pod:
    (pod,) = [each for each in found.pods(namespace=SPACE) if each.name == name]
    return pod


def codes(found: clusters.Cluster, name: str) -> set[str]:
    return {each.code for each in found.problems() if each.name == name}


@pytest.mark.parametrize(("name", "state"), [("deferred", "Deferred"), ("infeasible", "Infeasible")])
def test_a_resize_that_waits_leaves_what_is_in_force(found: clusters.Cluster, name: str, state: str) -> None:
    """The limit is the one that the container has, not the one asked for; the word of the resize is told."""
    pod = pod_of(found, name)
    assert (pod.cpu_limit_cores, pod.resize) == (0.5, state)
    assert codes(found, name) == {f"Resize{state}"}


def test_a_limit_of_zero_is_none(found: clusters.Cluster) -> None:
    """The API server keeps a limit of 0, which the kernel takes as none; so do we."""
    pod = pod_of(found, "zero")
    assert (pod.cpu_limit_cores, pod.memory_limit_bytes) == (None, None)
    assert not codes(found, "zero")


@pytest.mark.parametrize("name", ["hidden-loop", "init-loop", "sidecar-loop"])
def test_the_worst_container_speaks(found: clusters.Cluster, name: str) -> None:
    """A container that loops is found wherever it stands, with how often, whatever STATUS shows."""
    assert codes(found, name) == {"CrashLoopBackOff"}
    (problem,) = [each for each in found.problems() if each.name == name]
    assert problem.severity == "critical"
    assert problem.message.startswith("57 restarts")


def test_status_is_kubectls(ground: controlplane.ControlPlane, found: clusters.Cluster) -> None:
    """READY, STATUS and RESTARTS are what `kubectl get pods` shows of each."""
    lines = ground.kubectl("get", "pods", "-n", SPACE, "--no-headers").stdout.splitlines()
    wanted = {line.split()[0]: line.split()[1:4] for line in lines}
    shown = {
        pod.name: [f"{pod.containers_ready}/{pod.containers_total}", pod.status, str(pod.restarts)]
        for pod in found.pods(namespace=SPACE)
    }
    assert shown == wanted


def test_what_the_registry_said(found: clusters.Cluster) -> None:
    """A pull that fails tells the registry's words."""
    (problem,) = [each for each in found.problems() if each.name == "no-image"]
    assert problem.code == "ImagePullBackOff"
    assert "registry: 404" in problem.message


def test_conditions_that_nobody_has_heard_of(found: clusters.Cluster) -> None:
    """A node's conditions are judged by what their names mean."""
    assert codes(found, NODE) == {"CSIReady", "GPUProblem"}


def test_a_pod_that_is_going(ground: controlplane.ControlPlane, tmp_path: pathlib.Path) -> None:
    """A pod that a finalizer holds is Terminating and recorded; within its patience it is no problem."""
    held = population.pod("held", namespace=SPACE, node_name=NODE, annotations={"stays.test/pending": ""})
    held["metadata"]["finalizers"] = ["example.com/hold"]
    ground.api.create(held)
    ground.api.raw("DELETE", f"/api/v1/namespaces/{SPACE}/pods/held?gracePeriodSeconds=1")
    environ = product.environ(home=ground.directory, kubeconfig=ground.kubeconfig)
    try:
        listed = product.kubevitals(
            "top", "pods", "-n", SPACE, "-o", "json", "--source", "none", environ=environ
        )
        rows = {row["name"]: row for row in json.loads(listed.stdout)["items"]}
        assert rows["held"]["status"] == "Terminating"
        with kubevitals.connect(kubeconfig=str(ground.kubeconfig), source="none") as connected:
            taken = connected.snapshot()
        kept = store.Store.open(tmp_path / "history.db")
        kept.append(taken)
        waiting.until(lambda: kept.status().ticks == 1)
        then = kept.snapshot_at(taken.generated_at)
        kept.close()
        assert then is not None
        going = {pod.name: pod.deletion_at for pod in taken.pods}
        assert going["held"] is not None
        assert {pod.name: pod.deletion_at for pod in then.pods} == going
        said = product.kubevitals("problems", "-o", "json", "--source", "none", environ=environ)
        assert "held" not in {each["name"] for each in json.loads(said.stdout)["items"]}
    finally:
        ground.api.json(
            "PATCH",
            f"/api/v1/namespaces/{SPACE}/pods/held",
            {"metadata": {"finalizers": None}},
            content_type=apiclient.MERGE,
        )
