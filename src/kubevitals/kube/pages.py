"""One page of a list: decoding it, and joining pages. A page becomes records at once, so that memory holds
the wire objects of one page however large the cluster is.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from kubevitals import errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kubevitals import model
    from kubevitals.kube import objects

RecordT = TypeVar("RecordT")
WireT = TypeVar("WireT")
SIZE = 1000  # objects a page; 6 MB of pods: large enough to be quick, small enough to be forgotten at once


class Page(Generic[RecordT]):
    """One page of a list as records, with what is needed to go on."""

    __slots__ = ("continue_", "items", "problems", "resource_version")

    def __init__(
        self, meta: objects.ListMeta, items: list[RecordT], *, problems: Sequence[model.Problem]
    ) -> None:
        self.continue_ = meta.continue_
        self.resource_version = meta.resource_version
        self.items = items
        self.problems = problems


@functools.cache
def decoder(kind: type[WireT]) -> msgspec.json.Decoder[WireT]:
    """Return the one decoder of that type: making it takes longer than decoding a small list."""
    return msgspec.json.Decoder(kind)


def decode_list(body: bytes, decoder: msgspec.json.Decoder[WireT], *, kind: str) -> WireT:
    """Return the decoded list of that kind.

    Raises:
        errors.NotJSONError: the body is not JSON.
        errors.WrongKindError: it is another object.
    """
    try:
        wire = decoder.decode(body)
    except msgspec.ValidationError as error:
        raise errors.WrongKindError(
            f"the server's {kind} is not as Kubernetes defines it: {error}",
            remedy="something between here and the API server may have changed the answer",
        ) from error
    except (ValueError, RecursionError) as error:  # malformed, not UTF-8, or nested without end
        raise errors.NotJSONError(
            f"the server answered something else than JSON where a {kind} was expected: {error}",
            remedy="check that the server address is that of a Kubernetes API server",
        ) from error
    found = getattr(wire, "kind", "")
    if found != kind:
        raise errors.WrongKindError(
            f"the server answered a {found[:60]!r} where a {kind} was expected",
            remedy="check that the server address is that of a Kubernetes API server",
        )
    return wire


def join(pages: Iterable[Page[RecordT]]) -> tuple[list[RecordT], list[model.Problem]]:
    """Return the items and problems of all pages."""
    items: list[RecordT] = []
    problems: list[model.Problem] = []
    for page in pages:
        items += page.items
        problems += page.problems
    return items, problems
