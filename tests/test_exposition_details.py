"""What kubelets tell beside CPU and memory, as families of Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests import prometheus

import kubevitals
from kubevitals import details
from kubevitals.surfaces import exposition
from kubevitals.surfaces.exposition import families

if TYPE_CHECKING:
    from kubevitals import model


@pytest.fixture(scope="module")
def snapshot() -> model.Snapshot:
    """Two readings of simulated kubelets, so that rates are there."""
    with kubevitals.connect(
        simulation={"nodes": 3, "pods": 20}, source="kubelet", kubelet={"detail": True}
    ) as cluster:
        cluster.snapshot()
        assert cluster.world is not None
        return cluster.snapshot()


def expose(*snapshots: model.Snapshot, **options: object) -> str:
    made = exposition.make_options(**options)  # type: ignore[arg-type]
    pairs = [(each, None) for each in snapshots]
    return exposition.render(pairs, openmetrics=False, options=made).decode()


def test_each_detail_is_a_sample(snapshot: model.Snapshot) -> None:
    """Each detail that is known of a node, pod or container is one sample, and what is unknown is none."""
    text = expose(snapshot)
    for of, records in (
        ("node", snapshot.nodes),
        ("pod", snapshot.pods),
        ("container", [container for pod in snapshot.pods for container in pod.containers]),
    ):
        for family, field in families.DETAILS[of]:
            known = [each for each in records if each.detail and getattr(each.detail, field) is not None]
            assert text.count(f"\n{family.name}{{") == len(known), family.name
    assert 'kubevitals_node_filesystem_used_bytes{cluster="simulated",node="' in text


def test_promtool_takes_them(snapshot: model.Snapshot) -> None:
    """The real promtool has nothing to say of the exposition with details."""
    prometheus.check_metrics(expose(snapshot).encode())


def test_without_details_there_are_none(snapshot: model.Snapshot) -> None:
    """Where kubelets were not asked, no family of details is there."""
    bare = snapshot._replace(
        nodes=type(snapshot.nodes)(node._replace(detail=None) for node in snapshot.nodes),
        pods=type(snapshot.pods)(
            pod._replace(detail=None, containers=tuple(each._replace(detail=None) for each in pod.containers))
            for pod in snapshot.pods
        ),
    )
    text = expose(bare)
    assert "kubevitals_node_memory_usage_bytes{" in text
    assert not [family for rows in families.DETAILS.values() for family, _ in rows if family.name in text]


def test_every_field_has_a_family() -> None:
    """Each field of the record but the window is told of some kind of object."""
    told = {field for rows in families.DETAILS.values() for _, field in rows}
    assert told == set(details.Detail._fields) - {"window_seconds"}
