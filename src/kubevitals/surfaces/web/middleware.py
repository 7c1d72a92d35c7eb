"""Around every request: counting by route, security headers, the log, a problem for what breaks."""

from __future__ import annotations

import ipaddress
import logging
import time
from typing import TYPE_CHECKING, Any

from kubevitals.kube.http import urls
from kubevitals.surfaces.web import headers, problemdetails

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Any]
    Send = Callable[[MutableMapping[str, Any]], Any]
    App = Callable[[Scope, Receive, Send], Any]

ROUTE = "kubevitals.route"
"""The key of the scope under which a route leaves its path."""

_LOG = logging.getLogger("kubevitals.requests")

_PAGE_POLICY = (b"content-security-policy", headers.PAGE_POLICY.encode())
_DATA_POLICY = (b"content-security-policy", headers.DATA_POLICY.encode())


class ServiceMiddleware:
    """An ASGI application around the service's."""

    def __init__(self, app: App, *, requests: dict[tuple[str, int], int], query_bytes: int) -> None:
        self._app = app
        self._requests = requests
        self._query_bytes = query_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or a start and an end of the service."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def answer(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *_protect(scope, message)]
            await send(message)

        try:
            if len(scope.get("query_string", b"")) > self._query_bytes:
                refusal = problemdetails.Refusal(
                    422, "query_too_long", f"more than {self._query_bytes} bytes"
                )
                await send_refusal(refusal, scope, answer)
            else:
                await self._app(scope, receive, answer)
        except Exception:  # noqa: BLE001 - the boundary of a request: nothing of the error reaches the client
            _LOG.exception("request failed", extra={"event": "request_failed", "path": scope["path"][:200]})
            if status == 0:
                refusal = problemdetails.Refusal(500, "internal", "the service failed; its log tells more")
                await send_refusal(refusal, scope, answer)
        finally:
            self._note(scope, status, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = scope.get(ROUTE, "other")
        key = (route, status)
        self._requests[key] = self._requests.get(key, 0) + 1
        if _LOG.isEnabledFor(logging.DEBUG):
            fields = {"event": "request", "route": route, "status": status, "seconds": round(seconds, 6)}
            _LOG.debug("%s %s %d %.1f ms", scope["method"], route, status, seconds * 1000, extra=fields)


def _protect(scope: Scope, message: MutableMapping[str, Any]) -> list[tuple[bytes, bytes]]:
    """Return the headers that protect who looks at the answer in a browser."""
    given = dict(message.get("headers", ()))
    page = given.get(b"content-type", b"").startswith(b"text/html")
    more = [*headers.SECURITY, _PAGE_POLICY if page else _DATA_POLICY]
    if scope.get("scheme") == "https":
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1").rpartition(":")
        if not urls.is_loopback(host[0] or host[2]) and not _is_address(host[0] or host[2]):
            more.append(headers.STRICT_TRANSPORT)
    return more


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


async def send_refusal(refusal: problemdetails.Refusal, scope: Scope, send: Send) -> None:
    """Answer with a problem document."""
    content = refusal.document(scope["path"])
    fields = [
        (b"content-type", problemdetails.MEDIA_TYPE.encode()),
        (b"content-length", str(len(content)).encode()),
        (b"cache-control", b"no-store"),
        *[
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in refusal.headers.items()
        ],
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": fields})
    body = b"" if scope["method"] == "HEAD" else content
    await send({"type": "http.response.body", "body": body})
