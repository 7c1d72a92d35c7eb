"""Nodes and pods to fill a test cluster with: what they look like, and creating many of them quickly.

Usage is not measured by anything: kwok reports what a pod's annotations say (see manifests/kwok.yaml).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from tests import waiting
from tests.e2e import apiclient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

METRICS_PATH = (
    "metrics.k8s.io/resource-metrics-path"  # where metrics-server looks below a node's kubelet port
)
WAIT_SECONDS = 180.0


def metrics_path(name: str) -> str:
    """Where kwok answers for the kubelet of this node."""
    return f"/metrics/nodes/{name}/metrics/resource"


def node(
    name: str,
    *,
    cpu: str = "8",
    memory: str = "32Gi",
    pods: int = 250,
    labels: Mapping[str, str] | None = None,
    taints: Sequence[Mapping[str, str]] = (),
) -> apiclient.Object:
    """A Node as a kubelet would register it. `cpu` and `memory` are its capacity, all of it allocatable."""
    amounts = {"cpu": cpu, "memory": memory, "pods": str(pods), "ephemeral-storage": "100Gi"}
    info = dict.fromkeys(("machineID", "systemUUID", "bootID", "kernelVersion", "osImage"), "kwok")
    info |= dict.fromkeys(("containerRuntimeVersion", "kubeletVersion", "kubeProxyVersion"), "kwok")
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {METRICS_PATH: metrics_path(name)},
            "labels": {
                "kubernetes.io/hostname": name[:63].rstrip("-."),
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "node-role.kubernetes.io/worker": "",
                **(labels or {}),
            },
        },
        "spec": {"taints": list(taints)} if taints else {},
        "status": {
            "capacity": amounts,
            "allocatable": amounts,
            "nodeInfo": {**info, "operatingSystem": "linux", "architecture": "amd64"},
        },
    }


def container(
    name: str,
    *,
    requests: Mapping[str, str] | None = None,
    limits: Mapping[str, str] | None = None,
    **more: Any,
) -> apiclient.Object:
    """A container of a pod's spec. Nothing pulls the image."""
    resources = {key: dict(value) for key, value in (("requests", requests), ("limits", limits)) if value}
    return {"name": name, "image": "registry.example/app:1", "resources": resources, **more}


def pod(
    name: str,
    *,
    node_name: str | None,
    namespace: str = "default",
    containers: Sequence[apiclient.Object] | None = None,
    cpu: str | None = None,
    memory: str | None = None,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    **spec: Any,
) -> apiclient.Object:
    """A Pod bound to a node. `cpu` and `memory` are the usage of each of its containers, as quantities.

    For usage of one container give the annotations `usage.test/cpu.CONTAINER`, `usage.test/memory.CONTAINER`.
    Usage of init containers, sidecars among them, is not simulated. `spec` is added to the pod's spec.
    """
    notes = dict(annotations or {})
    notes |= {f"usage.test/{key}": value for key, value in (("cpu", cpu), ("memory", memory)) if value}
    body = {
        "containers": list(containers or [container("app")]),
        "automountServiceAccountToken": False,
        **spec,
    }
    if node_name is not None:
        body["nodeName"] = node_name
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": dict(labels or {}),
            "annotations": notes,
        },
        "spec": body,
    }


def add_nodes(api: apiclient.Client, count: int, *, prefix: str = "node", **details: Any) -> list[str]:
    """Create PREFIX-0, PREFIX-1 ..., wait until they are ready; their names. `details` as of `node`."""
    names = [f"{prefix}-{number}" for number in range(count)]
    create(api, [node(name, **details) for name in names])
    wanted = set(names)
    waiting.until(
        lambda: wanted <= _names(api, "/api/v1/nodes", _is_ready),
        what="ready nodes: see kwok.log",
        seconds=WAIT_SECONDS,
        pause=0.2,
    )
    return names


def add_pods(
    api: apiclient.Client,
    count: int,
    *,
    namespace: str = "default",
    prefix: str = "pod",
    make: Callable[[str, int, str], apiclient.Object] | None = None,
) -> list[str]:
    """Create PREFIX-0, PREFIX-1 ... spread over all nodes, wait until they run; their names.

    `make(name, number, node)` gives each pod; by default `varied_pod`.
    """
    nodes = sorted(_names(api, "/api/v1/nodes", _is_ready))
    assert nodes, "add nodes first"
    names = [f"{prefix}-{number}" for number in range(count)]
    build = make or functools.partial(varied_pod, namespace=namespace)
    create(api, [build(name, number, nodes[number % len(nodes)]) for number, name in enumerate(names)])
    wanted = set(names)
    path = f"/api/v1/namespaces/{namespace}/pods"
    waiting.until(
        lambda: wanted <= _names(api, path, _is_running),
        what="running pods: see kwok.log",
        seconds=WAIT_SECONDS,
        pause=0.2,
    )
    return names


def varied_pod(name: str, number: int, node_name: str, *, namespace: str = "default") -> apiclient.Object:
    """A pod whose usage, requests, limits, labels and number of containers follow from its number alone."""
    containers = [container("app", **_resources(number))]
    if number % 3 == 0:
        containers.append(container("sidecar", requests={"cpu": "10m", "memory": "16Mi"}))
    return pod(
        name,
        node_name=node_name,
        namespace=namespace,
        containers=containers,
        cpu=f"{5 + number * 37 % 400}m",
        memory=f"{8 + number * 53 % 500}Mi",
        labels={"app": f"app-{number % 7}", "tier": ("front", "back")[number % 2]},
    )


def _resources(number: int) -> dict[str, dict[str, str]]:
    """Every fourth declares nothing, every fourth requests alone, the others both."""
    requests = {"cpu": f"{50 + number % 5 * 50}m", "memory": f"{64 + number % 4 * 64}Mi"}
    limits = {"cpu": f"{500 + number % 3 * 250}m", "memory": f"{512 + number % 2 * 512}Mi"}
    choices: tuple[dict[str, dict[str, str]], ...] = (
        {},
        {"requests": requests},
        {"requests": requests, "limits": limits},
    )
    return choices[min(number % 4, 2)]


def create(api: apiclient.Client, things: Sequence[apiclient.Object], *, threads: int = 8) -> None:
    """Create many objects at once."""
    apiclient.in_parallel(
        api, apiclient.Client.create, things, threads=min(threads, max(1, len(things) // 4))
    )


def _names(api: apiclient.Client, path: str, accept: Callable[[Mapping[str, Any]], bool]) -> set[str]:
    # from the watch cache, as clients do; it lags a little, and the caller asks again
    items = api.get(f"{path}?resourceVersion=0")["items"]
    return {item["metadata"]["name"] for item in items if accept(item)}


def _is_ready(item: Mapping[str, Any]) -> bool:
    conditions = item["status"].get("conditions", ())
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _is_running(item: Mapping[str, Any]) -> bool:
    phase: str = item["status"].get("phase", "")
    return phase == "Running"
