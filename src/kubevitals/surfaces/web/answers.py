"""Answers as ready bytes: built once for a snapshot, plain and gzip, and shown until the next ones are ready.

What was asked for since the last snapshot is built anew before the next one is shown, so that nobody waits
for it; the rest is built when it is asked for. It must not know HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from kubevitals.surfaces.web import problems, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from kubevitals import collector

_SMALL = 1_000  # bytes; below it gzip saves nothing
_MOST_AHEAD = 64  # answers that are built before they are asked for
_REMEMBERED = 4  # snapshots: who refreshes every minute shall not wait either


class Body(NamedTuple):
    """The bytes of an answer, before compression."""

    content: bytes
    media_type: str
    total: int | None = None  # rows there are, limit or not


class Answer:
    """One body, its gzip form once somebody wants it, and the tags of both."""

    __slots__ = ("body", "etag", "gzip_etag", "zipped")

    def __init__(self, body: Body, tag: str) -> None:
        self.body = body
        self.etag = f'"{tag}"'
        self.gzip_etag = f'"{tag}-gzip"'
        self.zipped: bytes | None = None

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return len(self.body.content) + len(self.zipped or b"")

    @property
    def worth_gzip(self) -> bool:
        """Whether gzip makes it smaller by anything."""
        return len(self.body.content) >= _SMALL

    def zip(self) -> bytes:
        """Return the gzip form, made once."""
        if self.zipped is None:
            self.zipped = rows.compress(self.body.content)
        return self.zipped


class Shown:
    """One snapshot and the answers made of it so far."""

    def __init__(
        self, published: collector.Published, make: Callable[[Shown, Any], Body], *, cached_bytes: int
    ) -> None:
        self.published = published
        self.derived: dict[str, Any] = {}  # what several answers are made of, by name
        self._make = make
        self._cached_bytes = cached_bytes
        self._answers: dict[Hashable, Answer] = {}
        self._coming: dict[Hashable, asyncio.Future[Answer]] = {}

    def derive(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what `make` makes, made once."""
        if name not in self.derived:
            self.derived[name] = make()
        return self.derived[name]

    def build(self, query: Hashable, *, zipped: bool) -> Answer:
        """Return the answer to a query, made if it has to be; for any thread."""
        answer = self._answers.pop(query, None)
        if answer is None:
            answer = Answer(self._make(self, query), self.published.tag)
        if zipped and answer.worth_gzip:
            answer.zip()
        self._keep(query, answer)
        return answer

    def ready(self, query: Hashable, *, zipped: bool) -> Answer | None:
        """Return the answer if it needs no work."""
        answer = self._answers.get(query)
        if answer is None or (zipped and answer.zipped is None and answer.worth_gzip):
            return None
        return answer

    async def find(self, query: Hashable, *, zipped: bool) -> Answer:
        """Return the answer; several who ask at once wait for one thread that makes it."""
        answer = self.ready(query, zipped=zipped)
        if answer is not None:
            return answer
        key = (query, zipped)
        coming = self._coming.get(key)
        if coming is None:
            work = asyncio.to_thread(self.build, query, zipped=zipped)
            coming = self._coming[key] = asyncio.ensure_future(work)
            coming.add_done_callback(lambda _: self._coming.pop(key, None))
        return await asyncio.shield(coming)

    def _keep(self, query: Hashable, answer: Answer) -> None:
        self._answers[query] = answer
        held = sum(each.size for each in list(self._answers.values()))
        for old in list(self._answers):
            if held <= self._cached_bytes or old == query:
                break
            dropped = self._answers.pop(old, None)
            held -= dropped.size if dropped is not None else 0


class Shelf:
    """What is shown of one cluster. Other threads read it while the collector's thread exchanges it."""

    def __init__(
        self,
        source: collector.Collector,
        make: Callable[[Shown, Any], Body],
        *,
        cached_bytes: int,
    ) -> None:
        self.source = source
        self._make = make
        self._cached_bytes = cached_bytes
        self._lock = threading.Lock()
        self._shown: Shown | None = None
        self._wanted: dict[Hashable, tuple[bool, int]] = {}  # with gzip, for how many snapshots more
        self._listeners: list[Callable[[Shown], None]] = []
        self._unsubscribe: Callable[[], None] | None = None

    @property
    def shown(self) -> Shown | None:
        """What is to be shown now; None before the first snapshot."""
        if self._shown is None and self.source.latest is not None:
            self.take(self.source.latest)
        return self._shown

    def note(self, query: Hashable, *, zipped: bool) -> None:
        """Remember that somebody asked, and will ask again."""
        if len(self._wanted) < _MOST_AHEAD or query in self._wanted:
            self._wanted[query] = (zipped or self._wanted.get(query, (False, 0))[0], _REMEMBERED)

    def listen(self, listener: Callable[[Shown], None]) -> None:
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
            if self._shown is not None and self._shown.published.number >= published.number:
                return
            fresh = Shown(published, self._make, cached_bytes=self._cached_bytes)
            for query, (zipped, left) in list(self._wanted.items()):
                if left == 0:
                    del self._wanted[query]
                    continue
                self._wanted[query] = (zipped, left - 1)
                with contextlib.suppress(problems.Refusal):  # what has gone from the cluster
                    fresh.build(query, zipped=zipped)
            self._shown = fresh
        for listener in self._listeners:
            listener(fresh)
