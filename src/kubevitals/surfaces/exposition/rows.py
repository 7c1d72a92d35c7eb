"""Rows of a snapshot to samples: labels once a row, then one list of lines a family.

Pure, and written for speed. It must not know the names of families; those are in `families.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals import model
from kubevitals.surfaces.exposition import families, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from kubevitals.surfaces.exposition import options

    Rows = Mapping[str, tuple[Any, ...]]  # the labels, and the record: so no series appears twice

_FIELDS = {"node": model.Node._fields, "pod": model.Pod._fields, "container": model.Container._fields}
_ENDED = frozenset({"Succeeded", "Failed"})


class Table:
    """The rows of all snapshots with their labels; `lines_of` writes one family."""

    def __init__(self, snapshots: Iterable[model.Snapshot], wanted: options.Options) -> None:
        nodes: dict[str, tuple[Any, ...]] = {}
        pods: dict[str, tuple[Any, ...]] = {}
        containers: dict[str, tuple[Any, ...]] = {}
        for snapshot in snapshots:
            _read(snapshot, wanted, (nodes, pods, containers))
        self._rows: dict[str, Rows] = {"node": nodes, "pod": pods, "container": containers}
        self._held = {
            "node": nodes,
            "pod": _without_ended(pods, "pod"),
            "container": _without_ended(containers, "container"),
        }

    def lines_of(self, of: str, row: families.RowFamily) -> list[str]:
        """Return the samples of one family of nodes, pods or containers."""
        rows = self._held[of] if row.held else self._rows[of]
        index = _FIELDS[of].index(row.field)
        return _WRITERS[row.form](row, index, rows)

    def condition_lines(self) -> list[str]:
        """Return the samples of the nodes' conditions."""
        head = families.CONDITION.name + "{"
        values = {"True": 1, "False": 0}
        found = {
            f'{head}{labels},condition="{text.escape(each.type)}"}}': values[each.status]
            for labels, node in self._rows["node"].items()
            for each in node[_FIELDS["node"].index("conditions")]
            if each.status in values
        }
        return [f"{start} {value}\n" for start, value in found.items()]


def _read(
    snapshot: model.Snapshot,
    wanted: options.Options,
    into: tuple[dict[str, tuple[Any, ...]], dict[str, tuple[Any, ...]], dict[str, tuple[Any, ...]]],
) -> None:
    nodes, pods, containers = into
    escape = text.escape
    cluster = f'cluster="{escape(snapshot.cluster)}"'
    for node in snapshot.nodes:
        nodes[f'{cluster},node="{escape(node.name)}"'] = node
    more = _further_labels(wanted)
    for pod in snapshot.pods:
        start = f'{cluster},namespace="{escape(pod.namespace)}",pod="{escape(pod.name)}"'
        end = f',node="{escape(pod.node)}"' if pod.node else ',node=""'
        if more is not None:
            end += more(pod)
        pods[start + end] = pod
        for container in pod.containers:
            containers[f'{start},container="{escape(container.name)}"{end}'] = container


def _further_labels(wanted: options.Options) -> Callable[[model.Pod], str] | None:
    """Return what writes the labels that are there on demand; None if there are none."""
    names = [(text.label_name(key), key) for key in wanted.pod_labels]
    if not (names or wanted.workload or wanted.ip or wanted.uid):
        return None

    def write(pod: model.Pod) -> str:
        pairs: dict[str, str | None] = {}
        if wanted.workload:
            pairs["workload_kind"], pairs["workload"] = pod.workload_kind, pod.workload_name
        if wanted.ip:
            pairs["ip"] = pod.ip
        if wanted.uid:
            pairs["uid"] = pod.uid
        for name, key in names:
            pairs[name] = pod.labels.get(key)
        return f",{text.labels(pairs)}"

    return write


def _without_ended(rows: Rows, of: str) -> Rows:
    phase = _FIELDS[of].index("phase")
    return {labels: record for labels, record in rows.items() if record[phase] not in _ENDED}


def _write_numbers(row: families.RowFamily, index: int, rows: Rows) -> list[str]:
    head = row.family.name + "{"
    return [
        f"{head}{labels}}} {value}\n"
        for labels, record in rows.items()
        if (value := record[index]) is not None
    ]


def _write_flags(row: families.RowFamily, index: int, rows: Rows) -> list[str]:
    head = row.family.name + "{"
    return [
        f"{head}{labels}}} 1\n" if value else f"{head}{labels}}} 0\n"
        for labels, record in rows.items()
        if (value := record[index]) is not None
    ]


def _write_moments(row: families.RowFamily, index: int, rows: Rows) -> list[str]:
    head = row.family.name + "{"
    return [
        f"{head}{labels}}} {value.timestamp()}\n"
        for labels, record in rows.items()
        if (value := record[index]) is not None
    ]


def _write_words(row: families.RowFamily, index: int, rows: Rows) -> list[str]:
    head = row.family.name + "{"
    label, escape = row.word_label, text.escape
    return [
        f'{head}{labels},{label}="{escape(value)}"}} 1\n'
        for labels, record in rows.items()
        if (value := record[index])
    ]


_WRITERS: Mapping[str, Callable[[families.RowFamily, int, Rows], list[str]]] = {
    "number": _write_numbers,
    "flag": _write_flags,
    "moment": _write_moments,
    "word": _write_words,
}
