"""The pods of each workload at the start, with the events and restarts that its scenario has left behind."""

from __future__ import annotations

from simcluster.world import event_recorder, pod_lifecycle, pods, topology, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from simcluster.world import catalogue, workloads
    from simcluster.world import cluster_state as states

_HOUR = 3600.0
CRON_PERIOD = 300
# Pods beyond the replicas: a surge, one that leaves, one that was put out, a cron job's finished ones.
_EXTRA = {"bad-image": 1, "evicted": 1, "terminating": 1, "scaling": 1}


def pods_at_start(entry: catalogue.Entry) -> int:
    """The number of pods of the entry at the start."""
    if entry.kind == "CronJob":
        return 3
    return entry.replicas + _EXTRA.get(entry.scenario, 0)


def create(state: states.State, workload: workloads.Workload, count: int) -> None:
    """Create the workload's sets with exactly `count` pods."""
    if workload.kind == "CronJob":
        _cron(state, workload, count)
        return
    age = state.random.uniform(2 * _HOUR, min(state.start - workload.created, 30 * 86400))
    pod_set = workload.open_set(state, created=state.start - age, desired=count)
    workload.desired = count
    if workload.kind == "Static":
        _static(state, workload, pod_set, count)
        return
    if workload.kind == "DaemonSet":
        _agents(state, pod_set)
        return
    made = [_settled(state, pod_set, index, last=index == count - 1) for index in range(count)]
    arrange = _MOODS.get(workload.entry.scenario)
    if arrange is not None:
        arrange(state, workload, made)


def _settled(state: states.State, pod_set: pods.PodSet, index: int, *, last: bool = False) -> pods.Pod:
    """An ordinary pod that has been running for a while."""
    created = pod_set.created + index * 4
    if index % 3 == 2:  # moved once, by a node's upgrade
        created += state.random.uniform(0.1, 0.8) * (state.start - created - _HOUR)
    if pod_set.workload.entry.scenario == "scaling" and last and index >= 2:
        created = state.start - 13  # the autoscaler has just asked for it
    name = f"{pod_set.name}-{index}" if pod_set.kind == "StatefulSet" else ""
    if not pod_set.kind:
        name = pod_set.name
    pod = pod_lifecycle.admit(state, pod_set, name=name, created=created)
    if pod.node is None:
        return state.change_pod(pod, created=created)
    began = created + (2 if created > state.start - 60 else 4 + index % 9)
    pod = pod_lifecycle.begin(state, pod, when=began)
    if pod.node is not None and pod.node.lost:
        pod = state.change_pod(pod, lost=pod.node.lost + 40)
    return pod


def _static(state: states.State, workload: workloads.Workload, pod_set: pods.PodSet, count: int) -> None:
    chosen = [node for node in state.nodes if node.pool is topology.CONTROL] or state.nodes[:1]
    for node in chosen[:count]:
        name = f"{workload.name}-{node.name}"
        pod = pod_lifecycle.admit(state, pod_set, name=name, node=node, created=node.created + 20)
        pod_lifecycle.begin(state, pod, when=node.created + 22)


def _agents(state: states.State, pod_set: pods.PodSet) -> None:
    wanted = pod_set.template.pool
    for node in state.nodes:
        if wanted and node.pool.name != wanted:
            continue
        created = max(pod_set.created, node.created + 30)
        pod = pod_lifecycle.admit(state, pod_set, node=node, created=created)
        pod = pod_lifecycle.begin(state, pod, when=created + 6)
        if node.lost:
            state.change_pod(pod, lost=node.lost + 40)


