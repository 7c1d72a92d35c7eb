"""Answers that take a thread: a few are made at once, the others wait for their turn, and not for ever."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from kubevitals.surfaces.web import problemdetails

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATIENCE = 10.0
"""Seconds that a question waits for its turn."""


class Turns:
    """So many at once. It belongs to one event loop."""

    def __init__(self, at_once: int) -> None:
        self._free = asyncio.Semaphore(at_once)

    @contextlib.asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Wait for a turn, and have it within the block.

        Raises:
            problemdetails.Refusal: it does not come, 503.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                await self._free.acquire()
        except TimeoutError as error:
            raise problemdetails.busy() from error
        try:
            yield
        finally:
            self._free.release()
