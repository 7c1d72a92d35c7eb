"""Who may do what on the simulated API server, and what it says of it."""

from __future__ import annotations

import contextlib
import http.client
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import simulated, small_world

from simcluster import simulation
from simcluster.apiserver import review_protobuf

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

AUTHORIZATION = "/apis/authorization.k8s.io/v1"
AUTHENTICATION = "/apis/authentication.k8s.io/v1"


@pytest.fixture(scope="module")
def served() -> Iterator[simulation.SimulatedCluster]:
    with simulation.SimulatedCluster(world=small_world.SmallWorld()) as running:
        yield running


CLUSTER = "at the cluster scope"
DEFAULT = 'in the namespace "default"'


@pytest.mark.parametrize(
    ("user", "path", "what", "wish"),
    [
        ("nothing", "/api/v1/pods", "pods", f'list resource "pods" in API group "" {CLUSTER}'),
        (
            "nothing",
            "/api/v1/namespaces/default/pods/x",
            'pods "x"',
            f'get resource "pods" in API group "" {DEFAULT}',
        ),
        (
            "viewer-shop",
            "/api/v1/namespaces/default/pods?watch=1",
            "pods",
            f'watch resource "pods" in API group "" {DEFAULT}',
        ),
        (
            "viewer-shop",
            "/apis/metrics.k8s.io/v1beta1/nodes",
            "nodes.metrics.k8s.io",
            f'list resource "nodes" in API group "metrics.k8s.io" {CLUSTER}',
        ),
        (
            "metrics-reader",
            "/api/v1/namespaces/default/pods/a/log",
            'pods "a"',
            f'get resource "pods/log" in API group "" {DEFAULT}',
        ),
        ("reader", "/metrics", None, 'get path "/metrics"'),
    ],
)
def test_forbidden(
    served: simulation.SimulatedCluster, user: str, path: str, what: str | None, wish: str
) -> None:
    """What a user may not do is 403 in the RBAC authorizer's words."""
    answer = simulated.ask(served, path, user=user)
    message = f'{f"{what} is " if what else ""}forbidden: User "{user}" cannot {wish}'
    assert (answer.status, answer.json()["reason"], answer.json()["message"]) == (403, "Forbidden", message)


@pytest.mark.parametrize(
    ("user", "path"),
    [
        ("viewer-shop", "/api/v1/namespaces/shop/pods"),
        ("viewer-shop", "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods"),
        ("viewer-shop", "/api/v1/namespaces/shop"),
        ("metrics-reader", "/apis/metrics.k8s.io/v1beta1/nodes"),
        ("reader", "/api/v1/nodes"),
        ("nothing", "/apis"),
        ("nothing", "/version"),
        (None, "/healthz"),
        ("reader", "/readyz/ping"),
    ],
)
def test_allowed(served: simulation.SimulatedCluster, user: str | None, path: str) -> None:
    """What a user may do is answered."""
    assert simulated.ask(served, path, user=user).status == 200


def test_anonymous(served: simulation.SimulatedCluster) -> None:
    """Without a credential one is system:anonymous, who may see the version and hardly anything else."""
    assert simulated.ask(served, "/version", user=None).status == 200
    answer = simulated.ask(served, "/api/v1/nodes", user=None)
    assert answer.status == 403
    assert answer.json()["message"] == (
        'nodes is forbidden: User "system:anonymous" cannot list resource "nodes" in API group "" '
        "at the cluster scope"
    )


@pytest.mark.parametrize("header", [{"Authorization": "Bearer wrong"}, {"Authorization": "Basic YTpi"}])
def test_unauthorized(served: simulation.SimulatedCluster, header: dict[str, str]) -> None:
    """With a credential that it does not know, the server answers 401 as the real one does."""
    answer = simulated.ask(served, "/api/v1/nodes", user=None, headers=header)
    assert answer.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "Unauthorized",
        "reason": "Unauthorized",
        "code": 401,
    }


