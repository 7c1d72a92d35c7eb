"""The contract of sources, held by the real VictoriaMetrics that keeps what the simulated kubelets say."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

import pytest
from tests import connected, source_contract, victoria

from kubevitals import errors
from kubevitals.promql import client as promql_client
from kubevitals.promql import config
from kubevitals.sources.prometheus import source
from simcluster import simulation as simulated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals import cluster as clusters

WANTED = re.compile(r"container_(cpu_usage_seconds_total|memory_working_set_bytes)\{")
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[victoria.Victoria]:
    """One for all tests: each has a cluster of its own in it."""
    with victoria.running(tmp_path_factory.mktemp("victoria")) as running:
        yield running


def scrape(cluster: clusters.Cluster, *, name: str, now: float) -> str:
    """What a Prometheus would keep of all kubelets, with the labels that it adds; some nodes are silent."""
    lines = []
    for node in cluster.nodes():
        path = f"/api/v1/nodes/{node.name}/proxy/metrics/cadvisor"
        try:
            text = cluster.client.fetch(path, accept="text/plain", retry=False).decode()
        except errors.UnavailableError:
            continue
        for line in filter(WANTED.match, text.splitlines()):
            told = line.replace("{", f'{{cluster="{name}",node="{node.name}",', 1)
            dated = told.rpartition("}")[2].count(" ") == 2
            lines.append(told if dated else f"{told} {now * 1000:.0f}")
    return "\n".join(lines) + "\n"


class TestPrometheus(source_contract.SourceContract):
    @pytest.fixture
    def bed(self, database: victoria.Victoria) -> Iterator[source_contract.Bed]:
        clock = source_contract.Clock()
        name = f"cluster-{next(NUMBERS)}"
        servers = [
            config.open_prometheus(config.ServerOptions(database.url)),
            config.open_prometheus(config.ServerOptions("http://127.0.0.1:1")),
        ]

        class Source(source.PrometheusSource):
            """Asked on the simulated clock, and of a server that can be taken away."""

            @property
            def prometheus(self) -> promql_client.Prometheus:
                return servers[0]

        with (
            simulated.SimulatedCluster(nodes=5, pods=30, clock=clock) as world,
            connected.connect(world) as cluster,
        ):

            def take_in() -> None:
                database.give(scrape(cluster, name=name, now=clock.now))

            take_in()
            clock.now += 15.0
            take_in()
            yield source_contract.Bed(
                Source(lambda: servers[0], window=35.0, cluster=name, client=cluster.client, at=clock),
                world=world,
                clock=clock,
                after_tick=take_in,
                kill=servers.reverse,
            )
        for server in servers:
            server.close()
