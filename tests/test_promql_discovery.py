"""Finding Prometheus in a cluster: which service, how it is reached, with which rights; and from options."""

from __future__ import annotations

import json
import urllib.parse
from typing import TYPE_CHECKING, Any

import pytest
from tests import accounts_simulated, connected, scraped, servers

from kubevitals import errors, rbac, sources
from kubevitals.kube import client as http_client
from kubevitals.kube import clientconfig
from kubevitals.promql import config, discovery
from kubevitals.sources.prometheus import factory
from simcluster import simulation as simulated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME, COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/component"
STACK = {"app": "kube-prometheus-stack-prometheus"}
ONE = {"status": "success", "data": {"resultType": "vector", "result": []}}


def service(
    name: str, namespace: str, *ports: tuple[int, str], kind: str = "ClusterIP", **labels: str
) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"type": kind, "ports": [{"port": port, "name": word} for port, word in ports]},
    }


def listed(*items: dict[str, Any]) -> bytes:
    return servers.answer(200, {"kind": "ServiceList", "metadata": {}, "items": list(items)})


def forbidden() -> bytes:
    words = 'User "me" cannot list resource "services" in API group "" at the cluster scope'
    return servers.answer(403, servers.status_object(403, "Forbidden", words))


CLIENTS: list[http_client.Client] = []


def client_of(server: servers.Server) -> http_client.Client:
    """A client of the API server, closed at the end of the test."""
    CLIENTS.append(http_client.Client(clientconfig.ClientConfig(server.url)))
    return CLIENTS[-1]


@pytest.fixture(autouse=True)
def _close_clients() -> Iterator[None]:
    yield
    while CLIENTS:
        CLIENTS.pop().close()


OPERATED = {"operated-prometheus": "true"}
CASES = {
    "the operator's": (service("prometheus-operated", "mon", (9090, "web"), **OPERATED), 9090),
    "the stack's": (
        service("x-prometheus", "mon", (8080, "reloader-web"), (9090, "http-web"), **STACK),
        9090,
    ),
    "the chart's": (
        service("prometheus-server", "p", (80, "http"), **{NAME: "prometheus", COMPONENT: "server"}),
        80,
    ),
    "kube-prometheus": (
        service("prometheus-k8s", "mon", (9090, "web"), **{NAME: "prometheus", COMPONENT: "prometheus"}),
        9090,
    ),
    "VictoriaMetrics": (service("vm", "mon", (8428, "http"), **{NAME: "victoria-metrics-single"}), 8428),
    "its cluster": (service("vmselect", "mon", (8481, "http"), **{NAME: "vmselect"}), 8481),
    "Thanos": (service("query", "thanos", (10902, "http"), **{NAME: "thanos-query"}), 10902),
    "Thanos by component": (
        service("q", "thanos", (9090, "http"), **{NAME: "thanos", COMPONENT: "query"}),
        9090,
    ),
    "a name alone": (service("prometheus-server", "prometheus", (80, "")), 80),
}  # fmt: skip


def rank(*found: dict[str, Any]) -> list[discovery.Place]:
    return discovery.rank(
        (
            each["metadata"]["namespace"],
            each["metadata"]["name"],
            each["metadata"]["labels"],
            [(port["port"], port["name"]) for port in each["spec"]["ports"]],
        )
        for each in found
    )


@pytest.mark.parametrize("case", CASES)
def test_conventions(case: str) -> None:
    """Each installer's service is found, with the port that answers queries."""
    found, port = CASES[case]
    others = service("web", "shop", (80, "http"), app="web")
    (place,) = rank(others, found)
    assert (place.namespace, place.name, place.port) == (
        found["metadata"]["namespace"], found["metadata"]["name"], port,
    )  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [
        service("alerts", "p", (80, "http"), **{NAME: "prometheus", COMPONENT: "alertmanager"}),
        service("thanos-store", "t", (10902, "http"), **{NAME: "thanos", COMPONENT: "store"}),
        service("prometheus-operated", "mon", (9999, "grpc"), **OPERATED),
        service("prometheus-server", "prometheus", (81, "")),
        service("prometheus-node-exporter", "p", (9100, "http"), **{NAME: "prometheus-node-exporter"}),
    ],
)  # fmt: skip
def test_what_only_looks_like_it(other: dict[str, Any]) -> None:
    """Other parts of the same installation are not asked."""
    assert rank(other) == []


