"""Keeping the garbage collector of Python from looking through a large snapshot again and again.

A snapshot is a million records without cycles; to look through them takes up to a second, in which nobody is
served. So automatic collection is off: before each tick what has come since the last one is looked through,
after it everything is set aside. What clients hold at that moment, connections and their timers, is set aside
with the rest and becomes garbage later; so now and then everything is looked through, in a small cluster at
each tick, in a large one as seldom as it takes to be a small share of the time.
"""

from __future__ import annotations

import contextlib
import gc
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SHARE = 0.002  # of the time that looking through everything may take


class Sweeper:
    """Sweeps around ticks. Several collectors may share it."""

    def __init__(self, *, share: float = _SHARE, clock: Callable[[], float] = time.perf_counter) -> None:
        self._share = share
        self._clock = clock
        self._due = clock()  # when everything is to be looked through again
        self._lock = threading.Lock()

    def start(self) -> None:
        """Switch automatic collection off."""
        gc.disable()
        gc.freeze()

    @contextlib.contextmanager
    def around(self) -> Iterator[None]:
        """Sweep before a tick, set aside what it made after it."""
        with self._lock:
            begun = self._clock()
            if begun < self._due:
                gc.collect(0)
            else:
                gc.unfreeze()
                gc.collect()
                ended = self._clock()
                self._due = ended + (ended - begun) / self._share
        try:
            yield
        finally:
            gc.freeze()
