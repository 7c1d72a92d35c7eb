"""Remote-write to receivers that refuse: what a refused sample costs, what is told, and what waits."""

from __future__ import annotations

import contextlib
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests import prometheus, refusing, servers
from tests.test_remotewrite import START, Recorded, note, one, sender_to, snapshot

from kubevitals import model
from kubevitals.surfaces.remotewrite import protobuf, series, writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Choice = Any


@pytest.fixture
def receiver() -> Iterator[refusing.Receiver]:
    with refusing.running() as running:
        yield running


@contextlib.contextmanager
def writing(receiver: refusing.Receiver, queue: Recorded, **more: Any) -> Iterator[writer.Writer]:
    """A writer to the receiver whose pauses take no time."""
    with sender_to(receiver.url, "1.0") as sender:
        more = {"wait": lambda _: False, "clock": lambda: 0.0, "rate": 1e12, **more}
        yield writer.Writer(queue, sender, **more)


def expected(*snapshots: model.Snapshot) -> set[tuple[refusing.Labels, int]]:
    """The series and times of all samples of these snapshots."""
    sampler = series.Sampler()
    return {(each.series.labels, each.milliseconds) for one in snapshots for each in sampler.sample(one)}


CHOICES: dict[str, Callable[[list[Choice]], list[Choice]]] = {
    "first": lambda all_of: all_of[:1],
    "last": lambda all_of: all_of[-1:],
    "two neighbours": lambda all_of: all_of[7:9],
    "several": lambda all_of: all_of[::9],
    "every second one": lambda all_of: all_of[::2],
    "all": list,
}


@pytest.mark.parametrize("status", [400, 409, 422])
@pytest.mark.parametrize("choice", CHOICES)
def test_a_refused_sample_costs_itself_alone(receiver: refusing.Receiver, choice: str, status: int) -> None:
    """Whichever samples of a request are refused, all others are there, and the number is told."""
    queue = Recorded(snapshot(1))
    everything = sorted(expected(*queue.kept))
    bad = set(CHOICES[choice](everything))
    receiver.refuses = lambda each: (each.labels, each.milliseconds) in bad
    receiver.status = status
    with writing(receiver, queue) as made:
        made.send_recorded()
    told = made.status()
    assert set(receiver.held) == set(everything) - bad
    assert (told.sent, told.refused, told.tick) == (len(everything) - len(bad), len(bad), 1)
    assert told.problem is not None
    assert told.problem.code == "remote_write_refused"
    assert f"refuses {len(bad)} of {len(everything)} samples" in told.problem.message
    assert f"HTTP {status}: a sample is out of order" in told.problem.message
    assert queue.positions == {"remote-write": 1}


def test_the_refused_series_is_named_clean(receiver: refusing.Receiver) -> None:
    """The message has the name and the labels of the series, without what steers a terminal."""
    receiver.refuses = lambda each: ("__name__", "kubevitals_pod_cpu_request_cores") in each.labels
    with writing(receiver, Recorded(snapshot(1, pods=1)), external={"team": "a\x1b[31mb\u202e"}) as made:
        made.send_recorded()
    problem = made.status().problem
    assert problem is not None
    assert 'kubevitals_pod_cpu_request_cores{cluster="prod",' in problem.message
    assert 'pod="web-0"' in problem.message
    assert problem.message.isprintable()


def test_the_next_tick_does_not_search_again(receiver: refusing.Receiver) -> None:
    """Series that were refused go in a request of their own, so that the others go in one."""
    receiver.refuses = lambda each: ("pod", "web-1") in each.labels and ("container", "app") in each.labels
    queue = Recorded(snapshot(1))
    with writing(receiver, queue) as made:
        made.send_recorded()
        first, whole = len(receiver.requests), len(receiver.held)
        refused = made.status().refused
        queue.kept.append(snapshot(2))
        made.send_recorded()
    assert receiver.requests[first] == whole
    assert len(receiver.requests) - first <= 2 * refused
    assert made.status().refused == 2 * refused


def test_a_series_that_is_taken_again_is_sent_with_the_others(receiver: refusing.Receiver) -> None:
    """Once the receiver takes a refused series again nothing is told any more, and one request is enough."""
    queue = Recorded(snapshot(1))
    receiver.refuses = lambda each: ("pod", "web-1") in each.labels
    with writing(receiver, queue) as made:
        made.send_recorded()
        receiver.refuses = lambda _: False
        queue.kept.append(snapshot(2))
        made.send_recorded()
        assert made.status().problem is None
        sent = len(receiver.requests)
        queue.kept.append(snapshot(3))
        made.send_recorded()
    assert len(receiver.requests) == sent + 1