def _cron(state: states.State, workload: workloads.Workload, count: int) -> None:
    """The last finished runs of a cron job."""
    latest = state.start // CRON_PERIOD * CRON_PERIOD
    if state.start - latest < 150:
        latest -= CRON_PERIOD  # so that the latest one had the time to end
    for back in range(count - 1, -1, -1):
        when = latest - back * CRON_PERIOD
        pod_set = workload.open_set(state, created=when, desired=1, name=f"{workload.name}-{int(when) // 60}")
        pod = pod_lifecycle.admit(state, pod_set, created=when)
        if pod.node is None:
            continue
        pod = pod_lifecycle.begin(state, pod, when=when + 3)
        ended = when + 75 + pod.salt % 60
        pod_lifecycle.finish(state, pod, when=ended)
        workload.finished[pod_set.name] = workload.succeeded = ended
        workload.scheduled = when


def _leak(state: states.State, workload: workloads.Workload, made: list[pods.Pod]) -> None:
    container = workload.entry.template.containers[0]
    for number, pod in enumerate(made):
        if pod.node is None or pod.lost:
            continue
        lifetime = usage.leak_seconds(container, pod.salt)
        since = state.start - lifetime * (0.35 + 0.5 * usage.noise(pod.salt, number))
        restarts = 3 + pod.salt % 9
        since = max(since, pod.created + 60)
        last = pods.terminated("OOMKilled", 137, started=since - lifetime, finished=since - 1)
        again = pods.running(since, restarts=restarts, last=last)
        state.change_pod(pod, containers=(again, *pod.containers[1:]), ready_at=since)
        if since > state.start - event_recorder.LIFETIME:
            pod_lifecycle.record_out_of_memory(state, pod, when=since - 1)


def _crash(state: states.State, workload: workloads.Workload, made: list[pods.Pod]) -> None:
    for pod in made[:1]:
        if pod.node is None:
            continue
        ended = state.start - 45 - pod.salt % 120
        last = pods.terminated("Error", 1, started=ended - 5, finished=ended)
        restarts = 12 + pod.salt % 40
        state_now = pods.waiting(
            "CrashLoopBackOff", pod_lifecycle.back_off_text(pod), restarts=restarts, last=last
        )
        state.change_pod(pod, containers=(state_now, *pod.containers[1:]), ready_at=ended, lost=0.0)
        name = workload.entry.template.containers[0].name
        pod_lifecycle.record(
            state,
            pod,
            "BackOff",
            f"Back-off restarting failed container {name} in pod {pod.name}_{pod.namespace}({pod.uid})",
            when=ended + 12,
            first=ended - restarts * 300,
            count=restarts * 22,
            warning=True,
            container=name,
        )


def _bad_image(state: states.State, workload: workloads.Workload, made: list[pods.Pod]) -> None:
    """A roll-out that is stuck: the new ReplicaSet's first pod cannot pull its image."""
    if len(made) < 2:
        return
    old = workload.sets[0]
    surplus = made[-1]
    state.remove_pod(surplus)
    workload.desired = old.desired = len(made) - 1
    created = state.start - 1500
    pod_set = workload.open_set(state, created=created, desired=1, tag="8.0.0-rc.1")
    pod = pod_lifecycle.admit(state, pod_set, created=created)
    if pod.node is None:
        return
    image = pod_set.template.containers[0].image
    init = pod_lifecycle.initialized(workload.entry.template, created + 10)
    waiting = pods.waiting(
        "ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {pull_error(image)}'
    )
    containers = (waiting,) * len(pod.containers)
    pod = state.change_pod(pod, init=init, containers=containers, ready_at=created + 10)
    pod_lifecycle.record(state, pod, "Failed", f'Failed to pull image "{image}": {pull_error(image)}',
        warning=True,
                 when=state.start - 180, first=created + 12, count=6)  # fmt: skip
    pod_lifecycle.record(state, pod, "BackOff", f'Back-off pulling image "{image}"', warning=True,
                 when=state.start - 20, first=created + 25, count=96)  # fmt: skip


def pull_error(image: str) -> str:
    """The container runtime's message about an image that does not exist."""
    return f'failed to resolve reference "{image}": {image}: not found'


def _unschedulable(state: states.State, _workload: workloads.Workload, made: list[pods.Pod]) -> None:
    for pod in made:
        if pod.node is None:
            pod_lifecycle.record(
                state,
                pod,
                "FailedScheduling",
                pod.message,
                source="default-scheduler",
                when=state.start - 100,
                first=state.start - 3100,
                count=11,
                warning=True,
            )


