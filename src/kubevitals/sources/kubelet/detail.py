"""What a kubelet measures beside CPU and memory, as records: gauges as they are, counters as rates. Pure."""

from __future__ import annotations

from kubevitals import details

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from kubevitals.sources.kubelet import summary

    # By object and field: the count, when it was read, and the last rate with its window in seconds.
    Kept = dict[tuple[summary.Key, str], tuple[float, float, float | None, float | None]]

_THROTTLING = ("periods", "throttled")


class Details:
    """What is remembered of one node's counters of this kind."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: Kept = {}

    def update(
        self, gauges: Sequence[summary.Gauges], counters: Sequence[summary.Counters]
    ) -> dict[summary.Key, details.Detail]:
        """Return a record for each object of which something is known; what comes first counts more."""
        rows: dict[summary.Key, dict[str, Any]] = _merge(gauges)
        kept: Kept = {}
        for key, fields in _merge(counters).items():
            row = rows.setdefault(key, {})
            for field, (count, at) in fields.items():
                if field in _THROTTLING:
                    continue
                rate, window = self._advance(kept, (key, field), count, at)
                if rate is not None and window is not None:
                    row[field] = min(rate, 1.0) if field.endswith("_of_time") else rate
                    row["window_seconds"] = max(window, row.get("window_seconds", 0.0))
            self._throttle(kept, key, fields, row)
        self._kept = kept
        return {key: details.Detail(**row) for key, row in rows.items() if row}

    def _throttle(
        self, kept: Kept, key: summary.Key, fields: dict[str, tuple[float, float]], row: dict[str, Any]
    ) -> None:
        """Add which part of the periods in which the container ran it was throttled in."""
        if not fields.keys() >= set(_THROTTLING):
            return
        periods, window = self._advance(kept, (key, "periods"), *fields["periods"])
        throttled, _ = self._advance(kept, (key, "throttled"), *fields["throttled"])
        if periods and throttled is not None and window is not None:
            row["cpu_throttled_of_periods"] = min(throttled / periods, 1.0)
            row["window_seconds"] = max(window, row.get("window_seconds", 0.0))

    def _advance(
        self, kept: Kept, place: tuple[summary.Key, str], count: float, at: float
    ) -> tuple[float | None, float | None]:
        """Return rate and window since the last reading; None after a restart and at first."""
        before = self._kept.get(place)
        if before is not None and at == before[1]:
            kept[place] = before
            return before[2], before[3]
        rate = window = None
        if before is not None and at > before[1] and count >= before[0]:
            window = round(at - before[1], 3)
            rate = (count - before[0]) / (at - before[1])
        kept[place] = (count, at, rate, window)
        return rate, window


def _merge(measured: Sequence[Mapping[summary.Key, Mapping[str, Any]]]) -> dict[summary.Key, dict[str, Any]]:
    """Return all fields of all objects; of a field that comes twice, the first."""
    merged: dict[summary.Key, dict[str, Any]] = {}
    for each in reversed(measured):
        for key, fields in each.items():
            merged.setdefault(key, {}).update(fields)
    return merged
