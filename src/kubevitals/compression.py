"""Compression: ISA-L's where it is installed, which takes a quarter of zlib's time, else zlib's.

Any gzip or zlib reader reads what either writes. It must not know what is compressed.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType
    from typing import Protocol

    class Compressor(Protocol):
        """What both modules give."""

        def compress(self, data: bytes, /) -> bytes:
            """Take the next bytes; return what is compressed by now."""

        def flush(self, mode: int = ..., /) -> bytes:
            """Return the rest."""


try:
    from isal import isal_zlib
except ImportError:
    _codec: ModuleType = zlib
else:
    _codec = isal_zlib

_LEVEL = 1  # of both: higher ones take several times as long for a tenth less
_RAW, _GZIP = -zlib.MAX_WBITS, zlib.MAX_WBITS + 16
_SLICE = 1 << 20  # bytes that are compressed at once


def open_raw() -> Compressor:
    """Return a compressor of bare deflate data, without the head and the tail of gzip."""
    found: Compressor = _codec.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
    return found


def align(compressor: Compressor) -> bytes:
    """Return what has not come out yet, ending on a byte: other deflate data may follow."""
    return compressor.flush(zlib.Z_SYNC_FLUSH)


def inflate_raw(data: bytes) -> bytes:
    """Return the text of bare deflate data, whether it has an end or not."""
    found: bytes = _codec.decompressobj(_RAW).decompress(data)
    return found


def gzip(parts: Iterable[bytes]) -> bytes:
    """Return the parts as one gzip stream, the same for the same parts."""
    compressor: Compressor = _codec.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    packed = [
        compressor.compress(part[at : at + _SLICE]) for part in parts for at in range(0, len(part), _SLICE)
    ]
    return b"".join([*packed, compressor.flush()])


def gunzip(data: bytes) -> bytes:
    """Return the text of a gzip stream."""
    found: bytes = _codec.decompressobj(_GZIP).decompress(data)
    return found


def crc32(data: bytes, value: int = 0) -> int:
    """Return the CRC-32 of the data behind that of what came before."""
    found: int = _codec.crc32(data, value)
    return found
