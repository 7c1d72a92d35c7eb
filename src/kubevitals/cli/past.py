"""`top --at`: the state as it was, from what was recorded. What a cluster would select is selected here."""

from __future__ import annotations

import sys

from kubevitals import errors, model, sanitize
from kubevitals.cli import historyoptions
from kubevitals.surfaces.view import times
from kubevitals.surfaces.web import queries, selectors

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from typing import Any

    from kubevitals import history as histories
    from kubevitals import reader
    from kubevitals.cli.commands import top


def show(view: top.View, arguments: argparse.Namespace) -> int:
    """Print what `top` would have printed at that time; return the exit code.

    Raises:
        errors.UsageError: --at is no time, or does not go with another option.
        errors.HistoryError: nothing was recorded near it.
    """
    import contextlib
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    moment = times.parse_moment(arguments.at, now=now)
    place: Any = _find_place(arguments)
    with contextlib.closing(historyoptions.open_reader(arguments)) as held:
        found = held.snapshot_at(moment, cluster=place.name)
        if found is None:
            raise _nothing(moment, place.name, held, now)
    request = view.request(place)
    code = view.print(select(found, request), request)
    _tell_moment(found.generated_at, moment)
    return code


class _Place:
    """Which cluster and namespace are meant, as far as a kubeconfig says; nothing is asked of the cluster."""

    def __init__(self, name: str | None, namespace: str) -> None:
        self.name = name  # None: the only one that was recorded
        self.namespace = namespace

    @property
    def config(self) -> _Place:
        """Where `top` looks for the namespace."""
        return self


def _find_place(arguments: argparse.Namespace) -> _Place:
    from kubevitals.cli import clusteroptions

    if arguments.simulate or arguments.simulation is not None:
        return _Place("simulated", arguments.namespace or "default")
    try:
        with clusteroptions.connect(arguments) as cluster:
            return _Place(cluster.name, cluster.config.namespace)
    except errors.ConfigurationError as error:
        # A machine that has the history alone, or a name of a cluster that no kubeconfig here knows.
        if arguments.context is None and not isinstance(error, errors.NoClusterError):
            raise
        return _Place(arguments.context, arguments.namespace or "default")


def select(taken: model.Snapshot, request: reader.Request) -> model.Snapshot:
    """Return the snapshot with those nodes and pods that the request asks for."""
    nodes: list[model.Node] = list(taken.nodes) if request.nodes else []
    pods: list[model.Pod] = list(taken.pods) if request.pods else []
    if request.nodes and request.node_label_selector:
        nodes = _matching(nodes, request.node_label_selector)
    if request.namespace is not None:
        pods = [pod for pod in pods if pod.namespace == request.namespace]
    if request.label_selector:
        pods = _matching(pods, request.label_selector)
    if request.field_selector:
        pods = list(filter(_field_matcher(request.field_selector), pods))
    return taken._replace(nodes=model.Records(nodes), pods=model.Records(pods))


def _matching(rows: Iterable[Any], selector: str) -> list[Any]:
    try:
        required = selectors.parse_labels(selector)
    except ValueError as error:
        raise errors.UsageError(f"{selector[:60]!r} is {error}") from error
    return [row for row in rows if selectors.matches(row.labels, required)]


def _field_matcher(selector: str) -> Callable[[Any], bool]:
    keys = queries.field_keys("pods")
    try:
        return selectors.field_matcher(selectors.parse_fields(selector, keys))
    except KeyError as error:
        raise errors.UsageError(
            f"pods have no field {str(error.args[0])[:60]!r}", remedy="one of " + ", ".join(keys)
        ) from error
    except ValueError as error:
        raise errors.UsageError(f"{selector[:60]!r} is {error}") from error


def _nothing(
    moment: datetime, cluster: str | None, held: histories.History, now: datetime
) -> errors.HistoryError:
    extent = historyoptions.find_extent(held, now=now)
    of = f" of cluster {sanitize.printable(cluster)!r}" if cluster else ""
    if extent is None:
        return errors.HistoryError(f"nothing{of} was recorded yet", remedy=historyoptions.HOW_TO_RECORD)
    first, last = map(times.format_moment, extent)
    names = historyoptions.find_clusters(held, extent[1])
    others = [sanitize.printable(name) for name in names if cluster is not None and name != cluster]
    choose = f"; --context {others[0]} asks for another cluster" if others else ""
    return errors.HistoryError(
        f"nothing{of} was recorded near {times.format_moment(moment)}",
        remedy=f"what was recorded is from {first} to {last}{choose}",
    )


def _tell_moment(found: datetime, asked: datetime) -> None:
    """Print which moment it is, and how far from the one that was asked for."""
    seconds = abs((found - asked).total_seconds())
    way = "before" if found < asked else "after"
    far = f", {seconds:.0f} s {way} the time that was asked for" if seconds >= 0.5 else ""
    print(f"note: the state at {times.format_moment(found.replace(microsecond=0))}{far}", file=sys.stderr)
