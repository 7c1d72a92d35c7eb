"""Snapshots to samples for remote-write: the families of /metrics, each sample with a time of its own.

Usage carries the time at which it was measured, so that a measurement that is read twice is one sample;
everything else carries the time of the snapshot. Stale usage is not sent. A series that ends gets a stale
marker, as the specification requires. Written for speed: a series is one object for as long as its node, pod
or container exists.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from kubevitals import clocks, model
from kubevitals import snapshot as snapshots
from kubevitals.surfaces.exposition import families
from kubevitals.surfaces.exposition import text as exposition_text
from kubevitals.surfaces.remotewrite import protobuf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    Pairs = tuple[tuple[str, str], ...]  # sorted by name

STALE: float = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
"""The NaN with which Prometheus marks the end of a series."""

_MEASURED = frozenset({"cpu_usage_cores", "memory_usage_bytes"})
_AGEING = frozenset({"age_seconds", "window_seconds"})  # not sent: the time of a sample says it
_REMEMBERED = 600_000  # milliseconds
_AHEAD = round(clocks.TOLERANCE_SECONDS * 1000)  # milliseconds that a sample may be newer than its snapshot


class LabelSet:
    """The labels that the series of one node, pod or container share."""

    __slots__ = ("encoded", "pairs", "seen", "series")

    def __init__(self, pairs: Pairs) -> None:
        self.seen = 0  # milliseconds since 1970: the last snapshot that it was in
        self.pairs = pairs
        self.series: dict[str, Series] = {}  # by family, and by family and word
        self.encoded: tuple[bytes, bytes] | None = None  # by the encoder of 1.0: before the name, and after


class Series:
    """One series; there is one object for each, kept by its label set."""

    __slots__ = ("encoded", "label_set", "last", "name", "word")

    def __init__(self, label_set: LabelSet, name: str, word: tuple[str, str] | None = None) -> None:
        self.label_set = label_set
        self.name = name
        self.word = word  # a further label, such as the phase
        self.encoded: bytes | None = None
        self.last = 0  # milliseconds since 1970: its newest sample

    @property
    def labels(self) -> Pairs:
        """All labels with __name__, sorted by the bytes of their names, as receivers demand."""
        further = () if self.word is None else (self.word,)
        return tuple(sorted(((protobuf.NAME, self.name), *self.label_set.pairs, *further)))

    def __str__(self) -> str:
        """Return the series as PromQL writes it."""
        pairs = [f'{name}="{value}"' for name, value in self.labels if name != protobuf.NAME]
        return f"{self.name}{{{','.join(pairs)}}}"


class Sample(NamedTuple):
    """The value of a series at one time, in milliseconds since 1970."""

    series: Series
    value: float
    milliseconds: int


class Sampler:
    """Turns the snapshots of one cluster into samples, one after the other.

    Args:
        external: labels that are added to each series.
        workload: add the labels workload_kind and workload to pods and containers.
        uid: add the label uid to them.
    """

    def __init__(
        self, external: Mapping[str, str] | None = None, *, workload: bool = True, uid: bool = False
    ) -> None:
        self._external = dict(external or {})
        self._workload = workload
        self._uid = uid
        self._label_sets: dict[tuple[str, ...], LabelSet] = {}
        self._live: set[Series] = set()

    def sample(self, snapshot: model.Snapshot) -> list[Sample]:
        """Return what is new in the snapshot, and the stale markers of the series that have ended."""
        snapshot = snapshots.without_unlisted(snapshot)
        at = round(snapshot.generated_at.timestamp() * 1000)
        made: list[Sample] = []
        live: set[Series] = set()
        label_sets: dict[tuple[str, ...], LabelSet] = {}
        for kind, place, facts, record in self._rows(snapshot):
            label_set = self._label_sets.get((kind, *place, *facts))
            if label_set is None:
                label_set = LabelSet(self._label(kind, place, facts))
            label_sets[(kind, *place, *facts)] = label_set
            _add(made, live, label_set, kind=kind, record=record, at=at)
            if kind == "node":
                _add_conditions(made, live, label_set, node=record, at=at)
        for ended in self._live - live:
            ended.last = max(at, ended.last + 1)
            made.append(Sample(ended, STALE, ended.last))
        self._live = live
        self._keep(label_sets, at)
        return made

    def _keep(self, label_sets: dict[tuple[str, ...], LabelSet], at: int) -> None:
        """Keep these label sets, and for some minutes those that are gone: one that comes back goes on there.

        Receivers refuse samples that go back in time, and a sample may be older than the end of its series.
        """
        for label_set in label_sets.values():
            label_set.seen = at
        for key, label_set in self._label_sets.items():
            if key not in label_sets and at - label_set.seen < _REMEMBERED:
                label_sets[key] = label_set
        self._label_sets = label_sets

    def _rows(self, snapshot: model.Snapshot) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...], Any]]:
        """Yield the kind, the place, the further labels and the record of each object."""
        cluster = snapshot.cluster
        for node in snapshot.nodes:
            yield "node", (cluster, node.name), (), node
        for pod in snapshot.pods:
            place = (cluster, pod.namespace, pod.name)
            facts = (
                pod.node or "",
                (pod.workload_kind or "") if self._workload else "",
                (pod.workload_name or "") if self._workload else "",
                (pod.uid or "") if self._uid else "",
            )
            yield "pod", place, facts, pod
            for container in pod.containers:
                yield "container", (*place, container.name), facts, container

    def _label(self, kind: str, place: tuple[str, ...], facts: tuple[str, ...]) -> Pairs:
        """Return the labels, sorted; a label without a value is left out, which means the same."""
        pairs = dict(zip(_PLACES[kind], place, strict=True))
        pairs |= zip(_FACTS, facts, strict=False)
        return tuple(sorted((name, value) for name, value in {**self._external, **pairs}.items() if value))


_PLACES = {
    "node": ("cluster", "node"),
    "pod": ("cluster", "namespace", "pod"),
    "container": ("cluster", "namespace", "pod", "container"),
}
_FACTS = ("node", "workload_kind", "workload", "uid")
_VALUES: Mapping[str, Callable[[Any], float]] = {
    "number": float,
    "flag": float,
    "moment": exposition_text.seconds,
}


def _plan(kind: str, record: type[Any]) -> tuple[tuple[str, int, str, bool, bool, str], ...]:
    """Return of each family: name, place of its value, form, whether held and measured, and word label."""
    return tuple(
        (
            row.family.name,
            record._fields.index(row.field),
            row.form,
            row.held,
            row.field in _MEASURED,
            row.word_label,
        )
        for row in families.BY_KIND[kind]
        if row.field not in _AGEING
    )


_PLANS: Mapping[str, Sequence[tuple[str, int, str, bool, bool, str]]] = {
    "node": _plan("node", model.Node),
    "pod": _plan("pod", model.Pod),
    "container": _plan("container", model.Container),
}


def _add(
    made: list[Sample], live: set[Series], label_set: LabelSet, *, kind: str, record: Any, at: int
) -> None:
    """Add the object's samples, and to `live` the series that it has now."""
    known = label_set.series
    over = kind != "node" and record.phase in model.ENDED_PHASES
    moment = record.timestamp
    measured_at = at if moment is None else round(moment.timestamp() * 1000)
    if measured_at > at + _AHEAD:  # receivers would refuse what comes after it
        measured_at = at
    for name, index, form, held, measured, word_label in _PLANS[kind]:
        value = record[index]
        if value is None or (held and over):
            continue
        if form == "word":
            if not value:
                continue
            key = f"{name} {value}"
            series = known.get(key)
            if series is None:
                series = known[key] = Series(label_set, name, (word_label, str(value)))
            number = 1.0
        else:
            series = known.get(name)
            if series is None:
                series = known[name] = Series(label_set, name)
            number = _VALUES[form](value)
        live.add(series)
        if measured and record.stale:  # too old to be sent
            continue
        then = measured_at if measured else at
        if then > series.last:  # else it has been read before
            series.last = then
            made.append(Sample(series, number, then))


def _add_conditions(
    made: list[Sample], live: set[Series], label_set: LabelSet, *, node: model.Node, at: int
) -> None:
    name = families.CONDITION.name
    for each in node.conditions:
        if each.status not in ("True", "False"):
            continue
        key = f"{name} {each.type}"
        series = label_set.series.get(key)
        if series is None:
            series = label_set.series[key] = Series(label_set, name, ("condition", each.type))
        live.add(series)
        if at > series.last:
            series.last = at
            made.append(Sample(series, float(each.status == "True"), at))
