"""A whole cluster in a few numbers."""

from __future__ import annotations

import pytest

from kubevitals import model, vitals


def test_sums() -> None:
    """Shares are of the nodes whose two numbers are known: a silent one does not dilute them."""
    nodes = [
        model.Node("a", ready=True, cpu_allocatable_cores=4.0, cpu_usage_cores=1.0, cpu_request_cores=2.0),
        model.Node("b", ready=False, cpu_allocatable_cores=4.0, cpu_request_cores=0.0),
    ]
    sums = vitals.sum_up(nodes, [])
    assert (sums.nodes, sums.nodes_ready, sums.cpu_allocatable_cores) == (2, 1, 8.0)
    assert sums.cpu_of_allocatable == pytest.approx(0.25)
    assert sums.cpu_request_of_allocatable == pytest.approx(0.25)
    assert (sums.memory_allocatable_bytes, sums.memory_of_allocatable) == (None, None)


def test_phases() -> None:
    """Pods are counted by phase, the most frequent first; one that may not be read is Unknown."""
    pods = [
        model.Pod("n", str(index), phase=phase)
        for index, phase in enumerate(("Pending", "Running", "Running", None))
    ]
    assert list(vitals.sum_up([], pods).phases.items()) == [("Running", 2), ("Pending", 1), ("Unknown", 1)]


def test_nothing() -> None:
    """Of nothing, everything is unknown and nothing fails."""
    sums = vitals.sum_up([], [])
    assert (sums.nodes, sums.pods, sums.cpu_of_allocatable, dict(sums.phases)) == (0, 0, None, {})
