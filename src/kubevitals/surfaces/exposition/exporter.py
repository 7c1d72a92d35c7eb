"""The exporter: from what collectors have published to the bytes that a scrape is answered with."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from kubevitals.surfaces import exposition
from kubevitals.surfaces.exposition import cache as caches
from kubevitals.surfaces.exposition import kube_state_metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kubevitals import collector
    from kubevitals.doctor import report
    from kubevitals.kube import objectcache
    from kubevitals.surfaces.view import recorderstatus

_LARGEST_KEPT = 16 << 20  # bytes; a larger exposition is not kept for the next scrape of the same state


class Exporter:
    """Renders what the collectors have published last. Threads may share it.

    Args:
        collectors: by the names of their clusters.
        options: further labels and families.
        states: the objects of each cluster for the families of kube-state-metrics.
        recorded: returns how history and remote-write are doing; None: there is neither.
        examined: returns the doctor's last report on each cluster; None: nobody examines them.
        keeps: keep small answers for the next scrape of the same state; what keeps them itself wants none.
    """

    def __init__(
        self,
        collectors: Mapping[str, collector.Collector],
        options: exposition.Options,
        *,
        states: Sequence[objectcache.ObjectCache] = (),
        recorded: Callable[[], recorderstatus.RecorderStatus] | None = None,
        examined: Callable[[], Mapping[str, report.Report | None]] | None = None,
        keeps: bool = True,
    ) -> None:
        self._recorded = recorded
        self._examined = examined
        self._largest_kept = _LARGEST_KEPT if keeps else 0
        self.requests: dict[tuple[str, int], int] = {}  # answered so far, by route and status code
        self._collectors = dict(collectors)
        self._options = options
        self._states = list(states)
        self._lock = threading.Lock()
        self._counting = threading.Lock()  # of its own: a probe is counted while a scrape is rendered
        self._cache = caches.Cache()
        self._key: object = None
        self._kept: dict[tuple[bool, bool], list[bytes]] = {}

    def count(self, route: str, code: int) -> None:
        """Count one answered request."""
        with self._counting:
            self.requests[route, code] = self.requests.get((route, code), 0) + 1

    def answer(self, *, openmetrics: bool, gzip: bool) -> list[bytes]:
        """Return the current exposition, in parts; with `gzip` as one gzip stream."""
        with self._lock:
            statuses = {name: each.status() for name, each in self._collectors.items()}
            published = {name: each.latest for name, each in self._collectors.items()}
            key = (
                [each.tag if each is not None else "" for each in published.values()],
                [(each.ready, each.ticks, dict(each.failures)) for each in statuses.values()],
                [state.version for state in self._states],
            )
            if key != self._key:
                self._key = key
                self._kept.clear()
            body = self._kept.get((openmetrics, gzip))
            if body is None:
                with self._counting:
                    requests = dict(self.requests)
                pairs = [
                    (each.snapshot if each is not None else None, statuses[name])
                    for name, each in published.items()
                ]
                pieces = exposition.render_pieces(
                    pairs,
                    openmetrics=openmetrics,
                    options=self._options,
                    clusters=list(published),
                    requests=requests,
                    recorded=None if self._recorded is None else self._recorded(),
                    examined=None if self._examined is None else self._examined(),
                    further=kube_state_metrics.samples(
                        [state.read() for state in self._states], cache=self._cache if gzip else None
                    ),
                    cache=self._cache,
                    compressed=gzip,
                )
                body = caches.join_compressed(pieces) if gzip else caches.join(pieces)
                if sum(map(len, body)) <= self._largest_kept:
                    self._kept[openmetrics, gzip] = body
        return body

    @property
    def ready(self) -> bool:
        """Whether there is a snapshot of each cluster that is not older than --max-age allows."""
        collectors = all(each.status().ready for each in self._collectors.values())
        return collectors and all(state.ready for state in self._states)

    @property
    def live(self) -> bool:
        """Whether each collector still reads usage."""
        return all(each.status().live for each in self._collectors.values())
