"""A snapshot of the past, put together from the families of the exporter, as full as those are.

What the exporter does not tell (labels, roles, QoS ...) is unknown. The tables below are held against the
exporter's by a test.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kubevitals import model
from kubevitals.promql import expressions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from kubevitals.promql import client

    Labels = Mapping[str, str]
    Key = tuple[str, ...]

_PREFIX = "kubevitals_"
_ONE_SCRAPE = 1.0  # seconds: what is told together has one time
KEYS = {"node": ("node",), "pod": ("namespace", "pod"), "container": ("namespace", "pod", "container")}
# How a value becomes a field, where a family is not called as the field, or is no number.
_FLAGS = frozenset({"ready", "unschedulable"})
_COUNTS = frozenset({"pods", "pods_allocatable", "restarts_total", "last_termination_exit_code"})
_MOMENTS = {
    "created_timestamp_seconds": "created_at",
    "last_termination_timestamp_seconds": "last_termination_at",
}
_WORDS = {
    "phase": "phase",
    "reason": "reason",
    "problem": "problem",
    "last_termination_reason": "reason",
}  # the label that holds the word
_NAMES = {
    "restarts_total": "restarts",
    "sample_age_seconds": "age_seconds",
    "sample_window_seconds": "window_seconds",
}
_FIELDS = {
    "node": frozenset(model.Node._fields),
    "pod": frozenset(model.Pod._fields),
    "container": frozenset(model.Container._fields),
}


class _Facts:
    """What is known of one object: fields, and labels of its series."""

    __slots__ = ("conditions", "fields", "labels")

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.fields: dict[str, Any] = {}
        self.conditions: list[model.Condition] = []


def read(prometheus: client.Prometheus, moment: datetime, *, cluster: str | None) -> model.Snapshot | None:
    """Return the state at the moment, of the first cluster by name where none is named; None without any.

    Raises:
        errors.PrometheusError: the server does not answer as it should.
    """
    at = moment.timestamp()
    if cluster is None:
        known = prometheus.query(
            f'count by (cluster) ({{__name__=~"{_PREFIX}(pod_phase|node_ready)"}})', at=at
        ).series
        cluster = min((each.labels.get("cluster", "") for each in known), default="")
    matcher = expressions.match("cluster", cluster)
    found = prometheus.query(f'{{__name__=~"{_PREFIX}(node|pod|container)_.+",{matcher}}}', at=at).series
    facts = collect(_choose_replica((each.labels, each.points[0][1]) for each in found))
    if not any(facts.values()):
        return None
    taken_at = _drop_ended(prometheus, facts, matcher, at)
    for kind, key in KEYS.items():
        for place, sampled_at in _times(prometheus, f"{kind}_memory_usage_bytes", key, matcher, at).items():
            if place in facts[kind]:
                _date(facts[kind][place], sampled_at, taken_at)
    source = prometheus.query(f"{_PREFIX}source_up{{{matcher}}}", at=at).series
    return model.Snapshot(
        cluster,
        source[0].labels.get("source", "") if source else "prometheus",
        datetime.fromtimestamp(taken_at, UTC),
        model.Records(_make_node(key, facts["node"][key]) for key in sorted(facts["node"])),
        model.Records(_make_pods(facts["pod"], facts["container"])),
    )


def collect(samples: Iterable[tuple[Labels, float]]) -> dict[str, dict[Key, _Facts]]:
    """Return what samples of the families say of each node, pod and container. Others are left out."""
    facts: dict[str, dict[Key, _Facts]] = {kind: {} for kind in KEYS}
    for labels, value in samples:
        kind, _, name = labels.get("__name__", "").removeprefix(_PREFIX).partition("_")
        if kind not in KEYS or math.isnan(value):  # NaN may mark an end
            continue
        key = _key(kind, labels)
        one = facts[kind].get(key)
        if one is None:
            one = facts[kind][key] = _Facts(labels)
        _note(one, kind, name, value=value, labels=labels)
    return facts


def _note(one: _Facts, kind: str, name: str, *, value: float, labels: Labels) -> None:
    if name == "condition" and kind == "node":
        one.conditions.append(model.Condition(labels.get("condition", ""), "True" if value else "False"))
    elif name in _WORDS:
        if value:
            one.fields[name] = labels.get(_WORDS[name]) or None
    elif name in _MOMENTS:
        one.fields[_MOMENTS[name]] = datetime.fromtimestamp(value, UTC)
    elif name in _FLAGS:
        one.fields[name] = bool(value)
    else:
        field = _NAMES.get(name, name)
        if field in _FIELDS[kind]:
            whole = name in _COUNTS or name.endswith("_bytes")
            one.fields[field] = round(value) if whole else value


def _date(one: _Facts, sampled_at: float, taken_at: float) -> None:
    """Say when usage was measured: the sample's own time, or that of the snapshot less its age then."""
    age = one.fields.get("age_seconds")
    measured_at = sampled_at if age is None else taken_at - age
    window = one.fields.get("window_seconds")
    age = max(taken_at - measured_at, 0.0)
    one.fields["timestamp"] = datetime.fromtimestamp(measured_at, UTC)
    one.fields["age_seconds"] = round(age, 3)
    one.fields["stale"] = None if window is None else age > model.STALE_AFTER_WINDOWS * window


