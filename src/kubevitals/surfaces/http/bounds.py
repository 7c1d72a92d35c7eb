"""Bounds on what one connection may cost: the bytes and the time of a request, and the time of its answer.

It is mixed into the protocol of a server, before the class that reads requests. That class tells when a head
is whole (`end_head`) and when an answer is (`end_answer`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kubevitals.surfaces.http import acceptor as acceptors

HEAD_BYTES = 32 << 10  # of a request line and headers; the largest tokens reach some thousands
WRITE_SECONDS = 30.0  # that a client may take for the next 64 kB of an answer
REST_BYTES = 64 << 10  # that a client may send until its request is answered: no route reads a body
HEAD_SECONDS = 10.0  # from the first byte, or the connection, to the end of the headers
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedProtocol(asyncio.Protocol):
    """Ends a connection whose request is too large or too slow, and one that does not read its answer."""

    acceptor: acceptors.Acceptor | None = None
    _transport: Any = None  # before the connection is made

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        self._transport = transport
        self._head_bytes = self._rest_bytes = 0
        self._in_head = True
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers, and leave the place to another connection."""
        if self.acceptor is not None:
            self.acceptor.release(self)
        self._stop_waiting()
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read: it has so long to go on."""
        if self._write_timer is None:
            self._write_timer = asyncio.get_running_loop().call_later(WRITE_SECONDS, self.abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        """It reads again."""
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Count the bytes of a head, and what comes before the answer has gone: body, trailers, requests."""
        if self._in_head:
            if self._head_timer is None:  # the first bytes of a further request
                self._wait()
            self._head_bytes += len(data)
        else:
            self._rest_bytes += len(data)
            if self._rest_bytes > REST_BYTES:
                self.abort()
                return
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_BYTES and not self._transport.is_closing():
            self._transport.write(_TOO_LARGE)
            self._transport.close()

    def end_head(self) -> None:
        """The head of a request is whole."""
        self._in_head = False
        self._stop_waiting()
        if self.acceptor is not None:
            self.acceptor.mark_busy(self)

    def end_answer(self, *, waiting: bool) -> None:
        """The answer was written; with `waiting` the head of the next request is not here yet."""
        self._in_head, self._head_bytes, self._rest_bytes = waiting, 0, 0
        if waiting and self.acceptor is not None:
            self.acceptor.mark_idle(self)

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.abort()

    def _wait(self) -> None:
        self._head_timer = asyncio.get_running_loop().call_later(HEAD_SECONDS, self.abort)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
