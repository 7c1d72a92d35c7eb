"""Objects of the API made into records: pages of a list, and lines of a watch. By msgspec, and only the
fields that are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import msgspec

from kubevitals import errors
from kubevitals.kube import listpages, objects, records

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubevitals import model

RecordT = TypeVar("RecordT")
Key = tuple[str, str]  # namespace, name

_JSON = "application/json"
_AS_METADATA = "application/json;as={};g=meta.k8s.io;v=v1,application/json"
_CHANGES = "ADDED", "MODIFIED", "DELETED"
_RENEWAL = 10_000  # events after which the label sets that are kept for sharing are forgotten


class Event(NamedTuple):
    """One line of a watch: `type` is ADDED, MODIFIED, DELETED, BOOKMARK or ERROR.

    `object` is the pair of a record and the problems with it, None for BOOKMARK and ERROR;
    `resource_version` is where the watch stands after it.
    """

    type: str
    object: Any = None
    resource_version: str = ""


class Codec(Generic[RecordT]):
    """How the objects of one kind are read.

    Args:
        kind: of the objects, as their lists name it.
        wire: the msgspec Struct of one object.
        read: makes a record of one.
        key: gives namespace and name of a record.
    """

    def __init__(
        self,
        kind: str,
        wire: type[Any],
        read: Callable[[records.Reader, Any], RecordT],
        *,
        key: Callable[[RecordT], Key],
    ) -> None:
        self.key = key
        metadata = kind == "PartialObjectMetadata"
        self.list_accept = _AS_METADATA.format(f"{kind}List") if metadata else _JSON
        self.watch_accept = _AS_METADATA.format(kind) if metadata else _JSON
        self._kind = kind
        self._wire: Any = wire
        self._read = read

    def decode_list(self, body: bytes) -> listpages.Page[RecordT]:
        """Return the records of one page of a list.

        Raises:
            errors.DecodingError: the body is no such list.
        """
        lists: Any = objects.ObjectList
        wire = listpages.decode_list(body, listpages.decoder(lists[self._wire]), kind=f"{self._kind}List")
        reader = records.Reader()
        items = [self._read(reader, each) for each in wire.items or ()]
        meta = wire.metadata
        return listpages.Page(items, reader.problems, meta.resource_version, meta.continue_, meta.remaining)

    def open_decoder(self) -> EventDecoder[RecordT]:
        """Return a decoder for the lines of a watch."""
        return EventDecoder(listpages.decoder(self._wire), self._read)


class _Envelope(msgspec.Struct, gc=False):
    """One line. The object is decoded apart: that of a bookmark is hollow (`"containers":null`)."""

    type: str
    object: msgspec.Raw


class EventDecoder(Generic[RecordT]):
    """Reads the lines of watches. Belongs to one thread."""

    def __init__(
        self, decoder: msgspec.json.Decoder[Any], read: Callable[[records.Reader, Any], RecordT]
    ) -> None:
        self._decoder = decoder
        self._read = read
        self._reader = records.Reader()
        self._count = 0

    def __call__(self, line: bytes) -> Event:
        """Return the event of a line.

        Raises:
            errors.NotJSONError: it is no JSON.
            errors.WrongKindError: it is no event of such an object.
        """
        try:
            envelope = listpages.decoder(_Envelope).decode(line)
            if envelope.type == "ERROR":
                return Event("ERROR")
            meta = listpages.decoder(objects.PartialObject).decode(envelope.object).metadata
            if envelope.type not in _CHANGES:
                return Event(envelope.type, None, meta.resource_version)
            wire = self._decoder.decode(envelope.object)
        except msgspec.ValidationError as error:
            raise errors.WrongKindError(
                f"a line of the watch is not as Kubernetes defines it: {error}"
            ) from error
        except (ValueError, RecursionError) as error:  # malformed, not UTF-8, or nested without end
            from kubevitals.kube import statuserrors

            raise statuserrors.not_json(line) from error
        return Event(envelope.type, self._read_object(wire), meta.resource_version)

    def _read_object(self, wire: Any) -> tuple[RecordT, tuple[model.Problem, ...]]:
        self._count += 1
        if self._count % _RENEWAL == 0:
            self._reader = records.Reader()
        record = self._read(self._reader, wire)
        problems = tuple(self._reader.problems)
        self._reader.problems.clear()
        return record, problems


NODES = Codec("Node", objects.Node, records.Reader.read_node, key=lambda node: ("", node.name))
PODS = Codec("Pod", objects.Pod, records.Reader.read_pod, key=lambda pod: (pod.namespace, pod.name))
METADATA = Codec(
    "PartialObjectMetadata",
    objects.PartialObject,
    records.Reader.read_metadata,
    key=lambda meta: (meta.namespace, meta.name),
)
"""The metadata alone of any resource: names, and what controls the object."""
