"""Names that are served, and requests that a browser sends on behalf of other sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests import web_service

from kubevitals.surfaces.http import sites
from kubevitals.surfaces.web import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOPBACK = settings.Settings(hosts=("Vitals.example",), origins=("https://board.example",))


@pytest.fixture(scope="module")
def service() -> Iterator[web_service.Service]:
    with web_service.serve(LOOPBACK, simulation={"pods": 5}) as made:
        made.tick()
        yield made


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "localhost:8080", "LOCALHOST:1", "127.0.0.1:8080", "127.8.9.10", "[::1]:8080", "[::1]",
        "vitals.example", "VITALS.example:443", "vitals.example.",
    ],
)  # fmt: skip
def test_names_that_are_served(service: web_service.Service, host: str) -> None:
    """On loopback the names of loopback and those that are listed are served, with any port."""
    assert service.get("/api/v1/nodes", host=host).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "attacker.example", "attacker.example:8080", "localhost.attacker.example",
        "127.0.0.1.attacker.example",
        "10.0.0.5:8080", "[fe80::1]", "localhost:8080:evil", "", "localhost@attacker.example", "0.0.0.0:8080",
        "vitals.example.attacker.example", "127.0.0.1:8080,attacker.example", "x" * 100_000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/api/v1/nodes", "/healthz", "/"])
def test_rebound_names_are_refused(service: web_service.Service, host: str, path: str) -> None:
    """A name that somebody pointed at loopback gets no answer of any route."""
    answer = service.get(path, host=host)
    assert answer.status_code == 421
    assert answer.json()["code"] == "unknown_host"
    assert len(answer.content) < 1000


def test_names_beyond_loopback() -> None:
    """With names listed beyond loopback, addresses are served for probes, and no other name."""
    policy = sites.SitePolicy(["vitals.example"], addresses=True, origins=(), open_paths=())
    for host in (b"10.0.0.5:8080", b"[fd00::5]:8080", b"vitals.example"):
        policy.check({"headers": [(b"host", host)], "path": "/", "method": "GET"})
    with pytest.raises(sites.SiteError, match=r"attacker\.example is not served"):
        policy.check({"headers": [(b"host", b"attacker.example")], "path": "/", "method": "GET"})


def test_two_hosts_are_none() -> None:
    """A request with two Host headers is for no name; one without any is of no browser."""
    policy = sites.SitePolicy([], addresses=False, origins=(), open_paths=())
    scope = {"headers": [(b"host", b"localhost"), (b"host", b"localhost")], "path": "/", "method": "GET"}
    with pytest.raises(sites.SiteError):
        policy.check(scope)
    policy.check({**scope, "headers": []})


NAVIGATION = {"sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
CROSS = {"sec_fetch_site": "cross-site"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none", **NAVIGATION},
        {**CROSS, **NAVIGATION},
        {**CROSS, "origin": "https://board.example"},
        {"origin": "https://board.example"},
        {"origin": "http://localhost:8080"},
        {"origin": "https://localhost:8080"},
    ],
)
def test_requests_that_are_answered(service: web_service.Service, headers: dict[str, str]) -> None:
    """Programs, the service's own page, navigations and listed sites are answered."""
    assert service.get("/api/v1/nodes", host="localhost:8080", **headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        CROSS,
        {"sec_fetch_site": "same-site"},
        {**CROSS, "sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"},
        {**CROSS, "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"},
        {**CROSS, "origin": "null"},
        {"sec_fetch_site": "", "origin": "http://localhost:8080"},
        {"origin": "null"},
        {"origin": "https://attacker.example"},
        {"origin": "https://board.example.attacker.example"},
        {"origin": "http://localhost:9090"},
        {"origin": "localhost:8080"},
    ],
)
def test_cross_site_requests_are_refused(service: web_service.Service, headers: dict[str, str]) -> None:
    """What a page of another site, or of another port, has the browser ask for is refused; health is not."""
    answer = service.get("/api/v1/nodes", host="localhost:8080", **headers)
    assert answer.status_code == 403
    assert answer.json()["code"] == "cross_site"
    for path in ("/healthz", "/livez", "/readyz"):
        assert service.get(path, host="localhost:8080", **headers).status_code != 403


def test_only_reading_navigates(service: web_service.Service) -> None:
    """A form of another site that is sent by POST is no navigation."""
    answer = service.ask("POST", "/api/v1/nodes", host="localhost", **CROSS, **NAVIGATION)
    assert answer.status_code == 403


def test_any_site_with_a_star() -> None:
    """Scripts of any site may read where the star is listed."""
    policy = sites.SitePolicy(None, addresses=True, origins=("*",), open_paths=())
    headers = [(b"host", b"x"), (b"origin", b"https://any.example"), (b"sec-fetch-site", b"cross-site")]
    policy.check({"headers": headers, "path": "/", "method": "GET"})
