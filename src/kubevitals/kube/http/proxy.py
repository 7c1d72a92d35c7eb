"""Which forward proxy leads to a server: one that is given, or the environment's by Go's rules.

The rules are those of golang.org/x/net/http/httpproxy.
"""

from __future__ import annotations

from kubevitals import errors
from kubevitals.kube.http import urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NamedTuple
else:
    from kubevitals.namedtuple import NamedTuple

_REMEDY = (
    "Proxies of the form http://HOST:PORT are supported, for https servers too. "
    "Run such a one locally, or except the host by NO_PROXY."
)


class Proxy(NamedTuple):
    """A forward proxy. `authorization` is the ready value of its header, or None; `repr` shows no secret.

    `origin` names for messages what chose it.
    """

    address: urls.Address
    authorization: str | None = None
    origin: str = ""

    def __repr__(self) -> str:
        return f"<Proxy {self.address} from {self.origin}>"


def choose_proxy(
    server: urls.Address, *, proxy_url: str | None = None, environ: Mapping[str, str]
) -> Proxy | None:
    """Return the proxy for `server`, or None for a direct connection.

    A `proxy_url` is always used. Else HTTPS_PROXY or HTTP_PROXY, by the server's scheme and in upper case
    before lower, unless the host is the local machine or NO_PROXY lists it.

    Raises:
        errors.ProxyError: the proxy is of a kind that is not supported (SOCKS, HTTPS), or no URL.
    """
    if proxy_url:
        return _parse(proxy_url, "proxy-url")
    for name in (f"{server.scheme.upper()}_PROXY", f"{server.scheme}_proxy"):
        value = environ.get(name)
        if value:
            break
    else:
        return None
    if server.is_loopback or _is_excepted(server, environ.get("NO_PROXY") or environ.get("no_proxy") or ""):
        return None
    return _parse(value if "://" in value else f"http://{value}", name)


def _parse(url: str, origin: str) -> Proxy:
    try:
        address = urls.split_url(url, "proxy")
    except errors.ConfigurationError as error:
        raise errors.ProxyError(f"{error} ({origin})", remedy="Write it as http://HOST:PORT.") from None
    if address.scheme != "http":
        kind = "SOCKS" if address.scheme.startswith("socks") else address.scheme
        raise errors.ProxyError(
            f"the proxy {address.scheme}://{address.authority} ({origin}) is of the kind {kind}, "
            "which is not supported",
            remedy=_REMEDY,
        )
    authorization = _authorization(address.userinfo) if address.userinfo else None
    return Proxy(address, authorization=authorization, origin=origin)


def _authorization(userinfo: str) -> str:
    import binascii

    user, _, password = userinfo.partition(":")
    raw = f"{urls.unquote(user)}:{urls.unquote(password)}".encode()
    return "Basic " + binascii.b2a_base64(raw, newline=False).decode("ascii")


def _is_excepted(server: urls.Address, no_proxy: str) -> bool:
    """True if an entry of NO_PROXY covers the host (and the port, where the entry has one)."""
    host = server.host.lower()
    address = _parse_ip(host)
    for part in no_proxy.split(","):
        entry = part.strip().lower()
        if not entry:
            continue
        if entry == "*":
            return True
        if "/" in entry:
            if address is not None and _covers(entry, address):
                return True
            continue
        name, port = _split_entry(entry)
        if port not in ("", str(server.port)):
            continue
        excepted = _parse_ip(name)
        if excepted is not None:
            if excepted == address:
                return True
        elif name and _matches(name, host):
            return True
    return False


def _matches(name: str, host: str) -> bool:
    """foo.com covers itself and what is below it, .foo.com and *.foo.com only what is below."""
    name = name.removeprefix("*") if name.startswith("*.") else name
    if name.startswith("."):
        return host.endswith(name)
    return host == name or host.endswith("." + name)


def _split_entry(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name, rest.removeprefix(":")
    if entry.count(":") > 1:  # an IPv6 address without brackets
        return entry, ""
    name, _, port = entry.partition(":")
    return name, port


def _parse_ip(text: str) -> object | None:
    if ":" not in text and not text[-1:].isdecimal():
        return None  # most hosts are names, and ipaddress takes five milliseconds to import
    import ipaddress

    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _covers(entry: str, address: object) -> bool:
    import ipaddress

    try:
        return address in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
