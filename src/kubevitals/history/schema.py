"""The layout of a file of history: how it is made and recognized.

    cluster  object            clusters; nodes, pods, containers, workloads, namespaces, which are the
    series too fact  resource             what is said of an object from a tick on; its requests and limits
    from a time on tick  open                 every tick; the samples that were new in it, 64 series a row,
    until their hour is over batch  block               hours of ticks whose samples are in blocks, one a
    series period  hour               days of batches; their hours in blocks of one series state  position
    counters; which ticks a reader of all of them has taken

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

from kubevitals import files
from kubevitals.history import fileproblems

if TYPE_CHECKING:
    from collections.abc import Iterator

APPLICATION = 0x6B56_7448  # "kVtH" in the header
VERSION = 3
OLDEST = 3  # the first version whose files are read; from it on newer versions read what older ones wrote
GROUP_BITS = 20  # of the number of a group of series in the keys of `open`
SERIES_BITS = 32  # of the number of a series in the keys of `block` and `hour`
_GROUP = 6  # bits of a series' number that tell it from others of its group
_MAGIC = b"SQLite format 3\0"
_HEADER = 100
_NEWER = "a newer kubevitals wrote it (schema {}, here {})"
_OLDER = "an older kubevitals wrote it (schema {}, here {})"
_TAILS = ("-wal", "-shm", "-journal")  # of the files that SQLite makes beside it
_BUSY = 2.0  # seconds that another program may hold the file
_TABLES = (
    "CREATE TABLE cluster (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    """CREATE TABLE object (
        id INTEGER PRIMARY KEY, cluster INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
        name TEXT NOT NULL, namespace TEXT, pod TEXT, uid TEXT, node TEXT,
        workload_kind TEXT, workload_name TEXT,
        first_at INTEGER NOT NULL, last_at INTEGER, -- milliseconds; NULL while it is there
        shared INTEGER, shared_until INTEGER -- the container whose samples are the pod's, up to that time
    )""",
    "CREATE UNIQUE INDEX object_key ON object (cluster, kind, key)",
    "CREATE INDEX object_place ON object (kind, namespace, name)",
    """CREATE TABLE fact (
        id INTEGER PRIMARY KEY, object INTEGER NOT NULL, tick INTEGER NOT NULL, body BLOB NOT NULL
    )""",
    "CREATE INDEX fact_object ON fact (object, tick)",
    "CREATE INDEX fact_tick ON fact (tick)",
    """CREATE TABLE resource (
        object INTEGER NOT NULL, at INTEGER NOT NULL, -- nanocores and bytes
        cpu_request INTEGER, cpu_limit INTEGER, memory_request INTEGER, memory_limit INTEGER,
        PRIMARY KEY (object, at)
    ) WITHOUT ROWID""",
    """CREATE TABLE tick (
        id INTEGER PRIMARY KEY, cluster INTEGER NOT NULL, at INTEGER NOT NULL, -- milliseconds
        age INTEGER NOT NULL -- what the clock said that decides what is old
    )""",
    "CREATE TABLE open (id INTEGER PRIMARY KEY, body BLOB NOT NULL)",
    """CREATE TABLE batch (
        id INTEGER PRIMARY KEY, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, -- of its samples
        first_tick INTEGER NOT NULL, last_tick INTEGER NOT NULL, age INTEGER NOT NULL,
        bytes INTEGER NOT NULL, period INTEGER -- NULL before its hours are made
    )""",
    "CREATE TABLE block (id INTEGER PRIMARY KEY, body BLOB NOT NULL)",
    """CREATE TABLE period (
        id INTEGER PRIMARY KEY, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, age INTEGER NOT NULL,
        gone_at INTEGER NOT NULL -- of the last sample that is gone; 0 while all are there
    )""",
    "CREATE TABLE hour (id INTEGER PRIMARY KEY, body BLOB NOT NULL)",
    "CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TABLE position (
        name TEXT PRIMARY KEY, tick INTEGER NOT NULL,
        age INTEGER NOT NULL -- when a recorder last had that reader
    ) WITHOUT ROWID""",
)


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
            raise fileproblems.StoreError(
                "history_foreign", path, "it is no file"
            )  # and may block who opens it
        with path.open("rb") as file:
            header = file.read(_HEADER)
            size = found.st_size
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise fileproblems.explain(error, path) from error
    if not header:
        return 0
    if not header.startswith(_MAGIC[: len(header)]):
        raise fileproblems.StoreError("history_foreign", path, "it is no file of history")
    if len(header) < _HEADER:
        raise fileproblems.StoreError("history_damaged", path, f"it was cut off after {size} bytes")
    version, application = struct.unpack_from(">I4xI", header, 60)
    if application != APPLICATION:
        raise fileproblems.StoreError("history_foreign", path, "it is the database of another program")
    _check_version(version, path)
    (pages,) = struct.unpack_from(">I", header, 28)
    (page_size,) = struct.unpack_from(">H", header, 16)
    whole = pages * (65536 if page_size == 1 else page_size)
    if size < whole and not _has_content(Path(f"{path}-wal")):
        raise fileproblems.StoreError(
            "history_damaged", path, f"it was cut off: {size} bytes are there of {whole}"
        )
    if os.name == "posix":
        _OURS.add((found.st_dev, found.st_ino))
    return int(version)


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Return a connection to the file, made if need be. The caller is its only writer.

    Raises:
        troubles.StoreError, sqlite3.Error, OSError: it cannot be written.
    """
    for tail in ("", *_TAILS):
        files.refuse_link(f"{path}{tail}")
    if not look_at(path):
        _make(path)
    connection = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # a tick that is in the file survives a power cut
        _check_version_of(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Return a connection that cannot change the file.

    Raises:
        troubles.StoreError, sqlite3.Error, OSError: it cannot be read.
    """
    if not look_at(path):
        raise fileproblems.StoreError("history_missing", path, "nothing has been recorded there")
    for tail in _TAILS:  # SQLite makes them for readers too, at the other end of a link as well
        files.refuse_link(f"{path}{tail}")
    address = path.absolute().as_uri()
    for mode in ("mode=ro", "mode=ro&immutable=1"):  # the second where no file may be made beside it
        connection = sqlite3.connect(
            f"{address}?{mode}", uri=True, timeout=_BUSY, isolation_level=None, check_same_thread=False
        )
        try:
            _check_version_of(connection)
            connection.execute("SELECT count(*) FROM state").fetchone()
        except sqlite3.OperationalError as error:
            connection.close()
            if mode == "mode=ro" and error.sqlite_errorname.startswith(
                ("SQLITE_CANTOPEN", "SQLITE_READONLY")
            ):
                wal = path.with_name(path.name + "-wal")
                if wal.exists() and wal.stat().st_size:  # which an immutable file is read without
                    raise fileproblems.StoreError(
                        "history_wal",
                        path,
                        f"its newest rows are in {wal.name}, which cannot be read from here",
                    ) from error
                continue
            raise
        except BaseException:
            connection.close()
            raise
        return connection
    raise AssertionError  # the second mode returned or raised


