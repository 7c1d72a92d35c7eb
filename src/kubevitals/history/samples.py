"""How samples are stored: a block of one series over an hour, or one tick of up to 64 series. Pure.

A block is compressed columns, so that reading a series costs loops of C and no object a sample. Its first
byte is the version of its form; columns that a newer version adds come behind these, where this one does
not look.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from kubevitals import errors
from kubevitals.history import aggregation, columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_HEAD = struct.Struct("<BI")  # form, samples
_TICK_HEAD = struct.Struct("<BIQ")  # form, samples, time of the tick
_FORM = 1
_LEVEL = 6  # of zlib


class Sample(NamedTuple):
    """One sample of a series as it came with a tick: milliseconds, nanocores, bytes. None is unknown."""

    series: int
    time: int
    cpu: int | None
    memory: int | None
    window: int | None = None
    share: int | None = None  # of a sum of which not all pods were measured


class Block(NamedTuple):
    """The samples of one series, as columns."""

    ticks: list[int]
    times: list[int]
    cpu: list[int | None]
    memory: list[int | None]
    windows: list[int | None]
    shares: list[int | None]

    @property
    def samples(self) -> aggregation.Samples:
        """The columns that points are made of."""
        return aggregation.Samples(self.times, self.cpu, self.memory, whole_shares(self.shares))


def whole_shares(shares: Sequence[int | None]) -> list[int] | None:
    """Return the shares with numbers alone; None where all are whole."""
    if not any(shares):
        return None
    return [aggregation.WHOLE_SHARE if share is None else share for share in shares]


def encode(block: Block) -> bytes:
    """Return the block as bytes; it has one sample at least."""
    count = len(block.times)
    cpu = columns.encode(block.cpu)
    parts = (
        _HEAD.pack(_FORM, count) + columns.encode_changes(block.times),
        cpu[:-count],
        cpu[-count:],
        columns.encode(block.memory),
        columns.encode(block.shares),
        columns.encode_changes(block.ticks),
        columns.encode(block.windows),
    )
    packer = zlib.compressobj(_LEVEL)
    # The low bytes of CPU are as good as random: they have tables of their own, apart from the rest.
    packed = [packer.compress(part) + packer.flush(zlib.Z_BLOCK) for part in parts[:2]]
    return b"".join(packed) + packer.compress(b"".join(parts[2:])) + packer.flush()


def decode(body: bytes) -> aggregation.Samples:
    """Return what points are made of.

    Raises:
        errors.HistoryError: the block is damaged.
    """
    data, count = _open(body)
    times, place = columns.decode_changes(data, _HEAD.size, count)
    cpu, place = columns.decode(data, place, count)
    memory, place = columns.decode(data, place, count)
    shares = None
    if not columns.is_empty(data, place):
        shares = whole_shares(columns.decode(data, place, count)[0])
    return aggregation.Samples(times, cpu, memory, shares)  # type: ignore[arg-type]


def decode_whole(body: bytes) -> Block:
    """Return all of the block.

    Raises: as `decode`.
    """
    data, count = _open(body)
    times, place = columns.decode_changes(data, _HEAD.size, count)
    cpu, place = columns.decode(data, place, count)
    memory, place = columns.decode(data, place, count)
    shares, place = columns.decode(data, place, count)
    ticks, place = columns.decode_changes(data, place, count)
    windows, _ = columns.decode(data, place, count)
    return Block(ticks, times, cpu, memory, windows, shares)  # type: ignore[arg-type]


def _open(body: bytes) -> tuple[bytes, int]:
    try:
        data = zlib.decompress(body)
        form, count = _HEAD.unpack_from(data)
    except (zlib.error, struct.error) as error:
        raise errors.HistoryError(columns.DAMAGED) from error
    if form != _FORM or count > 1 << 20:
        raise errors.HistoryError(columns.DAMAGED)
    return data, count


def encode_tick(at: int, samples: Sequence[Sample]) -> bytes:
    """Return what came with the tick of that time; the samples are in the order of their series."""
    parts = (
        _TICK_HEAD.pack(_FORM, len(samples), at),
        columns.encode([sample.series for sample in samples]),
        columns.encode([at - sample.time for sample in samples]),
        columns.encode([sample.cpu for sample in samples]),
        columns.encode([sample.memory for sample in samples]),
        columns.encode([sample.window for sample in samples]),
        columns.encode([sample.share for sample in samples]),
    )
    return b"".join(parts)


def decode_tick(body: bytes) -> list[Sample]:
    """Return the samples of a tick.

    Raises:
        errors.HistoryError: the bytes are damaged.
    """
    count, at = _open_tick(body)
    found, place = [], _TICK_HEAD.size
    for _ in Sample._fields:
        column, place = columns.decode(body, place, count)
        found.append(column)
    found[1] = [at - (age or 0) for age in found[1]]
    return list(map(Sample._make, zip(*found, strict=True)))


def join_ticks(bodies: Iterable[bytes]) -> Iterator[tuple[int, aggregation.Samples]]:
    """Yield the samples of each series in some ticks, in parts: ticks of the same series are one part.

    Raises: as `decode_tick`.
    """
    runs: dict[bytes, list[list[list[int | None]]]] = {}  # columns of each tick, by its column of series
    for body in bodies:
        count, at = _open_tick(body)
        place = columns.end_of(body, _TICK_HEAD.size, count)
        ages, end = columns.decode(body, place, count)
        cpu, end = columns.decode(body, end, count)
        memory, end = columns.decode(body, end, count)
        shares, _ = columns.decode(body, columns.end_of(body, end, count), count)
        times: list[int | None] = [at - (age or 0) for age in ages]
        runs.setdefault(body[_TICK_HEAD.size : place], []).append([times, cpu, memory, shares])
    for head, ticks in runs.items():
        numbers, _ = columns.decode(head, 0, len(ticks[0][0]))
        quantities = [zip(*quantity, strict=True) for quantity in zip(*ticks, strict=True)]
        for number, times, cpu, memory, shares in zip(numbers, *map(_lists, quantities), strict=True):
            yield number, aggregation.Samples(times, cpu, memory, whole_shares(shares))  # type: ignore[arg-type]


def _lists(rows: Iterable[tuple[int | None, ...]]) -> Iterator[list[int | None]]:
    return map(list, rows)


def find_in_ticks(
    bodies: Iterable[bytes], wanted: Iterable[int]
) -> Iterator[tuple[int, aggregation.Samples]]:
    """Yield the samples of a few series in some ticks.

    Raises: as `decode_tick`.
    """
    places: dict[
        bytes, list[int]
    ] = {}  # of the wanted series, by the column of series: most ticks have the same
    numbers = list(wanted)
    found: list[list[list[int | None]]] = [[[], [], [], []] for _ in numbers]
    for body in bodies:
        count, at = _open_tick(body)
        begin = columns.end_of(body, _TICK_HEAD.size, count)
        head = body[_TICK_HEAD.size : begin]
        if head not in places:
            known, _ = columns.decode(head, 0, count)
            places[head] = [known.index(number) if number in known else -1 for number in numbers]
        for index, into in zip(places[head], found, strict=True):
            if index >= 0:
                age, place = columns.pick(body, begin, count, index)
                cpu, place = columns.pick(body, place, count, index)
                memory, place = columns.pick(body, place, count, index)
                share, _ = columns.pick(body, columns.end_of(body, place, count), count, index)
                for column, value in zip(into, (at - (age or 0), cpu, memory, share), strict=True):
                    column.append(value)
    for number, (times, cpus, memories, shares) in zip(numbers, found, strict=True):
        if times:
            yield number, aggregation.Samples(times, cpus, memories, whole_shares(shares))  # type: ignore[arg-type]


def _open_tick(body: bytes) -> tuple[int, int]:
    try:
        form, count, at = _TICK_HEAD.unpack_from(body)
    except struct.error as error:
        raise errors.HistoryError(columns.DAMAGED) from error
    if form != _FORM or count > 1 << 10:
        raise errors.HistoryError(columns.DAMAGED)
    return count, at
