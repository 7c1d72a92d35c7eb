"""Ways to a server: its address, its certificate and authority, its name, a proxy before it.

kubectl on the same file is the oracle: both get in, or both fail.
"""

from __future__ import annotations

import contextlib
import datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests.e2e import certificates, forwardproxy, front, product, ways

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e import controlplane


@pytest.fixture(scope="module")
def ground(
    cluster: controlplane.ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ways.Ground]:
    """Accounts, certificates and files to enter the shared cluster with."""
    with ways.Ground(cluster, tmp_path_factory.mktemp("ways")) as made:
        yield made


SERVERS: list[ways.Case] = [
    ("authority inline", {ways.CA: None, f"{ways.CA}-data": "{ca_data}"}, True),
    ("authority inline and in a file", {f"{ways.CA}-data": "{ca_data}"}, False),
    ("authority relative to the kubeconfig", {ways.CA: "both-cas.crt"}, True),
    ("authority among others", {ways.CA: "{both_cas}"}, True),
    ("wrong authority", {ways.CA: "{foreign_ca}"}, False),
    ("wrong authority inline", {ways.CA: None, f"{ways.CA}-data": "{foreign_ca_data}"}, False),
    ("no authority", {ways.CA: None}, False),
    ("authority that is missing", {ways.CA: "no-such.crt"}, False),
    ("authority that is none", {ways.CA: "nonsense"}, False),
    ("authority that is empty", {ways.CA: "empty"}, False),
    ("insecure", ways.INSECURE, True),
    ("insecure with an authority", {"insecure-skip-tls-verify": True}, False),
    ("insecure and tls-server-name", ways.INSECURE | {"tls-server-name": "no.such.name"}, True),
    ("tls-server-name of the certificate", {"tls-server-name": "kubernetes.default.svc"}, True),
    ("tls-server-name of another", {"tls-server-name": "no.such.name"}, False),
    ("tls-server-name that is an address", {"tls-server-name": "127.0.0.1"}, True),
    ("server by name", {"server": "https://localhost:{port}"}, True),
    ("server by another address than its certificate's", {"server": "https://127.0.0.2:{port}"}, False),
    ("server with a slash", {"server": "https://127.0.0.1:{port}/"}, True),
    ("server with a path", {"server": "https://127.0.0.1:{port}/no/such/path"}, False),
    ("server by http", {"server": "http://127.0.0.1:{port}"}, False),
    ("server without a scheme", {"server": "127.0.0.1:{port}"}, False),
    ("server nobody listens on", {"server": "https://127.0.0.1:1"}, False),
    ("server missing", {"server": None}, False),
    ("server that is no address", {"server": "https://127.0.0.1:port"}, False),
    ("compression switched off", {"disable-compression": True}, True),
    ("server certificate that has expired", {"server": "{old_front}"}, False),
    ("server certificate that has expired and insecure", ways.INSECURE | {"server": "{old_front}"}, True),
    ("server certificate that is not yet valid", {"server": "{early_front}"}, False),
    ("server certificate of another name", {"server": "{named_front}"}, False),
    ("server certificate of another name and tls-server-name",
     {"server": "{named_front}", "tls-server-name": "front.example"}, True),
    ("server certificate with a wildcard",
     {"server": "{wild_front}", "tls-server-name": "a.front.example"}, True),
    ("server certificate with a wildcard for two labels",
     {"server": "{wild_front}", "tls-server-name": "a.b.front.example"}, False),
    ("server certificate of another authority", {"server": "{foreign_front}"}, False),
    ("server certificate of another authority that is given",
     {"server": "{foreign_front}", ways.CA: "{front_ca}"}, True),
]  # fmt: skip


@pytest.fixture(scope="module")
def fronts(ground: ways.Ground) -> Iterator[ways.Ground]:
    """TLS servers before the API server whose certificates have expired, are of other names ..."""
    now, ours = datetime.datetime.now(datetime.UTC), ground.cluster.authority
    foreign = certificates.Authority("kubevitals-e2e-front")
    ground.words["front_ca"] = ground.write("front-ca.crt", foreign.pem)
    here = ("127.0.0.1",)
    pairs = {
        "old_front": ours.issue(
            "old", hosts=here, not_before=now - 2 * ways.DAY, not_after=now - ways.DAY / 24
        ),
        "early_front": ours.issue("early", hosts=here, not_before=now + ways.DAY),
        "named_front": ours.issue("named", hosts=("front.example",)),
        "wild_front": ours.issue("wild", hosts=("*.front.example",)),
        "foreign_front": foreign.issue("foreign", hosts=here),
    }
    with contextlib.ExitStack() as running:
        for name, pair in pairs.items():
            served = front.Front(ground.cluster, pair, directory=ground.directory, name=name)
            ground.words[name] = running.enter_context(served).url
        yield ground


