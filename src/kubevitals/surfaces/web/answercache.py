"""The cache of answers: bytes that are made once for each snapshot, plain and as gzip.

What was asked for lately is made of a new snapshot before that one is published, so that no request waits for
it. All else is made at the first request.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from kubevitals import compression, sanitize
from kubevitals.surfaces.http import heap, memory
from kubevitals.surfaces.web import problemdetails, responses, turns

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from kubevitals import collector

_SMALL = 1_000  # bytes; below it gzip saves nothing
_AT_ONCE = 4  # answers in the making; the others wait
_MOST_AHEAD = 64  # answers that are built before they are asked for
_REMEMBERED = 4  # snapshots: who refreshes every minute shall not wait either


class Body(NamedTuple):
    """An answer before compression: its bytes, whole or in parts that are made when they are taken."""

    content: bytes | Iterable[bytes]
    media_type: str
    total: int | None = None  # rows there are, limit or not


class Representation:
    """One body in the forms that somebody wants: `plain` in parts, `zipped`, or both. And the tags of both.

    Of a large answer that is asked for as gzip alone there is never more than a part uncompressed.
    """

    __slots__ = ("_coming", "_lease", "etag", "gzip_etag", "media_type", "plain", "total", "zipped")

    def __init__(self, body: Body, tag: str, lease: memory.Lease) -> None:
        """Its bytes are counted by `lease`, which lasts as long as this object.

        Raises:
            memory.BudgetError: there is no memory for them; so do the methods that make a form.
        """
        self._lease = lease
        self.media_type, self.total = body.media_type, body.total
        self.etag = f'"{tag}"'
        self.gzip_etag = f'"{tag}-gzip"'
        self.zipped: list[bytes] | None = None
        self.plain: list[bytes] | None = None
        self._coming: Iterable[bytes] = ()
        if isinstance(body.content, bytes):
            self.plain = list(self._count([self._clean(body.content)]))
        else:
            self._coming = body.content

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return self._lease.size

    @property
    def worth_gzip(self) -> bool:
        """Whether gzip makes it smaller by anything."""
        return self.zipped is not None or self.plain is None or _exceeds(self.plain, _SMALL)

    def has(self, *, zipped: bool) -> bool:
        """Return whether it can be given at once, as gzip or as it is."""
        if zipped and self.worth_gzip:
            return self.zipped is not None
        return self.plain is not None

    def make(self, *, zipped: bool) -> None:
        """Make that form, if it is not there."""
        if zipped:
            self.zip()
        elif self.plain is None:
            parts = self._take() if self.zipped is None else [compression.gunzip(b"".join(self.zipped))]
            self.plain = list(self._count(parts))

    def zip(self) -> None:
        """Make the gzip form, where that is worth it."""
        if self.zipped is not None:
            return
        if self.plain is not None:
            parts: Iterable[bytes] = self.plain
        else:
            coming = iter(self._take())
            first = _take_some(coming, _SMALL)
            if not _exceeds(first, _SMALL):
                self.plain = parts = list(self._count(first))
            else:
                parts = itertools.chain(first, coming)
        if self.worth_gzip:
            self.zipped = list(self._count(compression.gzip_parts(parts)))

    def _count(self, parts: Iterable[bytes]) -> Iterator[bytes]:
        for part in parts:
            self._lease.grow(len(part))
            yield part

    def _take(self) -> Iterable[bytes]:
        coming, self._coming = self._coming, ()
        return map(self._clean, coming)

    def _clean(self, part: bytes) -> bytes:
        """Return a part as a terminal may show it; CSV is clean from its cells on."""
        return sanitize.json_text(part) if self.media_type == responses.JSON else part


def _exceeds(parts: list[bytes], size: int) -> bool:
    return sum(map(len, parts)) >= size


def _take_some(parts: Iterator[bytes], size: int) -> list[bytes]:
    """Return the first parts, until they are as long as `size` together."""
    some: list[bytes] = []
    while not _exceeds(some, size) and (part := next(parts, None)) is not None:
        some.append(part)
    return some


class SnapshotCache:
    """One snapshot and the answers that were made from it so far."""

    def __init__(
        self,
        published: collector.Published,
        make: Callable[[SnapshotCache, Any], Body],
        *,
        budget: memory.Budget,
        waiting: turns.Turns,
    ) -> None:
        self.published = published
        self._turns = waiting
        self.derived: dict[str, Any] = {}  # what several answers are made of, by name
        self._make = make
        self._budget = budget
        budget.register(self)
        self._answers: dict[Hashable, Representation] = {}
        self._coming: dict[Hashable, asyncio.Future[Representation]] = {}

    def derive(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what `make` makes, made once."""
        if name not in self.derived:
            self.derived[name] = make()
        return self.derived[name]

    def build(self, query: Hashable, *, zipped: bool) -> Representation:
        """Return the answer to a query, made if it has to be; for any thread."""
        answer = self._answers.pop(query, None)
        if answer is None:
            answer = Representation(self._make(self, query), self.published.tag, self._budget.lease())
        answer.make(zipped=zipped)
        self._answers[query] = answer
        return answer

    def evict(self) -> bool:
        """Drop the answer that was made first; return whether there was one."""
        return any(self._answers.pop(query, None) is not None for query in list(self._answers))

    def ready(self, query: Hashable, *, zipped: bool) -> Representation | None:
        """Return the answer if it needs no work."""
        answer = self._answers.get(query)
        return answer if answer is not None and answer.has(zipped=zipped) else None

    async def find(self, query: Hashable, *, zipped: bool) -> Representation:
        """Return the answer; several who ask at once wait for one thread that makes it.

        Raises:
            problemdetails.Refusal: too many others are made, 503.
        """
        answer = self.ready(query, zipped=zipped)
        if answer is not None:
            return answer
        key = (query, zipped)
        coming = self._coming.get(key)
        if coming is None:
            coming = self._coming[key] = asyncio.ensure_future(self._build_in_turn(query, zipped=zipped))
            coming.add_done_callback(lambda _: self._coming.pop(key, None))
        return await asyncio.shield(coming)

    async def _build_in_turn(self, query: Hashable, *, zipped: bool) -> Representation:
        async with self._turns.take():
            return await asyncio.to_thread(self.build, query, zipped=zipped)


