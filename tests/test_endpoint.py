from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from kubevitals import errors
from kubevitals.kube.auth import endpoint, kubeconfig_file

if TYPE_CHECKING:
    import pathlib

    from kubevitals.kube import clientconfig

PEM = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
CA_DATA = base64.b64encode(PEM).decode()
SECRET = "s3cr3t-Value-0123456789"


def open_it(
    cluster: dict[str, Any], user: dict[str, Any] | None = None, *, server: str | None = "https://a.test:6443"
) -> clientconfig.ClientConfig:
    body = cluster if server is None else {"server": server, **cluster}
    return endpoint.open_endpoint(
        kubeconfig_file.Entry("cluster", "prod", body=body, path="/x/config"),
        kubeconfig_file.Entry("user", "jane", body=user or {}, path="/x/config"),
        context="ctx",
        namespace="",
        origin="/x/config",
        environ={},
        clock=lambda: 0.0,
        recheck=1.0,
        interactive=False,
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("https://a.test:6443", "https://a.test:6443"),
        ("https://a.test:6443/", "https://a.test:6443"),
        ("https://a.test/k8s/clusters/c-1/", "https://a.test/k8s/clusters/c-1"),
        ("https://a.test/p?x=y#z", "https://a.test/p"),
        ("HTTPS://a.test", "https://a.test"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://[fe80::1%25eth0]:6443", "https://[fe80::1%25eth0]:6443"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("localhost", "http://localhost"),
        (" https://a.test ", "https://a.test"),
    ],
)
def test_servers(written: str, read: str) -> None:
    """Addresses lose their query and trailing slash; without a scheme they are http."""
    assert open_it({"server": written}).server == read


@pytest.mark.parametrize(
    "written",
    [
        "https://",
        "https:///path",
        "https://a b",
        "https://a:port",
        "https://a:0",
        "https://a:70000",
        "https://[::1",
        "https://[a]",
        "https://[::1]x",
        "https://a\r\nX: y",
        "https://a/<b>",
        "ftp://a",
        "unix:///run/x",
        "a.test/path",
        f"https://user:{SECRET}@a.test",
        f"ftp://{SECRET}:x@a",
    ],
)
def test_wrong_servers(written: str) -> None:
    """What is no address is refused, naming the cluster and not the address, which may hold a password."""
    with pytest.raises(errors.ConfigurationError, match='server of cluster "prod" in /x/config') as caught:
        open_it({"server": written})
    assert SECRET not in caught.value.message
    assert caught.value.remedy or "no address" in caught.value.message


@pytest.mark.parametrize("cluster", [{}, {"server": ""}, {"server": None}])
def test_no_server(cluster: dict[str, Any]) -> None:
    """A cluster without a server is an error."""
    with pytest.raises(errors.ConfigurationError, match=r"server of cluster .* is missing"):
        open_it(cluster, server=None)


def test_everything_of_a_cluster() -> None:
    """Each field of a cluster reaches the connection."""
    made = open_it(
        {
            "certificate-authority-data": CA_DATA,
            "tls-server-name": "b.test",
            "proxy-url": "http://proxy:3128",
            "disable-compression": True,
        }
    )
    assert made.ca == PEM
    assert made.tls_server_name == "b.test"
    assert made.proxy_url == "http://proxy:3128"
    assert not made.compression
    assert made.namespace == "default"
    assert made.context == "ctx"
    assert made.warnings == ()


def test_data_and_a_file(tmp_path: pathlib.Path) -> None:
    """A CA that is both written down and in a file is refused, as kubectl does."""
    cluster = {"certificate-authority-data": CA_DATA, "certificate-authority": str(tmp_path / "none")}
    with pytest.raises(errors.ConfigurationError, match=r"^certificate-authority of .* given twice"):
        open_it(cluster)


def test_missing_ca_file(tmp_path: pathlib.Path) -> None:
    """A CA file that is not there is named."""
    path = tmp_path / "none.crt"
    with pytest.raises(
        errors.ConfigurationError, match=rf"certificate-authority of .* from {path}: No such file"
    ):
        open_it({"certificate-authority": str(path)})


@pytest.mark.parametrize("data", [b"junk", b"-----BEGIN RSA PRIVATE KEY-----"])
def test_ca_that_is_none(data: bytes) -> None:
    """A CA that holds no certificate is refused by the name of its field."""
    with pytest.raises(errors.ConfigurationError, match=r"certificate-authority-data of .* no PEM"):
        open_it({"certificate-authority-data": base64.b64encode(data).decode()})


def test_insecure() -> None:
    """Without certificate checking the connection carries a warning that names where it was said."""
    made = open_it({"insecure-skip-tls-verify": True})
    assert made.insecure
    assert made.warnings == (
        'The server\'s certificate is not checked: insecure-skip-tls-verify of cluster "prod" in /x/config.',
    )


def test_insecure_with_a_ca() -> None:
    """A CA and insecure-skip-tls-verify contradict each other, as in kubectl."""
    with pytest.raises(errors.ConfigurationError, match="certificate authority and insecure-skip"):
        open_it({"insecure-skip-tls-verify": True, "certificate-authority-data": CA_DATA})


def test_no_credentials_over_http() -> None:
    """Over plain http no credentials are sent, as in kubectl, and the connection says so."""
    made = open_it({"server": "http://a.test"}, {"token": SECRET})
    assert made.credentials.fetch().authorization is None
    assert "not sent" in made.warnings[0]
    assert SECRET not in made.warnings[0]
    assert open_it({"server": "http://a.test"}).warnings == ()


def test_impersonation() -> None:
    """Whom to impersonate becomes headers, the keys of extra in lower case and percent-encoded."""
    made = open_it(
        {},
        {
            "as": "jane",
            "as-uid": "7",
            "as-groups": ["devs", "ops"],
            "as-user-extra": {"Example.org/Scope%x": ["a", "b"], "ü": ["c"]},
        },
    )
    assert made.impersonation == (
        ("Impersonate-User", "jane"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Group", "devs"),
        ("Impersonate-Group", "ops"),
        ("Impersonate-Extra-example.org%2Fscope%25x", "a"),
        ("Impersonate-Extra-example.org%2Fscope%25x", "b"),
        ("Impersonate-Extra-%C3%BC", "c"),
    )


@pytest.mark.parametrize("user", [{"as-uid": "7"}, {"as-groups": ["a"]}, {"as-user-extra": {"a": ["b"]}}])
def test_impersonating_nobody(user: dict[str, Any]) -> None:
    """Groups, uid or extra without a user are refused, as in kubectl."""
    with pytest.raises(errors.ConfigurationError, match=r"as of user .* is missing"):
        open_it({}, user)


@pytest.mark.parametrize("user", [{"as": "a\r\nX: y"}, {"as": "a", "as-groups": ["b\n"]}])
def test_impersonation_cannot_add_headers(user: dict[str, Any]) -> None:
    """Line ends in a header's value are refused."""
    with pytest.raises(errors.ConfigurationError, match="cannot be sent"):
        open_it({}, user)
