"""Reading requests in HTTP/1.x from a connection, one after the other, and writing answers to it.

It reads heads alone: no route of the exporter has a use for a body, and a connection on which one comes ends
after its answer. The web service has a whole server for this; the exporter needs no package for it.
"""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from kubevitals.surfaces.http import bounds

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

_PART = 64 << 10  # bytes that are handed to a connection at once
_IDLE_SECONDS = 65.0  # between two requests
_TARGET = re.compile(rb"(?:https?://[^/?#\s]*)?(/[!-~]*)")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")


class Request(NamedTuple):
    """The head of a request; names of headers in lower case."""

    method: str
    path: str
    headers: list[tuple[bytes, bytes]]
    lasting: bool = True  # the client may send another one on this connection

    def value(self, name: bytes) -> str | None:
        """Return the values of a header, joined by commas; None where there is none."""
        found = [value for key, value in self.headers if key == name]
        return b",".join(found).decode("latin-1") if found else None


class Answer(NamedTuple):
    """What a request is answered with."""

    status: int
    kind: str  # the content type
    body: Sequence[bytes]
    headers: Sequence[tuple[str, str]] = ()
    owner: object = None  # holds the lease on the memory of the body; it is kept until that is sent


def parse_head(head: bytes) -> Request | None:
    """Return the request whose head this is, without the blank line at its end; None if it is none."""
    first, *lines = head.split(b"\r\n")
    words = first.split(b" ")
    if len(words) != 3 or words[2] not in (b"HTTP/1.1", b"HTTP/1.0") or not _NAME.fullmatch(words[0]):
        return None
    target = _TARGET.fullmatch(words[1])
    if target is None:
        return None
    headers = []
    for line in lines:
        name, colon, value = line.partition(b":")
        value = value.strip(b" \t")
        if not colon or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            return None
        headers.append((name.lower(), value))
    names = {name for name, _ in headers}
    connection = b",".join(value for name, value in headers if name == b"connection").lower()
    lasting = b"close" not in connection if words[2] == b"HTTP/1.1" else b"keep-alive" in connection
    if names & {b"content-length", b"transfer-encoding", b"upgrade", b"expect"}:
        lasting = False
    path = target[1].partition(b"?")[0].decode("ascii")
    return Request(words[0].decode("ascii"), path, headers, lasting)


class _Reader(asyncio.Protocol):
    """Reads the heads of requests and has each answered before it looks at the next one."""

    def __init__(self, answer: Callable[[Request], Coroutine[Any, Any, Answer]]) -> None:
        self._answer = answer
        self._held = bytearray()
        self._ended = False  # the client sends no more
        self._task: asyncio.Task[None] | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._stop_idling()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._held += data
        self._begin()

    def eof_received(self) -> bool:
        self._ended = True
        return self._task is not None  # the answer of one who has sent all there is may still be written

    def _begin(self) -> None:
        """Answer the request whose head is whole, if there is one and no other is being answered."""
        if self._task is not None or self._transport.is_closing():
            return
        end = self._held.find(b"\r\n\r\n")
        if end < 0:
            return
        self._stop_idling()
        request = parse_head(bytes(self._held[:end])) if end <= bounds.HEAD_BYTES else None
        del self._held[: end + 4]
        self.end_head()
        self._task = asyncio.get_running_loop().create_task(self._serve(request))

    async def _serve(self, request: Request | None) -> None:
        if request is None:
            answer = Answer(HTTPStatus.BAD_REQUEST, "text/plain; charset=utf-8", [b"this is no request\n"])
        else:
            answer = await self._answer(request)
        lasting = request is not None and request.lasting
        await self._write(answer, with_body=request is None or request.method != "HEAD", lasting=lasting)
        self._task = None
        if not lasting or (self._ended and b"\r\n\r\n" not in self._held):
            self._transport.close()
            return
        self.end_answer(waiting=True)
        if self._held:
            held = bytes(self._held)
            self._held.clear()
            self.data_received(held)  # counted as the head of the next request
        else:
            self._idle_timer = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._transport.close)

    async def _write(self, answer: Answer, *, with_body: bool, lasting: bool) -> None:
        lines = [
            f"HTTP/1.1 {int(answer.status)} {HTTPStatus(answer.status).phrase}",
            "server: kubevitals",
            f"content-type: {answer.kind}",
            f"content-length: {sum(map(len, answer.body))}",
            "cache-control: no-store",
            "x-content-type-options: nosniff",
            *(f"{name}: {value}" for name, value in answer.headers),
            f"connection: {'keep-alive' if lasting else 'close'}",
        ]
        self._transport.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        for part in answer.body if with_body else ():
            for start in range(0, len(part), _PART):
                await self._writable.wait()
                if self._transport.is_closing():
                    return
                self._transport.write(memoryview(part)[start : start + _PART])

    def _stop_idling(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    # What the bounds add; declared for this class to call.
    _transport: Any

    def end_head(self) -> None:
        """The head of a request is whole."""

    def end_answer(self, *, waiting: bool) -> None:
        """The answer was written."""


class Connection(bounds.BoundedProtocol, _Reader):
    """One connection of the exporter, within the bounds of those of the service.

    Args:
        answer: answers a request; it raises nothing.
    """