def whoami(served: simulation.SimulatedCluster, **options: Any) -> Any:
    answer = simulated.ask(served, f"{AUTHENTICATION}/selfsubjectreviews", method="POST", body={}, **options)
    assert answer.status == 201, answer.body
    return answer.json()["status"]["userInfo"]


def test_client_certificates(served: simulation.SimulatedCluster, tmp_path: pathlib.Path) -> None:
    """A client certificate makes its common name the user and its organisations the groups."""
    pair = served.client_certificate("viewer-shop", ["team"])
    file = tmp_path / "client.pem"
    file.write_bytes(pair.certificate + pair.key)
    context = ssl.create_default_context(cadata=served.ca.decode())
    context.load_cert_chain(file)
    port = int(served.url.rpartition(":")[2])
    with contextlib.closing(http.client.HTTPSConnection("127.0.0.1", port, context=context)) as connection:
        connection.request("POST", f"{AUTHENTICATION}/selfsubjectreviews", body="{}")
        body = connection.getresponse().read()
        assert b'"username":"viewer-shop","groups":["team","system:authenticated"]' in body
        connection.request("GET", "/api/v1/namespaces/shop/pods")
        assert connection.getresponse().read().startswith(b'{"kind":"PodList"')


def test_impersonation(served: simulation.SimulatedCluster) -> None:
    """An administrator may act as somebody, with groups, uid and extra; others may not."""
    headers = {"Impersonate-User": "viewer-shop", "Impersonate-Uid": "7", "Impersonate-Extra-Scopes": "a"}
    assert whoami(served, headers={**headers, "Impersonate-Group": "dev"}) == {
        "username": "viewer-shop",
        "uid": "7",
        "groups": ["dev", "system:authenticated"],
        "extra": {"scopes": ["a"]},
    }
    assert simulated.ask(served, "/api/v1/pods", headers=headers).status == 403
    assert simulated.ask(served, "/api/v1/namespaces/shop/pods", headers=headers).status == 200
    refused = simulated.ask(served, "/api/v1/pods", user="reader", headers=headers)
    assert refused.json()["message"] == (
        'pods is forbidden: User "reader" cannot impersonate-on:user-info:list resource "pods" in API '
        'group "" at the cluster scope'
    )
    alone = simulated.ask(served, "/api/v1/pods", headers={"Impersonate-Group": "system:masters"})
    assert alone.status == 400


def may(served: simulation.SimulatedCluster, user: str, **attributes: str) -> bool:
    body = {"spec": {"resourceAttributes": attributes}}
    answer = simulated.ask(
        served, f"{AUTHORIZATION}/selfsubjectaccessreviews", method="POST", user=user, body=body
    )
    return bool(answer.json()["status"]["allowed"])


@pytest.mark.parametrize("user", ["admin", "reader", "metrics-reader", "viewer-shop", "nothing"])
@pytest.mark.parametrize(
    ("path", "attributes"),
    [
        ("/api/v1/pods", {"verb": "list", "resource": "pods"}),
        ("/api/v1/namespaces/shop/pods", {"verb": "list", "resource": "pods", "namespace": "shop"}),
        ("/api/v1/nodes/node-1", {"verb": "get", "resource": "nodes", "name": "node-1"}),
        (
            "/apis/metrics.k8s.io/v1beta1/nodes",
            {"verb": "list", "resource": "nodes", "group": "metrics.k8s.io"},
        ),
        ("/apis/apps/v1/deployments", {"verb": "list", "resource": "deployments", "group": "apps"}),
    ],
)
def test_access_reviews_are_truthful(
    served: simulation.SimulatedCluster, user: str, path: str, attributes: dict[str, str]
) -> None:
    """Both access reviews say what the request itself will meet."""
    granted = simulated.ask(served, path, user=user).status == 200
    assert may(served, user, **attributes) is granted
    groups = ["system:masters"] if user == "admin" else []
    body = {"spec": {"user": user, "groups": groups, "resourceAttributes": attributes}}
    other = simulated.ask(served, f"{AUTHORIZATION}/subjectaccessreviews", method="POST", body=body)
    assert other.json()["status"]["allowed"] is granted


