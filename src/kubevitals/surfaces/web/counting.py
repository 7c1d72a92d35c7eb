"""Around every request: counting by route, security headers, the log, a problem for what breaks."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from kubevitals.surfaces.web import page, problems

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Any]
    Send = Callable[[MutableMapping[str, Any]], Any]
    App = Callable[[Scope, Receive, Send], Any]

_LOG = logging.getLogger("kubevitals.requests")

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"content-security-policy",
        f"default-src 'none'; style-src '{page.STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'; "
        "form-action 'none'".encode(),
    ),
)


class Door:
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
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        try:
            if len(scope.get("query_string", b"")) > self._query_bytes:
                refusal = problems.Refusal(414, "query_too_long", f"more than {self._query_bytes} bytes")
                await send_refusal(refusal, scope, answer)
            else:
                await self._app(scope, receive, answer)
        except Exception:  # noqa: BLE001 - the boundary of a request: nothing of the error reaches the client
            _LOG.exception("request failed", extra={"event": "request_failed", "path": scope["path"][:200]})
            if status == 0:
                refusal = problems.Refusal(500, "internal", "the service failed; its log tells more")
                await send_refusal(refusal, scope, answer)
        finally:
            self._note(scope, status, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or "other"
        key = (route, status)
        self._requests[key] = self._requests.get(key, 0) + 1
        if _LOG.isEnabledFor(logging.DEBUG):
            fields = {"event": "request", "route": route, "status": status, "seconds": round(seconds, 6)}
            _LOG.debug("%s %s %d %.1f ms", scope["method"], route, status, seconds * 1000, extra=fields)


async def send_refusal(refusal: problems.Refusal, scope: Scope, send: Send) -> None:
    """Answer with a problem document."""
    content = refusal.document(scope["path"])
    headers = [
        (b"content-type", problems.MEDIA_TYPE.encode()),
        (b"content-length", str(len(content)).encode()),
        (b"cache-control", b"no-store"),
        *[
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in refusal.headers.items()
        ],
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    body = b"" if scope["method"] == "HEAD" else content
    await send({"type": "http.response.body", "body": body})
