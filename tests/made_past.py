"""Made-up snapshots for tests of histories: a few pods whose usage follows from the tick."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from kubevitals import model

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CREATED = START - timedelta(days=3)
MIB = 1024 * 1024


def at(seconds: float) -> datetime:
    """The moment so many seconds after the start."""
    return START + timedelta(seconds=seconds)


def sampled(seconds: float | None, cpu: float | None, memory: int | None) -> dict[str, Any]:
    """The fields of a sample that was taken `seconds` after the start, and is 2 s old."""
    if seconds is None:
        return {"problem": "no_sample"}
    return {
        "timestamp": at(seconds),
        "window_seconds": 15.0,
        "age_seconds": 2.0,
        "stale": False,
        "cpu_usage_cores": cpu,
        "memory_usage_bytes": memory,
    }


def pod(
    name: str,
    usage: Iterable[tuple[str, float | None, int | None]] = (("app", 0.25, 100 * MIB),),
    *,
    seconds: float | None = 0.0,
    namespace: str = "shop",
    **facts: Any,
) -> model.Pod:
    """A running pod of a Deployment named before the dash, with its containers' usage at one time."""
    parts = tuple(usage)
    known = {
        "uid": f"uid-{namespace}-{name}",
        "node": "node-1",
        "workload_kind": "Deployment",
        "workload_name": name.partition("-")[0],
        "phase": "Running",
        "status": "Running",
        "ready": True,
        "restarts": 0,
        "created_at": CREATED,
        "cpu_request_cores": 0.5,
        "memory_limit_bytes": 512 * MIB,
        **facts,
    }
    shared = {key: value for key, value in known.items() if key not in ("labels", "containers_total")}
    containers = tuple(
        model.Container(namespace, name, container, **shared, **sampled(seconds, cpu, memory))
        for container, cpu, memory in parts
    )
    cpus = [cpu for _, cpu, _ in parts]
    memories = [memory for _, _, memory in parts]
    whole_cpu = None if None in cpus else round(sum(each for each in cpus if each is not None), 9)
    whole_memory = None if None in memories else sum(each for each in memories if each is not None)
    return model.Pod(
        namespace, name, **known, **sampled(seconds, whole_cpu, whole_memory), containers=containers
    )


def node(
    name: str = "node-1", cpu: float = 1.5, memory: int = 4096 * MIB, *, seconds: float | None = 0.0
) -> model.Node:
    """A ready node with its usage at one time."""
    return model.Node(
        name,
        ready=True,
        status="Ready",
        roles=("worker",),
        conditions=(model.Condition("Ready", "True", "KubeletReady", "ok", CREATED),),
        taints=(model.Taint("spot", None, "NoSchedule"),),
        labels={"zone": "a"},
        created_at=CREATED,
        cpu_allocatable_cores=4.0,
        **sampled(seconds, cpu, memory),
    )


def snapshot(
    seconds: float,
    pods: Iterable[model.Pod] = (),
    nodes: Iterable[model.Node] = (),
    *,
    cluster: str = "prod",
    problems: tuple[model.Problem, ...] = (),
) -> model.Snapshot:
    """What was read `seconds` after the start."""
    return model.Snapshot(
        cluster,
        "metrics-server",
        at(seconds),
        model.Records(nodes),
        model.Records(pods),
        problems,
    )


def cores(tick: int, number: int = 0) -> float:
    """CPU of pod `number` at a tick: in whole microcores, never twice the same in a row."""
    return (100_000 + (tick * 7919 + number * 104_729) % 400_000) / 1e6


def memory(tick: int, number: int = 0) -> int:
    """Memory of pod `number` at a tick: whole KiB."""
    return (64 * 1024 + (tick * 31 + number * 977) % 4096) * 1024


def ticks(count: int, *, pods: int = 2, first: int = 0, interval: float = 15.0) -> Iterator[model.Snapshot]:
    """Snapshots every 15 s of one node and some pods of one container, each sample 2 s old."""
    for tick in range(first, first + count):
        seconds = tick * interval
        yield snapshot(
            seconds,
            [
                pod(
                    f"web-{number}",
                    [("app", cores(tick, number), memory(tick, number))],
                    seconds=seconds - 2,
                )
                for number in range(pods)
            ],
            [node(cpu=cores(tick, 50), memory=memory(tick, 50), seconds=seconds - 2)],
        )
