from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import simulated_life as life

from simcluster import apiobjects
from simcluster.world import world

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simcluster.world import pods


@pytest.fixture(scope="module")
def items() -> list[apiobjects.Item]:
    return list(world.World(start=life.START).items())


def digest(items: Iterable[apiobjects.Item]) -> str:
    whole = hashlib.sha256()
    for item in items:
        whole.update(item.render(7))
    return whole.hexdigest()


def statuses(found: Iterable[pods.Pod]) -> set[str]:
    """What kubectl could show as STATUS, and more that can be told from a pod."""
    seen = set()
    for pod in found:
        seen.add(pod.reason or pod.phase)
        seen.add(pod.pod_set.template.qos)
        if pod.deleted:
            seen.add("Terminating")
        if pod.node is None:
            seen.add("Unschedulable")
        if pod.lost:
            seen.add("Lost")
        for state in pod.containers:
            seen.add(state.reason)
            if state.last is not None:
                seen.add(f"last {state.last.reason} {state.last.exit_code}")
        for state in pod.init:
            if state.kind == "running" and not state.ready:
                seen.add("Init:0/1")
            if state.exit_code:
                seen.add("Init:Error")
        if pod.phase == "Pending" and pod.init and all(state.ready for state in pod.init):
            seen.add("PodInitializing after init")
    return seen


PROMISED = {
    "Running", "Pending", "Succeeded", "Failed", "Evicted", "Completed", "Terminating",
    "Unschedulable", "Lost",
    "CrashLoopBackOff", "ImagePullBackOff", "last OOMKilled 137", "last Error 1", "Init:0/1", "Init:Error",
    "PodInitializing after init", "Guaranteed", "Burstable", "BestEffort",
}  # fmt: skip


def test_same_arguments_same_bytes() -> None:
    """Two worlds of the same arguments render every object alike."""
    assert digest(world.World(start=life.START).items()) == digest(world.World(start=life.START).items())


def test_another_seed_is_another_world() -> None:
    """The seed changes names and places."""
    assert digest(world.World(start=life.START).items()) != digest(
        world.World(seed=2, start=life.START).items()
    )