def test_the_requests_of_a_tick_are_bounded(
    receiver: refusing.Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where more are refused than can be told apart, that ends too, and later ticks find out the rest."""
    monkeypatch.setattr(writer, "_HALVES", 32)
    receiver.refuses = lambda each: ("pod", "web-7") in each.labels or ("pod", "web-13") in each.labels
    queue, refused, requests = Recorded(), [], []
    with writing(receiver, queue) as made:
        for tick in range(1, 13):
            before = made.status().refused, len(receiver.requests)
            queue.kept.append(snapshot(tick, pods=20))
            made.send_recorded()
            refused.append(made.status().refused - before[0])
            requests.append(len(receiver.requests) - before[1])
    bad = [labels for labels, _ in expected(queue.kept[0]) if dict(labels).get("pod") in ("web-7", "web-13")]
    assert max(requests) <= 32 + 12
    assert refused[0] > len(bad)  # more than are to blame
    assert refused[-1] == len(bad)


def test_a_request_that_is_too_large_is_made_smaller(receiver: refusing.Receiver) -> None:
    """After a 413 the samples go in smaller requests, this time and the next; none is refused."""
    receiver.most = 150
    queue = Recorded(snapshot(1, pods=40))
    with writing(receiver, queue) as made:
        made.send_recorded()
        assert set(receiver.held) == expected(*queue.kept)
        tried = len(receiver.requests)
        queue.kept.append(snapshot(2, pods=40))
        made.send_recorded()
    assert max(receiver.requests[tried:]) <= 150
    assert (made.status().refused, made.status().problem) == (0, None)


@pytest.mark.parametrize("status", [401, 403, 404, 405, 408, 415, 302])
def test_what_says_nothing_of_the_samples_is_waited_for(status: int) -> None:
    """A receiver that does not let us in, or is not there, costs no sample: they are sent when it is."""
    pauses: list[float] = []
    answers = [servers.answer(status), servers.answer(status), servers.answer(204)]
    with servers.Server(*answers) as server, sender_to(server.url, "1.0") as sender:
        queue = Recorded(snapshot(1))
        made = writer.Writer(queue, sender, wait=note(pauses), clock=lambda: 0.0, rate=1e12)
        made.send_recorded()
    assert (made.status().refused, made.status().retries, made.status().tick) == (0, 2, 1)
    assert len({request.body for request in server.requests}) == 1
    assert len([pause for pause in pauses if pause > 0.1]) == 2


@pytest.mark.parametrize(("status", "words"), [(401, "credentials"), (403, "may do"), (404, "path")])
def test_what_is_waited_for_says_what_to_do(status: int, words: str) -> None:
    """While it waits the problem names the answer and the option to look at, and the position stays."""
    with servers.Server(servers.answer(status)) as server, sender_to(server.url, "1.0") as sender:
        queue = Recorded(snapshot(1))
        made = writer.Writer(queue, sender, wait=lambda _: True)
        made.send_recorded()
    problem = made.status().problem
    assert problem is not None
    assert (problem.code, f"HTTP {status}" in problem.message) == ("remote_write_away", True)
    assert words in (problem.remedy or "")
    assert queue.positions == {"remote-write": 0}


def test_a_receiver_that_was_away_at_first_is_still_asked_for_version_two() -> None:
    """A 404 while nobody has set it up is no answer about the protocol: 2.0 is tried again."""
    counted = servers.answer(204, headers=["X-Prometheus-Remote-Write-Samples-Written: 9"])
    answers = [servers.answer(404), servers.answer(404), counted]
    with servers.Server(*answers) as server, sender_to(server.url) as sender:
        samples = series.Sampler().sample(snapshot(1))
        assert sender.send(samples).retry == 0.0
        assert sender.send(samples).written
        assert sender.protocol == "2.0"


def test_refusals_are_logged_once(receiver: refusing.Receiver, caplog: pytest.LogCaptureFixture) -> None:
    """A series that is refused in each tick is one line of the log, not one a tick."""
    receiver.refuses = lambda each: ("pod", "web-1") in each.labels
    with caplog.at_level(logging.INFO), writing(receiver, Recorded(*map(snapshot, range(1, 6)))) as made:
        made.send_recorded()
    assert len(caplog.records) == 1


@pytest.mark.parametrize("protocol", ["1.0", "2.0"])
def test_labels_are_in_the_order_of_their_bytes(protocol: str) -> None:
    """External labels with capitals come before __name__, in both versions of the protocol."""
    external = {"Region": "eu", "_zone": "b", "zone": "a", "Az": "1"}
    samples = series.Sampler(external).sample(snapshot(1))
    for each in samples:
        names = [name.encode() for name, _ in each.series.labels]
        assert names == sorted(names)
    if protocol == "1.0":
        for _ in range(2):  # encoded labels are kept
            for sample in refusing.decode(protobuf.Encoder1().encode(samples)):
                names = [name.encode() for name, _ in sample.labels]
                assert names == sorted(names)
                assert names[:2] == [b"Az", b"Region"]


def test_prometheus_refuses_one_sample_and_takes_the_rest(tmp_path: Path) -> None:
    """A real Prometheus that holds a newer sample of one series gets all others of an older tick."""
    newer = snapshot(3)
    with prometheus.receiving(tmp_path) as server, sender_to(server.url, "1.0") as sender:
        ahead = [one(series.Sampler().sample(newer), "kubevitals_pod_ready", pod="web-1")]
        assert sender.send(ahead).written
        queue = Recorded(snapshot(1))
        made = writer.Writer(queue, sender)
        made.send_recorded()
        told = made.status()
        found = server.ask("query", query='{__name__=~"kubevitals_.*"}[1h]')["result"]
    at = (START + timedelta(seconds=15)).timestamp()
    held = {tuple(sorted(each["metric"].items())) for each in found if each["values"][0][0] <= at}
    assert told.refused == 1
    assert told.problem is not None
    assert 'kubevitals_pod_ready{cluster="prod"' in told.problem.message
    assert held == {labels for labels, _ in expected(*queue.kept)} - {ahead[0].series.labels}


def test_prometheus_refuses_what_is_too_old(tmp_path: Path) -> None:
    """Of a tick in which one series has a time that a real Prometheus calls too old, the others are there."""
    with prometheus.receiving(tmp_path) as server, sender_to(server.url, "1.0") as sender:
        assert sender.send(series.Sampler().sample(snapshot(1))).written
        odd = snapshot(2)
        old = odd.pods[0]._replace(timestamp=START - timedelta(hours=9))
        odd = odd._replace(pods=model.Records([old, *odd.pods[1:]]))
        made = writer.Writer(Recorded(odd), sender)
        made.send_recorded()
        assert made.status().refused == 2
        found = server.ask(
            "query", query="count({__name__=~'kubevitals_.*'})", time=str(START.timestamp() + 31)
        )
    assert "kubevitals_pod_cpu_usage_cores" in str(made.status().problem)
    assert int(found["result"][0]["value"][1]) == len(expected(snapshot(1)))


def test_stale_usage_is_not_sent() -> None:
    """Of a row whose sample is older than three windows nothing of its usage goes, and all else does."""
    taken = snapshot(1)
    stale = taken.pods[0]._replace(stale=True, problem="stale", timestamp=START - timedelta(hours=2))
    samples = series.Sampler().sample(taken._replace(pods=model.Records([stale, *taken.pods[1:]])))
    usage = [each for each in samples if each.series.name.startswith("kubevitals_pod_cpu_usage")]
    assert {dict(each.series.labels)["pod"] for each in usage} == {"web-1", "web-2"}
    assert one(samples, "kubevitals_pod_ready", pod="web-0").value == 1.0


def test_stale_usage_does_not_end_its_series() -> None:
    """A source that is late for a while leaves no marker: the next fresh sample goes on there."""
    sampler = series.Sampler()
    sampler.sample(snapshot(1, pods=1))
    late = snapshot(2, pods=1)
    late = late._replace(pods=model.Records([late.pods[0]._replace(stale=True, timestamp=START)]))
    assert not [each for each in sampler.sample(late) if each.series.name == "kubevitals_pod_cpu_usage_cores"]
    assert one(sampler.sample(snapshot(3, pods=1)), "kubevitals_pod_cpu_usage_cores").value == 3.5


def test_no_sample_is_sent_with_a_time_to_come() -> None:
    """Usage that claims to be measured an hour ahead carries the time of its snapshot."""
    taken = snapshot(1, pods=1)
    ahead = taken.pods[0]._replace(timestamp=START + timedelta(hours=1))
    samples = series.Sampler().sample(taken._replace(pods=model.Records([ahead])))
    usage = one(samples, "kubevitals_pod_cpu_usage_cores")
    assert usage.milliseconds == round((START + timedelta(seconds=15)).timestamp() * 1000)
