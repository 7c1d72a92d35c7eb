"""Keeping the garbage collector of Python from looking through a large snapshot again and again.

A snapshot is a million records without cycles; to look through them takes up to a second, in which nobody is
served. So automatic collection is off: before each tick what has come since the last one is looked through,
after it everything is set aside, and once in a while everything is looked through.
"""

from __future__ import annotations

import contextlib
import gc
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_WHOLE_EVERY = 240  # ticks: an hour


class Sweeper:
    """Sweeps around ticks. Several collectors may share it."""

    def __init__(self, *, whole_every: int = _WHOLE_EVERY) -> None:
        self._whole_every = whole_every
        self._ticks = 0
        self._lock = threading.Lock()

    def start(self) -> None:
        """Switch automatic collection off."""
        gc.disable()
        gc.freeze()

    @contextlib.contextmanager
    def around(self) -> Iterator[None]:
        """Sweep before a tick, set aside what it made after it."""
        with self._lock:
            self._ticks += 1
            if self._ticks % self._whole_every == 0:
                gc.unfreeze()
                gc.collect()
            else:
                gc.collect(0)
        try:
            yield
        finally:
            gc.freeze()
