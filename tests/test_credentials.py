from __future__ import annotations

import base64
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from kubevitals import errors
from kubevitals.kube.auth import credentials, kubeconfig_file

if TYPE_CHECKING:
    import pathlib

    from kubevitals.kube.http import authentication

PEM = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
KEY = b"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"
PEM_DATA, KEY_DATA = base64.b64encode(PEM).decode(), base64.b64encode(KEY).decode()
CERTIFIED = {"client-certificate-data": PEM_DATA, "client-key-data": KEY_DATA}
EXEC = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "/none/plugin"}
OIDC = {"name": "oidc", "config": {"idp-issuer-url": "https://idp.test", "client-id": "x"}}
SECRET = "s3cr3t-Value-0123456789"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def open_it(clock: Clock | None = None, /, **user: Any) -> authentication.Credentials:
    entry = kubeconfig_file.Entry(
        "user", "jane", body={key.replace("_", "-"): value for key, value in user.items()}, path="/x/config"
    )
    return credentials.open_credentials(entry, environ={}, clock=clock or Clock(), interactive=False)


@pytest.mark.parametrize(
    ("user", "kind", "header", "certified"),
    [
        ({}, "anonymous", None, False),
        ({"token": "abc"}, "token", "Bearer abc", False),
        ({"token": " abc\n"}, "token", "Bearer abc", False),
        ({"username": "jane", "password": "pä"}, "basic", "Basic amFuZTpww6Q=", False),
        ({"username": "jane"}, "basic", "Basic amFuZTo=", False),
        (CERTIFIED, "certificate", None, True),
        ({**CERTIFIED, "token": "abc"}, "token", "Bearer abc", True),
        ({"client-key-data": KEY_DATA}, "anonymous", None, False),
        ({"token": "abc", "exec": EXEC}, "token", "Bearer abc", False),
        ({**CERTIFIED, "exec": EXEC}, "certificate", None, True),
        ({"token": "abc", "auth-provider": OIDC}, "token", "Bearer abc", False),
    ],
)
def test_kinds(user: dict[str, Any], kind: str, header: str | None, *, certified: bool) -> None:
    """What is written down is sent as it is, and goes before exec plugins and auth-providers."""
    made = open_it(**user)
    credential = made.fetch()
    assert made.kind == kind
    assert credential.authorization == header
    assert (credential.certificate == PEM, credential.key == KEY) == (certified, certified)
    assert made.fetch() is credential
    assert not made.renew()


@pytest.mark.parametrize(
    ("user", "kind"),
    [
        ({"exec": EXEC}, "exec"),
        ({"auth-provider": OIDC}, "oidc"),
        ({**CERTIFIED, "auth-provider": OIDC}, "oidc"),
    ],
)
def test_kinds_that_ask(user: dict[str, Any], kind: str) -> None:
    """Without a token, plugins and providers are taken, and not asked before the first fetch."""
    assert open_it(**user).kind == kind


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ({"token": SECRET, "username": "jane"}, "both a token and a username"),
        ({"tokenFile": "/x", "password": SECRET}, "both a token and a username"),
        ({"client-certificate-data": PEM_DATA}, "certificate without its key"),
        (
            {"client-certificate-data": KEY_DATA, "client-key-data": KEY_DATA},
            "client-certificate-data .* not PEM",
        ),
        ({"client-certificate-data": PEM_DATA, "client-key-data": PEM_DATA}, "client-key-data .* not PEM"),
        (
            {"client-certificate-data": PEM_DATA, "client-key-data": SECRET},
            "client-key-data .* not valid base64",
        ),
        ({"exec": EXEC, "auth-provider": OIDC}, "both exec and auth-provider"),
        ({"exec": []}, "exec of user .* is a list"),
        ({"token": 7}, "token of user .* is a number"),
        ({"token": f"{SECRET}\nx"}, "holds characters that cannot be sent"),
        ({"token": f"{SECRET}ü"}, "holds characters that cannot be sent"),
        ({"auth-provider": {"name": "gcp"}}, '"gcp", which is not supported'),
        ({"auth-provider": {"name": "azure"}}, '"azure", which is not supported'),
        ({"auth-provider": {"name": "other"}}, '"other", which is not supported'),
    ],
)
def test_contradictions(user: dict[str, Any], words: str) -> None:
    """What contradicts itself is refused, naming user and file, and nothing of its values."""
    with pytest.raises(errors.ConfigurationError, match=words) as caught:
        open_it(**user)
    assert "jane" in caught.value.message
    assert "/x/config" in caught.value.message
    assert SECRET not in caught.value.message + str(caught.value.remedy)


@pytest.mark.parametrize(
    ("name", "instead"), [("gcp", "gke-gcloud-auth-plugin"), ("azure", "kubelogin"), ("other", "exec plugin")]
)
def test_providers_that_are_gone(name: str, instead: str) -> None:
    """An auth-provider that Kubernetes removed is refused with what to use instead."""
    with pytest.raises(errors.ConfigurationError) as caught:
        open_it(**{"auth-provider": {"name": name}})
    assert instead in str(caught.value.remedy)


