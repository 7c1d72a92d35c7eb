"""Remote-write: the samples of snapshots, the two messages, and what real databases hold afterwards."""

from __future__ import annotations

import contextlib
import itertools
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import ports, prometheus, servers, victoria, waiting

from kubevitals import errors, model
from kubevitals.cli import remotewriteoptions
from kubevitals.kube.http import client
from kubevitals.surfaces.remotewrite import protobuf, series, writer
from kubevitals.surfaces.remotewrite import sender as senders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

START = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
WRITE = "/api/v1/write"


def snapshot(tick: int, *, pods: int = 3, usage: bool = True, name: str = "web") -> model.Snapshot:
    """One of a series of snapshots, fifteen seconds apart."""
    at = START + timedelta(seconds=15 * tick)
    measured = at - timedelta(seconds=4)
    rows = []
    for number in range(pods):
        container = model.Container(
            "shop", f"{name}-{number}", "app", uid=f"u{number}", node="n1", phase="Running", ready=True,
            restarts=2, cpu_request_cores=0.25, timestamp=measured if usage else None,
            cpu_usage_cores=0.5 + tick if usage else None, memory_usage_bytes=1 << 20 if usage else None,
        )  # fmt: skip
        rows.append(
            model.Pod(
                "shop",
                f"{name}-{number}",
                uid=f"u{number}",
                node="n1",
                phase="Running",
                ready=True,
                workload_kind="Deployment",
                workload_name=name,
                cpu_request_cores=0.25,
                timestamp=container.timestamp,
                cpu_usage_cores=container.cpu_usage_cores,
                memory_usage_bytes=container.memory_usage_bytes,
                containers=(container,),
            )
        )
    condition = model.Condition("Ready", "True")
    node = model.Node("n1", ready=True, status="Ready", conditions=(condition,), cpu_allocatable_cores=4.0)
    cluster = "prod" if name == "web" else name  # a node of another test is another series
    return model.Snapshot(cluster, "metrics-server", at, model.Records([node]), model.Records(rows))


class Recorded:
    """Snapshots in a list, as a queue that outlives its reader."""

    def __init__(self, *snapshots: model.Snapshot) -> None:
        self.kept = list(snapshots)
        self.positions: dict[str, int] = {}

    def snapshots(self, after: int) -> Iterator[tuple[int, model.Snapshot]]:
        for number, each in enumerate(list(self.kept), start=1):
            if number > after:
                yield number, each

    def hold(self, name: str, tick: int) -> None:
        self.positions[name] = tick

    def held(self, name: str) -> int | None:
        return self.positions.get(name)


def named(samples: list[series.Sample]) -> dict[tuple[tuple[str, str], ...], list[float]]:
    found: dict[tuple[tuple[str, str], ...], list[float]] = {}
    for each in samples:
        found.setdefault(each.series.labels, []).append(each.value)
    return found


def one(samples: list[series.Sample], name: str, **labels: str) -> series.Sample:
    (found,) = [
        each
        for each in samples
        if each.series.name == name and labels.items() <= dict(each.series.labels).items()
    ]
    return found


@contextlib.contextmanager
def sender_to(url: str, protocol: str = "auto") -> Iterator[senders.Sender]:
    with client.Client(url, request_timeout=10) as opened:
        yield senders.Sender(opened, WRITE, protocol=protocol)


def test_usage_has_its_own_time_and_all_else_the_snapshots() -> None:
    """A sample of usage stands where it was measured, a request where it was read."""
    samples = series.Sampler({"region": "eu"}).sample(snapshot(1))
    at = round((START + timedelta(seconds=15)).timestamp() * 1000)
    usage = one(samples, "kubevitals_container_cpu_usage_cores", pod="web-1")
    assert (usage.value, usage.milliseconds) == (1.5, at - 4000)
    request = one(samples, "kubevitals_container_cpu_request_cores", pod="web-1")
    assert (request.value, request.milliseconds) == (0.25, at)
    labels = dict(usage.series.labels)
    assert labels == {
        "__name__": "kubevitals_container_cpu_usage_cores", "cluster": "prod", "container": "app",
        "namespace": "shop", "node": "n1", "pod": "web-1", "region": "eu", "workload": "web",
        "workload_kind": "Deployment",
    }  # fmt: skip
    assert list(usage.series.labels) == sorted(usage.series.labels)


