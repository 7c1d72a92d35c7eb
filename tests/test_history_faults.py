"""What a file of history goes through: processes that are killed, disks that are full, files of others."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests import made_past as past
from tests import waiting

from kubevitals import errors, history
from kubevitals.history import appender, lock, retention, schema
from kubevitals.history import store as stores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals import model

ROOT = Path(__file__).parents[1]
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "_BUSY", 0.05)
    monkeypatch.setattr(stores, "_RETRY", 0.0)


def start(path: Path, first: int, count: int, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.history_recorder", str(path), str(first), str(count), *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
    )


def run(path: Path, first: int, count: int, *words: str, code: int = 0) -> list[dict[str, Any]]:
    """What the process told."""
    with start(path, first, count, *words) as process:
        told, _ = process.communicate(timeout=60)
    assert process.returncode == code
    return [json.loads(line) for line in told.splitlines()]


def opened(path: Path, **options: Any) -> stores.Store:
    return stores.Store.open(path, **{"pause": 0.0, **options})


def record(store: stores.Store, count: int, *, first: int = 0) -> None:
    for each in past.ticks(count, first=first):
        store.append(each)
        store.flush()


def times(store: stores.Store) -> list[int]:
    """The ticks of which a sample is there."""
    (pod,) = store.read(history.Query("pod", past.at(-1e6), past.at(1e7), name="web-0")).series
    return [round((point.timestamp - past.START).total_seconds() + 2) // 15 for point in pod.points]


def whole(path: Path) -> bool:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)])


def code_of(store: stores.Store) -> str | None:
    problem = store.status().problem
    return None if problem is None else problem.code


@POSIX
def test_nothing_written_is_lost_when_the_process_is_killed(path: Path) -> None:
    """After kill -9 at any moment, again and again, each tick that was told to be written is there."""
    written: list[int] = []
    for attempt in range(3):
        with start(path, 1000 * attempt, 1000) as process:
            assert process.stdout is not None
            until = 20 + 13 * attempt
            for line in process.stdout:
                tick = json.loads(line)["tick"]
                if tick >= 0:
                    written.append(tick)
                if tick % 1000 == until:
                    process.send_signal(signal.SIGKILL)
                    break
            rest = [json.loads(line)["tick"] for line in process.stdout if line.endswith("\n")]
            written += rest
    assert whole(path)
    with opened(path, write=False) as store:
        there = set(times(store))
        assert there.issuperset(written)
        assert len(there) <= len(written) + 3  # the last one may be written and not told yet
    with opened(path) as store:
        record(store, 2, first=5000)
        assert store.status().problem is None
        assert {5000, 5001} < set(times(store))


@POSIX
def test_a_disk_that_takes_no_more_costs_only_what_does_not_fit(path: Path) -> None:
    """The process goes on and says so; what was written stays, and recording goes on when there is room."""
    told = run(path, 0, 60, "limit=300000")
    good = [each["tick"] for each in told[1:] if each["problem"] is None]
    bad = [each for each in told if each["problem"] is not None]
    assert 5 < len(good) < 60
    assert {each["problem"]["code"] for each in bad} <= {"history_disk_full", "history_disk_failed"}
    assert "recording goes on by itself" in bad[0]["problem"]["remedy"]
    assert told[-1]["dropped"] >= 1
    assert whole(path)
    with opened(path) as store:
        kept = times(store)
        assert set(good) <= set(kept)
        record(store, 3, first=100)
        assert set(kept) | {100, 101, 102} == set(times(store))


@POSIX
def test_a_full_disk_costs_only_what_does_not_fit(tmp_path: Path) -> None:
    """A file system runs full: the process says so and goes on, and nothing that was written is lost."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "none", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system may not be mounted here")
    try:
        path = disk / "history.db"
        assert [each["problem"] for each in run(path, 0, 15)] == [None] * 16
        ballast = disk / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        told = run(path, 15, 40)
        assert told[-1]["problem"]["code"] in ("history_disk_full", "history_disk_failed")
        ballast.unlink()
        with opened(path) as store:
            record(store, 2, first=100)
            assert code_of(store) is None
            assert {*range(15), 100, 101} <= set(times(store))
        assert whole(path)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@POSIX
