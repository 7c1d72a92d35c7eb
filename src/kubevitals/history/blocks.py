"""What a page of series is stored as: the samples of one tick, or the steps of one span of time. Pure.

A page is a few dozen series of one namespace. Blocks are columns over all its series, so that reading one
series or all of them costs C loops and no object a value. It must not know where blocks are kept.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from kubevitals import errors
from kubevitals.history import planes, sketch, sums

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_RAW = struct.Struct("<HQ")  # samples, time of the tick
_ROLLED = struct.Struct("<HI")  # series, steps
_RAW_LEVEL, _ROLLED_LEVEL = 1, 6  # of zlib
_COLUMNS = 4  # of each quantity in a rolled block


class RawSample(NamedTuple):
    """One sample as it was measured: milliseconds, nanocores, bytes. None is unknown."""

    series: int
    time: int
    cpu: int | None
    memory: int | None
    window: int | None


class Cell(NamedTuple):
    """One quantity in one step, in microcores or KiB. Up to two samples the extremes say all: no `counts`.

    Nor are there any where they were not asked for; below 20 samples the 95th percentile is the largest.
    """

    number: int
    total: int
    least: int
    most: int
    counts: dict[int, int]

    def sketch(self) -> dict[int, int]:
        """Return the counts of a sketch, a new one."""
        if self.counts:
            return dict(self.counts)
        return sketch.count((self.least, self.most)[: self.number])

    def stats(self, unit: int) -> sums.Stats:
        """Return it in units `unit` times as small: nanocores or bytes."""
        p95 = sketch.p95_of(self.counts, self.number, least=self.least, most=self.most)
        return sums.Stats(self.number, self.total * unit, self.least * unit, self.most * unit, p95 * unit)


def cell_of(values: Sequence[int]) -> Cell:
    """Return the cell of some values. There must be one."""
    number = len(values)
    counts = sketch.count(values) if number > 2 else {}
    return Cell(number, sum(values), min(values), max(values), counts)


def merge(cells: Sequence[Cell]) -> Cell:
    """Return the cell of all samples together. There must be one."""
    if len(cells) == 1:
        return cells[0]
    number = sum(cell.number for cell in cells)
    counts: dict[int, int] = {}
    if number > 2:
        for cell in cells:
            sketch.merge(counts, cell.sketch())
    return Cell(
        number,
        sum(cell.total for cell in cells),
        min(cell.least for cell in cells),
        max(cell.most for cell in cells),
        counts,
    )


class Step(NamedTuple):
    """What a series was in one step, `place` being the step's number within the block."""

    place: int
    cpu: Cell | None
    memory: Cell | None


def encode_raw(tick_at: int, samples: Sequence[RawSample]) -> bytes:
    """Return one tick's samples of a page; `tick_at` is the time of the tick."""
    series = [sample.series for sample in samples]
    columns = (
        [series[0], *(after - before for before, after in itertools.pairwise(series))],
        [_fold_sign(tick_at - sample.time) for sample in samples],
        [0 if sample.cpu is None else sample.cpu + 1 for sample in samples],
        [0 if sample.memory is None else sample.memory + 1 for sample in samples],
        [0 if sample.window is None else sample.window + 1 for sample in samples],
    )
    return zlib.compress(_RAW.pack(len(samples), tick_at) + b"".join(map(planes.encode, columns)), _RAW_LEVEL)


def decode_raw(body: bytes) -> Iterator[tuple[int, int, int | None, int | None]]:
    """Yield series, time, CPU and memory of each sample.

    Raises:
        errors.HistoryError: the block is damaged.
    """
    ids, times, cpus, memories, _ = _decode_raw(body)
    return zip(ids, times, cpus, memories, strict=True)


def decode_raw_whole(body: bytes) -> list[RawSample]:
    """Return the samples with their windows.

    Raises:
        errors.HistoryError: the block is damaged.
    """
    ids, times, cpus, memories, (data, place) = _decode_raw(body)
    windows = planes.decode(data, place, len(ids))[0]
    return [
        RawSample(series, time, cpu, memory, window - 1 if window else None)
        for series, time, cpu, memory, window in zip(ids, times, cpus, memories, windows, strict=True)
    ]


