"""Failures in words: statuses of the API server, RBAC rules, and text that must not be trusted."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests import servers

from kubevitals import errors
from kubevitals.kube import remedies, resourceattributes, statuserrors
from kubevitals.kube.http import connection as connections
from kubevitals.kube.http import failures, tls, urls


def status(
    code: int, body: dict[str, Any] | bytes | str, request: str = "GET /api/v1/nodes", **more: Any
) -> Any:
    reply = servers.answer(code, body)
    content = reply.partition(b"\r\n\r\n")[2]
    return statuserrors.from_status(code, "Words", {}, content, request=request, **more)


FORBIDDEN = (
    'pods.metrics.k8s.io is forbidden: User "jane" cannot list resource "pods" in API group "metrics.k8s.io"'
)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (401, errors.UnauthorizedError),
        (403, errors.ForbiddenError),
        (404, errors.NotFoundError),
        (410, errors.GoneError),
        (429, errors.RateLimitedError),
        (503, errors.UnavailableError),
        (500, errors.StatusError),
        (405, errors.StatusError),
        (302, errors.StatusError),
        (999, errors.StatusError),
    ],
)
def test_each_status_has_its_error(code: int, kind: type[errors.StatusError]) -> None:
    """The class follows the status, and the error carries it with request, reason and body."""
    error = status(code, servers.status_object(code, "R", "text"))
    assert type(error) is kind
    assert (error.status, error.request, error.reason) == (code, "GET /api/v1/nodes", "Words")
    assert "text" in error.body


def test_the_message_of_a_status_is_shown() -> None:
    """Request, status and the server's own words."""
    error = status(404, servers.status_object(404, "NotFound", 'pods "x" not found'))
    assert str(error) == 'GET /api/v1/nodes failed: 404 Words: pods "x" not found'
    assert error.remedy


@pytest.mark.parametrize(
    "text",
    [
        "service unavailable",
        "error trying to reach service: dial tcp 10.0.0.1:443: connect: connection refused",
    ],
)
def test_the_aggregation_layer_speaks_plain_text(text: str) -> None:
    """A 503 whose body is no Status shows its text and where to look."""
    error = status(503, text + "\n", "GET /apis/metrics.k8s.io/v1beta1/nodes")
    assert str(error) == f"GET /apis/metrics.k8s.io/v1beta1/nodes failed: 503 Words: {text}"
    assert "apiservices" in error.remedy


def test_a_403_for_the_whole_cluster() -> None:
    """Who may not do what is said, with the ClusterRole rule and the commands that allow it."""
    text = FORBIDDEN + " at the cluster scope"
    error = status(403, servers.status_object(403, "Forbidden", text), "GET /apis/metrics.k8s.io/v1/pods")
    assert str(error).startswith("jane may not list pods.metrics.k8s.io")
    assert yaml.safe_load(error.rule) == [
        {"apiGroups": ["metrics.k8s.io"], "resources": ["pods"], "verbs": ["list"]}
    ]
    path = "/apis/metrics.k8s.io/v1/pods"
    assert error.right == resourceattributes.ResourceAttributes(
        "list", "pods", group="metrics.k8s.io", path=path, user="jane"
    )
    assert "kubectl create clusterrole kubevitals-list-pods-metrics-k8s-io --verb=list" in error.remedy
    assert "--resource=pods.metrics.k8s.io &&" in error.remedy
    assert error.remedy.endswith("--clusterrole=kubevitals-list-pods-metrics-k8s-io --user=jane")


