"""The kubelet source: one tick of a large cluster, and the parser beside prometheus_client's."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile

from benchmarks import figures, processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_CPU_SECONDS = 2.5
_MOST_BYTES_A_NODE = 2_000_000
_FASTER = 10.0
_SPEED = 10.0  # times: so that a second brings the kubelets most of a new measurement


def measure_kubelets(*, quick: bool) -> Iterator[figures.Row]:
    """Yield one tick over TLS connections that stay open, and MB/s of the parser."""
    yield _measure_tick(quick=quick)
    yield _measure_parser(quick=quick)


def _measure_tick(*, quick: bool) -> figures.Row:
    nodes, pods, count = (20, 600, 1) if quick else (1000, 30_000, 5)
    with tempfile.TemporaryDirectory(prefix="kubevitals-bench-") as folder:
        path = f"{folder}/kubeconfig"
        words = [str(nodes), str(pods), str(_SPEED), path]
        command = [sys.executable, "-m", "benchmarks.kubelets_server", *words]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            try:
                if server.stdout.readline() != b"ready\n":
                    raise processes.FailedError("the simulated kubelets did not start")
                reader = [sys.executable, "-m", "benchmarks.reader_kubelets", "ticks", path, str(count), "2"]
                processes.measure(reader, folder=folder)
            finally:
                server.kill()
        told = json.loads(processes.read_text(f"{folder}/stdout"))
    cpu, wall = figures.median(told["cpu_seconds"]), figures.median(told["seconds"])
    size = told["bytes_a_node"]
    return figures.Row(
        "kubelets-tick",
        f"one tick of {told['nodes']:,} kubelets with {told['pods']:,} pods: CPU seconds, memory a node "
        "/ metrics-server's own figure a node",
        ours=f"{cpu:.2f} s of one core (wall {wall:.2f} s beside its server), {size / 1e6:.2f} MB a node",
        peer="2 MB a node",
        target="" if quick else f"under {_MOST_CPU_SECONDS:g} s of one core, less than 2 MB a node",
        reached=None if quick else cpu < _MOST_CPU_SECONDS and size < _MOST_BYTES_A_NODE,
        data=told,
    )


def _measure_parser(*, quick: bool) -> figures.Row:
    with tempfile.TemporaryDirectory(prefix="kubevitals-bench-") as folder:
        command = [sys.executable, "-m", "benchmarks.reader_kubelets", "parser", "30"]
        processes.measure(command, folder=folder)
        told = json.loads(processes.read_text(f"{folder}/stdout"))
    what = f"parse /metrics/resource of 30 pods, {told['bytes'] / 1000:.0f} kB / prometheus_client's parser"
    ours = figures.median(told["ours"])
    if not told["peer"]:
        return figures.Row("kubelets-parser", what, ours=f"{ours:.0f} MB/s", peer="skipped: not installed")
    ratio = figures.paired_ratio(told["ours"], told["peer"])
    return figures.Row(
        "kubelets-parser",
        what,
        ours=f"{ours:.0f} MB/s",
        peer=f"{figures.median(told['peer']):.1f} MB/s",
        ratio=f"{ratio:.1f}x faster",
        target="" if quick else f"{_FASTER:g}x faster",
        reached=None if quick else ratio >= _FASTER,
        data=told,
    )
