"""The Prometheus exposition: snapshots in, text 0.0.4 or OpenMetrics 1.0 out. It fetches nothing.

An unknown value has no sample. Of a snapshot that is older than --max-age allows, no node, pod or container
has one: a series that ends tells more than a flat line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals import snapshot as snapshots
from kubevitals.surfaces.exposition import cache as caches
from kubevitals.surfaces.exposition import (
    detailmetrics,
    metrics_server_prom,
    objectmetrics,
    selfmetrics,
    text,
)
from kubevitals.surfaces.exposition import options as option_set

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from kubevitals import collector, model
    from kubevitals.doctor import report
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
    further: Iterable[tuple[text.Family, Sequence[caches.Piece]]] = (),
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
    return b"".join(caches.join(pieces))


def render_pieces(
    published_by_cluster: Sequence[tuple[model.Snapshot | None, collector.Status | None]],
    *,
    openmetrics: bool,
    options: Options,
    clusters: Sequence[str] = (),
    requests: Mapping[tuple[str, int], int] | None = None,
    further: Iterable[tuple[text.Family, Sequence[caches.Piece]]] = (),
    recorded: recorderstatus.RecorderStatus | None = None,
    examined: Mapping[str, report.Report | None] | None = None,
    cache: caches.Cache | None = None,
    compressed: bool = False,
) -> Iterator[caches.Piece]:
    """Yield what `render` returns in pieces, so that a large exposition is never in memory twice.

    Lines of what has not changed since the exposition before are taken from `cache`, where those of this one
    are left; without it all lines are written. Say that the pieces are to be `compressed` if they will be
    joined to a gzip stream: then what changes each time is compressed while it is written. `recorded` is how
    history and remote-write are doing, `examined` the doctor's last report on each cluster; the rest is as of
    `render`.
    """
    named = _name(published_by_cluster, clusters)
    shown = [
        snapshots.without_unlisted(snapshot)
        for snapshot, status in published_by_cluster
        if snapshot is not None and (status is None or status.ready)
    ]
    if options.own:
        table = objectmetrics.Table(shown, options, cache=cache, compressed=compressed)
        for family, pieces in table.families():
            if pieces:
                yield text.encode(family.header(openmetrics=openmetrics))
                yield from pieces
        for family, lines in detailmetrics.samples(shown, options):
            yield text.encode(family.header(openmetrics=openmetrics))
            yield lines
    said: dict[text.Family, list[str]] = {}
    if options.own:
        said |= selfmetrics.samples(named, requests or {}, recorded, examined or {})
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


def _name(
    pairs: Sequence[tuple[model.Snapshot | None, collector.Status | None]], names: Sequence[str]
) -> list[tuple[str, tuple[model.Snapshot | None, collector.Status | None]]]:
    given = list(names) + [""] * (len(pairs) - len(names))
    return [
        (name if snapshot is None else snapshot.cluster, (snapshot, status))
        for name, (snapshot, status) in zip(given, pairs, strict=True)
    ]
