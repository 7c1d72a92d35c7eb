"""Requests to kubelets through the API server's node proxy, for those who hold the right to it.

That right (nodes/proxy) comes close to being root on every node: it is used only where an option says so.
"""

from __future__ import annotations

import time

from kubevitals import errors
from kubevitals.kube.http import urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kubevitals.kube import client as kube_client
    from kubevitals.sources.kubelet import addresses

WORKERS = 8  # at the same time: all of them burden the API server


class ProxyClient:
    """Asks kubelets through the API server, as the account of `client`."""

    def __init__(self, client: kube_client.Client) -> None:
        self._client = client

    def fetch(
        self, kubelet: addresses.Kubelet, path: str, *, deadline: float, accept: str = "text/plain"
    ) -> bytes:
        """GET the path from the kubelet and return the body. The answer has to begin before `deadline`.

        Raises: as `DirectClient.fetch`.
        """
        left = deadline - time.monotonic()
        if left <= 0:
            raise errors.RequestTimeoutError("no time was left to ask")
        prefix = urls.path_join("api", "v1", "nodes", kubelet.node, "proxy")
        return self._client.fetch(prefix + path, accept=accept, retry=False, timeout=left)

    def renew(self) -> bool:
        """Return False: the client has renewed its credential by itself."""
        return False

    def close(self) -> None:
        """Do nothing: the connections are the client's."""
