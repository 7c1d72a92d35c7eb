"""Following a list: a stream of changes that resumes by itself.

It must not know what the objects are: callers pass decoders. Each watch belongs to one reading thread and
may be closed from any other.
"""

from __future__ import annotations

import threading
import time

from kubevitals import errors
from kubevitals.kube.http import body as bodies
from kubevitals.kube.http import urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from types import TracebackType
    from typing import Any, Self

    from kubevitals.kube import client as clients
    from kubevitals.kube.http import connection as connections
    from kubevitals.kube.http import pool, response, watchedlist

_SLACK = 30.0  # seconds of silence beyond the time after which the server itself ends the stream
_FIRST_DELAY = 0.5
_LONGEST_DELAY = 30.0
_SOUND = 1.0  # seconds: a stream that the server ends after this long has served, even without any news
FINAL = (
    errors.ConfigurationError,
    errors.UnauthorizedError,
    errors.ForbiddenError,
    errors.NotFoundError,
    errors.GoneError,
    errors.TLSError,
    errors.WrongKindError,
)


class WatchEvent:
    """One change: `type` is ADDED, MODIFIED, DELETED or BOOKMARK, and SYNC for a whole list in `object`.

    `resource_version` is where the stream stands after it.
    """

    __slots__ = ("object", "resource_version", "type")

    def __init__(self, type: str, object: Any, *, resource_version: str) -> None:  # noqa: A002  Kubernetes' words
        self.type = type
        self.object = object
        self.resource_version = resource_version

    def __repr__(self) -> str:
        return f"<WatchEvent {self.type} at {self.resource_version}>"


class Stream:
    """The lines of one answer as they arrive. Iterate in one thread; `close` from any, which ends it."""

    __slots__ = ("_connection", "_head", "_pool", "_read_timeout", "_request")

    def __init__(
        self,
        owner: pool.Pool,
        connection: connections.Connection,
        head: response.Head,
        *,
        request: pool.Request,
        read_timeout: float,
    ) -> None:
        self._pool = owner
        self._connection = connection
        self._head = head
        self._request = request
        self._read_timeout = read_timeout

    def __iter__(self) -> Iterator[bytes]:
        """Each line without its line break. Raises errors.ClusterError if the connection breaks."""
        with self._pool.guard(self._connection, self._request, read_timeout=self._read_timeout):
            yield from bodies.read_lines(self._connection, self._head, read_timeout=self._read_timeout)
        self._connection.close()

    def interrupt(self) -> None:
        """End the stream from another thread: the reading one returns at once."""
        self._connection.interrupt()

    def close(self) -> None:
        """Close the connection, in the reading thread."""
        self._connection.close()


