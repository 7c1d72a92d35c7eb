"""All series of a page over all steps of a range, for sums over many pods: lists that C loops fill. Pure.

It must not know where blocks are kept, nor which series make a sum.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from kubevitals.history import blocks, sums

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kubevitals.history import tracks


class PageSums:
    """What the wanted series of a page were in each step of the tier: the columns of `sums.Row`, growing."""

    __slots__ = ("_after", "_plan", "_rows", "_size", "_step")

    def __init__(self, wanted: Iterable[int], plan: tracks.Plan) -> None:
        assert plan.tier is not None
        self._plan = plan
        self._after = plan.after
        self._step = plan.tier.step
        self._size = (plan.last - plan.after) // self._step
        self._rows: dict[int, list[list[int]]] = {number: [[], [], [], []] for number in wanted}

    def add_block(self, begin: int, totals: blocks.Totals) -> None:
        """Add a block of the tier that begins at that time; blocks come in order, but parts may overlap."""
        offset = (begin - self._after) // self._step
        for number, (start, end) in totals.spans.items():
            row = self._rows.get(number)
            if row is None:
                continue
            first, last = offset + totals.places[start], offset + totals.places[end - 1]
            known = len(row[0])
            if first < 0 or last >= self._size or last - first != end - start - 1:
                for index in range(start, end):  # a gap, or the edge of the range
                    self._add(row, offset + totals.places[index], [column[index] for column in totals[2:]])
                continue
            both = min(max(known - first, 0), end - start)  # steps that are here in part already
            for into, column in zip(row, totals[2:], strict=True):
                for index in range(both):
                    into[first + index] += column[start + index]
                if known < first:
                    into.extend([0] * (first - known))
                into.extend(column[start + both : end])

    def add_raw(self, bodies: Iterable[bytes]) -> None:
        """Add the samples of ticks."""
        for row in self._rows.values():
            for column in row:
                column.extend([0] * (self._size - len(column)))
        rows, begin, step, size = self._rows, self._after + 1, self._step, self._size
        for body in bodies:
            for number, time, cpu, memory in blocks.decode_raw(body):
                place = (time - begin) // step
                if number in rows and 0 <= place < size:
                    cpus, cores, memories, sizes = rows[number]
                    if cpu is not None:
                        cpus[place] += 1
                        cores[place] += sums.to_microcores(cpu)
                    if memory is not None:
                        memories[place] += 1
                        sizes[place] += sums.to_kibibytes(memory)

    def row(self, number: int, *, until: int | None = None) -> sums.Row:
        """Return one series in the steps that were asked for, those that end at `until` at most."""
        size = self._size if until is None else max(0, min((until - self._after) // self._step, self._size))
        columns = self._rows[number]
        if size < self._size:
            columns = [[*column[:size], *[0] * (self._size - size)] for column in columns]
        return sums.Row(*map(self._coarsen, columns))

    def _coarsen(self, column: list[int]) -> list[int]:
        times = (self._plan.step or self._step) // self._step
        if times == 1:
            return column
        coarse = column[::times]
        for shift in range(1, times):
            coarse = list(map(operator.add, coarse, column[shift::times]))
        return coarse

    def _add(self, row: list[list[int]], place: int, values: Sequence[int]) -> None:
        if not 0 <= place < self._size:
            return
        missing = place + 1 - len(row[0])
        for into, value in zip(row, values, strict=True):
            if missing > 0:
                into.extend([0] * missing)
            into[place] += value
