"""Tests of pausing the garbage collector, and of the sweeper that replaces it in a service."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from kubevitals import garbage


def test_the_collector_is_off_inside_and_on_again_behind() -> None:
    """Inside, also of a nested pause, nothing is collected; behind it all is as before."""
    assert gc.isenabled()
    with garbage.paused:
        assert not gc.isenabled()
        with garbage.paused:
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_error_ends_the_pause() -> None:
    """An exception inside does not leave the collector off."""
    with pytest.raises(KeyError), garbage.paused:
        raise KeyError
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    """A program that runs without collection is left so."""
    gc.disable()
    try:
        with garbage.paused:
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


_SWEEPING = """
import gc, weakref
from kubevitals import garbage

class Cycle:
    def __init__(self):
        self.me = self

now = 0.0
costs = iter([1.0, 0.0, 0.0])

def clock():
    return now

def collect(*generation):
    global now
    if not generation:
        now += next(costs)
    return whole(*generation)

whole, gc.collect = gc.collect, collect
sweeper = garbage.Sweeper(share=0.1, clock=clock)
sweeper.start()
assert not gc.isenabled()
with sweeper:
    pass
assert now == 1.0, "the first looks at everything"
mark = weakref.ref(Cycle())
assert mark() is not None
with sweeper:
    assert mark() is None
    mark = weakref.ref(Cycle())
now = 10.9
with sweeper:
    assert mark() is not None, "looking at everything took a second, and may take a tenth of the time"
now = 11.1
with sweeper:
    assert mark() is None
"""


def test_sweeping_around_ticks() -> None:
    """Cycles made between ticks are freed at the next one, those of a tick when everything is swept."""
    subprocess.run([sys.executable, "-c", _SWEEPING], check=True)
