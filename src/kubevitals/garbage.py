"""Pausing the garbage collector while many records are made at once.

Decoding and joining a large cluster makes a million objects and no cycle among them; with the collector on, a
third to two thirds of that time goes into looking for some.
"""

from __future__ import annotations

import gc
from _thread import allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType


class _Pause:
    """A context manager that threads may share and nest: the last to leave restores what the first found."""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._inside = 0
        self._was_on = False

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._was_on = gc.isenabled()
                gc.disable()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._was_on:
                gc.enable()


garbage_collection = _Pause()