class Watch:
    """The changes under `path` from `resource_version` on, as an iterator without end.

    A stream that breaks or that the server ends is resumed where it stood, with back-off. `problem` holds
    the failure while it lasts, else None; `streams` counts the answers that were begun. `close` ends the
    iteration from any thread, promptly.

    Raises while iterating:
        errors.GoneError: the server has forgotten the position; list again.
        errors.ClusterError: 401, 403, 404 and other failures that trying again does not mend.
    """

    def __init__(
        self,
        client: clients.Client,
        path: str,
        *,
        resource_version: str,
        query: urls.Query = (),
        timeout: float = 300.0,
        accept: str = "application/json",
        decode: Callable[[bytes], WatchEvent] | None = None,
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`timeout` is how many seconds the server shall keep one stream open; `decode` reads one line."""
        self.resource_version = resource_version
        self.problem: errors.KubevitalsError | None = None
        self.streams = 0
        self._client = client
        self._path = path
        self._query = urls.query_pairs(query)
        self._timeout = timeout
        self._accept = accept
        self._clock = clock
        self._decode = decode or decode_event
        self._stop = stop or threading.Event()
        self._lock = threading.Lock()
        self._stream: Stream | None = None
        self._events = self._follow()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> WatchEvent:
        return next(self._events)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        end(self._events)

    def leave(self) -> None:
        """Close the connection, in the reading thread, when the iteration is left half-way."""
        end(self._events)

    def close(self) -> None:
        """End the iteration. The reading thread closes the connection itself."""
        self._stop.set()
        with self._lock:
            if self._stream is not None:
                self._stream.interrupt()

    def _follow(self) -> Generator[WatchEvent, None, None]:
        failures = 0
        while not self._stop.is_set():
            before = self.resource_version
            started = self._clock()
            try:
                yield from self._read_stream()
                failed = self.resource_version == before and self._clock() - started < _SOUND
            except FINAL:
                if self._stop.is_set():
                    return
                raise
            except errors.ClusterError as error:
                if isinstance(error, errors.StatusError) and error.status in (400, 405, 406):
                    raise
                self.problem = error
                failed = True
            # A stream that ended at once and without any news is a failure too, or a server that ends each
            # so would be asked without pause.
            failures = failures + 1 if failed else 0
            if failures and self._stop.wait(delay(self._client, failures)):
                return

    def _read_stream(self) -> Iterator[WatchEvent]:
        query = [
            *self._query,
            ("watch", "1"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", self.resource_version),
            ("timeoutSeconds", str(max(1, round(self._timeout)))),
        ]
        stream = self._client.open_stream(
            self._path, query, read_timeout=self._timeout + _SLACK, accept=self._accept
        )
        self.streams += 1
        try:
            with self._lock:
                self._stream = stream
            self.problem = None
            if self._stop.is_set():
                return
            for line in stream:
                if self._stop.is_set():
                    return
                event = self._read_line(line)
                if event.resource_version:
                    self.resource_version = event.resource_version
                yield event
        finally:
            with self._lock:
                self._stream = None
            stream.close()

    def _read_line(self, line: bytes) -> WatchEvent:
        if line.startswith((b'{"type":"ERROR"', b'{"type": "ERROR"')):
            raise _error_of(line, f"GET {self._path}")
        event = self._decode(line)
        if event.type == "ERROR":
            raise _error_of(line, f"GET {self._path}")
        return event


def watch_list(
    client: clients.Client,
    path: str,
    decode_list: Callable[[bytes], Any],
    decode_event: Callable[[bytes], WatchEvent] | None = None,
    *,
    query: urls.Query = (),
    limit: int | None = 500,
    timeout: float = 300.0,
) -> watchedlist.WatchedList:
    """The list under `path` and its changes; see watchedlist.WatchedList. Sends nothing before it is used."""
    from kubevitals.kube.http import watchedlist

    return watchedlist.WatchedList(
        client,
        path,
        decode_list=decode_list,
        decode_event=decode_event,
        query=query,
        limit=limit,
        timeout=timeout,
    )


def decode_event(line: bytes) -> WatchEvent:
    """Read one line of a watch by the standard library; `object` is a dict.

    Raises:
        errors.NotJSONError: it is no JSON.
        errors.WrongKindError: it is no event.
    """
    import json

    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        from kubevitals.kube.http import failures

        raise failures.not_json(line) from error
    item = content.get("object") if isinstance(content, dict) else None
    if not isinstance(item, dict):
        raise errors.WrongKindError("a line of the watch is no event")
    metadata = item.get("metadata")
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    return WatchEvent(
        str(content.get("type")), item, resource_version=version if isinstance(version, str) else ""
    )


def _error_of(line: bytes, request: str) -> errors.StatusError:
    """The error in an ERROR event, whose object is a Status."""
    import json

    from kubevitals.kube.http import failures

    event = decode_event(line)
    code = event.object.get("code")
    status = code if isinstance(code, int) and 400 <= code < 600 else 500
    return failures.from_status(status, "", {}, json.dumps(event.object).encode(), request=request)


def end(events: Generator[WatchEvent, None, None]) -> None:
    """Close a generator of events, unless another thread is in it."""
    try:
        events.close()
    except ValueError:  # another thread is in it, and leaves it by itself now
        return


def delay(client: clients.Client, failures: int) -> float:
    """Seconds of back-off after so many failures in a row."""
    longest = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(failures - 1, 16))
    return longest * (0.5 + 0.5 * client.jitter())
