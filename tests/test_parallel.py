"""Jobs at the same time."""

from __future__ import annotations

import threading
import time

import pytest

from kubevitals import parallel


def test_jobs_run_together() -> None:
    """Jobs meet each other while they run."""
    meeting = threading.Barrier(3, timeout=5.0)
    parallel.run([meeting.wait, meeting.wait, meeting.wait])  # type: ignore[list-item] # its number is of no use


def test_a_failing_job_is_heard() -> None:
    """An unexpected error of a job in another thread is raised here, after the others are done."""
    done: list[str] = []

    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        parallel.run([fail, lambda: done.append("second")])
    assert done == ["second"]


def test_an_interruption_does_not_wait() -> None:
    """Ctrl-C ends at once, whatever other threads wait for."""
    release = threading.Event()

    def linger() -> None:
        release.wait(10.0)

    def interrupt() -> None:
        raise KeyboardInterrupt

    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            parallel.run([linger, interrupt])
        assert time.monotonic() - started < 5.0
    finally:
        release.set()
