"""Columns of whole numbers as bytes, and back: byte by byte position, so that zlib finds what repeats. Pure.

A column is its width in bytes (0 where all are 0) and then the lowest bytes of all values, the second lowest
and so on. How many values there are has to be known.
"""

from __future__ import annotations

import array
import sys
from typing import TYPE_CHECKING

from kubevitals import errors

if TYPE_CHECKING:
    from collections.abc import Sequence

_SWAP = sys.byteorder == "big"
_CODES = {
    1: ("B", 1),
    2: ("H", 2),
    3: ("I", 4),
    4: ("I", 4),
    5: ("Q", 8),
    6: ("Q", 8),
    7: ("Q", 8),
    8: ("Q", 8),
}


def encode(values: Sequence[int]) -> bytes:
    """Return a column. The values are at least 0 and below 2**64."""
    largest = max(values, default=0)
    if not largest:
        return b"\0"
    width = (largest.bit_length() + 7) // 8
    code, size = _CODES[width]
    packed = array.array(code, values)
    if _SWAP:
        packed.byteswap()
    raw = packed.tobytes()
    return b"".join((bytes((width,)), *(raw[place::size] for place in range(width))))


def decode(
    data: bytes, start: int, count: int, *, first: int = 0, last: int | None = None
) -> tuple[Sequence[int], int]:
    """Return values of the column of `count` at `start`, those from `first` to before `last`, and its end.

    Raises:
        errors.HistoryError: these bytes are no column.
    """
    width = data[start] if start < len(data) else 9
    begin = start + 1
    end = begin + width * count
    if width > 8 or end > len(data):
        raise errors.HistoryError("a stored block is damaged")
    last = count if last is None else last
    if width == 1:
        return data[begin + first : begin + last], end
    if not width:
        return bytes(last - first), end
    code, size = _CODES[width]
    raw = bytearray(size * (last - first))
    for place in range(width):
        plane = begin + place * count
        raw[place::size] = data[plane + first : plane + last]
    values = array.array(code)
    values.frombytes(raw)
    if _SWAP:
        values.byteswap()
    return values, end


def skip(data: bytes, start: int, count: int) -> int:
    """Return where the column of `count` values at `start` ends."""
    return start + 1 + (data[start] if start < len(data) else 0) * count