def test_words_and_conditions_are_labels() -> None:
    """A phase and a node's condition are series of their own, with the word as a label in its order."""
    samples = series.Sampler().sample(snapshot(1))
    phase = one(samples, "kubevitals_pod_phase", pod="web-0")
    assert (dict(phase.series.labels)["phase"], phase.value) == ("Running", 1.0)
    assert list(phase.series.labels) == sorted(phase.series.labels)
    assert one(samples, "kubevitals_node_condition", condition="Ready").value == 1.0


def test_a_sample_that_is_read_twice_is_sent_once() -> None:
    """Usage that the source has not measured anew since the last tick is no sample."""
    sampler = series.Sampler()
    first = snapshot(1)
    sampler.sample(first)
    again = sampler.sample(first._replace(generated_at=first.generated_at + timedelta(seconds=15)))
    assert not [each for each in again if "usage" in each.series.name]
    assert one(again, "kubevitals_pod_ready", pod="web-0").value == 1.0


def test_a_series_that_ends_is_marked() -> None:
    """Where a pod is gone its series get the stale marker once, after their last sample."""
    sampler = series.Sampler()
    sampler.sample(snapshot(1, pods=2))
    ended = [each for each in sampler.sample(snapshot(2, pods=1)) if math.isnan(each.value)]
    assert {dict(each.series.labels)["pod"] for each in ended} == {"web-1"}
    assert {each.milliseconds for each in ended} == {
        round((START + timedelta(seconds=30)).timestamp() * 1000)
    }
    assert not [each for each in sampler.sample(snapshot(3, pods=1)) if math.isnan(each.value)]


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_what_an_ended_pod_held_ends(phase: str) -> None:
    """The requests of a pod that has ended get the stale marker, and no sample any more; its state stays."""
    sampler = series.Sampler()
    sampler.sample(snapshot(1, pods=2))
    for tick in (2, 3):
        taken = snapshot(tick, pods=2)
        ended = taken.pods[1]
        containers = tuple(each._replace(phase=phase) for each in ended.containers)
        ended = ended._replace(phase=phase, containers=containers)
        samples = [
            each
            for each in sampler.sample(taken._replace(pods=model.Records([taken.pods[0], ended])))
            if dict(each.series.labels).get("pod") == "web-1"
        ]
        requests = [each for each in samples if each.series.name.endswith("_cpu_request_cores")]
        assert [math.isnan(each.value) for each in requests] == ([True, True] if tick == 2 else [])
        said = [each for each in samples if each.series.name == "kubevitals_pod_phase" and each.value == 1]
        assert [dict(each.series.labels)["phase"] for each in said] == [phase]
        assert one(samples, "kubevitals_container_restarts_total").value == 2


def test_nothing_goes_back_in_time() -> None:
    """Usage that is back after its series was marked ended begins behind the marker."""
    sampler = series.Sampler()
    sampler.sample(snapshot(1))
    sampler.sample(snapshot(2, usage=False))
    late = snapshot(3)
    old = late.pods[0]._replace(timestamp=START + timedelta(seconds=29))
    samples = sampler.sample(late._replace(pods=model.Records([old, *late.pods[1:]])))
    usage = [each for each in samples if each.series.name == "kubevitals_pod_cpu_usage_cores"]
    assert {dict(each.series.labels)["pod"] for each in usage} == {"web-1", "web-2"}


def test_the_families_are_those_of_the_exporter() -> None:
    """Every name that is sent is in the documented table of /metrics."""
    from kubevitals.surfaces.exposition import families

    known = {family.name for family in families.OWN}
    assert {each.series.name for each in series.Sampler().sample(snapshot(1))} <= known


def varint_of(data: bytes) -> int:
    number = shift = 0
    for byte in data:
        number |= (byte & 127) << shift
        shift += 7
    return number


@given(st.integers(min_value=-(1 << 63), max_value=(1 << 63) - 1))
def test_a_varint_holds_every_int64(number: int) -> None:
    """A varint read back is the number, in two's complement, seven bits a byte."""
    made = protobuf.varint(number)
    assert varint_of(made) == number % (1 << 64)
    assert all(byte & 128 for byte in made[:-1])
    assert not made[-1] & 128


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[prometheus.Prometheus]:
    """A real Prometheus that takes remote-write."""
    directory = tmp_path_factory.mktemp("prometheus")
    with prometheus.receiving(directory) as server:
        yield server


