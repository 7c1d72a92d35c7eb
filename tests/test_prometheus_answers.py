"""Answers that are partial, failed or spread over several families; how often each query is asked."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from kubevitals import attribution, errors, model, sources
from kubevitals.promql import client as promql_client
from kubevitals.promql import results
from kubevitals.sources.prometheus import source

NODES, PODS = sources.Scope(nodes=True), sources.Scope(pods=True)
OWN = {"namespace": "shop", "pod": "web-1", "container": "c", "node": "n1"}


class Server:
    """Answers each query by the first family in `told` that stands in it; an error is raised."""

    server = origin = "http://prometheus"

    def __init__(self, **told: Any) -> None:
        self.told = told
        self.asked: list[str] = []

    def query(self, expression: str, *, at: float | None = None) -> results.Answer[results.Labels]:
        return self.query_as(expression, results.Labels, at=at)

    def query_as(self, expression: str, labels: type[Any], *, at: float | None = None) -> results.Answer[Any]:
        assert at is None
        self.asked.append(expression)
        counts = expression.startswith(("count", "quantile"))
        found = next((each for family, each in self.told.items() if family in expression), ())
        if isinstance(found, Exception) and not counts:
            raise found
        body: dict[str, Any] = {"status": "success", "data": {"resultType": "matrix", "result": []}}
        if isinstance(found, dict):
            body |= found
        elif not isinstance(found, Exception) and not counts:
            body["data"]["result"] = [
                {"metric": each, "values": [[0, "0"], [30, "15"], [60, "30"]]} for each in found
            ]
        return results.decode(json.dumps(body).encode(), labels)


def asking(server: Server, clock: Any = lambda: 0.0) -> source.PrometheusSource:
    """A source of that server."""
    return source.PrometheusSource(lambda: cast("promql_client.Prometheus", server), clock=clock)


def test_nodes_that_one_family_lacks_are_taken_from_the_next() -> None:
    """Of each number on its own; between two looks only the queries that add nodes are asked."""
    now = 0.0
    server = Server(
        container_cpu_usage=[{"node": "n1", "instance": "10.0.0.1:10250"}],
        node_cpu_usage=[{"node": "n1"}, {"node": "windows"}],
        node_cpu_seconds=[{"instance": "10.0.0.1:9100"}],
        container_memory=[{"node": "n1"}],
        node_memory_working=[{"node": "windows"}],
    )
    asked = asking(server, lambda: now)
    first = asked.fetch_usage(NODES)
    assert {name: sample[2:] for name, sample in first.nodes.items()} == {
        "n1": (0.5, 30),
        "windows": (0.5, 30),
    }
    assert sum("node_cpu_seconds" in each for each in server.asked) == 1
    server.asked.clear()
    assert asked.fetch_usage(NODES).nodes == first.nodes
    assert not any("node_cpu_seconds" in each or "MemTotal_bytes{} -" in each for each in server.asked)
    now, server.asked = 700.0, []
    assert asked.fetch_usage(NODES).nodes == first.nodes
    assert any("node_cpu_seconds" in each for each in server.asked)


@pytest.mark.parametrize("said", [{"warnings": ["a store is away"]}, {"isPartial": True}])
def test_an_empty_answer_that_may_not_be_whole_is_no_proof(said: dict[str, Any]) -> None:
    """It is an error of its own, and no guess is made about what is scraped."""
    for scope in (PODS, NODES, sources.Scope(pods=True, namespace="shop")):
        with pytest.raises(errors.PrometheusError, match="may not be whole") as found:
            asking(Server(container=said, node_=said)).fetch_usage(scope)
        assert found.value.code == "prometheus_partial"


def test_what_a_partial_answer_lacks_is_said_to_be_that() -> None:
    """The rows without a sample name the answer, not the kubelet; remarks alone say nothing of the kind."""
    pods = [model.Pod("shop", "web-1", node="n1"), model.Pod("shop", "web-2", node="n1")]
    for said, reasons in (
        ({"warnings": ["away"]}, {("shop", "web-2"): "prometheus_partial"}),
        ({"infos": ["no counter"]}, {}),
    ):
        data = {"resultType": "matrix", "result": [{"metric": OWN, "values": [[0, "0"], [60, "30"]]}]}
        usage = asking(Server(container={**said, "data": data})).fetch_usage(PODS)
        attribution.attribute(usage, nodes=None, pods=pods)
        assert list(usage.pods) == [("shop", "web-1")]
        assert usage.pod_reasons == reasons
        assert len(usage.problems) == 1


def test_an_error_of_one_query_costs_its_own_numbers() -> None:
    """The others are shown and the error is told; where all fail, or the server is lost, it is raised."""
    error = errors.PrometheusError("too many samples")
    usage = asking(Server(container_cpu=error, container_memory=[OWN])).fetch_usage(PODS)
    assert usage.pods["shop", "web-1"][2] == [("c", None, 30)]
    assert usage.pod_reasons == {("shop", "web-1"): "prometheus_unavailable"}
    assert ["too many samples" in each.message for each in usage.problems] == [True]
    usage = asking(
        Server(container_cpu=[{"node": "n1"}], node_memory=error, container_memory=error)
    ).fetch_usage(NODES)
    assert usage.nodes["n1"][2:] == (0.5, None)
    with pytest.raises(errors.PrometheusError, match="too many"):
        asking(Server(container=error)).fetch_usage(PODS)
    lost = errors.PrometheusError("cannot be reached")
    lost.__cause__ = errors.UnreachableError("refused")
    server = Server(container_cpu=lost, container_memory=[OWN])
    with pytest.raises(errors.PrometheusError, match="cannot be reached"):
        asking(server).fetch_usage(PODS)
    assert not any("container_memory" in each for each in server.asked)
