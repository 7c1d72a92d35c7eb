"""Whose question the cluster is asked next: known ones and strangers wait apart, and nobody fills a queue.

A stranger is told by its address (of IPv6 by the network of 64 bits), somebody known by name. Whoever had
many questions answered with no has to wait before the next one.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import ipaddress
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

V = TypeVar("V")

_THREADS = 2  # for known ones, and as many for strangers
_WAITING = 64  # questions that may wait at once, of known ones and of strangers
_EACH = 16  # of them, of one asker
_REFUSALS = 100  # that one asker may have in a row
_FORGIVEN = 5.0  # refusals a second that are forgotten
_ASKERS = 4096  # whose refusals are remembered


class TurnError(Exception):
    """The question was not asked: too many wait, or too many of this asker were answered with no."""


class Turns:
    """Asks questions in threads. Everything belongs to the event loop but the questions themselves."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._threads = {
            known: concurrent.futures.ThreadPoolExecutor(_THREADS, thread_name_prefix="reviews")
            for known in (True, False)
        }
        self._waiting = {True: 0, False: 0}
        self._each: dict[tuple[bool, str], int] = {}
        self._refused: dict[tuple[bool, str], tuple[float, float]] = {}  # how many, as of when

    async def ask(self, question: Callable[[], V], *, known: bool, asker: str) -> V:
        """Return what `question` returns in a thread.

        Raises:
            TurnError: it was not asked. Everything that `question` raises.
        """
        who = known, asker
        if self._waiting[known] >= _WAITING:
            raise TurnError("too many questions are waiting for the cluster")
        if self._each.get(who, 0) >= _EACH:
            raise TurnError("too many questions of one address or account are waiting for the cluster")
        if self._count_refusals(who) >= _REFUSALS:
            raise TurnError("too many questions of one address or account were answered with no")
        self._waiting[known] += 1
        self._each[who] = self._each.get(who, 0) + 1
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._threads[known], question)
        finally:
            self._waiting[known] -= 1
            self._each[who] -= 1
            if not self._each[who]:
                del self._each[who]
        if not answer:
            self._note_refusal(who)
        return answer

    def close(self) -> None:
        """Ask no more."""
        for threads in self._threads.values():
            threads.shutdown(wait=False, cancel_futures=True)

    def _count_refusals(self, who: tuple[bool, str]) -> float:
        count, when = self._refused.get(who, (0.0, 0.0))
        return max(0.0, count - (self._clock() - when) * _FORGIVEN)

    def _note_refusal(self, who: tuple[bool, str]) -> None:
        count = self._count_refusals(who) + 1
        self._refused.pop(who, None)
        self._refused[who] = count, self._clock()
        if len(self._refused) > _ASKERS:
            del self._refused[next(iter(self._refused))]


def place_of(host: str) -> str:
    """Return what strangers of one place have in common: the address, of IPv6 its network of 64 bits."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host[:64]
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or ipaddress.ip_network((address, 64), strict=False))
    return str(address)