def test_the_layer_above_comes_first() -> None:
    """Thanos sees both halves of an HA pair, the operator's own service is surer than a name."""
    names = [place.name for place in rank(*[found for found, _ in CASES.values()])]
    assert names[:2] == ["query", "q"]
    assert names[2] == "prometheus-operated"
    assert names[-1] == "prometheus-server"


def test_through_the_api_server() -> None:
    """From outside the service proxy is asked, by GET alone; how it was found is told."""
    found, _ = CASES["the operator's"]
    with servers.Server(listed(found), servers.answer(200, ONE)) as server:
        opened = discovery.find(client_of(server), inside=False)
        opened.query("up")
        opened.close()
    assert opened.origin == (
        "service mon/prometheus-operated:9090, found by the label operated-prometheus=true, "
        "through the API server"
    )
    paths = [request.target.partition("?")[0] for request in server.requests]
    proxied = "/api/v1/namespaces/mon/services/prometheus-operated:9090/proxy/api/v1/query"
    assert paths == ["/api/v1/services", proxied, proxied]
    assert {request.method for request in server.requests} == {"GET"}


def test_the_next_one_where_the_first_does_not_answer() -> None:
    """A service without a ready pod is passed over; the prefix of its kind is kept."""
    none_ready = servers.answer(
        503, servers.status_object(503, "ServiceUnavailable", "no endpoints available for service")
    )
    services = listed(CASES["its cluster"][0], CASES["the operator's"][0])
    with servers.Server(services, none_ready, servers.answer(200, ONE)) as server:
        opened = discovery.find(client_of(server), inside=False)
        opened.close()
    assert "vmselect" in opened.origin
    assert "vmselect:8481/proxy/select/0/prometheus/api/v1/query?" in server.requests[-1].target
    with (
        servers.Server(services, none_ready) as server,
        pytest.raises(
            errors.PrometheusError, match="no Prometheus answers: service mon/prometheus-op"
        ) as found,
    ):
        discovery.find(client_of(server), inside=False)
    assert "ready pod" in str(found.value.remedy)


def test_none() -> None:
    """Where there is none that is said; a service that leads out of the cluster is none."""
    away = service("prometheus-operated", "mon", (9090, "web"), kind="ExternalName", **OPERATED)
    with (
        servers.Server(listed(away)) as server,
        pytest.raises(errors.PrometheusError, match="no Prometheus is found") as found,
    ):
        discovery.find(client_of(server), inside=False)
    assert "--prometheus-url" in str(found.value.remedy)


def test_without_the_right_to_look() -> None:
    """Usual names are tried; if none answers, the missing right is named."""
    with servers.Server(forbidden(), forbidden(), servers.answer(200, ONE)) as server:
        opened = discovery.find(client_of(server), inside=False)
        opened.close()
    assert "monitoring/prometheus-k8s:9090, found by its name" in opened.origin
    with (
        servers.Server(forbidden()) as server,
        pytest.raises(errors.PrometheusError, match="cannot be looked for") as found,
    ):
        discovery.find(client_of(server), inside=False)
    assert 'resources: ["services"]' in str(found.value.remedy)
    assert str(found.value.right) == "list services"


def test_the_rights_are_those_of_the_feature() -> None:
    """To find it in the cluster takes what the feature `prometheus` grants, and no more is asked."""
    with simulated.SimulatedCluster(nodes=2, pods=6, speed=0.0) as world:
        rules = rbac.FEATURES["prometheus"].rules
        account = accounts_simulated.add(world, "finder", rules)
        with (
            connected.connect(world, user="finder") as cluster,
            pytest.raises(errors.PrometheusError, match=r"no Prometheus (is found|answers)"),
        ):
            discovery.find(cluster.client, inside=True, timeout=0.5)
        assert account.refused == []
        assert set(account.asked) == accounts_simulated.wanted(rules)


