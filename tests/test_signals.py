"""How long-running commands are ended by signals."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from kubevitals.cli import signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_stops_and_the_second_does_what_it_did(number: signal.Signals) -> None:
    """The first one calls `stop` once; the second one reaches who handled it before; the block restores."""
    before: list[int] = []
    usual = signal.signal(number, lambda *_: before.append(1))
    try:
        handler = signal.getsignal(number)
        stops: list[int] = []
        with signals.StopSignals(lambda: stops.append(1)):
            os.kill(os.getpid(), number)
            assert (stops, before) == ([1], [])
            os.kill(os.getpid(), number)
            assert (stops, before) == ([1], [1])
        assert signal.getsignal(number) is handler
        os.kill(os.getpid(), number)
        assert (stops, before) == ([1], [1, 1])
    finally:
        signal.signal(number, usual)


def test_a_block_without_a_signal_restores_both() -> None:
    """At its end both signals do what they did before, and `stop` was never called."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with signals.StopSignals(pytest.fail):
        assert signal.getsignal(signal.SIGTERM) is not before[1]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_other_threads_are_left_alone() -> None:
    """In another thread than the main one the block changes nothing, and fails for nobody."""
    seen: list[object] = []

    def run() -> None:
        with signals.StopSignals(pytest.fail):
            seen.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]
