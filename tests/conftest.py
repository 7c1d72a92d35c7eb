"""What every test shares."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import hypothesis
import pytest

from kubevitals import cpython

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

# Machines are shared: how long an example takes says nothing about the code.
hypothesis.settings.register_profile("kubevitals", deadline=None)
hypothesis.settings.load_profile("kubevitals")


def _ignore(number: int, frame: FrameType | None) -> None:
    """Do nothing: unlike SIG_IGN, a handler is not inherited by the programs that tests start."""


# What a shell starts in the background has SIGINT ignored, and so has all that this starts. That is
# kept for the tests themselves, but the programs that they start and interrupt have to end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, _ignore)


@pytest.fixture(scope="module", params=["private", "public"])
def cpython_modules(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run the tests of a module once with CPython's private modules and once with their public twins."""
    cpython.use(private=request.param == "private")
    yield
    cpython.use(private=True)
