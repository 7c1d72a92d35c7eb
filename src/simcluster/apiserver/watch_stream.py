"""A watch: the changes of a list as a stream of JSON lines."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from simcluster.apiserver import api_errors, table_printer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from simcluster import apiobjects
    from simcluster.apiserver import negotiation, storage, watch_cache
    from simcluster.http import messages

DEFAULT_SECONDS = 1800.0
_LOOK_UP = 1.0  # seconds between looks at whether the client is still there
_BATCH = 64 * 1024


class Watch:
    """One watch. A client that allows bookmarks gets the latest version every `bookmark_seconds`."""

    def __init__(
        self,
        objects: watch_cache.WatchCache,
        query: storage.ListOptions,
        request: messages.Request,
        *,
        form: negotiation.Form,
        clock: Callable[[], float],
        bookmark_seconds: float = 60.0,
        silent: bool = False,
    ) -> None:
        self._silent = silent
        self._store = objects
        self._query = query
        self._form = form
        self._clock = clock
        self._bookmarks = request.flag("allowWatchBookmarks")
        self._bookmark_seconds = bookmark_seconds
        self._initial = request.flag("sendInitialEvents")
        self._include = request.query.get("includeObject", "Metadata")
        self._titled = False
        self._gone = request.gone
        seconds = request.query.get("timeoutSeconds", "")
        self._seconds = min(float(seconds), 86_400) if seconds.isdigit() and int(seconds) else DEFAULT_SECONDS

    def stream(self) -> Iterator[bytes]:
        """The lines, until the time is over, the client has gone or the version has expired."""
        key = self._query.resource.key
        after = int(self._query.version or "0")
        if self._silent:
            for _ in self._follow(key, max(after, self._store.version)):
                pass
            return
        if after == 0 or self._initial:
            snapshot = self._store.current(key)
            yield from self._batched(
                self._line("ADDED", entry) for entry in snapshot.entries if self._query.matches(entry.item)
            )
            after = snapshot.version
            if self._initial:
                yield self._bookmark(after, initial_end=True)
        elif after < self._store.oldest(key):
            yield self.gone_line()
            return
        yield from self._follow(key, after)

    def gone_line(self) -> bytes:
        """The ERROR event for a version that is too old."""
        oldest = self._store.oldest(self._query.resource.key)
        error = api_errors.watch_expired(int(self._query.version or "0"), oldest)
        return b'{"type":"ERROR","object":' + api_errors.encode(error.status) + b"}\n"

    def _follow(self, key: str, after: int) -> Iterator[bytes]:
        end = time.monotonic() + self._seconds
        bookmark_at = time.monotonic() + self._bookmark_seconds
        while (left := end - time.monotonic()) > 0:
            wait = min(left, _LOOK_UP, self._bookmark_seconds)
            found = self._store.events(key, after=after, timeout=wait)
            if found is None:
                if not self._store.closed:
                    yield self.gone_line()
                return
            events, after = found
            for event in events:
                line = self._event_line(event)
                if line:
                    yield line
            if self._bookmarks and time.monotonic() >= bookmark_at:
                bookmark_at = time.monotonic() + self._bookmark_seconds
                yield self._bookmark(after)
            if self._gone():
                return

    def _event_line(self, event: watch_cache.Event) -> bytes | None:
        before = event.previous is not None and self._query.matches(event.previous.item)
        now = event.type != "DELETED" and self._query.matches(event.entry.item)
        if now:
            return self._line("MODIFIED" if before else "ADDED", event.entry)
        if not before or event.previous is None:
            return None
        # Left the selection: the object is shown as it was, at the version at which it left.
        lost = event.entry if event.type == "DELETED" else event.previous.at(event.entry.version)
        return self._line("DELETED", lost)

    def _line(self, kind: str, entry: watch_cache.Entry) -> bytes:
        return b'{"type":"' + kind.encode() + b'","object":' + self._object(entry) + b"}\n"

    def _object(self, entry: watch_cache.Entry) -> bytes:
        if self._form.kind == "json":
            return entry.encoded()
        if self._form.kind == "metadata":
            return api_errors.encode(table_printer.partial(entry, version=self._form.version))
        titled, self._titled = self._titled, True
        table = table_printer.build(
            self._query.resource,
            [entry],
            metadata={"resourceVersion": str(entry.version)},
            version=self._form.version,
            include=self._include,
            now=self._clock(),
            titles=not titled,
        )
        return api_errors.encode(table)

    def _bookmark(self, version: int, *, initial_end: bool = False) -> bytes:
        resource = self._query.resource
        metadata: dict[str, object] = {"resourceVersion": str(version)}
        if initial_end:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        shown = _bookmark_object(resource, metadata, self._form)
        return b'{"type":"BOOKMARK","object":' + api_errors.encode(shown) + b"}\n"

    @staticmethod
    def _batched(lines: Iterator[bytes]) -> Iterator[bytes]:
        batch: list[bytes] = []
        size = 0
        for line in lines:
            batch.append(line)
            size += len(line)
            if size >= _BATCH:
                yield b"".join(batch)
                batch, size = [], 0
        if batch:
            yield b"".join(batch)


def _bookmark_object(
    resource: apiobjects.Resource, metadata: dict[str, object], form: negotiation.Form
) -> dict[str, object]:
    version = f"meta.k8s.io/{form.version}"
    partial: dict[str, object] = {
        "kind": "PartialObjectMetadata",
        "apiVersion": version,
        "metadata": metadata,
    }
    if form.kind == "metadata":
        return partial
    if form.kind == "table":
        return {
            "kind": "Table",
            "apiVersion": version,
            "metadata": {"resourceVersion": metadata["resourceVersion"]},
            "columnDefinitions": None,
            "rows": [{"cells": [], "object": partial}],
        }
    bookmark: dict[str, object] = {
        "kind": resource.kind,
        "apiVersion": resource.api_version,
        "metadata": metadata,
    }
    # an empty object of the kind, as Go writes one
    return {**bookmark, "spec": {"containers": None}, "status": {}} if resource.key == "pods" else bookmark
