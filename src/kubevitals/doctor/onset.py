"""Since when something has been silent: what was recorded says, and events say what happened shortly before."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from kubevitals import errors, sanitize
from kubevitals.doctor import diagnosis, layers, lookups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from kubevitals.doctor import context as contexts

    LastSample = Callable[[str], datetime | None]

_OF_NODES = frozenset({layers.NODES, layers.KUBELETS, layers.CADVISOR})
_OF_ALL = frozenset({layers.METRICS_SERVER})
_BEFORE = timedelta(minutes=30)  # in which what happened may have to do with it
_FRESH = 300.0  # seconds; a sample that is no older is no silence
_NODES = 3  # of a finding, each of which is looked up
_EVENTS = frozenset({"Starting", "Rebooted", "NodeNotReady", "Killing", "Started", "NodeHasDiskPressure"})


def find(
    found: Iterable[diagnosis.Finding],
    last_sample: LastSample,
    context: contexts.Context,
) -> list[diagnosis.Finding]:
    """Return the findings, those on silent nodes or on all of them with `since`, and with what preceded it.

    Args:
        found: the findings.
        last_sample: says when usage of a node was recorded last.
        context: through which events are read, if they may be.

    Raises:
        errors.HistoryError: what was recorded cannot be read.
    """
    made = []
    for each in found:
        last = max(filter(None, map(last_sample, _nodes_of(each, context))), default=None)
        if last is not None and context.wall() - last.timestamp() > _FRESH:
            when = last.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            told = (f"last sample {when}, by what was recorded", *_preceding(context, each, last))
            each = each._replace(since=when, evidence=(*told, *each.evidence)[:8])  # noqa: PLW2901
        made.append(each)
    return made


def _nodes_of(finding: diagnosis.Finding, context: contexts.Context) -> tuple[str, ...]:
    """Return some of the nodes that a finding silences."""
    if finding.layer in _OF_NODES:
        return finding.scope[:_NODES]
    if finding.layer not in _OF_ALL:
        return ()
    try:
        return tuple(diagnosis.place(node) for node in lookups.nodes(context).items[:_NODES])
    except errors.ClusterError:
        return ()


def _preceding(context: contexts.Context, finding: diagnosis.Finding, last: datetime) -> Iterable[str]:
    """Yield what events say of the nodes, or of metrics-server, in the half hour before."""
    if not context.allows("list", "events"):
        return
    nodes = finding.layer in _OF_NODES
    path = "/api/v1/events" if nodes else "/api/v1/namespaces/kube-system/events"
    try:
        items = context.listing(path, most=500).items
    except errors.ClusterError:
        return
    told = []
    for each in items:
        name = diagnosis.text(each, "involvedObject", "name")
        mine = name in finding.scope if nodes else name.startswith("metrics-server")
        moment = lookups.moment_of(diagnosis.text(each, "lastTimestamp") or diagnosis.text(each, "eventTime"))
        if mine and moment is not None and diagnosis.text(each, "reason") in _EVENTS:
            ago = last - moment
            if timedelta(0) <= ago + timedelta(minutes=1) and ago <= _BEFORE:
                told.append((moment, name, diagnosis.text(each, "reason"), diagnosis.text(each, "message")))
    for moment, name, reason, message in sorted(told)[-2:]:
        gap = lookups.format_age((last - moment).total_seconds())
        when = moment.astimezone(UTC).strftime("%H:%MZ")
        yield sanitize.excerpt(f"{when}, {gap} before: {name} {reason}: {message}", 200)