def test_prometheus_holds_what_was_sent(receiver: prometheus.Prometheus) -> None:
    """Each sample of three ticks is in the real Prometheus once, with its labels, time and value."""
    queue = Recorded(*[snapshot(tick, name="held") for tick in (1, 2, 3)])
    with sender_to(receiver.url) as sender:
        made = writer.Writer(queue, sender)
        made.send_recorded()
        assert (made.status().refused, made.status().problem) == (0, None)
    found = receiver.ask("query", query='kubevitals_container_cpu_usage_cores{workload="held"}[1h]')
    by_pod = {each["metric"]["pod"]: each["values"] for each in found["result"]}
    assert set(by_pod) == {"held-0", "held-1", "held-2"}
    for values in by_pod.values():
        assert [(moment, float(value)) for moment, value in values] == [
            ((START + timedelta(seconds=15 * tick - 4)).timestamp(), 0.5 + tick) for tick in (1, 2, 3)
        ]


def test_prometheus_ends_a_series_at_its_marker(receiver: prometheus.Prometheus) -> None:
    """After the stale marker of a pod that is gone, Prometheus no longer shows its last value."""
    queue = Recorded(snapshot(1, pods=2, name="gone"), snapshot(2, pods=1, name="gone"))
    with sender_to(receiver.url) as sender:
        writer.Writer(queue, sender).send_recorded()
    at = (START + timedelta(seconds=31)).timestamp()
    found = receiver.ask("query", query='kubevitals_pod_ready{workload="gone"}', time=str(at))["result"]
    assert [each["metric"]["pod"] for each in found] == ["gone-0"]


def test_victoriametrics_holds_what_was_sent(tmp_path: Path) -> None:
    """VictoriaMetrics, which knows 1.0 alone, is found out and holds each sample once."""
    queue = Recorded(*[snapshot(tick) for tick in (1, 2, 3)])
    with victoria.running(tmp_path) as server, sender_to(server.url) as sender:
        made = writer.Writer(queue, sender)
        made.send_recorded()
        assert (sender.protocol, made.status().problem) == ("1.0", None)
        server.flush()
        counted = server.ask(
            "query",
            query='count_over_time(kubevitals_container_cpu_usage_cores{pod="web-0"}[1h])',
            time=str((START + timedelta(minutes=2)).timestamp()),
        )
    assert [each["value"][1] for each in counted["result"]] == ["3"]


def test_a_receiver_that_is_away_is_caught_up_with(tmp_path: Path) -> None:
    """Sender killed, receiver away: after both are back every sample is there once, in order."""
    queue = Recorded(snapshot(1), snapshot(2))
    port = ports.free()
    with prometheus.receiving(tmp_path, port=port) as server, sender_to(server.url) as sender:
        writer.Writer(queue, sender).send_recorded()
    queue.kept += [snapshot(3), snapshot(4)]
    with sender_to(f"http://127.0.0.1:{port}") as sender:  # nobody listens
        away = writer.Writer(queue, sender)
        with away:
            waiting.until(lambda: away.status().problem)
        problem = away.status().problem
        assert problem is not None
        assert problem.code == "remote_write_away"
    queue.positions = dict.fromkeys(queue.positions, 1)  # the kill came before the second tick was noted
    queue.kept.append(snapshot(5))
    with prometheus.receiving(tmp_path, port=port) as server, sender_to(server.url) as sender:
        with writer.Writer(queue, sender) as again:
            waiting.until(lambda: again.status().tick == 5)
        assert again.status().refused == 0
        found = server.ask("query", query='kubevitals_pod_cpu_usage_cores{pod="web-0"}[1h]')["result"]
    assert [float(value) for _, value in found[0]["values"]] == [1.5, 2.5, 3.5, 4.5, 5.5]


def test_the_real_receiver_counts_what_version_two_sends() -> None:
    """A receiver that says how many samples it has written is spoken to in 2.0 from then on."""
    answers = [written(9), written(9)]
    with servers.Server(*answers) as server, sender_to(server.url) as sender:
        samples = series.Sampler().sample(snapshot(1))
        assert sender.send(samples).written
        assert sender.protocol == "2.0"
        assert sender.send(samples).written
    assert [request.header("x-prometheus-remote-write-version") for request in server.requests] == [
        "2.0.0", "2.0.0",
    ]  # fmt: skip
    assert server.requests[0].header("content-type") == (
        "application/x-protobuf;proto=io.prometheus.write.v2.Request"
    )


