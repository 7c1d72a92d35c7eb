"""One gzip stream out of pieces, of which those that have not changed are not compressed again. Pure.

Each piece is deflated by itself and ends on a byte, so that pieces can be put one behind the other in one
stream; what the stream's end needs of them, length and CRC-32, is computed from theirs. (Several gzip members
behind one another would be simpler, but many clients read only the first.)
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

_LEVEL = 1  # three times as fast as the usual 6, and names that repeat shrink well anyway
_HEADER = (
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"  # gzip, deflate, no name, no time, fastest, unknown system
)
_LAST = b"\x03\x00"  # an empty block that is the last
_POLYNOMIAL = 0xEDB88320


class Group:
    """The lines of one family for some objects: `index` is the place of the family in each of `members`."""

    __slots__ = ("index", "key", "members")

    def __init__(self, key: Hashable, members: tuple[tuple[bytes, ...], ...], index: int) -> None:
        self.key = key
        self.members = members
        self.index = index

    def text(self) -> bytes:
        """Return the lines."""
        index = self.index
        return b"".join([made[index] for made in self.members])


class _Packed(NamedTuple):
    members: tuple[tuple[bytes, ...], ...]
    deflated: bytes
    crc: int
    shift: int  # what brings the checksum of all that is before it past its text
    size: int


class Packer:
    """Compresses one exposition after the other; it remembers the groups of the last one. One thread."""

    def __init__(self) -> None:
        self._known: dict[Hashable, _Packed] = {}

    def pack(self, pieces: Iterable[bytes | Group]) -> list[bytes]:
        """Return the pieces as one gzip stream, in parts."""
        parts = [_HEADER]
        crc = size = 0
        known: dict[Hashable, _Packed] = {}
        for piece in pieces:
            if isinstance(piece, bytes):
                parts.append(_deflate(piece))
                crc = zlib.crc32(piece, crc)
                size += len(piece)
                continue
            packed = known[piece.key] = _repack(self._known.get(piece.key), piece)
            parts.append(packed.deflated)
            crc = _multiply(packed.shift, crc) ^ packed.crc
            size += packed.size
        self._known = known
        parts += (_LAST, struct.pack("<II", crc, size & 0xFFFFFFFF))
        return parts


def _repack(before: _Packed | None, group: Group) -> _Packed:
    """Return the group compressed: as it was, if this family's lines are the same."""
    if before is not None:
        old, new, index = before.members, group.members, group.index
        if old == new:
            return before
        if len(old) == len(new) and all(
            one is other or one[index] == other[index] for one, other in zip(old, new, strict=True)
        ):
            return before._replace(members=new)
    text = group.text()
    return _Packed(group.members, _deflate(text), zlib.crc32(text), _shift(len(text)), len(text))


def _deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)


def combine(first: int, second: int, size: int) -> int:
    """Return the CRC-32 of two texts behind one another from theirs and the `size` of the second."""
    return _multiply(_shift(size), first) ^ second


def _shift(size: int) -> int:
    """Return x^(8 * size): a checksum times this is that of its text with as many zeros behind it."""
    power, bit = 1 << 31, 3  # x^0, and x^(2^3) for each byte; polynomials stand with their lowest power first
    while size:
        if size & 1:
            power = _multiply(_POWERS[bit], power)
        size >>= 1
        bit += 1
    return power


def _multiply(left: int, right: int) -> int:
    """Return the product of two polynomials, modulo that of CRC-32."""
    product = 0
    while left:
        if left & 0x80000000:
            product ^= right
        left = (left << 1) & 0xFFFFFFFF
        right = (right >> 1) ^ _POLYNOMIAL if right & 1 else right >> 1
    return product


def _squares(count: int) -> list[int]:
    """Return x^(2^0), x^(2^1) ..."""
    found = [1 << 30]
    while len(found) < count:
        found.append(_multiply(found[-1], found[-1]))
    return found


_POWERS = _squares(64)
