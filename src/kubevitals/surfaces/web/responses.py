"""Responses of ready bytes: with a tag, as gzip where the client takes it, in parts where they are large."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import fastapi

from kubevitals import sanitize

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

    from kubevitals.surfaces.web import answercache

JSON = "application/json"
CSV = "text/csv; charset=utf-8"
NO_STORE = {"cache-control": "no-store"}
_PART = 64 << 10  # bytes that are handed to a connection at once


class PartsResponse(fastapi.Response):
    """A response that is sent a part at a time: what a client has not taken yet is not copied for it."""

    def __init__(self, parts: Sequence[bytes], *, headers: dict[str, str], owner: object = None) -> None:
        """`owner` holds the lease on the memory of the parts; it is kept until they are sent."""
        self._parts = parts
        self._owner = owner
        length = str(sum(map(len, parts)))
        super().__init__(headers={**headers, "content-length": length})

    async def __call__(self, scope: MutableMapping[str, Any], _: Any, send: Any) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            for part in self._parts:
                for start in range(0, len(part), _PART):
                    content = part if len(part) <= _PART else part[start : start + _PART]
                    await send({"type": "http.response.body", "body": content, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def json(content: bytes) -> fastapi.Response:
    """Return the response of a document that is true at this moment only."""
    return fastapi.Response(sanitize.json_text(content), media_type=JSON, headers=NO_STORE)


def respond(
    request: fastapi.Request,
    made: answercache.Representation,
    *,
    zipped: bool,
    age: float | None = None,
) -> fastapi.Response:
    """Return the response of ready bytes, or 304 where the client has them.

    Args:
        request: whose `If-None-Match` counts.
        made: in the form that `zipped` asks for.
        zipped: the client takes gzip.
        age: seconds since the snapshot, for the header.
    """
    zipped = zipped and made.zipped is not None
    etag = made.gzip_etag if zipped else made.etag
    headers = {"etag": etag, "cache-control": "no-cache", "vary": "accept-encoding"}
    if age is not None:
        headers["age"] = str(int(age))
    if made.total is not None:
        headers["x-total-count"] = str(made.total)
    if _has(request.headers.get("if-none-match"), made):
        return fastapi.Response(status_code=304, headers=headers)
    if zipped:
        headers["content-encoding"] = "gzip"
    headers["content-type"] = made.media_type
    parts = made.zipped if zipped and made.zipped is not None else made.plain or []
    if sum(map(len, parts)) <= _PART:
        return fastapi.Response(b"".join(parts), headers=headers)
    return PartsResponse(parts, headers=headers, owner=made)


def _has(given: str | None, made: answercache.Representation) -> bool:
    """Return whether If-None-Match names the answer in either coding, or any with a star."""
    if not given:
        return False
    tags = {each.strip().removeprefix("W/") for each in given.split(",")}
    return "*" in tags or made.etag in tags or made.gzip_etag in tags
