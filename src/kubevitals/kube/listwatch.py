"""Listing a resource and watching its changes, as client-go's ListWatch and Reflector do."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

from kubevitals import errors
from kubevitals.kube import codec, listpages

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from kubevitals.kube import client as clients
    from kubevitals.kube import resources

RecordT = TypeVar("RecordT")

_SLACK = 30.0  # seconds of silence beyond the time after which the server itself ends the stream
_BOOKMARK_SILENCE = 75.0  # seconds: API servers send a bookmark a minute, once they do on a stream
_FIRST_DELAY = 0.5
_LONGEST_DELAY = 30.0
_SOUND = 1.0  # seconds: a stream that the server ends after this long has served, even without any news
_RELIST = (  # errors of a stream that resuming it does not mend; of statuses, see _RELIST_STATUSES
    errors.ConfigurationError,
    errors.UnauthorizedError,
    errors.ForbiddenError,
    errors.NotFoundError,
    errors.TLSError,
    errors.WrongKindError,
)
_RELIST_STATUSES = (400, 405, 406)


class ListWatch(Generic[RecordT]):
    """One list of the cluster: `list` reads it once, iterating lists it and then gives its changes, for ever.

    The events of an iteration are those of the watch, whose bookmarks it asks for, and two more: SYNC has
    the whole list as a listpages.Page in `object`, ERROR why the list is not current. A stream that breaks
    or that the server ends is resumed where it stood. After 410, or where that does not help, the list is
    read again. Failures in a row are followed by ever longer pauses, up to half a minute. A BOOKMARK after
    an ERROR tells that the stream stands again. A stream on which a bookmark came and then nothing for 75
    seconds is taken for dead and resumed at once; whether the server is there shows with that.

    One thread iterates; `stop` ends the iteration from any. `lists` and `streams` count what was fetched
    and begun.

    Args:
        client: whom to ask.
        resource: of which there is the list.
        codec: how its objects are read.
        namespace: of the objects; all where None.
        label_selector: which objects, as in `kubectl -l`.
        field_selector: which objects, as in `kubectl --field-selector`.
        stream_seconds: how long the server shall keep one stream open.
        clock: seconds that only go on.
    """

    def __init__(
        self,
        client: clients.Client,
        resource: resources.Resource,
        codec: codec.Codec[RecordT],
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        stream_seconds: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.resource = resource
        self.codec = codec
        self.lists = 0
        self.streams = 0
        self._client = client
        self._path = resource.path(namespace)
        selectors = (("labelSelector", label_selector), ("fieldSelector", field_selector))
        self._query = [(key, value) for key, value in selectors if value]
        self._stream_seconds = stream_seconds
        self._clock = clock
        self._failures = 0  # in a row
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._stream: clients.LineStream | None = None

    def list(self) -> listpages.Page[RecordT]:
        """Return the whole list.

        Raises:
            errors.ClusterError: it could not be had.
            errors.CredentialsError: the credential could not be had.
        """
        pages = self._client.fetch_list(
            self._path,
            self.codec.decode_list,
            query=self._query,
            limit=listpages.SIZE,
            accept=self.codec.list_accept,
        )
        self.lists += 1
        return listpages.join(pages)

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    def stop(self) -> None:
        """End the iteration, promptly; a list that is being fetched is waited for by its reading thread."""
        self._stop.set()
        with self._lock:
            if self._stream is not None:
                self._stream.interrupt()

    def back_off(self) -> None:
        """Wait after a failure, longer after each further one, or until `stop`."""
        self._failures += 1
        longest = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(self._failures - 1, 16))
        self._stop.wait(longest * (0.5 + 0.5 * self._client.http.jitter()))

    def __iter__(self) -> Generator[codec.Event, None, None]:
        decode = self.codec.open_decoder()
        version: str | None = None  # where to watch from; None: list first
        failing = False
        while not self._stop.is_set():
            error: errors.KubevitalsError | None = None
            opened = None
            has_bookmarks = False
            try:
                if version is None:
                    page = self.list()
                    version, failing = page.resource_version, False
                    yield codec.Event("SYNC", page, version)
                with self._open_stream(version) as stream:
                    opened = self._clock()
                    if failing:
                        failing = False
                        yield codec.Event("BOOKMARK", None, version)
                    for line in stream:
                        if self._stop.is_set():
                            return
                        event = self._read_line(line, decode)
                        if event.type == "BOOKMARK" and not has_bookmarks:
                            has_bookmarks = True
                            stream.limit_silence(_BOOKMARK_SILENCE)
                        version = event.resource_version or version
                        self._failures, opened = 0, None
                        yield event
            except errors.GoneError as gone:
                error = None if version is not None else gone
                version = None
            except errors.RequestTimeoutError as failure:
                if has_bookmarks:
                    continue
                error = failure
            except errors.KubevitalsError as failure:
                error = failure
                if _is_lasting(failure):
                    version = None
            else:
                # A stream that ended at once and without any news counts as a failure, or a server that ends
                # each so would be asked without pause.
                if opened is None or self._clock() - opened >= _SOUND:
                    self._failures = 0
                    continue
            if self._stop.is_set():
                return
            if error is not None:
                failing = True
                yield codec.Event("ERROR", error)
            self.back_off()

    @contextlib.contextmanager
    def _open_stream(self, version: str) -> Iterator[clients.LineStream]:
        query = [
            *self._query,
            ("watch", "1"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", version),
            ("timeoutSeconds", str(max(1, round(self._stream_seconds)))),
        ]
        stream = self._client.open_stream(
            self._path, query, read_timeout=self._stream_seconds + _SLACK, accept=self.codec.watch_accept
        )
        self.streams += 1
        try:
            with self._lock:
                self._stream = stream
                if self._stop.is_set():
                    stream.interrupt()
            yield stream
        finally:
            with self._lock:
                self._stream = None
            stream.close()

    def _read_line(self, line: bytes, decode: Callable[[bytes], codec.Event]) -> codec.Event:
        if line.startswith((b'{"type":"ERROR"', b'{"type": "ERROR"')):
            raise _error_of(line, f"GET {self._path}")
        event = decode(line)
        if event.type == "ERROR":
            raise _error_of(line, f"GET {self._path}")
        return event


def _is_lasting(error: errors.KubevitalsError) -> bool:
    """Return whether the same request would fail again, so that only a new list can tell more."""
    if isinstance(error, errors.StatusError) and error.status in _RELIST_STATUSES:
        return True
    return isinstance(error, _RELIST)


def _error_of(line: bytes, request: str) -> errors.ClusterError:
    """Return the error in an ERROR event, whose object is a Status."""
    import json

    from kubevitals.kube import statuserrors

    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return statuserrors.not_json(line, request=request)
    status = content.get("object") if isinstance(content, dict) else None
    code = status.get("code") if isinstance(status, dict) else None
    if not isinstance(code, int) or not 400 <= code < 600:
        code = 500
    return statuserrors.from_status(code, "", {}, json.dumps(status).encode(), request=request)
