"""Compression, by either module: every reader reads it."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubevitals import compression

if TYPE_CHECKING:
    from types import ModuleType

CODECS: list[ModuleType] = [zlib]
try:
    from isal import isal_zlib
except ImportError:  # not on every processor
    pass
else:
    CODECS.append(isal_zlib)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.__name__)
@given(parts=st.lists(st.binary(max_size=300)), tail=st.binary(max_size=300))
def test_what_is_compressed_is_read_back(codec: ModuleType, parts: list[bytes], tail: bytes) -> None:
    """Gzip streams and bare deflate data are what zlib itself reads, and their checksum is zlib's."""
    whole = b"".join(parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compression, "_codec", codec)
        zipped = compression.gzip(parts)
        assert gzip.decompress(zipped) == compression.gunzip(zipped) == whole
        first, second = compression.open_raw(), compression.open_raw()
        packed = b"".join(map(first.compress, parts)) + compression.align(first)
        more = second.compress(tail) + compression.align(second)
        assert compression.inflate_raw(packed) == whole
        assert zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed + more) == whole + tail
        assert compression.crc32(tail, compression.crc32(whole)) == zlib.crc32(whole + tail)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.__name__)
def test_large_texts_are_the_same_each_time(codec: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal texts become equal bytes, as their tags promise, however large."""
    monkeypatch.setattr(compression, "_codec", codec)
    text = b"kubevitals " * 300_000
    assert compression.gzip([text]) == compression.gzip([text])
    assert gzip.decompress(compression.gzip([text, b"!"])) == text + b"!"
