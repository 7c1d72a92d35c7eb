"""The cells of workloads: deployments, replica sets, stateful sets, daemon sets, jobs and autoscalers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simcluster.apiserver import table_cells
from simcluster.apiserver.table_cells import NONE, UNKNOWN, Layout

if TYPE_CHECKING:
    from simcluster.apiserver.table_cells import Shown


def _parts(shown: Shown) -> tuple[str, Shown, Shown]:
    return shown["metadata"]["name"], shown["spec"], shown.get("status", {})


def _deployment(shown: Shown, now: float) -> list[Any]:
    name, spec, status = _parts(shown)
    return [
        name,
        f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 1)}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        table_cells.age(shown, now),
        *table_cells.template_cells(spec["template"]),
        table_cells.format_label_selector(spec.get("selector")),
    ]


def _replica_set(shown: Shown, now: float) -> list[Any]:
    name, spec, status = _parts(shown)
    return [
        name,
        spec.get("replicas", 1),
        status.get("replicas", 0),
        status.get("readyReplicas", 0),
        table_cells.age(shown, now),
        *table_cells.template_cells(spec["template"]),
        table_cells.format_label_selector(spec.get("selector")),
    ]


def _stateful_set(shown: Shown, now: float) -> list[Any]:
    name, spec, status = _parts(shown)
    ready = f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 1)}"
    return [name, ready, table_cells.age(shown, now), *table_cells.template_cells(spec["template"])]


def _daemon_set(shown: Shown, now: float) -> list[Any]:
    name, spec, status = _parts(shown)
    counts = ("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled")
    return [
        name,
        *[status.get(count, 0) for count in counts],
        status.get("numberAvailable", 0),
        table_cells.format_map(spec["template"]["spec"].get("nodeSelector")),
        table_cells.age(shown, now),
        *table_cells.template_cells(spec["template"]),
        table_cells.format_label_selector(spec.get("selector")),
    ]


def _job(shown: Shown, now: float) -> list[Any]:
    name, spec, status = _parts(shown)
    wanted = spec.get("completions")
    parallel = spec.get("parallelism", 1)
    target = str(wanted) if wanted is not None else (f"1 of {parallel}" if parallel > 1 else "1")
    duration = ""
    if status.get("startTime"):
        end = table_cells.epoch(status["completionTime"]) if status.get("completionTime") else now
        duration = table_cells.format_age(end - table_cells.epoch(status["startTime"]))
    return [
        name,
        _job_word(shown),
        f"{status.get('succeeded', 0)}/{target}",
        duration,
        table_cells.age(shown, now),
        *table_cells.template_cells(spec["template"]),
        table_cells.format_label_selector(spec.get("selector")),
    ]


def _job_word(shown: Shown) -> str:
    met = {each["type"] for each in shown.get("status", {}).get("conditions", []) if each["status"] == "True"}
    for kind, word in (("Complete", "Complete"), ("Failed", "Failed")):
        if kind in met:
            return word
    if shown["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for kind, word in (("Suspended", "Suspended"), ("FailureTarget", "FailureTarget")):
        if kind in met:
            return word
    return "SuccessCriteriaMet" if "SuccessCriteriaMet" in met else "Running"


def _cron_job(shown: Shown, now: float) -> list[Any]:
    name, spec, status = _parts(shown)
    last = status.get("lastScheduleTime")
    template = spec["jobTemplate"]["spec"]
    return [
        name,
        spec["schedule"],
        spec.get("timeZone") or NONE,
        "True" if spec.get("suspend") else "False",
        len(status.get("active") or []),
        table_cells.since(last, now) if last else NONE,
        table_cells.age(shown, now),
        *table_cells.template_cells(template["template"]),
        table_cells.format_label_selector(template.get("selector")),
    ]


def _autoscaler(shown: Shown, now: float) -> list[Any]:
    name, spec, status = _parts(shown)
    target = spec["scaleTargetRef"]
    return [
        name,
        f"{target['kind']}/{target['name']}",
        _targets(spec, status),
        str(spec.get("minReplicas", UNKNOWN.replace("unknown", "unset"))),
        spec["maxReplicas"],
        status.get("currentReplicas", 0),
        table_cells.age(shown, now),
    ]


def _targets(spec: Shown, status: Shown) -> str:
    current = {}
    for each in status.get("currentMetrics") or []:
        if each.get("type") == "Resource":
            current[each["resource"]["name"]] = each["resource"]["current"]
    shown = []
    for each in spec.get("metrics") or []:
        if each.get("type") != "Resource":
            continue
        resource, target = each["resource"]["name"], each["resource"]["target"]
        now = current.get(resource, {})
        if target.get("averageUtilization") is not None:
            used = now.get("averageUtilization")
            left = UNKNOWN if used is None else f"{used}%"
            shown.append(f"{resource}: {left}/{target['averageUtilization']}%")
        else:
            shown.append(f"{resource}: {now.get('averageValue', UNKNOWN)}/{target.get('averageValue')}")
    if len(shown) > 2:
        shown = [*shown[:2], f"{len(shown) - 2} more..."]
    return ", ".join(shown) or NONE


_TEMPLATE = "Containers:wide Images:wide"
LAYOUTS: dict[str, Layout] = {
    "deployments.apps": Layout(
        table_cells.columns(f"Name Ready Up-to-date Available Age {_TEMPLATE} Selector:wide"), _deployment
    ),
    "replicasets.apps": Layout(
        table_cells.columns(f"Name Desired# Current# Ready# Age {_TEMPLATE} Selector:wide"), _replica_set
    ),
    "statefulsets.apps": Layout(table_cells.columns(f"Name Ready Age {_TEMPLATE}"), _stateful_set),
    "daemonsets.apps": Layout(
        table_cells.columns(
            "Name Desired# Current# Ready# Up-to-date# Available# Node_Selector Age "
            f"{_TEMPLATE} Selector:wide"
        ),
        _daemon_set,
    ),
    "jobs.batch": Layout(
        table_cells.columns(f"Name Status Completions Duration Age {_TEMPLATE} Selector:wide"), _job
    ),
    "cronjobs.batch": Layout(
        table_cells.columns(
            f"Name Schedule Timezone Suspend? Active# Last_Schedule Age {_TEMPLATE} Selector:wide"
        ),
        _cron_job,
    ),
    "horizontalpodautoscalers.autoscaling": Layout(
        table_cells.columns("Name Reference Targets MinPods MaxPods Replicas Age"), _autoscaler
    ),
}
