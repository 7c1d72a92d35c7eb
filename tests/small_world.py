"""A tiny world for tests of the simulated API server: objects from plain data, changes on demand."""

from __future__ import annotations

import json
import time
from typing import Any

from simcluster import apiobjects

START = 1_700_000_000.0


class PlainItem(apiobjects.Item):
    """An item that renders `body` (spec, status and so on) under the usual metadata."""

    __slots__ = ("_extra", "body")

    def __init__(
        self,
        kind: str,
        name: str,
        *,
        namespace: str = "",
        labels: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
        fields: dict[str, str] | None = None,
    ) -> None:
        super().__init__(
            apiobjects.RESOURCES[kind],
            name,
            namespace=namespace,
            uid=f"uid-{kind}-{namespace}-{name}",
            labels=labels or {},
            created=START - 3600,
        )
        self.body = body or {}
        self._extra = fields or {}

    @property
    def fields(self) -> dict[str, str]:
        return {**super().fields, **self._extra}

    def render(self, resource_version: int) -> bytes:
        metadata: dict[str, Any] = {"name": self.name}
        if self.namespace:
            metadata["namespace"] = self.namespace
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.created))
        metadata |= {"uid": self.uid, "resourceVersion": str(resource_version), "creationTimestamp": stamp}
        if self.labels:
            metadata["labels"] = self.labels
        tail = json.dumps({"metadata": metadata, **self.body}, separators=(",", ":"))
        return self.resource.prefix + tail[1:].encode()


def pod(
    name: str, namespace: str = "default", *, node: str = "node-1", app: str = "web", phase: str = "Running"
) -> PlainItem:
    """A pod of one container."""
    status = {
        "phase": phase,
        "conditions": [{"type": "Ready", "status": "True"}],
        "podIP": "10.0.0.7",
        "containerStatuses": [{"name": "app", "ready": True, "restartCount": 0, "state": {"running": {}}}],
    }
    return PlainItem(
        "pods",
        name,
        namespace=namespace,
        labels={"app": app},
        body={
            "spec": {"nodeName": node, "containers": [{"name": "app", "image": "app:1"}]},
            "status": status,
        },
        fields={"spec.nodeName": node, "status.phase": phase},
    )


def node(name: str) -> PlainItem:
    """A ready node."""
    status = {
        "allocatable": {"cpu": "2", "memory": "4Gi"},
        "capacity": {"cpu": "2", "memory": "4Gi"},
        "conditions": [{"type": "Ready", "status": "True"}],
        "addresses": [{"type": "InternalIP", "address": "10.1.0.1"}],
        "nodeInfo": {"kubeletVersion": "v1.36.1"},
    }
    return PlainItem(
        "nodes", name, labels={"kubernetes.io/hostname": name}, body={"spec": {}, "status": status}
    )


class SmallWorld:
    """Two nodes and `pods` pods, half in `default`, half in `shop`; `pending` changes come with the next
    step.
    """

    def __init__(self, *, pods: int = 8) -> None:
        self.nodes = [node("node-1"), node("node-2")]
        self.pods = [
            pod(
                f"pod-{number:03d}",
                "default" if number % 2 else "shop",
                node=f"node-{number % 3 % 2 + 1}",
                app="web" if number % 4 else "db",
            )
            for number in range(pods)
        ]
        self.pending: list[apiobjects.Change] = []

    def items(self) -> list[apiobjects.Item]:
        namespaces = [
            PlainItem("namespaces", each, body={"status": {"phase": "Active"}})
            for each in ("default", "shop")
        ]
        services = [
            PlainItem(
                "apiservices.apiregistration.k8s.io",
                f"{version}.metrics.k8s.io",
                body={
                    "spec": {"service": {"namespace": "kube-system", "name": "metrics-server"}},
                    "status": {"conditions": [{"type": "Available", "status": "True", "reason": "Passed"}]},
                },
            )
            for version in ("v1", "v1beta1")
        ]
        return [*namespaces, *self.nodes, *self.pods, *services]

    def advance(self, now: float) -> list[apiobjects.Change]:
        pending, self.pending = self.pending, []
        return pending

    def node_usage(self, now: float) -> list[apiobjects.NodeUsage]:
        tick = now // 15 * 15
        return [
            apiobjects.NodeUsage(
                each.name,
                labels=each.labels,
                timestamp=tick - 3,
                window=15.021,
                cpu_nanocores=266965936 * number,
                memory_kibibytes=6663 * 1024 + number,
            )
            for number, each in enumerate(self.nodes)
        ]

    def pod_usage(self, now: float) -> list[apiobjects.PodUsage]:
        tick = now // 15 * 15
        return [
            apiobjects.PodUsage(
                each.namespace,
                each.name,
                labels=each.labels,
                timestamp=tick - 4,
                window=9.89,
                containers=[("app", 7532567 * number, 20 * 1024 + number % 3)],
            )
            for number, each in enumerate(self.pods)
        ]
