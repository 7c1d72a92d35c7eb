"""Remote-write 2.0 into the real Prometheus 3, which takes both versions and says what it has written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests import prometheus, test_remotewrite
from tests.e2e import provision

from kubevitals.surfaces.remotewrite import writer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[prometheus.Prometheus]:
    """Prometheus 3 as a receiver."""
    program = str(provision.provide("prometheus-3")["prometheus-3"])
    with prometheus.receiving(tmp_path_factory.mktemp("prometheus"), path=program) as server:
        yield server


@pytest.mark.parametrize(("protocol", "spoken"), [("auto", "2.0"), ("1.0", "1.0")])
def test_each_sample_is_there_once(receiver: prometheus.Prometheus, protocol: str, spoken: str) -> None:
    """In either version, and 2.0 is found out by itself, each sample is there with its time and value."""
    name = f"sent-{spoken.replace('.', '-')}"
    queue = test_remotewrite.Recorded(*[test_remotewrite.snapshot(tick, name=name) for tick in (1, 2, 3)])
    with test_remotewrite.sender_to(receiver.url, protocol) as sender:
        made = writer.Writer(queue, sender)
        made.send_recorded()
        assert (made.status().refused, made.status().problem, sender.protocol) == (0, None, spoken)
    found = receiver.ask("query", query=f'kubevitals_container_cpu_usage_cores{{workload="{name}"}}[1h]')
    assert {each["metric"]["pod"] for each in found["result"]} == {f"{name}-{number}" for number in range(3)}
    for each in found["result"]:
        assert [(moment, float(value)) for moment, value in each["values"]] == [
            ((test_remotewrite.START + timedelta(seconds=15 * tick - 4)).timestamp(), 0.5 + tick)
            for tick in (1, 2, 3)
        ]


def test_a_series_that_ended_is_over(receiver: prometheus.Prometheus) -> None:
    """The stale marker ends a series in Prometheus 3 too."""
    queue = test_remotewrite.Recorded(
        test_remotewrite.snapshot(1, pods=2, name="over"), test_remotewrite.snapshot(2, pods=1, name="over")
    )
    with test_remotewrite.sender_to(receiver.url) as sender:
        writer.Writer(queue, sender).send_recorded()
    at = (test_remotewrite.START + timedelta(seconds=31)).timestamp()
    assert at < datetime.now(UTC).timestamp()
    found = receiver.ask("query", query='kubevitals_pod_ready{workload="over"}', time=str(at))["result"]
    assert [each["metric"]["pod"] for each in found] == ["over-0"]
