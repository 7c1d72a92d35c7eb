"""The snapshot of a command that prints once, of a source that needs two readings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kubevitals import model, reader
from kubevitals.cli import oneshot

if TYPE_CHECKING:
    import pytest

NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Cluster:
    """One whose pods have their first sample for so many readings."""

    def __init__(self, readings: int, *, source: str = "kubelet", new: bool = False) -> None:
        self.left = readings
        self.reads = 0
        self.source = source
        self.new = new  # each reading finds a pod that has just begun

    def read(self, request: Any) -> model.Snapshot:
        del request
        self.reads += 1
        problem = "first_sample" if self.left > 0 else None
        self.left -= 1
        pods = [model.Pod("a", "b", phase="Running", problem=problem)]
        if self.new:
            pods.append(model.Pod("a", f"new-{self.reads}", phase="Running", problem="first_sample"))
        return model.Snapshot("c", self.source, NOW, model.Records([]), model.Records(pods))


def take(cluster: Any) -> tuple[model.Snapshot, list[float]]:
    """Take it with a clock that only sleeping moves."""
    slept: list[float] = []
    taken, _ = oneshot.take(
        cluster, reader.Request(nodes=False, namespace="a"), sleep=slept.append, clock=lambda: sum(slept)
    )
    return taken, slept


def test_what_is_known_at_once_is_not_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    """A snapshot without first samples is returned without a pause or a word."""
    taken, slept = take(Cluster(0))
    assert (taken.pods[0].problem, slept) == (None, [])
    assert capsys.readouterr().err == ""


def test_the_second_measurement_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    """First samples are read again until they are rates, and the wait is announced on stderr once."""
    taken, slept = take(Cluster(3))
    assert taken.pods[0].problem is None
    assert slept == [5.0, 5.0, 5.0]
    assert capsys.readouterr().err.count("takes two readings") == 1


def test_who_begins_meanwhile_is_not_waited_for() -> None:
    """Pods that begin during the wait do not prolong it."""
    taken, slept = take(Cluster(2, new=True))
    assert [pod.problem for pod in taken.pods] == [None, "first_sample"]
    assert slept == [5.0, 5.0]


def test_only_kubelets_are_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    """What a database has one sample of is shown as it is: its next scrape may be a minute away."""
    taken, slept = take(Cluster(3, source="prometheus"))
    assert (taken.pods[0].problem, slept) == ("first_sample", [])
    assert capsys.readouterr().err == ""


def test_the_wait_ends() -> None:
    """What has no second measurement after half a minute is shown with its reason."""
    taken, slept = take(Cluster(1000))
    assert taken.pods[0].problem == "first_sample"
    assert sum(slept) == 35.0
