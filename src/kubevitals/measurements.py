"""What a source's samples say: when they were measured, and numbers that can be believed. Pure."""

from __future__ import annotations

import math

from kubevitals import clocks, errors, model
from kubevitals.kube import timestamps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kubevitals import sources

    # timestamp, window, age, stale: what a row says of when it was measured
    Moment = tuple[datetime | None, float | None, float | None, bool | None]

NEVER: Moment = (None, None, None, None)
_LONGEST_WINDOW = 86_400.0  # seconds: no source averages over more


class Moments:
    """Reads the times of samples, each once: samples of one node share theirs."""

    __slots__ = ("_known", "_now")

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._known: dict[tuple[sources.Time, sources.Time], tuple[Moment, str | None]] = {}

    def read(self, timestamp: sources.Time, window: sources.Time) -> tuple[Moment, str | None]:
        """Return when a sample was measured, and the code of why its age is a problem, if it is one."""
        key = (timestamp, window)
        moment = self._known.get(key)
        if moment is None:
            moment = self._known[key] = self._parse(timestamp, window)
        return moment

    def _parse(self, timestamp: sources.Time, window: sources.Time) -> tuple[Moment, str | None]:
        seconds: float | None
        try:
            at = (
                timestamps.parse_time(timestamp)
                if isinstance(timestamp, str)
                else timestamps.from_epoch(timestamp)
            )
        except errors.DecodingError:
            return NEVER, None
        try:
            seconds = timestamps.parse_duration(window) if isinstance(window, str) else window
        except errors.DecodingError:
            seconds = None
        if seconds is not None and not 0.0 <= seconds <= _LONGEST_WINDOW:
            seconds = None
        age = round((self._now - at).total_seconds(), 3)
        if age < -clocks.TOLERANCE_SECONDS:
            # Its own time would be refused by databases, and hide what comes after it: it was read just now.
            return (self._now, seconds, None, None), "clock_ahead"
        age = max(age, 0.0)  # clocks differ a little: such a sample is as fresh as can be
        stale = None if seconds is None else age > model.STALE_AFTER_WINDOWS * seconds
        return (at, seconds, age, stale), "stale" if stale else None


def plausible(measured: list[sources.ContainerSample]) -> list[sources.ContainerSample]:
    """Return the sample, with numbers that no container can have (negative, NaN, beyond bounds) unknown."""
    for _, cpu, memory in measured:
        if (cpu is not None and not 0.0 <= cpu <= model.MOST_CORES) or (
            memory is not None and not 0 <= memory <= model.MOST_BYTES
        ):
            return [(name, bounded_cores(cpu), bounded_bytes(memory)) for name, cpu, memory in measured]
    return measured


def bounded_cores(cpu: float | None) -> float | None:
    """Return the cores, None if no machine has so many."""
    return cpu if cpu is not None and 0.0 <= cpu <= model.MOST_CORES else None


def bounded_bytes(memory: int | None) -> int | None:
    """Return the bytes, None if no machine has so many."""
    return memory if memory is not None and 0 <= memory <= model.MOST_BYTES else None


def sum_containers(measured: Sequence[sources.ContainerSample]) -> tuple[float | None, int | None]:
    """Return a pod's cores, exact to the nanocore, and bytes; unknown if a part is, or if there is none."""
    if len(measured) == 1:
        return measured[0][1], measured[0][2]
    cpu = [each[1] for each in measured if each[1] is not None]
    memory = [each[2] for each in measured if each[2] is not None]
    whole = len(measured)
    return (
        round(math.fsum(cpu), 9) if cpu and len(cpu) == whole else None,
        sum(memory) if memory and len(memory) == whole else None,
    )
