"""The service about itself: status and probes.

These are made when they are asked for: they tell how old the snapshot is now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

import kubevitals
from kubevitals.surfaces.view import recorderstatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kubevitals import collector, model

STATUS_TYPES = {
    "cluster": "str",
    "namespace": "str | None",
    "source": "str",
    "live": "bool",
    "ready": "bool",
    "snapshot": "int | None",
    "etag": "str | None",
    "started_at": "datetime",
    "generated_at": "datetime | None",
    "age_seconds": "float | None",
    "max_age_seconds": "float",
    "interval_seconds": "float",
    "ticks": "int",
    "last_tick_seconds": "float | None",
    "last_good_at": "datetime | None",
    "failures": "Mapping[str, int]",
    "watch_restarts": "int",
}
"""The keys of a cluster's status that hold plain values; sources, coverage, rights and problems stand beside
them."""

SOURCE_TYPES = {
    "name": "str",
    "answers": "bool",
    "since": "datetime | None",
    "problem": "Mapping[str, str] | None",
}
"""The keys of one of the sources of usage, the best first."""

LISTS = ("nodes", "pods", "node_usage", "pod_usage")

_KINDS = ("nodes", "pods")
_USAGE_RIGHTS = {  # by API group and resource: whose usage it lets read
    ("metrics.k8s.io", "nodes"): ("nodes",),
    ("metrics.k8s.io", "pods"): ("pods",),
    ("", "nodes/metrics"): _KINDS,
    ("", "nodes/proxy"): _KINDS,
    ("", "services"): _KINDS,  # to find Prometheus
    ("", "services/proxy"): _KINDS,
}


def make_status(
    sources: Mapping[str, collector.Collector], recorded: recorderstatus.RecorderStatus | None = None
) -> bytes:
    """Return the document of `/api/v1/status`."""
    recorded = recorded or recorderstatus.RecorderStatus()
    return msgspec.json.encode(
        {
            "schema": "kubevitals/v1",
            "kind": "Status",
            "version": kubevitals.__version__,
            "ready": all(source.status().ready for source in sources.values()),
            "history": recorderstatus.to_history(recorded),
            "remote_write": recorderstatus.to_remote_write(recorded),
            "clusters": [_describe(name, source) for name, source in sources.items()],
        }
    )


def _describe(name: str, source: collector.Collector) -> dict[str, Any]:
    status, published = source.status(), source.latest
    held = published.snapshot if published is not None else None
    problems = list(held.problems) if held is not None else []
    if status.last_error is not None and status.last_error not in problems:
        problems.insert(0, status.last_error)
    values = {
        "cluster": name,
        "namespace": source.namespace,
        "snapshot": published.number if published is not None else None,
        "etag": f'"{published.tag}"' if published is not None else None,
        "generated_at": held.generated_at if held is not None else None,
        **{key: getattr(status, key) for key in STATUS_TYPES if hasattr(status, key)},
    }
    return {
        **{key: values[key] for key in STATUS_TYPES},
        "sources": [
            {
                **each._asdict(),
                "problem": each.problem.to_dict() if each.problem is not None else None,
            }
            for each in status.sources
        ],
        "coverage": {
            kind: {"with_usage": with_usage, "total": total}
            for kind, (with_usage, total) in status.coverage.items()
        },
        "rights": describe_rights(
            [*problems, *(each.problem for each in status.sources if each.problem is not None)], held
        ),
        "problems": [problem.to_dict() for problem in problems],
    }


def describe_rights(problems: Sequence[model.Problem], held: model.Snapshot | None) -> dict[str, str]:
    """Return of each of LISTS whether reading it is granted, forbidden or unknown, as far as was seen.

    `problems` are those of the snapshot and of the sources of usage.
    """
    codes = {problem.code for problem in problems}
    rights = {}
    for kind in _KINDS:
        rows: Sequence[Any] = () if held is None else (held.nodes if kind == "nodes" else held.pods)
        if f"{kind}_forbidden" in codes:
            rights[kind] = "forbidden"
        else:
            rights[kind] = "unknown" if held is None else "granted"
        rights[f"{kind[:-1]}_usage"] = _describe_usage_right(kind, problems, rows)
    return {name: rights[name] for name in LISTS}


def _describe_usage_right(kind: str, problems: Iterable[model.Problem], rows: Sequence[Any]) -> str:
    measured = any(row.timestamp is not None for row in rows)
    for problem in problems:
        refused = problem.code == "usage_forbidden"
        # With usage in hand the refusal of one kubelet says nothing, nor that of a source that is not in use.
        if problem.right is None or (measured and not refused):
            continue
        right = problem.right.group, problem.right.resource
        if kind in _USAGE_RIGHTS.get(right, _KINDS if refused else ()):
            return "forbidden"
    return "granted" if measured else "unknown"


def not_ready(sources: Mapping[str, collector.Collector]) -> list[str]:
    """Return why the service is not ready, a line a cluster; empty if it is."""
    lines = []
    for name, source in sources.items():
        status = source.status()
        if not status.ready:
            age = status.age_seconds
            state = "no snapshot yet" if age is None else f"the snapshot is {age:.0f} s old"
            said = f": {status.last_error.message}" if status.last_error is not None else ""
            lines.append(f"{name}: {state}{said}")
    return lines


def not_live(sources: Mapping[str, collector.Collector]) -> list[str]:
    """Return which collectors do not tick; empty if all do."""
    return [f"{name}: does not tick" for name, source in sources.items() if not source.status().live]
