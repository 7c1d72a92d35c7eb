"""When to poll usage. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class PollSchedule:
    """When to poll so that a sample is fresh: just after the source has published new ones.

    A source publishes every so often, and nobody says when. Until it is known, polls come a quarter early;
    one that finds nothing new has passed the moment, and the next one, soon after, finds it. From then on
    the age that a sample had there is the aim. At most every second poll is an extra one.
    """

    __slots__ = ("_early", "_interval", "_least_age", "_newest")

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._newest: datetime | None = None
        self._least_age: float | None = None  # seconds, once the moment was found
        self._early = 0  # polls in a row without anything new

    def next_delay(self, now: datetime, newest: datetime | None) -> float:
        """Return the seconds to wait after a poll at `now` whose newest sample is of `newest`."""
        if newest is None:
            return self._interval
        age = (now - newest).total_seconds()
        if newest == self._newest:
            self._early += 1
            return self._interval / 5 if self._early == 1 else self._interval
        first, passed = self._newest is None, self._early == 1
        self._newest, self._early = newest, 0
        if passed or (self._least_age is not None and age < self._least_age):
            self._least_age = age
        if first or self._least_age is None:
            return self._interval * 0.75
        return self._interval - min(max(age - self._least_age, 0.0), self._interval / 2)