def test_bytes_do_not_depend_on_the_process() -> None:
    """Another process with another hash seed renders the same bytes after half an hour of life."""
    script = (
        "import hashlib; from simcluster.world import world\n"
        f"w = world.World(start={life.START}); w.advance({life.START} + 1800); h = hashlib.sha256()\n"
        "[h.update(i.render(7)) for i in w.items()]\n"
        f"used = w.pod_usage({life.START} + 1800)\n"
        "[h.update(repr((u.name, u.timestamp, u.containers)).encode()) for u in used]\n"
        "print(h.hexdigest())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


@pytest.mark.parametrize(
    ("nodes", "count"), [(1, 1), (1, 5), (1, 40), (2, 17), (3, 300), (6, 72), (30, 72), (40, 1200)]
)
def test_counts_are_exact(nodes: int, count: int) -> None:
    """As many nodes and pods as were asked for, in any size."""
    found = list(world.World(nodes=nodes, pods=count, start=life.START).items())
    assert len(life.of_kind(found, "Node")) == nodes
    assert len(life.all_pods(found)) == count


@settings(max_examples=15, deadline=None)
@given(
    nodes=st.integers(1, 12), count=st.integers(0, 160), seed=st.integers(0, 2**32), start=st.floats(1e9, 3e9)
)
def test_any_size_and_moment_work(nodes: int, count: int, seed: int, start: float) -> None:
    """Any small cluster at any moment can be built, lives and renders."""
    follower = life.Follower(world.World(nodes=nodes, pods=count, seed=seed, start=start))
    follower.advance(start + 1200)
    assert len(follower.world.node_usage(start + 1200)) <= nodes
    assert follower.world.pod_usage(start + 1200) is not None
    for item in follower.items.values():
        assert item.render(1).startswith(item.resource.prefix)


@pytest.mark.parametrize(("nodes", "count"), [(6, 72), (7, 80), (30, 75), (12, 400)])
def test_every_promised_state_is_there(nodes: int, count: int) -> None:
    """All the trouble that the simulation promises stands there at the start, from the default size on."""
    found = life.all_pods(world.World(nodes=nodes, pods=count, start=life.START).items())
    assert statuses(found) >= PROMISED


def test_every_kind_is_there(items: list[apiobjects.Item]) -> None:
    """Each workload kind, and what stands around workloads, has objects."""
    kinds = {item.resource.kind for item in items}
    empty = {"ConfigMap", "LimitRange", "PersistentVolumeClaim", "ResourceQuota"}
    assert kinds == {resource.kind for resource in apiobjects.RESOURCES.values()} - empty


def test_special_pods_are_there(items: list[apiobjects.Item]) -> None:
    """Sidecars, overhead, pod-level resources, GPUs, large init containers and static pods all occur."""
    bodies = [life.read(pod) for pod in life.all_pods(items)]
    specs = [body["spec"] for body in bodies]
    assert any("overhead" in spec and "runtimeClassName" in spec for spec in specs)
    assert any("resources" in spec for spec in specs)
    assert any(
        container.get("restartPolicy") == "Always"
        for spec in specs
        for container in spec.get("initContainers", ())
    )
    assert any(
        "nvidia.com/gpu" in container["resources"].get("limits", {})
        for spec in specs
        for container in spec["containers"]
    )
    assert any(body["metadata"].get("ownerReferences", [{}])[0].get("kind") == "Node" for body in bodies)
    assert any("ownerReferences" not in body["metadata"] for body in bodies)


def test_events_tell_of_the_trouble(items: list[apiobjects.Item]) -> None:
    """Events of each promised reason point to objects that exist, by uid."""
    events = [life.read(item) for item in life.of_kind(items, "Event")]
    reasons = {event["reason"] for event in events}
    promised = {"Scheduled", "Pulled", "BackOff", "OOMKilling", "FailedScheduling", "Unhealthy",
                "NodeNotReady", "Evicted", "Killing"}  # fmt: skip
    assert reasons >= promised
    uids = {item.uid for item in items}
    assert all(event["involvedObject"]["uid"] in uids for event in events)


def test_nodes_look_like_a_company_s(items: list[apiobjects.Item]) -> None:
    """Roles, zones, pools, taints, less allocatable than capacity, and one node that is silent."""
    bodies = [life.read(item) for item in life.of_kind(items, "Node")]
    assert sum("node-role.kubernetes.io/control-plane" in body["metadata"]["labels"] for body in bodies) == 1
    assert len({body["metadata"]["labels"]["topology.kubernetes.io/zone"] for body in bodies}) == 3
    assert {body["metadata"]["labels"]["pool"] for body in bodies} == {"control", "general", "gpu", "memory"}
    for body in bodies:
        status = body["status"]
        assert int(status["allocatable"]["memory"][:-2]) < int(status["capacity"]["memory"][:-2])
    ready = [
        next(told["status"] for told in body["status"]["conditions"] if told["type"] == "Ready")
        for body in bodies
    ]
    assert sorted(ready) == ["True"] * 5 + ["Unknown"]


def test_metrics_api_has_both_versions_to_choose_from(items: list[apiobjects.Item]) -> None:
    """Both versions of metrics.k8s.io have an APIService that leads to a ready endpoint."""
    services = {item.name: life.read(item) for item in life.of_kind(items, "APIService")}
    for version in ("v1", "v1beta1"):
        spec = services[f"{version}.metrics.k8s.io"]["spec"]
        assert spec["service"] == {"namespace": "kube-system", "name": "metrics-server", "port": 443}
    slices = [life.read(item) for item in life.of_kind(items, "EndpointSlice")]
    mine = [
        part
        for part in slices
        if part["metadata"]["labels"]["kubernetes.io/service-name"] == "metrics-server"
    ]
    assert [end["conditions"]["ready"] for part in mine for end in part["endpoints"]] == [True]


@pytest.mark.parametrize(("nodes", "count"), [(1, 3), (6, 72), (20, 900)])
def test_requests_fit_their_nodes(nodes: int, count: int) -> None:
    """On no node do the requests of its living pods exceed what it can allocate."""
    found = life.all_pods(world.World(nodes=nodes, pods=count, start=life.START).items())
    asked: dict[str, list[int]] = {}
    places: dict[str, Any] = {}
    for pod in found:
        if pod.node is None or not pod.alive:
            continue
        places[pod.node.name] = pod.node
        sums = asked.setdefault(pod.node.name, [0, 0, 0, 0])
        template = pod.pod_set.template
        for index, amount in enumerate(
            (template.cpu_request, template.memory_request, template.gpu_request, 1)
        ):
            sums[index] += amount
    for name, (cpu, memory, gpus, number) in asked.items():
        node = places[name]
        assert cpu == node.requested_cpu
        assert cpu <= node.allocatable_cpu
        assert memory <= node.allocatable_memory
        assert gpus <= node.gpus
        assert number <= node.max_pods


def test_pods_that_can_run_do(items: list[apiobjects.Item]) -> None:
    """Only the pod that asks for too much is unscheduled, and it says why."""
    unscheduled = [life.read(pod) for pod in life.all_pods(items) if pod.node is None]
    assert [body["metadata"]["labels"]["job-name"] for body in unscheduled] == ["reindex-catalog"]
    (told,) = unscheduled[0]["status"]["conditions"]
    assert (told["type"], told["status"], told["reason"]) == ("PodScheduled", "False", "Unschedulable")
    assert "3 Insufficient cpu" in told["message"]


def test_field_selectors_match_the_json(items: list[apiobjects.Item]) -> None:
    """What a field selector finds is what stands in the object."""
    for pod in life.all_pods(items):
        body = life.read(pod)
        assert pod.fields["spec.nodeName"] == body["spec"].get("nodeName", "")
        assert pod.fields["status.phase"] == body["status"]["phase"]
        assert pod.fields["status.podIP"] == body["status"].get("podIP", "")
        assert pod.fields["spec.serviceAccountName"] == body["spec"].get("serviceAccountName", "")


def test_rendered_objects_begin_with_their_prefix(items: list[apiobjects.Item]) -> None:
    """The bytes before metadata are `resource.prefix`, and what is left after cutting it is JSON too."""
    for item in items:
        whole = item.render(9)
        assert whole.startswith(item.resource.prefix + b'"metadata":{')
        body = json.loads(b"{" + whole[len(item.resource.prefix) :])
        assert body["metadata"]["resourceVersion"] == "9"
        assert body["metadata"]["name"] == item.name
        assert body["metadata"].get("labels", {}) == item.labels
        assert body["metadata"]["uid"] == item.uid


def test_uids_and_addresses_are_unique(items: list[apiobjects.Item]) -> None:
    """No two objects share a uid (a StatefulSet and its set are one), and no two pods an address."""
    uids = [item.uid for item in items]
    assert len(uids) == len(set(uids))
    addresses = [pod.ip for pod in life.all_pods(items) if pod.ip]
    assert len(addresses) == len(set(addresses))
