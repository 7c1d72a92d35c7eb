"""What a pod asks for and may use in all: the scheduler's rule. Pure.

As in Kubernetes' component-helpers (`PodRequests`, `PodLimits`):

- containers and sidecars add up;
- an init container needs its own share on top of the sidecars started before it, and the pod needs the
  larger of that and the sum;
- a container that is being resized in place requests the larger of what is asked and what it has, and is
  limited by what it has;
- pod-level resources replace the sum; overhead comes on top (of limits only where there is one).

A resource that nobody declares is None: unknown is not zero. A limit of 0 is no limit, as for the runtime.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from kubevitals import errors, quantity

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubevitals.kube import objects

Amounts = tuple[float | None, int | None]  # cores, bytes
UNDECLARED: Amounts = (None, None)
NANO_DIGITS = 9  # a CPU quantity is a whole number of nanocores, so sums are rounded there: no float drift


def parse_amounts(resources: objects.ResourceList | None) -> Amounts:
    """Return the CPU (cores) and memory (bytes) of a resource list, None where it names none.

    Raises:
        errors.QuantityError: a value is no quantity, or is negative.
    """
    return UNDECLARED if resources is None else _parse_pair(resources.cpu, resources.memory)


@functools.lru_cache(maxsize=4096)  # the same few pairs, say 100m and 128Mi, stand in thousands of pods
def _parse_pair(cpu: objects.Quantity | None, memory: objects.Quantity | None) -> Amounts:
    cores = None if cpu is None else quantity.parse_cpu(str(cpu))
    size = None if memory is None else quantity.parse_memory(str(memory))
    for value, text in ((cores, cpu), (size, memory)):
        if value is not None and value < 0:
            raise errors.QuantityError(f"{str(text)[:60]!r} is negative")
    return cores, size


def sum_requests(pod: objects.Pod) -> Amounts:
    """Return what the scheduler reserves for the pod."""
    spec = pod.spec
    if _is_plain(spec):
        requests = requests_of(spec.containers[0].resources)
        statuses = pod.status.container_statuses
        if not statuses or _has_what_it_asks(statuses[0], requests):
            return parse_amounts(requests)
    statuses_by_name = _statuses_by_name(pod)

    def asked(container: objects.ContainerSpec) -> Amounts:
        # An init container that ends is never resized: the scheduler takes its word from the spec alone.
        status = statuses_by_name.get(container.name) if _stays(container, spec) else None
        return container_requests(container, status, pod)

    total = _aggregate(spec, asked)
    if spec.resources is not None:
        total = _override(total, parse_amounts(spec.resources.requests))
    return add(total, parse_amounts(spec.overhead))


def sum_limits(pod: objects.Pod) -> Amounts:
    """Return what the pod may use: None where one of its containers may use as much as it likes."""
    spec = pod.spec
    statuses = pod.status.container_statuses
    if _is_plain(spec):
        return container_limits(spec.containers[0], statuses[0] if statuses else None)
    statuses_by_name = _statuses_by_name(pod)

    def allowed(container: objects.ContainerSpec) -> Amounts:
        return container_limits(container, statuses_by_name.get(container.name))

    total = _aggregate(spec, allowed)
    bounds = [
        allowed(each) for each in (*spec.containers, *(spec.init_containers or ())) if _stays(each, spec)
    ]
    if any(None in bound for bound in bounds):
        total = (
            None if any(cpu is None for cpu, _ in bounds) else total[0],
            None if any(memory is None for _, memory in bounds) else total[1],
        )
    if spec.resources is not None:
        total = _override(total, _without_zero(parse_amounts(spec.resources.limits)))
    overhead_cpu, overhead_memory = parse_amounts(spec.overhead)
    return add(total, (overhead_cpu if total[0] else None, overhead_memory if total[1] else None))


def container_requests(
    container: objects.ContainerSpec, status: objects.ContainerStatus | None, pod: objects.Pod
) -> Amounts:
    """Return what is reserved for one container: while it is resized, the larger of what it asks and has.

    A resize that is infeasible on its node will not happen: then only what it has counts.
    """
    requests = requests_of(container.resources)
    if status is None or status.resources is None or _has_what_it_asks(status, requests):
        return parse_amounts(requests)
    given = _larger(parse_amounts(requests_of(status.resources)), parse_amounts(status.allocated_resources))
    return given if _resize_is_infeasible(pod) else _larger(parse_amounts(requests), given)


def container_limits(container: objects.ContainerSpec, status: objects.ContainerStatus | None) -> Amounts:
    """Return the limits that are in force for one container, which a resize in place changes later.

    The kubelet tells them in the container's status. A resource that it leaves out is limited as declared.
    """
    limits = limits_of(container.resources)
    if status is not None and status.resources is not None:
        in_force = status.resources.limits
        if in_force is not None and in_force != limits:
            return _without_zero(_override(parse_amounts(limits), parse_amounts(in_force)))
    return UNDECLARED if limits is None else _parse_limits(limits.cpu, limits.memory)


@functools.lru_cache(maxsize=4096)
def _parse_limits(cpu: objects.Quantity | None, memory: objects.Quantity | None) -> Amounts:
    return _without_zero(_parse_pair(cpu, memory))


def _without_zero(limits: Amounts) -> Amounts:
    return (limits[0] or None, limits[1] or None)


def _statuses_by_name(pod: objects.Pod) -> dict[str, objects.ContainerStatus]:
    statuses = pod.status
    return {
        each.name: each
        for each in (*(statuses.container_statuses or ()), *(statuses.init_container_statuses or ()))
    }


def _is_plain(spec: objects.PodSpec) -> bool:
    """Return whether one container is all there is, as in most pods: what it declares is the pod's."""
    return (
        len(spec.containers) == 1
        and spec.init_containers is None
        and spec.overhead is None
        and spec.resources is None
    )


