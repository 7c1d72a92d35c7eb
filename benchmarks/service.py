"""`kubevitals serve` on simulated clusters: what a tick costs, who waits meanwhile, memory, start, load."""

from __future__ import annotations

import re
import shutil
import subprocess
import time

from benchmarks import figures, processes, running, scrapes, viewers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_KINDS = ("nodes", "pods", "containers", "namespaces", "workloads", "infra/nodes", "infra/pods", "problems")
_NAMES = ("namespaces", "nodes", "pods", "apps", "workloads", "containers")
ANSWERS = (*[f"/api/v1/{kind}" for kind in _KINDS], *[f"/api/v1/names/{name}" for name in _NAMES])
METRICS = "/metrics"
PROBED = (
    "/api/v1/status", "/api/v1/infra/nodes", "/api/v1/namespaces", "/api/v1/problems",
    "/api/v1/names/namespaces", "/api/v1/infra/pods?limit=50", "/livez",
)  # fmt: skip
# pods: nodes, bytes, CPU seconds a tick, seconds of the 99th percentile meanwhile
_SIZES: dict[int, tuple[int, int, float | None, float | None]] = {
    1_000: (33, 90_000_000, None, None),
    10_000: (333, 200_000_000, None, 0.050),
    150_000: (5_000, 1_500_000_000, 6.0, 0.300),
}
_TICKS = 3  # that are measured, fewer than those after which answers that nobody wants are forgotten
_READY_SECONDS = 5.0
_READY_PODS = 10_000
_LOAD_PODS = 1_000
_LOAD_P99 = 0.050
_LEAK_BYTES = 5_000_000
_SETTLED = 6  # snapshots, after which answers that nobody wants are forgotten


def measure_service(*, quick: bool) -> Iterator[figures.Row]:
    """Yield all rows about the service, those beside its peers last."""
    if reason := running.missing():
        yield figures.skipped("service", "kubevitals serve", reason)
        return
    sizes = {60: (3, 10**12, None, None)} if quick else _SIZES
    for pods, (nodes, most_bytes, cpu_seconds, p99) in sizes.items():
        with processes.serve(pods, nodes) as served:
            if quick or pods == _READY_PODS:
                yield _measure_start(served, pods, count=1 if quick else 3)
            with running.run(_command(served, quick=quick), folder=served.folder) as server:
                running.await_answer(server, "/readyz")
                yield _measure_ticks(server, pods, nodes, cpu_seconds=cpu_seconds, p99=p99)
                peak = server.memory_bytes("VmHWM")
                yield figures.Row(
                    f"service-memory-{pods}",
                    f"memory of the service at its most, {pods:,} pods, all answers asked for",
                    ours=figures.format_bytes(peak),
                    target="" if quick else f"under {figures.format_bytes(most_bytes)}",
                    reached=None if quick else peak < most_bytes,
                    data={"peak_bytes": peak, "now_bytes": server.memory_bytes()},
                )
                if quick or pods == _LOAD_PODS:
                    yield from _measure_load(server, pods, seconds=1 if quick else 10)
            if quick or pods == _LOAD_PODS:
                command = [*_command(served, quick=quick), *(() if quick else ("--interval", "5s"))]
                with running.run(command, folder=served.folder) as server:
                    running.await_answer(server, "/readyz")
                    yield _measure_soak(server, pods, seconds=2.0 if quick else 60.0)
    yield from scrapes.measure_scrapes(quick=quick)


def _command(served: processes.Served, *, quick: bool) -> list[str]:
    return [
        *processes.kubevitals_command(),
        *("serve", "--kubeconfig", served.kubeconfig, "--port", "0", "--log-format", "json"),
        *(("--interval", "1s") if quick else ()),
    ]


def _measure_start(served: processes.Served, pods: int, *, count: int) -> figures.Row:
    seconds: list[float] = []
    for _ in range(count):
        begun = time.perf_counter()
        with running.run(_command(served, quick=False), folder=served.folder) as server:
            running.await_answer(server, "/readyz")
            seconds.append(time.perf_counter() - begun)
    middle = figures.median(seconds)
    judged = pods == _READY_PODS
    return figures.Row(
        f"service-start-{pods}",
        f"from the start of the process to ready, {pods:,} pods",
        ours=figures.format_seconds(middle),
        target=f"under {_READY_SECONDS:.0f} s" if judged else "",
        reached=middle < _READY_SECONDS if judged else None,
        data={"seconds": [round(each, 3) for each in seconds]},
    )