@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be another account"
)
def test_a_file_that_may_only_be_read(path: Path) -> None:
    """Without the right to write nothing is recorded, a message says so, and the history can be read."""
    run(path, 0, 3)
    path.chmod(0o444)
    home = path.parent
    for folder in (home, *home.parents):
        if folder == Path("/tmp"):
            break
        folder.chmod(folder.stat().st_mode | 0o055)
    home.chmod(0o555)
    told = run(path, 10, 2, "uid=65534")
    assert [each["problem"]["code"] for each in told] == ["history_read_only"] * 3
    assert "writable" in told[0]["problem"]["remedy"]
    assert (told[-1]["role"], told[-1]["dropped"]) == ("off", 2)
    with opened(path, write=False) as store:
        assert times(store) == [0, 1, 2]


@POSIX
@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be another account"
)
def test_a_copy_whose_newest_rows_are_beside_it(path: Path) -> None:
    """A copy that may only be read, with rows in a WAL that cannot be read there, says so instead of less."""
    copied = path.parent / "copied"
    copied.mkdir()
    with opened(path) as store:
        record(store, 3)
        for name in (path.name, f"{path.name}-wal"):
            (copied / name).write_bytes((path.parent / name).read_bytes())
    assert (copied / f"{path.name}-wal").stat().st_size
    for file in copied.iterdir():
        file.chmod(0o444)
    for folder in (copied, *copied.parents):
        if folder == Path("/tmp"):
            break
        folder.chmod(folder.stat().st_mode | 0o055)
    copied.chmod(0o555)
    code = (
        "import os, pathlib, sys; from kubevitals.history import fileproblems, schema\n"
        "pathlib.Path('/').as_uri()  # what it imports may not be readable for another account\n"
        "os.setuid(65534)\n"
        "try: schema.open_for_reading(pathlib.Path(sys.argv[1]))\n"
        "except fileproblems.StoreError as error: print(error.code)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, copied / path.name], capture_output=True, text=True, check=False
    )
    assert (answer.stdout, answer.stderr) == ("history_wal\n", "")


def test_a_file_that_another_program_has_locked(path: Path) -> None:
    """While it is locked ticks are dropped, with a message; afterwards recording goes on."""
    with opened(path) as store:
        record(store, 2)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            record(store, 2, first=2)
            assert (code_of(store), store.status().dropped) == ("history_locked", 2)
            assert times(store) == [0, 1]  # it can be read meanwhile
            other.execute("ROLLBACK")
        record(store, 2, first=4)
        assert (code_of(store), times(store)) == (None, [0, 1, 4, 5])


@pytest.mark.parametrize("keep", [0.5, 0.9])
def test_a_file_that_was_cut_off(path: Path, keep: float) -> None:
    """It is left as it is, for whoever wants to save something of it."""
    with opened(path) as store:
        record(store, 40)
    content = path.read_bytes()
    cut = path.with_name("cut.db")
    cut.write_bytes(content[: int(len(content) * keep)])
    before = cut.read_bytes()
    with opened(cut) as store:
        record(store, 2)
        assert (code_of(store), store.status().dropped) == ("history_damaged", 2)
        assert "cut off" in store.problems[0].message
        with pytest.raises(errors.HistoryError, match="cut off"):
            times(store)
    assert cut.read_bytes() == before


def test_a_file_that_is_damaged_in_the_middle(path: Path) -> None:
    """Reading and writing say so; nothing of it ends the process."""
    with opened(path) as store:
        record(store, 60)
    content = bytearray(path.read_bytes())
    content[4096 * 2 :] = b"\xa5" * (len(content) - 4096 * 2)
    broken = path.with_name("broken.db")
    broken.write_bytes(content)
    with opened(broken) as store:
        record(store, 3)
        assert code_of(store) == "history_damaged"
        with pytest.raises(errors.HistoryError, match="damaged"):
            times(store)


