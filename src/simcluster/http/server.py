"""The HTTP server: sockets, threads and TLS, on loopback only, with a thread for each connection."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from simcluster import errors
from simcluster.http import messages

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

_HANDSHAKE_SECONDS = 10.0
_SEND_SECONDS = 120.0  # a client that takes nothing for so long has gone
_SEND_BUFFER = 4 * 1024 * 1024
_MOST_CONNECTIONS = 512


class Peer(NamedTuple):
    """The subject of a client's certificate."""

    common_name: str
    organisations: list[str]


class Server:
    """An HTTP server on 127.0.0.1. `answer` makes the response to a request; `context` gives the TLS
    context of the next connection, None for plain HTTP.
    """

    def __init__(
        self,
        answer: Callable[[messages.Request, Peer | None], messages.Response],
        *,
        port: int = 0,
        context: Callable[[], ssl.SSLContext | None],
        head_seconds: float = 15.0,
        most_connections: int = _MOST_CONNECTIONS,
    ) -> None:
        self._answer = answer
        self._most_connections = most_connections
        self._wanted_port = port
        self._context = context
        self._head_seconds = head_seconds
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._stopping = False
        self.port = 0

    def start(self) -> None:
        """Begin to listen; PortError if the port cannot be had."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", self._wanted_port))
            listener.listen(128)
        except (OSError, OverflowError) as error:
            listener.close()
            raise errors.PortError(
                f"the simulated cluster cannot listen on 127.0.0.1:{self._wanted_port}: {_reason(error)}",
                remedy="choose another --port, or 0 for any that is free",
            ) from error
        self._listener = listener
        self.port = listener.getsockname()[1]
        self._thread = threading.Thread(
            target=self._accept, args=(listener,), name="simulation-accept", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Close the listener and every connection, and wait a moment for their threads."""
        self._stopping = True
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        if self._thread is not None:
            self._thread.join(2.0)
            self._thread = None
        with self._lock:
            open_ones = dict(self._connections)
        for raw in open_ones:
            with contextlib.suppress(OSError):
                raw.shutdown(socket.SHUT_RDWR)
        deadline = time.monotonic() + 2.0
        for thread in open_ones.values():
            thread.join(max(0.0, deadline - time.monotonic()))

    def _accept(self, listener: socket.socket) -> None:
        while not self._stopping:
            try:
                raw, _ = listener.accept()
            except OSError:
                if listener.fileno() < 0:
                    return
                time.sleep(0.05)  # out of file descriptors: others will be given back
                continue
            with self._lock:
                full = len(self._connections) >= self._most_connections
                if not full:
                    thread = threading.Thread(target=self._serve, args=(raw,), name="simulation", daemon=True)
                    self._connections[raw] = thread
            if full:
                raw.close()
                continue
            thread.start()

    def _serve(self, raw: socket.socket) -> None:
        # `raw` keeps a file descriptor of its own for the whole life, so that stop() can reach the connection
        # while the TLS socket, which took the first one over, is in use here.
        connection: socket.socket | None = None
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
            connection = self._open(raw)
            if connection is not None:
                self._converse(connection)
        except OSError:
            pass  # the client left, or never spoke TLS; there is nobody to tell
        finally:
            if connection is not None:
                connection.close()
            raw.close()
            with self._lock:
                self._connections.pop(raw, None)

    def _open(self, raw: socket.socket) -> socket.socket | None:
        context = self._context()
        own = raw.dup()
        if context is None:
            return own
        try:
            own.settimeout(_HANDSHAKE_SECONDS)
            first = own.recv(1, socket.MSG_PEEK)
            if first.isalpha():
                own.sendall(
                    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
                )
                _linger(own)
                own.close()
                return None
            return context.wrap_socket(own, server_side=True)
        except BaseException:
            own.close()
            raise

    def _converse(self, connection: socket.socket) -> None:
        peer = _peer(connection)
        incoming = messages.RequestReader(connection, head_seconds=self._head_seconds)
        while not self._stopping:
            try:
                request = incoming.read_request()
            except messages.ClosedError:
                return
            except messages.ProtocolError as error:
                response = messages.Response(
                    error.status, f"{error.status} {error}".encode(), content_type="text/plain; charset=utf-8"
                )
                response.close = True
                messages.write_response(connection, None, response)
                _linger(connection)
                return
            request.gone = lambda: _has_left(connection)
            response = self._answer(request, peer)
            connection.settimeout(_SEND_SECONDS)
            if response.reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if not messages.write_response(connection, request, response):
                return


def _has_left(connection: socket.socket) -> bool:
    # A client that watches says nothing more: something to read is its goodbye.
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def _linger(connection: socket.socket) -> None:
    # Unread input would turn the close into a reset, and the client might never see the answer.
    with contextlib.suppress(OSError):
        connection.settimeout(0.5)
        socket.socket.shutdown(connection, socket.SHUT_WR)
        for _ in range(64):
            if not connection.recv(65536):
                return


def _peer(connection: socket.socket) -> Peer | None:
    getpeercert: Callable[[], Mapping[str, object] | None] | None = getattr(connection, "getpeercert", None)
    certificate = getpeercert() if getpeercert is not None else None
    subject = certificate.get("subject") if certificate else None
    if not isinstance(subject, tuple):
        return None
    pairs = [pair for group in subject for pair in group]
    name = next((value for key, value in pairs if key == "commonName"), "")
    return Peer(name, [value for key, value in pairs if key == "organizationName"]) if name else None


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error))[:200]