def _completed(state: states.State, workload: workloads.Workload, made: list[pods.Pod]) -> None:
    for pod in made:
        if pod.node is not None:
            ended = min(pod.created + 1260, state.start - 600)
            pod_lifecycle.finish(state, pod, when=ended)
            workload.finished[pod.pod_set.name] = ended


def _init_error(state: states.State, workload: workloads.Workload, made: list[pods.Pod]) -> None:
    for pod in made:
        if pod.node is None:
            continue
        ended = pod.created + 41
        failed = pods.terminated("Error", 3, started=pod.created + 3, finished=ended)
        init = (failed,) + (pods.waiting("PodInitializing"),) * (len(pod.init) - 1)
        containers = (pods.waiting("PodInitializing"),) * len(pod.containers)
        state.change_pod(pod, phase="Failed", init=init, containers=containers, ready_at=ended, lost=0.0)
        workload.finished[pod.pod_set.name] = ended


def _init_waiting(state: states.State, _workload: workloads.Workload, made: list[pods.Pod]) -> None:
    _just_arrived(state, made, age=240, done=False)


def _pod_initializing(state: states.State, _workload: workloads.Workload, made: list[pods.Pod]) -> None:
    _just_arrived(state, made, age=35, done=True)


def _just_arrived(state: states.State, made: list[pods.Pod], *, age: float, done: bool) -> None:
    """A pod whose containers have not started; its init containers are, or are not, done."""
    for pod in made[-1:]:
        if pod.node is None:
            continue
        created = state.start - age
        template = pod.pod_set.template
        init, containers = pod_lifecycle.initializing(template, created + 4)
        if done:
            init = pod_lifecycle.initialized(template, created + 12)
        state.change_pod(
            pod, created=created, started=created, phase="Pending", init=init, containers=containers,
            ready_at=created, lost=0.0,
        )  # fmt: skip


def _evicted(state: states.State, workload: workloads.Workload, made: list[pods.Pod]) -> None:
    if len(made) < 2:
        return
    state.now = state.start - 1900
    pod_lifecycle.evict(state, state.change_pod(made[0], lost=0.0))
    state.now = state.start
    workload.desired = workload.sets[0].desired = len(made) - 1


def _terminating(state: states.State, workload: workloads.Workload, made: list[pods.Pod]) -> None:
    if len(made) < 2:
        return
    state.now = state.start - 75
    pod_lifecycle.delete(state, made[0])
    state.now = state.start
    workload.desired = workload.sets[0].desired = len(made) - 1


def _restarted(state: states.State, _workload: workloads.Workload, made: list[pods.Pod]) -> None:
    for pod in made[:2]:
        if pod.node is None:
            continue
        since = state.start - 5400 - pod.salt % 40000
        since = max(since, pod.created + 300)
        last = pods.terminated("Error", 2, started=pod.created + 9, finished=since - 2)
        again = pods.running(since, restarts=1 + pod.salt % 3, last=last)
        state.change_pod(pod, containers=(again, *pod.containers[1:]), ready_at=since)


def _near_limit(state: states.State, _workload: workloads.Workload, made: list[pods.Pod]) -> None:
    for pod in made[:1]:
        if pod.node is not None and not pod.lost:
            pod_lifecycle.record_unhealthy(
                state, pod, when=state.start - 260, first=state.start - 2900, count=5
            )


_MOODS: dict[str, Callable[[states.State, workloads.Workload, list[pods.Pod]], None]] = {
    "bad-image": _bad_image,
    "completed": _completed,
    "crashloop": _crash,
    "evicted": _evicted,
    "init-error": _init_error,
    "init-waiting": _init_waiting,
    "leak": _leak,
    "near-limit": _near_limit,
    "pod-initializing": _pod_initializing,
    "restarted": _restarted,
    "terminating": _terminating,
    "unschedulable": _unschedulable,
}
