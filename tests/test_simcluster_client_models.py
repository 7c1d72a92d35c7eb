from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests import simulated_life as life

from simcluster.world import world

if TYPE_CHECKING:
    from simcluster import apiobjects

MODELS = {
    "APIService": "V1APIService",
    "CronJob": "V1CronJob",
    "DaemonSet": "V1DaemonSet",
    "Deployment": "V1Deployment",
    "EndpointSlice": "V1EndpointSlice",
    "Event": "CoreV1Event",
    "HorizontalPodAutoscaler": "V2HorizontalPodAutoscaler",
    "Job": "V1Job",
    "Lease": "V1Lease",
    "Namespace": "V1Namespace",
    "Node": "V1Node",
    "Pod": "V1Pod",
    "ReplicaSet": "V1ReplicaSet",
    "Service": "V1Service",
    "ServiceAccount": "V1ServiceAccount",
    "StatefulSet": "V1StatefulSet",
}


class _Response:
    def __init__(self, data: str) -> None:
        self.data = data


@pytest.fixture(scope="module")
def client() -> Any:
    kubernetes = pytest.importorskip("kubernetes.client", reason="the official client is not installed")
    with kubernetes.ApiClient() as api:
        yield api


@pytest.fixture(scope="module")
def items() -> list[apiobjects.Item]:
    living = world.World(start=life.START)
    living.advance(life.START + 3600)
    return list(living.items())


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_the_official_client_accepts_every_object(
    client: Any, items: list[apiobjects.Item], kind: str
) -> None:
    """The official client's models, which check required fields, read each object of the kind."""
    found = life.of_kind(items, kind)
    assert found
    for item in found:
        model = client.deserialize(_Response(item.render(5).decode()), MODELS[kind])
        assert (model.kind, model.api_version) == (kind, item.resource.api_version)
        assert model.metadata.name == item.name
        assert model.metadata.creation_timestamp.timestamp() == int(item.created)


def test_pods_hold_what_the_client_reads(client: Any, items: list[apiobjects.Item]) -> None:
    """Pods and containers keep their meaning in the official model: owners, states, resources."""
    for pod in life.all_pods(items):
        model = client.deserialize(_Response(pod.render(5).decode()), "V1Pod")
        assert model.status.qos_class == pod.pod_set.template.qos
        assert len(model.spec.containers) == len(pod.pod_set.template.containers)
        for status, state in zip(model.status.container_statuses or (), pod.containers, strict=True):
            assert status.restart_count == state.restarts
            assert getattr(status.state, state.kind) is not None
        assert model.metadata.managed_fields
