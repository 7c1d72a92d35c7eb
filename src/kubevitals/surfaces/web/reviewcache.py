"""Answers of the cluster that are good for seconds, the good ones apart from the others.

Whoever makes up tokens or paths fills the place of refusals alone: no answer that lets somebody in goes for
them.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

V = TypeVar("V")

MOST = 4096  # answers of each kind, good or not, that are remembered


class ReviewCache(Generic[V]):
    """Remembers answers; who asks the same at the same time waits for one answer.

    Args:
        seconds: that an answer which lets in, and that one which does not, is remembered.
        clock: monotonic.
    """

    def __init__(self, seconds: tuple[float, float], clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._held: tuple[dict[Hashable, tuple[float, V]], dict[Hashable, tuple[float, V]]] = {}, {}
        self._coming: dict[Hashable, asyncio.Future[V]] = {}

    @property
    def counts(self) -> tuple[int, int]:
        """How many answers are remembered that let in, and that do not."""
        good, bad = self._held
        return len(good), len(bad)

    async def find(self, key: Hashable, ask: Callable[[], Awaitable[V]]) -> V:
        """Return the answer that `ask` gets, which may be remembered. Failures are not."""
        for answers in self._held:
            held = answers.get(key)
            if held is not None and self._clock() < held[0]:
                return held[1]
        coming = self._coming.get(key)
        if coming is None:
            coming = self._coming[key] = asyncio.ensure_future(self._fetch(key, ask))
            coming.add_done_callback(lambda done: self._end(key, done))
        return await asyncio.shield(coming)  # who goes away does not take the others' answer along

    async def _fetch(self, key: Hashable, ask: Callable[[], Awaitable[V]]) -> V:
        asked = self._clock()  # an answer is as old as its question
        answer = await ask()
        place = 0 if answer else 1
        for answers in self._held:
            answers.pop(key, None)
        answers = self._held[place]
        answers[key] = (asked + self._seconds[place], answer)
        if len(answers) > MOST:
            del answers[next(iter(answers))]
        return answer

    def _end(self, key: Hashable, done: asyncio.Future[V]) -> None:
        self._coming.pop(key, None)
        if not done.cancelled():
            done.exception()  # somebody has seen it, or nobody waits any more
