"""Scraping one kubelet: the requests, one renewal of the credential for all, the answers made numbers."""

from __future__ import annotations

import threading

from kubevitals import errors
from kubevitals.sources.kubelet import resource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NamedTuple, Protocol

    from kubevitals.sources.kubelet import addresses, summary

    class KubeletClient(Protocol):
        """Makes requests to kubelets: `direct.DirectClient` or `nodeproxy.ProxyClient`."""

        def fetch(
            self, kubelet: addresses.Kubelet, path: str, *, deadline: float, accept: str = ...
        ) -> bytes:
            """GET the path and return the body."""
            ...

        def renew(self) -> bool:
            """Forget the credential that was refused. True if a further try may succeed."""
            ...

        def close(self) -> None:
            """Close all that is kept open."""
            ...

else:
    from kubevitals.namedtuple import NamedTuple


_ACCEPT = "text/plain, */*;q=0.1"  # with a version, whoever stands in for a kubelet may refuse it (406)


class Scrape(NamedTuple):
    """What one kubelet answered: usage, and the details that it has; `missing` is why it lacks some."""

    usage: resource.Reading
    gauges: tuple[summary.Gauges, ...] = ()
    counters: tuple[summary.Counters, ...] = ()
    missing: errors.ClusterError | None = None


class Scraper:
    """Scrapes kubelets by `client`, for one round. Threads use it at the same time.

    `by_name`: the client needs no address of a node. `detail` asks for what is beside CPU and memory.
    """

    def __init__(
        self, client: KubeletClient, *, by_name: bool, clock: Callable[[], float], detail: bool = False
    ) -> None:
        self._client = client
        self._by_name = by_name
        self._detail = detail
        self._clock = clock
        self._lock = threading.Lock()
        self._renewed: bool | None = None

    def scrape(self, kubelet: addresses.Kubelet, deadline: float) -> Scrape:
        """Return what the kubelet answers, by `deadline` of time.monotonic.

        Details that cannot be had cost nothing else.

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
        return self._read_details(kubelet, reading, deadline) if self._detail else Scrape(reading)

    def _read_details(self, kubelet: addresses.Kubelet, usage: resource.Reading, deadline: float) -> Scrape:
        from kubevitals.sources.kubelet import cadvisor, summary

        gauges: list[summary.Gauges] = []
        counters: list[summary.Counters] = []
        missing: errors.ClusterError | None = None
        try:
            body = self._fetch(kubelet, kubelet.sibling("/stats/summary"), deadline=deadline)
            stats = summary.parse(body, node=kubelet.node)
            gauges.append(stats.gauges)
            counters.append(stats.counters)
        except errors.ClusterError as error:
            missing = error
        try:
            body = self._fetch(kubelet, kubelet.sibling("/metrics/cadvisor"), deadline=deadline)
            known = any(
                "cpu_pressure_some_of_time" in each for counted in counters for each in counted.values()
            )
            counted, events = cadvisor.parse(body, received=self._clock(), pressure=not known)
            gauges.append(events)
            counters.append(counted)
        except errors.ClusterError as error:
            missing = missing or error
        return Scrape(usage, tuple(gauges), tuple(counters), missing)

    def _fetch(self, kubelet: addresses.Kubelet, path: str, *, deadline: float) -> bytes:
        try:
            return self._client.fetch(kubelet, path, deadline=deadline, accept=_ACCEPT)
        except errors.UnauthorizedError:
            with self._lock:  # one renewal serves all
                if self._renewed is None:
                    self._renewed = self._client.renew()
            if not self._renewed:
                raise
            return self._client.fetch(kubelet, path, deadline=deadline, accept=_ACCEPT)
