"""Requests straight to ports, on real sockets."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests import answering, servers

from kubevitals.doctor import probes
from kubevitals.doctor.checks import applications, kubeletsettings

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWERS = {
    "/metrics": (200, "text/plain; version=0.0.4", b"# TYPE up gauge\nup 1\n"),
    "/bare": (200, "text/plain", b"up 1\n"),
    "/page": (200, "text/html", b"<!doctype html>"),
    "/json": (200, "application/json", b"{}"),
    "/untyped": (200, "", b"up 1\n"),
    "/login": (401, "text/plain", b"who are you"),
    "/forbidden": (403, "text/plain", b"not you"),
    "/broken": (500, "text/plain", b"oops"),
    "/moved": (302, "text/plain", b""),
    "/pods": (
        200,
        "application/json",
        b'{"kind":"PodList","apiVersion":"v1","items":[' + b" " * 9000 + b"]}",
    ),
}


@pytest.fixture(scope="module")
def answers() -> Iterator[answering.Answering]:
    with answering.serve(ANSWERS) as made:
        yield made


@pytest.mark.parametrize(
    ("path", "finding"),
    [
        ("/metrics", None), ("/bare", None), ("/broken", None), ("/moved", None),
        ("/page", "application_no_exposition"), ("/json", "application_no_exposition"),
        ("/untyped", "application_no_exposition"), ("/login", "application_needs_login"),
        ("/forbidden", "application_needs_login"), ("/nope", "application_path_missing"),
    ],
)  # fmt: skip
def test_what_an_application_answers(answers: answering.Answering, path: str, finding: str | None) -> None:
    """Each answer is judged as Prometheus 3 would take it; redirects are not followed."""
    found = applications.judge(probes.get(probes.url("http", "127.0.0.1", answers.port, path)))
    assert (found.id if found else None) == finding


def test_nothing_of_ours_is_sent(answers: answering.Answering) -> None:
    """A probe carries no credentials, and reads the beginning of an answer alone."""
    answers.asked.clear()
    answer = probes.get(probes.url("http", "127.0.0.1", answers.port, "pods"))
    assert len(answer.body) == 4096
    assert kubeletsettings._is_pod_list(answer.body)
    (headers,) = answers.asked
    assert {name.lower() for name in headers} == {"host", "user-agent", "accept", "accept-encoding"}


def test_a_port_that_refuses_and_one_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody there, and somebody who says nothing, are words, not exceptions."""
    monkeypatch.setattr(probes, "_TIMEOUT", 0.2)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        target = probes.url("http", "127.0.0.1", held.getsockname()[1], "/metrics")
        assert probes.get(target).error == "connection refused"
        held.listen()
        assert probes.get(target).error == "timed out"
    assert probes.get("http://127.0.0.1:1/a b\r\nx: y").error


@pytest.mark.parametrize(
    ("address", "good"),
    [("10.0.0.1", True), ("fd00::1", True), ("169.254.169.254", False), ("fe80::1", False),
     ("0.0.0.0", False), ("224.0.0.1", False), ("metadata.internal", False), ("", False)],
)  # fmt: skip
def test_addresses_that_are_left_alone(address: str, good: bool) -> None:
    """What a cluster calls an address leads to no metadata service and no name."""
    assert probes.is_worth_asking(address) is good


def test_the_end_of_any_servers_certificate() -> None:
    """When a certificate ends is read from the port that shows it, whoever signed it."""
    certificate = servers.authority().issue("127.0.0.1", days=(-1, 3))
    ends = probes.certificate_ends(certificate.certificate.decode())
    assert ends is not None
    assert abs(ends - datetime.now(UTC) - timedelta(days=3)) < timedelta(hours=2)
    assert probes.certificate_ends("") is None
    assert probes.certificate_ends("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n") is None
    assert probes.certificate_of("127.0.0.1", 1) == ""