def test_paths_are_reviewed(served: simulation.SimulatedCluster) -> None:
    """Paths that are no resource are reviewed too."""
    for path, granted in (("/healthz", True), ("/metrics", False)):
        body = {"spec": {"nonResourceAttributes": {"verb": "get", "path": path}}}
        url = f"{AUTHORIZATION}/selfsubjectaccessreviews"
        answer = simulated.ask(served, url, method="POST", user="nothing", body=body)
        assert answer.json()["status"]["allowed"] is granted


def test_rules_review(served: simulation.SimulatedCluster) -> None:
    """SelfSubjectRulesReview lists the rules that hold in a namespace."""
    url = f"{AUTHORIZATION}/selfsubjectrulesreviews"
    for namespace, found in (("shop", True), ("default", False)):
        body = {"spec": {"namespace": namespace}}
        rules = simulated.ask(served, url, method="POST", user="viewer-shop", body=body).json()["status"]
        assert any("pods" in rule["resources"] for rule in rules["resourceRules"]) is found
        assert rules["incomplete"] is False


def test_token_review(served: simulation.SimulatedCluster) -> None:
    """TokenReview knows the tokens of its users, and does not repeat them."""
    url = f"{AUTHENTICATION}/tokenreviews"
    token = served.token_for("reader")
    known = simulated.ask(served, url, method="POST", body={"spec": {"token": token}})
    assert known.json()["status"]["user"]["username"] == "reader"
    assert token.encode() not in known.body
    unknown = simulated.ask(served, url, method="POST", body={"spec": {"token": "x"}})
    assert "authenticated" not in unknown.json()["status"]
    assert simulated.ask(served, url, method="POST", user="nothing", body={}).status == 403


def test_local_review(served: simulation.SimulatedCluster) -> None:
    """LocalSubjectAccessReview is about its own namespace only."""
    url = f"{AUTHORIZATION}/namespaces/shop/localsubjectaccessreviews"
    spec = {
        "user": "viewer-shop",
        "resourceAttributes": {"verb": "list", "resource": "pods", "namespace": "shop"},
    }
    assert simulated.ask(served, url, method="POST", body={"spec": spec}).json()["status"]["allowed"] is True
    spec["resourceAttributes"] = {"verb": "list", "resource": "pods", "namespace": "default"}
    assert simulated.ask(served, url, method="POST", body={"spec": spec}).status == 422


@pytest.mark.parametrize("body", [[], {"kind": "Pod"}, "x", 3])
def test_wrong_reviews(served: simulation.SimulatedCluster, body: object) -> None:
    """A body that is no such review is 400."""
    answer = simulated.ask(served, f"{AUTHORIZATION}/selfsubjectaccessreviews", method="POST", body=body)
    assert (answer.status, answer.json()["reason"]) == (400, "BadRequest")


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Whatever follows the magic bytes, reading ends with a review or ValueError."""
    with contextlib.suppress(ValueError):
        assert review_protobuf.read_review(review_protobuf.MAGIC + data)["kind"]


def test_no_token_in_what_objects_say(served: simulation.SimulatedCluster) -> None:
    """Neither the cluster nor its errors show a token."""
    token = served.token
    assert token not in repr(served)
    answer = simulated.ask(served, f"/{token}", user="nothing", headers={"X-Token": token})
    assert answer.status == 403


def test_kubeconfig_names_every_user(served: simulation.SimulatedCluster) -> None:
    """The kubeconfig is YAML with a context for each user, the administrator's being the current one."""
    import yaml

    config = yaml.safe_load(served.kubeconfig())
    assert config["current-context"] == "simulated"
    contexts = {each["name"]: each["context"] for each in config["contexts"]}
    assert {"simulated", "simulated-nothing", "simulated-viewer-shop", "simulated-certificate"} <= set(
        contexts
    )
    assert contexts["simulated-viewer-shop"]["namespace"] == "shop"
    assert {each["name"] for each in config["users"]} == {each["user"] for each in contexts.values()}
