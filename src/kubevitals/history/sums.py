"""The sums over the pods of a snapshot, by workload and by namespace. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubevitals.history import aggregation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kubevitals import model

    Key = tuple[str, str, str]  # namespace, kind and name of the workload; "" and "" of a namespace

_ENDED = frozenset({"Succeeded", "Failed", "Pending"})  # phases in which no usage is expected


class Sum(NamedTuple):
    """What the pods of one workload or namespace use together: cores and bytes. None is unknown."""

    cpu: float | None
    memory: int | None
    share: int  # how many of the pods that should be measured were, of aggregation.WHOLE_SHARE
    resources: tuple[float | None, float | None, int | None, int | None]  # the pods' requests and limits


def of_pods(pods: Iterable[model.Pod]) -> dict[Key, Sum]:
    """Return the sum of each workload and each namespace of the pods."""
    totals: dict[Key, list[float]] = {}
    for pod in pods:
        namespace = pod.namespace
        kind, name = pod.workload_kind or "Pod", pod.workload_name or pod.name
        cpu, memory = pod.cpu_usage_cores, pod.memory_usage_bytes
        measured = cpu is not None or memory is not None
        expected = measured or pod.phase not in _ENDED
        requests = (
            pod.cpu_request_cores,
            pod.cpu_limit_cores,
            pod.memory_request_bytes,
            pod.memory_limit_bytes,
        )
        some = requests != (None, None, None, None)
        for key in ((namespace, "", ""), (namespace, kind, name)):
            total = totals.get(key)
            if total is None:
                total = totals[key] = [0] * 14
            if cpu is not None:
                total[0] += cpu
                total[1] += 1
            if memory is not None:
                total[2] += memory
                total[3] += 1
            total[4] += measured
            total[5] += expected
            if some:
                for place, value in enumerate(requests):
                    if value is not None:
                        total[6 + place] += value
                        total[10 + place] += 1
    return {key: _sum_of(total) for key, total in totals.items()}


def _sum_of(total: list[float]) -> Sum:
    cpu, cpus, memory, memories, measured, expected = total[:6]
    requests = [value if count else None for value, count in zip(total[6:10], total[10:], strict=True)]
    return Sum(
        round(cpu, 9) if cpus else None,
        round(memory) if memories else None,
        round(measured * aggregation.WHOLE_SHARE / expected) if expected else aggregation.WHOLE_SHARE,
        (
            None if requests[0] is None else round(requests[0], 9),
            None if requests[1] is None else round(requests[1], 9),
            None if requests[2] is None else round(requests[2]),
            None if requests[3] is None else round(requests[3]),
        ),
    )
