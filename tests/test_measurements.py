"""What samples say: times and their age, bounds of numbers, sums of containers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubevitals import measurements, model

if TYPE_CHECKING:
    from kubevitals import sources

NOW = datetime(2026, 7, 30, 10, 0, 0, tzinfo=UTC)
FIVE_SECONDS_AGO = NOW - timedelta(seconds=5)


@pytest.mark.parametrize(
    ("timestamp", "window", "moment"),
    [
        ("2026-07-30T09:59:55Z", "15s", (FIVE_SECONDS_AGO, 15.0, 5.0, False)),
        (FIVE_SECONDS_AGO.timestamp(), 15.0, (FIVE_SECONDS_AGO, 15.0, 5.0, False)),
        ("2026-07-30T09:59:55Z", "1s", (FIVE_SECONDS_AGO, 1.0, 5.0, True)),
        ("2026-07-30T09:59:55Z", "", (FIVE_SECONDS_AGO, None, 5.0, None)),
        ("2026-07-30T09:59:55Z", "48h", (FIVE_SECONDS_AGO, None, 5.0, None)),
        ("yesterday", "15s", measurements.NEVER),
    ],
)
def test_times(timestamp: sources.Time, window: sources.Time, moment: measurements.Moment) -> None:
    """Texts and seconds are read alike; what cannot be read, or no source averages over, is unknown."""
    moments = measurements.Moments(NOW)
    found, problem = moments.read(timestamp, window)
    assert (found, problem) == (moment, "stale" if moment[3] else None)
    assert moments.read(timestamp, window)[0] is found


@given(st.lists(st.tuples(st.just("c"), st.none() | st.floats(), st.none() | st.integers())))
def test_numbers_are_within_bounds_or_unknown(measured: list[sources.ContainerSample]) -> None:
    """A number that a machine may have stays as it is; any other is unknown, and nothing else changes."""
    checked = measurements.plausible(measured)
    assert [name for name, _, _ in checked] == [name for name, _, _ in measured]
    for (_, cpu, memory), (_, cores, size) in zip(measured, checked, strict=True):
        assert cores == (cpu if cpu is not None and 0 <= cpu <= model.MOST_CORES else None)
        assert size == (memory if memory is not None and 0 <= memory <= model.MOST_BYTES else None)


@pytest.mark.parametrize(
    ("measured", "total"),
    [
        ([], (None, None)),
        ([("a", 0.1, 1)], (0.1, 1)),
        ([("a", 0.1, 1), ("b", 0.2, 2)], (0.3, 3)),
        ([("a", None, 1), ("b", 0.2, None)], (None, None)),
        ([("a", 0.0, 0), ("b", 0.0, 0)], (0.0, 0)),
    ],
)
def test_sums(measured: list[sources.ContainerSample], total: tuple[float | None, int | None]) -> None:
    """A sum is exact to the nanocore, and unknown where a part of it is."""
    assert measurements.sum_containers(measured) == total
