"""Tests of fetching the next page while the last is decoded."""

from __future__ import annotations

import threading

import pytest

from kubevitals.kube import prefetch


@pytest.mark.parametrize(
    ("body", "token"),
    [
        (b'{"kind":"PodList","metadata":{"resourceVersion":"7","continue":"abc="},"items":[]}', "abc="),
        (b'{"kind":"PodList","metadata":{"resourceVersion":"7"},"items":[{"continue":"no"}]}', ""),
        (b'{"items":[],"metadata":{"continue":"late"}}', ""),
        (b'{"metadata":{"continue":"a\\"b"},"items":[]}', ""),
        (b'{"metadata":{"continue":"cut', ""),
        (b"", ""),
    ],
)
def test_the_token_is_read_only_where_it_is_plain(body: bytes, token: str) -> None:
    """A token before the items is seen; anything else is left to the decoder."""
    assert prefetch.peek_token(body) == token


def test_a_fetch_runs_while_others_work_and_gives_its_body() -> None:
    """The fetch has begun before its result is asked for."""
    begun = threading.Event()

    def fetch(token: str) -> bytes:
        begun.set()
        return token.encode()

    page = prefetch.Prefetch(fetch, "next")
    assert begun.wait(5)
    assert page.result() == b"next"


def test_a_failure_is_raised_where_the_result_is_asked_for() -> None:
    """What goes wrong in the thread is not lost."""

    def fetch(token: str) -> bytes:
        raise KeyError(token)

    with pytest.raises(KeyError):
        prefetch.Prefetch(fetch, "next").result()
