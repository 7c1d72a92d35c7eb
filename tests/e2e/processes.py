"""Servers as child processes that cannot outlive their starter: ports, a directory, start, end, last words.

Knows nothing of Kubernetes.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

GUARDIAN = Path(__file__).with_name("guardian.py")
PORTS = range(20_000, 30_000)  # below the ports that systems give to outgoing connections
LOG_TAIL_LINES = 25


class StartError(Exception):
    """A server ended, or did not become ready in time; the message holds the end of its log."""


class Home:
    """A directory in memory and a process group, both gone when the starter is, however it ends."""

    def __init__(self, prefix: str) -> None:
        memory = Path("/dev/shm")
        root = memory if os.access(memory, os.W_OK | os.X_OK) else None
        self.directory = Path(tempfile.mkdtemp(prefix=prefix, dir=root))
        self._servers: list[Server] = []
        self._undo = contextlib.ExitStack()
        try:
            self._guardian = subprocess.Popen(
                [sys.executable, "-I", "-S", str(GUARDIAN), str(self.directory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                process_group=0,  # its own group in this session: terminal signals do not reach it
            )
        except BaseException:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise
        self._undo.callback(self._dismiss_guardian)
        self._undo.callback(shutil.rmtree, self.directory, ignore_errors=True)

    def reserve_port(self) -> int:
        """A free TCP port of 127.0.0.1 that no other home on this machine will choose while this one lives.

        The reservation is a UDP socket on the same number: invisible to TCP servers, unique on the machine,
        and released by the kernel if this process dies.
        """
        for port in random.sample(PORTS, 500):
            reservation = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                reservation.bind(("127.0.0.1", port))
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", port))
            except OSError:
                reservation.close()
                continue
            self._undo.callback(reservation.close)
            return port
        raise StartError("no free port on 127.0.0.1")

    def server(self, name: str, command: Sequence[str | Path]) -> Server:
        """A server of this home, not started yet."""
        server = Server(
            name, [str(part) for part in command], directory=self.directory, group=self._guardian.pid
        )
        self._servers.append(server)
        self._undo.callback(server.kill)
        return server

    def memory(self) -> dict[str, int]:
        """Resident bytes of each running server, by name (Linux only)."""
        return {server.name: server.memory() for server in self._servers if server.running}

    def close(self) -> None:
        """Kill every server, remove the directory, even if one of these fails. A second call does nothing."""
        self._undo.close()

    def _dismiss_guardian(self) -> None:
        with contextlib.suppress(OSError):
            self._guardian.communicate(b"d", timeout=10)


class Server:
    """One child process with its log in the home directory. It may be started again after its end."""

    def __init__(self, name: str, command: Sequence[str], *, directory: Path, group: int) -> None:
        self.name = name
        self.command = list(command)
        self.log = directory / f"{name}.log"
        self._directory = directory
        self._group = group
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process number of the last start."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    def start(self) -> None:
        """Start it; what it prints is added to its log."""
        assert not self.running, f"{self.name} is running"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._directory,
                # nothing of the user's: no proxy, no kubeconfig, no configuration below HOME
                env={"PATH": os.defpath, "HOME": str(self._directory), "TMPDIR": str(self._directory)},
                process_group=self._group,
            )

    def kill(self) -> None:
        """End it at once, as a crash would. No effect if it has ended."""
        self._end(signal.SIGKILL, seconds=10)

    def terminate(self, *, seconds: float = 20) -> None:
        """Ask it to end in good order, and kill it if it has not after `seconds`."""
        self._end(signal.SIGTERM, seconds=seconds)

    def _end(self, number: signal.Signals, *, seconds: float) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)

    def wait_until(self, ready: Callable[[], bool], *, seconds: float = 60, pause: float = 0.05) -> None:
        """Return as soon as `ready()` is true; it is asked every `pause` seconds.

        Raises:
            StartError: if the server ends before that, or the time is over.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.running:
                code = self._process and self._process.returncode
                raise StartError(f"{self.name} ended with code {code}:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise StartError(f"{self.name} was not ready after {seconds:.0f} s:\n{self.tail()}")
            time.sleep(pause)

    def memory(self) -> int:
        """Resident bytes; 0 where /proc does not tell."""
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        except OSError:
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")

    def tail(self) -> str:
        """The last lines of its log."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return "(no log)"
        return "\n".join(lines[-LOG_TAIL_LINES:])
