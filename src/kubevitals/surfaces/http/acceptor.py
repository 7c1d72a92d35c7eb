"""Accepting connections: each is counted from the moment it is accepted, also while it shakes hands for TLS.

Where there are as many as there may be, the one that has been idle for longest makes room.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
from typing import TYPE_CHECKING

from kubevitals.surfaces.http import bounds

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable

_LOG = logging.getLogger(__name__)
_IN_A_ROW = 16  # connections that are accepted before other work goes on
_PAUSE = 0.2  # seconds until the next try when the system has no descriptor or memory left
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Acceptor:
    """Accepts the connections of one socket that listens, at most `most` at a time.

    It has the methods that uvicorn calls of an `asyncio.Server`.
    """

    def __init__(
        self,
        listening: socket.socket,
        make: Callable[[], bounds.BoundedProtocol],
        *,
        most: int,
        tls: ssl.SSLContext | None,
    ) -> None:
        """`make` returns the protocol of a new connection."""
        self._listening = listening
        self._make = make
        self._most = most
        self._tls = tls
        self._open: dict[bounds.BoundedProtocol, asyncio.Task[None]] = {}
        self._idle: dict[bounds.BoundedProtocol, None] = {}  # without a request; the longest idle first
        self._quieter = asyncio.Event()
        self._work: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to accept; in the event loop."""
        self._listening.settimeout(0)
        self._work = asyncio.get_running_loop().create_task(self._run())

    def close(self) -> None:
        """Accept no more, and end the connections that still shake hands."""
        if self._work is not None:
            self._work.cancel()
        for task in self._open.values():
            task.cancel()  # without effect on those that are connected

    async def wait_closed(self) -> None:
        """Wait until no more is accepted."""
        if self._work is not None:
            await asyncio.gather(self._work, return_exceptions=True)

    async def wait_quiet(self, seconds: float) -> None:
        """Wait so long, or until no request is being answered on any connection."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                while len(self._open) > len(self._idle):
                    self._quieter.clear()
                    await self._quieter.wait()

    def abort(self) -> None:
        """End all connections at once."""
        for protocol in list(self._open):
            protocol.abort()

    def mark_busy(self, protocol: bounds.BoundedProtocol) -> None:
        """Note that a request has arrived on this connection."""
        self._idle.pop(protocol, None)

    def mark_idle(self, protocol: bounds.BoundedProtocol) -> None:
        """Note that this connection waits for its next request."""
        if protocol in self._open:
            self._idle[protocol] = None
            self._quieter.set()

    def release(self, protocol: bounds.BoundedProtocol) -> None:
        """Count a connection that has ended no more."""
        self._open.pop(protocol, None)
        self._idle.pop(protocol, None)
        self._quieter.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        accepted = 0
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listening)
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    _LOG.warning(
                        "no connection can be accepted: %s", error.strerror, extra={"event": "exhausted"}
                    )
                    # Those who wait behind idle connections are let in at once, or health would be silent.
                    await asyncio.sleep(0 if self._make_room() else _PAUSE)
                else:  # the client has gone already
                    await asyncio.sleep(0)
                continue
            self._admit(connection)
            accepted += 1
            if accepted % _IN_A_ROW == 0:
                await asyncio.sleep(0)

    def _admit(self, connection: socket.socket) -> None:
        if len(self._open) >= self._most and not self._make_room():
            connection.close()
            _LOG.warning("all %d connections are busy", self._most, extra={"event": "connections_full"})
            return
        protocol = self._make()
        protocol.acceptor = self
        connection.settimeout(0)
        self._open[protocol] = asyncio.get_running_loop().create_task(self._connect(connection, protocol))
        self._idle[protocol] = None

    async def _connect(self, connection: socket.socket, protocol: bounds.BoundedProtocol) -> None:
        """Shake hands where there is TLS, then leave the connection to its protocol."""
        seconds = bounds.HEAD_SECONDS if self._tls is not None else None
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: protocol, connection, ssl=self._tls, ssl_handshake_timeout=seconds
            )
        except (OSError, asyncio.CancelledError):  # no TLS, too late, gone, or it made room
            self.release(protocol)
            connection.close()

    def _make_room(self) -> bool:
        """End the connection that has been idle for longest; return whether there was one."""
        oldest = next(iter(self._idle), None)
        if oldest is None:
            return False
        task = self._open[oldest]
        self.release(oldest)
        if task.done():
            oldest.abort()
        else:
            task.cancel()
        return True
