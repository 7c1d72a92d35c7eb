"""Processes that are timed, and simulated clusters that serve them. POSIX only: peak memory is wait4's.

A process begins with the peak of whoever started it on its account, so this process must stay small: it
imports nothing that it measures.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import time

from benchmarks import figures

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_CHUNK = 1 << 20
_NOT_PASSED_ON = ("PYTHONDONTWRITEBYTECODE", "PYTHONPROFILEIMPORTTIME", "PYTHONDEVMODE", "PYTHONWARNINGS")
_START_SECONDS = 300.0


class FailedError(Exception):
    """A measured command did not do what it is there for; the text tells which and how."""


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment without what would slow or alter a measured Python."""
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON}
    return {**kept, **more}


def kubevitals_command() -> list[str]:
    """Return the words that start kubevitals: the installed command beside this Python, if there is one."""
    script = os.path.join(os.path.dirname(sys.executable), "kubevitals")  # noqa: PTH118, PTH120 see the top
    return [script] if os.access(script, os.X_OK) else [sys.executable, "-m", "kubevitals"]


def measure(command: Sequence[str], *, folder: str, env: Mapping[str, str] | None = None) -> figures.Run:
    """Run the command to its end, its output in files of `folder`, and return what it took.

    Raises:
        FailedError: it exited with another code than 0.
    """
    out, err = f"{folder}/stdout", f"{folder}/stderr"
    mode = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    started = time.perf_counter()
    child = os.posix_spawnp(
        command[0],
        list(command),
        dict(env if env is not None else environment()),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, out, mode, 0o600),
            (os.POSIX_SPAWN_OPEN, 2, err, mode, 0o600),
        ],
    )
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - started
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        raise FailedError(f"{' '.join(command)} exited with {code}: {read_text(err)[-500:].strip()}")
    return figures.Run(
        seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_bytes=usage.ru_maxrss * _RSS_UNIT,
        lines=_count_lines(out),
    )


def read_text(path: str) -> str:
    """Return a file's text; bytes that are none are replaced."""
    with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 see the top
        return file.read()


def _count_lines(path: str) -> int:
    count = 0
    with open(path, "rb") as file:  # noqa: PTH123 see the top
        while chunk := file.read(_CHUNK):
            count += chunk.count(b"\n")
    return count


def rounds(
    commands: Mapping[str, Sequence[str]], *, count: int, folder: str, env: Mapping[str, str] | None = None
) -> dict[str, list[figures.Run]]:
    """Run the commands in turn, A B A B, `count` times each after one turn that is not counted."""
    for command in commands.values():
        measure(command, folder=folder, env=env)
    runs: dict[str, list[figures.Run]] = {name: [] for name in commands}
    for _ in range(count):
        for name, command in commands.items():
            runs[name].append(measure(command, folder=folder, env=env))
    return runs


class Served:
    """A simulated cluster in a process of its own. `peak_bytes` is known when it has ended."""

    __slots__ = ("child", "folder", "kubeconfig", "peak_bytes", "start_seconds")

    def __init__(self, child: int, *, folder: str, start_seconds: float) -> None:
        self.child = child
        self.folder = folder
        self.kubeconfig = f"{folder}/kubeconfig"
        self.start_seconds = start_seconds
        self.peak_bytes = 0


@contextlib.contextmanager
def serve(pods: int, nodes: int | None = None) -> Iterator[Served]:
    """Serve a cluster of that size over TLS; it ends with the block.

    Raises:
        FailedError: it did not start.
    """
    nodes = nodes or max(3, pods // 30)
    with tempfile.TemporaryDirectory(prefix="kubevitals-bench-") as folder:
        log = f"{folder}/server"
        mode = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        started = time.perf_counter()
        child = os.posix_spawnp(
            kubevitals_command()[0],
            [
                *kubevitals_command(),
                "simulate",
                *("--nodes", str(nodes)),
                *("--pods", str(pods)),
                *("--write-kubeconfig", f"{folder}/kubeconfig"),
            ],
            environment(),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, log, mode, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
        )
        served = None
        try:
            _await_ready(child, log, started + _START_SECONDS)
            served = Served(child, folder=folder, start_seconds=time.perf_counter() - started)
            yield served
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
            with contextlib.suppress(ChildProcessError):
                _, _, usage = os.wait4(child, 0)
                if served is not None:
                    served.peak_bytes = usage.ru_maxrss * _RSS_UNIT


def _await_ready(child: int, log: str, deadline: float) -> None:
    while "ready" not in read_text(log):
        ended, _ = os.waitpid(child, os.WNOHANG)
        if ended or time.perf_counter() > deadline:
            raise FailedError(f"the simulated cluster did not start: {read_text(log)[-500:].strip()}")
        time.sleep(0.02)
