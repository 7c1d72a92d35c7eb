"""Targets: requests to the service, from the bytes on a connection to the bytes of the answer."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any

import uvicorn
from tests import web_service
from tests.fuzz import runner
from uvicorn import server as uvicorn_server

from kubevitals.surfaces.exposition import negotiation
from kubevitals.surfaces.exposition import requests as exporter_requests
from kubevitals.surfaces.web import limits

if TYPE_CHECKING:
    from collections.abc import Sequence

_QUERIES = (
    "/api/v1/pods?sort_by=memory&limit=5&offset=2", "/api/v1/pods?label_selector=app%20in%20(a,b)&format=csv",
    "/api/v1/pods?filter=cpu%3E100m%20-status:running", "/api/v1/nodes?fields=name,ready&format=columns",
    "/api/v1/containers?namespace=shop&namespace=prod", "/api/v1/pods/shop/web-0", "/api/v1/infra/pods",
    "/api/v1/names/namespaces",
    "/api/v1/history/nodes?from=now-1h&to=now&step=60", "/api/v1/problems?severity=warning",
    "/api/v1/history/pods?since=1h&percentiles=50,95&format=csv", "/api/v1/nodes?at=2026-03-01T12:00:00Z",
    "/metrics", "/readyz", "/",
    "/api/v1/status", "/api/v1/vitals?cluster=simulated", "/api/v1/stream", "/openapi.json",
    "/api/v1/workloads?field_selector=status.phase%3DRunning", "/favicon.ico",
    "/%2e%2e/etc/passwd", "/metrics%0a",
)  # fmt: skip
_HEADERS = (
    b"host: localhost\r\naccept-encoding: gzip\r\n",
    (
        b'host: 127.0.0.1:8080\r\nif-none-match: "a", W/"b"\r\n'
        b"origin: http://evil.example\r\nsec-fetch-site: cross-site\r\n"
    ),
    (
        b"host: [::1]\r\nauthorization: Basic YTpi\r\n"
        b"accept: application/openmetrics-text; version=1.0.0;q=0.5\r\n"
    ),
    b"host: a\r\ncontent-length: 3\r\n\r\nabcGET / HTTP/1.1\r\nhost: b\r\n",
    b"host: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
    b"connection: upgrade\r\nupgrade: websocket\r\nexpect: 100-continue\r\n",
)
_WORDS = (
    b"GET", b"HEAD", b"POST", b"OPTIONS", b"CONNECT", b"TRACE",
    b"HTTP/1.0", b"HTTP/2.0", b"?", b"&", b"=", b"%20",
    b"%0a", b"%", b"%ff", b"%u0000", b"label_selector=",
    b"filter=", b"fields=", b"at=", b"limit=", b"in%20(,,",
    b"Transfer-Encoding: chunked\r\n", b"Content-Length: 9\r\n",
    b"Host: \r\n", b"X: " + b"a" * 40_000 + b"\r\n",
    b"since=", b"step=", b"1e400", b"format=", b"sort_by=", b"\r\n\r\nGET /livez HTTP/1.1\r\nhost: c\r\n\r\n",
)  # fmt: skip


class _Transport(asyncio.Transport):
    """A connection whose client takes everything."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 4), "sockname": ("127.0.0.1", 5)}.get(name, default)

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def pause_reading(self) -> None:
        pass

    resume_reading = pause_reading


@functools.cache
def _application() -> Any:
    """A service whose cluster has gone: it goes on to answer from its last snapshot."""
    with web_service.serve() as service:
        service.tick()
    return service.app


def _seeds() -> Sequence[bytes]:
    return [
        b"GET %s HTTP/1.1\r\n%s\r\n" % (query.encode(), _HEADERS[number % len(_HEADERS)])
        for number, query in enumerate(_QUERIES)
    ]


async def _answer(data: bytes) -> bytes:
    config = uvicorn.Config(_application(), log_config=None, access_log=False, lifespan="off", ws="none")
    config.load()
    state = uvicorn_server.ServerState()
    protocol = limits.Protocol(config, state, {}, _loop=asyncio.get_running_loop())
    transport = _Transport()
    protocol.connection_made(transport)
    for start in range(0, len(data), 8192):
        if not transport.closed:
            protocol.data_received(data[start : start + 8192])
    for _ in range(3):
        await asyncio.sleep(0)
    if b"/stream" not in data and state.tasks:
        await asyncio.wait(state.tasks, timeout=1)
    protocol.connection_lost(None)  # a stream, or a request whose body never comes, ends with its client
    if state.tasks:
        await asyncio.wait(state.tasks, timeout=10)
    assert not state.tasks, "a request goes on although its client has gone"
    return bytes(transport.written)


def _ask(data: bytes) -> None:
    """Send a request; nothing in it makes the service fail."""
    answer = asyncio.run(_answer(data))
    assert not answer or answer.startswith(b"HTTP/1.1 "), answer[:100]
    assert b"HTTP/1.1 500" not in answer, answer[:500]


def _scrape(data: bytes) -> None:
    """Give what is before the first blank line to the exporter, which has a reader of its own."""
    head = data.partition(b"\r\n\r\n")[0]
    request = exporter_requests.parse_head(head)
    if request is not None:
        assert request.path.startswith("/")
        assert not any(b"\n" in value or b"\0" in value for _, value in request.headers)
        negotiation.wants_openmetrics(request.value(b"accept"))
        negotiation.wants_gzip(request.value(b"accept-encoding"))


TARGETS = (
    runner.Target("requests", _seeds, _ask, words=_WORDS, cases=150),
    runner.Target("exporter-requests", _seeds, _scrape, words=_WORDS),
)
