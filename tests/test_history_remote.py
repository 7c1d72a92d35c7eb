"""History by PromQL: the real Prometheus and VictoriaMetrics answer as memory does of the same samples."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib import parse

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import databases, history_contract, servers
from tests import made_past as past

from kubevitals import errors, history, kinds, model
from kubevitals.history import remote, remote_state, ring
from kubevitals.promql import config
from kubevitals.surfaces.exposition import families
from kubevitals.surfaces.remotewrite import series as written

if TYPE_CHECKING:
    from collections.abc import Iterator

QUESTIONS = history_contract.questions()


def held() -> list[tuple[str, float, int]]:
    """Two clusters, of which the first is also sent by a replica, and one without the labels of workloads."""
    as_sent = history_contract.as_sent
    samples = as_sent(history_contract.snapshots(), written.Sampler(uid=True))
    samples += as_sent(history_contract.snapshots(), written.Sampler({"replica": "b"}, uid=True))
    samples += as_sent(history_contract.snapshots(cluster="test", factor=2), written.Sampler(uid=True))
    return samples + as_sent(
        (each._replace(cluster="bare") for each in past.ticks(8)), written.Sampler(workload=False)
    )


@pytest.fixture(scope="module")
def reference() -> ring.Ring:
    """The same in memory."""
    return in_memory()


def in_memory() -> ring.Ring:
    """A ring that holds the same."""
    made = ring.Ring(samples=1000)
    for snapshot in (*history_contract.snapshots(), *history_contract.snapshots(cluster="test", factor=2)):
        made.append(snapshot)
    for snapshot in past.ticks(8):
        made.append(snapshot._replace(cluster="bare"))
    return made


@pytest.fixture(scope="module", params=databases.NAMES)
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server that holds the samples."""
    directory = tmp_path_factory.mktemp("held")
    samples = held()
    seconds, milliseconds = history_contract.openmetrics(samples), history_contract.text(samples)
    with databases.holding(request.param, seconds, milliseconds, directory) as url:
        yield url


@pytest.fixture
def asked(database: str) -> Iterator[remote.Remote]:
    made = remote.Remote(config.open_prometheus(config.ServerOptions(database)))
    yield made
    made.close()


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda name: name.replace(" ", "-"))
def test_the_same_as_in_memory(asked: remote.Remote, reference: ring.Ring, question: str) -> None:
    """Whatever is asked, series, points and numbers are those that memory has of the same samples."""
    query = QUESTIONS[question]
    if query.cluster is None:
        query = query._replace(cluster="test" if "part" in question else "prod")
    history_contract.compare(asked.read(query), reference.read(query))


def test_all_clusters_at_once(asked: remote.Remote, reference: ring.Ring) -> None:
    """Without the name of a cluster all of them answer, each for itself."""
    query = history.Query("node", past.at(0), past.at(900), step=60.0)
    found = asked.read(query)
    assert [each.cluster for each in found.series] == ["bare", "prod", "prod", "test", "test"]
    history_contract.compare(found, reference.read(query))


def test_workloads_need_their_labels(asked: remote.Remote) -> None:
    """Where pods have no label of their workload, that is said, and not every pod taken for its own."""
    query = history.Query("workload", past.at(0), past.at(120), cluster="bare")
    with pytest.raises(errors.HistoryError, match="no label `workload`") as found:
        asked.read(query)
    assert "--labels workload" in str(found.value.remedy)
    pods = asked.read(query._replace(kind="pod")).series
    assert [(each.name, each.uid, each.workload_name) for each in pods] == [
        ("web-0", None, None),
        ("web-1", None, None),
    ]
    assert asked.read(query._replace(since=past.at(-900), until=past.at(-600))).series == ()


def test_more_steps_than_a_server_gives_at_once(asked: remote.Remote, reference: ring.Ring) -> None:
    """A long range in small steps is asked in parts, and comes whole."""
    query = history.Query("pod", past.at(-40_000), past.at(900), name="web-0", cluster="prod", step=2.0)
    history_contract.compare(asked.read(query), reference.read(query))


def test_hostile_names(asked: remote.Remote) -> None:
    """A name stays a name, whatever is in it."""
    for name in ('"} or vector(1)', "a\\", "\n", ".*", "{{", "'"):
        for kind in kinds.SINGULARS:
            query = history.Query(kind, past.at(0), past.at(120), name=name, step=60.0)
            assert asked.read(query._replace(cluster="prod")).series == ()
            assert asked.read(query._replace(cluster=name)).series == ()


