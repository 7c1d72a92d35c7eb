"""The ports where kubelets are reached without the API server, and what their Nodes state about them.

All kubelets share one address and port, as kwok's do; the path names the node. A node whose kubelet is down,
or shows a certificate of another authority, states a port of its own for that.
"""

from __future__ import annotations

import json
import socket

from simcluster.apiserver import alterations
from simcluster.http import certificates, server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from simcluster import apiobjects
    from simcluster.http import messages

HOST = "127.0.0.1"
ANNOTATION = "metrics.k8s.io/resource-metrics-path"
PREFIX = "/metrics/nodes/"
_OWN = "simcluster-kubelet"
_MOST_CONNECTIONS = 8192  # whoever reads all kubelets keeps a connection open to each


class Listeners:
    """The ports of the kubelets: `usual`, `foreign` with a certificate of another authority, `dead`
    without a server.

    They are 0 before start().
    """

    def __init__(self, answer: Callable[[messages.Request, server.Peer | None], messages.Response]) -> None:
        self._answer = answer
        self._servers: list[server.Server] = []
        self._empty: socket.socket | None = None
        self.usual = self.foreign = self.dead = 0

    def start(self, authority: certificates.Authority, *, clients: bytes, now: float) -> None:
        """Begin to listen, with a certificate of `authority` and with one of an unknown authority."""
        self._empty = socket.socket()  # bound and not listening: connections are refused, and nobody takes it
        self._empty.bind((HOST, 0))
        self.dead = self._empty.getsockname()[1]
        ports = []
        for signer in (authority, certificates.Authority(_OWN, now=now)):
            pair = signer.issue_server((HOST, "localhost"), name="system:node")
            context = certificates.open_server_context(pair, clients=clients)
            running = server.Server(
                self._answer,
                context=lambda context=context: context,  # type: ignore[misc]
                most_connections=_MOST_CONNECTIONS,
            )
            running.start()
            self._servers.append(running)
            ports.append(running.port)
        self.usual, self.foreign = ports

    def stop(self) -> None:
        """Close all ports; may be called twice."""
        servers, self._servers = self._servers, []
        for each in servers:
            each.stop()
        if self._empty is not None:
            self._empty.close()
            self._empty = None


def is_node(item: apiobjects.Item) -> bool:
    """Whether it is a Node."""
    return item.resource.key == "nodes"


def reachable(
    item: apiobjects.Item, port: Callable[[str], int], *, dead: Callable[[], int]
) -> apiobjects.Item:
    """The Node with its kubelet's address and `port(name)`; with `dead()` if the node is lost."""

    def alter(shown: dict[str, Any]) -> None:
        annotations = shown["metadata"].setdefault("annotations", {})
        annotations[ANNOTATION] = f"{PREFIX}{item.name}/metrics/resource"
        status = shown.setdefault("status", {})
        others = [each for each in status.get("addresses", []) if each["type"] != "InternalIP"]
        status["addresses"] = [{"type": "InternalIP", "address": HOST}, *others]
        lost = any(
            each["type"] == "Ready" and each["status"] == "Unknown" for each in status.get("conditions", [])
        )
        status["daemonEndpoints"] = {"kubeletEndpoint": {"Port": dead() if lost else port(item.name)}}

    return alterations.AlteredItem(item, alter)


def stated(node: apiobjects.Item) -> str:
    """The address and port that a Node states for its kubelet."""
    shown = json.loads(node.render(1))["status"]
    address = next(each["address"] for each in shown["addresses"] if each["type"] == "InternalIP")
    port = shown.get("daemonEndpoints", {}).get("kubeletEndpoint", {}).get("Port")
    return f"{address}:{port or 10250}"
