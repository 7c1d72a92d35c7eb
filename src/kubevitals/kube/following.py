"""Following one list of the cluster in a thread: its records, its position, and why it is not current.

What differs between nodes, pods and owners is in `Kind`. It must not know the inventory that they make up.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from kubevitals import errors, model
from kubevitals.kube import events, inventory, objects, owners, pages, records
from kubevitals.kube.http import urls, watch, watchedlist

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubevitals.kube import client as clients

RecordT = TypeVar("RecordT")
Key = tuple[str, str]  # namespace, name

_JSON = "application/json"
_METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"


class Child(NamedTuple):
    """A Job or ReplicaSet, and what controls it."""

    namespace: str
    name: str
    owner: owners.Owner | None


class Kind(Generic[RecordT]):
    """One list: where it is, and how to read it."""

    def __init__(
        self,
        name: str,
        path: str,
        *,
        decode_list: Callable[[bytes], pages.Page[RecordT]],
        open_decoder: Callable[[], Callable[[bytes], watch.WatchEvent]],
        key_of: Callable[[RecordT], Key],
        query: urls.Query = (),
        list_accept: str = _JSON,
        watch_accept: str = _JSON,
        parent: str | None = None,
    ) -> None:
        self.name = name  # the resource, for problems and counters
        self.path = path
        self.query = query
        self.decode_list = decode_list
        self.open_decoder = open_decoder
        self.key_of = key_of
        self.list_accept = list_accept
        self.watch_accept = watch_accept
        self.parent = parent  # the kind, if it is followed for its owners alone


def nodes(*, label_selector: str | None = None) -> Kind[model.Node]:
    """Return the nodes."""
    return Kind(
        "nodes",
        "/api/v1/nodes",
        query=inventory.selectors(label_selector, None),
        decode_list=inventory.decode_nodes,
        open_decoder=lambda: events.Decoder(pages.decoder(objects.Node), records.Reader.read_node),
        key_of=lambda node: ("", node.name),
    )


def pods(
    *, namespace: str | None = None, label_selector: str | None = None, field_selector: str | None = None
) -> Kind[model.Pod]:
    """Return the pods of one namespace, or of all."""
    place = () if namespace is None else ("namespaces", namespace)
    return Kind(
        "pods",
        urls.path_join("api", "v1", *place, "pods"),
        query=inventory.selectors(label_selector, field_selector),
        decode_list=inventory.decode_pods,
        open_decoder=lambda: events.Decoder(pages.decoder(objects.Pod), records.Reader.read_pod),
        key_of=lambda pod: (pod.namespace, pod.name),
    )


def parents(kind: str, *, namespace: str | None = None) -> Kind[Child]:
    """Return the Jobs or ReplicaSets with what controls them, as `kind` of owners.PARENTS says."""
    return Kind(
        owners.PARENTS[kind][1],
        owners.path_of(kind, namespace=namespace),
        decode_list=_decode_children,
        open_decoder=lambda: events.Decoder(
            pages.decoder(objects.PartialObject), lambda _reader, wire: _read_child(wire.metadata)
        ),
        key_of=lambda child: (child.namespace, child.name),
        list_accept=owners.METADATA_ONLY,
        watch_accept=_METADATA_ONLY,
        parent=kind,
    )


def _decode_children(body: bytes) -> pages.Page[Child]:
    page = owners.decode_metadata(body)
    return pages.Page(
        objects.ListMeta(resource_version=page.resource_version, continue_=page.continue_),
        [_read_child(each) for each in page.items],
        problems=(),
    )


def _read_child(meta: objects.ObjectMeta) -> Child:
    return Child(meta.namespace, meta.name, owners.find_owner(meta))


class Follower(Generic[RecordT]):
    """The records of one list. `run` belongs to a thread; all else is read and called under `changed`."""

    def __init__(
        self,
        client: clients.Client,
        kind: Kind[RecordT],
        *,
        changed: threading.Condition,
        on_change: Callable[[Follower[RecordT], tuple[RecordT, ...]], None],
        stream_seconds: float,
    ) -> None:
        """`on_change` is called under `changed` with the records that are new."""
        self.kind = kind
        self.listed = False
        self.resource_version = ""
        self.changes = 0
        self.problems: dict[Key, tuple[model.Problem, ...]] = {}
        self._client = client
        self._changed = changed
        self._on_change = on_change
        self._stream_seconds = stream_seconds
        self._stop = threading.Event()
        self._records: dict[Key, RecordT] = {}
        self._copy: tuple[RecordT, ...] | None = None
        self._error: errors.KubevitalsError | None = None
        self._watched: watchedlist.WatchedList | None = None
        self._past_lists = 0
        self._past_streams = 0

    @property
    def problem(self) -> errors.KubevitalsError | None:
        """Why the list is unknown or not current; None while all is well."""
        watched = self._watched
        return self._error or (watched.problem if watched is not None else None)

    @property
    def refused(self) -> bool:
        """Whether the account may not read it, or the server does not have it."""
        return not self.listed and isinstance(self._error, (errors.ForbiddenError, errors.NotFoundError))

    @property
    def lists(self) -> int:
        """How many whole lists were fetched."""
        return self._past_lists + (self._watched.lists if self._watched is not None else 0)

    @property
    def streams(self) -> int:
        """How many streams of changes were begun."""
        return self._past_streams + (self._watched.streams if self._watched is not None else 0)

    def copy(self) -> tuple[RecordT, ...]:
        """Return the records; the same tuple as long as nothing changes."""
        if self._copy is None:
            self._copy = tuple(self._records.values())
        return self._copy

    def find(self, key: Key) -> RecordT | None:
        """Return the record of that namespace and name."""
        return self._records.get(key)

    def stop(self) -> None:
        """End `run` from another thread, promptly; not under `changed`."""
        self._stop.set()
        with self._changed:
            watched = self._watched
        if watched is not None:
            watched.close()

    def run(self) -> None:
        """Follow until `stop`: list, watch, and begin anew with back-off after what a watch cannot mend."""
        failures = 0
        while not self._stop.is_set():
            watched = self._open()
            try:
                with watched:
                    if self._stop.is_set():
                        return
                    for event in watched:
                        if event.type != "SYNC":  # a list alone proves nothing: the watch may be refused
                            failures = 0
                        self._take(event)
            except errors.KubevitalsError as error:
                self._fail(error)
            except Exception as error:  # noqa: BLE001 - the boundary of a thread, which nobody would miss
                self._fail(errors.KubevitalsError(f"unexpected {type(error).__name__} while following it"))
            failures += 1
            self._stop.wait(watch.delay(self._client, failures))

    def _open(self) -> watchedlist.WatchedList:
        watched = watchedlist.WatchedList(
            self._client,
            self.kind.path,
            decode_list=self.kind.decode_list,
            decode_event=self.kind.open_decoder(),
            query=self.kind.query,
            limit=pages.SIZE,
            timeout=self._stream_seconds,
            list_accept=self.kind.list_accept,
            watch_accept=self.kind.watch_accept,
            bookmarks=True,
        )
        with self._changed:
            self._past_lists, self._past_streams = self.lists, self.streams
            self._watched = watched
        return watched

    def _fail(self, error: errors.KubevitalsError) -> None:
        with self._changed:
            self._error = error
            self._on_change(self, ())

    def _take(self, event: watch.WatchEvent) -> None:
        if event.type == "SYNC":
            self._replace(event.object, event.resource_version)
            return
        with self._changed:
            self._error = None
            self.resource_version = event.resource_version or self.resource_version
            if event.object is None:  # a bookmark
                return
            record, problems = event.object
            key = self.kind.key_of(record)
            if event.type == "DELETED":
                self._records.pop(key, None)
            else:
                self._records[key] = record
            if problems and event.type != "DELETED":
                self.problems[key] = problems
            else:
                self.problems.pop(key, None)
            self._copy = None
            self.changes += 1
            self._on_change(self, (record,))

    def _replace(self, answer: list[pages.Page[RecordT]], version: str) -> None:
        items, problems = pages.join(answer)
        fresh = {self.kind.key_of(each): each for each in items}
        by_key: dict[Key, tuple[model.Problem, ...]] = {}
        for problem in problems:
            namespace, _, name = (problem.object or "").rpartition("/")
            by_key[namespace, name] = (*by_key.get((namespace, name), ()), problem)
        with self._changed:
            self._error = None
            self._records = fresh
            self.problems = by_key
            self.resource_version = version
            self.listed = True
            self._copy = None
            self.changes += 1
            self._on_change(self, self.copy())
