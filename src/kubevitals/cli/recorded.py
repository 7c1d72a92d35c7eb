"""The snapshot that was recorded at some time, for `top --at`: read from history, not from a cluster."""

from __future__ import annotations

from kubevitals import errors, kinds, sanitize
from kubevitals.cli import historyoptions
from kubevitals.selection import selectors
from kubevitals.surfaces.view import times

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from datetime import datetime

    from kubevitals import history as histories
    from kubevitals import model, reader, selection


def read(arguments: argparse.Namespace) -> tuple[model.Snapshot, str, str]:
    """Return the snapshot at the time of --at, the namespace of the context, and a note on the time.

    Raises:
        errors.UsageError: --at is no time.
        errors.HistoryError: nothing was recorded near it.
    """
    cluster, namespace = _find_context(arguments)
    found, note = read_at(arguments, arguments.at, cluster=cluster)
    return found, namespace, note


def read_at(arguments: argparse.Namespace, text: str, *, cluster: str | None) -> tuple[model.Snapshot, str]:
    """Return the snapshot of a cluster at the time in `text`, and a note on the time. Raises as `read`."""
    import contextlib
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    moment = times.parse_moment(text, now=now)
    with contextlib.closing(historyoptions.open_reader(arguments)) as held:
        found = held.snapshot_at(moment, cluster=cluster)
        if found is None:
            raise _nothing(moment, cluster, held, now)
    return found, _describe_moment(found.generated_at, moment)


def select(chosen: selection.Selection, request: reader.Request, kind: kinds.Kind) -> selection.Selection:
    """Return the selection with the conditions that the API server applies to lists of that kind.

    Raises:
        errors.UsageError: a selector is none.
    """
    labels = request.node_label_selector if kind is kinds.NODES else request.label_selector
    return chosen._replace(
        namespaces=None if request.namespace is None else frozenset([request.namespace]),
        labels=selectors.parse_labels(labels or ""),
        fields=selectors.parse_fields(request.field_selector or "", kind.selectable),
    )


def _find_context(arguments: argparse.Namespace) -> tuple[str | None, str]:
    """Return which cluster is meant (None: the only one that was recorded) and its context's namespace.

    The kubeconfig says so, as far as there is one; nothing is asked of the cluster.
    """
    from kubevitals.cli import clusteroptions

    if clusteroptions.is_simulated(arguments):
        return "simulated", arguments.namespace or "default"
    try:
        with clusteroptions.connect(arguments) as cluster:
            return cluster.name, cluster.config.namespace
    except errors.ConfigurationError as error:
        # A machine that has the history alone, or a name of a cluster that no kubeconfig here knows.
        if arguments.context is None and not isinstance(error, errors.NoClusterError):
            raise
        return arguments.context, arguments.namespace or "default"


def _nothing(
    moment: datetime, cluster: str | None, held: histories.History, now: datetime
) -> errors.HistoryError:
    extent = held.extent(now)
    of = f" of cluster {sanitize.printable(cluster)!r}" if cluster else ""
    if extent is None:
        return errors.HistoryError(f"nothing{of} was recorded yet", remedy=historyoptions.HOW_TO_RECORD)
    first, last = map(times.format_moment, extent)
    names = held.clusters()
    others = [sanitize.printable(name) for name in names if cluster is not None and name != cluster]
    choose = f"; --context {others[0]} asks for another cluster" if others else ""
    return errors.HistoryError(
        f"nothing{of} was recorded near {times.format_moment(moment)}",
        remedy=f"what was recorded is from {first} to {last}{choose}",
    )


def _describe_moment(found: datetime, asked: datetime) -> str:
    """Return which time it is, and how far from the one that was asked for."""
    seconds = abs((found - asked).total_seconds())
    side = "before" if found < asked else "after"
    far = f", {seconds:.0f} s {side} the time that was asked for" if seconds >= 0.5 else ""
    return f"the state at {times.format_moment(found.replace(microsecond=0))}{far}"
