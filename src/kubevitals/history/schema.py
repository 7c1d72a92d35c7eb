"""The layout of a file of history: how it is made, recognized and brought up to date.

    cluster  page  object      who: clusters, pages of series, nodes, pods and containers
    fact                       what is said of an object from a tick on, a row only when it changed
    moment  raw                ticks, and the samples that were new in each, a row a page
    rolled                     steps of a minute, five minutes, an hour; a row a page and span of time
    state  hold                how far it is rolled up, and what a reader has not taken yet

A file is only ever opened for writing after its header said that it is one of ours.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from kubevitals.history import troubles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

APPLICATION = 0x6B56_7448  # "kVtH" in the header
VERSION = 2
PAGES = 20  # bits of a page's number in the keys of `raw` and `rolled`
_MAGIC = b"SQLite format 3\0"
_HEADER = 100
_NEWER = "a newer kubevitals wrote it (schema {}, here {})"
_BUSY = 2.0  # seconds that another program may hold the file
_FIRST = (
    "CREATE TABLE cluster (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "CREATE TABLE page (id INTEGER PRIMARY KEY, cluster INTEGER NOT NULL, namespace TEXT)",
    """CREATE TABLE object (
        id INTEGER PRIMARY KEY, cluster INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
        page INTEGER, name TEXT NOT NULL, namespace TEXT, pod TEXT, uid TEXT, node TEXT,
        workload_kind TEXT, workload_name TEXT,
        first_at INTEGER NOT NULL, last_at INTEGER, -- milliseconds; NULL while it is there
        twin INTEGER, twin_until INTEGER -- the container whose samples are the pod's, up to that time
    )""",
    "CREATE UNIQUE INDEX object_key ON object (cluster, kind, key)",
    "CREATE INDEX object_place ON object (kind, namespace, name)",
    """CREATE TABLE fact (
        id INTEGER PRIMARY KEY, object INTEGER NOT NULL, tick INTEGER NOT NULL, body BLOB NOT NULL
    )""",
    "CREATE INDEX fact_object ON fact (object, tick)",
    "CREATE INDEX fact_tick ON fact (tick)",
    """CREATE TABLE moment (
        tick INTEGER PRIMARY KEY, cluster INTEGER NOT NULL, at INTEGER NOT NULL, -- milliseconds
        age INTEGER NOT NULL, -- what the clock said that decides what is old
        bytes INTEGER NOT NULL -- of its rows in `raw`; 0 once they are gone
    )""",
    "CREATE TABLE raw (id INTEGER PRIMARY KEY, body BLOB NOT NULL)",
    "CREATE TABLE rolled (id INTEGER PRIMARY KEY, body BLOB NOT NULL, sketches BLOB NOT NULL)",
    "CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
)


def _hold_ticks(connection: sqlite3.Connection) -> None:
    """Version 2: readers that take every tick say how far they are."""
    connection.execute("CREATE TABLE hold (name TEXT PRIMARY KEY, tick INTEGER NOT NULL) WITHOUT ROWID")


STEPS: Mapping[int, Callable[[sqlite3.Connection], None]] = {2: _hold_ticks}
"""What brings a file to a version from the one before, in a transaction of its own."""


_OURS: set[tuple[int, int]] = set()
"""The files whose headers were read. Reading one once more would end the locks that SQLite has on it: POSIX
takes all locks of a process on a file when one of its descriptors is closed."""


def look_at(path: Path) -> int:
    """Return the version of a file of history as its header says, 0 where it is still to be made.

    It is only read. VERSION is returned for one that this process has looked at before.

    Raises:
        troubles.StoreError: it is something else, newer, cut off, or cannot be read.
    """
    try:
        found = path.stat()
        if (found.st_dev, found.st_ino) in _OURS and found.st_size:
            return VERSION
        if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
            raise troubles.StoreError("history_foreign", path, "it is no file")  # and may block who opens it
        with path.open("rb") as file:
            header = file.read(_HEADER)
            size = found.st_size
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise troubles.explain(error, path) from error
    if not header:
        return 0
    if not header.startswith(_MAGIC[: len(header)]):
        raise troubles.StoreError("history_foreign", path, "it is no file of history")
    if len(header) < _HEADER:
        raise troubles.StoreError("history_damaged", path, f"it was cut off after {size} bytes")
    version, application = struct.unpack_from(">I4xI", header, 60)
    if application != APPLICATION:
        raise troubles.StoreError("history_foreign", path, "it is the database of another program")
    if version > VERSION:
        raise troubles.StoreError("history_newer", path, _NEWER.format(version, VERSION))
    (pages,) = struct.unpack_from(">I", header, 28)
    (page_size,) = struct.unpack_from(">H", header, 16)
    whole = pages * (65536 if page_size == 1 else page_size)
    if size < whole and not _has_content(Path(f"{path}-wal")):
        raise troubles.StoreError(
            "history_damaged", path, f"it was cut off: {size} bytes are there of {whole}"
        )
    if os.name == "posix":
        _OURS.add((found.st_dev, found.st_ino))
    return int(version)


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Return a connection to the file, made or brought up to date if need be. The caller is its only writer.

    Raises:
        troubles.StoreError, sqlite3.Error, OSError: it cannot be written.
    """
    if not look_at(path):
        _make(path)
    connection = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # a tick that is in the file survives a power cut
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Return a connection that cannot change the file. What is read is the same in all versions so far.

    Raises:
        troubles.StoreError, sqlite3.Error, OSError: it cannot be read.
    """
    if not look_at(path):
        raise troubles.StoreError("history_missing", path, "nothing has been recorded there")
    address = path.absolute().as_uri()
    for mode in ("mode=ro", "mode=ro&immutable=1"):  # the second where no file may be made beside it
        connection = sqlite3.connect(
            f"{address}?{mode}", uri=True, timeout=_BUSY, isolation_level=None, check_same_thread=False
        )
        try:
            _version_of(connection)
            connection.execute("SELECT count(*) FROM state").fetchone()
        except sqlite3.OperationalError as error:
            connection.close()
            if mode == "mode=ro" and error.sqlite_errorname.startswith(
                ("SQLITE_CANTOPEN", "SQLITE_READONLY")
            ):
                continue
            raise
        except BaseException:
            connection.close()
            raise
        return connection
    raise AssertionError  # the second mode returned or raised


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file up to date, a version at a time; what is cut short is begun again.

    Raises:
        sqlite3.Error: it cannot be written.
    """
    version = _version_of(connection)
    for number in range(version + 1, VERSION + 1):
        with transaction(connection):
            STEPS[number](connection)
            connection.execute(f"PRAGMA user_version = {number}")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit all that is done inside, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # some errors have rolled it back already
            connection.execute("ROLLBACK")
        raise


def _make(path: Path) -> None:
    """Make an empty file of history under another name, and give it the right one when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = Path(f"{path}.new")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA page_size = 4096")
            with transaction(connection):
                connection.execute(f"PRAGMA application_id = {APPLICATION}")
                for statement in _FIRST:
                    connection.execute(statement)
                connection.execute("PRAGMA user_version = 1")
            migrate(connection)
        for tail in ("-wal", "-shm"):  # what a file that was deleted left behind must not become part of this
            left = Path(f"{path}{tail}")
            if left.exists():
                left.rename(f"{left}.left")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _version_of(connection: sqlite3.Connection) -> int:
    """Return the file's version.

    Raises:
        troubles.StoreError: it is newer than this program.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        (_, _, name) = connection.execute("PRAGMA database_list").fetchone()
        raise troubles.StoreError("history_newer", name, _NEWER.format(version, VERSION))
    return int(version)


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
