"""`kubevitals serve --auth kubernetes` over TLS on the real control plane, run as the pod of its Deployment.

It has the files that a pod has, and no kubeconfig.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.e2e import aspod, certificates, controlplane, product

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

MANIFESTS = Path(__file__).parents[2] / "deploy" / "manifests"
RULES = [{"nonResourceURLs": ["/kubevitals/*", "/metrics"], "verbs": ["get"]}]


def _lower(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


class Secured:
    """The service, and the authority that its certificates are of."""

    def __init__(self, cluster: controlplane.ControlPlane) -> None:
        self._folder = cluster.directory / "serving"
        self._folder.mkdir()
        self.authority = certificates.Authority("serving")
        (self._folder / "ca.crt").write_bytes(self.authority.pem)
        self.first = self.replace()
        self.port = cluster.reserve_port()
        objects = [each for each in yaml.safe_load_all((MANIFESTS / "cluster.yaml").read_text()) if each]
        cluster.api.apply(*[each for each in objects if each["kind"] not in ("Deployment", "NetworkPolicy")])
        self.server = cluster._home.server("secured", self._command(cluster, objects))
        self.server.start()
        self.server.wait_until(lambda: self.ask("/readyz")[0] == 200)

    def _command(self, cluster: controlplane.ControlPlane, objects: list[dict[str, Any]]) -> list[str]:
        """The command of the Deployment, with TLS, run as its account."""
        (deployment,) = [each for each in objects if each["kind"] == "Deployment"]
        pod, namespace = deployment["spec"]["template"]["spec"], deployment["metadata"]["namespace"]
        files = cluster.directory / "pod"
        files.mkdir()
        token = cluster.accounts.create_token(pod["serviceAccountName"], namespace=namespace)
        (files / "token").write_text(token)
        (files / "ca.crt").write_bytes(cluster.authority.pem)
        (files / "namespace").write_text(namespace)
        places = {"--address=*": "--address=127.0.0.1", "--port=8080": f"--port={self.port}"}
        words = [places.get(word, word) for word in pod["containers"][0]["args"]]
        assert "--auth=kubernetes" in words
        return [
            "env", f"POD_FILES={files}", "KUBERNETES_SERVICE_HOST=127.0.0.1",
            f"KUBERNETES_SERVICE_PORT={cluster.port}", *aspod.AS_A_POD, *product.PROGRAM, *words,
            f"--tls-cert={self._folder / 'tls.crt'}", f"--tls-key={self._folder / 'tls.key'}",
        ]  # fmt: skip

    def replace(self, *, key: bytes | None = None) -> str:
        """Put a new certificate in the place of the old one, as a Secret is; return its fingerprint.

        With `key` that one is put beside it, which does not fit.
        """
        pair = self.authority.issue("kubevitals", hosts=("127.0.0.1",))
        for name, content in (("tls.crt", pair.certificate), ("tls.key", key or pair.key)):
            made = self._folder / f"new-{name}"
            made.write_bytes(content)
            made.replace(self._folder / name)
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pair.certificate.decode())).hexdigest()

    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self._folder / "ca.crt"))

    def ask(self, path: str, *, token: str | None = None) -> tuple[int, dict[str, str]]:
        """Status and headers of a GET; 0 if nobody answers."""
        request = urllib.request.Request(f"https://127.0.0.1:{self.port}{path}")
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=10, context=self.trusting()) as answer:
                answer.read()
                return answer.status, _lower(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _lower(error.headers)
        except OSError:
            return 0, {}

    def shown(self) -> str:
        """The fingerprint of the certificate that a new connection is shown."""
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=10) as plain,
            self.trusting().wrap_socket(plain, server_hostname="127.0.0.1") as secured,
        ):
            return hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()


@pytest.fixture(scope="module")
def cluster(bare_tools: None) -> Iterator[controlplane.ControlPlane]:
    reason = aspod.why_not()
    if reason is not None:
        pytest.skip(reason)
    with controlplane.ControlPlane() as running:
        running.add_nodes(2)
        running.add_pods(4)
        running.metrics_server.install()
        running.metrics_server.wait_until_full(nodes=2, pods=4)
        yield running


@pytest.fixture(scope="module")
def secured(cluster: controlplane.ControlPlane) -> Secured:
    return Secured(cluster)


@pytest.fixture(scope="module")
def tokens(cluster: controlplane.ControlPlane) -> dict[str, str]:
    """Of an account that may read, and of one that may not."""
    made = {name: cluster.accounts.create_service_account(name) for name in ("reader", "other")}
    cluster.accounts.grant("reader", rules=RULES, to=["default:reader"])
    return made


@pytest.mark.parametrize("path", ["/", "/api/v1/pods", "/api/v1/pods/default/pod-0", "/metrics"])
def test_who_may_read(secured: Secured, tokens: dict[str, str], path: str) -> None:
    """An account with the right is answered; another one is refused, and so is who brings no good token."""
    assert secured.ask(path, token=tokens["reader"])[0] == 200
    assert secured.ask(path, token=tokens["other"])[0] == 403
    for token in (None, "made-up", tokens["reader"][:-8] + "AAAAAAAA"):
        status, headers = secured.ask(path, token=token)
        assert status == 401
        assert headers["www-authenticate"].startswith("Bearer")


def test_a_right_taken_back(cluster: controlplane.ControlPlane, secured: Secured) -> None:
    """Who loses the right is refused at once where no yes is remembered, which is for each route alone."""
    token = cluster.accounts.create_service_account("leaver")
    cluster.accounts.grant("leaver", rules=RULES, to=["default:leaver"])
    assert secured.ask("/api/v1/nodes", token=token)[0] == 200
    cluster.accounts.revoke("leaver")
    assert secured.ask("/api/v1/containers", token=token)[0] == 403


def test_health_is_open_and_http_is_not(secured: Secured) -> None:
    """Probes need no token; who speaks HTTP to the port of TLS is not answered."""
    assert secured.ask("/readyz")[0] == 200
    with socket.create_connection(("127.0.0.1", secured.port), timeout=10) as plain:
        plain.sendall(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"HTTP/1.1 200" not in plain.recv(1000)


def test_a_certificate_is_replaced(secured: Secured, tokens: dict[str, str]) -> None:
    """A new certificate on disk is served within seconds, by the same process; one that is amiss is not."""
    pid = secured.server.pid
    assert secured.shown() == secured.first
    renewed = secured.replace()
    secured.server.wait_until(lambda: secured.shown() == renewed, seconds=15)
    secured.replace(key=secured.authority.issue("another").key)
    until = time.monotonic() + 7  # the files are looked at every five seconds
    while time.monotonic() < until:
        assert secured.shown() == renewed
        time.sleep(0.5)
    last = secured.replace()
    secured.server.wait_until(lambda: secured.shown() == last, seconds=15)
    assert secured.ask("/api/v1/pods", token=tokens["reader"])[0] == 200
    assert secured.server.pid == pid
    assert secured.server.running


def test_nothing_secret_is_logged(secured: Secured, tokens: dict[str, str]) -> None:
    """No token stands in the log, whatever was asked; the service ends in good order."""
    secured.ask(f"/api/v1/pods?token={tokens['reader']}", token=tokens["reader"])
    secured.server.terminate(seconds=6)
    log = secured.server.log.read_text()
    assert "ended" in log
    assert not any(token in log for token in tokens.values())
    assert "PRIVATE KEY" not in log
