"""The next page of a list, fetched while the last one is being decoded.

An API server writes a list's metadata before its items, so where to go on stands in a page's first bytes.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_HEAD = 1024  # bytes in which the metadata of a list has its place


def peek_token(body: bytes) -> str:
    """Return the continue token of a page of JSON if it stands at its beginning, else an empty text.

    It is a hint: what the decoded page says counts.
    """
    mark = b'"continue":"'
    start = body.find(mark, 0, _HEAD)
    items = body.find(b'"items"', 0, _HEAD)
    if start < 0 or 0 <= items < start:
        return ""
    start += len(mark)
    end = body.find(b'"', start, start + _HEAD)
    token = body[start:end] if end > 0 else b""
    return "" if b"\\" in token or not token.isascii() else token.decode()


class Prefetch:
    """A fetch that has begun in a thread of its own; `result` waits for it."""

    def __init__(self, fetch: Callable[[str], bytes], token: str) -> None:
        import threading

        self._fetch = fetch
        self._token = token
        self._body = b""
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="next-page", daemon=True)
        self._thread.start()

    def result(self) -> bytes:
        """Return the body, or raise what the fetch raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        body, self._body = self._body, b""
        return body

    def _run(self) -> None:
        try:
            self._body = self._fetch(self._token)
        except BaseException as error:  # noqa: BLE001 - the boundary of the thread: `result` raises it
            self._error = error
