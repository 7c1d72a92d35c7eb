"""The cells of a pod. Its STATUS follows the real table printer rule by rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simcluster.apiserver import table_cells

if TYPE_CHECKING:
    from simcluster.apiserver.table_cells import Shown

COLUMNS = table_cells.columns(
    "Name Ready Status Restarts Age IP:wide Node:wide Nominated_Node:wide Readiness_Gates:wide"
)


def conditions(shown: Shown) -> list[dict[str, str]]:
    """The row conditions of pods that have ended."""
    phase = shown.get("status", {}).get("phase")
    if phase not in {"Succeeded", "Failed"}:
        return []
    message = "The pod has completed successfully." if phase == "Succeeded" else "The pod failed."
    return [{"type": "Completed", "status": "True", "reason": phase, "message": message}]


def cells(shown: Shown, now: float) -> list[Any]:
    """The cells of the row."""
    spec, status = shown["spec"], shown.get("status", {})
    reason, ready, restarts, last = _judge(shown)
    count = str(restarts)
    if restarts and last:
        count = f"{restarts} ({table_cells.since(last, now)} ago)"
    sidecars = sum(1 for each in spec.get("initContainers", []) if each.get("restartPolicy") == "Always")
    total = len(spec["containers"]) + sidecars
    addresses = status.get("podIPs") or [{"ip": status.get("podIP")}]
    gates = spec.get("readinessGates")
    return [
        shown["metadata"]["name"],
        f"{ready}/{total}",
        reason,
        count,
        table_cells.age(shown, now),
        addresses[0].get("ip") or table_cells.NONE,
        spec.get("nodeName") or table_cells.NONE,
        status.get("nominatedNodeName") or table_cells.NONE,
        f"{_gates_met(gates, status)}/{len(gates)}" if gates else table_cells.NONE,
    ]


def _gates_met(gates: list[dict[str, str]], status: Shown) -> int:
    met = {each["type"] for each in status.get("conditions", []) if each["status"] == "True"}
    return sum(1 for gate in gates if gate["conditionType"] in met)


def _judge(shown: Shown) -> tuple[str, int, int, str | None]:
    """The status word, ready containers, restarts, and when the last of these happened."""
    spec, status = shown["spec"], shown.get("status", {})
    reason = status.get("reason") or status.get("phase", "")
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition.get("reason") == "SchedulingGated":
            reason = "SchedulingGated"
    initial, sidecars_ready, sidecar_restarts, sidecar_last, init_restarts, init_last = _judge_init(
        spec, status
    )
    initialized = _condition(status, "Initialized")
    if initial and not initialized:
        word, ready, restarts, last = initial, sidecars_ready, init_restarts, init_last
    else:
        word, ready, restarts, last = _judge_main(status, initial or reason)
        ready += sidecars_ready
        restarts += sidecar_restarts
        last = max(last or "", sidecar_last or "") or None
    if shown["metadata"].get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            word = "Unknown"
        elif status.get("phase") not in {"Succeeded", "Failed"}:
            word = "Terminating"
    return word, ready, restarts, last


def _condition(status: Shown, kind: str) -> bool:
    return any(each["type"] == kind and each["status"] == "True" for each in status.get("conditions", []))


def _judge_init(spec: Shown, status: Shown) -> tuple[str | None, int, int, str | None, int, str | None]:
    sidecars = {
        each["name"] for each in spec.get("initContainers", []) if each.get("restartPolicy") == "Always"
    }
    total = len(spec.get("initContainers", []))
    ready = sidecar_restarts = restarts = 0
    sidecar_last = last = None
    word = None
    for number, container in enumerate(status.get("initContainerStatuses", [])):
        count = container.get("restartCount", 0)
        finished = container.get("lastState", {}).get("terminated", {}).get("finishedAt")
        restarts += count
        last = max(last or "", finished or "") or None
        sidecar = container["name"] in sidecars
        if sidecar:
            sidecar_restarts += count
            sidecar_last = max(sidecar_last or "", finished or "") or None
        state = container.get("state", {})
        ended, waiting = state.get("terminated"), state.get("waiting")
        if ended and ended.get("exitCode") == 0:
            continue
        if sidecar and container.get("started"):
            ready += bool(container.get("ready"))
            continue
        if ended:
            word = "Init:" + _ended_word(ended)
        elif waiting and waiting.get("reason") and waiting["reason"] != "PodInitializing":
            word = "Init:" + waiting["reason"]
        else:
            word = f"Init:{number}/{total}"
        break
    return word, ready, sidecar_restarts, sidecar_last, restarts, last


def _ended_word(ended: Shown) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    if ended.get("signal"):
        return f"Signal:{ended['signal']}"
    return f"ExitCode:{ended.get('exitCode')}"


def _judge_main(status: Shown, reason: str) -> tuple[str, int, int, str | None]:
    ready = restarts = 0
    last = None
    running = False
    for container in reversed(status.get("containerStatuses", [])):
        restarts += container.get("restartCount", 0)
        finished = container.get("lastState", {}).get("terminated", {}).get("finishedAt")
        last = max(last or "", finished or "") or None
        state = container.get("state", {})
        waiting, ended = state.get("waiting"), state.get("terminated")
        if waiting and waiting.get("reason"):
            reason = waiting["reason"]
        elif ended:
            reason = _ended_word(ended)
        elif container.get("ready") and state.get("running") is not None:
            running = True
            ready += 1
    if reason == "Completed" and running:
        reason = "Running" if _condition(status, "Ready") else "NotReady"
    return reason, ready, restarts, last


LAYOUT = table_cells.Layout(COLUMNS, cells, conditions=conditions)
