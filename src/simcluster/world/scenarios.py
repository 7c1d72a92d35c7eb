"""The scenarios of workloads: leaks, crash loops, stuck roll-outs, cron jobs, autoscaling, evictions.

Each function does one step and asks the controller manager to call the next one. In a large cluster at most
`_ACTORS` workloads have each scenario, which bounds what changes in a tick.
"""

from __future__ import annotations

from simcluster.world import initial_state, pod_lifecycle, pods, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from simcluster.world import controller_manager, workloads

    Manager = controller_manager.ControllerManager

_ACTORS = 60
_MINUTE = 4  # ticks
_HOUR = 240
_HANDOVER = {"init-waiting": 8 * _MINUTE, "pod-initializing": 6}
_HISTORY = 3


def begin(manager: Manager) -> None:
    """Start the scenario of every workload, each at its own time."""
    counts: dict[str, int] = {}
    for workload in manager.state.workloads:
        scenario = "cron" if workload.kind == "CronJob" else workload.entry.scenario
        step = _SCENARIOS.get(scenario)
        if step is None or counts.get(scenario, 0) >= _ACTORS:
            continue
        counts[scenario] = counts.get(scenario, 0) + 1
        step(manager, workload, counts[scenario])
    for pod in manager.state.every_pod():
        if pod.node is None:
            manager.keep_trying(pod)


def initial_wait(pod: pods.Pod) -> int:
    """How many ticks the pod's init containers take."""
    return _HANDOVER.get(pod.pod_set.workload.entry.scenario, 1)


def started(manager: Manager, pod: pods.Pod) -> None:
    """A pod has started: plan what its scenario brings next."""
    if pod.pod_set.workload.entry.scenario == "leak":
        _expect_oom(manager, pod)


# Memory leaks


def _leak(manager: Manager, workload: workloads.Workload, number: int) -> None:
    del number
    for pod_set in workload.sets:
        for pod in pod_set.pods.values():
            if pod.phase == "Running":
                _expect_oom(manager, pod)


def _expect_oom(manager: Manager, pod: pods.Pod) -> None:
    container = pod.pod_set.template.containers[0]
    state = pod.containers[0]
    end = state.started + usage.leak_seconds(container, pod.salt)
    manager.after(int((end - manager.state.now) / usage.TICK) + 1, _oom, manager, pod)


