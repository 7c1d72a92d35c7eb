"""The habits of workloads: leaks, crash loops, stuck roll-outs, cron jobs, autoscaling, evictions.

Each habit is a function that does one step and asks `life` to call the next one. In a large cluster only so
many workloads have each habit (`_ACTORS`), which bounds what changes in a tick.
"""

from __future__ import annotations

from simcluster.world import motions, pods, staging, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from simcluster.world import life as lives
    from simcluster.world import workloads

_ACTORS = 60
_MINUTE = 4  # ticks
_HOUR = 240
_HANDOVER = {"init-waiting": 8 * _MINUTE, "pod-initializing": 6}
_HISTORY = 3


def begin(life: lives.Life) -> None:
    """Wake every workload's habit, each at its own moment."""
    counts: dict[str, int] = {}
    for workload in life.state.workloads:
        mood = "cron" if workload.kind == "CronJob" else workload.entry.mood
        step = _HABITS.get(mood)
        if step is None or counts.get(mood, 0) >= _ACTORS:
            continue
        counts[mood] = counts.get(mood, 0) + 1
        step(life, workload, counts[mood])
    for pod in life.state.every_pod():
        if pod.node is None:
            life.keep_trying(pod)


def initial_wait(pod: pods.Pod) -> int:
    """How many ticks the pod's init containers take."""
    return _HANDOVER.get(pod.pod_set.workload.entry.mood, 1)


def started(life: lives.Life, pod: pods.Pod) -> None:
    """A pod has begun to run: what its kind of life brings next."""
    if pod.pod_set.workload.entry.mood == "leak":
        _expect_oom(life, pod)


# Memory leaks


def _leak(life: lives.Life, workload: workloads.Workload, number: int) -> None:
    del number
    for pod_set in workload.sets:
        for pod in pod_set.pods.values():
            if pod.phase == "Running":
                _expect_oom(life, pod)


def _expect_oom(life: lives.Life, pod: pods.Pod) -> None:
    container = pod.pod_set.blueprint.containers[0]
    state = pod.containers[0]
    end = state.started + usage.leak_seconds(container, pod.salt)
    life.after(int((end - life.state.now) / usage.TICK) + 1, _oom, life, pod)


