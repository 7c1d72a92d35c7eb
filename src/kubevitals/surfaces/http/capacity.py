"""What this process may use: file descriptors, and the memory of its control group."""

from __future__ import annotations

import contextlib
import pathlib

DESCRIPTORS_ELSEWHERE = 128  # for the clusters, files, and connections that are just ending
CONNECTION_BYTES = 96 << 10  # of one connection: TLS, the parser, a request head and a part of an answer
_CONNECTIONS_SHARE = 4  # of the memory limit, connections may take one part in so many
_ANSWERS_SHARE = 2  # and answers another one in so many
_ROOT = pathlib.Path("/sys/fs/cgroup")


def fit_connections(wanted: int) -> tuple[int, str]:
    """Return how many connections of those wanted there may be, and what bounds them ("" for nothing).

    The soft limit of file descriptors is raised where the hard limit allows it.
    """
    most, reason = wanted, ""
    descriptors = _raise_descriptors(wanted + DESCRIPTORS_ELSEWHERE)
    if descriptors is not None and descriptors - DESCRIPTORS_ELSEWHERE < most:
        most = max(descriptors - DESCRIPTORS_ELSEWHERE, descriptors // 4, 1)
        reason = f"the limit of {descriptors} file descriptors"
    memory = read_memory_limit()
    if memory is not None and memory // _CONNECTIONS_SHARE // CONNECTION_BYTES < most:
        most = max(memory // _CONNECTIONS_SHARE // CONNECTION_BYTES, 1)
        reason = f"the limit of {memory >> 20} MiB of memory"
    return most, reason


def fit_answers(wanted: int) -> tuple[int, str]:
    """Return how many bytes of those wanted answers may take, and what bounds them ("" for nothing)."""
    limit = read_memory_limit()
    if limit is None or limit // _ANSWERS_SHARE >= wanted:
        return wanted, ""
    return limit // _ANSWERS_SHARE, f"half of the limit of {limit >> 20} MiB of memory"


def read_memory_limit(root: pathlib.Path = _ROOT) -> int | None:
    """Return the bytes that the control group may use; None where nothing bounds them."""
    found = []
    for name in ("memory.max", "memory/memory.limit_in_bytes"):  # version 2, version 1
        with contextlib.suppress(OSError, ValueError):  # there is none, or it says "max"
            found.append(int((root / name).read_text("ascii")))
    return min((size for size in found if 0 < size < 1 << 50), default=None)


def _raise_descriptors(wanted: int) -> int | None:
    """Return the limit of file descriptors, raised to what is wanted where that may be."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    if soft < wanted:
        goal = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if goal > soft:
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (goal, hard))
                soft = goal
    return soft
