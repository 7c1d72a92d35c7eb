"""The exposition as ready bytes: made in a thread once something is new, before the next scrape asks for it.

While a new one of a large cluster is in the making, a scrape waits for a second and then gets the one before.
Everything here belongs to the event loop, but `wake`.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubevitals import collector
    from kubevitals.kube import objectcache
    from kubevitals.surfaces.exposition import exporter as exporters
    from kubevitals.surfaces.http import memory

    Form = tuple[bool, bool]  # OpenMetrics, gzip

_LONGEST_WAIT = 1.0  # seconds
_REMEMBERED = 300.0  # seconds after a scrape in which the next one is expected


class Scrape(NamedTuple):
    """An exposition, what it is of, and the lease on its memory."""

    state: object
    parts: list[bytes]
    lease: memory.Lease


class ScrapeCache:
    """What scrapes are answered with."""

    def __init__(
        self,
        exporter: exporters.Exporter,
        sources: Mapping[str, collector.Collector],
        states: Sequence[objectcache.ObjectCache],
        *,
        budget: memory.Budget,
    ) -> None:
        self._exporter = exporter
        self._sources = sources
        self._states = states
        self._budget = budget
        budget.register(self)
        self._ready: dict[Form, Scrape] = {}
        self._coming: dict[Form, asyncio.Future[Scrape]] = {}
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

    async def find(self, *, openmetrics: bool, gzip: bool) -> Scrape:
        """Return the exposition.

        Raises:
            memory.BudgetError: there is no memory for it.
        """
        form = (openmetrics, gzip)
        self._asked[form] = asyncio.get_running_loop().time()
        known = self._ready.get(form)
        if known is not None and known.state == self._state():
            return known
        coming = asyncio.shield(self._make(form))
        if known is None:
            return await coming
        try:
            return await asyncio.wait_for(coming, _LONGEST_WAIT)
        except TimeoutError:
            return known

    def _prepare(self) -> None:
        now = asyncio.get_running_loop().time()
        for form, when in list(self._asked.items()):
            if now - when < _REMEMBERED:
                self._make(form)
            else:  # what one curl has asked for may be large, and is of no use to anybody else
                del self._asked[form]
                self._ready.pop(form, None)

    def _make(self, form: Form) -> asyncio.Future[Scrape]:
        """Return what will be the exposition; several who ask share one thread."""
        coming = self._coming.get(form)
        if coming is None:
            state = self._state()

            async def make() -> Scrape:
                parts = await asyncio.to_thread(self._exporter.answer, openmetrics=form[0], gzip=form[1])
                lease = self._budget.lease()
                lease.grow(sum(map(len, parts)))
                made = self._ready[form] = Scrape(state, parts, lease)
                return made

            coming = self._coming[form] = asyncio.ensure_future(make())
            coming.add_done_callback(lambda done: self._end(form, done))
        return coming

    def _end(self, form: Form, done: asyncio.Future[Scrape]) -> None:
        self._coming.pop(form, None)
        if not done.cancelled():
            done.exception()  # whoever waits sees it; one that is made ahead is made again when asked for

    def evict(self) -> bool:
        """Drop one that was made; return whether there was one. For any thread."""
        return any(self._ready.pop(form, None) is not None for form in list(self._ready))

    def _state(self) -> object:
        """Return what another exposition has another of."""
        state: list[object] = [each.version for each in self._states]
        for source in self._sources.values():
            status, published = source.status(), source.latest
            tag = published.tag if published is not None else None
            state.append((tag, status.ready, status.ticks, sum(status.failures.values())))
        return state
