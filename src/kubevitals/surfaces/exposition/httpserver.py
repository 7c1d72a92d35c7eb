"""The HTTP server of `kubevitals export`: /metrics, health routes and a plain page.

It answers GET and HEAD, with bounded numbers of threads and headers and with time-outs. It has neither TLS
nor authentication; the web service has.
"""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

from kubevitals import sockets
from kubevitals.surfaces.exposition import negotiation, text

if TYPE_CHECKING:
    from kubevitals.surfaces.exposition import exporter as exporters

_BACKLOG = 64
_CONNECTIONS = 64  # at a time; a further one takes the place of the one that is idle for the longest time
_REQUEST_SECONDS = 10.0  # for the headers of a request to arrive
_SECONDS = 30.0  # between two requests, and for one answer to be taken
_PLAIN = "text/plain; charset=utf-8"
_PAGE = b"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>kubevitals export</title></head>
<body><h1>kubevitals</h1><ul><li><a href="/metrics">/metrics</a></li><li><a href="/livez">/livez</a></li>
<li><a href="/readyz">/readyz</a></li></ul></body></html>
"""


class Server:
    """Serves an exporter until `stop`. Use it in a `with` block."""

    def __init__(
        self, exporter: exporters.Exporter, *, address: str = "127.0.0.1", port: int = 9100, gzip: bool = True
    ) -> None:
        """Listen at once; a port of 0 takes a free one, which `port` then tells.

        Raises:
            errors.ConfigurationError: the address cannot be listened on.
        """
        handler = type("_BoundHandler", (_Handler,), {"exporter": exporter, "gzip": gzip})
        listening = sockets.listen(address, port, backlog=_BACKLOG)
        self.url = sockets.url_of(listening)
        self.port: int = listening.getsockname()[1]
        self._server = _ThreadingServer(listening, handler)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start to serve in a thread, and return at once."""
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="exporter", daemon=True
        )
        self._thread.start()

    def stop(self, *, timeout: float = 4.0) -> None:
        """Accept no more connections, and wait up to `timeout` seconds for answers in progress."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join(timeout)
        self._server.server_close()
        self._server.drain(timeout)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _ThreadingServer(http.server.ThreadingHTTPServer):
    """A server with a bounded number of threads, whose idle connections do not delay its end."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, listening: socket.socket, handler: Any) -> None:
        self._busy = 0
        self._quiet = threading.Condition()
        self._open: dict[Any, tuple[bool, float]] = {}  # whether it is being answered, and until when
        super().__init__(listening.getsockname()[:2], handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._quiet:
            if len(self._open) >= _CONNECTIONS:
                idle = [(until, each) for each, (busy, until) in self._open.items() if not busy]
                oldest = min(idle, key=lambda pair: pair[0], default=None)
                if oldest is not None:
                    del self._open[oldest[1]]
                    _shut(oldest[1])
            full = len(self._open) >= _CONNECTIONS
            if not full:
                self._open[request] = False, time.monotonic() + _REQUEST_SECONDS
        if full:
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._leave(request)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._leave(request)

    def _leave(self, request: Any) -> None:
        with self._quiet:
            self._open.pop(request, None)

    def service_actions(self) -> None:
        """Close connections whose time is over; called between requests."""
        now = time.monotonic()
        with self._quiet:
            late = [each for each, (_, until) in self._open.items() if until < now]
        for each in late:
            _shut(each)

    def allow(self, request: Any, seconds: float, *, busy: bool = False) -> None:
        """Give a connection so many seconds from now."""
        with self._quiet:
            if request in self._open:
                self._open[request] = busy, time.monotonic() + seconds

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore it: a client that goes away is no error of the server."""

    def begin(self) -> None:
        """Count an answer in progress."""
        with self._quiet:
            self._busy += 1

    def end(self) -> None:
        """Count it as finished."""
        with self._quiet:
            self._busy -= 1
            self._quiet.notify_all()

    def drain(self, timeout: float) -> None:
        """Wait for answers in progress, then close idle connections."""
        until = time.monotonic() + timeout
        with self._quiet:
            self._quiet.wait_for(lambda: self._busy == 0, max(0.0, until - time.monotonic()))
            left = list(self._open)
        for connection in left:
            _shut(connection)


def _shut(connection: socket.socket) -> None:
    """End the connection under the thread that serves it."""
    with contextlib.suppress(OSError):  # it has ended by itself
        connection.shutdown(socket.SHUT_RDWR)


class _Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    exporter: exporters.Exporter
    gzip: bool
    server: _ThreadingServer
    protocol_version = "HTTP/1.1"
    timeout = _SECONDS

    def parse_request(self) -> bool:
        """Read the headers, for which there are some seconds in all, however they trickle."""
        self.server.allow(self.connection, _REQUEST_SECONDS)
        return super().parse_request()

    def do_GET(self) -> None:
        """Answer a route."""
        self._respond(with_body=True)

    def do_HEAD(self) -> None:
        """Answer with the headers of GET."""
        self._respond(with_body=False)

    def version_string(self) -> str:
        """Return the Server header, without versions."""
        return "kubevitals"

    def log_message(self, *_: object) -> None:
        """Log nothing for a scrape: /metrics has counters."""

    def _respond(self, *, with_body: bool) -> None:
        route = self.path.partition("?")[0]
        self.server.begin()
        self.server.allow(self.connection, _SECONDS, busy=True)
        try:
            status, kind, body, coding = self._answer(route)
            self.exporter.count(route if status != HTTPStatus.NOT_FOUND else "other", status)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(sum(map(len, body))))
            self.send_header("Vary", "Accept, Accept-Encoding")
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            if coding:
                self.send_header("Content-Encoding", coding)
            self.end_headers()
            if with_body:
                for part in body:
                    self.wfile.write(part)
        except OSError:
            self.close_connection = True  # the client has gone, or does not take its answer
        finally:
            self.server.allow(self.connection, _SECONDS)
            self.server.end()

    def _answer(self, route: str) -> tuple[int, str, list[bytes], str]:
        """Return status, content type, body and content coding."""
        if route == "/metrics":
            openmetrics = negotiation.wants_openmetrics(self.headers.get("Accept"))
            gzip = self.gzip and negotiation.wants_gzip(self.headers.get("Accept-Encoding"))
            body = self.exporter.answer(openmetrics=openmetrics, gzip=gzip)
            kind = text.OPENMETRICS if openmetrics else text.TEXT
            return HTTPStatus.OK, kind, body, "gzip" if gzip else ""
        if route in ("/livez", "/healthz"):
            return _health(self.exporter.live, "live", "usage is not read any more")
        if route == "/readyz":
            return _health(self.exporter.ready, "ready", "there is no recent snapshot")
        if route == "/":
            return HTTPStatus.OK, "text/html; charset=utf-8", [_PAGE], ""
        return HTTPStatus.NOT_FOUND, _PLAIN, [b"not found; there is /metrics\n"], ""


def _health(good: bool, word: str, reason: str) -> tuple[int, str, list[bytes], str]:  # noqa: FBT001 - a fact, no switch
    if good:
        return HTTPStatus.OK, _PLAIN, [f"{word}\n".encode()], ""
    return HTTPStatus.SERVICE_UNAVAILABLE, _PLAIN, [f"not {word}: {reason}\n".encode()], ""