def _decode_raw(
    body: bytes,
) -> tuple[list[int], list[int], list[int | None], list[int | None], tuple[bytes, int]]:
    data = _inflate(body)
    count, tick_at = _unpack(_RAW, data)
    steps, place = planes.decode(data, _RAW.size, count)
    ages, place = planes.decode(data, place, count)
    cpus, place = planes.decode(data, place, count)
    memories, place = planes.decode(data, place, count)
    return (
        list(itertools.accumulate(steps)),
        [tick_at - ((age >> 1) ^ -(age & 1)) for age in ages],
        [cpu - 1 if cpu else None for cpu in cpus],
        [memory - 1 if memory else None for memory in memories],
        (data, place),
    )


def find_raw(body: bytes, wanted: int) -> sums.Sample | None:
    """Return the sample of one series, or None.

    Raises:
        errors.HistoryError: the block is damaged.
    """
    data = _inflate(body)
    count, tick_at = _unpack(_RAW, data)
    steps, place = planes.decode(data, _RAW.size, count)
    try:
        index = list(itertools.accumulate(steps)).index(wanted)
    except ValueError:
        return None
    found = []
    for _ in range(3):
        found.append(_pick(data, place, count, index))
        place = planes.skip(data, place, count)
    age, cpu, memory = found
    time: int = tick_at - ((age >> 1) ^ -(age & 1))
    return time, cpu - 1 if cpu else None, memory - 1 if memory else None


def _pick(data: bytes, start: int, count: int, index: int) -> int:
    """Return one value of the column at `start`."""
    width = data[start]
    return int.from_bytes(data[start + 1 + index : start + 1 + width * count : count], "little")


def encode_rolled(page: Sequence[tuple[int, Sequence[Step]]]) -> tuple[bytes, bytes]:
    """Return the block of a page, and that of its sketches; series and steps in ascending order."""
    steps = [step for _, each in page for step in each]
    ids = [series for series, _ in page]
    columns: list[list[int]] = [
        [ids[0], *(after - before for before, after in itertools.pairwise(ids))],
        [len(each) for _, each in page],
        [step.place for step in steps],
    ]
    sketches: list[list[int]] = []
    for cells in ([step.cpu for step in steps], [step.memory for step in steps]):
        columns += _encode_cells(cells)
        sketches += _encode_counts(cells)
    head = _ROLLED.pack(len(page), len(steps))
    return (
        zlib.compress(head + b"".join(map(planes.encode, columns)), _ROLLED_LEVEL),
        zlib.compress(b"".join(map(planes.encode, sketches)), _ROLLED_LEVEL),
    )


def _encode_cells(cells: Sequence[Cell | None]) -> list[list[int]]:
    """Return the columns of one quantity: number, total, and how far the extremes are from the mean."""
    numbers, totals, lows, highs = [], [], [], []
    for cell in cells:
        number, total, least, most, _ = cell or (0, 0, 0, 0, None)
        mean = total // number if number else 0
        numbers.append(number)
        totals.append(total)
        lows.append(mean - least)
        highs.append(most - mean)
    return [numbers, totals, lows, highs]


def _encode_counts(cells: Sequence[Cell | None]) -> list[list[int]]:
    """Return how many buckets each sketch has, the gaps between them, and the counts.

    The first bucket is that of the least value: it needs no number.
    """
    sizes, gaps, counts = [], [], []
    for cell in cells:
        if cell is None or not cell.counts:
            sizes.append(0)
            continue
        buckets = sorted(cell.counts)
        sizes.append(len(buckets))
        gaps += [0, *(after - before for before, after in itertools.pairwise(buckets))]
        counts += [cell.counts[bucket] for bucket in buckets]
    return [sizes, gaps, counts]


class Totals(NamedTuple):
    """A block without its extremes and sketches: parallel columns, a total of 0 samples being unknown."""

    spans: dict[int, tuple[int, int]]  # where each series begins and ends in the columns
    places: Sequence[int]
    cpu_numbers: Sequence[int]
    cpu: Sequence[int]  # microcores
    memory_numbers: Sequence[int]
    memory: Sequence[int]  # KiB


