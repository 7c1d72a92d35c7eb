from __future__ import annotations

from kubevitals.kube import clientconfig
from kubevitals.kube.http import authentication

SECRET = "s3cr3t-value"


def test_credential_repr_shows_no_secret() -> None:
    """A credential shows which scheme it uses, and nothing of its value."""
    credential = authentication.Credential(
        f"Bearer {SECRET}", certificate=SECRET.encode(), key=SECRET.encode()
    )
    assert SECRET not in repr(credential)
    assert "Bearer" in repr(credential)


def test_equal_credentials_are_one_key() -> None:
    """Two credentials of the same values are equal and hash alike."""
    one = authentication.Credential("Bearer a", certificate=b"c", key=b"k")
    two = authentication.Credential("Bearer a", certificate=b"c", key=b"k")
    assert one == two
    assert hash(one) == hash(two)
    assert one != authentication.Credential("Bearer b", certificate=b"c", key=b"k")
    assert hash(one) != hash(authentication.Credential("Bearer b"))


def test_default_credentials_are_anonymous() -> None:
    """Without credentials nothing is sent, always as the same object, and renewing is of no use."""
    credentials = authentication.Credentials()
    assert credentials.fetch() == authentication.Credential()
    assert credentials.fetch() is credentials.fetch()
    assert credentials.renew() is False
    assert "anonymous" in repr(credentials)


def test_connection_defaults() -> None:
    """A server alone is a connection: namespace default, system CAs, checked certificates, compression."""
    made = clientconfig.ClientConfig("https://example.test:6443/prefix")
    assert made.server == "https://example.test:6443/prefix"
    assert made.namespace == "default"
    assert made.ca is None
    assert made.insecure is False
    assert made.compression is True
    assert made.impersonation == ()
    assert made.warnings == ()
    assert made.credentials.fetch().authorization is None


def test_connection_repr_shows_no_secret() -> None:
    """A connection's repr leaves out its server and proxy, which may hold passwords."""
    made = clientconfig.ClientConfig(
        f"https://user:{SECRET}@example.test", context="prod", proxy_url=f"http://u:{SECRET}@proxy:3128"
    )
    assert SECRET not in repr(made)
    assert "prod" in repr(made)
