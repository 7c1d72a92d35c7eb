"""A forward proxy as companies have them: CONNECT, a password if wanted, a list of what went through.

It knows one host, this one: whatever name is asked for, the tunnel leads to 127.0.0.1. So a server may have
a name that nobody resolves but the proxy, as behind a real one. Must not import kubevitals.
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import select
import socket
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_CONNECT(self) -> None:
        proxy = self.server.proxy
        self.close_connection = True
        if proxy.wanted is not None and self.headers.get("Proxy-Authorization") != proxy.wanted:
            proxy.refused.append(self.path)
            self.send_response(407)
            self.send_header("Proxy-Authenticate", 'Basic realm="test"')
            self.end_headers()
            return
        if proxy.refuses:
            proxy.refused.append(self.path)
            self.send_response(403, "Not From Here")
            self.end_headers()
            return
        proxy.tunnels.append(self.path)
        port = int(self.path.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as target:
            self.send_response(200, "Connection established")
            self.end_headers()
            _join(self.connection, target)

    def log_message(self, *_: Any) -> None:
        """Be silent."""


def _join(left: socket.socket, right: socket.socket) -> None:
    """Pass on bytes in both directions until one side ends."""
    others = {left: right, right: left}
    while True:
        readable, _, _ = select.select([left, right], [], [], 30)
        for side in readable:
            data = side.recv(65536)
            if not data:
                return
            others[side].sendall(data)
        if not readable:
            return


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, proxy: ForwardProxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy

    def handle_error(self, *_: Any) -> None:
        """A side that ends in the middle is no concern of this one."""


class ForwardProxy:
    """One proxy, running inside a `with` block.

    Attributes: `address` (HOST:PORT), `tunnels` and `refused` (the HOST:PORT that were asked for).
    """

    def __init__(self, *, user: str | None = None, password: str = "", refuses: bool = False) -> None:
        """With a `user` only that one may pass; one that `refuses` lets nobody through."""
        encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
        self.wanted = None if user is None else f"Basic {encoded}"
        self.refuses = refuses
        self.tunnels: list[str] = []
        self.refused: list[str] = []
        self._server = _Server(self)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown()
        self._thread.join()
        self._server.server_close()
