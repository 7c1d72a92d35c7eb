"""The exposition as ready bytes: made in a thread once something is new, before the next scrape asks for it.

While a new one of a large cluster is in the making, a scrape waits for a second and then gets the one before.
Everything here belongs to the event loop, but `wake`.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubevitals import collector
    from kubevitals.kube import objectcache
    from kubevitals.surfaces.exposition import exporter as exporters

    Form = tuple[bool, bool]  # OpenMetrics, gzip

_LONGEST_WAIT = 1.0  # seconds
_REMEMBERED = 300.0  # seconds after a scrape in which the next one is expected


class ScrapeCache:
    """What scrapes are answered with."""

    def __init__(
        self,
        exporter: exporters.Exporter,
        sources: Mapping[str, collector.Collector],
        states: Sequence[objectcache.ObjectCache],
    ) -> None:
        self._exporter = exporter
        self._sources = sources
        self._states = states
        self._ready: dict[Form, tuple[object, list[bytes]]] = {}
        self._coming: dict[Form, asyncio.Future[list[bytes]]] = {}
        self._asked: dict[Form, float] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin to make expositions ahead; called in the event loop."""
        self._loop = asyncio.get_running_loop()

    def wake(self) -> None:
        """Tell that there is a new snapshot; for any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._prepare)

    async def find(self, *, openmetrics: bool, gzip: bool) -> list[bytes]:
        """Return the exposition in parts."""
        form = (openmetrics, gzip)
        self._asked[form] = asyncio.get_running_loop().time()
        known = self._ready.get(form)
        if known is not None and known[0] == self._state():
            return known[1]
        coming = asyncio.shield(self._make(form))
        if known is None:
            return await coming
        try:
            return await asyncio.wait_for(coming, _LONGEST_WAIT)
        except TimeoutError:
            return known[1]

    def _prepare(self) -> None:
        now = asyncio.get_running_loop().time()
        for form, when in list(self._asked.items()):
            if now - when < _REMEMBERED:
                self._make(form)
            else:  # what one curl has asked for may be large, and is of no use to anybody else
                del self._asked[form]
                self._ready.pop(form, None)

    def _make(self, form: Form) -> asyncio.Future[list[bytes]]:
        """Return what will be the exposition; several who ask share one thread."""
        coming = self._coming.get(form)
        if coming is None:
            state = self._state()

            async def make() -> list[bytes]:
                parts = await asyncio.to_thread(self._exporter.answer, openmetrics=form[0], gzip=form[1])
                self._ready[form] = (state, parts)
                return parts

            coming = self._coming[form] = asyncio.ensure_future(make())
            coming.add_done_callback(lambda _: self._coming.pop(form, None))
        return coming

    def _state(self) -> object:
        """Return what another exposition has another of."""
        state: list[object] = [each.version for each in self._states]
        for source in self._sources.values():
            status, published = source.status(), source.latest
            tag = published.tag if published is not None else None
            state.append((tag, status.ready, status.ticks, sum(status.failures.values())))
        return state
