"""What history keeps of nodes and pods beside usage: every field of the records, each object on its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests import waiting

import kubevitals
from kubevitals import model
from kubevitals.history import factcodec, store

if TYPE_CHECKING:
    import pathlib

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
# Fields that are samples, or that are put together from others when a fact is read.
PUT_TOGETHER = {
    "timestamp", "window_seconds", "age_seconds", "stale", "cpu_usage_cores", "memory_usage_bytes", "problem",
    "detail", "containers", "conditions", "taints", "roles", "addresses", "labels",
}  # fmt: skip


def value_of(note: str, at: int) -> Any:
    """A value of the type that an annotation names."""
    for word, value in (
        ("datetime", NOW - timedelta(minutes=at)),
        ("bool", at % 2 == 0),
        ("float", at + 0.5),
        ("int", at),
        ("str", f"text {at}"),
    ):
        if word in note:
            return value
    raise AssertionError(note)


def full(record: type[Any], **given: Any) -> Any:
    """A record with a value in every field of its own."""
    notes = {name: str(note) for name, note in record.__annotations__.items() if name in record._fields}
    told = {
        name: value_of(note, at) for at, (name, note) in enumerate(notes.items()) if name not in PUT_TOGETHER
    }
    return record(**told, **given)


def test_every_field_of_a_pod_comes_back() -> None:
    """Times, numbers, texts and truth values of a pod and of its containers are what they were."""
    pod = full(model.Pod, labels={"a": "b"})
    container = full(model.Container)._replace(namespace=pod.namespace, pod=pod.name)
    found = factcodec.decode_pod(factcodec.encode_pod(pod._replace(containers=(container,))))
    for name in set(model.Pod._fields) - PUT_TOGETHER:
        assert getattr(found, name) == getattr(pod, name), name
    (part,) = found.containers
    for name in set(model.Container._fields) - PUT_TOGETHER:
        assert getattr(part, name) == getattr(container, name), name


def test_every_field_of_a_node_comes_back() -> None:
    """The same of a node."""
    node = full(model.Node, labels={"a": "b"})
    found = factcodec.decode_node(factcodec.encode_node(node))
    for name in set(model.Node._fields) - PUT_TOGETHER:
        assert getattr(found, name) == getattr(node, name), name


def recorded(path: pathlib.Path, *snapshots: model.Snapshot) -> store.Store:
    """A store that has taken these."""
    made = store.Store.open(path)
    for count, each in enumerate(snapshots, 1):
        made.append(each)
        waiting.until(lambda count=count: made.status().ticks == count)  # type: ignore[misc]
    return made


def test_a_cluster_with_all_kinds_of_trouble_is_recorded(tmp_path: pathlib.Path) -> None:
    """Every pod of the simulated cluster, those that are being deleted included, is in the file as it was."""
    with kubevitals.connect(simulation={"nodes": 6, "pods": 90, "speed": 0}) as cluster:
        taken = cluster.snapshot()
    assert any(pod.deletion_at is not None for pod in taken.pods)
    held = recorded(tmp_path / "history.db", taken)
    found = held.snapshot_at(taken.generated_at)
    held.close()
    assert found is not None
    known = {pod.uid: pod for pod in found.pods}
    for pod in taken.pods:
        if pod.uid is not None:
            assert known[pod.uid].deletion_at == pod.deletion_at
            assert known[pod.uid].status == pod.status


@pytest.mark.parametrize("lost", ["pods", "nodes"])
def test_what_cannot_be_written_costs_itself_alone(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """An object of which nothing can be made is left out and told; the tick and all others are kept."""
    with kubevitals.connect(simulation={"nodes": 3, "pods": 20, "speed": 0}) as cluster:
        taken = cluster.snapshot()
    odd = getattr(taken, lost)[1]
    encode = getattr(factcodec, f"encode_{lost[:-1]}")

    def fail(record: Any) -> bytes:
        if record.name == odd.name:
            raise TypeError("an odd value")
        return encode(record)  # type: ignore[no-any-return]

    monkeypatch.setattr(factcodec, f"encode_{lost[:-1]}", fail)
    held = recorded(
        tmp_path / "history.db",
        taken,
        taken._replace(generated_at=taken.generated_at + timedelta(seconds=15)),
    )
    found = held.snapshot_at(taken.generated_at + timedelta(seconds=15))
    held.close()
    assert found is not None
    names = {each.name for each in getattr(found, lost)}
    assert odd.name not in names
    assert len(names) >= len({each.name for each in getattr(taken, lost)}) - 2
