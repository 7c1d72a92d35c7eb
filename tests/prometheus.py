"""The real Prometheus and promtool for tests: found, started on loopback, asked by PromQL."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from tests import ports, waiting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# Programs that cannot be had in CI, with the reason.
UNAVAILABLE: dict[str, str] = {}
Sample = tuple[dict[str, str], float]


def program(name: str) -> str:
    """Its path. Where it is missing the test is skipped; in CI it fails, unless listed above."""
    path = shutil.which(name)
    if path is None:
        if os.environ.get("CI") == "true" and name not in UNAVAILABLE:
            pytest.fail(f"{name} is missing; tools/install-test-tools installs it", pytrace=False)
        pytest.skip(UNAVAILABLE.get(name, f"{name} is not installed (tools/install-test-tools)"))
    return path


def check_metrics(exposition: bytes) -> None:
    """Fail unless `promtool check metrics` has nothing to say."""
    done = subprocess.run(
        [program("promtool"), "check", "metrics"],
        input=exposition,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


class Prometheus:
    """One that scrapes one target every second (`running`), or holds samples of the past (`holding`)."""

    def __init__(self, port: int, *, prefix: str = "") -> None:
        self.url = f"http://127.0.0.1:{port}{prefix}"

    def ask(self, path: str, **query: str) -> Any:
        """The `data` of an answer of its API."""
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, promql: str) -> list[Sample]:
        """The samples of an instant query, without the labels that Prometheus adds."""
        found = []
        for each in self.ask("query", query=promql)["result"]:
            labels = {key: value for key, value in each["metric"].items() if key not in ("job", "instance")}
            found.append((labels, float(each["value"][1])))
        return found

    def target(self) -> dict[str, Any]:
        """What it says of its target."""
        found: dict[str, Any] = self.ask("targets")["activeTargets"][0]
        return found

    def answers(self, process: subprocess.Popen[bytes], log: Path) -> bool:
        """Whether it answers queries. Fails with the end of its log if its process has ended."""
        assert process.poll() is None, log.read_text(encoding="utf-8")[-2000:]
        try:
            self.query("vector(1)")
        except urllib.error.HTTPError as error:
            error.close()
        except OSError:
            pass
        else:
            return True
        return False

    def wait_for(self, promql: str, *, seconds: float = 20.0) -> list[Sample]:
        """The samples of a query once there are any."""
        found: list[Sample] = self.wait_until(lambda: self.query(promql), what=promql, seconds=seconds)
        return found

    def wait_until(self, found: Any, *, what: str, seconds: float = 20.0) -> Any:
        """What `found()` returns once it is true."""
        return waiting.until(
            found, what=lambda: f"{what}: {self.target().get('lastError')}", seconds=seconds, pause=0.1
        )


@contextlib.contextmanager
def running(target: str, directory: Path, *, replica: str = "") -> Iterator[Prometheus]:
    """A Prometheus of its own that scrapes HOST:PORT. One of several `replica`s is not waited for."""
    external = f", external_labels: {{prometheus_replica: {replica}}}" if replica else ""
    configuration = (
        f"global: {{scrape_interval: 1s, scrape_timeout: 1s{external}}}\n"
        f"scrape_configs: [{{job_name: kubevitals, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    with _started(configuration, directory, ()) as server:  # which waits five seconds before its first scrape
        if not replica:
            waiting.until(lambda: server.ask("targets")["activeTargets"], what="a target of Prometheus")
        yield server


@contextlib.contextmanager
def holding(openmetrics: str, directory: Path, *, path: str | None = None) -> Iterator[Prometheus]:
    """A Prometheus of its own that holds these samples of any time, and scrapes nothing.

    `path` is that of another one than Debian's.
    """
    text = directory / "samples.txt"
    text.write_text(openmetrics + "# EOF\n", encoding="utf-8")
    subprocess.run(
        [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", "-q", text, directory / "data"],
        check=True,
        capture_output=True,
        timeout=60,
    )
    with _started(
        "scrape_configs: []\n", directory, ["--storage.tsdb.retention.time=100y"], path=path
    ) as server:
        yield server


@contextlib.contextmanager
def receiving(directory: Path, *, port: int | None = None, path: str | None = None) -> Iterator[Prometheus]:
    """A Prometheus of its own that takes remote-write and scrapes nothing; started again it goes on.

    `path` is that of another one than Debian's.
    """
    flags = ["--web.enable-remote-write-receiver"]
    with _started("scrape_configs: []\n", directory, flags, port=port, path=path) as server:
        yield server


@contextlib.contextmanager
def configured(configuration: str, directory: Path, *, path: str | None = None) -> Iterator[Prometheus]:
    """A Prometheus of its own with this configuration; `path` is that of another one than Debian's."""
    with _started(configuration, directory, [], path=path) as server:
        yield server


@contextlib.contextmanager
def _started(
    configuration: str,
    directory: Path,
    flags: Sequence[str],
    *,
    port: int | None = None,
    path: str | None = None,
) -> Iterator[Prometheus]:
    path = path or program("prometheus")
    port = port or ports.free()
    file = directory / "prometheus.yml"
    file.write_text(configuration, encoding="utf-8")
    with (directory / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                path,
                f"--config.file={file}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                *flags,
            ],
            stdout=log,
            stderr=log,
            cwd=directory,
        )
    try:
        server = Prometheus(port)
        waiting.until(lambda: server.answers(process, directory / "prometheus.log"), what="Prometheus")
        yield server
    finally:
        process.kill()
        process.wait(10)
