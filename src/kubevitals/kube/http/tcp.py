"""Opening a TCP connection to a host, and noticing when it dies."""

from __future__ import annotations

import os

from kubevitals import cpython

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from typing import Any

    from kubevitals.kube.http import urls

_STAGGER = 0.3  # seconds after which the next address is tried beside those before, as in Go (RFC 8305)
# A peer that is gone without a word is noticed after 30 + 3 * 15 = 75 seconds.
_KEEPALIVE = (
    ("TCP_KEEPIDLE", 30),
    ("TCP_KEEPALIVE", 30),  # the name of the former on macOS
    ("TCP_KEEPINTVL", 15),
    ("TCP_KEEPCNT", 3),
    ("TCP_USER_TIMEOUT", 75_000),  # milliseconds: what was sent and is not acknowledged
)


def connect(address: urls.Address, deadline: float, clock: Callable[[], float]) -> socket.socket:
    """Connect to the address of the host that answers first; a further one is tried every 300 ms.

    Raises:
        OSError: no address answers, or the name does not resolve.
    """
    host = to_ascii(address.host).encode()
    found = cpython.sockets.getaddrinfo(host, address.port, 0, cpython.sockets.SOCK_STREAM)
    raw = _connect_one(found[0], deadline, clock) if len(found) == 1 else _race(found, deadline, clock)
    _keep_alive(raw)
    return raw


def _connect_one(found: Sequence[Any], deadline: float, clock: Callable[[], float]) -> socket.socket:
    family, kind, protocol, _, place = found
    raw: socket.socket = cpython.Socket(family, kind, protocol)
    try:
        raw.settimeout(_left(deadline, clock))
        raw.connect(place)
    except BaseException:
        raw.close()
        raise
    return raw


def _race(found: Sequence[Any], deadline: float, clock: Callable[[], float]) -> socket.socket:
    """Return the connection that stands first; an address that fails makes way for the next at once."""
    waiting = _alternate(found)
    pending: list[socket.socket] = []
    failure: OSError = OSError("the name has no address")
    try:
        while waiting or pending:
            left = _left(deadline, clock)
            if waiting:
                family, kind, protocol, _, place = waiting.pop(0)
                try:
                    raw: socket.socket = cpython.Socket(family, kind, protocol)
                except OSError as error:  # say, a machine without IPv6
                    failure = error
                    continue
                pending.append(raw)
                raw.settimeout(0)
                try:
                    raw.connect(place)
                except (BlockingIOError, InterruptedError):
                    left = min(left, _STAGGER) if waiting else left
                except OSError as error:
                    failure = error
                    pending.remove(raw)
                    raw.close()
                    continue
            for raw in _wait_for_any(pending, left):
                pending.remove(raw)
                code = raw.getsockopt(cpython.sockets.SOL_SOCKET, cpython.sockets.SO_ERROR)
                if not code:
                    return raw
                raw.close()
                failure = OSError(code, os.strerror(code))
        raise failure
    finally:
        for raw in pending:
            raw.close()


def _wait_for_any(pending: Sequence[socket.socket], seconds: float) -> list[socket.socket]:
    """Return those whose attempt has ended, well or not."""
    import select

    if hasattr(select, "poll"):
        poll = select.poll()
        for raw in pending:
            poll.register(raw.fileno(), select.POLLOUT)
        ended = {descriptor for descriptor, _ in poll.poll(seconds * 1000)}
        return [raw for raw in pending if raw.fileno() in ended]
    _, writable, broken = select.select([], pending, pending, seconds)  # pragma: no cover  Windows
    return [raw for raw in pending if raw in writable or raw in broken]  # pragma: no cover


def _alternate(found: Sequence[Any]) -> list[Any]:
    """Return the addresses with those of the two families in turns, the first one's first."""
    first = [each for each in found if each[0] == found[0][0]]
    other = [each for each in found if each[0] != found[0][0]]
    turns: list[Any] = []
    while first or other:
        turns += [*first[:1], *other[:1]]
        first, other = first[1:], other[1:]
    return turns


def _keep_alive(raw: socket.socket) -> None:
    module = cpython.sockets
    try:
        raw.setsockopt(module.SOL_SOCKET, module.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE:
            option = getattr(module, name, None)
            if option is not None:
                raw.setsockopt(module.IPPROTO_TCP, option, value)
    except OSError:
        return  # a system that has less of it


def _left(deadline: float, clock: Callable[[], float]) -> float:
    left = deadline - clock()
    if left <= 0:
        raise TimeoutError
    return left


def to_ascii(host: str) -> str:
    """Return a name in its ASCII form. Only international ones import the codec, which is slow."""
    return host if host.isascii() else host.encode("idna").decode("ascii")
