"""The families of what kubelets tell beside CPU and memory: with --detail alone, and written each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals.surfaces.exposition import encoder, families, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from kubevitals import model
    from kubevitals.surfaces.exposition import options


def samples(
    snapshots: Iterable[model.Snapshot], wanted: options.Options
) -> Iterator[tuple[text.Family, bytes]]:
    """Yield each family that has samples, with its lines; `wanted` are the labels of pods and containers."""
    found: dict[text.Family, list[bytes]] = {}
    for snapshot in snapshots:
        for of, records, labels in _rows(snapshot, wanted):
            for family, field in families.DETAILS[of]:
                lines = [
                    b"%s{%s} %s\n" % (family.name.encode(), label, repr(value).encode())
                    for record, label in zip(records, labels, strict=True)
                    if (value := getattr(record.detail, field)) is not None
                ]
                if lines:
                    found.setdefault(family, []).append(b"".join(lines))
    for of in families.DETAILS:
        for family, _ in families.DETAILS[of]:
            if family in found:
                yield family, b"".join(found[family])


def _rows(
    snapshot: model.Snapshot, wanted: options.Options
) -> Iterator[tuple[str, Sequence[Any], Sequence[bytes]]]:
    """Yield the nodes, pods and containers that have details, with their labels."""
    nodes = [node for node in snapshot.nodes if node.detail is not None]
    yield "node", nodes, encoder.label_nodes(snapshot.cluster, nodes)
    pods = encoder.distinct(
        [
            pod
            for pod in snapshot.pods
            if pod.detail is not None or any(each.detail for each in pod.containers)
        ]
    )
    of_pods, of_containers = encoder.label_pods(snapshot.cluster, pods, wanted)
    containers = [container for pod in pods for container in pod.containers]
    rows: tuple[tuple[str, Sequence[Any], Sequence[bytes]], ...] = (
        ("pod", pods, of_pods),
        ("container", containers, of_containers),
    )
    for of, records, labels in rows:
        kept = [at for at, record in enumerate(records) if record.detail is not None]
        yield of, [records[at] for at in kept], [labels[at] for at in kept]
