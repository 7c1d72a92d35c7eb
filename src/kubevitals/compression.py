"""Compression: gzip streams, of a whole text or of chunks that were compressed one by one.

ISA-L compresses in a quarter of zlib's time and is used where it is installed, else zlib; any gzip reader
reads what either writes.

A chunk is compressed by itself and ends on a byte, so that chunks stand one behind the other in one stream,
whose length and CRC-32 follow from theirs. (Several gzip members in a row would be simpler, but many clients
read only the first one.)
"""

from __future__ import annotations

import struct
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType
    from typing import NamedTuple, Protocol

    class _Compressor(Protocol):
        """What both modules give."""

        def compress(self, data: bytes, /) -> bytes: ...

        def flush(self, mode: int = ..., /) -> bytes: ...

else:
    from kubevitals.namedtuple import NamedTuple

try:
    from isal import isal_zlib
except ImportError:
    _codec: ModuleType = zlib
else:
    _codec = isal_zlib

_LEVEL = 1  # of both: higher ones take several times as long for a tenth less
_RAW, _GZIP = -zlib.MAX_WBITS, zlib.MAX_WBITS + 16
_SLICE = 1 << 20  # bytes that are compressed at once
_PART = 256 << 10  # bytes, about, of a part of a stream: each part that is sent by itself costs
_HEADER = (
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"  # gzip, deflate, no name, no time, fastest, unknown system
)
_LAST = b"\x03\x00"  # an empty block that is the last
_POLYNOMIAL = 0xEDB88320


def gzip(parts: Iterable[bytes]) -> bytes:
    """Return the parts as one gzip stream, the same for the same parts."""
    return b"".join(gzip_parts(parts))


def gzip_parts(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the parts of that stream as they come about."""
    compressor: _Compressor = _codec.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    for part in parts:
        for at in range(0, len(part), _SLICE):
            if packed := compressor.compress(part[at : at + _SLICE]):
                yield packed
    yield compressor.flush()


def gunzip(data: bytes) -> bytes:
    """Return the text of a gzip stream."""
    found: bytes = _codec.decompressobj(_GZIP).decompress(data)
    return found


class Chunk(NamedTuple):
    """A compressed text that can be joined to others in one gzip stream."""

    deflated: tuple[bytes, ...]  # bare deflate data, without an end
    size: int  # of the text
    crc: int  # of the text
    shift: int  # what brings the checksum of all that comes before past the text
    digest: int  # tells the text from others within this process; 0: not known

    def text(self) -> bytes:
        """Return the text."""
        found: bytes = _codec.decompressobj(_RAW).decompress(b"".join(self.deflated))
        return found

    def holds(self, text: bytes) -> bool:
        """Return whether this is the text, without decompressing anything."""
        return self.size == len(text) and self.digest == hash(text)


class ChunkWriter:
    """Compresses a text while it is written, into one chunk."""

    def __init__(self) -> None:
        self._compressor: _Compressor = _codec.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
        self._deflated: list[bytes] = []
        self._crc = self._size = 0

    def write(self, text: bytes) -> None:
        """Take the next part of the text."""
        self._crc = _codec.crc32(text, self._crc)
        self._size += len(text)
        if deflated := self._compressor.compress(text):
            self._deflated.append(deflated)

    def finish(self) -> Chunk:
        """Return the chunk; nothing may be written after."""
        # A sync flush ends on a byte, so that other deflate data may follow.
        self._deflated.append(self._compressor.flush(zlib.Z_SYNC_FLUSH))
        return Chunk(tuple(self._deflated), self._size, self._crc, _shift(self._size), 0)


def make_chunk(text: bytes) -> Chunk:
    """Return the text as a chunk."""
    writer = ChunkWriter()
    writer.write(text)
    return writer.finish()._replace(digest=hash(text))


def join_chunks(chunks: Iterable[Chunk]) -> list[bytes]:
    """Return one gzip stream with the texts of all chunks, in parts of a size that is good to send."""
    parts: list[bytes] = [_HEADER]
    crc = size = 0
    for chunk in chunks:
        parts += chunk.deflated
        crc = _multiply(chunk.shift, crc) ^ chunk.crc
        size += chunk.size
    parts += (_LAST, struct.pack("<II", crc, size & 0xFFFFFFFF))
    return merge_parts(parts)


def merge_parts(parts: Iterable[bytes]) -> list[bytes]:
    """Return the same bytes in fewer parts, of a size that is good to send."""
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
