"""The lock of the one process that writes: a file that is locked until that process ends, however it ends.

It is a file of its own, `FILE.lock`, because opening and closing the database would end SQLite's own locks.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import IO

from kubevitals import files

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


class Lock:
    """The right to write to one file of history."""

    def __init__(self, path: Path) -> None:
        self._path = Path(f"{path}.lock")
        self._file: IO[str] | None = None

    @property
    def held(self) -> bool:
        """Whether it is held here."""
        return self._file is not None

    def acquire(self) -> bool:
        """Return whether it is held now; False where another process, or another store, has it.

        Raises:
            OSError: the file of the lock can neither be made nor opened, or a link is in its place.
        """
        if self._file is not None:
            return True
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.fdopen(files.open_state(str(self._path)), "r+", encoding="ascii")
        try:
            _lock(file)
        except OSError:
            file.close()
            return False
        with contextlib.suppress(OSError):  # only a hint for people
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
        self._file = file
        return True

    def release(self) -> None:
        """Let another one write."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None

    def owner(self) -> int | None:
        """Return the process that holds it, if it said so."""
        try:
            with os.fdopen(files.open_state(str(self._path)), encoding="ascii") as file:
                text = file.read(20).strip()
        except (OSError, UnicodeDecodeError):
            return None
        return int(text) if text.isdigit() else None


def _lock(file: IO[str]) -> None:
    """Raises OSError: another one has it."""
    if fcntl is not None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    import msvcrt

    file.seek(0)
    msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
