"""The middleware in front of every route: limits, authentication, security headers, counts, the log, and a
problem document for whatever is refused or breaks.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from starlette import requests
from starlette.middleware import cors

from kubevitals import sanitize
from kubevitals.kube.http import urls
from kubevitals.surfaces.http import sites
from kubevitals.surfaces.web import headers, problemdetails

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from kubevitals.surfaces.web import settings

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Any]
    Send = Callable[[MutableMapping[str, Any]], Any]
    App = Callable[[Scope, Receive, Send], Any]

HEALTH = ("/healthz", "/livez", "/readyz")
"""The routes that may be open to requests without credentials."""

_LOG = logging.getLogger("kubevitals.requests")

_PAGE_POLICY = (b"content-security-policy", headers.PAGE_POLICY.encode())
_DATA_POLICY = (b"content-security-policy", headers.DATA_POLICY.encode())


class ServiceMiddleware:
    """An ASGI application around the service's.

    Args:
        app: what answers requests that pass.
        chosen: the settings of the service.
        counts: how many requests were answered, by route and status; it is counted up here.
    """

    def __init__(self, app: App, *, chosen: settings.Settings, counts: dict[tuple[str, int], int]) -> None:
        self._app = app
        self._chosen = chosen
        self._counts = counts
        self._sites = sites.SitePolicy(
            chosen.hosts, addresses=chosen.address_hosts, origins=chosen.origins, open_paths=HEALTH
        )
        self._checked: App = self._authenticate
        if chosen.origins:
            # Outside of authentication: a preflight request never has credentials, and a script of a site
            # that is listed may read why it was refused.
            self._checked = cors.CORSMiddleware(
                self._authenticate,
                allow_origins=list(chosen.origins),
                allow_methods=["GET"],
                allow_headers=["authorization", "if-none-match"],
                expose_headers=["age", "etag", "x-total-count"],
            )

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
            _check_path(scope["path"])
            self._sites.check(scope)
            await self._checked(scope, receive, answer)
        except sites.SiteError as error:
            refusal = problemdetails.Refusal(error.status, error.code, error.detail, remedy=error.remedy)
            await _send_refusal(refusal, scope, answer)
        except problemdetails.Refusal as refusal:
            await _send_refusal(refusal, scope, answer)
        except Exception:  # noqa: BLE001 - the boundary of a request: nothing of the error reaches the client
            _LOG.exception("request failed", extra={"event": "request_failed", "path": scope["path"][:200]})
            if status == 0:
                failure = problemdetails.Refusal(500, "internal", "the service failed; its log tells more")
                await _send_refusal(failure, scope, answer)
        finally:
            self._count(scope, status, time.perf_counter() - started)

    async def _authenticate(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or refuse it where it is too long or whoever sent it may not."""
        chosen = self._chosen
        if len(scope.get("query_string", b"")) > chosen.query_bytes:
            refusal = problemdetails.Refusal(422, "query_too_long", f"more than {chosen.query_bytes} bytes")
            await _send_refusal(refusal, scope, send)
            return
        try:
            if chosen.authenticator is not None and not (chosen.open_health and scope["path"] in HEALTH):
                await chosen.authenticator.check(requests.Request(scope))
        except problemdetails.Refusal as refusal:
            await _send_refusal(refusal, scope, send)
            return
        await self._app(scope, receive, send)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        key = (route, status)
        self._counts[key] = self._counts.get(key, 0) + 1
        if _LOG.isEnabledFor(logging.DEBUG):
            fields = {"event": "request", "route": route, "status": status, "seconds": round(seconds, 6)}
            _LOG.debug("%s %s %d %.1f ms", scope["method"], route, status, seconds * 1000, extra=fields)


def _check_path(path: str) -> None:
    """Refuse a path with characters that no route has and that others read in other ways."""
    if not path.isprintable():
        raise problemdetails.not_found(f"there is no {sanitize.shorten(path, 100)}")


def _protect(scope: Scope, message: MutableMapping[str, Any]) -> list[tuple[bytes, bytes]]:
    """Return the headers that protect who looks at the answer in a browser."""
    given = dict(message.get("headers", ()))
    page = given.get(b"content-type", b"").startswith(b"text/html")
    more = [*headers.SECURITY, _PAGE_POLICY if page else _DATA_POLICY]
    if scope.get("scheme") == "https":
        host = sites.split_port(dict(scope["headers"]).get(b"host", b"").decode("latin-1"))
        if not urls.is_loopback(host) and not sites.is_address(host):
            more.append(headers.STRICT_TRANSPORT)
    return more


async def _send_refusal(refusal: problemdetails.Refusal, scope: Scope, send: Send) -> None:
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
