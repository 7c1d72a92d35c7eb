"""Errors of a file of history in words: what happened, where, and what to do.

The keys of the remedies are the `code` of the problem that surfaces show.
"""

from __future__ import annotations

import errno
import sqlite3
import struct
import zlib
from typing import TYPE_CHECKING

from kubevitals import errors, model, sanitize

if TYPE_CHECKING:
    from pathlib import Path

_ANOTHER = "or name another file with --history"
_REMEDIES = {
    "history_foreign": "name another file with --history; this one is left as it is",
    "history_newer": f"upgrade kubevitals, {_ANOTHER}; this one is left as it is",
    "history_old": f"move it away, and a new one is begun; {_ANOTHER}; this one is left as it is",
    "history_damaged": "move the file away, with its -wal and -shm: a new one is begun then",
    "history_locked": "end the program that holds it; recording goes on as soon as the file is free",
    "history_disk_full": "make room on the disk, or lower --history-size; recording goes on by itself",
    "history_disk_failed": "look at the disk; recording goes on by itself as soon as it can be written",
    "history_read_only": f"make it and its directory writable for this account, {_ANOTHER}",
    "history_wal": "copy the file with its -wal to a directory that this account may write",
    "history_missing": "record with `kubevitals record` or `kubevitals serve --history`",
    "history_unreadable": f"make it readable for this account, {_ANOTHER}",
    "history_second_writer": "nothing to do: it takes over when the other ends",
    "history_failed": "report it with the lines of the log; recording goes on with the next tick",
    "history_slow": "look at the disk; what could not be kept is missing in the history",
}
_SQLITE = (  # the first that fits the name of SQLite's error
    ("SQLITE_FULL", "history_disk_full", "there is no room for it"),
    ("SQLITE_BUSY", "history_locked", "another program has locked it"),
    ("SQLITE_LOCKED", "history_locked", "another program has locked it"),
    ("SQLITE_READONLY", "history_read_only", "it cannot be written"),
    ("SQLITE_PERM", "history_read_only", "it cannot be written"),
    ("SQLITE_CORRUPT", "history_damaged", "it is damaged"),
    ("SQLITE_NOTADB", "history_damaged", "it is damaged"),
    ("SQLITE_IOERR", "history_disk_failed", "the disk does not take or give it"),
    ("SQLITE_CANTOPEN", "history_unreadable", "it cannot be opened"),
)
_SYSTEM = {
    errno.ENOENT: ("history_missing", "there is no such file"),
    errno.ENOSPC: ("history_disk_full", "there is no room for it"),
    errno.EDQUOT: ("history_disk_full", "there is no room for it"),
    errno.EFBIG: ("history_disk_full", "there is no room for it"),
    errno.EROFS: ("history_read_only", "it cannot be written"),
    errno.EACCES: ("history_read_only", "it may not be opened"),
    errno.EPERM: ("history_read_only", "it may not be opened"),
    errno.EISDIR: ("history_foreign", "it is a directory"),
    errno.ENOTDIR: ("history_unreadable", "a part of its path is no directory"),
    errno.ELOOP: ("history_foreign", "it is a link, or no file"),
    errno.EIO: ("history_disk_failed", "the disk does not take or give it"),
}


BROKEN = (
    sqlite3.Error,
    zlib.error,
    struct.error,
    errors.HistoryError,
    OSError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What reading a file that is not as it should be may raise, in SQLite or where its content is decoded."""


class StoreError(errors.HistoryError):
    """A file of history cannot be used now; `code` is one of those above."""

    def __init__(self, code: str, path: Path | str, what: str) -> None:
        super().__init__(f"history in {sanitize.excerpt(str(path))}: {what}", remedy=_REMEDIES.get(code))
        self.code = code

    def to_problem(self) -> model.Problem:
        """Return it for the surfaces."""
        return model.Problem(self.code, self.message, self.remedy)


def unexpected(error: Exception, path: Path | str) -> StoreError:
    """Return what is a fault of this program, not of the file."""
    return StoreError("history_failed", path, f"unexpected {type(error).__name__}")


def explain(error: Exception, path: Path | str) -> StoreError:
    """Return the error in words, with what the system said behind them."""
    if isinstance(error, StoreError):
        return error
    said = sanitize.excerpt(str(error), 120)
    if isinstance(error, sqlite3.Error):
        name = getattr(error, "sqlite_errorname", "") or ""
        for start, code, what in _SQLITE:
            if name.startswith(start):
                return StoreError(code, path, f"{what} ({said})")
        return StoreError("history_damaged", path, f"it is not as it was written ({said})")
    if isinstance(error, OSError):
        code, what = _SYSTEM.get(error.errno or 0, ("history_unreadable", "it cannot be opened"))
        return StoreError(code, path, f"{what} ({sanitize.excerpt(error.strerror or said, 120)})")
    if isinstance(error, errors.HistoryError):
        return StoreError("history_damaged", path, error.message)
    return StoreError("history_damaged", path, f"it is not as it was written ({type(error).__name__})")
