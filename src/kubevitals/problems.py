"""All that is wrong with a cluster, or that could not be read of it, as one list, the most serious first.

It joins three things: why something could not be read (`model.Problem`), which rows have no usage and why,
and what is wrong with nodes and pods (`findings`). What has one cause is one problem.
"""

from __future__ import annotations

from kubevitals import findings, kinds, quantity, severity, snapshot, totals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime
    from typing import Any, NamedTuple

    from kubevitals import model
else:
    from kubevitals.namedtuple import NamedTuple

NEW, GONE = "new", "gone"
EXPECTED = frozenset({"ended", "starting", "not_running"})  # reasons of rows that are nobody's fault
_NAMED = 3  # rows with one problem, of which each is named
_EXPLAINED = frozenset({"not_ready", "node_not_ready"})  # by the finding on a lost node
# Problems that cost no number but make ages doubtful, each with the reasons of rows that it explains.
_DOUBTS = {"own_clock": frozenset({"clock_ahead", "stale"}), "clock_ahead": frozenset({"clock_ahead"})}


class ClusterProblem(NamedTuple):
    """One thing that is wrong, as `/api/v1/problems` and `kubevitals problems` have it."""

    severity: str  # critical, warning, info
    code: str  # a stable word
    kind: str  # Node, Pod, a workload's kind, or Snapshot where something could not be read
    namespace: str | None
    name: str | None
    message: str
    remedy: str | None = None  # the next step
    since: datetime | None = None  # when it began, at the latest
    last_seen_at: datetime | None = None  # when it happened last, of what happens again and again
    value: float | None = None  # the ratio that is too high
    pods: int | None = None  # how many pods it is about
    change: str | None = None  # new or gone, where two moments were compared
    reason: str = ""  # the word that tables show: kubectl's, or "memory 94%"

    @property
    def key(self) -> tuple[str, str, str | None, str | None]:
        """What makes it the same problem at another time."""
        return self.code, self.kind, self.namespace, self.name

    def to_dict(self) -> dict[str, Any]:
        """Return the wire form: every key present, times as RFC 3339 text."""
        row = self._asdict()
        del row["reason"]
        for key in ("since", "last_seen_at"):
            moment = row[key]
            row[key] = None if moment is None else moment.isoformat().replace("+00:00", "Z")
        return row


def describe_object(row: ClusterProblem) -> str:
    """Return what a problem is about: "node a", "shop/web (Deployment, 3 pods)", or "-" for no object."""
    if row.name is None:
        return "-"
    if row.kind == "Node":
        return f"node {row.name}"
    place = f"{row.namespace}/{row.name}" if row.namespace else row.name
    return f"{place} ({row.kind}, {row.pods} pods)" if row.pods and row.pods > 1 else place


def find(taken: model.Snapshot) -> list[ClusterProblem]:
    """Return what is wrong with the cluster of a snapshot, the most serious first."""
    found = findings.inspect(taken.nodes, taken.pods, now=taken.generated_at)
    lost = any(each.rank == severity.NODE_LOST for each in found)
    explained = _EXPLAINED if lost else frozenset()
    explained = explained.union(*(_DOUBTS.get(problem.code, ()) for problem in taken.problems))
    listed = [
        *map(_of_problem, taken.problems),
        *_of_rows(taken, explained=explained),
        *map(_of_finding, found),
    ]
    return sorted(listed, key=lambda each: severity.SEVERITIES.index(each.severity))


def compare(now: Iterable[ClusterProblem], before: Iterable[ClusterProblem]) -> list[ClusterProblem]:
    """Return the problems of now, those that were not there before marked as new, and then those gone."""
    now, before = list(now), list(before)
    known = {each.key for each in before}
    still = {each.key for each in now}
    marked = [each if each.key in known else each._replace(change=NEW) for each in now]
    return [*marked, *(each._replace(change=GONE) for each in before if each.key not in still)]


def _of_problem(problem: model.Problem) -> ClusterProblem:
    return ClusterProblem(
        severity.WARNING if problem.code in _DOUBTS else severity.CRITICAL,
        problem.code,
        "Snapshot",
        None,
        problem.object,
        problem.message,
        problem.remedy,
        reason=problem.code,
    )


def _of_rows(taken: model.Snapshot, *, explained: Collection[str]) -> list[ClusterProblem]:
    """Return why rows have no usage, or a doubtful one, counted by reason, but for what is explained."""
    return [
        ClusterProblem(
            severity.INFO if code in EXPECTED else severity.WARNING,
            code,
            kind,
            None,
            None,
            _say_how_many(rows, kind, code, count),
            pods=count if kind == "Pod" else None,
            reason=code,
        )
        for kind, rows in (("Node", taken.nodes), ("Pod", taken.pods))
        for code, count in totals.count_problems(rows).items()
        if code not in explained
    ]


def _say_how_many(rows: Iterable[model.Node | model.Pod], kind: str, code: str, count: int) -> str:
    """Return how many rows have a problem, and which ones if they are few and it is somebody's fault."""
    said = f"{quantity.format_count(count, kind.lower())} {snapshot.REASONS.get(code, code)}"
    if code in EXPECTED or count > _NAMED:
        return said
    path = kinds.parse(kind.lower()).path
    names = ("/".join(getattr(row, field) for field in path) for row in rows if row.problem == code)
    return f"{said}: {', '.join(names)}"


def _of_finding(found: findings.Finding) -> ClusterProblem:
    return ClusterProblem(
        found.severity,
        found.code,
        found.kind,
        found.namespace,
        found.name,
        found.message,
        found.remedy or None,
        found.since,
        found.last_seen_at,
        found.value,
        found.pods or None,
        reason=found.reason,
    )
