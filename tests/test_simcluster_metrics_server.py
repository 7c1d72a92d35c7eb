"""The metrics API of the simulated cluster, in JSON and protobuf."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils.quantity import parse_quantity
from tests import protobuf, simulated, small_world

from simcluster import apiobjects, simulation
from simcluster.apiserver import go_formats, metrics_protobuf

if TYPE_CHECKING:
    from collections.abc import Iterator

URL = "/apis/metrics.k8s.io/v1beta1"
PROTOBUF = {"Accept": "application/vnd.kubernetes.protobuf,application/json"}


@pytest.fixture(scope="module")
def served() -> Iterator[simulation.SimulatedCluster]:
    world = small_world.SmallWorld()
    now = small_world.START + 100
    with simulation.SimulatedCluster(
        world=world, tls=False, clock=lambda: now, metrics_versions=("v1", "v1beta1")
    ) as running:
        yield running


@pytest.mark.parametrize(
    ("nanocores", "text"),
    [
        (0, "0"),
        (1, "1n"),
        (1000, "1u"),
        (2266965936, "2266965936n"),
        (5_000_000, "5m"),
        (1_500_000, "1500u"),
        (10**9, "1"),
        (2 * 10**12, "2k"),
    ],
)
def test_cpu_text(nanocores: int, text: str) -> None:
    """CPU is a canonical decimal quantity."""
    assert go_formats.format_cpu(nanocores) == text


@pytest.mark.parametrize(
    ("kibibytes", "text"),
    [(0, "0"), (14833444, "14833444Ki"), (6663 * 1024, "6663Mi"), (1024**2, "1Gi"), (1023, "1023Ki")],
)
def test_memory_text(kibibytes: int, text: str) -> None:
    """Memory is a canonical binary quantity."""
    assert go_formats.format_memory(kibibytes) == text


@given(st.integers(0, 10**15), st.integers(0, 2**50))
def test_quantities_keep_their_value(nanocores: int, kibibytes: int) -> None:
    """What is printed is exactly what was measured, by the official client's parser."""
    assert parse_quantity(go_formats.format_cpu(nanocores)) * 10**9 == nanocores
    assert parse_quantity(go_formats.format_memory(kibibytes)) == kibibytes * 1024


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (9.89, "9.89s"),
        (15.021, "15.021s"),
        (15, "15s"),
        (60, "1m0s"),
        (90.5, "1m30.5s"),
        (0.25, "250ms"),
        (0, "0s"),
        (3600, "1h0m0s"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    """Windows are printed as Go prints durations."""
    assert go_formats.format_duration(seconds) == text


def test_nodes(served: simulation.SimulatedCluster) -> None:
    """The list of nodes has usage, window, timestamp, labels and the time of serving."""
    body = simulated.ask(served, f"{URL}/nodes").json()
    assert (body["kind"], body["apiVersion"], body["metadata"]) == (
        "NodeMetricsList",
        "metrics.k8s.io/v1beta1",
        {},
    )
    assert body["items"][1] == {
        "metadata": {
            "name": "node-2",
            "creationTimestamp": "2023-11-14T22:15:00Z",
            "labels": {"kubernetes.io/hostname": "node-2"},
        },
        "timestamp": "2023-11-14T22:14:57Z",
        "window": "15.021s",
        "usage": {"cpu": "266965936n", "memory": "6822913Ki"},
    }
    assert body["items"][0]["usage"] == {"cpu": "0", "memory": "6663Mi"}


def test_pods(served: simulation.SimulatedCluster) -> None:
    """A pod has its containers; the v1 form differs in apiVersion alone."""
    old = simulated.ask(served, f"{URL}/pods").json()
    new = simulated.ask(served, "/apis/metrics.k8s.io/v1/pods").json()
    assert old["items"] == new["items"]
    assert new["apiVersion"] == "metrics.k8s.io/v1"
    assert old["items"][1]["containers"] == [
        {"name": "app", "usage": {"cpu": "7532567n", "memory": "20481Ki"}}
    ]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/namespaces/shop/pods", {"pod-000", "pod-002", "pod-004", "pod-006"}),
        ("/pods?labelSelector=app%3Ddb", {"pod-000", "pod-004"}),
        ("/pods?fieldSelector=metadata.name%3Dpod-003", {"pod-003"}),
        (
            "/pods?fieldSelector=metadata.namespace%3Ddefault&labelSelector=app",
            {"pod-001", "pod-003", "pod-005", "pod-007"},
        ),
        ("/pods?limit=2", {f"pod-00{number}" for number in range(8)}),
        ("/namespaces/none/pods", set()),
    ],
)
def test_selection(served: simulation.SimulatedCluster, path: str, expected: set[str]) -> None:
    """Namespaces and both selectors choose; limit is ignored, as by metrics-server."""
    items = simulated.ask(served, URL + path).json()["items"]
    assert {item["metadata"]["name"] for item in items} == expected


def test_one(served: simulation.SimulatedCluster) -> None:
    """One object has its kind; a missing one is 404 in metrics-server's words."""
    pod = simulated.ask(served, f"{URL}/namespaces/default/pods/pod-001").json()
    assert (pod["kind"], pod["apiVersion"]) == ("PodMetrics", "metrics.k8s.io/v1beta1")
    for path, message in (
        ("nodes/nope", 'node "nope" not found'),
        ("namespaces/shop/pods/pod-001", 'pods "pod-001" not found'),
    ):
        answer = simulated.ask(served, f"{URL}/{path}")
        assert (answer.status, answer.json()["message"]) == (404, message)


