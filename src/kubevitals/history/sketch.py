"""Counts of values by their size: small, mergeable, and good for percentiles within 1 %. Pure.

Bucket i > 0 holds the values v with g^(i-2) < v <= g^(i-1), g = 1.01 / 0.99, so that the middle of a bucket
is within 1 % of each of them; bucket 0 holds 0. Merging adds counts and loses nothing: a day's percentile
is that of its samples, never made from percentiles of its hours.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ERROR = 0.01
_GROWTH = (1 + ERROR) / (1 - ERROR)
_PER_LOG = 1 / math.log(_GROWTH)
_MIDDLE = 2 / (1 + _GROWTH)


def bucket_of(value: int) -> int:
    """Return the bucket of a value of at least 0."""
    return 1 + math.ceil(math.log(value) * _PER_LOG) if value else 0


def value_of(bucket: int) -> float:
    """Return what stands for all values in the bucket."""
    return _MIDDLE * _GROWTH ** (bucket - 1) if bucket else 0.0


def count(values: Iterable[int]) -> dict[int, int]:
    """Return how many values each bucket holds."""
    counts: dict[int, int] = {}
    for value in values:
        bucket = 1 + math.ceil(math.log(value) * _PER_LOG) if value else 0
        counts[bucket] = counts.get(bucket, 0) + 1
    return counts


def merge(into: dict[int, int], other: Mapping[int, int]) -> None:
    """Add the counts of another sketch."""
    for bucket, number in other.items():
        into[bucket] = into.get(bucket, 0) + number


def values_at(counts: Mapping[int, int], ranks: Iterable[int]) -> list[float]:
    """Return what stands for the values of those ranks, from 1, in ascending order."""
    found = []
    buckets = sorted(counts)
    for rank in ranks:
        seen, value = 0, 0.0
        for bucket in buckets:
            seen += counts[bucket]
            value = value_of(bucket)
            if seen >= rank:
                break
        found.append(value)
    return found
