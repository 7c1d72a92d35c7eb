"""The HTTP server of `kubevitals export`: /metrics, health routes and a plain page.

It answers GET and HEAD in one thread, which hands scrapes over to others: a probe never waits for one. Its
connections are bounded as those of the web service are. It has neither TLS nor authentication.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
import weakref
from http import HTTPStatus
from typing import TYPE_CHECKING, Self

from kubevitals import sockets
from kubevitals.surfaces.exposition import negotiation, requests, text
from kubevitals.surfaces.http import acceptor, memory, sites

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from kubevitals.surfaces.exposition import exporter as exporters

_BACKLOG = 1024
_SCRAPES = 2  # that are made at the same time; the others wait
_HEALTH = ("/healthz", "/livez", "/readyz")
_PLAIN = "text/plain; charset=utf-8"
_VARY = ("vary", "accept, accept-encoding")
_PAGE = b"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>kubevitals export</title></head>
<body><h1>kubevitals</h1><ul><li><a href="/metrics">/metrics</a></li><li><a href="/livez">/livez</a></li>
<li><a href="/readyz">/readyz</a></li></ul></body></html>
"""


class Server:
    """Serves an exporter until `stop`. Use it in a `with` block."""

    def __init__(
        self,
        exporter: exporters.Exporter,
        *,
        address: str = "127.0.0.1",
        port: int = 9100,
        gzip: bool = True,
        connections: int = 1000,
        answer_bytes: int = memory.DEFAULT,
        hosts: Sequence[str] | None = None,
        address_hosts: bool = True,
    ) -> None:
        """Listen at once; a port of 0 takes a free one, which `port` then tells.

        Args:
            exporter: what is served.
            address: to listen on.
            port: to listen on.
            gzip: compress for clients that take it.
            connections: the most at a time; beyond it the one that is idle for longest makes room.
            answer_bytes: of all answers that are on their way; what has no room gets 503.
            hosts: the names that are served besides those of loopback; None serves any name.
            address_hosts: serve whatever is written as an IP address too.

        Raises:
            errors.ConfigurationError: the address cannot be listened on.
        """
        self._exporter = exporter
        self._gzip = gzip
        self._connections = connections
        self._budget = memory.Budget(answer_bytes)
        self._leases: weakref.WeakValueDictionary[int, memory.Lease] = weakref.WeakValueDictionary()
        self._sites = sites.SitePolicy(hosts, addresses=address_hosts, origins=(), open_paths=_HEALTH)
        self._listening: socket.socket = sockets.listen(address, port, backlog=_BACKLOG)
        self.url = sockets.url_of(self._listening)
        self.port: int = self._listening.getsockname()[1]
        self._scrapes = concurrent.futures.ThreadPoolExecutor(_SCRAPES, thread_name_prefix="scrape")
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start to serve in a thread, and return at once."""
        self._thread = threading.Thread(target=self._run, name="exporter", daemon=True)
        self._thread.start()

    def stop(self, *, timeout: float = 4.0) -> None:
        """Accept no more connections, and wait up to `timeout` seconds for answers in progress."""
        until = time.monotonic() + timeout
        if self._thread is not None:
            asyncio.run_coroutine_threadsafe(self._finish(until), self._loop)
            self._thread.join(timeout + 1)
        if self._thread is None or not self._thread.is_alive():
            self._loop.close()
        self._listening.close()
        self._scrapes.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.call_soon(self._accept)
        self._loop.run_forever()

    def _accept(self) -> None:
        self._acceptor = acceptor.Acceptor(
            self._listening, lambda: requests.Connection(self._answer), most=self._connections, tls=None
        )
        self._acceptor.start()

    async def _finish(self, until: float) -> None:
        """Wait for the answers in progress, then end."""
        self._acceptor.close()
        await self._acceptor.wait_closed()
        await self._acceptor.wait_quiet(until - time.monotonic())
        self._acceptor.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.01)  # in which the connections close
        self._loop.call_soon(self._loop.stop)

    async def _answer(self, request: requests.Request) -> requests.Answer:
        """Return the answer to a request, and count it."""
        try:
            self._sites.check({"headers": request.headers, "path": request.path, "method": request.method})
            answer = await self._route(request)
        except sites.SiteError as error:
            answer = _say(error.status, f"{error.detail}; {error.remedy}")
        except memory.BudgetError:
            answer = _say(HTTPStatus.SERVICE_UNAVAILABLE, "the memory for answers is used up")
            answer = answer._replace(headers=(("retry-after", "5"),))
        except Exception:  # noqa: BLE001 - the boundary of a request: it costs itself, and its connection goes on
            answer = _say(HTTPStatus.INTERNAL_SERVER_ERROR, "the exposition could not be made")
        known = answer.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.MISDIRECTED_REQUEST)
        self._exporter.count(request.path if known and request.path in _ROUTES else "other", answer.status)
        return answer

    async def _route(self, request: requests.Request) -> requests.Answer:
        if request.path not in _ROUTES:
            return _say(HTTPStatus.NOT_FOUND, "not found; there is /metrics")
        if request.method not in ("GET", "HEAD"):
            refused = _say(HTTPStatus.METHOD_NOT_ALLOWED, "it can be read, by GET and HEAD")
            return refused._replace(headers=(("allow", "GET, HEAD"),))
        if request.path == "/metrics":
            return await self._scrape(request)
        if request.path == "/":
            return requests.Answer(HTTPStatus.OK, "text/html; charset=utf-8", [_PAGE])
        if request.path == "/readyz":
            return _health("ready", "there is no recent snapshot", good=self._exporter.ready)
        return _health("live", "usage is not read any more", good=self._exporter.live)

    async def _scrape(self, request: requests.Request) -> requests.Answer:
        openmetrics = negotiation.wants_openmetrics(request.value(b"accept"))
        gzip = self._gzip and negotiation.wants_gzip(request.value(b"accept-encoding"))
        body = await self._loop.run_in_executor(
            self._scrapes, lambda: self._exporter.answer(openmetrics=openmetrics, gzip=gzip)
        )
        # Scrapes of one state share a body, which is counted once.
        lease = self._leases.get(id(body))
        if lease is None:
            lease = self._budget.lease(body)
            lease.grow(sum(map(len, body)))
            self._leases[id(body)] = lease
        kind = text.OPENMETRICS if openmetrics else text.TEXT
        headers = (_VARY, ("content-encoding", "gzip")) if gzip else (_VARY,)
        return requests.Answer(HTTPStatus.OK, kind, body, headers, lease)


_ROUTES = ("/", "/metrics", *_HEALTH)


def _say(status: int, words: str) -> requests.Answer:
    return requests.Answer(status, _PLAIN, [f"{words}\n".encode()])


def _health(word: str, reason: str, *, good: bool) -> requests.Answer:
    if good:
        return _say(HTTPStatus.OK, word)
    return _say(HTTPStatus.SERVICE_UNAVAILABLE, f"not {word}: {reason}")
