"""Columns of whole numbers as bytes, and back. Pure.

A column is a head (how wide its codes are, the least number and the common divisor of all distances from
it) and the codes, byte by byte position, so that zlib finds what repeats. A number may be None. A constant
column takes its head alone. How many numbers there are has to be known.
"""

from __future__ import annotations

import array
import itertools
import math
import sys
from typing import TYPE_CHECKING

from kubevitals import errors

if TYPE_CHECKING:
    from collections.abc import Sequence

_SWAP = sys.byteorder == "big"
_DENSE = 0x80  # this bit of the width: no number is None
_CODES = ("B", "B", "H", "I", "I", "Q", "Q", "Q", "Q")  # of arrays, by the width of a code in bytes
_SIZES = (1, 1, 2, 4, 4, 8, 8, 8, 8)


def encode(values: Sequence[int | None]) -> bytes:
    """Return a column. The distances between its numbers are below 2**63."""
    dense = None not in values
    known: Sequence[int] = values if dense else [value for value in values if value is not None]  # type: ignore[assignment]
    base = min(known, default=0)
    unit = math.gcd(*[value - base for value in known]) or 1
    if dense:
        codes = [(value - base) // unit for value in known]
    else:
        codes = [0 if value is None else (value - base) // unit + 1 for value in values]
    width = (max(codes, default=0).bit_length() + 7) // 8
    origin = base.to_bytes((base.bit_length() + 8) // 8, "little", signed=True)
    factor = unit.to_bytes((unit.bit_length() + 7) // 8, "little")
    head = bytes((width | (_DENSE if dense else 0), len(origin), len(factor))) + origin + factor
    if not width:
        return head
    packed = array.array(_CODES[width], codes)
    if _SWAP:
        packed.byteswap()
    raw = packed.tobytes()
    size = _SIZES[width]
    return head + b"".join([raw[place::size] for place in range(width)])


def encode_changes(values: Sequence[int | None]) -> bytes:
    """Return a column of a number that moves in small steps, as its first value and the changes."""
    first = next((value for value in values if value is not None), 0)
    changes: list[int | None] = []
    before = first
    for value in values:
        changes.append(None if value is None else value - before)
        if value is not None:
            before = value
    return encode([first]) + encode(changes)


def decode(data: bytes, start: int, count: int) -> tuple[list[int | None], int]:
    """Return the column of `count` numbers at `start`, and where it ends.

    Raises:
        errors.HistoryError: these bytes are no column.
    """
    width, dense, base, unit, begin = _head(data, start)
    end = begin + width * count
    if end > len(data):
        raise errors.HistoryError("a stored block is damaged")
    if not width:
        return [base if dense else None] * count, end
    codes: Sequence[int]
    if width == 1:
        codes = data[begin:end]
    else:
        size = _SIZES[width]
        raw = bytearray(size * count)
        for place in range(width):
            raw[place::size] = data[begin + place * count : begin + (place + 1) * count]
        codes = array.array(_CODES[width], bytes(raw))
        if _SWAP:
            codes.byteswap()
    if dense:
        return [base + unit * code for code in codes] if unit > 1 else [base + code for code in codes], end
    return [base + unit * (code - 1) if code else None for code in codes], end


def decode_changes(data: bytes, start: int, count: int) -> tuple[list[int | None], int]:
    """Return the column that `encode_changes` made, and where it ends.

    Raises: as `decode`.
    """
    (first,), start = decode(data, start, 1)
    changes, end = decode(data, start, count)
    before = first or 0
    if None not in changes:
        values = itertools.accumulate(changes, initial=before)
        next(values)
        return list(values), end
    found: list[int | None] = []
    for change in changes:
        if change is not None:
            before += change
        found.append(None if change is None else before)
    return found, end


def pick(data: bytes, start: int, count: int, index: int) -> tuple[int | None, int]:
    """Return one number of a column, and where the column ends.

    Raises: as `decode`.
    """
    width, dense, base, unit, begin = _head(data, start)
    end = begin + width * count
    if end > len(data):
        raise errors.HistoryError("a stored block is damaged")
    code = int.from_bytes(data[begin + index : end : count], "little")
    if dense:
        return base + unit * code, end
    return (base + unit * (code - 1) if code else None), end


def _head(data: bytes, start: int) -> tuple[int, int, int, int, int]:
    """Return width, density, base, unit and where the codes begin."""
    if start + 3 > len(data) or data[start] & ~_DENSE > 8:
        raise errors.HistoryError("a stored block is damaged")
    width, base_size, unit_size = data[start : start + 3]
    middle = start + 3 + base_size
    end = middle + unit_size
    base = int.from_bytes(data[start + 3 : middle], "little", signed=True)
    return width & ~_DENSE, width & _DENSE, base, int.from_bytes(data[middle:end], "little"), end
