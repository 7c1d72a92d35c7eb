"""Examining one cluster for many who ask."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests import waiting

import kubevitals
from kubevitals import doctor, errors
from kubevitals.doctor import examiner

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def cluster() -> Iterator[kubevitals.Cluster]:
    with kubevitals.connect(simulation={"calm": True}) as connected:
        yield connected


class Counted:
    """An examiner with a clock to set, which counts its examinations."""

    def __init__(self, cluster: kubevitals.Cluster) -> None:
        self.now = 1000.0
        self.asked: list[float] = []
        self.examiner = examiner.Examiner(cluster.client, clock=lambda: self.now, examine=self.examine)

    def examine(self, *arguments: Any, **options: Any) -> Any:
        self.asked.append(self.now)
        return doctor.examine(*arguments, **options)


@pytest.mark.parametrize("fault", [None, "unauthorized"])
def test_once_a_minute(cluster: kubevitals.Cluster, fault: str | None) -> None:
    """Whoever asks within a minute gets the same answer, failures too; then it is asked anew."""
    counted = Counted(cluster)
    assert cluster.world is not None
    cluster.world.set_faults([fault] if fault else [])
    for moment in (1000.0, 1030.0, 1059.0, 1061.0):
        counted.now = moment
        if fault is None:
            assert counted.examiner.examine() is counted.examiner.latest
        else:
            with pytest.raises(errors.ClusterError):
                counted.examiner.examine()
            assert counted.examiner.latest is None
    assert counted.asked == [1000.0, 1061.0]


def test_those_who_ask_together_share_it(cluster: kubevitals.Cluster) -> None:
    """Threads that ask at the same time wait for one examination."""
    counted = Counted(cluster)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(counted.examiner.examine())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(counted.asked) == len({id(each) for each in found}) == 1


def test_since_when(cluster: kubevitals.Cluster) -> None:
    """A finding keeps the time of the first examination that made it, until one does not make it."""
    counted = Counted(cluster)
    assert cluster.world is not None

    def look(*faults: str) -> list[str]:
        counted.now += 100
        assert cluster.world is not None
        cluster.world.set_faults(list(faults))
        return [each.since for each in counted.examiner.examine().findings]

    (first,) = look("metrics-server-certificate-expired")
    assert look("metrics-server-certificate-expired") == [first]
    assert look() == []


def test_on_its_own(cluster: kubevitals.Cluster) -> None:
    """Once started it examines without being asked, again and again, and stops when told."""
    counted = Counted(cluster)
    counted.examiner.start(every=0.05)
    waiting.until(lambda: counted.examiner.latest is not None)
    counted.now += 100
    waiting.until(lambda: len(counted.asked) == 2)
    counted.examiner.stop()
    counted.now += 100
    assert len(counted.asked) == 2