def _has_what_it_asks(status: objects.ContainerStatus, requests: objects.ResourceList | None) -> bool:
    """Return whether no resize is going on: what the container was given is what its spec requests."""
    return (status.resources is None or status.resources.requests == requests) and (
        status.allocated_resources is None or status.allocated_resources == requests
    )


def add(left: Amounts, right: Amounts) -> Amounts:
    """Return the sum of two amounts; a side that is undeclared adds nothing."""
    if right == UNDECLARED:
        return left
    cpu = _add(left[0], right[0])
    memory = _add(left[1], right[1])
    return (None if cpu is None else round(cpu, NANO_DIGITS), None if memory is None else int(memory))


def _stays(container: objects.ContainerSpec, spec: objects.PodSpec) -> bool:
    """Return whether the container runs as long as the pod does: all but init containers that end."""
    return container.restart_policy == "Always" or container in spec.containers


def _aggregate(spec: objects.PodSpec, amounts_of: Callable[[objects.ContainerSpec], Amounts]) -> Amounts:
    total = UNDECLARED
    for container in spec.containers:
        total = add(total, amounts_of(container))
    sidecars = peak = UNDECLARED
    for container in spec.init_containers or ():
        amounts = amounts_of(container)
        if container.restart_policy == "Always":
            total = add(total, amounts)
            sidecars = add(sidecars, amounts)
            peak = _larger(peak, sidecars)
        else:
            peak = _larger(peak, add(amounts, sidecars))
    return _larger(total, peak)


def requests_of(resources: objects.ResourceRequirements | None) -> objects.ResourceList | None:
    """Return the declared requests, if any."""
    return None if resources is None else resources.requests


def limits_of(resources: objects.ResourceRequirements | None) -> objects.ResourceList | None:
    """Return the declared limits, if any."""
    return None if resources is None else resources.limits


def _add(left: float | None, right: float | None) -> float | None:
    if left is None:
        return right
    return left if right is None else left + right


def _larger(left: Amounts, right: Amounts) -> Amounts:
    cpu, memory = left
    if right[0] is not None and (cpu is None or right[0] > cpu):
        cpu = right[0]
    if right[1] is not None and (memory is None or right[1] > memory):
        memory = right[1]
    return cpu, memory


def _override(total: Amounts, pod_level: Amounts) -> Amounts:
    return (
        total[0] if pod_level[0] is None else pod_level[0],
        total[1] if pod_level[1] is None else pod_level[1],
    )


def _resize_is_infeasible(pod: objects.Pod) -> bool:
    return any(
        each.type == "PodResizePending" and each.reason == "Infeasible"
        for each in pod.status.conditions or ()
    )
