"""Usage over time: series of points, where they are kept, and how to ask for them.

Every history (`ring.Ring` in memory, `store.Store` in a file, `remote.Remote` in a Prometheus-compatible
database, `fallback.Fallback` for a file backed by memory, `simulated.Simulated` for a simulated cluster)
implements `History`:

    answer = history.read(Query("pod", since, until, namespace="shop", step=300.0, percentiles=(50, 95)))
    answer.series       the series with at least one point, each with its points in order
    answer.source       the name of the history that answered: memory, file, prometheus, simulation
    answer.step         the step of the points in seconds; longer than asked for where finer data is gone
    answer.problems     what is wrong with the history that was asked
    history.snapshot_at(moment, cluster=None)      the whole state at a time, or None
    history.extent(now)                            from when to when something was recorded, or None
    history.clusters()                             the names of the clusters that were recorded

`step` is None for the samples themselves, a number of seconds, or `WHOLE` for one point over the whole
range: that is how to get the mean, the peak and any percentile of a range. A point at time t with a step
covers (t - step, t], t being a multiple of the step since 1970. `samples` and `coverage` stand beside each
value: coverage is the part of the step, from 0 to 1, that was really measured. Where nothing was measured
there is no point.

Percentiles are numbers from 0 to 100, by nearest rank; a point has them in `cpu_percentiles` and
`memory_percentiles`, in the order of `Query.percentiles`. They are exact where samples are kept and within
1 % where only hours are left. Workloads and namespaces are series of their own: sums over their pods,
recorded at each tick.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from kubevitals import model

SUMS = ("workload", "namespace")
"""The kinds that are sums over pods."""

WHOLE = math.inf
"""The step that asks for one point over the whole range."""


class Point(NamedTuple):
    """The usage of one object in one step, or one sample of it. None is unknown, never 0.

    Of a single sample `samples` is 1 and the extremes and percentiles are the value itself.
    """

    timestamp: datetime
    cpu_usage_cores: float | None
    memory_usage_bytes: int | None
    cpu_min_cores: float | None = None
    cpu_max_cores: float | None = None
    memory_min_bytes: int | None = None
    memory_max_bytes: int | None = None
    samples: int = 1
    coverage: float | None = None  # part of the step that was measured, 0 to 1; None if unknown
    cpu_request_cores: float | None = None  # as they were at the end of the step
    cpu_limit_cores: float | None = None
    memory_request_bytes: int | None = None
    memory_limit_bytes: int | None = None
    cpu_percentiles: tuple[float | None, ...] = ()  # in the order of the query's percentiles
    memory_percentiles: tuple[int | None, ...] = ()


class Series(NamedTuple):
    """One object over time, its points in order. A recreated pod is another series: its uid differs."""

    kind: str  # the singular of a kind: node, pod ...
    cluster: str
    name: str
    namespace: str | None = None
    pod: str | None = None  # of a container
    uid: str | None = None  # of the pod; None for nodes and sums
    node: str | None = None
    workload_kind: str | None = None
    workload_name: str | None = None
    points: tuple[Point, ...] = ()


class Query(NamedTuple):
    """Which series, which part of them, and in which steps. None does not restrict.

    Without a step the samples with since <= t <= until are meant. With a step every step that overlaps
    (since, until] is meant, whole at both ends: the last one may end after `until`, and holds what is known
    of it so far.
    """

    kind: str
    since: datetime
    until: datetime
    name: str | None = None
    namespace: str | None = None
    pod: str | None = None  # of containers
    workload_kind: str | None = None
    cluster: str | None = None
    step: float | None = None  # seconds, WHOLE, or None for the samples
    percentiles: tuple[float, ...] = ()  # each from 0 to 100
    workload: str | None = None  # of pods and containers: the name of their workload


class Answer(NamedTuple):
    """What a history knows of a question, and which history that was."""

    series: tuple[Series, ...]
    source: str
    step: float | None
    problems: tuple[model.Problem, ...] = ()


class History(Protocol):
    """What can be asked for the past."""

    name: str

    def read(self, query: Query) -> Answer:
        """Return the series with at least one point, by cluster, namespace, name and age.

        Raises:
            errors.HistoryError: what was recorded cannot be read.
        """
        ...

    def snapshot_at(self, moment: datetime, *, cluster: str | None = None) -> model.Snapshot | None:
        """Return the state at that time, as it was then; None where nothing was recorded near it.

        Raises: as `read`.
        """
        ...

    def extent(self, now: datetime) -> tuple[datetime, datetime] | None:
        """Return the times of the first and the last sample; None where nothing was recorded until `now`.

        Raises: as `read`.
        """
        ...

    def clusters(self) -> list[str]:
        """Return the names of the clusters that were recorded, in alphabetical order.

        Raises: as `read`.
        """
        ...

    def close(self) -> None:
        """Close files and connections."""
        ...


class Recorder(Protocol):
    """What records snapshots, one a tick."""

    def append(self, snapshot: model.Snapshot) -> None:
        """Keep what is new in it. It returns at once and raises nothing: a tick never waits for it."""
        ...