@pytest.mark.parametrize("ignorant", [servers.answer(415), servers.answer(204), servers.answer(400)])
def test_a_receiver_that_knows_one_alone_gets_one(ignorant: bytes) -> None:
    """Where 2.0 is refused, or taken without a word of what was written, the same samples go as 1.0."""
    with servers.Server(ignorant, servers.answer(204)) as server, sender_to(server.url) as sender:
        assert sender.send(series.Sampler().sample(snapshot(1))).written
        assert sender.protocol == "1.0"
    assert [request.header("x-prometheus-remote-write-version") for request in server.requests] == [
        "2.0.0", "0.1.0",
    ]  # fmt: skip


def test_a_receiver_that_is_replaced_by_an_older_one_loses_nothing() -> None:
    """Where 2.0 was understood and is no more, the samples go as 1.0: they were not written."""
    for older in (servers.answer(415), servers.answer(204)):
        answers = [written(9), older, servers.answer(204)]
        with servers.Server(*answers) as server, sender_to(server.url) as sender:
            samples = series.Sampler().sample(snapshot(1))
            assert sender.send(samples).written
            assert sender.send(samples).written
        assert sender.protocol == "1.0"
        assert len(server.requests) == 3


def test_a_version_that_was_asked_for_is_not_taken_for_written_in_silence() -> None:
    """2.0 by option, to a receiver that does not say what it has written: the samples wait."""
    with servers.Server(servers.answer(204)) as server, sender_to(server.url, "2.0") as sender:
        outcome = sender.send(series.Sampler().sample(snapshot(1)))
    assert not outcome.written
    assert outcome.retry == 0
    assert "does not know version 2.0" in outcome.reason


def test_a_token_that_was_replaced_is_read_again(tmp_path: Path) -> None:
    """After a 401 the samples are sent once more with the file's new token: they are not refused for good."""
    token = tmp_path / "token"
    token.write_text("old", encoding="utf-8")
    with servers.Server(servers.answer(401), servers.answer(204)) as server:
        made = remotewriteoptions.open_writer(
            arguments(f"{server.url}{WRITE}", remote_write_token_file=str(token)), Recorded(snapshot(1))
        )
        token.write_text("new one", encoding="utf-8")
        made.send_recorded()
        made.stop()
    assert made.status().refused == 0
    assert [request.header("authorization") for request in server.requests] == [
        "Bearer old",
        "Bearer new one",
    ]


@pytest.mark.parametrize(
    ("answer", "retry"),
    [
        (servers.answer(500, "no disk"), 0.0),
        (servers.answer(503), 0.0),
        (servers.answer(503, headers=["Retry-After: -3"]), 0.0),
        (servers.answer(429, headers=["Retry-After: 7"]), 7.0),
        (servers.answer(400, "out of order sample"), None),
        (servers.answer(404), 0.0),
        (servers.answer(413), None),
    ],
)
def test_the_answer_is_judged_as_the_specification_says(answer: bytes, retry: float | None) -> None:
    """A word on the samples is final; all else is tried again, after the time that the receiver names."""
    with servers.Server(answer) as server, sender_to(server.url, "1.0") as sender:
        outcome = sender.send(series.Sampler().sample(snapshot(1)))
    assert (outcome.written, outcome.retry) == (False, retry)
    assert len(server.requests) == 1


def test_what_is_refused_for_good_is_told_and_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that cannot be divided any more costs its samples, and the next tick is sent."""
    monkeypatch.setattr(writer, "_HALVES", 0)
    queue = Recorded(snapshot(1), snapshot(2))
    answers = [servers.answer(400, "out of order \x1b[31msample"), servers.answer(204)]
    with servers.Server(*answers) as server, sender_to(server.url, "1.0") as sender:
        made = writer.Writer(queue, sender)
        made.send_recorded()
    assert (made.status().refused > 0, made.status().sent > 0, made.status().tick) == (True, True, 2)


def test_a_part_that_was_written_counts_as_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver of 2.0 that refuses some samples says how many it has written; the others are refused."""
    monkeypatch.setattr(writer, "_HALVES", 0)
    refusing = servers.answer(400, "out of order", headers=["X-Prometheus-Remote-Write-Samples-Written: 7"])
    with servers.Server(refusing) as server, sender_to(server.url, "2.0") as sender:
        made = writer.Writer(Recorded(snapshot(1)), sender)
        made.send_recorded()
    status = made.status()
    assert status.sent == 7
    assert status.refused == len(series.Sampler().sample(snapshot(1))) - 7


