"""A TLS server before the API server: with a certificate of one's choice, and with a memory if asked.

It passes on the bearer token that it gets, so that the API server decides who comes in. With a memory every
GET is asked once and answered with the same bytes for ever: two programs that read one after the other then
see one recorded response. Must not import kubevitals.
"""

from __future__ import annotations

import http.server
import ssl
import threading
from typing import TYPE_CHECKING, Any, Self

from tests.e2e import apiclient

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from tests.e2e import certificates, controlplane


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _answer(self, body: bytes | None) -> None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        status, answer = self.server.front.ask(
            self.command, self.path, token, body, self.headers.get("Content-Type", "application/json")
        )
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Be silent."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, front: Front, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.front = front
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, *_: Any) -> None:
        """A client that refuses the certificate is what some tests are about."""


class Front:
    """One such server, running inside a `with` block. Attributes: `url`, `targets` (of all requests)."""

    def __init__(
        self,
        cluster: controlplane.ControlPlane,
        pair: certificates.Pair,
        *,
        directory: Path,
        name: str = "front",
        remember: bool = False,
    ) -> None:
        self._cluster = cluster
        self._remember = remember
        self._recorded: dict[tuple[str, str], tuple[int, bytes]] = {}
        self._clients: dict[str, apiclient.Client] = {}
        self._lock = threading.Lock()
        self.targets: list[str] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair.write(directory, name))
        self._server = _Server(self, context)
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for client in self._clients.values():
            client.close()

    def ask(
        self, method: str, target: str, token: str, body: bytes | None, content_type: str
    ) -> tuple[int, bytes]:
        """What the API server answers, or has answered to the same GET with the same token before."""
        with self._lock:  # one at a time: the first of two equals is recorded
            self.targets.append(target)
            recorded = self._recorded.get((target, token))
            if recorded is not None:
                return recorded
            if token not in self._clients:
                self._clients[token] = apiclient.Client(
                    self._cluster.port, authority=self._cluster.authority_file, token=token or None
                )
            answer = self._clients[token].raw(method, target, body=body, content_type=content_type)
            if self._remember and method == "GET" and answer[0] == 200:
                self._recorded[target, token] = answer
            return answer