@pytest.mark.parametrize(("server", "enters"), ways.cases(SERVERS))
def test_cluster_entry(server: dict[str, Any], enters: bool, fronts: ways.Ground) -> None:
    """With this server, authority and name both get in, or both fail."""
    fronts.compare(fronts.environ(fronts.kubeconfig(ways.TOKEN, server)), enters=enters)


# a forward proxy

PROXIED: list[ways.Case] = [
    ("proxy-url", {"proxy-url": "http://{open_proxy}"}, True),
    ("proxy-url with user and password", {"proxy-url": "http://ann:pass%2Fword@{closed_proxy}"}, True),
    ("proxy-url with the wrong password", {"proxy-url": "http://ann:wrong-password@{closed_proxy}"}, False),
    ("proxy-url without the password it wants", {"proxy-url": "http://{closed_proxy}"}, False),
    ("proxy-url of a proxy that refuses", {"proxy-url": "http://{refusing_proxy}"}, False),
    ("proxy-url nobody listens on", {"proxy-url": "http://127.0.0.1:1"}, False),
    ("proxy-url that is no address", {"proxy-url": "http://127.0.0.1:port"}, False),
    ("proxy-url of an unknown kind", {"proxy-url": "gopher://{open_proxy}"}, False),
    ("proxy-url and a name that the proxy alone knows",
     {"proxy-url": "http://{open_proxy}", "server": "https://kubernetes.default.svc:{port}"}, True),
    ("proxy-url and the wrong authority",
     {"proxy-url": "http://{open_proxy}", ways.CA: "{foreign_ca}"}, False),
    ("proxy-url and tls-server-name",
     {"proxy-url": "http://{open_proxy}", "server": "https://api.example:{port}",
      "tls-server-name": "kubernetes"}, True),
]  # fmt: skip


class _Proxies:
    def __init__(self, ground: ways.Ground, running: dict[str, forwardproxy.ForwardProxy]) -> None:
        self.ground = ground
        self.running = running
        ground.words |= {name: proxy.address for name, proxy in running.items()}

    def went_through(self) -> tuple[list[str], list[str]]:
        """What was tunnelled and refused since this was asked last, each once."""
        tunnels = [path for proxy in self.running.values() for path in proxy.tunnels]
        refused = [path for proxy in self.running.values() for path in proxy.refused]
        for proxy in self.running.values():
            proxy.tunnels.clear()
            proxy.refused.clear()
        return sorted(set(tunnels)), sorted(set(refused))


@pytest.fixture(scope="module")
def proxies(ground: ways.Ground) -> Iterator[_Proxies]:
    """Real forward proxies: an open one, one with a password, one that refuses."""
    with (
        forwardproxy.ForwardProxy() as opened,
        forwardproxy.ForwardProxy(user="ann", password="pass/word") as closed,
        forwardproxy.ForwardProxy(refuses=True) as refusing,
    ):
        yield _Proxies(ground, {"open_proxy": opened, "closed_proxy": closed, "refusing_proxy": refusing})


@pytest.mark.parametrize(("server", "enters"), ways.cases(PROXIED))
def test_forward_proxy(server: dict[str, Any], enters: bool, proxies: _Proxies) -> None:
    """Through this proxy both get in, or both fail; and both ask it for the same tunnel."""
    ground = proxies.ground
    environ = ground.environ(ground.kubeconfig(ways.TOKEN, server))
    proxies.went_through()
    product.kubectl("get", "--raw", "/apis/metrics.k8s.io/v1beta1/nodes", environ=environ)
    theirs = proxies.went_through()
    product.kubevitals("top", "nodes", "--usage", environ=environ)
    assert proxies.went_through() == theirs
    assert bool(theirs[0]) >= enters
    _, ours = ground.compare(environ, enters=enters)
    assert "word" not in ours.stderr.replace("password", ""), "a proxy's password on stderr"


