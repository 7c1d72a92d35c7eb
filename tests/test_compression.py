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
    """Gzip streams are what Python's own gzip reads; chunks are what was written, and are joined to one."""
    whole = b"".join(parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compression, "_codec", codec)
        zipped = compression.gzip(parts)
        assert gzip.decompress(zipped) == compression.gunzip(zipped) == whole
        writer = compression.ChunkWriter()
        for part in parts:
            writer.write(part)
        first, second = writer.finish(), compression.make_chunk(tail)
        assert (first.text(), first.size, first.crc) == (whole, len(whole), zlib.crc32(whole))
        assert second.text() == tail
        assert gzip.decompress(b"".join(compression.join_chunks([first, second]))) == whole + tail


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.__name__)
def test_large_texts_are_the_same_each_time(codec: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal texts become equal bytes, as their tags promise, however large."""
    monkeypatch.setattr(compression, "_codec", codec)
    text = b"kubevitals " * 300_000
    assert compression.gzip([text]) == compression.gzip([text])
    assert gzip.decompress(compression.gzip([text, b"!"])) == text + b"!"


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_chunks_become_one_gzip_member(texts: list[bytes]) -> None:
    """Length and checksum are right, and one member holds all: many clients read the first one only."""
    stream = b"".join(compression.join_chunks(map(compression.make_chunk, texts)))
    single = zlib.decompressobj(16 + zlib.MAX_WBITS)
    assert single.decompress(stream) + single.flush() == b"".join(texts)
    assert (single.eof, single.unused_data) == (True, b"")


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_a_chunk_knows_its_text(first: bytes, second: bytes) -> None:
    """A chunk holds its own text and no other."""
    assert compression.make_chunk(first).holds(first)
    assert compression.make_chunk(first).holds(second) == (first == second)


def test_parts_are_of_a_size_that_is_good_to_send() -> None:
    """Small parts are put together, and no byte is lost."""
    parts = [bytes([number]) * 100_000 for number in range(10)]
    merged = compression.merge_parts(parts)
    assert b"".join(merged) == b"".join(parts)
    assert [len(part) for part in merged] == [300_000, 300_000, 300_000, 100_000]
    assert compression.merge_parts([]) == []