# --- the state at a time


def test_the_state_then(asked: remote.Remote) -> None:
    """Rows have what the families tell of that time: usage with its own time, requests, health, owners."""
    snapshot = asked.snapshot_at(past.at(200), cluster="prod")
    assert snapshot is not None
    tick = 13
    assert snapshot.cluster == "prod"
    assert snapshot.generated_at == past.at(tick * 15)
    assert [node.name for node in snapshot.nodes] == ["node-1", "node-2"]
    node = snapshot.nodes[0]
    assert (node.ready, node.status, node.cpu_allocatable_cores) == (True, "Ready", 4.0)
    assert node.conditions == (model.Condition("Ready", "True"),)
    assert node.cpu_usage_cores == pytest.approx(past.cores(tick, 50))
    assert (node.timestamp, node.age_seconds, node.stale) == (past.at(tick * 15), 0, None)
    assert [(pod.namespace, pod.name) for pod in snapshot.pods] == [
        ("data", "db-0"), ("shop", "again-0"), ("shop", "web-0"), ("shop", "web-1"),
    ]  # fmt: skip
    pod = snapshot.pods[0]
    assert (pod.uid, pod.node, pod.workload_kind, pod.workload_name) == (
        "uid-data-db-0", "node-2", "StatefulSet", "db",
    )  # fmt: skip
    assert (pod.phase, pod.status, pod.ready, pod.restarts) == ("Running", "Running", True, 0)
    assert (pod.containers_ready, pod.containers_total) == (2, 2)
    assert (pod.cpu_request_cores, pod.memory_limit_bytes) == (0.5, 512 * past.MIB)
    assert pod.cpu_limit_cores is None
    assert pod.created_at == past.CREATED
    assert pod.timestamp == past.at(tick * 15 - 2)
    assert [(each.name, each.memory_usage_bytes) for each in pod.containers] == [
        ("db", past.memory(tick, 7)),
        ("proxy", past.memory(tick, 8)),
    ]
    assert pod.memory_usage_bytes == past.memory(tick, 7) + past.memory(tick, 8)


def test_from_when_to_when(asked: remote.Remote) -> None:
    """The first and the last minute of what the database holds, whatever was there in between; or none."""
    found = asked.extent(past.at(86_400 * 3))
    assert found is not None
    first, last = found
    minute = timedelta(minutes=1)
    assert past.at(0) - minute <= first <= past.at(0) + 5 * minute
    moments = [moment for _, _, moment in held()]
    end = datetime.fromtimestamp(max(moments) / 1000, UTC)
    assert end - minute <= last <= end + 6 * minute  # as long as the server remembers a sample
    assert asked.extent(past.at(-86_400 * 900)) is None


def test_no_state_where_nothing_was_recorded(asked: remote.Remote) -> None:
    """Before, long after, and of no such cluster there is none; without a name the first cluster counts."""
    assert asked.snapshot_at(past.at(-60), cluster="prod") is None
    assert asked.snapshot_at(past.at(86_400), cluster="prod") is None
    assert asked.snapshot_at(past.at(60), cluster="no-such") is None
    assert asked.snapshot_at(past.at(-86_400)) is None
    found = asked.snapshot_at(past.at(60))
    assert found is not None
    assert found.cluster == "bare"


