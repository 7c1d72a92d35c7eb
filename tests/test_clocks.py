"""Clocks that disagree are told by node, once, with how far they are off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

import kubevitals
from kubevitals import clocks, model, snapshot
from simcluster import simulation

if TYPE_CHECKING:
    import pathlib

    from kubevitals import sources

NOW = datetime(2026, 7, 30, 10, 0, 0, tzinfo=UTC)


def find(own: float | None = None, /, **seconds: float) -> list[model.Problem]:
    """Return the problems of nodes whose samples lie so many seconds before (or, below 0, after) now."""
    samples = {
        name: ((NOW - timedelta(seconds=each)).isoformat(), "15s", 0.5, 1) for name, each in seconds.items()
    }
    nodes = snapshot.join_nodes([model.Node(name, ready=True) for name in seconds], samples, now=NOW)
    return clocks.find_problems(nodes, [], node_samples=samples, pod_samples={}, now=NOW, own_lead=own)


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


@pytest.mark.parametrize(
    ("own", "samples", "words"),
    [
        (
            10_800.0,
            {"a": 10_805.0, "b": 10_815.0},
            ["the clock of this machine is 3 h ahead of that of the API server"],
        ),
        (
            -3600.0,
            {"a": -3595.0, "b": -3590.0},
            ["the clock of this machine is 1 h behind that of the API server"],
        ),
        (31.0, {"a": 40.0}, ["the clock of this machine is 31 s ahead of that of the API server"]),
        (30.0, {"a": 40.0}, []),
        (None, {"a": 40.0}, []),
        (
            0.0,
            {"a": -7200.0, "b": -7210.0},
            ["the clock of node a is ahead by 2 h", "the clock of node b is ahead by 2 h"],
        ),
        (
            -3600.0,
            {"a": -3590.0, "b": -10_800.0},
            [
                "the clock of this machine is 1 h behind that of the API server",
                "the clock of node b is ahead by 2 h",
            ],
        ),
    ],
    ids=["ahead", "behind", "beyond", "within", "unknown", "nodes", "both"],
)
def test_the_api_servers_clock_decides(
    own: float | None, samples: dict[str, float], words: list[str]
) -> None:
    """This machine's clock is compared with the API server's; nodes are judged by the latter."""
    assert [problem.message for problem in find(own, **samples)] == words


@pytest.mark.parametrize(("lead", "where"), [("3h", "3 h behind"), ("-20m", "20 min ahead of")])
def test_a_cluster_with_another_time(tmp_path: pathlib.Path, lead: str, where: str) -> None:
    """Where the whole cluster has another time, one problem says so, and no node is accused."""
    with simulation.SimulatedCluster(faults=[f"clock={lead}"]) as made:
        (tmp_path / "config").write_text(made.kubeconfig())
        with kubevitals.connect(kubeconfig=str(tmp_path / "config")) as cluster:
            problems = cluster.snapshot().problems
    words = f"the clock of this machine is {where} that of the API server"
    assert [problem.message for problem in problems if "clock" in problem.code] == [words]
