"""What every history answers of the same samples: each is compared with a reference, question by question."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypedDict

import pytest
from tests import made_past as past

from kubevitals import history, kinds, model

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from kubevitals.surfaces.remotewrite import series as written

TICKS = 60  # of 15 s: a quarter of an hour
_LISTS = ("cpu_percentiles", "memory_percentiles")
_NUMBERS = tuple(name for name in history.Point._fields if name not in ("timestamp", "samples", *_LISTS))
PERCENTILES = (0, 33, 50, 95, 99.9, 100)


def snapshots(*, cluster: str = "prod", factor: int = 1) -> Iterator[model.Snapshot]:
    """A quarter of an hour of a cluster in which things happen; `factor` makes clusters differ."""
    for tick in range(TICKS):
        seconds = tick * 15.0
        yield past.snapshot(
            seconds,
            list(_pods(tick, seconds - 2, factor)),
            [
                past.node(name, past.cores(tick, place), past.memory(tick, place), seconds=seconds)
                for place, name in enumerate(("node-1", "node-2"), 50)
            ],
            cluster=cluster,
        )


def _pods(tick: int, seconds: float, factor: int) -> Iterator[model.Pod]:
    def usage(name: str, number: int) -> tuple[str, float, int]:
        return name, factor * past.cores(tick, number), past.memory(tick, number)

    for number in range(2):  # a Deployment, measured exactly at the ends of steps
        yield past.pod(f"web-{number}", [usage("app", number)], seconds=seconds + 2)
    yield past.pod(  # of another namespace, with two containers, CPU unknown at first
        "db-0",
        [usage("db", 7) if tick > 1 else ("db", None, past.memory(tick, 7)), usage("proxy", 8)],
        seconds=seconds,
        namespace="data",
        workload_kind="StatefulSet",
        node="node-2",
    )
    if not 20 <= tick < 26:  # recreated after a gap, under the same name on the same node
        uid = "uid-old" if tick < 20 else "uid-new"
        yield past.pod("again-0", [usage("app", 4)], seconds=seconds, uid=uid, workload_kind="StatefulSet")
    if tick % 20 < 10:  # nothing controls it, and it is silent half of the time
        silent = tick % 20 >= 5
        yield past.pod(
            "lonely",
            [("app", None, None) if silent else usage("app", 5)],
            seconds=None if silent else seconds,
            workload_kind=None,
            workload_name=None,
        )


class _Times(TypedDict):
    since: datetime
    until: datetime


def questions() -> dict[str, history.Query]:
    """What is asked, by a name for the test."""
    whole: _Times = {"since": past.at(-30), "until": past.at(TICKS * 15)}
    part: _Times = {"since": past.at(130), "until": past.at(611)}
    asked: dict[str, history.Query] = {}
    for kind in kinds.SINGULARS:
        asked[f"every {kind}, samples"] = history.Query(kind, **whole)
        for step in (15.0, 60.0, 300.0, history.WHOLE):
            asked[f"every {kind}, {step:g} s"] = history.Query(
                kind, **whole, step=step, percentiles=PERCENTILES
            )
        asked[f"part of every {kind}"] = history.Query(kind, **part)
        asked[f"part of every {kind}, 60 s"] = history.Query(kind, **part, step=60.0)
        asked[f"no {kind}"] = history.Query(kind, **whole, name="no-such")
        asked[f"{kind} of no cluster"] = history.Query(kind, **whole, cluster="no-such")
        asked[f"{kind} before"] = history.Query(kind, past.at(-9000), past.at(-8000), step=60.0)
    exact: _Times = {"since": past.at(15), "until": past.at(45)}  # samples at both ends
    asked["both ends"] = history.Query("pod", **exact, name="web-0")
    asked["both ends, 15 s"] = history.Query("pod", **exact, name="web-0", step=15.0)
    asked["one moment"] = history.Query("pod", past.at(45), past.at(45), name="web-0")
    narrow: dict[str, Any] = {
        "a node": {"kind": "node", "name": "node-2"},
        "a pod": {"kind": "pod", "name": "web-1", "namespace": "shop"},
        "a pod elsewhere": {"kind": "pod", "name": "web-1", "namespace": "data"},
        "pods of a namespace": {"kind": "pod", "namespace": "data"},
        "pods of a kind": {"kind": "pod", "workload_kind": "StatefulSet"},
        "pods of nobody": {"kind": "pod", "workload_kind": "Pod"},
        "a recreated pod": {"kind": "pod", "name": "again-0"},
        "containers of a pod": {"kind": "container", "pod": "db-0"},
        "a container": {"kind": "container", "pod": "db-0", "name": "proxy", "namespace": "data"},
        "a workload": {"kind": "workload", "name": "web", "namespace": "shop"},
        "a workload of a kind": {"kind": "workload", "name": "db", "workload_kind": "StatefulSet"},
        "a workload of another kind": {"kind": "workload", "name": "db", "workload_kind": "Deployment"},
        "a pod as a workload": {"kind": "workload", "name": "lonely", "workload_kind": "Pod"},
        "workloads of a namespace": {"kind": "workload", "namespace": "shop"},
        "a namespace": {"kind": "namespace", "name": "shop"},
        "a namespace by its namespace": {"kind": "namespace", "namespace": "data"},
    }
    for name, words in narrow.items():
        asked[name] = history.Query(**whole, **words, cluster="prod")
        asked[f"{name}, 60 s"] = history.Query(**whole, **words, cluster="prod", step=60.0)
    return asked


def as_sent(snapshots: Iterable[model.Snapshot], sampler: written.Sampler) -> list[tuple[str, float, int]]:
    """The samples of remote-write as selector, value and milliseconds; ends are left out."""
    found = []
    for snapshot in snapshots:
        for sample in sampler.sample(snapshot):
            if math.isnan(sample.value):
                continue
            name, *labels = sample.series.labels
            inside = ",".join(f'{key}="{value}"' for key, value in labels)
            found.append((f"{name[1]}{{{inside}}}", sample.value, sample.milliseconds))
    return found


def openmetrics(samples: Iterable[tuple[str, float, int]]) -> str:
    """The samples as promtool takes them."""
    return "".join(f"{selector} {value!r} {at / 1000!r}\n" for selector, value, at in samples)


def text(samples: Iterable[tuple[str, float, int]]) -> str:
    """The samples as VictoriaMetrics imports them, with times in milliseconds."""
    return "".join(f"{selector} {value!r} {at}\n" for selector, value, at in samples)


def compare(found: history.Answer, expected: history.Answer, *, rest: float = 1e-6) -> None:
    """Fail unless both have the same series with the same points, numbers within the relative error."""
    assert found.step == expected.step
    assert [each._replace(points=()) for each in found.series] == [
        each._replace(points=()) for each in expected.series
    ]
    for one, other in zip(found.series, expected.series, strict=True):
        what = f"{one.kind} {one.namespace}/{one.name}"
        assert [each.timestamp for each in one.points] == [each.timestamp for each in other.points], what
        assert [each.samples for each in one.points] == [each.samples for each in other.points], what
        for name in _NUMBERS:
            numbers = [getattr(each, name) for each in one.points]
            rounded = 2e-4 if name == "coverage" else 0.0
            wanted = [_near(getattr(each, name), rest, rounded) for each in other.points]
            assert numbers == wanted, (what, name)
        for name in _LISTS:
            lists = [getattr(each, name) for each in one.points]
            assert lists == [
                tuple(_near(value, rest) for value in getattr(each, name)) for each in other.points
            ], (what, name)


def _near(value: float | None, error: float, absolute: float = 0.0) -> Any:
    return None if value is None else pytest.approx(value, rel=error, abs=absolute)