def open_key(tick: int, group: int = 0) -> int:
    """Return the key of a row of `open`."""
    return tick << GROUP_BITS | group


def group_of(series: int) -> int:
    """Return the group of a series: those of a group share the rows of `open`."""
    return series >> _GROUP


def block_key(batch: int, series: int = 0) -> int:
    """Return the key of a row of `block`, or of `hour` where the first number is a period's."""
    return batch << SERIES_BITS | series


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Commit all that is done inside, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # some errors have rolled it back already
            connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def reading(connection: sqlite3.Connection) -> Iterator[None]:
    """Read one state of the file inside, whatever is written meanwhile."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def state_of(connection: sqlite3.Connection, name: str) -> int:
    """Return a number of the table `state`, 0 where it is not set."""
    row = connection.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
    return 0 if row is None else int(row[0])


def set_state(connection: sqlite3.Connection, **values: int) -> None:
    """Set numbers of the table `state`."""
    connection.executemany("INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)", list(values.items()))


def _make(path: Path) -> None:
    """Make an empty file of history under another name, and give it the right one when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = Path(f"{path}.new")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA page_size = 8192")
            with transaction(connection):
                connection.execute(f"PRAGMA application_id = {APPLICATION}")
                for statement in _TABLES:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {VERSION}")
        for tail in ("-wal", "-shm"):  # what a file that was deleted left behind must not become part of this
            left = Path(f"{path}{tail}")
            if left.exists():
                left.rename(f"{left}.left")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _check_version_of(connection: sqlite3.Connection) -> None:
    """Raise StoreError unless this program can read the file."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (_, _, name) = connection.execute("PRAGMA database_list").fetchone()
    _check_version(version, name)


def _check_version(version: int, path: Path | str) -> None:
    if version > VERSION:
        raise fileproblems.StoreError("history_newer", path, _NEWER.format(version, VERSION))
    if version < OLDEST:
        raise fileproblems.StoreError("history_old", path, _OLDER.format(version, VERSION))


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
