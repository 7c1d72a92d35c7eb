"""The collector of `serve` in its thread, as pictures for the screen."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from kubevitals import collector, garbage
from kubevitals.surfaces.screen import picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import Self

    from kubevitals import cluster as clusters

_HOUR = timedelta(hours=1)
_SAID = timedelta(seconds=30)  # that a connection which came back is told


class Feed:
    """Follows one cluster. Use it in a `with` block; `look()` is cheap and never asks the cluster.

    Args:
        cluster: it stays the caller's.
        namespace: of the pods; all where None.
        interval: seconds between readings of usage.
        nodes: follow nodes.
    """

    def __init__(
        self, cluster: clusters.Cluster, *, namespace: str | None, interval: float, nodes: bool = True
    ) -> None:
        sweeper = garbage.Sweeper()
        sweeper.start()
        self.cluster = cluster
        self.collector = collector.Collector(
            cluster, interval=interval, namespace=namespace, nodes=nodes, around=lambda: sweeper
        )
        self._picture = picture.Picture(cluster.name, namespace)
        self._wake: Callable[[], object] | None = None

    def __enter__(self) -> Self:
        self.collector.subscribe(self._publish)
        self.collector.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.collector.stop(timeout=1.5)

    def on_change(self, wake: Callable[[], object]) -> None:
        """Have `wake` called, in the collector's thread, when there is a new snapshot."""
        self._wake = wake

    def now(self) -> datetime:
        """Return the cluster's time."""
        return self.cluster.now()

    def look(self) -> picture.Picture:
        """Return the newest picture, with how the connection is doing."""
        made = self._picture
        status = self.collector.status()
        if status.last_error is not None:
            lost = made.lost_at or status.last_good_at or self.now()
            made = made._replace(error=status.last_error, lost_at=lost, back_at=None)
        elif made.error is not None:
            made = made._replace(error=None, lost_at=None, back_at=self.now())
        elif made.back_at is not None and self.now() - made.back_at > _SAID:
            made = made._replace(back_at=None)
        if made.snapshot is None and made.error is None:
            made = made._replace(reading=self._describe_reading())
        self._picture = made
        return made

    def _describe_reading(self) -> str:
        held = self.collector.inventory.read()
        if "pods" not in held.resource_versions:
            return "reading nodes and pods"
        return f"reading usage of {len(held.pods)} pods"

    def _publish(self, published: collector.Published) -> None:
        taken = published.snapshot
        shares = tuple(each for each in self._picture.shares if taken.generated_at - each.at <= _HOUR)
        coverage = self.collector.status().coverage["pods"]
        self._picture = self._picture.look(taken, coverage, shares)
        if self._wake is not None:
            self._wake()
