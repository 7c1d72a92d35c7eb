"""Records without their usage, and records put together again from facts and a sample. Pure.

A fact is what a record says besides numbers that were measured: it changes seldom, so that histories keep one
for many ticks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from kubevitals import history, model
from kubevitals.history import aggregation

if TYPE_CHECKING:
    from datetime import datetime

RecordT = TypeVar("RecordT", model.Node, model.Pod, model.Container)
_POD, _CONTAINER, _NODE = (  # behind these fields comes what is measured
    record._fields.index("detail") for record in (model.Pod, model.Container, model.Node)
)


def same_pod(one: model.Pod, other: model.Pod) -> bool:
    """Return whether two records of a pod differ in what was measured at most."""
    return (
        one[:_POD] == other[:_POD]
        and one.problem == other.problem
        and (one.timestamp is None) == (other.timestamp is None)
        and len(one.containers) == len(other.containers)
        and all(map(same_container, one.containers, other.containers))
    )


def same_container(one: model.Container, other: model.Container) -> bool:
    """Return whether two records of a container differ in what was measured at most."""
    return (
        one[:_CONTAINER] == other[:_CONTAINER]
        and one.problem == other.problem
        and (one.timestamp is None) == (other.timestamp is None)
    )


def same_node(one: model.Node, other: model.Node) -> bool:
    """Return whether two records of a node differ in what was measured at most."""
    return (
        one[:_NODE] == other[:_NODE]
        and one.problem == other.problem
        and (one.timestamp is None) == (other.timestamp is None)
    )


def pod_key(pod: model.Pod) -> str:
    """Return what tells a pod from its namesakes: the uid, or the name where that is all that is known."""
    return pod.uid or f"{pod.namespace}/{pod.name}"


def node_key(node: model.Node) -> str:
    """Return what tells a node from an earlier one of its name."""
    return node.name if node.created_at is None else f"{node.name}@{node.created_at.timestamp():.0f}"


def sample_of(record: model.Node | model.Pod | model.Container) -> aggregation.Sample | None:
    """Return when and what was measured, or None if nothing was."""
    moment = record.timestamp
    if moment is None or (record.cpu_usage_cores is None and record.memory_usage_bytes is None):
        return None
    return (
        aggregation.to_milliseconds(moment),
        aggregation.to_nanocores(record.cpu_usage_cores),
        record.memory_usage_bytes,
    )


def shares_samples(pod: model.Pod) -> bool:
    """Return whether the pod's sample is that of its only container."""
    if len(pod.containers) != 1:
        return False
    (container,) = pod.containers
    return (
        pod.timestamp == container.timestamp
        and pod.cpu_usage_cores == container.cpu_usage_cores
        and pod.memory_usage_bytes == container.memory_usage_bytes
    )


def resources_of(
    record: model.Pod | model.Container,
) -> tuple[float | None, float | None, int | None, int | None]:
    """Return requests and limits of CPU, then of memory."""
    return (
        record.cpu_request_cores,
        record.cpu_limit_cores,
        record.memory_request_bytes,
        record.memory_limit_bytes,
    )


def measured(
    record: RecordT, sample: aggregation.Sample | None, *, now: datetime, window: float | None
) -> RecordT:
    """Return the record as it was at `now` with the sample as its usage, or without any."""
    if sample is None or record.timestamp is None:
        return record._replace(
            timestamp=None,
            window_seconds=None,
            age_seconds=None,
            stale=None,
            cpu_usage_cores=None,
            memory_usage_bytes=None,
            detail=None,
        )
    time, cpu, memory = sample
    moment = aggregation.from_milliseconds(time)
    problem = record.problem
    age: float | None = max(round((now - moment).total_seconds(), 3), 0.0)
    stale = None if window is None or age is None else age > model.STALE_AFTER_WINDOWS * window
    if problem == "clock_ahead":  # the time is that of reading: nobody knows how old the sample is
        age = stale = None
    if stale and problem is None:
        problem = "stale"
    elif problem == "stale" and not stale:
        problem = None
    return record._replace(
        timestamp=moment,
        window_seconds=window,
        age_seconds=age,
        stale=stale,
        cpu_usage_cores=None if cpu is None else cpu / 1e9,
        memory_usage_bytes=memory,
        problem=problem,
        detail=None,  # is not kept
    )


def node_series(cluster: str, node: model.Node) -> history.Series:
    """Return the series of a node, without points."""
    return history.Series("node", cluster, node.name)


def pod_series(cluster: str, pod: model.Pod) -> history.Series:
    """Return the series of a pod, without points."""
    return history.Series(
        "pod",
        cluster,
        pod.name,
        namespace=pod.namespace,
        uid=pod.uid,
        node=pod.node,
        workload_kind=pod.workload_kind,
        workload_name=pod.workload_name,
    )


def container_series(pod: history.Series, name: str) -> history.Series:
    """Return the series of a container of the pod, without points."""
    return pod._replace(kind="container", name=name, pod=pod.name)
