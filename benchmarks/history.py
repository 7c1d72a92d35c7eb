"""History in a file: what writing takes of a core, what a container takes a day, and how long questions take.

A simulated day of ticks every 15 s goes straight into the store; nothing waits for the time to pass. The load
is made up: CPU of each container scatters by a fifth around its level at every sample, memory moves every
minute. Real containers are quieter and take less room.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import figures
from kubevitals import history, model
from kubevitals.history import store as stores

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_START = datetime(2026, 3, 1, tzinfo=UTC)
_INTERVAL = 15
_DAY = 86_400 // _INTERVAL  # ticks
_IN_NAMESPACE = 500  # containers: a twentieth of 10,000
_LEAST_CORE, _LEAST_BYTES = 0.05, 30_000
_POD_SECONDS, _PODS_SECONDS, _NAMESPACE_SECONDS = 0.010, 1.5, 0.020


def measure_history(*, quick: bool) -> Iterator[figures.Row]:
    """Yield the share of a core for 10,000 containers; of a smaller cluster's day the size, and questions."""
    most, hour = (100, 70) if quick else (10_000, 300)
    yield _writing(most, hour)
    # HISTORY_CONTAINERS=10000 takes half an hour, and says the same
    containers = int(os.environ.get("HISTORY_CONTAINERS", "100" if quick else "1000"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        with stores.Store.open(path, pause=0.0, size_limit=64 << 30) as store:
            ticks = 200 if quick else _DAY
            seconds = _record(store, containers, ticks)
            yield _room(path, containers, ticks, cpu_seconds=seconds)
            yield from _asking(store, containers, ticks)


def _writing(containers: int, ticks: int) -> figures.Row:
    with (
        tempfile.TemporaryDirectory() as folder,
        stores.Store.open(Path(folder) / "history.db", pause=0.0) as store,
    ):
        seconds = _record(store, containers, ticks)
    share = seconds / (ticks * _INTERVAL)
    return figures.Row(
        "history-writing",
        f"store: {containers:,} containers every 15 s for {ticks * _INTERVAL / 3600:g} h, with compaction",
        ours=f"{share:.2%} of a core",
        target=f"under {_LEAST_CORE:.0%}",
        reached=share < _LEAST_CORE,
        data={"containers": containers, "ticks": ticks, "cpu_seconds": round(seconds, 2)},
    )


def _room(path: Path, containers: int, ticks: int, *, cpu_seconds: float) -> figures.Row:
    size = path.stat().st_size
    days = ticks / _DAY
    each = size / containers / days
    return figures.Row(
        "history-room",
        f"store: {containers:,} containers, a file of {days:.3g} days of samples",
        ours=f"{each / 1000:.1f} kB a container a day",
        target=f"under {_LEAST_BYTES / 1000:.0f} kB",
        reached=each < _LEAST_BYTES,
        data={"bytes": size, "containers": containers, "days": days, "cpu_seconds": round(cpu_seconds, 2)},
    )


def _asking(store: stores.Store, containers: int, ticks: int) -> Iterator[figures.Row]:
    until = _START + timedelta(seconds=ticks * _INTERVAL)
    pod = history.Query("pod", until - timedelta(days=1), until, name="web-7", namespace="ns-0", step=300.0)
    pods, count = pod._replace(name=None), min(containers, _IN_NAMESPACE)
    for what, query, target in (
        ("24 h of one pod, every sample", pod._replace(step=None), _POD_SECONDS),
        ("24 h of one pod, a point every minute", pod._replace(step=60.0), _POD_SECONDS),
        ("24 h of one pod, a point every 5 min", pod, _POD_SECONDS),
        ("24 h of one pod, p50, p95 and p99 of all samples", _whole(pod), _POD_SECONDS),
        (f"24 h of each of {count} pods, a point every 15 min", pods._replace(step=900.0), _PODS_SECONDS),
        (f"24 h of each of {count} pods, p50, p95 and p99", _whole(pods), _PODS_SECONDS),
        (
            f"24 h of a namespace of {count} pods, a point every 5 min",
            pod._replace(kind="namespace", name="ns-0"),
            _NAMESPACE_SECONDS,
        ),
    ):
        seconds = []
        for _ in range(7):
            started = time.perf_counter()
            found = store.read(query).series
            seconds.append(time.perf_counter() - started)
        median = figures.median(seconds)
        yield figures.Row(
            "history-question",
            f"store: {what} ({sum(len(each.points) for each in found):,} points)",
            ours=figures.format_seconds(median),
            target=f"under {figures.format_seconds(target)}",
            reached=median < target,
            data={"seconds": [round(each, 5) for each in seconds]},
        )


def _whole(query: history.Query) -> history.Query:
    return query._replace(step=history.WHOLE, percentiles=(50, 95, 99))


def _record(store: stores.Store, containers: int, ticks: int) -> float:
    """Append the ticks, each as soon as the one before is written; return the CPU seconds of that."""
    load = _Load(containers)
    spent = 0.0
    for tick in range(ticks):
        snapshot = load.snapshot(tick)
        started = time.process_time()
        store.append(snapshot)
        if not store.flush(600):
            raise RuntimeError("a tick was not written within ten minutes")
        spent += time.process_time() - started
    return spent


class _Load:
    """Pods of one container, as a live inventory hands them over: their facts are the same objects."""

    def __init__(self, containers: int) -> None:
        self._random = random.Random(1)  # noqa: S311 - the same load each time
        facts = model.Pod._fields.index("timestamp")
        part_facts = model.Container._fields.index("timestamp")
        self._facts = []
        for number in range(containers):
            namespace, name = f"ns-{number // _IN_NAMESPACE}", f"web-{number}"
            uid, node = f"{number:032x}", f"node-{number % 50}"
            pod = model.Pod(namespace, name, uid, node, workload_kind="Deployment", workload_name="web")
            part = model.Container(namespace, name, "app", uid, node)
            self._facts.append((pod[:facts], part[:part_facts]))
        self._cores = [self._random.lognormvariate(-3, 1.2) for _ in range(containers)]
        self._pages = [int(self._random.lognormvariate(10, 1)) + 100 for _ in range(containers)]

    def snapshot(self, tick: int) -> model.Snapshot:
        """Return one tick."""
        at = _START + timedelta(seconds=tick * _INTERVAL)
        times = [at - timedelta(seconds=age) for age in range(2, 14)]
        draw, make, pages = self._random.random, tuple.__new__, self._pages
        pods = []
        for number, (facts, part_facts) in enumerate(self._facts):
            if tick % 4 == 0:
                pages[number] = max(100, pages[number] + int(draw() * 40) - 19)
            cores = round(self._cores[number] * (0.8 + 0.4 * draw()), 9)
            tail = (times[number % 12], 15.0, 2.0, False, cores, pages[number] * 4096, None)
            part = make(model.Container, (*part_facts, *tail))
            pods.append(make(model.Pod, (*facts, *tail, (part,))))
        return model.Snapshot("bench", "metrics-server", at, model.Records(()), model.Records(pods))
