"""The real VictoriaMetrics for tests: started on loopback, given samples of any time."""

from __future__ import annotations

import contextlib
import subprocess
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from tests import ports, prometheus, waiting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class Victoria(prometheus.Prometheus):
    """One that was started for a test. Use `running`."""

    def give(self, text: str) -> None:
        """Take in samples in Prometheus' text format, with timestamps in milliseconds."""
        self._post("/api/v1/import/prometheus", text.encode())
        self.flush()

    def wait_until(self, found: Any, *, what: str, seconds: float = 20.0) -> Any:
        """What `found()` returns once it is true; what was taken in is made visible before each try."""

        def try_now() -> Any:
            self.flush()
            return found()

        return super().wait_until(try_now, what=what, seconds=seconds)

    def target(self) -> dict[str, Any]:
        """It scrapes none."""
        return {}

    def flush(self) -> None:
        """Make everything that was taken in visible to queries."""
        with urllib.request.urlopen(f"{self.url}/internal/force_flush", timeout=10):
            pass

    def _post(self, path: str, body: bytes) -> None:
        with urllib.request.urlopen(f"{self.url}{path}", data=body, timeout=10):
            pass


@contextlib.contextmanager
def running(
    directory: Path, *, below: Sequence[prometheus.Prometheus] = (), port: int | None = None
) -> Iterator[Victoria]:
    """A VictoriaMetrics of its own, ended with the block; started again it goes on.

    It takes in what the servers `below` it scrape.
    """
    path = prometheus.program("victoria-metrics")
    configuration = directory / "scrape.yml"
    configuration.write_text(
        "scrape_configs: [{job_name: federate, metrics_path: /federate, honor_labels: true, "
        "scrape_interval: 500ms, params: {'match[]': ['{__name__=~\".+\"}']}, "
        f"static_configs: [{{targets: {[each.url.removeprefix('http://') for each in below]}}}]}}]\n",
        encoding="utf-8",
    )
    port = port or ports.free()
    with (directory / "victoria.log").open("wb") as log:
        process = subprocess.Popen(
            [
                path,
                f"-storageDataPath={directory / 'victoria'}",
                f"-httpListenAddr=127.0.0.1:{port}",
                "-memory.allowedBytes=64MB",
                "-retentionPeriod=100y",
                f"-promscrape.config={configuration}",
            ],
            stdout=log,
            stderr=log,
            cwd=directory,
        )
    try:
        server = Victoria(port)
        waiting.until(lambda: server.answers(process, directory / "victoria.log"), what="VictoriaMetrics")
        yield server
    finally:
        process.terminate()  # killed, it loses what it took in within the last seconds
        process.wait(20)
