"""The head of an HTTP/1.x answer: its status line and headers."""

from __future__ import annotations

from kubevitals import errors, sanitize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from kubevitals.namedtuple import NamedTuple

_HEADERS_LIMIT = 256


class Head(NamedTuple):
    """Status line and headers of an answer; names in lower case, repeated ones joined by ", "."""

    status: int
    reason: str
    headers: dict[str, str]
    version: str = "HTTP/1.1"

    @property
    def keeps_alive(self) -> bool:
        """True if the server will read another request on this connection."""
        return self.version != "HTTP/1.0" and "close" not in self.headers.get("connection", "").lower()


def parse_head(raw: bytes) -> Head:
    """Status line and headers, without the blank line that ends them.

    Raises:
        errors.DecodingError: this is no answer in HTTP/1.x.
    """
    first, *lines = raw.decode("latin-1").split("\n")
    version, _, rest = first.rstrip("\r").partition(" ")
    code, _, reason = rest.partition(" ")
    if version not in ("HTTP/1.1", "HTTP/1.0") or len(code) != 3 or not (code.isascii() and code.isdigit()):
        raise errors.DecodingError(f"the answer is not HTTP/1.1: it begins with {show(raw[:40])}")
    if len(lines) > _HEADERS_LIMIT:
        raise errors.DecodingError(f"the answer has more than {_HEADERS_LIMIT} headers")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise errors.DecodingError(f"a header of the answer cannot be read: {show(line[:40].encode())}")
        key = name.lower()
        value = value.strip()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return Head(int(code), reason.strip(), headers, version)


def show(data: bytes) -> str:
    """Return the start of an unreadable answer, for a message."""
    return repr(sanitize.excerpt(data.decode("latin-1")))
