"""Waiting in tests for what happens at a time of its own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    Answer = TypeVar("Answer")


def until(
    ask: Callable[[], Answer],
    *,
    what: str | Callable[[], object] = "the condition",
    seconds: float = 30.0,
    pause: float = 0.02,
) -> Answer:
    """Call `ask` every `pause` seconds until it returns something true, and return that.

    Raises:
        TimeoutError: it was not after `seconds`, with `what` as a text, or as a function called only then.
    """
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not after {seconds:g} s: {what() if callable(what) else what}")
        time.sleep(pause)
    return answer
