"""When a request is tried again, and after how long."""

from __future__ import annotations

import os
import time

from kubevitals import cpython, errors
from kubevitals.kube.http import dates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STATUSES = (429, 500, 502, 503, 504)  # answers that may be better a moment later
_FIRST_DELAY = 0.2  # seconds; doubled for each further try
_LONGEST_DELAY = 5.0


def delay(attempts: int, jitter: Callable[[], float]) -> float:
    """Return the seconds to wait after so many attempts: from half of a growing delay to the whole of it."""
    longest = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(attempts - 1, 16))
    return longest * (0.5 + 0.5 * jitter())


def draw() -> float:
    """Return a number from 0 to 1 for the jitter, without importing `random` for it."""
    return int.from_bytes(os.urandom(2), "big") / 65535


def is_broken(error: errors.ClusterError) -> bool:
    """Return whether an established connection broke: a new one may last. A refused one is not retried."""
    if isinstance(error, errors.TruncatedBodyError):
        return True
    if not isinstance(error, errors.UnreachableError):
        return False
    causes = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError, cpython.tls().errors.SSLError)
    return isinstance(error.__cause__, causes)


def parse_retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds to wait by Retry-After, as seconds or as a date; 0 where it says nothing usable.

    A date is taken by the server's own clock where the answer tells it.
    """
    text = headers.get("retry-after", "")
    if text.isascii() and text.isdigit():
        return float(text[:9])
    moment = dates.parse_date(text)
    if moment is None:
        return 0.0
    now = dates.parse_date(headers.get("date", ""))
    return max(0.0, moment - (time.time() if now is None else now))
