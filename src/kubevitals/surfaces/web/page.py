"""The files of the page at `/`, as `make frontend` has built them from `frontend/`.

The page itself is asked for anew each time; the files that it loads have a hash of their content in their
names, so a browser keeps them for ever. Both are compressed once, when the service starts.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING

import fastapi

from kubevitals.surfaces.exposition import negotiation
from kubevitals.surfaces.web import problemdetails

if TYPE_CHECKING:
    from collections.abc import Mapping

STATIC = Path(__file__).with_name("static")
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_EVER = "public, max-age=31536000, immutable"


class Page:
    """The built files, in memory: a few hundred kilobytes at most."""

    def __init__(self, directory: Path = STATIC) -> None:
        """Read them.

        Raises:
            OSError: they are not there: the installation is damaged.
        """
        self._index = _File(directory / "index.html")
        self._assets = {each.name: _File(each) for each in sorted((directory / "assets").iterdir())}

    @property
    def assets(self) -> frozenset[str]:
        """The names of the files that the page loads."""
        return frozenset(self._assets)

    def show(self, request: fastapi.Request) -> fastapi.Response:
        """Return the page."""
        return self._index.respond(request, {"cache-control": "no-cache"})

    def show_asset(self, request: fastapi.Request, name: str) -> fastapi.Response:
        """Return a file that it loads.

        Raises:
            problemdetails.Refusal: there is none of that name, 404.
        """
        found = self._assets.get(name)
        if found is None:
            raise problemdetails.not_found("the page has no such file", remedy="load the page again")
        return found.respond(request, {"cache-control": _FOR_EVER})


class _File:
    def __init__(self, path: Path) -> None:
        self._plain = path.read_bytes()
        self._zipped = gzip.compress(self._plain, mtime=0)
        self._type = _TYPES[path.suffix]

    def respond(self, request: fastapi.Request, given: Mapping[str, str]) -> fastapi.Response:
        headers = {**given, "content-type": self._type, "vary": "accept-encoding"}
        if negotiation.wants_gzip(request.headers.get("accept-encoding")):
            return fastapi.Response(self._zipped, headers={**headers, "content-encoding": "gzip"})
        return fastapi.Response(self._plain, headers=headers)
