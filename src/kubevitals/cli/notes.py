"""Messages about a snapshot, on stderr: what is unknown and why, and what was not found."""

from __future__ import annotations

from kubevitals import sanitize, snapshot, totals
from kubevitals.cli import messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from kubevitals import cluster as clusters
    from kubevitals import model

# Problems that leave a whole answer without usage: the command has failed, whatever else it shows.
_FATAL = frozenset(
    {
        "metrics_not_installed", "metrics_unavailable", "metrics_empty", "usage_forbidden", "usage_failed",
        "kubelets_unreadable", "prometheus_unavailable", "prometheus_empty",
    }
)  # fmt: skip
_SHOWN_PROBLEMS = 5


def print_warnings(cluster: clusters.Cluster) -> None:
    """Print the warnings of the connection, such as an unchecked certificate."""
    for warning in cluster.config.warnings:
        messages.show("warning", warning)


def print_missing(
    names: Sequence[str], noun: str, *, unlisted: bool = False, namespace: str | None = None
) -> int:
    """Print which of the names were not found; return the exit code for it.

    `unlisted` says that the objects were not listed: it is known of them only that there is no sample.
    """
    for name in names:
        place = f" in namespace {sanitize.printable(namespace)}" if namespace else ""
        what = f"{noun} {sanitize.printable(name)!r}{place}"
        message = f"no usage of {what}: not there, or not measured yet" if unlisted else f"{what} not found"
        messages.show("error", message)
    return 1 if names else 0


def print_problems(taken: model.Snapshot, unknown: Sequence[str] = ()) -> int:
    """Print the snapshot's problems and the lines about what is unknown; return the exit code for it."""
    fatal = [problem for problem in taken.problems if problem.code in _FATAL]
    rows: list[model.Node | model.Pod] = [*taken.nodes, *taken.pods]
    if not any(row.memory_usage_bytes is not None for row in rows):
        # Another source than the usual one answered, and has no number either.
        fatal += [problem for problem in taken.problems if problem.code == "source_fallback"]
    for problem in taken.problems[:_SHOWN_PROBLEMS]:
        remedy = messages.choose_remedy(problem.remedy, problem.right)
        messages.show("error" if problem in fatal else "warning", problem.message, remedy)
    if len(taken.problems) > _SHOWN_PROBLEMS:
        more = len(taken.problems) - _SHOWN_PROBLEMS
        messages.show("warning", f"{more} more problems; -o json lists them all")
    for line in unknown:
        messages.show("note", line)
    return 1 if fatal else 0


def describe_unknown(rows: Sequence[Any], kind: str) -> list[str]:
    """Return notes that count the rows without usage by reason, then those whose usage is doubtful."""
    doubtful = [row for row in rows if None not in (row.cpu_usage_cores, row.memory_usage_bytes)]
    counts = totals.count_problems(
        row for row in rows if None in (row.cpu_usage_cores, row.memory_usage_bytes)
    )
    for code in _FATAL:
        counts.pop(code, None)
    lines = []
    if counts:
        unknown = sum(counts.values())
        reasons = "; ".join(f"{count} {snapshot.REASONS.get(code, code)}" for code, count in counts.items())
        lines.append(f"no usage for {unknown} of {len(rows)} {kind}: {reasons}")
    for code, count in totals.count_problems(doubtful).items():
        more = "; -o wide shows their age" if code == "stale" else ""
        lines.append(f"{count} of {len(rows)} {kind} {snapshot.REASONS.get(code, code)}{more}")
    return lines
