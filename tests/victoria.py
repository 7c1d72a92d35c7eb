"""The real VictoriaMetrics for tests: started on loopback, given samples of any time."""

from __future__ import annotations

import contextlib
import subprocess
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from tests import prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class Victoria(prometheus.Prometheus):
    """One that was started for a test. Use `running`."""

    def give(self, text: str) -> None:
        """Take in samples in Prometheus' text format, with timestamps in milliseconds."""
        self._post("/api/v1/import/prometheus", text.encode())
        self.flush()

    def flush(self) -> None:
        """Make everything that was taken in visible to queries."""
        with urllib.request.urlopen(f"{self.url}/internal/force_flush", timeout=10):
            pass

    def _post(self, path: str, body: bytes) -> None:
        with urllib.request.urlopen(f"{self.url}{path}", data=body, timeout=10):
            pass


@contextlib.contextmanager
def running(directory: Path, *, flags: Sequence[str] = ()) -> Iterator[Victoria]:
    """A VictoriaMetrics of its own, ended with the block."""
    path = prometheus.program("victoria-metrics")
    port = prometheus.free_port()
    with (directory / "victoria.log").open("wb") as log:
        process = subprocess.Popen(
            [
                path,
                f"-storageDataPath={directory / 'victoria'}",
                f"-httpListenAddr=127.0.0.1:{port}",
                "-memory.allowedBytes=64MB",
                "-retentionPeriod=100y",
                *flags,
            ],
            stdout=log,
            stderr=log,
            cwd=directory,
        )
    try:
        server = Victoria(port)
        deadline = time.monotonic() + 30
        while True:
            assert process.poll() is None, (directory / "victoria.log").read_text(encoding="utf-8")[-2000:]
            with contextlib.suppress(OSError, urllib.error.URLError):
                server.query("vector(1)")
                break
            assert time.monotonic() < deadline, "VictoriaMetrics did not start"
            time.sleep(0.05)
        yield server
    finally:
        process.kill()
        process.wait(10)
