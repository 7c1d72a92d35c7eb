"""An HTTP server that answers each path with what a test gives it."""

from __future__ import annotations

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Page = tuple[int, str, bytes]  # status, Content-Type ("" for none), body


class Answering:
    """Where it listens on loopback, and the headers of the requests so far."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: list[dict[str, str]] = []


@contextlib.contextmanager
def serve(pages: Mapping[str, Page]) -> Iterator[Answering]:
    """Answer GETs of these paths, and 404 to all others; a redirect leads to the first path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(dict(self.headers))
            status, kind, body = pages.get(self.path, (404, "text/plain", b"404"))
            self.send_response(status)
            if kind:
                self.send_header("Content-Type", kind)
            if 300 <= status < 400:
                self.send_header("Location", next(iter(pages)))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Answering(server.server_address[1])
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield made
        finally:
            server.shutdown()