def test_a_403_in_a_namespace_for_a_service_account() -> None:
    """In a namespace a Role is enough, and a service account is bound as one."""
    text = (
        'pods is forbidden: User "system:serviceaccount:mon:kv" cannot get resource "pods/log" '
        'in API group "" in the namespace "shop": RBAC: role "x" not found'
    )
    error = status(403, servers.status_object(403, "Forbidden", text))
    assert str(error).startswith("system:serviceaccount:mon:kv may not get pods/log in the namespace shop")
    assert yaml.safe_load(error.rule) == [{"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}]
    assert "create role kubevitals-get-pods-log -n shop --verb=get --resource=pods/log" in error.remedy
    assert "--role=kubevitals-get-pods-log --serviceaccount=mon:kv" in error.remedy


def test_a_403_for_a_path() -> None:
    """Paths outside of resources have a rule of their own kind."""
    text = 'forbidden: User "system:anonymous" cannot get path "/metrics"'
    error = status(403, servers.status_object(403, "Forbidden", text), "GET /metrics")
    assert yaml.safe_load(error.rule) == [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]
    assert "--non-resource-url=/metrics" in error.remedy


def test_a_403_for_anonymous_though_a_credential_was_sent() -> None:
    """Rights for anonymous are never proposed: they would open the cluster, and something else is wrong."""
    text = 'forbidden: User "system:anonymous" cannot list resource "nodes" in API group "metrics.k8s.io"'
    body = servers.status_object(403, "Forbidden", text)
    error = status(403, body, who="certificate")
    assert (error.unrecognized, error.rule, error.right) == (True, None, None)
    assert "extension-apiserver-authentication" in error.remedy
    assert "kubectl create" not in error.remedy
    error = status(403, body, who="anonymous")
    assert not error.unrecognized
    assert error.remedy.startswith("No credential was sent")


@pytest.mark.parametrize(
    "body", [b"no", servers.status_object(403, "Forbidden", "a webhook says no"), b"[1]", b"{"]
)
def test_a_403_in_other_words_is_read_from_the_request(body: Any) -> None:
    """Where the server's words are not the usual ones, the request says what was refused."""
    error = status(403, body, "GET /apis/metrics.k8s.io/v1beta1/namespaces/shop/pods")
    assert "may not list pods.metrics.k8s.io in the namespace shop" in str(error)
    assert yaml.safe_load(error.rule)[0]["apiGroups"] == ["metrics.k8s.io"]
    assert "-n shop" in error.remedy
    attributes = resourceattributes.ResourceAttributes(
        "create", "selfsubjectaccessreviews", group="authorization.k8s.io"
    )
    error = status(403, body, "POST /x", attributes=attributes)
    assert "may not create selfsubjectaccessreviews.authorization.k8s.io" in str(error)


@pytest.mark.parametrize(
    "part",
    ["$(reboot)", "a; reboot", "`x`", "a\nb: c", "a b", "--as=admin", "'", "a|b", "x" * 300, "&", "\u202e"],
)
def test_a_hostile_403_puts_nothing_into_commands(part: str) -> None:
    """A server cannot smuggle shell or YAML into the commands and the rule that a user may paste."""
    text = f'x: User "{part}" cannot list resource "{part}" in API group "" at the cluster scope'
    error = status(403, servers.status_object(403, "Forbidden", text))
    assert (error.rule, error.right) == (None, None)
    assert "kubectl" not in error.remedy
    text = f'x: User "{part}" cannot list resource "pods" in API group "" at the cluster scope'
    error = status(403, servers.status_object(403, "Forbidden", text))
    assert error.remedy.endswith("--user=USER")
    assert len(str(error)) < 700


@pytest.mark.parametrize(
    ("who", "word"),
    [
        ("exec", "plugin"),
        ("token", "expired"),
        ("token file", "file"),
        ("basic", "1.19"),
        ("certificate", "certificate"),
        ("oidc", "identity provider"),
        ("service account", "service account"),
        ("anonymous", "--token"),
        ("", "Renew"),
    ],
)
def test_a_401_names_the_kind_of_credential(who: str, word: str) -> None:
    """What to do about a 401 depends on what was sent."""
    error = status(401, servers.status_object(401, "Unauthorized", "Unauthorized"), who=who)
    assert (who or "unknown") in str(error)
    assert word in str(error.remedy)


def test_an_html_error_page_is_not_shown() -> None:
    """The error page of a proxy is named as one."""
    error = status(502, "<!DOCTYPE html><html><head><title>Bad gateway</title>...")
    assert str(error).endswith("an HTML page")


@given(st.binary(max_size=400), st.integers(300, 599))
def test_any_body_gives_an_error(body: bytes, code: int) -> None:
    """No body of an answer can break the making of its error."""
    assert status(code, body).status == code


def test_not_json() -> None:
    """An HTML page, an empty answer and other text are told apart."""
    assert "HTML page" in str(statuserrors.not_json(b"\n <!DOCTYPE HTML>"))
    assert "HTML page" in str(statuserrors.not_json(b"x", content_type="text/html"))
    assert "is empty" in str(statuserrors.not_json(b""))
    assert "begins with 'hello'" in str(statuserrors.not_json(b"hello", request="GET /x"))


def from_exception(error: OSError, stage: str = "connect") -> errors.ClusterError:
    route = connections.Route(urls.split_url("https://c.test:6443"), tls.Settings(), origin="a.yaml")
    connection = connections.Connection(route)
    connection.stage = stage
    made = failures.from_exception(error, connection=connection, request="GET /x", waited=5.0)
    remedies.advise(made)
    return made


@pytest.mark.parametrize(
    ("error", "stage", "kind", "words"),
    [
        (
            socket.gaierror(-2, "Name or service not known"),
            "connect",
            errors.HostNotFoundError,
            "'c.test' does not",
        ),
        (
            ConnectionRefusedError(111, "x"),
            "connect",
            errors.UnreachableError,
            "nothing listens on c.test:6443",
        ),
        (ConnectionResetError(104, "Reset"), "body", errors.UnreachableError, "broke: reset"),
        (OSError(113, "No route to host"), "connect", errors.UnreachableError, "no route to host"),
        (TimeoutError(), "connect", errors.RequestTimeoutError, "no connection with c.test:6443 within 5 s"),
        (TimeoutError(), "tls", errors.RequestTimeoutError, "no TLS handshake"),
        (TimeoutError(), "wait", errors.RequestTimeoutError, "did not answer within 5 s"),
        (TimeoutError(), "body", errors.RequestTimeoutError, "stalled"),
        (ConnectionAbortedError("x"), "wait", errors.UnreachableError, "without an answer"),
    ],
)
def test_failures_below_http(error: OSError, stage: str, kind: type[errors.ClusterError], words: str) -> None:
    """Each has its class, its words and a remedy."""
    result = from_exception(error, stage)
    assert type(result) is kind
    assert words in str(result)
    assert result.remedy
    assert result.request == "GET /x"


def test_a_name_that_does_not_resolve() -> None:
    """A real look-up of a name that cannot exist is named as that."""
    connection = connections.Connection(connections.Route(urls.split_url("https://no-such-host.invalid")))
    with pytest.raises(socket.gaierror) as caught:
        connection.connect(2)
    assert isinstance(
        failures.from_exception(caught.value, connection=connection, request="", waited=2),
        errors.HostNotFoundError,
    )


@pytest.mark.parametrize(
    ("method", "path", "query", "text"),
    [
        ("GET", "/api/v1/nodes", [], "list nodes"),
        ("GET", "/api/v1/nodes", [("watch", "1")], "watch nodes"),
        ("GET", "/api/v1/nodes/n1", [], "get nodes"),
        ("GET", "/api/v1/nodes/n1/proxy/stats/summary", [], "get nodes/proxy"),
        ("GET", "/api/v1/namespaces", [], "list namespaces"),
        ("GET", "/api/v1/namespaces/a", [], "get namespaces"),
        ("GET", "/api/v1/namespaces/a/pods", [], "list pods in the namespace a"),
        ("GET", "/apis/apps/v1/namespaces/a/deployments/d", [], "get deployments.apps in the namespace a"),
        ("POST", "/apis/authorization.k8s.io/v1/x", [], "create x.authorization.k8s.io"),
        ("GET", "/healthz", [], "get /healthz"),
        ("GET", "/api/v1", [], "get /api/v1"),
        ("GET", "/apis/metrics.k8s.io/v1", [], "get /apis/metrics.k8s.io/v1"),
    ],
)
def test_attributess(method: str, path: str, query: list[tuple[str, str]], text: str) -> None:
    """What a request is about follows from its path, as the API server reads it."""
    assert str(resourceattributes.parse_request(method, path, query)) == text
