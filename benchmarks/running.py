"""Servers that are measured while they run: CPU and memory as /proc tells, and requests to them.

Linux only. This process shares the machine's cores with what it measures, so it does as little as it can.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import time

from benchmarks import processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_START_SECONDS = 600.0
_STOP_SECONDS = 15.0
_LOOK_SECONDS = 0.02
GZIP = {"Accept-Encoding": "gzip"}


def missing() -> str | None:
    """Return why nothing can be measured here; None if it can."""
    return None if os.path.exists("/proc/self/stat") else "there is no /proc on this system"  # noqa: PTH110


class Running:
    """A server process on a port of this machine."""

    def __init__(self, child: int, port: int) -> None:
        self.child = child
        self.port = port

    def cpu_seconds(self) -> float:
        """Return the CPU seconds that it has taken so far, of user and system, in all threads."""
        fields = processes.read_text(f"/proc/{self.child}/stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self, word: str = "VmRSS") -> int:
        """Return how much memory it has now, or with VmHWM the most that it ever had."""
        for line in processes.read_text(f"/proc/{self.child}/status").splitlines():
            if line.startswith(f"{word}:"):
                return int(line.split()[1]) * 1024
        raise processes.FailedError(f"process {self.child} tells no {word}")

    def open(self) -> http.client.HTTPConnection:
        """Return a connection to it."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def fetch(self, path: str, *, gzip: bool = False) -> bytes:
        """Return the body of an answer, as it is sent.

        Raises:
            processes.FailedError: the answer is none of 200.
        """
        with contextlib.closing(self.open()) as connection:
            return fetch(connection, path, gzip=gzip)


def fetch(connection: http.client.HTTPConnection, path: str, *, gzip: bool = False) -> bytes:
    """Return the body of an answer on that connection, as it is sent.

    Raises:
        processes.FailedError: the answer is none of 200.
    """
    connection.request("GET", path, headers=GZIP if gzip else {})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise processes.FailedError(f"{path} is answered with {answer.status}: {body[:200]!r}")
    return body


@contextlib.contextmanager
def run(command: Sequence[str], *, folder: str, port: int = 0) -> Iterator[Running]:
    """Run a server until the block ends; a port of 0 is read from the URL in its JSON log.

    Raises:
        processes.FailedError: it ended, or did not say where it listens.
    """
    log = f"{folder}/log-{time.monotonic_ns()}"
    child = os.posix_spawnp(
        command[0],
        list(command),
        processes.environment(),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )
    try:
        yield Running(child, port or _await_port(child, log))
    finally:
        _stop(child)


def await_answer(server: Running, path: str, *, gzip: bool = False) -> bytes:
    """Return the body of a path once it is answered with 200.

    Raises:
        processes.FailedError: it is not, in ten minutes.
    """
    deadline = time.perf_counter() + _START_SECONDS
    while True:
        try:
            return server.fetch(path, gzip=gzip)
        except (OSError, http.client.HTTPException, processes.FailedError) as error:
            if time.perf_counter() > deadline:
                raise processes.FailedError(f"{path} is not answered: {error}") from error
        time.sleep(_LOOK_SECONDS)


def _await_port(child: int, log: str) -> int:
    deadline = time.perf_counter() + _START_SECONDS
    while True:
        for line in processes.read_text(log).splitlines():
            with contextlib.suppress(ValueError):
                told = json.loads(line)
                if told.get("event") == "serving":
                    return int(str(told["url"]).rpartition(":")[2])
        if os.waitpid(child, os.WNOHANG)[0] or time.perf_counter() > deadline:
            said = processes.read_text(log)[-500:].strip()
            raise processes.FailedError(f"the server did not start: {said}")
        time.sleep(_LOOK_SECONDS)


def _stop(child: int) -> None:
    deadline = time.perf_counter() + _STOP_SECONDS
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(child, signal.SIGTERM)
        while not os.waitpid(child, os.WNOHANG)[0]:
            if time.perf_counter() > deadline:
                os.kill(child, signal.SIGKILL)
            time.sleep(_LOOK_SECONDS)
