"""The bounds of connections on uvicorn's protocol class for httptools; nothing else here speaks to that."""

from __future__ import annotations

from uvicorn.protocols.http import httptools_impl

from kubevitals.surfaces.http import bounds


class _UnknownLength(int):
    """The length of an answer that any number of bytes fits, as uvicorn compares and counts it down."""

    def __lt__(self, _: int) -> bool:
        return False

    def __sub__(self, _: int) -> _UnknownLength:
        return self

    def __eq__(self, _: object) -> bool:
        return True

    def __ne__(self, _: object) -> bool:
        return False

    __hash__ = int.__hash__


class Protocol(bounds.BoundedProtocol, httptools_impl.HttpToolsProtocol):
    """A connection of the service."""

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self.end_head()
        super().on_headers_complete()
        if (
            self.scope["http_version"] == "1.0"
        ):  # whose clients know no chunks: the end of the connection ends
            self.cycle.chunked_encoding = False
            self.cycle.expected_content_length = _UnknownLength()

    def on_response_complete(self) -> None:
        """Wait for the next request, unless it is there already."""
        waiting = not self.pipeline
        super().on_response_complete()
        self.end_answer(waiting=waiting)