class Rolled:
    """A stored block of steps, decoded as far as it is asked.

    Raises:
        errors.HistoryError: the block is damaged.
    """

    __slots__ = ("_at", "_data", "_places", "_spans", "_steps", "series")

    def __init__(self, body: bytes) -> None:
        data = self._data = _inflate(body)
        count, self._steps = _unpack(_ROLLED, data)
        ids, place = planes.decode(data, _ROLLED.size, count)
        lengths, place = planes.decode(data, place, count)
        ends = [0, *itertools.accumulate(lengths)]
        self.series = list(itertools.accumulate(ids))
        self._spans = dict(zip(self.series, itertools.pairwise(ends), strict=True))
        self._places, place = planes.decode(data, place, self._steps)
        self._at = []
        for _ in range(2 * _COLUMNS):  # of CPU, then of memory
            self._at.append(place)
            place = planes.skip(data, place, self._steps)

    def totals(self) -> Totals:
        """Return the totals of all series."""
        columns = [
            planes.decode(self._data, self._at[index], self._steps)[0]
            for index in (0, 1, _COLUMNS, _COLUMNS + 1)
        ]
        return Totals(self._spans, self._places, *columns)

    def most_samples(self, series: int) -> int:
        """Return how many samples the fullest step of a series has."""
        return max((max(self._column(index, series), default=0) for index in (0, _COLUMNS)), default=0)

    def steps(
        self, sketches: bytes | None, wanted: set[int] | None = None
    ) -> Iterator[tuple[int, list[Step]]]:
        """Yield the steps of the wanted series that are here, or of all; without sketches where None."""
        present = self.series if wanted is None else [each for each in self.series if each in wanted]
        counts = _decode_counts(sketches, self._steps) if sketches is not None and present else [None, None]
        for each in present:
            start, end = self._spans[each]
            columns = [self._column(index, each) for index in range(2 * _COLUMNS)]
            cpus = _cells(columns[:_COLUMNS], counts[0], start)
            memories = _cells(columns[_COLUMNS:], counts[1], start)
            yield each, list(map(Step, self._places[start:end], cpus, memories))

    def _column(self, index: int, series: int) -> Sequence[int]:
        start, end = self._spans[series]
        return planes.decode(self._data, self._at[index], self._steps, first=start, last=end)[0]


class _Counts:
    """The sketches of one quantity."""

    __slots__ = ("_begins", "_counts", "_gaps")

    def __init__(self, sizes: Sequence[int], gaps: Sequence[int], counts: Sequence[int]) -> None:
        self._begins = [0, *itertools.accumulate(sizes)]
        self._gaps = gaps
        self._counts = counts

    def read(self, step: int, least: int) -> dict[int, int]:
        """Return the sketch of a step whose least value is known."""
        begin, end = self._begins[step : step + 2]
        if begin == end:
            return {}
        buckets = itertools.accumulate(self._gaps[begin:end], initial=sketch.bucket_of(least))
        next(buckets)
        return dict(zip(buckets, self._counts[begin:end], strict=True))


def _decode_counts(body: bytes, steps: int) -> list[_Counts]:
    data = _inflate(body)
    found, place = [], 0
    for _ in range(2):
        sizes, place = planes.decode(data, place, steps)
        gaps, place = planes.decode(data, place, sum(sizes))
        counts, place = planes.decode(data, place, sum(sizes))
        found.append(_Counts(sizes, gaps, counts))
    return found


def _cells(columns: Sequence[Sequence[int]], counts: _Counts | None, start: int) -> Iterator[Cell | None]:
    """Yield the cells of one series, whose first step is number `start` of the block."""
    for step, (number, total, low, high) in enumerate(zip(*columns, strict=True), start):
        if not number:
            yield None
            continue
        mean = total // number
        least = mean - low
        yield Cell(number, total, least, mean + high, counts.read(step, least) if counts else {})


def _fold_sign(value: int) -> int:
    """Return a number of at least 0 for any: 0, -1, 1, -2 become 0, 1, 2, 3."""
    return value << 1 if value >= 0 else (-value << 1) - 1


def _unpack(head: struct.Struct, data: bytes) -> tuple[int, int]:
    if len(data) < head.size:
        raise errors.HistoryError("a stored block is damaged")
    first, second = head.unpack_from(data)
    return first, second


def _inflate(body: bytes) -> bytes:
    """Raises errors.HistoryError: these bytes were not stored by this program."""
    try:
        return zlib.decompress(body)
    except zlib.error as error:
        raise errors.HistoryError("a stored block is damaged") from error
