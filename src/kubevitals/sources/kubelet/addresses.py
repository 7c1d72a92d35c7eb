"""Where the kubelet of a node is: address, port and path as its Node object states them. Pure.

Whoever runs a node writes its Node object. What stands there decides nothing but where on that very address
to ask: a path cannot name another host, leave the node proxy, or add a line to the request.
"""

from __future__ import annotations

import re

from kubevitals import cpython
from kubevitals.kube.http import urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    from kubevitals.kube import objects
else:
    from kubevitals.namedtuple import NamedTuple

PORT = 10250
PATH = "/metrics/resource"
ANNOTATION = "metrics.k8s.io/resource-metrics-path"
_PREFERENCE = ("InternalIP", "ExternalIP", "Hostname")  # metrics-server's order
_SEGMENTS = re.compile(r"(?:/[A-Za-z0-9._~:@=+,-]+)+", re.ASCII)
_LONGEST_PATH = 1024
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)


class Kubelet(NamedTuple):
    """One kubelet. `problem` says why it cannot be asked; without an address the node proxy still may."""

    node: str
    address: urls.Address | None
    path: str = PATH
    problem: str | None = None

    def sibling(self, path: str) -> str:
        """Return the path of another of its endpoints ("/stats/summary"), beside that of the metrics."""
        return self.path.removesuffix(PATH) + path if self.path.endswith(PATH) else path


def locate(node: objects.KubeletNode, *, port: int | None = None) -> Kubelet:
    """Return where the node's kubelet is. `port` replaces the one that the node states."""
    name, state = node.metadata.name, node.status
    stated = state.daemon_endpoints and state.daemon_endpoints.kubelet_endpoint
    # A node without a kubelet that answers (a virtual one, say) states port 0; an old one states nothing.
    number = port or (stated.port if stated else PORT)
    path = (node.metadata.annotations and node.metadata.annotations.metrics_path) or PATH
    if not _is_path(path):
        return Kubelet(name, None, "", f"its annotation {ANNOTATION} is no plain path")
    if not 0 < number < 65536:
        return Kubelet(name, None, path, "it states no port of a kubelet")
    for kind in _PREFERENCE:
        for each in state.addresses or ():
            if each.type == kind and _is_host(each.address, ip=kind != "Hostname"):
                return Kubelet(name, urls.Address("https", each.address, port=number), path)
    return Kubelet(name, None, path, "it states no address that can be used")


def _is_path(text: str) -> bool:
    """Return whether it is a path without anything that could be taken for more than that."""
    return (
        len(text) <= _LONGEST_PATH
        and _SEGMENTS.fullmatch(text) is not None
        and not any(part.strip(".") == "" for part in text.split("/")[1:])
    )


def _is_host(text: str, *, ip: bool) -> bool:
    if not ip:
        return _HOST.fullmatch(text) is not None
    for family in (cpython.sockets.AF_INET, cpython.sockets.AF_INET6):
        try:
            cpython.sockets.inet_pton(family, text)
        except (OSError, ValueError):
            continue
        return True
    return False
