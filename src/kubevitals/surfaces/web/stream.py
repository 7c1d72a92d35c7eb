"""Server-sent events: one small event a snapshot. A client that does not read in time is dropped.

Each stream holds no queue, only a mark that something is new: a slow client misses events, and memory does
not grow.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import fastapi
import msgspec

from kubevitals.surfaces.web import problemdetails

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping
    from typing import Any

    from kubevitals.surfaces.web import answercache

    Receive = Callable[[], Any]
    Send = Callable[[MutableMapping[str, Any]], Any]

MEDIA_TYPE = "text/event-stream"
EVENT_TYPES = {
    "cluster": "str",
    "number": "int",
    "etag": "str",
    "generated_at": "datetime",
    "nodes": "int",
    "pods": "int",
    "problems": "int",
}
_RETRY_MS = 3_000


class Hub:
    """All open streams of a service. Everything but `wake` belongs to the event loop."""

    def __init__(
        self,
        caches: Mapping[str, answercache.ClusterCache],
        *,
        most: int,
        heartbeat: float,
        send_timeout: float,
    ) -> None:
        self.closing = False
        self._caches = caches
        self._most = most
        self._heartbeat = heartbeat
        self._send_timeout = send_timeout
        self._open: set[asyncio.Event] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def count(self) -> int:
        """How many streams are open."""
        return len(self._open)

    def start(self) -> None:
        """Begin to tell of snapshots; called in the event loop."""
        self._loop = asyncio.get_running_loop()
        for cache in self._caches.values():
            cache.listen(lambda _: self.wake())

    def wake(self) -> None:
        """Tell all streams to look again; for any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._mark)

    def close(self) -> None:
        """End all streams, and begin none again."""
        self.closing = True
        self._mark()

    def open(self, clusters: list[str]) -> Stream:
        """Return a response that is a stream of these clusters.

        Raises:
            problems.Refusal: there are too many, or the service is ending.
        """
        if self.closing or len(self._open) >= self._most:
            why = "the service is ending" if self.closing else f"{self._most} streams are open already"
            raise problemdetails.Refusal(
                503, "too_many_streams", why, remedy="try again later", headers={"Retry-After": "10"}
            )
        return Stream(self, {name: self._caches[name] for name in clusters})

    def _mark(self) -> None:
        for each in self._open:
            each.set()

    async def feed(self, caches: Mapping[str, answercache.ClusterCache], send: Send) -> None:
        """Send events until the client goes or the service ends."""
        news = asyncio.Event()
        self._open.add(news)
        sent: dict[str, int] = {}
        try:
            await self._send(send, f"retry: {_RETRY_MS}\n\n".encode())
            while not self.closing:
                news.clear()
                events = b"".join(_events(caches, sent))
                if events:
                    await self._send(send, events)
                try:
                    # Not wait_for: in Python 3.11 it loses a cancellation that comes with the event, and then
                    # the stream of a client that has gone would never end.
                    async with asyncio.timeout(self._heartbeat):
                        await news.wait()
                except TimeoutError:
                    await self._send(send, b": still here\n\n")
        finally:
            self._open.discard(news)

    async def _send(self, send: Send, content: bytes) -> None:
        message = {"type": "http.response.body", "body": content, "more_body": True}
        async with asyncio.timeout(self._send_timeout):
            await send(message)


class Stream(fastapi.Response):
    """A response that ends with its client, with a client that does not read, or with the service."""

    media_type = MEDIA_TYPE

    def __init__(self, hub: Hub, caches: Mapping[str, answercache.ClusterCache]) -> None:
        super().__init__()
        self._hub = hub
        self._caches = caches

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Send events until the client goes, does not read, or the service ends."""
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),  # a proxy that collects answers would keep the events
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        feeding = asyncio.ensure_future(self._hub.feed(self._caches, send))
        leaving = asyncio.ensure_future(_wait_for_leaving(receive))
        try:
            await asyncio.wait((feeding, leaving), return_when=asyncio.FIRST_COMPLETED)
            if feeding.done() and not leaving.done() and feeding.exception() is None:
                async with asyncio.timeout(1.0):
                    await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            pass
        finally:
            for task in (feeding, leaving):
                task.cancel()
            await asyncio.gather(feeding, leaving, return_exceptions=True)


async def _wait_for_leaving(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _events(caches: Mapping[str, answercache.ClusterCache], sent: dict[str, int]) -> list[bytes]:
    """Return an event for each cluster whose snapshot is another one than was sent last."""
    events = []
    for name, cache in caches.items():
        current = cache.current
        if current is None or sent.get(name) == current.published.number:
            continue
        sent[name] = current.published.number
        snapshot = current.published.snapshot
        values = (
            name, current.published.number, f'"{current.published.tag}"', snapshot.generated_at,
            len(snapshot.nodes), len(snapshot.pods), len(snapshot.problems),
        )  # fmt: skip
        data = msgspec.json.encode(dict(zip(EVENT_TYPES, values, strict=True)))
        events.append(
            b"event: snapshot\nid: " + current.published.tag.encode() + b"\ndata: " + data + b"\n\n"
        )
    return events
