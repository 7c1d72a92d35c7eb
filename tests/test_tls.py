"""TLS contexts made from memory: what is trusted, which certificate is sent, what is refused and how."""

from __future__ import annotations

import os
import pathlib
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests import servers

from kubevitals import errors
from kubevitals.kube import client, clientconfig
from kubevitals.kube.http import authentication, tls

pytestmark = pytest.mark.usefixtures("cpython_modules")


NS_CERT_TYPE_CLIENT = x509.UnrecognizedExtension(
    x509.ObjectIdentifier("2.16.840.1.113730.1.1"), b"\x03\x02\x07\x80"
)


class Fixed(authentication.Credentials):
    """Always the same credential."""

    kind = "certificate"

    def __init__(self, credential: authentication.Credential) -> None:
        self._credential = credential

    def fetch(self) -> authentication.Credential:
        return self._credential


def open_client(
    url: str,
    *,
    ca: bytes | None,
    certificate: servers.Certificate | None = None,
    insecure: bool = False,
    tls_server_name: str | None = None,
) -> client.Client:
    credential = authentication.Credential(
        certificate=certificate.certificate if certificate else None,
        key=certificate.key if certificate else None,
    )
    return client.Client(
        clientconfig.ClientConfig(
            url,
            Fixed(credential),
            ca=ca,
            insecure=insecure,
            tls_server_name=tls_server_name,
            origin="test.yaml",
        ),
        environ={},
        request_timeout=3,
    )


def test_a_server_signed_by_the_given_ca_is_trusted() -> None:
    """A body arrives over TLS from a server whose certificate the connection's CA signed."""
    with (
        servers.Server(servers.answer(200, b'{"a": 1}'), tls=servers.server_context()) as server,
        open_client(server.url, ca=servers.authority().pem) as cluster,
    ):
        assert cluster.fetch("/version") == b'{"a": 1}'
        assert cluster.fetch("/version") == b'{"a": 1}'
        assert server.connections == 1


def test_ipv6_and_names_are_verified() -> None:
    """A server on ::1 is verified by its IP address, which is not sent, one on localhost by its name."""
    for host, shown, name in (("::1", "[::1]", None), ("127.0.0.1", "localhost", "localhost")):
        with (
            servers.Server(servers.answer(200, b"{}"), tls=servers.server_context(), host=host) as server,
            open_client(f"https://{shown}:{server.port}", ca=servers.authority().pem) as cluster,
        ):
            assert cluster.fetch("/version") == b"{}"
            assert server.server_names == [name]
            assert server.requests[0].header("host") == f"{shown}:{server.port}"


@pytest.mark.parametrize(
    ("certificate", "cause", "words"),
    [
        (servers.Authority("other").issue("127.0.0.1"), "unknown_ca", "unknown authority"),
        (servers.authority().issue("127.0.0.1", days=(-20, -10)), "expired", "has expired"),
        (servers.authority().issue("127.0.0.1", days=(10, 20)), "not_yet_valid", "not yet valid"),
        (servers.authority().issue("10.1.2.3", "other.test"), "wrong_host", "not for '127.0.0.1'"),
        (servers.authority().issue(common_name="127.0.0.1"), "wrong_host", "not for '127.0.0.1'"),
        (servers.Authority().issue("127.0.0.1"), "signature", "another key than that of the authority"),
        (
            servers.authority().issue("127.0.0.1", extensions=[NS_CERT_TYPE_CLIENT]),
            "purpose",
            "nsCertType .* does not say server",
        ),
        (
            servers.authority().issue(
                "127.0.0.1", extensions=[x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])]
            ),
            "purpose",
            "extendedKeyUsage does not say server",
        ),
        (servers.authority().issue("127.0.0.1", bits=1024), "weak", "its key is too short"),
    ],
    ids=[
        "unknown-ca",
        "expired",
        "not-yet-valid",
        "wrong-host",
        "name-only-in-cn",
        "same-name",
        "ns-cert-type",
        "for-clients",
        "short-key",
    ],
)
def test_a_certificate_that_is_not_accepted(certificate: servers.Certificate, cause: str, words: str) -> None:
    """Unknown authority, expired, not yet valid and wrong host are told apart, each with a remedy."""
    with (
        servers.Server(servers.answer(), tls=servers.server_context(certificate)) as server,
        open_client(server.url, ca=servers.authority().pem) as cluster,
        pytest.raises(errors.TLSError, match=words) as caught,
    ):
        cluster.fetch("/api/v1/nodes")
    assert caught.value.cause == cause
    assert caught.value.remedy
    assert caught.value.request == "GET /api/v1/nodes"


@pytest.mark.parametrize("place", [0, 1, 2])
def test_of_several_authorities_with_one_name_each_counts(place: int) -> None:
    """While an authority is renewed, a bundle of the old and the new one does in any order."""
    signer = servers.Authority("renewed")
    bundle = [servers.Authority("renewed").pem, servers.Authority("renewed").pem]
    bundle.insert(place, signer.pem)
    server_tls = servers.server_context(signer.issue("127.0.0.1"))
    with (
        servers.Server(servers.answer(200, b"{}"), servers.answer(200, b"{}"), tls=server_tls) as server,
        open_client(server.url, ca=b"".join(bundle)) as cluster,
    ):
        assert cluster.fetch("/version") == b"{}"
        assert len(server.requests) == 1
        assert server.connections <= 1 + len(bundle)


