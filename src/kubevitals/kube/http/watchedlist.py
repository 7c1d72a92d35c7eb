"""A list that is kept current by a watch, and listed again where the watch cannot go on.

It must not know what the objects are: callers pass decoders.
"""

from __future__ import annotations

import threading

from kubevitals import errors
from kubevitals.kube.http import urls
from kubevitals.kube.http import watch as watches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import TracebackType
    from typing import Any, Self

    from kubevitals.kube import client as clients


class WatchedList:
    """A list and then its changes, without end: iterate over WatchEvents.

    The first event is SYNC with the pages of the whole list in `object`; so is each one after the server had
    forgotten the position. `problem` holds the failure while it lasts; `lists` and `streams` count the lists
    that were fetched and the streams that were begun. `close` ends it from any thread.

    Raises while iterating:
        errors.ClusterError: the first list fails, or later a failure that trying again does not mend.
    """

    def __init__(
        self,
        client: clients.Client,
        path: str,
        *,
        decode_list: Callable[[bytes], Any],
        decode_event: Callable[[bytes], watches.WatchEvent] | None = None,
        query: urls.Query = (),
        limit: int | None = 500,
        timeout: float = 300.0,
        list_accept: str = "application/json",
        watch_accept: str = "application/json",
        bookmarks: bool = False,
    ) -> None:
        """What `decode_list` returns has `metadata.resource_version` (or `resource_version`).

        With `bookmarks` these too are events, for who wants to know the position.
        """
        self.lists = 0
        self._client = client
        self._path = path
        self._decode_list = decode_list
        self._decode_event = decode_event
        self._query = urls.query_pairs(query)
        self._limit = limit
        self._timeout = timeout
        self._list_accept = list_accept
        self._watch_accept = watch_accept
        self._bookmarks = bookmarks
        self._past_streams = 0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._watch: watches.Watch | None = None
        self._problem: errors.KubevitalsError | None = None
        self._events = self._follow()

    @property
    def problem(self) -> errors.KubevitalsError | None:
        """Why the list is not current at the moment; None while it is."""
        watch = self._watch
        return self._problem or (watch.problem if watch is not None else None)

    @property
    def streams(self) -> int:
        """How many streams of changes were begun so far."""
        watch = self._watch
        return self._past_streams + (watch.streams if watch is not None else 0)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> watches.WatchEvent:
        return next(self._events)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        watches.end(self._events)

    def close(self) -> None:
        """End the iteration, promptly; a list that is being fetched is waited for by its reading thread."""
        self._stop.set()
        with self._lock:
            if self._watch is not None:
                self._watch.close()

    def _follow(self) -> Generator[watches.WatchEvent, None, None]:
        failures = 0
        listed = False
        while not self._stop.is_set():
            try:
                pages = self._client.fetch_list(
                    self._path,
                    self._decode_list,
                    query=self._query,
                    limit=self._limit,
                    accept=self._list_accept,
                )
            except errors.ClusterError as error:
                if not listed or (
                    isinstance(error, watches.FINAL) and not isinstance(error, errors.GoneError)
                ):
                    raise
                self._problem = error
                failures += 1
                if self._stop.wait(watches.delay(self._client, failures)):
                    return
                continue
            listed = True
            self.lists += 1
            self._problem = None
            version = _version_of(pages[-1])
            yield watches.WatchEvent("SYNC", pages, resource_version=version)
            watch = self._open_watch(version)
            try:
                for event in watch:
                    failures = 0
                    if event.type != "BOOKMARK" or self._bookmarks:
                        yield event
            except errors.GoneError:
                # A server that forgets at once must not be asked for whole lists without pause.
                failures += 1
                if self._stop.wait(watches.delay(self._client, failures)):
                    return
            finally:
                watch.leave()

    def _open_watch(self, version: str) -> watches.Watch:
        watch = watches.Watch(
            self._client,
            self._path,
            resource_version=version,
            query=self._query,
            timeout=self._timeout,
            accept=self._watch_accept,
            decode=self._decode_event,
            stop=self._stop,
        )
        with self._lock:
            self._past_streams = self.streams
            self._watch = watch
        return watch


def _version_of(page: Any) -> str:
    version = getattr(page, "resource_version", None)
    if version is None:
        version = getattr(getattr(page, "metadata", None), "resource_version", "")
    return version or ""