NAMED = "https://kubernetes.default.svc:{port}"
VARIABLES: list[ways.Case] = [  # and whether the proxy is asked, without which the name does not resolve
    ("HTTPS_PROXY", {"HTTPS_PROXY": "http://{open_proxy}"}, True),
    ("https_proxy", {"https_proxy": "http://{open_proxy}"}, True),
    ("HTTPS_PROXY without a scheme", {"HTTPS_PROXY": "{open_proxy}"}, True),
    ("HTTPS_PROXY before https_proxy",
     {"HTTPS_PROXY": "http://127.0.0.1:1", "https_proxy": "http://{open_proxy}"}, False),
    ("HTTP_PROXY and ALL_PROXY",
     {"HTTP_PROXY": "http://{open_proxy}", "ALL_PROXY": "http://{open_proxy}"}, False),
    ("NO_PROXY of the domain", {"HTTPS_PROXY": "http://{open_proxy}", "NO_PROXY": "default.svc"}, False),
    ("NO_PROXY with a dot", {"HTTPS_PROXY": "http://{open_proxy}", "NO_PROXY": ".svc"}, False),
    ("NO_PROXY of all", {"HTTPS_PROXY": "http://{open_proxy}", "NO_PROXY": "*"}, False),
    ("NO_PROXY of others", {"HTTPS_PROXY": "http://{open_proxy}", "no_proxy": "x.example,default.sv"}, True),
    ("NO_PROXY of another port",
     {"HTTPS_PROXY": "http://{open_proxy}", "NO_PROXY": "kubernetes.default.svc:1"}, True),
]  # fmt: skip


@pytest.mark.parametrize(("variables", "asked"), ways.cases(VARIABLES))
def test_forward_proxy_of_the_environment(variables: dict[str, str], asked: bool, proxies: _Proxies) -> None:
    """HTTPS_PROXY and NO_PROXY mean the same to both; the name is one that the proxy alone resolves."""
    ground = proxies.ground
    kubeconfig = ground.kubeconfig(ways.TOKEN, {"server": NAMED})
    proxies.went_through()
    ground.compare(ground.environ(kubeconfig, **ground.fill(variables)), enters=asked)
    assert bool(proxies.went_through()[0]) == asked


def test_forward_proxy_of_the_environment_is_not_asked_for_loopback(proxies: _Proxies) -> None:
    """To 127.0.0.1 and localhost both go directly, whatever HTTPS_PROXY says."""
    ground = proxies.ground
    for host in ("127.0.0.1", "localhost"):
        kubeconfig = ground.kubeconfig(ways.TOKEN, {"server": f"https://{host}:{{port}}"})
        proxies.went_through()
        ground.compare(ground.environ(kubeconfig, HTTPS_PROXY="http://127.0.0.1:1"), enters=True)
        assert proxies.went_through() == ([], [])


def test_option_proxy_url_goes_before_the_kubeconfig(proxies: _Proxies) -> None:
    """--proxy-url, which kubectl has not, replaces the proxy of the entry."""
    ground = proxies.ground
    kubeconfig = ground.kubeconfig(ways.TOKEN, {"proxy-url": "http://127.0.0.1:1"})
    flag = f"--proxy-url=http://{ground.words['open_proxy']}"
    proxies.went_through()
    ended = product.kubevitals("top", "nodes", "--usage", flag, environ=ground.environ(kubeconfig))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert proxies.went_through() == ([f"127.0.0.1:{ground.words['port']}"], [])


def test_deliberate_difference_socks_and_https_proxies_are_refused_in_words(proxies: _Proxies) -> None:
    """Kubectl can use a SOCKS5 or an HTTPS proxy. kubevitals cannot, and says so before it sends anything."""
    ground = proxies.ground
    for scheme in ("socks5", "https"):
        kubeconfig = ground.kubeconfig(ways.TOKEN, {"proxy-url": scheme + "://{open_proxy}"})
        ended = product.kubevitals("top", "nodes", environ=ground.environ(kubeconfig))
        assert (ended.returncode, ended.stdout) == (1, "")
        assert "not supported" in ended.stderr
        assert "http://HOST:PORT" in ended.stderr
