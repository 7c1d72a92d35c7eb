"""Which proxy leads to a server, by Go's rules; and tunnels through one."""

from __future__ import annotations

import pytest
from tests import servers

from kubevitals import errors
from kubevitals.kube import client, clientconfig
from kubevitals.kube.http import proxy, urls

pytestmark = pytest.mark.usefixtures("cpython_modules")


def choose(server: str, **environ: str) -> str | None:
    found = proxy.choose_proxy(urls.split_url(server), environ=environ)
    return found.address.authority if found else None


def test_the_variable_of_the_scheme_decides() -> None:
    """HTTPS_PROXY is for https servers, HTTP_PROXY for http ones, upper case before lower."""
    assert choose("https://a.test") is None
    assert choose("https://a.test", HTTPS_PROXY="http://p:1") == "p:1"
    assert choose("https://a.test", HTTP_PROXY="http://p:1") is None
    assert choose("http://a.test", HTTP_PROXY="http://p:1") == "p:1"
    assert choose("https://a.test", https_proxy="http://p:1") == "p:1"
    assert choose("https://a.test", HTTPS_PROXY="http://p:1", https_proxy="http://q:1") == "p:1"
    assert choose("https://a.test", HTTPS_PROXY="", https_proxy="http://q:1") == "q:1"
    assert choose("https://a.test", ALL_PROXY="http://p:1") is None


def test_a_proxy_may_leave_its_scheme_out() -> None:
    """host:port means http://host:port, as Go reads it."""
    assert choose("https://a.test", HTTPS_PROXY="p:3128") == "p:3128"
    assert choose("https://a.test", HTTPS_PROXY="p") == "p:80"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"])
def test_this_machine_is_never_proxied_by_the_environment(host: str) -> None:
    """Loopback is direct, unless the kubeconfig names the proxy itself."""
    assert choose(f"https://{host}:6443", HTTPS_PROXY="http://p:1") is None
    assert (
        proxy.choose_proxy(urls.split_url(f"https://{host}"), proxy_url="http://p:1", environ={}) is not None
    )


def test_the_kubeconfigs_proxy_is_always_used() -> None:
    """proxy-url comes before the environment and NO_PROXY."""
    found = proxy.choose_proxy(
        urls.split_url("https://a.test"),
        proxy_url="http://p:1",
        environ={"NO_PROXY": "*", "HTTPS_PROXY": "http://q:1"},
    )
    assert found is not None
    assert found.address.authority == "p:1"


@pytest.mark.parametrize(
    ("no_proxy", "server", "direct"),
    [
        ("*", "https://a.test", True),
        ("x, * ", "https://a.test", True),
        ("a.test", "https://a.test", True),
        ("a.test", "https://b.a.test", True),
        ("a.test", "https://ba.test", False),
        ("A.TEST", "https://b.a.test", True),
        (".a.test", "https://a.test", False),
        (".a.test", "https://b.a.test", True),
        ("*.a.test", "https://a.test", False),
        ("*.a.test", "https://b.a.test", True),
        ("a.test:6443", "https://a.test:6443", True),
        ("a.test:6443", "https://a.test", False),
        ("a.test:443", "https://a.test", True),
        ("10.0.0.1", "https://10.0.0.1", True),
        ("10.0.0.1", "https://10.0.0.2", False),
        ("10.0.0.1:6443", "https://10.0.0.1:6443", True),
        ("10.0.0.1:6443", "https://10.0.0.1:1", False),
        ("10.0.0.0/8", "https://10.9.9.9", True),
        ("10.0.0.0/8", "https://11.0.0.1", False),
        ("10.0.0.0/8", "https://a.test", False),
        ("10.0.0.7/8", "https://10.9.9.9", True),
        ("fd00::/8", "https://[fd00::1]", True),
        ("fd00::1", "https://[fd00::1]:6443", True),
        ("[fd00::1]:6443", "https://[fd00::1]:6443", True),
        ("[fd00::1]:6443", "https://[fd00::1]:6444", False),
        ("fd00::1", "https://[fd00::2]", False),
        ("b.test,,a.test", "https://a.test", True),
        (":443", "https://a.test", False),
        ("a.test/8", "https://a.test", False),
        ("", "https://a.test", False),
    ],
)
def test_no_proxy(no_proxy: str, server: str, *, direct: bool) -> None:
    """Domains with what is below them, addresses, networks and ports, each as in Go's httpproxy."""
    assert (choose(server, HTTPS_PROXY="http://p:1", NO_PROXY=no_proxy) is None) == direct
    assert (choose(server, HTTPS_PROXY="http://p:1", no_proxy=no_proxy) is None) == direct


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks4", "https", "ftp"])
def test_other_kinds_of_proxies_are_refused_by_name(scheme: str) -> None:
    """SOCKS and HTTPS proxies are named as not supported, with what is, and without the password."""
    with pytest.raises(errors.ProxyError) as caught:
        proxy.choose_proxy(
            urls.split_url("https://a.test"), proxy_url=f"{scheme}://u:hunter2@p:1", environ={}
        )
    assert ("SOCKS" if scheme.startswith("socks") else scheme) in str(caught.value)
    assert "proxy-url" in str(caught.value)
    assert "http://HOST:PORT" in str(caught.value.remedy)
    assert "hunter2" not in str(caught.value)


