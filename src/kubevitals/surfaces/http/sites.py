"""Which names the service is served by, and which web sites may have a browser ask it.

A page of any site can make the browser of its reader send requests, and can point a name of its own at
127.0.0.1. Browsers say in headers which name and which site a request comes from.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from kubevitals import sanitize
from kubevitals.kube.http import urls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_OWN = (b"same-origin", b"none")  # a page of the service itself; an address that somebody typed


class SiteError(Exception):
    """A request is not answered because of the name or the site that it names."""

    def __init__(self, status: int, code: str, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.remedy = remedy


class SitePolicy:
    """Decides on the `Host`, `Origin` and `Sec-Fetch-*` headers of each request.

    Args:
        hosts: the names that are served besides those of loopback; None serves any name.
        addresses: serve whatever is written as an IP address too, as probes and scrapers write it.
        origins: the sites whose scripts may read (CORS); `*` is all of them.
        open_paths: the paths that pages of any site may ask for.
    """

    def __init__(
        self,
        hosts: Sequence[str] | None,
        *,
        addresses: bool,
        origins: Sequence[str],
        open_paths: Sequence[str],
    ) -> None:
        self._hosts = None if hosts is None else frozenset(_normalize(host) for host in hosts)
        self._addresses = addresses
        self._origins = frozenset(origin.encode("latin-1", "replace") for origin in origins)
        self._open_paths = frozenset(open_paths)

    def check(self, scope: Mapping[str, object]) -> None:
        """Return if the request may be answered.

        Raises:
            SiteError: 421 for a name that is not served, 403 for a request of another site.
        """
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:  # type: ignore[attr-defined] # pairs of bytes, says ASGI
            headers.setdefault(name, []).append(value)
        hosts = headers.get(b"host", [])
        if self._hosts is not None:
            self._check_host(hosts)
        if scope["path"] in self._open_paths or self._is_trusted(headers, hosts):
            return
        if scope["method"] in ("GET", "HEAD") and _is_navigation(headers):
            return
        raise SiteError(
            403,
            "cross_site",
            "a page of another site asks",
            "`kubevitals serve --cors-origin ORIGIN` lets the scripts of a site read",
        )

    def _check_host(self, values: Sequence[bytes]) -> None:
        if not values:  # HTTP/1.0; no browser leaves it out
            return
        host = split_port(values[0].decode("latin-1")) if len(values) == 1 else ""
        if self._serves(host):
            return
        shown = sanitize.shorten(host, 100) or "this name"
        raise SiteError(
            421, "unknown_host", f"{shown} is not served here", "--allowed-host NAME serves a further name"
        )

    def _serves(self, host: str) -> bool:
        if urls.is_loopback(host) or (self._addresses and is_address(host)):
            return True
        return _normalize(host) in (self._hosts or ())

    def _is_trusted(self, headers: Mapping[bytes, list[bytes]], hosts: Sequence[bytes]) -> bool:
        """Return whether no browser sent it, or one on behalf of the service itself or of a listed site."""
        origins = headers.get(b"origin", [])
        if origins and (b"*" in self._origins or all(each in self._origins for each in origins)):
            return True
        sites = headers.get(b"sec-fetch-site", [])
        if sites:
            return all(each in _OWN for each in sites)
        # Older browsers say no site. A proxy that ends TLS may have changed the scheme: the name must agree.
        return all((name := each.partition(b"://")[2]) and name in hosts for each in origins)


def split_port(authority: str) -> str:
    """Return the host of a Host header, without its port and without the brackets of IPv6."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    host, colon, port = authority.rpartition(":")
    return host if colon and port.isascii() and (port.isdigit() or not port) else authority


def is_address(host: str) -> bool:
    """Return whether a host is written as an IP address."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _normalize(host: str) -> str:
    return host.lower().strip("[]").removesuffix(".")


def _is_navigation(headers: Mapping[bytes, list[bytes]]) -> bool:
    """Return whether a browser goes to a page as a whole: the site that sent it there cannot read it."""
    return headers.get(b"sec-fetch-mode") == [b"navigate"] and headers.get(b"sec-fetch-dest") == [b"document"]
