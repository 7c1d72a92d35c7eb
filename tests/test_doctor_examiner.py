"""Examining one cluster for many who ask."""

from __future__ import annotations

import functools
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests import waiting

import kubevitals
from kubevitals import cli, doctor, errors, model
from kubevitals.doctor import examiner
from kubevitals.history import lastsample, ring

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


def _say(moment: datetime, _: str) -> datetime:
    return moment


def test_since_when_by_what_was_recorded(cluster: kubevitals.Cluster) -> None:
    """The last sample that was recorded dates a silence, whoever was silent; a fresh one does not."""
    assert cluster.world is not None
    now = datetime.now(UTC)
    for fault in ("metrics-server-certificate-expired", "nodes-not-ready"):
        cluster.world.set_faults([fault])
        for minutes, dated in ((40, True), (1, False)):
            last = now - timedelta(minutes=minutes)
            (found,) = doctor.examine(cluster.client, last_sample=functools.partial(_say, last)).findings
            text = last.isoformat(timespec="seconds").replace("+00:00", "Z")
            assert found.since == (text if dated else "")
            assert found.evidence[0].startswith(f"last sample {text}") is dated
    cluster.world.set_faults([])


def test_history_that_cannot_be_read_costs_no_finding(cluster: kubevitals.Cluster) -> None:
    """What is wrong with history is told, and the findings stay."""

    def fail(_: str) -> None:
        raise errors.HistoryError("the file is damaged")

    assert cluster.world is not None
    cluster.world.set_faults(["nodes-not-ready"])
    report = doctor.examine(cluster.client, last_sample=fail)
    assert [each.id for each in report.findings] == ["node_not_ready"]
    assert any("the file is damaged" in each for each in report.problems)


def test_the_last_sample_of_a_node() -> None:
    """History says when usage of a node was recorded last, as far back as it is asked."""
    held = ring.Ring(100, 15.0)
    began = (datetime.now(UTC) - timedelta(minutes=30)).replace(microsecond=0)  # times are kept in ms
    for number in range(8):
        moment = began + timedelta(seconds=15 * number)
        usage = 0.5 if number < 5 else None
        node = model.Node("one", cpu_usage_cores=usage, memory_usage_bytes=1, timestamp=moment)
        held.append(model.Snapshot("c", "metrics-server", moment, nodes=model.Records((node,))))
    assert lastsample.finder(held, "c")("one") == began + timedelta(seconds=60)
    assert lastsample.finder(held, "c")("two") is None
    assert lastsample.finder(held, "other")("one") is None
    assert lastsample.finder(held, "c", back=60.0)("one") is None


def test_since_goes_with_a_history(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    """Without anything recorded --since says how to record; --history alone is wrong usage."""
    path = str(tmp_path / "none.db")
    assert cli.main(["doctor", "--simulate", "--since", "1h", "--history", path]) in (1, 3)
    assert "nothing has been recorded there" in " ".join(capsys.readouterr().out.split())
    assert cli.main(["doctor", "--simulate", "--history", path]) == 2
    assert cli.main(["doctor", "--simulate", "--since", "soon"]) == 2
