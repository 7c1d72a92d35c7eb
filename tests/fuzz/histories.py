"""Targets: files of history that were damaged, and the blocks in them."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import pathlib
import sqlite3
import tempfile
import zlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests import made_past as past
from tests.fuzz import runner

from kubevitals import errors, history, kinds, model
from kubevitals.history import factcodec, fileproblems, hours, retention, samples, store
from kubevitals.surfaces.terminal import table
from kubevitals.surfaces.view import columns, documents, historydocuments

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_KINDS = ("node", "pod", "container", "workload", "namespace")
_STEPS: tuple[float | None, ...] = (None, 300.0, 3600.0, history.WHOLE)


@functools.cache
def _file() -> bytes:
    """A file with samples of the open hour, blocks of others, and hours whose samples are gone."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "history.db")
        ages = retention.Ages(samples=7200.0, hours=86_400.0)
        with store.Store.open(path, pause=0.0, ages=ages) as made:
            for tick in past.ticks(150, pods=2, interval=120.0):
                made.append(tick)
                made.flush()
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("VACUUM")
        return path.read_bytes()


def _damage(edits: bytes) -> bytes:
    """The file with some bytes changed: of each five one is the new byte, the others say where."""
    data = bytearray(_file())
    for start in range(0, len(edits) - 4, 5):
        where = int.from_bytes(edits[start : start + 4], "big") % (len(data) + 64)
        if where < len(data):
            data[where] = edits[start + 4]
        else:
            del data[len(data) * edits[start + 4] // 256 :]
            if not data:
                break
    return bytes(data)


def _edits() -> Sequence[bytes]:
    """Places all over the file, and some in its header and the heads of pages."""
    size = len(_file())
    places = [*range(0, 100, 7), *range(0, size, 8192), *range(0, size, size // 40)]
    return [place.to_bytes(4, "big") + bytes([number * 37 % 256]) for number, place in enumerate(places)]


def _read_file(edits: bytes) -> None:
    """Ask a damaged file everything: each question has an answer or an error of history."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "history.db")
        path.write_bytes(_damage(edits))
        first = past.START - timedelta(hours=1)
        last = first + timedelta(hours=8)
        with store.Store.open(path, write=False) as opened:
            asked: list[Callable[[], Any]] = [
                opened.clusters,
                lambda: opened.extent(last),
                lambda: opened.snapshot_at(last - timedelta(hours=2)),
                lambda: list(opened.snapshots(0)),
                lambda: opened.held("a"),
            ]
            for kind in _KINDS:
                for step in _STEPS:
                    percentiles = (50.0, 95.0) if step is not None else ()
                    query = history.Query(kind, first, last, step=step, percentiles=percentiles)
                    asked.append(functools.partial(opened.read, query))
            for ask in asked:
                with contextlib.suppress(errors.HistoryError):
                    _show(ask())
        if edits[:1] and edits[0] % 4 == 0:  # and record into it
            with store.Store.open(path, pause=0.0) as recording:
                recording.append(next(past.ticks(1, first=500)))
                assert recording.flush()


def _show(answer: Any) -> None:
    """Write an answer as the surfaces do."""
    if isinstance(answer, history.Answer):
        historydocuments.write_csv(historydocuments.rows_of(answer.series), io.StringIO(newline=""))
        for series in answer.series:
            found = len(series.points[0].cpu_percentiles)
            json.dumps(historydocuments.to_item(series, (50.0, 95.0)[:found]))
    elif isinstance(answer, model.Snapshot):
        documents.render_json(answer, kinds.PODS, answer.pods)
        documents.render_csv(kinds.NODES, answer.nodes)
        table.render_table(answer.pods, columns.PODS, now=answer.generated_at)


def _blocks(table: str) -> Sequence[bytes]:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(_file())
        rows = connection.execute(f"SELECT body FROM {table} LIMIT 8").fetchall()
    assert rows, table
    return [body for (body,) in rows]


_DECODERS: tuple[Callable[[bytes], Any], ...] = (samples.decode, samples.decode_whole)


def _read_block(data: bytes) -> None:
    for decode in _DECODERS:
        with contextlib.suppress(*fileproblems.BROKEN):
            decode(zlib.compress(data))


def _read_hours(data: bytes) -> None:
    hours.join(hours.decode(zlib.compress(data)))


def _read_ticks(data: bytes) -> None:
    for decode in (samples.decode_tick, lambda body: list(samples.join_ticks([body])), _find_in_tick):
        with contextlib.suppress(*fileproblems.BROKEN):
            decode(data)


def _find_in_tick(data: bytes) -> object:
    return list(samples.find_in_ticks([data], [1, 2]))


def _read_facts(data: bytes) -> None:
    packer = zlib.compressobj(zdict=factcodec._DICTIONARY)
    body = packer.compress(data) + packer.flush()
    for decode in (factcodec.decode_pod, factcodec.decode_node, factcodec.decode_cluster):
        with contextlib.suppress(*fileproblems.BROKEN):
            decode(body)


def _facts() -> Sequence[bytes]:
    return [
        zlib.decompressobj(zdict=factcodec._DICTIONARY).decompress(body) for body in _blocks("fact") if body
    ]


_BROKEN = fileproblems.BROKEN
TARGETS = (
    runner.Target("history-files", _edits, _read_file, cases=80),
    runner.Target(
        "history-blocks", lambda: [*map(zlib.decompress, _blocks("block"))], _read_block, cases=100
    ),
    runner.Target(
        "history-hours", lambda: [*map(zlib.decompress, _blocks("hour"))], _read_hours, _BROKEN, cases=100
    ),
    runner.Target("history-ticks", lambda: _blocks("open"), _read_ticks, cases=100),
    runner.Target("history-facts", _facts, _read_facts, words=(b"null", b"[]", b'"containers":', b"1e999")),
)
