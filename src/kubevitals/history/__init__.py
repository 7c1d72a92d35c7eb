"""What was used over time: series of points, where they are kept, and how they are asked for.

`ring` keeps the last minutes in memory, `store` weeks in a file, `remote` asks an existing database. All
three answer the same question with the same records. Pure data here; nothing knows a screen.

A point at time t with a step covers (t - step, t], t being a multiple of the step since 1970; its value is
the mean of the samples in there. A workload's or a namespace's is the sum over its pods' means. Without a
step a point is a sample as it was measured. Where nothing was measured there is no point: gaps stay gaps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from kubevitals import model


class Point(NamedTuple):
    """What a series was at one time. None is unknown, never 0.

    Of a single sample `samples` is 1 and the extremes are the value itself.
    """

    timestamp: datetime
    cpu_usage_cores: float | None
    memory_usage_bytes: int | None
    cpu_min_cores: float | None = None
    cpu_max_cores: float | None = None
    cpu_p95_cores: float | None = None
    memory_min_bytes: int | None = None
    memory_max_bytes: int | None = None
    memory_p95_bytes: int | None = None
    samples: int = 1


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
    """Which series, and which part of them. None does not restrict; `step` None asks for the samples.

    Samples are those with since <= t <= until. With a step it is every step that overlaps (since, until],
    whole at both ends: the last one may end after `until`, and says what is known of it so far. Sums have
    steps of a minute at least.
    """

    kind: str
    since: datetime
    until: datetime
    name: str | None = None
    namespace: str | None = None
    pod: str | None = None  # of containers
    workload_kind: str | None = None
    cluster: str | None = None
    step: float | None = None  # seconds


class History(Protocol):
    """What can be asked for the past."""

    name: str

    def read(self, query: Query) -> list[Series]:
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

    def close(self) -> None:
        """Let go of files and connections."""
        ...


class Recorder(Protocol):
    """What takes snapshots down, one a tick."""

    def append(self, snapshot: model.Snapshot) -> None:
        """Keep what is new in it. It returns at once and raises nothing: a tick never waits for it."""
        ...
