"""Each fault of the simulated cluster, as a client sees it."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import time
from typing import TYPE_CHECKING

import pytest
from tests import simulated, small_world

from simcluster import errors, faults, simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

METRICS = "/apis/metrics.k8s.io/v1beta1"


@pytest.fixture(scope="module")
def running() -> Iterator[simulation.SimulatedCluster]:
    with simulation.SimulatedCluster(world=small_world.SmallWorld()) as made:
        yield made


@pytest.fixture
def served(running: simulation.SimulatedCluster) -> Iterator[simulation.SimulatedCluster]:
    """A cluster in good health before and after."""
    yield running
    running.set_faults([])


def api_service(served: simulation.SimulatedCluster) -> simulated.Answer:
    return simulated.ask(served, "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io")


def test_health(served: simulation.SimulatedCluster) -> None:
    """Without faults everything answers."""
    assert served.faults() == []
    assert simulated.ask(served, f"{METRICS}/pods").status == 200
    assert api_service(served).json()["status"]["conditions"][0]["status"] == "True"


def test_metrics_absent(served: simulation.SimulatedCluster) -> None:
    """The group is gone from discovery, its paths are 404, its APIService is deleted, and all comes back."""
    served.set_faults(["metrics-absent"])
    groups = [group["name"] for group in simulated.ask(served, "/apis").json()["groups"]]
    assert "metrics.k8s.io" not in groups
    for path in ("/apis/metrics.k8s.io", METRICS, f"{METRICS}/nodes"):
        answer = simulated.ask(served, path)
        assert (answer.status, answer.body) == (404, b"404 page not found\n")
    assert api_service(served).status == 404
    served.set_faults([])
    assert simulated.ask(served, f"{METRICS}/nodes").status == 200
    assert api_service(served).status == 200


@pytest.mark.parametrize("reason", faults.REASONS)
def test_metrics_unavailable(served: simulation.SimulatedCluster, reason: str) -> None:
    """The group is listed, its version is 503 in plain text, and the APIService says why."""
    served.set_faults([f"metrics-unavailable={reason}"])
    assert simulated.ask(served, "/apis/metrics.k8s.io").status == 200
    for path in (METRICS, f"{METRICS}/nodes"):
        answer = simulated.ask(served, path)
        assert (answer.status, answer.body) == (503, b"service unavailable\n")
        assert answer.headers["content-type"].startswith("text/plain")
    condition = api_service(served).json()["status"]["conditions"][0]
    assert (condition["type"], condition["status"], condition["reason"]) == ("Available", "False", reason)
    accept = {"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}
    items = simulated.ask(served, "/apis", headers=accept).json()["items"]
    stale = next(item for item in items if item["metadata"]["name"] == "metrics.k8s.io")
    assert stale["versions"] == [{"version": "v1beta1", "freshness": "Stale"}]


def test_missing_endpoints_on_the_real_world() -> None:
    """With MissingEndpoints no endpoint of metrics-server is ready, until the fault is over."""
    with simulation.SimulatedCluster(tls=False, faults=["metrics-unavailable=MissingEndpoints"]) as made:
        query = simulated.quote(labelSelector="kubernetes.io/service-name=metrics-server")
        path = f"/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices?{query}"

        def ready() -> set[bool]:
            slices = simulated.ask(made, path).json()["items"]
            return {each["conditions"]["ready"] for one in slices for each in one["endpoints"]}

        assert ready() == {False}
        made.set_faults([])
        assert ready() == {True}


def test_metrics_empty(served: simulation.SimulatedCluster) -> None:
    """Lists are empty, 200, and names are not found."""
    served.set_faults(["metrics-empty"])
    answer = simulated.ask(served, f"{METRICS}/pods")
    assert (answer.status, answer.json()["items"]) == (200, [])
    assert simulated.ask(served, f"{METRICS}/nodes/node-1").status == 404


def test_metrics_stale() -> None:
    """Timestamps stand still while the fault is in force, and catch up after it."""
    now = small_world.START
    with simulation.SimulatedCluster(world=small_world.SmallWorld(), tls=False, clock=lambda: now) as made:

        def stamp() -> str:
            return str(simulated.ask(made, f"{METRICS}/nodes").json()["items"][0]["timestamp"])

        before = stamp()
        made.set_faults(["metrics-stale"])
        assert stamp() == before
        now += 600
        assert stamp() == before
        made.set_faults([])
        assert stamp() != before


def test_unauthorized(served: simulation.SimulatedCluster) -> None:
    """No credential is accepted; only the way to switch the fault off is open."""
    served.set_faults(["unauthorized"])
    answer = simulated.ask(served, "/api/v1/nodes")
    assert (answer.status, answer.json()["message"]) == (401, "Unauthorized")
    assert simulated.ask(served, "/simulation/faults").json()["faults"] == ["unauthorized"]


def test_forbidden(served: simulation.SimulatedCluster) -> None:
    """Nothing may be read, or only the resource that is named may not."""
    served.set_faults(["forbidden"])
    answer = simulated.ask(served, f"{METRICS}/pods")
    assert (answer.status, answer.json()["message"]) == (
        403,
        (
            'pods.metrics.k8s.io is forbidden: User "admin" cannot list resource "pods" '
            'in API group "metrics.k8s.io" at the cluster scope'
        ),
    )
    served.set_faults(["forbidden=nodes.metrics.k8s.io"])
    assert simulated.ask(served, f"{METRICS}/nodes").status == 403
    assert simulated.ask(served, f"{METRICS}/pods").status == 200
    assert simulated.ask(served, "/api/v1/nodes").status == 200


def test_throttled(served: simulation.SimulatedCluster) -> None:
    """429 with Retry-After, for as many requests as were asked for."""
    served.set_faults(["throttled=2"])
    answers = [simulated.ask(served, "/api/v1/nodes") for _ in range(3)]
    assert [answer.status for answer in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "1"
    assert served.faults() == []


def test_slow(served: simulation.SimulatedCluster) -> None:
    """Answers wait as long as the fault says."""
    served.set_faults(["slow=300ms"])
    before = time.monotonic()
    assert simulated.ask(served, "/version").status == 200
    assert time.monotonic() - before >= 0.3


def test_cut_off(served: simulation.SimulatedCluster) -> None:
    """The body ends in the middle of what was announced."""
    served.set_faults(["cut-off"])
    with pytest.raises(http.client.IncompleteRead) as caught:
        simulated.ask(served, "/api/v1/pods")
    assert caught.value.partial.startswith(b'{"kind":"PodList"')


def test_cut_off_watch(served: simulation.SimulatedCluster) -> None:
    """A watch that is cut off ends without its last chunk."""
    served.set_faults(["cut-off=1"])
    with pytest.raises((http.client.IncompleteRead, ssl.SSLError)):
        simulated.ask(served, "/api/v1/nodes?watch=1&timeoutSeconds=1")
    assert served.faults() == []


@pytest.mark.parametrize("resource", ["nodes", "pods"])
def test_bad_quantity(served: simulation.SimulatedCluster, resource: str) -> None:
    """Exactly one CPU value is no quantity."""
    served.set_faults(["bad-quantity"])
    items = simulated.ask(served, f"{METRICS}/{resource}").json()["items"]
    assert json.dumps(items).count('"12x"') == 1


def test_watch_gone(served: simulation.SimulatedCluster) -> None:
    """A watch ends at once with 410, whatever version it asks for."""
    served.set_faults(["watch-gone"])
    version = simulated.ask(served, "/api/v1/pods").json()["metadata"]["resourceVersion"]
    with simulated.watching(served, f"/api/v1/pods?watch=1&resourceVersion={version}") as events:
        assert [event["object"]["code"] for event in events] == [410]


def test_connection_reset(served: simulation.SimulatedCluster) -> None:
    """The connection is reset instead of an answer, as often as was asked for."""
    served.set_faults(["connection-reset=1"])
    with pytest.raises(ConnectionResetError):
        simulated.ask(served, "/api/v1/pods")
    assert simulated.ask(served, "/api/v1/pods").status == 200


def test_expired_certificate(served: simulation.SimulatedCluster) -> None:
    """New connections see an expired certificate; those that are open live on."""
    with contextlib.closing(simulated.open_connection(served)) as connection:
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"ok"
        served.set_faults(["expired-certificate"])
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            simulated.ask(served, "/healthz")
        assert caught.value.verify_message == "certificate has expired"
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"ok"


def test_several_at_once(served: simulation.SimulatedCluster) -> None:
    """Faults add up, and are told as they were given."""
    served.set_faults(["bad-quantity", "forbidden=nodes", "slow=0.01s"])
    assert served.faults() == ["bad-quantity", "forbidden=nodes", "slow=0.01s"]
    assert simulated.ask(served, "/api/v1/nodes").status == 403
    assert b"12x" in simulated.ask(served, f"{METRICS}/pods").body


def test_switching_over_http(served: simulation.SimulatedCluster) -> None:
    """An administrator switches faults by request; nobody else does, and what is no fault changes nothing."""
    answer = simulated.ask(served, "/simulation/faults", method="POST", body=["watch-gone"])
    assert answer.json()["faults"] == ["watch-gone"]
    assert {each["name"] for each in answer.json()["known"]} == set(faults.FAULTS)
    assert (
        simulated.ask(served, "/simulation/faults", method="POST", body=["x"], user="nothing").status == 403
    )
    for body in (["metric-stale"], {"faults": 3}, [1], "slow"):
        assert simulated.ask(served, "/simulation/faults", method="PUT", body=body).status == 400
    assert served.faults() == ["watch-gone"]
    assert simulated.ask(served, "/simulation/faults", method="DELETE").json()["faults"] == []


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("metrics-stail", "there is no fault 'metrics-stail'", "did you mean metrics-stale?"),
        ("\x1b[31m", "there is no fault '?[31m'", "known faults: metrics-absent"),
        ("slow=soon", "'soon' is no duration for the fault slow", "for example slow=2s"),
        ("throttled=0", "'0' is no count for the fault throttled", "for example throttled=3"),
        ("watch-gone=1", "the fault watch-gone takes no value", "write watch-gone"),
        ("forbidden=", "'' is no resource for the fault forbidden", "for example forbidden=pods"),
        ("metrics-unavailable=x", "'x' is no reason for the fault metrics-unavailable", "for example"),
    ],
)
def test_wrong_faults(text: str, message: str, remedy: str) -> None:
    """What is no fault is refused, with the closest name or an example."""
    with pytest.raises(errors.SimulationError) as caught:
        faults.parse_faults([text])
    assert str(caught.value) == message
    assert (caught.value.remedy or "").startswith(remedy)
