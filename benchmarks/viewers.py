"""Those who ask a service while it is measured: one who times each answer, and many who misbehave."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import socket
import threading
import time

from benchmarks import processes, running

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self

_PAUSE_SECONDS = 0.02
_LOOK_SECONDS = 0.05
_BUSY = 0.7  # of one core, and the service is at work on a tick


class Prober:
    """Asks for small answers again and again, one after the other, and notes how long each takes."""

    def __init__(self, server: running.Running, paths: Sequence[str]) -> None:
        self.failures = 0
        self._server = server
        self._paths = paths
        self._ended = threading.Event()
        self._answers: list[tuple[float, float]] = []  # when it was asked for, and how long it took
        self._work: list[tuple[float, float]] = []  # a moment, and the CPU seconds up to it
        self._threads = [threading.Thread(target=self._ask), threading.Thread(target=self._watch)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def meanwhile(self) -> list[float]:
        """Return the seconds of the answers that were asked for while the service worked on a tick."""
        busy = [
            (one[0], other[0])
            for one, other in itertools.pairwise(self._work)
            if other[1] - one[1] >= _BUSY * (other[0] - one[0])
        ]
        return [
            seconds
            for begun, seconds in self._answers
            if any(begun < end and begin < begun + seconds for begin, end in busy)
        ]

    def _ask(self) -> None:
        with contextlib.closing(self._server.open()) as connection:
            for path in itertools.cycle(self._paths):
                if self._ended.is_set():
                    return
                begun = time.perf_counter()
                try:
                    running.fetch(connection, path, gzip=True)
                except (OSError, http.client.HTTPException):
                    self.failures += 1
                    connection.close()
                self._answers.append((begun, time.perf_counter() - begun))
                self._ended.wait(_PAUSE_SECONDS)

    def _watch(self) -> None:
        while not self._ended.is_set():
            self._work.append((time.perf_counter(), self._server.cpu_seconds()))
            self._ended.wait(4 * _LOOK_SECONDS)


def quantile(values: Sequence[float], part: float) -> float:
    """Return the value that `part` of the values do not exceed.

    Raises:
        ValueError: there is none.
    """
    if not values:
        raise ValueError("no values, no quantile")
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(part * len(ranked)))]


def misbehave(server: running.Running, seconds: float) -> dict[str, int]:
    """Be many viewers for so long; return how often each kind of visit was paid.

    Streams are dropped after moments, answers are asked for and not read, connections are left open, large
    lists and expositions are read whole, each query a little different from the one before.
    """
    counts = dict.fromkeys(
        ("streams dropped", "answers left unread", "idle connections", "lists", "scrapes"), 0
    )
    until = time.perf_counter() + seconds
    held: list[socket.socket] = []
    for turn in itertools.count():
        if time.perf_counter() > until:
            break
        for path, kind in (("/api/v1/stream", "streams dropped"), ("/api/v1/pods", "answers left unread")):
            held.append(_begin(server, f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"))
            counts[kind] += 1
        if turn % 4 == 0:
            held.append(_begin(server, "GET /api/v1/nodes HTTP/1.1\r\n"))
            counts["idle connections"] += 1
        server.fetch(f"/api/v1/infra/pods?limit={turn % 500}", gzip=turn % 2 == 0)
        counts["lists"] += 1
        if turn % 5 == 0:
            server.fetch("/metrics", gzip=turn % 2 == 0)
            counts["scrapes"] += 1
        while len(held) > 30:
            held.pop(0).close()
        time.sleep(_PAUSE_SECONDS)
    for each in held:
        each.close()
    return counts


def _begin(server: running.Running, head: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    connection.sendall(head.encode())
    return connection


@contextlib.contextmanager
def streaming(server: running.Running) -> Iterator[http.client.HTTPResponse]:
    """Open the stream of events."""
    with contextlib.closing(server.open()) as connection:
        connection.request("GET", "/api/v1/stream")
        yield connection.getresponse()


def await_snapshots(server: running.Running, count: int) -> list[float]:
    """Wait for so many new snapshots; return when each was told of, after the first event, which is old.

    Raises:
        processes.FailedError: the stream ended before.
    """
    moments: list[float] = []
    with streaming(server) as stream:
        while len(moments) <= count:
            line = stream.readline()
            if not line:
                raise processes.FailedError(f"the stream of events ended, HTTP {stream.status}")
            if line.startswith(b"data: "):
                moments.append(time.perf_counter())
    return moments[1:]