def test_a_proxy_that_is_no_address() -> None:
    """A broken proxy address is the proxy's error and names the variable."""
    with pytest.raises(errors.ProxyError, match="HTTPS_PROXY"):
        choose("https://a.test", HTTPS_PROXY="http://p:x")


def test_repr_shows_no_password() -> None:
    """Neither the password nor its header is in the text of a proxy."""
    found = proxy.choose_proxy(urls.split_url("https://a"), proxy_url="http://u:hunter2@p:1", environ={})
    assert found is not None
    assert found.authorization == "Basic dTpodW50ZXIy"
    assert "hunter2" not in repr(found)
    assert "dTpodW50ZXIy" not in repr(found)


def open_client(server: servers.Server, tunnel: servers.Tunnel, *, userinfo: str = "") -> client.Client:
    return client.Client(
        clientconfig.ClientConfig(
            server.url, ca=servers.authority().pem, proxy_url=f"http://{userinfo}127.0.0.1:{tunnel.port}"
        ),
        environ={},
        request_timeout=2,
    )


def test_tls_goes_through_a_tunnel() -> None:
    """An https server is reached by CONNECT, and verified through it; the tunnel is used again."""
    with (
        servers.Server(servers.answer(200, b"{}"), tls=servers.server_context()) as server,
        servers.Tunnel(authorization="Basic dTpwQA==") as tunnel,
        open_client(server, tunnel, userinfo="u:p%40@") as cluster,
    ):
        assert cluster.fetch("/version") == b"{}"
        assert cluster.fetch("/version") == b"{}"
    assert tunnel.lines == [f"CONNECT 127.0.0.1:{server.port}"]
    assert server.requests[0].header("proxy-authorization") is None


@pytest.mark.parametrize(
    ("userinfo", "words"), [("", "asks for a user and password"), ("u:hunter2@", "does not accept the user")]
)
def test_a_proxy_that_wants_other_credentials(userinfo: str, words: str) -> None:
    """407 says whether credentials are missing or wrong, and shows none."""
    with (
        servers.Server(servers.answer(), tls=servers.server_context()) as server,
        servers.Tunnel(authorization="Basic other") as tunnel,
        open_client(server, tunnel, userinfo=userinfo) as cluster,
        pytest.raises(errors.ProxyError, match=words) as caught,
    ):
        cluster.fetch("/version")
    assert "hunter2" not in f"{caught.value} {caught.value.remedy}"
    assert caught.value.request == "GET /version"


@pytest.mark.parametrize(
    ("refusal", "kind", "words"),
    [
        (
            b"HTTP/1.1 403 Forbidden\r\n\r\n",
            errors.ProxyError,
            "refuses a tunnel to .*: 403 Forbidden",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nextra", errors.ProxyError, "data of its own"),
        (b"junk\r\n\r\n", errors.DecodingError, "not HTTP"),
        (b"", errors.ProxyError, "cannot be used"),
    ],
)
def test_a_proxy_that_refuses(refusal: bytes, kind: type[errors.ClusterError], words: str) -> None:
    """A refused tunnel, a talkative proxy and no answer at all are the proxy's errors."""
    with (
        servers.Server(servers.answer(), tls=servers.server_context()) as server,
        servers.Tunnel(refusal=refusal) as tunnel,
        open_client(server, tunnel) as cluster,
        pytest.raises(kind, match=words),
    ):
        cluster.fetch("/version")


def test_a_proxy_that_is_not_there() -> None:
    """A proxy that nobody runs is named together with what chose it."""
    with (
        client.Client(
            clientconfig.ClientConfig("https://10.0.0.1"), environ={"HTTPS_PROXY": "http://127.0.0.1:1"}
        ) as cluster,
        pytest.raises(errors.ProxyError, match=r"127\.0\.0\.1:1 \(HTTPS_PROXY\).*refused"),
    ):
        cluster.fetch("/version")
