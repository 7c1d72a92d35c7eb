"""Reading one kubelet: the request, one renewal of a credential for all, and the answer made numbers.

It must not know when which kubelet is asked, nor what becomes of a failure.
"""

from __future__ import annotations

import threading

from kubevitals import errors
from kubevitals.sources.kubelet import resource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from kubevitals.sources.kubelet import addresses

    class Way(Protocol):
        """How kubelets are reached: `wire.Wire` or `proxied.Proxied`."""

        def fetch(
            self, kubelet: addresses.Kubelet, path: str, *, deadline: float, accept: str = ...
        ) -> bytes:
            """GET the path and return the body."""
            ...

        def renew(self) -> bool:
            """Forget the credential that was refused. True if a further try may succeed."""
            ...

        def forget(self, nodes: Sequence[str]) -> None:
            """Close what is kept open for nodes that are gone."""
            ...

        def close(self) -> None:
            """Close all that is kept open."""
            ...


_ACCEPT = "text/plain, */*;q=0.1"  # with a version, whoever stands in for a kubelet may refuse it (406)


class Reader:
    """Reads kubelets by one `way`, for one round. Threads use it at the same time.

    `by_name` tells that the way needs no address of a node.
    """

    def __init__(self, way: Way, *, by_name: bool, clock: Callable[[], float]) -> None:
        self._way = way
        self._by_name = by_name
        self._clock = clock
        self._lock = threading.Lock()
        self._renewed: bool | None = None

    def read(self, kubelet: addresses.Kubelet, deadline: float) -> resource.Reading:
        """Return what the kubelet tells now, or by `deadline` of time.monotonic.

        Raises:
            errors.ClusterError: why it could not be had.
            errors.CredentialsError: there is no credential to show.
        """
        if kubelet.problem is not None and not (self._by_name and kubelet.path):
            raise errors.DecodingError(f"its Node object cannot be used: {kubelet.problem}")
        body = self._fetch(kubelet, kubelet.path, deadline=deadline)
        reading = resource.parse(body, received=self._clock())
        if reading.failed and not reading.containers and reading.node_at is None:
            raise errors.DecodingError("the kubelet could not measure (scrape_error is 1)")
        return reading

    def _fetch(self, kubelet: addresses.Kubelet, path: str, *, deadline: float) -> bytes:
        try:
            return self._way.fetch(kubelet, path, deadline=deadline, accept=_ACCEPT)
        except errors.UnauthorizedError:
            with self._lock:  # one renewal serves all
                if self._renewed is None:
                    self._renewed = self._way.renew()
            if not self._renewed:
                raise
            return self._way.fetch(kubelet, path, deadline=deadline, accept=_ACCEPT)
