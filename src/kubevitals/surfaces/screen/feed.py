"""The collector of `serve` in its thread, as pictures for the screen."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

from kubevitals import collector, doctor, errors, garbage, model
from kubevitals.doctor import examiner
from kubevitals.history import fallback, paths, ring, store
from kubevitals.surfaces.screen import past, picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import Self

    from kubevitals import cluster as clusters
    from kubevitals import history as histories

_HOUR = timedelta(hours=1)
_KEPT = 240  # readings in memory: an hour of every 15 seconds
_SAID = timedelta(seconds=30)  # that a connection which came back is told


def _open_file() -> store.Store | None:
    """Return the file of `kubevitals record`, to be read; None where nobody has recorded anything."""
    path = paths.default_path()
    return store.Store.open(path, write=False) if path.exists() else None


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
        self._examiner = examiner.Examiner(cluster.client, doctor.Options(namespace=namespace or ""))
        self._examination = picture.Examination()
        self._ring = ring.Ring(_KEPT, interval)
        self._file = _open_file()
        self.history = self._choose_history()

    def __enter__(self) -> Self:
        self.collector.subscribe(self._publish)
        self.collector.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.collector.stop(timeout=1.5)
        if self._file is not None:
            self._file.close()

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
        made = made._replace(examination=self._examination)
        self._picture = made
        return made

    def _choose_history(self) -> histories.History:
        """Return the past: a file that somebody records, a simulated week, or else what was seen here."""
        if self.cluster.world is not None:
            return self.cluster.past(recorded=self._ring)
        if self._file is not None:
            return fallback.Fallback(self._file, self._ring, window=self._ring.window)
        return self._ring

    def read_past(self, asked: past.Asked) -> past.Past:
        """Return usage over time of an object; it takes some milliseconds and never asks the cluster."""
        return past.read(self.history, asked, cluster=self.cluster.name, now=self.now())

    def examine(self) -> None:
        """Have the doctor examine the cluster in a thread, at most once a minute; `look` says how it goes."""
        if not self._examination.running:
            self._examination = self._examination._replace(running=True)
            threading.Thread(target=self._run_examination, name="doctor", daemon=True).start()

    def _run_examination(self) -> None:
        try:
            self._examination = picture.Examination(self._examiner.examine())
        except errors.KubevitalsError as error:
            self._examination = picture.Examination(error=model.Problem.of(error))
        if self._wake is not None:
            self._wake()

    def _describe_reading(self) -> str:
        held = self.collector.inventory.read()
        if "pods" not in held.resource_versions:
            return "reading nodes and pods"
        return f"reading usage of {len(held.pods)} pods"

    def _publish(self, published: collector.Published) -> None:
        taken = published.snapshot
        self._ring.append(taken)
        shares = tuple(each for each in self._picture.shares if taken.generated_at - each.at <= _HOUR)
        coverage = self.collector.status().coverage["pods"]
        self._picture = self._picture.look(taken, coverage, shares)
        if self._wake is not None:
            self._wake()
