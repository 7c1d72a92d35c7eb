"""The log of a service: one line an event, as text or JSON, on stderr. Nothing in it steers a terminal."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kubevitals import sanitize

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    _StreamHandler = logging.StreamHandler[TextIO]
else:
    _StreamHandler = logging.StreamHandler  # generic for type checkers alone

_LONGEST = 500  # characters of a text
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class TextLines(logging.Formatter):
    """2026-01-01T00:00:00.000Z INFO words key=value."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = read_fields(record)
        words = " ".join(f"{key}={value}" for key, value in fields.items() if key != "event")
        return sanitize.shorten(
            f"{_time(record)} {record.levelname} {record.getMessage()} {words}".rstrip(), 2 * _LONGEST
        )


class JSONLines(logging.Formatter):
    """An object a line, with time, level, logger, message and what the event brings."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": sanitize.shorten(record.getMessage(), _LONGEST),
            **read_fields(record),
        }
        return json.dumps(line, default=lambda value: sanitize.shorten(str(value), _LONGEST))


def read_fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return what an event brings besides its words; of an exception its type and where, never its text."""
    fields: dict[str, Any] = {
        key: sanitize.shorten(value, _LONGEST) if isinstance(value, str) else value
        for key, value in vars(record).items()
        if key not in _PLAIN
    }
    if record.exc_info and record.exc_info[0] is not None:
        fields["error"] = record.exc_info[0].__name__
        frames = traceback.extract_tb(record.exc_info[2])[-4:]
        fields["where"] = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
    return fields


class CountingHandler(_StreamHandler):
    """Writes lines, and counts those warnings and errors that repeat instead of writing each.

    Of one kind, told by its logger, level and words without their values, `most` are written in `seconds`;
    how many more there were stands in a line of its own once the time is over.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        most: int = 10,
        seconds: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(stream)
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._until = 0.0
        self._counts: dict[tuple[str, int, str], tuple[int, logging.LogRecord]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write or count a record."""
        now = self._clock()
        if now >= self._until:
            self._tell_counts()
            self._until = now + self._seconds
        if record.levelno >= logging.WARNING:
            kind = (record.name, record.levelno, str(record.msg))
            count = self._counts.get(kind, (0, record))[0] + 1
            self._counts[kind] = (count, record)
            if count > self._most:
                return
        super().emit(record)

    def close(self) -> None:
        """Tell what was counted."""
        self._tell_counts()
        super().close()

    def _tell_counts(self) -> None:
        counts, self._counts = self._counts, {}
        for count, record in counts.values():
            if count > self._most:
                last = logging.makeLogRecord({**vars(record), "repeated": count - self._most})
                last.exc_info = None
                super().emit(last)


def set_up(form: str, level: str, *, stream: TextIO | None = None) -> None:
    """Send the whole program's log to `stream` (stderr), from `level` on."""
    handler = CountingHandler(stream or sys.stderr)
    handler.setFormatter(JSONLines() if form == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "asyncio"):  # the events that matter are logged here
        logging.getLogger(name).setLevel(logging.WARNING)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
