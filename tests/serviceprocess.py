"""The process of `serve` or `export` over a simulated cluster, on a port of loopback, for tests."""

from __future__ import annotations

import contextlib
import pathlib
import signal
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from tests import servers, waiting

if TYPE_CHECKING:
    from collections.abc import Iterator


class ServiceProcess:
    """A running service: its process id, its URL, and the lines that it has logged."""

    def __init__(self, pid: int, url: str) -> None:
        self.pid = pid
        self.url = url
        self.lines: list[str] = []

    def status_of(self, path: str) -> int:
        """Return the status of a GET."""
        try:
            trust = ssl.create_default_context(cadata=servers.authority().pem.decode())
            with urllib.request.urlopen(self.url + path, timeout=30, context=trust) as answer:
                answer.read()
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code

    def resident(self) -> int:
        """Return how many bytes of memory it has."""
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) * 1024


@contextlib.contextmanager
def running(*words: str, port: int = 0, health: str = "/readyz") -> Iterator[ServiceProcess]:
    """The service that `kubevitals WORDS` starts, once its health route answers with 200."""
    command = [sys.executable, "-m", "kubevitals", *words, "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = next(each for each in process.stderr if "serving http" in each)
            url = line.split("serving ")[1].split()[0].removesuffix("/metrics")
            service = ServiceProcess(process.pid, url)
            threading.Thread(target=lambda: service.lines.extend(process.stderr or ()), daemon=True).start()
            waiting.until(lambda: service.status_of(health) == 200, seconds=120, pause=0.2)
            yield service
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=20)
