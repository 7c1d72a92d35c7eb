"""One gzip stream out of pieces, of which those that have not changed are not compressed again. Pure.

Each piece is deflated by itself and ends on a byte, so that pieces can be put one behind the other in one
stream; what the stream's end needs of them, length and CRC-32, is computed from theirs. (Several gzip members
behind one another would be simpler, but many clients read only the first.)
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from kubevitals import compression

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence
    from typing import TypeAlias

    Piece: TypeAlias = "bytes | Chunk | Packed | Group"

_HEADER = (
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"  # gzip, deflate, no name, no time, fastest, unknown system
)
_LAST = b"\x03\x00"  # an empty block that is the last
_POLYNOMIAL = 0xEDB88320
_PART = 256 << 10  # bytes, about, that an answer is handed on in


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


class Packed(NamedTuple):
    """A text compressed, and what joining it to others takes."""

    deflated: Sequence[bytes]
    crc: int
    shift: int  # what brings the checksum of all that is before it past its text
    size: int


class Chunk:
    """Lines that stay as they are for long. Once compressed, only that is held."""

    __slots__ = ("_packed", "_text", "mark")

    def __init__(self, text: bytes) -> None:
        self.mark = (len(text), hash(text))
        self._text: bytes | None = text
        self._packed: Packed | None = None

    def text(self) -> bytes:
        """Return the lines."""
        if self._text is not None or self._packed is None:
            return self._text or b""
        return compression.inflate_raw(b"".join(self._packed.deflated))

    def pack(self) -> Packed:
        """Return the lines compressed."""
        if self._packed is None:
            self._packed = _pack(self.text())
            self._text = None
        return self._packed


class Stream:
    """Lines that are compressed while they are written."""

    __slots__ = ("_compressor", "_crc", "_parts", "_size")

    def __init__(self) -> None:
        self._compressor = compression.open_raw()
        self._parts: list[bytes] = []
        self._crc = self._size = 0

    def add(self, text: bytes) -> None:
        """Take the next lines."""
        self._crc = compression.crc32(text, self._crc)
        self._size += len(text)
        if deflated := self._compressor.compress(text):
            self._parts.append(deflated)

    def end(self) -> list[Packed]:
        """Return all of it, or nothing if that is empty; nothing may come after."""
        if not self._size:
            return []
        self._parts.append(compression.align(self._compressor))
        return [Packed(self._parts, self._crc, _shift(self._size), self._size)]


class Plain:
    """Lines as they are, where a `Stream` would compress them."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def add(self, text: bytes) -> None:
        """Take the next lines."""
        if text:
            self._parts.append(text)

    def end(self) -> list[bytes]:
        """Return all of it."""
        return self._parts


class _Known(NamedTuple):
    members: tuple[tuple[bytes, ...], ...]
    packed: Packed


class Packer:
    """Compresses one exposition after the other; it remembers the groups of the last one. One thread."""

    def __init__(self) -> None:
        self._known: dict[Hashable, _Known] = {}

    def pack(self, pieces: Iterable[Piece]) -> list[bytes]:
        """Return the pieces as one gzip stream, in parts."""
        parts: list[bytes] = [_HEADER]
        crc = size = 0
        known: dict[Hashable, _Known] = {}
        for piece in pieces:
            if isinstance(piece, Group):
                found = known[piece.key] = _repack(self._known.get(piece.key), piece)
                packed = found.packed
            else:
                packed = _pack(piece) if isinstance(piece, bytes) else _packed(piece)
            parts += packed.deflated
            crc = _multiply(packed.shift, crc) ^ packed.crc
            size += packed.size
        self._known = known
        parts += (_LAST, struct.pack("<II", crc, size & 0xFFFFFFFF))
        return merge(parts)


def merge(parts: Iterable[bytes]) -> list[bytes]:
    """Return the same bytes in fewer parts: each that is sent by itself costs."""
    merged: list[bytes] = []
    some: list[bytes] = []
    size = 0
    for part in parts:
        some.append(part)
        size += len(part)
        if size >= _PART:
            merged.append(b"".join(some))
            some, size = [], 0
    if some:
        merged.append(b"".join(some))
    return merged


def text_of(piece: Piece) -> bytes:
    """Return the text of a piece."""
    if isinstance(piece, bytes):
        return piece
    return compression.inflate_raw(b"".join(piece.deflated)) if isinstance(piece, Packed) else piece.text()


def _packed(piece: Chunk | Packed) -> Packed:
    return piece.pack() if isinstance(piece, Chunk) else piece


def _repack(before: _Known | None, group: Group) -> _Known:
    """Return the group compressed: as it was, if this family's lines are the same."""
    if before is not None:
        old, new, index = before.members, group.members, group.index
        if old == new:
            return before
        if len(old) == len(new) and all(
            one is other or one[index] == other[index] for one, other in zip(old, new, strict=True)
        ):
            return before._replace(members=new)
    return _Known(group.members, _pack(group.text()))


def _pack(text: bytes) -> Packed:
    return Packed((_deflate(text),), compression.crc32(text), _shift(len(text)), len(text))


def _deflate(data: bytes) -> bytes:
    compressor = compression.open_raw()
    return compressor.compress(data) + compression.align(compressor)


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
    """Return the product of two polynomials, modulo that of CRC-32: four coefficients of `left` at a time."""
    one = right >> 1 ^ _POLYNOMIAL if right & 1 else right >> 1  # right * x
    two = one >> 1 ^ _POLYNOMIAL if one & 1 else one >> 1
    three = two >> 1 ^ _POLYNOMIAL if two & 1 else two >> 1
    low, high = two ^ three, right ^ one
    multiples = (
        0, three, two, low, one, one ^ three, one ^ two, one ^ low,
        right, right ^ three, right ^ two, right ^ low, high, high ^ three, high ^ two, high ^ low,
    )  # fmt: skip
    product = 0
    for place in _PLACES:
        product = product >> 4 ^ _REDUCED[product & 15] ^ multiples[left >> place & 15]
    return product


def _reduce(coefficients: int) -> int:
    """Return the polynomial times x^4."""
    for _ in range(4):
        coefficients = coefficients >> 1 ^ _POLYNOMIAL if coefficients & 1 else coefficients >> 1
    return coefficients


_PLACES = range(0, 32, 4)  # the highest powers first
_REDUCED = tuple(map(_reduce, range(16)))


def _squares(count: int) -> list[int]:
    """Return x^(2^0), x^(2^1) ..."""
    found = [1 << 30]
    while len(found) < count:
        found.append(_multiply(found[-1], found[-1]))
    return found


_POWERS = _squares(64)
