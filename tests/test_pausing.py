"""Tests of pausing the garbage collector."""

from __future__ import annotations

import gc

import pytest

from kubevitals import garbage


def test_the_collector_is_off_inside_and_on_again_behind() -> None:
    """Inside, also of a nested pause, nothing is collected; behind it all is as before."""
    assert gc.isenabled()
    with garbage.garbage_collection:
        assert not gc.isenabled()
        with garbage.garbage_collection:
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_error_ends_the_pause() -> None:
    """An exception inside does not leave the collector off."""
    with pytest.raises(KeyError), garbage.garbage_collection:
        raise KeyError
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    """A program that runs without collection is left so."""
    gc.disable()
    try:
        with garbage.garbage_collection:
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()
