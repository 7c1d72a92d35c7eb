"""What a command waits for is said on a terminal, after a while, and nowhere else."""

from __future__ import annotations

import io
import time

import pytest
from tests import servers, waiting

from kubevitals.cli import progress
from kubevitals.kube import client, clientconfig, codec
from kubevitals.kube.http import authentication


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_it_is_said_and_wiped_away() -> None:
    """The line changes while the wait lasts, and nothing of it stays."""
    stream, words = Terminal(), iter(["reading pods ...", "reading pods: 5 ...", *[""] * 10_000])
    with progress.Progress(lambda: next(words), stream=stream, after=0.0):
        waiting.until(lambda: "5 ..." in stream.getvalue())
    assert stream.getvalue() == ("\rreading pods ...\x1b[K\rreading pods: 5 ...\x1b[K\r\x1b[K")


def test_what_is_quick_is_not_mentioned() -> None:
    """Within the first second nothing is written."""
    stream = Terminal()
    with progress.Progress(lambda: "reading", stream=stream):
        pass
    assert stream.getvalue() == ""


@pytest.mark.parametrize("dumb", [True, False])
def test_elsewhere_nothing_is_said(monkeypatch: pytest.MonkeyPatch, dumb: bool) -> None:
    """A pipe, or a terminal that cannot go back in its line, gets no byte."""
    stream = Terminal() if dumb else io.StringIO()
    monkeypatch.setenv("TERM", "dumb" if dumb else "xterm")
    with progress.Progress(lambda: "reading", stream=stream, after=0.0):
        time.sleep(0.01)
    assert stream.getvalue() == ""


def test_an_error_ends_the_line() -> None:
    """The line is gone before an error is printed."""
    stream = Terminal()
    with pytest.raises(ValueError, match="x"), progress.Progress(lambda: "a", stream=stream, after=0.0):
        waiting.until(lambda: "a" in stream.getvalue())
        raise ValueError("x")
    assert stream.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize(
    ("awaited", "words"),
    [
        ({}, ""),
        ({"/api/v1/pods": (0, None)}, "reading pods ..."),
        ({"/api/v1/namespaces/shop/pods": (3000, None)}, "reading pods: 3,000 ..."),
        ({"/api/v1/pods": (3000, 12_000)}, "reading pods: 3,000 of 12,000 [#####...............]"),
        (
            {"/api/v1/nodes": (0, None), "/apis/metrics.k8s.io/v1beta1/pods": (0, None)},
            "reading nodes ...; usage of pods ...",
        ),
    ],
)
def test_words(awaited: dict[str, tuple[int, int | None]], words: str) -> None:
    """Each list is named, with how many objects have come, and a bar where their number is known."""
    assert progress.describe_lists(awaited) == words


def test_the_client_tells_what_it_awaits() -> None:
    """While a list is read its pages are counted, with what the server says is left, and no longer."""
    seen: list[dict[str, tuple[int, int | None]]] = []

    def page(token: str, left: int | None) -> bytes:
        metadata = {"resourceVersion": "1", "continue": token, "remainingItemCount": left}
        items = [{"metadata": {"name": f"{token}{number}", "namespace": "a"}} for number in range(3)]
        return servers.answer(200, {"kind": "PodList", "metadata": metadata, "items": items})

    with servers.Server(page("x", 3), page("", None)) as server:
        config = clientconfig.ClientConfig(server.url, authentication.Credentials())
        with client.Client(config, environ={}) as made:

            def decode(body: bytes) -> object:
                seen.append(dict(made.awaited))
                return codec.PODS.decode_list(body)

            made.fetch_list("/api/v1/pods", decode)
            assert made.awaited == {}
    assert seen == [{"/api/v1/pods": (0, None)}, {"/api/v1/pods": (3, 6)}]
