"""The families of nodes, pods and containers, over one or several snapshots.

What the API server's lists say of pods (phase, requests, restarts ...) seldom changes: those lines come from
the cache for each group of pods in which nothing of it has changed. Usage and its age are written each time.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from kubevitals import compression, model
from kubevitals.surfaces.exposition import cache as caches
from kubevitals.surfaces.exposition import encoder, families

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
    from typing import Any

    from kubevitals.surfaces.exposition import options, text

_GROUP_SIZE = 128  # pods in a group, on average
_POD_FACTS = model.Pod._fields.index("detail")  # behind these fields comes what is measured
_CONTAINER_FACTS = model.Container._fields.index("detail")
_FACTS = {"pod": _POD_FACTS, "container": _CONTAINER_FACTS}
_INDEX = {
    (of, row): encoder.FIELDS[of].index(row.field) for of, rows in families.BY_KIND.items() for row in rows
}
_LASTING = {of: tuple(row for row in families.BY_KIND[of] if _INDEX[of, row] < _FACTS[of]) for of in _FACTS}
_CHANGING = {of: tuple(row for row in families.BY_KIND[of] if _INDEX[of, row] >= _FACTS[of]) for of in _FACTS}


class Table:
    """The lines of all snapshots.

    Args:
        snapshots: of one or several clusters.
        wanted: the labels of pods and containers.
        cache: has the lines of the exposition before and gets these; without it all lines are written.
        compressed: compress what changes each time while it is written.
    """

    def __init__(
        self,
        snapshots: Iterable[model.Snapshot],
        wanted: options.Options,
        *,
        cache: caches.Cache | None = None,
        compressed: bool = False,
    ) -> None:
        self._wanted = wanted
        self._caches = cache is not None
        self._known = cache.groups("kubevitals", "pods") if cache is not None else {}
        self._pieces: dict[families.RowFamily, list[caches.Piece]] = {
            row: [] for of in _FACTS for row in families.BY_KIND[of]
        }
        self._writers = {
            row: compression.ChunkWriter() for rows in _CHANGING.values() for row in rows if compressed
        }
        self._write: dict[families.RowFamily, Callable[[bytes], None]] = {
            row: self._writers[row].write if compressed else self._pieces[row].append
            for rows in _CHANGING.values()
            for row in rows
        }
        self._nodes: list[tuple[Sequence[Any], encoder.Labels]] = []
        groups: dict[Hashable, caches.Group] = {}
        for cluster, nodes, pods in _by_cluster(snapshots):
            self._nodes.append((nodes, encoder.label_nodes(cluster, nodes)))
            for some in split(encoder.distinct(pods)):
                self._add(cluster, some, groups)
        if cache is not None:
            cache.replace("kubevitals", "pods", groups)

    def families(self) -> Iterator[tuple[text.Family, Sequence[caches.Piece]]]:
        """Yield each family with its lines, in pieces; none where nothing is known. Once for a table."""
        for row in families.NODES:
            index = _INDEX["node", row]
            yield row.family, _with_text(encoder.write(row, index, *each) for each in self._nodes)
        for row in (*families.PODS, *families.CONTAINERS):
            if row in self._writers:
                chunk = self._writers[row].finish()
                yield row.family, [chunk] if chunk.size else []
            else:
                yield row.family, self._pieces[row]
        yield families.CONDITION, _with_text(encoder.write_conditions(*each) for each in self._nodes)

    def _add(self, cluster: str, pods: tuple[model.Pod, ...], groups: dict[Hashable, caches.Group]) -> None:
        """Write what changes of these pods, and what lasts of them unless it is known."""
        key = (cluster, pods[0].namespace, pods[0].name)
        known = self._known.get(key)
        fresh = known is None or not _same(known.members, pods)
        if known is None or fresh:
            labels = encoder.label_pods(cluster, pods, self._wanted)
        else:
            labels = _split_lines(known.labels[0]), _split_lines(known.labels[1])
        containers = [container for pod in pods for container in pod.containers]
        rows = {
            "pod": _Rows("pod", pods, labels[0]),
            "container": _Rows("container", containers, labels[1]),
        }
        for of, changing in _CHANGING.items():
            for row in changing:
                if text := rows[of].write(row):
                    self._write[row](text)
        lasting = ((row, rows[of].write(row)) for of in _FACTS for row in _LASTING[of])
        if not self._caches:
            for row, text in lasting:
                if text:
                    self._pieces[row].append(text)
            return
        if known is None or fresh:
            group = caches.Group(
                pods,
                caches.make_chunks(lasting, known),
                tuple(compression.make_chunk(b"\n".join(each)) for each in labels),
            )
        else:
            group = known._replace(members=pods)
        groups[key] = group
        for family, chunk in group.chunks.items():
            self._pieces[family].append(chunk)


class _Rows:
    """Some pods or containers with their labels, and those of them that have not ended."""

    def __init__(self, of: str, records: Sequence[Any], labels: encoder.Labels) -> None:
        self._of = of
        self._all = records, labels
        self._held = encoder.held(records, labels, of)

    def write(self, row: families.RowFamily) -> bytes:
        """Return the lines of one family."""
        return encoder.write(row, _INDEX[self._of, row], *(self._held if row.held else self._all))


def _with_text(texts: Iterable[bytes]) -> list[caches.Piece]:
    return [text for text in texts if text]


def _split_lines(chunk: compression.Chunk) -> list[bytes]:
    return chunk.text().split(b"\n") if chunk.size else []


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
    begins = [at for at, pod in enumerate(pods) if not hash(pod.name) % _GROUP_SIZE]
    for begin, end in itertools.pairwise([*([] if begins[:1] == [0] else [0]), *begins, len(pods)]):
        if begin < end:
            yield tuple(pods[begin:end])


def _same(before: Sequence[model.Pod], now: Sequence[model.Pod]) -> bool:
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
