"""The Prometheus exposition: snapshots in, text 0.0.4 or OpenMetrics 1.0 out. Pure; it fetches nothing.

Unknown values have no sample. A snapshot that is older than it may be has none of its rows: a series that
ends tells more than a flat line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals.surfaces.exposition import families, metrics_server_prom, rows, service, text
from kubevitals.surfaces.exposition import options as option_set

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kubevitals import collector, model

Options = option_set.Options
make_options = option_set.make_options
TEXT = text.TEXT
OPENMETRICS = text.OPENMETRICS


def render(
    published_by_cluster: Sequence[tuple[model.Snapshot | None, collector.Status | None]],
    *,
    openmetrics: bool,
    options: Options,
    clusters: Sequence[str] = (),
    requests: Mapping[tuple[str, int], int] | None = None,
    further: Iterable[tuple[text.Family, Sequence[str]]] = (),
) -> bytes:
    """Return the whole exposition of one or several clusters.

    Args:
        published_by_cluster: a snapshot (None before the first one) and how its collector is doing (None
            where there is no collector).
        openmetrics: write OpenMetrics 1.0 instead of text 0.0.4.
        options: further labels and families.
        clusters: the clusters' names, needed only where a snapshot is None.
        requests: how many requests were answered, by route and status code.
        further: families with their lines, such as those of kube-state-metrics.
    """
    named = _name(published_by_cluster, clusters)
    shown = [
        snapshot
        for snapshot, status in published_by_cluster
        if snapshot is not None and (status is None or status.ready)
    ]
    parts: list[str] = []

    def add(family: text.Family, lines: Sequence[str]) -> None:
        if any(lines):
            parts.append(family.header(openmetrics=openmetrics))
            parts.extend(lines)

    if options.own:
        table = rows.Table(shown, options)
        for kind, family_rows in families.BY_KIND.items():
            for row in family_rows:
                add(row.family, table.lines_of(kind, row))
        add(families.CONDITION, table.condition_lines())
        for family, lines in service.samples(named, requests or {}).items():
            add(family, lines)
    if option_set.METRICS_SERVER_PROM in options.compat:
        for family, lines in metrics_server_prom.samples(shown).items():
            add(family, lines)
    for family, ready in further:
        add(family, ready)
    return text.join(parts, openmetrics=openmetrics)


def _name(
    pairs: Sequence[tuple[model.Snapshot | None, collector.Status | None]], names: Sequence[str]
) -> list[tuple[str, tuple[model.Snapshot | None, collector.Status | None]]]:
    given = list(names) + [""] * (len(pairs) - len(names))
    return [
        (name if snapshot is None else snapshot.cluster, (snapshot, status))
        for name, (snapshot, status) in zip(given, pairs, strict=True)
    ]
