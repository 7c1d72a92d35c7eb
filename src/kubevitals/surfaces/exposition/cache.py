"""The cache of exposition lines: what has not changed since the last exposition is not written again.

Objects that follow one another form a group. Of each group the lines of each family are kept as a compressed
chunk. A group in which nothing has changed costs a comparison; in a changed one, only the families whose
lines differ are compressed again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals import compression

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping
    from typing import Any, NamedTuple, TypeAlias

    Piece: TypeAlias = "bytes | compression.Chunk"  # of an exposition: lines as they are, or compressed
else:
    from kubevitals.namedtuple import NamedTuple


class Group(NamedTuple):
    """Some objects and the lines of them."""

    members: tuple[Any, ...]  # what the lines were written from
    chunks: Mapping[Any, compression.Chunk]  # by family, of those that have lines
    labels: tuple[compression.Chunk, ...] = ()  # what further families of these objects are written with


class Cache:
    """The groups of the last exposition. For one exporter, and one thread at a time.

    Each set of families has groups of its own, by the names of the exporter and of the list of objects.
    """

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], Mapping[Hashable, Group]] = {}

    def groups(self, exporter: str, objects: str) -> Mapping[Hashable, Group]:
        """Return the groups of the exposition before, by the keys that they were put under."""
        return self._groups.get((exporter, objects), {})

    def replace(self, exporter: str, objects: str, groups: Mapping[Hashable, Group]) -> None:
        """Put the groups of this exposition in the place of those of the one before."""
        self._groups[exporter, objects] = groups


def make_chunks(
    texts: Iterable[tuple[Hashable, bytes]], before: Group | None
) -> dict[Any, compression.Chunk]:
    """Return the lines of each family as a chunk: that of `before` where the lines are the same."""
    known = before.chunks if before is not None else {}
    found = {}
    for family, text in texts:
        if text:
            chunk = known.get(family)
            if chunk is None or not chunk.holds(text):
                chunk = compression.make_chunk(text)
            found[family] = chunk
    return found


def join(pieces: Iterable[Piece]) -> list[bytes]:
    """Return the text of all pieces, in parts of a size that is good to send."""
    return compression.merge_parts(piece if isinstance(piece, bytes) else piece.text() for piece in pieces)


def join_compressed(pieces: Iterable[Piece]) -> list[bytes]:
    """Return the text of all pieces as one gzip stream, in parts of a size that is good to send."""
    return compression.join_chunks(
        compression.make_chunk(piece) if isinstance(piece, bytes) else piece for piece in pieces
    )
