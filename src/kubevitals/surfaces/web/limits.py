"""The bounds of connections on uvicorn's protocol class for httptools; nothing else here speaks to that."""

from __future__ import annotations

from uvicorn.protocols.http import httptools_impl

from kubevitals.surfaces.http import bounds


class Protocol(bounds.BoundedProtocol, httptools_impl.HttpToolsProtocol):
    """A connection of the service."""

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self.end_head()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request, unless it is there already."""
        waiting = not self.pipeline
        super().on_response_complete()
        self.end_answer(waiting=waiting)
