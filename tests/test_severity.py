"""How serious something is."""

from __future__ import annotations

import pytest

from kubevitals import severity


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (None, None),
        (0.0, "info"),
        (0.85, "info"),
        (0.851, "warning"),
        (0.95, "warning"),
        (0.951, "critical"),
        (2.0, "critical"),
    ],
)
def test_severity_of_a_ratio(ratio: float | None, expected: str | None) -> None:
    """There is one scale: info to 85 %, warning to 95 %, critical above; none of the unknown."""
    assert severity.judge_ratio(ratio) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("Running", None), ("Completed", None), ("ContainerCreating", None), ("Terminating", None),
        ("Ready", None), ("Ready,SchedulingDisabled", None), (None, None), ("Init:0/2", None),
        ("Odd", None), ("Pending", None), ("CrashLoopBackOff", "critical"), ("OOMKilled", "critical"),
        ("Init:CrashLoopBackOff", "critical"), ("ImagePullBackOff", "critical"),
        ("CreateContainerConfigError", "critical"), ("NotReady", "critical"),
        ("NotReady,SchedulingDisabled", "critical"), ("Error", "warning"), ("Init:Error", "warning"),
        ("Evicted", "warning"), ("ExitCode:3", "warning"), ("Signal:9", "warning"),
    ],
)  # fmt: skip
def test_severity_of_a_status(status: str | None, expected: str | None) -> None:
    """A status that is bad has a severity; one that is normal, or unheard of, has none."""
    assert severity.judge_status(status) == expected
