"""Usage and history by PromQL from the real Prometheus 3, whose windows are open at their left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests import history_contract, prometheus, scraped, test_history_remote, test_prometheus_source
from tests.e2e import provision

from kubevitals import sources
from kubevitals.history import remote, ring
from kubevitals.promql import config
from kubevitals.sources.prometheus import source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.promql import client as promql_client

QUESTIONS = history_contract.questions()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[promql_client.Prometheus]:
    """Prometheus 3 with the samples of both tests."""
    program = str(provision.provide("prometheus-3")["prometheus-3"])
    samples = scraped.openmetrics(test_prometheus_source.everything())
    samples += history_contract.openmetrics(test_history_remote.held())
    with (
        prometheus.holding(samples, tmp_path_factory.mktemp("held"), path=program) as started,
        config.open_prometheus(config.ServerOptions(started.url)) as opened,
    ):
        yield opened


@pytest.fixture(scope="module")
def reference() -> ring.Ring:
    """The same history in memory."""
    return test_history_remote.in_memory()


def test_a_window_is_open_at_its_left(server: promql_client.Prometheus) -> None:
    """This is the other kind of Prometheus."""
    assert server.is_left_open()
    assert server.build_info().version


def test_usage(server: promql_client.Prometheus) -> None:
    """Containers and nodes are those of the other servers; only a window loses its first sample."""
    made = source.PrometheusSource(lambda: server, cluster="one", at=lambda: scraped.NOW)
    usage = made.fetch_usage(sources.Scope(nodes=True, pods=True))
    assert set(usage.pods) == {("shop", "web-1"), ("data", "db-0")}
    assert usage.nodes["n1"] == (scraped.NOW, 60, test_prometheus_source.about(0.75), 4096 << 20)
    assert usage.problems == []


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda name: name.replace(" ", "-"))
def test_history(server: promql_client.Prometheus, reference: ring.Ring, question: str) -> None:
    """Whatever is asked, the answer is that of the history in memory."""
    query = QUESTIONS[question]
    query = query if query.cluster is not None else query._replace(cluster="prod")
    history_contract.compare(remote.Remote(server).read(query), reference.read(query))
