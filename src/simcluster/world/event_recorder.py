"""Kubernetes Events: recorded, counted when they repeat, removed after an hour."""

from __future__ import annotations

from simcluster import apiobjects
from simcluster.world import json_text, manifests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from simcluster.world import cluster_state as states

LIFETIME = 3600.0
_EVENTS = apiobjects.RESOURCES["events"]
_VERSIONS = {"Pod": "v1", "Node": "v1", "Job": "batch/v1", "CronJob": "batch/v1",
             "HorizontalPodAutoscaler": "autoscaling/v2"}  # fmt: skip


_SCHEDULER = "default-scheduler"


def _as_new_event(event: dict[str, Any], *, now: float, count: int) -> dict[str, Any]:
    """The scheduler alone speaks the API events.k8s.io, and v1 shows of that what fits."""
    exact = json_text.timestamp(now).replace("Z", ".000000Z")
    shown: dict[str, Any] = {
        "source": {},
        "firstTimestamp": None,
        "lastTimestamp": None,
        "eventTime": exact,
        "action": "Binding" if event["reason"] == "Scheduled" else "Scheduling",
        "reportingInstance": f"{_SCHEDULER}-control-1",
    }
    if count > 1:
        first = event["firstTimestamp"].replace("Z", ".000000Z")
        shown |= {"eventTime": first, "series": {"count": count, "lastObservedTime": exact}}
    return shown


class _Series:
    """One event object: how often and when it was last seen."""

    __slots__ = ("count", "first", "name", "namespace", "uid")

    def __init__(self, name: str, namespace: str, *, uid: str, first: float) -> None:
        self.name = name
        self.namespace = namespace
        self.uid = uid
        self.first = first
        self.count = 0


class EventRecorder:
    """Records Events. An Event that repeats is counted, and is removed an hour after its last repetition."""

    def __init__(self, state: states.State) -> None:
        self._state = state
        # Ordered by last sight: a repeated event moves to the end.
        self._series: dict[tuple[str, str, str], tuple[float, _Series]] = {}

    def record(
        self,
        kind: str,
        item: Any,
        reason: str,
        message: str,
        *,
        source: str,
        when: float | None = None,
        first: float | None = None,
        count: int = 1,
        warning: bool = False,
        container: str = "",
        host: str = "",
    ) -> None:
        """Record that something happened to `item` (anything with namespace, name, uid), `count` times
        since `first`.
        """
        state = self._state
        now = state.now if when is None else when
        key = (item.uid, reason, message)
        known = self._series.pop(key, None)
        if known is None:
            name = f"{item.name}.{json_text.hashed(item.uid + reason + message + str(now)):016x}"
            begun = now if first is None else first
            series = _Series(name, item.namespace or "default", uid=state.uid(), first=begun)
        else:
            series = known[1]
        series.count += count
        self._series[key] = (now, series)
        involved = {
            "kind": kind,
            "namespace": item.namespace,
            "name": item.name,
            "uid": item.uid,
            "apiVersion": _VERSIONS.get(kind, "apps/v1"),
        }
        if container:
            involved["fieldPath"] = f"spec.containers{{{container}}}"
        event = {
            "involvedObject": {key: value for key, value in involved.items() if value},
            "reason": reason,
            "message": message,
            "source": {"component": source, **({"host": host} if host else {})},
            "firstTimestamp": json_text.timestamp(series.first),
            "lastTimestamp": json_text.timestamp(now),
            "count": series.count,
            "type": "Warning" if warning else "Normal",
            "eventTime": None,
            "reportingComponent": source,
            "reportingInstance": host,
        }
        if source == _SCHEDULER:
            event |= _as_new_event(event, now=now, count=series.count)
            del event["count"]
        extra = {
            **{f"involvedObject.{name}": involved.get(name, "")
               for name in ("kind", "namespace", "name", "uid", "apiVersion", "fieldPath")},
            "involvedObject.resourceVersion": "",
            "reason": reason,
            "reportingComponent": source,
            "source": source,
            "type": event["type"],
        }  # fmt: skip
        state.put(
            manifests.Manifest(
                _EVENTS, series.name, namespace=series.namespace, uid=series.uid, labels={},
                created=series.first, extra=extra, make=manifests.plain, arguments=(event,),
            )
        )  # fmt: skip

    def sort(self) -> None:
        """Sort by time of the last repetition, after the past was recorded in any order."""
        self._series = dict(sorted(self._series.items(), key=lambda entry: entry[1][0]))

    def forget(self) -> None:
        """Remove Events that are older than an hour."""
        oldest = self._state.now - LIFETIME
        expired = []
        for key, (seen, _) in self._series.items():
            if seen > oldest:
                break  # the order is nearly that of time; what is missed now goes a little later
            expired.append(key)
        for key in expired:
            _, series = self._series.pop(key)
            self._state.drop("events", series.namespace, series.name)
