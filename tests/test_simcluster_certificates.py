"""Certificates of the simulated cluster: made, shown, and refused where none can be made."""

from __future__ import annotations

import sys
import time

import pytest
from cryptography import x509
from tests import simulated, small_world

from simcluster import errors, simulation
from simcluster.http import certificates


def test_server_certificate() -> None:
    """A server's certificate names its hosts, is signed by the authority, and is valid or ended a day ago."""
    now = time.time()
    authority = certificates.Authority("test", now=now)
    for expired in (False, True):
        made = x509.load_pem_x509_certificate(
            authority.issue_server(("localhost", "127.0.0.1"), expired=expired).certificate
        )
        names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == ["localhost"]
        assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
        made.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.pem))
        assert (made.not_valid_after_utc.timestamp() < now) is expired


def test_require(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no certificate can be made the error says what needs one, and which extra makes them."""
    certificates.require("TLS")
    monkeypatch.setitem(sys.modules, "cryptography", None)
    assert not certificates.can_be_made()
    with pytest.raises(errors.CertificatesError, match=r"^TLS needs certificates") as caught:
        certificates.require("TLS")
    assert "[simulate]" in caught.value.remedy
    for tls, kubelets in ((True, False), (False, True)):
        with pytest.raises(errors.CertificatesError):
            simulation.SimulatedCluster(world=small_world.SmallWorld(), tls=tls, kubelets=kubelets)


def test_no_certificate_over_plain_http() -> None:
    """A cluster that serves plain HTTP refuses a fault that only TLS can show, and keeps those in force."""
    with pytest.raises(errors.SimulationError, match="needs TLS"):
        simulation.SimulatedCluster(world=small_world.SmallWorld(), tls=False, faults=["expired-certificate"])
    with simulation.SimulatedCluster(world=small_world.SmallWorld(), tls=False) as served:
        served.set_faults(["slow=1ms"])
        with pytest.raises(errors.SimulationError, match="needs TLS"):
            served.set_faults(["expired-certificate"])
        assert served.faults() == ["slow=0.001s"]
        answer = simulated.ask(served, "/simulation/faults", method="POST", body=["expired-certificate"])
        assert answer.status == 400
        assert "needs TLS" in answer.json()["message"]


def test_anonymous_admin() -> None:
    """Over plain HTTP whoever shows no credential may be the administrator; over TLS never."""
    world = small_world.SmallWorld
    path = "/api/v1/nodes"
    with simulation.SimulatedCluster(world=world(), tls=False, anonymous_admin=True) as served:
        assert simulated.ask(served, path, user=None).status == 200
        assert simulated.ask(served, path, user="metrics-reader").status == 403
        plays = {"Impersonate-User": "metrics-reader"}
        assert simulated.ask(served, path, user=None, headers=plays).status == 403
        assert simulated.ask(served, path, user=None, headers={"Authorization": "Bearer x"}).status == 401
        assert "token" not in served.kubeconfig()
    for tls in (False, True):
        with simulation.SimulatedCluster(world=world(), tls=tls, anonymous_admin=tls) as served:
            assert simulated.ask(served, path, user=None).status == 403
            assert "token" in served.kubeconfig()
