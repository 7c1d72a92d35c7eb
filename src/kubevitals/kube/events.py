"""Lines of a watch to records, by msgspec, only the fields that are read. It knows nothing of the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from kubevitals import errors
from kubevitals.kube import objects, pages, records
from kubevitals.kube.http import failures, watch

if TYPE_CHECKING:
    from collections.abc import Callable

WireT = TypeVar("WireT")
RecordT = TypeVar("RecordT")

_CHANGES = "ADDED", "MODIFIED", "DELETED"
_RENEWAL = 10_000  # events after which the label sets that are kept for sharing are forgotten


class Envelope(msgspec.Struct, gc=False):
    """One line. The object is decoded apart: that of a bookmark is hollow (`"containers":null`)."""

    type: str
    object: msgspec.Raw


class Decoder(Generic[WireT, RecordT]):
    """Reads the lines of one watch. Belongs to one thread.

    The event's `object` is the pair of the record and a tuple of problems, None for a bookmark.
    """

    def __init__(
        self, wire: msgspec.json.Decoder[WireT], read: Callable[[records.Reader, WireT], RecordT]
    ) -> None:
        self._decoder = wire
        self._read = read
        self._reader = records.Reader()
        self._count = 0

    def __call__(self, line: bytes) -> watch.WatchEvent:
        """Return the event of a line.

        Raises:
            errors.NotJSONError: it is no JSON.
            errors.WrongKindError: it is no event of such an object.
        """
        try:
            envelope = pages.decoder(Envelope).decode(line)
            if envelope.type == "ERROR":
                return watch.WatchEvent("ERROR", None, resource_version="")
            meta = pages.decoder(objects.PartialObject).decode(envelope.object).metadata
            if envelope.type not in _CHANGES:
                return watch.WatchEvent(envelope.type, None, resource_version=meta.resource_version)
            wire = self._decoder.decode(envelope.object)
        except msgspec.ValidationError as error:
            raise errors.WrongKindError(
                f"a line of the watch is not as Kubernetes defines it: {error}"
            ) from error
        except msgspec.DecodeError as error:
            raise failures.not_json(line) from error
        return watch.WatchEvent(
            envelope.type, self._read_object(wire), resource_version=meta.resource_version
        )

    def _read_object(self, wire: WireT) -> tuple[RecordT, tuple[object, ...]]:
        self._count += 1
        if self._count % _RENEWAL == 0:
            self._reader = records.Reader()
        record = self._read(self._reader, wire)
        problems = tuple(self._reader.problems)
        self._reader.problems.clear()
        return record, problems