def _measure_ticks(
    server: running.Running, pods: int, nodes: int, *, cpu_seconds: float | None, p99: float | None
) -> figures.Row:
    """Ask for everything, then let ticks come and see what they cost until all of it is ready again."""
    for _ in range(2):  # the second time what changes from tick to tick is all there is to do
        for path in ANSWERS:
            server.fetch(path, gzip=True)
        scrapes.scrape(server)
        viewers.await_snapshots(server, 1)
    _rest(server)
    cpu = server.cpu_seconds()
    viewers.await_snapshots(server, _TICKS)
    _rest(server)
    cost = (server.cpu_seconds() - cpu) / _TICKS
    slowest = max(_time(server, path) for path in ANSWERS)
    scrapes.scrape(server)
    with viewers.Prober(server, PROBED) as prober:
        viewers.await_snapshots(server, _TICKS if p99 else 1)
        _rest(server)
    waits = prober.meanwhile() or [0.0]
    late = viewers.quantile(waits, 0.99)
    wanted = [f"{cpu_seconds:.0f} s of one core"] if cpu_seconds else []
    wanted += [f"p99 meanwhile {p99 * 1000:.0f} ms"] if p99 else []
    reached = (not cpu_seconds or cost < cpu_seconds) and (not p99 or late < p99) and not prober.failures
    return figures.Row(
        f"service-tick-{pods}",
        f"one tick, {nodes:,} nodes, {pods:,} pods: usage, join, {len(ANSWERS)} answers as gzip, exposition",
        ours=f"{cost:.2f} s of CPU; p99 of {len(waits)} requests meanwhile {late * 1000:.0f} ms",
        target=", ".join(wanted),
        reached=reached if wanted else None,
        data={
            "cpu_seconds": round(cost, 3),
            "requests_meanwhile": len(waits),
            "p50_seconds": round(viewers.quantile(waits, 0.5), 4),
            "p99_seconds": round(late, 4),
            "most_seconds": round(max(waits), 4),
            "failures": prober.failures,
            "slowest_ready_answer_seconds": round(slowest, 4),
        },
    )


def _time(server: running.Running, path: str) -> float:
    begun = time.perf_counter()
    server.fetch(path, gzip=True)
    return time.perf_counter() - begun


def _rest(server: running.Running) -> None:
    """Wait until the service does nothing for a moment."""
    for _ in range(300):
        before = server.cpu_seconds()
        time.sleep(0.4)
        if server.cpu_seconds() - before < 0.1:
            return


def _measure_load(server: running.Running, pods: int, *, seconds: int) -> Iterator[figures.Row]:
    """Yield how /metrics and a list bear 50 connections that ask without a pause."""
    wrk = shutil.which("wrk")
    for path in (METRICS, "/api/v1/infra/pods"):
        name, what = f"service-load{path.replace('/', '-')}", f"wrk, 50 connections, {path}, {pods:,} pods"
        if wrk is None:
            yield figures.skipped(name, what, "wrk is not on PATH")
            continue
        command = [wrk, "-c50", "-t1", f"-d{seconds}s", "--latency", "-H", "Accept-Encoding: gzip"]
        done = subprocess.run(
            [*command, f"http://127.0.0.1:{server.port}{path}"], capture_output=True, text=True, check=True
        )
        p99, rate, errors = read_wrk(done.stdout)
        judged = pods == _LOAD_PODS
        yield figures.Row(
            name,
            what,
            ours=f"p99 {p99 * 1000:.1f} ms, {rate:.0f} requests/s, {errors} errors",
            target=f"p99 {_LOAD_P99 * 1000:.0f} ms, no error" if judged else "",
            reached=p99 < _LOAD_P99 and not errors if judged else None,
            data={"p99_seconds": p99, "requests_per_second": rate, "errors": errors},
        )


def read_wrk(said: str) -> tuple[float, float, int]:
    """Return of wrk's report the 99th percentile in seconds, requests a second, and how many failed.

    Raises:
        processes.FailedError: it is no such report.
    """
    late = re.search(r"99%\s+([0-9.]+)(us|ms|s|m)\b", said)
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", said)
    if late is None or rate is None:
        raise processes.FailedError(f"wrk said something else: {said[-300:]}")
    unit = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}[late[2]]
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    errors = sum(map(int, broken.groups())) if broken else 0
    return float(late[1]) * unit, float(rate[1]), errors + (int(refused[1]) if refused else 0)


def _measure_soak(server: running.Running, pods: int, *, seconds: float) -> figures.Row:
    """Let viewers misbehave for a while, then again as long: the second time may cost no memory."""
    viewers.misbehave(server, seconds)
    viewers.await_snapshots(server, _SETTLED)
    before = server.memory_bytes()
    counts = viewers.misbehave(server, seconds)
    viewers.await_snapshots(server, _SETTLED)
    growth = server.memory_bytes() - before
    visits = sum(counts.values())
    return figures.Row(
        "service-soak",
        f"{visits:,} visits of dropped streams, slow and idle clients, lists and scrapes in {seconds:.0f} s",
        ours=f"{growth / 1e6:+.1f} MB",
        target=f"no more than {figures.format_bytes(_LEAK_BYTES)}",
        reached=growth < _LEAK_BYTES,
        data={
            "growth_bytes": growth,
            "before_bytes": before,
            "visits": counts,
            "pods": pods,
        },
    )