def test_what_was_refused_is_told_until_a_whole_tick_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """One good request of the same tick does not hide that another one was refused; the next tick does."""
    monkeypatch.setattr(writer, "_BATCH", 30)
    monkeypatch.setattr(writer, "_HALVES", 0)
    queue = Recorded(snapshot(1))
    answers = [servers.answer(400, "too old"), servers.answer(204)]
    with servers.Server(*answers) as server, sender_to(server.url, "1.0") as sender:
        made = writer.Writer(queue, sender)
        made.send_recorded()
        problem = made.status().problem
        assert problem is not None
        assert problem.code == "remote_write_refused"
        queue.kept.append(snapshot(2))
        made.send_recorded()
        assert made.status().problem is None


def test_the_position_moves_only_when_all_of_a_tick_was_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop between two requests of a tick leaves the position as it was: the whole tick is sent again."""
    monkeypatch.setattr(writer, "_BATCH", 10)
    queue = Recorded(snapshot(1), snapshot(2))
    requests = -(-len(series.Sampler().sample(snapshot(1))) // 10)
    assert requests > 2
    answers = [servers.answer(204)] * (requests + 1) + [servers.answer(503), servers.answer(204)]
    with servers.Server(*answers) as server, sender_to(server.url, "1.0") as sender:
        clock = itertools.count(1.0).__next__
        made = writer.Writer(queue, sender, name="a", wait=lambda _: True, clock=clock)
        made.send_recorded()
        assert queue.positions == {"a": 1}
        assert made.status().tick == 1
        interrupted = server.requests[requests:]
        assert len(interrupted) == 2
        writer.Writer(queue, sender, name="a", clock=clock).send_recorded()
        assert queue.positions == {"a": 2}
        again = server.requests[requests + 2 :]
        assert [each.body for each in again[:2]] == [each.body for each in interrupted]


def test_the_lag_is_that_behind_the_newest_tick() -> None:
    """While nothing was recorded yet it is unknown; then it is the time since the last tick that is done."""
    queue = Recorded(snapshot(1), snapshot(2))
    with servers.Server(servers.answer(204)) as server, sender_to(server.url, "1.0") as sender:
        made = writer.Writer(queue, sender)
        assert made.status().lag_seconds is None
        made.send_recorded()
        made.wake(queue.kept[-1].generated_at)
        assert made.status().lag_seconds == 0.0
        queue.kept += [snapshot(3), snapshot(6)]
        made.wake(queue.kept[-1].generated_at)
        assert made.status().lag_seconds == 60.0
        made.send_recorded()
        assert made.status().lag_seconds == 0.0


def test_series_of_each_cluster_end_after_a_restart() -> None:
    """Of two clusters in one file both know after a start which series were there, and mark what ends."""

    def of(cluster: str, tick: int, pods: int) -> model.Snapshot:
        return snapshot(tick, pods=pods)._replace(cluster=cluster)

    queue = Recorded(of("a", 1, 2), of("b", 1, 2))
    with servers.Server(servers.answer(204)) as server, sender_to(server.url, "1.0") as sender:
        writer.Writer(queue, sender).send_recorded()
        queue.kept += [of("a", 2, 1), of("b", 2, 1)]
        batches: list[list[series.Sample]] = []
        sender.send = lambda batch: (batches.append(list(batch)), senders.Outcome(written=True))[1]  # type: ignore[method-assign, func-returns-value]
        writer.Writer(queue, sender).send_recorded()
    ended = {
        dict(each.series.labels)["cluster"] for batch in batches for each in batch if math.isnan(each.value)
    }
    assert ended == {"a", "b"}


def test_a_server_error_is_tried_again_until_it_is_over() -> None:
    """After two server errors the same samples are sent a third time, with growing pauses between."""
    pauses: list[float] = []
    answers = [servers.answer(500), servers.answer(502), servers.answer(204)]
    with servers.Server(*answers) as server, sender_to(server.url, "1.0") as sender:
        made = writer.Writer(
            Recorded(snapshot(1)), sender, wait=note(pauses),
            jitter=lambda: 1.0, clock=lambda: 0.0, rate=1e12,
        )  # fmt: skip
        made.send_recorded()
    assert (made.status().tick, made.status().retries) == (1, 2)
    assert [round(pause, 3) for pause in pauses if pause > 0.01] == [0.5, 1.0]
    assert len({request.body for request in server.requests}) == 1


def test_the_rate_is_bounded() -> None:
    """Catching up takes as long as the samples need at the rate that was asked for."""
    pauses: list[float] = []
    with servers.Server(servers.answer(204)) as server, sender_to(server.url, "1.0") as sender:
        made = writer.Writer(
            Recorded(*[snapshot(tick) for tick in (1, 2, 3)]), sender, rate=10.0, clock=lambda: 0.0,
            wait=note(pauses),
        )  # fmt: skip
        made.send_recorded()
    per_tick = made.status().sent / 3
    assert len(pauses) == 2
    assert pauses[0] == pytest.approx(per_tick / 10, rel=0.1)


def test_secrets_stay_out_of_messages(tmp_path: Path) -> None:
    """A receiver that echoes the token in its refusal does not bring it into a message."""
    token = tmp_path / "token"
    token.write_text("eyJhbGciOiJSUzI1NiJ9.secret.signature", encoding="utf-8")
    with servers.Server(servers.answer(400, "Bearer eyJhbGciOiJSUzI1NiJ9.secret.signature")) as server:
        made = remotewriteoptions.open_writer(
            arguments(f"{server.url}{WRITE}", remote_write_token_file=str(token)), Recorded(snapshot(1))
        )
        made.send_recorded()
        made.stop()
    problem = made.status().problem
    assert problem is not None
    assert "secret" not in problem.message
    assert server.requests[0].header("authorization") == "Bearer eyJhbGciOiJSUzI1NiJ9.secret.signature"


def arguments(url: str, **more: Any) -> Any:
    """What the command line leaves for --remote-write."""
    import argparse

    parser = argparse.ArgumentParser()
    remotewriteoptions.add_arguments(parser)
    parsed = parser.parse_args(["--remote-write", url, "--remote-write-protocol", "1.0"])
    for name, value in more.items():
        setattr(parsed, name, value)
    return parsed


@pytest.mark.parametrize(
    ("url", "more", "words"),
    [
        ("http://127.0.0.1:9090", {}, "names a server"),
        ("http://127.0.0.1:9090/api/v1/write?a=b", {}, "takes no query"),
        ("http://user:word@127.0.0.1:9090/api/v1/write", {}, "holds a user or password"),
        ("ftp://127.0.0.1/x", {}, "begins with ftp"),
        ("http://127.0.0.1/w", {"external_label": ["pod=x"]}, "have a label of that name"),
        ("http://127.0.0.1/w", {"external_label": ["no label"]}, "is not NAME=VALUE"),
        ("http://127.0.0.1/w", {"remote_write_header": ["Authorization=x"]}, "would show a secret"),
    ],
)
def test_options_that_cannot_be_used_are_told(url: str, more: dict[str, Any], words: str) -> None:
    """A wrong address, label or header is a clear error before anything is sent."""
    with pytest.raises(errors.ConfigurationError, match=words):
        remotewriteoptions.open_writer(arguments(url, **more), Recorded())


def test_each_receiver_has_a_position_of_its_own() -> None:
    """The queue remembers another position for another address, and for another tenant there."""
    queue = Recorded(snapshot(1))
    with servers.Server(servers.answer(204)) as server:
        for path, tenant in (("/a", "one"), ("/b", "one"), ("/b", "two")):
            chosen = arguments(f"{server.url}{path}", remote_write_header=[f"X-Scope-OrgID={tenant}"])
            made = remotewriteoptions.open_writer(chosen, queue)
            made.send_recorded()
            made.stop()
    assert sorted(queue.positions.values()) == [1, 1, 1]


def note(pauses: list[float]) -> Callable[[float], bool]:
    """A sleep that takes no time and is noted."""

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        return False

    return wait


def written(samples: int) -> bytes:
    """What a receiver of 2.0 answers."""
    return servers.answer(204, headers=[f"X-Prometheus-Remote-Write-Samples-Written: {samples}"])