class ClusterCache:
    """The newest snapshot of one cluster and its answers.

    Any thread may read it while the collector's thread replaces the snapshot.
    """

    def __init__(
        self,
        source: collector.Collector,
        make: Callable[[SnapshotCache, Any], Body],
        *,
        budget: memory.Budget,
    ) -> None:
        self.source = source
        self._make = make
        self._budget = budget
        self._lock = threading.Lock()
        self._turns = turns.Turns(_AT_ONCE)  # of this snapshot and of the next ones
        self._current: SnapshotCache | None = None
        self._wanted: dict[tuple[Hashable, bool], int] = {}  # query, as gzip: for how many snapshots more
        self._listeners: list[Callable[[SnapshotCache], None]] = []
        self._unsubscribe: Callable[[], None] | None = None

    @property
    def current(self) -> SnapshotCache | None:
        """The newest snapshot with its answers; None before the first one."""
        if self._current is None and self.source.latest is not None:
            self.take(self.source.latest)
        return self._current

    def note(self, query: Hashable, *, zipped: bool) -> None:
        """Remember that somebody asked, and will ask again."""
        key = (query, zipped)
        if len(self._wanted) < _MOST_AHEAD or key in self._wanted:
            self._wanted[key] = _REMEMBERED

    def listen(self, listener: Callable[[SnapshotCache], None]) -> None:
        """Have `listener` called, in the collector's thread, once a new snapshot is shown."""
        self._listeners.append(listener)

    def open(self) -> None:
        """Begin to take what the collector publishes."""
        if self._unsubscribe is None:
            self._unsubscribe = self.source.subscribe(self.take)

    def close(self) -> None:
        """Take no more."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def take(self, published: collector.Published) -> None:
        """Build what was asked for lately, then show this one."""
        with self._lock:
            if self._current is not None and self._current.published.number >= published.number:
                return
            fresh = SnapshotCache(published, self._make, budget=self._budget, waiting=self._turns)
            for (query, zipped), left in list(self._wanted.items()):
                if left == 0:
                    del self._wanted[query, zipped]
                    continue
                self._wanted[query, zipped] = left - 1
                # What has gone from the cluster, or has no room beside the answers of the snapshot before.
                with contextlib.suppress(problemdetails.Refusal, memory.BudgetError):
                    fresh.build(query, zipped=zipped)
            self._current = fresh
        heap.trim()  # of the snapshot before, and of what was in the making
        for listener in self._listeners:
            listener(fresh)
