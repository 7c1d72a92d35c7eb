"""The Prometheus exposition: snapshots in, text 0.0.4 or OpenMetrics 1.0 out. Pure; it fetches nothing.

Unknown values have no sample. A snapshot that is older than it may be has none of its rows: a series that
ends tells more than a flat line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals import snapshot as snapshots
from kubevitals.surfaces.exposition import families, metrics_server_prom, packing, rows, selfmetrics, text
from kubevitals.surfaces.exposition import options as option_set

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from kubevitals import collector, model
    from kubevitals.surfaces.view import recorderstatus

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
    further: Iterable[tuple[text.Family, Sequence[packing.Group]]] = (),
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
    pieces = render_pieces(
        published_by_cluster,
        openmetrics=openmetrics,
        options=options,
        clusters=clusters,
        requests=requests,
        further=further,
    )
    return b"".join(map(packing.text_of, pieces))


def render_pieces(
    published_by_cluster: Sequence[tuple[model.Snapshot | None, collector.Status | None]],
    *,
    openmetrics: bool,
    options: Options,
    clusters: Sequence[str] = (),
    requests: Mapping[tuple[str, int], int] | None = None,
    further: Iterable[tuple[text.Family, Sequence[packing.Group]]] = (),
    recorded: recorderstatus.RecorderStatus | None = None,
    kept: rows.Kept | None = None,
    packed: bool = False,
) -> Iterator[packing.Piece]:
    """Yield what `render` returns, in pieces, so that a large one is never in memory twice.

    With `kept` the lines of what has not changed since the last time are taken from there. `packed` says
    that the pieces are for `packing.Packer`: what changes each time is then compressed while it is written.
    `recorded` is how history and remote-write are doing.
    """
    named = _name(published_by_cluster, clusters)
    shown = [
        snapshots.without_unlisted(snapshot)
        for snapshot, status in published_by_cluster
        if snapshot is not None and (status is None or status.ready)
    ]
    if options.own:
        for family, pieces in _row_families(rows.Table(shown, options, kept=kept, packed=packed)):
            if pieces:
                yield text.encode(family.header(openmetrics=openmetrics))
                yield from pieces
    said: dict[text.Family, list[str]] = {}
    if options.own:
        said |= selfmetrics.samples(named, requests or {}, recorded)
    if option_set.METRICS_SERVER_PROM in options.compat:
        said |= metrics_server_prom.samples(shown)
    for family, samples in said.items():
        if samples:
            yield text.encode(family.header(openmetrics=openmetrics) + "".join(samples))
    for family, groups in further:
        yield text.encode(family.header(openmetrics=openmetrics))
        yield from groups
    if openmetrics:
        yield text.END


def _row_families(table: rows.Table) -> Iterator[tuple[text.Family, Sequence[packing.Piece]]]:
    for kind, family_rows in families.BY_KIND.items():
        for row in family_rows:
            yield row.family, table.pieces_of(kind, row)
    yield families.CONDITION, table.condition_pieces()


def _name(
    pairs: Sequence[tuple[model.Snapshot | None, collector.Status | None]], names: Sequence[str]
) -> list[tuple[str, tuple[model.Snapshot | None, collector.Status | None]]]:
    given = list(names) + [""] * (len(pairs) - len(names))
    return [
        (name if snapshot is None else snapshot.cluster, (snapshot, status))
        for name, (snapshot, status) in zip(given, pairs, strict=True)
    ]
