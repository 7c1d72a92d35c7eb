"""Columns of whole numbers as bytes, and back. Pure.

A column is a head (how wide its codes are, the least number and the common divisor of all distances from
it) and the codes, byte by byte position, so that zlib finds what repeats. Where codes from zero take no more
bytes, the numbers themselves are the codes, which is faster to read. A number may be None. A constant column
takes its head alone. How many numbers there are has to be known.
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

DAMAGED = "a stored block is damaged"
_MOST = 1 << 20  # numbers of a column; the samples of a series in an hour are some thousands
_SWAP = sys.byteorder == "big"
_DENSE = 0x80  # this bit of the width: no number is None
_CODES = ("B", "B", "H", "I", "I", "Q", "Q", "Q", "Q")  # of arrays, by the width of a code in bytes
_SIZES = (1, 1, 2, 4, 4, 8, 8, 8, 8)


def encode(values: Sequence[int | None]) -> bytes:
    """Return a column. The distances between its numbers are below 2**63."""
    dense = None not in values
    known: Sequence[int] = values if dense else [value for value in values if value is not None]  # type: ignore[assignment]
    base, most = min(known, default=0), max(known, default=0)
    unit = math.gcd(*[value - base for value in known]) or 1
    width = _width((most - base) // unit + (not dense)) if known else 0
    if dense and base > 0 and width and base % unit == 0 and _width(most // unit) == width:
        base = 0
    if dense:
        codes = [(value - base) // unit for value in known]
    else:
        codes = [0 if value is None else (value - base) // unit + 1 for value in values]
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


def _width(code: int) -> int:
    """Return how many bytes a code takes."""
    return (code.bit_length() + 7) // 8


def encode_changes(values: Sequence[int | None]) -> bytes:
    """Return a column of numbers that move in small steps: the first one, and the changes."""
    before = next((value for value in values if value is not None), 0)
    head = encode([before, *values[:1]])
    changes: list[int | None] = []
    for value in values[1:]:
        changes.append(None if value is None else value - before)
        if value is not None:
            before = value
    return head + encode(changes)


def decode(data: bytes, start: int, count: int) -> tuple[list[int | None], int]:
    """Return the column of `count` numbers at `start`, and where it ends.

    Raises:
        errors.HistoryError: these bytes are no column.
    """
    if not 0 <= count <= _MOST:
        raise errors.HistoryError(DAMAGED)
    width, dense, base, unit, begin = _head(data, start)
    end = begin + width * count
    if not width:
        return [base if dense else None] * count, end
    codes = _codes(data, begin, width, count)
    if not dense:
        return [base + unit * (code - 1) if code else None for code in codes], end
    if unit == 1 and not base:
        return list(codes), end
    if width == 1:  # each number is made once
        numbers = list(range(base, base + unit * (max(codes, default=0) + 1), unit))
        return list(map(numbers.__getitem__, codes)), end
    return [base + unit * code for code in codes], end


def decode_changes(data: bytes, start: int, count: int) -> tuple[list[int | None], int]:
    """Return the column that `encode_changes` made, and where it ends.

    Raises: as `decode`.
    """
    (before, *values), start = decode(data, start, 1 + bool(count))
    width, dense, steady, _, _ = _head(data, start)
    if count and values[0] is not None and dense and not width and steady > 0:
        return list(range(values[0], values[0] + steady * count, steady)), end_of(data, start, 0)
    changes, end = decode(data, start, max(count - 1, 0))
    if count and None not in values and None not in changes:
        return list(itertools.accumulate(changes, initial=values[0])), end
    before = before or 0
    for change in changes:
        if change is not None:
            before += change
        values.append(None if change is None else before)
    return values, end


def _codes(data: bytes, begin: int, width: int, count: int) -> Sequence[int]:
    """Return the codes of a column, put together of their bytes."""
    if begin + width * count > len(data):
        raise errors.HistoryError(DAMAGED)
    if width == 1:
        return data[begin : begin + count]
    size = _SIZES[width]
    raw = bytearray(size * count)
    for place in range(width):
        raw[place::size] = data[begin + place * count : begin + (place + 1) * count]
    codes = array.array(_CODES[width], bytes(raw))
    if _SWAP:
        codes.byteswap()
    return codes


def end_of(data: bytes, start: int, count: int) -> int:
    """Return where the column of `count` numbers at `start` ends.

    Raises: as `decode`.
    """
    width, _, _, _, begin = _head(data, start)
    return begin + width * count


def is_empty(data: bytes, start: int) -> bool:
    """Return whether all numbers of the column at `start` are None."""
    return data[start : start + 1] == b"\0"


def pick(data: bytes, start: int, count: int, index: int) -> tuple[int | None, int]:
    """Return one number of a column, and where the column ends.

    Raises: as `decode`.
    """
    width, dense, base, unit, begin = _head(data, start)
    end = begin + width * count
    if end > len(data):
        raise errors.HistoryError(DAMAGED)
    code = int.from_bytes(data[begin + index : end : count], "little")
    if dense:
        return base + unit * code, end
    return (base + unit * (code - 1) if code else None), end


def _head(data: bytes, start: int) -> tuple[int, int, int, int, int]:
    """Return width, density, base, unit and where the codes begin."""
    if start + 3 > len(data) or data[start] & ~_DENSE > 8:
        raise errors.HistoryError(DAMAGED)
    width, base_size, unit_size = data[start : start + 3]
    middle = start + 3 + base_size
    end = middle + unit_size
    base = int.from_bytes(data[start + 3 : middle], "little", signed=True)
    unit = int.from_bytes(data[middle:end], "little")
    if not unit:
        raise errors.HistoryError(DAMAGED)
    return width & ~_DENSE, width & _DENSE, base, unit, end
