"""Addresses of servers, and paths and queries of requests.

The standard library's urllib.parse does more and costs five milliseconds of start-up.
"""

from __future__ import annotations

from kubevitals import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import NamedTuple

    Query = Mapping[str, str] | Sequence[tuple[str, str]]
else:
    from kubevitals.namedtuple import NamedTuple

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_IN_SEGMENT = _UNRESERVED | frozenset(b":@=")
_PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """Scheme, host, port and path of a server. `userinfo` may be a secret and stays out of `repr`."""

    scheme: str
    host: str
    port: int
    path: str = ""
    userinfo: str = ""

    @property
    def origin(self) -> Address:
        """The same server without path and user."""
        return self._replace(path="", userinfo="") if self.path or self.userinfo else self

    @property
    def authority(self) -> str:
        """host:port as CONNECT and messages need it, IPv6 in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def host_header(self) -> str:
        """The value of the Host header: the port only where it is not the scheme's own."""
        authority = self.authority
        if _PORTS.get(self.scheme) == self.port:
            return authority[: authority.rindex(":")]
        return authority

    @property
    def is_loopback(self) -> bool:
        """True if the host is this machine itself; see `is_loopback`."""
        return is_loopback(self.host)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"

    def __repr__(self) -> str:
        return f"<Address {self}>"


def is_loopback(host: str) -> bool:
    """Return whether a host is written as localhost or as a loopback address. No name is looked up."""
    host = host.lower().strip("[]")
    if host in ("localhost", "::1"):
        return True
    if ":" in host:
        import ipaddress  # 5 ms, and hosts are seldom written so

        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False
    parts = host.split(".")
    return len(parts) == 4 and parts[0] == "127" and all(_is_octet(part) for part in parts)


def _is_octet(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 3 and int(text) < 256


def split_url(url: str, what: str = "server") -> Address:
    """Take "scheme://[user[:password]@]host[:port][/path]" apart.

    Raises:
        errors.ConfigurationError: it is no such URL; the message names `what` and shows no user part.
    """
    scheme, mark, rest = url.strip().partition("://")
    scheme = scheme.lower()
    authority, slash, path = rest.partition("/")
    userinfo, _, place = authority.rpartition("@")
    shown = f"{scheme}{mark}{place}"[:200]
    if not mark or not scheme or not scheme.replace("+", "").isalnum():
        raise errors.ConfigurationError(
            f"the {what} address {shown!r} has no scheme", remedy="Write it as https://HOST:PORT."
        )
    if any(character <= " " or character == "\x7f" or character in "?#\\" for character in place + path):
        raise errors.ConfigurationError(
            f"the {what} address {shown!r} holds a character that cannot stand in an address",
            remedy="Write it as https://HOST:PORT.",
        )
    host, port = _split_place(place, shown, what)
    if port is None:
        port = _PORTS.get(scheme, 1080 if scheme.startswith("socks") else 0)
    return Address(scheme, host, port=port, path=(slash + path).rstrip("/"), userinfo=userinfo)


def _split_place(place: str, shown: str, what: str) -> tuple[str, int | None]:
    if place.startswith("["):
        host, bracket, rest = place[1:].partition("]")
        well_formed = bool(bracket) and (not rest or rest.startswith(":"))
        digits = rest[1:]
        host = host.replace("%25", "%")  # the zone of a link-local address
    else:
        host, _, digits = place.partition(":")
        well_formed = ":" not in digits
    if not host or not well_formed:
        raise errors.ConfigurationError(
            f"the {what} address {shown!r} has no host that can be read",
            remedy="Write it as https://HOST:PORT, an IPv6 address in brackets.",
        )
    try:
        host.isascii() or host.encode("idna")
    except UnicodeError:
        raise errors.ConfigurationError(
            f"the host of the {what} address is no name that can be looked up",
            remedy="Write it as https://HOST:PORT.",
        ) from None
    if not digits:
        return host, None
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5 and 0 < int(digits) <= 65535):
        raise errors.ConfigurationError(
            f"the port of the {what} address {shown!r} is none of 1 to 65535",
            remedy="Write it as https://HOST:PORT.",
        )
    return host, int(digits)


def quote(text: str) -> str:
    """Percent-encode `text` so that it is one segment of a path."""
    return _quote(text, _IN_SEGMENT)


def unquote(text: str) -> str:
    """Return the opposite, for the user and password of a proxy. Unknown escapes stay as they are."""
    if "%" not in text:
        return text
    first, *others = text.encode().split(b"%")
    parts = [first]
    for part in others:
        digits = part[:2].decode("latin-1")
        if len(digits) == 2 and all(digit in "0123456789abcdefABCDEF" for digit in digits):
            parts.append(bytes([int(digits, 16)]) + part[2:])
        else:
            parts.append(b"%" + part)
    return b"".join(parts).decode("utf-8", "replace")


def path_join(*segments: str) -> str:
    """Join segments to a request path, each percent-encoded; "api", "v1", "nodes" gives /api/v1/nodes.

    Raises:
        errors.UsageError: a segment is empty, "." or "..", which would address something else.
    """
    for segment in segments:
        if segment in ("", ".", ".."):
            raise errors.UsageError(f"{segment!r} is no name that can stand in a request path")
    return "/" + "/".join(quote(segment) for segment in segments)


def query_pairs(query: Query) -> list[tuple[str, str]]:
    """Return a mapping or a sequence of pairs, as a list of pairs."""
    items: Iterable[tuple[str, str]] = query.items() if hasattr(query, "items") else query
    return list(items)


def format_query(pairs: Iterable[tuple[str, str]]) -> str:
    """Return the query string with its question mark, or an empty string."""
    text = "&".join(f"{_quote(key, _UNRESERVED)}={_quote(value, _UNRESERVED)}" for key, value in pairs)
    return "?" + text if text else ""


def _quote(text: str, safe: frozenset[int]) -> str:
    raw = text.encode("utf-8", "surrogatepass")
    if safe.issuperset(raw):
        return text
    return "".join(chr(byte) if byte in safe else f"%{byte:02X}" for byte in raw)