def foreign_database(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE state (name TEXT, value INTEGER)")
        connection.commit()


def older_version(path: Path) -> None:
    with opened(path) as store:
        record(store, 1)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.OLDEST - 1}")


def newer_version(path: Path) -> None:
    with opened(path) as store:
        record(store, 1)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (lambda path: path.write_text("my diary\n"), "history_foreign", "no file of history"),
        (lambda path: path.write_bytes(b"SQLite format 3\0short"), "history_damaged", "cut off"),
        (foreign_database, "history_foreign", "database of another program"),
        (newer_version, "history_newer", "newer kubevitals"),
        (older_version, "history_old", "older kubevitals"),
    ],
)
def test_files_of_others_are_not_touched(path: Path, make: Any, code: str, words: str) -> None:
    """They are neither changed nor locked nor joined by other files, and a message says what they are."""
    make(path)
    copy = path.with_name("copy.db")  # a file that this process has not seen
    shutil.copy(path, copy)
    before = {each.name: each.read_bytes() for each in path.parent.iterdir()}
    with opened(copy) as store:
        record(store, 2)
        assert (store.status().role, code_of(store)) == ("off", code)
        assert words in store.problems[0].message
        with pytest.raises(errors.HistoryError, match=words):
            store.read(history.Query("pod", past.at(0), past.at(60)))
    assert {each.name: each.read_bytes() for each in path.parent.iterdir()} == before


def test_a_directory_and_a_pipe_are_no_history(path: Path) -> None:
    """Neither is opened: a pipe would block until somebody writes into it."""
    path.mkdir()
    with opened(path) as store:
        assert code_of(store) == "history_foreign"
    if hasattr(os, "mkfifo"):
        os.mkfifo(path / "pipe")
        with opened(path / "pipe") as store:
            record(store, 1)
            assert code_of(store) == "history_foreign"
    with opened(path.parent / "no" / "such" / "place" / "history.db") as store:
        record(store, 1)
        assert store.status().role == "writes"


@POSIX
@pytest.mark.parametrize("ages", [{}, {"samples": 3600.0}])
def test_a_kill_while_an_hour_is_stored_loses_and_doubles_nothing(path: Path, ages: dict[str, float]) -> None:
    """Killed within the transaction that makes blocks, or hours, a process leaves each sample there once."""
    run(path, 0, 300, "die=storing", code=-signal.SIGKILL)
    with opened(path, ages=retention.Ages(**ages)) as store:
        written = times(store)
        assert written == list(range(len(written)))
        record(store, 600, first=len(written))
        assert times(store)[-1] == len(written) + 599
        whole_range = history.Query("pod", past.at(-100), past.at(1e6), name="web-0", step=history.WHOLE)
        (pod,) = store.read(whole_range).series
        assert pod.points[0].samples == len(written) + 600
    assert whole(path)


@POSIX
def test_an_hour_survives_kills_at_any_moment(path: Path) -> None:
    """Killed again and again while it writes and compacts, a process leaves each tick exactly once."""
    written: list[int] = []
    for attempt in range(5):
        with start(path, 400 * attempt, 400) as process:
            assert process.stdout is not None
            for line in process.stdout:
                tick = json.loads(line)["tick"]
                written += [tick] if tick >= 0 else []
                if tick % 400 == 230 + 15 * attempt:
                    process.send_signal(signal.SIGKILL)
                    break
            written += [json.loads(line)["tick"] for line in process.stdout if line.endswith("\n")]
    with opened(path, write=False) as store:
        found = times(store)
        assert len(found) == len(set(found))
        assert set(written) <= set(found)
        assert len(found) <= len(written) + 5
        whole_range = history.Query("pod", past.at(-100), past.at(1e6), name="web-0", step=history.WHOLE)
        (pod,) = store.read(whole_range).series
        assert pod.points[0].samples == len(found)
    assert whole(path)


