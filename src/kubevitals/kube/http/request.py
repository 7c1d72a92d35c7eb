"""One HTTP request, ready to be sent."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NamedTuple
else:
    from kubevitals.namedtuple import NamedTuple


class Request(NamedTuple):
    """What is sent: `target` is path and query, percent-encoded; `name` is "GET /path" for messages."""

    method: str
    target: str
    name: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
