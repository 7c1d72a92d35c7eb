"""The families of nodes, pods and containers over snapshots, and what stays of them from one to the next.

Pods that follow one another are kept in groups. What the lists say of them (phase, requests, restarts ...)
seldom changes: of a group in which nothing has, the lines of before are taken as they are. Usage and its age
are written anew each time. It must not know how a line is written (`lines.py`) or what a family is called.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from kubevitals import compression, model
from kubevitals.surfaces.exposition import encoder, families, packing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from kubevitals.surfaces.exposition import options

    Key = tuple[str, str, str]  # cluster, namespace and name of a group's first pod

_APART = 128  # pods in a group, on average
_POD_FACTS = model.Pod._fields.index("detail")  # behind these fields comes what is measured
_CONTAINER_FACTS = model.Container._fields.index("detail")
_FACTS = {"pod": _POD_FACTS, "container": _CONTAINER_FACTS}
_INDEX = {
    (of, row): encoder.FIELDS[of].index(row.field) for of, rows in families.BY_KIND.items() for row in rows
}
_LASTING = {of: tuple(row for row in families.BY_KIND[of] if _INDEX[of, row] < _FACTS[of]) for of in _FACTS}
_CHANGING = {of: tuple(row for row in families.BY_KIND[of] if _INDEX[of, row] >= _FACTS[of]) for of in _FACTS}


class Kept:
    """What was written last: for one exporter, one set of options, and one thread at a time."""

    def __init__(self) -> None:
        self.groups: dict[Key, _Group] = {}


class _Group:
    """Some pods: their labels, and the lines of what lasts."""

    __slots__ = ("_labels", "chunks", "pods")

    def __init__(self, pods: tuple[model.Pod, ...], labels: tuple[list[bytes], list[bytes]]) -> None:
        self.pods = pods
        self._labels = tuple(
            [compression.gzip([b"\n".join(each)]) for each in labels]
        )  # a tenth of the memory
        self.chunks: dict[families.RowFamily, packing.Chunk] = {}

    def labels(self) -> tuple[list[bytes], list[bytes]]:
        """Return the labels of the pods, and of their containers."""
        of_pods, of_containers = [compression.gunzip(each).split(b"\n") for each in self._labels]
        return of_pods, of_containers if of_containers != [b""] else []


class Table:
    """The rows of all snapshots; `pieces_of` gives one family, each once."""

    def __init__(
        self,
        snapshots: Iterable[model.Snapshot],
        wanted: options.Options,
        *,
        kept: Kept | None = None,
        packed: bool = False,
    ) -> None:
        """Write all lines: what has not changed is taken from `kept`; `packed` means compressed at once."""
        self._kept = kept
        self._wanted = wanted
        open_sink = packing.Stream if packed else packing.Plain
        self._sinks = {row: open_sink() for rows in _CHANGING.values() for row in rows}
        self._nodes: list[tuple[Sequence[Any], encoder.Labels]] = []
        groups: dict[Key, _Group] = {}
        for cluster, nodes, pods in _by_cluster(snapshots):
            self._nodes.append((nodes, encoder.label_nodes(cluster, nodes)))
            for some in split(encoder.distinct(pods)):
                groups[cluster, some[0].namespace, some[0].name] = self._write(cluster, some)
        self._groups = list(groups.values())
        if kept is not None:
            kept.groups = groups

    def pieces_of(self, of: str, row: families.RowFamily) -> Sequence[packing.Piece]:
        """Return the samples of one family of nodes, pods or containers."""
        if of == "node":
            texts = [encoder.write(row, _INDEX[of, row], *each) for each in self._nodes]
            return [text for text in texts if text]
        if row in self._sinks:
            return self._sinks[row].end()
        return [group.chunks[row] for group in self._groups if row in group.chunks]

    def condition_pieces(self) -> Sequence[packing.Piece]:
        """Return the samples of the nodes' conditions."""
        texts = [encoder.write_conditions(*each) for each in self._nodes]
        return [text for text in texts if text]

    def _write(self, cluster: str, pods: tuple[model.Pod, ...]) -> _Group:
        """Write what changes of these pods, and return their group with the lines of what lasts."""
        key = (cluster, pods[0].namespace, pods[0].name)
        before = self._kept.groups.get(key) if self._kept is not None else None
        fresh = before is None or not _same(before.pods, pods)
        if before is None or fresh:
            labels = encoder.label_pods(cluster, pods, self._wanted)
            group = _Group(pods, labels)
        else:
            group, labels = before, before.labels()
            group.pods = pods
        containers = [container for pod in pods for container in pod.containers]
        for of, records, names in (("pod", pods, labels[0]), ("container", containers, labels[1])):
            all_of_them = (records, names)
            alive = encoder.held(records, names, of)
            for row in _CHANGING[of]:
                self._sinks[row].add(
                    encoder.write(row, _INDEX[of, row], *(alive if row.held else all_of_them))
                )
            if fresh:
                for row in _LASTING[of]:
                    text = encoder.write(row, _INDEX[of, row], *(alive if row.held else all_of_them))
                    self._keep(group, before, row, text)
        return group

    def _keep(self, group: _Group, before: _Group | None, row: families.RowFamily, text: bytes) -> None:
        """Put the lines into the group: those of before, compressed already, if they are the same."""
        if not text:
            return
        chunk = packing.Chunk(text)
        known = before.chunks.get(row) if before is not None else None
        group.chunks[row] = known if known is not None and known.mark == chunk.mark else chunk
        if self._kept is not None:
            group.chunks[row].pack()


def _by_cluster(
    snapshots: Iterable[model.Snapshot],
) -> Iterator[tuple[str, Sequence[model.Node], Sequence[model.Pod]]]:
    """Yield the name of each cluster with its nodes, each name once, and its pods."""
    found: dict[str, tuple[list[model.Node], list[model.Pod]]] = {}
    for snapshot in snapshots:
        nodes, pods = found.setdefault(snapshot.cluster, ([], []))
        nodes += snapshot.nodes
        pods += snapshot.pods
    for cluster, (nodes, pods) in found.items():
        yield cluster, list({node.name: node for node in nodes}.values()), pods


def split(pods: Sequence[model.Pod]) -> Iterator[tuple[model.Pod, ...]]:
    """Yield the pods in groups. Where one begins depends on a pod's name alone, not on those around it."""
    begins = [at for at, pod in enumerate(pods) if not hash(pod.name) % _APART]
    for begin, end in itertools.pairwise([*([] if begins[:1] == [0] else [0]), *begins, len(pods)]):
        if begin < end:
            yield tuple(pods[begin:end])


def _same(before: tuple[model.Pod, ...], now: tuple[model.Pod, ...]) -> bool:
    """Return whether all that lasts is the same of all the pods."""
    if len(before) != len(now):
        return False
    for old, new in zip(before, now, strict=True):
        if old is new:
            continue
        if old[:_POD_FACTS] != new[:_POD_FACTS] or len(old.containers) != len(new.containers):
            return False
        for one, other in zip(old.containers, new.containers, strict=True):
            if one[:_CONTAINER_FACTS] != other[:_CONTAINER_FACTS]:
                return False
    return True
