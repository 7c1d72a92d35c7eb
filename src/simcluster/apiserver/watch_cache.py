"""The objects of the cluster with their resource versions: snapshots to list, and events to watch.

A list of entries is never changed, only replaced, so that a client pages through a consistent snapshot.
"""

from __future__ import annotations

import bisect
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from simcluster import apiobjects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

FIRST_VERSION = 1000
"""The resource version of the first object; real clusters never start at 1 either."""


class Entry:
    """An object in one state: `version` is its resource version, `key` its place in lists."""

    __slots__ = ("_tail", "item", "key", "version")

    def __init__(self, item: apiobjects.Item, version: int) -> None:
        self.item = item
        self.key = f"{item.namespace}/{item.name}" if item.resource.namespaced else item.name
        self.version = version
        self._tail: bytes | None = None

    def tail(self) -> bytes:
        """The object's JSON without its head `{"kind":…,"apiVersion":…,`: what stands in a list after a
        brace.
        """
        tail = self._tail
        if tail is None:
            tail = self.item.render(self.version)[len(self.item.resource.prefix) :]
            self._tail = tail
        return tail

    def at(self, version: int) -> Entry:
        """The same state, shown with another version."""
        return Entry(self.item, version)

    def encoded(self) -> bytes:
        """The complete JSON object."""
        return self.item.resource.prefix + self.tail()


class Event(NamedTuple):
    """A change as watches send it. `previous` is the state before it, None for an added object."""

    type: str
    entry: Entry
    previous: Entry | None


class Snapshot(NamedTuple):
    """All objects of one resource, in key order; `version` is the earliest at which they were just so."""

    entries: Sequence[Entry]
    version: int

    def within(self, namespace: str) -> Sequence[Entry]:
        """The objects of one namespace."""
        start = bisect.bisect_left(self.entries, f"{namespace}/", key=_key)
        end = bisect.bisect_left(self.entries, f"{namespace}0", key=_key)  # "0" is the character after "/"
        return self.entries[start:end]

    def find(self, key: str) -> Entry | None:
        """The object with that key."""
        place = bisect.bisect_left(self.entries, key, key=_key)
        if place < len(self.entries) and self.entries[place].key == key:
            return self.entries[place]
        return None


def _key(entry: Entry) -> str:
    return entry.key


def _event_version(event: Event) -> int:
    return event.entry.version


class _Collection:
    """One resource: its current entries, the states that are still kept, and its latest events."""

    __slots__ = ("entries", "events", "kept", "oldest", "since")

    def __init__(self, version: int) -> None:
        self.entries: list[Entry] = []
        self.since = version  # the store's version from which on `entries` are what they are
        self.kept: list[tuple[float, int, list[Entry]]] = []  # (replaced at, valid from version, entries)
        self.events: list[Event] = []
        self.oldest = version  # watches may start at this version or later


class WatchCache:
    """All objects of the cluster. Threads may share it.

    A replaced state can be paged through for another `keep_seconds`; a watch may start up to
    `keep_events` events in the past.
    """

    def __init__(
        self,
        items: Iterable[apiobjects.Item] = (),
        *,
        keep_seconds: float = 300.0,
        keep_events: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._changed = threading.Condition()
        self._keep_seconds = keep_seconds
        self._keep_events = keep_events
        self._clock = clock
        self._closed = False
        self.version = FIRST_VERSION
        self._collections: dict[str, _Collection] = {}
        for item in items:
            self.version += 1
            self._of(item.resource.key).entries.append(Entry(item, self.version))
        for key in apiobjects.RESOURCES:
            collection = self._of(key)
            collection.entries.sort(key=_key)
            collection.since = collection.oldest = self.version

    def _of(self, key: str) -> _Collection:
        collection = self._collections.get(key)
        if collection is None:
            collection = self._collections[key] = _Collection(self.version)
        return collection

    def current(self, key: str) -> Snapshot:
        """The present objects of the resource with that key in apiobjects.RESOURCES."""
        with self._changed:
            collection = self._of(key)
            return Snapshot(collection.entries, collection.since)

    def at(self, key: str, version: int) -> Snapshot | None:
        """The objects as they were at a past version; None if that is no longer kept."""
        with self._changed:
            collection = self._of(key)
            if collection.since <= version <= self.version:
                return Snapshot(collection.entries, version)
            place = bisect.bisect_right(collection.kept, version, key=lambda kept: kept[1]) - 1
            if place < 0 or version > self.version:
                return None
            return Snapshot(collection.kept[place][2], version)

    def state(self, key: str) -> int:
        """A number that changes whenever the resource's objects do."""
        return self._of(key).since

    def apply(self, changes: Iterable[apiobjects.Change]) -> None:
        """Apply changes in order and wake the watches."""
        with self._changed:
            fresh: dict[str, list[Entry]] = {}
            for change in changes:
                self._apply_one(change, fresh)
            now = self._clock()
            for key, entries in fresh.items():
                collection = self._of(key)
                collection.kept.append((now, collection.since, collection.entries))
                collection.entries = entries
                collection.since = self.version
            if fresh:
                self._forget(now)
                self._changed.notify_all()

    def _apply_one(self, change: apiobjects.Change, fresh: dict[str, list[Entry]]) -> None:
        key = change.item.resource.key
        collection = self._of(key)
        entries = fresh.get(key)
        if entries is None:
            entries = fresh[key] = list(collection.entries)
        self.version += 1
        entry = Entry(change.item, self.version)
        place = bisect.bisect_left(entries, entry.key, key=_key)
        previous = entries[place] if place < len(entries) and entries[place].key == entry.key else None
        if change.type == "DELETED":
            if previous is None:
                return
            del entries[place]
            collection.events.append(Event("DELETED", entry, previous))
        elif previous is None:
            entries.insert(place, entry)
            collection.events.append(Event("ADDED", entry, None))
        else:
            entries[place] = entry
            collection.events.append(Event("MODIFIED", entry, previous))

    def _forget(self, now: float) -> None:
        for collection in self._collections.values():
            while collection.kept and now - collection.kept[0][0] > self._keep_seconds:
                del collection.kept[0]
            if len(collection.events) > self._keep_events:
                drop = len(collection.events) - self._keep_events // 2
                collection.oldest = collection.events[drop - 1].entry.version
                del collection.events[:drop]

    def forget(self) -> None:
        """Drop the past: every older continue token and resource version is expired from now on."""
        with self._changed:
            for collection in self._collections.values():
                collection.kept.clear()
                collection.events.clear()
                collection.oldest = self.version

    def oldest(self, key: str) -> int:
        """The earliest version that a watch of the resource may start from."""
        with self._changed:
            return self._of(key).oldest

    def events(self, key: str, *, after: int, timeout: float) -> tuple[Sequence[Event], int] | None:
        """The events after a version, and the version of the last one.

        Waits at most `timeout` seconds and returns no events then. None if `after` is too old or
        the cache is closed.
        """
        with self._changed:
            collection = self._of(key)
            if not self._closed and timeout > 0 and not self._newer(collection, after):
                self._changed.wait(timeout)
            if self._closed or after < collection.oldest:
                return None
            return self._newer(collection, after), self.version

    @staticmethod
    def _newer(collection: _Collection, after: int) -> Sequence[Event]:
        place = bisect.bisect_right(collection.events, after, key=_event_version)
        return collection.events[place:]

    def close(self) -> None:
        """End every watch."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._closed
