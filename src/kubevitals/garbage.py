"""Keeping Python's garbage collector away from a million records that contain no cycles.

`paused` switches it off while a large cluster is decoded and joined: otherwise a third to two thirds of that
time is spent looking for cycles. `Sweeper` replaces automatic collection in a service, where a look through a
large snapshot takes up to a second in which no request is answered.
"""

from __future__ import annotations

import gc
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SHARE = 0.002  # of the time that full collections may take


class _Pause:
    """A context manager that threads may share and nest: the last to leave restores what the first found."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._was_on = False

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._was_on = gc.isenabled()
                gc.disable()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._was_on:
                gc.enable()


paused = _Pause()


def collect_seldom() -> None:
    """Switch automatic collection on, to run seldom: for a process that runs long and makes many records.

    The command line switches it off for commands that print once.
    """
    gc.enable()
    gc.set_threshold(50_000, 20, 50)  # records come by the ten thousand and hardly ever make a cycle


class Sweeper:
    """A context manager around each tick of a service, after `start` has switched automatic collection off.

    On entry it collects what was made since the last tick; on exit it freezes everything that exists. Frozen
    objects that become garbage later, such as connections and their timers, are freed by a full collection on
    entry. Those are due as often as `share` of the time allows: in a small cluster at each tick.
    Several collectors may share one.
    """

    def __init__(self, *, share: float = _SHARE, clock: Callable[[], float] = time.perf_counter) -> None:
        self._share = share
        self._clock = clock
        self._due = clock()  # when the next full collection may run
        self._lock = threading.Lock()

    def start(self) -> None:
        """Switch automatic collection off."""
        gc.disable()
        gc.freeze()

    def __enter__(self) -> None:
        with self._lock:
            begun = self._clock()
            if begun < self._due:
                gc.collect(0)
            else:
                gc.unfreeze()
                gc.collect()
                ended = self._clock()
                self._due = ended + (ended - begun) / self._share

    def __exit__(self, *_: object) -> None:
        gc.freeze()
