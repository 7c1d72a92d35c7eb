"""The contract of sources, held by the metrics API and by the kubelets of the same simulated cluster."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from tests import connected, source_contract

from kubevitals.sources import metricsapi
from kubevitals.sources.kubelet import source as kubelet
from simcluster import simulation as simulated

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def world(**options: Any) -> Iterator[tuple[simulated.SimulatedCluster, source_contract.Clock]]:
    clock = source_contract.Clock()
    with simulated.SimulatedCluster(nodes=8, pods=60, clock=clock, **options) as made:
        yield made, clock


class TestMetricsAPI(source_contract.SourceContract):
    @pytest.fixture
    def bed(self) -> Iterator[source_contract.Bed]:
        with world() as (made, clock), connected.connect(made) as cluster:
            yield source_contract.Bed(
                metricsapi.MetricsAPI(cluster.client),
                world=made,
                clock=clock,
                kill=lambda: made.set_faults(["metrics-unavailable"]),
            )


class TestKubelets(source_contract.SourceContract):
    @pytest.fixture
    def bed(self) -> Iterator[source_contract.Bed]:
        with world(kubelets=True) as (made, clock), connected.connect(made, user="kubelet-reader") as cluster:
            source = kubelet.Kubelets(cluster.client, clock=clock)
            yield source_contract.Bed(
                source,
                world=made,
                clock=clock,
                hurt=lambda: made.set_faults(["kubelet-garbage=40%"]),
                kill=lambda: made.set_faults(["kubelet-empty"]),
            )
            source.close()


class TestKubeletsThroughTheNodeProxy(source_contract.SourceContract):
    @pytest.fixture
    def bed(self) -> Iterator[source_contract.Bed]:
        with world(kubelets=True) as (made, clock), connected.connect(made) as cluster:
            source = kubelet.Kubelets(cluster.client, proxy=True, clock=clock)
            yield source_contract.Bed(
                source,
                world=made,
                clock=clock,
                hurt=lambda: made.set_faults(["kubelet-forbidden=40%"]),
                kill=lambda: made.set_faults(["kubelet-garbage"]),
            )
            source.close()
