"""One picture of a cluster: a snapshot with what follows from it, or why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubevitals import problems, verdict, vitals

if TYPE_CHECKING:
    from datetime import datetime

    from kubevitals import model
    from kubevitals.doctor import report


class Share(NamedTuple):
    """Usage of the nodes as a share of allocatable, at one tick."""

    at: datetime
    cpu: float | None
    memory: float | None


class Examination(NamedTuple):
    """How the doctor is doing: the last report, or what kept it from one, and whether it is at work."""

    report: report.Report | None = None
    error: model.Problem | None = None
    running: bool = False

    @property
    def begun(self) -> bool:
        """Whether anybody has asked for one."""
        return self.running or self.report is not None or self.error is not None


class Picture(NamedTuple):
    """What is shown. Without a snapshot it says what is being waited for, or what failed.

    `error` is what the last try met; the snapshot is then the last good one. `back_at` is when a connection
    that was lost came back.
    """

    cluster: str
    namespace: str | None = None
    snapshot: model.Snapshot | None = None
    problems: tuple[problems.ClusterProblem, ...] = ()
    verdict: verdict.Verdict | None = None
    vitals: vitals.Vitals | None = None
    coverage: tuple[int, int] = (0, 0)  # pods with usage, of those that live
    shares: tuple[Share, ...] = ()  # an hour of them
    error: model.Problem | None = None
    lost_at: datetime | None = None
    back_at: datetime | None = None
    reading: str = "reading nodes, pods and usage"  # what is waited for, while there is no snapshot
    examination: Examination = Examination()

    def look(self, taken: model.Snapshot, coverage: tuple[int, int], shares: tuple[Share, ...]) -> Picture:
        """Return the picture of a new snapshot."""
        found = tuple(problems.find(taken))
        sums = vitals.sum_up(taken.nodes, taken.pods)
        share = Share(taken.generated_at, sums.cpu_of_allocatable, sums.memory_of_allocatable)
        if not shares or shares[-1].at < share.at:
            shares = (*shares, share)
        return self._replace(
            snapshot=taken,
            problems=found,
            verdict=verdict.judge(taken, found, namespace=self.namespace),
            vitals=sums,
            coverage=coverage,
            shares=shares,
        )
