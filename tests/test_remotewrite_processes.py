"""Remote-write as it is run: a recording process that is killed, a receiver that is away, nothing lost."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests import ports, prometheus, victoria, waiting

from kubevitals.history import store
from simcluster import simulation as simulated

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

SERIES = "kubevitals_node_pods"


@pytest.fixture(scope="module")
def world() -> Iterator[simulated.SimulatedCluster]:
    with simulated.SimulatedCluster(nodes=3, pods=12) as made:
        yield made


RECORD = ("record",)
SERVE = ("serve", "--port", "0")


def record(
    world: simulated.SimulatedCluster, folder: Path, port: int, words: Sequence[str] = RECORD
) -> subprocess.Popen[bytes]:
    """Start to record some ticks a second, and to send them."""
    kubeconfig = folder / "config"
    kubeconfig.write_text(world.kubeconfig(), encoding="utf-8")
    with (folder / "record.log").open("ab") as log:
        return subprocess.Popen(
            [
                sys.executable, "-m", "kubevitals", *words, "--kubeconfig", str(kubeconfig),
                "--history", str(folder / "history.db"), "--interval", "250ms",
                "--remote-write", f"http://127.0.0.1:{port}/api/v1/write",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip


def sent(server: prometheus.Prometheus) -> dict[str, list[float]]:
    """The times of all samples of one family, by node."""
    if isinstance(server, victoria.Victoria):
        server.flush()
    found = server.ask("query", query=f"{SERIES}[1h]")["result"]
    return {each["metric"]["node"]: [moment for moment, _ in each["values"]] for each in found}


@pytest.mark.parametrize(
    ("receiver", "words"),
    [(prometheus.receiving, RECORD), (victoria.running, RECORD), (prometheus.receiving, SERVE)],
    ids=["prometheus", "victoriametrics", "served"],
)
def test_nothing_is_lost_and_nothing_is_there_twice(
    receiver: Callable[..., contextlib.AbstractContextManager[prometheus.Prometheus]],
    words: Sequence[str],
    world: simulated.SimulatedCluster,
    tmp_path: Path,
) -> None:
    """With the receiver stopped and the sender killed, after both are back every tick is there once."""
    port = ports.free()
    with receiver(tmp_path, port=port) as server:
        recording = record(world, tmp_path, port, words)
        waiting.until(lambda: any(len(times) >= 2 for times in sent(server).values()))
    with store.Store.open(tmp_path / "history.db", write=False) as kept:
        newest = max(number for number, _ in kept.snapshots(0))
        waiting.until(lambda: len(list(kept.snapshots(newest))) >= 3, what="ticks that nobody takes")
    recording.kill()
    recording.wait(10)
    with receiver(tmp_path, port=port) as server:
        again = record(world, tmp_path, port, words)
        started = datetime.now(UTC).timestamp()
        waiting.until(lambda: any(times[-1] > started + 0.5 for times in sent(server).values()))
        again.send_signal(signal.SIGTERM)
        assert again.wait(10) == 0, (tmp_path / "record.log").read_text(encoding="utf-8")
        held = sent(server)
    with store.Store.open(tmp_path / "history.db", write=False) as kept:
        ticks = [
            (round(snapshot.generated_at.timestamp(), 3), {node.name for node in snapshot.nodes})
            for _, snapshot in kept.snapshots(0)
        ]
    assert len(ticks) >= 6
    for node, times in held.items():
        last = times[-1]
        assert times == [at for at, nodes in ticks if node in nodes and at <= last]
    assert held.keys() == ticks[-1][1]


def test_the_command_says_what_is_wrong(world: simulated.SimulatedCluster, tmp_path: Path) -> None:
    """A receiver that is away is told on stderr, and recording goes on."""
    recording = record(world, tmp_path, ports.free())
    log = tmp_path / "record.log"
    waiting.until(lambda: "remote-write waits for its receiver" in log.read_text(encoding="utf-8"))
    recording.send_signal(signal.SIGTERM)
    assert recording.wait(10) == 0
    assert "Traceback" not in log.read_text(encoding="utf-8")


def test_the_service_tells_and_ends_while_its_receiver_is_silent(
    world: simulated.SimulatedCluster, tmp_path: Path
) -> None:
    """A receiver that takes connections and never answers holds up neither a tick nor the end."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        serving = record(world, tmp_path, silent.getsockname()[1], SERVE)
        log = tmp_path / "record.log"
        waiting.until(lambda: "serving http" in log.read_text(encoding="utf-8"))
        (url,) = re.findall(r"serving (http://[0-9.:]+)", log.read_text(encoding="utf-8"))

        def ask() -> Any:
            with urllib.request.urlopen(f"{url}/api/v1/status", timeout=5) as answer:
                return json.load(answer)

        waiting.until(lambda: (ask()["history"]["ticks"] or 0) >= 3)
        told = ask()
        assert told["remote_write"]["sent_samples"] == 0
        assert told["remote_write"]["lag_seconds"] > 0
        assert (told["history"]["role"], told["history"]["dropped_ticks"]) == ("writes", 0)
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(10) == 0
    assert "Traceback" not in log.read_text(encoding="utf-8")


def test_sending_needs_a_file() -> None:
    """The service sends what it records: without a file it says so and does not begin."""
    done = subprocess.run(
        [sys.executable, "-m", "kubevitals", "serve", "--remote-write", "http://127.0.0.1:1/w"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--history" in done.stderr
    assert "Traceback" not in done.stderr
