"""Hours of a series.

Count, sum, extremes and a sketch of CPU and memory, and how they are stored and merged. Pure.
"""

from __future__ import annotations

import bisect
import itertools
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from kubevitals import errors
from kubevitals.history import aggregation, columns, sketch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HOUR = 3_600_000  # milliseconds
_HEAD = struct.Struct("<BI")  # form, hours
_FORM = 1
_LEVEL = 9  # of zlib


class Cell(NamedTuple):
    """One quantity in one span of time, in nanocores or bytes.

    Up to two samples the extremes say all: no `counts`.
    """

    number: int  # of samples
    total: int
    least: int
    most: int
    counts: dict[int, int]

    def sketch(self) -> dict[int, int]:
        """Return the counts of a sketch, a new one."""
        if self.counts:
            return dict(self.counts)
        return sketch.count((self.least, self.most)[: self.number])

    def stats(self, percentiles: tuple[float, ...]) -> aggregation.Stats:
        """Return it with percentiles by nearest rank, within 1 %; the least and the most are exact."""
        found: list[float] = []
        if percentiles:
            ranks = [aggregation.rank_of(each, self.number) for each in percentiles]
            near = sketch.values_at(self.sketch(), ranks)
            for rank, value in zip(ranks, near, strict=True):
                exact = self.least if rank == 1 else self.most if rank == self.number else None
                found.append(min(max(value, self.least), self.most) if exact is None else exact)
        return aggregation.Stats(self.number, self.total, self.least, self.most, tuple(found))


class Hour(NamedTuple):
    """What a series was in one hour: `number` counts them since 1970, `covered` is measured milliseconds.

    A sample at the full hour belongs to the hour that ends then.
    """

    number: int
    covered: int
    cpu: Cell | None
    memory: Cell | None

    @property
    def end(self) -> int:
        """The time at which it ends."""
        return (self.number + 1) * HOUR


def cell_of(values: Sequence[int | None]) -> Cell | None:
    """Return the cell of the values that are known; None if there is none."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    counts = sketch.count(known) if len(known) > 2 else {}
    return Cell(len(known), sum(known), min(known), max(known), counts)


def merge(cells: Iterable[Cell | None]) -> Cell | None:
    """Return the cell of all samples together; None if there is none."""
    known = [cell for cell in cells if cell is not None]
    if len(known) < 2:
        return known[0] if known else None
    counts: dict[int, int] = {}
    for cell in known:
        sketch.merge(counts, cell.sketch())
    return Cell(
        sum(cell.number for cell in known),
        sum(cell.total for cell in known),
        min(cell.least for cell in known),
        max(cell.most for cell in known),
        counts,
    )


def of_samples(found: aggregation.Samples) -> list[Hour]:
    """Return the hours that the samples fall into; these are in the order of time."""
    times, interval = found.times, aggregation.interval_of(found.times) or 0
    hours, begin = [], 0
    while begin < len(times):
        number = (times[begin] - 1) // HOUR
        stop = bisect.bisect_right(times, (number + 1) * HOUR, begin)
        if found.shares is None:
            covered = (stop - begin) * interval
        else:
            covered = sum(found.shares[begin:stop]) * interval // aggregation.WHOLE_SHARE
        hours.append(Hour(number, covered, cell_of(found.cpu[begin:stop]), cell_of(found.memory[begin:stop])))
        begin = stop
    return hours


def join(parts: Iterable[Hour]) -> list[Hour]:
    """Return the hours in order, those of one number merged."""
    found: dict[int, list[Hour]] = {}
    for part in parts:
        found.setdefault(part.number, []).append(part)
    return [
        same[0]
        if len(same) == 1
        else Hour(
            number,
            sum(each.covered for each in same),
            merge(each.cpu for each in same),
            merge(each.memory for each in same),
        )
        for number, same in sorted(found.items())
    ]


def encode(found: Sequence[Hour]) -> bytes:
    """Return hours as bytes; there is one at least."""
    parts = [
        _HEAD.pack(_FORM, len(found)),
        columns.encode_changes([hour.number for hour in found]),
        columns.encode([hour.covered for hour in found]),
    ]
    for cells in ([hour.cpu for hour in found], [hour.memory for hour in found]):
        parts += _encode_cells(cells)
    return zlib.compress(b"".join(parts), _LEVEL)


def _encode_cells(cells: Sequence[Cell | None]) -> list[bytes]:
    known = [cell for cell in cells if cell is not None]
    means = [cell.total // cell.number for cell in known]
    parts = [
        columns.encode([None if cell is None else cell.number for cell in cells]),
        columns.encode([cell.total for cell in known]),
        columns.encode([mean - cell.least for cell, mean in zip(known, means, strict=True)]),
        columns.encode([cell.most - mean for cell, mean in zip(known, means, strict=True)]),
    ]
    sizes, gaps, counts = [], [], []
    for cell in known:
        buckets = sorted(cell.counts)
        sizes.append(len(buckets))
        # The first bucket is that of the least value: it needs no number.
        gaps += [after - before for before, after in itertools.pairwise(buckets)]
        counts += [cell.counts[bucket] for bucket in buckets]
    return [*parts, columns.encode(sizes), columns.encode(gaps), columns.encode(counts)]


def decode(body: bytes) -> list[Hour]:
    """Return the hours.

    Raises:
        errors.HistoryError: the bytes are damaged.
    """
    try:
        data = zlib.decompress(body)
        form, count = _HEAD.unpack_from(data)
    except (zlib.error, struct.error) as error:
        raise errors.HistoryError(columns.DAMAGED) from error
    if form != _FORM or count > 1 << 16:
        raise errors.HistoryError(columns.DAMAGED)
    numbers, place = columns.decode_changes(data, _HEAD.size, count)
    covered, place = columns.decode(data, place, count)
    cpu, place = _decode_cells(data, place, count)
    memory, _ = _decode_cells(data, place, count)
    return list(map(Hour, numbers, covered, cpu, memory))  # type: ignore[arg-type]


def _decode_cells(data: bytes, place: int, count: int) -> tuple[list[Cell | None], int]:
    numbers, place = columns.decode(data, place, count)
    known = sum(number is not None for number in numbers)
    found = []
    for _ in range(4):
        column, place = columns.decode(data, place, known)
        found.append(column)
    totals, lows, highs, sizes = found
    whole = sum(sizes)  # type: ignore[arg-type]
    if whole > 1 << 20:  # a sketch has some hundred buckets
        raise errors.HistoryError(columns.DAMAGED)
    gaps, place = columns.decode(data, place, whole - sum(map(bool, sizes)))
    counts, place = columns.decode(data, place, whole)
    cells: list[Cell | None] = []
    index, gap, begin = 0, 0, 0
    for number in numbers:
        if number is None:
            cells.append(None)
            continue
        total, size = int(totals[index] or 0), int(sizes[index] or 0)
        mean = total // number
        least = mean - int(lows[index] or 0)
        held: dict[int, int] = {}
        if size:
            buckets = itertools.accumulate(gaps[gap : gap + size - 1], initial=sketch.bucket_of(least))
            held = dict(zip(buckets, counts[begin : begin + size], strict=True))  # type: ignore[arg-type]
            gap, begin = gap + size - 1, begin + size
        cells.append(Cell(number, total, least, mean + int(highs[index] or 0), held))
        index += 1
    return cells, place
