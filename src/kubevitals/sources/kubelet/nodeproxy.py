"""Requests to kubelets through the API server's node proxy, for those who hold the right to it.

That right (nodes/proxy) comes close to being root on every node: nothing here asks for it unless told to.
"""

from __future__ import annotations

import time

from kubevitals import errors
from kubevitals.kube import client as kube_client
from kubevitals.kube.http import urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from kubevitals.sources.kubelet import addresses

WORKERS = 8  # at the same time: all of them burden the API server


class Proxied:
    """Asks kubelets through the API server, as the account of `client`, over connections of its own."""

    def __init__(self, client: kube_client.Client, *, timeout: float) -> None:
        self._client = kube_client.Client(client.config, request_timeout=timeout)

    def fetch(
        self, kubelet: addresses.Kubelet, path: str, *, deadline: float, accept: str = "text/plain"
    ) -> bytes:
        """GET the path from the kubelet and return the body.

        Raises: as `Wire.fetch`.
        """
        if time.monotonic() >= deadline:
            raise errors.RequestTimeoutError("no time was left to ask")
        prefix = urls.path_join("api", "v1", "nodes", kubelet.node, "proxy")
        return self._client.fetch(prefix + path, accept=accept, retry=False)

    def renew(self) -> bool:
        """Return False: the client has renewed its credential by itself."""
        return False

    def forget(self, nodes: Iterable[str]) -> None:
        """Do nothing: no connection is kept for a node."""
        del nodes

    def close(self) -> None:
        """Close the connections to the API server that were opened for this."""
        self._client.close()
