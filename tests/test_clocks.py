"""Clocks that disagree are told by node, once, with how far they are off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from kubevitals import clocks, model, snapshot

if TYPE_CHECKING:
    from kubevitals import sources

NOW = datetime(2026, 7, 30, 10, 0, 0, tzinfo=UTC)


def find(**seconds: float) -> list[model.Problem]:
    """Return the problems of nodes whose samples lie so many seconds before (or, below 0, after) now."""
    samples = {
        name: ((NOW - timedelta(seconds=each)).isoformat(), "15s", 0.5, 1) for name, each in seconds.items()
    }
    nodes = snapshot.join_nodes([model.Node(name, ready=True) for name in seconds], samples, now=NOW)
    return clocks.find_problems(nodes, [], node_samples=samples, pod_samples={}, now=NOW)


def test_one_node_is_ahead() -> None:
    """A node whose clock is three hours ahead is named, with the three hours."""
    (problem,) = find(a=5, b=-10_800, c=20)
    assert (problem.code, problem.object) == ("clock_ahead", "b")
    assert problem.message == "the clock of node b is ahead by 3 h"


def test_small_differences_are_normal() -> None:
    """Clocks that differ by half a minute are no problem, nor are old samples."""
    assert find(a=-29, b=-30, c=4000) == []


def test_the_clock_of_this_machine() -> None:
    """Where the samples of all nodes lie in the future, it is this machine's clock that is slow."""
    (problem,) = find(a=-3600, b=-3615, c=-3610)
    assert problem.message == "the clock of this machine is 1 h behind those of all 3 nodes"
    assert problem.object is None


def test_pods_alone_tell_of_their_node() -> None:
    """Where nodes were not read, the samples of pods tell which node's clock is ahead: once a node."""
    stamp = (NOW + timedelta(minutes=20)).isoformat()
    fine = NOW.isoformat()
    samples: dict[tuple[str, str], sources.PodSample] = {
        ("shop", name): (at, "15s", [("app", 0.5, 1)])
        for name, at in (("a", stamp), ("b", stamp), ("c", fine))
    }
    pods = snapshot.join_pods(
        [
            model.Pod("shop", name, node=node, containers=(model.Container("shop", name, "app"),))
            for name, node in (("a", "one"), ("b", "one"), ("c", "two"))
        ],
        samples,
        now=NOW,
    )
    (problem,) = clocks.find_problems([], pods, node_samples={}, pod_samples=samples, now=NOW)
    assert problem.message == "the clock of node one is ahead by 20 min"


@pytest.mark.parametrize(
    ("seconds", "words"), [(31, "31 s"), (90, "2 min"), (3600, "1 h"), (5400, "2 h"), (200_000, "2 d")]
)
def test_lengths(seconds: float, words: str) -> None:
    """How far a clock is off is told in one unit."""
    assert clocks.format_lead(seconds) == words
