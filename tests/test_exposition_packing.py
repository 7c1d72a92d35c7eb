"""Gzip out of pieces: any reader gets the whole text, whatever was packed before."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from kubevitals.surfaces.exposition import packing

if TYPE_CHECKING:
    import pytest

PIECES = st.lists(
    st.one_of(
        st.binary(max_size=200), st.tuples(st.integers(0, 5), st.lists(st.binary(max_size=50), max_size=4))
    ),
    max_size=8,
)


def make(pieces: list[bytes | tuple[int, list[bytes]]]) -> list[bytes | packing.Group]:
    return [
        piece
        if isinstance(piece, bytes)
        else packing.Group((number, piece[0]), tuple((each,) for each in piece[1]), 0)
        for number, piece in enumerate(pieces)
    ]


def whole(pieces: list[bytes | packing.Group]) -> bytes:
    return b"".join(piece if isinstance(piece, bytes) else piece.text() for piece in pieces)


@given(PIECES, PIECES)
def test_the_stream_is_the_text_whatever_was_known_before(
    first: list[bytes | tuple[int, list[bytes]]], second: list[bytes | tuple[int, list[bytes]]]
) -> None:
    """Length and checksum are right, one member holds all, with pieces that are known and that changed."""
    packer = packing.Packer()
    for pieces in (make(first), make(second), make(first), make(second)):
        stream = b"".join(packer.pack(pieces))
        assert gzip.decompress(stream) == whole(pieces)
        single = zlib.decompressobj(16 + zlib.MAX_WBITS)
        assert single.decompress(stream) + single.flush() == whole(pieces)
        assert (single.eof, single.unused_data) == (True, b"")


@given(st.binary(), st.binary())
def test_checksums_are_joined_without_the_text(first: bytes, second: bytes) -> None:
    """The checksum of two texts follows from theirs and the length of the second."""
    joined = packing.combine(zlib.crc32(first), zlib.crc32(second), len(second))
    assert joined == zlib.crc32(first + second)


def test_what_has_not_changed_is_not_compressed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two groups, only the one with a new member is deflated."""
    packer = packing.Packer()
    same = packing.Group("a", ((b"x",), (b"y",)), 0)
    packer.pack([same, packing.Group("b", ((b"1",),), 0)])
    deflated: list[bytes] = []

    def note(data: bytes) -> bytes:
        deflated.append(data)
        return data

    monkeypatch.setattr(packing, "_deflate", note)
    packer.pack([same, packing.Group("b", ((b"1",), (b"2",)), 0)])
    assert deflated == [b"12"]
