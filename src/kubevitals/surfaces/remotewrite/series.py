"""Snapshots to series of Prometheus' remote-write: the families of /metrics, each sample with its own time.

Pure, and written for speed: a series is one object for as long as what it is about is there. It must not know
how series are encoded or sent.

Usage has the time at which it was measured, so that a sample that is read twice is one sample; everything
else has the time of the snapshot. A series that ends gets a stale marker, as the specification asks.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from kubevitals import model
from kubevitals import snapshot as snapshots
from kubevitals.surfaces.exposition import families
from kubevitals.surfaces.exposition import text as exposition_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    Pairs = tuple[tuple[str, str], ...]  # sorted by name

STALE: float = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
"""The NaN with which Prometheus marks the end of a series."""

_MEASURED = frozenset({"cpu_usage_cores", "memory_usage_bytes"})
_AGEING = frozenset({"age_seconds", "window_seconds"})  # a sample's own time says it better
_REMEMBERED = 600_000  # milliseconds


class Owner:
    """What series are about: one node, pod or container. `encoded` is the encoder's, to keep its bytes."""

    __slots__ = ("encoded", "pairs", "seen", "series")

    def __init__(self, pairs: Pairs) -> None:
        self.seen = 0  # when it was there last, in milliseconds
        self.pairs = pairs
        self.series: dict[str, Series] = {}  # by family, and by family and word
        self.encoded: bytes | None = None


class Series:
    """One series. Equal only to itself: its owner keeps it."""

    __slots__ = ("encoded", "last", "name", "owner", "word")

    def __init__(self, owner: Owner, name: str, word: tuple[str, str] | None = None) -> None:
        self.owner = owner
        self.name = name
        self.word = word  # a label of its own, say which phase
        self.encoded: bytes | None = None
        self.last = 0  # the time of its newest sample, in milliseconds

    @property
    def labels(self) -> Pairs:
        """All labels sorted by name, __name__ first."""
        pairs = self.owner.pairs if self.word is None else sorted((*self.owner.pairs, self.word))
        return (("__name__", self.name), *pairs)


class Sample(NamedTuple):
    """What a series was at one time."""

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
        self._owners: dict[tuple[str, ...], Owner] = {}
        self._live: set[Series] = set()

    def sample(self, snapshot: model.Snapshot) -> list[Sample]:
        """Return what is new in the snapshot, and the stale markers of the series that have ended."""
        snapshot = snapshots.without_unlisted(snapshot)
        at = round(snapshot.generated_at.timestamp() * 1000)
        made: list[Sample] = []
        live: set[Series] = set()
        owners: dict[tuple[str, ...], Owner] = {}
        for kind, place, facts, record in self._rows(snapshot):
            owner = self._owners.get((kind, *place, *facts))
            if owner is None:
                owner = Owner(self._label(kind, place, facts))
            owners[(kind, *place, *facts)] = owner
            _add(made, live, owner, kind=kind, record=record, at=at)
            if kind == "node":
                _add_conditions(made, live, owner, node=record, at=at)
        for ended in self._live - live:
            ended.last = max(at, ended.last + 1)
            made.append(Sample(ended, STALE, ended.last))
        self._live = live
        self._keep(owners, at)
        return made

    def _keep(self, owners: dict[tuple[str, ...], Owner], at: int) -> None:
        """Remember these, and those that have gone for a while: one that comes back goes on where it was.

        A sample may be older than the end of its series; receivers refuse what goes back in time.
        """
        for owner in owners.values():
            owner.seen = at
        for key, owner in self._owners.items():
            if key not in owners and at - owner.seen < _REMEMBERED:
                owners[key] = owner
        self._owners = owners

    def _rows(self, snapshot: model.Snapshot) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...], Any]]:
        """Yield kind, place and further labels of each object, and the object."""
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
        """Return the labels, sorted; one without a value is the same as none."""
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


def _add(made: list[Sample], live: set[Series], owner: Owner, *, kind: str, record: Any, at: int) -> None:
    """Add the object's samples, and to `live` the series that it has now."""
    known = owner.series
    over = kind != "node" and record.phase in model.ENDED_PHASES
    moment = record.timestamp
    measured_at = at if moment is None else round(moment.timestamp() * 1000)
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
                series = known[key] = Series(owner, name, (word_label, str(value)))
            number = 1.0
        else:
            series = known.get(name)
            if series is None:
                series = known[name] = Series(owner, name)
            number = _VALUES[form](value)
        live.add(series)
        then = measured_at if measured else at
        if then > series.last:  # else it has been read before
            series.last = then
            made.append(Sample(series, number, then))


def _add_conditions(
    made: list[Sample], live: set[Series], owner: Owner, *, node: model.Node, at: int
) -> None:
    name = families.CONDITION.name
    for each in node.conditions:
        if each.status not in ("True", "False"):
            continue
        key = f"{name} {each.type}"
        series = owner.series.get(key)
        if series is None:
            series = owner.series[key] = Series(owner, name, ("condition", each.type))
        live.add(series)
        if at > series.last:
            series.last = at
            made.append(Sample(series, float(each.status == "True"), at))
