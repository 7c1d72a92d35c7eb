"""A pool of connections for reading: each is used by one thread at a time, and kept open for the next one."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from kubevitals.history import fileproblems, schema

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

_IDLE = 4  # connections that are kept open


class Pool:
    """Connections to the file that is at a path, whichever that is at the time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()
        self._idle: list[tuple[sqlite3.Connection, tuple[int, int]]] = []
        self._closed = False

    @contextlib.contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection that cannot write.

        Raises:
            troubles.StoreError: the file cannot be read; also where that shows only inside the block.
        """
        connection = None
        try:
            connection, place = self._acquire()
            yield connection
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, fileproblems.BROKEN):
                raise fileproblems.explain(error, self._path) from error
            raise
        with self._guard:
            if len(self._idle) < _IDLE and not self._closed:
                self._idle.append((connection, place))
                return
        connection.close()

    def close(self) -> None:
        """Close idle connections now, and others when they come back."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            connection.close()

    def _acquire(self) -> tuple[sqlite3.Connection, tuple[int, int]]:
        place = place_of(self._path)
        while True:
            with self._guard:
                if not self._idle:
                    break
                connection, known = self._idle.pop()
            if known == place:
                return connection, place
            connection.close()  # of a file that was moved away
        return schema.open_for_reading(self._path), place


def place_of(path: Path) -> tuple[int, int]:
    """Return which file is at the path now; (0, 0) where none is."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino
