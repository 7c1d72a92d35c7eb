"""Giving memory that is free back to the system.

The C library keeps what was freed between blocks that are still in use: after a few hundred megabytes of
answers had come and gone, a process held as much again as they may take.
"""

from __future__ import annotations

import ctypes
import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@functools.cache
def trim_function() -> Callable[[int], int] | None:
    """Return glibc's malloc_trim; None where the C library is another one."""
    try:
        found = ctypes.CDLL(None).malloc_trim
    except (OSError, TypeError, AttributeError):  # Windows, musl, macOS
        return None
    found.argtypes = (ctypes.c_size_t,)
    return found


def trim() -> None:
    """Give free pages back. It takes some milliseconds, without the interpreter's lock; for any thread."""
    found = trim_function()
    if found is not None:
        found(0)
