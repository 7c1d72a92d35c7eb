"""Files that are written in one step."""

from __future__ import annotations

import errno
import os
import stat
import threading
from typing import TYPE_CHECKING

import pytest

from kubevitals import errors, files

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, content: bytes, *, mode: int | None = 0o644) -> None:
    files.write(str(path), content, what="the metrics", mode=mode)


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_a_reader_never_finds_a_part(tmp_path: Path) -> None:
    """Readers find the old content or the new one, and nothing else is left in the directory."""
    path = tmp_path / "kubevitals.prom"
    bodies = [f"x {number}\n".encode() * 20_000 for number in range(2)]
    write(path, bodies[0])
    stopping = threading.Event()
    partial: list[int] = []

    def read() -> None:
        while not stopping.is_set():
            if path.read_bytes() not in bodies:
                partial.append(1)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(50):
        write(path, bodies[number % 2])
    stopping.set()
    reader.join()
    assert not partial
    assert names(tmp_path) == ["kubevitals.prom"]


def test_permissions(tmp_path: Path) -> None:
    """The file has the given permissions whatever the umask; without any, those of every new file."""
    before = os.umask(0o027)
    try:
        write(tmp_path / "public", b"", mode=0o644)
        write(tmp_path / "private", b"", mode=0o600)
        write(tmp_path / "usual", b"", mode=None)
    finally:
        os.umask(before)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
    assert modes == {"public": 0o644, "private": 0o600, "usual": 0o640}


def test_a_private_file_is_never_readable_by_others(tmp_path: Path) -> None:
    """While it is in the making a file of a given mode belongs to its owner alone."""
    with files.AtomicFile(str(tmp_path / "private"), what="the kubeconfig", mode=0o600) as made:
        made.file.write(b"secret")
        (temporary,) = tmp_path.iterdir()
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
        assert temporary.name.startswith(".")
        assert temporary.name.endswith(".tmp")


def test_the_content_is_on_the_disk_before_it_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it is synchronized, and then renamed: a crash leaves no empty file."""
    steps: list[str] = []
    sync, replace = os.fsync, os.replace

    def note_sync(handle: int) -> None:
        sync(handle)
        steps.append(f"sync {os.fstat(handle).st_size}")

    def note_replace(old: str, new: str) -> None:
        replace(old, new)
        steps.append("replace")

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_replace)
    write(tmp_path / "x", b"12345")
    assert steps == ["sync 5", "replace"]


def test_a_block_that_fails_or_discards_leaves_the_old_content(tmp_path: Path) -> None:
    """The file stays as it was, the exception passes, and nothing is left beside it."""
    path = tmp_path / "usage.csv"
    path.write_bytes(b"before")
    with (
        pytest.raises(errors.HistoryError, match="torn"),
        files.AtomicFile(str(path), what="the history") as made,
    ):
        made.file.write(b"after")
        raise errors.HistoryError("it is torn")
    with files.AtomicFile(str(path), what="the history") as made:
        made.file.write(b"after")
        made.discard()
    assert path.read_bytes() == b"before"
    assert names(tmp_path) == ["usage.csv"]


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """An error of the system becomes one that names the content, the file and what to do."""
    path = tmp_path / "usage.csv"
    with (
        pytest.raises(errors.ConfigurationError) as caught,
        files.AtomicFile(str(path), what="the history"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert str(caught.value) == f"the history cannot be written to {path}: No space left on device"
    assert "has room" in str(caught.value.remedy)
    assert names(tmp_path) == []


def test_a_directory_that_does_not_exist_is_told(tmp_path: Path) -> None:
    """So is a place where no file can be."""
    with pytest.raises(errors.ConfigurationError, match=r"the metrics cannot be written to .*nowhere"):
        write(tmp_path / "nowhere" / "x.prom", b"")


def test_only_files_are_replaced(tmp_path: Path) -> None:
    """A link, a pipe, a directory and what a link leads to stay what they are."""
    victim, link, broken, pipe, folder = (
        tmp_path / name for name in ("victim", "link", "broken", "pipe", "folder")
    )
    victim.write_bytes(b"mine")
    link.symlink_to(victim)
    broken.symlink_to(tmp_path / "nothing")
    os.mkfifo(pipe)
    folder.mkdir()
    for place, word in ((link, "a link"), (broken, "a link"), (pipe, "no file"), (folder, "no file")):
        with pytest.raises(errors.ConfigurationError, match=f"{place.name} is {word}"):
            write(place, b"new")
    assert victim.read_bytes() == b"mine"
    assert link.is_symlink()
    assert pipe.is_fifo()
    assert names(tmp_path) == ["broken", "folder", "link", "pipe", "victim"]