def _oom(life: lives.Life, pod: pods.Pod) -> None:
    found = life.able(pod)
    if found is None:
        if life.current(pod) is not None:
            life.after(_HOUR // 4, _oom, life, pod)
        return
    motions.tell_out_of_memory(life.state, found)
    life.after(1, _after_oom, life, motions.stop_first(life.state, found, "OOMKilled", 137))


def _after_oom(life: lives.Life, pod: pods.Pod) -> None:
    found = life.able(pod)
    if found is None:
        return
    found = motions.restart_first(life.state, found)
    name = found.pod_set.blueprint.containers[0].name
    motions.tell(life.state, found, "Started", f"Container started: {name}", container=name)
    _expect_oom(life, found)


# Crash loops and images that are not there


def _crash(life: lives.Life, workload: workloads.Workload, number: int) -> None:
    life.after(6 + number % 20, _crash_again, life, workload)


def _crash_again(life: lives.Life, workload: workloads.Workload) -> None:
    """The kubelet tries once more; a tick later it has failed again."""
    for candidate in list(workload.sets[-1].pods.values()):
        pod = life.able(candidate)
        if pod is not None and pod.phase == "Running":
            pod = motions.restart_first(life.state, pod, ready=False)
            life.after(1, _crash_down, life, pod)
            break
    life.after(21, _crash_again, life, workload)


def _crash_down(life: lives.Life, pod: pods.Pod) -> None:
    found = life.able(pod)
    if found is not None:
        motions.back_off(life.state, found)


def _bad_image(life: lives.Life, workload: workloads.Workload, number: int) -> None:
    life.after(4 + number % 20, _pull_again, life, workload)


def unpullable(pod: pods.Pod) -> bool:
    """Whether it belongs to the roll-out whose image is not there."""
    workload = pod.pod_set.workload
    return workload.entry.mood == "bad-image" and pod.pod_set is not workload.sets[0]


def _pull_again(life: lives.Life, workload: workloads.Workload) -> None:
    for candidate in list(workload.sets[-1].pods.values()):
        pod = life.able(candidate)
        if pod is None or pod.phase != "Pending" or pod.node is None:
            continue
        image = pod.pod_set.blueprint.containers[0].image
        error = staging.pull_error(image)
        message = f'Failed to pull image "{image}": {error}'
        motions.tell(life.state, pod, "Failed", message, warning=True)
        _wait_for_image(life, pod, "ErrImagePull", error)
        life.after(1, _pull_back_off, life, pod)
    life.after(20, _pull_again, life, workload)


def _pull_back_off(life: lives.Life, pod: pods.Pod) -> None:
    found = life.able(pod)
    if found is None or found.phase != "Pending":
        return
    image = found.pod_set.blueprint.containers[0].image
    message = f'Back-off pulling image "{image}"'
    motions.tell(life.state, found, "BackOff", message, warning=True)
    _wait_for_image(life, found, "ImagePullBackOff", f"{message}: ErrImagePull: {staging.pull_error(image)}")


def _wait_for_image(life: lives.Life, pod: pods.Pod, reason: str, message: str) -> None:
    state = pods.waiting(reason, message)
    life.state.change_pod(pod, containers=(state,) * len(pod.containers))


# Cron jobs


def _cron(life: lives.Life, workload: workloads.Workload, number: int) -> None:
    del number
    life.after(_until_next(life), _cron_run, life, workload)


def _until_next(life: lives.Life) -> int:
    """Ticks until the next moment at which the minutes divide by five."""
    left = staging.CRON_PERIOD - life.state.now % staging.CRON_PERIOD
    return -int(-left // usage.TICK)


def _cron_run(life: lives.Life, workload: workloads.Workload) -> None:
    state = life.state
    life.after(_until_next(life), _cron_run, life, workload)
    when = state.now // staging.CRON_PERIOD * staging.CRON_PERIOD
    name = f"{workload.name}-{int(when) // 60}"
    busy = any(pod.alive for pod_set in workload.sets for pod in pod_set.pods.values())
    if busy or any(pod_set.name == name for pod_set in workload.sets):
        return  # concurrencyPolicy Forbid
    pod_set = workload.open_set(state, created=state.now, desired=1, name=name)
    workload.scheduled = when
    state.events.record(
        "CronJob", workload, "SuccessfulCreate", f"Created job {name}", source="cronjob-controller"
    )
    pod = life.create(pod_set)
    state.events.record(
        "Job", pod_set, "SuccessfulCreate", f"Created pod: {pod.name}", source="job-controller"
    )
    life.after(6 + pod.salt % 6, _cron_end, life, pod)


def _cron_end(life: lives.Life, pod: pods.Pod) -> None:
    found = life.current(pod)
    if found is None:
        return
    workload = found.pod_set.workload
    if life.able(found) is None or found.phase != "Running":
        life.after(8, _cron_end, life, found)
        return
    motions.finish(life.state, found)
    workload.finished[found.pod_set.name] = workload.succeeded = life.state.now
    life.state.events.record("Job", found.pod_set, "Completed", "Job completed", source="job-controller")
    _cron_trim(life, workload)


def _cron_trim(life: lives.Life, workload: workloads.Workload) -> None:
    """Keep the last finished jobs, as successfulJobsHistoryLimit says."""
    done = [pod_set for pod_set in workload.sets if pod_set.name in workload.finished]
    for pod_set in done[:-_HISTORY]:
        for pod in list(pod_set.pods.values()):
            life.state.remove_pod(pod)
        workload.sets.remove(pod_set)
        del workload.finished[pod_set.name]
        life.state.drop("jobs.batch", workload.namespace, pod_set.name)


# Autoscaling


def _scaling(life: lives.Life, workload: workloads.Workload, number: int) -> None:
    life.after(4 + number % 12, _scale, life, workload)


def _scale(life: lives.Life, workload: workloads.Workload) -> None:
    """Every three minutes, one step towards what the hour asks for."""
    life.after(12, _scale, life, workload)
    low, high, target = workload.entry.hpa or (workload.entry.replicas, workload.entry.replicas + 2, 70)
    state = life.state
    demand = (usage.daily(state.now) - 0.3) / 0.7
    demand += 0.3 * (usage.smooth(workload.sets[-1].salt, state.now / 1300) - 0.5)
    wanted = min(max(round(low + (high - low) * demand), low), high)
    pod_set = workload.sets[-1]
    utilization = min(250, int(target * wanted / max(1, workload.desired)) + int(state.now // 180) % 5 - 2)
    workload.marks["utilization"] = utilization
    state.stir(workload)
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
    life.reconcile(workload)


# Evictions and hand-overs


def _evictions(life: lives.Life, workload: workloads.Workload, number: int) -> None:
    life.after(3 * _HOUR + number * 7, _evict, life, workload)


def _evict(life: lives.Life, workload: workloads.Workload) -> None:
    life.after(3 * _HOUR, _evict, life, workload)
    pod_set = workload.sets[-1]
    for candidate in list(pod_set.pods.values()):
        pod = life.able(candidate)
        if pod is not None and pod.phase == "Running":
            motions.evict(life.state, pod)
            break
    evicted = [pod for pod in pod_set.pods.values() if pod.reason == "Evicted"]
    for pod in evicted[:-2]:
        life.state.remove_pod(pod)
    life.reconcile(workload)


def _drain(life: lives.Life, workload: workloads.Workload, number: int) -> None:
    """Its pods take long to leave; now and then one is sent away."""
    for pod in workload.sets[-1].pods.values():
        if pod.deleted:
            life.after(int((pod.deleted - life.state.now) / usage.TICK) - 2, life.remove, pod)
    life.after(_HOUR + number, _send_away, life, workload)


def _send_away(life: lives.Life, workload: workloads.Workload) -> None:
    life.after(_HOUR, _send_away, life, workload)
    for pod in list(workload.sets[-1].pods.values()):
        if life.able(pod) is not None and pod.phase == "Running":
            life.delete(pod, ticks=38)
            break
    life.reconcile(workload)


def _handover(life: lives.Life, workload: workloads.Workload, number: int) -> None:
    """Its pods take long to come; every few hours one is replaced."""
    wait = _HANDOVER[workload.entry.mood]
    for pod in workload.sets[-1].pods.values():
        if pod.phase == "Pending" and pod.node is not None:
            life.resume(pod, ticks=wait)
    life.after(4 * _HOUR + number, _replace, life, workload)


def _replace(life: lives.Life, workload: workloads.Workload) -> None:
    life.after(4 * _HOUR, _replace, life, workload)
    for pod in list(workload.sets[-1].pods.values()):
        if life.able(pod) is not None and pod.phase == "Running":
            life.delete(pod)
            break
    life.reconcile(workload)


def _near_limit(life: lives.Life, workload: workloads.Workload, number: int) -> None:
    life.after(_HOUR // 8 + number, _miss_probe, life, workload)


def _miss_probe(life: lives.Life, workload: workloads.Workload) -> None:
    """Close to its memory limit it sometimes answers too late."""
    life.after(_HOUR // 6, _miss_probe, life, workload)
    for candidate in workload.sets[-1].pods.values():
        pod = life.able(candidate)
        if pod is not None and pod.phase == "Running":
            motions.tell_unhealthy(life.state, pod)
            break


_HABITS: dict[str, Callable[[lives.Life, workloads.Workload, int], None]] = {
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
