from __future__ import annotations

import base64
import contextlib
import json
from typing import TYPE_CHECKING, Any
from urllib import parse

import pytest
import yaml
from tests import servers

from kubevitals import errors
from kubevitals.kube.auth import credentials, kubeconfig_file

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

    from kubevitals.kube.http import authentication

NOW = 1_700_000_000.0
SECRET = "s3cr3t-Value-0123456789"


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def token(expires: float, mark: str = "") -> str:
    """A JSON web token, unsigned, as its expiry is all that is read."""
    parts = [{"alg": "none"}, {"exp": expires, "mark": mark + "?>"}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "signature"])


class Opener:
    def __init__(self, path: pathlib.Path) -> None:
        self.path = path

    def __call__(
        self, issuer: str = "https://idp.test", /, *, clock: Clock | None = None, **config: Any
    ) -> authentication.Credentials:
        fields = {
            "idp-issuer-url": issuer,
            "client-id": "me",
            **{k.replace("_", "-"): v for k, v in config.items() if v is not None},
        }
        body = {"auth-provider": {"name": "oidc", "config": fields}}
        self.path.write_text(yaml.safe_dump({"users": [{"name": "jane", "user": body}]}))
        self.path.chmod(0o600)
        return self.again(clock)

    def again(self, clock: Clock | None = None) -> authentication.Credentials:
        """Open the credentials of the file as it is, as another program would."""
        read = kubeconfig_file.read_file(str(self.path))
        assert read is not None
        return credentials.open_credentials(read.users["jane"], environ={}, clock=clock or Clock())

    def tokens(self) -> tuple[str, str]:
        """What the file holds: id-token and refresh-token."""
        config = yaml.safe_load(self.path.read_text())["users"][0]["user"]["auth-provider"]["config"]
        return config.get("id-token", ""), config["refresh-token"]


@pytest.fixture
def open_it(tmp_path: pathlib.Path) -> Opener:
    return Opener(tmp_path / "config")


@contextlib.contextmanager
def provider(*answers: servers.Answer, tls: bool = False) -> Iterator[servers.Server]:
    """An identity provider that says where its token endpoint is and then gives the answers."""
    with servers.Server(b"", tls=servers.server_context() if tls else None) as server:
        server._answers = [servers.answer(200, {"token_endpoint": server.url + "/token"}), *answers]
        yield server


def test_valid_token(open_it: Opener) -> None:
    """A valid id-token is sent without asking anybody."""
    written = token(NOW + 60)
    made = open_it(id_token=written)
    credential = made.fetch()
    assert credential.authorization == f"Bearer {written}"
    assert made.fetch() is credential
    assert not made.renew()


def test_refresh_without_a_secret(open_it: Opener) -> None:
    """A public client is refreshed by its id in the form, and the new token used until it expires."""
    clock, fresh = Clock(), token(NOW + 3600, "fresh")
    with provider(servers.answer(200, {"id_token": fresh, "refresh_token": "next"})) as server:
        made = open_it(server.url + "/", clock=clock, id_token=token(NOW + 9), refresh_token="r+&")
        assert made.fetch().authorization == f"Bearer {fresh}"
        assert made.fetch().authorization == f"Bearer {fresh}"
        discovery, refresh = server.requests
    assert (discovery.method, discovery.target) == ("GET", "/.well-known/openid-configuration")
    assert (refresh.method, refresh.target) == ("POST", "/token")
    assert refresh.header("content-type") == "application/x-www-form-urlencoded"
    assert refresh.header("authorization") is None
    form = dict(parse.parse_qsl(refresh.body.decode()))
    assert form == {"grant_type": "refresh_token", "refresh_token": "r+&", "client_id": "me"}


def test_rotated_refresh_token(open_it: Opener) -> None:
    """A refresh-token that the provider replaced is used next time; after a 401 the id-token is refreshed."""
    answers = [
        servers.answer(200, {"id_token": token(NOW + 3600, mark), "refresh_token": mark}) for mark in "ab"
    ]
    with provider(answers[0]) as server:
        made = open_it(server.url, refresh_token="first")
        made.fetch()
        server._answers = [servers.answer(200, {"token_endpoint": server.url + "/token"}), answers[1]]
        assert made.renew()
        assert made.fetch().authorization == f"Bearer {token(NOW + 3600, 'b')}"
        assert "refresh_token=a&" in server.requests[-1].body.decode()


def test_client_secret(open_it: Opener) -> None:
    """A client secret goes into the header, and into the form if the provider does not take it there."""
    fresh = servers.answer(200, {"id_token": token(NOW + 3600)})
    refused = servers.answer(401, {"error": "invalid_client"})
    with provider(refused, fresh) as server:
        open_it(server.url, refresh_token="r", client_secret="p w").fetch()
        _, first, second = server.requests
    assert first.header("authorization") == "Basic " + base64.b64encode(b"me:p+w").decode()
    assert "client_secret" not in first.body.decode()
    assert second.header("authorization") is None
    assert "client_secret=p+w" in second.body.decode()


