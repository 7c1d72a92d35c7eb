"""History in a file: SQLite, written by one process, read by any number at the same time.

Snapshots go to a thread of their own through a short queue. Whatever goes wrong with the file ends in a
problem that says so, and in another attempt later: a tick never waits for the file and never fails because
of it.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import sqlite3
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kubevitals import errors, history, model
from kubevitals import snapshot as snapshots
from kubevitals.history import (
    appender,
    compaction,
    connections,
    fileproblems,
    filereader,
    lock,
    retention,
    schema,
)
from kubevitals.history import replay as replays

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from typing import Self

SIZE_LIMIT = 1 << 30
LEAST_SIZE = 1 << 20
_LOG = logging.getLogger(__name__)
_QUEUE = 8  # snapshots that wait; two minutes of a cluster
_RETRY = 5.0  # seconds between attempts to open the file
_PAUSE = 0.05  # seconds between slices of work, for whoever else wants the interpreter
_EXPECTED = (sqlite3.Error, OSError, errors.HistoryError)  # of a file, where it is written
_TIDY = 240  # ticks between looks at what nobody needs any more


class Status(NamedTuple):
    """How a store is doing: a copy that does not change."""

    role: str  # "writes", "reads" while another process writes, or "off" while the file cannot be used
    problem: model.Problem | None = None  # why it does not write
    ticks: int = 0  # written since it was opened
    dropped: int = 0  # that could not be written
    bytes: int | None = None  # of the file


class Store:
    """A file of history. Open it with `Store.open`, and close it.

    The file is made at the first use. An existing one of something else is never touched.
    """

    name = "file"  # not which one: names travel further than paths should

    def __init__(
        self,
        path: Path,
        *,
        size_limit: int,
        ages: retention.Ages,
        clock: Callable[[], float],
        pause: float,
    ) -> None:
        self.path = path
        self._size_limit = size_limit
        self._ages = ages
        self._clock = clock
        self._pause = pause
        self._lock = lock.Lock(path)
        self._queue: queue.Queue[model.Snapshot | threading.Event | None] = queue.Queue(_QUEUE)
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._guard = threading.Lock()
        self._status = Status("reads")
        self._connection: sqlite3.Connection | None = None  # the writer's
        self._appender: appender.Appender | None = None
        self._work: compaction.Work | None = None
        self._opened = (0, 0)
        self._next_attempt = 0.0
        self._tidied = 0
        self._positions: dict[str, int] = {}
        self._unsaved_positions = False
        self._readers: set[str] = set()  # names of those that read every tick, in this process
        self._pool = connections.Pool(path)
        self._replay: replays.Replay | None = None

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        write: bool = True,
        size_limit: int = SIZE_LIMIT,
        ages: retention.Ages | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: float = _PAUSE,
    ) -> Self:
        """Return the store of a file. What is wrong with the file is in its status, not raised.

        Args:
            path: of the file.
            write: whether to record; without, the file is only read and no thread is started.
            size_limit: bytes that the file may have.
            ages: how long samples and hours are kept.
            clock: seconds, for the time between attempts.
            pause: seconds between slices of the work that compacts and drops.

        Raises:
            errors.UsageError: a size below 1 MiB.
        """
        if size_limit < LEAST_SIZE:
            raise errors.UsageError(
                f"a history of {size_limit} bytes is too small", remedy="1Mi is the least"
            )
        store = cls(
            Path(path), size_limit=size_limit, ages=ages or retention.Ages(), clock=clock, pause=pause
        )
        if write:
            store._attempt()
            store._thread = threading.Thread(target=store._run, name="history", daemon=True)
            store._thread.start()
        return store

    def append(self, snapshot: model.Snapshot) -> None:
        """Keep the snapshot. It returns at once, raises nothing, and says in `status` if it could not."""
        if self._thread is None or self._closing.is_set():
            return
        try:
            self._queue.put_nowait(snapshot)
        except queue.Full:
            self._drop()
            self._set_status(
                "off", fileproblems.StoreError("history_slow", self.path, "it does not take ticks in time")
            )

    def flush(self, timeout: float = 30.0) -> bool:
        """Wait until all that was appended is written, or given up, and tidied; return whether it is."""
        if self._thread is None:
            return True
        done = threading.Event()
        until = time.monotonic() + timeout
        try:
            self._queue.put(done, timeout=timeout)
        except queue.Full:
            return False
        return done.wait(max(0.0, until - time.monotonic()))

    def read(self, query: history.Query) -> history.Answer:
        """Return the series with at least one point, as `history.History` says.

        Raises:
            errors.HistoryError: there is no file, or it cannot be read.
        """
        with self._pool.connection() as connection:
            series, step = filereader.read(connection, query)
        return history.Answer(series, self.name, step, self.problems)

    def snapshot_at(self, moment: datetime, *, cluster: str | None = None) -> model.Snapshot | None:
        """Return the state at that time, or None where nothing was recorded near it.

        Raises:
            errors.HistoryError: there is no file, or it cannot be read.
        """
        with self._pool.connection() as connection:
            return replays.snapshot_at(connection, moment, cluster=cluster)

    def extent(self, now: datetime) -> tuple[datetime, datetime] | None:
        """Return the times of the first and the last sample; None where there is none until `now`.

        Raises:
            errors.HistoryError: there is no file, or it cannot be read.
        """
        with self._pool.connection() as connection:
            found = filereader.extent(connection)
        return None if found is None or found[0] > now else (found[0], min(found[1], now))

    def clusters(self) -> list[str]:
        """Return the names of the clusters that were recorded.

        Raises:
            errors.HistoryError: there is no file, or it cannot be read.
        """
        with self._pool.connection() as connection:
            return [name for (name,) in connection.execute("SELECT name FROM cluster ORDER BY name")]

    def snapshots(self, after: int) -> Iterator[tuple[int, model.Snapshot]]:
        """Yield number and snapshot of each tick behind `after` whose samples are there, in order.

        It is read while it is gone through, a few ticks at a time, and ends with the newest one.

        Raises:
            errors.HistoryError: there is no file, or it cannot be read.
        """
        with self._guard:  # who goes on where it ended need not have all facts read again
            replay, self._replay = self._replay, None
        if replay is None or replay.position != after:
            replay = replays.Replay(after)
        while True:
            with self._pool.connection() as connection:
                ticks = replay.run(connection)
            yield from ticks
            if not ticks:
                break
        with self._guard:
            self._replay = replay

    def hold(self, name: str, tick: int) -> None:
        """Keep the ticks from `tick` on for the reader of that name, over restarts and as room allows.

        A reader that no recorder has for a day is forgotten.
        """
        with self._guard:
            self._readers.add(name)
            self._positions[name] = tick
            wake = not self._unsaved_positions
            self._unsaved_positions = True
        if wake and self._thread is not None:
            with contextlib.suppress(queue.Full):  # then it is written with the next tick
                self._queue.put_nowait(None)

    def held(self, name: str) -> int | None:
        """Return the tick that a reader held last; None for a new one.

        Raises:
            errors.HistoryError: the file cannot be read.
        """
        with self._guard:
            self._readers.add(name)
            if name in self._positions:
                return self._positions[name]
        try:
            with self._pool.connection() as connection:
                row = connection.execute("SELECT tick FROM position WHERE name = ?", (name,)).fetchone()
        except fileproblems.StoreError as error:
            if error.code == "history_missing":
                return None
            raise
        return None if row is None else int(row[0])

    def status(self) -> Status:
        """Return how it is doing now."""
        try:
            size = self.path.stat().st_size
        except OSError:
            size = None
        with self._guard:
            return self._status._replace(bytes=size)

    @property
    def problems(self) -> tuple[model.Problem, ...]:
        """Why it does not write, for the surfaces; empty while it does."""
        problem = self._status.problem
        return () if problem is None else (problem,)

    def close(self, timeout: float = 10.0) -> None:
        """Write what waits, and close the file. Further snapshots are ignored."""
        first = not self._closing.is_set()
        self._closing.set()
        self._pool.close()  # before the writer, which then can leave one file behind and no log
        if self._thread is not None and first:
            with contextlib.suppress(queue.Full):
                self._queue.put_nowait(None)
            self._thread.join(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The thread that writes

    def _run(self) -> None:
        while True:
            item = self._queue.get()
            if isinstance(item, model.Snapshot):
                self._write(item)
                self._tidy()
            elif item is not None:
                self._tidy(patient=True)
                item.set()
            self._save_positions()
            if self._closing.is_set() and self._queue.empty():
                break
        self._release()

    def _write(self, snapshot: model.Snapshot) -> None:
        if self._connection is not None and connections.place_of(self.path) != self._opened:
            self._release()  # it was moved away, or is another file by now
            self._forget_positions()
            self._next_attempt = 0.0
        if self._appender is None and not self._attempt():
            self._drop()
            return
        assert self._appender is not None
        try:
            self._appender.append(snapshots.without_unlisted(snapshot))
        except Exception as error:  # noqa: BLE001 - the boundary of the thread, without which nothing is kept
            self._drop()
            self._fail(error)
            return
        with self._guard:
            self._status = self._status._replace(ticks=self._status.ticks + 1)
        self._set_status("writes", None)

    def _tidy(self, *, patient: bool = False) -> None:
        """Compact, and drop what is too old or too much, until the next tick waits or all is done."""
        while self._connection is not None and (patient or self._queue.empty()):
            try:
                if not self._tidy_slice(self._connection):
                    return
            except Exception as error:  # noqa: BLE001 - as above
                self._fail(error)
                return
            if not patient and self._closing.wait(self._pause):
                return

    def _tidy_slice(self, connection: sqlite3.Connection) -> bool:
        if retention.is_full(connection, self._size_limit):
            self._work = None  # what it would make may be what has to go
            if retention.drop_oldest(connection, self._size_limit, self._ages):
                return True
        if self._work is None:
            oldest = retention.oldest_samples(connection, self._ages)
            self._work = compaction.find_work(connection, oldest=oldest)
        if self._work is not None:
            if not self._work.step():
                self._work = None
            return True
        if retention.drop_old(connection, self._ages):
            return True
        assert self._appender is not None
        if self._appender.tick - self._tidied >= _TIDY:
            self._tidied = self._appender.tick
            with self._guard:
                readers = set(self._readers)
            retention.remember_readers(connection, readers)
            retention.forget_gone(connection)
            self._appender.forget_gone()
            retention.shrink(connection, self._size_limit)
        return False

    def _save_positions(self) -> None:
        with self._guard:
            positions = dict(self._positions) if self._unsaved_positions else {}
            self._unsaved_positions = False
        if not positions:
            return
        try:
            if self._connection is None:
                raise fileproblems.StoreError("history_missing", self.path, "it is not open")
            with schema.transaction(self._connection) as connection:
                age = schema.state_of(connection, "age")
                connection.executemany(
                    "INSERT OR REPLACE INTO position (name, tick, age) VALUES (?, ?, ?)",
                    [(name, tick, age) for name, tick in positions.items()],
                )
        except fileproblems.BROKEN as error:
            with self._guard:
                self._unsaved_positions = True
            if self._connection is not None:
                self._fail(error)

    def _attempt(self) -> bool:
        """Return whether the file is open for writing now."""
        if self._clock() < self._next_attempt:
            return False
        self._next_attempt = self._clock() + _RETRY
        try:
            schema.look_at(self.path)  # before a lock is put beside what is not ours
            if not self._lock.acquire():
                owner = self._lock.owner()
                by = f"process {owner}" if owner else "another process"
                self._set_status(
                    "reads",
                    fileproblems.StoreError(
                        "history_second_writer", self.path, f"{by} records there; this one reads"
                    ),
                )
                return False
            self._connection = schema.open_for_writing(self.path)
            place = connections.place_of(self.path)
            if self._opened not in ((0, 0), place):
                self._forget_positions()
            self._opened = place
            retention.bound(self._connection, self._size_limit)
            self._appender = appender.Appender(self._connection)
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(error)
            return False
        self._set_status("writes", None)
        return True

    def _forget_positions(self) -> None:
        """Ticks of another file begin anew: a position in the old one says nothing."""
        with self._guard:
            self._positions, self._replay = {}, None

    def _fail(self, error: Exception) -> None:
        """Close the file, and say why."""
        self._release()
        if isinstance(error, _EXPECTED):
            self._set_status("off", fileproblems.explain(error, self.path))
            return
        _LOG.error("history failed", exc_info=error, extra={"event": "history_failed"})
        self._set_status("off", fileproblems.unexpected(error, self.path))

    def _release(self) -> None:
        """Close the file, and let another process write."""
        connection, self._connection, self._appender, self._work = self._connection, None, None, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
        self._lock.release()

    def _drop(self) -> None:
        with self._guard:
            self._status = self._status._replace(dropped=self._status.dropped + 1)

    def _set_status(self, role: str, error: fileproblems.StoreError | None) -> None:
        """Set the status, with a line in the log where it is another one."""
        problem = None if error is None else error.to_problem()
        with self._guard:
            before = self._status
            self._status = before._replace(role=role, problem=problem)
        code = None if problem is None else problem.code
        if code == (None if before.problem is None else before.problem.code):
            return
        if problem is not None:
            level = logging.INFO if code == "history_second_writer" else logging.WARNING
            _LOG.log(level, "%s", problem.message, extra={"event": "history_off", "code": code})
        else:
            _LOG.info("history in %s again", self.path, extra={"event": "history_on"})