def _oom(manager: Manager, pod: pods.Pod) -> None:
    found = manager.able(pod)
    if found is None:
        if manager.current(pod) is not None:
            manager.after(_HOUR // 4, _oom, manager, pod)
        return
    pod_lifecycle.record_out_of_memory(manager.state, found)
    manager.after(1, _after_oom, manager, pod_lifecycle.stop_first(manager.state, found, "OOMKilled", 137))


def _after_oom(manager: Manager, pod: pods.Pod) -> None:
    found = manager.able(pod)
    if found is None:
        return
    found = pod_lifecycle.restart_first(manager.state, found)
    name = found.pod_set.template.containers[0].name
    pod_lifecycle.record(manager.state, found, "Started", f"Container started: {name}", container=name)
    _expect_oom(manager, found)


# Crash loops and images that are not there


def _crash(manager: Manager, workload: workloads.Workload, number: int) -> None:
    manager.after(6 + number % 20, _crash_again, manager, workload)


def _crash_again(manager: Manager, workload: workloads.Workload) -> None:
    """The kubelet tries once more; a tick later it has failed again."""
    for candidate in list(workload.sets[-1].pods.values()):
        pod = manager.able(candidate)
        if pod is not None and pod.phase == "Running":
            pod = pod_lifecycle.restart_first(manager.state, pod, ready=False)
            manager.after(1, _crash_down, manager, pod)
            break
    manager.after(21, _crash_again, manager, workload)


def _crash_down(manager: Manager, pod: pods.Pod) -> None:
    found = manager.able(pod)
    if found is not None:
        pod_lifecycle.back_off(manager.state, found)


def _bad_image(manager: Manager, workload: workloads.Workload, number: int) -> None:
    manager.after(4 + number % 20, _pull_again, manager, workload)


def unpullable(pod: pods.Pod) -> bool:
    """Whether the pod belongs to the roll-out whose image does not exist."""
    workload = pod.pod_set.workload
    return workload.entry.scenario == "bad-image" and pod.pod_set is not workload.sets[0]


def _pull_again(manager: Manager, workload: workloads.Workload) -> None:
    for candidate in list(workload.sets[-1].pods.values()):
        pod = manager.able(candidate)
        if pod is None or pod.phase != "Pending" or pod.node is None:
            continue
        image = pod.pod_set.template.containers[0].image
        error = initial_state.pull_error(image)
        message = f'Failed to pull image "{image}": {error}'
        pod_lifecycle.record(manager.state, pod, "Failed", message, warning=True)
        _wait_for_image(manager, pod, "ErrImagePull", error)
        manager.after(1, _pull_back_off, manager, pod)
    manager.after(20, _pull_again, manager, workload)


def _pull_back_off(manager: Manager, pod: pods.Pod) -> None:
    found = manager.able(pod)
    if found is None or found.phase != "Pending":
        return
    image = found.pod_set.template.containers[0].image
    message = f'Back-off pulling image "{image}"'
    pod_lifecycle.record(manager.state, found, "BackOff", message, warning=True)
    _wait_for_image(
        manager, found, "ImagePullBackOff", f"{message}: ErrImagePull: {initial_state.pull_error(image)}"
    )


def _wait_for_image(manager: Manager, pod: pods.Pod, reason: str, message: str) -> None:
    state = pods.waiting(reason, message)
    manager.state.change_pod(pod, containers=(state,) * len(pod.containers))


# Cron jobs


def _cron(manager: Manager, workload: workloads.Workload, number: int) -> None:
    del number
    manager.after(_until_next(manager), _cron_run, manager, workload)


def _until_next(manager: Manager) -> int:
    """Ticks until the next moment at which the minutes divide by five."""
    left = initial_state.CRON_PERIOD - manager.state.now % initial_state.CRON_PERIOD
    return -int(-left // usage.TICK)


def _cron_run(manager: Manager, workload: workloads.Workload) -> None:
    state = manager.state
    manager.after(_until_next(manager), _cron_run, manager, workload)
    when = state.now // initial_state.CRON_PERIOD * initial_state.CRON_PERIOD
    name = f"{workload.name}-{int(when) // 60}"
    busy = any(pod.alive for pod_set in workload.sets for pod in pod_set.pods.values())
    if busy or any(pod_set.name == name for pod_set in workload.sets):
        return  # concurrencyPolicy Forbid
    pod_set = workload.open_set(state, created=state.now, desired=1, name=name)
    workload.scheduled = when
    state.events.record(
        "CronJob", workload, "SuccessfulCreate", f"Created job {name}", source="cronjob-controller"
    )
    pod = manager.create(pod_set)
    state.events.record(
        "Job", pod_set, "SuccessfulCreate", f"Created pod: {pod.name}", source="job-controller"
    )
    manager.after(6 + pod.salt % 6, _cron_end, manager, pod)


def _cron_end(manager: Manager, pod: pods.Pod) -> None:
    found = manager.current(pod)
    if found is None:
        return
    workload = found.pod_set.workload
    if manager.able(found) is None or found.phase != "Running":
        manager.after(8, _cron_end, manager, found)
        return
    pod_lifecycle.finish(manager.state, found)
    workload.finished[found.pod_set.name] = workload.succeeded = manager.state.now
    manager.state.events.record("Job", found.pod_set, "Completed", "Job completed", source="job-controller")
    _cron_trim(manager, workload)


def _cron_trim(manager: Manager, workload: workloads.Workload) -> None:
    """Keep the last finished jobs, as successfulJobsHistoryLimit says."""
    done = [pod_set for pod_set in workload.sets if pod_set.name in workload.finished]
    for pod_set in done[:-_HISTORY]:
        for pod in list(pod_set.pods.values()):
            manager.state.remove_pod(pod)
        workload.sets.remove(pod_set)
        del workload.finished[pod_set.name]
        manager.state.drop("jobs.batch", workload.namespace, pod_set.name)


# Autoscaling


def _scaling(manager: Manager, workload: workloads.Workload, number: int) -> None:
    manager.after(4 + number % 12, _scale, manager, workload)


def _scale(manager: Manager, workload: workloads.Workload) -> None:
    """Every three minutes, scale one step towards the replicas that the hour needs."""
    manager.after(12, _scale, manager, workload)
    low, high, target = workload.entry.hpa or (workload.entry.replicas, workload.entry.replicas + 2, 70)
    state = manager.state
    demand = (usage.daily(state.now) - 0.3) / 0.7
    demand += 0.3 * (usage.smooth(workload.sets[-1].salt, state.now / 1300) - 0.5)
    wanted = min(max(round(low + (high - low) * demand), low), high)
    pod_set = workload.sets[-1]
    utilization = min(250, int(target * wanted / max(1, workload.desired)) + int(state.now // 180) % 5 - 2)
    workload.marks["utilization"] = utilization
    state.mark_changed(workload)
    if wanted == workload.desired:
        return
    workload.desired += 1 if wanted > workload.desired else -1
    pod_set.desired = workload.desired
    workload.marks["scaled"] = int(state.now)
    state.events.record(
        "Deployment",
        workload,
        "ScalingReplicaSet",
        f"Scaled replica set {pod_set.name} to {workload.desired}",
        source="deployment-controller",
    )
    manager.reconcile(workload)


# Evictions and hand-overs


def _evictions(manager: Manager, workload: workloads.Workload, number: int) -> None:
    manager.after(3 * _HOUR + number * 7, _evict, manager, workload)


def _evict(manager: Manager, workload: workloads.Workload) -> None:
    manager.after(3 * _HOUR, _evict, manager, workload)
    pod_set = workload.sets[-1]
    for candidate in list(pod_set.pods.values()):
        pod = manager.able(candidate)
        if pod is not None and pod.phase == "Running":
            pod_lifecycle.evict(manager.state, pod)
            break
    evicted = [pod for pod in pod_set.pods.values() if pod.reason == "Evicted"]
    for pod in evicted[:-2]:
        manager.state.remove_pod(pod)
    manager.reconcile(workload)


def _drain(manager: Manager, workload: workloads.Workload, number: int) -> None:
    """Its pods terminate slowly; now and then one is deleted."""
    for pod in workload.sets[-1].pods.values():
        if pod.deleted:
            manager.after(int((pod.deleted - manager.state.now) / usage.TICK) - 2, manager.remove, pod)
    manager.after(_HOUR + number, _send_away, manager, workload)


def _send_away(manager: Manager, workload: workloads.Workload) -> None:
    manager.after(_HOUR, _send_away, manager, workload)
    for pod in list(workload.sets[-1].pods.values()):
        if manager.able(pod) is not None and pod.phase == "Running":
            manager.delete(pod, ticks=38)
            break
    manager.reconcile(workload)


def _handover(manager: Manager, workload: workloads.Workload, number: int) -> None:
    """Its pods start slowly; every few hours one is replaced."""
    wait = _HANDOVER[workload.entry.scenario]
    for pod in workload.sets[-1].pods.values():
        if pod.phase == "Pending" and pod.node is not None:
            manager.resume(pod, ticks=wait)
    manager.after(4 * _HOUR + number, _replace, manager, workload)


def _replace(manager: Manager, workload: workloads.Workload) -> None:
    manager.after(4 * _HOUR, _replace, manager, workload)
    for pod in list(workload.sets[-1].pods.values()):
        if manager.able(pod) is not None and pod.phase == "Running":
            manager.delete(pod)
            break
    manager.reconcile(workload)


def _near_limit(manager: Manager, workload: workloads.Workload, number: int) -> None:
    manager.after(_HOUR // 8 + number, _miss_probe, manager, workload)


def _miss_probe(manager: Manager, workload: workloads.Workload) -> None:
    """Near its memory limit a container sometimes misses its readiness probe."""
    manager.after(_HOUR // 6, _miss_probe, manager, workload)
    for candidate in workload.sets[-1].pods.values():
        pod = manager.able(candidate)
        if pod is not None and pod.phase == "Running":
            pod_lifecycle.record_unhealthy(manager.state, pod)
            break


_SCENARIOS: dict[str, Callable[[Manager, workloads.Workload, int], None]] = {
    "bad-image": _bad_image,
    "crashloop": _crash,
    "cron": _cron,
    "evicted": _evictions,
    "init-waiting": _handover,
    "leak": _leak,
    "near-limit": _near_limit,
    "pod-initializing": _handover,
    "scaling": _scaling,
    "terminating": _drain,
}