def _choose_replica(samples: Iterable[tuple[Labels, float]]) -> list[tuple[Labels, float]]:
    """Return the samples of the replica that tells the most: two exporters' rows are not mixed."""
    groups: dict[frozenset[tuple[str, str]], list[tuple[Labels, float]]] = {}
    for labels, value in samples:
        foreign = frozenset(item for item in labels.items() if item[0] in _REPLICA_LABELS)
        groups.setdefault(foreign, []).append((labels, value))
    return max(groups.values(), key=len, default=[])


_REPLICA_LABELS = frozenset({"job", "instance", "replica", "prometheus_replica", "prometheus", "__replica__"})


def _drop_ended(
    prometheus: client.Prometheus, facts: dict[str, dict[Key, _Facts]], matcher: str, at: float
) -> float:
    """Take out what was told before the newest snapshot only, and return when that was made.

    A server remembers the newest sample of a series for minutes, unless it was told of its end.
    """
    seen = {
        kind: _times(prometheus, family, KEYS[kind], matcher, at)
        for kind, family in (("node", "node_ready"), ("pod", "pod_phase"))
    }
    newest = max((time for times in seen.values() for time in times.values()), default=at)
    gone = {
        kind: {key for key, time in times.items() if time < newest - _ONE_SCRAPE}
        for kind, times in seen.items()
    }
    for kind, objects in facts.items():
        for key in [key for key in objects if key[:2] in gone["node" if kind == "node" else "pod"]]:
            del objects[key]
    told = prometheus.query(f"max({_PREFIX}snapshot_timestamp_seconds{{{matcher}}})", at=at).series
    return told[0].points[0][1] if told else newest


def _times(prometheus: client.Prometheus, family: str, key: Key, matcher: str, at: float) -> dict[Key, float]:
    """Return when the newest sample of a family was taken, of each object."""
    found = prometheus.query(
        f"max by ({', '.join(key)}) (timestamp({_PREFIX}{family}{{{matcher}}}))", at=at
    ).series
    return {tuple([each.labels.get(label, "") for label in key]): each.points[0][1] for each in found}


def _key(kind: str, labels: Labels) -> Key:
    return tuple([labels.get(label, "") for label in KEYS[kind]])


def _make_node(key: Key, facts: _Facts) -> model.Node:
    fields = facts.fields
    status = None if fields.get("ready") is None else "Ready" if fields["ready"] else "NotReady"
    if status and fields.get("unschedulable"):
        status += ",SchedulingDisabled"
    return model.Node(key[0], status=status, conditions=tuple(facts.conditions), **fields)


def _make_pods(pods: Mapping[Key, _Facts], containers: Mapping[Key, _Facts]) -> Iterable[model.Pod]:
    inside: dict[Key, list[tuple[str, _Facts]]] = {}
    for key in sorted(containers):
        inside.setdefault(key[:2], []).append((key[2], containers[key]))
    for key in sorted({*pods, *inside}):
        parts = inside.get(key, [])
        facts = pods.get(key) or _Facts(parts[0][1].labels)
        yield _make_pod(key, facts, parts)


def _make_pod(key: Key, facts: _Facts, parts: list[tuple[str, _Facts]]) -> model.Pod:
    namespace, name = key
    shared: dict[str, Any] = {
        "uid": facts.labels.get("uid") or None,
        "node": facts.labels.get("node") or None,
        "ip": facts.labels.get("ip") or None,
        "workload_kind": facts.labels.get("workload_kind") or None,
        "workload_name": facts.labels.get("workload") or None,
    }
    told = {field: facts.fields[field] for field in ("phase", "created_at") if field in facts.fields}
    containers = tuple(
        model.Container(namespace, name, each)._replace(**shared, **told, **part.fields)
        for each, part in parts
    )
    restarts = [each.restarts for each in containers if each.restarts is not None]
    ready = [each.ready for each in containers if each.ready is not None]
    return model.Pod(
        namespace,
        name,
        status=facts.fields.get("reason") or facts.fields.get("phase"),
        containers_ready=sum(ready) if ready else None,
        containers_total=len(containers) or None,
        restarts=sum(restarts) if restarts else None,
        containers=containers,
    )._replace(**shared, **facts.fields, **_last_termination(containers))


def _last_termination(containers: Iterable[model.Container]) -> dict[str, Any]:
    """Return how the container ended that ended last."""
    ended = [each for each in containers if each.last_termination_at is not None]
    if not ended:
        return {}
    last = max(ended, key=lambda each: each.last_termination_at or datetime.min.replace(tzinfo=UTC))
    names = ("last_termination_reason", "last_termination_exit_code", "last_termination_at")
    return {name: getattr(last, name) for name in names}