def test_a_scraped_exporter_says_when_and_from_where() -> None:
    """With the families of the service, ages, windows, the source and the time of the snapshot are known."""
    facts = remote_state.collect(
        [
            ({"__name__": "kubevitals_pod_sample_age_seconds", "namespace": "a", "pod": "p"}, 7.5),
            ({"__name__": "kubevitals_pod_sample_window_seconds", "namespace": "a", "pod": "p"}, 15.0),
            ({"__name__": "kubevitals_pod_memory_usage_bytes", "namespace": "a", "pod": "p"}, 64.0),
            ({"__name__": "kubevitals_pod_cpu_usage_cores", "namespace": "a", "pod": "p"}, math.nan),
            ({"__name__": "kubevitals_pod_reason", "namespace": "a", "pod": "p", "reason": "Bad"}, 1.0),
            ({"__name__": "kubevitals_source_up", "source": "kubelet"}, 1.0),
            ({"__name__": "something_else"}, 1.0),
            ({}, 1.0),
        ]
    )
    assert set(facts["pod"]) == {("a", "p")}
    assert facts["pod"]["a", "p"].fields == {
        "age_seconds": 7.5, "window_seconds": 15.0, "memory_usage_bytes": 64, "reason": "Bad",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "row"), [(kind, row) for kind, rows in families.BY_KIND.items() for row in rows]
)
def test_every_family_is_understood(kind: str, row: families.RowFamily) -> None:
    """Each family that the exporter has becomes the field that it was made from."""
    labels = {"__name__": row.family.name, "node": "n", "namespace": "a", "pod": "p", "container": "c"}
    if row.word_label:
        labels[row.word_label] = "Word"
    ((one,),) = [facts.values() for facts in remote_state.collect([(labels, 1.0)]).values() if facts]
    (field,) = one.fields
    assert field == row.field
    value = one.fields[field]
    expected = {"word": "Word", "flag": True, "number": 1}.get(row.form)
    assert row.form == "moment" or value == expected
    record: Any = {"node": model.Node, "pod": model.Pod, "container": model.Container}[kind]
    assert field in record._fields


# --- replicas, and failures


def test_replicas_fill_in_where_one_was_away() -> None:
    """Of two scrapes of the same, one counts; the other only where the first has a gap, or has not begun."""
    first = [(float(at), 1.0) for at in (*range(0, 100, 10), *range(200, 300, 10))]
    second = [(float(at) + 3, 2.0) for at in range(50, 250, 10)]
    merged = remote.merge([second[:4], first])
    assert merged == sorted(first)
    merged = remote.merge([first, second])
    assert [value for at, value in merged if at < 93] == [1.0] * 10
    assert [at for at, value in merged if value == 2.0] == [float(at) + 3 for at in range(90, 200, 10)]
    after = [(400.0, 3.0), (410.0, 3.0)]
    assert remote.merge([first, after]) == [*first, *after]
    assert remote.merge([]) == []


@given(st.lists(st.sets(st.integers(0, 300), max_size=30), max_size=3))
def test_merging_keeps_order_and_counts_once(found: list[set[int]]) -> None:
    """Whatever several series hold, a moment counts once, in order, and a fullest series stays whole."""
    replicas = [
        [(float(at), float(number)) for at in sorted(moments)] for number, moments in enumerate(found)
    ]
    merged = remote.merge(replicas)
    moments = [at for at, _ in merged]
    assert moments == sorted(set(moments))
    assert set(merged) <= {point for points in replicas for point in points}
    most = max(map(len, replicas), default=0)
    assert not replicas or any(set(points) <= set(merged) for points in replicas if len(points) == most)


def test_a_server_that_fails() -> None:
    """What cannot be read is an error of history, with the remedy of the server's."""
    refused = servers.answer(401, "")
    with servers.Server(refused) as server:
        made = remote.Remote(config.open_prometheus(config.ServerOptions(server.url)))
        with pytest.raises(errors.HistoryError, match="does not accept the credentials") as found:
            made.read(history.Query("pod", past.at(0), past.at(60)))
        assert "--prometheus-token-file" in str(found.value.remedy)
        with pytest.raises(errors.HistoryError):
            made.snapshot_at(past.at(0))
        with pytest.raises(errors.HistoryError):
            made.read(history.Query("pod", past.at(0), past.at(60), step=60.0))
        made.close()


def test_the_extent_of_a_server_that_refuses_long_ranges() -> None:
    """Where 400 days are too much, the newer half is asked for, and again, down to a day."""
    refusal = servers.answer(
        422, {"status": "error", "errorType": "execution", "error": "the query time range exceeds the limit"}
    )
    end = 1_790_000_040
    values = [[end - 3600, "1"], [end - 60, "1"]]
    matrix = {"resultType": "matrix", "result": [{"metric": {}, "values": values}]}
    good = servers.answer(200, {"status": "success", "data": matrix})
    with servers.Server(refusal, refusal, refusal, good) as server:
        made = remote.Remote(config.open_prometheus(config.ServerOptions(server.url)))
        found = made.extent(datetime.fromtimestamp(end, UTC))
        made.close()
        spans = []
        for each in server.requests[:4]:
            form = dict(parse.parse_qsl(each.body.decode()))
            spans.append((float(form["end"]) - float(form["start"])) / 3600)
    assert found is not None
    assert spans == [9600, 4800, 2400, 1200]
