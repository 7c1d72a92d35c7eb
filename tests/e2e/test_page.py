"""The page in the real Chromium, over the service of a simulated cluster: what it shows, how it behaves.

With KUBEVITALS_PICTURES set to a folder the tests leave their pictures there.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import shutil
import urllib.parse
from typing import TYPE_CHECKING, Any

import pytest
from tests import ports, serviceprocess, waiting

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed (requirements/dev.txt)"
)

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parents[2]
AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
WORLD = ("--simulation", "nodes=6,pods=60", "--interval", "2s")
PAGES = (
    "", "problems", "nodes", "namespaces", "workloads", "pods", "doctor", "about", "nodes/general-1",
    "namespaces/shop", "nowhere",
)  # fmt: skip
READY = "main section, main table, main p:not(.soft)"


def chromium() -> str:
    path = shutil.which("chromium")
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("chromium is missing; tools/install-test-tools installs it", pytrace=False)
        pytest.skip("chromium is not installed (tools/install-test-tools)")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = chromium()
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield made
        made.close()


@pytest.fixture(scope="module")
def service() -> Iterator[serviceprocess.ServiceProcess]:
    with serviceprocess.running("serve", *WORLD) as made:
        yield made


class Watched:
    """A page of the browser, with all that it complained of and asked for."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.url = url
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.on("request", lambda request: self.asked.append(request.url))

    def open(self, fragment: str) -> None:
        """Go to a page and wait until it has something to show."""
        self.page.goto(f"{self.url}/#/{fragment}")
        self.page.wait_for_selector(READY, timeout=20_000)

    def until(self, expression: str, *, seconds: float = 20.0) -> None:
        """Wait until an expression is true; Playwright's own way needs eval, which the page forbids."""
        waiting.until(lambda: self.page.evaluate(expression), seconds=seconds, what=expression)


@contextlib.contextmanager
def watching(browser: Any, url: str, **options: Any) -> Iterator[Watched]:
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    try:
        yield Watched(context.new_page(), url)
    finally:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280, 1920])
def test_every_page(browser: Any, service: serviceprocess.ServiceProcess, width: int, scheme: str) -> None:
    """Each page fits its width, complains of nothing, asks nobody else, and axe finds nothing in it."""
    size = {"width": width, "height": 900}
    with watching(browser, service.url, viewport=size, color_scheme=scheme) as seen:
        for fragment in PAGES if width < 1920 else PAGES[:1]:
            seen.open(fragment)
            seen.page.wait_for_timeout(300)
            wide = seen.page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
            assert wide <= 0, (fragment, wide)
            assert check_access(seen.page) == [], fragment
            keep_picture(seen.page, f"page-{fragment.replace('/', '-') or 'overview'}-{width}-{scheme}")
    assert not seen.said, seen.said
    assert {urllib.parse.urlsplit(each).netloc for each in seen.asked} == {
        urllib.parse.urlsplit(service.url).netloc
    }


def check_access(page: Any) -> list[tuple[str, str]]:
    """What axe finds, each with the first place; nothing where axe is not installed."""
    if not AXE.exists():
        assert os.environ.get("CI") != "true", "axe-core is missing: npm ci in frontend/"
        return []
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [(each["id"], each["nodes"][0]["html"][:200]) for each in found["violations"]]


def keep_picture(page: Any, name: str) -> None:
    folder = os.environ.get("KUBEVITALS_PICTURES")
    if folder:
        page.screenshot(path=str(pathlib.Path(folder) / f"{name}.png"))


def test_a_filter(browser: Any, service: serviceprocess.ServiceProcess) -> None:
    """What is typed into the filter chooses rows and stands in the address; a wrong one says why."""
    with watching(browser, service.url) as seen:
        seen.open("pods")
        count = number_of_rows(seen)
        seen.page.fill("input[type=search]", "ns:shop")
        seen.page.press("input[type=search]", "Enter")
        seen.until("location.hash.includes('filter=ns%3Ashop')")
        seen.until(f"parseInt(document.querySelector('h2 .soft').innerText) < {count}")
        assert 0 < number_of_rows(seen) < count
        seen.page.fill("input[type=search]", "cpu>>")
        seen.page.press("input[type=search]", "Enter")
        seen.page.wait_for_selector(".notice")
        assert "filter" in seen.page.inner_text(".notice")


def number_of_rows(seen: Watched) -> int:
    """How many rows the title of a list says, once it does."""
    seen.until("/[0-9]/.test(document.querySelector('h2 .soft').innerText)")
    found = re.match(r"[\d,]+", seen.page.inner_text("h2 .soft"))
    assert found is not None
    return int(found[0].replace(",", ""))


