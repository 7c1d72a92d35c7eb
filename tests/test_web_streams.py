"""Streams of the real service, whose clients go in the middle of them."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import urllib.parse

from tests import waiting


def test_dropped_streams_leave_nothing() -> None:
    """However many clients drop their streams, as soon as they are gone there is room for others."""
    words = [
        "serve",
        "--simulation",
        "nodes=2,pods=5",
        "--port",
        "0",
        "--streams",
        "10",
        "--log-format",
        "json",
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "kubevitals", *words], stderr=subprocess.PIPE, text=True
    ) as service:
        try:
            assert service.stderr is not None
            url = next(told["url"] for line in service.stderr if (told := json.loads(line)).get("url"))
            place = urllib.parse.urlsplit(url)
            address = (str(place.hostname), int(place.port or 0))
            waiting.until(lambda: status_of(address, "/readyz") == 200, pause=0.1)
            for _ in range(150):
                with socket.create_connection(address, timeout=10) as client:
                    client.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: service\r\n\r\n")
                    client.recv(64)
            waiting.until(
                lambda: status_of(address, "/api/v1/stream") == 200,
                what="streams of clients that have gone are closed",
                seconds=10,
                pause=0.2,
            )
        finally:
            service.send_signal(signal.SIGTERM)
            service.communicate(timeout=20)


def status_of(address: tuple[str, int], path: str) -> int:
    """The status of an answer whose body is not read."""
    client = http.client.HTTPConnection(*address, timeout=10)
    try:
        client.request("GET", path)
        return client.getresponse().status
    finally:
        client.close()