# --- from options to the source


def test_the_options_of_the_command_line(tmp_path: Path) -> None:
    """Every option has its effect on what is asked."""
    token, queries = tmp_path / "token", tmp_path / "queries.toml"
    token.write_text("t0ken")
    queries.write_text("[container_memory]\nquery = 'mine{$scope}'\n")
    with servers.Server(servers.answer(200, ONE)) as server:
        made = factory.open_source(
            None,
            config.ServerOptions(
                server.url + "/prefix", token_file=str(token), header=["X-Scope-OrgID=a"], timeout=5
            ),
            range=120,
            cluster="prod=k8s",
            queries=str(queries),
        )
        with pytest.raises(
            errors.PrometheusError, match="has neither container_cpu_usage_seconds_total nor up"
        ):
            made.fetch_usage(sources.Scope(pods=True, namespace="shop"))
        assert made.origin == f"{server.url}/prefix (--prometheus-url)"
        made.close()
    asked = [dict(urllib.parse.parse_qsl(request.body.decode()))["query"] for request in server.requests]
    assert {request.header("authorization") for request in server.requests} == {"Bearer t0ken"}
    assert {request.header("x-scope-orgid") for request in server.requests} == {"a"}
    assert (
        'container_cpu_usage_seconds_total{container!="",container!="POD",k8s="prod",namespace="shop"}[120s]'
        in asked
    )
    assert 'mine{k8s="prod",namespace="shop"}' in asked


SERVER = config.ServerOptions("http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "no cluster to find"),
        ({"server": config.ServerOptions(token_file="x")}, "without it"),
        ({"server": SERVER, "cluster": "=label"}, "no name"),
        ({"server": SERVER, "cluster": "a=b-c"}, "no name of a label"),
        ({"server": SERVER, "range": 0.0}, "not longer"),
    ],
)
def test_options_that_mean_nothing(options: dict[str, Any], words: str) -> None:
    """Each is refused at once."""
    with pytest.raises(errors.UsageError, match=words):
        factory.open_source(None, **options)


def test_found_when_it_is_needed() -> None:
    """Without an address nothing is asked until usage is; what was found is kept."""
    found, _ = CASES["the operator's"]
    one = {"metric": {"namespace": "a", "pod": "p", "container": "c"}, "values": [[scraped.NOW, "1"]]}
    matrix = {"status": "success", "data": {"resultType": "matrix", "result": [one]}}
    with servers.Server(listed(found), servers.answer(200, ONE), servers.answer(200, matrix)) as server:
        made = factory.open_source(client_of(server), environ={})
        assert (made.origin, server.requests) == ("", [])
        with pytest.raises(errors.KubevitalsError):
            made.fetch_usage(sources.Scope(pods=True, label_selector="a=b"))
        assert "found by the label" in made.origin
        made.close()
    assert json.dumps([request.target for request in server.requests]).count('"/api/v1/services?') == 1


@pytest.mark.parametrize(("context", "inside"), [("in-cluster", True), ("other", False)])
def test_in_the_cluster_by_any_name(context: str, *, inside: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pod of the cluster is one, whatever the cluster is called after the source was opened."""
    asked: list[bool] = []

    def find(_: http_client.Client, *, inside: bool, timeout: float) -> object:
        asked.append(inside)
        return timeout

    monkeypatch.setattr(discovery, "find", find)
    client = http_client.Client(clientconfig.ClientConfig("https://127.0.0.1:1", context=context))
    opened = factory.open_source(client, environ={"KUBERNETES_SERVICE_HOST": "10.0.0.1"})
    client.config = client.config._replace(context="prod")
    assert opened.prometheus is not None
    assert asked == [inside]
