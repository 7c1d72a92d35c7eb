"""How many samples a second remote-write sends from one core, to a real Prometheus on this machine.

The CPU that is counted is ours: making samples of snapshots, encoding, compressing, sending. The receiver's
is told beside it.
"""

from __future__ import annotations

import gc
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from datetime import timedelta

from tests import ports, waiting

from benchmarks import figures

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals import model

_TARGET = 100_000  # samples a second of one core
_TICKS = 6
_WHAT = "remote-write of {pods:,} pods to Prometheus, samples a second of one core"


def measure_remote_write(*, quick: bool) -> Iterator[figures.Row]:
    """Yield the row; it is skipped by name where there is no Prometheus."""
    pods = 500 if quick else 10_000
    what = _WHAT.format(pods=pods)
    program = shutil.which("prometheus")
    if program is None:
        yield figures.skipped("remote-write", what, "no prometheus on PATH")
        return
    with tempfile.TemporaryDirectory() as folder:
        port = ports.free()
        receiver = subprocess.Popen(
            [
                program,
                f"--config.file={_write_configuration(folder)}",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
                "--web.enable-remote-write-receiver",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            waiting.until(lambda: _is_ready(port), what="the receiver", pause=0.1)
            rates, sent, took = _send(pods, f"http://127.0.0.1:{port}")
            theirs = _cpu_seconds(receiver.pid)
        finally:
            receiver.kill()
            receiver.wait()
    rate = figures.median(rates)
    yield figures.Row(
        "remote-write",
        what,
        ours=f"{rate:,.0f}/s",
        peer=f"Prometheus took {sent / theirs:,.0f} in a second of its CPU",
        ratio="",
        target=f"{_TARGET:,}/s",
        reached=None if quick else rate >= _TARGET,
        data={"samples_per_cpu_second": rates, "samples": sent, "cpu_seconds": took, "receiver_cpu": theirs},
    )


def _send(pods: int, url: str) -> tuple[list[float], int, float]:
    """Return the rate of each tick but the first, in samples a CPU second; all samples; all CPU seconds."""
    import kubevitals
    from kubevitals.kube.http import client
    from kubevitals.surfaces.remotewrite import sender as senders
    from kubevitals.surfaces.remotewrite import series

    with kubevitals.connect(simulation={"nodes": max(5, pods // 30), "pods": pods}) as cluster:
        first = cluster.snapshot()
    sampler = series.Sampler()
    rates: list[float] = []
    total, took = 0, 0.0
    with client.Client(url) as opened:
        sender = senders.Sender(opened, "/api/v1/write")
        gc.collect()
        gc.disable()
        for tick in range(_TICKS):
            snapshot = _later(first, 15 * tick)
            started = time.process_time()
            samples = sampler.sample(snapshot)
            for start in range(0, len(samples), 5_000):
                outcome = sender.send(samples[start : start + 5_000])
                if not outcome.written:
                    raise RuntimeError(f"Prometheus refused: {outcome.reason}")
            seconds = time.process_time() - started
            total, took = total + len(samples), took + seconds
            if tick:  # labels are encoded in the first
                rates.append(len(samples) / seconds)
        gc.enable()
    return rates, total, took


def _later(first: model.Snapshot, seconds: float) -> model.Snapshot:
    """Return the snapshot as it would be later: every sample measured anew."""
    from kubevitals import model

    shift = timedelta(seconds=seconds - 600)

    def moved(row: model.Pod) -> model.Pod:
        if row.timestamp is None:
            return row
        at = row.timestamp + shift
        return row._replace(
            timestamp=at, containers=tuple(each._replace(timestamp=at) for each in row.containers)
        )

    nodes = [node._replace(timestamp=node.timestamp and node.timestamp + shift) for node in first.nodes]
    return first._replace(
        generated_at=first.generated_at + shift,
        nodes=model.Records(nodes),
        pods=model.Records(map(moved, first.pods)),
    )


def _write_configuration(folder: str) -> str:
    path = f"{folder}/prometheus.yml"
    with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123 as elsewhere here
        file.write("scrape_configs: []\n")
    return path


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5):
            return True
    except urllib.error.HTTPError as error:
        error.close()
    except OSError:
        pass
    return False


def _cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:  # noqa: PTH123 as elsewhere here
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
