"""The families of the service itself: source, snapshot, coverage, history and remote-write."""

from __future__ import annotations

import platform
import types
from datetime import datetime
from typing import TYPE_CHECKING

import kubevitals
from kubevitals import severity
from kubevitals.doctor import diagnosis
from kubevitals.surfaces.exposition import families, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kubevitals import collector, model
    from kubevitals.doctor import report
    from kubevitals.surfaces.view import recorderstatus

    Pair = tuple[model.Snapshot | None, collector.Status | None]


def samples(
    pairs: Sequence[tuple[str, Pair]],
    requests: Mapping[tuple[str, int], int],
    recorded: recorderstatus.RecorderStatus | None = None,
    examined: Mapping[str, report.Report | None] = types.MappingProxyType({}),
) -> dict[text.Family, list[str]]:
    """Return the lines by family; `requests` are the answered ones, by route and status code.

    `examined` are the doctor's last reports, by cluster.
    """
    found: dict[text.Family, list[str]] = {family: [] for family in families.SERVICE}

    def add(family: text.Family, value: float | None, /, **labels: str) -> None:
        if value is not None:
            found[family].append(text.line(family.name, labels, value))

    for cluster, (snapshot, status) in pairs:
        up, source = _judge_source(snapshot, status)
        add(families.SOURCE_UP, up, cluster=cluster, source=source)
        add(families.READY, _judge_ready(snapshot, status), cluster=cluster)
        if snapshot is not None:
            add(families.SNAPSHOT_TIME, snapshot.generated_at.timestamp(), cluster=cluster)
            codes = [problem.code for problem in snapshot.problems]
            for code in sorted(set(codes)):
                add(families.PROBLEMS, codes.count(code), cluster=cluster, code=code)
        for kind, (known, whole) in _coverage(snapshot, status).items():
            add(families.OBJECTS, whole, cluster=cluster, kind=kind)
            add(families.OBJECTS_WITH_USAGE, known, cluster=cluster, kind=kind)
        if status is not None:
            add(families.TICKS, status.ticks, cluster=cluster)
            for reason, count in sorted(status.failures.items()):
                add(families.TICK_FAILURES, count, cluster=cluster, reason=reason)
            add(families.TICK_SECONDS, status.last_tick_seconds, cluster=cluster)
            add(families.WATCH_RESTARTS, status.watch_restarts, cluster=cluster)
            add(families.START_TIME, status.started_at.timestamp(), cluster=cluster)
    for (route, answer), count in sorted(requests.items()):
        add(families.REQUESTS, count, route=route, code=str(answer))
    if recorded is not None:
        for family, value, labels in _of_recorder(recorded):
            add(family, value, **labels)
    for cluster, examination in examined.items():
        if examination is not None:
            for family, value, labels in _of_doctor(examination):
                add(family, value, cluster=cluster, **labels)
    add(families.BUILD, 1, version=kubevitals.__version__, python=platform.python_version())
    return found


def _of_recorder(
    recorded: recorderstatus.RecorderStatus,
) -> Iterator[tuple[text.Family, float | None, dict[str, str]]]:
    """Yield the samples of history in a file and of remote-write."""
    recording, sending = recorded.recording, recorded.sending
    if recording is not None:
        yield families.HISTORY_UP, int(recording.role == "writes"), {"role": recording.role}
        yield families.HISTORY_SIZE, recording.bytes, {}
        yield families.HISTORY_TICKS, recording.ticks, {}
        yield families.HISTORY_DROPPED, recording.dropped, {}
    if sending is not None:
        up = recorded.protocol is not None and sending.problem is None
        yield families.REMOTE_WRITE_UP, int(up), {"protocol": recorded.protocol or ""}
        yield families.REMOTE_WRITE_SAMPLES, sending.sent, {}
        yield families.REMOTE_WRITE_REFUSED, sending.refused, {}
        yield families.REMOTE_WRITE_RETRIES, sending.retries, {}
        yield families.REMOTE_WRITE_LAG, sending.lag_seconds, {}


def _of_doctor(found: report.Report) -> Iterator[tuple[text.Family, float, dict[str, str]]]:
    """Yield the samples of an examination: a line for each finding, and for each layer without one."""
    yield families.DOCTOR_TIME, datetime.fromisoformat(found.started_at).timestamp(), {}
    yield families.DOCTOR_SECONDS, found.seconds, {}
    said = set()
    for each in found.findings:
        said.add(each.layer)
        status = diagnosis.FAIL if each.severity == severity.CRITICAL else diagnosis.WARN
        yield families.DOCTOR_CHECK, 1, {"id": each.id, "layer": each.layer, "status": status}
    for state in found.layers:
        if state.name not in said:
            yield families.DOCTOR_CHECK, 1, {"id": "", "layer": state.name, "status": state.status}


def _judge_source(snapshot: model.Snapshot | None, status: collector.Status | None) -> tuple[int, str]:
    if status is not None:
        return int(status.ticks > 0 and status.last_error is None), status.source
    if snapshot is None:
        return 0, "none"
    return int(snapshot.source != "none"), snapshot.source


def _judge_ready(snapshot: model.Snapshot | None, status: collector.Status | None) -> int:
    return int(status.ready if status is not None else snapshot is not None)


def _coverage(
    snapshot: model.Snapshot | None, status: collector.Status | None
) -> Mapping[str, tuple[int, int]]:
    if snapshot is None:
        return {}
    if status is not None:
        return status.coverage
    pods = [pod for pod in snapshot.pods if not pod.terminated]
    rows: dict[str, Sequence[model.Node | model.Pod]] = {"nodes": snapshot.nodes, "pods": pods}
    return {
        kind: (sum(row.cpu_usage_cores is not None for row in each), len(each)) for kind, each in rows.items()
    }
