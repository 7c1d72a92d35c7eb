"""The page at `/`: links to everything, the state of each cluster, and nothing that a hostile name can do."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests import web_service

from kubevitals import collector, kinds, model
from kubevitals.surfaces.web import page

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def service() -> Iterator[web_service.Service]:
    """One that no test changes."""
    with web_service.serve() as made:
        made.tick()
        yield made


def test_page(service: web_service.Service) -> None:
    """The page names every route of the description, loads nothing from elsewhere and runs no script."""
    answer = service.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<script" not in answer.text
    linked = [html.unescape(each) for each in re.findall(r'(?:href|src)="([^"]*)"', answer.text)]
    assert all(each.startswith("/") or each == "data:," for each in linked)
    for path in {each for each in linked if each.startswith("/")} - {"/api/v1/stream"}:
        may = {503} if path.endswith("z") else {404} if path.startswith("/api/v1/history/") else set()
        assert service.get(path).status_code in {200, *may}, path  # no clock ticks, no history is kept
    paths = set(service.get("/openapi.json").json()["paths"]) - {"/", "/style.css"}
    shown = {
        html.unescape(each).partition("?")[0] for each in re.findall(r"<code>([^<]*)</code>", answer.text)
    }
    assert paths <= shown
    assert {path.partition("?")[0] for path in linked} >= {path for path in paths if "{" not in path}
    for kind, names in (
        (each.name, each.path) for each in kinds.KINDS.values()
    ):  # single objects are linked by one that is there
        assert any(re.fullmatch(f"/api/v1/{kind}" + "/[^/?]+" * len(names), path) for path in linked), kind


def test_page_tells_the_state() -> None:
    """The page tells of each cluster its name, state, source, age, coverage, and what could not be read."""
    with web_service.serve(simulation={"pods": 20}) as own:
        follow(own)


def follow(own: web_service.Service) -> None:
    """Look at the page before the first snapshot, with one, and while usage cannot be had."""
    text = own.get("/").text
    assert "not ready" in text
    assert "none yet" in text
    own.tick()
    text = own.get("/").text
    assert "not ready" not in text
    for words in (own.collector.name, "metrics-server, since 20", "0 s old, read every 15 s", " of 6<"):
        assert words in text, words
    own.world.set_faults(["metrics-unavailable"])
    own.tick()
    text = own.get("/").text
    assert "metrics API installed but unavailable" in text
    assert "no source now; the last was metrics-server" in text
    assert "try: kubevitals doctor says why" in text


def test_page_commands(service: web_service.Service) -> None:
    """Commands are for the place that the reader came by, and for who came with a token; else harmless."""
    assert (
        "curl -s --compressed &#x27;http://vitals:81/metrics&#x27;" in service.get("/", host="vitals:81").text
    )
    assert "Bearer $TOKEN" not in service.get("/").text
    text = service.get("/", authorization="Bearer the-secret").text
    assert "Bearer $TOKEN" in text
    assert "the-secret" not in text
    for host in ("';reboot;'", "a b", "$(x)", '"><script>', "x" * 300):
        assert "&#x27;http://127.0.0.1:8080/metrics&#x27;" in service.get("/", host=host).text


def test_page_escapes() -> None:
    """Names and messages from a cluster are text in the page, whatever they hold."""
    evil = "</code>\"'><b onload=x>\x1b[2J\u202e"
    now = datetime(2026, 1, 1, tzinfo=UTC)
    pod = model.Pod(
        evil, evil, workload_kind=evil, workload_name=evil, containers=(model.Container(evil, evil, evil),)
    )
    problem = model.Problem("x", evil, remedy=evil)
    held = model.Snapshot(
        evil, evil, now, model.Records([model.Node(evil)]), model.Records([pod]), problems=(problem,)
    )
    status = collector.Status(now, source=evil, last_error=model.Problem("x", "<script>alert('1')</script>"))
    text = page.render({evil: page.ClusterState(status, held, evil)}, place=evil).decode()
    for word in ("<script", "<b ", "\x1b", "\u202e"):
        assert word not in text
    assert "alert(" in text
    assert re.search(r'href="/api/v1/pods/[%A-Za-z0-9.]+/[%A-Za-z0-9.]+"', text)