@POSIX
def test_a_file_appears_whole_or_not_at_all(path: Path) -> None:
    """Killed while it makes the file, a process leaves none; the next one makes it."""
    run(path, 0, 1, "die=making", code=-signal.SIGKILL)
    assert not path.exists()
    with opened(path) as store:
        record(store, 2)
        assert times(store) == [0, 1]
    assert sorted(each.name for each in path.parent.iterdir()) == ["history.db", "history.db.lock"]


@POSIX
def test_a_second_writer_reads_until_the_first_one_ends(path: Path) -> None:
    """It says who writes, shows what is written, and takes over, even when the first was killed."""
    with start(path, 0, 100_000) as first:
        assert first.stdout is not None
        while json.loads(first.stdout.readline())["tick"] < 3:
            pass
        with opened(path) as second:
            record(second, 1, first=200_000)
            assert (second.status().role, code_of(second)) == ("reads", "history_second_writer")
            assert str(first.pid) in second.problems[0].message
            assert {0, 1, 2} <= set(times(second))
            first.kill()
            first.wait()
            record(second, 2, first=200_001)
            assert (second.status().role, code_of(second)) == ("writes", None)
            assert times(second)[-2:] == [200_001, 200_002]


def test_a_second_store_of_this_process_is_a_second_writer(path: Path) -> None:
    """Two collectors that were given one file do not get into each other's way."""
    with opened(path) as first, opened(path) as second:
        record(first, 2)
        record(second, 1, first=7)
        assert code_of(second) == "history_second_writer"
        assert times(second) == [0, 1]
        first.close()
        record(second, 1, first=8)
        assert times(second) == [0, 1, 8]


@POSIX
def test_processes_read_while_one_writes(path: Path) -> None:
    """Readers see whole ticks only, as many as they are, whatever is compacted meanwhile."""
    with start(path, 0, 400) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        counts = []
        with opened(path, write=False) as one, opened(path, write=False) as other:
            while writer.poll() is None:
                for store in (one, other):
                    found = store.read(history.Query("pod", past.at(-60), past.at(1e7), step=300.0)).series
                    counts.append([sum(point.samples for point in pod.points) for pod in found])
                if not writer.stdout.readline():
                    break
    assert len(counts) > 20
    assert all(len(set(each)) <= 1 for each in counts)
    totals = [each[0] for each in counts if each]
    assert totals == sorted(totals)


