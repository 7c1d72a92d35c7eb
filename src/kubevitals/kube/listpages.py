"""One page of a list: decoding it, and joining pages. A page becomes records at once, so that memory holds
the wire objects of one page however large the cluster is.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import msgspec

from kubevitals import errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kubevitals import model

RecordT = TypeVar("RecordT")
WireT = TypeVar("WireT")
SIZE = 1000  # objects a page; 6 MB of pods: large enough to be quick, small enough to be forgotten at once


class Page(NamedTuple, Generic[RecordT]):
    """One page of a list as records, or all of its pages joined; `problems` say what could not be read."""

    items: list[RecordT]
    problems: Sequence[model.Problem] = ()
    resource_version: str = ""
    continue_: str = ""  # the token of the next page
    remaining: int | None = None  # how many objects the next pages have, where the server says it


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


def join(pages: Iterable[Page[RecordT]]) -> Page[RecordT]:
    """Return the items and problems of all pages, at the resource version of the last."""
    items: list[RecordT] = []
    problems: list[model.Problem] = []
    version = ""
    for page in pages:
        items += page.items
        problems += page.problems
        version = page.resource_version
    return Page(items, problems, version)
