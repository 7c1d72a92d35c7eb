"""Health of a pod in the words of `kubectl get pods`: a table of pods, after the API server's printer."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kubevitals.kube import objects, podstatus

Json = dict[str, Any]

READY = {"type": "Ready", "status": "True"}
NOT_READY = {"type": "Ready", "status": "False"}
INITIALIZED = {"type": "Initialized", "status": "True"}
RUNS: Json = {"running": {"startedAt": "2026-07-30T10:00:00Z"}}
DONE: Json = {"terminated": {"exitCode": 0, "reason": "Completed"}}


def waits(reason: str | None) -> Json:
    return {"waiting": {} if reason is None else {"reason": reason}}


def ended(code: int, reason: str | None = None, signal: int = 0) -> Json:
    state: Json = {"exitCode": code, "signal": signal}
    return {"terminated": state | ({"reason": reason} if reason else {})}


def status(name: str, state: Json | None, *, ready: bool = False, restarts: int = 0, **more: Any) -> Json:
    return {"name": name, "ready": ready, "restartCount": restarts, "state": state, **more}


def describe(
    containers: list[Json],
    init: list[Json] | None = None,
    *,
    phase: str | None = "Running",
    sidecars: tuple[str, ...] = (),
    conditions: list[Json] | None = None,
    reason: str | None = None,
    deleted: bool = False,
    unstarted: int = 0,
) -> tuple[str, str, int]:
    """The columns STATUS, READY and RESTARTS of a pod with these container statuses."""
    init_specs = [
        {"name": each["name"], **({"restartPolicy": "Always"} if each["name"] in sidecars else {})}
        for each in init or ()
    ]
    names = [{"name": each["name"]} for each in containers]
    names += [{"name": f"unstarted-{number}"} for number in range(unstarted)]
    pod = msgspec.convert(
        {
            "metadata": {"deletionTimestamp": "2026-07-30T10:00:00Z"} if deleted else {},
            "spec": {"containers": names, "initContainers": init_specs},
            "status": {
                "phase": phase,
                "reason": reason,
                "conditions": conditions or [],
                "containerStatuses": containers,
                "initContainerStatuses": init or [],
            },
        },
        objects.Pod,
    )
    health = podstatus.describe_health(pod)
    return health.status, f"{health.containers_ready}/{health.containers_total}", health.restarts


def up(name: str = "app", restarts: int = 0) -> Json:
    return status(name, RUNS, ready=True, restarts=restarts)


TABLE: dict[str, tuple[Json, tuple[str, str, int]]] = {
    "running": ({"containers": [up(restarts=2)]}, ("Running", "1/1", 2)),
    "two of them": ({"containers": [up(), up("b", 3)]}, ("Running", "2/2", 3)),
    "running, one not ready": ({"containers": [up(), status("b", RUNS)]}, ("Running", "1/2", 0)),
    "not scheduled": ({"containers": [], "phase": "Pending", "unstarted": 2}, ("Pending", "0/2", 0)),
    "no phase": ({"containers": [], "phase": None}, ("Unknown", "0/0", 0)),
    "gated": (
        {
            "containers": [],
            "phase": "Pending",
            "unstarted": 1,
            "conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}],
        },
        ("SchedulingGated", "0/1", 0),
    ),
    "creating": (
        {"containers": [status("app", waits("ContainerCreating"))], "phase": "Pending"},
        ("ContainerCreating", "0/1", 0),
    ),
    "waits without a reason": (
        {"containers": [status("app", waits(None))], "phase": "Pending"},
        ("Pending", "0/1", 0),
    ),
    "image": (
        {"containers": [status("app", waits("ImagePullBackOff"))], "phase": "Pending"},
        ("ImagePullBackOff", "0/1", 0),
    ),
    "crash loop": (
        {"containers": [status("app", waits("CrashLoopBackOff"), restarts=7)]},
        ("CrashLoopBackOff", "0/1", 7),
    ),
    "the first container's trouble is told": (
        {"containers": [status("a", waits("CrashLoopBackOff")), status("b", waits("ImagePullBackOff"))]},
        ("CrashLoopBackOff", "0/2", 0),
    ),
    "out of memory": (
        {"containers": [status("app", ended(137, "OOMKilled"), restarts=1)]},
        ("OOMKilled", "0/1", 1),
    ),
    "failed": ({"containers": [status("app", ended(1, "Error"))], "phase": "Failed"}, ("Error", "0/1", 0)),
    "exit code": ({"containers": [status("app", ended(3))], "phase": "Failed"}, ("ExitCode:3", "0/1", 0)),
    "signal": (
        {"containers": [status("app", ended(137, signal=9))], "phase": "Failed"},
        ("Signal:9", "0/1", 0),
    ),
    "completed": (
        {"containers": [status("app", DONE)], "phase": "Succeeded"},
        ("Completed", "0/1", 0),
    ),
    "one completed, the other goes on": (
        {"containers": [status("a", DONE), up("b")], "conditions": [READY]},
        ("Running", "1/2", 0),
    ),
    "one completed, the pod not ready": (
        {"containers": [status("a", DONE), up("b")], "conditions": [NOT_READY]},
        ("NotReady", "1/2", 0),
    ),
    "evicted": (
        {"containers": [], "phase": "Failed", "reason": "Evicted", "unstarted": 1},
        ("Evicted", "0/1", 0),
    ),
    "terminating": ({"containers": [up()], "deleted": True}, ("Terminating", "1/1", 0)),
    "deleted after its end": (
        {"containers": [status("app", DONE)], "phase": "Succeeded", "deleted": True},
        ("Completed", "0/1", 0),
    ),
    "node lost": (
        {"containers": [up()], "reason": "NodeLost", "deleted": True},
        ("Unknown", "1/1", 0),
    ),
    "node lost, not deleted": ({"containers": [up()], "reason": "NodeLost"}, ("NodeLost", "1/1", 0)),
    "initialising": (
        {
            "containers": [status("app", waits("PodInitializing"))],
            "init": [status("a", DONE), status("b", RUNS)],
            "phase": "Pending",
        },
        ("Init:1/2", "0/1", 0),
    ),
    "init container waits its turn": (
        {
            "containers": [status("app", waits("PodInitializing"))],
            "init": [status("a", waits("PodInitializing"))],
            "phase": "Pending",
        },
        ("Init:0/1", "0/1", 0),
    ),
    "init crash loop": (
        {
            "containers": [status("app", waits("PodInitializing"), restarts=9)],
            "init": [status("a", waits("CrashLoopBackOff"), restarts=4)],
            "phase": "Pending",
        },
        ("Init:CrashLoopBackOff", "0/1", 4),
    ),
    "init failed": (
        {"containers": [status("app", None)], "init": [status("a", ended(2, "Error"))], "phase": "Pending"},
        ("Init:Error", "0/1", 0),
    ),
    "init exit code": (
        {"containers": [status("app", None)], "init": [status("a", ended(2))], "phase": "Pending"},
        ("Init:ExitCode:2", "0/1", 0),
    ),
    "init signal": (
        {
            "containers": [status("app", None)],
            "init": [status("a", ended(137, signal=9))],
            "phase": "Pending",
        },
        ("Init:Signal:9", "0/1", 0),
    ),
    "initialised": (
        {"containers": [up(restarts=1)], "init": [status("a", DONE, restarts=5)]},
        ("Running", "1/1", 1),
    ),
    "sidecar": (
        {
            "containers": [up(restarts=1)],
            "init": [status("proxy", RUNS, ready=True, restarts=2, started=True)],
            "sidecars": ("proxy",),
        },
        ("Running", "2/2", 3),
    ),
    "sidecar not ready": (
        {
            "containers": [up()],
            "init": [status("proxy", RUNS, started=True)],
            "sidecars": ("proxy",),
        },
        ("Running", "1/2", 0),
    ),
    "sidecar that has not started": (
        {
            "containers": [status("app", waits("PodInitializing"))],
            "init": [status("proxy", RUNS, started=False)],
            "sidecars": ("proxy",),
            "phase": "Pending",
        },
        ("Init:0/1", "0/2", 0),
    ),
    "sidecar crashes beside a running container": (
        {
            "containers": [up(restarts=1)],
            "init": [status("proxy", waits("CrashLoopBackOff"), restarts=6, started=False)],
            "sidecars": ("proxy",),
            "conditions": [INITIALIZED],
        },
        ("Init:CrashLoopBackOff", "1/2", 7),
    ),
    "completed with its sidecar": (
        {
            "containers": [status("app", DONE)],
            "init": [status("proxy", DONE, restarts=1)],
            "sidecars": ("proxy",),
            "phase": "Succeeded",
        },
        ("Completed", "0/2", 1),
    ),
}


@pytest.mark.parametrize("case", TABLE)
def test_columns_of_kubectl(case: str) -> None:
    """STATUS, READY and RESTARTS are what the API server's printer says of such a pod."""
    pod, columns = TABLE[case]
    assert describe(**pod) == columns