def test_refusals(served: simulation.SimulatedCluster) -> None:
    """Watches and writes are 405, bad selectors 400, unknown resources 404, unknown versions plain 404."""
    watch = simulated.ask(served, f"{URL}/pods?watch=1")
    assert (watch.status, watch.json()["message"]) == (
        405,
        'watch is not supported on resources of kind "pods.metrics.k8s.io"',
    )
    assert simulated.ask(served, f"{URL}/nodes", method="POST", body={}).status == 405
    assert simulated.ask(served, f"{URL}/pods?labelSelector=a+in").status == 400
    assert simulated.ask(served, f"{URL}/pods?fieldSelector=spec.nodeName%3Dx").status == 400
    assert simulated.ask(served, f"{URL}/things").status == 404
    assert simulated.ask(served, "/apis/metrics.k8s.io/v2/pods").body == b"404 page not found\n"


def strings(data: bytes) -> list[str]:
    """Every run of printable bytes, found without knowing any field."""
    return [match.decode() for match in re.findall(rb"[ -~]{1,}", data)]


def test_protobuf(served: simulation.SimulatedCluster) -> None:
    """The protobuf form begins with the magic bytes and carries the same quantities as JSON."""
    answer = simulated.ask(served, f"{URL}/pods", headers=PROTOBUF)
    assert answer.headers["content-type"] == "application/vnd.kubernetes.protobuf"
    assert answer.body.startswith(b"k8s\0\n")
    text = " ".join(strings(answer.body))
    for item in simulated.ask(served, f"{URL}/pods").json()["items"]:
        for container in item["containers"]:
            assert container["usage"]["cpu"] in text
            assert container["usage"]["memory"] in text
        assert item["metadata"]["name"] in text


def read(data: bytes) -> dict[int, list[bytes | int]]:
    """One message: the values of each field."""
    values: dict[int, list[bytes | int]] = {}
    for number, value in protobuf.fields(data):
        values.setdefault(number, []).append(value)
    return values


def inner(message: dict[int, list[bytes | int]], *path: int) -> dict[int, list[bytes | int]]:
    for number in path:
        value = message[number][0]
        assert isinstance(value, bytes)
        message = read(value)
    return message


@given(
    st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=253),
    st.dictionaries(st.sampled_from(["app", "a" * 200]), st.text(max_size=63)),
    st.lists(
        st.tuples(st.sampled_from(["a", "b" * 63]), st.integers(0, 10**14), st.integers(0, 2**40)), max_size=3
    ),
    st.integers(0, 2**33),
    st.integers(1, 10**6),
)
def test_protobuf_of_any_pod(
    name: str, labels: dict[str, str], containers: list[tuple[str, int, int]], epoch: int, milliseconds: int
) -> None:
    """Names, labels, times, windows and usage of any size can be read back from the encoded row."""
    usage = apiobjects.PodUsage(
        "shop", name, labels=labels, timestamp=epoch, window=milliseconds / 1000, containers=containers
    )
    row = read(metrics_protobuf.encode_row(usage, 7))
    metadata = inner(row, 1)
    assert metadata[1] == [name.encode()]
    assert metadata[3] == [b"shop"]
    found = [read(entry) for entry in metadata.get(11, []) if isinstance(entry, bytes)]
    assert found == [{1: [key.encode()], 2: [value.encode()]} for key, value in sorted(labels.items())]
    assert inner(row, 2)[1] == [epoch]
    assert inner(row, 3)[1] == [milliseconds * 1_000_000]
    assert len(row.get(4, [])) == len(containers)
    for encoded, (container, cpu, memory) in zip(row.get(4, []), containers, strict=True):
        assert isinstance(encoded, bytes)
        message = read(encoded)
        assert message[1] == [container.encode()]
        entries = [read(entry) for entry in message[2] if isinstance(entry, bytes)]
        assert [inner(entry, 2)[1] for entry in entries] == [
            [go_formats.format_cpu(cpu).encode()],
            [go_formats.format_memory(memory).encode()],
        ]


def test_table(served: simulation.SimulatedCluster) -> None:
    """`kubectl get nodes.metrics.k8s.io` has metrics-server's four columns."""
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    table = simulated.ask(served, f"{URL}/nodes", headers=accept).json()
    assert [row["cells"] for row in table["rows"]] == [
        ["node-1", "0", "6663Mi", "15.021s"],
        ["node-2", "266965936n", "6822913Ki", "15.021s"],
    ]
    single = simulated.ask(served, f"{URL}/namespaces/shop/pods/pod-002", headers=accept).json()
    assert [row["cells"][0] for row in single["rows"]] == ["pod-002"]
    assert simulated.ask(served, f"{URL}/nodes/nope", headers=accept).status == 404
    partial = {"Accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}
    items = simulated.ask(served, f"{URL}/nodes", headers=partial).json()["items"]
    assert {item["kind"] for item in items} == {"PartialObjectMetadata"}


def test_values_change_with_each_turn() -> None:
    """Within 15 seconds the answer stays the same, after them it is a new one."""
    now = small_world.START
    with simulation.SimulatedCluster(world=small_world.SmallWorld(), tls=False, clock=lambda: now) as made:

        def stamp() -> str:
            return str(json.loads(simulated.ask(made, f"{URL}/pods").body)["items"][0]["timestamp"])

        first = stamp()
        now += 14
        assert stamp() == first
        now += 2
        assert stamp() != first
