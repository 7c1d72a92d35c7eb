"""Kubelets as a source: who is asked how and when, and what one that fails costs."""

from __future__ import annotations

import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests import kubelets, servers

from kubevitals import errors, model, snapshot, sources
from kubevitals.kube import resourceattributes
from kubevitals.kube.http import authentication
from kubevitals.sources.kubelet import source
from simcluster import simulation as simulated

if TYPE_CHECKING:
    from pathlib import Path

NODES = sources.Scope(nodes=True)
PODS = sources.Scope(pods=True)
BOTH = sources.Scope(nodes=True, pods=True)
T = kubelets.START
POD = ("shop", "web-0")
AGAIN = 15.0  # seconds after which a reading is asked for anew


def two_readings(**second: Any) -> list[bytes]:
    later = {"cpu": 108.0, "container_cpu": 14.0, "at": T + 16.0, **second}
    return [kubelets.answer(), kubelets.answer(**later)]


def test_first_and_second_reading() -> None:
    """The first reading knows memory, the second one CPU as well, over the kubelet's own window."""
    with kubelets.Scene({"node-1": two_readings()}) as scene:
        first = scene.source.fetch_usage(BOTH)
        assert first.nodes == {"node-1": (T, "", None, 500_000_000)}
        assert first.pods == {POD: (T, "", [("app", None, 64_000_000)])}
        assert (first.node_reasons, first.pod_reasons) == ({"node-1": "first_sample"}, {POD: "first_sample"})
        scene.now += AGAIN
        second = scene.source.fetch_usage(BOTH)
        assert second.nodes == {"node-1": (T + 16, 16.0, 0.5, 500_000_000)}
        assert second.pods == {POD: (T + 16, 16.0, [("app", 0.25, 64_000_000)])}
        assert (second.node_reasons, second.pod_reasons, second.problems) == ({}, {}, [])
        assert (second.source, scene.source.name) == ("kubelet", "kubelet")


def test_a_pod_that_two_nodes_report() -> None:
    """What two kubelets tell of one pod is kept apart: only the list of pods knows where it runs."""
    moved = [kubelets.answer(container_cpu=90.0), kubelets.answer(container_cpu=98.0, at=T + 16.0)]
    with kubelets.Scene({"node-1": two_readings(), "node-2": moved}) as scene:
        scene.source.fetch_usage(BOTH)
        scene.now += AGAIN
        usage = scene.source.fetch_usage(BOTH)
        assert {node: sample[2] for node, sample in usage.reports[POD].items()} == {
            "node-1": [("app", 0.25, 64_000_000)],
            "node-2": [("app", 0.5, 64_000_000)],
        }
    for node, cores in (("node-1", 0.25), ("node-2", 0.5), ("node-3", None)):
        chosen = snapshot.choose_reports(usage, [model.Pod(*POD, node=node)])
        assert (chosen[POD][2][0][1] if POD in chosen else None) == cores


def test_what_a_kubelet_is_asked() -> None:
    """The account's token goes to the kubelet over one connection that stays open."""
    with kubelets.Scene({"node-1": two_readings()}) as scene:
        scene.source.fetch_usage(BOTH)
        scene.now += AGAIN
        scene.source.fetch_usage(BOTH)
        server = scene.servers["node-1"]
        assert kubelets.targets(server) == ["/metrics/resource"] * 2
        assert {request.header("authorization") for request in server.requests} == {"Bearer the-token"}
        assert server.connections == 1
        assert server.server_names == [None]  # an IP address is no name to be asked for