def test_only_what_is_bad_has_a_colour(browser: Any, service: serviceprocess.ServiceProcess) -> None:
    """More than the request is normal and neutral; what is near a limit bears the sign of its level."""
    with watching(browser, service.url) as seen:
        seen.open("pods")
        number_of_rows(seen)
        cells = seen.page.evaluate(
            "[...document.querySelectorAll('.row .level')].map((each) => [each.className, each.innerText])"
        )
    shares = [(look.split()[-1], text) for look, text in cells]
    above = [look for look, text in shares if int(text.rstrip("% ■▲").replace(",", "")) > 100]
    assert above
    assert set(above) == {"none"}
    assert any(look == "warning" and text.endswith("▲") for look, text in shares)


def test_keys(browser: Any, service: serviceprocess.ServiceProcess) -> None:
    """`g` and a letter go to pages, / to the filter, ? shows all keys and Esc closes it."""
    with watching(browser, service.url) as seen:
        seen.open("")
        for letter, page in (("p", "pods"), ("n", "nodes"), ("d", "doctor"), ("r", "problems"), ("o", "")):
            seen.page.keyboard.press("g")
            seen.page.keyboard.press(letter)
            seen.until(f"location.hash.replace(/[?].*/, '') === '#/{page}'")
        seen.page.keyboard.press("/")
        assert seen.page.evaluate("document.activeElement.type") == "search"
        seen.page.keyboard.press("Escape")
        seen.page.keyboard.press("?")
        seen.page.wait_for_selector("dialog[open]")
        seen.page.keyboard.press("Escape")
        seen.page.wait_for_selector("dialog", state="detached")


def test_copy_takes_a_ticket(browser: Any, service: serviceprocess.ServiceProcess) -> None:
    """Copy puts what, where, evidence, next step and a link fixed in time on the clipboard."""
    with watching(browser, service.url, permissions=["clipboard-read", "clipboard-write"]) as seen:
        seen.open("problems")
        seen.page.click(".problems button")
        seen.until("document.querySelector('.problems button').innerText === 'copied'")
        text = seen.page.evaluate("navigator.clipboard.readText()")
        assert re.search(r"^(critical|warning): ", text)
        assert "cluster: simulated" in text
        assert re.search(r"link: http://127\.0\.0\.1.*at=20", text)


def test_a_moment_in_the_past(browser: Any, service: serviceprocess.ServiceProcess) -> None:
    """A moment moves all panes and is said; Live goes back."""
    with watching(browser, service.url) as seen:
        seen.open("")
        seen.page.goto(f"{service.url}/#/?at={an_hour_ago(seen)}")
        seen.page.wait_for_selector(".live.past")
        assert "PAST" in seen.page.inner_text(".live")
        seen.page.wait_for_selector(".verdict")
        seen.page.click(".live button")
        seen.until("!document.querySelector('.live.past')")


def an_hour_ago(seen: Watched) -> str:
    return str(seen.page.evaluate("new Date(Date.now() - 3600000).toISOString().slice(0, 19) + 'Z'"))


def test_the_service_goes_away_and_comes_back(browser: Any) -> None:
    """A banner says that nothing new comes, and what is shown stays; it goes by itself when there is news."""
    port = ports.free()
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(contextlib.ExitStack())
        made = first.enter_context(serviceprocess.running("serve", *WORLD, port=port))
        seen = stack.enter_context(watching(browser, made.url))
        seen.open("nodes")
        rows = number_of_rows(seen)
        first.close()
        seen.page.wait_for_selector(".banner", timeout=30_000)
        assert number_of_rows(seen) == rows
        with serviceprocess.running("serve", *WORLD, port=port):
            seen.page.wait_for_selector(".banner", state="detached", timeout=40_000)
            assert "LIVE" in seen.page.inner_text(".live")


@pytest.mark.parametrize(
    "fault", ["metrics-absent", "metrics-unavailable", "forbidden", "metrics-empty", "nodes-not-ready"]
)
def test_troubles_are_said(browser: Any, fault: str) -> None:
    """With a fault the first page says what is silent, no unknown number is 0, and nothing breaks."""
    world = f"nodes=3,pods=12,calm=true,fault={fault}"
    with (
        serviceprocess.running("serve", "--simulation", world, health="/livez") as made,
        watching(browser, made.url) as seen,
    ):
        seen.open("")
        seen.page.wait_for_selector(".verdict, .notice")
        assert "Nothing is wrong" not in seen.page.inner_text("main")
        seen.open("pods")
        assert not [each for each in seen.said if not each.startswith("error: Failed to load")], seen.said
