"""One budget for the memory of answers: those that are kept, those in the making and those on their way.

What holds bytes of an answer has a lease on them, which ends when it is gone. An answer that a cache has
dropped is counted for as long as a client still takes it.
"""

from __future__ import annotations

import threading
import weakref
from typing import Protocol

from kubevitals.surfaces.http import heap

DEFAULT = 256 << 20  # bytes
_TRIM_EVERY = 32 << 20  # bytes that were given back


class BudgetError(Exception):
    """The memory for answers is used up."""


class Cache(Protocol):
    """What can make room."""

    def evict(self) -> bool:
        """Drop the answer that is needed least; return whether there was one. For any thread."""


class Budget:
    """So many bytes for answers. Threads may share it."""

    def __init__(self, size: int = DEFAULT) -> None:
        self.size = size
        self._used = 0
        self._given = 0  # bytes since the last time that free memory went back to the system
        # A lease may end wherever Python collects garbage, also in here.
        self._lock = threading.RLock()
        self._caches: list[weakref.ref[Cache]] = []

    @property
    def used(self) -> int:
        """How many bytes are held."""
        return self._used

    def register(self, cache: Cache) -> None:
        """Have a cache make room where there is none; the first one first. It is not kept alive."""
        with self._lock:
            self._caches = [each for each in self._caches if each() is not None]
            self._caches.append(weakref.ref(cache))

    def lease(self, subject: object = None) -> Lease:
        """Return a lease on nothing yet; `subject` is kept for as long as it lasts."""
        return Lease(self, subject)

    def take(self, size: int) -> None:
        """Count bytes, after caches have made room for them if need be.

        Raises:
            BudgetError: there is not enough; nothing is counted.
        """
        if self._given >= _TRIM_EVERY:
            self._given = 0
            heap.trim()
        while not self._try(size):
            with self._lock:
                caches = [cache for each in self._caches if (cache := each()) is not None]
            if not any(cache.evict() for cache in caches):
                raise BudgetError

    def give(self, size: int) -> None:
        """Count bytes no more."""
        with self._lock:
            self._used -= size
            self._given += size

    def _try(self, size: int) -> bool:
        with self._lock:
            if self._used + size > self.size:
                return False
            self._used += size
            return True


class Lease:
    """Bytes that are counted while this object is there."""

    __slots__ = ("__weakref__", "_budget", "_subject", "size")

    def __init__(self, budget: Budget, subject: object = None) -> None:
        self._budget = budget
        self._subject = subject
        self.size = 0

    def grow(self, size: int) -> None:
        """Count further bytes.

        Raises:
            BudgetError: there is not enough memory for them.
        """
        self._budget.take(size)
        self.size += size

    def __del__(self) -> None:
        self._budget.give(self.size)