@pytest.mark.parametrize("written", ["data", "file"])
def test_certificate_authority(open_it: Opener, tmp_path: pathlib.Path, written: str) -> None:
    """The provider's own CA is trusted, written down or in a file; another provider is not."""
    ca = servers.authority().pem
    (tmp_path / "ca.crt").write_bytes(ca)
    config: dict[str, Any] = {"idp_certificate_authority": str(tmp_path / "ca.crt")}
    if written == "data":
        config = {"idp_certificate_authority_data": base64.b64encode(ca).decode()}
    with provider(servers.answer(200, {"id_token": token(NOW + 3600)}), tls=True) as server:
        assert open_it(server.url, refresh_token="r", **config).fetch().authorization
        with pytest.raises(errors.CredentialsError, match="cannot be asked"):
            open_it(server.url, refresh_token="r").fetch()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            servers.answer(400, {"error": "invalid_grant", "error_description": SECRET}),
            "HTTP 400, invalid_grant",
        ),
        (servers.answer(400, {"error": f"<{SECRET}>"}), r"refused to refresh the token \(HTTP 400\)"),
        (servers.answer(500, SECRET), r"refused to refresh the token \(HTTP 500\)"),
        (servers.answer(200, {"access_token": SECRET}), "without an id_token"),
        (servers.answer(200, f"[{SECRET}"), "without an id_token"),
        (servers.answer(200, {"id_token": 7}), "without an id_token"),
        (servers.answer(200, {"id_token": f"{SECRET}\r\nX: y"}), "cannot be sent"),
    ],
    ids=range(7),
)
def test_refused_refresh(open_it: Opener, answer: bytes, words: str) -> None:
    """A refused refresh names the user and the provider's code, and nothing else that the provider said."""
    with provider(answer) as server:
        made = open_it(server.url, refresh_token=SECRET, client_secret=None)
        with pytest.raises(errors.CredentialsError, match=words) as caught:
            made.fetch()
    assert f'user "jane" in {open_it.path}' in caught.value.message
    assert SECRET not in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (servers.answer(404, "no"), r"did not say where it gives out tokens \(HTTP 404\)"),
        (servers.answer(200, "<html>"), "did not say where"),
        (servers.answer(200, {"token_endpoint": 7}), "did not say where"),
        (servers.answer(200, {"token_endpoint": "http://evil.test/token"}), "no https address"),
        (servers.answer(200, {"token_endpoint": "http://127.0.0.1:1@evil.test/"}), "no https address"),
    ],
    ids=range(5),
)
def test_wrong_discovery(open_it: Opener, answer: bytes, words: str) -> None:
    """The refresh-token is sent to no endpoint but an https one that the provider named."""
    with servers.Server(answer) as server:
        with pytest.raises(errors.CredentialsError, match=words):
            open_it(server.url, refresh_token=SECRET).fetch()
        assert len(server.requests) == 1


def test_unreachable_provider(open_it: Opener) -> None:
    """A provider that does not answer is told by the user's name."""
    with servers.Server(b"") as server:
        gone = server.url
    with pytest.raises(errors.CredentialsError, match=r'identity provider of .*"jane".* cannot be asked'):
        open_it(gone, refresh_token="r").fetch()


@pytest.mark.parametrize("written", [None, token(NOW + 9), token(NOW - 60)])
def test_expired_without_refresh(open_it: Opener, written: str | None) -> None:
    """Without a refresh-token a missing or expired id-token ends in advice to log in."""
    with pytest.raises(errors.CredentialsError, match="no refresh-token") as caught:
        open_it(id_token=written).fetch()
    assert "Log in again" in str(caught.value.remedy)


@pytest.mark.parametrize(
    "written", [SECRET, f"a.{SECRET}.c", "a.e30.c", "a.W10.c", "a.eyJleHAiOiJ4In0.c", "a.%%.c"]
)
def test_no_token_at_all(open_it: Opener, written: str) -> None:
    """An id-token that is no JSON web token is refused without being shown."""
    with pytest.raises(errors.CredentialsError, match="is no JSON web token") as caught:
        open_it(id_token=written).fetch()
    assert written not in caught.value.message


@pytest.mark.parametrize(
    ("issuer", "config", "words"),
    [
        ("", {}, "idp-issuer-url of auth-provider .* is missing"),
        ("http://idp.test", {}, "idp-issuer-url of .* is no https address"),
        ("https://idp.test", {"client_id": ""}, "client-id of .* is missing"),
        ("https://idp.test", {"idp_certificate_authority_data": "%"}, "is not valid base64"),
        (
            "https://idp.test",
            {"idp_certificate_authority": "/none/ca"},
            "/none/ca cannot be used: No such file",
        ),
        ("https://idp.test", {"refresh_token": 7}, "refresh-token of .* is a number"),
    ],
)
def test_wrong_configuration(open_it: Opener, issuer: str, config: dict[str, Any], words: str) -> None:
    """What is missing or cannot be meant is refused when the kubeconfig is opened."""
    with pytest.raises(errors.ConfigurationError, match=words):
        open_it(issuer, **config)


def test_client_certificate_goes_along() -> None:
    """A client certificate beside the provider is sent with its token."""
    pem = b"-----BEGIN CERTIFICATE-----\n"
    key = b"-----BEGIN PRIVATE KEY-----\n"
    config = {"idp-issuer-url": "https://idp.test", "client-id": "me", "id-token": token(NOW + 60)}
    body = {
        "auth-provider": {"name": "oidc", "config": config},
        "client-certificate-data": base64.b64encode(pem).decode(),
        "client-key-data": base64.b64encode(key).decode(),
    }
    user = kubeconfig_file.Entry("user", "jane", body=body)
    credential = credentials.open_credentials(user, environ={}, clock=Clock()).fetch()
    assert (credential.certificate, credential.key) == (pem, key)
    assert credential.authorization


def test_repr_shows_no_secret(open_it: Opener) -> None:
    """The repr names the kind alone."""
    assert SECRET not in repr(open_it(id_token=SECRET, refresh_token=SECRET, client_secret=SECRET))