def test_the_authority_that_signed_is_remembered() -> None:
    """Once it is known which of several counts, a new connection tries no other."""
    signer = servers.Authority("renewed")
    bundle = signer.pem + servers.Authority("renewed").pem
    answer = servers.answer(200, b"{}", headers=["Connection: close"])
    with (
        servers.Server(answer, tls=servers.server_context(signer.issue("127.0.0.1"))) as server,
        open_client(server.url, ca=servers.Authority("renewed").pem + bundle) as cluster,
    ):
        cluster.fetch("/version")
        before = server.connections
        cluster.fetch("/version")
        assert server.connections == before + 1


def test_no_authority_of_the_bundle_signed() -> None:
    """A server whose authority has the name of several trusted ones, and none of their keys, is refused."""
    bundle = servers.Authority("renewed").pem + servers.Authority("renewed").pem
    stranger = servers.Authority("renewed").issue("127.0.0.1")
    with (
        servers.Server(servers.answer(), tls=servers.server_context(stranger)) as server,
        open_client(server.url, ca=bundle) as cluster,
        pytest.raises(errors.TLSError, match="another key") as caught,
    ):
        cluster.fetch("/api/v1/nodes")
    assert "certificate-authority" in str(caught.value.remedy)


def test_the_system_store_does_not_trust_a_private_ca() -> None:
    """Without a CA in the connection the system's are used, which know no private one."""
    with (
        servers.Server(servers.answer(), tls=servers.server_context()) as server,
        open_client(server.url, ca=None) as cluster,
        pytest.raises(errors.TLSError) as caught,
    ):
        cluster.fetch("/version")
    assert caught.value.cause == "unknown_ca"


def test_a_given_ca_replaces_the_system_store() -> None:
    """With a CA of its own, a connection trusts nothing else."""
    assert len(tls.build_context(tls.Settings(ca=servers.authority().pem)).get_ca_certs(True)) == 1


def test_the_servers_own_certificate_serves_as_ca() -> None:
    """A leaf given as certificate authority is trusted as it stands, as kubectl does."""
    certificate = servers.authority().issue("127.0.0.1")
    with (
        servers.Server(servers.answer(200, b"{}"), tls=servers.server_context(certificate)) as server,
        open_client(server.url, ca=certificate.certificate) as cluster,
    ):
        assert cluster.fetch("/version") == b"{}"


def test_comments_in_the_ca_are_skipped() -> None:
    """Text around the PEM blocks, of any alphabet, does no harm."""
    context = tls.build_context(tls.Settings(ca="Zertifikat für Köln\n".encode() + servers.authority().pem))
    assert len(context.get_ca_certs(True)) == 1


