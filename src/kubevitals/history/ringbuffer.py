"""A ring buffer of the newest samples of one series, packed: 12 bytes each.

A slot holds the time in milliseconds, CPU in microcores, memory in KiB (MiB from 2 TiB on).
"""

from __future__ import annotations

import struct

from kubevitals.history import aggregation

_SLOT = struct.Struct("<III")
_UNKNOWN = 0xFFFFFFFF
_LARGEST = _UNKNOWN - 1
_WRAP = 1 << 32  # milliseconds: 49 days, far more than a buffer covers
_LARGE = 1 << 31  # this bit set: memory is in MiB
_FIRST = 15  # slots of a new buffer: most pods of a short job never need more
_SET_BACK = 300_000  # milliseconds; a step back that is larger is a clock that was set


class RingBuffer:
    """Samples in the order of their times, at most so many: the oldest goes for the newest."""

    __slots__ = ("_filled", "_next", "_slots", "newest")

    def __init__(self) -> None:
        self._slots = bytearray(_FIRST * _SLOT.size)
        self._next = 0
        self._filled = 0
        self.newest = -1  # time of the newest sample

    def add(self, time: int, cpu: int | None, memory: int | None, *, most: int) -> bool:
        """Add a sample of nanocores and bytes, unless it is here already; return whether it is new."""
        if time <= self.newest:
            if time > self.newest - _SET_BACK:
                return False
            self._forget_after(time)
        room = len(self._slots) // _SLOT.size
        if self._filled == room < most:
            slots = bytearray(min(2 * room, most) * _SLOT.size)
            slots[: len(self._slots)] = self._slots
            self._slots, self._next, room = slots, room, min(2 * room, most)
        _SLOT.pack_into(
            self._slots,
            self._next * _SLOT.size,
            time % _WRAP,
            _UNKNOWN if cpu is None else min(aggregation.to_microcores(cpu), _LARGEST),
            _pack_memory(memory),
        )
        self._next = (self._next + 1) % min(room, most)
        self._filled = min(self._filled + 1, most)
        self.newest = time
        return True

    def read(self, after: int, until: int) -> tuple[list[int], list[int | None], list[int | None]]:
        """Return times, CPU and memory of the samples with after < time <= until, in order."""
        times: list[int] = []
        cpus: list[int | None] = []
        memories: list[int | None] = []
        if self.newest <= after:
            return times, cpus, memories
        view = memoryview(self._slots)[: self._filled * _SLOT.size]
        turned = self._next if self._next < self._filled else 0
        for part in (view[turned * _SLOT.size :], view[: turned * _SLOT.size]):
            for stamp, cpu, memory in _SLOT.iter_unpack(part):
                time = self.newest - (self.newest - stamp) % _WRAP
                if after < time <= until:
                    times.append(time)
                    cpus.append(None if cpu == _UNKNOWN else cpu * 1000)
                    memories.append(_unpack_memory(memory))
        return times, cpus, memories

    def last(self, until: int) -> aggregation.Sample | None:
        """Return the newest sample that is not after `until`."""
        for back in range(1, self._filled + 1):
            place = (self._next - back) % self._filled
            stamp, cpu, memory = _SLOT.unpack_from(self._slots, place * _SLOT.size)
            time = self.newest - (self.newest - stamp) % _WRAP
            if time <= until:
                return time, None if cpu == _UNKNOWN else cpu * 1000, _unpack_memory(memory)
        return None

    def copy(self) -> RingBuffer:
        """Return another buffer with the same samples."""
        made = RingBuffer()
        made._slots = bytearray(self._slots)
        made._next, made._filled, made.newest = self._next, self._filled, self.newest
        return made

    def _forget_after(self, time: int) -> None:
        """Keep what was before `time` only: the clock had been ahead."""
        kept = self.read(-1, time - 1)
        self._next = self._filled = 0
        self.newest = -1
        for stamp, cpu, memory in zip(*kept, strict=True):
            self.add(stamp, cpu, memory, most=len(self._slots) // _SLOT.size)


def _pack_memory(memory: int | None) -> int:
    if memory is None:
        return _UNKNOWN
    kibibytes = aggregation.to_kibibytes(memory)
    return kibibytes if kibibytes < _LARGE else min(_LARGE + (kibibytes >> 10), _LARGEST)


def _unpack_memory(packed: int) -> int | None:
    if packed == _UNKNOWN:
        return None
    return packed << 10 if packed < _LARGE else (packed - _LARGE) << 20
