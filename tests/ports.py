"""Ports of loopback for servers that have to be told theirs."""

from __future__ import annotations

import contextlib
import random
import socket

# Below those that systems give to outgoing connections, and above those of tests/e2e/processes.py.
_PORTS = range(30_000, 32_700)


def free() -> int:
    """Return a port that nobody listens on. Several test processes hardly ever choose the same."""
    for port in random.SystemRandom().sample(_PORTS, 100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise OSError("no free port on 127.0.0.1")