@pytest.mark.parametrize(
    "ca", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_broken_ca_is_a_configuration_error(ca: bytes) -> None:
    """What holds no certificate is refused by its name and origin."""
    with pytest.raises(errors.ConfigurationError, match=r"certificate authority of a\.yaml") as caught:
        tls.build_context(tls.Settings(ca=ca, origin="a.yaml"))
    assert caught.value.remedy


def test_insecure_accepts_any_certificate() -> None:
    """insecure-skip-tls-verify takes an expired certificate for another host."""
    certificate = servers.Authority("other").issue("other.test", days=(-9, -8))
    with (
        servers.Server(servers.answer(200, b"{}"), tls=servers.server_context(certificate)) as server,
        open_client(server.url, ca=None, insecure=True) as cluster,
    ):
        assert cluster.fetch("/version") == b"{}"


def test_the_tls_server_name_is_sent_and_verified() -> None:
    """tls-server-name replaces the host in SNI and in the check of the certificate."""
    certificate = servers.authority().issue("cluster.test")
    with (
        servers.Server(servers.answer(200, b"{}"), tls=servers.server_context(certificate)) as server,
        open_client(server.url, ca=servers.authority().pem, tls_server_name="cluster.test") as cluster,
    ):
        assert cluster.fetch("/version") == b"{}"
        assert server.server_names == ["cluster.test"]


def test_a_client_certificate_is_sent_from_memory() -> None:
    """The server sees the client's certificate, and no file was made for it."""
    context = servers.server_context(clients=servers.authority().pem)
    certificate = servers.authority().issue(user="jane")
    seen: list[object] = []

    def note(peer: object) -> None:
        assert isinstance(peer, ssl.SSLSocket)
        seen.append(peer.getpeercert())

    with (
        servers.Server([note, servers.answer(200, b"{}")], tls=context) as server,
        open_client(server.url, ca=servers.authority().pem, certificate=certificate) as cluster,
    ):
        assert cluster.fetch("/version") == b"{}"
    assert "jane" in str(seen)


def test_no_descriptor_stays_open() -> None:
    """Loading a certificate leaves no descriptor behind, through memory or through a pipe."""
    certificate = servers.authority().issue(user="jane")
    folder = pathlib.Path("/proc/self/fd")
    if not folder.exists():
        pytest.skip("needs /proc")
    before = len(list(folder.iterdir()))
    tls.build_context(tls.Settings(insecure=True, certificate=certificate.certificate, key=certificate.key))
    assert len(list(folder.iterdir())) == before


@pytest.mark.skipif(not pathlib.Path("/dev/fd").exists(), reason="needs /dev/fd")
def test_a_certificate_goes_through_a_pipe_where_there_is_no_memory_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Systems without memfd_create, such as macOS, pass the certificate through a pipe."""
    monkeypatch.delattr(os, "memfd_create", raising=False)
    certificate = servers.authority().issue(user="jane")
    context = servers.server_context(clients=servers.authority().pem)
    with (
        servers.Server(servers.answer(200, b"{}"), tls=context) as server,
        open_client(server.url, ca=servers.authority().pem, certificate=certificate) as cluster,
    ):
        assert cluster.fetch("/version") == b"{}"


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("sends", [True, False])
def test_a_refused_client_certificate_is_named(newest: ssl.TLSVersion, *, sends: bool) -> None:
    """A missing client certificate and one of another authority are told apart, in TLS 1.2 and 1.3."""
    context = servers.server_context(clients=servers.authority().pem, newest=newest)
    certificate = servers.Authority("other").issue(user="jane") if sends else None
    # OpenSSL's TLS 1.2 says of a missing certificate nothing but that the handshake failed.
    without = (
        "refuses the TLS handshake" if newest == ssl.TLSVersion.TLSv1_2 else "wants a client certificate"
    )
    words = "refuses the client certificate" if sends else without
    with (
        servers.Server(servers.answer(), tls=context) as server,
        open_client(server.url, ca=servers.authority().pem, certificate=certificate) as cluster,
        pytest.raises(errors.TLSError, match=words) as caught,
    ):
        cluster.fetch("/version")
    assert caught.value.remedy


def _encrypt(pem: bytes) -> bytes:
    key = serialization.load_pem_private_key(pem, None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.BestAvailableEncryption(b"secret"),
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one, other: (one.certificate, other.key), "does not belong"),
        (lambda one, _: (one.certificate, None), "has no key"),
        (lambda one, _: (None, one.key), "has no certificate"),
        (lambda one, _: (b"x", one.key), "certificate of c.yaml is not PEM"),
        (lambda one, _: (one.certificate, b"x"), "key of c.yaml is not PEM"),
        (lambda one, _: (one.certificate, one.key[:80]), "cannot be read"),
        (lambda one, _: (one.key, one.key), "cannot be read"),
        (lambda one, _: (one.certificate, _encrypt(one.key)), "is encrypted"),
    ],
    ids=["mismatch", "no-key", "no-certificate", "bad-pem", "bad-key", "cut", "key-as-cert", "encrypted"],
)
def test_an_unusable_client_certificate_says_why(change: object, words: str) -> None:
    """Every way in which certificate and key can be wrong has its own words, and shows neither."""
    one, other = servers.authority().issue(user="a"), servers.authority().issue(user="b")
    certificate, key = change(one, other)  # type: ignore[operator]
    with pytest.raises(errors.CredentialsError, match=words) as caught:
        tls.build_context(tls.Settings(insecure=True, certificate=certificate, key=key, origin="c.yaml"))
    assert "BEGIN" not in str(caught.value)
    assert caught.value.remedy


def test_a_plain_server_on_an_https_address_is_named() -> None:
    """An https:// address of a plain HTTP server is said to be one."""
    with (
        servers.Server(servers.answer(), greeting=servers.answer(400, b"")) as server,
        open_client(server.url.replace("http", "https"), ca=servers.authority().pem) as cluster,
        pytest.raises(errors.TLSError, match="does not speak TLS") as caught,
    ):
        cluster.fetch("/version")
    assert caught.value.remedy is not None
    assert "http://" in caught.value.remedy


@pytest.mark.parametrize(
    "reply",
    [
        b"\x15\x03\x01\x00\x02\x02\x0a",
        servers.answer(400, "Client sent an HTTP request to an HTTPS server.\n"),
    ],
)
def test_a_tls_server_on_an_http_address_is_named(reply: bytes) -> None:
    """An http:// address of a TLS server is said to be one, by its alert or by Go's answer."""
    with (
        servers.Server([reply, "close"]) as server,
        open_client(server.url, ca=None) as cluster,
        pytest.raises(errors.TLSError, match="its address says http://"),
    ):
        cluster.fetch("/version")


def test_old_tls_is_refused() -> None:
    """A server that knows no TLS 1.2 is refused, and told why."""
    alert = b"\x15\x03\x01\x00\x02\x02\x46"  # fatal, protocol version
    with (
        servers.Server(servers.answer(), greeting=alert) as server,
        open_client(server.url.replace("http", "https"), ca=servers.authority().pem) as cluster,
        pytest.raises(errors.TLSError, match=r"no TLS version from 1\.2 on"),
    ):
        cluster.fetch("/version")