def test_a_tick_never_waits(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk hangs ticks are counted as dropped, and whoever brings them does not notice."""
    hanging, going = threading.Event(), threading.Event()
    append = appender.Appender.append

    def hang(self: appender.Appender, snapshot: model.Snapshot) -> int:
        hanging.set()
        going.wait(30)
        return append(self, snapshot)

    monkeypatch.setattr(appender.Appender, "append", hang)
    with opened(path) as store:
        for each in past.ticks(30):
            store.append(each)
        assert hanging.wait(10)
        assert code_of(store) == "history_slow"
        dropped = store.status().dropped
        assert dropped >= 30 - stores._QUEUE - 1
        going.set()
        assert store.flush()
        assert (code_of(store), len(times(store))) == (None, 30 - dropped)


def test_an_unexpected_failure_is_told_and_tried_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a snapshot holds, the thread that writes goes on with the next one."""
    with opened(path) as store:
        record(store, 1)
        odd: Any = object()
        bad = past.snapshot(15, [past.pod("web-0", seconds=15)])._replace(source=odd)
        store.append(bad)
        store.flush()
        assert store.status().dropped == 1
        assert (store.status().role, code_of(store)) == ("off", "history_failed")
        record(store, 1, first=2)
        assert (code_of(store), times(store)) == (None, [0, 2])


def test_a_file_that_is_moved_away_is_begun_anew(path: Path) -> None:
    """Recording goes on in a new file, and the old one has all that was written until then."""
    with opened(path) as store:
        record(store, 3)
        times(store)
        moved = path.with_name("old.db")
        path.rename(moved)
        for tail in ("-wal", "-shm"):
            if Path(f"{path}{tail}").exists():
                Path(f"{path}{tail}").rename(f"{moved}{tail}")
        record(store, 2, first=10)
        assert times(store) == [10, 11]
        assert code_of(store) is None
    with opened(moved, write=False) as store:
        assert times(store) == [0, 1, 2]


def test_positions_are_of_their_file(path: Path) -> None:
    """In a file that is begun anew a reader begins anew: ticks are numbered from 1 again."""
    with opened(path) as store:
        record(store, 3)
        store.hold("reader", 3)
        store.flush()
        path.unlink()
        record(store, 2, first=10)
        assert store.held("reader") is None
        assert times(store) == [10, 11]


def test_usage_that_outlives_its_pod_is_no_series(path: Path) -> None:
    """A pod that is in the metrics only, without a uid, is not recorded as another series."""
    bare = past.pod("web-0", uid=None, node=None, phase=None, seconds=15)._replace(problem="gone")
    with opened(path) as store:
        store.append(past.snapshot(0, [past.pod("web-0"), past.pod("web-1")]))
        store.append(past.snapshot(15, [past.pod("web-1", seconds=15), bare]))
        store.flush()
        ((_, _), (_, second)) = store.snapshots(0)
        assert [pod.name for pod in second.pods] == ["web-1"]


def test_what_a_deleted_file_left_does_not_become_part_of_the_new_one(path: Path) -> None:
    """A write-ahead log without its database is set aside before a new file is made."""
    Path(f"{path}-wal").write_bytes(b"\x37\x7f\x06\x82" + bytes(5000))
    with opened(path) as store:
        record(store, 2)
        assert times(store) == [0, 1]
    assert Path(f"{path}-wal.left").stat().st_size == 5004


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Names of workloads are nobody else's business."""
    path = tmp_path / "state" / "history.db"
    with opened(path) as store:
        record(store, 1)
        for each in path.parent.iterdir():
            assert each.stat().st_mode & 0o077 == 0, each
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_lock_is_given_back(path: Path) -> None:
    """Acquiring again is no fault, and after the release another one has it."""
    one, other = lock.Lock(path), lock.Lock(path)
    assert one.acquire()
    assert one.acquire()
    assert not other.acquire()
    assert other.owner() == os.getpid()
    one.release()
    one.release()
    assert other.acquire()
    other.release()


@pytest.fixture(autouse=True)
def _no_threads_left() -> Iterator[None]:
    yield
    waiting.until(lambda: all(thread.name != "history" for thread in threading.enumerate()), seconds=5)


@POSIX
@pytest.mark.parametrize("tail", ["", ".lock", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("there", [True, False])
def test_nothing_is_written_through_a_link(path: Path, tmp_path: Path, tail: str, *, there: bool) -> None:
    """What a link leads to, that somebody put in the place of a file, is neither made nor changed."""
    victim = tmp_path / "victim"
    if there:
        victim.write_text("precious")
    Path(f"{path}{tail}").symlink_to(victim)
    with opened(path) as store:
        record(store, 2)
        assert code_of(store) == "history_foreign"
    assert victim.exists() is there
    assert not there or victim.read_text() == "precious"


@POSIX
@pytest.mark.parametrize("tail", ["-wal", "-shm"])
def test_readers_make_nothing_through_a_link(path: Path, tmp_path: Path, tail: str) -> None:
    """A reader, for whom SQLite makes files too, refuses links in their places."""
    with opened(path) as store:
        record(store, 2)
    victim = tmp_path / "victim"
    Path(f"{path}{tail}").unlink(missing_ok=True)
    Path(f"{path}{tail}").symlink_to(victim)
    with opened(path, write=False) as store, pytest.raises(errors.HistoryError, match="link"):
        store.clusters()
    assert not victim.exists()


@POSIX
def test_a_pipe_in_place_of_the_lock_holds_nobody_up(path: Path) -> None:
    """A pipe without a reader does not make the recorder wait."""
    os.mkfifo(f"{path}.lock")
    with opened(path) as store:
        assert code_of(store) is not None