def test_nodes_and_pods_share_a_reading() -> None:
    """A snapshot asks for nodes and for pods; the kubelets are asked once, and the list of nodes is kept."""
    with kubelets.Scene({"node-1": two_readings()}) as scene:
        threads = [
            threading.Thread(target=scene.source.fetch_usage, args=(scope,)) for scope in (NODES, PODS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(scene.servers["node-1"].requests) == 1
        scene.now += AGAIN
        scene.source.fetch_usage(NODES)
        assert scene.source.fetch_usage(PODS).pods[POD][1] == 16.0
        assert len(scene.servers["node-1"].requests) == 2
        assert len([target for target in kubelets.targets(scene.api) if "limit" in target]) <= 2


def test_clock_that_is_set_back() -> None:
    """Kubelets are asked again though the clock shows less than at the last reading."""
    with kubelets.Scene({"node-1": two_readings()}) as scene:
        scene.source.fetch_usage(BOTH)
        scene.now -= 10_000
        assert scene.source.fetch_usage(BOTH).node_reasons == {}


def test_client_certificate_where_there_is_no_token() -> None:
    """A kubelet is shown the client certificate only of an account without a token, and never a password."""
    issued = servers.authority().issue(user="reader")
    seen: list[Any] = []

    class Account(authentication.Credentials):
        def __init__(self, authorization: str | None) -> None:
            self.credential = authentication.Credential(
                authorization, certificate=issued.certificate, key=issued.key
            )

        def fetch(self) -> authentication.Credential:
            return self.credential

    def look(connection: ssl.SSLSocket) -> None:
        seen.append(connection.getpeercert())

    for authorization, expected in ((None, True), ("Bearer x", False), ("Basic eDp5", True)):
        scene = kubelets.Scene({"node-1": [[look, kubelets.answer()]]}, credentials=Account(authorization))
        context = scene.servers["node-1"]._tls
        assert context is not None
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=servers.authority().pem.decode())
        with scene:
            assert scene.source.fetch_usage(NODES).nodes
            sent = scene.servers["node-1"].requests[0].header("authorization")
        assert sent == ("Bearer x" if authorization == "Bearer x" else None)
        assert bool(seen.pop()) is expected


def test_path_and_port_of_the_node() -> None:
    """The kubelet is asked at the path of the annotation, and at a port that is given instead of its own."""
    with kubelets.Scene({"node-1": [kubelets.answer()]}) as other:
        port = other.servers["node-1"].port
        listed = kubelets.node("node-1", 1, path="/metrics/nodes/node-1/metrics/resource")
        with kubelets.Scene({}, nodes=[listed], port=port) as scene:
            assert scene.source.fetch_usage(NODES).nodes
        assert kubelets.targets(other.servers["node-1"]) == ["/metrics/nodes/node-1/metrics/resource"]


def failures() -> dict[str, tuple[Any, str, str]]:
    """What a kubelet does, the code of it, and words of the problem."""
    refusal = servers.answer(
        403, "Forbidden (user=x, verb=get, resource=nodes, subresource=metrics)", kind="text/plain"
    )
    good = kubelets.answer()
    return {
        "401": (servers.answer(401, "Unauthorized", kind="text/plain"), "kubelet_unauthorized", "HTTP 401"),
        "403": (refusal, "kubelet_forbidden", "subresource=metrics"),
        "404": (servers.answer(404, "404 page not found", kind="text/plain"), "kubelet_failed", "HTTP 404"),
        "500": (servers.answer(500, "oops"), "kubelet_failed", "HTTP 500"),
        "redirect": (servers.answer(302, headers=["Location: https://evil.test/"]), "kubelet_failed", "302"),
        "html": (servers.answer(200, "<html>", kind="text/html"), "kubelet_failed", "no metrics"),
        "empty": (servers.answer(200, ""), "kubelet_failed", "no metrics of a kubelet"),
        "scrape error": (servers.answer(200, "scrape_error 1\n"), "kubelet_failed", "could not measure"),
        "no http": (b"SSH-2.0-x\r\n\r\n", "kubelet_failed", "not HTTP"),
        "cut": ([good[:-200], "close"], "kubelet_failed", "connection ended"),
        "cut in the head": ([good[:20], "close"], "kubelet_failed", "in the headers"),
        "reset": (["reset"], "kubelet_unreachable", "connection"),
        "closed": (["close"], "kubelet_unreachable", "without an answer"),
        "silent": ([30.0], "kubelet_timeout", "did not answer within"),
        "silent in the middle": ([good[:-200], 30.0], "kubelet_timeout", "stalled"),
        "dripping": ([good[:-200], *[part for byte in good[-200:] for part in (bytes([byte]), 0.05)]],
                     "kubelet_timeout", "stalled"),
        "half a head": (servers.answer()[:-4], "kubelet_timeout", "did not answer"),
        "a bomb": (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "kubelet_failed", "larger"),
    }  # fmt: skip


@pytest.mark.parametrize("name", failures())
def test_kubelet_that_fails(name: str) -> None:
    """It costs the rows of its node, by a code and one problem; the others are as they were."""
    bad, code, words = failures()[name]
    with kubelets.Scene({"bad": [bad], "good": [kubelets.answer()]}, timeout=0.8) as scene:
        started = time.monotonic()
        usage = scene.source.fetch_usage(BOTH)
        assert time.monotonic() - started < 4
    assert usage.nodes.keys() == {"good"}
    assert usage.pods.keys() == {POD}
    assert usage.node_reasons == {"bad": code, "good": "first_sample"}
    (problem,) = usage.problems
    assert (problem.code, problem.object) == (code, "bad")
    assert words in problem.message
    assert problem.message.startswith("the kubelet of bad ")
    assert problem.remedy
    assert "the-token" not in problem.message


def test_nobody_listens() -> None:
    """A port where nobody listens is a kubelet that cannot be reached, and says so."""
    with servers.Server(b"") as gone:
        port = gone.port
    with kubelets.Scene({"good": [kubelets.answer()]}) as scene:
        nodes = [kubelets.node("gone", port), kubelets.node("good", scene.servers["good"].port)]
        with kubelets.Scene({}, nodes=nodes) as other:
            usage = other.source.fetch_usage(NODES)
    assert usage.node_reasons["gone"] == "kubelet_unreachable"
    assert "connection refused" in usage.problems[0].message


def test_node_that_cannot_be_located() -> None:
    """A node whose own words cannot be used is silent and told, and nothing is sent anywhere for it."""
    nodes = [kubelets.node("a", 1, path="/../x"), kubelets.node("b", 1, address="evil.example")]
    with kubelets.Scene({"good": [kubelets.answer()]}) as scene:
        nodes.append(kubelets.node("good", scene.servers["good"].port))
        with kubelets.Scene({}, nodes=nodes) as other:
            usage = other.source.fetch_usage(NODES)
    assert usage.node_reasons == {"a": "kubelet_failed", "b": "kubelet_failed", "good": "first_sample"}
    assert "resource-metrics-path is no plain path" in usage.problems[0].message


CERTIFICATES = {
    "foreign": lambda: servers.Authority("another CA").issue("127.0.0.1"),
    "expired": lambda: servers.authority().issue("127.0.0.1", days=(-30, -1)),
    "another address": lambda: servers.authority().issue("10.0.0.1"),
    "only a name": lambda: servers.authority().issue("node-1"),
}


@pytest.mark.parametrize("name", CERTIFICATES)
def test_certificate_that_cannot_be_trusted(name: str) -> None:
    """Nothing is sent to a kubelet whose certificate is not for its address, or not of the cluster's CA."""
    with (
        kubelets.Scene({"node-1": [kubelets.answer()]}, certificate=CERTIFICATES[name]()) as scene,
        pytest.raises(errors.KubeletsError, match="certificate") as caught,
    ):
        scene.source.fetch_usage(NODES)
    assert scene.servers["node-1"].requests == []
    assert "serverTLSBootstrap" in str(caught.value.remedy)


def test_insecure_when_told_so() -> None:
    """With `insecure` any certificate is taken; that of the API server may be insecure is no leave for it."""
    foreign = CERTIFICATES["foreign"]()
    with kubelets.Scene({"node-1": [kubelets.answer()]}, certificate=foreign, insecure=True) as scene:
        assert scene.source.fetch_usage(NODES).nodes
    loose = {"ca": None, "insecure": True}
    with (
        kubelets.Scene({"node-1": [kubelets.answer()]}, connection=loose) as scene,
        pytest.raises(errors.KubeletsError, match="unknown authority"),
    ):
        scene.source.fetch_usage(NODES)


def test_ca_file(tmp_path: Path) -> None:
    """A file names the CA of the kubelets where it is not the cluster's; one that is not there is told."""
    authority = servers.Authority("kubelets' CA")
    path = tmp_path / "ca.pem"
    path.write_bytes(authority.pem)
    certificate = authority.issue("127.0.0.1")
    with kubelets.Scene({"node-1": [kubelets.answer()]}, certificate=certificate, ca_file=str(path)) as scene:
        assert scene.source.fetch_usage(NODES).nodes
        with pytest.raises(errors.ConfigurationError, match="cannot be read: no such file"):
            source.Kubelets(scene.client, ca_file=str(tmp_path / "none"))


def test_many_fail_for_one_cause() -> None:
    """One problem names the first three of them, and how many more there are."""
    names = [f"node-{number}" for number in range(5)]
    refusal = servers.answer(403, "Forbidden", kind="text/plain")
    with kubelets.Scene({"good": [kubelets.answer()], **{name: [refusal] for name in names}}) as scene:
        usage = scene.source.fetch_usage(NODES)
    (problem,) = usage.problems
    assert problem.message == (
        "the kubelets of node-0, node-1, node-2 and 2 more refused this account: HTTP 403 Words: Forbidden"
    )
    assert 'resources: ["nodes/metrics"]' in str(problem.remedy)
    assert problem.object is None


def test_all_fail() -> None:
    """Where no kubelet of a cluster can be read, that is an error with each cause in it."""
    answers = {"a": [servers.answer(500, "")], "b": [servers.answer(200, "")]}
    with kubelets.Scene(answers) as scene:
        for scope in (NODES, PODS):
            with pytest.raises(
                errors.KubeletsError, match="no kubelet could be read: the kubelets of a, b gave"
            ):
                scene.source.fetch_usage(scope)


def test_all_refuse() -> None:
    """Where all refuse the account, it is that right which is missing, and the error holds the rule."""
    with (
        kubelets.Scene({"a": [servers.answer(403, "Forbidden")], "b": [["close"]]}) as scene,
        pytest.raises(errors.ForbiddenError) as caught,
    ):
        scene.source.fetch_usage(PODS)
    assert caught.value.rule == '- apiGroups: [""]\n  resources: ["nodes/metrics"]\n  verbs: ["get"]\n'
    assert caught.value.right == resourceattributes.ResourceAttributes("get", "nodes/metrics")


def test_one_node_that_fails() -> None:
    """Of a single node that is asked for, the row says why; there is no error for the whole."""
    with kubelets.Scene({"a": [servers.answer(500, "")]}) as scene:
        usage = scene.source.fetch_usage(sources.Scope(nodes=True, name="a"))
    assert usage.node_reasons == {"a": "kubelet_failed"}


def test_no_nodes() -> None:
    """A cluster without nodes has no usage, and nothing is wrong with that."""
    with kubelets.Scene({}) as scene:
        usage = scene.source.fetch_usage(BOTH)
    assert (usage.nodes, usage.pods, usage.problems) == ({}, {}, [])


def test_credential_is_renewed_once() -> None:
    """After a 401 the credential is renewed once for all kubelets, which are asked again with the new one."""
    token = kubelets.Token(next_token="newer")
    refused = servers.answer(401, "Unauthorized")
    answers = {f"node-{number}": [refused, kubelets.answer()] for number in range(4)}
    with kubelets.Scene(answers, credentials=token) as scene:
        assert len(scene.source.fetch_usage(NODES).nodes) == 4
        sent = [server.requests[1].header("authorization") for server in scene.servers.values()]
    assert set(sent) == {"Bearer newer"}
    assert token.renewals == 1


def test_connection_that_was_closed_meanwhile() -> None:
    """A kubelet that closed the idle connection is asked over a new one."""
    first, second = two_readings()
    closing = first.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
    for answers in ([closing, second], [[first, "close"], second]):
        with kubelets.Scene({"node-1": answers}) as scene:
            scene.source.fetch_usage(NODES)
            scene.now += AGAIN
            assert scene.source.fetch_usage(NODES).nodes["node-1"][2] == 0.5
            assert scene.servers["node-1"].connections == 2


def test_slow_kubelets_do_not_hold_up_the_others() -> None:
    """More slow kubelets than workers end with the round; who answered has its rows."""
    slow = {f"slow-{number}": [[30.0]] for number in range(6)}
    with kubelets.Scene({"good": [kubelets.answer()], **slow}, timeout=0.4, workers=2) as scene:
        started = time.monotonic()
        usage = scene.source.fetch_usage(NODES)
        assert time.monotonic() - started < 3
    assert usage.nodes.keys() == {"good"}
    assert set(usage.node_reasons.values()) == {"kubelet_timeout", "first_sample"}


def test_kubelet_that_only_costs_time_is_left_alone_for_a_while() -> None:
    """After two time-outs in a row it is not asked in each round, and comes back when it answers."""
    answers = [[30.0], [30.0], kubelets.answer()]
    with kubelets.Scene({"good": [kubelets.answer()], "slow": answers}, timeout=0.3) as scene:
        asked = []
        for _ in range(4):
            usage = scene.source.fetch_usage(NODES)
            asked.append(len(scene.servers["slow"].requests))
            scene.now += AGAIN
        assert asked == [1, 2, 2, 3]
        assert "slow" in usage.nodes


def test_kubelet_that_comes_back() -> None:
    """After a gap the rate is over the whole of it; the counters were not forgotten."""
    first, second = two_readings()
    with kubelets.Scene({"a": [first, servers.answer(500, ""), second], "b": [first]}) as scene:
        scene.source.fetch_usage(NODES)
        scene.now += AGAIN
        assert scene.source.fetch_usage(NODES).node_reasons["a"] == "kubelet_failed"
        scene.now += AGAIN
        assert scene.source.fetch_usage(NODES).nodes["a"] == (T + 16, 16.0, 0.5, 500_000_000)


def test_nodes_that_vanish_and_move() -> None:
    """A node that is gone is forgotten with its connection; one that moved is found at its new place."""
    with kubelets.Scene({"old": [kubelets.answer()], "new": [kubelets.answer()]}) as places:
        old, new = (places.servers[name].port for name in ("old", "new"))
        lists = [
            kubelets.node_list(kubelets.node("a", old), kubelets.node("b", old)),
            kubelets.node_list(kubelets.node("a", new)),
        ]
        with kubelets.Scene({}, api=lists) as scene:
            assert scene.source.fetch_usage(NODES).nodes.keys() == {"a", "b"}
            scene.now += 61
            assert scene.source.fetch_usage(NODES).nodes.keys() == {"a"}
            assert scene.source._nodes.keys() == {"a"}
        assert len(places.servers["new"].requests) == 1


def test_list_of_nodes_is_read_again_soon_after_a_failure() -> None:
    """A kubelet that is not where its node says makes the list of nodes doubtful."""
    with kubelets.Scene({"a": [["close"]], "b": [kubelets.answer()]}) as scene:
        for _ in range(3):
            scene.source.fetch_usage(NODES)
            scene.now += AGAIN
        assert len(scene.api.requests) == 3


def test_api_server_is_away() -> None:
    """Kubelets that are known are asked on while the API server does not answer; the first time it must."""
    with kubelets.Scene({"a": two_readings()}) as scene:
        nodes = kubelets.node_list(kubelets.node("a", scene.servers["a"].port))
        away = servers.answer(503, "service unavailable", kind="text/plain")
        with kubelets.Scene({}, api=[nodes, away]) as other:
            other.client.http.request_timeout = 0.1
            other.source.fetch_usage(NODES)
            other.now += 100
            assert other.source.fetch_usage(NODES).nodes["a"][2] == 0.5
        with kubelets.Scene({}, api=[away]) as other:
            other.client.http.request_timeout = 0.1
            with pytest.raises(errors.UnavailableError):
                other.source.fetch_usage(NODES)


def test_scope() -> None:
    """Namespace and name restrict the pods; labels and fields are looked up as metadata."""
    pods = [("shop", "web-0", "app"), ("shop", "db-0", "db"), ("blog", "web-0", "app")]
    with kubelets.Scene({"node-1": [kubelets.answer(pods=pods)]}) as scene:
        port = scene.servers["node-1"].port
        api = [kubelets.node_list(kubelets.node("node-1", port)), kubelets.pod_list(("shop", "db-0"))]
        with kubelets.Scene({}, api=api) as other:

            def names(**scope: Any) -> set[tuple[str, str]]:
                usage = other.source.fetch_usage(sources.Scope(pods=True, **scope))
                assert usage.pod_reasons.keys() == usage.pods.keys()
                return set(usage.pods)

            assert names() == {each[:2] for each in pods}
            assert names(namespace="shop") == {("shop", "web-0"), ("shop", "db-0")}
            assert names(namespace="shop", name="web-0") == {POD}
            assert names(namespace="none") == set()
            assert names(label_selector="app=db", namespace="shop") == {("shop", "db-0")}
            assert names(field_selector="status.phase=Running") == {("shop", "db-0")}
            asked = other.api.requests
    assert asked[1].target == "/api/v1/namespaces/shop/pods?labelSelector=app%3Ddb&limit=1000"
    assert "PartialObjectMetadataList" in str(asked[1].header("accept"))


def test_selector_of_nodes() -> None:
    """Only the nodes that a selector means are asked."""
    with kubelets.Scene({"a": [kubelets.answer()], "b": [kubelets.answer()]}) as places:
        only = kubelets.node_list(kubelets.node("a", places.servers["a"].port))
        with kubelets.Scene({}, api=[only]) as scene:
            assert scene.source.fetch_usage(sources.Scope(nodes=True, label_selector="x=y")).nodes.keys() == {
                "a"
            }
            assert scene.source.fetch_usage(sources.Scope(nodes=True, name="a")).nodes.keys() == {"a"}
            asked = kubelets.targets(scene.api)
        assert places.servers["b"].requests == []
    assert asked == [
        "/api/v1/nodes?labelSelector=x%3Dy&limit=1000",
        "/api/v1/nodes?fieldSelector=metadata.name%3Da&limit=1000",
    ]


def test_impersonation() -> None:
    """Kubelets know no impersonation: rather than answer another account, the source says so."""
    acting = {"impersonation": (("Impersonate-User", "jane"),)}
    with (
        kubelets.Scene({"a": [kubelets.answer()]}, connection=acting) as scene,
        pytest.raises(errors.KubeletsError, match="impersonation"),
    ):
        scene.source.fetch_usage(NODES)


def test_list_of_nodes_forbidden() -> None:
    """Without the right to list nodes there is nobody to ask."""
    status = servers.status_object(403, "Forbidden", "nodes is forbidden")
    with (
        kubelets.Scene({}, api=[servers.answer(403, status)]) as scene,
        pytest.raises(errors.ForbiddenError),
    ):
        scene.source.fetch_usage(BOTH)


PREFIX = "/api/v1/nodes/node-1/proxy"


def test_through_the_node_proxy() -> None:
    """With `proxy` each kubelet is asked through the API server, which needs no address of a node."""
    nodes = kubelets.node_list(kubelets.node("node-1", 1, address="evil.example", path="/x/metrics/resource"))
    with kubelets.Scene({}, api=[nodes, *two_readings()], proxy=True) as scene:
        scene.source.fetch_usage(NODES)
        scene.now += AGAIN
        assert scene.source.fetch_usage(NODES).nodes["node-1"][2] == 0.5
        assert kubelets.targets(scene.api)[1:] == [f"{PREFIX}/x/metrics/resource"] * 2


TRYING = "error trying to reach service: "


@pytest.mark.parametrize(
    ("status", "words", "code"),
    [
        (503, f"{TRYING}dial tcp 10.0.0.1:10250: connect: connection refused", "kubelet_unreachable"),
        (503, f"{TRYING}dial tcp 10.0.0.1:10250: i/o timeout", "kubelet_timeout"),
        (502, f"{TRYING}x509: certificate signed by unknown authority", "kubelet_tls"),
        (401, "Unauthorized", "kubelet_unauthorized"),
        (403, "Forbidden (user=kube-apiserver, verb=get, resource=nodes)", "kubelet_forbidden"),
        (400, "address not allowed", "kubelet_failed"),
    ],
)
def test_what_the_node_proxy_says_of_a_kubelet(status: int, words: str, code: str) -> None:
    """The API server's words for a kubelet that it cannot reach become the same codes."""
    nodes = kubelets.node_list(kubelets.node("node-1", 1))
    api = [nodes, servers.answer(status, words, kind="text/plain")]
    with kubelets.Scene({}, api=api, proxy=True) as scene:
        usage = scene.source.fetch_usage(sources.Scope(nodes=True, name="node-1"))
    assert usage.node_reasons == {"node-1": code}


def test_words_of_the_node_proxy() -> None:
    """Of a Status its message is shown, not the document."""
    status = servers.status_object(503, "ServiceUnavailable", "error trying to reach service: refused")
    api = [kubelets.node_list(kubelets.node("node-1", 1)), servers.answer(503, status)]
    with kubelets.Scene({}, api=api, proxy=True) as scene, pytest.raises(errors.KubeletsError) as caught:
        scene.source.fetch_usage(NODES)
    assert str(caught.value).endswith(
        "cannot be reached: HTTP 503 Words: error trying to reach service: refused"
    )
    assert caught.value.remedy == "let the kubelet's port (10250) through from the API server to the nodes"


def test_node_proxy_forbidden() -> None:
    """An account without nodes/proxy is told that right, and not the kubelet's."""
    message = (
        'nodes "node-1" is forbidden: User "x" cannot get resource "nodes/proxy" '
        'in API group "" at the cluster scope'
    )
    api = [
        kubelets.node_list(kubelets.node("node-1", 1)),
        servers.answer(403, servers.status_object(403, "Forbidden", message)),
    ]
    with kubelets.Scene({}, api=api, proxy=True) as scene, pytest.raises(errors.ForbiddenError) as caught:
        scene.source.fetch_usage(NODES)
    assert "nodes/proxy" in str(caught.value.rule)
    assert caught.value.right == resourceattributes.ResourceAttributes("get", "nodes/proxy")


def test_simulated_cluster() -> None:
    """The kubelets of a simulated cluster tell what its metrics API does, and nobody without the right."""
    with simulated.SimulatedCluster(nodes=6, pods=40, kubelets=True, speed=0) as world:
        with kubelets.of_simulation(world) as client:
            read = source.Kubelets(client, clock=world.now)
            usage = read.fetch_usage(BOTH)
            assert len(usage.nodes) >= 4
            assert len(usage.pods) > 20
            read.close()
        with kubelets.of_simulation(world, "reader") as client:
            denied = source.Kubelets(client, clock=world.now)
            with pytest.raises(errors.ForbiddenError):
                denied.fetch_usage(BOTH)
            denied.close()
