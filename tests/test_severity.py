"""How serious something is."""

from __future__ import annotations

import pytest

from kubevitals import severity


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (None, None),
        (0.0, "info"),
        (0.599, "info"),
        (0.6, "warning"),
        (0.85, "warning"),
        (0.851, "critical"),
        (2.0, "critical"),
    ],
)
def test_severity_of_a_ratio(ratio: float | None, expected: str | None) -> None:
    """There is one scale: info below 60 %, warning up to 85 %, critical above; none of the unknown."""
    assert severity.judge_ratio(ratio) == expected
