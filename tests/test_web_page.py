"""The page at `/`: files that are built ahead, load nothing from elsewhere, and are kept by browsers."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests import web_service

from kubevitals import severity, snapshot
from kubevitals.surfaces.web import page

if TYPE_CHECKING:
    from collections.abc import Iterator

FRONTEND = Path(__file__).parent.parent / "frontend"


@pytest.fixture(scope="module")
def service() -> Iterator[web_service.Service]:
    """One that no test changes."""
    with web_service.serve() as made:
        made.tick()
        yield made


def test_page(service: web_service.Service) -> None:
    """The page is asked for anew each time, has nothing inline, and names only files of its own."""
    answer = service.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    loaded = re.findall(r'(?:href|src)="([^"]*)"', answer.text)
    assert {each.removeprefix("./assets/") for each in loaded} - {"api/v1/vitals"} == page.Page().assets
    assert not re.search(r"<style| style=|<script(?![^>]* src=)| on[a-z]+=", answer.text)


def test_policy(service: web_service.Service) -> None:
    """The policy of the page allows nothing from outside, nothing inline, and no text that becomes HTML."""
    policy = service.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "require-trusted-types-for 'script'; trusted-types 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "data:" not in policy


def test_assets_are_kept(service: web_service.Service) -> None:
    """The files have a hash in their names and a type, are kept for ever, and are the same as gzip."""
    for name in page.Page().assets:
        assert re.fullmatch(r"[a-z]+-[A-Za-z0-9_-]{8}\.(js|css|svg)", name), name
        plain = service.get(f"/assets/{name}", **{"accept-encoding": "identity"})
        zipped = service.get(f"/assets/{name}", **{"accept-encoding": "gzip"})
        assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert plain.headers["content-type"].startswith(("text/javascript", "text/css", "image/svg+xml"))
        assert "content-encoding" not in plain.headers
        assert zipped.headers["content-encoding"] == "gzip"
        assert plain.content == zipped.content == (page.STATIC / "assets" / name).read_bytes()


def test_other_names(service: web_service.Service) -> None:
    """No other file can be had, whatever the name."""
    for name in ("index.html", "..%2findex.html", "%2e%2e/index.html", "..\\page.py", "x.js"):
        assert service.get(f"/assets/{name}").status_code == 404, name


def test_weight() -> None:
    """The page weighs less than 60 kB on the way to the browser, and less than 130 kB in the wheel."""
    files = [each.read_bytes() for each in page.STATIC.rglob("*") if each.is_file()]
    assert sum(len(gzip.compress(each)) for each in files) < 60_000
    assert sum(map(len, files)) < 130_000


def test_reasons() -> None:
    """The page has the words for each reason why a number is missing that the other surfaces have."""
    assert json.loads((FRONTEND / "src" / "reasons.json").read_text()) == snapshot.REASONS


def test_colours() -> None:
    """The page judges a share as tables and screen do: a value has one colour everywhere."""
    source = (FRONTEND / "src" / "format.ts").read_text()
    found = dict(re.findall(r"const (WARNING_ABOVE|CRITICAL_ABOVE) = ([0-9.]+);", source))
    wanted = {"WARNING_ABOVE": severity.WARNING_ABOVE, "CRITICAL_ABOVE": severity.CRITICAL_ABOVE}
    assert {name: float(number) for name, number in found.items()} == wanted


def test_lock_file() -> None:
    """The lock file names no address, and has a hash of every package."""
    packages = json.loads((FRONTEND / "package-lock.json").read_text())["packages"]
    for name, each in packages.items():
        assert "resolved" not in each, name
        assert not name or "integrity" in each, name


def test_text_of_the_cluster_stays_text() -> None:
    """No source of the page makes markup or code of a text, so that a name is never more than one."""
    makers = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySetInnerHTML|srcdoc"
        r"|createContextualFragment|DOMParser|\beval\(|new Function|javascript:"
    )
    sources = [*(FRONTEND / "src").glob("*.ts"), *(FRONTEND / "src").glob("*.tsx"), FRONTEND / "index.html"]
    assert len(sources) > 10
    for path in sources:
        assert not makers.search(path.read_text()), path.name
