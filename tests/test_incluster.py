from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubevitals.kube.auth import incluster, kubeconfig

if TYPE_CHECKING:
    import pathlib

    from kubevitals.kube import clientconfig

PEM = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
ENVIRON = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}


def put(folder: pathlib.Path, token: str = "one") -> str:
    (folder / "token").write_text(token)
    (folder / "ca.crt").write_bytes(PEM)
    (folder / "namespace").write_text("team")
    return str(folder)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def open_it(folder: str, environ: dict[str, str], clock: Clock) -> clientconfig.ClientConfig:
    return kubeconfig.open_config(
        kubeconfig.Options(), environ=environ, clock=clock, home="", service_account=folder
    )


@pytest.mark.parametrize("gone", ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "token"])
def test_outside_of_a_cluster(tmp_path: pathlib.Path, gone: str) -> None:
    """Without address or token there is no service account."""
    put(tmp_path)
    if gone == "token":
        (tmp_path / "token").unlink()
    environ = {name: value for name, value in ENVIRON.items() if name != gone}
    assert incluster.find_service_account(environ, folder=str(tmp_path)) is None


@pytest.mark.parametrize(
    ("host", "server"),
    [
        ("10.0.0.1", "https://10.0.0.1:443"),
        ("fd00::1", "https://[fd00::1]:443"),
        ("k8s.svc", "https://k8s.svc:443"),
    ],
)
def test_address(tmp_path: pathlib.Path, host: str, server: str) -> None:
    """An IPv6 host is put in brackets."""
    made = open_it(put(tmp_path), {**ENVIRON, "KUBERNETES_SERVICE_HOST": host}, Clock())
    assert made.server == server
    assert made.ca == PEM


def test_namespace(tmp_path: pathlib.Path) -> None:
    """The namespace is POD_NAMESPACE, else the mounted one, else default."""
    folder = put(tmp_path)
    assert open_it(folder, {**ENVIRON, "POD_NAMESPACE": "other"}, Clock()).namespace == "other"
    assert open_it(folder, ENVIRON, Clock()).namespace == "team"
    (tmp_path / "namespace").unlink()
    assert open_it(folder, ENVIRON, Clock()).namespace == "default"


def test_missing_ca(tmp_path: pathlib.Path) -> None:
    """Without its CA the system's are used, with a warning."""
    folder = put(tmp_path)
    (tmp_path / "ca.crt").unlink()
    made = open_it(folder, ENVIRON, Clock())
    assert made.ca is None
    assert "ca.crt" in made.warnings[0]


def test_token_rotation(tmp_path: pathlib.Path) -> None:
    """The token is read again after a minute, and at once after a 401."""
    clock = Clock()
    made = open_it(put(tmp_path), ENVIRON, clock).credentials
    assert made.fetch().authorization == "Bearer one"
    put(tmp_path, "three")
    clock.now += 30
    assert made.fetch().authorization == "Bearer one"
    clock.now += 31
    assert made.fetch().authorization == "Bearer three"
    put(tmp_path, "four")
    assert made.renew()
    assert made.fetch().authorization == "Bearer four"
    assert not made.renew()
