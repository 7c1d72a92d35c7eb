"""Objects as a fault makes them look: the metrics API's APIService and the EndpointSlices behind it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from simcluster import apiobjects
from simcluster.apiserver import go_formats

if TYPE_CHECKING:
    from collections.abc import Callable

METRICS_SUFFIX = ".metrics.k8s.io"


class AlteredItem(apiobjects.Item):
    """`original`, changed by `alter`, which receives the decoded object and may modify it."""

    __slots__ = ("_alter", "original")

    def __init__(self, original: apiobjects.Item, alter: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(
            original.resource,
            original.name,
            namespace=original.namespace,
            uid=original.uid,
            labels=original.labels,
            created=original.created,
        )
        self.original = original
        self._alter = alter

    @property
    def fields(self) -> dict[str, str]:
        """The original's."""
        return self.original.fields

    def render(self, resource_version: int) -> bytes:
        """The altered object."""
        shown = json.loads(self.original.render(resource_version))
        self._alter(shown)
        text = json.dumps(shown, separators=(",", ":"), ensure_ascii=False).encode()
        assert text.startswith(self.resource.prefix)
        return text


def is_metrics_service(item: apiobjects.Item) -> bool:
    """Whether it is an APIService of the metrics API."""
    return item.resource.kind == "APIService" and item.name.endswith(METRICS_SUFFIX)


def unavailable(item: apiobjects.Item, reason: str, *, since: float) -> AlteredItem:
    """The APIService, Available=False for `reason` (one of faults.REASONS)."""
    version = item.name.partition(".")[0]
    url = f"https://10.96.0.101:443/apis/metrics.k8s.io/{version}"
    message = (
        f'failing or missing response from {url}: Get "{url}": '
        "dial tcp 10.96.0.101:443: connect: connection refused"
    )
    if reason == "MissingEndpoints":
        message = (
            'endpoints for service/metrics-server in "kube-system" have no addresses with port name "https"'
        )
    condition = {
        "type": "Available",
        "status": "False",
        "lastTransitionTime": go_formats.format_time(since),
        "reason": reason,
        "message": message,
    }

    def alter(shown: dict[str, Any]) -> None:
        shown["status"] = {"conditions": [condition]}

    return AlteredItem(item, alter)


def is_metrics_endpoints(item: apiobjects.Item) -> bool:
    """Whether it is an EndpointSlice of metrics-server's Service."""
    service = item.labels.get("kubernetes.io/service-name")
    return (
        item.resource.kind == "EndpointSlice"
        and item.namespace == "kube-system"
        and service == "metrics-server"
    )


def without_endpoints(item: apiobjects.Item) -> AlteredItem:
    """The EndpointSlice without ready endpoints."""

    def alter(shown: dict[str, Any]) -> None:
        for endpoint in shown.get("endpoints") or []:
            endpoint["conditions"] = {"ready": False, "serving": False, "terminating": False}

    return AlteredItem(item, alter)
