"""Records of a collector: the snapshot it has published, and its status."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from kubevitals import model
    from kubevitals.sources import choice


class Published(NamedTuple):
    """The snapshot that surfaces show until the next. `number` counts from 1; `epoch` names the process."""

    snapshot: model.Snapshot
    number: int
    epoch: str = ""

    @property
    def tag(self) -> str:
        """A word that is another one for each publication of each process."""
        return f"{self.epoch}-{self.number}"


class Status(NamedTuple):
    """How a collector is doing, as of one moment."""

    started_at: datetime
    ticks: int = 0  # good ones
    failures: Mapping[str, int] = MappingProxyType({})  # by the code of the error
    last_tick_seconds: float | None = None  # of the last one, good or not
    last_good_at: datetime | None = None
    last_error: model.Problem | None = None  # None again once a tick is good
    source: str = "none"
    sources: tuple[choice.SourceStatus, ...] = ()  # who answers since when, and why the better ones do not
    live: bool = False  # it ticks
    ready: bool = False  # it has a snapshot that is not older than it may be
    watch_restarts: int = 0
    coverage: Mapping[str, tuple[int, int]] = MappingProxyType(
        {"nodes": (0, 0), "pods": (0, 0)}
    )  # with usage, of all
    age_seconds: float | None = None  # of the snapshot
    interval_seconds: float = 0.0
    max_age_seconds: float = 0.0


def merge_sources(
    reported: Sequence[choice.SourceStatus], status: Status, changed_at: datetime | None
) -> tuple[choice.SourceStatus, ...]:
    """Return how the sources are doing: what they report, corrected by what the last tick has seen.

    Of one that was named, and of a cluster that cannot be asked, only the tick knows. `changed_at` is when
    ticks began to be good, or not to be.
    """
    failed = status.last_error is not None
    if len(reported) == 1:
        answers = status.ticks > 0 and not failed
        return (reported[0]._replace(answers=answers, since=changed_at, problem=status.last_error),)
    return tuple(
        each._replace(answers=False, since=changed_at, problem=status.last_error)
        if each.answers and failed
        else each
        for each in reported
    )