def test_token_file_is_read_again(tmp_path: pathlib.Path) -> None:
    """A changed token file is seen within a second or so; an unchanged one gives the same object."""
    path, clock = tmp_path / "token", Clock()
    path.write_text("one\n")
    made = open_it(clock, tokenFile=str(path))
    first = made.fetch()
    assert (made.kind, first.authorization) == ("token file", "Bearer one")
    path.write_text("second\n")
    assert made.fetch() is first
    clock.now += 1.5
    assert made.fetch().authorization == "Bearer second"
    clock.now -= 3600  # a clock that was put back must not keep an old token for an hour
    path.write_text("the-third\n")
    assert made.fetch().authorization == "Bearer the-third"


def test_token_file_after_a_401(tmp_path: pathlib.Path) -> None:
    """After a 401 the file is read at once, whatever its time stamp; a new try helps if it changed."""
    path = tmp_path / "token"
    path.write_text("one")
    made = open_it(tokenFile=str(path))
    made.fetch()
    assert not made.renew()
    stamp = path.stat()
    path.write_text("two")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert made.renew()
    assert made.fetch().authorization == "Bearer two"


def test_token_file_goes_before_the_token(tmp_path: pathlib.Path) -> None:
    """With both, the file wins while it can be read, as in kubectl."""
    path = tmp_path / "token"
    made = open_it(token="written", tokenFile=str(path))
    assert made.fetch().authorization == "Bearer written"
    path.write_text("from-file")
    assert made.fetch().authorization == "Bearer from-file"


def test_token_file_that_vanishes(tmp_path: pathlib.Path) -> None:
    """While a token file is being replaced the last token is used."""
    path, clock = tmp_path / "token", Clock()
    path.write_text("one")
    made = open_it(clock, tokenFile=str(path))
    made.fetch()
    path.unlink()
    clock.now += 10
    assert made.fetch().authorization == "Bearer one"
    path.write_text("")
    clock.now += 10
    assert made.fetch().authorization == "Bearer one"
    assert not made.renew()


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), (b"", "it is empty"), (b" \n", "it is empty"), (b"a\x00b", "sent")],
)
def test_wrong_token_files(tmp_path: pathlib.Path, content: bytes | None, words: str) -> None:
    """A token file that is missing, empty or binary is named."""
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(errors.CredentialsError, match=words) as caught:
        open_it(tokenFile=str(path)).fetch()
    assert str(path) in caught.value.message


@pytest.mark.parametrize("missing", ["client-certificate", "client-key"])
def test_missing_certificate_files(tmp_path: pathlib.Path, missing: str) -> None:
    """A certificate or key file that is missing is named, with its field and user."""
    user = {name: str(tmp_path / name) for name in ("client-certificate", "client-key")}
    (tmp_path / "client-certificate").write_bytes(PEM)
    (tmp_path / "client-key").write_bytes(KEY)
    (tmp_path / missing).unlink()
    made = open_it(**user)
    with pytest.raises(
        errors.CredentialsError, match=rf'{missing} of user "jane" in /x/config: .*No such file'
    ):
        made.fetch()


def test_folder_as_certificate(tmp_path: pathlib.Path) -> None:
    """A folder in place of a certificate file is an error."""
    made = open_it(**{"client-certificate": str(tmp_path), "client-key-data": KEY_DATA})
    with pytest.raises(errors.CredentialsError, match="Is a directory"):
        made.fetch()


def test_rotated_certificates(tmp_path: pathlib.Path) -> None:
    """Certificate files that were renewed are read again."""
    clock = Clock()
    (tmp_path / "c").write_bytes(PEM)
    made = open_it(clock, **{"client-certificate": str(tmp_path / "c"), "client-key-data": KEY_DATA})
    first = made.fetch()
    (tmp_path / "c").write_bytes(PEM + PEM)
    clock.now += 2
    assert made.fetch().certificate == PEM + PEM
    assert made.fetch() is not first


@pytest.mark.parametrize("field", ["client-certificate", "client-key"])
def test_data_and_a_file(field: str) -> None:
    """What is both written down and in a file is refused, as kubectl does."""
    with pytest.raises(errors.ConfigurationError, match=rf"^{field} of .* given twice"):
        open_it(**CERTIFIED, **{field: "/none"})


def test_threads_see_the_same_renewal(tmp_path: pathlib.Path) -> None:
    """When one thread has renewed, another that was refused the old token is told to try again as well."""
    path = tmp_path / "token"
    path.write_text("one")
    made = open_it(tokenFile=str(path))
    fetched, renewed = threading.Event(), threading.Event()
    told: list[bool] = []

    def other() -> None:
        made.fetch()
        fetched.set()
        renewed.wait(5)
        told.append(made.renew())

    thread = threading.Thread(target=other)
    thread.start()
    fetched.wait(5)
    made.fetch()
    path.write_text("second")
    assert made.renew()
    renewed.set()
    thread.join()
    assert told == [True]


def test_repr_shows_no_secret() -> None:
    """Credentials show their kind and nothing else."""
    for user in (
        {"token": SECRET},
        {"username": "jane", "password": SECRET},
        {"exec": {**EXEC, "args": [SECRET]}},
    ):
        made = open_it(**user)
        assert SECRET not in repr(made)
        assert made.kind in repr(made)
